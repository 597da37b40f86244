/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/client.h"
#include "ctl/inventory.h"
#include "ctl/trace.h"
#include "ctl/trace_probe.h"
#include "ctl/trace_read.h"
#include "ctl/trace_store.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"

#include <stdio.h>

#define QUERY_MS 2000

/* weftd's leases that contain the address: the list of all would be megabytes. */
static int query_peer(const struct cmd *cmd, const struct trace_facts *facts,
		      struct json **answer_out, struct err *err)
{
	char request[CONTROL_REQUEST_MAX], address[IPADDR_TEXT_SIZE];

	snprintf(request, sizeof(request),
		 "{\"version\":%d,\"command\":\"peers\",\"network\":\"%s\",\"address\":\"%s\"}",
		 CONTROL_VERSION, facts->network->name, ipaddr_text(&facts->to, address));
	return client_send(cmd->run_dir, request, QUERY_MS, answer_out, err);
}

/* weftd's answer, or, without weftd, the snapshot of the leases. */
static int read_store(const struct cmd *cmd, struct trace_facts *facts, struct err *err)
{
	AUTO(json) struct json *answer = NULL;
	struct err why = ERR_INIT;
	struct jr root, peers;
	int found;

	if (!facts->inside || facts->local)
		return 0;
	if (query_peer(cmd, facts, &answer, &why) == 0) {
		root = jr_root(answer);
		peers = jr_arr(&root, "peers");
		trace_store_peers(&peers, facts->network->name, &facts->to, &facts->peer);
		facts->store = TRACE_WEFTD;
		return jr_done(answer, ERR_DECODE, err);
	}
	snprintf(facts->store_error, sizeof(facts->store_error), "%s", why.text);
	found = trace_store_snapshot(cmd->state_dir, facts->network->name, &facts->to, &facts->peer,
				     &why);
	if (found > 0)
		facts->store = TRACE_SNAPSHOT;
	else if (found < 0)
		snprintf(facts->store_error, sizeof(facts->store_error), "%s", why.text);
	return 0;
}

static int read_request(const struct cmd *cmd, const struct ipaddr *to,
			const struct inventory *inventory, struct trace_request *request,
			struct err *err)
{
	*request = (struct trace_request){ .inventory = inventory };
	request->to = *to;
	if (!cmd->from)
		return 0;
	request->from = inventory_find(inventory, cmd->from, err);
	return request->from ? 0 : -1;
}

int cmd_trace(const struct cmd *cmd, struct err *err)
{
	AUTO(inventory) struct inventory inventory = { .networks = { 0 } };
	AUTO(jb) struct jb *jb = jb_new();
	struct trace_request request;
	struct trace_facts facts;
	struct trace_loss loss;
	struct ipaddr to;
	bool delivered;

	if (ipaddr_parse(cmd->argument[0], &to, err) < 0) {
		err_wrap(err, "ADDRESS");
		return CMD_USAGE;
	}
	if (!jb)
		return err_nomem(err, "the trace");
	if (inventory_read(cmd->run_dir, cmd->network, &inventory, err) < 0 ||
	    read_request(cmd, &to, &inventory, &request, err) < 0 ||
	    trace_read_request(&request, &facts, err) < 0)
		return -1;
	if (!facts.network && !request.from)
		return err_set(err, ERR_CONFIG,
			       "%s is in no network of this node, and --from is not given",
			       cmd->argument[0]);
	if (facts.network && facts.network->l2)
		return err_set(err, ERR_CONFIG,
			       "network \"%s\" is an L2 network, which trace does not support",
			       facts.network->name);
	if (read_store(cmd, &facts, err) < 0 || trace_read_kernel(&request, &facts, err) < 0)
		return -1;
	delivered = trace_evaluate(&facts, jb_root(jb), &loss);
	if (cmd->probe)
		delivered &= trace_probe(&facts, cmd->run_dir, jb_root(jb), err);
	if (err->code || cmd_show_built(cmd, jb, NULL, cmd->out->trace, err) < 0)
		return -1;
	return delivered ? 0 : 1;
}
