/* SPDX-License-Identifier: Apache-2.0 */
/* A healthy node, and nodes with one fault each. */
#include "ctl/doctor.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "ctl/doctor_facts.h"
#include "ctl/doctor_host_facts.h"
#include "ctl/doctor_legacy.h"
#include "tests/unit/samples.h"

#define NOW 1700000000

static const char good_status[] =
	"{\"version\":\"0.1.0\",\"started_at\":1699999000,\"rules\":{\"state\":\"installed\",\"error\":\"\","
	"\"unsupported\":[],\"other_chains\":[]},\"networks\":[{"
	"\"name\":\"default\",\"state\":\"ready\",\"reason\":\"\",\"since\":1699999880,"
	"\"from_snapshot\":false,\"store\":{\"endpoint\":\"http://127.0.0.1:2379\",\"connected\":true,"
	"\"since\":1699999870,\"error\":\"\"},"
	"\"lease\":{\"subnet\":\"10.5.1.0/24\",\"renewed_at\":1699999990,\"reserved\":false,"
	"\"lost\":false,\"error\":\"\"},\"port\":4789,\"mtu\":1450,"
	"\"uplink\":{\"name\":\"eth0\",\"mtu\":1500},"
	"\"peers\":{\"usable\":2,\"installed\":2},\"reconciles\":{\"last_error\":\"\"}}]}";

static const char good_peers[] =
	"[{\"network\":\"default\",\"subnet\":\"10.5.2.0/24\",\"public_ip\":\"192.168.0.2\","
	"\"node_id\":\"id2\",\"node_name\":\"host2\",\"state\":\"installed\",\"reason\":\"\"},"
	"{\"network\":\"default\",\"subnet\":\"10.5.3.0/24\",\"public_ip\":\"192.168.0.3\","
	"\"node_id\":\"id3\",\"node_name\":\"host3\",\"state\":\"installed\",\"reason\":\"\"},"
	"{\"network\":\"other\",\"subnet\":\"10.5.9.0/24\",\"public_ip\":\"192.168.0.9\","
	"\"node_id\":\"id3\",\"state\":\"refused\"}]";

/* ---- Facts ------------------------------------------------------------------------------- */

static bool port_is_taken;

static bool has_udp_port(uint32_t port)
{
	return port_is_taken && port == 4789;
}

static bool uplink_forwards;

static int forwarding(const char *device)
{
	return strcmp(device, "eth0") != 0 || uplink_forwards;
}

static struct doctor_facts good_facts(void)
{
	struct doctor_facts facts = {
		.now_s = NOW,
		.ip_forward = 1,
		.ip6_forward = 1,
		.has_udp_port = has_udp_port,
		.forwarding = forwarding,
		/* Policies with br_netfilter, and neither. */
		.host = { .bridge_nf = { 1, -1 },
			  .policies = { true, false },
			  .connections = 5000,
			  .connections_max = 65536,
			  .free_bytes = 100 << 20,
			  .free_files = 10000,
			  .has_free = true },
	};
	struct doctor_network network = {
		.state = { .name = "default", .bridge = "weft-br1", .mtu = 1450, .family_len = 1 },
		.bridge = { .name = "weft-br1", .exists = true, .up = true, .mtu = 1450 },
		.vxlan = { .name = "weft-vx1", .exists = true, .up = true, .mtu = 1450 },
		.used = { 7 },
		.bridge_forwarding = 1,
		.tunnel = { .tx_packets = 500, .rx_packets = 1 },
	};
	const struct doctor_container container = {
		.id = "c1", .ifname = "eth0", .mtu = 1450, .tcp_segments = 100000, .tcp_bad = 11
	};
	const struct prefix route = sample_prefix("10.5.3.0/24");
	const struct ipaddr vtep = sample_prefix("192.168.0.2/32").addr;

	network.state.family[0].cluster = sample_prefix("10.5.0.0/16");
	network.state.family[0].subnet = sample_prefix("10.5.1.0/24");
	network.state.family[0].gateway = sample_prefix("10.5.1.1/32").addr;
	assert_true(doctor_containers_push(&network.containers, &container));
	assert_true(doctor_prefixes_push(&network.routes, &route));
	assert_true(doctor_addresses_push(&network.vteps, &vtep));
	assert_true(doctor_networks_push(&facts.networks, &network));
	port_is_taken = false;
	uplink_forwards = true;
	return facts;
}

static void no_forward(struct doctor_facts *facts)
{
	facts->ip_forward = 0;
}
static void no_forward_of_bridge(struct doctor_facts *facts)
{
	facts->networks.at[0].bridge_forwarding = 0;
}
static void no_forward_of_uplink(struct doctor_facts *facts)
{
	(void)facts;
	uplink_forwards = false;
}
static void legacy_drops(struct doctor_facts *facts)
{
	facts->legacy[FAMILY_V4].rules = strdup("-P FORWARD DROP\n");
}
static void legacy_drops_input(struct doctor_facts *facts)
{
	facts->legacy[FAMILY_V4].rules = strdup(
		"-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-A INPUT -i lo -j ACCEPT\n"
		"-A INPUT -j REJECT --reject-with icmp-host-prohibited\n");
}
static void legacy_drops_one_way(struct doctor_facts *facts)
{
	facts->legacy[FAMILY_V4].rules = strdup(
		"-P FORWARD ACCEPT\n-A FORWARD -i weft-br1 -j ACCEPT\n"
		"-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n");
}
static void legacy_accepts(struct doctor_facts *facts)
{
	facts->legacy[FAMILY_V4].rules = strdup("-P FORWARD ACCEPT\n");
	/* No network has this family. */
	facts->legacy[FAMILY_V6].rules = strdup("-P FORWARD DROP\n");
}
static void legacy_undetectable(struct doctor_facts *facts)
{
	snprintf(facts->legacy[FAMILY_V4].error, 16, "needs root");
	snprintf(facts->legacy[FAMILY_V6].error, 16, "needs root");
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
	facts->networks.at[0].bridge.exists = false;
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
	facts->networks.at[0].vxlan.exists = false;
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
static void managed(struct doctor_facts *facts)
{
	const struct doctor_managed device = { "weft-br1", "systemd-networkd",
					       "/etc/systemd/network/all.network" };

	assert_true(doctor_managed_list_push(&facts->host.managed, &device));
}
static void managed_without_profile(struct doctor_facts *facts)
{
	const struct doctor_managed device = { "weft-vx1", "NetworkManager", "" };

	assert_true(doctor_managed_list_push(&facts->host.managed, &device));
}
static void add_file(struct doctor_facts *facts, const char *device, unsigned effects,
		     unsigned line)
{
	struct systemd_finding file = { .file = "/etc/x", .effects = effects, .line = line };

	file.sure = !line;
	snprintf(file.device, sizeof(file.device), "%s", device);
	assert_true(systemd_findings_push(&facts->host.files, &file));
}
static void managed_by_file(struct doctor_facts *facts)
{
	managed(facts);
	add_file(facts, "weft-br1", SYSTEMD_MANAGES, 0);
}
static void will_be_managed(struct doctor_facts *facts)
{
	add_file(facts, "weft-vx1", SYSTEMD_MANAGES, 0);
}
static void renamed_by_rule(struct doctor_facts *facts)
{
	add_file(facts, "veth0123456789a", SYSTEMD_RENAMES, 3);
}
static void no_bridge_nf(struct doctor_facts *facts)
{
	facts->host.bridge_nf[FAMILY_V4] = 0;
}
static void no_bridge_nf6(struct doctor_facts *facts)
{
	facts->host.policies[FAMILY_V6] = true;
}
static void many_connections(struct doctor_facts *facts)
{
	facts->host.connections = 59000;
}
static void little_space(struct doctor_facts *facts)
{
	facts->host.free_bytes = 100 << 10;
}
static void no_space(struct doctor_facts *facts)
{
	facts->host.free_bytes = 4096;
}
static void few_files(struct doctor_facts *facts)
{
	facts->host.free_files = 10;
}
static void no_files(struct doctor_facts *facts)
{
	facts->host.free_files = 0;
}
static void other_cni(struct doctor_facts *facts)
{
	snprintf(facts->host.cni_preferred, sizeof(facts->host.cni_preferred), "05-x.conf");
}
static void bad_checksums(struct doctor_facts *facts)
{
	facts->networks.at[0].containers.at[0].tcp_bad = 101;
}
static void silent_tunnel(struct doctor_facts *facts)
{
	facts->networks.at[0].tunnel.rx_packets = 0;
}
static void stale_route(struct doctor_facts *facts)
{
	facts->networks.at[0].routes.at[0] = sample_prefix("10.5.9.0/24"); /* of another network */
}
static void stale_vtep(struct doctor_facts *facts)
{
	facts->networks.at[0].vteps.at[0] = sample_prefix("192.168.0.9/32").addr;
}
/* Of the first peer: the sizes that are answered, from index first. */
static void probe(struct doctor_facts *facts, size_t first)
{
	struct doctor_probe probe = { .network = "default",
				      .node = "host2",
				      .to = sample_prefix("10.5.2.1/32").addr,
				      .size = { 1450, 1400, 84 } };

	for (size_t i = first; i < 3; i++)
		probe.answered[i] = true;
	assert_true(doctor_probes_push(&facts->probes, &probe));
}
static void probe_answered(struct doctor_facts *facts)
{
	probe(facts, 0);
}
static void probe_too_large(struct doctor_facts *facts)
{
	probe(facts, 0);
	probe(facts, 1);
}
static void probe_lost(struct doctor_facts *facts)
{
	probe(facts, 3);
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

/* "error lease: text" of each finding that is not ok. */
static char *findings_of(struct jb *jb, bool good)
{
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = NULL;
	struct err err = ERR_INIT;
	struct jr root, list, at;
	char *findings = test_calloc(1, 4096);

	assert_good(jb_text(jb, &text, &err), err);
	assert_good(json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "findings", &json, &err),
		    err);
	root = jr_root(json);
	assert_int_equal(jr_bool_opt(&root, "healthy", !good), good);
	list = jr_arr(&root, "findings");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const char *state = jr_str(&at, "state", 64), *remedy = jr_str(&at, "remedy", 4096);

		assert_int_equal(!*remedy, strcmp(state, "ok") == 0);
		if (*remedy)
			snprintf(findings + strlen(findings), 4096 - strlen(findings),
				 "%s %s: %s\n", state, jr_str(&at, "check", 64),
				 jr_str(&at, "text", 4096));
	}
	assert_good(jr_done(json, ERR_DECODE, &err), err);
	return findings;
}

static char *diagnose(const char *why, const char *status_text, const char *peers_text,
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
	good = doctor_diagnose(why, why ? NULL : &status_root, why ? NULL : &peers_root, facts,
			       jb_root(jb));
	assert_good(jr_done(status, ERR_DECODE, &err), err);
	assert_good(jr_done(peers, ERR_DECODE, &err), err);
	return findings_of(jb, good);
}

/* findings: all that are not ok. */
static const struct {
	const char *findings;
	void (*change)(struct doctor_facts *facts);
	const char *from, *to;             /* in the status */
	const char *peers_from, *peers_to; /* in the peers */
} cases[] = {
	{ "", NULL, NULL, NULL, NULL, NULL },
	{ "warning clock: the clock was set back", early, NULL, NULL, NULL, NULL },
	{ "warning secrets: --etcd-keyfile /etc/key has a secret, and other users can read it",
	  NULL, "\"started_at\":1699999000,",
	  "\"started_at\":1699999000,\"exposed_files\":[{\"option\":\"--etcd-keyfile\","
	  "\"path\":\"/etc/key\",\"remedy\":\"chmod o= /etc/key\"}],",
	  NULL, NULL },
	{ "error sysctl: net.ipv4.ip_forward is 0", no_forward, NULL, NULL, NULL, NULL },
	{ "error sysctl: net.ipv4.conf.weft-br1.forwarding is 0", no_forward_of_bridge, NULL, NULL,
	  NULL, NULL },
	{ "warning sysctl: forwarding is 0 on eth0", no_forward_of_uplink, NULL, NULL, NULL, NULL },
	{ "error sysctl: net.ipv4.ip_forward is 0, and weftd cannot set it to 1: Read-only", NULL,
	  "\"last_error\":\"\"}",
	  "\"last_error\":\"\"},\"sysctls\":[{\"name\":\"net.ipv4.ip_forward\",\"value\":\"0\","
	  "\"wanted\":\"1\",\"essential\":true,\"error\":\"Read-only file system\"}]",
	  NULL, NULL },
	{ "warning sysctl: a is 1, and weftd cannot set it to 0: no", NULL, "\"last_error\":\"\"}",
	  "\"last_error\":\"\"},\"sysctls\":[{\"name\":\"a\",\"value\":\"1\","
	  "\"wanted\":\"0\",\"essential\":false,\"error\":\"no\"}]",
	  NULL, NULL },
	{ "error sysctl: net.ipv6.conf.all.forwarding is 0", no_forward6, NULL, NULL, NULL, NULL },
	{ "warning sysctl: net.ipv4.conf.all.send_redirects is 1", redirects, NULL, NULL, NULL,
	  NULL },
	{ "warning sysctl: net.ipv4.conf.weft-br1.send_redirects is 1", redirects_of_bridge, NULL,
	  NULL, NULL, NULL },
	{ "warning sysctl: rp_filter is strict", strict, NULL, NULL, NULL, NULL },
	{ "warning sysctl: rp_filter is strict", strict_bridge, NULL, NULL, NULL, NULL },
	{ "error rules: packet rules are not installed: no memory", NULL, "\"error\":\"\"",
	  "\"error\":\"no memory\"", NULL, NULL },
	{ "warning rules: ip filter FORWARD drops forwarded packets and has no rule for weft", NULL,
	  "\"other_chains\":[]",
	  "\"other_chains\":[{\"chain\":\"ip filter FORWARD\",\"accepted\":false},"
	  "{\"chain\":\"ip filter X\",\"accepted\":true}]",
	  NULL, NULL },
	{ "warning injection: 7 VXLAN packets from containers were dropped (udp port 4789)", NULL,
	  "\"unsupported\":[]", "\"unsupported\":[],\"injection_drops\":\"7\"", NULL, NULL },
	{ "warning bridge: 3 frames bridged between containers and tunnel were dropped", NULL,
	  "\"unsupported\":[]", "\"unsupported\":[],\"bridged_tunnel_drops\":\"3\"", NULL, NULL },
	{ "warning bridge: 2 frames of containers with macSpoofCheck had other addresses", NULL,
	  "\"unsupported\":[]", "\"unsupported\":[],\"spoof_drops\":\"2\"", NULL, NULL },
	{ "warning rules: not supported by the kernel: sets", NULL, "\"unsupported\":[]",
	  "\"unsupported\":[\"sets\"]", NULL, NULL },
	{ "", NULL, "\"networks\":",
	  "\"fast_path\":{\"state\":\"unsupported\",\"error\":\"No such file\"},\"networks\":",
	  NULL, NULL },
	{ "", NULL, "\"networks\":",
	  "\"fast_path\":{\"state\":\"on\",\"error\":\"\"},\"networks\":", NULL, NULL },
	{ "warning fast-path: packets take the normal path: no memory", NULL, "\"networks\":",
	  "\"fast_path\":{\"state\":\"failed\",\"error\":\"no memory\"},\"networks\":", NULL,
	  NULL },
	{ "warning probes: peers are not probed, and not answered: in use", NULL,
	  "\"last_error\":\"\"}",
	  "\"last_error\":\"\"},\"probe\":{\"state\":\"failed\",\"error\":\"in use\"}", NULL,
	  NULL },
	{ "warning probes: peers are not probed, and not answered, in one address family: in use",
	  NULL, "\"last_error\":\"\"}",
	  "\"last_error\":\"\"},\"probe\":{\"state\":\"failed\",\"error\":\"in use\","
	  "\"families\":[\"ipv6\"]}",
	  NULL, NULL },
	{ "", NULL, "\"last_error\":\"\"}",
	  "\"last_error\":\"\"},\"probe\":{\"state\":\"off\",\"error\":\"L2\"}", NULL, NULL },
	{ "warning rules: cannot inspect iptables-legacy: needs root", legacy_undetectable, NULL,
	  NULL, NULL, NULL },
	{ "warning rules: iptables-legacy filter FORWARD drops packets forwarded from and to "
	  "weft-br1",
	  legacy_drops, NULL, NULL, NULL, NULL },
	{ "warning rules: iptables-legacy filter FORWARD drops packets forwarded to weft-br1",
	  legacy_drops_one_way, NULL, NULL, NULL, NULL },
	{ "error rules: iptables-legacy filter INPUT drops UDP packets to port 4789",
	  legacy_drops_input, "\"name\":\"eth0\"", "\"name\":\"eth0\",\"address\":\"192.168.0.1\"",
	  NULL, NULL },
	{ "error rules: inet firewalld filter_INPUT drops UDP packets to port 8472", NULL,
	  "\"other_chains\":[]",
	  "\"other_chains\":[{\"chain\":\"inet firewalld filter_INPUT\",\"hook\":\"input\","
	  "\"port\":8472,\"accepted\":false}]",
	  NULL, NULL },
	{ "error rules: inet hardened out drops UDP packets to port 8472: no tunnel packet leaves to",
	  NULL, "\"other_chains\":[]",
	  "\"other_chains\":[{\"chain\":\"inet hardened out\",\"hook\":\"output\","
	  "\"port\":8472,\"accepted\":false}]",
	  NULL, NULL },
	{ "error rules: netdev t c drops UDP packets to port 8472: no tunnel packet leaves to",
	  NULL, "\"other_chains\":[]",
	  "\"other_chains\":[{\"chain\":\"netdev t c\",\"hook\":\"egress\",\"port\":8472}]", NULL,
	  NULL },
	{ "error rules: ip6 raw PREROUTING drops UDP packets to port 8472: no tunnel packet arrives",
	  NULL, "\"other_chains\":[]",
	  "\"other_chains\":[{\"chain\":\"ip6 raw PREROUTING\",\"hook\":\"prerouting\","
	  "\"port\":8472,\"accepted\":false}]",
	  NULL, NULL },
	{ "", legacy_accepts, NULL, NULL, NULL, NULL },
	{ "error network: degraded: the uplink is gone", NULL,
	  "\"state\":\"ready\",\"reason\":\"\"",
	  "\"state\":\"degraded\",\"reason\":\"the uplink is gone\"", NULL, NULL },
	{ "error store: http://127.0.0.1:2379 unreachable for 2 min: refused", NULL,
	  "\"connected\":true,\"since\":1699999870,\"error\":\"\"",
	  "\"connected\":false,\"since\":1699999870,\"error\":\"refused\"", NULL, NULL },
	{ "warning store: configuration and leases come from the snapshot", NULL,
	  "\"from_snapshot\":false", "\"from_snapshot\":true", NULL, NULL },
	{ "error lease: another node holds 10.5.1.0/24", NULL, "\"lost\":false", "\"lost\":true",
	  NULL, NULL },
	{ "warning lease: 10.5.1.0/24: not renewed", NULL, "\"lost\":false,\"error\":\"\"",
	  "\"lost\":false,\"error\":\"not renewed\"", NULL, NULL },
	{ "error lease: no subnet is leased", NULL, "\"subnet\":\"10.5.1.0/24\",", "", NULL, NULL },
	{ "error uplink: no uplink to the other nodes", NULL, "{\"name\":\"eth0\",\"mtu\":1500}",
	  "null", NULL, NULL },
	{ "error uplink: eth0 has MTU 1400; packets of 1450 bytes", NULL, "\"mtu\":1500",
	  "\"mtu\":1400", NULL, NULL },
	{ "error port: another program uses the tunnel's UDP port 4789\nerror devices: ",
	  port_taken, NULL, NULL, NULL, NULL },
	{ "error devices: device weft-br1 does not exist", no_bridge, NULL, NULL, NULL, NULL },
	{ "error devices: device weft-vx1 is down", vxlan_down, NULL, NULL, NULL, NULL },
	{ "warning devices: device weft-br1 has MTU 1500, the network has 1450", bridge_mtu, NULL,
	  NULL, NULL, NULL },
	{ "error entries: the last reconcile failed: EPERM", NULL, "\"last_error\":\"\"",
	  "\"last_error\":\"EPERM\"", NULL, NULL },
	{ "warning entries: 1 of 2 peers are installed", NULL, "\"installed\":2", "\"installed\":1",
	  NULL, NULL },
	{ "warning peers: 10.5.2.0/24 (host2) is refused: its VNI", NULL, NULL, NULL,
	  "\"installed\",\"reason\":\"\"", "\"refused\",\"reason\":\"its VNI\"" },
	{ "warning peers: 10.5.2.0/24 (host2) is used in one family only: why", NULL, NULL, NULL,
	  "\"reason\":\"\"", "\"reason\":\"\",\"single_family_reason\":\"why\"" },
	{ "warning keys: invalid key x: no lease", NULL, NULL, NULL,
	  "\"state\":\"installed\",\"reason\":\"\"", "\"key\":\"x\",\"reason\":\"no lease\"" },
	{ "warning containers: eth0 of c1 has MTU 8950, the network has 1450", large_mtu, NULL,
	  NULL, NULL, NULL },
	{ "warning containers: 1 ended without a DEL", gone, NULL, NULL, NULL, NULL },
	{ "warning containers: 2 unreadable records", damaged, NULL, NULL, NULL, NULL },
	{ "warning addresses: 228 of 253 of 10.5.1.0/24 in use", nearly_full, NULL, NULL, NULL,
	  NULL },
	{ "error addresses: 253 of 253 of 10.5.1.0/24 in use", full, NULL, NULL, NULL, NULL },
	{ "warning managers: systemd-networkd manages weft-br1 (/etc/systemd/network/all.network)",
	  managed, NULL, NULL, NULL, NULL },
	{ "warning managers: systemd-networkd manages weft-br1", managed_by_file, NULL, NULL, NULL,
	  NULL },
	{ "warning managers: /etc/x makes systemd-networkd manage weft-vx1", will_be_managed, NULL,
	  NULL, NULL, NULL },
	{ "warning managers: /etc/x:3 can rename containers' veths", renamed_by_rule, NULL, NULL,
	  NULL, NULL },
	{ "warning managers: NetworkManager manages weft-vx1, and", managed_without_profile, NULL,
	  NULL, NULL, NULL },
	{ "warning br_netfilter: network policies do not apply between containers of this node: "
	  "net.bridge.bridge-nf-call-iptables is 0",
	  no_bridge_nf, NULL, NULL, NULL, NULL },
	{ "warning br_netfilter: network policies do not apply between containers of this node: "
	  "net.bridge.bridge-nf-call-ip6tables is absent",
	  no_bridge_nf6, NULL, NULL, NULL, NULL },
	{ "warning conntrack: connection tracking has 59000 of 65536 entries", many_connections,
	  NULL, NULL, NULL, NULL },
	{ "warning space: the file system of the runtime state directory has 100 KiB free",
	  little_space, NULL, NULL, NULL, NULL },
	{ "error space: the file system of the runtime state directory has 4 KiB free", no_space,
	  NULL, NULL, NULL, NULL },
	{ "warning space: the file system of the runtime state directory has 10 free inodes",
	  few_files, NULL, NULL, NULL, NULL },
	{ "error space: the file system of the runtime state directory has 0 free inodes", no_files,
	  NULL, NULL, NULL, NULL },
	{ "warning cni: the container runtime uses /etc/cni/net.d/05-x.conf instead", other_cni,
	  NULL, NULL, NULL, NULL },
	/* weftd checks the directory itself. */
	{ "warning cni: the container runtime uses /cni/00.conf instead", other_cni,
	  "\"started_at\":1699999000,",
	  "\"started_at\":1699999000,\"cni\":{\"error\":\"\",\"conf_dir\":\"/cni\","
	  "\"preferred\":[\"00.conf\"]},",
	  NULL, NULL },
	{ "warning checksum: c1 received 100000 TCP segments, of which 101 had wrong checksums",
	  bad_checksums, NULL, NULL, NULL, NULL },
	{ "warning tunnel: weft-vx1 sent 500 packets to peers, and none arrived", silent_tunnel,
	  NULL, NULL, NULL, NULL },
	/* All peers are reached without the tunnel. */
	{ "", silent_tunnel, "\"installed\":2", "\"installed\":2,\"direct\":2", NULL, NULL },
	{ "warning stale: 1 routes to subnets of no peer, first 10.5.9.0/24", stale_route, NULL,
	  NULL, NULL, NULL },
	{ "warning stale: 1 FDB entries with addresses of no peer, first 192.168.0.9", stale_vtep,
	  NULL, NULL, NULL, NULL },
	{ "warning identity: host2 (192.168.0.2) and host3 (192.168.0.3) have the same node id id2",
	  NULL, NULL, NULL, "id3", "id2" },
	{ "", probe_answered, NULL, NULL, NULL, NULL },
	{ "error probe: packets of 1450 bytes to 10.5.2.1 (host2) are lost, of 1400 are answered",
	  probe_too_large, NULL, NULL, NULL, NULL },
	{ "warning probe: 10.5.2.1 (host2) does not answer through the tunnel", probe_lost, NULL,
	  NULL, NULL, NULL },
	{ "warning probe: 10.5.2.0/24 (host2) does not answer weftd's probes: 3 of 64 lost", NULL,
	  NULL, NULL, "\"reason\":\"\"",
	  "\"reason\":\"\",\"probe\":{\"state\":\"silent\",\"sent\":64,\"lost\":3}" },
	{ "warning probe: 10.5.2.0/24 (host2) loses probes of weftd: 7 of 64 lost", NULL, NULL,
	  NULL, "\"reason\":\"\"",
	  "\"reason\":\"\",\"probe\":{\"state\":\"answering\",\"sent\":64,\"lost\":7}" },
	{ "", NULL, NULL, NULL, "\"reason\":\"\"",
	  "\"reason\":\"\",\"probe\":{\"state\":\"answering\",\"sent\":64,\"lost\":6}" },
	{ "", NULL, NULL, NULL, "\"reason\":\"\"",
	  "\"reason\":\"\",\"probe\":{\"state\":\"disabled\"}" },
	/* Two leases of one node. */
	{ "", NULL, NULL, NULL, "\"192.168.0.3\",\"node_id\":\"id3\"",
	  "\"192.168.0.2\",\"node_id\":\"id2\"" },
	{ "warning files: weftd does not serve this network", left_over, NULL, NULL, NULL, NULL },
};

/* The fault is found, and no other. */
static void test_each_fault_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct doctor_facts facts = good_facts();
		char *status = replaced(good_status, cases[i].from, cases[i].to);
		char *peers = replaced(good_peers, cases[i].peers_from, cases[i].peers_to);
		char *findings;
		size_t lines = 0;

		if (cases[i].change)
			cases[i].change(&facts);
		findings = diagnose(NULL, status, peers, &facts);
		assert_says(findings, cases[i].findings);
		for (const char *c = findings; *c; c++)
			lines += *c == '\n';
		if (lines != !!cases[i].findings[0] + (size_t) !!strchr(cases[i].findings, '\n'))
			fail_msg("more than \"%s\": %s", cases[i].findings, findings);
		test_free(findings);
		free(status);
		free(peers);
		doctor_facts_free(&facts);
	}
}

/* Without weftd, all checks that do not need it still run. */
static void test_without_weftd(void **state)
{
	struct doctor_facts facts = good_facts();
	char *findings;

	(void)state;
	no_bridge(&facts);
	full(&facts);
	legacy_drops(&facts);
	findings = diagnose("weftd is not running", good_status, good_peers, &facts);
	assert_says(findings, "error weftd: weftd is not running\n");
	assert_says(findings, "error devices: device weft-br1 does not exist\n");
	assert_says(findings, "error addresses: 253 of 253");
	assert_says(
		findings,
		"warning rules: iptables-legacy filter FORWARD drops packets forwarded from and to");
	test_free(findings);
	doctor_facts_free(&facts);
}

/* The chain as printed by iptables-legacy, and whether it drops packets from and to weft-br1. */
static const struct {
	const char *rules;
	bool from, to;
} chains[] = {
	{ "", false, false },
	{ "-P FORWARD ACCEPT\n", false, false },
	{ "-P FORWARD DROP", true, true },
	{ "-P FORWARD DROP\n-A FORWARD -i weft-br1 -j ACCEPT\n", false, true },
	{ "-P FORWARD DROP\n-A FORWARD -o weft-br1 -j ACCEPT\n", true, false },
	{ "-P FORWARD DROP\n-A FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT\n"
	  "-A FORWARD -o weft-br+ -m comment --comment \"two \\\"words\" -j ACCEPT\n",
	  false, false },
	/* Other devices, and rules for a part of the packets. */
	{ "-P FORWARD DROP\n-A FORWARD -i weft-br11 -j ACCEPT\n-A FORWARD -o eth+ -j ACCEPT\n"
	  "-A FORWARD ! -i weft-br1 -j ACCEPT\n-A FORWARD -i weft-br1 -o eth0 -j ACCEPT\n"
	  "-A FORWARD -s 10.5.0.0/16 -i weft-br1 -j ACCEPT\n-A FORWARD -j DOCKER-USER\n"
	  "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n",
	  true, true },
	{ "-P FORWARD ACCEPT\n-A FORWARD -i never0 -j DROP\n-A FORWARD -d 10.9.0.0/16 -j DROP\n",
	  false, false },
	/* The first matching rule decides. */
	{ "-P FORWARD ACCEPT\n-A FORWARD -j DROP\n-A FORWARD -i weft-br1 -j ACCEPT\n", true, true },
	{ "-P FORWARD DROP\n-A FORWARD -j ACCEPT\n-A FORWARD -j DROP\n", false, false },
	{ "-P FORWARD ACCEPT\n-A FORWARD -i weft-br1 -j DROP\n", true, false },
	{ "-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with icmp6-port-unreachable\n", true,
	  true },
	/* A truncated rule. */
	{ "-P FORWARD DROP\n-A FORWARD \n-A FORWARD -i\n-A FORWARD -m comment --comment \"a\n",
	  true, true },
};

static void test_legacy_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		if (doctor_legacy_drops(chains[i].rules, "weft-br1", true) != chains[i].from ||
		    doctor_legacy_drops(chains[i].rules, "weft-br1", false) != chains[i].to)
			fail_msg("%s", chains[i].rules);
}

/* Many containers are counted, not listed. */
static void test_many(void **state)
{
	struct doctor_facts facts = good_facts();
	const struct doctor_container container = { .id = "c2", .ifname = "eth0", .mtu = 9000 };
	char *findings;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		assert_true(doctor_containers_push(&facts.networks.at[0].containers, &container));
	findings = diagnose(NULL, good_status, good_peers, &facts);
	assert_says(findings, "warning containers: 12 more have a larger MTU");
	test_free(findings);
	doctor_facts_free(&facts);
}

/* INPUT as printed by iptables-legacy, and whether it drops tunnel packets through eth0. */
static const struct {
	const char *rules;
	bool drops;
} inputs[] = {
	{ "-P INPUT ACCEPT\n", false },
	{ "-P INPUT DROP\n", true },
	{ "-P INPUT DROP\n-A INPUT -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT -p udp -m udp --dport 8472 -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT -p udp -m udp --dport 8000:9000 -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT -p udp -m multiport --dports 53,8472 -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT -p udp -m multiport --dports 53,123 -j ACCEPT\n", true },
	{ "-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 8472 -j ACCEPT\n", true },
	{ "-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n-A INPUT -i docker+ -j ACCEPT\n", true },
	{ "-P INPUT DROP\n-A INPUT -i eth+ -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT ! -i lo -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT ! -i eth0 -j ACCEPT\n", true },
	{ "-P INPUT DROP\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", true },
	{ "-P INPUT DROP\n-A INPUT -s 192.168.0.0/24 -j ACCEPT\n", false },
	{ "-P INPUT DROP\n-A INPUT -s 192.168.0.0/24 -p icmp -j ACCEPT\n", true },
	{ "-P INPUT DROP\n-N a\n-A INPUT -j a\n-A a -p udp -m udp --dport 8472 -j ACCEPT\n",
	  false },
	{ "-P INPUT DROP\n-N a\n-A INPUT -j a\n-A a -p udp -m udp --dport 53 -j ACCEPT\n", true },
	{ "-P INPUT ACCEPT\n-N a\n-A INPUT -g a\n-A INPUT -j DROP\n-A a -i lo -j ACCEPT\n", false },
	{ "-P INPUT ACCEPT\n-N a\n-A INPUT -j a\n-A a -j REJECT\n", true },
	{ "-P INPUT ACCEPT\n-A INPUT -s 10.0.0.1/32 -j DROP\n", false },
	{ "-P INPUT ACCEPT\n-A INPUT -m comment --comment \"a - b\" -j LOG --log-prefix \"x \"\n"
	  "-A INPUT -j DROP\n",
	  true },
	{ "-P INPUT ACCEPT\n-N a\n-A INPUT -j a\n-A a -j a\n-A INPUT -j DROP\n", false },
};

static void test_input_of_iptables_legacy(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
		if (doctor_legacy_drops_tunnel(inputs[i].rules, 8472, "eth0") != inputs[i].drops)
			fail_msg("%s", inputs[i].rules);
}

/* The installed peers of the routed networks, in both families. */
static void test_probes(void **state)
{
	static const char text[] =
		"[{\"network\":\"default\",\"subnet\":\"10.5.2.0/24\",\"subnet6\":\"fd00:5:2::/64\","
		"\"node_id\":\"id2\",\"node_name\":\"host2\",\"state\":\"installed\"},"
		"{\"network\":\"default\",\"subnet\":\"10.5.3.0/24\",\"node_id\":\"\","
		"\"node_name\":\"\",\"state\":\"installed\"},"
		"{\"network\":\"default\",\"subnet\":\"10.5.4.0/24\",\"state\":\"pending\"},"
		"{\"network\":\"other\",\"subnet\":\"10.6.4.0/24\",\"state\":\"installed\"}]";
	static const char *const addresses[] = { "10.5.2.1", "fd00:5:2::1", "10.5.3.0" };
	struct doctor_facts facts = good_facts();
	AUTO(doctor_probes) struct doctor_probes probes = { 0 };
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;
	struct jr root;

	(void)state;
	assert_good(json_parse(text, strlen(text), SIZE_MAX, JSON_STRICT, "peers", &json, &err),
		    err);
	root = jr_root(json);
	assert_good(doctor_probes_make(&root, &facts, &probes, &err), err);
	assert_int_equal(probes.len, ARRAY_LEN(addresses));
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		char buf[IPADDR_TEXT_SIZE] = "";
		const uint16_t *size = probes.at[i].size;

		assert_string_equal(ipaddr_text(&probes.at[i].to, buf), addresses[i]);
		assert_int_equal(size[0], 1450);
		/* Descending; IPv6 has no packet of less than 1280 bytes that may be too large. */
		for (size_t k = 1; k < DOCTOR_PROBE_SIZES && size[k]; k++) {
			assert_true(size[k] < size[k - 1]);
			assert_true(size[k] == 84 || size[k] >= (i == 1 ? 1280 : 576));
			assert_int_equal(size[k] == 84,
					 k == DOCTOR_PROBE_SIZES - 1 || !size[k + 1]);
		}
	}
	facts.networks.at[0].state.l2 = true;
	doctor_probes_clear(&probes);
	assert_good(doctor_probes_make(&root, &facts, &probes, &err), err);
	assert_int_equal(probes.len, 0);
	doctor_facts_free(&facts);
}

/* /proc/net/snmp. */
static void test_counters(void **state)
{
	static const char text[] =
		"Icmp: InMsgs InErrors\nIcmp: 5 6\nIcmpMsg: InType3\nIcmpMsg: 9\n"
		"Tcp: InSegs InErrs InCsumErrors\nTcp: 100 7 18446744073709551615\n";

	(void)state;
	assert_int_equal(doctor_host_counter(text, "Tcp", "InSegs"), 100);
	assert_true(doctor_host_counter(text, "Tcp", "InCsumErrors") == UINT64_MAX);
	assert_int_equal(doctor_host_counter(text, "Icmp", "InErrors"), 6);
	assert_int_equal(doctor_host_counter(text, "Tcp", "In"), 0);
	assert_int_equal(doctor_host_counter(text, "Udp", "InErrors"), 0);
	assert_int_equal(doctor_host_counter("Tcp: InSegs\n", "Tcp", "InSegs"), 0);
	assert_int_equal(doctor_host_counter("Tcp: InSegs InErrs\nTcp: 5\n", "Tcp", "InErrs"), 0);
	assert_int_equal(doctor_host_counter("", "Tcp", "InErrs"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_each_fault_alone),
		cmocka_unit_test(test_input_of_iptables_legacy),
		cmocka_unit_test(test_without_weftd),
		cmocka_unit_test(test_legacy_chains),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
