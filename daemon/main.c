/* SPDX-License-Identifier: Apache-2.0 */
/* weftd: the list of what is set up, in order, and taken down, in reverse. */
#include "caps.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/legacy_kernel.h"
#include "common/log.h"
#include "common/nl.h"
#include "common/remains.h"
#include "common/state.h"
#include "control.h"
#include "http.h"
#include "loop.h"
#include "machine.h"
#include "network.h"
#include "networks.h"
#include "node.h"
#include "options.h"
#include "orders.h"
#include "publish.h"
#include "rules.h"
#include "status.h"
#include "store_etcd.h"
#include "store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_PASSING 1 /* it may go well another time */
#define EXIT_LEFT 3    /* as weftctl asked: not to be started again by itself */
#define EXIT_LASTING 2 /* somebody has to mend something first */
#define CONFIG_FILE_MAX (64 << 10)
#define LARGE (128 << 10)

struct daemon {
	struct options options;
	int lock_fd; /* of the run directory */
	char node_name[256];
	char machine[MACHINE_ID_SIZE];
	struct node node;
	struct loop *loop;
	struct nl *nl;
	struct http *http;
	struct legacy *legacy;
	struct rules *rules;
	struct networks *networks;
	struct orders *orders;
	bool left;
	struct control *control;
	struct loop_event *terminate, *interrupt;
	struct status_self status;
};

static const char *environment(const char *name)
{
	return getenv(name);
}

static int read_options(struct daemon *daemon, int argc, char *argv[], const char *named,
			struct err *err)
{
	const char *path = named ? named : OPTIONS_CONFIG_DEFAULT;
	AUTO_FREE char *file = NULL;
	struct options_file read;
	size_t size = 0;
	int found = fs_read(AT_FDCWD, path, CONFIG_FILE_MAX, &file, &size, err);

	if (found < 0)
		return err_wrap(err, "--config");
	read = (struct options_file){ path, file, size };
	if (!found && named)
		return err_set(err, ERR_CONFIG, "--config: there is no file %s", path);
	return options_parse(argc, argv, environment, found ? &read : NULL, &daemon->options, err);
}

static int name_node(struct daemon *daemon, struct err *err)
{
	if (daemon->options.node_name)
		snprintf(daemon->node_name, sizeof(daemon->node_name), "%s",
			 daemon->options.node_name);
	else if (gethostname(daemon->node_name, sizeof(daemon->node_name) - 1) < 0)
		return err_sys(err, ERR_IO, errno, "no host name");
	return 0;
}

static void on_signal(void *ctx, int number)
{
	struct daemon *daemon = ctx;

	log_info("ending; the data path stays", "signal", strsignal(number));
	loop_stop(daemon->loop);
}

static int answer(void *ctx, const char *request, size_t size, char **answer_out, struct err *err)
{
	struct daemon *daemon = ctx;
	struct control_call call = control_call(daemon->control);

	if (orders_take(daemon->orders, daemon->control, &call, request, size))
		return 0;
	networks_check(daemon->networks);
	return status_answer(&daemon->status, request, size, answer_out, err);
}

/* What looks safe and is not. */
static void warn_of_plain_text(const struct options *options)
{
	for (const char *const *endpoint = options->endpoint; *endpoint; endpoint++) {
		if (!strncmp(*endpoint, "https://", 8))
			continue;
		if (options->etcd_username)
			log_warn("the password for etcd goes over the net in plain text",
				 "endpoint", *endpoint, "remedy", "https://");
		else if (options->etcd_cafile || options->etcd_certfile)
			log_warn("certificates are of no use at this endpoint", "endpoint",
				 *endpoint, "remedy", "https://");
	}
}

static int make_http(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	const struct http_settings settings = {
		.ca_file = options->etcd_cafile,
		.cert_file = options->etcd_certfile,
		.key_file = options->etcd_keyfile,
		.proxy = options->etcd_proxy,
	};

	if (!options->store_file)
		warn_of_plain_text(options);
	if (http_new(daemon->loop, &daemon->http, err) < 0)
		return -1;
	return http_secure(daemon->http, &settings, err);
}

static int make_store(void *ctx, const char *name, struct network *network,
		      struct store **store_out, struct err *err)
{
	const struct daemon *daemon = ctx;
	const struct options *options = &daemon->options;
	const struct store_etcd_options etcd = {
		.endpoints = options->endpoint,
		.prefix = options->etcd_prefix,
		.network = name,
		.username = options->etcd_username,
		.password = options->etcd_password,
		.password_file = options->etcd_password_file,
	};
	const struct store_file_options file = { .path = options->store_file, .network = name };

	if (options->store_file)
		return store_file_new(daemon->loop, &file, &network_listener, network, store_out,
				      err);
	return store_etcd_new(daemon->loop, daemon->http, &etcd, &network_listener, network,
			      store_out, err);
}

static bool tell_rules(void *ctx, struct rules_network *network)
{
	rules_tell(ctx, network);
	return rules_masquerade(ctx);
}

static int make_rules(struct daemon *daemon, struct err *err)
{
	const struct rules_options options = {
		.ip_masq = daemon->options.ip_masq,
		.forward = daemon->options.forward_rules,
		.guard = daemon->options.tunnel_guard,
	};

	return rules_new(daemon->loop, &options, daemon->legacy, daemon->options.network_len,
			 &daemon->rules, err);
}

static int make_networks(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	const struct network_env env = {
		.loop = daemon->loop,
		.nl = daemon->nl,
		.node = &daemon->node,
		.node_name = daemon->node_name,
		.machine = daemon->machine,
		.iface = options->iface,
		.public_ip = { options->public_ip[FAMILY_V4], options->public_ip[FAMILY_V6] },
		.run_dir = options->run_dir,
		.subnet_file = options->subnet_file,
		.tell_rules = tell_rules,
		.rules = daemon->rules,
	};
	const struct networks_options named = {
		.names = options->network,
		.len = options->network_len,
		.make_store = make_store,
		.ctx = daemon,
	};

	return networks_new(&env, &named, &daemon->networks, err);
}

/* As weftctl leave asks. The node's id stays: it may come back as who it was. */
static int leave(void *ctx, struct remains *done, struct err *err)
{
	struct daemon *daemon = ctx;
	const struct options *options = &daemon->options;
	int removed;

	daemon->left = true;
	log_info("left as asked; weftd ends");
	loop_stop(daemon->loop);
	if (remains_remove_rules(daemon->legacy, done, err) < 0 ||
	    remains_remove(daemon->nl, done, err) < 0 ||
	    remains_remove_files(options->run_dir, done, err) < 0 ||
	    remains_remove_files(options->state_dir, done, err) < 0)
		return -1;
	removed = fs_unlink(AT_FDCWD, options->subnet_file, err);
	done->files += removed > 0;
	return removed < 0 ? -1 : 0;
}

static void view_rules(const void *ctx, struct rules_view *view_out)
{
	*view_out = rules_view(ctx);
}

static int make_control(struct daemon *daemon, struct err *err)
{
	daemon->status = (struct status_self){
		.node = &daemon->node,
		.node_name = daemon->node_name,
		.started_at = (uint64_t)time(NULL),
		.rules = view_rules,
		.rules_ctx = daemon->rules,
	};
	daemon->status.networks = networks_all(daemon->networks, &daemon->status.network_len);
	if (orders_new(&daemon->status, daemon->options.run_dir, leave, daemon, &daemon->orders,
		       err) < 0)
		return -1;
	return control_new(daemon->loop, daemon->options.run_dir, answer, daemon, &daemon->control,
			   err);
}

static int drop_privileges(const struct options *options, struct err *err)
{
	const char *const dirs[] = { options->run_dir, options->state_dir };

	if (options->user && caps_become(options->user, dirs, 2, err) < 0)
		return -1;
	return caps_check(err);
}

static void sweep(const char *dir)
{
	struct err err = ERR_INIT;

	if (fs_sweep(dir, &err) < 0)
		log_warn("what an earlier weftd left stays", "reason", err.text);
}

/* First of all: whoever has the run directory is alone in all that follows. */
static int take_dirs(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	char networks[FS_PATH_SIZE];

	if (publish_take_dir(options->run_dir, &daemon->lock_fd, err) < 0 ||
	    node_load(&daemon->node, options->state_dir, err) < 0 ||
	    fs_join(networks, options->run_dir, STATE_NETWORKS, err) < 0)
		return -1;
	sweep(options->run_dir);
	sweep(networks);
	sweep(options->state_dir);
	return 0;
}

static int set_up(struct daemon *daemon, struct err *err)
{
	machine_id(daemon->machine);                 /* while root may read the firmware's */
	if (legacy_open(&daemon->legacy, err) < 0 || /* and while it may look at iptables-legacy */
	    drop_privileges(&daemon->options, err) < 0 || take_dirs(daemon, err) < 0 ||
	    name_node(daemon, err) < 0 || loop_new(&daemon->loop, err) < 0 ||
	    nl_open(&daemon->nl, err) < 0 || make_http(daemon, err) < 0 ||
	    make_rules(daemon, err) < 0 || make_networks(daemon, err) < 0 ||
	    make_control(daemon, err) < 0)
		return -1;
	daemon->terminate = loop_signal(daemon->loop, SIGTERM, on_signal, daemon);
	daemon->interrupt = loop_signal(daemon->loop, SIGINT, on_signal, daemon);
	if (!daemon->terminate || !daemon->interrupt)
		return err_nomem(err, "the signals");
	return 0;
}

static void tear_down(struct daemon *daemon)
{
	loop_event_free(daemon->interrupt);
	loop_event_free(daemon->terminate);
	orders_free(daemon->orders);
	control_free(daemon->control);
	networks_free(daemon->networks);
	rules_free(daemon->rules);
	legacy_free(daemon->legacy);
	if (daemon->http)
		http_free(daemon->http);
	if (daemon->nl)
		nl_free(daemon->nl);
	if (daemon->loop)
		loop_free(daemon->loop);
	options_free(&daemon->options);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
}

/* Not beside a weftd, which would put them back. */
static int remove_rules(const struct options *options, struct err *err)
{
	AUTO_CLOSE int lock_fd = -1;
	AUTO(legacy) struct legacy *legacy = NULL;
	struct remains done = { .rules = 0 };

	if (caps_check(err) < 0 || publish_take_dir(options->run_dir, &lock_fd, err) < 0 ||
	    legacy_open(&legacy, err) < 0)
		return -1;
	return remains_remove_rules(legacy, &done, err);
}

/* What it tells whoever starts it again, as systemd does, unless that is of no use. */
static int exit_status(const struct err *err)
{
	switch (err->sys_errno) {
	case 0:
		return err->code == ERR_CONFIG || err->code == ERR_STATE ? EXIT_LASTING :
									   EXIT_PASSING;
	/* A directory that is named wrong, or kept from us. */
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return EXIT_LASTING;
	default:
		return EXIT_PASSING;
	}
}

int main(int argc, char *argv[])
{
	const struct options_first first = options_look(argc, argv, environment);
	struct daemon daemon = { .lock_fd = -1 };
	struct err err = ERR_INIT;
	bool shown;
	int rc;

	/* Tables of megabytes come and go: each goes back to the system, and leaves no hole. */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	if (first.action == OPTIONS_HELP || first.action == OPTIONS_VERSION) {
		fputs(first.action == OPTIONS_HELP ? options_help() : "weftd " WEFT_VERSION "\n",
		      stdout);
		return 0;
	}
	rc = read_options(&daemon, argc, argv, first.config, &err);
	shown = options_hide_password(argc, argv);
	if (rc < 0) {
		fprintf(stderr, "weftd: %s\n", err.text);
		options_free(&daemon.options);
		return EXIT_LASTING;
	}
	log_setup(daemon.options.log_level, daemon.options.log_format, STDERR_FILENO);
	if (first.action == OPTIONS_REMOVE_RULES) {
		rc = remove_rules(&daemon.options, &err);
		if (rc < 0)
			log_error("packet rules cannot be removed", "reason", err.text);
		options_free(&daemon.options);
		return rc == 0 ? 0 : exit_status(&err);
	}
	if (shown)
		log_warn("a password on the command line can be seen by others while weftd starts",
			 "remedy", "--etcd-password-file, or WEFTD_ETCD_PASSWORD");
	rc = set_up(&daemon, &err);
	if (rc == 0) {
		log_info("weftd started", "version", WEFT_VERSION, "node", daemon.node.state.id,
			 "name", daemon.node_name);
		loop_run(daemon.loop);
	} else {
		log_error("weftd cannot start", "reason", err.text);
	}
	tear_down(&daemon);
	if (rc == 0)
		return daemon.left ? EXIT_LEFT : 0;
	return exit_status(&err);
}
