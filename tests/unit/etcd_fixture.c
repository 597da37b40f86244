/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/etcd_fixture.h"

#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static char data_dir[] = "/dev/shm/weft-test-etcd-XXXXXX";

static pid_t etcd_pid;

static void silence(void)
{
	int null = open("/dev/null", O_WRONLY);

	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

void etcd_start(const char *client_url)
{
	etcd_pid = fork();
	assert_true(etcd_pid >= 0);
	if (etcd_pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	silence();
	setenv("ETCD_UNSUPPORTED_ARCH", "arm64", 1);
	execlp("etcd", "etcd", "--data-dir", data_dir, "--listen-client-urls", client_url,
	       "--advertise-client-urls", client_url, "--listen-peer-urls", "http://127.0.0.1:2380",
	       "--initial-advertise-peer-urls", "http://127.0.0.1:2380", "--initial-cluster",
	       "default=http://127.0.0.1:2380", "--heartbeat-interval", "10", "--election-timeout",
	       "100", (char *)NULL);
	_exit(127);
}

void etcd_stop(void)
{
	if (etcd_pid <= 0)
		return;
	kill(etcd_pid, SIGKILL);
	waitpid(etcd_pid, NULL, 0);
	etcd_pid = -1;
}

void etcdctl(const char *endpoint, const char *verb, const char *a, const char *b)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		silence();
		setenv("ETCDCTL_API", "3", 1);
		execlp("etcdctl", "etcdctl", "--endpoints", endpoint, "--dial-timeout", "9s", verb,
		       a, b, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

int group_set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(data_dir));
	etcd_start("http://127.0.0.1:2379");
	return 0;
}

int group_tear_down(void **state)
{
	(void)state;
	etcd_stop();
	nftw(data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

int set_up(void **state)
{
	static const char *const endpoints[] = { "http://127.0.0.1:2379", NULL };
	static struct recorder r;

	recorder_start(&r, endpoints);
	*state = &r;
	return 0;
}

int tear_down(void **state)
{
	recorder_stop(*state);
	return 0;
}

bool has_ended(struct recorder *r)
{
	return r->ended == 1;
}

bool has_ended_again(struct recorder *r)
{
	return r->ended == 2;
}

void list(struct recorder *r)
{
	struct err err = ERR_INIT;

	assert_int_equal(r->store->ops->start(r->store, NULL, &err), 0);
	recorder_wait(r, has_ended);
}

void put(struct recorder *r, const char *key, const char *value, uint64_t lease,
	 uint64_t if_revision)
{
	const struct store_put what = {
		.key = key, .value = value, .lease = lease, .if_revision = if_revision
	};

	r->store->ops->put(r->store, &what, recorder_done, r);
	recorder_wait_reply(r);
}

bool has_entry(struct recorder *r)
{
	return r->entries > 0;
}

bool has_gone(struct recorder *r)
{
	return r->gone > 0;
}
