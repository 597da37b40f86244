/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/packet_watch.h"

#include "common/array.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netfilter/nft.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"
#include "daemon/firewall/rule_table.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define TABLE PACKET_WATCH_TABLE
#define FIRST (-450) /* before connection tracking, and before the tables of weft */
#define LAST 450

#define UDP_SIZE 8 /* also of the header of ICMP */
#define VXLAN_SIZE 8

struct packet_watch {
	struct nl *nl; /* owns the tables */
	bool to_host;  /* the packets are to this host, not to a container */
	bool made;
};

static const struct place {
	const char *counter;
	uint8_t family;
} places[PACKET_PLACES] = {
	[PACKET_UNDERLAY] = { "underlay", NFPROTO_INET },
	[PACKET_TUNNEL] = { "tunnel", NFPROTO_BRIDGE },
	[PACKET_FORWARDED] = { "forwarded", NFPROTO_INET },
	[PACKET_DELIVERED] = { "delivered", NFPROTO_BRIDGE },
	[PACKET_ANSWER] = { "answer", NFPROTO_BRIDGE },
	[PACKET_ANSWER_TUNNEL] = { "answer_tunnel", NFPROTO_BRIDGE },
	[PACKET_ANSWER_UNDERLAY] = { "answer_underlay", NFPROTO_INET },
};

/* What differs between the families. */
static const struct inner {
	uint8_t protocol, request, reply, error; /* of ICMP, and its types */
	uint32_t header;                         /* the size of the IP header */
} inners[FAMILIES] = {
	[FAMILY_V4] = { IPPROTO_ICMP, ICMP_ECHO, ICMP_ECHOREPLY, ICMP_DEST_UNREACH, 20 },
	[FAMILY_V6] = { IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH,
			40 },
};

#define CHAIN(proto, chain, at, when)                                                              \
	{                                                                                          \
		.family = (proto), .table = TABLE, .name = (chain), .type = "filter",              \
		.hook = (at), .priority = (when), .policy = NF_ACCEPT                              \
	}

static const struct nft_chain chains[] = {
	CHAIN(NFPROTO_INET, "prerouting", NF_INET_PRE_ROUTING, FIRST),
	CHAIN(NFPROTO_INET, "forward", NF_INET_FORWARD, LAST),
	CHAIN(NFPROTO_INET, "input", NF_INET_LOCAL_IN, LAST),
	CHAIN(NFPROTO_INET, "postrouting", NF_INET_POST_ROUTING, LAST),
	CHAIN(NFPROTO_BRIDGE, "prerouting", NF_BR_PRE_ROUTING, FIRST),
	CHAIN(NFPROTO_BRIDGE, "postrouting", NF_BR_POST_ROUTING, LAST),
};

/* ---- Rules ------------------------------------------------------------------------------- */

/* A transaction under construction. */
struct make {
	struct nl_transaction *transaction;
	const struct packet_watch_request *request;
	const struct inner *inner;
	struct err *err;
	bool failed;
};

static void add(struct make *make, struct nl_msg *msg)
{
	make->failed = nl_transaction_add(make->transaction, msg, 0, make->err) < 0 || make->failed;
}

static void match_protocol(struct nft_expr *expr, uint8_t protocol)
{
	nft_expr_meta(expr, NFT_META_L4PROTO);
	nft_expr_compare(expr, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

static void match_mark(struct nft_expr *expr, const struct make *make, uint32_t base,
		       uint32_t offset)
{
	nft_expr_payload(expr, base, offset, PACKET_WATCH_MARK);
	nft_expr_compare(expr, NFT_CMP_EQ, make->request->mark, PACKET_WATCH_MARK);
}

static void add_rule(struct make *make, const char *chain, enum packet_place place, uint8_t family,
		     struct nft_expr *expr)
{
	nft_expr_counter(expr, places[place].counter);
	add(make, nft_rule_add(family, TABLE, chain, expr, NULL, 0));
}

/* A tunnel packet; offset: of the mark in the packet in the tunnel, from its IP header. */
static void add_outer(struct make *make, const char *chain, enum packet_place place,
		      uint32_t offset)
{
	struct nft_expr expr = { .size = 0 };

	match_protocol(&expr, IPPROTO_UDP);
	match_mark(&expr, make, NFT_PAYLOAD_TRANSPORT_HEADER,
		   UDP_SIZE + VXLAN_SIZE + ETH_HLEN + offset);
	add_rule(make, chain, place, NFPROTO_INET, &expr);
}

/* ICMP of the type; protocol UDP: of no type. */
static void add_inner(struct make *make, const char *chain, enum packet_place place, uint8_t family,
		      uint8_t protocol, uint8_t type, uint32_t offset)
{
	const char *port = place == PACKET_DELIVERED ? make->request->port : NULL;
	struct nft_expr expr = { .size = 0 };

	match_protocol(&expr, protocol);
	if (protocol != IPPROTO_UDP) {
		nft_expr_payload(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(type));
		nft_expr_compare(&expr, NFT_CMP_EQ, &type, sizeof(type));
	}
	match_mark(&expr, make, NFT_PAYLOAD_NETWORK_HEADER, offset);
	if (port)
		firewall_match_device(&expr, NFT_META_OIFNAME, NFT_CMP_EQ, port);
	add_rule(make, chain, place, family, &expr);
}

/* Where the mark is: behind the IP header and that of ICMP or UDP. */
static uint32_t offset_of(const struct inner *inner)
{
	return inner->header + UDP_SIZE;
}

static void add_request(struct make *make, const char *chain, enum packet_place place,
			uint8_t family)
{
	const struct inner *inner = make->inner;

	add_inner(make, chain, place, family, inner->protocol, inner->request, offset_of(inner));
	add_inner(make, chain, place, family, IPPROTO_UDP, 0, offset_of(inner));
}

/* An echo reply, or an error, which quotes the packet. */
static void add_answer(struct make *make, const char *chain, enum packet_place place)
{
	const struct inner *inner = make->inner;

	add_inner(make, chain, place, NFPROTO_BRIDGE, inner->protocol, inner->reply,
		  offset_of(inner));
	add_inner(make, chain, place, NFPROTO_BRIDGE, inner->protocol, inner->error,
		  2 * offset_of(inner));
}

static void add_rules(struct make *make)
{
	const uint32_t offset = offset_of(make->inner);

	add_outer(make, "prerouting", PACKET_UNDERLAY, offset);
	add_request(make, "prerouting", PACKET_TUNNEL, NFPROTO_BRIDGE);
	add_request(make, "forward", PACKET_FORWARDED, NFPROTO_INET);
	if (make->request->port)
		add_request(make, "postrouting", PACKET_DELIVERED, NFPROTO_BRIDGE);
	else
		add_request(make, "input", PACKET_DELIVERED, NFPROTO_INET);
	add_answer(make, "prerouting", PACKET_ANSWER);
	add_answer(make, "postrouting", PACKET_ANSWER_TUNNEL);
	add_outer(make, "postrouting", PACKET_ANSWER_UNDERLAY, offset);
	add_outer(make, "postrouting", PACKET_ANSWER_UNDERLAY, 2 * offset);
}

/* ---- Tables ------------------------------------------------------------------------------ */

static const uint8_t families[] = { NFPROTO_INET, NFPROTO_BRIDGE };

/* Of the table that has the counter. */
static uint8_t counter_family(bool to_host, enum packet_place place)
{
	return place == PACKET_DELIVERED && to_host ? NFPROTO_INET : places[place].family;
}

static void add_tables(struct make *make)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		add(make, nft_table_own(families[i], TABLE));
	for (enum packet_place i = 0; i < PACKET_PLACES; i++)
		add(make, nft_counter_add(counter_family(!make->request->port, i), TABLE,
					  places[i].counter, 0, 0));
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		add(make, nft_chain_add(&chains[i]));
	add_rules(make);
}

int packet_watch_open(const struct packet_watch_request *request, struct packet_watch **watch_out,
		      struct err *err)
{
	AUTO(packet_watch) struct packet_watch *watch = calloc(1, sizeof(*watch));
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct make make = { .request = request, .inner = &inners[request->family], .err = err };
	uint64_t tag;

	if (!watch)
		return err_nomem(err, "the watch of packets");
	if (nl_open_netfilter(&watch->nl, err) < 0 ||
	    nl_transaction_open(watch->nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0)
		return -1;
	make.transaction = transaction;
	add_tables(&make);
	if (make.failed ||
	    nl_transaction_commit(transaction, "the watch of packets", &tag, err) < 0)
		return -1;
	watch->to_host = !request->port;
	watch->made = true;
	*watch_out = take_ptr(watch);
	return 0;
}

int packet_watch_read(const struct packet_watch *watch, uint64_t count_out[static PACKET_PLACES],
		      struct err *err)
{
	for (enum packet_place i = 0; i < PACKET_PLACES; i++) {
		const uint8_t family = counter_family(watch->to_host, i);
		uint64_t bytes;
		int found = nft_counter_find(watch->nl, family, TABLE, places[i].counter,
					     &count_out[i], &bytes, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_KERNEL, "another program has removed the table");
	}
	return 0;
}

/* By messages: the removal at the close of the owner's socket waits for a grace period of RCU. */
static void remove_tables(const struct packet_watch *watch)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct err err = ERR_INIT;
	uint64_t tag;

	if (nl_transaction_open(watch->nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, &err) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (nl_transaction_add(transaction, nft_table_del(families[i], TABLE), 0, &err) < 0)
			return;
	if (nl_transaction_commit(transaction, "remove the watch of packets", &tag, &err) < 0)
		log_warn("cannot remove a table", "error", err.text);
}

void packet_watch_close(struct packet_watch *watch)
{
	if (!watch)
		return;
	if (watch->made)
		remove_tables(watch);
	nl_free(watch->nl);
	free(watch);
}
