/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DICE layers in certificates: TCG "DICE Attestation Architecture", 6.1: TcbInfo and several of
 * them, and the older form under the same number ("RIoT"), which NVIDIA's devices have: version,
 * the device's key, one firmware digest. [pure] */
#include "pcie/device_chain_inside.h"

#include "pcie/der.h"

#define OID(bytes) ((struct hf_span){ bytes, sizeof(bytes) })
static const uint8_t oid_tcb_info[] = { 0x67, 0x81, 0x05, 0x05, 0x04, 0x01 };
static const uint8_t oid_multi_tcb_info[] = { 0x67, 0x81, 0x05, 0x05, 0x04, 0x05 };

static void take_text(struct hf_cursor *c, uint8_t tag, char *out, size_t cap)
{
	struct hf_span text = hf_der_take(c, tag);
	size_t len = text.len < cap - 1 ? text.len : cap - 1;

	for (size_t i = 0; i < len; i++)
		out[i] = text.ptr[i] < 0x20 || text.ptr[i] > 0x7e ? '?' : (char)text.ptr[i];
	out[len] = '\0';
}

static bool digest_alg(struct hf_span oid, enum hf_alg *ret)
{
	static const uint8_t sha2[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };

	if (oid.len != sizeof(sha2) + 1 || memcmp(oid.ptr, sha2, sizeof(sha2)) != 0)
		return false;
	switch (oid.ptr[sizeof(sha2)]) {
	case 1:
		*ret = HF_ALG_SHA256;
		return true;
	case 2:
		*ret = HF_ALG_SHA384;
		return true;
	case 3:
		*ret = HF_ALG_SHA512;
		return true;
	}
	return false;
}

/* FWID: algorithm, digest. One of an algorithm that is not known here is passed over. */
static void take_fwid(struct hf_cursor *c, struct hf_dice_layer *layer)
{
	struct hf_cursor in = hf_cursor_at(hf_der_take(c, HF_DER_SEQUENCE));
	struct hf_span oid = hf_der_take(&in, HF_DER_OID);
	struct hf_span digest = hf_der_take(&in, HF_DER_OCTET_STRING);
	struct hf_digest *fwid = &layer->fwids[layer->fwid_count];
	enum hf_alg alg;

	c->bad |= !hf_cursor_done(&in);
	if (c->bad || !digest_alg(oid, &alg))
		return;
	if (digest.len != hf_alg_size(alg) ||
	    layer->fwid_count == sizeof(layer->fwids) / sizeof(layer->fwids[0])) {
		c->bad = true;
		return;
	}
	fwid->alg = alg;
	memcpy(fwid->bytes, digest.ptr, digest.len);
	layer->fwid_count++;
}

/* BIT STRING of at most 32 bits: bit 0, the first, is 1 here. */
static uint32_t take_flags(struct hf_cursor *c, uint8_t tag)
{
	struct hf_span v = hf_der_take(c, tag);
	uint32_t flags = 0;

	if (c->bad || v.len < 1 || v.len > 5 || v.ptr[0] > 7 || (v.len == 1 && v.ptr[0]) ||
	    (v.ptr[0] && v.ptr[v.len - 1] & ((1u << v.ptr[0]) - 1))) {
		c->bad = true;
		return 0;
	}
	for (size_t i = 0; i < 8 * (v.len - 1); i++)
		if (v.ptr[1 + i / 8] & 0x80u >> i % 8)
			flags |= 1u << i;
	return flags;
}

/* Fields [0] to [11], each at most once and in this order. */
static void take_field(struct hf_cursor *c, uint8_t tag, struct hf_dice_layer *layer)
{
	struct hf_cursor list;

	switch (tag & 0x1f) {
	case 0:
		take_text(c, tag, layer->vendor, sizeof(layer->vendor));
		return;
	case 1:
		take_text(c, tag, layer->model, sizeof(layer->model));
		return;
	case 2:
		take_text(c, tag, layer->version, sizeof(layer->version));
		return;
	case 3:
		layer->svn = hf_der_number(c, tag);
		layer->has_svn = true;
		return;
	case 4:
		layer->layer = hf_der_number(c, tag);
		layer->has_layer = true;
		return;
	case 5:
		layer->index = hf_der_number(c, tag);
		layer->has_index = true;
		return;
	case 6:
		list = hf_cursor_at(hf_der_take(c, tag));
		while (hf_left(&list))
			take_fwid(&list, layer);
		c->bad |= list.bad;
		return;
	case 7:
		layer->flags = take_flags(c, tag);
		layer->has_flags = true;
		return;
	default:	/* vendor's own, type, mask, integrity registers */
		hf_der_take(c, tag);
	}
}

static bool read_tcb_info(struct hf_cursor *c, struct hf_dice_layer *layer)
{
	struct hf_cursor in = hf_cursor_at(hf_der_take(c, HF_DER_SEQUENCE));
	int last = -1;

	while (hf_left(&in)) {
		uint8_t tag = hf_der_peek(&in);
		int number = tag & 0x1f;
		bool constructed = number == 6 || number == 11;

		if (number > 11 || number <= last ||
		    tag != (constructed ? HF_DER_CONSTRUCTED(number) : HF_DER_CONTEXT(number)))
			return false;
		take_field(&in, tag, layer);
		last = number;
	}
	return !c->bad && !in.bad;
}

/* The older form: INTEGER, SEQUENCE (a key), FWID. */
static bool read_riot(struct hf_cursor *c, struct hf_dice_layer *layer)
{
	struct hf_cursor in = hf_cursor_at(hf_der_take(c, HF_DER_SEQUENCE));

	hf_der_number(&in, HF_DER_INTEGER);
	hf_der_take(&in, HF_DER_SEQUENCE);
	take_fwid(&in, layer);
	return !c->bad && hf_cursor_done(&in);
}

static bool is_riot(struct hf_span extension)
{
	struct hf_cursor c = hf_cursor_at(extension);
	struct hf_cursor in = hf_cursor_at(hf_der_take(&c, HF_DER_SEQUENCE));

	return hf_der_peek(&in) == HF_DER_INTEGER;
}

static bool add_layer(struct hf_dice *dice, const struct hf_dice_layer *layer)
{
	if (dice->count == HF_DICE_LAYERS_MAX)
		return false;
	dice->layers[dice->count++] = *layer;
	return true;
}

static bool read_single(struct hf_span extension, size_t certificate, struct hf_dice *dice)
{
	struct hf_dice_layer layer = { .certificate = certificate };
	struct hf_cursor c = hf_cursor_at(extension);
	bool good = is_riot(extension) ? read_riot(&c, &layer) : read_tcb_info(&c, &layer);

	return good && hf_cursor_done(&c) && add_layer(dice, &layer);
}

static bool read_multi(struct hf_span extension, size_t certificate, struct hf_dice *dice)
{
	struct hf_cursor c = hf_cursor_at(extension);
	struct hf_cursor in = hf_cursor_at(hf_der_take(&c, HF_DER_SEQUENCE));

	if (!hf_left(&in))
		return false;
	while (hf_left(&in)) {
		struct hf_dice_layer layer = { .certificate = certificate };

		if (!read_tcb_info(&in, &layer) || !add_layer(dice, &layer))
			return false;
	}
	return hf_cursor_done(&c) && hf_cursor_done(&in);
}

void hf_device_chain_dice(const struct hf_device_chain *chain, struct hf_dice *ret)
{
	*ret = (struct hf_dice){ .count = 0 };
	for (size_t i = 0; i < chain->count; i++) {
		struct hf_span extension;

		if (hf_device_chain_extension(chain, i, OID(oid_tcb_info), &extension))
			ret->malformed |= !read_single(extension, i, ret);
		if (hf_device_chain_extension(chain, i, OID(oid_multi_tcb_info), &extension))
			ret->malformed |= !read_multi(extension, i, ret);
	}
}
