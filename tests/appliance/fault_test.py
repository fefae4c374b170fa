#!/usr/bin/env python3
"""What the machine may do to both processes: no memory, no file descriptors, no huge pages, a clock that
is stepped by an hour, a suspension, a core that is taken away. What each costs is in tests/README.md;
never a false verdict and never a lost one. Each zero has a witness: endpoints that did die are told.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
from unittest import mock

import case
import delivery
from appliance import BUILD, MEMIF_PORT, NOBODYS_GROUP, Appliance, write_scenario
from process import wait_for

FLEET = 2_000
WITNESSES = 5
# Nobody waits for its end. Were it near, a machine that gives us no core for some seconds would move
# the deaths into the whole fleet's silence, which the guard rightly holds back.
FLEET_SECONDS = 120
SHIM = pathlib.Path(os.environ.get("CLOCK_SHIM", BUILD / "tests/appliance/libstepped_clock.so"))
# Holds one core for itself, for so many seconds: argv[1], argv[2].
HOG = """import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
print("holds it", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    pass
"""
NO_HUGETLBFS = ["unshare", "--mount", "sh", "-c",
                'for m in $(awk \'$3 == "hugetlbfs" {print $2}\' /proc/mounts); do umount -l "$m"; done; '
                'exec "$@"', "sh"]


AS_CONTROL = ["setpriv", "--reuid=nobody", f"--regid={NOBODYS_GROUP}", "--clear-groups"]


def limit(control, what):
    """What prlimit(1) does, by the user that control runs as: no capability is needed then."""
    subprocess.run([*AS_CONTROL, "prlimit", f"--pid={control.pid}", what], check=True)


class FaultTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def fleet(self, flatline, dies_at, count=WITNESSES, fleet=FLEET):
        """The generator over a fleet of whom some die, and a subscriber who has heard of them all."""
        generator = flatline.start_generator("--scenario", write_scenario(
            flatline, fleet, "database", FLEET_SECONDS,
            f'kind = "die"\nat = "{dies_at}s"\nover = "1s"\ncount = {count}'))
        stream = flatline.subscribe(delivery.FROM)
        self.assertTrue(stream.until(lambda: len(stream.told(delivery.ALIVE)) == fleet, 20))
        return generator, stream

    def assert_told(self, stream, count=WITNESSES, timeout=30):
        """That many died, each told once, and nobody else was suspected."""
        stream.until(lambda: len(stream.told(delivery.DEAD)) >= count, timeout)
        for liveness in (delivery.SUSPECT, delivery.DEAD):
            told = stream.told(liveness)
            self.assertEqual(count, len(told), liveness)
            self.assertEqual({1}, set(told.values()), liveness)
        sequences = [record.sequence for record in stream.records]
        self.assertEqual(list(range(1, len(sequences) + 1)), sequences)

    def test_a_clock_stepped_by_an_hour_either_way(self):
        with Appliance([MEMIF_PORT]) as flatline:
            step = flatline.directory / "step"
            step.write_text("0")
            with mock.patch.dict(os.environ, {"LD_PRELOAD": str(SHIM),
                                              "CLOCK_STEP_FILE": str(step)}):
                flatline.start_dataplane()
                flatline.start_control()
            _, stream = self.fleet(flatline, 12)
            for hours in (1, -1):
                step.write_text(f"{hours * 3600}   ")
                stream.until(lambda: False, 4)  # longer than anybody's deadline
            self.assert_told(stream)
            dead = [record for record in stream.records if record.kind == delivery.LIVENESS
                    and record.to == delivery.DEAD]
            self.assertAlmostEqual(dead[-1].at_ns / 1e9, time.time() - 3600, delta=60,
                                   msg="instants follow the wall clock: it was stepped")

    def test_a_suspended_machine(self):
        with Appliance([MEMIF_PORT]) as flatline:
            dataplane = flatline.start_dataplane()
            control = flatline.start_control()
            generator, stream = self.fleet(flatline, 16)
            everybody = (generator, dataplane, control)
            for process in everybody:
                process.send(signal.SIGSTOP)
            time.sleep(6)
            for process in everybody:
                process.send(signal.SIGCONT)
            self.assert_told(stream)
            for process in (dataplane, control):
                self.assertNotIn("hangs", process.output)

    def test_without_memory_at_start(self):
        with Appliance([MEMIF_PORT]) as flatline:
            dataplane = flatline.start_dataplane()
            control = flatline.start_control()
            self.assertEqual(0, flatline.flatline("enrol", "1-50")[0])
            dataplane.kill()
            control.kill()
            for name, limit, prefix in (("dataplane", "--as=400000000", []),
                                        ("control", "--as=40000000", AS_CONTROL)):
                short = flatline.start(f"short-{name}", [
                    "prlimit", limit, BUILD / f"{name}/flatline-{name}", "--config",
                    flatline.config], prefix)
                self.assertEqual(1, short.wait(30), short.output)
                self.assertRegex(short.output.strip().splitlines()[-1], f"^flatline-{name}: .*;? ")
            flatline.start_dataplane(ready="adopted").wait_for_line("hearing: ")
            flatline.start_control()
            self.assertIn(" 50 unknown ", flatline.flatline("status")[1])
            self.assertEqual(0, flatline.flatline("retire", "1-50")[0])
            _, stream = self.fleet(flatline, 8)
            self.assert_told(stream)

    def test_without_memory_in_control_later(self):
        with Appliance([MEMIF_PORT], control={"subscribers": 4096}) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            _, stream = self.fleet(flatline, 10)
            with open(f"/proc/{control.pid}/status", encoding="ascii") as status:
                used = int(re.search(r"VmData:\s+(\d+)", status.read())[1]) * 1024
            limit(control, f"--data={used}:{used}")
            crowd = []
            while control.is_running and len(crowd) < 2000:
                try:
                    crowd.append(delivery.connect(flatline.socket))
                    crowd[-1].sendall(delivery.request(
                        delivery.NOW, text=f"filter=id:{len(crowd)},7-{len(crowd) + 9}\n"))
                except OSError:
                    time.sleep(0.01)
            self.assertEqual(1, control.wait(20), control.output)
            self.assertIn("flatline-control: needed memory, found none", control.output)
            for one in crowd:
                one.close()
            stream.until(lambda: stream.closed, 5)
            time.sleep(1)  # deaths wait in the rings
            flatline.start_control()
            rest = flatline.subscribe(delivery.FROM, sequence=stream.sequence)
            rest.records = stream.records + rest.records
            self.assert_told(rest)

    def test_without_a_file_descriptor(self):
        fleet, dying = 20_000, 15_000  # more than one file of the journal takes
        with Appliance([MEMIF_PORT], {"endpoints": 2 * fleet}, {"segment": "1M"}) as flatline:
            flatline.start_dataplane()
            control = flatline.start("control", [BUILD / "control/flatline-control", "--config",
                                                 flatline.config],
                                     [*AS_CONTROL, "prlimit", "--nofile=40:40"])
            control.wait_for_line("joined ")
            wait_for((flatline.directory / "control.sock").exists, 10, "control's socket")
            _, stream = self.fleet(flatline, 8, dying, fleet)
            crowd = [delivery.connect(flatline.socket) for _ in range(60)]  # the kernel's queue takes all
            for one in crowd:
                one.sendall(delivery.request(delivery.NOW))
            late = crowd.pop()
            late.settimeout(1)
            control.wait_for_line("connections cannot be taken: Too many open files", 10)
            stream.until(lambda: len(stream.told(delivery.DEAD)) == dying, 10)
            self.assertTrue(stream.told(delivery.SUSPECT), "those who are there are served")
            with self.assertRaises(TimeoutError):
                late.recv(1)
            self.assertLessEqual(control.output.count("connections cannot be taken"), 3)
            for one in crowd:
                one.close()
            late.settimeout(10)
            self.assertTrue(late.recv(1), "who waited is served")
            late.close()
            self.assert_told(stream, dying)
            self.assertEqual(0, control.stop())

    def test_without_huge_pages(self):
        with Appliance([MEMIF_PORT], {"hugepages": "required"}) as flatline:
            command = [BUILD / "dataplane/flatline-dataplane", "--config", flatline.config]
            refused = flatline.start("refused", command, NO_HUGETLBFS)
            self.assertEqual(1, refused.wait(30), refused.output)
            self.assertRegex(refused.output.strip().splitlines()[-1], "needed .*hugetlbfs.*; mount one")
            flatline.settings["dataplane"]["hugepages"] = "auto"
            flatline.write_config()
            dataplane = flatline.start("dataplane", command, NO_HUGETLBFS)
            dataplane.wait_for_line(r"region /dev/shm/.*: formatted")
            dataplane.wait_for_line("hearing: ")
            flatline.start_control()
            _, stream = self.fleet(flatline, 6)
            self.assert_told(stream)

    def test_a_core_that_is_taken_away(self):
        core = max(os.sched_getaffinity(0))
        with Appliance([MEMIF_PORT], {"cores": [core]}) as flatline:
            flatline.start_dataplane()
            flatline.start_control()
            generator = flatline.start_generator(
                "--scenario", write_scenario(flatline, FLEET, "leader-election", 12,
                                             'kind = "die"\nat = "5s"\ncount = 5',
                                             'kind = "die"\nat = "9s"\ncount = 5'),
                "--judge", flatline.socket, "--slack", "6s")
            stream = flatline.subscribe(delivery.FROM)
            self.assertTrue(stream.until(lambda: len(stream.told(delivery.ALIVE)) == FLEET, 20))
            hog = subprocess.Popen([sys.executable, "-c", HOG, str(core), "3"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                if not hog.stdout.readline():
                    self.skipTest("needs the right to SCHED_FIFO")
                hog.wait(20)
            finally:
                hog.kill()
                hog.wait()
                hog.stdout.close()
            self.assertEqual(0, generator.wait(60), generator.output)
            wait_for(lambda: stream.until(
                lambda: len(stream.told(delivery.DEAD)) == 10, 1), 10, "ten deaths")
            stalls = sum(record.silence_ns for record in stream.kinds(delivery.BLIND)) / 1e9
            self.assertGreater(stalls, 1, "the witness that the core was taken: it was blind")


if __name__ == "__main__":
    case.run()
