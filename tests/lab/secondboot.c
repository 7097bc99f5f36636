/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second boot option: an EFI application that says it was started. After a crash of
 * the gate it must never be. */
typedef unsigned short char16;
struct text_output {
	void *reset;
	unsigned long(__attribute__((ms_abi)) *output)(struct text_output *self, char16 *text);
};
struct system_table {
	char header[24];
	char16 *vendor;
	unsigned revision;
	void *in_handle, *in, *out_handle;
	struct text_output *out;
};

static char16 marker[] = {'S', 'E', 'C', 'O', 'N', 'D', '-', 'B', 'O', 'O', 'T', '-', 'S',
			  'T', 'A', 'R', 'T', 'E', 'D', '\r', '\n', 0};

unsigned long __attribute__((ms_abi)) efi_main(void *image, struct system_table *table);
unsigned long __attribute__((ms_abi)) efi_main(void *image, struct system_table *table)
{
	(void)image;
	table->out->output(table->out, marker);
	for (;;)
		;
}
