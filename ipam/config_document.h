/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of the file store's document (weft-config(5)), which weftd reads and "weftctl config
 * check" checks: which members it and its networks can have. A misspelt one is a fault, because it
 * must not mean an empty set. Faults are recorded in the document (jr_done, json_report). Pure.
 */
#pragma once

struct jr;

/* Checks the document, which must be an object, and that "networks" is one. */
void config_document_check(const struct jr *document);
/* Checks a member of "networks". Absent or null is no fault. */
void config_document_check_network(const struct jr *document, const struct jr *network);
