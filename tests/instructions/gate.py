#!/usr/bin/env python3
"""The performance gate that a noisy machine cannot fool: instructions per heartbeat, per visit of a
block and per transition, counted by callgrind, against tests/instructions/baseline.tsv.

    gate.py TURNS             fails if a scene takes over 5 % more, and says which functions grew
    gate.py TURNS --update    writes the baseline anew: commit it with what changed the counts
"""

import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

from profile_reader import read_profile

BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.tsv"
SCENES = {"index": "heartbeat", "handle": "heartbeat", "thorough": "heartbeat",
          "phi_index": "heartbeat", "phi_handle": "heartbeat",
          "visits": "visit", "deaths": "transition"}
TOLERANCE = 0.05
SHARE_KEPT = 0.002  # functions below this share of a scene are left out of the baseline
WHOLE = "MeasuredTurn"  # all that is counted in a scene
# What is judged beside it, where idle turns would drown it.
CLOSER = {"visits": ("flatline::Shard::Expire", "flatline::Shard::VisitBlock"),
          "deaths": ("flatline::Shard::Expire", "flatline::Shard::VisitBlock")}


def compiler(program):
    """What the program says it was built by; counts of another compiler cannot be compared."""
    comments = subprocess.run(["readelf", "-p", ".comment", program], capture_output=True,
                              text=True, check=True).stdout
    found = re.findall(r"(?:GCC|clang).*?(\d+\.\d+\.\d+)\s*$", comments, re.MULTILINE)
    return f"{platform.machine()} {'clang' if 'clang' in comments else 'gcc'} {max(found)}"


def measure(program, scene, *arguments):
    """{function: (own, inclusive)}, each per unit of the scene."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        ran = subprocess.run(
            ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}",
             f"--toggle-collect={WHOLE}", "--compress-strings=no", "--compress-pos=no",
             program, scene, *arguments], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            sys.exit(f"{scene}: {ran.stderr}")
        units = int(ran.stdout)
        profile = read_profile(out.read_text().splitlines())
    if profile.get(WHOLE, (0, 0))[1] == 0:
        sys.exit(f"{scene}: {WHOLE} was not seen; nothing was counted")
    return {name: (own / units, inclusive / units) for name, (own, inclusive) in profile.items()}


def read_baseline(text):
    """The compiler it is of, and {scene: {function: (own, inclusive)}}."""
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    scenes = {}
    for scene, own, inclusive, name in lines[1:]:
        scenes.setdefault(scene, {})[name] = (float(own), float(inclusive))
    return lines[0][1], scenes


def write_baseline(of, scenes):
    lines = ["# Instructions per unit, as ./run test instructions counts them; refreshed by",
             "# tests/instructions/gate.py .build/tests/instructions/turns --update",
             f"compiler\t{of}"]
    for scene, profile in scenes.items():
        whole = profile[WHOLE][1]
        for name, (own, inclusive) in sorted(profile.items(), key=lambda row: -row[1][1]):
            if name == WHOLE or own > 0 and inclusive >= SHARE_KEPT * whole:
                lines.append(f"{scene}\t{own:.2f}\t{inclusive:.2f}\t{name}")
    return "\n".join(lines) + "\n"


def growth(before, after):
    """Sentences: the functions that grew most, by their own instructions."""
    rows = []
    for name, (own, inclusive) in after.items():
        own_then, inclusive_then = before.get(name, (0.0, 0.0))
        if own - own_then > SHARE_KEPT * before[WHOLE][1]:
            rows.append((own - own_then, f"    {name}: {own_then:.2f} -> {own:.2f} of its own, "
                                         f"{inclusive_then:.2f} -> {inclusive:.2f} with its calls"))
    return [sentence for _, sentence in sorted(rows, reverse=True)[:8]]


def inclusive_of(profile, function):
    """Of all functions of that name, whatever their parameters; None where there is none."""
    found = [inclusive for name, (_, inclusive) in profile.items()
             if name.split("(")[0] == function]
    return max(found) if found else None


def judge(scene, before, after):
    """Whether the scene passes, and what to say of it."""
    passed, said = True, []
    for function in (WHOLE, *CLOSER.get(scene, ())):
        then, now = inclusive_of(before, function), inclusive_of(after, function)
        if then is None or now is None:
            passed = False
            said.append(f"{scene}: {function} is not in the {'count' if then else 'baseline'}; was "
                        "it renamed or inlined? judge another one in gate.py, then --update")
            continue
        change = now / then - 1
        said.append(f"{scene}: {now:.1f} instructions a {SCENES[scene]} in {function}, {then:.1f} "
                    f"in the baseline ({change:+.1%})")
        if change > TOLERANCE:
            passed = False
            said += ["  worse by more than 5 %; these grew:", *growth(before, after)]
        elif change < -TOLERANCE:
            said.append("  better by more than 5 %: refresh the baseline (--update), "
                        "or it is lost again")
    return passed, said


def main(program, *options):
    if not shutil.which("valgrind"):
        sys.exit("needed valgrind, found none: ./run setup")
    built_by = compiler(program)
    after = {scene: measure(program, scene) for scene in SCENES}
    if "--update" in options:
        BASELINE.write_text(write_baseline(built_by, after))
        print(f"wrote {BASELINE}")
        return 0
    baseline_of, before = read_baseline(BASELINE.read_text())
    if baseline_of != built_by:
        print(f"the baseline is of {baseline_of}, this was built by {built_by}: not comparable")
        return 77
    passed = True
    for scene in SCENES:
        good, said = judge(scene, before[scene], after[scene])
        passed = passed and good
        print(*said, sep="\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
