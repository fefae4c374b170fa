#!/usr/bin/env python3
"""How long past its deadline a verdict comes, over all verdicts of a judged run, which fails if one
was missed or wrong. Generator, dataplane and control share the machine's cores.

`detection.py` prints detection.*, of the fleet of `./run demo`; `detection.py fast` prints
judgement.overshoot_*, in ticks of the wheel, of fleets that beat every 100 ms and every 10 ms.
"""

import pathlib
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
TICK_US = 2**20 / 1000
FAST = {"100ms": "hundred_milliseconds.toml", "10ms": "ten_milliseconds.toml"}


def judged(scenario):
    """The words of the judge's last line."""
    command = [BENCH / "demo.sh", BENCH / "generator" / scenario]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    line = (ran.stdout.splitlines() or [""])[-1]
    if ran.returncode != 0 or not line.startswith("judge: "):
        sys.exit(f"detection: {scenario} failed: {line}\n{ran.stderr}")
    return dict(word.split("=") for word in line.split()[1:])


def main(how):
    if how == "fast":
        for name, scenario in FAST.items():
            told = judged(scenario)
            print(f"judgement.overshoot_deaths_{name} {told['told']} 1", flush=True)
            for figure in ("p50", "p999", "max"):
                ticks = float(told[f"overshoot_{figure}_us"]) / TICK_US
                print(f"judgement.overshoot_ticks_{figure}_{name} {ticks:.3g} 1", flush=True)
        return
    told = judged("demo.toml")
    print(f"detection.endpoints {told['endpoints']} 1")
    print(f"detection.deaths {told['told']} 1")
    for name in ("p50", "p999", "max"):
        print(f"detection.overshoot_{name}_us {told[f'overshoot_{name}_us']} us")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
