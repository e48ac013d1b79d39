"""Makes the golden files of tests/trainer with the ecosystem's own code; its outputs are committed.

Pinned: torch 2.13.0, transformers 5.23.0, peft 0.21.2, sentencepiece 0.2.3, protobuf (any), pillow 13.0.0.
Run: python make_golden.py (writes beside itself; takes a minute on a CPU).

  llava/          a random LLaVA with grouped queries, tokenizer and golden values, hub names (B)
  llava/adapter/  a peft LoRA adapter of it (with the projector), after a few steps
  scheme_a/, scheme_c/   smaller ones with liuhaotian's and transformers' in-memory names
  scheme_b5/      one as transformers 5 itself saves it (names, config, shards)
  text/           a LLaMA alone, tied embeddings, five shards
  text/adapter/   a peft adapter with rsLoRA, few targets, ranks and alphas of their own
  values.safetensors in each: logits and what else is compared; golden.json: ids, losses, norms
  texts.json      token ids of hard texts, prompts and labels (images: make_image_golden.py)
"""
import copy
import json
import math
import shutil
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import (CLIPVisionConfig, LlamaConfig, LlamaForCausalLM, LlamaTokenizer, LlavaConfig,
                          LlavaForConditionalGeneration)

HERE = Path(__file__).resolve().parent
IMAGE, PAD, PIECES, ROWS = 300, 301, 300, 304


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


# ---------------------------------------------------------------- texts

class SlowLlama:
    """transformers 4.37's slow LlamaTokenizer, as LLaVA uses it (use_fast=False)."""

    def __init__(self, model, legacy):
        self.legacy = legacy
        self.sp = spm.SentencePieceProcessor(model_file=str(model))
        # ModelProto.normalizer_spec.add_dummy_prefix = False, merged in as serialized protobuf.
        self.bare = spm.SentencePieceProcessor(model_proto=Path(model).read_bytes() + b"\x1a\x02\x18\x00")
        self.special = {"<unk>": 0, "<s>": 1, "</s>": 2, "<image>": IMAGE, "<pad>": PAD}
        self.pad_token_id = PAD

    def encode(self, text):
        ids, first = [], True
        while text:
            at = min(((text.find(s), s) for s in self.special if s in text), default=(-1, None))
            chunk = text if at[1] is None else text[:at[0]]
            if chunk:
                ids += (self.sp if self.legacy or first else self.bare).encode(chunk)
            first = False
            if at[1] is None:
                break
            ids.append(self.special[at[1]])
            text = text[at[0] + len(at[1]):]
        return ids

    def __call__(self, text):
        return [1] + self.encode(text)


def tokenizer_image_token(prompt, tokenizer, image_token):
    """LLaVA mm_utils.tokenizer_image_token."""
    chunks = [tokenizer(chunk) for chunk in prompt.split("<image>")]
    ids = [chunks[0][0]]
    parts = [c[1:] for c in chunks]
    for i, part in enumerate(parts):
        ids += ([image_token] if i else []) + part
    return ids


def preprocess_v1(system, turns, tokenizer, has_image, image_token):
    """LLaVA train.py preprocess_multimodal + preprocess_v1 (conversation style TWO)."""
    text, seps = system + " ", [" ", "</s>"]
    for i, (user, assistant) in enumerate(turns):
        if has_image and i == 0:
            user = "<image>\n" + user.replace("<image>", "").strip()
        text += "USER: " + user + seps[0] + "ASSISTANT: " + assistant + seps[1]
    tokenize = (lambda t: tokenizer_image_token(t, tokenizer, image_token)) if has_image else tokenizer
    ids = tokenize(text)
    target = list(ids)
    total = sum(t != tokenizer.pad_token_id for t in target)
    current = 1
    target[:1] = [-100]
    for i, part in enumerate(text.split("</s>")):
        if part == "":
            break
        parts = part.split(" ASSISTANT: ")
        if len(parts) != 2:
            break
        round_len = len(tokenize(part))
        instruction = len(tokenize(parts[0] + " ASSISTANT: ")) - 2
        if i != 0 and not tokenizer.legacy:
            round_len, instruction = round_len - 1, instruction - 1
        target[current:current + instruction] = [-100] * len(target[current:current + instruction])
        current += round_len
    target[current:] = [-100] * len(target[current:])
    if current != total:
        target = [-100] * len(target)
    return ids, target


TEXTS = ["Hello this is a test", "", " ", "  two  spaces ", "line\nbreak\n\n", "tab\tand\rreturn", "\u7bc7 \u4f60\u597d\u4e16\u754c",
         "emoji \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467", "caf\u00e9 na\u00efve \u00df", "\x01\x02\x7f", "\u2581already", "a</s>b <s> c",
         "</s>Human: hi", "<unk>", "x<image>y <image>\nz", "<pad><pad>", "1234567890 3.14", "don't stop", "\u00a0nbsp", "a" * 40]
TURNS = [[("What is this?", "a test")], [("<image>\nWhat is in the image?", "two lines"), ("and now?", "nothing more")],
         [("look <image> here", "a")], [("a b c", "it is a test of words"), ("one", "two"), ("three", "four")]]
SYSTEMS = {"vicuna_v1": "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
                        "helpful, detailed, and polite answers to the user's questions.",
           "llava_v1": "A chat between a curious human and an artificial intelligence assistant. The assistant gives "
                       "helpful, detailed, and polite answers to the human's questions."}


def make_tokenizer(folder):
    text = HERE / "corpus.tmp"
    words = ("hello this is a test of words the assistant gives helpful detailed and polite answers to a curious user "
             "USER ASSISTANT what is in the image one two three four nothing more lines now").split()
    r = np.random.RandomState(0)
    text.write_text("\n".join(" ".join(r.choice(words, 8)) for _ in range(400)))
    spm.SentencePieceTrainer.train(input=str(text), model_prefix=str(HERE / "tokenizer.tmp"), vocab_size=PIECES, model_type="bpe",
                                   byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity",
                                   remove_extra_whitespaces=False, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
                                   split_digits=True, allow_whitespace_only_pieces=True, minloglevel=2)
    shutil.move(HERE / "tokenizer.tmp.model", folder / "tokenizer.model")
    text.unlink()
    (HERE / "tokenizer.tmp.vocab").unlink()
    added = {str(i): dict(content=c, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
             for i, c in ((0, "<unk>"), (1, "<s>"), (2, "</s>"), (IMAGE, "<image>"), (PAD, "<pad>"))}
    (folder / "tokenizer_config.json").write_text(json.dumps(
        dict(tokenizer_class="LlamaTokenizer", legacy=True, add_bos_token=True, add_eos_token=False, bos_token="<s>",
             eos_token="</s>", unk_token="<unk>", pad_token="<pad>", added_tokens_decoder=added,
             clean_up_tokenization_spaces=False, extra_special_tokens={"image_token": "<image>"}), indent=1))


def make_texts():
    folder = HERE / "llava"
    make_tokenizer(folder)
    golden = {"texts": [], "prompts": []}
    slow = {legacy: SlowLlama(folder / "tokenizer.model", legacy) for legacy in (True, False)}
    fast = LlamaTokenizer.from_pretrained(folder, legacy=True)
    differing = []
    for text in TEXTS:
        entry = dict(text=text, legacy=slow[True].encode(text), modern=slow[False].encode(text))
        entry["decoded"] = fast.decode(entry["legacy"], skip_special_tokens=True)
        golden["texts"].append(entry)
        if fast.encode(text, add_special_tokens=False) != entry["legacy"]:
            differing.append(text)
    # Metaspace puts no prefix before a chunk that begins with a space already; sentencepiece does.
    assert differing == [" ", "  two  spaces ", "\u2581already", "a</s>b <s> c"], differing
    for style, system in SYSTEMS.items():
        for legacy in (True, False):
            for turns in TURNS:
                for has_image in (False, True):
                    shown = [(u if has_image else u.replace("<image>", ""), a) for u, a in turns]
                    ids, labels = preprocess_v1(system, shown, slow[legacy], has_image, IMAGE)
                    golden["prompts"].append(dict(style=style, legacy=legacy, turns=turns, image=has_image, ids=ids, labels=labels))
    (HERE / "texts.json").write_text(json.dumps(golden))


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_models()
    make_scheme_b5()
    make_text_model()
    make_texts()
    assert math.isfinite(sum(json.loads((HERE / "llava/golden.json").read_text())["losses"]))
