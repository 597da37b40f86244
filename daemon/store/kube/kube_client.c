/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_client.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/json/json.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TOKEN_MAX (64 * 1024)
#define AGENT "User-Agent: weftd/" WEFT_VERSION

/* ---- The token --------------------------------------------------------------------------- */

static int set_token(struct kube_client *client, const char *token, size_t len, struct err *err)
{
	char *line;

	for (size_t i = 0; i < len; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return err_set(err, ERR_STORE, "%s: not a token",
				       client->token_file ? client->token_file : "token");
	if (asprintf(&line, "Authorization: Bearer %.*s", (int)len, token) < 0)
		return err_nomem(err, "the token");
	if (client->authorization)
		explicit_bzero(client->authorization, strlen(client->authorization));
	free(client->authorization);
	client->authorization = line;
	return 0;
}

static int read_token(struct kube_client *client, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0, len;
	int found = fs_read(AT_FDCWD, client->token_file, TOKEN_MAX, &text, &size, err);

	if (found == 0)
		return err_set(err, ERR_STORE, "%s does not exist", client->token_file);
	if (found < 0)
		return -1;
	len = strcspn(text, " \t\r\n");
	if (!len)
		return err_set(err, ERR_STORE, "%s is empty", client->token_file);
	return set_token(client, text, len, err);
}

/* A token is rotated by replacing a link on its path. The previous one is used if that fails. */
static int refresh_token(struct kube_client *client, struct err *err)
{
	struct fs_stamp now = { .device = 0 };
	struct stat info;

	if (!client->token_file)
		return 0;
	if (stat(client->token_file, &info) == 0)
		now = fs_stamp(&info);
	if (client->authorization && fs_stamp_equal(&now, &client->stamp))
		return 0;
	if (read_token(client, err) < 0) {
		if (!client->authorization)
			return -1;
		log_warn("cannot read the token again, keeping the previous one", "error",
			 err->text);
	}
	client->stamp = now;
	return 0;
}

int kube_client_init(struct kube_client *client, struct http *http, const char *token,
		     const char *token_file, struct err *err)
{
	client->http = http;
	client->token_file = token_file ? strdup(token_file) : NULL;
	if (token_file && !client->token_file)
		return err_nomem(err, "the client of Kubernetes");
	return token ? set_token(client, token, strlen(token), err) : 0;
}

void kube_client_free(struct kube_client *client)
{
	if (client->authorization)
		explicit_bzero(client->authorization, strlen(client->authorization));
	free(client->authorization);
	free(client->token_file);
	*client = (struct kube_client){ .http = NULL };
}

/* ---- Requests ---------------------------------------------------------------------------- */

struct http_call *kube_client_send(struct kube_client *client, const char *server, const char *path,
				   const char *accept, const struct http_request *request,
				   struct err *err)
{
	bool secure = !strncmp(server, "https://", 8);
	const char *headers[] = { AGENT, accept, NULL, NULL };
	struct http_request whole = *request;
	AUTO(free) char *url = NULL;

	if (secure && refresh_token(client, err) < 0)
		return NULL;
	if (secure)
		headers[2] = client->authorization;
	if (asprintf(&url, "%s%s", server, path) < 0) {
		url = NULL; /* undefined after a failure: asprintf(3) */
		err_nomem(err, "a request to the API server");
		return NULL;
	}
	whole.url = url;
	whole.headers = headers;
	whole.connect_ms = KUBE_CLIENT_CONNECT_MS;
	return http_send(client->http, &whole, err);
}

void kube_client_node_path(const char *name, const char *suffix,
			   char path[static KUBE_CLIENT_PATH_SIZE])
{
	snprintf(path, KUBE_CLIENT_PATH_SIZE, "/api/v1/nodes/%s%s", name, suffix);
}

/* ---- Responses --------------------------------------------------------------------------- */

static int errno_of(unsigned status)
{
	switch (status) {
	case 401:
		return EKEYREJECTED;
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 409:
		return EEXIST;
	case 410:
		return ESTALE;
	case 429:
		return EBUSY;
	default:
		return status >= 500 || status == 408 ? EAGAIN : 0;
	}
}

/* The message of a Status object; "" if there is none. */
static void read_message(const char *body, size_t size, char message[static 300])
{
	AUTO(json) struct json *json = NULL;
	struct err ignored;
	struct jr root;

	message[0] = '\0';
	if (json_parse(body, size, KUBE_CLIENT_ERROR_MAX, JSON_LAST_DUPLICATE, "Status", &json,
		       &ignored) < 0)
		return;
	root = jr_root(json);
	snprintf(message, 300, "%s", jr_str_opt(&root, "message", 16384, ""));
}

int kube_client_check(const char *server, const char *what, unsigned status, const char *body,
		      size_t size, const struct err *failed, struct err *err)
{
	char message[300];

	if (failed) {
		*err = *failed;
		return -1;
	}
	if (status == 200)
		return 0;
	read_message(body, size, message);
	err_set(err, ERR_STORE, "%s: cannot %s: HTTP %u%s%s%s", server, what, status,
		*message ? ": " : "", message,
		status == 403 ? "; permit it in weftd's ClusterRole" : "");
	err->sys_errno = errno_of(status);
	return -1;
}

bool kube_client_is_temporary(const struct err *err)
{
	switch (err->sys_errno) {
	case 0:
	case EACCES:
	case EKEYREJECTED:
	case ENOENT:
	case EMSGSIZE:
		return false;
	default:
		return true;
	}
}
