/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CHALLENGE_AUTH and MEASUREMENTS: what is signed, and by whom. Nothing is used before its
 * signature holds; what came without one waits for one that covers it. */
#include "pcie/spdm_inside.h"

#define SLOT 0x0f		/* of p1 or p2 */
#define BASIC_MUTUAL 0x80	/* p1 of CHALLENGE_AUTH: we never offer it */
#define CONTENT_AT 4		/* p2 of MEASUREMENTS */
#define ALL 0xff
#define COUNT 0

static bool ending_fits(const struct hf_spdm *s, const struct hf_spdm_request *r,
			const struct hf_spdm_ending *end)
{
	return hf_span_equal(r->context, end->context) && (s->inside->opaque || end->opaque_len == 0);
}

/* Whose key is to verify: a slot whose chain was read, whole, and is a chain. */
static enum hf_err signer_of(const struct hf_spdm *s, uint8_t slot, const struct hf_device_chain **ret)
{
	if (s->slots[slot].cause)
		return s->slots[slot].cause;
	if (!s->slots[slot].parsed)
		return HF_ERR_DEVICE_CHAIN;
	*ret = s->slots[slot].parsed;
	return HF_OK;
}

static enum hf_err keep_pair(struct hf_spdm *s, struct hf_span request, struct hf_span answer,
			     struct hf_span kept[2])
{
	enum hf_err err = hf_spdm_keep(s, request, &kept[0]);

	return err ? err : hf_spdm_keep(s, answer, &kept[1]);
}

/* ---- CHALLENGE ---- */

static enum hf_err challenge_verify(struct hf_spdm *s, const struct hf_spdm_request *r,
				    const struct hf_spdm_challenge *m)
{
	const struct hf_device_chain *signer = NULL;
	enum hf_err err = signer_of(s, r->slot, &signer);
	struct hf_digest digest;
	struct hf_span kept[2];

	if (!err)
		err = hf_digest(s->hash_alg, s->slots[r->slot].chain, &digest);
	if (err)
		return err;
	if (memcmp(digest.bytes, m->chain_hash.ptr, m->chain_hash.len) != 0)
		return HF_ERR_DEVICE_CHAIN;
	err = keep_pair(s, r->message, m->end.signed_part, kept);
	if (!err)
		err = hf_spdm_add_m1(s, kept[0], kept[1]);
	if (err)
		return err;
	err = hf_spdm_signature_verify(s->version, s->asym, s->hash, HF_SPDM_SIGNS_CHALLENGE,
				       s->inside->m1, s->inside->m1_count, signer, m->end.signature);
	hf_spdm_empty_m1(s);
	return err;
}

enum hf_err hf_spdm_take_challenge(struct hf_spdm *s, const struct hf_spdm_request *r,
				   struct hf_spdm_answer *a)
{
	struct hf_spdm_slot *slot = &s->slots[r->slot];
	bool summary = r->p2 && (s->capabilities & HF_SPDM_CAP_MEAS);
	size_t signature_len = hf_spdm_signature_len(s->asym);
	struct hf_spdm_challenge m;
	enum hf_err err;

	if ((a->p1 & SLOT) != r->slot || !(a->p2 >> r->slot & 1) ||
	    (a->version >= 0x11 && (a->p1 & BASIC_MUTUAL)) || !hf_spdm_hash_len(s) || !signature_len ||
	    !hf_spdm_challenge_parse(a, hf_spdm_hash_len(s), summary, signature_len, &m) ||
	    !ending_fits(s, r, &m.end))
		return slot->challenge_cause = HF_ERR_SPDM_SHAPE;
	err = challenge_verify(s, r, &m);
	slot->challenge_cause = err;
	if (err)
		return err;
	slot->challenged = s->negotiation_signed = s->inside->authenticated = true;
	s->signatures++;
	return HF_OK;
}

/* ---- MEASUREMENTS ---- */

/* What a device counts or reports about itself may go on while it is asked. */
static bool may_change(uint8_t type)
{
	type &= (uint8_t)~HF_SPDM_TYPE_RAW;
	return type == HF_SPDM_TYPE_HASH_EXTEND || type == HF_SPDM_TYPE_INFORMATION;
}

static enum hf_err take_block(struct hf_spdm *s, const struct hf_spdm_measured *m, bool is_signed)
{
	struct hf_spdm_block *block = &s->blocks[m->index];

	if (block->there && block->type == m->type && !may_change(m->type) &&
	    !hf_span_equal(block->value, m->value))
		return HF_ERR_SPDM_CHANGED;
	s->block_count += !block->there;
	if (s->total && s->block_count > s->total)
		return HF_ERR_SPDM_SHAPE;
	if (block->there && block->is_signed && !is_signed)
		return HF_OK;
	*block = (struct hf_spdm_block){ .there = true, .type = m->type, .value = m->value,
					 .is_signed = is_signed };
	s->inside->block_run[m->index] = s->inside->l1_run;
	return HF_OK;
}

static bool value_fits(const struct hf_spdm *s, const struct hf_spdm_measured *m)
{
	if ((m->type & HF_SPDM_TYPE_RAW) || s->inside->report)
		return true;
	return hf_spdm_measurement_len(s->measurement_hash) == m->value.len && m->value.len;
}

enum hf_err hf_spdm_take_record(struct hf_spdm *s, const struct hf_spdm_measurements *m,
				uint8_t operation, bool is_signed)
{
	struct hf_cursor c = hf_cursor_at(m->record);
	bool seen[HF_SPDM_INDEX_MAX + 1] = { false };
	struct hf_spdm_measured block;
	enum hf_err err;

	for (size_t i = 0; i < m->count; i++) {
		if (!hf_spdm_measured_parse(&c, &block) || seen[block.index] || !value_fits(s, &block) ||
		    (operation != ALL && block.index != operation))
			return HF_ERR_SPDM_SHAPE;
		seen[block.index] = true;
		err = take_block(s, &block, is_signed);
		if (err)
			return err;
	}
	return hf_cursor_done(&c) ? HF_OK : HF_ERR_SPDM_SHAPE;
}

static bool counts_fit(const struct hf_spdm *s, const struct hf_spdm_request *r,
		       const struct hf_spdm_answer *a, const struct hf_spdm_measurements *m)
{
	if (r->p2 == COUNT)
		return m->count == 0 && m->record.len == 0 && a->p1 >= 1 && a->p1 <= HF_SPDM_INDEX_MAX &&
		       a->p1 >= s->block_count && (!s->total || s->total == a->p1);
	if (r->p2 == ALL)
		return m->count >= 1 && m->count <= HF_SPDM_INDEX_MAX && (!s->total || s->total == m->count);
	return m->count == 1;
}

/* What came unsigned since L1 was empty is covered by the signature that ends it. */
static void cover_blocks(struct hf_spdm *s)
{
	for (size_t i = 1; i <= HF_SPDM_INDEX_MAX; i++)
		if (s->blocks[i].there && !s->blocks[i].is_signed &&
		    s->inside->block_run[i] == s->inside->l1_run)
			s->blocks[i].is_covered = true;
}

static enum hf_err measurements_verify(struct hf_spdm *s, const struct hf_spdm_request *r,
				       struct hf_span signature)
{
	/* Since 1.2 the negotiation is signed too. */
	size_t skip = s->version >= 0x12 ? 0 : HF_SPDM_NEGOTIATION;
	const struct hf_device_chain *signer = NULL;
	enum hf_err err = signer_of(s, r->slot, &signer);

	if (err)
		return err;
	/* One key for all of them: who reads the claims asks about one chain only. */
	if (s->measured_slot >= 0 && s->measured_slot != r->slot)
		return HF_ERR_TRANSCRIPT_SHAPE;
	err = hf_spdm_signature_verify(s->version, s->asym, s->hash, HF_SPDM_SIGNS_MEASUREMENTS,
				       s->inside->l1 + skip, s->inside->l1_count - skip, signer, signature);
	if (err)
		return err;
	s->measured_slot = r->slot;
	s->negotiation_signed |= s->version >= 0x12;
	s->signatures++;
	return HF_OK;
}

/* Two bits; nothing before 1.2, and nothing to believe without a signature. Over several
 * signatures: changed once is changed, and the same only where each says so. */
static bool take_content(struct hf_spdm *s, uint8_t p2)
{
	enum hf_spdm_content said = (enum hf_spdm_content)(p2 >> CONTENT_AT & 3);
	bool first = s->inside->measured++ == 0;

	if (s->version < 0x12)
		return true;
	if (said > HF_SPDM_CONTENT_SAME)
		return false;
	if (said == HF_SPDM_CONTENT_CHANGED || first)
		s->content = said;
	else if (s->content == HF_SPDM_CONTENT_SAME)
		s->content = said;
	return true;
}

/* A device that changed meanwhile is asked again for all: what it showed before is void. */
static void forget_changed(struct hf_spdm *s)
{
	if (s->content != HF_SPDM_CONTENT_CHANGED)
		return;
	memset(s->blocks, 0, sizeof(s->blocks));
	s->block_count = 0;
	s->total = 0;
	s->counted = false;
	s->inside->count_run = 0;
	s->content = HF_SPDM_CONTENT_UNKNOWN;
	s->inside->measured = 0;
}

enum hf_err hf_spdm_take_measurements(struct hf_spdm *s, const struct hf_spdm_request *r,
				      struct hf_spdm_answer *a)
{
	size_t signature_len = r->is_signed ? hf_spdm_signature_len(s->asym) : 0;
	struct hf_spdm_measurements m;
	struct hf_span kept[2];
	enum hf_err err;

	if (r->p2 == ALL || r->p2 == COUNT)
		forget_changed(s);
	if ((!s->measurement_hash && !s->inside->report) || (r->is_signed && !signature_len) ||
	    !hf_spdm_measurements_parse(a, signature_len, &m) ||
	    !counts_fit(s, r, a, &m) || !ending_fits(s, r, &m.end) ||
	    (r->is_signed && a->version >= 0x11 && (a->p2 & SLOT) != r->slot))
		return HF_ERR_SPDM_SHAPE;
	err = keep_pair(s, r->message, m.end.signed_part, kept);
	if (!err)
		err = hf_spdm_add_l1(s, kept[0], kept[1]);
	if (!err && r->is_signed)
		err = measurements_verify(s, r, m.end.signature);
	if (err)
		return err;
	/* From here on what was kept: blocks borrow from it. */
	m.record = hf_span_part(kept[1], (size_t)(m.record.ptr - m.end.signed_part.ptr), m.record.len);
	if (r->p2 == COUNT)
		s->total = a->p1;
	if (r->p2 == COUNT || r->p2 == ALL)
		s->inside->count_run = s->inside->l1_run + 1u;
	err = hf_spdm_take_record(s, &m, r->p2, r->is_signed);
	if (err || !r->is_signed)
		return err;
	cover_blocks(s);
	s->counted |= s->inside->count_run == s->inside->l1_run + 1u;
	hf_spdm_empty_l1(s);
	return take_content(s, a->p2) ? HF_OK : HF_ERR_SPDM_SHAPE;
}
