/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/container_event.h"

#include "common/err.h"
#include "common/event_file.h"
#include "common/log.h"
#include "ipam/attachment.h"
#include "ipam/release.h"
#include "plugin/cni_args.h"
#include "plugin/env.h"
#include "plugin/netconf.h"

#include <stdio.h>

#define ADDRESSES_SIZE (ATTACHMENT_ADDRESSES * IPADDR_TEXT_SIZE)

/* "10.5.1.7 fd00:5:1::7". Returns buf. */
static const char *addresses_text(const struct attachment *record, char buf[static ADDRESSES_SIZE])
{
	char text[IPADDR_TEXT_SIZE];
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < record->address_len; i++)
		len += (size_t)snprintf(buf + len, ADDRESSES_SIZE - len, "%s%s", len ? " " : "",
					ipaddr_text(&record->addresses[i], text));
	return buf;
}

static void append(const char *run_dir, const char *event, const struct attachment_key *key,
		   const struct attachment *record)
{
	char json[LOG_JSON_SIZE], addresses[ADDRESSES_SIZE], pod[POD_TEXT_SIZE];
	size_t size = log_json(json, LOG_LEVEL_INFO, event, "network", key->network, "container",
			       key->container_id, "interface", key->ifname, "pod",
			       pod_text(&record->pod, pod), "addresses",
			       addresses_text(record, addresses), (char *)NULL);

	event_file_append_in(run_dir, json, size);
}

void container_event_attached(const char *run_dir, const struct attachment_key *key,
			      const struct attachment *record)
{
	append(run_dir, "container attached", key, record);
}

int container_event_release(const struct attachment_lock *lock, struct err *err)
{
	struct attachment record;
	struct err unused;
	int found = attachment_read(lock, &record, &unused);
	const struct attachment_key key = { lock->network, record.container_id, record.ifname };

	if (release_record(lock, err) < 0)
		return -1;
	if (found > 0)
		append(lock->run_dir, "container detached", &key, &record);
	return 0;
}

void container_event_failed(const struct netconf *netconf, const struct env *env, const char *verb,
			    const struct err *cause)
{
	static const char event[] = "plugin call failed";
	const enum log_level level = cause->code == ERR_AGAIN ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR;
	char json[LOG_JSON_SIZE], pod[POD_TEXT_SIZE];
	struct cni_args args = { .pod_fault = NULL };
	struct err unused;
	size_t size;

	(void)cni_args_parse(env->args, &args, &unused); /* without the pod if it fails */
	size = log_json(json, level, event, "network", netconf->network, "command", verb,
			"container", env->container_id ? env->container_id : "", "interface",
			env->ifname ? env->ifname : "", "pod", pod_text(&args.pod, pod), "code",
			LOG_NUM(err_cni_code(cause->code)), "error", cause->text, (char *)NULL);
	event_file_append_repeated_in(netconf->run_dir, event, json, size);
}
