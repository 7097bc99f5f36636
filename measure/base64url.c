/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/base64url.h"

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t hf_base64url_len(size_t len)
{
	return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

void hf_put_base64url(struct hf_writer *w, struct hf_span in)
{
	for (size_t i = 0; i < in.len; i += 3) {
		size_t n = in.len - i < 3 ? in.len - i : 3;
		uint32_t v = (uint32_t)in.ptr[i] << 16 |
			     (n > 1 ? (uint32_t)in.ptr[i + 1] << 8 : 0) |
			     (n > 2 ? (uint32_t)in.ptr[i + 2] : 0);
		char out[4] = { base64url[v >> 18], base64url[v >> 12 & 63],
				base64url[v >> 6 & 63], base64url[v & 63] };

		hf_put(w, out, n + 1);
	}
}

static uint32_t base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0' + 52);
	return c == '-' ? 62 : c == '_' ? 63 : 64;
}

bool hf_take_base64url(const char *in, size_t len, uint8_t *out)
{
	for (size_t i = 0; i < len; i += 4) {
		size_t n = len - i < 4 ? len - i : 4;
		uint32_t v = 0;

		if (n == 1)
			return false;
		for (size_t k = 0; k < n; k++) {
			uint32_t six = base64url_value(in[i + k]);

			if (six == 64)
				return false;
			v |= six << (18 - 6 * k);
		}
		if (v & (n == 2 ? 0xffffu : n == 3 ? 0xffu : 0))
			return false;
		for (size_t k = 0; k + 1 < n; k++)
			*out++ = (uint8_t)(v >> (16 - 8 * k));
	}
	return true;
}
