#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""machine.py TAP MAC ADDRESS [--silent] [PEER...]: a virtual machine behind a tap that exists already.

Announces itself by gratuitous ARP requests, unless --silent, answers ARP and ICMP echo requests, and sends an echo request to
each PEER until it has a reply. Prints "reply PEER", and "asked ADDRESS" for each address that resolves it.
"""
import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002
BROADCAST = b"\xff" * 6
AGAIN_S = 0.2
ANNOUNCEMENTS = 10  # the first ones are lost while the bridge's port is not forwarding yet

name, mac_text, address_text = sys.argv[1:4]
silent = "--silent" in sys.argv
peers = [socket.inet_aton(a) for a in sys.argv[4:] if a != "--silent"]
mac = bytes.fromhex(mac_text.replace(":", ""))
address = socket.inet_aton(address_text)
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
known = {}


def send_arp(op, to_mac, target_mac, target):
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + mac + address + target_mac + target
    os.write(tap, to_mac + mac + b"\x08\x06" + body)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def send_echo(kind, to_mac, to, rest):
    """rest: identifier, sequence number and data."""
    rest += b"\0" * (len(rest) % 2)
    body = bytes([kind, 0]) + checksum(bytes([kind, 0, 0, 0]) + rest) + rest
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(body), 0, 0, 64, 1)
    tail = address + to
    os.write(tap, to_mac + mac + b"\x08\x00" + head + checksum(head + b"\0\0" + tail) + tail + body)


def on_arp(frame):
    op = struct.unpack("!H", frame[20:22])[0]
    sender_mac, sender, target = frame[22:28], frame[28:32], frame[38:42]
    if target != address or sender == address:
        return
    known[sender] = sender_mac
    if op == 1:
        print("asked", socket.inet_ntoa(sender), flush=True)
        send_arp(2, sender_mac, sender_mac, sender)


def on_ip(frame):
    head = (frame[14] & 15) * 4
    packet = frame[14:14 + struct.unpack("!H", frame[16:18])[0]]
    sender, target, body = packet[12:16], packet[16:20], packet[head:]
    if packet[9] != 1 or target != address:
        return
    if body[0] == 8:
        send_echo(0, frame[6:12], sender, body[4:])
    elif body[0] == 0 and sender in peers:
        peers.remove(sender)
        print("reply", socket.inet_ntoa(sender), flush=True)


print("started", flush=True)
left = 0 if silent else ANNOUNCEMENTS
announced = sent = 0.0
while True:
    if left and time.monotonic() - announced >= AGAIN_S:
        announced = time.monotonic()
        left -= 1
        send_arp(1, BROADCAST, bytes(6), address)
    if peers and time.monotonic() - sent >= AGAIN_S:
        sent = time.monotonic()
        for peer in list(peers):
            if peer in known:
                send_echo(8, known[peer], peer, b"\0\1\0\1machine.")
            else:
                send_arp(1, BROADCAST, bytes(6), peer)
    if not select.select([tap], [], [], AGAIN_S)[0]:
        continue
    received = os.read(tap, 65536)
    if received[12:14] == b"\x08\x06":
        on_arp(received)
    elif received[12:14] == b"\x08\x00":
        on_ip(received)
