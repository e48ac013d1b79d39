"""One task of the benchmark with transformers and peft, as a competent user writes it: a plain loop
(no Trainer), tokens and pixels prepared before the clock starts, SDPA attention, fused AdamW.

Usage: transformers_side.py CASE FOLDER TASK THREADS DTYPE. Prints one line of JSON.
"""
import json
import sys
import time
from pathlib import Path

import torch
from cases import CASES, LR, PROMPTS
from PIL import Image
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlavaForConditionalGeneration

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Side:
    def __init__(self, name, folder, dtype):
        self.case, self.folder = CASES[name], Path(folder)
        self.has_images = "tower" in self.case
        begin = time.perf_counter()
        kind = LlavaForConditionalGeneration if self.has_images else AutoModelForCausalLM
        path = self.folder / "model"
        self.model = kind.from_pretrained(path, dtype=getattr(torch, dtype))
        self.processor = AutoProcessor.from_pretrained(path) if self.has_images else None
        self.tokenizer = self.processor.tokenizer if self.has_images else AutoTokenizer.from_pretrained(path)
        self.load_seconds = time.perf_counter() - begin

    def full_text(self, question, answer):
        """And where the answer begins: what lies before is not learned."""
        prompt = PROMPTS[self.case["prompt"]].format(question)
        return (prompt + answer + "<|im_end|>\n" if self.case["prompt"] == "chat" else prompt + " " + answer + "</s>"), len(prompt)

    def ids(self, text):
        if not self.has_images:
            return self.tokenizer(text, add_special_tokens=False)["input_ids"]
        tower = self.case["tower"]
        ids = self.tokenizer(text.replace("<image>", "<image>" * (tower["size"] // tower["patch"]) ** 2))["input_ids"]
        if self.case["prompt"] == "micro":  # has no space between the image and what follows
            after = len(ids) - ids[::-1].index(self.tokenizer.convert_tokens_to_ids("<image>"))
            ids = ids[:after] + ids[after:][ids[after] == self.tokenizer.convert_tokens_to_ids("\u2581"):]
        return ids

    def pixels(self, path):
        return self.processor.image_processor(Image.open(path), return_tensors="pt")["pixel_values"][0]

    def training_items(self):
        items = []
        for entry in json.loads((self.folder / "train.json").read_text()):
            question, answer = (turn["value"] for turn in entry["conversations"])
            text, begin = self.full_text(question, answer)
            ids, prompt = self.ids(text), len(self.ids(text[:begin]))
            labels = [-100] * prompt + ids[prompt:]
            items.append((ids, labels, self.pixels(self.folder / "images" / entry["image"]) if self.has_images else None))
        return items

    def padded(self, items):
        length = max(len(ids) for ids, _, _ in items)
        fill = lambda rows, value: torch.tensor([row + [value] * (length - len(row)) for row in rows])
        batch = dict(input_ids=fill([i for i, _, _ in items], 0), labels=fill([l for _, l, _ in items], -100),
                     attention_mask=fill([[1] * len(i) for i, _, _ in items], 0))
        if self.has_images:
            batch["pixel_values"] = torch.stack([p for _, _, p in items])
        return batch

    def trainable(self, tuning):
        if self.has_images:
            for parameter in self.model.model.vision_tower.parameters():
                parameter.requires_grad_(False)
        if tuning == "full":
            return self.model
        from peft import LoraConfig, get_peft_model
        pattern = r".*layers\.\d+\.(self_attn|mlp)\.(" + "|".join(TARGETS) + ")"
        if self.has_images:
            pattern = r".*language_model\." + pattern[2:]
        rank = self.case["lora_rank"]
        return get_peft_model(self.model, LoraConfig(
            r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=pattern, task_type="CAUSAL_LM",
            modules_to_save=["multi_modal_projector"] if self.has_images else None))

    def train(self, tuning):
        items = self.training_items()
        model = self.trainable(tuning).train()
        micro = self.case["micro_batch"]
        batches = [self.padded(items[i:i + micro]) for i in range(0, len(items), micro)]
        supervised = sum(int((batch["labels"] != -100).sum()) for batch in batches)
        tokens = sum(len(ids) - 1 for ids, _, _ in items)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=LR, betas=(0.9, 0.999), weight_decay=0, fused=True)
        rates, losses = [], []
        for _ in range(self.case["steps"]):
            begin = time.perf_counter()
            total = 0.0
            for batch in batches:
                loss = model(**batch, num_items_in_batch=supervised, use_cache=False).loss
                loss.backward()
                total += loss.detach()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(float(total))
            rates.append(tokens / (time.perf_counter() - begin))
        return dict(rates=rates, losses=losses, tokens=tokens)

    @torch.no_grad()
    def generate(self):
        self.model.eval()
        self.tokenizer.padding_side = "left"
        self.model(**self.tokenizer(["a"], return_tensors="pt"))
        lines = [json.loads(line) for line in open(self.folder / "prompts.jsonl")]
        begin = time.perf_counter()
        texts = [line["prompt"] for line in lines]
        if self.has_images:
            images = [Image.open(line["image"]) for line in lines]
            inputs = self.processor(images=images, text=texts, return_tensors="pt", padding=True)
        else:
            inputs = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        out = self.model.generate(**inputs, do_sample=False, max_new_tokens=self.case["new_tokens"])
        seconds = time.perf_counter() - begin
        rows = [cut(row, self.model.generation_config.eos_token_id) for row in out[:, inputs["input_ids"].shape[1]:].tolist()]
        return dict(rate=sum(map(len, rows)) / seconds, rows=rows)

    @torch.no_grad()
    def load(self):
        """First logits too: a mapped file is read when it is used."""
        begin = time.perf_counter()
        self.model.eval()(**self.tokenizer(["hello"], return_tensors="pt"))
        return dict(seconds=self.load_seconds + time.perf_counter() - begin)


def cut(row, eos):
    return row[:row.index(eos) + 1] if eos in row else row


def main():
    name, folder, task, threads, dtype = sys.argv[1:]
    torch.set_num_threads(int(threads))
    side = Side(name, folder, dtype)
    result = side.train(task) if task in ("full", "lora") else getattr(side, task)()
    print(json.dumps(result))


main()
