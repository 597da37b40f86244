/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/snapshot.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/hash.h"
#include "common/json/json.h"
#include "daemon/lease/lease_table.h"
#include "daemon/store/store.h"
#include "ipam/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define HEAD_SIZE 256
#define SIZE_MAX_READ ((size_t)256 << 20)
#define MODE_FILE 0600
#define DIRECTORY "networks" /* below the state directory */

#define NAME_SIZE 128

static const char *name_of(const char *network, char buf[static NAME_SIZE])
{
	snprintf(buf, NAME_SIZE, "%s.json", network);
	return buf;
}

/* Opens the directory of the snapshots. 1, 0 absent, -1. */
static int open_dir(const char *state_dir, bool make, int *fd_out, struct err *err)
{
	return fs_open_subdir(state_dir, DIRECTORY, make, fd_out, err);
}

static int failed(const char *state_dir, struct err *err)
{
	return err_wrap(err, "%s/" DIRECTORY, state_dir);
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* A line of its own, so that it can be read alone. */
static void put_head(FILE *out, const struct snapshot_head *head)
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
	AUTO(free) char *text = NULL;

	if (!jb)
		return err_nomem(err, "the snapshot");
	jb_str(jb_root(jb), "config", config);
	if (jb_text(jb, &text, err) < 0)
		return -1;
	fprintf(out, "%.*s", (int)strlen(text) - 2, text + 1); /* without its braces */
	return 0;
}

static int put_lease_list(FILE *out, bool restored, const struct leases *leases, struct err *err)
{
	const char *comma = "";

	for (size_t i = 0; i < leases->len; i++) {
		const struct lease *lease = &leases->at[i];
		AUTO(free) char *value = NULL;
		char key[LEASE_KEY_SIZE];

		if (lease->invalid || (lease->vanished && !restored))
			continue;
		if (lease_value(lease, &value, err) < 0)
			return -1;
		fprintf(out, "%s\n\"%s\":%s", comma, lease_key(lease->subnet, key), value);
		comma = ",";
	}
	return 0;
}

static int text_of(const struct snapshot_head *head, const char *config,
		   const struct leases *leases, char **text_out, size_t *size_out, struct err *err)
{
	AUTO(free) char *text = NULL;
	FILE *out = open_memstream(&text, size_out);
	int rc;

	if (!out)
		return err_nomem(err, "the snapshot");
	put_head(out, head);
	rc = put_config(out, config, err);
	fputs(",\"subnets\":{", out);
	if (rc == 0)
		rc = put_lease_list(out, head->restored, leases, err);
	fputs("}}\n", out);
	if ((fclose(out) || !text) && rc == 0)
		rc = err_nomem(err, "the snapshot");
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

int snapshot_write(const char *state_dir, const char *name, const struct snapshot_head *head,
		   const char *config, const struct leases *leases, uint64_t *written,
		   struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int fd = -1;
	char file[NAME_SIZE];
	uint64_t hash;
	size_t size;

	if (text_of(head, config, leases, &text, &size, err) != 0)
		return -1;
	hash = hash_of(head->restored, text, size);
	if (hash == *written)
		return 0;
	if (open_dir(state_dir, true, &fd, err) < 0)
		return -1;
	if (fs_write(fd, name_of(name, file), MODE_FILE, text, size, FS_REPLACE | FS_DURABLE, err) <
	    0)
		return failed(state_dir, err);
	*written = hash;
	return 0;
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* A value that is no lease is ignored, as in the store. */
static void put_leases(const struct jr *subnets, struct lease_table *table)
{
	struct jr at;

	for (size_t i = 0; jr_each(subnets, &i, &at);) {
		AUTO(free) char *value = jr_text(&at, NULL);
		struct store_entry entry = { .key = at.key, .mod_revision = 1, .lease = 1 };
		struct err ignored;

		if (!value)
			continue;
		entry.value = value;
		entry.value_size = strlen(value);
		lease_table_put(table, &entry, &ignored);
	}
}

int snapshot_read_head(const char *state_dir, const char *name, struct snapshot_head *head_out,
		       struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(close) int fd = -1;
	char file[NAME_SIZE], line[HEAD_SIZE];
	struct snapshot_head head;
	struct jr root, seen;
	const char *end;
	size_t len;
	int found;

	found = open_dir(state_dir, false, &fd, err);
	if (found <= 0)
		return found;
	found = fs_read_head(fd, name_of(name, file), line, sizeof(line), &len, err);
	if (found <= 0)
		return found < 0 ? failed(state_dir, err) : 0;
	end = memchr(line, '\n', len);
	if (!end || end == line || end[-1] != ',')
		return 0; /* written by a weftd without heads */
	len = (size_t)(end - line);
	line[len - 1] = '}';
	if (json_parse(line, len, sizeof(line), JSON_STRICT, file, &json, err) < 0) {
		err->code = ERR_STATE;
		return failed(state_dir, err);
	}
	root = jr_root(json);
	jr_u32(&root, "version", 1, VERSION);
	seen = jr_obj_opt(&root, "seen");
	head = (struct snapshot_head){
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

int snapshot_read(const char *state_dir, const char *name, char **config_out,
		  struct lease_table *table, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = NULL;
	AUTO(free) char *config = NULL;
	AUTO(close) int fd = -1;
	char file[NAME_SIZE];
	struct jr root, subnets;
	size_t size;
	int found;

	found = open_dir(state_dir, false, &fd, err);
	if (found <= 0)
		return found;
	found = fs_read(fd, name_of(name, file), SIZE_MAX_READ, &text, &size, err);
	if (found <= 0)
		return found < 0 ? failed(state_dir, err) : 0;
	if (json_parse(text, size, SIZE_MAX_READ, JSON_STRICT, file, &json, err) < 0) {
		err->code = ERR_STATE;
		return failed(state_dir, err);
	}
	root = jr_root(json);
	jr_u32(&root, "version", 1, VERSION);
	config = strdup(jr_str(&root, "config", CONFIG_SIZE_MAX));
	subnets = jr_obj(&root, "subnets");
	if (jr_done(json, ERR_STATE, err) < 0)
		return -1;
	if (!config)
		return err_nomem(err, "the snapshot");
	lease_table_list_begin(table);
	put_leases(&subnets, table);
	lease_table_list_end(table, NULL);
	*config_out = take_ptr(config);
	return 1;
}
