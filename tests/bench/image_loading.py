#!/usr/bin/env python3
"""Times reading a folder of JPEG photographs: `gradus data show folder:...`, which decodes, resizes and measures all of them,
against Pillow's decoder and resampling in as many processes. Both sides in turn; the medians' ratio is printed.

  python3 tests/bench/image_loading.py build/gradus [--images 10000] [--size 32] [--rounds 3] [--folder DIR]

The pictures (500x375, quality 90, a sum of soft waves and grain, about 80 kB) are made once in --folder. Needs Pillow.
"""
import argparse
import io
import math
import multiprocessing
import os
import random
import statistics
import subprocess
import time

from PIL import Image


def make_one(job):
    path, seed = job
    draw = random.Random(seed)
    width, height = 500, 375
    waves = [(draw.uniform(-0.05, 0.05), draw.uniform(-0.05, 0.05), draw.uniform(0, 6.3)) for _ in range(3)]
    small = Image.new("RGB", (125, 94))
    small.putdata([
        tuple(int(127 + 100 * math.sin(4 * (a * x + b * y) + c)) for a, b, c in waves)
        for y in range(94) for x in range(125)
    ])
    picture = small.resize((width, height), Image.BICUBIC)
    grain = Image.effect_noise((width, height), 24).convert("RGB")
    Image.blend(picture, grain, 0.25).save(path, quality=90)


def make_folder(folder, images):
    jobs = []
    for i in range(images):
        path = os.path.join(folder, f"class{i % 10}", f"{i:05d}.jpg")
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            jobs.append((path, i))
    with multiprocessing.Pool() as pool:
        pool.map(make_one, jobs, 64)


def read_with_pillow(job):
    path, size = job
    with open(path, "rb") as f:
        picture = Image.open(io.BytesIO(f.read())).convert("RGB").resize((size, size), Image.BILINEAR)
    return len(picture.tobytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default="/tmp/gradus-photographs")
    given = parser.parse_args()
    make_folder(given.folder, given.images)
    jobs = [(os.path.join(d, f), given.size) for d, _, files in os.walk(given.folder) for f in files if f.endswith(".jpg")]
    ours, theirs = [], []
    for _ in range(given.rounds):
        start = time.perf_counter()
        subprocess.run([given.program, "data", "show", f"folder:path={given.folder},size={given.size}",
                        "--out", os.path.join(given.folder, "sheet.png")],
                       check=True, stdout=subprocess.DEVNULL)
        ours.append(time.perf_counter() - start)
        with multiprocessing.Pool() as pool:
            start = time.perf_counter()
            pool.map(read_with_pillow, jobs, 64)
            theirs.append(time.perf_counter() - start)
        print(f"gradus {ours[-1]:.2f} s, Pillow {theirs[-1]:.2f} s", flush=True)
    n, a, b = len(jobs), statistics.median(ours), statistics.median(theirs)
    print(f"{n} images on {os.cpu_count()} processors: gradus {n / a:.0f} images/s, Pillow {n / b:.0f}, ratio {b / a:.2f}")


if __name__ == "__main__":
    main()
