#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py NODES SUBNETS HISTORY BELIEFS...

Whether what nodes believed of their leases is what etcd's history says, for nodes that
raced for so many subnets (racer.c) and have been left in peace since.

HISTORY is what `etcdctl watch --rev=1 --prefix -w json` printed of the keys, BELIEFS
what racers printed. Prints each fault on a line, or one line of figures.
"""
import base64
import json
import sys


def text(value):
    return base64.b64decode(value or "").decode()


def node_of(value):
    return int(json.loads(value)["Weft"]["Node"].rsplit("-", 1)[1])


def read_history(path):
    """Events in their order: (revision, key, node; None: the key was removed)."""
    events = []
    with open(path, encoding="utf-8") as file:
        data, at, decoder = file.read(), 0, json.JSONDecoder()
    while data[at:].strip():
        at += len(data[at:]) - len(data[at:].lstrip())
        answer, at = decoder.raw_decode(data, at)
        for event in answer.get("Events") or []:
            kv = event["kv"]
            key = text(kv["key"])
            if "/subnets/" not in key:
                continue
            removed = event.get("type") in (1, "DELETE")
            node = None if removed else node_of(text(kv.get("value")))
            events.append((int(kv["mod_revision"]), key.rsplit("/", 1)[1], node))
    return events


def read_beliefs(paths):
    """Lines in the order of time: (microseconds, node, what, key, revision)."""
    beliefs = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                time, node, what, key, revision = line.split()
                beliefs.append((int(time), int(node), what, key, int(revision)))
    return sorted(beliefs)


def check_history(events, faults):
    """One key for a subnet, one owner for a key, and no owner over another."""
    owner, put, last = {}, {}, 0
    for revision, key, node in events:
        if revision < last:
            faults.append(f"revision {revision} comes after {last}")
        last = revision
        if node is None:
            owner.pop(key, None)
            continue
        if owner.get(key, node) != node:
            faults.append(f"revision {revision}: {key} is node {owner[key]}'s, "
                          f"and node {node} writes over it")
        for subnet in key.split("&"):
            for other in owner:
                if other != key and subnet in other.split("&"):
                    faults.append(f"revision {revision}: {subnet} is in {other} and in {key}")
        owner[key] = node
        put[(revision, key)] = node
    return owner, put


def check_beliefs(beliefs, put, faults):
    """What was ever believed was true at its revision, and is believed in its order."""
    newest = {}
    for _, node, what, key, revision in beliefs:
        if what != "held":
            continue
        if put.get((revision, key)) != node:
            faults.append(f"node {node} believed to hold {key} of revision {revision}, "
                          f"which is {put.get((revision, key), 'nobody')}'s")
        if revision <= newest.get(node, 0):
            faults.append(f"node {node} believed revision {revision} after {newest[node]}")
        newest[node] = revision


def check_end(beliefs, owner, nodes, subnets, faults):
    """All subnets are held, each by the one whose it is; the other nodes know that they have none."""
    end = {node: (what, key) for _, node, what, key, _ in beliefs}
    holders = {node: key for node, (what, key) in end.items() if what == "held"}
    if len(end) != nodes:
        faults.append(f"{len(end)} nodes of {nodes} have said anything")
    for node, key in holders.items():
        if owner.get(key) != node:
            faults.append(f"in the end node {node} believes to hold {key}, "
                          f"which is {owner.get(key, 'nobody')}'s")
    for key, node in owner.items():
        if holders.get(node) != key:
            faults.append(f"in the end {key} is node {node}'s, which does not know it")
    if len(owner) != min(nodes, subnets):
        faults.append(f"in the end {len(owner)} subnets of {subnets} have an owner")


def main(nodes, subnets, history, *paths):
    faults = []
    events, beliefs = read_history(history), read_beliefs(paths)
    owner, put = check_history(events, faults)
    check_beliefs(beliefs, put, faults)
    check_end(beliefs, owner, int(nodes), int(subnets), faults)
    held = sum(1 for belief in beliefs if belief[2] == "held")
    lost = sum(1 for belief in beliefs if belief[2] == "lost")
    changed = len({(key, node) for _, key, node in events if node is not None})
    print("\n".join(faults) or f"{len(put)} puts, {len(events) - len(put)} ends of keys, "
          f"{changed} pairs of node and subnet, {held} times held, {lost} times lost: all true")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
