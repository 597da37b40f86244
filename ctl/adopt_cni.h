/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI's files on a node of flannel: libcni's cached results (libcni/api.go, cniCacheV1) and the
 * configuration list with flannel's plugin. Pure.
 */
#pragma once

#include "ctl/adopt.h"

#define ADOPT_CNI_MAX (1 << 20) /* bytes of one of these files */

/*
 * Reads a cached result. Returns 1 read; 0 if it is of another kind, or assigns no address in one
 * of the subnets; -1 with ERR_DECODE.
 */
int adopt_cni_result(const char *text, size_t size, const struct prefix subnet[static FAMILIES],
		     struct adopt_container *container_out, struct err *err);

/* Returns whether a text from a file is a name of the file system: one component, not hidden. */
bool adopt_cni_is_name(const char *text);

/* Copies the name of a configuration or list. Returns 0, or -1 with ERR_DECODE. */
int adopt_cni_list_name(const char *text, size_t size, char name_out[static ADOPT_FILE_SIZE],
			struct err *err);

/*
 * Writes the configuration with which flannel's plugin delegates the DEL of a container, and which
 * it keeps in a file of each: for a node without such a file, what that plugin derives from its
 * list and the node's subnets. *text_out is malloc'ed, the caller's. Returns 0, or -1 with
 * ERR_DECODE.
 */
int adopt_cni_delegate(const struct adopt_node *node, char **text_out, struct err *err);

/* Whether a text is such a configuration. */
bool adopt_cni_is_delegate(const char *text, size_t size);

/* The plugins that a CNI configuration or list names. */
struct adopt_cni_plugins {
	bool flannel, weft;
	bool of_weftd; /* weftd --install-cni wrote the file */
};

/* Returns 0, or -1 with ERR_DECODE. */
int adopt_cni_plugins(const char *text, size_t size, struct adopt_cni_plugins *plugins_out,
		      struct err *err);

/*
 * Replaces flannel's plugin in a list, or a configuration of flannel's plugin alone, by weft's. The
 * name, so that cached results are found, and the other plugins stay. Returns 1 with *list_out,
 * malloc'ed, the caller's; 0 if the file does not name flannel's plugin; -1 with ERR_DECODE.
 */
int adopt_cni_list(const char *text, size_t size, const char *run_dir, const char *network,
		   char **list_out, struct err *err);

/*
 * Writes the name of weft's file: "flannel" in flannel's name becomes "weft", at the same place in
 * lexical order; without it, the name is the same. Returns buf.
 */
const char *adopt_cni_file(const char *flannel, char buf[static ADOPT_FILE_SIZE]);
