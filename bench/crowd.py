#!/usr/bin/env python3
"""delivery.latency_*, many_*, storm_seconds, snapshot_seconds: what it costs to tell many, or much.
Control is real, and fed through a region by crowd_bench, which also plays the subscribers (in mode
hostile: by hostile_bench). Each mode has a control of its own. `crowd.py [MODE...]`.
"""

import pathlib
import signal
import subprocess
import sys
import tempfile

from fan_out import BUILD, free_port, server

# what is run for a moment by the tests
HOSTILE = {"hostile": [], "hostile-once": ["1"]}
MODES = ("latency", "latency-unix", "latency-ten", "hostile", "many", "storm", "snapshot")


def main(modes):
    for mode in modes:
        # in memory: a snapshot's region is 600 MB, and the disk's speed is not what is measured
        with tempfile.TemporaryDirectory(prefix="flatline-crowd-", dir="/dev/shm") as directory:
            port = free_port()
            with server("flatline", directory, port) as pid:
                where = [directory, str(port), str(pid)]
                command = (["hostile_bench", *where, *HOSTILE[mode]] if mode in HOSTILE
                           else ["crowd_bench", mode, *where])
                ran = subprocess.run([BUILD / "bench" / command[0], *command[1:]], check=True,
                                     stdout=subprocess.PIPE, text=True, timeout=120)
        print(ran.stdout, end="", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down
    main(sys.argv[1:] or MODES)
