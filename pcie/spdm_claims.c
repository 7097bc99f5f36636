/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one conversation shows, as claims. Whoever verifies makes them again from the
 * transcript, so nothing but the conversation, its end and the identity may decide here. */
#include "pcie/spdm_claims.h"

#include <stdarg.h>
#include <stdio.h>

#include "pcie/device_chain.h"

#define CODE HF_MEASUREMENT_CODE
#define ADVISORY HF_MEASUREMENT_ADVISORY

struct claiming {
	const struct hf_spdm *s;
	const struct hf_identity *identity;
	struct hf_claims *claims;
	struct hf_part *part;
	struct hf_function *function;
	bool counts;		/* signatures do: the conversation came to its end */
	int slot;		/* whose key signed, or -1 */
	enum hf_method method;	/* of what that key signed */
	enum hf_err err;	/* a limit; everything after it is left out */
};

static struct hf_measurement *add(struct claiming *c, enum hf_method method, uint32_t flags,
				  const char *format, ...) __attribute__((format(printf, 4, 5)));
static struct hf_measurement *add(struct claiming *c, enum hf_method method, uint32_t flags,
				  const char *format, ...)
{
	struct hf_measurement *m = NULL;
	char mkey[HF_MKEY_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(mkey, sizeof(mkey), format, args);
	va_end(args);
	if (!c->err)
		m = hf_claims_add_measurement(c->claims, c->part, c->function, mkey, method, flags);
	if (!m && !c->err)
		c->err = HF_ERR_LIMIT;
	return m;
}

static void set_text(struct claiming *c, struct hf_measurement *m, const char *text)
{
	if (m)
		c->err = hf_measurement_set_text(c->claims, m, text);
}

static void set_bytes(struct claiming *c, struct hf_measurement *m, struct hf_span bytes)
{
	if (m)
		c->err = hf_measurement_set_bytes(c->claims, m, bytes);
}

static void set_digests(struct claiming *c, struct hf_measurement *m,
			const struct hf_digest *digests, size_t count, uint64_t size)
{
	if (m)
		c->err = hf_measurement_set_digests(m, digests, count, size);
}

static void set_number(struct hf_measurement *m, uint64_t number)
{
	if (m)
		hf_measurement_set_number(m, number);
}

static void set_failure(struct hf_measurement *m, enum hf_err cause)
{
	if (m)
		hf_measurement_set_failure(m, cause);
}

/* Both digests that claims carry. */
static void set_hashed(struct claiming *c, struct hf_measurement *m, struct hf_span bytes)
{
	static const enum hf_alg algs[] = { HF_ALG_SHA256, HF_ALG_SHA384 };
	struct hf_digest digests[2];

	memset(digests, 0, sizeof(digests));
	for (size_t i = 0; i < 2 && !c->err; i++)
		c->err = hf_digest(algs[i], bytes, &digests[i]);
	if (!c->err)
		set_digests(c, m, digests, 2, bytes.len);
}

/* Claims can say no other; 0 is how a conversation says that there is none. */
static bool take_digest(enum hf_alg alg, struct hf_span value, struct hf_digest *ret)
{
	if ((alg != HF_ALG_SHA256 && alg != HF_ALG_SHA384 && alg != HF_ALG_SHA512) ||
	    value.len != hf_alg_size(alg))
		return false;
	*ret = (struct hf_digest){ .alg = alg };
	memcpy(ret->bytes, value.ptr, value.len);
	return true;
}

/* ---- whose key ---- */

/* The slot whose key signed the measurements, else one that answered a challenge. */
static int signing_slot(const struct hf_spdm *s)
{
	if (s->measured_slot >= 0 && s->measured_slot < HF_SPDM_SLOTS)
		return s->measured_slot;
	for (int i = 0; i < HF_SPDM_SLOTS; i++)
		if (s->slots[i].challenged)
			return i;
	return -1;
}

/* What a signature by this slot's key is worth. */
static enum hf_method worth(const struct claiming *c, int slot)
{
	const struct hf_spdm_slot *k = slot < 0 ? NULL : &c->s->slots[slot];
	char san[HF_SAN_MAX];

	if (!k || !c->counts || k->cause || !k->parsed)
		return HF_METHOD_VERSION;
	switch (hf_device_chain_binding(k->parsed, c->identity, san)) {
	case HF_DEVICE_BOUND:
		return HF_METHOD_SIGNED;
	case HF_DEVICE_UNBOUND:
		return HF_METHOD_UNBOUND;
	case HF_DEVICE_OTHER:
		break;
	}
	return HF_METHOD_VERSION;
}

static void claim_identity(struct claiming *c)
{
	const struct hf_device_chain *chain = c->slot < 0 ? NULL : c->s->slots[c->slot].parsed;
	char san[HF_SAN_MAX];

	if (!chain)
		return;
	switch (hf_device_chain_binding(chain, c->identity, san)) {
	case HF_DEVICE_BOUND:
		set_text(c, add(c, c->method, 0, HF_MKEY_SPDM_IDENTITY), "bound");
		break;
	case HF_DEVICE_UNBOUND:
		set_text(c, add(c, c->method, 0, HF_MKEY_SPDM_IDENTITY),
			 "unbound: the certificate does not say which device it is of");
		break;
	case HF_DEVICE_OTHER:
		set_failure(add(c, HF_METHOD_NONE, CODE, HF_MKEY_SPDM_IDENTITY),
			    HF_ERR_DEVICE_IDENTITY);
		break;
	}
	if (san[0])
		set_text(c, add(c, HF_METHOD_VERSION, ADVISORY, "spdm/names"), san);
}

/* ---- what was agreed ---- */

static void claim_capabilities(struct claiming *c)
{
	static const struct { uint32_t mask, value; const char *word; } words[] = {
		{ HF_SPDM_CAP_CERT, HF_SPDM_CAP_CERT, "certificates " },
		{ HF_SPDM_CAP_CHAL, HF_SPDM_CAP_CHAL, "challenge " },
		{ HF_SPDM_CAP_MEAS, 0, "no measurements " },
		{ HF_SPDM_CAP_MEAS, HF_SPDM_CAP_MEAS_UNSIGNED, "unsigned measurements " },
		{ HF_SPDM_CAP_MEAS, HF_SPDM_CAP_MEAS_SIGNED, "signed measurements " },
		{ HF_SPDM_CAP_CHUNK, HF_SPDM_CAP_CHUNK, "chunks " },
		{ HF_SPDM_CAP_ALIAS_CERT, HF_SPDM_CAP_ALIAS_CERT, "alias certificates " },
	};
	char text[160] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((c->s->capabilities & words[i].mask) == words[i].value)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", words[i].word);
	snprintf(text + len, sizeof(text) - len, "(%08x)", c->s->capabilities);
	set_text(c, add(c, HF_METHOD_VERSION, ADVISORY, "spdm/capabilities"), text);
}

/* Only a signature that covers the negotiation says that nobody in between changed it: of
 * measurements from 1.2 on, else of a challenge. By the key that signed, for an anchor is asked
 * about no other: who sits in between could answer another slot's challenge himself. */
static bool negotiation_counts(const struct claiming *c)
{
	const struct hf_spdm *s = c->s;

	return s->negotiation_signed && c->slot >= 0 &&
	       (s->slots[c->slot].challenged || (s->version >= 0x12 && s->measured_slot == c->slot));
}

static void claim_negotiation(struct claiming *c)
{
	const struct hf_spdm *s = c->s;
	enum hf_method method = negotiation_counts(c) ? c->method : HF_METHOD_VERSION;
	char version[8], text[96];

	if (!s->version)
		return;
	hf_spdm_version_text(s->version, version);
	set_text(c, add(c, method, 0, HF_MKEY_SPDM_VERSION), version);
	claim_capabilities(c);
	if (!s->asym || !s->hash)
		return;
	snprintf(text, sizeof(text), "%s %s", hf_spdm_asym_name(s->asym), hf_spdm_hash_name(s->hash));
	if (s->measurement_hash)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " measurements-%s",
			 hf_spdm_measurement_hash_name(s->measurement_hash));
	set_text(c, add(c, method, 0, HF_MKEY_SPDM_ALGORITHMS), text);
}

/* ---- certificates ---- */

static void claim_root(struct claiming *c, int slot, enum hf_method method)
{
	const struct hf_spdm_slot *k = &c->s->slots[slot];
	struct hf_digest digest;

	if (hf_device_chain_has_root(k->parsed))
		set_hashed(c, add(c, method, 0, "spdm/slot/%d/root", slot),
			   hf_device_chain_certificate(k->parsed, 0));
	else if (take_digest(c->s->hash_alg, k->root_hash, &digest))
		set_digests(c, add(c, method, 0, "spdm/slot/%d/root", slot), &digest, 1, 0);
}

static void claim_slot(struct claiming *c, int slot)
{
	const struct hf_spdm_slot *k = &c->s->slots[slot];
	/* nobody asks an anchor about the keys of the other slots */
	enum hf_method method = slot == c->slot ? c->method : HF_METHOD_VERSION;

	if (k->cause || !k->parsed) {
		/* of a conversation that broke off, HF_MKEY_SPDM speaks */
		if (k->cause || c->counts)
			set_failure(add(c, HF_METHOD_NONE, 0, "spdm/slot/%d/chain", slot),
				    k->cause ? k->cause : HF_ERR_NOT_MEASURED);
		return;
	}
	set_hashed(c, add(c, method, 0, "spdm/slot/%d/chain", slot), k->certificates);
	claim_root(c, slot, method);
	if (!k->challenged && k->challenge_cause)
		set_failure(add(c, HF_METHOD_NONE, ADVISORY, "spdm/slot/%d/challenge", slot),
			    k->challenge_cause);
}

static void claim_dice_layer(struct claiming *c, const struct hf_dice_layer *layer, size_t i)
{
	for (size_t f = 0; f < layer->fwid_count; f++) {
		const struct hf_digest *fwid = &layer->fwids[f];
		struct hf_digest digest;

		if (!take_digest(fwid->alg, (struct hf_span){ fwid->bytes, hf_alg_size(fwid->alg) },
				 &digest))
			continue;
		set_digests(c, f ? add(c, c->method, 0, "spdm/dice/%zu/fwid/%zu", i, f)
				 : add(c, c->method, 0, "spdm/dice/%zu/fwid", i), &digest, 1, 0);
	}
	if (layer->has_svn)
		set_number(add(c, c->method, 0, "spdm/dice/%zu/svn", i), layer->svn);
	if (layer->version[0])
		set_text(c, add(c, c->method, 0, "spdm/dice/%zu/version", i), layer->version);
	if (layer->has_layer)
		set_number(add(c, c->method, 0, "spdm/dice/%zu/layer", i), layer->layer);
	if (layer->has_flags)
		set_number(add(c, c->method, 0, "spdm/dice/%zu/flags", i), layer->flags);
}

/* Of the chain whose key signed: what the layers below the device's firmware vouch for. */
static void claim_dice(struct claiming *c)
{
	const struct hf_device_chain *chain = c->slot < 0 ? NULL : c->s->slots[c->slot].parsed;
	struct hf_dice dice;

	if (!chain)
		return;
	hf_device_chain_dice(chain, &dice);
	if (dice.malformed)
		set_failure(add(c, HF_METHOD_NONE, ADVISORY, "spdm/dice"), HF_ERR_DEVICE_CHAIN);
	for (size_t i = 0; i < dice.count && i < HF_DICE_LAYERS_MAX; i++)
		claim_dice_layer(c, &dice.layers[i], i);
}

/* ---- measurements ---- */

static uint32_t flags_of(uint8_t type)
{
	switch (type & (uint8_t)~HF_SPDM_TYPE_RAW) {
	case HF_SPDM_TYPE_HARDWARE_CONFIG:
	case HF_SPDM_TYPE_FIRMWARE_CONFIG:
	case HF_SPDM_TYPE_MANIFEST:
	case HF_SPDM_TYPE_DEVICE_MODE:
	case HF_SPDM_TYPE_VERSION:
	case HF_SPDM_TYPE_SVN:
	case HF_SPDM_TYPE_STRUCTURED_MANIFEST:
		return 0;
	case HF_SPDM_TYPE_INFORMATION:
		return ADVISORY;
	}
	return CODE;	/* ROM, firmware, a log's register, and what nobody here knows */
}

/* Zeros behind it are padding; anything else that no terminal should see makes it bytes. */
static bool set_version(struct claiming *c, struct hf_measurement *m, struct hf_span value)
{
	const char *text;

	while (value.len && value.ptr[value.len - 1] == 0)
		value.len--;
	if (!value.len || value.len > HF_TEXT_MAX)
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
			return false;
	text = hf_arena_text(c->claims->arena, value.ptr, value.len);
	if (!text)
		c->err = HF_ERR_LIMIT;
	else
		set_text(c, m, text);
	return true;
}

static void set_block(struct claiming *c, struct hf_measurement *m,
		      const struct hf_spdm_block *block)
{
	struct hf_digest digest;

	if (!m)
		return;
	if (!(block->type & HF_SPDM_TYPE_RAW) &&
	    take_digest(c->s->measurement_alg, block->value, &digest))
		set_digests(c, m, &digest, 1, 0);
	else if (block->type == (HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_SVN) && block->value.len == 8)
		set_number(m, hf_le(block->value.ptr, 8));
	else if (block->type != (HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_VERSION) ||
		 !set_version(c, m, block->value))
		set_bytes(c, m, block->value);
}

static void put_words(char *text, size_t cap, uint32_t bits, const char *const *words, size_t count,
		      const char *none)
{
	size_t start = strlen(text);

	for (size_t i = 0; i < count; i++)
		if (bits >> i & 1)
			snprintf(text + strlen(text), cap - strlen(text), "%s%s",
				 strlen(text) > start ? ", " : "", words[i]);
	if (strlen(text) == start)
		snprintf(text + start, cap - start, "%s", none);
}

/* DSP0274, "device mode field of a measurement block": what it can be in, what it is in. */
static void claim_device_mode(struct claiming *c, const struct hf_spdm_block *block)
{
	static const char *const operation[] = {
		"manufacturing", "validation", "normal operation", "recovery", "RMA",
		"decommissioned",
	};
	static const char *const debug[] = {
		"non-invasive debug is on", "invasive debug is on",
		"non-invasive debug was on since reset", "invasive debug was on since reset",
		"invasive debug was on since manufacture",
	};
	char text[256] = "";

	if (block->value.len != 16)
		return;
	put_words(text, sizeof(text), (uint32_t)hf_le(block->value.ptr + 4, 4), operation,
		  sizeof(operation) / sizeof(operation[0]), "no known mode");
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "; ");
	put_words(text, sizeof(text), (uint32_t)hf_le(block->value.ptr + 12, 4), debug,
		  sizeof(debug) / sizeof(debug[0]), "no debug");
	set_text(c, add(c, HF_METHOD_VERSION, ADVISORY, "spdm/device-mode"), text);
}

static void claim_blocks(struct claiming *c)
{
	bool mode = false;

	for (unsigned i = 1; i <= HF_SPDM_INDEX_MAX; i++) {
		const struct hf_spdm_block *block = &c->s->blocks[i];
		bool is_signed = block->is_signed || block->is_covered;

		if (!block->there)
			continue;
		set_block(c, add(c, is_signed ? c->method : HF_METHOD_VERSION,
				 flags_of(block->type), "spdm/%u", i), block);
		if (block->type == (HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_DEVICE_MODE) && !mode) {
			mode = true;
			claim_device_mode(c, block);
		}
	}
}

/* Blocks that the device counts and does not show are code that nobody saw; so is what a count
 * leaves out that nobody signed. */
static void claim_completeness(struct claiming *c)
{
	const struct hf_spdm *s = c->s;

	if (c->counts && ((s->total && s->total != s->block_count) ||
			  (s->measured_slot >= 0 && !s->counted)))
		set_failure(add(c, HF_METHOD_NONE, CODE, "spdm/total"), HF_ERR_SPDM_SHAPE);
	switch (s->content) {
	case HF_SPDM_CONTENT_UNKNOWN:
		break;
	case HF_SPDM_CONTENT_SAME:
		set_text(c, add(c, c->method, 0, "spdm/content"), "unchanged");
		break;
	case HF_SPDM_CONTENT_CHANGED:
		set_failure(add(c, HF_METHOD_NONE, CODE, "spdm/content"), HF_ERR_SPDM_CHANGED);
		break;
	}
}

enum hf_err hf_spdm_claims(const struct hf_spdm *s, enum hf_err result,
			   const struct hf_identity *identity, struct hf_claims *claims,
			   struct hf_part *part, struct hf_function *function)
{
	struct claiming c = { .s = s, .identity = identity, .claims = claims, .part = part,
			      .function = function };

	/* An end without any signature is none that anybody could lean on. */
	if (!result && !s->signatures)
		result = HF_ERR_SPDM_CANNOT_SIGN;
	c.counts = !result || result == HF_ERR_SPDM_CANNOT_SIGN;
	c.slot = signing_slot(s);
	c.method = worth(&c, c.slot);
	if (result)
		set_failure(add(&c, HF_METHOD_NONE, c.counts ? 0 : CODE, HF_MKEY_SPDM), result);
	claim_negotiation(&c);
	if (s->measured_slot >= 0)
		set_number(add(&c, c.method, 0, "spdm/slot"), (uint64_t)s->measured_slot);
	claim_identity(&c);
	for (int i = 0; i < HF_SPDM_SLOTS; i++)
		if (s->slots[i].provisioned)
			claim_slot(&c, i);
	claim_dice(&c);
	claim_completeness(&c);
	claim_blocks(&c);
	return c.err;
}
