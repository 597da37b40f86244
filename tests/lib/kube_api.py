#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small Kubernetes API server for tests: Nodes only, in memory.

kube_api.py ADDRESS PORT [CERTIFICATE KEY [TOKEN]]

As kube-apiserver does it: GET, POST of a Node, list with limit and continue (resourceVersion=0 ignores the limit),
watch with bookmarks, 410 Gone, PartialObjectMetadata by the Accept header, strategic merge patch of
nodes/NAME/status with a conditional resourceVersion (409), bearer token (401). For tests:

  PUT, DELETE /lab/nodes/NAME     creates or replaces, deletes a Node; PUT keeps its uid, if it exists
  POST /lab/set                   {"bookmark_s": 1, "watch_s": 2, "deny": ["patch nodes/status"],
                                  "status": 429, "retry_after": 1, "times": 3, "hang": false}
  POST /lab/compact               {"delete": "NAME"}: deletes the Node, if given, forgets all events,
                                  and ends the watches, of which none gets the deletion
  GET /lab/log                    the requests: METHOD PATH ACCEPT, one per line
"""
import base64
import copy
import json
import socketserver
import ssl
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

change = threading.Condition()
nodes, events, log = {}, [], []
state = {"revision": 100, "compacted": 100, "bookmark_s": 60, "watch_s": 0, "deny": [],
         "status": 0, "retry_after": 0, "times": 0, "hang": False, "kept": []}
token = None


def record(kind, node):
    """Appends an event; `change` is held."""
    state["revision"] += 1
    node["metadata"]["resourceVersion"] = str(state["revision"])
    events.append((state["revision"], kind, copy.deepcopy(node)))
    change.notify_all()


def put(name, body):
    node = {"kind": "Node", "apiVersion": "v1", "metadata": {}, "spec": {}, "status": {}}
    node.update(body)
    before = nodes.get(name)
    metadata = node["metadata"]
    metadata["name"] = name
    metadata.setdefault("uid", before["metadata"]["uid"] if before else str(uuid.uuid4()))
    metadata["managedFields"] = [{"manager": "kubelet", "operation": "Update",
                                  "fieldsV1": {"f:status": {"f:conditions": {"x" * 400: {}}}}}]
    nodes[name] = node
    record("MODIFIED" if before else "ADDED", node)


def merge(target, patch):
    """A strategic merge patch, as far as Nodes need it: conditions are merged by type."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif key == "conditions":
            all_of = target.setdefault(key, [])
            for condition in value:
                same = [c for c in all_of if c["type"] == condition["type"]]
                if same:
                    same[0].update(condition)
                else:
                    all_of.append(condition)
        elif isinstance(value, dict):
            merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    # ---- Answers ----

    def answer(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def status(self, code, reason, message, headers=()):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                           "message": message, "reason": reason, "code": code}, headers=headers)

    def form(self, node):
        if "as=PartialObjectMetadata" not in self.headers.get("Accept", ""):
            return node
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": node["metadata"]}

    # ---- Checks ----

    def permitted(self, verb, resource):
        if token and self.headers.get("Authorization") != "Bearer " + token:
            self.status(401, "Unauthorized", "Unauthorized")
        elif f"{verb} {resource}" in state["deny"]:
            self.status(403, "Forbidden", f'nodes is forbidden: User "system:serviceaccount:kube-'
                        f'system:weft" cannot {verb} resource "{resource}" in API group "" at the '
                        'cluster scope')
        elif state["times"] > 0:
            state["times"] -= 1
            self.status(state["status"], "TooManyRequests", "please try again later",
                        [("Retry-After", str(state["retry_after"]))])
        else:
            return True
        return False

    def read_body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")

    # ---- Requests ----

    def do_GET(self):
        url = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if url.path == "/lab/log":
            self.answer(200, "\n".join(log).encode(), "text/plain")
            return
        log.append(f"GET {self.path} {self.headers.get('Accept')}")
        while state["hang"]:
            time.sleep(0.1)
        if url.path == "/api/v1/nodes" and query.get("watch") == "true":
            if self.permitted("watch", "nodes"):
                self.watch(query)
        elif url.path == "/api/v1/nodes":
            if self.permitted("list", "nodes"):
                self.list(query)
        elif url.path.startswith("/api/v1/nodes/"):
            if self.permitted("get", "nodes"):
                self.get(url.path.rsplit("/", 1)[1])
        else:
            self.status(404, "NotFound", "the server could not find the requested resource")

    def get(self, name):
        with change:
            node = copy.deepcopy(nodes.get(name))
        if node:
            self.answer(200, self.form(node))
        else:
            self.status(404, "NotFound", f'nodes "{name}" not found')

    def list(self, query):
        partial = "as=PartialObjectMetadataList" in self.headers.get("Accept", "")
        with change:
            revision, items = state["revision"], [nodes[n] for n in sorted(nodes)]
            after = ""
            if "continue" in query:
                after, revision, length = json.loads(base64.b64decode(query["continue"]))
                if revision < state["compacted"]:
                    return self.status(410, "Expired", "The provided continue parameter is too old")
            items = [n for n in items if n["metadata"]["name"] > after]
            metadata = {"resourceVersion": str(revision)}
            limit = int(query.get("limit", 0))
            if query.get("resourceVersion") != "0" and 0 < limit < len(items):
                items = items[:limit]
                more = [items[-1]["metadata"]["name"], revision, limit]
                metadata["continue"] = base64.b64encode(json.dumps(more).encode()).decode()
            body = {"kind": "PartialObjectMetadataList" if partial else "NodeList",
                    "apiVersion": "meta.k8s.io/v1" if partial else "v1", "metadata": metadata,
                    "items": [{"metadata": n["metadata"]} if partial else n for n in items]}
            data = json.dumps(body, separators=(",", ":")).encode()
        self.answer(200, data)

    def line(self, kind, node):
        data = json.dumps({"type": kind, "object": node}, separators=(",", ":")).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def watch(self, query):
        at = int(query.get("resourceVersion", 0))
        begin, over = time.monotonic(), False
        bookmark = time.monotonic() + state["bookmark_s"]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if at < state["compacted"]:
                self.line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired",
                                    "message": f"too old resource version: {at}"})
                over = True
            while not over and time.monotonic() - begin < (
                    state["watch_s"] or int(query["timeoutSeconds"])):
                with change:
                    if at < state["compacted"]:
                        break
                    due = [e for e in events if e[0] > at]
                    if not due:
                        change.wait(0.1)
                    revision = state["revision"]
                for at, kind, node in due:
                    self.line(kind, self.form(node))
                if not due and time.monotonic() >= bookmark and \
                        query.get("allowWatchBookmarks") == "true":
                    bookmark = time.monotonic() + state["bookmark_s"]
                    self.line("BOOKMARK", {"kind": "Node", "metadata": {
                        "resourceVersion": str(max(at, revision)), "creationTimestamp": None}})
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        except (OSError, ssl.SSLError):
            self.close_connection = True

    def do_PATCH(self):
        body = self.read_body()
        log.append(f"PATCH {self.path} {self.headers.get('Content-Type')} {json.dumps(body)}")
        parts = self.path.split("/")
        if len(parts) != 6 or parts[5] != "status":
            self.status(404, "NotFound", "the server could not find the requested resource")
        elif self.permitted("patch", "nodes/status"):
            self.patch(parts[4], body)

    def patch(self, name, body):
        with change:
            node = nodes.get(name)
            if not node:
                return self.status(404, "NotFound", f'nodes "{name}" not found')
            revision = body.get("metadata", {}).pop("resourceVersion", None)
            if revision not in (None, node["metadata"]["resourceVersion"]):
                return self.status(409, "Conflict", f'Operation cannot be fulfilled on nodes "{name}":'
                                   ' the object has been modified')
            node = copy.deepcopy(node)
            merge(node, body)
            nodes[name] = node
            record("MODIFIED", node)
            self.answer(200, self.form(node))

    # ---- The tests' own requests ----

    def do_PUT(self):
        body = self.read_body()
        with change:
            put(self.path.rsplit("/", 1)[1], body)
        self.answer(200, {})

    def do_DELETE(self):
        with change:
            record("DELETED", nodes.pop(self.path.rsplit("/", 1)[1]))
        self.answer(200, {})

    def do_POST(self):
        body = self.read_body()
        with change:
            if self.path == "/api/v1/nodes":
                put(body["metadata"]["name"], body)
                body = {}
            elif self.path == "/lab/compact":
                if "delete" in body:
                    record("DELETED", nodes.pop(body.pop("delete")))
                events.clear()
                state["compacted"] = state["revision"]
            state.update(body)
        self.answer(200, {})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):  # without HTTPServer's DNS query
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        try:
            super().finish_request(request, client_address)
        except (OSError, ssl.SSLError):
            pass

    def handle_error(self, request, client_address):
        pass


def main():
    global token
    server = Server((sys.argv[1], int(sys.argv[2])), Handler)
    if len(sys.argv) > 4:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    token = sys.argv[5] if len(sys.argv) > 5 else None
    server.serve_forever()


main()
