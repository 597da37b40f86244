/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps from flannel to weft, and back, that remain in the present state. A step can be
 * repeated after it was interrupted. Pure.
 */
#pragma once

#include "ctl/adopt.h"

enum adopt_kind {
	/* From flannel to weft. */
	ADOPT_LINK,      /* join the two bridges */
	ADOPT_MOVE,      /* a container of the journal: record, then port */
	ADOPT_MOVE_PORT, /* a port of an unknown container */
	ADOPT_ALIAS,     /* flannel's MACs are answered by weft's bridge */
	ADOPT_GATEWAY,   /* the gateway's addresses */
	ADOPT_TUNNEL,    /* delete flannel's vxlan devices; weftd creates its own */
	ADOPT_READY,     /* wait for weftd */
	ADOPT_CONFLIST,  /* replace flannel's list */
	ADOPT_RULES,     /* remove flannel's packet rules */
	ADOPT_FILES,     /* remove the files of flannel and host-local for the containers */
	ADOPT_BRIDGE,    /* delete the link and flannel's bridge */
	ADOPT_DONE,
	/* Back. */
	ADOPT_UNDO_BRIDGE,
	ADOPT_UNDO_RESERVE, /* host-local's reservations, and the files of flannel's plugin */
	ADOPT_UNDO_LINK,
	ADOPT_UNDO_MOVE,
	ADOPT_UNDO_PORT,
	ADOPT_UNDO_ALIAS,
	ADOPT_UNDO_GATEWAY,
	ADOPT_UNDO_TUNNEL, /* delete weft's devices and rules, create flannel's devices */
	ADOPT_UNDO_CONFLIST,
	ADOPT_UNDO_RECORDS, /* remove weft's */
	ADOPT_UNDO_JOURNAL,
};

struct adopt_step {
	enum adopt_kind kind;
	size_t at; /* of MOVE: in node->containers; of MOVE_PORT: in have->ports */
};
VEC_DEFINE(adopt_steps, struct adopt_step);

/*
 * Appends the remaining steps; none: complete. Returns 0, or -1 with ERR_NOMEM, or with ERR_STATE
 * if a port of flannel's bridge is not a veth.
 */
int adopt_plan(const struct adopt_node *node, const struct adopt_weft *weft,
	       const struct adopt_have *have, struct adopt_steps *steps, struct err *err);

/*
 * The same for the way back. ERR_STATE if a port of weft's bridge belongs to a container that is
 * not in the node's list, although weft attached it, or is not a veth.
 */
int adopt_plan_undo(const struct adopt_node *node, const struct adopt_weft *weft,
		    const struct adopt_have *have, struct adopt_steps *steps, struct err *err);

/*
 * Whether a step may be carried out only by a plan that is made after the steps before it: nothing
 * that containers of flannel need is removed before its list is replaced and its bridge has no
 * port.
 */
bool adopt_needs_plan(const struct adopt_step *step, const struct adopt_have *have);

/* Returns whether a port is in flannel's bridge. */
bool adopt_has_old_port(const struct adopt_have *have);

/* Returns the port of a container in that bridge, or NULL. */
const struct adopt_port *adopt_find_port(const struct adopt_have *have,
					 const struct adopt_weft *weft,
					 const struct adopt_container *container, bool in_new);

#define ADOPT_TEXT_SIZE 512

/* Writes what the step does, in one line. Returns buf. */
const char *adopt_step_text(const struct adopt_step *step, const struct adopt_node *node,
			    const struct adopt_weft *weft, const struct adopt_have *have,
			    char buf[static ADOPT_TEXT_SIZE]);
