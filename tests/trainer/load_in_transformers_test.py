"""What vlsweep saves, transformers and peft load, with the same logits.

Usage: load_in_transformers_test.py EXPORTER (the program built from export_for_transformers.cpp).
Exit status 77 (skipped for ctest) where transformers or peft are not installed.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import torch
    from peft import PeftModel
    from PIL import Image
    from safetensors.torch import load_file
    from transformers import AutoProcessor, AutoTokenizer, LlamaForCausalLM, LlavaForConditionalGeneration
except ImportError as error:
    print(f"skipped: {error} (set -DVLSWEEP_PYTHON to an interpreter with transformers and peft)")
    sys.exit(77)

GOLDEN = Path(__file__).resolve().parent / "golden"


def load(kind, folder):
    model, info = kind.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[what], (what, info[what])
    return model.eval()


def compare(name, found, wanted, lengths):
    gap = max(float((found[b, :n] - wanted[b, :n]).abs().max()) for b, n in enumerate(lengths))
    print(f"{name}: largest difference of logits {gap:.2e}")
    assert gap < 1e-4, name


@torch.no_grad()
def main():
    golden = json.loads((GOLDEN / "llava/golden.json").read_text())
    ids, lengths = torch.tensor(golden["input_ids"]), golden["lengths"]
    mask = torch.tensor([[1] * n + [0] * (ids.shape[1] - n) for n in lengths])
    with tempfile.TemporaryDirectory() as out:
        out = Path(out)
        subprocess.run([sys.argv[1], str(out)], check=True)
        values = load_file(out / "values.safetensors")
        model = load(LlavaForConditionalGeneration, out / "full")
        inputs = dict(input_ids=ids, attention_mask=mask, pixel_values=values["pixels"])
        compare("checkpoint", model(**inputs).logits, values["full"], lengths)
        peft = PeftModel.from_pretrained(model, out / "adapter").eval()
        compare("adapter", peft(**inputs).logits, values["adapter"], lengths)
        merged = peft.merge_and_unload()
        compare("merged adapter", merged(**inputs).logits, values["adapter"], lengths)
        text = load(LlamaForCausalLM, out / "text")
        compare("text", text(torch.arange(3, 19).view(2, 8)).logits, values["text"], [8, 8])
        check_partial_adapter(out, text, values["partial"])
        check_tokenizer(out / "full")
        check_processor(out / "full", load(LlavaForConditionalGeneration, out / "full"))


def check_partial_adapter(out, text, wanted):
    """rsLoRA on q, v and down alone: peft finds these linears and no others, and its scale."""
    words = torch.arange(3, 19).view(2, 8)
    merged = load(LlamaForCausalLM, out / "merged")
    compare("merged by vlsweep", merged(words).logits, wanted, [8, 8])
    peft = PeftModel.from_pretrained(text, out / "partial").eval()
    config = peft.peft_config["default"]
    assert (config.r, config.lora_alpha, config.use_rslora, config.lora_dropout) == (4, 6, True, 0.1), config
    found = {name.rsplit(".lora_A", 1)[0].rsplit(".", 1)[1] for name, _ in peft.named_parameters() if ".lora_A" in name}
    assert found == {"q_proj", "v_proj", "down_proj"}, found
    compare("rsLoRA on some linears", peft(words).logits, wanted, [8, 8])


def check_processor(folder, model):
    """A picture and a question through the saved folder's processor give a continuation."""
    processor = AutoProcessor.from_pretrained(folder)
    picture = Image.open(GOLDEN / "images/rgb.png").convert("RGB")
    inputs = processor(images=picture, text="USER: <image>\nWhat is this? ASSISTANT:", return_tensors="pt")
    positions = int((inputs["input_ids"] == model.config.image_token_id).sum())
    assert positions == 4, positions  # of a 16 x 16 image in patches of 8
    assert inputs["pixel_values"].shape == (1, 3, 16, 16), inputs["pixel_values"].shape
    out = model.generate(**inputs, do_sample=False, max_new_tokens=5)
    assert out.shape[1] > inputs["input_ids"].shape[1]
    print("processor: loads, and the model goes on from a picture")


def check_tokenizer(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for entry in json.loads((GOLDEN / "texts.json").read_text())["texts"]:
        if "text" not in entry:  # bytes that are no text
            continue
        text = entry["text"]
        found = tokenizer.encode(text, add_special_tokens=False)
        assert found == entry["legacy"], (text, found, entry["legacy"])
        assert tokenizer.decode(found, skip_special_tokens=True) == entry["decoded"], text
    assert tokenizer.encode("a")[0] == 1 and tokenizer.pad_token == "<pad>"
    print("tokenizer: ids equal")


main()
