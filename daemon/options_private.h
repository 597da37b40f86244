/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the options, shared by options.c (where values come from) and
 * options_flags.c (which flags there are, and what each may hold). Nobody else includes it.
 */
#pragma once

#include "options.h"

#include <stddef.h>

/* The meaning of a switch: it may stand alone, which is true, as flannel's do. */
#define OPTIONS_SWITCH "true|false"

struct options_flag {
	const char *name;
	const char *meaning; /* of its value; NULL: it takes none */
	const char *fallback;
	int (*set)(struct options *options, const char *value, struct err *err);
	const char *help;
	enum options_action action; /* what it asks for instead of running */
	bool names_file;            /* its value is the file that the others may come from */
};

/* In the order of --help; the last one has no name. */
extern const struct options_flag options_flags[];

/* A copy that lives as long as the options; NULL: out of memory. */
char *options_keep(struct options *options, const char *text);
