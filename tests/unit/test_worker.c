/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workers that hang, die, flood, lie; the pool over them; the sandbox of the parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pcie/parser.h"
#include "pcie/worker.h"

#define JOBS_MAX 2048
#define PATIENCE 300	/* milliseconds for a hung job in these tests */
#define ANSWER_MAX 100000

enum kind { GOOD, HANG, DIE, FLOOD, LIE, ALIEN, CREEP, FAIL, HUGE_ANSWER };
struct bench {
	enum kind kinds[JOBS_MAX];
	size_t count, answered;
	unsigned seen[JOBS_MAX];
	struct hf_pool_answer last[JOBS_MAX];
	uint8_t *owners;	/* shared: how often each job was begun */
	int probe;		/* a descriptor to look for */
	enum hf_err stop_at;	/* done's error, at the first answer */
};
static struct bench b;

static void nap(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static _Noreturn void hang(void)
{
	for (;;)
		pause();
}

/* As a worker that a device has taken over might: past the pool's own code. */
static void say(const void *bytes, size_t n)
{
	for (int fd = 3; fd < 1024; fd++) {
		int type;
		socklen_t len = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0) {
			ssize_t done = write(fd, bytes, n);

			(void)done;
		}
	}
}

static enum hf_err job(void *self, size_t index, struct hf_writer *w)
{
	struct bench *bench = self;
	const uint32_t lie[4] = { (uint32_t)index + 1 }, huge[4] = { (uint32_t)index, 0, 0, UINT32_MAX },
		       alien[4] = { (uint32_t)index, 54321 };

	__atomic_fetch_add(&bench->owners[index], 1, __ATOMIC_SEQ_CST);
	hf_worker_mark((uint32_t)index + 7);
	switch (bench->kinds[index]) {
	case HANG:
		hang();
	case DIE:
		raise(SIGSEGV);
		break;
	case FLOOD:
		for (size_t i = 0; i <= ANSWER_MAX; i++)
			hf_put(w, "x", 1);
		break;
	case LIE:
		say(lie, sizeof(lie));
		hang();
	case HUGE_ANSWER:
		say(huge, sizeof(huge));
		hang();
	case ALIEN:
		say(alien, sizeof(alien));
		hang();
	case CREEP:
		for (int i = 0; i < 12; i++) {
			nap(PATIENCE / 4);
			hf_worker_progress();
		}
		break;
	case FAIL:
		return HF_ERR_INTERNAL;
	case GOOD:
		break;
	}
	hf_put_be(w, index * 3, 8);
	return HF_OK;
}

static enum hf_err done(void *self, const struct hf_pool_answer *answer)
{
	struct bench *bench = self;

	assert_true(answer->index < bench->count);
	bench->seen[answer->index]++;
	bench->last[answer->index] = *answer;
	bench->answered++;
	if (!answer->lost && !answer->err) {
		assert_int_equal(answer->bytes.len, 8);
		assert_int_equal(hf_be(answer->bytes.ptr, 8), answer->index * 3);
	}
	return bench->stop_at;
}

static int setup(void **state)
{
	(void)state;
	if (b.owners)
		munmap(b.owners, JOBS_MAX);
	memset(&b, 0, sizeof(b));
	b.owners = mmap(NULL, JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return b.owners == MAP_FAILED ? -1 : 0;
}

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Neither child nor zombie nor descriptor stays. */
static uint64_t run(size_t count, size_t workers)
{
	const struct hf_pool_options options = { .workers = workers, .device_ms = PATIENCE,
						 .answer_max = ANSWER_MAX };
	const size_t before = open_descriptors();
	const uint64_t start = hf_now_ms();

	b.count = count;
	assert_int_equal(hf_pool_run(&options, count, job, done, &b), HF_OK);
	const uint64_t took = hf_now_ms() - start;

	assert_int_equal(b.answered, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(b.seen[i], 1);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(hf_workers_reap(1000), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return took;
}

static void lost(size_t index, enum hf_err cause)
{
	assert_true(b.last[index].lost);
	assert_string_equal(hf_err_name(b.last[index].err), hf_err_name(cause));
}

static void all_others_good(void)
{
	for (size_t i = 0; i < b.count; i++) {
		assert_int_equal(b.owners[i], 1);	/* never twice at a device */
		if (b.kinds[i] != GOOD)
			continue;
		assert_false(b.last[i].lost);
		assert_int_equal(b.last[i].err, HF_OK);
	}
}

static void test_many_jobs(void **state)
{
	(void)state;
	run(0, 0);
	setup(NULL);
	run(1, 0);
	setup(NULL);
	run(JOBS_MAX, 0);
	all_others_good();
}

static void test_hung_ones_cost_one_deadline(void **state)
{
	uint64_t took;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		b.kinds[i < 10 ? i : i * 40] = HANG;	/* ten in one batch, too */
	took = run(1000, 1);
	for (size_t i = 0; i < 1000; i++)
		if (b.kinds[i] == HANG) {
			lost(i, HF_ERR_TIMED_OUT);
			assert_int_equal(b.last[i].mark, i + 7);
		}
	all_others_good();
	assert_true(took >= PATIENCE);
	/* twice as many are found with every HF_POOL_PATIENCE_MS; then one deadline */
	assert_true(took < 8 * HF_POOL_PATIENCE_MS + 2 * PATIENCE);
}

static void test_too_many_hung_ones_end_the_trying(void **state)
{
	(void)state;
	for (size_t i = 0; i < 700; i++)
		b.kinds[i] = HANG;
	b.count = 700;
	const struct hf_pool_options options = { .workers = 64, .device_ms = 150,
						 .answer_max = ANSWER_MAX };
	size_t begun = 0;

	assert_int_equal(hf_pool_run(&options, 700, job, done, &b), HF_OK);
	for (size_t i = 0; i < 700; i++) {
		lost(i, HF_ERR_TIMED_OUT);
		begun += b.owners[i];
	}
	assert_true(begun >= HF_POOL_ABANDONED_MAX);
	assert_true(begun <= HF_POOL_ABANDONED_MAX + HF_POOL_WORKERS);
	assert_int_equal(hf_workers_reap(1000), 0);
}

static void test_progress_is_patience(void **state)
{
	(void)state;
	b.kinds[3] = CREEP;	/* three deadlines long, with signs of life */
	assert_true(run(40, 2) > 2 * PATIENCE);
	assert_false(b.last[3].lost);
	all_others_good();
}

static void test_a_worker_that_dies(void **state)
{
	(void)state;
	b.kinds[0] = b.kinds[5] = b.kinds[6] = b.kinds[39] = DIE;
	assert_true(run(40, 2) < 5000);
	lost(0, HF_ERR_READER_DIED);
	lost(5, HF_ERR_READER_DIED);
	lost(6, HF_ERR_READER_DIED);
	lost(39, HF_ERR_READER_DIED);
	all_others_good();
}

static void test_a_flood(void **state)
{
	(void)state;
	b.kinds[7] = FLOOD;
	run(40, 2);
	assert_false(b.last[7].lost);
	assert_int_equal(b.last[7].err, HF_ERR_DEVICE_FLOODED);
	assert_int_equal(b.last[7].bytes.len, 0);
	all_others_good();
}

/* An answer for another's job, one longer than any, one with a cause that is none. */
static void test_a_worker_that_lies(void **state)
{
	(void)state;
	b.kinds[7] = LIE;
	b.kinds[20] = HUGE_ANSWER;
	b.kinds[33] = ALIEN;
	run(40, 2);
	lost(7, HF_ERR_READER_DIED);
	lost(20, HF_ERR_READER_DIED);
	lost(33, HF_ERR_READER_DIED);
	all_others_good();
}

static enum hf_err say_pid(void *self, size_t index, struct hf_writer *w)
{
	const pid_t pid = getpid();

	(void)self;
	(void)index;
	hf_put(w, &pid, sizeof(pid));
	return HF_OK;
}

static enum hf_err note_pid(void *self, const struct hf_pool_answer *answer)
{
	pid_t *pids = self;

	assert_int_equal(answer->bytes.len, sizeof(*pids));
	memcpy(&pids[answer->index], answer->bytes.ptr, sizeof(*pids));
	return HF_OK;
}

static size_t five_each(const void *self, size_t index)
{
	(void)self;
	return index / 5;
}

static void test_one_owner_a_worker(void **state)
{
	const struct hf_pool_options options = { .workers = 2, .answer_max = 16, .owner = five_each };
	pid_t pids[100] = { 0 };

	(void)state;
	assert_int_equal(hf_pool_run(&options, 100, say_pid, note_pid, pids), HF_OK);
	for (size_t i = 0; i < 100; i++) {
		assert_true(pids[i] > 0);
		for (size_t k = 0; k < 100; k++)
			if (five_each(NULL, i) != five_each(NULL, k))
				assert_int_not_equal(pids[i], pids[k]);
	}
	assert_int_equal(hf_workers_reap(1000), 0);
}

static void test_errors_come_back(void **state)
{
	const struct hf_pool_options options = { .answer_max = ANSWER_MAX };

	(void)state;
	b.kinds[2] = FAIL;
	b.count = 20;
	assert_int_equal(hf_pool_run(&options, 20, job, done, &b), HF_OK);
	assert_int_equal(b.last[2].err, HF_ERR_INTERNAL);
	b.stop_at = HF_ERR_LOG_FULL;
	assert_int_equal(hf_pool_run(&options, 20, job, done, &b), HF_ERR_LOG_FULL);
	assert_int_equal(hf_workers_reap(1000), 0);
}

/* ---- what a child holds ---- */

static bool caught;
static void on_signal(int number)
{
	(void)number;
	caught = true;
	_exit(77);
}

static enum hf_err look_around(void *self, size_t index, struct hf_writer *w)
{
	const struct bench *bench = self;
	struct sigaction action;
	sigset_t blocked;
	bool defaults = sigaction(SIGSEGV, NULL, &action) == 0 && action.sa_handler == SIG_DFL &&
			sigaction(SIGALRM, NULL, &action) == 0 && action.sa_handler == SIG_DFL;

	(void)index;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	hf_put_be(w, open_descriptors(), 1);
	hf_put_be(w, fcntl(bench->probe, F_GETFD) < 0 && errno == EBADF, 1);
	hf_put_be(w, defaults, 1);
	hf_put_be(w, !sigismember(&blocked, SIGTERM) && !sigismember(&blocked, SIGSEGV), 1);
	hf_put_be(w, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, 1);
	hf_put_be(w, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, 1);
	hf_put_be(w, prctl(PR_CAPBSET_READ, 22 /* CAP_SYS_BOOT */, 0, 0, 0) == 0, 1);
	return HF_OK;
}

static struct bench *looked;
static enum hf_err note_look(void *self, const struct hf_pool_answer *answer)
{
	looked = self;
	assert_false(answer->lost);
	assert_int_equal(answer->bytes.len, 7);
	/* ".", "..", the directory itself; 0 to 2 are /dev/null; the socket; what was kept */
	assert_int_equal(answer->bytes.ptr[0], 3 + 3 + 1 + 1);
	for (size_t i = 1; i < 6; i++)
		assert_int_equal(answer->bytes.ptr[i], 1);
	if (geteuid() == 0)
		assert_int_equal(answer->bytes.ptr[6], 1);
	return HF_OK;
}

static void test_a_child_holds_nothing(void **state)
{
	int kept = open("/proc", O_PATH | O_DIRECTORY);
	const struct hf_pool_options options = { .keep = &kept, .keep_count = 1,
						 .answer_max = ANSWER_MAX };
	const struct sigaction action = { .sa_handler = on_signal };
	struct sigaction segv, alrm;

	(void)state;
	b.probe = open("/dev/zero", O_RDWR);	/* the TPM's, say */
	sigaction(SIGSEGV, &action, &segv);
	sigaction(SIGALRM, &action, &alrm);
	assert_int_equal(hf_pool_run(&options, 1, look_around, note_look, &b), HF_OK);
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGALRM, &alrm, NULL);
	assert_false(caught);
	assert_ptr_equal(looked, &b);
	close(b.probe);
	close(kept);
}

/* A worker's page is no other worker's: it cannot reach the word of one that started before. */
static void wait_for_ever(void *self, int socket)
{
	(void)self;
	(void)socket;
	hang();
}

static void test_killed_with_its_parent(void **state)
{
	const struct hf_worker_plan plan = { .run = wait_for_ever };
	struct hf_worker worker;
	pid_t pid, grandchild = 0;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		if (hf_worker_start(&plan, &worker) == HF_OK)
			grandchild = worker.pid;
		_exit(write(pipes[1], &grandchild, sizeof(grandchild)) < 0);
	}
	assert_int_equal(read(pipes[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	assert_true(grandchild > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 200; i++) {
		char path[64], line[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)grandchild);
		file = fopen(path, "r");
		if (!file)
			return;
		bool dead = fgets(line, sizeof(line), file) && strstr(line, ") Z ");

		fclose(file);
		if (dead)
			return;
		nap(10);
	}
	fail_msg("a worker outlived its parent");
}

/* ---- the parser ---- */

static uint8_t *window;
static struct hf_parser parser;

static int parser_setup(void **state)
{
	(void)state;
	if (!window)
		window = mmap(NULL, HF_ROM_MAX, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	parser = (struct hf_parser){ .window = { window, HF_ROM_MAX } };
	return window == MAP_FAILED ? -1 : 0;
}

static int parser_teardown(void **state)
{
	(void)state;
	hf_parser_drop(&parser);
	return hf_workers_reap(1000) == 0 ? 0 : -1;
}

static enum hf_err ask(hf_examine examine, struct hf_efi_findings *ret)
{
	const struct hf_rom_image header = { .vendor = 0x8086, .efi = true };
	const size_t before = open_descriptors(), had = parser.live ? 2 : 0;
	enum hf_err err;

	parser.examine = examine;
	err = hf_parser_examine(&parser, (struct hf_span){ window + 512, 1024 }, &header, ret);
	assert_int_equal(open_descriptors(), before - had + (parser.live ? 2 : 0));
	return err;
}

static void honest(struct hf_span image, const struct hf_rom_image *header,
		   struct hf_efi_findings *ret)
{
	void *memory = malloc(1 << 20);

	ret->has_program = header->efi && header->vendor == 0x8086 && !header->bytes.ptr && memory;
	ret->authenticode_count = 2;
	if (hf_digest(HF_ALG_SHA256, image, &ret->authenticode[0]) ||
	    hf_digest(HF_ALG_SHA384, image, &ret->authenticode[1]))
		ret->program_err = HF_ERR_PE_SHAPE;
	strcpy(ret->version, "1.2");
	free(memory);
}

static void test_parser_parses(void **state)
{
	struct hf_efi_findings f;
	struct hf_digest want;

	(void)state;
	for (uint8_t round = 1; round < 4; round++) {
		pid_t first = parser.worker.pid;

		memset(window + 512, round, 1024);	/* as the worker sees it, so does the parser */
		memset(&f, 0xaa, sizeof(f));
		assert_int_equal(ask(honest, &f), HF_OK);
		assert_true(f.has_program);
		assert_string_equal(f.version, "1.2");
		assert_int_equal(hf_digest(HF_ALG_SHA384, (struct hf_span){ window + 512, 1024 }, &want),
				 HF_OK);
		assert_true(hf_digest_equal(&f.authenticode[1], &want));
		if (round > 1)
			assert_int_equal(parser.worker.pid, first);	/* kept for further images */
	}
}

static void opens(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h, (void)ret;
	open("/dev/null", O_RDONLY);
}
static void connects(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h, (void)ret;
	socket(AF_INET, SOCK_STREAM, 0);
}
static void forks(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h, (void)ret;
	if (fork() == 0)
		_exit(0);
}
static void unlocks(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)h, (void)ret;
	mprotect((void *)(uintptr_t)(image.ptr - 512), 4096, PROT_READ | PROT_WRITE);
}
static void executes(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h, (void)ret;
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void rewrites(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)h, (void)ret;
	*(volatile uint8_t *)(uintptr_t)image.ptr = 0xee;
}
/* The worker would go on with zeros in place of what a device showed. */
static void empties(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)h, (void)ret;
	madvise((void *)(uintptr_t)(image.ptr - 512), 4096, MADV_REMOVE);
}
static void dies(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h, (void)ret;
	abort();
}
static void no_bool(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h;
	memset(&ret->has_program, 7, 1);
}
static void no_end(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h;
	memset(ret->signer, 'x', sizeof(ret->signer));
}
static void no_cause(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h;
	ret->program_err = (enum hf_err)54321;
}
static void no_digest(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h;
	ret->authenticode_count = HF_EFI_DIGESTS + 1;
}
static void loops(struct hf_span image, const struct hf_rom_image *h, struct hf_efi_findings *ret)
{
	(void)image, (void)h, (void)ret;
	for (volatile unsigned i = 0;; i++)
		continue;
}

static void test_parser_can_do_nothing_else(void **state)
{
	const hf_examine hostile[] = { opens, connects, forks, unlocks, executes, rewrites, empties,
				       dies, no_bool, no_end, no_cause, no_digest };
	struct hf_efi_findings f, poison;

	(void)state;
	memset(window + 512, 1, 1024);
	memset(&poison, 0xaa, sizeof(poison));
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		f = poison;
		assert_int_equal(ask(hostile[i], &f), HF_ERR_READER_DIED);
		assert_memory_equal(&f, &poison, sizeof(f));
		assert_int_equal(window[512], 1);
		assert_false(parser.live);
		assert_int_equal(ask(honest, &f), HF_OK);	/* the next one is none the worse */
		hf_parser_drop(&parser);
	}
}

static void test_parser_that_does_not_end(void **state)
{
	const uint64_t start = hf_now_ms();
	struct hf_efi_findings f;

	(void)state;
	assert_int_equal(ask(loops, &f), HF_ERR_TIMED_OUT);
	assert_in_range(hf_now_ms() - start, HF_PARSER_SECONDS * 1000, HF_PARSER_SECONDS * 2000);
}

static void test_parser_stays_in_its_window(void **state)
{
	const struct hf_rom_image header = { 0 };
	struct hf_efi_findings f;

	(void)state;
	parser.examine = honest;
	assert_int_equal(hf_parser_examine(&parser, (struct hf_span){ window + HF_ROM_MAX - 1, 2 },
					   &header, &f), HF_ERR_INTERNAL);
	assert_int_equal(hf_parser_examine(&parser, (struct hf_span){ window - 1, 2 }, &header, &f),
			 HF_ERR_INTERNAL);
}

#define T(name) cmocka_unit_test_setup(name, setup)
#define P(name) cmocka_unit_test_setup_teardown(name, parser_setup, parser_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many_jobs),
		T(test_hung_ones_cost_one_deadline),
		T(test_too_many_hung_ones_end_the_trying),
		T(test_progress_is_patience),
		T(test_a_worker_that_dies),
		T(test_a_flood),
		T(test_a_worker_that_lies),
		T(test_one_owner_a_worker), T(test_errors_come_back),
		T(test_a_child_holds_nothing),
		T(test_killed_with_its_parent),
		P(test_parser_parses),
		P(test_parser_can_do_nothing_else),
		P(test_parser_that_does_not_end),
		P(test_parser_stays_in_its_window),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
