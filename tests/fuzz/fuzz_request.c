/* SPDX-License-Identifier: Apache-2.0 */
/* A request on the control socket. The answer to any input is one JSON document. */
#include "tests/fuzz/fuzz.h"

#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"
#include "daemon/control/status.h"
#include "daemon/lease/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct node node = { .state.id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8" };
	const struct status_self self = { .node = &node, .node_name = "host1" };
	char *text = fuzz_text(data, size), *answer = NULL;
	struct json *json = NULL;
	struct err err = ERR_INIT;

	require(status_answer(&self, text, size, &answer, &err) == 0);
	require(json_parse(answer, strlen(answer), CONTROL_ANSWER_MAX, JSON_STRICT, "answer", &json,
			   &err) == 0);
	require(!strchr(answer, '\n'));
	json_free(json);
	free(answer);
	free(text);
	return 0;
}
