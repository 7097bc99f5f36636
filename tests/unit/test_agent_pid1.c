/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every fatal signal ends in the held text and in a process that neither ends nor goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/pid1.h"
#include "agent/screen.h"

/* Overruns its stack, so that a handler on the same stack could not run. */
static int overrun(volatile int *depth)
{
	volatile int here[1024];

	here[0] = *depth;
	if (here[0] < 0)	/* never: the compiler must not know */
		return 0;
	*depth = here[0] + 1;
	return overrun(depth) + here[1];
}

static void die_by(int number)
{
	volatile int depth = 0;

	if (number == 0)
		_exit(overrun(&depth) & 1);
	raise(number);
	_exit(42);	/* the signal was survived: worse than anything */
}

static pid_t child_with(int number, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct hf_fault fault;
		int consoles[2] = { fds[1], fds[1] };

		if (hf_pid1_signals(consoles, 2, &fault) != HF_OK)
			_exit(43);
		die_by(number);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static void read_held(int fd)
{
	char text[2048];
	size_t len = 0;

	while (len < sizeof(text) - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, len ? 300 : 20000) <= 0)
			break;
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	char *first = strstr(text, "\nholdfast result=held cause=agent-crashed class=suspect\n");

	assert_non_null(first);
	assert_non_null(strstr(text, "\n controller  not told: the gate that would tell it does not run\n"));
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		assert_true(strcspn(line, "\n") <= HF_SCREEN_COLUMNS);
	/* on the second console too */
	assert_non_null(strstr(first + 1, "\nholdfast result=held cause=agent-crashed class=suspect\n"));
}

static void every_fatal_signal_is_held(void **state)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, 0 };

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	const size_t count = 7;	/* a stack overrun is the sanitizer's own affair */
#else
	const size_t count = 8;
#endif
	for (size_t i = 0; i < count; i++) {
		int fd, status;
		pid_t pid = child_with(numbers[i], &fd);

		read_held(fd);
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);	/* still there */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(fd);
	}
}

/* What a host shows that is held: on both consoles, again and again, by a process that stays. */
static void again(void *self)
{
	hf_screen_put(self, hf_span_text("held\n"));
}

static void a_held_host_repeats_itself(void **state)
{
	int a[2], b[2], status;
	char one[15], two[15];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct hf_screen screen = { .fds = { a[1], b[1] }, .count = 2 };

		hf_pid1_park(0, again, &screen);
	}
	close(a[1]);
	close(b[1]);
	for (size_t n = 0; n < sizeof(one); n++)	/* three times each: more comes, and never an end */
		assert_true(read(a[0], one + n, 1) == 1 && read(b[0], two + n, 1) == 1);
	assert_memory_equal(one, "held\nheld\nheld\n", sizeof(one));
	assert_memory_equal(two, one, sizeof(one));
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(a[0]);
	close(b[0]);
}

static void other_signals_change_nothing(void **state)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGALRM,
				       SIGPWR };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int fd, status;
		pid_t pid = child_with(numbers[i], &fd);

		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 42);
		close(fd);
	}
}

static void the_tenant_gets_ordinary_signals(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct hf_fault fault;
		int console = STDOUT_FILENO;

		if (hf_pid1_signals(&console, 1, &fault) != HF_OK)
			_exit(43);
		hf_pid1_signals_default();
		die_by(SIGTERM);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fatal_signal_is_held),
		cmocka_unit_test(a_held_host_repeats_itself),
		cmocka_unit_test(other_signals_change_nothing),
		cmocka_unit_test(the_tenant_gets_ordinary_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
