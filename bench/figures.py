#!/usr/bin/env python3
"""The figures that the README quotes, each measured now: `./run figures [PREFIX]` prints one row a
figure, `name value unit`, of those whose name begins with PREFIX. What is measured how:

pipeline.*, memory.*   pipeline_bench: one worker over ten million endpoints, fed from memory
detection.*            ./run demo: past the deadline, over all verdicts of a judged run
delivery.*             delivery_bench beside dataplane and control: from verdict to callback
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
os.environ.setdefault("FLATLINE_BUILD", str(BUILD))
sys.path.insert(0, str(ROOT / "tests/appliance"))

from appliance import MEMIF_PORT, Appliance, write_scenario  # noqa: E402


def rows_of(text):
    return [line for line in text.splitlines() if re.fullmatch(r"[a-z0-9_.]+ \S+ \S+", line)]


def pipeline():
    ran = subprocess.run([BUILD / "bench/pipeline_bench"], check=True, capture_output=True, text=True)
    return rows_of(ran.stdout)


def detection():
    ran = subprocess.run([ROOT / "bench/demo.sh"], check=False, capture_output=True, text=True)
    line = (ran.stdout.splitlines() or [""])[-1]
    if ran.returncode != 0 or not line.startswith("judge: "):
        sys.exit(f"figures: the demo failed: {line}\n{ran.stderr}")
    told = dict(word.split("=") for word in line.split()[1:])
    return [f"detection.endpoints {told['endpoints']} 1", f"detection.deaths {told['told']} 1",
            *(f"detection.overshoot_{name}_us {told[f'overshoot_{name}_us']} us"
              for name in ("p50", "p999", "max"))]


def delivery():
    with Appliance([MEMIF_PORT], {"endpoints": 200_000}) as flatline:
        flatline.start_dataplane()
        flatline.start_control()
        story = write_scenario(flatline, 100_000, "database", 20,
                               'kind = "die"\nat = "5s"\nover = "10s"\ncount = 10_000')
        flatline.start_generator("--scenario", story)
        bench = flatline.start("delivery_bench",
                               [BUILD / "bench/delivery_bench", flatline.socket, "20", "8"])
        if bench.wait(60) != 0:
            sys.exit(f"figures: {bench.output}")
        return rows_of(bench.output)


# who measures which names
SOURCES = [(pipeline, ("pipeline.", "memory.")), (detection, ("detection.",)),
           (delivery, ("delivery.",))]


def main(prefix):
    found = False
    for measure, names in SOURCES:
        if any(name.startswith(prefix) or prefix.startswith(name) for name in names):
            for row in measure():
                if row.startswith(prefix):
                    found = True
                    print(row, flush=True)
    if not found:
        sys.exit(f"figures: needed the beginning of a figure's name, found {prefix!r}; "
                 "try pipeline, memory, detection or delivery")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
