#!/usr/bin/python3
"""Times gradus and PyTorch in turns on the same machine: one training step of workloads of `gradus bench`, and
optimizer steps on 10,000,000 parameters.

  tests/bench/compare_torch.py                        # the six training workloads, then the optimizers
  tests/bench/compare_torch.py vit gpt --rounds 5
  tests/bench/compare_torch.py unet mobilenet         # further training steps, by name
  tests/bench/compare_torch.py optim --json out.json  # the optimizers alone

Needs the distribution's python3-torch (exit 77 without it) and a built gradus. Each side has 2 threads. PyTorch runs with
OPENBLAS_CORETYPE=SKYLAKEX and ATEN_CPU_CAPABILITY=avx512, each workload in a process of its own, in the fastest of its
own variants (foreach optimizers or not; channels-last images or not), found beforehand; gradus with OPENBLAS_CORETYPE
unset. A round times one side, then the other; a ratio is the median over rounds of torch / gradus.
"""
import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINING = ["mlp", "lenet", "resnet20", "vit", "gpt", "airbench"]
FURTHER = ["unet", "mobilenet", "char-lstm"]  # training workloads outside the mean of the six
# gradus's spec -> torch.optim class and its arguments
OPTIMIZERS = {
    "optim:sgd:momentum=0.9": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "optim:adam": ("Adam", {}),
    "optim:rmsprop": ("RMSprop", {}),
    "optim:radam": ("RAdam", {}),
    "optim:adagrad": ("Adagrad", {}),
    "optim:adadelta": ("Adadelta", {}),
    "optim:nadam": ("NAdam", {}),
    "optim:adamax": ("Adamax", {}),
    "optim:adamw": ("AdamW", {}),
}


# --- PyTorch's side: a process that answers "SECONDS" with the median step time -------------------------------------

def variants(name):
    """Settings of PyTorch's own that may be faster."""
    formats = [False, True] if name in ("lenet", "resnet20", "airbench", "unet", "mobilenet") else [False]
    return [{"foreach": foreach, "channels_last": last} for last, foreach in itertools.product(formats, [False, True])]


def torch_step(name, variant):
    import torch
    import torch.nn.functional as F

    foreach = variant["foreach"]
    if name.startswith("optim:"):
        rule, options = OPTIMIZERS[name]
        weight = torch.nn.Parameter(torch.randn(2500, 4000))
        weight.grad = torch.randn(2500, 4000)
        optimizer = getattr(torch.optim, rule)([weight], foreach=foreach, **options)
        return optimizer.step

    sys.path.insert(0, os.path.join(HERE, "..", "nn"))
    import torch_models as nets

    image = lambda batch, c, size: torch.randn(batch, c, size, size)
    adam = lambda p: torch.optim.Adam(p, foreach=foreach)
    adamw = lambda p: torch.optim.AdamW(p, foreach=foreach)
    make, x, optimizer = {
        "mlp": (lambda: nets.Mlp([784, 256, 128, 10]), image(128, 1, 28), adam),
        "lenet": (nets.LeNet, image(64, 1, 28), adam),
        "resnet20": (lambda: nets.ResNet(20, 16, 10), image(128, 3, 32), lambda p: torch.optim.SGD(
            p, lr=0.01, momentum=0.9, weight_decay=5e-4, foreach=foreach)),
        "vit": (lambda: nets.Vit(32, 4, 128, 6, 4, 10), image(128, 3, 32), adamw),
        "gpt": (lambda: nets.Gpt(65, 64, 128, 4, 4), torch.randint(65, (12, 64)), adamw),
        "airbench": (lambda: nets.Airbench(10), image(128, 3, 32), lambda p: torch.optim.SGD(
            p, lr=0.01, momentum=0.9, nesterov=True, foreach=foreach)),
        "unet": (lambda: nets.UNet(1, 10), image(64, 1, 28), adam),
        "mobilenet": (lambda: nets.MobileNetMini(10), image(128, 3, 32), lambda p: torch.optim.SGD(
            p, lr=0.01, momentum=0.9, weight_decay=5e-4, foreach=foreach)),
        "char-lstm": (lambda: nets.CharLstm(65, 64, 256, 1), torch.randint(65, (32, 64)), adam),
    }[name]
    net = make().train()
    if variant["channels_last"]:
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    y = torch.randint(65, (x.numel(),)) if name in ("gpt", "char-lstm") else torch.randint(10, (x.shape[0],))
    optimizer = optimizer([p for p in net.parameters() if p.requires_grad])

    if name == "unet":
        time, classes, noise = torch.rand(64), torch.randint(11, (64,)), torch.randn_like(x)

    def step():
        optimizer.zero_grad(set_to_none=True)
        if name == "unet":
            F.mse_loss(net(x, time, classes), noise).backward()
            return optimizer.step()
        out = net(x)
        F.cross_entropy(out.reshape(-1, out.shape[-1]), y).backward()
        optimizer.step()

    return step


def median_of(step, seconds, least):
    times, begin = [], time.perf_counter()
    while len(times) < least or time.perf_counter() - begin < seconds:
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def peak_rss():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024


def worker(name, variant):
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(2)
    step = torch_step(name, variant)
    for _ in range(3):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, least = line.split()
        print(json.dumps({"step_s": median_of(step, float(seconds), int(least)), "peak_rss": peak_rss()}), flush=True)


class Torch:
    def __init__(self, name, variant):
        env = dict(os.environ, OPENBLAS_CORETYPE="SKYLAKEX", ATEN_CPU_CAPABILITY="avx512", OMP_NUM_THREADS="2")
        command = [sys.executable, os.path.abspath(__file__), "--worker", name, json.dumps(variant)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"compare_torch: torch cannot run {name}")

    def time(self, seconds, least=3):
        self.process.stdin.write(f"{seconds} {least}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# --- gradus's side ---------------------------------------------------------------------------------------------------

def gradus_step(program, name, seconds):
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    command = [program, "bench", name, "--json", "--threads", "2", "--time", str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[0])


def compare(program, name, rounds, seconds):
    trials = {}
    for k, variant in enumerate(variants(name)):
        torch_side = Torch(name, variant)
        trials[k] = torch_side.time(seconds / 2)["step_s"]
        torch_side.close()
    variant = variants(name)[min(trials, key=trials.get)]
    torch_side, theirs, ours = Torch(name, variant), [], []
    for _ in range(rounds):
        theirs.append(torch_side.time(seconds))
        ours.append(gradus_step(program, name, seconds))
    torch_side.close()
    ratios = [t["step_s"] / g["step_s"] for t, g in zip(theirs, ours)]
    best = min(ours, key=lambda g: g["step_s"])
    return {
        "workload": name,
        "torch_s": statistics.median(t["step_s"] for t in theirs),
        "gradus_s": statistics.median(g["step_s"] for g in ours),
        "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
        "percent_of_peak": best["percent_of_peak"], "times_triad": best.get("times_triad"),
        "torch_rss": max(t["peak_rss"] for t in theirs), "gradus_rss": max(g["peak_rss"] for g in ours),
        "torch_variant": "+".join(k for k, v in variant.items() if v) or "plain",
    }


def report(rows):
    print(f"{'workload':<24}{'torch':>10}{'gradus':>10}{'ratio':>7}{'(range)':>14}{'of peak':>9}{'RSS torch':>11}"
          f"{'gradus':>9}  torch variant")
    for r in rows:
        share = f"{r['percent_of_peak']:.1f} %" if r["percent_of_peak"] else (
            f"{r['times_triad']:.2f} tr" if r["times_triad"] else "-")
        print(f"{r['workload']:<24}{r['torch_s'] * 1e3:>7.2f} ms{r['gradus_s'] * 1e3:>7.2f} ms{r['ratio']:>7.2f}"
              f"{r['ratio_min']:>7.2f}-{r['ratio_max']:<5.2f}{share:>10}{r['torch_rss'] / 1e6:>8.0f} MB"
              f"{r['gradus_rss'] / 1e6:>6.0f} MB  {r['torch_variant']}")
    for title, rows in (("training", [r for r in rows if r["workload"] in TRAINING]),
                        ("further training", [r for r in rows if r["workload"] in FURTHER]),
                        ("optimizers", [r for r in rows if r["workload"] in OPTIMIZERS])):
        if rows:
            mean = math.exp(statistics.fmean(math.log(r["ratio"]) for r in rows))
            least = min(rows, key=lambda r: r["ratio"])
            print(f"{title}: geometric mean of the ratios {mean:.2f}, least {least['ratio']:.2f} ({least['workload']})")


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--worker":
        return worker(sys.argv[2], json.loads(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=" ".join(TRAINING + FURTHER) + " optim " + " ".join(OPTIMIZERS))
    parser.add_argument("--gradus", default=os.path.join(HERE, "..", "..", "build", "bin", "gradus"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--time", type=float, default=1, help="seconds a side and round")
    parser.add_argument("--json", help="also write the rows to this file")
    args = parser.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError:
        print("compare_torch: this Python has no torch (the package python3-torch)", file=sys.stderr)
        return 77
    names = []
    for name in args.workloads or TRAINING + ["optim"]:
        names += list(OPTIMIZERS) if name == "optim" else [name]
    for name in names:
        if name not in TRAINING + FURTHER and name not in OPTIMIZERS:
            parser.error(f"unknown workload '{name}'")
    rows = [compare(args.gradus, name, args.rounds, args.time) for name in names]
    report(rows)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
