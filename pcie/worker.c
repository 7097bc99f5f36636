/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pcie/sandbox.h"

struct hf_worker_state {
	_Atomic uint64_t progress;
	_Atomic uint64_t word;
	_Atomic uint32_t mark;
};

static struct hf_worker_state *mine;	/* of this process, where it is a child */
static pid_t left[HF_WORKERS_LEFT_MAX];	/* killed, not collected */
static size_t left_count;

uint64_t hf_now_ms(void)
{
	static uint64_t last;	/* a clock that fails stands still */
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) == 0)
		last = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	return last;
}

void hf_worker_progress(void)
{
	if (mine)
		atomic_fetch_add_explicit(&mine->progress, 1, memory_order_relaxed);
}

void hf_worker_mark(uint32_t mark)
{
	if (mine)
		atomic_store(&mine->mark, mark);
}

uint64_t hf_worker_progress_of(const struct hf_worker *worker)
{
	const struct hf_worker_state *state = worker ? worker->state : mine;

	return atomic_load_explicit(&state->progress, memory_order_relaxed);
}

uint32_t hf_worker_mark_of(const struct hf_worker *worker)
{
	return atomic_load(worker ? &worker->state->mark : &mine->mark);
}

_Atomic uint64_t *hf_worker_word(const struct hf_worker *worker)
{
	return worker ? &worker->state->word : &mine->word;
}

/* ---- in the child ---- */

static void default_signals(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	sigset_t empty;

	/* Above all the gate's handler of crashes, which caps the PCR. */
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigaltstack(&none, NULL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Kernels before 5.9 have no close_range. A live host may run one; the gate brings its own, and
 * what has no limit there is not left to a loop. */
static bool close_from_to(unsigned first, unsigned last)
{
	const long most = sysconf(_SC_OPEN_MAX);

	if (close_range(first, last, 0) == 0)
		return true;
	if (errno != ENOSYS || getppid() == 1 || most < 0)
		return false;
	for (unsigned fd = first; fd <= last && fd < (unsigned long)most; fd++)
		close((int)fd);
	return true;
}

/* From first on, everything but these. */
static bool close_others(unsigned first, const struct hf_worker_plan *plan, int socket)
{
	int keep[HF_WORKER_KEEP + 1];
	size_t count = 0;

	for (size_t i = 0; i < plan->keep_count; i++)
		keep[count++] = plan->keep[i];
	keep[count++] = socket;
	qsort(keep, count, sizeof(keep[0]), ascending);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)first)
			continue;
		if (keep[i] > (int)first && !close_from_to(first, (unsigned)keep[i] - 1))
			return false;
		first = (unsigned)keep[i] + 1;
	}
	return close_from_to(first, ~0u);
}

static bool shut_in(enum hf_sandbox sandbox)
{
	switch (sandbox) {
	case HF_SANDBOX_READER:
		return hf_sandbox_reader();
	case HF_SANDBOX_PARSER:
		return hf_sandbox_parser();
	case HF_SANDBOX_CONVERSATION:
		return hf_sandbox_conversation();
	case HF_SANDBOX_LINK:
		return hf_sandbox_link();
	}
	return false;
}

static _Noreturn void child(const struct hf_worker_plan *plan, int socket, int null, pid_t parent)
{
	bool ready;

	default_signals();
	left_count = 0;
	ready = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent &&
		madvise(mine, sizeof(*mine), MADV_DONTFORK) == 0;
	if (plan->sandbox != HF_SANDBOX_READER) {
		ready = ready && close_others(0, plan, socket);
		if (ready && plan->prepare)
			plan->prepare(plan->self);
	} else {
		/* What a library writes to standard error must not reach a device's file. */
		for (int fd = 0; fd <= 2; fd++)
			ready = ready && dup2(null, fd) == fd;
		ready = ready && close_others(3, plan, socket);
	}
	ready = ready && shut_in(plan->sandbox);
	if (ready)
		plan->run(plan->self, socket);
	_exit(ready ? 0 : 1);
}

/* ---- in the parent ---- */

/* The child has the other end; its page is no other child's. */
static enum hf_err launch(const struct hf_worker_plan *plan, struct hf_worker *w, int other, int null)
{
	const pid_t parent = getpid();
	sigset_t all, before;

	w->state = mmap(NULL, sizeof(*w->state), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w->state == MAP_FAILED)
		return HF_ERR_NO_MEMORY;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);	/* until the child has its own actions */
	w->pid = fork();
	if (w->pid == 0) {
		mine = w->state;
		child(plan, other, null, parent);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (w->pid > 0 && madvise(w->state, sizeof(*w->state), MADV_DONTFORK) == 0) {
		w->process = pidfd_open(w->pid, 0);
		/* Before Linux 5.3 there is none. Its number does as well where nobody else collects
		 * children; the first process collects all. */
		if (w->process >= 0 || (errno == ENOSYS && parent != 1))
			return HF_OK;
	}
	if (w->pid > 0) {	/* not collected yet, so this is still its number */
		kill(w->pid, SIGKILL);
		left[left_count++] = w->pid;
	}
	munmap(w->state, sizeof(*w->state));
	return HF_ERR_NO_MEMORY;
}

/* As /dev/null, which a root without /dev has not: a file that stays empty. */
static int nothing(void)
{
	const int fd = memfd_create("nothing", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

enum hf_err hf_worker_start(const struct hf_worker_plan *plan, struct hf_worker *ret)
{
	struct hf_worker w = { .process = -1 };
	int ends[2], null;
	enum hf_err err;

	if (plan->keep_count > HF_WORKER_KEEP)
		return HF_ERR_INTERNAL;
	if (left_count == HF_WORKERS_LEFT_MAX && hf_workers_reap(0) == HF_WORKERS_LEFT_MAX)
		return HF_ERR_LIMIT;
	null = nothing();
	if (null < 0)
		return HF_ERR_NO_MEMORY;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		close(null);
		return HF_ERR_NO_MEMORY;
	}
	err = launch(plan, &w, ends[1], null);
	close(null);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return err;
	}
	w.socket = ends[0];
	*ret = w;
	return HF_OK;
}

void hf_worker_abandon(struct hf_worker *worker)
{
	if (worker->process >= 0) {
		pidfd_send_signal(worker->process, SIGKILL, NULL, 0);
		close(worker->process);
	} else {
		kill(worker->pid, SIGKILL);	/* not collected yet: see launch */
	}
	close(worker->socket);
	munmap(worker->state, sizeof(*worker->state));
	if (left_count < HF_WORKERS_LEFT_MAX)
		left[left_count++] = worker->pid;
	*worker = (struct hf_worker){ .process = -1, .socket = -1 };
}

static void collect(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < left_count; i++)
		if (waitpid(left[i], NULL, WNOHANG) == 0)
			left[kept++] = left[i];
	left_count = kept;
	/* The first process also inherits what killed workers had started. */
	while (getpid() == 1 && waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

size_t hf_workers_reap(unsigned wait_ms)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	const uint64_t end = hf_now_ms() + wait_ms;

	collect();
	while (left_count && hf_now_ms() < end) {
		nanosleep(&pause, NULL);
		collect();
	}
	return left_count;
}
