/* SPDX-License-Identifier: Apache-2.0 */
/* What this node has, as tables: containers and addresses. */
#include "ctl/out_part.h"

#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>

#define CELL_SIZE 256

/* ---- Pods -------------------------------------------------------------------------------- */

static const char *const pod_heads[] = { "NETWORK",  "POD",  "CONTAINER", "INTERFACE", "ADDRESSES",
					 "RECEIVED", "SENT", "DROPPED",   "SINCE",     "STATE" };

/* The elements, separated by blanks. */
static const char *list_text(char buf[static CELL_SIZE], const struct jr *at, const char *key)
{
	struct jr list = jr_arr_opt(at, key), element;
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; len < CELL_SIZE && jr_each(&list, &i, &element);)
		len += (size_t)snprintf(buf + len, CELL_SIZE - len, "%s%s", len ? " " : "",
					jr_str(&element, NULL, OUT_TEXT_MAX));
	return buf;
}

static const char *counter_text(char buf[static 32], const struct jr *at, const char *key)
{
	if (!jr_has(at, key))
		return "";
	snprintf(buf, 32, "%" PRIu64, jr_u64_text_opt(at, key, 0));
	return buf;
}

static void pod_row(struct table *table, const struct out_to *to, const struct jr *pod)
{
	const char *namespace = out_text_at(pod, "pod_namespace"),
		   *state = out_text_at(pod, "state");
	char name[2 * OUT_TEXT_MAX + 2], addresses[CELL_SIZE], received[32], sent[32], dropped[32];
	char since[OUT_AGO_SIZE];

	snprintf(name, sizeof(name), "%s%s%s", namespace, *namespace ? "/" : "",
		 out_text_at(pod, "pod_name"));

	const struct table_cell cells[] = {
		{ out_text_at(pod, "network"), TERM_PLAIN },
		{ name, TERM_PLAIN },
		{ out_text_at(pod, "container_id"), TERM_PLAIN },
		{ out_text_at(pod, "interface"), TERM_PLAIN },
		{ list_text(addresses, pod, "addresses"), TERM_PLAIN },
		{ counter_text(received, pod, "received_packets"), TERM_PLAIN },
		{ counter_text(sent, pod, "sent_packets"), TERM_PLAIN },
		{ counter_text(dropped, pod, "dropped_packets"), TERM_PLAIN },
		{ out_ago(since, to, out_number_at(pod, "since")), TERM_PLAIN },
		{ state, out_mark(state) },
	};

	table_row(table, cells);
}

void out_pods(const struct out_to *to, const struct jr *pods)
{
	static const struct out_columns columns = OUT_COLUMNS(pod_heads, pod_row);

	if (jr_len(pods) == 0)
		fputs("no containers\n", to->file);
	else
		out_table(&columns, to, pods);
}

/* ---- Addresses --------------------------------------------------------------------------- */

static const char *const ipam_heads[] = { "NETWORK", "SUBNET", "USED",   "FREE",
					  "RESTING", "NEXT",   "LEAKED", "RANGE" };

static void ipam_row(struct table *table, const struct out_to *to, const struct jr *subnet)
{
	struct jr range = jr_obj_opt(subnet, "range"), leaked = jr_arr_opt(subnet, "leaked");
	const size_t leaks = jr_len(&leaked);
	const uint64_t size = jr_u64_text_opt(subnet, "size", 0);
	const bool full = !jr_u64_text_opt(subnet, "free", 0), many = size > UINT32_MAX;
	char used[80], available[32], resting[32], leaks_text[32], bounds[2 * IPADDR_TEXT_SIZE + 2];

	snprintf(used, sizeof(used), many ? "%" PRIu64 : "%" PRIu64 " of %" PRIu64,
		 jr_u64_text_opt(subnet, "used", 0), size);
	snprintf(leaks_text, sizeof(leaks_text), "%zu", leaks);
	snprintf(bounds, sizeof(bounds), "%.45s-%.45s", out_text_at(&range, "first"),
		 out_text_at(&range, "last"));

	const struct table_cell cells[] = {
		{ out_text_at(subnet, "network"), TERM_PLAIN },
		{ out_text_at(subnet, "subnet"), TERM_PLAIN },
		{ used, TERM_PLAIN },
		{ many ? "unlimited" : counter_text(available, subnet, "free"),
		  full ? TERM_BAD : TERM_PLAIN },
		{ counter_text(resting, subnet, "resting"), TERM_PLAIN },
		{ out_text_at(subnet, "next"), TERM_PLAIN },
		{ leaks_text, leaks ? TERM_WARN : TERM_PLAIN },
		{ bounds, TERM_PLAIN },
	};

	(void)to;
	table_row(table, cells);
}

static void put_leaks(const struct out_to *to, const struct jr *subnet, bool *any)
{
	struct jr leaked = jr_arr_opt(subnet, "leaked"), at;

	for (size_t i = 0; jr_each(&leaked, &i, &at);) {
		if (!*any)
			fputc('\n', to->file);
		*any = true;
		term_put(to->file, out_text_at(subnet, "network"), 0);
		fputs(": ", to->file);
		term_put(to->file, out_text_at(&at, "address"), 0);
		fputs(" leaked: ", to->file);
		term_put(to->file, out_text_at(&at, "reason"), 0);
		fputc('\n', to->file);
	}
}

void out_ipam(const struct out_to *to, const struct jr *subnets)
{
	static const struct out_columns columns = OUT_COLUMNS(ipam_heads, ipam_row);
	bool any = false;
	struct jr at;

	if (jr_len(subnets) == 0) {
		fputs("no subnets\n", to->file);
		return;
	}
	out_table(&columns, to, subnets);
	for (size_t i = 0; jr_each(subnets, &i, &at);)
		put_leaks(to, &at, &any);
}
