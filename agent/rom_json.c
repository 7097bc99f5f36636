/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rom_report.h"

#include <jansson.h>
#include <stdio.h>

static json_t *digests_json(const struct hf_digest digests[static HF_ROM_REPORT_DIGESTS])
{
	json_t *object = json_object();
	char hex[2 * HF_DIGEST_MAX + 1];

	for (size_t i = 0; i < HF_ROM_REPORT_DIGESTS; i++) {
		hf_digest_hex(&digests[i], hex);
		if (json_object_set_new(object, hf_alg_name(digests[i].alg), json_string(hex)) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *image_json(const struct hf_rom_image *image, const struct hf_digest *digests)
{
	char vendor[8], device[8];
	json_t *object;

	snprintf(vendor, sizeof(vendor), "%04x", image->vendor);
	snprintf(device, sizeof(device), "%04x", image->device);
	object = json_pack("{s:I,s:I,s:s,s:i,s:s,s:s,s:b,s:o}",
			   "offset", (json_int_t)image->offset,
			   "size", (json_int_t)image->bytes.len,
			   "type", hf_rom_code_name(image->code_type),
			   "code_type", image->code_type,
			   "vendor", vendor, "device", device, "last", image->last,
			   "digests", digests_json(digests));
	if (!object || !image->efi)
		return object;
	if (json_object_set_new(object, "efi",
				json_pack("{s:i,s:i,s:b,s:i}",
					  "subsystem", image->efi_subsystem,
					  "machine", image->efi_machine,
					  "compressed", image->efi_compressed,
					  "image_offset", image->efi_offset)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

char *hf_rom_report_json(const struct hf_rom_report *report)
{
	json_t *images = json_array();
	json_t *root;
	char *text, name[256] = "";

	for (size_t i = 0; i < report->rom.image_count; i++)
		if (json_array_append_new(images, image_json(&report->rom.images[i],
							     report->images[i])) != 0)
			goto fail;
	for (size_t i = 0; i < sizeof(name) - 1 && report->name[i]; i++)
		name[i] = (char)(report->name[i] < 0x20 || report->name[i] > 0x7e ? '?' : report->name[i]);
	root = json_pack("{s:i,s:s,s:I,s:o,s:o,s:I,s:I,s:s?}", "format", 1,
			 "file", name,
			 "size", (json_int_t)report->size,
			 "digests", digests_json(report->window),
			 "images", images,
			 "chain_size", (json_int_t)report->rom.chain_len,
			 "padding", (json_int_t)report->padding,
			 "problem", report->rom.err ? hf_err_name(report->rom.err) : NULL);
	if (!root)
		return NULL;	/* json_pack has taken images in any case */
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
fail:
	json_decref(images);
	return NULL;
}
