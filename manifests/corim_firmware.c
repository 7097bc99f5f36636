/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform's firmware in a model: integrity registers (CoRIM draft 11, key 14) by PCR
 * number, and by name for the variables that Secure Boot trusts. [pure] */
#include "manifests/corim_read.h"
#include "manifests/corim_write.h"

#include <stdio.h>

/* As the deterministic encoding of their names has them: the shorter first. */
static const enum hf_firmware_key key_order[HF_FIRMWARE_KEYS] = {
	HF_FIRMWARE_PK, HF_FIRMWARE_DB, HF_FIRMWARE_KEK, HF_FIRMWARE_DBX,
};

/* ---- reading ---- */

/* One digest, SHA-256: the bank that is judged. */
static enum hf_err read_register(struct hf_cbor *r, struct hf_digest *ret)
{
	struct hf_digest digest = { .alg = HF_ALG_SHA256 };
	bool shape = hf_cbor_array(r) == 1 && hf_cbor_array(r) == 2 &&
		     hf_cbor_int(r) == HF_COSE_SHA256;
	struct hf_span value = hf_cbor_bstr(r);

	if (r->err || !shape || value.len != hf_alg_size(HF_ALG_SHA256))
		return HF_ERR_CORIM_SHAPE;
	memcpy(digest.bytes, value.ptr, value.len);
	*ret = digest;
	return HF_OK;
}

static enum hf_err read_named(struct hf_cbor *r, struct hf_platform_firmware *f)
{
	struct hf_span name = hf_cbor_tstr(r);

	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS && !r->err; i++) {
		if (!hf_span_is(name, hf_firmware_key_name((enum hf_firmware_key)i)))
			continue;
		f->key_mask |= 1u << i;
		return read_register(r, &f->keys[i]);
	}
	return r->err ? HF_ERR_CORIM_SHAPE : HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
}

/* The map's keys are ascending and none is there twice: the reader has seen to it. */
static enum hf_err read_registers(struct hf_span encoded, struct hf_platform_firmware *f)
{
	struct hf_cbor r = hf_cbor_at(encoded);
	size_t count = hf_cbor_map(&r);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && !err && !r.err; i++) {
		uint64_t pcr;

		if (hf_cbor_peek(&r) == HF_CBOR_TSTR) {
			err = read_named(&r, f);
			continue;
		}
		pcr = hf_cbor_uint(&r);
		if (r.err || pcr >= HF_FIRMWARE_PCRS)
			return HF_ERR_CORIM_SHAPE;
		f->pcr_mask |= 1u << pcr;
		err = read_register(&r, &f->pcrs[pcr]);
	}
	if (err)
		return err;
	return hf_cbor_end(&r) ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_facts(struct hf_decoder *d, const struct hf_measured *m,
			      struct hf_platform_firmware *f)
{
	struct hf_cbor on = hf_cbor_at(m->own[HF_KEY_SECURE_BOOT]);
	uint64_t state = 0;
	enum hf_err err = hf_own_uint(m, HF_KEY_STATE, HF_RELEASE_REVOKED, &state);

	if (!err)
		err = hf_keep_name(d->out->arena, m->name, &f->name);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_NOTE, &f->note);
	if (!err)
		err = hf_read_from(d->out->arena, m, &f->from);
	if (err)
		return err;
	f->state = (enum hf_release_state)state;
	if (m->own[HF_KEY_SECURE_BOOT].len == 0)
		return HF_OK;
	f->secure_boot = hf_cbor_bool(&on) ? HF_FIRMWARE_BOOT_ON : HF_FIRMWARE_BOOT_OFF;
	return hf_cbor_end(&on) ? HF_ERR_CORIM_SHAPE : HF_OK;
}

enum hf_err hf_decode_firmware(struct hf_decoder *d, const struct hf_measured *m,
			       struct hf_platform_firmware ***end)
{
	struct hf_platform_firmware *f = hf_arena_take(d->out->arena, sizeof(*f));
	struct hf_measured rest = *m;
	enum hf_err err;

	rest.registers = (struct hf_span){ 0 };	/* read here, and nowhere else */
	err = hf_check_keys(&rest, HF_KEY_BIT(HF_KEY_STATE),
			    HF_KEY_BIT(HF_KEY_NOTE) | HF_KEY_BIT(HF_KEY_SECURE_BOOT));
	if (err)
		return err;
	if (!f)
		return HF_ERR_LIMIT;
	if (m->digest_count || m->version.len || m->registers.len == 0)
		return HF_ERR_CORIM_SHAPE;
	err = read_registers(m->registers, f);
	if (!err)
		err = read_facts(d, m, f);
	if (err)
		return err;
	if (!hf_firmware_valid(f))
		return HF_ERR_CORIM_SHAPE;
	**end = f;
	*end = &f->next;
	return HF_OK;
}

/* ---- writing ---- */

static void put_register(struct hf_writer *w, const struct hf_digest *digest)
{
	hf_cbor_put_array(w, 1);
	hf_cbor_put_array(w, 2);
	hf_cbor_put_int(w, HF_COSE_SHA256);
	hf_cbor_put_bstr(w, (struct hf_span){ digest->bytes, hf_alg_size(HF_ALG_SHA256) });
}

static void put_registers(struct hf_writer *w, const struct hf_platform_firmware *f)
{
	size_t count = 0;

	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
		count += f->pcr_mask >> i & 1;
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		count += f->key_mask >> i & 1;
	hf_cbor_put_map(w, count);
	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++) {
		if (!(f->pcr_mask >> i & 1))
			continue;
		hf_cbor_put_uint(w, i);
		put_register(w, &f->pcrs[i]);
	}
	for (size_t i = 0; i < HF_FIRMWARE_KEYS; i++) {
		enum hf_firmware_key key = key_order[i];

		if (!(f->key_mask >> key & 1))
			continue;
		hf_cbor_put_text(w, hf_firmware_key_name(key));
		put_register(w, &f->keys[key]);
	}
}

void hf_put_firmware(struct hf_writer *w, const struct hf_platform_firmware *f, size_t index)
{
	bool secure_boot = f->secure_boot != HF_FIRMWARE_BOOT_ANY;
	char mkey[HF_MKEY_MAX];

	snprintf(mkey, sizeof(mkey), HF_MKEY_FIRMWARE "%zu", index);
	hf_begin_measurement(w, mkey, 3u + (f->note != NULL) + secure_boot + (f->from != NULL));
	hf_cbor_put_uint(w, 11);
	hf_cbor_put_text(w, f->name);
	hf_cbor_put_uint(w, HF_CORIM_REGISTERS);
	put_registers(w, f);
	hf_put_key_uint(w, HF_KEY_STATE, f->state);
	hf_put_key_text(w, HF_KEY_NOTE, f->note);
	if (secure_boot) {
		hf_put_key(w, HF_KEY_SECURE_BOOT);
		hf_cbor_put_bool(w, f->secure_boot == HF_FIRMWARE_BOOT_ON);
	}
	hf_put_from(w, f->from);
}
