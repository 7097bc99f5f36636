/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DIGESTS and CERTIFICATE: what is in which slot, and the chain put together from its
 * portions. A chain that is bad is its slot's trouble; one that contradicts what the device
 * said before is the end. */
#include "pcie/spdm_inside.h"

#define HEADER_LEN 4	/* of a chain, before the root's hash */

static enum hf_err keep_pair(struct hf_spdm *s, struct hf_span request, struct hf_span answer,
			     struct hf_span *ret_answer)
{
	struct hf_span kept;
	enum hf_err err = hf_spdm_keep(s, request, &kept);

	if (!err)
		err = hf_spdm_keep(s, answer, ret_answer);
	return err ? err : hf_spdm_add_m1(s, kept, *ret_answer);
}

static size_t slots_in(uint8_t mask)
{
	size_t count = 0;

	for (; mask; mask &= (uint8_t)(mask - 1))
		count++;
	return count;
}

/* Another chain has moved in since this one was read, or began to be. */
static bool contradicts(const struct hf_spdm *s, size_t i, struct hf_span digest)
{
	const struct hf_spdm_slot *slot = &s->slots[i];
	struct hf_digest read;

	if (slot->digest.len)
		return s->inside->readings[i].have && !hf_span_equal(digest, slot->digest);
	if (!slot->chain.len)
		return false;
	return hf_digest(s->hash_alg, slot->chain, &read) != HF_OK || digest.len == 0 ||
	       memcmp(read.bytes, digest.ptr, digest.len) != 0;
}

enum hf_err hf_spdm_take_digests(struct hf_spdm *s, const struct hf_spdm_request *r,
				 struct hf_spdm_answer *a)
{
	size_t len = hf_spdm_hash_len(s), count = slots_in(a->p2), at = HEADER_LEN;
	struct hf_span message;
	enum hf_err err;

	hf_take(&a->c, count * len);
	if (s->inside->multi_key)	/* key pair, what the certificate is, usage */
		hf_take(&a->c, count * 4);
	if (!len || !hf_spdm_answer_ends(a, &message) || (a->version >= 0x13 && (a->p2 & ~a->p1)))
		return HF_ERR_SPDM_SHAPE;
	err = keep_pair(s, r->message, message, &message);
	if (err)
		return err;
	s->certificate_next = s->certificate_left = 0;
	s->slot_mask = a->p2;
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++) {
		struct hf_spdm_slot *slot = &s->slots[i];
		struct hf_span digest = { 0 };

		slot->provisioned = a->p2 >> i & 1;
		if (slot->provisioned) {
			digest = hf_span_part(message, at, len);
			at += len;
		}
		if (contradicts(s, i, digest))
			return HF_ERR_SPDM_SHAPE;
		slot->digest = digest;
	}
	return HF_OK;
}

/* A chain that begins with a root has to begin with the one that its header names. */
static bool root_fits(const struct hf_spdm *s, const struct hf_spdm_slot *slot)
{
	struct hf_digest digest;

	if (!hf_device_chain_has_root(slot->parsed))
		return true;
	return hf_digest(s->hash_alg, hf_device_chain_certificate(slot->parsed, 0), &digest) == HF_OK &&
	       memcmp(digest.bytes, slot->root_hash.ptr, slot->root_hash.len) == 0;
}

static enum hf_err examine(struct hf_spdm *s, struct hf_spdm_slot *slot)
{
	struct hf_cursor c = hf_cursor_at(slot->chain);
	/* Two bytes more of it since 1.4; reserved before. */
	size_t total = s->version >= 0x14 ? hf_u32le(&c) : hf_u16le(&c);
	struct hf_digest digest;
	enum hf_err err;

	hf_seek(&c, HEADER_LEN);
	slot->root_hash = hf_take_span(&c, hf_spdm_hash_len(s));
	slot->certificates = hf_take_span(&c, hf_left(&c));
	if (c.bad || total != slot->chain.len)
		return HF_ERR_DEVICE_CHAIN;
	err = hf_digest(s->hash_alg, slot->chain, &digest);
	if (err)
		return err;
	if (slot->digest.len && memcmp(slot->digest.ptr, digest.bytes, slot->digest.len) != 0)
		return HF_ERR_DEVICE_CHAIN;
	err = hf_device_chain_parse(slot->certificates, &slot->parsed, NULL);
	if (err || root_fits(s, slot))
		return err;
	hf_device_chain_free(slot->parsed);
	slot->parsed = NULL;
	return HF_ERR_DEVICE_CHAIN;
}

/* A chain may be read twice, and has to be the same both times. */
static enum hf_err take_portion(struct hf_spdm *s, struct hf_spdm_reading *reading,
				uint32_t offset, const struct hf_spdm_portion *m)
{
	/* 32 bits each, of which none may have wrapped. */
	uint64_t total = (uint64_t)offset + m->data.len + m->remainder;

	if (total > HF_SPDM_CHAIN_MAX)
		return HF_ERR_LIMIT;
	if (!reading->buf)
		reading->buf = hf_arena_take(s->inside->options.arena, HF_SPDM_CHAIN_MAX);
	if (!reading->buf)
		return HF_ERR_LIMIT;
	if (offset == 0 && !reading->whole)
		*reading = (struct hf_spdm_reading){ .buf = reading->buf, .total = total };
	if (total != reading->total)
		return HF_ERR_SPDM_SHAPE;
	if (reading->whole)
		return memcmp(reading->buf + offset, m->data.ptr, m->data.len) ? HF_ERR_SPDM_SHAPE : HF_OK;
	if (offset != reading->have)
		return HF_ERR_TRANSCRIPT_SHAPE;
	memcpy(reading->buf + offset, m->data.ptr, m->data.len);
	reading->have += m->data.len;
	return HF_OK;
}

enum hf_err hf_spdm_take_certificate(struct hf_spdm *s, const struct hf_spdm_request *r,
				     struct hf_spdm_answer *a)
{
	struct hf_spdm_reading *reading = &s->inside->readings[r->slot];
	struct hf_spdm_slot *slot = &s->slots[r->slot];
	struct hf_spdm_portion m;
	struct hf_span kept;
	enum hf_err err;

	if (!hf_spdm_hash_len(s) || !hf_spdm_portion_parse(a, r->large, &m) || m.slot != r->slot ||
	    m.data.len == 0 || m.data.len > r->length)
		return HF_ERR_SPDM_SHAPE;
	err = take_portion(s, reading, r->offset, &m);
	if (!err)
		err = keep_pair(s, r->message, m.message, &kept);
	if (err)
		return err;
	s->certificate_next = r->offset + (uint32_t)m.data.len;
	s->certificate_left = m.remainder;
	if (reading->whole || m.remainder)
		return HF_OK;
	reading->whole = true;
	slot->chain = (struct hf_span){ reading->buf, reading->total };
	slot->cause = examine(s, slot);
	return HF_OK;
}
