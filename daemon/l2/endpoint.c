/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/endpoint.h"

#include "common/err.h"
#include "common/json/json.h"
#include "common/parse.h"
#include "daemon/store/store.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MAX 4096
#define KEY_SHOWN 80

int endpoint_cmp(const void *a, const void *b)
{
	const struct endpoint *left = a, *right = b;

	return ipaddr_cmp(&left->addr, &right->addr);
}

int endpoint_parse_key(const char *key, struct ipaddr *addr_out, struct err *err)
{
	char canonical[IPADDR_TEXT_SIZE];
	struct ipaddr addr;
	struct err unused;

	if (ipaddr_parse(key, &addr, &unused) < 0 || strcmp(ipaddr_text(&addr, canonical), key))
		return err_set(err, ERR_DECODE, "key \"%.*s\" is not an address", KEY_SHOWN, key);
	*addr_out = addr;
	return 0;
}

int endpoint_parse(const struct store_entry *entry, struct endpoint *endpoint_out, struct err *err)
{
	struct endpoint endpoint = {
		.mod_revision = entry->mod_revision,
		.etcd_lease = entry->lease,
	};
	AUTO(json) struct json *json = NULL;
	struct err why = ERR_INIT;
	char name[KEY_SHOWN + 16];
	struct jr root;

	if (endpoint_parse_key(entry->key, &endpoint.addr, err) < 0)
		return -1;
	snprintf(name, sizeof(name), "endpoint %.*s", KEY_SHOWN, entry->key);
	if (json_parse(entry->value, entry->value_size, VALUE_MAX, JSON_LAST_DUPLICATE, name, &json,
		       err) < 0)
		return -1;
	root = jr_root(json);
	endpoint.mac = jr_mac(&root, "MAC");
	if (!mac_is_unicast(&endpoint.mac))
		jr_fault(&root, "MAC", "is not a unicast address");
	snprintf(endpoint.node, sizeof(endpoint.node), "%s",
		 jr_str(&root, "Node", sizeof(endpoint.node) - 1));
	if (parse_uuid(endpoint.node, &why) < 0)
		jr_fault(&root, "Node", "%s", why.text);
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*endpoint_out = endpoint;
	return 0;
}

const char *endpoint_value(const struct endpoint *endpoint, char buf[static ENDPOINT_VALUE_SIZE])
{
	char mac[MAC_TEXT_SIZE];

	snprintf(buf, ENDPOINT_VALUE_SIZE, "{\"MAC\":\"%s\",\"Node\":\"%s\"}",
		 mac_text(&endpoint->mac, mac), endpoint->node);
	return buf;
}

struct endpoint *endpoints_find(const struct endpoints *endpoints, const struct ipaddr *addr)
{
	const struct endpoint key = { .addr = *addr };

	return vec_find(endpoints->at, endpoints->len, sizeof(key), endpoint_cmp, &key);
}

bool endpoints_put(struct endpoints *endpoints, const struct endpoint *endpoint)
{
	struct endpoint *there = endpoints_find(endpoints, &endpoint->addr);

	if (there) {
		*there = *endpoint;
		return true;
	}
	if (!endpoints_push(endpoints, endpoint))
		return false;
	vec_insert(endpoints->at, endpoints->len - 1, sizeof(*endpoint), endpoint_cmp, endpoint, 1);
	return true;
}
