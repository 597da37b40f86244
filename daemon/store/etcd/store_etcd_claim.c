/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_claim.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "daemon/store/store.h"
#include "daemon/store/store_key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 1024 /* the longest prefix that the options allow, and two keys */

struct txn {
	const struct store_etcd_claim_prefixes *prefixes;
	struct jb *jb;
	struct jb_at compare, success, failure;
	bool too_long;
};

/* A whole key in etcd. */
struct path {
	char text[PATH_SIZE];
};

__attribute__((format(printf, 2, 3))) static struct path path(struct txn *txn, const char *format,
							      ...)
{
	struct path path = { "" };
	va_list args;

	va_start(args, format);
	if (vsnprintf(path.text, sizeof(path.text), format, args) >= (int)sizeof(path.text))
		txn->too_long = true;
	va_end(args);
	return path;
}

static struct path lease_path(struct txn *txn, const char *key)
{
	return path(txn, "%s%s", txn->prefixes->subnets, key);
}

/* The subnets of a key that other keys may contain, too. */
static size_t first_len(const struct txn *txn, const char *key)
{
	return txn->prefixes->claims ? store_key_first_len(key) : 0;
}

static const char *second(const struct txn *txn, const char *key)
{
	return txn->prefixes->claims ? store_key_second(key) : NULL;
}

/* ---- Conditions -------------------------------------------------------------------------- */

static struct jb_at compare(struct txn *txn, const char *target, const struct path *key)
{
	struct jb_at compare = jb_obj(txn->compare, NULL);

	jb_str(compare, "result", "EQUAL");
	jb_str(compare, "target", target);
	jb_base64(compare, "key", key->text, strlen(key->text));
	return compare;
}

static void require_revision(struct txn *txn, const struct path *key, uint64_t revision)
{
	jb_u64_text(compare(txn, "MOD", key), "mod_revision", revision);
}

static void require_absent(struct txn *txn, const struct path *key)
{
	jb_u64_text(compare(txn, "CREATE", key), "create_revision", 0);
}

/* One end of a range of keys: the key itself, or its successor, which is one NUL longer. */
struct bound {
	const char *text;
	bool successor;
};

static void put_bound(struct jb_at at, const char *name, struct bound bound)
{
	jb_base64(at, name, bound.text, strlen(bound.text) + bound.successor);
}

/*
 * No key exists in from .. to: a comparison holds for a range if it holds for each of its keys.
 * report: if the transaction fails, its response contains the first key of the range.
 */
static void require_empty(struct txn *txn, struct bound from, struct bound to, bool report)
{
	struct jb_at at;

	if (!strcmp(from.text, to.text) && from.successor == to.successor)
		return;
	at = jb_obj(txn->compare, NULL);
	jb_str(at, "result", "EQUAL");
	jb_str(at, "target", "CREATE");
	put_bound(at, "key", from);
	put_bound(at, "range_end", to);
	jb_u64_text(at, "create_revision", 0);
	if (!report)
		return;
	at = jb_obj(jb_obj(txn->failure, NULL), "request_range");
	put_bound(at, "key", from);
	put_bound(at, "range_end", to);
	jb_u64_text(at, "limit", 1);
	jb_bool(at, "keys_only", true);
}

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same for the range without the keys of except, which is sorted here. */
static void require_empty_except(struct txn *txn, const struct path *from, const struct path *to,
				 const char *except[], size_t len, bool report)
{
	struct bound at = { from->text, false };

	qsort(except, len, sizeof(except[0]), text_cmp);
	for (size_t i = 0; i < len; i++) {
		int order = strcmp(except[i], at.text);

		if (order < 0 || (order == 0 && at.successor) || strcmp(except[i], to->text) >= 0)
			continue;
		require_empty(txn, at, (struct bound){ except[i], false }, report);
		at = (struct bound){ except[i], true };
	}
	require_empty(txn, at, (struct bound){ to->text, false }, report);
}

/* No key has the IPv4 subnet S: neither "S" nor any key that begins with "S&". */
static void require_ipv4_free(struct txn *txn, const struct store_put *put)
{
	int len = (int)store_key_first_len(put->key);
	struct path alone = path(txn, "%s%.*s", txn->prefixes->subnets, len, put->key);
	struct path from = path(txn, "%s&", alone.text), to = path(txn, "%s'", alone.text);
	struct path old = lease_path(txn, put->instead_of ? put->instead_of : "");
	const char *except[] = { old.text };

	if (strcmp(alone.text, old.text) != 0)
		require_absent(txn, &alone);
	require_empty_except(txn, &from, &to, except, put->instead_of ? 1 : 0, false);
}

static struct path claim_path(struct txn *txn, const char *subnet, const char *key)
{
	return path(txn, "%s%s/%s", txn->prefixes->claims, subnet, key);
}

/* No other key claims the IPv6 subnet, except by a claim that is void under the conditions. */
static void require_ipv6_free(struct txn *txn, const struct store_put *put)
{
	const char *subnet = store_key_second(put->key);
	struct path from = path(txn, "%s%s/", txn->prefixes->claims, subnet);
	struct path to = path(txn, "%s%s0", txn->prefixes->claims, subnet); /* '0' follows '/' */
	struct path own[] = {
		claim_path(txn, subnet, put->key),
		claim_path(txn, subnet, put->instead_of ? put->instead_of : put->key),
		claim_path(txn, subnet, put->absent ? put->absent : put->key),
	};
	const char *except[] = { own[0].text, own[1].text, own[2].text };

	require_empty_except(txn, &from, &to, except, 3, true);
}

static void put_conditions(struct txn *txn, const struct store_put *put)
{
	struct path whole = lease_path(txn, put->key);

	if (put->if_revision)
		require_revision(txn, &whole, put->if_revision);
	else if (first_len(txn, put->key))
		require_ipv4_free(txn, put);
	else
		require_absent(txn, &whole);
	if (second(txn, put->key))
		require_ipv6_free(txn, put);
	if (put->instead_of) {
		whole = lease_path(txn, put->instead_of);
		require_revision(txn, &whole, put->instead_revision);
	}
	if (put->absent) {
		whole = lease_path(txn, put->absent);
		require_absent(txn, &whole);
	}
}

/* ---- Operations -------------------------------------------------------------------------- */

static void delete_key(struct txn *txn, const struct path *key)
{
	jb_base64(jb_obj(jb_obj(txn->success, NULL), "request_delete_range"), "key", key->text,
		  strlen(key->text));
}

static void delete_lease(struct txn *txn, const char *key)
{
	struct path key_path = lease_path(txn, key);

	delete_key(txn, &key_path);
	if (!second(txn, key))
		return;
	key_path = claim_path(txn, second(txn, key), key);
	delete_key(txn, &key_path);
}

static void put_key(struct txn *txn, const struct path *key, const char *value, uint64_t lease)
{
	struct jb_at at = jb_obj(jb_obj(txn->success, NULL), "request_put");

	jb_base64(at, "key", key->text, strlen(key->text));
	jb_base64(at, "value", value, strlen(value));
	if (lease)
		jb_u64_text(at, "lease", lease);
}

static void put_effects(struct txn *txn, const struct store_put *put)
{
	const char *claimed = second(txn, put->key);
	struct path key = lease_path(txn, put->key);

	if (put->instead_of)
		delete_lease(txn, put->instead_of);
	if (put->absent && claimed) {
		struct path claim = claim_path(txn, claimed, put->absent);

		delete_key(txn, &claim);
	}
	put_key(txn, &key, put->value, put->lease);
	if (claimed) {
		key = claim_path(txn, claimed, put->key);
		put_key(txn, &key, "", put->lease);
	}
}

/* ---- Bodies ------------------------------------------------------------------------------ */

static bool begin(struct txn *txn, const struct store_etcd_claim_prefixes *prefixes, struct jb *jb)
{
	if (!jb)
		return false;
	*txn = (struct txn){ .prefixes = prefixes, .jb = jb };
	txn->compare = jb_arr(jb_root(jb), "compare");
	txn->success = jb_arr(jb_root(jb), "success");
	txn->failure = jb_arr(jb_root(jb), "failure");
	return true;
}

static char *end(struct txn *txn)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	return txn->too_long || jb_text(txn->jb, &text, &err) < 0 ? NULL : text;
}

char *store_etcd_claim_put(const struct store_etcd_claim_prefixes *prefixes,
			   const struct store_put *put)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct txn txn;

	if (!begin(&txn, prefixes, jb))
		return NULL;
	put_conditions(&txn, put);
	put_effects(&txn, put);
	return end(&txn);
}

char *store_etcd_claim_remove(const struct store_etcd_claim_prefixes *prefixes, const char *key,
			      uint64_t if_revision)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct path whole;
	struct txn txn;

	if (!begin(&txn, prefixes, jb))
		return NULL;
	whole = lease_path(&txn, key);
	require_revision(&txn, &whole, if_revision);
	delete_lease(&txn, key);
	return end(&txn);
}
