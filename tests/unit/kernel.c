/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/kernel.h"

struct nl *kernel_fresh(void)
{
	struct err err = ERR_INIT;
	struct nl *nl;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up"), 0);
	assert_done(nl_open(&nl, &err), err);
	return nl;
}

struct nl *kernel_with_uplink(void)
{
	struct nl *nl = kernel_fresh();

	assert_int_equal(system("ip link add up0 type veth peer name up1 && ip link set up1 up && "
				"ip addr add 192.168.0.1/24 dev up0 && ip link set up0 up"),
			 0);
	return nl;
}

int kernel_setup(void **state)
{
	*state = kernel_fresh();
	return 0;
}

int kernel_teardown(void **state)
{
	nl_free(*state);
	return 0;
}

const char *kernel_says(const char *command)
{
	static char text[KERNEL_TEXT_SIZE];
	FILE *pipe = popen(command, "r");
	size_t size;

	assert_non_null(pipe);
	size = fread(text, 1, sizeof(text) - 1, pipe);
	text[size] = '\0';
	assert_int_equal(pclose(pipe), 0);
	return text;
}

bool kernel_shows(const char *command, const char *text)
{
	const char *said = kernel_says(command);

	if (strstr(said, text))
		return true;
	print_error("\"%s\" is not in the output of %s:\n%s", text, command, said);
	return false;
}

struct mac kernel_mac(const char *text)
{
	struct err err = ERR_INIT;
	struct mac mac;

	assert_done(mac_parse(text, &mac, &err), err);
	return mac;
}

struct ipaddr kernel_addr(const char *text)
{
	struct err err = ERR_INIT;
	struct ipaddr addr;

	assert_done(ipaddr_parse(text, &addr, &err), err);
	return addr;
}

struct prefix kernel_prefix(const char *text)
{
	struct err err = ERR_INIT;
	struct prefix prefix;

	assert_done(prefix_parse(text, &prefix, &err), err);
	return prefix;
}

uint32_t kernel_bridge(struct nl *nl)
{
	const struct mac mac = kernel_mac("0a:58:0a:05:01:01");
	struct err err = ERR_INIT;
	struct link link;

	assert_done(link_add_bridge(nl, "br0", &mac, 1450, "test", &err), err);
	assert_int_equal(link_get(nl, "br0", &link, &err), 1);
	return link.index;
}
