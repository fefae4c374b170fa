#!/usr/bin/env python3
"""Proves that clang_tidy.py finds in a batch what it finds alone: a small tree with offences of
several kinds, sources whose names collide, and one that does not compile."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CLEAN = """namespace flatline {{
namespace {{
int One() {{ return 1; }}
}}
int {0}() {{ return One(); }}
}}
"""
REASONED = """int Follow(bool is_there) {
  int* at = nullptr;
  return is_there ? 1 : *at;
}
"""
# Each offence in a folder, so in a batch, of its own: one finding has the whole batch looked at
# source by source, which would find the others too. Beside each two that are clean, whose names
# collide where they may: such a source is looked at apart, and the batch needs a second one.
OFFENCES = {
    "control/matched": ("int* Nothing() { return 0; }\n", "modernize-use-nullptr"),
    "control/named": ("int Named() { int Badly = 1; return Badly; }\n",
                      "readability-identifier-naming"),
    "control/reasoned": (REASONED, "clang-analyzer-core.NullDereference"),
    "tests/broken": ("int Broken( { return 1; }\n", "clang-diagnostic-error"),
}
SOURCES = {
    "tests/unreasoned/unreasoned.cc": REASONED,  # the analyser does not look at tests
    "tests/unreasoned/clean.cc": "int Clean() { return 1; }\n",
}
OFFENDERS = {}
for folder, (text, check) in OFFENCES.items():
    SOURCES[f"{folder}/clean_a.cc"] = CLEAN.format("A")
    SOURCES[f"{folder}/clean_b.cc"] = CLEAN.format("B")  # One() collides
    SOURCES[f"{folder}/clean_c.cc"] = "int Clean() { return 1; }\n"
    SOURCES[f"{folder}/offender.cc"] = text
    OFFENDERS[f"{folder}/offender.cc"] = check


def plant(root):
    for name in (".clang-tidy", "tests/.clang-tidy"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((HERE.parent.parent / name).read_bytes())
    entries = []
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        entries.append({
            "directory": str(root / ".build"), "file": f"../{name}",
            "command": f"ccache c++ -I{name}.p -std=c++23 -MD -MQ x -MF x.d -o x.o -c ../{name}"})
    (root / ".build").mkdir()
    (root / ".build/compile_commands.json").write_text(json.dumps(entries))


def lint(root):
    return subprocess.run([sys.executable, HERE / "clang_tidy.py", ".build"], cwd=root,
                          env=os.environ | {"XDG_CACHE_HOME": str(root / "cache")},
                          capture_output=True, text=True, check=False)


class TidyCanary(unittest.TestCase):
    def test_finds_each_offence_and_no_other(self):
        with tempfile.TemporaryDirectory() as place:
            root = pathlib.Path(place)
            plant(root)
            for again in (False, True):
                ran = lint(root)
                self.assertEqual(ran.returncode, 1, ran.stderr)
                self.assertIn(f"{len(SOURCES)} sources, {len(OFFENDERS)} with findings", ran.stdout)
                for source, check in OFFENDERS.items():
                    self.assertRegex(ran.stdout, rf"{source}:\d+:\d+: .*\[{check}", f"again: {again}")
                batches = list((root / ".build/tidy").rglob("UnifiedSource_*.cc"))
                # The second time the clean ones have passed, and nobody is left beside an offender;
                # what does not compile is in no batch.
                if not again:
                    for name in set(OFFENDERS) | {"tests/unreasoned/unreasoned.cc"}:
                        holding = [each for each in batches if name in each.read_text()]
                        self.assertEqual(len(holding), int("broken" not in name), name)

    def test_who_has_mended_it_passes(self):
        with tempfile.TemporaryDirectory() as place:
            root = pathlib.Path(place)
            plant(root)
            lint(root)
            for source in OFFENDERS:
                name = source.replace("/", "_").removesuffix(".cc").title().replace("_", "")
                (root / source).write_text(f"int {name}() {{ return 1; }}\n")
            ran = lint(root)
            self.assertEqual(ran.returncode, 0, ran.stdout)


if __name__ == "__main__":
    unittest.main()
