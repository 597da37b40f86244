/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/sysctl.h"

#include "tests/unit/kernel.h"

#include <errno.h>
#include <sys/mount.h>

static void a_difference_is_written_once(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	kernel_says("ip link add name a.b type bridge");
	assert_int_equal(sysctl_ensure("net/ipv4/conf/a.b/forwarding", "1", &err), 1);
	assert_string_equal(kernel_says("cat /proc/sys/net/ipv4/conf/a.b/forwarding"), "1\n");
	assert_int_equal(sysctl_ensure("net/ipv4/conf/a.b/forwarding", "1", &err), 0);
	assert_int_equal(sysctl_ensure("net/ipv4/conf/a.b/forwarding", "0", &err), 1);
	assert_string_equal(kernel_says("cat /proc/sys/net/ipv4/conf/a.b/forwarding"), "0\n");
	assert_int_equal(err.code, ERR_NONE);
}

static void the_error_names_the_sysctl(void **state)
{
	static char longest[5000];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sysctl_ensure("net/ipv4/conf/missing/forwarding", "1", &err), -1);
	assert_int_equal(err.code, ERR_KERNEL);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.text, "read sysctl net/ipv4/conf/missing/forwarding: "
				      "No such file or directory");
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "many", &err), -1);
	assert_int_equal(err.sys_errno, EINVAL);
	assert_string_equal(err.text, "set sysctl net/ipv4/ip_forward from 0 to many: "
				      "Invalid argument");
	assert_int_equal(sysctl_ensure("net/ipv4", "1", &err), -1);
	assert_int_equal(err.sys_errno, EISDIR);
	memset(longest, 'a', sizeof(longest) - 1);
	assert_int_equal(sysctl_ensure(longest, "1", &err), -1);
	assert_int_equal(err.sys_errno, ENAMETOOLONG);
}

/* Container runtimes mount /proc/sys read-only. */
static void a_read_only_proc_is_no_error_if_the_value_is_set(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("/proc/sys", "/proc/sys", "none", MS_BIND, NULL), 0);
	assert_int_equal(mount("none", "/proc/sys", "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL),
			 0);
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "0", &err), 0);
	assert_int_equal(sysctl_ensure("net/ipv4/ip_forward", "1", &err), -1);
	assert_int_equal(err.sys_errno, EROFS);
	assert_int_equal(umount("/proc/sys"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(a_difference_is_written_once),
		kernel_test(the_error_names_the_sysctl),
		kernel_test(a_read_only_proc_is_no_error_if_the_value_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
