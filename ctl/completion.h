/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell completions of weftctl, generated from command_table.h. The scripts contain all words and
 * do not run weftctl; they read the names of networks from the default runtime state directory.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Writes the script of bash, zsh or fish. Returns false, and writes nothing, for another shell. */
bool completion_write(FILE *file, const char *shell);
