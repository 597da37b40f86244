/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_probe.h"

#include "ctl/doctor_facts.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define TEXT_MAX 4096
#define SMALL 84
#define ROUNDS 3
#define ROUND_MS 400
#define PACKET_MAX 65536
#define BUFFER (4 << 20) /* of the answers that arrive at once */
/* RFC 792, RFC 4443. */
#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define ECHO_REQUEST_V6 128
#define ECHO_REPLY_V6 129

/* An ICMP echo request or reply; the identifier is that of this run. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, size;
};

/* ---- Which ------------------------------------------------------------------------------- */

/* Subtracted from the MTU: headers of tunnels and VLANs that a path may have in addition. */
static void set_sizes(struct doctor_probe *probe, uint32_t mtu)
{
	static const uint16_t less[] = { 0, 4, 8, 20, 28, 50, 70, 100, 200 };
	const uint32_t least = probe->to.family == AF_INET6 ? 1280 : 576;
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(less); i++)
		if (mtu <= UINT16_MAX && mtu >= least + less[i])
			probe->size[len++] = (uint16_t)(mtu - less[i]);
	probe->size[len] = SMALL;
}

static int add_peer(const struct doctor_network *network, const struct jr *peer,
		    struct doctor_probes *probes, struct err *err)
{
	static const char *const keys[] = { "subnet", "subnet6" };
	/*
	 * weft's bridge has the first address of the subnet, flannel's vxlan device has its address
	 * 0.
	 */
	const bool flannel = !*jr_str_opt(peer, "node_id", TEXT_MAX, "");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct prefix subnet = jr_prefix_opt(peer, keys[i]);
		struct doctor_probe probe = { .node = "" };

		if (!prefix_is_set(&subnet))
			continue;
		snprintf(probe.network, sizeof(probe.network), "%s", network->state.name);
		snprintf(probe.node, sizeof(probe.node), "%.63s",
			 jr_str_opt(peer, "node_name", TEXT_MAX, ""));
		probe.to = ipaddr_add(&subnet.addr, flannel ? 0 : 1);
		set_sizes(&probe, network->bridge.mtu);
		if (!doctor_probes_push(probes, &probe))
			return err_nomem(err, "the probes");
	}
	return 0;
}

int doctor_probes_make(const struct jr *peers, const struct doctor_facts *facts,
		       struct doctor_probes *probes_out, struct err *err)
{
	for (size_t n = 0; n < facts->networks.len; n++) {
		const struct doctor_network *network = &facts->networks.at[n];
		size_t count = 0;
		struct jr at;

		if (network->state.l2 || !network->bridge.exists)
			continue;
		for (size_t i = 0; count < DOCTOR_PROBES_MAX && jr_each(peers, &i, &at);) {
			if (strcmp(jr_str_opt(&at, "network", TEXT_MAX, ""), network->state.name) !=
				    0 ||
			    strcmp(jr_str_opt(&at, "state", TEXT_MAX, ""), "installed") != 0)
				continue;
			count++;
			if (add_peer(network, &at, probes_out, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- Packets ----------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int open_socket(uint8_t family, int *fd_out, struct err *err)
{
	const bool v6 = family == AF_INET6;
	const int discover = IP_PMTUDISC_PROBE; /* the same number as IPV6_PMTUDISC_PROBE */
	const int size = BUFFER;

	*fd_out = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			 v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (*fd_out < 0)
		return err_sys(err, ERR_IO, errno, "cannot open a socket for probes");
	/* "Do not fragment", whatever path MTU the kernel has learned. */
	if (setsockopt(*fd_out, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		       v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &discover, sizeof(discover)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot forbid the fragmentation of probes");
	(void)setsockopt(*fd_out, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return 0;
}

/* The sum of the header, as the data are zero (RFC 1071). ICMPv6 is summed by the kernel. */
static uint16_t checksum(const struct echo *echo)
{
	uint32_t sum = (uint32_t)(echo->type << 8 | echo->code) + ntohs(echo->id) +
		       ntohs(echo->size);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* A packet that cannot be sent is not answered. */
static void send_probe(int fd, uint16_t id, const struct ipaddr *to, uint16_t size)
{
	static uint8_t packet[PACKET_MAX];
	const bool v6 = to->family == AF_INET6;
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct echo echo = { .type = v6 ? ECHO_REQUEST_V6 : ECHO_REQUEST,
			     .id = id,
			     .size = htons(size) };
	const size_t len = size - (v6 ? 40U : 20U);
	size_t wire_size;
	const void *wire = ipaddr_wire(to, &wire_size);

	if (!v6)
		echo.checksum = checksum(&echo);
	memcpy(packet, &echo, sizeof(echo));
	if (v6) {
		memcpy(&to6.sin6_addr, wire, sizeof(to6.sin6_addr));
		(void)sendto(fd, packet, len, 0, (const struct sockaddr *)&to6, sizeof(to6));
	} else {
		memcpy(&to4.sin_addr, wire, sizeof(to4.sin_addr));
		(void)sendto(fd, packet, len, 0, (const struct sockaddr *)&to4, sizeof(to4));
	}
}

static void send_unanswered(struct doctor_probes *probes, const int fd[FAMILIES], uint16_t id)
{
	for (size_t i = 0; i < probes->len; i++) {
		struct doctor_probe *probe = &probes->at[i];

		for (size_t k = 0; k < DOCTOR_PROBE_SIZES; k++)
			if (probe->size[k] && !probe->answered[k])
				send_probe(fd[ipaddr_family(&probe->to)], id, &probe->to,
					   probe->size[k]);
	}
}

static void set_answered(struct doctor_probes *probes, const struct ipaddr *from, uint16_t size)
{
	for (size_t i = 0; i < probes->len; i++)
		for (size_t k = 0; k < DOCTOR_PROBE_SIZES; k++)
			if (probes->at[i].size[k] == size && ipaddr_equal(&probes->at[i].to, from))
				probes->at[i].answered[k] = true;
}

static void read_answers(struct doctor_probes *probes, int fd, uint8_t family, uint16_t id)
{
	static uint8_t packet[PACKET_MAX];
	const bool v6 = family == AF_INET6;
	const size_t start = v6 ? 0 : 20; /* the request has no IP options, nor has the reply */
	struct sockaddr_in6 from = { .sin6_family = AF_UNSPEC }; /* has room for sockaddr_in */
	socklen_t from_size = sizeof(from);
	struct sockaddr_in from4;
	struct echo echo;
	ssize_t got;

	while ((got = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from,
			       &from_size)) >= 0) {
		struct ipaddr address;
		struct err ignored;

		from_size = sizeof(from);
		memcpy(&from4, &from, sizeof(from4));
		if ((size_t)got < start + sizeof(echo) ||
		    ipaddr_from_wire(v6 ? (void *)&from.sin6_addr : (void *)&from4.sin_addr,
				     v6 ? 16 : 4, &address, &ignored) < 0)
			continue;
		memcpy(&echo, packet + start, sizeof(echo));
		if (echo.type == (v6 ? ECHO_REPLY_V6 : ECHO_REPLY) && echo.id == id &&
		    (size_t)got + (v6 ? 40 : 0) == ntohs(echo.size))
			set_answered(probes, &address, ntohs(echo.size));
	}
}

static bool all_answered(const struct doctor_probes *probes)
{
	for (size_t i = 0; i < probes->len; i++)
		for (size_t k = 0; k < DOCTOR_PROBE_SIZES; k++)
			if (probes->at[i].size[k] && !probes->at[i].answered[k])
				return false;
	return true;
}

static void wait_for_answers(struct doctor_probes *probes, const int fd[FAMILIES], uint16_t id)
{
	const uint64_t deadline_ms = now_ms() + ROUND_MS;

	for (uint64_t now; !all_answered(probes) && (now = now_ms()) < deadline_ms;) {
		/* A negative descriptor is ignored. */
		struct pollfd fds[] = { { .fd = fd[FAMILY_V4], .events = POLLIN },
					{ .fd = fd[FAMILY_V6], .events = POLLIN } };

		if (poll(fds, ARRAY_LEN(fds), (int)(deadline_ms - now)) < 0 && errno != EINTR)
			return;
		if (fd[FAMILY_V4] >= 0)
			read_answers(probes, fd[FAMILY_V4], AF_INET, id);
		if (fd[FAMILY_V6] >= 0)
			read_answers(probes, fd[FAMILY_V6], AF_INET6, id);
	}
}

int doctor_probes_run(struct doctor_probes *probes, struct err *err)
{
	AUTO(close) int v4 = -1;
	AUTO(close) int v6 = -1;
	uint16_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return err_sys(err, ERR_IO, errno, "cannot get random bytes");
	for (size_t i = 0; i < probes->len; i++) {
		const uint8_t family = probes->at[i].to.family;
		int *fd = family == AF_INET6 ? &v6 : &v4;

		if (*fd < 0 && open_socket(family, fd, err) < 0)
			return -1;
	}
	for (int i = 0; i < ROUNDS && !all_answered(probes); i++) {
		const int fd[FAMILIES] = { [FAMILY_V4] = v4, [FAMILY_V6] = v6 };

		send_unanswered(probes, fd, id);
		wait_for_answers(probes, fd, id);
	}
	return 0;
}
