#!/usr/bin/env python3
"""Proves that the labs' tests bite: each blank alone is given a plausible mistake, and the points of its part must be lost.

    tests/labs/mistakes.py build/bin/gradus [--lab N ...] [--check | --mistakes-only]

Reads tests/labs/NN.mistakes, blocks of three lines and an empty one:

    1.2 engine.h
    - what the solution of part 1.2 has in engine.h, once
    + what a student may write instead

Every blank of a lab must have a mistake. A lab is built once, with all its mistakes: the environment variable LAB_MISTAKE says which
one a run makes, 0 or none the solution. --check looks only whether all of them apply. Else each lab's solution is graded too (all
points), and its starter (none) unless --mistakes-only is given. Exit code 1 if anything is not as it should be.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


CHOICE = """#ifndef LAB_MISTAKE_CHOICE
#define LAB_MISTAKE_CHOICE
#include <cstdlib>
inline int lab_mistake() {
  const char* chosen = std::getenv("LAB_MISTAKE");
  return chosen ? std::atoi(chosen) : 0;
}
#endif
"""


def gradus(program, *words, mistake=0):
    # Without debugging symbols what is built is built faster.
    surroundings = {**os.environ, "LAB_MISTAKE": str(mistake), "CMAKE_BUILD_TYPE": "None"}
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, env=surroundings)


def grade(program, folder, part=None, mistake=0):
    words = ["lab", "grade", folder, "--json"] + (["--part", part] if part else [])
    run = gradus(program, *words, mistake=mistake)
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


def region_of(text, part, where):
    """Begin and end of the solution of a part."""
    begin = re.search(rf"// BEGIN SOLUTION {re.escape(part)}\n", text)
    if not begin:
        raise SystemExit(f"{where}: has no part {part}")
    return begin.end(), text.rindex("\n", 0, text.index("// END SOLUTION", begin.end())) + 1


def mistaken(region, part, old, new, where):
    """The region with `old` replaced; lines may be broken anywhere."""
    found = list(re.finditer(r"\s+".join(map(re.escape, old.split())), region))
    if len(found) != 1:
        raise SystemExit(f"{where}: part {part} has {old!r} {len(found)} times, not once")
    return region[:found[0].start()] + new + region[found[0].end():]


def with_choice(text, name, mistakes, where):
    """The text of a file with all mistakes that are made in it, each where LAB_MISTAKE says its number (from 1)."""
    for part in {part for part, file, _, _ in mistakes if file == name}:
        begin, end = region_of(text, part, where)
        region = text[begin:end]
        branches = "".join(f"if (lab_mistake() == {number}) {{\n{mistaken(region, part, old, new, where)}}} else "
                           for number, (at, file, old, new) in enumerate(mistakes, 1) if (at, file) == (part, name))
        text = text[:begin] + branches + "{\n" + region + "}\n" + text[end:]
    return text.replace("#pragma once\n", "#pragma once\n" + CHOICE, 1)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("gradus")
    options.add_argument("--lab", type=int, nargs="+")
    options.add_argument("--check", action="store_true")
    options.add_argument("--mistakes-only", action="store_true")
    given = options.parse_args()
    program = str(pathlib.Path(given.gradus).resolve())
    labs = json.loads(gradus(program, "lab", "list", "--json").stdout)["entries"]
    bad = count = 0
    for lab in labs:
        number = lab["number"]
        if given.lab and number not in given.lab:
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
            changed = {name: with_choice((folder / name).read_text(), name, mistakes, f"lab {number} {name}")
                       for name in {m[1] for m in mistakes}}
            count += len(mistakes)
            if given.check:
                continue
            if not given.mistakes_only:
                starter = pathlib.Path(scratch) / "starter"
                gradus(program, "lab", "start", number, starter)
                result = grade(program, starter)
                good = result["built"] and result["points"] == 0
                print(f"lab {number}: the starter has {result['points']} of {result['of']} points"
                      + ("" if good else ": WRONG"), flush=True)
                bad += not good
                shutil.rmtree(starter)
            for name, text in changed.items():
                (folder / name).write_text(text)
            result = grade(program, folder)
            good = result["built"] and result["points"] == result["of"]
            print(f"lab {number}: the solution has {result['points']} of {result['of']} points"
                  + ("" if good else f": WRONG\n{result['compiler']}"), flush=True)
            bad += not good
            if not result["built"]:
                continue
            for mistake, (part, _, _, new) in enumerate(mistakes, 1):
                result = grade(program, folder, part, mistake)
                lost = result["points"] < result["of"]
                print(f"lab {number} {part}: {result['points']} of {result['of']} points with {new!r}"
                      + ("" if lost else ": NOT CAUGHT"), flush=True)
                bad += not lost
    print(f"{count} mistakes, {bad} not as they should be")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
