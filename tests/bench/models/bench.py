"""Ratios against transformers + peft, side by side: training, decoding, loading, memory.

Usage: bench.py --trainer BIN/vlsweep-trainer [--cases micro,llava-20m,smollm2-135m] [--tasks full,lora,generate,load]
                [--repeats 3] [--threads N] [--dtype float32] [--json FILE]

Both sides get the same folders, batches, threads and numbers of tokens, each task in a process of its
own; their repeats take turns, so that a busy machine troubles both alike, and the median counts. On a
machine with a CUDA device gpu.py's figures follow. A table goes to standard output.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import vlsweep_side
from cases import CPU_CASES, TASKS
from vlsweep_side import Failed, measured

HERE = Path(__file__).resolve().parent
AIMS = {"training tokens/s, full": 1.3, "training tokens/s, LoRA": 1.3, "generated tokens/s": 3.0, "load": 3.0, "peak memory": 0.7}
WARM_UP_STEPS = 2


def median(values):
    return statistics.median(values) if values else float("nan")


def figure(task, result):
    if task in ("full", "lora"):
        return median(result["rates"][WARM_UP_STEPS:] or result["rates"])
    return result["rate"] if task == "generate" else result["seconds"]


class TransformersSide:
    def __init__(self, name, folder, threads, dtype):
        self.arguments = [name, str(folder)], [str(threads), dtype]
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1")

    def run(self, task):
        before, after = self.arguments
        out, _, _, peak = measured([sys.executable, str(HERE / "transformers_side.py"), *before, task, *after], self.environment)
        return dict(json.loads(out.splitlines()[-1]), peak=peak)


def agreement(task, ours, theirs):
    """What says that both sides did the same work."""
    if task in ("full", "lora"):
        gap = max(abs(a - b) / b for a, b in zip(ours["losses"][:1], theirs["losses"][:1]))
        return f"first losses differ by {gap:.1e}"
    if task == "generate":
        same = sum(a == b for a, b in zip(ours["rows"], theirs["rows"]))
        return f"{same} of {len(theirs['rows'])} answers equal"
    return ""


def run_task(task, ours, theirs, repeats):
    """Both sides in turn; a dictionary of what was seen, or of why nothing was."""
    figures, peaks, results = ([], []), ([], []), [None, None]
    for _ in range(repeats):
        for i, side in enumerate((theirs, ours)):
            try:
                results[i] = side.run(task)
            except Failed as error:
                return dict(task=task, not_measured=str(error))
            figures[i].append(figure(task, results[i]))
            peaks[i].append(results[i]["peak"])
    return dict(task=task, theirs=median(figures[0]), ours=median(figures[1]), all_theirs=figures[0], all_ours=figures[1],
                peak_theirs=median(peaks[0]), peak_ours=median(peaks[1]), check=agreement(task, results[1], results[0]))


def run_case(name, arguments, root, scratch):
    folder = Path(root) / name
    made = subprocess.run([sys.executable, str(HERE / "make_inputs.py"), name, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if made.returncode:
        return [dict(case=name, task=task, not_measured="its model cannot be had here") for task in arguments.tasks]
    theirs = TransformersSide(name, folder, arguments.threads, arguments.dtype)
    ours = vlsweep_side.Side(arguments.trainer, name, folder, arguments.threads, arguments.dtype, scratch)
    rows = []
    for task in arguments.tasks:
        rows.append(dict(case=name, **run_task(task, ours, theirs, arguments.repeats)))
        print_row(rows[-1])
    return rows


def print_line(case, what, theirs, ours, ratio, aim, note=""):
    print(f"{case:<14}{what:<26}{theirs:>14}{ours:>14}{ratio:>8}  {aim:<9}{note}", flush=True)


def print_row(row):
    task = row["task"]
    what = {"full": "training tokens/s, full", "lora": "training tokens/s, LoRA", "generate": "generated tokens/s", "load": "load"}[task]
    aim = f"{AIMS[what]:g}x"
    if "not_measured" in row:
        return print_line(row["case"], what, "-", "-", "-", aim, "not measured: " + row["not_measured"])
    ratio = row["theirs"] / row["ours"] if task == "load" else row["ours"] / row["theirs"]
    unit = " s" if task == "load" else ""
    print_line(row["case"], what, f"{row['theirs']:.3g}{unit}" if unit else f"{row['theirs']:.0f}",
               f"{row['ours']:.3g}{unit}" if unit else f"{row['ours']:.0f}", f"{ratio:.2f}", aim, row["check"])
    print_line(row["case"], "  its peak memory", f"{row['peak_theirs'] / 2**20:.0f} MiB", f"{row['peak_ours'] / 2**20:.0f} MiB",
               f"{row['peak_ours'] / row['peak_theirs']:.2f}", f"<= {AIMS['peak memory']:g}x")


def has_cuda():
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0 if any(
        os.access(Path(p) / "nvidia-smi", os.X_OK) for p in os.environ.get("PATH", "").split(":")) else False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", required=True, type=Path)
    parser.add_argument("--cases", type=lambda s: s.split(","), default=list(CPU_CASES))
    parser.add_argument("--tasks", type=lambda s: s.split(","), default=list(TASKS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--inputs", type=Path, help="where models and data are kept (default: beside the trainer)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    for given, known in ((arguments.cases, CPU_CASES), (arguments.tasks, TASKS)):
        if set(given) - set(known):
            parser.error(f"{', '.join(set(given) - set(known))}: known are {', '.join(known)}")
    root = arguments.inputs or arguments.trainer.resolve().parent.parent / "bench-models"
    print(f"{platform.machine()}, {arguments.threads} threads of {os.cpu_count()}, {arguments.dtype}, load average {os.getloadavg()[0]:.1f}, "
          f"median of {arguments.repeats}")
    print_line("model", "", "transformers", "vlsweep", "ratio", "aim")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.cases:
            rows += run_case(name, arguments, root, scratch)
    report = dict(machine=platform.machine(), threads=arguments.threads, dtype=arguments.dtype, load_after=os.getloadavg()[0], rows=rows)
    if has_cuda():
        import gpu
        report["gpu"] = gpu.run(arguments.trainer, root)
    else:
        print("not measured: model-FLOPs utilisation and decoding at LLaVA-7B's shape (no CUDA device here)")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
