/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What doctor.c (weftd's answers) and doctor_node.c (this node's facts) share. For nobody else.
 */
#pragma once

#include "doctor.h"

#define DOCTOR_TEXT_MAX 4096
#define DOCTOR_LISTED 8 /* peers, or containers, that are named one by one */

struct doctor {
	const struct doctor_facts *facts;
	struct jb_at findings;
	const char *network; /* of the findings to come */
	bool wrong;
};

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_WRONG };

/* A finding. remedy: what to do; not shown where the state is ok. */
void doctor_find(struct doctor *doctor, const char *check, enum doctor_state state,
		 const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

const char *doctor_text(const struct jr *at, const char *key);
uint32_t doctor_number(const struct jr *at, const char *key);
/* "5 min"; for text that lives until the second next call. */
const char *doctor_since(const struct doctor *doctor, const struct jr *at, const char *key);

/* The checks of doctor_node.c. network NULL: weftd does not tell of it, or does not answer. */
void doctor_check_node(struct doctor *doctor);
bool doctor_has_family(const struct doctor_network *network, enum family family);
/* Of iptables-legacy, where weftd does not see it. Answers whether there is nothing to say. */
bool doctor_check_legacy(struct doctor *doctor, enum family family);
void doctor_check_devices(struct doctor *doctor, const struct doctor_network *facts,
			  const struct jr *network);
void doctor_check_containers(struct doctor *doctor, const struct doctor_network *facts);
void doctor_check_pool(struct doctor *doctor, const struct doctor_network *facts);
