/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm.h"

#define CHALLENGE_MAX 64

enum hf_err hf_spdm_nonce(const struct hf_spdm_seed *seed, const char *path, uint32_t n,
			  uint8_t ret[static HF_SPDM_NONCE])
{
	static const uint8_t domain[] = "holdfast-spdm";	/* with its zero */
	uint8_t head[2] = { (uint8_t)seed->pass, (uint8_t)seed->challenge.len };
	uint8_t count[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	struct hf_span parts[] = {
		{ domain, sizeof(domain) }, { head, sizeof(head) }, seed->challenge,
		{ seed->boot_id, sizeof(seed->boot_id) },
		{ (const uint8_t *)path, strlen(path) + 1 }, { count, sizeof(count) },
	};
	struct hf_digest digest[HF_ALG_COUNT];
	struct hf_hasher *hasher;
	size_t made;
	enum hf_err err;

	if (seed->challenge.len > CHALLENGE_MAX)
		return HF_ERR_INTERNAL;
	err = hf_hasher_new(HF_ALG_MASK(HF_ALG_SHA256), &hasher);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !err; i++)
		err = hf_hasher_update(hasher, parts[i]);
	if (!err)
		err = hf_hasher_final(hasher, digest, &made);
	hf_hasher_free(hasher);
	if (!err)
		memcpy(ret, digest[0].bytes, HF_SPDM_NONCE);
	return err;
}
