/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the etcd store tells its listener of one key. Used by list and watch.
 * Keys and values are anybody's bytes: what a listener gets is safe to print.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_etcd_wire_kv;
struct store_listener;

#define STORE_ETCD_TELL_KEY_MAX 200 /* bytes that follow the prefix */
#define STORE_ETCD_TELL_VALUE_MAX (64 * 1024)
/* A key's text: in the worst case every byte is escaped as \x1b. */
#define STORE_ETCD_TELL_KEY_SIZE (STORE_ETCD_TELL_KEY_MAX * 4 + 1)

struct store_etcd_tell {
	const struct store_listener *listener;
	void *listener_ctx;
	const char *prefix;       /* of all keys, "/coreos.com/network/subnets/"; outlives this */
	uint64_t warned_ms, held; /* of warnings about keys that are passed over */
};

/*
 * The key's name for the listener: what follows prefix, with '/', '\' and whatever is
 * not printable ASCII escaped as \x2f, so that it cannot be taken for a good one. False
 * where the key has another prefix, nothing behind it, or more than
 * STORE_ETCD_TELL_KEY_MAX bytes. Pure.
 */
bool store_etcd_tell_name(const char *prefix, const char *key, size_t size,
			  char name[static STORE_ETCD_TELL_KEY_SIZE]);

/*
 * Calls the listener's entry or gone. A key without a name is passed over with a
 * warning, at most one in 10 s. A value of more than STORE_ETCD_TELL_VALUE_MAX bytes is
 * told as an empty one, which the listener refuses.
 */
void store_etcd_tell(struct store_etcd_tell *tell, const struct store_etcd_wire_kv *kv);
/* The configuration's key; kv NULL: there is none. */
void store_etcd_tell_config(struct store_etcd_tell *tell, const struct store_etcd_wire_kv *kv);
