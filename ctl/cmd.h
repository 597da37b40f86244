/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of weftctl and what they share. Called by main.c. */
#pragma once

#include "ctl/cmdline.h"
#include "ctl/out.h"

#include <stdbool.h>

struct err;
struct jb;
struct jr;

struct cmd {
	const char *run_dir;
	const char *network;      /* NULL: all */
	const char *from;         /* of trace: a container; NULL: this host */
	const char *state_dir;    /* of weftd */
	const char *count;        /* of events; NULL: the default */
	const char *svg;          /* of map: the file of the picture; NULL: none */
	const char *family;       /* of map: "ipv4" or "ipv6"; NULL: all */
	const char *cni_conf_dir; /* of adopt-flannel; NULL: not given */
	bool force, flannel, dry_run, undo, probe, watch, follow;
	const char *argument[CMDLINE_ARGUMENTS]; /* of the command; NULL: absent */
	const struct out *out;
	struct out_to to;
};

#define CMD_USAGE 2 /* exit status: the command line is wrong */

/* Runs a command. Returns its exit status (0, 1 or CMD_USAGE), or -1 with err set. */
typedef int cmd_fn(const struct cmd *cmd, struct err *err);

/* Shows weftd and every network; 1 unless all are ready and the packet rules are installed. */
cmd_fn cmd_status;
/* Lists the other nodes. */
cmd_fn cmd_peers;
/* Checks this node, also without weftd; 1 if a check has the state error. */
cmd_fn cmd_doctor;

/*
 * Lists the attachments of this node; the addresses of its subnets, 1 if an address leaked. Both
 * read the runtime state directory and need no weftd.
 */
cmd_fn cmd_pods, cmd_ipam;
/* Shows what the nodes measured to each other, or saved measurements, as a matrix or a picture. */
cmd_fn cmd_map;
/* Follows a packet to an address through the kernel's tables; 1 if it would be lost. */
cmd_fn cmd_trace;

/* Lists, and with follow waits for, what happened on this node. Needs no weftd. */
cmd_fn cmd_events;
/* Checks a network configuration in a file; 1 if weftd would reject it. */
cmd_fn cmd_config;

/* Lists every lease in the store with its state on this node. */
cmd_fn cmd_leases;
/* Removes this node from its networks; removes what weft left without weftd. */
cmd_fn cmd_leave, cmd_cleanup;
/* Takes this node over from flannel, or gives it back. */
cmd_fn cmd_adopt_flannel;
/* Reserves a subnet for a node; deletes a lease key. */
cmd_fn cmd_reserve, cmd_release;

/* Prints the completion script of a shell, the version, the help. */
cmd_fn cmd_completion, cmd_version, cmd_help;

/* A command that weftd carries out. Unset members are not sent. */
struct cmd_command {
	const char *name, *node, *subnet;
	bool force;
	out_fn *show; /* prints the answer's member with the command's name */
};
int cmd_command(const struct cmd *cmd, const struct cmd_command *command, struct err *err);

/*
 * Prints a part of weftd's answer: all of it, or nothing and -1 if it does not match control.h.
 * main.c checks for write errors.
 */
int cmd_show(const struct cmd *cmd, out_fn *show, const struct jr *at, struct err *err);

/* Prints the member of a document that a command has built; key NULL: the whole document. */
int cmd_show_built(const struct cmd *cmd, struct jb *jb, const char *key, out_fn *show,
		   struct err *err);
