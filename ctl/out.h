/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an answer is shown: two const tables of the same shape, for people and for
 * programs. Called by the commands; a member that is not as control.h draws it
 * becomes a fault of the reader, and what was written by then is thrown away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct jr;

struct out_to {
	FILE *file;
	bool colour;    /* out_json never colours */
	uint64_t now_s; /* since the epoch, for "3 min ago" */
};

typedef void out_fn(const struct out_to *to, const struct jr *at);

struct out {
	out_fn *status;
	out_fn *peers;
	out_fn *doctor; /* of the findings (doctor.h) */
	out_fn *leases, *reserved, *released, *removed;
	void (*version)(const struct out_to *to, const char *version);
};

/* Tables with heads, human times, every foreign character made harmless (term.h). */
extern const struct out out_text;

/*
 * The member of weftd's answer as control.h draws it, indented, with members that
 * this weftctl does not know. Control characters are escaped, DEL and C1 also.
 */
extern const struct out out_json;

/* out_text's doctor, in a file of its own. */
out_fn out_doctor_text;
