/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path is resolved name by name, as the kernel does it. Watched are: each directory that
 * contains a symbolic link of the path, the file's directory (or the last directory of the path
 * that exists), and the file itself, because a file that is bind-mounted into a container can
 * change without an event of its directory. A rename further up causes an event only if it moves a
 * watched directory; users also poll.
 */
#include "daemon/io/file_watch.h"

#include "common/err.h"
#include "common/fs.h"
#include "daemon/io/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACES_MAX 64
#define LINKS_MAX 40 /* as the kernel follows */

#define DIR_EVENTS                                                                                 \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE |        \
	 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_EVENTS (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

/* A watch, and the name in it that is of interest; "": the watched file itself. */
struct place {
	int wd;
	char name[NAME_MAX + 1];
};

struct places {
	struct place at[PLACES_MAX];
	size_t len;
};

struct file_watch {
	struct loop *loop;
	int fd; /* -1: there was no free instance */
	char *path;
	void (*on_change)(void *ctx);
	void *ctx;
	struct loop_event *event;
	struct place *places;
	size_t places_len;
};

/* The resolution of the path. */
struct walk {
	struct file_watch *watch;
	struct places places;
	char done[FS_PATH_SIZE]; /* resolved, without a slash at its end */
	char rest[FS_PATH_SIZE]; /* to be resolved */
	unsigned links;
	struct err *err;
};

/* inotify's limits have the errno values of other ones. */
static void name_limit(int error, const char *path, struct err *err)
{
	const char *limit = error == EMFILE ? "fs.inotify.max_user_instances, or of open files" :
			    error == ENOSPC ? "fs.inotify.max_user_watches" :
					      NULL;

	if (limit)
		err_sys(err, ERR_IO, error, "cannot watch %s, limit of %s", path, limit);
	else
		err_sys(err, ERR_IO, error, "cannot watch %s", path);
}

/* Returns whether path is watched. */
static bool add(struct walk *walk, const char *path, const char *name, uint32_t events)
{
	struct place *place = &walk->places.at[walk->places.len];
	int wd;

	if (walk->places.len == PLACES_MAX) {
		err_set(walk->err, ERR_IO, "more than %d links in %s", PLACES_MAX,
			walk->watch->path);
		return false;
	}
	wd = inotify_add_watch(walk->watch->fd, path, events);
	if (wd < 0) {
		name_limit(errno, path, walk->err);
		return false;
	}
	place->wd = wd;
	snprintf(place->name, sizeof(place->name), "%s", name);
	walk->places.len++;
	return true;
}

static bool add_dir(struct walk *walk, const char *name)
{
	return add(walk, *walk->done ? walk->done : "/", name, DIR_EVENTS);
}

/* Removes the next name from rest; returns false if there is none. */
static bool next_name(struct walk *walk, char name[static NAME_MAX + 1])
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(from, "/");

	if (!len || len > NAME_MAX)
		return false;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)len, from);
	memmove(walk->rest, from + len, strlen(from + len) + 1);
	return true;
}

/* Continues with the link's target, then with rest. */
static bool follow(struct walk *walk, const char *link)
{
	char target[FS_PATH_SIZE], rest[FS_PATH_SIZE];
	ssize_t len = readlink(link, target, sizeof(target) - 1);

	if (len < 0) {
		err_sys(walk->err, ERR_IO, errno, "cannot read the link %s", link);
		return false;
	}
	target[len] = '\0';
	if (++walk->links > LINKS_MAX) {
		err_sys(walk->err, ERR_IO, ELOOP, "cannot follow %s", walk->watch->path);
		return false;
	}
	if (fs_join(rest, target, walk->rest + strspn(walk->rest, "/"), walk->err) < 0)
		return false;
	memcpy(walk->rest, rest, sizeof(rest));
	if (target[0] == '/')
		walk->done[0] = '\0';
	return true;
}

static bool is_last(const struct walk *walk)
{
	return !walk->rest[strspn(walk->rest, "/")];
}

/*
 * Resolves one name. The directory is watched before its entry is examined, so that no change is
 * missed in between. *more_out: the resolution continues.
 */
static bool step(struct walk *walk, const char *name, bool *more_out)
{
	char whole[FS_PATH_SIZE];
	struct stat info;
	bool there;

	*more_out = false;
	if (fs_join(whole, *walk->done ? walk->done : "/", name, walk->err) < 0)
		return false;
	there = lstat(whole, &info) == 0;
	if (!there || S_ISLNK(info.st_mode) || is_last(walk)) {
		if (!add_dir(walk, name))
			return false;
		there = lstat(whole, &info) == 0;
	}
	if (!there)
		return true;
	if (S_ISLNK(info.st_mode)) {
		*more_out = true;
		return follow(walk, whole);
	}
	if (is_last(walk)) {
		/* If this fails, the watch of the directory remains. */
		add(walk, whole, "", FILE_EVENTS);
		return true;
	}
	memcpy(walk->done, whole, sizeof(whole));
	*more_out = true;
	return true;
}

static bool is_place(const struct places *places, int wd)
{
	for (size_t i = 0; i < places->len; i++)
		if (places->at[i].wd == wd)
			return true;
	return false;
}

/* Takes the walk's places in place of the previous ones, whose watches end. */
static bool keep_places(struct file_watch *watch, const struct places *places, struct err *err)
{
	struct place *copy = calloc(places->len + 1, sizeof(*copy));

	if (!copy) {
		err_nomem(err, "the file's watch");
		return false;
	}
	memcpy(copy, places->at, places->len * sizeof(*copy));
	for (size_t i = 0; i < watch->places_len; i++)
		if (!is_place(places, watch->places[i].wd))
			inotify_rm_watch(watch->fd, watch->places[i].wd);
	free(watch->places);
	watch->places = copy;
	watch->places_len = places->len;
	return true;
}

/* ---- Events ------------------------------------------------------------------------------ */

static bool concerns(const struct file_watch *watch, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		return true;
	/* From inotify_rm_watch, or preceded by a more specific event. */
	if (event->mask & IN_IGNORED)
		return false;
	for (size_t i = 0; i < watch->places_len; i++)
		if (watch->places[i].wd == event->wd &&
		    (!event->len || !strcmp(watch->places[i].name, event->name)))
			return true;
	return false;
}

static void on_events(void *ctx, int fd, unsigned ready)
{
	_Alignas(struct inotify_event) char events[4096];
	struct file_watch *watch = ctx;
	bool changed = false;
	ssize_t got = read(fd, events, sizeof(events));

	(void)ready;
	for (ssize_t at = 0; at < got;) {
		const struct inotify_event *event = (const void *)(events + at);

		changed = changed || concerns(watch, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (changed)
		watch->on_change(watch->ctx);
}

/* A user has 128 instances by default, which all programs of root share. */
static bool open_instance(struct file_watch *watch, struct err *err)
{
	if (watch->event)
		return true;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0) {
		name_limit(errno, watch->path, err);
		return false;
	}
	watch->event = loop_fd(watch->loop, watch->fd, LOOP_READ, on_events, watch);
	if (watch->event)
		return true;
	close(watch->fd);
	watch->fd = -1;
	err_nomem(err, "the file's watch");
	return false;
}

bool file_watch_arm(struct file_watch *watch, struct err *err)
{
	struct walk walk = { .watch = watch, .err = err };
	char name[NAME_MAX + 1];
	bool good = true, more = true;

	if (!open_instance(watch, err))
		return false;
	snprintf(walk.rest, sizeof(walk.rest), "%s", watch->path);
	while (good && more && next_name(&walk, name))
		good = step(&walk, name, &more);
	return keep_places(watch, &walk.places, err) && good;
}

int file_watch_new(struct loop *loop, const char *path, void (*on_change)(void *ctx), void *ctx,
		   struct file_watch **watch_out, struct err *err)
{
	struct file_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_nomem(err, "the file's watch");
	watch->on_change = on_change;
	watch->ctx = ctx;
	watch->loop = loop;
	watch->fd = -1;
	watch->path = strdup(path);
	if (!watch->path) {
		file_watch_free(watch);
		return err_nomem(err, "the file's watch");
	}
	*watch_out = watch;
	return 0;
}

const char *file_watch_path(const struct file_watch *watch)
{
	return watch->path;
}

void file_watch_free(struct file_watch *watch)
{
	if (!watch)
		return;
	loop_event_free(watch->event);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->places);
	free(watch->path);
	free(watch);
}
