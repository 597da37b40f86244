/* SPDX-License-Identifier: Apache-2.0 */
/* When the firewall sends requests to the kernel: a real one; the requests are counted. */
/* fake: loop nl */
#include "tests/unit/firewall_scene.h"

#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_nl.h"

#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#define PERIOD_MS (300 * 1000)

/* Runs a command that changes the rules, and handles the events that follow. */
static void change(struct scene *scene, const char *command)
{
	assert_int_equal(system(command), 0);
	fake_loop_pass(scene->loop, 1000);
}

/* The number of requests in the next period. */
static size_t asked(struct scene *scene)
{
	fake_nl_reset();
	fake_loop_pass(scene->loop, PERIOD_MS);
	return fake_nl_sent();
}

static bool peer_is_there(void)
{
	return kernel_shows("nft list set inet weft peers4-1", "192.168.0.2");
}

static void rules_are_read_only_after_a_change(void **state)
{
	struct scene *scene = *state;

	assert_true(asked(scene) > 1); /* the first run */
	assert_int_equal(asked(scene), 1);
	assert_int_equal(asked(scene), 1);
	/* A change by another program causes a full check, because its event may have been lost. */
	change(scene, "nft add table ip other");
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
	change(scene, "nft flush set inet weft peers4-1");
	assert_true(peer_is_there());
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
}

/* A second family does not change weft's own table, but needs a rule in a chain that drops IPv6. */
static void a_new_family_is_checked_in_chains_of_other_programs(void **state)
{
	struct scene *scene = *state;

	change(scene, "nft 'add table ip6 filter; add chain ip6 filter FORWARD "
		      "{ type filter hook forward priority 0; policy drop; }'");
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
	deliver(scene, NULL);
	assert_int_equal(asked(scene), 1);
	assert_false(strstr(kernel_says("nft list chain ip6 filter FORWARD"), "weft-br1"));
	deliver(scene, "fd00:5::/48");
	assert_true(kernel_shows("nft list chain ip6 filter FORWARD", "weft-br1"));
}

static void a_failed_check_is_repeated(void **state)
{
	struct scene *scene = *state;
	const size_t whole = asked(scene);

	assert_true(whole > 3);
	assert_int_equal(asked(scene), 1);
	change(scene, "nft add table ip other");
	fake_nl_reset();
	fake_nl_fail(3, EIO, "no answer");
	fake_loop_pass(scene->loop, PERIOD_MS);
	assert_true(fake_nl_faulted());
	/* The retry ignored the unchanged generation, and succeeded. */
	assert_true(fake_nl_sent() > whole);
	assert_true(firewall_view(scene->rules).installed);
	assert_true(peer_is_there());
	assert_int_equal(asked(scene), 1);
}

static void without_the_ruleset_generation_all_rules_are_read(void **state)
{
	struct scene *scene = *state;

	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
	fake_nl_reset();
	fake_nl_fail(1, EIO, "no generation");
	fake_loop_pass(scene->loop, PERIOD_MS);
	assert_true(fake_nl_faulted());
	assert_true(fake_nl_sent() > 1);
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
}

/* Whether nf_tables matches a bridge by its name depends on CONFIG_NFT_BRIDGE_META. */
static void routers_are_allowed_by_bridge_or_refused_in_all_networks(void **state)
{
	struct scene *scene = *state;
	struct firewall_network open = { .name = "open", .bridge = "weft-br2", .vni = 2 };
	bool unsupported;

	open.port = 8472;
	open.rules.allow_routers = true;
	firewall_set_network(scene->rules, &open);
	firewall_network_free(&open);
	unsupported = firewall_view(scene->rules).unsupported & 1U << FIREWALL_ALLOW_ROUTERS;
	assert_true(firewall_view(scene->rules).installed);
	assert_true(kernel_shows("nft list chain bridge weft forward", "jump routers"));
	assert_true(kernel_shows("nft list chain bridge weft routers", "goto check-ip6"));
	assert_true(kernel_shows("nft list chain bridge weft router", "router_drops"));
	assert_true(kernel_shows("nft list chain bridge weft router", "weft-br2") == !unsupported);
	assert_true(kernel_shows("nft list chain inet weft forward", "jump routers"));
	assert_true(kernel_shows("nft list chain inet weft input", "iifgroup 119 goto routers"));
	assert_true(kernel_shows("nft list chain inet weft router", "weft-br2"));
}

static void the_bridges_table_is_repaired(void **state)
{
	struct scene *scene = *state;

	change(scene, "nft list table bridge weft | nft -c -f -"); /* its own listing is valid */
	change(scene, "nft delete table bridge weft");
	assert_true(kernel_shows("nft list chain bridge weft forward", "weft-v"));
	change(scene, "nft flush chain bridge weft router");
	assert_true(kernel_shows("nft list chain bridge weft router", "router_drops"));
	change(scene, "nft delete table inet weft; nft flush table bridge weft");
	assert_true(kernel_shows("nft list chain bridge weft router", "router_drops"));
	assert_true(peer_is_there());
}

static bool accepts_forwarded(void)
{
	return strstr(kernel_says("nft list chain ip filter FORWARD"), "comment \"weft\"");
}

/* As ufw does: the rule that drops is in a chain that FORWARD jumps to. */
static void a_chain_that_forward_jumps_to_is_watched(void **state)
{
	struct scene *scene = *state;

	change(scene, "nft 'add table ip filter; add chain ip filter refuse;"
		      "add chain ip filter FORWARD { type filter hook forward priority 0; };"
		      "add rule ip filter FORWARD jump refuse'");
	assert_false(accepts_forwarded());
	change(scene, "nft add rule ip filter refuse drop");
	assert_true(accepts_forwarded());
	change(scene, "nft flush chain ip filter refuse");
	assert_false(accepts_forwarded());
}

static size_t count_findings(const struct scene *scene)
{
	return firewall_view(scene->rules).other_chains->findings.len;
}

static void an_element_that_admits_the_tunnel_ends_the_finding(void **state)
{
	struct scene *scene = *state;

	change(scene, "nft 'add table inet t; add set inet t ports { type inet_service; };"
		      "add chain inet t c { type filter hook input priority 0; policy drop; };"
		      "add rule inet t c udp dport @ports accept'");
	assert_int_equal(count_findings(scene), 1);
	change(scene, "nft 'add element inet t ports { 53 }'");
	assert_int_equal(count_findings(scene), 1);
	change(scene, "nft 'add element inet t ports { 8472 }'");
	assert_int_equal(count_findings(scene), 0);
}

/* The network default, whose peers are reached by these devices. */
static void reach_by(struct scene *scene, const char *first, const char *second)
{
	struct firewall_network network = sample("192.168.0.2");

	network.path[0] = if_nametoindex(first);
	network.path[1] = second ? if_nametoindex(second) : 0;
	firewall_set_network(scene->rules, &network);
	firewall_network_free(&network);
}

/* That there is a single finding: the chain of that name at the hook. */
static void assert_found(const struct scene *scene, const char *where, enum chain_hook hook)
{
	const struct firewall_findings *findings =
		&firewall_view(scene->rules).other_chains->findings;

	assert_int_equal(findings->len, 1);
	assert_string_equal(findings->at[0].where, where);
	assert_int_equal(findings->at[0].hook, hook);
	assert_int_equal(findings->at[0].port, 8472);
	assert_false(findings->at[0].accepted);
}

#define DROPS " priority 0; policy drop; }'"

static void chains_at_the_devices_to_peers_are_found(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(system("ip link add up0 type bridge; ip link add up1 type bridge"), 0);
	reach_by(scene, "up0", NULL);
	change(scene, "nft 'add table netdev t;"
		      "add chain netdev t in { type filter hook ingress device up1" DROPS);
	assert_int_equal(count_findings(scene), 0);
	reach_by(scene, "up1", NULL);
	assert_found(scene, "netdev t in", CHAIN_INGRESS);
	reach_by(scene, "up0", "up1");
	assert_found(scene, "netdev t in", CHAIN_INGRESS);
	reach_by(scene, "up0", NULL);
	assert_int_equal(count_findings(scene), 0);

	/* One of several devices. */
	change(scene,
	       "nft 'delete chain netdev t in;"
	       "add chain netdev t in { type filter hook ingress devices = { up0, up1 }" DROPS);
	assert_found(scene, "netdev t in", CHAIN_INGRESS);
	change(scene, "nft insert rule netdev t in udp dport 8472 accept");
	assert_int_equal(count_findings(scene), 0);

	change(scene, "nft 'add set netdev t ports { type inet_service; };"
		      "add chain netdev t out { type filter hook egress device up0" DROPS);
	assert_found(scene, "netdev t out", CHAIN_EGRESS);
	change(scene, "nft add rule netdev t out udp dport @ports accept");
	assert_found(scene, "netdev t out", CHAIN_EGRESS);
	change(scene, "nft 'add element netdev t ports { 8472 }'");
	assert_int_equal(count_findings(scene), 0);

	change(scene, "nft 'add table inet t;"
		      "add chain inet t in { type filter hook ingress device up0" DROPS);
	assert_found(scene, "inet t in", CHAIN_INGRESS);
	change(scene, "nft delete table inet t");
	assert_int_equal(count_findings(scene), 0);
}

/* Networks with the same port whose peers are reached by different devices. */
static void each_network_is_evaluated_at_its_devices(void **state)
{
	struct scene *scene = *state;
	struct firewall_network green = sample("192.168.1.2");

	assert_int_equal(system("ip link add up0 type bridge; ip link add up1 type bridge"), 0);
	reach_by(scene, "up0", NULL); /* evaluated first */
	strcpy(green.name, "green");
	strcpy(green.bridge, "weft-br7");
	green.vni = 7;
	green.uplink = green.path[0] = if_nametoindex("up1");
	firewall_set_network(scene->rules, &green);
	firewall_network_free(&green);
	change(scene, "nft 'add table netdev t;"
		      "add chain netdev t in { type filter hook ingress device up1" DROPS);
	assert_found(scene, "netdev t in", CHAIN_INGRESS);
	change(scene, "nft 'delete table netdev t; add table inet t;"
		      "add chain inet t c { type filter hook input priority 0; };"
		      "add rule inet t c iifname up1 drop'");
	assert_found(scene, "inet t c", CHAIN_INPUT);
}

/* Whatever the cause: the retry does not wait for its time, 200 ms. */
static void after_a_failure_any_change_of_rules_leads_to_a_retry(void **state)
{
	struct scene *scene = *state;

	change(scene, "nft 'add table ip other; add set ip other s { type ipv4_addr; }'");
	fake_loop_pass(scene->loop, 5000);
	fake_nl_reset();
	fake_nl_fail(2, EIO, "broken"); /* the first call reads the events */
	assert_int_equal(system("nft flush set inet weft peers4-1"), 0);
	fake_loop_pass(scene->loop, 20);
	assert_true(fake_nl_faulted());
	assert_false(peer_is_there());
	fake_loop_pass(scene->loop, 100);
	assert_false(peer_is_there());
	assert_int_equal(system("nft 'add element ip other s { 192.0.2.1 }'"), 0);
	fake_loop_pass(scene->loop, 60);
	assert_true(peer_is_there());
}

static void set_last_known(struct scene *scene, const char *name, const char *peer)
{
	struct firewall_network network = sample(peer);

	snprintf(network.name, sizeof(network.name), "%s", name);
	network.vni = 7;
	firewall_set_last_known(scene->rules, &network, 1);
	firewall_network_free(&network);
}

static void the_last_known_state_holds_until_the_network_is_set(void **state)
{
	struct scene *scene = *state;
	struct firewall_network blue = sample("192.168.0.9");

	/* Not of a network that has been set. */
	set_last_known(scene, "default", "192.168.0.3");
	assert_true(peer_is_there());
	assert_false(kernel_shows("nft list table inet weft", "peers4-7"));

	set_last_known(scene, "blue", "192.168.0.3");
	assert_false(firewall_has_network(scene->rules, "blue"));
	assert_true(kernel_shows("nft list set inet weft peers4-7", "192.168.0.3"));
	set_last_known(scene, "blue", "192.168.0.4");
	assert_true(kernel_shows("nft list set inet weft peers4-7", "192.168.0.4"));

	/* The first state of a network replaces it, though it is marked as a change. */
	strcpy(blue.name, "blue");
	blue.vni = 7;
	blue.change = true;
	firewall_set_network(scene->rules, &blue);
	assert_true(firewall_has_network(scene->rules, "blue"));
	assert_true(kernel_shows("nft list set inet weft peers4-7", "{ 192.168.0.9 }"));
	firewall_set_last_known(scene->rules, NULL, 0);
	assert_true(kernel_shows("nft list set inet weft peers4-7", "{ 192.168.0.9 }"));
	assert_true(peer_is_there());
	firewall_network_free(&blue);

	set_last_known(scene, "red", "192.168.0.5");
	firewall_set_last_known(scene->rules, NULL, 0);
	assert_false(kernel_shows("nft list table inet weft", "192.168.0.5"));
}

#define INGRESS "nft list table netdev weft"

/* The network default with tunnel packets from these devices. */
static void arrive_by(struct scene *scene, const char *first, const char *second)
{
	const char *const names[] = { first, second };
	struct firewall_network network = sample("192.168.0.2");

	network.local[FAMILY_V4] = kernel_addr("192.168.0.1");
	for (size_t i = 0; i < 2 && names[i]; i++)
		snprintf(network.arrivals.name[network.arrivals.len++], IF_NAMESIZE, "%s",
			 names[i]);
	firewall_set_network(scene->rules, &network);
	firewall_network_free(&network);
}

static bool has_prerouting(void)
{
	return strstr(kernel_says("nft list table inet weft"), "hook prerouting");
}

/* Linux before 5.5 has chains of one device. */
static void tunnel_packets_are_matched_where_they_arrive(void **state)
{
	struct scene *scene = *state;
	uint64_t before;

	assert_true(has_prerouting());
	assert_int_equal(system("ip link add up0 type bridge; ip link add up1 type bridge"), 0);
	arrive_by(scene, "up0", NULL);
	assert_true(firewall_view(scene->rules).installed);
	assert_true(kernel_shows(INGRESS, "up0"));
	assert_true(kernel_shows(INGRESS, "notrack"));
	assert_false(has_prerouting());
	arrive_by(scene, "up1", "up0");
	assert_true(kernel_shows(INGRESS, "{ up0, up1 }"));
	assert_false(has_prerouting());

	/* Another program's changes are undone. */
	change(scene, "nft flush chain netdev weft tunnel-in");
	assert_true(kernel_shows(INGRESS, "notrack"));
	change(scene, "nft delete table netdev weft");
	assert_true(kernel_shows(INGRESS, "notrack"));

	/* What was installed stays as it is. */
	before = firewall_replacements(scene->rules);
	arrive_by(scene, "up1", "up0");
	assert_int_equal(firewall_replacements(scene->rules), before);

	/* Linux before 6.16 removes deleted devices without an event. */
	assert_int_equal(system("ip link del up1; ip link add up1 type bridge"), 0);
	arrive_by(scene, "up1", "up0");
	assert_true(kernel_shows(INGRESS, "{ up0, up1 }"));
}

/* Linux 6.16 and later accept names without a device. */
static void a_device_that_does_not_exist_leaves_the_chain_at_prerouting(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(system("ip link add up0 type bridge"), 0);
	arrive_by(scene, "up7", NULL);
	assert_true(firewall_view(scene->rules).installed);
	assert_int_equal(firewall_view(scene->rules).unsupported, 0);
	assert_true(has_prerouting() || kernel_shows(INGRESS, "up7"));
	/* Other devices are tried at once. */
	arrive_by(scene, "up0", NULL);
	assert_true(kernel_shows(INGRESS, "up0"));
	assert_false(has_prerouting());
	/* Without devices too, nothing is left at the hook. */
	arrive_by(scene, NULL, NULL);
	assert_true(has_prerouting());
	assert_false(strstr(kernel_says(INGRESS), "chain"));
}

/* The table stays as it is, whether the kernel supports the part or not. */
static void an_unsupported_part_is_tried_again(void **state)
{
	struct scene *scene = *state;
	struct firewall_network open = { .name = "open", .bridge = "weft-br2", .vni = 2 };
	unsigned unsupported;
	char *before;

	open.port = 8472;
	open.rules.allow_routers = true;
	firewall_set_network(scene->rules, &open);
	firewall_network_free(&open);
	unsupported = firewall_view(scene->rules).unsupported;
	assert_true(asked(scene) > 1);
	before = strdup(kernel_says("nft -a list ruleset"));
	assert_non_null(before);
	assert_true(unsupported ? asked(scene) > 1 : asked(scene) == 1);
	assert_string_equal(kernel_says("nft -a list ruleset"), before);
	assert_int_equal(firewall_view(scene->rules).unsupported, unsupported);
	assert_true(firewall_view(scene->rules).installed);
	free(before);
}

/* Another program's process owns the table, so that the kernel refuses each change. */
static FILE *seize_host_table(struct scene *scene)
{
	FILE *owner = popen("nft -i >/dev/null", "w");

	assert_non_null(owner);
	assert_true(fputs("delete table inet weft; add table inet weft { flags owner; }\n", owner) >
		    0);
	assert_int_equal(fflush(owner), 0);
	while (!kernel_shows("nft list table inet weft", "owner"))
		usleep(10000);
	fake_loop_pass(scene->loop, 1000);
	assert_string_not_equal(firewall_view(scene->rules).error, "");
	return owner;
}

/* The table of bridges leaves to the other one only what that one has in the kernel. */
static void routers_are_checked_at_the_ports_while_the_other_table_is_refused(void **state)
{
	struct scene *scene = *state;
	FILE *owner;

	assert_false(kernel_shows("nft list table bridge weft", "chain prerouting"));
	owner = seize_host_table(scene);
	assert_true(kernel_shows("nft list chain bridge weft prerouting", "goto check-ip6"));
	assert_false(kernel_shows("nft list chain bridge weft forward", "jump routers"));
	assert_int_equal(pclose(owner), 0);
	while (!firewall_view(scene->rules).installed)
		fake_loop_pass(scene->loop, 100);
	assert_true(kernel_shows("nft list chain inet weft forward", "jump routers"));
	assert_true(kernel_shows("nft list chain bridge weft forward", "jump routers"));
	assert_false(kernel_shows("nft list table bridge weft", "chain prerouting"));
}

static void alter_port(struct firewall_network *network)
{
	network->port = 4789;
}

static void alter_name(struct firewall_network *network)
{
	strcpy(network->name, "blue");
	network->vni = 7;
}

static void remove_peer(struct firewall_network *network)
{
	const struct ipaddr peer = kernel_addr("192.168.0.2");

	network->change = true;
	firewall_elements_free(&network->peers[FAMILY_V4]);
	assert_true(firewall_elements_add(&network->gone[FAMILY_V4], &peer));
}

/* firewall_network_equal has a test of its own for each member. */
static void rules_that_are_applied_are_not_applied_again(void **state)
{
	struct scene *scene = *state;
	const size_t whole = asked(scene), same = set_default(scene, NULL);
	size_t faults = 0;

	/* Only the table at the ingress hook is read, whose devices vanish without an event. */
	assert_true(same < whole / 2);
	assert_int_equal(set_default(scene, NULL), same);

	assert_true(set_default(scene, alter_port) > same);
	assert_true(kernel_shows("nft list table inet weft", "4789"));
	assert_true(set_default(scene, NULL) > same);
	assert_int_equal(set_default(scene, NULL), same);

	/* One of several networks. */
	assert_true(set_default(scene, alter_name) > same);
	assert_true(has_rules(7));
	assert_int_equal(set_default(scene, alter_name), set_default(scene, NULL));

	/* A change lists other peers than the whole state, even if they look the same. */
	(void)set_default(scene, add_peer);
	(void)set_default(scene, remove_peer);
	assert_true(peer_is_there());
	(void)set_default(scene, remove_peer);
	assert_false(peer_is_there());
	(void)set_default(scene, NULL);
	assert_int_equal(set_default(scene, NULL), same);

	/* A table that is not in sync: each step of a change fails once. */
	for (unsigned n = 1;; n++) {
		struct firewall_network network = sample("192.168.0.2");
		bool faulted;

		alter_port(&network);
		fake_nl_fail(n, EIO, "no answer");
		firewall_set_network(scene->rules, &network);
		firewall_network_free(&network);
		faulted = fake_nl_faulted();
		if (faulted && !firewall_view(scene->rules).installed) {
			assert_int_equal(set_default(scene, alter_port), 0); /* the retry is due */
			fake_loop_pass(scene->loop, 300);
			faults++;
		}
		assert_true(kernel_shows("nft list table inet weft", "4789"));
		assert_true(firewall_view(scene->rules).installed);
		(void)set_default(scene, NULL);
		assert_int_equal(set_default(scene, NULL), same);
		if (!faulted)
			break;
	}
	assert_true(faults > 4); /* in each of the tables */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		firewall_test(rules_are_read_only_after_a_change),
		firewall_test(a_new_family_is_checked_in_chains_of_other_programs),
		firewall_test(a_failed_check_is_repeated),
		firewall_test(rules_that_are_applied_are_not_applied_again),
		firewall_test(the_last_known_state_holds_until_the_network_is_set),
		firewall_test(without_the_ruleset_generation_all_rules_are_read),
		firewall_test(routers_are_allowed_by_bridge_or_refused_in_all_networks),
		firewall_test(routers_are_checked_at_the_ports_while_the_other_table_is_refused),
		firewall_test(an_unsupported_part_is_tried_again),
		firewall_test(the_bridges_table_is_repaired),
		firewall_test(tunnel_packets_are_matched_where_they_arrive),
		firewall_test(a_device_that_does_not_exist_leaves_the_chain_at_prerouting),
		firewall_test(a_chain_that_forward_jumps_to_is_watched),
		firewall_test(an_element_that_admits_the_tunnel_ends_the_finding),
		firewall_test(chains_at_the_devices_to_peers_are_found),
		firewall_test(each_network_is_evaluated_at_its_devices),
		firewall_test(after_a_failure_any_change_of_rules_leads_to_a_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
