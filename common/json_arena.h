/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a parsed document lives: what cJSON asks for while it parses, a node here and a string
 * there, comes out of a few blocks that go at once when the document does. For json.c only.
 */
#pragma once

#include <stddef.h>

struct cJSON;

/* Of all zero bytes it is empty and valid. */
struct json_arena {
	struct json_block *blocks; /* the one that is filled comes first */
	size_t block_size;         /* of the next one, unless more is asked for */
};

/*
 * The document of a text that json_scan has let through, in the arena; NULL: out of memory. No
 * node of it may be given to cJSON_Delete. Not for two threads at once: cJSON has one allocator.
 */
struct cJSON *json_arena_parse(struct json_arena *arena, const char *text, size_t size);
void json_arena_free(struct json_arena *arena);
