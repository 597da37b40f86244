/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON (RFC 8259) in, fixed-order JSON out. Only the json files see
 * cJSON, which alone is too lax: it takes trailing bytes, duplicate keys,
 * control characters, "007", and cuts strings at \u0000. So a scan stands in
 * front that refuses all of these, invalid UTF-8, more than 32 levels, numbers
 * beyond a double's range, and too much text.
 *
 * Reading is by a sticky reader: ask for what is wanted, with its bounds; the
 * first thing that is wrong is kept with its path ("ipam.ranges[0].subnet"), all
 * later answers are harmless defaults, and jr_done says at the end whether all
 * was well. Nothing here prints, and no caller needs to check every step.
 */
#pragma once

#include "auto.h"
#include "ipaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct cJSON;

/* A parsed document. */
struct json;

/* How it is read. */
enum json_how {
	JSON_STRICT = 0,
	/* Keys match, and are duplicates, without regard to ASCII case, as Go's decoder does. */
	JSON_ANY_CASE = 1 << 0,
	/* A duplicate key is no fault: the last one counts, those before are dropped (Go). */
	JSON_LAST_DUPLICATE = 1 << 1
};

/*
 * Parses exactly one value that fills text, of at most max bytes. what names the
 * document in errors ("network configuration"); it must outlive the document.
 * ERR_DECODE with line and column (in characters, from 1), for a duplicate key
 * with its path. text need not end in a NUL. The document is the caller's: json_free.
 */
int json_parse(const char *text, size_t size, size_t max, unsigned how, const char *what,
	       struct json **json_out, struct err *err);
void json_free(struct json *json);
AUTO_DEFINE(json, struct json, json_free);

/*
 * A place in a document: a value or, where node is NULL, an absent one. Lives
 * on the stack, refers to its parent for the path, and must not outlive it.
 */
struct jr {
	struct json *json;
	const struct jr *parent;
	const struct cJSON *node;
	const char *key; /* NULL: the root, or an element of an array */
	size_t index;
};

/* The root. Any type. */
struct jr jr_root(struct json *json);

/* Whether the member is there, and is not null. */
bool jr_has(const struct jr *at, const char *key);
/* Whether it is a string. */
bool jr_is_str(const struct jr *at, const char *key);

/*
 * The member as an object or array; required ones are a fault when absent or
 * null. A NULL key asks it of the place itself, as of an array's element.
 */
struct jr jr_obj(const struct jr *at, const char *key);
struct jr jr_arr(const struct jr *at, const char *key);
/* The same, absent (jr_is_absent) where the member is absent or null. */
struct jr jr_obj_opt(const struct jr *at, const char *key);
struct jr jr_arr_opt(const struct jr *at, const char *key);
bool jr_is_absent(const struct jr *at);

/* Elements of an array, or members of an object: 0 for any other place. */
size_t jr_len(const struct jr *at);
/*
 * The i-th element or member, whatever its type; .key is set for a member. For
 * walking in order: struct jr e; for (size_t i = 0; jr_each(&at, &i, &e);) ...
 * Constant time a step, from i and e as the step before has left them.
 */
bool jr_each(const struct jr *at, size_t *i, struct jr *element_out);

/*
 * Values. A NULL key reads the place itself. Required: a fault when absent,
 * null or of another type. _opt: the default when absent or null. Asking for a
 * member of what is no object is a fault. After a fault: "", min, all zero
 * bytes, or the default. Strings are owned by the document; max counts bytes; an
 * empty string is allowed. Numbers must be integral, in any notation: a program
 * that passes on what it has read as doubles, such as libcni, may write 1e+06.
 */
const char *jr_str(const struct jr *at, const char *key, size_t max);
const char *jr_str_opt(const struct jr *at, const char *key, size_t max, const char *or_else);
uint32_t jr_u32(const struct jr *at, const char *key, uint32_t min, uint32_t max);
uint32_t jr_u32_opt(const struct jr *at, const char *key, uint32_t min, uint32_t max,
		    uint32_t or_else);
bool jr_bool_opt(const struct jr *at, const char *key, bool or_else);
/* 64-bit numbers travel as strings of decimal digits; or_else where absent. */
uint64_t jr_u64_text_opt(const struct jr *at, const char *key, uint64_t or_else);
struct ipaddr jr_ipaddr(const struct jr *at, const char *key);
struct ipaddr jr_ipaddr_opt(const struct jr *at, const char *key);
struct prefix jr_prefix(const struct jr *at, const char *key);
struct prefix jr_prefix_opt(const struct jr *at, const char *key);
struct mac jr_mac(const struct jr *at, const char *key);

/*
 * Base64 (RFC 4648 section 4) decoded in a malloc'ed buffer of the caller's; max
 * counts decoded bytes; NUL added, not counted. After a fault: NULL and size 0.
 */
char *jr_base64(const struct jr *at, const char *key, size_t max, size_t *size_out);

/*
 * The compact text of the place's value, malloc'ed, the caller's; NULL when absent
 * or null, and, with a fault, when out of memory. For passing on what weft does
 * not interpret; numbers come out as the doubles that they were read as.
 */
char *jr_text(const struct jr *at, const char *key);

/* Calls fn with the path of every member that is not in the NULL-ended list of known keys. */
void jr_unknown(const struct jr *at, const char *const known[],
		void (*fn)(void *ctx, const char *path), void *ctx);

/* Records a fault at a place that only the caller can see; the first one counts. */
void jr_fault(const struct jr *at, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* 0 when nothing was wrong since json_parse; else -1 with code and the first fault's text. */
int jr_done(struct json *json, int code, struct err *err);

/*
 * Building. Members come out in the order of the calls. Every call is harmless
 * after a failure; jb_text says at the end whether all was well.
 */
struct jb; /* a document being built */
struct jb_at {
	struct jb *jb;
	struct cJSON *node;
};

/* NULL only when out of memory; the root is an object. */
struct jb *jb_new(void);
void jb_free(struct jb *jb);
AUTO_DEFINE(jb, struct jb, jb_free);
struct jb_at jb_root(struct jb *jb);

/* A NULL key appends to an array. A key must be UTF-8. */
struct jb_at jb_obj(struct jb_at at, const char *key);
struct jb_at jb_arr(struct jb_at at, const char *key);
/* Bytes that are not UTF-8 come out as U+FFFD, so that the document is JSON whatever text is. */
void jb_str(struct jb_at at, const char *key, const char *text);
void jb_u32(struct jb_at at, const char *key, uint32_t number);
void jb_u64_text(struct jb_at at, const char *key, uint64_t number);
/* A plain JSON number up to 2^53, for counts and times that people's tools add up. */
void jb_count(struct jb_at at, const char *key, uint64_t number);
void jb_bool(struct jb_at at, const char *key, bool value);
void jb_null(struct jb_at at, const char *key);
void jb_ipaddr(struct jb_at at, const char *key, const struct ipaddr *addr);
void jb_prefix(struct jb_at at, const char *key, const struct prefix *prefix);
void jb_mac(struct jb_at at, const char *key, const struct mac *mac);
void jb_base64(struct jb_at at, const char *key, const void *data, size_t size);
/* A value given as JSON text, as jr_text answers it. */
void jb_raw(struct jb_at at, const char *key, const char *json_text);

/* The document as compact text without a newline, malloc'ed, the caller's. ERR_NOMEM. */
int jb_text(struct jb *jb, char **text_out, struct err *err);
