#!/usr/bin/env python3
"""delivery.latency_*, many_*, storm_seconds, snapshot_seconds: what it costs to tell many, or much.
Control is real, and fed through a region by crowd_bench, which also plays the subscribers (in mode
hostile and handshakes: by hostile_bench; in mode storm-beside: by storm_bench, which is a dataplane too). Each mode
has a control of its own. `crowd.py [MODE...]`.
"""

import pathlib
import signal
import subprocess
import sys
import tempfile

from fan_out import BUILD, free_port, server

MODES = ("latency", "latency-unix", "latency-ten", "hostile", "handshakes", "many", "storm", "storm-beside",
         "snapshot")


def command(mode, directory, port, pid):
    """Of a mode; those that end with "once" are run for a moment by the tests."""
    name = mode.removesuffix("-once")
    once = name != mode
    if name == "hostile":
        return ["hostile_bench", directory, port, pid, *(["1"] if once else [])]
    if name == "handshakes":
        return ["hostile_bench", directory, port, pid, "1" if once else "9", f"{directory}/tls.pem"]
    if name == "storm-beside":
        return ["storm_bench", directory, port, *(["20000"] if once else [])]
    return ["crowd_bench", mode, directory, port, pid]


def main(modes):
    for mode in modes:
        # in memory: a snapshot's region is 600 MB, and the disk's speed is not what is measured
        with tempfile.TemporaryDirectory(prefix="flatline-crowd-", dir="/dev/shm") as directory:
            port = free_port()
            kind = "tls" if mode.startswith("handshakes") else "flatline"
            with server(kind, directory, port) as pid:
                program, *arguments = command(mode, directory, str(port), str(pid))
                ran = subprocess.run([BUILD / "bench" / program, *arguments], check=True,
                                     stdout=subprocess.PIPE, text=True, timeout=120)
        print(ran.stdout, end="", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down
    main(sys.argv[1:] or MODES)
