/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/config_document.h"

#include "common/json/json.h"

#include <stdbool.h>
#include <stddef.h>

static void on_unknown(void *ctx, const char *path)
{
	const struct jr *document = ctx;

	jr_fault(
		document, NULL,
		"unknown key \"%s\"; allowed are config, subnets, endpoints, and networks at the top",
		path);
}

static void reject_unknown(const struct jr *document, const struct jr *at, const char *const *known)
{
	struct jr ctx = *document;

	jr_unknown(at, known, on_unknown, &ctx);
}

void config_document_check(const struct jr *document)
{
	static const char *const known[] = { "config", "subnets", "endpoints", "networks", NULL };
	struct jr root = jr_obj(document, NULL), networks;

	if (jr_is_absent(&root))
		return;
	reject_unknown(document, &root, known);
	networks = jr_obj_opt(&root, "networks");
	if (jr_has(&networks, "default"))
		jr_fault(&networks, "default", "the members of this network belong to the root");
}

void config_document_check_network(const struct jr *document, const struct jr *network)
{
	static const char *const known[] = { "config", "subnets", "endpoints", NULL };
	struct jr at = jr_obj_opt(network, NULL);

	if (!jr_is_absent(&at))
		reject_unknown(document, &at, known);
}
