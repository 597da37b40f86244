/* SPDX-License-Identifier: Apache-2.0 */
/* Messages for why a lease is not held, with the remedy. Used by lease_client.c. Pure. */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>

struct config;
struct lease;
struct subnet_pool;

#define LEASE_MESSAGE_SIZE 480

/* The node's subnet is now in owner's lease. clone: owner has this node's id. */
void lease_message_lost(const struct lease *owner, bool clone,
			char text[static LEASE_MESSAGE_SIZE]);
/* The subnet is leased by another machine with this node's id. */
void lease_message_clone(const struct prefix subnet[static FAMILIES],
			 char text[static LEASE_MESSAGE_SIZE]);
/* The pool has no free subnet. */
void lease_message_full(const struct subnet_pool *pool, char text[static LEASE_MESSAGE_SIZE]);
/* A subnet is reserved for this node that the configuration does not contain. */
void lease_message_unsuitable(const struct config *config,
			      const struct prefix subnet[static FAMILIES],
			      char text[static LEASE_MESSAGE_SIZE]);
