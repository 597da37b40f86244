/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop http */
/* Lists, watches, and clusters that are restored. */
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

static void a_list_is_followed_by_a_watch(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("11"))));
	assert_log(scene, "");
	assert_true(
		fake_http_line(WATCH, EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":"
							"\"20\",\"creationTimestamp\":null}}")));
	assert_true(fake_http_line(WATCH, EVENT("DELETED", PEER("21"))));
	assert_log(scene, "-10.1.2.0-24");
	/* Its time is over. */
	fake_loop_pass(scene->r.loop, 2000);
	fake_http_respond(WATCH, "");
	assert_int_equal(fake_http_waiting("resourceVersion=21" WATCH), 1);
	assert_int_equal(fake_http_asked(LIST), 0);
	assert_log(scene, "");
}

#define MOVED(revision) "{" METADATA("n2", revision, WEFT("10.1.3.0/24")) "}"

/* Most events are of a kubelet's status. */
static void events_that_change_no_lease_are_not_reported(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("11"))));
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("12"))));
	assert_log(scene, "");
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", MOVED("13"))));
	assert_log(scene, "-10.1.2.0-24 +10.1.3.0-24");
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", MOVED("14"))));
	assert_log(scene, "");
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("15"))));
	assert_log(scene, "-10.1.3.0-24 +10.1.2.0-24");
	assert_true(fake_http_line(WATCH, EVENT("DELETED", PEER("16"))));
	assert_log(scene, "-10.1.2.0-24");
	assert_true(fake_http_line(WATCH, EVENT("ADDED", PEER("17"))));
	assert_log(scene, "+10.1.2.0-24");
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("18"))));
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 2000);
	fake_http_respond(WATCH, "");
	assert_int_equal(fake_http_waiting("resourceVersion=18" WATCH), 1);
}

static void an_expired_revision_leads_to_a_list(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_false(fake_http_line(WATCH, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,"
							  "\"message\":\"too old\"}")));
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, OWN_NODE("5"));
	kube_respond_list(LIST, NO_NODES("30"));
	assert_log(scene, "[ config +10.1.1.0-24 ] up"); /* of the other API server */
	assert_int_equal(fake_http_waiting("resourceVersion=30" WATCH), 1);
}

static void an_incomplete_list_is_discarded(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("5"));
	fake_http_data(FIRST_LIST, "{\"items\":[", 10);
	fake_http_respond(FIRST_LIST, "");
	assert_log(scene, "[ config ! down");
	assert_says(scene->r.why, "https://a: the list is incomplete");
	/* The next API server. */
	fake_loop_pass(scene->r.loop, 100);
	kube_come_up(scene);
	assert_string_equal(scene->r.endpoint, "https://b");
}

/* As of a server that responds with an empty list: the peers are kept. */
static void a_list_without_the_own_node_that_exists_is_discarded(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_false(fake_http_line(WATCH, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,"
							  "\"message\":\"too old\"}")));
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, OWN_NODE("5"));
	kube_respond_list(LIST, NODES_ALONE("30", ""));
	assert_log(scene, "[ config ! down");
	assert_says(scene->r.why, "the list of the nodes lacks n1, which exists");
	/* It was deleted: from now on, the list is that of an emptied cluster. */
	fake_loop_pass(scene->r.loop, 5000);
	fake_http_refuse(OWN, 404, "{}");
	kube_respond_list(LIST, NODES_ALONE("31", ""));
	assert_log(scene, "[ config ] up");
}

/* The first list is that of the API server's cache, which can lag; the next one is not. */
static void a_first_list_without_the_own_node_is_read_again(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("5"));
	kube_respond_list(FIRST_LIST, NODES_ALONE("4", PEER("2")));
	assert_log(scene, "[ config +10.1.2.0-24 ! down");
	fake_loop_pass(scene->r.loop, 5000);
	fake_http_respond(OWN, OWN_NODE("5"));
	kube_respond_list(LIST, NODES("9", PEER("7")));
	assert_log(scene, "[ config +10.1.2.0-24 +10.1.1.0-24 ] up");
}

static void retry_after_is_honoured(void **state)
{
	struct scene *scene = *state;

	fake_http_set_retry_after(7);
	fake_http_refuse(OWN, 429, "{\"message\":\"busy\"}");
	assert_log(scene, "down");
	assert_says(scene->r.why, "cannot get nodes: HTTP 429: busy");
	assert_int_equal(fake_loop_next_ms(scene->r.loop), 7000);
}

/* An API server that has just started has not read its roles. */
static void a_missing_permission_is_named_when_it_lasts(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("5"));
	fake_http_refuse(FIRST_LIST, 403, "{\"message\":\"nodes is forbidden\"}");
	assert_log(scene, "[ config ! down"); /* it has not been up */
	assert_says(scene->r.why,
		    "https://a: cannot list nodes: HTTP 403: nodes is forbidden; "
		    "permit it in weftd's ClusterRole, unless the API server has just "
		    "started");
	for (unsigned i = 0; i < 8; i++) {
		fake_loop_pass(scene->r.loop, fake_loop_next_ms(scene->r.loop));
		fake_http_refuse(OWN, 403, "{\"message\":\"nodes is forbidden\"}");
	}
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 15000);
	fake_http_refuse(OWN, 403, "{\"message\":\"nodes is forbidden\"}");
	assert_log(scene, "down");
	assert_string_equal(scene->r.why, "https://b: cannot get nodes: HTTP 403: nodes is "
					  "forbidden; permit it in weftd's ClusterRole");
}

static void a_permission_that_an_api_server_lacks_at_its_start_is_not_reported(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_refuse(OWN, 403, "{}");
	assert_int_equal(fake_loop_next_ms(scene->r.loop), 100);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_refuse(OWN, 403, "{}");
	fake_loop_pass(scene->r.loop, 200);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("11"))));
	assert_log(scene, "up"); /* the other API server */
}

/* Refuses the watch until that is reported. */
static void refuse_watch(struct scene *scene)
{
	fake_http_refuse(WATCH, 403, "{\"message\":\"nodes is forbidden\"}");
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 15000);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "");
	fake_http_refuse(WATCH, 403, "{\"message\":\"nodes is forbidden\"}");
	assert_log(scene, ""); /* the other API server, which may have just started */
	fake_loop_pass(scene->r.loop, 1000);
	fake_http_respond(OWN, OWN_NODE("5"));
	fake_http_refuse(WATCH, 403, "{\"message\":\"nodes is forbidden\"}");
	assert_log(scene, "down");
}

static void a_watch_that_is_not_permitted_is_no_connection(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	refuse_watch(scene);
	assert_says(scene->r.why, "https://a: cannot watch nodes: HTTP 403: nodes is forbidden; "
				  "permit it in weftd's ClusterRole");
	/* The own Node can be read all the same. */
	fake_loop_pass(scene->r.loop, 1000);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "");
	fake_http_refuse(WATCH, 403, "{}");
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 1000);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "");
	/* The watch is permitted. */
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("11"))));
	assert_log(scene, "up");
}

static void a_permitted_watch_without_events_is_a_connection(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	refuse_watch(scene);
	fake_loop_pass(scene->r.loop, 1000);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 20000);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "up");
}

static void a_lost_api_server_is_replaced_and_the_watch_continues(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	assert_log(scene, ""); /* the next attempt decides */
	fake_loop_pass(scene->r.loop, 100);
	fake_http_fail(OWN, ECONNREFUSED);
	assert_log(scene, "down");
	fake_loop_pass(scene->r.loop, 2000);
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "up");
	assert_int_equal(fake_http_waiting("resourceVersion=9" WATCH), 1);
	assert_int_equal(fake_http_asked(LIST), 0);
}

static void a_restored_cluster_keeps_its_peers_for_a_time(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, OWN_NODE("4"));
	assert_log(scene, RESTORED_LIST);
	/* A list that fails does not change that. */
	fake_http_refuse(LIST, 429, "{}");
	assert_log(scene, "! down");
	fake_loop_pass(scene->r.loop, 2000);
	fake_http_respond(OWN, OWN_NODE("4"));
	assert_log(scene, RESTORED_LIST);
	kube_respond_list(LIST, NO_NODES("4"));
	assert_log(scene, "+10.1.1.0-24 ] up");
}

/* Its Nodes register later. */
static void an_emptied_cluster_is_a_restored_one(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_refuse(OWN, 404, "{}");
	assert_log(scene, "[ config");
	kube_respond_list(LIST, NODES_ALONE("2", ""));
	assert_log(scene, RESTORED " ] up");
	assert_int_equal(fake_http_waiting("resourceVersion=2" WATCH), 1);
	/* What does not exist is not reported, whatever requests it. */
	scene->r.store->ops->refresh(scene->r.store);
	fake_loop_pass(scene->r.loop, 0);
	fake_http_refuse(OWN, 404, "{}");
	assert_log(scene, "config -n1");
	assert_true(fake_http_line(WATCH, EVENT("ADDED", "{" METADATA("n1", "3", "") "}")));
	assert_true(fake_http_line(WATCH, EVENT("MODIFIED", PEER("4"))));
	assert_log(scene, "+10.1.1.0-24 +10.1.2.0-24");
	assert_int_equal(fake_http_asked(LIST), 1);
}

static void request_again(struct recorder *r)
{
	r->store->ops->refresh(r->store);
}

/* The lease client does so, if an entry seems to be older than its own put. */
static void a_report_that_requests_another_is_followed_by_it(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	scene->r.store->ops->refresh(scene->r.store);
	fake_loop_pass(scene->r.loop, 0);
	scene->r.at_entry = request_again;
	fake_http_respond(OWN, OWN_NODE("9"));
	assert_log(scene, "config +10.1.1.0-24");
	fake_loop_pass(scene->r.loop, 0);
	fake_http_respond(OWN, OWN_NODE("9"));
	assert_log(scene, "config +10.1.1.0-24");
	fake_loop_pass(scene->r.loop, 0);
	assert_int_equal(fake_http_waiting(OWN), 0);
}

static void a_report_requested_when_the_link_is_up_is_made(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_fail(OWN, ECONNREFUSED);
	assert_log(scene, "down");
	fake_loop_pass(scene->r.loop, 2000);
	scene->r.at_up = request_again;
	fake_http_respond(OWN, OWN_NODE("5"));
	assert_log(scene, "up config +10.1.1.0-24");
}

static void miss_own_node(struct scene *scene)
{
	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_refuse(OWN, 404, "{}");
	assert_log(scene, "[ config");
}

/* The watch that follows does not report it again. */
static void an_own_node_created_before_the_list_of_an_emptied_cluster_is_read(void **state)
{
	struct scene *scene = *state;

	miss_own_node(scene);
	kube_respond_list(LIST, NODES_ALONE("2", "{" METADATA("n1", "2", "") "}"));
	assert_log(scene, RESTORED " ] up");
	fake_loop_pass(scene->r.loop, 0);
	fake_http_respond(OWN, OWN_NODE("2"));
	assert_log(scene, "+10.1.1.0-24");
	assert_int_equal(fake_http_waiting("resourceVersion=2" WATCH), 1);
}

static void an_own_node_created_again_before_the_list_is_read(void **state)
{
	static const char metadata[] = "\"metadata\":{\"name\":\"n1\",\"uid\":\"u-again\","
				       "\"resourceVersion\":\"12\"}";
	struct scene *scene = *state;
	char text[256];

	miss_own_node(scene);
	snprintf(text, sizeof(text), NODES_ALONE("12", "{%s}"), metadata);
	kube_respond_list(LIST, text);
	assert_log(scene, "+10.1.1.0-24 ] up");
	fake_loop_pass(scene->r.loop, 0);
	snprintf(text, sizeof(text), "{%s,\"spec\":{\"podCIDRs\":[\"10.1.7.0/24\"]}}", metadata);
	fake_http_respond(OWN, text);
	assert_log(scene, "+10.1.1.0-24 +10.1.7.0-24");
}

/* Events of the new history with lower revisions, while the watch of the former one runs. */
static void an_event_of_a_restored_cluster_leads_to_a_read(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	assert_true(fake_http_line(WATCH, EVENT("ADDED", "{" METADATA("n1", "3", "") "}")));
	fake_loop_pass(scene->r.loop, 0);
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 20000);
	fake_http_respond(OWN, OWN_NODE("3"));
	assert_log(scene, RESTORED_LIST);
	kube_respond_list(LIST, NODES("4", PEER("2")));
	assert_log(scene, "+10.1.2.0-24 +10.1.1.0-24 ]");
}

static void a_node_of_another_uid_leads_to_a_list(void **state)
{
	static const char again[] =
		"{\"metadata\":{\"name\":\"n1\",\"uid\":\"u-again\",\"resourceVersion\":\"12\"},"
		"\"spec\":{\"podCIDRs\":[\"10.1.1.0/24\"]}}";
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, again);
	assert_log(scene, "[ config");
	kube_respond_list(LIST, NODES("12", PEER("11")));
	assert_log(scene, "+10.1.2.0-24 +10.1.1.0-24 ] up");
}

static void a_cluster_restored_while_weftd_was_down_is_detected(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("7"));
	assert_log(scene, RESTORED_LIST);
	kube_respond_list(FIRST_LIST, NO_NODES("7"));
	assert_log(scene, "+10.1.1.0-24 ] up");
	assert_int_equal(scene->r.store->ops->position(scene->r.store).cluster, 1);
	assert_int_equal(scene->r.store->ops->position(scene->r.store).revision, 7);
}

static void a_cluster_emptied_while_weftd_was_down_is_detected(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(scene->r.store->ops->position(scene->r.store).revision, 8);
	fake_http_refuse(OWN, 404, "{}");
	assert_int_equal(fake_http_asked(FIRST_LIST), 0); /* from etcd instead */
	kube_respond_list(LIST, NO_NODES("7"));
	assert_log(scene, "[ config " RESTORED " ] up");
}

static void a_later_node_is_of_the_same_history(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("8"));
	kube_respond_list(FIRST_LIST, NO_NODES("8"));
	assert_log(scene, "[ config +10.1.1.0-24 ] up");
}

static void a_position_of_another_store_has_no_effect(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
}

static void an_idle_watch_is_probed(void **state)
{
	struct scene *scene = *state;

	kube_come_up(scene);
	fake_loop_pass(scene->r.loop, 20000);
	assert_int_equal(fake_http_waiting(OWN), 1);
	fake_http_fail(OWN, ETIMEDOUT);
	assert_log(scene, "down");
	assert_int_equal(fake_http_waiting(WATCH), 0);
}

#define AGAIN(test) cmocka_unit_test_setup_teardown(test, kube_set_up_again, kube_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_is_followed_by_a_watch),
		TEST(events_that_change_no_lease_are_not_reported),
		TEST(an_expired_revision_leads_to_a_list),
		TEST(an_incomplete_list_is_discarded),
		TEST(a_list_without_the_own_node_that_exists_is_discarded),
		TEST(a_first_list_without_the_own_node_is_read_again),
		TEST(retry_after_is_honoured),
		TEST(a_missing_permission_is_named_when_it_lasts),
		TEST(a_permission_that_an_api_server_lacks_at_its_start_is_not_reported),
		TEST(a_watch_that_is_not_permitted_is_no_connection),
		TEST(a_permitted_watch_without_events_is_a_connection),
		TEST(a_lost_api_server_is_replaced_and_the_watch_continues),
		TEST(a_restored_cluster_keeps_its_peers_for_a_time),
		TEST(an_emptied_cluster_is_a_restored_one),
		TEST(a_report_that_requests_another_is_followed_by_it),
		TEST(a_report_requested_when_the_link_is_up_is_made),
		TEST(an_own_node_created_before_the_list_of_an_emptied_cluster_is_read),
		TEST(an_own_node_created_again_before_the_list_is_read),
		TEST(a_node_of_another_uid_leads_to_a_list),
		AGAIN(a_cluster_restored_while_weftd_was_down_is_detected),
		AGAIN(a_cluster_emptied_while_weftd_was_down_is_detected),
		AGAIN(a_later_node_is_of_the_same_history),
		cmocka_unit_test_setup_teardown(a_position_of_another_store_has_no_effect,
						kube_set_up_after_etcd, kube_tear_down),
		TEST(an_event_of_a_restored_cluster_leads_to_a_read),
		TEST(an_idle_watch_is_probed),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
