/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The canonical CBOR of claims; docs/evidence.md gives the CDDL. Decoding admits exactly
 * what encoding can produce, so a decoded part encodes to the same bytes.
 */
#include "measure/claim.h"

enum part_key { PART_KIND, PART_PATH, PART_FUNCTIONS, PART_MEASUREMENTS };

enum function_key {
	FUNCTION_ADDRESS, FUNCTION_PATH, FUNCTION_IDENTITY, FUNCTION_DRIVER,
	FUNCTION_MEASUREMENTS,
};

enum measurement_key {
	M_MKEY, M_METHOD, M_FLAGS, M_CAUSE, M_DIGESTS, M_SIZE, M_TEXT, M_NUMBER, M_BYTES,
};
#define SEEN(key) (1u << (key))
#define M_VALUES (SEEN(M_DIGESTS) | SEEN(M_TEXT) | SEEN(M_NUMBER) | SEEN(M_BYTES))

/* IANA COSE algorithms, in the order of deterministic map keys. */
static const struct { enum hf_alg alg; int64_t cose; } digest_algs[] = {
	{ HF_ALG_SHA256, -16 }, { HF_ALG_SHA384, -43 }, { HF_ALG_SHA512, -44 },
};
#define DIGEST_ALGS (sizeof(digest_algs) / sizeof(digest_algs[0]))

static bool name_valid(struct hf_span name, size_t max)
{
	if (name.len == 0 || name.len > max)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= 0x20 || name.ptr[i] > 0x7e)
			return false;
	return true;
}

static bool cause_known(uint64_t cause)
{
	enum hf_err err;

	for (size_t i = 0; hf_err_at(i, &err); i++)
		if (err == cause)
			return true;
	return false;
}

/* ---- encode ---- */

static void put_name(struct hf_writer *w, const char *name, size_t max)
{
	w->full |= !name || !name_valid(hf_span_text(name), max);
	if (!w->full)
		hf_cbor_put_text(w, name);
}

static void put_digests(struct hf_writer *w, const struct hf_measurement *m)
{
	size_t put = 0;

	w->full |= m->digest_count == 0 || m->digest_count > HF_MEASUREMENT_DIGESTS;
	if (w->full)
		return;
	hf_cbor_put_map(w, m->digest_count);
	for (size_t a = 0; a < DIGEST_ALGS; a++) {
		for (size_t i = 0; i < m->digest_count; i++) {
			if (m->digests[i].alg != digest_algs[a].alg)
				continue;
			hf_cbor_put_int(w, digest_algs[a].cose);
			hf_cbor_put_bstr(w, (struct hf_span){ m->digests[i].bytes,
							      hf_alg_size(m->digests[i].alg) });
			put++;
			break;
		}
	}
	w->full |= put != m->digest_count;	/* one twice, or one that claims may not carry */
}

static void put_value(struct hf_writer *w, const struct hf_measurement *m)
{
	switch (m->kind) {
	case HF_VALUE_FAILURE:
		return;
	case HF_VALUE_DIGESTS:
		hf_cbor_put_uint(w, M_DIGESTS);
		put_digests(w, m);
		hf_cbor_put_uint(w, M_SIZE);
		hf_cbor_put_uint(w, m->size);
		return;
	case HF_VALUE_TEXT:
		hf_cbor_put_uint(w, M_TEXT);
		w->full |= !m->text || strlen(m->text) > HF_TEXT_MAX ||
			   !hf_text_valid(hf_span_text(m->text));
		if (!w->full)
			hf_cbor_put_text(w, m->text);
		return;
	case HF_VALUE_NUMBER:
		hf_cbor_put_uint(w, M_NUMBER);
		hf_cbor_put_uint(w, m->number);
		return;
	case HF_VALUE_BYTES:
		hf_cbor_put_uint(w, M_BYTES);
		w->full |= m->bytes.len > HF_BYTES_MAX;
		hf_cbor_put_bstr(w, m->bytes);
		return;
	}
	w->full = true;
}

static void put_measurement(struct hf_writer *w, const struct hf_measurement *m)
{
	bool failure = m->kind == HF_VALUE_FAILURE;
	/* A measurement that nobody filled in is a failure too, never a gap. */
	enum hf_err cause = failure && !m->cause ? HF_ERR_NOT_MEASURED : m->cause;
	enum hf_method method = failure ? HF_METHOD_NONE : m->method;

	w->full |= (unsigned)method >= HF_METHODS || (m->flags & ~HF_MEASUREMENT_FLAGS) ||
		   (cause && !cause_known(cause));
	hf_cbor_put_map(w, 2u + (m->flags != 0) + (cause != 0) + !failure +
				   (m->kind == HF_VALUE_DIGESTS));
	hf_cbor_put_uint(w, M_MKEY);
	put_name(w, m->mkey, HF_MKEY_MAX);
	hf_cbor_put_uint(w, M_METHOD);
	hf_cbor_put_uint(w, hf_method_number(method));
	if (m->flags) {
		hf_cbor_put_uint(w, M_FLAGS);
		hf_cbor_put_uint(w, m->flags);
	}
	if (cause) {
		hf_cbor_put_uint(w, M_CAUSE);
		hf_cbor_put_uint(w, cause);
	}
	put_value(w, m);
}

static void put_measurements(struct hf_writer *w, unsigned key, const struct hf_measurement *list)
{
	size_t count = 0;

	if (!list)
		return;
	for (const struct hf_measurement *m = list; m; m = m->next)
		count++;
	w->full |= count > HF_LIST_MAX;
	hf_cbor_put_uint(w, key);
	hf_cbor_put_array(w, count);
	for (const struct hf_measurement *m = list; m; m = m->next)
		put_measurement(w, m);
}

static void put_identity(struct hf_writer *w, const struct hf_identity *id)
{
	w->full |= id->class_code > 0xffffff || id->header_type > 0x7f;
	hf_cbor_put_array(w, 8);
	hf_cbor_put_uint(w, id->vendor);
	hf_cbor_put_uint(w, id->device);
	hf_cbor_put_uint(w, id->subsystem_vendor);
	hf_cbor_put_uint(w, id->subsystem_device);
	hf_cbor_put_uint(w, id->class_code);
	hf_cbor_put_uint(w, id->revision);
	hf_cbor_put_uint(w, id->header_type);
	if (id->has_serial)
		hf_cbor_put_uint(w, id->serial);
	else
		hf_cbor_put_null(w);
}

static void put_function(struct hf_writer *w, const struct hf_function *f)
{
	w->full |= f->address.device > 0x1f || f->address.function > 7;
	hf_cbor_put_map(w, 3u + (f->driver != NULL) + (f->measurements != NULL));
	hf_cbor_put_uint(w, FUNCTION_ADDRESS);
	hf_cbor_put_array(w, 4);
	hf_cbor_put_uint(w, f->address.domain);
	hf_cbor_put_uint(w, f->address.bus);
	hf_cbor_put_uint(w, f->address.device);
	hf_cbor_put_uint(w, f->address.function);
	hf_cbor_put_uint(w, FUNCTION_PATH);
	put_name(w, f->path, HF_PATH_MAX);
	hf_cbor_put_uint(w, FUNCTION_IDENTITY);
	put_identity(w, &f->identity);
	if (f->driver) {
		hf_cbor_put_uint(w, FUNCTION_DRIVER);
		put_name(w, f->driver, HF_MKEY_MAX);
	}
	put_measurements(w, FUNCTION_MEASUREMENTS, f->measurements);
}

void hf_part_encode(const struct hf_part *part, struct hf_writer *w)
{
	size_t start = w->len, count = 0;

	for (const struct hf_function *f = part->functions; f; f = f->next)
		count++;
	w->full |= (unsigned)part->kind > HF_PART_CARD;
	hf_cbor_put_map(w, 2u + (count != 0) + (part->measurements != NULL));
	hf_cbor_put_uint(w, PART_KIND);
	hf_cbor_put_uint(w, part->kind);
	hf_cbor_put_uint(w, PART_PATH);
	put_name(w, part->path, HF_PATH_MAX);
	if (count) {
		hf_cbor_put_uint(w, PART_FUNCTIONS);
		hf_cbor_put_array(w, count);
		for (const struct hf_function *f = part->functions; f; f = f->next)
			put_function(w, f);
	}
	put_measurements(w, PART_MEASUREMENTS, part->measurements);
	w->full |= w->len - start > HF_PART_CBOR_MAX;
}

void hf_claims_encode(const struct hf_claims *claims, struct hf_writer *w)
{
	hf_cbor_put_array(w, claims->part_count);
	for (const struct hf_part *part = claims->parts; part; part = part->next) {
		uint8_t head[9];
		struct hf_writer h = { head, sizeof(head), 0, false };
		size_t start = w->len, len;

		/* Encode where it will lie, then make room for the head in front of it. */
		hf_part_encode(part, w);
		len = w->len - start;
		hf_cbor_put_bstr_head(&h, len);
		hf_put(w, head, h.len);
		if (w->full)
			return;
		memmove(w->buf + start + h.len, w->buf + start, len);
		memcpy(w->buf + start, head, h.len);
	}
}

/* ---- decode ---- */

static uint64_t take_up_to(struct hf_cbor *r, uint64_t max)
{
	uint64_t value = hf_cbor_uint(r);

	if (value <= max)
		return value;
	hf_cbor_fail(r, HF_ERR_CBOR_LIMIT);
	return 0;
}

static void take_method(struct hf_cbor *r, enum hf_method *ret)
{
	if (!hf_method_from_number(hf_cbor_uint(r), ret))
		hf_cbor_fail(r, HF_ERR_CBOR_LIMIT);
}

/* Bounded printable characters, or "" and a spoilt reader. */
static void take_name(struct hf_cbor *r, size_t max, char *out)
{
	struct hf_span name = hf_cbor_tstr(r);

	out[0] = '\0';
	if (r->err)
		return;
	if (name.len > max) {
		hf_cbor_fail(r, HF_ERR_CBOR_LIMIT);
		return;
	}
	if (!name_valid(name, max)) {
		hf_cbor_fail(r, HF_ERR_CBOR_TEXT);
		return;
	}
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
}

/* An array that encoding leaves out when it would be empty. */
static size_t take_filled_array(struct hf_cbor *r)
{
	size_t count = hf_cbor_array(r);

	if (count == 0)
		hf_cbor_fail(r, HF_ERR_CBOR_NOT_CANONICAL);
	return count;
}

static void take_digests(struct hf_cbor *r, struct hf_measurement *m)
{
	size_t count = hf_cbor_map(r);

	if (count == 0 || count > HF_MEASUREMENT_DIGESTS) {
		hf_cbor_fail(r, HF_ERR_CBOR_LIMIT);
		return;
	}
	for (size_t i = 0; i < count && !r->err; i++) {
		int64_t cose = hf_cbor_int(r);
		struct hf_span bytes = hf_cbor_bstr(r);
		size_t a = 0;

		while (a < DIGEST_ALGS && digest_algs[a].cose != cose)
			a++;
		if (a == DIGEST_ALGS || bytes.len != hf_alg_size(digest_algs[a].alg)) {
			hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
			return;
		}
		m->digests[i].alg = digest_algs[a].alg;
		memcpy(m->digests[i].bytes, bytes.ptr, bytes.len);
	}
	m->digest_count = count;
}

/* Which keys were there; values go into m, text and bytes still borrowed from the input. */
static unsigned take_fields(struct hf_cbor *r, struct hf_measurement *m, char *mkey,
			    struct hf_span *text)
{
	unsigned seen = 0;

	for (size_t left = hf_cbor_map(r); left && !r->err; left--) {
		uint64_t key = take_up_to(r, M_BYTES);

		seen |= SEEN(key);
		switch ((enum measurement_key)key) {
		case M_MKEY:
			take_name(r, HF_MKEY_MAX, mkey);
			break;
		case M_METHOD:
			take_method(r, &m->method);
			break;
		case M_FLAGS:
			m->flags = (uint32_t)take_up_to(r, HF_MEASUREMENT_FLAGS);
			break;
		case M_CAUSE:
			m->cause = (enum hf_err)take_up_to(r, UINT16_MAX);
			break;
		case M_DIGESTS:
			m->kind = HF_VALUE_DIGESTS;
			take_digests(r, m);
			break;
		case M_SIZE:
			m->size = hf_cbor_uint(r);
			break;
		case M_TEXT:
			m->kind = HF_VALUE_TEXT;
			*text = hf_cbor_tstr(r);
			break;
		case M_NUMBER:
			m->kind = HF_VALUE_NUMBER;
			m->number = hf_cbor_uint(r);
			break;
		case M_BYTES:
			m->kind = HF_VALUE_BYTES;
			m->bytes = hf_cbor_bstr(r);
			break;
		}
	}
	return seen;
}

/* What encoding never does, beyond what types and ranges already say. */
static enum hf_err check_fields(unsigned seen, const struct hf_measurement *m, struct hf_span text)
{
	unsigned values = seen & M_VALUES;
	bool failure = values == 0;

	if (!(seen & SEEN(M_MKEY)) || !(seen & SEEN(M_METHOD)) || (values & (values - 1)) ||
	    !(seen & SEEN(M_DIGESTS)) != !(seen & SEEN(M_SIZE)) ||
	    (failure && !(seen & SEEN(M_CAUSE))))
		return HF_ERR_CBOR_TYPE;
	if ((seen & SEEN(M_FLAGS) && !m->flags) || (failure && m->method != HF_METHOD_NONE))
		return HF_ERR_CBOR_NOT_CANONICAL;
	if ((seen & SEEN(M_CAUSE) && !cause_known(m->cause)) || text.len > HF_TEXT_MAX ||
	    m->bytes.len > HF_BYTES_MAX)
		return HF_ERR_CBOR_LIMIT;
	return HF_OK;
}

static void take_measurement(struct hf_cbor *r, struct hf_claims *claims, struct hf_part *part,
			     struct hf_function *f)
{
	struct hf_measurement in = { 0 }, *m;
	char mkey[HF_MKEY_MAX + 1] = "";
	struct hf_span text = { 0 };
	unsigned seen = take_fields(r, &in, mkey, &text);

	if (!r->err)
		hf_cbor_fail(r, check_fields(seen, &in, text));
	if (!r->err && hf_measurement_find(f ? f->measurements : part->measurements, mkey))
		hf_cbor_fail(r, HF_ERR_CBOR_DUPLICATE_KEY);
	if (r->err)
		return;
	m = hf_claims_add_measurement(claims, part, f, mkey, in.method, in.flags);
	if (in.kind == HF_VALUE_TEXT && m)
		in.text = hf_arena_text(claims->arena, text.ptr, text.len);
	if (!m || (in.kind == HF_VALUE_TEXT && !in.text) ||
	    (in.kind == HF_VALUE_BYTES && hf_arena_copy(claims->arena, in.bytes, &in.bytes))) {
		hf_cbor_fail(r, HF_ERR_LIMIT);
		return;
	}
	in.mkey = m->mkey;
	*m = in;
}

static void take_measurements(struct hf_cbor *r, struct hf_claims *claims, struct hf_part *part,
			      struct hf_function *f)
{
	for (size_t left = take_filled_array(r); left && !r->err; left--)
		take_measurement(r, claims, part, f);
}

static void take_expected(struct hf_cbor *r, uint64_t key)
{
	if (hf_cbor_uint(r) != key)
		hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
}

static void take_count(struct hf_cbor *r, size_t count)
{
	if (hf_cbor_array(r) != count)
		hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
}

static struct hf_identity take_identity(struct hf_cbor *r)
{
	struct hf_identity id = { 0 };

	take_count(r, 8);
	id.vendor = (uint16_t)take_up_to(r, UINT16_MAX);
	id.device = (uint16_t)take_up_to(r, UINT16_MAX);
	id.subsystem_vendor = (uint16_t)take_up_to(r, UINT16_MAX);
	id.subsystem_device = (uint16_t)take_up_to(r, UINT16_MAX);
	id.class_code = (uint32_t)take_up_to(r, 0xffffff);
	id.revision = (uint8_t)take_up_to(r, UINT8_MAX);
	id.header_type = (uint8_t)take_up_to(r, 0x7f);
	id.has_serial = hf_cbor_peek(r) != HF_CBOR_NULL;
	if (id.has_serial)
		id.serial = hf_cbor_uint(r);
	else
		hf_cbor_null(r);
	return id;
}

static void take_function(struct hf_cbor *r, struct hf_claims *claims, struct hf_part *part)
{
	char path[HF_PATH_MAX + 1], driver[HF_MKEY_MAX + 1];
	struct hf_address address = { 0 };
	struct hf_function *f;
	size_t left = hf_cbor_map(r);

	if (left < 3) {
		hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
		return;
	}
	take_expected(r, FUNCTION_ADDRESS);
	take_count(r, 4);
	address.domain = (uint32_t)take_up_to(r, UINT32_MAX);
	address.bus = (uint8_t)take_up_to(r, UINT8_MAX);
	address.device = (uint8_t)take_up_to(r, 0x1f);
	address.function = (uint8_t)take_up_to(r, 7);
	take_expected(r, FUNCTION_PATH);
	take_name(r, HF_PATH_MAX, path);
	if (r->err)
		return;
	f = hf_claims_add_function(claims, part, &address, path);
	if (!f) {
		hf_cbor_fail(r, HF_ERR_LIMIT);
		return;
	}
	take_expected(r, FUNCTION_IDENTITY);
	f->identity = take_identity(r);
	for (left -= 3; left && !r->err; left--) {
		uint64_t key = hf_cbor_uint(r);

		if (key == FUNCTION_DRIVER) {
			take_name(r, HF_MKEY_MAX, driver);
			f->driver = hf_arena_text(claims->arena, driver, strlen(driver));
			if (!f->driver)
				hf_cbor_fail(r, HF_ERR_LIMIT);
		} else if (key == FUNCTION_MEASUREMENTS) {
			take_measurements(r, claims, part, f);
		} else {
			hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
		}
	}
}

static void take_part(struct hf_cbor *r, struct hf_claims *claims)
{
	char path[HF_PATH_MAX + 1];
	size_t left = hf_cbor_map(r);
	enum hf_part_kind kind;
	struct hf_part *part;

	if (left < 2) {
		hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
		return;
	}
	take_expected(r, PART_KIND);
	kind = (enum hf_part_kind)take_up_to(r, HF_PART_CARD);
	take_expected(r, PART_PATH);
	take_name(r, HF_PATH_MAX, path);
	if (r->err)
		return;
	part = hf_claims_add_part(claims, kind, path);
	if (!part)
		hf_cbor_fail(r, HF_ERR_LIMIT);
	for (left -= 2; left && !r->err; left--) {
		uint64_t key = hf_cbor_uint(r);

		if (key == PART_FUNCTIONS) {
			for (size_t n = take_filled_array(r); n && !r->err; n--)
				take_function(r, claims, part);
		} else if (key == PART_MEASUREMENTS) {
			take_measurements(r, claims, part, NULL);
		} else {
			hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
		}
	}
}

/* Take back whatever a refused input has added. */
static void roll_back(struct hf_claims *claims, const struct hf_claims *before, size_t arena_len)
{
	*claims = *before;
	*claims->parts_end = NULL;
	claims->arena->len = arena_len;
}

enum hf_err hf_part_decode(struct hf_claims *claims, struct hf_span cbor)
{
	struct hf_cbor r = hf_cbor_at(cbor);
	struct hf_claims before = *claims;
	size_t arena_len = claims->arena->len;
	enum hf_err err;

	if (cbor.len > HF_PART_CBOR_MAX)
		return HF_ERR_CBOR_LIMIT;
	take_part(&r, claims);
	err = hf_cbor_end(&r);
	if (err)
		roll_back(claims, &before, arena_len);
	return err;
}

enum hf_err hf_claims_decode(struct hf_claims *claims, struct hf_span cbor)
{
	struct hf_cbor r = hf_cbor_at(cbor);
	struct hf_claims before = *claims;
	size_t arena_len = claims->arena->len;
	enum hf_err err;

	for (size_t left = hf_cbor_array(&r); left && !r.err; left--) {
		struct hf_span part = hf_cbor_bstr(&r);

		if (!r.err)
			hf_cbor_fail(&r, hf_part_decode(claims, part));
	}
	err = hf_cbor_end(&r);
	if (err)
		roll_back(claims, &before, arena_len);
	return err;
}
