/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#define ARGS_MAX 8

/* The environment of a test: pairs of name and value, ended by NULL. */
static const char *const *variables;

static const char *environment(const char *name)
{
	for (const char *const *at = variables; at && *at; at += 2)
		if (!strcmp(at[0], name))
			return at[1];
	return NULL;
}

/* The sources of one parse: arguments, environment, file. */
struct sources {
	char *args[ARGS_MAX];
	const char *environment[ARGS_MAX];
	const char *file;
};

static int parse(const struct sources *sources, struct options *options_out, struct err *err)
{
	const struct options_file file = { "/x/weftd.json", sources->file,
					   sources->file ? strlen(sources->file) : 0 };
	char *argv[ARGS_MAX + 1] = { (char[]){ "weftd" } };
	int argc = 1, rc;

	while (argc <= ARGS_MAX && sources->args[argc - 1]) {
		argv[argc] = sources->args[argc - 1];
		argc++;
	}
	variables = sources->environment;
	rc = options_parse(argc, argv, environment, sources->file ? &file : NULL, options_out, err);
	variables = NULL;
	return rc;
}

/* Argument vectors are not const, but are not modified. */
#define ARG(text) ((char[]){ text })

static void absent_flags_have_defaults(void **state)
{
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&(struct sources){ .file = NULL }, &options, &err), err);
	assert_null(options.store_file);
	assert_false(options.kubernetes);
	assert_null(options.kubeconfig);
	assert_null(options.kube_server[0]);
	assert_string_equal(options.kube_prefix, "flannel.alpha.coreos.com");
	assert_string_equal(options.netconf, "/etc/kube-flannel/net-conf.json");
	assert_true(options.kube_condition);
	assert_string_equal(options.endpoint[0], "http://127.0.0.1:2379");
	assert_null(options.endpoint[1]);
	assert_string_equal(options.etcd_prefix, "/coreos.com/network");
	assert_int_equal(options.iface.len, 0);
	assert_int_equal(options.iface_regex.len, 0);
	assert_false(ipaddr_is_set(&options.iface_can_reach));
	assert_false(ipaddr_is_set(&options.public_ip[FAMILY_V4]));
	assert_false(ipaddr_is_set(&options.public_ip[FAMILY_V6]));
	assert_string_equal(options.subnet_file, "/run/flannel/subnet.env");
	assert_false(options.install_cni);
	assert_string_equal(options.cni_bin_dir, "/opt/cni/bin");
	assert_string_equal(options.cni_conf_dir, "/etc/cni/net.d");
	assert_string_equal(options.sysctl_dir, "/proc/sys");
	assert_string_equal(options.run_dir, "/run/weft");
	assert_string_equal(options.state_dir, "/var/lib/weft");
	assert_null(options.config);
	assert_null(options.node_name);
	assert_int_equal(options.healthz_port, 0);
	assert_int_equal(options.healthz_ip.family, AF_INET);
	assert_false(memcmp(options.healthz_ip.be, (uint8_t[16]){ 0 }, 16));
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(options.log_format, LOG_FORMAT_TEXT);
	options_free(&options);
}

static void assert_all_set(const struct options *options)
{
	struct ipaddr public_ip = sample_addr("192.0.2.7");
	struct ipaddr public_ipv6 = sample_addr("2001:db8::7");

	assert_string_equal(options->store_file, "/x/net.json");
	assert_string_equal(options->endpoint[0], "https://[::1]:2379");
	assert_string_equal(options->endpoint[1], "http://etcd.example");
	assert_null(options->endpoint[2]);
	assert_string_equal(options->etcd_prefix, "/a/b");
	assert_string_equal(options->iface.at[0], "eth7");
	assert_null(options->iface.at[1]);
	assert_true(ipaddr_equal(&options->public_ip[FAMILY_V4], &public_ip));
	assert_true(ipaddr_equal(&options->public_ip[FAMILY_V6], &public_ipv6));
	assert_string_equal(options->subnet_file, "/x/subnet.env");
	assert_string_equal(options->run_dir, "/x/run");
	assert_string_equal(options->state_dir, "/x/state");
	assert_string_equal(options->node_name, "node-7.example_x");
	assert_int_equal(options->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(options->log_format, LOG_FORMAT_JSON);
}

static void every_option_has_three_sources(void **state)
{
	static const char *const in_environment[] = {
		"WEFTD_STORE",
		"file:/x/net.json",
		"WEFTD_ETCD_ENDPOINTS",
		"https://[::1]:2379/,http://etcd.example//",
		"WEFTD_ETCD_PREFIX",
		"/a/b",
		"WEFTD_IFACE",
		"eth7",
		"WEFTD_PUBLIC_IP",
		"192.0.2.7",
		"WEFTD_PUBLIC_IPV6",
		"2001:db8::7",
		"WEFTD_SUBNET_FILE",
		"/x/subnet.env",
		"WEFTD_RUN_DIR",
		"/x/run",
		"WEFTD_STATE_DIR",
		"/x/state",
		"WEFTD_NODE_NAME",
		"node-7.example_x",
		"WEFTD_LOG_LEVEL",
		"debug",
		"WEFTD_LOG_FORMAT",
		"json",
		"WEFTD_CONFIG",
		"/x/weftd.json",
		"WEFTD_VERSION",
		"1",
		"WEFTD_V",
		"1",
		NULL,
	};
	static const char file[] =
		"{\"store\":\"file:/x/net.json\","
		"\"etcd-endpoints\":\"https://[::1]:2379/,http://etcd.example//\","
		"\"etcd-prefix\":\"/a/b\",\"iface\":\"eth7\",\"public-ip\":\"192.0.2.7\","
		"\"public-ipv6\":\"2001:db8::7\","
		"\"subnet-file\":\"/x/subnet.env\",\"run-dir\":\"/x/run\","
		"\"state-dir\":\"/x/state\",\"node-name\":\"node-7.example_x\","
		"\"log-level\":\"debug\",\"log-format\":\"json\"}";
	char *flags[] = {
		ARG("weftd"),
		ARG("--store=file:/x/net.json"),
		ARG("--etcd-endpoints"),
		ARG("https://[::1]:2379/,http://etcd.example//"),
		ARG("-etcd-prefix=/a/b"),
		ARG("--iface=eth7"),
		ARG("-public-ip"),
		ARG("192.0.2.7"),
		ARG("-public-ipv6=2001:db8::7"),
		ARG("--subnet-file=/x/subnet.env"),
		ARG("--run-dir"),
		ARG("/x/run"),
		ARG("--state-dir=/x/state"),
		ARG("--node-name=node-7.example_x"),
		ARG("-v"),
		ARG("--log-format=json"),
	};
	const struct options_file written = { "/x/weftd.json", file, strlen(file) };
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	variables = NULL;
	assert_good(options_parse(ARRAY_LEN(flags), flags, environment, NULL, &options, &err), err);
	assert_all_set(&options);
	options_free(&options);
	assert_good(options_parse(1, flags, environment, &written, &options, &err), err);
	assert_all_set(&options);
	options_free(&options);
	variables = in_environment;
	assert_good(options_parse(1, flags, environment, NULL, &options, &err), err);
	assert_all_set(&options);
	assert_string_equal(options.config, "/x/weftd.json");
	options_free(&options);
}

static void the_uplink_is_named_in_several_ways(void **state)
{
	const struct sources sources = {
		.args = { ARG("--iface=192.168.0.1,fd00::1"), ARG("--iface=eth1"),
			  ARG("--iface-regex=^eth[01]$"), ARG("--iface-regex=^192\\.168\\.") },
	};
	const struct sources reach = { .args = { ARG("--iface-can-reach=2001:db8::1") } };
	const struct ipaddr target = sample_addr("2001:db8::1");
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&sources, &options, &err), err);
	assert_string_equal(options.iface.at[0], "192.168.0.1,fd00::1");
	assert_string_equal(options.iface.at[1], "eth1");
	assert_string_equal(options.iface_regex.at[0], "^eth[01]$");
	assert_string_equal(options.iface_regex.at[1], "^192\\.168\\.");
	assert_null(options.iface_regex.at[2]);
	options_free(&options);
	assert_good(parse(&reach, &options, &err), err);
	assert_true(ipaddr_equal(&options.iface_can_reach, &target));
	options_free(&options);
}

static void arguments_override_environment_and_that_the_file(void **state)
{
	static const char file[] =
		"{\"iface\":\"file\",\"run-dir\":\"/file\",\"node-name\":\"file\"}";
	const struct sources sources = {
		.args = { ARG("--iface"), ARG("first"), ARG("--iface"), ARG("flag") },
		.environment = { "WEFTD_IFACE", "env", "WEFTD_RUN_DIR", "/env", "WEFTD_NODE_NAME",
				 "" },
		.file = file,
	};
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&sources, &options, &err), err);
	assert_string_equal(options.iface.at[0], "first");
	assert_string_equal(options.iface.at[1], "flag");
	assert_null(options.iface.at[2]);
	assert_string_equal(options.run_dir, "/env");
	assert_string_equal(options.node_name, "file"); /* an empty variable is ignored */
	options_free(&options);
}

static void flannels_option_for_kubernetes_can_be_overridden(void **state)
{
	const struct {
		struct sources sources;
		bool kubernetes;
		const char *file; /* of the store */
	} cases[] = {
		{ { .environment = { "WEFTD_KUBE_SUBNET_MGR", "true" } }, true, NULL },
		{ { .environment = { "WEFTD_KUBE_SUBNET_MGR", "true" },
		    .args = { ARG("--kube-subnet-mgr=false") } },
		  false,
		  NULL },
		{ { .environment = { "WEFTD_KUBE_SUBNET_MGR", "true" },
		    .args = { ARG("--store=file:/x"), ARG("--kube-subnet-mgr=false") } },
		  false,
		  "/x" },
		{ { .environment = { "WEFTD_STORE", "kubernetes" },
		    .args = { ARG("--kube-subnet-mgr=false") } },
		  true,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options;
		struct err err = ERR_INIT;

		assert_good(parse(&cases[i].sources, &options, &err), err);
		assert_int_equal(options.kubernetes, cases[i].kubernetes);
		if (cases[i].file)
			assert_string_equal(options.store_file, cases[i].file);
		else
			assert_null(options.store_file);
		options_free(&options);
	}
}

static void networks_accumulate_within_one_source(void **state)
{
	const struct {
		struct sources sources;
		const char *names;
	} cases[] = {
		{ { .file = NULL }, "default " },
		{ { .file = "{\"network\":\"a,b\"}" }, "a b " },
		{ { .environment = { "WEFTD_NETWORK", "c,d" }, .file = "{\"network\":\"a\"}" },
		  "c d " },
		{ { .args = { ARG("--network"), ARG("e"), ARG("--network=default,f") },
		    .environment = { "WEFTD_NETWORK", "c" } },
		  "e default f " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options;
		struct err err = ERR_INIT;
		char names[128] = "";

		assert_good(parse(&cases[i].sources, &options, &err), err);
		for (size_t n = 0; n < options.network_len; n++)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
				 options.network[n]);
		assert_string_equal(names, cases[i].names);
		options_free(&options);
	}
}

/* Also if another option is invalid, unless that option comes first. */
static void some_options_select_another_action(void **state)
{
	static const struct {
		const char *args[3];
		enum options_action action;
	} cases[] = {
		{ { NULL }, OPTIONS_RUN },
		{ { "--help" }, OPTIONS_HELP },
		{ { "-help" }, OPTIONS_HELP },
		{ { "--version" }, OPTIONS_VERSION },
		{ { "-version", "-help" }, OPTIONS_VERSION },
		{ { "--config", "/nowhere", "--help" }, OPTIONS_HELP },
		{ { "--log-level=loud", "--version", "--colour" }, OPTIONS_VERSION },
		{ { "--iface", "--help" }, OPTIONS_RUN },
		{ { "--colour", "--help" }, OPTIONS_RUN },
		{ { "--help=1" }, OPTIONS_RUN },
	};

	(void)state;
	variables = NULL;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char texts[3][32], *argv[4] = { ARG("weftd") };
		int argc = 1;

		for (; argc < 4 && cases[i].args[argc - 1]; argc++) {
			snprintf(texts[argc - 1], sizeof(texts[0]), "%s", cases[i].args[argc - 1]);
			argv[argc] = texts[argc - 1];
		}
		assert_int_equal(options_scan(argc, argv, environment).action, cases[i].action);
	}
}

static void assert_refused(const struct sources *sources, const char *says)
{
	struct options options;
	struct err err = ERR_INIT;

	if (parse(sources, &options, &err) != -1)
		fail_msg("accepted, expected \"%s\"", says);
	assert_true(err.code == ERR_CONFIG || err.code == ERR_DECODE);
	assert_says(err.text, says);
	options_free(&options);
}

#define HOST_NAME_254                                                                              \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"    \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"    \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *args[2];
	const char *says;
} wrong[] = {
	{ { "--colour" }, "unknown option '--colour'. Try 'weftd --help'." },
	{ { "--colour=red" }, "unknown option '--colour'." },
	{ { "-c" }, "unknown option '-c'." },
	{ { "-vv" }, "unknown option '-vv'." },
	{ { "-:" }, "unknown option '-:'." },
	{ { "--\x1b[2J" }, "unknown option '--\\x1b[2J'." },
	{ { "-" }, "unexpected argument '-'. Try 'weftd --help'." },
	{ { "--", "word" }, "unexpected argument 'word'." },
	{ { "---iface", "eth0" }, "unknown option '---iface'." },
	/* Abbreviations, unambiguous and ambiguous. */
	{ { "--ifac", "eth0" }, "unknown option '--ifac'." },
	{ { "-ifac=eth0" }, "unknown option '-ifac'." },
	{ { "--ifac" }, "unknown option '--ifac'." },
	{ { "--vers=1" }, "unknown option '--vers'." },
	{ { "--etcd-pass=x" }, "unknown option '--etcd-pass'." },
	{ { "word" }, "unexpected argument 'word'." },
	{ { "" }, "unexpected argument ''." },
	{ { "--healthz-ip", "" }, "--healthz-ip: \"\" is not an IP address" },
	{ { "--healthz-ip", "localhost" }, "--healthz-ip: \"localhost\" is not an IP address" },
	{ { "--probe=maybe", NULL }, "--probe: \"maybe\" is not true or false" },
	{ { "--probe-interval", "0" },
	  "--probe-interval: \"0\" is not a number of seconds: 1 to 3600" },
	{ { "--probe-interval", "3601" }, "--probe-interval: \"3601\" is not a number of" },
	{ { "--probe-interval", "1.5" }, "--probe-interval: \"1.5\" is not a number of" },
	{ { "--healthz-port", "" }, "--healthz-port: \"\" is not a port: 0 to 65535" },
	{ { "--healthz-port", "-1" }, "--healthz-port: \"-1\" is not a port" },
	{ { "--healthz-port", "65536" }, "--healthz-port: \"65536\" is not a port" },
	{ { "--healthz-port", "http" }, "--healthz-port: \"http\" is not a port" },
	{ { "--ip-masq", "yes" }, "unexpected argument 'yes'." },
	{ { "--ip-masq=yes" }, "--ip-masq: \"yes\" is not true or false" },
	{ { "--ip-masq=" }, "--ip-masq: \"\" is not true or false" },
	{ { "--iface" }, "--iface requires a value: NAME|ADDRESS" },
	{ { "--version=1" }, "--version takes no value" },
	{ { "-v=2" }, "--v takes no value" },
	{ { "--store", "consul" }, "--store: \"consul\" is neither etcd, nor kubernetes" },
	{ { "--kube-subnet-mgr", "--network=default,blue" },
	  "--network blue: --store kubernetes has one network" },
	{ { "--kube-api-url", "10.0.0.1:6443" }, "--kube-api-url: \"10.0.0.1:6443\"" },
	{ { "--kubeconfig-file", "config" },
	  "--kubeconfig-file: \"config\" is not an absolute path" },
	{ { "--kube-subnet-mgr=yes" }, "--kube-subnet-mgr: \"yes\" is not true or false" },
	{ { "--kube-subnet-mgr", "--kube-annotation-prefix=" },
	  "--kube-annotation-prefix must not be empty" },
	{ { "--store", "file:net.json" }, "--store: \"file:net.json\"" },
	{ { "--store", "file:" }, "absolute path" },
	{ { "--store=" }, "--store: \"\"" },
	{ { "--network", "" }, "--network: network name \"\"" },
	{ { "--network", "a,,b" }, "network name \"\"" },
	{ { "--network=a", "--network=*" }, "\"*\" excludes other networks" },
	{ { "--network=*", "--network=a" }, "\"*\" excludes other networks" },
	{ { "--network", "a/b" }, "\"a/b\"" },
	{ { "--network=a", "--network=a" }, "--network: duplicate network \"a\"" },
	{ { "--network=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	  "is longer than 63 bytes" },
	{ { "--network=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" }, "more than 16 networks" },
	{ { "--etcd-endpoints", "127.0.0.1:2379" }, "--etcd-endpoints: \"127.0.0.1:2379\"" },
	{ { "--etcd-endpoints", "" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http:///" }, "\"http://\" is not of the form" },
	{ { "--etcd-endpoints", "http://a:0" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a:65536" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a:" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a:x" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a:1:2" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://:2379" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a\n:1" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a\\b:1" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://fd00::1:2379" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://[fd00::1:2379" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://[fd00::1]2379" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://[10.0.0.1]:2379" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://[]:2379" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://a,," }, "\"\" is not of the form" },
	{ { "--etcd-endpoints", "http://a/v3" }, "\"http://a/v3\"" },
	{ { "--etcd-endpoints", "http://u:p@a" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "ftp://a" }, "http://HOST:PORT" },
	{ { "--etcd-endpoints", "http://1,http://2,http://3,http://4,http://5,http://6,"
				"http://7,http://8,http://9,http://a,http://b,http://c,"
				"http://d,http://e,http://f,http://0,http://g" },
	  "more than 16" },
	{ { "--etcd-prefix", "a" }, "--etcd-prefix: \"a\"" },
	{ { "--etcd-prefix", "/" }, "\"/\"" },
	{ { "--etcd-prefix", "/a/" }, "\"/a/\"" },
	{ { "--etcd-prefix=" }, "\"\"" },
	{ { "--iface", "a-name-of-16-byte" }, "neither an interface name nor an IP address" },
	{ { "--iface", "192.168.0.1,192.168.0.2" }, "is not one IPv4 and one IPv6 address" },
	{ { "--iface", "eth0,eth1" }, "give further interfaces as further --iface" },
	{ { "--iface", "192.168.0.1," }, "is not one IPv4 and one IPv6 address" },
	{ { "--iface", "192.168.0.1,fd00::1,fd00::2" }, "is not one IPv4 and one IPv6 address" },
	{ { "--iface-regex", "eth(" }, "\"eth(\" is not a POSIX extended regular expression: " },
	{ { "--iface-can-reach", "eth0" }, "\"eth0\" is not a unicast IP address" },
	{ { "--iface-can-reach", "127.0.0.1" }, "\"127.0.0.1\" is not a unicast IP address" },
	{ { "--iface=eth0", "--iface-can-reach=192.0.2.1" },
	  "--iface-can-reach and --iface exclude each other" },
	{ { "--iface-regex=eth", "--iface-can-reach=192.0.2.1" },
	  "--iface-can-reach and --iface-regex exclude each other" },
	{ { "--public-ip", "fd00::1" }, "not a unicast IPv4 address" },
	{ { "--public-ipv6", "192.0.2.7" }, "not a unicast IPv6 address" },
	{ { "--public-ip", "127.0.0.1" }, "not a unicast IPv4 address" },
	{ { "--public-ip", "host" }, "--public-ip: \"host\"" },
	{ { "--subnet-file", "subnet.env" }, "--subnet-file: \"subnet.env\" is not an abs" },
	{ { "--cni-bin-dir", "bin" }, "--cni-bin-dir: \"bin\" is not an absolute path" },
	{ { "--cni-conf-dir", "" }, "--cni-conf-dir: \"\" is not an absolute path" },
	{ { "--sysctl-dir", "sys" }, "--sysctl-dir: \"sys\" is not an absolute path" },
	{ { "--install-cni=yes" }, "--install-cni: \"yes\" is not true or false" },
	{ { "--run-dir", "run" }, "--run-dir: \"run\" is not an absolute path" },
	{ { "--state-dir", "" }, "--state-dir: \"\" is not an absolute path" },
	{ { "--node-name", "a b" }, "--node-name: \"a b\" may only contain" },
	{ { "--node-name", HOST_NAME_254 }, "longer than 253 bytes" },
	{ { "--log-format", "xml" }, "\"xml\" is not text or json" },
	{ { "--log-level", "loud" }, "\"loud\" is not error, warn, info or debug" },
};

static void invalid_options_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char first[512], second[512];
		struct sources sources = { .args = { first } };

		snprintf(first, sizeof(first), "%s", wrong[i].args[0]);
		snprintf(second, sizeof(second), "%s", wrong[i].args[1] ? wrong[i].args[1] : "");
		sources.args[1] = wrong[i].args[1] ? second : NULL;
		assert_refused(&sources, wrong[i].says);
	}
}

static void an_invalid_environment_or_file_is_named(void **state)
{
	static const struct sources cases[] = {
		{ .environment = { "WEFTD_LOG_LEVEL", "loud" } },
		{ .file = "" },
		{ .file = "{" },
		{ .file = "[\"iface\"]" },
		{ .file = "7" },
		{ .file = "{\"colour\":\"red\"}" },
		{ .file = "{\"v\":\"true\"}" },
		{ .file = "{\"config\":\"/a\"}" },
		{ .file = "{\"iface\":7}" },
		{ .file = "{\"iface\":null}" },
		{ .file = "{\"run-dir\":\"run\"}" },
		{ .file = "{\"iface\":\"a\",\"iface\":\"b\"}" },
	};
	static const char *const says[] = {
		"WEFTD_LOG_LEVEL: \"loud\"",
		"configuration file: /x/weftd.json: ",
		"configuration file: /x/weftd.json: ",
		"configuration file: /x/weftd.json: ",
		"configuration file: /x/weftd.json: ",
		"configuration file: /x/weftd.json: unknown key \"colour\"",
		"unknown key \"v\"",
		"unknown key \"config\"",
		"iface",
		"iface",
		"configuration file: /x/weftd.json: key run-dir: \"run\"",
		"iface",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(&cases[i], says[i]);
}

static void the_configuration_file_can_be_named(void **state)
{
	static const struct {
		const char *args[3];
		const char *variable, *want;
	} cases[] = {
		{ { NULL }, NULL, NULL },
		{ { NULL }, "/env", "/env" },
		{ { NULL }, "", NULL },
		{ { "--config", "/flag" }, "/env", "/flag" },
		{ { "-config=/flag" }, NULL, "/flag" },
		{ { "--config=" }, "/env", NULL },
		{ { "-v", "--config", "/flag" }, NULL, "/flag" },
		{ { "--iface", "--config", "/flag" }, NULL, NULL },
		{ { "--colour", "--config", "/flag" }, "/env", "/env" },
		{ { "--config" }, "/env", "/env" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const pair[] = { "WEFTD_CONFIG", cases[i].variable, NULL };
		char texts[3][32], *argv[4] = { ARG("weftd") };
		const char *path;
		int argc = 1;

		for (; argc < 4 && cases[i].args[argc - 1]; argc++) {
			snprintf(texts[argc - 1], sizeof(texts[0]), "%s", cases[i].args[argc - 1]);
			argv[argc] = texts[argc - 1];
		}
		variables = pair;
		path = options_scan(argc, argv, environment).config;
		if (!path || !cases[i].want)
			assert_true(path == cases[i].want);
		else
			assert_string_equal(path, cases[i].want);
	}
}

static void help_lists_every_option(void **state)
{
	static const char *const options[] = {
		"--etcd-endpoints URL",
		"--etcd-prefix PATH",
		"--iface NAME",
		"--public-ip ADDRESS",
		"--public-ipv6 ADDRESS",
		"--subnet-file FILE",
		"--network NAME[,NAME...]",
		"--run-dir DIR",
		"--state-dir",
		"--config FILE",
		"--node-name NAME",
		"--log-format",
		"--log-level",
		"  -v  ",
		"--version",
		"--help",
		"WEFTD_<OPTION>",
	};

	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_non_null(file);
	options_help(file);
	assert_int_equal(fclose(file), 0);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		assert_says(text, options[i]);
	assert_null(strstr(text, "--v "));
	assert_string_equal(text + size - 1, "\n");
	free(text);
}

static void the_http_server_has_address_and_port(void **state)
{
	const struct sources sources = {
		.args = { ARG("--healthz-ip=::1"), ARG("--healthz-port"), ARG("65535") },
		.environment = { "WEFTD_HEALTHZ_PORT", "1" },
	};
	struct ipaddr expected = sample_addr("::1");
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&sources, &options, &err), err);
	assert_true(ipaddr_equal(&options.healthz_ip, &expected));
	assert_int_equal(options.healthz_port, 65535);
	options_free(&options);
}

static void probes_are_off_unless_they_are_requested(void **state)
{
	const struct sources none = { .args = { NULL } };
	const struct sources sources = {
		.args = { ARG("--probe") },
		.environment = { "WEFTD_PROBE_INTERVAL", "30" },
	};
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&none, &options, &err), err);
	assert_false(options.probe);
	assert_int_equal(options.probe_interval_s, 10);
	options_free(&options);
	assert_good(parse(&sources, &options, &err), err);
	assert_true(options.probe);
	assert_int_equal(options.probe_interval_s, 30);
	options_free(&options);
}

/* As in flannel: --ip-masq, --ip-masq=false. */
static void the_value_of_a_boolean_is_optional(void **state)
{
	static const struct {
		const char *args[5];
		bool masquerades, forwards;
	} cases[] = {
		{ { "weftd" }, false, true },
		{ { "weftd", "--ip-masq" }, true, true },
		{ { "weftd", "-ip-masq", "--iptables-forward-rules=false" }, true, false },
		{ { "weftd", "--ip-masq=false" }, false, true },
		{ { "weftd", "--ip-masq", "true", "-v" }, true, true },
		{ { "weftd", "--iptables-forward-rules", "false" }, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options;
		struct err err = ERR_INIT;
		int argc = 0;

		while (argc < 4 && cases[i].args[argc])
			argc++;
		assert_int_equal(options_parse(argc, (char *const *)(uintptr_t)cases[i].args,
					       environment, NULL, &options, &err),
				 0);
		assert_true(options.ip_masq == cases[i].masquerades);
		assert_true(options.forward_rules == cases[i].forwards);
		assert_true(options.tunnel_guard);
		options_free(&options);
	}
}

static void the_fast_path_is_auto_or_off(void **state)
{
	const struct {
		struct sources sources;
		int result;
		bool fast_path;
	} cases[] = {
		{ { .file = NULL }, 0, true },
		{ { .args = { ARG("--fast-path=auto") } }, 0, true },
		{ { .args = { ARG("--fast-path=off") } }, 0, false },
		{ { .environment = { "WEFTD_FAST_PATH", "off" } }, 0, false },
		{ { .args = { ARG("--fast-path=on") } }, -1, false },
		{ { .args = { ARG("--fast-path=") } }, -1, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options;
		struct err err = ERR_INIT;

		assert_int_equal(parse(&cases[i].sources, &options, &err), cases[i].result);
		if (cases[i].result == 0)
			assert_true(options.fast_path == cases[i].fast_path);
		else
			assert_says(err.text, "is not auto or off");
		options_free(&options);
	}
}

static void kubernetes_is_chosen_by_either_option(void **state)
{
	const struct sources cases[] = {
		{ .args = { ARG("--store=kubernetes") } },
		{ .args = { ARG("--store=kubernetes"), ARG("--kube-subnet-mgr=false") } },
		{ .args = { ARG("--kube-subnet-mgr") } },
		{ .environment = { "WEFTD_KUBE_SUBNET_MGR", "true" } },
		{ .file = "{\"store\":\"kubernetes\"}" },
	};
	const struct sources all = {
		.args = { ARG("--kube-subnet-mgr"), ARG("--kube-api-url=https://a:1/,https://b:2"),
			  ARG("--kubeconfig-file=/k"), ARG("--kube-annotation-prefix=a.b/c"),
			  ARG("--net-config-path=/n"), ARG("--set-node-network-unavailable=false") }
	};
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_good(parse(&cases[i], &options, &err), err);
		assert_true(options.kubernetes);
		options_free(&options);
	}
	assert_good(parse(&all, &options, &err), err);
	assert_string_equal(options.kube_server[0], "https://a:1");
	assert_string_equal(options.kube_server[1], "https://b:2");
	assert_null(options.kube_server[2]);
	assert_string_equal(options.kubeconfig, "/k");
	assert_string_equal(options.kube_prefix, "a.b/c");
	assert_string_equal(options.netconf, "/n");
	assert_false(options.kube_condition);
	options_free(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_http_server_has_address_and_port),
		cmocka_unit_test(probes_are_off_unless_they_are_requested),
		cmocka_unit_test(the_value_of_a_boolean_is_optional),
		cmocka_unit_test(absent_flags_have_defaults),
		cmocka_unit_test(the_fast_path_is_auto_or_off),
		cmocka_unit_test(kubernetes_is_chosen_by_either_option),
		cmocka_unit_test(every_option_has_three_sources),
		cmocka_unit_test(the_uplink_is_named_in_several_ways),
		cmocka_unit_test(arguments_override_environment_and_that_the_file),
		cmocka_unit_test(some_options_select_another_action),
		cmocka_unit_test(invalid_options_are_named),
		cmocka_unit_test(an_invalid_environment_or_file_is_named),
		cmocka_unit_test(the_configuration_file_can_be_named),
		cmocka_unit_test(help_lists_every_option),
		cmocka_unit_test(flannels_option_for_kubernetes_can_be_overridden),
		cmocka_unit_test(networks_accumulate_within_one_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
