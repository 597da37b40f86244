/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include "base64.h"
#include "err.h"
#include "json_private.h"
#include "parse.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_MAX (PREFIX_TEXT_SIZE - 1)
#define SHOWN_SIZE (ERR_SHOW_SIZE + 2)

/* What stands at a place, as an error shows it. */
static const char *shown(const struct cJSON *node, char buf[static SHOWN_SIZE])
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

/* The value at the place or at its member key; NULL where there is none, or null. */
static const struct cJSON *value_of(const struct jr *at, const char *key)
{
	const struct cJSON *node = at->node;
	char buf[SHOWN_SIZE];

	if (key && node && !cJSON_IsObject(node)) {
		jr_fault(at, NULL, "%s is not an object", shown(node, buf));
		return NULL;
	}
	if (key && node) {
		node = node->child;
		while (node && !json_same_key(at->json, node->string, key))
			node = node->next;
	}
	return cJSON_IsNull(node) ? NULL : node;
}

/* The value, after a fault where it is missing. */
static const struct cJSON *required(const struct jr *at, const char *key, const char *wanted)
{
	const struct cJSON *node = value_of(at, key);

	if (!node)
		jr_fault(at, key, "is missing: %s is required", wanted);
	return node;
}

static void refuse(const struct jr *at, const char *key, const struct cJSON *node,
		   const char *wanted)
{
	char buf[SHOWN_SIZE];

	jr_fault(at, key, "%s is not %s", shown(node, buf), wanted);
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
		refuse(at, key, node, "an object");
		node = NULL;
	}
	return place(at, key, node);
}

struct jr jr_arr_opt(const struct jr *at, const char *key)
{
	const struct cJSON *node = value_of(at, key);

	if (node && !cJSON_IsArray(node)) {
		refuse(at, key, node, "an array");
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
		refuse(at, key, node, "a string");
		return or_else;
	}
	if (strlen(node->valuestring) > max) {
		jr_fault(at, key, "%s is longer than %zu bytes", shown(node, buf), max);
		return or_else;
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
		refuse(at, key, node, number_wanted(wanted, min, max));
		return or_else;
	}
	return (uint32_t)node->valuedouble;
}

bool jr_bool_opt(const struct jr *at, const char *key, bool or_else)
{
	const struct cJSON *node = value_of(at, key);

	if (!node)
		return or_else;
	if (!cJSON_IsBool(node)) {
		refuse(at, key, node, "true or false");
		return or_else;
	}
	return cJSON_IsTrue(node);
}

uint64_t jr_u64_text_opt(const struct jr *at, const char *key, uint64_t or_else)
{
	const struct cJSON *node = value_of(at, key);
	struct err err = ERR_INIT;
	uint64_t value = or_else;

	if (node && !cJSON_IsString(node))
		refuse(at, key, node, "a number as a string of digits");
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
	struct err err = ERR_INIT;

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
	struct err err = ERR_INIT;

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
	struct err err = ERR_INIT;

	if (text && mac_parse(text, &mac, &err) < 0)
		jr_fault(at, key, "%s", err.text);
	return mac;
}

char *jr_base64(const struct jr *at, const char *key, size_t max, size_t *size_out)
{
	const struct cJSON *node = required(at, key, "a base64 string");
	AUTO_FREE char *data = NULL;
	size_t len, size;

	*size_out = 0;
	if (!node)
		return NULL;
	if (!cJSON_IsString(node)) {
		refuse(at, key, node, "a base64 string");
		return NULL;
	}
	len = strlen(node->valuestring);
	data = malloc(BASE64_DECODED_MAX(len) + 1);
	if (!data) {
		jr_fault(at, key, "out of memory for %zu bytes", len);
		return NULL;
	}
	if (!base64_decode(node->valuestring, len, data, &size)) {
		refuse(at, key, node, "base64 (RFC 4648)");
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
		if (json_same_key(json, known[i], key))
			return true;
	return false;
}

void jr_unknown(const struct jr *at, const char *const known[],
		void (*fn)(void *ctx, const char *path), void *ctx)
{
	struct jr member;

	for (size_t i = 0; jr_each(at, &i, &member);) {
		char path[JSON_PATH_SIZE];

		if (member.key && !is_known(at->json, known, member.key))
			fn(ctx, json_path(&member, NULL, path));
	}
}
