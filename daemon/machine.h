/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which machine this is, so that two with one state directory, as a virtual machine and its copy,
 * are told apart.
 */
#pragma once

#define MACHINE_ID_SIZE 17

/*
 * 16 hexadecimal digits that are the same after every boot, made from machine-id(5) and from the
 * firmware's UUID where that can be read, which a copy that was made carelessly has anew. "" where
 * there is neither. Neither can be made out of it.
 */
void machine_id(char id[static MACHINE_ID_SIZE]);
