/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/prometheus.h"

#include "common/histogram.h"
#include "common/utf8.h"

#include <inttypes.h>
#include <string.h>

void prometheus_family(struct prometheus *to, enum prometheus_type type, const char *name,
		       const char *help)
{
	static const char *const types[] = {
		[PROMETHEUS_COUNTER] = "counter",
		[PROMETHEUS_GAUGE] = "gauge",
		[PROMETHEUS_HISTOGRAM] = "histogram",
	};

	to->family = name;
	fprintf(to->file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/* Only backslash, quote and line feed have escapes. What is not UTF-8 would end the scrape. */
static void put_value(FILE *file, const char *text)
{
	size_t left = strlen(text), len;

	for (; left; text += len, left -= len) {
		len = utf8_len(text, left);
		if (*text == '\n')
			fputs("\\n", file);
		else if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else if (len)
			fwrite(text, 1, len, file);
		else
			fputc('?', file);
		len = len ? len : 1;
	}
}

/* "{a=\"x\",le=\"1\"}"; bound NULL: without le. */
static void put_labels(FILE *file, const char *const labels[], const char *bound)
{
	const char *separator = "{";

	for (; *labels; labels += 2) {
		fprintf(file, "%s%s=\"", separator, labels[0]);
		put_value(file, labels[1]);
		fputc('"', file);
		separator = ",";
	}
	if (bound)
		fprintf(file, "%sle=\"%s\"", separator, bound);
	if (bound || *separator == ',')
		fputc('}', file);
}

void prometheus_count(struct prometheus *to, uint64_t value, const char *const labels[])
{
	fputs(to->family, to->file);
	put_labels(to->file, labels, NULL);
	fprintf(to->file, " %" PRIu64 "\n", value);
}

void prometheus_number(struct prometheus *to, double value, const char *const labels[])
{
	fputs(to->family, to->file);
	put_labels(to->file, labels, NULL);
	fprintf(to->file, " %.17g\n", value);
}

void prometheus_histogram(struct prometheus *to, const struct histogram *histogram,
			  const char *const labels[])
{
	uint64_t count = 0;

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		char bound[32] = "+Inf";

		count += histogram->count[i];
		if (i < HISTOGRAM_BOUNDS)
			snprintf(bound, sizeof(bound), "%g", histogram_bound_us[i] / 1e6);
		fprintf(to->file, "%s_bucket", to->family);
		put_labels(to->file, labels, bound);
		fprintf(to->file, " %" PRIu64 "\n", count);
	}
	fprintf(to->file, "%s_sum", to->family);
	put_labels(to->file, labels, NULL);
	fprintf(to->file, " %.6f\n", (double)histogram->sum_us / 1e6);
	fprintf(to->file, "%s_count", to->family);
	put_labels(to->file, labels, NULL);
	fprintf(to->file, " %" PRIu64 "\n", count);
}
