/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts that are not what they say. Those that only a TPM of one's own could tell (signed: the
 * enrolled key really quotes what the host is) hold the host; what the key did not sign changes
 * nothing. tests/server/cases_attacks.py says what must come of each. */
#include "tests/fleet/fleet.h"

struct fleet_lie { const char *name; };
static const struct fleet_lie lies[] = {
	{ "relayed" },			/* good evidence, sent by somebody else */
	{ "unrestricted-key" },		/* an attestation key that signs anything */
	{ "owner-hierarchy" },		/* a key of the same shape below the owner's seed */
	{ "golden-log" },		/* another image ran; the log is that of a golden boot */
	{ "other-nonce" },		/* a quote of another challenge */
	{ "bad-signature" },
	{ "capped" },			/* the PCR was capped, and goes on */
	{ "forged-image" },		/* another gate, honestly measured by firmware */
	{ "other-driver" },		/* an option ROM ran that no manifest knows */
	{ "other-rom" },		/* a part with other code */
	{ "changed-claim" },		/* claims that the log does not name */
	{ "local-policy" },
	{ "audit-mode" },
	{ "other-chassis" },
	{ "verdict-says-accepted" },	/* what the agent thinks is read nowhere */
};

const struct fleet_lie *fleet_lie_find(const char *name)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (strcmp(lies[i].name, name) == 0)
			return &lies[i];
	return NULL;
}

bool fleet_lie_is(const struct fleet_lie *lie, const char *name)
{
	return lie && strcmp(lie->name, name) == 0;
}

#define LIE(name) fleet_lie_is(k->lie, name)

void lie_about_key(const struct fleet_lie *lie, struct soft_tpm *t)
{
	struct hf_digest name;

	if (!fleet_lie_is(lie, "unrestricted-key"))
		return;
	t->tpm.public_area[5] &= (uint8_t)~1u;	/* objectAttributes, bit 16 */
	assert_int_equal(hf_digest(HF_ALG_SHA256, t->tpm.ak, &name), HF_OK);
	memcpy(t->tpm.parsed.name + 2, name.bytes, 32);
}

void lie_before(struct maker *k, struct boot_case *c)
{
	const char *kernel = LIE("forged-image") ? "forged kernel" : "kernel";
	const char *driver = LIE("other-driver") ? "implant" : "driver";

	if (LIE("forged-image") || LIE("other-driver"))
		log_boot(&k->m.firmware, driver, kernel, "initrd", "options");
	if (LIE("local-policy"))
		c->policy = "local";
	if (LIE("audit-mode"))
		c->mode = c->end_mode = "audit";
	if (LIE("other-chassis"))
		snprintf(k->serial_text, sizeof(k->serial_text), "SN-OTHER");
	if (LIE("other-rom")) {
		struct hf_part *card = k->fx->claims.parts->next->next;
		struct hf_measurement *m = card->functions->measurements;
		struct hf_digest d = fx_digest("implanted rom");
		uint8_t *buf = fx_take(k->fx, 512);

		while (m && strcmp(m->mkey, "option-rom/window") != 0)
			m = m->next;
		assert_non_null(m);
		assert_int_equal(hf_measurement_set_digests(m, &d, 1, 13), HF_OK);
		k->payloads[2] = maker_payload(card, buf, 512);
	}
}

void lie_before_quote(struct maker *k, const struct boot_case *c)
{
	struct boot_case capped = *c;

	static _Thread_local uint8_t more[HF_LOG_MAX];
	struct hf_log first;
	size_t head;

	if (!LIE("capped"))
		return;
	capped.cap_held = "recheck-changed";
	put_cap(&k->m, &capped);
	first = k->m.log;	/* our own writer goes no further: the tenant's goes on with another */
	assert_int_equal(hf_log_start(&k->m.log, more, sizeof(more), HF_ALG_MASK(HF_ALG_SHA256) |
				      HF_ALG_MASK(HF_ALG_SHA384), HF_PCR_DEFAULT), HF_OK);
	head = k->m.log.out.len;
	put_begin(&k->m, c);
	maker_parts(k);
	put_end(&k->m, c);
	hf_put(&first.out, more + head, k->m.log.out.len - head);
	assert_false(first.out.full);
	k->m.log = first;
}

/* Patches what was quoted, and signs it again. */
static void sign_again(struct maker *k)
{
	struct hf_writer s = { .buf = k->m.sig, .cap = sizeof(k->m.sig) };

	tpm_sign(&k->m.tpm, k->m.e.quote, &s);
	k->m.e.signature = hf_written(&s);
}

/* TPMS_ATTEST as tpm_attest writes it: magic, type, size and algorithm of the signer's name. */
#define SIGNER_AT (4 + 2 + 2 + 2)
#define NONCE_AT (SIGNER_AT + 32 + 2)

static void claim_owner(struct maker *k)
{
	static const uint8_t owner[4] = { 0x40, 0, 0, 0x01 };
	struct hf_digest signer;

	assert_int_equal(hf_digest2(HF_ALG_SHA256, (struct hf_span){ owner, 4 },
				    (struct hf_span){ k->m.tpm.parsed.name, 34 }, &signer), HF_OK);
	memcpy(k->m.quote + SIGNER_AT, signer.bytes, 32);
	sign_again(k);
}

void lie_after_quote(struct maker *k)
{
	struct made *m = &k->m;

	if (LIE("owner-hierarchy"))
		claim_owner(k);
	if (LIE("bad-signature"))
		m->sig[20] ^= 1;
	if (LIE("other-nonce")) {
		m->quote[NONCE_AT] ^= 1;
		sign_again(k);
	}
	if (LIE("golden-log")) {
		m->quote[m->e.quote.len - 1] ^= 1;	/* the PCRs' digest: what really ran */
		sign_again(k);
	}
	if (LIE("changed-claim"))
		k->claims[m->e.claims.len - 40] ^= 1;
	if (LIE("verdict-says-accepted"))
		m->e.verdict = hf_span_text("{\"verdict\":\"accepted\"}");
}
