/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that weftd --install-cni puts into the node's CNI directories: the content of the
 * configuration list, and which existing files are weft's own. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define CNI_CONFLIST_NAME "10-weft.conflist"
#define CNI_PLUGIN_NAME "weft"
#define CNI_CONFLIST_MAX (64 << 10)

struct cni_conflist {
	const char *network; /* weft's network that containers are attached to */
	const char *run_dir;
	bool portmap; /* the node has the plugin portmap, for hostPort */
};

/*
 * Writes the configuration list (CNI 1.1.0, "Configuration format"), malloc'ed, the caller's:
 *
 *   {"cniVersion":"1.0.0","cniVersions":["0.4.0","1.0.0","1.1.0"],"name":"weft",
 *    "managedBy":"weftd","plugins":[{"type":"weft"},{"type":"portmap",...}]}
 *
 * network and run_dir are left out where they are the plugin's defaults. Returns 0, or -1 with
 * ERR_NOMEM.
 */
int cni_conflist_text(const struct cni_conflist *conflist, char **text_out, struct err *err);

/* Returns whether weftd wrote the list: it has "managedBy":"weftd". The text is untrusted. */
bool cni_conflist_is_own(const char *text, size_t size);

/*
 * Returns whether runtimes use the file in the configuration directory instead of
 * CNI_CONFLIST_NAME: they take the first in the order of names with one of CNI's three suffixes.
 */
bool cni_conf_is_preferred(const char *name);

/* Returns whether the file is weft's plugin, of any version. */
bool cni_plugin_is_own(const char *data, size_t size);
