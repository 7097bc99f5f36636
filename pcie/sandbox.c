/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))
/* Configuration space and ROM, NVMe and ATA commands, ethtool, flash. Not among them: start
 * another kernel, load a module, trace or signal the gate. */
#define READER (BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_RAWIO) | BIT(CAP_NET_ADMIN) | \
		BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH))

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "the parser's sandbox does not know this processor"
#endif

static bool limit_capabilities(uint64_t allowed)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	/* Fails without CAP_SETPCAP, and then there is nothing that could come back. */
	for (int c = 0; c <= 63 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(allowed & BIT(c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EPERM)
			return false;
	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(allowed >> (32 * i));
		data[i].effective &= (uint32_t)(allowed >> (32 * i));
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) == 0;
}

bool hf_sandbox_reader(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit_capabilities(READER) &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW_STMT BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL_STMT BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ALLOW_STMT

#define HEAD LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), KILL_STMT, LOAD(nr)
#define CALLS ALLOW(read), ALLOW(write), ALLOW(exit_group), ALLOW(exit), ALLOW(brk), ALLOW(munmap), \
	ALLOW(mremap), ALLOW(futex), ALLOW(clock_gettime), ALLOW(getrandom), ALLOW(getpid), \
	ALLOW(rt_sigreturn)
/* MADV_REMOVE would empty the window for the worker too: later kernels than 6.1 ask only
 * whether the memory could be made writable. Memory that could be executed is as good as any
 * system call; mprotect is not here, so the window stays read-only. */
#define TAIL BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4), LOAD(args[2]), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_REMOVE, 0, 1), KILL_STMT, ALLOW_STMT, \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0), KILL_STMT, LOAD(args[2]), \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), KILL_STMT, ALLOW_STMT

static bool close_up(struct sock_filter *filter, size_t count)
{
	const struct sock_fprog program = { (unsigned short)count, filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit_capabilities(0) &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

bool hf_sandbox_parser(void)
{
	struct sock_filter filter[] = { HEAD, CALLS, TAIL };

	return close_up(filter, sizeof(filter) / sizeof(filter[0]));
}

/* The kernel asks for the rights of who opened the config file, not of who writes to it. */
bool hf_sandbox_conversation(void)
{
	struct sock_filter filter[] = {
		HEAD, CALLS, ALLOW(pread64), ALLOW(pwrite64), ALLOW(clock_nanosleep),
		ALLOW(nanosleep), ALLOW(sendto), ALLOW(recvfrom), TAIL,
	};

	return close_up(filter, sizeof(filter) / sizeof(filter[0]));
}
