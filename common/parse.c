/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"

#include "common/array.h"
#include "common/err.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define IFNAME_MAX 15 /* IFNAMSIZ - 1 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* False when text is not the decimal form of a number that fits. */
static bool decimal(const char *text, uint64_t *value_out)
{
	uint64_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (!is_digit(*text) || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	*value_out = value;
	return true;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value_out, struct err *err)
{
	uint64_t value;

	if (!decimal(text, &value) || value < min || value > max)
		return err_set(err, ERR_DECODE,
			       "\"%s\" is not a number from %" PRIu64 " to %" PRIu64,
			       ERR_SHOW(text), min, max);
	*value_out = value;
	return 0;
}

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value_out, struct err *err)
{
	uint64_t value;

	if (parse_u64(text, min, max, &value, err) < 0)
		return -1;
	*value_out = (uint32_t)value;
	return 0;
}

int parse_bool(const char *text, bool *value_out, struct err *err)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true }, { "false", false }, { "1", true },
		{ "0", false },   { "t", true },      { "f", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*value_out = words[i].value;
			return 0;
		}
	}
	return err_set(err, ERR_DECODE, "\"%s\" is neither \"true\" nor \"false\"", ERR_SHOW(text));
}

/* The form that the CNI specification gives to container IDs and network names. */
static bool is_cni_name(const char *text)
{
	if (!is_alnum(*text))
		return false;
	for (; *text; text++)
		if (!is_alnum(*text) && !strchr("_.-", *text))
			return false;
	return true;
}

static int cni_name(const char *what, const char *text, enum err_code code, struct err *err)
{
	if (is_cni_name(text))
		return 0;
	return err_set(err, code,
		       "%s \"%s\" is not a letter or digit followed by letters, digits, "
		       "'_', '.' and '-'",
		       what, ERR_SHOW(text));
}

int parse_container_id(const char *text, struct err *err)
{
	return cni_name("container ID", text, ERR_ENV, err);
}

int parse_network_name(const char *text, struct err *err)
{
	return cni_name("network name", text, ERR_CONFIG, err);
}

int parse_ifname(const char *text, struct err *err)
{
	/* The kernel's isspace() also calls 0xa0 a space, even inside a UTF-8 character. */
	static const char refused[] = "/:% \t\n\v\f\r\xa0";
	size_t size = strnlen(text, IFNAME_MAX + 1);

	if (size == 0 || size > IFNAME_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
	    strpbrk(text, refused))
		return err_set(err, ERR_ENV,
			       "interface name \"%s\" is not 1 to %d bytes without '/', ':', '%%' "
			       "and white space, other than \".\" and \"..\"",
			       ERR_SHOW(text), IFNAME_MAX);
	if (strcmp(text, "all") == 0 || strcmp(text, "default") == 0)
		return err_set(err, ERR_ENV,
			       "interface name \"%s\" is reserved by the kernel, which has sysctls "
			       "of that name",
			       text);
	return 0;
}

int parse_uuid(const char *text, struct err *err)
{
	static const char form[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
	size_t i = 0;

	while (form[i] &&
	       (form[i] == 'h' ? is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f') :
				 text[i] == form[i]))
		i++;
	if (form[i] || text[i])
		return err_set(err, ERR_DECODE,
			       "\"%s\" is not a UUID of lower-case hex digits in groups of "
			       "8-4-4-4-12",
			       ERR_SHOW(text));
	return 0;
}
