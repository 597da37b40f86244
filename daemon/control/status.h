/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd's answers to the requests of weftctl that change nothing (common/control.h), as JSON.
 * Pure: reads views.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct err;
struct fast_path;
struct network;
struct node;
struct firewall_view;
struct secret_files;
struct cni_install;
struct probe;

struct status_self {
	const struct node *node;
	const char *node_name;
	uint64_t started_at; /* seconds since the epoch */
	struct network *const *networks;
	size_t network_len;
	void (*rules)(const void *ctx, struct firewall_view *view_out); /* NULL: no packet rules */
	const void *firewall_ctx;
	const struct fast_path *fast_path;  /* NULL: none */
	const struct secret_files *secrets; /* NULL: none */
	const struct cni_install *cni;      /* NULL: without --install-cni */
	const struct probe *probe;          /* NULL: without --probe */
};

/* Returns whether a request for one network, or (NULL) for all, includes this network. */
static inline bool status_includes(const char *only, const char *network)
{
	return !only || !strcmp(only, network);
}

/*
 * Answers one request line. answer_out has no newline and is freed by the caller. An invalid
 * request gets an error answer; -1 only if out of memory.
 */
int status_answer(const struct status_self *self, const char *request, size_t size,
		  char **answer_out, struct err *err);
