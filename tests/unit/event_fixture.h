/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events made by hand, for the tests of measure/event.h and measure/secure_boot.h. */
#ifndef HF_TESTS_EVENT_FIXTURE_H
#define HF_TESTS_EVENT_FIXTURE_H

#include "measure/secure_boot.h"

struct made {
	struct hf_writer w;
	uint8_t buf[8192];
};

static inline void made_start(struct made *m)
{
	memset(m->buf, 0xaa, sizeof(m->buf));	/* nothing passes on lucky zeros */
	m->w = (struct hf_writer){ .buf = m->buf, .cap = sizeof(m->buf) };
}

static inline void put_utf16(struct hf_writer *w, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		hf_put_le(w, (uint8_t)text[i], 2);
}

static inline void put_variable(struct hf_writer *w, const uint8_t *guid, const char *name,
				struct hf_span value)
{
	hf_put(w, guid, HF_GUID_SIZE);
	hf_put_le(w, strlen(name), 8);
	hf_put_le(w, value.len, 8);
	put_utf16(w, name);
	hf_put_span(w, value);
}

static inline void put_node(struct hf_writer *w, uint8_t type, uint8_t subtype,
			    struct hf_span data)
{
	hf_put_le(w, type, 1);
	hf_put_le(w, subtype, 1);
	hf_put_le(w, data.len + 4, 2);
	hf_put_span(w, data);
}

static inline void put_end(struct hf_writer *w)
{
	put_node(w, 0x7f, 0xff, (struct hf_span){ NULL, 0 });
}

/* With the SHA-256 of its data, unless another digest is given. */
static inline struct hf_event make_event(uint32_t pcr, uint32_t type, struct hf_span data,
					 const struct hf_digest *digest)
{
	struct hf_event e = { .pcr = pcr, .type = type, .data = data, .digest_count = 1 };

	if (digest)
		e.digests[0] = *digest;
	else if (hf_digest(HF_ALG_SHA256, data, &e.digests[0]))
		e.digest_count = 0;
	return e;
}

/* A crypto-agile log of one bank, SHA-256. */
static inline void log_start(struct made *m)
{
	made_start(m);
	hf_put_le(&m->w, 0, 4);
	hf_put_le(&m->w, HF_EV_NO_ACTION, 4);
	for (size_t i = 0; i < 20; i++)
		hf_put_le(&m->w, 0, 1);
	hf_put_le(&m->w, 33, 4);
	hf_put(&m->w, "Spec ID Event03", 16);
	hf_put(&m->w, "\0\0\0\0\0\2\152\2", 8);
	hf_put_le(&m->w, 1, 4);
	hf_put_le(&m->w, 0xb, 2);
	hf_put_le(&m->w, 32, 2);
	hf_put_le(&m->w, 0, 1);
}

static inline void log_put(struct made *m, const struct hf_event *e)
{
	hf_put_le(&m->w, e->pcr, 4);
	hf_put_le(&m->w, e->type, 4);
	hf_put_le(&m->w, 1, 4);
	hf_put_le(&m->w, 0xb, 2);
	hf_put(&m->w, e->digests[0].bytes, 32);
	hf_put_le(&m->w, e->data.len, 4);
	hf_put_span(&m->w, e->data);
}

#endif
