/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's filter of probes, over the loopback device. */
#include "daemon/probe/probe_socket.h"

#include "common/array.h"
#include "daemon/probe/probe_message.h"
#include "tests/unit/kernel.h"
#include "tests/unit/samples.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 8473
#define WAIT_MS 10000
#define SLEEP_US 20000
#define CLOCKS_US 20000 /* between the readings of two clocks */
#define TRIES 500

/* A packet to 127.0.1.1, which is in 127.0.1.0/24. */
struct sent {
	const char *from;
	uint16_t port;
	int hop_limit;
	size_t size;
	uint8_t first; /* byte of the message */
};

/* In a network namespace of its own. Returns the index of the device. */
static uint32_t set_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
	return if_nametoindex("lo");
}

static void send_packet(const struct sent *sent)
{
	uint8_t bytes[PROBE_SIZE_LARGE + 1] = { sent->first, 'p', 'r', 'b' };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(sent->port) },
			   to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, sent->from, &from.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET, "127.0.1.1", &to.sin_addr), 1);
	assert_int_equal(
		setsockopt(fd, IPPROTO_IP, IP_TTL, &sent->hop_limit, sizeof(sent->hop_limit)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(sendto(fd, bytes, sent->size, 0, (const struct sockaddr *)&to, sizeof(to)),
			 sent->size);
	close(fd);
}

static void assert_packet(const struct probe_packet *packet, const struct sent *sent)
{
	const struct ipaddr from = sample_addr(sent->from);

	assert_true(ipaddr_equal(&packet->from, &from));
	assert_int_equal(packet->size, sent->size);
	assert_int_equal(packet->hop_limit, 255);
	assert_int_equal(packet->port, PORT);
}

static void wait_for_packet(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
}

/* Asserts that the next packet is this one. */
static void receive(int fd, const struct sent *sent)
{
	struct probe_packet packets[PROBE_SOCKET_BATCH];

	wait_for_packet(fd);
	assert_int_equal(probe_socket_receive(fd, packets, 1), 1);
	assert_packet(&packets[0], sent);
}

static void only_messages_of_other_subnets_pass_the_filter(void **state)
{
	static const struct sent passing[] = {
		{ "127.0.2.1", PORT, 255, PROBE_SIZE_SMALL, 'w' },
		{ "127.9.9.1", PORT, 255, PROBE_SIZE_LARGE, 'w' },
		{ "127.0.0.9", PORT, 255, PROBE_SIZE_SMALL, 'w' },
	};
	static const struct sent dropped[] = {
		{ "127.0.1.254", PORT, 255, PROBE_SIZE_LARGE, 'w' },
		{ "127.0.1.7", PORT, 255, PROBE_SIZE_SMALL, 'w' },
		{ "127.0.2.1", PORT + 1, 255, PROBE_SIZE_SMALL, 'w' },
		{ "127.0.2.1", PORT, 254, PROBE_SIZE_SMALL, 'w' },
		{ "127.0.2.1", PORT, 255, PROBE_SIZE_SMALL + 1, 'w' },
		{ "127.0.2.1", PORT, 255, PROBE_SIZE_LARGE + 1, 'w' },
		{ "127.0.2.1", PORT, 255, 0, 'w' },
		{ "127.0.2.1", PORT, 255, PROBE_SIZE_SMALL, 'W' },
	};
	const struct prefix gateway = { sample_addr("127.0.1.1"), 24 };
	struct probe_filter filter = { set_up_loopback(), PORT, &gateway };
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_good(probe_socket_open(&filter, &fd, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		send_packet(&passing[i]);
		receive(fd, &passing[i]);
	}
	assert_int_equal(probe_socket_dropped(fd), 0);
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
		send_packet(&dropped[i]);
		send_packet(&passing[0]);
		receive(fd, &passing[0]);
		assert_int_equal(probe_socket_dropped(fd), i + 1);
	}
	/* Another device. */
	filter.device++;
	assert_good(probe_socket_set_filter(fd, &filter, &err), err);
	send_packet(&passing[0]);
	filter.device--;
	assert_good(probe_socket_set_filter(fd, &filter, &err), err);
	send_packet(&passing[1]);
	receive(fd, &passing[1]);
	assert_int_equal(probe_socket_dropped(fd), ARRAY_LEN(dropped) + 1);
	close(fd);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*
 * The kernel begins to record arrivals some time after the first socket has requested it, by a work
 * queue. Until then a packet has the time at which it is read.
 */
static void wait_for_arrival_times(int fd)
{
	const struct sent sent = { "127.0.2.1", PORT, 255, PROBE_SIZE_SMALL, 'w' };
	struct probe_packet packets[PROBE_SOCKET_BATCH];

	for (unsigned i = 0; i < TRIES; i++) {
		send_packet(&sent);
		wait_for_packet(fd);
		usleep(SLEEP_US);
		assert_int_equal(probe_socket_receive(fd, packets, 1), 1);
		if (packets[0].arrived_us + SLEEP_US / 2 < now_us())
			return;
	}
	fail_msg("the kernel records no arrivals");
}

/* However late a packet is read, its time is that of its arrival, and not that of the batch. */
static void packets_of_a_batch_have_their_own_times(void **state)
{
	static const char *const senders[] = { "127.0.2.1", "127.0.3.1", "127.0.4.1" };
	const struct prefix gateway = { sample_addr("127.0.1.1"), 24 };
	const struct probe_filter filter = { set_up_loopback(), PORT, &gateway };
	struct probe_packet packets[PROBE_SOCKET_BATCH];
	uint64_t before_us[ARRAY_LEN(senders)];
	struct sent sent = { .port = PORT, .hop_limit = 255, .first = 'w' };
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_good(probe_socket_open(&filter, &fd, &err), err);
	assert_int_equal(probe_socket_receive(fd, packets, PROBE_SOCKET_BATCH), 0);
	wait_for_arrival_times(fd);
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		sent.from = senders[i];
		sent.size = i == 1 ? PROBE_SIZE_LARGE : PROBE_SIZE_SMALL;
		before_us[i] = now_us();
		send_packet(&sent);
		usleep(SLEEP_US);
	}
	wait_for_packet(fd);
	assert_int_equal(probe_socket_receive(fd, packets, PROBE_SOCKET_BATCH), ARRAY_LEN(senders));
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		sent.from = senders[i];
		sent.size = i == 1 ? PROBE_SIZE_LARGE : PROBE_SIZE_SMALL;
		assert_packet(&packets[i], &sent);
		assert_memory_equal(packets[i].data, "wprb", 4);
		/* The two clocks are not read at exactly the same time. */
		assert_true(packets[i].arrived_us + CLOCKS_US >= before_us[i]);
		assert_true(i == 0 || packets[i].arrived_us > packets[i - 1].arrived_us);
	}
	close(fd);
}

static void a_batch_has_at_most_the_wanted_packets(void **state)
{
	const struct prefix gateway = { sample_addr("127.0.1.1"), 24 };
	const struct probe_filter filter = { set_up_loopback(), PORT, &gateway };
	const struct sent sent = { "127.0.2.1", PORT, 255, PROBE_SIZE_SMALL, 'w' };
	struct probe_packet packets[PROBE_SOCKET_BATCH];
	struct err err = ERR_INIT;
	size_t left = PROBE_SOCKET_BATCH + 5;
	int fd = -1;

	(void)state;
	assert_good(probe_socket_open(&filter, &fd, &err), err);
	for (size_t i = 0; i < left; i++)
		send_packet(&sent);
	wait_for_packet(fd);
	assert_int_equal(probe_socket_receive(fd, packets, 3), 3);
	left -= 3;
	assert_int_equal(probe_socket_receive(fd, packets, PROBE_SOCKET_BATCH), PROBE_SOCKET_BATCH);
	left -= PROBE_SOCKET_BATCH;
	assert_int_equal(probe_socket_receive(fd, packets, PROBE_SOCKET_BATCH), left);
	assert_int_equal(probe_socket_receive(fd, packets, PROBE_SOCKET_BATCH), 0);
	close(fd);
}

static void send_from(const char *text, const struct ipaddr *to)
{
	const uint8_t bytes[PROBE_SIZE_SMALL] = { 'w', 'p', 'r', 'b' };
	const int limit = 255;
	struct sockaddr_in6 from = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET6, text, &from.sin6_addr), 1);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &limit, sizeof(limit)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(probe_socket_send(fd, to, PORT, bytes, sizeof(bytes)), 0);
	close(fd);
}

/* With every length of the subnet. */
static void containers_of_the_own_subnet_do_not_pass_the_filter(void **state)
{
	static const char *const senders[] = { "fd00:18:0:7::2", "fd00:18:0:7:1::1",
					       "fd00:18:0:6::1", "fd00:19:0:7::1",
					       "fc00:18:0:7::1", "fd00:18:0:7:0:1:0:1" };
	const uint32_t device = set_up_loopback();
	struct err err = ERR_INIT;

	(void)state;
	kernel_says("ip addr add fd00:18:0:7::1/128 dev lo nodad");
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		char command[80];

		snprintf(command, sizeof(command), "ip addr add %s/128 dev lo nodad", senders[i]);
		kernel_says(command);
	}
	for (uint8_t len = 0; len <= 128; len++) {
		const struct prefix own = { sample_addr("fd00:18:0:7::1"), len };
		const struct prefix subnet = prefix_masked(&own);
		const struct probe_filter filter = { device, PORT, &own };
		uint32_t dropped = 0;
		int fd = -1;

		assert_good(probe_socket_open(&filter, &fd, &err), err);
		for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
			const struct sent sent = { senders[i], PORT, 255, PROBE_SIZE_SMALL, 'w' };
			const struct ipaddr from = sample_addr(senders[i]);

			send_from(senders[i], &own.addr);
			if (len && prefix_has(&subnet, &from))
				dropped++;
			else
				receive(fd, &sent);
			assert_int_equal(probe_socket_dropped(fd), dropped);
		}
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_messages_of_other_subnets_pass_the_filter),
		cmocka_unit_test(packets_of_a_batch_have_their_own_times),
		cmocka_unit_test(a_batch_has_at_most_the_wanted_packets),
		cmocka_unit_test(containers_of_the_own_subnet_do_not_pass_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
