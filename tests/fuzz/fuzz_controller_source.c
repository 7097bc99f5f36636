/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a JSON source: what is accepted prints as a source that means the same,
 * and lint has an opinion about it. */
#include "controller/manifest_cmds.h"
#include "controller/source.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void listen(void *self, bool error, size_t file, const char *text)
{
	(void)file;
	*(size_t *)self += error + strlen(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[8u << 20];
	struct hf_arena arena = { .base = memory, .cap = sizeof(memory) };
	static struct hf_manifests out, again;
	struct hf_fault fault;
	char *text, *second;
	size_t sum = 0;

	out = again = (struct hf_manifests){ .arena = &arena };
	if (hf_source_parse((struct hf_span){ data, size }, "fuzz.json", &out, &fault)) {
		if (out.components || out.models || out.images || arena.len)
			abort();
		return 0;
	}
	text = hf_source_format(&out);
	if (!text || hf_source_parse(hf_span_text(text), "again.json", &again, &fault))
		abort();
	second = hf_source_format(&again);
	if (!second || strcmp(text, second) != 0)
		abort();
	hf_lint(&out, NULL, listen, &sum);
	free(text);
	free(second);
	return 0;
}
