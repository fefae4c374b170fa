#!/usr/bin/env python3
"""Every figure, measured now: `./run figures [PREFIX]` prints a row `name value unit` for each whose
name begins with PREFIX, as soon as it is known.

A benchmark is one line of BENCHES: a program that prints such rows, on stdout, among whatever else
it says. A ratio of rows of two programs is one line of RATIOS: who asks for it by prefix has both
measured, in this run. What needs a package of `./run setup --peers` that is missing is left out and
named on stderr; that is an error only if a prefix asked for it.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading

BENCH = pathlib.Path(__file__).resolve().parent
BUILD = BENCH.parent / ".build"
ROW = re.compile(r"[a-z0-9_.]+ \S+ \S+")
LEFT_OUT = 77  # how a benchmark ends that cannot run here; meson's word for it too


class LeftOut(Exception):
    """What this machine lacks, in words."""


@dataclasses.dataclass(frozen=True)
class Bench:
    program: str  # below .build/bench; x.py and x.sh below bench
    names: tuple  # how the names of its rows begin
    arguments: tuple = ()
    core: int | None = None  # it runs on this one alone; None: where it likes
    peers: tuple | None = None  # commands that `setup --peers` brings; (): only libraries
    seconds: int = 180  # it is stopped after so long

    @property
    def path(self):
        script = self.program.endswith((".py", ".sh"))
        return (BENCH if script else BUILD / "bench") / self.program

    @property
    def missing(self):
        """What has to be installed first, in words, or ""."""
        if self.peers is None:
            return ""
        wanted = [command for command in self.peers if not shutil.which(command)]
        return ", ".join(wanted if self.path.exists() else [*wanted, f"the libraries of {self.program}"])


BENCHES = [
    # one worker over ten million endpoints, fed from memory; with tags on the heartbeats, and without
    Bench("trust_bench", ("trust.authenticated", "trust.ratio_to_libsodium"), core=1),
    Bench("pipeline_bench", ("pipeline.", "memory."), core=1),
    # random lines and the translation of addresses, over an array as large as that table
    Bench("memory_limit_bench", ("limit.",), core=1),
    # the same from a hundred thousand endpoints to a hundred million
    Bench("growth.py", ("growth.", "pipeline.heartbeats_per_core_100m",
                        "memory.bytes_per_endpoint_100m"), core=1, seconds=600),
    # the dataplane killed, or told to stop, and started anew over ten million endpoints
    Bench("warm_restart.py", ("trust.warm_restart",)),
    # one worker and two, each on a core of its own
    Bench("scale_bench", ("scale.",)),
    # from another process through net_memif: a core for each of the two
    Bench("memif_bench", ("memif.",)),
    # a million silent in one tick, under a worker that hears others; a restart over them
    Bench("expiry_bench", ("wheel.", "adoption."), core=1),
    # leases kept by a hundred thousand endpoints, and all of them run out at once
    Bench("lease_bench", ("lease.",), core=1),
    # our index beside hash tables, same ids in the same order
    Bench("peers/peer_tables_bench", ("table.",), core=1),
    # a heartbeat with its timer, ours beside other timers
    Bench("peers/timers_bench", ("wheel.heartbeat_ns", "wheel.ratio_to_", "wheel.textbook",
                                 "wheel.prefetched",
                                 "wheel.binary", "wheel.multimap", "wheel.rte_timer"), core=1),
    # a UDP socket, recvmmsg and std::unordered_map, over loopback
    Bench("peers/socket_server_bench", ("socket.endpoints", "socket.heartbeats")),
    # SET key EX, pipelined through a Unix socket
    Bench("peers/redis.py", ("redis.live_keys", "redis.refreshes"),
          peers=("redis-server", "redis-benchmark")),
    # what each detector trades between detection time and mistakes, in invented time
    Bench("judgement_bench", ("judgement.mistakes", "judgement.detection", "judgement.weight"),
          core=1, seconds=600),
    # what a heartbeat pays for it, in instructions
    Bench("judgement_cost.py", ("judgement.pipeline_cost", "judgement.instructions")),
    # the demo: past the deadline, over all verdicts of a judged run
    Bench("detection.py", ("detection.",)),
    # the same for those who beat every hundred and every ten milliseconds
    Bench("detection.py", ("judgement.overshoot",), arguments=("fast",)),
    # what the machine takes from whoever is to be punctual
    Bench("gap_bench", ("judgement.machine_gaps",)),
    # ten million names with three labels each, from text to a file that is mapped
    Bench("roster_bench", ("delivery.roster",)),
    # a storm of a million records past one filter, on one core
    Bench("filter_bench", ("delivery.filter",), core=1),
    # beside dataplane and control: from verdict to callback
    Bench("delivery.py", ("delivery.one_",)),
    # control fed through a region: a hundred subscribers, ten thousand, a storm, a whole table
    Bench("crowd.py", ("delivery.latency", "delivery.many", "delivery.storm", "delivery.snapshot")),
    # a hundred subscribers over TLS, beside the same in the clear
    Bench("tls_cost.py", ("delivery.tls_",)),
    # a thousand subscribers, beside nats-server and redis-server
    Bench("fan_out.py", ("delivery.ratio_to", "delivery.per_core_second"),
          peers=("nats-server", "redis-server")),
]

# a ratio: this row over that one, wherever either is measured
RATIOS = {
    # whole receivers, what they hear made on another core; ours at ten times the endpoints
    "socket.ratio_to_recvmmsg": ("memif.heartbeats_per_core", "socket.heartbeats_per_core"),
    "redis.ratio": ("memif.heartbeats_per_core", "redis.refreshes_per_core"),
    # the same without a device: ours by the index, from frames in memory
    "socket.ratio_from_memory": ("pipeline.heartbeats_per_core", "socket.heartbeats_per_core"),
    "redis.ratio_from_memory": ("pipeline.heartbeats_per_core", "redis.refreshes_per_core"),
}


def rows_of(bench):
    """Runs it and yields its rows as they come. Raises RuntimeError if it fails."""
    command = [sys.executable] if bench.program.endswith(".py") else []
    command += [str(bench.path), *bench.arguments]

    def on_its_core():
        if bench.core is not None:
            os.sched_setaffinity(0, {bench.core % os.cpu_count()})

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True,
                          preexec_fn=on_its_core) as process:
        def stop(how):
            if process.poll() is None:
                os.killpg(process.pid, how)

        # A script takes down what it started when it is asked to end; ten seconds later it must.
        timers = [threading.Timer(bench.seconds, stop, [signal.SIGTERM]),
                  threading.Timer(bench.seconds + 10, stop, [signal.SIGKILL])]
        for timer in timers:
            timer.daemon = True
            timer.start()
        try:
            for line in process.stdout:
                if ROW.fullmatch(line.strip()):
                    yield line.strip()
            status = process.wait()
        except BaseException:  # as when we are interrupted
            stop(signal.SIGTERM)
            raise
        finally:
            for timer in timers:
                timer.cancel()
    if status == LEFT_OUT:
        raise LeftOut(f"{bench.program} has not what it needs")
    if status != 0:
        raise RuntimeError(f"{bench.program} ended with {status}")


class Run:
    """The rows asked for by one prefix, printed as they are measured."""

    def __init__(self, prefix):
        self._prefix = prefix
        self._due = {name: ratio for name, ratio in RATIOS.items() if name.startswith(prefix)}
        self._operands = {row for ratio in self._due.values() for row in ratio}
        self._measured = {}
        self.printed = 0

    def wants(self, bench):
        return any(name.startswith(self._prefix) or self._prefix.startswith(name)
                   or any(row.startswith(name) for row in self._operands) for name in bench.names)

    def take(self, row):
        name, value, _ = row.split()
        if not name.startswith(self._prefix) and name not in self._operands:
            return
        self._print(row)
        self._measured[name] = float(value)
        for ratio, (over, under) in list(self._due.items()):
            if over in self._measured and self._measured.get(under):
                del self._due[ratio]
                self._print(f"{ratio} {self._measured[over] / self._measured[under]:.4g} 1")

    def _print(self, row):
        self.printed += 1
        print(row, flush=True)


def main(prefix):
    run = Run(prefix)
    failed = False
    for bench in filter(run.wants, BENCHES):
        try:
            if bench.missing:
                raise LeftOut(f"needed `./run setup --peers` for {bench.missing}")
            for row in rows_of(bench):
                run.take(row)
        except LeftOut as error:
            rows = ", ".join(name + "*" for name in bench.names)
            print(f"figures: {rows} left out: {error}", file=sys.stderr)
            failed = failed or prefix != ""
        except (OSError, RuntimeError) as error:
            print(f"figures: {error}", file=sys.stderr)
            failed = True
    if run.printed == 0 and not failed:
        names = sorted({name.split(".")[0] for bench in BENCHES for name in bench.names}
                       | {name.split(".")[0] for name in RATIOS})
        print(f"figures: needed the beginning of a figure's name, found {prefix!r}; "
              f"try {', '.join(names)}", file=sys.stderr)
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("FLATLINE_BUILD", str(BUILD))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
