/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file net-conf.json: read when it changes, by inotify(7) and every 10 s, as what kube_netconf
 * makes of it. Used by store_kube.c.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/log_state.h"

#include <stdbool.h>

struct err;
struct file_watch;
struct loop;
struct loop_event;

struct kube_netconf_file {
	char *path;               /* the owner's */
	bool families[FAMILIES];  /* of the network; IPv4 until the file was read */
	struct log_state failure; /* why the file cannot be read; error "": it can */
	/* Private: */
	char *text; /* as last read; NULL: none */
	struct file_watch *watch;
	struct loop_event *timer;
	void (*changed)(void *ctx);
	void *ctx;
};

/*
 * path must outlive it. changed is called, from the loop, when the configuration has changed, or
 * can no longer be read, or again. Returns 0, or -1 with ERR_IO or ERR_NOMEM;
 * kube_netconf_file_free is due.
 */
int kube_netconf_file_init(struct kube_netconf_file *file, struct loop *loop, char *path,
			   void (*changed)(void *ctx), void *ctx, struct err *err);
/* An all-zero struct is allowed. */
void kube_netconf_file_free(struct kube_netconf_file *file);

/* Reads the file, and from then on whenever it changes. changed may be called before it returns. */
void kube_netconf_file_start(struct kube_netconf_file *file);

/* Returns the configuration as last read; NULL if there is none, or if it cannot be read. */
const char *kube_netconf_file_text(const struct kube_netconf_file *file);
