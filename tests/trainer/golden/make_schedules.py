"""Makes schedules.json: the learning rate's factor at every step, by the ecosystem's own code.

Pinned: torch 2.13.0, transformers 5.23.0, and minigpt4/common/optims.py of Vision-CAIR/MiniGPT-4 at d94738a.
Run: python make_schedules.py PATH/OF/minigpt4/common/optims.py (writes beside itself).
"""
import json
import math
import sys
from pathlib import Path

import torch
from transformers import get_scheduler

SHAPES = [(1, 0.0), (7, 0.0), (20, 0.1), (33, 0.03), (50, 0.5), (10, 1.0)]


def optimizer(lr):
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def transformers_factors(kind, steps, warmup_steps):
    one = optimizer(1.0)
    name = "constant_with_warmup" if kind == "constant" else kind
    schedule = get_scheduler(name, one, num_warmup_steps=warmup_steps, num_training_steps=steps)
    factors = []
    for _ in range(steps):
        factors.append(one.param_groups[0]["lr"])
        one.step()
        schedule.step()
    return factors


def lavis_factors(path, steps, warmup_steps, min_factor, warmup_factor):
    code = Path(path).read_text().replace("from minigpt4.common.registry import registry", "")
    space = {"registry": type("R", (), {"register_lr_scheduler": staticmethod(lambda name: lambda cls: cls)})}
    exec(compile(code, path, "exec"), space)
    one = optimizer(1.0)
    schedule = space["LinearWarmupCosineLRScheduler"](
        optimizer=one, max_epoch=1, iters_per_epoch=steps, min_lr=min_factor, init_lr=1.0,
        warmup_steps=warmup_steps, warmup_start_lr=warmup_factor)
    factors = []
    for step in range(steps):
        schedule.step(cur_epoch=0, cur_step=step)
        factors.append(one.param_groups[0]["lr"])
    return factors


def main():
    cases = []
    for steps, warmup in SHAPES:
        warmup_steps = math.ceil(steps * warmup)
        for kind in ("cosine", "linear", "constant"):
            cases.append(dict(kind=kind, steps=steps, warmup=warmup, warmup_steps=warmup_steps, min_factor=0.0,
                              warmup_factor=0.0, factors=transformers_factors(kind, steps, warmup_steps)))
    for steps, warmup_steps, low, first in [(40, 10, 0.1, 0.1), (25, 0, 0.0, 0.0), (12, 12, 0.05, 0.2)]:
        cases.append(dict(kind="linear_warmup_cosine", steps=steps, warmup=None, warmup_steps=warmup_steps,
                          min_factor=low, warmup_factor=first,
                          factors=lavis_factors(sys.argv[1], steps, warmup_steps, low, first)))
    (Path(__file__).resolve().parent / "schedules.json").write_text(json.dumps(cases))


main()
