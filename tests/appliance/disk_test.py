#!/usr/bin/env python3
"""The journal's disk fills, and bytes of it flip, beside a real control: a subscriber hears each death
once, also through a kill while the journal is in memory; status says so; the disk has it all in the
end; and what was flipped is told as a gap and never sent.
"""

import os
import re
import shutil
import subprocess
import unittest

import case
import delivery
from appliance import MEMIF_PORT, NOBODY, Appliance, write_scenario
from process import wait_for

ENDPOINTS = 20_000
GAP = 18


class SmallDisk:
    """A file system of `size` at the journal's directory, for as long as the appliance is there."""

    def __init__(self, flatline, size):
        self._directory = flatline.directory / "control" / "journal"
        self._directory.mkdir()
        self._mount(f"size={size},uid={NOBODY.pw_uid},mode=750")
        flatline._open.callback(subprocess.run, ["umount", "-l", self._directory], check=False)

    def _mount(self, options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self._directory],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise unittest.SkipTest(f"needs to mount a file system: {done.stderr.strip()}")

    def grow(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", self._directory], check=True)

    def files(self):
        return sorted(self._directory.glob("*.journal"))


def memory_of(control):
    """The directory in which this control has its journal in memory, or None."""
    with open(f"/proc/{control.pid}/maps", encoding="utf-8") as maps:
        found = re.search(r"(/dev/shm/flatline-journal-[0-9a-f]+)/\d+\.journal", maps.read())
    return found and found[1]


def flip(path, sequence):
    """One bit of that record, in a file that control has mapped."""
    at = (sequence - int(path.stem) + 1) * delivery.SIZE + 17
    with open(path, "r+b", buffering=0) as file:
        byte = os.pread(file.fileno(), 1, at)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 0x10]), at)


def kill(control, flatline):
    """As no process ends by itself; the kernel may need a moment more to let go of its socket."""
    def is_deaf():
        try:
            delivery.connect(flatline.socket).close()
            return False
        except ConnectionRefusedError:
            return True
    control.kill()
    wait_for(is_deaf, 10, "control's socket to be closed")


class DiskTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def assert_status(self, flatline, pattern):
        def said():
            return re.search(pattern, flatline.flatline("status")[1])
        wait_for(said, 10, f"status to say {pattern!r}")

    def test_a_full_disk_and_a_kill_cost_no_subscriber_anything(self):
        settings = {"segment": "1M", "retain": "64M", "memory_journal": "32M"}
        with Appliance([MEMIF_PORT], {"endpoints": 2 * ENDPOINTS}, settings) as flatline:
            disk = SmallDisk(flatline, "3M")
            flatline.start_dataplane()
            control = flatline.start_control()
            self.assert_status(flatline, r"journal    on the disk\n")
            stream = flatline.subscribe(delivery.FROM)
            generator = flatline.start_generator("--scenario", write_scenario(
                flatline, ENDPOINTS, "leader-election", 8,
                f'kind = "die"\nat = "3s"\nover = "3s"\ncount = {ENDPOINTS}'))
            self.assertTrue(stream.until(
                lambda: len(stream.told(delivery.SUSPECT)) > ENDPOINTS // 2, 30))
            self.assert_status(flatline, r"journal    IN MEMORY since .*No space left on device")
            control.wait_for_line("the journal is in memory since")
            memory = memory_of(control)
            self.assertIsNotNone(memory)
            flatline._open.callback(shutil.rmtree, memory, ignore_errors=True)
            kill(control, flatline)
            stream.close()
            control = flatline.start_control()
            rest = flatline.subscribe(delivery.FROM, sequence=stream.sequence)
            rest.records = stream.records + rest.records
            rest.until(lambda: len(rest.told(delivery.DEAD)) == ENDPOINTS, 30)
            generator.wait(30)
            for liveness in (delivery.ALIVE, delivery.SUSPECT, delivery.DEAD):
                told = rest.told(liveness)
                self.assertEqual(ENDPOINTS, len(told))
                self.assertEqual({1}, set(told.values()))
            sequences = [record.sequence for record in rest.records]
            self.assertEqual(list(range(1, len(sequences) + 1)), sequences)
            self.assert_status(flatline, "journal    IN MEMORY since")

            disk.grow("64M")
            control.wait_for_line("the disk takes the journal again; .* 0 were given up")
            self.assert_status(flatline, r"journal    on the disk\n")
            self.assertFalse(os.path.exists(memory))
            kill(control, flatline)
            control = flatline.start_control()
            again = flatline.subscribe(delivery.FROM)
            self.assertTrue(again.until(lambda: again.sequence >= sequences[-1], 10))
            self.assertEqual(rest.records, again.records[:len(rest.records)])

    def test_flipped_bytes_are_told_as_gaps_and_never_sent(self):
        settings = {"segment": "1M", "retain": "64M"}
        with Appliance([MEMIF_PORT], {"endpoints": 2 * ENDPOINTS}, settings) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)
            generator = flatline.start_generator("--scenario", write_scenario(
                flatline, ENDPOINTS, "leader-election", 6,
                f'kind = "die"\nat = "2s"\nover = "1s"\ncount = {ENDPOINTS}'))
            stream.until(lambda: len(stream.told(delivery.DEAD)) == ENDPOINTS, 30)
            generator.wait(20)
            files = sorted((flatline.directory / "control" / "journal").glob("*.journal"))
            flipped = [7, 8, 9, 1000, 20_001, 45_000]
            for sequence in flipped:
                flip([path for path in files if int(path.stem) <= sequence][-1], sequence)
            for start in ("beside them", "after a restart"):
                late = flatline.subscribe(delivery.FROM)  # checks every CRC
                self.assertTrue(late.until(lambda: late.sequence >= stream.sequence, 10), start)
                lost = [sequence for gap in late.kinds(GAP)
                        for sequence in range(gap.silence_ns + 1, gap.sequence + 1)]
                self.assertEqual(flipped, lost, start)
                heard = [record for record in late.records if record.kind != GAP]
                wanted = [record for record in stream.records if record.sequence not in flipped]
                self.assertEqual(wanted, heard[:len(wanted)], start)
                self.assert_status(flatline, "journal    on the disk; 6 RECORDS FOUND DAMAGED")
                if start == "beside them":
                    control.wait_for_line("records 7 to 9 were damaged after they were written")
                    kill(control, flatline)
                    control = flatline.start_control()


if __name__ == "__main__":
    case.run()
