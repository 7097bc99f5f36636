/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rom_report.h"

#include <jansson.h>
#include <stdio.h>

/* Takes value in any case; a failure leaves *ok false. */
static void set(json_t *object, const char *key, json_t *value, bool *ok)
{
	if (!object)
		json_decref(value);
	else if (json_object_set_new(object, key, value) == 0)
		return;
	*ok = false;
}

static json_t *digests_json(const struct hf_digest *digests, bool *ok)
{
	json_t *object = json_object();
	char hex[2 * HF_DIGEST_MAX + 1];

	for (size_t i = 0; i < HF_ROM_REPORT_DIGESTS; i++) {
		hf_digest_hex(&digests[i], hex);
		set(object, hf_alg_name(digests[i].alg), json_string(hex), ok);
	}
	return object;
}

static json_t *problem_json(enum hf_err err)
{
	return err ? json_string(hf_err_name(err)) : json_null();
}

static json_t *image_json(const struct hf_rom_image *image, const struct hf_rom_digests *digests,
			  bool *ok)
{
	char vendor[8], device[8];
	json_t *object;

	snprintf(vendor, sizeof(vendor), "%04x", image->vendor);
	snprintf(device, sizeof(device), "%04x", image->device);
	object = json_pack("{s:I,s:I,s:s,s:i,s:s,s:s,s:i,s:b}",
			   "offset", (json_int_t)image->offset,
			   "size", (json_int_t)image->bytes.len,
			   "type", hf_rom_code_name(image->code_type),
			   "code_type", image->code_type, "vendor", vendor, "device", device,
			   "revision", image->revision, "last", image->last);
	set(object, "digests", digests_json(digests->list, ok), ok);
	if (image->efi)
		set(object, "efi", json_pack("{s:i,s:i,s:b,s:i}",
					     "subsystem", image->efi_subsystem,
					     "machine", image->efi_machine,
					     "compressed", image->efi_compressed,
					     "image_offset", image->efi_offset), ok);
	return object;
}

static void add_program(json_t *image, const struct hf_efi_findings *found, bool *ok)
{
	json_t *program;

	if (found->version[0])
		set(image, "version", json_string(found->version), ok);
	if (!found->has_program)
		return;
	program = json_pack("{s:I,s:o}", "size", (json_int_t)found->program_size,
			    "problem", problem_json(found->program_err));
	if (!found->program_err) {
		set(program, "authenticode", digests_json(found->authenticode, ok), ok);
		set(program, "signer", found->signer[0] ? json_string(found->signer) : json_null(), ok);
		set(program, "signer_problem", problem_json(found->signer_err), ok);
	}
	set(image, "program", program, ok);
}

static json_t *span_json(const struct hf_rom_report *report, struct hf_span span,
			 const struct hf_rom_digests *digests, bool *ok)
{
	json_t *object = json_pack("{s:I,s:I,s:b}",
				   "offset", (json_int_t)(span.ptr - report->window.ptr),
				   "size", (json_int_t)span.len,
				   "blank", hf_rom_is_blank(span));

	set(object, "digests", digests_json(digests->list, ok), ok);
	return object;
}

static void append(json_t *array, json_t *value, bool *ok)
{
	if (!array)
		json_decref(value);
	else if (json_array_append_new(array, value) == 0)
		return;
	*ok = false;
}

static void add_lists(json_t *root, const struct hf_rom_report *report, bool *ok)
{
	json_t *images = json_array(), *gaps = json_array(), *unlisted = json_array();
	const struct hf_rom *rom = &report->rom;

	for (size_t i = 0; i < rom->image_count; i++) {
		json_t *image = image_json(&rom->images[i], &report->images[i], ok);

		add_program(image, &report->programs[i], ok);
		append(images, image, ok);
	}
	for (size_t i = 0; i < rom->gap_count; i++)
		append(gaps, span_json(report, rom->gaps[i], &report->gaps[i], ok), ok);
	for (size_t i = 0; i < rom->unlisted_count; i++)
		append(unlisted, image_json(&rom->unlisted[i], &report->unlisted[i], ok), ok);
	set(root, "images", images, ok);
	set(root, "gaps", gaps, ok);
	set(root, "unlisted", unlisted, ok);
}

char *hf_rom_report_json(const struct hf_rom_report *report)
{
	const struct hf_rom *rom = &report->rom;
	char *text, name[256] = "";
	bool ok = true;
	json_t *root;

	for (size_t i = 0; i < sizeof(name) - 1 && report->name[i]; i++)
		name[i] = (char)(report->name[i] < 0x20 || report->name[i] > 0x7e ? '?' : report->name[i]);
	root = json_pack("{s:i,s:s,s:I,s:I,s:I,s:b}", "format", 1, "file", name,
			 "size", (json_int_t)report->window.len,
			 "chain_size", (json_int_t)rom->chain_len,
			 "padding", (json_int_t)report->padding,
			 "unlisted_more", rom->unlisted_more);
	set(root, "digests", digests_json(report->whole.list, &ok), &ok);
	set(root, "problem", problem_json(rom->err), &ok);
	add_lists(root, report, &ok);
	if (rom->image_count && rom->tail.len)
		set(root, "tail", span_json(report, rom->tail, &report->tail, &ok), &ok);
	text = root && ok ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	return text;
}
