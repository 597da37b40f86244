/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is known to be JSON, so a walk over it needs to know strings and depth and nothing
 * else. A key that is written with escapes is not found here: the caller parses what comes,
 * and would find the key twice.
 */
#include "store_file_edit.h"

#include "common/auto.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\n\r"

struct text {
	const char *at;
	size_t size;
};

/* A member of an object, by offsets: <before> ws <key> "key" <key_end> : <value> ... <end> */
struct member {
	size_t before, key, key_end, value, end;
	bool found;
};

/* An object: the member that was looked for, the last one, and the closing brace. */
struct object {
	struct member wanted, last;
	size_t next; /* where the member after the wanted one begins; 0: it is the last */
	size_t open, close;
};

static size_t skip_blanks(const struct text *text, size_t at)
{
	while (at < text->size && memchr(BLANKS, text->at[at], 4))
		at++;
	return at;
}

static size_t skip_string(const struct text *text, size_t at)
{
	for (at++; at < text->size && text->at[at] != '"'; at++)
		if (text->at[at] == '\\')
			at++;
	return at + 1;
}

static size_t skip_value(const struct text *text, size_t at)
{
	size_t depth = 0;

	while (at < text->size) {
		char c = text->at[at];

		if (c == '"') {
			at = skip_string(text, at);
		} else {
			depth += c == '{' || c == '[';
			depth -= c == '}' || c == ']';
			at++;
		}
		if (!depth && (at >= text->size || memchr(",}]" BLANKS, text->at[at], 7)))
			break;
	}
	return at;
}

static bool is_key(const struct text *text, const struct member *member, const char *key)
{
	size_t len = member->key_end - member->key - 2;

	return len == strlen(key) && !memcmp(text->at + member->key + 1, key, len);
}

/* at: of the object's brace. */
static struct object look(const struct text *text, size_t at, const char *key)
{
	struct object object = { .open = at };
	size_t before = at + 1;

	at = skip_blanks(text, before);
	while (at < text->size && text->at[at] == '"') {
		struct member member = { .before = before, .key = at, .found = true };

		if (object.wanted.found && !object.next)
			object.next = at;
		member.key_end = skip_string(text, at);
		member.value = skip_blanks(text, skip_blanks(text, member.key_end) + 1);
		member.end = skip_value(text, member.value);
		if (!object.wanted.found && is_key(text, &member, key))
			object.wanted = member;
		object.last = member;
		at = skip_blanks(text, member.end);
		if (at < text->size && text->at[at] == ',')
			before = at + 1;
		at = skip_blanks(text, at < text->size && text->at[at] == ',' ? at + 1 : at);
	}
	object.close = at;
	return object;
}

/* ---- What is put in ---------------------------------------------------------------------- */

struct splice {
	size_t from, to; /* what goes */
	char *with;      /* what comes in its place; NULL: no memory */
};

/* The blanks before a member that is to look like this one. */
#define LIKE(text, member) (int)((member)->key - (member)->before), (text)->at + (member)->before
/* What stands between its key and its value. */
#define COLON(text, member)                                                                        \
	(int)((member)->value - (member)->key_end), (text)->at + (member)->key_end

/* An object of one member, as the value of a member that stands where beside does. */
static char *wrap(const struct text *text, const struct member *beside, const char *key,
		  const char *value)
{
	bool lines = memchr(text->at + beside->before, '\n', beside->key - beside->before);
	bool tabs = memchr(text->at + beside->before, '\t', beside->key - beside->before);
	const char *step = !lines ? "" : tabs ? "\t" : "  ";
	char *made;

	if (asprintf(&made, "{%.*s%s\"%s\"%.*s%s%.*s}", LIKE(text, beside), step, key,
		     COLON(text, beside), value, LIKE(text, beside)) < 0)
		return NULL;
	return made;
}

static struct splice append(const struct text *text, const struct object *object, const char *key,
			    const char *value)
{
	const struct member *last = &object->last;
	struct splice splice = { .from = last->end, .to = last->end };

	if (asprintf(&splice.with, ",%.*s\"%s\"%.*s%s", LIKE(text, last), key, COLON(text, last),
		     value) < 0)
		splice.with = NULL;
	return splice;
}

static struct splice take_out(const struct object *object)
{
	const struct member *wanted = &object->wanted;
	struct splice splice = { .from = wanted->key, .to = object->next, .with = strdup("") };

	if (object->next)
		return splice;
	/* The last: with the comma before it, or, as the only one, with all blanks. */
	splice.from = wanted->before - 1;
	splice.to = wanted->end;
	if (wanted->before == object->open + 1) {
		splice.from = wanted->before;
		splice.to = object->close;
	}
	return splice;
}

static struct splice set(const struct text *text, const struct object *network, const char *key,
			 const char *value)
{
	struct splice splice = { .with = NULL };
	struct object subnets;

	if (!network->wanted.found) {
		AUTO_FREE char *object = value ? wrap(text, &network->last, key, value) : NULL;

		return object ? append(text, network, "subnets", object) :
				(struct splice){ .with = value ? NULL : strdup("") };
	}
	if (text->at[network->wanted.value] == '{') {
		subnets = look(text, network->wanted.value, key);
		if (!value)
			return subnets.wanted.found ? take_out(&subnets) :
						      (struct splice){ .with = strdup("") };
		if (subnets.last.found && !subnets.wanted.found)
			return append(text, &subnets, key, value);
		if (subnets.wanted.found)
			return (struct splice){ subnets.wanted.value, subnets.wanted.end,
						strdup(value) };
	}
	/* Empty, or null. */
	splice.from = network->wanted.value;
	splice.to = network->wanted.end;
	splice.with = value ? wrap(text, &network->wanted, key, value) : strdup("{}");
	return splice;
}

/* The object that holds the network's members. */
static bool find_network(const struct text *text, const char *network, struct object *object_out)
{
	size_t root = skip_blanks(text, 0);
	struct object object;

	if (!strcmp(network, "default")) {
		*object_out = look(text, root, "subnets");
		return object_out->last.found;
	}
	object = look(text, root, "networks");
	if (!object.wanted.found || text->at[object.wanted.value] != '{')
		return false;
	object = look(text, object.wanted.value, network);
	if (!object.wanted.found || text->at[object.wanted.value] != '{')
		return false;
	*object_out = look(text, object.wanted.value, "subnets");
	return object_out->last.found;
}

int store_file_edit(const char *text, size_t size, const char *network, const char *key,
		    const char *value, char **text_out, size_t *size_out, struct err *err)
{
	const struct text whole = { text, size };
	struct object object;
	struct splice splice;
	AUTO_FREE char *with = NULL;
	char *made;
	int len;

	if (!find_network(&whole, network, &object))
		return err_set(err, ERR_STORE, "the file has no network \"%s\"", network);
	splice = set(&whole, &object, key, value);
	with = splice.with;
	if (!with)
		return err_nomem(err, "the file's text");
	len = asprintf(&made, "%.*s%s%.*s", (int)splice.from, text, with, (int)(size - splice.to),
		       text + splice.to);
	if (len < 0)
		return err_nomem(err, "the file's text");
	*text_out = made;
	*size_out = (size_t)len;
	return 0;
}
