#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many Nodes, as kubelets and weft register and update them.

kube_nodes.py create|heartbeat|join NUMBER URL [CA TOKEN]

create makes node-00001 to node-NUMBER, of some 12 kB each, with weft's and flannel's annotations:
10.128.0.0/24 and so on. heartbeat updates the status of NUMBER Nodes, node-00001 after the last one, as
quickly as the API server permits, and prints the updates per second; NODES sets how many Nodes there are
(default: 5000). join creates NUMBER more Nodes, one after the other, and prints the median and the 99th
percentile of the microseconds from the request until the kernel of this network namespace reports the
forwarding entry.
"""
import http.client
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
import uuid
from urllib.parse import urlsplit

WORKERS = 4
RTMGRP_NEIGH = 4
FLANNEL = "flannel.alpha.coreos.com/"
CONDITIONS = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
what, number, url = sys.argv[1], int(sys.argv[2]), urlsplit(sys.argv[3])
nodes = int(os.environ.get("NODES", "5000"))


def name_of(i):
    return f"node-{i:05d}"


def conditions():
    return [{"type": kind, "status": "True" if kind == "Ready" else "False", "reason": f"KubeletHas{kind}",
             "message": f"kubelet has checked {kind}", "lastTransitionTime": "2026-11-01T00:00:00Z",
             "lastHeartbeatTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time()))}
            for kind in CONDITIONS]


def address_of(i):
    return f"172.{16 + i // 65536}.{i // 256 % 256}.{i % 256}"


def node(i):
    subnet = f"10.{128 + (i - 1) // 256}.{(i - 1) % 256}.0/24"
    address = address_of(i)
    lease = {"Node": str(uuid.uuid4()), "Name": name_of(i), "MTU": 1450, "Subnets": [subnet]}
    data = {"VNI": 1, "VtepMAC": f"0e:01:00:{i // 65536:02x}:{i // 256 % 256:02x}:{i % 256:02x}"}
    images = [{"names": [f"registry.example/image{k}@sha256:{'0123456789abcdef' * 4}",
                         f"registry.example/image{k}:1.{k}"], "sizeBytes": 1000000 + k} for k in range(50)]
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name_of(i), "labels": {"kubernetes.io/hostname": name_of(i)}, "annotations": {
                FLANNEL + "backend-data": json.dumps(data, separators=(",", ":")),
                FLANNEL + "backend-type": "vxlan", FLANNEL + "kube-subnet-manager": "true",
                FLANNEL + "public-ip": address,
                "weft.cni/lease": json.dumps(lease, separators=(",", ":")),
                "volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
            "spec": {"podCIDR": subnet, "podCIDRs": [subnet]},
            "status": {"addresses": [{"type": "InternalIP", "address": address}], "images": images,
                       "conditions": conditions()}}


def connect():
    if url.scheme == "http":
        return http.client.HTTPConnection(url.netloc)
    return http.client.HTTPSConnection(url.netloc, context=ssl.create_default_context(cafile=sys.argv[4]))


def request(connection, method, path, kind, body):
    headers = {"Content-Type": kind}
    if len(sys.argv) > 5:
        headers["Authorization"] = "Bearer " + sys.argv[5]
    connection.request(method, path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        sys.exit(f"{method} {path}: {answer.status} {text[:300]}")


def work(first):
    connection = connect()
    for i in range(first, number, WORKERS):
        if what == "create":
            create(connection, i + 1)
        else:
            request(connection, "PATCH", f"/api/v1/nodes/{name_of(i % nodes + 1)}/status",
                    "application/strategic-merge-patch+json", {"status": {"conditions": conditions()}})
    done.append(first)


def create(connection, i):
    request(connection, "POST", "/api/v1/nodes", "application/json", node(i))


def join(connection, events, i):
    asked = time.monotonic()
    create(connection, i)
    wanted = struct.pack("HH", 8, 1) + socket.inet_aton(address_of(i))  # NDA_DST
    while wanted not in events.recv(65536):
        pass
    return (time.monotonic() - asked) * 1e6


def join_all():
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    events.bind((0, RTMGRP_NEIGH))
    events.settimeout(10)
    connection = connect()
    took = sorted(join(connection, events, nodes + i + 1) for i in range(number))
    print("%d %d" % (took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]))


if what == "join":
    join_all()
    sys.exit()
done = []
began = time.monotonic()
threads = [threading.Thread(target=work, args=(first,)) for first in range(WORKERS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if len(done) < WORKERS:
    sys.exit(1)
print(f"{number / (time.monotonic() - began):.0f} per second")
