/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_server.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(99);
}

void fake_server_isolate(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	must(unshare(CLONE_NEWNET) == 0, "unshare");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0, "lo");
	close(fd);
}

/* ---- Sending ------------------------------------------------------------- */

static void send_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		data += sent;
		size -= (size_t)sent;
	}
}

void fake_server_send(int fd, const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	must(size >= 0, "vasprintf");
	send_all(fd, text, (size_t)size);
	free(text);
}

void fake_server_answer(int fd, unsigned status, const char *body)
{
	fake_server_send(fd, "HTTP/1.1 %u Something\r\nContent-Length: %zu\r\n\r\n%s", status,
			 strlen(body), body);
}

void fake_server_stream(int fd)
{
	fake_server_send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

void fake_server_chunk(int fd, const char *data, size_t size)
{
	fake_server_send(fd, "%zx\r\n", size);
	send_all(fd, data, size);
	send_all(fd, "\r\n", 2);
}

void fake_server_wait(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

/* ---- Receiving ----------------------------------------------------------- */

struct connection {
	int fd;
	fake_server_fn *fn;
	struct fake_server_shared *shared;
};

/* Head and body, each terminated by NUL. False: the client has closed the connection. */
static bool read_request(int fd, char *buf, size_t buf_size, char **body_out)
{
	size_t size = 0, wanted;
	char *end, *length;

	do {
		ssize_t got = recv(fd, buf + size, buf_size - 1 - size, 0);

		if (got <= 0)
			return false;
		size += (size_t)got;
		buf[size] = '\0';
		end = strstr(buf, "\r\n\r\n");
	} while (!end);
	length = strcasestr(buf, "Content-Length:");
	must(length || !strncmp(buf, "GET ", 4), "a request without a length");
	*body_out = end + 4;
	wanted = (size_t)(*body_out - buf) + (length ? strtoul(length + 15, NULL, 10) : 0);
	must(wanted < buf_size, "a large request");
	while (size < wanted) {
		ssize_t got = recv(fd, buf + size, wanted - size, 0);

		if (got <= 0)
			return false;
		size += (size_t)got;
	}
	buf[size] = '\0';
	end[2] = '\0';
	return true;
}

static void *serve(void *arg)
{
	struct connection *connection = arg;
	char buf[FAKE_SERVER_BODY_SIZE * 2], path[64];
	struct fake_server_request request = {
		.fd = connection->fd, .path = path, .head = buf, .shared = connection->shared
	};
	char *body;

	while (read_request(connection->fd, buf, sizeof(buf), &body)) {
		must(sscanf(buf, "%*[A-Z] %63s", path) == 1, "a request without a method");
		atomic_fetch_add(&connection->shared->requests, 1);
		request.body = body;
		if (!connection->fn(&request))
			break;
	}
	close(connection->fd);
	free(connection);
	return NULL;
}

static void accept_all(int listener, fake_server_fn *fn, struct fake_server_shared *shared)
{
	for (;;) {
		struct connection *connection = calloc(1, sizeof(*connection));
		pthread_t thread;

		must(connection, "calloc");
		connection->fd = accept(listener, NULL, NULL);
		must(connection->fd >= 0, "accept");
		connection->fn = fn;
		connection->shared = shared;
		atomic_fetch_add(&shared->connections, 1);
		must(pthread_create(&thread, NULL, serve, connection) == 0, "pthread_create");
		pthread_detach(thread);
	}
}

struct fake_server fake_server_start(fake_server_fn *fn)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct fake_server server = { .pid = -1 };
	socklen_t size = sizeof(at);

	server.shared = mmap(NULL, sizeof(*server.shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(server.shared != MAP_FAILED, "mmap");
	must(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 16) == 0 &&
		     getsockname(listener, (struct sockaddr *)&at, &size) == 0,
	     "a listener");
	server.port = ntohs(at.sin_port);
	server.pid = fork();
	must(server.pid >= 0, "fork");
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		accept_all(listener, fn, server.shared);
	}
	close(listener);
	return server;
}

void fake_server_stop(struct fake_server *server)
{
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	munmap(server->shared, sizeof(*server->shared));
	server->pid = -1;
}
