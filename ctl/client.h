/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftctl's side of the control socket (common/control.h): one question, one
 * answer, within a deadline. Called by the commands; interprets no more of an
 * answer than whether it is one.
 */
#pragma once

struct err;
struct json;

#define CLIENT_TIMEOUT_MS 5000
#define CLIENT_ORDER_MS 20000 /* what weftd has the store do takes longer than a look */

/*
 * Asks the weftd whose run directory it is, about one network or (NULL) all. The answer, which has the member of
 * the command's name or whatever weftd put there, is the caller's: json_free.
 * Blocks at most timeout_ms, from connecting to the answer's last byte. ERR_STATE
 * when weftd cannot be reached or refuses, ERR_DECODE when its answer is none; the
 * text says what to do about it.
 */
int client_ask(const char *run_dir, const char *command, const char *network, unsigned timeout_ms,
	       struct json **answer_out, struct err *err);
/* The same with a whole request, a JSON text of one line. */
int client_send(const char *run_dir, const char *request, unsigned timeout_ms,
		struct json **answer_out, struct err *err);
