#!/usr/bin/env python3
"""net_tap: the kernel's end of the device is an interface beside us, and a plain socket on it is
heard and acknowledged, over IPv4 and IPv6.
"""

import os
import socket
import unittest

import case
import delivery
from appliance import Appliance
from heartbeat import PORT, acknowledged, heartbeat

OURS = {socket.AF_INET: "10.8.0.1", socket.AF_INET6: "fd00:8::1"}


class TapTest(unittest.TestCase):
    def test_kernel_socket_behind_a_tap(self):
        if not os.path.exists("/dev/net/tun"):
            self.skipTest("needs /dev/net/tun")
        (namespace,) = case.namespaces(1)
        self.addCleanup(namespace.close)
        port = {"device": "net_tap0,iface=dtap0", "addresses": list(OURS.values()),
                "promiscuous": True}
        with Appliance([port], namespace=namespace) as flatline:
            flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe()
            namespace.run("ip", "link", "set", "dtap0", "up")
            namespace.address("dtap0", "10.8.0.2/24", "fd00:8::2/64")
            for endpoint, (family, target) in enumerate(OURS.items(), start=40):
                namespace.run("ping", "-c", "1", "-W", "5", target)
                with namespace.socket(family) as sender:
                    sender.settimeout(5)
                    sender.sendto(heartbeat(endpoint, 1), (target, PORT))
                    self.assertEqual((endpoint, 1, 1), acknowledged(sender.recv(2048))[:3])
                stream.until(lambda who=endpoint: stream.told(delivery.DEAD)[who], 10)
                self.assertEqual(1, stream.told(delivery.DEAD)[endpoint])


if __name__ == "__main__":
    case.run()
