#!/usr/bin/env python3
"""Where the time of training steps goes: samples of `perf record` on `gradus bench`, sorted into kinds of work.

  tests/bench/where_time_goes.py                     # the six training workloads
  tests/bench/where_time_goes.py vit gpt-10m --threads 2 --time 5

products: multiply-adds in tiles (matrix products, convolutions). packing: operands and tiles brought into the order in which products read
them, Winograd's transforms. passes: everything that reads and writes memory once for a few operations (activations, norms,
softmax, sums, pooling, the optimizer, gradients that meet). waiting: threads without work. system: the kernel. other: the graph,
the allocator, C library. Needs perf (exit 77 without it); the measurement of the peak and the first draws of weights do not count.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# In this order: the first pattern that occurs in a symbol says its kind.
KINDS = [
    ("skip", r"bench::.*chains|Rng::|quick_normals|clear_page|_dl_|do_lookup"),
    ("waiting", r"Signal::|ThreadPool::wait|spin_pause|sched_yield|futex"),
    ("products", r"gemm_tile|spread_product|outer_product|dot_tile|lane_product|spread_row|sum_lanes|[sd]gemm_|cblas"),
    ("packing", r"pack|transform|both_ways|mirror_lower|transpose|Pass::run|Queue::|memmove|memcpy"),
    ("passes", r"gradus::"),
]


def kind_of(symbol, module):
    for kind, pattern in KINDS:
        if re.search(pattern, symbol):
            return kind
    return "system" if "kernel" in module else "other"


def shares(program, workload, threads, seconds):
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        subprocess.run(["perf", "record", "-q", "-F", "999", "-o", data, program, "bench", workload, "--threads", str(threads),
                        "--time", str(seconds)], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        report = subprocess.run(["perf", "report", "-i", data, "--no-children", "--stdio", "-F", "overhead,dso,symbol", "-t", "\t"],
                                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    sums = {}
    for line in report.splitlines():
        parts = line.split("\t")
        if line.startswith("#") or len(parts) < 3:
            continue
        kind = kind_of(parts[2], parts[1])
        sums[kind] = sums.get(kind, 0) + float(parts[0].strip().rstrip("%"))
    sums.pop("skip", None)
    total = sum(sums.values())
    return {kind: 100 * value / total for kind, value in sums.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=["mlp", "lenet", "resnet20", "vit", "gpt", "airbench"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--time", type=float, default=4, help="seconds of each")
    parser.add_argument("--gradus", default=os.path.join(ROOT, "build", "bin", "gradus"))
    arguments = parser.parse_args()
    if not shutil.which("perf"):
        print("where_time_goes: perf is not installed", file=sys.stderr)
        return 77
    kinds = ["products", "packing", "passes", "waiting", "system", "other"]
    print("| % of processor time | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds))
    for workload in arguments.workloads:
        part = shares(arguments.gradus, workload, arguments.threads, arguments.time)
        print(f"| {workload} | " + " | ".join(f"{part.get(kind, 0):.0f}" for kind in kinds) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
