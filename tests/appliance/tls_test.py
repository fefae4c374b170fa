#!/usr/bin/env python3
"""TLS 1.3 with a real control: subscribers by Python's own ssl module and by the command line hear
everything once and in order, over a new certificate and over a control that was killed; who speaks
something else, or trusts somebody else, is told so; and starts that cannot be.
"""

import json
import os
import signal
import socket
import ssl
import unittest

import case
import delivery
from appliance import MEMIF_PORT, PROGRAMS, Appliance, write_scenario
from authority import Authority
from process import wait_for

ENDPOINTS = 5_000


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class TlsTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()
        self.port = free_port()
        self.tcp = f"127.0.0.1:{self.port}"
        self.flatline = Appliance([MEMIF_PORT], {"endpoints": 2 * ENDPOINTS}, {
            "listen": [self.tcp], "tls_loopback": True, "tls_certificate": "{dir}/tls.pem",
            "tls_key": "{dir}/tls.key"})
        self.enterContext(self.flatline)
        self.certificate = self.flatline.directory / "tls.pem"
        self.key = self.flatline.directory / "tls.key"
        self.authority = Authority(self.flatline.directory, "first")
        self.authority.issue(self.certificate, self.key, "first.test")

    def subscribe(self, authority, **more):
        return self.flatline.subscribe(more.pop("start", delivery.FROM), address=self.tcp,
                                       tls=authority.context(), **more)

    def watch(self):
        return self.flatline.start("watch", [
            PROGRAMS["flatline"], "watch", "--json", "--from", "0", "--address", f"tls:{self.tcp}",
            "--ca", self.authority.ca, "--config", self.flatline.config])

    def test_everything_once_and_in_order(self):
        self.flatline.start_dataplane()
        control = self.flatline.start_control()
        control.wait_for_line(r"TLS 1.3 by .*CN=first.test, until 20")
        self.assertEqual(0, os.stat(f"/proc/{control.pid}/mem").st_uid)  # so no core has the key
        before = self.subscribe(self.authority)
        watch = self.watch()
        generator = self.flatline.start_generator("--scenario", write_scenario(
            self.flatline, ENDPOINTS, "leader-election", 12,
            f'kind = "die"\nat = "3s"\nover = "6s"\ncount = {ENDPOINTS}'))
        self.assertTrue(before.until(lambda: len(before.told(delivery.DEAD)) > 200, 20))
        second = self.renew(control)
        after = self.subscribe(second, sequence=before.sequence)
        self.assertNotEqual(before.certificate, after.certificate)
        self.refuse_others(second)
        self.assertTrue(after.until(lambda: len(after.told(delivery.DEAD)) > 300, 20))
        # The old one lives on, and has heard as much.
        self.assertTrue(before.until(lambda: before.sequence >= after.sequence, 10))
        control.kill()
        self.authority.issue(self.certificate, self.key, "first.test")  # whom watch trusts
        self.assertTrue(before.until(lambda: before.closed, 10))
        self.assertTrue(before.cut_off)
        control = self.flatline.start_control()
        again = self.subscribe(self.authority, sequence=before.sequence)
        generator.wait(30)
        local = self.flatline.subscribe(delivery.FROM)
        local.until(lambda: len(local.told(delivery.DEAD)) >= ENDPOINTS, 20)
        self.assertEqual(ENDPOINTS, len(local.told(delivery.DEAD)))
        truth = [record.sequence for record in local.records]
        again.until(lambda: again.sequence >= truth[-1], 20)
        heard = [record.sequence for record in before.records + again.records]
        self.assertEqual(truth, heard)
        wait_for(lambda: watch.output.count("\n") >= len(truth), 20, "watch to hear it all")
        told = [json.loads(line)["sequence"] for line in watch.output.splitlines()]
        self.assertEqual(truth, told[:len(truth)])
        self.assertEqual(0, control.stop())

    def renew(self, control):
        """A new certificate by SIGHUP; then a bad one, which changes nothing."""
        second = Authority(self.flatline.directory, "second")
        second.issue(self.certificate, self.key, "second.test")
        control.send(signal.SIGHUP)
        control.wait_for_line(r"TLS 1.3 by .*CN=second.test, until 20")
        good = self.certificate.read_bytes()
        self.certificate.write_bytes(good[:len(good) // 2])
        control.send(signal.SIGHUP)
        control.wait_for_line(r"tls.pem: needed a certificate, found: .*before stays in force")
        self.certificate.write_bytes(good)
        return second

    def refuse_others(self, authority):
        """Those who speak something else, or trust somebody else."""
        plain = self.flatline.subscribe(address=self.tcp)
        plain.until(lambda: plain.closed, 10)
        self.assertEqual([delivery.WRONG_TRANSPORT], [record.reason for record in plain.errors])
        with self.assertRaisesRegex(ssl.SSLCertVerificationError, "certificate verify failed"):
            self.subscribe(self.authority)
        old = authority.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
            delivery.connect(self.tcp, old)
        with delivery.connect(self.tcp, authority.context()) as connection:
            self.assertEqual("TLSv1.3", connection.version())
            self.assertIsNone(connection.compression())
        status, output = self.flatline.flatline("watch", "--address", f"tls:{self.tcp}", "--ca",
                                                self.authority.ca)
        self.assertEqual(1, status, output)
        self.assertIn("found a certificate that is not to be trusted", output)
        status, output = self.flatline.flatline("watch", "--address", f"plain:{self.tcp}")
        self.assertEqual(1, status, output)
        self.assertIn('write "tls:" before it', output)
        status, output = self.flatline.flatline(
            "enrol", "1", "--address", f"tls:{self.tcp}", "--ca", authority.ca, "--server-name",
            "control.test")
        self.assertEqual(1, status, output)  # heard, and refused: there are no tokens
        self.assertIn("not permitted", output)

    def test_beyond_loopback_it_is_tls_or_said_in_words(self):
        self.flatline.settings["control"].update(
            {"listen": [f"0.0.0.0:{self.port}"], "tls_loopback": False})
        self.flatline.write_config()
        self.flatline.start_dataplane()
        control = self.flatline.start_control()
        with delivery.connect(self.tcp, self.authority.context()) as connection:
            self.assertEqual("TLSv1.3", connection.version())
        self.assertEqual(0, control.stop())
        self.flatline.settings["control"].update({"tls_certificate": "", "tls_key": ""})
        self.flatline.write_config()
        self.assert_refused("is not loopback", 'plaintext = \\"anyone on the way')

    def assert_refused(self, *words):
        process = self.flatline.start_control(ready=None)
        self.assertNotEqual(0, process.wait(30), process.output)
        last = process.output.strip().splitlines()[-1]
        for word in words:
            self.assertIn(word.replace("\\", ""), last)

    def test_files_that_are_not_what_they_should_be(self):
        os.chmod(self.key, 0o440)
        self.assert_refused("tls.key: needed the key of a certificate that its owner alone may read")
        os.chmod(self.key, 0o400)
        whole = self.certificate.read_bytes()
        other = self.flatline.directory / "other.pem"
        self.authority.issue(other, self.flatline.directory / "other.key", "other.test")
        self.certificate.write_bytes(other.read_bytes())
        self.assert_refused("tls.key: needed the key of", "found: the key of another certificate; ")
        self.certificate.write_bytes(whole)
        os.unlink(self.key)
        self.assert_refused("tls.key: needed the key of a certificate, found: No such file")


if __name__ == "__main__":
    case.run()
