#!/usr/bin/env python3
"""growth.*: what a heartbeat costs as the fleet grows, in cycles of the time-stamp counter, by the
index and by handle: pipeline_bench at each size, one after the other, each a process of its own.
`growth.memory_limit_…` is what random lines allow there, each read and written;
`growth.lookup_limit_…` what pairs of them do, of which the second depends on the first;
`…huge_pages_…` how much of the table was on pages of 2 MiB: transparent ones, so nothing is reserved
and nothing is left behind. The largest size also gives the rows `pipeline.…_100m` and
`memory.…_100m`.

`growth.py [WINDOW_MS [ENDPOINTS...]]`
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

SIZES = (100_000, 1_000_000, 10_000_000, 33_000_000, 100_000_000)
BUILD = pathlib.Path(os.environ.get(
    "FLATLINE_BUILD", pathlib.Path(__file__).resolve().parent.parent / ".build"))


def name_of(endpoints):
    for unit, name in ((1_000_000, "m"), (1000, "k")):
        if endpoints % unit == 0:
            return f"{endpoints // unit}{name}"
    return str(endpoints)


class HugePages:
    """The most transparent huge pages that a process was seen to have, in bytes."""

    def __init__(self, pid):
        self.most = 0
        self._file = pathlib.Path(f"/proc/{pid}/smaps_rollup")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self):
        while not self._done.wait(0.2):
            try:
                found = re.search(r"AnonHugePages:\s+(\d+) kB", self._file.read_text())
            except OSError:  # it has ended
                return
            self.most = max(self.most, int(found.group(1)) * 1024 if found else 0)

    def end(self):
        self._done.set()
        self._thread.join()


def pipeline(endpoints, window):
    """The rows of one run, by name without "pipeline.", and the share on huge pages."""
    with subprocess.Popen([BUILD / "bench/pipeline_bench", str(endpoints), str(window)],
                          stdout=subprocess.PIPE, text=True) as process:
        pages = HugePages(process.pid)
        try:
            printed = process.communicate()[0]
        finally:
            pages.end()
            process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"pipeline_bench {endpoints} ended with {process.returncode}")
    rows = {name.removeprefix("pipeline."): float(value)
            for name, value in re.findall(r"^([a-z0-9_.]+) (\S+) \S+$", printed, re.M)}
    if rows["endpoints"] != endpoints:
        raise RuntimeError(f"needed memory for {endpoints} endpoints, found room for "
                           f"{rows['endpoints']:.0f}")
    return rows, min(1.0, pages.most / (endpoints * rows["memory.bytes_per_endpoint_with_address"]))


def main(window, sizes):
    cycles = []
    for endpoints in sizes:
        rows, share = pipeline(endpoints, window)
        name = name_of(endpoints)
        cycles.append(rows["cycles_per_heartbeat"])
        print(f"growth.cycles_{name} {rows['cycles_per_heartbeat']:.4g} cycles")
        print(f"growth.cycles_{name}_handle {rows['cycles_per_heartbeat_handle']:.4g} cycles")
        print(f"growth.memory_limit_{name} {rows['memory_limit']:.4g} 1/s")
        print(f"growth.lookup_limit_{name} {rows['lookup_limit']:.4g} 1/s")
        print(f"growth.huge_pages_{name} {share:.3g} 1", flush=True)
    print(f"growth.cycles_{name}_over_{name_of(sizes[0])} {cycles[-1] / cycles[0]:.4g} 1")
    print(f"pipeline.heartbeats_per_core_{name} {rows['heartbeats_per_core']:.4g} 1/s")
    print(f"pipeline.heartbeats_per_core_{name}_handle {rows['heartbeats_per_core_handle']:.4g} 1/s")
    print(f"memory.bytes_per_endpoint_{name} {rows['memory.bytes_per_endpoint']:.4g} B")
    print(f"memory.bytes_per_endpoint_{name}_with_address "
          f"{rows['memory.bytes_per_endpoint_with_address']:.4g} B")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the child is ended
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 250,
             tuple(map(int, sys.argv[2:])) or SIZES)
    except (OSError, RuntimeError) as error:
        sys.exit(f"growth.py: {error}")
