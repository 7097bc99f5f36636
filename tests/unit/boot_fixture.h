/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/boot_fixture.h: firmware logs as UEFI and the kernel's stub leave them, and
 * the manifests that describe them. */
#ifndef HF_TESTS_BOOT_FIXTURE_H
#define HF_TESTS_BOOT_FIXTURE_H

#include "tests/unit/appraise_fixture.h"

struct log {
	uint8_t bytes[16384];
	struct hf_writer w;
};

static inline void log_start(struct log *l)
{
	static const uint8_t zero[20];

	l->w = (struct hf_writer){ .buf = l->bytes, .cap = sizeof(l->bytes) };
	hf_put_le(&l->w, 0, 4);
	hf_put_le(&l->w, HF_EV_NO_ACTION, 4);
	hf_put(&l->w, zero, 20);
	hf_put_le(&l->w, 33, 4);
	hf_put(&l->w, "Spec ID Event03", 16);
	hf_put_le(&l->w, 0, 4);
	hf_put(&l->w, "\0\2\151\2", 4);
	hf_put_le(&l->w, 1, 4);
	hf_put_le(&l->w, 0xb, 2);
	hf_put_le(&l->w, 32, 2);
	hf_put(&l->w, zero, 1);
}

static inline void log_event(struct log *l, uint32_t pcr, uint32_t type, const char *measured,
		      struct hf_span data)
{
	struct hf_digest d = fx_digest(measured);

	hf_put_le(&l->w, pcr, 4);
	hf_put_le(&l->w, type, 4);
	hf_put_le(&l->w, 1, 4);
	hf_put_le(&l->w, 0xb, 2);
	hf_put(&l->w, d.bytes, 32);
	hf_put_le(&l->w, data.len, 4);
	hf_put_span(&l->w, data);
	assert_false(l->w.full);
}

static inline void log_self(struct log *l, uint32_t pcr, uint32_t type, const char *text)
{
	log_event(l, pcr, type, text, hf_span_text(text));
}

static inline void log_separator(struct log *l, uint32_t pcr)
{
	static const uint8_t zero[4];
	struct hf_digest d;

	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ zero, 4 }, &d), HF_OK);
	hf_put_le(&l->w, pcr, 4);
	hf_put_le(&l->w, HF_EV_SEPARATOR, 4);
	hf_put_le(&l->w, 1, 4);
	hf_put_le(&l->w, 0xb, 2);
	hf_put(&l->w, d.bytes, 32);
	hf_put_le(&l->w, 4, 4);
	hf_put(&l->w, zero, 4);
}

#define TAG_INITRD "\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd"
#define TAG_OPTIONS "\xed\x22\x3b\x8f\x1a\0\0\0LOADED_IMAGE::LoadOptions"
static inline struct hf_span tagged(const char *tag, size_t len)
{
	return (struct hf_span){ (const uint8_t *)tag, len };
}
#define INITRD_DATA tagged(TAG_INITRD, sizeof(TAG_INITRD))
#define OPTIONS_DATA tagged(TAG_OPTIONS, sizeof(TAG_OPTIONS))

static inline void log_boot(struct log *l, const char *driver, const char *kernel, const char *initrd,
		     const char *options)
{
	log_start(l);
	if (driver)
		log_event(l, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, driver, hf_span_text("path"));
	log_self(l, 4, HF_EV_EFI_ACTION, "Calling EFI Application from Boot Option");
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		log_separator(l, pcr);
	if (kernel)
		log_event(l, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, kernel, hf_span_text("path"));
	if (options)
		log_event(l, 9, HF_EV_EVENT_TAG, options, OPTIONS_DATA);
	if (initrd)
		log_event(l, 9, HF_EV_EVENT_TAG, initrd, INITRD_DATA);
}

static inline struct hf_image *fx_image(struct fixture *fx, const char *name, const char *kernel,
				 const char *initrd, const char *options)
{
	struct hf_image *i = fx_take(fx, sizeof(*i));

	*i = (struct hf_image){ .next = fx->manifests->images, .role = HF_IMAGE_AGENT, .name = name,
				.has_kernel = true, .has_initrd = true, .has_command_line = true,
				.kernel = fx_digest(kernel), .initrd = fx_digest(initrd),
				.command_line = fx_digest(options) };
	fx->manifests->images = i;
	return i;
}

static inline void fx_boot_code(struct fixture *fx, const char *content)
{
	struct hf_boot_code *c = fx_take(fx, sizeof(*c));

	*c = (struct hf_boot_code){ fx->model->boot_code, content, fx_digest(content), NULL };
	fx->model->boot_code = c;
}

#endif
