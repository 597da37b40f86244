/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of this node, for weftctl: JSON objects as in weftd's log (log_json), one per line, in
 * RUN/events. weftd creates the file and appends, and the plugin appends. When the file has grown,
 * weftd renames it to events.1, whose content is discarded: both have at most 640 KiB, and at least
 * the last hundred events. On a tmpfs, so they survive a restart of weftd and end with the node.
 *
 * An append is one write(2) with O_APPEND, without a lock. A record begins and ends with a newline:
 * a partly written record, on a full disk, does not damage the next one. Empty lines mean nothing.
 *
 * Each side treats the file as hostile: it opens it by the descriptor of the run directory, without
 * following links and without blocking. Errors are ERR_IO and name the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

#define EVENT_FILE "events"
#define EVENT_FILE_FORMER "events.1"
#define EVENT_FILE_REPLACE (256 << 10) /* bytes, from which on weftd replaces the file */
/* Bytes, from which on nothing is appended: no weftd has replaced it, or it cannot. */
#define EVENT_FILE_FULL (320 << 10)

/*
 * Opens the file for appending. Creates it with mode 0600 if it is absent. Replaces it if it is not
 * a regular file, has a second hard link, or belongs to another user than the directory, unless the
 * directory is root's. Returns 0 or -1.
 */
int event_file_open(int dir_fd, int *fd_out, struct err *err);

/* Renames the file and opens a new one in place of *fd. Returns 0, or -1: *fd is unchanged. */
int event_file_replace(int dir_fd, int *fd, struct err *err);
/* As event_file_replace if the file has grown to EVENT_FILE_REPLACE; else returns 0. */
int event_file_replace_grown(int dir_fd, int *fd, struct err *err);

/* Appends a record, unless the file is full. Best effort: a failed write loses it. */
void event_file_append(int fd, const char *json, size_t size);

/* As event_file_append, for the plugin: if the file is as event_file_open requires. */
void event_file_append_in(const char *run_dir, const char *json, size_t size);

/*
 * As event_file_append_in, unless the end of the file has EVENT_FILE_REPEATED records of the event
 * in the minute of this one: for failures, which a runtime repeats without end. json begins as
 * log_json writes it.
 */
void event_file_append_repeated_in(const char *run_dir, const char *event, const char *json,
				   size_t size);
#define EVENT_FILE_REPEATED 20

/* Where a reader is in the file. */
struct event_file_reader {
	int dir_fd, fd; /* run directory, file; -1: none */
	off_t offset;   /* of what was not read yet */
	bool ending;    /* the file was replaced, and the last read had nothing */
};

#define EVENT_FILE_READER_INIT ((struct event_file_reader){ .dir_fd = -1, .fd = -1 })

/*
 * Opens the run directory, and the file if it exists. A file of another user than root and the
 * directory's owner is refused. Returns 0 or -1.
 */
int event_file_reader_open(struct event_file_reader *reader, const char *run_dir, struct err *err);
void event_file_reader_close(struct event_file_reader *reader);

/*
 * Reads events.1, or its end if it is larger than weftd makes it. To be called before
 * event_file_read. *text_out is malloc'ed, the caller's. Returns 1 read, 0 absent (or the file that
 * is open), -1 failed.
 */
int event_file_read_former(const struct event_file_reader *reader, char **text_out,
			   size_t *size_out, struct err *err);

/*
 * Reads the complete lines that were appended to the file since the last call. After weftd has
 * replaced the file, it is read until two calls return nothing, because a plugin may still append
 * to it; the next call reads the new one. *text_out as above, empty if there is nothing. Returns 1
 * if the file exists, 0 absent, -1 failed.
 */
int event_file_read(struct event_file_reader *reader, char **text_out, size_t *size_out,
		    struct err *err);
