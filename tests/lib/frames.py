#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends frames from the interface eth0 of one network namespace and reports which of them arrive at
eth0 of another one.

    frames.py FROM TO KIND...       prints "KIND passed" or "KIND dropped" for each

FROM and TO are paths of namespaces. The frames have the addresses of both interfaces; KIND is a name
of the table below, optionally with overrides: KIND,mac=..,hw=..,ip=..,target=..  Each frame contains
a token or flow label; the receiver waits for a last frame that always passes, so nothing depends on time.

With TO=PATH:DEVICE, the frames are for the host itself, to the addresses of this bridge of it. Then what arrives
is what sockets of that namespace receive. With GATEWAY=MAC in the environment, all frames, but those to
groups, are to this MAC, so that the gateway routes them.
"""
import ctypes
import ipaddress
import os
import select
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class End:
    """One interface, eth0 unless another one is named: a packet socket and its addresses."""

    def __init__(self, path, device="eth0"):
        enter(path)
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((device, 0))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with open("/proc/thread-self/net/if_inet6", encoding="ascii") as lines:
            addresses = [line.split() for line in lines]
        addresses = [ipaddress.ip_address(bytes.fromhex(line[0])) for line in addresses
                     if line[5] == device]
        self.mac = self.sock.getsockname()[4]
        own = [a for a in addresses if not a.is_link_local]
        local = [a for a in addresses if a.is_link_local]
        self.ip6 = own[0].packed if own else bytes(16)
        self.local = local[0].packed if local else bytes(16)
        text = os.popen("ip -4 -o address show dev " + device).read().split()
        self.ip4 = socket.inet_aton(text[text.index("inet") + 1].split("/")[0])

    def receive(self):
        self.sock.settimeout(10)
        return self.sock.recv(4096)


class Host(End):
    """The host's own stack: what reaches its sockets has passed its rules."""

    PORTS = (68, 546, 4242, 40000, 4243)  # that of the last frame is read last

    def __init__(self, path, device):
        super().__init__(path, device)
        self.socks = [socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
                      socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)]
        for port in self.PORTS:
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            sock.bind(("::", port))
            self.socks.append(sock)

    def receive(self):
        ready, _, _ = select.select(self.socks, [], [], 10)
        return ready[0].recv(4096)


class Frame:
    """Builds frames from one end to the other."""

    def __init__(self, src, dst, token, options, flow=0):
        self.flow = flow
        self.smac = mac_bytes(options.get("mac", src.mac.hex()))
        self.hmac = mac_bytes(options.get("hw", self.smac.hex()))
        self.dmac = mac_bytes(options.get("dmac", os.environ.get("GATEWAY") or dst.mac.hex()))
        ip = options.get("ip", "")
        ip = ipaddress.ip_address(ip).packed if ip else b""
        self.ip4 = ip if len(ip) == 4 else src.ip4
        self.ip6 = ip if len(ip) == 16 else src.ip6
        self.local = ip if len(ip) == 16 else src.local
        target = options.get("target", "")
        target = ipaddress.ip_address(target).packed if target else b""
        self.target4 = target if len(target) == 4 else dst.ip4
        self.target6 = target if len(target) == 16 else self.ip6
        self.to4, self.to6 = dst.ip4, dst.ip6
        self.token = token

    def ether(self, kind, payload, dmac=None):
        return (dmac or self.dmac) + self.smac + struct.pack("!H", kind) + payload

    def ipv4(self, proto, payload, fragment=0, to=None, version=4, options=b"", more=0):
        """fragment: the flag 0x2000 (more), and the offset in units of eight bytes.
        more: the length in the header exceeds that of the packet by so many bytes."""
        size = 20 + len(options)
        head = struct.pack("!BBHHHBBH4s4s", version << 4 | size // 4, 0, size + len(payload) + more,
                           7 + self.flow, fragment, 64, proto, 0, self.ip4, to or self.to4) + options
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return self.ether(0x0800, head + payload)

    def udp4(self, sport, dport, **kw):
        data = struct.pack("!HHHH", sport, dport, 8 + len(self.token), 0) + self.token
        return self.ipv4(17, data, **kw)

    def ipv6(self, proto, payload, src=None, dmac=None, dst=None):
        head = struct.pack("!IHBB", 6 << 28 | self.flow, len(payload), proto, 255)
        return self.ether(0x86dd, head + (src or self.ip6) + (dst or self.to6) + payload, dmac)

    def icmp4(self, kind, body):
        data = struct.pack("!BBH", kind, 1 if kind == 5 else 0, 0) + body + self.token.ljust(28, b"\0")
        return data[:2] + struct.pack("!H", checksum(data)) + data[4:]

    def datagram(self, sport, dport):
        """A UDP header and the token, with the checksum of IPv6."""
        data = struct.pack("!HHHH", sport, dport, 8 + len(self.token), 0) + self.token
        pseudo = self.ip6 + self.to6 + struct.pack("!II", len(data), 17)
        return data[:6] + struct.pack("!H", checksum(pseudo + data) or 0xffff) + data[8:]

    def udp6(self, sport, dport):
        return self.ipv6(17, self.datagram(sport, dport))

    def fragments4(self, proto, data):
        """Both fragments of a packet: the first one has eight bytes of data."""
        return [self.ipv4(proto, data[:8], 0x2000), self.ipv4(proto, data[8:], 1)]

    def fragments6(self, proto, data, src=None, first=8):
        return [self.fragment(proto, 0, 1, data[:first], src), self.fragment(proto, first // 8, 0, data[first:], src)]

    def icmp6(self, kind, body, src=None, dst=None):
        """ICMPv6 with its checksum; the token is an option of ND that receivers ignore."""
        src, dst = src or self.local, dst or self.to6
        data = struct.pack("!BBH", kind, 0, 0) + body
        pseudo = src + dst + struct.pack("!II", len(data), 58)
        return data[:2] + struct.pack("!H", checksum(pseudo + data)) + data[4:]

    def option(self):
        return struct.pack("!BB", 253, 2) + self.token.ljust(14, b"\0")

    ALL_NODES = ipaddress.ip_address("ff02::1").packed

    def advertisement(self, dst=None):
        prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0)
        prefix += ipaddress.ip_address("2001:db8::").packed
        return self.icmp6(134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + prefix + self.option(),
                          dst=dst)

    def ra(self):
        return self.ipv6(58, self.advertisement(self.ALL_NODES), self.local,
                         bytes.fromhex("333300000001"), self.ALL_NODES)

    def extended(self, number):
        """An extension header of eight bytes (hop-by-hop 0, routing 43, destination 60)."""
        head = struct.pack("!BBBBI", 58, 0, 1, 4, 0)
        if number == 43:
            head = struct.pack("!BBBBI", 58, 0, 0, 0, 0)
        return self.ipv6(number, head + self.advertisement(), self.local)

    def fragment(self, proto, offset, more, payload, src=None):
        head = struct.pack("!BBHI", proto, 0, offset << 3 | more, 99 + self.flow)
        return self.ipv6(44, head + payload, src or self.local)

    def tagged(self, frame, *tags):
        return frame[:12] + b"".join(struct.pack("!HH", kind, vid) for kind, vid in tags) + frame[12:]

    def redirect(self):
        return self.ipv6(58, self.icmp6(137, bytes(4) + self.to6 + self.to6 + self.option()),
                         self.local)

    def neighbour(self, kind, option, src):
        body = (b"\xa0\0\0\0" if kind == 136 else bytes(4)) + self.target6
        body += struct.pack("!BB", option, 1) + self.hmac
        return self.ipv6(58, self.icmp6(kind, body, src), src)

    def arp(self, op, spa=None):
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + self.hmac + (spa or self.ip4)
        return self.ether(0x0806, body + bytes(6) + self.target4 + self.token)

    def mld(self):
        report = self.icmp6(143, bytes(4) + self.token, bytes(16))
        return self.ipv6(0, struct.pack("!BBHBBBB", 58, 0, 0x0502, 0, 0, 1, 0) + report, bytes(16))


KINDS = {
    "ra": lambda f: f.ra(),
    "ra-unicast": lambda f: f.ipv6(58, f.advertisement(), f.local),
    "ra-hopbyhop": lambda f: f.extended(0),
    "ra-routing": lambda f: f.extended(43),
    "ra-destination": lambda f: f.extended(60),
    "ra-fragment": lambda f: f.fragment(58, 0, 1, f.advertisement()),
    "ra-atomic": lambda f: f.fragment(58, 0, 0, f.advertisement()),
    # The first fragment ends before the ICMPv6 header, and inside an extension header.
    "ra-split": lambda f: f.fragment(60, 0, 1, struct.pack("!BBBB12s", 58, 1, 1, 12, f.token)),
    "ra-cut": lambda f: f.fragment(60, 0, 1, struct.pack("!BBBB12s", 58, 9, 1, 12, f.token)),
    "udp-split": lambda f: f.fragment(60, 0, 1, struct.pack("!BBBB12s", 17, 1, 1, 12, f.token)),
    "ra-priority-tag": lambda f: f.tagged(f.ra(), (0x8100, 0)),
    "ra-two-tags": lambda f: f.tagged(f.ra(), (0x8100, 0), (0x8100, 0)),
    "ra-provider-tags": lambda f: f.tagged(f.ra(), (0x88a8, 0), (0x88a8, 0)),
    "redirect": lambda f: f.redirect(),
    "dhcp": lambda f: f.udp4(67, 68),
    "dhcp-odd-server": lambda f: f.udp4(4242, 68),
    "dhcp-odd-client": lambda f: f.udp4(67, 4242),
    "dhcp-options": lambda f: f.udp4(67, 68, options=b"\x01\x01\x01\0"),
    # The length exceeds that of the frame; the version is not 4.
    "dhcp-long": lambda f: f.udp4(67, 68, more=99),
    "dhcp-version": lambda f: f.udp4(67, 68, version=5),
    "dhcp-fragment": lambda f: f.udp4(67, 68, fragment=0x2000),
    "dhcp6": lambda f: f.udp6(547, 546),
    "dhcp6-odd-server": lambda f: f.udp6(4242, 546),
    "dhcp-high-server": lambda f: f.udp4(40000, 68),
    "dhcp6-high-server": lambda f: f.udp6(40000, 546),
    "dhcp6-odd-client": lambda f: f.udp6(547, 40000),
    "icmp-router": lambda f: f.ipv4(1, f.icmp4(9, struct.pack("!BBH", 1, 2, 1800) + f.to4)),
    "icmp-redirect": lambda f: f.ipv4(1, f.icmp4(5, f.to4)),
    # Whole packets in two fragments, in one case with the header of UDP in the second one.
    "dhcp-fragments": lambda f: f.fragments4(17, struct.pack("!HHHH", 67, 68, 8 + len(f.token), 0) + f.token),
    "icmp-redirect-fragments": lambda f: f.fragments4(1, f.icmp4(5, f.to4)),
    "dhcp6-fragments": lambda f: f.fragments6(17, f.datagram(547, 546), f.ip6),
    "dhcp6-split": lambda f: f.fragments6(60, struct.pack("!BBBBI", 17, 0, 1, 4, 0) + f.datagram(547, 546), f.ip6),
    "dhcp6-destination": lambda f: f.ipv6(60, struct.pack("!BBBBI", 17, 0, 1, 4, 0) + f.datagram(547, 546)),
    "dhcp-tag": lambda f: f.tagged(f.udp4(67, 68), (0x8100, 0)),
    "dhcp6-tag": lambda f: f.tagged(f.udp6(547, 546), (0x8100, 0)),
    "dhcp-broadcast": lambda f: b"\xff" * 6 + f.udp4(67, 68, to=b"\xff" * 4)[6:],
    "udp": lambda f: f.udp4(4242, 4243),
    "udp-low": lambda f: f.udp4(53, 53),
    "udp-query": lambda f: f.udp4(40000, 53),
    "udp-reply": lambda f: f.udp4(53, 40000),
    "udp-as-type": lambda f: f.udp4(134 << 8, 40000),  # the first byte is that of a router advertisement
    "udp-fragment": lambda f: f.ipv4(17, f.token, 5),
    "dhcp-client": lambda f: f.udp4(68, 67),
    "dhcp6-client": lambda f: f.udp6(546, 547),
    "tcp": lambda f: f.ipv4(6, struct.pack("!HHIIBBHHH", 67, 68, 0, 0, 5 << 4, 2, 0, 0, 0) + f.token),
    "echo6": lambda f: f.ipv6(58, f.icmp6(128, bytes(4) + f.token, f.ip6)),
    "echo6-first": lambda f: f.fragment(58, 0, 1, f.icmp6(128, bytes(4) + f.token)),
    "echo6-second": lambda f: f.fragment(58, 9, 0, f.token),
    "udp6-second": lambda f: f.fragment(17, 9, 0, f.token),
    "solicitation": lambda f: f.neighbour(135, 1, f.ip6),
    "solicitation-local": lambda f: f.neighbour(135, 1, f.local),
    "dad": lambda f: f.ipv6(58, f.icmp6(135, bytes(4) + f.target6 + f.option(), bytes(16)), bytes(16)),
    "advertisement": lambda f: f.neighbour(136, 2, f.ip6),
    "advertisement-destination": lambda f: f.ipv6(60, struct.pack("!BBBBI", 58, 0, 1, 4, 0) +
        f.icmp6(136, bytes(4) + f.target6 + struct.pack("!BB", 2, 1) + f.hmac, f.ip6)),
    "advertisement-fragment": lambda f: f.fragment(58, 0, 1, f.icmp6(136, bytes(4) + f.target6 +
        struct.pack("!BB", 2, 1) + f.hmac)),
    "advertisement-bare": lambda f: f.ipv6(58, f.icmp6(136, bytes(4) + f.target6, f.ip6)),
    "advertisement-two": lambda f: f.ipv6(58, f.icmp6(136, bytes(4) + f.target6 +
        (struct.pack("!BB", 2, 1) + f.hmac) * 2, f.ip6)),
    "advertisement-hidden": lambda f: f.ipv6(58, f.icmp6(136, bytes(4) + f.target6 + f.option() +
        struct.pack("!BB", 2, 1) + f.hmac, f.ip6)),
    "router-solicitation": lambda f: f.ipv6(58, f.icmp6(133, bytes(4) + struct.pack("!BB", 1, 1) +
        f.hmac)),
    "udp-two-tags": lambda f: f.tagged(f.udp4(4242, 4243), (0x8100, 0), (0x8100, 0)),
    "mld": lambda f: f.mld(),
    "arp-request": lambda f: f.arp(1),
    "arp-reply": lambda f: f.arp(2),
    "arp-probe": lambda f: f.arp(1, bytes(4)),
    "arp-tagged": lambda f: f.tagged(f.arp(2), (0x8100, 0)),
    "other": lambda f: f.ether(0x88b5, f.token.ljust(46, b"\0")),
}


def is_flow(data, flow):
    """Frames without room for a token are recognised by their IPv6 flow label."""
    return data[12:14] == b"\x86\xdd" and struct.unpack("!I", data[14:18])[0] == 6 << 28 | flow


def main():
    src = End(sys.argv[1])
    path, _, device = sys.argv[2].partition(":")
    dst = Host(path, device) if device else End(path)
    arrived = set()
    tokens = {}
    for number, spec in enumerate(sys.argv[3:]):
        name, *options = spec.split(",")
        options = dict(option.split("=", 1) for option in options)
        token = b"f%06d" % (number + os.getpid() * 100 % 900000)
        tokens[token] = spec
        frames = KINDS[name](Frame(src, dst, token, options, number + 1))
        for frame in frames if isinstance(frames, list) else [frames]:
            src.sock.send(frame)
    last = b"f-last"
    src.sock.send(Frame(src, dst, last, {}).udp4(4242, 4243))
    while True:
        data = dst.receive()
        for token in tokens:
            flow = list(tokens).index(token) + 1
            if token in data or is_flow(data, flow):
                arrived.add(token)
        if last in data:
            break
    for token, spec in tokens.items():
        print(spec, "passed" if token in arrived else "dropped")


main()
