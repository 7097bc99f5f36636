/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/cbor_edit.h"

#include "measure/result.h"

#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })
#define NULL_VALUE BYTES(0xf6)
#define TEXT(t) hf_span_text(t)

static uint8_t pattern[512];
static struct hf_span some(size_t at, size_t len) { return (struct hf_span){ pattern + at, len }; }
static struct hf_arena arena;

/* ---- a ticket ---- */

static const struct hf_result_part parts[] = {
	{ { (const uint8_t *)"slot 1", 6 }, HF_EAR_WARNING }, { { (const uint8_t *)"slot 33", 7 }, HF_EAR_AFFIRMING },
	{ { (const uint8_t *)"board", 5 }, HF_EAR_NONE },
};

static struct hf_result ticket(void)
{
	return (struct hf_result){
		.time = 1700000000, .nonce = some(0, 32), .verifier = TEXT("holdfastd 0.4.0"),
		.status = HF_EAR_AFFIRMING, .kind = HF_EVIDENCE_GATE, .host = TEXT("host-17"),
		.lease = TEXT("L"), .reclaim = some(1, 16), .ak_name = some(2, 34), .boot_key = some(3, 32),
		.quote = some(4, 32), .agent_image = TEXT("gate 7"), .manifests = { some(5, 32), some(6, 32) },
		.manifest_count = 2, .generation = 4, .mode = TEXT("enforce"), .release = HF_RELEASE_TENANT,
		.images = { { TEXT("debian"), { some(7, 32), some(8, 32), some(9, 32) }, 3 },
			    { TEXT("root"), { some(10, 32) }, 1 } },
		.image_count = 2, .seconds = 120, .parts = parts, .part_count = 3,
	};
}

static struct hf_span encoded(const struct hf_result *r)
{
	struct hf_writer w = edit_buffer(HF_RESULT_MAX + 1024);

	hf_result_encode(r, &w);
	assert_false(w.full);
	return hf_written(&w);
}

static enum hf_err decoded(struct hf_span in, struct hf_result *ret)
{
	arena.len = 0;
	memset(ret, 0xaa, sizeof(*ret));
	return hf_result_decode(in, &arena, ret);
}

static enum hf_err reads(struct hf_span in)
{
	struct hf_result r, before;
	enum hf_err err = decoded(in, &r);

	memset(&before, 0xaa, sizeof(before));
	if (err)
		assert_memory_equal(&r, &before, sizeof(r));
	return err;
}

static void assert_same(const struct hf_result *a, const struct hf_result *b)
{
	struct hf_span x = encoded(a), y = encoded(b);

	assert_true(hf_span_equal(x, y));
}

static void round_trips(void **state)
{
	struct hf_result t = ticket(), r;
	struct hf_span in = encoded(&t);

	(void)state;
	assert_int_equal(decoded(in, &r), HF_OK);
	assert_same(&t, &r);
	assert_int_equal(r.time, 1700000000);
	assert_int_equal(r.part_count, 3);
	assert_true(hf_span_equal(r.parts[0].path, TEXT("board")));	/* in their encoded order */
	assert_int_equal(r.parts[1].status, HF_EAR_WARNING);
	assert_int_equal(r.image_count, 2);
	assert_int_equal(r.images[0].count, 3);
	assert_int_equal(r.images[1].count, 1);
	assert_true(hf_span_equal(r.images[0].digests[2], some(9, 32)));
	assert_true(hf_span_equal(r.quote, t.quote));
	assert_true(r.quote.ptr > in.ptr && r.quote.ptr < in.ptr + in.len);
	assert_int_equal(r.release, HF_RELEASE_TENANT);
	assert_int_equal(r.seconds, 120);
	assert_false(r.fallback);
	t.fallback = true;
	t.omitted = 5;
	assert_int_equal(decoded(encoded(&t), &r), HF_OK);
	assert_true(r.fallback);
	assert_int_equal(r.omitted, 5);
	assert_same(&t, &r);
}

static void a_refusal_round_trips(void **state)
{
	struct hf_result t = { .time = 5, .verifier = TEXT("v"), .cause = TEXT("host-unknown"),
			       .place = TEXT("slot 3"), .detail = TEXT("why"), .mode = TEXT("enforce"),
			       .kind = HF_EVIDENCE_HELD, .status = HF_EAR_CONTRAINDICATED }, r;

	(void)state;
	assert_int_equal(decoded(encoded(&t), &r), HF_OK);
	assert_same(&t, &r);
	assert_int_equal(r.kind, HF_EVIDENCE_HELD);
	assert_int_equal(r.release, HF_RELEASE_NOTHING);
	assert_true(hf_span_equal(r.cause, TEXT("host-unknown")));
	assert_int_equal(r.nonce.len, 0);
}

static const enum hf_ear_status statuses[] = { HF_EAR_NONE, HF_EAR_AFFIRMING, HF_EAR_WARNING,
					       HF_EAR_CONTRAINDICATED };

static void every_status_and_release(void **state)
{
	(void)state;
	for (size_t s = 0; s < 4; s++)
		for (enum hf_release_kind k = HF_RELEASE_NOTHING; k <= HF_RELEASE_SERVICE; k++) {
			struct hf_result t = ticket(), r;
			bool whole = k != HF_RELEASE_TENANT || s == 1 || s == 2;

			t.status = statuses[s];
			t.release = k;
			if (k == HF_RELEASE_NOTHING)
				t.image_count = t.seconds = 0;
			assert_int_equal(decoded(encoded(&t), &r), whole ? HF_OK : HF_ERR_RESULT_SHAPE);
			if (whole)
				assert_same(&t, &r);
		}
}

/* ---- what a ticket must have, and what else must not have ---- */

#define LACKS(field) do { \
		struct hf_result t_ = ticket(); \
		memset(&t_.field, 0, sizeof(t_.field)); \
		assert_int_equal(reads(encoded(&t_)), HF_ERR_RESULT_SHAPE); \
	} while (0)

static void a_ticket_is_whole(void **state)
{
	(void)state;
	LACKS(host);
	LACKS(reclaim);
	LACKS(ak_name);
	LACKS(boot_key);
	LACKS(quote);
	LACKS(nonce);
	LACKS(image_count);
	LACKS(seconds);
	for (enum hf_evidence_kind k = HF_EVIDENCE_TENANT; k <= HF_EVIDENCE_HELD; k++) {
		struct hf_result t = ticket();

		t.kind = k;
		assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
	}
}

static void what_releases_nothing_names_no_image_and_no_time(void **state)
{
	struct hf_result t = ticket();

	(void)state;
	t.release = HF_RELEASE_NOTHING;
	assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
	t.image_count = 0;
	assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
	t.image_count = 1;
	t.seconds = 0;
	assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
	t.image_count = 0;
	assert_int_equal(reads(encoded(&t)), HF_OK);
}

static void sizes(void **state)
{
	struct hf_result t;

	(void)state;
#define SIZED(field, bad) do { \
		t = ticket(); \
		t.field = some(0, (bad)); \
		assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE); \
	} while (0)
	SIZED(reclaim, 15);
	SIZED(reclaim, 17);
	SIZED(ak_name, 33);
	SIZED(ak_name, 35);
	SIZED(boot_key, 31);
	SIZED(boot_key, 33);
	SIZED(quote, 31);
	SIZED(quote, 33);
	SIZED(nonce, 65);
	SIZED(manifests[1], 31);
	SIZED(manifests[0], 33);
	SIZED(images[0].digests[1], 31);
	SIZED(images[1].digests[0], 33);
	t = ticket();
	t.images[0].count = 2;
	assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
	t.images[0].count = 0;
	assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
}

/* ---- maps ---- */

/* One map within a result; place: where it lies. must: bits of the keys below 64 that it needs. */
static void try_map(struct hf_span whole, struct hf_span map, bool (*must)(int64_t key))
{
	struct pairs p = pairs_of(map);

	for (size_t i = 0; i < p.count; i++) {
		assert_int_equal(reads(replaced(whole, map, without(map, i))),
				 must(p.at[i].key) ? HF_ERR_RESULT_SHAPE : HF_OK);
		assert_int_equal(reads(replaced(whole, map, twice(map, i))), HF_ERR_CBOR_DUPLICATE_KEY);
		if (i + 1 < p.count)
			assert_int_equal(reads(replaced(whole, map, swapped(map, i))), HF_ERR_CBOR_NOT_CANONICAL);
		assert_int_equal(reads(replaced(whole, map, valued(map, i, BYTES(0xf4)))),
				 p.at[i].key == HF_RESULT_PARTS ? HF_OK : HF_ERR_CBOR_TYPE);
	}
}

static bool must_top(int64_t key) { (void)key; return true; }
static bool must_host(int64_t key) { (void)key; return true; }
static bool must_verifier(int64_t key) { return key == 1; }
static bool must_own(int64_t key)
{
	return key != HF_RESULT_LEASE && key != HF_RESULT_PARTS && key != HF_RESULT_MANIFESTS &&
	       key != HF_RESULT_GENERATION && key != HF_RESULT_MODE && key != HF_RESULT_AGENT_IMAGE;
}

static struct hf_span text_value(struct hf_span map, const char *name)
{
	struct hf_cbor r = hf_cbor_at(map);
	size_t count = hf_cbor_map(&r);

	for (size_t i = 0; i < count; i++) {
		bool here = hf_span_equal(hf_cbor_tstr(&r), TEXT(name));
		struct hf_span value = hf_cbor_skip(&r);

		if (here)
			return value;
	}
	fail_msg("no %s", name);
	return map;
}

static void every_map(void **state)
{
	struct hf_result t = ticket();
	struct hf_span in = encoded(&t), submods = value_of(in, 266), host = text_value(submods, "host");
	struct hf_span own = value_of(host, -70000), verifier = value_of(in, 1004), part = text_value(submods, "board");

	(void)state;
	try_map(in, in, must_top);
	try_map(in, host, must_host);
	try_map(in, own, must_own);
	try_map(in, part, must_host);
	assert_int_equal(reads(replaced(in, verifier, without(verifier, 0))), HF_OK);
	assert_int_equal(reads(replaced(in, verifier, without(verifier, 1))), HF_ERR_RESULT_SHAPE);
	assert_true(must_verifier(1));
	/* Claims of another version, or of somebody else, are passed over. */
	assert_int_equal(reads(longer(in, BYTES(0x3a, 0, 1, 0x11, 0x70), NULL_VALUE)), HF_OK);
	assert_int_equal(reads(replaced(in, host, longer(host, BYTES(0x3a, 0, 1, 0x11, 0x70), NULL_VALUE))), HF_OK);
	assert_int_equal(reads(replaced(in, own, longer(own, BYTES(0x18, 99), NULL_VALUE))), HF_OK);
	assert_int_equal(reads(replaced(in, submods, without(submods, 0))), HF_ERR_RESULT_SHAPE);	/* "host" */
}

static void words_and_numbers(void **state)
{
	struct hf_result t = ticket();
	struct hf_span in = encoded(&t), submods = value_of(in, 266), host = text_value(submods, "host");
	struct hf_span own = value_of(host, -70000);

	(void)state;
	assert_int_equal(reads(replaced(in, value_of(in, 265), some_text(5))), HF_ERR_RESULT_SHAPE);
	assert_int_equal(reads(replaced(in, value_of(in, 6), BYTES(0x20))), HF_ERR_RESULT_SHAPE);
	assert_int_equal(reads(replaced(in, value_of(own, HF_RESULT_RELEASE), some_text(6))), HF_ERR_RESULT_SHAPE);
	assert_int_equal(reads(replaced(in, value_of(own, HF_RESULT_KIND), some_text(4))), HF_ERR_RESULT_SHAPE);
	for (unsigned v = 0; v < 128; v++)
		assert_int_equal(reads(replaced(in, value_of(host, 1000), some_number(v))),
				 v == 2 || v == 32 ? HF_OK : HF_ERR_RESULT_SHAPE);
	assert_int_equal(reads(replaced(in, value_of(host, 1000), some_number(1ull << 32 | 2))),
			 HF_ERR_RESULT_SHAPE);
	for (size_t len = 0; len < in.len; len++)
		assert_int_not_equal(reads(hf_span_part(in, 0, len)), HF_OK);
}

static struct hf_span digests(size_t count, size_t nested)
{
	struct hf_writer w = edit_buffer(1 << 16);

	hf_cbor_put_array(&w, count);
	for (size_t i = 0; i < count; i++) {
		if (nested) {
			hf_cbor_put_array(&w, 2);
			hf_cbor_put_text(&w, "n");
		}
		hf_cbor_put_bstr(&w, some(i, 32));
	}
	return hf_written(&w);
}

static void counts(void **state)
{
	struct hf_result t = ticket(), r;
	struct hf_span in = encoded(&t), own = value_of(text_value(value_of(in, 266), "host"), -70000);
	struct hf_span images = value_of(own, HF_RESULT_IMAGES), files = value_of(own, HF_RESULT_MANIFESTS);

	(void)state;
	assert_int_equal(decoded(replaced(in, images, digests(HF_RESULT_IMAGES_MAX, 1)), &r), HF_OK);
	assert_int_equal(r.image_count, HF_RESULT_IMAGES_MAX);
	assert_int_equal(reads(replaced(in, images, digests(HF_RESULT_IMAGES_MAX + 1, 1))), HF_ERR_RESULT_SHAPE);
	assert_int_equal(decoded(replaced(in, files, digests(HF_RESULT_MANIFESTS_MAX, 0)), &r), HF_OK);
	assert_int_equal(r.manifest_count, HF_RESULT_MANIFESTS_MAX);
	assert_int_equal(reads(replaced(in, files, digests(HF_RESULT_MANIFESTS_MAX + 1, 0))), HF_ERR_RESULT_SHAPE);
	assert_int_equal(reads(some_bytes(HF_RESULT_MAX)), HF_ERR_LIMIT);
	t.omitted = UINT32_MAX;
	assert_int_equal(reads(encoded(&t)), HF_OK);
	t.omitted++;
	assert_int_equal(reads(encoded(&t)), HF_ERR_RESULT_SHAPE);
}

/* ---- many parts ---- */

#define MANY 4000
static struct hf_result_part many[MANY];
static char names[MANY][32];

static void fill(enum hf_ear_status status)
{
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "slot %zu of a large host", (i * 1234567u) % MANY);
		many[i] = (struct hf_result_part){ TEXT(names[i]), i % 100 ? status : HF_EAR_CONTRAINDICATED };
	}
}

static void what_does_not_fit_is_counted(void **state)
{
	struct hf_result t = ticket(), r;
	size_t bad = 0;

	(void)state;
	fill(HF_EAR_AFFIRMING);
	t.parts = many;
	t.part_count = MANY;
	assert_in_range(encoded(&t).len, 1, HF_RESULT_MAX);
	assert_int_equal(decoded(encoded(&t), &r), HF_OK);
	assert_int_equal(r.part_count + r.omitted, MANY);
	for (size_t i = 0; i < r.part_count; i++)
		bad += r.parts[i].status == HF_EAR_CONTRAINDICATED;
	assert_int_equal(bad, MANY / 100);	/* what is well is left out first */
	fill(HF_EAR_WARNING);
	assert_in_range(encoded(&t).len, HF_RESULT_MAX / 2, HF_RESULT_MAX);
	assert_int_equal(decoded(encoded(&t), &r), HF_OK);
	assert_int_equal(r.part_count + r.omitted, MANY);
	assert_in_range(r.part_count, 100, MANY - 1);
	assert_same(&r, &r);
}

/* ---- statements ---- */

static void statements(void **state)
{
	struct hf_key *key = NULL, *other = NULL;
	uint8_t bytes[1024];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_span payload = { NULL, 0 };

	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &other), HF_OK);
	assert_int_equal(hf_statement_sign(key, HF_RESULT_TYPE, some(0, 100), &w), HF_OK);
	assert_int_equal(hf_statement_verify(key, HF_RESULT_TYPE, hf_written(&w), &payload), HF_OK);
	assert_true(hf_span_equal(payload, some(0, 100)));
	payload.len = 0;
	assert_int_equal(hf_statement_verify(key, HF_WIRE_CHALLENGE_TYPE, hf_written(&w), &payload),
			 HF_ERR_COSE_CONTENT_TYPE);
	assert_int_equal(hf_statement_verify(other, HF_RESULT_TYPE, hf_written(&w), &payload),
			 HF_ERR_SIGNATURE_INVALID);
	for (size_t i = 0; i < w.len; i++) {
		bytes[i] ^= 0x10;
		assert_int_not_equal(hf_statement_verify(key, HF_RESULT_TYPE, hf_written(&w), &payload), HF_OK);
		bytes[i] ^= 0x10;
	}
	w.len = 0;
	assert_int_equal(hf_cose_sign(key, NULL, NULL, some(0, 100), &w), HF_OK);
	assert_int_equal(hf_statement_verify(key, HF_RESULT_TYPE, hf_written(&w), &payload),
			 HF_ERR_COSE_CONTENT_TYPE);
	assert_int_equal(payload.len, 0);
	hf_key_free(key);
	hf_key_free(other);
}

/* ---- what a host asks of its ticket ---- */

static struct hf_ticket_want want(void)
{
	return (struct hf_ticket_want){
		.ak_name = some(2, 34), .boot_key = some(3, 32), .quote = some(4, 32), .reclaim = some(1, 16),
		.nonce = some(0, 32), .generation = 4, .mode = TEXT("enforce"),
		.tenant = { TEXT("here"), { some(7, 32), some(8, 32), some(9, 32) }, 3 },
		.service = { TEXT("flasher"), { some(20, 32), some(21, 32), some(22, 32) }, 3 },
		.seconds_since_quote = 119,
	};
}

static enum hf_err check(const struct hf_result *t, const struct hf_ticket_want *w, enum hf_release_kind kind)
{
	enum hf_release_kind got = 77;
	enum hf_err err = hf_ticket_check(t, w, &got);

	assert_int_equal(got, err ? 77 : kind);
	return err;
}

#define OTHER(field, value, cause) do { \
		struct hf_ticket_want w_ = want(); \
		struct hf_result t_ = ticket(); \
		w_.field = value; \
		assert_int_equal(check(&t_, &w_, HF_RELEASE_TENANT), cause); \
	} while (0)

static void each_thing_alone_refuses(void **state)
{
	struct hf_result t = ticket();
	struct hf_ticket_want w = want();

	(void)state;
	assert_int_equal(check(&t, &w, HF_RELEASE_TENANT), HF_OK);
	OTHER(ak_name, some(40, 34), HF_ERR_TICKET_KEY);
	OTHER(ak_name, some(2, 33), HF_ERR_TICKET_KEY);
	OTHER(boot_key, some(40, 32), HF_ERR_TICKET_BOOT);
	OTHER(quote, some(40, 32), HF_ERR_TICKET_QUOTE);
	OTHER(nonce, some(40, 32), HF_ERR_TICKET_QUOTE);
	OTHER(reclaim, some(40, 16), HF_ERR_TICKET_RECLAIM);
	OTHER(generation, 3, HF_ERR_TICKET_POLICY);
	OTHER(generation, 5, HF_ERR_TICKET_POLICY);
	OTHER(mode, TEXT("audit"), HF_ERR_TICKET_POLICY);
	OTHER(refused_locally, true, HF_ERR_TICKET_POLICY);
	OTHER(seconds_since_quote, 119, HF_OK);
	OTHER(seconds_since_quote, 120, HF_ERR_TICKET_EXPIRED);
	OTHER(seconds_since_quote, UINT64_MAX, HF_ERR_TICKET_EXPIRED);
	OTHER(tenant.digests[0], some(40, 32), HF_ERR_TICKET_IMAGE);
	OTHER(tenant.digests[1], some(40, 32), HF_ERR_TICKET_IMAGE);
	OTHER(tenant.digests[2], some(40, 32), HF_ERR_TICKET_IMAGE);
	OTHER(tenant.count, 1, HF_ERR_TICKET_IMAGE);
	OTHER(tenant.count, 0, HF_ERR_TICKET_IMAGE);
	OTHER(tenant.name, TEXT("debian"), HF_OK);	/* names are for people */
	OTHER(service.count, 0, HF_OK);
}

static void a_root_image(void **state)
{
	struct hf_result t = ticket();
	struct hf_ticket_want w = want();

	(void)state;
	w.tenant = (struct hf_result_image){ TEXT("r"), { some(10, 32) }, 1 };
	assert_int_equal(check(&t, &w, HF_RELEASE_TENANT), HF_OK);
	w.tenant.digests[0] = some(11, 32);
	assert_int_equal(check(&t, &w, HF_RELEASE_TENANT), HF_ERR_TICKET_IMAGE);
	w.tenant.digests[0] = some(7, 32);	/* the kernel of another image */
	assert_int_equal(check(&t, &w, HF_RELEASE_TENANT), HF_ERR_TICKET_IMAGE);
}

static void nothing_equals_what_is_not_there(void **state)
{
	const struct hf_span none = { NULL, 0 };
	struct hf_result t = ticket();
	struct hf_ticket_want w = want();

	(void)state;
#define NEITHER(field, cause) do { \
		t = ticket(); \
		w = want(); \
		t.field = w.field = none; \
		assert_int_equal(check(&t, &w, HF_RELEASE_TENANT), cause); \
	} while (0)
	NEITHER(ak_name, HF_ERR_TICKET_KEY);
	NEITHER(boot_key, HF_ERR_TICKET_BOOT);
	NEITHER(quote, HF_ERR_TICKET_QUOTE);
	NEITHER(nonce, HF_ERR_TICKET_QUOTE);
	NEITHER(reclaim, HF_ERR_TICKET_RECLAIM);
	NEITHER(mode, HF_ERR_TICKET_POLICY);
}

static struct hf_result service_ticket(void)
{
	struct hf_result t = ticket();

	t.release = HF_RELEASE_SERVICE;
	t.status = HF_EAR_CONTRAINDICATED;
	t.cause = TEXT("firmware-old");
	t.images[0] = want().service;
	t.image_count = 1;
	return t;
}

static void the_service_image_alone(void **state)
{
	struct hf_result t = service_ticket(), r;
	struct hf_ticket_want w = want();

	(void)state;
	assert_int_equal(decoded(encoded(&t), &r), HF_OK);
	assert_true(hf_span_equal(r.cause, TEXT("firmware-old")));
	assert_int_equal(check(&r, &w, HF_RELEASE_SERVICE), HF_OK);
	w.refused_locally = true;
	assert_int_equal(check(&t, &w, HF_RELEASE_SERVICE), HF_OK);
	w.service.digests[1] = some(40, 32);
	assert_int_equal(check(&t, &w, HF_RELEASE_SERVICE), HF_ERR_TICKET_IMAGE);
	w.service = w.tenant;	/* a tenant's image is no service image */
	assert_int_equal(check(&t, &w, HF_RELEASE_SERVICE), HF_ERR_TICKET_IMAGE);
	w.service.count = 0;
	assert_int_equal(check(&t, &w, HF_RELEASE_SERVICE), HF_ERR_SERVICE_MISSING);
	t.images[0] = w.tenant;	/* and lets no tenant's image in */
	assert_int_equal(check(&t, &w, HF_RELEASE_SERVICE), HF_ERR_SERVICE_MISSING);
	t = service_ticket();
	w = want();
	w.seconds_since_quote = 120;
	assert_int_equal(check(&t, &w, HF_RELEASE_SERVICE), HF_ERR_TICKET_EXPIRED);
}

static void what_is_no_ticket_never_releases(void **state)
{
	static const struct { const char *name; enum hf_err err; } causes[] = {
		{ "host-in-use", HF_ERR_HOST_IN_USE }, { "firmware-old", HF_ERR_FIRMWARE_OLD },
		{ "", HF_ERR_CONTROLLER_REFUSED }, { "ok", HF_ERR_CONTROLLER_REFUSED },
		{ "a-cause-of-0.9", HF_ERR_CONTROLLER_REFUSED }, { "internal-error", HF_ERR_CONTROLLER_REFUSED },
		{ "a-name-of-more-than-sixty-three-bytes-that-no-version-will-ever-know", HF_ERR_CONTROLLER_REFUSED },
	};
	struct hf_ticket_want w = want();

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		struct hf_result t = ticket();	/* everything else is as it should be */

		t.release = HF_RELEASE_NOTHING;
		t.cause = TEXT(causes[i].name);
		assert_int_equal(check(&t, &w, HF_RELEASE_NOTHING), causes[i].err);
	}
}

static void what_the_reader_would_not_pass_is_not_passed_here(void **state)
{
	struct hf_ticket_want w = want();

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct hf_result t = ticket();

		if (i == 0)
			t.kind = HF_EVIDENCE_TENANT;
		else if (i == 1)
			t.status = HF_EAR_CONTRAINDICATED;
		else if (i == 2)
			t.status = HF_EAR_NONE;
		else
			t.release = 9;
		assert_int_equal(check(&t, &w, HF_RELEASE_TENANT), HF_ERR_RESULT_SHAPE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(round_trips, edit_drop),
		cmocka_unit_test_teardown(a_refusal_round_trips, edit_drop),
		cmocka_unit_test_teardown(every_status_and_release, edit_drop),
		cmocka_unit_test_teardown(a_ticket_is_whole, edit_drop),
		cmocka_unit_test_teardown(what_releases_nothing_names_no_image_and_no_time, edit_drop),
		cmocka_unit_test_teardown(sizes, edit_drop),
		cmocka_unit_test_teardown(every_map, edit_drop),
		cmocka_unit_test_teardown(words_and_numbers, edit_drop),
		cmocka_unit_test_teardown(counts, edit_drop),
		cmocka_unit_test_teardown(what_does_not_fit_is_counted, edit_drop),
		cmocka_unit_test_teardown(statements, edit_drop),
		cmocka_unit_test_teardown(each_thing_alone_refuses, edit_drop),
		cmocka_unit_test_teardown(a_root_image, edit_drop),
		cmocka_unit_test_teardown(nothing_equals_what_is_not_there, edit_drop),
		cmocka_unit_test_teardown(the_service_image_alone, edit_drop),
		cmocka_unit_test_teardown(what_is_no_ticket_never_releases, edit_drop),
		cmocka_unit_test_teardown(what_the_reader_would_not_pass_is_not_passed_here, edit_drop),
	};

	if (hf_arena_make(16 << 20, &arena))
		return 1;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
