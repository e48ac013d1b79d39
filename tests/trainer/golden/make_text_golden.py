"""Makes the golden files of texts with the ecosystem's own code; its outputs are committed.

Pinned: tokenizers 0.23.3, transformers 5.23.0, sentencepiece 0.2.3, protobuf (any).
Run: python make_text_golden.py (writes beside itself; some seconds on a CPU).

  llava/tokenizer.model, tokenizer_config.json   the tokenizer of make_golden.py's LLaVA
  texts.json         its token ids over a hard corpus, slow, legacy and not; LLaVA's prompts and labels
  tokenizers/NAME/   small tokenizer.json folders in the styles of the wild
  tokenizers.json    their token ids and decoded texts over a hard corpus
  chat.json          chat templates rendered by apply_chat_template; ids and assistant masks of conversations
"""
import json
from pathlib import Path

import numpy as np
import sentencepiece as spm
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)
from transformers import LlamaTokenizer, PreTrainedTokenizerFast

import chat_templates
from slow_llama import SlowLlama, preprocess_v1

HERE = Path(__file__).resolve().parent
IMAGE, PAD, PIECES = 300, 301, 300

# Bytes stand for texts that are no UTF-8: they are read as Python's errors="replace" does.
HARD = [
    "", " ", "  ", "   x", "x   ", "\n", "\n\n", " \n ", "\t", "\r\n", "a\r\nb\n\n\nc", "  two  spaces ", "tab\tand\x0bvt",
    "hello world", "Hello, World!", "HELLO hello HeLLo", "it's we're I'll don't you'VE 'tis 'S", "a'b'c ' s", "x'\u017f",
    "1", "1234567890", "3.14159", "a1b22c333", "\u0661\u0662\u0663 \u2167 \u00bd \u00b2\u00b3 \u2460", "v1.2.3-rc4",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family", "\u2764\ufe0f \U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u7bc7", "\u3053\u3093\u306b\u3061\u306f \u30ab\u30bf\u30ab\u30ca", "\uc548\ub155\ud558\uc138\uc694",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "e\u0301 \u00e9 n\u0303 a\u0308\u0323", "\ufb01ne \u1e9b\u0323", "\u0130stanbul \u00df \u017f", "\u0391\u03b2\u03b3 \u0410\u0431\u0432",
    "\u00a0nbsp\u2003em\u3000ideographic\u1680ogham\u180emongolian\u200bzero\u2028line\u2029par\u0085nel\ufefffeff",
    "\u2581already \u2581\u2581 two", "soft\u00adhyphen \u200fright\u200eleft", "\x00", "a\x00b", "\x01\x02\x1b[0m\x7f", "\x1c\x1d\x1e\x1f fs",
    "\ud7ff\ue000\uffff\U0010ffff", "a" * 300, " " * 70, "\n" * 33, "ab" * 100 + " " * 20 + "1" * 50, "!?" * 40, "\u00e9" * 40,
    "-" * 31 + ">", "snake_case_name camelCaseName", "f(x)={x**2};//c", "http://a.b/c?d=e&f=%20", "<b>not a token</b>", "$10,000.00 \u20ac5 \u00a33",
    "USER: what is it ASSISTANT: a test", "[INST] hi [/INST]", "<s>a</s>b <s> c", "<unk>", "<|endoftext|>", "a<|endoftext|>b <|endoftext|> c",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>", "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start", "<|im_start|", "<<|im_start|>>", "<left>", "a  <left>  b", "a \t\u3000<right>\u3000 \n b", "<right>  <left> x", "<both> <both>",
    "  <both>  ", "wordtok", "a wordtok b", "awordtok wordtokb wordtok.", "wordtok_ \u00e9wordtok", "NormTok normtok x NormTok", "xNormTok y",
    "the assistant gives helpful, detailed, and polite answers", "now lines more nothing", "a\u0300" * 20, "\u0e33\u0e33",
    b"\xff", b"a\xffb", b"\xe4\xbd", b"\xe4\xbdA\xf0\x9f\x98", b"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", b"ok \xf0\x9f\x98\x80 \xf0\x9f bad",
]
WORDS = ("hello world this is a test of words the assistant gives helpful detailed and polite answers to a curious user "
         "USER ASSISTANT what is in the image one two three four nothing more lines now it's don't we're 123 2024 10 "
         "user system INST caf\u00e9 na\u00efve \u4f60\u597d \u4e16\u754c \u0645\u0631\u062d\u0628\u0627 \U0001f600").split()
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def corpus():
    lines = []
    for i in range(300):
        picked = [WORDS[(i * 7 + k * k * (1 + i % 5)) % len(WORDS)] for k in range(9)]
        lines.append((" " if i % 3 else "\n").join(picked) + (".", "!\n", "?", "  ", "")[i % 5])
    return lines


def byte_level(pre_tokenizer, special, size=420):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def save(name, tokenizer, config, change=lambda file: None):
    folder = HERE / "tokenizers" / name
    folder.mkdir(parents=True, exist_ok=True)
    file = json.loads(tokenizer.to_str())
    change(file)
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def gpt2():
    """As GPT-2's file: merges as strings, the regular expression inside ByteLevel."""
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)

    def change(file):
        file["model"]["merges"] = [" ".join(merge) for merge in file["model"]["merges"]]
        file["model"]["continuing_subword_prefix"] = file["model"]["end_of_word_suffix"] = ""

    save("gpt2", tokenizer, dict(tokenizer_class="GPT2Tokenizer", bos_token="<|endoftext|>", eos_token="<|endoftext|>",
                                 unk_token="<|endoftext|>", add_prefix_space=False), change)


def added():
    """A space before every piece, and added tokens with every flag."""
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), ["<|endoftext|>"])
    tokenizer.add_tokens([AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False),
                          AddedToken("wordtok", single_word=True, normalized=False), AddedToken("NormTok", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<both>", lstrip=True, rstrip=True), AddedToken("<|im_start|>"), AddedToken("<|im_start|>>")])
    save("added", tokenizer, dict(tokenizer_class="PreTrainedTokenizerFast", eos_token="<|endoftext|>"))


def llama3():
    """Llama-3's: a Split by regular expression, then bytes; bos by a template; whole words first."""
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer = byte_level(split, special)
    bos = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B", special_tokens=[bos])])

    def change(file):
        # Specials behind the vocabulary, as there; a word that no merge makes, for ignore_merges.
        vocab = [t for t in sorted(file["model"]["vocab"], key=file["model"]["vocab"].get) if t not in special]
        vocab.append("Hello")
        file["model"]["vocab"] = {t: i for i, t in enumerate(vocab)}
        file["model"]["ignore_merges"] = True
        for i, token in enumerate(file["added_tokens"]):
            token["id"] = len(vocab) + i
        file["post_processor"]["processors"][1]["special_tokens"]["<|begin_of_text|>"]["ids"] = [len(vocab)]

    save("llama3", tokenizer, dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<|begin_of_text|>", eos_token="<|eot_id|>",
                                   clean_up_tokenization_spaces=True), change)
    (HERE / "tokenizers/llama3/generation_config.json").write_text(json.dumps(dict(eos_token_id=[422, 425])))


def smollm2():
    """SmolLM2's: every digit alone, then GPT-2's bytes."""
    split = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer = byte_level(split, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    save("smollm2", tokenizer, dict(tokenizer_class="GPT2Tokenizer", bos_token="<|im_start|>", eos_token="<|im_end|>", unk_token="<|endoftext|>",
                                    pad_token="<|im_end|>", add_prefix_space=False, clean_up_tokenization_spaces=False))


def llama():
    """LLaMA's sentencepiece model as a tokenizer.json: of transformers 4 (Prepend, Replace) and 5 (Metaspace)."""
    modern = LlamaTokenizer.from_pretrained(HERE / "llava", legacy=False)
    config = dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>")
    save("llama_new", modern.backend_tokenizer, config)

    def change(file):
        file["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
        file["pre_tokenizer"] = None
        file["model"]["merges"] = [" ".join(merge) for merge in file["model"]["merges"]]
        file["added_tokens"].append(dict(id=302, content="NormTok", single_word=False, lstrip=False, rstrip=False, normalized=True, special=False))

    save("llama_old", modern.backend_tokenizer, config, change)


def splits():
    """Every behaviour of Split, Digits in runs, an unknown token, no bytes to fall back to."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex("[\u0300-\u036f]+"), ""), normalizers.Replace("//", " / ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex("\\s+"), "merged_with_next"), pre_tokenizers.Split("-", "removed"),
        pre_tokenizers.Split(Regex("[A-Z]"), "contiguous"), pre_tokenizers.Split(Regex("[!?.]"), "merged_with_previous"),
        pre_tokenizers.Split(Regex("[a-z\\s]+"), "isolated", invert=True), pre_tokenizers.Split(Regex("(?=t)"), "isolated"),
        pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Metaspace(prepend_scheme="always", split=True)])
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "</s>"], show_progress=False))
    save("splits", tokenizer, dict(tokenizer_class="PreTrainedTokenizerFast", eos_token="</s>", unk_token="<unk>"))


def never():
    """Metaspace without a prefix and without splits, characters that are dropped, a decoder that only joins by spaces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=150, special_tokens=["</s>"], show_progress=False, max_token_length=9))
    save("never", tokenizer, dict(tokenizer_class="PreTrainedTokenizerFast", eos_token="</s>"))


def make_tokenizers():
    for make in (gpt2, added, llama3, smollm2, llama, splits, never):
        make()
    golden = {"texts": [{"hex": t.hex()} if isinstance(t, bytes) else {"text": t} for t in HARD], "tokenizers": {}}
    shown = [t.decode("utf-8", "replace") if isinstance(t, bytes) else t for t in HARD]
    for folder in sorted((HERE / "tokenizers").iterdir()):
        library = Tokenizer.from_file(str(folder / "tokenizer.json"))
        fast = PreTrainedTokenizerFast.from_pretrained(folder)
        entries = []
        for text in shown:
            ids = library.encode(text, add_special_tokens=False).ids
            assert fast.encode(text, add_special_tokens=False) == ids, (folder.name, text)
            entry = dict(ids=ids, around=fast.encode(text), decoded=fast.decode(ids, skip_special_tokens=True))
            assert library.decode(ids, skip_special_tokens=True) == entry["decoded"], (folder.name, text)
            entry["shown"] = fast.decode(ids, skip_special_tokens=False)
            if entry["around"] == ids:
                del entry["around"]
            for key in ("decoded", "shown"):  # "": the text itself
                entry[key] = None if entry[key] == text else entry[key]
            if entry["shown"] == entry["decoded"]:
                del entry["shown"]
            entries.append(entry)
        golden["tokenizers"][folder.name] = entries
    (HERE / "tokenizers.json").write_text(json.dumps(golden).replace("}, {", "},\n{"))


TEXTS = ["Hello this is a test", "", " ", "  two  spaces ", "line\nbreak\n\n", "tab\tand\rreturn", "\u7bc7 \u4f60\u597d\u4e16\u754c",
         "emoji \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467", "caf\u00e9 na\u00efve \u00df", "\x01\x02\x7f", "\u2581already", "a</s>b <s> c",
         "</s>Human: hi", "<unk>", "x<image>y <image>\nz", "<pad><pad>", "1234567890 3.14", "don't stop", "\u00a0nbsp", "a" * 40]
TURNS = [[("What is this?", "a test")], [("<image>\nWhat is in the image?", "two lines"), ("and now?", "nothing more")],
         [("look <image> here", "a")], [("a b c", "it is a test of words"), ("one", "two"), ("three", "four")]]
SYSTEMS = {"vicuna_v1": "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
                        "helpful, detailed, and polite answers to the user's questions.",
           "llava_v1": "A chat between a curious human and an artificial intelligence assistant. The assistant gives "
                       "helpful, detailed, and polite answers to the human's questions."}


def make_llava_tokenizer(folder):
    words = ("hello this is a test of words the assistant gives helpful detailed and polite answers to a curious user "
             "USER ASSISTANT what is in the image one two three four nothing more lines now").split()
    r = np.random.RandomState(0)
    lines = [" ".join(r.choice(words, 8)) for _ in range(400)]
    with open(folder / "tokenizer.model", "wb") as file:
        spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=file, vocab_size=PIECES, model_type="bpe",
                                       byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity",
                                       remove_extra_whitespaces=False, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
                                       split_digits=True, allow_whitespace_only_pieces=True, minloglevel=2)
    added = {str(i): dict(content=c, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
             for i, c in ((0, "<unk>"), (1, "<s>"), (2, "</s>"), (IMAGE, "<image>"), (PAD, "<pad>"))}
    (folder / "tokenizer_config.json").write_text(json.dumps(
        dict(tokenizer_class="LlamaTokenizer", legacy=True, add_bos_token=True, add_eos_token=False, bos_token="<s>",
             eos_token="</s>", unk_token="<unk>", pad_token="<pad>", added_tokens_decoder=added,
             clean_up_tokenization_spaces=False, extra_special_tokens={"image_token": "<image>"}), indent=1))


def make_llava_texts():
    folder = HERE / "llava"
    make_llava_tokenizer(folder)
    golden = {"texts": [], "prompts": []}
    slow = {legacy: SlowLlama(folder / "tokenizer.model", legacy, {"<unk>": 0, "<s>": 1, "</s>": 2, "<image>": IMAGE, "<pad>": PAD}, PAD) for legacy in (True, False)}
    fast = LlamaTokenizer.from_pretrained(folder, legacy=True)
    differing = []
    for text in TEXTS + [t for t in HARD if t not in TEXTS]:
        shown = {"hex": text.hex()} if isinstance(text, bytes) else {"text": text}
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        entry = dict(shown, legacy=slow[True].encode(text), modern=slow[False].encode(text))
        entry["decoded"] = fast.decode(entry["legacy"], skip_special_tokens=True)
        golden["texts"].append(entry)
        if text in TEXTS and fast.encode(text, add_special_tokens=False) != entry["legacy"]:
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
    (HERE / "texts.json").write_text(json.dumps(golden).replace("}, {", "},\n{"))


CHATS = [["hello"], ["what is it", "a test", "and now?"], ["a b", "c d", "  e f \n", "g\n"], ["it's {{ 1 }} {% x %} \"q\" \\ \u4f60 \U0001f600", "<b>&amp;</b>", "'"],
         ["", "", "x"]]
# Which template goes with which tokenizer, and where transformers looks for it.
CHECKPOINTS = {"smollm2": ("chatml", "tokenizer_config.json"), "llama3": ("llama3", "chat_template.jinja"), "llama_old": ("llama2", "tokenizer_config.json list")}


def conversations():
    for texts in CHATS:
        for system in (None, " be brief "):
            messages = [] if system is None else [dict(role="system", content=system)]
            messages += [dict(role=("user", "assistant")[i % 2], content=t) for i, t in enumerate(texts)]
            yield messages
    yield [dict(role="assistant", content="first")]


def render(tokenizer, template, messages, prompt):
    shown = messages
    if template == "llava":
        shown = [dict(m, content=[dict(type="text", text=m["content"])]) for m in messages]
    try:
        return dict(text=tokenizer.apply_chat_template(shown, chat_template=chat_templates.TEMPLATES[template], tokenize=False, add_generation_prompt=prompt))
    except Exception as error:  # what the template raises
        return dict(error=str(error))


def install(name):
    """Puts a checkpoint's template where its file says."""
    template, place = CHECKPOINTS[name]
    folder, source = HERE / "tokenizers" / name, chat_templates.TEMPLATES[template]
    if place == "chat_template.jinja":
        return (folder / place).write_text(source)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = [dict(name="tool_use", template="no"), dict(name="default", template=source)] if place.endswith("list") else source
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def make_chats():
    for name in CHECKPOINTS:
        install(name)
    golden = {"templates": chat_templates.TEMPLATES, "rendered": [], "encoded": []}
    tokenizer = PreTrainedTokenizerFast.from_pretrained(HERE / "tokenizers/llama_new")
    for template in chat_templates.TEMPLATES:
        for messages in conversations():
            for prompt in (False, True):
                golden["rendered"].append(dict(template=template, messages=messages, prompt=prompt, **render(tokenizer, template, messages, prompt)))
    for name in CHECKPOINTS:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(HERE / "tokenizers" / name)
        for messages in list(conversations())[:-1]:
            answered = messages[-1]["role"] == "assistant"
            out = tokenizer.apply_chat_template(messages, add_generation_prompt=not answered, return_dict=True, return_assistant_tokens_mask=answered)
            entry = dict(tokenizer=name, messages=messages, ids=out["input_ids"])
            if answered:
                entry["mask"] = out["assistant_masks"]
            golden["encoded"].append(entry)
    (HERE / "chat.json").write_text(json.dumps(golden).replace("}, {\"template\"", "},\n{\"template\""))


if __name__ == "__main__":
    make_llava_texts()
    make_tokenizers()
    make_chats()
