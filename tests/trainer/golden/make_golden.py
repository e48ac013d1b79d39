"""Makes the golden files of tests/trainer with the ecosystem's own code; its outputs are committed.

Pinned: torch 2.13.0, transformers 5.23.0, peft 0.21.2.
Run: python make_golden.py (writes beside itself; takes a minute on a CPU).

  llava/          a random LLaVA with grouped queries, tokenizer and golden values, hub names (B)
  llava/adapter/  a peft LoRA adapter of it (with the projector), after a few steps
  scheme_a/, scheme_c/   smaller ones with liuhaotian's and transformers' in-memory names
  scheme_b5/      one as transformers 5 itself saves it (names, config, shards)
  text/           a LLaMA alone, tied embeddings, five shards
  text/adapter/   a peft adapter with rsLoRA, few targets, ranks and alphas of their own
  values.safetensors in each: logits and what else is compared; golden.json: ids, losses, norms
Run make_text_golden.py behind it, which puts the tokenizer into llava/ (images: make_image_golden.py).
"""
import copy
import json
import math
import shutil
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, LlamaConfig, LlamaForCausalLM, LlavaConfig, LlavaForConditionalGeneration

HERE = Path(__file__).resolve().parent
IMAGE, PIECES, ROWS = 300, 300, 304


def randomize(model, seed):
    """Weights large enough that logits differ clearly (no ties in greedy decoding)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            norm = "norm" in name and name.endswith("weight")
            p.copy_(1 + 0.1 * noise if norm else (0.1 if p.dim() == 1 else 0.25) * noise)


def pixels(n, size):
    """The same numbers as tests/trainer/golden.h makes."""
    i = np.arange(n * 3 * size * size, dtype=np.float64)
    return torch.from_numpy(np.sin(0.37 * i + 0.001 * i * i).astype(np.float32)).view(n, 3, size, size)


def llava(d, layers, heads, kv, vocab, image_token, seed):
    vision = CLIPVisionConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
                              image_size=16, patch_size=8, projection_dim=8)
    text = LlamaConfig(vocab_size=vocab, hidden_size=d, intermediate_size=48, num_hidden_layers=layers,
                       num_attention_heads=heads, num_key_value_heads=kv, max_position_embeddings=256,
                       rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 5000.0})
    model = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=image_token, image_seq_length=4)).eval()
    randomize(model, seed)
    return model


def hub_name(name):
    """In-memory name (C) -> llava-hf on the hub (B)."""
    for old, new in (("model.vision_tower.vision_model.", "vision_tower.vision_model."),
                     ("model.vision_tower.", "vision_tower.vision_model."),
                     ("model.language_model.", "language_model.model."),
                     ("model.multi_modal_projector.", "multi_modal_projector."),
                     ("lm_head.", "language_model.lm_head.")):
        if name.startswith(old):
            return new + name[len(old):]
    raise ValueError(name)


def liuhaotian_name(name):
    """In-memory name (C) -> haotian-liu/LLaVA (A)."""
    for old, new in (("model.vision_tower.vision_model.", "model.vision_tower.vision_tower.vision_model."),
                     ("model.vision_tower.", "model.vision_tower.vision_tower.vision_model."),
                     ("model.language_model.", "model."),
                     ("model.multi_modal_projector.linear_1", "model.mm_projector.0"),
                     ("model.multi_modal_projector.linear_2", "model.mm_projector.2"),
                     ("lm_head.", "lm_head.")):
        if name.startswith(old):
            return new + name[len(old):]
    raise ValueError(name)


def write_llava(folder, model, rename, extra=None):
    folder.mkdir(parents=True, exist_ok=True)
    model.config.architectures = ["LlavaForConditionalGeneration"]
    (folder / "config.json").write_text(json.dumps(model.config.to_dict(), indent=1, default=str))
    tensors = {rename(k): v.contiguous().clone() for k, v in model.state_dict().items()}
    save_file({**tensors, **(extra or {})}, folder / "model.safetensors", metadata={"format": "pt"})


def batch(vocab, image_token, seed):
    """Two rows, an image (4 positions) in each, the second padded on the right."""
    r = np.random.RandomState(seed)
    rows = [[1, 5] + [image_token] * 4 + r.randint(3, vocab, 9).tolist(),
            [1] + [image_token] * 4 + r.randint(3, vocab, 5).tolist()]
    length = max(map(len, rows))
    ids = torch.tensor([x + [0] * (length - len(x)) for x in rows])
    mask = torch.tensor([[1] * len(x) + [0] * (length - len(x)) for x in rows])
    labels = ids.masked_fill((mask == 0) | (ids == image_token), -100)
    labels[:, :7] = -100
    return dict(input_ids=ids, attention_mask=mask), labels, [len(x) for x in rows]


def greedy(model, inputs, lengths, count, images):
    """One row at a time, so that no padding is involved."""
    rows = []
    for b, length in enumerate(lengths):
        one = {"input_ids": inputs["input_ids"][b:b + 1, :length],
               "attention_mask": torch.ones(1, length, dtype=torch.long)}
        if images is not None:
            one["pixel_values"] = images[b:b + 1]
        out = model.generate(**one, max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0)
        rows.append(out[0, length:].tolist())
    return rows


def describe(folder, model, inputs, labels, lengths, images):
    more = {} if images is None else {"pixel_values": images}
    model.zero_grad()
    out = model(**inputs, **more, labels=labels)
    out.loss.backward()
    norms = {k: float(p.grad.norm()) for k, p in model.named_parameters() if p.grad is not None}
    tower_norms = {k: v for k, v in norms.items() if "vision_tower" in k}
    norms = {k: v for k, v in norms.items() if "vision_tower" not in k}
    with torch.no_grad():
        half = copy.deepcopy(model).to(torch.bfloat16)
        rounded = half(**inputs, **{k: v.to(torch.bfloat16) for k, v in more.items()}).logits
    save_file({"logits": out.logits.detach().contiguous(), "bfloat16_logits": rounded.contiguous()}, folder / "values.safetensors")
    golden = dict(tower_norms=tower_norms, input_ids=inputs["input_ids"].tolist(), labels=labels.tolist(), lengths=lengths,
                  loss=float(out.loss.detach()), norms=norms, greedy=greedy(model, inputs, lengths, 12, images))
    model.zero_grad()
    return golden


def steps(model, inputs, labels, images, count, lr):
    parameters = [p for n, p in model.named_parameters() if p.requires_grad and "vision_tower" not in n]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.01)
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = model(**inputs, pixel_values=images, labels=labels).loss
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def lora(folder, inputs, labels, images):
    """20 steps of LoRA and projector through peft; the start, the losses and the adapter."""
    model = llava(32, 2, 4, 2, ROWS, IMAGE, 1)
    torch.manual_seed(5)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM",
                        target_modules=r".*language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)",
                        modules_to_save=["multi_modal_projector"])
    model.name_or_path = ".."
    peft_model = get_peft_model(model, config)
    start = {k: v.clone() for k, v in get_peft_model_state_dict(peft_model).items() if "lora_A" in k}
    losses = steps(peft_model, inputs, labels, images, 20, 5e-3)
    peft_model.eval()
    with torch.no_grad():
        logits = peft_model(**inputs, pixel_values=images).logits
    out = folder / "adapter"
    shutil.rmtree(out, ignore_errors=True)
    peft_model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    settings = json.loads((out / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = ".."
    (out / "adapter_config.json").write_text(json.dumps(settings, indent=1))
    save_file(start, folder / "lora_start.safetensors")
    save_file({"logits": logits.contiguous()}, out / "values.safetensors")
    return losses


def make_models():
    model = llava(32, 2, 4, 2, ROWS, IMAGE, 1)
    inputs, labels, lengths = batch(PIECES, IMAGE, 3)
    images = pixels(2, 16)
    folder = HERE / "llava"
    write_llava(folder, model, hub_name, {"vision_tower.vision_model.embeddings.position_ids": torch.arange(5)[None]})
    golden = describe(folder, model, inputs, labels, lengths, images)
    golden["losses"] = steps(model, inputs, labels, images, 20, 1e-3)
    golden["lora_losses"] = lora(folder, inputs, labels, images)
    (folder / "golden.json").write_text(json.dumps(golden))

    for name, rename, seed in (("scheme_a", liuhaotian_name, 7), ("scheme_c", lambda n: n, 8)):
        model = llava(16, 1, 2, 2, 40, 38, seed)
        inputs, labels, lengths = batch(37, 38, seed)
        extra = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)} if name == "scheme_a" else None
        write_llava(HERE / name, model, rename, extra)
        golden = describe(HERE / name, model, inputs, labels, lengths, images)
        (HERE / name / "golden.json").write_text(json.dumps(golden))


def make_scheme_b5():
    """save_pretrained's own: B', whose tower has no "vision_model."; in several shards."""
    folder = HERE / "scheme_b5"
    shutil.rmtree(folder, ignore_errors=True)
    model = llava(16, 1, 2, 2, 40, 38, 9)
    model.save_pretrained(folder, max_shard_size="40KB")
    inputs, labels, lengths = batch(37, 38, 9)
    golden = describe(folder, model, inputs, labels, lengths, pixels(2, 16))
    (folder / "golden.json").write_text(json.dumps(golden))


def text_adapter(folder, model, inputs):
    """targets as a list of suffixes, as most adapters on the hub have them."""
    config = LoraConfig(r=4, lora_alpha=6, lora_dropout=0.0, use_rslora=True, task_type="CAUSAL_LM",
                        target_modules=["q_proj", "v_proj", "down_proj"], rank_pattern={"mlp.down_proj": 3}, alpha_pattern={"v_proj": 2})
    model.name_or_path = ".."
    peft_model = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(21)
    with torch.no_grad():
        for name, parameter in peft_model.named_parameters():
            if ".lora_" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        logits = peft_model.eval()(**inputs).logits
    out = folder / "adapter"
    peft_model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    settings = json.loads((out / "adapter_config.json").read_text())
    settings |= {"base_model_name_or_path": "..", "target_modules": sorted(settings["target_modules"])}
    (out / "adapter_config.json").write_text(json.dumps(settings, indent=1))
    save_file({"logits": logits.contiguous()}, out / "values.safetensors")


def make_text_model():
    config = LlamaConfig(vocab_size=60, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6,
                         num_key_value_heads=2, head_dim=8, max_position_embeddings=64, tie_word_embeddings=True)
    model = LlamaForCausalLM(config).eval()
    randomize(model, 11)
    folder = HERE / "text"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size="15KB")
    r = np.random.RandomState(2)
    ids = torch.tensor([r.randint(3, 60, 9).tolist(), r.randint(3, 60, 9).tolist()])
    labels = ids.clone()
    labels[:, :3] = -100
    inputs = dict(input_ids=ids, attention_mask=torch.ones_like(ids))
    golden = describe(folder, model, inputs, labels, [9, 9], None)
    (folder / "golden.json").write_text(json.dumps(golden))
    text_adapter(folder, model, inputs)


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_models()
    make_scheme_b5()
    make_text_model()
    assert math.isfinite(sum(json.loads((HERE / "llava/golden.json").read_text())["losses"]))
