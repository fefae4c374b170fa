#!/usr/bin/env python3
"""net_null, the rejection path: zero-filled frames as fast as a core takes them. Each is dropped
with a reason and counted, nobody is enrolled, and the process stays well.
"""

import json
import unittest

import case
from appliance import Appliance
from process import wait_for


class NullTest(unittest.TestCase):
    def test_zero_filled_frames_are_counted_and_dropped(self):
        case.needs_root()
        with Appliance([{"device": "net_null0", "promiscuous": True}]) as flatline:
            dataplane = flatline.start_dataplane()

            def status():
                code, text = flatline.flatline("--json", "status")
                self.assertEqual(0, code, text)
                return json.loads(text)
            wait_for(lambda: status()["drops"].get("unknown-ethertype", 0) > 1_000_000, 30,
                     "a million drops")
            self.assertEqual({"unknown-ethertype"},
                             {name for name, count in status()["drops"].items() if count})
            self.assertEqual(0, dataplane.stop())


if __name__ == "__main__":
    case.run()
