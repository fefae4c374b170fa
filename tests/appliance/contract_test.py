#!/usr/bin/env python3
"""A profile with a contract, with real processes: the loss and jitter of its paths as they are, what
was achieved over a kill of control, and a path that gets too bad for the promise.
"""

import json
import unittest

import case
from appliance import MEMIF_PORT, Appliance
from delivery import ALIVE, DEAD

ENDPOINTS, DIE, PAUSE = 200, 20, 10
PROFILE = """
[[profile]]
id = 20
name = "promised"
detect_within = "1s"
mistakes_at_most_every = "1h"
interval = "100ms"
loss = 0.02
jitter = "10ms"
"""
SCENARIO = f"""
seed = 5
run_for = "60s"
[[cohort]]
profile = "promised"
profile_id = 20
endpoints = {ENDPOINTS}
interval = "100ms"
jitter = "20ms"
timeout = "895ms"
confirmation = "100ms"
[[event]]
kind = "die"
at = "8s"
over = "1s"
count = {DIE}
[[event]]
kind = "flap"
at = "8s"
over = "1s"
lasting = "6s"
count = {PAUSE}
[[loss]]
model = "bernoulli"
rate = 0.05
until = "18s"
[[loss]]
model = "bernoulli"
rate = 0.6
from = "20s"
"""


class ContractTest(unittest.TestCase):
    def test_measured_achieved_and_broken(self):
        case.needs_root()
        with Appliance([MEMIF_PORT]) as self.flatline:
            with self.flatline.config.open("a", encoding="ascii") as config:
                config.write(PROFILE)
            (self.flatline.directory / "scenario.toml").write_text(SCENARIO)
            self.flatline.start_dataplane()
            control = self.flatline.start_control()
            stream = self.flatline.subscribe()
            self.flatline.start_generator("--scenario", self.flatline.directory / "scenario.toml")
            self.assertTrue(stream.until(lambda: len(stream.told(ALIVE)) == ENDPOINTS, 15))
            self.measure()
            self.assertTrue(stream.until(lambda: len(stream.told(DEAD)) == DIE + PAUSE, 20))
            control.kill()
            control = self.flatline.start_control()
            stream = self.flatline.subscribe()
            self.assertTrue(stream.until(lambda: len(stream.told(ALIVE)) >= PAUSE, 20))
            self.assert_achieved()
            control.wait_for_line("profile promised: CONTRACT CANNOT BE KEPT by", 40)
            status, output = self.flatline.flatline("status")
            self.assertEqual(0, status, output)
            self.assertIn("contract   promised: CANNOT BE KEPT since", output)
            status, output = self.flatline.flatline("metrics")
            self.assertEqual(0, status, output)
            self.assertIn('flatline_contract_can_be_kept{profile="promised"} 0', output)

    def measure(self):
        status, output = self.flatline.flatline("contract", "--for", "3s", "--json")
        self.assertEqual(0, status, output)
        seen = json.loads(output)
        self.assertEqual(ENDPOINTS, seen["endpoints"], output)
        self.assertEqual(ENDPOINTS, seen["kept_by"], output)
        self.assertLess(abs(seen["loss"] - 0.05), 0.02, output)
        # evenly from 0 to 20 ms: a deviation of 5.8
        self.assertTrue(4e6 < seen["jitter_ns"] < 9e6, output)
        self.assertLess(abs(seen["measured_interval_ns"] - 100e6), 2e6, output)
        self.assertEqual(1_000_000_000, seen["would_do"]["detect_within_ns"], output)

    def assert_achieved(self):
        status, output = self.flatline.flatline("status", "--json")
        self.assertEqual(0, status, output)
        told = json.loads(output)["contracts"][0]
        self.assertEqual("promised", told["profile"])
        self.assertEqual(DIE + PAUSE, told["deaths"], told)
        self.assertTrue(0.7e9 < told["detection_mean_ns"] < 1.1e9, told)  # busy cores are late
        self.assertEqual(told["late"] != 0, told["detection_most_ns"] > 1e9, told)
        self.assertEqual((PAUSE, 0), (told["mistakes"], told["mistakes_unmeasured"]), told)
        self.assertTrue(4e9 < told["mistake_mean_ns"] < 6e9, told)
        self.assertGreater(told["watched_endpoint_seconds"], 5 * ENDPOINTS, told)


if __name__ == "__main__":
    case.run()
