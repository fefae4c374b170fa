"""campaign.py BUILD SECONDS [NAME...]: each fuzz target of a build with -Dfuzzers=true for so many
seconds, one after the other, from the corpus of the repository and what earlier campaigns added in
BUILD/corpus. One line for each; exit 1, with the command that repeats it, where one found something."""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ONE_INPUT_S = 10  # an input that takes longer is a finding
MEMORY_MB = 2048  # likewise
LONGEST = 8192


def targets() -> list[str]:
    return sorted(path.name.removesuffix("_fuzz.cc") for path in HERE.glob("*_fuzz.cc"))


def command(build: pathlib.Path, name: str, seconds: int, found: pathlib.Path) -> list[str]:
    grown = build / "corpus" / name
    for folder in (grown, found):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary = HERE / "dictionaries" / name
    return [
        str(build / "tests/fuzz" / f"{name}_fuzz"),
        str(grown),
        str(HERE / "corpus" / name),
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
        f"-max_total_time={seconds}",
        f"-timeout={ONE_INPUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
    ]


def last(pattern: str, text: str) -> str:
    matches = re.findall(pattern, text)
    return matches[-1] if matches else "0"


def run(build: pathlib.Path, name: str, seconds: int) -> bool:
    """Whether nothing was found. The log is kept beside the findings."""
    found = build / "found" / name
    # What the targets write goes to memory; libstdc++ and sanitizers abort at the first complaint.
    environment = os.environ | {
        "TMPDIR": "/dev/shm",
        "ASAN_OPTIONS": "detect_leaks=0",  # at exit: statics of the libraries'
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    before = set(found.glob("*"))
    done = subprocess.run(
        command(build, name, seconds, found),
        env=environment, text=True, errors="replace", capture_output=True, check=False,
    )
    (build / "found" / f"{name}.log").write_text(done.stderr)
    executions = last(r"number_of_executed_units: (\d+)", done.stderr)
    edges = last(r"cov: (\d+)", done.stderr)
    findings = 0 if done.returncode == 0 else 1
    print(f"{name:20} {executions:>12} executions {edges:>6} edges {findings} findings", flush=True)
    if done.returncode == 0:
        return True
    cause = re.search(
        r"broken invariant.*|runtime error.*|ERROR: .*|Assertion.*", done.stderr)
    print(f"  {cause.group(0) if cause else done.stderr[-300:]}")
    for path in sorted(set(found.glob("*")) - before):
        print(f"  again: {build}/tests/fuzz/{name}_fuzz {path}", flush=True)
    return False


def main() -> int:
    build, seconds, names = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    unknown = set(names) - set(targets())
    if unknown:
        print(f"no such fuzzer: {', '.join(unknown)}; there are {', '.join(targets())}")
        return 2
    results = [run(build, name, seconds) for name in names or targets()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
