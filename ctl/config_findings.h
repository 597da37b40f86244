/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a document with a network configuration by weftd's parser: one configuration, as in etcd
 * or in a ConfigMap, or the file store's document, which has one for each network. Used by
 * cmd_config.c. Pure.
 */
#pragma once

#include "common/json/json.h"

#include <stddef.h>

struct err;

struct config_findings {
	size_t errors, warnings;
};

/*
 * Appends an object to list for each fault and each ignored key: "severity" ("error", "warning"),
 * "path" ("" for the document), "text", and "line" and "column" of malformed JSON. network: check
 * only the configuration of this network, if it is the file store's document; NULL: all. Returns 0
 * whatever is found, or -1 with ERR_NOMEM.
 */
int config_findings(const char *text, size_t size, const char *network, struct jb_at list,
		    struct config_findings *count_out, struct err *err);
