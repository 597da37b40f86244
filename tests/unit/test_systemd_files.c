/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/systemd_files.h"

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
static const struct systemd_device veth = { "veth0123456789a", "veth" };

#define UNSURE 8u /* with the effects: the file may match */

/* Returns the effects of a file, UNSURE among them; -1: it does not match. */
static int effects_of(enum systemd_kind kind, const char *text, const struct systemd_device *device)
{
	unsigned effects = 0;
	bool sure = false;
	const bool matches = kind == SYSTEMD_LINK ?
				     systemd_link_matches(text, device, &sure, &effects) :
				     systemd_network_matches(text, device, &sure, &effects);

	return matches ? (int)(effects | (sure ? 0 : UNSURE)) : -1;
}

struct row {
	const char *match;
	int link, network; /* -1: does not match */
};

static void check_rows(const struct row rows[], size_t len, const struct systemd_device *device)
{
	for (size_t i = 0; i < len; i++) {
		char text[512];
		int got;

		snprintf(text, sizeof(text), "[Match]\n%s[Link]\nName=x0\n", rows[i].match);
		got = effects_of(SYSTEMD_LINK, text, device);
		if (got != rows[i].link)
			fail_msg("row %zu: .link: %d", i, got);
		got = effects_of(SYSTEMD_NETWORK, text, device);
		if (got != rows[i].network)
			fail_msg("row %zu: .network: %d", i, got);
	}
}

static void test_conditions(void **state)
{
	static const struct row rows[] = {
		{ "OriginalName=weft-*\n", 1, -1 },
		{ "Name=weft-*\n", -1, 4 },
		{ "OriginalName=eth* en*\n", -1, -1 },
		{ "OriginalName=eth*\tweft-br?\nName=eth*\tweft-br?\n", 1, 4 },
		{ "OriginalName=!eth* lo\n", 1, -1 },
		{ "Name=!eth* lo\n", -1, 4 },
		{ "OriginalName=!weft-*\nName=!weft-*\n", -1, -1 },
		{ " OriginalName = * \r\n", 1, -1 },
		{ "Driver=bridge\n", 1, 4 },
		{ "OriginalName=*\nName=*\nDriver=virtio_net\n", -1, -1 },
		{ "Kind=bridge\n", 1, 4 },
		{ "Type=ether\n", -1, -1 },
		{ "Type=bridge\n", 1, 4 },
		{ "Type=!ether\n", 1, 4 },
		{ "Type=!ether loopback\n", 1, 4 },
		{ "Driver=bridge\nPath=pci-*\n", -1, -1 },
		{ "Path=!pci-*\n", 1, 4 },
		{ "Driver=bridge\nSSID=home\n", -1, -1 },
		{ "PermanentMACAddress=02:00:00:00:00:01\n", -1, -1 },
		{ "Driver=bridge\nHost=node7\n", 1 | UNSURE, 4 | UNSURE },
		{ "Property=!ID_X=1\n", 1 | UNSURE, 4 | UNSURE },
		{ "MACAddress=02:00:00:00:00:01\n", 1 | UNSURE, 4 | UNSURE },
		/* Several lines are one list; an empty value ends the former ones. */
		{ "OriginalName=eth*\nOriginalName=weft-*\nName=eth*\nName=weft-*\n", 1, 4 },
		{ "Kind=bridge\nKind=\nKind=veth\n", -1, -1 },
		{ "Driver=virtio_net\nDriver=\nKind=bridge\n", 1, 4 },
		{ "Kind=*\nKind=!bridge\n", -1, -1 },
		{ "Kind=!veth\nKind=bridge\n", 1, 4 },
		{ "Kind=bridge\nPath=pci-*\nPath=\n", 1, 4 },
		{ "Kind=bridge\nPermanentMACAddress=02:00:00:00:00:01\nPermanentMACAddress=\n", 1,
		  4 },
		{ "Kind=bridge\nHost=node7\nHost=\n", 1, 4 },
		/* A line that continues; a comment in between is left out. */
		{ "Kind=veth \\\n# dummy\\\n  bridge\n", 1, 4 },
		/* No name of a device has 16 characters; an alternative name can. */
		{ "OriginalName=weft-br*????????\n", -1, -1 },
		{ "OriginalName=weft-br*????????\nKind=bridge\n", 1, 4 },
		/* Not used by systemd. */
		{ "", -1, -1 },
		{ "#Kind=bridge\n;Driver=*\n", -1, -1 },
		{ "Kind=\n", -1, -1 },
		{ "Kind\n", -1, -1 },
		{ "Unknown=bridge\n", -1, -1 },
		{ "Kind=bridge\n[Damaged\n", -1, -1 },
	};
	static const struct row veths[] = {
		{ "Type=ether\n", 1, 4 },
		{ "OriginalName=veth???????????\nName=veth*\n", 1, 4 },
		{ "Kind=bridge vxlan\n", -1, -1 },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows), &bridge);
	check_rows(veths, ARRAY_LEN(veths), &veth);
}

static void test_settings(void **state)
{
	static const struct {
		const char *text;
		int link, network;
	} rows[] = {
		{ "[Link]\nName=x0\n", 1, 4 },
		{ "[Link]\nNamePolicy=kernel path\nName=x0\n", 1, 4 },
		{ "[Link]\nNamePolicy=keep kernel\nName=x0\n", 0, 4 },
		{ "[Link]\nNamePolicy=mac path\n", 0, 4 },
		{ "[Link]\nMACAddress=02:00:00:00:00:01\n", 2, 4 },
		{ "[Link]\nMACAddressPolicy=persistent\n", 0, 4 },
		{ "[Link]\nMACAddressPolicy=persistent\nMACAddress=02:00:00:00:00:01\n", 0, 4 },
		{ "[Link]\nMACAddressPolicy=none\nMACAddress=02:00:00:00:00:01\n", 2, 4 },
		{ "[Link]\nName=x0\nMACAddress=02:00:00:00:00:01", 3, 4 },
		{ "[Link]\nName=x0\nMACAddress=02:00:00:00:00:01\nName=\nMACAddress=\n", 0, 4 },
		{ "[Other]\nName=x0\nUnmanaged=yes\n", 0, 4 },
		{ "[Link]\nUnmanaged=yes\n", 0, 0 },
		{ "[Link]\nUnmanaged=TRUE\n", 0, 0 },
		{ "[Link]\nUnmanaged=no\n", 0, 4 },
		{ "[Link]\nUnmanaged=yes\nUnmanaged=0\n", 0, 4 },
		{ "[Link]\nUnmanaged=yes\nUnmanaged=perhaps\n", 0, 0 },
		{ "[Network]\nDHCP=yes\n", 0, 4 },
		{ "", 0, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512];
		int link, network;

		snprintf(text, sizeof(text), "[Match]\nOriginalName=*\nName=*\n%s", rows[i].text);
		link = effects_of(SYSTEMD_LINK, text, &bridge);
		network = effects_of(SYSTEMD_NETWORK, text, &bridge);
		if (link != rows[i].link || network != rows[i].network)
			fail_msg("row %zu: %d, %d", i, link, network);
	}
}

/* ---- Directories --------------------------------------------------------------------------- */

#define ETC "/etc/systemd/network/"
#define RUN "/run/systemd/network/"
#define LOCAL "/usr/local/lib/systemd/network/"
#define LIB "/usr/lib/systemd/network/"
#define ALL "[Match]\nName=*\n"
#define UNMANAGED "[Link]\nUnmanaged=yes\n"
#define MASKED "/dev/null" /* a link to it */

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
	if (!strcmp(text, MASKED)) {
		assert_int_equal(symlink(MASKED, file), 0);
		return;
	}
	out = fopen(file, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

struct file {
	const char *path, *text;
};

#define FILES_MAX 4
struct scene {
	struct file files[FILES_MAX];
	const char *found; /* the one file that makes networkd manage the bridge; NULL: none */
	bool dropin;
};

static const struct scene scenes[] = {
	/* Files. */
	{ { { ETC "05-all.network", ALL } }, ETC "05-all.network", false },
	{ { { LIB "10-weft.network", ALL UNMANAGED }, { ETC "05-all.network", ALL } },
	  ETC "05-all.network",
	  false },
	{ { { LIB "10-weft.network", ALL UNMANAGED }, { ETC "99-all.network", ALL } }, NULL, false },
	{ { { LIB "05-all.network", ALL }, { ETC "05-all.network", MASKED } }, NULL, false },
	{ { { LIB "05-all.network", ALL }, { RUN "05-all.network", "" } }, NULL, false },
	{ { { LIB "05-all.network", MASKED }, { RUN "05-all.network", ALL } },
	  RUN "05-all.network",
	  false },
	{ { { LOCAL "05-all.network", ALL UNMANAGED }, { LIB "05-all.network", ALL } },
	  NULL,
	  false },
	{ { { ETC ".05-all.network", ALL }, { ETC "05-all.network.bak", ALL } }, NULL, false },
	/* Drop-ins: in any directory, in the order of names, after the file. */
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { ETC "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" } },
	  LIB "10-weft.network",
	  true },
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { RUN "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" } },
	  LIB "10-weft.network",
	  true },
	{ { { ETC "10-weft.network", ALL UNMANAGED },
	    { LIB "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" } },
	  ETC "10-weft.network",
	  true },
	{ { { ETC "10-weft.network", ALL UNMANAGED },
	    { LOCAL "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" } },
	  ETC "10-weft.network",
	  true },
	{ { { LIB "10-weft.network", ALL },
	    { ETC "10-weft.network.d/10-a.conf", "[Link]\nUnmanaged=no\n" },
	    { LIB "10-weft.network.d/20-b.conf", UNMANAGED } },
	  NULL,
	  true },
	{ { { LIB "10-weft.network", ALL },
	    { ETC "10-weft.network.d/20-a.conf", "[Link]\nUnmanaged=no\n" },
	    { LIB "10-weft.network.d/10-b.conf", UNMANAGED } },
	  LIB "10-weft.network",
	  true },
	{ { { ETC "05-eth.network", "[Match]\nName=eth*\n" },
	    { RUN "05-eth.network.d/more.conf", "[Match]\nName=weft-*\n" } },
	  ETC "05-eth.network",
	  true },
	{ { { ETC "05-all.network", ALL },
	    { RUN "05-all.network.d/less.conf", "[Match]\nName=\nName=eth*\n" } },
	  NULL,
	  true },
	/* A drop-in that is masked, hides another one, has no section, or is no drop-in. */
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { LIB "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" },
	    { ETC "10-weft.network.d/x.conf", MASKED } },
	  NULL,
	  false },
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { RUN "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" },
	    { ETC "10-weft.network.d/x.conf", "" } },
	  NULL,
	  false },
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { RUN "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" },
	    { ETC "10-weft.network.d/x.conf", "# none\n" } },
	  NULL,
	  true },
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { ETC "10-weft.network.d/x.conf", "Unmanaged=no\n" } },
	  NULL,
	  true },
	{ { { LIB "10-weft.network", ALL UNMANAGED "#\\" },
	    { ETC "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" } },
	  LIB "10-weft.network",
	  true },
	{ { { LIB "10-weft.network", ALL UNMANAGED "Name=a\\" },
	    { ETC "10-weft.network.d/x.conf", "[Link]\nUnmanaged=no\n" } },
	  LIB "10-weft.network",
	  true },
	{ { { LIB "10-weft.network", ALL UNMANAGED },
	    { ETC "10-weft.network.d/x.network", "[Link]\nUnmanaged=no\n" },
	    { ETC "10-weft.network.d/.x.conf", "[Link]\nUnmanaged=no\n" } },
	  NULL,
	  false },
	/* Drop-ins of a masked or absent file. */
	{ { { LIB "05-all.network", ALL },
	    { ETC "05-all.network", MASKED },
	    { ETC "05-all.network.d/x.conf", ALL } },
	  NULL,
	  false },
	{ { { ETC "05-all.network", "" }, { ETC "05-all.network.d/x.conf", ALL } }, NULL, false },
	{ { { ETC "05-all.network.d/x.conf", ALL } }, NULL, false },
	/* A comment is no empty file. */
	{ { { ETC "05-all.network", "#\n" }, { ETC "05-all.network.d/x.conf", ALL } },
	  ETC "05-all.network",
	  true },
};

static void check_scene(size_t number)
{
	const struct scene *scene = &scenes[number];
	struct systemd_findings findings = { .len = 0 };
	char root[] = "/tmp/test_systemd_files.XXXXXX", command[64];
	struct err err = ERR_INIT;

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < FILES_MAX && scene->files[i].path; i++)
		put(root, scene->files[i].path, scene->files[i].text);
	assert_int_equal(systemd_files_check(root, SYSTEMD_NETWORK, &bridge, 1, &findings, &err),
			 0);
	if (findings.len != (scene->found != NULL))
		fail_msg("scene %zu: %zu findings", number, findings.len);
	if (scene->found) {
		assert_string_equal(findings.at[0].file, scene->found);
		assert_string_equal(findings.at[0].device, bridge.name);
		assert_int_equal(findings.at[0].dropin, scene->dropin);
		assert_true(findings.at[0].sure);
	}
	systemd_findings_free(&findings);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void test_directories(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
		check_scene(i);
}

/* One device's file is not the other's, and a file that may match does not end the search. */
static void test_devices(void **state)
{
	const struct systemd_device devices[] = { bridge, veth };
	struct systemd_findings findings = { .len = 0 };
	char root[] = "/tmp/test_systemd_files.XXXXXX", command[64], text[SYSTEMD_TEXT_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(root));
	put(root, ETC "10-a.link", "[Match]\nHost=a\nKind=veth\n[Link]\nName=x\n");
	put(root, ETC "20-b.link", "[Match]\nKind=bridge\n[Link]\nMACAddress=02:00:00:00:00:01\n");
	put(root, ETC "30-c.link", "[Match]\nOriginalName=*\n");
	put(root, LIB "30-c.link.d/c.conf", "[Link]\nName=y\nMACAddress=02:00:00:00:00:01\n");
	assert_int_equal(systemd_files_check(root, SYSTEMD_LINK, devices, 2, &findings, &err), 0);
	assert_int_equal(findings.len, 3);
	assert_string_equal(systemd_finding_text(&findings.at[0], text),
			    ETC "10-a.link can rename");
	assert_string_equal(findings.at[0].device, veth.name);
	assert_string_equal(systemd_finding_text(&findings.at[1], text),
			    ETC "20-b.link sets the MAC of");
	assert_string_equal(findings.at[1].device, bridge.name);
	assert_string_equal(systemd_finding_text(&findings.at[2], text),
			    ETC "30-c.link with its drop-ins renames, and sets the MAC of,");
	assert_string_equal(findings.at[2].device, veth.name);
	systemd_findings_free(&findings);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
