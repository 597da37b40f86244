/* SPDX-License-Identifier: Apache-2.0 */
/* Responses of etcd's gateway. The first byte selects the request. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/store/etcd/store_etcd_wire.h"
#include "daemon/store/store.h"

static void check_kvs(const struct store_etcd_wire_kvs *kvs)
{
	for (size_t i = 0; i < kvs->len; i++) {
		const struct store_etcd_wire_kv *kv = &kvs->at[i];

		require(kv->key && kv->value && kv->mod_revision);
		require(kv->key[kv->key_size] == '\0' && kv->value[kv->value_size] == '\0');
	}
}

static int read_range(const char *text, size_t size, struct err *err)
{
	struct store_etcd_wire_range range;
	int rc = store_etcd_wire_read_range(text, size, &range, err);

	if (rc == 0) {
		require(range.header.revision);
		check_kvs(&range.kvs);
		store_etcd_wire_range_free(&range);
	}
	return rc;
}

static int read_events(const char *text, size_t size, struct err *err)
{
	struct store_etcd_wire_events events;
	int rc = store_etcd_wire_read_events(text, size, &events, err);

	if (rc == 0) {
		require(memchr(events.reason, '\0', sizeof(events.reason)));
		check_kvs(&events.kvs);
		store_etcd_wire_events_free(&events);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static store_etcd_wire_read_fn *const readers[] = {
		store_etcd_wire_read_txn,
		store_etcd_wire_read_grant,
		store_etcd_wire_read_keepalive,
		store_etcd_wire_read_revoke,
	};
	uint8_t choice = fuzz_byte(&data, &size) % 7;
	char *text = fuzz_text(data, size);
	struct store_reply reply = { .succeeded = false };
	struct err err = ERR_INIT;
	int rc;

	if (choice == 4)
		rc = read_range(text, size, &err);
	else if (choice == 5)
		rc = read_events(text, size, &err);
	else if (choice == 6)
		rc = store_etcd_wire_error(503, text, size, &err);
	else
		rc = readers[choice](text, size, &reply, &err);
	require(rc == 0 || (rc == -1 && err.code && *err.text));
	require(choice != 1 || rc < 0 || reply.lease);
	free(text);
	return 0;
}
