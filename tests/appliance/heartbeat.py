"""Heartbeats and the frames around them, written from DESIGN's table and the RFCs, not from our
headers; and captures of such frames, as files of the classic pcap format.
"""

import ipaddress
import struct

PORT = 17996
HEARTBEAT, LEAVE, ACKNOWLEDGEMENT, PROBE, ANSWER = range(5)
WANTS_ACKNOWLEDGEMENT, HAS_HANDLE, AUTHENTICATED = 1, 2, 4
LEADER_ELECTION, DATABASE = 1, 2
_LAYOUT = struct.Struct(">2sBBBBHQIIQIHH")
MAC = bytes.fromhex("02464c000001")
BROADCAST = b"\xff" * 6


def heartbeat(endpoint, sequence, incarnation=1, profile=LEADER_ELECTION, kind=HEARTBEAT,
              flags=WANTS_ACKNOWLEDGEMENT, health=1, handle=0, sent_ns=0):
    return _LAYOUT.pack(b"FL", 1, kind, flags, health, profile, endpoint, incarnation, sequence,
                        sent_ns, handle, 0, 0)


def with_elements(message, *elements):
    """The heartbeat with a payload of (type, value) pairs."""
    payload = b"".join(bytes([kind, len(value)]) + value for kind, value in elements)
    return message[:36] + struct.pack(">H", len(payload)) + message[38:] + payload


def _rotated(value, by):
    return (value << by | value >> (64 - by)) & 0xFFFFFFFFFFFFFFFF


def siphash(key, message):
    """SipHash-2-4, 64 bits, as its paper has it."""
    low, high = struct.unpack("<QQ", key)
    v = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261,
         high ^ 0x7465646279746573]

    def rounds(count):
        for _ in range(count):
            for a, b, by in ((0, 1, 13), (2, 3, 16), (0, 3, 21), (2, 1, 17)):
                v[a] = (v[a] + v[b]) & 0xFFFFFFFFFFFFFFFF
                v[b] = _rotated(v[b], by) ^ v[a]
                if b == 1:
                    v[a] = _rotated(v[a], 32)
    padded = message + b"\0" * (7 - len(message) % 8) + bytes([len(message) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])


def tagged(message, key):
    """The heartbeat with flag and tag."""
    message = message[:4] + bytes([message[4] | AUTHENTICATED]) + message[5:]
    return message + siphash(key, message)


def acknowledged(datagram):
    """(endpoint, incarnation, sequence, handle) if it is an acknowledgement, else None."""
    if len(datagram) < _LAYOUT.size:
        return None
    (magic, version, kind, _, _, _, endpoint, incarnation, sequence, _, handle, _,
     _) = _LAYOUT.unpack_from(datagram)
    if (magic, version, kind) != (b"FL", 1, ACKNOWLEDGEMENT):
        return None
    return endpoint, incarnation, sequence, handle


def kind_of(datagram):
    """Of a message of ours, else None."""
    return datagram[3] if len(datagram) >= _LAYOUT.size and datagram[:3] == b"FL\1" else None


def answered(question, flags=None, health=1, incarnation=1):
    """The answer to a probe, without a tag: what is flatline's own is repeated."""
    flags = question[4] & ~AUTHENTICATED if flags is None else flags
    return (question[:3] + bytes([ANSWER, flags, health]) + question[6:16]
            + struct.pack(">I", incarnation) + question[20:_LAYOUT.size])


def is_tagged_with(key, datagram):
    return (len(datagram) == _LAYOUT.size + 8 and datagram[4] & AUTHENTICATED != 0
            and siphash(key, datagram[:-8]) == datagram[-8:])


def _checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp_frame(payload, source="10.0.0.1", target="10.255.255.254", port=PORT, mac=BROADCAST):
    """Ethernet, IPv4 or IPv6 by the addresses, UDP."""
    source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
    length = 8 + len(payload)
    pseudo = source.packed + target.packed + struct.pack(">IHBB" if source.version == 6 else ">HBBH",
                                                         *((length, 0, 0, 17) if source.version == 6
                                                           else (length, 0, 17, 0)))
    udp = struct.pack(">HHH", PORT, port, length)
    udp += struct.pack(">H", _checksum(pseudo + udp + b"\0\0" + payload) or 0xFFFF) + payload
    if source.version == 6:
        ip = struct.pack(">IHBB", 6 << 28, length, 17, 64) + source.packed + target.packed
        return mac + MAC + b"\x86\xdd" + ip + udp
    ip = struct.pack(">BBHHHBB", 0x45, 0, 20 + length, 0, 0, 64, 17)
    rest = source.packed + target.packed
    ip += struct.pack(">H", _checksum(ip + b"\0\0" + rest)) + rest
    return mac + MAC + b"\x08\x00" + ip + udp


def write_capture(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            out.write(struct.pack("<IIII", 0, number, len(frame), len(frame)) + frame)


def read_capture(path):
    """The frames of a capture, as they are."""
    with open(path, "rb") as file:
        data = file.read()
    at, out = 24, []
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        out.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return out


def udp_payload(frame):
    """The payload of an untagged UDP frame without options, else None."""
    if frame[12:14] == b"\x08\x00" and frame[14] == 0x45 and frame[23] == 17:
        return frame[42:34 + struct.unpack_from(">H", frame, 38)[0]]
    if frame[12:14] == b"\x86\xdd" and frame[20] == 17:
        return frame[62:54 + struct.unpack_from(">H", frame, 58)[0]]
    return None
