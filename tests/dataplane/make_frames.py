#!/usr/bin/python3
"""Writes frames.txt: frames, and the answers they deserve, built by scapy, so that no checksum and
no header in packet_test and responder_test is vouched for by our own code only.

A line: sentence | what ParsePacket says | frame in hex | answer in hex, or nothing.
And probes.txt, for probe_frame_test: the frames by which flatline asks, a name and hex in a line.
Run it again after a change (python3-scapy), and read the difference before committing it.
"""
import struct
import sys

from scapy.all import (ARP, ICMP, IP, UDP, Dot1Q, Ether, ICMPv6DestUnreach, ICMPv6EchoReply,
                       ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                       ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPOption_Router_Alert, PadN, Raw,
                       TCP, in6_getnsma, inet_ntop, inet_pton)
import socket

US, THEM, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
US4, THEM4 = "10.0.0.1", "10.0.0.2"
US6, THEM6 = "fd00::1", "fd00::2"
PORT = 17996
BEAT = Raw(bytes.fromhex("464c010001010000000000000000000700000001000000020000000000000000"
                         "0000000000000000"))
ACK = Raw(bytes.fromhex("464c010202000000000000000000000700000001000000020000000000000000"
                        "0000002a00000000"))
NODES = inet_ntop(socket.AF_INET6, in6_getnsma(inet_pton(socket.AF_INET6, US6)))
NODES_MAC = "33:33:ff:00:00:01"

lines = []


def row(sentence, verdict, frame, answer=None):
    lines.append("%s | %s | %s | %s" % (sentence, verdict, bytes(frame).hex(),
                                        bytes(answer).hex() if answer is not None else ""))


def ether(**kw):
    return Ether(**{"dst": US, "src": THEM, **kw})


def ip4(**kw):
    return IP(**{"src": THEM4, "dst": US4, **kw})


def ip6(**kw):
    return IPv6(**{"src": THEM6, "dst": US6, **kw})


def udp(**kw):
    return UDP(**{"sport": 40000, "dport": PORT, **kw})


def back(tags=None):
    link = Ether(dst=THEM, src=US)
    return link / tags if tags is not None else link


def back4():
    return IP(src=US4, dst=THEM4, id=0, flags="DF", ttl=64)


def back6(**kw):
    return IPv6(**{"src": US6, "dst": THEM6, "hlim": 64, **kw})


def answer4(tags=None):
    return back(tags) / back4() / UDP(sport=PORT, dport=40000) / ACK


def answer6(tags=None):
    return back(tags) / back6() / UDP(sport=PORT, dport=40000) / ACK


def padded(frame):
    return bytes(frame).ljust(60, b"\0")


def patched(frame, offset, data):
    raw = bytearray(bytes(frame))
    raw[offset:offset + len(data)] = data
    return bytes(raw)


def wrong_sum(frame, offset):
    """The checksum at `offset` off by one bit, so that it cannot be right by accident."""
    raw = bytes(frame)
    return patched(raw, offset, bytes([raw[offset] ^ 1]))


plain4 = ether() / ip4() / udp() / BEAT
plain6 = ether() / ip6() / udp() / BEAT

# Good datagrams
row("a plain heartbeat over IPv4", "datagram", plain4, answer4())
row("a plain heartbeat over IPv6", "datagram", plain6, answer6())
row("padding behind the IPv4 packet", "datagram", bytes(plain4) + b"\xAA" * 17, answer4())
row("padding behind the IPv6 packet", "datagram", bytes(plain6) + b"\xAA" * 17, answer6())
row("IPv4 with an option", "datagram",
    ether() / ip4(options=[IPOption_Router_Alert()]) / udp() / BEAT, answer4())
row("IPv4 with ten words of options", "datagram",
    ether() / ip4(options=[IPOption_Router_Alert()] * 10) / udp() / BEAT, answer4())
row("no UDP checksum over IPv4", "datagram", ether() / ip4() / udp(chksum=0) / BEAT, answer4())
row("an odd payload", "datagram", ether() / ip4() / udp() / Raw(b"odd"), answer4())
row("no payload at all", "datagram", ether() / ip4() / udp() / Raw(b""), answer4())
row("more IP than UDP", "datagram", ether() / ip4() / udp(len=11, chksum=0) / Raw(b"oddmore"),
    answer4())
row("one VLAN tag", "datagram", ether() / Dot1Q(vlan=7, prio=5) / ip4() / udp() / BEAT,
    answer4(Dot1Q(vlan=7, prio=5)))
row("one VLAN tag over IPv6", "datagram", ether() / Dot1Q(vlan=7) / ip6() / udp() / BEAT,
    answer6(Dot1Q(vlan=7)))
for outer in (0x8100, 0x88A8, 0x9100):
    link, reply = ether(type=outer), Ether(dst=THEM, src=US, type=outer)
    row("two VLAN tags, the outer one %x" % outer, "datagram",
        link / Dot1Q(vlan=9, type=0x8100) / Dot1Q(vlan=7) / ip4() / udp() / BEAT,
        reply / Dot1Q(vlan=9, type=0x8100) / Dot1Q(vlan=7) / back4() /
        UDP(sport=PORT, dport=40000) / ACK)
hop, dst = IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]), IPv6ExtHdrDestOpt()
route = IPv6ExtHdrRouting(type=4, segleft=0, addresses=[THEM6])
row("IPv6 with hop-by-hop options", "datagram", ether() / ip6() / hop / udp() / BEAT, answer6())
row("IPv6 with a routing header at its end", "datagram", ether() / ip6() / route / udp() / BEAT,
    answer6())
row("IPv6 with hop-by-hop, destination, routing, destination", "datagram",
    ether() / ip6() / hop / dst / route / dst / udp() / BEAT, answer6())
chain = ether() / ip6()
for _ in range(8):
    chain = chain / IPv6ExtHdrDestOpt()
row("IPv6 with eight extension headers", "datagram", chain / udp() / BEAT, answer6())
row("from a group address: heard, not answered", "datagram",
    ether() / ip4(src="224.0.0.5") / udp() / BEAT)
row("from nobody's address: heard, not answered", "datagram",
    ether() / ip6(src="::") / udp() / BEAT)
row("from a group MAC: heard, not answered", "datagram",
    ether(src="01:00:5e:00:00:05") / ip4() / udp() / BEAT)

# Ethernet
row("one byte short of Ethernet", "runt", bytes(plain4)[:13])
row("Ethernet and nothing else", "runt", bytes(plain4)[:14])
row("another station's MAC", "not-for-us", ether(dst=OTHER) / ip4() / udp() / BEAT)
row("a group MAC that is not ours", "not-for-us",
    ether(dst="01:00:5e:00:00:01") / ip4() / udp() / BEAT)
row("IPv4 to the broadcast MAC", "not-for-us",
    ether(dst="ff:ff:ff:ff:ff:ff") / ip4() / udp() / BEAT)
row("IPv6 to the broadcast MAC", "not-for-us",
    ether(dst="ff:ff:ff:ff:ff:ff") / ip6() / udp() / BEAT)
row("an ethertype nobody speaks", "unknown-ethertype", ether(type=0x88CC) / BEAT)
row("an 802.3 length instead of a type", "unknown-ethertype", ether(type=46) / BEAT)
row("a zero-filled frame", "not-for-us", bytes(64))
row("three VLAN tags", "vlan-too-deep",
    ether() / Dot1Q(vlan=1, type=0x8100) / Dot1Q(vlan=2, type=0x8100) / Dot1Q(vlan=3) / ip4() /
    udp() / BEAT)
row("a tag cut off", "runt", bytes(ether() / Dot1Q(vlan=1) / ip4())[:17])
row("a tag and nothing behind it", "runt", bytes(ether() / Dot1Q(vlan=1) / ip4())[:18])

# IPv4
row("IPv4 header cut off", "runt", bytes(plain4)[:33])
row("IPv4 options cut off", "runt",
    bytes(ether() / ip4(options=[IPOption_Router_Alert()] * 10) / udp() / BEAT)[:70])
row("IPv4 packet cut off", "bad-ip-header", bytes(plain4)[:-1])
row("version 5 under IPv4's ethertype", "bad-ip-header", ether() / ip4(version=5) / udp() / BEAT)
row("a header of four words", "bad-ip-header", ether() / ip4(ihl=4) / udp() / BEAT)
row("total length less than the header", "bad-ip-header", ether() / ip4(len=19) / udp() / BEAT)
row("total length beyond the frame", "bad-ip-header", ether() / ip4(len=69) / udp() / BEAT)
row("a wrong IPv4 checksum", "bad-ip-checksum", wrong_sum(plain4, 24))
row("a wrong IPv4 checksum with options", "bad-ip-checksum",
    wrong_sum(ether() / ip4(options=[IPOption_Router_Alert()]) / udp() / BEAT, 24))
row("the first fragment", "fragment", ether() / ip4(flags="MF") / udp() / BEAT)
row("the last fragment", "fragment", ether() / ip4(frag=100) / udp() / BEAT)
row("another host's IPv4 address", "not-for-us", ether() / ip4(dst="10.0.0.3") / udp() / BEAT)
row("a group's IPv4 address", "not-for-us", ether() / ip4(dst="224.0.0.1") / udp() / BEAT)
row("TCP over IPv4", "not-udp", ether() / ip4() / TCP(sport=1, dport=PORT))

# IPv6
row("IPv6 header cut off", "runt", bytes(plain6)[:53])
row("IPv6 packet cut off", "bad-ip-header", bytes(plain6)[:-1])
row("version 4 under IPv6's ethertype", "bad-ip-header", ether() / ip6(version=4) / udp() / BEAT)
row("payload length beyond the frame", "bad-ip-header", ether() / ip6(plen=49) / udp() / BEAT)
row("another host's IPv6 address", "not-for-us", ether() / ip6(dst="fd00::3") / udp() / BEAT)
row("UDP to the group of our solicited nodes", "not-for-us",
    ether(dst=NODES_MAC) / ip6(dst=NODES) / udp() / BEAT)
row("UDP to all nodes", "not-for-us",
    ether(dst="33:33:00:00:00:01") / ip6(dst="ff02::1") / udp() / BEAT)
row("our IPv6 address under a group MAC", "not-for-us", ether(dst=NODES_MAC) / ip6() / udp() / BEAT)
row("TCP over IPv6", "not-udp", ether() / ip6() / TCP(sport=1, dport=PORT))
row("no next header", "not-udp", ether() / ip6(nh=59) / Raw(b"12345678"))
row("an IPv6 fragment", "fragment", ether() / ip6() / IPv6ExtHdrFragment(m=1) / udp() / BEAT)
row("an atomic IPv6 fragment", "fragment", ether() / ip6() / IPv6ExtHdrFragment() / udp() / BEAT)
row("a fragment header behind others", "fragment",
    ether() / ip6() / hop / dst / IPv6ExtHdrFragment(offset=3) / udp() / BEAT)
row("hop-by-hop options in second place", "bad-extension", ether() / ip6() / dst / hop / udp() / BEAT)
row("nine extension headers", "bad-extension", chain / IPv6ExtHdrDestOpt() / udp() / BEAT)
row("a routing header with segments left", "bad-extension",
    ether() / ip6() / IPv6ExtHdrRouting(type=4, segleft=1, addresses=[THEM6]) / udp() / BEAT)
row("an extension longer than the packet", "bad-extension",
    ether() / ip6() / IPv6ExtHdrDestOpt(len=7) / udp() / Raw(b"123"))
row("an extension cut off in its first word", "bad-extension", ether() / ip6(nh=60) / Raw(b"\x11\0\0"))
row("an extension chain that ends in nothing", "bad-extension", ether() / ip6(nh=0))

# UDP
row("UDP header cut off", "bad-udp-length", ether() / ip4(proto=17) / Raw(b"1234567"))
row("UDP header cut off over IPv6", "bad-udp-length", ether() / ip6(nh=17) / Raw(b"1234567"))
row("UDP length less than its header", "bad-udp-length", ether() / ip4() / udp(len=7) / BEAT)
row("UDP length beyond the packet", "bad-udp-length", ether() / ip4() / udp(len=49) / BEAT)
row("a wrong UDP checksum over IPv4", "bad-udp-checksum", wrong_sum(plain4, 40))
row("a wrong UDP checksum over IPv6", "bad-udp-checksum", wrong_sum(plain6, 60))
row("one bit of the payload flipped", "bad-udp-checksum", wrong_sum(plain4, 50))
row("an odd last byte flipped", "bad-udp-checksum",
    wrong_sum(ether() / ip4() / udp() / Raw(b"odd"), 44))
row("no UDP checksum over IPv6", "bad-udp-checksum", ether() / ip6() / udp(chksum=0) / BEAT)
row("another port", "wrong-port", ether() / ip4() / udp(dport=PORT + 1) / BEAT)
row("another port over IPv6", "wrong-port", ether() / ip6() / udp(dport=PORT + 1) / BEAT)


# ARP
def who_has(**kw):
    return ARP(**{"op": 1, "hwsrc": THEM, "psrc": THEM4, "hwdst": "00:00:00:00:00:00",
                  "pdst": US4, **kw})


def is_at(**kw):
    return ARP(**{"op": 2, "hwsrc": US, "psrc": US4, "hwdst": THEM, "pdst": THEM4, **kw})


ALL = "ff:ff:ff:ff:ff:ff"
row("who has our address, asked of everybody", "arp-request", ether(dst=ALL) / who_has(),
    padded(back() / is_at()))
row("who has our address, asked of us", "arp-request", ether() / who_has(),
    padded(back() / is_at()))
row("who has our address, with padding", "arp-request", padded(ether(dst=ALL) / who_has()),
    padded(back() / is_at()))
row("who has our address, in a VLAN", "arp-request", ether(dst=ALL) / Dot1Q(vlan=7) / who_has(),
    padded(back(Dot1Q(vlan=7)) / is_at()))
row("an ARP probe for our address", "arp-request", ether(dst=ALL) / who_has(psrc="0.0.0.0"),
    padded(back() / is_at(pdst="0.0.0.0")))
row("who has another address", "not-for-us", ether(dst=ALL) / who_has(pdst="10.0.0.3"))
row("an ARP answer", "arp-reply", ether() / who_has(op=2))
row("an ARP answer to all", "not-for-us", ether(dst=ALL) / who_has(op=2))
row("an ARP answer to another's address", "not-for-us", ether() / who_has(op=2, pdst="10.0.0.3"))
row("an ARP answer from a group's MAC", "bad-control",
    ether() / who_has(op=2, hwsrc="01:00:5e:00:00:01"))
row("ARP that is neither question nor answer", "not-udp", ether() / who_has(op=3))
row("ARP cut off", "runt", bytes(ether() / who_has())[:41])
row("ARP for another kind of link", "bad-control", ether() / who_has(hwtype=6))
row("ARP for another protocol", "bad-control", ether() / who_has(ptype=0x86DD))
row("ARP with addresses of eight bytes", "bad-control", patched(ether() / who_has(), 18, b"\x08"))
row("ARP from a group's MAC", "bad-control", ether() / who_has(hwsrc="01:00:5e:00:00:01"))


# Neighbour discovery
def ns(**kw):
    return ICMPv6ND_NS(**{"tgt": US6, **kw})


def na(solicited, **kw):
    return (ICMPv6ND_NA(tgt=US6, R=0, S=solicited, O=1, **kw) / ICMPv6NDOptDstLLAddr(lladdr=US))


SOURCE = ICMPv6NDOptSrcLLAddr(lladdr=THEM)
group = ether(dst=NODES_MAC) / ip6(dst=NODES, hlim=255)
none = ether(dst=NODES_MAC) / ip6(src="::", dst=NODES, hlim=255)
advertised = back() / back6(hlim=255) / na(1)
row("who is our neighbour, asked of the group", "neighbour-solicitation", group / ns() / SOURCE,
    advertised)
row("who is our neighbour, asked of us", "neighbour-solicitation",
    ether() / ip6(hlim=255) / ns() / SOURCE, advertised)
row("asked of us without the source's address", "neighbour-solicitation",
    ether() / ip6(hlim=255) / ns(), advertised)
row("a solicitation in a VLAN", "neighbour-solicitation",
    ether(dst=NODES_MAC) / Dot1Q(vlan=7) / ip6(dst=NODES, hlim=255) / ns() / SOURCE,
    back(Dot1Q(vlan=7)) / back6(hlim=255) / na(1))
row("duplicate address detection of our address", "neighbour-solicitation", none / ns(),
    Ether(dst="33:33:00:00:00:01", src=US) / back6(dst="ff02::1", hlim=255) / na(0))
row("a solicitation for another", "not-for-us", group / ns(tgt="fd00::3") / SOURCE)
row("hop limit 254", "bad-control", ether(dst=NODES_MAC) / ip6(dst=NODES, hlim=254) / ns() / SOURCE)
row("solicitation with code 1", "bad-control", group / ns(code=1) / SOURCE)
row("target is a group", "bad-control", group / ns(tgt="ff02::1") / SOURCE)
row("solicitation with a wrong checksum", "bad-control", wrong_sum(group / ns() / SOURCE, 56))
row("solicitation cut off", "bad-control",
    ether() / ip6(hlim=255, nh=58) / Raw(bytes.fromhex("8700") + b"\0\0" + bytes(16)))
row("an option of length 0", "bad-control", group / ns() / ICMPv6NDOptSrcLLAddr(lladdr=THEM, len=0))
row("an option beyond the packet", "bad-control",
    group / ns() / ICMPv6NDOptSrcLLAddr(lladdr=THEM, len=2))
row("one byte behind the options", "bad-control", group / ns() / SOURCE / Raw(b"x"))
row("duplicate detection that names its source", "bad-control", none / ns() / SOURCE)
row("duplicate detection sent to us alone", "bad-control",
    ether() / ip6(src="::", hlim=255) / ns())
TARGET = ICMPv6NDOptDstLLAddr(lladdr=THEM)
theirs = ICMPv6ND_NA(tgt=THEM6, R=0, S=1, O=1)
row("a neighbour advertisement", "neighbour-advertisement",
    ether() / ip6(hlim=255) / theirs / TARGET)
row("an advertisement in a VLAN, with options", "neighbour-advertisement",
    ether() / Dot1Q(vlan=7) / ip6(hlim=255) / theirs / SOURCE / TARGET)
row("an advertisement that names no MAC", "not-udp", ether() / ip6(hlim=255) / theirs)
row("an advertisement of a group's MAC", "not-udp",
    ether() / ip6(hlim=255) / theirs / ICMPv6NDOptDstLLAddr(lladdr="33:33:00:00:00:01"))
row("an advertisement with hop limit 254", "bad-control",
    ether() / ip6(hlim=254) / theirs / TARGET)
row("an advertisement with code 1", "bad-control",
    ether() / ip6(hlim=255) / ICMPv6ND_NA(tgt=THEM6, code=1) / TARGET)
row("an advertisement of a group's address", "bad-control",
    ether() / ip6(hlim=255) / ICMPv6ND_NA(tgt="ff02::1") / TARGET)
row("an advertisement with a wrong checksum", "bad-control",
    wrong_sum(ether() / ip6(hlim=255) / theirs / TARGET, 56))
row("an advertisement cut off", "bad-control",
    ether() / ip6(hlim=255, nh=58) / Raw(bytes.fromhex("8800") + b"\0\0" + bytes(16)))
row("solicitation from a group: no answer", "neighbour-solicitation",
    ether() / ip6(src="ff02::5", hlim=255) / ns())

# Echo
for size in (0, 1, 56, 1400):
    load = Raw(bytes(i & 0xFF for i in range(size)))
    row("ping with %d bytes over IPv4" % size, "echo4",
        ether() / ip4() / ICMP(id=77, seq=3) / load,
        padded(back() / back4() / ICMP(type=0, id=77, seq=3) / load))
    row("ping with %d bytes over IPv6" % size, "echo6",
        ether() / ip6() / ICMPv6EchoRequest(id=77, seq=3, data=bytes(load)),
        padded(back() / back6() / ICMPv6EchoReply(id=77, seq=3, data=bytes(load))))
full = Raw(bytes(2048 - 14 - 20 - 8))
row("a ping as large as the room", "echo4", ether() / ip4() / ICMP(id=1) / full,
    back() / back4() / ICMP(type=0, id=1) / full)
row("a ping larger than the room: no answer", "echo4",
    ether() / ip4() / ICMP(id=1) / Raw(bytes(2048 - 14 - 20 - 7)))
row("ping with options, in two VLANs", "echo4",
    ether() / Dot1Q(vlan=9, type=0x8100) / Dot1Q(vlan=7) /
    ip4(options=[IPOption_Router_Alert()]) / ICMP(id=5, seq=6) / Raw(b"abc"),
    padded(back() / Dot1Q(vlan=9, type=0x8100) / Dot1Q(vlan=7) / back4() /
           ICMP(type=0, id=5, seq=6) / Raw(b"abc")))
row("ping from a group's address: no answer", "echo4", ether() / ip4(src="224.0.0.9") / ICMP())
row("an echo answered over IPv4", "echo-reply",
    ether() / ip4() / ICMP(type=0, id=5, seq=6) / Raw(b"abc"))
row("an echo answered over IPv6", "echo-reply",
    ether() / ip6() / ICMPv6EchoReply(id=5, seq=6, data=b"abc"))
row("an answer to an echo, with a wrong checksum", "bad-control",
    wrong_sum(ether() / ip4() / ICMP(type=0) / Raw(b"abc"), 36))
row("an answer to an echo, with code 1", "bad-control", ether() / ip4() / ICMP(type=0, code=1))
row("an answer to another's echo", "not-for-us", ether() / ip4(dst="10.0.0.3") / ICMP(type=0))
row("ping with a wrong checksum over IPv4", "bad-control", wrong_sum(ether() / ip4() / ICMP(), 36))
row("ping with a wrong checksum over IPv6", "bad-control",
    wrong_sum(ether() / ip6() / ICMPv6EchoRequest(), 56))
row("ping with code 1 over IPv4", "bad-control", ether() / ip4() / ICMP(code=1))
row("ping with code 1 over IPv6", "bad-control", ether() / ip6() / ICMPv6EchoRequest(code=1))
row("ICMP cut off", "bad-control", ether() / ip4(proto=1) / Raw(b"\x08\0\xf7\xff\0\0\0"))
row("ICMPv6 cut off", "bad-control", ether() / ip6(nh=58) / Raw(b"\x80\0\0"))
row("a port of ours that was unreachable", "not-udp",
    ether() / ip4() / ICMP(type=3, code=3) / back4() / UDP(sport=PORT, dport=40000))
row("the same over IPv6", "not-udp",
    ether() / ip6() / ICMPv6DestUnreach(code=4) / back6() / UDP(sport=PORT, dport=40000))
row("ping to the group of our solicited nodes", "not-for-us",
    ether(dst=NODES_MAC) / ip6(dst=NODES) / ICMPv6EchoRequest())

with open(sys.argv[1] if len(sys.argv) > 1 else "frames.txt", "w") as out:
    out.write("\n".join(lines) + "\n")

# What flatline asks: name | frame
PROBE = Raw(bytes.fromhex("464c010302000000000000000000000700000001000000020102030405060708"
                          "0000002a00000000"))
TAGS = Dot1Q(vlan=9, type=0x8100) / Dot1Q(vlan=7)
udp_probe = UDP(sport=PORT, dport=40000) / PROBE
echo4 = ICMP(id=0x464C, seq=515) / PROBE
echo6 = ICMPv6EchoRequest(id=0x464C, seq=515, data=bytes(PROBE))
asked = {
    "probe over IPv4": back() / back4() / udp_probe,
    "probe over IPv6": back() / back6() / udp_probe,
    "probe over IPv4 in two VLANs": back(TAGS) / back4() / udp_probe,
    "probe over IPv6 in two VLANs": back(TAGS) / back6() / udp_probe,
    "echo over IPv4": back() / back4() / echo4,
    "echo over IPv6": back() / back6() / echo6,
    "who has, over IPv4": Ether(dst="ff:ff:ff:ff:ff:ff", src=US) /
        ARP(op=1, hwsrc=US, psrc=US4, hwdst="00:00:00:00:00:00", pdst=THEM4),
    "who has, over IPv6": Ether(dst="33:33:ff:00:00:02", src=US) /
        back6(dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt=THEM6) /
        ICMPv6NDOptSrcLLAddr(lladdr=US),
}
with open(sys.argv[2] if len(sys.argv) > 2 else "probes.txt", "w") as out:
    for name, frame in asked.items():
        out.write("%s | %s\n" % (name, padded(frame).hex()))
