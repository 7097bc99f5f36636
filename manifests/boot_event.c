/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One event of the firmware's log: what its digest says by itself. [pure] */
#include "manifests/appraise_parts.h"

#define ACTION_MAX 128		/* bytes of an EV_EFI_ACTION text */

const struct hf_digest *hf_event_sha256(const struct hf_event *event)
{
	for (size_t i = 0; i < event->digest_count; i++)
		if (event->digests[i].alg == HF_ALG_SHA256)
			return &event->digests[i];
	return NULL;
}

/* A separator (PFP 1.05, 3.3.2.2: four zero bytes), an action's text, a device's SPDM
 * measurement: the digest says that nothing but these bytes was measured. */
bool hf_event_is_data(const struct hf_event *event)
{
	static const char spdm[] = "SPDM Device Sec";
	struct hf_span data = event->data;
	const struct hf_digest *digest = hf_event_sha256(event);
	struct hf_digest own;

	if (!digest || hf_digest(HF_ALG_SHA256, data, &own) || !hf_digest_equal(digest, &own))
		return false;
	if (data.len == 4 && hf_le(data.ptr, 4) == 0)
		return true;
	if (data.len >= sizeof(spdm) - 1 && memcmp(data.ptr, spdm, sizeof(spdm) - 1) == 0)
		return true;
	if (data.len == 0 || data.len > ACTION_MAX)
		return false;
	for (size_t i = 0; i < data.len; i++)
		if (data.ptr[i] < 0x20 || data.ptr[i] > 0x7e)
			return i > 0 && i == data.len - 1 && data.ptr[i] == 0;
	return true;
}

bool hf_event_extend(struct hf_digest *pcr, const struct hf_event *event)
{
	const struct hf_digest *digest = hf_event_sha256(event);
	uint8_t both[64];

	if (!digest)
		return false;
	memcpy(both, pcr->bytes, 32);
	memcpy(both + 32, digest->bytes, 32);
	return hf_digest(HF_ALG_SHA256, (struct hf_span){ both, sizeof(both) }, pcr) == HF_OK;
}
