/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
#include "daemon/control/commands.h"

#include "common/array.h"
#include "common/cleanup/cleanup.h"
#include "common/log.h"
#include "daemon/control/control.h"
#include "daemon/control/status.h"
#include "tests/unit/network_scene.h"

#include <errno.h>
#include <sys/stat.h>

#define OTHER_KEY "10.5.200.0-24"
#define RESERVE(node, subnet)                                                                      \
	"{\"version\":2,\"command\":\"reserve\",\"node\":\"" node "\",\"subnet\":\"" subnet "\"}"
#define RELEASE(subnet) "{\"version\":2,\"command\":\"release\",\"subnet\":\"" subnet "\"}"
#define LEAVE "{\"version\":2,\"command\":\"leave\"}"
#define LEAVE_FORCE "{\"version\":2,\"command\":\"leave\",\"force\":true}"

struct office {
	struct scene *scene;
	struct network *networks[1];
	struct status_self self;
	struct commands *commands;
	unsigned left; /* number of calls of leave_node() */
	int leave_rc;
};

static char last_answer[1024]; /* the last answer to a command */
static unsigned answers;
static struct control_call answered;

/* Replaces control_reply() of daemon/control/control.c. */
void control_reply(struct control *control, const struct control_call *call, char *answer)
{
	(void)control;
	snprintf(last_answer, sizeof(last_answer), "%s", answer);
	answered = *call;
	answers++;
	free(answer);
}

static int leave_node(void *ctx, struct cleanup *done, struct err *err)
{
	struct office *office = ctx;

	office->left++;
	done->devices = 2;
	return office->leave_rc < 0 ? err_set(err, ERR_IO, "the device is busy") : 0;
}

/* A network that is ready, with a lease of another node. */
static int setup(void **state)
{
	struct office *office = test_calloc(1, sizeof(*office));
	struct err err = ERR_INIT;

	if (scene_setup(state))
		return -1;
	office->scene = *state;
	come_up(office->scene);
	deliver_peer(office->scene, OTHER_KEY, "192.168.0.2", MAC_2);
	settle(office->scene);
	office->networks[0] = office->scene->network;
	office->self = (struct status_self){ .node = &office->scene->node,
					     .node_name = "host1",
					     .networks = office->networks,
					     .network_len = 1 };
	assert_done(commands_new(&office->self, office->scene->run_dir, leave_node, office,
				 &office->commands, &err),
		    err);
	answers = 0;
	last_answer[0] = '\0';
	*state = office;
	return 0;
}

static int teardown(void **state)
{
	struct office *office = *state;

	commands_free(office->commands);
	*state = office->scene;
	test_free(office);
	return scene_teardown(state);
}

#define office_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static bool command_as(struct office *office, uid_t uid, const char *request)
{
	const struct control_call call = { .slot = 3, .serial = 77, .uid = uid };

	return commands_handle(office->commands, NULL, &call, request, strlen(request));
}

static void order(struct office *office, const char *request)
{
	assert_true(command_as(office, 0, request));
}

static void assert_answer(const char *text)
{
	assert_int_equal(answers, 1);
	assert_says(last_answer, text);
	assert_true(answered.slot == 3 && answered.serial == 77);
	answers = 0;
}

static void requests_that_are_not_commands_are_not_handled(void **state)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "{\"command\":\"status\"}",
					     "{\"version\":2,\"command\":7}",
					     "{\"version\":2}",
					     "{\"version\":1,\"command\":\"leave\"}" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_false(command_as(*state, 0, texts[i]));
	assert_int_equal(answers, 0);
}

static void invalid_commands_are_refused(void **state)
{
	static const struct {
		const char *request, *says;
	} cases[] = {
		{ "{\"version\":2,\"command\":\"leave\",\"force\":7}", "force" },
		{ "{\"version\":2,\"command\":\"release\"}", "subnet" },
		{ "{\"version\":2,\"command\":\"reserve\",\"subnet\":\"10.5.9.0/24\"}", "node" },
		{ RELEASE("10.5.9.1/24"), "subnet" },
		{ RELEASE("10.6.1.0/24"), "is in no network" },
		{ RELEASE("fd00:5::/64"), "is in no network" },
		{ RELEASE("10.5.9.0/24"), "no lease for subnet 10.5.9.0/24" },
		{ RELEASE("10.5.200.0/25"), "no lease for subnet 10.5.200.0/25" },
		{ RELEASE("10.5.2.0/24"), "is this node's own lease" },
		{ RESERVE("host2", "10.5.9.0/25"), "is not a valid node subnet of network" },
		{ RESERVE("host9", "10.5.9.0/24"), "unknown node \\\"host9\\\"" },
		{ RESERVE("fd00::9", "10.5.9.0/24"), "unknown node" },
		{ RESERVE("host1", "10.5.200.0/24"), "10.5.200.0/24 is not free" },
		{ RESERVE("host2", "10.5.2.0/24"), "10.5.2.0/24 is not free" },
	};
	struct office *office = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		order(office, cases[i].request);
		assert_answer(cases[i].says);
		assert_says(last_answer, "\"error\"");
		assert_int_equal(office->scene->store.len, 0);
	}
}

static void commands_need_root_or_the_user_of_weftd(void **state)
{
	assert_true(command_as(*state, 4711, LEAVE));
	assert_answer("only root");
}

static void a_free_subnet_is_reserved(void **state)
{
	static const struct {
		const char *request, *says, *value;
	} cases[] = {
		{ RESERVE("host2", "10.5.9.0/24"), "\"node_name\":\"host2\"", SAMPLE_OTHER },
		{ RESERVE("192.168.0.2", "10.5.9.0/24"), "\"node_name\":\"host2\"", SAMPLE_OTHER },
		{ RESERVE("192.168.0.77", "10.5.9.0/24"), "\"public_ip\":\"192.168.0.77\"",
		  "192.168.0.77" },
		{ RESERVE(SAMPLE_NODE, "10.5.9.0/24"), "\"node_id\":\"" SAMPLE_NODE "\"",
		  SAMPLE_NODE },
		{ RESERVE("host1", "10.5.9.0/24"), "\"node_name\":\"host1\"", "host1" },
	};
	struct office *office = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake_op op;

		order(office, cases[i].request);
		assert_int_equal(answers, 0); /* not before the store has answered */
		op = fake_store_answer(&office->scene->store, FAKE_PUT,
				       (struct store_reply){ .succeeded = true });
		assert_string_equal(op.key, "10.5.9.0-24");
		assert_true(op.if_revision == 0 && op.lease == 0);
		assert_says(op.value, cases[i].value);
		assert_answer(cases[i].says);
		assert_says(last_answer, "\"key\":\"10.5.9.0-24\"");
	}
}

/* The put depends on the revision of the lease, and keeps the value that the node wrote. */
static void a_lease_becomes_a_reservation(void **state)
{
	struct office *office = *state;
	struct fake_op op;

	order(office, RESERVE("host2", "10.5.200.0/24"));
	op = fake_store_answer(&office->scene->store, FAKE_PUT,
			       (struct store_reply){ .succeeded = true });
	assert_string_equal(op.key, OTHER_KEY);
	assert_true(op.if_revision == office->scene->revision && op.lease == 0);
	assert_says(op.value, MAC_2);
	assert_answer("\"network\":\"default\"");
}

static void a_lease_is_released(void **state)
{
	struct office *office = *state;
	struct fake_op op;

	order(office, RELEASE("10.5.200.0/24"));
	op = fake_store_answer(&office->scene->store, FAKE_REMOVE,
			       (struct store_reply){ .succeeded = true });
	assert_string_equal(op.key, OTHER_KEY);
	assert_true(op.if_revision == office->scene->revision);
	assert_answer("\"release\":{");
}

static void a_store_error_is_the_answer(void **state)
{
	struct office *office = *state;

	order(office, RELEASE("10.5.200.0/24"));
	fake_store_answer(&office->scene->store, FAKE_REMOVE,
			  (struct store_reply){ .succeeded = false });
	assert_answer("the store changed concurrently");
	order(office, RELEASE("10.5.200.0/24"));
	fake_store_refuse(&office->scene->store, FAKE_REMOVE, ECONNREFUSED, "etcd is away");
	assert_answer("etcd is away");
}

static void ambiguous_node_names_are_refused(void **state)
{
	struct office *office = *state;
	char value[512];

	snprintf(value, sizeof(value),
		 "{\"PublicIP\":\"192.168.0.9\",\"BackendType\":\"vxlan\",\"BackendData\":{"
		 "\"VNI\":1,\"VtepMAC\":\"%s\"},\"Weft\":{\"Node\":\"" SAMPLE_NODE
		 "\",\"Name\":\"host2\",\"MTU\":1450}}",
		 MAC_3);
	deliver_entry(office->scene, "10.5.201.0-24", value, 9);
	order(office, RESERVE("host2", "10.5.9.0/24"));
	assert_answer("ambiguous node name \\\"host2\\\"");
	order(office, RESERVE("192.168.0.9", "10.5.9.0/24"));
	fake_store_answer(&office->scene->store, FAKE_PUT,
			  (struct store_reply){ .succeeded = true });
	assert_answer(SAMPLE_NODE);
}

/* The number of commands in progress is limited; accepted commands are still answered. */
static void too_many_commands_are_refused(void **state)
{
	struct office *office = *state;
	struct fake_op ops[8];

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		order(office, RELEASE("10.5.200.0/24"));
		ops[i] = fake_store_take(&office->scene->store, FAKE_REMOVE);
	}
	order(office, RELEASE("10.5.200.0/24"));
	assert_answer("8 commands are in progress");
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		ops[i].done(ops[i].ctx, &(struct store_reply){ .succeeded = true }, NULL);
		assert_answer("\"release\":{");
	}
	order(office, RELEASE("10.5.200.0/24"));
	fake_store_answer(&office->scene->store, FAKE_REMOVE,
			  (struct store_reply){ .succeeded = true });
	assert_answer("\"release\":{");
}

static void the_node_leaves_after_its_key_is_removed(void **state)
{
	struct office *office = *state;
	struct fake_op op;

	order(office, LEAVE);
	assert_int_equal(office->left, 0);
	op = fake_store_answer(&office->scene->store, FAKE_REMOVE,
			       (struct store_reply){ .succeeded = true });
	assert_string_equal(op.key, "10.5.2.0-24");
	fake_store_answer(&office->scene->store, FAKE_REVOKE, (struct store_reply){ .lease = 0 });
	assert_int_equal(office->left, 1);
	assert_answer("\"leave\":{\"networks\":1,\"devices\":2,");
}

static void a_failed_leave_reports_the_error_and_removes_nothing(void **state)
{
	struct office *office = *state;

	order(office, LEAVE);
	fake_store_refuse(&office->scene->store, FAKE_REMOVE, ECONNREFUSED, "etcd is away");
	assert_answer("etcd is away");
	assert_int_equal(office->left, 0);
	assert_int_equal(network_view(office->scene->network).lease.state, LEASE_HELD);
	order(office, LEAVE);
	office->leave_rc = -1;
	fake_store_answer(&office->scene->store, FAKE_REMOVE,
			  (struct store_reply){ .succeeded = true });
	fake_store_answer(&office->scene->store, FAKE_REVOKE, (struct store_reply){ .lease = 0 });
	assert_answer("the device is busy");
}

static void a_node_with_containers_does_not_leave(void **state)
{
	struct office *office = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/attachments", office->scene->run_dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/attachments/default", office->scene->run_dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/attachments/default/c1", office->scene->run_dir);
	assert_int_equal(mkdir(path, 0755), 0);
	order(office, LEAVE);
	assert_answer("1 containers are attached");
	assert_int_equal(office->scene->store.len, 0);
	order(office, LEAVE_FORCE);
	fake_store_answer(&office->scene->store, FAKE_REMOVE,
			  (struct store_reply){ .succeeded = true });
	fake_store_answer(&office->scene->store, FAKE_REVOKE, (struct store_reply){ .lease = 0 });
	assert_answer("\"leave\":{");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		office_test(requests_that_are_not_commands_are_not_handled),
		office_test(invalid_commands_are_refused),
		office_test(commands_need_root_or_the_user_of_weftd),
		office_test(a_free_subnet_is_reserved),
		office_test(a_lease_becomes_a_reservation),
		office_test(a_lease_is_released),
		office_test(a_store_error_is_the_answer),
		office_test(ambiguous_node_names_are_refused),
		office_test(too_many_commands_are_refused),
		office_test(the_node_leaves_after_its_key_is_removed),
		office_test(a_failed_leave_reports_the_error_and_removes_nothing),
		office_test(a_node_with_containers_does_not_leave),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
