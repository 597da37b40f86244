/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop http */
#include "daemon/store/kube/store_kube.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/samples.h"
#include "tests/unit/store_recorder.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN "/api/v1/nodes/n1"
#define PATCH OWN "/status"
#define FIRST_LIST "nodes?limit=500&resourceVersion=0"
#define LIST "nodes?limit=500"
#define WATCH "&timeoutSeconds=400&watch=true"
#define ID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define NETCONF "{\"Network\":\"10.1.0.0/16\"}"

#define METADATA(name, revision, more)                                                             \
	"\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name                                    \
	"\",\"resourceVersion\":\"" revision "\"" more "}"
#define WEFT(subnet)                                                                               \
	",\"annotations\":{\"flannel.alpha.coreos.com/kube-subnet-manager\":\"true\","             \
	"\"flannel.alpha.coreos.com/backend-type\":\"vxlan\","                                     \
	"\"weft.cni/lease\":\"{\\\"Subnets\\\":[\\\"" subnet "\\\"]}\"}"
#define FLANNEL                                                                                    \
	",\"annotations\":{\"flannel.alpha.coreos.com/kube-subnet-manager\":\"true\","             \
	"\"flannel.alpha.coreos.com/backend-type\":\"vxlan\"}"
#define OWN_NODE(revision)                                                                         \
	"{" METADATA("n1", revision, "") ",\"spec\":{\"podCIDRs\":[\"10.1.1.0/24\"]}}"
#define NODES_ALONE(revision, items)                                                               \
	"{\"metadata\":{\"resourceVersion\":\"" revision "\"},\"items\":[" items "]}"
/* With the own Node, of which the list has nothing newer than a read. */
#define LISTED_OWN "{" METADATA("n1", "1", "") "}"
#define NODES(revision, items) NODES_ALONE(revision, items "," LISTED_OWN)
#define NO_NODES(revision) NODES_ALONE(revision, LISTED_OWN)
#define PEER(revision) "{" METADATA("n2", revision, WEFT("10.1.2.0/24")) "}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"
#define RESTORED "restored: the resourceVersion of the Nodes has decreased"
#define RESTORED_LIST "[ " RESTORED " config"

struct scene {
	struct recorder r;
	char text[20000]; /* a list */
};

static int set_up_at(void **state, const struct store_point *position)
{
	static const char *const servers[] = { "https://a", "https://b", NULL };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct recorder *r = &scene->r;
	char path[300];
	struct store_kube_options options = { .servers = servers,
					      .annotation_prefix = "flannel.alpha.coreos.com",
					      .netconf = path,
					      .node_name = "n1",
					      .set_condition = true,
					      .node_id = ID };
	struct err err = ERR_INIT;
	FILE *file;

	tempdir_make(state);
	snprintf(path, sizeof(path), "%s/net-conf.json", tempdir_path);
	file = fopen(path, "w");
	fputs(NETCONF, file);
	fclose(file);
	assert_good(loop_new(&r->loop, &err), err);
	assert_good(http_new(r->loop, &r->http, &err), err);
	assert_good(store_kube_new(r->loop, r->http, &options, &recorder_listener, r, &r->store,
				   &err),
		    err);
	assert_good(r->store->ops->start(r->store, position, &err), err);
	r->log[0] = '\0'; /* the configuration */
	*state = scene;
	fake_loop_pass(r->loop, 0);
	return 0;
}

static int set_up(void **state)
{
	return set_up_at(state, NULL);
}

/* After an earlier run, which has seen the own Node with revision 8. */
static int set_up_again(void **state)
{
	static const struct store_point position = { .cluster = 1, .revision = 8 };

	return set_up_at(state, &position);
}

/* After an earlier run with another store. */
static int set_up_after_etcd(void **state)
{
	static const struct store_point position = { .cluster = 4711, .revision = 8 };

	return set_up_at(state, &position);
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	fake_http_set_retry_after(0);
	fake_http_set_broken(false);
	recorder_stop(&scene->r);
	free(scene);
	return tempdir_remove(state);
}

static void assert_log(struct scene *scene, const char *wanted)
{
	char *config = strstr(scene->r.log, "config=");
	char *end = config ? strchr(config, '}') : NULL;

	/* The configuration's text is not of interest. */
	while (end && strchr(end + 1, '}'))
		end = strchr(end + 1, '}');
	if (end)
		memmove(config + 6, end + 2, strlen(end + 2) + 1);
	assert_string_equal(scene->r.log, wanted);
	scene->r.log[0] = '\0';
}

static void respond_list(const char *path, const char *text)
{
	fake_http_data(path, text, strlen(text));
	fake_http_respond(path, "");
}

static void come_up(struct scene *scene)
{
	fake_http_respond(OWN, OWN_NODE("5"));
	respond_list(FIRST_LIST, NODES("9", PEER("7")));
	assert_log(scene, "[ config +10.1.2.0-24 +10.1.1.0-24 ] up");
	assert_int_equal(fake_http_waiting("resourceVersion=9" WATCH), 1);
}

static void a_list_is_followed_by_a_watch(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
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

	come_up(scene);
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

	come_up(scene);
	assert_false(fake_http_line(WATCH, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,"
							  "\"message\":\"too old\"}")));
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, OWN_NODE("5"));
	respond_list(LIST, NO_NODES("30"));
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
	come_up(scene);
	assert_string_equal(scene->r.endpoint, "https://b");
}

/* As of a server that responds with an empty list: the peers are kept. */
static void a_list_without_the_own_node_that_exists_is_discarded(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	assert_false(fake_http_line(WATCH, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,"
							  "\"message\":\"too old\"}")));
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, OWN_NODE("5"));
	respond_list(LIST, NODES_ALONE("30", ""));
	assert_log(scene, "[ config ! down");
	assert_says(scene->r.why, "the list of the nodes lacks n1, which exists");
	/* It was deleted: from now on, the list is that of an emptied cluster. */
	fake_loop_pass(scene->r.loop, 5000);
	fake_http_refuse(OWN, 404, "{}");
	respond_list(LIST, NODES_ALONE("31", ""));
	assert_log(scene, "[ config ] up");
}

/* The first list is that of the API server's cache, which can lag; the next one is not. */
static void a_first_list_without_the_own_node_is_read_again(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("5"));
	respond_list(FIRST_LIST, NODES_ALONE("4", PEER("2")));
	assert_log(scene, "[ config +10.1.2.0-24 ! down");
	fake_loop_pass(scene->r.loop, 5000);
	fake_http_respond(OWN, OWN_NODE("5"));
	respond_list(LIST, NODES("9", PEER("7")));
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

	come_up(scene);
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

	come_up(scene);
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

	come_up(scene);
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

	come_up(scene);
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

	come_up(scene);
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
	respond_list(LIST, NO_NODES("4"));
	assert_log(scene, "+10.1.1.0-24 ] up");
}

/* Its Nodes register later. */
static void an_emptied_cluster_is_a_restored_one(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_refuse(OWN, 404, "{}");
	assert_log(scene, "[ config");
	respond_list(LIST, NODES_ALONE("2", ""));
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

static void miss_own_node(struct scene *scene)
{
	come_up(scene);
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
	respond_list(LIST, NODES_ALONE("2", "{" METADATA("n1", "2", "") "}"));
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
	respond_list(LIST, text);
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

	come_up(scene);
	assert_true(fake_http_line(WATCH, EVENT("ADDED", "{" METADATA("n1", "3", "") "}")));
	fake_loop_pass(scene->r.loop, 0);
	assert_log(scene, "");
	fake_loop_pass(scene->r.loop, 20000);
	fake_http_respond(OWN, OWN_NODE("3"));
	assert_log(scene, RESTORED_LIST);
	respond_list(LIST, NODES("4", PEER("2")));
	assert_log(scene, "+10.1.2.0-24 +10.1.1.0-24 ]");
}

static void a_node_of_another_uid_leads_to_a_list(void **state)
{
	static const char again[] =
		"{\"metadata\":{\"name\":\"n1\",\"uid\":\"u-again\",\"resourceVersion\":\"12\"},"
		"\"spec\":{\"podCIDRs\":[\"10.1.1.0/24\"]}}";
	struct scene *scene = *state;

	come_up(scene);
	fake_http_fail(WATCH, ECONNRESET);
	fake_loop_pass(scene->r.loop, 100);
	fake_http_respond(OWN, again);
	assert_log(scene, "[ config");
	respond_list(LIST, NODES("12", PEER("11")));
	assert_log(scene, "+10.1.2.0-24 +10.1.1.0-24 ] up");
}

static void a_cluster_restored_while_weftd_was_down_is_detected(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("7"));
	assert_log(scene, RESTORED_LIST);
	respond_list(FIRST_LIST, NO_NODES("7"));
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
	respond_list(LIST, NO_NODES("7"));
	assert_log(scene, "[ config " RESTORED " ] up");
}

static void a_later_node_is_of_the_same_history(void **state)
{
	struct scene *scene = *state;

	fake_http_respond(OWN, OWN_NODE("8"));
	respond_list(FIRST_LIST, NO_NODES("8"));
	assert_log(scene, "[ config +10.1.1.0-24 ] up");
}

static void a_position_of_another_store_has_no_effect(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
}

static void an_idle_watch_is_probed(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	fake_loop_pass(scene->r.loop, 20000);
	assert_int_equal(fake_http_waiting(OWN), 1);
	fake_http_fail(OWN, ETIMEDOUT);
	assert_log(scene, "down");
	assert_int_equal(fake_http_waiting(WATCH), 0);
}

/* ---- Puts -------------------------------------------------------------------------------- */

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

	come_up(scene);
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
	come_up(scene);
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

	come_up(scene);
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
	respond_list(FIRST_LIST, scene->text);
	/* The last one is confirmed, the first one is not yet: it has been reported. */
	snprintf(scene->text, sizeof(scene->text), NODES("9", "%s"), whole);
	respond_list(FIRST_LIST, scene->text);
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

	come_up(scene);
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
	respond_list(LIST,
		     NODES("12", PEER("7") ",{" METADATA("n3", "10", WEFT("10.1.1.0/24")) "}"));
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

	come_up(scene);
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

	come_up(scene);
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

	come_up(scene);
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

	come_up(scene);
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
	respond_list(LIST, NODES_ALONE("9", ""));
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define AGAIN(test) cmocka_unit_test_setup_teardown(test, set_up_again, tear_down)

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
		TEST(an_own_node_created_before_the_list_of_an_emptied_cluster_is_read),
		TEST(an_own_node_created_again_before_the_list_is_read),
		TEST(a_node_of_another_uid_leads_to_a_list),
		AGAIN(a_cluster_restored_while_weftd_was_down_is_detected),
		AGAIN(a_cluster_emptied_while_weftd_was_down_is_detected),
		AGAIN(a_later_node_is_of_the_same_history),
		cmocka_unit_test_setup_teardown(a_position_of_another_store_has_no_effect,
						set_up_after_etcd, tear_down),
		TEST(an_event_of_a_restored_cluster_leads_to_a_read),
		TEST(an_idle_watch_is_probed),
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
