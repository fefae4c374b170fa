#!/usr/bin/env python3
"""delivery.*: from a verdict to a subscriber's callback, beside a real dataplane and a real control,
while ten thousand of a hundred thousand endpoints die. Not fan-out to many subscribers.
"""

import os
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("FLATLINE_BUILD", str(ROOT / ".build"))
sys.path.insert(0, str(ROOT / "tests/appliance"))

from appliance import BUILD, MEMIF_PORT, Appliance, write_scenario  # noqa: E402


def main():
    with Appliance([MEMIF_PORT], {"endpoints": 200_000}) as flatline:
        flatline.start_dataplane()
        flatline.start_control()
        story = write_scenario(flatline, 100_000, "database", 20,
                               'kind = "die"\nat = "5s"\nover = "10s"\ncount = 10_000')
        flatline.start_generator("--scenario", story)
        bench = flatline.start("delivery_bench",
                               [BUILD / "bench/delivery_bench", flatline.socket, "20", "8"])
        if bench.wait(60) != 0:
            sys.exit(f"delivery: {bench.output}")
        print(bench.output)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down
    main()
