/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/evidence_fixture.h: the whole evidence set of one boot, made without a TPM. */
#ifndef HF_TESTS_EVIDENCE_FIXTURE_H
#define HF_TESTS_EVIDENCE_FIXTURE_H

#include "tests/unit/boot_fixture.h"
#include "tests/unit/tpm_fixture.h"

#include "manifests/verify.h"

struct boot_case {	/* what the host does; a test changes it before make() */
	const char *mode, *end_mode, *verdict, *cause, *manifest_error;
	const char *driver, *kernel, *initrd, *options;
	const char *cap_held, *cap_release;	/* both NULL: no CAP */
	const char *policy;		/* NULL: "local" */
	bool receipt, no_boot_key, no_end, second_end, firmware_extends_13;
	uint32_t receipt_reset, our_pcr, quoted;
	struct hf_span nonce, receipt_nonce;
};

struct made {
	struct fixture *fx;
	struct fake_tpm tpm;
	struct hf_evidence e;
	struct hf_digest boot_id, cap_id;
	struct log firmware;
	struct hf_log log;
	uint8_t log_buf[HF_LOG_MAX], claims[1 << 16], quote[1024], sig[256], receipt[1024], rsig[256];
	struct hf_verify_options options;
	struct hf_verification v;
};

static const struct boot_case good = {
	.mode = "enforce", .end_mode = "enforce", .verdict = "accepted", .driver = "driver",
	.kernel = "kernel", .initrd = "initrd", .options = "options", .our_pcr = HF_PCR_DEFAULT,
};

static inline void event(struct made *m, enum hf_tag tag, struct hf_span payload)
{
	struct hf_log_entry entry;

	assert_int_equal(hf_log_reserve(&m->log, tag, payload, &entry), HF_OK);
	hf_log_commit(&m->log);
}

static inline void text_or_null(struct hf_writer *w, const char *text)
{
	if (text)
		hf_cbor_put_text(w, text);
	else
		hf_cbor_put_null(w);
}

static inline void put_begin(struct made *m, const struct boot_case *c)
{
	uint8_t buf[1024], id[32] = { 1 };
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	hf_cbor_put_map(&w, 10);
	hf_cbor_put_text(&w, "mode");
	hf_cbor_put_text(&w, c->mode);
	hf_cbor_put_text(&w, "agent");
	hf_cbor_put_text(&w, "0.1.0");
	hf_cbor_put_text(&w, "model");
	hf_cbor_put_text(&w, "acme-one");
	hf_cbor_put_text(&w, "policy");
	hf_cbor_put_text(&w, c->policy ? c->policy : "local");
	hf_cbor_put_text(&w, "anchors");
	hf_cbor_put_array(&w, 0);
	hf_cbor_put_text(&w, "boot-key");
	if (c->no_boot_key)
		hf_cbor_put_null(&w);
	else
		hf_cbor_put_bstr(&w, (struct hf_span){ m->boot_id.bytes, 32 });
	hf_cbor_put_text(&w, "manifests");
	hf_cbor_put_array(&w, 1);
	hf_cbor_put_array(&w, 2);
	hf_cbor_put_text(&w, "a.corim");
	hf_cbor_put_bstr(&w, (struct hf_span){ id, 32 });
	hf_cbor_put_text(&w, "generation");
	hf_cbor_put_uint(&w, 7);
	hf_cbor_put_text(&w, "command-line");
	hf_cbor_put_text(&w, "quiet");
	hf_cbor_put_text(&w, "manifest-error");
	text_or_null(&w, c->manifest_error);
	assert_false(w.full);
	event(m, HF_TAG_BEGIN, hf_written(&w));
}

static inline void put_part(struct made *m, const struct hf_part *part)
{
	static uint8_t cbor[1 << 16];
	uint8_t buf[512];
	struct hf_writer c = { .buf = cbor, .cap = sizeof(cbor) };
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_digest digest;

	hf_part_encode(part, &c);
	assert_false(c.full);
	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_written(&c), &digest), HF_OK);
	hf_log_part_payload(&w, part->path, &digest);
	event(m, HF_TAG_PART, hf_written(&w));
}

static inline void put_end(struct made *m, const struct boot_case *c)
{
	uint8_t buf[512];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	hf_cbor_put_map(&w, 4);
	hf_cbor_put_text(&w, "mode");
	hf_cbor_put_text(&w, c->end_mode);
	hf_cbor_put_text(&w, "cause");
	text_or_null(&w, c->cause);
	hf_cbor_put_text(&w, "parts");
	hf_cbor_put_array(&w, 0);
	hf_cbor_put_text(&w, "verdict");
	hf_cbor_put_text(&w, c->verdict);
	event(m, HF_TAG_END, hf_written(&w));
}

static inline void put_cap(struct made *m, const struct boot_case *c)
{
	uint8_t buf[256];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	hf_cbor_put_map(&w, (c->cap_held != NULL) + (c->cap_release != NULL));
	if (c->cap_held) {
		hf_cbor_put_text(&w, "held");
		hf_cbor_put_text(&w, c->cap_held);
	}
	if (c->cap_release) {
		hf_cbor_put_text(&w, "release");
		hf_cbor_put_text(&w, c->cap_release);
	}
	event(m, HF_TAG_CAP, hf_written(&w));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&w), &m->cap_id), HF_OK);
}

static inline void quote(struct made *m, uint8_t *attest, size_t cap, struct hf_span *ret_attest,
		  uint8_t *sig, size_t sig_cap, struct hf_span *ret_sig)
{
	struct hf_writer a = { .buf = attest, .cap = cap }, s = { .buf = sig, .cap = sig_cap };
	struct hf_pcrs pcrs, ours;

	assert_int_equal(hf_log_replay(m->e.firmware_log, HF_ALG_SHA256, &pcrs), HF_OK);
	assert_int_equal(hf_log_replay(hf_written(&m->log.out), HF_ALG_SHA256, &ours), HF_OK);
	for (size_t i = 8; i < 24; i++)
		if (ours.extended >> i & 1)
			memcpy(pcrs.value[i], ours.value[i], 32);
	tpm_attest(&m->tpm, &pcrs, &a);
	*ret_attest = hf_written(&a);
	tpm_sign(&m->tpm, *ret_attest, &s);
	*ret_sig = hf_written(&s);
}

static inline struct made *make_of(const struct boot_case *c, struct fixture *fx)
{
	struct made *m = calloc(1, sizeof(*m));
	struct hf_writer claims = { .buf = m->claims, .cap = sizeof(m->claims) };

	m->fx = fx;
	tpm_make(&m->tpm);
	if (c->quoted)
		m->tpm.pcrs = c->quoted;
	fx_image(fx, "gate", "kernel", "initrd", "options");
	fx_boot_code(fx, "driver");
	m->e.boot_key = hf_span_text("boot key");
	assert_int_equal(hf_digest(HF_ALG_SHA256, m->e.boot_key, &m->boot_id), HF_OK);
	m->tpm.nonce = c->nonce.len ? c->nonce : (struct hf_span){ m->boot_id.bytes, 32 };
	m->e.ak = m->tpm.ak;
	log_boot(&m->firmware, c->driver, c->kernel, c->initrd, c->options);
	if (c->firmware_extends_13)
		log_event(&m->firmware, 13, HF_EV_IPL, "x", hf_span_text("x"));
	m->e.firmware_log = hf_written(&m->firmware.w);
	assert_int_equal(hf_log_start(&m->log, m->log_buf, sizeof(m->log_buf),
				      HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA384),
				      c->our_pcr), HF_OK);
	put_begin(m, c);
	for (const struct hf_part *p = fx->claims.parts; p; p = p->next)
		put_part(m, p);
	if (!c->no_end)
		put_end(m, c);
	quote(m, m->quote, sizeof(m->quote), &m->e.quote, m->sig, sizeof(m->sig), &m->e.signature);
	if (c->cap_held || c->cap_release)
		put_cap(m, c);
	m->tpm.reset_count = c->receipt_reset ? c->receipt_reset : m->tpm.reset_count;
	if (c->receipt_nonce.len)
		m->tpm.nonce = c->receipt_nonce;
	else if (c->cap_held || c->cap_release)
		m->tpm.nonce = (struct hf_span){ m->cap_id.bytes, 32 };
	if (c->receipt)
		quote(m, m->receipt, sizeof(m->receipt), &m->e.receipt, m->rsig, sizeof(m->rsig),
		      &m->e.receipt_signature);
	m->e.log = hf_written(&m->log.out);
	hf_claims_encode(&fx->claims, &claims);
	assert_false(claims.full);
	m->e.claims = hf_written(&claims);
	m->options = (struct hf_verify_options){ .manifests = fx->manifests, .pcr = HF_PCR_DEFAULT };
	return m;
}

static inline struct made *make(const struct boot_case *c)
{
	return make_of(c, fx_new());
}

static inline void drop(struct made *m)
{
	EVP_PKEY_free(m->tpm.key);
	fx_free(m->fx);
	free(m);
}

#endif
