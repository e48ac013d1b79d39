"""One task of the benchmark with vlsweep's own program, vlsweep-trainer, as its users run it.

Standard library alone (see cases.py). Figures come from what the program prints and from its process.
"""
import json
import os
import subprocess
import time
from pathlib import Path

from cases import CASES, LR


class Failed(Exception):
    """The program refused or died; the text is its last line."""


def measured(command, environment):
    """Runs a command; (standard output, standard error, seconds, high-water mark of memory in bytes)."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        begin = time.perf_counter()
        # Both pipes are read to their ends before the process is waited for by wait4.
        out, error = read_both(process)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
    if process.returncode:
        raise Failed((error.strip().splitlines() or [f"exit status {process.returncode}"])[-1])
    return out, error, seconds, usage.ru_maxrss * 1024


def read_both(process):
    import threading
    parts = {}
    reader = threading.Thread(target=lambda: parts.update(error=process.stderr.read()))
    reader.start()
    out = process.stdout.read()
    reader.join()
    return out, parts["error"]


class Side:
    def __init__(self, trainer, name, folder, threads, dtype, scratch):
        self.trainer, self.case, self.folder = str(trainer), CASES[name], Path(folder)
        self.threads, self.dtype, self.scratch = threads, dtype, Path(scratch)
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(threads))

    def run(self, task):
        """{"rate" tokens/s or "seconds", "peak" bytes, ...}"""
        return self.train(task) if task in ("full", "lora") else getattr(self, task)()

    def stage(self, tuning):
        case = self.case
        source = {"name": "helpful", "format": "llava", "@path": str(self.folder / "train.json")}
        if "tower" in case:
            source["@images"] = str(self.folder / "images")
        spec = dict(recipe=2, role="vision_language", base={"@path": str(self.folder / "model")}, prompt=case["prompt"], image_mode="pad",
                    data=[source], tuning=tuning, freeze=["vision_tower"], lr=LR, projector_lr=None, betas=[0.9, 0.999], weight_decay=0.0,
                    clip=0.0, schedule="constant", warmup=0.0, steps=case["steps"], epochs=None, batch=case["batch"],
                    micro_batch=case["micro_batch"], grouping="none", seed=0, threads=self.threads, strict=True)
        if self.dtype != "float32":
            spec["dtype"] = self.dtype
        if tuning == "lora":
            spec["lora"] = dict(rank=case["lora_rank"], alpha=2 * case["lora_rank"], dropout=0.0)
        return dict(type="run", stage=1, attempt=1, kind="tune", parents=[], out=str(self.scratch / "out"), spec=spec)

    def train(self, tuning):
        stage = self.scratch / "stage.json"
        stage.write_text(json.dumps(self.stage(tuning)))
        _, error, _, peak = measured([self.trainer, str(stage)], self.environment)
        points = [point for line in error.splitlines() if line.startswith("{") for point in json.loads(line)["points"]]
        series = lambda name: [value for kind, _, value in points if kind == name]
        return dict(rates=series("tokens_per_s"), losses=series("loss"), peak=peak)

    def generate(self):
        out, _, seconds, peak = measured(
            [self.trainer, "generate", "--model", str(self.folder / "model"), "--prompt-file", str(self.folder / "prompts.jsonl"),
             "--raw", "--max-new-tokens", str(self.case["new_tokens"]), "--dtype", self.dtype, "--threads", str(self.threads), "--json"], self.environment)
        rows = [json.loads(line)["output_ids"] for line in out.splitlines()]
        return dict(rate=sum(map(len, rows)) / (seconds - self.load()["seconds"]), rows=rows, peak=peak)

    def load(self):
        """From the process's start to its first logits, less what the process needs to start at all."""
        _, _, bare, _ = measured([self.trainer, "--version"], self.environment)
        _, _, seconds, peak = measured([self.trainer, "logits", "--model", str(self.folder / "model"), "--raw", "--prompt", "hello", "--dtype", self.dtype,
                                        "--threads", str(self.threads), "--json"], self.environment)
        return dict(seconds=seconds - bare, peak=peak)
