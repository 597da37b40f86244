/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/kube_scene.h"

#include "daemon/store/kube/store_kube.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <stdlib.h>

static int set_up_at(void **state, const struct store_point *position)
{
	static const char *const servers[] = { "https://a", "https://b", NULL };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct recorder *r = &scene->r;
	char path[300];
	struct store_kube_options options = { .servers = servers,
					      .annotation_prefix = "flannel.alpha.coreos.com",
					      .netconf = path,
					      .node_name = "n1",
					      .set_condition = true,
					      .node_id = ID };
	struct err err = ERR_INIT;
	FILE *file;

	tempdir_make(state);
	snprintf(path, sizeof(path), "%s/net-conf.json", tempdir_path);
	file = fopen(path, "w");
	fputs(NETCONF, file);
	fclose(file);
	assert_good(loop_new(&r->loop, &err), err);
	assert_good(http_new(r->loop, &r->http, &err), err);
	assert_good(store_kube_new(r->loop, r->http, &options, &recorder_listener, r, &r->store,
				   &err),
		    err);
	assert_good(r->store->ops->start(r->store, position, &err), err);
	r->log[0] = '\0'; /* the configuration */
	*state = scene;
	fake_loop_pass(r->loop, 0);
	return 0;
}

int kube_set_up(void **state)
{
	return set_up_at(state, NULL);
}

int kube_set_up_again(void **state)
{
	static const struct store_point position = { .cluster = 1, .revision = 8 };

	return set_up_at(state, &position);
}

int kube_set_up_after_etcd(void **state)
{
	static const struct store_point position = { .cluster = 4711, .revision = 8 };

	return set_up_at(state, &position);
}

int kube_tear_down(void **state)
{
	struct scene *scene = *state;

	fake_http_set_retry_after(0);
	fake_http_set_broken(false);
	recorder_stop(&scene->r);
	free(scene);
	return tempdir_remove(state);
}

void assert_log(struct scene *scene, const char *wanted)
{
	char *config = strstr(scene->r.log, "config=");
	char *end = config ? strchr(config, '}') : NULL;

	/* The configuration's text is not of interest. */
	while (end && strchr(end + 1, '}'))
		end = strchr(end + 1, '}');
	if (end)
		memmove(config + 6, end + 2, strlen(end + 2) + 1);
	assert_string_equal(scene->r.log, wanted);
	scene->r.log[0] = '\0';
}

void kube_respond_list(const char *path, const char *text)
{
	fake_http_data(path, text, strlen(text));
	fake_http_respond(path, "");
}

void kube_come_up(struct scene *scene)
{
	fake_http_respond(OWN, OWN_NODE("5"));
	kube_respond_list(FIRST_LIST, NODES("9", PEER("7")));
	assert_log(scene, "[ config +10.1.2.0-24 +10.1.1.0-24 ] up");
	assert_int_equal(fake_http_waiting("resourceVersion=9" WATCH), 1);
}
