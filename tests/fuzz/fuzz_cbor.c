/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever the strict reader accepts, written again, gives the same bytes. Whatever the
 * lenient reader accepts can be walked item by item without an error that the walk
 * before it did not find.
 */
#include <stdlib.h>

#include "measure/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[1 << 16];

/* Copies one item; false when it holds something that only skip takes. */
static bool copy_item(struct hf_cbor *r, struct hf_writer *w)
{
	bool plain = true;
	size_t n;

	switch (hf_cbor_peek(r)) {
	case HF_CBOR_NONE:
		return false;
	case HF_CBOR_UINT:
		hf_cbor_put_uint(w, hf_cbor_uint(r));
		return true;
	case HF_CBOR_NINT:
		hf_cbor_put_int(w, hf_cbor_int(r));
		return true;
	case HF_CBOR_BSTR:
		hf_cbor_put_bstr(w, hf_cbor_bstr(r));
		return true;
	case HF_CBOR_TSTR:
		hf_cbor_put_tstr(w, hf_cbor_tstr(r));
		return true;
	case HF_CBOR_ARRAY:
		n = hf_cbor_array(r);
		hf_cbor_put_array(w, n);
		for (; n && plain && !r->err; n--)
			plain = copy_item(r, w);
		return plain;
	case HF_CBOR_MAP:
		n = hf_cbor_map(r);
		hf_cbor_put_map(w, n);
		for (n *= 2; n && plain && !r->err; n--)
			plain = copy_item(r, w);
		return plain;
	case HF_CBOR_TAG:
		hf_cbor_put_tag(w, hf_cbor_tag(r));
		return copy_item(r, w);
	case HF_CBOR_BOOL:
		hf_cbor_put_bool(w, hf_cbor_bool(r));
		return true;
	case HF_CBOR_NULL:
		hf_cbor_null(r);
		hf_cbor_put_null(w);
		return true;
	case HF_CBOR_OTHER:
		hf_cbor_skip(r);
		return false;
	}
	abort();
}

static void try(struct hf_span in, bool lenient)
{
	struct hf_cbor r = hf_cbor_at(in), whole = hf_cbor_at(in);
	struct hf_writer w = { out, sizeof(out), 0, false };
	struct hf_span item;
	bool plain;

	r.lenient = whole.lenient = lenient;
	item = hf_cbor_skip(&whole);
	if (item.len > in.len || (item.len && item.ptr != in.ptr))
		abort();
	/* a chain of tags has no limit but that of skip; it must not exhaust our stack */
	if (whole.err)
		return;
	plain = copy_item(&r, &w);
	if (r.err && r.err != HF_ERR_CBOR_TEXT && r.err != HF_ERR_CBOR_LIMIT)
		abort();
	if (plain && !r.err && r.pos != whole.pos)
		abort();
	if (plain && !r.err && !w.full && !lenient && !hf_span_equal(item, hf_written(&w)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span in = { data, size };

	try(in, false);
	try(in, true);
	(void)hf_text_valid(in);
	return 0;
}
