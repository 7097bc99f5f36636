/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/efi_decompress.h"

/* UEFI 2.10 section 19.2: the alphabets, and the bits that their counts take. */
#define WINDOW_BITS 13
#define MATCH_MIN 3
#define MATCH_MAX 256
#define CHARS (255 + MATCH_MAX + 2 - MATCH_MIN)
#define POSITIONS (WINDOW_BITS + 1)
#define EXTRAS 19
#define CHARS_BITS 9
#define POSITIONS_BITS 4
#define EXTRAS_BITS 5
#define CODE_MAX 16		/* bits of one code */
#define QUICK_BITS 10		/* codes up to this length are found by one look */
#define EXTRA_SKIP_AT 3		/* after so many lengths, two bits count lengths of 0 */

struct bits {
	struct hf_span in;
	size_t pos;		/* next byte to load */
	uint64_t buf;		/* most significant bit first; below count all zero */
	unsigned count;		/* bits in buf that come from in */
	bool bad;		/* more was asked for than there is */
};
struct table {
	uint16_t quick[1 << QUICK_BITS];	/* symbol << 5 | length; 0: a longer code */
	uint16_t count[CODE_MAX + 1];		/* codes of each length */
	uint16_t symbols[CHARS];		/* in the order of their codes */
	bool single;				/* one symbol, codes of no bits */
};
struct state {
	struct bits bits;
	struct table extra, chars, positions;
	uint8_t *out;
	size_t len, size;
};

static uint16_t peek16(struct bits *b)
{
	while (b->count <= 56 && b->pos < b->in.len) {
		b->buf |= (uint64_t)b->in.ptr[b->pos++] << (56 - b->count);
		b->count += 8;
	}
	return (uint16_t)(b->buf >> 48);
}

static void drop(struct bits *b, unsigned n)
{
	if (n > b->count) {
		b->bad = true;
		return;
	}
	b->buf <<= n;
	b->count -= n;
}

/* n: 0 to 16 */
static unsigned take(struct bits *b, unsigned n)
{
	unsigned value = (unsigned)peek16(b) >> (16 - n);

	drop(b, n);
	return b->bad ? 0 : value;
}

/* Canonical codes from their lengths; they must fill the tree, no more and no less. */
static bool make_table(struct table *t, const uint8_t *lengths, unsigned n)
{
	uint16_t offset[CODE_MAX + 2] = { 0 };
	unsigned room = 1u << CODE_MAX, next = 0;

	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < n; i++)
		t->count[lengths[i]]++;
	t->count[0] = 0;
	for (unsigned len = 1; len <= CODE_MAX; len++) {
		unsigned used = (unsigned)t->count[len] << (CODE_MAX - len);

		if (used > room)
			return false;
		room -= used;
		offset[len + 1] = (uint16_t)(offset[len] + t->count[len]);
	}
	if (room)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (lengths[i])
			t->symbols[offset[lengths[i]]++] = (uint16_t)i;
	for (unsigned len = 1, s = 0; len <= QUICK_BITS; len++)
		for (unsigned i = 0; i < t->count[len]; i++, s++)
			for (unsigned k = 0; k < 1u << (QUICK_BITS - len); k++)
				t->quick[next++] = (uint16_t)(t->symbols[s] << 5 | len);
	return true;
}

static bool single_table(struct table *t, unsigned symbol, unsigned n)
{
	memset(t, 0, sizeof(*t));
	t->single = true;
	t->symbols[0] = (uint16_t)symbol;
	return symbol < n;
}

static unsigned symbol(struct bits *b, const struct table *t)
{
	unsigned peek, code = 0, first = 0, index = 0;

	if (t->single)
		return t->symbols[0];
	peek = peek16(b);
	unsigned quick = t->quick[peek >> (16 - QUICK_BITS)];

	if (quick) {
		drop(b, quick & 31);
		return quick >> 5;
	}
	for (unsigned len = 1; len <= CODE_MAX; len++) {
		code = code << 1 | (peek >> (16 - len) & 1);
		if (code - first < t->count[len]) {
			drop(b, len);
			return t->symbols[index + code - first];
		}
		index += t->count[len];
		first = (first + t->count[len]) << 1;
	}
	b->bad = true;		/* a full tree leaves no code over */
	return 0;
}

/* The tables of positions and of extras: three bits a length, longer ones go on in ones. */
static bool read_lengths(struct bits *b, struct table *t, unsigned count_bits, unsigned max,
			 unsigned skip_at)
{
	uint8_t lengths[32] = { 0 };
	unsigned n = take(b, count_bits), i = 0;

	if (n == 0)
		return single_table(t, take(b, count_bits), max) && !b->bad;
	if (n > max)
		return false;
	while (i < n && !b->bad) {
		unsigned len = take(b, 3);

		while (len >= 7 && take(b, 1))
			if (++len > CODE_MAX)
				return false;
		lengths[i++] = (uint8_t)len;
		if (i == skip_at)	/* may skip past n: to the sixth at most */
			i += take(b, 2);
	}
	return !b->bad && make_table(t, lengths, max);
}

/* The table of characters and lengths: its code lengths in the alphabet of extras, where 0, 1
 * and 2 stand for runs of zeros. */
static bool read_chars(struct state *s)
{
	struct bits *b = &s->bits;
	uint8_t lengths[CHARS] = { 0 };
	unsigned n = take(b, CHARS_BITS), i = 0;

	if (n == 0)
		return single_table(&s->chars, take(b, CHARS_BITS), CHARS) && !b->bad;
	if (n > CHARS)
		return false;
	while (i < n && !b->bad) {
		unsigned c = symbol(b, &s->extra), run = 1;

		if (c == 1)
			run = 3 + take(b, 4);
		else if (c == 2)
			run = 20 + take(b, CHARS_BITS);
		else if (c > 2)
			lengths[i] = (uint8_t)(c - 2);
		if (run > n - i)
			return false;
		i += run;
	}
	return !b->bad && make_table(&s->chars, lengths, CHARS);
}

static bool copy_match(struct state *s, unsigned c)
{
	size_t len = c - 256 + MATCH_MIN;
	size_t distance = symbol(&s->bits, &s->positions);

	if (distance > 1)
		distance = ((size_t)1 << (distance - 1)) + take(&s->bits, (unsigned)distance - 1);
	distance++;
	if (s->bits.bad || distance > s->len || len > s->size - s->len)
		return false;
	for (; len; len--, s->len++)	/* may overlap what it writes */
		s->out[s->len] = s->out[s->len - distance];
	return true;
}

static bool block(struct state *s)
{
	struct bits *b = &s->bits;
	unsigned symbols = take(b, 16);

	if (symbols == 0 ||
	    !read_lengths(b, &s->extra, EXTRAS_BITS, EXTRAS, EXTRA_SKIP_AT) ||
	    !read_chars(s) || !read_lengths(b, &s->positions, POSITIONS_BITS, POSITIONS, 0))
		return false;
	for (; symbols && s->len < s->size; symbols--) {
		unsigned c = symbol(b, &s->chars);

		if (b->bad)
			return false;
		if (c < 256)
			s->out[s->len++] = (uint8_t)c;
		else if (!copy_match(s, c))
			return false;
	}
	return true;
}

enum hf_err hf_efi_decompress(struct hf_span in, uint8_t *out, size_t cap, size_t *ret_len)
{
	struct hf_cursor c = hf_cursor_at(in);
	struct state s;
	size_t packed = hf_u32le(&c), size = hf_u32le(&c);

	if (c.bad || size > cap)
		return HF_ERR_ROM_COMPRESSION;
	s.bits = (struct bits){ .in = hf_take_span(&c, packed) };
	if (c.bad)
		return HF_ERR_ROM_COMPRESSION;
	s.out = out;
	s.len = 0;
	s.size = size;
	while (s.len < s.size)
		if (!block(&s))
			return HF_ERR_ROM_COMPRESSION;
	*ret_len = size;
	return HF_OK;
}
