/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/spoof_desired.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/parse.h"
#include "common/spoof/spoof_table.h"
#include "ipam/attachment.h"
#include "ipam/veth.h"

#include <dirent.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

/* The name of a port. */
struct name {
	char text[IF_NAMESIZE];
};

VEC_DEFINE(names, struct name);

struct scan {
	const char *run_dir, *network;
	struct firewall_table *table;
	struct names held; /* ports of locked records */
	size_t ports;
};

static void scan_free(struct scan *scan)
{
	names_free(&scan->held);
}
AUTO_DEFINE_VALUE(scan, struct scan, scan_free);

/* ---- The table without elements ---------------------------------------------------------- */

static bool add_chain(void *ctx, const struct nft_chain *nft)
{
	struct firewall_table *table = ctx;
	const struct firewall_chain chain = {
		.name = nft->name,
		.type = nft->type,
		.hook = nft->hook,
		.priority = nft->priority,
		.part = FIREWALL_SPOOF,
	};

	return firewall_chains_push(&table->chains, &chain);
}

static bool add_rule(void *ctx, const char *chain, const struct nft_expr *expr)
{
	struct firewall_table *table = ctx;
	const struct firewall_rule rule = { .chain = chain, .part = FIREWALL_SPOOF, .expr = *expr };

	return firewall_rules_push(&table->rules, &rule);
}

static bool add_set(struct firewall_table *table, const struct nft_set *nft)
{
	struct firewall_set set = {
		.key_type = nft->key_type,
		.key_size = nft->key_size,
		.part = FIREWALL_SPOOF,
	};

	snprintf(set.name, sizeof(set.name), "%s", nft->name);
	return firewall_sets_push(&table->sets, &set);
}

static bool make_table(struct firewall_table *table)
{
	static const char *const counters[] = { SPOOF_DROPS, SPOOF_ISOLATION_DROPS };

	*table = (struct firewall_table){
		.family = SPOOF_FAMILY,
		.name = SPOOF_TABLE,
		.part = FIREWALL_SPOOF,
		.counters = counters,
		.counters_len = ARRAY_LEN(counters),
	};
	for (enum spoof_set set = 0; set < SPOOF_SETS; set++)
		if (!add_set(table, &spoof_set[set]))
			return false;
	return spoof_each_chain(add_chain, table) && spoof_each_rule(add_rule, table);
}

/* ---- Elements ---------------------------------------------------------------------------- */

static bool add_port(struct firewall_table *table, const struct spoof_port *port)
{
	for (enum spoof_set set = 0; set < SPOOF_SETS; set++)
		for (size_t i = 0; i < spoof_element_count(port, set); i++) {
			const struct nft_element element = spoof_element(port, set, i);

			if (!firewall_elements_push(&table->sets.at[set].elements,
						    spoof_set[set].key_size, &element))
				return false;
		}
	return true;
}

static int visit_record(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct scan *scan = ctx;
	struct attachment record;
	struct spoof_port port;
	struct err unused;
	int found = attachment_lock_record(scan->run_dir, scan->network, name, false, &lock, err);

	/* Of a record that cannot be read, the kernel's elements are kept as well. */
	if (found > 0)
		found = attachment_read(&lock, &record, &unused) < 0 ? -1 : 1;
	if (found <= 0) {
		const struct veth veth = veth_of_record(name);
		struct name held;

		snprintf(held.text, sizeof(held.text), "%s", veth.name);
		return names_push(&scan->held, &held) ? 0 : err_nomem(err, "packet rules");
	}
	if (!record.port.known || (!record.port.locked && !record.port.isolated))
		return 0;
	scan->ports++;
	port = attachment_spoof_port(&record);
	return add_port(scan->table, &port) ? 0 : err_nomem(err, "packet rules");
}

static void auto_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int scan_networks(struct scan *scan, struct err *err)
{
	AUTO(dir) DIR *dir = NULL;
	const struct dirent *entry;
	struct err unused;
	int fd = -1;
	int found = fs_open_subdir(scan->run_dir, STATE_ATTACHMENTS, false, &fd, err);

	if (found <= 0)
		return found;
	dir = fs_list(&fd, STATE_ATTACHMENTS, err);
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		if (parse_network_name(entry->d_name, &unused) < 0)
			continue;
		scan->network = entry->d_name;
		if (attachment_each(scan->run_dir, entry->d_name, visit_record, scan, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- Kept elements ----------------------------------------------------------------------- */

struct keep {
	const struct names *held;
	bool named; /* the elements begin with a port's name */
	struct firewall_elements *elements;
	size_t before, key_size;
};

static bool has_element(const struct firewall_elements *elements, const struct nft_element *element)
{
	for (size_t i = 0; i < elements->len; i++) {
		const struct nft_element other = firewall_elements_get(elements, i);

		if (!memcmp(other.key, element->key, sizeof(element->key)))
			return true;
	}
	return false;
}

/* An address without a port may be one of a held record's container. */
static bool is_held(const struct keep *keep, const struct nft_element *element)
{
	if (!keep->named)
		return !has_element(keep->elements, element);
	for (size_t i = 0; i < keep->held->len; i++)
		if (!strncmp((const char *)element->key, keep->held->at[i].text, IF_NAMESIZE))
			return true;
	return false;
}

static int keep_element(void *ctx, const struct nft_element *element, struct err *err)
{
	struct keep *keep = ctx;

	if (!is_held(keep, element))
		return 0;
	return firewall_elements_push(keep->elements, keep->key_size, element) ?
		       0 :
		       err_nomem(err, "packet rules");
}

static void forget_elements(void *ctx)
{
	struct keep *keep = ctx;

	keep->elements->len = keep->before;
}

static int keep_held(struct nl *nl, const struct scan *scan, struct err *err)
{
	for (enum spoof_set set = 0; set < SPOOF_SETS; set++) {
		struct firewall_elements *elements = &scan->table->sets.at[set].elements;
		struct keep keep = { &scan->held,
				     set != SPOOF_ISOLATED_V4 && set != SPOOF_ISOLATED_V6, elements,
				     elements->len, spoof_set[set].key_size };
		const struct nft_walk walk = { .ctx = &keep,
					       .element = keep_element,
					       .restart = forget_elements };

		if (nft_each_element(nl, SPOOF_FAMILY, SPOOF_TABLE, spoof_set[set].name, &walk,
				     err) < 0)
			return -1;
	}
	return 0;
}

/* ---- All --------------------------------------------------------------------------------- */

int spoof_desired_build(struct nl *nl, const struct firewall_options *options,
			struct firewall_table *table_out, struct err *err)
{
	AUTO(scan) struct scan scan = { .run_dir = options->run_dir, .table = table_out };
	uint32_t flags;
	int exists;

	*table_out = (struct firewall_table){ .name = NULL };
	if (!options->run_dir || options->unsupported & 1U << FIREWALL_SPOOF)
		return 0;
	if (!make_table(table_out))
		return err_nomem(err, "packet rules");
	exists = nft_table_find(nl, SPOOF_FAMILY, SPOOF_TABLE, &flags, err);
	if (exists < 0 || scan_networks(&scan, err) < 0)
		return -1;
	if (exists && scan.held.len && keep_held(nl, &scan, err) < 0)
		return -1;
	for (size_t i = 0; i < table_out->sets.len; i++)
		firewall_elements_sort(&table_out->sets.at[i].elements);
	if (!exists && !scan.ports)
		table_out->name = NULL;
	return 0;
}
