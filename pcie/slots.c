/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Labels of slots. What firmware says of its board is a label and nothing more: it says
 * where a rule looks for a part, never what the part is. */
#include "pcie/slots.h"

#include "pcie/smbios.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What an operator can type, and what does not look like two labels. */
static bool keep_label(const char *text, size_t len, char out[static HF_SLOT_TEXT + 1])
{
	while (len && text[len - 1] == ' ')
		len--;
	while (len && *text == ' ') {
		text++;
		len--;
	}
	if (len == 0 || len > HF_SLOT_TEXT)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool label_of(const struct hf_smbios_structure *s, struct hf_slot_label *ret)
{
	struct hf_slot_label label = { 0 };
	struct hf_smbios_slot slot;

	if (!hf_smbios_slot(s, &slot) || !slot.has_address || !slot.designation.ptr ||
	    !keep_label((const char *)slot.designation.ptr, slot.designation.len, label.text))
		return false;
	label.address = slot.address;
	label.address.function = 0;	/* the slot holds a device, whatever its functions */
	*ret = label;
	return true;
}

struct labels {
	struct hf_slot_label list[HF_SLOTS_MAX];
	size_t count;
	struct hf_slot_label onboard[HF_SLOTS_MAX];	/* whole addresses */
	size_t onboard_count;
};

static bool has_label(const struct labels *labels, const struct hf_address *address)
{
	for (size_t i = 0; i < labels->count; i++) {
		const struct hf_address *a = &labels->list[i].address;

		if (a->domain == address->domain && a->bus == address->bus &&
		    a->device == address->device)
			return true;
	}
	return false;
}

/* The first that speaks of a device counts. */
static void add_label(struct labels *labels, const struct hf_slot_label *label)
{
	if (labels->count < HF_SLOTS_MAX && !has_label(labels, &label->address))
		labels->list[labels->count++] = *label;
}

static void add_onboard(struct labels *labels, const struct hf_smbios_structure *s)
{
	struct hf_smbios_onboard onboard;
	struct hf_slot_label label = { 0 };

	if (labels->onboard_count == HF_SLOTS_MAX || !hf_smbios_onboard(s, &onboard) ||
	    !onboard.designation.ptr ||
	    !keep_label((const char *)onboard.designation.ptr, onboard.designation.len, label.text))
		return;
	label.address = onboard.address;
	labels->onboard[labels->onboard_count++] = label;
}

/* Of a table that goes bad somewhere, what stands before that: it is a label and no more,
 * and that the table is bad is a claim about the host. */
static void read_smbios(const struct hf_host *host, struct hf_arena *arena, struct labels *labels)
{
	struct hf_smbios_structure s;
	struct hf_slot_label label;
	struct hf_span entry, table;
	struct hf_smbios smbios;
	size_t mark = arena->len;

	if (hf_host_read(host, HF_SMBIOS_ENTRY, HF_SMBIOS_ENTRY_MAX, arena, &entry, NULL) == HF_OK &&
	    hf_host_read(host, HF_SMBIOS_TABLE, HF_SMBIOS_TABLE_MAX, arena, &table, NULL) == HF_OK &&
	    hf_smbios_open(entry, table, &smbios) == HF_OK) {
		struct hf_smbios_walk walk = hf_smbios_walk(&smbios);

		while (hf_smbios_next(&walk, &s)) {
			if (label_of(&s, &label))
				add_label(labels, &label);
			add_onboard(labels, &s);
		}
	}
	arena->len = mark;
}

static void read_kernel(const struct hf_host *host, const char *name, struct labels *labels)
{
	struct hf_slot_label label = { 0 };
	char path[320], text[32], full[40];

	snprintf(path, sizeof(path), "bus/pci/slots/%s/address", name);
	if (name[0] == '.' || hf_host_read_text(host, path, text, sizeof(text)) != HF_OK)
		return;
	snprintf(full, sizeof(full), "%s.0", text);	/* a slot's address has no function */
	if (hf_address_parse(full, &label.address) && keep_label(name, strlen(name), label.text))
		add_label(labels, &label);
}

/* Entries in name order, so that the same host gives the same labels. */
static void read_kernel_slots(const struct hf_host *host, struct labels *labels)
{
	struct dirent **entries = NULL;
	int fd = openat(host->sysfs, "bus/pci/slots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = fd < 0 ? -1 : scandirat(fd, ".", &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		read_kernel(host, entries[i]->d_name, labels);
		free(entries[i]);
	}
	free(entries);
	if (fd >= 0)
		close(fd);
}

static enum hf_err label_part(struct hf_claims *claims, struct hf_part *part,
			      const struct labels *labels)
{
	struct hf_measurement *m;

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		for (size_t i = 0; i < labels->count; i++) {
			const struct hf_slot_label *l = &labels->list[i];

			if (l->address.domain != f->address.domain ||
			    l->address.bus != f->address.bus ||
			    l->address.device != f->address.device)
				continue;
			m = hf_claims_add_measurement(claims, part, NULL, HF_MKEY_SLOT,
						      HF_METHOD_IDENTITY, 0);
			return m ? hf_measurement_set_text(claims, m, l->text) : HF_ERR_LIMIT;
		}
	}
	return HF_OK;
}

static bool same_function(const struct hf_address *a, const struct hf_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

static enum hf_err label_onboard(struct hf_claims *claims, struct hf_part *part,
				 struct hf_function *f, const struct labels *labels)
{
	struct hf_measurement *m;

	for (size_t i = 0; i < labels->onboard_count; i++) {
		const struct hf_slot_label *l = &labels->onboard[i];

		if (!same_function(&l->address, &f->address) ||
		    hf_measurement_find(f->measurements, HF_MKEY_ONBOARD))
			continue;
		m = hf_claims_add_measurement(claims, part, f, HF_MKEY_ONBOARD, HF_METHOD_IDENTITY,
					      HF_MEASUREMENT_ADVISORY);
		return m ? hf_measurement_set_text(claims, m, l->text) : HF_ERR_LIMIT;
	}
	return HF_OK;
}

static enum hf_err label_all(struct hf_claims *claims, const struct labels *labels)
{
	enum hf_err err = HF_OK;

	for (struct hf_part *part = claims->parts; part && !err; part = part->next) {
		if (part->kind == HF_PART_CARD &&
		    !hf_measurement_find(part->measurements, HF_MKEY_SLOT))
			err = label_part(claims, part, labels);
		for (struct hf_function *f = part->functions; f && !err; f = f->next)
			err = label_onboard(claims, part, f, labels);
	}
	return err;
}

enum hf_err hf_slots_claims(const struct hf_host *host, struct hf_claims *claims)
{
	struct labels *labels = calloc(1, sizeof(*labels));
	enum hf_err err;

	if (!labels)
		return HF_ERR_NO_MEMORY;
	read_smbios(host, claims->arena, labels);
	read_kernel_slots(host, labels);
	err = label_all(claims, labels);
	free(labels);
	return err;
}
