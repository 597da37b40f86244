/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at this node for `weftctl doctor`: the run directory's files and records, devices, the
 * interfaces inside containers, sysctls, UDP ports. Changes nothing, decides nothing.
 */
#pragma once

struct doctor_facts;
struct err;

/*
 * What cannot be seen stays unknown; only lack of memory, or of netlink, is a failure. The caller
 * frees with doctor_facts_free, also after a failure.
 */
int doctor_facts_read(const char *run_dir, struct doctor_facts *facts_out, struct err *err);
