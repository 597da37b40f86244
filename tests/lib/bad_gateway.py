#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bad_gateway.py ADDRESS PORT ETCD HOW [watch]

A faulty gateway of etcd (host:port). With "watch", only watches are faulty; etcd serves all other
requests. HOW:

silent     accepts the request, and sends no response
slow       sends the beginning of a valid response byte by byte, without end
half       closes its side of the connection within a valid response, and continues to read
headers    sends headers without end
grpc       speaks HTTP/2 only, as a port for gRPC does
notfound   has no such path, as etcd without its gateway
html       sends a web page
closed     closes the connection without a response
body       sends a response of blanks, which are valid in JSON, without end
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
        """Returns path and body of a request, or None if the client has closed the connection."""
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

    def forward(self, path, body):
        etcd = http.client.HTTPConnection(ETCD, timeout=10)
        etcd.request("POST", path, body, {"Content-Type": "application/json"})
        response = etcd.getresponse()
        text = response.read()
        head = f"HTTP/1.1 {response.status} x\r\nContent-Length: {len(text)}\r\n\r\n"
        self.request.sendall(head.encode() + text)

    def misbehave(self):
        send = self.request.sendall
        if HOW == "slow":
            drip(send)
        elif HOW == "half":
            send(GOOD + b"Content-Length: 1000\r\n\r\n{\"header\":")
            self.request.shutdown(socket.SHUT_WR)
        elif HOW == "headers":
            send(GOOD)
            forever(send, b"X-More: " + b"x" * 1000 + b"\r\n")
        elif HOW == "grpc":
            send(b"\0\0\6\4\0\0\0\0\0\0\5\0\0\x40\0")  # SETTINGS (RFC 9113, section 6.5)
            self.request.shutdown(socket.SHUT_WR)
        elif HOW == "notfound":
            send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n")
        elif HOW == "html":
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>")
        elif HOW == "closed":
            return
        elif HOW == "body":
            send(GOOD + CHUNKED)
            forever(send, b"%x\r\n" % BLOCK + b" " * BLOCK + b"\r\n")
        self.stream.read()  # until the client closes the connection

    def handle(self):
        self.stream = self.request.makefile("rb")
        try:
            while (request := self.read_request()):
                if WATCH_ONLY and request[0] != "/v3/watch":
                    self.forward(*request)
                else:
                    self.misbehave()
                    return
        except OSError:
            pass  # the client has closed the connection


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server((ADDRESS, PORT), Gateway).serve_forever()
