#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py NODES SUBNETS HISTORY REPORTS...

Checks that the lease states that nodes reported match the history of etcd, after NODES
nodes raced for SUBNETS subnets (racer.c) and the states became stable.

HISTORY is the output of `etcdctl watch --rev=1 --prefix -w json` for the keys, REPORTS
are the outputs of the racers. Prints each fault on a line, or one line of figures.
"""
import base64
import json
import sys


def text(value):
    return base64.b64decode(value or "").decode()


def node_of(value):
    return int(json.loads(value)["Weft"]["Node"].rsplit("-", 1)[1])


def name_of(node):
    return "no node" if node is None else f"node {node}"


def read_history(path):
    """Returns the events in order: (revision, key, node; None: the key was removed)."""
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


def read_reports(paths):
    """Returns the lines in the order of time: (microseconds, node, what, key, revision)."""
    reports = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                time, node, what, key, revision = line.split()
                reports.append((int(time), int(node), what, key, int(revision)))
    return sorted(reports)


def check_history(events, faults):
    """Each subnet is in one key, each key has one owner, and no node overwrites another."""
    owner, put, last = {}, {}, 0
    for revision, key, node in events:
        if revision < last:
            faults.append(f"revision {revision} comes after {last}")
        last = revision
        if node is None:
            owner.pop(key, None)
            continue
        if owner.get(key, node) != node:
            faults.append(f"revision {revision}: {key} belongs to node {owner[key]}, "
                          f"but node {node} overwrites it")
        for subnet in key.split("&"):
            for other in owner:
                if other != key and subnet in other.split("&"):
                    faults.append(f"revision {revision}: {subnet} is in {other} and in {key}")
        owner[key] = node
        put[(revision, key)] = node
    return owner, put


def check_reports(reports, put, faults):
    """Each reported lease existed at its revision, and each node reports revisions in order."""
    newest = {}
    for _, node, what, key, revision in reports:
        if what != "held":
            continue
        if put.get((revision, key)) != node:
            faults.append(f"node {node} reported {key} at revision {revision}, "
                          f"which belongs to {name_of(put.get((revision, key)))}")
        if revision <= newest.get(node, 0):
            faults.append(f"node {node} reported revision {revision} after {newest[node]}")
        newest[node] = revision


def check_end(reports, owner, nodes, subnets, faults):
    """Each subnet is held by the owner of its key; the other nodes have reported no lease."""
    end = {node: (what, key) for _, node, what, key, _ in reports}
    holders = {node: key for node, (what, key) in end.items() if what == "held"}
    if len(end) != nodes:
        faults.append(f"{len(end)} nodes of {nodes} have reported anything")
    for node, key in holders.items():
        if owner.get(key) != node:
            faults.append(f"in the end node {node} reports {key}, "
                          f"which belongs to {name_of(owner.get(key))}")
    for key, node in owner.items():
        if holders.get(node) != key:
            faults.append(f"in the end {key} belongs to node {node}, which does not report it")
    if len(owner) != min(nodes, subnets):
        faults.append(f"in the end {len(owner)} subnets of {subnets} have an owner")


def main(nodes, subnets, history, *paths):
    faults = []
    events, reports = read_history(history), read_reports(paths)
    owner, put = check_history(events, faults)
    check_reports(reports, put, faults)
    check_end(reports, owner, int(nodes), int(subnets), faults)
    held = sum(1 for report in reports if report[2] == "held")
    lost = sum(1 for report in reports if report[2] == "lost")
    changed = len({(key, node) for _, key, node in events if node is not None})
    print("\n".join(faults) or f"{len(put)} puts, {len(events) - len(put)} ends of keys, "
          f"{changed} pairs of node and subnet, {held} times held, {lost} times lost: all true")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
