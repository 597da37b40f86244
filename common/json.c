/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include "err.h"
#include "json_private.h"
#include "vec.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct member {
	struct cJSON *node;
	size_t index;
};

VEC_DEFINE(members, struct member);

/* One walk over a new document for keys that an object has more than once. */
struct dedupe {
	struct json *json;
	bool drop; /* drop all but the last one; else they are a fault */
	bool no_memory;
	struct members members; /* of one object at a time */
};

void json_free(struct json *json)
{
	if (!json)
		return;
	json_arena_free(&json->arena);
	free(json);
}

bool json_same_key(const struct json *json, const char *a, const char *b)
{
	return (json->any_case ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

static int by_key(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = strcmp(left->node->string, right->node->string);

	return order ? order : (left->index > right->index) - (left->index < right->index);
}

static int by_key_any_case(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = strcasecmp(left->node->string, right->node->string);

	return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* Sorting finds equal keys in n log n, whatever a hostile document holds. */
static void dedupe_object(struct dedupe *d, struct cJSON *object, const struct jr *at)
{
	struct cJSON *child;

	members_clear(&d->members);
	cJSON_ArrayForEach(child, object)
	{
		struct member member = { .node = child, .index = d->members.len };

		if (!members_push(&d->members, &member)) {
			d->no_memory = true;
			return;
		}
	}
	vec_sort(d->members.at, d->members.len, sizeof(struct member),
		 d->json->any_case ? by_key_any_case : by_key);
	for (size_t i = 0; i + 1 < d->members.len; i++) {
		struct cJSON *node = d->members.at[i].node;

		if (!json_same_key(d->json, node->string, d->members.at[i + 1].node->string))
			continue;
		if (d->drop)
			cJSON_DetachItemViaPointer(object, node);
		else
			jr_fault(at, node->string, "the object has this key twice");
	}
}

/* As deep as the document, and so at most JSON_DEPTH_MAX calls. */
static void dedupe(struct dedupe *d, struct cJSON *container, const struct jr *at)
{
	struct cJSON *child;
	size_t i = 0;

	if (cJSON_IsObject(container))
		dedupe_object(d, container, at);
	cJSON_ArrayForEach(child, container)
	{
		struct jr place = { .json = d->json,
				    .parent = at,
				    .node = child,
				    .key = child->string,
				    .index = i++ };

		if (child->child)
			dedupe(d, child, &place);
	}
}

static int check_keys(struct json *json, unsigned how, struct err *err)
{
	struct dedupe d = { .json = json, .drop = how & JSON_LAST_DUPLICATE };
	struct jr root = jr_root(json);

	dedupe(&d, json->root, &root);
	members_free(&d.members);
	if (d.no_memory)
		return err_nomem(err, json->what);
	return jr_done(json, ERR_DECODE, err);
}

int json_parse(const char *text, size_t size, size_t max, unsigned how, const char *what,
	       struct json **json_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;

	if (size > max)
		return err_set(err, ERR_DECODE, "%s: %zu bytes, at most %zu are allowed", what,
			       size, max);
	if (json_scan(text, size, what, err) < 0)
		return -1;
	json = calloc(1, sizeof(*json));
	if (!json)
		return err_nomem(err, what);
	json->what = what;
	json->any_case = how & JSON_ANY_CASE;
	json->root = json_arena_parse(&json->arena, text, size);
	if (!json->root)
		return err_nomem(err, what); /* the scan has left no other reason */
	if (check_keys(json, how, err) < 0)
		return -1;
	*json_out = take_ptr(json);
	return 0;
}

struct jr jr_root(struct json *json)
{
	return (struct jr){ .json = json, .node = json->root };
}

static void path_add(char buf[static JSON_PATH_SIZE], const char *key, size_t index)
{
	size_t len = strlen(buf);

	if (key)
		snprintf(buf + len, JSON_PATH_SIZE - len, "%s%s", len ? "." : "", ERR_SHOW(key));
	else
		snprintf(buf + len, JSON_PATH_SIZE - len, "[%zu]", index);
}

static void path_of(const struct jr *at, char buf[static JSON_PATH_SIZE])
{
	if (!at->parent)
		return;
	path_of(at->parent, buf);
	path_add(buf, at->key, at->index);
}

const char *json_path(const struct jr *at, const char *key, char buf[static JSON_PATH_SIZE])
{
	buf[0] = '\0';
	path_of(at, buf);
	if (key)
		path_add(buf, key, 0);
	return buf;
}

void jr_fault(const struct jr *at, const char *key, const char *format, ...)
{
	struct json *json = at->json;
	char path[JSON_PATH_SIZE], message[256];
	va_list args;

	if (json->failed)
		return;
	json->failed = true;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	json_path(at, key, path);
	snprintf(json->fault, sizeof(json->fault), "%s: %s%s%s", json->what, path,
		 *path ? ": " : "", message);
}

int jr_done(struct json *json, int code, struct err *err)
{
	if (!json->failed)
		return 0;
	return err_set(err, (enum err_code)code, "%s", json->fault);
}
