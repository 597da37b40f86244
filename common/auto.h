/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup attributes: AUTO(name) before a variable's declaration runs a destructor at the end of
 * its scope. The variable must be initialized where it is declared; take_ptr and take_fd transfer
 * ownership. Modules define a name beside their destructor: AUTO_DEFINE for a pointer,
 * AUTO_DEFINE_VALUE for a struct.
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

/* Declares auto_NAME as the scope-end cleanup of a "type" by destroy(type *). */
#define AUTO_DEFINE_VALUE(name, type, destroy)                                                     \
	static inline void auto_##name(type *value)                                                \
	{                                                                                          \
		destroy(value);                                                                    \
	}                                                                                          \
	struct auto_##name##_wants_a_semicolon

#define AUTO(name) __attribute__((cleanup(auto_##name)))

/* AUTO(free): frees a malloc'ed pointer. */
static inline void auto_free(void *slot)
{
	free(*(void **)slot);
}

/* AUTO(close): closes a descriptor; -1: none. */
static inline void auto_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Returns the pointer and sets the variable to NULL. */
#define take_ptr(pointer)                                                                          \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

/* Returns the descriptor and sets the variable to -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
