/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_report.h"

#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd_wire.h"
#include "daemon/store/store.h"

#include <stdio.h>
#include <string.h>

#define WARN_EVERY_MS 10000

bool store_etcd_report_name(const char *prefix, const char *key, size_t size,
			    char name[static STORE_ETCD_REPORT_KEY_SIZE])
{
	size_t prefix_size = strlen(prefix);
	size_t len = 0;

	if (size <= prefix_size || size - prefix_size > STORE_ETCD_REPORT_KEY_MAX ||
	    memcmp(key, prefix, prefix_size) != 0)
		return false;
	for (size_t i = prefix_size; i < size; i++) {
		unsigned char c = (unsigned char)key[i];

		if (c > ' ' && c < 0x7f && c != '/' && c != '\\')
			name[len++] = (char)c;
		else
			len += (size_t)snprintf(name + len, STORE_ETCD_REPORT_KEY_SIZE - len,
						"\\x%02x", c);
	}
	name[len] = '\0';
	return true;
}

static void warn_skipped(struct store_etcd_report *report, size_t size)
{
	if (!log_limit(&report->warned_ms, &report->held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("key in etcd skipped", "error", "too long, or not below the prefix", "prefix",
		 report->prefix, "size", LOG_NUM(size), "not_shown", LOG_NUM(report->held));
	report->held = 0;
}

static bool too_large(const struct store_etcd_wire_kv *kv)
{
	return kv->value_size > STORE_ETCD_REPORT_VALUE_MAX;
}

void store_etcd_report(struct store_etcd_report *report, const struct store_etcd_wire_kv *kv)
{
	char name[STORE_ETCD_REPORT_KEY_SIZE];
	struct store_entry entry = {
		.key = name,
		.value = too_large(kv) ? "" : kv->value,
		.value_size = too_large(kv) ? 0 : kv->value_size,
		.mod_revision = kv->mod_revision,
		.lease = kv->lease,
	};

	if (!store_etcd_report_name(report->prefix, kv->key, kv->key_size, name))
		warn_skipped(report, kv->key_size);
	else if (kv->deleted)
		report->listener->gone(report->listener_ctx, name, kv->mod_revision);
	else
		report->listener->entry(report->listener_ctx, &entry);
}

void store_etcd_report_config(struct store_etcd_report *report, const struct store_etcd_wire_kv *kv)
{
	const char *text = kv ? kv->value : NULL;
	size_t size = kv ? kv->value_size : 0;

	if (kv && too_large(kv)) {
		text = "";
		size = 0;
	}
	report->listener->config(report->listener_ctx, text, size);
}
