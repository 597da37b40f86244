/* SPDX-License-Identifier: Apache-2.0 */
/* Building and parsing of messages and attributes, without a socket. */
#include "common/netlink/nl.h"

#include "common/err.h"
#include "common/ipaddr.h"

#include <assert.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

struct nl_msg *nl_message(uint16_t type, uint16_t flags, const void *header, size_t size,
			  size_t payload)
{
	struct nl_msg *msg = nlmsg_alloc_size(NLMSG_SPACE(size) + payload);
	struct nlmsghdr *start;

	if (!msg)
		return NULL;
	start = nlmsg_put(msg, 0, 0, type, (int)size, flags | NLM_F_REQUEST);
	assert(start);
	memcpy(nlmsg_data(start), header, size);
	return msg;
}

void nl_put(struct nl_msg *msg, int type, const void *data, size_t size)
{
	int status = msg ? nla_put(msg, type, (int)size, data) : 0;

	assert(status == 0);
	(void)status;
}

void nl_put_u8(struct nl_msg *msg, int type, uint8_t value)
{
	nl_put(msg, type, &value, sizeof(value));
}

void nl_put_u16(struct nl_msg *msg, int type, uint16_t value)
{
	nl_put(msg, type, &value, sizeof(value));
}

void nl_put_u32(struct nl_msg *msg, int type, uint32_t value)
{
	nl_put(msg, type, &value, sizeof(value));
}

void nl_put_text(struct nl_msg *msg, int type, const char *text)
{
	nl_put(msg, type, text, strlen(text) + 1);
}

void nl_put_addr(struct nl_msg *msg, int type, const struct ipaddr *addr)
{
	const void *wire;
	size_t size;

	if (!ipaddr_is_set(addr))
		return;
	wire = ipaddr_wire(addr, &size);
	nl_put(msg, type, wire, size);
}

struct nlattr *nl_nest(struct nl_msg *msg, int type, const void *header, size_t size)
{
	struct nlattr *nest;
	int status = 0;

	if (!msg)
		return NULL;
	nest = nla_nest_start(msg, type);
	if (size)
		status = nlmsg_append(msg, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO);
	assert(nest && status == 0);
	(void)status;
	return nest;
}

void nl_nest_end(struct nl_msg *msg, struct nlattr *nest)
{
	if (msg)
		nla_nest_end(msg, nest);
}

static int parse(const void *attributes, size_t size, struct nlattr *table[], int max,
		 const struct nla_policy *policy, struct err *err)
{
	/* libnl only reads the attributes, but its parameter is not const. */
	if (nla_parse(table, max, (void *)(uintptr_t)attributes, (int)size, policy) < 0)
		return err_set(err, ERR_DECODE, "malformed netlink attributes");
	return 0;
}

int nl_attributes(const struct nlmsghdr *header, size_t size, struct nlattr *table[], int max,
		  const struct nla_policy *policy, struct err *err)
{
	size_t start = NLMSG_SPACE(size);
	size_t length = header->nlmsg_len;

	if (length < NLMSG_LENGTH(size))
		return err_set(err, ERR_DECODE, "netlink message of type %u truncated at %zu bytes",
			       header->nlmsg_type, length);
	return parse((const char *)header + start, length > start ? length - start : 0, table, max,
		     policy, err);
}

int nl_nested(const struct nlattr *nest, struct nlattr *table[], int max,
	      const struct nla_policy *policy, struct err *err)
{
	return parse(nest ? nla_data(nest) : NULL, nest ? (size_t)nla_len(nest) : 0, table, max,
		     policy, err);
}

uint8_t nl_u8(const struct nlattr *attr)
{
	return attr ? nla_get_u8(attr) : 0;
}

uint32_t nl_u32(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

int nl_addr(const struct nlattr *attr, struct ipaddr *addr_out, struct err *err)
{
	if (!attr) {
		*addr_out = (struct ipaddr){ 0 };
		return 0;
	}
	return ipaddr_from_wire(nla_data(attr), (size_t)nla_len(attr), addr_out, err);
}
