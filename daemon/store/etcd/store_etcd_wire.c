/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values are base64, 64-bit numbers are strings, members that are zero are
 * left out. One answer, one line of a stream, and the two forms of an error:
 *
 *   {"header":{"cluster_id":"9","member_id":"1","revision":"4","raft_term":"2"},
 *    "kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"3","version":"2",
 *            "value":"Yg==","lease":"77"}],"more":true,"count":"2"}
 *   {"result":{"header":{..},"events":[{"kv":{..}},{"type":"DELETE","kv":{..}}]}}
 *   {"error":"etcdserver: ..","message":"etcdserver: ..","code":11}
 *   {"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: .."}}
 */
#include "store_etcd_wire.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"
#include "common/parse.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "etcd's answer"
#define ANSWER_MAX ((size_t)64 * 1024 * 1024) /* smaller ones are the caller's to ask for */
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

bool store_etcd_wire_is_restored(const struct store_point *ours, const struct store_point *now)
{
	return now->cluster != ours->cluster || now->term < ours->term ||
	       now->revision < ours->revision;
}

/* ---- Parts of answers ---------------------------------------------------- */

static int parse(const char *body, size_t size, struct json **json_out, struct err *err)
{
	return json_parse(body, size, ANSWER_MAX, JSON_STRICT, WHAT, json_out, err);
}

/* A 64-bit number, 0 where it is left out; as a string or, leniently, as a number. */
static uint64_t number(const struct jr *at, const char *key)
{
	AUTO_FREE char *digits = NULL;
	struct err err = ERR_INIT;
	uint64_t value = 0;

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

	kv.key = jr_base64(at, "key", ANSWER_MAX, &kv.key_size);
	if (jr_has(at, "value"))
		kv.value = jr_base64(at, "value", ANSWER_MAX, &kv.value_size);
	else
		kv.value = calloc(1, 1);
	if (!kv.mod_revision)
		jr_fault(at, "mod_revision", "is missing");
	if (!kv.key || !kv.value || !store_etcd_wire_kvs_push(kvs, &kv)) {
		jr_fault(at, NULL, "no memory, or too many keys");
		kv_free(&kv);
	}
}

static void read_kvs(const struct jr *at, struct store_etcd_wire_kvs *kvs)
{
	struct jr list = jr_arr_opt(at, "kvs"), element;

	for (size_t i = 0; jr_each(&list, &i, &element);)
		read_kv(&element, false, kvs);
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

/* What etcd says where the token is not good, or is missing; the codes differ by version. */
static bool is_about_token(const char *message)
{
	static const char *const texts[] = { "invalid auth token", "revision in header is old",
					     "revision of auth store is old",
					     "user name is empty" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strstr(message, texts[i]))
			return true;
	return false;
}

static int errno_of(uint64_t grpc_code, unsigned status, const char *message)
{
	if (grpc_code == GRPC_UNAUTHENTICATED || status == 401 || is_about_token(message))
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
		       ": etcd has users, so --etcd-username and --etcd-password-file are needed" :
		       "";
}

/* The members have had several names; what is missing or odd is done without. */
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
		return err_set(err, ERR_STORE, "does not serve /v3: etcd 3.4 or later is needed");
	/* Not etcd's service but the server before it, or something in between, says so. */
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(body, "\r\n"), body);
	if (strstr(line, "CommonName"))
		err_set(err, ERR_STORE,
			"etcd with users takes no certificate that names one: --etcd-certfile has "
			"to be without a common name (CN) (HTTP %u: %s)",
			status, line);
	else if (*line && *line != '<')
		err_set(err, ERR_STORE, "HTTP %u: %s", status, line);
	else
		err_set(err, ERR_STORE, "HTTP %u", status);
	err->sys_errno = errno_of(0, status, "");
	return -1;
}

/* The result that a line of a stream, or its only one, holds; or the error. */
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

/* ---- Answers ------------------------------------------------------------- */

int store_etcd_wire_read_range(const char *body, size_t size,
			       struct store_etcd_wire_range *range_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct store_etcd_wire_range range = { .more = false };
	struct jr root;

	if (parse(body, size, &json, err) < 0)
		return -1;
	root = jr_root(json);
	range.header = read_header(&root);
	if (!range.header.revision) /* asked for, 0 would mean the newest, not one and the same */
		jr_fault(&root, "header.revision", "is missing");
	range.count = jr_has(&root, "count") ? number(&root, "count") : 0;
	range.more = jr_bool_opt(&root, "more", false);
	read_kvs(&root, &range.kvs);
	if (jr_done(json, ERR_DECODE, err) < 0) {
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

/* etcd before 3.5 says "permission denied" of a token that is not good, too. */
static void read_cancelled(const struct jr *at, struct store_etcd_wire_events *events)
{
	const char *reason = jr_str_opt(at, "cancel_reason", MESSAGE_MAX, "without a reason");
	uint64_t compacted = number(at, "compact_revision");

	events->refused = is_about_token(reason) || strstr(reason, "permission denied");
	if (compacted)
		snprintf(events->reason, sizeof(events->reason), "compacted up to revision %ju",
			 (uintmax_t)compacted);
	else
		snprintf(events->reason, sizeof(events->reason), "%s", reason);
}

/* A watch that is refused has the number -1. */
static bool is_of_key(const struct jr *at)
{
	AUTO_FREE char *text = jr_text(at, "watch_id");

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

/* What stands in the way: of the first claim found, what follows its last '/'. */
static void read_claimant(const struct jr *root, char claimant[static STORE_KEY_SIZE])
{
	struct jr responses = jr_arr_opt(root, "responses"), response;

	for (size_t i = 0; jr_each(&responses, &i, &response);) {
		struct jr range = jr_obj_opt(&response, "response_range");
		struct jr kvs = jr_arr_opt(&range, "kvs"), kv;

		for (size_t k = 0; jr_each(&kvs, &k, &kv);) {
			size_t size = 0;
			AUTO_FREE char *key = jr_base64(&kv, "key", ANSWER_MAX, &size);
			const char *last = key ? strrchr(key, '/') : NULL;

			if (last && !*claimant && strlen(last + 1) < STORE_KEY_SIZE)
				memcpy(claimant, last + 1, strlen(last + 1) + 1);
		}
	}
}

/* It goes into a header, where an end of line would begin another one. */
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
		jr_fault(&root, "token", "is no token");
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

/* A TTL that is left out counts as 0: the ID says that this is an answer at all. */
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
