/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands, one file each, and what they share. Called by main.c alone.
 */
#pragma once

#include "out.h"

#include <stdbool.h>

struct err;
struct jr;

struct cmd {
	const char *run_dir;
	const char *network; /* that is asked about; NULL: all */
	bool force;
	const char *argument, *second; /* words after the command; NULL: none */
	const struct out *out;
	struct out_to to;
};

/* Runs a command. Answers its exit code (0 good, 1 something is wrong), or -1 with err. */
typedef int cmd_fn(const struct cmd *cmd, struct err *err);

/* weftd's own state and that of every network; 1 unless all of them are ready. */
cmd_fn cmd_status;
/* Every other node that weftd knows of. */
cmd_fn cmd_peers;
/* What is wrong on this node, and what to do; 1 where something is. Also without weftd. */
cmd_fn cmd_doctor;

/* Every lease in the store, and what this node makes of it. */
cmd_fn cmd_leases;
/* The planned end of this node; what one left that ended otherwise. */
cmd_fn cmd_leave, cmd_cleanup;
/* A subnet that is kept for a node; a key that is taken away. */
cmd_fn cmd_reserve, cmd_release;

/* What weftd is to change: its command, with those of these that are set. */
struct cmd_order {
	const char *command, *node, *subnet;
	bool force;
	out_fn *show; /* the answer's member of the command's name */
};
int cmd_order(const struct cmd *cmd, const struct cmd_order *order, struct err *err);

/*
 * Shows a place of weftd's answer: all of it, or nothing and -1 when anything in
 * it is not as control.h draws it. Whether it could be written is main's to see.
 */
int cmd_show(const struct cmd *cmd, out_fn *show, const struct jr *at, struct err *err);
