#!/usr/bin/env python3
"""What happens when a process dies or stops in the middle: control killed in a storm of deaths, the
dataplane stopped for ten seconds, the dataplane killed and started again. The generator's judge and
an independent subscriber both look on.
"""

import signal
import time
import unittest

import case
import delivery
from appliance import MEMIF_PORT, PROGRAMS, Appliance, write_scenario

STORM = 100_000


def overlap(blind, begin, end):
    """Seconds of the announced blind intervals within [begin, end] of the wall clock."""
    return sum(max(0.0, min(record.at_ns / 1e9, end)
                   - max((record.at_ns - record.silence_ns) / 1e9, begin)) for record in blind)


class RestartTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def test_control_killed_in_a_storm_tells_each_death_once(self):
        with Appliance([MEMIF_PORT], {"endpoints": 2 * STORM}) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            story = write_scenario(flatline, STORM, "database", 16,
                                   f'kind = "die"\nat = "4s"\nover = "3s"\n'
                                   f"count = {STORM - 1000}")
            generator = flatline.start_generator("--scenario", story)
            stream = flatline.subscribe(delivery.FROM)
            stream.until(lambda: len(stream.told(delivery.DEAD)) > STORM // 10, 30)
            control.kill()
            stream.close()
            told_before = len(stream.told(delivery.DEAD))
            self.assertTrue(0 < told_before < STORM - 1000, told_before)
            time.sleep(0.5)  # deaths go on and wait in the ring
            flatline.start_control()
            rest = flatline.subscribe(delivery.FROM, sequence=stream.sequence)
            rest.records = stream.records + rest.records
            rest.until(lambda: len(rest.told(delivery.DEAD)) == STORM - 1000, 30)
            generator.wait(30)
            for liveness in (delivery.SUSPECT, delivery.DEAD):
                told = rest.told(liveness)
                self.assertEqual(STORM - 1000, len(told))
                self.assertEqual({1}, set(told.values()))
            sequences = [record.sequence for record in rest.records]
            self.assertEqual(list(range(1, len(sequences) + 1)), sequences)

    def test_dataplane_stopped_for_ten_seconds_accuses_nobody(self):
        with Appliance([MEMIF_PORT], {"endpoints": 200_000}) as flatline:
            dataplane = flatline.start_dataplane()
            flatline.start_control()
            # five die before the stop and five after it: the witnesses that we would have heard
            story = write_scenario(flatline, 100_000, "database", 26,
                                   'kind = "die"\nat = "3s"\ncount = 5',
                                   'kind = "die"\nat = "18s"\ncount = 5')
            stream = flatline.subscribe(delivery.FROM)
            generator = flatline.start_generator("--scenario", story, "--judge", flatline.socket)
            stream.until(lambda: len(stream.told(delivery.ALIVE)) == 100_000, 20)
            stream.until(lambda: False, 2)
            dataplane.send(signal.SIGSTOP)
            stopped = time.time()
            time.sleep(10)
            resumed = time.time()
            dataplane.send(signal.SIGCONT)
            self.assertEqual(0, generator.wait(60), generator.output)
            stream.until(lambda: len(stream.told(delivery.DEAD)) == 10, 10)
            self.assertEqual(10, len(stream.told(delivery.DEAD)))
            self.assertEqual(10, len(stream.told(delivery.SUSPECT)))
            self.assertAlmostEqual(
                resumed - stopped, overlap(stream.kinds(delivery.BLIND), stopped, resumed), delta=0.2)

    def test_a_dead_port_holds_verdicts_until_it_is_taken_out(self):
        dead = {"device": "net_memif1,role=server,id=0,socket={dir}/dead.sock,socket-abstract=no"}
        with Appliance([MEMIF_PORT, dead]) as flatline:
            dataplane = flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)
            story = write_scenario(flatline, 1_000, "leader-election", 60,
                                   'kind = "die"\nat = "2s"\ncount = 10')
            fleet = flatline.start_generator("--scenario", story)
            self.assertTrue(stream.until(lambda: len(stream.told(delivery.ALIVE)) == 1_000, 20))
            stream.until(lambda: stream.told(delivery.SUSPECT), 6)
            self.assertEqual({}, stream.told(delivery.SUSPECT))
            self.assertIn("A PORT IS DEAF", flatline.flatline("status")[1])
            flatline.settings["ports"].remove(dead)
            flatline.write_config()
            self.assertEqual(0, dataplane.stop())
            fleet.kill()  # its driver does not outlive the other end of the link
            flatline.start_dataplane(ready="adopted").wait_for_line("hearing: ")
            flatline.start_generator("--scenario", story)
            self.assertTrue(stream.until(lambda: len(stream.told(delivery.DEAD)) == 10, 20))
            stream.until(lambda: False, 1)
            self.assertEqual(10, len(stream.told(delivery.SUSPECT)))

    def test_dataplane_killed_is_replaced_by_one_that_knows(self):
        ours, theirs = case.linked(self, "10.7.0.2/24")
        port = {"device": "net_af_packet0,iface=veth0", "addresses": ["10.7.0.1"]}
        with Appliance([port], namespace=ours) as flatline:

            def agent(first, count):
                return flatline.start(f"agent-{first}", [
                    PROGRAMS["flatline"], "agent", "--to", "10.7.0.1:17996", "--id", str(first),
                    "--count", str(count), "--profile", "database", "--for", "60s"], theirs.prefix)
            dataplane = flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)
            agent(1000, 200)
            witness = agent(5000, 1)
            stream.until(lambda: len(stream.told(delivery.ALIVE)) == 201, 10)
            dataplane.kill()
            killed = time.time()
            time.sleep(5)  # longer than anybody's deadline
            flatline.start_dataplane(ready="adopted").wait_for_line("hearing: ")
            replaced = time.time()
            witness.kill()
            stream.until(lambda: stream.told(delivery.DEAD), 20)
            self.assertEqual({5000: 1}, stream.told(delivery.DEAD))
            self.assertEqual({5000: 1}, stream.told(delivery.SUSPECT))
            self.assertEqual({1}, set(stream.told(delivery.ALIVE).values()))
            self.assertEqual(1, len(stream.kinds(delivery.RESET)))  # of the first start
            self.assertAlmostEqual(
                replaced - killed, overlap(stream.kinds(delivery.BLIND), killed, replaced), delta=1)


if __name__ == "__main__":
    case.run()
