/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gate that is stuck is HELD by the process that watches it, and cannot go on after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/crash.h"
#include "agent/watch.h"
#include "pcie/worker.h"

static void nap(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* In a process of its own, which stands for the gate: 0 if all was as it should be. */
static int in_gate(int (*gate)(int console), int *ret_fd)
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct hf_fault fault;

		close(fds[0]);
		if (hf_crash_catch(&fds[1], 1, &fault) != HF_OK)
			_exit(99);
		_exit(gate(fds[1]));
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*ret_fd = fds[0];
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

/* Everything of these, in this order. */
static bool console_says(int fd, const char *const *words)
{
	char text[4096] = "";
	const char *at = text;
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	for (; at && *words; words++)
		at = strstr(at, *words);
	return at != NULL;
}

static int stuck(int console)
{
	struct hf_fault fault;

	(void)console;
	if (hf_watch_start(1, &fault) != HF_OK || !hf_watch_kick())
		return 1;
	nap(2500);		/* in the kernel, say: it takes no signal */
	if (hf_watch_kick() || hf_watch_kick())
		return 2;	/* the host was HELD: nothing may come after it */
	return hf_watch_stop() ? 3 : hf_watch_start(1, &fault) == HF_OK ? 4 : 0;
}

static void a_gate_that_is_stuck_is_held(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(in_gate(stuck, &fd), 0);
	assert_true(console_says(fd, (const char *const []){
		"\n code        timed-out\n", "\n next step   power-cycle the host",
		"\n controller  not told: ", "\nholdfast result=held cause=timed-out class=unreadable\n", NULL }));
}

static int busy(int console)
{
	struct hf_fault fault;

	(void)console;
	if (hf_watch_start(1, &fault) != HF_OK)
		return 1;
	for (int i = 0; i < 10; i++) {
		nap(250);
		if (!hf_watch_kick())
			return 2;
	}
	if (hf_watch_start(1, &fault) != HF_OK || !hf_watch_stop())
		return 3;
	nap(1500);
	if (!hf_watch_kick() || !hf_watch_stop())
		return 4;
	return hf_workers_reap(1000) == 0 && waitpid(-1, NULL, WNOHANG) < 0 ? 0 : 5;
}

static void a_gate_that_gets_on_is_left_alone(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(in_gate(busy, &fd), 0);
	assert_false(console_says(fd, (const char *const []){ "HELD", NULL }));
}

static void no_watch_is_no_obstacle(void **state)
{
	(void)state;
	assert_true(hf_watch_kick());
	assert_true(hf_watch_stop());
}

/* A worker of the gate that dies must not do what the gate does when it dies. */
static enum hf_err crash(void *self, size_t index, struct hf_writer *w)
{
	(void)self;
	(void)index;
	(void)w;
	raise(SIGSEGV);
	return HF_OK;
}

static enum hf_err expect_death(void *self, const struct hf_pool_answer *answer)
{
	*(bool *)self = answer->lost && answer->err == HF_ERR_READER_DIED;
	return HF_OK;
}

static int with_a_worker(int console)
{
	const struct hf_pool_options options = { .answer_max = 100, .keep = &console, .keep_count = 1 };
	bool died = false;

	return hf_pool_run(&options, 1, crash, expect_death, &died) == HF_OK && died ? 0 : 1;
}

static void a_worker_that_crashes_is_no_gate_that_crashes(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(in_gate(with_a_worker, &fd), 0);
	assert_false(console_says(fd, (const char *const []){ "HELD", NULL }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gate_that_is_stuck_is_held),
		cmocka_unit_test(a_gate_that_gets_on_is_left_alone),
		cmocka_unit_test(no_watch_is_no_obstacle),
		cmocka_unit_test(a_worker_that_crashes_is_no_gate_that_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
