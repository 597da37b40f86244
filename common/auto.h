/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup attributes. A variable that owns something says so where it is
 * declared, is initialised there, and is handed over with take_ptr or take_fd.
 * Other modules make their own with AUTO_DEFINE beside their destructor.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/* Declares auto_NAME as the scope-end cleanup of "type *" by destroy(type *). */
#define AUTO_DEFINE(name, type, destroy)                                                           \
	static inline void auto_##name(type **slot)                                                \
	{                                                                                          \
		if (*slot)                                                                         \
			destroy(*slot);                                                            \
	}                                                                                          \
	struct auto_##name##_wants_a_semicolon

#define AUTO(name) __attribute__((cleanup(auto_##name)))

static inline void auto_free(void *slot)
{
	free(*(void **)slot);
}

static inline void auto_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Frees the malloc'ed pointer at the end of its scope. */
#define AUTO_FREE __attribute__((cleanup(auto_free)))
/* Closes the descriptor at the end of its scope; -1 means none. */
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))

/* Gives the pointer away: answers it and leaves NULL behind. */
#define take_ptr(pointer)                                                                          \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

/* Gives the descriptor away: answers it and leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
