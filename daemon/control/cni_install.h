/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd --install-cni: puts the plugin and its configuration list where the node's container
 * runtime searches for them, and keeps them there. The list exists as long as the plugin can serve
 * ADD according to the published network: containerd and CRI-O report a node without a list as not
 * ready. So a restart of weftd leaves it alone, and a node that boots has none until weftd has
 * published the network. The plugin stays also after leave: the runtime needs it for DEL.
 *
 * Files that weftd did not write are never changed. Files are replaced atomically and durably.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct loop;

/* All borrowed. */
struct cni_install_options {
	const char *bin_dir, *conf_dir;
	const char *run_dir;
	const char *network; /* that the list attaches containers to */
};

struct cni_install;

/*
 * Installs what is due, now and whenever something changed. Failures are logged and retried.
 * ERR_NOMEM.
 */
int cni_install_new(struct loop *loop, const struct cni_install_options *options,
		    struct cni_install **install_out, struct err *err);
/* The files stay. NULL is allowed. */
void cni_install_free(struct cni_install *install);

/* To be called when the state of a network may have changed. NULL is allowed. */
void cni_install_update(struct cni_install *install);

/* The node leaves: removes the list permanently. NULL is allowed. */
void cni_install_withdraw(struct cni_install *install);

#define CNI_INSTALL_PREFERRED 8

struct cni_install_view {
	const char *conf_dir;
	bool installed;    /* the configuration list is there */
	const char *error; /* why something is not as it should be; "": nothing */
	/* Other configurations, which the runtime uses instead; at most CNI_INSTALL_PREFERRED. */
	const char *preferred[CNI_INSTALL_PREFERRED];
	size_t preferred_len;
};

/* The outcome of the last update; valid until the next one. */
struct cni_install_view cni_install_view(const struct cni_install *install);
