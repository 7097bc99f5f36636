/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/pe.h"

#define DOS_MAGIC 0x5a4d
#define DOS_LFANEW 0x3c
#define PE_MAGIC 0x4550		/* "PE\0\0" */
#define MAGIC_PE32 0x10b
#define MAGIC_PE32_PLUS 0x20b
/* Offsets from the optional header, PE/COFF 8.3 section 3.4. */
#define OPT_SIZE_OF_HEADERS 60
#define OPT_CHECKSUM 64
#define DIRECTORY_SECURITY 4
#define SECTION_HEADER 40
#define SECTION_NAME 8
#define CERTIFICATE_HEADER 8

struct range {
	size_t offset, len;
};
struct pe {
	size_t checksum;	/* offset of the field */
	size_t security;	/* offset of the directory entry; 0: there is none */
	size_t security_offset, security_size;	/* of the certificate table in the file */
	size_t headers;		/* SizeOfHeaders */
	size_t table, table_count;	/* where the section headers are, and how many */
	struct range sections[HF_PE_SECTIONS_MAX];
	size_t section_count;
};

static void take_section(struct pe *pe, size_t offset, size_t len)
{
	size_t i = pe->section_count++;

	/* ascending offset; equal ones stay in table order, as in edk2 */
	for (; i > 0 && pe->sections[i - 1].offset > offset; i--)
		pe->sections[i] = pe->sections[i - 1];
	pe->sections[i] = (struct range){ offset, len };
}

static bool parse_sections(struct hf_span image, struct pe *pe, size_t table, size_t count)
{
	struct hf_cursor c = hf_cursor_at(image);

	if (count > HF_PE_SECTIONS_MAX)
		return false;
	pe->table = table;
	pe->table_count = count;
	hf_seek(&c, table);
	for (size_t i = 0; i < count; i++) {
		hf_take(&c, 16);	/* name, virtual size and address */
		size_t len = hf_u32le(&c), offset = hf_u32le(&c);

		hf_take(&c, SECTION_HEADER - 24);
		if (c.bad || c.pos > pe->headers)
			return false;
		if (len == 0)
			continue;
		if (offset > image.len || len > image.len - offset)
			return false;
		take_section(pe, offset, len);
	}
	return true;
}

static bool parse_optional(struct hf_span image, struct pe *pe, size_t optional)
{
	struct hf_cursor c = hf_cursor_at(image);

	hf_seek(&c, optional);
	uint16_t magic = hf_u16le(&c);
	size_t directories = optional + (magic == MAGIC_PE32_PLUS ? 112 : 96);

	if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
		return false;
	hf_seek(&c, optional + OPT_SIZE_OF_HEADERS);
	pe->headers = hf_u32le(&c);
	pe->checksum = optional + OPT_CHECKSUM;
	hf_seek(&c, directories - 4);
	if (hf_u32le(&c) > DIRECTORY_SECURITY) {
		pe->security = directories + 8 * DIRECTORY_SECURITY;
		hf_seek(&c, pe->security);
		pe->security_offset = hf_u32le(&c);
		pe->security_size = hf_u32le(&c);
	}
	return !c.bad && pe->headers <= image.len && c.pos <= pe->headers;
}

static bool parse(struct hf_span image, struct pe *pe)
{
	struct hf_cursor c = hf_cursor_at(image);
	size_t base = 0;

	if (hf_u16le(&c) == DOS_MAGIC) {
		hf_seek(&c, DOS_LFANEW);
		base = hf_u32le(&c);
	}
	hf_seek(&c, base);
	if (hf_u32le(&c) != PE_MAGIC)
		return false;
	hf_take(&c, 2);		/* machine */
	size_t count = hf_u16le(&c);

	hf_take(&c, 12);	/* time, symbol table and count */
	size_t optional_size = hf_u16le(&c);

	hf_take(&c, 2);		/* characteristics */
	if (c.bad || !parse_optional(image, pe, c.pos))
		return false;
	return parse_sections(image, pe, c.pos + optional_size, count);
}

enum hf_err hf_pe_authenticode(struct hf_span image, hf_pe_feed feed, void *self)
{
	struct pe pe = { 0 };
	enum hf_err err;

	if (image.len > HF_PE_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	if (!parse(image, &pe))
		return HF_ERR_PE_SHAPE;

	size_t after_checksum = pe.checksum + 4, after_security = pe.security + 8;
	size_t summed = pe.headers;

	for (size_t i = 0; i < pe.section_count; i++) {
		if (pe.sections[i].len > image.len - summed)	/* overlapping sections */
			return HF_ERR_PE_SHAPE;
		summed += pe.sections[i].len;
	}
	if (pe.security_size > image.len - summed)
		return HF_ERR_PE_SHAPE;

	err = feed(self, hf_span_part(image, 0, pe.checksum));
	if (!err && !pe.security)
		err = feed(self, hf_span_part(image, after_checksum, pe.headers - after_checksum));
	if (!err && pe.security)
		err = feed(self, hf_span_part(image, after_checksum, pe.security - after_checksum));
	if (!err && pe.security)
		err = feed(self, hf_span_part(image, after_security, pe.headers - after_security));
	for (size_t i = 0; !err && i < pe.section_count; i++)
		err = feed(self, hf_span_part(image, pe.sections[i].offset, pe.sections[i].len));
	/* what lies behind the sections, without the signatures at the very end */
	if (!err && image.len - summed > pe.security_size)
		err = feed(self, hf_span_part(image, summed, image.len - summed - pe.security_size));
	return err;
}

enum hf_err hf_pe_certificates(struct hf_span image, struct hf_pe_certificates *ret)
{
	struct hf_pe_certificates found = { .count = 0 };
	struct pe pe = { 0 };
	struct hf_cursor c;

	if (image.len > HF_PE_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	if (!parse(image, &pe))
		return HF_ERR_PE_SHAPE;
	c = hf_cursor_at(hf_span_part(image, pe.security_offset, pe.security_size));
	if (c.in.len != pe.security_size || (pe.security_size && pe.security_offset < pe.headers))
		return HF_ERR_IMAGE_SIGNATURE;
	while (hf_left(&c)) {
		struct hf_pe_certificate certificate;
		size_t len = hf_u32le(&c);

		certificate.revision = hf_u16le(&c);
		certificate.type = hf_u16le(&c);
		if (len < CERTIFICATE_HEADER || found.count == HF_PE_CERTIFICATES_MAX)
			return HF_ERR_IMAGE_SIGNATURE;
		certificate.body = hf_take_span(&c, len - CERTIFICATE_HEADER);
		if (c.bad)
			return HF_ERR_IMAGE_SIGNATURE;
		found.list[found.count++] = certificate;
		/* entries begin at multiples of 8; the last one may lack its padding */
		size_t padding = (8 - len % 8) % 8;

		hf_take(&c, padding < hf_left(&c) ? padding : hf_left(&c));
	}
	*ret = found;
	return HF_OK;
}

static bool is_named(struct hf_span field, const char *name)
{
	size_t len = strnlen((const char *)field.ptr, field.len);

	return len == strlen(name) && memcmp(field.ptr, name, len) == 0;
}

enum hf_err hf_pe_section(struct hf_span image, const char *name, struct hf_span *ret)
{
	struct hf_cursor c = hf_cursor_at(image);
	struct pe pe = { 0 };

	*ret = (struct hf_span){ NULL, 0 };
	if (image.len > HF_PE_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	if (!parse(image, &pe))
		return HF_ERR_PE_SHAPE;
	hf_seek(&c, pe.table);
	for (size_t i = 0; i < pe.table_count; i++) {
		struct hf_span field = hf_take_span(&c, SECTION_NAME);
		size_t size = hf_u32le(&c);

		hf_take(&c, 4);		/* virtual address */
		size_t len = hf_u32le(&c), offset = hf_u32le(&c);

		hf_take(&c, SECTION_HEADER - 24);
		if (!is_named(field, name))
			continue;
		if (ret->ptr || size > len)
			return HF_ERR_PE_SHAPE;
		*ret = hf_span_part(image, offset, size);
	}
	return HF_OK;
}

static enum hf_err update(void *self, struct hf_span bytes)
{
	return hf_hasher_update(self, bytes);
}

enum hf_err hf_pe_digest(enum hf_alg alg, struct hf_span image, struct hf_digest *ret)
{
	struct hf_digest digests[HF_ALG_COUNT];
	struct hf_hasher *hasher = NULL;
	size_t count = 0;
	enum hf_err err = hf_hasher_new(HF_ALG_MASK(alg), &hasher);

	if (!err)
		err = hf_pe_authenticode(image, update, hasher);
	if (!err)
		err = hf_hasher_final(hasher, digests, &count);
	if (!err && count != 1)
		err = HF_ERR_INTERNAL;
	hf_hasher_free(hasher);
	if (!err)
		*ret = digests[0];
	return err;
}
