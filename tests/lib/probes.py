#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends messages of weftd's probes (daemon/probe/probe_message.h) from this network namespace.

    probes.py ask FROM TO [KEY [KIND]]   sends a request from an address of the namespace, four times
                                         until it is answered, and prints
                                         the kind and size of the reply, or "no reply"
    probes.py forge FROM TO [HOPS]       sends a request with any source address, from a raw socket
    probes.py flood FROM TO COUNT        sends rubbish of all sizes and nearly valid messages
    probes.py peers NODE COUNT KEY       answers for COUNT peers 10.16.0.1, 10.16.1.1 and so on, and
                                         sends a request of each to the node every ten seconds
"""
import hashlib
import hmac
import ipaddress
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


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forge(source, to, hops="255"):
    data = message(source, to)
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, int(hops), 17, 0,
                       ipaddress.ip_address(source).packed, ipaddress.ip_address(to).packed)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.sendto(head + udp, (to, 0))


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


def send_all(sock, gateways, node, key):
    begun, sent = time.monotonic(), 0
    while True:
        source = gateways[sent % len(gateways)]
        send_from(sock, message(source, node, key), source, node)
        sent += 1
        time.sleep(max(0, begun + sent * 10 / len(gateways) - time.monotonic()))


def peers(node, count, key):
    gateways = ["10.%d.%d.1" % (16 + i // 256, i % 256) for i in range(int(count))]
    sock = open_socket("0.0.0.0")
    sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    threading.Thread(target=send_all, args=(sock, gateways, node, key), daemon=True).start()
    while True:
        data, control, _, _ = sock.recvmsg(2000, 256)
        own = socket.inet_ntoa(control[0][2][8:12])
        if data[5] == 1:
            reply = data[:5] + b"\x02" + data[6:-16]
            send_from(sock, reply + seal(key, own, node, reply), own, node)


{"ask": ask, "forge": forge, "flood": flood, "peers": peers}[sys.argv[1]](*sys.argv[2:])
