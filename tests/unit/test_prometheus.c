/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/prometheus.h"

#include "common/auto.h"
#include "common/histogram.h"
#include "tests/unit/samples.h"

static struct prometheus begin(char **text_out, size_t *size_out)
{
	struct prometheus to = { .file = open_memstream(text_out, size_out) };

	assert_non_null(to.file);
	return to;
}

static void families_have_help_and_type(void **state)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;
	struct prometheus to = begin(&text, &size);

	(void)state;
	prometheus_family(&to, PROMETHEUS_COUNTER, "weft_x_total", "Some things.");
	prometheus_count(&to, 7, NO_LABELS);
	prometheus_count(&to, UINT64_MAX, LABELS("a", "1", "b", "2"));
	prometheus_family(&to, PROMETHEUS_GAUGE, "weft_y", "A share.");
	prometheus_number(&to, 0.5, LABELS("a", ""));
	fclose(to.file);
	assert_string_equal(text, "# HELP weft_x_total Some things.\n"
				  "# TYPE weft_x_total counter\n"
				  "weft_x_total 7\n"
				  "weft_x_total{a=\"1\",b=\"2\"} 18446744073709551615\n"
				  "# HELP weft_y A share.\n"
				  "# TYPE weft_y gauge\n"
				  "weft_y{a=\"\"} 0.5\n");
}

static void values_of_labels_are_escaped(void **state)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;
	struct prometheus to = begin(&text, &size);

	(void)state;
	prometheus_family(&to, PROMETHEUS_GAUGE, "weft_y", "Text.");
	prometheus_count(&to, 1, LABELS("a", "x\"} 1\nweft_z 2\\", "b", "\xc3\xa9\xff"));
	fclose(to.file);
	assert_says(text, "\nweft_y{a=\"x\\\"} 1\\nweft_z 2\\\\\",b=\"\xc3\xa9?\"} 1\n");
}

static void buckets_are_cumulative_and_in_seconds(void **state)
{
	struct histogram histogram = { .sum_us = 0 };
	AUTO(free) char *text = NULL;
	size_t size = 0;
	struct prometheus to = begin(&text, &size);

	(void)state;
	histogram_add(&histogram, 400);
	histogram_add(&histogram, 2000);
	histogram_add(&histogram, 20000000);
	prometheus_family(&to, PROMETHEUS_HISTOGRAM, "weft_t_seconds", "Durations.");
	prometheus_histogram(&to, &histogram, LABELS("verb", "ADD"));
	prometheus_histogram(&to, &histogram, NO_LABELS);
	fclose(to.file);
	assert_says(text, "weft_t_seconds_bucket{verb=\"ADD\",le=\"0.0005\"} 1\n");
	assert_says(text, "weft_t_seconds_bucket{verb=\"ADD\",le=\"0.001\"} 1\n");
	assert_says(text, "weft_t_seconds_bucket{verb=\"ADD\",le=\"0.0025\"} 2\n");
	assert_says(text, "weft_t_seconds_bucket{verb=\"ADD\",le=\"10\"} 2\n");
	assert_says(text, "weft_t_seconds_bucket{verb=\"ADD\",le=\"+Inf\"} 3\n");
	assert_says(text, "weft_t_seconds_sum{verb=\"ADD\"} 20.002400\n");
	assert_says(text, "weft_t_seconds_count{verb=\"ADD\"} 3\n");
	assert_says(text, "\nweft_t_seconds_bucket{le=\"+Inf\"} 3\n");
	assert_says(text, "\nweft_t_seconds_count 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_have_help_and_type),
		cmocka_unit_test(values_of_labels_are_escaped),
		cmocka_unit_test(buckets_are_cumulative_and_in_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
