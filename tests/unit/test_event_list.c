/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the file of events, also hostile ones. */
#include "ctl/event_list.h"

#include "common/array.h"
#include "common/log.h"
#include "tests/unit/samples.h"

#define LINE(second, more)                                                                         \
	"{\"time\":\"2026-11-29T12:00:" second ".250Z\",\"level\":\"info\",\"event\":\"e" second   \
	"\"" more "}\n"

/* "EVENT:NETWORK " of each event, and the number of damaged lines. */
static void list(const struct event_texts *texts, const char *network, size_t max,
		 char buf[static 1024])
{
	const struct event_selection selection = { .network = network, .max = max };
	struct json *json = NULL;
	struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t damaged = 0, len = 0;
	struct jr root, events, at;

	assert_non_null(jb);
	assert_good(event_list(texts, &selection, jb_arr(jb_root(jb), "events"), &damaged, &err),
		    err);
	assert_good(jb_text(jb, &text, &err), err);
	assert_good(json_parse(text, strlen(text), SIZE_MAX, 0, "events", &json, &err), err);
	root = jr_root(json);
	events = jr_arr(&root, "events");
	for (size_t i = 0; jr_each(&events, &i, &at);)
		len += (size_t)snprintf(buf + len, 1024 - len, "%s:%s ", jr_str(&at, "event", 100),
					jr_str(&at, "network", 100));
	snprintf(buf + len, 1024 - len, "%zu", damaged);
	assert_good(jr_done(json, ERR_DECODE, &err), err);
	json_free(json);
	jb_free(jb);
	free(text);
}

static struct event_texts texts_of(const char *former, const char *current)
{
	return (struct event_texts){
		{ former, current }, { former ? strlen(former) : 0, current ? strlen(current) : 0 }
	};
}

static void the_last_events_are_selected(void **state)
{
	static const char former[] = LINE("01", "") LINE("02", ",\"network\":\"a\"");
	static const char current[] = "\n\n" LINE("03", ",\"network\":\"b\"") "\n" LINE(
		"04", ",\"network\":\"a\"");
	const struct event_texts texts = texts_of(former, current), none = texts_of(NULL, NULL);
	char buf[1024];

	(void)state;
	list(&texts, NULL, 100, buf);
	assert_string_equal(buf, "e01: e02:a e03:b e04:a 0");
	list(&texts, NULL, 3, buf);
	assert_string_equal(buf, "e02:a e03:b e04:a 0");
	list(&texts, "a", 1, buf);
	assert_string_equal(buf, "e04:a 0");
	list(&texts, "a", 9, buf);
	assert_string_equal(buf, "e02:a e04:a 0");
	list(&texts, NULL, 0, buf);
	assert_string_equal(buf, "0");
	list(&none, NULL, 100, buf);
	assert_string_equal(buf, "0");
}

static void an_event_has_time_and_details(void **state)
{
	static const char line[] = LINE("07", ",\"network\":\"a\",\"key\":\"10.5.1.0-24\"");
	const struct event_texts texts = texts_of(NULL, line);
	const struct event_selection selection = { .max = 1 };
	struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t damaged = 0;

	(void)state;
	assert_good(event_list(&texts, &selection, jb_arr(jb_root(jb), "events"), &damaged, &err),
		    err);
	assert_good(jb_text(jb, &text, &err), err);
	assert_string_equal(text, "{\"events\":[{\"time\":1795953607,\"milliseconds\":250,"
				  "\"level\":\"info\",\"event\":\"e07\",\"network\":\"a\","
				  "\"details\":{\"key\":\"10.5.1.0-24\"}}]}");
	jb_free(jb);
	free(text);
}

static void what_log_json_writes_is_an_event(void **state)
{
	char json[LOG_JSON_SIZE], big[2 * LOG_JSON_SIZE], buf[1024];
	struct event_texts texts;

	(void)state;
	log_json(json, LOG_LEVEL_WARN, "odd", "network", "a", "value", "\xff\x1b\"\\\n",
		 (char *)NULL);
	texts = texts_of(NULL, json);
	list(&texts, "a", 9, buf);
	assert_string_equal(buf, "odd:a 0");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_json(json, LOG_LEVEL_ERROR, "long", "value", big, (char *)NULL);
	texts = texts_of(NULL, json);
	list(&texts, NULL, 9, buf);
	assert_string_equal(buf, "long: 0");
}

static void damaged_lines_are_counted(void **state)
{
	static const char *const lines[] = {
		"{",
		"x",
		"[]",
		"7",
		"{}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\"}",
		"{\"time\":\"2026-11-29T12:00:00Z\",\"level\":\"info\",\"event\":\"e\"}",
		"{\"time\":\"2026-11-29T12:00:00.250z\",\"level\":\"info\",\"event\":\"e\"}",
		"{\"time\":\"1026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\"}",
		"{\"time\":\"2026-13-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\"}",
		"{\"time\":7,\"level\":\"info\",\"event\":\"e\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"loud\",\"event\":\"e\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\",\"x\":{}}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\",\"event\":\"f\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"\xff\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\",\"\":\"\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\",\"a=b  c\":\"\"}",
		"{\"time\":\"2026-11-29T12:00:00.250Z\",\"level\":\"info\",\"event\":\"e\",\"\\u001b[2J\":\"\"}",
	};
	char text[8192], buf[1024];
	size_t len = 0;
	struct event_texts texts;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		texts = texts_of(lines[i], NULL);
		list(&texts, NULL, 9, buf);
		if (strcmp(buf, "1") != 0)
			fail_msg("%s: %s", lines[i], buf);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n", lines[i]);
	}
	snprintf(text + len, sizeof(text) - len, LINE("01", ""));
	texts = texts_of(text, text);
	list(&texts, NULL, 100, buf);
	assert_string_equal(buf, "e01: e01: 38");
}

static void zero_bytes_and_huge_lines_are_damaged_lines(void **state)
{
	static char text[1 << 20];
	const struct event_texts texts = { { NULL, text }, { 0, sizeof(text) } };
	const char *last = LINE("09", "");
	char buf[1024];

	(void)state;
	memset(text, 0, sizeof(text));
	memset(text + 1000, 'x', 500000);
	text[999] = '\n';
	text[501000] = '\n';
	text[sizeof(text) - strlen(last) - 1] = '\n';
	memcpy(text + sizeof(text) - strlen(last), last, strlen(last));
	list(&texts, NULL, 100, buf);
	assert_string_equal(buf, "e09: 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_events_are_selected),
		cmocka_unit_test(an_event_has_time_and_details),
		cmocka_unit_test(what_log_json_writes_is_an_event),
		cmocka_unit_test(damaged_lines_are_counted),
		cmocka_unit_test(zero_bytes_and_huge_lines_are_damaged_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
