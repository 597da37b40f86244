/* SPDX-License-Identifier: Apache-2.0 */
#include "sysctl.h"

#include "auto.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* No value that we compare is near this long. */
#define VALUE_SIZE 256

/* The value without the line end that the kernel puts behind it. 0, or a positive errno. */
static int read_value(const char *file, char value_out[static VALUE_SIZE])
{
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, value_out, VALUE_SIZE - 1);

	if (size < 0)
		return errno;
	if (size > 0 && value_out[size - 1] == '\n')
		size--;
	value_out[size] = '\0';
	return 0;
}

/* In one write(2): the kernel takes each for a whole value. */
static int write_value(const char *file, const char *value)
{
	AUTO_CLOSE int fd = open(file, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, value, strlen(value)) < 0 ? errno : 0;
}

int sysctl_ensure(const char *path, const char *value, struct err *err)
{
	char file[PATH_MAX], is[VALUE_SIZE];
	int error;

	if (snprintf(file, sizeof(file), "/proc/sys/%s", path) >= (int)sizeof(file))
		return err_sys(err, ERR_KERNEL, ENAMETOOLONG, "sysctl of %zu bytes", strlen(path));
	error = read_value(file, is);
	if (error)
		return err_sys(err, ERR_KERNEL, error, "read sysctl %s", path);
	if (strcmp(is, value) == 0)
		return 0;
	error = write_value(file, value);
	if (error)
		return err_sys(err, ERR_KERNEL, error, "set sysctl %s from %s to %s", path, is,
			       value);
	return 1;
}
