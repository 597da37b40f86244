/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/udev_files.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct systemd_device bridge = { "weft-br1", "bridge" };
static const struct systemd_device veth = { "weft-link0", "veth" };

/* ---- udev(7) ------------------------------------------------------------------------------- */

static void test_rules(void **state)
{
	static const struct {
		const char *rules;
		unsigned effects, line;
	} rows[] = {
		{ "SUBSYSTEM==\"net\", NAME=\"x0\"\n", SYSTEMD_RENAMES, 1 },
		{ "# NAME=\"x0\"\n\nSUBSYSTEM==\"net\", ACTION==\"add\", NAME:=\"x0\"",
		  SYSTEMD_RENAMES, 3 },
		{ "ACTION==\"add\", \\\n KERNEL==\"eth*|weft-link?\", \\\n NAME=\"x0\"\n",
		  SYSTEMD_RENAMES, 1 },
		{ "#c\nKERNEL==\"x\" \\\n\nKERNEL==\"weft-*\",NAME=\"y\"", SYSTEMD_RENAMES, 4 },
		{ "KERNEL==\"eth*\", NAME=\"x0\"\n", 0, 0 },
		{ "KERNEL!=\"eth*\", NAME=\"x0\"\n", SYSTEMD_RENAMES, 1 },
		{ "SUBSYSTEM==\"block\", NAME=\"x0\"\n", 0, 0 },
		{ "SUBSYSTEM!=\"net\", GOTO=\"end\"\n", 0, 0 },
		{ "ACTION==\"remove\", NAME=\"x0\"\n", 0, 0 },
		{ "NAME==\"weft-link0\", ENV{X}=\"1\"\n", 0, 0 },
		{ "NAME=\"%k\"\nNAME=\"\"\n", 0, 0 },
		/* Of hardware, as udev's former generator wrote them. */
		{ "SUBSYSTEM==\"net\", DRIVERS==\"?*\", ATTR{address}==\"02:00:00:00:00:01\", "
		  "ATTR{dev_id}==\"0x0\", KERNEL==\"*\", NAME=\"eth0\"\n",
		  0, 0 },
		{ "ATTR{address}==\"02:00:00:00:00:01\", NAME=\"eth0\"\n", 0, 0 },
		{ "SUBSYSTEM==\"net\", RUN+=\"/sbin/ip link set %k address 02:00:00:00:00:01\"\n",
		  SYSTEMD_SETS_MAC, 1 },
		{ "RUN{program}+=\"/sbin/ifconfig %k hw ether 02:00:00:00:00:01\"\n",
		  SYSTEMD_SETS_MAC, 1 },
		{ "RUN+=\"/sbin/ip link set %k name x0\"\n", SYSTEMD_RENAMES, 1 },
		{ "RUN+=\"/bin/touch /tmp/address\"\n", 0, 0 },
		{ "PROGRAM==\"/usr/bin/macchanger -r %k\"\n", SYSTEMD_SETS_MAC, 1 },
		/* Damaged. */
		{ "NAME=\"x0", 0, 0 },
		{ "NAME=", 0, 0 },
		{ "NAME\"x0\"", 0, 0 },
		{ "=\"x0\"", 0, 0 },
		{ "\\", 0, 0 },
		{ "\\\n", 0, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned line = 0, effects = udev_rules_effects(rows[i].rules, &veth, &line);

		if (effects != rows[i].effects || line != rows[i].line)
			fail_msg("row %zu: %u in line %u", i, effects, line);
	}
}

/* ---- Directories --------------------------------------------------------------------------- */

static void put(const char *root, const char *path, const char *text)
{
	char file[512], *end;
	FILE *out;

	snprintf(file, sizeof(file), "%s%s", root, path);
	for (end = strchr(file + strlen(root) + 1, '/'); end; end = strchr(end + 1, '/')) {
		*end = '\0';
		(void)mkdir(file, 0755);
		*end = '/';
	}
	out = fopen(file, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static const struct systemd_finding *find(const struct systemd_findings *findings, const char *file)
{
	for (size_t i = 0; i < findings->len; i++)
		if (strstr(findings->at[i].file, file))
			return &findings->at[i];
	return NULL;
}

static void test_directories(void **state)
{
	const struct systemd_device devices[] = { bridge, veth };
	struct systemd_findings findings = { .len = 0 };
	char root[] = "/tmp/test_udev_files.XXXXXX", command[64];
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(root));
	/* In the order of names, whatever the directory; one name hides the same one. */
	put(root, "/usr/lib/systemd/network/10-weft.link",
	    "[Match]\nOriginalName=weft-br*\n[Link]\nMACAddressPolicy=none\n");
	put(root, "/etc/systemd/network/99-all.link", "[Match]\nOriginalName=*\n[Link]\nName=x0\n");
	put(root, "/usr/lib/systemd/network/05-hidden.link",
	    "[Match]\nOriginalName=*\n[Link]\nName=x0\n");
	put(root, "/etc/systemd/network/05-hidden.link", "");
	put(root, "/run/systemd/network/01-host.link",
	    "[Match]\nHost=a\nOriginalName=*\n[Link]\nMACAddress=02:00:00:00:00:01\n");
	put(root, "/etc/systemd/network/00-other", "[Match]\nOriginalName=*\n[Link]\nName=x0\n");
	put(root, "/etc/udev/rules.d/70-x.rules", "\nKERNEL==\"weft-br*\", NAME=\"x0\"\n");
	assert_int_equal(udev_files_check(root, devices, 2, &findings, &err), 0);
	assert_int_equal(findings.len, 4);
	assert_string_equal(find(&findings, "99-all")->device, "weft-link0");
	assert_true(find(&findings, "99-all")->sure);
	assert_false(find(&findings, "01-host")->sure);
	assert_int_equal(find(&findings, "01-host")->effects, SYSTEMD_SETS_MAC);
	assert_int_equal(find(&findings, "70-x")->line, 2);
	assert_null(find(&findings, "05-hidden"));
	systemd_findings_free(&findings);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	assert_int_equal(udev_files_check(root, devices, 2, &findings, &err), 0);
	assert_int_equal(findings.len, 0);
	systemd_findings_free(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
