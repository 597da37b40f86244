/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include "common/err.h"
#include "common/json.h"
#include "common/parse.h"
#include "config.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

static int subnets_cmp(const struct prefix a[static FAMILIES],
		       const struct prefix b[static FAMILIES])
{
	int order = prefix_cmp(&a[FAMILY_V4], &b[FAMILY_V4]);

	return order ? order : prefix_cmp(&a[FAMILY_V6], &b[FAMILY_V6]);
}

int peer_cmp(const void *a, const void *b)
{
	const struct peer *left = a, *right = b;

	return subnets_cmp(left->subnet, right->subnet);
}

static int bad_key(const char *key, struct err *err)
{
	return err_set(err, ERR_DECODE, "key \"%.80s\" is not of the form ADDRESS-LENGTH", key);
}

/* "10.5.1.0-24" of len bytes to a prefix. */
static int parse_part(const char *part, size_t len, struct prefix *prefix_out, struct err *err)
{
	char text[PREFIX_TEXT_SIZE];
	char *dash;

	if (len >= sizeof(text))
		return err_set(err, ERR_DECODE, "too long");
	memcpy(text, part, len);
	text[len] = '\0';
	dash = strrchr(text, '-');
	if (!dash)
		return err_set(err, ERR_DECODE, "no '-'");
	*dash = '/';
	return prefix_parse(text, prefix_out, err);
}

static bool has_host_bits(const struct prefix *subnet)
{
	struct prefix masked = prefix_masked(subnet);

	return !prefix_equal(&masked, subnet);
}

int peer_parse_key(const char *key, struct prefix subnet_out[static FAMILIES], struct err *err)
{
	const char *second = strchr(key, '&');
	size_t len = second ? (size_t)(second - key) : strlen(key);
	struct prefix subnet[FAMILIES] = { 0 }, part;

	if (parse_part(key, len, &part, err) < 0)
		return bad_key(key, err);
	subnet[part.addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4] = part;
	if (second) {
		if (part.addr.family != AF_INET ||
		    parse_part(second + 1, strlen(second + 1), &part, err) < 0 ||
		    part.addr.family != AF_INET6)
			return bad_key(key, err);
		subnet[FAMILY_V6] = part;
	}
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) && has_host_bits(&subnet[f]))
			return err_set(err, ERR_DECODE, "key \"%.80s\" has host bits set", key);
	memcpy(subnet_out, subnet, sizeof(subnet));
	return 0;
}

const char *peer_key(const struct prefix subnet[static FAMILIES], char buf[static PEER_KEY_SIZE])
{
	char addr[IPADDR_TEXT_SIZE];
	size_t len = 0;

	buf[0] = '\0';
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]))
			len += (size_t)snprintf(buf + len, PEER_KEY_SIZE - len, "%s%s-%u",
						len ? "&" : "", ipaddr_text(&subnet[f].addr, addr),
						subnet[f].len);
	return buf;
}

bool peer_is_key(const char *key, const struct prefix subnet[static FAMILIES])
{
	char written[PEER_KEY_SIZE];

	return !strcmp(peer_key(subnet, written), key);
}

static void read_data(const struct jr *data, struct peer *peer, enum family f)
{
	if (jr_is_absent(data))
		return;
	peer->vni[f] = jr_u32(data, "VNI", 0, UINT32_MAX);
	peer->vtep_mac[f] = jr_mac(data, "VtepMAC");
}

/* A dual lease without BackendV6Data is good for its IPv4 subnet. */
static void read_backend(const struct jr *root, struct peer *peer)
{
	bool v4 = prefix_is_set(&peer->subnet[FAMILY_V4]);
	struct jr data, v6_data;

	if (strcmp(jr_str_opt(root, "BackendType", 64, ""), "vxlan"))
		return;
	data = v4 ? jr_obj(root, "BackendData") : jr_obj_opt(root, "BackendData");
	v6_data = v4 ? jr_obj_opt(root, "BackendV6Data") : jr_obj(root, "BackendV6Data");
	read_data(&data, peer, FAMILY_V4);
	read_data(&v6_data, peer, FAMILY_V6);
}

/* "0.0.0.0" and "::" stand for none. */
static void read_public_ip(const struct jr *root, const char *key, bool needed, enum family f,
			   struct peer *peer)
{
	static const struct ipaddr none[FAMILIES] = { { .family = AF_INET },
						      { .family = AF_INET6 } };
	struct ipaddr addr = needed ? jr_ipaddr(root, key) : jr_ipaddr_opt(root, key);

	if (ipaddr_is_set(&addr) && addr.family != none[f].family)
		jr_fault(root, key, "is not an %s address", f == FAMILY_V4 ? "IPv4" : "IPv6");
	if (!ipaddr_equal(&addr, &none[f]))
		peer->public_ip[f] = addr;
}

static void read_weft(const struct jr *root, struct peer *peer)
{
	struct jr weft = jr_obj_opt(root, "Weft");
	const char *node = jr_str_opt(&weft, "Node", PEER_NODE_SIZE - 1, "");
	const char *name = jr_str_opt(&weft, "Name", 253, "");
	struct err err;

	if (*node && parse_uuid(node, &err) < 0)
		jr_fault(&weft, "Node", "%s", err.text);
	snprintf(peer->node, sizeof(peer->node), "%s", node);
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	peer->mtu = jr_u32_opt(&weft, "MTU", 0, 65535, 0);
	snprintf(peer->machine, sizeof(peer->machine), "%.*s", (int)sizeof(peer->machine) - 1,
		 jr_str_opt(&weft, "Machine", 64, ""));
}

int peer_parse(const struct store_entry *entry, struct peer *peer_out, struct err *err)
{
	struct peer peer = { .mod_revision = entry->mod_revision, .lease = entry->lease };
	AUTO(json) struct json *json = NULL;
	char written[PEER_KEY_SIZE];
	struct jr root;

	if (peer_parse_key(entry->key, peer.subnet, err) < 0)
		return -1;
	if (!peer_is_key(entry->key, peer.subnet))
		return err_set(err, ERR_DECODE, "key \"%.80s\" is another way of writing %s",
			       entry->key, peer_key(peer.subnet, written));
	if (json_parse(entry->value, entry->value_size, PEER_VALUE_MAX,
		       JSON_ANY_CASE | JSON_LAST_DUPLICATE, "lease", &json, err) < 0)
		return err_wrap(err, "key \"%.80s\"", entry->key);
	root = jr_root(json);
	read_public_ip(&root, "PublicIP", prefix_is_set(&peer.subnet[FAMILY_V4]), FAMILY_V4, &peer);
	read_public_ip(&root, "PublicIPv6", false, FAMILY_V6, &peer);
	read_backend(&root, &peer);
	read_weft(&root, &peer);
	if (jr_done(json, ERR_CONFIG, err) < 0)
		return err_wrap(err, "key \"%.80s\"", entry->key);
	*peer_out = peer;
	return 0;
}

static void put_public_ip(struct jb_at root, const struct peer *peer, enum family f)
{
	const char *key = f == FAMILY_V4 ? "PublicIP" : "PublicIPv6";

	if (ipaddr_is_set(&peer->public_ip[f]))
		jb_ipaddr(root, key, &peer->public_ip[f]);
	else if (f == FAMILY_V4 && prefix_is_set(&peer->subnet[f]))
		jb_str(root, key, "0.0.0.0");
	else
		jb_null(root, key);
}

static void put_data(struct jb_at root, const struct peer *peer, enum family f)
{
	struct jb_at data;

	if (!prefix_is_set(&peer->subnet[f]))
		return;
	if (f == FAMILY_V6 && prefix_is_set(&peer->subnet[FAMILY_V4]) &&
	    !ipaddr_is_set(&peer->public_ip[f]))
		return;
	data = jb_obj(root, f == FAMILY_V4 ? "BackendData" : "BackendV6Data");
	jb_u32(data, "VNI", peer->vni[f]);
	jb_mac(data, "VtepMAC", &peer->vtep_mac[f]);
}

int peer_value(const struct peer *peer, char **value_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, weft;

	if (!jb)
		return err_nomem(err, "the lease's value");
	root = jb_root(jb);
	put_public_ip(root, peer, FAMILY_V4);
	put_public_ip(root, peer, FAMILY_V6);
	jb_str(root, "BackendType", "vxlan");
	put_data(root, peer, FAMILY_V4);
	put_data(root, peer, FAMILY_V6);
	weft = jb_obj(root, "Weft");
	jb_str(weft, "Node", peer->node);
	jb_str(weft, "Name", peer->name);
	jb_u32(weft, "MTU", peer->mtu);
	if (peer->machine[0])
		jb_str(weft, "Machine", peer->machine);
	return jb_text(jb, value_out, err);
}

int peer_reserved_value(const struct peer *peer, char **value_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, weft;

	if (!jb)
		return err_nomem(err, "the reservation's value");
	root = jb_root(jb);
	put_public_ip(root, peer, FAMILY_V4);
	put_public_ip(root, peer, FAMILY_V6);
	jb_str(root, "BackendType", "reserved");
	if (peer->node[0]) {
		weft = jb_obj(root, "Weft");
		jb_str(weft, "Node", peer->node);
		jb_str(weft, "Name", peer->name);
	}
	return jb_text(jb, value_out, err);
}

/* The place where it is or belongs. */
static size_t peers_place(const struct peers *peers, const struct prefix subnet[static FAMILIES])
{
	size_t low = 0, high = peers->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (subnets_cmp(peers->at[middle].subnet, subnet) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct peer *peers_find(const struct peers *peers, const struct prefix subnet[static FAMILIES])
{
	size_t at = peers_place(peers, subnet);

	return at < peers->len && !subnets_cmp(peers->at[at].subnet, subnet) ? &peers->at[at] :
									       NULL;
}

bool peers_put(struct peers *peers, const struct peer *peer)
{
	size_t at = peers_place(peers, peer->subnet);

	if (at < peers->len && !peer_cmp(&peers->at[at], peer)) {
		peers->at[at] = *peer;
		return true;
	}
	if (!peers_push(peers, peer))
		return false;
	memmove(&peers->at[at + 1], &peers->at[at], (peers->len - 1 - at) * sizeof(*peer));
	peers->at[at] = *peer;
	return true;
}

bool peers_remove(struct peers *peers, const struct prefix subnet[static FAMILIES])
{
	size_t at = peers_place(peers, subnet);

	if (at == peers->len || subnets_cmp(peers->at[at].subnet, subnet))
		return false;
	peers->len--;
	memmove(&peers->at[at], &peers->at[at + 1], (peers->len - at) * sizeof(*peers->at));
	return true;
}
