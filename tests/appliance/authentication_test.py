#!/usr/bin/env python3
"""Tags end to end, over a tap: keys made and derived by the command line, `flatline agent` with the
right ones and wrong ones, forgeries and replays from a plain socket, a rotation without a gap, and
starts that a bad key must prevent.
"""

import os
import socket
import subprocess
import unittest

import case
import delivery
from appliance import MEMIF_PORT, PROGRAMS, Appliance
from heartbeat import PORT, acknowledged, heartbeat, siphash, tagged

OURS = "10.8.0.1"


class AuthenticationTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()
        # The paper's vector: what follows is as good as this function.
        self.assertEqual(0xA129CA6149BE45E5.to_bytes(8, "little"),
                         siphash(bytes(range(16)), bytes(range(15))))

    @staticmethod
    def with_key(flatline):
        flatline.settings["dataplane"]["default_profile"] = "leader-election"
        return flatline.make_key("required")

    def over_a_tap(self):
        if not os.path.exists("/dev/net/tun"):
            self.skipTest("needs /dev/net/tun")
        (namespace,) = case.namespaces(1)
        self.addCleanup(namespace.close)
        port = {"device": "net_tap0,iface=dtap0", "addresses": [OURS], "promiscuous": True}
        flatline = self.enterContext(Appliance([port], namespace=namespace))
        self.with_key(flatline)
        return namespace, flatline

    @staticmethod
    def up(namespace, flatline):
        dataplane = flatline.start_dataplane()
        namespace.run("ip", "link", "set", "dtap0", "up")
        namespace.address("dtap0", "10.8.0.2/24")
        return dataplane

    def test_only_who_has_the_key_is_heard(self):
        namespace, flatline = self.over_a_tap()
        self.up(namespace, flatline)
        flatline.start_control()
        stream = flatline.subscribe()
        key = flatline.derive(40)
        with namespace.socket(socket.AF_INET) as sender:
            sender.settimeout(5)
            first = tagged(heartbeat(40, 1), key)
            for forged in (heartbeat(41, 1), tagged(heartbeat(41, 1), key),
                           first[:-1] + bytes([first[-1] ^ 1]), first[:-1]):
                sender.sendto(forged, (OURS, PORT))
            sender.sendto(first, (OURS, PORT))
            answer = sender.recv(2048)
            self.assertEqual((40, 1, 1), acknowledged(answer)[:3])
            self.assertEqual(siphash(key, answer[:-8]), answer[-8:])
            # Sent again and again it keeps nobody alive.
            def replayed_until_dead():
                sender.sendto(first, (OURS, PORT))
                return stream.told(delivery.DEAD)[40]
            stream.until(replayed_until_dead, 20)
        self.assertEqual(1, stream.told(delivery.DEAD)[40])
        self.assertEqual(3, flatline.flatline("get", "41")[0])
        status, output = flatline.flatline("status")
        self.assertEqual(0, status)
        for name in ("untagged", "bad-tag", "old-sequence"):
            self.assertIn(name, output)

    def test_agents_through_a_rotation(self):
        namespace, flatline = self.over_a_tap()
        dataplane = self.up(namespace, flatline)
        keys = flatline.directory / "agent.keys"

        def agent(key):
            keys.write_text(f"40 {key.hex()}\n")
            return subprocess.run(
                [*namespace.prefix, PROGRAMS["flatline"], "agent", "--to", f"{OURS}:{PORT}", "--id",
                 "40", "--keys", keys, "--ack", "--interval", "50ms", "--for", "1s", "--config",
                 flatline.config],
                capture_output=True, text=True, check=False, timeout=30)
        old = flatline.derive(40)
        self.assertEqual(0, agent(old).returncode)
        self.assertEqual(1, agent(bytes(16)).returncode)
        self.assertEqual(0, flatline.flatline("key", "rotate")[0])
        self.assertEqual(old, flatline.derive(40, "--previous"))
        new = flatline.derive(40)
        self.assertNotEqual(old, new)
        dataplane.stop()
        dataplane = self.up(namespace, flatline)
        self.assertEqual(0, agent(old).returncode)
        self.assertEqual(0, agent(new).returncode)
        self.assertEqual(0, flatline.flatline("key", "retire")[0])
        dataplane.stop()
        dataplane = self.up(namespace, flatline)
        self.assertEqual(1, agent(old).returncode)
        self.assertEqual(0, agent(new).returncode)

    def test_no_start_with_a_key_that_cannot_be_used(self):
        with Appliance([MEMIF_PORT]) as flatline:
            key = self.with_key(flatline)
            for spoil, word in ((lambda: key.chmod(0o440), "0440"),
                                (lambda: (key.chmod(0o600), key.write_text("nonsense")), "one line"),
                                (key.unlink, "No such file")):
                spoil()
                process = flatline.start_dataplane(ready=None)
                self.assertNotEqual(0, process.wait(30), process.output)
                self.assertIn(word, process.output.strip().splitlines()[-1])

    def test_the_key_shows_nowhere(self):
        with Appliance([MEMIF_PORT]) as flatline:
            key = self.with_key(flatline)
            process = flatline.start_dataplane()
            secret = key.read_text().split()[1]
            status, printed = flatline.flatline("check-config", "--print-effective")
            self.assertEqual(0, status)
            self.assertIn(str(key), printed)
            derived = flatline.derive(40)
            found = subprocess.run(
                ["python3", "-c",
                 "import mmap, os, sys\n"
                 "f = os.open(sys.argv[1], os.O_RDONLY)\n"
                 "m = mmap.mmap(f, os.fstat(f).st_size, prot=mmap.PROT_READ)\n"
                 "sys.exit(any(m.find(bytes.fromhex(key)) >= 0 for key in sys.argv[2:]))\n",
                 flatline.region, secret, derived.hex()], check=False)
            self.assertEqual(0, found.returncode)
            self.assertNotIn(secret, printed + process.output)


if __name__ == "__main__":
    case.run()
