/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports keys of the etcd store to the store's listener. Used by list and watch. Keys and values
 * are untrusted: key names are escaped, so that the listener can print them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_etcd_wire_kv;
struct store_listener;

#define STORE_ETCD_REPORT_KEY_MAX 200 /* bytes after the prefix */
#define STORE_ETCD_REPORT_VALUE_MAX (64 * 1024)
/* Of a key's name with its NUL: each byte can be escaped as \x1b. */
#define STORE_ETCD_REPORT_KEY_SIZE (STORE_ETCD_REPORT_KEY_MAX * 4 + 1)

struct store_etcd_report {
	const struct store_listener *listener;
	void *listener_ctx;
	const char *prefix;       /* of all lease keys, "/coreos.com/network/subnets/" */
	uint64_t warned_ms, held; /* log_limit */
};

/*
 * Forms the key's name: what follows prefix, with '/', '\' and all but printable ASCII escaped as
 * \x2f, so that it cannot equal a valid key. Returns false if the key has another prefix, or
 * none or more than STORE_ETCD_REPORT_KEY_MAX bytes after it. Pure.
 */
bool store_etcd_report_name(const char *prefix, const char *key, size_t size,
			    char name[static STORE_ETCD_REPORT_KEY_SIZE]);

/*
 * Calls the listener's entry or gone. A key without a name is skipped with a warning, at most one
 * in 10 s. A value of more than STORE_ETCD_REPORT_VALUE_MAX bytes is reported as an empty one,
 * which is no valid lease.
 */
void store_etcd_report(struct store_etcd_report *report, const struct store_etcd_wire_kv *kv);
/* Calls the listener's config; kv NULL: there is no configuration. */
void store_etcd_report_config(struct store_etcd_report *report,
			      const struct store_etcd_wire_kv *kv);
