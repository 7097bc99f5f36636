/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/claim.h"

#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })

static uint8_t buf[2 << 20], buf2[2 << 20];

struct fixture {
	struct hf_arena arena;
	struct hf_claims claims;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(buf, 0xaa, sizeof(buf));
	memset(buf2, 0xaa, sizeof(buf2));
	if (hf_arena_make(64u << 20, &f.arena))
		return -1;
	hf_claims_init(&f.claims, &f.arena);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	hf_arena_drop(&((struct fixture *)*state)->arena);
	return 0;
}

static struct hf_measurement *measure(struct hf_claims *claims, struct hf_part *part,
				      struct hf_function *f, const char *mkey, enum hf_method method,
				      uint32_t flags)
{
	struct hf_measurement *m = hf_claims_add_measurement(claims, part, f, mkey, method, flags);

	assert_non_null(m);
	assert_int_equal(m->kind, HF_VALUE_FAILURE);
	return m;
}

/* A card with every kind of value, the way a reader would fill it. */
static struct hf_part *a_card(struct hf_claims *claims, const char *path)
{
	static const struct hf_address address = { 0x10000, 0x3b, 0x1f, 7 };
	struct hf_part *part = hf_claims_add_part(claims, HF_PART_CARD, path);
	char name[HF_PATH_MAX + 1];
	struct hf_function *f;
	struct hf_measurement *m;
	struct hf_digest digests[2];

	assert_non_null(part);
	snprintf(name, sizeof(name), "%s.0", path);
	f = hf_claims_add_function(claims, part, &address, name);
	assert_non_null(f);
	f->identity = (struct hf_identity){
		.vendor = 0x8086, .device = 0x10d3, .subsystem_vendor = 0xffff, .subsystem_device = 1,
		.class_code = 0x020000, .revision = 0xff, .header_type = 0x7f,
		.has_serial = true, .serial = UINT64_MAX,
	};
	f->driver = "e1000e";
	m = measure(claims, part, f, "config", HF_METHOD_IDENTITY, HF_MEASUREMENT_ADVISORY);
	assert_int_equal(hf_measurement_set_bytes(claims, m, BYTES(1, 2, 3)), HF_OK);
	m = measure(claims, part, f, "option-rom/window", HF_METHOD_BYTES, HF_MEASUREMENT_CODE);
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("abc"), &digests[0]), HF_OK);
	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_span_text("abc"), &digests[1]), HF_OK);
	assert_int_equal(hf_measurement_set_digests(m, digests, 2, 65536), HF_OK);
	m = measure(claims, part, f, "fw-version", HF_METHOD_VERSION, 0);
	assert_int_equal(hf_measurement_set_text(claims, m, "1.2 \xc3\xa9"), HF_OK);
	m = measure(claims, part, f, "spdm/1", HF_METHOD_SIGNED, HF_MEASUREMENT_CODE);
	hf_measurement_set_failure(m, HF_ERR_NO_READER);
	m = measure(claims, part, NULL, "functions", HF_METHOD_IDENTITY, 0);
	hf_measurement_set_number(m, 1);
	/* another function without serial, driver or measurement */
	snprintf(name, sizeof(name), "%s.1", path);
	assert_non_null(hf_claims_add_function(claims, part, &(struct hf_address){ 0, 3, 0, 1 }, name));
	return part;
}

static struct hf_span encode(const struct hf_part *part, uint8_t *out, size_t cap)
{
	struct hf_writer w = { out, cap, 0, false };

	hf_part_encode(part, &w);
	assert_false(w.full);
	return hf_written(&w);
}

static struct hf_claims fresh(struct fixture *f)
{
	return (struct hf_claims){ .arena = &f->arena };
}

static void encode_decode_encode(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = a_card(&f->claims, "pci0000:00/1c.0/00");
	struct hf_claims again = fresh(f);
	struct hf_span cbor = encode(part, buf, sizeof(buf)), cbor2;
	struct hf_function *a = part->functions, *b;
	struct hf_measurement *m;

	hf_claims_init(&again, &f->arena);
	assert_int_equal(hf_part_decode(&again, cbor), HF_OK);
	assert_int_equal(again.part_count, 1);
	assert_int_equal(again.function_count, 2);
	assert_int_equal(again.measurement_count, 5);
	cbor2 = encode(again.parts, buf2, sizeof(buf2));
	assert_true(hf_span_equal(cbor, cbor2));

	assert_int_equal(again.parts->kind, HF_PART_CARD);
	assert_string_equal(again.parts->path, part->path);
	assert_int_equal(again.parts->function_count, 2);
	b = again.parts->functions;
	assert_memory_equal(&a->address, &b->address, sizeof(a->address));
	assert_string_equal(b->driver, "e1000e");
	assert_int_equal(b->identity.vendor, 0x8086);
	assert_int_equal(b->identity.class_code, 0x020000);
	assert_true(b->identity.has_serial && b->identity.serial == UINT64_MAX);
	assert_false(b->next->identity.has_serial);
	assert_null(b->next->driver);
	for (m = a->measurements; m; m = m->next)
		assert_true(hf_measurement_equal(m, hf_measurement_find(b->measurements, m->mkey)));
	m = hf_measurement_find(b->measurements, "spdm/1");
	assert_int_equal(m->kind, HF_VALUE_FAILURE);
	assert_int_equal(m->method, HF_METHOD_NONE);
	assert_int_equal(m->cause, HF_ERR_NO_READER);
	assert_null(hf_measurement_find(b->measurements, "nothing"));
	/* the input may go away */
	memset(buf, 0, cbor.len);
	assert_string_equal(hf_measurement_find(b->measurements, "fw-version")->text, "1.2 \xc3\xa9");
}

static void the_bytes_are_those_of_the_specification(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_BOARD, "board");
	struct hf_measurement *m = measure(&f->claims, part, NULL, "n", HF_METHOD_VERSION, 1);

	hf_measurement_set_number(m, 24);
	assert_true(hf_span_equal(encode(part, buf, sizeof(buf)),
		BYTES(0xa3, 0, 1, 1, 0x65, 'b', 'o', 'a', 'r', 'd', 3, 0x81,
		      0xa4, 0, 0x61, 'n', 1, 2, 2, 1, 7, 0x18, 24)));
}

static void whole_claims_round_trip(void **state)
{
	struct fixture *f = *state;
	struct hf_writer w = { buf, sizeof(buf), 0, false }, w2 = { buf2, sizeof(buf2), 0, false };
	struct hf_claims again;
	char path[32];

	assert_non_null(hf_claims_add_part(&f->claims, HF_PART_HOST, "host"));
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "pci0000:00/%02x.%d", i >> 3, i & 7);
		a_card(&f->claims, path);
	}
	hf_claims_encode(&f->claims, &w);
	assert_false(w.full);
	hf_claims_init(&again, &f->arena);
	assert_int_equal(hf_claims_decode(&again, hf_written(&w)), HF_OK);
	assert_int_equal(again.part_count, 301);
	hf_claims_encode(&again, &w2);
	assert_true(hf_span_equal(hf_written(&w), hf_written(&w2)));
	/* each entry is the very encoding of its part */
	struct hf_cbor r = hf_cbor_at(hf_written(&w));
	assert_int_equal(hf_cbor_array(&r), 301);
	for (struct hf_part *part = f->claims.parts; part; part = part->next)
		assert_true(hf_span_equal(hf_cbor_bstr(&r), encode(part, buf2, sizeof(buf2))));
	assert_int_equal(hf_cbor_end(&r), HF_OK);
}

static void what_was_not_filled_in_is_a_failure(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	struct hf_claims again;

	measure(&f->claims, part, NULL, "x", HF_METHOD_SIGNED, HF_MEASUREMENT_CODE);
	hf_claims_init(&again, &f->arena);
	assert_int_equal(hf_part_decode(&again, encode(part, buf, sizeof(buf))), HF_OK);
	assert_int_equal(again.parts->measurements->kind, HF_VALUE_FAILURE);
	assert_int_equal(again.parts->measurements->method, HF_METHOD_NONE);
	assert_int_equal(again.parts->measurements->cause, HF_ERR_NOT_MEASURED);
}

static void every_truncation_and_extension_is_refused(void **state)
{
	struct fixture *f = *state;
	struct hf_span cbor = encode(a_card(&f->claims, "pci0000:00/02"), buf, sizeof(buf));
	struct hf_claims again;

	hf_claims_init(&again, &f->arena);
	for (size_t len = 0; len < cbor.len; len++)
		assert_int_equal(hf_part_decode(&again, (struct hf_span){ buf, len }),
				 HF_ERR_CBOR_TRUNCATED);
	buf[cbor.len] = 0;
	assert_int_equal(hf_part_decode(&again, (struct hf_span){ buf, cbor.len + 1 }),
			 HF_ERR_CBOR_TRAILING);
	assert_int_equal(again.part_count, 0);
	assert_null(again.parts);
}

/* Either refused, or what was read encodes to the same bytes. */
static void no_changed_byte_decodes_to_another_encoding(void **state)
{
	struct fixture *f = *state;
	struct hf_span cbor = encode(a_card(&f->claims, "pci0000:00/02"), buf, sizeof(buf));
	size_t refused = 0;

	for (size_t i = 0; i < cbor.len; i++) {
		uint8_t kept = buf[i];

		for (unsigned v = 0; v < 256; v++) {
			struct hf_claims again;
			size_t arena_len = f->arena.len;

			buf[i] = (uint8_t)v;
			hf_claims_init(&again, &f->arena);
			if (hf_part_decode(&again, cbor)) {
				refused++;
				assert_int_equal(f->arena.len, arena_len);
			} else {
				assert_true(hf_span_equal(cbor, encode(again.parts, buf2, sizeof(buf2))));
			}
			f->arena.len = arena_len;
		}
		buf[i] = kept;
	}
	assert_true(refused > cbor.len * 64);
}

/* One part "x" with one measurement whose map is given after its mkey "k". */
static enum hf_err decode_measurement(struct fixture *f, uint8_t pairs, struct hf_span rest)
{
	uint8_t bytes[256] = { 0xa3, 0, 0, 1, 0x61, 'x', 3, 0x81, (uint8_t)(0xa1 + pairs), 0, 0x61, 'k' };
	struct hf_claims claims;

	memcpy(bytes + 12, rest.ptr, rest.len);
	hf_claims_init(&claims, &f->arena);
	return hf_part_decode(&claims, (struct hf_span){ bytes, 12 + rest.len });
}

#define REFUSED(cause, pairs, ...) \
	assert_int_equal(decode_measurement(f, (pairs), BYTES(__VA_ARGS__)), (cause))

static void measurements_out_of_shape(void **state)
{
	struct fixture *f = *state;

	REFUSED(HF_OK, 2, 1, 2, 7, 5);
	REFUSED(HF_OK, 2, 1, 0, 3, 0x18, 140);
	REFUSED(HF_OK, 3, 1, 3, 3, 0x18, 140, 7, 5);		/* a partial value */
	REFUSED(HF_ERR_CBOR_TYPE, 1, 1, 2);			/* neither value nor cause */
	REFUSED(HF_ERR_CBOR_TYPE, 1, 7, 5);			/* no method */
	REFUSED(HF_ERR_CBOR_TYPE, 3, 1, 2, 7, 5, 8, 0x40);	/* two values */
	REFUSED(HF_ERR_CBOR_TYPE, 2, 1, 2, 5, 5);		/* size without digests */
	REFUSED(HF_ERR_CBOR_TYPE, 3, 1, 2, 5, 5, 7, 5);
	REFUSED(HF_ERR_CBOR_LIMIT, 2, 1, 6, 7, 5);		/* method out of range */
	REFUSED(HF_ERR_CBOR_LIMIT, 3, 1, 2, 2, 4, 7, 5);	/* unknown flag */
	REFUSED(HF_ERR_CBOR_NOT_CANONICAL, 3, 1, 2, 2, 0, 7, 5);
	REFUSED(HF_ERR_CBOR_NOT_CANONICAL, 2, 1, 1, 3, 0x18, 140);	/* failed, yet a method */
	REFUSED(HF_ERR_CBOR_LIMIT, 2, 1, 0, 3, 0);		/* cause 0 */
	REFUSED(HF_ERR_CBOR_LIMIT, 2, 1, 0, 3, 0x19, 0x03, 0xe7);	/* unknown cause */
	REFUSED(HF_ERR_CBOR_LIMIT, 2, 1, 2, 9, 5);		/* unknown key */
	REFUSED(HF_ERR_CBOR_TYPE, 2, 1, 2, 0x61, 'a', 5);	/* text key */
	REFUSED(HF_ERR_CBOR_TYPE, 2, 1, 2, 6, 5);		/* text that is a number */
	REFUSED(HF_ERR_CBOR_TYPE, 2, 1, 2, 7, 0x20);		/* number below zero */
	REFUSED(HF_ERR_CBOR_TEXT, 2, 1, 2, 6, 0x61, 0x1b);
	REFUSED(HF_ERR_CBOR_DUPLICATE_KEY, 2, 1, 2, 1, 2);
	REFUSED(HF_ERR_CBOR_NOT_CANONICAL, 2, 7, 5, 1, 2);	/* keys unsorted */
	REFUSED(HF_ERR_CBOR_LIMIT, 3, 1, 2, 4, 0xa0, 5, 5);	/* no digest */
	REFUSED(HF_ERR_CBOR_TYPE, 3, 1, 2, 4, 0xa1, 0x2f, 0x41, 0, 5, 5);	/* short digest */
	REFUSED(HF_ERR_CBOR_TYPE, 3, 1, 2, 4, 0xa1, 0x2e, 0x41, 0, 5, 5);	/* unknown algorithm */
}

static void parts_out_of_shape(void **state)
{
	struct fixture *f = *state;
	static const struct { enum hf_err cause; const char *bytes; size_t len; } rows[] = {
#define ROW(cause, literal) { cause, literal, sizeof(literal) - 1 }
		ROW(HF_OK, "\xa2\x00\x00\x01\x61x"),
		ROW(HF_ERR_CBOR_TYPE, "\x80"),
		ROW(HF_ERR_CBOR_TYPE, "\xa0"),
		ROW(HF_ERR_CBOR_TYPE, "\xa1\x00\x00"),
		ROW(HF_ERR_CBOR_LIMIT, "\xa2\x00\x03\x01\x61x"),
		ROW(HF_ERR_CBOR_TEXT, "\xa2\x00\x00\x01\x60"),
		ROW(HF_ERR_CBOR_TEXT, "\xa2\x00\x00\x01\x62x "),
		ROW(HF_ERR_CBOR_TEXT, "\xa2\x00\x00\x01\x62\xc3\xa9"),
		ROW(HF_ERR_CBOR_TYPE, "\xa2\x00\x00\x01\x41x"),
		ROW(HF_ERR_CBOR_NOT_CANONICAL, "\xa3\x00\x00\x01\x61x\x02\x80"),
		ROW(HF_ERR_CBOR_NOT_CANONICAL, "\xa3\x00\x00\x01\x61x\x03\x80"),
		ROW(HF_ERR_CBOR_TYPE, "\xa3\x00\x00\x01\x61x\x04\x80"),
		/* the same mkey twice */
		ROW(HF_ERR_CBOR_DUPLICATE_KEY, "\xa3\x00\x00\x01\x61x\x03\x82"
		    "\xa3\x00\x61k\x01\x01\x07\x00" "\xa3\x00\x61k\x01\x01\x07\x01"),
		/* a function: good, device 32, function 8, class of 25 bits, header type 0x80 */
		ROW(HF_OK, "\xa3\x00\x02\x01\x61x\x02\x81\xa3\x00\x84\x00\x00\x18\x1f\x07\x01\x61y"
		    "\x02\x88\x00\x00\x00\x00\x1a\x00\xff\xff\xff\x00\x18\x7f\xf6"),
		ROW(HF_ERR_CBOR_LIMIT, "\xa3\x00\x02\x01\x61x\x02\x81\xa3\x00\x84\x00\x00\x18\x20\x07"
		    "\x01\x61y\x02\x88\x00\x00\x00\x00\x00\x00\x00\xf6"),
		ROW(HF_ERR_CBOR_LIMIT, "\xa3\x00\x02\x01\x61x\x02\x81\xa3\x00\x84\x00\x00\x00\x08"
		    "\x01\x61y\x02\x88\x00\x00\x00\x00\x00\x00\x00\xf6"),
		ROW(HF_ERR_CBOR_LIMIT, "\xa3\x00\x02\x01\x61x\x02\x81\xa3\x00\x84\x00\x00\x00\x00"
		    "\x01\x61y\x02\x88\x00\x00\x00\x00\x1a\x01\x00\x00\x00\x00\x00\xf6"),
		ROW(HF_ERR_CBOR_LIMIT, "\xa3\x00\x02\x01\x61x\x02\x81\xa3\x00\x84\x00\x00\x00\x00"
		    "\x01\x61y\x02\x88\x00\x00\x00\x00\x00\x00\x18\x80\xf6"),
		ROW(HF_ERR_CBOR_TYPE, "\xa3\x00\x02\x01\x61x\x02\x81\xa3\x00\x84\x00\x00\x00\x00"
		    "\x01\x61y\x02\x87\x00\x00\x00\x00\x00\x00\xf6"),
		ROW(HF_ERR_CBOR_TYPE, "\xa3\x00\x02\x01\x61x\x02\x81\xa2\x00\x84\x00\x00\x00\x00"
		    "\x01\x61y"),
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_claims claims;

		hf_claims_init(&claims, &f->arena);
		assert_int_equal(hf_part_decode(&claims, (struct hf_span){
			(const uint8_t *)rows[i].bytes, rows[i].len }), rows[i].cause);
		assert_int_equal(claims.part_count, rows[i].cause ? 0 : 1);
	}
}

static void a_refused_part_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct hf_part *host = hf_claims_add_part(&f->claims, HF_PART_HOST, "host"), *board;
	size_t arena_len = f->arena.len;

	/* the second of two measurements is bad */
	assert_int_equal(hf_part_decode(&f->claims, BYTES(0xa3, 0, 0, 1, 0x61, 'x', 3, 0x82,
		0xa3, 0, 0x61, 'k', 1, 1, 7, 0, 0xa3, 0, 0x61, 'l', 1, 9, 7, 0)), HF_ERR_CBOR_LIMIT);
	assert_int_equal(f->claims.part_count, 1);
	assert_int_equal(f->claims.measurement_count, 0);
	assert_null(host->next);
	assert_int_equal(f->arena.len, arena_len);
	/* nor does a refused file whose first part is good */
	assert_int_equal(hf_claims_decode(&f->claims, BYTES(0x82, 0x46, 0xa2, 0, 0, 1, 0x61, 'x',
		0x41, 0x80)), HF_ERR_CBOR_TYPE);
	assert_int_equal(f->claims.part_count, 1);
	assert_null(host->next);
	/* and what comes afterwards is linked where it belongs */
	board = hf_claims_add_part(&f->claims, HF_PART_BOARD, "board");
	assert_non_null(board);
	assert_ptr_equal(host->next, board);
}

static void names_have_limits(void **state)
{
	struct fixture *f = *state;
	char name[HF_PATH_MAX + 2];
	struct hf_part *part;

	memset(name, 'p', sizeof(name));
	name[HF_PATH_MAX + 1] = '\0';
	assert_null(hf_claims_add_part(&f->claims, HF_PART_CARD, name));
	name[HF_PATH_MAX] = '\0';
	part = hf_claims_add_part(&f->claims, HF_PART_CARD, name);
	assert_non_null(part);
	assert_null(hf_claims_add_part(&f->claims, HF_PART_CARD, ""));
	assert_null(hf_claims_add_part(&f->claims, HF_PART_CARD, "a b"));
	assert_null(hf_claims_add_part(&f->claims, HF_PART_CARD, "a\nb"));
	assert_null(hf_claims_add_part(&f->claims, HF_PART_CARD, "\xc3\xa9"));
	name[HF_MKEY_MAX + 1] = '\0';
	assert_null(hf_claims_add_measurement(&f->claims, part, NULL, name, HF_METHOD_BYTES, 0));
	name[HF_MKEY_MAX] = '\0';
	measure(&f->claims, part, NULL, name, HF_METHOD_BYTES, 0);
	assert_null(hf_claims_add_measurement(&f->claims, part, NULL, name, HF_METHOD_BYTES, 0));
	assert_int_equal(f->claims.part_count, 1);
	assert_int_equal(f->claims.measurement_count, 1);
}

static void counts_have_limits(void **state)
{
	struct fixture *f = *state;
	static const struct hf_address address;
	struct hf_part *part = NULL;
	char name[32];

	for (size_t i = 0; i < HF_PARTS_MAX; i++) {
		snprintf(name, sizeof(name), "p%zu", i);
		part = hf_claims_add_part(&f->claims, HF_PART_CARD, name);
		assert_non_null(part);
	}
	assert_null(hf_claims_add_part(&f->claims, HF_PART_CARD, "more"));
	for (size_t i = 0; i < HF_FUNCTIONS_MAX; i++)
		assert_non_null(hf_claims_add_function(&f->claims, part, &address, "f"));
	assert_null(hf_claims_add_function(&f->claims, part, &address, "more"));
	for (size_t i = 0; i < HF_LIST_MAX; i++) {
		snprintf(name, sizeof(name), "m%zu", i);
		measure(&f->claims, part, NULL, name, HF_METHOD_BYTES, 0);
	}
	assert_null(hf_claims_add_measurement(&f->claims, part, NULL, "more", HF_METHOD_BYTES, 0));
	f->arena.cap = f->arena.len;
	assert_null(hf_claims_add_measurement(&f->claims, part, part->functions, "full", HF_METHOD_BYTES, 0));
}

static void values_have_limits(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	struct hf_measurement *m = measure(&f->claims, part, NULL, "m", HF_METHOD_BYTES, 0);
	static char text[HF_TEXT_MAX + 2];
	struct hf_digest digests[3] = { { .alg = HF_ALG_SHA256 }, { .alg = HF_ALG_SHA384 } };

	memset(text, 't', HF_TEXT_MAX + 1);
	assert_int_equal(hf_measurement_set_text(&f->claims, m, text), HF_ERR_LIMIT);
	assert_int_equal(hf_measurement_set_bytes(&f->claims, m, (struct hf_span){ buf, HF_BYTES_MAX + 1 }),
			 HF_ERR_LIMIT);
	assert_int_equal(hf_measurement_set_digests(m, digests, 0, 1), HF_ERR_LIMIT);
	assert_int_equal(hf_measurement_set_digests(m, digests, 3, 1), HF_ERR_LIMIT);
	assert_int_equal(m->kind, HF_VALUE_FAILURE);
	text[HF_TEXT_MAX] = '\0';
	assert_int_equal(hf_measurement_set_text(&f->claims, m, text), HF_OK);
	assert_int_equal(m->kind, HF_VALUE_TEXT);
	assert_int_equal(hf_measurement_set_text(&f->claims, m, "\x1b[2J"), HF_OK);
	assert_int_equal(m->kind, HF_VALUE_BYTES);
	assert_true(hf_span_equal(m->bytes, hf_span_text("\x1b[2J")));
}

static void assert_not_encodable(const struct hf_part *part)
{
	struct hf_writer w = { buf, sizeof(buf), 0, false };

	hf_part_encode(part, &w);
	assert_true(w.full);
}

/* A part whose one measurement has a value of this length, made without our own limits. */
static enum hf_err decode_sized(struct fixture *f, size_t path, size_t mkey, bool text, size_t value)
{
	struct hf_writer w = { buf, sizeof(buf), 0, false };
	struct hf_claims claims;

	memset(buf2, 'x', sizeof(buf2));
	hf_cbor_put_map(&w, 3);
	hf_cbor_put_uint(&w, 0);
	hf_cbor_put_uint(&w, HF_PART_HOST);
	hf_cbor_put_uint(&w, 1);
	hf_cbor_put_tstr(&w, (struct hf_span){ buf2, path });
	hf_cbor_put_uint(&w, 3);
	hf_cbor_put_array(&w, 1);
	hf_cbor_put_map(&w, 3);
	hf_cbor_put_uint(&w, 0);
	hf_cbor_put_tstr(&w, (struct hf_span){ buf2, mkey });
	hf_cbor_put_uint(&w, 1);
	hf_cbor_put_uint(&w, HF_METHOD_BYTES);
	hf_cbor_put_uint(&w, text ? 6 : 8);
	if (text)
		hf_cbor_put_tstr(&w, (struct hf_span){ buf2, value });
	else
		hf_cbor_put_bstr(&w, (struct hf_span){ buf2, value });
	assert_false(w.full);
	hf_claims_init(&claims, &f->arena);
	return hf_part_decode(&claims, hf_written(&w));
}

static void decoding_has_the_same_limits(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_sized(f, HF_PATH_MAX, HF_MKEY_MAX, true, HF_TEXT_MAX), HF_OK);
	assert_int_equal(decode_sized(f, HF_PATH_MAX + 1, HF_MKEY_MAX, true, 1), HF_ERR_CBOR_LIMIT);
	assert_int_equal(decode_sized(f, HF_PATH_MAX, HF_MKEY_MAX + 1, true, 1), HF_ERR_CBOR_LIMIT);
	assert_int_equal(decode_sized(f, 1, 1, true, HF_TEXT_MAX + 1), HF_ERR_CBOR_LIMIT);
	assert_int_equal(decode_sized(f, 1, 1, false, HF_BYTES_MAX), HF_OK);
	assert_int_equal(decode_sized(f, 1, 1, false, HF_BYTES_MAX + 1), HF_ERR_CBOR_LIMIT);
	assert_int_equal(decode_sized(f, 1, 1, true, 0), HF_OK);
	assert_int_equal(decode_sized(f, 0, 1, true, 0), HF_ERR_CBOR_TEXT);
}

static void a_part_of_more_than_four_mebibytes_is_refused(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	size_t cap = HF_PART_CBOR_MAX + HF_BYTES_MAX * 2;
	struct hf_writer w = { hf_arena_take(&f->arena, cap), cap, 0, false };
	struct hf_claims again;
	char name[16];

	assert_non_null(w.buf);
	for (int i = 0; i < 63; i++) {
		snprintf(name, sizeof(name), "m%02d", i);
		assert_int_equal(hf_measurement_set_bytes(&f->claims,
			measure(&f->claims, part, NULL, name, HF_METHOD_BYTES, 0),
			(struct hf_span){ buf, HF_BYTES_MAX }), HF_OK);
	}
	hf_part_encode(part, &w);
	assert_false(w.full);
	hf_claims_init(&again, &f->arena);
	assert_int_equal(hf_part_decode(&again, hf_written(&w)), HF_OK);
	assert_int_equal(hf_measurement_set_bytes(&f->claims,
		measure(&f->claims, part, NULL, "more", HF_METHOD_BYTES, 0),
		(struct hf_span){ buf, HF_BYTES_MAX }), HF_OK);
	w.len = 0;
	hf_part_encode(part, &w);
	assert_true(w.full);
	assert_true(w.len > HF_PART_CBOR_MAX);	/* all of it was written: only the size is wrong */
	assert_int_equal(hf_part_decode(&again, hf_written(&w)), HF_ERR_CBOR_LIMIT);
}

static void what_could_not_be_decoded_is_not_encoded(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = a_card(&f->claims, "pci0000:00/02");
	struct hf_function *function = part->functions;
	struct hf_measurement *rom = hf_measurement_find(function->measurements, "option-rom/window");
	struct hf_measurement *m = part->measurements;

	rom->digests[1].alg = HF_ALG_SHA256;
	assert_not_encodable(part);
	rom->digests[1].alg = HF_ALG_SM3;
	assert_not_encodable(part);
	rom->digests[1].alg = HF_ALG_SHA384;
	encode(part, buf, sizeof(buf));
	m->flags = 4;
	assert_not_encodable(part);
	m->flags = 0;
	m->method = HF_METHODS;
	assert_not_encodable(part);
	m->method = HF_METHOD_IDENTITY;
	m->cause = (enum hf_err)999;
	assert_not_encodable(part);
	m->cause = HF_OK;
	m->kind = (enum hf_value_kind)9;
	assert_not_encodable(part);
	m->kind = HF_VALUE_TEXT;
	m->text = "a\nb";
	assert_not_encodable(part);
	m->text = "ab";
	function->driver = "a b";
	assert_not_encodable(part);
	function->driver = NULL;
	function->address.device = 32;
	assert_not_encodable(part);
	function->address.device = 31;
	function->identity.class_code = 1 << 24;
	assert_not_encodable(part);
	function->identity.class_code = 0;
	encode(part, buf, sizeof(buf));
}

static void every_difference_is_seen(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = a_card(&f->claims, "pci0000:00/02");
	struct hf_measurement *rom = hf_measurement_find(part->functions->measurements, "option-rom/window");
	struct hf_measurement *text = hf_measurement_find(part->functions->measurements, "fw-version");
	struct hf_measurement other;

#define DIFFERS(original, change) do { \
	other = *(original); \
	assert_true(hf_measurement_equal((original), &other)); \
	change; \
	assert_false(hf_measurement_equal((original), &other)); \
	assert_false(hf_measurement_equal(&other, (original))); \
} while (0)
	DIFFERS(rom, other.mkey = "other");
	DIFFERS(rom, other.method = HF_METHOD_SIGNED);
	DIFFERS(rom, other.flags = 0);
	DIFFERS(rom, other.cause = HF_ERR_ROM_TRUNCATED);
	DIFFERS(rom, other.size++);
	DIFFERS(rom, other.digest_count--);
	DIFFERS(rom, other.digests[0].bytes[31] ^= 1);
	DIFFERS(rom, other.digests[1].bytes[47] ^= 1);
	DIFFERS(rom, other.digests[1].alg = HF_ALG_SHA512);
	DIFFERS(rom, hf_measurement_set_failure(&other, HF_ERR_READ_FAILED));
	DIFFERS(text, other.text = "1.2");
	DIFFERS(part->measurements, other.number++);
	DIFFERS(part->functions->measurements, other.bytes.len--);
}

static void the_strongest_method_that_succeeded(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_CARD, "x");
	struct hf_function *fn = hf_claims_add_function(&f->claims, part, &(struct hf_address){ 0 }, "x.0");
	struct hf_measurement *m;

	assert_int_equal(hf_part_method(part), HF_METHOD_NONE);
	m = measure(&f->claims, part, fn, "spdm/1", HF_METHOD_SIGNED, HF_MEASUREMENT_CODE);
	assert_int_equal(hf_part_method(part), HF_METHOD_NONE);
	m = measure(&f->claims, part, fn, "identity", HF_METHOD_IDENTITY, 0);
	hf_measurement_set_number(m, 1);
	assert_int_equal(hf_part_method(part), HF_METHOD_IDENTITY);
	m = measure(&f->claims, part, fn, "vpd", HF_METHOD_BYTES, HF_MEASUREMENT_ADVISORY);
	hf_measurement_set_number(m, 1);
	assert_int_equal(hf_part_method(part), HF_METHOD_IDENTITY);
	m = measure(&f->claims, part, NULL, "fw-version", HF_METHOD_VERSION, 0);
	hf_measurement_set_number(m, 1);
	assert_int_equal(hf_part_method(part), HF_METHOD_VERSION);
	m = measure(&f->claims, part, fn, "option-rom/window", HF_METHOD_BYTES, HF_MEASUREMENT_CODE);
	hf_measurement_set_number(m, 1);
	m->cause = HF_ERR_ROM_TRUNCATED;	/* partial: does not count */
	assert_int_equal(hf_part_method(part), HF_METHOD_VERSION);
	m->cause = HF_OK;
	assert_int_equal(hf_part_method(part), HF_METHOD_BYTES);
}

static void a_later_entry_takes_the_place_of_an_earlier_one(void **state)
{
	struct fixture *f = *state;
	struct hf_part *a = hf_claims_add_part(&f->claims, HF_PART_CARD, "a");
	struct hf_part *b = hf_claims_add_part(&f->claims, HF_PART_CARD, "b");
	struct hf_part *again = hf_claims_add_part(&f->claims, HF_PART_CARD, "a");

	assert_ptr_equal(hf_claims_find_part(&f->claims, "a"), again);
	assert_ptr_equal(hf_claims_find_part(&f->claims, "b"), b);
	assert_null(hf_claims_find_part(&f->claims, "c"));
	assert_true(hf_part_superseded(a));
	assert_false(hf_part_superseded(b));
	assert_false(hf_part_superseded(again));
}

static void addresses(void **state)
{
	static const char *const bad[] = {
		"", "03:00.0", "000:03:00.0", "000000000:03:00.0", "0000:3:00.0", "0000:03:0.0",
		"0000:03:00", "0000:03:00.", "0000:03:00.8", "0000:03:20.0", "0000:03:00.00",
		"0000:03:00.0 ", "0000:03:00:0", "0000.03:00.0", "g000:03:00.0", "0x00:03:00.0",
	};
	struct hf_address address = { 1, 2, 3, 4 };
	char text[HF_ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hf_address_parse(bad[i], &address));
	assert_int_equal(address.domain, 1);
	assert_true(hf_address_parse("0000:03:1f.7", &address));
	hf_address_format(&address, text);
	assert_string_equal(text, "0000:03:1f.7");
	assert_true(hf_address_parse("FFFFFFFF:fF:1F.7", &address));
	hf_address_format(&address, text);
	assert_string_equal(text, "ffffffff:ff:1f.7");
}

static void names_of_enums(void **state)
{
	(void)state;
	assert_string_equal(hf_method_name(HF_METHOD_NONE), "none");
	assert_string_equal(hf_method_name(HF_METHOD_SIGNED), "signed");
	assert_string_equal(hf_method_name(HF_METHODS), "unknown");
	assert_string_equal(hf_part_kind_name(HF_PART_HOST), "host");
	assert_string_equal(hf_part_kind_name(HF_PART_BOARD), "board");
	assert_string_equal(hf_part_kind_name(HF_PART_CARD), "card");
	assert_string_equal(hf_part_kind_name((enum hf_part_kind)3), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(encode_decode_encode),
		TEST(the_bytes_are_those_of_the_specification),
		TEST(whole_claims_round_trip),
		TEST(what_was_not_filled_in_is_a_failure),
		TEST(every_truncation_and_extension_is_refused),
		TEST(no_changed_byte_decodes_to_another_encoding),
		TEST(measurements_out_of_shape),
		TEST(parts_out_of_shape),
		TEST(a_refused_part_leaves_no_trace),
		TEST(names_have_limits),
		TEST(counts_have_limits),
		TEST(values_have_limits),
		TEST(decoding_has_the_same_limits),
		TEST(a_part_of_more_than_four_mebibytes_is_refused),
		TEST(what_could_not_be_decoded_is_not_encoded),
		TEST(every_difference_is_seen),
		TEST(the_strongest_method_that_succeeded),
		TEST(a_later_entry_takes_the_place_of_an_earlier_one),
		TEST(addresses),
		TEST(names_of_enums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
