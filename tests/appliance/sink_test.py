#!/usr/bin/env python3
"""flatline-sink against a webhook, a command and a real nats-server, on loopback, fed by an invented
control. The sink is killed again and again, and the other end fails: by key, everything is heard
once and in order.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import random
import select
import shutil
import socket
import socketserver
import ssl
import struct
import tempfile
import threading
import time
import unittest

import case
import delivery
from appliance import BUILD
from authority import Authority
from process import Process, wait_for

SINK = BUILD / "control/sinks/flatline-sink"
RECORDS = 4000
SECRET = b"a secret of the test's own"


def record(sequence, kind=delivery.LIVENESS, **more):
    fields = {"sequence": sequence, "at_ns": 1_790_000_000_000_000_000 + sequence,
              "endpoint": sequence * 7, "silence_ns": 3_000_000_000, "group": 1, "profile": 5,
              "kind": kind, "origin": delivery.SUSPECT, "to": delivery.DEAD, "generation": 42, **more}
    body = delivery._RECORD.pack(*(fields.get(name, 0) for name in delivery.Record._fields))
    body = body[:delivery.SIZE - 4]
    return body + struct.pack("<I", delivery.crc32c(body))


JOURNAL = [record(sequence) for sequence in range(1, RECORDS + 1)]


class InventedControl:
    """Serves JOURNAL from where it is asked to or its cursor stands, in pieces, on a Unix socket.
    `cursor` is what was acknowledged last."""

    def __init__(self, path):
        self.cursor = 0
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                request = self.request.recv(64, socket.MSG_WAITALL)
                begin, text_bytes = struct.unpack_from("<QI", request, 16)
                text = self.request.recv(text_bytes, socket.MSG_WAITALL).decode()
                begin = max(begin, outer.cursor if "cursor=audit\n" in text else 0)
                self.request.sendall(record(RECORDS, delivery.HELLO, silence_ns=1, endpoint=begin))
                listener = threading.Thread(target=self.listen, daemon=True)
                listener.start()
                try:
                    for at in range(begin, RECORDS, 100):
                        self.request.sendall(b"".join(JOURNAL[at:min(at + 100, RECORDS)]))
                        time.sleep(0.002)
                except OSError:
                    pass
                listener.join()

            def listen(self):
                try:
                    while said := self.request.recv(16, socket.MSG_WAITALL):
                        if len(said) == 16:
                            outer.cursor = max(outer.cursor, struct.unpack("<4sIQ", said)[2])
                except OSError:
                    pass

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self.address = f"unix:{path}"
        self._server = Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class TlsFront:
    """Speaks TLS before a Unix socket: a thread for each connection, which alone uses its sockets."""

    def __init__(self, certificate, key, path):
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        self._path = str(path)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tls:127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(plain,), daemon=True).start()

    def _carry(self, plain):
        try:
            with self._context.wrap_socket(plain, server_side=True) as outside, \
                    socket.socket(socket.AF_UNIX) as inside:
                inside.connect(self._path)
                while True:
                    ready = ([outside] if outside.pending()
                             else select.select([outside, inside], [], [])[0])
                    for one in ready:
                        data = one.recv(1 << 16)
                        if not data:
                            return
                        (inside if one is outside else outside).sendall(data)
        except OSError:  # whoever is killed amid it, or trusts somebody else
            pass


class Webhook:
    """Takes batches by key, checks their signatures; fails now and then, before or after taking."""

    def __init__(self, seed):
        chance = random.Random(seed)
        self.batches = {}
        self.bad_signatures = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                key, at = self.headers["Idempotency-Key"], self.headers["Flatline-Timestamp"]
                right = hmac.new(SECRET, f"{at}.{key}.".encode() + body, hashlib.sha256).hexdigest()
                if self.headers["Flatline-Signature"] != f"hmac-sha256={right}":
                    outer.bad_signatures += 1
                what = chance.random()
                if what > 0.1:
                    outer.batches.setdefault(key, body)
                self.send_response(503 if what < 0.2 else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # who is killed amid a request is no trouble of ours
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Nats:
    """As much of NATS' protocol as asks JetStream something."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._file = self._socket.makefile("rb")
        self._file.readline()
        self._socket.sendall(b'CONNECT {"verbose":false}\r\nSUB inbox 1\r\n')

    def ask(self, subject, question=None):
        payload = json.dumps(question).encode() if question is not None else b""
        self._socket.sendall(f"PUB {subject} inbox {len(payload)}\r\n".encode() + payload + b"\r\n")
        while True:
            line = self._file.readline().split()
            if line and line[0] == b"MSG":
                return json.loads(self._file.read(int(line[-1]) + 2))
            if line and line[0] == b"PING":
                self._socket.sendall(b"PONG\r\n")


def sequences(bodies):
    return [json.loads(line)["sequence"] for body in bodies for line in body.splitlines()]


class SinkTest(unittest.TestCase):
    def setUp(self):
        self.seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {self.seed}", flush=True)
        self.chance = random.Random(self.seed)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="flatline-edge-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.control = InventedControl(self.directory / "control.sock")
        self.addCleanup(self.control.close)
        self.position = self.directory / "position"

    def start(self, *arguments):
        sink = Process("sink", [SINK, "--address", self.control.address, "--position",
                                self.position, "--cursor", "audit", "--from", "0", "--batch-records", "50",
                                "--batch-age", "20ms", *arguments], self.directory)
        self.addCleanup(sink.kill)
        return sink

    def to_command(self, script):
        config = self.directory / "sink.toml"
        config.write_text(f'to = "command"\ncommand = ["/bin/sh", "-c", "{script}"]\n')
        return ("--config", config)

    def run_to_the_end(self, kills, *arguments):
        for _ in range(kills):
            sink = self.start(*arguments)
            time.sleep(self.chance.uniform(0.01, 0.3))
            self.assertTrue(sink.is_running, sink.output)
            sink.kill()
        sink = self.start(*arguments)
        sink.wait_for_line("begins behind")
        wait_for(lambda: self.control.cursor == RECORDS, 60, f"the end: {sink.output}")
        self.assertEqual(0, sink.stop())

    def test_webhook(self):
        webhook = Webhook(self.seed)
        self.addCleanup(webhook.close)
        secret = self.directory / "secret"
        secret.write_bytes(SECRET + b"\n")
        secret.chmod(0o600)
        self.run_to_the_end(20, "--to", "webhook", "--url", webhook.url, "--secret-file", secret)
        self.assertEqual(0, webhook.bad_signatures)
        self.assertEqual(list(range(1, RECORDS + 1)), sequences(webhook.batches.values()))

    def test_a_cursor_never_says_more_than_was_taken(self):
        heard = self.directory / "heard"
        sink = self.start(*self.to_command(f"cat >> {heard}; sleep 0.02"))
        wait_for(lambda: self.control.cursor > 0, 20, f"acknowledgements: {sink.output}")
        sink.kill()  # with most of what it was sent still in its queue
        taken = sequences([heard.read_text()])
        self.assertLessEqual(self.control.cursor, taken[-1])

    def test_moved_to_another_machine(self):
        # Killed each time, and found without its file: what is kept is control's cursor.
        heard = self.directory / "heard"
        heard.mkdir()
        script = f"cat > {heard}/.$$ && mv {heard}/.$$ {heard}/$FLATLINE_KEY"
        for _ in range(10):
            sink = self.start(*self.to_command(script))
            time.sleep(self.chance.uniform(0.1, 0.6))
            self.assertTrue(sink.is_running, sink.output)
            sink.kill()
            self.position.unlink(missing_ok=True)
        before = self.control.cursor
        self.assertLess(0, before)
        after = self.directory / "after"
        after.mkdir()
        self.run_to_the_end(0, *self.to_command(script.replace(str(heard), str(after))))
        told = [set(sequences(path.read_text() for path in place.iterdir() if path.name[0] != "."))
                for place in (heard, after)]
        self.assertEqual(set(range(1, RECORDS + 1)), told[0] | told[1])
        self.assertGreater(min(told[1], default=before + 1), before)

    def test_a_secret_that_all_can_read_is_refused(self):
        secret = self.directory / "secret"
        secret.write_bytes(SECRET)
        secret.chmod(0o644)
        sink = self.start("--to", "webhook", "--url", "http://127.0.0.1:1/", "--secret-file", secret)
        self.assertEqual(2, sink.wait(10))
        self.assertIn("chmod 0640", sink.output)

    def test_command(self):
        heard = self.directory / "heard"
        heard.mkdir()
        self.run_to_the_end(10, *self.to_command(
            f"cat > {heard}/.$FLATLINE_KEY && mv {heard}/.$FLATLINE_KEY {heard}/$FLATLINE_KEY"))
        files = sorted((path for path in heard.iterdir() if path.name[0] != "."),
                       key=lambda path: int(path.name.split("-")[1]))
        self.assertEqual(list(range(1, RECORDS + 1)), sequences(path.read_text() for path in files))

    def test_control_over_tls(self):
        authority, stranger = (Authority(self.directory, name) for name in ("first", "second"))
        certificate, key = self.directory / "tls.pem", self.directory / "tls.key"
        authority.issue(certificate, key, "control.test")
        front = TlsFront(certificate, key, self.directory / "control.sock")
        self.addCleanup(front.close)
        self.control.address = front.address
        heard = self.directory / "heard"
        command = self.to_command(f"cat >> {heard}")
        for trust in ((), ("--ca", stranger.ca)):
            distrustful = self.start(*command, *trust)
            self.assertEqual(1, distrustful.wait(20), distrustful.output)
            self.assertIn("certificate", distrustful.output)
        self.assertFalse(heard.exists())
        self.run_to_the_end(0, *command, "--ca", authority.ca)
        self.assertEqual(list(range(1, RECORDS + 1)), sequences([heard.read_text()]))

    def test_an_unknown_key_is_refused(self):
        config = self.directory / "sink.toml"
        config.write_text('to = "command"\ncommand = ["true"]\nbatch-size = 7\n')
        sink = self.start("--config", config)
        self.assertEqual(2, sink.wait(10))
        self.assertIn("batch-size", sink.output)

    def test_nats(self):
        server = shutil.which("nats-server") or "/usr/sbin/nats-server"
        if not os.access(server, os.X_OK):
            self.skipTest("needs nats-server: apt-get install nats-server")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        nats_server = Process("nats", [server, "-js", "-a", "127.0.0.1", "-p", str(port), "-sd",
                                       self.directory / "store"], self.directory)
        self.addCleanup(nats_server.kill)
        nats_server.wait_for_line("Server is ready")
        nats = Nats(port)
        to_nats = ("--to", "nats", "--url", f"nats://127.0.0.1:{port}", "--subject", "flatline.t",
                   "--time-limit", "1s")
        early = self.start(*to_nats)
        early.wait_for_line("does a stream store this subject")
        early.kill()
        made = nats.ask("$JS.API.STREAM.CREATE.F", {"name": "F", "subjects": ["flatline.t"]})
        self.assertNotIn("error", made)
        self.run_to_the_end(20, *to_nats)
        count = nats.ask("$JS.API.STREAM.INFO.F")["state"]["messages"]
        bodies = [base64.b64decode(nats.ask("$JS.API.STREAM.MSG.GET.F", {"seq": at + 1})["message"]
                                   ["data"]) for at in range(count)]
        self.assertEqual(list(range(1, RECORDS + 1)), sequences(bodies))


if __name__ == "__main__":
    case.run()
