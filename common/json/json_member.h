/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a JSON text, and a member to be found in one without parsing it (json_find). Included
 * by json.h.
 */
#pragma once

#include <stddef.h>

#define JSON_PATH_MAX 4

/* A member that json_find finds. */
struct json_member {
	const char *path[JSON_PATH_MAX]; /* keys from the root down; NULL after the last one */
	const char *text;                /* the value, as it is written; NULL: not found */
	size_t size;                     /* its bytes */
	size_t matched; /* private: keys of the path that lead to the current place */
};

/* A part of a text, as it is written. */
struct json_text {
	const char *at;
	size_t size;
};
