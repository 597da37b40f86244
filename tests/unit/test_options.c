/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

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

/* One way of saying something: flags, environment, file. */
struct said {
	char *args[ARGS_MAX];
	const char *environment[ARGS_MAX];
	const char *file;
};

static int parse(const struct said *said, struct options *options_out, struct err *err)
{
	const struct options_file file = { "/x/weftd.json", said->file,
					   said->file ? strlen(said->file) : 0 };
	char *argv[ARGS_MAX + 1] = { (char[]){ "weftd" } };
	int argc = 1;

	while (argc <= ARGS_MAX && said->args[argc - 1]) {
		argv[argc] = said->args[argc - 1];
		argc++;
	}
	variables = said->environment;
	return options_parse(argc, argv, environment, said->file ? &file : NULL, options_out, err);
}

/* Argument vectors are not const; nobody writes to these. */
#define ARG(text) ((char[]){ text })

static void absent_flags_have_defaults(void **state)
{
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&(struct said){ .file = NULL }, &options, &err), err);
	assert_null(options.store_file);
	assert_string_equal(options.endpoint[0], "http://127.0.0.1:2379");
	assert_null(options.endpoint[1]);
	assert_string_equal(options.etcd_prefix, "/coreos.com/network");
	assert_null(options.iface);
	assert_false(ipaddr_is_set(&options.public_ip[FAMILY_V4]));
	assert_false(ipaddr_is_set(&options.public_ip[FAMILY_V6]));
	assert_string_equal(options.subnet_file, "/run/flannel/subnet.env");
	assert_string_equal(options.run_dir, "/run/weft");
	assert_string_equal(options.state_dir, "/var/lib/weft");
	assert_null(options.config);
	assert_null(options.node_name);
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
	assert_string_equal(options->iface, "eth7");
	assert_true(ipaddr_equal(&options->public_ip[FAMILY_V4], &public_ip));
	assert_true(ipaddr_equal(&options->public_ip[FAMILY_V6], &public_ipv6));
	assert_string_equal(options->subnet_file, "/x/subnet.env");
	assert_string_equal(options->run_dir, "/x/run");
	assert_string_equal(options->state_dir, "/x/state");
	assert_string_equal(options->node_name, "node-7.example_x");
	assert_int_equal(options->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(options->log_format, LOG_FORMAT_JSON);
}

static void every_flag_can_be_said_in_three_places(void **state)
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
	assert_good(options_parse(LEN(flags), flags, environment, NULL, &options, &err), err);
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

static void flags_win_over_environment_and_that_over_the_file(void **state)
{
	static const char file[] =
		"{\"iface\":\"file\",\"run-dir\":\"/file\",\"node-name\":\"file\"}";
	const struct said said = {
		.args = { ARG("--iface"), ARG("first"), ARG("--iface"), ARG("flag") },
		.environment = { "WEFTD_IFACE", "env", "WEFTD_RUN_DIR", "/env", "WEFTD_NODE_NAME",
				 "" },
		.file = file,
	};
	struct options options;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(parse(&said, &options, &err), err);
	assert_string_equal(options.iface, "flag");
	assert_string_equal(options.run_dir, "/env");
	assert_string_equal(options.node_name, "file"); /* an empty variable says nothing */
	options_free(&options);
}

static void networks_add_up_within_one_source(void **state)
{
	const struct {
		struct said said;
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
	for (size_t i = 0; i < LEN(cases); i++) {
		struct options options;
		struct err err = ERR_INIT;
		char names[128] = "";

		assert_good(parse(&cases[i].said, &options, &err), err);
		for (size_t n = 0; n < options.network_len; n++)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
				 options.network[n]);
		assert_string_equal(names, cases[i].names);
		options_free(&options);
	}
}

/* Whatever else is wrong, but for a flag before them. */
static void some_flags_ask_for_something_else(void **state)
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
	for (size_t i = 0; i < LEN(cases); i++) {
		char texts[3][32], *argv[4] = { ARG("weftd") };
		int argc = 1;

		for (; argc < 4 && cases[i].args[argc - 1]; argc++) {
			snprintf(texts[argc - 1], sizeof(texts[0]), "%s", cases[i].args[argc - 1]);
			argv[argc] = texts[argc - 1];
		}
		assert_int_equal(options_look(argc, argv, environment).action, cases[i].action);
	}
}

static void assert_refused(const struct said *said, const char *says)
{
	struct options options;
	struct err err = ERR_INIT;

	if (parse(said, &options, &err) != -1)
		fail_msg("taken, which is not \"%s\"", says);
	assert_true(err.code == ERR_CONFIG || err.code == ERR_DECODE);
	assert_says(err.text, says);
	options_free(&options);
}

#define HOST_NAME_254                                                                              \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"    \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"    \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void wrong_flags_are_named(void **state)
{
	static const struct {
		const char *args[2];
		const char *says;
	} cases[] = {
		{ { "--colour" }, "unknown flag --colour" },
		{ { "--colour=red" }, "unknown flag --colour " },
		{ { "-" }, "unknown flag -" },
		{ { "--" }, "unknown flag --" },
		{ { "---iface", "eth0" }, "unknown flag ---iface" },
		{ { "--ifac", "eth0" }, "unknown flag --ifac" },
		{ { "word" }, "\"word\" is not a flag" },
		{ { "" }, "\"\" is not a flag" },
		{ { "--iface" }, "--iface needs a value: NAME|ADDRESS" },
		{ { "--version=1" }, "--version takes no value" },
		{ { "-v=2" }, "--v takes no value" },
		{ { "--store", "kubernetes" },
		  "--store: \"kubernetes\" is neither etcd nor file:" },
		{ { "--store", "file:net.json" }, "--store: \"file:net.json\"" },
		{ { "--store", "file:" }, "absolute path" },
		{ { "--store=" }, "--store: \"\"" },
		{ { "--network", "" }, "--network: network name \"\"" },
		{ { "--network", "a,,b" }, "network name \"\"" },
		{ { "--network", "a/b" }, "\"a/b\"" },
		{ { "--network=a", "--network=a" }, "--network: \"a\" is named twice" },
		{ { "--network=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		  "is longer than 63 bytes" },
		{ { "--network=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" }, "more than 16 networks" },
		{ { "--etcd-endpoints", "127.0.0.1:2379" },
		  "--etcd-endpoints: \"127.0.0.1:2379\"" },
		{ { "--etcd-endpoints", "" }, "http://HOST:PORT" },
		{ { "--etcd-endpoints", "http://" }, "http://HOST:PORT" },
		{ { "--etcd-endpoints", "http:///" }, "http://HOST:PORT" },
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
		{ { "--iface", "a-name-of-16-byte" },
		  "neither an interface's name nor its address" },
		{ { "--public-ip", "fd00::1" }, "not an IPv4 address that a host can have" },
		{ { "--public-ipv6", "192.0.2.7" }, "not an IPv6 address that a host can have" },
		{ { "--public-ip", "127.0.0.1" }, "not an IPv4 address that a host can have" },
		{ { "--public-ip", "host" }, "--public-ip: \"host\"" },
		{ { "--subnet-file", "subnet.env" },
		  "--subnet-file: \"subnet.env\" is not an abs" },
		{ { "--run-dir", "run" }, "--run-dir: \"run\" is not an absolute path" },
		{ { "--state-dir", "" }, "--state-dir: \"\" is not an absolute path" },
		{ { "--node-name", "a b" }, "--node-name: \"a b\" has other characters" },
		{ { "--node-name", HOST_NAME_254 }, "longer than 253 bytes" },
		{ { "--log-format", "xml" }, "\"xml\" is not text or json" },
		{ { "--log-level", "loud" }, "\"loud\" is not error, warn, info or debug" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		char first[512], second[512];
		struct said said = { .args = { first } };

		snprintf(first, sizeof(first), "%s", cases[i].args[0]);
		snprintf(second, sizeof(second), "%s", cases[i].args[1] ? cases[i].args[1] : "");
		said.args[1] = cases[i].args[1] ? second : NULL;
		assert_refused(&said, cases[i].says);
	}
}

static void a_wrong_environment_or_file_is_named(void **state)
{
	static const struct said cases[] = {
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
	for (size_t i = 0; i < LEN(cases); i++)
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
	for (size_t i = 0; i < LEN(cases); i++) {
		const char *const pair[] = { "WEFTD_CONFIG", cases[i].variable, NULL };
		char texts[3][32], *argv[4] = { ARG("weftd") };
		const char *path;
		int argc = 1;

		for (; argc < 4 && cases[i].args[argc - 1]; argc++) {
			snprintf(texts[argc - 1], sizeof(texts[0]), "%s", cases[i].args[argc - 1]);
			argv[argc] = texts[argc - 1];
		}
		variables = pair;
		path = options_look(argc, argv, environment).config;
		if (!path || !cases[i].want)
			assert_true(path == cases[i].want);
		else
			assert_string_equal(path, cases[i].want);
	}
}

static void help_shows_every_flag(void **state)
{
	static const char *const flags[] = {
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
		"--v ",
		"--version",
		"--help",
		"WEFTD_<FLAG>",
	};

	(void)state;
	for (size_t i = 0; i < LEN(flags); i++)
		assert_says(options_help(), flags[i]);
}

/* As flannel's: alone it is true, "=" gives a value. */
static void a_switch_may_stand_alone(void **state)
{
	static const struct {
		const char *args[4];
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
	for (size_t i = 0; i < LEN(cases); i++) {
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_switch_may_stand_alone),
		cmocka_unit_test(absent_flags_have_defaults),
		cmocka_unit_test(every_flag_can_be_said_in_three_places),
		cmocka_unit_test(flags_win_over_environment_and_that_over_the_file),
		cmocka_unit_test(some_flags_ask_for_something_else),
		cmocka_unit_test(wrong_flags_are_named),
		cmocka_unit_test(a_wrong_environment_or_file_is_named),
		cmocka_unit_test(the_configuration_file_can_be_named),
		cmocka_unit_test(help_shows_every_flag),
		cmocka_unit_test(networks_add_up_within_one_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
