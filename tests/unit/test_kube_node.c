/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_node.h"

#include "common/array.h"
#include "common/err.h"
#include "tests/unit/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F "flannel.alpha.coreos.com/"
#define DATA "{\"VNI\":1,\"VtepMAC\":\"32:1f:79:17:f7:76\"}"
#define DATA_TEXT "{\\\"VNI\\\":1,\\\"VtepMAC\\\":\\\"32:1f:79:17:f7:76\\\"}"
#define UID "3c7f0a52-0000-4000-8000-000000000002"
#define HEAD "\"metadata\":{\"name\":\"n2\",\"uid\":\"" UID "\",\"resourceVersion\":\"57\""
/* As flanneld writes them, in the Node of a single-stack cluster. */
#define FLANNEL                                                                                    \
	"\"" F "backend-data\":\"" DATA_TEXT "\",\"" F "backend-type\":\"vxlan\",\"" F             \
	"kube-subnet-manager\":\"true\",\"" F "public-ip\":\"192.168.78.1\""
#define WEFT_TEXT                                                                                  \
	"{\\\"Node\\\":\\\"0-1\\\",\\\"Name\\\":\\\"n2\\\",\\\"MTU\\\":1450,"                      \
	"\\\"Subnets\\\":[\\\"10.244.1.0/24\\\"]}"
#define VALUE                                                                                      \
	"{\"PublicIP\":\"192.168.78.1\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","            \
	"\"BackendData\":" DATA ",\"Weft\":{\"Node\":\"0-1\",\"Name\":\"n2\",\"MTU\":1450}}"

static struct kube_names names;

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return kube_names_make("flannel.alpha.coreos.com", &names, &err);
}

/* A Node with these annotations and, unless NULL, this spec. */
static struct kube_node parse(const char *annotations, const char *spec)
{
	struct kube_node node = { .revision = 0 };
	struct err err = ERR_INIT;
	char text[4096];

	snprintf(text, sizeof(text), "{\"kind\":\"Node\"," HEAD ",\"annotations\":{%s}}%s%s}",
		 annotations, spec ? ",\"spec\":" : "", spec ? spec : "");
	if (kube_node_parse(text, strlen(text), &names, &node, &err) < 0)
		fail_msg("%s", err.text);
	return node;
}

static void assert_key(const struct kube_node *node, int rc, const char *wanted)
{
	char key[STORE_KEY_SIZE] = "";
	struct err err = ERR_INIT;

	assert_int_equal(kube_node_key(node, key, &err), rc);
	if (rc < 0)
		assert_says(err.text, wanted);
	else
		assert_string_equal(key, wanted);
}

static void assert_value(const struct kube_node *node, const char *wanted)
{
	AUTO(free) char *value = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(kube_node_peer_value(node, &value, &err), 0);
	assert_string_equal(value, wanted);
}

/* wanted NULL: no patch. */
static void assert_patch(const struct kube_node *node, const char *value, const char *wanted)
{
	AUTO(free) char *patch = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(value ? kube_node_patch(node, &names, value, &patch, &err) :
				 kube_node_patch_leave(node, &names, &patch, &err),
			 0);
	if (!wanted)
		assert_null(patch);
	else
		assert_string_equal(patch, wanted);
}

static void the_names_are_those_of_flannel(void **state)
{
	static const struct {
		const char *prefix, *name; /* NULL: refused */
	} cases[] = {
		{ "flannel.alpha.coreos.com", "flannel.alpha.coreos.com/public-ip" },
		{ "a.b", "a.b/public-ip" },
		{ "a.b/", "a.b/public-ip" },
		{ "a.b/c", "a.b/c-public-ip" },
		{ "a.b/c-", "a.b/c-public-ip" },
		{ "", NULL },
		{ "ab", NULL },
		{ ".b", NULL },
		{ "A.b", NULL },
		{ "a.b/c/d", NULL },
		{ "a.b c", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct kube_names made;
		struct err err = ERR_INIT;
		int rc = kube_names_make(cases[i].prefix, &made, &err);

		assert_int_equal(rc, cases[i].name ? 0 : -1);
		if (rc == 0)
			assert_string_equal(made.at[KUBE_PUBLIC_IP], cases[i].name);
		else
			assert_says(err.text, cases[i].prefix);
	}
}

static void the_time_of_creation_is_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t created;
	} cases[] = {
		{ "\"2026-11-29T12:30:01Z\"", 1795955401 },
		{ "\"1970-01-01T00:00:00Z\"", 0 },
		{ "\"2026-11-29T12:30:01+01:00\"", 0 },
		{ "\"\"", 0 },
		{ "null", 0 },
		{ "7", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(kube_node) struct kube_node node = { .created = 1 };
		struct err err = ERR_INIT;
		char text[256];

		snprintf(text, sizeof(text), "{" HEAD ",\"creationTimestamp\":%s}}", cases[i].text);
		assert_good(kube_node_parse(text, strlen(text), &names, &node, &err), err);
		assert_int_equal(node.created, cases[i].created);
	}
}

static void a_node_of_flannel_is_read(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse(
		FLANNEL ",\"other/annotation\":\"x\"",
		"{\"podCIDR\":\"10.244.1.0/24\",\"podCIDRs\":[\"10.244.1.0/24\"]}");
	AUTO(kube_node) struct kube_node metadata = parse(FLANNEL, NULL);

	(void)state;
	assert_string_equal(node.name, "n2");
	assert_string_equal(node.uid, UID);
	assert_int_equal(node.revision, 57);
	assert_true(kube_node_has_lease(&node));
	assert_key(&node, 1, "10.244.1.0-24");
	assert_key(&metadata, 0, "");
	assert_value(&node, "{\"PublicIP\":\"192.168.78.1\",\"PublicIPv6\":null,"
			    "\"BackendType\":\"vxlan\",\"BackendData\":" DATA
			    ",\"Weft\":{\"Name\":\"n2\"}}");
}

static void a_dual_stack_node_is_read(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse(FLANNEL ",\"" F "backend-v6-data\":\"" DATA_TEXT "\",\"" F
					      "public-ipv6\":\"fd78::1\"",
				      "{\"podCIDRs\":[\"fd44:0:0:1::/64\",\"10.244.1.0/24\"]}");

	(void)state;
	assert_key(&node, 1, "10.244.1.0-24&fd44:0:0:1::-64");
	assert_value(&node, "{\"PublicIP\":\"192.168.78.1\",\"PublicIPv6\":\"fd78::1\","
			    "\"BackendType\":\"vxlan\",\"BackendData\":" DATA
			    ",\"BackendV6Data\":" DATA ",\"Weft\":{\"Name\":\"n2\"}}");
}

static void the_subnets_are_in_the_metadata_of_a_weft_node(void **state)
{
	static const char *const bad[][2] = {
		{ "rubbish", "node n2: " },
		{ "{}", "Subnets" },
		{ "{\\\"Subnets\\\":[\\\"10.244.1.0\\\"]}", "Subnets[0]" },
		{ "{\\\"Subnets\\\":[\\\"10.1.1.0/24\\\",\\\"10.1.2.0/24\\\"]}", "second one" },
	};
	AUTO(kube_node)
	struct kube_node node = parse(FLANNEL ",\"weft.cni/lease\":\"" WEFT_TEXT "\"", NULL);
	AUTO(kube_node)
	struct kube_node contradicts = parse(FLANNEL ",\"weft.cni/lease\":\"" WEFT_TEXT "\"",
					     "{\"podCIDRs\":[\"10.244.2.0/24\"]}");

	(void)state;
	assert_key(&node, 1, "10.244.1.0-24");
	assert_value(&node, "{\"PublicIP\":\"192.168.78.1\",\"PublicIPv6\":null,"
			    "\"BackendType\":\"vxlan\",\"BackendData\":" DATA
			    ",\"Weft\":{\"MTU\":1450,\"Subnets\":[\"10.244.1.0/24\"],"
			    "\"Node\":\"" UID "\",\"Name\":\"n2\"}}");
	assert_key(&contradicts, -1,
		   "node n2: annotation weft.cni/lease has the subnet 10.244.1.0/24, but "
		   "spec.podCIDRs has 10.244.2.0/24");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(kube_node) struct kube_node damaged = { .revision = 0 };
		char text[512];

		snprintf(text, sizeof(text), "\"weft.cni/lease\":\"%s\"", bad[i][0]);
		damaged = parse(text, NULL);
		assert_key(&damaged, -1, bad[i][1]);
	}
}

/* Its kubelet can write any annotation, and the reader of the value ignores the case of a key. */
static void a_node_cannot_claim_the_id_or_name_of_another_one(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse(
		FLANNEL ",\"weft.cni/lease\":\"{\\\"node\\\":\\\"0f8fad5b-d9cb-469f-a165-"
			"70867728950e\\\",\\\"NAME\\\":\\\"n1\\\",\\\"Machine\\\":\\\"bb\\\","
			"\\\"Node\\\":\\\"0f8fad5b-d9cb-469f-a165-70867728950f\\\","
			"\\\"Subnets\\\":[\\\"10.244.1.0/24\\\"]}\"",
		NULL);

	(void)state;
	assert_value(&node, "{\"PublicIP\":\"192.168.78.1\",\"PublicIPv6\":null,"
			    "\"BackendType\":\"vxlan\",\"BackendData\":" DATA
			    ",\"Weft\":{\"Machine\":\"bb\",\"Subnets\":[\"10.244.1.0/24\"],"
			    "\"Node\":\"" UID "\",\"Name\":\"n2\"}}");
}

static void a_node_without_lease_or_subnet_is_read(void **state)
{
	AUTO(kube_node) struct kube_node bare = parse("", "{}");
	AUTO(kube_node)
	struct kube_node other = parse(
		"\"" F "kube-subnet-manager\":\"True\",\"" F "backend-type\":\"vxlan\"", "{}");
	AUTO(kube_node)
	struct kube_node old = parse("", "{\"podCIDR\":\"10.244.3.0/24\",\"podCIDRs\":[]}");

	(void)state;
	assert_false(kube_node_has_lease(&bare));
	assert_false(kube_node_has_lease(&other));
	assert_key(&bare, 0, "");
	assert_key(&old, 1, "10.244.3.0-24");
}

/* The reader of a value refuses it, not this module. */
static void annotations_that_are_no_json_are_passed_on_as_text(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse("\"" F "backend-data\":\"{\",\"" F "backend-type\":\"vxlan\"",
				      NULL);

	(void)state;
	assert_value(&node, "{\"PublicIP\":null,\"PublicIPv6\":null,\"BackendType\":\"vxlan\","
			    "\"BackendData\":\"{\",\"Weft\":{\"Name\":\"n2\"}}");
}

static void invalid_nodes_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "", "Node" },
		{ "[]", "Node" },
		{ "{}", "metadata" },
		{ "{\"metadata\":{}}", "name" },
		{ "{\"metadata\":{\"name\":\"\",\"uid\":\"\"}}", "name" },
		{ "{" HEAD ",\"annotations\":7}}", "node n2: " },
		{ "{" HEAD ",\"annotations\":{\"" F "public-ip\":7}}}", "public-ip" },
		{ "{" HEAD "},\"spec\":{\"podCIDRs\":[\"x\"]}}", "podCIDRs[0]" },
		{ "{" HEAD "},\"spec\":{\"podCIDRs\":[\"10.1.1.0/24\",\"10.1.2.0/24\"]}}",
		  "second one of its family" },
		{ "{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"x\"}}",
		  "resourceVersion" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct kube_node node;
		struct err err = ERR_INIT;

		if (kube_node_parse(cases[i][0], strlen(cases[i][0]), &names, &node, &err) == 0)
			fail_msg("accepted: %s", cases[i][0]);
		assert_int_equal(err.code, ERR_DECODE);
		assert_says(err.text, cases[i][1]);
	}
}

/* Byte for byte: flannel reads its MAC back from this text, and its keys are sorted. */
static void the_patch_has_the_form_of_flannel(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse("\"x\":\"y\"", "{\"podCIDRs\":[\"10.244.1.0/24\"]}");

	(void)state;
	assert_patch(&node, VALUE,
		     "{\"metadata\":{\"annotations\":{" FLANNEL ",\"weft.cni/lease\":\"" WEFT_TEXT
		     "\"},\"resourceVersion\":\"57\"}}");
}

static void the_patch_has_only_what_differs(void **state)
{
	AUTO(kube_node)
	struct kube_node same = parse(FLANNEL ",\"weft.cni/lease\":\"" WEFT_TEXT "\"",
				      "{\"podCIDRs\":[\"10.244.1.0/24\"]}");
	AUTO(kube_node)
	struct kube_node changed = parse(
		"\"" F "backend-data\":\"" DATA_TEXT "\",\"" F "backend-type\":\"vxlan\",\"" F
		"kube-subnet-manager\":\"true\",\"" F "public-ip\":\"192.168.78.9\",\"" F
		"public-ipv6\":\"fd78::1\",\"weft.cni/lease\":\"" WEFT_TEXT "\"",
		"{\"podCIDRs\":[\"10.244.1.0/24\"]}");

	(void)state;
	assert_patch(&same, VALUE, NULL);
	assert_patch(&changed, VALUE,
		     "{\"metadata\":{\"annotations\":{\"" F "public-ip\":\"192.168.78.1\",\"" F
		     "public-ipv6\":null},\"resourceVersion\":\"57\"}}");
}

static void an_operator_overwrites_the_public_address(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse(FLANNEL ",\"weft.cni/lease\":\"" WEFT_TEXT "\",\"" F
					      "public-ip-overwrite\":\"203.0.113.7\",\"" F
					      "node-public-ip\":\"203.0.113.8\"",
				      "{\"podCIDRs\":[\"10.244.1.0/24\"]}");
	AUTO(kube_node)
	struct kube_node invalid = parse(FLANNEL ",\"weft.cni/lease\":\"" WEFT_TEXT "\",\"" F
						 "public-ip-overwrite\":\"x\"",
					 "{\"podCIDRs\":[\"10.244.1.0/24\"]}");

	(void)state;
	assert_patch(&node, VALUE,
		     "{\"metadata\":{\"annotations\":{\"" F "public-ip\":\"203.0.113.7\"},"
		     "\"resourceVersion\":\"57\"}}");
	assert_patch(&invalid, VALUE, NULL);
}

static void a_node_that_leaves_removes_its_annotations_only(void **state)
{
	AUTO(kube_node)
	struct kube_node node = parse(FLANNEL ",\"weft.cni/lease\":\"{}\",\"" F
					      "public-ip-overwrite\":\"1.2.3.4\"",
				      "{}");
	AUTO(kube_node) struct kube_node bare = parse("", "{}");

	(void)state;
	assert_patch(&node, NULL,
		     "{\"metadata\":{\"annotations\":{\"" F "backend-data\":null,\"" F
		     "backend-type\":null,\"" F "kube-subnet-manager\":null,\"" F
		     "public-ip\":null,\"weft.cni/lease\":null},\"resourceVersion\":\"57\"}}");
	assert_patch(&bare, NULL, NULL);
}

static void the_condition_is_patched(void **state)
{
	AUTO(free) char *patch = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(kube_node_patch_condition(true, 1795899248, &patch, &err), 0);
	assert_string_equal(patch, "{\"status\":{\"conditions\":[{\"type\":\"NetworkUnavailable\","
				   "\"status\":\"False\","
				   "\"lastHeartbeatTime\":\"2026-11-28T20:54:08Z\","
				   "\"lastTransitionTime\":\"2026-11-28T20:54:08Z\","
				   "\"reason\":\"WeftIsUp\","
				   "\"message\":\"weft is running on this node\"}]}}");
}

#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":{" object "}}\n"
#define PARTIAL(name, revision, uid, annotations, more)                                            \
	"\"metadata\":{\"name\":" name ",\"uid\":" uid ",\"resourceVersion\":" revision            \
	",\"annotations\":" annotations "}" more

static bool digest(const char *text, struct kube_digest *digest_out)
{
	return kube_digest_read(text, strlen(text), digest_out);
}

static void events_are_recognised_without_parsing(void **state)
{
	static const char event[] = EVENT("MODIFIED", PARTIAL("\"n2\"", "\"57\"", "\"u\"",
							      "{" FLANNEL "}", ""));
	static const char later[] = EVENT("ADDED",
					  "\"kind\":\"Node\"," PARTIAL("\"n2\"", "\"58\"", "\"u\"",
								       "{" FLANNEL "}", ""));
	static const char other_uid[] = EVENT("MODIFIED", PARTIAL("\"n2\"", "\"57\"", "\"v\"",
								  "{" FLANNEL "}", ""));
	static const char changed[] = EVENT("MODIFIED", PARTIAL("\"n2\"", "\"57\"", "\"u\"",
								"{" FLANNEL ",\"a\":\"\"}", ""));
	struct kube_digest first, second;

	(void)state;
	assert_true(digest(event, &first));
	assert_string_equal(first.name, "n2");
	assert_int_equal(first.revision, 57);
	assert_true(digest(later, &second));
	assert_int_equal(second.revision, 58);
	assert_true(first.hash && first.hash == second.hash);
	assert_true(digest(other_uid, &second) && second.hash != first.hash);
	assert_true(digest(changed, &second) && second.hash != first.hash);
}

static void the_digest_of_a_node_is_that_of_its_events(void **state)
{
	static const char text[] = "{" PARTIAL("\"n2\"", "\"57\"", "\"u\"", "{" FLANNEL "}",
					       ",\"spec\":{}") "}";
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	struct kube_digest found;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(kube_node_parse(text, strlen(text), &names, &node, &err), err);
	assert_true(
		digest(EVENT("MODIFIED", PARTIAL("\"n2\"", "\"99\"", "\"u\"", "{" FLANNEL "}", "")),
		       &found));
	assert_true(node.digest && node.digest == found.hash);
}

static void other_events_have_to_be_parsed(void **state)
{
#define GOOD PARTIAL("\"n2\"", "\"57\"", "\"u\"", "{}", "")
	static const char *const texts[] = {
		"",
		"{}",
		EVENT("DELETED", GOOD),
		EVENT("BOOKMARK", GOOD),
		EVENT("MODIFIED", GOOD) "x",
		EVENT("MODIFIED", PARTIAL("\"n2\"", "\"57\"", "\"u\"", "{}", ",\"spec\":{}")),
		EVENT("MODIFIED", PARTIAL("\"n2\"", "\"57\"", "\"u\"", "{}", ",\"status\":{}")),
		EVENT("MODIFIED", PARTIAL("\"n\\u0032\"", "\"57\"", "\"u\"", "{}", "")),
		EVENT("MODIFIED", PARTIAL("\"\"", "\"57\"", "\"u\"", "{}", "")),
		EVENT("MODIFIED", PARTIAL("2", "\"57\"", "\"u\"", "{}", "")),
		EVENT("MODIFIED", PARTIAL("\"n2\"", "57", "\"u\"", "{}", "")),
		EVENT("MODIFIED", PARTIAL("\"n2\"", "\"-1\"", "\"u\"", "{}", "")),
		EVENT("MODIFIED", PARTIAL("\"n2\"", "\"99999999999999999999\"", "\"u\"", "{}", "")),
		EVENT("MODIFIED",
		      "\"metadata\":{\"name\":\"n2\",\"resourceVersion\":\"57\",\"uid\":\"u\"}"),
		EVENT("MODIFIED", GOOD ",\"metadata\":{}"),
		"{\"type\":\"MODIFIED\",\"object\":[{" GOOD "}]}",
	};
	char longest[600];
	struct kube_digest found;

	(void)state;
	assert_true(digest(EVENT("MODIFIED", GOOD), &found));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (digest(texts[i], &found))
			fail_msg("%s was taken", texts[i]);
	for (int len = 253; len <= 254; len++) {
		snprintf(longest, sizeof(longest),
			 EVENT("MODIFIED", PARTIAL("\"%0*d\"", "\"57\"", "\"u\"", "{}", "")), len,
			 7);
		assert_true(digest(longest, &found) == (len == 253));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_names_are_those_of_flannel),
		cmocka_unit_test(a_node_of_flannel_is_read),
		cmocka_unit_test(the_time_of_creation_is_read),
		cmocka_unit_test(a_dual_stack_node_is_read),
		cmocka_unit_test(the_subnets_are_in_the_metadata_of_a_weft_node),
		cmocka_unit_test(a_node_cannot_claim_the_id_or_name_of_another_one),
		cmocka_unit_test(a_node_without_lease_or_subnet_is_read),
		cmocka_unit_test(annotations_that_are_no_json_are_passed_on_as_text),
		cmocka_unit_test(invalid_nodes_are_refused),
		cmocka_unit_test(the_patch_has_the_form_of_flannel),
		cmocka_unit_test(the_patch_has_only_what_differs),
		cmocka_unit_test(an_operator_overwrites_the_public_address),
		cmocka_unit_test(a_node_that_leaves_removes_its_annotations_only),
		cmocka_unit_test(the_condition_is_patched),
		cmocka_unit_test(events_are_recognised_without_parsing),
		cmocka_unit_test(the_digest_of_a_node_is_that_of_its_events),
		cmocka_unit_test(other_events_have_to_be_parsed),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
