/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_legacy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SIZE 1024
#define POLICY "-P FORWARD "
#define RULE "-A FORWARD "
#define DEPTH_MAX 16 /* of jumps */

const char *doctor_legacy_program(enum family family)
{
	return family == FAMILY_V6 ? "ip6tables-legacy" : "iptables-legacy";
}

struct rule {
	const char *in, *out, *target; /* NULL: none */
	bool partial;                  /* has a match besides the devices */
};

/* Cuts the next word off; a comment with spaces is in double quotes. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " "), *end = word;

	if (!*word)
		return NULL;
	if (*word != '"')
		end += strcspn(word, " ");
	else
		for (end++; *end && *end != '"'; end++)
			end += *end == '\\' && end[1];
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static struct rule parse_rule(char *line)
{
	struct rule rule = { .partial = false };
	char *word;

	while ((word = next_word(&line))) {
		char *value = next_word(&line);

		if (value && !strcmp(word, "-i"))
			rule.in = value;
		else if (value && !strcmp(word, "-o"))
			rule.out = value;
		else if (value && !strcmp(word, "-j"))
			rule.target = value;
		else if (!value || (strcmp(word, "--comment") && strcmp(word, "--reject-with") &&
				    (strcmp(word, "-m") || strcmp(value, "comment"))))
			rule.partial = true;
	}
	return rule;
}

/* "weft+" is every device whose name begins with "weft". */
static bool is_device(const char *pattern, const char *device)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '+')
		return !strncmp(pattern, device, len - 1);
	return !strcmp(pattern, device);
}

static bool applies(const struct rule *rule, const char *device, bool from)
{
	const char *this_side = from ? rule->in : rule->out;
	const char *other_side = from ? rule->out : rule->in;

	return !rule->partial && !other_side && (!this_side || is_device(this_side, device));
}

bool doctor_legacy_drops(const char *rules, const char *device, bool from)
{
	bool policy_drops = false;
	size_t len;

	for (const char *line = rules; *line; line += len + (line[len] == '\n')) {
		char copy[LINE_MAX_SIZE];
		struct rule rule;

		len = strcspn(line, "\n");
		if (!strncmp(line, POLICY, strlen(POLICY)))
			policy_drops = !strncmp(line + strlen(POLICY), "DROP", 4);
		if (strncmp(line, RULE, strlen(RULE)) != 0 || len >= sizeof(copy))
			continue;
		memcpy(copy, line, len);
		copy[len] = '\0';
		rule = parse_rule(copy + strlen(RULE));
		if (!rule.target || !applies(&rule, device, from))
			continue;
		if (!strcmp(rule.target, "ACCEPT"))
			return false;
		if (!strcmp(rule.target, "DROP") || !strcmp(rule.target, "REJECT"))
			return true;
	}
	return policy_drops;
}

/* ---- INPUT ------------------------------------------------------------------------------- */

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };
enum result { RESULT_ACCEPT, RESULT_DROP, RESULT_RETURN };

struct tunnel {
	const char *rules, *device;
	uint32_t port;
};

/* "8472", "8000:9000" or, of multiport, a list. */
static bool has_port(const char *list, uint32_t port)
{
	for (;; list++) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == ':')
			last = strtoul(end + 1, &end, 10);
		if (first <= port && port <= last)
			return true;
		if (*end != ',')
			return false;
		list = end;
	}
}

/* What a match of the rule is for a tunnel packet. */
static enum match match_option(const struct tunnel *tunnel, const char *option, const char *value)
{
	if (!strcmp(option, "-p"))
		return !strcmp(value, "udp") ? MATCH_YES : MATCH_NO;
	if (!strcmp(option, "-i"))
		return is_device(value, tunnel->device) ? MATCH_YES : MATCH_NO;
	if (!strcmp(option, "--dport") || !strcmp(option, "--dports"))
		return has_port(value, tunnel->port) ? MATCH_YES : MATCH_NO;
	if (!strcmp(option, "--ctstate") || !strcmp(option, "--state"))
		return strstr(value, "UNTRACKED") ? MATCH_YES : MATCH_NO;
	if (!strcmp(option, "-m") || !strcmp(option, "--comment") ||
	    !strncmp(option, "--log-", 6) || !strcmp(option, "--reject-with"))
		return MATCH_YES;
	return MATCH_MAYBE;
}

static enum match negated(enum match match)
{
	return match == MATCH_YES ? MATCH_NO : match == MATCH_NO ? MATCH_YES : match;
}

struct step {
	enum match match;
	const char *target; /* NULL: none */
	bool go;            /* -g: does not come back */
};

static struct step parse_step(const struct tunnel *tunnel, char *line)
{
	struct step step = { .match = MATCH_YES };
	bool negate = false;
	char *word;

	while ((word = next_word(&line))) {
		bool has_value = line[strspn(line, " ")] != '-' && line[strspn(line, " ")] != '!';
		char *value = has_value && strcmp(word, "!") != 0 ? next_word(&line) : NULL;
		enum match match;

		if (!strcmp(word, "!")) {
			negate = true;
			continue;
		}
		if (value && (!strcmp(word, "-j") || !strcmp(word, "-g"))) {
			step.target = value;
			step.go = word[1] == 'g';
			continue;
		}
		match = value ? match_option(tunnel, word, value) : MATCH_MAYBE;
		match = negate ? negated(match) : match;
		negate = false;
		step.match = match < step.match ? match : step.match;
	}
	return step;
}

static bool has_chain(const char *rules, const char *chain)
{
	char line[64];

	snprintf(line, sizeof(line), "-N %.32s\n", chain);
	return strstr(rules, line) != NULL;
}

static enum result follow(const struct tunnel *tunnel, const char *chain, unsigned depth);

/* The rule decides: true, with *result_out. A target such as LOG does not. */
static bool take(const struct tunnel *tunnel, const struct step *step, unsigned depth,
		 enum result *result_out)
{
	const bool certain = step->match == MATCH_YES;
	const char *target = step->target;

	if (step->match == MATCH_NO || !target)
		return false;
	*result_out = RESULT_ACCEPT;
	if (!strcmp(target, "ACCEPT"))
		return true;
	*result_out = !strcmp(target, "RETURN") ? RESULT_RETURN : RESULT_DROP;
	if (!strcmp(target, "RETURN") || !strcmp(target, "DROP") || !strcmp(target, "REJECT"))
		return certain;
	if (!has_chain(tunnel->rules, target))
		return false;
	*result_out = follow(tunnel, target, depth + 1);
	return *result_out == RESULT_ACCEPT ||
	       (certain && (*result_out == RESULT_DROP || step->go));
}

static enum result follow(const struct tunnel *tunnel, const char *chain, unsigned depth)
{
	enum result result = RESULT_RETURN;
	char start[64];
	size_t len;

	if (depth > DEPTH_MAX)
		return RESULT_ACCEPT;
	snprintf(start, sizeof(start), "-A %.32s ", chain);
	for (const char *line = tunnel->rules; *line; line += len + (line[len] == '\n')) {
		char copy[LINE_MAX_SIZE];
		struct step step;

		len = strcspn(line, "\n");
		if (strncmp(line, start, strlen(start)) != 0)
			continue;
		if (len >= sizeof(copy))
			return RESULT_ACCEPT;
		memcpy(copy, line, len);
		copy[len] = '\0';
		step = parse_step(tunnel, copy + strlen(start));
		if (take(tunnel, &step, depth, &result))
			return result;
	}
	return RESULT_RETURN;
}

bool doctor_legacy_drops_tunnel(const char *rules, uint32_t port, const char *device)
{
	const struct tunnel tunnel = { rules, device, port };
	enum result result = follow(&tunnel, "INPUT", 0);

	return result == RESULT_DROP ||
	       (result == RESULT_RETURN && strstr(rules, "-P INPUT DROP\n"));
}
