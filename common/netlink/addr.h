/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of network devices: list, add, delete. */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct nl_msg;
struct nlmsghdr;

struct addr {
	struct prefix prefix; /* the address with its network's length */
	uint32_t index;       /* the device */
	uint8_t scope;        /* RT_SCOPE_* */
	uint32_t flags;       /* IFA_F_* */
};

/*
 * Visits every address of one device (index 0: of all), in the kernel's order. family is AF_INET,
 * AF_INET6, or AF_UNSPEC for both. restart: see struct nl_dump. Returns 0 or -1.
 */
typedef int addr_visit_fn(void *ctx, const struct addr *addr, struct err *err);
int addr_each(struct nl *nl, uint32_t index, uint8_t family, addr_visit_fn *visit,
	      void (*restart)(void *ctx), void *ctx, struct err *err);

#define ADDR_EACH_IN_MAX 1024

/*
 * As addr_each, of a device in the namespace with this id, without entering it (IFA_TARGET_NETNSID,
 * since Linux 4.20). Requires CAP_NET_ADMIN in the user namespace that owns it; -1 with sys_errno
 * EINVAL if there is no such namespace, with ERR_AGAIN if the device has more than ADDR_EACH_IN_MAX
 * addresses or they change all the time. After -1, the socket must be freed (struct nl_dump).
 * family is not AF_UNSPEC.
 */
int addr_each_in(struct nl *nl, int32_t netns, uint32_t index, uint8_t family, addr_visit_fn *visit,
		 void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * Parses an RTM_NEWADDR or RTM_DELADDR message. Returns 1 parsed, 0 of another family, -1 failed.
 */
int addr_parse(const struct nlmsghdr *header, struct addr *addr_out, struct err *err);

/* Returns the message that adds an address, without duplicate address detection (IFA_F_NODAD). */
struct nl_msg *addr_add_message(uint32_t index, const struct prefix *prefix);

/* Adds the address. Returns 1 added, 0 present already, -1 failed. */
int addr_ensure(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err);
/* Deletes the address. Returns 1 deleted, 0 absent, -1 failed. */
int addr_del(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err);
