"""vlsweep-trainer generate, logits, tokenize and chat against transformers and peft, live.

Usage: commands_test.py TRAINER VLSWEEP, where VLSWEEP passes the same verbs on. Exit status 77 (skipped for ctest) where transformers or peft are
not installed.
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
    from transformers import (AutoTokenizer, CLIPImageProcessor, LlamaConfig, LlamaForCausalLM,
                              LlavaForConditionalGeneration)
except ImportError as error:
    print(f"skipped: {error} (set -DVLSWEEP_PYTHON to an interpreter with transformers and peft)")
    sys.exit(77)

GOLDEN = Path(__file__).resolve().parent / "golden"
LLAVA = GOLDEN / "llava"
IMAGE = GOLDEN / "images" / "rgb.jpg"
NEW_TOKENS = 24
PROMPTS = ["hello", "a", "The quick brown fox", "  two spaces", "one\ntwo\nthree", "é ünï 漢字 🙂",
           "x" * 40, "USER: what is this? ASSISTANT:", "1 2 3 4 5 6 7 8 9 10", "end."]


def run(*words, status=0, stdin=None):
    done = subprocess.run([sys.argv[1], *map(str, words)], capture_output=True, text=True,
                          input=stdin, timeout=120)
    assert done.returncode == status, (words, done.returncode, done.stderr)
    return done.stderr if status else done.stdout


def lines(*words):
    return [json.loads(line) for line in run(*words, "--threads", 1, "--json").splitlines()]


def prompt_file(folder, prompts):
    path = Path(folder) / "prompts.jsonl"
    path.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    return path


@torch.no_grad()
def continued(model, ids, **inputs):
    """The new tokens, the end token included, as transformers gives them for one prompt alone."""
    ids = torch.tensor([ids])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                         max_new_tokens=NEW_TOKENS, pad_token_id=0, **inputs)
    return out[0, ids.shape[1]:].tolist()


def make_llama(folder, **changes):
    """A random LLaMA with SmolLM2's tokenizer, grouped queries and tied embeddings."""
    tokens = GOLDEN / "tokenizers" / "smollm2"
    tokenizer = AutoTokenizer.from_pretrained(tokens)
    torch.manual_seed(5)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=48, intermediate_size=80,
                         num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
                         max_position_embeddings=256, tie_word_embeddings=True,
                         initializer_range=0.2, bos_token_id=1, eos_token_id=2, **changes)
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def check_llama(folder):
    model, tokenizer = make_llama(folder)
    prompts = [{"prompt": text, "id": i} for i, text in enumerate(PROMPTS * 3)]
    found = lines("generate", "--model", folder, "--raw", "--prompt-file",
                  prompt_file(folder, prompts), "--max-new-tokens", NEW_TOKENS)
    assert [each["id"] for each in found] == list(range(len(prompts)))
    for prompt, each in zip(prompts, found):
        assert each["prompt_ids"] == tokenizer(prompt["prompt"]).input_ids, prompt
        wanted = continued(model, each["prompt_ids"])
        assert each["output_ids"] == wanted, (prompt, each["output_ids"], wanted)
        assert each["text"] == tokenizer.decode(wanted, skip_special_tokens=True), prompt
    print(f"text: {len(found)} greedy answers equal")
    check_logits(folder, model, found[2])
    check_end_tokens(folder, model)
    check_sampling(folder)
    check_half(folder, found)


@torch.no_grad()
def check_logits(folder, model, answer):
    for dtype, tolerance in (("float32", 1e-4), ("bfloat16", 0.25)):
        [found] = lines("logits", "--model", folder, "--raw", "--prompt", PROMPTS[2],
                        "--dtype", dtype)
        assert found["prompt_ids"] == answer["prompt_ids"]
        wanted = model(torch.tensor([found["prompt_ids"]])).logits[0, -1]
        gap = float((torch.tensor(found["logits"]) - wanted).abs().max())
        print(f"logits in {dtype}: largest difference {gap:.2e}")
        assert gap < tolerance


def check_end_tokens(folder, model):
    """Several end tokens, from generation_config.json."""
    [plain] = lines("generate", "--model", folder, "--raw", "--prompt", "a", "--max-new-tokens", 8)
    path = Path(folder) / "generation_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"eos_token_id": [2, plain["output_ids"][3]]}))
    [ended] = lines("generate", "--model", folder, "--raw", "--prompt", "a", "--max-new-tokens", 8)
    model.generation_config.eos_token_id = [2, plain["output_ids"][3]]
    assert ended["output_ids"] == continued(model, ended["prompt_ids"])[:8]
    assert len(ended["output_ids"]) <= 4
    path.write_text(json.dumps(settings))
    model.generation_config.eos_token_id = 2


def check_sampling(folder):
    sampled = ["generate", "--model", folder, "--raw", "--temperature", 1, "--top-p", 0.9,
               "--max-new-tokens", 12]
    many = prompt_file(folder, [{"prompt": text} for text in PROMPTS])
    first = lines(*sampled, "--seed", 7, "--prompt-file", many)
    assert first == lines(*sampled, "--seed", 7, "--prompt-file", many)
    assert first[:1] == lines(*sampled, "--seed", 7, "--prompt", PROMPTS[0])
    assert first != lines(*sampled, "--seed", 8, "--prompt-file", many)
    greedy = ["generate", "--model", folder, "--raw", "--prompt", PROMPTS[1], "--max-new-tokens", 12]
    [plain] = lines(*greedy)
    stop = plain["text"][3:6]
    [stopped] = lines(*greedy, f"--stop={stop}")
    assert stopped["text"] == plain["text"][:plain["text"].index(stop)]
    assert len(stopped["output_ids"]) < len(plain["output_ids"])


def check_half(folder, wanted):
    for dtype in ("bfloat16", "float16"):
        prompts = prompt_file(folder, [{"prompt": text} for text in PROMPTS])
        found = lines("generate", "--model", folder, "--raw", "--prompt-file", prompts,
                      "--dtype", dtype, "--max-new-tokens", 4)
        same = sum(a["output_ids"][0] == b["output_ids"][0] for a, b in zip(found, wanted))
        print(f"{dtype}: {same} of {len(found)} first tokens as in float32")
        assert same >= len(found) * 0.6


def check_llava():
    model = LlavaForConditionalGeneration.from_pretrained(LLAVA, dtype=torch.float32).eval()
    size = model.config.vision_config.image_size
    processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size=size)
    pixels = processor(Image.open(IMAGE).convert("RGB"), return_tensors="pt").pixel_values
    token = model.config.image_token_id
    words = ["--raw", "--image", IMAGE, "--image-mode", "crop", "--max-new-tokens", NEW_TOKENS]
    prompt = "USER: <image>\nwhat is this? ASSISTANT:"
    [found] = lines("generate", "--model", LLAVA, "--prompt", prompt, *words)
    assert found["prompt_ids"].count(token) == (size // 8) ** 2
    assert found["output_ids"] == continued(model, found["prompt_ids"], pixel_values=pixels)
    [text_only] = lines("generate", "--model", LLAVA, "--prompt", "what?", "--raw",
                        "--max-new-tokens", NEW_TOKENS)
    assert text_only["output_ids"] == continued(model, text_only["prompt_ids"])
    [logits] = lines("logits", "--model", LLAVA, "--prompt", prompt, *words[:-2])
    with torch.no_grad():
        wanted = model(input_ids=torch.tensor([found["prompt_ids"]]), pixel_values=pixels).logits
    assert float((torch.tensor(logits["logits"]) - wanted[0, -1]).abs().max()) < 1e-4
    peft = PeftModel.from_pretrained(model, LLAVA / "adapter").eval()
    wanted = continued(peft, found["prompt_ids"], pixel_values=pixels)
    assert wanted != found["output_ids"], "the adapter changes nothing: the test shows nothing"
    for way in (["--model", LLAVA, "--adapter", LLAVA / "adapter"], ["--model", LLAVA / "adapter"]):
        [adapted] = lines("generate", *way, "--prompt", prompt, *words)
        assert adapted["output_ids"] == wanted, way
    print("llava: image, text, logits and adapter equal")


def check_tokenize(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in PROMPTS:
        [found] = lines_of_tokenize(folder, text)
        assert found["ids"] == tokenizer(text).input_ids, text
        assert found["tokens"] == tokenizer.convert_ids_to_tokens(found["ids"]), text
    for entry in json.loads((GOLDEN / "texts.json").read_text())["texts"]:
        if "\0" in entry.get("text", "\0"):  # cannot be an argument
            continue
        [found] = lines_of_tokenize(LLAVA, entry["text"])
        assert found["ids"] == [1, *entry["legacy"]], entry["text"]
    print("tokenize: ids and tokens equal")


def lines_of_tokenize(folder, text):
    out = run("tokenize", "--model", folder, f"--text={text}", "--json")
    return [json.loads(line) for line in out.splitlines()]


def check_chat():
    words = ["chat", "--model", LLAVA, "--max-new-tokens", 8, "--threads", 1, "--image-mode",
             "crop"]
    twice = run(*words, stdin="hello\n/new\nhello\n")
    half = len(twice) // 2
    assert twice[:half] == twice[half:] and half > 1, twice
    with_image = run(*words, "--image", IMAGE, stdin="hello\n")
    assert with_image and run(*words, stdin=f"/image {IMAGE}\nhello\n") == with_image
    assert run(*words, stdin="") == ""
    print("chat: turns, images and the end of input")


def check_complaints(folder):
    asked = ["generate", "--model", folder, "--prompt", "a"]
    for status, words, said in [
            (0, ["generate", "--help"], ""), (0, ["chat", "--help"], ""),
            (2, ["generate"], "--model"), (2, ["generate", "--model", folder], "--prompt"),
            (2, [*asked, "--colour", "red"], "--colour"),
            (2, [*asked, "--max-new-tokens", "many"], "--max-new-tokens"),
            (2, [*asked, "--max-new-tokens", "100000"], "positions"),
            (2, [*asked, "--image", IMAGE, "--raw"], "no images"),
            (2, ["generate", "--model", LLAVA, "--raw", "--prompt", "a", "--image", IMAGE], "<image>"),
            (2, ["generate", "--model", LLAVA, "--raw", "--prompt", "<image>"], "image"),
            (2, ["tokenize", "--model", folder], "--text"),
            (4, [*asked[:3], "--prompt-file", "nowhere.jsonl"], "nowhere.jsonl"),
            (4, ["generate", "--model", "nowhere", "--prompt", "a"], "nowhere")]:
        answer = run(*words, status=status)
        assert said in answer, (words, answer)
    bad = Path(folder) / "bad.jsonl"
    bad.write_text('{"prompt": "a"}\n\n{"prompt": 3}\n')
    assert "bad.jsonl:3" in run(*asked[:3], "--prompt-file", bad, status=2)
    print("complaints: statuses and places")


def check_pass_through():
    words = ["tokenize", "--model", LLAVA, "--text", "hello", "--json"]
    for asked in (words, ["generate", "--help"], [*words, "--colour"]):
        both = [subprocess.run([program, *map(str, asked)], capture_output=True, text=True)
                for program in sys.argv[1:3]]
        assert both[0].stdout == both[1].stdout and both[0].returncode == both[1].returncode, asked
    print("vlsweep passes the verbs on")


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        check_llama(folder)
        check_tokenize(folder)
        check_complaints(folder)
    check_llava()
    check_chat()
    check_pass_through()


main()
