#!/usr/bin/env python3
"""detection.*: how long past its deadline a verdict comes, over all verdicts of `./run demo`, which
fails if one was missed or wrong. Generator, dataplane and control share the machine's cores.
"""

import pathlib
import subprocess
import sys


def main():
    demo = pathlib.Path(__file__).resolve().parent / "demo.sh"
    ran = subprocess.run([demo], check=False, capture_output=True, text=True)
    line = (ran.stdout.splitlines() or [""])[-1]
    if ran.returncode != 0 or not line.startswith("judge: "):
        sys.exit(f"detection: the demo failed: {line}\n{ran.stderr}")
    told = dict(word.split("=") for word in line.split()[1:])
    print(f"detection.endpoints {told['endpoints']} 1")
    print(f"detection.deaths {told['told']} 1")
    for name in ("p50", "p999", "max"):
        print(f"detection.overshoot_{name}_us {told[f'overshoot_{name}_us']} us")


if __name__ == "__main__":
    main()
