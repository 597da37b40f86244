#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reach.py START ADDRESS...: prints "ready", and as soon as the file START exists, sends a datagram to each address until
it has an answer, and answers those of others. Prints "done MILLISECONDS" after the last answer, and continues to answer."""
import os
import socket
import sys
import time

PORT = 7000
AGAIN_S = 3.0  # a datagram that was lost is sent again

start, addresses = sys.argv[1], sys.argv[2:]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
sock.bind(("", PORT))
missing = set(addresses)
reported = False
sent = 0.0

print("ready", flush=True)
while not os.path.exists(start):
    time.sleep(0.005)
begin = os.stat(start).st_mtime
while True:
    if missing and time.time() - sent >= AGAIN_S:
        sent = time.time()
        for address in sorted(missing):
            sock.sendto(b"hello", (address, PORT))
    sock.settimeout(max(0.01, sent + AGAIN_S - time.time()) if missing else None)
    try:
        data, peer = sock.recvfrom(64)
    except socket.timeout:
        continue
    if data == b"hello":
        sock.sendto(b"answer", peer)
    else:
        missing.discard(peer[0])
    if not missing and not reported:
        reported = True
        print(f"done {(time.time() - begin) * 1000:.0f}", flush=True)
