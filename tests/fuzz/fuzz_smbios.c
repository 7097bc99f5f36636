/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte says how long the entry point is that follows; the rest is the table. Every
 * span lies inside the table, and a table that is good has no byte that belongs to nothing. */
#include <stdlib.h>

#include "pcie/smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct hf_span table, struct hf_span s)
{
	if (s.len && (s.ptr < table.ptr || s.ptr + s.len > table.ptr + table.len))
		abort();
}

static void walk_all(const struct hf_smbios *smbios)
{
	struct hf_smbios_walk walk = hf_smbios_walk(smbios);
	struct hf_smbios_structure s;
	size_t seen = 0;

	while (hf_smbios_next(&walk, &s)) {
		struct hf_smbios_slot slot;
		struct hf_smbios_onboard onboard;

		inside(smbios->table, s.data);
		inside(smbios->table, s.strings);
		for (size_t at = 0; at < 8; at++)
			inside(s.strings, hf_smbios_string(&s, at));
		if (hf_smbios_slot(&s, &slot))
			inside(s.strings, slot.designation);
		if (hf_smbios_onboard(&s, &onboard))
			inside(s.strings, onboard.designation);
		if (++seen > HF_SMBIOS_STRUCTURES_MAX)
			abort();
	}
	if (!walk.err && walk.pos != smbios->table.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_smbios_facts facts;
	struct hf_smbios smbios;
	size_t entry = size ? data[0] : 0;

	if (size == 0 || entry > size - 1)
		return 0;
	struct hf_span table = { data + 1 + entry, size - 1 - entry };

	/* A checksum stops a fuzzer at once: the table alone too, as 2.x and as 3.x. */
	if (hf_smbios_open((struct hf_span){ data + 1, entry }, table, &smbios) == HF_OK)
		walk_all(&smbios);
	smbios = (struct hf_smbios){ .table = table, .major = 3 };
	walk_all(&smbios);
	if (hf_smbios_facts(&smbios, &facts) == HF_OK)
		for (size_t i = 0; i < HF_SMBIOS_NAMES; i++)
			inside(table, facts.name[i]);
	smbios.structures = 2;
	smbios.major = 2;
	walk_all(&smbios);
	return 0;
}
