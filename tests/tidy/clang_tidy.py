#!/usr/bin/env python3
"""clang-tidy over every source of a build: `clang_tidy.py BUILD`. Fails if there is a finding.

A source that passed is not looked at again until something that it is made of changes: its
preprocessed text with its comments, the checks, the version. What has passed is remembered outside
the build, as ccache does, so that a second lint costs seconds in a fresh clone too. Those that are
left are looked at in batches.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import batches

TIDY = "clang-tidy-19"
# Another one whenever what is looked at changes here: what passed before is looked at again.
HOW = b"sources as one, each reasoned about"


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
    text = subprocess.run([batches.CLANG, *batches.flags(entry), "-E", "-C", "-w", entry["file"]],
                          cwd=entry["directory"], capture_output=True, check=True)
    return hashlib.sha256(salt + text.stdout).hexdigest()


def _checks(source, root):
    """The files that say what is checked, from the root down to the source."""
    folders = [root, *reversed([each for each in source.parents if root in each.parents])]
    return b"".join(each.joinpath(".clang-tidy").read_bytes()
                    for each in folders if each.joinpath(".clang-tidy").exists())


def _tidy(source, arguments, directory):
    ran = subprocess.run([TIDY, "--quiet", str(source), *arguments], cwd=directory,
                         capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else (
        ran.stdout or ran.stderr or f"{source}: {TIDY} ended with {ran.returncode}\n")


class Lint:
    """Of one build."""

    def __init__(self, build, pool):
        self.build = pathlib.Path(build).resolve()
        self.root = self.build.parent
        self.pool = pool
        self.commands = _commands(build)
        self.cache = pathlib.Path(
            os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "flatline-tidy")
        self.cache.mkdir(parents=True, exist_ok=True)
        self.version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout

    def mark_of(self, source):
        """The file that is there once it has passed."""
        salt = HOW + self.version + _checks(source, self.root)
        return self.cache / _fingerprint(self.commands[source], salt)

    def is_clean_together(self, number, batch):
        folder = self.build / "tidy" / batch[0].parent.relative_to(self.root)
        folder.mkdir(parents=True, exist_ok=True)
        together = folder / f"UnifiedSource_{number}.cc"  # else nothing in it is reasoned about
        together.write_text(batches.text(batch))
        entry = self.commands[batch[0]]
        return not _tidy(together, ["--", *batches.flags(entry)], entry["directory"])

    def findings_of(self, number, batch):
        """[(source, what was found)]; who is in a batch with a finding is looked at by himself."""
        if len(batch) > 1 and self.is_clean_together(number, batch):
            return []
        found = [(source, _tidy(source, ["-p", str(self.build)], self.root)) for source in batch]
        return [(source, text) for source, text in found if text]

    def mirror_checks(self):
        """What is looked at together is told what to check as its sources are, and nothing else."""
        shutil.rmtree(self.build / "tidy", ignore_errors=True)
        for checks in [self.root / ".clang-tidy", *self.root.glob("[a-z]*/**/.clang-tidy")]:
            place = self.build / "tidy" / checks.relative_to(self.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(checks.read_bytes())

    def run(self):
        """{source: what was found}"""
        marks = dict(zip(self.commands, self.pool.map(self.mark_of, self.commands)))
        self.mirror_checks()
        unseen = {source: entry for source, entry in self.commands.items()
                  if not marks[source].exists()}
        found = {}
        jobs = {self.pool.submit(self.findings_of, number, batch): batch
                for number, batch in enumerate(batches.batches(unseen, self.pool))}
        for job in concurrent.futures.as_completed(jobs):
            of_batch = dict(job.result())
            for source in jobs[job]:
                if source not in of_batch:
                    marks[source].touch()
            found |= of_batch
        return found


def main(build):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        lint = Lint(build, pool)
        found = lint.run()
    print("".join(found.values()), end="")
    print(f"{TIDY}: {len(lint.commands)} sources, {len(found)} with findings")
    return 1 if found or not lint.commands else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
