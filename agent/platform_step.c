/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Said by whoever started the command in an initramfs: a fact that weakens what the report
 * proves and strengthens nothing, so it needs no proof itself. */
#include "agent/platform_facts.h"

#define MODULES_MAX ((size_t)1 << 20)

bool hf_platform_step_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= 32 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Drivers that are part of the kernel are not counted: what they hold shows at each function. */
static enum hf_err count_modules(struct hf_facts *f, size_t *ret)
{
	size_t mark = f->claims->arena->len, count = 0;
	struct hf_span text;
	enum hf_err err = hf_facts_proc(f, "modules", MODULES_MAX, &text);

	if (err)
		return err;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '\n';
	f->claims->arena->len = mark;
	*ret = count;
	return HF_OK;
}

enum hf_err hf_platform_step(const struct hf_host *host, const char *name,
			     struct hf_claims *claims, struct hf_part *part)
{
	struct hf_facts f = { .host = host, .claims = claims, .procfs = "/proc", .part = part };
	size_t modules = 0;

	hf_facts_format(&f, "initramfs-step", HF_ADVISORY, "%s", name);
	if (f.err || !host->live)	/* a capture's modules are not those that were there */
		return f.err;
	if (count_modules(&f, &modules))
		hf_facts_missing(&f, "initramfs-step/modules", HF_ADVISORY, HF_ERR_READ_FAILED);
	else
		hf_facts_number(&f, "initramfs-step/modules", HF_ADVISORY, modules);
	return f.err;
}
