/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include "common/err.h"
#include "common/json.h"
#include "common/parse.h"
#include "config.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

int peer_cmp(const void *a, const void *b)
{
	const struct peer *left = a, *right = b;

	return prefix_cmp(&left->subnet, &right->subnet);
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

int peer_parse_key(const char *key, struct prefix *subnet_out, struct err *err)
{
	const char *v6 = strchr(key, '&');
	size_t len = v6 ? (size_t)(v6 - key) : strlen(key);
	struct prefix subnet, second, masked;

	if (parse_part(key, len, &subnet, err) < 0 || subnet.addr.family != AF_INET)
		return bad_key(key, err);
	if (v6 && (parse_part(v6 + 1, strlen(v6 + 1), &second, err) < 0 ||
		   second.addr.family != AF_INET6))
		return bad_key(key, err);
	masked = prefix_masked(&subnet);
	if (!prefix_equal(&masked, &subnet))
		return err_set(err, ERR_DECODE, "key \"%.80s\" has host bits set", key);
	*subnet_out = subnet;
	return 0;
}

const char *peer_key(const struct prefix *subnet, char buf[static PEER_KEY_SIZE])
{
	char addr[IPADDR_TEXT_SIZE];

	snprintf(buf, PEER_KEY_SIZE, "%s-%u", ipaddr_text(&subnet->addr, addr), subnet->len);
	return buf;
}

static void read_backend(const struct jr *root, struct peer *peer)
{
	struct jr data;

	if (strcmp(jr_str_opt(root, "BackendType", 64, ""), "vxlan"))
		return;
	data = jr_obj(root, "BackendData");
	peer->vni = jr_u32(&data, "VNI", 0, UINT32_MAX);
	peer->vtep_mac = jr_mac(&data, "VtepMAC");
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
}

int peer_parse(const struct store_entry *entry, struct peer *peer_out, struct err *err)
{
	struct peer peer = { .mod_revision = entry->mod_revision, .lease = entry->lease };
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (peer_parse_key(entry->key, &peer.subnet, err) < 0)
		return -1;
	if (json_parse(entry->value, entry->value_size, PEER_VALUE_MAX,
		       JSON_ANY_CASE | JSON_LAST_DUPLICATE, "lease", &json, err) < 0)
		return err_wrap(err, "key \"%.80s\"", entry->key);
	root = jr_root(json);
	peer.public_ip = jr_ipaddr(&root, "PublicIP");
	if (ipaddr_is_set(&peer.public_ip) && peer.public_ip.family != AF_INET)
		jr_fault(&root, "PublicIP", "is not an IPv4 address");
	read_backend(&root, &peer);
	read_weft(&root, &peer);
	if (jr_done(json, ERR_CONFIG, err) < 0)
		return err_wrap(err, "key \"%.80s\"", entry->key);
	*peer_out = peer;
	return 0;
}

int peer_value(const struct peer *peer, char **value_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, data, weft;

	if (!jb)
		return err_nomem(err, "the lease's value");
	root = jb_root(jb);
	jb_ipaddr(root, "PublicIP", &peer->public_ip);
	jb_null(root, "PublicIPv6");
	jb_str(root, "BackendType", "vxlan");
	data = jb_obj(root, "BackendData");
	jb_u32(data, "VNI", peer->vni);
	jb_mac(data, "VtepMAC", &peer->vtep_mac);
	weft = jb_obj(root, "Weft");
	jb_str(weft, "Node", peer->node);
	jb_str(weft, "Name", peer->name);
	jb_u32(weft, "MTU", peer->mtu);
	return jb_text(jb, value_out, err);
}

/* The place where it is or belongs. */
static size_t peers_place(const struct peers *peers, const struct prefix *subnet)
{
	size_t low = 0, high = peers->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_cmp(&peers->at[middle].subnet, subnet) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct peer *peers_find(const struct peers *peers, const struct prefix *subnet)
{
	size_t at = peers_place(peers, subnet);

	return at < peers->len && prefix_equal(&peers->at[at].subnet, subnet) ? &peers->at[at] :
										NULL;
}

bool peers_put(struct peers *peers, const struct peer *peer)
{
	size_t at = peers_place(peers, &peer->subnet);

	if (at < peers->len && prefix_equal(&peers->at[at].subnet, &peer->subnet)) {
		peers->at[at] = *peer;
		return true;
	}
	if (!peers_push(peers, peer))
		return false;
	memmove(&peers->at[at + 1], &peers->at[at], (peers->len - 1 - at) * sizeof(*peer));
	peers->at[at] = *peer;
	return true;
}

bool peers_remove(struct peers *peers, const struct prefix *subnet)
{
	size_t at = peers_place(peers, subnet);

	if (at == peers->len || !prefix_equal(&peers->at[at].subnet, subnet))
		return false;
	peers->len--;
	memmove(&peers->at[at], &peers->at[at + 1], (peers->len - at) * sizeof(*peers->at));
	return true;
}
