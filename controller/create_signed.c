/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/create_signed.h"

#define DEVICE_MODE 0xfe	/* DSP0274: its block, 16 bytes */
#define DEVICE_MODE_LEN 16

static bool has_prefix(const char *mkey, const char *prefix)
{
	return strncmp(mkey, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* Code, its version and its security version are of the release; so is the mode, which says
 * whether somebody may debug it. Configurations and manifests may hold a serial number. */
static enum hf_create_choice choose_block(const struct hf_measurement *m, unsigned index)
{
	if (m->flags & HF_MEASUREMENT_CODE || m->kind == HF_VALUE_TEXT || m->kind == HF_VALUE_NUMBER)
		return HF_CREATE_LISTED;
	if (index == DEVICE_MODE && m->kind == HF_VALUE_BYTES && m->bytes.len == DEVICE_MODE_LEN)
		return HF_CREATE_LISTED;
	return HF_CREATE_REVIEW;
}

enum hf_create_choice hf_create_choose(const struct hf_measurement *m)
{
	unsigned index = hf_spdm_index_of(m->mkey);

	if (index)
		return choose_block(m, index);
	if (strcmp(m->mkey, "spdm/version") == 0 || strcmp(m->mkey, "spdm/algorithms") == 0)
		return HF_CREATE_LISTED;
	/* of a slot whose key proved itself; others hold what anybody put there */
	if (has_prefix(m->mkey, "spdm/slot/") && ends_with(m->mkey, "/root"))
		return m->method >= HF_METHOD_UNBOUND ? HF_CREATE_LISTED : HF_CREATE_OF_DEVICE;
	if (has_prefix(m->mkey, "spdm") || has_prefix(m->mkey, "doe"))
		return HF_CREATE_OF_DEVICE;
	return HF_CREATE_LISTED;
}

void hf_create_note_method(struct hf_create_methods *methods, const struct hf_measurement *m)
{
	bool is_signed = m->method >= HF_METHOD_UNBOUND;

	if (hf_spdm_index_of(m->mkey)) {
		if (!methods->has_block || m->method < methods->block)
			methods->block = m->method;
		methods->has_block = true;
	}
	if (is_signed && !(m->flags & HF_MEASUREMENT_CODE))
		return;		/* an appraisal counts signed code alone */
	if (m->method > methods->strongest)
		methods->strongest = m->method;
	if (!is_signed && m->method > methods->strongest_unsigned)
		methods->strongest_unsigned = m->method;
}

enum hf_method hf_create_least_method(const struct hf_create_methods *methods)
{
	enum hf_method least = methods->strongest;

	if (least >= HF_METHOD_UNBOUND && methods->has_block && methods->block < least)
		least = methods->block >= HF_METHOD_UNBOUND ? methods->block
							    : methods->strongest_unsigned;
	return least > HF_METHOD_IDENTITY ? least : HF_METHOD_IDENTITY;
}
