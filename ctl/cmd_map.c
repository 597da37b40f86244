/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"
#include "ctl/map.h"
#include "ctl/map_svg.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PICTURE_MODE 0644

/* ---- Input ------------------------------------------------------------------------------ */

/* A FIFO is read too, as of a shell's process substitution. */
static int read_text(const char *path, char **text_out, size_t *size_out, struct err *err)
{
	AUTO(close) int fd = -1;

	if (strcmp(path, "-") == 0)
		return fs_read_fd(STDIN_FILENO, "standard input", CONTROL_ANSWER_MAX, text_out,
				  size_out, err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open %s", path);
	return fs_read_fd(fd, path, CONTROL_ANSWER_MAX, text_out, size_out, err);
}

static int read_file(const char *path, struct map *map_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = NULL;
	struct jr root;
	size_t size = 0;

	if (read_text(path, &text, &size, err) < 0)
		return -1;
	if (json_parse(text, size, CONTROL_ANSWER_MAX, JSON_STRICT, "map", &json, err) < 0)
		return err_wrap(err, "%s", path);
	root = jr_root(json);
	return map_read(&root, map_out, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

static int read_files(const struct cmd *cmd, struct map *map_out, struct err *err)
{
	AUTO(map) struct map map = { .time_s = 0 };

	for (size_t i = 0; i < CMDLINE_ARGUMENTS && cmd->argument[i]; i++) {
		AUTO(map) struct map one = { .time_s = 0 };

		if (read_file(cmd->argument[i], &one, err) < 0)
			return -1;
		if (i == 0) {
			map = one;
			memset(&one, 0, sizeof(one));
		} else if (map_merge(&map, &one, err) < 0) {
			return err_wrap(err, "%s", cmd->argument[i]);
		}
	}
	if (map_settle(&map, err) < 0)
		return -1;
	*map_out = map;
	memset(&map, 0, sizeof(map));
	return 0;
}

static int query(const struct cmd *cmd, const char *family, struct map *map_out, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	char request[CONTROL_REQUEST_MAX];
	struct jr root, at;

	/* Neither needs escaping: both were checked. */
	snprintf(request, sizeof(request), "{\"version\":%d,\"command\":\"map\"%s%s%s%s%s%s}",
		 CONTROL_VERSION, cmd->network ? ",\"network\":\"" : "",
		 cmd->network ? cmd->network : "", cmd->network ? "\"" : "",
		 family ? ",\"family\":\"" : "", family ? family : "", family ? "\"" : "");
	if (client_send(cmd->run_dir, request, CLIENT_COMMAND_MS, &answer, err) < 0)
		return -1;
	root = jr_root(answer);
	at = jr_obj(&root, "map");
	return map_read(&at, map_out, err);
}

/* The second family of the network, if the first answer is of the other one. */
static int add_second(const struct cmd *cmd, struct map *map, struct err *err)
{
	AUTO(map) struct map second = { .time_s = 0 };

	if (cmd->family || !map->dual || map->family != AF_INET)
		return 0;
	if (query(cmd, "ipv6", &second, err) < 0)
		return -1;
	return map_add_family(map, &second, err);
}

static int read_answer(const struct cmd *cmd, struct map *map_out, struct err *err)
{
	AUTO(map) struct map map = { .time_s = 0 };

	if (query(cmd, cmd->family, &map, err) < 0 || add_second(cmd, &map, err) < 0)
		return -1;
	if (!map.time_s)
		map.time_s = cmd->to.now_s;
	*map_out = map;
	memset(&map, 0, sizeof(map));
	return 0;
}

/* ---- Output ----------------------------------------------------------------------------- */

/* A device, or a symbolic link to one such as /dev/stdout, must not be replaced. */
static int check_target(const char *path, struct err *err)
{
	struct stat is;

	if (stat(path, &is) == 0 && !S_ISREG(is.st_mode))
		return err_set(err, ERR_IO, "%s is not a regular file; - is standard output", path);
	return 0;
}

static int write_picture(const struct cmd *cmd, const struct map *map, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	int result;

	if (!file)
		return err_nomem(err, "the picture");
	result = map_svg_write(file, map, err);
	if (fclose(file) != 0)
		return err_nomem(err, "the picture");
	if (result < 0)
		return -1;
	if (strcmp(cmd->svg, "-") == 0) {
		fwrite(text, 1, size, cmd->to.file); /* main.c checks for write errors */
		return 0;
	}
	if (check_target(cmd->svg, err) < 0)
		return -1;
	return fs_write(AT_FDCWD, cmd->svg, PICTURE_MODE, text, size, FS_REPLACE, err);
}

static int show(const struct cmd *cmd, const struct map *map, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();

	if (!jb)
		return err_nomem(err, "the map");
	map_write(map, jb_root(jb));
	return cmd_show_built(cmd, jb, NULL, cmd->out->map, err);
}

int cmd_map(const struct cmd *cmd, struct err *err)
{
	AUTO(map) struct map map = { .time_s = 0 };

	if (cmd->svg && cmd->out == &out_json) {
		err_set(err, ERR_CONFIG,
			"--svg and --json exclude each other: save the JSON, and make "
			"the picture of the file");
		return CMD_USAGE;
	}
	if (cmd->family && (strcmp(cmd->family, "ipv4") != 0 && strcmp(cmd->family, "ipv6") != 0)) {
		err_set(err, ERR_CONFIG, "--family: \"%s\" is not ipv4 or ipv6",
			ERR_SHOW(cmd->family));
		return CMD_USAGE;
	}
	if (cmd->family && cmd->argument[0]) {
		err_set(err, ERR_CONFIG, "--family is for the map of weftd, not of files");
		return CMD_USAGE;
	}
	if (cmd->argument[0] ? read_files(cmd, &map, err) < 0 : read_answer(cmd, &map, err) < 0)
		return -1;
	return cmd->svg ? write_picture(cmd, &map, err) : show(cmd, &map, err);
}
