# SPDX-License-Identifier: Apache-2.0
#
# change.py ETCD PREFIX PEERS CHANGES: writes a new public address to random leases, one after the
# other. Prints the median and the 99th percentile of the microseconds from etcd's response, which it
# sends together with the watch events, until the kernel of this namespace reports the new
# forwarding entry. For scale.bash.
import base64
import http.client
import json
import random
import socket
import struct
import sys
import time

RTMGRP_NEIGH = 4

url, prefix, peers, changes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
events.bind((0, RTMGRP_NEIGH))
events.settimeout(10)
etcd = http.client.HTTPConnection(url.split("//")[1], timeout=10)


def put(key, value):
    def encode(text):
        return base64.b64encode(text.encode()).decode()

    etcd.request("POST", "/v3/kv/put", json.dumps({"key": encode(key), "value": encode(value)}))
    response = etcd.getresponse()
    response.read()
    if response.status != 200:
        sys.exit("etcd responds with status %d" % response.status)


def change(number):
    address = "198.18.%d.%d" % (number // 250, number % 250 + 1)
    i = random.randrange(peers)
    put(
        "%s/subnets/10.%d.%d.0-24" % (prefix, 16 + i // 256, i % 256),
        '{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":'
        '{"VNI":1,"VtepMAC":"0e:00:00:%02x:%02x:%02x"}}'
        % (address, i // 65536, i // 256 % 256, i % 256),
    )
    answered = time.monotonic()
    wanted = struct.pack("HH", 8, 1) + socket.inet_aton(address)  # NDA_DST
    while wanted not in events.recv(65536):
        pass
    return max(0, time.monotonic() - answered) * 1e6


took = sorted(change(number) for number in range(changes))
print("%d %d" % (took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]))
