/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What SMBIOS says of the host. The kernel's own reading of it (class/dmi/id) chooses the
 * model, as ever; the table gives what the kernel does not show, and where the two differ,
 * somebody changed one of them since the kernel started. */
#include "agent/platform_facts.h"
#include "pcie/smbios.h"

#include <stdio.h>
#include <strings.h>

#define SLOT_CLAIMS_MAX 128

static const struct row {
	const char *mkey;
	uint32_t flags;
	const char *file;	/* below class/dmi/id, or NULL: the kernel does not show it */
	enum hf_smbios_name name;
} rows[] = {
	{ "smbios/vendor", 0, "sys_vendor", HF_SMBIOS_VENDOR },
	{ "smbios/product", 0, "product_name", HF_SMBIOS_PRODUCT },
	{ "smbios/version", HF_ADVISORY, "product_version", HF_SMBIOS_VERSION },
	{ "smbios/sku", HF_ADVISORY, "product_sku", HF_SMBIOS_SKU },
	{ "smbios/family", HF_ADVISORY, "product_family", HF_SMBIOS_FAMILY },
	{ "smbios/serial", HF_ADVISORY, "product_serial", HF_SMBIOS_SERIAL },
	{ "smbios/bios-vendor", HF_ADVISORY, "bios_vendor", HF_SMBIOS_BIOS_VENDOR },
	{ "smbios/bios-version", HF_ADVISORY, "bios_version", HF_SMBIOS_BIOS_VERSION },
	{ "smbios/bios-date", HF_ADVISORY, "bios_date", HF_SMBIOS_BIOS_DATE },
	{ "smbios/board-vendor", HF_ADVISORY, "board_vendor", HF_SMBIOS_BOARD_VENDOR },
	{ "smbios/board", HF_ADVISORY, "board_name", HF_SMBIOS_BOARD },
	{ "smbios/board-serial", HF_ADVISORY, "board_serial", HF_SMBIOS_BOARD_SERIAL },
	{ "smbios/chassis-serial", HF_ADVISORY, "chassis_serial", HF_SMBIOS_CHASSIS_SERIAL },
	{ "smbios/chassis-asset", HF_ADVISORY, "chassis_asset_tag", HF_SMBIOS_CHASSIS_ASSET },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct differing {
	char text[512];
	size_t len;
};

/* The kernel takes a string of blanks for an empty one; so does this comparison. */
static bool same(const char *kernel, struct hf_span table)
{
	bool blank = true;

	for (size_t i = 0; i < table.len; i++)
		blank &= table.ptr[i] == ' ';
	if (blank)
		table.len = 0;
	while (table.len && table.ptr[table.len - 1] == '\n')	/* as read_text cuts them */
		table.len--;
	return strlen(kernel) == table.len && memcmp(kernel, table.ptr, table.len) == 0;
}

static void differs(struct differing *d, const char *mkey)
{
	int n = snprintf(d->text + d->len, sizeof(d->text) - d->len, "%s%s", d->len ? " " : "", mkey);

	d->len += n > 0 && (size_t)n < sizeof(d->text) - d->len ? (size_t)n : 0;
}

static void put_name(struct hf_facts *f, const struct row *r, const struct hf_smbios_facts *table,
		     struct differing *d)
{
	struct hf_span from_table = table ? table->name[r->name] : (struct hf_span){ NULL, 0 };
	char path[64], text[HF_TEXT_MAX];
	enum hf_err err;

	snprintf(path, sizeof(path), "class/dmi/id/%s", r->file);
	err = hf_host_read_text(f->host, path, text, sizeof(text));
	if (!err) {
		hf_facts_text(f, r->mkey, r->flags, hf_span_text(text));
		if (table && !same(text, from_table))
			differs(d, r->mkey);
		return;
	}
	/* What chooses the model comes from the kernel alone. */
	if (from_table.ptr && r->flags & HF_ADVISORY)
		hf_facts_text(f, r->mkey, r->flags, from_table);
	else if (table && r->flags & HF_ADVISORY)
		hf_facts_failure(f, r->mkey, r->flags, HF_ERR_NOT_MEASURED);	/* there is none */
	else
		hf_facts_missing(f, r->mkey, r->flags, err);
}

static void put_uuid(struct hf_facts *f, const struct hf_smbios_facts *table, struct differing *d)
{
	char text[64];
	enum hf_err err = hf_host_read_text(f->host, "class/dmi/id/product_uuid", text, sizeof(text));

	if (!err)
		hf_facts_text(f, "smbios/uuid", HF_ADVISORY, hf_span_text(text));
	else if (table && table->uuid[0])
		hf_facts_text(f, "smbios/uuid", HF_ADVISORY, hf_span_text(table->uuid));
	else if (table)
		hf_facts_failure(f, "smbios/uuid", HF_ADVISORY, HF_ERR_NOT_MEASURED);
	else
		hf_facts_missing(f, "smbios/uuid", HF_ADVISORY, err);
	if (!err && table && table->uuid[0] && strcasecmp(text, table->uuid) != 0)
		differs(d, "smbios/uuid");
}

static void put_slot(struct hf_facts *f, const struct hf_smbios_slot *slot, uint32_t number)
{
	const char *usage = slot->usage == HF_SMBIOS_AVAILABLE ? "free" :
			    slot->usage == HF_SMBIOS_IN_USE ? "in use" :
			    slot->usage == HF_SMBIOS_UNAVAILABLE ? "unavailable" : "usage unknown";
	char mkey[32], address[HF_ADDRESS_TEXT] = "no address", extra[48] = "";

	snprintf(mkey, sizeof(mkey), "smbios/slot/%u", number);
	if (slot->has_address)
		hf_address_format(&slot->address, address);
	if (slot->base_width)
		snprintf(extra, sizeof(extra), ", lanes %u of %u", slot->base_width,
			 slot->physical_width);
	hf_facts_format(f, mkey, HF_ADVISORY, "%.*s: type 0x%02x, %s, %s%s",
			(int)slot->designation.len,
			slot->designation.ptr ? (const char *)slot->designation.ptr : "", slot->type,
			usage, address, extra);
}

static void put_slots(struct hf_facts *f, const struct hf_smbios *smbios)
{
	struct hf_smbios_walk walk = hf_smbios_walk(smbios);
	struct hf_smbios_structure s;
	struct hf_smbios_slot slot;
	uint32_t number = 0;

	while (hf_smbios_next(&walk, &s)) {
		if (!hf_smbios_slot(&s, &slot))
			continue;
		if (number == SLOT_CLAIMS_MAX) {
			hf_facts_failure(f, "smbios/slot", HF_ADVISORY, HF_ERR_LIMIT);
			return;
		}
		put_slot(f, &slot, number++);
	}
}

static void put_counts(struct hf_facts *f, const struct hf_smbios_facts *t)
{
	uint32_t kept = t->processors < HF_SMBIOS_PROCESSORS_MAX ? t->processors
								 : HF_SMBIOS_PROCESSORS_MAX;
	char mkey[32];

	hf_facts_format(f, "smbios/processors", HF_ADVISORY, "%u in %u sockets", t->processors,
			t->processor_sockets);
	for (uint32_t i = 0; i < kept; i++) {
		snprintf(mkey, sizeof(mkey), "smbios/processor/%u", i);
		if (t->processor[i].ptr)
			hf_facts_text(f, mkey, HF_ADVISORY, t->processor[i]);
	}
	hf_facts_format(f, "smbios/memory", HF_ADVISORY, "%u in %u sockets, %llu MiB",
			t->memory_devices, t->memory_sockets, (unsigned long long)t->memory_mib);
	hf_facts_number(f, "smbios/oem-strings", HF_ADVISORY, t->oem_strings);
}

/* The digest comes first, whatever the table then turns out to be. */
static enum hf_err read_table(struct hf_facts *f, struct hf_smbios *ret_smbios,
			      struct hf_smbios_facts *ret)
{
	struct hf_arena *arena = f->claims->arena;
	struct hf_span entry, table;
	enum hf_err err;

	err = hf_host_read(f->host, HF_SMBIOS_TABLE, HF_SMBIOS_TABLE_MAX, arena, &table, NULL);
	if (err == HF_ERR_FILE_TOO_LARGE) {
		hf_facts_failure(f, "smbios/table", HF_ADVISORY, err);
		return err;
	}
	if (err) {
		hf_facts_missing(f, "smbios/table", HF_ADVISORY, err);
		return err;
	}
	hf_facts_digest(f, "smbios/table", table);
	err = hf_host_read(f->host, HF_SMBIOS_ENTRY, HF_SMBIOS_ENTRY_MAX, arena, &entry, NULL);
	if (err) {
		hf_facts_missing(f, "smbios/structures", HF_ADVISORY, err);
		return err;
	}
	err = hf_smbios_open(entry, table, ret_smbios);
	if (!err)
		err = hf_smbios_facts(ret_smbios, ret);
	if (err)
		hf_facts_failure(f, "smbios/structures", HF_ADVISORY, err);
	else
		hf_facts_format(f, "smbios/structures", HF_ADVISORY, "%u, SMBIOS %u.%u",
				ret->structures, ret_smbios->major, ret_smbios->minor);
	return err;
}

void hf_facts_smbios(struct hf_facts *f)
{
	struct hf_smbios_facts facts;
	struct hf_smbios smbios;
	struct differing d = { "", 0 };
	const struct hf_smbios_facts *table = read_table(f, &smbios, &facts) == HF_OK ? &facts : NULL;

	for (size_t i = 0; i < ROWS; i++)
		put_name(f, &rows[i], table, &d);
	put_uuid(f, table, &d);
	if (d.len)
		hf_facts_text(f, "smbios/contradiction", HF_ADVISORY, hf_span_text(d.text));
	if (!table)
		return;
	put_counts(f, table);
	put_slots(f, &smbios);
}
