/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/cpio.h: newc cpio archives ("070701"; the format of initramfs), read as a stream
 * and written. Reading: hf_cpio_open, then hf_cpio_next per entry and hf_cpio_data until it
 * gives an empty span (or the next hf_cpio_next, which skips what is left). The archive
 * comes from a disk that the last tenant wrote: anything odd is HF_ERR_STORE_SHAPE. [pure] */
#ifndef HF_MEASURE_CPIO_H
#define HF_MEASURE_CPIO_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_CPIO_NAME_MAX 255
#define HF_CPIO_ENTRIES_MAX 1024
#define HF_CPIO_BUFFER_MIN 512

struct hf_cpio_entry {
	char name[HF_CPIO_NAME_MAX + 1];	/* printable; a leading "./" is gone */
	uint32_t mode;				/* as stat(2) has it */
	uint32_t size;				/* bytes */
	bool trailer;				/* the end: nothing after it is looked at */
};

/* Up to cap further bytes into buf; 0 at the end of what there is. */
typedef enum hf_err (*hf_cpio_fill)(void *self, uint8_t *buf, size_t cap, size_t *ret_len);

struct hf_cpio {
	hf_cpio_fill fill;
	void *self;
	uint8_t *buf;
	size_t cap, pos, len;	/* bytes; pos <= len <= cap */
	uint64_t offset;	/* of buf[pos] in the archive */
	uint32_t left;		/* bytes of this entry's data not yet given out */
	size_t entries;
	bool ended;
};

/* buf is the caller's, at least HF_CPIO_BUFFER_MIN bytes. */
void hf_cpio_open(struct hf_cpio *cpio, hf_cpio_fill fill, void *self, uint8_t *buf, size_t cap);
enum hf_err hf_cpio_next(struct hf_cpio *cpio, struct hf_cpio_entry *ret) HF_MUST_USE;
/* The next piece of this entry's data, valid until the next call; empty when all is out. */
enum hf_err hf_cpio_data(struct hf_cpio *cpio, struct hf_span *ret) HF_MUST_USE;

/* Appends an entry (owner 0:0, time 0), resp. the end. Names must be shorter than
 * HF_CPIO_NAME_MAX; w must have been 4-byte aligned when the archive began. */
void hf_cpio_put(struct hf_writer *w, const char *name, uint32_t mode, struct hf_span data);
void hf_cpio_put_trailer(struct hf_writer *w);

#endif
