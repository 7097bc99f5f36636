/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question and its signed answer, cut out of a conversation (SPDM 1.0 and 1.1 sign no
 * more than that). */
#include "pcie/spdm_inside.h"

/* The smallest hash that is as strong as the key. */
static uint32_t hash_for(uint32_t asym)
{
	switch (asym) {
	case 0x080:	/* P-384 */
		return 2;
	case 0x100:	/* P-521 */
		return 4;
	}
	return asym ? 1 : 0;
}

static enum hf_alg alg_of(uint32_t hash)
{
	return hash == 4 ? HF_ALG_SHA512 : hash == 2 ? HF_ALG_SHA384 : HF_ALG_SHA256;
}

/* Where the question ends is its version's to say; what follows is the answer, no more. */
static enum hf_err split(struct hf_span report, struct hf_span *request, struct hf_span *response)
{
	size_t len = 4 + HF_SPDM_NONCE;

	if (report.len < 4 || (report.ptr[0] != 0x10 && report.ptr[0] != 0x11) ||
	    report.ptr[1] != HF_SPDM_GET_MEASUREMENTS || !(report.ptr[2] & 1))
		return HF_ERR_TRANSCRIPT_SHAPE;
	len += report.ptr[0] == 0x11;
	if (report.len <= len)
		return HF_ERR_TRANSCRIPT_SHAPE;
	*request = hf_span_part(report, 0, len);
	*response = hf_span_part(report, len, report.len - len);
	return HF_OK;
}

enum hf_err hf_spdm_take_report(struct hf_spdm *s, struct hf_span report,
				struct hf_device_chain *chain, uint32_t hash)
{
	struct hf_span request, response;
	enum hf_err err = split(report, &request, &response);
	struct hf_spdm_slot *slot;
	struct hf_spdm_request r;

	if (s->inside->stage != HF_SPDM_NEW)
		return HF_ERR_INTERNAL;
	if (!err)
		err = hf_spdm_request_parse(request, false, &r);
	if (err)
		return err;
	/* What an ERROR does to a conversation, the end of this chain among it, it does to none. */
	if (response.len >= 2 && response.ptr[1] == HF_SPDM_ERROR)
		return HF_ERR_SPDM_ERROR;
	/* As if this had been negotiated; an empty negotiation, since it is not signed. */
	s->version = r.version;
	s->asym = hf_spdm_key_asym(chain);
	if (!s->asym)
		return HF_ERR_SPDM_ALGORITHM;
	s->hash = hash ? hash : hash_for(s->asym);
	s->hash_alg = alg_of(s->hash);
	s->inside->opaque = s->inside->report = true;
	s->inside->stage = HF_SPDM_NEGOTIATED;
	s->inside->m1_count = s->inside->l1_count = HF_SPDM_NEGOTIATION;
	slot = &s->slots[r.slot];
	slot->parsed = chain;
	err = hf_spdm_take(s, request, response);
	if (!err && s->event != HF_SPDM_ANSWERED)
		err = HF_ERR_SPDM_ERROR;
	if (err)
		slot->parsed = NULL;	/* still the caller's */
	return err;
}
