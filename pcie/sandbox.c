/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

#define NOBODY 65534

/* What only root may open is then out of reach for a second reason. With the user goes the wish
 * to die with the parent: it is made again. */
static bool become_nobody(void)
{
	const pid_t parent = getppid();

	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
	       prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

#define EQUALS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
/* TCP alone: no raw, no datagram, no other protocol's code in the kernel. */
#define TCP_SOCKET EQUALS(SYS_socket, 0, 11), \
	LOAD(args[0]), EQUALS(AF_INET, 1, 0), EQUALS(AF_INET6, 0, 6), \
	LOAD(args[1]), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK)), \
	EQUALS(SOCK_STREAM, 0, 3), LOAD(args[2]), EQUALS(0, 2, 0), EQUALS(IPPROTO_TCP, 1, 0), \
	KILL_STMT, ALLOW_STMT
/* One option may be set, one asked for. */
#define OPTION(name, level, option) EQUALS(SYS_##name, 0, 6), LOAD(args[1]), EQUALS(level, 0, 3), \
	LOAD(args[2]), EQUALS(option, 0, 1), ALLOW_STMT, KILL_STMT
#ifdef SYS_poll
#define POLL ALLOW(poll), ALLOW(ppoll)
#else
#define POLL ALLOW(ppoll)
#endif

bool hf_sandbox_link(void)
{
	struct sock_filter filter[] = {
		HEAD, CALLS, POLL, ALLOW(connect), ALLOW(close), ALLOW(sendto), ALLOW(recvfrom),
		TCP_SOCKET, OPTION(setsockopt, IPPROTO_TCP, TCP_NODELAY),
		OPTION(getsockopt, SOL_SOCKET, SO_ERROR), TAIL,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && become_nobody() &&
	       close_up(filter, sizeof(filter) / sizeof(filter[0]));
}

#define ADDRESS_CLIENT (BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_NET_BIND_SERVICE))

/* Ambient ones are all that a program without file capabilities is given when nobody starts it. */
static bool keep_through_exec(uint64_t kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		const uint32_t half = (uint32_t)(kept >> (32 * i));

		data[i] = (struct __user_cap_data_struct){ half, half, half };
	}
	if (syscall(SYS_capset, &header, data) != 0)
		return false;
	for (int c = 0; c <= 63; c++)
		if ((kept & BIT(c)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) != 0)
			return false;
	return true;
}

#define REFUSE_STMT BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define DENY(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), REFUSE_STMT
#define X32 0x40000000u		/* added to every number of x86-64's other calls */
#define DRIVERS_OWN 0x89f0u	/* SIOCDEVPRIVATE to the end of that block */

/* The right to set an address is the right to write a card's flash, too: by ethtool's ioctl, by a
 * driver's own, by netlink. The card was measured before, and is not again once it is quoted. */
static bool no_way_to_firmware(void)
{
	struct sock_filter filter[] = {
		HEAD, BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1), KILL_STMT,
		DENY(io_uring_setup), DENY(bpf), DENY(socketpair),
		EQUALS(SYS_socket, 0, 5), LOAD(args[0]), EQUALS(AF_INET, 2, 0), EQUALS(AF_PACKET, 1, 0),
		REFUSE_STMT, ALLOW_STMT,
		EQUALS(SYS_ioctl, 0, 6), LOAD(args[1]), EQUALS(SIOCETHTOOL, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, DRIVERS_OWN, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, DRIVERS_OWN + 15, 1, 0), REFUSE_STMT, ALLOW_STMT,
		ALLOW_STMT,
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

bool hf_sandbox_address_client(void)
{
	for (int c = 0; c <= 63 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(ADDRESS_CLIENT & BIT(c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0)
			return false;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
	       become_nobody() && keep_through_exec(ADDRESS_CLIENT) && no_way_to_firmware();
}
