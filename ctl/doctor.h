/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weftctl doctor`: evaluates weftd's answers and the facts of this node into findings
 * (doctor_finding.h). Pure; doctor_facts.c collects the facts. Called by cmd_doctor.c.
 */
#pragma once

#include "common/json/json.h"

#include <stdbool.h>

struct doctor_facts;

/*
 * Adds the findings to the document's root. error: why weftd did not answer; NULL: it did, and
 * status and peers are its answers. Returns whether no finding is an error.
 */
bool doctor_diagnose(const char *error, const struct jr *status, const struct jr *peers,
		     const struct doctor_facts *facts, struct jb_at root);
