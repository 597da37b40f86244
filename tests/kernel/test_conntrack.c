/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/conntrack.h"

#include "tests/unit/kernel.h"

/* One message per port to the own host: each is a connection. */
static const char send_datagrams[] =
	"nft 'add table ip t; add chain ip t c { type filter hook output priority 0; };"
	" add rule ip t c ct state new accept' &&"
	" for port in $(seq 2000 2100); do echo x >/dev/udp/127.0.0.1/$port; done;"
	" test $(cat /proc/sys/net/netfilter/nf_conntrack_count) -gt 100";

/* tests/system/established_flows_take_the_fast_path.bats counts connections that are in one. */
static void connections_outside_flow_tables_are_not_counted(void **state)
{
	struct err err = ERR_INIT;
	size_t count = 7;
	struct nl *nl;

	(void)state;
	nl_free(kernel_fresh());
	assert_int_equal(setenv("SEND", send_datagrams, 1), 0);
	assert_int_equal(system("bash -c \"$SEND\" 2>/dev/null"), 0);
	assert_done(nl_open_netfilter(&nl, &err), err);
	assert_done(conntrack_count_offloaded(nl, &count, &err), err);
	assert_int_equal(count, 0);
	nl_free(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_outside_flow_tables_are_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
