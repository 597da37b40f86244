/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/seen.h"

#include "common/array.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define MAC(n) "02:42:ac:12:01:" n
#define BRIDGE_MAC "02:42:00:00:00:01"

struct scene {
	struct seens seens;
	struct endpoints endpoints, locals;
	struct macs macs;
	struct seen_counts counts;
};

static int setup(void **state)
{
	*state = test_calloc(1, sizeof(struct scene));
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	seens_free(&scene->seens);
	endpoints_free(&scene->endpoints);
	endpoints_free(&scene->locals);
	macs_free(&scene->macs);
	test_free(scene);
	return 0;
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void see(struct scene *scene, uint32_t port, const char *mac, const char *addr)
{
	const struct seen seen = { port, sample_mac(mac), sample_addr(addr) };

	assert_true(seens_push(&scene->seens, &seen));
}

static void put(struct endpoints *endpoints, const char *addr, const char *mac, const char *node)
{
	struct endpoint endpoint = { .addr = sample_addr(addr), .mac = sample_mac(mac) };

	snprintf(endpoint.node, sizeof(endpoint.node), "%s", node);
	assert_true(endpoints_put(endpoints, &endpoint));
}

/* The selected addresses, "172.18.1.1 172.18.1.2". */
static const char *selected(struct scene *scene)
{
	const struct prefix network[FAMILIES] = { sample_prefix("172.18.0.0/16"),
						  sample_prefix("fd00:18::/48") };
	const struct prefix range[FAMILIES] = { sample_prefix("172.18.1.0/24"),
						sample_prefix("fd00:18:0:1::/64") };
	const struct seen_source source = { &scene->seens, range, &scene->endpoints, SAMPLE_NODE };
	static char text[512];
	size_t len = 0;

	assert_true(seen_select(&source, network, &scene->locals, &scene->macs, &scene->counts));
	text[0] = '\0';
	for (size_t i = 0; i < scene->locals.len && len < sizeof(text); i++) {
		char addr[IPADDR_TEXT_SIZE];

		if (scene->locals.at[i].seen)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? " " : "",
						ipaddr_text(&scene->locals.at[i].addr, addr));
	}
	return text;
}

static bool is_reserved(const struct scene *scene, const char *text)
{
	const struct mac mac = sample_mac(text);

	for (size_t i = 0; i < scene->macs.len; i++)
		if (!mac_cmp(&scene->macs.at[i], &mac))
			return true;
	return false;
}

static void addresses_in_the_range_are_selected(void **state)
{
	struct scene *scene = *state;

	see(scene, 0, BRIDGE_MAC, "");
	see(scene, 0, BRIDGE_MAC, "172.18.1.254");
	see(scene, 7, MAC("01"), "172.18.1.1");
	see(scene, 7, MAC("01"), "fd00:18:0:1::1");
	see(scene, 8, MAC("02"), "172.18.1.2");
	assert_string_equal(selected(scene), "172.18.1.1 172.18.1.2 172.18.1.254 fd00:18:0:1::1");
	assert_int_equal(scene->counts.outside + scene->counts.limited + scene->counts.conflicts,
			 0);
	assert_int_equal(scene->macs.len, 3);
}

/* The bridges of all nodes may have one address, of no range, which is not worth a warning. */
static void addresses_of_other_ranges_are_not(void **state)
{
	struct scene *scene = *state;

	see(scene, 0, BRIDGE_MAC, "172.18.0.1");
	see(scene, 7, MAC("01"), "172.18.2.1");
	see(scene, 7, MAC("01"), "10.9.9.9");
	see(scene, 8, MAC("02"), "fd00:18:0:2::1");
	assert_string_equal(selected(scene), "");
	assert_int_equal(scene->counts.outside, 2);
	assert_true(is_reserved(scene, MAC("01")));
	assert_true(is_reserved(scene, BRIDGE_MAC));
}

static void a_container_cannot_take_what_another_one_has(void **state)
{
	static const struct {
		const char *mac, *addr;
	} cases[] = {
		{ MAC("99"), "172.18.1.9" }, /* the address of one that weft attached */
		{ MAC("09"), "172.18.1.8" }, /* its MAC */
		{ MAC("99"), "172.18.1.1" }, /* another port's */
		{ MAC("01"), "172.18.1.8" },
		{ BRIDGE_MAC, "172.18.1.8" },
		{ MAC("99"), "172.18.1.254" },
		{ "02:42:ac:12:02:07", "172.18.1.8" }, /* another node's */
		{ "01:00:5e:00:00:01", "172.18.1.8" },
		{ "00:00:00:00:00:00", "172.18.1.8" },
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		seens_clear(&scene->seens);
		endpoints_clear(&scene->locals);
		put(&scene->locals, "172.18.1.9", MAC("09"), SAMPLE_NODE);
		put(&scene->endpoints, "172.18.2.7", "02:42:ac:12:02:07", SAMPLE_OTHER);
		see(scene, 0, BRIDGE_MAC, "172.18.1.254");
		see(scene, 7, MAC("01"), "172.18.1.1");
		see(scene, 8, cases[i].mac, cases[i].addr);
		assert_string_equal(selected(scene), "172.18.1.1 172.18.1.254");
		assert_int_equal(scene->counts.conflicts, 1);
		assert_false(is_reserved(scene, "02:42:ac:12:02:07"));
	}
}

#define FREE_MAC "02:11:22:33:44:55" /* derived from no address */

/*
 * Another node cannot stop an announcement by repeating its MAC, nor while the own lease is
 * replaced.
 */
static void a_mac_that_was_announced_here_stays(void **state)
{
	struct scene *scene = *state;

	see(scene, 7, FREE_MAC, "172.18.1.1");
	put(&scene->endpoints, "172.18.1.1", FREE_MAC, SAMPLE_NODE);
	put(&scene->endpoints, "172.18.2.7", FREE_MAC, SAMPLE_OTHER);
	assert_string_equal(selected(scene), "172.18.1.1");
	assert_true(is_reserved(scene, FREE_MAC));
	scene->endpoints.at[0].vanished = true;
	endpoints_clear(&scene->locals);
	assert_string_equal(selected(scene), "172.18.1.1");
}

/* Also while its endpoint has vanished. */
static void a_mac_that_was_announced_elsewhere_is_not_taken(void **state)
{
	struct scene *scene = *state;

	see(scene, 7, FREE_MAC, "172.18.1.1");
	put(&scene->endpoints, "172.18.2.7", FREE_MAC, SAMPLE_OTHER);
	for (int vanished = 0; vanished < 2; vanished++) {
		scene->endpoints.at[0].vanished = vanished;
		assert_string_equal(selected(scene), "");
		assert_int_equal(scene->counts.conflicts, 1);
		assert_false(is_reserved(scene, FREE_MAC));
	}
	endpoints_clear(&scene->endpoints);
	assert_string_equal(selected(scene), "172.18.1.1");
}

/* A container that takes the MAC of one that another node will start, or that starts again. */
static void a_derived_mac_belongs_to_the_node_of_its_address(void **state)
{
	static const char *const foreign[] = { "02:42:ac:12:02:07", "0a:58:ac:12:02:07",
					       "02:42:ac:12:00:01" };
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		seens_clear(&scene->seens);
		see(scene, 7, foreign[i], "172.18.1.1");
		assert_string_equal(selected(scene), "");
		assert_int_equal(scene->counts.conflicts, 1);
		assert_false(is_reserved(scene, foreign[i]));
	}
	/* Not of this network. */
	seens_clear(&scene->seens);
	see(scene, 7, "02:42:0a:01:02:03", "172.18.1.1");
	assert_string_equal(selected(scene), "172.18.1.1");
}

static void an_own_derived_mac_is_kept_from_a_node_that_announced_it_first(void **state)
{
	static const char *const own[] = { MAC("01"), "0a:58:ac:12:01:01" };
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		seens_clear(&scene->seens);
		endpoints_clear(&scene->endpoints);
		endpoints_clear(&scene->locals);
		see(scene, 7, own[i], "172.18.1.1");
		put(&scene->endpoints, "172.18.2.7", own[i], SAMPLE_OTHER);
		assert_string_equal(selected(scene), "172.18.1.1");
		assert_true(is_reserved(scene, own[i]));
	}
}

static size_t count_seen(const struct scene *scene, uint8_t third)
{
	size_t count = 0;

	for (size_t i = 0; i < scene->locals.len; i++)
		count += scene->locals.at[i].addr.be[14] == third;
	return count;
}

static void the_addresses_of_a_port_are_limited(void **state)
{
	struct scene *scene = *state;
	char text[IPADDR_TEXT_SIZE];

	for (unsigned i = 1; i <= SEEN_PORT_MAX + 3; i++) {
		snprintf(text, sizeof(text), "172.18.1.%u", i);
		see(scene, 7, MAC("01"), text);
	}
	see(scene, 8, MAC("02"), "172.18.1.200");
	selected(scene);
	assert_int_equal(count_seen(scene, 1), SEEN_PORT_MAX + 1);
	assert_int_equal(scene->counts.limited, 3);
}

static void the_addresses_in_all_are_limited(void **state)
{
	const struct prefix network[FAMILIES] = { sample_prefix("172.16.0.0/12") };
	struct scene *scene = *state;
	const struct seen_source source = { &scene->seens, network, &scene->endpoints,
					    SAMPLE_NODE };

	for (uint32_t i = 0; i < SEEN_MAX + 5; i++) {
		const struct ipaddr first = sample_addr("172.18.0.1");
		struct seen seen = { .port = i + 1, .addr = ipaddr_add(&first, i) };

		seen.mac = mac_of_address(&seen.addr);
		assert_true(seens_push(&scene->seens, &seen));
	}
	assert_true(seen_select(&source, network, &scene->locals, &scene->macs, &scene->counts));
	assert_int_equal(scene->locals.len, SEEN_MAX);
	assert_int_equal(scene->counts.limited, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(addresses_in_the_range_are_selected),
		scene_test(addresses_of_other_ranges_are_not),
		scene_test(a_container_cannot_take_what_another_one_has),
		scene_test(a_mac_that_was_announced_here_stays),
		scene_test(a_mac_that_was_announced_elsewhere_is_not_taken),
		scene_test(a_derived_mac_belongs_to_the_node_of_its_address),
		scene_test(an_own_derived_mac_is_kept_from_a_node_that_announced_it_first),
		scene_test(the_addresses_of_a_port_are_limited),
		scene_test(the_addresses_in_all_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
