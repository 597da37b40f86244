/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_watch.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/jitter.h"
#include "common/json/json.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/store/kube/kube_client.h"
#include "daemon/store/kube/kube_node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LASTS_S 400      /* +-25 %: 300 to 500 s, of flannel's 300 to 600 */
#define OVERDUE_MS 30000 /* after that time without its end the watch counts as lost */
#define EARLY_MS 1000    /* a watch that ends within this time counts as lost */

struct kube_watch {
	struct kube_watch_job job;
	struct http_call *call;
	struct loop_event *timer;
	char revision[KUBE_LIST_REVISION_SIZE];
	uint64_t started_ms, received_ms;
};

void kube_watch_free(struct kube_watch *watch)
{
	if (!watch)
		return;
	http_cancel(watch->call);
	loop_event_free(watch->timer);
	free(watch);
}

static void end(struct kube_watch *watch, enum kube_watch_end how, uint32_t retry_after_s,
		const struct err *why)
{
	struct kube_watch_job job = watch->job;
	char revision[KUBE_LIST_REVISION_SIZE];

	memcpy(revision, watch->revision, sizeof(revision));
	kube_watch_free(watch);
	job.ended(job.ctx, how, revision, retry_after_s, why);
}

/* ---- Events ------------------------------------------------------------------------------ */

/* An event of type ERROR has a Status object. */
static int read_error(const struct jr *object, const char *server, struct err *err)
{
	uint32_t code = jr_u32_opt(object, "code", 0, 999, 0);

	err_set(err, ERR_STORE, "%s: watch nodes: %u: %s", server, code,
		jr_str_opt(object, "message", 16384, ""));
	err->sys_errno = code == 410 ? ESTALE : EAGAIN;
	return -1;
}

static void set_revision(struct kube_watch *watch, uint64_t revision)
{
	if (revision)
		snprintf(watch->revision, sizeof(watch->revision), "%ju", (uintmax_t)revision);
}

/* digest: of the event; 0: unknown. */
static int apply(struct kube_watch *watch, struct json *json, uint64_t digest, struct err *err)
{
	struct jr root = jr_root(json), object = jr_obj(&root, "object");
	const char *type = jr_str(&root, "type", 16);
	AUTO(kube_node) struct kube_node node = { .revision = 0 };

	if (!strcmp(type, "ERROR"))
		return read_error(&object, watch->job.server, err);
	if (!strcmp(type, "BOOKMARK")) {
		struct jr metadata = jr_obj(&object, "metadata");

		node.revision = jr_u64_text_opt(&metadata, "resourceVersion", 0);
		if (jr_done(json, ERR_STORE, err) < 0)
			return -1;
	} else if (kube_node_read(json, &object, watch->job.names, &node, err) < 0) {
		/* The Node alone; the revision stays, so that nothing is missed. */
		log_warn("Node ignored", "error", err->text);
		return err->code == ERR_NOMEM ? -1 : 0;
	}
	set_revision(watch, node.revision);
	node.digest = digest;
	if (node.name)
		watch->job.node(watch->job.ctx, &node, !strcmp(type, "DELETED"));
	return 0;
}

static bool on_line(void *ctx, const char *line, size_t size)
{
	struct kube_watch *watch = ctx;
	AUTO(json) struct json *json = NULL;
	struct kube_digest digest;
	struct err err = ERR_INIT;

	if (!size)
		return true;
	watch->received_ms = loop_now_ms();
	if (!kube_digest_read(line, size, &digest))
		digest.hash = 0;
	if (digest.hash && watch->job.known(watch->job.ctx, &digest)) {
		set_revision(watch, digest.revision);
		return true;
	}
	if (kube_node_parse_event(line, size, &json, &err) < 0 ||
	    apply(watch, json, digest.hash, &err) < 0) {
		/* A line that cannot be parsed may have been an event. */
		end(watch, err.sys_errno == EAGAIN ? KUBE_WATCH_LOST : KUBE_WATCH_STALE, 0, &err);
		return false;
	}
	return true;
}

static void on_done(void *ctx, unsigned status, const char *body, size_t size,
		    const struct err *failed)
{
	struct kube_watch *watch = ctx;
	bool early = loop_now_ms() - watch->started_ms < EARLY_MS;
	uint32_t retry_after_s = failed ? 0 : http_retry_after_s(watch->call);
	struct err err = ERR_INIT;

	watch->call = NULL;
	if (kube_client_check(watch->job.server, "watch nodes", status, body, size, failed, &err) <
	    0) {
		end(watch, err.sys_errno == ESTALE ? KUBE_WATCH_STALE : KUBE_WATCH_LOST,
		    retry_after_s, &err);
		return;
	}
	err_set(&err, ERR_STORE, "%s: the watch has ended", watch->job.server);
	err.sys_errno = EAGAIN;
	end(watch, early ? KUBE_WATCH_LOST : KUBE_WATCH_OVER, 0, &err);
}

/* ---- Start ------------------------------------------------------------------------------- */

static void on_overdue(void *ctx)
{
	struct err err = ERR_INIT;
	struct kube_watch *watch = ctx;

	err_set(&err, ERR_STORE, "%s: the watch does not end", watch->job.server);
	err.sys_errno = ETIMEDOUT;
	end(watch, KUBE_WATCH_LOST, 0, &err);
}

uint64_t kube_watch_received_ms(const struct kube_watch *watch)
{
	return watch->received_ms;
}

static int send_request(struct kube_watch *watch, struct err *err)
{
	uint64_t lasts_ms = jitter_ms(LASTS_S * 1000);
	struct http_request request = {
		.method = "GET",
		.max_size = KUBE_NODE_MAX,
		.ctx = watch,
		.line = on_line,
		.done = on_done,
	};
	char path[200];

	snprintf(path, sizeof(path),
		 "/api/v1/nodes?allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%u"
		 "&watch=true",
		 watch->revision, (unsigned)(lasts_ms / 1000));
	watch->call = kube_client_send(watch->job.client, watch->job.server, path,
				       KUBE_CLIENT_METADATA, &request, err);
	loop_timer_start(watch->timer, lasts_ms + OVERDUE_MS);
	return watch->call ? 0 : -1;
}

struct kube_watch *kube_watch_start(const struct kube_watch_job *job, struct err *err)
{
	struct kube_watch *watch = calloc(1, sizeof(*watch));

	if (!watch || !(watch->timer = loop_timer(job->loop, on_overdue, watch))) {
		free(watch);
		err_nomem(err, "a watch of the store");
		return NULL;
	}
	watch->job = *job;
	watch->started_ms = watch->received_ms = loop_now_ms();
	memcpy(watch->revision, job->from, sizeof(watch->revision));
	if (send_request(watch, err) < 0) {
		kube_watch_free(watch);
		return NULL;
	}
	return watch;
}
