/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of adopt-flannel: what flannel had on this node, written before the first change. In
 * a directory of root, ADOPT_CNI_DIR/weft-adopt, and kept until --undo deletes it.
 *
 *   {"version":1,"done":false,"bridge":"cni0","bridge_mac":"..","bridge_mtu":1450,
 *    "weft_vni":1,"weft_bridge":"weft-br1","weft_mac":"..","run_dir":"/run/weft",
 *    "gateways":["10.5.7.1/24"],"tunnels":[{"name":"flannel.1","lower":"eth0","mac":"..",
 *      "mtu":1450,"vni":1,"port":8472,"local":"192.168.0.1","learning":false,"gbp":false,"udp_csum":true}],
 *    "containers":[{"id":"..","ifname":"eth0","netns":"/run/netns/..","list":"cbr0",
 *      "veth":"veth1234abcd","mac":"..","addresses":["10.5.7.2"]}],
 *    "conf_dir":"/etc/cni/net.d",
 *    "conflist":"10-flannel.conflist","conflist_text":"{..}","delegate_text":"{..}"}
 */
#pragma once

#include "ctl/adopt.h"

/* The directory, for messages and the lock. */
#define ADOPT_JOURNAL_DIR ADOPT_CNI_DIR "/weft-adopt"

/* Writes the journal's text, malloc'ed, the caller's. Returns 0, or -1 with ERR_NOMEM. */
int adopt_journal_print(const struct adopt_node *node, char **text_out, struct err *err);
/*
 * Parses it. Returns 0, or -1 with ERR_STATE: damaged, of a newer version, or with a name that
 * would be a path. *node_out is the caller's, adopt_node_free.
 */
int adopt_journal_parse(const char *text, size_t size, struct adopt_node *node_out,
			struct err *err);

/*
 * Fails with ERR_STATE if there is a journal of another network: the table `bridge weft-adopt` and
 * the devices that --undo removes are the node's. Returns 0 or -1.
 */
int adopt_journal_check_others(const char *network, struct err *err);

/*
 * Finds the network of the only journal. Returns 1; 0: there is none; -1: failed, or there are
 * several (ERR_CONFIG).
 */
int adopt_journal_find(char network_out[static STATE_NETWORK_NAME_SIZE], struct err *err);
/* Returns 1 read, 0 absent, -1 failed (ERR_STATE: damaged or of a newer version). */
int adopt_journal_read(const char *network, struct adopt_node *node_out, struct err *err);
/* Writes durably. Returns 0 or -1. */
int adopt_journal_write(const char *network, const struct adopt_node *node, struct err *err);
int adopt_journal_delete(const char *network, struct err *err);
