/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/base64url.h: base64url without padding, RFC 4648 section 5. [pure] */
#ifndef HF_MEASURE_BASE64URL_H
#define HF_MEASURE_BASE64URL_H

#include "measure/bytes.h"

size_t hf_base64url_len(size_t len);	/* characters of that many bytes */
void hf_put_base64url(struct hf_writer *w, struct hf_span in);
/* One text for one value: left-over bits must be zero. out takes len / 4 * 3 bytes and, of what is
 * left over, one less. */
bool hf_take_base64url(const char *in, size_t len, uint8_t *out);

#endif
