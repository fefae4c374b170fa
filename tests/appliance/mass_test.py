#!/usr/bin/env python3
"""k of N that die at the same instant, for k = 1, 1,000 and 100,000 of a quarter of a million: each is
told, and nobody else. And N itself when our own port goes down: nobody is.
"""

import collections
import signal
import unittest

import case
import delivery
from appliance import MEMIF_PORT, Appliance, write_scenario
from process import wait_for

FLEET = 250_000
DYING = (1, 1_000, 100_000)
SMALL_FLEET = 50_000
LINK_DOWN = 11


class MassTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def test_k_of_n_die_at_once(self):
        """With the guard on, which lets pass what is less than half of the fleet."""
        with Appliance([MEMIF_PORT], {"endpoints": FLEET + 50_000}, is_guarded=True) as flatline:
            flatline.start_dataplane()
            flatline.start_control()
            story = write_scenario(flatline, FLEET, "database", 22, *(
                f'kind = "die"\nat = "{at}s"\ncount = {count}'
                for at, count in zip((5, 8, 12), DYING)))
            generator = flatline.start_generator("--scenario", story, "--judge", flatline.socket)
            self.assertEqual(0, generator.wait(90), generator.output)
            line = generator.output.splitlines()[-1]
            print(line)
            self.assertIn(f" killed={sum(DYING)} told={sum(DYING)} missed=0 false_suspect=0 "
                          "false_dead=0 mistakes=0 ", line)

    def test_n_of_n_when_our_own_port_is_down(self):
        """Without the guard: it is the port alone that says that we are deaf."""
        with Appliance([MEMIF_PORT], {"endpoints": 2 * SMALL_FLEET}) as flatline:
            flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)
            story = write_scenario(flatline, SMALL_FLEET, "database", 20,
                                   'kind = "die"\nat = "4s"\ncount = 7')

            def begin():
                return flatline.start_generator("--scenario", story)
            first = begin()
            stream.until(lambda: len(stream.told(delivery.DEAD)) == 7, 20)
            self.assertEqual(7, len(stream.told(delivery.DEAD)), "the witnesses")
            suspected = set(stream.told(delivery.SUSPECT))

            first.send(signal.SIGKILL)  # the other end of the link, and all N with it
            wait_for(lambda: "IS DEAF" in flatline.flatline("status")[1], 10, "the link to be down")
            stream.until(lambda: False, 10)  # anybody's patience is 4 s
            self.assertEqual(7, len(stream.told(delivery.DEAD)))
            self.assertEqual(suspected, set(stream.told(delivery.SUSPECT)))
            self.assertIn(LINK_DOWN, {record.reason for record in stream.kinds(delivery.BLIND)})

            begin()  # heard again: the same seven die, having risen with the others
            stream.until(lambda: set(stream.told(delivery.DEAD).values()) == {2}, 25)
            self.assertEqual({2: 7}, collections.Counter(stream.told(delivery.DEAD).values()))
            self.assertEqual(suspected, set(stream.told(delivery.SUSPECT)))


if __name__ == "__main__":
    case.run()
