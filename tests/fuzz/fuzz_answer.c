/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer of weftd, or the findings of doctor, as printed by weftctl. Names and errors in it come
 * from other nodes: none of their bytes may reach a terminal as a control character. The first byte
 * selects the command.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/json/json.h"
#include "common/utf8.h"
#include "ctl/out.h"

static void check_harmless(const char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t len = utf8_len(text + at, size - at);

		require(len > 0);
		require(text[at] == '\n' || !utf8_is_control(text + at, len));
		at += len;
	}
}

static void show(struct json *json, out_fn *fn)
{
	char *text = NULL;
	size_t size = 0;
	struct out_to to = { .file = open_memstream(&text, &size), .now_s = 1700000000 };
	struct jr root = jr_root(json);

	require(to.file);
	fn(&to, &root);
	require(fclose(to.file) == 0);
	check_harmless(text, size);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_byte(&data, &size);
	const struct out *out = choice & 1 ? &out_json : &out_text;
	char *text = fuzz_text(data, size);
	struct json *json = NULL;
	struct err err = ERR_INIT;

	if (json_parse(text, size, 1 << 20, JSON_STRICT, "weftd's answer", &json, &err) == 0)
		show(json, choice & 4 ? out->doctor : choice & 2 ? out->peers : out->status);
	json_free(json);
	free(text);
	return 0;
}
