"""Opens what models are published in: pickled .pth / .bin files (as data alone) and Hugging Face folders.

A pickle is read by torch.load(weights_only=True) and nothing else: it holds tensors, containers and
plain values, or it is refused. Tensors are mapped from the file where its format allows that.
"""
import json
import re
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open


class ConversionError(Exception):
    """One clear sentence for the user, with the file it is about."""


def load_pickle(path: Path):
    if not path.is_file():
        raise ConversionError(f"{path}: no such file")
    try:
        # Files of torch before 1.6 are no zip archives and cannot be mapped; they are read whole.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # whatever the unpickler makes of foreign bytes
        code = re.search(r"GLOBAL (\S+) (?:was not an allowed|whose module)", str(error))
        if code:
            raise ConversionError(f"{path}: refused, since it holds more than tensors and plain values, and reading {code[1]} "
                                  "could run code") from error
        reason = re.search(r"WeightsUnpickler error: (.+)", str(error)) or re.match(r"(?!Weights only)(.+)", str(error))
        raise ConversionError(f"{path}: not a file of plain tensors that torch can read"
                              + (f" ({reason[1].strip()})" if reason else "")) from error


def tensors_of(value, path: Path) -> dict[str, torch.Tensor]:
    """The named floating-point tensors of a state dict."""
    if not isinstance(value, dict):
        raise ConversionError(f"{path}: a state dict was expected, not {type(value).__name__}")
    found = {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}
    if not found:
        raise ConversionError(f"{path}: no tensors in it")
    return found


def read_json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConversionError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConversionError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConversionError(f"{path}: a JSON object was expected")
    return value


class HuggingFaceFolder:
    """The tensors of a model folder by name, one at a time; safetensors or pytorch_model*.bin, sharded or not."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise ConversionError(f"{folder}: no such folder")
        self.folder = folder
        self.config = read_json(folder / "config.json")
        self._pickled = {}  # file -> its tensors (mapped)
        self._files = self._find_files()

    def _find_files(self) -> dict[str, str]:
        """Tensor name -> file name."""
        for index, whole in (("model.safetensors.index.json", "model.safetensors"),
                             ("pytorch_model.bin.index.json", "pytorch_model.bin")):
            if (self.folder / index).is_file():
                weight_map = read_json(self.folder / index).get("weight_map")
                if not isinstance(weight_map, dict):
                    raise ConversionError(f"{self.folder / index}: no weight_map")
                for file in set(weight_map.values()):
                    if not isinstance(file, str) or Path(file).name != file:
                        raise ConversionError(f"{self.folder / index}: {file!r} is no name of a file beside it")
                return weight_map
            if (self.folder / whole).is_file():
                return dict.fromkeys(self._names(whole), whole)
        raise ConversionError(f"{self.folder}: neither model.safetensors nor pytorch_model.bin (nor their shards' index)")

    def _open(self, file: str):
        try:
            return safe_open(self.folder / file, framework="pt")
        except (SafetensorError, OSError) as error:
            raise ConversionError(f"{self.folder / file}: {error}") from error

    def _names(self, file: str) -> list[str]:
        if file.endswith(".safetensors"):
            with self._open(file) as opened:
                return list(opened.keys())
        return list(self._load(file))

    def _load(self, file: str) -> dict[str, torch.Tensor]:
        if file not in self._pickled:
            path = self.folder / file
            self._pickled[file] = tensors_of(load_pickle(path), path)
        return self._pickled[file]

    def names(self) -> list[str]:
        return list(self._files)

    def tensor(self, name: str) -> torch.Tensor:
        file = self._files[name]
        try:
            if not file.endswith(".safetensors"):
                return self._load(file)[name]
            with self._open(file) as opened:
                return opened.get_tensor(name)
        except (KeyError, SafetensorError) as error:
            raise ConversionError(f"{self.folder / file}: {name} is not in it, though the index says so") from error

    def describe(self, name: str) -> tuple[tuple[int, ...], torch.dtype]:
        """Shape and type, without reading the values."""
        file = self._files[name]
        if not file.endswith(".safetensors"):
            tensor = self.tensor(name)
            return tuple(tensor.shape), tensor.dtype
        try:
            with self._open(file) as opened:
                part = opened.get_slice(name)
                return tuple(part.get_shape()), getattr(torch, TORCH_TYPES.get(part.get_dtype(), "uint8"))
        except SafetensorError as error:
            raise ConversionError(f"{self.folder / file}: {name} is not in it, though the index says so") from error


TORCH_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
