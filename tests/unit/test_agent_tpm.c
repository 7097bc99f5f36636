/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TPM's edge against a real swtpm, with a relay between that can lose commands and
 * replies. tpm2-tools judge what we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/crash.h"
#include "agent/tpm.h"
#include "measure/file.h"

#define CC_PCR_EXTEND 0x182u
#define CC_QUOTE 0x158u
#define FOUR_BANKS 0xfu		/* SHA-1, SHA-256, SHA-384, SHA-512 */

/* What the relay does with the next PCR_Extends, one letter each; past the end: n. */
struct plan {
	char letters[8];	/* n: pass on; c: lose the command; r: lose the reply; t: send it
				 * twice, lose the reply; l: hold it back until the next one;
				 * f: answer TPM_RC_FAILURE; g: answer garbage; x: lose the
				 * command and every reading after it */
	size_t extends;		/* seen */
	size_t commands;	/* all that were seen */
	bool dead;
	char quote;		/* the same letters for Quote: n or c */
};

static char dir[64];
static pid_t swtpm_pid, relay_pid;
static volatile struct plan *plan;
static struct hf_tpm *tpm;
static struct hf_fault fault;

/* ---- swtpm and the relay: children that die with the test ---- */

static void stop(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static int connect_to(const char *name, bool wait)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, name);
	for (int tries = 0; tries < (wait ? 500 : 1); tries++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return -1;
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
			return fd;
		close(fd);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return -1;
}

static bool start_swtpm(void)
{
	char state[128], server[128], ctrl[128];

	snprintf(state, sizeof(state), "dir=%s", dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s/s", dir);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/s.ctrl", dir);
	swtpm_pid = fork();
	if (swtpm_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server",
		       server, "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
		_exit(127);
	}
	int fd = connect_to("s", true);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool whole_read(int fd, uint8_t *buf, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read(fd, buf + got, len - got);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* One command or reply: both begin with u16 tag, u32 size. */
static size_t take_message(int fd, uint8_t *buf, size_t cap)
{
	if (!whole_read(fd, buf, 10))
		return 0;
	size_t size = hf_be(buf + 2, 4);

	if (size < 10 || size > cap || !whole_read(fd, buf + 10, size - 10))
		return 0;
	return size;
}

static size_t ask(int server, const uint8_t *command, size_t len, uint8_t *reply, size_t cap)
{
	if (write(server, command, len) != (ssize_t)len)
		return 0;
	return take_message(server, reply, cap);
}

/* Serve one client until it leaves or a letter cuts it off. */
static void relay_client(int client, int server)
{
	static uint8_t held[4096], command[4096], reply[4096];
	static size_t held_len;
	static const uint8_t failure[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1 };
	static const uint8_t garbage[] = { 0x80, 2, 0, 0, 0, 12, 0, 0, 0, 0, 0xff, 0xff };
	size_t len;

	while ((len = take_message(client, command, sizeof(command))) > 0) {
		uint32_t code = (uint32_t)hf_be(command + 6, 4);
		char letter = code == CC_QUOTE ? plan->quote : 'n';

		plan->commands++;
		if (plan->dead)
			return;
		if (code == CC_PCR_EXTEND) {
			letter = plan->extends < sizeof(plan->letters) ?
				 plan->letters[plan->extends] : 'n';
			plan->extends++;
		}
		if (letter == 'c')
			return;
		if (letter == 'x') {
			plan->dead = true;
			return;
		}
		if (letter == 'l') {
			memcpy(held, command, len);
			held_len = len;
			return;
		}
		if (letter == 'f' || letter == 'g') {
			if (write(client, letter == 'f' ? failure : garbage,
				  letter == 'f' ? sizeof(failure) : sizeof(garbage)) < 0)
				return;
			continue;
		}
		if (code == CC_PCR_EXTEND && held_len) {
			ask(server, held, held_len, reply, sizeof(reply));
			held_len = 0;
		}
		if (letter == 't')
			ask(server, command, len, reply, sizeof(reply));
		len = ask(server, command, len, reply, sizeof(reply));
		if (len == 0 || letter == 'r' || letter == 't')
			return;
		if (write(client, reply, len) != (ssize_t)len)
			return;
	}
}

static bool start_relay(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	char ctrl[128];

	/* The TCTI finds the control channel at the same path with .ctrl. */
	snprintf(ctrl, sizeof(ctrl), "%s/p.ctrl", dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/p", dir);
	if (symlink("s.ctrl", ctrl) || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 4))
		return false;
	relay_pid = fork();
	if (relay_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int client = accept(listener, NULL, NULL);
			int server = connect_to("s", true);

			if (client < 0 || server < 0)
				_exit(1);
			relay_client(client, server);
			close(client);
			close(server);
		}
	}
	close(listener);
	return relay_pid > 0;
}

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

static void open_tpm(const char *name)
{
	char conf[128];

	snprintf(conf, sizeof(conf), "swtpm:path=%s/%s", dir, name);
	assert_int_equal(hf_tpm_open(conf, &tpm, &fault), HF_OK);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/hf-tpm-XXXXXX");
	memset((void *)plan, 0, sizeof(*plan));
	memset(&fault, 0, sizeof(fault));
	tpm = NULL;
	if (!mkdtemp(dir) || !start_swtpm() || !start_relay())
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hf_tpm_close(tpm);
	stop(&relay_pid);
	stop(&swtpm_pid);
	remove_dir();
	return 0;
}

/* Run a shell command in the directory; its output goes to DIR/out. */
static int tool(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd %s && TPM2TOOLS_TCTI=swtpm:path=%s/s timeout 60 %s "
		 ">out 2>&1 </dev/null", dir, dir, command);
	int status = system(line);

	if (status != 0) {
		snprintf(line, sizeof(line), "cat %s/out >&2", dir);
		if (system(line))
			return -1;
	}
	return status;
}

static void save(const char *name, struct hf_span bytes)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(hf_file_write(AT_FDCWD, path, bytes, 0600, &fault), HF_OK);
}

/* ---- helpers over the TPM ---- */

static struct hf_log_entry entry_of(uint32_t mask, uint8_t fill)
{
	struct hf_log_entry entry = { .digest_count = 0 };

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		if (!(mask & HF_ALG_MASK(alg)))
			continue;
		entry.digests[entry.digest_count].alg = alg;
		memset(entry.digests[entry.digest_count++].bytes, fill, hf_alg_size(alg));
	}
	return entry;
}

static void expect_next(struct hf_digest *value, const struct hf_log_entry *entry)
{
	for (size_t i = 0; i < entry->digest_count; i++) {
		enum hf_alg alg = entry->digests[i].alg;

		value[alg].alg = alg;
		assert_int_equal(hf_digest2(alg, (struct hf_span){ value[alg].bytes, hf_alg_size(alg) },
					    (struct hf_span){ entry->digests[i].bytes, hf_alg_size(alg) },
					    &value[alg]), HF_OK);
	}
}

static void assert_pcr(uint32_t pcr, const struct hf_digest *want)
{
	for (enum hf_alg alg = 0; alg < 4; alg++) {
		struct hf_digest got;

		assert_int_equal(hf_tpm_pcr_read(tpm, pcr, alg, &got, &fault), HF_OK);
		assert_int_equal(got.alg, alg);
		assert_memory_equal(got.bytes, want[alg].bytes, hf_alg_size(alg));
	}
}

/* ---- tests ---- */

static void no_tpm(void **state)
{
	struct hf_tpm *untouched = (struct hf_tpm *)&fault, *ret = untouched;
	char longest[400];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(hf_tpm_open("swtpm:path=/nonexistent/s", &ret, &fault), HF_ERR_TPM_MISSING);
	assert_int_equal(fault.err, HF_ERR_TPM_MISSING);
	assert_string_equal(fault.where, "swtpm:path=/nonexistent/s");
	assert_int_equal(hf_tpm_open("nosuchtcti:x", &ret, &fault), HF_ERR_TPM_MISSING);
	assert_int_equal(hf_tpm_open("device:/dev/null/tpm", &ret, &fault), HF_ERR_TPM_MISSING);
	assert_int_equal(hf_tpm_open(longest, &ret, &fault), HF_ERR_USAGE);
	if (access("/dev/tpm0", F_OK) != 0 && access("/dev/tpmrm0", F_OK) != 0)
		assert_int_equal(hf_tpm_open(NULL, &ret, &fault), HF_ERR_TPM_MISSING);
	assert_ptr_equal(ret, untouched);
	hf_tpm_close(NULL);
}

static void banks_and_values(void **state)
{
	struct hf_digest zero[HF_ALG_COUNT];
	struct hf_pcrs pcrs;
	uint32_t mask = 0;
	struct hf_digest poison, value;

	(void)state;
	memset(zero, 0, sizeof(zero));
	memset(&poison, 0xaa, sizeof(poison));
	value = poison;
	open_tpm("s");
	assert_int_equal(hf_tpm_banks(tpm, &mask, &fault), HF_OK);
	assert_int_equal(mask, FOUR_BANKS);
	assert_pcr(13, zero);
	assert_int_equal(hf_tpm_pcr_read(tpm, 13, HF_ALG_SM3, &value, &fault), HF_ERR_TPM_FAILED);
	assert_int_equal(hf_tpm_pcr_read(tpm, 24, HF_ALG_SHA1, &value, &fault), HF_ERR_PCR_REFUSED);
	assert_memory_equal(&value, &poison, sizeof(value));
	memset(&pcrs, 0xaa, sizeof(pcrs));
	assert_int_equal(hf_tpm_pcrs(tpm, HF_ALG_SHA256, &pcrs, &fault), HF_OK);
	assert_int_equal(pcrs.alg, HF_ALG_SHA256);
	for (size_t pcr = 0; pcr < HF_PCR_COUNT; pcr++)
		for (size_t i = 0; i < 32; i++)
			assert_int_equal(pcrs.value[pcr][i], pcr >= 17 && pcr <= 22 ? 0xff : 0);
}

static void no_sha256_bank(void **state)
{
	uint32_t mask = 0xaa;

	(void)state;
	assert_int_equal(tool("tpm2_pcrallocate sha1:all+sha256:none+sha384:none+"
			      "sha512:none"), 0);
	stop(&swtpm_pid);
	assert_true(start_swtpm());
	open_tpm("s");
	assert_int_equal(hf_tpm_banks(tpm, &mask, &fault), HF_ERR_BANK_MISSING);
	assert_int_equal(mask, 0xaa);
}

static void extends_all_banks_in_one_command(void **state)
{
	struct hf_digest want[HF_ALG_COUNT];
	struct hf_log_entry entry = entry_of(FOUR_BANKS, 0x11), none = { .digest_count = 0 };
	size_t before;

	(void)state;
	memset(want, 0, sizeof(want));
	open_tpm("p");
	for (int i = 0; i < 3; i++) {
		before = plan->commands;
		assert_int_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_OK);
		/* the first one also learns the old value in each bank */
		assert_int_equal(plan->commands - before, i == 0 ? 1 + 4 : 1);
		expect_next(want, &entry);
	}
	assert_pcr(13, want);
	assert_int_equal(plan->extends, 3);
	assert_int_equal(hf_tpm_extend(tpm, 24, &entry, &fault), HF_ERR_INTERNAL);
	assert_int_equal(hf_tpm_extend(tpm, 13, &none, &fault), HF_ERR_INTERNAL);
	/* PCR 17 is not ours at locality 0: refused by the TPM, and nothing happened. */
	assert_int_equal(hf_tpm_extend(tpm, 17, &entry, &fault), HF_ERR_TPM_FAILED);
	assert_int_equal(fault.tpm_rc, 0x907);
	assert_int_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_OK);
	expect_next(want, &entry);
	assert_pcr(13, want);
}

static void reading_before_spares_reading(void **state)
{
	struct hf_digest zero[HF_ALG_COUNT];
	struct hf_log_entry entry = entry_of(FOUR_BANKS, 0x11);
	size_t before;

	(void)state;
	memset(zero, 0, sizeof(zero));
	open_tpm("p");
	assert_pcr(13, zero);
	before = plan->commands;
	assert_int_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_OK);
	assert_int_equal(plan->commands - before, 1);
}

/* Every way in which the transport can hide the outcome of an extend. */
static void lost_outcomes(void **state)
{
	static const struct {
		const char *letters;
		enum hf_err err;
		size_t extends;		/* commands sent */
		unsigned times;		/* that the PCR has then been extended */
	} rows[] = {
		{ "c", HF_OK, 2, 1 },			/* lost before: sent again */
		{ "r", HF_OK, 1, 1 },			/* lost after: not again */
		{ "g", HF_OK, 2, 1 },
		{ "cr", HF_OK, 2, 1 },
		{ "cc", HF_ERR_TPM_FAILED, 2, 0 },	/* known not to have happened */
		{ "cf", HF_ERR_TPM_FAILED, 2, 0 },
		{ "f", HF_ERR_TPM_FAILED, 1, 0 },	/* the TPM refused: not again */
		{ "t", HF_ERR_EXTEND_UNKNOWN, 1, 2 },	/* somebody else's value */
		{ "ct", HF_ERR_EXTEND_UNKNOWN, 2, 2 },
		{ "ln", HF_ERR_EXTEND_UNKNOWN, 2, 2 },	/* the first came late */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_log_entry first = entry_of(FOUR_BANKS, 0x11);
		struct hf_log_entry entry = entry_of(FOUR_BANKS, 0x22);
		struct hf_digest want[HF_ALG_COUNT];

		if (i > 0) {
			assert_int_equal(teardown(NULL), 0);
			assert_int_equal(setup(NULL), 0);
		}
		memset(want, 0, sizeof(want));
		open_tpm("p");
		assert_int_equal(hf_tpm_extend(tpm, 13, &first, &fault), HF_OK);
		expect_next(want, &first);
		memcpy((void *)plan->letters, "nnnnnnnn", 8);
		memcpy((void *)(plan->letters + 1), rows[i].letters, strlen(rows[i].letters));
		memset(&fault, 0xaa, sizeof(fault));
		enum hf_err err = hf_tpm_extend(tpm, 13, &entry, &fault);

		if (err != rows[i].err)
			print_error("%s: %s\n", rows[i].letters, hf_err_name(err));
		assert_int_equal(err, rows[i].err);
		if (err)
			assert_int_equal(fault.err, err);
		assert_int_equal(plan->extends, 1 + rows[i].extends);
		for (unsigned n = 0; n < rows[i].times; n++)
			expect_next(want, &entry);
		assert_pcr(13, want);
		/* Whatever happened, the host can still be capped. */
		assert_int_equal(hf_tpm_extend(tpm, 13, &first, &fault), HF_OK);
		expect_next(want, &first);
		assert_pcr(13, want);
	}
}

static void lost_for_good(void **state)
{
	struct hf_log_entry entry = entry_of(FOUR_BANKS, 0x22);

	(void)state;
	open_tpm("p");
	assert_int_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_OK);
	plan->letters[1] = 'x';
	assert_int_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_ERR_EXTEND_UNKNOWN);
	assert_int_not_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_OK);
}

/* ---- the whole: log, quote, and what tpm2-tools say to it ---- */

static uint8_t log_buf[HF_LOG_MAX], public_buf[HF_ATTEST_MAX], attest_buf[HF_ATTEST_MAX],
	sig_buf[HF_ATTEST_MAX], tools_buf[4096], pem_buf[1024];
static const uint8_t nonce_bytes[] = { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4 };
static const struct hf_span nonce = { nonce_bytes, sizeof(nonce_bytes) };

static void record(struct hf_log *log, enum hf_tag tag, struct hf_span payload)
{
	struct hf_log_entry entry;

	assert_int_equal(hf_log_reserve(log, tag, payload, &entry), HF_OK);
	assert_int_equal(hf_tpm_extend(tpm, 13, &entry, &fault), HF_OK);
	hf_log_commit(log);
}

static void record_host(struct hf_log *log)
{
	static const uint8_t map[] = { 0xa0 };
	const struct hf_span empty = { map, 1 };
	struct hf_digest claims = { .alg = HF_ALG_SHA384 };
	uint8_t buf[256];
	uint32_t banks;

	assert_int_equal(hf_tpm_banks(tpm, &banks, &fault), HF_OK);
	assert_int_equal(hf_log_start(log, log_buf, sizeof(log_buf), banks, 13), HF_OK);
	record(log, HF_TAG_BEGIN, empty);
	for (int i = 0; i < 5; i++) {
		struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

		claims.bytes[0] = (uint8_t)i;
		hf_log_part_payload(&w, "0000:00/1c.0", &claims);
		record(log, HF_TAG_PART, hf_written(&w));
	}
	record(log, HF_TAG_END, empty);
}

static void tools_agree(void **state)
{
	const uint32_t selection = HF_QUOTE_PCRS | 1u << 13;
	struct hf_writer public_w = { .buf = public_buf, .cap = sizeof(public_buf) };
	struct hf_writer attest_w = { .buf = attest_buf, .cap = sizeof(attest_buf) };
	struct hf_writer sig_w = { .buf = sig_buf, .cap = sizeof(sig_buf) };
	struct hf_writer tools_w = { .buf = tools_buf, .cap = sizeof(tools_buf) };
	struct hf_writer pem_w = { .buf = pem_buf, .cap = sizeof(pem_buf) };
	struct hf_pcrs replayed, read;
	struct hf_quote quote;
	struct hf_log log;
	struct hf_ak ak;
	char hex[2 * HF_DIGEST_MAX + 1], line[256];
	struct hf_digest value = { .alg = HF_ALG_SHA256 };

	(void)state;
	open_tpm("s");
	record_host(&log);
	assert_int_equal(hf_log_walk(hf_written(&log.out), 13, false, NULL, NULL), HF_OK);
	for (enum hf_alg alg = 0; alg < 4; alg++) {
		assert_int_equal(hf_log_replay(hf_written(&log.out), alg, &replayed), HF_OK);
		assert_int_equal(hf_tpm_pcrs(tpm, alg, &read, &fault), HF_OK);
		assert_memory_equal(replayed.value, read.value, sizeof(read.value));
	}
	assert_int_equal(hf_log_replay(hf_written(&log.out), HF_ALG_SHA256, &replayed), HF_OK);

	assert_int_equal(hf_tpm_ak(tpm, &public_w, &fault), HF_OK);
	assert_int_equal(hf_ak_parse(hf_written(&public_w), &ak), HF_OK);
	assert_int_equal(hf_tpm_quote(tpm, selection, nonce, &attest_w, &sig_w, &fault), HF_OK);
	assert_int_equal(hf_quote_verify(&ak, hf_written(&attest_w), hf_written(&sig_w), nonce,
					 selection, &replayed, &quote), HF_OK);
	hf_tpm_close(tpm);
	tpm = NULL;

	hf_pcrs_tools_format(&replayed, selection, &tools_w);
	assert_int_equal(hf_ak_pem(&ak, &pem_w), HF_OK);
	save("log", hf_written(&log.out));
	save("msg", hf_written(&attest_w));
	save("sig", hf_written(&sig_w));
	save("pcrs", hf_written(&tools_w));
	save("ak.pem", hf_written(&pem_w));
	assert_int_equal(tool("tpm2_eventlog log"), 0);
	memcpy(value.bytes, replayed.value[13], 32);
	hf_digest_hex(&value, hex);
	assert_int_equal(tool("sh -c 'tpm2_eventlog log >evlog'"), 0);
	snprintf(line, sizeof(line), "grep '13 *: 0x%s' evlog", hex);
	assert_int_equal(tool(line), 0);
	assert_int_equal(tool("sh -c 'test $(grep -c EventNum: evlog) = 8'"), 0);
	assert_int_equal(tool("tpm2_checkquote -u ak.pem -m msg -s sig -f pcrs -g sha256 "
			      "-q deadbeef01020304"), 0);
	assert_int_equal(tool("tpm2_checkquote -u ak.pem -m msg -s sig -f pcrs -g sha256 "
			      "-q deadbeef01020304 -e log"), 0);
	/* The tool can refuse: so its consent above means something. */
	assert_int_not_equal(tool("tpm2_checkquote -u ak.pem -m msg -s sig -f pcrs -g sha256 "
				  "-q deadbeef01020305"), 0);
}

static void quote_after_a_lost_quote(void **state)
{
	struct hf_writer public_w = { .buf = public_buf, .cap = sizeof(public_buf) };
	struct hf_writer attest_w = { .buf = attest_buf, .cap = sizeof(attest_buf) };
	struct hf_writer sig_w = { .buf = sig_buf, .cap = sizeof(sig_buf) };
	struct hf_writer small = { .buf = sig_buf, .cap = 10 };
	struct hf_pcrs pcrs;
	struct hf_ak ak;

	(void)state;
	open_tpm("p");
	assert_int_equal(hf_tpm_ak(tpm, &small, &fault), HF_ERR_LIMIT);
	assert_int_equal(small.len, 0);
	assert_int_equal(hf_tpm_ak(tpm, &public_w, &fault), HF_OK);
	assert_int_equal(hf_ak_parse(hf_written(&public_w), &ak), HF_OK);
	plan->quote = 'c';
	assert_int_equal(hf_tpm_quote(tpm, 1u << 13, nonce, &attest_w, &sig_w, &fault),
			 HF_ERR_TPM_FAILED);
	assert_int_equal(attest_w.len + sig_w.len, 0);
	plan->quote = 'n';
	assert_int_equal(hf_tpm_quote(tpm, 1u << 13, nonce, &attest_w, &small, &fault), HF_ERR_LIMIT);
	assert_int_equal(attest_w.len, 0);
	assert_int_equal(hf_tpm_quote(tpm, 1u << 13, nonce, &attest_w, &sig_w, &fault), HF_OK);
	assert_int_equal(hf_tpm_pcrs(tpm, HF_ALG_SHA256, &pcrs, &fault), HF_OK);
	assert_int_equal(hf_quote_verify(&ak, hf_written(&attest_w), hf_written(&sig_w), nonce,
					 1u << 13, &pcrs, NULL), HF_OK);
	assert_int_equal(hf_tpm_quote(tpm, 1u << 13, (struct hf_span){ log_buf, 100 }, &attest_w,
				      &sig_w, &fault), HF_ERR_LIMIT);
}

/* No handles stay behind, however often the key is made. */
static void leaves_nothing_behind(void **state)
{
	(void)state;
	open_tpm("s");
	for (int i = 0; i < 8; i++) {
		struct hf_writer w = { .buf = public_buf, .cap = sizeof(public_buf) };

		assert_int_equal(hf_tpm_ak(tpm, &w, &fault), HF_OK);
	}
	hf_tpm_close(tpm);
	tpm = NULL;
	assert_int_equal(tool("sh -c 'tpm2_getcap handles-transient >handles && test ! -s handles'"), 0);
}

static void endorsement_off(void **state)
{
	struct hf_writer public_w = { .buf = public_buf, .cap = sizeof(public_buf) };
	struct hf_writer attest_w = { .buf = attest_buf, .cap = sizeof(attest_buf) };
	struct hf_writer sig_w = { .buf = sig_buf, .cap = sizeof(sig_buf) };

	(void)state;
	open_tpm("s");
	assert_int_equal(hf_tpm_ak(tpm, &public_w, &fault), HF_OK);
	assert_int_equal(hf_tpm_endorsement_off(tpm, &fault), HF_OK);
	assert_int_equal(hf_tpm_quote(tpm, 1u << 13, nonce, &attest_w, &sig_w, &fault),
			 HF_ERR_TPM_FAILED);
	public_w.len = 0;
	assert_int_equal(hf_tpm_ak(tpm, &public_w, &fault), HF_ERR_TPM_FAILED);
	assert_int_equal(fault.tpm_rc & 0xbf, 0x85);	/* TPM_RC_HIERARCHY */
	assert_int_equal(hf_tpm_endorsement_off(tpm, &fault), HF_ERR_ENDORSEMENT_OFF);
	assert_int_equal(public_w.len, 0);
}

static void foreign_authorisation(void **state)
{
	struct hf_writer w = { .buf = public_buf, .cap = sizeof(public_buf) };
	bool owner = true, endorsement = true, lockout = true;

	(void)state;
	open_tpm("s");
	assert_int_equal(hf_tpm_auths(tpm, &owner, &endorsement, &lockout, &fault), HF_OK);
	assert_true(!owner && !endorsement && !lockout);
	hf_tpm_close(tpm);
	tpm = NULL;
	assert_int_equal(tool("tpm2_changeauth -c e tenant"), 0);
	assert_int_equal(tool("tpm2_changeauth -c l tenant"), 0);
	open_tpm("s");
	assert_int_equal(hf_tpm_auths(tpm, &owner, &endorsement, &lockout, &fault), HF_OK);
	assert_true(!owner && endorsement && lockout);
	assert_int_equal(hf_tpm_ak(tpm, &w, &fault), HF_ERR_TPM_AUTH_SET);
	assert_int_equal(w.len, 0);
	assert_int_equal(fault.tpm_rc, 0x9a2);
	assert_int_equal(hf_tpm_endorsement_off(tpm, &fault), HF_ERR_TPM_AUTH_SET);
}

static void random_and_description(void **state)
{
	uint8_t a[100], b[100], huge[300];
	struct hf_tpm_words words;

	(void)state;
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	open_tpm("s");
	assert_int_equal(hf_tpm_random(tpm, a, sizeof(a), &fault), HF_OK);
	assert_int_equal(hf_tpm_random(tpm, b, sizeof(b), &fault), HF_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 68, (uint8_t[32]){ 0 }, 32);
	assert_int_equal(hf_tpm_random(tpm, huge, sizeof(huge), &fault), HF_ERR_LIMIT);
	assert_int_equal(hf_tpm_describe(tpm, HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA512),
					 &words, &fault), HF_OK);
	assert_string_equal(words.vendor, "IBM SW TPM");
	assert_true(strncmp(words.specification, "2.0 revision 1.", 15) == 0);
	assert_string_equal(words.banks, "sha256 sha512");
	unsigned part[4] = { 0 };
	char after;

	assert_int_equal(sscanf(words.firmware, "%u.%u.%u.%u%c", &part[0], &part[1], &part[2],
				&part[3], &after), 4);
	assert_true(part[0] > 0);
}

static void resets_the_debug_pcr_only(void **state)
{
	struct hf_log_entry entry = entry_of(FOUR_BANKS, 0x11);
	struct hf_digest zero[HF_ALG_COUNT];

	(void)state;
	memset(zero, 0, sizeof(zero));
	open_tpm("s");
	assert_int_equal(hf_tpm_extend(tpm, 16, &entry, &fault), HF_OK);
	assert_int_equal(hf_tpm_pcr_reset(tpm, 16, &fault), HF_OK);
	assert_pcr(16, zero);
	assert_int_equal(hf_tpm_pcr_reset(tpm, 13, &fault), HF_ERR_PCR_REFUSED);
	assert_int_equal(hf_tpm_pcr_reset(tpm, 23, &fault), HF_ERR_PCR_REFUSED);
}

#define WITH_TPM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* A gate that crashes caps its PCR in every bank by one prepared command. */
static void a_crash_caps_every_bank(void **state)
{
	const struct hf_span name = hf_span_text("agent-crashed");
	uint8_t command[HF_CRASH_COMMAND_MAX], zero[HF_DIGEST_MAX] = { 0 };
	struct hf_writer w = { .buf = command, .cap = sizeof(command) };
	char text[4096] = "";
	size_t len = 0;
	uint32_t banks;
	int fds[2];

	(void)state;
	open_tpm("s");
	assert_int_equal(hf_tpm_banks(tpm, &banks, &fault), HF_OK);
	hf_tpm_close(tpm);	/* swtpm serves one client at a time */
	tpm = NULL;
	assert_int_equal(hf_crash_cap_command(13, banks, &w), HF_OK);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();

	if (pid == 0) {
		int raw = connect_to("s", true);

		if (raw < 0 || hf_crash_catch(&fds[1], 1, &fault) != HF_OK)
			_exit(43);
		hf_crash_cap(raw, hf_written(&w));
		raise(SIGSEGV);
		_exit(42);
	}
	close(fds[1]);
	while (len < sizeof(text) - 1 && !strstr(text, "no quote, PCR ")) {
		ssize_t n = read(fds[0], text + len, sizeof(text) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
	}
	close(fds[0]);
	stop(&pid);
	assert_non_null(strstr(text, "no quote, capping the PCR\n"));
	assert_non_null(strstr(text, "no quote, PCR capped\n"));
	open_tpm("s");
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		struct hf_digest is, event, want;

		if (!(banks & HF_ALG_MASK(alg)))
			continue;
		assert_int_equal(hf_digest(alg, name, &event), HF_OK);
		assert_int_equal(hf_digest2(alg, (struct hf_span){ zero, hf_alg_size(alg) },
					    (struct hf_span){ event.bytes, hf_alg_size(alg) }, &want),
				 HF_OK);
		assert_int_equal(hf_tpm_pcr_read(tpm, 13, alg, &is, &fault), HF_OK);
		assert_memory_equal(is.bytes, want.bytes, hf_alg_size(alg));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_tpm),
		WITH_TPM(a_crash_caps_every_bank),
		WITH_TPM(banks_and_values),
		WITH_TPM(no_sha256_bank),
		WITH_TPM(extends_all_banks_in_one_command),
		WITH_TPM(reading_before_spares_reading),
		WITH_TPM(lost_outcomes),
		WITH_TPM(lost_for_good),
		WITH_TPM(tools_agree),
		WITH_TPM(quote_after_a_lost_quote),
		WITH_TPM(leaves_nothing_behind),
		WITH_TPM(endorsement_off),
		WITH_TPM(foreign_authorisation),
		WITH_TPM(random_and_description),
		WITH_TPM(resets_the_debug_pcr_only),
	};

	signal(SIGPIPE, SIG_IGN);
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (plan == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
