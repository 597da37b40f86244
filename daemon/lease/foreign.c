/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/foreign.h"

#include <stdio.h>

void foreign_free(struct foreign *foreign)
{
	foreign_prefixes_free(&foreign->prefixes);
	foreign_addresses_free(&foreign->addresses);
	foreign_macs_free(&foreign->macs);
}

/* ---- Collection --------------------------------------------------------------------------- */

static bool add_local(struct foreign *foreign, const struct ipaddr *addr, enum foreign_kind kind,
		      const char *device)
{
	struct foreign_address entry = { .addr = *addr, .kind = kind };

	snprintf(entry.device, sizeof(entry.device), "%s", device);
	return foreign_addresses_push(&foreign->addresses, &entry);
}

static bool add_prefix(struct foreign *foreign, const struct prefix *prefix,
		       const struct ipaddr *addr, const struct foreign_device *device)
{
	struct foreign_prefix entry = { .prefix = prefix_masked(prefix), .device = *device };

	if (addr)
		entry.addr = *addr;
	return foreign_prefixes_push(&foreign->prefixes, &entry);
}

bool foreign_add_address(struct foreign *foreign, const struct prefix *addr,
			 const struct foreign_device *device, bool is_foreign)
{
	/* Of a longer prefix, each address is a host's (RFC 3021, RFC 6164). */
	const bool has_edges = addr->len + 1U < ipaddr_bits(&addr->addr);
	struct ipaddr first = prefix_first(addr), last = prefix_last(addr);

	if (ipaddr_is_special(&addr->addr))
		return true;
	if (!add_local(foreign, &addr->addr, FOREIGN_LOCAL, device->name) ||
	    (has_edges && !add_local(foreign, &first, FOREIGN_NETWORK, device->name)) ||
	    (has_edges && addr->addr.family == AF_INET &&
	     !add_local(foreign, &last, FOREIGN_BROADCAST, device->name)))
		return false;
	return !is_foreign || add_prefix(foreign, addr, &addr->addr, device);
}

bool foreign_add_route(struct foreign *foreign, const struct prefix *dst,
		       const struct foreign_device *device)
{
	return !dst->len || ipaddr_is_special(&dst->addr) || add_prefix(foreign, dst, NULL, device);
}

bool foreign_add_mac(struct foreign *foreign, const struct mac *mac, const char *device)
{
	struct foreign_mac entry = { .mac = *mac };

	if (!mac_is_unicast(mac))
		return true;
	snprintf(entry.device, sizeof(entry.device), "%s", device);
	return foreign_macs_push(&foreign->macs, &entry);
}

/* ---- Order -------------------------------------------------------------------------------- */

/* An entry with an address is before one without, which is its route. */
static int prefix_order(const void *a, const void *b)
{
	const struct foreign_prefix *left = a, *right = b;
	int order = prefix_cmp(&left->prefix, &right->prefix);

	if (!order)
		order = strcmp(left->device.name, right->device.name);
	return order ? order : -ipaddr_cmp(&left->addr, &right->addr);
}

static int address_order(const void *a, const void *b)
{
	const struct foreign_address *left = a, *right = b;
	int order = ipaddr_cmp(&left->addr, &right->addr);

	if (!order)
		order = (left->kind > right->kind) - (left->kind < right->kind);
	return order ? order : strcmp(left->device, right->device);
}

static int mac_order(const void *a, const void *b)
{
	const struct foreign_mac *left = a, *right = b;
	int order = mac_cmp(&left->mac, &right->mac);

	return order ? order : strcmp(left->device, right->device);
}

void foreign_macs_sort(struct foreign_macs *macs)
{
	vec_sort(macs->at, macs->len, sizeof(*macs->at), mac_order);
}

bool foreign_macs_equal(const struct foreign_macs *a, const struct foreign_macs *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (mac_order(&a->at[i], &b->at[i]))
			return false;
	return true;
}

void foreign_sort(struct foreign *foreign)
{
	struct foreign_prefixes *prefixes = &foreign->prefixes;
	size_t kept = 0;

	vec_sort(prefixes->at, prefixes->len, sizeof(*prefixes->at), prefix_order);
	vec_sort(foreign->addresses.at, foreign->addresses.len, sizeof(*foreign->addresses.at),
		 address_order);
	foreign_macs_sort(&foreign->macs);
	for (size_t i = 0; i < prefixes->len; i++) {
		const struct foreign_prefix *last = kept ? &prefixes->at[kept - 1] : NULL;

		if (!last || !prefix_equal(&last->prefix, &prefixes->at[i].prefix) ||
		    strcmp(last->device.name, prefixes->at[i].device.name) != 0)
			prefixes->at[kept++] = prefixes->at[i];
	}
	prefixes->len = kept;
	/* Kept for as long as weftd runs, once per network. */
	foreign_prefixes_shrink(prefixes);
	foreign_addresses_shrink(&foreign->addresses);
	foreign_macs_shrink(&foreign->macs);
}

bool foreign_equal(const struct foreign *a, const struct foreign *b)
{
	if (a->prefixes.len != b->prefixes.len || a->addresses.len != b->addresses.len)
		return false;
	for (size_t i = 0; i < a->prefixes.len; i++)
		if (prefix_order(&a->prefixes.at[i], &b->prefixes.at[i]))
			return false;
	for (size_t i = 0; i < a->addresses.len; i++)
		if (address_order(&a->addresses.at[i], &b->addresses.at[i]))
			return false;
	return foreign_macs_equal(&a->macs, &b->macs);
}

/* ---- Look-ups ----------------------------------------------------------------------------- */

const struct foreign_address *foreign_find_address(const struct foreign *foreign,
						   const struct ipaddr *addr)
{
	const struct foreign_address key = { .addr = *addr };
	size_t at;

	if (!foreign)
		return NULL;
	at = vec_place(foreign->addresses.at, foreign->addresses.len, sizeof(key), address_order,
		       &key);
	return at < foreign->addresses.len && ipaddr_equal(&foreign->addresses.at[at].addr, addr) ?
		       &foreign->addresses.at[at] :
		       NULL;
}

const struct foreign_mac *foreign_macs_find(const struct foreign_macs *macs, const struct mac *mac)
{
	const struct foreign_mac key = { .mac = *mac };
	size_t at;

	if (!macs)
		return NULL;
	at = vec_place(macs->at, macs->len, sizeof(key), mac_order, &key);
	return at < macs->len && !mac_cmp(&macs->at[at].mac, mac) ? &macs->at[at] : NULL;
}

const struct foreign_mac *foreign_find_mac(const struct foreign *foreign, const struct mac *mac)
{
	return foreign_macs_find(foreign ? &foreign->macs : NULL, mac);
}

bool foreign_holds(const struct foreign_prefix *prefix, const struct prefix subnet[static FAMILIES])
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) && (prefix_covers(&subnet[f], &prefix->prefix) ||
						  prefix_has(&subnet[f], &prefix->addr)))
			return true;
	return false;
}

const struct foreign_prefix *foreign_find_holder(const struct foreign *foreign,
						 const struct prefix subnet[static FAMILIES])
{
	for (size_t i = 0; foreign && i < foreign->prefixes.len; i++)
		if (foreign_holds(&foreign->prefixes.at[i], subnet))
			return &foreign->prefixes.at[i];
	return NULL;
}

const char *foreign_command(const struct foreign_prefix *prefix, char buf[static FOREIGN_TEXT_SIZE])
{
	const bool has_address = ipaddr_is_set(&prefix->addr);
	struct prefix shown = prefix->prefix;
	char text[PREFIX_TEXT_SIZE];

	if (has_address)
		shown.addr = prefix->addr;
	prefix_text(&shown, text);
	if (prefix->device.is_virtual)
		snprintf(buf, FOREIGN_TEXT_SIZE, "ip link delete %s", prefix->device.name);
	else if (has_address)
		snprintf(buf, FOREIGN_TEXT_SIZE, "ip address del %s dev %s", text,
			 prefix->device.name);
	else
		snprintf(buf, FOREIGN_TEXT_SIZE, "ip route del %s dev %s", text,
			 prefix->device.name);
	return buf;
}

const char *foreign_holder_text(const struct foreign_prefix *holder,
				char buf[static FOREIGN_TEXT_SIZE])
{
	char text[PREFIX_TEXT_SIZE], command[FOREIGN_TEXT_SIZE];

	snprintf(
		buf, FOREIGN_TEXT_SIZE,
		"device %s has %s in this node's subnet, new containers would be unreachable: move "
		"its containers away and run: %.96s",
		holder->device.name, prefix_text(&holder->prefix, text),
		foreign_command(holder, command));
	return buf;
}

bool foreign_occupies(const struct foreign_prefix *prefix, const struct prefix *network)
{
	return prefix_overlaps(&prefix->prefix, network) &&
	       !prefix_covers(&prefix->prefix, network);
}
