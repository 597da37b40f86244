/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP server in a child process, for tests of HTTP clients: it reads requests and
 * hands each to a function of the test, which answers as badly as it likes. A test
 * that says "fake: server" is linked with it. Any fault fails the test.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Gives the process a network namespace of its own, with nothing but lo, up. */
void fake_server_isolate(void);

#define FAKE_SERVER_BODY_SIZE 4096

/* What child and parent share. */
struct fake_server_shared {
	atomic_uint connections;
	atomic_uint requests;
	atomic_uint counts[4];            /* the test's own */
	char kept[FAKE_SERVER_BODY_SIZE]; /* the test's own */
};

struct fake_server_request {
	int fd;
	const char *path;
	const char *head; /* the header lines */
	const char *body;
	struct fake_server_shared *shared;
};

/* Answers a request, in a thread of its connection. False closes the connection. */
typedef bool fake_server_fn(const struct fake_server_request *request);

struct fake_server {
	pid_t pid;
	uint16_t port;
	struct fake_server_shared *shared;
};

struct fake_server fake_server_start(fake_server_fn *fn);
/* Kills it; no connection is left. */
void fake_server_stop(struct fake_server *server);

/* Of the answering side. Text that cannot be sent is the client's doing, and no fault. */
void fake_server_send(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fake_server_answer(int fd, unsigned status, const char *body);
/* A stream: its head, then as many chunks as wanted, an empty one at the end. */
void fake_server_stream(int fd);
void fake_server_chunk(int fd, const char *data, size_t size);
/* Until the client closes, or for ever. */
void fake_server_wait(int fd);
