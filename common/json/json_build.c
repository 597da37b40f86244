/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/base64.h"
#include "common/err.h"
#include "common/utf8.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jb {
	struct cJSON *root;
	bool failed; /* out of memory; the document is incomplete */
};

struct jb *jb_new(void)
{
	AUTO(jb) struct jb *jb = calloc(1, sizeof(*jb));

	if (!jb)
		return NULL;
	jb->root = cJSON_CreateObject();
	return jb->root ? take_ptr(jb) : NULL;
}

void jb_free(struct jb *jb)
{
	if (!jb)
		return;
	cJSON_Delete(jb->root);
	free(jb);
}

struct jb_at jb_root(struct jb *jb)
{
	return (struct jb_at){ .jb = jb, .node = jb->root };
}

/* Takes the item over. Returns it, or NULL if it could not be added. */
static struct cJSON *add(struct jb_at at, const char *key, struct cJSON *item)
{
	bool added = false;

	assert(!at.node || (key != NULL) == cJSON_IsObject(at.node));
	if (at.node && item)
		added = key ? cJSON_AddItemToObject(at.node, key, item) :
			      cJSON_AddItemToArray(at.node, item);
	if (added)
		return item;
	cJSON_Delete(item);
	at.jb->failed = true;
	return NULL;
}

struct jb_at jb_obj(struct jb_at at, const char *key)
{
	return (struct jb_at){ .jb = at.jb, .node = add(at, key, cJSON_CreateObject()) };
}

struct jb_at jb_arr(struct jb_at at, const char *key)
{
	return (struct jb_at){ .jb = at.jb, .node = add(at, key, cJSON_CreateArray()) };
}

/* A copy with U+FFFD for every byte that is not UTF-8; NULL when out of memory. */
static char *replace_invalid(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t left = strlen(text);
	char *copy = reallocarray(NULL, left + 1, strlen(replacement));
	char *to = copy;

	while (copy && left) {
		size_t len = utf8_len(text, left);
		size_t taken = len ? len : 1;

		to = mempcpy(to, len ? text : replacement, len ? len : strlen(replacement));
		text += taken;
		left -= taken;
	}
	if (copy)
		*to = '\0';
	return copy;
}

static bool is_utf8(const char *text)
{
	size_t left = strlen(text), len;

	for (; left; text += len, left -= len) {
		len = utf8_len(text, left);
		if (!len)
			return false;
	}
	return true;
}

void jb_str(struct jb_at at, const char *key, const char *text)
{
	AUTO(free) char *copy = NULL;

	if (!is_utf8(text)) {
		copy = replace_invalid(text);
		text = copy;
	}
	add(at, key, cJSON_CreateString(text));
}

void jb_u32(struct jb_at at, const char *key, uint32_t number)
{
	jb_count(at, key, number);
}

void jb_u64_text(struct jb_at at, const char *key, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	jb_str(at, key, text);
}

void jb_count(struct jb_at at, const char *key, uint64_t number)
{
	char text[24];

	/* cJSON prints the number 10^15 as 1e+15, which Go does not accept as an integer. */
	snprintf(text, sizeof(text), "%" PRIu64, number);
	jb_raw(at, key, text);
}

void jb_bool(struct jb_at at, const char *key, bool value)
{
	add(at, key, cJSON_CreateBool(value));
}

void jb_null(struct jb_at at, const char *key)
{
	add(at, key, cJSON_CreateNull());
}

void jb_ipaddr(struct jb_at at, const char *key, const struct ipaddr *addr)
{
	char text[IPADDR_TEXT_SIZE];

	jb_str(at, key, ipaddr_text(addr, text));
}

void jb_prefix(struct jb_at at, const char *key, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_SIZE];

	jb_str(at, key, prefix_text(prefix, text));
}

void jb_mac(struct jb_at at, const char *key, const struct mac *mac)
{
	char text[MAC_TEXT_SIZE];

	jb_str(at, key, mac_text(mac, text));
}

void jb_base64(struct jb_at at, const char *key, const void *data, size_t size)
{
	AUTO(free) char *text = base64_encode(data, size);

	add(at, key, cJSON_CreateString(text));
}

void jb_raw(struct jb_at at, const char *key, const char *json_text)
{
	add(at, key, cJSON_CreateRaw(json_text));
}

int jb_text(struct jb *jb, char **text_out, struct err *err)
{
	char *text = jb->failed ? NULL : cJSON_PrintUnformatted(jb->root);

	if (!text)
		return err_nomem(err, "a JSON document");
	*text_out = text;
	return 0;
}
