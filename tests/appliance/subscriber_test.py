#!/usr/bin/env python3
"""A good subscriber beside bad ones: nonsense, another version, a sequence from the future, one that
never reads. They get an error frame or a close; the good one hears all and notices nothing.
"""

import socket
import unittest

import case
import delivery
from appliance import MEMIF_PORT, Appliance, write_scenario

ENDPOINTS = 20_000


class SubscriberTest(unittest.TestCase):
    def assert_refused(self, flatline, data, error=None):
        with delivery.connect(flatline.socket) as raw:
            raw.settimeout(5)
            raw.sendall(data)
            received = b""
            try:
                while chunk := raw.recv(65536):
                    received += chunk
            except ConnectionResetError:
                pass
            kinds = [(received[at + 50], received[at + 53]) for at in range(0, len(received), 64)
                     if at + 64 <= len(received)]
            if error is not None:
                self.assertIn((delivery.ERROR, error), kinds)

    def test_bad_subscribers_are_nobody_elses_trouble(self):
        case.needs_root()
        with Appliance([MEMIF_PORT], {"endpoints": 2 * ENDPOINTS}) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            good = flatline.subscribe(delivery.FROM)
            self.assert_refused(flatline, b"GET / HTTP/1.1\r\n\r\n" + b"x" * 64,
                                delivery.BAD_REQUEST)
            wrong_version = bytearray(delivery.request(delivery.NOW))
            wrong_version[4] = 99
            self.assert_refused(flatline, bytes(wrong_version), delivery.BAD_REQUEST)
            self.assert_refused(flatline, delivery.request(delivery.FROM, sequence=1 << 40),
                                delivery.FUTURE_SEQUENCE)
            half = delivery.connect(flatline.socket)
            half.sendall(delivery.request(delivery.NOW)[:10])
            deaf = delivery.connect(flatline.socket)  # asks for everything, and reads nothing
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(delivery.request(delivery.FROM))
            # the generator stays: without a peer the port is deaf, and nobody is judged
            generator = flatline.start_generator("--scenario", write_scenario(
                flatline, ENDPOINTS, "leader-election", 6,
                f'kind = "die"\nat = "2s"\nover = "1s"\ncount = {ENDPOINTS}'))
            good.until(lambda: len(good.told(delivery.DEAD)) == ENDPOINTS, 20)
            generator.wait(20)
            for liveness in (delivery.ALIVE, delivery.SUSPECT, delivery.DEAD):
                self.assertEqual(ENDPOINTS, len(good.told(liveness)))
            late = flatline.subscribe(delivery.SNAPSHOT)
            late.until(lambda: late.kinds(delivery.SNAPSHOT_END), 10)
            rows = late.kinds(delivery.SNAPSHOT_ROW)
            self.assertEqual({delivery.DEAD}, {row.to for row in rows})
            self.assertEqual(ENDPOINTS, len({row.endpoint for row in rows}))
            half.close()
            deaf.close()
            self.assertTrue(control.is_running)

    def test_names_and_counts_of_an_enrolled_roster(self):
        case.needs_root()
        with Appliance([MEMIF_PORT], {"endpoints": 1000}, {"roster": "{dir}/roster"}) as flatline:
            long_name = "node-" + "x" * 150
            table = flatline.directory / "table.csv"
            table.write_text(f"id,name,group\n5,web-5,8\n6,,8\n7,{long_name},9\n")
            self.assertEqual(0, flatline.flatline("roster", "load", table)[0])
            flatline.start_dataplane()
            flatline.start_control()
            status, output = flatline.flatline("enrol", "--roster")
            self.assertEqual(0, status, output)
            subscriber = flatline.subscribe(delivery.SNAPSHOT, names=True)
            subscriber.until(lambda: subscriber.kinds(delivery.SNAPSHOT_END), 10)
            self.assertEqual({5, 6, 7},
                             {row.endpoint for row in subscriber.kinds(delivery.SNAPSHOT_ROW)})
            self.assertEqual({5: "web-5", 7: long_name}, subscriber.names)
            summary = flatline.subscribe(delivery.NOW, text="summary=100\n")
            summary.until(lambda: len(summary.summaries) >= 3, 10)
            self.assertEqual([(8, (2, 0, 0, 0, 0)), (9, (1, 0, 0, 0, 0)), (None, (3, 0, 0, 0, 0))],
                             summary.summaries[:3])
            subscriber.names.clear()
            self.assertEqual(0, flatline.flatline("retire", "7")[0])
            self.assertTrue(subscriber.until(lambda: 7 in subscriber.names, 10))
            self.assertTrue(summary.until(
                lambda: summary.summaries[-1] == (None, (2, 0, 0, 0, 0)), 10))
            status, output = flatline.flatline("list", "--names")
            self.assertEqual(0, status)
            self.assertIn("  web-5\n", output)
            status, output = flatline.flatline("watch", "--summary", "100ms", "--count", "2",
                                               "--json")
            self.assertEqual(0, status, output)
            self.assertIn('"group":8', output)


if __name__ == "__main__":
    case.run()
