/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/sysctl.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *sysctl_dir = "/proc/sys";

void sysctl_set_dir(const char *dir)
{
	sysctl_dir = dir;
}

/* The value without its trailing newline. 0, or a positive errno. */
static int read_value(const char *file, char value_out[static SYSCTL_VALUE_SIZE])
{
	AUTO(close) int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, value_out, SYSCTL_VALUE_SIZE - 1);

	if (size < 0)
		return errno;
	if (size > 0 && value_out[size - 1] == '\n')
		size--;
	value_out[size] = '\0';
	return 0;
}

/* In one write(2), which the kernel parses as a whole value. 0, or a positive errno. */
static int write_value(const char *file, const char *value)
{
	AUTO(close) int fd = open(file, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, value, strlen(value)) < 0 ? errno : 0;
}

static int file_of(const char *path, char file_out[static PATH_MAX], struct err *err)
{
	if (snprintf(file_out, PATH_MAX, "%s/%s", sysctl_dir, path) >= PATH_MAX)
		return err_sys(err, ERR_KERNEL, ENAMETOOLONG, "sysctl of %zu bytes", strlen(path));
	return 0;
}

int sysctl_read(const char *path, char value_out[static SYSCTL_VALUE_SIZE], struct err *err)
{
	char file[PATH_MAX];
	int error;

	if (file_of(path, file, err) < 0)
		return -1;
	error = read_value(file, value_out);
	if (error)
		return err_sys(err, ERR_KERNEL, error, "read sysctl %s", path);
	return 0;
}

int sysctl_ensure(const char *path, const char *value, struct err *err)
{
	char file[PATH_MAX], current[SYSCTL_VALUE_SIZE];
	int error;

	if (file_of(path, file, err) < 0 || sysctl_read(path, current, err) < 0)
		return -1;
	if (strcmp(current, value) == 0)
		return 0;
	error = write_value(file, value);
	if (error)
		return err_sys(err, ERR_KERNEL, error, "set sysctl %s from %s to %s", path, current,
			       value);
	return 1;
}

int sysctl_set(const char *path, const char *value, struct err *err)
{
	char file[PATH_MAX];
	int error;

	if (file_of(path, file, err) < 0)
		return -1;
	error = write_value(file, value);
	return error ? err_sys(err, ERR_KERNEL, error, "set sysctl %s to %s", path, value) : 0;
}
