/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting of answers: two const tables of functions, for users and for programs. Called by the
 * commands. A member that does not match control.h is a fault of the reader, and the caller
 * discards the output.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct jr;

struct out_to {
	FILE *file;
	bool colour;    /* out_json never colours */
	bool explain;   /* trace: with the explanations */
	bool all;       /* map: whatever its size */
	unsigned width; /* of the terminal, in columns; 0: unlimited */
	uint64_t now_s; /* since the epoch, for "3 min ago" */
};

typedef void out_fn(const struct out_to *to, const struct jr *at);

struct out {
	out_fn *status;
	out_fn *peers;
	out_fn *doctor; /* the findings (doctor_finding.h) */
	out_fn *leases, *reserved, *released, *removed;
	out_fn *pods, *ipam; /* cmd_pods.c, cmd_ipam.c */
	out_fn *map;         /* map.h */
	out_fn *trace;       /* trace.h */
	out_fn *config;      /* config_findings.h */
	out_fn *events;      /* cmd_events.c */
	out_fn *event_lines; /* the same, to be followed: one line for each event */
	out_fn *adopted; /* adopt-flannel: {"dry_run":false,"steps":["text"],"warnings":["text"]} */
	void (*version)(const struct out_to *to, const char *version, const char *commit);
};

/* Tables; control characters are escaped (term.h). */
extern const struct out out_text;

/* Indented JSON with all members of the answer. Control characters, DEL and C1 are escaped. */
extern const struct out out_json;
