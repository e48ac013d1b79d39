"""Makes training.json: LLaVA's order of samples and bitsandbytes' 8-bit AdamW, by their own code.

Pinned: torch 2.13.0, haotian-liu/LLaVA at c121f04, bitsandbytes 0.50.2 (its wheel unpacked; it need not be installed).
Run: python make_training.py PATH/OF/llava/train/llava_trainer.py PATH/OF/bitsandbytes (writes beside itself).
"""
import ast
import json
import math
import random
import sys
from pathlib import Path
from typing import Optional

import torch


def functions(path, names):
    """The named functions of a file alone, without its imports and decorators."""
    tree = ast.parse(Path(path).read_text())
    body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    for node in body:
        node.decorator_list = []
    space = {"torch": torch, "math": math, "Optional": Optional}
    exec(compile(ast.Module(body, []), str(path), "exec"), space)
    return space


def orders(path):
    space = functions(path, ["split_to_even_chunks", "get_modality_length_grouped_indices", "get_length_grouped_indices"])
    cases = []
    for count, batch, world, share, seed in [(50, 4, 2, 0.6, 0), (37, 3, 4, 0.5, 1), (64, 8, 1, 0.9, 2), (20, 4, 2, 1.0, 3),
                                             (23, 4, 2, 0.0, 4), (5, 4, 4, 0.5, 5), (9, 2, 2, 0.5, 6)]:
        r = random.Random(seed)
        lengths = [r.randint(1, 60) * (1 if r.random() < share else -1) for _ in range(count)]
        epochs = {}
        for passed in (False, True):
            torch.manual_seed(seed)
            generator = torch.Generator().manual_seed(seed + 100) if passed else None
            epochs["passed" if passed else "global"] = [
                space["get_modality_length_grouped_indices"](lengths, batch, world, generator=generator) for _ in range(2)]
        epochs = {name: [[int(i) for i in epoch] for epoch in each] for name, each in epochs.items()}
        cases.append(dict(lengths=lengths, batch=batch, world=world, seed=seed, **epochs))
    return cases


def words():
    texts = ["", " ", "one", "  two  words ", "tab\tand\nline", "a\u00a0b\u3000c", "\u4f60\u597d \u4e16\u754c", "x\x1cy\x85z", "\U0001f600 caf\u00e9"]
    return [dict(text=text, words=len(text.split())) for text in texts]


def eight_bit(folder):
    maps = functions(Path(folder) / "functional.py", ["create_dynamic_map"])["create_dynamic_map"]
    space = functions(Path(folder) / "backends/triton/kernels_optim.py",
                      ["_dequantize_blockwise_pytorch", "_quantize_blockwise_pytorch", "optimizer_update_8bit_blockwise_pytorch"])
    signed, unsigned = maps(signed=True), maps(signed=False)
    n, steps = 512, 4
    i = torch.arange(n, dtype=torch.float64)
    values = torch.sin(i * 0.37).float()
    state = {k: torch.zeros(n, dtype=torch.uint8) for k in ("moments", "square_moments")}
    absmax = {k: torch.zeros(n // 256) for k in state}
    for step in range(1, steps + 1):
        gradients = (torch.cos(i * 0.11 * step) * torch.exp(-i / 60)).float()
        space["optimizer_update_8bit_blockwise_pytorch"](
            values, gradients, state["moments"], state["square_moments"], 0.9, 0.98, 0.0, 0.0, 1e-8, step, 0.01, signed,
            unsigned, absmax["moments"], absmax["square_moments"], 0.1, 1.0, False, optimizer_name="adam")
    return dict(signed=signed.tolist(), unsigned=unsigned.tolist(), steps=steps, values=values.tolist(),
                **{k: v.tolist() for k, v in state.items()}, **{k + "_absmax": v.tolist() for k, v in absmax.items()})


out = dict(orders=orders(sys.argv[1]), words=words(), eight_bit=eight_bit(sys.argv[2]))
(Path(__file__).resolve().parent / "training.json").write_text(json.dumps(out))
