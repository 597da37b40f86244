/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The findings of `weftctl doctor`, a JSON document that the checks add to:
 *
 *   {"healthy":false,"findings":[
 *     {"check":"lease","network":"default","state":"error",     ok | warning | error
 *      "text":"another node holds 10.5.1.0/24","remedy":"..."}]}
 *
 * network is "" for the node; remedy is "" if the state is ok. Used by the files of the checks:
 * doctor.c, doctor_node.c, doctor_host.c, doctor_tunnel.c.
 */
#pragma once

#include "common/json/json.h"

#include <stdbool.h>

#define DOCTOR_TEXT_MAX 4096
#define DOCTOR_LISTED 8 /* peers or containers that get a finding of their own */

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };

struct doctor_findings {
	struct jb_at list;
	const char *network; /* of the next findings; "": the node */
	bool error;          /* one of them is DOCTOR_ERROR */
};

/* Adds a finding. The remedy is omitted if the state is ok. */
void doctor_add_finding(struct doctor_findings *findings, const char *check,
			enum doctor_state state, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
