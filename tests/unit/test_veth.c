/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/veth.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct attachment_key key = { "default", "c1", "eth0" };

/* The device as read from the kernel after a complete ADD. */
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
	assert_memory_equal(veth.name, "veth", 4);
	assert_memory_equal(veth.name + 4, hash, 11);
	assert_memory_equal(veth.old_name, "weft", 4);
	assert_string_equal(veth.old_name + 4, veth.name + 4);
	mac_text(&veth.mac, mac);
	for (int i = 1; i < 6;
	     i++) /* the first byte has the bits of a locally administered address */
		assert_memory_equal(mac + 3 * i, hash + 4 + 2 * i, 2);
	assert_true(mac_is_unicast(&veth.mac));
	assert_int_equal(veth.mac.octet[0] & 2, 2);
	assert_string_equal(veth.alias, "weft default c1 eth0");
}

static void a_long_id_is_truncated_in_the_alias_only(void **state)
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

static void a_device_is_identified_by_kind_alias_and_mac(void **state)
{
	const struct veth veth = veth_of(&key);
	struct link link = link_of(&veth);

	(void)state;
	assert_true(veth_is(&veth, &link));
	link.mac.octet[5] ^= 1; /* a changed MAC: the alias still identifies the container */
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

static void the_device_follows_from_the_name_of_a_record(void **state)
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
	link.mac.octet[5] ^= 1; /* without an alias to compare, the MAC decides */
	assert_false(veth_is(&named, &link));
}

static void a_veth_of_the_network_is_identified_by_kind_name_and_alias(void **state)
{
	static const struct {
		const char *name, *alias;
		enum link_kind kind;
		bool ours;
	} cases[] = {
		{ "veth00000000001", "weft default c1 eth0", LINK_KIND_VETH, true },
		{ "weft00000000001", "weft default c1 eth0", LINK_KIND_VETH, true },
		{ "veth00000000001", "weft default c1 eth0", LINK_KIND_OTHER, false },
		{ "veth00000000001", "weft defaults c1 eth0", LINK_KIND_VETH, false },
		{ "veth00000000001", "weft default", LINK_KIND_VETH, false },
		{ "veth00000000001", "", LINK_KIND_VETH, false },
		{ "veth0000000000g", "weft default c1 eth0", LINK_KIND_VETH, false },
		{ "veth0", "weft default c1 eth0", LINK_KIND_VETH, false },
		{ "wert00000000001", "weft default c1 eth0", LINK_KIND_VETH, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct link link = { .kind = cases[i].kind };

		snprintf(link.name, sizeof(link.name), "%s", cases[i].name);
		snprintf(link.alias, sizeof(link.alias), "%s", cases[i].alias);
		if (veth_is_of_network(&link, "default") != cases[i].ours)
			fail_msg("case %zu", i);
	}
}

static void the_record_follows_from_the_device(void **state)
{
	char id[512], name[ATTACHMENT_NAME_SIZE], expected[ATTACHMENT_NAME_SIZE];
	struct attachment_key longer = { "default", id, "eth0" };
	struct veth veth = veth_of(&key);
	struct link link = link_of(&veth);

	(void)state;
	snprintf(expected, sizeof(expected), "%016llx", (unsigned long long)attachment_hash(&key));
	link.mac.octet[5] ^= 1; /* the alias suffices */
	assert_true(veth_record(&link, "default", name));
	assert_string_equal(name, expected);
	snprintf(link.name, sizeof(link.name), "%s", veth.old_name);
	assert_true(veth_is(&veth, &link));
	assert_true(veth_record(&link, "default", name));
	assert_string_equal(name, expected);
	assert_false(veth_record(&link, "other", name));
	link.alias[14] = '2'; /* not the alias of that name */
	assert_false(veth_record(&link, "default", name));
	link = link_of(&veth);
	strrchr(link.alias, ' ')[0] = '\0';
	link.mac.octet[0] ^= 4;
	assert_false(veth_record(&link, "default", name));

	/* A truncated alias: name and MAC. */
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	veth = veth_of(&longer);
	link = link_of(&veth);
	snprintf(expected, sizeof(expected), "%016llx",
		 (unsigned long long)attachment_hash(&longer));
	assert_true(veth_record(&link, "default", name));
	assert_string_equal(name, expected);
	link.mac.octet[1] ^= 1;
	assert_false(veth_record(&link, "default", name));
}

static void a_port_has_the_flags_of_its_attachment(void **state)
{
	const struct attachment_port plain = { .known = true, .hairpin = true };
	const struct attachment_port strict = { .known = true, .isolated = true, .locked = true };
	struct link_port flags = veth_port(&plain);

	(void)state;
	assert_true(flags.hairpin && flags.learning && flags.flood && flags.mcast_flood &&
		    flags.bcast_flood);
	assert_false(flags.isolated || flags.locked || flags.neigh_suppress);
	assert_null(veth_port_difference(&plain, &flags));
	flags.state = 1;
	assert_null(veth_port_difference(&plain, &flags));
	flags.neigh_suppress = true;
	assert_string_equal(veth_port_difference(&plain, &flags), "neigh_suppress");
	flags.bcast_flood = false;
	assert_string_equal(veth_port_difference(&plain, &flags), "bcast_flood");
	flags.mcast_flood = false;
	assert_string_equal(veth_port_difference(&plain, &flags), "mcast_flood");
	flags.flood = false;
	assert_string_equal(veth_port_difference(&plain, &flags), "flood");
	flags = veth_port(&plain);
	assert_string_equal(veth_port_difference(&strict, &flags), "locked");
	flags.locked = true;
	assert_string_equal(veth_port_difference(&strict, &flags), "isolated");
	flags.isolated = true;
	/* An FDB entry that the port learns would unlock it. */
	assert_string_equal(veth_port_difference(&strict, &flags), "learning");
	flags.learning = false;
	assert_string_equal(veth_port_difference(&strict, &flags), "hairpin");
	flags.hairpin = false;
	assert_null(veth_port_difference(&strict, &flags));
	assert_string_equal(veth_port_difference(&plain, &flags), "locked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_and_mac_come_from_the_hash),
		cmocka_unit_test(a_long_id_is_truncated_in_the_alias_only),
		cmocka_unit_test(a_device_is_identified_by_kind_alias_and_mac),
		cmocka_unit_test(the_device_follows_from_the_name_of_a_record),
		cmocka_unit_test(a_veth_of_the_network_is_identified_by_kind_name_and_alias),
		cmocka_unit_test(the_record_follows_from_the_device),
		cmocka_unit_test(a_port_has_the_flags_of_its_attachment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
