/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_journal.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fill(struct adopt_node *node)
{
	struct adopt_tunnel *tunnel = &node->tunnel[FAMILY_V6];
	struct adopt_container container = { .mac = { .octet = { 2, 0, 0, 0, 0, 9 } },
					     .addr_len = 2 };
	struct err err = ERR_INIT;

	memset(node, 0, sizeof(*node));
	node->bridge_mac = (struct mac){ .octet = { 2, 0, 0, 0, 0, 1 } };
	node->weft_mac = (struct mac){ .octet = { 2, 0, 0, 0, 0, 2 } };
	node->bridge_mtu = 1430;
	node->weft_vni = 7;
	snprintf(node->bridge, sizeof(node->bridge), "cni0");
	snprintf(node->weft_bridge, sizeof(node->weft_bridge), "weft-br7");
	snprintf(node->run_dir, sizeof(node->run_dir), "/run/weft");
	assert_int_equal(prefix_parse("10.5.7.1/24", &node->gateway[FAMILY_V4], &err), 0);
	assert_int_equal(prefix_parse("fd00::1/64", &node->gateway[FAMILY_V6], &err), 0);
	snprintf(tunnel->name, sizeof(tunnel->name), "flannel-v6.7");
	snprintf(tunnel->lower, sizeof(tunnel->lower), "eth0");
	tunnel->mac = (struct mac){ .octet = { 2, 0, 0, 0, 0, 3 } };
	tunnel->mtu = 1410;
	tunnel->vxlan.vni = 7;
	tunnel->vxlan.port = 8472;
	tunnel->vxlan.udp_csum = true;
	assert_int_equal(ipaddr_parse("fd00:1::1", &tunnel->vxlan.local, &err), 0);
	snprintf(container.id, sizeof(container.id), "c1");
	snprintf(container.ifname, sizeof(container.ifname), "eth0");
	snprintf(container.netns, sizeof(container.netns), "/run/netns/x");
	snprintf(container.list, sizeof(container.list), "cbr0");
	snprintf(container.veth, sizeof(container.veth), "veth1");
	assert_int_equal(ipaddr_parse("10.5.7.2", &container.addr[0], &err), 0);
	assert_int_equal(ipaddr_parse("fd00::2", &container.addr[1], &err), 0);
	assert_true(adopt_containers_push(&node->containers, &container));
	snprintf(node->conf_dir, sizeof(node->conf_dir), "/opt/net.d");
	snprintf(node->conflist, sizeof(node->conflist), "10-flannel.conflist");
	node->conflist_text = strdup("{\"name\":\"cbr0\"}\n");
	assert_non_null(node->conflist_text);
	node->delegate_text = strdup("{\"type\":\"bridge\"}");
	assert_non_null(node->delegate_text);
}

static char *print(const struct adopt_node *node)
{
	struct err err = ERR_INIT;
	char *printed = NULL, *text;

	assert_int_equal(adopt_journal_print(node, &printed, &err), 0);
	text = strdup(printed);
	free(printed);
	assert_non_null(text);
	return text;
}

/* Every member is written and read: the second text equals the first. */
static void test_round_trip(void **state)
{
	struct adopt_node node, back;
	struct err err = ERR_INIT;
	char *text, *again;

	(void)state;
	fill(&node);
	text = print(&node);
	assert_int_equal(adopt_journal_parse(text, strlen(text), &back, &err), 0);
	again = print(&back);
	assert_string_equal(again, text);
	assert_string_equal(back.run_dir, "/run/weft");
	assert_int_equal(back.bridge_mtu, 1430);
	assert_true(prefix_equal(&back.gateway[FAMILY_V6], &node.gateway[FAMILY_V6]));
	assert_string_equal(back.tunnel[FAMILY_V6].lower, "eth0");
	assert_string_equal(back.tunnel[FAMILY_V4].name, "");
	assert_int_equal(back.containers.at[0].addr_len, 2);
	assert_string_equal(back.conf_dir, "/opt/net.d");
	assert_string_equal(back.conflist_text, node.conflist_text);
	assert_string_equal(back.delegate_text, node.delegate_text);
	assert_int_equal(back.bridge_index, 0);
	free(text);
	free(again);
	adopt_node_free(&node);
	adopt_node_free(&back);
}

static void check_refused(const char *text, size_t size)
{
	struct adopt_node back;
	struct err err = ERR_INIT;

	if (adopt_journal_parse(text, size, &back, &err) != -1)
		fail_msg("accepted: %.*s", (int)size, text);
	assert_int_equal(err.code, ERR_STATE);
}

/* A journal is written atomically, but may be damaged. */
static void test_damage(void **state)
{
	struct adopt_node node;
	char *text;

	(void)state;
	fill(&node);
	text = print(&node);
	for (size_t size = 0; size < strlen(text); size++)
		check_refused(text, size);
	assert_memory_equal(text, "{\"version\":1,", strlen("{\"version\":1,"));
	text[strlen("{\"version\":")] = '2';
	check_refused(text, strlen(text));
	check_refused("{}", 2);
	check_refused("[]", 2);
	free(text);
	adopt_node_free(&node);
}

static void check_name(char *buf, size_t size, const char *name, const struct adopt_node *node)
{
	char before[ADOPT_ID_SIZE], *text;

	snprintf(before, sizeof(before), "%s", buf);
	snprintf(buf, size, "%s", name);
	text = print(node);
	check_refused(text, strlen(text));
	free(text);
	snprintf(buf, size, "%s", before);
}

static void test_names_that_are_paths(void **state)
{
	static const char *const names[] = { "..", "../x", "a/b", ".x" };
	struct adopt_container *container;
	struct adopt_node node;

	(void)state;
	fill(&node);
	container = &node.containers.at[0];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		check_name(container->id, sizeof(container->id), names[i], &node);
		check_name(container->list, sizeof(container->list), names[i], &node);
		check_name(container->ifname, sizeof(container->ifname), names[i], &node);
		check_name(node.conflist, sizeof(node.conflist), names[i], &node);
	}
	adopt_node_free(&node);
}

/*
 * Journals of weft 0.1.0 have no directory; a relative one would depend on where weftctl is
 * started.
 */
static void test_directory(void **state)
{
	static const char member[] = "\"conf_dir\":\"/opt/net.d\",";
	struct adopt_node node, back;
	struct err err = ERR_INIT;
	char *text, *at;

	(void)state;
	fill(&node);
	text = print(&node);
	at = strstr(text, member);
	assert_non_null(at);
	memmove(at, at + strlen(member), strlen(at + strlen(member)) + 1);
	assert_int_equal(adopt_journal_parse(text, strlen(text), &back, &err), 0);
	assert_string_equal(back.conf_dir, "/etc/cni/net.d");
	adopt_node_free(&back);
	free(text);
	check_name(node.conf_dir, sizeof(node.conf_dir), "net.d", &node);
	check_name(node.conf_dir, sizeof(node.conf_dir), "", &node);
	adopt_node_free(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_names_that_are_paths),
		cmocka_unit_test(test_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
