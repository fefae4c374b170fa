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
SOURCES = {
    "control/clean_a.cc": CLEAN.format("A"),
    "control/clean_b.cc": CLEAN.format("B"),  # One() collides
    "control/matched.cc": "int* Nothing() { return 0; }\n",
    "control/named.cc": "int Named() { int Badly = 1; return Badly; }\n",
    "control/reasoned.cc": REASONED,
    "tests/reasoned.cc": REASONED,  # the analyser does not look at tests
    "tests/clean.cc": "int Clean() { return 1; }\n",
    "tests/broken.cc": "int Broken( { return 1; }\n",
}
OFFENDERS = {
    "control/matched.cc": "modernize-use-nullptr",
    "control/named.cc": "readability-identifier-naming",
    "control/reasoned.cc": "clang-analyzer-core.NullDereference",
    "tests/broken.cc": "clang-diagnostic-error",
}


def plant(root):
    for name in (".clang-tidy", "tests/.clang-tidy"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes((HERE.parent.parent / name).read_bytes())
    entries = []
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(exist_ok=True)
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
