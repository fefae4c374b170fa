#!/usr/bin/env python3
"""The house rules as a test: `house_rules.py ROOT` prints each violation and fails if there is one.

Each rule is a function from the tree to complaints; canaries.py proves of each that it can fail.
What a compiler or clang-tidy checks better is left to them.
"""

import pathlib
import re
import statistics
import sys

from include_graph import planes_stay_apart, stages_point_one_way
from source_tree import read_tree

MAX_LINES = 500
MAX_MEDIAN = 200
MAX_MAIN = 80
TOP_LEVEL = {"dataplane", "control", "include", "bench", "tests", "meson.build",
             "meson_options.txt", "README.md", "LICENSE", "run"}
BANNED_NAMES = {"common", "util", "utils", "helper", "helpers", "manager", "base", "misc", "types"}
# Where a library's words may be said: the folder that wraps it, its tests, one file of the generator.
RTE_ALLOWED = re.compile(r"dataplane/dpdk/|tests/dataplane/dpdk/|tests/appliance/memif/"
                         r"|bench/generator/dpdk_sender\.|bench/peers/")
URING_ALLOWED = re.compile(r"control/uring/|tests/control/uring/|bench/generator/uring_\w+\.")
# Real threads on real sockets; it waits for a condition, bounded.
SLEEP_ALLOWED = re.compile(r"tests/appliance/|tests/dataplane/dpdk/memif_relay_test\.cc|"
                           r"tests/control/kill_test\.cc")  # real processes, killed as they run
MANUAL_FOLDERS = ("dataplane", "control", "include", "bench", "bench/generator", "tests")


def _code(tree):
    return [file for file in tree.values() if file.is_code]


def device_words_stay_home(tree):
    for file in _code(tree):
        for pattern, allowed, word in ((r"\brte_", RTE_ALLOWED, "rte_"),
                                       (r"\bio_uring|<liburing", URING_ALLOWED, "io_uring")):
            if re.search(pattern, file.code) and not allowed.match(file.path):
                yield f"{file.path}: says {word}, which only its own folder may"


def files_are_short(tree):
    lengths = {file.path: file.lines for file in _code(tree)}
    for path, lines in lengths.items():
        if lines > MAX_LINES:
            yield f"{path}: {lines} lines, {MAX_LINES} at most"
        if pathlib.PurePath(path).name == "main.cc" and lines > MAX_MAIN:
            yield f"{path}: {lines} lines, a main has {MAX_MAIN} at most"
    median = statistics.median(lengths.values()) if lengths else 0
    if median >= MAX_MEDIAN:
        yield f"the median file has {median} lines, under {MAX_MEDIAN} wanted"


def names_say_something(tree):
    for file in tree.values():
        for part in pathlib.PurePath(file.path).parts:
            if BANNED_NAMES & set(re.split(r"[_.\-]", part)):
                yield f"{file.path}: named after nothing; what cannot be named is two things"


def top_level_is_fixed(tree):
    for top in sorted({path.split("/")[0] for path in tree}):
        if top not in TOP_LEVEL and not top.startswith("."):
            yield f"{top}: not one of the names at the top"


def headers_introduce_themselves(tree):
    for file in _code(tree):
        if file.suffix == ".h" and not file.text.startswith(("// ", "/* ")):
            yield f"{file.path}: a header begins with what it is"
        if file.suffix == ".h" and "#pragma once" not in file.text:
            yield f"{file.path}: no #pragma once"


def nothing_is_put_off(tree):
    for file in tree.values():
        if file.path.startswith("tests/tidy/"):
            continue
        if file.is_code or file.suffix in {".py", ".sh", ".build"}:
            found = re.search(r"\b(TODO|FIXME|XXX|HACK)\b", file.text)
            if found:
                yield f"{file.path}: {found.group()}: do it, or file an issue"


def folders_have_a_chapter(tree):
    for folder in MANUAL_FOLDERS:
        if any(path.startswith(folder + "/") for path in tree) and folder + "/README.md" not in tree:
            yield f"{folder}: no README.md, its chapter of the manual"


def unit_tests_do_not_sleep(tree):
    for file in _code(tree):
        if not file.path.startswith("tests/") or SLEEP_ALLOWED.match(file.path):
            continue
        found = re.search(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(", file.code)
        if found:
            yield f"{file.path}: {found.group(1)}: a test's time is invented"


RULES = [planes_stay_apart, stages_point_one_way, device_words_stay_home, files_are_short,
         names_say_something, top_level_is_fixed, headers_introduce_themselves,
         nothing_is_put_off, folders_have_a_chapter, unit_tests_do_not_sleep]


def main(root):
    tree = read_tree(root)
    if not _code(tree):
        print(f"{root}: no sources")
        return 1
    complaints = [f"{complaint} [{rule.__name__}]" for rule in RULES for complaint in rule(tree)]
    print("\n".join(complaints) or f"{len(tree)} files keep {len(RULES)} rules")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
