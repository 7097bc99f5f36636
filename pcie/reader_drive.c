/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_drive.c: ATA and SCSI drives behind a storage controller: what the kernel
 * learned from them when it found them. Nothing is sent to a drive. */
#include <stdio.h>

#include "pcie/attribute.h"
#include "pcie/config.h"
#include "pcie/drive.h"
#include "pcie/reader.h"

#define CLASS_SCSI 0x0100
#define CLASS_IDE 0x0101
#define CLASS_RAID 0x0104
#define CLASS_SATA 0x0106
#define CLASS_SAS 0x0107
#define DRIVES_MAX 200	/* of one function; each has up to three measurements */
#define PLACE_MAX 40	/* with "drive/" and "/firmware", a mkey */
#define ADVISORY HF_MEASUREMENT_ADVISORY

static bool matches(const struct hf_bus_function *function)
{
	static const uint16_t classes[] = { CLASS_SCSI, CLASS_IDE, CLASS_RAID, CLASS_SATA,
					    CLASS_SAS };
	struct hf_identity id;

	if (hf_config_header(function->config, &id) != HF_OK)
		return false;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (id.class_code >> 8 == classes[i])
			return true;
	return false;
}

struct drives {
	const struct hf_read *read;
	size_t base;	/* length of the function's own path */
	size_t count;
	char places[DRIVES_MAX][PLACE_MAX];
};

/* Which of the directories beside it that begin with prefix the one in path is: ata7 is
 * port 2 if ata5 is the function's first. -1: none is in path. */
static enum hf_err ordinal(const struct drives *d, const char *path, const char *prefix, int *ret)
{
	char parent[HF_ATTRIBUTE_PATH];
	struct hf_entries beside;
	const char *at = path + d->base;
	size_t len = strlen(prefix);
	enum hf_err err;

	*ret = -1;
	while (at && strncmp(at + 1, prefix, len) != 0)
		at = strchr(at + 1, '/');
	if (!at)
		return HF_OK;
	memcpy(parent, path, (size_t)(at - path));
	parent[at - path] = '\0';
	err = hf_entries_read(d->read->host, parent, prefix, &beside);
	for (size_t i = 0; !err && i < beside.count; i++) {
		size_t n = strlen(beside.names[i]);

		if (strncmp(at + 1, beside.names[i], n) == 0 && at[1 + n] == '/')
			*ret = (int)i;
	}
	return err;
}

/* port2 for the drive at an ATA port, port2-1:0:0 behind a port multiplier, 0:3:0 at a
 * SCSI controller, host1-0:3:0 at its second one. */
static enum hf_err place_of(const struct drives *d, const char *path, const char *address,
			    char place[static PLACE_MAX])
{
	int port = -1, host = -1, n;
	enum hf_err err = ordinal(d, path, "ata", &port);

	if (!err)
		err = ordinal(d, path, "host", &host);
	if (err)
		return err;
	if (port >= 0 && strcmp(address, "0:0:0") == 0)
		n = snprintf(place, PLACE_MAX, "port%d", port);
	else if (port >= 0)
		n = snprintf(place, PLACE_MAX, "port%d-%s", port, address);
	else if (host <= 0)
		n = snprintf(place, PLACE_MAX, "%s", address);
	else
		n = snprintf(place, PLACE_MAX, "host%d-%s", host, address);
	return n > 0 && n < PLACE_MAX ? HF_OK : HF_ERR_READ_FAILED;
}

static void key(char mkey[static HF_MKEY_MAX + 1], const char *place, const char *what)
{
	snprintf(mkey, HF_MKEY_MAX + 1, "drive/%s/%s", place, what);
}

/* ret_len 0: the kernel has no such page of this drive. */
static enum hf_err page(const struct drives *d, const char *path, const char *name,
			uint8_t buf[static HF_DRIVE_PAGE_MAX], size_t *ret_len)
{
	char file[HF_ATTRIBUTE_PATH];
	enum hf_err err;

	*ret_len = 0;
	if (!hf_path_join(file, path, name))
		return HF_ERR_READ_FAILED;
	err = hf_attribute_read(d->read->host, file, buf, HF_DRIVE_PAGE_MAX, ret_len);
	return err == HF_ERR_FILE_UNREADABLE ? HF_OK : err;
}

static enum hf_err put(const struct drives *d, const char *place, const char *what, uint32_t flags,
		       struct hf_span text)
{
	char mkey[HF_MKEY_MAX + 1];

	key(mkey, place, what);
	return hf_sink_device_text(d->read->sink, mkey, flags, text);
}

static enum hf_err ata_drive(const struct drives *d, const char *place, struct hf_span bytes)
{
	char mkey[HF_MKEY_MAX + 1];
	struct hf_drive_ata ata;
	enum hf_err err = hf_drive_ata_page(bytes, &ata);

	if (err) {
		key(mkey, place, "firmware");
		return hf_sink_failure(d->read->sink, mkey, err);
	}
	err = put(d, place, "model", ADVISORY, hf_span_text(ata.model));
	if (!err)
		err = put(d, place, "serial", ADVISORY, hf_span_text(ata.serial));
	return err ? err : put(d, place, "firmware", 0, hf_span_text(ata.firmware));
}

static enum hf_err scsi_serial(const struct drives *d, const char *path, const char *place)
{
	uint8_t buf[HF_DRIVE_PAGE_MAX];
	char mkey[HF_MKEY_MAX + 1];
	struct hf_span serial;
	size_t len;
	enum hf_err err = page(d, path, "vpd_pg80", buf, &len);

	if (!err && len == 0)
		return HF_OK;
	if (!err)
		err = hf_drive_serial_page((struct hf_span){ buf, len }, &serial);
	if (!err)
		return put(d, place, "serial", ADVISORY, serial);
	key(mkey, place, "serial");
	return hf_sink_advisory_failure(d->read->sink, mkey, err);
}

/* SPC-4 6.6.2: vendor, product and revision of the standard inquiry data. */
static enum hf_err scsi_drive(const struct drives *d, const char *path, const char *place)
{
	char text[72] = "", model[24], mkey[HF_MKEY_MAX + 1], file[HF_ATTRIBUTE_PATH];
	enum hf_err err;

	if (hf_path_join(file, path, "vendor"))
		(void)(hf_host_read_text(d->read->host, file, text, 32) == HF_OK);
	if (hf_path_join(file, path, "model") &&
	    hf_host_read_text(d->read->host, file, model, sizeof(model)) == HF_OK) {
		struct hf_span vendor = hf_trim(hf_span_text(text));

		text[vendor.len] = '\0';
		snprintf(text + vendor.len, sizeof(text) - vendor.len, "%s%s",
			 vendor.len ? " " : "", model);
	}
	err = put(d, place, "model", ADVISORY, hf_span_text(text));
	if (!err)
		err = scsi_serial(d, path, place);
	key(mkey, place, "firmware");
	return err ? err : hf_sink_attribute(d->read, mkey, 0, path, "rev");
}

static enum hf_err found(void *self, const char *path, const char *name)
{
	struct drives *d = self;
	uint8_t buf[HF_DRIVE_PAGE_MAX];
	const char *address = NULL;
	char mkey[HF_MKEY_MAX + 1], *place;
	enum hf_err err, got;
	size_t len;

	if (d->count == DRIVES_MAX)
		return HF_ERR_DEVICE_FLOODED;
	place = d->places[d->count];
	if (!hf_drive_address(name, &address))
		return HF_ERR_INTERNAL;
	err = place_of(d, path, address, place);
	if (err)
		return err;
	for (size_t i = 0; i < d->count; i++)	/* no kernel shows two in one place */
		if (strcmp(d->places[i], place) == 0)
			return HF_ERR_READ_FAILED;
	d->count++;
	got = page(d, path, "vpd_pg89", buf, &len);
	if (got) {
		key(mkey, place, "firmware");
		return hf_sink_failure(d->read->sink, mkey, got);
	}
	return len ? ata_drive(d, place, (struct hf_span){ buf, len }) : scsi_drive(d, path, place);
}

static bool is_drive(const char *name)
{
	const char *place;

	return hf_drive_address(name, &place);
}

static enum hf_err read_drives(const struct hf_read *read)
{
	/* libata; SCSI; SAS with and without expanders; Fibre Channel; iSCSI; virtio-scsi */
	static const char *const through[] = { "ata", "host", "target", "port-", "expander-",
					       "end_device-", "rport-", "session", "virtio", NULL };
	struct drives d = { .read = read };
	struct hf_walk walk = { .host = read->host, .through = through, .wanted = is_drive,
				.found = found, .self = &d };
	char base[80];

	hf_host_device_path(&read->function->address, "", base, sizeof(base));
	d.base = strlen(base);
	return hf_walk_claimed(&walk, base, read->sink, "drive");
}

const struct hf_reader hf_reader_drive = {
	.name = "drive",
	.touches = "reads vendor, model, rev, vpd_pg80, vpd_pg89 of the drives behind it",
	.proves = "Which drives are behind it, and which firmware each says it runs.",
	.mkey = "drive",
	.needs_driver = true,
	.method = HF_METHOD_VERSION,
	.matches = matches,
	.read = read_drives,
};
