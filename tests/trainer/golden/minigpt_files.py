"""Tiny random files in the layout in which MiniGPT-v2 is published: eva_vit_g.pth (LAVIS),
minigptv2_checkpoint.pth and a LLaMA folder. The same bytes of weights everywhere (numpy's RandomState).
"""
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
WIDTH, HEADS, BLOCKS, PATCH, IMAGE_SIZE = 16, 2, 3, 4, 24
FILE_BLOCKS, FILE_SIDE = 4, 3  # one block more than is run, positions to be interpolated from 3 x 3 to 6 x 6
MLP = int(WIDTH * 4.3637)
HIDDEN, INTERMEDIATE, LAYERS, LM_HEADS, VOCABULARY = 24, 40, 2, 3, 300
RANK, ALPHA = 4, 6.0
TARGETS = ("q_proj", "v_proj")


class Random:
    def __init__(self, seed: int):
        self.state = np.random.RandomState(seed)

    def __call__(self, *shape: int, scale: float = 0.25, mean: float = 0.0) -> torch.Tensor:
        return torch.from_numpy((mean + scale * self.state.randn(*shape)).astype(np.float32))


def eva_vit() -> dict[str, torch.Tensor]:
    r = Random(31)
    tensors = {"cls_token": r(1, 1, WIDTH), "pos_embed": r(1, 1 + FILE_SIDE ** 2, WIDTH),
               "patch_embed.proj.weight": r(WIDTH, 3, PATCH, PATCH), "patch_embed.proj.bias": r(WIDTH, scale=0.1)}
    for i in range(FILE_BLOCKS):
        block = {"norm1.weight": r(WIDTH, scale=0.1, mean=1), "norm1.bias": r(WIDTH, scale=0.1), "attn.q_bias": r(WIDTH),
                 "attn.v_bias": r(WIDTH), "attn.qkv.weight": r(3 * WIDTH, WIDTH), "attn.proj.weight": r(WIDTH, WIDTH),
                 "attn.proj.bias": r(WIDTH, scale=0.1), "norm2.weight": r(WIDTH, scale=0.1, mean=1), "norm2.bias": r(WIDTH, scale=0.1),
                 "mlp.fc1.weight": r(MLP, WIDTH), "mlp.fc1.bias": r(MLP, scale=0.1), "mlp.fc2.weight": r(WIDTH, MLP),
                 "mlp.fc2.bias": r(WIDTH, scale=0.1)}
        tensors.update({f"blocks.{i}.{name}": tensor for name, tensor in block.items()})
    tensors.update({"norm.weight": r(WIDTH), "norm.bias": r(WIDTH), "head.weight": r(8, WIDTH), "head.bias": r(8)})
    return tensors


def llama_config() -> dict:
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": HIDDEN,
            "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS, "num_attention_heads": LM_HEADS,
            "num_key_value_heads": LM_HEADS, "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "hidden_act": "silu",
            "rope_theta": 10000.0, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"}


def llama() -> dict[str, torch.Tensor]:
    r = Random(32)
    tensors = {"model.embed_tokens.weight": r(VOCABULARY, HIDDEN)}
    for i in range(LAYERS):
        layer = {"input_layernorm": r(HIDDEN, scale=0.1, mean=1), **{f"self_attn.{n}_proj": r(HIDDEN, HIDDEN) for n in "qkvo"},
                 "post_attention_layernorm": r(HIDDEN, scale=0.1, mean=1), "mlp.gate_proj": r(INTERMEDIATE, HIDDEN),
                 "mlp.up_proj": r(INTERMEDIATE, HIDDEN), "mlp.down_proj": r(HIDDEN, INTERMEDIATE)}
        tensors.update({f"model.layers.{i}.{name}.weight": tensor for name, tensor in layer.items()})
    tensors.update({"model.norm.weight": r(HIDDEN, scale=0.1, mean=1), "lm_head.weight": r(VOCABULARY, HIDDEN)})
    return tensors


def checkpoint() -> dict:
    """As runner_base._save_checkpoint writes it, with the names of peft 0.2.0."""
    r = Random(33)
    model = {"llama_proj.weight": r(HIDDEN, 4 * WIDTH), "llama_proj.bias": r(HIDDEN, scale=0.1),
             "ln_vision.weight": r(WIDTH, scale=0.1, mean=1), "ln_vision.bias": r(WIDTH, scale=0.1)}
    for i in range(LAYERS):
        for target in TARGETS:
            name = f"llama_model.base_model.model.model.layers.{i}.self_attn.{target}."
            model[name + "lora_A.weight"] = r(RANK, HIDDEN)
            model[name + "lora_B.weight"] = r(HIDDEN, RANK)
    config = {"model": {"arch": "minigpt_v2", "image_size": IMAGE_SIZE, "lora_r": RANK, "lora_alpha": ALPHA}, "run": {"seed": 42}}
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": r(2, 2)}}, "param_groups": [{"lr": 1e-5, "params": [0]}]}
    return {"model": model, "optimizer": optimizer, "config": config, "scaler": {"scale": 65536.0}, "epoch": 4}


def write_llama(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(llama_config()))
    save_file(llama(), folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(HERE / "llava/tokenizer.model", folder / "tokenizer.model")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
         "eos_token": "</s>", "unk_token": "<unk>", "clean_up_tokenization_spaces": False}, indent=1))


def write_published(folder: Path) -> dict[str, Path]:
    """FOLDER/{eva_vit_g.pth, minigptv2_checkpoint.pth, llama}; the converter's arguments for them."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(eva_vit(), folder / "eva_vit_g.pth")
    torch.save(checkpoint(), folder / "minigptv2_checkpoint.pth")
    write_llama(folder / "llama")
    return {"--checkpoint": folder / "minigptv2_checkpoint.pth", "--vision": folder / "eva_vit_g.pth", "--language-model": folder / "llama"}


SHAPE_ARGUMENTS = ["--vision-layers", str(BLOCKS), "--vision-heads", str(HEADS)]  # of this tiny tower
