/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_finding.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_add_finding(struct doctor_findings *findings, const char *check,
			enum doctor_state state, const char *remedy, const char *format, ...)
{
	static const char *const names[] = { "ok", "warning", "error" };
	struct jb_at at = jb_obj(findings->list, NULL);
	char text[DOCTOR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	jb_str(at, "check", check);
	jb_str(at, "network", findings->network);
	jb_str(at, "state", names[state]);
	jb_str(at, "text", text);
	jb_str(at, "remedy", state == DOCTOR_OK ? "" : remedy);
	findings->error |= state == DOCTOR_ERROR;
}
