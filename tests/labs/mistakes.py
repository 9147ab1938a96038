#!/usr/bin/env python3
"""Proves that the labs' tests bite: each blank alone is given a plausible mistake, and the points of its part must be lost.

    tests/labs/mistakes.py build/bin/gradus [--lab N] [--check]

Reads tests/labs/NN.mistakes, blocks of three lines and an empty one:

    1.2 engine.h
    - what the solution of part 1.2 has in engine.h, once
    + what a student may write instead

Every blank of a lab must have a mistake. --check looks only whether all of them apply. Also grades each lab's solution (all
points) and its starter (none), unless --check or --mistakes-only is given. Exit code 1 if anything is not as it should be.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def gradus(program, *words):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True)


def grade(program, folder, part=None):
    words = ["lab", "grade", folder, "--json"] + (["--part", part] if part else [])
    run = gradus(program, *words)
    if run.returncode not in (0, 4):
        raise SystemExit(f"{folder}: {run.stderr}")
    return json.loads(run.stdout)


def mistakes_of(number):
    """(part, file, old, new) of each block."""
    path = HERE / f"{number:02d}.mistakes"
    found = []
    for block in re.split(r"\n\s*\n", path.read_text().strip()):
        lines = [line for line in block.split("\n") if not line.startswith("#")]
        if not lines:
            continue
        part, name = lines[0].split()
        old = "\n".join(line[2:] for line in lines[1:] if line.startswith("- "))
        new = "\n".join(line[2:] for line in lines[1:] if line.startswith("+ "))
        found.append((part, name, old, new))
    return found


def apply(text, part, old, new, where):
    """The text with `old` replaced within the solution of `part`."""
    begin = re.search(rf"// BEGIN SOLUTION {re.escape(part)}\n", text)
    if not begin:
        raise SystemExit(f"{where}: has no part {part}")
    end = text.index("// END SOLUTION", begin.end())
    region = text[begin.end():end]
    # Lines may be broken anywhere.
    found = list(re.finditer(r"\s+".join(map(re.escape, old.split())), region))
    if len(found) != 1:
        raise SystemExit(f"{where}: part {part} has {old!r} {len(found)} times, not once")
    return text[:begin.end()] + region[:found[0].start()] + new + region[found[0].end():] + text[end:]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("gradus")
    options.add_argument("--lab", type=int)
    options.add_argument("--check", action="store_true")
    options.add_argument("--mistakes-only", action="store_true")
    given = options.parse_args()
    program = str(pathlib.Path(given.gradus).resolve())
    labs = json.loads(gradus(program, "lab", "list", "--json").stdout)["entries"]
    bad = count = 0
    for lab in labs:
        number = lab["number"]
        if given.lab not in (None, number):
            continue
        mistakes = mistakes_of(number)
        for part in set(lab["parts"]) - {m[0] for m in mistakes}:
            print(f"lab {number}: part {part} has no mistake")
            bad += 1
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "solution"
            run = gradus(program, "lab", "solution", number, folder)
            if run.returncode:
                raise SystemExit(run.stderr)
            whole = {name: (folder / name).read_text() for name in {m[1] for m in mistakes}}
            wrong = [(part, name, apply(whole[name], part, old, new, f"lab {number} {name}"), new)
                     for part, name, old, new in mistakes]
            count += len(wrong)
            if given.check:
                continue
            if not given.mistakes_only:
                starter = pathlib.Path(scratch) / "starter"
                gradus(program, "lab", "start", number, starter)
                for what, at in (("starter", starter), ("solution", folder)):
                    result = grade(program, at)
                    good = result["built"] and result["points"] == (0 if what == "starter" else result["of"])
                    print(f"lab {number}: the {what} has {result['points']} of {result['of']} points"
                          + ("" if good else ": WRONG"), flush=True)
                    bad += not good
                shutil.rmtree(starter)
            for part, name, text, new in wrong:
                (folder / name).write_text(text)
                result = grade(program, folder, part)
                lost = result["built"] and result["points"] < result["of"]
                print(f"lab {number} {part}: {result['points']} of {result['of']} points with {new!r}"
                      + ("" if lost else ": NOT CAUGHT"), flush=True)
                bad += not lost
                (folder / name).write_text(whole[name])
    print(f"{count} mistakes, {bad} not as they should be")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
