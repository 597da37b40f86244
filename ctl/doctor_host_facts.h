/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts about other programs of this host: network managers, CNI configurations, network
 * policies, connection tracking, and the space for weft's files. Only files and the kernel are
 * read: no D-Bus.
 */
#pragma once

#include <stdint.h>

struct doctor_facts;
struct err;

/*
 * Sets facts->host; facts->networks is set. What cannot be read stays unknown. Returns 0, or -1 if
 * out of memory.
 */
int doctor_host_read(const char *run_dir, struct doctor_facts *facts, struct err *err);

/*
 * Returns a counter of /proc/net/snmp, whose text has two lines per protocol; 0 if it is absent:
 *
 *   Tcp: InSegs InCsumErrors
 *   Tcp: 1200 3
 */
uint64_t doctor_host_counter(const char *text, const char *protocol, const char *name);
