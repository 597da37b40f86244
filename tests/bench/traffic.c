/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic serve: answers all of the following on port 7000, until it is ended.
 *
 * traffic stream ADDRESS MILLISECONDS CONNECTIONS: TCP in one direction
 * traffic request ADDRESS MILLISECONDS CONNECTIONS: one byte, and one byte back, again and again
 * traffic connect ADDRESS MILLISECONDS: a connection for each byte, which the server closes
 * traffic datagram ADDRESS MILLISECONDS SIZE: UDP in one direction, SIZE bytes of data each
 *
 * Prints what arrived per second (bits, bytes back, connections, datagrams), and the processor time
 * of both programs for one of them in nanoseconds. The path of a packet through all namespaces is
 * part of the sender's time, except what ksoftirqd does, so unlike the first figure this one hardly
 * depends on other programs. For tests/bench/datapath.bash.
 *
 * The first byte of a TCP connection is its purpose: 's' data, of which the number of bytes is sent
 * back at its end; 'r' requests; 'c' one byte back and the end; 'u' struct
 * answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 7000
#define CONNECTIONS_MAX 64
#define FD_LIMIT 1024
#define BLOCK (128 * 1024)
#define BURST 64
#define DATAGRAM_MAX 9000
#define QUEUE_BYTES (32 * 1024 * 1024) /* of the receiver of datagrams, so that none is lost */

static char block[BLOCK];

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* The processor time of this process, with that of the packets that it sent and received. */
static double spent(void)
{
	struct timespec at;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void set_int(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		die("setsockopt");
}

static void write_all(int fd, const void *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t sent = write(fd, (const char *)data + at, size - at);

		if (sent < 0)
			die("write");
		at += (size_t)sent;
	}
}

static void read_all(int fd, void *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t got = read(fd, (char *)data + at, size - at);

		if (got <= 0)
			die("read");
		at += (size_t)got;
	}
}

/* ---- The server -------------------------------------------------------------------------- */

struct peer {
	char purpose; /* 0: not known yet */
	uint64_t bytes;
};

struct answer {
	uint64_t datagrams; /* until now */
	double spent;
};

static struct peer peers[FD_LIMIT]; /* by descriptor */
static uint64_t datagrams;

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static int bound(int type)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		die("bind");
	return fd;
}

/*
 * Returns false if there are none. One of a single byte is sent back: the connection is then
 * established.
 */
static bool receive_datagrams(int fd)
{
	static char data[BURST][DATAGRAM_MAX];
	struct sockaddr_in from[BURST];
	struct iovec vecs[BURST];
	struct mmsghdr messages[BURST] = { 0 };
	int got;

	for (size_t i = 0; i < BURST; i++) {
		vecs[i] = (struct iovec){ data[i], sizeof(data[i]) };
		messages[i].msg_hdr.msg_iov = &vecs[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &from[i];
		messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	got = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL);
	if (got <= 0)
		return false;
	for (int i = 0; i < got; i++)
		if (messages[i].msg_len == 1)
			(void)sendto(fd, data[i], 1, 0, (const struct sockaddr *)&from[i],
				     sizeof(from[i]));
	datagrams += (uint64_t)got;
	return true;
}

/* Returns false at the connection's end. */
static bool serve(int fd, struct peer *peer, int udp)
{
	ssize_t got = read(fd, block, peer->purpose == 's' ? sizeof(block) : 1);

	if (got <= 0) {
		if (peer->purpose == 's')
			write_all(fd, &peer->bytes, sizeof(peer->bytes));
		return false;
	}
	if (!peer->purpose) {
		peer->purpose = block[0];
		if (peer->purpose == 'u') {
			struct answer answer;

			while (receive_datagrams(udp))
				;
			answer = (struct answer){ datagrams, spent() };
			write_all(fd, &answer, sizeof(answer));
		} else if (peer->purpose == 'c') {
			write_all(fd, block, 1);
		}
		return peer->purpose == 's' || peer->purpose == 'r';
	}
	if (peer->purpose == 'r')
		write_all(fd, block, 1);
	peer->bytes += (uint64_t)got;
	return true;
}

static void serve_all(void)
{
	int tcp = bound(SOCK_STREAM), udp = bound(SOCK_DGRAM), epoll = epoll_create1(EPOLL_CLOEXEC);

	set_int(udp, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
	if (epoll < 0 || listen(tcp, SOMAXCONN))
		die("listen");
	watch(epoll, tcp);
	watch(epoll, udp);
	for (;;) {
		struct epoll_event events[BURST];
		int len = epoll_wait(epoll, events, BURST, -1);

		for (int i = 0; i < len; i++) {
			int fd = events[i].data.fd;

			if (fd == udp) {
				(void)receive_datagrams(fd);
			} else if (fd == tcp) {
				int new = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);

				if (new < 0 || new >= FD_LIMIT)
					die("accept");
				set_int(new, IPPROTO_TCP, TCP_NODELAY, 1);
				peers[new] = (struct peer){ 0 };
				watch(epoll, new);
			} else if (!serve(fd, &peers[fd], udp)) {
				close(fd);
			}
		}
	}
}

/* ---- The client -------------------------------------------------------------------------- */

static struct sockaddr_in server = { .sin_family = AF_INET };

static int connected(char purpose)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&server, sizeof(server)))
		die("connect");
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	write_all(fd, &purpose, 1);
	return fd;
}

/* Waits until one of the connections is ready. */
static size_t ready(int epoll, struct epoll_event *events)
{
	int len = epoll_wait(epoll, events, CONNECTIONS_MAX, -1);

	if (len < 0)
		die("epoll_wait");
	return (size_t)len;
}

static int watch_all(const int *fds, size_t len, uint32_t what)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (size_t i = 0; i < len; i++) {
		struct epoll_event event = { .events = what, .data.fd = fds[i] };

		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event))
			die("epoll");
	}
	return epoll;
}

/* All of them return what arrived. */
static double stream(double end, size_t len)
{
	int fds[CONNECTIONS_MAX], epoll;
	uint64_t bytes, sum = 0;

	for (size_t i = 0; i < len; i++)
		fds[i] = connected('s');
	epoll = watch_all(fds, len, EPOLLOUT);
	while (now() < end) {
		struct epoll_event events[CONNECTIONS_MAX];
		size_t n = ready(epoll, events);

		for (size_t i = 0; i < n; i++)
			if (send(events[i].data.fd, block, sizeof(block), MSG_DONTWAIT) < 0 &&
			    errno != EAGAIN)
				die("send");
	}
	for (size_t i = 0; i < len; i++)
		shutdown(fds[i], SHUT_WR);
	for (size_t i = 0; i < len; i++) {
		read_all(fds[i], &bytes, sizeof(bytes));
		sum += bytes;
	}
	return (double)sum * 8;
}

static double request(double end, size_t len)
{
	int fds[CONNECTIONS_MAX], epoll;
	double count = 0;
	char byte = 0;

	for (size_t i = 0; i < len; i++) {
		fds[i] = connected('r');
		write_all(fds[i], &byte, 1);
	}
	epoll = watch_all(fds, len, EPOLLIN);
	while (now() < end || !(count > 0)) {
		struct epoll_event events[CONNECTIONS_MAX];
		size_t n = ready(epoll, events);

		for (size_t i = 0; i < n; i++) {
			read_all(events[i].data.fd, &byte, 1);
			write_all(events[i].data.fd, &byte, 1);
		}
		count += (double)n;
	}
	return count;
}

static double connect_each(double end)
{
	double count = 0;

	while (now() < end || !(count > 0)) {
		char byte;
		int fd = connected('c');

		read_all(fd, &byte, 1);
		if (read(fd, &byte, 1))
			die("the connection was not closed");
		close(fd);
		count++;
	}
	return count;
}

static struct answer ask(void)
{
	int fd = connected('u');
	struct answer answer;

	read_all(fd, &answer, sizeof(answer));
	close(fd);
	return answer;
}

/* Twice, for the flow of either direction; one may be lost. */
static void establish(int fd)
{
	const struct timeval patience = { .tv_sec = 1 };
	char byte = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("setsockopt");
	for (int answers = 0, tries = 0; answers < 2; tries++) {
		if (tries == 10 || (send(fd, &byte, 1, 0) < 0 && errno != ECONNREFUSED))
			die("no datagram came back");
		answers += recv(fd, &byte, 1, 0) == 1;
	}
}

static double datagram(double end, size_t size)
{
	struct iovec vec = { block, size };
	struct mmsghdr messages[BURST] = { 0 };
	struct answer before;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&server, sizeof(server)))
		die("connect");
	for (size_t i = 0; i < BURST; i++) {
		messages[i].msg_hdr.msg_iov = &vec;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	establish(fd);
	before = ask();
	do
		if (sendmmsg(fd, messages, BURST, 0) < 0 && errno != ENOBUFS)
			die("sendmmsg");
	while (now() < end);
	return (double)(ask().datagrams - before.datagrams);
}

static size_t number(const char *text, size_t max)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (*rest || !value || value > max) {
		fprintf(stderr, "traffic: '%s' is not a number from 1 to %zu\n", text, max);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	double begin, end, count, before;

	if (argc == 2 && !strcmp(what, "serve"))
		serve_all();
	if (argc < 4 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
		fprintf(stderr,
			"usage: traffic serve | traffic WHAT ADDRESS MILLISECONDS [NUMBER]\n");
		return 2;
	}
	server.sin_port = htons(PORT);
	before = ask().spent + spent();
	begin = now();
	end = begin + (double)number(argv[3], 1000000) / 1000;
	if (!strcmp(what, "stream") && argc == 5)
		count = stream(end, number(argv[4], CONNECTIONS_MAX));
	else if (!strcmp(what, "request") && argc == 5)
		count = request(end, number(argv[4], CONNECTIONS_MAX));
	else if (!strcmp(what, "connect") && argc == 4)
		count = connect_each(end);
	else if (!strcmp(what, "datagram") && argc == 5)
		count = datagram(end, number(argv[4], DATAGRAM_MAX));
	else
		return 2;
	end = now();
	printf("%.1f %.4g\n", count / (end - begin),
	       (ask().spent + spent() - before) / count * 1e9);
	return 0;
}
