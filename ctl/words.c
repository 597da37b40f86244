/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include "common/err.h"
#include "common/parse.h"
#include "common/state.h"

#include <stddef.h>
#include <string.h>

struct parsed {
	struct words words;
	bool help, version;
};

/* An option's name and, where the same word holds one, its value. */
struct word {
	const char *name;
	size_t len;
	const char *value;
};

static struct word split(const char *arg)
{
	const char *name = arg + (arg[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");

	return (struct word){ name, len, name[len] ? name + len + 1 : NULL };
}

static bool is(const struct word *word, const char *name)
{
	return strlen(name) == word->len && strncmp(name, word->name, word->len) == 0;
}

/* The flag that word sets; NULL where it is none. */
static bool *flag_of(const struct word *word, struct parsed *parsed)
{
	if (is(word, "json"))
		return &parsed->words.json;
	if (is(word, "help") || is(word, "h"))
		return &parsed->help;
	if (is(word, "force"))
		return &parsed->words.force;
	return is(word, "version") ? &parsed->version : NULL;
}

/* The option argv[0], whose value may be argv[1]. Answers how many words it took, or -1. */
static int parse_option(char *const argv[], struct parsed *parsed, struct err *err)
{
	struct word word = split(argv[0]);
	bool *flag = flag_of(&word, parsed);
	const char *value;

	if (flag) {
		if (word.value)
			return err_set(err, ERR_CONFIG, "\"%s\": this option takes no value",
				       ERR_SHOW(argv[0]));
		*flag = true;
		return 1;
	}
	if (!is(&word, "run-dir") && !is(&word, "network"))
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is no option; there are --run-dir DIR, --network NAME, "
			       "--json, --help and --version",
			       ERR_SHOW(argv[0]));
	value = word.value ? word.value : argv[1];
	if (!value || !*value)
		return err_set(err, ERR_CONFIG, "--%.*s needs a %s", (int)word.len, word.name,
			       is(&word, "network") ? "network's name" : "directory");
	if (is(&word, "run-dir"))
		parsed->words.run_dir = value;
	else if (parse_network_name(value, err) < 0)
		return err_wrap(err, "--network");
	else
		parsed->words.network = value;
	return word.value ? 1 : 2;
}

/* How many words may follow it. */
static int arguments_of(const char *command)
{
	static const struct {
		const char *command;
		int len;
	} commands[] = { { "help", 1 }, { "release", 1 }, { "reserve", 2 } };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(command, commands[i].command) == 0)
			return commands[i].len;
	return 0;
}

static int parse_word(const char *word, struct words *words, struct err *err)
{
	if (!words->command)
		words->command = word;
	else if (!words->argument && arguments_of(words->command) > 0)
		words->argument = word;
	else if (!words->second && arguments_of(words->command) > 1)
		words->second = word;
	else
		return err_set(err, ERR_CONFIG, "\"%s\" is one word too many after %s",
			       ERR_SHOW(word), ERR_SHOW(words->command));
	return 1;
}

int words_parse(char *const argv[], struct words *words_out, struct err *err)
{
	struct parsed parsed = { .words.run_dir = STATE_RUN_DIR };
	struct words *words = &parsed.words;

	for (size_t i = 1; argv[i];) {
		int taken = argv[i][0] == '-' ? parse_option(argv + i, &parsed, err) :
						parse_word(argv[i], words, err);

		if (taken < 0)
			return -1;
		i += (size_t)taken;
	}
	if (parsed.version)
		words->command = "version";
	if (parsed.help) {
		/* "help --help" is about all of weftctl, "help status" stays what it is. */
		if (words->command && strcmp(words->command, "help") != 0)
			words->argument = words->command;
		words->command = "help";
	}
	if (!words->command)
		return err_set(err, ERR_CONFIG, "no command was given; weftctl help lists them");
	*words_out = parsed.words;
	return 0;
}
