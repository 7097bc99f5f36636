/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Product data pages of drives, and the names of their directories. */
#include <stdlib.h>

#include "pcie/drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span page = { data, size }, serial;
	struct hf_drive_ata ata;
	char name[64];
	const char *place = NULL;

	if (hf_drive_ata_page(page, &ata) == HF_OK &&
	    (size < 572 || ata.serial[20] || ata.firmware[8] || ata.model[40]))
		abort();
	if (hf_drive_serial_page(page, &serial) == HF_OK &&
	    (serial.ptr != data + (serial.len ? 4 : 0) && serial.len))
		abort();
	if (size < sizeof(name)) {
		memcpy(name, data, size);
		name[size] = '\0';
		if (hf_drive_address(name, &place) &&
		    (place <= name || place >= name + size || place[-1] != ':'))
			abort();
	}
	return 0;
}
