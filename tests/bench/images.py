"""From a JPEG of 1000 x 800 to the tensor of 448 x 448: vlsweep against Pillow and numpy, side by side.

Usage: images.py BIN/image_bench [REPEATS]. Both sides run in turns; the smallest of the rounds' medians counts.
"""
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

MEAN, STD = np.float32((0.48145466, 0.4578275, 0.40821073)), np.float32((0.26862954, 0.26130258, 0.27577711))
ROUNDS, SIZE = 5, (448, 448)


def photo(path):
    state = np.random.RandomState(0)
    y, x = np.mgrid[0:800, 0:1000]
    channels = [127 + 120 * np.sin(0.021 * (k + 1) * x + 0.013 * y) * np.cos(0.017 * y) for k in range(3)]
    values = np.stack(channels, -1) + state.randn(800, 1000, 3) * 6
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path, quality=85)


def median_ms(repeats, work):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def pillow_side(path, repeats):
    def decode():
        return Image.open(path).convert("RGB")

    def tensor(image):
        return ((np.asarray(image.resize(SIZE, Image.BICUBIC), np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1).copy()
    image = decode()
    return {"decode": median_ms(repeats, decode), "resize": median_ms(repeats, lambda: image.resize(SIZE, Image.BICUBIC)),
            "tensor": median_ms(repeats, lambda: tensor(decode()))}


def main():
    program, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        photo(path)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            done = subprocess.run([program, str(path), str(repeats)], capture_output=True, text=True, check=True)
            ours.append(json.loads(done.stdout))
            theirs.append(pillow_side(path, repeats))
    print(f"{'':8} {'vlsweep ms':>11} {'Pillow ms':>10} {'ratio':>6}")
    for what in ("decode", "resize", "tensor"):
        a, b = (min(side[what] for side in sides) for sides in (ours, theirs))
        print(f"{what:8} {a:11.2f} {b:10.2f} {b / a:6.2f}")


if __name__ == "__main__":
    main()
