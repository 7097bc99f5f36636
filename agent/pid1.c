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

#include "agent/bind.h"
#include "agent/crash.h"

static const int ignored_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1,
				       SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGVTALRM,
				       SIGPROF, SIGIO, SIGPWR };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

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
	if (err == HF_OK)
		(void)hf_pid1_step_mounts();	/* the root is switched without it */
	return err;
}

bool hf_pid1_step_mounts(void)
{
	const unsigned long quiet = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	bool ours;

	umask(077);
	/* Absent from some kernels; what then cannot be read is a claim later. */
	if (mount("securityfs", HF_SECURITYFS, "securityfs", quiet, NULL) != 0)
		errno = 0;
	if (access("/sys/firmware/efi", F_OK) == 0 && hf_module_load("efivarfs", NULL) != HF_OK)
		errno = 0;
	ours = mount("efivarfs", HF_EFIVARS, "efivarfs", quiet | MS_RDONLY, NULL) == 0;
	if (!ours)
		errno = 0;
	return ours;
}

enum hf_err hf_pid1_signals(const int *consoles, size_t count, struct hf_fault *fault)
{
	enum hf_err err = hf_crash_catch(consoles, count, fault);

	for (size_t i = 0; err == HF_OK && i < COUNT(ignored_signals); i++)
		if (signal(ignored_signals[i], SIG_IGN) == SIG_ERR)
			err = hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "signal");
	return err;
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
