/* SPDX-License-Identifier: Apache-2.0 */
/* What counts of the remote node mean. The places are those of CONTROL_WATCH_PLACES. */
#include "ctl/trace_remote.h"

#include "common/array.h"
#include "ctl/trace.h"
#include "tests/unit/samples.h"

static const struct {
	uint32_t counts[TRACE_REMOTE_PLACES];
	const char *text, *remedy;
} cases[] = {
	{ { 0 }, "not seen on node host2", "the MTU of the path" },
	{ { 1 }, "at the underlay; not at the vxlan device", "on host2: a packet filter drops it" },
	{ { 1, 1 }, "at the vxlan device; not at the end of the forward chains", "hook forward" },
	{ { 1, 1, 1 },
	  "at the end of the forward chains; not at the container's port",
	  "ip neigh show 10.5.2.3" },
	{ { 1, 1, 1, 1 }, "at the container's port; not at the bridge", "does not answer" },
	{ { 1, 1, 1, 1, 1 }, "with an answer; not at the vxlan device", "weftctl trace 10.5.1.2" },
	{ { 1, 1, 1, 1, 1, 1 }, "with an answer; not at the underlay", "has entered the tunnel" },
	{ { 1, 1, 1, 1, 1, 1, 1 }, "at the underlay, with an answer", "has left that node" },
	/* An ICMP error of the node itself. */
	{ { 1, 1, 0, 0, 0, 1, 1 }, "at the vxlan device; not at", "refuses it with an ICMP error" },
	{ { 1, 1, 1, 0, 0, 1, 0 },
	  "at the end of the forward chains",
	  "refuses it with an ICMP error" },
	{ { 0, 0, 0, 0, 0, 1, 1 }, "not seen on node host2", "refuses it with an ICMP error" },
	/* A container's own answer, although its first one was not counted. */
	{ { 1, 1, 1, 1, 0, 1, 1 }, "at the underlay, with an answer", "has left that node" },
};

/* The text of the document with "remote". */
static char *put(const struct trace_remote *remote)
{
	const struct trace_facts facts = {
		.to = sample_addr("10.5.2.3"),
		.source = sample_addr("10.5.1.2"),
		.peer.name = "host2",
	};
	AUTO(jb) struct jb *jb = jb_new();
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_non_null(jb);
	trace_remote_put(remote, &facts, jb_root(jb));
	assert_good(jb_text(jb, &text, &err), err);
	return text;
}

static void counts_are_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace_remote remote = { .node = "host2" };
		AUTO(free) char *text = NULL;

		memcpy(remote.counts, cases[i].counts, sizeof(remote.counts));
		text = put(&remote);
		assert_says(text, "\"state\":\"counted\"");
		assert_says(text, cases[i].text);
		assert_says(text, cases[i].remedy);
		assert_null(strchr(text, '$'));
	}
}

static void absent_counts_have_a_reason(void **state)
{
	const struct trace_remote absent = { .absent = true, .node = "host2" },
				  failed = { .reason = "weftd is not running" };
	AUTO(free) char *one = put(&absent);
	AUTO(free) char *other = put(&failed);

	(void)state;
	assert_says(one, "\"state\":\"absent\"");
	assert_says(one, "no container of node host2 has the address");
	assert_says(other, "\"state\":\"unavailable\"");
	assert_says(other, "\"node\":\"host2\"");
	assert_says(other, "weftd is not running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_explained),
		cmocka_unit_test(absent_counts_have_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
