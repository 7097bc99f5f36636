/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every byte that a signature covers, flipped: refused, for a reason that fits the place. One
 * conversation of each version, and one of each kind of signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/spdm_corpus.h"

static struct hf_arena arena, files, saved;
static struct hf_spdm s, saved_s;
static struct spdm_pairs pairs;

/* ---- back to where the conversation was before this pair, without having it again ---- */

static void save(void)
{
	memcpy(saved.base, arena.base, arena.len);
	saved.len = arena.len;
	saved_s = s;
}

static void restore(void)
{
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		if (s.slots[i].parsed != saved_s.slots[i].parsed)
			hf_device_chain_free(s.slots[i].parsed);
	memcpy(arena.base, saved.base, saved.len);
	arena.len = saved.len;
	s = saved_s;
}

static enum hf_err take_from(size_t first, size_t end)
{
	enum hf_err err = HF_OK;

	for (size_t i = first; i < end && !err; i++)
		err = hf_spdm_take(&s, pairs.at[i].request, pairs.at[i].response);
	return err;
}

/* ---- what a place is, and which reasons fit ---- */

enum place { HEADER, NONCE, CHAIN, OTHER_CHAIN, VALUE, SIGNATURE };

struct conversation {
	size_t end;		/* pairs up to the last signature */
	uint8_t version, slot;
	size_t hash_len, signature_len;
};

/* Of the answer's bytes, by the layout of the sample's messages. */
static enum place answer_place(const struct conversation *c, const struct spdm_pair *pair, size_t at,
			       size_t len)
{
	const uint8_t *p = pair->response.ptr;
	size_t record;

	switch (p[1]) {
	case 0x02:
		/* Behind its header and the chain's own; in the first portion alone. */
		if (at < 8 || (hf_le(pair->request.ptr + 4, 2) == 0 && at < 12 + c->hash_len))
			return HEADER;
		return (p[2] & 15) == c->slot ? CHAIN : OTHER_CHAIN;
	case 0x03:
		if (at >= len - c->signature_len)
			return SIGNATURE;
		return at >= 4 + c->hash_len && at < 4 + c->hash_len + 32 ? NONCE : HEADER;
	case 0x60:
		record = hf_le(p + 5, 3);
		if ((pair->request.ptr[2] & 1) && at >= len - c->signature_len)
			return SIGNATURE;
		if (at >= 8 + record && at < 8 + record + 32)
			return NONCE;
		/* The last bytes of the last block. */
		return at >= 8 && at >= record && at < 8 + record ? VALUE : HEADER;
	}
	return HEADER;
}

static enum place place_of(const struct conversation *c, const struct spdm_pair *pair, bool request,
			   size_t at, size_t len)
{
	uint8_t code = pair->request.ptr[1];

	if (!request)
		return answer_place(c, pair, at, len);
	if ((code == 0x83 || (code == 0xe0 && (pair->request.ptr[2] & 1))) && at >= 4 && at < 36)
		return NONCE;
	return HEADER;
}

static bool reason_fits(enum place place, enum hf_err err)
{
	switch (place) {
	case NONCE:
	case VALUE:
	case SIGNATURE:
	case OTHER_CHAIN:
		return err == HF_ERR_SPDM_SIGNATURE;
	case CHAIN:
		return err == HF_ERR_DEVICE_CHAIN;
	case HEADER:
		return err == HF_ERR_SPDM_SIGNATURE || err == HF_ERR_SPDM_SHAPE ||
		       err == HF_ERR_SPDM_ALGORITHM || err == HF_ERR_SPDM_VERSION ||
		       err == HF_ERR_DEVICE_CHAIN || err == HF_ERR_TRANSCRIPT_SHAPE ||
		       err == HF_ERR_LIMIT;
	}
	return false;
}

/* What the mailbox put behind a message: nobody signs that. */
static size_t length_without_padding(const struct conversation *c, size_t i, bool request)
{
	struct spdm_pair *pair = &pairs.at[i];
	struct hf_span *message = request ? &pair->request : &pair->response, whole = *message;

	for (size_t less = 1; less <= 3 && less < whole.len; less++) {
		message->len = whole.len - less;
		enum hf_err err = take_from(i, c->end);

		restore();
		if (err) {
			*message = whole;
			return whole.len - less + 1;
		}
	}
	*message = whole;
	return whole.len - 3;
}

static size_t flip_message(const struct conversation *c, size_t i, bool request)
{
	struct spdm_pair *pair = &pairs.at[i];
	struct hf_span message = request ? pair->request : pair->response;
	size_t len = length_without_padding(c, i, request);
	uint8_t *bytes = (uint8_t *)(uintptr_t)message.ptr;

	for (size_t at = 0; at < len; at++) {
		uint8_t old = bytes[at];
		enum place place = place_of(c, pair, request, at, len);

		bytes[at] = (uint8_t)(old ^ 1u << (at * 5 % 8));
		enum hf_err err = take_from(i, c->end);

		bytes[at] = old;
		if (!reason_fits(place, err))
			print_message("pair %zu %s %02x, byte %zu of %zu, place %d: %s\n", i,
				      request ? "request" : "answer", message.ptr[1], at, len, place,
				      err ? hf_err_name(err) : "accepted");
		assert_true(reason_fits(place, err));
		restore();
	}
	return len;
}

/* Pairs that no signature covers: after CHALLENGE the sample asks for the chain again, and the
 * measurements that follow make that void. */
static bool is_covered(const struct conversation *c, size_t i, size_t challenge)
{
	return i <= challenge || (pairs.at[i].request.ptr[1] == 0xe0 && i < c->end);
}

static void flip_all(const char *name)
{
	struct hf_spdm_options options = { .arena = &arena, .padded = true };
	struct conversation c = { 0 };
	size_t challenge = 0, flipped = 0;

	arena.len = 0;
	assert_int_equal(hf_spdm_open(&options, &s), HF_OK);
	for (size_t i = 0; i < pairs.count; i++) {
		const uint8_t *p = pairs.at[i].request.ptr;

		challenge = p[1] == 0x83 ? i : challenge;
		if (p[1] == 0x83)
			c.slot = p[2];
		if (p[1] == 0x83 || (p[1] == 0xe0 && (p[2] & 1)))
			c.end = i + 1;
	}
	assert_true(challenge);
	save();
	assert_int_equal(take_from(0, c.end), HF_OK);
	c.version = s.version;
	c.hash_len = hf_alg_size(s.hash_alg);
	c.signature_len = s.asym == 0x100 ? 132 : s.asym == 0x80 ? 96 : s.asym & 0x410 ? 64 : 384;
	assert_true(s.signatures >= 2);
	restore();
	for (size_t i = 0; i < c.end; i++) {
		if (is_covered(&c, i, challenge)) {
			flipped += flip_message(&c, i, true);
			flipped += flip_message(&c, i, false);
		}
		assert_int_equal(take_from(i, i + 1), HF_OK);
		save();
	}
	hf_spdm_close(&s);
	print_message("%s: %zu bytes\n", name, flipped);
	assert_true(flipped > 2000);
}

/* ---- conversations ---- */

static void load_pcap(const char *name)
{
	char path[128];

	files.len = 0;
	snprintf(path, sizeof(path), "pcap/%s.pcap", name);
	spdm_pairs_of(spdm_corpus_read(&files, path), &pairs);
}

static struct hf_span unhex(const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = hf_arena_take(&files, len + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1);
	return (struct hf_span){ bytes, len };
}

static void load_json(const char *name)
{
	char dir[512], path[700];
	json_t *root, *pair;
	size_t i;

	spdm_corpus_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/requester-transcripts/%s.json", dir, name);
	root = json_load_file(path, 0, NULL);
	assert_non_null(root);
	files.len = pairs.count = 0;
	json_array_foreach(json_object_get(root, "exchanges"), i, pair)
		pairs.at[pairs.count++] = (struct spdm_pair){
			unhex(json_string_value(json_object_get(pair, "req"))),
			unhex(json_string_value(json_object_get(pair, "rsp"))) };
	json_decref(root);
}

static void flip_one(void **state)
{
	const char *name = *state;
	char dir[512];

	if (!spdm_corpus_dir(dir, sizeof(dir))) {
		printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
		skip();
	}
	if (strncmp(name, "spdm", 4) == 0)
		load_json(name);
	else
		load_pcap(name);
	flip_all(name);
}

#define FLIP(name) { name, flip_one, NULL, NULL, (void *)(uintptr_t)(name) }

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLIP("v10_p256_chal-sig-all"), FLIP("spdm11-p256-all"), FLIP("spdm12-p256-all"),
		FLIP("spdm13-p256-all"), FLIP("v14_p256_chal-sig-all"),
		FLIP("v12_p384_chal-sig-all"), FLIP("v12_p521_chal-sig-all"),
		FLIP("v12_ed25519_chal-sig-all"), FLIP("v12_rsassa3072_chal-sig-all"),
		FLIP("v10_rsapss3072_chal-sig-all"), FLIP("x_slot1_v12"),
	};
	int failed;

	if (hf_arena_make(8 << 20, &arena) || hf_arena_make(8 << 20, &saved) ||
	    hf_arena_make(SPDM_FILE_MAX, &files))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hf_arena_drop(&arena);
	hf_arena_drop(&saved);
	hf_arena_drop(&files);
	return failed;
}
