/* SPDX-License-Identifier: Apache-2.0 */
#include "store_etcd_claim.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"
#include "store.h"
#include "store_key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 1024 /* of a prefix that the options allow, and two keys */

struct txn {
	const struct store_etcd_claim_places *places;
	struct jb *jb;
	struct jb_at compare, success, failure;
	bool too_long;
};

/* A key as etcd has it. */
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
	return path(txn, "%s%s", txn->places->subnets, key);
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

static void need_revision(struct txn *txn, const struct path *key, uint64_t revision)
{
	jb_u64_text(compare(txn, "MOD", key), "mod_revision", revision);
}

static void need_absent(struct txn *txn, const struct path *key)
{
	jb_u64_text(compare(txn, "CREATE", key), "create_revision", 0);
}

/* One end of a range of keys: the key itself, or the place right behind it, with a NUL more. */
struct bound {
	const char *text;
	bool behind;
};

static void put_bound(struct jb_at at, const char *name, struct bound bound)
{
	jb_base64(at, name, bound.text, strlen(bound.text) + bound.behind);
}

/*
 * That there is no key from .. to: a comparison holds for a range when it holds for each of its
 * keys. tell: where there is one, the answer names the first.
 */
static void need_empty(struct txn *txn, struct bound from, struct bound to, bool tell)
{
	struct jb_at at;

	if (!strcmp(from.text, to.text) && from.behind == to.behind)
		return;
	at = jb_obj(txn->compare, NULL);
	jb_str(at, "result", "EQUAL");
	jb_str(at, "target", "CREATE");
	put_bound(at, "key", from);
	put_bound(at, "range_end", to);
	jb_u64_text(at, "create_revision", 0);
	if (!tell)
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

/* The same, but for these keys. */
static void need_empty_but(struct txn *txn, const struct path *from, const struct path *to,
			   const char *but[], size_t len, bool tell)
{
	struct bound at = { from->text, false };

	qsort(but, len, sizeof(but[0]), text_cmp);
	for (size_t i = 0; i < len; i++) {
		int order = strcmp(but[i], at.text);

		if (order < 0 || (order == 0 && at.behind) || strcmp(but[i], to->text) >= 0)
			continue;
		need_empty(txn, at, (struct bound){ but[i], false }, tell);
		at = (struct bound){ but[i], true };
	}
	need_empty(txn, at, (struct bound){ to->text, false }, tell);
}

/* No key has the IPv4 subnet, alone or beside another: "S", "S&..", up to what follows '&'. */
static void need_first_free(struct txn *txn, const struct store_put *put)
{
	int len = (int)store_key_first_len(put->key);
	struct path alone = path(txn, "%s%.*s", txn->places->subnets, len, put->key);
	struct path from = path(txn, "%s&", alone.text), to = path(txn, "%s'", alone.text);
	struct path old = lease_path(txn, put->instead_of ? put->instead_of : "");
	const char *but[] = { old.text };

	if (strcmp(alone.text, old.text) != 0)
		need_absent(txn, &alone);
	need_empty_but(txn, &from, &to, but, put->instead_of ? 1 : 0, false);
}

static struct path claim_path(struct txn *txn, const char *subnet, const char *key)
{
	return path(txn, "%s%s/%s", txn->places->claims, subnet, key);
}

/* No other key claims the IPv6 subnet, but with a claim that this transaction knows to be void. */
static void need_second_free(struct txn *txn, const struct store_put *put)
{
	const char *subnet = store_key_second(put->key);
	struct path from = path(txn, "%s%s/", txn->places->claims, subnet);
	struct path to = path(txn, "%s%s0", txn->places->claims, subnet); /* '0' follows '/' */
	struct path known[] = {
		claim_path(txn, subnet, put->key),
		claim_path(txn, subnet, put->instead_of ? put->instead_of : put->key),
		claim_path(txn, subnet, put->absent ? put->absent : put->key),
	};
	const char *but[] = { known[0].text, known[1].text, known[2].text };

	need_empty_but(txn, &from, &to, but, 3, true);
}

static void put_conditions(struct txn *txn, const struct store_put *put)
{
	struct path whole = lease_path(txn, put->key);

	if (put->if_revision)
		need_revision(txn, &whole, put->if_revision);
	else if (store_key_first_len(put->key))
		need_first_free(txn, put);
	else
		need_absent(txn, &whole);
	if (store_key_second(put->key))
		need_second_free(txn, put);
	if (put->instead_of) {
		whole = lease_path(txn, put->instead_of);
		need_revision(txn, &whole, put->instead_revision);
	}
	if (put->absent) {
		whole = lease_path(txn, put->absent);
		need_absent(txn, &whole);
	}
}

/* ---- What is done ------------------------------------------------------------------------ */

static void drop(struct txn *txn, const struct path *key)
{
	jb_base64(jb_obj(jb_obj(txn->success, NULL), "request_delete_range"), "key", key->text,
		  strlen(key->text));
}

static void drop_lease(struct txn *txn, const char *key)
{
	struct path gone = lease_path(txn, key);

	drop(txn, &gone);
	if (!store_key_second(key))
		return;
	gone = claim_path(txn, store_key_second(key), key);
	drop(txn, &gone);
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
	const char *second = store_key_second(put->key);
	struct path key = lease_path(txn, put->key);

	if (put->instead_of)
		drop_lease(txn, put->instead_of);
	if (put->absent && second) {
		struct path claim = claim_path(txn, second, put->absent);

		drop(txn, &claim);
	}
	put_key(txn, &key, put->value, put->lease);
	if (second) {
		key = claim_path(txn, second, put->key);
		put_key(txn, &key, "", put->lease);
	}
}

/* ---- Bodies ------------------------------------------------------------------------------ */

static bool begin(struct txn *txn, const struct store_etcd_claim_places *places, struct jb *jb)
{
	if (!jb)
		return false;
	*txn = (struct txn){ .places = places, .jb = jb };
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

char *store_etcd_claim_put(const struct store_etcd_claim_places *places,
			   const struct store_put *put)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct txn txn;

	if (!begin(&txn, places, jb))
		return NULL;
	put_conditions(&txn, put);
	put_effects(&txn, put);
	return end(&txn);
}

char *store_etcd_claim_remove(const struct store_etcd_claim_places *places, const char *key,
			      uint64_t if_revision)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct path whole;
	struct txn txn;

	if (!begin(&txn, places, jb))
		return NULL;
	whole = lease_path(&txn, key);
	need_revision(&txn, &whole, if_revision);
	drop_lease(&txn, key);
	return end(&txn);
}
