/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices that take over the worker that reads them: what it then says and does harms nobody
 * else, and never passes for measurements. The device is hf_host_read_rom, made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/transcripts.h"
#include "pcie/readers.h"
#include "pcie/spdm_claims.h"
#include "pcie/worker.h"

#define NICS 12
#define PATIENCE 400

enum kind { GOOD, CRASH, HANG, GARBAGE, ANOTHERS, EMPTY, FUNCTIONS, TAIL, UNKNOWN_ERROR, SILENCE, DEATH_NOTICE,
	    UNNAMED, UNATTACHED, ANOTHER_DIGEST, ANOTHER_SIZE, TWO_ATTACHED, NO_LIST, ATTACHED,
	    LARGE };
static enum kind kinds[NICS];
static uint32_t job_of[NICS];		/* in the order of the parts */
static const char *path_of[NICS];

static char dir[64];
static struct hf_arena arena;
static struct hf_host host = { .sysfs = -1 };
static struct hf_bus bus;
static struct hf_claims claims;

static _Noreturn void answer(unsigned nic, enum hf_err err, struct hf_span bytes)
{
	uint32_t head[4] = { job_of[nic], (uint32_t)err, 1, (uint32_t)bytes.len };
	static uint8_t all[HF_ATTACHMENT_MAX + 4096];

	memcpy(all, head, sizeof(head));
	memcpy(all + sizeof(head), bytes.ptr, bytes.len);
	for (int fd = 3; fd < 256; fd++) {
		socklen_t len = sizeof(int);
		int type;

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    write(fd, all, sizeof(head) + bytes.len) < 0)
			_exit(9);
	}
	for (;;)
		pause();
}

/* Claims of a part with this path, as whoever took over the worker would like them. */
static struct hf_span forge(const char *path, const char *mkey, bool function, struct hf_writer *w)
{
	static uint8_t memory[1 << 16];
	struct hf_arena forge_arena = { memory, sizeof(memory), 0 };
	const struct hf_address address = { 0 };
	struct hf_claims forged;
	struct hf_part *part;
	struct hf_measurement *m;

	hf_claims_init(&forged, &forge_arena);
	part = hf_claims_add_part(&forged, HF_PART_CARD, path);
	if (!mkey) {
		hf_part_encode(part, w);
		hf_transcripts_encode(NULL, w);
		return hf_written(w);
	}
	m = hf_claims_add_measurement(&forged, part, NULL, mkey, HF_METHOD_SIGNED,
				      HF_MEASUREMENT_CODE);
	if (!m || hf_measurement_set_text(&forged, m, "forged") != HF_OK ||
	    (function && !hf_claims_add_function(&forged, part, &address, "x/00.0")))
		_exit(8);
	hf_part_encode(part, w);
	hf_transcripts_encode(NULL, w);
	return hf_written(w);
}

/* A part with a transcript, in every way that does not fit, and in the one that does. */
static struct hf_span attach(const char *path, enum kind kind, struct hf_span transcript,
			     struct hf_writer *w)
{
	static uint8_t memory[2 * HF_ATTACHMENT_MAX + 65536];
	struct hf_arena forge_arena = { memory, sizeof(memory), 0 };
	struct hf_claims forged;
	struct hf_attachment *a, *b;
	struct hf_measurement *m;
	struct hf_part *part;

	hf_claims_init(&forged, &forge_arena);
	part = hf_claims_add_part(&forged, HF_PART_CARD, path);
	m = hf_claims_add_measurement(&forged, part, NULL,
				      kind == UNNAMED ? "spdm/other" : HF_MKEY_TRANSCRIPT,
				      HF_METHOD_BYTES, HF_MEASUREMENT_ADVISORY);
	if (!m || hf_claims_attach(&forged, path, transcript, &a) != HF_OK)
		_exit(8);
	if (kind == TWO_ATTACHED && hf_claims_attach(&forged, path, hf_span_text("b"), &b) != HF_OK)
		_exit(8);
	struct hf_digest digest = a->sha384;

	digest.bytes[0] ^= kind == ANOTHER_DIGEST;
	if (hf_measurement_set_digests(m, &digest, 1, transcript.len + (kind == ANOTHER_SIZE)) != HF_OK)
		_exit(8);
	hf_part_encode(part, w);
	if (kind != NO_LIST)
		hf_transcripts_encode(kind == UNATTACHED ? NULL : forged.attachments, w);
	return hf_written(w);
}

enum hf_err hf_host_read_rom(const struct hf_host *h, const struct hf_address *address,
			     uint8_t *buf, size_t cap, size_t *ret_len)
{
	static uint8_t bytes[HF_ATTACHMENT_MAX + 2048], zeros[HF_ATTACHMENT_MAX];
	unsigned nic = address->bus - 1u;
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };

	(void)h;
	*ret_len = 0;
	switch (kinds[nic]) {
	case CRASH:
		raise(SIGSEGV);
		break;
	case HANG:
		for (;;)
			pause();
	case GARBAGE:
		answer(nic, HF_OK, hf_span_text("garbage"));
	case EMPTY:
		answer(nic, HF_OK, hf_span_text(""));
	case ANOTHERS:
		answer(nic, HF_OK, forge(path_of[(nic + 1) % NICS], "option-rom", false, &w));
	case FUNCTIONS:
		answer(nic, HF_OK, forge(path_of[nic], "option-rom", true, &w));
	case TAIL:
		(void)forge(path_of[nic], "option-rom", false, &w);
		hf_put(&w, "x", 1);
		answer(nic, HF_OK, hf_written(&w));
	case UNKNOWN_ERROR:
		answer(nic, (enum hf_err)4711, hf_span_text(""));
	case SILENCE:	/* a part of which nothing is said */
		answer(nic, HF_OK, forge(path_of[nic], NULL, false, &w));
	case DEATH_NOTICE:
		answer(nic, HF_ERR_READER_DIED, hf_span_text(""));
	case UNNAMED: case UNATTACHED: case ANOTHER_DIGEST: case ANOTHER_SIZE: case TWO_ATTACHED:
	case NO_LIST: case ATTACHED:
		answer(nic, HF_OK, attach(path_of[nic], kinds[nic], hf_span_text("transcript"), &w));
	case LARGE:
		zeros[0] = (uint8_t)nic;
		answer(nic, HF_OK, attach(path_of[nic], LARGE,
					  (struct hf_span){ zeros, sizeof(zeros) }, &w));
	case GOOD:
		break;
	}
	if (cap < 512)
		return HF_ERR_ROM_READ;
	memset(buf, 0x41 + (int)nic, 512);
	*ret_len = 512;
	return HF_OK;
}

enum hf_err hf_host_read_rom_rest(const struct hf_host *h, const struct hf_rom_rest *rest,
				  uint8_t *buf, size_t cap, size_t *ret_len)
{
	(void)h;
	(void)rest;
	(void)buf;
	(void)cap;
	*ret_len = 0;
	return HF_OK;
}

void hf_host_rom_put_back(const struct hf_host *h, const struct hf_address *address,
			  struct hf_span config)
{
	(void)h;
	(void)address;
	(void)config;
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int setup(void **state)
{
	char path[128], command[512];
	struct hf_fault fault;
	FILE *file;

	(void)state;
	memset(kinds, 0, sizeof(kinds));
	strcpy(dir, "/tmp/holdfast-hostile-XXXXXX");
	if (!mkdtemp(dir) || hf_arena_make(64u << 20, &arena))
		return -1;
	snprintf(path, sizeof(path), "%s/t.json", dir);
	file = fopen(path, "w");
	if (!file)
		return -1;
	fprintf(file, "{\"dmi\": {\"vendor\": \"V\", \"product\": \"P\"}, \"roots\": [{\"devices\": [");
	for (int i = 0; i < NICS; i++)
		fprintf(file, "%s{\"at\": \"%02x.0\", \"kind\": \"root-port\", \"slot\": true, \"below\": ["
			      "{\"at\": \"00.0\", \"vendor\": \"8086\", \"device\": \"10d3\", "
			      "\"rom\": {\"images\": [{\"code\": 0, \"size\": 512}]}}]}", i ? ", " : "", i + 1);
	fprintf(file, "]}]}");
	fclose(file);
	snprintf(command, sizeof(command), "python3 tests/trees/make_tree.py %s %s/t >/dev/null", path, dir);
	run(command);
	snprintf(path, sizeof(path), "%s/t", dir);
	if (hf_host_open(path, &host, &fault) || hf_bus_read(&host, &arena, &bus, &fault))
		return -1;
	host.device_ms = PATIENCE;
	hf_claims_init(&claims, &arena);
	return hf_topology(&bus, &claims) == HF_OK ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	hf_host_close(&host);
	hf_arena_drop(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	run(command);
	return hf_workers_reap(1000) == 0 ? 0 : -1;
}

static struct hf_function *nic(unsigned number)
{
	for (struct hf_part *p = claims.parts; p; p = p->next)
		for (struct hf_function *f = p->functions; f; f = f->next)
			if (f->address.bus == number + 1)
				return f;
	fail_msg("no NIC %u", number);
	return NULL;
}

static void measure(void)
{
	const struct hf_read_options options = { .rom_bound = true };
	uint32_t job = 0;

	for (struct hf_part *p = claims.parts; p; p = p->next)
		for (struct hf_function *f = p->functions; f; f = f->next, job++)
			if (f->address.bus) {
				job_of[f->address.bus - 1] = job;
				path_of[f->address.bus - 1] = f->path;
			}
	assert_int_equal(hf_measure(&host, &bus, &options, &claims, NULL, NULL), HF_OK);
}

static void expect(void)
{
	for (unsigned i = 0; i < NICS; i++) {
		struct hf_measurement *list = nic(i)->measurements;
		struct hf_measurement *window = hf_measurement_find(list, "option-rom/window");

		assert_non_null(window);
		assert_non_null(hf_measurement_find(list, "config"));
		assert_non_null(hf_measurement_find(list, "config/masked-1"));
		assert_true(window->flags & HF_MEASUREMENT_CODE);
		if (kinds[i] == GOOD) {
			struct hf_digest want;
			uint8_t bytes[512];

			memset(bytes, 0x41 + (int)i, sizeof(bytes));
			assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ bytes, 512 }, &want),
					 HF_OK);
			assert_int_equal(window->kind, HF_VALUE_DIGESTS);
			assert_true(hf_digest_equal(&window->digests[0], &want));
			continue;
		}
		assert_int_equal(window->kind, HF_VALUE_FAILURE);
		assert_string_equal(hf_err_name(window->cause),
				    kinds[i] == HANG ? "timed-out" : "reader-died");
		assert_null(hf_measurement_find(list, "option-rom"));
		assert_null(list->next->next->next);	/* config, masked, that failure */
	}
}

static void one_of_each_kind(void **state)
{
	(void)state;
	for (unsigned i = CRASH; i <= DEATH_NOTICE; i++)
		kinds[i] = (enum kind)i;
	measure();
	expect();
}

static void what_is_attached_is_named_and_what_is_named_is_attached(void **state)
{
	(void)state;
	for (unsigned i = UNNAMED; i <= NO_LIST; i++)
		kinds[i - UNNAMED] = (enum kind)i;
	measure();
	expect();
	assert_null(claims.attachments);
}

static void a_transcript_comes_to_the_claims_of_its_function(void **state)
{
	const struct hf_attachment *a;

	(void)state;
	kinds[3] = ATTACHED;
	kinds[5] = UNNAMED;
	measure();
	a = claims.attachments;
	assert_non_null(a);
	assert_null(a->next);
	assert_string_equal(a->path, nic(3)->path);
	assert_true(hf_span_equal(a->bytes, hf_span_text("transcript")));
	const struct hf_measurement *m = hf_measurement_find(nic(3)->measurements, HF_MKEY_TRANSCRIPT);

	assert_non_null(m);
	assert_ptr_equal(hf_claims_attachment(&claims, &m->digests[0]), a);
	assert_null(hf_measurement_find(nic(5)->measurements, HF_MKEY_TRANSCRIPT));
}

/* As much as one device may attach, from more of them than there is room for. */
static void attachments_in_all_have_a_limit(void **state)
{
	size_t attached = 0, flooded = 0, total = 0;

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		kinds[i] = LARGE;
	measure();
	for (const struct hf_attachment *a = claims.attachments; a; a = a->next, attached++)
		total += a->bytes.len;
	for (unsigned i = 0; i < 9; i++) {
		const struct hf_measurement *m =
			hf_measurement_find(nic(i)->measurements, "option-rom/window");

		if (!m)
			continue;
		assert_string_equal(hf_err_name(m->cause), "device-flooded");
		flooded++;
	}
	assert_int_equal(total, HF_TRANSCRIPTS_PASS_BYTES);
	assert_int_equal(attached, 7);
	assert_int_equal(flooded, 2);
}

static void all_of_one_kind(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NICS; i++)
		kinds[i] = CRASH;
	measure();
	expect();
}

static void none(void **state)
{
	(void)state;
	measure();
	expect();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(none), T(one_of_each_kind), T(all_of_one_kind),
		T(what_is_attached_is_named_and_what_is_named_is_attached),
		T(a_transcript_comes_to_the_claims_of_its_function),
		T(attachments_in_all_have_a_limit),
	};

	return cmocka_run_group_tests_name("measure_hostile", tests, NULL, NULL);
}
