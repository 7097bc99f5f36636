/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/cbor.h: bounded CBOR (RFC 8949) over bytes we do not trust.
 * The reader stands on libcbor's streaming decoder and allocates nothing. Like
 * hf_cursor it is sticky: after the first error every call yields zero values and
 * r->err keeps the cause, so a decoder reads like the CDDL and asks once at the end.
 *
 * Strict (the default) demands RFC 8949 4.2 core deterministic encoding: minimal
 * integers, definite lengths, map keys ascending and therefore unique. lenient is for
 * vendor files: non-minimal integers, floats and unsorted keys (of up to 128 pairs) pass;
 * indefinite lengths and duplicate keys never do. Map keys are integers or strings.
 */
#ifndef HF_MEASURE_CBOR_H
#define HF_MEASURE_CBOR_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_CBOR_DEPTH_MAX 16
#define HF_CBOR_ITEMS_MAX 65536	/* per array or map */

enum hf_cbor_type {
	HF_CBOR_NONE,	/* end of input, or an error: see r->err */
	HF_CBOR_UINT, HF_CBOR_NINT, HF_CBOR_BSTR, HF_CBOR_TSTR, HF_CBOR_ARRAY,
	HF_CBOR_MAP, HF_CBOR_TAG, HF_CBOR_BOOL, HF_CBOR_NULL,
	HF_CBOR_OTHER,	/* floats, undefined, other simple values: only hf_cbor_skip takes them */
};

struct hf_cbor {
	struct hf_span in;
	size_t pos;
	size_t walked;	/* up to here everything nested has been checked */
	bool lenient;
	enum hf_err err;	/* HF_OK, or the first failure */
};

static inline struct hf_cbor hf_cbor_at(struct hf_span in)
{
	return (struct hf_cbor){ .in = in };
}

enum hf_cbor_type hf_cbor_peek(struct hf_cbor *r);

uint64_t hf_cbor_uint(struct hf_cbor *r);
int64_t hf_cbor_int(struct hf_cbor *r);		/* beyond int64: HF_ERR_CBOR_LIMIT */
struct hf_span hf_cbor_bstr(struct hf_cbor *r);
struct hf_span hf_cbor_tstr(struct hf_cbor *r);	/* valid UTF-8 without control characters */
bool hf_cbor_bool(struct hf_cbor *r);
void hf_cbor_null(struct hf_cbor *r);
uint64_t hf_cbor_tag(struct hf_cbor *r);
/* The number of elements, or of pairs. The whole array or map, nested depth and, for a
 * map, order and uniqueness of its keys are checked here, once. */
size_t hf_cbor_array(struct hf_cbor *r);
size_t hf_cbor_map(struct hf_cbor *r);
/* The next item with all it holds, as encoded bytes, skipped. */
struct hf_span hf_cbor_skip(struct hf_cbor *r);
/* Fail by hand, e.g. for an unexpected key; the first cause stays. */
void hf_cbor_fail(struct hf_cbor *r, enum hf_err err);
/* r->err, or HF_ERR_CBOR_TRAILING if bytes are left. */
enum hf_err hf_cbor_end(const struct hf_cbor *r) HF_MUST_USE;

/* Valid UTF-8 without control, line separator or text direction characters. */
bool hf_text_valid(struct hf_span text);

/* Writing: always the deterministic encoding (callers give map keys in order). */
void hf_cbor_put_uint(struct hf_writer *w, uint64_t value);
void hf_cbor_put_int(struct hf_writer *w, int64_t value);
void hf_cbor_put_bstr(struct hf_writer *w, struct hf_span bytes);
void hf_cbor_put_bstr_head(struct hf_writer *w, size_t len);	/* the bytes follow by hf_put */
void hf_cbor_put_tstr(struct hf_writer *w, struct hf_span text);
void hf_cbor_put_text(struct hf_writer *w, const char *text);
void hf_cbor_put_array(struct hf_writer *w, size_t count);
void hf_cbor_put_map(struct hf_writer *w, size_t count);
void hf_cbor_put_tag(struct hf_writer *w, uint64_t tag);
void hf_cbor_put_bool(struct hf_writer *w, bool value);
void hf_cbor_put_null(struct hf_writer *w);

#endif
