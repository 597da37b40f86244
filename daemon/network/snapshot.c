/* SPDX-License-Identifier: Apache-2.0 */
#include "lastgood.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/hash.h"
#include "common/json.h"
#include "config.h"
#include "known.h"
#include "store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define HEAD_SIZE 256
#define SIZE_MAX_READ ((size_t)256 << 20)
#define MODE_FILE 0600
#define MODE_DIR 0755

static int path_of(const char *state_dir, const char *name, char path[static FS_PATH_SIZE],
		   struct err *err)
{
	char file[128];

	snprintf(file, sizeof(file), "networks/%s.json", name);
	return fs_join(path, state_dir, file, err);
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* A line of its own, so that it can be read alone. */
static void put_head(FILE *out, const struct lastgood_head *head)
{
	const struct store_point *seen = &head->seen;

	fprintf(out, "{\"version\":%d,", VERSION);
	if (head->restored)
		fputs("\"restored\":true,", out);
	if (seen->cluster)
		fprintf(out,
			"\"seen\":{\"cluster\":\"%ju\",\"revision\":\"%ju\",\"term\":\"%ju\"},",
			(uintmax_t)seen->cluster, (uintmax_t)seen->revision, (uintmax_t)seen->term);
	fputc('\n', out);
}

static int put_config(FILE *out, const char *config, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	AUTO_FREE char *text = NULL;

	if (!jb)
		return err_nomem(err, "the last known good");
	jb_str(jb_root(jb), "config", config);
	if (jb_text(jb, &text, err) < 0)
		return -1;
	fprintf(out, "%.*s", (int)strlen(text) - 2, text + 1); /* without its braces */
	return 0;
}

static int put_peers(FILE *out, bool restored, const struct peers *peers, struct err *err)
{
	const char *comma = "";

	for (size_t i = 0; i < peers->len; i++) {
		const struct peer *peer = &peers->at[i];
		AUTO_FREE char *value = NULL;
		char key[PEER_KEY_SIZE];

		if (peer->unreadable || (peer->vanished && !restored))
			continue;
		if (peer_value(peer, &value, err) < 0)
			return -1;
		fprintf(out, "%s\n\"%s\":%s", comma, peer_key(peer->subnet, key), value);
		comma = ",";
	}
	return 0;
}

static int text_of(const struct lastgood_head *head, const char *config, const struct peers *peers,
		   char **text_out, size_t *size_out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	FILE *out = open_memstream(&text, size_out);
	int rc;

	if (!out)
		return err_nomem(err, "the last known good");
	put_head(out, head);
	rc = put_config(out, config, err);
	fputs(",\"subnets\":{", out);
	if (rc == 0)
		rc = put_peers(out, head->restored, peers, err);
	fputs("}}\n", out);
	if ((fclose(out) || !text) && rc == 0)
		rc = err_nomem(err, "the last known good");
	if (rc == 0)
		*text_out = take_ptr(text);
	return rc;
}

/* Of all but seen, which changes all the time; never 0. */
static uint64_t hash_of(bool restored, const char *text, size_t size)
{
	const char *rest = memchr(text, '\n', size);
	uint64_t hash = hash_add(HASH_INIT, &restored, sizeof(restored));

	if (rest)
		hash = hash_add(hash, rest, size - (size_t)(rest - text));
	return hash ? hash : 1;
}

int lastgood_write(const char *state_dir, const char *name, const struct lastgood_head *head,
		   const char *config, const struct peers *peers, uint64_t *written,
		   struct err *err)
{
	char path[FS_PATH_SIZE], dir[FS_PATH_SIZE];
	AUTO_FREE char *text = NULL;
	uint64_t hash;
	size_t size;

	if (text_of(head, config, peers, &text, &size, err) != 0)
		return -1;
	hash = hash_of(head->restored, text, size);
	if (hash == *written)
		return 0;
	if (path_of(state_dir, name, path, err) < 0 ||
	    fs_join(dir, state_dir, "networks", err) < 0 || fs_mkdir(dir, MODE_DIR, err) < 0 ||
	    fs_write(AT_FDCWD, path, MODE_FILE, text, size, FS_REPLACE | FS_DURABLE, err) < 0)
		return -1;
	*written = hash;
	return 0;
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* A value that is no lease is passed over, as in the store. */
static void tell(const struct jr *subnets, struct known *known)
{
	struct jr at;

	for (size_t i = 0; jr_each(subnets, &i, &at);) {
		AUTO_FREE char *value = jr_text(&at, NULL);
		struct store_entry entry = { .key = at.key, .mod_revision = 1, .lease = 1 };
		struct err ignored;

		if (!value)
			continue;
		entry.value = value;
		entry.value_size = strlen(value);
		known_entry(known, &entry, &ignored);
	}
}

int lastgood_read_head(const char *state_dir, const char *name, struct lastgood_head *head_out,
		       struct err *err)
{
	AUTO(json) struct json *json = NULL;
	char path[FS_PATH_SIZE], line[HEAD_SIZE];
	struct lastgood_head head;
	struct jr root, seen;
	const char *end;
	size_t len;
	int found;

	if (path_of(state_dir, name, path, err) < 0)
		return -1;
	found = fs_read_head(AT_FDCWD, path, line, sizeof(line), &len, err);
	if (found <= 0)
		return found;
	end = memchr(line, '\n', len);
	if (!end || end == line || end[-1] != ',')
		return 0; /* of a weftd that wrote none */
	len = (size_t)(end - line);
	line[len - 1] = '}';
	if (json_parse(line, len, sizeof(line), JSON_STRICT, path, &json, err) < 0) {
		err->code = ERR_STATE;
		return -1;
	}
	root = jr_root(json);
	jr_u32(&root, "version", 1, VERSION);
	seen = jr_obj_opt(&root, "seen");
	head = (struct lastgood_head){
		.restored = jr_bool_opt(&root, "restored", false),
		.seen = { .cluster = jr_u64_text_opt(&seen, "cluster", 0),
			  .revision = jr_u64_text_opt(&seen, "revision", 0),
			  .term = jr_u64_text_opt(&seen, "term", 0) },
	};
	if (jr_done(json, ERR_STATE, err) < 0)
		return -1;
	*head_out = head;
	return 1;
}

int lastgood_read(const char *state_dir, const char *name, char **config_out, struct known *known,
		  struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *config = NULL;
	char path[FS_PATH_SIZE];
	struct jr root, subnets;
	size_t size;
	int found;

	if (path_of(state_dir, name, path, err) < 0)
		return -1;
	found = fs_read(AT_FDCWD, path, SIZE_MAX_READ, &text, &size, err);
	if (found <= 0)
		return found;
	if (json_parse(text, size, SIZE_MAX_READ, JSON_STRICT, path, &json, err) < 0) {
		err->code = ERR_STATE;
		return -1;
	}
	root = jr_root(json);
	jr_u32(&root, "version", 1, VERSION);
	config = strdup(jr_str(&root, "config", CONFIG_SIZE_MAX));
	subnets = jr_obj(&root, "subnets");
	if (jr_done(json, ERR_STATE, err) < 0)
		return -1;
	if (!config)
		return err_nomem(err, "the last known good");
	known_list_begin(known);
	tell(&subnets, known);
	known_list_end(known, NULL);
	*config_out = take_ptr(config);
	return 1;
}
