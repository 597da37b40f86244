/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease.h"

#include "common/err.h"
#include "common/json/json.h"
#include "common/parse.h"
#include "daemon/store/store.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

static int subnets_cmp(const struct prefix a[static FAMILIES],
		       const struct prefix b[static FAMILIES])
{
	int order = prefix_cmp(&a[FAMILY_V4], &b[FAMILY_V4]);

	return order ? order : prefix_cmp(&a[FAMILY_V6], &b[FAMILY_V6]);
}

int lease_cmp(const void *a, const void *b)
{
	const struct lease *left = a, *right = b;

	return subnets_cmp(left->subnet, right->subnet);
}

static void read_data(const struct jr *data, struct lease *lease, enum family f)
{
	if (jr_is_absent(data))
		return;
	lease->vni[f] = jr_u32(data, "VNI", 0, UINT32_MAX);
	lease->vtep_mac[f] = jr_mac(data, "VtepMAC");
}

/* A dual-stack lease without BackendV6Data is valid for its IPv4 subnet. */
static void read_backend(const struct jr *root, struct lease *lease)
{
	bool v4 = prefix_is_set(&lease->subnet[FAMILY_V4]);
	struct jr data, v6_data;

	if (strcmp(jr_str_opt(root, "BackendType", 64, ""), "vxlan"))
		return;
	data = v4 ? jr_obj(root, "BackendData") : jr_obj_opt(root, "BackendData");
	v6_data = v4 ? jr_obj_opt(root, "BackendV6Data") : jr_obj(root, "BackendV6Data");
	read_data(&data, lease, FAMILY_V4);
	read_data(&v6_data, lease, FAMILY_V6);
}

/* "0.0.0.0" and "::" mean none. */
static void read_public_ip(const struct jr *root, const char *key, bool needed, enum family f,
			   struct lease *lease)
{
	static const struct ipaddr none[FAMILIES] = { { .family = AF_INET },
						      { .family = AF_INET6 } };
	struct ipaddr addr = needed ? jr_ipaddr(root, key) : jr_ipaddr_opt(root, key);

	if (ipaddr_is_set(&addr) && addr.family != none[f].family)
		jr_fault(root, key, "is not an %s address", f == FAMILY_V4 ? "IPv4" : "IPv6");
	if (!ipaddr_equal(&addr, &none[f]))
		lease->public_ip[f] = addr;
}

/* An address of the wrong family, "0.0.0.0" and "::" are none: peers only accept more by it. */
static void read_source_ip(const struct jr *weft, const char *key, enum family f,
			   struct lease *lease)
{
	const struct ipaddr addr = jr_ipaddr_opt(weft, key);

	if (!ipaddr_is_special(&addr) && addr.family == (f == FAMILY_V6 ? AF_INET6 : AF_INET))
		lease->source_ip[f] = addr;
}

static void read_weft(const struct jr *root, struct lease *lease)
{
	struct jr weft = jr_obj_opt(root, "Weft");
	const char *node = jr_str_opt(&weft, "Node", LEASE_NODE_SIZE - 1, "");
	const char *name = jr_str_opt(&weft, "Name", 253, "");
	struct err err ERR_UNSET;

	if (*node && parse_uuid(node, &err) < 0)
		jr_fault(&weft, "Node", "%s", err.text);
	snprintf(lease->node, sizeof(lease->node), "%s", node);
	snprintf(lease->name, sizeof(lease->name), "%s", name);
	lease->mtu = jr_u32_opt(&weft, "MTU", 0, 65535, 0);
	lease->probe = jr_bool_opt(&weft, "Probe", false);
	read_source_ip(&weft, "SourceIP", FAMILY_V4, lease);
	read_source_ip(&weft, "SourceIPv6", FAMILY_V6, lease);
	snprintf(lease->machine, sizeof(lease->machine), "%.*s", (int)sizeof(lease->machine) - 1,
		 jr_str_opt(&weft, "Machine", 64, ""));
}

int lease_parse(const struct store_entry *entry, struct lease *lease_out, struct err *err)
{
	struct lease lease = {
		.mod_revision = entry->mod_revision,
		.created = entry->created,
		.etcd_lease = entry->lease,
	};
	AUTO(json) struct json *json = NULL;
	char written[LEASE_KEY_SIZE];
	struct jr root;

	if (lease_parse_key(entry->key, lease.subnet, err) < 0)
		return -1;
	if (!lease_key_is_canonical(entry->key, lease.subnet))
		return err_set(err, ERR_DECODE, "key \"%.80s\" is a noncanonical spelling of %s",
			       entry->key, lease_key(lease.subnet, written));
	if (json_parse(entry->value, entry->value_size, LEASE_VALUE_MAX,
		       JSON_ANY_CASE | JSON_LAST_DUPLICATE, "lease", &json, err) < 0)
		return err_wrap(err, "key \"%.80s\"", entry->key);
	root = jr_root(json);
	read_public_ip(&root, "PublicIP", prefix_is_set(&lease.subnet[FAMILY_V4]), FAMILY_V4,
		       &lease);
	read_public_ip(&root, "PublicIPv6", false, FAMILY_V6, &lease);
	read_backend(&root, &lease);
	read_weft(&root, &lease);
	if (jr_done(json, ERR_CONFIG, err) < 0)
		return err_wrap(err, "key \"%.80s\"", entry->key);
	*lease_out = lease;
	return 0;
}

static void put_public_ip(struct jb_at root, const struct lease *lease, enum family f)
{
	const char *key = f == FAMILY_V4 ? "PublicIP" : "PublicIPv6";

	if (ipaddr_is_set(&lease->public_ip[f]))
		jb_ipaddr(root, key, &lease->public_ip[f]);
	else if (f == FAMILY_V4 && prefix_is_set(&lease->subnet[f]))
		jb_str(root, key, "0.0.0.0");
	else
		jb_null(root, key);
}

static void put_data(struct jb_at root, const struct lease *lease, enum family f)
{
	struct jb_at data;

	if (!prefix_is_set(&lease->subnet[f]))
		return;
	if (f == FAMILY_V6 && prefix_is_set(&lease->subnet[FAMILY_V4]) &&
	    !ipaddr_is_set(&lease->public_ip[f]))
		return;
	data = jb_obj(root, f == FAMILY_V4 ? "BackendData" : "BackendV6Data");
	jb_u32(data, "VNI", lease->vni[f]);
	jb_mac(data, "VtepMAC", &lease->vtep_mac[f]);
}

int lease_value(const struct lease *lease, char **value_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, weft;

	if (!jb)
		return err_nomem(err, "the lease value");
	root = jb_root(jb);
	put_public_ip(root, lease, FAMILY_V4);
	put_public_ip(root, lease, FAMILY_V6);
	jb_str(root, "BackendType", "vxlan");
	put_data(root, lease, FAMILY_V4);
	put_data(root, lease, FAMILY_V6);
	weft = jb_obj(root, "Weft");
	jb_str(weft, "Node", lease->node);
	jb_str(weft, "Name", lease->name);
	jb_u32(weft, "MTU", lease->mtu);
	if (lease->machine[0])
		jb_str(weft, "Machine", lease->machine);
	if (lease->probe)
		jb_bool(weft, "Probe", true);
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&lease->source_ip[f]))
			jb_ipaddr(weft, f == FAMILY_V4 ? "SourceIP" : "SourceIPv6",
				  &lease->source_ip[f]);
	return jb_text(jb, value_out, err);
}

int lease_reserved_value(const struct lease *lease, char **value_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, weft;

	if (!jb)
		return err_nomem(err, "the reservation value");
	root = jb_root(jb);
	put_public_ip(root, lease, FAMILY_V4);
	put_public_ip(root, lease, FAMILY_V6);
	jb_str(root, "BackendType", "reserved");
	if (lease->node[0]) {
		weft = jb_obj(root, "Weft");
		jb_str(weft, "Node", lease->node);
		jb_str(weft, "Name", lease->name);
	}
	return jb_text(jb, value_out, err);
}

/* Returns the index of the key, or the one at which it has to be inserted. */
static size_t find_position(const struct leases *leases,
			    const struct prefix subnet[static FAMILIES])
{
	size_t low = 0, high = leases->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (subnets_cmp(leases->at[middle].subnet, subnet) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct lease *leases_find(const struct leases *leases, const struct prefix subnet[static FAMILIES])
{
	size_t at = find_position(leases, subnet);

	return at < leases->len && !subnets_cmp(leases->at[at].subnet, subnet) ? &leases->at[at] :
										 NULL;
}

bool leases_put(struct leases *leases, const struct lease *lease)
{
	struct lease *there = leases_find(leases, lease->subnet);

	if (there) {
		*there = *lease;
		return true;
	}
	if (!leases_push(leases, lease))
		return false;
	vec_insert(leases->at, leases->len - 1, sizeof(*lease), lease_cmp, lease, 1);
	return true;
}

bool leases_remove(struct leases *leases, const struct prefix subnet[static FAMILIES])
{
	size_t at = find_position(leases, subnet);

	if (at == leases->len || subnets_cmp(leases->at[at].subnet, subnet))
		return false;
	leases->len--;
	memmove(&leases->at[at], &leases->at[at + 1], (leases->len - at) * sizeof(*leases->at));
	return true;
}
