/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/spdm_view.h"

static const struct {
	uint32_t mask, value;
	const char *words;
} capabilities[] = {
	{ HF_SPDM_CAP_CERT, HF_SPDM_CAP_CERT, "certificates" },
	{ HF_SPDM_CAP_CHAL, HF_SPDM_CAP_CHAL, "challenge" },
	{ HF_SPDM_CAP_MEAS, HF_SPDM_CAP_MEAS_UNSIGNED, "measurements without a signature" },
	{ HF_SPDM_CAP_MEAS, HF_SPDM_CAP_MEAS_SIGNED, "signed measurements" },
	{ 1u << 5, 1u << 5, "measures anew when asked" },
	{ HF_SPDM_CAP_CHUNK, HF_SPDM_CAP_CHUNK, "long messages in chunks" },
	{ HF_SPDM_CAP_ALIAS_CERT, HF_SPDM_CAP_ALIAS_CERT, "alias certificates" },
	{ 3u << 9, 1u << 9, "sessions" },
	{ 1u << 16, 1u << 16, "a public key in place of certificates" },
	{ 1u << 19, 1u << 19, "takes certificates from outside" },
	{ 1u << 20, 1u << 20, "makes certificate requests" },
};

const char *hf_spdm_capability(size_t i, uint32_t *ret_mask, uint32_t *ret_value)
{
	if (i >= sizeof(capabilities) / sizeof(capabilities[0]))
		return NULL;
	*ret_mask = capabilities[i].mask;
	*ret_value = capabilities[i].value;
	return capabilities[i].words;
}

const char *hf_spdm_content_name(enum hf_spdm_content content)
{
	switch (content) {
	case HF_SPDM_CONTENT_CHANGED:
		return "changed";
	case HF_SPDM_CONTENT_SAME:
		return "same";
	case HF_SPDM_CONTENT_UNKNOWN:
		break;
	}
	return "unknown";
}

static bool is_printable(struct hf_span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
			return false;
	return value.len > 0;
}

void hf_spdm_value_text(const struct hf_spdm_block *block, char out[static HF_SPDM_VALUE_TEXT])
{
	uint8_t type = block->type & 0x7f;
	bool raw = block->type & HF_SPDM_TYPE_RAW;
	size_t at = 0, shown = block->value.len < 24 ? block->value.len : 24;

	if (raw && type == HF_SPDM_TYPE_SVN && block->value.len == 8) {
		snprintf(out, HF_SPDM_VALUE_TEXT, "%llu",
			 (unsigned long long)hf_le(block->value.ptr, 8));
		return;
	}
	if (raw && is_printable(block->value) && block->value.len <= 48) {
		snprintf(out, HF_SPDM_VALUE_TEXT, "\"%.*s\"", (int)block->value.len,
			 (const char *)block->value.ptr);
		return;
	}
	for (size_t i = 0; i < shown; i++)
		at += (size_t)snprintf(out + at, HF_SPDM_VALUE_TEXT - at, "%02x", block->value.ptr[i]);
	if (shown < block->value.len)
		snprintf(out + at, HF_SPDM_VALUE_TEXT - at, "... (%zu bytes)", block->value.len);
	else
		out[at] = '\0';
}

/* An anchor given by itself is meant for this device; one of a directory speaks for those of
 * its scope, where it is known which function this is. */
static bool speaks_for(const struct hf_anchor *anchor, const struct hf_identity *identity)
{
	if (anchor->role != HF_ANCHOR_DEVICE)
		return false;
	return !anchor->scope.set || !identity || hf_scope_holds_for(&anchor->scope, identity);
}

static void look_for_anchor(const struct hf_spdm_view *view, const struct hf_spdm_slot *slot,
			    struct hf_spdm_slot_view *ret)
{
	ret->trust = HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	for (size_t i = 0; i < view->trust->count; i++) {
		const struct hf_anchor *anchor = &view->trust->anchors[i];
		enum hf_err err;

		if (!speaks_for(anchor, view->identity))
			continue;
		err = hf_device_chain_verify(slot->parsed, anchor->key, slot->root_hash,
					     view->s->hash_alg, view->now);
		if (!err) {
			ret->anchor = anchor->name;
			ret->trust = HF_OK;
			return;
		}
		if (ret->trust == HF_ERR_DEVICE_CHAIN_UNTRUSTED)
			ret->trust = err;	/* the one that came nearest */
	}
}

static void look_at_slot(const struct hf_spdm_view *view, const struct hf_spdm_slot *slot,
			 struct hf_spdm_slot_view *ret)
{
	static const struct hf_identity nobody;

	if (!slot->parsed)
		return;
	ret->certificates = hf_device_chain_count(slot->parsed);
	ret->has_root = hf_device_chain_has_root(slot->parsed);
	ret->binding = hf_device_chain_binding(slot->parsed, view->identity ? view->identity : &nobody,
					       ret->san);
	hf_device_chain_dice(slot->parsed, &ret->dice);
	if (view->trust)
		look_for_anchor(view, slot, ret);
}

/* Does anything rest on this slot's key? */
static bool counts(const struct hf_spdm *s, int slot)
{
	return s->measured_slot == slot || (s->measured_slot < 0 && s->slots[slot].challenged);
}

static enum hf_err cause_of_slot(const struct hf_spdm_view *view, int i)
{
	const struct hf_spdm_slot *slot = &view->s->slots[i];

	if (slot->cause && hf_err_class(slot->cause) == HF_CLASS_SUSPECT)
		return slot->cause;
	if (!slot->parsed)
		return HF_OK;
	if (view->identity && view->slots[i].binding == HF_DEVICE_OTHER)
		return HF_ERR_DEVICE_IDENTITY;
	return counts(view->s, i) ? view->slots[i].trust : HF_OK;
}

static void find_cause(struct hf_spdm_view *view)
{
	view->cause = view->result;
	view->cause_slot = -1;
	for (int i = 0; !view->cause && i < HF_SPDM_SLOTS; i++) {
		view->cause = cause_of_slot(view, i);
		view->cause_slot = view->cause ? i : -1;
	}
}

void hf_spdm_look(struct hf_spdm_view *view)
{
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		look_at_slot(view, &view->s->slots[i], &view->slots[i]);
	for (size_t i = 0; i <= HF_SPDM_INDEX_MAX; i++)
		view->blocks_signed += view->s->blocks[i].there &&
				       (view->s->blocks[i].is_signed || view->s->blocks[i].is_covered);
	find_cause(view);
}

/* What was read and is wrong is a judgement here, whatever a reader would call it. */
enum hf_exit hf_spdm_exit(enum hf_err cause)
{
	if (!cause)
		return HF_EXIT_OK;
	return hf_err_class(cause) == HF_CLASS_SUSPECT ? HF_EXIT_REFUSED : hf_err_exit(cause);
}
