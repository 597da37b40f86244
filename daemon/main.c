/* SPDX-License-Identifier: Apache-2.0 */
/* weftd: sets up its parts in order, runs the event loop, tears them down in reverse order. */
#include "common/auto.h"
#include "common/build_version.h"
#include "common/cleanup/cleanup.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/log.h"
#include "common/netlink/nl.h"
#include "common/netlink/sysctl.h"
#include "common/state.h"
#include "daemon/caps.h"
#include "daemon/control/cni_install.h"
#include "daemon/control/commands.h"
#include "daemon/control/control.h"
#include "daemon/control/event_log.h"
#include "daemon/control/map.h"
#include "daemon/control/monitor.h"
#include "daemon/control/plugin_calls.h"
#include "daemon/control/remote_watch.h"
#include "daemon/control/secret_files.h"
#include "daemon/control/service.h"
#include "daemon/control/status.h"
#include "daemon/firewall/fast_path.h"
#include "daemon/firewall/firewall.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/io/notify.h"
#include "daemon/lease/node.h"
#include "daemon/network/network.h"
#include "daemon/network/networks.h"
#include "daemon/network/publish.h"
#include "daemon/options.h"
#include "daemon/probe/probe.h"
#include "daemon/store/etcd/store_etcd.h"
#include "daemon/store/etcd/store_etcd_names.h"
#include "daemon/store/file/store_file.h"
#include "daemon/store/file/store_file_names.h"
#include "daemon/store/kube/kube_config.h"
#include "daemon/store/kube/store_kube.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Exit statuses besides EXIT_FAILURE, after which a restart may succeed (weftd.service). */
#define EXIT_CONFIG 2 /* a restart cannot succeed */
#define EXIT_LEFT 3   /* after weftctl leave: not to be restarted */
#define CONFIG_FILE_MAX (64 << 10)
#define LARGE (128 << 10)
#define NODE_NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-."

struct daemon {
	struct options options;
	int lock_fd; /* of the run directory */
	char node_name[256];
	char machine[NODE_MACHINE_ID_SIZE];
	struct node node;
	struct loop *loop;
	struct nl *nl;
	struct kube_config kube;
	const char *kube_server[2]; /* of kube, NULL-ended */
	struct http *http;
	struct firewall *rules;
	struct fast_path *fast_path;
	struct networks *networks;
	struct store_etcd_names *etcd_names; /* of --network '*' */
	struct store_file_names *file_names;
	bool listed;         /* the networks are known */
	struct probe *probe; /* NULL: without --probe */
	struct commands *commands;
	struct map *map;
	struct remote_watch *remote_watch;
	bool left;
	struct control *control;
	struct event_log *events; /* NULL: the file cannot be opened */
	struct monitor *monitor;  /* NULL: without --healthz-port */
	struct cni_install *cni;  /* NULL: without --install-cni */
	struct loop_event *terminate, *interrupt;
	struct status_self status;
	struct secret_files secrets;
	const char *config_secret; /* the configuration file, if it has a password; NULL: none */
	struct notify *notify;     /* NULL: no service manager */
	struct loop_event *watchdog;
	bool ready; /* and the service manager has been notified */
};

static const char *environment(const char *name)
{
	return getenv(name);
}

static int read_options(struct daemon *daemon, int argc, char *argv[], const char *named,
			struct err *err)
{
	const char *path = named ? named : OPTIONS_CONFIG_DEFAULT;
	AUTO(free) char *file = NULL;
	struct options_file read;
	size_t size = 0;
	int found = fs_read(AT_FDCWD, path, CONFIG_FILE_MAX, &file, &size, err);

	if (found < 0)
		return err_wrap(err, "--config");
	read = (struct options_file){ path, file, size };
	if (!found && named)
		return err_set(err, ERR_CONFIG, "--config: %s does not exist", path);
	if (found && strstr(file, "\"etcd-password\""))
		daemon->config_secret = path;
	return options_parse(argc, argv, environment, found ? &read : NULL, &daemon->options, err);
}

/* A Node's name: as a DaemonSet sets it, else, as kubelet does, the host name in lower case. */
static int name_node(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	const char *name = options->kubernetes ? environment("NODE_NAME") : NULL;

	if (options->node_name)
		name = options->node_name;
	if (name && *name)
		snprintf(daemon->node_name, sizeof(daemon->node_name), "%s", name);
	else if (gethostname(daemon->node_name, sizeof(daemon->node_name) - 1) < 0)
		return err_sys(err, ERR_IO, errno, "cannot get the host name");
	for (char *c = daemon->node_name; options->kubernetes && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (options->kubernetes && daemon->node_name[strspn(daemon->node_name, NODE_NAME_CHARS)])
		return err_set(err, ERR_CONFIG, "\"%.253s\" is not the name of a Node",
			       daemon->node_name);
	return 0;
}

static void on_signal(void *ctx, int number)
{
	struct daemon *daemon = ctx;

	log_info("stopping; the data path is kept", "signal", strsignal(number));
	notify_send(daemon->notify, "STOPPING=1");
	loop_stop(daemon->loop);
}

static int answer(void *ctx, const char *request, size_t size, char **answer_out, struct err *err)
{
	struct daemon *daemon = ctx;
	struct control_call call = control_call(daemon->control);

	if (commands_handle(daemon->commands, daemon->control, &call, request, size) ||
	    map_handle(daemon->map, daemon->control, &call, request, size) ||
	    remote_watch_handle(daemon->remote_watch, daemon->control, &call, request, size))
		return 0;
	networks_check(daemon->networks);
	return status_answer(&daemon->status, request, size, answer_out, err);
}

/* Warns of settings that look secure but are not. */
static void warn_of_plain_text(const struct options *options)
{
	for (const char *const *endpoint = options->endpoint; *endpoint; endpoint++) {
		if (!strncmp(*endpoint, "https://", 8))
			continue;
		if (options->etcd_username)
			log_warn("the etcd password is sent in plain text", "endpoint", *endpoint,
				 "remedy", "https://");
		else if (options->etcd_cafile || options->etcd_certfile)
			log_warn("certificates are not used at this endpoint", "endpoint",
				 *endpoint, "remedy", "https://");
	}
}

/* ---- Kubernetes -------------------------------------------------------------------------- */

static const char *const *kube_servers(const struct daemon *daemon)
{
	return daemon->options.kube_server[0] ? daemon->options.kube_server : daemon->kube_server;
}

static int read_kubeconfig(struct daemon *daemon, const char *path, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;
	int found = fs_read(AT_FDCWD, path, KUBE_CONFIG_FILE_MAX, &text, &size, err);

	if (found == 0)
		return err_set(err, ERR_CONFIG, "--kubeconfig-file: %s does not exist", path);
	if (found < 0 || kube_config_parse(text, size, path, &daemon->kube, err) < 0)
		return err_wrap(err, "--kubeconfig-file");
	return 0;
}

/* With --kube-api-url alone, outside of a pod, there are no credentials. */
static int make_kube(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	const char *host = environment("KUBERNETES_SERVICE_HOST");
	int rc = 0;

	if (options->kubeconfig)
		rc = read_kubeconfig(daemon, options->kubeconfig, err);
	else if ((host && *host) || !options->kube_server[0])
		rc = kube_config_of_pod(host, environment("KUBERNETES_SERVICE_PORT"),
					KUBE_CONFIG_ACCOUNT_DIR, &daemon->kube, err);
	if (rc < 0)
		return -1;
	daemon->kube_server[0] = daemon->kube.server;
	for (const char *const *server = kube_servers(daemon); *server; server++)
		if (!strncmp(*server, "http://", 7))
			log_warn("the API server is not authenticated, and gets no token", "server",
				 *server, "remedy", "https://");
	return 0;
}

static int make_kube_http(struct daemon *daemon, struct err *err)
{
	const struct kube_config *kube = &daemon->kube;
	const struct http_settings settings = {
		.ca = { .path = kube->ca_file,
			.data = kube->ca_data,
			.option = "certificate-authority" },
		.cert = { .path = kube->cert_file,
			  .data = kube->cert_data,
			  .option = "client-certificate" },
		.key = { .path = kube->key_file, .data = kube->key_data, .option = "client-key" },
	};

	if (http_new(daemon->loop, &daemon->http, err) < 0)
		return -1;
	return http_secure(daemon->http, &settings, err);
}

static int make_kube_store(const struct daemon *daemon, struct network *network,
			   struct store **store_out, struct err *err)
{
	const struct options *options = &daemon->options;
	const struct store_kube_options kube = {
		.servers = kube_servers(daemon),
		.token = daemon->kube.token,
		.token_file = daemon->kube.token_file,
		.annotation_prefix = options->kube_prefix,
		.netconf = options->netconf,
		.node_name = daemon->node_name,
		.node_id = daemon->node.state.id,
		.set_condition = options->kube_condition,
	};

	return store_kube_new(daemon->loop, daemon->http, &kube, &network_listener, network,
			      store_out, err);
}

/* ---- The parts --------------------------------------------------------------------------- */

static int make_http(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	const struct http_settings settings = {
		.ca = { .path = options->etcd_cafile, .option = "--etcd-cafile" },
		.cert = { .path = options->etcd_certfile, .option = "--etcd-certfile" },
		.key = { .path = options->etcd_keyfile, .option = "--etcd-keyfile" },
		.proxy = options->etcd_proxy,
	};

	if (options->kubernetes)
		return make_kube(daemon, err) < 0 ? -1 : make_kube_http(daemon, err);
	if (!options->store_file)
		warn_of_plain_text(options);
	if (http_new(daemon->loop, &daemon->http, err) < 0)
		return -1;
	return http_secure(daemon->http, &settings, err);
}

/* ---- The service manager ----------------------------------------------------------------- */

/* Also called while the networks are being made; set_up calls it again afterwards. */
static void on_status_changed(void *ctx)
{
	struct daemon *daemon = ctx;
	AUTO(free) struct network_view *views = NULL;
	char text[SERVICE_TEXT_SIZE];
	struct network *const *networks;
	size_t len = 0;
	bool ready;

	cni_install_update(daemon->cni);
	if (!daemon->notify || !daemon->networks || daemon->left)
		return;
	networks = networks_all(daemon->networks, &len);
	if (!daemon->listed && !len)
		return;
	views = calloc(len, sizeof(*views));
	if (!views)
		return;
	for (size_t i = 0; i < len; i++)
		views[i] = network_view(networks[i]);
	ready = !daemon->ready && service_is_ready(views, len);
	daemon->ready = daemon->ready || ready;
	notify_send(daemon->notify, service_text(views, len, ready, text));
}

static void on_watchdog(void *ctx)
{
	struct daemon *daemon = ctx;

	notify_send(daemon->notify, "WATCHDOG=1");
	loop_timer_start(daemon->watchdog, notify_watchdog_ms(environment));
}

static int make_notify(struct daemon *daemon, struct err *err)
{
	uint64_t watchdog_ms = notify_watchdog_ms(environment);

	if (notify_open(environment("NOTIFY_SOCKET"), &daemon->notify, err) < 0)
		return -1;
	if (!daemon->notify || !watchdog_ms)
		return 0;
	daemon->watchdog = loop_timer(daemon->loop, on_watchdog, daemon);
	if (!daemon->watchdog)
		return err_nomem(err, "the watchdog timer");
	loop_timer_start(daemon->watchdog, watchdog_ms);
	return 0;
}

/* ---- Parts ------------------------------------------------------------------------------- */

/* A store of the leases, or of the endpoints, of a network; not with Kubernetes. */
static int open_store(const struct daemon *daemon, const char *name, bool l2_endpoints,
		      const struct store_listener *listener, void *listener_ctx,
		      struct store **store_out, struct err *err)
{
	const struct options *options = &daemon->options;
	const struct store_etcd_options etcd = {
		.endpoints = options->endpoint,
		.prefix = options->etcd_prefix,
		.network = name,
		.l2_endpoints = l2_endpoints,
		.username = options->etcd_username,
		.password = options->etcd_password,
		.password_file = options->etcd_password_file,
	};
	const struct store_file_options file = { .path = options->store_file,
						 .network = name,
						 .l2_endpoints = l2_endpoints };

	if (options->store_file)
		return store_file_new(daemon->loop, &file, listener, listener_ctx, store_out, err);
	return store_etcd_new(daemon->loop, daemon->http, &etcd, listener, listener_ctx, store_out,
			      err);
}

static int make_store(void *ctx, const char *name, struct network *network,
		      struct store **store_out, struct err *err)
{
	const struct daemon *daemon = ctx;

	if (daemon->options.kubernetes)
		return make_kube_store(daemon, network, store_out, err);
	return open_store(daemon, name, false, &network_listener, network, store_out, err);
}

static int open_endpoints(void *ctx, const char *network, const struct store_listener *listener,
			  void *listener_ctx, struct store **store_out, struct err *err)
{
	return open_store(ctx, network, true, listener, listener_ctx, store_out, err);
}

static int make_rules(struct daemon *daemon, struct err *err)
{
	const struct firewall_options options = {
		.ip_masq = daemon->options.ip_masq,
		.forward = daemon->options.forward_rules,
		.guard = daemon->options.tunnel_guard,
		.probe = daemon->options.probe,
		.run_dir = daemon->options.run_dir,
	};

	const size_t networks = daemon->options.all_networks ? SIZE_MAX :
							       daemon->options.network_len;

	if (firewall_new(daemon->loop, &options, networks, &daemon->rules, err) < 0)
		return -1;
	return fast_path_new(daemon->loop, daemon->options.fast_path, &daemon->fast_path, err);
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
		.uplink = {
			.iface = options->iface.at,
			.regex = options->iface_regex.at,
			.can_reach = options->iface_can_reach,
			.public_ip = { options->public_ip[FAMILY_V4],
				       options->public_ip[FAMILY_V6] },
		},
		.endpoints = options->kubernetes ? kube_servers(daemon) :
			     options->store_file ? NULL :
						   options->endpoint,
		.run_dir = options->run_dir,
		.subnet_file = options->subnet_file,
		.firewall = daemon->rules,
		.fast_path = daemon->fast_path,
		.open_endpoints = options->kubernetes ? NULL : open_endpoints,
		.open_ctx = daemon,
	};
	const struct networks_options named = {
		.names = options->network,
		.len = options->network_len,
		.make_store = make_store,
		.status_changed = on_status_changed,
		.ctx = daemon,
	};

	return networks_new(&env, &named, &daemon->networks, err);
}

static void set_networks(struct daemon *daemon, const char *const names[], size_t len)
{
	struct err err = ERR_INIT;

	if (networks_set(daemon->networks, names, len, &err) < 0)
		log_error("cannot serve a network", "error", err.text);
	daemon->status.networks = networks_all(daemon->networks, &daemon->status.network_len);
}

static void on_names(void *ctx, const struct store_names *listed)
{
	struct daemon *daemon = ctx;
	const char **names = calloc(listed->len + 1, sizeof(*names));

	if (!names) {
		log_error("no memory for the names of the networks");
		return;
	}
	for (size_t i = 0; i < listed->len; i++)
		names[i] = listed->at[i].text;
	daemon->listed = true;
	set_networks(daemon, names, listed->len);
	free(names);
	on_status_changed(daemon);
}

/* A node that boots without the store serves the networks that it had, from their snapshots. */
static void on_names_failed(void *ctx, const struct err *why)
{
	struct daemon *daemon = ctx;
	const struct state_node *node = &daemon->node.state;
	const char *names[STATE_NODE_NETWORKS];
	size_t len = 0;

	log_warn("cannot list the networks of the store", "error", why->text);
	if (daemon->listed || daemon->status.network_len)
		return;
	for (size_t i = 0; i < node->network_len; i++)
		if (prefix_is_set(&node->network[i].subnet[FAMILY_V4]) ||
		    prefix_is_set(&node->network[i].subnet[FAMILY_V6]))
			names[len++] = node->network[i].name;
	set_networks(daemon, names, len);
}

static int make_names(struct daemon *daemon, struct err *err)
{
	static const struct store_names_listener listener = { on_names, on_names_failed };
	const struct options *options = &daemon->options;
	const struct store_etcd_options etcd = {
		.endpoints = options->endpoint,
		.prefix = options->etcd_prefix,
		.username = options->etcd_username,
		.password = options->etcd_password,
		.password_file = options->etcd_password_file,
	};

	daemon->listed = !options->all_networks;
	if (daemon->listed)
		return 0;
	if (options->store_file)
		return store_file_names_new(daemon->loop, options->store_file, &listener, daemon,
					    &daemon->file_names, err);
	return store_etcd_names_new(daemon->loop, daemon->http, &etcd, &listener, daemon,
				    &daemon->etcd_names, err);
}

static int remove_subnet_file(const char *path, struct cleanup *done, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	const char *name = NULL;
	int found = fs_open_parent(path, false, &dir_fd, &name, err);

	if (found > 0)
		found = fs_unlink(dir_fd, name, err);
	done->files += found > 0;
	return found < 0 ? -1 : 0;
}

/* After weftctl leave. The node id is kept, so a new start has the old identity. */
static int leave(void *ctx, struct cleanup *done, struct err *err)
{
	struct daemon *daemon = ctx;
	const struct options *options = &daemon->options;

	daemon->left = true;
	log_info("left all networks; exiting");
	cni_install_withdraw(daemon->cni);
	notify_send(daemon->notify, "STOPPING=1");
	loop_stop(daemon->loop);
	if (cleanup_remove_rules(done, err) < 0 || cleanup_remove(daemon->nl, done, err) < 0 ||
	    cleanup_remove_files(options->run_dir, done, err) < 0 ||
	    cleanup_remove_files(options->state_dir, done, err) < 0)
		return -1;
	return remove_subnet_file(options->subnet_file, done, err);
}

static void check_secrets(struct daemon *daemon)
{
	const struct options *options = &daemon->options;

	secret_files_add(&daemon->secrets, "--config", daemon->config_secret);
	secret_files_add(&daemon->secrets, "--etcd-password-file", options->etcd_password_file);
	secret_files_add(&daemon->secrets, "--etcd-keyfile", options->etcd_keyfile);
	daemon->secrets.store_file = options->store_file;
	secret_files_warn(&daemon->secrets);
}

static struct network *const *all_networks(void *ctx, size_t *len_out)
{
	const struct daemon *daemon = ctx;

	return networks_all(daemon->networks, len_out);
}

static int make_probe(struct daemon *daemon, struct err *err)
{
	const struct probe_options options = {
		.networks = all_networks,
		.ctx = daemon,
		.interval_s = daemon->options.probe_interval_s,
		.run_dir = daemon->options.run_dir,
	};

	if (!daemon->options.probe)
		return 0;
	if (probe_new(daemon->loop, &options, &daemon->probe, err) < 0)
		return -1;
	daemon->node.probe_works = probe_works;
	daemon->node.probe_ctx = daemon->probe;
	return 0;
}

static void view_rules(const void *ctx, struct firewall_view *view_out)
{
	*view_out = firewall_view(ctx);
}

static int make_control(struct daemon *daemon, struct err *err)
{
	daemon->status = (struct status_self){
		.node = &daemon->node,
		.node_name = daemon->node_name,
		.started_at = (uint64_t)time(NULL),
		.rules = view_rules,
		.firewall_ctx = daemon->rules,
		.fast_path = daemon->fast_path,
		.probe = daemon->probe,
		.secrets = &daemon->secrets,
	};
	daemon->status.networks = networks_all(daemon->networks, &daemon->status.network_len);
	if (commands_new(&daemon->status, daemon->options.run_dir, leave, daemon, &daemon->commands,
			 err) < 0 ||
	    map_new(daemon->loop, &daemon->status, daemon->probe, &daemon->map, err) < 0 ||
	    remote_watch_new(daemon->loop, &daemon->status, daemon->probe, &daemon->remote_watch,
			     err) < 0)
		return -1;
	return control_new(daemon->loop, daemon->options.run_dir, answer, daemon, &daemon->control,
			   err);
}

static int make_monitor(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;

	const struct monitor_env env = {
		.loop = daemon->loop,
		.nl = daemon->nl,
		.run_dir = options->run_dir,
		.address = &options->healthz_ip,
		.port = options->healthz_port,
	};

	if (options->healthz_port)
		return monitor_new(&env, &daemon->status, &daemon->monitor, err);
	plugin_calls_disable(options->run_dir);
	return 0;
}

static int make_cni(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;
	const struct cni_install_options cni = {
		.bin_dir = options->cni_bin_dir,
		.conf_dir = options->cni_conf_dir,
		.run_dir = options->run_dir,
		.network = networks_main_name(options->network, options->network_len),
	};

	if (!options->install_cni)
		return 0;
	if (cni_install_new(daemon->loop, &cni, &daemon->cni, err) < 0)
		return -1;
	daemon->status.cni = daemon->cni;
	return 0;
}

static int drop_privileges(const struct options *options, struct err *err)
{
	const char *const dirs[] = { options->run_dir, options->state_dir };

	if (options->user && caps_become(options->user, dirs, 2, err) < 0)
		return -1;
	return caps_check(err);
}

static void sweep(const char *dir, const char *below)
{
	struct err err = ERR_INIT;

	if (fs_sweep(dir, below, &err) < 0)
		log_warn("cannot remove temporary files", "error", err.text);
}

/* The lock on the run directory excludes other weftds from everything that follows. */
static int take_dirs(struct daemon *daemon, struct err *err)
{
	const struct options *options = &daemon->options;

	if (publish_take_dir(options->run_dir, &daemon->lock_fd, err) < 0 ||
	    node_load(&daemon->node, options->state_dir, err) < 0)
		return -1;
	daemon->node.probe = options->probe;
	sweep(options->run_dir, NULL);
	sweep(options->run_dir, STATE_NETWORKS);
	sweep(options->state_dir, NULL);
	return 0;
}

/* weftd runs without them, too. */
static void make_events(struct daemon *daemon)
{
	struct err err = ERR_INIT;

	if (event_log_new(daemon->loop, daemon->options.run_dir, &daemon->events, &err) < 0)
		log_warn("events are not recorded", "error", err.text);
}

static int set_up(struct daemon *daemon, struct err *err)
{
	sysctl_set_dir(daemon->options.sysctl_dir);
	node_machine_id(daemon->machine); /* requires root, see node.h */
	if (drop_privileges(&daemon->options, err) < 0 || take_dirs(daemon, err) < 0 ||
	    name_node(daemon, err) < 0 || loop_new(&daemon->loop, err) < 0)
		return -1;
	make_events(daemon);
	if (make_notify(daemon, err) < 0 || nl_open(&daemon->nl, err) < 0 ||
	    make_http(daemon, err) < 0 || make_rules(daemon, err) < 0 ||
	    make_networks(daemon, err) < 0 || make_probe(daemon, err) < 0 ||
	    make_control(daemon, err) < 0 || make_names(daemon, err) < 0 ||
	    make_monitor(daemon, err) < 0 || make_cni(daemon, err) < 0)
		return -1;
	daemon->terminate = loop_signal(daemon->loop, SIGTERM, on_signal, daemon);
	daemon->interrupt = loop_signal(daemon->loop, SIGINT, on_signal, daemon);
	if (!daemon->terminate || !daemon->interrupt)
		return err_nomem(err, "the signals");
	check_secrets(daemon);
	on_status_changed(daemon);
	return 0;
}

static void tear_down(struct daemon *daemon)
{
	loop_event_free(daemon->watchdog);
	loop_event_free(daemon->interrupt);
	loop_event_free(daemon->terminate);
	cni_install_free(daemon->cni);
	daemon->cni = NULL;
	monitor_free(daemon->monitor);
	commands_free(daemon->commands);
	map_free(daemon->map);
	remote_watch_free(daemon->remote_watch);
	control_free(daemon->control);
	store_etcd_names_free(daemon->etcd_names);
	store_file_names_free(daemon->file_names);
	daemon->node.probe_works = NULL;
	probe_free(daemon->probe);
	networks_free(daemon->networks);
	fast_path_free(daemon->fast_path);
	firewall_free(daemon->rules);
	if (daemon->http)
		http_free(daemon->http);
	if (daemon->nl)
		nl_free(daemon->nl);
	event_log_free(daemon->events);
	if (daemon->loop)
		loop_free(daemon->loop);
	notify_free(daemon->notify);
	kube_config_free(&daemon->kube);
	options_free(&daemon->options);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
}

/* Requires the lock: a running weftd would restore the rules. */
static int remove_rules(const struct options *options, struct err *err)
{
	AUTO(close) int lock_fd = -1;
	struct cleanup done = { .rules = 0 };

	if (caps_check(err) < 0 || publish_take_dir(options->run_dir, &lock_fd, err) < 0)
		return -1;
	return cleanup_remove_rules(&done, err);
}

/* Returns the exit status, by which systemd decides about a restart. */
static int exit_status(const struct err *err)
{
	switch (err->sys_errno) {
	case 0:
		return err->code == ERR_CONFIG || err->code == ERR_STATE ? EXIT_CONFIG :
									   EXIT_FAILURE;
	/* A wrong or inaccessible directory. */
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return EXIT_CONFIG;
	default:
		return EXIT_FAILURE;
	}
}

int main(int argc, char *argv[])
{
	const struct options_scan scan = options_scan(argc, argv, environment);
	struct daemon daemon = { .lock_fd = -1 };
	struct err err = ERR_INIT;
	bool password;
	int rc;

	/* Large temporary tables are returned to the system and do not fragment the heap. */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	if (scan.action == OPTIONS_HELP) {
		options_help(stdout);
		return 0;
	}
	if (scan.action == OPTIONS_VERSION) {
		printf("weftd %s\n", build_version);
		return 0;
	}
	rc = read_options(&daemon, argc, argv, scan.config, &err);
	password = options_hide_password(argc, argv);
	if (rc < 0) {
		fprintf(stderr, "weftd: %s\n", err.text);
		options_free(&daemon.options);
		return EXIT_CONFIG;
	}
	log_setup(daemon.options.log_level, daemon.options.log_format, STDERR_FILENO);
	log_set_journal(log_is_journal(environment("JOURNAL_STREAM"), STDERR_FILENO));
	if (scan.action == OPTIONS_REMOVE_RULES) {
		rc = remove_rules(&daemon.options, &err);
		if (rc < 0)
			log_error("cannot remove the packet rules", "error", err.text);
		options_free(&daemon.options);
		return rc == 0 ? 0 : exit_status(&err);
	}
	if (password)
		log_warn("other users can read a password on the command line", "remedy",
			 "--etcd-password-file, or WEFTD_ETCD_PASSWORD");
	rc = set_up(&daemon, &err);
	if (rc == 0) {
		log_info("weftd started", "version", build_version, "node", daemon.node.state.id,
			 "name", daemon.node_name);
		loop_run(daemon.loop);
	} else {
		log_error("start failed", "error", err.text);
	}
	tear_down(&daemon);
	if (rc == 0)
		return daemon.left ? EXIT_LEFT : 0;
	return exit_status(&err);
}
