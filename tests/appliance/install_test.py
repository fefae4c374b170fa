#!/usr/bin/env python3
"""What `meson install` lays down fits together: each unit names programs and a configuration that
are installed where it says, and the configuration is one that `check-config` takes.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

import case
from appliance import BUILD


class InstallTest(unittest.TestCase):
    def test_units_start_what_is_installed(self):
        with tempfile.TemporaryDirectory(prefix="flatline-install-") as directory:
            root = pathlib.Path(directory)
            subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "--destdir", directory,
                            "-C", BUILD], check=True, stdout=subprocess.DEVNULL)
            units = sorted(root.glob("**/systemd/system/*.service"))
            self.assertEqual(["flatline-control.service", "flatline-dataplane.service",
                              "flatline-sink@.service"], [unit.name for unit in units])
            for unit in units:
                self.assertTrue(self.check_unit(root, unit), f"{unit.name} starts nothing")
            config, = root.glob("**/flatline/flatline.toml")
            program, = root.glob("**/bin/flatline")
            checked = subprocess.run([program, "check-config", config],
                                     capture_output=True, text=True, check=False)
            self.assertEqual((0, f"{config}: no errors\n"), (checked.returncode, checked.stdout))

    def check_unit(self, root, unit):
        commands = [line.split("=", 1)[1].split() for line in unit.read_text().splitlines()
                    if line.startswith(("ExecStart=", "ExecStartPre="))]
        for program, *arguments in commands:
            self.assertTrue(os.access(root / program[1:], os.X_OK), f"{unit.name}: {program}")
            for path in arguments:
                if path.endswith(".toml") and "%" not in path:
                    self.assertTrue((root / path[1:]).exists(), f"{unit.name}: {path}")
        return commands


if __name__ == "__main__":
    case.run()
