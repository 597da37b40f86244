/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of network devices: list, add, delete. */
#pragma once

#include "ipaddr.h"

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
 * Every address of one device (index 0: of all), in the kernel's order. family is
 * AF_INET, AF_INET6, or AF_UNSPEC for both.
 */
typedef int addr_visit_fn(void *ctx, const struct addr *addr, struct err *err);
int addr_each(struct nl *nl, uint32_t index, uint8_t family, addr_visit_fn *visit,
	      void (*restart)(void *ctx), void *ctx, struct err *err);

/*
 * From an RTM_NEWADDR or RTM_DELADDR message, as events have them. 1 parsed, 0 it is of neither
 * family, -1 failed.
 */
int addr_parse(const struct nlmsghdr *header, struct addr *addr_out, struct err *err);

/* The message that adds it, without duplicate address detection (IFA_F_NODAD). */
struct nl_msg *addr_add_message(uint32_t index, const struct prefix *prefix);

/* 1 added, 0 was there, -1 failed. */
int addr_ensure(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err);
/* 1 deleted, 0 was not there, -1 failed. */
int addr_del(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err);
