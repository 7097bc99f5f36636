/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/device_trust.h"

#include "measure/cose.h"
#include "pcie/device_chain.h"
#include "pcie/spdm.h"

/* An owner's deny always wins: a key that he takes back stands behind nothing. */
static bool is_revoked(const struct hf_manifests *manifests, const uint8_t id[static HF_KEY_ID])
{
	for (const struct hf_revocations *l = manifests ? manifests->revocations : NULL; l; l = l->next)
		for (const struct hf_revoked *e = l->entries; e; e = e->next)
			if (e->kind == HF_REVOKED_KEY && e->digest.alg == HF_ALG_SHA256 &&
			    memcmp(e->digest.bytes, id, HF_KEY_ID) == 0)
				return true;
	return false;
}

static bool has_revoked(const struct hf_manifests *manifests, const struct hf_device_chain *chain)
{
	for (size_t i = 0; i < hf_device_chain_count(chain); i++) {
		uint8_t id[HF_KEY_ID];

		if (hf_device_chain_key_id(chain, i, id) || is_revoked(manifests, id))
			return true;
	}
	return false;
}

enum hf_err hf_device_trust_chain(const struct hf_trust *trust, const struct hf_manifests *manifests,
				  const struct hf_identity *identity,
				  const struct hf_device_chain *chain, struct hf_span root_hash,
				  enum hf_alg alg, int64_t now, const struct hf_anchor **ret)
{
	const struct hf_anchor *found = NULL;
	enum hf_err err = HF_ERR_DEVICE_CHAIN_UNTRUSTED;

	if (has_revoked(manifests, chain))
		return HF_ERR_DEVICE_KEY_REVOKED;
	for (size_t i = 0; i < trust->count; i++) {
		const struct hf_anchor *anchor = &trust->anchors[i];
		enum hf_err one;

		if (anchor->role != HF_ANCHOR_DEVICE ||
		    !hf_scope_holds_for(&anchor->scope, identity))
			continue;
		one = hf_device_chain_verify(chain, anchor->key, root_hash, alg, now);
		/* a root that the device does not show is revoked all the same */
		if (!one && is_revoked(manifests, anchor->id))
			return HF_ERR_DEVICE_KEY_REVOKED;
		if (!one && !found)
			found = anchor;
		/* of several, the one that came nearest says why */
		if (err == HF_ERR_DEVICE_CHAIN_UNTRUSTED)
			err = one;
	}
	if (!found)
		return err;
	*ret = found;
	return HF_OK;
}

/* Whose key it is that the claims rest on: that of the measurements, or where nothing was
 * measured the first one that answered a challenge. */
static const struct hf_spdm_slot *signing_slot(const struct hf_spdm *s)
{
	if (s->measured_slot >= 0 && s->measured_slot < HF_SPDM_SLOTS)
		return &s->slots[s->measured_slot];
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		if (s->slots[i].challenged)
			return &s->slots[i];
	return NULL;
}

enum hf_err hf_device_trust_of(const struct hf_trust *trust, const struct hf_manifests *manifests,
			       const struct hf_identity *identity, const struct hf_spdm *s,
			       int64_t now, const struct hf_anchor **ret)
{
	const struct hf_spdm_slot *slot = signing_slot(s);

	if (!slot || !slot->parsed)
		return slot && slot->cause ? slot->cause : HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	return hf_device_trust_chain(trust, manifests, identity, slot->parsed, slot->root_hash,
				     s->hash_alg, now, ret);
}

const struct hf_device_trust *hf_device_trust_find(const struct hf_device_trust *list,
						   const char *path)
{
	for (; list; list = list->next)
		if (strcmp(list->path, path) == 0)
			return list;
	return NULL;
}
