/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "common/spoof/spoof.h"
#include "common/state.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/env.h"
#include "plugin/inspect.h"
#include "plugin/netconf.h"
#include "plugin/prev_result.h"

static bool has_address(const struct prev_result *prev, const struct ipaddr *addr)
{
	for (size_t i = 0; i < prev->addresses.len; i++) {
		if (ipaddr_equal(&prev->addresses.at[i].addr, addr))
			return true;
	}
	return false;
}

/* What ADD set on the port: recorded, or, in a record of weft 0.1.0, as configured. */
static struct attachment_port port_of(const struct attachment *record,
				      const struct netconf *netconf, const struct prev_result *prev)
{
	if (record->port.known)
		return record->port;
	return (struct attachment_port){
		.known = true,
		.mac = prev->mac,
		.hairpin = netconf->hairpin,
		.isolated = netconf->isolated,
		.locked = netconf->spoof_check,
	};
}

/* The record: present, of this namespace, and holding its addresses in the pool. */
static int check_record(const struct attachment_lock *lock, const struct netns_id *netns_id,
			const struct prev_result *prev, struct attachment *record_out,
			struct err *err)
{
	struct attachment record;
	char text[IPADDR_TEXT_SIZE];
	int found = attachment_read(lock, &record, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_CHECK, "record %s of the attachment is empty", lock->name);
	if (!netns_same(&record.netns_id, netns_id))
		return err_set(err, ERR_CHECK,
			       "the attachment is recorded for another network namespace, %s",
			       ERR_SHOW(record.netns));
	for (size_t i = 0; i < record.address_len; i++) {
		/* Addresses of an IPAM plugin are checked by that plugin. */
		int holds = *record.ipam ? 1 : pool_holds(lock, &record.addresses[i], err);

		if (holds < 0)
			return -1;
		if (!holds || !has_address(prev, &record.addresses[i]))
			return err_set(err, ERR_CHECK, "address %s is recorded, but not %s",
				       ipaddr_text(&record.addresses[i], text),
				       holds ? "in prevResult" : "held");
	}
	*record_out = record;
	return 0;
}

static int check_host(const struct netconf *netconf, const struct attachment_key *key,
		      const struct attachment_port *port, struct err *err)
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
	return inspect_host(host, &veth, port, &network, err);
}

/* A record of weft 0.1.0 has no MAC, and no such rules were made. */
static int check_spoof_rules(const struct attachment *record, struct err *err)
{
	const struct spoof_port port = attachment_spoof_port(record);

	if (!record->port.known || (!port.checked && !port.isolated))
		return 0;
	return spoof_check(&port, err);
}

static int open_socket(void *ctx, struct err *err)
{
	return nl_open(ctx, err);
}

static int check_container(const struct env *env, int netns, const struct prev_result *prev,
			   struct err *err)
{
	AUTO(nl) struct nl *container = NULL;
	AUTO(close) int home = -1;

	if (netns_open_self(&home, err) < 0 ||
	    netns_run(netns, home, open_socket, &container, err) < 0)
		return -1;
	return inspect_container(container, env->ifname, prev, err);
}

int cmd_check(const struct env *env, const struct netconf *netconf, char **output_out,
	      struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO(prev_result) struct prev_result prev = { .mac = { { 0 } } };
	AUTO(close) int netns = -1;
	struct attachment record;
	struct attachment_port port;
	struct netns_id netns_id;
	int locked;

	(void)output_out;
	if (!netconf->prev_result)
		return err_set(err, ERR_CONFIG, "required prevResult missing");
	if (prev_result_parse(netconf->prev_result, env->ifname, env->netns, &prev, err) < 0 ||
	    netns_open(env->netns, &netns, err) <= 0 || netns_identify(netns, &netns_id, err) < 0)
		return -1;
	locked = attachment_lock_existing(netconf->run_dir, &key, &lock, err);
	if (locked < 0)
		return -1;
	if (!locked)
		return err_set(err, ERR_CHECK, "the attachment has no record");
	if (check_record(&lock, &netns_id, &prev, &record, err) < 0)
		return -1;
	port = port_of(&record, netconf, &prev);
	if (check_host(netconf, &key, &port, err) < 0 || check_spoof_rules(&record, err) < 0 ||
	    check_container(env, netns, &prev, err) < 0)
		return -1;
	return assign_forward(env, netconf, "CHECK", err);
}
