/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_socket.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/probe/probe_message.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HOP_LIMIT 255
#define MAGIC 0x77707262U /* "wprb" */
#define UDP_HEADER_SIZE 8
#define BUFFER_SIZE (4 << 20) /* some thousand packets of the peers of a large network */
#define HELD_MAX_US 1000000   /* the clock may have been set meanwhile */
#define CLOCKS_APART_US 20    /* two clocks that are read within this time are read at once */
#define CLOCKS_TRIES 4

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t make_address(const struct ipaddr *addr, uint16_t port, union address *address_out)
{
	size_t size;
	const void *wire = ipaddr_wire(addr, &size);

	memset(address_out, 0, sizeof(*address_out));
	if (addr->family == AF_INET6) {
		address_out->v6.sin6_family = AF_INET6;
		address_out->v6.sin6_port = htons(port);
		memcpy(&address_out->v6.sin6_addr, wire, size);
		return sizeof(address_out->v6);
	}
	address_out->v4.sin_family = AF_INET;
	address_out->v4.sin_port = htons(port);
	memcpy(&address_out->v4.sin_addr, wire, size);
	return sizeof(address_out->v4);
}

static int set_options(int fd, uint8_t family, struct err *err)
{
	static const struct {
		uint8_t family; /* 0: either */
		int level, name, value;
	} rows[] = {
		{ 0, SOL_SOCKET, SO_TIMESTAMPNS, 1 },
		{ AF_INET, IPPROTO_IP, IP_FREEBIND, 1 },
		{ AF_INET, IPPROTO_IP, IP_PKTINFO, 1 },
		{ AF_INET, IPPROTO_IP, IP_RECVTTL, 1 },
		{ AF_INET, IPPROTO_IP, IP_TTL, HOP_LIMIT },
		{ AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, 1 },
		{ AF_INET6, IPPROTO_IPV6, IPV6_FREEBIND, 1 },
		{ AF_INET6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
		{ AF_INET6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1 },
		{ AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((!rows[i].family || rows[i].family == family) &&
		    setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
			       sizeof(rows[i].value)) < 0)
			return err_sys(err, ERR_IO, errno, "socket option %d", rows[i].name);
	return 0;
}

/* ---- The filter -------------------------------------------------------------------------- */

#define FILTER_MAX 40 /* instructions; 33 in IPv6 */

struct program {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
};

static void add(struct program *program, struct sock_filter instruction)
{
	assert(program->len < FILTER_MAX);
	program->code[program->len++] = instruction;
}

static void add_load(struct program *program, uint16_t width, uint32_t offset)
{
	add(program, (struct sock_filter)BPF_STMT((uint16_t)(BPF_LD | BPF_ABS | width), offset));
}

static void add_return(struct program *program, uint32_t size)
{
	add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, size));
}

/* Skips so many instructions if the loaded value is the same, and if it is another one. */
static void add_jump(struct program *program, uint32_t value, size_t same, size_t other)
{
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (uint8_t)same,
						  (uint8_t)other));
}

/* The loaded value has to be wanted: the next instruction, which drops, is skipped. */
static void add_require(struct program *program, uint32_t wanted)
{
	add_jump(program, wanted, 1, 0);
	add_return(program, 0);
}

static void add_size(struct program *program)
{
	add_load(program, BPF_H, 4);
	add_jump(program, UDP_HEADER_SIZE + PROBE_SIZE_SMALL, 2, 0);
	add_require(program, UDP_HEADER_SIZE + PROBE_SIZE_LARGE);
}

/* Drops the sources in the prefix, by words of the address. */
static void add_source(struct program *program, const struct prefix *own)
{
	const uint32_t at = (uint32_t)SKF_NET_OFF + (own->addr.family == AF_INET6 ? 8 : 12);
	const size_t words = ((size_t)own->len + 31) / 32;
	size_t size;
	const uint8_t *wire = ipaddr_wire(&own->addr, &size);

	for (size_t i = 0; i < words; i++) {
		const size_t bits = own->len - i * 32;
		const uint32_t mask = bits >= 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
		uint32_t word;

		memcpy(&word, wire + i * sizeof(word), sizeof(word));
		add_load(program, BPF_W, at + (uint32_t)(i * sizeof(word)));
		add(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
		/*
		 * Another value: to behind the return, over three instructions for each further
		 * word.
		 */
		add_jump(program, ntohl(word) & mask, 0, 3 * (words - 1 - i) + 1);
	}
	if (words)
		add_return(program, 0);
}

/* Offsets count from the UDP header. */
int probe_socket_set_filter(int fd, const struct probe_filter *filter, struct err *err)
{
	struct program program = { .len = 0 };
	struct sock_fprog attached;

	add_load(&program, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	add_require(&program, filter->device);
	add_load(&program, BPF_B,
		 (uint32_t)SKF_NET_OFF + (filter->own->addr.family == AF_INET6 ? 7 : 8));
	add_require(&program, HOP_LIMIT);
	add_load(&program, BPF_H, 0);
	add_require(&program, filter->port);
	add_size(&program);
	add_source(&program, filter->own);
	add_load(&program, BPF_W, UDP_HEADER_SIZE);
	add_require(&program, MAGIC);
	add_return(&program, UINT32_MAX);
	attached = (struct sock_fprog){ program.len, program.code };
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot filter packets of probes");
	return 0;
}

uint32_t probe_socket_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

/* ---- The socket -------------------------------------------------------------------------- */

/* Without CAP_NET_ADMIN, up to the system's limit. */
static void enlarge_buffer(int fd)
{
	const int size = BUFFER_SIZE;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

int probe_socket_open(const struct probe_filter *filter, int *fd_out, struct err *err)
{
	const struct ipaddr *address = &filter->own->addr;
	AUTO(close)
	int fd = socket(address->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[IPADDR_TEXT_SIZE];
	union address own;
	socklen_t size = make_address(address, filter->port, &own);

	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot create a UDP socket");
	if (set_options(fd, address->family, err) < 0 ||
	    probe_socket_set_filter(fd, filter, err) < 0)
		return -1;
	enlarge_buffer(fd);
	if (bind(fd, &own.any, size) < 0)
		return err_sys(err, ERR_IO, errno, "cannot bind UDP port %u of %s", filter->port,
			       ipaddr_text(address, text));
	*fd_out = take_fd(&fd);
	return 0;
}

/* Both clocks at one moment. */
struct clocks {
	struct timespec real;
	uint64_t now_us;
};

static uint64_t read_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Again if the process was interrupted between the two. */
static struct clocks read_clocks(void)
{
	struct clocks clocks;
	uint64_t before_us;
	int tries = 0;

	do {
		before_us = read_monotonic_us();
		clock_gettime(CLOCK_REALTIME, &clocks.real);
		clocks.now_us = read_monotonic_us();
	} while (clocks.now_us - before_us > CLOCKS_APART_US && ++tries < CLOCKS_TRIES);
	return clocks;
}

/* The kernel's times of packets are of CLOCK_REALTIME. */
static uint64_t to_monotonic(const struct clocks *clocks, const struct timespec *then)
{
	const int64_t us = (int64_t)(clocks->real.tv_sec - then->tv_sec) * 1000000 +
			   (clocks->real.tv_nsec - then->tv_nsec) / 1000;

	return us < 0 || us > HELD_MAX_US ? clocks->now_us : clocks->now_us - (uint64_t)us;
}

static void read_control(const struct cmsghdr *at, const struct clocks *clocks,
			 struct probe_packet *packet)
{
	const void *data = CMSG_DATA(at);
	struct in6_pktinfo v6;
	struct in_pktinfo v4;
	struct timespec when;

	if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_TIMESTAMPNS) {
		memcpy(&when, data, sizeof(when));
		packet->arrived_us = to_monotonic(clocks, &when);
	} else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
		memcpy(&v4, data, sizeof(v4));
		packet->device = (uint32_t)v4.ipi_ifindex;
	} else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
		memcpy(&v6, data, sizeof(v6));
		packet->device = v6.ipi6_ifindex;
	} else if ((at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL) ||
		   (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_HOPLIMIT)) {
		memcpy(&packet->hop_limit, data, sizeof(packet->hop_limit));
	}
}

static void read_source(const union address *from, struct probe_packet *packet)
{
	const bool v6 = from->any.sa_family == AF_INET6;
	struct err unused;

	packet->port = ntohs(v6 ? from->v6.sin6_port : from->v4.sin_port);
	(void)ipaddr_from_wire(v6 ? (const void *)&from->v6.sin6_addr :
				    (const void *)&from->v4.sin_addr,
			       v6 ? sizeof(from->v6.sin6_addr) : sizeof(from->v4.sin_addr),
			       &packet->from, &unused);
}

/* The space of one packet of a batch. */
struct slot {
	union address from;
	struct iovec part;
	_Alignas(struct cmsghdr) char control[128];
	uint8_t data[PROBE_SIZE_LARGE];
};

static void prepare(struct slot *slot, struct mmsghdr *header)
{
	slot->part = (struct iovec){ slot->data, sizeof(slot->data) };
	header->msg_hdr = (struct msghdr){
		.msg_name = &slot->from,
		.msg_namelen = sizeof(slot->from),
		.msg_iov = &slot->part,
		.msg_iovlen = 1,
		.msg_control = slot->control,
		.msg_controllen = sizeof(slot->control),
	};
}

size_t probe_socket_receive(int fd, struct probe_packet packets_out[static PROBE_SOCKET_BATCH],
			    size_t max)
{
	static struct slot slots[PROBE_SOCKET_BATCH];
	struct mmsghdr headers[PROBE_SOCKET_BATCH];
	struct clocks clocks;
	int got;

	for (size_t i = 0; i < max; i++)
		prepare(&slots[i], &headers[i]);
	/* MSG_TRUNC: msg_len is the size of the whole packet. */
	got = recvmmsg(fd, headers, (unsigned)max, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (got <= 0)
		return 0;
	clocks = read_clocks();
	for (int i = 0; i < got; i++) {
		struct msghdr *header = &headers[i].msg_hdr;
		struct probe_packet *packet = &packets_out[i];

		*packet = (struct probe_packet){ .data = slots[i].data,
						 .size = headers[i].msg_len,
						 .hop_limit = -1,
						 .arrived_us = clocks.now_us };
		for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at))
			read_control(at, &clocks, packet);
		read_source(&slots[i].from, packet);
	}
	return (size_t)got;
}

int probe_socket_send(int fd, const struct ipaddr *to, uint16_t port, const uint8_t *message,
		      size_t size)
{
	union address address;
	const socklen_t address_size = make_address(to, port, &address);

	if (sendto(fd, message, size, MSG_DONTWAIT, &address.any, address_size) < 0)
		return errno;
	return 0;
}
