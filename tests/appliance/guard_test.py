#!/usr/bin/env python3
"""k of N dying together, and N itself: a rack that loses its power is told dead, and as one mass
failure; where the switch before us fails, with our own port up, the guard holds and nobody dies.
"""

import unittest

import case
from appliance import MEMIF_PORT, Appliance
from delivery import ALIVE, DEAD, SUSPECT

FLEET, RACK = 1000, 100
GROUP = 5
GUARD, MASS_FAILURE = 15, 16
MARK_MASS_FAILURE, MARK_MAINTENANCE = 1, 2

SCENARIO = """
seed = 11
racks = 10
run_for = "14s"
[[cohort]]
profile = "leader-election"
endpoints = 1000
[[event]]
kind = "die"
at = "4s"
racks = "3"
[[loss]]
model = "cut"
from = "8s"
until = "11s"
"""


class GuardTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def test_a_rack_dies_and_the_whole_fleet_does_not(self):
        with Appliance([MEMIF_PORT], is_guarded=True) as flatline:
            (flatline.directory / "scenario.toml").write_text(SCENARIO)
            flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe()
            status, output = flatline.flatline(
                "maintain", "--group", 3, "--for", "1h", "--reason", "power", "--socket",
                flatline.directory / "control.sock")
            self.assertEqual(0, status, output)
            flatline.start_generator("--scenario", flatline.directory / "scenario.toml")

            self.assertTrue(stream.until(lambda: len(stream.told(ALIVE)) == FLEET, 15))
            self.assertTrue(stream.until(lambda: len(stream.told(DEAD)) == RACK, 15))
            rack = set(stream.told(DEAD))
            self.assertEqual({3}, {r.group for r in stream.records if r.endpoint in rack})
            told = [r for r in stream.kinds(GROUP) if r.reason == MASS_FAILURE and r.group == 3]
            self.assertEqual([1], [r.to for r in told], "one begin of the rack's mass failure")
            self.assertEqual(RACK, told[0].heartbeat_sequence)
            deaths = [r for r in stream.records if r.endpoint in rack and r.to == DEAD]
            self.assertEqual({MARK_MASS_FAILURE | MARK_MAINTENANCE}, {r.marks for r in deaths})

            self.assertTrue(stream.until(
                lambda: any(r.reason == GUARD and r.to == 1 for r in stream.kinds(GROUP)), 15))
            self.assertTrue(stream.until(
                lambda: any(r.reason == GUARD and r.to == 0 for r in stream.kinds(GROUP)), 15))
            guard = [r for r in stream.kinds(GROUP) if r.reason == GUARD]
            self.assertEqual([1, 0], [r.to for r in guard])
            self.assertGreaterEqual(2 * guard[0].incarnation, guard[0].heartbeat_sequence)
            living = set(stream.told(ALIVE)) - rack
            self.assertTrue(stream.until(lambda: all(
                count >= 1 for count in stream.told(SUSPECT, living).values()), 1))
            self.assertEqual(FLEET - RACK, len(stream.told(SUSPECT, living)), "all were suspect")
            self.assertEqual(rack, set(stream.told(DEAD)), "nobody but the rack died")

            status, output = flatline.flatline("maintain")
            self.assertEqual(0, status, output)
            self.assertIn("group 3 until", output)
            self.assertIn(": power", output)


if __name__ == "__main__":
    case.run()
