/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files by which udev renames a device or changes its MAC: systemd.link(5), and rules (udev(7)) of the
 * administrator. Rules of the distribution are not read: they apply systemd.link(5) files.
 */
#pragma once

#include "common/fs.h"
#include "common/vec.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

/* A device that exists or will be created, without a device of a bus behind it. */
struct udev_device {
	char name[IF_NAMESIZE];
	const char *kind; /* of rtnetlink, which is also the driver: "bridge", "veth", "vxlan" */
};

/* What a file does to a device. Bits. */
enum udev_effect { UDEV_RENAMES = 1, UDEV_SETS_MAC = 2 };

/*
 * Evaluates a .link file. *sure_out: false if it matches by conditions that are not evaluated here, such
 * as Property= or Host=, as far as the other ones decide. Returns whether it matches; then
 * *effects_out is set. A MACAddressPolicy= does not change a MAC that a program has set. Pure.
 */
bool udev_link_matches(const char *text, const struct udev_device *device, bool *sure_out,
		       unsigned *effects_out);

/*
 * Evaluates a .rules file. Returns the effects of the first rule that has some, and sets *line_out to
 * its number; 0: none. Conditions other than names, subsystem and driver are taken as met, an
 * address as not met. Pure.
 */
unsigned udev_rules_effects(const char *text, const struct udev_device *device, unsigned *line_out);

struct udev_finding {
	char file[FS_PATH_SIZE];
	unsigned line; /* 0: of a .link file */
	char device[IF_NAMESIZE];
	unsigned effects;
	bool sure;
};
VEC_DEFINE(udev_findings, struct udev_finding);

/*
 * Appends a finding for each file that has an effect on one of the devices. The directories are those of
 * systemd, below root ("" for this machine). Unreadable files are skipped. Returns 0, or -1 with
 * ERR_NOMEM.
 */
int udev_files_check(const char *root, const struct udev_device devices[], size_t len,
		     struct udev_findings *findings, struct err *err);
