"""vlsweep convert minigpt-v2: the published files of MiniGPT-v2 as one Hugging Face folder.

Follows what MiniGPT-4's code (Vision-CAIR/MiniGPT-4, models/{eva_vit,base_model,minigpt_v2}.py) does when it
loads them: the tower from eva_vit_g.pth, its position embedding interpolated to the image's size, the language
model from Llama-2-7b-chat, then whatever the checkpoint has over both. See README.md for the folder it makes.
"""
import argparse
import json
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file

from checkpoint_files import ConversionError, HuggingFaceFolder, load_pickle, tensors_of
from sharded_safetensors import SIZES, PlannedTensor, write_sharded

TOKENIZER_FILES = ("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MERGED_TOKENS = 4  # of the tower, for one position of the language model (minigpt_v2.encode_img)
EVA_HEAD_SIZE = 88  # create_eva_vit_g
# LAVIS's names of a block's tensors -> those of transformers' Blip2VisionModel, the same tower.
BLOCK = {"norm1.weight": "layer_norm1.weight", "norm1.bias": "layer_norm1.bias", "attn.qkv.weight": "self_attn.qkv.weight",
         "attn.proj.weight": "self_attn.projection.weight", "attn.proj.bias": "self_attn.projection.bias",
         "norm2.weight": "layer_norm2.weight", "norm2.bias": "layer_norm2.bias", "mlp.fc1.weight": "mlp.fc1.weight",
         "mlp.fc1.bias": "mlp.fc1.bias", "mlp.fc2.weight": "mlp.fc2.weight", "mlp.fc2.bias": "mlp.fc2.bias"}
EMBEDDINGS = {"cls_token": "class_embedding", "patch_embed.proj.weight": "patch_embedding.weight",
              "patch_embed.proj.bias": "patch_embedding.bias"}
LAYER = ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
         "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def say(text: str) -> None:
    print(f"vlsweep convert minigpt-v2: {text}", file=sys.stderr, flush=True)


class Checkpoint:
    """minigptv2_checkpoint.pth taken apart: the projection, LoRA, and what replaces the tower's and the language
    model's own tensors (absent where these were frozen in training)."""

    def __init__(self, path: Path):
        content = load_pickle(path)
        if isinstance(content, dict) and isinstance(content.get("model"), dict):
            config, content = content.get("config"), content["model"]
        else:
            config = None
        self.path = path
        self.settings = config.get("model", {}) if isinstance(config, dict) and isinstance(config.get("model"), dict) else {}
        self.tower, self.language, self.projection, self.norm, self.lora = {}, {}, {}, {}, {}
        unknown = [name for name, tensor in tensors_of(content, path).items() if not self._sort(name, tensor)]
        if unknown:
            say(f"not of MiniGPT-v2, left out: {', '.join(unknown[:8])}{' ...' if len(unknown) > 8 else ''}")
        if set(self.projection) != {"weight", "bias"}:
            raise ConversionError(f"{path}: llama_proj.weight and llama_proj.bias are not both in it; is it a MiniGPT-v2 checkpoint?")

    def _sort(self, name: str, tensor: torch.Tensor) -> bool:
        for prefix, group in (("visual_encoder.", self.tower), ("ln_vision.", self.norm), ("llama_proj.", self.projection)):
            if name.startswith(prefix):
                group[name[len(prefix):]] = tensor
                return True
        # peft wraps the language model (base_model.model.); without LoRA it stands bare.
        match = re.fullmatch(r"llama_model\.(?:base_model\.model\.)?((?:model|lm_head)\..+)", name)
        if not match:
            return False
        # peft 0.2 writes lora_A.weight, later ones lora_A.default.weight and q_proj.base_layer.weight.
        inner = match[1].replace(".base_layer.", ".")
        low = re.fullmatch(r"(.+)\.(lora_[AB])(?:\.default)?\.weight", inner)
        if low:
            self.lora.setdefault(low[1], {})[low[2]] = tensor
        elif not inner.endswith("rotary_emb.inv_freq"):
            self.language[inner] = tensor
        return True

    def setting(self, name: str, otherwise: float) -> float:
        """A number of the configuration it was trained with."""
        value = self.settings.get(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
            raise ConversionError(f"{self.path}: its own setting model.{name} is {value!r}, not a number above 0")
        return value

    def scale(self, alpha: float) -> float:
        return alpha / self.rank() if self.lora else 0.0

    def rank(self) -> int:
        ranks = {pair["lora_A"].shape[0] for pair in self.lora.values() if "lora_A" in pair}
        if len(ranks) != 1:
            raise ConversionError(f"{self.path}: LoRA of several ranks ({sorted(ranks)}) is not what MiniGPT-v2 trains")
        return ranks.pop()

    def check_lora(self, shapes: dict[str, tuple[int, ...]]) -> None:
        for module, pair in self.lora.items():
            if set(pair) != {"lora_A", "lora_B"}:
                raise ConversionError(f"{self.path}: {module} has lora_A or lora_B alone")
            expected = shapes.get(f"{module}.weight")
            if expected is None:
                raise ConversionError(f"{self.path}: LoRA on {module}, which the language model does not have")
            a, b = pair["lora_A"], pair["lora_B"]
            if (b.shape[0], a.shape[1]) != expected or b.shape[1] != a.shape[0]:
                raise ConversionError(f"{self.path}: LoRA of {module} is {tuple(b.shape)} x {tuple(a.shape)}, its weight "
                                      f"{expected}; is the language model the one it was trained on?")


def interpolate_positions(positions: torch.Tensor, side: int) -> torch.Tensor:
    """eva_vit.interpolate_pos_embed: [1, 1 + n*n, d] -> [1, 1 + side*side, d], the class token's kept."""
    count = positions.shape[1] - 1
    old = int(count ** 0.5)
    if old == side:
        return positions
    grid = positions[:, 1:].float().reshape(-1, old, old, positions.shape[-1]).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat((positions[:, :1].float(), grid.permute(0, 2, 3, 1).flatten(1, 2)), dim=1)


class Conversion:
    def __init__(self, arguments):
        self.arguments = arguments
        self.checkpoint = Checkpoint(arguments.checkpoint)
        self.language = HuggingFaceFolder(arguments.language_model)
        vision = load_pickle(arguments.vision)
        if isinstance(vision, dict) and isinstance(vision.get("model"), dict):
            vision = vision["model"]
        self.tower = {**tensors_of(vision, arguments.vision), **self.checkpoint.tower}
        self.alpha = arguments.lora_alpha or float(self.checkpoint.setting("lora_alpha", 16))
        self.image_size = arguments.image_size or int(self.checkpoint.setting("image_size", 448))
        self.planned: list[PlannedTensor] = []
        self.vision_config = self._plan_tower()
        self._plan_language()
        self._plan_projection()

    def _plan(self, name: str, shape, dtype, make) -> None:
        if dtype not in SIZES:
            raise ConversionError(f"{name} is {dtype}; only float32, float16 and bfloat16 tensors are converted")
        self.planned.append(PlannedTensor(name, tuple(shape), DTYPES.get(self.arguments.dtype, dtype), make))

    def _keep(self, name: str, tensor: torch.Tensor) -> None:
        self._plan(name, tensor.shape, tensor.dtype, lambda: tensor)

    def _vision(self, name: str) -> torch.Tensor:
        if name not in self.tower:
            raise ConversionError(f"{self.arguments.vision}: {name} is missing; is it LAVIS's eva_vit_g.pth (39 blocks)?")
        return self.tower[name]

    def _plan_tower(self) -> dict:
        kernel = self._vision("patch_embed.proj.weight")
        if kernel.dim() != 4 or kernel.shape[1] != 3 or kernel.shape[2] != kernel.shape[3]:
            raise ConversionError(f"{self.arguments.vision}: patch_embed.proj.weight {tuple(kernel.shape)} takes no square patches of 3 colours")
        d, patch = kernel.shape[0], kernel.shape[2]
        if self.image_size < 1 or self.image_size % patch:
            raise ConversionError(f"the image size {self.image_size} is no multiple of the tower's patches of {patch} pixels")
        side, layers = self.image_size // patch, self.arguments.vision_layers
        if side * side % MERGED_TOKENS:
            raise ConversionError(f"{side} x {side} patches cannot be merged by {MERGED_TOKENS}")
        heads = self.arguments.vision_heads or d // EVA_HEAD_SIZE
        if heads < 1 or d % heads:
            raise ConversionError(f"{self.arguments.vision}: {d} channels are not those of EVA ViT-g (give --vision-heads)")
        prefix = "vision_tower.embeddings."
        for old, new in EMBEDDINGS.items():
            self._keep(prefix + new, self._vision(old))
        positions = self._vision("pos_embed")
        if positions.dim() != 3 or int((positions.shape[1] - 1) ** 0.5) ** 2 != positions.shape[1] - 1:
            raise ConversionError(f"{self.arguments.vision}: pos_embed {tuple(positions.shape)} is of no square of patches")
        resized = positions.shape[1] - 1 != side * side
        self._plan(prefix + "position_embedding", (1, 1 + side * side, d), torch.float32 if resized else positions.dtype,
                   partial(interpolate_positions, positions, side))
        for i in range(layers):
            self._plan_block(i)
        used = {"pos_embed", *EMBEDDINGS} | {f"blocks.{i}.{n}" for i in range(layers)
                                             for n in (*BLOCK, "attn.q_bias", "attn.v_bias")}
        unused = sorted(set(self.tower) - used)
        if unused:
            say(f"of the tower's file, left out as in the official code: {', '.join(unused[:6])}{' ...' if len(unused) > 6 else ''}")
        # ln_vision is frozen and untrained in MiniGPT-v2: the identity's weights unless the checkpoint has its own.
        norm = self.checkpoint.norm
        self._keep("vision_tower.post_layernorm.weight", norm.get("weight", torch.ones(d)))
        self._keep("vision_tower.post_layernorm.bias", norm.get("bias", torch.zeros(d)))
        return {"model_type": "blip_2_vision_model", "hidden_size": d, "intermediate_size": self._vision("blocks.0.mlp.fc1.weight").shape[0],
                "num_hidden_layers": layers, "num_attention_heads": heads, "image_size": self.image_size, "patch_size": patch,
                "hidden_act": "gelu", "layer_norm_eps": 1e-6, "qkv_bias": True}

    def _plan_block(self, i: int) -> None:
        old, new = f"blocks.{i}.", f"vision_tower.encoder.layers.{i}."
        for name, renamed in BLOCK.items():
            self._keep(new + renamed, self._vision(old + name))
        q, v = self._vision(old + "attn.q_bias"), self._vision(old + "attn.v_bias")
        self._plan(new + "self_attn.qkv.bias", (3 * q.shape[0],), q.dtype, lambda: torch.cat((q, torch.zeros_like(v), v)))

    def _language_tensor(self, name: str) -> torch.Tensor:
        found = self.checkpoint.language.get(name)
        tensor = self.language.tensor(name) if found is None else found
        pair = self.checkpoint.lora.get(name.removesuffix(".weight"))
        if pair is None or self.arguments.adapter:
            return tensor
        update = pair["lora_B"].float() @ pair["lora_A"].float()
        return (tensor.float() + update * self.checkpoint.scale(self.alpha)).to(tensor.dtype)

    def _plan_language(self) -> None:
        config = self.language.config
        if config.get("model_type") != "llama":
            raise ConversionError(f"{self.language.folder / 'config.json'}: model_type {config.get('model_type')!r}, not a LLaMA")
        layers = config.get("num_hidden_layers", 32)
        if not isinstance(layers, int) or not 0 < layers < 1000:
            raise ConversionError(f"{self.language.folder / 'config.json'}: num_hidden_layers is {layers!r}")
        expected = ["model.embed_tokens.weight", *(f"model.layers.{i}.{part}.weight" for i in range(layers) for part in LAYER),
                    "model.norm.weight", "lm_head.weight"]
        there = set(self.language.names())
        missing = [name for name in expected if name not in there]
        if missing:
            raise ConversionError(f"{self.language.folder}: {len(missing)} tensors are missing, first {missing[0]}")
        stray = [name for name in self.checkpoint.language if name not in expected]
        if stray:
            raise ConversionError(f"{self.checkpoint.path}: {stray[0]} is no tensor of a LLaMA of {layers} layers")
        shapes = {}
        for name in expected:
            shape, dtype = self.language.describe(name)
            shapes[name] = shape
            self._plan("language_model." + name, shape, dtype, partial(self._language_tensor, name))
        for name, tensor in self.checkpoint.language.items():
            if tuple(tensor.shape) != shapes[name]:
                raise ConversionError(f"{self.checkpoint.path}: {name} is {tuple(tensor.shape)}, the language model's {shapes[name]}")
        self.checkpoint.check_lora(shapes)
        self.hidden_size = shapes["model.norm.weight"][0]
        self.vocab_size = shapes["model.embed_tokens.weight"][0]

    def _plan_projection(self) -> None:
        projection = self.checkpoint.projection
        wanted = (self.hidden_size, MERGED_TOKENS * self.vision_config["hidden_size"])
        if tuple(projection["weight"].shape) != wanted or tuple(projection["bias"].shape) != wanted[:1]:
            raise ConversionError(f"{self.checkpoint.path}: llama_proj.weight is {tuple(projection['weight'].shape)}, but this tower and "
                                  f"language model need {wanted}")
        for name in ("weight", "bias"):
            self._keep(f"multi_modal_projector.linear.{name}", projection[name])

    def config(self) -> dict:
        text = {k: v for k, v in self.language.config.items() if k not in ("_name_or_path", "transformers_version")}
        dtype = self.arguments.dtype if self.arguments.dtype != "auto" else text.get("torch_dtype") or text.get("dtype") or "float16"
        side = self.image_size // self.vision_config["patch_size"]
        return {"architectures": ["MiniGPTv2ForConditionalGeneration"], "model_type": "minigpt_v2",
                # A place for an image in a sequence of ids; no token of the vocabulary.
                "image_token_index": self.vocab_size, "image_seq_length": side * side // MERGED_TOKENS,
                "vision_tokens_merged": MERGED_TOKENS, "vision_post_layernorm_eps": 1e-5,
                "bos_token_id": text.get("bos_token_id", 1), "eos_token_id": text.get("eos_token_id", 2),
                "pad_token_id": text.get("pad_token_id", 0), "tie_word_embeddings": False, "torch_dtype": dtype,
                "text_config": {**text, "torch_dtype": dtype}, "vision_config": self.vision_config}

    def write(self, folder: Path) -> None:
        config = self.config()
        write_json(folder / "config.json", config)
        write_json(folder / "preprocessor_config.json", preprocessor_config(self.image_size))
        write_json(folder / "generation_config.json", {"do_sample": False, **{
            key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}})
        for name in TOKENIZER_FILES:
            if (self.language.folder / name).is_file():
                shutil.copyfile(self.language.folder / name, folder / name)
        write_sharded(folder, self.planned, int(self.arguments.max_shard_gb * 1e9), say)

    def write_adapter(self, folder: Path, base: Path) -> None:
        """LoRA as peft 0.21 would save it upon the converted model."""
        tensors = {}
        for module, pair in self.checkpoint.lora.items():
            path = "base_model.model.model.language_model." + module.removeprefix("model.")
            for name, tensor in pair.items():
                tensors[f"{path}.{name}.weight"] = tensor.contiguous()
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        targets = sorted({module.rsplit(".", 1)[1] for module in self.checkpoint.lora})
        write_json(folder / "adapter_config.json", {
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": os.path.relpath(base, self.arguments.adapter),
            "r": self.checkpoint.rank(), "lora_alpha": self.alpha, "lora_dropout": 0.05, "bias": "none", "fan_in_fan_out": False,
            "use_rslora": False, "inference_mode": True, "init_lora_weights": True, "modules_to_save": None,
            "target_modules": rf".*language_model\.layers\.\d+\.self_attn\.({'|'.join(targets)})"})


def preprocessor_config(size: int) -> dict:
    """blip_processors.Blip2ImageEvalProcessor: both sides to the model's size, bicubic, CLIP's mean and deviation."""
    return {"image_processor_type": "BlipImageProcessor", "do_convert_rgb": True, "do_resize": True,
            "size": {"height": size, "width": size}, "resample": 3, "do_center_crop": False, "do_pad": False, "do_rescale": True,
            "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711]}


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_complete(folder: Path, write) -> None:
    """Runs `write` on a folder beside, which gets its name when all of it is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConversionError(f"{folder}: something is there already; name a new folder")
    partial_folder = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir(parents=True)
    write(partial_folder)
    if folder.exists():
        folder.rmdir()
    partial_folder.rename(folder)


def parse_arguments(arguments: list[str]):
    parser = argparse.ArgumentParser(prog="vlsweep convert minigpt-v2", description="Turns the published files of MiniGPT-v2 into one "
                                     "Hugging Face folder that vlsweep loads.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="minigptv2_checkpoint.pth (projection and LoRA), or one of your own training")
    parser.add_argument("--vision", type=Path, required=True, help="eva_vit_g.pth of LAVIS")
    parser.add_argument("--language-model", type=Path, required=True, help="the folder of Llama-2-7b-chat-hf")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--adapter", type=Path, help="keep LoRA apart: write it as a peft adapter into this folder, and the model without it")
    parser.add_argument("--dtype", choices=["auto", *DTYPES], default="auto", help="of the tensors written (auto: each as it is found)")
    parser.add_argument("--image-size", type=int, help="pixels; default: the checkpoint's own setting, else 448")
    parser.add_argument("--lora-alpha", type=float, help="default: the checkpoint's own setting, else 16")
    parser.add_argument("--max-shard-gb", type=float, default=5.0, help="largest file (default 5)")
    parser.add_argument("--vision-layers", type=int, default=39, help="blocks of the tower that are run (default 39, as create_eva_vit_g)")
    parser.add_argument("--vision-heads", type=int, help="of a tower that is not EVA ViT-g (default: heads of 88 channels)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    parsed = parse_arguments(arguments)
    try:
        conversion = Conversion(parsed)
        if parsed.adapter and not conversion.checkpoint.lora:
            raise ConversionError(f"{parsed.checkpoint}: --adapter was asked for, but there is no LoRA in it")
        write_complete(parsed.out, conversion.write)
        if parsed.adapter:
            write_complete(parsed.adapter, partial(conversion.write_adapter, base=parsed.out))
        say(f"{parsed.out} is ready" + (f", its adapter is {parsed.adapter}" if parsed.adapter else ""))
        return 0
    except ConversionError as error:
        say(str(error))
    except OSError as error:
        say(f"{error.filename or parsed.out}: {error.strerror}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
