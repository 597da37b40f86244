/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What json.c, json_scan.c and json_read.c share. For nobody else.
 */
#pragma once

#include "err.h"
#include "json_arena.h"

#include <stdbool.h>
#include <stddef.h>

struct cJSON;
struct jr;

struct json {
	struct json_arena arena;
	struct cJSON *root; /* in it */
	const char *what;
	bool any_case;
	bool failed; /* fault holds the first fault's text */
	char fault[ERR_TEXT_SIZE];
};

/* Containers within containers, the outermost counted. */
#define JSON_DEPTH_MAX 32

/*
 * Whether text is one JSON value (RFC 8259) and nothing else, of at most
 * JSON_DEPTH_MAX levels. Does not look for duplicate keys. 0, or -1 with
 * ERR_DECODE, line and column.
 */
int json_scan(const char *text, size_t size, const char *what, struct err *err);

/* Whether two keys are the same one in this document. */
bool json_same_key(const struct json *json, const char *a, const char *b);

#define JSON_PATH_SIZE 192

/* The path of the member key, or of the place itself where key is NULL. Answers buf. */
const char *json_path(const struct jr *at, const char *key, char buf[static JSON_PATH_SIZE]);
