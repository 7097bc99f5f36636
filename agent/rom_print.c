/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rom_report.h"

#include <stdio.h>

#define COLUMNS 80

/* SHA-384 takes two lines to stay within 80 columns. */
static void print_digests(const struct hf_rom_digests *digests)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	for (size_t i = 0; i < HF_ROM_REPORT_DIGESTS; i++) {
		hf_digest_hex(&digests->list[i], hex);
		printf("    %s %.64s\n", hf_alg_name(digests->list[i].alg), hex);
		if (strlen(hex) > 64)
			printf("           %s\n", hex + 64);
	}
}

static void print_name(const char *name)
{
	for (; *name; name++)
		putchar(*name < 0x20 || *name > 0x7e ? '?' : *name);
}

/* Broken at blanks; a word that is longer than a line breaks anywhere. */
static void print_words(const char *label, const char *text)
{
	int column = printf("    %s:", label);

	while (*(text += strspn(text, " "))) {
		size_t word = strcspn(text, " ");

		if (word > (size_t)(COLUMNS - 1 - column) && word <= COLUMNS - 6)
			column = printf("\n     ") - 1;
		putchar(' ');
		column++;
		for (; word; word--, column++) {
			if (column == COLUMNS)
				column = printf("\n      ") - 1;
			putchar(*text++);
		}
	}
	putchar('\n');
}

static void print_problem(const char *label, enum hf_err err)
{
	char line[256];

	snprintf(line, sizeof(line), "%s [%s]", hf_err_sentence(err), hf_err_name(err));
	print_words(label, line);
}

static void print_program(const struct hf_efi_findings *found)
{
	struct hf_rom_digests digests;

	if (found->version[0])
		print_words("version", found->version);
	if (!found->has_program)
		return;
	if (found->program_err) {
		print_problem("program", found->program_err);
		return;
	}
	printf("    program: %llu bytes%s; its Authenticode digests:\n",
	       (unsigned long long)found->program_size, found->compressed ? " unpacked" : "");
	memcpy(digests.list, found->authenticode, sizeof(digests.list));
	print_digests(&digests);
	if (found->signer[0])
		print_words("signer", found->signer);
	if (found->signer_err)
		print_problem("signer", found->signer_err);
}

static void print_image(const char *what, size_t index, const struct hf_rom_image *image,
			const struct hf_rom_digests *digests)
{
	printf("  %s %zu: offset 0x%zx, %zu bytes, %s, %04x:%04x%s\n", what, index, image->offset,
	       image->bytes.len, hf_rom_code_name(image->code_type), image->vendor, image->device,
	       image->last ? ", last" : "");
	if (image->efi)
		printf("    EFI: subsystem 0x%x, machine 0x%04x, %s, at 0x%x\n", image->efi_subsystem,
		       image->efi_machine, image->efi_compressed ? "compressed" : "not compressed",
		       image->efi_offset);
	print_digests(digests);
}

static void print_span(const struct hf_rom_report *report, const char *what, struct hf_span span,
		       const struct hf_rom_digests *digests)
{
	printf("  %s: offset 0x%zx, %zu bytes%s\n", what, (size_t)(span.ptr - report->window.ptr),
	       span.len, hf_rom_is_blank(span) ? ", blank" : "");
	if (!hf_rom_is_blank(span))
		print_digests(digests);
}

void hf_rom_report_print(const struct hf_rom_report *report)
{
	const struct hf_rom *rom = &report->rom;

	print_name(report->name);
	printf(":\n  window: %zu bytes\n", report->window.len);
	print_digests(&report->whole);
	for (size_t i = 0; i < rom->gap_count; i++)
		print_span(report, "gap", rom->gaps[i], &report->gaps[i]);
	for (size_t i = 0; i < rom->image_count; i++) {
		print_image("image", i, &rom->images[i], &report->images[i]);
		print_program(&report->programs[i]);
	}
	if (rom->image_count && !hf_rom_is_blank(rom->tail))
		print_span(report, "tail", rom->tail, &report->tail);
	for (size_t i = 0; i < rom->unlisted_count; i++)
		print_image("unannounced", i, &rom->unlisted[i], &report->unlisted[i]);
	if (rom->unlisted_more)
		printf("  and more unannounced ones\n");
	printf("  chain: %zu image%s, %zu bytes; after it %zu other bytes, %zu of padding\n",
	       rom->image_count, rom->image_count == 1 ? "" : "s", rom->chain_len, rom->tail.len - report->padding, report->padding);
}
