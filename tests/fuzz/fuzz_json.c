/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader. A value that is accepted can be written, and is read back as the same value;
 * input that is valid in strict mode is valid in lenient mode too.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/json/json.h"
#include "common/json/json_scan.h"

static const unsigned lenient = JSON_ANY_CASE | JSON_LAST_DUPLICATE;

/* Reads a member with each function: type errors are harmless, and jr_done has a text for them. */
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

/* Whether each object and array at this key, anywhere, is empty. */
static bool is_pruned(const struct jr *at, const char *key)
{
	struct jr child;

	for (size_t i = 0; jr_each(at, &i, &child);)
		if ((child.key && !strcmp(child.key, key) && jr_len(&child)) ||
		    !is_pruned(&child, key))
			return false;
	return true;
}

/* Accepts what the parser of whole documents does; without keys, the documents are equal. */
static void check_pruned(const char *text, size_t size, bool taken, struct json *whole)
{
	static const char *const keys[] = { "a", NULL }, *const none[] = { NULL };
	const struct json_selection some = { .pruned = keys }, all = { .pruned = none };
	struct json *pruned = NULL, *copy = NULL;
	struct jr root, first, second;
	struct err err = ERR_INIT;
	char *one, *two;

	require((json_parse_selected(text, size, SIZE_MAX, lenient, &some, "text", &pruned, &err) ==
		 0) == taken);
	require((json_parse_selected(text, size, SIZE_MAX, lenient, &all, "text", &copy, &err) ==
		 0) == taken);
	if (taken) {
		root = jr_root(pruned);
		/* A key in another notation is not found by its bytes. */
		require(memchr(text, '\\', size) || is_pruned(&root, "a"));
		first = jr_root(whole);
		second = jr_root(copy);
		one = jr_text(&first, NULL);
		two = jr_text(&second, NULL);
		require(!one == !two && (!one || !strcmp(one, two)));
		free(one);
		free(two);
	}
	json_free(pruned);
	json_free(copy);
}

/* The elements of an array, one after another, are those of the whole document. */
static void check_elements(const char *text, size_t size)
{
	static const char *const keys[] = { "a", NULL };
	struct json_member member = { .path = { "a" } };
	const struct json_selection selection = { keys, &member, 1 };
	struct json_elements elements = { .member = &member, .flags = JSON_STRICT };
	struct json *whole = NULL, *rest = NULL, *one = NULL;
	struct jr root, list, expected, element, rest_root, rest_list;
	struct err err = ERR_INIT;
	char *first, *second;

	if (json_parse(text, size, SIZE_MAX, JSON_STRICT, "text", &whole, &err) < 0)
		return;
	require(json_parse_selected(text, size, SIZE_MAX, JSON_STRICT, &selection, "text", &rest,
				    &err) == 0);
	root = jr_root(whole);
	list = jr_arr_opt(&root, "a");
	rest_root = jr_root(rest);
	rest_list = jr_arr_opt(&rest_root, "a");
	require(jr_is_absent(&list) == jr_is_absent(&rest_list));
	elements.array = &rest_list;
	for (size_t i = 0; member.text && jr_each(&list, &i, &expected);) {
		require(json_next(&elements, &one, &err) == 1);
		element = jr_root(one);
		first = jr_text(&expected, NULL);
		second = jr_text(&element, NULL);
		require(!first == !second && (!first || !strcmp(first, second)));
		free(first);
		free(second);
		json_free(one);
		one = NULL;
	}
	require(!member.text || jr_is_absent(&list) || json_next(&elements, &one, &err) == 0);
	json_free(whole);
	json_free(rest);
}

/* The members of an object, one after another, are those of the whole document. */
static void check_members(const char *text, size_t size)
{
	struct json_member object = { .path = { "a" } };
	struct json *whole = NULL, *one = NULL;
	struct json_text key, value;
	struct jr root, list, expected, member;
	struct err err = ERR_INIT;
	char *first, *second;
	size_t at = 0;

	if (json_parse(text, size, SIZE_MAX, JSON_STRICT, "text", &whole, &err) < 0)
		return;
	require(json_find(text, size, SIZE_MAX, "text", &object, 1, &err) == 0);
	root = jr_root(whole);
	list = jr_obj_opt(&root, "a");
	for (size_t i = 0; object.text && *object.text == '{' && jr_each(&list, &i, &expected);) {
		require(json_next_member(&object, &at, &key, &value));
		require(memchr(key.at, '\\', key.size) ||
			(strlen(expected.key) == key.size &&
			 !memcmp(expected.key, key.at, key.size)));
		require(json_parse(value.at, value.size, SIZE_MAX, JSON_STRICT, "text", &one,
				   &err) == 0);
		member = jr_root(one);
		first = jr_text(&expected, NULL);
		second = jr_text(&member, NULL);
		require(!first == !second && (!first || !strcmp(first, second)));
		free(first);
		free(second);
		json_free(one);
		one = NULL;
	}
	require(!object.text || !json_next_member(&object, &at, &key, &value));
	json_free(whole);
}

/* What is found is what the parser reads. */
static void check_found(const char *text, size_t size, bool scanned)
{
	struct json_member found = { .path = { "a", "b" } };
	struct json *whole = NULL, *part = NULL;
	struct err err = ERR_INIT;
	struct jr root, a, b;
	char *one, *two;

	require((json_find(text, size, SIZE_MAX, "text", &found, 1, &err) == 0) == scanned);
	require(scanned || !found.text);
	if (!scanned ||
	    json_parse(text, size, SIZE_MAX, JSON_LAST_DUPLICATE, "text", &whole, &err) < 0)
		return;
	root = jr_root(whole);
	a = jr_obj_opt(&root, "a");
	b = (struct jr){ .json = whole };
	for (size_t i = 0; jr_each(&a, &i, &b) && strcmp(b.key, "b") != 0;)
		;
	if (found.text) {
		require(json_parse(found.text, found.size, SIZE_MAX, JSON_LAST_DUPLICATE, "part",
				   &part, &err) == 0);
		root = jr_root(part);
		one = jr_text(&b, NULL);
		two = jr_text(&root, NULL);
		require(!one == !two && (!one || !strcmp(one, two)));
		free(one);
		free(two);
	} else if (!memchr(text, '\\', size)) {
		require(!b.key || strcmp(b.key, "b") != 0);
	}
	json_free(whole);
	json_free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct json *strict = NULL, *loose = NULL;
	struct err err = ERR_INIT;
	bool scanned = json_scan(text, size, "text", NULL, &err) == 0;
	bool taken = json_parse(text, size, SIZE_MAX, JSON_STRICT, "text", &strict, &err) == 0;
	bool loosely = json_parse(text, size, SIZE_MAX, lenient, "text", &loose, &err) == 0;

	require(loosely == scanned);
	require(!taken || scanned);
	check_pruned(text, size, loosely, loose);
	check_found(text, size, scanned);
	check_elements(text, size);
	check_members(text, size);
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
