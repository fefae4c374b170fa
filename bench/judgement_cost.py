#!/usr/bin/env python3
"""judgement.pipeline_cost: what a heartbeat pays for the detectors, as a share of the instructions
that it took before they could be chosen; counted by callgrind over the scenes of the instruction
gate, so the noise of the machine is not in it. `…_phi` is the same in a profile that judges by the
history. Needs the build of `./run build`, and valgrind.
"""

import os
import pathlib
import shutil
import sys

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests/instructions"))

import gate  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(os.environ.get("FLATLINE_BUILD", BENCH.parent / ".build"))
# Of commit 9f6b17b, the last without: it smoothed the intervals of all endpoints.
BEFORE_OF = "x86_64 gcc"
BEFORE = {"index": 274.09, "handle": 216.91}
LEFT_OUT = 77


def main():
    turns = BUILD / "tests/instructions/turns"
    if not shutil.which("valgrind") or not gate.compiler(turns).startswith(BEFORE_OF):
        print("judgement_cost: needed valgrind, and a build by gcc", file=sys.stderr)
        return LEFT_OUT
    for find, before in BEFORE.items():
        end = "" if find == "index" else "_handle"
        for scene, detector in ((find, ""), (f"phi_{find}", "_phi")):
            counted = gate.measure(turns, scene)[gate.WHOLE][1]
            print(f"judgement.instructions{detector}{end} {counted:.1f} 1")
            print(f"judgement.pipeline_cost{detector}{end} {counted / before - 1:.3f} 1", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
