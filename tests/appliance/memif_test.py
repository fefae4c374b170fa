#!/usr/bin/env python3
"""net_memif with the generator in another process, who judges: deaths, leaves and returns of a small
fleet, over a table of two workers.
"""

import unittest

import case
from appliance import MEMIF_PORT, Appliance

SCENARIO = """
seed = 7
run_for = "9s"
[[cohort]]
profile = "leader-election"
endpoints = 5000
[[event]]
kind = "die"
at = "3s"
over = "2s"
count = 500
[[event]]
kind = "leave"
at = "3s"
over = "1s"
count = 100
[[event]]
kind = "restart"
at = "3s"
lasting = "2s"
over = "1s"
count = 100
"""


class MemifTest(unittest.TestCase):
    def test_generator_finds_no_fault(self):
        case.needs_root()
        for workers in (1, 2):
            with self.subTest(workers=workers):
                with Appliance([MEMIF_PORT], {"workers": workers}) as flatline:
                    (flatline.directory / "scenario.toml").write_text(SCENARIO)
                    flatline.start_dataplane()
                    flatline.start_control()
                    generator = flatline.start_generator(
                        "--scenario", flatline.directory / "scenario.toml",
                        "--judge", flatline.socket)
                    self.assertEqual(0, generator.wait(60), generator.output)
                    self.assertRegex(generator.output.splitlines()[-1],
                                     r"^judge: endpoints=5000 killed=\d+ told=\d+ missed=0 "
                                     r"false_suspect=0 false_dead=0 mistakes=0 ")


if __name__ == "__main__":
    case.run()
