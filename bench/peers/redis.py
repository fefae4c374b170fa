#!/usr/bin/env python3
"""redis.*: what a user may take for a failure detector: a key with a time to live for each endpoint,
refreshed by `SET key 1 EX 30`, pipelined by redis-benchmark through a Unix socket. One row is
refreshes a second of the server's core, from its own account of its main thread, at the pipeline
depth that suits it best. Nobody dies and nobody is told: that Redis finds the expired is not in it.

`redis.py [KEYS [REFRESHES]]`; ends with 77 where there is no redis-server.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DEPTHS = (16, 64, 256, 1024)
ROUNDS = 3


class Redis:
    """A server of its own: no file, no port, in a directory that goes with it."""

    def __init__(self, directory, core):
        self._socket = f"{directory}/redis.sock"
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), "redis-server", "--port", "0", "--unixsocket",
             self._socket, "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir",
             str(directory), "--logfile", f"{directory}/redis.log"])

    def __enter__(self):
        end = time.monotonic() + 10
        while not pathlib.Path(self._socket).exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self._socket, *words], check=True, text=True,
                              capture_output=True, timeout=30).stdout

    def cpu_seconds(self):
        told = dict(line.split(":", 1) for line in self.ask("info", "cpu").splitlines() if ":" in line)
        return float(told["used_cpu_sys_main_thread"]) + float(told["used_cpu_user_main_thread"])

    def refresh(self, keys, requests, depth, core):
        """`requests` times SET of one of `keys`, `depth` in flight on each of four connections."""
        subprocess.run(["taskset", "-c", str(core), "redis-benchmark", "-s", self._socket, "-q",
                        "-c", "4", "-P", str(depth), "-n", str(requests), "-r", str(keys),
                        "SET", "__rand_int__", "1", "EX", "30"],
                       check=True, stdout=subprocess.DEVNULL, timeout=120)

    def keys(self):
        return int(self.ask("dbsize"))


def fill(redis, keys, core):
    """Random keys until nearly all are there; each one lives for 30 s from its last refresh."""
    for _ in range(8):
        redis.refresh(keys, keys, 256, core)
        if redis.keys() > 0.95 * keys:
            return
    raise RuntimeError(f"needed {keys} live keys, found {redis.keys()}")


def measure(redis, keys, requests, client_core):
    """Refreshes a second of the server's core: the median of each depth, the best of these."""
    best = 0
    for depth in DEPTHS:
        rates = []
        for _ in range(ROUNDS):
            before = redis.cpu_seconds()
            redis.refresh(keys, requests, depth, client_core)
            rates.append(requests / (redis.cpu_seconds() - before))
        best = max(best, sorted(rates)[ROUNDS // 2])
    return best


def main(keys, requests):
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        print("redis.py: needed redis-server, found none; `./run setup --peers`", file=sys.stderr)
        return 77
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="flatline-peers-"))
        redis = stack.enter_context(Redis(directory, cores[-1]))
        fill(redis, keys, cores[0])
        rate = measure(redis, keys, requests, cores[0])
        print(f"redis.live_keys {redis.keys()} 1")
        print(f"redis.refreshes_per_core {rate:.4g} 1/s")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server is taken down
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000,
                  int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
