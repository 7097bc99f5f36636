/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/net_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcie/sandbox.h"
#include "pcie/worker.h"

#define NO_PROGRAM 126
#define NO_RIGHTS 125

static _Noreturn void become_client(const char *interface, pid_t parent, unsigned seconds)
{
	char timeout[16], name[HF_INTERFACE_MAX];
	char *const argv[] = { "ipconfig", "-c", "dhcp", "-t", timeout, name, NULL };
	char *const envp[] = { NULL };
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	snprintf(timeout, sizeof(timeout), "%u", seconds);
	snprintf(name, sizeof(name), "%s", interface);
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) != fd)
			_exit(NO_RIGHTS);
	if (close_range(3, ~0u, 0) != 0 || chdir("/") != 0 || !hf_sandbox_address_client() ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		_exit(NO_RIGHTS);
	execve(HF_NET_DHCP_CLIENT, argv, envp);
	_exit(NO_PROGRAM);
}

static enum hf_err outcome(int status, struct hf_fault *fault, const char *interface)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return HF_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM)
		return hf_fail(fault, HF_ERR_LINK_ADDRESS, interface,
			       HF_NET_DHCP_CLIENT " or its library is not in the image (package klibc-utils)");
	return hf_fail(fault, HF_ERR_LINK_ADDRESS, interface, "no DHCP server gave one; " HF_NET_DHCP_CLIENT
		       " ended with %s %d", WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

enum hf_err hf_net_dhcp(const char *interface, uint64_t end_ms, struct hf_fault *fault)
{
	const uint64_t now = hf_now_ms();
	const pid_t parent = getpid(), pid = fork();
	int status = 0;

	if (pid < 0)
		return hf_fail_errno(fault, HF_ERR_NO_MEMORY, errno, interface);
	if (pid == 0)
		become_client(interface, parent, end_ms > now ? (unsigned)((end_ms - now) / 1000) + 1 : 1);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (hf_net_slice(end_ms))
			continue;
		kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return hf_fail(fault, HF_ERR_LINK_ADDRESS, interface, "%s", "no DHCP server answers");
	}
	return outcome(status, fault, interface);
}
