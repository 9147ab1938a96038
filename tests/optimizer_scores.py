#!/usr/bin/env python3
"""Records what every optimizer reaches, for optim/rules/TABLE.md. Needs the data (GRADUS_DATA) and hours, so it is no test.

  GRADUS_DATA=... python3 tests/optimizer_scores.py build/bin/gradus [--task lenet|gpt] [--only GLOB]...
  build/bin/gradus optim list --markdown --scores optim/rules/scores.tsv > optim/rules/TABLE.md

A row a task and optimizer, written as soon as it is known; rows that are there are kept (--again records them anew), so
a recording that was stopped goes on. Every optimizer tries the same step sizes, all other options at their defaults;
wrappers around AdamW, whose step size is tried; an optimizer without a step size runs once.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

RATES = ["1e-4", "3e-4", "1e-3", "3e-3", "1e-2", "3e-2", "1e-1", "3e-1", "1"]
TITLES = ["task", "name", "rate", "score", "step_ms", "tried"]
TASKS = {
    "lenet": {
        "line": ["--data", "mnist", "--model", "lenet", "--batch-size", "64", "--epochs", "1", "--seed", "1"],
        "measure": "test_accuracy",
        "better": lambda a, b: a > b,
    },
    "gpt": {
        "line": ["--data", "tinyshakespeare", "--model", "gpt", "--batch-size", "12", "--steps", "300", "--seed", "0"],
        "measure": "test_loss",
        "better": lambda a, b: a < b,
    },
}
# A gradient over all data of every tenth step would take days on text.
EXTRA = {("gpt", "svrg"): "every=150", ("gpt", "sarah"): "every=150"}


def spec_of(entry, rate, task):
    """The optimizer at this step size; None for no step size of its own."""
    extra = EXTRA.get((task, entry["name"]), "")
    if entry["kind"] == "rule":
        options = ",".join(filter(None, [f"lr={rate}" if rate else "", extra]))
        return entry["name"] + (":" + options if options else "")
    base = f"adamw:lr={rate}"
    if entry["name"] == "companion":
        base = f"muon:lr={rate}|adamw"
    return f"{entry['name']}({base})" + (":" + extra if extra else "")


def train(gradus, task, spec, steps):
    """(score, milliseconds a step), or (None, why not)."""
    line = list(task["line"])
    if steps:
        for flag in ("--epochs", "--steps"):
            if flag in line:
                del line[line.index(flag):line.index(flag) + 2]
        line += ["--steps", str(steps)]
    folder = tempfile.mkdtemp(prefix="gradus-scores-")
    try:
        done = subprocess.run([gradus, "train", *line, "--optim", spec, "--schedule", "constant", "--threads", "1",
                               "--quiet", "--json", "--out", os.path.join(folder, "run")], capture_output=True, text=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode == 4:
        return None, "diverged"
    if done.returncode != 0:
        return None, " ".join(done.stderr.split())[:200]
    result = json.loads(done.stdout)
    if result[task["measure"]] is None:
        return None, "diverged"
    return result[task["measure"]], 1000 * result["train_seconds"] / max(result["steps"], 1)


def record(gradus, name, task, entry, rates, steps):
    has_rate = entry["kind"] != "rule" or any(o["name"] == "lr" for o in entry["options"])
    best, tried = None, []
    for rate in rates if has_rate else [None]:
        spec = spec_of(entry, rate, name)
        score, rest = train(gradus, task, spec, steps)
        tried.append(f"{rate or spec}={score if score is not None else rest}")
        print(f"{name} {spec}: {score if score is not None else rest}", flush=True)
        if score is not None and (best is None or task["better"](score, best[1])):
            best = (rate or "-", score, rest)
    row = [name, entry["name"]] + ([best[0], f"{best[1]:.6g}", f"{best[2]:.6g}"] if best else ["-", "-", "-"])
    return row + ["; ".join(tried).replace("\t", " ")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus", help="the program")
    parser.add_argument("--task", action="append", choices=sorted(TASKS), help="default: all")
    parser.add_argument("--only", action="append", metavar="GLOB", help="only optimizers that match; may be repeated")
    parser.add_argument("--rates", default=",".join(RATES), help="step sizes that each one tries (default %(default)s)")
    parser.add_argument("--again", action="store_true", help="record rows anew that are there")
    parser.add_argument("--steps", type=int, help="train for fewer steps, to try the script; wants a --file of its own")
    default = pathlib.Path(__file__).resolve().parent.parent / "optim/rules/scores.tsv"
    parser.add_argument("--file", type=pathlib.Path, default=default, help="where rows are kept (default optim/rules/scores.tsv)")
    options = parser.parse_args()
    if options.steps and options.file == default:
        parser.error("--steps: rows of shorter runs do not belong into optim/rules/scores.tsv; give a --file")
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

    for name in options.task or sorted(TASKS, reverse=True):
        for entry in entries:
            if options.only and not any(fnmatch.fnmatch(entry["name"], glob) for glob in options.only):
                continue
            if (name, entry["name"]) in rows and not options.again:
                continue
            rows[name, entry["name"]] = record(options.gradus, name, TASKS[name], entry, options.rates.split(","),
                                               options.steps)
            write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
