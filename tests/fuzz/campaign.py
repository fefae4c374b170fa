"""campaign.py BUILD SECONDS [NAME...]: each fuzz target of a build with -Dfuzzers=true for so many
seconds of processor time, one on each core, from the corpus of the repository and what earlier
campaigns added in BUILD/corpus. One line for each; exit 1, with the command that repeats it, where
one found something."""

import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ONE_INPUT_S = 10  # an input that takes longer is a finding
MEMORY_MB = 2048  # likewise
LONGEST = 8192


def targets() -> list[str]:
    return sorted(path.name.removesuffix("_fuzz.cc") for path in HERE.glob("*_fuzz.cc"))


def command(build: pathlib.Path, name: str, found: pathlib.Path) -> list[str]:
    grown = build / "corpus" / name
    grown.mkdir(parents=True, exist_ok=True)
    dictionary = HERE / "dictionaries" / name
    return [
        str(build / "tests/fuzz" / f"{name}_fuzz"),
        str(grown),
        str(HERE / "corpus" / name),
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
        f"-timeout={ONE_INPUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
    ]


def last(pattern: str, text: str) -> str:
    matches = re.findall(pattern, text)
    return matches[-1] if matches else "0"


def processor_seconds(pid: int) -> float:
    after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def fuzz(build: pathlib.Path, name: str, seconds: int, log: pathlib.Path) -> tuple[int, float]:
    """How it ended, and after how much processor time: beside other load a clock would say little."""
    # What the targets write goes to memory; libstdc++ and sanitizers abort at the first complaint.
    environment = os.environ | {
        "TMPDIR": "/dev/shm",
        "ASAN_OPTIONS": "detect_leaks=0",  # at exit: statics of the libraries'
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    used = 0.0
    with (
        log.open("w") as out,
        subprocess.Popen(
            command(build, name, build / "found" / name),
            env=environment, stdout=subprocess.DEVNULL, stderr=out,
        ) as process,
    ):
        try:
            while process.poll() is None:
                used = processor_seconds(process.pid)
                if used >= seconds:
                    process.send_signal(signal.SIGUSR1)  # libFuzzer: end, and print what was done
                    break
                time.sleep(0.2)
            return process.wait(timeout=10 * ONE_INPUT_S), used
        except BaseException:
            process.kill()
            raise


def run(build: pathlib.Path, name: str, seconds: int) -> bool:
    """Whether nothing was found. The log is kept beside the findings."""
    found = build / "found" / name
    before = set(found.glob("*"))
    found.mkdir(parents=True, exist_ok=True)
    log = build / "found" / f"{name}.log"
    code, used = fuzz(build, name, seconds, log)
    said = log.read_text(errors="replace")
    executions = last(r"number_of_executed_units: (\d+)", said)
    edges = last(r"cov: (\d+)", said)
    # A target that ends before its time has found something, whatever it returns.
    is_clean = code == 0 and used >= seconds
    line = (f"{name:20} {used:>5.0f} s {executions:>12} executions {edges:>6} edges "
            f"{0 if is_clean else 1} findings")
    if not is_clean:
        cause = re.search(r"broken invariant.*|runtime error.*|ERROR: .*|Assertion.*", said)
        line += f"\n  {cause.group(0) if cause else said[-300:]}"
        for path in sorted(set(found.glob("*")) - before):
            line += f"\n  again: {build}/tests/fuzz/{name}_fuzz {path}"
    print(line, flush=True)
    return is_clean


def main() -> int:
    build, seconds, names = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    unknown = set(names) - set(targets())
    if unknown:
        print(f"no such fuzzer: {', '.join(unknown)}; there are {', '.join(targets())}")
        return 2
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as cores:
        clean = cores.map(lambda name: run(build, name, seconds), names or targets())
        return 0 if all(list(clean)) else 1


if __name__ == "__main__":
    sys.exit(main())
