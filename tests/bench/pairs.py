#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pairs.py NAMESPACE=ADDRESS...: each container sends a datagram to each other one and gets an answer, in rounds.

In a round each container has one partner, so that N containers (an even number) need N - 1 rounds. Before the next round the
neighbour entries of the partners are removed: no pair meets twice, so that nothing is resolved again that was known, and the
kernel, whose namespaces share one limit of such entries (gc_thresh3, 1,024), never has more than N of them. Prints the
milliseconds of all rounds without the removal, and the datagrams that were sent again.
"""
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time

PORT = 7000
AGAIN_S = 5.0  # a datagram that was lost is sent again: later than the kernel repeats an ARP request
DEADLINE_S = 60.0
SIOCDARP = 0x8953
DEVICE = b"eth0"

libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    descriptor = os.open(path, os.O_RDONLY)
    if libc.setns(descriptor, 0x40000000):  # CLONE_NEWNET
        sys.exit(f"pairs.py: {path}: {os.strerror(ctypes.get_errno())}")
    os.close(descriptor)


class Container:
    def __init__(self, argument):
        path, self.address = argument.split("=")
        enter(path)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, PORT))
        self.socket.setblocking(False)

    def send(self, text, to):
        self.socket.sendto(text, (to.address, PORT))

    def forget(self, other):
        """struct arpreq: protocol and hardware address, flags, netmask, device."""
        address = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(other.address))
        request = address + bytes(16) + struct.pack("=i", 0) + bytes(16) + DEVICE.ljust(16, b"\0")
        try:
            fcntl.ioctl(self.socket, SIOCDARP, request)
        except OSError as error:
            sys.exit(f"pairs.py: {self.address} has no entry of {other.address}: {error}")


def rounds(containers):
    """The circle method: the first one stays, the others move by one place."""
    circle = list(containers)
    for _ in range(len(circle) - 1):
        yield [(circle[i], circle[-1 - i]) for i in range(len(circle) // 2)]
        circle.insert(1, circle.pop())


def run_round(pairs, poll, by_descriptor):
    begin = time.monotonic()
    sent = begin
    again = 0
    missing = {first.socket.fileno(): (first, second) for first, second in pairs}
    for first, second in pairs:
        first.send(b"hello", second)
    while missing:
        for descriptor, _ in poll.poll(100):
            container = by_descriptor[descriptor]
            data, peer = container.socket.recvfrom(64)
            if data == b"hello":
                container.socket.sendto(b"answer", peer)
            elif descriptor in missing and peer[0] == missing[descriptor][1].address:
                del missing[descriptor]
        now = time.monotonic()
        if now - begin > DEADLINE_S:
            sys.exit("pairs.py: no answer: " + ", ".join(f"{a.address} - {b.address}" for a, b in missing.values()))
        if missing and now - sent > AGAIN_S:
            sent = now
            again += len(missing)
            for first, second in missing.values():
                first.send(b"hello", second)
    return time.monotonic() - begin, again


def main():
    containers = [Container(argument) for argument in sys.argv[1:]]
    poll = select.poll()
    for container in containers:
        poll.register(container.socket, select.POLLIN)
    by_descriptor = {container.socket.fileno(): container for container in containers}
    seconds = again = 0
    for pairs in rounds(containers):
        took, repeated = run_round(pairs, poll, by_descriptor)
        seconds += took
        again += repeated
        for first, second in pairs:
            first.forget(second)
            second.forget(first)
    print(f"{seconds * 1000:.0f} {again}")


main()
