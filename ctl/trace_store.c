/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trace_store.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/json/json.h"
#include "ipam/lease_key.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096
#define SNAPSHOT_MAX (64 << 20) /* as the answers of weftd */

/* ---- weftd ------------------------------------------------------------------------------- */

/* The subnet of the peer with the address; unset: it is another peer. */
static struct prefix subnet_with(const struct jr *peer, const struct ipaddr *addr)
{
	static const char *const keys[] = { "subnet", "subnet6" };

	for (size_t i = 0; i < 2; i++) {
		struct prefix subnet = jr_prefix_opt(peer, keys[i]);

		if (prefix_is_set(&subnet) && prefix_has(&subnet, addr))
			return subnet;
	}
	return (struct prefix){ .len = 0 };
}

static struct ipaddr address_at(const struct jr *at, const char *key)
{
	struct ipaddr none = { .family = AF_UNSPEC };

	return *jr_str_opt(at, key, TEXT_MAX, "") ? jr_ipaddr(at, key) : none;
}

void trace_store_peers(const struct jr *peers, const char *network, const struct ipaddr *addr,
		       struct trace_peer *peer_out)
{
	struct jr at;

	for (size_t i = 0; !peer_out->found && jr_each(peers, &i, &at);) {
		struct trace_peer peer = { .found = true };

		if (strcmp(jr_str_opt(&at, "network", TEXT_MAX, ""), network) != 0)
			continue;
		peer.subnet = subnet_with(&at, addr);
		if (!prefix_is_set(&peer.subnet))
			continue;
		if (jr_has(&at, "vtep_mac"))
			peer.vtep_mac = jr_mac(&at, "vtep_mac");
		peer.public_ip[FAMILY_V4] = address_at(&at, "public_ip");
		peer.public_ip[FAMILY_V6] = address_at(&at, "public_ipv6");
		peer.mtu = jr_u32_opt(&at, "mtu", 0, UINT32_MAX, 0);
		snprintf(peer.name, sizeof(peer.name), "%.*s", (int)sizeof(peer.name) - 1,
			 jr_str_opt(&at, "node_name", TEXT_MAX, ""));
		if (!strcmp(jr_str_opt(&at, "state", TEXT_MAX, ""), "refused"))
			snprintf(peer.refused, sizeof(peer.refused), "%.*s",
				 (int)sizeof(peer.refused) - 1,
				 jr_str_opt(&at, "reason", TEXT_MAX, "refused"));
		*peer_out = peer;
	}
}

/* ---- The snapshot ------------------------------------------------------------------------ */

/* The subnet of a lease key that has the address; unset: none, or the key is invalid. */
static struct prefix key_with(const char *key, const struct ipaddr *addr)
{
	struct prefix subnet[FAMILIES] = { 0 };
	const enum family family = ipaddr_family(addr);
	struct err ignored;

	if (lease_parse_key(key, subnet, &ignored) < 0 || !prefix_is_set(&subnet[family]) ||
	    !prefix_has(&subnet[family], addr))
		return (struct prefix){ .len = 0 };
	return subnet[family];
}

static void read_lease(const struct jr *value, enum family family, struct trace_peer *peer)
{
	struct jr data = jr_obj_opt(value, family == FAMILY_V6 ? "BackendV6Data" : "BackendData");
	struct jr other = jr_obj_opt(value, "BackendData");
	struct jr weft = jr_obj_opt(value, "Weft");

	if (!jr_is_absent(&data) && jr_has(&data, "VtepMAC"))
		peer->vtep_mac = jr_mac(&data, "VtepMAC");
	else if (!jr_is_absent(&other) && jr_has(&other, "VtepMAC"))
		peer->vtep_mac = jr_mac(&other, "VtepMAC");
	peer->public_ip[FAMILY_V4] = address_at(value, "PublicIP");
	peer->public_ip[FAMILY_V6] = address_at(value, "PublicIPv6");
	if (jr_is_absent(&weft))
		return;
	peer->mtu = jr_u32_opt(&weft, "MTU", 0, UINT32_MAX, 0);
	snprintf(peer->name, sizeof(peer->name), "%.*s", (int)sizeof(peer->name) - 1,
		 jr_str_opt(&weft, "Name", TEXT_MAX, ""));
}

/* The value of a key that has the address. */
static int parse_lease(const struct json_text *value, const struct ipaddr *addr,
		       struct trace_peer *peer, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (json_parse(value->at, value->size, SNAPSHOT_MAX, JSON_STRICT, "a lease in the snapshot",
		       &json, err) < 0)
		return -1;
	root = jr_root(json);
	read_lease(&root, ipaddr_family(addr), peer);
	return jr_done(json, ERR_DECODE, err);
}

/* Parses the one lease that is needed: the snapshot has all leases of the network. */
static int parse_snapshot(const char *text, size_t size, const struct ipaddr *addr,
			  struct trace_peer *peer_out, struct err *err)
{
	struct json_member subnets = { .path = { "subnets" } };
	struct trace_peer peer = { .found = false };
	struct json_text name, value;

	if (json_find(text, size, SNAPSHOT_MAX, "the snapshot of the leases", &subnets, 1, err) < 0)
		return -1;
	if (!subnets.text || *subnets.text != '{')
		return err_set(err, ERR_DECODE, "the snapshot of the leases has no subnets");
	for (size_t at = 0; !peer.found && json_next_member(&subnets, &at, &name, &value);) {
		char key[LEASE_KEY_SIZE];

		if (name.size >= sizeof(key))
			continue;
		memcpy(key, name.at, name.size);
		key[name.size] = '\0';
		peer.subnet = key_with(key, addr);
		peer.found = prefix_is_set(&peer.subnet);
	}
	if (peer.found && parse_lease(&value, addr, &peer, err) < 0)
		return -1;
	*peer_out = peer;
	return 0;
}

int trace_store_snapshot(const char *state_dir, const char *network, const struct ipaddr *addr,
			 struct trace_peer *peer_out, struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int dir_fd = -1;
	char name[STATE_NETWORK_NAME_SIZE + 8];
	size_t size = 0;
	int found = fs_open_subdir(state_dir, "networks", false, &dir_fd, err);

	snprintf(name, sizeof(name), "%s.json", network);
	if (found > 0)
		found = fs_read(dir_fd, name, SNAPSHOT_MAX, &text, &size, err);
	if (found <= 0)
		return found;
	return parse_snapshot(text, size, addr, peer_out, err) < 0 ? -1 : 1;
}
