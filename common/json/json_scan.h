/* SPDX-License-Identifier: Apache-2.0 */
/* The strict scan (RFC 8259) in front of cJSON. Used by json.c. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct json_member;
struct json_report;
struct json_text;

/* Levels of objects and arrays, the outermost counted. */
#define JSON_DEPTH_MAX 32

/*
 * Checks that text is exactly one JSON value of at most JSON_DEPTH_MAX levels. Does not look for
 * duplicate keys. Returns 0, or -1 with ERR_DECODE, line and column; this fault is also reported
 * (json.h), unless report is NULL.
 */
int json_scan(const char *text, size_t size, const char *what, const struct json_report *report,
	      struct err *err);

/* As json_scan, and finds the values of these members: json_find (json.h). */
int json_scan_find(const char *text, size_t size, const char *what, struct json_member *members,
		   size_t len, struct err *err);

/*
 * As json_scan_find, and copies the text without the content of the objects and arrays that are
 * members with one of the keys (NULL-ended): `{}` and `[]` remain of them. copy has room for size
 * bytes; after a failure, its content is undefined.
 */
int json_scan_pruned(const char *text, size_t size, const char *what, const char *const keys[],
		     struct json_member *members, size_t len, char *copy, size_t *copy_len_out,
		     struct err *err);

/*
 * Finds the next element of an array in a text that a scan accepted; *at is 0 for the first one,
 * and is set to the end of the element. Returns false after the last one.
 */
bool json_scan_element(const char *text, size_t size, size_t *at, size_t *start_out,
		       size_t *len_out);

/* The same for the members of an object: json_next_member (json.h). */
bool json_scan_member(const char *text, size_t size, size_t *at, struct json_text *key_out,
		      struct json_text *value_out);
