#!/usr/bin/env python3
"""The gate must be able to fail: `canary.py TURNS` counts a scene as it is and with planted work,
and holds one against the other. The comparison must pass, fail and name the right function.
"""

import sys
import unittest

import gate
from profile_reader import read_profile

PROGRAM = sys.argv.pop()


class Canary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plain = gate.measure(PROGRAM, "handle")
        cls.planted = gate.measure(PROGRAM, "handle", "planted")

    def test_the_same_input_gives_the_same_count(self):
        again = gate.measure(PROGRAM, "handle")
        whole = self.plain[gate.WHOLE][1]
        self.assertAlmostEqual(again[gate.WHOLE][1], whole, delta=whole / 1000)
        self.assertTrue(gate.judge("handle", self.plain, again)[0])

    def test_planted_work_fails_and_is_named(self):
        passed, said = gate.judge("handle", self.plain, self.planted)
        self.assertFalse(passed)
        self.assertIn("PlantedWork: 0.00 ->", said[2])

    def test_less_work_passes_and_asks_for_a_new_baseline(self):
        passed, said = gate.judge("handle", self.planted, self.plain)
        self.assertTrue(passed)
        self.assertIn("refresh the baseline", said[-1])

    def test_a_function_that_doubles_is_named_first(self):
        grown = dict(self.plain)
        name = max((name for name in grown if name != gate.WHOLE), key=lambda name: grown[name][0])
        own, inclusive = grown[name]
        grown[name] = (2 * own, inclusive + own)
        whole = grown[gate.WHOLE]
        grown[gate.WHOLE] = (whole[0], whole[1] + own)
        passed, said = gate.judge("handle", self.plain, grown)
        self.assertFalse(passed)
        self.assertIn(name, said[2])

    def test_a_function_that_vanished_fails(self):
        rest = {name: cost for name, cost in self.plain.items() if name == gate.WHOLE}
        passed, said = gate.judge("deaths", rest, rest)
        self.assertFalse(passed)
        self.assertIn("VisitBlock is not in the baseline", said[-1])

    def test_the_baseline_reads_back_as_written(self):
        of, scenes = gate.read_baseline(gate.write_baseline("a compiler", {"handle": self.plain}))
        self.assertEqual(of, "a compiler")
        self.assertAlmostEqual(scenes["handle"][gate.WHOLE][1], self.plain[gate.WHOLE][1], places=2)

    def test_calls_count_for_the_caller_too(self):
        profile = read_profile(["events: Ir", "fn=outer", "0 5", "cfn=inner", "calls=2 0", "0 30",
                                "", "fn=inner", "0 30"])
        self.assertEqual(profile, {"outer": (5, 35), "inner": (30, 30)})


if __name__ == "__main__":
    unittest.main()
