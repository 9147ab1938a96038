#!/usr/bin/env python3
"""What a training step takes beside other programs that need a processor: mlp's, alone and with busy loops, in turns.

  tests/bench/beside.py                    # rounds of five settings, medians
  tests/bench/beside.py --gradus OLD --gradus NEW --rounds 5
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SETTINGS = [(0, 2), (0, 1), (1, 2), (1, 1), (2, 2)]  # busy loops beside, threads
STEPS, BATCH = 1500, 128


def step_ms(program, beside, threads):
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(beside)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [program, "train", "--data", "digits", "--model", "mlp:hidden=256-128", "--batch-size", str(BATCH), "--steps", str(STEPS),
                 "--eval-every", str(STEPS), "--threads", str(threads), "--quiet", "--json", "--out", os.path.join(folder, "run")],
                check=True, stdout=subprocess.PIPE, text=True, env=env)
        return BATCH / json.loads(done.stdout)["samples_per_s"] * 1e3
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gradus", action="append", help="program; several are compared in turns")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    programs = arguments.gradus or [os.path.join(ROOT, "build", "bin", "gradus")]
    times = {(p, s): [] for p in programs for s in SETTINGS}
    for _ in range(arguments.rounds):
        for program, setting in times:
            times[program, setting].append(step_ms(program, *setting))
    for program in programs:
        for beside, threads in SETTINGS:
            ms = times[program, (beside, threads)]
            print(f"{program}: {beside} busy beside, {threads} threads: {statistics.median(ms):.2f} ms a step "
                  f"({min(ms):.2f} to {max(ms):.2f})")


if __name__ == "__main__":
    main()
