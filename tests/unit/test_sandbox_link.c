/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filter around who talks to the network: TCP to others goes through, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcie/sandbox.h"
#include "pcie/worker.h"

#define TEST(name) static void name(void **state)

/* Runs run in a child with the filter; false: it did not come to its end. */
static bool comes_back(void (*run)(void *self, int socket), void *self)
{
	const struct hf_worker_plan plan = { .run = run, .self = self, .sandbox = HF_SANDBOX_LINK };
	struct hf_worker worker;
	char byte = 0;
	ssize_t n;

	assert_int_equal(hf_worker_start(&plan, &worker), HF_OK);
	n = recv(worker.socket, &byte, 1, MSG_WAITALL);
	hf_worker_abandon(&worker);
	hf_workers_reap(1000);
	return n == 1 && byte == 'x';
}

/* ---- what it has to let through ---- */

static void talk(void *self, int socket_up)
{
	const struct sockaddr_in *server = self;
	int one = 1, error = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int six = socket(AF_INET6, SOCK_STREAM, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(error);
	uint8_t random[8];
	char byte = 'x';

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		return;
	(void)connect(fd, (const struct sockaddr *)server, sizeof(*server));
	if (poll(&p, 1, 5000) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error)
		return;
	p.events = POLLIN;
	if (write(fd, &byte, 1) != 1 || poll(&p, 1, 5000) != 1 || read(fd, &byte, 1) != 1)
		return;
	if (getrandom(random, sizeof(random), 0) != sizeof(random) || hf_now_ms() == 0)
		return;
	close(six);
	close(fd);
	(void)!write(socket_up, &byte, 1);
}

TEST(tcp_to_others)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t echo;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	echo = fork();
	if (echo == 0) {
		char byte = 0;
		int fd = accept(listener, NULL, NULL);

		(void)!read(fd, &byte, 1);
		(void)!write(fd, &byte, 1);
		_exit(0);
	}
	assert_true(comes_back(talk, &a));
	close(listener);
}

/* ---- and what not ---- */

enum crime { OPEN, UNIX, DATAGRAM, RAW, PACKET, NETLINK, SCTP, BIND, LISTEN, ACCEPT, OPTION, OPTION_LEVEL,
	     ASK_OPTION, FORK, VFORK_EXEC, EXECUTABLE, PROTECT, IOCTL, DUP, KILL, PTRACE, SETUID, MESSAGE, CRIMES };

static long commit(enum crime crime)
{
	switch (crime) {
	case OPEN:
		return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
	case UNIX:
		return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	case DATAGRAM:
		return syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	case RAW:
		return syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	case PACKET:
		return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
	case NETLINK:
		return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0);
	case SCTP:
		return syscall(SYS_socket, AF_INET, SOCK_STREAM, 132);
	case BIND:
		return syscall(SYS_bind, 0, NULL, 0);
	case LISTEN:
		return syscall(SYS_listen, 0, 1);
	case ACCEPT:
		return syscall(SYS_accept4, 0, NULL, NULL, 0);
	case OPTION:
		return syscall(SYS_setsockopt, 0, IPPROTO_TCP, TCP_ULP, "tls", 4);
	case OPTION_LEVEL:
		return syscall(SYS_setsockopt, 0, IPPROTO_IP, TCP_NODELAY, NULL, 0);
	case ASK_OPTION:
		return syscall(SYS_getsockopt, 0, SOL_SOCKET, SO_PEERCRED, NULL, NULL);
	case FORK:
		return syscall(SYS_clone, 0, 0, 0, 0, 0);
	case VFORK_EXEC:
		return syscall(SYS_execve, "/bin/true", NULL, NULL);
	case EXECUTABLE:
		return (long)(intptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	case PROTECT:
		return syscall(SYS_mprotect, NULL, 4096, PROT_READ);
	case IOCTL:
		return syscall(SYS_ioctl, 0, 0, 0);
	case DUP:
		return syscall(SYS_dup, 0);
	case KILL:
		return syscall(SYS_kill, 1, 0);
	case PTRACE:
		return syscall(SYS_ptrace, 0, 0, 0, 0);
	case SETUID:
		return syscall(SYS_setuid, 0);
	case MESSAGE:	/* could hand descriptors over */
		return syscall(SYS_sendmsg, 0, NULL, 0);
	case CRIMES:
		break;
	}
	return 0;
}

static void do_it(void *self, int socket_up)
{
	const enum crime *crime = self;

	(void)commit(*crime);
	(void)!write(socket_up, "x", 1);	/* it came through, whatever came of it */
}

TEST(whatever_else_ends_it)
{
	(void)state;
	for (enum crime crime = OPEN; crime < CRIMES; crime++)
		if (comes_back(do_it, &crime))
			fail_msg("call %d went through", (int)crime);
}

static void nothing(void *self, int socket_up)
{
	(void)self;
	(void)!write(socket_up, "x", 1);
}

TEST(nothing_done_does_not)
{
	(void)state;
	assert_true(comes_back(nothing, NULL));
}

/* ---- who asks for an address ---- */

/* Bits: what it could not do and has to, and the other way round. */
static _Noreturn void ask_for_address(void)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };
	struct ifreq r = { .ifr_name = "lo" };
	int fd, wrong = 0;

	if (!hf_sandbox_address_client())
		_exit(100);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	wrong |= fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) != 0 ? 1 : 0;
	r.ifr_flags = IFF_UP;
	wrong |= ioctl(fd, SIOCSIFFLAGS, &r) != 0 ? 2 : 0;
	wrong |= socket(AF_PACKET, SOCK_DGRAM, 0) < 0 ? 4 : 0;
	wrong |= socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || errno != EPERM ? 8 : 0;
	r.ifr_data = (char *)&value;
	wrong |= ioctl(fd, SIOCETHTOOL, &r) == 0 || errno != EPERM ? 16 : 0;
	wrong |= ioctl(fd, SIOCDEVPRIVATE + 15, &r) == 0 || errno != EPERM ? 32 : 0;
	_exit(wrong);
}

TEST(an_address_and_no_firmware)
{
	int status = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) != 0)	/* not this machine's own network */
			_exit(101);
		ask_for_address();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 101)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_to_others),
		cmocka_unit_test(whatever_else_ends_it),
		cmocka_unit_test(nothing_done_does_not),
		cmocka_unit_test(an_address_and_no_firmware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
