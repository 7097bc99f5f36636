/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/cbor.h"

/* Characters that would let a device or a file move the cursor or reorder a line. */
static bool forbidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

bool hf_text_valid(struct hf_span text)
{
	for (size_t i = 0; i < text.len;) {
		uint32_t c = text.ptr[i];
		size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || more >= text.len - i)
			return false;
		if (more)
			c &= 0x3fu >> more;
		for (size_t k = 1; k <= more; k++) {
			if ((text.ptr[i + k] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (text.ptr[i + k] & 0x3fu);
		}
		if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || forbidden(c))
			return false;
		i += more + 1;
	}
	return true;
}

static void put_head(struct hf_writer *w, uint8_t major, uint64_t value)
{
	size_t n = value < 24 ? 0 : value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 :
		   value <= UINT32_MAX ? 4 : 8;
	uint8_t code = (uint8_t)(n == 0 ? value : n == 1 ? 24 : n == 2 ? 25 : n == 4 ? 26 : 27);
	uint8_t buf[9] = { (uint8_t)(major << 5 | code) };

	for (size_t i = 0; i < n; i++)
		buf[1 + i] = (uint8_t)(value >> (8 * (n - 1 - i)));
	hf_put(w, buf, 1 + n);
}

void hf_cbor_put_uint(struct hf_writer *w, uint64_t value)
{
	put_head(w, 0, value);
}

void hf_cbor_put_int(struct hf_writer *w, int64_t value)
{
	if (value < 0)
		put_head(w, 1, (uint64_t)(-1 - value));
	else
		put_head(w, 0, (uint64_t)value);
}

void hf_cbor_put_bstr_head(struct hf_writer *w, size_t len)
{
	put_head(w, 2, len);
}

void hf_cbor_put_bstr(struct hf_writer *w, struct hf_span bytes)
{
	put_head(w, 2, bytes.len);
	hf_put_span(w, bytes);
}

void hf_cbor_put_tstr(struct hf_writer *w, struct hf_span text)
{
	put_head(w, 3, text.len);
	hf_put_span(w, text);
}

void hf_cbor_put_text(struct hf_writer *w, const char *text)
{
	hf_cbor_put_tstr(w, hf_span_text(text));
}

void hf_cbor_put_array(struct hf_writer *w, size_t count)
{
	put_head(w, 4, count);
}

void hf_cbor_put_map(struct hf_writer *w, size_t count)
{
	put_head(w, 5, count);
}

void hf_cbor_put_tag(struct hf_writer *w, uint64_t tag)
{
	put_head(w, 6, tag);
}

void hf_cbor_put_bool(struct hf_writer *w, bool value)
{
	hf_put(w, value ? "\xf5" : "\xf4", 1);
}

void hf_cbor_put_null(struct hf_writer *w)
{
	hf_put(w, "\xf6", 1);
}
