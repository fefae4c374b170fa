#!/usr/bin/env python3
"""delivery.ratio_to_*: transitions delivered for each second of the server's processor time, to a
thousand subscribers over loopback, 1, 16 and 256 at a time: control, fed through a region, beside
nats-server and redis-server publishing messages of the same 64 bytes. Nothing is pinned: everyone
has the same cores. Each rate is the median of ROUNDS turns, in which the three take turns.

`fan_out.py [SUBSCRIBERS [SECONDS]]`; ends with 77 where a peer is missing.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("FLATLINE_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / ".build"))
WINDOWS = (1, 16, 256)
ROUNDS = 3
CONFIG = """
region_directory = "{directory}"
[control]
listen = ["127.0.0.1:{port}"]
socket = "{directory}/control.sock"
journal = "{directory}/journal"
bookmark = "1m"
subscribers = 20000
"""
TLS = """
tls_loopback = true
tls_certificate = "{directory}/tls.pem"
tls_key = "{directory}/tls.key"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory):
    """Signed by itself, so its own authority."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{directory}/tls.key", "-out",
                    f"{directory}/tls.pem", "-subj", "/CN=bench", "-days", "1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    os.chmod(f"{directory}/tls.key", 0o400)


@contextlib.contextmanager
def server(kind, directory, port):
    if kind in ("flatline", "tls"):
        config = pathlib.Path(directory) / "flatline.toml"
        if kind == "tls":
            make_certificate(directory)
        config.write_text((CONFIG + (TLS if kind == "tls" else "")).format(directory=directory,
                                                                           port=port))
        command = [BUILD / "control/flatline-control", "--config", config]
    elif kind == "nats":
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(port)]
    else:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "",
                   "--appendonly", "no", "--maxclients", "20000",
                   "--client-output-buffer-limit", "pubsub 0 0 0"]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"fan_out: {kind} did not start")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(kind, subscribers, window, seconds):
    with tempfile.TemporaryDirectory(prefix="flatline-fan-out-") as directory:
        port = free_port()
        with server(kind, directory, port) as pid:
            ran = subprocess.run([BUILD / "bench/fan_out_bench", kind, directory, str(port), str(pid),
                                  str(subscribers), str(window), str(seconds)],
                                 check=True, capture_output=True, text=True, timeout=60)
    print(ran.stdout, end="", file=sys.stderr, flush=True)
    return float(ran.stdout.splitlines()[-1].split()[1])


def main(subscribers, seconds):
    if not (shutil.which("nats-server") and shutil.which("redis-server")):
        sys.exit(77)
    for window in WINDOWS:
        rates = {"flatline": [], "nats": [], "redis": []}
        for _ in range(ROUNDS):
            for kind, rate in rates.items():
                rate.append(measure(kind, subscribers, window, seconds))
        medians = {kind: statistics.median(rate) for kind, rate in rates.items()}
        print(f"delivery.per_core_second_w{window} {medians['flatline']:.4g} 1/s")
        for peer in ("nats", "redis"):
            print(f"delivery.ratio_to_{peer}_w{window} "
                  f"{medians['flatline'] / medians[peer]:.3g} 1", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000,
         float(sys.argv[2]) if len(sys.argv) > 2 else 2)
