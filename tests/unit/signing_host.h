/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/signing_host.h: a boot of the fixture's host, whose drive is really asked, twice,
 * and really signs. */
#ifndef HF_TESTS_SIGNING_HOST_H
#define HF_TESTS_SIGNING_HOST_H

#include "tests/unit/evidence_fixture.h"
#include "tests/unit/spdm_device.h"

#define SAN "otherName:2.23.147;UTF8:Vendor=1b36:Device=0010:CC=010802:REV=00:SSVID=0000:SSID=0000"
#define FILES 4
#define FILE_MAX 16384

struct scene {
	struct fixture *fx;
	struct hf_function *f;		/* of the drive */
	struct signing_root root;
	struct signing_device device;
	struct hf_trust trust;
	struct hf_spdm_seed first, again;
	struct hf_digest boot_id;
	struct hf_part *note;
	uint8_t files[FILES][FILE_MAX];
	struct hf_span transcripts[FILES];
	size_t count;
	uint8_t encoded[FILES * FILE_MAX];
	struct boot_case boot;
	struct hf_span nonce;		/* of the verifier */
	bool no_file;
};

static inline struct hf_span conversation(struct scene *s, const struct hf_spdm_seed *seed, const char *path,
				   bool claim)
{
	struct hf_writer w = { .buf = s->files[s->count], .cap = FILE_MAX };

	assert_true(s->count < FILES);
	device_ask(&s->device, seed, path, &w, claim ? &s->fx->claims : NULL, s->fx->disk, s->f);
	return s->transcripts[s->count++] = hf_written(&w);
}

static inline void note_as(struct scene *s, const char *path, struct hf_span transcript)
{
	char text[HF_SPDM_NOTE_TEXT], key[32];
	struct hf_digest digest;
	static unsigned n;

	if (!s->note)
		s->note = fx_part(s->fx, HF_PART_HOST, HF_SPDM_NOTE);
	assert_int_equal(hf_digest(HF_ALG_SHA384, transcript, &digest), HF_OK);
	hf_spdm_note_text(path, &digest, text);
	snprintf(key, sizeof(key), HF_SPDM_NOTE_KEY "%u", ++n);
	fx_text(s->fx, s->note, NULL, key, HF_METHOD_IDENTITY, text);
}

static inline void release_lists(struct scene *s)
{
	struct hf_environment *e = s->fx->drive->releases->environments;

	fx_reference(s->fx, e, "spdm/1", "boot loader 7");
	fx_reference(s->fx, e, "spdm/2", "firmware 9");
	s->fx->disk_rule->least_method = HF_METHOD_SIGNED;
}

/* The drive has not been asked yet. */
static inline struct scene *scene(void)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct hf_fault fault = { 0 };
	char pem[4096];

	assert_non_null(s);
	s->fx = fx_new();
	s->f = s->fx->disk->functions;
	s->boot = good;
	root_make(&s->root, "ACME root");
	device_make(&s->device, &s->root, "drive 4711", SAN);
	assert_int_equal(hf_trust_add(&s->trust, "acme", HF_ANCHOR_DEVICE,
				      root_pem(&s->root, pem, sizeof(pem)), &fault), HF_OK);
	assert_int_equal(hf_trust_scope(&s->trust, hf_span_text("vendor = 1b36\n"), &fault), HF_OK);
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("boot key"), &s->boot_id), HF_OK);
	s->first.pass = HF_SPDM_PASS_MEASURE;
	s->again.pass = HF_SPDM_PASS_RECHECK;
	s->again.challenge = (struct hf_span){ s->boot_id.bytes, 32 };
	memcpy(s->first.boot_id, s->boot_id.bytes, 32);
	memcpy(s->again.boot_id, s->boot_id.bytes, 32);
	release_lists(s);
	return s;
}

static inline void ask_first(struct scene *s)
{
	conversation(s, &s->first, s->f->path, true);
}

static inline void ask_again(struct scene *s)
{
	note_as(s, s->f->path, conversation(s, &s->again, s->f->path, false));
}

static inline struct scene *asked_twice(void)
{
	struct scene *s = scene();

	ask_first(s);
	ask_again(s);
	return s;
}

static inline void drop_scene(struct scene *s, struct made *m)
{
	hf_trust_drop(&s->trust);
	device_drop(&s->device);
	root_drop(&s->root);
	drop(m);
	free(s);
}

/* The evidence of that boot, not verified yet. */
static inline struct made *made_of(struct scene *s)
{
	struct hf_writer w = { .buf = s->encoded, .cap = sizeof(s->encoded) };
	struct made *m = make_of(&s->boot, s->fx);

	hf_cbor_put_array(&w, s->count);
	for (size_t i = 0; i < s->count; i++)
		hf_cbor_put_bstr(&w, s->transcripts[i]);
	assert_false(w.full);
	if (!s->no_file)
		m->e.transcripts = hf_written(&w);
	if (s->boot.no_boot_key)
		m->e.boot_key = (struct hf_span){ NULL, 0 };
	m->e.nonce = s->nonce.len ? s->nonce : (struct hf_span){ m->boot_id.bytes, 32 };
	m->options.trust = &s->trust;
	m->options.nonce = s->nonce;
	m->options.pcr = s->boot.our_pcr;
	return m;
}

#endif
