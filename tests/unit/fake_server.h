/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP server in a child process, for tests of HTTP clients: it reads requests and passes each to
 * a function of the test, which can respond incorrectly as needed. A test with "fake: server" is
 * linked with it. Any error here fails the test.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Gives the process a network namespace of its own with only lo, which is up. */
void fake_server_isolate(void);

#define FAKE_SERVER_BODY_SIZE 4096

/* The memory shared by child and parent. */
struct fake_server_shared {
	atomic_uint connections;
	atomic_uint requests;
	atomic_uint counts[4];            /* used by the test */
	char kept[FAKE_SERVER_BODY_SIZE]; /* used by the test */
};

struct fake_server_request {
	int fd;
	const char *path;
	const char *head; /* the header lines */
	const char *body;
	struct fake_server_shared *shared;
};

/* Responds to a request, in the connection's thread. Returning false closes the connection. */
typedef bool fake_server_fn(const struct fake_server_request *request);

struct fake_server {
	pid_t pid;
	uint16_t port;
	struct fake_server_shared *shared;
};

struct fake_server fake_server_start(fake_server_fn *fn);
/* Kills the server and closes all connections. */
void fake_server_stop(struct fake_server *server);

/* For the server's function. A failed send is caused by the client and is not an error. */
void fake_server_send(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fake_server_answer(int fd, unsigned status, const char *body);
/* A stream: its head, then any number of chunks; an empty chunk ends it. */
void fake_server_stream(int fd);
void fake_server_chunk(int fd, const char *data, size_t size);
/* Blocks until the client closes the connection. */
void fake_server_wait(int fd);
