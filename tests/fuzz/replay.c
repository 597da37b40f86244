/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c: runs a fuzz target with every input of its corpus, and prints results in the format of
 * cmocka. Linked with fuzz_x.c into a program fuzz_x, it reads tests/fuzz/corpus/x, or the files
 * named as arguments.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define SIZE_LIMIT (4 << 20)

static void run(const char *path)
{
	static uint8_t data[SIZE_LIMIT];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, data, sizeof(data));

	if (size < 0) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	close(fd);
	fprintf(stderr, "[ RUN      ] %s\n", path);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	fprintf(stderr, "[       OK ] %s\n", path);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *target = (slash ? slash + 1 : argv[0]) + strlen("fuzz_");
	struct dirent **seeds;
	char path[512];
	int len;

	for (int i = 1; i < argc; i++)
		run(argv[i]);
	if (argc > 1)
		return 0;
	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", target);
	len = scandir(path, &seeds, no_dot, by_name);
	if (len < 0) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < len; i++) {
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s/%s", target, seeds[i]->d_name);
		run(path);
		free(seeds[i]);
	}
	free(seeds);
	return 0;
}
