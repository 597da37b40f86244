/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that change something. */
#include "common/netfilter/nft.h"

#include "common/netlink/nl.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <string.h>

#define NAMES_SIZE 1024 /* room for a table's, a chain's or a set's name, and numbers */
#define ELEMENT_SIZE 64 /* at most, with its heads */
#define DEVICE_SIZE 32  /* a device's name, with its head */

/* As libnftnl writes a rule's user data: type, length, value (its udata.h). */
#define USERDATA_COMMENT 0

static struct nl_msg *message(uint16_t type, uint16_t flags, uint8_t family, size_t payload)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	return nl_message((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header,
			  sizeof(header), payload);
}

static void put_be32(struct nl_msg *msg, int type, uint32_t number)
{
	nl_put_u32(msg, type, htonl(number));
}

static void put_be64(struct nl_msg *msg, int type, uint64_t number)
{
	const uint64_t be = htobe64(number);

	nl_put(msg, type, &be, sizeof(be));
}

static struct nl_msg *new_table(uint8_t family, const char *table, uint16_t flags)
{
	struct nl_msg *msg = message(NFT_MSG_NEWTABLE, flags, family, NAMES_SIZE);

	nl_put_text(msg, NFTA_TABLE_NAME, table);
	return msg;
}

struct nl_msg *nft_table_add(uint8_t family, const char *table)
{
	return new_table(family, table, NLM_F_CREATE);
}

struct nl_msg *nft_table_create(uint8_t family, const char *table)
{
	return new_table(family, table, NLM_F_CREATE | NLM_F_EXCL);
}

struct nl_msg *nft_table_own(uint8_t family, const char *table)
{
	struct nl_msg *msg = nft_table_create(family, table);

	put_be32(msg, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	return msg;
}

struct nl_msg *nft_table_del(uint8_t family, const char *table)
{
	struct nl_msg *msg = message(NFT_MSG_DELTABLE, 0, family, NAMES_SIZE);

	nl_put_text(msg, NFTA_TABLE_NAME, table);
	return msg;
}

bool nft_devices_equal(const struct nft_devices *a, const struct nft_devices *b)
{
	if (a->len != b->len || a->len > NFT_CHAIN_DEVICES_MAX || a->prefixes != b->prefixes)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(a->name[i], b->name[i]) != 0)
			return false;
	return true;
}

bool nft_devices_has(const struct nft_devices *devices, const char *name)
{
	for (size_t i = 0; i < devices->len && i < NFT_CHAIN_DEVICES_MAX; i++) {
		const char *at = devices->name[i];
		bool is_prefix = devices->prefixes & 1U << i;

		if (!strncmp(name, at, is_prefix ? strlen(at) : IF_NAMESIZE))
			return true;
	}
	return false;
}

/* The attribute of a single device is also that of kernels without the list. */
static void put_devices(struct nl_msg *msg, const struct nft_devices *devices)
{
	struct nlattr *list;

	if (devices->len == 1) {
		nl_put_text(msg, NFTA_HOOK_DEV, devices->name[0]);
		return;
	}
	list = nl_nest(msg, NFTA_HOOK_DEVS | NLA_F_NESTED, NULL, 0);
	for (size_t i = 0; i < devices->len; i++)
		nl_put_text(msg, NFTA_DEVICE_NAME, devices->name[i]);
	nl_nest_end(msg, list);
}

struct nl_msg *nft_chain_add(const struct nft_chain *chain)
{
	const size_t devices = chain->devices ? chain->devices->len * DEVICE_SIZE : 0;
	struct nl_msg *msg = message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->family,
				     NAMES_SIZE + devices);
	struct nlattr *hook;

	nl_put_text(msg, NFTA_CHAIN_TABLE, chain->table);
	nl_put_text(msg, NFTA_CHAIN_NAME, chain->name);
	if (!chain->type)
		return msg;
	hook = nl_nest(msg, NFTA_CHAIN_HOOK | NLA_F_NESTED, NULL, 0);
	put_be32(msg, NFTA_HOOK_HOOKNUM, chain->hook);
	put_be32(msg, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	if (chain->devices)
		put_devices(msg, chain->devices);
	nl_nest_end(msg, hook);
	put_be32(msg, NFTA_CHAIN_POLICY, chain->policy);
	nl_put_text(msg, NFTA_CHAIN_TYPE, chain->type);
	return msg;
}

struct nl_msg *nft_chain_del(uint8_t family, const char *table, const char *chain)
{
	struct nl_msg *msg = message(NFT_MSG_DELCHAIN, 0, family, NAMES_SIZE);

	nl_put_text(msg, NFTA_CHAIN_TABLE, table);
	nl_put_text(msg, NFTA_CHAIN_NAME, chain);
	return msg;
}

struct nl_msg *nft_chain_flush(uint8_t family, const char *table, const char *chain)
{
	struct nl_msg *msg = message(NFT_MSG_DELRULE, 0, family, NAMES_SIZE);

	nl_put_text(msg, NFTA_RULE_TABLE, table);
	nl_put_text(msg, NFTA_RULE_CHAIN, chain);
	return msg;
}

struct nl_msg *nft_counter_add(uint8_t family, const char *table, const char *name,
			       uint64_t packets, uint64_t bytes)
{
	struct nl_msg *msg = message(NFT_MSG_NEWOBJ, NLM_F_CREATE, family, NAMES_SIZE);
	struct nlattr *data;

	nl_put_text(msg, NFTA_OBJ_TABLE, table);
	nl_put_text(msg, NFTA_OBJ_NAME, name);
	put_be32(msg, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	data = nl_nest(msg, NFTA_OBJ_DATA | NLA_F_NESTED, NULL, 0);
	put_be64(msg, NFTA_COUNTER_BYTES, bytes);
	put_be64(msg, NFTA_COUNTER_PACKETS, packets);
	nl_nest_end(msg, data);
	return msg;
}

/* As libnftnl writes it: the keys are in the host's byte order, so that `nft` shows names well. */
static const uint8_t host_order[] = { 0, sizeof(uint32_t), 1, 0, 0, 0 };

struct nl_msg *nft_set_add(uint8_t family, const char *table, const struct nft_set *set,
			   uint32_t id)
{
	struct nl_msg *msg = message(NFT_MSG_NEWSET, NLM_F_CREATE, family, NAMES_SIZE);
	struct nlattr *desc;

	nl_put_text(msg, NFTA_SET_TABLE, table);
	nl_put_text(msg, NFTA_SET_NAME, set->name);
	put_be32(msg, NFTA_SET_FLAGS, set->flags);
	put_be32(msg, NFTA_SET_KEY_TYPE, set->key_type);
	put_be32(msg, NFTA_SET_KEY_LEN, set->key_size);
	put_be32(msg, NFTA_SET_ID, id);
	if (set->limit) {
		desc = nl_nest(msg, NFTA_SET_DESC | NLA_F_NESTED, NULL, 0);
		put_be32(msg, NFTA_SET_DESC_SIZE, set->limit);
		nl_nest_end(msg, desc);
	}
	if (set->key_type == NFT_TYPE_IFNAME)
		nl_put(msg, NFTA_SET_USERDATA, host_order, sizeof(host_order));
	return msg;
}

struct nl_msg *nft_elements(bool add, uint8_t family, const char *table, const struct nft_set *set,
			    const struct nft_element *elements, size_t len)
{
	struct nl_msg *msg = message(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
				     add ? NLM_F_CREATE : 0, family,
				     NAMES_SIZE + len * ELEMENT_SIZE);
	struct nlattr *list;

	nl_put_text(msg, NFTA_SET_ELEM_LIST_TABLE, table);
	nl_put_text(msg, NFTA_SET_ELEM_LIST_SET, set->name);
	list = nl_nest(msg, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, NULL, 0);
	for (size_t i = 0; i < len; i++) {
		struct nlattr *element = nl_nest(msg, NFTA_LIST_ELEM | NLA_F_NESTED, NULL, 0);
		struct nlattr *key = nl_nest(msg, NFTA_SET_ELEM_KEY | NLA_F_NESTED, NULL, 0);

		nl_put(msg, NFTA_DATA_VALUE, elements[i].key, set->key_size);
		nl_nest_end(msg, key);
		if (elements[i].end)
			put_be32(msg, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
		nl_nest_end(msg, element);
	}
	nl_nest_end(msg, list);
	return msg;
}

static void put_comment(struct nl_msg *msg, const char *comment)
{
	uint8_t data[128];
	size_t size = strnlen(comment, sizeof(data) - 3) + 1;

	data[0] = USERDATA_COMMENT;
	data[1] = (uint8_t)size;
	memcpy(data + 2, comment, size);
	data[size + 1] = '\0';
	nl_put(msg, NFTA_RULE_USERDATA, data, size + 2);
}

struct nl_msg *nft_flow_table_add(uint8_t family, const char *table, const char *name,
				  const char *const *devices, size_t len)
{
	struct nl_msg *msg = message(NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE, family,
				     NAMES_SIZE + len * DEVICE_SIZE);
	struct nlattr *hook, *list;

	nl_put_text(msg, NFTA_FLOWTABLE_TABLE, table);
	nl_put_text(msg, NFTA_FLOWTABLE_NAME, name);
	hook = nl_nest(msg, NFTA_FLOWTABLE_HOOK | NLA_F_NESTED, NULL, 0);
	put_be32(msg, NFTA_FLOWTABLE_HOOK_NUM, NF_NETDEV_INGRESS);
	put_be32(msg, NFTA_FLOWTABLE_HOOK_PRIORITY, 0);
	list = len ? nl_nest(msg, NFTA_FLOWTABLE_HOOK_DEVS | NLA_F_NESTED, NULL, 0) : NULL;
	for (size_t i = 0; i < len; i++)
		nl_put_text(msg, NFTA_DEVICE_NAME, devices[i]);
	if (list)
		nl_nest_end(msg, list);
	nl_nest_end(msg, hook);
	return msg;
}

struct nl_msg *nft_rule_add(uint8_t family, const char *table, const char *chain,
			    const struct nft_expr *expr, const char *comment, uint64_t before)
{
	uint16_t flags = NLM_F_CREATE | (before ? 0 : NLM_F_APPEND);
	struct nl_msg *msg = message(NFT_MSG_NEWRULE, flags, family, NAMES_SIZE + NFT_EXPR_SIZE);

	nl_put_text(msg, NFTA_RULE_TABLE, table);
	nl_put_text(msg, NFTA_RULE_CHAIN, chain);
	nl_put(msg, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, expr->at, expr->size);
	if (before)
		put_be64(msg, NFTA_RULE_POSITION, before);
	if (comment)
		put_comment(msg, comment);
	return msg;
}

struct nl_msg *nft_rule_del(uint8_t family, const char *table, const char *chain, uint64_t handle)
{
	struct nl_msg *msg = message(NFT_MSG_DELRULE, 0, family, NAMES_SIZE);

	nl_put_text(msg, NFTA_RULE_TABLE, table);
	nl_put_text(msg, NFTA_RULE_CHAIN, chain);
	put_be64(msg, NFTA_RULE_HANDLE, handle);
	return msg;
}
