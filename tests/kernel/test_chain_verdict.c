/* SPDX-License-Identifier: Apache-2.0 */
/* Rule sets of nft, and whether they let a tunnel packet pass that arrives or leaves by up0. */
#include "common/netfilter/chain_verdict.h"

#include "common/array.h"
#include "tests/unit/kernel.h"

#include <linux/netfilter.h>
#include <net/if.h>

#define TAIL "reject with icmpx admin-prohibited; "

static const struct {
	const char *rules;
	bool drops;
	bool accepts_v6; /* although it drops the IPv4 packet */
} cases[] = {
	{ "", true, false },
	{ "accept; ", false, false },
	{ "udp dport 8472 accept; ", false, false },
	{ "udp dport 8473 accept; ", true, false },
	{ "tcp dport 8472 accept; ", true, false },
	{ "udp sport 8472 accept; ", false, false }, /* not known */
	{ "udp dport 8000-9000 accept; ", false, false },
	{ "udp dport 1-8471 accept; ", true, false },
	{ "udp dport != 8472 accept; ", true, false },
	{ "udp dport >= 8472 accept; ", false, false },
	{ "udp dport < 8472 accept; ", true, false },
	{ "udp dport { 53, 8472 } accept; ", false, false },
	{ "udp dport { 53, 123 } accept; ", true, false },
	{ "udp dport { 53, 8000-9000 } accept; ", false, false },
	{ "udp dport { 53, 8000-8400, 8473-9000 } accept; ", true, false },
	{ "udp dport { 1-8471, 8472-9000 } accept; ", false, false },
	{ "udp dport != { 53, 8472 } accept; ", true, false },
	{ "udp dport vmap { 22 : accept, 8472 : accept }; ", false, false },
	{ "udp dport vmap { 22 : accept, 53 : accept }; ", true, false },
	{ "udp dport vmap { 22 : accept, 8472 : drop }; accept; ", true, false },
	{ "udp dport vmap { 22 : accept, 8472 : jump allow }; ", false, false },
	{ "udp dport vmap { 22 : accept, 8472 : jump nothing }; ", true, false },
	{ "udp dport vmap { 8472 : goto nothing }; accept; ", true, false }, /* goto nothing */
	{ "udp dport vmap { 1-8000 : accept, 8001-9000 : jump deny }; accept; ", true, false },
	{ "udp dport vmap { 22 : accept, * : drop }; accept; ", true, false },
	{ "iifname vmap { \"lo\" : accept, \"up0\" : jump zone }; ", false, false },
	{ "iifname vmap { \"lo\" : accept, \"up0\" : jump nothing }; ", true, false },
	{ "meta protocol vmap { ip : jump nothing, ip6 : jump allow }; ", true, true },
	{ "meta mark vmap { 7 : drop, 8 : accept }; ", false, false }, /* not known */
	{ "udp dport @ports accept; ", false, false },
	{ "udp dport @others accept; ", true, false },
	{ "meta l4proto { icmp, ipv6-icmp } accept; ", true, false },
	{ "meta l4proto { udp, tcp } accept; ", false, false },
	{ "th dport 8472 accept; ", false, false },
	{ "iifname up0 accept; ", false, false },
	{ "iifname \"up*\" accept; ", false, false },
	{ "iifname lo accept; ", true, false },
	{ "iifname != lo accept; ", false, false },
	{ "iif lo accept; ", true, false },
	{ "iif up0 accept; ", false, false },
	{ "iifname { lo, docker0 } accept; ", true, false },
	{ "ip saddr 192.168.0.0/24 accept; ", false, false }, /* not known */
	{ "ip saddr 192.168.0.0/24 tcp dport 22 accept; ", true, false },
	{ "ct state established,related accept; ", true, false },
	{ "ct state { established, related } accept; ", true, false },
	{ "ct state vmap { established : accept, related : accept, invalid : drop }; ", true,
	  false },
	{ "ct state untracked accept; ", false, false },
	{ "ct state new udp dport 8472 accept; ", true,
	  false }, /* weft does not track peers' packets */
	{ "ct status dnat accept; ", true, false },
	{ "ct state invalid drop; udp dport 8472 accept; ", false, false },
	{ "udp dport 8472 drop; accept; ", true, false },
	{ "udp dport 8472 ip saddr 10.0.0.1 drop; accept; ", false, false },
	{ "limit rate 1/second accept; ", false, false },
	{ "log; counter; ", true, false },
	{ "jump allow; ", false, false },
	{ "goto allow; ", false, false },
	{ "tcp dport 22 jump allow; ", true, false },
	{ "jump deny; accept; ", true, false },
	{ "ip saddr 10.0.0.1 jump deny; accept; ", false, false },
	{ "jump nothing; accept; ", false, false },
	{ "goto nothing; accept; ", true, false }, /* to the policy */
	{ "jump zones; ", false, false },
	{ "meta nfproto ipv6 accept; ", true, true },
	{ "ip6 saddr fe80::/10 accept; ", true, true },
	{ "ip protocol udp udp dport 8472 accept; ", false, false },
	{ "return; accept; ", true, false },
};

static void load(const char *rules, const char *policy)
{
	FILE *nft = popen("nft -f -", "w");

	assert_non_null(nft);
	fprintf(nft,
		"table inet t\ndelete table inet t\n"
		"table inet t {\n"
		"set ports { type inet_service; elements = { 22, 8472 }; }\n"
		"set others { type inet_service; flags interval; elements = { 22, 9000-9100 }; }\n"
		"chain nothing { tcp dport 22 accept; }\n"
		"chain allow { udp dport 8472 accept; }\n"
		"chain deny { udp dport 8472 drop; }\n"
		"chain zones { iifname \"lo\" goto nothing; iifname \"up0\" goto zone; goto nothing; }\n"
		"chain zone { tcp dport 22 accept; jump allow; }\n"
		"chain c { type filter hook input priority 10; policy %s; %s }\n}\n",
		policy, rules);
	if (pclose(nft))
		fail_msg("nft refuses: %s", rules);
}

static bool drops(struct nl *nl, enum family family, bool policy)
{
	struct tunnel_packet packet = { .family = family, .port = 8472 };
	struct err err = ERR_INIT;
	struct chain_reads reads = { .chains = false };
	bool dropped = false;

	packet.uplink = if_nametoindex("up0");
	assert_done(chain_verdict(nl, NFPROTO_INET, "t", "c", policy, &packet, &dropped, &reads,
				  &err),
		    err);
	return dropped;
}

static void rules_are_evaluated_for_a_tunnel_packet(void **state)
{
	struct nl *link = kernel_with_uplink(), *nl;
	struct err err = ERR_INIT;

	(void)state;
	assert_done(nl_open_netfilter(&nl, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool v6 = cases[i].drops && !cases[i].accepts_v6;
		char rules[512];

		load(cases[i].rules, "drop");
		if (drops(nl, FAMILY_V4, true) != cases[i].drops)
			fail_msg("policy drop: %s", cases[i].rules);
		if (strstr(cases[i].rules, "goto nothing") || strstr(cases[i].rules, "return"))
			continue;
		/* A rule for all packets at the end has the effect of a policy. */
		snprintf(rules, sizeof(rules), "%s%s", cases[i].rules, TAIL);
		load(rules, "accept");
		if (drops(nl, FAMILY_V4, false) != cases[i].drops)
			fail_msg("reject at the end: %s", cases[i].rules);
		if (!strncmp(cases[i].rules, "ip ", 3))
			continue;
		if (drops(nl, FAMILY_V6, false) != v6)
			fail_msg("IPv6: %s", cases[i].rules);
	}
	nl_free(nl);
	nl_free(link);
}

/* At the hooks of the device, with policy drop. */
static const struct {
	const char *family, *hook, *rules;
	bool drops;
} device_cases[] = {
	{ "netdev", "ingress", "", true },
	{ "netdev", "ingress", "udp dport 8472 accept;", false },
	{ "netdev", "ingress", "udp dport 8473 accept;", true },
	{ "netdev", "ingress", "udp dport { 53, 8472 } accept;", false },
	{ "netdev", "ingress", "udp dport vmap { 53 : accept, 8472 : jump nothing };", true },
	{ "netdev", "ingress", "udp dport 8472 drop; accept;", true },
	{ "netdev", "ingress", "meta protocol arp accept; meta l4proto tcp accept;", true },
	{ "netdev", "ingress", "meta protocol ip accept;", false },
	{ "netdev", "ingress", "ip6 saddr fe80::/10 accept;", true },
	{ "netdev", "ingress", "ip saddr 192.168.0.0/24 accept;", false }, /* not known */
	{ "netdev", "ingress", "ether saddr 2:0:0:0:0:1 accept;", false }, /* not known */
	{ "netdev", "ingress", "iifname up0 accept;", false },
	{ "netdev", "ingress", "iifname lo accept;", true },
	{ "netdev", "ingress", "jump allow;", false },
	{ "netdev", "egress", "", true },
	{ "netdev", "egress", "udp dport 8472 accept;", false },
	{ "netdev", "egress", "oifname up0 accept;", false },
	{ "netdev", "egress", "oifname lo accept;", true },
	{ "inet", "ingress", "", true },
	{ "inet", "ingress", "udp dport 8472 accept;", false },
	{ "inet", "ingress", "meta nfproto ipv4 accept;", false },
	{ "inet", "ingress", "meta nfproto ipv6 accept;", true },
	/* Before connection tracking; before or after weft's exemption. */
	{ "inet", "ingress", "ct state established,related accept;", true },
	{ "inet", "ingress", "ct state new accept;", true },
	{ "inet", "ingress", "ct status dnat accept;", true },
	{ "inet", "ingress", "ct state untracked accept;", false },
	{ "inet", "ingress", "ct state invalid accept;", false },
	{ "inet", "ingress", "ct state invalid drop; accept;", false },
	{ "inet", "ingress", "ct state invalid,untracked drop; accept;", true },
};

static void load_at_device(const char *family, const char *hook, const char *rules)
{
	FILE *nft = popen("nft -f -", "w");

	assert_non_null(nft);
	fprintf(nft,
		"flush ruleset\n"
		"table %s t {\n"
		"chain nothing { tcp dport 22 accept; }\n"
		"chain allow { udp dport 8472 accept; }\n"
		"chain c { type filter hook %s device up0 priority 10; policy drop; %s }\n}\n",
		family, hook, rules);
	if (pclose(nft))
		fail_msg("nft refuses at %s of %s: %s", hook, family, rules);
}

static void rules_at_the_hooks_of_a_device_are_evaluated(void **state)
{
	struct nl *link = kernel_with_uplink(), *nl;
	struct err err = ERR_INIT;

	(void)state;
	assert_done(nl_open_netfilter(&nl, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(device_cases); i++) {
		const char *family = device_cases[i].family, *hook = device_cases[i].hook;
		const struct tunnel_packet packet = {
			.family = FAMILY_V4,
			.port = 8472,
			.uplink = if_nametoindex("up0"),
			.leaves = !strcmp(hook, "egress"),
			.is_early = !strcmp(hook, "ingress"),
		};
		struct chain_reads reads = { .chains = false };
		bool dropped = false;

		load_at_device(family, hook, device_cases[i].rules);
		assert_done(chain_verdict(nl,
					  strcmp(family, "inet") ? NFPROTO_NETDEV : NFPROTO_INET,
					  "t", "c", true, &packet, &dropped, &reads, &err),
			    err);
		if (dropped != device_cases[i].drops)
			fail_msg("%s of %s: %s", hook, family, device_cases[i].rules);
	}
	nl_free(nl);
	nl_free(link);
}

static void hooks_are_named_by_family_and_number(void **state)
{
	enum chain_hook hook;

	(void)state;
	assert_true(chain_hook_of(NFPROTO_IPV4, NF_INET_LOCAL_IN, &hook));
	assert_int_equal(hook, CHAIN_INPUT);
	assert_false(chain_hook_of(NFPROTO_IPV4, NF_INET_INGRESS, &hook));
	assert_true(chain_hook_of(NFPROTO_INET, NF_INET_INGRESS, &hook));
	assert_int_equal(hook, CHAIN_INGRESS);
	assert_false(chain_hook_of(NFPROTO_BRIDGE, NF_INET_INGRESS, &hook)); /* brouting */
	assert_true(chain_hook_of(NFPROTO_NETDEV, NF_NETDEV_INGRESS, &hook));
	assert_int_equal(hook, CHAIN_INGRESS);
	assert_true(chain_hook_of(NFPROTO_NETDEV, NF_NETDEV_EGRESS, &hook));
	assert_int_equal(hook, CHAIN_EGRESS);
	assert_string_equal(chain_hook_name[hook], "egress");
	assert_false(chain_hook_of(NFPROTO_NETDEV, NF_NETDEV_EGRESS + 1, &hook));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_evaluated_for_a_tunnel_packet),
		cmocka_unit_test(rules_at_the_hooks_of_a_device_are_evaluated),
		cmocka_unit_test(hooks_are_named_by_family_and_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
