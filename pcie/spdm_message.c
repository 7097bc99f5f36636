/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layout of what a responder sends (DSP0274, clause 10). What is reserved is passed over:
 * a later version of the specification may use it. */
#include "pcie/spdm_inside.h"

bool hf_spdm_answer_parse(struct hf_span bytes, bool padded, struct hf_spdm_answer *ret)
{
	struct hf_cursor c = hf_cursor_at(bytes);
	uint8_t version = hf_u8(&c), code = hf_u8(&c), p1 = hf_u8(&c), p2 = hf_u8(&c);

	if (c.bad)
		return false;
	*ret = (struct hf_spdm_answer){ version, code, p1, p2, c, padded };
	return true;
}

bool hf_spdm_answer_ends(const struct hf_spdm_answer *a, struct hf_span *ret_message)
{
	if (a->c.bad || hf_left(&a->c) > (a->padded ? 3 : 0))
		return false;
	*ret_message = hf_span_part(a->c.in, 0, a->c.pos);
	return true;
}

/* Tables of algorithms for sessions, which are nothing to us: their lengths alone. */
static void pass_tables(struct hf_cursor *c, size_t count)
{
	while (count-- > 0 && !c->bad) {
		hf_u8(c);
		uint8_t sizes = hf_u8(c);

		hf_take(c, (size_t)(sizes >> 4) + 4 * (size_t)(sizes & 15));
	}
}

/* The block that 1.3 and later may append: as NEGOTIATE_ALGORITHMS, but for the header. */
static void pass_algorithm_block(struct hf_cursor *c)
{
	size_t begin = c->pos;
	uint8_t tables = hf_u8(c);

	hf_u8(c);
	size_t len = hf_u16le(c);

	hf_take(c, 22);		/* what it can do, and 12 bytes reserved */
	size_t extended = hf_u8(c);

	extended += hf_u8(c);
	hf_take(c, 2 + 4 * extended);
	pass_tables(c, tables);
	c->bad |= c->pos - begin != len;
}

bool hf_spdm_capabilities_parse(struct hf_spdm_answer *a, struct hf_spdm_capabilities *ret)
{
	struct hf_spdm_capabilities m = { 0 };

	hf_u8(&a->c);
	m.ct_exponent = hf_u8(&a->c);
	hf_u16le(&a->c);
	m.flags = hf_u32le(&a->c);
	if (a->version >= 0x12) {
		m.data_transfer_size = hf_u32le(&a->c);
		m.message_size_max = hf_u32le(&a->c);
	}
	if (a->version >= 0x13 && (a->p1 & 1))
		pass_algorithm_block(&a->c);
	if (!hf_spdm_answer_ends(a, &m.message))
		return false;
	*ret = m;
	return true;
}

bool hf_spdm_algorithms_parse(struct hf_spdm_answer *a, struct hf_spdm_algorithms *ret)
{
	struct hf_spdm_algorithms m = { 0 };
	size_t len = hf_u16le(&a->c);

	m.measurement_spec = hf_u8(&a->c);
	m.other = hf_u8(&a->c);
	m.measurement_hash = hf_u32le(&a->c);
	m.asym = hf_u32le(&a->c);
	m.hash = hf_u32le(&a->c);
	m.post_quantum = hf_u32le(&a->c);	/* reserved before 1.4 */
	hf_take(&a->c, 8);
	size_t extended = hf_u8(&a->c);

	extended += hf_u8(&a->c);
	hf_u16le(&a->c);
	/* Extended algorithms are never offered. */
	if (extended)
		return false;
	if (a->version >= 0x11)
		pass_tables(&a->c, a->p1);
	if (!hf_spdm_answer_ends(a, &m.message) || m.message.len != len)
		return false;
	if (a->version < 0x14)
		m.post_quantum = 0;
	*ret = m;
	return true;
}

bool hf_spdm_portion_parse(struct hf_spdm_answer *a, bool large, struct hf_spdm_portion *ret)
{
	struct hf_spdm_portion m = { .slot = a->p1 & 15 };
	uint32_t len = hf_u16le(&a->c);

	m.remainder = hf_u16le(&a->c);
	if (large != (a->version >= 0x14 && (a->p1 & 0x80)))
		return false;
	if (large) {
		len = hf_u32le(&a->c);
		m.remainder = hf_u32le(&a->c);
	}
	m.data = hf_take_span(&a->c, len);
	if (!hf_spdm_answer_ends(a, &m.message))
		return false;
	*ret = m;
	return true;
}

/* Opaque data, the requester's context, the signature. */
static bool parse_ending(struct hf_spdm_answer *a, size_t signature_len, struct hf_spdm_ending *ret)
{
	ret->opaque_len = hf_u16le(&a->c);
	hf_take(&a->c, ret->opaque_len);
	if (a->version >= 0x13)
		ret->context = hf_take_span(&a->c, HF_SPDM_CONTEXT);
	ret->signed_part = hf_span_part(a->c.in, 0, a->c.pos);
	ret->signature = hf_take_span(&a->c, signature_len);
	return hf_spdm_answer_ends(a, &ret->message) && ret->opaque_len <= HF_SPDM_OPAQUE_MAX;
}

bool hf_spdm_challenge_parse(struct hf_spdm_answer *a, size_t hash_len, bool summary,
			     size_t signature_len, struct hf_spdm_challenge *ret)
{
	struct hf_spdm_challenge m = { .chain_hash = hf_take_span(&a->c, hash_len) };

	hf_take(&a->c, HF_SPDM_NONCE);
	hf_take(&a->c, summary ? hash_len : 0);
	if (!parse_ending(a, signature_len, &m.end))
		return false;
	*ret = m;
	return true;
}

bool hf_spdm_measurements_parse(struct hf_spdm_answer *a, size_t signature_len,
				struct hf_spdm_measurements *ret)
{
	struct hf_spdm_measurements m = { .count = hf_u8(&a->c) };
	size_t len = (size_t)hf_take_le(&a->c, 3);

	m.record = hf_take_span(&a->c, len);
	hf_take(&a->c, HF_SPDM_NONCE);	/* there without a signature too */
	if (!parse_ending(a, signature_len, &m.end))
		return false;
	*ret = m;
	return true;
}

bool hf_spdm_measured_parse(struct hf_cursor *c, struct hf_spdm_measured *ret)
{
	struct hf_spdm_measured m = { .index = hf_u8(c) };
	uint8_t specification = hf_u8(c);
	size_t size = hf_u16le(c);

	m.type = hf_u8(c);
	size_t len = hf_u16le(c);

	m.value = hf_take_span(c, len);
	if (c->bad || specification != 1 || size != len + 3 || m.index == 0 ||
	    m.index > HF_SPDM_INDEX_MAX)
		return false;
	*ret = m;
	return true;
}

bool hf_spdm_chunk_parse(struct hf_spdm_answer *a, bool first, struct hf_spdm_chunk *ret)
{
	struct hf_spdm_chunk m = { .last = a->p1 & 1, .handle = a->p2 };
	struct hf_span message;

	m.number = a->version >= 0x14 ? hf_u32le(&a->c) : hf_u16le(&a->c);
	if (a->version < 0x14)
		hf_u16le(&a->c);
	size_t len = hf_u32le(&a->c);

	if (first)
		m.total = hf_u32le(&a->c);
	m.data = hf_take_span(&a->c, len);
	if (!hf_spdm_answer_ends(a, &message) || len == 0)
		return false;
	*ret = m;
	return true;
}
