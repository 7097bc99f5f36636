/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The CoRIM level (draft-ietf-rats-corim-11 sections 4 and 5): shape, no meaning. [pure] */
#include "manifests/corim_profile.h"

/* A value of the wrong type is a wrong shape; other CBOR causes speak for themselves. */
static enum hf_err shape(enum hf_err err)
{
	return err == HF_ERR_CBOR_TYPE ? HF_ERR_CORIM_SHAPE : err;
}

static enum hf_err finish(const struct hf_cbor *r)
{
	return shape(hf_cbor_end(r));
}

/* tstr / uuid-type: corim-id-type-choice and tag-id-type-choice alike */
static struct hf_span read_id(struct hf_cbor *r)
{
	struct hf_span id;

	if (hf_cbor_peek(r) == HF_CBOR_TSTR) {
		id = hf_cbor_tstr(r);
		if (id.len == 0)
			hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
		return id;
	}
	id = hf_cbor_bstr(r);
	if (id.len != 16)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	return id;
}

static void read_profile(struct hf_cbor *r, struct hf_corim *corim)
{
	uint64_t tag = hf_cbor_tag(r);

	if (tag == HF_TAG_OID)
		corim->profile = hf_cbor_bstr(r);
	else if (tag == HF_TAG_URI)
		hf_cbor_tstr(r);
	else
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
}

static int64_t read_time(struct hf_cbor *r)
{
	if (hf_cbor_tag(r) != HF_TAG_TIME)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	return hf_cbor_int(r);
}

static void read_validity(struct hf_cbor *r, struct hf_corim *corim)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			corim->has_not_before = true;
			corim->not_before = read_time(r);
			break;
		case 1:
			corim->has_validity = true;
			corim->not_after = read_time(r);
			break;
		default:
			hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
		}
	}
	if (!corim->has_validity)	/* not-after is mandatory */
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
}

/* An array with at least one element, skipped in r and opened in *ret. */
static size_t open_array(struct hf_cbor *r, struct hf_cbor *ret)
{
	size_t count;

	*ret = hf_cbor_at(hf_cbor_skip(r));
	ret->lenient = r->lenient;
	if (r->err)
		return 0;
	count = hf_cbor_array(ret);
	if (ret->err || count == 0)
		hf_cbor_fail(r, ret->err ? ret->err : HF_ERR_CORIM_SHAPE);
	return count;
}

static enum hf_err open_corim(struct hf_span payload, bool lenient, struct hf_corim *ret)
{
	struct hf_cbor r = { .in = payload, .lenient = lenient };
	struct hf_corim corim = { 0 };
	size_t count;

	if (payload.len > HF_CORIM_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	if (payload.len && payload.ptr[0] != 0xd9)	/* no tag of two bytes: no CoRIM at all */
		return HF_ERR_CORIM_SHAPE;
	if (hf_cbor_tag(&r) != HF_TAG_CORIM)
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	count = hf_cbor_map(&r);
	for (size_t i = 0; i < count && !r.err; i++) {
		switch (hf_cbor_int(&r)) {
		case 0:
			corim.id = read_id(&r);
			break;
		case 1:
			corim.tag_count = open_array(&r, &corim.tags);
			break;
		case 3:
			read_profile(&r, &corim);
			break;
		case 4:
			read_validity(&r, &corim);
			break;
		default:	/* dependent RIMs, entities, extensions */
			hf_cbor_skip(&r);
		}
	}
	if (!r.err && (corim.id.len == 0 || corim.tag_count == 0))
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	if (finish(&r))
		return finish(&r);
	*ret = corim;
	return HF_OK;
}

enum hf_err hf_corim_open(struct hf_span payload, struct hf_corim *ret)
{
	return open_corim(payload, false, ret);
}

enum hf_err hf_corim_open_lenient(struct hf_span payload, struct hf_corim *ret)
{
	return open_corim(payload, true, ret);
}

enum hf_err hf_corim_valid_at(const struct hf_corim *corim, int64_t now)
{
	if (!corim->has_validity || now == 0)
		return HF_OK;
	if (now > corim->not_after || (corim->has_not_before && now < corim->not_before))
		return HF_ERR_CORIM_EXPIRED;
	return HF_OK;
}

static void read_tag_identity(struct hf_cbor *r, struct hf_comid *comid)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			comid->tag_id = read_id(r);
			break;
		case 1:
			hf_cbor_uint(r);
			break;
		default:
			hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
		}
	}
}

static void read_triples(struct hf_cbor *r, struct hf_comid *comid)
{
	size_t count = hf_cbor_map(r);

	if (count == 0)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_int(r) == 0) {
			comid->reference_count = open_array(r, &comid->references);
			continue;
		}
		comid->other_triples = true;
		hf_cbor_skip(r);
	}
}

static enum hf_err read_comid(struct hf_span in, bool lenient, struct hf_comid *ret)
{
	struct hf_cbor r = { .in = in, .lenient = lenient };
	struct hf_comid comid = { .is_comid = true };
	size_t count = hf_cbor_map(&r);
	bool has_triples = false;

	for (size_t i = 0; i < count && !r.err; i++) {
		switch (hf_cbor_int(&r)) {
		case 1:
			read_tag_identity(&r, &comid);
			break;
		case 3:
			comid.linked = true;
			hf_cbor_skip(&r);
			break;
		case 4:
			has_triples = true;
			read_triples(&r, &comid);
			break;
		default:	/* language, entities, extensions */
			hf_cbor_skip(&r);
		}
	}
	if (!r.err && (comid.tag_id.len == 0 || !has_triples))
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	if (finish(&r))
		return finish(&r);
	*ret = comid;
	return HF_OK;
}

enum hf_err hf_corim_next(struct hf_corim *corim, struct hf_comid *ret)
{
	struct hf_cbor *r = &corim->tags;
	uint64_t tag = hf_cbor_tag(r);	/* a bare byte string is a dialect, and refused */

	if (tag == HF_TAG_COMID) {
		struct hf_span in = hf_cbor_bstr(r);

		return r->err ? shape(r->err) : read_comid(in, r->lenient, ret);
	}
	if (tag != HF_TAG_COSWID && tag != HF_TAG_COTL)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	hf_cbor_skip(r);
	if (!r->err)
		*ret = (struct hf_comid){ 0 };
	return shape(r->err);
}

/* Every choice of class and instance id is tagged; tagged-bytes is the one we use, an OID
 * is kept for who knows it (ret_oid may be NULL). */
static struct hf_span read_tagged_bytes(struct hf_cbor *r, struct hf_span *ret_oid, bool *ret_other)
{
	uint64_t tag = hf_cbor_tag(r);

	if (tag == HF_TAG_BYTES) {
		struct hf_span bytes = hf_cbor_bstr(r);

		if (bytes.len == 0)
			hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
		return bytes;
	}
	if (tag == HF_TAG_OID && ret_oid) {
		*ret_oid = hf_cbor_bstr(r);
		*ret_other = true;
		return (struct hf_span){ 0 };
	}
	hf_cbor_skip(r);
	*ret_other = true;
	return (struct hf_span){ 0 };
}

static void read_class(struct hf_cbor *r, struct hf_reference_triple *triple)
{
	size_t count = hf_cbor_map(r);

	if (count == 0)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			triple->class_id = read_tagged_bytes(r, &triple->class_oid, &triple->other);
			break;
		case 1:
			triple->vendor = hf_cbor_tstr(r);
			break;
		case 2:
			triple->model = hf_cbor_tstr(r);
			break;
		case 3:
			triple->has_layer = triple->other = true;
			triple->layer = hf_cbor_uint(r);
			break;
		case 4:
			triple->has_index = triple->other = true;
			triple->index = hf_cbor_uint(r);
			break;
		default:
			triple->other = true;
			hf_cbor_skip(r);
		}
	}
}

static void read_environment(struct hf_cbor *r, struct hf_reference_triple *triple)
{
	size_t count = hf_cbor_map(r);

	if (count == 0)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			read_class(r, triple);
			break;
		case 1:
			triple->instance = read_tagged_bytes(r, NULL, &triple->other);
			break;
		default:
			triple->other = true;
			hf_cbor_skip(r);
		}
	}
}

enum hf_err hf_comid_next(struct hf_comid *comid, struct hf_reference_triple *ret)
{
	struct hf_cbor *r = &comid->references;
	struct hf_reference_triple triple = { 0 };

	if (hf_cbor_array(r) != 2)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	read_environment(r, &triple);
	triple.measurement_count = open_array(r, &triple.measurements);
	if (r->err)
		return shape(r->err);
	*ret = triple;
	return HF_OK;
}

/* COSE algorithm numbers and, as vendors write them, Named Information ones. */
static bool alg_of(int64_t number, enum hf_alg *ret)
{
	switch (number) {
	case HF_COSE_SHA256:
	case 1:
		*ret = HF_ALG_SHA256;
		return true;
	case HF_COSE_SHA384:
	case 7:
		*ret = HF_ALG_SHA384;
		return true;
	case HF_COSE_SHA512:
	case 8:
		*ret = HF_ALG_SHA512;
		return true;
	default:
		return false;
	}
}

static void read_digest(struct hf_cbor *r, struct hf_measured *m)
{
	struct hf_digest digest = { 0 };
	struct hf_span value;
	bool known = false;

	if (hf_cbor_array(r) != 2)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	if (hf_cbor_peek(r) == HF_CBOR_TSTR)
		hf_cbor_tstr(r);
	else
		known = alg_of(hf_cbor_int(r), &digest.alg);
	value = hf_cbor_bstr(r);
	if (r->err)
		return;
	if (!known) {
		m->other_digests = true;
		return;
	}
	if (value.len != hf_alg_size(digest.alg)) {
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
		return;
	}
	for (size_t i = 0; i < m->digest_count; i++) {
		if (m->digests[i].alg == digest.alg) {
			hf_cbor_fail(r, HF_ERR_CORIM_DUPLICATE_DIGEST);
			return;
		}
	}
	/* three known algorithms, none twice: there is always room */
	memcpy(digest.bytes, value.ptr, value.len);
	m->digests[m->digest_count++] = digest;
}

static void read_version(struct hf_cbor *r, struct hf_measured *m)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_int(r) == 0)
			m->version = hf_cbor_tstr(r);
		else
			hf_cbor_skip(r);
	}
	if (m->version.len == 0)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
}

/* svn-type-choice: uint / #6.552(uint), the very version / #6.553(uint), the least one. */
static void read_svn(struct hf_cbor *r, struct hf_measured *m)
{
	uint64_t tag = HF_TAG_SVN;

	if (hf_cbor_peek(r) == HF_CBOR_TAG)
		tag = hf_cbor_tag(r);
	if (tag != HF_TAG_SVN && tag != HF_TAG_LEAST_SVN)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	m->has_svn = true;
	m->svn_is_least = tag == HF_TAG_LEAST_SVN;
	m->svn = hf_cbor_uint(r);
}

/* #6.560(bytes), or #6.563([value, mask]); other raw values have a type of their own. */
static void read_raw(struct hf_cbor *r, struct hf_measured *m)
{
	struct hf_span encoded = hf_cbor_skip(r);
	struct hf_cbor value = hf_cbor_at(encoded);
	uint64_t tag = hf_cbor_peek(&value) == HF_CBOR_TAG ? hf_cbor_tag(&value) : 0;

	if (tag == HF_TAG_BYTES) {
		m->raw = hf_cbor_bstr(&value);
	} else if (tag == HF_TAG_MASKED && hf_cbor_array(&value) == 2) {
		m->raw = hf_cbor_bstr(&value);
		m->raw_mask = hf_cbor_bstr(&value);
		if (m->raw_mask.len != m->raw.len)
			hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	}
	m->other |= hf_cbor_end(&value) != HF_OK || m->raw.len == 0;
}

static void read_values(struct hf_cbor *r, struct hf_measured *m)
{
	size_t count = hf_cbor_map(r), digests;

	if (count == 0)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	for (size_t i = 0; i < count && !r->err; i++) {
		int64_t key = hf_cbor_int(r);

		if (key == 0) {
			read_version(r, m);
		} else if (key == 2) {
			digests = hf_cbor_array(r);
			if (digests == 0)
				hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
			for (size_t d = 0; d < digests && !r->err; d++)
				read_digest(r, m);
		} else if (key == 4) {
			read_raw(r, m);
		} else if (key == 5) {	/* deprecated in favour of #6.563 */
			m->other = true;
			m->raw_mask = hf_cbor_bstr(r);
		} else if (key == HF_CORIM_REGISTERS) {
			m->registers = hf_cbor_skip(r);
		} else if (key == 11) {
			m->name = hf_cbor_tstr(r);
		} else if (key == 1) {
			read_svn(r, m);
		} else if (key < 0 && key >= -HF_CORIM_OWN_MAX) {
			m->own[-key] = hf_cbor_skip(r);
		} else if (key == -HF_KEY_FROM) {
			m->from = hf_cbor_skip(r);
		} else {
			m->other |= key >= 0;
			m->critical |= key < 0 && key >= -255;
			if (key < -255)
				m->passed_over = key;
			hf_cbor_skip(r);
		}
	}
}

static void read_mkey(struct hf_cbor *r, struct hf_measured *m)
{
	uint64_t tag;

	m->mkey_type = hf_cbor_peek(r);
	switch (m->mkey_type) {
	case HF_CBOR_TSTR:
		m->mkey = hf_cbor_tstr(r);
		break;
	case HF_CBOR_UINT:
		m->mkey_number = hf_cbor_uint(r);
		break;
	default:
		tag = hf_cbor_tag(r);
		if (tag != HF_TAG_OID && tag != HF_TAG_UUID)
			hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
		hf_cbor_bstr(r);
	}
}

enum hf_err hf_triple_next(struct hf_reference_triple *triple, struct hf_measured *ret)
{
	struct hf_cbor *r = &triple->measurements;
	struct hf_measured m = { .mkey_type = HF_CBOR_NONE };
	size_t count = hf_cbor_map(r);
	bool has_values = false;

	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			read_mkey(r, &m);
			break;
		case 1:
			has_values = true;
			read_values(r, &m);
			break;
		default:	/* authorized-by */
			m.other = true;
			hf_cbor_skip(r);
		}
	}
	if (!r->err && !has_values)
		hf_cbor_fail(r, HF_ERR_CORIM_SHAPE);
	if (r->err)
		return shape(r->err);
	*ret = m;
	return HF_OK;
}

static enum hf_err walk_comid(struct hf_comid *comid, hf_corim_visit visit, void *self)
{
	struct hf_reference_triple triple;
	struct hf_measured measured;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < comid->reference_count && !err; i++) {
		err = hf_comid_next(comid, &triple);
		for (size_t k = 0; !err && k < triple.measurement_count; k++) {
			err = hf_triple_next(&triple, &measured);
			if (!err && visit)
				err = visit(self, comid, &triple, &measured);
		}
	}
	return err;
}

enum hf_err hf_corim_walk(struct hf_corim *corim, hf_corim_visit visit, void *self)
{
	struct hf_comid comid;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < corim->tag_count && !err; i++) {
		err = hf_corim_next(corim, &comid);
		if (!err)
			err = walk_comid(&comid, visit, self);
	}
	return err;
}
