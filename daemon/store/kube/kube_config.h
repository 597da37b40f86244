/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How Kubernetes' API server is reached: from a kubeconfig file, or from what every pod has (its
 * service account). The only module that includes libyaml.
 */
#pragma once

#include "common/auto.h"

#include <stddef.h>

struct err;

#define KUBE_CONFIG_FILE_MAX (1024 * 1024)
#define KUBE_CONFIG_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* All texts are malloc'ed; NULL: none. Of each pair, at most one is set. Paths are absolute. */
struct kube_config {
	char *server; /* "https://host:port", without a slash at its end */
	char *ca_file, *ca_data;
	char *cert_file, *cert_data; /* of the client, together with its key */
	char *key_file, *key_data;
	char *token_file, *token;
};

/*
 * Parses a kubeconfig: the cluster and the user of current-context. path is for errors, and
 * relative paths in the file are relative to its directory. ERR_DECODE with line and column,
 * ERR_CONFIG for what is missing, contradictory or not supported (exec, auth-provider, user names),
 * ERR_NOMEM.
 */
int kube_config_parse(const char *text, size_t size, const char *path,
		      struct kube_config *config_out, struct err *err);
/*
 * Makes the configuration of a pod: dir has the service account's token and ca.crt, host and port
 * are the variables KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT (NULL: not set).
 * ERR_CONFIG, ERR_NOMEM.
 */
int kube_config_of_pod(const char *host, const char *port, const char *dir,
		       struct kube_config *config_out, struct err *err);

/* Frees and erases. An all-zero struct is allowed. */
void kube_config_free(struct kube_config *config);
AUTO_DEFINE_VALUE(kube_config, struct kube_config, kube_config_free);
