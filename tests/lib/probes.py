#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends messages of weftd's probes (daemon/probe/probe_message.h) from this network namespace.

    probes.py ask FROM TO [KEY [KIND]]   sends a request from an address of the namespace, four times
                                         until it is answered, and prints
                                         the kind and size of the reply, or "no reply"
    probes.py forge FROM TO [HOPS [OPTIONS]]
                                         sends a request with any source address, from a raw socket,
                                         and any OPTIONS with options in the IP header
    probes.py frame FROM TO MAC [TAG]... sends the same from eth0 to this MAC address, with VLAN tags of
                                         these types (8100, 88a8) and the VLAN 0
    probes.py flood FROM TO COUNT        sends rubbish of all sizes and nearly valid messages
    probes.py held FROM TO KEY COUNT     sends requests one after the other, and prints "ok" if each is
                                         answered and no reply was held for longer than its request took
    probes.py peers NODE COUNT KEY [MS [EVERY]]
                                         answers for COUNT peers 10.16.0.1, 10.16.1.1 and so on, each
                                         request after MS milliseconds, which the reply states, and
                                         sends a request of each to the node every ten (EVERY) seconds
"""
import hashlib
import hmac
import ipaddress
import queue
import random
import socket
import struct
import sys
import threading
import time

PORT = 8473
VNI = 1
SIZES = {1: 64, 2: 64, 3: 1200, 4: 1200, 5: 64, 6: 64}


def packed(address):
    return ipaddress.ip_address(address).packed.rjust(16, b"\0")


def seal(key, source, to, body):
    if not key:
        return bytes(16)
    return hmac.new(key.encode(), packed(source) + packed(to) + body, hashlib.sha256).digest()[:16]


def message(source, to, key="", kind=1):
    payloads = {3: b"\x04" + bytes(4), 5: b"\x01" + b"number7" + ipaddress.ip_address(to).packed}
    payload = payloads.get(kind, b"")
    body = struct.pack("!4sBBHII8s", b"wprb", 1, kind, len(payload), VNI, 0, b"nonce..8") + payload
    body = body.ljust(SIZES[kind] - 16, b"\0")
    return body + seal(key, source, to, body)


def open_socket(source):
    v6 = ":" in source
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    if v6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    sock.bind((source, PORT))
    return sock


def ask(source, to, key="", kind="1"):
    sock = open_socket(source)
    sock.settimeout(1)
    for _ in range(4):
        sock.sendto(message(source, to, key, int(kind)), (to, PORT))
        try:
            data, sender = sock.recvfrom(2000)
        except socket.timeout:
            continue
        return print(data[5], len(data), "from", sender[0])
    print("no reply")


def held(source, to, key, count):
    sock = open_socket(source)
    sock.settimeout(10)
    total = 0
    for _ in range(int(count)):
        begun = time.monotonic()
        sock.sendto(message(source, to, key), (to, PORT))
        data = sock.recv(2000)
        while data[5] == 1:  # a request of the node itself
            data = sock.recv(2000)
        passed_us = (time.monotonic() - begun) * 1e6
        held_us = struct.unpack("!I", data[12:16])[0]
        if data[5] != 2 or held_us > passed_us:
            return print("kind", data[5], "held for", held_us, "of", passed_us, "us")
        total += held_us
    print("ok" if total else "not held at all")


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forged(source, to, hops, options):
    """The IP packet of a request with these addresses."""
    packed_source, packed_to = (ipaddress.ip_address(a).packed for a in (source, to))
    data = message(source, to)
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(data), 0) + data
    if ":" in to:
        extra = b"\x11\x00\x01\x04\x00\x00\x00\x00" if options else b""  # destination options: padding
        pseudo = packed_source + packed_to + struct.pack("!II", len(udp), 17)
        udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xffff) + udp[8:]
        head = struct.pack("!IHBB", 0x60000000, len(extra + udp), 60 if extra else 17, hops)
        return head + packed_source + packed_to + extra + udp
    extra = b"\x01\x01\x01\x00" if options else b""  # no operation
    head = struct.pack("!BBHHHBBH", 0x45 + len(extra) // 4, 0, 20 + len(extra + udp), 1, 0, hops, 17, 0)
    head += packed_source + packed_to + extra
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


def forge(source, to, hops="255", options=""):
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.sendto(forged(source, to, int(hops), options), (to, 0))


def frame(source, to, mac, *tags):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("eth0", 0))
    head = bytes.fromhex(mac.replace(":", "")) + sock.getsockname()[4]
    head += b"".join(bytes.fromhex(tag) + b"\0\0" for tag in tags)
    sock.send(head + (b"\x86\xdd" if ":" in to else b"\x08\x00") + forged(source, to, 255, ""))


def flood(source, to, count):
    dice = random.Random(1)
    sock = open_socket(source)
    valid = message(source, to)
    for i in range(int(count)):
        if i % 2:
            data = dice.randbytes(dice.choice((0, 1, 63, 64, 65, 1199, 1200, 1201, 1400)))
        else:
            data = bytearray(valid)
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        sock.sendto(data, (to, PORT))


def send_from(sock, data, source, to):
    info = struct.pack("@i4s4s", 0, socket.inet_aton(source), bytes(4))  # struct in_pktinfo
    sock.sendmsg([data], [(socket.IPPROTO_IP, 8, info)], 0, (to, PORT))


def send_all(sock, gateways, node, key, every):
    begun, sent = time.monotonic(), 0
    while True:
        source = gateways[sent % len(gateways)]
        send_from(sock, message(source, node, key), source, node)
        sent += 1
        time.sleep(max(0, begun + sent * every / len(gateways) - time.monotonic()))


def reply_all(sock, requests, node, key, delay):
    while True:
        arrived, data, own = requests.get()
        time.sleep(max(0, arrived + delay - time.monotonic()))
        held_us = round((time.monotonic() - arrived) * 1e6)
        reply = data[:5] + b"\x02" + data[6:12] + struct.pack("!I", held_us) + data[16:-16]
        send_from(sock, reply + seal(key, own, node, reply), own, node)


def peers(node, count, key, milliseconds="0", every="10"):
    gateways = ["10.%d.%d.1" % (16 + i // 256, i % 256) for i in range(int(count))]
    requests = queue.SimpleQueue()
    sock = open_socket("0.0.0.0")
    sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    for function, arguments in ((send_all, (sock, gateways, node, key, float(every))),
                                (reply_all, (sock, requests, node, key, int(milliseconds) / 1000))):
        threading.Thread(target=function, args=arguments, daemon=True).start()
    while True:
        data, control, _, _ = sock.recvmsg(2000, 256)
        if data[5] == 1:
            requests.put((time.monotonic(), data, socket.inet_ntoa(control[0][2][8:12])))


COMMANDS = {"ask": ask, "held": held, "forge": forge, "frame": frame, "flood": flood, "peers": peers}
COMMANDS[sys.argv[1]](*sys.argv[2:])
