/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saved map. Whatever it contains, what is read is consistent, is written as it was read, can be
 * merged with itself, and its picture has no markup or characters other than its own.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/json/json.h"
#include "ctl/map.h"
#include "ctl/map_svg.h"
#include "ctl/out.h"

static void check_links(const struct map *map)
{
	for (size_t i = 0; i < map->links.len; i++) {
		const struct map_link *link = &map->links.at[i];

		require(link->from < map->nodes.len && link->to < map->nodes.len);
		require(link->from != link->to && link->sent && link->lost <= link->sent);
		require(map_link(map, link->from, link->to) == link);
	}
}

static char *write_map(const struct map *map)
{
	struct err err = ERR_INIT;
	struct jb *jb = jb_new();
	char *text = NULL;

	require(jb != NULL);
	map_write(map, jb_root(jb));
	require(jb_text(jb, &text, &err) == 0);
	jb_free(jb);
	return text;
}

static bool read_map(const char *text, size_t size, struct map *map)
{
	struct err err = ERR_INIT;
	struct json *json = NULL;
	struct jr root;
	bool good;

	if (json_parse(text, size, size, JSON_STRICT, "map", &json, &err) < 0)
		return false;
	root = jr_root(json);
	good = map_read(&root, map, &err) == 0;
	json_free(json);
	return good;
}

/* Every tag is one of the picture's, and there are no control characters. */
static void check_picture(const char *text)
{
	static const char *const tags[] = { "svg",  "title",  "desc", "style", "rect",
					    "path", "circle", "text", "tspan", "g" };
	long open = 0;

	for (const char *at = text; *at; at++) {
		bool found = false;

		require((unsigned char)*at >= ' ' || *at == '\n');
		if (*at != '<')
			continue;
		open += at[1] == '/' ? -1 : 1;
		for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
			const char *name = at + 1 + (at[1] == '/');
			const size_t len = strlen(tags[i]);

			found = found || (!strncmp(name, tags[i], len) && strchr(" >", name[len]));
		}
		require(found);
		at = strchr(at, '>');
		require(at != NULL);
		open -= at[-1] == '/';
		require(open >= 0);
	}
	require(open == 0);
}

static void draw(const struct map *map)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	require(file != NULL);
	require((map_svg_write(file, map, &err) == 0) == (map->nodes.len > 0));
	require(fclose(file) == 0);
	check_picture(text);
	free(text);
}

static void print(const char *text)
{
	struct err err = ERR_INIT;
	struct json *json = NULL;
	char *shown = NULL;
	size_t size = 0;
	struct out_to to = { .file = open_memstream(&shown, &size), .width = 60, .all = true };
	struct jr root;

	require(to.file &&
		json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "map", &json, &err) == 0);
	root = jr_root(json);
	out_text.map(&to, &root);
	require(jr_done(json, ERR_DECODE, &err) == 0 && fclose(to.file) == 0);
	for (size_t i = 0; i < size; i++)
		require((unsigned char)shown[i] >= ' ' || shown[i] == '\n');
	free(shown);
	json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *first, *second;
	struct map map = { .time_s = 0 }, again = { .time_s = 0 };
	struct err err = ERR_INIT;

	if (read_map(text, size, &map)) {
		check_links(&map);
		first = write_map(&map);
		require(read_map(first, strlen(first), &again));
		require(map_merge(&map, &again, &err) == 0 && map_settle(&map, &err) == 0);
		second = write_map(&map);
		require(strcmp(first, second) == 0);
		draw(&map);
		print(first);
		free(first);
		free(second);
	}
	map_release(&map);
	map_release(&again);
	free(text);
	return 0;
}
