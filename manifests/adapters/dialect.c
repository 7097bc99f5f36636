/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What adapters share: the outer shapes, and the way into manifests. [pure] */
#include "manifests/adapters/adapters.h"

#define TAG_CORIM_OLD 500
#define TAG_SIGNED_OLD 502

static const struct hf_adapter *const adapters[] = {
	&hf_adapter_nvidia_nic,
	&hf_adapter_altera,
	&hf_adapter_ocp_safe,
};

const struct hf_adapter *hf_adapter_named(const char *name)
{
	for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++)
		if (strcmp(adapters[i]->name, name) == 0)
			return adapters[i];
	return NULL;
}

struct hf_span hf_dialect_unwrap(struct hf_span in)
{
	static const uint64_t tags[] = { TAG_CORIM_OLD, TAG_SIGNED_OLD };

	for (size_t i = 0; i < 2; i++) {
		struct hf_cbor r = hf_cbor_at(in);

		if (hf_cbor_peek(&r) != HF_CBOR_TAG || hf_cbor_tag(&r) != tags[i])
			break;
		in = (struct hf_span){ in.ptr + r.pos, in.len - r.pos };
	}
	return in;
}

static enum hf_err shape(enum hf_err err)
{
	return err == HF_ERR_CBOR_TYPE ? HF_ERR_CORIM_SHAPE : err;
}

enum hf_err hf_dialect_corim(struct hf_span map, struct hf_dialect_corim *ret)
{
	struct hf_dialect_corim corim = { 0 };
	struct hf_cbor r = { .in = map, .lenient = true };
	size_t count = hf_cbor_map(&r);

	for (size_t i = 0; i < count && !r.err; i++) {
		switch (hf_cbor_int(&r)) {
		case 0:
			corim.id = hf_cbor_skip(&r);
			break;
		case 1:
			corim.tags = hf_cbor_skip(&r);
			break;
		case 3:
			corim.profile = hf_cbor_skip(&r);
			break;
		case 4:
			corim.validity = hf_cbor_skip(&r);
			break;
		case 2:		/* dependent RIMs are not followed */
		case 5:		/* entities are not trusted */
			hf_cbor_skip(&r);
			break;
		default:
			hf_cbor_fail(&r, HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
		}
	}
	if (hf_cbor_end(&r))
		return shape(hf_cbor_end(&r));
	if (!corim.id.len || !corim.tags.len)
		return HF_ERR_CORIM_SHAPE;
	*ret = corim;
	return HF_OK;
}

/* A vendor's anchor signs reference values and attestation keys. Keys (triple 3) are for a
 * reader that has them verified; endorsed values (1) never decide. */
static void read_triples(struct hf_cbor *r, struct hf_dialect_comid *comid)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			comid->references = hf_cbor_skip(r);
			break;
		case 1:
			comid->endorsed = hf_cbor_skip(r);
			break;
		case 3:
			hf_cbor_skip(r);
			break;
		case 10:
			comid->conditional = hf_cbor_skip(r);
			break;
		default:
			hf_cbor_fail(r, HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
		}
	}
}

enum hf_err hf_dialect_comid(struct hf_span map, struct hf_dialect_comid *ret)
{
	struct hf_dialect_comid comid = { 0 };
	struct hf_cbor r = { .in = map, .lenient = true };
	size_t count = hf_cbor_map(&r);

	for (size_t i = 0; i < count && !r.err; i++) {
		switch (hf_cbor_int(&r)) {
		case 1:
			comid.identity = hf_cbor_skip(&r);
			break;
		case 4:
			read_triples(&r, &comid);
			break;
		case 0:		/* language */
		case 2:		/* entities */
			hf_cbor_skip(&r);
			break;
		default:	/* linked tags, extensions */
			hf_cbor_fail(&r, HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
		}
	}
	if (hf_cbor_end(&r))
		return shape(hf_cbor_end(&r));
	if (!comid.identity.len)
		return HF_ERR_CORIM_SHAPE;
	*ret = comid;
	return HF_OK;
}

enum hf_err hf_dialect_one_tag(struct hf_span tags, struct hf_span *ret_map)
{
	struct hf_cbor r = { .in = tags, .lenient = true };
	struct hf_span map;

	if (hf_cbor_array(&r) != 1)	/* more was never seen; a second would go unread */
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	if (hf_cbor_tag(&r) != HF_TAG_COMID)
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	map = hf_cbor_bstr(&r);
	if (hf_cbor_end(&r))
		return shape(hf_cbor_end(&r));
	*ret_map = map;
	return HF_OK;
}

enum hf_err hf_dialect_strict(struct hf_dialect *d, const struct hf_dialect_corim *corim,
			      struct hf_span identity, struct hf_span references,
			      struct hf_comid *ret)
{
	struct hf_writer m = { .cap = identity.len + references.len + 32 };
	struct hf_writer w = { .cap = m.cap + corim->id.len + corim->validity.len + 64 };
	struct hf_corim strict;
	enum hf_err err;

	if (!references.len)
		return HF_ERR_CORIM_SHAPE;
	m.buf = hf_arena_take(d->out->arena, m.cap);
	w.buf = hf_arena_take(d->out->arena, w.cap);
	if (!m.buf || !w.buf)
		return HF_ERR_LIMIT;
	hf_cbor_put_map(&m, 2);
	hf_cbor_put_uint(&m, 1);
	hf_put_span(&m, identity);
	hf_cbor_put_uint(&m, 4);
	hf_cbor_put_map(&m, 1);
	hf_cbor_put_uint(&m, 0);
	hf_put_span(&m, references);
	hf_cbor_put_tag(&w, HF_TAG_CORIM);
	hf_cbor_put_map(&w, corim->validity.len ? 3 : 2);
	hf_cbor_put_uint(&w, 0);
	hf_put_span(&w, corim->id);
	hf_cbor_put_uint(&w, 1);
	hf_cbor_put_array(&w, 1);
	hf_cbor_put_tag(&w, HF_TAG_COMID);
	hf_cbor_put_bstr(&w, hf_written(&m));
	if (corim->validity.len) {
		hf_cbor_put_uint(&w, 4);
		hf_put_span(&w, corim->validity);
	}
	err = m.full || w.full ? HF_ERR_INTERNAL : hf_corim_open_lenient(hf_written(&w), &strict);
	if (!err)
		err = hf_corim_valid_at(&strict, d->now);
	return err ? err : hf_corim_next(&strict, ret);
}

enum hf_err hf_dialect_text(struct hf_span text, char *out, size_t cap)
{
	if (text.len == 0 || text.len >= cap)
		return HF_ERR_CORIM_SHAPE;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c < 0x20 || c > 0x7e)
			return HF_ERR_CORIM_SHAPE;
		out[i] = c == '/' ? '_' : (char)c;
	}
	out[text.len] = '\0';
	return HF_OK;
}

static const char *keep(struct hf_dialect *d, const char *text)
{
	return hf_arena_text(d->out->arena, text, strlen(text));
}

enum hf_err hf_dialect_release(struct hf_dialect *d, const char *component, const char *release,
			       const struct hf_match *match, struct hf_environment **ret)
{
	struct hf_component *c = hf_arena_take(d->out->arena, sizeof(*c));
	struct hf_release *r = hf_arena_take(d->out->arena, sizeof(*r));
	struct hf_environment *env = hf_arena_take(d->out->arena, sizeof(*env));

	if (!hf_name_valid(component) || !hf_name_valid(release))
		return HF_ERR_CORIM_SHAPE;
	if (!c || !r || !env)
		return HF_ERR_LIMIT;
	c->name = keep(d, component);
	r->name = keep(d, release);
	r->provenance = keep(d, d->anchor);
	if (!c->name || !r->name || !r->provenance)
		return HF_ERR_LIMIT;
	env->match = *match;
	r->environments = env;
	c->releases = r;
	c->file = d->file;
	*d->end = c;
	d->end = &c->next;
	*ret = env;
	return HF_OK;
}

static enum hf_err keep_bytes(struct hf_dialect *d, struct hf_span bytes, struct hf_span *ret)
{
	uint8_t *copy = hf_arena_take(d->out->arena, bytes.len);

	if (!copy)
		return HF_ERR_LIMIT;
	memcpy(copy, bytes.ptr, bytes.len);
	*ret = (struct hf_span){ copy, bytes.len };
	return HF_OK;
}

enum hf_err hf_dialect_reference(struct hf_dialect *d, struct hf_environment *env, const char *mkey,
				 const struct hf_measured *measured)
{
	struct hf_reference *ref = hf_arena_take(d->out->arena, sizeof(*ref)), **end;
	enum hf_err err = HF_OK;
	size_t count = 0;

	if (measured->digest_count > HF_MEASUREMENT_DIGESTS || measured->other_digests ||
	    (measured->digest_count != 0) + (measured->raw.len != 0) +
			    (measured->version.len != 0) != 1 || measured->critical ||
	    (measured->raw_mask.len && measured->raw_mask.len != measured->raw.len))
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (!ref)
		return HF_ERR_LIMIT;
	for (end = &env->references; *end; end = &(*end)->next)
		if (strcmp((*end)->mkey, mkey) == 0)
			return HF_ERR_CORIM_SHAPE;
		else if (++count >= HF_REFERENCES_MAX)
			return HF_ERR_LIMIT;
	ref->mkey = keep(d, mkey);
	if (!ref->mkey)
		return HF_ERR_LIMIT;
	ref->digest_count = measured->digest_count;
	memcpy(ref->digests, measured->digests, ref->digest_count * sizeof(ref->digests[0]));
	if (measured->version.len)
		err = hf_keep_text(d->out->arena, measured->version, HF_TEXT_MAX, &ref->text);
	if (measured->raw.len)
		err = keep_bytes(d, measured->raw, &ref->raw);
	if (!err && measured->raw_mask.len)
		err = keep_bytes(d, measured->raw_mask, &ref->raw_mask);
	if (!err)
		*end = ref;
	return err;
}

/* ---- several files of one vendor ---- */

static struct hf_component *earlier(struct hf_manifests *out, const struct hf_component *c,
				    const struct hf_component *first)
{
	for (struct hf_component *e = out->components; e && e != first; e = e->next)
		if (strcmp(e->name, c->name) == 0)
			return e;
	return NULL;
}

static enum hf_err mergeable(const struct hf_manifests *out, const struct hf_component *e,
			     const struct hf_component *c)
{
	size_t count = 0;

	if (strcmp(out->files[e->file].signer, out->files[c->file].signer) != 0)
		return HF_ERR_DUPLICATE_NAME;
	for (const struct hf_release *a = e->releases; a; a = a->next, count++)
		for (const struct hf_release *b = c->releases; b; b = b->next)
			if (strcmp(a->name, b->name) == 0)
				return HF_ERR_DUPLICATE_NAME;
	return count >= HF_RELEASES_MAX ? HF_ERR_LIMIT : HF_OK;
}

enum hf_err hf_dialect_merge(struct hf_manifests *out, const struct hf_manifests_mark *mark)
{
	const struct hf_component *first = *mark->components;
	struct hf_component **at, *e;
	size_t count = 0;

	for (struct hf_component *c = out->components; c; c = c->next)
		count++;
	if (count > HF_COMPONENTS_MAX)
		return HF_ERR_LIMIT;
	for (struct hf_component *c = *mark->components; c; c = c->next) {
		e = earlier(out, c, first);
		enum hf_err err = e ? mergeable(out, e, c) : HF_OK;

		if (err)
			return err;
	}
	for (at = mark->components; *at;) {	/* nothing may fail from here */
		struct hf_release **end;

		e = earlier(out, *at, first);
		if (!e) {
			at = &(*at)->next;
			continue;
		}
		for (end = &e->releases; *end; end = &(*end)->next)
			;
		*end = (*at)->releases;
		*at = (*at)->next;
	}
	return HF_OK;
}
