/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/contend.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int contend(int processes, int (*work)(void))
{
	pid_t pids[CONTEND_MAX];
	int gate[2], good = 0;

	assert_in_range(processes, 1, CONTEND_MAX);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char byte;

			close(gate[1]);
			/* The pipe reports EOF when the parent closes it. */
			_exit(read(gate[0], &byte, 1) == 0 ? work() : 1);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < processes; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return good;
}
