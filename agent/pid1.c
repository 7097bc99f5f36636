/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/pid1.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONSOLES_MAX 8

static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS,
				     SIGXCPU, SIGXFSZ };
static const int ignored_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1,
				       SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGVTALRM,
				       SIGPROF, SIGIO, SIGPWR };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the handler needs, prepared beforehand: it may rely on nothing else. */
static struct {
	int fds[CONSOLES_MAX];
	size_t count;
	char text[512];
	size_t len;
} crash;
static uint8_t crash_stack[16384] __attribute__((aligned(16)));

static enum hf_err mount_at(const char *type, const char *path, unsigned long flags,
			    const char *data, struct hf_fault *fault)
{
	if (mkdir(path, 0755) != 0 && errno != EEXIST && errno != EROFS)
		return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, path);
	/* EBUSY: the kernel has mounted devtmpfs itself. */
	if (mount(type, path, type, flags, data) != 0 && errno != EBUSY)
		return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, path);
	return HF_OK;
}

/* A library that writes to descriptor 2 must never hit the TPM's. */
static enum hf_err occupy_descriptors(struct hf_fault *fault)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "/dev/null");
	for (int i = 0; i <= 2; i++)
		if (fd != i && dup2(fd, i) != i)
			return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "/dev/null");
	if (fd > 2)
		close(fd);
	return HF_OK;
}

enum hf_err hf_pid1_mounts(struct hf_fault *fault)
{
	const unsigned long quiet = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	enum hf_err err;

	umask(077);
	err = mount_at("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755", fault);
	if (err == HF_OK)
		err = occupy_descriptors(fault);
	if (err == HF_OK)
		err = mount_at("proc", "/proc", quiet, NULL, fault);
	if (err == HF_OK)
		err = mount_at("sysfs", "/sys", quiet, NULL, fault);
	if (err == HF_OK)
		err = mount_at("tmpfs", "/run", quiet, "mode=0755", fault);
	if (err != HF_OK)
		return err;
	/* Absent from some kernels; what then cannot be read is a claim later. */
	if (mount("securityfs", HF_SECURITYFS, "securityfs", quiet, NULL) != 0)
		errno = 0;
	if (mount("efivarfs", "/sys/firmware/efi/efivars", "efivarfs", quiet | MS_RDONLY, NULL) != 0)
		errno = 0;
	return HF_OK;
}

static void on_crash(int signal_number)
{
	(void)signal_number;
	for (size_t i = 0; i < crash.count; i++) {
		ssize_t n = write(crash.fds[i], crash.text, crash.len);

		(void)n;	/* nothing left that could be done about it */
	}
	for (;;)
		pause();
}

static void prepare_text(void)
{
	int n = snprintf(crash.text, sizeof(crash.text),
			 "\n\n==== HELD: this host is not released ================= %-18.18s ====\n"
			 " reason      %s\n code        %s\n next step   %s\n"
			 " TPM         no quote, PCR not capped\n"
			 "holdfast result=held cause=%s class=%s\n",
			 hf_class_name(hf_err_class(HF_ERR_CRASHED)),
			 hf_err_sentence(HF_ERR_CRASHED), hf_err_name(HF_ERR_CRASHED),
			 hf_err_next_step(HF_ERR_CRASHED), hf_err_name(HF_ERR_CRASHED),
			 hf_class_name(hf_err_class(HF_ERR_CRASHED)));

	crash.len = n > 0 && (size_t)n < sizeof(crash.text) ? (size_t)n : sizeof(crash.text) - 1;
}

enum hf_err hf_pid1_signals(const int *consoles, size_t count, struct hf_fault *fault)
{
	const stack_t stack = { .ss_sp = crash_stack, .ss_size = sizeof(crash_stack) };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

	crash.count = count < CONSOLES_MAX ? count : CONSOLES_MAX;
	for (size_t i = 0; i < crash.count; i++)
		crash.fds[i] = consoles[i];
	prepare_text();
	sigfillset(&action.sa_mask);
	if (sigaltstack(&stack, NULL) != 0)
		return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "sigaltstack");
	for (size_t i = 0; i < COUNT(fatal_signals); i++)
		if (sigaction(fatal_signals[i], &action, NULL) != 0)
			return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "sigaction");
	for (size_t i = 0; i < COUNT(ignored_signals); i++)
		if (signal(ignored_signals[i], SIG_IGN) == SIG_ERR)
			return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "signal");
	return HF_OK;
}

void hf_pid1_signals_default(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void hf_pid1_park(unsigned seconds, void (*again)(void *self), void *self)
{
	for (;;) {
		struct timespec left = { .tv_sec = seconds };

		while (clock_nanosleep(CLOCK_BOOTTIME, 0, &left, &left) == EINTR)
			continue;
		if (again)
			again(self);
	}
}
