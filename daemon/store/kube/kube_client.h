/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to Kubernetes' API server: URL, headers, the bearer token, and the errors in responses.
 * Used by the other files of the store.
 */
#pragma once

#include "common/fs_stamp.h"
#include "daemon/io/http.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

#define KUBE_CLIENT_CONNECT_MS 3000
#define KUBE_CLIENT_SHORT_MS 5000 /* one Node */
#define KUBE_CLIENT_LONG_MS 60000 /* a list */
#define KUBE_CLIENT_ERROR_MAX (64 * 1024)
#define KUBE_CLIENT_PATH_SIZE 320

/*
 * What is wanted of a Node, or of a list: as metadata it has a fifth of the size, and changes of
 * its status are small.
 */
#define KUBE_CLIENT_WHOLE "Accept: application/json"
#define KUBE_CLIENT_METADATA "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define KUBE_CLIENT_METADATA_LIST                                                                  \
	"Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

/* What all requests of a store share; must outlive them. */
struct kube_client {
	struct http *http;
	char *token_file;      /* NULL: none */
	char *authorization;   /* the header line; NULL: none */
	struct fs_stamp stamp; /* of the file that it was read from */
};

/* Texts are copied; each may be NULL. Returns 0, or -1 with ERR_NOMEM; kube_client_free is due. */
int kube_client_init(struct kube_client *client, struct http *http, const char *token,
		     const char *token_file, struct err *err);
/* An all-zero struct is allowed. */
void kube_client_free(struct kube_client *client);

/*
 * Sends a request to server ("https://host:port") and path with the options of request, except url,
 * headers and connect_ms. A token file that has changed is read first; it blocks on the file
 * system. The token is never sent over http. Returns NULL with err if it cannot be sent; done is
 * not called then.
 */
struct http_call *kube_client_send(struct kube_client *client, const char *server, const char *path,
				   const char *accept, const struct http_request *request,
				   struct err *err);

/*
 * Evaluates the arguments of http_request.done. what is verb and resource: "list nodes". Returns 0
 * for status 200, or -1 with ERR_STORE; sys_errno is EACCES (403, what is not permitted),
 * EKEYREJECTED (401), ENOENT (404), EEXIST (409, a conflict), ESTALE (410), EBUSY (429), EAGAIN for
 * what may succeed when retried, 0 for other rejections, or that of http_request.
 */
int kube_client_check(const char *server, const char *what, unsigned status, const char *body,
		      size_t size, const struct err *failed, struct err *err);
/* Returns whether such an error can pass without an operator. */
bool kube_client_is_temporary(const struct err *err);

/*
 * Writes "/api/v1/nodes/NAME" and the suffix ("" or "/status"); names have no special characters.
 */
void kube_client_node_path(const char *name, const char *suffix,
			   char path[static KUBE_CLIENT_PATH_SIZE]);
