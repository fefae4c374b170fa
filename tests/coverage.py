#!/usr/bin/env python3
"""`coverage.py BUILD`: what the tests of a build made with --coverage have run of dataplane/ and
control/, by gcov's JSON: lines covered of lines there are, of each file the lines that were not.
"""

import collections
import json
import pathlib
import subprocess
import sys

FOLDERS = ("dataplane", "control")


def counts_of(build, data):
    """{source: {line: times run}} of one object."""
    told = subprocess.run(["gcov", "--json-format", "--stdout", str(data)], cwd=build,
                          capture_output=True, text=True, check=False).stdout
    out = collections.defaultdict(collections.Counter)
    for text in told.splitlines():
        for file in json.loads(text)["files"]:
            for line in file["lines"]:
                out[file["file"]][line["line_number"]] += line["count"]
    return out


def ranges(lines):
    """[1, 2, 3, 7] as 1-3 7."""
    out = []
    for line in sorted(lines):
        if out and out[-1][1] == line - 1:
            out[-1][1] = line
        else:
            out.append([line, line])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def main(build):
    root = pathlib.Path(__file__).resolve().parent.parent
    build = pathlib.Path(build).resolve()
    sums = collections.defaultdict(collections.Counter)
    # Objects that were never run have notes and no data: all of their lines count as not run.
    for notes in sorted(build.rglob("*.gcno")):
        for source, lines in counts_of(build, notes).items():
            path = (build / source).resolve()
            if path.is_relative_to(root) and path.relative_to(root).parts[0] in FOLDERS:
                sums[str(path.relative_to(root))].update(lines)
    for folder in FOLDERS:
        of_folder = {path: lines for path, lines in sums.items() if path.startswith(folder + "/")}
        for path, lines in sorted(of_folder.items()):
            not_run = [line for line, count in lines.items() if count == 0]
            if not_run:
                print(f"{path}: {100 * (1 - len(not_run) / len(lines)):.1f} %, not run: "
                      f"{ranges(not_run)}")
        there_are = sum(map(len, of_folder.values()))
        run = sum(count != 0 for lines in of_folder.values() for count in lines.values())
        print(f"{folder}.lines_covered {run} of {there_are}, {100 * run / max(there_are, 1):.1f} %")


if __name__ == "__main__":
    main(sys.argv[1])
