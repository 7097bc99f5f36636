/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/manifest_fixture.h"
#include "tests/unit/sign_fixture.h"

#define NOW 1800000000

static uint8_t memory[1 << 20];
static struct hf_arena arena = { .base = memory, .cap = sizeof(memory) };
static struct hf_manifests out;

static void reset(void)
{
	memset(memory, 0xaa, sizeof(memory));
	arena.len = 0;
	out = (struct hf_manifests){ .arena = &arena };
}

/* After a refusal out and the arena are as before. */
static enum hf_err decode(struct hf_span in, int64_t now)
{
	enum hf_err err;

	reset();
	err = hf_corim_decode(in, 3, now, &out);
	if (err) {
		assert_null(out.components);
		assert_null(out.models);
		assert_null(out.images);
		assert_int_equal(arena.len, 0);
	}
	return err;
}

static void assert_digest(const struct hf_digest *a, const struct hf_digest *b)
{
	assert_int_equal(a->alg, b->alg);
	assert_true(hf_digest_equal(a, b));
}

static void assert_text(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void assert_component(const struct hf_component *a, const struct hf_component *b)
{
	const struct hf_release *r = a->releases, *q = b->releases;

	assert_string_equal(a->name, b->name);
	assert_int_equal(a->file, 3);
	for (; r && q; r = r->next, q = q->next) {
		const struct hf_environment *e = r->environments, *f = q->environments;

		assert_string_equal(r->name, q->name);
		assert_int_equal(r->state, q->state);
		assert_text(r->note, q->note);
		assert_text(r->provenance, q->provenance);
		for (; e && f; e = e->next, f = f->next) {
			const struct hf_reference *x = e->references, *y = f->references;

			assert_int_equal(e->count, f->count);
			assert_int_equal(e->match.vendor, f->match.vendor);
			assert_int_equal(e->match.device, f->match.device);
			assert_int_equal(e->match.class_code, f->match.class_code);
			assert_int_equal(e->match.has_subsystem, f->match.has_subsystem);
			assert_int_equal(e->match.subsystem_vendor, f->match.subsystem_vendor);
			assert_int_equal(e->match.subsystem_device, f->match.subsystem_device);
			assert_int_equal(e->match.has_revision, f->match.has_revision);
			assert_int_equal(e->match.revision, f->match.revision);
			assert_int_equal(e->match.has_serial, f->match.has_serial);
			assert_true(e->match.serial == f->match.serial);
			for (; x && y; x = x->next, y = y->next) {
				assert_string_equal(x->mkey, y->mkey);
				assert_text(x->text, y->text);
				assert_int_equal(x->digest_count, y->digest_count);
				for (size_t i = 0; i < x->digest_count; i++)
					assert_digest(&x->digests[i], &y->digests[i]);
			}
			assert_true(!x && !y);
		}
		assert_true(!e && !f);
	}
	assert_true(!r && !q);
}

static void assert_model(const struct hf_model *a, const struct hf_model *b)
{
	const struct hf_name_list *d = a->drivers, *e = b->drivers;
	const struct hf_boot_code *c = a->boot_code, *g = b->boot_code;
	const struct hf_rule *r = a->rules, *q = b->rules;

	assert_string_equal(a->name, b->name);
	assert_string_equal(a->vendor, b->vendor);
	assert_string_equal(a->product, b->product);
	assert_true(a->generation == b->generation);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->tpm_required, b->tpm_required);
	assert_int_equal(a->unknown, b->unknown);
	assert_text(a->provenance, b->provenance);
	assert_int_equal(a->file, 3);
	for (; d && e; d = d->next, e = e->next)
		assert_string_equal(d->name, e->name);
	assert_true(!d && !e);
	for (; c && g; c = c->next, g = g->next) {
		assert_string_equal(c->name, g->name);
		assert_digest(&c->sha256, &g->sha256);
	}
	assert_true(!c && !g);
	for (; r && q; r = r->next, q = q->next) {
		assert_string_equal(r->name, q->name);
		assert_string_equal(r->component, q->component);
		assert_text(r->place, q->place);
		assert_int_equal(r->presence, q->presence);
		assert_int_equal(r->count, q->count);
		assert_int_equal(r->least_method, q->least_method);
		assert_int_equal(r->action, q->action);
	}
	assert_true(!r && !q);
}

static void assert_image(const struct hf_image *a, const struct hf_image *b)
{
	for (; a && b; a = a->next, b = b->next) {
		assert_int_equal(a->role, b->role);
		assert_int_equal(a->kind, b->kind);
		assert_string_equal(a->name, b->name);
		assert_int_equal(a->has_kernel, b->has_kernel);
		assert_int_equal(a->has_initrd, b->has_initrd);
		assert_int_equal(a->has_command_line, b->has_command_line);
		assert_int_equal(a->has_root, b->has_root);
		assert_int_equal(a->has_boot_entry, b->has_boot_entry);
		assert_int_equal(a->has_uki, b->has_uki);
		assert_int_equal(a->has_sections, b->has_sections);
		assert_memory_equal(&a->uki, &b->uki, sizeof(a->uki));
		assert_memory_equal(&a->sections, &b->sections, sizeof(a->sections));
		assert_memory_equal(&a->boot_entry, &b->boot_entry, sizeof(a->boot_entry));
		assert_memory_equal(&a->kernel, &b->kernel, sizeof(a->kernel));
		assert_memory_equal(&a->initrd, &b->initrd, sizeof(a->initrd));
		assert_memory_equal(&a->command_line, &b->command_line, sizeof(a->command_line));
		assert_memory_equal(&a->root, &b->root, sizeof(a->root));
		assert_text(a->command_line_text, b->command_line_text);
		assert_text(a->provenance, b->provenance);
	}
	assert_true(!a && !b);
}

static void everything_round_trips(void **state)
{
	struct sample s, *p = sample_make(&s);
	uint8_t buf[4096], again[4096];
	struct hf_writer w = { .buf = again, .cap = sizeof(again) };
	size_t len = sample_encode(p, COMPONENTS | MODELS | IMAGES, buf, sizeof(buf));

	(void)state;
	assert_int_equal(decode((struct hf_span){ buf, len }, NOW), HF_OK);
	assert_component(out.components, &s.component);
	assert_null(out.components->next);
	assert_model(out.models, &s.model);
	assert_image(out.images, &s.images[0]);
	assert_int_equal(hf_corim_encode(&out, "id", &w), HF_OK);
	assert_int_equal(w.len, len);
	assert_memory_equal(buf, again, len);
}

static void a_unified_image_round_trips(void **state)
{
	struct sample s, *p = sample_make(&s);
	uint8_t buf[4096];
	size_t len;

	(void)state;
	s.images[0].has_uki = s.images[0].has_sections = true;
	s.images[0].uki = digest_of(HF_ALG_SHA256, 0x51);
	s.images[0].sections = digest_of(HF_ALG_SHA256, 0x52);
	len = sample_encode(p, IMAGES, buf, sizeof(buf));
	assert_int_equal(decode((struct hf_span){ buf, len }, NOW), HF_OK);
	assert_image(out.images, &s.images[0]);
}

static void a_second_file_is_appended(void **state)
{
	struct sample s, *p = sample_make(&s);
	uint8_t buf[4096];
	size_t len = sample_encode(p, COMPONENTS, buf, sizeof(buf));

	(void)state;
	assert_int_equal(decode((struct hf_span){ buf, len }, 0), HF_OK);
	size_t used = arena.len;

	/* one component name, one file: and the first stays as it was */
	assert_int_equal(hf_corim_decode((struct hf_span){ buf, len }, 4, 0, &out), HF_ERR_DUPLICATE_NAME);
	assert_int_equal(arena.len, used);
	assert_null(out.components->next);
	len = sample_encode(p, MODELS, buf, sizeof(buf));
	assert_int_equal(hf_corim_decode((struct hf_span){ buf, len }, 4, 0, &out), HF_OK);
	assert_int_equal(out.models->file, 4);
	assert_int_equal(hf_corim_decode((struct hf_span){ buf, len }, 5, 0, &out), HF_ERR_DUPLICATE_NAME);
	assert_null(out.models->next);
	s.component.name = "disk";
	len = sample_encode(p, COMPONENTS, buf, sizeof(buf));
	assert_int_equal(hf_corim_decode((struct hf_span){ buf, len }, 6, 0, &out), HF_OK);
	assert_string_equal(out.components->next->name, "disk");
	assert_int_equal(out.components->next->file, 6);
}

static void names_within_a_file_are_unique(void **state)
{
	struct sample s, *p = sample_make(&s);
	uint8_t buf[4096];
	size_t len;

	(void)state;
	s.releases[1].name = s.releases[0].name;
	len = sample_encode(p, COMPONENTS, buf, sizeof(buf));
	assert_int_equal(decode((struct hf_span){ buf, len }, 0), HF_ERR_DUPLICATE_NAME);
	p = sample_make(&s);
	s.rules[1].name = s.rules[0].name;
	len = sample_encode(p, MODELS, buf, sizeof(buf));
	assert_int_equal(decode((struct hf_span){ buf, len }, 0), HF_ERR_DUPLICATE_NAME);
}

static void measurements_are_named_once(void **state)
{
	struct sample s, *p = sample_make(&s);
	uint8_t buf[4096];
	size_t len;

	(void)state;
	s.references[1].mkey = s.references[0].mkey;
	len = sample_encode(p, COMPONENTS, buf, sizeof(buf));
	assert_int_equal(decode((struct hf_span){ buf, len }, 0), HF_ERR_CORIM_SHAPE);
}

static void digest_algorithms_are_named_once(void **state)
{
	static const struct { int64_t first, second; enum hf_err err; } rows[] = {
		{ -16, -43, HF_OK }, { -16, -16, HF_ERR_CORIM_DUPLICATE_DIGEST },
		{ -16, 1, HF_ERR_CORIM_DUPLICATE_DIGEST },	/* the same under two numbers */
		{ 1, 1, HF_ERR_CORIM_DUPLICATE_DIGEST }, { -43, 7, HF_ERR_CORIM_DUPLICATE_DIGEST },
		{ 8, -44, HF_ERR_CORIM_DUPLICATE_DIGEST }, { 8, 7, HF_OK }, { 1, 99, HF_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const uint8_t zeros[64];
		uint8_t buf[256];
		struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
		struct hf_reference_triple triple = { .measurement_count = 1 };
		struct hf_measured m;

		hf_cbor_put_map(&w, 1);
		hf_cbor_put_uint(&w, 1);
		hf_cbor_put_map(&w, 1);
		hf_cbor_put_uint(&w, 2);
		hf_cbor_put_array(&w, 2);
		for (int k = 0; k < 2; k++) {
			int64_t alg = k ? rows[i].second : rows[i].first;
			size_t len = alg == 7 || alg == -43 ? 48 : alg == 8 || alg == -44 ? 64 : 32;

			hf_cbor_put_array(&w, 2);
			hf_cbor_put_int(&w, alg);
			hf_cbor_put_bstr(&w, (struct hf_span){ zeros, len });
		}
		triple.measurements = hf_cbor_at(hf_written(&w));
		memset(&m, 0xaa, sizeof(m));
		assert_int_equal(hf_triple_next(&triple, &m), rows[i].err);
		if (rows[i].err)
			continue;
		assert_int_equal(m.digest_count, rows[i].second == 99 ? 1 : 2);
		assert_int_equal(m.other_digests, rows[i].second == 99);
	}
}

/* Encoded bytes with one pattern, which must occur, replaced by another of its length. */
struct patch {
	const char *name;
	unsigned what;
	struct hf_span from, to;
	enum hf_err err;
};

static void patched_files_are_refused(void **state)
{
#define T(text) { (const uint8_t *)(text), sizeof(text) - 1 }
	static const struct patch rows[] = {
		{ "nothing", COMPONENTS, T("nic"), T("nic"), HF_OK },
		{ "outer tag", COMPONENTS, T("\xd9\x01\xf5"), T("\xd9\x01\xf6"), HF_ERR_CORIM_SHAPE },
		{ "another profile", COMPONENTS, T("\xd6\xb7\x54"), T("\xd6\xb7\x55"), HF_ERR_CORIM_PROFILE },
		{ "profile a URI tag", COMPONENTS, T("\xd8\x6f\x54"), T("\xd8\x20\x54"), HF_ERR_CORIM_SHAPE },
		{ "CoSWID tag", COMPONENTS, T("\xd9\x01\xfa"), T("\xd9\x01\xf9"), HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "unknown tag", COMPONENTS, T("\xd9\x01\xfa"), T("\xd9\x01\xfb"), HF_ERR_CORIM_SHAPE },
		{ "unknown tag id", COMPONENTS, T("component/nic/2.0"), T("componant/nic/2.0"), HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "tag id without release", COMPONENTS, T("component/nic/2.0"), T("component/nic-2.0"), HF_ERR_CORIM_SHAPE },
		{ "release with a slash", COMPONENTS, T("component/nic/2.0"), T("component/ni/2/.0"), HF_ERR_CORIM_SHAPE },
		{ "release of another component", COMPONENTS, T("component/nic/1.0"), T("component/nik/1.0"), HF_OK },
		{ "empty component", COMPONENTS, T("component/nic/2.0"), T("component//ic/2.0"), HF_ERR_CORIM_SHAPE },
		{ "vendor differs from class", COMPONENTS, T("Vendor=8086:Device=10d3:CC=020000:REV"), T("Vendor=8087:Device=10d3:CC=020000:REV"), HF_ERR_CORIM_SHAPE },
		{ "device differs from class", COMPONENTS, T("Device=10d3:CC=020000:REV"), T("Device=10d4:CC=020000:REV"), HF_ERR_CORIM_SHAPE },
		{ "class in capitals", COMPONENTS, T("SSID=a01f"), T("SSID=A01F"), HF_ERR_CORIM_SHAPE },
		{ "class order", COMPONENTS, T("SSVID=1028:SSID=a01f"), T("SSID=1028:SSVID=a01f"), HF_ERR_CORIM_SHAPE },
		{ "class shorter", COMPONENTS, T("CC=020000:REV=0b"), T("CC=0200:REV=0000"), HF_ERR_CORIM_SHAPE },
		{ "class id another tag", COMPONENTS, T("\xd9\x02\x30\x58"), T("\xd9\x02\x31\x58"), HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "release state unknown", COMPONENTS, T("\x20\x00\x22\x02"), T("\x20\x03\x22\x02"), HF_ERR_CORIM_SHAPE },
		{ "release state a text", COMPONENTS, T("\x20\x00\x22\x02"), T("\x20\x60\x22\x02"), HF_ERR_CORIM_SHAPE },
		{ "count missing", COMPONENTS, T("\x20\x00\x22\x02"), T("\x20\x00\x24\x02"), HF_ERR_CBOR_NOT_CANONICAL },
		{ "key of a model", COMPONENTS, T("\x20\x00\x22\x02\x23"), T("\x20\x00\x22\x02\x24"), HF_ERR_CORIM_SHAPE },
		{ "key of a rule", COMPONENTS, T("\x20\x00\x22\x02\x23"), T("\x20\x00\x22\x02\x33"), HF_ERR_CORIM_SHAPE },
		{ "key another version's", COMPONENTS, T("\x20\x02\x21"), T("\x20\x02\x31"), HF_ERR_CBOR_NOT_CANONICAL },
		{ "SVN of another type", COMPONENTS, T("\xa1\x00\xa1\x00\x6a"), T("\xa1\x01\xa1\x00\x6a"), HF_ERR_CORIM_SHAPE },
		{ "digest algorithm unknown", COMPONENTS, T("\x38\x2a"), T("\x38\x2c"), HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "digest of another length", COMPONENTS, T("\x38\x2a"), T("\x38\x2b"), HF_ERR_CORIM_SHAPE },
		{ "mkey a byte string", COMPONENTS, T("\x6a" "fw-version"), T("\x4a" "fw-version"), HF_ERR_CORIM_SHAPE },
		{ "digest by its other number", COMPONENTS, T("\x82\x2f\x58\x20\x21"), T("\x82\x01\x58\x20\x21"), HF_OK },
		{ "mkey with a control character", COMPONENTS, T("\xa2\x00\x6a" "fw-version"), T("\xa2\x00\x6a" "fw-versio\n"), HF_ERR_CBOR_TEXT },
		{ "generation negative", MODELS, T("\x24\x07"), T("\x24\x27"), HF_ERR_CORIM_SHAPE },
		{ "mode unknown", MODELS, T("\x24\x07\x25\x01"), T("\x24\x07\x25\x02"), HF_ERR_CORIM_SHAPE },
		{ "tpm a number", MODELS, T("\x26\xf5"), T("\x26\x01"), HF_ERR_CORIM_SHAPE },
		{ "unknown action", MODELS, T("\x26\xf5\x27\x01"), T("\x26\xf5\x27\x03"), HF_ERR_CORIM_SHAPE },
		{ "driver with a slash", MODELS, T("ixgbe"), T("ix/be"), HF_ERR_CORIM_SHAPE },
		{ "boot code misnumbered", MODELS, T("boot-code/1"), T("boot-code/2"), HF_ERR_CORIM_SHAPE },
		{ "rule misnumbered", MODELS, T("rule/1"), T("rule/0"), HF_ERR_CORIM_SHAPE },
		{ "rule without component", MODELS, T("\x29\x63nic\x2a"), T("\x28\x63nic\x2a"), HF_ERR_CORIM_SHAPE },
		{ "presence unknown", MODELS, T("\x2b\x01\x2c\x03"), T("\x2b\x03\x2c\x03"), HF_ERR_CORIM_SHAPE },
		{ "count zero", MODELS, T("\x2b\x01\x2c\x03"), T("\x2b\x01\x2c\x00"), HF_ERR_CORIM_SHAPE },
		{ "method none", MODELS, T("\x2d\x02\x2e\x01"), T("\x2d\x00\x2e\x01"), HF_ERR_CORIM_SHAPE },
		{ "method unknown", MODELS, T("\x2d\x02\x2e\x01"), T("\x2d\x06\x2e\x01"), HF_ERR_CORIM_SHAPE },
		{ "action unknown", MODELS, T("\x2d\x02\x2e\x01"), T("\x2d\x02\x2e\x03"), HF_ERR_CORIM_SHAPE },
		{ "image role and class differ", IMAGES, T("agent-image"), T("agent_image"), HF_ERR_CORIM_SHAPE },
		{ "image unknown digest", IMAGES, T("\x66kernel"), T("\x66kernol"), HF_ERR_CORIM_SHAPE },
		{ "image kind unknown", IMAGES, T("\x2f\x01"), T("\x2f\x02"), HF_ERR_CORIM_SHAPE },
		{ "image kind other", IMAGES, T("\x2f\x01"), T("\x2f\x00"), HF_ERR_CORIM_SHAPE },
	};
#undef T
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s;
		uint8_t buf[4096], *at;
		size_t len = sample_encode(sample_make(&s), rows[i].what, buf, sizeof(buf));
		enum hf_err err;

		assert_int_equal(rows[i].from.len, rows[i].to.len);
		at = memmem(buf, len, rows[i].from.ptr, rows[i].from.len);
		if (!at)
			fail_msg("%s: the pattern is not there", rows[i].name);
		memcpy(at, rows[i].to.ptr, rows[i].to.len);
		err = decode((struct hf_span){ buf, len }, NOW);
		if (err != rows[i].err) {
			print_error("%s: %s instead of %s\n", rows[i].name, hf_err_name(err),
				    hf_err_name(rows[i].err));
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* Whatever is accepted after any one bit changed means what it says: encoding it and
 * decoding that gives the same bytes again. */
static void flipped_bits_are_refused_or_mean_something(void **state)
{
	struct sample s;
	uint8_t buf[4096];
	size_t len = sample_encode(sample_make(&s), COMPONENTS | MODELS | IMAGES, buf, sizeof(buf));
	size_t accepted = 0;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		uint8_t first[4096], second[4096];
		struct hf_writer a = { .buf = first, .cap = sizeof(first) };
		struct hf_writer b = { .buf = second, .cap = sizeof(second) };
		struct hf_manifests again = { .arena = &arena };

		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		arena.len = 0;
		out = (struct hf_manifests){ .arena = &arena };
		if (hf_corim_decode((struct hf_span){ buf, len }, 0, NOW, &out) == HF_OK) {
			accepted++;
			assert_int_equal(hf_corim_encode(&out, "id", &a), HF_OK);
			assert_int_equal(hf_corim_decode(hf_written(&a), 0, NOW, &again), HF_OK);
			assert_int_equal(hf_corim_encode(&again, "id", &b), HF_OK);
			assert_true(hf_span_equal(hf_written(&a), hf_written(&b)));
		}
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(accepted > 100);	/* bits of digests and names */
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(decode((struct hf_span){ buf, cut }, 0), HF_OK);
	buf[len] = 0;
	assert_int_equal(decode((struct hf_span){ buf, len + 1 }, 0), HF_ERR_CBOR_TRAILING);
}

static void the_encoder_refuses_what_the_decoder_would(void **state)
{
	static const char long_name[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"012345678901234567890123456";
	struct sample s;
	uint8_t buf[4096];
	struct hf_manifests m;

#define REFUSED(what, change) do { \
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) }; \
	sample_make(&s); \
	m = (struct hf_manifests){ 0 }; \
	if ((what) == COMPONENTS) m.components = &s.component; \
	if ((what) == MODELS) m.models = &s.model; \
	if ((what) == IMAGES) m.images = &s.images[0]; \
	change; \
	assert_int_equal(hf_corim_encode(&m, "id", &w), HF_ERR_CORIM_SHAPE); \
} while (0)

	(void)state;
	assert_int_equal(strlen(long_name), HF_NAME_MAX + 1);
	REFUSED(0, (void)0);
	REFUSED(COMPONENTS, s.component.name = "a/b");
	REFUSED(COMPONENTS, s.component.name = "");
	REFUSED(COMPONENTS, s.component.name = long_name);
	REFUSED(COMPONENTS, s.component.name = " a");
	REFUSED(COMPONENTS, s.component.name = "\xc3\xa4");
	REFUSED(COMPONENTS, s.releases[0].environments = NULL);
	REFUSED(COMPONENTS, s.references[0].text = "both");
	REFUSED(COMPONENTS, s.references[1].text = NULL);
	REFUSED(COMPONENTS, s.references[1].mkey = "");
	REFUSED(COMPONENTS, s.references[0].digests[0].alg = HF_ALG_SHA1);
	REFUSED(COMPONENTS, s.references[0].digests[1] = s.references[0].digests[0]);
	REFUSED(MODELS, s.model.vendor = "");
	REFUSED(MODELS, s.rules[0].count = 0);
	REFUSED(MODELS, s.rules[0].least_method = HF_METHOD_NONE);
	REFUSED(MODELS, s.rules[0].place = "");
	REFUSED(MODELS, s.codes[0].sha256.alg = HF_ALG_SHA384);
	REFUSED(IMAGES, s.images[0].has_initrd = false);
	REFUSED(IMAGES, s.images[0].has_command_line = false);
	REFUSED(IMAGES, s.images[0].command_line_text = "x");
	REFUSED(IMAGES, s.images[0].has_uki = true);
	REFUSED(IMAGES, s.images[0].has_sections = true);
	REFUSED(IMAGES, s.images[1].has_uki = s.images[1].has_sections = true);
	REFUSED(IMAGES, s.images[1].command_line_text = NULL);
	REFUSED(IMAGES, s.images[1].has_initrd = false);
	REFUSED(IMAGES, s.images[2].has_kernel = true);
#undef REFUSED
	struct hf_writer small = { .buf = buf, .cap = 100 };

	m = (struct hf_manifests){ .components = &sample_make(&s)->component };
	assert_int_equal(hf_corim_encode(&m, "id", &small), HF_ERR_LIMIT);
}

static void a_small_arena_is_a_limit(void **state)
{
	struct sample s;
	uint8_t buf[4096];
	size_t len = sample_encode(sample_make(&s), COMPONENTS | MODELS | IMAGES, buf, sizeof(buf));
	size_t need;

	(void)state;
	assert_int_equal(decode((struct hf_span){ buf, len }, 0), HF_OK);
	need = arena.len;
	for (size_t cap = 0; cap < need; cap += 13) {
		struct hf_arena small = { .base = memory, .cap = cap };

		out = (struct hf_manifests){ .arena = &small };
		assert_int_equal(hf_corim_decode((struct hf_span){ buf, len }, 0, 0, &out), HF_ERR_LIMIT);
		assert_null(out.components);
		assert_null(out.models);
		assert_null(out.images);
		assert_int_equal(small.len, 0);
	}
}

static void functions_match_by_all_that_is_named(void **state)
{
	struct hf_identity id = { .vendor = 1, .device = 2, .subsystem_vendor = 3, .subsystem_device = 4,
				  .class_code = 5, .revision = 6, .has_serial = true, .serial = 7 };
	struct hf_match bare = { .vendor = 1, .device = 2, .class_code = 5 }, m;

	(void)state;
	assert_true(hf_match_function(&bare, &id));
#define DIFFERS(change) do { m = bare; change; assert_false(hf_match_function(&m, &id)); } while (0)
#define SAME(change) do { m = bare; change; assert_true(hf_match_function(&m, &id)); } while (0)
	DIFFERS(m.vendor = 9);
	DIFFERS(m.device = 9);
	DIFFERS(m.class_code = 9);
	SAME((m.has_subsystem = true, m.subsystem_vendor = 3, m.subsystem_device = 4));
	DIFFERS((m.has_subsystem = true, m.subsystem_vendor = 9, m.subsystem_device = 4));
	DIFFERS((m.has_subsystem = true, m.subsystem_vendor = 3, m.subsystem_device = 9));
	SAME((m.has_revision = true, m.revision = 6));
	DIFFERS((m.has_revision = true, m.revision = 9));
	SAME((m.has_serial = true, m.serial = 7));
	DIFFERS((m.has_serial = true, m.serial = 9));
	SAME(m.subsystem_vendor = 9);	/* not asked for */
	id.has_serial = false;
	id.serial = 0;
	DIFFERS((m.has_serial = true, m.serial = 0));	/* absent is not zero */
}

/* ---- files that others made ---- */

struct seen { size_t measurements, digests, versions, numbers; bool nic; };

static enum hf_err look(void *self, const struct hf_comid *comid,
			const struct hf_reference_triple *triple, const struct hf_measured *m)
{
	struct seen *seen = self;

	assert_true(comid->is_comid);
	seen->measurements++;
	seen->digests += m->digest_count;
	seen->versions += m->version.len > 0;
	seen->numbers += m->mkey_type == HF_CBOR_UINT;
	seen->nic |= hf_span_equal(triple->vendor, hf_span_text("8086")) &&
		     hf_span_equal(triple->model, hf_span_text("10d3")) &&
		     hf_span_equal(m->mkey, hf_span_text("option-rom")) && m->digest_count == 2;
	return HF_OK;
}

static enum hf_err walk_payload(struct hf_span payload, int64_t now, struct seen *seen)
{
	struct hf_corim corim;
	enum hf_err err = hf_corim_open(payload, &corim);

	if (!err)
		err = hf_corim_valid_at(&corim, now);
	return err ? err : hf_corim_walk(&corim, look, seen);
}

static void samples_decode_at_the_corim_level(void **state)
{
	static const struct { const char *file; int64_t now; enum hf_err walk, decode; } rows[] = {
		{ "good-meta", NOW, HF_OK, HF_ERR_CORIM_PROFILE },
		{ "good-cwt", NOW, HF_OK, HF_ERR_CORIM_PROFILE },
		{ "good-meta", 4102444801, HF_ERR_CORIM_EXPIRED, HF_ERR_CORIM_EXPIRED },
		{ "good-meta", 1699999999, HF_ERR_CORIM_EXPIRED, HF_ERR_CORIM_EXPIRED },
		{ "bad-expired-rim-validity", NOW, HF_ERR_CORIM_EXPIRED, HF_ERR_CORIM_EXPIRED },
		{ "bad-expired-rim-validity", 0, HF_OK, HF_ERR_CORIM_PROFILE },
		{ "bad-duplicate-digest-alg", NOW, HF_ERR_CORIM_DUPLICATE_DIGEST, HF_ERR_CORIM_DUPLICATE_DIGEST },
		{ "legacy-bare-bstr-tag", NOW, HF_ERR_CORIM_SHAPE, HF_ERR_CORIM_SHAPE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[128];
		size_t len = 0;
		uint8_t *bytes;
		struct hf_cose cose;
		struct seen seen = { 0 };

		snprintf(name, sizeof(name), "corim/authored-sample/%s.corim", rows[i].file);
		bytes = corpus_read(name, &len);
		if (!bytes)
			skip();
		assert_int_equal(hf_cose_parse((struct hf_span){ bytes, len }, &cose), HF_OK);
		assert_int_equal(walk_payload(cose.payload, rows[i].now, &seen), rows[i].walk);
		if (rows[i].walk == HF_OK) {
			assert_int_equal(seen.measurements, 8);
			assert_int_equal(seen.digests, 5);
			assert_int_equal(seen.versions, 1);
			assert_int_equal(seen.numbers, 4);
			assert_true(seen.nic);
		}
		assert_int_equal(decode(cose.payload, rows[i].now), rows[i].decode);
		free(bytes);
	}
}

static void an_unsigned_sample_decodes_at_the_corim_level(void **state)
{
	struct seen seen = { 0 };
	size_t len = 0;
	uint8_t *bytes = corpus_read("corim/authored-sample/unsigned.corim", &len);

	(void)state;
	if (!bytes)
		skip();
	assert_int_equal(walk_payload((struct hf_span){ bytes, len }, NOW, &seen), HF_OK);
	assert_true(seen.nic);
	free(bytes);
}

/* Files of other makers: whatever comes out, it is an answer. */
static void foreign_files_get_an_answer(void **state)
{
	static const char *const files[] = {
		"corim/veraison/corim_testcases_unsigned-good-corim.cbor",
		"corim/veraison/corim_testcases_unsigned-example-corim.cbor",
		"corim/veraison/corim_testcases_corim-1.cbor",
		"corim/altera/testfiles_fw_rim_unsigned.rim",
		"corim/altera/testfiles_design_rim_unsigned.rim",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len = 0;
		uint8_t *bytes = corpus_read(files[i], &len);

		if (!bytes)
			skip();
		assert_int_not_equal(decode((struct hf_span){ bytes, len }, 0), HF_OK);
		for (size_t cut = 0; cut < len; cut += 7)
			assert_int_not_equal(decode((struct hf_span){ bytes, cut }, 0), HF_OK);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_round_trips),
		cmocka_unit_test(a_unified_image_round_trips), cmocka_unit_test(a_second_file_is_appended),
		cmocka_unit_test(names_within_a_file_are_unique),
		cmocka_unit_test(measurements_are_named_once),
		cmocka_unit_test(digest_algorithms_are_named_once),
		cmocka_unit_test(patched_files_are_refused),
		cmocka_unit_test(flipped_bits_are_refused_or_mean_something),
		cmocka_unit_test(the_encoder_refuses_what_the_decoder_would),
		cmocka_unit_test(a_small_arena_is_a_limit),
		cmocka_unit_test(functions_match_by_all_that_is_named),
		cmocka_unit_test(samples_decode_at_the_corim_level),
		cmocka_unit_test(an_unsigned_sample_decodes_at_the_corim_level),
		cmocka_unit_test(foreign_files_get_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
