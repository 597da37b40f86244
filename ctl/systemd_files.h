/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd.link(5) and systemd.network(5) files do to a device. Verified against systemd 252:
 * the first file that matches, in the order of names, is applied, and no other.
 */
#pragma once

#include "common/fs.h"
#include "common/vec.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

/* A device that exists or will be created, without a device of a bus behind it. */
struct systemd_device {
	char name[IF_NAMESIZE];
	const char *kind; /* of rtnetlink, which is also the driver: "bridge", "veth", "vxlan" */
};

VEC_DEFINE(systemd_devices, struct systemd_device);

/* What a file does to a device. Bits. The last one: systemd-networkd configures the device. */
enum systemd_effect { SYSTEMD_RENAMES = 1, SYSTEMD_SETS_MAC = 2, SYSTEMD_MANAGES = 4 };

/*
 * Evaluates a .link file with its drop-ins (conf_files_merge). *sure_out: false if it matches by
 * conditions that are not evaluated here, such as Property= or Host=, as far as the other ones
 * decide. Returns whether it matches; then *effects_out is set. A MACAddressPolicy= does not change
 * a MAC that a program has set. Pure.
 */
bool systemd_link_matches(const char *text, const struct systemd_device *device, bool *sure_out,
			  unsigned *effects_out);

/*
 * As systemd_link_matches, for a .network file: SYSTEMD_MANAGES unless it has Unmanaged=yes. Pure.
 */
bool systemd_network_matches(const char *text, const struct systemd_device *device, bool *sure_out,
			     unsigned *effects_out);

struct systemd_finding {
	char file[FS_PATH_SIZE];
	bool dropin;   /* it has drop-ins */
	unsigned line; /* 0: of no rules file */
	char device[IF_NAMESIZE];
	unsigned effects;
	bool sure;
};
VEC_DEFINE(systemd_findings, struct systemd_finding);

/*
 * Writes "FILE[:LINE] renames" or the like into buf, without the device; the path may be cut.
 * Returns buf.
 */
#define SYSTEMD_TEXT_SIZE 512
const char *systemd_finding_text(const struct systemd_finding *finding,
				 char buf[static SYSTEMD_TEXT_SIZE]);

enum systemd_kind { SYSTEMD_LINK, SYSTEMD_NETWORK };

/*
 * Appends a finding for each .link or .network file that has an effect on one of the devices. The
 * directories are those of systemd, below root ("" for this machine). Unreadable files are skipped.
 * Returns 0, or -1 with ERR_NOMEM.
 */
int systemd_files_check(const char *root, enum systemd_kind kind,
			const struct systemd_device devices[], size_t len,
			struct systemd_findings *findings, struct err *err);
