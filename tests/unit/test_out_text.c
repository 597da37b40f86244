/* SPDX-License-Identifier: Apache-2.0 */
/* The text output for users, byte by byte; and answers with control characters. */
#include "ctl/out.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000

static const char ready[] =
	"{\"version\":\"0.1.0\",\"pid\":7,\"node_id\":\"0f8fad5b-d9cb-469f-a165-70867728950e\","
	"\"node_name\":\"host1\",\"started_at\":1699999800,"
	"\"fast_path\":{\"state\":\"on\",\"error\":\"\",\"devices\":2,\"flows\":3},\"networks\":[{"
	"\"name\":\"default\",\"state\":\"ready\",\"reason\":\"\",\"since\":1699999880,"
	"\"store\":{\"endpoint\":\"http://127.0.0.1:2379\",\"connected\":true,"
	"\"since\":1699999870,\"error\":\"\"},"
	"\"lease\":{\"subnet\":\"10.5.1.0/24\",\"key\":\"10.5.1.0-24\",\"etcd_lease_id\":\"7587\","
	"\"ttl\":86400,\"renewed_at\":1699999990,\"reserved\":false},"
	"\"cluster\":\"10.5.0.0/16\",\"vni\":1,\"port\":8472,\"mtu\":1450,"
	"\"bridge\":\"weft-br1\",\"vxlan\":\"weft-vx1\",\"vtep_mac\":\"c6:d2:32:6f:8f:44\","
	"\"uplink\":{\"name\":\"eth0\",\"address\":\"192.168.0.1\","
	"\"public_ip\":\"192.168.0.1\",\"mtu\":1500},"
	"\"peers\":{\"usable\":2,\"installed\":2,\"refused\":0},"
	"\"reconciles\":{\"total\":3,\"failed\":0,\"entries_written\":6,\"last_error\":\"\"}}]}";

static const char ready_text[] =
	"weftd 0.1.0 on host1, pid 7, started 3 min ago\n"
	"node 0f8fad5b-d9cb-469f-a165-70867728950e\n"
	"\n"
	"NETWORK  STATE  FOR    SUBNET       LEASE                   PEERS   STORE\n"
	"default  ready  2 min  10.5.1.0/24  24 h, renewed 10 s ago  2 of 2  "
	"http://127.0.0.1:2379\n"
	"\n"
	"NETWORK  CLUSTER      VNI  PORT  MTU   BRIDGE    VXLAN     UPLINK  PUBLIC IP\n"
	"default  10.5.0.0/16  1    8472  1450  weft-br1  weft-vx1  eth0    192.168.0.1\n"
	"fast path: on, 2 devices, 3 flows\n";

/* Further answers: no lease yet, an unreachable store, errors, missing members. */
static const char troubled[] =
	"{\"version\":\"0.1.0\",\"networks\":["
	"{\"name\":\"blue\",\"state\":\"degraded\",\"reason\":\"no uplink\",\"since\":1699740000,"
	"\"store\":{\"endpoint\":\"http://10.0.0.9:2379\",\"connected\":false,"
	"\"since\":1699990000,\"error\":\"Connection refused\"},\"lease\":null,"
	"\"peers\":{\"usable\":5,\"installed\":3,\"refused\":2},"
	"\"reconciles\":{\"last_error\":\"route: File exists\"}},"
	"{\"name\":\"red\",\"state\":\"starting\",\"since\":1700000500,"
	"\"store\":{\"connected\":true},\"lease\":{\"subnet\":\"10.6.1.0/24\",\"reserved\":true}}"
	"]}";

static const char troubled_text[] =
	"weftd 0.1.0 on , pid 0, started -\n"
	"node \n"
	"\n"
	"NETWORK  STATE     FOR     SUBNET       LEASE     PEERS   STORE\n"
	"blue     degraded  3 days  -            none      3 of 5  http://10.0.0.9:2379\n"
	"red      starting  0 s     10.6.1.0/24  reserved  0 of 0  -\n"
	"\n"
	"NETWORK  CLUSTER  VNI  PORT  MTU  BRIDGE  VXLAN  UPLINK  PUBLIC IP\n"
	"blue     -        -    -     -    -       -      -       -\n"
	"red      -        -    -     -    -       -      -       -\n"
	"\n"
	"blue: degraded: no uplink\n"
	"blue: store unreachable for 2 h: Connection refused\n"
	"blue: last reconcile: route: File exists\n"
	"blue: 2 leases refused: see weftctl peers\n";

/* A lease that was lost to another node; the same error is printed once. */
static const char lost[] =
	"{\"networks\":[{\"name\":\"default\",\"state\":\"degraded\",\"reason\":\"taken\","
	"\"store\":{\"connected\":true},\"lease\":{\"subnet\":\"10.5.1.0/24\",\"ttl\":0,"
	"\"renewed_at\":0,\"lost\":true,\"error\":\"taken\"},"
	"\"reconciles\":{\"last_error\":\"no memory\"},"
	"\"probe\":{\"state\":\"failed\",\"error\":\"in use\"}}]}";

static const char lost_notes[] = "\ndefault: degraded: taken\ndefault: last reconcile: no memory\n"
				 "default: probes: in use\n";

/* A restored store within the grace period; its note is printed alone. */
static const char wiped[] =
	"{\"networks\":[{\"name\":\"default\",\"state\":\"ready\",\"reason\":\"\","
	"\"store\":{\"connected\":true,\"reset_reason\":\"revision 7 in term 2\","
	"\"grace_until\":1700000299}}]}";

static const char wiped_notes[] = "\ndefault: store wiped or restored, absent peers are kept "
				  "for 4 min: revision 7 in term 2\n";

static const char peers[] =
	"[{\"network\":\"default\",\"subnet\":\"10.5.2.0/24\",\"public_ip\":\"192.168.0.2\","
	"\"vtep_mac\":\"c6:d2:32:6f:8f:45\",\"node_id\":\"x\",\"node_name\":\"host2\",\"mtu\":1450,"
	"\"state\":\"installed\",\"reason\":\"\"},"
	"{\"network\":\"default\",\"subnet\":\"10.5.30.0/24\",\"public_ip\":\"192.168.0.30\","
	"\"vtep_mac\":\"c6:d2:32:6f:8f:46\",\"node_id\":\"\",\"node_name\":\"\",\"state\":\"pending\","
	"\"reason\":\"\"},"
	"{\"key\":\"10.5.x-24\",\"reason\":\"not a subnet\"}]";

static const char peers_text[] =
	"NETWORK  SUBNET        NODE   PUBLIC IP     VTEP MAC           MTU   STATE\n"
	"default  10.5.2.0/24   host2  192.168.0.2   c6:d2:32:6f:8f:45  1450  installed\n"
	"default  10.5.30.0/24  -      192.168.0.30  c6:d2:32:6f:8f:46  -     pending\n"
	"-        10.5.x-24     -      -             -                  -     "
	"refused: not a subnet\n";

/* Prints a document; returns the result of jr_done. */
static int render(out_fn *show, const char *document, bool colour, char **text_out)
{
	struct out_to to = { .colour = colour, .now_s = NOW };
	struct json *json = NULL;
	struct err err = ERR_INIT;
	size_t size;
	struct jr root;
	int result;

	if (json_parse(document, strlen(document), 1 << 20, JSON_STRICT, "answer", &json, &err))
		fail_msg("%s: %s", document, err.text);
	to.file = open_memstream(text_out, &size);
	assert_non_null(to.file);
	root = jr_root(json);
	show(&to, &root);
	fclose(to.file);
	result = jr_done(json, ERR_DECODE, &err);
	json_free(json);
	return result;
}

static void check(out_fn *show, const char *document, const char *want)
{
	char *text = NULL;

	assert_int_equal(render(show, document, false, &text), 0);
	assert_string_equal(text, want);
	free(text);
}

static void test_status(void **state)
{
	(void)state;
	check(out_text.status, ready, ready_text);
	check(out_text.status, troubled, troubled_text);
}

static void test_lost_lease(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(render(out_text.status, lost, false, &text), 0);
	assert_non_null(strstr(text, "  10.5.1.0/24  lost   "));
	assert_string_equal(text + strlen(text) + 1 - sizeof(lost_notes), lost_notes);
	free(text);
}

static void test_restored_store(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(render(out_text.status, wiped, false, &text), 0);
	assert_string_equal(text + strlen(text) + 1 - sizeof(wiped_notes), wiped_notes);
	free(text);
}

static void test_peers(void **state)
{
	(void)state;
	check(out_text.peers, peers, peers_text);
	check(out_text.peers, "[]", "no peers\n");
}

#define ANSWERING "{\"state\":\"answering\",\"sent\":64,\"lost\":9,\"rtt_us\":340}"
#define SILENT "{\"state\":\"silent\",\"sent\":4,\"lost\":4}"
#define LOSING "{\"state\":\"answering\",\"sent\":10,\"lost\":5,\"rtt_us\":120}"

/*
 * Of two families, the worse one by its state, then by the share of lost probes, not their number.
 */
static void test_worse_family_of_a_peer_is_shown(void **state)
{
	static const struct {
		const char *peers, *shown;
	} cases[] = {
		{ "[{\"state\":\"installed\",\"probe\":" ANSWERING ",\"probe6\":" SILENT "}]",
		  " silent, 4/4 lost " },
		{ "[{\"state\":\"installed\",\"probe\":" SILENT ",\"probe6\":" ANSWERING "}]",
		  " silent, 4/4 lost " },
		{ "[{\"state\":\"installed\",\"probe\":" ANSWERING ",\"probe6\":" LOSING "}]",
		  " 0.12 ms, 5/10 lost " },
		{ "[{\"state\":\"installed\",\"probe\":" LOSING ",\"probe6\":" ANSWERING "}]",
		  " 0.12 ms, 5/10 lost " },
		{ "[{\"state\":\"installed\",\"probe\":" ANSWERING "}]", " 0.34 ms, 9/64 lost " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = NULL;

		assert_int_equal(render(out_text.peers, cases[i].peers, false, &text), 0);
		if (!strstr(text, cases[i].shown))
			fail_msg("'%s' is not in '%s'", cases[i].shown, text);
		free(text);
	}
}

static void test_wrong_types_are_faults(void **state)
{
	static const struct {
		out_fn *const *show;
		const char *document;
	} rows[] = {
		{ &out_text.status, "{}" },
		{ &out_text.status, "{\"networks\":{}}" },
		{ &out_text.status, "{\"networks\":[7]}" },
		{ &out_text.status, "{\"networks\":[],\"pid\":\"x\"}" },
		{ &out_text.status, "{\"networks\":[{\"lease\":[]}]}" },
		{ &out_text.status, "{\"networks\":[{\"store\":{\"connected\":1}}]}" },
		{ &out_text.peers, "[{\"mtu\":-1}]" },
		{ &out_text.peers, "[[]]" },
		{ &out_text.peers, "[{\"subnet\":{}}]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = NULL;

		if (render(*rows[i].show, rows[i].document, false, &text) == 0)
			fail_msg("accepted: %s", rows[i].document);
		free(text);
	}
}

/* All members with text of other nodes, filled with control characters. */
static void test_no_control_character_is_printed(void **state)
{
#define EVIL "\\u001b[2J\\u0007\\r\\u009b31m\\u007f"
	static const char status[] = "{\"version\":\"" EVIL "\",\"node_id\":\"" EVIL
				     "\",\"name\":\"" EVIL "\",\"networks\":["
				     "{\"name\":\"" EVIL "\",\"state\":\"" EVIL
				     "\",\"reason\":\"" EVIL "\","
				     "\"store\":{\"endpoint\":\"" EVIL "\",\"error\":\"" EVIL "\"},"
				     "\"lease\":{\"subnet\":\"" EVIL "\"},\"cluster\":\"" EVIL "\","
				     "\"bridge\":\"" EVIL "\",\"vxlan\":\"" EVIL "\","
				     "\"uplink\":{\"name\":\"" EVIL "\",\"public_ip\":\"" EVIL
				     "\"},"
				     "\"reconciles\":{\"last_error\":\"" EVIL "\"}}]}";
	static const char peer[] = "[{\"network\":\"" EVIL "\",\"subnet\":\"" EVIL
				   "\",\"public_ip\":\"" EVIL "\","
				   "\"vtep_mac\":\"" EVIL "\",\"name\":\"" EVIL
				   "\",\"state\":\"" EVIL "\","
				   "\"reason\":\"" EVIL "\"},{\"key\":\"" EVIL "\"}]";
	const struct {
		out_fn *show;
		const char *document;
	} rows[] = {
		{ out_text.status, status },
		{ out_text.peers, peer },
		{ out_json.status, status },
		{ out_json.peers, peer },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = NULL;

		assert_int_equal(render(rows[i].show, rows[i].document, false, &text), 0);
		for (const char *c = text; *c; c++)
			if (iscntrl((unsigned char)*c) && *c != '\n')
				fail_msg("byte %02x in: %s", (unsigned char)*c, text);
		assert_null(strstr(text, "\xc2\x9b"));
		assert_non_null(strstr(text, "[2J"));
		free(text);
	}
}

static void test_colour(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(render(out_text.status, ready, true, &text), 0);
	assert_non_null(strstr(text, "  \033[32mready\033[0m  2 min"));
	free(text);
	assert_int_equal(render(out_text.peers, peers, true, &text), 0);
	assert_non_null(strstr(text, "\033[33mpending\033[0m\n"));
	assert_non_null(strstr(text, "\033[31mrefused: not a subnet\033[0m\n"));
	free(text);
}

static void test_spans(void **state)
{
	static const struct {
		uint64_t since;
		const char *want;
	} rows[] = {
		{ NOW, "started 0 s ago" },
		{ NOW - 119, "started 119 s ago" },
		{ NOW - 120, "started 2 min ago" },
		{ NOW - 7199, "started 119 min ago" },
		{ NOW - 7200, "started 2 h ago" },
		{ NOW - 172799, "started 47 h ago" },
		{ NOW - 172800, "started 2 days ago" },
		{ NOW + 60, "started 0 s ago" },
		{ 0, "started -\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char document[80], *text = NULL;

		snprintf(document, sizeof(document), "{\"networks\":[],\"started_at\":%llu}",
			 (unsigned long long)rows[i].since);
		assert_int_equal(render(out_text.status, document, false, &text), 0);
		if (!strstr(text, rows[i].want))
			fail_msg("\"%s\" is not in: %s", rows[i].want, text);
		free(text);
	}
}

/* No value can look like another key, and each can be read back. */
static void test_values_of_events_are_quoted(void **state)
{
	static const char *const cases[][2] = {
		{ "plain", "plain" },
		{ "10.5.1.0-24&fd00::-64", "10.5.1.0-24&fd00::-64" },
		{ "", "\"\"" },
		{ "two words", "\"two words\"" },
		{ "a=b", "\"a=b\"" },
		{ "\\\\\\\"", "\"\\\\\\\"\"" },
		{ "a\\\"  key=\\\"b", "\"a\\\"  key=\\\"b\"" },
		{ "\\\\x1b", "\"\\\\x1b\"" },
		{ "\\u001b", "\\x1b" },
	};
	char document[512], wanted[128], *text = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(document, sizeof(document),
			 "{\"events\":[{\"time\":0,\"level\":\"info\",\"event\":\"e\","
			 "\"network\":\"\",\"details\":{\"k\":\"%s\"}}],\"damaged\":0}",
			 cases[i][0]);
		snprintf(wanted, sizeof(wanted), "e  k=%s\n", cases[i][1]);
		assert_int_equal(render(out_text.events, document, false, &text), 0);
		assert_string_equal(strstr(text, "e  k="), wanted);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_lost_lease),
		cmocka_unit_test(test_restored_store),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_worse_family_of_a_peer_is_shown),
		cmocka_unit_test(test_wrong_types_are_faults),
		cmocka_unit_test(test_no_control_character_is_printed),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_values_of_events_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
