/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/veth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct attachment_key key = { "default", "c1", "eth0" };

/* The device as the kernel shows it after a whole ADD. */
static struct link link_of(const struct veth *veth)
{
	struct link link = { .kind = LINK_KIND_VETH, .mac = veth->mac };

	snprintf(link.name, sizeof(link.name), "%s", veth->name);
	snprintf(link.alias, sizeof(link.alias), "%s", veth->alias);
	return link;
}

static void name_and_mac_come_from_the_hash(void **state)
{
	struct veth veth = veth_of(&key);
	char hash[17], mac[MAC_TEXT_SIZE];

	(void)state;
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)attachment_hash(&key));
	assert_int_equal(strlen(veth.name), 15);
	assert_memory_equal(veth.name, "weft", 4);
	assert_memory_equal(veth.name + 4, hash, 11);
	mac_text(&veth.mac, mac);
	for (int i = 1; i < 6; i++) /* the first byte has the bits of a local address */
		assert_memory_equal(mac + 3 * i, hash + 4 + 2 * i, 2);
	assert_true(mac_is_unicast(&veth.mac));
	assert_int_equal(veth.mac.octet[0] & 2, 2);
	assert_string_equal(veth.alias, "weft default c1 eth0");
}

static void a_long_id_is_cut_in_the_alias_alone(void **state)
{
	char id[512];
	struct attachment_key longer = { "default", id, "eth0" }, other = { "default", id, "eth1" };
	struct veth veth, second;

	(void)state;
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	veth = veth_of(&longer);
	second = veth_of(&other);
	assert_int_equal(strlen(veth.alias), LINK_ALIAS_SIZE - 1);
	assert_string_not_equal(veth.name, second.name);
}

static void a_device_is_ours_by_all_that_it_shows(void **state)
{
	const struct veth veth = veth_of(&key);
	struct link link = link_of(&veth);

	(void)state;
	assert_true(veth_is(&veth, &link));
	link.mac.octet[5] ^= 1; /* somebody changed it: the alias still says whose it is */
	assert_true(veth_is(&veth, &link));

	link.alias[0] = '\0';
	assert_false(veth_is(&veth, &link));
	link.mac.octet[5] ^= 1; /* the alias was never set */
	assert_true(veth_is(&veth, &link));

	link = link_of(&veth);
	link.alias[14] = '2'; /* another container */
	assert_false(veth_is(&veth, &link));
	link = link_of(&veth);
	link.kind = LINK_KIND_OTHER;
	assert_false(veth_is(&veth, &link));
	link = link_of(&veth);
	link.name[14] ^= 1;
	assert_false(veth_is(&veth, &link));
}

static void the_name_of_a_record_tells_the_device(void **state)
{
	const struct veth veth = veth_of(&key);
	struct link link = link_of(&veth);
	struct veth named;
	char name[ATTACHMENT_NAME_SIZE];

	(void)state;
	snprintf(name, sizeof(name), "%016llx", (unsigned long long)attachment_hash(&key));
	named = veth_of_record(name);
	assert_string_equal(named.name, veth.name);
	assert_true(veth_is(&named, &link));
	link.mac.octet[5] ^= 1; /* no alias to compare: the MAC decides */
	assert_false(veth_is(&named, &link));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_and_mac_come_from_the_hash),
		cmocka_unit_test(a_long_id_is_cut_in_the_alias_alone),
		cmocka_unit_test(a_device_is_ours_by_all_that_it_shows),
		cmocka_unit_test(the_name_of_a_record_tells_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
