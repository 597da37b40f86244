/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftctl's end of the control socket (common/control.h): one request, one answer, within a
 * deadline. Checks only the version and the error of an answer.
 */
#pragma once

struct err;
struct json;

#define CLIENT_TIMEOUT_MS 5000
#define CLIENT_COMMAND_MS 20000 /* for commands that wait for the store */

/*
 * Sends a command to the weftd of that run directory. network NULL: all networks. The answer has
 * a member with the command's name; the caller frees it with json_free. Blocks at most timeout_ms
 * in total. ERR_STATE: weftd is unreachable or returned an error. ERR_DECODE: the answer is
 * invalid, or of another protocol version. The text contains a remedy.
 */
int client_query(const char *run_dir, const char *command, const char *network, unsigned timeout_ms,
		 struct json **answer_out, struct err *err);
/* Like client_query, with the complete request: JSON text in one line. */
int client_send(const char *run_dir, const char *request, unsigned timeout_ms,
		struct json **answer_out, struct err *err);
