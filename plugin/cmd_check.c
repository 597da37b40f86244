/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netns.h"
#include "common/nl.h"
#include "common/state.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/env.h"
#include "plugin/inspect.h"
#include "plugin/netconf.h"
#include "plugin/prev.h"

static bool has_address(const struct prev *prev, const struct ipaddr *addr)
{
	for (size_t i = 0; i < prev->addresses.len; i++) {
		if (ipaddr_equal(&prev->addresses.at[i].addr, addr))
			return true;
	}
	return false;
}

/* The record: that it is there, for this namespace, and that its addresses are held by it. */
static int check_record(const struct attachment_lock *lock, const struct netns_id *netns_id,
			const struct prev *prev, struct err *err)
{
	struct attachment record;
	char text[IPADDR_TEXT_SIZE];
	int found = attachment_read(lock, &record, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_CHECK, "the record %s of the attachment is empty",
			       lock->name);
	if (!netns_same(&record.netns_id, netns_id))
		return err_set(err, ERR_CHECK,
			       "the attachment is recorded for another network namespace, %s",
			       ERR_SHOW(record.netns));
	for (size_t i = 0; i < record.address_len; i++) {
		/* What another plugin has given is for that plugin to look at. */
		int holds = *record.ipam ? 1 : pool_holds(lock, &record.addresses[i], err);

		if (holds < 0)
			return -1;
		if (!holds || !has_address(prev, &record.addresses[i]))
			return err_set(err, ERR_CHECK, "address %s is recorded, but not %s",
				       ipaddr_text(&record.addresses[i], text),
				       holds ? "in prevResult" : "held");
	}
	return 0;
}

static int check_host(const struct netconf *netconf, const struct attachment_key *key,
		      struct err *err)
{
	const struct veth veth = veth_of(key);
	AUTO(nl) struct nl *host = NULL;
	struct state_network network;
	int found = state_read_network(netconf->run_dir, netconf->network, &network, err);

	if (found < 0 || nl_open(&host, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_CHECK, "network \"%s\" is not published in %s/networks",
			       netconf->network, netconf->run_dir);
	return inspect_host(host, &veth, &network, err);
}

static int open_socket(void *ctx, struct err *err)
{
	return nl_open(ctx, err);
}

static int check_container(const struct env *env, int netns, const struct prev *prev,
			   struct err *err)
{
	AUTO(nl) struct nl *container = NULL;
	AUTO_CLOSE int home = -1;

	if (netns_open_self(&home, err) < 0 ||
	    netns_run(netns, home, open_socket, &container, err) < 0)
		return -1;
	return inspect_container(container, env->ifname, prev, err);
}

int cmd_check(const struct env *env, const struct netconf *netconf, char **answer_out,
	      struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO_PREV struct prev prev = { .mac = { { 0 } } };
	AUTO_CLOSE int netns = -1;
	struct netns_id netns_id;
	int known;

	(void)answer_out;
	if (!netconf->prev_result)
		return err_set(err, ERR_CONFIG, "required prevResult missing");
	if (prev_parse(netconf->prev_result, env->ifname, env->netns, &prev, err) < 0 ||
	    netns_open(env->netns, &netns, err) <= 0 || netns_identify(netns, &netns_id, err) < 0)
		return -1;
	known = attachment_lock_known(netconf->run_dir, &key, &lock, err);
	if (known < 0)
		return -1;
	if (!known)
		return err_set(err, ERR_CHECK, "there is no record of the attachment");
	if (check_record(&lock, &netns_id, &prev, err) < 0 || check_host(netconf, &key, err) < 0)
		return -1;
	if (check_container(env, netns, &prev, err) < 0)
		return -1;
	return assign_forward(env, netconf, "CHECK", err);
}
