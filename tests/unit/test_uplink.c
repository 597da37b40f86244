/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/uplink.h"

#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const struct ipaddr none[FAMILIES];

/* Two interfaces, and a default route by the second. */
static const char lab[] =
	"ip link add one type veth peer name one-peer && ip link add two type veth peer name "
	"two-peer && ip link set two mtu 1400 && ip link set one up && ip link set one-peer up && "
	"ip link set two up && ip link set two-peer up && "
	"ip addr add 169.254.7.7/16 dev two && "
	"ip addr add 192.168.7.7/24 dev two scope link && "
	"ip addr add 192.168.2.1/24 dev two && ip addr add 192.168.2.2/24 dev two && "
	"ip addr add 192.168.1.1/24 dev one && "
	"ip route add default via 192.168.2.254 metric 50 && "
	"ip route add default via 192.168.1.254 metric 100";

static struct nl *make_lab(void)
{
	struct nl *nl = kernel_fresh();

	assert_int_equal(system(lab), 0);
	return nl;
}

static void assert_uplink(struct nl *nl, const char *iface, const char *name, const char *address)
{
	struct ipaddr want = kernel_addr(address);
	struct err err = ERR_INIT;
	struct uplink uplink;
	struct link link;

	assert_done(uplink_find(nl, iface, none, &uplink, &err), err);
	assert_string_equal(uplink.name, name);
	assert_true(ipaddr_equal(&uplink.address[FAMILY_V4], &want));
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V4], &want));
	assert_int_equal(link_get(nl, name, &link, &err), 1);
	assert_int_equal(uplink.index, link.index);
	assert_int_equal(uplink.mtu, link.mtu);
}

static void it_is_found_by_route_name_or_address(void **state)
{
	AUTO(nl) struct nl *nl = make_lab();

	(void)state;
	assert_uplink(nl, NULL, "two", "192.168.2.1");
	assert_uplink(nl, "one", "one", "192.168.1.1");
	assert_uplink(nl, "two", "two", "192.168.2.1");
	assert_uplink(nl, "192.168.1.1", "one", "192.168.1.1");
	assert_uplink(nl, "192.168.2.2", "two", "192.168.2.2"); /* asked for, though secondary */
	assert_uplink(nl, "169.254.7.7", "two", "169.254.7.7");
}

static void what_is_not_usable_is_the_last_choice(void **state)
{
	AUTO(nl) struct nl *nl = make_lab();
	struct err err = ERR_INIT;
	struct uplink uplink;

	(void)state;
	assert_int_equal(system("ip addr del 192.168.2.1/24 dev two"), 0);
	assert_uplink(nl, "two", "two", "192.168.7.7"); /* the secondary went with it */
	assert_int_equal(system("ip addr del 192.168.7.7/24 dev two"), 0);
	assert_int_equal(uplink_find(nl, "two", none, &uplink, &err), -1);
	assert_string_equal(err.text, "no uplink: two has no address");
}

static void the_public_address_can_be_another(void **state)
{
	const struct ipaddr public_ip[FAMILIES] = { kernel_addr("203.0.113.7"),
						    kernel_addr("2001:db8::7") };
	struct ipaddr own = kernel_addr("192.168.2.1"), unset = { .family = AF_UNSPEC };
	AUTO(nl) struct nl *nl = make_lab();
	struct err err = ERR_INIT;
	struct uplink uplink;

	(void)state;
	assert_done(uplink_find(nl, NULL, public_ip, &uplink, &err), err);
	assert_true(ipaddr_equal(&uplink.address[FAMILY_V4], &own));
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V4], &public_ip[FAMILY_V4]));
	/* Where the uplink has no such address, no packet would come from it. */
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V6], &unset));
	assert_int_equal(system("ip addr add fd00:2::1/64 dev two nodad"), 0);
	assert_done(uplink_find(nl, "two", public_ip, &uplink, &err), err);
	assert_true(ipaddr_equal(&uplink.public_ip[FAMILY_V6], &public_ip[FAMILY_V6]));
}

static void what_is_not_there_is_named(void **state)
{
	static const struct {
		const char *iface, *says;
	} cases[] = {
		{ NULL, "no uplink: there is no default route (--iface names one)" },
		{ "eth7", "no uplink: there is no interface eth7" },
		{ "10.0.0.1", "no uplink: no interface has the address 10.0.0.1" },
		{ "fd00::1", "no uplink: no interface has the address fd00::1" },
		{ "lo", "no uplink: lo has no address" },
	};
	AUTO(nl) struct nl *nl = kernel_fresh();

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct uplink uplink = { .index = 77 };
		struct err err = ERR_INIT;

		assert_int_equal(uplink_find(nl, cases[i].iface, none, &uplink, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_string_equal(err.text, cases[i].says);
		assert_int_equal(uplink.index, 77);
	}
}

static void every_failing_call_is_told(void **state)
{
	static const char *const ifaces[] = { NULL, "two", "192.168.2.1" };
	AUTO(nl) struct nl *nl = make_lab();

	(void)state;
	for (size_t i = 0; i < LEN(ifaces); i++) {
		bool faulted = true;

		for (unsigned nth = 1; faulted; nth++) {
			struct err err = ERR_INIT;
			struct uplink uplink;
			int rc;

			fake_nl_fail(nth, ENOBUFS, "no room");
			rc = uplink_find(nl, ifaces[i], none, &uplink, &err);
			faulted = fake_nl_faulted();
			assert_int_equal(rc, faulted ? -1 : 0);
			fake_nl_reset();
		}
	}
}

/* Between two questions, the interface went. */
static void one_that_has_just_gone_is_told(void **state)
{
	AUTO(nl) struct nl *nl = make_lab();
	struct err err = ERR_INIT;
	struct uplink uplink;

	(void)state;
	fake_nl_fail(2, ENODEV, "");
	assert_int_equal(uplink_find(nl, "two", none, &uplink, &err), -1);
	assert_string_equal(err.text, "no uplink: the interface has just gone");
	fake_nl_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_by_route_name_or_address),
		cmocka_unit_test(what_is_not_usable_is_the_last_choice),
		cmocka_unit_test(the_public_address_can_be_another),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(every_failing_call_is_told),
		cmocka_unit_test(one_that_has_just_gone_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
