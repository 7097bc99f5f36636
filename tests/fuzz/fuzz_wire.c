/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read as one of the messages is written again and read to the same, and what is written
 * is stable. The first byte says which message. */
#include <stdlib.h>

#include "measure/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t first[1 << 18], second[1 << 18];

#define TRY(what) do { \
		struct hf_writer a = { .buf = first, .cap = sizeof(first) }, \
				 b = { .buf = second, .cap = sizeof(second) }; \
		struct what##_t { struct hf_##what m; } x, y; \
		if (hf_get_##what(in, &x.m)) \
			return 0; \
		hf_put_##what(&a, &x.m); \
		if (a.full || hf_get_##what(hf_written(&a), &y.m)) \
			abort(); \
		hf_put_##what(&b, &y.m); \
		if (!hf_span_equal(hf_written(&a), hf_written(&b)) || a.len > in.len) \
			abort(); \
	} while (0)

#define hf_get_wire_challenge_request hf_wire_get_challenge_request
#define hf_put_wire_challenge_request hf_wire_put_challenge_request
#define hf_get_wire_enrol_request hf_wire_get_enrol_request
#define hf_put_wire_enrol_request hf_wire_put_enrol_request
#define hf_get_wire_activate_request hf_wire_get_activate_request
#define hf_put_wire_activate_request hf_wire_put_activate_request
#define hf_get_wire_receipt_request hf_wire_get_receipt_request
#define hf_put_wire_receipt_request hf_wire_put_receipt_request
#define hf_get_wire_reply hf_wire_get_reply
#define hf_put_wire_reply hf_wire_put_reply
#define hf_get_challenge hf_wire_get_challenge
#define hf_put_challenge hf_wire_put_challenge

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span in = { data + 1, size - 1 };

	if (size < 1 || size > HF_WIRE_REPLY_MAX)
		return 0;
	switch (data[0] % 6) {
	case 0:
		TRY(wire_challenge_request);
		break;
	case 1:
		TRY(wire_enrol_request);
		break;
	case 2:
		TRY(wire_activate_request);
		break;
	case 3:
		TRY(wire_receipt_request);
		break;
	case 4:
		TRY(wire_reply);
		break;
	default:
		TRY(challenge);
		break;
	}
	return 0;
}
