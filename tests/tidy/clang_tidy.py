#!/usr/bin/env python3
"""clang-tidy over every source of a build: `clang_tidy.py BUILD`. Fails if there is a finding.

A source that passed is not looked at again until something that it is made of changes: its
preprocessed text with its comments, the checks, the version. What has passed is remembered outside
the build, as ccache does, so that a second lint costs seconds in a fresh clone too.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

TIDY = "clang-tidy-19"
CLANG = "clang-19"


def _commands(build):
    """The compile command of each of our sources, once."""
    root = pathlib.Path(build).resolve().parent
    out = {}
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text()):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if source.is_relative_to(root) and not source.is_relative_to(pathlib.Path(build).resolve()):
            out.setdefault(source, entry)
    return out


def _fingerprint(entry, salt):
    words = shlex.split(entry["command"])
    while not words[0].startswith("-"):  # ccache, the compiler
        del words[0]
    output = words.index("-o")
    del words[output:output + 2]
    text = subprocess.run([CLANG, *words, "-E", "-C", "-w", "-MF", "/dev/null"], cwd=entry["directory"],
                          capture_output=True, check=True)
    return hashlib.sha256(salt + text.stdout).hexdigest()


def _checks(source, root):
    """The files that say what is checked, from the root down to the source."""
    folders = [root, *reversed([each for each in source.parents if root in each.parents])]
    return b"".join(each.joinpath(".clang-tidy").read_bytes()
                    for each in folders if each.joinpath(".clang-tidy").exists())


def _look(source, entry, build, cache, version):
    salt = version + _checks(source, pathlib.Path(build).resolve().parent)
    mark = cache / _fingerprint(entry, salt)
    if mark.exists():
        return ""
    ran = subprocess.run([TIDY, "-p", build, "--quiet", str(source)],
                         capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        mark.touch()
        return ""
    return ran.stdout or ran.stderr or f"{source}: {TIDY} ended with {ran.returncode}\n"


def main(build):
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"),
                         "flatline-tidy")
    cache.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    commands = _commands(build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(_look, source, entry, build, cache, version)
                for source, entry in commands.items()]
        findings = [text for text in (job.result() for job in jobs) if text]
    print("".join(findings), end="")
    print(f"{TIDY}: {len(commands)} sources, {len(findings)} with findings")
    return 1 if findings or not commands else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
