/* SPDX-License-Identifier: Apache-2.0 */
#include "common/call_log.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MAGIC 0x77636c31 /* "wcl1" */

const char *const call_verb_name[CALL_VERBS] = {
	[CALL_ADD] = "ADD", [CALL_DEL] = "DEL",       [CALL_CHECK] = "CHECK",
	[CALL_GC] = "GC",   [CALL_STATUS] = "STATUS", [CALL_VERSION] = "VERSION",
};

const char *const call_outcome_name[CALL_OUTCOMES] = {
	[CALL_SUCCESS] = "success",
	[CALL_INVALID] = "invalid",
	[CALL_RETRY] = "retry",
	[CALL_ERROR] = "error",
};

enum call_outcome call_outcome_of(unsigned cni_code)
{
	switch (cni_code) {
	case 0:
		return CALL_SUCCESS;
	/* Version, field, container, variables, content, configuration (CNI 1.1.0, "Error"). */
	case 1:
	case 2:
	case 3:
	case 4:
	case 6:
	case 7:
	case 8: /* weft: the namespace */
		return CALL_INVALID;
	case 11:
		return CALL_RETRY;
	default:
		return CALL_ERROR;
	}
}

struct call_record call_record(enum call_verb verb, enum call_outcome outcome, uint64_t took_us)
{
	return (struct call_record){ .magic = MAGIC,
				     .verb = (uint8_t)verb,
				     .outcome = (uint8_t)outcome,
				     .took_us = took_us };
}

bool call_record_is_valid(const struct call_record *record)
{
	return record->magic == MAGIC && record->verb < CALL_VERBS &&
	       record->outcome < CALL_OUTCOMES && !record->unused;
}

void call_log_append(const char *run_dir, const struct call_record *record)
{
	/* O_NONBLOCK: a FIFO, or a lease (fcntl(2)) on the file, must not block. */
	const int how = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
	AUTO(close) int dir_fd = -1;
	AUTO(close) int fd = -1;
	struct err unused;
	struct stat st;

	if (fs_open_dir(run_dir, false, &dir_fd, &unused) <= 0)
		return;
	fd = fs_open_beneath(dir_fd, CALL_LOG_FILE, how);
	/* It has no name if weftd has just replaced it. */
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1 ||
	    st.st_size >= CALL_LOG_MAX)
		return;
	(void)!write(fd, record, sizeof(*record));
}
