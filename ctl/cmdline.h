/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftctl's command line, parsed into a struct by the table of command_table.h. Pure. main.c
 * checks whether the command exists.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

#define CMDLINE_ARGUMENTS 1024 /* map: files of that many nodes */

struct cmdline {
	const char *command;                     /* --version and --help: "version", "help" */
	const char *argument[CMDLINE_ARGUMENTS]; /* of the command; NULL: absent */
	const char *run_dir;
	const char *network; /* NULL: all networks */
	const char *from;    /* NULL: not given */
	const char *state_dir;
	const char *count;        /* NULL: not given */
	const char *svg;          /* NULL: not given */
	const char *family;       /* NULL: not given */
	const char *cni_conf_dir; /* NULL: not given */
	bool all, probe, explain, watch, follow;
	bool json, force, flannel, dry_run, undo, help, version;
	uint32_t given; /* bit i: command_options[i] was given */
};

/*
 * Parses a NULL-terminated argv with getopt_long_only(3): options are accepted before or after the
 * command, with one dash or two, and cannot be abbreviated. The result points into argv. Returns
 * 0, or -1 with ERR_CONFIG. Not reentrant.
 */
int cmdline_parse(int argc, char *const argv[], struct cmdline *cmdline_out, struct err *err);
