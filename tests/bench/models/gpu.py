"""On a CUDA device, at LLaVA-1.5-7B's shape with random weights: model-FLOPs utilisation of LoRA and
full fine-tuning, and decoding against the bound that the memory's bandwidth sets.

Model FLOPs are those of the language model alone (the tower's features are computed once), without
what is computed again; a token's forward pass is 2 P + 2 L h S for P weights in matrices, L layers of
width h and S positions; backward is twice that, or with LoRA once for the frozen matrices.
"""
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import vlsweep_side
from cases import CASES
from vlsweep_side import Failed, measured

# Dense bfloat16 FLOP/s and bytes/s, from the vendor's data sheets, by what the device's name holds.
DEVICES = {"H200": (989e12, 4.8e12), "H100": (989e12, 3.35e12), "A100": (312e12, 2.039e12)}
LAYERS, WIDTH, MATRICES, HEAD = 32, 4096, 6.476e9, 32064 * 4096
LORA_PER_RANK = 2 * 319.8e6 / 256  # weights of all seven matrices' LoRA, per unit of rank
BYTES = 2
CACHE_PER_TOKEN = 2 * LAYERS * WIDTH * BYTES
NAME = "llava-7b"
NEW_TOKENS = 256


def device_limits():
    name = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip()
    return name, next((limits for key, limits in DEVICES.items() if key in name), None)


def flops_per_token(tuning, positions, rank):
    matrices, attention = 2 * MATRICES, 2 * LAYERS * WIDTH * positions
    if tuning == "full":
        return 3 * (matrices + attention)
    return 2 * matrices + 3 * attention + 3 * 2 * LORA_PER_RANK * rank


def utilisation(side, tuning, peak):
    result = side.train(tuning)
    rate = statistics.median(result["rates"][2:])
    case = CASES[NAME]
    share = rate * flops_per_token(tuning, case["positions"], case["lora_rank"]) / peak
    print(f"{NAME:<14}{'model-FLOPs utilisation, ' + tuning:<40}{rate:>10.0f} tokens/s{share:>8.1%}  aim 50%")
    return dict(tuning=tuning, tokens_per_s=rate, utilisation=share)


def decode_seconds(side, prompts, count):
    file = side.scratch / "prompts.jsonl"
    file.write_text("".join(prompts))
    out, _, seconds, _ = measured([side.trainer, "generate", "--model", str(side.folder / "model"), "--prompt-file", str(file), "--raw", "--dtype",
                                   "bfloat16", "--image-mode", "pad", "--max-new-tokens", str(count), "--json"], side.environment)
    return sum(len(json.loads(line)["output_ids"]) for line in out.splitlines()), seconds


def decoding(side, batch, bandwidth):
    lines = (side.folder / "prompts.jsonl").read_text().splitlines(keepends=True)
    prompts = (lines * batch)[:batch]
    few, begin = decode_seconds(side, prompts, 1)
    many, end = decode_seconds(side, prompts, NEW_TOKENS)
    rate = (many - few) / (end - begin)
    positions = CASES[NAME]["positions"] + NEW_TOKENS / 2
    bound = batch * bandwidth / ((MATRICES + HEAD) * BYTES + batch * positions * CACHE_PER_TOKEN)
    print(f"{NAME:<14}{f'decoding, batch {batch}':<40}{rate:>10.0f} tokens/s{rate / bound:>8.1%}  of the bandwidth's {bound:.0f}, aim 60%")
    return dict(batch=batch, tokens_per_s=rate, bound=bound)


def run(trainer, root):
    name, limits = device_limits()
    if limits is None:
        print(f"not measured: no data sheet figures for {name!r} (gpu.py DEVICES)")
        return dict(device=name)
    print(f"{name}, bfloat16, {limits[0] / 1e12:.0f} TFLOP/s, {limits[1] / 1e12:.2f} TB/s")
    folder = Path(root) / NAME
    subprocess.run([sys.executable, str(Path(__file__).parent / "make_inputs.py"), NAME, str(folder)], check=True, stdout=subprocess.DEVNULL)
    report = dict(device=name, training=[], decoding=[])
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        side = vlsweep_side.Side(trainer, NAME, folder, 8, "bfloat16", scratch)
        for tuning in ("lora", "full"):
            try:
                report["training"].append(utilisation(side, tuning, limits[0]))
            except Failed as error:
                print(f"{NAME:<14}not measured: {tuning}: {error}")
        for batch in (1, 32, 128):
            try:
                report["decoding"].append(decoding(side, batch, limits[1]))
            except Failed as error:
                print(f"{NAME:<14}not measured: decoding, batch {batch}: {error}")
    return report
