#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service manager's socket (sd_notify(3)), for tests.

notify_socket.py SOCKET BRIDGE FILE...

Prints each datagram as one line of JSON: its lines, and which of the bridge and the files existed
when it arrived. SOCKET begins with '@' if it is an abstract name.
"""
import json
import os
import socket
import sys

path, bridge, *files = sys.argv[1:]
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("\0" + path[1:] if path[0] == "@" else path)
while True:
    lines = server.recv(65536).decode().split("\n")
    names = [name for _, name in socket.if_nameindex()]
    exists = [bridge in names] + [os.path.exists(file) for file in files]
    print(json.dumps({"lines": lines, "complete": all(exists), "exists": exists}), flush=True)
