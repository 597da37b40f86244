/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed document: parsing, the sticky reader, changes. */
#include "common/json/json.h"

#include "common/base64.h"
#include "common/err.h"
#include "common/json/json_scan.h"
#include "common/parse.h"
#include "common/vec.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_MAX (PREFIX_TEXT_SIZE - 1)
#define SHOWN_SIZE (ERR_SHOW_SIZE + 2)
#define PATH_SIZE 192
#define DEDUPE_SMALL 16 /* members */

struct json {
	struct cJSON *root;
	const struct jr *array; /* of which it is the element index; NULL: a document of its own */
	size_t index;
	const char *what;
	bool any_case;
	const struct json_report *report; /* NULL: none */
	size_t faults;                    /* fault holds the first one's text */
	char fault[ERR_TEXT_SIZE];
};

/* ---- Places and faults --------------------------------------------------- */

/* Whether two keys are the same one in this document. */
static bool same_key(const struct json *json, const char *a, const char *b)
{
	if ((*a ^ *b) & ~0x20) /* most keys differ in the first letter */
		return false;
	return (json->any_case ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

struct jr jr_root(struct json *json)
{
	return (struct jr){
		.json = json, .parent = json->array, .node = json->root, .index = json->index
	};
}

static void path_add(char buf[static PATH_SIZE], const char *key, size_t index)
{
	size_t len = strlen(buf);

	if (key)
		snprintf(buf + len, PATH_SIZE - len, "%s%s", len ? "." : "", ERR_SHOW(key));
	else
		snprintf(buf + len, PATH_SIZE - len, "[%zu]", index);
}

static void path_of(const struct jr *at, char buf[static PATH_SIZE])
{
	if (!at->parent)
		return;
	path_of(at->parent, buf);
	path_add(buf, at->key, at->index);
}

/* The path of the member key, or of the place itself where key is NULL. Returns buf. */
static const char *path_text(const struct jr *at, const char *key, char buf[static PATH_SIZE])
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
	char path[PATH_SIZE], message[256];
	va_list args;

	if (json->faults++ && !json->report)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	path_text(at, key, path);
	if (json->report) {
		const struct json_fault fault = { .path = path, .text = message };

		json->report->fault(json->report->ctx, &fault);
	}
	if (json->faults > 1)
		return;
	snprintf(json->fault, sizeof(json->fault), "%s: %s%s%s", json->what, path,
		 *path ? ": " : "", message);
}

size_t jr_fault_count(const struct json *json)
{
	return json->faults;
}

int jr_done(struct json *json, int code, struct err *err)
{
	if (!json->faults)
		return 0;
	return err_set(err, (enum err_code)code, "%s", json->fault);
}

/* ---- Parsing ------------------------------------------------------------- */

struct member {
	struct cJSON *node;
	size_t index;
};

VEC_DEFINE(members, struct member);

/* Removes or reports duplicate keys in all objects of a new document. */
struct dedupe {
	struct json *json;
	bool drop; /* keep the last one; else duplicates are a fault */
	bool no_memory;
	struct members members; /* of one object at a time */
};

void json_free(struct json *json)
{
	if (!json)
		return;
	cJSON_Delete(json->root);
	free(json);
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

/* Without sorting, which is slow for the many small objects of a list. */
static bool has_duplicate(const struct json *json, const struct cJSON *object)
{
	for (const struct cJSON *a = object->child; a; a = a->next)
		for (const struct cJSON *b = a->next; b; b = b->next)
			if (same_key(json, a->string, b->string))
				return true;
	return false;
}

static bool is_small(const struct cJSON *object)
{
	const struct cJSON *child = object->child;
	int len = 0;

	for (; child && len <= DEDUPE_SMALL; len++)
		child = child->next;
	return len <= DEDUPE_SMALL;
}

/* Sorting bounds the time by n log n for any untrusted document. */
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

		if (!same_key(d->json, node->string, d->members.at[i + 1].node->string))
			continue;
		if (d->drop)
			cJSON_Delete(cJSON_DetachItemViaPointer(object, node));
		else
			jr_fault(at, node->string, "the object has this key twice");
	}
}

/* Recurses at most JSON_DEPTH_MAX levels, as the scan guarantees. */
static void dedupe(struct dedupe *d, struct cJSON *container, const struct jr *at)
{
	struct cJSON *child;
	size_t i = 0;

	if (cJSON_IsObject(container) &&
	    (!is_small(container) || has_duplicate(d->json, container)))
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

static int check_keys(struct json *json, unsigned flags, struct err *err)
{
	struct dedupe d = { .json = json, .drop = flags & JSON_LAST_DUPLICATE };
	struct jr root = jr_root(json);

	dedupe(&d, json->root, &root);
	members_free(&d.members);
	if (d.no_memory)
		return err_nomem(err, json->what);
	return jr_done(json, ERR_DECODE, err);
}

static int reject_size(size_t size, size_t max, const char *what, const struct json_report *report,
		       struct err *err)
{
	char text[80];
	const struct json_fault fault = { .path = "", .text = text };

	snprintf(text, sizeof(text), "%zu bytes, at most %zu are allowed", size, max);
	if (report)
		report->fault(report->ctx, &fault);
	return err_set(err, ERR_DECODE, "%s: %s", what, text);
}

int json_parse(const char *text, size_t size, size_t max, unsigned flags, const char *what,
	       struct json **json_out, struct err *err)
{
	return json_parse_report(text, size, max, flags, what, NULL, json_out, err);
}

/* Makes a document like model, which has no root, of a text that the scan accepts. */
static int make_document(const char *text, size_t size, unsigned flags, const struct json *model,
			 struct json **json_out, struct err *err)
{
	AUTO(json) struct json *json = calloc(1, sizeof(*json));
	const char *what = model->what;

	if (!json)
		return err_nomem(err, what);
	*json = *model;
	json->any_case = flags & JSON_ANY_CASE;
	json->root = cJSON_ParseWithLength(text, size);
	if (!json->root)
		return err_nomem(err, what); /* the scan excludes other reasons */
	if (check_keys(json, flags, err) < 0)
		return -1;
	*json_out = take_ptr(json);
	return 0;
}

int json_parse_report(const char *text, size_t size, size_t max, unsigned flags, const char *what,
		      const struct json_report *report, struct json **json_out, struct err *err)
{
	const struct json model = { .what = what, .report = report };

	if (size > max)
		return reject_size(size, max, what, report, err);
	if (json_scan(text, size, what, report, err) < 0)
		return -1;
	return make_document(text, size, flags, &model, json_out, err);
}

int json_parse_selected(const char *text, size_t size, size_t max, unsigned flags,
			const struct json_selection *selection, const char *what,
			struct json **json_out, struct err *err)
{
	const struct json model = { .what = what };
	AUTO(free) char *copy = NULL;
	size_t copy_len = 0;

	if (size > max)
		return reject_size(size, max, what, NULL, err);
	copy = malloc(size ? size : 1);
	if (!copy)
		return err_nomem(err, what);
	if (json_scan_pruned(text, size, what, selection->pruned, selection->members,
			     selection->members_len, copy, &copy_len, err) < 0)
		return -1;
	return make_document(copy, copy_len, flags, &model, json_out, err);
}

int json_next(struct json_elements *elements, struct json **json_out, struct err *err)
{
	const struct json_member *array = elements->member;
	const struct json model = { .what = elements->array->json->what,
				    .array = elements->array,
				    .index = elements->index++ };
	size_t start, len;

	if (!json_scan_element(array->text, array->size, &elements->at, &start, &len))
		return 0;
	if (make_document(array->text + start, len, elements->flags, &model, json_out, err) < 0)
		return -1;
	return 1;
}

int json_find(const char *text, size_t size, size_t max, const char *what,
	      struct json_member *members, size_t len, struct err *err)
{
	if (size > max) {
		for (size_t i = 0; i < len; i++)
			members[i].text = NULL;
		return reject_size(size, max, what, NULL, err);
	}
	return json_scan_find(text, size, what, members, len, err);
}

bool json_next_member(const struct json_member *object, size_t *at, struct json_text *key_out,
		      struct json_text *value_out)
{
	return json_scan_member(object->text, object->size, at, key_out, value_out);
}

/* ---- Reading ------------------------------------------------------------- */

/* A value as text for errors. */
static const char *value_text(const struct cJSON *node, char buf[static SHOWN_SIZE])
{
	if (cJSON_IsString(node))
		snprintf(buf, SHOWN_SIZE, "\"%s\"", ERR_SHOW(node->valuestring));
	else if (cJSON_IsNumber(node))
		snprintf(buf, SHOWN_SIZE, "%.15g", node->valuedouble);
	else if (cJSON_IsBool(node))
		snprintf(buf, SHOWN_SIZE, "%s", cJSON_IsTrue(node) ? "true" : "false");
	else if (cJSON_IsNull(node))
		snprintf(buf, SHOWN_SIZE, "null");
	else
		snprintf(buf, SHOWN_SIZE, "%s", cJSON_IsArray(node) ? "an array" : "an object");
	return buf;
}

/* The value at the place or at its member key; NULL if absent or null. */
static const struct cJSON *value_of(const struct jr *at, const char *key)
{
	const struct cJSON *node = at->node;
	char buf[SHOWN_SIZE];

	if (key && node && !cJSON_IsObject(node)) {
		jr_fault(at, NULL, "%s is not an object", value_text(node, buf));
		return NULL;
	}
	if (key && node) {
		node = node->child;
		while (node && !same_key(at->json, node->string, key))
			node = node->next;
	}
	return cJSON_IsNull(node) ? NULL : node;
}

/* The value; if it is missing, records a fault. */
static const struct cJSON *required(const struct jr *at, const char *key, const char *wanted)
{
	const struct cJSON *node = value_of(at, key);

	if (!node)
		jr_fault(at, key, "is missing: %s is required", wanted);
	return node;
}

static void fault_type(const struct jr *at, const char *key, const struct cJSON *node,
		       const char *wanted)
{
	char buf[SHOWN_SIZE];

	jr_fault(at, key, "%s is not %s", value_text(node, buf), wanted);
}

bool jr_has(const struct jr *at, const char *key)
{
	return value_of(at, key);
}

bool jr_is_str(const struct jr *at, const char *key)
{
	return cJSON_IsString(value_of(at, key));
}

static struct jr place(const struct jr *at, const char *key, const struct cJSON *node)
{
	struct jr here = *at;

	if (key)
		here = (struct jr){ .json = at->json, .parent = at, .key = key };
	here.node = node;
	return here;
}

struct jr jr_obj(const struct jr *at, const char *key)
{
	return required(at, key, "an object") ? jr_obj_opt(at, key) : place(at, key, NULL);
}

struct jr jr_arr(const struct jr *at, const char *key)
{
	return required(at, key, "an array") ? jr_arr_opt(at, key) : place(at, key, NULL);
}

struct jr jr_obj_opt(const struct jr *at, const char *key)
{
	const struct cJSON *node = value_of(at, key);

	if (node && !cJSON_IsObject(node)) {
		fault_type(at, key, node, "an object");
		node = NULL;
	}
	return place(at, key, node);
}

struct jr jr_arr_opt(const struct jr *at, const char *key)
{
	const struct cJSON *node = value_of(at, key);

	if (node && !cJSON_IsArray(node)) {
		fault_type(at, key, node, "an array");
		node = NULL;
	}
	return place(at, key, node);
}

bool jr_is_absent(const struct jr *at)
{
	return !at->node;
}

size_t jr_len(const struct jr *at)
{
	return (size_t)cJSON_GetArraySize(at->node);
}

bool jr_each(const struct jr *at, size_t *i, struct jr *element_out)
{
	const struct cJSON *node = NULL;

	if (*i > 0)
		node = element_out->node->next;
	else if (at->node)
		node = at->node->child;
	if (!node)
		return false;
	*element_out = (struct jr){
		.json = at->json, .parent = at, .node = node, .key = node->string, .index = (*i)++
	};
	return true;
}

const char *jr_str(const struct jr *at, const char *key, size_t max)
{
	return required(at, key, "a string") ? jr_str_opt(at, key, max, "") : "";
}

const char *jr_str_opt(const struct jr *at, const char *key, size_t max, const char *or_else)
{
	const struct cJSON *node = value_of(at, key);
	char buf[SHOWN_SIZE];

	if (!node)
		return or_else;
	if (!cJSON_IsString(node)) {
		fault_type(at, key, node, "a string");
		return or_else;
	}
	if (strlen(node->valuestring) > max) {
		jr_fault(at, key, "%s is longer than %zu bytes", value_text(node, buf), max);
		return or_else;
	}
	return node->valuestring;
}

const char *jr_secret_opt(const struct jr *at, const char *key, size_t min, size_t max)
{
	const struct cJSON *node = value_of(at, key);
	size_t len;

	if (!node)
		return "";
	if (!cJSON_IsString(node)) {
		jr_fault(at, key, "is not a string");
		return "";
	}
	len = strlen(node->valuestring);
	if (len < min || len > max) {
		jr_fault(at, key, "does not have %zu to %zu bytes", min, max);
		return "";
	}
	return node->valuestring;
}

static const char *number_wanted(char buf[static 64], uint32_t min, uint32_t max)
{
	snprintf(buf, 64, "a number from %" PRIu32 " to %" PRIu32, min, max);
	return buf;
}

uint32_t jr_u32(const struct jr *at, const char *key, uint32_t min, uint32_t max)
{
	char wanted[64];

	if (!value_of(at, key))
		required(at, key, number_wanted(wanted, min, max));
	return jr_u32_opt(at, key, min, max, min);
}

uint32_t jr_u32_opt(const struct jr *at, const char *key, uint32_t min, uint32_t max,
		    uint32_t or_else)
{
	const struct cJSON *node = value_of(at, key);
	char wanted[64];

	if (!node)
		return or_else;
	if (!cJSON_IsNumber(node) || node->valuedouble < min || node->valuedouble > max ||
	    node->valuedouble > (uint32_t)node->valuedouble) {
		fault_type(at, key, node, number_wanted(wanted, min, max));
		return or_else;
	}
	return (uint32_t)node->valuedouble;
}

uint64_t jr_count_opt(const struct jr *at, const char *key, uint64_t or_else)
{
	const struct cJSON *node = value_of(at, key);
	const double max = 9007199254740992.0; /* 2^53: every integer up to it is a double */

	if (!node)
		return or_else;
	/* Negated, so that a value that is not a number is refused, whatever it compares to. */
	if (!cJSON_IsNumber(node) || !(node->valuedouble >= 0 && node->valuedouble <= max) ||
	    node->valuedouble > (double)(uint64_t)node->valuedouble) {
		fault_type(at, key, node, "an integer from 0 to 9007199254740992");
		return or_else;
	}
	return (uint64_t)node->valuedouble;
}

bool jr_bool_opt(const struct jr *at, const char *key, bool or_else)
{
	const struct cJSON *node = value_of(at, key);

	if (!node)
		return or_else;
	if (!cJSON_IsBool(node)) {
		fault_type(at, key, node, "true or false");
		return or_else;
	}
	return cJSON_IsTrue(node);
}

uint64_t jr_u64_text_opt(const struct jr *at, const char *key, uint64_t or_else)
{
	const struct cJSON *node = value_of(at, key);
	struct err err ERR_UNSET;
	uint64_t value = or_else;

	if (node && !cJSON_IsString(node))
		fault_type(at, key, node, "a number as a string of digits");
	else if (node && parse_u64(node->valuestring, 0, UINT64_MAX, &value, &err) < 0)
		jr_fault(at, key, "%s", err.text);
	return value;
}

struct ipaddr jr_ipaddr(const struct jr *at, const char *key)
{
	required(at, key, "an IP address");
	return jr_ipaddr_opt(at, key);
}

struct ipaddr jr_ipaddr_opt(const struct jr *at, const char *key)
{
	const char *text = jr_str_opt(at, key, ADDRESS_MAX, NULL);
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err ERR_UNSET;

	if (text && ipaddr_parse(text, &addr, &err) < 0)
		jr_fault(at, key, "%s", err.text);
	return addr;
}

struct prefix jr_prefix(const struct jr *at, const char *key)
{
	required(at, key, "an IP prefix");
	return jr_prefix_opt(at, key);
}

struct prefix jr_prefix_opt(const struct jr *at, const char *key)
{
	const char *text = jr_str_opt(at, key, ADDRESS_MAX, NULL);
	struct prefix prefix = { .addr.family = AF_UNSPEC };
	struct err err ERR_UNSET;

	if (text && prefix_parse(text, &prefix, &err) < 0)
		jr_fault(at, key, "%s", err.text);
	return prefix;
}

struct mac jr_mac(const struct jr *at, const char *key)
{
	const char *text = required(at, key, "a MAC address") ?
				   jr_str_opt(at, key, MAC_TEXT_SIZE - 1, NULL) :
				   NULL;
	struct mac mac = { { 0 } };
	struct err err ERR_UNSET;

	if (text && mac_parse(text, &mac, &err) < 0)
		jr_fault(at, key, "%s", err.text);
	return mac;
}

char *jr_base64(const struct jr *at, const char *key, size_t max, size_t *size_out)
{
	const struct cJSON *node = required(at, key, "a base64 string");
	AUTO(free) char *data = NULL;
	size_t len, size;

	*size_out = 0;
	if (!node)
		return NULL;
	if (!cJSON_IsString(node)) {
		fault_type(at, key, node, "a base64 string");
		return NULL;
	}
	len = strlen(node->valuestring);
	data = malloc(BASE64_DECODED_MAX(len) + 1);
	if (!data) {
		jr_fault(at, key, "out of memory for %zu bytes", len);
		return NULL;
	}
	if (!base64_decode(node->valuestring, len, data, &size)) {
		fault_type(at, key, node, "base64 (RFC 4648)");
		return NULL;
	}
	if (size > max) {
		jr_fault(at, key, "%zu bytes, at most %zu are allowed", size, max);
		return NULL;
	}
	data[size] = '\0';
	*size_out = size;
	return take_ptr(data);
}

char *jr_text(const struct jr *at, const char *key)
{
	const struct cJSON *node = value_of(at, key);
	char *text = node ? cJSON_PrintUnformatted(node) : NULL;

	if (node && !text)
		jr_fault(at, key, "out of memory for its text");
	return text;
}

static bool is_known(const struct json *json, const char *const known[], const char *key)
{
	for (size_t i = 0; known[i]; i++)
		if (same_key(json, known[i], key))
			return true;
	return false;
}

void jr_unknown(const struct jr *at, const char *const known[],
		void (*fn)(void *ctx, const char *path), void *ctx)
{
	struct jr member;

	for (size_t i = 0; jr_each(at, &i, &member);) {
		char path[PATH_SIZE];

		if (member.key && !is_known(at->json, known, member.key))
			fn(ctx, path_text(&member, NULL, path));
	}
}

/* ---- Changing ------------------------------------------------------------ */

static struct cJSON *find_member(const struct json *json, const struct cJSON *object,
				 const char *key)
{
	struct cJSON *member = object ? object->child : NULL;

	while (member && !same_key(json, member->string, key))
		member = member->next;
	return member;
}

/* Takes item over. Returns it, or NULL when out of memory. */
static struct cJSON *set_member(const struct json *json, struct cJSON *object, const char *key,
				struct cJSON *item)
{
	const struct cJSON *member = find_member(json, object, key);
	bool set;

	if (!item)
		return NULL;
	if (member)
		set = cJSON_ReplaceItemInObjectCaseSensitive(object, member->string, item);
	else
		set = cJSON_AddItemToObject(object, key, item);
	if (set)
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* Returns in *parent_out the object of the path's last key; NULL if absent and not made. */
static int find_parent(struct json *json, const char *const path[], bool make,
		       struct cJSON **parent_out, const char **key_out, struct err *err)
{
	struct cJSON *object = json->root;

	for (; object && path[1]; path++) {
		struct cJSON *member = find_member(json, object, path[0]);

		if (make && (!member || cJSON_IsNull(member))) {
			member = set_member(json, object, path[0], cJSON_CreateObject());
			if (!member)
				return err_nomem(err, json->what);
		}
		object = member;
		if (object && !cJSON_IsObject(object) && !cJSON_IsNull(object))
			return err_set(err, ERR_DECODE, "%s: %s is not an object", json->what,
				       ERR_SHOW(path[0]));
	}
	*parent_out = object;
	*key_out = path[0];
	return 0;
}

int json_set(struct json *json, const char *const path[], const char *value_text, struct err *err)
{
	AUTO(json) struct json *value = NULL;
	size_t size = strlen(value_text);
	struct cJSON *parent;
	const char *key;

	if (json_parse(value_text, size, size, JSON_STRICT, json->what, &value, err) < 0 ||
	    find_parent(json, path, true, &parent, &key, err) < 0)
		return -1;
	if (!set_member(json, parent, key, take_ptr(value->root)))
		return err_nomem(err, json->what);
	return 0;
}

int json_remove(struct json *json, const char *const path[], struct err *err)
{
	const struct cJSON *member;
	struct cJSON *parent;
	const char *key;

	if (find_parent(json, path, false, &parent, &key, err) < 0)
		return -1;
	member = parent ? find_member(json, parent, key) : NULL;
	if (member)
		cJSON_DeleteItemFromObjectCaseSensitive(parent, member->string);
	return 0;
}

int json_print(const struct json *json, char **text_out, struct err *err)
{
	AUTO(free) char *text = cJSON_Print(json->root);
	size_t size = text ? strlen(text) : 0;
	char *line = text ? realloc(text, size + 2) : NULL;

	if (!line)
		return err_nomem(err, json->what);
	text = NULL;
	memcpy(line + size, "\n", 2);
	*text_out = line;
	return 0;
}
