/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/modinfo.h"

#define EHDR 64			/* bytes of an ELF64 header */
#define SHDR 64			/* and of a section header */
#define SHT_NOBITS 8

static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };	/* 64 bits, little-endian */
static const char wanted[] = ".modinfo";

struct sections {
	struct hf_span elf;
	uint64_t offset;
	size_t count;
};

struct section {
	uint32_t name, type;
	uint64_t offset, size;
};

static struct section section_at(const struct sections *all, size_t i)
{
	struct hf_cursor c = hf_cursor_at(hf_span_part(all->elf, (size_t)all->offset + i * SHDR, SHDR));
	struct section s = { .name = hf_u32le(&c), .type = hf_u32le(&c) };

	hf_take(&c, 16);	/* flags, address */
	s.offset = hf_u64le(&c);
	s.size = hf_u64le(&c);
	return s;
}

static struct hf_span content(const struct sections *all, const struct section *s)
{
	if (s->type == SHT_NOBITS || s->offset > all->elf.len ||
	    s->size > all->elf.len - s->offset)
		return (struct hf_span){ NULL, 0 };
	return hf_span_part(all->elf, (size_t)s->offset, (size_t)s->size);
}

static bool is_wanted(struct hf_span names, uint32_t at)
{
	struct hf_span name = hf_span_part(names, at, sizeof(wanted));

	return name.len == sizeof(wanted) && memcmp(name.ptr, wanted, sizeof(wanted)) == 0;
}

enum hf_err hf_modinfo_find(struct hf_span elf, struct hf_span *ret)
{
	struct sections all = { .elf = elf };
	struct hf_cursor c = hf_cursor_at(elf);
	struct hf_span names;
	size_t entry, name_section;

	if (elf.len < EHDR || memcmp(elf.ptr, ident, sizeof(ident)) != 0)
		return HF_ERR_BIND_FAILED;
	hf_seek(&c, 0x28);
	all.offset = hf_u64le(&c);
	hf_seek(&c, 0x3a);
	entry = hf_u16le(&c);
	all.count = hf_u16le(&c);
	name_section = hf_u16le(&c);
	if (entry != SHDR || name_section >= all.count || all.offset > elf.len ||
	    all.count * SHDR > elf.len - all.offset)
		return HF_ERR_BIND_FAILED;
	struct section s = section_at(&all, name_section);

	names = content(&all, &s);
	for (size_t i = 0; i < all.count; i++) {
		s = section_at(&all, i);
		if (!is_wanted(names, s.name))
			continue;
		struct hf_span found = content(&all, &s);

		if (!found.ptr)
			return HF_ERR_BIND_FAILED;
		*ret = found;
		return HF_OK;
	}
	return HF_ERR_BIND_FAILED;
}

bool hf_modinfo_next(struct hf_span modinfo, const char *name, size_t *pos, struct hf_span *ret)
{
	size_t len = strlen(name);

	while (*pos < modinfo.len) {
		const uint8_t *text = modinfo.ptr + *pos;
		const uint8_t *end = memchr(text, 0, modinfo.len - *pos);
		size_t n = end ? (size_t)(end - text) : 0;

		if (!end)
			break;
		*pos += n + 1;
		if (n <= len || memcmp(text, name, len) != 0 || text[len] != '=')
			continue;
		*ret = (struct hf_span){ text + len + 1, n - len - 1 };
		return true;
	}
	*pos = modinfo.len;
	return false;
}
