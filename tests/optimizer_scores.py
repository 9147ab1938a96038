#!/usr/bin/env python3
"""Records what every optimizer reaches and costs, for optim/rules/TABLE.md. Needs the data (GRADUS_DATA) and an hour or
two, so it is no test.

  GRADUS_DATA=... python3 tests/optimizer_scores.py build/bin/gradus [--task lenet|gpt|step]... [--only GLOB]...
  OMP_NUM_THREADS=1 build/bin/gradus optim list --markdown --scores optim/rules/scores.tsv > optim/rules/TABLE.md

A row a task and optimizer, written as soon as it is known; rows that are there are kept (--again records them anew), so
a recording that was stopped goes on.

lenet, gpt: the step size is climbed to on one grid for all (half decades), from the default: trials of few steps,
compared by the loss on examples held out of the training data; then one run with the best and the test set. All other
options are at their defaults; wrappers stand around AdamW, whose step size is tried; an optimizer without a step size
runs once. step: time of a training step of lenet on one thread (`gradus bench lenet`), relative to AdamW's, measured in
turns with it; to be recorded on a quiet machine.
"""
import argparse
import fnmatch
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

RATES = ["1e-5", "3e-5", "1e-4", "3e-4", "1e-3", "3e-3", "1e-2", "3e-2", "1e-1", "3e-1", "1", "3", "10"]
TITLES = ["task", "name", "rate", "score", "tried"]
LENET = ["--model", "lenet", "--batch-size", "64"]
GPT = ["--model", "gpt:dim=64,layers=2", "--batch-size", "12"]
TASKS = {
    "lenet": {
        "trial": LENET + ["--data", "mnist:limit=6400,test_limit=1", "--validation", "0.08", "--steps", "30"],
        "run": LENET + ["--data", "mnist:limit=6400,test_limit=5000", "--validation", "0", "--epochs", "1"],
        "measure": "test_accuracy",
    },
    "gpt": {
        "trial": GPT + ["--data", "tinyshakespeare:val=0.001", "--validation", "0.01", "--steps", "60"],
        "run": GPT + ["--data", "tinyshakespeare:val=0.03", "--validation", "0", "--steps", "300"],
        "measure": "test_loss",
    },
}
# A gradient over all data at every tenth step would take days on text, hours on images.
EXTRA = {("gpt", "svrg"): "every=150", ("gpt", "sarah"): "every=150", ("lenet", "svrg"): "every=50", ("lenet", "sarah"): "every=50"}


def spec_of(entry, rate, task):
    """The optimizer at this step size; None for its own."""
    extra = EXTRA.get((task, entry["name"]), "")
    if entry["kind"] == "rule":
        options = ",".join(filter(None, [f"lr={rate}" if rate else "", extra]))
        return entry["name"] + (":" + options if options else "")
    base = f"adamw:lr={rate}" if rate else "adamw"
    if entry["name"] == "companion":
        base = f"muon:lr={rate}|adamw" if rate else "muon|adamw"
    return f"{entry['name']}({base})" + (":" + extra if extra else "")


def first_rate(entry):
    """The place on the grid next to the default step size; None for an optimizer without one."""
    default = 1e-3
    if entry["kind"] == "rule":
        own = [o["default"] for o in entry["options"] if o["name"] == "lr"]
        if not own or own[0] == "none":
            return None
        default = float(own[0])
    return min(range(len(RATES)), key=lambda i: abs(math.log(float(RATES[i]) / default)))


def train(gradus, line, spec, measure):
    """(measure, ""), or (None, why not)."""
    with tempfile.TemporaryDirectory(prefix="gradus-scores-") as folder:
        done = subprocess.run([gradus, "train", *line, "--seed", "1", "--optim", spec, "--schedule", "constant",
                               "--threads", "1", "--quiet", "--json", "--out", os.path.join(folder, "run")],
                              capture_output=True, text=True)
    if done.returncode == 4:
        return None, "diverged"
    if done.returncode != 0:
        return None, "cannot: " + " ".join(done.stderr.split())[:200]
    value = json.loads(done.stdout)[measure]
    return (None, "diverged") if value is None else (value, "")


def climb(first, loss_at):
    """The place of the grid with the least loss on the way from `first`: upwards while it falls, else downwards."""
    known = {}

    def loss(i):
        if i not in known:
            known[i] = loss_at(i)
        return known[i]

    best = first
    for way in (1, -1):
        while 0 <= best + way < len(RATES) and loss(best + way) < loss(best):
            best += way
        if best != first:
            break
    # Where all that was tried diverged smaller steps are the way out.
    while loss(best) == math.inf and best > 0:
        best -= 1
    return best


def record(gradus, name, task, entry):
    first = first_rate(entry)
    tried = []

    def loss_at(i):
        value, why = train(gradus, task["trial"], spec_of(entry, RATES[i], name), "validation_loss")
        tried.append(f"{RATES[i]}={why or format(value, '.4g')}")
        return math.inf if value is None else value

    best = climb(first, loss_at) if first is not None else None
    if tried and all("=cannot: " in t for t in tried):  # it asks for what this task does not give, whatever the rate
        return ["-", "-", tried[0].split("=", 1)[1]]
    while True:
        rate = None if best is None else RATES[best]
        score, why = train(gradus, task["run"], spec_of(entry, rate, name), task["measure"])
        if why:
            tried.append(f"run with {rate or 'defaults'} {why}")
        if score is not None or not best:
            break
        best -= 1  # what holds for a few steps may be too much for all
    return [rate or "-", "-" if score is None else f"{score:.6g}", "; ".join(tried).replace("\t", " ")]


def bench_step(gradus, spec):
    """Seconds of a training step of lenet, or None; and why not."""
    done = subprocess.run([gradus, "bench", "lenet", "--json", "--threads", "1", "--time", "0.2", "--optim", spec],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return None, " ".join(done.stderr.split())[:200]
    return json.loads(done.stdout.splitlines()[0])["step_s"], ""


def step_time(gradus, entry):
    """The least of three turns over AdamW's least: a machine's clock wanders, and others only ever add time."""
    turns = []
    for _ in range(3):
        adamw, _ = bench_step(gradus, "adamw")
        own, why = bench_step(gradus, spec_of(entry, None, "step"))
        if own is None:
            return ["-", "-", why]
        turns.append((own, adamw))
    ratio = min(own for own, _ in turns) / min(adamw for _, adamw in turns)
    return ["-", f"{ratio:.3g}", "ms: " + " ".join(f"{1000 * own:.1f}/{1000 * adamw:.1f}" for own, adamw in turns)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus", help="the program")
    parser.add_argument("--task", action="append", choices=[*TASKS, "step"], help="default: all")
    parser.add_argument("--only", action="append", metavar="GLOB", help="only optimizers that match; may be repeated")
    parser.add_argument("--again", action="store_true", help="record rows anew that are there")
    default = pathlib.Path(__file__).resolve().parent.parent / "optim/rules/scores.tsv"
    parser.add_argument("--file", type=pathlib.Path, default=default, help="where rows are kept (default optim/rules/scores.tsv)")
    options = parser.parse_args()
    entries = json.loads(subprocess.run([options.gradus, "optim", "list", "--json"], capture_output=True, check=True,
                                        text=True).stdout)["entries"]
    order = {entry["name"]: i for i, entry in enumerate(entries)}
    rows = {}
    if options.file.exists():
        for line in options.file.read_text().splitlines()[1:]:
            cells = line.split("\t")
            rows[cells[0], cells[1]] = cells

    def write():
        # In the registry's order, so that the file does not depend on the order of recordings; names that are gone go.
        kept = sorted((r for r in rows.values() if r[1] in order), key=lambda r: (r[0], order[r[1]]))
        beside = options.file.with_suffix(".tmp")
        beside.write_text("".join("\t".join(r) + "\n" for r in [TITLES] + kept))
        beside.replace(options.file)

    for name in options.task or [*TASKS, "step"]:
        for entry in entries:
            if options.only and not any(fnmatch.fnmatch(entry["name"], glob) for glob in options.only):
                continue
            if (name, entry["name"]) in rows and not options.again:
                continue
            row = step_time(options.gradus, entry) if name == "step" else record(options.gradus, name, TASKS[name], entry)
            rows[name, entry["name"]] = [name, entry["name"], *row]
            print(*rows[name, entry["name"]], flush=True)
            write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
