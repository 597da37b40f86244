/* SPDX-License-Identifier: Apache-2.0 */
#include "store_etcd_tell.h"

#include "common/log.h"
#include "loop.h"
#include "store.h"
#include "store_etcd_wire.h"

#include <stdio.h>
#include <string.h>

#define WARN_EVERY_MS 10000

bool store_etcd_tell_name(const char *prefix, const char *key, size_t size,
			  char name[static STORE_ETCD_TELL_KEY_SIZE])
{
	size_t prefix_size = strlen(prefix);
	size_t len = 0;

	if (size <= prefix_size || size - prefix_size > STORE_ETCD_TELL_KEY_MAX ||
	    memcmp(key, prefix, prefix_size) != 0)
		return false;
	for (size_t i = prefix_size; i < size; i++) {
		unsigned char c = (unsigned char)key[i];

		if (c > ' ' && c < 0x7f && c != '/' && c != '\\')
			name[len++] = (char)c;
		else
			len += (size_t)snprintf(name + len, STORE_ETCD_TELL_KEY_SIZE - len,
						"\\x%02x", c);
	}
	name[len] = '\0';
	return true;
}

static void warn_passed_over(struct store_etcd_tell *tell, size_t size)
{
	if (!log_limit(&tell->warned_ms, &tell->held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("key in the store passed over", "reason", "too long, or not below the prefix",
		 "prefix", tell->prefix, "size", LOG_NUM(size), "not_shown", LOG_NUM(tell->held));
	tell->held = 0;
}

static bool too_large(const struct store_etcd_wire_kv *kv)
{
	return kv->value_size > STORE_ETCD_TELL_VALUE_MAX;
}

void store_etcd_tell(struct store_etcd_tell *tell, const struct store_etcd_wire_kv *kv)
{
	char name[STORE_ETCD_TELL_KEY_SIZE];
	struct store_entry entry = {
		.key = name,
		.value = too_large(kv) ? "" : kv->value,
		.value_size = too_large(kv) ? 0 : kv->value_size,
		.mod_revision = kv->mod_revision,
		.lease = kv->lease,
	};

	if (!store_etcd_tell_name(tell->prefix, kv->key, kv->key_size, name))
		warn_passed_over(tell, kv->key_size);
	else if (kv->deleted)
		tell->listener->gone(tell->listener_ctx, name, kv->mod_revision);
	else
		tell->listener->entry(tell->listener_ctx, &entry);
}

void store_etcd_tell_config(struct store_etcd_tell *tell, const struct store_etcd_wire_kv *kv)
{
	const char *text = kv ? kv->value : NULL;
	size_t size = kv ? kv->value_size : 0;

	if (kv && too_large(kv)) {
		text = "";
		size = 0;
	}
	tell->listener->config(tell->listener_ctx, text, size);
}
