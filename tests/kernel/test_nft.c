/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/nft.h"

#include "common/array.h"
#include "common/netfilter/nl_transaction.h"
#include "tests/unit/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>

static int setup(void **state)
{
	struct err err = ERR_INIT;
	struct nl *nl;

	nl_free(kernel_fresh());
	assert_done(nl_open_netfilter(&nl, &err), err);
	*state = nl;
	return 0;
}

static uint32_t generation(struct nl *nl)
{
	struct err err = ERR_INIT;
	uint32_t number;

	assert_done(nft_generation(nl, &number, &err), err);
	return number;
}

static void every_change_increments_the_generation(void **state)
{
	static const char *const changes[] = {
		"nft 'add table ip t; add chain ip t c; add set ip t s { type ipv4_addr; }'",
		"nft 'add element ip t s { 10.0.0.1 }'",
		"nft 'add rule ip t c counter accept'",
		"nft 'flush chain ip t c'",
		"nft 'delete element ip t s { 10.0.0.1 }'",
		"nft 'delete table ip t'",
	};
	struct nl *nl = *state;
	uint32_t before = generation(nl);

	assert_int_equal(generation(nl), before);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		assert_int_equal(system(changes[i]), 0);
		assert_int_not_equal(generation(nl), before);
		before = generation(nl);
		assert_int_equal(system("nft list ruleset >/dev/null"), 0);
		assert_int_equal(generation(nl), before);
	}
}

/* Adds the table of this name by a transaction. */
static int add_table(struct nl *nl, const char *name, uint32_t number, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag = 0;
	int rc;

	assert_done(nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, number, &transaction, err), *err);
	assert_done(nl_transaction_add(transaction, nft_table_add(NFPROTO_IPV4, name), 7, err),
		    *err);
	rc = nl_transaction_commit(transaction, "a table", &tag, err);
	if (rc < 0)
		assert_true(tag == NL_TRANSACTION_WHOLE);
	return rc;
}

static void a_transaction_of_an_earlier_generation_changes_nothing(void **state)
{
	struct nl *nl = *state;
	const uint32_t before = generation(nl);
	struct err err = ERR_INIT;

	assert_int_equal(system("nft add table ip other"), 0);
	assert_int_equal(add_table(nl, "mine", before, &err), -1);
	assert_int_equal(err.sys_errno, ERESTART);
	assert_false(strstr(kernel_says("nft list tables"), "mine"));
	err = ERR_INIT;
	assert_done(add_table(nl, "mine", generation(nl), &err), err);
	assert_true(kernel_shows("nft list tables", "mine"));
	assert_done(add_table(nl, "any", 0, &err), err);
	assert_true(kernel_shows("nft list tables", "any"));
}

/* Another program changes rules between the reading and the transaction of the first calls. */
struct contended {
	struct nl *nl;
	int calls, contended;
};

static int add_contended(void *ctx, uint32_t number, struct err *err)
{
	struct contended *contended = ctx;

	if (contended->calls++ < contended->contended)
		assert_int_equal(system("nft 'add table ip other; delete table ip other'"), 0);
	return add_table(contended->nl, "mine", number, err);
}

static void a_change_is_repeated_after_changes_of_others(void **state)
{
	struct contended contended = { .nl = *state, .contended = 3 };
	struct err err = ERR_INIT;

	assert_done(nft_change(contended.nl, add_contended, &contended, &err), err);
	assert_int_equal(contended.calls, 4);
	assert_true(kernel_shows("nft list tables", "mine"));
	contended = (struct contended){ .nl = *state, .contended = 1000 };
	assert_int_equal(nft_change(contended.nl, add_contended, &contended, &err), -1);
	assert_int_equal(err.sys_errno, ERESTART);
	assert_non_null(strstr(err.text, "other programs keep changing packet rules"));
}

/* A chain at ingress of up0 and of all devices whose names begin with "eth". */
static struct nl_msg *wildcard_chain(void)
{
	const struct nfgenmsg header = { .nfgen_family = NFPROTO_NETDEV };
	const uint32_t ingress = htonl(NF_NETDEV_INGRESS);
	struct nl_msg *msg = nl_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, NLM_F_CREATE,
					&header, sizeof(header), 1024);
	struct nlattr *hook, *list;

	nl_put_text(msg, NFTA_CHAIN_TABLE, "t");
	nl_put_text(msg, NFTA_CHAIN_NAME, "c");
	nl_put_text(msg, NFTA_CHAIN_TYPE, "filter");
	hook = nl_nest(msg, NFTA_CHAIN_HOOK | NLA_F_NESTED, NULL, 0);
	nl_put_u32(msg, NFTA_HOOK_HOOKNUM, ingress);
	nl_put_u32(msg, NFTA_HOOK_PRIORITY, 0);
	list = nl_nest(msg, NFTA_HOOK_DEVS | NLA_F_NESTED, NULL, 0);
	nl_put_text(msg, NFTA_DEVICE_NAME, "up0");
	nl_put_text(msg, 2, "eth"); /* NFTA_DEVICE_PREFIX */
	nl_nest_end(msg, list);
	nl_nest_end(msg, hook);
	return msg;
}

static int keep_devices(void *ctx, const struct nft_chain *chain, struct err *err)
{
	(void)err;
	assert_non_null(chain->devices);
	*(struct nft_devices *)ctx = *chain->devices;
	return 0;
}

static void a_wildcard_of_devices_is_read(void **state)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct nft_devices devices = { .len = 0 }, other;
	const struct nft_walk walk = { .ctx = &devices, .chain = keep_devices };
	struct err err = ERR_INIT;
	struct nl *nl = *state;
	uint64_t tag;

	assert_int_equal(system("ip link add up0 type bridge; nft add table netdev t"), 0);
	assert_done(nl_transaction_open(nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, &err), err);
	assert_done(nl_transaction_add(transaction, wildcard_chain(), 0, &err), err);
	if (nl_transaction_commit(transaction, "a chain", &tag, &err) < 0)
		return; /* Linux before 6.18 */
	assert_done(nft_each_chain(nl, NFPROTO_NETDEV, &walk, &err), err);
	assert_int_equal(devices.len, 2);
	assert_true(nft_devices_has(&devices, "up0"));
	assert_true(nft_devices_has(&devices, "eth0"));
	assert_false(nft_devices_has(&devices, "up"));
	assert_false(nft_devices_has(&devices, "up01"));
	assert_false(nft_devices_has(&devices, "et"));
	other = devices;
	assert_true(nft_devices_equal(&devices, &other));
	other.prefixes = 0;
	assert_false(nft_devices_equal(&devices, &other));
}

static struct nft_verdict verdict; /* of the element that was found last */

/* 1 / 0 / -1, or -2: there is no such set. */
static int has(struct nl *nl, const char *set, const void *key, size_t size)
{
	struct err err = ERR_INIT;
	struct nft_set is = { .name = NULL };

	if (nft_set_find(nl, NFPROTO_INET, "t", set, &is, &err) != 1)
		return -2;
	assert_string_equal(is.name, set);
	assert_int_equal(is.key_size, size);
	return nft_element_find(nl, NFPROTO_INET, "t", set, key, size, &verdict, &err);
}

static void one_element_of_a_set_is_found(void **state)
{
	static const uint8_t first[] = { 10, 0, 0, 1 }, middle[] = { 10, 0, 0, 77 },
			     last[] = { 10, 0, 0, 255 }, after[] = { 10, 0, 1, 0 },
			     before[] = { 9, 255, 255, 255 },
			     pair[] = { 10, 0, 0, 77, 0, 53, 0, 0 },
			     other[] = { 10, 0, 0, 77, 0, 54, 0, 0 };
	struct nl *nl = *state;
	struct err err = ERR_INIT;
	struct nft_set set;

	assert_int_equal(
		system("nft 'table inet t {\n"
		       "set exact { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.77 }; }\n"
		       "set ranges { type ipv4_addr; flags interval;"
		       " elements = { 10.0.0.0/24, 10.0.2.0/24 }; }\n"
		       "set pairs { type ipv4_addr . inet_service; flags interval;"
		       " elements = { 10.0.0.0/24 . 50-53 }; }\n"
		       "set others { type ipv4_addr; flags interval;"
		       " elements = { 10.0.0.0/24, * }; }\n"
		       "set empty { type ipv4_addr; size 7; }\n"
		       "chain there { }\n"
		       "map verdicts { type ipv4_addr : verdict;"
		       " elements = { 10.0.0.1 : drop, 10.0.0.77 : jump there }; }\n"
		       "map every { type ipv4_addr : verdict; elements = { * : accept }; }\n"
		       "map marks { type ipv4_addr : mark; elements = { 10.0.0.1 : 7 }; }\n"
		       "}'"),
		0);
	assert_int_equal(has(nl, "exact", first, 4), 1);
	assert_int_equal(has(nl, "exact", last, 4), 0);
	assert_int_equal(has(nl, "ranges", first, 4), 1);
	assert_int_equal(has(nl, "ranges", middle, 4), 1);
	assert_int_equal(has(nl, "ranges", last, 4), 1);
	assert_int_equal(has(nl, "ranges", after, 4), 0);
	assert_int_equal(has(nl, "ranges", before, 4), 0);
	assert_int_equal(has(nl, "pairs", pair, 8), 1);
	assert_int_equal(has(nl, "pairs", other, 8), 0);
	assert_int_equal(has(nl, "others", middle, 4), 1);
	assert_int_equal(has(nl, "others", after, 4), 1);
	assert_int_equal(has(nl, "empty", first, 4), 0);
	assert_false(verdict.is_known);
	assert_int_equal(has(nl, "verdicts", first, 4), 1);
	assert_true(verdict.is_known && verdict.code == NF_DROP && !*verdict.chain);
	assert_int_equal(has(nl, "verdicts", middle, 4), 1);
	assert_true(verdict.is_known && verdict.code == NFT_JUMP);
	assert_string_equal(verdict.chain, "there");
	assert_int_equal(has(nl, "verdicts", last, 4), 0);
	assert_int_equal(has(nl, "every", last, 4), 1);
	assert_true(verdict.is_known && verdict.code == NF_ACCEPT);
	assert_int_equal(has(nl, "marks", first, 4), 1);
	assert_false(verdict.is_known);
	assert_int_equal(nft_set_find(nl, NFPROTO_INET, "t", "exact", &set, &err), 1);
	assert_int_equal(set.limit, 0);
	assert_int_equal(nft_set_find(nl, NFPROTO_INET, "t", "empty", &set, &err), 1);
	assert_int_equal(set.limit, 7);
	/* A key of another size is no absent element. */
	assert_int_equal(nft_element_find(nl, NFPROTO_INET, "t", "exact", pair, 8, &verdict, &err),
			 -1);
	err = ERR_INIT;
	assert_int_equal(nft_set_find(nl, NFPROTO_INET, "t", "none", &set, &err), 0);
	assert_int_equal(nft_set_find(nl, NFPROTO_INET, "none", "exact", &set, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_transaction_of_an_earlier_generation_changes_nothing, setup,
			kernel_teardown),
		cmocka_unit_test_setup_teardown(a_change_is_repeated_after_changes_of_others, setup,
						kernel_teardown),
		cmocka_unit_test_setup_teardown(a_wildcard_of_devices_is_read, setup,
						kernel_teardown),
		cmocka_unit_test_setup_teardown(one_element_of_a_set_is_found, setup,
						kernel_teardown),
		cmocka_unit_test_setup_teardown(every_change_increments_the_generation, setup,
						kernel_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
