/* SPDX-License-Identifier: Apache-2.0 */
#include "lease_words.h"

#include "ipam/subnet.h"
#include "peer.h"

#include <stdio.h>

#define COPY                                                                                       \
	"that has this node's id: one of the two is a copy of the other. "                         \
	"End weftd on the copy, remove node.json from its state directory, and start weftd"

static const char *first_text(const struct prefix subnet[static FAMILIES],
			      char buf[static PREFIX_TEXT_SIZE])
{
	return prefix_text(&subnet[prefix_is_set(&subnet[FAMILY_V4]) ? FAMILY_V4 : FAMILY_V6], buf);
}

void lease_words_lost(const struct peer *owner, bool copy, char text[static LEASE_WORDS_SIZE])
{
	bool v4 = ipaddr_is_set(&owner->public_ip[FAMILY_V4]);
	char first[PREFIX_TEXT_SIZE], addr[IPADDR_TEXT_SIZE];

	snprintf(text, LEASE_WORDS_SIZE, "%s is leased by another %s (%s %s)%s",
		 first_text(owner->subnet, first), copy ? "machine" : "node", owner->name,
		 ipaddr_text(&owner->public_ip[v4 ? FAMILY_V4 : FAMILY_V6], addr),
		 copy ? " " COPY : "");
}

void lease_words_copy(const struct prefix subnet[static FAMILIES],
		      char text[static LEASE_WORDS_SIZE])
{
	char first[PREFIX_TEXT_SIZE];

	first_text(subnet, first);
	snprintf(text, LEASE_WORDS_SIZE,
		 "%s is leased by another machine " COPY
		 ". If that machine is no more: weftctl release %s",
		 first, first);
}

void lease_words_full(const struct subnet_plan *plan, char text[static LEASE_WORDS_SIZE])
{
	char network[PREFIX_TEXT_SIZE];

	snprintf(text, LEASE_WORDS_SIZE, "no free subnet: all %llu of %s are leased",
		 (unsigned long long)subnet_count(plan), prefix_text(&plan->network, network));
}
