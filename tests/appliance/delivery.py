"""A subscriber, written from include/flatline/delivery.h alone and sharing no code with the client
library: what a stranger would write. Checks of each record what the header promises.
"""

import collections
import select
import socket
import ssl
import struct
import time

_RECORD = struct.Struct("<QqQqIIIIBBBBBBBBII")
_REQUEST = struct.Struct("<4sIBBBBIQII32x")
SIZE = 64
VERSION = 2

Record = collections.namedtuple("Record", [
    "sequence", "at_ns", "endpoint", "silence_ns", "incarnation", "heartbeat_sequence", "group",
    "ring_position", "profile", "marks", "kind", "origin", "to", "reason", "health", "worker", "generation",
    "crc"])

LIVENESS, HEALTH, BLIND, RESET = 1, 2, 3, 4
NAME, SUMMARY = 24, 25
HELLO, BOOKMARK, GAP, SNAPSHOT_BEGIN, SNAPSHOT_ROW, SNAPSHOT_END, ERROR = 16, 17, 18, 19, 20, 21, 22
UNKNOWN, ALIVE, SUSPECT, DEAD, LEFT = range(5)
BAD_REQUEST, FUTURE_SEQUENCE, NOT_PERMITTED, BAD_TOKEN, WRONG_TRANSPORT = 1, 2, 6, 11, 12
FROM, NOW, SNAPSHOT = 1, 2, 3


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283  # RFC 3720


def connect(address, tls=None):
    """A stream socket to "unix:PATH" or "HOST:PORT", over TLS by the SSLContext where there is one."""
    if tls:
        host = address.rsplit(":", 1)[0]
        return tls.wrap_socket(connect(address), server_hostname=host, suppress_ragged_eofs=False)
    if address.startswith("unix:"):
        out = socket.socket(socket.AF_UNIX)
        out.connect(address[len("unix:"):])
        return out
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)))


WANT_NAMES = 1


def request(start, sequence=0, mask=0xFF, groups=(), names=False, text=""):
    lines = text.encode()
    return (_REQUEST.pack(b"FLSB", VERSION, start, mask, 1, 0, len(groups), sequence, len(lines),
                          WANT_NAMES if names else 0)
            + struct.pack(f"<{len(groups)}I", *groups) + lines)


def counts(summary):
    """Of unknown, alive, suspect, dead and left, in the 64 bytes of a summary."""
    return struct.unpack_from("<5I", summary, 16)


def _is_cut(error):
    """Not an end that TLS announces; an older Python tells it by the reason alone."""
    return (isinstance(error, (ConnectionResetError, ssl.SSLEOFError))
            or error.reason == "UNEXPECTED_EOF_WHILE_READING")


class Subscriber:
    """A connection and what came over it. `records` holds those of the journal and the snapshot's,
    `sequence` the last one accounted for; `names` the name told with each endpoint's last record,
    `summaries` (group, or None for the sum, and counts) as they came."""

    def __init__(self, address, start=NOW, sequence=0, mask=0xFF, groups=(), names=False, text="",
                 tls=None):
        self._socket = connect(address, tls)
        self._start = start
        self._rest = b""
        self._name = b""
        self.records = []
        self.names = {}
        self.summaries = []
        self.errors = []
        self.hello = None
        self.sequence = sequence
        self.closed = False
        self.cut_off = False  # closed, and not by the word of TLS for it
        self._socket.sendall(request(start, sequence, mask, groups, names, text))
        self._socket.setblocking(False)
        if not self.until(lambda: self.hello or self.closed, 10):
            raise AssertionError("no hello in 10 s")

    @property
    def certificate(self):
        """The other end's, in DER."""
        return self._socket.getpeercert(binary_form=True)

    def close(self):
        self._socket.close()
        self.closed = True

    def _take(self, data):
        record = Record(*_RECORD.unpack(data))
        if crc32c(data[:SIZE - 4]) != record.crc:
            raise AssertionError(f"a record with a wrong CRC: {data.hex()}")
        if record.kind == HELLO:
            self.hello = record
            if self._start == NOW:
                self.sequence = record.sequence
        elif record.kind == ERROR:
            self.errors.append(record)
        elif record.kind == BOOKMARK:
            self.sequence = max(self.sequence, record.sequence)
        elif record.kind == NAME:  # part `origin` of `to`, in `reason` bytes
            self._name = (self._name if record.origin > 1 else b"") + data[8:8 + record.reason]
        elif record.kind == SUMMARY:
            self.summaries.append((None if record.to else record.group, counts(data)))
        else:
            if self._name:
                self.names[record.endpoint] = self._name.decode()
                self._name = b""
            self.records.append(record)
            if record.kind <= RESET and record.sequence <= self.sequence:
                raise AssertionError(f"sequence {record.sequence} came after {self.sequence}")
            self.sequence = record.sequence

    def _receive(self):
        try:
            data = self._socket.recv(1 << 20)
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                data += self._socket.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except (ConnectionResetError, ssl.SSLError) as error:
            if not _is_cut(error):
                raise
            data = b""
            self.cut_off = True
        self.closed = self.closed or not data
        data = self._rest + data
        whole = len(data) // SIZE * SIZE
        for at in range(0, whole, SIZE):
            self._take(data[at:at + SIZE])
        self._rest = data[whole:]

    def until(self, condition, timeout):
        """Receives until condition() is true; whether it became so in time."""
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0 or self.closed:
                return bool(condition())
            if select.select([self._socket], [], [], min(left, 0.1))[0]:
                self._receive()
        return True

    def told(self, to, endpoints=None):
        """How often each endpoint was told to have become `to`."""
        return collections.Counter(record.endpoint for record in self.records
                                   if record.kind == LIVENESS and record.to == to
                                   and (endpoints is None or record.endpoint in endpoints))

    def kinds(self, kind):
        return [record for record in self.records if record.kind == kind]
