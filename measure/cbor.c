/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/cbor.h"

#include <cbor.h>

/* Keys of open maps that are remembered in lenient mode, to find duplicates among
 * unsorted ones: all together, and per map. */
#define KEYS_KEPT 512
#define KEYS_PER_MAP 128

struct head {
	enum hf_cbor_type type;
	uint64_t value;		/* argument: number, count, tag, length of a string */
	const uint8_t *bytes;	/* strings */
	size_t size;		/* encoded bytes: of strings the whole, of others the head */
	bool indefinite, is_float, flag;
};

static void set(void *self, enum hf_cbor_type type, uint64_t value)
{
	struct head *head = self;

	head->type = type;
	head->value = value;
}

static void on_u8(void *self, uint8_t v) { set(self, HF_CBOR_UINT, v); }
static void on_u16(void *self, uint16_t v) { set(self, HF_CBOR_UINT, v); }
static void on_u32(void *self, uint32_t v) { set(self, HF_CBOR_UINT, v); }
static void on_u64(void *self, uint64_t v) { set(self, HF_CBOR_UINT, v); }
static void on_n8(void *self, uint8_t v) { set(self, HF_CBOR_NINT, v); }
static void on_n16(void *self, uint16_t v) { set(self, HF_CBOR_NINT, v); }
static void on_n32(void *self, uint32_t v) { set(self, HF_CBOR_NINT, v); }
static void on_n64(void *self, uint64_t v) { set(self, HF_CBOR_NINT, v); }
static void on_array(void *self, size_t n) { set(self, HF_CBOR_ARRAY, n); }
static void on_map(void *self, size_t n) { set(self, HF_CBOR_MAP, n); }
static void on_tag(void *self, uint64_t v) { set(self, HF_CBOR_TAG, v); }
static void on_null(void *self) { set(self, HF_CBOR_NULL, 0); }
static void on_undefined(void *self) { set(self, HF_CBOR_OTHER, 0); }
static void on_indefinite(void *self) { ((struct head *)self)->indefinite = true; }

static void on_bstr(void *self, cbor_data bytes, size_t n)
{
	set(self, HF_CBOR_BSTR, n);
	((struct head *)self)->bytes = bytes;
}

static void on_tstr(void *self, cbor_data bytes, size_t n)
{
	set(self, HF_CBOR_TSTR, n);
	((struct head *)self)->bytes = bytes;
}

static void on_bool(void *self, bool value)
{
	set(self, HF_CBOR_BOOL, 0);
	((struct head *)self)->flag = value;
}

static void on_float(void *self, float value)
{
	(void)value;
	set(self, HF_CBOR_OTHER, 0);
	((struct head *)self)->is_float = true;
}

static void on_double(void *self, double value)
{
	(void)value;
	on_float(self, 0);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_u8, .uint16 = on_u16, .uint32 = on_u32, .uint64 = on_u64,
	.negint8 = on_n8, .negint16 = on_n16, .negint32 = on_n32, .negint64 = on_n64,
	.byte_string_start = on_indefinite, .byte_string = on_bstr,
	.string = on_tstr, .string_start = on_indefinite,
	.indef_array_start = on_indefinite, .array_start = on_array,
	.indef_map_start = on_indefinite, .map_start = on_map,
	.tag = on_tag, .float2 = on_float, .float4 = on_float, .float8 = on_double,
	.undefined = on_undefined, .null = on_null, .boolean = on_bool,
	.indef_break = on_indefinite,
};

/* libcbor 0.8 refuses one-byte tags 6 to 20 (COSE_Sign1 is 18) and unassigned simple
 * values, all of which RFC 8949 allows (sections 3.3 and 3.4). */
static bool decode_beside_libcbor(struct hf_span in, struct head *head)
{
	uint8_t first = in.ptr[0];

	head->size = 1;
	if (first >= 0xc6 && first <= 0xd4) {
		set(head, HF_CBOR_TAG, first & 0x1f);
		return true;
	}
	if (first >= 0xe0 && first <= 0xf3) {
		set(head, HF_CBOR_OTHER, 0);
		return true;
	}
	if (first == 0xf8 && in.len > 1 && in.ptr[1] >= 32) {
		set(head, HF_CBOR_OTHER, 0);
		head->size = 2;
		return true;
	}
	return false;
}

static bool minimal(uint8_t first, uint64_t value)
{
	switch (first & 0x1f) {
	case 24:
		return value >= 24;
	case 25:
		return value > UINT8_MAX;
	case 26:
		return value > UINT16_MAX;
	case 27:
		return value > UINT32_MAX;
	}
	return true;
}

/* The heads that nearly all of an encoding consists of: numbers, strings, arrays and maps of a
 * definite length, and null, whole and minimal. Whatever is otherwise about one is libcbor's to
 * say: its callback for each head took half of the time that evidence takes to decode. */
static inline bool decode_common(struct hf_span in, struct head *head)
{
	static const enum hf_cbor_type types[] = {
		HF_CBOR_UINT, HF_CBOR_NINT, HF_CBOR_BSTR, HF_CBOR_TSTR, HF_CBOR_ARRAY, HF_CBOR_MAP,
	};
	const uint8_t major = in.ptr[0] >> 5, low = in.ptr[0] & 0x1f;
	size_t size = low < 24 ? 1 : low == 24 ? 2 : low == 25 ? 3 : 0;
	uint64_t value = low;

	if (in.ptr[0] == 0xf6) {
		*head = (struct head){ .type = HF_CBOR_NULL, .size = 1 };
		return true;
	}
	if (major >= sizeof(types) / sizeof(types[0]) || size == 0 || size > in.len)
		return false;
	if (size > 1)
		value = size == 2 ? in.ptr[1] : (uint64_t)in.ptr[1] << 8 | in.ptr[2];
	if (size > 1 && !minimal(in.ptr[0], value))
		return false;
	*head = (struct head){ .type = types[major], .value = value, .size = size };
	if (major != 2 && major != 3)
		return true;
	if (value > in.len - size)
		return false;
	head->bytes = in.ptr + size;
	head->size += (size_t)value;
	return true;
}

/* The head of the item at pos; strings with their bytes. */
static enum hf_err head_at(const struct hf_cbor *r, size_t pos, struct head *ret)
{
	struct cbor_decoder_result result;
	struct head head;

	if (pos == r->in.len)	/* where there may be no pointer to add to */
		return HF_ERR_CBOR_TRUNCATED;
	struct hf_span in = { r->in.ptr + pos, r->in.len - pos };

	if (decode_common(in, ret))	/* of few items, too: two bytes count at most 65535 */
		return HF_OK;
	head = (struct head){ 0 };
	if (!decode_beside_libcbor(in, &head)) {
		result = cbor_stream_decode(in.ptr, in.len, &callbacks, &head);
		if (result.status == CBOR_DECODER_NEDATA)
			return HF_ERR_CBOR_TRUNCATED;
		if (result.status != CBOR_DECODER_FINISHED)
			return HF_ERR_CBOR_TYPE;
		head.size = result.read;
		if (head.indefinite)
			return HF_ERR_CBOR_NOT_CANONICAL;
		if (head.type == HF_CBOR_NONE)
			return HF_ERR_CBOR_TYPE;
		if (!r->lenient && head.type <= HF_CBOR_TAG && !minimal(in.ptr[0], head.value))
			return HF_ERR_CBOR_NOT_CANONICAL;
		if (!r->lenient && head.is_float)
			return HF_ERR_CBOR_TYPE;
	}
	if ((head.type == HF_CBOR_ARRAY || head.type == HF_CBOR_MAP) &&
	    head.value > HF_CBOR_ITEMS_MAX)
		return HF_ERR_CBOR_LIMIT;
	*ret = head;
	return HF_OK;
}

/* ---- walking one whole item ---- */

struct frame {
	uint64_t left;		/* items; of a map keys and values */
	bool map, sorted;
	size_t keys_start;	/* of this map in walk.keys */
	uint64_t keys_seen;
	struct head last_key;
};

struct walk {
	struct frame frames[HF_CBOR_DEPTH_MAX];
	size_t depth;
	struct head keys[KEYS_KEPT];
	size_t key_count;
};

/* RFC 8949 4.2.1 orders keys by their encoded bytes; for minimally encoded integers and
 * strings that is the order of type, argument, bytes. */
static int key_compare(const struct head *a, const struct head *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return a->bytes && a->value ? memcmp(a->bytes, b->bytes, (size_t)a->value) : 0;
}

static enum hf_err check_key(const struct hf_cbor *r, struct walk *walk, const struct head *key)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	size_t kept = walk->key_count - frame->keys_start;
	int order = frame->keys_seen ? key_compare(&frame->last_key, key) : -1;

	if (key->type < HF_CBOR_UINT || key->type > HF_CBOR_TSTR)
		return HF_ERR_CBOR_TYPE;
	if (order == 0)
		return HF_ERR_CBOR_DUPLICATE_KEY;
	if (order > 0 && !r->lenient)
		return HF_ERR_CBOR_NOT_CANONICAL;
	frame->sorted &= order < 0;
	if (!frame->sorted) {
		if (kept < frame->keys_seen)
			return HF_ERR_CBOR_LIMIT;
		for (size_t i = 0; i < kept; i++)
			if (key_compare(&walk->keys[frame->keys_start + i], key) == 0)
				return HF_ERR_CBOR_DUPLICATE_KEY;
	}
	if (r->lenient && kept == frame->keys_seen && kept < KEYS_PER_MAP &&
	    walk->key_count < KEYS_KEPT)
		walk->keys[walk->key_count++] = *key;
	frame->keys_seen++;
	frame->last_key = *key;
	return HF_OK;
}

static enum hf_err open_frame(struct walk *walk, const struct head *head)
{
	if (walk->depth == HF_CBOR_DEPTH_MAX)
		return HF_ERR_CBOR_DEPTH;
	walk->frames[walk->depth++] = (struct frame){
		.left = head->type == HF_CBOR_TAG ? 1 :
			head->type == HF_CBOR_MAP ? 2 * head->value : head->value,
		.map = head->type == HF_CBOR_MAP,
		.sorted = true,
		.keys_start = walk->key_count,
	};
	return HF_OK;
}

/* The end of the item at pos, everything in it checked. */
static enum hf_err walk_item(const struct hf_cbor *r, size_t pos, size_t *ret_end)
{
	struct walk walk;

	walk.depth = 0;
	walk.key_count = 0;
	do {
		struct head head;
		enum hf_err err = head_at(r, pos, &head);

		if (!err && walk.depth && walk.frames[walk.depth - 1].map &&
		    walk.frames[walk.depth - 1].left % 2 == 0)
			err = check_key(r, &walk, &head);
		if (err)
			return err;
		pos += head.size;
		if (walk.depth)
			walk.frames[walk.depth - 1].left--;
		if (head.type == HF_CBOR_ARRAY || head.type == HF_CBOR_MAP ||
		    head.type == HF_CBOR_TAG)
			err = open_frame(&walk, &head);
		if (err)
			return err;
		while (walk.depth && walk.frames[walk.depth - 1].left == 0)
			walk.key_count = walk.frames[--walk.depth].keys_start;
	} while (walk.depth);
	*ret_end = pos;
	return HF_OK;
}

/* ---- the reader ---- */

void hf_cbor_fail(struct hf_cbor *r, enum hf_err err)
{
	if (!r->err)
		r->err = err;
}

enum hf_cbor_type hf_cbor_peek(struct hf_cbor *r)
{
	struct head head;

	if (r->err || r->pos == r->in.len)
		return HF_CBOR_NONE;
	r->err = head_at(r, r->pos, &head);
	return r->err ? HF_CBOR_NONE : head.type;
}

/* The next head, consumed, if it is of this type; else the reader is spoilt. */
static bool take(struct hf_cbor *r, enum hf_cbor_type type, struct head *ret)
{
	struct head head;

	if (r->err)
		return false;
	r->err = head_at(r, r->pos, &head);
	if (!r->err && head.type != type)
		r->err = HF_ERR_CBOR_TYPE;
	if (r->err)
		return false;
	r->pos += head.size;
	*ret = head;
	return true;
}

uint64_t hf_cbor_uint(struct hf_cbor *r)
{
	struct head head;

	return take(r, HF_CBOR_UINT, &head) ? head.value : 0;
}

int64_t hf_cbor_int(struct hf_cbor *r)
{
	bool negative = hf_cbor_peek(r) == HF_CBOR_NINT;
	struct head head;

	if (!take(r, negative ? HF_CBOR_NINT : HF_CBOR_UINT, &head))
		return 0;
	if (head.value > INT64_MAX) {
		hf_cbor_fail(r, HF_ERR_CBOR_LIMIT);
		return 0;
	}
	return negative ? -1 - (int64_t)head.value : (int64_t)head.value;
}

struct hf_span hf_cbor_bstr(struct hf_cbor *r)
{
	struct head head;

	if (!take(r, HF_CBOR_BSTR, &head))
		return (struct hf_span){ 0 };
	return (struct hf_span){ head.bytes, (size_t)head.value };
}

struct hf_span hf_cbor_tstr(struct hf_cbor *r)
{
	struct hf_span text;
	struct head head;

	if (!take(r, HF_CBOR_TSTR, &head))
		return (struct hf_span){ 0 };
	text = (struct hf_span){ head.bytes, (size_t)head.value };
	if (hf_text_valid(text))
		return text;
	hf_cbor_fail(r, HF_ERR_CBOR_TEXT);
	return (struct hf_span){ 0 };
}

bool hf_cbor_bool(struct hf_cbor *r)
{
	struct head head;

	return take(r, HF_CBOR_BOOL, &head) && head.flag;
}

void hf_cbor_null(struct hf_cbor *r)
{
	struct head head;

	(void)take(r, HF_CBOR_NULL, &head);
}

uint64_t hf_cbor_tag(struct hf_cbor *r)
{
	struct head head;

	return take(r, HF_CBOR_TAG, &head) ? head.value : 0;
}

static size_t enter(struct hf_cbor *r, enum hf_cbor_type type)
{
	size_t start = r->pos, end;
	struct head head;

	if (!take(r, type, &head))
		return 0;
	/* What lies inside a container that was walked has been walked. */
	if (start < r->walked)
		return (size_t)head.value;
	r->err = walk_item(r, start, &end);
	if (r->err)
		return 0;
	r->walked = end;
	return (size_t)head.value;
}

size_t hf_cbor_array(struct hf_cbor *r)
{
	return enter(r, HF_CBOR_ARRAY);
}

size_t hf_cbor_map(struct hf_cbor *r)
{
	return enter(r, HF_CBOR_MAP);
}

struct hf_span hf_cbor_skip(struct hf_cbor *r)
{
	size_t start = r->pos, end;

	if (r->err)
		return (struct hf_span){ 0 };
	r->err = walk_item(r, start, &end);
	if (r->err)
		return (struct hf_span){ 0 };
	r->pos = end;
	return (struct hf_span){ r->in.ptr + start, end - start };
}

enum hf_err hf_cbor_end(const struct hf_cbor *r)
{
	if (r->err)
		return r->err;
	return r->pos == r->in.len ? HF_OK : HF_ERR_CBOR_TRAILING;
}
