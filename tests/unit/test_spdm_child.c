/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filter around a conversation: all that verifying takes goes through it, and nothing
 * that a device could use does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "pcie/worker.h"
#include "tests/unit/spdm_corpus.h"

#define TEST(name) static void name(void **state)
#define ARENA ((size_t)64 << 20)

/* Runs run in a child with the filter; false: it did not come to its end. */
static bool comes_back(void (*run)(void *self, int socket), void *self, int keep, void *buf, size_t len)
{
	const struct hf_worker_plan plan = { .run = run, .self = self, .keep = &keep,
					     .keep_count = keep >= 0,
					     .sandbox = HF_SANDBOX_CONVERSATION };
	struct hf_worker worker;
	ssize_t n;

	assert_int_equal(hf_digest_warm(), HF_OK);
	assert_int_equal(hf_worker_start(&plan, &worker), HF_OK);
	n = recv(worker.socket, buf, len, MSG_WAITALL);
	hf_worker_abandon(&worker);
	hf_workers_reap(1000);
	return n == (ssize_t)len;
}

/* ---- what it has to let through ---- */

struct outcome {
	uint32_t err, signatures, asym;
};
struct replaying {
	struct hf_arena arena;
	struct hf_span file;
};

static struct outcome replay(struct replaying *r)
{
	struct hf_arena arena;
	struct hf_spdm *s;
	struct outcome o = { 0 };

	assert_int_equal(hf_arena_make(ARENA, &arena), HF_OK);
	s = hf_arena_take(&arena, sizeof(*s));
	if (hf_spdm_open(&(struct hf_spdm_options){ .arena = &arena, .padded = true }, s) == HF_OK) {
		o.err = (uint32_t)hf_transcript_replay(r->file, s);
		o.signatures = (uint32_t)s->signatures;
		o.asym = s->asym;
		hf_spdm_close(s);
	}
	hf_arena_drop(&arena);
	return o;
}

static void replay_inside(void *self, int socket)
{
	struct outcome o = replay(self);

	(void)!write(socket, &o, sizeof(o));
}

#define FILES 256

/* Every algorithm of the corpus: a call that is refused kills the child. All of them inside
 * first, while this process has no more of libcrypto at hand than a worker has. */
TEST(conversations_are_verified_inside)
{
	static struct { char path[300]; struct outcome inside; } files[FILES];
	char dir[512], path[600];
	struct replaying r = { .file = { NULL, 0 } };
	uint32_t algorithms = 0;
	struct dirent *entry;
	size_t count = 0;
	DIR *list;

	(void)state;
	if (!spdm_corpus_dir(dir, sizeof(dir))) {
		printf("SKIP there is no %s\n", dir);
		skip();
	}
	assert_int_equal(hf_arena_make(ARENA, &r.arena), HF_OK);
	snprintf(path, sizeof(path), "%s/pcap", dir);
	list = opendir(path);
	assert_non_null(list);
	while ((entry = readdir(list)) != NULL && count < FILES) {
		if (!strstr(entry->d_name, ".pcap"))
			continue;
		r.arena.len = 0;
		snprintf(files[count].path, sizeof(files[count].path), "pcap/%s", entry->d_name);
		r.file = spdm_corpus_read(&r.arena, files[count].path);
		if (!comes_back(replay_inside, &r, -1, &files[count].inside, sizeof(files[0].inside)))
			fail_msg("%s: the filter refused something", entry->d_name);
		count++;
	}
	closedir(list);
	for (size_t i = 0; i < count; i++) {
		struct outcome outside;

		r.arena.len = 0;
		r.file = spdm_corpus_read(&r.arena, files[i].path);
		outside = replay(&r);
		assert_memory_equal(&outside, &files[i].inside, sizeof(outside));
		algorithms |= outside.signatures ? outside.asym : 0;
	}
	hf_arena_drop(&r.arena);
	/* P-256, P-384, RSASSA and PSS of 3072 bits at least */
	assert_int_equal(algorithms & 0x9c, 0x9c);
}

static void use_file(void *self, int socket)
{
	const int *fd = self;
	const struct timespec pause = { .tv_nsec = 1000 };
	uint8_t byte = 0x5a;

	if (pwrite(*fd, &byte, 1, 3) != 1 || pread(*fd, &byte, 1, 3) != 1)
		return;
	nanosleep(&pause, NULL);
	(void)!write(socket, &byte, 1);
}

TEST(the_mailbox_is_written_and_read)
{
	int fd = memfd_create("mailbox", MFD_CLOEXEC);
	uint8_t byte = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_true(comes_back(use_file, &fd, fd, &byte, 1));
	assert_int_equal(byte, 0x5a);
	close(fd);
}

/* ---- and what not ---- */

enum crime { OPEN, SOCKET, FORK, EXECUTABLE, PROTECT, IOCTL, DUP, KILL, CRIMES };

static long commit(enum crime crime)
{
	switch (crime) {
	case OPEN:
		return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
	case SOCKET:
		return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	case FORK:
		return syscall(SYS_clone, 0, 0, 0, 0, 0);
	case EXECUTABLE:
		return (long)(intptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	case PROTECT:
		return syscall(SYS_mprotect, NULL, 4096, PROT_READ);
	case IOCTL:
		return syscall(SYS_ioctl, 0, 0, 0);
	case DUP:
		return syscall(SYS_dup, 0);
	case KILL:
		return syscall(SYS_kill, 1, 0);
	case CRIMES:
		break;
	}
	return 0;
}

static void do_it(void *self, int socket)
{
	const enum crime *crime = self;

	(void)commit(*crime);
	(void)!write(socket, "x", 1);	/* it came through, whatever came of it */
}

TEST(whatever_else_ends_it)
{
	char byte;

	(void)state;
	for (enum crime crime = OPEN; crime < CRIMES; crime++)
		if (comes_back(do_it, &crime, -1, &byte, 1))
			fail_msg("call %d went through", (int)crime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_are_verified_inside),
		cmocka_unit_test(the_mailbox_is_written_and_read),
		cmocka_unit_test(whatever_else_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
