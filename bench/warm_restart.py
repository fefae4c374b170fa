#!/usr/bin/env python3
"""trust.warm_restart_*: how long nobody hears when the dataplane is killed, or told to stop, and started
anew over ten million endpoints. Real processes and a port that never receives; warm_restart_bench
fills the region, kills, starts and looks. `warm_restart.py [ENDPOINTS [ROUNDS]]`.
"""

import os
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("FLATLINE_BUILD", str(ROOT / ".build"))
sys.path.insert(0, str(ROOT / "tests/appliance"))

from appliance import BUILD, PROGRAMS, Appliance  # noqa: E402

LEFT_OUT = 77


def main(endpoints, rounds):
    if os.geteuid() != 0:
        print("warm_restart: needs root, for EAL", file=sys.stderr)
        sys.exit(LEFT_OUT)
    with Appliance([{"device": "net_null0,no-rx=1"}], {"endpoints": endpoints}) as flatline:
        bench = flatline.start("warm_restart_bench", [
            BUILD / "bench/warm_restart_bench", PROGRAMS["dataplane"], flatline.config,
            flatline.directory / "dataplane.log", str(rounds)])
        status = bench.wait(170)
        print(bench.output)
        if status != 0:
            raise SystemExit(f"warm_restart: ended with {status}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000,
         int(sys.argv[2]) if len(sys.argv) > 2 else 5)
