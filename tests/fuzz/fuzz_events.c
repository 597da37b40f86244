/* SPDX-License-Identifier: Apache-2.0 */
/* The file of events. Whatever it contains, what is listed is valid, and the rest is counted. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "ctl/event_list.h"

static size_t lines_of(const char *text, size_t size)
{
	size_t lines = 0;

	for (size_t i = 0; i < size; i++)
		lines += text[i] != '\n' && (i == 0 || text[i - 1] == '\n');
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	const struct event_texts texts = { { text, NULL }, { size, 0 } };
	const struct event_selection selection = { .network = NULL, .max = SIZE_MAX };
	struct json *json = NULL;
	struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	struct jr root, events, at;
	char *built = NULL;
	size_t damaged = 0;

	require(jb != NULL);
	require(event_list(&texts, &selection, jb_arr(jb_root(jb), "events"), &damaged, &err) == 0);
	require(jb_text(jb, &built, &err) == 0);
	require(json_parse(built, strlen(built), SIZE_MAX, JSON_STRICT, "events", &json, &err) ==
		0);
	root = jr_root(json);
	events = jr_arr(&root, "events");
	for (size_t i = 0; jr_each(&events, &i, &at);) {
		require(*jr_str(&at, "event", size) && *jr_str(&at, "level", 8));
		jr_str(&at, "network", size);
		jr_obj(&at, "details");
	}
	require(jr_done(json, ERR_DECODE, &err) == 0);
	require(jr_len(&events) + damaged == lines_of(text, size));
	json_free(json);
	jb_free(jb);
	free(built);
	free(text);
	return 0;
}
