/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in the events of the node that a container was attached or detached, and that a call
 * failed. Best effort.
 */
#pragma once

struct attachment;
struct attachment_key;
struct attachment_lock;
struct env;
struct err;
struct netconf;

void container_event_attached(const char *run_dir, const struct attachment_key *key,
			      const struct attachment *record);

/* As release_record (ipam/release.h), and records the event if there was an attachment. */
int container_event_release(const struct attachment_lock *lock, struct err *err);

/*
 * Records that a verb failed: the container, its pod, code and message of the error document. Of
 * failures in one minute, only the first ones are recorded. netconf must have a run directory.
 */
void container_event_failed(const struct netconf *netconf, const struct env *env, const char *verb,
			    const struct err *cause);
