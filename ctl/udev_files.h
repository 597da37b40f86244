/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files by which udev renames a device or changes its MAC: systemd.link(5), and rules (udev(7)) of
 * the administrator. Rules of the distribution are not read: they apply systemd.link(5) files.
 */
#pragma once

#include "ctl/systemd_files.h"

#include <stddef.h>

struct err;

/*
 * Evaluates a .rules file. Returns the effects of the first rule that has some, and sets *line_out
 * to its number; 0: none. Conditions other than names, subsystem and driver are taken as met, an
 * address as not met. Pure.
 */
unsigned udev_rules_effects(const char *text, const struct systemd_device *device,
			    unsigned *line_out);

/*
 * Appends a finding for each .link or .rules file that has an effect on one of the devices. The
 * directories are those of systemd and udev, below root ("" for this machine). Unreadable files are
 * skipped. Returns 0, or -1 with ERR_NOMEM.
 */
int udev_files_check(const char *root, const struct systemd_device devices[], size_t len,
		     struct systemd_findings *findings, struct err *err);
