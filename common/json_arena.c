/* SPDX-License-Identifier: Apache-2.0 */
#include "json_arena.h"

#include <cjson/cJSON.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

/* A block holds what its text needs, as a rule; those of a long text stay on the heap. */
#define BLOCK_MIN ((size_t)1024)
#ifndef JSON_BLOCK_MAX /* the sanitizers see what is beyond a block, and so get one for each node */
#define JSON_BLOCK_MAX ((size_t)64 * 1024)
#endif
#define PER_BYTE 4

struct json_block {
	struct json_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

/* The arena that is filled now; cJSON's allocator is told of none. */
static struct json_arena *filling;

static struct json_block *add_block(size_t size)
{
	struct json_block *block = malloc(sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = filling->blocks;
	block->used = 0;
	block->size = size;
	filling->blocks = block;
	return block;
}

static void *take(size_t size)
{
	const size_t unit = alignof(max_align_t);
	struct json_block *block = filling->blocks;
	void *taken;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + unit - 1) / unit * unit;
	if (!block || block->size - block->used < size)
		block = add_block(size > filling->block_size ? size : filling->block_size);
	if (!block)
		return NULL;
	taken = block->bytes + block->used;
	block->used += size;
	return taken;
}

static void leave(void *taken)
{
	(void)taken;
}

struct cJSON *json_arena_parse(struct json_arena *arena, const char *text, size_t size)
{
	cJSON_Hooks hooks = { .malloc_fn = take, .free_fn = leave };
	struct cJSON *root;

	filling = arena;
	arena->block_size = size < BLOCK_MIN / PER_BYTE ? BLOCK_MIN : size * PER_BYTE;
	if (arena->block_size > JSON_BLOCK_MAX)
		arena->block_size = JSON_BLOCK_MAX;
	cJSON_InitHooks(&hooks);
	root = cJSON_ParseWithLength(text, size);
	cJSON_InitHooks(NULL);
	filling = NULL;
	return root;
}

void json_arena_free(struct json_arena *arena)
{
	while (arena->blocks) {
		struct json_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
