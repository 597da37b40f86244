/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader. What it takes it can write, and takes again as the same; what is strict is
 * lenient too.
 */
#include "fuzz.h"

#include "common/err.h"
#include "common/json.h"
#include "common/json_private.h"

static const unsigned lenient = JSON_ANY_CASE | JSON_LAST_DUPLICATE;

/* A member by each way of reading: faults are harmless, and jr_done has a text for them. */
static void read_all(struct json *json)
{
	struct jr root = jr_root(json), at;
	struct err err = ERR_INIT;
	size_t seen = 0, bytes = 0;

	for (size_t i = 0; jr_each(&root, &i, &at);) {
		free(jr_base64(&at, NULL, 4096, &bytes));
		jr_str(&at, NULL, 16);
		jr_u32(&at, NULL, 1, 1000);
		jr_u64_text_opt(&at, NULL, 1);
		jr_prefix(&at, NULL);
		jr_mac(&at, NULL);
		jr_has(&at, "a");
		seen++;
	}
	require(seen == jr_len(&root));
	require(jr_done(json, ERR_CONFIG, &err) == 0 || *err.text);
}

static void check_again(struct json *json, unsigned how)
{
	struct jr root = jr_root(json), root2;
	char *once = jr_text(&root, NULL), *twice;
	struct json *again = NULL;
	struct err err = ERR_INIT;

	if (!once) /* null */
		return;
	require(json_parse(once, strlen(once), SIZE_MAX, how, "again", &again, &err) == 0);
	root2 = jr_root(again);
	twice = jr_text(&root2, NULL);
	require(twice && strcmp(once, twice) == 0);
	json_free(again);
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct json *strict = NULL, *loose = NULL;
	struct err err = ERR_INIT;
	bool scanned = json_scan(text, size, "text", &err) == 0;
	bool taken = json_parse(text, size, SIZE_MAX, JSON_STRICT, "text", &strict, &err) == 0;
	bool loosely = json_parse(text, size, SIZE_MAX, lenient, "text", &loose, &err) == 0;

	require(loosely == scanned);
	require(!taken || scanned);
	if (taken) {
		check_again(strict, JSON_STRICT);
		read_all(strict);
	}
	if (loosely) {
		check_again(loose, lenient);
		read_all(loose);
	}
	require(scanned || *err.text);
	json_free(strict);
	json_free(loose);
	free(text);
	return 0;
}
