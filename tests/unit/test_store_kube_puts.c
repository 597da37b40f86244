/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop http */
/* Nodes that are written, and read before they are replaced. */
#include "daemon/store/kube/store_kube.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/kube_scene.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE                                                                                      \
	"{\"PublicIP\":\"1.1.1.1\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","                 \
	"\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"32:1f:79:17:f7:76\"},\"Weft\":{\"Node\":\"" ID   \
	"\"}}"

static void put(struct scene *scene, const char *key)
{
	const struct store_put wanted = { .key = key, .value = VALUE };

	scene->r.replies = 0;
	scene->r.store->ops->put(scene->r.store, &wanted, recorder_done, &scene->r);
	assert_int_equal(scene->r.replies, 0);
}

/* An event overtakes the response to a request that was sent before. */
static void a_response_older_than_an_event_is_no_restored_cluster(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_loop_pass(scene->r.loop, 20000);
	assert_int_equal(fake_http_waiting(OWN), 1);
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", "{" METADATA("n1", "40", "") "}")));
	fake_http_respond(OWN, OWN_NODE("30"));
	assert_log(scene, "");
	assert_int_equal(fake_http_asked(LIST), 0);
	assert_int_equal(fake_http_waiting(WATCH), 1);
	/* The newer Node was kept. */
	put(scene, "10.1.1.0-24");
	assert_says(fake_http_body(PATCH), "\"resourceVersion\":\"40\"");
}

static void a_read_that_cannot_be_sent_ends_the_list(void **state)
{
	/* A Node with flannel's annotations only has to be read whole. */
	static const char flannel[] = NODES("9", "{" METADATA("n2", "7", FLANNEL) "}");
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("5"));
	fake_http_data(FIRST_LIST, flannel, strlen(flannel));
	fake_http_set_broken(true);
	fake_http_respond(FIRST_LIST, "");
	assert_log(scene, "[ config ! down");
	fake_http_set_broken(false);
	fake_loop_pass(scene->r.loop, 2000);
	kube_come_up(scene);
}

#define WHOLE(name, revision, subnet)                                                              \
	"{" METADATA(name, revision, WEFT("10.1.2.0/24")) ",\"spec\":{\"podCIDRs\":[\"" subnet     \
							  "\"]}}"

/*
 * The peer's list entry has no spec.podCIDRs: it and the other Node are read, until both are known.
 */
static void a_peer_is_read_whole_before_it_is_replaced(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_true(fake_http_line(
		WATCH, EVENT("ADDED", "{" METADATA("n3", "10", WEFT("10.1.2.0/24")) "}")));
	fake_http_respond("nodes/n3", WHOLE("n3", "10", "10.1.2.0/24"));
	fake_http_respond("nodes/n2", WHOLE("n2", "7", "10.1.2.0/24"));
	assert_log(scene, "");
	fake_http_respond("nodes/n3", WHOLE("n3", "10", "10.1.2.0/24"));
	assert_log(scene, "");
	/* One whose annotation is wrong. */
	assert_true(fake_http_line(
		WATCH, EVENT("ADDED", "{" METADATA("n4", "11", WEFT("10.1.2.0/24")) "}")));
	fake_http_respond("nodes/n4", WHOLE("n4", "11", "10.1.4.0/24"));
	assert_log(scene, "");
}

/* So many Nodes that one list of all is read instead. */
static void many_nodes_are_verified_by_lists(void **state)
{
	char nodes[16384] = "", whole[16384] = "";
	struct scene *scene = *state;

	for (int i = 0; i < 20; i++) {
		snprintf(nodes + strlen(nodes), sizeof(nodes) - strlen(nodes),
			 "{" METADATA("m%d", "3", WEFT("10.1.2.0/24")) "},", i + 10, i + 10);
		snprintf(whole + strlen(whole), sizeof(whole) - strlen(whole),
			 "{" METADATA("m%d", "3", WEFT("10.1.2.0/24")) ",\"spec\":{\"podCIDRs\":["
								       "\"10.1.%d.0/24\"]}},",
			 i + 10, i + 10, i == 19 ? 2 : i + 10);
	}
	nodes[strlen(nodes) - 1] = whole[strlen(whole) - 1] = '\0';
	snprintf(scene->text, sizeof(scene->text), NODES("9", "%s"), nodes);
	fake_http_respond(OWN, OWN_NODE("5"));
	kube_respond_list(FIRST_LIST, scene->text);
	/* The last one is confirmed, the first one is not yet: it has been reported. */
	snprintf(scene->text, sizeof(scene->text), NODES("9", "%s"), whole);
	kube_respond_list(FIRST_LIST, scene->text);
	fake_http_respond(
		"nodes/m10",
		"{" METADATA("m10", "3",
			     WEFT("10.1.2.0/24")) ",\"spec\":{\"podCIDRs\":[\"10.1.10.0/24\"]}}");
	assert_log(scene, "[ config +10.1.2.0-24");
	fake_http_respond(
		"nodes/m29",
		"{" METADATA("m29", "3",
			     WEFT("10.1.2.0/24")) ",\"spec\":{\"podCIDRs\":[\"10.1.2.0/24\"]}}");
	assert_log(scene, "+10.1.2.0-24 +10.1.1.0-24 ] up");
}

static void the_subnet_of_a_deleted_node_is_free_for_others(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_true(fake_http_line(
		WATCH, EVENT("ADDED", "{" METADATA("n3", "10", WEFT("10.1.1.0/24")) "}")));
	fake_http_respond("nodes/n3",
			  "{" METADATA("n3", "10",
				       WEFT("10.1.1.0/24")) ",\"spec\":{"
							    "\"podCIDRs\":[\"10.1.1.0/24\"]}}");
	assert_log(scene, "");
	assert_true(fake_http_line(WATCH, EVENT("DELETED", "{" METADATA("n1", "11", "") "}")));
	fake_loop_pass(scene->r.loop, 0);
	fake_http_refuse(OWN, 404, "{}");
	kube_respond_list(
		LIST, NODES("12", PEER("7") ",{" METADATA("n3", "10", WEFT("10.1.1.0/24")) "}"));
	assert_log(scene, "[ config +10.1.2.0-24 +10.1.1.0-24 ]");
}

static void a_node_that_is_created_again_gets_the_condition_again(void **state)
{
	static const char again[] =
		"{\"metadata\":{\"name\":\"n1\",\"uid\":\"u-again\",\"resourceVersion\":\"12\"},"
		"\"spec\":{\"podCIDRs\":[\"10.1.1.0/24\"]}}";
	static const char added[] =
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"n1\",\"uid\":\"u-again\","
		"\"resourceVersion\":\"12\"}}}";
	struct scene *scene = *state;

	kube_come_up(scene);
	scene->r.store->ops->set_available(scene->r.store, true);
	fake_loop_pass(scene->r.loop, 0);
	assert_says(fake_http_body(PATCH), "NetworkUnavailable");
	fake_http_respond(PATCH, OWN_NODE("10"));
	fake_loop_pass(scene->r.loop, 0);
	assert_int_equal(fake_http_waiting(PATCH), 0);
	assert_true(fake_http_line(WATCH, EVENT("DELETED", "{" METADATA("n1", "11", "") "}")));
	assert_true(fake_http_line(WATCH, added));
	fake_loop_pass(scene->r.loop, 0);
	fake_http_respond(OWN, again);
	fake_loop_pass(scene->r.loop, 0);
	assert_says(fake_http_body(PATCH), "NetworkUnavailable");
}

static void an_unreadable_configuration_is_reported_once(void **state)
{
	struct scene *scene = *state;
	char path[300];
	FILE *file;

	kube_come_up(scene);
	snprintf(path, sizeof(path), "%s/net-conf.json", tempdir_path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	fake_loop_pass(scene->r.loop, 10000);
	assert_string_equal(scene->r.log, "config=none");
	assert_says(scene->r.store->config_error, path);
	scene->r.log[0] = '\0';
	fake_loop_pass(scene->r.loop, 9000);
	assert_string_equal(scene->r.log, "");
	assert_int_equal(rmdir(path), 0);
	file = fopen(path, "w");
	fputs(NETCONF, file);
	fclose(file);
	fake_loop_pass(scene->r.loop, 2000);
	assert_log(scene, "config");
	assert_string_equal(scene->r.store->config_error, "");
}

static void a_put_is_repeated_after_a_conflict(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	put(scene, "10.1.1.0-24");
	assert_string_equal(fake_http_method(PATCH), "PATCH");
	assert_says(fake_http_body(PATCH), "\"resourceVersion\":\"5\"");
	fake_http_refuse(PATCH, 409, "{}");
	fake_http_respond(OWN, OWN_NODE("33"));
	assert_says(fake_http_body(PATCH), "\"resourceVersion\":\"33\"");
	fake_http_respond(PATCH, "{" METADATA("n1", "34", "") "}");
	assert_int_equal(scene->r.replies, 1);
	assert_int_equal(scene->r.err.code, ERR_NONE);
	assert_true(scene->r.reply.succeeded);
	assert_int_equal(scene->r.reply.mod_revision, 34);
	for (unsigned i = 0; i < 5; i++) {
		if (!i)
			put(scene, "10.1.1.0-24");
		fake_http_refuse(PATCH, 409, "{}");
		if (i < 4)
			fake_http_respond(OWN, OWN_NODE("40"));
	}
	assert_int_equal(scene->r.replies, 1);
	assert_int_equal(scene->r.err.code, ERR_STORE);
}

static void no_other_subnet_is_put_or_removed(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	put(scene, "10.1.3.0-24");
	fake_loop_pass(scene->r.loop, 0);
	assert_says(scene->r.err.text, "10.1.3.0-24 is not the subnet of node n1, which has "
				       "10.1.1.0-24");
	scene->r.store->ops->remove(scene->r.store, "10.1.2.0-24", 7, recorder_done, &scene->r);
	fake_loop_pass(scene->r.loop, 0);
	assert_int_equal(scene->r.replies, 2);
	assert_int_equal(scene->r.err.code, ERR_STORE);
	assert_int_equal(fake_http_asked(PATCH), 0);
}

static void a_node_without_subnets_or_without_a_node_has_a_reason(void **state)
{
	struct scene *scene = *state;

	fake_http_refuse(OWN, 404, "{}");
	kube_respond_list(LIST, NODES_ALONE("9", ""));
	assert_log(scene, "[ config ] up");
	assert_says(scene->r.store->unreserved, "node n1 does not exist");
	assert_true(fake_http_line(WATCH, EVENT("ADDED", "{" METADATA("n1", "10", "") "}")));
	fake_loop_pass(scene->r.loop, 0);
	fake_http_respond(OWN, "{" METADATA("n1", "10", "") ",\"spec\":{}}");
	assert_says(scene->r.store->unreserved, "node n1 has no spec.podCIDRs");
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", "{" METADATA("n1", "11", "") "}")));
	fake_loop_pass(scene->r.loop, 0);
	fake_http_respond(OWN, OWN_NODE("11"));
	assert_log(scene, "+10.1.1.0-24");
	assert_says(scene->r.last_value, "\"BackendType\":\"reserved\",\"Weft\":{\"Node\":\"" ID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_response_older_than_an_event_is_no_restored_cluster),
		TEST(a_read_that_cannot_be_sent_ends_the_list),
		TEST(a_peer_is_read_whole_before_it_is_replaced),
		TEST(many_nodes_are_verified_by_lists),
		TEST(the_subnet_of_a_deleted_node_is_free_for_others),
		TEST(a_node_that_is_created_again_gets_the_condition_again),
		TEST(an_unreadable_configuration_is_reported_once),
		TEST(a_put_is_repeated_after_a_conflict),
		TEST(no_other_subnet_is_put_or_removed),
		TEST(a_node_without_subnets_or_without_a_node_has_a_reason),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
