/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_config.h"

#include "common/array.h"
#include "common/base64.h"
#include "common/err.h"
#include "common/parse.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct source {
	yaml_document_t document;
	const char *path;
};

static void erase(char **slot)
{
	if (*slot)
		explicit_bzero(*slot, strlen(*slot));
	free(*slot);
	*slot = NULL;
}

void kube_config_free(struct kube_config *config)
{
	char **const all[] = { &config->server,    &config->ca_file,    &config->ca_data,
			       &config->cert_file, &config->cert_data,  &config->key_file,
			       &config->key_data,  &config->token_file, &config->token };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		erase(all[i]);
}

/* ---- YAML -------------------------------------------------------------------------------- */

static int load(struct source *source, const char *text, size_t size, struct err *err)
{
	yaml_parser_t parser;
	int good;

	if (!yaml_parser_initialize(&parser))
		return err_nomem(err, "the kubeconfig");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	good = yaml_parser_load(&parser, &source->document);
	if (!good)
		err_set(err, ERR_DECODE, "%s: line %zu, column %zu: %s", source->path,
			parser.problem_mark.line + 1, parser.problem_mark.column + 1,
			parser.problem ? parser.problem : "invalid YAML");
	yaml_parser_delete(&parser);
	return good ? 0 : -1;
}

static yaml_node_t *node_of(struct source *source, yaml_node_item_t item)
{
	return yaml_document_get_node(&source->document, item);
}

static bool is_text(const yaml_node_t *node, const char *text)
{
	return node && node->type == YAML_SCALAR_NODE &&
	       !strcmp((const char *)node->data.scalar.value, text);
}

/* Returns the member of a mapping, or NULL. map may be NULL. */
static yaml_node_t *member(struct source *source, const yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++)
		if (is_text(node_of(source, pair->key), key))
			return node_of(source, pair->value);
	return NULL;
}

/* Returns the text of a scalar member; NULL if it is absent, empty or no scalar. */
static const char *text_of(struct source *source, const yaml_node_t *map, const char *key)
{
	const yaml_node_t *node = member(source, map, key);

	if (!node || node->type != YAML_SCALAR_NODE || !node->data.scalar.length ||
	    is_text(node, "null") ||
	    strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
		return NULL;
	return (const char *)node->data.scalar.value;
}

/* Returns the member key of the element of the list whose name is this one, or NULL. */
static yaml_node_t *named(struct source *source, const char *list, const char *name,
			  const char *key)
{
	const yaml_node_t *root = yaml_document_get_root_node(&source->document);
	const yaml_node_t *all = member(source, root, list);

	if (!all || all->type != YAML_SEQUENCE_NODE)
		return NULL;
	for (yaml_node_item_t *item = all->data.sequence.items.start;
	     item < all->data.sequence.items.top; item++) {
		const yaml_node_t *element = node_of(source, *item);
		const char *found = text_of(source, element, "name");

		if (found && !strcmp(found, name))
			return member(source, element, key);
	}
	return NULL;
}

/* ---- Values ------------------------------------------------------------------------------ */

/* A relative path is relative to the directory of the kubeconfig, as for client-go. */
static int copy_path(const struct source *source, const char *path, char **slot, struct err *err)
{
	const char *slash = strrchr(source->path, '/');
	int dir = slash && path[0] != '/' ? (int)(slash - source->path) + 1 : 0;

	if (asprintf(slot, "%.*s%s", dir, source->path, path) < 0) {
		*slot = NULL;
		return err_nomem(err, "the kubeconfig");
	}
	return 0;
}

static int decode(const struct source *source, const char *key, const char *text, char **slot,
		  struct err *err)
{
	size_t len = strlen(text), size = 0;
	char *data = malloc(BASE64_DECODED_MAX(len) + 1);

	if (!data)
		return err_nomem(err, "the kubeconfig");
	if (!base64_decode(text, len, data, &size) || memchr(data, '\0', size)) {
		free(data);
		return err_set(err, ERR_CONFIG, "%s: %s is not base64 of a text", source->path,
			       key);
	}
	data[size] = '\0';
	*slot = data;
	return 0;
}

/* Reads "key" (a path) or "key-data"; the data are preferred, as by client-go. */
static int read_pem(struct source *source, const yaml_node_t *map, const char *key, char **file,
		    char **data, struct err *err)
{
	char data_key[64];
	const char *text;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	text = text_of(source, map, data_key);
	if (text)
		return decode(source, data_key, text, data, err);
	text = text_of(source, map, key);
	return text ? copy_path(source, text, file, err) : 0;
}

static int unsupported(const struct source *source, const char *what, const char *name,
		       const char *key, struct err *err)
{
	return err_set(err, ERR_CONFIG,
		       "%s: %s \"%.100s\" uses %s, which weftd does not support: use a token, a "
		       "token file or a client certificate",
		       source->path, what, name, key);
}

static int read_server(const struct source *source, const char *text, char **slot, struct err *err)
{
	size_t len = strlen(text), scheme = !strncmp(text, "https://", 8) ? 8 :
					    !strncmp(text, "http://", 7)  ? 7 :
									    0;

	while (len > scheme && text[len - 1] == '/')
		len--;
	if (!scheme || len == scheme)
		return err_set(err, ERR_CONFIG, "%s: server \"%.200s\" is not a URL", source->path,
			       text);
	*slot = strndup(text, len);
	return *slot ? 0 : err_nomem(err, "the kubeconfig");
}

static int read_cluster(struct source *source, const char *name, struct kube_config *config,
			struct err *err)
{
	static const char *const refused[] = { "proxy-url", "tls-server-name" };
	const yaml_node_t *cluster = named(source, "clusters", name, "cluster");
	const char *server = text_of(source, cluster, "server");

	if (!server)
		return err_set(err, ERR_CONFIG, "%s: cluster \"%.100s\" has no server",
			       source->path, name);
	if (is_text(member(source, cluster, "insecure-skip-tls-verify"), "true"))
		return err_set(err, ERR_CONFIG,
			       "%s: cluster \"%.100s\" uses insecure-skip-tls-verify, which weftd "
			       "does not support: set certificate-authority",
			       source->path, name);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (text_of(source, cluster, refused[i]))
			return err_set(err, ERR_CONFIG,
				       "%s: cluster \"%.100s\" uses %s, which weftd does not "
				       "support",
				       source->path, name, refused[i]);
	if (read_server(source, server, &config->server, err) < 0)
		return -1;
	return read_pem(source, cluster, "certificate-authority", &config->ca_file,
			&config->ca_data, err);
}

static int read_user(struct source *source, const char *name, struct kube_config *config,
		     struct err *err)
{
	static const char *const refused[] = { "exec", "auth-provider", "username", "as" };
	const yaml_node_t *user = named(source, "users", name, "user");
	const char *token = text_of(source, user, "token");
	const char *token_file = text_of(source, user, "tokenFile");

	if (!user)
		return err_set(err, ERR_CONFIG, "%s: user \"%.100s\" does not exist", source->path,
			       name);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (member(source, user, refused[i]))
			return unsupported(source, "user", name, refused[i], err);
	if (read_pem(source, user, "client-certificate", &config->cert_file, &config->cert_data,
		     err) < 0 ||
	    read_pem(source, user, "client-key", &config->key_file, &config->key_data, err) < 0)
		return -1;
	if ((config->cert_file || config->cert_data) != (config->key_file || config->key_data))
		return err_set(err, ERR_CONFIG,
			       "%s: user \"%.100s\" needs both client-certificate and client-key",
			       source->path, name);
	/* As by client-go, the file is preferred. */
	if (token_file)
		return copy_path(source, token_file, &config->token_file, err);
	config->token = token ? strdup(token) : NULL;
	return token && !config->token ? err_nomem(err, "the kubeconfig") : 0;
}

static int read_context(struct source *source, struct kube_config *config, struct err *err)
{
	const yaml_node_t *root = yaml_document_get_root_node(&source->document);
	const char *name = text_of(source, root, "current-context"), *cluster, *user;
	const yaml_node_t *context;

	if (!name)
		return err_set(err, ERR_CONFIG, "%s: current-context is not set", source->path);
	context = named(source, "contexts", name, "context");
	cluster = text_of(source, context, "cluster");
	user = text_of(source, context, "user");
	if (!cluster)
		return err_set(err, ERR_CONFIG, "%s: context \"%.100s\" has no cluster",
			       source->path, name);
	if (read_cluster(source, cluster, config, err) < 0)
		return -1;
	return user ? read_user(source, user, config, err) : 0;
}

int kube_config_parse(const char *text, size_t size, const char *path,
		      struct kube_config *config_out, struct err *err)
{
	AUTO(kube_config) struct kube_config config = { .server = NULL };
	struct source source = { .path = path };
	int rc;

	if (load(&source, text, size, err) < 0)
		return -1;
	rc = read_context(&source, &config, err);
	yaml_document_delete(&source.document);
	if (rc < 0)
		return -1;
	*config_out = config;
	memset(&config, 0, sizeof(config));
	return 0;
}

/* ---- Pods -------------------------------------------------------------------------------- */

int kube_config_of_pod(const char *host, const char *port, const char *dir,
		       struct kube_config *config_out, struct err *err)
{
	AUTO(kube_config) struct kube_config config = { .server = NULL };
	bool v6 = host && strchr(host, ':');
	uint32_t number;

	if (!host || !*host || !port || !*port)
		return err_set(err, ERR_CONFIG,
			       "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: "
			       "outside of a pod, --kubeconfig-file is required");
	if (parse_u32(port, 1, 65535, &number, err) < 0)
		return err_wrap(err, "KUBERNETES_SERVICE_PORT");
	if (strpbrk(host, "/?#@ \t"))
		return err_set(err, ERR_CONFIG, "KUBERNETES_SERVICE_HOST: \"%.200s\" is not a host",
			       host);
	if (asprintf(&config.server, "https://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
		     number) < 0)
		config.server = NULL;
	if (asprintf(&config.ca_file, "%s/ca.crt", dir) < 0)
		config.ca_file = NULL;
	if (asprintf(&config.token_file, "%s/token", dir) < 0)
		config.token_file = NULL;
	if (!config.server || !config.ca_file || !config.token_file)
		return err_nomem(err, "the configuration of the API server");
	*config_out = config;
	memset(&config, 0, sizeof(config));
	return 0;
}
