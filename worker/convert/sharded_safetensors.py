"""Writes safetensors shards one tensor at a time, so that the largest tensor bounds the memory.

The safetensors package writes a whole file from memory; its format (8 bytes of length, a JSON header,
the tensors' bytes) is simple enough to be streamed. Files appear under their names when complete.
"""
import dataclasses
import json
import os
from pathlib import Path
from typing import Callable

import torch

TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
SIZES = {torch.float32: 4, torch.float16: 2, torch.bfloat16: 2}


@dataclasses.dataclass
class PlannedTensor:
    """A tensor that will be written: what it will be, and how it is made when its turn comes."""
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], torch.Tensor]

    @property
    def num_bytes(self) -> int:
        count = SIZES[self.dtype]
        for extent in self.shape:
            count *= extent
        return count


def plan_shards(tensors: list[PlannedTensor], max_bytes: int) -> list[list[PlannedTensor]]:
    """Fills shards in order; a tensor larger than a shard gets one of its own."""
    shards, used = [[]], 0
    for tensor in tensors:
        if shards[-1] and used + tensor.num_bytes > max_bytes:
            shards.append([])
            used = 0
        shards[-1].append(tensor)
        used += tensor.num_bytes
    return shards


def write_shard(path: Path, tensors: list[PlannedTensor]) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for tensor in tensors:
        end = offset + tensor.num_bytes
        header[tensor.name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            values = tensor.make().to(tensor.dtype).contiguous()
            if tuple(values.shape) != tensor.shape:
                raise AssertionError(f"{tensor.name}: {tuple(values.shape)} was made, {tensor.shape} was planned")
            file.write(memoryview(values.flatten().view(torch.uint8).numpy()))
        file.flush()
        os.fsync(file.fileno())


def write_sharded(folder: Path, tensors: list[PlannedTensor], max_bytes: int, report: Callable[[str], None]) -> None:
    """model.safetensors, or model-0000k-of-0000n.safetensors with their index."""
    shards = plan_shards(tensors, max_bytes)
    names = ["model.safetensors"] if len(shards) == 1 else [
        f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
    for name, shard in zip(names, shards):
        report(f"writing {name}: {len(shard)} tensors, {sum(t.num_bytes for t in shard) / 1e9:.2f} GB")
        write_shard(folder / name, shard)
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(t.num_bytes for t in tensors)},
                 "weight_map": {t.name: name for name, shard in zip(names, shards) for t in shard}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
