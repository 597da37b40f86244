/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON (RFC 8259): parsing, reading, changing, building. Only the json files include cJSON.
 * cJSON alone is too lax: it accepts trailing bytes, duplicate keys, control characters and
 * "007", and truncates strings at \u0000. A scan before the parser rejects all of these, invalid
 * UTF-8, more than 32 levels, numbers beyond a double's range, and text above a limit.
 *
 * The reader is sticky: the caller requests each value with its bounds; the first fault is kept
 * with its path ("ipam.ranges[0].subnet"), later requests return defaults, and jr_done returns
 * the fault at the end. No caller needs to check every step. Nothing here logs.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "common/json/json_member.h"
#include "common/json/json_report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct cJSON;

/* A parsed document. */
struct json;

/* How to parse. */
enum json_flags {
	JSON_STRICT = 0,
	/* Keys match, and are duplicates, regardless of ASCII case, as in Go's decoder. */
	JSON_ANY_CASE = 1 << 0,
	/* A duplicate key is not a fault: the last one is kept, as in Go's decoder. */
	JSON_LAST_DUPLICATE = 1 << 1
};

/*
 * Parses text, which must be exactly one value of at most max bytes; it need not end in a NUL. what
 * names the document in errors ("network configuration") and must outlive the document. Returns
 * 0 with a document that the caller frees by json_free, or -1: ERR_DECODE with line and column
 * (in characters, from 1), or with the path of a duplicate key; ERR_NOMEM.
 */
int json_parse(const char *text, size_t size, size_t max, unsigned flags, const char *what,
	       struct json **json_out, struct err *err);
void json_free(struct json *json);
AUTO_DEFINE(json, struct json, json_free);

/*
 * As json_parse, and calls report->fault for each fault of the text, and later for each fault that
 * a reader records. report must outlive the document.
 */
int json_parse_report(const char *text, size_t size, size_t max, unsigned flags, const char *what,
		      const struct json_report *report, struct json **json_out, struct err *err);

/*
 * Checks text as json_parse does, apart from duplicate keys, and finds members without making a
 * document. Of duplicate keys, the last one counts. If a key that could be on a path has an escape,
 * none of the members is found. Returns 0, or -1 with ERR_DECODE and no member.
 */
int json_find(const char *text, size_t size, size_t max, const char *what,
	      struct json_member *members, size_t len, struct err *err);

/*
 * The next member of an object that json_find has found; *at is 0 for the first one. The key is
 * without its quotes; its escapes are as written. Duplicate keys are not detected. Returns false
 * after the last member, and for another value than an object.
 */
bool json_next_member(const struct json_member *object, size_t *at, struct json_text *key_out,
		      struct json_text *value_out);

/* What json_parse_selected leaves out, and what it finds. */
struct json_selection {
	const char *const *pruned; /* keys, NULL-ended */
	struct json_member *members;
	size_t members_len;
};

/*
 * As json_parse, for large text of which the caller does not read everything: objects and arrays
 * that are members with one of the keys in pruned, wherever they are, are empty in the document,
 * whatever they contain. Their content must be JSON, but is not searched for duplicate keys. Also
 * finds members in the text, as json_find does.
 */
int json_parse_selected(const char *text, size_t size, size_t max, unsigned flags,
			const struct json_selection *selection, const char *what,
			struct json **json_out, struct err *err);

/*
 * The elements of an array that json_parse_selected left empty and found, each as a document of its
 * own, so that a large array needs memory for one element at a time. Start with at and index 0.
 */
struct json_elements {
	const struct jr *array; /* its place, for paths; must outlive the elements' documents */
	const struct json_member *member; /* its text, which must be an array */
	unsigned flags;
	size_t at, index; /* private */
};

/*
 * Parses the next element. Returns 1 with a document that the caller frees by json_free, 0 after
 * the last element, or -1 as json_parse does.
 */
int json_next(struct json_elements *elements, struct json **json_out, struct err *err);

/*
 * A place in a document: a value or, if node is NULL, an absent one. Refers to its parent for the
 * path and must not outlive it.
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

/* Returns whether the member exists and is not null. */
bool jr_has(const struct jr *at, const char *key);
/* Returns whether the member is a string. */
bool jr_is_str(const struct jr *at, const char *key);

/*
 * Return the member, which must be an object or an array; absent or null is a fault. A NULL key
 * means the place itself, as for an element of an array.
 */
struct jr jr_obj(const struct jr *at, const char *key);
struct jr jr_arr(const struct jr *at, const char *key);
/* The same for an optional member; the result of an absent or null one is jr_is_absent. */
struct jr jr_obj_opt(const struct jr *at, const char *key);
struct jr jr_arr_opt(const struct jr *at, const char *key);
bool jr_is_absent(const struct jr *at);

/* Returns the number of elements or members; 0 for any other place. */
size_t jr_len(const struct jr *at);
/*
 * Iterates over elements or members of any type; .key is set for a member:
 * struct jr e; for (size_t i = 0; jr_each(&at, &i, &e);) ...
 * Constant time per step; i and e must be as the previous step left them.
 */
bool jr_each(const struct jr *at, size_t *i, struct jr *element_out);

/*
 * Values. A NULL key reads the place itself. A required value that is absent, null or of another
 * type is a fault; _opt returns or_else if absent or null. Reading a member of a value that is
 * not an object is a fault. After a fault the result is "", min, all zero bytes, or or_else.
 * Strings are owned by the document; max counts bytes; an empty string is allowed. Numbers must
 * be integral, in any notation: a program that forwards doubles, such as libcni, may write 1e+06.
 */
const char *jr_str(const struct jr *at, const char *key, size_t max);
const char *jr_str_opt(const struct jr *at, const char *key, size_t max, const char *or_else);
/* A secret of min to max bytes: no message contains any part of the value. "" if absent. */
const char *jr_secret_opt(const struct jr *at, const char *key, size_t min, size_t max);
uint32_t jr_u32(const struct jr *at, const char *key, uint32_t min, uint32_t max);
uint32_t jr_u32_opt(const struct jr *at, const char *key, uint32_t min, uint32_t max,
		    uint32_t or_else);
bool jr_bool_opt(const struct jr *at, const char *key, bool or_else);
/* A JSON number from 0 to 2^53, as jb_count writes it. */
uint64_t jr_count_opt(const struct jr *at, const char *key, uint64_t or_else);
/* A 64-bit number as a string of decimal digits; or_else if absent. */
uint64_t jr_u64_text_opt(const struct jr *at, const char *key, uint64_t or_else);
struct ipaddr jr_ipaddr(const struct jr *at, const char *key);
struct ipaddr jr_ipaddr_opt(const struct jr *at, const char *key);
struct prefix jr_prefix(const struct jr *at, const char *key);
struct prefix jr_prefix_opt(const struct jr *at, const char *key);
struct mac jr_mac(const struct jr *at, const char *key);

/*
 * Returns decoded base64 (RFC 4648 section 4), malloc'ed, the caller's, with a NUL that size_out
 * does not count; max counts decoded bytes. After a fault: NULL and size 0.
 */
char *jr_base64(const struct jr *at, const char *key, size_t max, size_t *size_out);

/*
 * Returns the value as compact text, malloc'ed, the caller's; NULL when absent or null, and, with a
 * fault, when out of memory. For forwarding uninterpreted values; numbers are printed as the
 * doubles that they were parsed to.
 */
char *jr_text(const struct jr *at, const char *key);

/* Calls fn with the path of every member that is not in the NULL-ended list of known keys. */
void jr_unknown(const struct jr *at, const char *const known[],
		void (*fn)(void *ctx, const char *path), void *ctx);

/* Records a fault that the caller has detected; the first fault is kept. */
void jr_fault(const struct jr *at, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Returns the number of faults that were recorded since json_parse. */
size_t jr_fault_count(const struct json *json);

/* Returns 0 if there was no fault since json_parse, else -1 with code and the first fault. */
int jr_done(struct json *json, int code, struct err *err);

/*
 * Changing a parsed document whose root is an object. path holds the keys from the root down,
 * NULL-ended, at least one. No place (struct jr) in the document may be used after a change.
 */

/*
 * Sets the member at path to value_text, which is one JSON value. A member that exists keeps its
 * position, a new one is appended. Objects on the path that are absent or null are added.
 * Returns 0, or -1: ERR_DECODE if value_text is not JSON or the path leads through another
 * value than an object, ERR_NOMEM.
 */
int json_set(struct json *json, const char *const path[], const char *value_text, struct err *err);
/* Removes the member at path, if it exists. Returns 0, or -1 as json_set. */
int json_remove(struct json *json, const char *const path[], struct err *err);
/*
 * The document as indented text, with members in their order and a newline at the end,
 * malloc'ed, the caller's. Equal documents give equal texts; numbers are printed as the doubles
 * that they were parsed to. Returns 0, or -1 with ERR_NOMEM.
 */
int json_print(const struct json *json, char **text_out, struct err *err);

/*
 * Building. Members are printed in the order of the calls. Calls after a failure have no effect;
 * jb_text returns the failure.
 */
struct jb; /* a document being built */
struct jb_at {
	struct jb *jb;
	struct cJSON *node;
};

/* Returns a document whose root is an object; NULL when out of memory. */
struct jb *jb_new(void);
void jb_free(struct jb *jb);
AUTO_DEFINE(jb, struct jb, jb_free);
struct jb_at jb_root(struct jb *jb);

/* A NULL key appends to an array. A key must be UTF-8. */
struct jb_at jb_obj(struct jb_at at, const char *key);
struct jb_at jb_arr(struct jb_at at, const char *key);
/* Bytes that are not UTF-8 are replaced by U+FFFD: the document is JSON for any text. */
void jb_str(struct jb_at at, const char *key, const char *text);
void jb_u32(struct jb_at at, const char *key, uint32_t number);
void jb_u64_text(struct jb_at at, const char *key, uint64_t number);
/* A JSON number up to 2^53, for counts and times that other programs calculate with. */
void jb_count(struct jb_at at, const char *key, uint64_t number);
void jb_bool(struct jb_at at, const char *key, bool value);
void jb_null(struct jb_at at, const char *key);
void jb_ipaddr(struct jb_at at, const char *key, const struct ipaddr *addr);
void jb_prefix(struct jb_at at, const char *key, const struct prefix *prefix);
void jb_mac(struct jb_at at, const char *key, const struct mac *mac);
void jb_base64(struct jb_at at, const char *key, const void *data, size_t size);
/* A value as JSON text, as from jr_text. */
void jb_raw(struct jb_at at, const char *key, const char *json_text);

/*
 * The document as compact text without a newline, malloc'ed, the caller's. Returns 0, or -1 with
 * ERR_NOMEM.
 */
int jb_text(struct jb *jb, char **text_out, struct err *err);
