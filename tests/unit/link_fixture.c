/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/link_fixture.h"

int link_setup(void **state)
{
	fake_nl_reset();
	return kernel_setup(state);
}

int link_teardown(void **state)
{
	fake_nl_reset();
	return kernel_teardown(state);
}

struct link must_get(struct nl *nl, const char *name)
{
	struct err err = ERR_INIT;
	struct link link, again;
	int found = link_get(nl, name, &link, &err);

	assert_done(found, err);
	assert_int_equal(found, 1);
	assert_int_equal(link_get_index(nl, link.index, &again, &err), 1);
	assert_memory_equal(&again, &link, sizeof(link));
	return link;
}

void assert_mac(const struct mac *mac, const char *text)
{
	char is[MAC_TEXT_SIZE];

	assert_string_equal(mac_text(mac, is), text);
}

struct other make_other(void)
{
	struct err err = ERR_INIT;
	struct other other;
	int home;

	assert_done(netns_open_self(&home, &err), err);
	other.nl = kernel_fresh();
	assert_done(netns_open_self(&other.netns, &err), err);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	return other;
}

void free_other(const struct other *other)
{
	nl_free(other->nl);
	close(other->netns);
}

struct link_add_veth veth(uint32_t master, int netns)
{
	return (struct link_add_veth){
		.name = "weft0123456789a",
		.master = master,
		.mtu = 1450,
		.mac = kernel_mac("0a:58:00:00:00:01"),
		.alias = "weft default 1234 eth0",
		.peer_name = "eth0",
		.peer_mac = kernel_mac("0a:58:0a:05:01:07"),
		.peer_netns = netns,
	};
}
