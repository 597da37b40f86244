/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include "common/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The functions behind the macros. */
#undef err_set
#undef err_sys
#undef err_wrap
#undef err_details
#undef err_nomem

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
	va_list args;

	err->code = code;
	err->sys_errno = 0;
	err->details[0] = '\0';
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int err_sys(struct err *err, enum err_code code, int sys_errno, const char *format, ...)
{
	va_list args;
	size_t len;

	err->code = code;
	err->sys_errno = sys_errno;
	err->details[0] = '\0';
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(sys_errno));
	return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
	char inner[ERR_TEXT_SIZE];
	va_list args;
	size_t len;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %.*s", (int)sizeof(inner) - 1, inner);
	return -1;
}

int err_details(struct err *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->details, sizeof(err->details), format, args);
	va_end(args);
	return -1;
}

int err_nomem(struct err *err, const char *what)
{
	return err_set(err, ERR_NOMEM, "out of memory for %s", what);
}

const char *err_show_text(char buf[static ERR_SHOW_SIZE], const char *text)
{
	static const char more[] = "...";
	const size_t room = ERR_SHOW_SIZE - sizeof(more);
	size_t left = strnlen(text, ERR_SHOW_SIZE);
	size_t used = 0;

	while (left) {
		char shown[8];
		size_t len = utf8_len(text, left);
		bool escape = !len || utf8_is_control(text, len);
		size_t taken = escape ? 1 : len;

		if (escape)
			snprintf(shown, sizeof(shown), "\\x%02x", (unsigned char)*text);
		else
			snprintf(shown, sizeof(shown), "%.*s", (int)len, text);
		if (used + strlen(shown) > room)
			break;
		memcpy(buf + used, shown, strlen(shown));
		used += strlen(shown);
		text += taken;
		left -= taken;
	}
	snprintf(buf + used, ERR_SHOW_SIZE - used, "%s", left ? more : "");
	return buf;
}

unsigned err_cni_code(enum err_code code)
{
	static const unsigned cni[ERR_CODES] = {
		[ERR_NONE] = 0,         [ERR_VERSION] = 1,
		[ERR_FIELD] = 2,        [ERR_UNKNOWN_CONTAINER] = 3,
		[ERR_ENV] = 4,          [ERR_IO] = 5,
		[ERR_DECODE] = 6,       [ERR_CONFIG] = 7,
		[ERR_NETNS] = 8,        [ERR_AGAIN] = 11,
		[ERR_UNAVAILABLE] = 50, [ERR_LIMITED] = 51,
		[ERR_KERNEL] = 100,     [ERR_POOL_FULL] = 101,
		[ERR_ADDRESS] = 102,    [ERR_ATTACHED] = 103,
		[ERR_STATE] = 104,      [ERR_STORE] = 105,
		[ERR_CHECK] = 106,      [ERR_DELEGATE] = 107,
		[ERR_NOMEM] = 108,      [ERR_INTERNAL] = 109,
	};

	return code < ERR_CODES ? cni[code] : cni[ERR_INTERNAL];
}
