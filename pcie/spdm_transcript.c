/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A conversation in a file that other tools read too: pcap, link type 292, each packet one
 * object as it went through the mailbox. */
#include "pcie/spdm_inside.h"

#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO 0xa1b23c4du
#define LINK_PCI_DOE 292
#define SNAP_LEN (1u << 18)	/* what tcpdump and wireshark take at most */
#define DOE_HEADER 8
#define DOE_VENDOR_PCISIG 1
#define DOE_SPDM 1
#define DOE_LEN_MASK 0x3ffffu	/* in dwords */

void hf_transcript_begin(struct hf_writer *w)
{
	hf_put_le(w, MAGIC_MICRO, 4);
	hf_put_le(w, 2, 2);
	hf_put_le(w, 4, 2);
	hf_put_le(w, 0, 8);	/* time zone, accuracy */
	hf_put_le(w, SNAP_LEN, 4);
	hf_put_le(w, LINK_PCI_DOE, 4);
}

void hf_transcript_add(struct hf_writer *w, struct hf_span message)
{
	size_t padding = (4 - message.len % 4) % 4, len = DOE_HEADER + message.len + padding;

	if (len > SNAP_LEN)
		w->full = true;
	hf_put_le(w, 0, 8);	/* time */
	hf_put_le(w, len, 4);
	hf_put_le(w, len, 4);
	hf_put_le(w, DOE_VENDOR_PCISIG, 2);
	hf_put_le(w, DOE_SPDM, 2);
	hf_put_le(w, len / 4, 4);
	hf_put_span(w, message);
	hf_put_le(w, 0, padding);
}

struct file {
	struct hf_cursor c;
	bool big;		/* its headers are big-endian */
};

static uint32_t word(struct file *f)
{
	return f->big ? hf_u32be(&f->c) : hf_u32le(&f->c);
}

static bool open_file(struct hf_span bytes, struct file *ret)
{
	struct file f = { .c = hf_cursor_at(bytes) };
	uint32_t magic = hf_u32le(&f.c);

	if (magic != MAGIC_MICRO && magic != MAGIC_NANO) {
		f = (struct file){ .c = hf_cursor_at(bytes), .big = true };
		magic = hf_u32be(&f.c);
	}
	if (magic != MAGIC_MICRO && magic != MAGIC_NANO)
		return false;
	uint16_t major = f.big ? hf_u16be(&f.c) : hf_u16le(&f.c);

	hf_take(&f.c, 2 + 8 + 4);
	if (word(&f) != LINK_PCI_DOE || major != 2 || f.c.bad)
		return false;
	*ret = f;
	return true;
}

/* The next SPDM message; false with a good cursor: the end. */
static bool next_message(struct file *f, struct hf_span *ret)
{
	while (hf_left(&f->c) > 0) {
		hf_take(&f->c, 8);
		uint32_t kept = word(f), len = word(f);
		struct hf_cursor object = hf_cursor_at(hf_take_span(&f->c, kept));
		uint16_t vendor = hf_u16le(&object);
		uint8_t type = hf_u8(&object);

		hf_u8(&object);
		uint32_t dwords = hf_u32le(&object) & DOE_LEN_MASK;

		/* 0 stands for 2^18 dwords, which is more than any packet here. */
		if (f->c.bad || object.bad || kept != len || kept != (uint64_t)dwords * 4) {
			f->c.bad = true;
			return false;
		}
		if (vendor == DOE_VENDOR_PCISIG && type == DOE_SPDM) {
			*ret = hf_take_span(&object, hf_left(&object));
			return true;
		}
	}
	return false;
}

static bool is_request(struct hf_span message)
{
	return message.len >= 2 && (message.ptr[1] & 0x80);
}

static enum hf_err replay(struct file *f, struct hf_spdm *s)
{
	struct hf_span request, response;

	while (next_message(f, &request)) {
		enum hf_err err;

		if (!is_request(request))
			return HF_ERR_TRANSCRIPT_SHAPE;
		/* The last question of all may have got no answer. */
		if (!next_message(f, &response))
			break;
		if (is_request(response))
			return HF_ERR_TRANSCRIPT_SHAPE;
		err = hf_spdm_take(s, request, response);
		if (err)
			return err;
	}
	return f->c.bad ? HF_ERR_TRANSCRIPT_SHAPE : HF_OK;
}

enum hf_err hf_transcript_replay(struct hf_span bytes, struct hf_spdm *s)
{
	bool padded = s->inside->options.padded;
	struct file f;
	enum hf_err err;

	if (!open_file(bytes, &f))
		return HF_ERR_TRANSCRIPT_SHAPE;
	s->inside->options.padded = true;	/* objects are whole dwords */
	err = replay(&f, s);
	s->inside->options.padded = padded;
	return err;
}
