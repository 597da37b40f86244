/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_legacy.h"

#include "common/err.h"
#include "common/legacy_kernel.h"
#include "common/log.h"

#include <stdio.h>

void rules_legacy_free(struct rules_legacy *legacy)
{
	rules_findings_free(&legacy->findings);
}

/* Whether the family is used at all; and what is to be accepted in it. */
static bool find_want(const struct rules_options *options, const struct rules_network *networks,
		      size_t len, enum family f, struct legacy_want *want)
{
	bool used = false;

	for (size_t i = 0; i < len; i++) {
		if (!prefix_is_set(&networks[i].cluster[f]))
			continue;
		used = true;
		if (options->forward && want->len < LEGACY_DEVICES_MAX)
			want->device[want->len++] = networks[i].bridge;
	}
	return used;
}

/* Not being allowed to look is how the unit runs weftd, and no fault. */
static void note_sight(struct rules_legacy *legacy, enum family f, bool unseen)
{
	if (unseen && !legacy->unseen[f])
		log_info("rules of iptables-legacy cannot be seen, which only root may", "program",
			 legacy_name(f));
	legacy->unseen[f] = unseen;
}

static int look_at(struct legacy *kernel, enum family f, const struct legacy_want *want, bool used,
		   struct rules_findings *findings, struct err *err)
{
	struct rules_finding finding = { .accepted = want->len > 0 };
	struct legacy_view view;

	if (legacy_set(kernel, f, want, &view, err) < 0)
		return -1;
	for (enum legacy_chain c = 0; c < LEGACY_CHAINS; c++) {
		if (!view.chain[c].drops)
			continue;
		if (!view.chain[c].same && want->len)
			log_info("accepted in another program's chain, which drops", "table",
				 "filter", "chain", legacy_chain_name[c], "program",
				 legacy_name(f));
		snprintf(finding.where, sizeof(finding.where), "%s filter %s", legacy_name(f),
			 legacy_chain_name[c]);
		if (used && !rules_findings_push(findings, &finding))
			return err_nomem(err, "packet rules");
	}
	return 0;
}

int rules_legacy_look(struct rules_legacy *legacy, const struct rules_options *options,
		      const struct rules_network *networks, size_t len, struct err *err)
{
	struct rules_findings findings = { .len = 0 };
	bool there = false;

	for (enum family f = 0; f < FAMILIES && legacy->kernel; f++) {
		enum legacy_sight sight = legacy_sight(legacy->kernel, f);
		struct legacy_want want = { .len = 0 };
		bool used = find_want(options, networks, len, f, &want);

		note_sight(legacy, f, sight == LEGACY_UNSEEN);
		there = there || sight == LEGACY_THERE;
		if (sight != LEGACY_THERE)
			continue;
		if (look_at(legacy->kernel, f, &want, used, &findings, err) < 0) {
			rules_findings_free(&findings);
			return -1;
		}
	}
	rules_findings_log(&legacy->findings, &findings);
	rules_findings_free(&legacy->findings);
	legacy->findings = findings;
	legacy->there = there;
	return 0;
}
