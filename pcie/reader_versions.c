/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_versions.c: firmware versions that drivers of Linux 6.1 show as plain text. For
 * people: each driver words them in its own way. */
#include <stdio.h>

#include "pcie/attribute.h"
#include "pcie/config.h"
#include "pcie/reader.h"

#define GPU { 0x03, 0x12 }	/* display, processing accelerator */
#define HBA { 0x01, 0x0c }	/* storage, serial bus: Fibre Channel among them */
#define MEMORY { 0x05, 0x05 }
#define SCSI_HOST "host*/scsi_host/host*/"

static const struct row {
	uint8_t classes[2];	/* base classes whose drivers show it */
	const char *mkey;
	const char *path;	/* below the function; NAME* is the first that begins so */
} rows[] = {
	{ GPU, "gpu/vbios-version", "vbios_version" },				/* amdgpu */
	{ HBA, "hba/firmware", SCSI_HOST "version_fw" },			/* mpt3sas, mpi3mr */
	{ HBA, "hba/firmware", SCSI_HOST "firmware_version" },			/* smartpqi */
	{ HBA, "hba/firmware", SCSI_HOST "firmware_revision" },			/* hpsa */
	{ HBA, "hba/firmware", SCSI_HOST "fw_version" },			/* qla2xxx */
	{ HBA, "hba/firmware", SCSI_HOST "fwrev" },				/* lpfc */
	{ HBA, "hba/boot-rom-version", SCSI_HOST "version_bios" },		/* mpt3sas */
	{ HBA, "hba/boot-rom-version", SCSI_HOST "optrom_efi_version" },	/* qla2xxx */
	{ HBA, "hba/boot-rom-version", SCSI_HOST "option_rom_version" },	/* lpfc */
	{ MEMORY, "cxl/firmware", "mem*/firmware_version" },			/* cxl_pci */
};

static bool fits(const struct row *row, const struct hf_bus_function *function)
{
	struct hf_identity id;
	uint8_t base_class;

	if (hf_config_header(function->config, &id) != HF_OK)
		return false;
	base_class = (uint8_t)(id.class_code >> 16);
	return base_class == row->classes[0] || base_class == row->classes[1];
}

static bool matches(const struct hf_bus_function *function)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fits(&rows[i], function))
			return true;
	return false;
}

/* directory grows by one name of the row's path; false: there is none such. */
static enum hf_err descend(const struct hf_host *host, char directory[static HF_ATTRIBUTE_PATH],
			   const char *name, size_t len, bool *ret_there)
{
	char step[HF_ENTRY_MAX + 1], parent[HF_ATTRIBUTE_PATH];
	struct hf_entries entries;
	enum hf_err err;

	snprintf(step, sizeof(step), "%.*s", (int)len, name);
	memcpy(parent, directory, HF_ATTRIBUTE_PATH);
	if (step[len - 1] != '*') {
		*ret_there = hf_path_join(directory, parent, step);
		return HF_OK;
	}
	step[len - 1] = '\0';
	err = hf_entries_read(host, parent, step, &entries);
	*ret_there = !err && entries.count > 0 && hf_path_join(directory, parent, entries.names[0]);
	return err;
}

static enum hf_err read_row(const struct hf_read *read, const struct row *row, bool *ret_there)
{
	char directory[HF_ATTRIBUTE_PATH], file[HF_ATTRIBUTE_PATH];
	const char *name = row->path, *slash;
	enum hf_err err = HF_OK;
	bool there = true;

	*ret_there = false;
	hf_host_device_path(&read->function->address, "", directory, sizeof(directory));
	for (; !err && there && (slash = strchr(name, '/')) != NULL; name = slash + 1)
		err = descend(read->host, directory, name, (size_t)(slash - name), &there);
	if (err)
		return hf_sink_advisory_failure(read->sink, row->mkey, err);
	if (!there || !hf_path_join(file, directory, name) || !hf_host_exists(read->host, file))
		return HF_OK;
	*ret_there = true;
	return hf_sink_attribute(read, row->mkey, HF_MEASUREMENT_ADVISORY, directory, name);
}

static enum hf_err read_versions(const struct hf_read *read)
{
	const char *done = NULL;	/* of one mkey, whose rows follow each other, the first counts */
	enum hf_err err = HF_OK;

	for (size_t i = 0; !err && i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool there;

		if (!fits(&rows[i], read->function) || (done && strcmp(done, rows[i].mkey) == 0))
			continue;
		err = read_row(read, &rows[i], &there);
		if (there)
			done = rows[i].mkey;
	}
	return err;
}

const struct hf_reader hf_reader_versions = {
	.name = "versions",
	.touches = "reads text that drivers show: vbios_version, version_fw, fwrev, ...",
	.proves = "Which firmware a GPU, host bus adapter or CXL memory says it runs.",
	.mkey = "versions",
	.needs_driver = true,
	.method = HF_METHOD_VERSION,
	.matches = matches,
	.read = read_versions,
};
