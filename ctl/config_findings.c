/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/config_findings.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/vec.h"
#include "ipam/config.h"
#include "ipam/config_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_SIZE 320

VEC_DEFINE(texts, char *);

struct check {
	const char *prefix; /* path of the configuration in the document; "": it is the document */
	struct jb_at list;
	struct config_findings count;
	struct texts seen;     /* of the configuration: PATH and text of each fault, owned */
	bool found, no_memory; /* a configuration */
};

static void forget(struct check *check)
{
	for (size_t i = 0; i < check->seen.len; i++)
		free(check->seen.at[i]);
	texts_clear(&check->seen);
}

/* Whether the fault was not found before: several readers find the same one. */
static bool is_new(struct check *check, const struct json_fault *fault)
{
	char *text = NULL;

	if (asprintf(&text, "%s\n%s", fault->path, fault->text) < 0) {
		check->no_memory = true;
		return false;
	}
	for (size_t i = 0; i < check->seen.len; i++) {
		if (strcmp(check->seen.at[i], text) == 0) {
			free(text);
			return false;
		}
	}
	if (texts_push(&check->seen, &text))
		return true;
	free(text);
	check->no_memory = true;
	return false;
}

static void add(const struct check *check, const char *severity, const struct json_fault *fault)
{
	struct jb_at at = jb_obj(check->list, NULL);
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s%s%s", check->prefix,
		 *check->prefix && *fault->path ? "." : "", fault->path);
	jb_str(at, "severity", severity);
	jb_str(at, "path", path);
	jb_str(at, "text", fault->text);
	if (!fault->line)
		return;
	jb_count(at, "line", fault->line);
	jb_count(at, "column", fault->column);
}

static void on_fault(void *ctx, const struct json_fault *fault)
{
	struct check *check = ctx;

	if (!is_new(check, fault))
		return;
	check->count.errors++;
	add(check, "error", fault);
}

static void on_warning(void *ctx, const char *path, const char *what)
{
	struct check *check = ctx;
	const struct json_fault fault = { .path = path, .text = what };

	check->count.warnings++;
	add(check, "warning", &fault);
}

static void check_config(struct check *check, const char *prefix, const char *text, size_t size)
{
	const struct json_report report = { on_fault, check };
	struct err err = ERR_INIT;
	struct config config;

	forget(check);
	check->found = true;
	check->prefix = prefix;
	if (config_parse_report(text, size, on_warning, check, &report, &config, &err) < 0 &&
	    err.code == ERR_NOMEM)
		check->no_memory = true;
}

/* ---- The file store's document ----------------------------------------------------------- */

/*
 * weftd rejects a document with other members, also for the sake of a network without
 * configuration.
 */
static void check_form(const struct jr *document, const struct jr *networks, const char *only)
{
	struct jr at, network;

	config_document_check(document);
	jr_obj_opt(document, "subnets");
	jr_obj_opt(document, "endpoints");
	for (size_t i = 0; jr_each(networks, &i, &at);) {
		if ((only && strcmp(only, at.key) != 0) || strcmp(at.key, "default") == 0)
			continue;
		network = jr_obj_opt(&at, NULL);
		if (jr_is_absent(&network))
			continue;
		config_document_check_network(document, &network);
		jr_obj_opt(&network, "subnets");
		jr_obj_opt(&network, "endpoints");
	}
}

static void check_member(struct check *check, const struct jr *network, const char *prefix)
{
	AUTO(free) char *text = jr_len(network) ? jr_text(network, "config") : NULL;

	if (text)
		check_config(check, prefix, text, strlen(text));
}

static void check_store(struct check *check, const struct jr *root, const char *only)
{
	struct jr networks = jr_obj_opt(root, "networks"), at;
	char prefix[PATH_SIZE];

	check_form(root, &networks, only);
	if (!only || strcmp(only, "default") == 0)
		check_member(check, root, "config");
	for (size_t i = 0; jr_each(&networks, &i, &at);) {
		if ((only && strcmp(only, at.key) != 0) || strcmp(at.key, "default") == 0)
			continue;
		snprintf(prefix, sizeof(prefix), "networks.%s.config", ERR_SHOW(at.key));
		check_member(check, &at, prefix);
	}
	if (!check->found) {
		const struct json_fault fault = {
			.path = "config", .text = "the document has no network configuration"
		};

		on_fault(check, &fault);
	}
}

/* A configuration has one of the two keys of a network, and the file store's document none. */
static bool is_store(const struct jr *root)
{
	struct jr member;
	bool store = false;

	if (!jr_len(root))
		return false;
	for (size_t i = 0; jr_each(root, &i, &member);) {
		if (!member.key || strcasecmp(member.key, "Network") == 0 ||
		    strcasecmp(member.key, "IPv6Network") == 0)
			return false;
		store = store || strcmp(member.key, "config") == 0 ||
			strcmp(member.key, "networks") == 0 || strcmp(member.key, "subnets") == 0 ||
			strcmp(member.key, "endpoints") == 0;
	}
	return store;
}

static bool looks_like_store(const char *text, size_t size)
{
	AUTO(json) struct json *json = NULL;
	struct err unused = ERR_INIT;
	struct jr root;

	if (json_parse(text, size, size, JSON_LAST_DUPLICATE, "the document", &json, &unused) < 0)
		return false;
	root = jr_root(json);
	return is_store(&root);
}

static void check_document(struct check *check, const char *text, size_t size, const char *network)
{
	const struct json_report report = { on_fault, check };
	AUTO(json) struct json *json = NULL;
	struct err unused = ERR_INIT;
	struct jr root;

	if (!looks_like_store(text, size)) {
		check_config(check, "", text, size);
		return;
	}
	check->prefix = "";
	if (json_parse_report(text, size, size, JSON_STRICT, "the document", &report, &json,
			      &unused) < 0)
		return;
	root = jr_root(json);
	check_store(check, &root, network);
}

int config_findings(const char *text, size_t size, const char *network, struct jb_at list,
		    struct config_findings *count_out, struct err *err)
{
	struct check check = { .prefix = "", .list = list };

	check_document(&check, text, size, network);
	forget(&check);
	texts_free(&check.seen);
	if (check.no_memory)
		return err_nomem(err, "the findings");
	*count_out = check.count;
	return 0;
}
