/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/other_chains.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netfilter/chain_verdict.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"
#include "daemon/firewall/ingress_table.h"
#include "daemon/firewall/packet_watch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define FILTER "filter" /* iptables' table */
#define DOCKER_USER "DOCKER-USER"
#define DPORT_OFFSET 2 /* of the UDP header */

static const struct {
	uint8_t family; /* NFPROTO_* */
	const char *name;
} families[] = {
	{ NFPROTO_IPV4, "ip" },       { NFPROTO_IPV6, "ip6" },      { NFPROTO_INET, "inet" },
	{ NFPROTO_BRIDGE, "bridge" }, { NFPROTO_NETDEV, "netdev" },
};

static const char *family_name(uint8_t family)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (families[i].family == family)
			return families[i].name;
	return NULL;
}

void other_chains_free(struct other_chains *chains)
{
	firewall_findings_free(&chains->findings);
	firewall_base_chains_free(&chains->base);
}

/* ---- Chains ------------------------------------------------------------------------------ */

/* A device by which peers are reached. */
struct path {
	uint32_t index;
	char name[IF_NAMESIZE];
};

/* The result of a walk over all chains. */
struct found {
	struct path paths[FIREWALL_DEVICES_MAX];
	size_t path_len;
	struct firewall_base_chains base;
	bool docker[FAMILIES]; /* there is a DOCKER-USER */
};

/* The table of iptables-nft and ip6tables-nft. */
static bool is_iptables(uint8_t family, const char *table)
{
	return (family == NFPROTO_IPV4 || family == NFPROTO_IPV6) && !strcmp(table, FILTER);
}

static void add_path(struct found *found, uint32_t index)
{
	struct path *path = &found->paths[found->path_len];

	for (size_t i = 0; i < found->path_len; i++)
		if (found->paths[i].index == index)
			return;
	if (!index || found->path_len == ARRAY_LEN(found->paths) ||
	    !if_indextoname(index, path->name))
		return;
	path->index = index;
	found->path_len++;
}

/* Returns whether peers are reached by one of the chain's devices. */
static bool find_devices(const struct found *found, const struct nft_chain *chain,
			 struct firewall_base_chain *base)
{
	size_t len = 0;

	for (size_t i = 0; i < found->path_len; i++)
		if (chain->devices && nft_devices_has(chain->devices, found->paths[i].name))
			base->device[len++] = found->paths[i].index;
	return len > 0;
}

static bool is_weft(uint8_t family, const char *table)
{
	return (family == FIREWALL_FAMILY && !strcmp(table, FIREWALL_TABLE)) ||
	       (family == INGRESS_FAMILY && !strcmp(table, FIREWALL_TABLE)) ||
	       !strcmp(table, PACKET_WATCH_TABLE);
}

static int on_chain(void *ctx, const struct nft_chain *chain, struct err *err)
{
	struct firewall_base_chain base = {
		.family = chain->family,
		.drops = chain->policy == NF_DROP,
	};
	struct found *found = ctx;

	if (is_iptables(chain->family, chain->table) && !strcmp(chain->name, DOCKER_USER))
		found->docker[chain->family == NFPROTO_IPV6] = true;
	/* The other hooks of a bridge do not see packets that arrive through other devices. */
	if (!chain->type || !family_name(chain->family) || strcmp(chain->type, "filter") != 0 ||
	    !chain_hook_of(chain->family, chain->hook, &base.hook) ||
	    (base.hook != CHAIN_FORWARD && chain->family == NFPROTO_BRIDGE) ||
	    is_weft(chain->family, chain->table) ||
	    (chain_hook_is_of_device(base.hook) && !find_devices(found, chain, &base)))
		return 0;
	/* Further chains, and chains with longer names, are ignored. */
	if (found->base.len == FIREWALL_CHAINS_MAX || strlen(chain->table) >= sizeof(base.table) ||
	    strlen(chain->name) >= sizeof(base.chain))
		return 0;
	snprintf(base.table, sizeof(base.table), "%s", chain->table);
	snprintf(base.chain, sizeof(base.chain), "%s", chain->name);
	return firewall_base_chains_push(&found->base, &base) ?
		       0 :
		       err_nomem(err, "other programs' chains");
}

static void restart_chains(void *ctx)
{
	struct found *found = ctx;

	firewall_base_chains_clear(&found->base);
	memset(found->docker, 0, sizeof(found->docker));
}

/* ---- One chain's rules ------------------------------------------------------------------- */

#define ACCEPTS_MAX 64 /* of weft in one chain */
#define JUMPS_MAX 32   /* further ones are ignored */

/* The rules of a chain, compared with the accepts that should be in it. */
struct content {
	const struct nft_expr *want;
	size_t want_len;
	uint64_t have[ACCEPTS_MAX]; /* handles of weft's rules */
	size_t have_len, matching;
	/* The handle of the first rule that drops all packets, itself or by a chain; else 0. */
	uint64_t drops;
	/* The first rules that all packets jump by, while there is none that drops. */
	struct jump {
		uint64_t handle;
		char chain[64];
	} jumps[JUMPS_MAX];
	size_t jump_len;
	size_t foreign;   /* rules besides weft's */
	bool first_drops; /* the first of them drops all packets */
};

static void add_jump(struct content *content, uint64_t handle, const char *chain)
{
	struct jump *jump = &content->jumps[content->jump_len];

	if (content->jump_len == JUMPS_MAX || strlen(chain) >= sizeof(jump->chain))
		return;
	jump->handle = handle;
	snprintf(jump->chain, sizeof(jump->chain), "%s", chain);
	content->jump_len++;
}

static int on_rule(void *ctx, const struct nft_rule *rule, struct err *err)
{
	struct content *content = ctx;
	struct nft_effect effect = nft_expr_effect(rule->expr);

	(void)err;
	if (!rule->comment || strcmp(rule->comment, FIREWALL_COMMENT) ||
	    content->have_len == ACCEPTS_MAX) {
		content->first_drops |= !content->foreign++ && effect.unconditional && effect.drops;
		if (!content->drops && effect.unconditional && effect.drops)
			content->drops = rule->handle;
		else if (!content->drops && effect.unconditional && effect.chain)
			add_jump(content, rule->handle, effect.chain);
		return 0;
	}
	if (content->have_len < content->want_len &&
	    nft_expr_same(&content->want[content->have_len], rule->expr))
		content->matching++;
	content->have[content->have_len++] = rule->handle;
	return 0;
}

static void restart_rules(void *ctx)
{
	struct content *content = ctx;

	content->have_len = content->matching = content->jump_len = content->foreign = 0;
	content->drops = 0;
	content->first_drops = false;
}

static int read_rules(struct nl *nl, uint8_t family, const char *table, const char *chain,
		      struct content *content, struct err *err)
{
	const struct nft_walk walk = { .ctx = content, .rule = on_rule, .restart = restart_rules };

	return nft_each_rule(nl, family, table, chain, &walk, err);
}

/*
 * As read_rules; a rule by which all packets jump to a chain that drops all, such as
 * ufw-reject-input, drops too. A chain with other rules before its drop is left to them.
 */
static int read_iptables(struct nl *nl, uint8_t family, const char *chain, struct content *content,
			 struct err *err)
{
	if (read_rules(nl, family, FILTER, chain, content, err) < 0)
		return -1;
	for (size_t i = 0; i < content->jump_len; i++) {
		struct content target = { .want_len = 0 };

		if (read_rules(nl, family, FILTER, content->jumps[i].chain, &target, err) < 0)
			return -1;
		if (!target.first_drops)
			continue;
		content->drops = content->jumps[i].handle;
		break;
	}
	return 0;
}

/*
 * Replaces weft's accepts. They go before the rule, or the policy, that drops by default: packets
 * that other rules drop, such as those of an isolating plugin, stay dropped.
 */
static int set_rules(struct nl *nl, uint8_t family, const char *table, const char *chain,
		     const struct content *content, uint32_t generation, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	if (content->have_len == content->want_len && content->matching == content->want_len)
		return 0;
	if (nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, generation, &transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < content->have_len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_del(family, table, chain, content->have[i]), 0,
				       err) < 0)
			return -1;
	for (size_t i = 0; i < content->want_len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_add(family, table, chain, &content->want[i],
						    FIREWALL_COMMENT, content->drops),
				       0, err) < 0)
			return -1;
	if (nl_transaction_commit(transaction, "accept in another program's chain", &tag, err) < 0)
		return err_wrap(err, "%s %s %s", family_name(family), table, chain);
	if (content->want_len)
		log_info("accepts installed in another program's chain that drops", "table", table,
			 "chain", chain, "family", family_name(family));
	return 0;
}

/* ---- Accepts ----------------------------------------------------------------------------- */

VEC_DEFINE(accepts, struct nft_expr);

/* In the form of iptables-nft's -i and -o, so that iptables-nft can list them. */
static bool add_accepts(struct accepts *accepts, const char *bridge)
{
	static const uint32_t keys[] = { NFT_META_IIFNAME, NFT_META_OIFNAME };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct nft_expr expr = { .size = 0 };

		nft_expr_meta(&expr, keys[i]);
		nft_expr_compare(&expr, NFT_CMP_EQ, bridge, strlen(bridge) + 1);
		nft_expr_verdict(&expr, NF_ACCEPT, NULL);
		if (!accepts_push(accepts, &expr))
			return false;
	}
	return true;
}

/* In the form of iptables-nft's -p udp --dport. */
static bool add_tunnel_accept(struct accepts *accepts, uint16_t port)
{
	const uint16_t be = htons(port);
	const uint8_t udp = IPPROTO_UDP;
	struct nft_expr expr = { .size = 0 };

	nft_expr_meta(&expr, NFT_META_L4PROTO);
	nft_expr_compare(&expr, NFT_CMP_EQ, &udp, sizeof(udp));
	nft_expr_payload(&expr, NFT_PAYLOAD_TRANSPORT_HEADER, DPORT_OFFSET, sizeof(be));
	nft_expr_compare(&expr, NFT_CMP_EQ, &be, sizeof(be));
	nft_expr_verdict(&expr, NF_ACCEPT, NULL);
	return accepts_push(accepts, &expr);
}

struct scan {
	struct nl *nl;
	const struct firewall_options *options;
	const struct firewall_network *networks;
	size_t len;
	struct firewall_findings findings;
};

static int build_accepts(const struct scan *scan, enum family f, struct accepts *accepts,
			 struct err *err)
{
	for (size_t i = 0; i < scan->len && scan->options->forward; i++)
		if (prefix_is_set(&scan->networks[i].cluster[f]) &&
		    accepts->len + 2 <= ACCEPTS_MAX &&
		    !add_accepts(accepts, scan->networks[i].bridge))
			return err_nomem(err, "packet rules");
	return 0;
}

/* Whether an earlier network has the same port. */
static bool has_port(const struct scan *scan, size_t len, enum family f, uint16_t port)
{
	for (size_t i = 0; i < len; i++)
		if (scan->networks[i].outer[f] && scan->networks[i].port == port)
			return true;
	return false;
}

static int build_tunnel_accepts(const struct scan *scan, enum family f, struct accepts *accepts,
				struct err *err)
{
	/* Without the guard, an accept would admit every source. */
	if (!scan->options->guard || scan->options->unsupported & 1U << FIREWALL_GUARD)
		return 0;
	for (size_t i = 0; i < scan->len && scan->options->forward; i++)
		if (scan->networks[i].outer[f] && !has_port(scan, i, f, scan->networks[i].port) &&
		    accepts->len < ACCEPTS_MAX &&
		    !add_tunnel_accept(accepts, scan->networks[i].port))
			return err_nomem(err, "packet rules");
	return 0;
}

static int add_finding(struct scan *scan, enum chain_hook hook, bool accepted, uint16_t port,
		       const char *where, struct err *err)
{
	struct firewall_finding finding = { .hook = hook, .accepted = accepted, .port = port };

	snprintf(finding.where, sizeof(finding.where), "%s", where);
	/* Both families of a chain of family inet. */
	for (size_t i = 0; i < scan->findings.len; i++) {
		const struct firewall_finding *at = &scan->findings.at[i];

		if (at->accepted == accepted && at->port == port && !strcmp(at->where, where))
			return 0;
	}
	if (!firewall_findings_push(&scan->findings, &finding))
		return err_nomem(err, "packet rules");
	return 0;
}

/* A chain of iptables, and what weft has in it if it drops. */
struct accepting {
	struct nl *nl;
	uint8_t family;
	const char *chain;
	const struct accepts *accepts;
	bool drops; /* by its policy; and, afterwards, by a rule */
	bool jumps; /* set: a rule jumps for all packets to a chain that may drop them */
};

/* An nft_change_fn: accepts are placed and removed by the handles of rules. */
static int change_accepts(void *ctx, uint32_t generation, struct err *err)
{
	struct accepting *accepting = ctx;
	struct content content = { .want = accepting->accepts->at,
				   .want_len = accepting->accepts->len };
	bool drops;

	if (read_iptables(accepting->nl, accepting->family, accepting->chain, &content, err) < 0)
		return -1;
	drops = accepting->drops || content.drops;
	if (!drops)
		content.want_len = 0;
	if (set_rules(accepting->nl, accepting->family, FILTER, accepting->chain, &content,
		      generation, err) < 0)
		return -1;
	accepting->drops = drops;
	accepting->jumps = content.jump_len > 0;
	return 0;
}

/*
 * Puts the accepts into a chain that drops, or removes them. drops: its policy is to drop. jumps:
 * set to true if other chains decide too.
 */
static int set_accepts(struct scan *scan, uint8_t family, const char *chain,
		       const struct accepts *accepts, bool *drops, bool *jumps, struct err *err)
{
	struct accepting accepting = { scan->nl, family, chain, accepts, *drops, false };

	if (nft_change(scan->nl, change_accepts, &accepting, err) < 0)
		return -1;
	*drops = accepting.drops;
	*jumps = *jumps || accepting.jumps;
	return 0;
}

static int scan_iptables(struct scan *scan, uint8_t family, const char *chain, bool drops,
			 bool *jumps, struct err *err)
{
	AUTO(accepts) struct accepts accepts = { .len = 0 };
	char where[FIREWALL_WHERE_SIZE];

	if (build_accepts(scan, family == NFPROTO_IPV6 ? FAMILY_V6 : FAMILY_V4, &accepts, err) <
		    0 ||
	    set_accepts(scan, family, chain, &accepts, &drops, jumps, err) < 0)
		return -1;
	snprintf(where, sizeof(where), "%s " FILTER " %s", family_name(family), chain);
	return drops ? add_finding(scan, CHAIN_FORWARD, accepts.len, 0, where, err) : 0;
}

/* FORWARD, and docker's DOCKER-USER, which FORWARD jumps to. */
static int scan_forward(struct scan *scan, struct firewall_base_chain *forward, bool docker,
			struct err *err)
{
	bool *jumps = &forward->reads.chains;

	if (scan_iptables(scan, forward->family, forward->chain, forward->drops, jumps, err) < 0)
		return -1;
	return docker ? scan_iptables(scan, forward->family, DOCKER_USER, false, jumps, err) : 0;
}

/* Not changed by weft. A rule with the comment "weft" marks that it accepts containers' packets. */
static int scan_other(struct scan *scan, const struct firewall_base_chain *base, struct err *err)
{
	struct content content = { .want_len = 0 };
	char where[FIREWALL_WHERE_SIZE];

	if (read_rules(scan->nl, base->family, base->table, base->chain, &content, err) < 0)
		return -1;
	snprintf(where, sizeof(where), "%s %s %s", family_name(base->family), base->table,
		 base->chain);
	return base->drops || content.drops ?
		       add_finding(scan, CHAIN_FORWARD, content.have_len, 0, where, err) :
		       0;
}

/* A chain of the family sees packets of f. */
static bool sees(const struct firewall_base_chain *base, enum family f)
{
	return base->family == NFPROTO_INET || base->family == NFPROTO_NETDEV ||
	       base->family == (f == FAMILY_V6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
}

/*
 * Whether the chain drops the tunnel packets of this family that are sent to this node, or by it.
 * accepted: it would without weft's accepts.
 */
static int scan_tunnel(struct scan *scan, struct firewall_base_chain *base,
		       const struct tunnel_packet *packet, bool accepted, struct err *err)
{
	char where[FIREWALL_WHERE_SIZE];
	struct chain_reads reads = { .chains = false };
	bool drops;

	if (chain_verdict(scan->nl, base->family, base->table, base->chain, base->drops, packet,
			  &drops, &reads, err) < 0)
		return -1;
	base->reads.chains |= reads.chains;
	base->reads.sets |= reads.sets && drops;
	snprintf(where, sizeof(where), "%s %s %s", family_name(base->family), base->table,
		 base->chain);
	return drops || accepted ? add_finding(scan, base->hook, !drops, packet->port, where, err) :
				   0;
}

static bool has_path(const struct firewall_network *network, uint32_t index)
{
	for (size_t i = 0; i < FIREWALL_PATHS; i++)
		if (network->path[i] == index)
			return true;
	return false;
}

/* Whether the chain evaluates tunnel packets of the network that pass by this device. */
static bool passes(const struct firewall_base_chain *base, const struct firewall_network *network,
		   const struct tunnel_packet *packet)
{
	return network->outer[packet->family] && network->port == packet->port &&
	       (base->device[0] ? has_path(network, packet->uplink) :
				  network->uplink == packet->uplink);
}

/* The chain's verdict about the i-th network's packets by one device, unless an earlier has it. */
static int scan_device(struct scan *scan, struct firewall_base_chain *base, size_t i,
		       const struct tunnel_packet *packet, bool accepted, struct err *err)
{
	if (!passes(base, &scan->networks[i], packet))
		return 0;
	for (size_t k = 0; k < i; k++)
		if (passes(base, &scan->networks[k], packet))
			return 0;
	return scan_tunnel(scan, base, packet, accepted, err);
}

static int scan_network(struct scan *scan, struct firewall_base_chain *base, size_t i,
			enum family f, bool accepted, struct err *err)
{
	struct tunnel_packet packet = {
		.family = f,
		.port = scan->networks[i].port,
		.uplink = scan->networks[i].uplink,
		.leaves = base->hook == CHAIN_OUTPUT || base->hook == CHAIN_POSTROUTING ||
			  base->hook == CHAIN_EGRESS,
		.is_early = base->hook == CHAIN_INGRESS,
	};

	if (!chain_hook_is_of_device(base->hook))
		return scan_device(scan, base, i, &packet, accepted, err);
	for (size_t k = 0; k < FIREWALL_DEVICES_MAX && base->device[k]; k++) {
		packet.uplink = base->device[k];
		if (scan_device(scan, base, i, &packet, accepted, err) < 0)
			return -1;
	}
	return 0;
}

/* In iptables' INPUT, accepts come first; what then still drops is reported. */
static int scan_tunnels(struct scan *scan, struct firewall_base_chain *base, struct err *err)
{
	AUTO(accepts) struct accepts accepts = { .len = 0 };
	enum family family = base->family == NFPROTO_IPV6 ? FAMILY_V6 : FAMILY_V4;
	bool iptables = base->hook == CHAIN_INPUT && is_iptables(base->family, base->table) &&
			!strcmp(base->chain, "INPUT");
	bool drops = base->drops;

	if (iptables && (build_tunnel_accepts(scan, family, &accepts, err) < 0 ||
			 set_accepts(scan, base->family, base->chain, &accepts, &drops,
				     &base->reads.chains, err) < 0))
		return -1;
	for (size_t i = 0; i < scan->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (sees(base, f) &&
			    scan_network(scan, base, i, f, drops && accepts.len, err) < 0)
				return -1;
	return 0;
}

static int scan_chains(struct scan *scan, struct found *found, struct err *err)
{
	for (size_t i = 0; i < found->base.len; i++) {
		struct firewall_base_chain *base = &found->base.at[i];
		bool iptables = is_iptables(base->family, base->table) &&
				!strcmp(base->chain, "FORWARD");

		if (base->hook != CHAIN_FORWARD ? scan_tunnels(scan, base, err) < 0 :
		    iptables ? scan_forward(scan, base, found->docker[base->family == NFPROTO_IPV6],
					    err) < 0 :
			       scan_other(scan, base, err) < 0)
			return -1;
	}
	return 0;
}

static void log_findings(const struct firewall_findings *before,
			 const struct firewall_findings *after)
{
	for (size_t i = 0; i < after->len; i++) {
		const struct firewall_finding *finding = &after->at[i];
		bool reported = false;

		for (size_t k = 0; k < before->len && !reported; k++)
			reported = !strcmp(before->at[k].where, finding->where) &&
				   before->at[k].port == finding->port &&
				   before->at[k].accepted == finding->accepted;
		if (!reported && !finding->accepted && finding->port)
			log_warn("another program's chain drops tunnel packets", "chain",
				 finding->where, "hook", chain_hook_name[finding->hook], "port",
				 LOG_NUM(finding->port));
		else if (!reported && !finding->accepted)
			log_warn("another program's chain drops forwarded packets unless a rule "
				 "in it accepts them",
				 "chain", finding->where);
	}
}

int other_chains_scan(struct other_chains *chains, struct nl *nl,
		      const struct firewall_options *options,
		      const struct firewall_network *networks, size_t len, struct err *err)
{
	struct scan scan = { nl, options, networks, len, { .len = 0 } };
	struct found found = { .base.len = 0 };
	const struct nft_walk walk = { .ctx = &found,
				       .chain = on_chain,
				       .restart = restart_chains };

	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < FIREWALL_PATHS; k++)
			add_path(&found, networks[i].path[k]);
	if (nft_each_chain(nl, NFPROTO_UNSPEC, &walk, err) < 0 ||
	    scan_chains(&scan, &found, err) < 0) {
		firewall_base_chains_free(&found.base);
		firewall_findings_free(&scan.findings);
		return -1;
	}
	log_findings(&chains->findings, &scan.findings);
	other_chains_free(chains);
	chains->findings = scan.findings;
	chains->base = found.base;
	return 0;
}

bool other_chains_affected_by(const struct other_chains *chains, const struct nft_event *event)
{
	bool elements;

	/* Of weft, over another socket, and without a verdict. */
	if (!strcmp(event->table, PACKET_WATCH_TABLE))
		return false;
	switch (event->message) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
		return true;
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		break;
	default:
		return false;
	}
	elements = event->message == NFT_MSG_NEWSETELEM || event->message == NFT_MSG_DELSETELEM;
	if (is_iptables(event->family, event->table) && !strcmp(event->chain, DOCKER_USER))
		return true;
	for (size_t i = 0; i < chains->base.len; i++) {
		const struct firewall_base_chain *base = &chains->base.at[i];

		if (base->family == event->family && !strcmp(base->table, event->table) &&
		    (elements ? base->reads.sets :
				base->reads.chains || !strcmp(base->chain, event->chain)))
			return true;
	}
	return false;
}
