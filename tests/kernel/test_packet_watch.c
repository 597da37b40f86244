/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with and without the mark, over the loopback device, and the removal of the tables. */
#include "daemon/firewall/packet_watch.h"

#include "tests/unit/kernel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define INNER_AT 50 /* of the mark, in the data of a tunnel packet: VXLAN, Ethernet, IPv4, ICMP */

static const struct packet_watch_request to_host = { .family = FAMILY_V4,
						     .mark = "weftprobe1234567" };

/* A UDP packet whose data has text at the offset. */
static void send_text(const char *text, size_t offset)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t data[128] = { 0 };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	memcpy(data + offset, text, strlen(text));
	assert_int_equal(sendto(fd, data, sizeof(data), 0, (const struct sockaddr *)&to,
				sizeof(to)),
			 sizeof(data));
	close(fd);
}

static void assert_counts(const struct packet_watch *watch, uint64_t underlay, uint64_t delivered)
{
	uint64_t count[PACKET_PLACES];
	struct err err = ERR_INIT;

	assert_done(packet_watch_read(watch, count, &err), err);
	assert_int_equal(count[PACKET_UNDERLAY], underlay);
	assert_int_equal(count[PACKET_DELIVERED], delivered);
	assert_int_equal(count[PACKET_TUNNEL], 0);
	assert_int_equal(count[PACKET_FORWARDED], 0);
}

static void marked_packets_are_counted(void **state)
{
	struct packet_watch *watch = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_done(packet_watch_open(&to_host, &watch, &err), err);
	assert_counts(watch, 0, 0);
	send_text("weftprobe1234567", INNER_AT);
	assert_counts(watch, 1, 0);
	send_text("weftprobe1234567", 0);
	send_text("weftprobe1234567", 0);
	assert_counts(watch, 1, 2);
	send_text("weftprobe1234568", 0);
	send_text("weftprobe1234568", INNER_AT);
	send_text("weftprobe1234567", 1);
	assert_counts(watch, 1, 2);
	packet_watch_close(watch);
	assert_string_equal(kernel_says("nft list ruleset"), "");
}

static void a_watch_of_a_container_and_ipv6_has_all_rules(void **state)
{
	struct packet_watch_request request = { .family = FAMILY_V6,
						.mark = "weftprobe1234567",
						.port = "weft0123456789a" };
	struct packet_watch *watch = NULL, *second = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_done(packet_watch_open(&request, &watch, &err), err);
	assert_true(
		kernel_shows("nft list table bridge weft-watch", "oifname \"weft0123456789a\""));
	assert_true(kernel_shows("nft list table inet weft-watch", "@nh,384,128"));
	assert_counts(watch, 0, 0);
	/* There is one at a time; the first one stays. */
	assert_int_equal(packet_watch_open(&to_host, &second, &err), -1);
	err = ERR_INIT;
	assert_counts(watch, 0, 0);
	/* Another program cannot change the tables. */
	assert_int_not_equal(system("nft flush table inet weft-watch 2>/dev/null"), 0);
	packet_watch_close(watch);
	assert_string_equal(kernel_says("nft list ruleset"), "");
}

static void the_kernel_removes_the_tables_of_a_killed_process(void **state)
{
	struct packet_watch *watch = NULL;
	struct err err = ERR_INIT;
	int ready[2], status;
	char byte = 0;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (packet_watch_open(&to_host, &watch, &err) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(kernel_shows("nft list tables", "weft-watch"));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_string_equal(kernel_says("nft list ruleset"), "");
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(marked_packets_are_counted),
		kernel_test(a_watch_of_a_container_and_ipv6_has_all_rules),
		kernel_test(the_kernel_removes_the_tables_of_a_killed_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
