#!/usr/bin/env python3
"""Makes tokenizer.model: a sentencepiece BPE model in which every word of words.json is one piece.

    python make_tokenizer.py            writes tokenizer.model beside this script
    python make_tokenizer.py --check    compares it with transformers' LlamaTokenizer

Needs sentencepiece from 0.2 on (and transformers with protobuf for --check). The ids 0 to 4 are
<unk>, <s>, </s>, <pad>, <image>; then come 256 byte pieces (so that a newline
is <0x0A> and nothing is unknown), the words, and the merges that lead to them. As in LLaMA's model,
text begins with a space (add_dummy_prefix), nothing is normalised and no space is dropped. A word
that opens a line after a newline has no space before it and is a piece of its own ("line_starts").
"""
import io
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE / "tokenizer.model"
CHAT = "USER: <image>\nwhat is shown ASSISTANT: red dot</s>"


def word_groups():
    groups = json.loads((HERE / "words.json").read_text())
    return groups["chat"] + groups["plain"] + groups["things"], groups["line_starts"]


def train(spaced, line_starts, size):
    import sentencepiece

    model = io.BytesIO()
    sentences = [word for word in spaced for _ in range(50)]
    # The delimiter cuts without a space: what follows it is learned as the opening of a line.
    sentences += ["a|" + word for word in line_starts for _ in range(50)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, model_type="bpe", vocab_size=size,
        unk_id=0, bos_id=1, eos_id=2, pad_id=3, pad_piece="<pad>", user_defined_symbols=["<image>"],
        byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, pretokenization_delimiter="|",
        split_by_unicode_script=False, max_sentencepiece_length=24, num_threads=1, minloglevel=2)
    return model.getvalue()


def broken_words(model, spaced, line_starts):
    import sentencepiece

    tokenizer = sentencepiece.SentencePieceProcessor(model_proto=model)
    newline = tokenizer.piece_to_id("<0x0A>")
    broken = [word for word in spaced if len(tokenizer.encode(word)) != 1]
    for word in line_starts:
        ids = tokenizer.encode("red\n" + word)
        if len(ids) != 3 or ids[1] != newline:
            broken.append("\\n" + word)
    return broken


def smallest_model():
    spaced, line_starts = word_groups()
    for size in range(300, 4000, 10):
        try:
            model = train(spaced, line_starts, size)
        except RuntimeError:  # smaller than the characters alone
            continue
        if not broken_words(model, spaced, line_starts):
            return model
    sys.exit("no size gives one piece per word")


def check():
    import sentencepiece
    import transformers

    auto = transformers.AutoTokenizer
    own = sentencepiece.SentencePieceProcessor(model_file=str(MODEL))
    ids = own.encode(CHAT.removesuffix("</s>"), add_bos=True, add_eos=True)
    print(len(own), "pieces;", list(zip(ids, own.id_to_piece(ids))))
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "tokenizer.model").write_bytes(MODEL.read_bytes())
        pathlib.Path(folder, "tokenizer_config.json").write_text(json.dumps({
            "tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True,
            "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
            "pad_token": "<pad>", "extra_special_tokens": {"image_token": "<image>"}}))
        for name, tokenizer in {
                "LlamaTokenizer": transformers.LlamaTokenizer.from_pretrained(folder),
                "AutoTokenizer": auto.from_pretrained(folder),
                "use_fast=False": auto.from_pretrained(folder, use_fast=False),
        }.items():
            theirs = tokenizer(CHAT)["input_ids"]
            print(name, type(tokenizer).__name__, theirs)
            if theirs != ids:
                sys.exit(f"{name} cuts it as {tokenizer.convert_ids_to_tokens(theirs)}")
            special = (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
            if special != (0, 1, 2):
                sys.exit("special ids differ")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check()
    else:
        MODEL.write_bytes(smallest_model())
        check()
