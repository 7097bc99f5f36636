/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/event_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "measure/event.h"

#define CUT "..."

struct hf_text hf_text_at(char *out, size_t cap)
{
	return (struct hf_text){ .out = out, .cap = cap };
}

static void put(struct hf_text *t, const char *bytes, size_t len)
{
	if (t->cut || len > t->cap - sizeof(CUT) - t->len) {
		t->cut = true;
		return;
	}
	memcpy(t->out + t->len, bytes, len);
	t->len += len;
}

void hf_text_put(struct hf_text *t, const char *format, ...)
{
	char piece[128];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(piece))
		t->cut = true;
	else
		put(t, piece, (size_t)len);
}

/* Characters that move the cursor, are not seen, or turn the text around. */
static bool is_shown(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad)
		return false;
	if (c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f))
		return false;
	if ((c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f))
		return false;
	if ((c >= 0xd800 && c <= 0xdfff) || (c >= 0xe000 && c <= 0xf8ff))
		return false;
	if ((c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xffff))
		return false;
	return c < 0xe0000 && (c & 0xfffe) != 0xfffe;
}

/* A text has lines; on ours they follow each other. */
static bool is_blank(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r';
}

static void put_char(struct hf_text *t, uint32_t c)
{
	char utf8[4];

	if (is_blank(c))
		c = ' ';
	if (!is_shown(c))
		c = '?';
	if (c < 0x80) {
		utf8[0] = (char)c;
		put(t, utf8, 1);
	} else if (c < 0x800) {
		utf8[0] = (char)(0xc0 | c >> 6);
		utf8[1] = (char)(0x80 | (c & 0x3f));
		put(t, utf8, 2);
	} else if (c < 0x10000) {
		utf8[0] = (char)(0xe0 | c >> 12);
		utf8[1] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (c & 0x3f));
		put(t, utf8, 3);
	} else {
		utf8[0] = (char)(0xf0 | c >> 18);
		utf8[1] = (char)(0x80 | (c >> 12 & 0x3f));
		utf8[2] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[3] = (char)(0x80 | (c & 0x3f));
		put(t, utf8, 4);
	}
}

/* One code point; an unpaired surrogate comes back as itself. */
static uint32_t take_utf16(struct hf_cursor *c)
{
	uint32_t first = hf_u16le(c);
	struct hf_cursor ahead = *c;

	if (first < 0xd800 || first > 0xdbff || hf_left(c) < 2)
		return first;
	uint32_t second = hf_u16le(&ahead);

	if (second < 0xdc00 || second > 0xdfff)
		return first;
	*c = ahead;
	return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

void hf_text_put_utf16(struct hf_text *t, struct hf_span utf16)
{
	struct hf_cursor c = hf_cursor_at(utf16);

	while (!t->cut && hf_left(&c) >= 2) {
		uint32_t character = take_utf16(&c);

		if (character == 0)
			return;
		put_char(t, character);
	}
}

void hf_text_put_bytes(struct hf_text *t, struct hf_span bytes)
{
	for (size_t i = 0; i < bytes.len && bytes.ptr[i] && !t->cut; i++)
		put_char(t, bytes.ptr[i] < 0x80 ? bytes.ptr[i] : '?');
}

void hf_text_back(struct hf_text *t, const struct hf_text *before)
{
	t->len = before->len;
	t->cut = before->cut;
}

void hf_text_end(struct hf_text *t)
{
	if (t->cut) {
		memcpy(t->out + t->len, CUT, sizeof(CUT) - 1);
		t->len += sizeof(CUT) - 1;
	}
	t->out[t->len] = 0;
}

void hf_utf16_text(struct hf_span utf16, char *out, size_t cap)
{
	struct hf_text t = hf_text_at(out, cap);

	hf_text_put_utf16(&t, utf16);
	hf_text_end(&t);
}

void hf_bytes_text(struct hf_span bytes, char *out, size_t cap)
{
	struct hf_text t = hf_text_at(out, cap);

	hf_text_put_bytes(&t, bytes);
	hf_text_end(&t);
}

bool hf_is_ascii(struct hf_span data)
{
	size_t len = data.len;

	while (len > 0 && data.ptr[len - 1] == 0)
		len--;
	for (size_t i = 0; i < len; i++)
		if ((data.ptr[i] < 0x20 || data.ptr[i] > 0x7e) && !is_blank(data.ptr[i]))
			return false;
	return len > 0;
}

bool hf_is_utf16(struct hf_span data)
{
	size_t plain = 0, all = 0;
	bool over = false;

	if (data.len % 2 && data.ptr[data.len - 1] == 0)	/* systemd-boot: half a NUL */
		data.len--;
	if (data.len % 2)
		return false;
	struct hf_cursor c = hf_cursor_at(data);

	while (hf_left(&c) >= 2) {
		uint32_t character = take_utf16(&c);

		over |= character == 0;
		if (over ? character != 0 : !is_shown(character) && !is_blank(character))
			return false;
		all += !over;
		plain += !over && character < 0x80;
	}
	return all > 0 && plain >= all - plain;
}

/* ---- GUIDs ---- */

void hf_guid_text(const uint8_t guid[static HF_GUID_SIZE], char out[static HF_GUID_TEXT])
{
	snprintf(out, HF_GUID_TEXT, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 (unsigned)hf_le(guid, 4), (unsigned)hf_le(guid + 4, 2),
		 (unsigned)hf_le(guid + 6, 2), guid[8], guid[9], guid[10], guid[11], guid[12],
		 guid[13], guid[14], guid[15]);
}

/* Tables of UEFI 2.10 (4.6), PI 1.8, SMBIOS; signature types of UEFI 2.10 (32.4.1); and
 * the namespaces of variables that loaders measure. */
static const struct { const char *guid, *name; } guid_names[] = {
	{ "8be4df61-93ca-11d2-aa0d-00e098032b8c", "EFI_GLOBAL_VARIABLE" },
	{ "d719b2cb-3d3a-4596-a3bc-dad00e67656f", "EFI_IMAGE_SECURITY_DATABASE" },
	{ "605dab50-e046-4300-abb6-3dd810dd8b23", "SHIM_LOCK" },
	{ "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", "LOADER" },
	{ "77fa9abd-0359-4d32-bd60-28f4e78f784b", "MICROSOFT" },
	{ "eb9d2d30-2d88-11d3-9a16-0090273fc14d", "ACPI_1.0" },
	{ "8868e871-e4f1-11d3-bc22-0080c73c8881", "ACPI_2.0" },
	{ "eb9d2d31-2d88-11d3-9a16-0090273fc14d", "SMBIOS" },
	{ "f2fd1544-9794-4a2c-992e-e5bbcf20e394", "SMBIOS3" },
	{ "eb9d2d2f-2d88-11d3-9a16-0090273fc14d", "MPS" },
	{ "7739f24c-93d7-11d4-9a3a-0090273fc14d", "HOB_LIST" },
	{ "05ad34ba-6f02-4214-952e-4da0398e2bb9", "DXE_SERVICES" },
	{ "b122a263-3661-4f68-9929-78f8b0d62180", "ESRT" },
	{ "a5c059a1-94e4-4aa7-87b5-ab155c2bf072", "X509" },
	{ "c1c41626-504c-4092-aca9-41f936934328", "SHA256" },
	{ "826ca512-cf10-4ac9-b187-be01496631bd", "SHA1" },
	{ "ff3e5307-9fd0-48c9-85f1-8ad56c701e01", "SHA384" },
	{ "093e0fae-a6c4-4f50-9f1b-d41e2b89c19a", "SHA512" },
	{ "3c5766e8-269c-4e34-aa14-ed776e85b3b6", "RSA2048" },
	{ "e2b36190-879b-4a3d-ad8d-f2e7bba32784", "RSA2048_SHA256" },
	{ "3bd2a492-96c0-4079-b420-fcf98ef103ed", "X509_SHA256" },
	{ "7076876e-80c2-4ee6-aad2-28b349a6865b", "X509_SHA384" },
	{ "446dbf63-2502-4cda-bcfa-2465d2b0fe9d", "X509_SHA512" },
};

const char *hf_guid_name(const uint8_t guid[static HF_GUID_SIZE])
{
	char text[HF_GUID_TEXT];

	hf_guid_text(guid, text);
	for (size_t i = 0; i < sizeof(guid_names) / sizeof(guid_names[0]); i++)
		if (strcmp(guid_names[i].guid, text) == 0)
			return guid_names[i].name;
	return NULL;
}
