#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bad_gateway.py ADDRESS PORT ETCD HOW [watch]

A gateway of etcd (host:port) that does wrong. With "watch", whatever else it is asked for is
answered by etcd itself, and only watches go wrong. HOW:

silent     takes the request, and answers nothing
slow       a good answer's beginning, byte by byte, without an end
half       closes its side of the connection in the middle of a good answer, and reads on
headers    headers without end
body       an answer of blanks, which JSON may have, without end
"""
import http.client
import socket
import socketserver
import sys
import time

ADDRESS, PORT, ETCD, HOW = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
WATCH_ONLY = sys.argv[5:] == ["watch"]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = 1 << 16


def forever(send, data):
    while True:
        send(data)


def drip(send):
    send(GOOD + CHUNKED)
    while True:
        send(b"1\r\n{\r\n" if WATCH_ONLY else b"1\r\n \r\n")
        time.sleep(0.2)


class Gateway(socketserver.BaseRequestHandler):
    def read_request(self):
        """Path and body of one, or None where the other side is gone."""
        stream = self.stream
        line = stream.readline()
        size = 0
        if not line:
            return None
        while (header := stream.readline()) not in (b"\r\n", b""):
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        return line.split()[1].decode(), stream.read(size)

    def ask_etcd(self, path, body):
        etcd = http.client.HTTPConnection(ETCD, timeout=10)
        etcd.request("POST", path, body, {"Content-Type": "application/json"})
        answer = etcd.getresponse()
        text = answer.read()
        head = f"HTTP/1.1 {answer.status} x\r\nContent-Length: {len(text)}\r\n\r\n"
        self.request.sendall(head.encode() + text)

    def do_wrong(self):
        send = self.request.sendall
        if HOW == "slow":
            drip(send)
        elif HOW == "half":
            send(GOOD + b"Content-Length: 1000\r\n\r\n{\"header\":")
            self.request.shutdown(socket.SHUT_WR)
        elif HOW == "headers":
            send(GOOD)
            forever(send, b"X-More: " + b"x" * 1000 + b"\r\n")
        elif HOW == "body":
            send(GOOD + CHUNKED)
            forever(send, b"%x\r\n" % BLOCK + b" " * BLOCK + b"\r\n")
        self.stream.read()  # until the other side has had enough

    def handle(self):
        self.stream = self.request.makefile("rb")
        try:
            while (request := self.read_request()):
                if WATCH_ONLY and request[0] != "/v3/watch":
                    self.ask_etcd(*request)
                else:
                    self.do_wrong()
                    return
        except OSError:
            pass  # gone


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server((ADDRESS, PORT), Gateway).serve_forever()
