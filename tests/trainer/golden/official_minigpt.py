"""Vision-CAIR/MiniGPT-4's own model code, run on tiny files. Nothing of it is kept here: it is imported from a
checkout (git clone https://github.com/Vision-CAIR/MiniGPT-4; commit d94738a was used).

Shims stand for what its pins (transformers 4.30, peft 0.2.0, timm 0.6) had and today's do not: timm's layers, the
download, the Q-former that MiniGPT-v2 never uses, the slow LLaMA tokenizer, the `reduction` argument.
"""
import importlib
import sys
import types
from functools import partial
from pathlib import Path

import peft
import sentencepiece as spm
import torch
import transformers
from transformers import BatchEncoding

import minigpt_files as files


class SlowLlamaTokenizer:
    """transformers 4.30's slow LlamaTokenizer: special tokens are split out, every other chunk goes through
    sentencepiece by itself (legacy); with legacy False, later versions', only the first has a dummy prefix."""
    bos_token, bos_token_id, eos_token_id = "<s>", 1, 2
    special = {"<unk>": 0, "<s>": 1, "</s>": 2}
    legacy = True
    padding_side = "right"

    def __init__(self, path: Path):
        model = (path / "tokenizer.model").read_bytes()
        self.sp = spm.SentencePieceProcessor(model_proto=model)
        # ModelProto.normalizer_spec.add_dummy_prefix = False, merged in as serialized protobuf.
        self.bare = spm.SentencePieceProcessor(model_proto=model + b"\x1a\x02\x18\x00")
        self.pad_token = None

    @classmethod
    def from_pretrained(cls, path, use_fast):
        return cls(Path(path))

    @property
    def pad_token_id(self):
        return self.sp.piece_to_id(self.pad_token)  # "$$" is no piece: unknown, 0

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

    def __call__(self, texts, return_tensors, padding=False, truncation=False, max_length=None, add_special_tokens=True):
        rows = [[1] * add_special_tokens + self.encode(t) for t in ([texts] if isinstance(texts, str) else texts)]
        rows = [row[:max_length] if truncation else row for row in rows]
        length = max(map(len, rows))
        assert padding or all(len(row) == length for row in rows)
        return BatchEncoding({"input_ids": torch.tensor([row + [self.pad_token_id] * (length - len(row)) for row in rows]).long(),
                              "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])})

    def decode(self, ids, skip_special_tokens):
        return self.sp.decode([i for i in map(int, ids) if i not in self.special.values()])


class Llama(transformers.LlamaForCausalLM):
    """modeling_llama.LlamaForCausalLM: the loss has a `reduction`; float32 instead of float16 on a CPU."""

    @classmethod
    def from_pretrained(cls, path, torch_dtype):
        return super().from_pretrained(path, dtype=torch.float32)

    def forward(self, *args, labels=None, reduction="mean", **kwargs):
        out = super().forward(*args, **kwargs)
        if labels is not None:
            out.loss = torch.nn.functional.cross_entropy(out.logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), reduction=reduction)
        return out


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


def import_official(checkout: Path):
    """minigpt4.models.{eva_vit, base_model, minigpt_v2, ...} of the checkout, without its packages' __init__."""
    for package in ("", ".models", ".common", ".conversation", ".processors"):
        path = checkout / ("minigpt4" + package.replace(".", "/"))
        assert path.is_dir(), f"{path} is not there: is {checkout} a checkout of Vision-CAIR/MiniGPT-4?"
        module("minigpt4" + package).__path__ = [str(path)]
    module("timm"), module("timm.models")
    module("timm.models.layers", drop_path=lambda x, *_: x, to_2tuple=lambda x: (x, x), trunc_normal_=torch.nn.init.trunc_normal_)
    module("timm.models.registry", register_model=lambda f: f)
    module("omegaconf", OmegaConf=object)
    module("minigpt4.common.dist_utils", download_cached_file=None)
    module("minigpt4.common.utils", get_abs_path=None, is_url=None)
    module("minigpt4.models.Qformer", BertConfig=None, BertLMHeadModel=None)
    module("minigpt4.models.modeling_llama", LlamaForCausalLM=Llama)
    transformers.LlamaTokenizer = SlowLlamaTokenizer
    peft.prepare_model_for_int8_training = lambda model: model.requires_grad_(False)
    base_model = importlib.import_module("minigpt4.models.base_model")
    sys.modules["minigpt4.models"].BaseModel = base_model.BaseModel  # the registry asks the package for it
    return importlib.import_module("minigpt4.models.minigpt_v2"), base_model


def tiny_eva_vit(eva, path, image_size, *_):
    """eva_vit.create_eva_vit_g with another size and file."""
    model = eva.VisionTransformer(img_size=image_size, patch_size=files.PATCH, use_mean_pooling=False, embed_dim=files.WIDTH,
                                  depth=files.BLOCKS, num_heads=files.HEADS, mlp_ratio=4.3637, qkv_bias=True, drop_path_rate=0,
                                  norm_layer=partial(torch.nn.LayerNorm, eps=1e-6))
    state = torch.load(path, map_location="cpu", weights_only=True)
    eva.interpolate_pos_embed(model, state)
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert not missing, missing
    return model


def load_official(checkout: Path, published: Path):
    """MiniGPTv2 in evaluation mode, its tower and language model unfrozen, as from_config loads it."""
    minigpt_v2, base_model = import_official(checkout)
    eva = importlib.import_module("minigpt4.models.eva_vit")
    base_model.create_eva_vit_g = partial(tiny_eva_vit, eva, published / "eva_vit_g.pth")
    model = minigpt_v2.MiniGPTv2(img_size=files.IMAGE_SIZE, vit_precision="fp32", freeze_vit=False, llama_model=str(published / "llama"),
                                 max_txt_len=1024, end_sym="</s>", lora_r=files.RANK, lora_alpha=files.ALPHA, lora_dropout=0.0,
                                 chat_template=True)
    state = torch.load(published / "minigptv2_checkpoint.pth", weights_only=True)["model"]
    # peft 0.2.0's names -> today's.
    state = {k.replace("lora_A.weight", "lora_A.default.weight").replace("lora_B.weight", "lora_B.default.weight"): v for k, v in state.items()}
    unexpected = model.load_state_dict(state, strict=False).unexpected_keys
    assert not unexpected, unexpected
    return model.eval()
