/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what adopt-flannel needs: weft's side from weftd, flannel's from the kernel and CNI's
 * files.
 */
#pragma once

#include "ctl/adopt.h"

struct err;
struct nl;

/*
 * Queries weftd for the network. network NULL: the only one. ERR_STATE if weftd is not running, or
 * has no lease yet. run_dir must outlive *weft_out.
 */
int adopt_read_weft(const char *run_dir, const char *network, struct adopt_weft *weft_out,
		    struct err *err);

/*
 * Adds what flannel has at present to a node that is empty or was read from the journal: a bridge
 * with an address in this node's subnet, vxlan devices, containers, the list. Returns 0, or -1;
 * ERR_STATE if flannel's devices do not match weft's lease, flanneld is running, or CNI's directory
 * has no list of flannel or weft, two of flannel, or another program's file under the name of
 * weft's. A journal that is done is not any more if a device of flannel exists.
 */
int adopt_read_node(struct nl *nl, const struct adopt_weft *weft, struct adopt_node *node,
		    struct err *err);

/*
 * Waits, for up to 10 seconds, until no ADD of weft's plugin, of flannel's, or of those that it
 * calls is running on this machine.
 */
void adopt_wait_plugin_calls(void);

/* Whether the device is the tunnel of the journal: another device can have its name. */
bool adopt_is_tunnel(const struct adopt_tunnel *tunnel, const struct link *link);

/*
 * Checks the file that is to replace flannel's list. *of_weftd_out: weftd --install-cni wrote it.
 * Returns 0; -1 with ERR_STATE if neither weftd nor this command did.
 */
int adopt_check_list(const struct adopt_weft *weft, const struct adopt_node *node,
		     bool *of_weftd_out, struct err *err);

/*
 * Fails with ERR_STATE if a record of an attachment that is not in node exists, of any network:
 * --undo removes all devices of weft. Returns 0 or -1.
 */
int adopt_check_undo(const struct adopt_weft *weft, const struct adopt_node *node, struct err *err);

/* Reads the present state of the node. */
int adopt_read_have(struct nl *nl, const struct adopt_weft *weft, const struct adopt_node *node,
		    struct adopt_have *have_out, struct err *err);
