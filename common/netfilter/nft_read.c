/* SPDX-License-Identifier: Apache-2.0 */
/* Existing objects, and events. */
#include "common/netfilter/nft.h"

#include "common/err.h"
#include "common/netfilter/nft_span.h"
#include "common/netlink/nl.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_SIZE 1024
#define USERDATA_COMMENT 0 /* libnftnl's udata.h */
#define ATTEMPTS 20        /* of nft_change */
#define DEVICE_PREFIX 2    /* NFTA_DEVICE_PREFIX, since Linux 6.18 */

#define TEXT                                                                                       \
	{                                                                                          \
		.type = NLA_NUL_STRING                                                             \
	}
#define NUMBER                                                                                     \
	{                                                                                          \
		.type = NLA_U32                                                                    \
	}
#define LONG                                                                                       \
	{                                                                                          \
		.type = NLA_U64                                                                    \
	}

static const char *text(const struct nlattr *attr)
{
	return attr ? nla_data(attr) : "";
}

static uint32_t number(const struct nlattr *attr)
{
	return ntohl(nl_u32(attr));
}

static uint64_t number64(const struct nlattr *attr)
{
	uint64_t be = 0;

	if (attr)
		memcpy(&be, nla_data(attr), sizeof(be));
	return be64toh(be);
}

static uint8_t family_of(const struct nlmsghdr *header)
{
	return ((const struct nfgenmsg *)(const void *)((const char *)header + NLMSG_HDRLEN))
		->nfgen_family;
}

/* ---- Walks ------------------------------------------------------------------------------- */

/* A query: all objects of a type in a family, a table, or a chain or set (in) of the table. */
struct query {
	uint16_t type;
	uint8_t family;
	const char *table, *in;
	const struct nft_walk *walk;
};

static struct nl_msg *query_message(const struct query *query, int table_type, int in_type)
{
	const struct nfgenmsg header = { .nfgen_family = query->family, .version = NFNETLINK_V0 };
	struct nl_msg *msg = nl_message((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | query->type), 0,
					&header, sizeof(header), NAMES_SIZE);

	if (query->table)
		nl_put_text(msg, table_type, query->table);
	if (query->in)
		nl_put_text(msg, in_type, query->in);
	return msg;
}

static void restart(void *ctx)
{
	const struct query *query = ctx;

	query->walk->restart(query->walk->ctx);
}

static int walk_all(struct nl *nl, struct query *query, nl_build_fn *build, nl_visit_fn *visit,
		    const char *what, struct err *err)
{
	const struct nl_dump dump = {
		.what = what,
		.build = build,
		.visit = visit,
		.restart = query->walk->restart ? restart : NULL,
		.ctx = query,
	};

	if (nl_dump_all(nl, &dump, err) == 0)
		return 0;
	/* Of a table or set that is not there, there is nothing. */
	if (err->sys_errno != ENOENT)
		return -1;
	*err = ERR_INIT;
	return 0;
}

static struct nl_msg *build_chains(void *ctx)
{
	return query_message(ctx, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);
}

static void add_device(const struct nlattr *attr, bool is_prefix, struct nft_devices *devices)
{
	if (devices->len < NFT_CHAIN_DEVICES_MAX) {
		nla_strlcpy(devices->name[devices->len], attr, IF_NAMESIZE);
		devices->prefixes |= (uint32_t)is_prefix << devices->len;
	}
	devices->len++;
}

/* The kernel adds the attribute of a single device to the list of one. */
static void read_devices(struct nlattr *const hook[], struct nft_devices *devices_out)
{
	struct nlattr *attr;
	int rest;

	if (!hook[NFTA_HOOK_DEVS]) {
		if (hook[NFTA_HOOK_DEV])
			add_device(hook[NFTA_HOOK_DEV], false, devices_out);
		return;
	}
	nla_for_each_nested(attr, hook[NFTA_HOOK_DEVS],
			    rest) if (nla_type(attr) == NFTA_DEVICE_NAME ||
				      nla_type(attr) == DEVICE_PREFIX)
		add_device(attr, nla_type(attr) == DEVICE_PREFIX, devices_out);
}

static int visit_chain(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[NFTA_CHAIN_MAX + 1] = {
		[NFTA_CHAIN_TABLE] = TEXT,
		[NFTA_CHAIN_NAME] = TEXT,
		[NFTA_CHAIN_TYPE] = TEXT,
		[NFTA_CHAIN_POLICY] = NUMBER,
	};
	static const struct nla_policy hook_policy[NFTA_HOOK_MAX + 1] = {
		[NFTA_HOOK_HOOKNUM] = NUMBER,
		[NFTA_HOOK_PRIORITY] = NUMBER,
		[NFTA_HOOK_DEV] = TEXT,
	};
	const struct query *query = ctx;
	struct nlattr *at[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
	struct nft_devices devices = { .len = 0 };
	struct nft_chain chain;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_CHAIN_MAX, policy, err) < 0 ||
	    nl_nested(at[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX, hook_policy, err) < 0)
		return -1;
	chain = (struct nft_chain){
		.family = family_of(header),
		.table = text(at[NFTA_CHAIN_TABLE]),
		.name = text(at[NFTA_CHAIN_NAME]),
	};
	if (at[NFTA_CHAIN_HOOK]) {
		chain.type = text(at[NFTA_CHAIN_TYPE]);
		chain.hook = number(hook[NFTA_HOOK_HOOKNUM]);
		chain.priority = (int32_t)number(hook[NFTA_HOOK_PRIORITY]);
		chain.policy = number(at[NFTA_CHAIN_POLICY]);
		read_devices(hook, &devices);
		chain.devices = devices.len ? &devices : NULL;
	}
	return query->walk->chain(query->walk->ctx, &chain, err);
}

int nft_each_chain(struct nl *nl, uint8_t family, const struct nft_walk *walk, struct err *err)
{
	struct query query = { NFT_MSG_GETCHAIN, family, NULL, NULL, walk };

	return walk_all(nl, &query, build_chains, visit_chain, "list nftables chains", err);
}

static struct nl_msg *build_rules(void *ctx)
{
	return query_message(ctx, NFTA_RULE_TABLE, NFTA_RULE_CHAIN);
}

static const char *comment_of(const struct nlattr *userdata)
{
	const uint8_t *data = userdata ? nla_data(userdata) : NULL;
	size_t size = userdata ? (size_t)nla_len(userdata) : 0;

	while (size >= 2 && data[1] + 2U <= size) {
		if (data[0] == USERDATA_COMMENT && data[1] && !data[1 + data[1]])
			return (const char *)data + 2;
		size -= data[1] + 2U;
		data += data[1] + 2U;
	}
	return NULL;
}

static int visit_rule(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[NFTA_RULE_MAX + 1] = {
		[NFTA_RULE_TABLE] = TEXT,
		[NFTA_RULE_CHAIN] = TEXT,
		[NFTA_RULE_HANDLE] = LONG,
	};
	const struct query *query = ctx;
	struct nlattr *at[NFTA_RULE_MAX + 1];
	const struct nlattr *expr;
	struct nft_rule rule;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_RULE_MAX, policy, err) < 0)
		return -1;
	expr = at[NFTA_RULE_EXPRESSIONS];
	rule = (struct nft_rule){
		.family = family_of(header),
		.table = text(at[NFTA_RULE_TABLE]),
		.chain = text(at[NFTA_RULE_CHAIN]),
		.handle = number64(at[NFTA_RULE_HANDLE]),
		.comment = comment_of(at[NFTA_RULE_USERDATA]),
	};
	if (expr)
		rule.expr = (struct nft_span){ nla_data(expr), (size_t)nla_len(expr) };
	return query->walk->rule(query->walk->ctx, &rule, err);
}

int nft_each_rule(struct nl *nl, uint8_t family, const char *table, const char *chain,
		  const struct nft_walk *walk, struct err *err)
{
	struct query query = { NFT_MSG_GETRULE, family, table, chain, walk };

	return walk_all(nl, &query, build_rules, visit_rule, "list nftables rules", err);
}

static struct nl_msg *build_sets(void *ctx)
{
	return query_message(ctx, NFTA_SET_TABLE, NFTA_SET_NAME);
}

/* name is valid as long as the message. */
static int parse_set(const struct nlmsghdr *header, struct nft_set *set_out, struct err *err)
{
	static const struct nla_policy policy[NFTA_SET_MAX + 1] = {
		[NFTA_SET_NAME] = TEXT,
		[NFTA_SET_FLAGS] = NUMBER,
		[NFTA_SET_KEY_TYPE] = NUMBER,
		[NFTA_SET_KEY_LEN] = NUMBER,
	};
	static const struct nla_policy desc_policy[NFTA_SET_DESC_MAX + 1] = {
		[NFTA_SET_DESC_SIZE] = NUMBER,
	};
	struct nlattr *at[NFTA_SET_MAX + 1], *desc[NFTA_SET_DESC_MAX + 1] = { NULL };

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_SET_MAX, policy, err) < 0 ||
	    (at[NFTA_SET_DESC] &&
	     nl_nested(at[NFTA_SET_DESC], desc, NFTA_SET_DESC_MAX, desc_policy, err) < 0))
		return -1;
	*set_out = (struct nft_set){
		.name = text(at[NFTA_SET_NAME]),
		.flags = number(at[NFTA_SET_FLAGS]),
		.key_type = number(at[NFTA_SET_KEY_TYPE]),
		.key_size = number(at[NFTA_SET_KEY_LEN]),
		.limit = number(desc[NFTA_SET_DESC_SIZE]),
	};
	return 0;
}

static int visit_set(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct query *query = ctx;
	struct nft_set set;

	if (parse_set(header, &set, err) < 0)
		return -1;
	return query->walk->set(query->walk->ctx, &set, err);
}

int nft_each_set(struct nl *nl, uint8_t family, const char *table, const struct nft_walk *walk,
		 struct err *err)
{
	struct query query = { NFT_MSG_GETSET, family, table, NULL, walk };

	return walk_all(nl, &query, build_sets, visit_set, "list nftables sets", err);
}

static struct nl_msg *build_elements(void *ctx)
{
	return query_message(ctx, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET);
}

static int visit_element(const struct query *query, const struct nlattr *attr, struct err *err)
{
	static const struct nla_policy policy[NFTA_SET_ELEM_MAX + 1] = {
		[NFTA_SET_ELEM_FLAGS] = NUMBER,
	};
	struct nlattr *at[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1];
	struct nft_element element = { .end = false };
	const struct nlattr *value;

	if (nl_nested(attr, at, NFTA_SET_ELEM_MAX, policy, err) < 0 ||
	    nl_nested(at[NFTA_SET_ELEM_KEY], key, NFTA_DATA_MAX, NULL, err) < 0)
		return -1;
	value = key[NFTA_DATA_VALUE];
	/* Keys of another size are another's, in a set that is not as it should be. */
	if (!value || (size_t)nla_len(value) > sizeof(element.key))
		return 0;
	memcpy(element.key, nla_data(value), (size_t)nla_len(value));
	element.end = number(at[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END;
	return query->walk->element(query->walk->ctx, &element, err);
}

static int visit_elements(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct nlattr *at[NFTA_SET_ELEM_LIST_MAX + 1];
	const struct nlattr *list, *attr;
	int left;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_SET_ELEM_LIST_MAX, NULL, err) <
	    0)
		return -1;
	list = at[NFTA_SET_ELEM_LIST_ELEMENTS];
	if (!list)
		return 0;
	left = nla_len(list);
	for (attr = nla_data(list); nla_ok(attr, left); attr = nla_next(attr, &left))
		if (visit_element(ctx, attr, err) < 0)
			return -1;
	return 0;
}

int nft_each_element(struct nl *nl, uint8_t family, const char *table, const char *set,
		     const struct nft_walk *walk, struct err *err)
{
	struct query query = { NFT_MSG_GETSETELEM, family, table, set, walk };

	return walk_all(nl, &query, build_elements, visit_elements, "list an nftables set", err);
}

/* ---- One object -------------------------------------------------------------------------- */

static int visit_table(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[NFTA_TABLE_MAX + 1] = {
		[NFTA_TABLE_FLAGS] = NUMBER,
	};
	struct nlattr *at[NFTA_TABLE_MAX + 1];
	uint32_t *flags = ctx;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_TABLE_MAX, policy, err) < 0)
		return -1;
	*flags = number(at[NFTA_TABLE_FLAGS]);
	return 0;
}

int nft_table_find(struct nl *nl, uint8_t family, const char *table, uint32_t *flags_out,
		   struct err *err)
{
	const struct query query = { NFT_MSG_GETTABLE, family, table, NULL, NULL };

	return nl_query(nl, query_message(&query, NFTA_TABLE_NAME, 0), "get an nftables table",
			visit_table, flags_out, err);
}

static int visit_one_set(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	return parse_set(header, ctx, err);
}

int nft_set_find(struct nl *nl, uint8_t family, const char *table, const char *name,
		 struct nft_set *set_out, struct err *err)
{
	const struct query query = { NFT_MSG_GETSET, family, table, name, NULL };
	struct nft_set set = { .name = NULL };
	int found = nl_query(nl, query_message(&query, NFTA_SET_TABLE, NFTA_SET_NAME),
			     "get an nftables set", visit_one_set, &set, err);

	if (found <= 0)
		return found;
	set.name = name;
	*set_out = set;
	return 1;
}

/* The kernel replies with the element that it has found. */
static int visit_found(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct nlattr *at[NFTA_SET_ELEM_LIST_MAX + 1];
	struct nft_verdict *verdict = ctx;
	const struct nlattr *element, *data;
	const char *chain = "";

	*verdict = (struct nft_verdict){ .is_known = false };
	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_SET_ELEM_LIST_MAX, NULL, err) <
	    0)
		return -1;
	if (!at[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	element = nft_span_first(nft_span_inside(at[NFTA_SET_ELEM_LIST_ELEMENTS]));
	data = element ? nft_span_find(nft_span_inside(element), NFTA_SET_ELEM_DATA) : NULL;
	verdict->is_known = data &&
			    nft_span_verdict_of(nft_span_inside(data), &verdict->code, &chain);
	snprintf(verdict->chain, sizeof(verdict->chain), "%s", chain);
	return 0;
}

/* key NULL: the element for all keys that have none, which the kernel finds by its flag only. */
static int find_element(struct nl *nl, const struct query *query, const void *key, size_t size,
			struct nft_verdict *verdict_out, struct err *err)
{
	struct nl_msg *msg = query_message(query, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET);
	struct nlattr *list = nl_nest(msg, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, NULL, 0);
	struct nlattr *element = nl_nest(msg, NFTA_LIST_ELEM | NLA_F_NESTED, NULL, 0);

	if (key) {
		struct nlattr *data = nl_nest(msg, NFTA_SET_ELEM_KEY | NLA_F_NESTED, NULL, 0);

		nl_put(msg, NFTA_DATA_VALUE, key, size);
		nl_nest_end(msg, data);
	} else {
		nl_put_u32(msg, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_CATCHALL));
	}
	nl_nest_end(msg, element);
	nl_nest_end(msg, list);
	return nl_query(nl, msg, "get an element of an nftables set", visit_found, verdict_out,
			err);
}

int nft_element_find(struct nl *nl, uint8_t family, const char *table, const char *set,
		     const void *key, size_t size, struct nft_verdict *verdict_out, struct err *err)
{
	const struct query query = { NFT_MSG_GETSETELEM, family, table, set, NULL };
	int found = find_element(nl, &query, key, size, verdict_out, err);

	if (found)
		return found;
	found = find_element(nl, &query, NULL, 0, verdict_out, err);
	/* Linux before 5.13 has no such elements. */
	if (found < 0 && (err->sys_errno == EINVAL || err->sys_errno == EOPNOTSUPP)) {
		*err = ERR_INIT;
		return 0;
	}
	return found;
}

static int visit_generation(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[NFTA_GEN_MAX + 1] = { [NFTA_GEN_ID] = NUMBER };
	struct nlattr *at[NFTA_GEN_MAX + 1];
	uint32_t *generation = ctx;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_GEN_MAX, policy, err) < 0)
		return -1;
	if (!at[NFTA_GEN_ID])
		return err_set(err, ERR_DECODE, "the nftables generation has no number");
	*generation = number(at[NFTA_GEN_ID]);
	return 0;
}

int nft_generation(struct nl *nl, uint32_t *generation_out, struct err *err)
{
	const struct query query = { NFT_MSG_GETGEN, NFPROTO_UNSPEC, NULL, NULL, NULL };
	int there = nl_query(nl, query_message(&query, 0, 0), "get the nftables generation",
			     visit_generation, generation_out, err);

	if (there == 0)
		err_set(err, ERR_KERNEL, "the packet filter has no generation");
	return there > 0 ? 0 : -1;
}

int nft_change(struct nl *nl, nft_change_fn *change, void *ctx, struct err *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		uint32_t generation;
		int rc;

		*err = ERR_INIT;
		if (nft_generation(nl, &generation, err) < 0)
			return -1;
		rc = change(ctx, generation, err);
		if (rc >= 0 || err->sys_errno != ERESTART)
			return rc;
	}
	return err_wrap(err, "other programs keep changing packet rules");
}

struct counts {
	uint64_t packets, bytes;
};

static int visit_counter(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[NFTA_COUNTER_MAX + 1] = {
		[NFTA_COUNTER_BYTES] = LONG,
		[NFTA_COUNTER_PACKETS] = LONG,
	};
	struct nlattr *at[NFTA_OBJ_MAX + 1], *data[NFTA_COUNTER_MAX + 1];
	struct counts *counts = ctx;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_OBJ_MAX, NULL, err) < 0 ||
	    nl_nested(at[NFTA_OBJ_DATA], data, NFTA_COUNTER_MAX, policy, err) < 0)
		return -1;
	counts->packets = number64(data[NFTA_COUNTER_PACKETS]);
	counts->bytes = number64(data[NFTA_COUNTER_BYTES]);
	return 0;
}

int nft_counter_find(struct nl *nl, uint8_t family, const char *table, const char *name,
		     uint64_t *packets_out, uint64_t *bytes_out, struct err *err)
{
	const struct query query = { NFT_MSG_GETOBJ, family, table, name, NULL };
	struct nl_msg *msg = query_message(&query, NFTA_OBJ_TABLE, NFTA_OBJ_NAME);
	struct counts counts = { 0, 0 };
	int found;

	nl_put_u32(msg, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	found = nl_query(nl, msg, "get an nftables counter", visit_counter, &counts, err);
	if (found > 0) {
		*packets_out = counts.packets;
		*bytes_out = counts.bytes;
	}
	return found;
}

/* ---- Events ------------------------------------------------------------------------------ */

bool nft_event(const struct nlmsghdr *header, struct nft_event *event_out)
{
	/*
	 * Of every kind of object the first attribute is its table, of a rule the second its chain.
	 */
	static const struct nla_policy policy[NFTA_CHAIN_NAME + 1] = {
		[NFTA_TABLE_NAME] = TEXT,
	};
	struct nlattr *at[NFTA_CHAIN_NAME + 1];
	struct nft_event event = {
		.message = header->nlmsg_type & 0xff,
		.port = header->nlmsg_pid,
		.chain = "",
	};
	bool rule = event.message == NFT_MSG_NEWRULE || event.message == NFT_MSG_DELRULE;
	struct err unused;

	if (header->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || event.message == NFT_MSG_NEWGEN)
		return false;
	if (nl_attributes(header, sizeof(struct nfgenmsg), at, NFTA_CHAIN_NAME, policy, &unused) <
	    0)
		return false;
	event.family = family_of(header);
	event.table = text(at[NFTA_TABLE_NAME]);
	if (rule && at[NFTA_RULE_CHAIN] && nla_len(at[NFTA_RULE_CHAIN]) > 0 &&
	    !((const char *)nla_data(at[NFTA_RULE_CHAIN]))[nla_len(at[NFTA_RULE_CHAIN]) - 1])
		event.chain = nla_data(at[NFTA_RULE_CHAIN]);
	*event_out = event;
	return true;
}
