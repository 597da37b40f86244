/* SPDX-License-Identifier: Apache-2.0 */
/* What weft writes is what weftd wants (spoof_desired.h), in a real kernel. */
#include "common/spoof/spoof.h"

#include "common/array.h"
#include "daemon/firewall/firewall_apply.h"
#include "daemon/firewall/spoof_desired.h"
#include "ipam/attachment.h"
#include "ipam/release.h"
#include "ipam/veth.h"
#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

struct scene {
	struct nl *nl;
};

static int setup(void **state)
{
	struct err err = ERR_INIT;
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	nl_free(kernel_fresh());
	assert_done(nl_open_netfilter(&scene->nl, &err), err);
	*state = scene;
	return tempdir_make((void *[]){ NULL });
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	nl_free(scene->nl);
	free(scene);
	return tempdir_remove((void *[]){ NULL });
}

/* The record of an attachment, whose lock the caller holds or releases. */
static struct attachment write_record(const struct attachment_key *key, const char *veth,
				      const char *mac, const char *v4, const char *v6, bool checked,
				      struct attachment_lock *lock)
{
	struct attachment record = { .address_len = v6 ? 2 : 1 };
	struct err err = ERR_INIT;

	snprintf(record.host_veth, sizeof(record.host_veth), "%s", veth);
	snprintf(record.netns, sizeof(record.netns), "/run/netns/x");
	record.addresses[0] = kernel_addr(v4);
	if (v6)
		record.addresses[1] = kernel_addr(v6);
	record.port = (struct attachment_port){ .known = true, .mac = kernel_mac(mac) };
	record.port.locked = checked;
	assert_done(attachment_lock(tempdir_path, key, lock, &err), err);
	assert_done(attachment_write(lock, &record, &err), err);
	return record;
}

static bool is_desired(struct scene *scene)
{
	struct firewall_table want;
	struct err err = ERR_INIT;
	bool same = false;

	assert_done(spoof_desired_build(scene->nl,
					&(struct firewall_options){ .run_dir = tempdir_path },
					&want, &err),
		    err);
	assert_non_null(want.name);
	assert_done(firewall_apply_check(scene->nl, &want, 0, &same, &err), err);
	firewall_table_free(&want);
	return same;
}

static void add(const struct attachment *record)
{
	const struct spoof_port port = attachment_spoof_port(record);
	struct err err = ERR_INIT;

	assert_done(spoof_add(&port, &err), err);
	assert_done(spoof_check(&port, &err), err);
}

#define LIST "nft list table bridge weft-spoof"

static void weft_creates_what_weftd_wants(void **state)
{
	static const struct attachment_key one = { "default", "c1", "eth0" },
					   two = { "blue", "c2", "eth0" },
					   three = { "default", "c3", "eth0" };
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct firewall_table want;
	struct attachment record;
	struct err err = ERR_INIT;

	/* Nothing is checked, and no table is made. */
	assert_done(spoof_desired_build(((struct scene *)*state)->nl,
					&(struct firewall_options){ .run_dir = tempdir_path },
					&want, &err),
		    err);
	assert_null(want.name);
	firewall_table_free(&want);
	record = write_record(&three, "weft3", "0a:58:0a:05:01:09", "10.5.1.9", NULL, false, &lock);
	attachment_unlock(&lock);
	record = write_record(&one, "weft1", "0a:58:0a:05:01:07", "10.5.1.7", "fd00::7", true,
			      &lock);
	attachment_unlock(&lock);
	add(&record);
	assert_true(is_desired(*state));
	record = write_record(&two, "weft2", "0a:58:0a:05:01:08", "10.5.1.8", NULL, true, &lock);
	attachment_unlock(&lock);
	add(&record);
	assert_true(is_desired(*state));
	assert_true(kernel_shows(LIST, "\"weft1\" . fe80::858:aff:fe05:107"));
	assert_true(kernel_shows(LIST, "\"weft2\" . 10.5.1.8"));
	assert_false(strstr(kernel_says(LIST), "weft3"));
	assert_true(kernel_shows("nft list set bridge weft-spoof ports", "\"weft1\""));
	release_spoof_check(&record);
	assert_false(strstr(kernel_says(LIST), "weft2"));
	assert_true(kernel_shows(LIST, "\"weft1\" . fd00::7"));
}

static void write_isolated(const struct attachment_key *key, const char *veth, const char *v4,
			   const char *v6, struct attachment *record_out)
{
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct err err = ERR_INIT;

	*record_out = write_record(key, veth, "0a:58:0a:05:01:07", v4, v6, false, &lock);
	record_out->port.isolated = true;
	assert_done(attachment_write(&lock, record_out, &err), err);
	attachment_unlock(&lock);
}

static void isolated_ports_have_their_own_sets(void **state)
{
	static const struct attachment_key one = { "default", "c1", "eth0" },
					   two = { "blue", "c2", "eth0" };
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment record, other;
	struct err err = ERR_INIT;

	write_isolated(&one, "weft1", "10.5.1.7", "fd00::7", &record);
	add(&record);
	assert_true(is_desired(*state));
	assert_true(kernel_shows("nft list set bridge weft-spoof isolated", "\"weft1\""));
	assert_true(kernel_shows("nft list set bridge weft-spoof isolated4", "10.5.1.7"));
	assert_true(kernel_shows("nft list set bridge weft-spoof isolated6", "fd00::7"));
	assert_false(strstr(kernel_says("nft list set bridge weft-spoof ports"), "weft1"));

	/* The addresses of a locked record are kept, once. */
	write_isolated(&two, veth_of(&two).name, "10.5.1.8", NULL, &other);
	add(&other);
	assert_done(attachment_lock(tempdir_path, &two, &lock, &err), err);
	assert_true(is_desired(*state));
	attachment_unlock(&lock);
	release_spoof_check(&record);
	assert_false(strstr(kernel_says(LIST), "weft1"));
	assert_false(strstr(kernel_says(LIST), "10.5.1.7"));
	assert_true(kernel_shows("nft list set bridge weft-spoof isolated4", "10.5.1.8"));
}

static void elements_of_a_locked_record_are_kept(void **state)
{
	static const struct attachment_key key = { "default", "c1", "eth0" };
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	const struct veth veth = veth_of(&key);
	struct attachment record = write_record(&key, veth.name, "0a:58:0a:05:01:07", "10.5.1.7",
						NULL, true, &lock);

	add(&record);
	assert_true(is_desired(*state));
	assert_true(kernel_shows(LIST, veth.name));
	attachment_unlock(&lock);
	assert_true(is_desired(*state));
	assert_true(kernel_shows(LIST, veth.name));
	assert_int_equal(attachment_lock(tempdir_path, &key, &lock, &(struct err){ 0 }), 0);
	assert_int_equal(attachment_remove(&lock, &(struct err){ 0 }), 0);
	attachment_unlock(&lock);
	assert_true(is_desired(*state));
	assert_false(strstr(kernel_says(LIST), veth.name));
}

/* A repair by weftd, during which ADD attaches another container. */
struct repair {
	struct nl *nl;
	int calls;
};

static void attach_another(void)
{
	static const struct attachment_key key = { "default", "c2", "eth0" };
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment record = write_record(&key, "weft2", "0a:58:0a:05:01:08", "10.5.1.8",
						NULL, true, &lock);
	const struct spoof_port port = attachment_spoof_port(&record);
	struct err err = ERR_INIT;

	attachment_unlock(&lock);
	assert_done(spoof_add(&port, &err), err);
}

static int repair(void *ctx, uint32_t generation, struct err *err)
{
	enum firewall_part unused;
	struct repair *repair = ctx;
	struct firewall_table want;
	bool same = false;
	int rc;

	assert_done(spoof_desired_build(repair->nl,
					&(struct firewall_options){ .run_dir = tempdir_path },
					&want, err),
		    *err);
	if (!repair->calls++)
		attach_another();
	rc = firewall_apply_check(repair->nl, &want, generation, &same, err);
	if (rc == 0 && !same)
		rc = firewall_apply_table(repair->nl, &want, generation, &unused, err);
	firewall_table_free(&want);
	return rc;
}

static void a_repair_keeps_the_elements_of_a_concurrent_add(void **state)
{
	static const char *const damages[] = {
		"nft flush set bridge weft-spoof ports",     /* repaired by elements */
		"nft flush chain bridge weft-spoof checked", /* by a new table */
		"nft add element bridge weft-spoof ports { weft9 }",
	};
	static const struct attachment_key one = { "default", "c1", "eth0" };
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment record = write_record(&one, "weft1", "0a:58:0a:05:01:07", "10.5.1.7",
						NULL, true, &lock);

	attachment_unlock(&lock);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		struct repair work = { .nl = ((struct scene *)*state)->nl };
		struct err err = ERR_INIT;

		add(&record);
		assert_int_equal(system(damages[i]), 0);
		assert_done(nft_change(work.nl, repair, &work, &err), err);
		assert_int_equal(work.calls, 2);
		assert_true(kernel_shows("nft list set bridge weft-spoof ports", "\"weft1\""));
		assert_true(kernel_shows("nft list set bridge weft-spoof ports", "\"weft2\""));
		assert_false(strstr(kernel_says(LIST), "weft9"));
		assert_true(is_desired(*state));
		assert_int_equal(system("nft delete table bridge weft-spoof"), 0);
	}
}

static void absent_elements_are_no_error_and_an_incomplete_table_is_named(void **state)
{
	const struct ipaddr address = kernel_addr("10.5.1.7");
	const struct spoof_port port = { "weft1",  true, false, kernel_mac("0a:58:0a:05:01:07"),
					 &address, 1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(spoof_remove(&port, &err), err);
	assert_done(spoof_add(&port, &err), err);
	assert_done(spoof_add(&port, &err), err);
	assert_int_equal(system("nft flush set bridge weft-spoof macs"), 0);
	assert_int_equal(spoof_check(&port, &err), -1);
	assert_non_null(strstr(err.text, "set macs"));
	assert_done(spoof_remove(&port, &err), err);
	assert_false(strstr(kernel_says(LIST), "weft1"));
	assert_int_equal(system("nft delete table bridge weft-spoof;"
				"nft add table bridge weft-spoof"),
			 0);
	assert_int_equal(spoof_add(&port, &err), -1);
	assert_non_null(strstr(err.text, "bridge weft-spoof is incomplete"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(weft_creates_what_weftd_wants, setup, teardown),
		cmocka_unit_test_setup_teardown(isolated_ports_have_their_own_sets, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_repair_keeps_the_elements_of_a_concurrent_add,
						setup, teardown),
		cmocka_unit_test_setup_teardown(elements_of_a_locked_record_are_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			absent_elements_are_no_error_and_an_incomplete_table_is_named, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
