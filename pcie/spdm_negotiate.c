/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VERSION, CAPABILITIES, ALGORITHMS: one of each, in this order, all of them signed later. */
#include "pcie/spdm_inside.h"

#define OPAQUE_FORMATS 0x0f	/* of OtherParams */
#define MULTI_KEY 0x10
#define CAP_MULTI_KEY (3u << 26)
#define CAP_MULTI_KEY_ONLY (1u << 26)
#define DATA_TRANSFER_MIN 42

static bool one_bit(uint32_t bits)
{
	return bits && !(bits & (bits - 1));
}

static bool hash_of(uint32_t bit, enum hf_alg *ret)
{
	switch (bit) {
	case 1:
		*ret = HF_ALG_SHA256;
		return true;
	case 2:
		*ret = HF_ALG_SHA384;
		return true;
	case 4:
		*ret = HF_ALG_SHA512;
		return true;
	}
	return false;
}

size_t hf_spdm_hash_len(const struct hf_spdm *s)
{
	return s->hash ? hf_alg_size(s->hash_alg) : 0;
}

size_t hf_spdm_measurement_len(uint32_t measurement_hash)
{
	static const uint8_t lens[] = { 0, 32, 48, 64, 32, 48, 64, 32 };

	for (size_t i = 0; i < sizeof(lens); i++)
		if (measurement_hash == 1u << i)
			return lens[i];
	return 0;
}

enum hf_err hf_spdm_take_version(struct hf_spdm *s, const struct hf_spdm_request *r,
				 struct hf_spdm_answer *a)
{
	bool known = false;
	struct hf_span message;
	enum hf_err err;

	hf_u8(&a->c);
	size_t count = hf_u8(&a->c);

	if (count == 0 || count > sizeof(s->versions) / sizeof(s->versions[0]))
		return HF_ERR_SPDM_SHAPE;
	for (size_t i = 0; i < count; i++) {
		s->versions[i] = hf_u16le(&a->c);
		known |= s->versions[i] >> 8 >= 0x10 && s->versions[i] >> 8 <= 0x14;
	}
	if (!hf_spdm_answer_ends(a, &message))
		return HF_ERR_SPDM_SHAPE;
	s->version_count = count;
	if (!known)
		return HF_ERR_SPDM_VERSION;
	err = hf_spdm_add_negotiation(s, r->message, message);
	if (!err)
		s->inside->stage = HF_SPDM_HAS_VERSIONS;
	return err;
}

enum hf_err hf_spdm_take_capabilities(struct hf_spdm *s, const struct hf_spdm_request *r,
				      struct hf_spdm_answer *a)
{
	struct hf_spdm_capabilities m;
	enum hf_err err;

	/* The block of algorithms comes to those alone who asked for it. */
	if ((a->version >= 0x13 && (a->p1 & ~r->p1 & 1)) || !hf_spdm_capabilities_parse(a, &m) ||
	    (m.flags & HF_SPDM_CAP_MEAS) == HF_SPDM_CAP_MEAS)
		return HF_ERR_SPDM_SHAPE;
	if (a->version >= 0x12 && (m.data_transfer_size < DATA_TRANSFER_MIN ||
				   m.data_transfer_size > m.message_size_max))
		return HF_ERR_SPDM_SHAPE;
	err = hf_spdm_add_negotiation(s, r->message, m.message);
	if (err)
		return err;
	s->version = r->version;
	s->capabilities = m.flags;
	s->ct_exponent = m.ct_exponent;
	s->data_transfer_size = m.data_transfer_size;
	s->message_size_max = m.message_size_max;
	s->inside->asked_flags = r->flags;
	s->inside->stage = HF_SPDM_HAS_CAPABILITIES;
	return HF_OK;
}

/* Chosen: exactly one, one that was offered; none where nothing needs it. */
static bool is_choice(uint32_t chosen, uint32_t offered, bool needed)
{
	return chosen ? one_bit(chosen) && (chosen & offered) : !needed;
}

static bool choices_hold(const struct hf_spdm *s, const struct hf_spdm_request *r,
			 const struct hf_spdm_algorithms *m)
{
	bool measures = s->capabilities & HF_SPDM_CAP_MEAS;
	bool signs = s->capabilities & (HF_SPDM_CAP_CERT | HF_SPDM_CAP_CHAL | HF_SPDM_CAP_MEAS_SIGNED);
	uint8_t formats = m->other & OPAQUE_FORMATS;

	if (!is_choice(m->asym, r->asym, signs) || !is_choice(m->hash, r->hash, signs) ||
	    m->post_quantum || (m->asym && !hf_spdm_signature_len(m->asym)))
		return false;
	if (!is_choice(m->measurement_spec, r->measurement_spec, measures && r->measurement_spec))
		return false;
	/* Which hash measures is the responder's to say; it is not asked. */
	if (m->measurement_hash ? !one_bit(m->measurement_hash) : measures && m->measurement_spec)
		return false;
	return s->version < 0x12 || is_choice(formats, r->other & OPAQUE_FORMATS, false);
}

static bool is_multi_key(const struct hf_spdm *s, const struct hf_spdm_request *r)
{
	uint32_t can = s->capabilities & CAP_MULTI_KEY;

	return s->version >= 0x13 && can &&
	       (can == CAP_MULTI_KEY_ONLY || (r->other & MULTI_KEY));
}

enum hf_err hf_spdm_take_algorithms(struct hf_spdm *s, const struct hf_spdm_request *r,
				    struct hf_spdm_answer *a)
{
	struct hf_spdm_algorithms m;
	enum hf_alg hash_alg = 0, measurement_alg = 0;
	enum hf_err err;

	/* A table answers a table. */
	if ((a->version >= 0x11 && a->p1 > r->p1) || !hf_spdm_algorithms_parse(a, &m))
		return HF_ERR_SPDM_SHAPE;
	if (!choices_hold(s, r, &m) || (m.hash && !hash_of(m.hash, &hash_alg)))
		return HF_ERR_SPDM_ALGORITHM;
	/* Its bits lie one higher, behind "raw only". SHA-3 has no name in claims. */
	if (m.measurement_hash > 1 && !hash_of(m.measurement_hash >> 1, &measurement_alg))
		return HF_ERR_SPDM_ALGORITHM;
	err = hf_spdm_add_negotiation(s, r->message, m.message);
	if (err)
		return err;
	s->asym = m.asym;
	s->hash = m.hash;
	s->hash_alg = hash_alg;
	s->measurement_hash = m.measurement_hash;
	s->measurement_alg = measurement_alg;
	s->inside->multi_key = is_multi_key(s, r);
	s->inside->opaque = s->version < 0x12 || (m.other & OPAQUE_FORMATS);
	s->inside->stage = HF_SPDM_NEGOTIATED;
	return HF_OK;
}
