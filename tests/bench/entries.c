/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entries weft|raw NUMBER BRIDGE VXLAN: writes the entries of NUMBER peers to two devices of this
 * namespace without entries, and prints the time in microseconds. For tests/bench/scale.bash,
 * which prints the ratio of the two.
 *
 * weft: as weftd does, from peers to a plan to its application. raw: the minimum, messages from
 * constants over raw netlink, 64 per send, one response for each send.
 */
#include "common/err.h"
#include "common/netlink/nl.h"
#include "daemon/dataplane/kernel.h"
#include "daemon/lease/lease.h"
#include "ipam/config.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NETWORK "{\"Network\":\"10.0.0.0/8\"}"
#define FIRST 0x0a100000u   /* 10.16.0.0/24, and so on */
#define GATEWAY 0x0afa0001u /* 10.250.0.1 */
#define VTEPS 0xac140001u   /* 172.20.0.1, and so on */

static unsigned bridge, vxlan;

static void die(const char *what)
{
	fprintf(stderr, "entries: %s\n", what);
	exit(1);
}

static uint32_t subnet_of(uint32_t i)
{
	return FIRST + (i << 8);
}

static struct mac mac_of(uint32_t i)
{
	return (struct mac){ { 0x0e, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
			       (uint8_t)i } };
}

/* ---- As weftd does ----------------------------------------------------------------------- */

static struct ipaddr addr_of(uint32_t value)
{
	struct ipaddr addr = { .family = AF_INET };
	uint32_t be = htonl(value);

	memcpy(addr.be + 12, &be, sizeof(be));
	return addr;
}

static void no_remark(void *ctx, const char *path, const char *what)
{
	(void)ctx, (void)path, (void)what;
}

static void fill(struct leases *peers, uint32_t number)
{
	for (uint32_t i = 0; i < number; i++) {
		const struct lease peer = {
			.subnet = { { addr_of(subnet_of(i)), 24 } },
			.public_ip = { addr_of(VTEPS + i) },
			.vtep_mac = { mac_of(i) },
		};

		if (!leases_push(peers, &peer))
			die("no memory");
	}
}

static void write_as_weft(const struct leases *peers)
{
	const struct plan_devices devices = {
		.bridge = bridge,
		.vxlan = { vxlan },
		.gateway = { addr_of(GATEWAY) },
	};
	struct plan_table want = { .arp.len = 0 }, have = { .arp.len = 0 };
	struct kernel_result result;
	struct plan_ops ops = { .len = 0 };
	struct err err = ERR_INIT;
	struct config config;
	struct nl *nl = NULL;

	if (config_parse(NETWORK, strlen(NETWORK), no_remark, NULL, &config, &err) < 0 ||
	    nl_open(&nl, &err) < 0)
		die(err.text);
	if (!plan_want(peers, &config, &devices, &want) || !plan_diff(&want, &have, &ops))
		die("no memory");
	if (kernel_apply(nl, &ops, &want, &have, &result, &err) < 0)
		die(err.text);
	nl_free(nl);
	plan_table_free(&want);
	plan_ops_free(&ops);
}

/* ---- The minimum ------------------------------------------------------------------------- */

#define BATCH 64

static alignas(struct nlmsghdr) char buf[BATCH * 256];
static size_t used;
static unsigned waiting;
static struct nlmsghdr *last;
static int fd;

static void *begin(uint16_t type, uint16_t flags, size_t size)
{
	last = (void *)(buf + used);
	memset(last, 0, 256);
	last->nlmsg_type = type;
	last->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | flags);
	last->nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	return NLMSG_DATA(last);
}

static void put(unsigned short type, const void *data, size_t size)
{
	struct rtattr *attr = (void *)((char *)last + NLMSG_ALIGN(last->nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attr), data, size);
	last->nlmsg_len = NLMSG_ALIGN(last->nlmsg_len) + (uint32_t)RTA_ALIGN(attr->rta_len);
}

static void put_u32(unsigned short type, uint32_t value)
{
	put(type, &value, sizeof(value));
}

static void flush(void)
{
	alignas(struct nlmsghdr) char answer[4096];
	struct nlmsghdr *header = (void *)answer;
	const struct nlmsgerr *verdict = NLMSG_DATA(header);

	if (!waiting)
		return;
	last->nlmsg_flags |= NLM_F_ACK;
	if (send(fd, buf, used, 0) < 0 || recv(fd, answer, sizeof(answer), 0) < 0)
		die("netlink");
	if (header->nlmsg_type != NLMSG_ERROR || verdict->error)
		die("the kernel refuses a message");
	used = 0;
	waiting = 0;
}

static void end(void)
{
	used += NLMSG_ALIGN(last->nlmsg_len);
	if (++waiting == BATCH)
		flush();
}

static void raw_arp(uint32_t i)
{
	struct ndmsg *info = begin(RTM_NEWNEIGH, 0, sizeof(*info));
	struct mac mac = mac_of(i);

	info->ndm_family = AF_INET;
	info->ndm_ifindex = (int)bridge;
	info->ndm_state = NUD_PERMANENT;
	put_u32(NDA_DST, htonl(subnet_of(i)));
	put(NDA_LLADDR, &mac, sizeof(mac));
	end();
}

static void raw_fdb(uint32_t i)
{
	struct ndmsg *info = begin(RTM_NEWNEIGH, 0, sizeof(*info));
	struct mac mac = mac_of(i);

	info->ndm_family = AF_BRIDGE;
	info->ndm_ifindex = (int)vxlan;
	info->ndm_state = NUD_NOARP | NUD_REACHABLE;
	info->ndm_flags = NTF_SELF | NTF_MASTER | NTF_STICKY;
	put(NDA_LLADDR, &mac, sizeof(mac));
	put_u32(NDA_DST, htonl(VTEPS + i));
	end();
}

static void raw_route(uint32_t i)
{
	struct rtmsg *info = begin(RTM_NEWROUTE, 0, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_dst_len = 24;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = 0x77;
	info->rtm_scope = RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	info->rtm_flags = RTNH_F_ONLINK;
	put_u32(RTA_DST, htonl(subnet_of(i)));
	put_u32(RTA_GATEWAY, htonl(subnet_of(i)));
	put_u32(RTA_PREFSRC, htonl(GATEWAY));
	put_u32(RTA_OIF, bridge);
	put_u32(RTA_PRIORITY, subnet_of(i) >> 8);
	end();
}

static void write_raw(uint32_t number)
{
	static void (*const each[])(uint32_t i) = { raw_arp, raw_fdb, raw_route };

	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (fd < 0)
		die("no netlink socket");
	for (size_t kind = 0; kind < 3; kind++)
		for (uint32_t i = 0; i < number; i++)
			each[kind](i);
	flush();
	close(fd);
}

/* ------------------------------------------------------------------------------------------ */

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char *argv[])
{
	struct leases peers = { .len = 0 };
	long long began_us;
	bool as_weft;
	uint32_t number;

	if (argc != 5)
		die("weft|raw NUMBER BRIDGE VXLAN");
	as_weft = !strcmp(argv[1], "weft");
	number = (uint32_t)strtoul(argv[2], NULL, 10);
	bridge = if_nametoindex(argv[3]);
	vxlan = if_nametoindex(argv[4]);
	if (!bridge || !vxlan)
		die("no such devices");
	if (as_weft)
		fill(&peers, number);
	began_us = now_us();
	if (as_weft)
		write_as_weft(&peers);
	else
		write_raw(number);
	printf("%lld\n", now_us() - began_us);
	leases_free(&peers);
	return 0;
}
