/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Components of the holdfast profile. [pure] */
#include "manifests/corim_read.h"

#include <stdio.h>

static bool take_text(struct hf_span *in, const char *text)
{
	return hf_span_prefix(*in, text, in);
}

bool hf_hex_take(struct hf_span *in, size_t digits, uint32_t *ret)
{
	uint32_t value = 0;

	if (in->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		uint8_t c = in->ptr[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*in = (struct hf_span){ in->ptr + digits, in->len - digits };
	*ret = value;
	return true;
}

static bool parse_class(struct hf_span in, struct hf_match *ret)
{
	struct hf_match match = { 0 };
	uint32_t vendor, device, value;

	if (!take_text(&in, "Vendor=") || !hf_hex_take(&in, 4, &vendor) ||
	    !take_text(&in, ":Device=") || !hf_hex_take(&in, 4, &device) ||
	    !take_text(&in, ":CC=") || !hf_hex_take(&in, 6, &match.class_code))
		return false;
	match.vendor = (uint16_t)vendor;
	match.device = (uint16_t)device;
	if (take_text(&in, ":REV=")) {
		if (!hf_hex_take(&in, 2, &value))
			return false;
		match.has_revision = true;
		match.revision = (uint8_t)value;
	}
	if (take_text(&in, ":SSVID=")) {
		if (!hf_hex_take(&in, 4, &vendor) || !take_text(&in, ":SSID=") ||
		    !hf_hex_take(&in, 4, &device))
			return false;
		match.has_subsystem = true;
		match.subsystem_vendor = (uint16_t)vendor;
		match.subsystem_device = (uint16_t)device;
	}
	if (in.len)
		return false;
	*ret = match;
	return true;
}

/* The class text decides; vendor and model must say the same. */
static enum hf_err read_match(const struct hf_reference_triple *triple, struct hf_match *ret)
{
	struct hf_match match;
	char vendor[8], model[8];

	if (triple->other)
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (!parse_class(triple->class_id, &match))
		return HF_ERR_CORIM_SHAPE;
	snprintf(vendor, sizeof(vendor), "%04x", match.vendor);
	snprintf(model, sizeof(model), "%04x", match.device);
	if (!hf_span_is(triple->vendor, vendor) || !hf_span_is(triple->model, model))
		return HF_ERR_CORIM_SHAPE;
	if (triple->instance.len) {
		if (triple->instance.len != 8)
			return HF_ERR_CORIM_SHAPE;
		match.has_serial = true;
		match.serial = hf_be(triple->instance.ptr, 8);
	}
	*ret = match;
	return HF_OK;
}

/* A number is the index of a measurement block of SPDM. */
static enum hf_err read_mkey(struct hf_arena *arena, const struct hf_measured *m, const char **ret)
{
	char text[HF_SPDM_MKEY_TEXT];

	if (m->mkey_type == HF_CBOR_TSTR)
		return hf_keep_text(arena, m->mkey, HF_MKEY_MAX, ret);
	if (m->mkey_type != HF_CBOR_UINT || m->mkey_number == 0 ||
	    m->mkey_number > HF_SPDM_INDEX_LAST)
		return HF_ERR_CORIM_SHAPE;
	snprintf(text, sizeof(text), HF_SPDM_MKEY "%u", (unsigned)m->mkey_number);
	return hf_keep_text(arena, hf_span_text(text), HF_MKEY_MAX, ret);
}

/* Digests or a text or a number or bytes, one of them. */
static enum hf_err read_value(struct hf_arena *arena, const struct hf_measured *m,
			      struct hf_reference *ref)
{
	enum hf_err err = HF_OK;

	if (m->name.len || m->digest_count > HF_MEASUREMENT_DIGESTS || m->raw.len > HF_BYTES_MAX ||
	    (m->digest_count != 0) + (m->version.len != 0) + m->has_svn + (m->raw.len != 0) != 1)
		return HF_ERR_CORIM_SHAPE;
	if (m->has_svn)
		ref->svn_kind = m->svn_is_least ? HF_SVN_LEAST : HF_SVN_EXACT;
	ref->svn = m->svn;
	if (m->version.len)
		err = hf_keep_text(arena, m->version, HF_TEXT_MAX, &ref->text);
	if (m->raw.len)
		err = hf_arena_copy(arena, m->raw, &ref->raw);
	if (!err && m->raw_mask.len)
		err = hf_arena_copy(arena, m->raw_mask, &ref->raw_mask);
	ref->digest_count = m->digest_count;
	memcpy(ref->digests, m->digests, ref->digest_count * sizeof(ref->digests[0]));
	return err;
}

static enum hf_err read_reference(struct hf_decoder *d, const struct hf_measured *m,
				  struct hf_environment *env, struct hf_reference ***end)
{
	struct hf_reference *ref = hf_arena_take(d->out->arena, sizeof(*ref));
	enum hf_err err = hf_check_keys(m, 0, HF_KEY_BIT(HF_KEY_SVN) | HF_KEY_BIT(HF_KEY_RAW));

	if (err)
		return err;
	if (!ref)
		return HF_ERR_LIMIT;
	err = read_mkey(d->out->arena, m, &ref->mkey);
	if (!err)
		err = read_value(d->out->arena, m, ref);
	if (!err)
		err = hf_read_from(d->out->arena, m, &ref->from);
	if (err)
		return err;
	for (const struct hf_reference *r = env->references; r; r = r->next)
		if (strcmp(r->mkey, ref->mkey) == 0)
			return HF_ERR_CORIM_SHAPE;
	**end = ref;
	*end = &ref->next;
	return HF_OK;
}

/* The measurement without a name: what holds for the release and the environment. */
static enum hf_err read_release_facts(struct hf_decoder *d, const struct hf_measured *m,
				      struct hf_release *release, struct hf_environment *env)
{
	uint64_t state = 0, count = 0;
	const char *note = NULL, *provenance = NULL;
	enum hf_err err = hf_check_keys(m, HF_KEY_BIT(HF_KEY_STATE) | HF_KEY_BIT(HF_KEY_COUNT),
				     HF_KEY_BIT(HF_KEY_NOTE) | HF_KEY_BIT(HF_KEY_PROVENANCE) |
				     HF_KEY_BIT(HF_KEY_UNTIL));
	uint32_t until = 0;

	if (!err && (m->mkey_type != HF_CBOR_NONE || m->digest_count || m->version.len ||
		     m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err)
		err = hf_own_uint(m, HF_KEY_STATE, HF_RELEASE_ALLOWED_UNTIL, &state);
	if (!err && (state == HF_RELEASE_ALLOWED_UNTIL) != (m->own[HF_KEY_UNTIL].len != 0))
		err = HF_ERR_CORIM_SHAPE;
	if (!err && state == HF_RELEASE_ALLOWED_UNTIL)
		err = hf_own_date(m, HF_KEY_UNTIL, &until);
	if (!err)
		err = hf_own_uint(m, HF_KEY_COUNT, UINT32_MAX, &count);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_NOTE, &note);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_PROVENANCE, &provenance);
	if (err)
		return err;
	env->count = (uint32_t)count;
	if (!release->environments) {
		release->state = (enum hf_release_state)state;
		release->until_day = until;
		release->note = note;
		release->provenance = provenance;
		return HF_OK;
	}
	/* said again for every environment, and always the same */
	if (release->state != (enum hf_release_state)state || release->until_day != until ||
	    !release->note != !note ||
	    (note && strcmp(release->note, note) != 0) || !release->provenance != !provenance ||
	    (provenance && strcmp(release->provenance, provenance) != 0))
		return HF_ERR_CORIM_SHAPE;
	return HF_OK;
}

static enum hf_err read_environment(struct hf_decoder *d, struct hf_reference_triple *triple,
				    struct hf_release *release, struct hf_environment ***end)
{
	struct hf_environment *env = hf_arena_take(d->out->arena, sizeof(*env));
	struct hf_reference **references;
	struct hf_measured m;
	enum hf_err err;

	if (!env || triple->measurement_count > HF_REFERENCES_MAX)
		return HF_ERR_LIMIT;
	references = &env->references;
	err = read_match(triple, &env->match);
	if (!err)
		err = hf_next_measured(d, triple, &m);
	if (!err)
		err = read_release_facts(d, &m, release, env);
	for (size_t i = 1; i < triple->measurement_count && !err; i++) {
		err = hf_next_measured(d, triple, &m);
		if (!err)
			err = read_reference(d, &m, env, &references);
	}
	if (err)
		return err;
	**end = env;
	*end = &env->next;
	return HF_OK;
}

static enum hf_err read_release(struct hf_decoder *d, struct hf_comid *comid,
				struct hf_release *release)
{
	struct hf_environment **end = &release->environments;
	struct hf_reference_triple triple;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < comid->reference_count && !err; i++) {
		err = hf_comid_next(comid, &triple);
		if (!err)
			err = read_environment(d, &triple, release, &end);
	}
	return err;
}

/* component/NAME/RELEASE: releases of one component follow one another. */
enum hf_err hf_decode_component(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
				  struct hf_component ***end, struct hf_component **last)
{
	const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
	struct hf_arena *arena = d->out->arena;
	struct hf_release *release = hf_arena_take(arena, sizeof(*release)), **releases;
	struct hf_span name;
	size_t count = 0;
	enum hf_err err;

	if (!slash)
		return HF_ERR_CORIM_SHAPE;
	if (!release)
		return HF_ERR_LIMIT;
	name = (struct hf_span){ rest.ptr, (size_t)(slash - rest.ptr) };
	rest = (struct hf_span){ slash + 1, rest.len - name.len - 1 };
	if (!*last || !hf_span_is(name, (*last)->name)) {
		struct hf_component *component = hf_arena_take(arena, sizeof(*component));

		if (!component)
			return HF_ERR_LIMIT;
		err = hf_keep_name(arena, name, &component->name);
		if (err)
			return err;
		component->file = d->file;
		**end = *last = component;
		*end = &component->next;
	}
	err = hf_keep_name(arena, rest, &release->name);
	if (!err)
		err = read_release(d, comid, release);
	if (err)
		return err;
	for (releases = &(*last)->releases; *releases; releases = &(*releases)->next)
		if (++count >= HF_RELEASES_MAX)
			return HF_ERR_LIMIT;
	*releases = release;
	return HF_OK;
}
