/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/der.h: DER (X.690) from a cursor over bytes that we do not trust: one tag and its
 * contents at a time, definite and shortest lengths only, tags of one byte. What is not that
 * spoils the cursor for good. [pure] */
#ifndef HF_PCIE_DER_H
#define HF_PCIE_DER_H

#include "measure/bytes.h"

enum hf_der_tag {
	HF_DER_INTEGER = 0x02, HF_DER_BIT_STRING = 0x03, HF_DER_OCTET_STRING = 0x04,
	HF_DER_OID = 0x06, HF_DER_UTF8 = 0x0c, HF_DER_PRINTABLE = 0x13, HF_DER_IA5 = 0x16,
	HF_DER_SEQUENCE = 0x30,
};
#define HF_DER_CONTEXT(n) (0x80u | (n))			/* [n] IMPLICIT, primitive */
#define HF_DER_CONSTRUCTED(n) (0xa0u | (n))		/* [n] EXPLICIT, or of a constructed type */

/* The tag that comes next; 0: none. */
static inline uint8_t hf_der_peek(const struct hf_cursor *c)
{
	return hf_left(c) ? c->in.ptr[c->pos] : 0;
}

static inline size_t hf_der_length(struct hf_cursor *c)
{
	uint8_t first = hf_u8(c);
	size_t n = first & 0x7f, len;

	if (first < 0x80)
		return first;
	len = n <= 4 ? (size_t)hf_take_be(c, n) : 0;
	/* shortest: no leading zero, and nothing that the short form could say */
	c->bad |= n == 0 || n > 4 || len < 0x80 || len >> (8 * (n - 1)) == 0;
	return len;
}

/* The contents of the next element, which has to have this tag. */
static inline struct hf_span hf_der_take(struct hf_cursor *c, uint8_t tag)
{
	size_t len;

	c->bad |= hf_der_peek(c) != tag || (tag & 0x1f) == 0x1f;
	hf_u8(c);
	len = hf_der_length(c);
	return hf_take_span(c, len);
}

/* The whole next element with its tag and length, whatever it is. */
static inline struct hf_span hf_der_any(struct hf_cursor *c)
{
	size_t start = c->pos;

	hf_der_take(c, hf_der_peek(c));
	return c->bad ? (struct hf_span){ 0 } : hf_span_part(c->in, start, c->pos - start);
}

/* An INTEGER of 0 to 2^64 - 1, by whatever tag it has. */
static inline uint64_t hf_der_number(struct hf_cursor *c, uint8_t tag)
{
	struct hf_span v = hf_der_take(c, tag);

	if (c->bad || v.len == 0 || v.len > 9 || v.ptr[0] & 0x80 ||
	    (v.len == 9 && v.ptr[0]) || (v.len > 1 && !v.ptr[0] && !(v.ptr[1] & 0x80))) {
		c->bad = true;
		return 0;
	}
	return hf_be(v.ptr, v.len);
}

#endif
