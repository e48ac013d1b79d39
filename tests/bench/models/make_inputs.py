"""Makes a case's folder where it is not there: model/ (Hugging Face), train.json in LLaVA's form,
prompts.jsonl for `vlsweep generate --prompt-file`, images/. The same on every machine; takes seconds.

Usage: make_inputs.py NAME FOLDER. Exit status 77 where the case's model cannot be had.
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from cases import CASES, PROMPTS
from transformers import (CLIPVisionConfig, LlamaConfig, LlamaTokenizer, LlavaConfig,
                          LlavaForConditionalGeneration, LlavaProcessor)
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = TESTS / "trainer/golden/llava"
IMAGE, PAD = 300, 301  # in the tokenizer of the golden files
WORDS = ("hello this is a test of words the assistant gives helpful detailed and polite answers to a curious user "
         "what is in the image one two three four nothing more lines now").split()
TOKENIZER_FILES = ("tokenizer.model", "tokenizer_config.json")


def random_llava(case, seed=0):
    tower = case["tower"]
    vision = CLIPVisionConfig(hidden_size=tower["hidden"], intermediate_size=tower["mlp"], num_hidden_layers=tower["layers"],
                              num_attention_heads=tower["heads"], image_size=tower["size"], patch_size=tower["patch"])
    text = LlamaConfig(vocab_size=case["vocab"], hidden_size=case["hidden"], intermediate_size=case["mlp"], num_hidden_layers=case["layers"],
                       num_attention_heads=case["heads"], num_key_value_heads=case["kv_heads"], max_position_embeddings=2048,
                       rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=PAD)
    torch.manual_seed(seed)
    return LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, pad_token_id=PAD,
                                                     image_seq_length=(tower["size"] // tower["patch"]) ** 2))


def write_llava(folder, case):
    torch.set_default_dtype(getattr(torch, case.get("dtype", "float32")))
    random_llava(case).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(GOLDEN / name, folder / name)
    size = case["tower"]["size"]
    image_processor = LlavaImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size}, do_pad=True)
    tokenizer = LlamaTokenizer.from_pretrained(GOLDEN)
    LlavaProcessor(image_processor, tokenizer, patch_size=case["tower"]["patch"], vision_feature_select_strategy="default",
                   image_token="<image>", num_additional_image_tokens=1).save_pretrained(folder)
    shutil.copy(GOLDEN / "tokenizer_config.json", folder / "tokenizer_config.json")


def write_images(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(3)
    y, x = np.mgrid[0:180, 0:240]
    for i in range(count):
        waves = [127 + 120 * np.sin(random.rand() * 0.1 * x + random.rand() * 0.1 * y + c) for c in range(3)]
        Image.fromarray(np.stack(waves, -1).astype(np.uint8)).save(folder / f"{i}.png")


def prompt_text(case, question):
    return PROMPTS[case["prompt"]].format(question)


def write_data(folder, case, has_images):
    random = np.random.RandomState(4)
    few, many = case["words"]
    say = lambda: " ".join(random.choice(WORDS, random.randint(few, many + 1)))
    items = []
    for i in range(case["batch"]):
        item = {"id": str(i), "conversations": [{"from": "human", "value": ("<image>\n" if has_images else "") + say()},
                                                {"from": "gpt", "value": say()}]}
        if has_images:
            item["image"] = f"{i}.png"
        items.append(item)
    (folder / "train.json").write_text(json.dumps(items))
    with open(folder / "prompts.jsonl", "w") as file:  # whole prompts, to be taken raw
        for i in range(case["prompts"]):
            line = {"prompt": prompt_text(case, ("<image>\n" if has_images else "") + say())}
            if has_images:
                line["image"] = str(folder / "images" / f"{i}.png")
            file.write(json.dumps(line) + "\n")


def write_smollm2(folder):
    """True if it could be had."""
    done = subprocess.run([sys.executable, str(TESTS / "models/make_smollm2.py"), str(folder), "--dtype", "float32"],
                          stdout=subprocess.DEVNULL)
    return done.returncode == 0


def main():
    name, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    case = CASES[name]
    if (folder / "prompts.jsonl").is_file():
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    if "tower" in case:
        write_llava(folder / "model", case)
        write_images(folder / "images", max(case["batch"], case["prompts"]))
    elif not write_smollm2(folder / "model"):
        return 77
    write_data(folder, case, "tower" in case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
