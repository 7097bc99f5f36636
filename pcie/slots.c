/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Labels of slots. What firmware says of its board is a label and nothing more: it says
 * where a rule looks for a part, never what the part is. */
#include "pcie/slots.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SMBIOS_SLOT 9
#define SMBIOS_SLOT_LEN 0x11	/* from 2.6: with segment, bus and device */
#define SMBIOS_RAW_MAX 4096

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

bool hf_slot_smbios(struct hf_span raw, struct hf_slot_label *ret)
{
	struct hf_slot_label label = { 0 };
	const uint8_t *p = raw.ptr;
	size_t at, number;

	if (raw.len < SMBIOS_SLOT_LEN || p[0] != SMBIOS_SLOT || p[1] < SMBIOS_SLOT_LEN ||
	    p[1] > raw.len)
		return false;
	number = p[4];
	label.address.domain = (uint32_t)(p[0x0d] | p[0x0e] << 8);
	label.address.bus = p[0x0f];
	label.address.device = p[0x10] >> 3;
	if (number == 0 || (label.address.domain == 0xffff && label.address.bus == 0xff))
		return false;
	for (at = p[1]; number > 1; number--) {	/* strings are numbered from one */
		while (at < raw.len && p[at])
			at++;
		if (at >= raw.len)
			return false;
		at++;
	}
	size_t len = at < raw.len ? strnlen((const char *)p + at, raw.len - at) : 0;

	if (at + len >= raw.len || !keep_label((const char *)p + at, len, label.text))
		return false;
	*ret = label;
	return true;
}

struct labels {
	struct hf_slot_label list[HF_SLOTS_MAX];
	size_t count;
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

static void read_smbios(const struct hf_host *host, const char *name, struct hf_arena *arena,
			struct labels *labels)
{
	struct hf_slot_label label;
	size_t mark = arena->len;
	struct hf_span raw;
	char path[320];

	if (strncmp(name, "9-", 2) != 0)
		return;
	snprintf(path, sizeof(path), "firmware/dmi/entries/%s/raw", name);
	if (hf_host_read(host, path, SMBIOS_RAW_MAX, arena, &raw, NULL) == HF_OK &&
	    hf_slot_smbios(raw, &label))
		add_label(labels, &label);
	arena->len = mark;
}

static void read_kernel(const struct hf_host *host, const char *name, struct hf_arena *arena,
			struct labels *labels)
{
	struct hf_slot_label label = { 0 };
	char path[320], text[32], full[40];

	(void)arena;
	snprintf(path, sizeof(path), "bus/pci/slots/%s/address", name);
	if (name[0] == '.' || hf_host_read_text(host, path, text, sizeof(text)) != HF_OK)
		return;
	snprintf(full, sizeof(full), "%s.0", text);	/* a slot's address has no function */
	if (hf_address_parse(full, &label.address) && keep_label(name, strlen(name), label.text))
		add_label(labels, &label);
}

/* Entries in name order, so that the same host gives the same labels. */
static void read_directory(const struct hf_host *host, const char *dir, struct hf_arena *arena,
			   struct labels *labels,
			   void (*read)(const struct hf_host *, const char *, struct hf_arena *,
					struct labels *))
{
	struct dirent **entries = NULL;
	int fd = openat(host->sysfs, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = fd < 0 ? -1 : scandirat(fd, ".", &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		read(host, entries[i]->d_name, arena, labels);
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

enum hf_err hf_slots_claims(const struct hf_host *host, struct hf_claims *claims)
{
	struct labels *labels = calloc(1, sizeof(*labels));
	enum hf_err err = HF_OK;

	if (!labels)
		return HF_ERR_NO_MEMORY;
	read_directory(host, "firmware/dmi/entries", claims->arena, labels, read_smbios);
	read_directory(host, "bus/pci/slots", claims->arena, labels, read_kernel);
	for (struct hf_part *part = claims->parts; part && !err; part = part->next)
		if (part->kind == HF_PART_CARD && !hf_measurement_find(part->measurements, HF_MKEY_SLOT))
			err = label_part(claims, part, labels);
	free(labels);
	return err;
}
