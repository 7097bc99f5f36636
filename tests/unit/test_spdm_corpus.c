/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations recorded with another responder: what INDEX.tsv says of each is what is found
 * here, and no byte of what is signed can be another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>

#include "tests/unit/spdm_corpus.h"
#include "tests/unit/spdm_talk.h"

static struct hf_arena arena, files;
static struct hf_spdm s;

static bool have_corpus(void)
{
	char dir[512];

	if (spdm_corpus_dir(dir, sizeof(dir)))
		return true;
	printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
	return false;
}

static void open_conversation(bool padded)
{
	struct hf_spdm_options options = { .arena = &arena, .padded = padded };

	arena.len = 0;
	memset(&s, 0xaa, sizeof(s));
	assert_int_equal(hf_spdm_open(&options, &s), HF_OK);
}

/* ---- every line of INDEX.tsv ---- */

struct expected {
	char name[64], version[8], indices[256];
	bool challenge;
	unsigned meas_signed, unsigned_, errors;
};

static bool read_line(const char *line, struct expected *ret)
{
	char challenge[8];

	return sscanf(line, "%63[^\t]\t%7[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\tRESULT OK chain=True challenge=%7s "
		      "meas_signed=%u unsigned=%u errors=%u indices=[%255[^]]]", ret->name, ret->version,
		      challenge, &ret->meas_signed, &ret->unsigned_, &ret->errors, ret->indices) >= 6 &&
	       ((ret->challenge = challenge[0] == 'T'), true);
}

struct found {
	unsigned unsigned_, errors;
};

static void take_all(const struct spdm_pairs *pairs, struct found *ret)
{
	*ret = (struct found){ 0 };
	for (size_t i = 0; i < pairs->count; i++) {
		const struct spdm_pair *pair = &pairs->at[i];
		enum hf_err err = hf_spdm_take(&s, pair->request, pair->response);

		if (err)
			print_message("pair %zu of %zu: %02x: %s\n", i, pairs->count,
				      pair->request.ptr[1], hf_err_name(err));
		assert_int_equal(err, HF_OK);
		ret->errors += s.event == HF_SPDM_SAID_ERROR;
		ret->unsigned_ += s.event == HF_SPDM_ANSWERED && pair->request.ptr[1] == 0xe0 &&
				  !(pair->request.ptr[2] & 1);
	}
}

static void compare(const struct expected *e, const struct found *found)
{
	char version[8], indices[256] = "";
	size_t blocks = 0;

	hf_spdm_version_text(s.version, version);
	assert_string_equal(version, e->version);
	for (unsigned i = 1; i <= HF_SPDM_INDEX_MAX; i++) {
		const struct hf_spdm_block *block = &s.blocks[i];

		if (!block->there)
			continue;
		blocks++;
		snprintf(indices + strlen(indices), sizeof(indices) - strlen(indices), "%s%u",
			 indices[0] ? ", " : "", i);
		assert_int_equal(block->is_signed, e->meas_signed > 0);
	}
	assert_string_equal(indices, e->indices);
	assert_int_equal(s.block_count, blocks);
	assert_int_equal(s.signatures, e->meas_signed + e->challenge);
	assert_int_equal(found->errors, e->errors);
	assert_int_equal(found->unsigned_, e->unsigned_);
	assert_int_equal(s.measured_slot, e->meas_signed ? (strstr(e->name, "slot1") ? 1 : 0) : -1);
	assert_int_equal(s.negotiation_signed, e->challenge || (e->meas_signed && s.version >= 0x12));
	assert_int_equal(s.slots[strstr(e->name, "slot1") ? 1 : 0].challenged, e->challenge);
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		assert_int_equal(s.slots[i].cause, HF_OK);
}

/* The responder's sample: what SOURCES.md says of its measurements. */
static void check_values(void)
{
	uint8_t text[72];
	struct hf_digest digest;

	for (uint8_t i = 1; i <= 4; i++) {
		memset(text, i, sizeof(text));
		assert_int_equal(hf_digest(s.measurement_alg, (struct hf_span){ text, sizeof(text) },
					   &digest), HF_OK);
		assert_int_equal(s.blocks[i].type & HF_SPDM_TYPE_RAW, 0);
		assert_int_equal(s.blocks[i].value.len, hf_alg_size(s.measurement_alg));
		assert_memory_equal(s.blocks[i].value.ptr, digest.bytes, s.blocks[i].value.len);
	}
	assert_int_equal(s.blocks[0x10].type, HF_SPDM_TYPE_SVN | HF_SPDM_TYPE_RAW);
	assert_int_equal(hf_le(s.blocks[0x10].value.ptr, 8), 7);
	assert_int_equal(s.blocks[0xfd].value.len, 128);
	assert_int_equal(s.blocks[0xfe].value.len, 16);
}

static struct hf_span load_pcap(const char *name)
{
	char path[128];

	files.len = 0;
	snprintf(path, sizeof(path), "pcap/%s.pcap", name);
	return spdm_corpus_read(&files, path);
}

static void check_file(const struct expected *e)
{
	static struct spdm_pairs pairs;
	struct hf_span file = load_pcap(e->name);
	struct found found;

	spdm_pairs_of(file, &pairs);
	open_conversation(true);
	take_all(&pairs, &found);
	compare(e, &found);
	if (s.block_count)
		check_values();
	hf_spdm_close(&s);
	/* And the file as it stands. */
	open_conversation(false);
	assert_int_equal(hf_transcript_replay(file, &s), HF_OK);
	compare(e, &found);
	hf_spdm_close(&s);
}

static bool has_pcap(const char *name)
{
	char dir[512], path[700];

	spdm_corpus_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/pcap/%s.pcap", dir, name);
	return access(path, R_OK) == 0;
}

static void every_file_of_the_index_holds_what_it_says(void **state)
{
	struct hf_arena index;
	struct expected e;
	size_t lines = 0;

	(void)state;
	if (!have_corpus())
		skip();
	assert_int_equal(hf_arena_make(1 << 20, &index), HF_OK);
	struct hf_span table = spdm_corpus_read(&index, "pcap/INDEX.tsv");
	const char *copy = hf_arena_text(&index, table.ptr, table.len);

	for (const char *line = copy; line && *line; line = strchr(line, '\n') + 1) {
		memset(&e, 0, sizeof(e));
		assert_true(read_line(line, &e));
		if (!has_pcap(e.name)) {	/* Ed25519 came with 1.2: refused, and not recorded */
			assert_string_equal(e.name, "v10_ed25519_chal-sig-all");
			continue;
		}
		print_message("%s\n", e.name);
		check_file(&e);
		lines++;
	}
	assert_true(lines >= 50);
	hf_arena_drop(&index);
}

/* ---- those that the index does not list ---- */

static void conversations_of_guests_hold(void **state)
{
	static const struct expected table[] = {
		{ .name = "guest_k612_v13_p384_nvme-doe", .version = "1.3", .meas_signed = 1,
		  .indices = "1, 2, 3, 4, 16, 17, 253, 254" },
		{ .name = "guest_k61_v12_p256_nvme-doe", .version = "1.2", .meas_signed = 1,
		  .indices = "1, 2, 3, 4, 16, 17, 253, 254" },
		{ .name = "x_alias_pyclient_v12", .version = "1.2", .meas_signed = 1,
		  .indices = "1, 2, 3, 4, 16, 17, 253, 254" },
	};

	(void)state;
	if (!have_corpus())
		skip();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_file(&table[i]);
}

/* ---- the JSON transcripts: requests as they were, answers with what the mailbox added ---- */

static struct hf_span unhex(const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = hf_arena_take(&files, len + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1);
	return (struct hf_span){ bytes, len };
}

static void check_json(const char *path)
{
	json_t *root = json_load_file(path, 0, NULL), *pair;
	size_t i, signatures = 0;

	files.len = 0;
	assert_non_null(root);
	open_conversation(true);
	json_array_foreach(json_object_get(root, "exchanges"), i, pair) {
		struct hf_span request = unhex(json_string_value(json_object_get(pair, "req")));
		struct hf_span response = unhex(json_string_value(json_object_get(pair, "rsp")));

		assert_int_equal(hf_spdm_take(&s, request, response), HF_OK);
		signatures += s.event == HF_SPDM_ANSWERED &&
			      (request.ptr[1] == 0x83 || (request.ptr[1] == 0xe0 && (request.ptr[2] & 1)));
	}
	json_t *verified = json_object_get(root, "verified");
	const char *challenge = json_string_value(json_object_get(verified, "challenge"));
	const char *measured = json_string_value(json_object_get(verified, "meas"));

	assert_string_equal(challenge, "verified");
	assert_true(s.slots[0].challenged && s.negotiation_signed);
	assert_int_equal(s.total, json_integer_value(json_object_get(verified, "count")));
	assert_int_equal(s.signatures, signatures);
	assert_true(signatures >= 2);
	for (unsigned k = 1; k <= HF_SPDM_INDEX_MAX; k++)
		assert_int_equal(s.blocks[k].there && (s.blocks[k].is_signed || s.blocks[k].is_covered),
				 s.blocks[k].there);
	if (strcmp(measured, "verified all") == 0)
		assert_int_equal(s.block_count, s.total);
	else
		assert_int_equal(s.block_count, 7);
	json_array_foreach(json_object_get(root, "certs"), i, pair) {
		struct hf_span der = unhex(json_string_value(pair));

		assert_true(hf_span_equal(hf_device_chain_certificate(s.slots[0].parsed, i), der));
	}
	assert_int_equal(hf_device_chain_count(s.slots[0].parsed), i);
	hf_spdm_close(&s);
	json_decref(root);
}

static void every_transcript_in_json_holds(void **state)
{
	char dir[512], folder[600], path[900];
	struct dirent *entry;
	size_t count = 0;
	DIR *d;

	(void)state;
	if (!have_corpus())
		skip();
	spdm_corpus_dir(dir, sizeof(dir));
	snprintf(folder, sizeof(folder), "%s/requester-transcripts", dir);
	d = opendir(folder);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		if (!strstr(entry->d_name, ".json"))
			continue;
		print_message("%s\n", entry->d_name);
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		check_json(path);
		count++;
	}
	closedir(d);
	assert_int_equal(count, 9);
}

/* ---- the longest chains that there are samples of ---- */

static void a_chain_as_long_as_its_length_can_say_is_read(void **state)
{
	static const char *const names[] = { "Shorter1024B", "ShorterMAXINT16", "ShorterMAXUINT16" };
	static uint8_t blob[1 << 16];

	(void)state;
	if (!have_corpus())
		skip();
	for (size_t i = 0; i < 3; i++) {
		struct hf_writer w = { .buf = blob, .cap = sizeof(blob) };
		struct talk *t = talk_new(0x12);
		struct hf_digest root;
		char path[128];

		files.len = 0;
		snprintf(path, sizeof(path), "certs/long_chains_%s_ca.cert.der", names[i]);
		assert_int_equal(hf_digest(HF_ALG_SHA256, spdm_corpus_read(&files, path), &root), HF_OK);
		snprintf(path, sizeof(path), "certs/long_chains_%s_bundle_responder.certchain.der", names[i]);
		struct hf_span certs = spdm_corpus_read(&files, path);

		hf_put_le(&w, 36 + certs.len, 4);
		hf_put(&w, root.bytes, 32);
		hf_put_span(&w, certs);
		assert_false(w.full);
		assert_int_equal(talk_negotiate(t), HF_OK);
		for (size_t at = 0; at < w.len; at += 0x1000) {
			size_t left = w.len - at, len = left < 0x1000 ? left : 0x1000;

			talk_begin(t, 0x82, 0, 0);
			hf_put_le(&t->q, at, 2);
			hf_put_le(&t->q, 0x1000, 2);
			talk_answer(t, 0, 0);
			hf_put_le(&t->r, len, 2);
			hf_put_le(&t->r, left - len, 2);
			hf_put(&t->r, blob + at, len);
			assert_int_equal(talk_take(t), HF_OK);
		}
		print_message("%s: %zu bytes, %s\n", names[i], w.len,
			      t->s.slots[0].cause ? hf_err_name(t->s.slots[0].cause) : "read");
		assert_int_equal(t->s.slots[0].chain.len, w.len);
		assert_int_equal(t->s.slots[0].cause, HF_OK);
		talk_end(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_of_the_index_holds_what_it_says),
		cmocka_unit_test(conversations_of_guests_hold),
		cmocka_unit_test(every_transcript_in_json_holds),
		cmocka_unit_test(a_chain_as_long_as_its_length_can_say_is_read),
	};
	int failed;

	if (hf_arena_make(8 << 20, &arena) || hf_arena_make(SPDM_FILE_MAX, &files) ||
	    hf_arena_make(4 << 20, &talk_arena))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hf_arena_drop(&arena);
	hf_arena_drop(&files);
	hf_arena_drop(&talk_arena);
	return failed;
}
