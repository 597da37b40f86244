/* SPDX-License-Identifier: Apache-2.0 */
/* A node on which all is well, and one thing wrong at a time. */
#include "ctl/doctor.h"

#include "common/auto.h"
#include "common/err.h"
#include "tests/unit/samples.h"

#define NOW 1700000000

static const char good_status[] =
	"{\"weftd\":\"0.1.0\",\"startedAt\":1699999000,\"rules\":{\"state\":\"ok\",\"error\":\"\","
	"\"lacking\":[],\"dropping\":[],\"unseen\":[]},\"networks\":[{"
	"\"name\":\"default\",\"state\":\"ready\",\"reason\":\"\",\"since\":1699999880,"
	"\"stale\":false,\"store\":{\"endpoint\":\"http://127.0.0.1:2379\",\"connected\":true,"
	"\"since\":1699999870,\"error\":\"\"},"
	"\"lease\":{\"subnet\":\"10.5.1.0/24\",\"renewedAt\":1699999990,\"reserved\":false,"
	"\"lost\":false,\"trouble\":\"\"},\"port\":8472,\"mtu\":1450,"
	"\"uplink\":{\"name\":\"eth0\",\"mtu\":1500},"
	"\"peers\":{\"known\":2,\"programmed\":2},\"passes\":{\"lastError\":\"\"}}]}";

static const char good_peers[] =
	"[{\"network\":\"default\",\"subnet\":\"10.5.2.0/24\",\"name\":\"host2\","
	"\"state\":\"programmed\",\"reason\":\"\"},{\"network\":\"other\",\"state\":\"refused\"}]";

/* ---- Facts ------------------------------------------------------------------------------- */

static bool port_is_taken;

static bool has_udp_port(uint32_t port)
{
	return port_is_taken && port == 8472;
}

static struct doctor_facts good_facts(void)
{
	struct doctor_facts facts = {
		.now_s = NOW, .ip_forward = 1, .ip6_forward = 1, .has_udp_port = has_udp_port
	};
	struct doctor_network network = {
		.state = { .name = "default", .bridge = "weft-br1", .mtu = 1450, .family_len = 1 },
		.bridge = { "weft-br1", true, true, 1450 },
		.vxlan = { "weft-vx1", true, true, 1450 },
		.used = { 7 },
	};
	const struct doctor_container container = { .id = "c1", .ifname = "eth0", .mtu = 1450 };

	network.state.family[0].cluster = sample_prefix("10.5.0.0/16");
	network.state.family[0].subnet = sample_prefix("10.5.1.0/24");
	assert_true(doctor_containers_push(&network.containers, &container));
	assert_true(doctor_networks_push(&facts.networks, &network));
	port_is_taken = false;
	return facts;
}

static void no_forward(struct doctor_facts *facts)
{
	facts->ip_forward = 0;
}
static void legacy_drops(struct doctor_facts *facts)
{
	facts->legacy[FAMILY_V4] = DOCTOR_LEGACY_DROPS;
}
static void legacy_passes(struct doctor_facts *facts)
{
	facts->legacy[FAMILY_V4] = DOCTOR_LEGACY_PASSES;
	/* Nothing of ours is there. */
	facts->legacy[FAMILY_V6] = DOCTOR_LEGACY_DROPS;
}
static void no_forward6(struct doctor_facts *facts)
{
	facts->ip6_forward = 0;
	facts->networks.at[0].state.family[0].cluster = sample_prefix("fd00:5::/48");
}
static void redirects(struct doctor_facts *facts)
{
	facts->redirects = 1;
}
static void redirects_of_bridge(struct doctor_facts *facts)
{
	facts->networks.at[0].bridge_redirects = 1;
}
static void strict(struct doctor_facts *facts)
{
	facts->rp_filter = 1;
}
static void strict_bridge(struct doctor_facts *facts)
{
	facts->networks.at[0].bridge_rp_filter = 1;
}
static void no_bridge(struct doctor_facts *facts)
{
	facts->networks.at[0].bridge.there = false;
}
static void vxlan_down(struct doctor_facts *facts)
{
	facts->networks.at[0].vxlan.up = false;
}
static void bridge_mtu(struct doctor_facts *facts)
{
	facts->networks.at[0].bridge.mtu = 1500;
}
static void port_taken(struct doctor_facts *facts)
{
	facts->networks.at[0].vxlan.there = false;
	port_is_taken = true;
}
static void large_mtu(struct doctor_facts *facts)
{
	facts->networks.at[0].containers.at[0].mtu = 8950;
}
static void gone(struct doctor_facts *facts)
{
	facts->networks.at[0].containers.at[0].gone = true;
}
static void damaged(struct doctor_facts *facts)
{
	facts->networks.at[0].damaged = 2;
}
static void nearly_full(struct doctor_facts *facts)
{
	facts->networks.at[0].used[0] = 228;
}
static void full(struct doctor_facts *facts)
{
	facts->networks.at[0].used[0] = 253;
}
static void left_over(struct doctor_facts *facts)
{
	snprintf(facts->networks.at[0].state.name, 8, "old");
}
static void early(struct doctor_facts *facts)
{
	facts->now_s = 1600000000;
}

/* ---- Cases ------------------------------------------------------------------------------- */

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = from ? strstr(text, from) : NULL;
	char *result = NULL;

	assert_true(!from || at);
	if (!from)
		at = text;
	assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, from ? to : "",
			     at + (from ? strlen(from) : 0)) >= 0);
	return result;
}

/* "wrong lease: text" of each that is not ok. */
static char *findings_of(struct jb *jb, bool good)
{
	AUTO(json) struct json *json = NULL;
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	struct jr root, list, at;
	char *said = test_calloc(1, 4096);

	assert_good(jb_text(jb, &text, &err), err);
	assert_good(json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "findings", &json, &err),
		    err);
	root = jr_root(json);
	assert_int_equal(jr_bool_opt(&root, "good", !good), good);
	list = jr_arr(&root, "findings");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const char *state = jr_str(&at, "state", 64), *remedy = jr_str(&at, "remedy", 4096);

		assert_int_equal(!*remedy, strcmp(state, "ok") == 0);
		if (*remedy)
			snprintf(said + strlen(said), 4096 - strlen(said), "%s %s: %s\n", state,
				 jr_str(&at, "check", 64), jr_str(&at, "text", 4096));
	}
	assert_good(jr_done(json, ERR_DECODE, &err), err);
	return said;
}

static char *judge(const char *why, const char *status_text, const char *peers_text,
		   const struct doctor_facts *facts)
{
	AUTO(json) struct json *status = NULL;
	AUTO(json) struct json *peers = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	struct jr status_root, peers_root;
	bool good;

	assert_good(json_parse(status_text, strlen(status_text), SIZE_MAX, JSON_STRICT, "status",
			       &status, &err),
		    err);
	assert_good(json_parse(peers_text, strlen(peers_text), SIZE_MAX, JSON_STRICT, "peers",
			       &peers, &err),
		    err);
	status_root = jr_root(status);
	peers_root = jr_root(peers);
	good = doctor_judge(why, why ? NULL : &status_root, why ? NULL : &peers_root, facts,
			    jb_root(jb));
	assert_good(jr_done(status, ERR_DECODE, &err), err);
	assert_good(jr_done(peers, ERR_DECODE, &err), err);
	return findings_of(jb, good);
}

/* said: all that is not ok. */
static const struct {
	const char *said;
	void (*change)(struct doctor_facts *facts);
	const char *from, *to;             /* in the status */
	const char *peers_from, *peers_to; /* in the peers */
} cases[] = {
	{ "", NULL, NULL, NULL, NULL, NULL },
	{ "warning clock: the clock went back", early, NULL, NULL, NULL, NULL },
	{ "wrong sysctl: net.ipv4.ip_forward is 0", no_forward, NULL, NULL, NULL, NULL },
	{ "wrong sysctl: net.ipv6.conf.all.forwarding is 0", no_forward6, NULL, NULL, NULL, NULL },
	{ "warning sysctl: net.ipv4.conf.all.send_redirects is 1", redirects, NULL, NULL, NULL,
	  NULL },
	{ "warning sysctl: net.ipv4.conf.weft-br1.send_redirects is 1", redirects_of_bridge, NULL,
	  NULL, NULL, NULL },
	{ "warning sysctl: rp_filter is strict", strict, NULL, NULL, NULL, NULL },
	{ "warning sysctl: rp_filter is strict", strict_bridge, NULL, NULL, NULL, NULL },
	{ "wrong rules: weftd's packet rules are not set: no memory", NULL, "\"error\":\"\"",
	  "\"error\":\"no memory\"", NULL, NULL },
	{ "warning rules: ip filter FORWARD drops what is forwarded", NULL, "\"dropping\":[]",
	  "\"dropping\":[{\"chain\":\"ip filter FORWARD\",\"accepted\":false},"
	  "{\"chain\":\"ip filter X\",\"accepted\":true}]",
	  NULL, NULL },
	{ "warning rules: the kernel cannot do this: sets", NULL, "\"lacking\":[]",
	  "\"lacking\":[\"sets\"]", NULL, NULL },
	/* What weftd may not see, doctor may, or not. */
	{ "warning rules: whether iptables-legacy drops what is forwarded", NULL, "\"unseen\":[]",
	  "\"unseen\":[\"iptables-legacy\"]", NULL, NULL },
	{ "warning rules: iptables-legacy filter FORWARD drops what is forwarded", legacy_drops,
	  "\"unseen\":[]", "\"unseen\":[\"iptables-legacy\",\"ip6tables-legacy\"]", NULL, NULL },
	{ "", legacy_passes, "\"unseen\":[]",
	  "\"unseen\":[\"iptables-legacy\",\"ip6tables-legacy\",\"another\"]", NULL, NULL },
	{ "", legacy_drops, NULL, NULL, NULL, NULL },
	{ "wrong network: degraded: the uplink is gone", NULL,
	  "\"state\":\"ready\",\"reason\":\"\"",
	  "\"state\":\"degraded\",\"reason\":\"the uplink is gone\"", NULL, NULL },
	{ "wrong store: http://127.0.0.1:2379 has not been reached for 2 min: refused", NULL,
	  "\"connected\":true,\"since\":1699999870,\"error\":\"\"",
	  "\"connected\":false,\"since\":1699999870,\"error\":\"refused\"", NULL, NULL },
	{ "warning store: the node works by what was known", NULL, "\"stale\":false",
	  "\"stale\":true", NULL, NULL },
	{ "wrong lease: another node holds 10.5.1.0/24", NULL, "\"lost\":false", "\"lost\":true",
	  NULL, NULL },
	{ "warning lease: 10.5.1.0/24: not renewed", NULL, "\"trouble\":\"\"",
	  "\"trouble\":\"not renewed\"", NULL, NULL },
	{ "wrong lease: the node holds no subnet", NULL, "\"subnet\":\"10.5.1.0/24\",", "", NULL,
	  NULL },
	{ "wrong uplink: there is no way", NULL, "{\"name\":\"eth0\",\"mtu\":1500}", "null", NULL,
	  NULL },
	{ "wrong uplink: eth0 carries 1400 bytes; packets of 1450", NULL, "\"mtu\":1500",
	  "\"mtu\":1400", NULL, NULL },
	{ "wrong port: another program has the tunnel's UDP port 8472\nwrong devices: ", port_taken,
	  NULL, NULL, NULL, NULL },
	{ "wrong devices: the device weft-br1 is not there", no_bridge, NULL, NULL, NULL, NULL },
	{ "wrong devices: the device weft-vx1 is down", vxlan_down, NULL, NULL, NULL, NULL },
	{ "warning devices: the device weft-br1 has MTU 1500, the network 1450", bridge_mtu, NULL,
	  NULL, NULL, NULL },
	{ "wrong entries: the last pass failed: EPERM", NULL, "\"lastError\":\"\"",
	  "\"lastError\":\"EPERM\"", NULL, NULL },
	{ "warning entries: 1 of 2 peers are in the kernel", NULL, "\"programmed\":2",
	  "\"programmed\":1", NULL, NULL },
	{ "warning peers: 10.5.2.0/24 (host2) is refused: its VNI", NULL, NULL, NULL,
	  "\"programmed\",\"reason\":\"\"", "\"refused\",\"reason\":\"its VNI\"" },
	{ "warning peers: 10.5.2.0/24 (host2) is used in one family only: why", NULL, NULL, NULL,
	  "\"reason\":\"\"", "\"reason\":\"\",\"dropped\":\"why\"" },
	{ "warning keys: key x among the leases cannot be read: no lease", NULL, NULL, NULL,
	  "\"state\":\"programmed\",\"reason\":\"\"", "\"key\":\"x\",\"reason\":\"no lease\"" },
	{ "warning containers: eth0 of c1 keeps MTU 8950, the network has 1450", large_mtu, NULL,
	  NULL, NULL, NULL },
	{ "warning containers: 1 ended without a DEL", gone, NULL, NULL, NULL, NULL },
	{ "warning containers: 2 records cannot be read", damaged, NULL, NULL, NULL, NULL },
	{ "warning addresses: 228 of 253 of 10.5.1.0/24 in use", nearly_full, NULL, NULL, NULL,
	  NULL },
	{ "wrong addresses: 253 of 253 of 10.5.1.0/24 in use", full, NULL, NULL, NULL, NULL },
	{ "warning files: weftd does not have this network", left_over, NULL, NULL, NULL, NULL },
};

/* The one thing that is wrong is found, and nothing else. */
static void test_one_thing_at_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct doctor_facts facts = good_facts();
		char *status = replaced(good_status, cases[i].from, cases[i].to);
		char *peers = replaced(good_peers, cases[i].peers_from, cases[i].peers_to);
		char *said;
		size_t lines = 0;

		if (cases[i].change)
			cases[i].change(&facts);
		said = judge(NULL, status, peers, &facts);
		assert_says(said, cases[i].said);
		for (const char *c = said; *c; c++)
			lines += *c == '\n';
		if (lines != !!cases[i].said[0] + (size_t) !!strchr(cases[i].said, '\n'))
			fail_msg("more than \"%s\": %s", cases[i].said, said);
		test_free(said);
		free(status);
		free(peers);
		doctor_facts_free(&facts);
	}
}

/* Without weftd, what can be seen is still looked at. */
static void test_without_weftd(void **state)
{
	struct doctor_facts facts = good_facts();
	char *said;

	(void)state;
	no_bridge(&facts);
	full(&facts);
	legacy_drops(&facts);
	said = judge("weftd is not running", good_status, good_peers, &facts);
	assert_says(said, "wrong weftd: weftd is not running\n");
	assert_says(said, "wrong devices: the device weft-br1 is not there\n");
	assert_says(said, "wrong addresses: 253 of 253");
	assert_says(said, "warning rules: iptables-legacy filter FORWARD drops");
	test_free(said);
	doctor_facts_free(&facts);
}

/* Many are counted, not listed. */
static void test_many(void **state)
{
	struct doctor_facts facts = good_facts();
	const struct doctor_container container = { .id = "c2", .ifname = "eth0", .mtu = 9000 };
	char *said;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		assert_true(doctor_containers_push(&facts.networks.at[0].containers, &container));
	said = judge(NULL, good_status, good_peers, &facts);
	assert_says(said, "warning containers: 12 more keep a larger MTU");
	test_free(said);
	doctor_facts_free(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_thing_at_a_time),
		cmocka_unit_test(test_without_weftd),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
