"""What LLaVA's official code does with texts, for make_text_golden.py: transformers 4.37's slow tokenizer (today's
transformers has none) and train.py's labels.
"""
from pathlib import Path

import sentencepiece as spm


class SlowLlama:
    """transformers 4.37's slow LlamaTokenizer, as LLaVA uses it (use_fast=False)."""

    def __init__(self, model, legacy, special, pad_token_id):
        self.legacy, self.special, self.pad_token_id = legacy, special, pad_token_id
        self.sp = spm.SentencePieceProcessor(model_file=str(model))
        # ModelProto.normalizer_spec.add_dummy_prefix = False, merged in as serialized protobuf.
        self.bare = spm.SentencePieceProcessor(model_proto=Path(model).read_bytes() + b"\x1a\x02\x18\x00")

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
