/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trace_probe.h"

#include "ctl/trace.h"
#include "ctl/trace_remote.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/netlink/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK_SIZE 16
#define SMALL 64
#define FRAME_MAX 65536
#define WAIT_MS 1000
#define TRIES 2        /* the first packet may wait for a neighbour */
#define UDP_PORT 33434 /* of traceroute: usually closed */
#define WATCHES 4
#define ICMP_HEADER 8
#define ECHO_REQUEST 8      /* RFC 792 */
#define ECHO_REPLY 0        /* RFC 792 */
#define ECHO_REQUEST_V6 128 /* RFC 4443 */
#define ECHO_REPLY_V6 129   /* RFC 4443 */

/* A device of this host on which the packet may pass. */
struct watch {
	char device[IF_NAMESIZE];
	int fd;
	bool enters; /* the packet is received there, and its answer is sent */
	bool sent, answer;
};

struct probe {
	const struct trace_facts *facts;
	struct watch watches[WATCHES];
	size_t len;
	bool udp;
	uint32_t size;   /* of the IP packet */
	uint64_t number; /* of the mark */
	uint8_t mark[MARK_SIZE];
	int fd;
	bool answered;
	int sys_errno; /* of sending, or an ICMP error */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Watching ---------------------------------------------------------------------------- */

static int add_watch(struct probe *probe, const char *device, uint32_t index, bool enters,
		     struct err *err)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index,
	};
	struct watch *watch = &probe->watches[probe->len];

	if (!index || probe->len == WATCHES)
		return 0;
	watch->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (watch->fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open a packet socket");
	probe->len++;
	watch->enters = enters;
	snprintf(watch->device, sizeof(watch->device), "%s", device);
	if (bind(watch->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(err, ERR_IO, errno, "watch device %s", device);
	return 0;
}

static int open_watches(struct probe *probe, struct err *err)
{
	const struct trace_facts *facts = probe->facts;
	const struct trace_device *const devices[] = { &facts->port, &facts->vxlan, &facts->uplink,
						       &facts->local_port };

	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		if (devices[i]->found && add_watch(probe, devices[i]->link.name,
						   devices[i]->link.index, i == 0, err) < 0)
			return -1;
	return 0;
}

static void close_watches(struct probe *probe)
{
	for (size_t i = 0; i < probe->len; i++)
		close(probe->watches[i].fd);
}
AUTO_DEFINE_VALUE(watches, struct probe, close_watches);

/* Notes each frame with the mark. An own packet that the device sends is PACKET_OUTGOING. */
static void read_watch(const struct probe *probe, struct watch *watch)
{
	static char frame[FRAME_MAX];
	struct sockaddr_ll from = { .sll_pkttype = 0 };
	socklen_t size = sizeof(from);
	ssize_t got;

	while ((got = recvfrom(watch->fd, frame, sizeof(frame), 0, (struct sockaddr *)&from,
			       &size)) >= 0) {
		const bool leaves = from.sll_pkttype == PACKET_OUTGOING;

		size = sizeof(from);
		if (!memmem(frame, (size_t)got, probe->mark, MARK_SIZE))
			continue;
		if (leaves == watch->enters)
			watch->answer = true;
		else
			watch->sent = true;
	}
}

/* ---- Sending ----------------------------------------------------------------------------- */

static int connect_to(int fd, const struct ipaddr *to)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(UDP_PORT) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(UDP_PORT) };
	size_t size;
	const void *wire = ipaddr_wire(to, &size);

	if (to->family == AF_INET6) {
		memcpy(&v6.sin6_addr, wire, sizeof(v6.sin6_addr));
		return connect(fd, (const struct sockaddr *)&v6, sizeof(v6));
	}
	memcpy(&v4.sin_addr, wire, sizeof(v4.sin_addr));
	return connect(fd, (const struct sockaddr *)&v4, sizeof(v4));
}

/* In the sender's namespace. The socket stays in it. */
static int open_socket(void *ctx, struct err *err)
{
	struct probe *probe = ctx;
	const struct ipaddr *to = &probe->facts->to;
	const bool v6 = to->family == AF_INET6;
	const int discover = IP_PMTUDISC_PROBE; /* the same number as IPV6_PMTUDISC_PROBE */

	probe->fd = probe->udp ? socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0) :
				 socket(to->family, SOCK_RAW | SOCK_CLOEXEC,
					v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (probe->fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open a socket for probes");
	/* "Do not fragment", whatever path MTU the kernel has learned. */
	if (setsockopt(probe->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		       v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &discover, sizeof(discover)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot forbid the fragmentation of probes");
	if (connect_to(probe->fd, to) < 0)
		probe->sys_errno = errno;
	return 0;
}

static int open_sender(struct probe *probe, struct err *err)
{
	AUTO(close) int home = -1;
	AUTO(close) int fd = -1;

	if (!probe->facts->from)
		return open_socket(probe, err);
	if (netns_open(probe->facts->netns, &fd, err) <= 0 || netns_open_self(&home, err) < 0)
		return -1;
	return netns_run(fd, home, open_socket, probe, err);
}

/* RFC 1071. */
static uint16_t checksum(const uint8_t *at, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)at[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_packet(struct probe *probe)
{
	static uint8_t data[FRAME_MAX];
	const bool v6 = probe->facts->to.family == AF_INET6;
	const size_t headers = v6 ? 40 : 20;
	/* The UDP header has the size of the ICMP one, and the kernel makes it. */
	const size_t size = probe->size - headers - (probe->udp ? ICMP_HEADER : 0);
	const size_t start = probe->udp ? 0 : ICMP_HEADER;
	uint16_t sum;

	memset(data, 0, size);
	memcpy(data + start, probe->mark, MARK_SIZE);
	if (!probe->udp) {
		data[0] = v6 ? ECHO_REQUEST_V6 : ECHO_REQUEST;
		/*
		 * The identifier, of the random part: connection tracking distinguishes packets by
		 * it.
		 */
		memcpy(data + 4, probe->mark + MARK_SIZE - 2, 2);
		sum = v6 ? 0 : checksum(data, size);
		data[2] = (uint8_t)(sum >> 8);
		data[3] = (uint8_t)sum;
	}
	if (send(probe->fd, data, size, MSG_DONTWAIT) < 0)
		probe->sys_errno = errno;
}

/*
 * An error quotes the packet, too, and an own request to this host is received. IPv4 with its
 * header.
 */
static bool is_echo_reply(const struct probe *probe, const uint8_t *data, size_t size)
{
	const bool v6 = probe->facts->to.family == AF_INET6;
	const size_t at = v6 ? 0 : (data[0] & 15) * (size_t)4;

	return size > at && data[at] == (v6 ? ECHO_REPLY_V6 : ECHO_REPLY) &&
	       memmem(data, size, probe->mark, MARK_SIZE);
}

/* An echo reply, or the error that a closed port returns. */
static void read_answer(struct probe *probe)
{
	static uint8_t data[FRAME_MAX];
	ssize_t got;

	while ((got = recv(probe->fd, data, sizeof(data), MSG_DONTWAIT)) >= 0)
		if (probe->udp || is_echo_reply(probe, data, (size_t)got))
			probe->answered = true;
	if (errno == ECONNREFUSED && probe->udp)
		probe->answered = true;
	else if (errno != EAGAIN)
		probe->sys_errno = errno;
}

static void wait_for_answer(struct probe *probe)
{
	const uint64_t deadline_ms = now_ms() + WAIT_MS;
	struct pollfd fds[WATCHES + 1];

	for (uint64_t now; !probe->answered && (now = now_ms()) < deadline_ms;) {
		for (size_t i = 0; i < probe->len; i++)
			fds[i] = (struct pollfd){ .fd = probe->watches[i].fd, .events = POLLIN };
		fds[probe->len] = (struct pollfd){ .fd = probe->fd, .events = POLLIN };
		if (poll(fds, probe->len + 1, (int)(deadline_ms - now)) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < probe->len; i++)
			read_watch(probe, &probe->watches[i]);
		read_answer(probe);
	}
	for (size_t i = 0; i < probe->len; i++)
		read_watch(probe, &probe->watches[i]);
}

/* ---- Results ----------------------------------------------------------------------------- */

/* The last device that has the packet, in the order of its way. */
static const char *last_sent(const struct probe *probe)
{
	const char *last = NULL;

	for (size_t i = 0; i < probe->len; i++)
		if (probe->watches[i].sent)
			last = probe->watches[i].device;
	return last;
}

/* The last device that has the answer, on its way back. */
static const char *last_answer(const struct probe *probe)
{
	for (size_t i = 0; i < probe->len; i++)
		if (probe->watches[i].answer)
			return probe->watches[i].device;
	return NULL;
}

static void result_text(const struct probe *probe, char buf[static 256])
{
	const char *sent = last_sent(probe), *answer = last_answer(probe);

	if (probe->answered)
		snprintf(buf, 256, "answered");
	else if (answer)
		snprintf(buf, 256, "not answered: the answer was last seen on %s", answer);
	else if (probe->sys_errno && !sent)
		snprintf(buf, 256, "not sent: %s", strerror(probe->sys_errno));
	else if (sent)
		snprintf(buf, 256, "not answered: last seen on %s%s%s", sent,
			 probe->sys_errno ? "; error: " : "",
			 probe->sys_errno ? strerror(probe->sys_errno) : "");
	else
		snprintf(buf, 256, "not answered, and seen on no device of this host");
}

/* remote NULL: the other node was not queried. */
static bool put_result(const struct probe *probe, const struct trace_remote *remote,
		       struct jb_at list)
{
	/* A UDP packet to an open port, or to a host that limits errors, is not answered. */
	const bool quiet = probe->udp && last_sent(probe) && !probe->sys_errno;
	struct jb_at at = jb_obj(list, NULL), sent, answer;
	char text[256], packet[64];

	snprintf(packet, sizeof(packet), "%s of %u bytes", probe->udp ? "UDP" : "ICMP echo request",
		 probe->size);
	result_text(probe, text);
	jb_str(at, "packet", packet);
	jb_str(at, "state", probe->answered ? "ok" : quiet ? "warning" : "lost");
	jb_bool(at, "answered", probe->answered);
	sent = jb_arr(at, "sent_seen");
	for (size_t i = 0; i < probe->len; i++)
		if (probe->watches[i].sent)
			jb_str(sent, NULL, probe->watches[i].device);
	answer = jb_arr(at, "answer_seen");
	for (size_t i = probe->len; i-- > 0;)
		if (probe->watches[i].answer)
			jb_str(answer, NULL, probe->watches[i].device);
	jb_str(at, "text", text);
	if (remote && !probe->answered)
		trace_remote_put(remote, probe->facts, at);
	return probe->answered || quiet;
}

static int make_mark(struct probe *probe, struct err *err)
{
	const size_t prefix = sizeof(CONTROL_WATCH_PREFIX) - 1;

	memcpy(probe->mark, CONTROL_WATCH_PREFIX, prefix);
	if (getrandom(probe->mark + prefix, MARK_SIZE - prefix, 0) != MARK_SIZE - (ssize_t)prefix)
		return err_sys(err, ERR_IO, errno, "cannot get random bytes");
	probe->number = 0;
	for (size_t i = prefix; i < MARK_SIZE; i++)
		probe->number = probe->number << 8 | probe->mark[i];
	return 0;
}

/* Sends the packet until it is answered. */
static int try_packet(struct probe *probe, int tries, struct err *err)
{
	int rc = 0;

	if (open_watches(probe, err) < 0)
		return -1;
	if (open_sender(probe, err) == 0) {
		for (int i = 0; i < tries && !probe->answered && !probe->sys_errno; i++) {
			send_packet(probe);
			wait_for_answer(probe);
		}
	} else {
		rc = -1;
	}
	if (probe->fd >= 0)
		close(probe->fd);
	return rc;
}

/* What all packets of a trace have in common. */
struct probes {
	const struct trace_facts *facts;
	const char *run_dir;
	struct jb_at list;
	bool ended;                 /* the other node cannot be queried, for the reason in remote */
	struct trace_remote remote; /* of the last packet */
};

/* The packet passes through the tunnel, so that another node can have seen it. */
static bool is_remote(const struct trace_facts *facts)
{
	return facts->inside && !facts->local && facts->vxlan_fdb.found;
}

/* Whether it has left this host: else no other one can have seen it. */
static bool has_left(const struct probe *probe)
{
	const char *last = last_sent(probe);

	return last && !strcmp(last, probe->facts->uplink.link.name);
}

/*
 * Sends it once more while the other node counts it, whose work is saved if the first one is
 * answered.
 */
static int try_again(struct probes *probes, struct probe *probe, struct err *err)
{
	AUTO(watches)
	struct probe again = {
		.facts = probe->facts, .udp = probe->udp, .size = probe->size, .fd = -1
	};

	if (probes->ended)
		return 0;
	probes->remote = (struct trace_remote){ .absent = false };
	if (make_mark(&again, err) < 0)
		return -1;
	probes->ended = !trace_remote_query(probes->run_dir, probe->facts, again.number, false,
					    &probes->remote);
	if (probes->ended)
		return 0;
	if (try_packet(&again, 1, err) < 0)
		return -1;
	probes->ended = !trace_remote_query(probes->run_dir, probe->facts, again.number, true,
					    &probes->remote);
	for (size_t i = 0; i < again.len && i < probe->len; i++) {
		probe->watches[i].sent = again.watches[i].sent;
		probe->watches[i].answer = again.watches[i].answer;
	}
	probe->answered = again.answered;
	probe->sys_errno = again.sys_errno;
	return 0;
}

/* Returns whether the packet was answered; err is set if it could not be sent at all. */
static bool run(struct probes *probes, bool udp, uint32_t size, struct err *err)
{
	AUTO(watches)
	struct probe probe = { .facts = probes->facts, .udp = udp, .size = size, .fd = -1 };
	bool remote;

	if (make_mark(&probe, err) < 0 || try_packet(&probe, TRIES, err) < 0)
		return false;
	remote = is_remote(probes->facts) && has_left(&probe);
	if (remote && !probe.answered && try_again(probes, &probe, err) < 0)
		return false;
	return put_result(&probe, remote ? &probes->remote : NULL, probes->list);
}

bool trace_probe(const struct trace_facts *facts, const char *run_dir, struct jb_at root,
		 struct err *err)
{
	const uint32_t full = facts->container.found ? facts->container.link.mtu :
			      facts->bridge.found    ? facts->bridge.link.mtu :
						       1280;
	/* A container may have any MTU; IPv4 has at least 68 bytes (RFC 791 section 3.2). */
	const uint32_t least = facts->to.family == AF_INET6 ? 1280 : 576;
	const uint32_t size = full > FRAME_MAX - 1 ? FRAME_MAX - 1 : full < least ? least : full;
	struct probes probes = { .facts = facts,
				 .run_dir = run_dir,
				 .list = jb_arr(root, "probe") };
	bool small = run(&probes, false, SMALL + 20, err);
	bool large = !err->code && run(&probes, false, size, err);
	bool udp = !err->code && run(&probes, true, size, err);

	return small && large && udp;
}
