/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_table.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/store/kube/kube_node.h"
#include "tests/unit/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F "flannel.alpha.coreos.com/"

struct scene {
	struct kube_table table;
	struct kube_names names;
	char log[1024]; /* "+KEY", "=KEY" (replaces), "-KEY", "?NODE" (verify) */
	uint64_t revision;
	uint64_t reported; /* revision of the last entry */
	unsigned created;  /* of the next Nodes: minutes after an hour; 0: unknown */
};

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct scene *scene = ctx;
	size_t len = strlen(scene->log);

	scene->reported = entry->mod_revision;
	snprintf(scene->log + len, sizeof(scene->log) - len, "%c%s ", entry->replaces ? '=' : '+',
		 entry->key);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct scene *scene = ctx;
	size_t len = strlen(scene->log);

	assert_true(mod_revision <= scene->revision);
	snprintf(scene->log + len, sizeof(scene->log) - len, "-%s ", key);
}

static void on_verify(void *ctx, const char *name)
{
	struct scene *scene = ctx;
	size_t len = strlen(scene->log);

	snprintf(scene->log + len, sizeof(scene->log) - len, "?%s ", name);
}

static const struct store_listener listener = { .entry = on_entry, .gone = on_gone };

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	scene->table.listener = &listener;
	scene->table.listener_ctx = scene->table.verify_ctx = scene;
	scene->table.verify = on_verify;
	*state = scene;
	return kube_names_make("flannel.alpha.coreos.com", &scene->names, &err);
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	kube_table_free(&scene->table);
	free(scene);
	return 0;
}

/* A Node with a public address (NULL: without lease), weft's subnet, and spec.podCIDRs; or NULL. */
static struct kube_node make(struct scene *scene, const char *name, const char *uid,
			     const char *public_ip, const char *weft, const char *cidr)
{
	struct kube_node node = { .revision = 0 };
	struct err err = ERR_INIT;
	char text[1024], lease[128] = "", annotations[512] = "", spec[128] = "", created[64] = "";

	if (weft)
		snprintf(lease, sizeof(lease),
			 ",\"weft.cni/lease\":\"{\\\"Subnets\\\":[\\\"%s\\\"]}\"", weft);
	if (public_ip)
		snprintf(annotations, sizeof(annotations),
			 "\"" F "kube-subnet-manager\":\"true\",\"" F
			 "backend-type\":\"vxlan\",\"" F "public-ip\":\"%s\"%s",
			 public_ip, lease);
	if (cidr)
		snprintf(spec, sizeof(spec), ",\"spec\":{\"podCIDRs\":[%s%s%s]}", *cidr ? "\"" : "",
			 cidr, *cidr ? "\"" : "");
	if (scene->created)
		snprintf(created, sizeof(created),
			 ",\"creationTimestamp\":\"2026-11-29T12:%02u:00Z\"", scene->created);
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":\"%ju\","
		 "\"annotations\":{%s}%s}%s}",
		 name, uid, (uintmax_t)++scene->revision, annotations, created, spec);
	assert_good(kube_node_parse(text, strlen(text), &scene->names, &node, &err), err);
	return node;
}

/* Returns kube_table_put's result, and asserts what was reported. */
static bool put(struct scene *scene, const char *name, const char *uid, const char *public_ip,
		const char *weft, const char *cidr, const char *reported)
{
	AUTO(kube_node) struct kube_node node = make(scene, name, uid, public_ip, weft, cidr);
	bool good;

	scene->log[0] = '\0';
	good = kube_table_put(&scene->table, &node);
	assert_string_equal(scene->log, reported);
	return good;
}

static void only_changes_of_the_lease_are_reported(void **state)
{
	struct scene *scene = *state;
	AUTO(kube_node) struct kube_node node = { .revision = 0 };

	assert_true(put(scene, "a", "1", NULL, NULL, NULL, ""));
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, ""));
	assert_true(put(scene, "a", "1", "1.1.1.2", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_true(
		put(scene, "a", "1", "1.1.1.2", "10.1.2.0/24", NULL, "-10.1.1.0-24 +10.1.2.0-24 "));
	assert_true(put(scene, "a", "1", NULL, NULL, NULL, "-10.1.2.0-24 "));
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	node = make(scene, "a", "1", NULL, NULL, NULL);
	scene->log[0] = '\0';
	kube_table_remove(&scene->table, &node);
	assert_string_equal(scene->log, "-10.1.1.0-24 ");
	kube_table_remove(&scene->table, &node);
}

static bool is_current(struct scene *scene, const char *name, uint64_t hash)
{
	struct kube_digest digest = { .hash = hash };

	snprintf(digest.name, sizeof(digest.name), "%s", name);
	return kube_table_is_current(&scene->table, &digest);
}

static void a_digest_stands_for_what_was_put_last(void **state)
{
	struct scene *scene = *state;
	AUTO(kube_node)
	struct kube_node first = make(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL);
	AUTO(kube_node)
	struct kube_node second = make(scene, "a", "1", "1.1.1.2", "10.1.1.0/24", NULL);
	AUTO(kube_node)
	struct kube_node other = make(scene, "b", "2", "1.1.1.2", "10.1.1.0/24", NULL);
	AUTO(kube_node) struct kube_node bare = make(scene, "a", "1", NULL, NULL, NULL);

	assert_true(first.digest && first.digest != second.digest && second.digest != other.digest);
	assert_false(is_current(scene, "a", first.digest));
	kube_table_list_begin(&scene->table);
	assert_true(kube_table_put(&scene->table, &first));
	assert_false(is_current(scene, "a", first.digest)); /* the list has to report it */
	kube_table_list_end(&scene->table);
	assert_true(is_current(scene, "a", first.digest));
	assert_false(is_current(scene, "b", first.digest));
	assert_true(kube_table_put(&scene->table, &second));
	assert_false(is_current(scene, "a", first.digest));
	assert_true(is_current(scene, "a", second.digest));
	/* Without digest, it is unknown until the next event. */
	first.digest = 0;
	assert_true(kube_table_put(&scene->table, &first));
	assert_false(is_current(scene, "a", second.digest));
	/* What is refused, or has no lease, can become accepted. */
	assert_false(kube_table_put(&scene->table, &other));
	assert_false(is_current(scene, "b", other.digest));
	assert_true(kube_table_put(&scene->table, &bare));
	assert_false(is_current(scene, "a", bare.digest));
	assert_true(kube_table_put(&scene->table, &second));
	assert_true(is_current(scene, "a", second.digest));
	kube_table_set_own_key(&scene->table, "10.1.1.0-24");
	assert_false(is_current(scene, "a", second.digest));
}

static void the_subnets_of_flannel_are_read_once_per_uid(void **state)
{
	struct scene *scene = *state;

	assert_false(put(scene, "a", "1", "1.1.1.1", NULL, NULL, ""));
	assert_true(put(scene, "a", "1", "1.1.1.1", NULL, "10.1.1.0/24", "+10.1.1.0-24 "));
	assert_true(put(scene, "a", "1", "1.1.1.2", NULL, NULL, "+10.1.1.0-24 "));
	/* Created again. */
	assert_false(put(scene, "a", "2", "1.1.1.2", NULL, NULL, ""));
	assert_true(
		put(scene, "a", "2", "1.1.1.2", NULL, "10.1.9.0/24", "-10.1.1.0-24 +10.1.9.0-24 "));
	/* Without subnets they are read again at the next change. */
	assert_true(put(scene, "b", "3", "1.1.1.3", NULL, "", ""));
	assert_false(put(scene, "b", "3", "1.1.1.3", NULL, NULL, ""));
}

/* Every kubelet can write the annotations of its Node, but not spec.podCIDRs. */
static void a_subnet_belongs_to_one_node(void **state)
{
	struct scene *scene = *state;

	kube_table_set_own_key(&scene->table, "10.1.5.0-24");
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	/* The annotation of another Node has the subnet: it must be read whole. */
	assert_false(put(scene, "b", "2", "1.1.1.2", "10.1.1.0/24", NULL, ""));
	assert_true(put(scene, "b", "2", "1.1.1.2", "10.1.1.0/24", "10.1.2.0/24", ""));
	assert_true(put(scene, "b", "2", NULL, NULL, NULL, ""));
	/* It is confirmed: the first one was not, and turns out not to be. */
	assert_false(put(scene, "c", "3", "1.1.1.3", "10.1.1.0/24", NULL, ""));
	assert_true(put(scene, "c", "3", "1.1.1.3", "10.1.1.0/24", "10.1.1.0/24", "?a "));
	assert_true(
		put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", "10.1.8.0/24", "?c -10.1.1.0-24 "));
	assert_true(put(scene, "c", "3", "1.1.1.3", "10.1.1.0/24", "10.1.1.0/24", "+10.1.1.0-24 "));
	/* Two confirmed ones: the first. */
	assert_true(put(scene, "d", "4", "1.1.1.4", NULL, "10.1.1.0/24", ""));
	/* This node's own subnet. */
	assert_false(put(scene, "e", "5", "1.1.1.5", "10.1.5.0/24", NULL, ""));
	assert_true(put(scene, "e", "5", "1.1.1.5", "10.1.5.0/24", "10.1.6.0/24", ""));
	assert_true(put(scene, "f", "6", "1.1.1.6", "10.1.5.0/24", "10.1.5.0/24", ""));
}

static void a_list_reports_everything_and_drops_the_rest(void **state)
{
	struct scene *scene = *state;

	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_true(put(scene, "b", "2", "1.1.1.2", "10.1.2.0/24", NULL, "+10.1.2.0-24 "));
	kube_table_list_begin(&scene->table);
	/* The subnet of a Node that was deleted meanwhile is free. */
	assert_true(put(scene, "c", "3", "1.1.1.3", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_true(put(scene, "b", "2", "1.1.1.2", "10.1.2.0/24", NULL, "+10.1.2.0-24 "));
	scene->log[0] = '\0';
	kube_table_list_end(&scene->table);
	assert_string_equal(scene->log, "");
	assert_int_equal(scene->table.records.len, 2);
	assert_true(kube_table_has(&scene->table, "10.1.1.0-24"));
	assert_false(kube_table_has(&scene->table, "10.1.3.0-24"));
	assert_true(put(scene, "b", "2", "1.1.1.2", "10.1.2.0/24", NULL, ""));
}

/* Heartbeats change the Node's revision, but not which of two Nodes came first. */
static void the_revision_is_that_of_the_last_change_of_the_lease(void **state)
{
	struct scene *scene = *state;

	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_int_equal(scene->reported, 1);
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, ""));
	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_int_equal(scene->reported, 1);
	kube_table_list_end(&scene->table);
	scene->revision = 20;
	assert_true(put(scene, "a", "1", "1.1.1.2", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_int_equal(scene->reported, 21);
	/* What replaces it must not look older. The Node has not changed since. */
	kube_table_set_own_key(&scene->table, "10.1.1.0-24");
	kube_table_set_own_key(&scene->table, "");
	kube_table_list_begin(&scene->table);
	scene->created = 2;
	assert_true(put(scene, "a", "1", "1.1.1.2", NULL, "10.1.1.0/24", "+10.1.1.0-24 "));
	assert_int_equal(scene->reported, 22);
	scene->revision = 5;
	scene->created = 1;
	assert_true(put(scene, "b", "2", "1.1.1.3", NULL, "10.1.1.0/24", "=10.1.1.0-24 "));
	assert_int_equal(scene->reported, 22);
	kube_table_list_end(&scene->table);
	/* The cluster was restored. */
	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "b", "2", "1.1.1.3", NULL, NULL, "+10.1.1.0-24 "));
	assert_int_equal(scene->reported, 7);
	kube_table_list_end(&scene->table);
}

/* A Node, named by a letter, whose spec.podCIDRs are 10.1.1.0/24. */
static void put_same(struct scene *scene, const char *name, unsigned created, const char *reported)
{
	scene->created = created;
	assert_true(put(scene, name, name, "1.1.1.1", NULL, "10.1.1.0/24", reported));
}

static const char *owner_of(const struct scene *scene)
{
	assert_int_equal(scene->table.keys.subnets.len, 1);
	return scene->table.keys.subnets.at[0].name;
}

static void the_older_of_two_nodes_in_the_first_list_has_the_subnet(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	put_same(scene, "b", 5, "+10.1.1.0-24 ");
	put_same(scene, "c", 7, "");
	put_same(scene, "d", 3, "=10.1.1.0-24 ");
	put_same(scene, "e", 0, "");
	put_same(scene, "f", 3, "");
	assert_int_equal(scene->reported, KUBE_FIRST_REVISION);
	kube_table_list_end(&scene->table);
	kube_table_report_retracted(&scene->table);
	assert_string_equal(owner_of(scene), "d");
	assert_true(scene->table.refused);
}

static void the_first_of_two_nodes_of_one_age_by_name_has_the_subnet(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	put_same(scene, "c", 5, "+10.1.1.0-24 ");
	put_same(scene, "b", 5, "=10.1.1.0-24 ");
	put_same(scene, "d", 5, "");
	kube_table_list_end(&scene->table);
	assert_string_equal(owner_of(scene), "b");
}

static void an_installed_node_keeps_the_subnet(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	put_same(scene, "b", 5, "+10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	/* Older Nodes: between lists, and before and after it in another list. */
	put_same(scene, "c", 3, "");
	kube_table_list_begin(&scene->table);
	put_same(scene, "a", 1, "+10.1.1.0-24 ");
	put_same(scene, "b", 5, "=10.1.1.0-24 ");
	put_same(scene, "c", 3, "");
	kube_table_list_end(&scene->table);
	assert_string_equal(owner_of(scene), "b");
	/* A list that fails decides nothing. */
	kube_table_list_begin(&scene->table);
	put_same(scene, "a", 1, "+10.1.1.0-24 ");
	kube_table_list_begin(&scene->table);
	put_same(scene, "a", 1, "+10.1.1.0-24 ");
	put_same(scene, "b", 5, "=10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	assert_string_equal(owner_of(scene), "b");
	/* Without it, the oldest one. */
	kube_table_list_begin(&scene->table);
	put_same(scene, "a", 4, "+10.1.1.0-24 ");
	put_same(scene, "c", 3, "=10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	assert_string_equal(owner_of(scene), "c");
}

/* Of a Node, named by a letter: the metadata, as a list and the watch have them. */
static bool put_metadata(struct scene *scene, const char *name, unsigned created,
			 const char *reported)
{
	scene->created = created;
	return put(scene, name, name, "1.1.1.1", "10.1.1.0/24", NULL, reported);
}

static void put_whole(struct scene *scene, const char *name, unsigned created, const char *cidr,
		      const char *reported)
{
	scene->created = created;
	assert_true(put(scene, name, name, "1.1.1.1", "10.1.1.0/24", cidr, reported));
}

/*
 * Lists and watches have metadata only: that the owner is not confirmed is no reason to replace it.
 */
static void an_installed_node_is_verified_before_it_is_replaced(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	assert_true(put_metadata(scene, "b", 5, "+10.1.1.0-24 "));
	kube_table_list_end(&scene->table);
	/* An older Node, between lists. */
	assert_false(put_metadata(scene, "c", 3, ""));
	put_whole(scene, "c", 3, "10.1.1.0/24", "?b ");
	put_whole(scene, "c", 3, "10.1.1.0/24", "?b "); /* an event meanwhile */
	put_whole(scene, "b", 5, "10.1.1.0/24", "?c ");
	put_whole(scene, "c", 3, "10.1.1.0/24", "");
	assert_string_equal(owner_of(scene), "b");
	assert_true(scene->table.refused);
}

static void an_installed_node_is_verified_within_a_list(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	assert_true(put_metadata(scene, "b", 5, "+10.1.1.0-24 "));
	kube_table_list_end(&scene->table);
	/* An older one is listed before it, then a third one: all of them are read whole. */
	kube_table_list_begin(&scene->table);
	assert_true(put_metadata(scene, "a", 3, "+10.1.1.0-24 "));
	assert_false(put_metadata(scene, "b", 5, ""));
	assert_false(put_metadata(scene, "c", 1, ""));
	put_whole(scene, "c", 1, "10.1.1.0/24", "?a ");
	put_whole(scene, "b", 5, "10.1.1.0/24", "?c ?a ");
	put_whole(scene, "c", 1, "10.1.1.0/24", "?a ");
	put_whole(scene, "a", 3, "10.1.1.0/24", "?b ?c ");
	put_whole(scene, "c", 1, "10.1.1.0/24", "=10.1.1.0-24 ");
	put_whole(scene, "b", 5, "10.1.1.0/24", "=10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	kube_table_report_retracted(&scene->table);
	assert_string_equal(owner_of(scene), "b");
}

/* The owner's annotation contradicts its spec.podCIDRs, and the list has reported it. */
static void a_listed_node_is_retracted_if_it_is_not_confirmed(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	assert_true(put_metadata(scene, "a", 1, "+10.1.1.0-24 "));
	assert_false(put_metadata(scene, "b", 5, ""));
	put_whole(scene, "b", 5, "10.1.1.0/24", "?a ");
	put_whole(scene, "a", 1, "10.1.2.0/24", "?b ");
	put_whole(scene, "b", 5, "10.1.1.0/24", "=10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	scene->log[0] = '\0';
	kube_table_report_retracted(&scene->table);
	assert_string_equal(scene->log, "");
	assert_string_equal(owner_of(scene), "b");
	/* Without another Node, it is gone after the list. */
	kube_table_list_begin(&scene->table);
	assert_true(put_metadata(scene, "d", 1, "+10.1.1.0-24 "));
	put_whole(scene, "d", 1, "10.1.2.0/24", "");
	kube_table_list_end(&scene->table);
	scene->log[0] = '\0';
	kube_table_report_retracted(&scene->table);
	assert_string_equal(scene->log, "-10.1.1.0-24 ");
}

/* What this node has taken over is no longer installed, and the older Node has it afterwards. */
static void a_replaced_node_is_not_installed(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	put_same(scene, "b", 5, "+10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	kube_table_set_own_key(&scene->table, "10.1.1.0-24");
	kube_table_set_own_key(&scene->table, "");
	kube_table_list_begin(&scene->table);
	put_same(scene, "b", 5, "+10.1.1.0-24 ");
	put_same(scene, "c", 3, "=10.1.1.0-24 ");
	kube_table_list_end(&scene->table);
	assert_string_equal(owner_of(scene), "c");
}

static void a_key_that_is_free_again_leads_to_another_list(void **state)
{
	struct scene *scene = *state;
	AUTO(kube_node) struct kube_node node = { .revision = 0 };

	kube_table_set_own_key(&scene->table, "10.1.5.0-24");
	assert_true(put(scene, "a", "1", "1.1.1.1", NULL, "10.1.5.0/24", ""));
	assert_false(scene->table.outdated);
	kube_table_set_own_key(&scene->table, "");
	assert_true(scene->table.outdated);
	kube_table_list_begin(&scene->table);
	assert_false(scene->table.outdated);
	assert_true(put(scene, "a", "1", "1.1.1.1", NULL, "10.1.5.0/24", "+10.1.5.0-24 "));
	kube_table_list_end(&scene->table);
	/* This node gets the key that another one has: its own entry replaces that one's. */
	scene->log[0] = '\0';
	kube_table_set_own_key(&scene->table, "10.1.5.0-24");
	assert_string_equal(scene->log, "");
	assert_false(kube_table_has(&scene->table, "10.1.5.0-24"));
	assert_true(put(scene, "a", "1", "1.1.1.2", NULL, "10.1.5.0/24", ""));
	/* Of two peers, the one that had it is deleted. */
	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "b", "2", "1.1.1.2", NULL, "10.1.6.0/24", "+10.1.6.0-24 "));
	assert_true(put(scene, "c", "3", "1.1.1.3", NULL, "10.1.6.0/24", ""));
	kube_table_list_end(&scene->table);
	node = make(scene, "b", "2", NULL, NULL, NULL);
	kube_table_remove(&scene->table, &node);
	assert_true(scene->table.outdated);
}

/* A key with another second subnet is another key, but has the subnet. */
static void a_subnet_belongs_to_one_node_in_any_form_of_key(void **state)
{
	static const char both[] = "10.1.1.0/24\\\",\\\"fd00:1::/64";
	struct scene *scene = *state;

	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_false(put(scene, "b", "2", "1.1.1.2", both, NULL, ""));
	assert_true(put(scene, "b", "2", "1.1.1.2", both, "10.1.2.0/24", ""));
	/* It comes first, and the other one is confirmed. */
	assert_false(put(scene, "c", "3", "1.1.1.3", both, NULL, ""));
	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "c", "4", "1.1.1.3", both, NULL, "+10.1.1.0-24&fd00:1::-64 "));
	assert_false(put(scene, "d", "5", "1.1.1.4", "10.1.1.0/24", NULL, ""));
	assert_true(put(scene, "d", "5", "1.1.1.4", "10.1.1.0/24", "10.1.1.0/24", "?c "));
	assert_true(put(scene, "c", "4", "1.1.1.3", both, "10.1.3.0/24", "?d "));
	assert_true(put(scene, "d", "5", "1.1.1.4", "10.1.1.0/24", "10.1.1.0/24", "+10.1.1.0-24 "));
	scene->log[0] = '\0';
	kube_table_list_end(&scene->table);
	assert_string_equal(scene->log, "");
	kube_table_report_retracted(&scene->table);
	assert_string_equal(scene->log, "-10.1.1.0-24&fd00:1::-64 ");
	assert_int_equal(scene->table.keys.subnets.len, 1);
	assert_true(kube_table_has(&scene->table, "10.1.1.0-24"));
	/* The same between lists, and with the subnet of this node. */
	assert_true(put(scene, "e", "6", "1.1.1.5", "10.1.9.0/24\\\",\\\"fd00:9::/64", NULL,
			"+10.1.9.0-24&fd00:9::-64 "));
	assert_false(put(scene, "f", "7", "1.1.1.6", "10.1.9.0/24", NULL, ""));
	assert_true(put(scene, "f", "7", "1.1.1.6", "10.1.9.0/24", "10.1.9.0/24", "?e "));
	assert_true(put(scene, "e", "6", "1.1.1.5", "10.1.9.0/24\\\",\\\"fd00:9::/64",
			"10.1.3.0/24", "?f -10.1.9.0-24&fd00:9::-64 "));
	assert_true(put(scene, "f", "7", "1.1.1.6", "10.1.9.0/24", "10.1.9.0/24", "+10.1.9.0-24 "));
	kube_table_set_own_key(&scene->table, "10.1.7.0-24");
	assert_false(put(scene, "g", "8", "1.1.1.7", "10.1.7.0/24\\\",\\\"fd00:7::/64", NULL, ""));
}

static void a_node_that_a_list_repeats_is_reported_once(void **state)
{
	struct scene *scene = *state;

	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "a", "1", "1.1.1.1", "10.1.1.0/24", NULL, "+10.1.1.0-24 "));
	assert_true(put(scene, "a", "2", "1.1.1.1", "10.1.2.0/24", NULL, ""));
	kube_table_list_end(&scene->table);
	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "a", "2", "1.1.1.1", "10.1.2.0/24", NULL, "+10.1.2.0-24 "));
	kube_table_list_end(&scene->table);
}

static void a_subnet_within_that_of_another_node_is_verified(void **state)
{
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	struct scene *scene = *state;

	assert_true(put(scene, "a", "1", "1.1.1.1", NULL, "10.1.1.0/24", "+10.1.1.0-24 "));
	assert_false(put(scene, "b", "2", "1.1.1.2", "10.1.1.128/25", NULL, ""));
	/* Its annotation contradicts spec.podCIDRs. */
	assert_true(put(scene, "b", "2", "1.1.1.2", "10.1.1.128/25", "10.1.2.0/24", ""));
	/* spec.podCIDRs of both overlap. */
	assert_true(put(scene, "c", "3", "1.1.1.3", NULL, "10.1.0.0/16", ""));
	assert_true(put(scene, "d", "4", "1.1.1.4", NULL, "10.1.1.0/26", ""));
	assert_true(put(scene, "e", "5", "1.1.1.5", NULL, "10.1.4.0/23", "+10.1.4.0-23 "));
	assert_true(put(scene, "f", "6", "1.1.1.6", NULL, "10.1.6.0/24", "+10.1.6.0-24 "));
	/* What is within it was there before, but is not confirmed. */
	assert_true(put(scene, "g", "7", "1.1.1.7", "10.1.8.0/26", NULL, "+10.1.8.0-26 "));
	assert_false(put(scene, "h", "8", "1.1.1.8", "10.1.8.0/24", NULL, ""));
	assert_true(put(scene, "h", "8", "1.1.1.8", "10.1.8.0/24", "10.1.8.0/24", "?g "));
	/* It is deleted before it is read. */
	node = make(scene, "g", "7", NULL, NULL, NULL);
	scene->log[0] = '\0';
	kube_table_remove(&scene->table, &node);
	assert_string_equal(scene->log, "-10.1.8.0-26 ?h ");
	assert_true(put(scene, "h", "8", "1.1.1.8", "10.1.8.0/24", "10.1.8.0/24", "+10.1.8.0-24 "));
	/* The same with the subnet of this node. */
	kube_table_set_own_key(&scene->table, "10.1.9.0-24&fd00:9::-64");
	assert_false(put(scene, "i", "9", "1.1.1.9", "10.1.9.64/26", NULL, ""));
	assert_false(put(scene, "k", "10", "1.1.1.10", "fd00::/16", NULL, ""));
}

static void many_nodes_have_their_own_keys(void **state)
{
	struct scene *scene = *state;
	char name[16], subnet[40], key[40], reported[64];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "n%d", i);
			snprintf(subnet, sizeof(subnet), "10.%d.%d.0/24", round, i);
			snprintf(reported, sizeof(reported), "+10.%d.%d.0-24 ", round, i);
			if (round)
				snprintf(reported, sizeof(reported), "-10.0.%d.0-24 +10.1.%d.0-24 ",
					 i, i);
			assert_true(put(scene, name, name, "1.1.1.1", subnet, NULL, reported));
		}
	}
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "10.1.%d.0-24", i);
		assert_true(kube_table_has(&scene->table, key));
		snprintf(key, sizeof(key), "10.0.%d.0-24", i);
		assert_false(kube_table_has(&scene->table, key));
	}
	assert_int_equal(scene->table.keys.subnets.len, 200);
	kube_table_list_begin(&scene->table);
	assert_true(put(scene, "n7", "n7", "1.1.1.1", "10.1.7.0/24", NULL, "+10.1.7.0-24 "));
	kube_table_list_end(&scene->table);
	assert_int_equal(scene->table.keys.subnets.len, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_changes_of_the_lease_are_reported),
		TEST(a_digest_stands_for_what_was_put_last),
		TEST(the_subnets_of_flannel_are_read_once_per_uid),
		TEST(a_subnet_belongs_to_one_node),
		TEST(a_list_reports_everything_and_drops_the_rest),
		TEST(the_revision_is_that_of_the_last_change_of_the_lease),
		TEST(the_older_of_two_nodes_in_the_first_list_has_the_subnet),
		TEST(the_first_of_two_nodes_of_one_age_by_name_has_the_subnet),
		TEST(an_installed_node_keeps_the_subnet),
		TEST(an_installed_node_is_verified_before_it_is_replaced),
		TEST(an_installed_node_is_verified_within_a_list),
		TEST(a_listed_node_is_retracted_if_it_is_not_confirmed),
		TEST(a_replaced_node_is_not_installed),
		TEST(a_key_that_is_free_again_leads_to_another_list),
		TEST(a_subnet_belongs_to_one_node_in_any_form_of_key),
		TEST(a_node_that_a_list_repeats_is_reported_once),
		TEST(a_subnet_within_that_of_another_node_is_verified),
		TEST(many_nodes_have_their_own_keys),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
