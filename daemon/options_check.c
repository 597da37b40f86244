/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options_check.h"

#include "common/array.h"
#include "common/err.h"
#include "common/ipaddr.h"
#include "common/parse.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

/* "[fd00::1]", "[fe80::1%25eth0]". Returns its length, 0 if it is none. */
static size_t literal_len(const char *text)
{
	char inside[IPADDR_TEXT_SIZE];
	size_t len = strcspn(text, "]"), size = strcspn(text, "]%") - 1;
	struct ipaddr addr;
	struct err ignored;

	if (!text[len] || size >= sizeof(inside))
		return 0;
	snprintf(inside, sizeof(inside), "%.*s", (int)size, text + 1);
	return ipaddr_parse(inside, &addr, &ignored) < 0 || addr.family != AF_INET6 ? 0 : len + 1;
}

/* A name; bytes above ASCII are left to the resolver. Returns its length. */
static size_t name_len(const char *text)
{
	size_t len = 0;

	while ((unsigned char)text[len] >= 0x80 || isalnum((unsigned char)text[len]) ||
	       (text[len] && strchr("-._", text[len])))
		len++;
	return len;
}

/* HOST or HOST:PORT, so that a mistake is refused at the start and not at each request. */
static bool is_authority(const char *text)
{
	size_t len = *text == '[' ? literal_len(text) : name_len(text);
	uint32_t port;
	struct err ignored;

	return len && (!text[len] || (text[len] == ':' && parse_u32(text + len + 1, 1, UINT16_MAX,
								    &port, &ignored) == 0));
}

int options_check_endpoint(const char *url, struct err *err)
{
	const char *host = strncmp(url, "http://", 7) ? NULL : url + 7;

	if (!strncmp(url, "https://", 8))
		host = url + 8;
	if (!host || !is_authority(host))
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not of the form http://HOST:PORT or https://HOST:PORT",
			       url);
	return 0;
}

int options_check_proxy(const char *url, struct err *err)
{
	static const char *const schemes[] = { "http://", "https://", "socks5://", "socks5h://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		size_t len = strlen(schemes[i]);

		if (!strncmp(url, schemes[i], len) && is_authority(url + len))
			return 0;
	}
	return err_set(err, ERR_CONFIG,
		       "\"%s\" is not of the form http://HOST:PORT (or https, socks5, socks5h)",
		       url);
}

int options_check_pair(const char *value, struct err *err)
{
	char text[2 * IPADDR_TEXT_SIZE], *comma;
	struct ipaddr a, b;

	if (snprintf(text, sizeof(text), "%s", value) >= (int)sizeof(text))
		return err_set(err, ERR_CONFIG, "\"%.100s\"... is too long", value);
	comma = strchr(text, ',');
	if (comma)
		*comma = '\0';
	if (!comma || ipaddr_parse(text, &a, err) < 0 || ipaddr_parse(comma + 1, &b, err) < 0 ||
	    a.family == b.family)
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not one IPv4 and one IPv6 address: give further "
			       "interfaces as further --iface",
			       value);
	return 0;
}

int options_check_regex(const char *value, struct err *err)
{
	char why[128];
	regex_t regex;
	int rc = regcomp(&regex, value, REG_EXTENDED | REG_NOSUB);

	if (rc == 0) {
		regfree(&regex);
		return 0;
	}
	regerror(rc, &regex, why, sizeof(why));
	return err_set(err, ERR_CONFIG, "\"%s\" is not a POSIX extended regular expression: %s",
		       value, why);
}
