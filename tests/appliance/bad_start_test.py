#!/usr/bin/env python3
"""Starts that cannot succeed: each says in one line what was needed, what was found and what to do,
and ends with a status that is not zero.
"""

import os
import signal
import subprocess
import unittest

import case
from appliance import MEMIF_PORT, PROGRAMS, Appliance


class BadStartTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def assert_refused(self, process, *words):
        self.assertNotEqual(0, process.wait(30), process.output)
        last = process.output.strip().splitlines()[-1]
        for word in words:
            self.assertIn(word, last)

    def test_second_dataplane_on_a_live_region(self):
        with Appliance([MEMIF_PORT]) as flatline:
            first = flatline.start_dataplane()
            self.assert_refused(flatline.start_dataplane(ready=None), "flatline-" + flatline.instance,
                                ";")
            self.assertTrue(first.is_running)

    def test_port_that_does_not_exist(self):
        with Appliance([{"device": "net_af_packet0,iface=nowhere0"}]) as flatline:
            self.assert_refused(flatline.start_dataplane(ready=None))

    def test_too_few_huge_pages(self):
        with Appliance([MEMIF_PORT], {"hugepages": "required", "memory": "512G"}) as flatline:
            self.assert_refused(flatline.start_dataplane(ready=None), "hugepages", "needed", "found")

    def test_region_of_another_version(self):
        with Appliance([MEMIF_PORT]) as flatline:
            flatline.start_dataplane().stop()
            # hugetlbfs has no write(); it can be mapped
            subprocess.run(["python3", "-c",
                            "import mmap, os, struct, sys\n"
                            "f = os.open(sys.argv[1], os.O_RDWR)\n"
                            "m = mmap.mmap(f, os.fstat(f).st_size)\n"
                            "m[8:12] = struct.pack('<I', 99)\n", flatline.region], check=True)
            self.assert_refused(flatline.start_control(ready=None), "found version 99; ")
            flatline.start_dataplane(ready=r"another release \(version 99, .*begins cold")
            flatline.start_control()

    def test_region_that_somebody_cut_short(self):
        with Appliance([MEMIF_PORT], {"hugepages": "off"}) as flatline:
            dataplane = flatline.start_dataplane()
            os.truncate(flatline.region, 4096)
            self.assertEqual(-signal.SIGBUS, dataplane.wait(10))
            self.assertIn("somebody who may write the file has cut it short", dataplane.output)
            flatline.start_dataplane(ready="was cut short, to 4096 bytes, .*begins cold")
            flatline.start_control()

    def test_region_that_somebody_removed(self):
        with Appliance([MEMIF_PORT]) as flatline:
            dataplane = flatline.start_dataplane()
            flatline.region.unlink()
            dataplane.wait_for_line("found it removed; .*restart this one", 10)
            self.assertEqual(0, dataplane.stop())

    def test_bad_configuration(self):
        with Appliance([MEMIF_PORT]) as flatline:
            flatline.settings["dataplane"]["endpiont"] = 5
            flatline.write_config()
            for program in ("dataplane", "control"):
                process = flatline.start(program, [PROGRAMS[program], "--config", flatline.config])
                self.assert_refused(process, "flatline.toml:", "endpoints")

    def test_io_uring_forbidden(self):
        switch = "/proc/sys/kernel/io_uring_disabled"
        if not os.path.exists(switch):
            self.skipTest("needs kernel.io_uring_disabled, which came with Linux 6.6")
        with Appliance([MEMIF_PORT]) as flatline:
            flatline.start_dataplane()
            with open(switch, encoding="ascii") as file:
                before = file.read()
            try:
                with open(switch, "w", encoding="ascii") as file:
                    file.write("2")
                self.assert_refused(flatline.start_control(ready=None), "io_uring")
            finally:
                with open(switch, "w", encoding="ascii") as file:
                    file.write(before)


if __name__ == "__main__":
    case.run()
