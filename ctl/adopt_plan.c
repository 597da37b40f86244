/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_plan.h"

#include "common/err.h"
#include "ipam/veth.h"

#include <stdio.h>
#include <string.h>

static bool add(struct adopt_steps *steps, enum adopt_kind kind, size_t at)
{
	return adopt_steps_push(steps, &(struct adopt_step){ kind, at });
}

static struct veth veth_name(const struct adopt_weft *weft, const struct adopt_container *container)
{
	const struct attachment_key key = { weft->network, container->id, container->ifname };

	return veth_of(&key);
}

const struct adopt_port *adopt_find_port(const struct adopt_have *have,
					 const struct adopt_weft *weft,
					 const struct adopt_container *container, bool in_new)
{
	const struct veth veth = veth_name(weft, container);
	const char *name = in_new ? veth.name : container->veth;

	for (size_t i = 0; i < have->ports.len; i++)
		if (have->ports.at[i].in_new == in_new && !strcmp(have->ports.at[i].name, name))
			return &have->ports.at[i];
	return NULL;
}

static bool is_known(const struct adopt_node *node, const struct adopt_weft *weft,
		     const struct adopt_have *have, const struct adopt_port *port)
{
	for (size_t i = 0; i < node->containers.len; i++)
		if (adopt_find_port(have, weft, &node->containers.at[i], port->in_new) == port)
			return true;
	return false;
}

/* The moves of containers and of other ports to the new bridge, or back. */
static bool add_moves(const struct adopt_node *node, const struct adopt_weft *weft,
		      const struct adopt_have *have, bool undo, struct adopt_steps *steps)
{
	for (size_t i = 0; i < node->containers.len; i++)
		if (adopt_find_port(have, weft, &node->containers.at[i], undo) &&
		    !add(steps, undo ? ADOPT_UNDO_MOVE : ADOPT_MOVE, i))
			return false;
	for (size_t i = 0; i < have->ports.len; i++)
		if (have->ports.at[i].in_new == undo &&
		    !is_known(node, weft, have, &have->ports.at[i]) &&
		    !add(steps, undo ? ADOPT_UNDO_PORT : ADOPT_MOVE_PORT, i))
			return false;
	return true;
}

bool adopt_has_old_port(const struct adopt_have *have)
{
	for (size_t i = 0; i < have->ports.len; i++)
		if (!have->ports.at[i].in_new)
			return true;
	return false;
}

bool adopt_needs_plan(const struct adopt_step *step, const struct adopt_have *have)
{
	return (step->kind == ADOPT_RULES || step->kind == ADOPT_FILES ||
		step->kind == ADOPT_BRIDGE || step->kind == ADOPT_DONE) &&
	       (have->conflist || adopt_has_old_port(have));
}

/* A virtual machine's or another program's port cannot be one of weft's. */
static int check_ports(const struct adopt_have *have, bool in_new, const char *bridge,
		       struct err *err)
{
	for (size_t i = 0; i < have->ports.len; i++)
		if (have->ports.at[i].in_new == in_new && !have->ports.at[i].is_veth)
			return err_set(err, ERR_STATE,
				       "%s, a port of %s, is not a veth: remove it first",
				       have->ports.at[i].name, bridge);
	return 0;
}

int adopt_plan(const struct adopt_node *node, const struct adopt_weft *weft,
	       const struct adopt_have *have, struct adopt_steps *steps, struct err *err)
{
	const bool bridge = have->old_bridge != 0;
	const bool gateway = have->gateway_old[FAMILY_V4] || have->gateway_old[FAMILY_V6];
	const bool tunnel = have->tunnel[FAMILY_V4] || have->tunnel[FAMILY_V6];
	bool fits = true;

	if (check_ports(have, false, node->bridge, err) < 0)
		return -1;
	if (bridge && !have->link)
		fits &= add(steps, ADOPT_LINK, 0);
	if (bridge)
		fits &= add_moves(node, weft, have, false, steps);
	if (gateway || tunnel)
		fits &= add(steps, ADOPT_ALIAS, 0);
	if (gateway)
		fits &= add(steps, ADOPT_GATEWAY, 0);
	if (tunnel)
		fits &= add(steps, ADOPT_TUNNEL, 0);
	if (tunnel || (!weft->ready && !node->done))
		fits &= add(steps, ADOPT_READY, 0);
	if (have->conflist)
		fits &= add(steps, ADOPT_CONFLIST, 0);
	if (!node->done || bridge)
		fits &= add(steps, ADOPT_RULES, 0) && add(steps, ADOPT_FILES, 0);
	if (bridge)
		fits &= add(steps, ADOPT_BRIDGE, 0);
	if (!node->done)
		fits &= add(steps, ADOPT_DONE, 0);
	return fits ? 0 : err_nomem(err, "the steps");
}

int adopt_plan_undo(const struct adopt_node *node, const struct adopt_weft *weft,
		    const struct adopt_have *have, struct adopt_steps *steps, struct err *err)
{
	const bool bridge = node->bridge[0] != '\0';
	bool fits = true;

	if (check_ports(have, true, weft->bridge, err) < 0)
		return -1;
	for (size_t i = 0; i < have->ports.len; i++)
		if (have->ports.at[i].in_new && have->ports.at[i].of_weft &&
		    !is_known(node, weft, have, &have->ports.at[i]))
			return err_set(
				err, ERR_STATE,
				"%s belongs to a container that weft attached: remove it first",
				have->ports.at[i].name);
	if (bridge && !have->old_bridge)
		fits &= add(steps, ADOPT_UNDO_BRIDGE, 0);
	/*
	 * Before the first change of an existing device: another program can have reserved an
	 * address.
	 */
	fits &= add(steps, ADOPT_UNDO_RESERVE, 0);
	if (bridge && have->new_bridge) {
		if (!have->link)
			fits &= add(steps, ADOPT_UNDO_LINK, 0);
		fits &= add_moves(node, weft, have, true, steps);
	}
	if (bridge &&
	    ((prefix_is_set(&node->gateway[FAMILY_V4]) && !have->gateway_old[FAMILY_V4]) ||
	     (prefix_is_set(&node->gateway[FAMILY_V6]) && !have->gateway_old[FAMILY_V6])))
		fits &= add(steps, ADOPT_UNDO_GATEWAY, 0);
	/* The tables of weft are removed with the tunnel. */
	fits &= add(steps, ADOPT_UNDO_TUNNEL, 0) && add(steps, ADOPT_UNDO_ALIAS, 0);
	if (node->conflist[0])
		fits &= add(steps, ADOPT_UNDO_CONFLIST, 0);
	/* Last, so that an interrupted run finds the containers that have reservations. */
	fits &= add(steps, ADOPT_UNDO_RECORDS, 0) && add(steps, ADOPT_UNDO_JOURNAL, 0);
	return fits ? 0 : err_nomem(err, "the steps");
}

/* ---- Text -------------------------------------------------------------------------------- */

static void move_text(const struct adopt_node *node, size_t at, const char *from, const char *to,
		      char buf[static ADOPT_TEXT_SIZE])
{
	const struct adopt_container *container = &node->containers.at[at];
	char addr[IPADDR_TEXT_SIZE] = "no address";

	if (container->addr_len)
		ipaddr_text(&container->addr[0], addr);
	snprintf(buf, ADOPT_TEXT_SIZE, "move container %.64s (%s) from %s to %s", container->id,
		 addr, from, to);
}

static const char *devices(const struct adopt_node *node, char buf[static 2 * IF_NAMESIZE + 5])
{
	const char *first = node->tunnel[FAMILY_V4].name, *second = node->tunnel[FAMILY_V6].name;

	snprintf(buf, 2 * IF_NAMESIZE + 5, "%s%s%s", first, *first && *second ? " and " : "",
		 second);
	return buf;
}

static void files_text(enum adopt_kind kind, const struct adopt_node *node,
		       char buf[static ADOPT_TEXT_SIZE])
{
	if (kind == ADOPT_CONFLIST)
		snprintf(buf, ADOPT_TEXT_SIZE, "replace %.256s/%s by weft's list", node->conf_dir,
			 node->conflist);
	else if (kind == ADOPT_UNDO_CONFLIST)
		snprintf(buf, ADOPT_TEXT_SIZE, "restore %.256s/%s", node->conf_dir, node->conflist);
	else if (kind == ADOPT_FILES)
		snprintf(buf, ADOPT_TEXT_SIZE,
			 "remove the files of flannel and host-local for %zu containers",
			 node->containers.len);
	else if (kind == ADOPT_UNDO_RESERVE)
		snprintf(buf, ADOPT_TEXT_SIZE,
			 "restore the files of flannel and host-local for %zu containers",
			 node->containers.len);
	else
		snprintf(buf, ADOPT_TEXT_SIZE, "remove weft's records of %zu containers",
			 node->containers.len);
}

const char *adopt_step_text(const struct adopt_step *step, const struct adopt_node *node,
			    const struct adopt_weft *weft, const struct adopt_have *have,
			    char buf[static ADOPT_TEXT_SIZE])
{
	const char *old = node->bridge, *new = weft->bridge;
	char tunnels[2 * IF_NAMESIZE + 5];

	devices(node, tunnels);
	switch (step->kind) {
	case ADOPT_LINK:
	case ADOPT_UNDO_LINK:
		snprintf(buf, ADOPT_TEXT_SIZE, "join the bridges %s and %s by a veth pair", old,
			 new);
		break;
	case ADOPT_MOVE:
		move_text(node, step->at, old, new, buf);
		break;
	case ADOPT_UNDO_MOVE:
		move_text(node, step->at, new, old, buf);
		break;
	case ADOPT_MOVE_PORT:
	case ADOPT_UNDO_PORT:
		snprintf(buf, ADOPT_TEXT_SIZE,
			 "move %s, of an unknown container, to %s; its address is not recorded",
			 have->ports.at[step->at].name, step->kind == ADOPT_MOVE_PORT ? new : old);
		break;
	case ADOPT_ALIAS:
		snprintf(buf, ADOPT_TEXT_SIZE, "accept frames to flannel's MACs on %s", new);
		break;
	case ADOPT_UNDO_ALIAS:
		snprintf(buf, ADOPT_TEXT_SIZE, "accept frames to weft's MAC on %s", old);
		break;
	case ADOPT_GATEWAY:
		snprintf(buf, ADOPT_TEXT_SIZE, "move the gateway's addresses from %s to %s", old,
			 new);
		break;
	case ADOPT_UNDO_GATEWAY:
		snprintf(buf, ADOPT_TEXT_SIZE, "move the gateway's addresses from %s to %s", new,
			 old);
		break;
	case ADOPT_TUNNEL:
		snprintf(buf, ADOPT_TEXT_SIZE, "replace %s by weft's vxlan device", tunnels);
		break;
	case ADOPT_UNDO_TUNNEL:
		snprintf(buf, ADOPT_TEXT_SIZE, "remove weft's devices and packet rules, create %s",
			 tunnels);
		break;
	case ADOPT_READY:
		snprintf(buf, ADOPT_TEXT_SIZE, "wait until weftd has written all entries");
		break;
	case ADOPT_RULES:
		snprintf(buf, ADOPT_TEXT_SIZE, "remove flannel's packet rules");
		break;
	case ADOPT_CONFLIST:
	case ADOPT_UNDO_CONFLIST:
	case ADOPT_FILES:
	case ADOPT_UNDO_RESERVE:
	case ADOPT_UNDO_RECORDS:
		files_text(step->kind, node, buf);
		break;
	case ADOPT_BRIDGE:
		snprintf(buf, ADOPT_TEXT_SIZE, "delete %s and the veth pair", old);
		break;
	case ADOPT_UNDO_BRIDGE:
		snprintf(buf, ADOPT_TEXT_SIZE, "create the bridge %s", old);
		break;
	case ADOPT_DONE:
		snprintf(buf, ADOPT_TEXT_SIZE, "record that the node has been taken over");
		break;
	case ADOPT_UNDO_JOURNAL:
		snprintf(buf, ADOPT_TEXT_SIZE, "delete the journal");
		break;
	}
	return buf;
}
