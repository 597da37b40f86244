/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftctl's command line: words into a struct. Pure. Whether there is such a
 * command is main's to know.
 */
#pragma once

#include <stdbool.h>

struct err;

struct words {
	const char *command;  /* --version and --help are "version" and "help" here */
	const char *argument; /* of help: the command that it is about; NULL: none */
	const char *run_dir;
	bool json;
	const char *second;  /* the word after the argument; NULL: none */
	bool force;          /* leave, cleanup: though containers are there */
	const char *network; /* NULL: all */
};

/*
 * Reads a NULL-ended argv; options stand anywhere, with one dash or two as weftd
 * takes them. Results point into argv. ERR_CONFIG names the word and what is allowed.
 */
int words_parse(char *const argv[], struct words *words_out, struct err *err);
