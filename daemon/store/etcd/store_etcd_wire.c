/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values are base64, 64-bit numbers are strings, zero members are omitted. A response, two
 * lines of a stream, and the two forms of an error:
 *
 *   {"header":{"cluster_id":"9","member_id":"1","revision":"4","raft_term":"2"},
 *    "kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"3","version":"2",
 *            "value":"Yg==","lease":"77"}],"more":true,"count":"2"}
 *   {"result":{"header":{..},"events":[{"kv":{..}},{"type":"DELETE","kv":{..}}]}}
 *   {"error":"etcdserver: ..","message":"etcdserver: ..","code":11}
 *   {"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: .."}}
 */
#include "daemon/store/etcd/store_etcd_wire.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/parse.h"
#include "daemon/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "etcd's response"
#define RESPONSE_MAX ((size_t)64 * 1024 * 1024) /* the caller may limit it further */
#define MESSAGE_MAX 4096
#define TOKEN_MAX 16384

/* gRPC's status codes (google/rpc/code.proto). */
enum {
	GRPC_NOT_FOUND = 5,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16
};

bool store_etcd_wire_is_restored(const struct store_point *before, const struct store_point *now)
{
	return now->cluster != before->cluster || now->term < before->term ||
	       now->revision < before->revision;
}

/* ---- Requests ------------------------------------------------------------ */

static char *text_of(struct jb *jb)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	return jb_text(jb, &text, &err) < 0 ? NULL : text;
}

/*
 * The range of all keys that begin with prefix: it ends before the first key beyond them. If after
 * is set, it begins at that key's successor, which has one zero byte more.
 */
static bool add_range(struct jb_at at, const char *prefix, const char *after, size_t after_size)
{
	size_t size = strlen(prefix);
	AUTO(free) char *end = strdup(prefix);
	AUTO(free) char *next = after ? calloc(1, after_size + 1) : NULL;

	if (!end || (after && !next))
		return false;
	end[size - 1]++;
	if (after)
		jb_base64(at, "key", memcpy(next, after, after_size), after_size + 1);
	else
		jb_base64(at, "key", prefix, size);
	jb_base64(at, "range_end", end, size);
	return true;
}

char *store_etcd_wire_get(const char *key)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return NULL;
	root = jb_root(jb);
	jb_base64(root, "key", key, strlen(key));
	return text_of(jb);
}

char *store_etcd_wire_page(const char *prefix, const char *after, size_t after_size,
			   uint64_t revision, uint32_t limit)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root;

	if (!jb)
		return NULL;
	root = jb_root(jb);
	if (!add_range(root, prefix, after, after_size))
		return NULL;
	jb_u64_text(root, "revision", revision);
	/* Results are sorted by key anyway; with a sort_order etcd reads all keys for each page. */
	jb_u64_text(root, "limit", limit);
	return text_of(jb);
}

#define WATCH_OF_KEY 1 /* in responses a string or a number */

/* Watches key, or all keys that begin with it. */
static char *create_watch(const char *key, bool is_prefix, uint64_t start_revision)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at create;

	if (!jb)
		return NULL;
	create = jb_obj(jb_root(jb), "create_request");
	if (is_prefix && !add_range(create, key, NULL, 0))
		return NULL;
	if (!is_prefix) {
		jb_base64(create, "key", key, strlen(key));
		jb_u64_text(create, "watch_id", WATCH_OF_KEY);
	}
	jb_u64_text(create, "start_revision", start_revision);
	jb_bool(create, "progress_notify", true);
	jb_bool(create, "fragment", true);
	return text_of(jb);
}

/* The gateway reads one request after another from the body. */
char *store_etcd_wire_watch(const char *prefix, const char *key, uint64_t start_revision)
{
	AUTO(free) char *of_prefix = create_watch(prefix, true, start_revision);
	AUTO(free) char *of_key = create_watch(key, false, start_revision);
	char *both;

	if (!of_prefix || !of_key || asprintf(&both, "%s\n%s", of_prefix, of_key) < 0)
		return NULL;
	return both;
}

static char *one_number(const char *key, uint64_t number)
{
	AUTO(jb) struct jb *jb = jb_new();

	if (!jb)
		return NULL;
	jb_u64_text(jb_root(jb), key, number);
	return text_of(jb);
}

char *store_etcd_wire_grant(uint64_t ttl_s)
{
	return one_number("TTL", ttl_s);
}

char *store_etcd_wire_lease(uint64_t lease)
{
	return one_number("ID", lease);
}

char *store_etcd_wire_authenticate(const char *name, const char *password)
{
	AUTO(jb) struct jb *jb = jb_new();

	if (!jb)
		return NULL;
	jb_str(jb_root(jb), "name", name);
	jb_str(jb_root(jb), "password", password);
	return text_of(jb);
}

/* ---- Parts of responses -------------------------------------------------- */

/* Explains a body that is not JSON: it may be from another server, such as one for web pages. */
static int reject(const char *body, size_t size, struct err *err)
{
	size_t blank = 0;

	while (blank < size && strchr(" \t\r\n", body[blank]))
		blank++;
	if (blank < size && body[blank] != '{')
		err_wrap(err, "not a response of etcd's JSON gateway");
	return -1;
}

static int parse(const char *body, size_t size, struct json **json_out, struct err *err)
{
	if (json_parse(body, size, RESPONSE_MAX, JSON_STRICT, WHAT, json_out, err) < 0)
		return reject(body, size, err);
	return 0;
}

/* As parse, but the array kvs is empty in the document; kvs->text is its text, NULL if absent. */
static int parse_without_kvs(const char *body, size_t size, struct json_member *kvs,
			     struct json **json_out, struct err *err)
{
	static const char *const pruned[] = { "kvs", NULL };
	const struct json_selection selection = { .pruned = pruned,
						  .members = kvs,
						  .members_len = 1 };

	if (json_parse_selected(body, size, RESPONSE_MAX, JSON_STRICT, &selection, WHAT, json_out,
				err) < 0)
		return reject(body, size, err);
	return 0;
}

/* A 64-bit number, 0 if omitted; as a string or, leniently, as a JSON number. */
static uint64_t number(const struct jr *at, const char *key)
{
	AUTO(free) char *digits = NULL;
	uint64_t value = 0;
	struct err err ERR_UNSET;

	if (jr_is_str(at, key))
		return jr_u64_text_opt(at, key, 0);
	digits = jr_text(at, key);
	if (digits && parse_u64(digits, 0, UINT64_MAX, &value, &err) < 0)
		jr_fault(at, key, "%s", err.text);
	return value;
}

static struct store_point read_header(const struct jr *at)
{
	struct jr header = jr_obj(at, "header");

	return (struct store_point){
		.cluster = number(&header, "cluster_id"),
		.revision = number(&header, "revision"),
		.term = number(&header, "raft_term"),
	};
}

static void kv_free(struct store_etcd_wire_kv *kv)
{
	free(kv->key);
	free(kv->value);
}

static void kvs_free(struct store_etcd_wire_kvs *kvs)
{
	for (size_t i = 0; i < kvs->len; i++)
		kv_free(&kvs->at[i]);
	store_etcd_wire_kvs_free(kvs);
}

static void read_kv(const struct jr *at, bool deleted, struct store_etcd_wire_kvs *kvs)
{
	struct store_etcd_wire_kv kv = {
		.mod_revision = number(at, "mod_revision"),
		.lease = number(at, "lease"),
		.deleted = deleted,
	};

	kv.key = jr_base64(at, "key", RESPONSE_MAX, &kv.key_size);
	if (jr_has(at, "value"))
		kv.value = jr_base64(at, "value", RESPONSE_MAX, &kv.value_size);
	else
		kv.value = calloc(1, 1);
	if (!kv.mod_revision)
		jr_fault(at, "mod_revision", "is missing");
	if (!kv.key || !kv.value || !store_etcd_wire_kvs_push(kvs, &kv)) {
		jr_fault(at, NULL, "no memory, or too many keys");
		kv_free(&kv);
	}
}

/* Thousands of keys: one document for each. */
static int read_kvs(const struct jr *list, const struct json_member *text,
		    struct store_etcd_wire_kvs *kvs, struct err *err)
{
	struct json_elements elements = { .array = list, .member = text, .flags = JSON_STRICT };

	for (;;) {
		AUTO(json) struct json *json = NULL;
		int rc = json_next(&elements, &json, err);
		struct jr kv;

		if (rc <= 0)
			return rc;
		kv = jr_root(json);
		read_kv(&kv, false, kvs);
		if (jr_done(json, ERR_DECODE, err) < 0)
			return -1;
	}
}

static void read_events(const struct jr *at, struct store_etcd_wire_kvs *kvs)
{
	struct jr list = jr_arr_opt(at, "events"), event;

	for (size_t i = 0; jr_each(&list, &i, &event);) {
		const char *type = jr_str_opt(&event, "type", 16, "PUT");
		struct jr kv = jr_obj(&event, "kv");
		bool deleted = strcmp(type, "DELETE") == 0;

		if (!deleted && strcmp(type, "PUT") != 0)
			jr_fault(&event, "type", "'%s' is neither PUT nor DELETE", ERR_SHOW(type));
		read_kv(&kv, deleted, kvs);
	}
}

/* ---- Errors -------------------------------------------------------------- */

/* etcd's messages about an invalid or missing token; the codes differ by version. */
static bool is_token_error(const char *message)
{
	static const char *const texts[] = { "invalid auth token", "revision in header is old",
					     "revision of auth store is old",
					     "user name is empty" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strstr(message, texts[i]))
			return true;
	return false;
}

static int errno_of(uint64_t grpc_code, unsigned status, const char *message)
{
	if (grpc_code == GRPC_UNAUTHENTICATED || status == 401 || is_token_error(message))
		return EKEYREJECTED;
	switch (grpc_code) {
	case GRPC_OUT_OF_RANGE:
		return ESTALE;
	case GRPC_NOT_FOUND:
		return ENOENT;
	case GRPC_UNAVAILABLE:
		return EAGAIN;
	case GRPC_RESOURCE_EXHAUSTED: /* of a full database, too */
		return strstr(message, "larger than max") ? EMSGSIZE : 0;
	default:
		return status >= 500 ? EAGAIN : 0;
	}
}

static const char *remedy_of(const char *message)
{
	return strstr(message, "user name is empty") ?
		       ": etcd requires authentication: set --etcd-username and --etcd-password-file" :
		       "";
}

/* Member names differ by version; missing or unexpected ones are tolerated. */
static int set_error(const struct jr *at, unsigned status, struct err *err)
{
	const char *message = jr_str_opt(at, "message", MESSAGE_MAX, NULL);
	uint64_t code = number(at, jr_has(at, "grpc_code") ? "grpc_code" : "code");

	if (!message)
		message = jr_str_opt(at, "error", MESSAGE_MAX, "an error without a message");
	if (status)
		err_set(err, ERR_STORE, "%s (HTTP %u)%s", message, status, remedy_of(message));
	else
		err_set(err, ERR_STORE, "%s%s", message, remedy_of(message));
	err->sys_errno = errno_of(code, status, message);
	return -1;
}

int store_etcd_wire_error(unsigned status, const char *body, size_t size, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct err not_json = ERR_INIT;
	char line[160];
	struct jr root;

	if (parse(body, size, &json, &not_json) == 0) {
		root = jr_root(json);
		return set_error(&root, status, err);
	}
	if (status == 404)
		return err_set(err, ERR_STORE,
			       "does not serve /v3 (HTTP 404): " STORE_ETCD_WIRE_GATEWAY);
	/* From the HTTP server in front of etcd's service, or a proxy. */
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(body, "\r\n"), body);
	if (strstr(line, "CommonName"))
		err_set(err, ERR_STORE,
			"etcd with authentication rejects client certificates with a common name "
			"(CN): --etcd-certfile must not have one (HTTP %u: %s)",
			status, line);
	else if (*line && *line != '<')
		err_set(err, ERR_STORE, "HTTP %u: %s", status, line);
	else
		err_set(err, ERR_STORE, "HTTP %u", status);
	err->sys_errno = errno_of(0, status, "");
	return -1;
}

/* The result in a line of a stream, or its error. */
static int read_result(struct json *json, struct jr *root, struct jr *result_out, struct err *err)
{
	struct jr error;

	*root = jr_root(json);
	if (jr_has(root, "error")) {
		error = jr_obj(root, "error");
		return set_error(&error, 0, err);
	}
	*result_out = jr_obj(root, "result");
	return 0;
}

/* ---- Responses ----------------------------------------------------------- */

int store_etcd_wire_read_range(const char *body, size_t size,
			       struct store_etcd_wire_range *range_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct store_etcd_wire_range range = { .more = false };
	struct json_member kvs = { .path = { "kvs" } };
	struct jr root, list;

	if (parse_without_kvs(body, size, &kvs, &json, err) < 0)
		return -1;
	root = jr_root(json);
	range.header = read_header(&root);
	if (!range.header.revision) /* in the next page's request, 0 would mean the newest */
		jr_fault(&root, "header.revision", "is missing");
	range.count = jr_has(&root, "count") ? number(&root, "count") : 0;
	range.more = jr_bool_opt(&root, "more", false);
	list = jr_arr_opt(&root, "kvs");
	if (!jr_is_absent(&list) && !kvs.text)
		jr_fault(&root, "kvs", "not found as it is written: a key has an escape");
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	if (!jr_is_absent(&list) && read_kvs(&list, &kvs, &range.kvs, err) < 0) {
		store_etcd_wire_range_free(&range);
		return -1;
	}
	*range_out = range;
	return 0;
}

void store_etcd_wire_range_free(struct store_etcd_wire_range *range)
{
	kvs_free(&range->kvs);
}

/* etcd before 3.5 also reports an invalid token as "permission denied". */
static void read_cancelled(const struct jr *at, struct store_etcd_wire_events *events)
{
	const char *reason = jr_str_opt(at, "cancel_reason", MESSAGE_MAX, "without a reason");
	uint64_t compacted = number(at, "compact_revision");

	events->unauthenticated = is_token_error(reason) || strstr(reason, "permission denied");
	if (compacted)
		snprintf(events->reason, sizeof(events->reason), "compacted up to revision %ju",
			 (uintmax_t)compacted);
	else
		snprintf(events->reason, sizeof(events->reason), "%s", reason);
}

/* A watch that could not be created has the id -1. */
static bool is_of_key(const struct jr *at)
{
	AUTO(free) char *text = jr_text(at, "watch_id");

	return text && (!strcmp(text, "\"1\"") || !strcmp(text, "1"));
}

int store_etcd_wire_read_events(const char *line, size_t size,
				struct store_etcd_wire_events *events_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct store_etcd_wire_events events = { .created = false };
	struct jr root, result;

	if (parse(line, size, &json, err) < 0 || read_result(json, &root, &result, err) < 0)
		return -1;
	events.header = read_header(&result);
	events.of_key = is_of_key(&result);
	events.created = jr_bool_opt(&result, "created", false);
	events.fragment = jr_bool_opt(&result, "fragment", false);
	events.cancelled = jr_bool_opt(&result, "canceled", false);
	if (events.cancelled)
		read_cancelled(&result, &events);
	read_events(&result, &events.kvs);
	if (jr_done(json, ERR_DECODE, err) < 0) {
		store_etcd_wire_events_free(&events);
		return -1;
	}
	*events_out = events;
	return 0;
}

void store_etcd_wire_events_free(struct store_etcd_wire_events *events)
{
	kvs_free(&events->kvs);
}

/* The key of the first claim that blocks the transaction: what follows the claim's last '/'. */
static void read_claimant(const struct jr *root, char claimant[static STORE_KEY_SIZE])
{
	struct jr responses = jr_arr_opt(root, "responses"), response;

	for (size_t i = 0; jr_each(&responses, &i, &response);) {
		struct jr range = jr_obj_opt(&response, "response_range");
		struct jr kvs = jr_arr_opt(&range, "kvs"), kv;

		for (size_t k = 0; jr_each(&kvs, &k, &kv);) {
			size_t size = 0;
			AUTO(free) char *key = jr_base64(&kv, "key", RESPONSE_MAX, &size);
			const char *last = key ? strrchr(key, '/') : NULL;

			if (last && !*claimant && strlen(last + 1) < STORE_KEY_SIZE)
				memcpy(claimant, last + 1, strlen(last + 1) + 1);
		}
	}
}

/* An end of line would begin another header. */
static bool is_header_text(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

int store_etcd_wire_read_token(const char *body, size_t size, char **token_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	const char *token;
	struct jr root;

	if (parse(body, size, &json, err) < 0)
		return -1;
	root = jr_root(json);
	token = jr_str(&root, "token", TOKEN_MAX);
	if (!*token || !is_header_text(token))
		jr_fault(&root, "token", "is not a token");
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*token_out = strdup(token);
	return *token_out ? 0 : err_nomem(err, "etcd's token");
}

int store_etcd_wire_read_txn(const char *body, size_t size, struct store_reply *reply_out,
			     struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct store_reply reply = { .succeeded = false };
	struct jr root;

	if (parse(body, size, &json, err) < 0)
		return -1;
	root = jr_root(json);
	reply.mod_revision = read_header(&root).revision;
	reply.succeeded = jr_bool_opt(&root, "succeeded", false);
	if (!reply.succeeded)
		read_claimant(&root, reply.claimant);
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*reply_out = reply;
	return 0;
}

/* An omitted TTL is 0; the ID is required. */
static int read_lease(struct json *json, const struct jr *at, struct store_reply *reply_out,
		      struct err *err)
{
	struct store_reply reply = {
		.succeeded = true,
		.lease = number(at, "ID"),
		.ttl_s = number(at, "TTL"),
	};

	if (!reply.lease)
		jr_fault(at, "ID", "is missing");
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*reply_out = reply;
	return 0;
}

int store_etcd_wire_read_grant(const char *body, size_t size, struct store_reply *reply_out,
			       struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (parse(body, size, &json, err) < 0)
		return -1;
	root = jr_root(json);
	return read_lease(json, &root, reply_out, err);
}

int store_etcd_wire_read_keepalive(const char *body, size_t size, struct store_reply *reply_out,
				   struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr root, result;

	if (parse(body, size, &json, err) < 0 || read_result(json, &root, &result, err) < 0)
		return -1;
	return read_lease(json, &result, reply_out, err);
}

int store_etcd_wire_read_revoke(const char *body, size_t size, struct store_reply *reply_out,
				struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (parse(body, size, &json, err) < 0)
		return -1;
	root = jr_root(json);
	read_header(&root);
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	*reply_out = (struct store_reply){ .succeeded = true };
	return 0;
}
