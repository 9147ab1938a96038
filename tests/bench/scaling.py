#!/usr/bin/env python3
"""How the time of a training step grows with threads and with the batch. Runs `gradus bench` in turns over rounds and
prints medians.

  tests/bench/scaling.py                              # both, of resnet20, vit and airbench
  tests/bench/scaling.py threads batch --rounds 5 --workloads resnet20 vit
  tests/bench/scaling.py threads --threads 1,2,4,8,16 --workloads mlp gpt

threads: time with the first number of threads / time with each other. batch: samples a second for 32 to 512 samples a step, and the largest
over the smallest. A round goes through all settings once, so that a noisy machine disturbs all alike.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BATCHES = [32, 64, 128, 256, 512]


def bench(program, workload, seconds, *flags):
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    command = [program, "bench", workload, "--json", "--time", str(seconds), *map(str, flags)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[0])


def medians(settings, rounds, measure):
    """{setting: median of measure(setting)}, all settings in each round."""
    runs = {setting: [] for setting in settings}
    for _ in range(rounds):
        for setting in settings:
            runs[setting].append(measure(setting))
    return {setting: statistics.median(values) for setting, values in runs.items()}


def threads(arguments, workload):
    first, *others = arguments.threads
    times = {n: [] for n in arguments.threads}
    for _ in range(arguments.rounds):
        for n in times:
            times[n].append(bench(arguments.gradus, workload, arguments.time, "--threads", n)["step_s"])
    print(f"{workload:10} threads {first}: {statistics.median(times[first]) * 1e3:8.2f} ms", flush=True)
    for n in others:
        ratios = [one / other for one, other in zip(times[first], times[n])]
        print(f"{'':10} threads {n}: {statistics.median(times[n]) * 1e3:8.2f} ms   ratio {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def batch(arguments, workload):
    rates = medians(BATCHES, arguments.rounds, lambda n: bench(
        arguments.gradus, workload, arguments.time, "--threads", arguments.threads[-1], "--batch-size", n)["samples_per_s"])
    print(f"{workload:10} samples/s " + "  ".join(f"{n}: {rate:.0f}" for n, rate in rates.items())
          + f"   largest / smallest {max(rates.values()) / min(rates.values()):.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=[], help="threads, batch (default: both)")
    parser.add_argument("--workloads", nargs="+", default=["resnet20", "vit", "airbench"])
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2],
                        metavar="N,N,...", help="numbers of threads (default: 1,2)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--time", type=float, default=1.0, help="seconds for each figure")
    parser.add_argument("--gradus", default=os.path.join(ROOT, "build", "bin", "gradus"))
    arguments = parser.parse_args()
    kinds = {"threads": threads, "batch": batch}
    unknown = [what for what in arguments.what if what not in kinds]
    if unknown:
        sys.exit(f"scaling: unknown {unknown[0]!r}; valid: {', '.join(kinds)}")
    if not os.path.exists(arguments.gradus):
        sys.exit(f"scaling: there is no {arguments.gradus}; build it or name it with --gradus")
    for what in arguments.what or kinds:
        for workload in arguments.workloads:
            kinds[what](arguments, workload)


if __name__ == "__main__":
    main()
