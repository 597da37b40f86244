/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of Kubernetes' API: split into pieces of any size, it yields the same items as at once.
 * The first byte is the size limit of an item, the second the size of the pieces.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/hash.h"
#include "common/json/json.h"
#include "daemon/store/kube/kube_items.h"

struct found {
	size_t max, number;
	uint64_t hash;
	bool valid; /* the whole text is JSON */
};

static bool on_item(void *ctx, const char *text, size_t size)
{
	AUTO(json) struct json *json = NULL;
	struct found *found = ctx;
	struct err err = ERR_INIT;

	require(size >= 2 && size <= found->max && text[size] == '\0');
	require(text[0] == '{' && text[size - 1] == '}');
	if (found->valid)
		require(json_parse(text, size, size, JSON_LAST_DUPLICATE, "item", &json, &err) ==
			0);
	found->number++;
	found->hash = hash_add(found->hash, text, size + 1);
	return found->number < 8;
}

/* Returns the result of the last piece, or of the end. */
static int run(const uint8_t *data, size_t size, size_t piece, struct found *found)
{
	struct kube_items items = { .max = found->max, .item = on_item, .ctx = found };
	struct err err = ERR_INIT;
	int rc = 1;

	for (size_t at = 0; rc > 0 && at < size; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		char *alone = fuzz_text(data + at, part);

		rc = kube_items_add(&items, alone, part, &err);
		free(alone);
	}
	require((rc < 0) == (err.code != ERR_NONE) && err.code != ERR_NOMEM);
	if (rc > 0)
		rc = kube_items_end(&items, &err) == 0 ? 1 : -1;
	require(rc >= 0 || *err.text);
	if (rc > 0)
		found->hash = hash_add(found->hash, items.metadata, strlen(items.metadata));
	kube_items_free(&items);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max = fuzz_byte(&data, &size), piece = fuzz_byte(&data, &size) + 1u;
	struct found whole = { max, 0, HASH_INIT, false }, pieces;
	char *text = fuzz_text(data, size);
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;

	whole.valid = json_parse(text, size, size + 1, JSON_LAST_DUPLICATE, "list", &json, &err) ==
		      0;
	pieces = whole;
	require(run(data, size, size + 1, &whole) == run(data, size, piece, &pieces));
	require(whole.number == pieces.number && whole.hash == pieces.hash);
	free(text);
	return 0;
}
