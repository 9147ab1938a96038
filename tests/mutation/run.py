#!/usr/bin/env python3
"""Breaks the sources one place at a time and counts how often the tests notice. See README.md beside this file."""
import argparse
import collections
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Mutation:
    def __init__(self, where, file, names, title):
        self.where, self.file, self.names, self.title = where, file, names, title
        self.old, self.new = [], []

    def applied(self, text):
        """`text` with the mutation. White space does not count when looking for the old text."""
        places = [i for i, c in enumerate(text) if not c.isspace()]
        squeezed = "".join(text[i] for i in places)
        old = "".join("".join(self.old).split())
        at = squeezed.find(old)
        if not old or at < 0:
            raise SystemExit(f"{self.where}: '{self.title}': old text not found in {self.file}")
        if squeezed.find(old, at + 1) >= 0:
            raise SystemExit(f"{self.where}: '{self.title}': old text occurs more than once in {self.file}")
        return text[: places[at]] + "\n".join(self.new) + text[places[at + len(old) - 1] + 1 :]


def read_list(path):
    """The settings (rooms, tests) and mutations of a list."""
    settings, mutations, file, names = {}, [], None, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@ "):
            file, _, rest = line[2:].partition("|")
            file, names = file.strip(), rest.split()
            if not names:
                raise SystemExit(f"{where}: '@ FILE | NAME...' needs at least one name")
        elif line.startswith(("- ", "+ ")) or line == "+":
            if not mutations or file is None:
                raise SystemExit(f"{where}: a change without a title")
            (mutations[-1].old if line[0] == "-" else mutations[-1].new).append(line[2:])
        elif file is None:
            key, _, value = line.partition(" ")
            if key not in ("rooms", "tests"):
                raise SystemExit(f"{where}: expected 'rooms ...', 'tests ...' or '@ FILE | NAME...'")
            settings[key] = value.split()
        else:
            mutations.append(Mutation(where, file, names, line.strip()))
    for key in ("rooms", "tests"):
        if key not in settings:
            raise SystemExit(f"{path.name}: no line '{key} ...'")
    return settings, mutations


def mirror(scratch, folders):
    """Copies the folders into `scratch`; files that are the same stay untouched, so that a build there goes on."""
    wanted = set()
    for folder in folders:
        for source in (ROOT / folder).rglob("*"):
            if not source.is_file() or "__pycache__" in source.parts:
                continue
            target = scratch / source.relative_to(ROOT)
            wanted.add(target)
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    for folder in folders:
        for target in list((scratch / folder).rglob("*")):
            if target.is_file() and target not in wanted:
                target.unlink()


class Program:
    """The rooms and tests of a list, built in the scratch copy."""

    def __init__(self, scratch, settings, timeout):
        self.scratch, self.settings, self.timeout = scratch, settings, timeout
        self.folder = scratch / "build" / "-".join(settings["rooms"] + ["tests"] + settings["tests"]).replace("/", "_")

    def build(self):
        """None, or what the compiler said."""
        done = subprocess.run(["cmake", "--build", self.folder, "--parallel", str(os.cpu_count() or 1)],
                              capture_output=True, text=True)
        return None if done.returncode == 0 else done.stdout + done.stderr

    def prepare(self):
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        subprocess.run(["cmake", "-S", self.scratch / "tests" / "mutation", "-B", self.folder, *generator,
                        "-DCMAKE_BUILD_TYPE=", "-DROOMS=" + ";".join(self.settings["rooms"]),
                        "-DTESTS=" + ";".join(self.settings["tests"])], check=True, stdout=subprocess.DEVNULL)
        errors = self.build()
        if errors:
            raise SystemExit(f"the unchanged tree does not build:\n{errors[-4000:]}")

    def test(self, names=None):
        """None if the tests pass, else the first test case that fails. With names: the contract tests of these
        entries, their golden trajectories, and test cases with one of the names in theirs."""
        command, environment = [self.folder / "mutated", "--abort-after=1", "--no-colors"], dict(os.environ)
        environment.pop("GRADUS_TEST_ONLY", None)
        if names:
            environment["GRADUS_TEST_ONLY"] = ",".join(names)
            command.append("--test-case=every *,golden: every*," + ",".join(f"*{name}*" for name in names))
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment,
                                  timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return "does not end"
        if done.returncode == 0:
            return None
        title = re.search(r"TEST CASE:\s*(.+(?:\n(?!\n).*)?)", done.stdout)
        return " ".join(title.group(1).split())[:100] if title else f"exit {done.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", nargs="*", type=pathlib.Path, help="mutation lists; default: all beside this script")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only mutations of files that match")
    parser.add_argument("--check", action="store_true", help="only check that every mutation still applies")
    parser.add_argument("--scratch", type=pathlib.Path, help="where to copy and build; kept, so that the next run is quick")
    parser.add_argument("--timeout", type=float, default=180, metavar="SECONDS",
                        help="a test run that takes longer counts as caught: it hangs (default 180)")
    parser.add_argument("--least", type=float, default=95, metavar="PERCENT", help="exit 1 if fewer are caught (default 95)")
    options = parser.parse_args()

    lists = [(path, *read_list(path)) for path in options.lists or sorted(HERE.glob("*.mutations"))]
    for _, _, mutations in lists:
        for m in mutations:
            m.applied((ROOT / m.file).read_text())
    count = sum(len(mutations) for _, _, mutations in lists)
    print(f"{count} mutations apply", flush=True)
    if options.check:
        return 0

    scratch = options.scratch or pathlib.Path(tempfile.mkdtemp(prefix="gradus-mutation-"))
    scratch.mkdir(parents=True, exist_ok=True)
    results = []
    try:
        for path, settings, mutations in lists:
            mutations = [m for m in mutations if fnmatch.fnmatch(m.file, options.only)]
            if mutations:
                results += run(scratch.resolve(), path, settings, mutations, options.timeout)
    finally:
        if not options.scratch:
            shutil.rmtree(scratch)
    return report(results, options.least)


def run(scratch, path, settings, mutations, timeout):
    mirror(scratch, settings["rooms"] + ["tests"])
    program = Program(scratch, settings, timeout)
    program.prepare()
    failed = program.test()
    if failed:
        raise SystemExit(f"{path.name}: the unchanged tree fails: {failed}")
    print(f"{path.name}: the unchanged tree passes", flush=True)
    results, by_file = [], collections.defaultdict(list)
    for m in mutations:
        by_file[m.file].append(m)
    for file, group in by_file.items():
        target = scratch / file
        original = target.read_text()
        try:
            for m in group:
                start = time.monotonic()
                target.write_text(m.applied(original))
                errors = program.build()
                if errors:
                    verdict, by = "does not compile", " ".join(re.findall(r"error: .*", errors)[:1])
                else:
                    by = program.test(m.names) or program.test()
                    verdict = "caught" if by else "SURVIVED"
                results.append((m, verdict, by))
                print(f"{verdict:9} {time.monotonic() - start:5.1f} s  {m.where} {file}: {m.title}"
                      + (f"  <- {by}" if by else ""), flush=True)
        finally:
            target.write_text(original)
    return results


def report(results, least):
    kinds = collections.Counter(verdict for _, verdict, _ in results)
    valid = kinds["caught"] + kinds["SURVIVED"]
    share = 100 * kinds["caught"] / max(valid, 1)
    print(f"\n{kinds['caught']} of {valid} caught ({share:.1f} %)")
    for m, verdict, by in results:
        if verdict != "caught":
            print(f"  {verdict}: {m.where} {m.file}: {m.title} {by or ''}")
    return 0 if share >= least and not kinds["does not compile"] else 1


if __name__ == "__main__":
    sys.exit(main())
