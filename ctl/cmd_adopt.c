/* SPDX-License-Identifier: Apache-2.0 */
/* adopt-flannel: takes this node over from flannel while its containers run, and back (adopt.h). */
#include "ctl/cmd.h"

#include "common/auto.h"
#include "common/cleanup/cleanup.h"
#include "common/control.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "common/json/json.h"
#include "common/netlink/nl.h"
#include "ctl/adopt_apply.h"
#include "ctl/adopt_facts.h"
#include "ctl/adopt_journal.h"
#include "ctl/adopt_later.h"
#include "ctl/udev_files.h"
#include "ipam/veth.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 8 /* a container that the runtime adds meanwhile needs a further one */

/* One run: the texts of its steps are collected for the output. */
struct adoption {
	const struct cmd *cmd;
	struct nl *nl;
	struct adopt_weft weft;
	struct adopt_node node;
	struct jb_at steps;
	size_t count; /* of them */
};

static int plan(struct adoption *adoption, struct adopt_have *have, struct adopt_steps *steps,
		struct err *err)
{
	if (adopt_read_have(adoption->nl, &adoption->weft, &adoption->node, have, err) < 0)
		return -1;
	return adoption->cmd->undo ?
		       adopt_plan_undo(&adoption->node, &adoption->weft, have, steps, err) :
		       adopt_plan(&adoption->node, &adoption->weft, have, steps, err);
}

/* Adds what weft has attached since to the node. Fails if a container would be lost. */
static int add_later(struct adoption *adoption, struct err *err)
{
	if (adopt_add_later(&adoption->weft, &adoption->node, err) < 0)
		return -1;
	if (adopt_check_undo(&adoption->weft, &adoption->node, err) < 0)
		return err_wrap(err, "--undo removes the devices of all networks");
	return 0;
}

/*
 * The last check before weft's devices are deleted: an ADD that had read the published network may
 * have attached a container. Returns 1 if there is one, 0, or -1.
 */
static int has_more(struct adoption *adoption, struct err *err)
{
	const size_t len = adoption->node.containers.len;

	adopt_wait_plugin_calls();
	if (add_later(adoption, err) < 0)
		return -1;
	if (adoption->node.containers.len == len)
		return 0;
	return adopt_journal_write(adoption->weft.network, &adoption->node, err) < 0 ? -1 : 1;
}

/*
 * Plans once and carries the steps out. *again_out: the rest needs a new plan. Returns the number
 * of steps, or -1.
 */
static int round_of_steps(struct adoption *adoption, bool *again_out, struct err *err)
{
	AUTO(adopt_have) struct adopt_have have = { .link = false };
	AUTO(adopt_steps) struct adopt_steps steps = { .len = 0 };
	char text[ADOPT_TEXT_SIZE];

	*again_out = false;
	if (plan(adoption, &have, &steps, err) < 0)
		return -1;
	for (size_t i = 0; i < steps.len && !*again_out; i++) {
		const struct adopt_step *step = &steps.at[i];
		int done = 0;

		if (!adoption->cmd->dry_run && adopt_needs_plan(step, &have))
			done = 1;
		else if (!adoption->cmd->dry_run && step->kind == ADOPT_UNDO_TUNNEL)
			done = has_more(adoption, err);
		if (done == 0 && !adoption->cmd->dry_run)
			done = adopt_apply(adoption->nl, step, &adoption->node, &adoption->weft,
					   &have, err);
		if (done < 0)
			return -1;
		*again_out = done > 0 ||
			     (!adoption->cmd->dry_run && step->kind == ADOPT_UNDO_BRIDGE);
		if (done > 0)
			continue;
		adoption->count++;
		jb_str(adoption->steps, NULL,
		       adopt_step_text(step, &adoption->node, &adoption->weft, &have, text));
	}
	return (int)steps.len;
}

/* Before the journal is written. */
static int check_plan(struct adoption *adoption, struct err *err)
{
	AUTO(adopt_have) struct adopt_have have = { .link = false };
	AUTO(adopt_steps) struct adopt_steps steps = { .len = 0 };

	return plan(adoption, &have, &steps, err);
}

#define DEVICES_MAX 6

static void add_device(struct systemd_device devices[static DEVICES_MAX], size_t *len,
		       const char *name, const char *kind)
{
	if (!*name || *len == DEVICES_MAX)
		return;
	snprintf(devices[*len].name, sizeof(devices[*len].name), "%s", name);
	devices[(*len)++].kind = kind;
}

/* The devices that the steps create or rename. All containers' veths have names of one form. */
static size_t collect_devices(const struct adoption *adoption,
			      struct systemd_device devices[static DEVICES_MAX])
{
	const struct adopt_node *node = &adoption->node;
	const struct adopt_weft *weft = &adoption->weft;
	const bool undo = adoption->cmd->undo;
	char name[IF_NAMESIZE];
	size_t len = 0;

	snprintf(name, sizeof(name), "weft-vx%u", weft->vni);
	add_device(devices, &len, undo ? node->bridge : weft->bridge, "bridge");
	add_device(devices, &len, undo ? node->tunnel[FAMILY_V4].name : name, "vxlan");
	if (undo)
		add_device(devices, &len, node->tunnel[FAMILY_V6].name, "vxlan");
	add_device(devices, &len, ADOPT_LINK_OLD, "veth");
	add_device(devices, &len, ADOPT_LINK_NEW, "veth");
	if (node->containers.len) {
		const struct adopt_container *first = &node->containers.at[0];
		const struct attachment_key key = { weft->network, first->id, first->ifname };

		add_device(devices, &len, undo ? first->veth : veth_of(&key).name, "veth");
	}
	return len;
}

/* udev can change the names and MACs by which the devices are found. */
static int add_warnings(const struct adoption *adoption, struct jb_at warnings, struct err *err)
{
	AUTO(systemd_findings) struct systemd_findings findings = { .len = 0 };
	struct systemd_device devices[DEVICES_MAX];
	const size_t len = collect_devices(adoption, devices);

	if (udev_files_check("", devices, len, &findings, err) < 0)
		return -1;
	for (size_t i = 0; i < findings.len; i++) {
		char verb[SYSTEMD_TEXT_SIZE], text[ADOPT_TEXT_SIZE + IF_NAMESIZE];

		snprintf(text, sizeof(text), "%s %s", systemd_finding_text(&findings.at[i], verb),
			 findings.at[i].device);
		jb_str(warnings, NULL, text);
	}
	return 0;
}

static int adopt(struct adoption *adoption, struct err *err)
{
	const struct cmd *cmd = adoption->cmd;
	bool again;

	for (size_t i = 0; i < ROUNDS_MAX; i++) {
		int done;

		if (adopt_read_weft(cmd->run_dir, cmd->network, &adoption->weft, err) < 0 ||
		    adopt_read_node(adoption->nl, &adoption->weft, &adoption->node, err) < 0)
			return -1;
		adoption->node.weft_vni = adoption->weft.vni;
		adoption->node.weft_mac = adoption->weft.mac;
		memcpy(adoption->node.weft_bridge, adoption->weft.bridge, IF_NAMESIZE);
		snprintf(adoption->node.run_dir, FS_PATH_SIZE, "%s", cmd->run_dir);
		if (check_plan(adoption, err) < 0)
			return -1;
		if (!cmd->dry_run &&
		    adopt_journal_write(adoption->weft.network, &adoption->node, err) < 0)
			return -1;
		done = round_of_steps(adoption, &again, err);
		if (done <= 0 || cmd->dry_run)
			return done < 0 ? -1 : 0;
	}
	return err_set(err, ERR_AGAIN, "containers are added all the time: run the command again");
}

/* weftd would create its devices again. Holds its lock. */
static int take_weftd_lock(const char *run_dir, int *lock_out, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	int locked = fs_open_dir(run_dir, false, &dir_fd, err);

	if (locked <= 0)
		return locked;
	locked = fs_try_lock(dir_fd, STATE_LOCK, lock_out, err);
	if (locked == 0)
		return err_set(err, ERR_STATE, "weftd is running: stop it first");
	return locked < 0 ? -1 : 0;
}

static int undo(struct adoption *adoption, struct err *err)
{
	const struct cmd *cmd = adoption->cmd;
	struct cleanup done = { .devices = 0 };
	AUTO(close) int lock = -1;
	bool again = true;

	if (!cmd->dry_run && take_weftd_lock(cmd->run_dir, &lock, err) < 0)
		return -1;
	adoption->weft.run_dir = cmd->run_dir;
	adoption->weft.vni = adoption->node.weft_vni;
	adoption->weft.mac = adoption->node.weft_mac;
	memcpy(adoption->weft.bridge, adoption->node.weft_bridge, IF_NAMESIZE);
	if (add_later(adoption, err) < 0)
		return -1;
	/*
	 * Without a published network, weft's plugin attaches no container to devices that will be
	 * deleted.
	 */
	if (!cmd->dry_run &&
	    (cleanup_remove_files(cmd->run_dir, &done, err) < 0 || add_later(adoption, err) < 0))
		return -1;
	/* The node has devices of flannel again, by its journal. */
	adoption->node.done = false;
	if (!cmd->dry_run && adopt_journal_write(adoption->weft.network, &adoption->node, err) < 0)
		return -1;
	while (again)
		if (round_of_steps(adoption, &again, err) < 0)
			return -1;
	return 0;
}

/* Locks the journal's directory, so that one run is made at a time. */
static int take_journal_lock(int *lock_out, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	int locked = fs_open_dir(ADOPT_JOURNAL_DIR, true, &dir_fd, err);

	if (locked > 0)
		locked = fs_try_lock(dir_fd, "lock", lock_out, err);
	if (locked == 0)
		return err_set(err, ERR_AGAIN, "another weftctl adopt-flannel is running");
	return locked < 0 ? -1 : 0;
}

static int show(const struct cmd *cmd, struct jb *jb, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = NULL;
	struct jr root;

	if (jb_text(jb, &text, err) < 0 || json_parse(text, strlen(text), CONTROL_ANSWER_MAX,
						      JSON_STRICT, "output", &json, err) < 0)
		return -1;
	root = jr_root(json);
	return cmd_show(cmd, cmd->out->adopted, &root, err);
}

/* Sets weft.network. */
static int choose_network(struct adoption *adoption, struct err *err)
{
	const struct cmd *cmd = adoption->cmd;
	int found;

	if (!cmd->undo)
		return adopt_read_weft(cmd->run_dir, cmd->network, &adoption->weft, err);
	if (cmd->network) {
		snprintf(adoption->weft.network, sizeof(adoption->weft.network), "%s",
			 cmd->network);
		return 0;
	}
	found = adopt_journal_find(adoption->weft.network, err);
	if (found == 0)
		return err_set(err, ERR_STATE, "no network was taken over from flannel");
	return found < 0 ? -1 : 0;
}

/* The directory of --cni-conf-dir, that of the journal, or the default. */
static int choose_conf_dir(const struct cmd *cmd, bool in_journal, struct adopt_node *node,
			   struct err *err)
{
	const char *conf_dir = cmd->cni_conf_dir;

	if (conf_dir && (conf_dir[0] != '/' || strlen(conf_dir) >= sizeof(node->conf_dir)))
		return err_set(err, ERR_CONFIG, "--cni-conf-dir: not an absolute path: '%s'",
			       ERR_SHOW(conf_dir));
	if (in_journal && conf_dir && strcmp(node->conf_dir, conf_dir) != 0)
		return err_set(err, ERR_STATE,
			       "the node was taken over with --cni-conf-dir %.128s, not %.128s",
			       node->conf_dir, conf_dir);
	if (!in_journal)
		snprintf(node->conf_dir, sizeof(node->conf_dir), "%s",
			 conf_dir ? conf_dir : ADOPT_CONF_DIR);
	return 0;
}

/* The journal of the network, if any, and whether it permits this run. */
static int read_journal(const struct adoption *adoption, struct adopt_node *node, struct err *err)
{
	const char *network = adoption->weft.network, *run_dir = adoption->cmd->run_dir;
	int found = adoption->cmd->undo ? 0 : adopt_journal_check_others(network, err);

	if (found == 0)
		found = adopt_journal_read(network, node, err);
	if (found < 0)
		return -1;
	if (!found && adoption->cmd->undo)
		return err_set(err, ERR_STATE, "network %s was not taken over from flannel",
			       network);
	if (found && strcmp(node->run_dir, run_dir) != 0)
		return err_set(err, ERR_STATE,
			       "network %s was taken over with --run-dir %.128s, not %.128s",
			       network, node->run_dir, run_dir);
	return choose_conf_dir(adoption->cmd, found > 0, node, err);
}

int cmd_adopt_flannel(const struct cmd *cmd, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(nl) struct nl *nl = NULL;
	AUTO(adopt_node) struct adopt_node node = { .done = false };
	AUTO(close) int lock = -1;
	struct adoption adoption = { .cmd = cmd };
	struct err failure = ERR_INIT;
	int result;

	if (!jb)
		return err_nomem(err, "the output");
	if ((!cmd->dry_run && take_journal_lock(&lock, err) < 0) || nl_open(&nl, err) < 0 ||
	    choose_network(&adoption, err) < 0)
		return -1;
	if (read_journal(&adoption, &node, err) < 0)
		return -1;
	jb_bool(jb_root(jb), "dry_run", cmd->dry_run);
	adoption.steps = jb_arr(jb_root(jb), "steps");
	adoption.nl = nl;
	adoption.node = node;
	result = cmd->undo ? undo(&adoption, &failure) : adopt(&adoption, &failure);
	node = adoption.node; /* its vectors may have grown */
	if (result == 0 && cmd->dry_run)
		result = add_warnings(&adoption, jb_arr(jb_root(jb), "warnings"), &failure);
	/* Without a step, a failed run would print that there was nothing to do. */
	if ((result == 0 || adoption.count) && show(cmd, jb, err) < 0)
		return -1;
	if (result < 0)
		*err = failure;
	return result;
}
