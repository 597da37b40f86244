/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes pod of a container, as the runtime names it in CNI_ARGS: K8S_POD_NAMESPACE,
 * K8S_POD_NAME, K8S_POD_UID. Informative only: nothing is decided by it. Pure.
 */
#pragma once

#include <stdbool.h>

#define POD_NAMESPACE_SIZE 64 /* DNS label, RFC 1123 */
#define POD_NAME_SIZE 254     /* DNS subdomain, RFC 1123 */
#define POD_UID_SIZE 65       /* a UUID, or a hash in hexadecimal digits for a static pod */

/* "": not set. */
struct pod {
	char namespace[POD_NAMESPACE_SIZE], name[POD_NAME_SIZE], uid[POD_UID_SIZE];
};

enum pod_part { POD_NAMESPACE, POD_NAME, POD_UID };

/*
 * Sets a part if value is valid: empty, or one of [a-zA-Z0-9][a-zA-Z0-9_.-]* that fits. Wider than
 * Kubernetes' own rules: podman and crictl set names that no API server has checked. Returns
 * whether it is valid; if not, the part is unset.
 */
bool pod_set(struct pod *pod, enum pod_part part, const char *value);

#define POD_TEXT_SIZE (POD_NAMESPACE_SIZE + POD_NAME_SIZE)

/* Writes "namespace/name", "name" alone without a namespace, or "" without a name. Returns buf. */
const char *pod_text(const struct pod *pod, char buf[static POD_TEXT_SIZE]);
