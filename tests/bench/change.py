# SPDX-License-Identifier: Apache-2.0
#
# change.py ETCD PREFIX peers PEERS CHANGES: writes a new public address to random leases, one after the
# other.
# change.py ETCD PREFIX containers CONTAINERS CHANGES: announces containers of an L2 network for the second
# node, of l2.bash, each once, as when a container moves with its address.
#
# Prints the median and the 99th percentile of the microseconds from etcd's response, which it sends
# together with the watch events, until the kernel of this namespace reports the new forwarding entry.
import base64
import http.client
import json
import random
import socket
import struct
import sys
import time

RTMGRP_NEIGH = 4

RTM_NEWNEIGH = 28

url, prefix, kind = sys.argv[1:4]
total, changes = int(sys.argv[4]), int(sys.argv[5])
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


# Key, value, MAC and destination of the entry.
def peer(number):
    i = random.randrange(total)
    address = "198.18.%d.%d" % (number // 250, number % 250 + 1)
    mac = "0e:00:00:%02x:%02x:%02x" % (i // 65536, i // 256 % 256, i % 256)
    value = (
        '{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan","BackendData":'
        '{"VNI":1,"VtepMAC":"%s"}}' % (address, mac)
    )
    return "subnets/10.%d.%d.0-24" % (16 + i // 256, i % 256), value, mac, address


def container(number):
    i = number * (total // changes)
    a, b = i // 250, i % 250 + 1
    mac = "0a:58:0a:01:%02x:%02x" % (a, b)
    value = '{"MAC":"%s","Node":"00000000-0000-4000-8000-000000000002"}' % mac
    return "endpoints/10.1.%d.%d" % (a, b), value, mac, "192.168.0.78"


def change(number):
    key, value, mac, address = {"peers": peer, "containers": container}[kind](number)
    put("%s/%s" % (prefix, key), value)
    answered = time.monotonic()
    dst = struct.pack("HH", 8, 1) + socket.inet_aton(address)  # NDA_DST
    lladdr = struct.pack("HH", 10, 2) + bytes.fromhex(mac.replace(":", ""))  # NDA_LLADDR
    while True:
        event = events.recv(65536)
        if struct.unpack_from("=H", event, 4)[0] == RTM_NEWNEIGH and dst in event and lladdr in event:
            break
    return max(0, time.monotonic() - answered) * 1e6


took = sorted(change(number) for number in range(changes))
print("%d %d" % (took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]))
