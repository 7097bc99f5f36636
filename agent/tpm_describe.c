/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/tpm_internal.h"

#include <stdio.h>

/* Four characters per property, e.g. "IBM\0"; runs of blanks become one. */
static void add_chars(char *out, size_t cap, uint32_t value)
{
	size_t len = strlen(out);

	for (int shift = 24; shift >= 0; shift -= 8) {
		char c = (char)(value >> shift & 0xff);

		if (c == 0)
			continue;
		if (c < 0x20 || c > 0x7e)
			c = '?';
		if (c == ' ' && (len == 0 || out[len - 1] == ' '))
			continue;
		if (len + 1 < cap) {
			out[len++] = c;
			out[len] = 0;
		}
	}
}

static void cut_blanks(char *text)
{
	for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
		text[n - 1] = 0;
}

static void name_banks(uint32_t banks, char *out, size_t cap)
{
	size_t len = 0;

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++)
		if (banks & HF_ALG_MASK(alg))
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? " " : "",
						hf_alg_name(alg));
}

enum hf_err hf_tpm_describe(struct hf_tpm *tpm, uint32_t banks, struct hf_tpm_words *ret,
			    struct hf_fault *fault)
{
	enum { FAMILY, REVISION = TPM2_PT_REVISION - TPM2_PT_FAMILY_INDICATOR,
	       MANUFACTURER = TPM2_PT_MANUFACTURER - TPM2_PT_FAMILY_INDICATOR,
	       VENDOR, FIRMWARE = TPM2_PT_FIRMWARE_VERSION_1 - TPM2_PT_FAMILY_INDICATOR,
	       COUNT = FIRMWARE + 2 };
	struct hf_tpm_words words = { .vendor = "" };
	char family[8] = "", vendor[20] = "";
	uint32_t p[COUNT];
	enum hf_err err = hf_tpm_properties(tpm, TPM2_PT_FAMILY_INDICATOR, COUNT, p, fault);

	if (err)
		return err;
	add_chars(family, sizeof(family), p[FAMILY]);
	add_chars(words.vendor, 8, p[MANUFACTURER]);
	for (size_t i = 0; i < 4; i++)
		add_chars(vendor, sizeof(vendor), p[VENDOR + i]);
	cut_blanks(words.vendor);
	cut_blanks(vendor);
	if (vendor[0]) {
		size_t len = strlen(words.vendor);

		snprintf(words.vendor + len, sizeof(words.vendor) - len, " %s", vendor);
	}
	snprintf(words.firmware, sizeof(words.firmware), "%u.%u.%u.%u", p[FIRMWARE] >> 16,
		 p[FIRMWARE] & 0xffff, p[FIRMWARE + 1] >> 16, p[FIRMWARE + 1] & 0xffff);
	/* Part 2, table 23: the revision times 100. */
	snprintf(words.specification, sizeof(words.specification), "%s revision %u.%02u", family,
		 p[REVISION] / 100, p[REVISION] % 100);
	name_banks(banks, words.banks, sizeof(words.banks));
	*ret = words;
	return HF_OK;
}
