/* SPDX-License-Identifier: Apache-2.0 */
/* The number of elements of an array. */
#pragma once

/*
 * The number of elements of an array, a constant of type size_t. The argument must be an array: for
 * a pointer the compilers warn (-Wsizeof-pointer-div), which lint makes an error.
 */
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
