/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
/* Requests of other nodes to count packets to this node's gateway, and how many of them are met. */
#include "daemon/probe/probe_watch.h"

#include "common/array.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/probe/probe_message.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

struct scene {
	struct loop *loop;
	struct probe_watch *watch;
	struct prefix own;
};

static int set_up(void **state)
{
	static struct scene scene;
	struct err err = ERR_INIT;

	nl_free(kernel_fresh());
	tempdir_make(state);
	scene.own = kernel_prefix("10.5.2.1/24");
	assert_done(loop_new(&scene.loop, &err), err);
	assert_done(probe_watch_new(scene.loop, tempdir_path, &scene.watch, &err), err);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	probe_watch_free(scene->watch);
	loop_free(scene->loop);
	assert_string_equal(kernel_says("nft list ruleset"), "");
	return tempdir_remove(state);
}

/* A request of the node with that gateway. */
static enum probe_watch_state request(const struct scene *scene, const char *gateway,
				      uint8_t number, const char *address, bool counts)
{
	const struct ipaddr from = kernel_addr(gateway);
	const struct probe_watch_peer peer = { "default", &from, &scene->own };
	struct probe_watch_request request = { .counts = counts, .address = kernel_addr(address) };
	struct probe_message message = { .kind = PROBE_WATCH_REQUEST },
			     answer = { .kind = PROBE_WATCH_REPLY };
	struct probe_watch_reply reply;

	request.number[0] = number;
	probe_watch_write_request(&request, &message);
	assert_int_equal(probe_watch_answer(scene->watch, &peer, &message, &answer), 0);
	assert_int_equal(probe_watch_read_reply(&answer, &reply), 0);
	for (size_t i = 0; i < PROBE_WATCH_PLACES; i++)
		assert_int_equal(reply.count[i], 0);
	return reply.state;
}

#define ONE "10.5.1.1"
#define THREE "10.5.3.1"
#define OWN "10.5.2.1"

static void a_watch_belongs_to_the_node_that_began_it(void **state)
{
	const struct scene *scene = *state;

	assert_int_equal(request(scene, ONE, 1, OWN, true), PROBE_WATCH_ENDED);
	assert_int_equal(request(scene, ONE, 1, OWN, false), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 1, OWN, false), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 2, OWN, true), PROBE_WATCH_ENDED);
	assert_int_equal(request(scene, THREE, 1, OWN, true), PROBE_WATCH_ENDED);
	assert_int_equal(request(scene, THREE, 1, OWN, false), PROBE_WATCH_BUSY);
	assert_int_equal(request(scene, ONE, 1, OWN, true), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 1, OWN, true), PROBE_WATCH_WATCHING);
	/* The next one of the same node replaces it. */
	assert_int_equal(request(scene, ONE, 2, OWN, false), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 1, OWN, true), PROBE_WATCH_ENDED);
	fake_loop_pass(scene->loop, PROBE_WATCH_MS);
	assert_string_equal(kernel_says("nft list ruleset"), "");
	assert_int_equal(request(scene, ONE, 2, OWN, true), PROBE_WATCH_ENDED);
	assert_int_equal(request(scene, THREE, 1, OWN, false), PROBE_WATCH_WATCHING);
	/* Once its counts are read, another node need not wait for its end. */
	assert_int_equal(request(scene, THREE, 1, OWN, true), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 3, OWN, false), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, THREE, 1, OWN, true), PROBE_WATCH_ENDED);
}

static void addresses_of_no_container_are_not_watched(void **state)
{
	const struct scene *scene = *state;

	assert_int_equal(request(scene, ONE, 1, "10.5.2.9", false), PROBE_WATCH_ABSENT);
	assert_int_equal(request(scene, ONE, 1, "10.5.3.1", false), PROBE_WATCH_ABSENT);
	assert_int_equal(request(scene, ONE, 1, "fd00::1", false), PROBE_WATCH_ABSENT);
	assert_string_equal(kernel_says("nft list ruleset"), "");
}

static void a_watch_that_is_not_read_is_replaced(void **state)
{
	const struct scene *scene = *state;

	assert_int_equal(request(scene, ONE, 1, OWN, false), PROBE_WATCH_WATCHING);
	fake_loop_pass(scene->loop, PROBE_WATCH_HOLD_MS - 1);
	assert_int_equal(request(scene, THREE, 1, OWN, false), PROBE_WATCH_BUSY);
	fake_loop_pass(scene->loop, 1);
	assert_int_equal(request(scene, THREE, 1, OWN, false), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 1, OWN, true), PROBE_WATCH_ENDED);
}

/* A node that begins watches all the time does not keep this one busy. */
static void watches_are_limited(void **state)
{
	const struct scene *scene = *state;
	unsigned begun = 0;

	for (uint8_t i = 0; i < 100; i++)
		begun += request(scene, ONE, i, OWN, false) == PROBE_WATCH_WATCHING;
	assert_int_equal(begun, PROBE_WATCH_BURST);
	fake_loop_pass(scene->loop, PROBE_WATCH_REFILL_MS);
	assert_int_equal(request(scene, ONE, 200, OWN, false), PROBE_WATCH_WATCHING);
	assert_int_equal(request(scene, ONE, 201, OWN, false), PROBE_WATCH_BUSY);
	fake_loop_pass(scene->loop, 1000 * PROBE_WATCH_REFILL_MS);
	begun = 0;
	for (uint8_t i = 0; i < 100; i++)
		begun += request(scene, ONE, i, OWN, false) == PROBE_WATCH_WATCHING;
	assert_int_equal(begun, PROBE_WATCH_BURST);
}

static void malformed_requests_are_refused(void **state)
{
	static const struct {
		size_t size;
		uint8_t first;
	} cases[] = { { 0, 1 },  { 7, 1 },  { 8, 1 },  { 11, 1 },  { 13, 1 },
		      { 23, 1 }, { 12, 0 }, { 12, 3 }, { 24, 255 } };
	const struct scene *scene = *state;
	const struct ipaddr from = kernel_addr(ONE);
	const struct probe_watch_peer peer = { "default", &from, &scene->own };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_message message = { .payload_size = (uint16_t)cases[i].size,
						 .payload = { cases[i].first } };
		struct probe_message answer;

		assert_int_equal(probe_watch_answer(scene->watch, &peer, &message, &answer), -1);
	}
}

static void malformed_replies_are_refused(void **state)
{
	const struct probe_watch_reply reply = { PROBE_WATCH_BUSY, { 1, 2, 3, 4, 5, 6, 65535 } };
	struct probe_message message = { .kind = PROBE_WATCH_REPLY }, wrong;
	struct probe_watch_reply again;

	(void)state;
	probe_watch_write_reply(&reply, &message);
	assert_int_equal(probe_watch_read_reply(&message, &again), 0);
	assert_int_equal(again.state, PROBE_WATCH_BUSY);
	assert_memory_equal(again.count, reply.count, sizeof(reply.count));
	for (uint8_t state_byte = 0; state_byte < 10; state_byte++) {
		wrong = message;
		wrong.payload[0] = state_byte;
		assert_int_equal(probe_watch_read_reply(&wrong, &again),
				 state_byte && state_byte < PROBE_WATCH_STATES ? 0 : -1);
	}
	wrong = message;
	wrong.payload[1] = 1;
	assert_int_equal(probe_watch_read_reply(&wrong, &again), -1);
	wrong = message;
	wrong.payload_size--;
	assert_int_equal(probe_watch_read_reply(&wrong, &again), -1);
}

#define watch_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		watch_test(a_watch_belongs_to_the_node_that_began_it),
		watch_test(addresses_of_no_container_are_not_watched),
		watch_test(a_watch_that_is_not_read_is_replaced),
		watch_test(watches_are_limited),
		watch_test(malformed_requests_are_refused),
		watch_test(malformed_replies_are_refused),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
