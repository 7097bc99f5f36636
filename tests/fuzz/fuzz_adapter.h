/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes through one vendor's adapter, past the signature: what is refused leaves nothing,
 * what is accepted has names, a device in scope's words and references within limits. The
 * first byte chooses between the whole file and the payload alone. */
#ifndef HF_TESTS_FUZZ_ADAPTER_H
#define HF_TESTS_FUZZ_ADAPTER_H

#include <stdlib.h>

#include "manifests/adapters/adapters.h"

static void fuzz_check(const struct hf_manifests *out)
{
	for (const struct hf_component *c = out->components; c; c = c->next) {
		if (!hf_name_valid(c->name) || !c->releases)
			abort();
		for (const struct hf_release *r = c->releases; r; r = r->next) {
			if (!hf_name_valid(r->name) || !r->environments)
				abort();
			for (const struct hf_reference *f = r->environments->references; f; f = f->next)
				if (strlen(f->mkey) > HF_MKEY_MAX ||
				    (f->digest_count != 0) + (f->raw.len != 0) + (f->text != NULL) != 1)
					abort();
		}
	}
}

static int fuzz_adapter(const struct hf_adapter *adapter, const uint8_t *data, size_t size)
{
	static uint8_t memory[4u << 20];
	static struct hf_key *key;
	struct hf_arena arena = { .base = memory, .cap = sizeof(memory) };
	struct hf_scope scope = { .set = true, .has_device = true, .vendor = 0x15b3,
				  .device = 0x1021, .adapter = adapter };
	static struct hf_manifests out;
	struct hf_dialect d = { .out = &out, .now = 1800000000, .anchor = "maker", .scope = &scope };
	struct hf_manifests_mark mark;
	struct hf_cose cose;

	if (!key && hf_key_generate(HF_COSE_ES512, &key))
		abort();
	if (size == 0)
		return 0;
	out = (struct hf_manifests){ .arena = &arena };
	mark = hf_manifests_mark(&out);
	d.end = &out.components;
	cose.payload = (struct hf_span){ data + 1, size - 1 };
	if (data[0] & 1) {
		if (adapter->open(cose.payload, key, &cose))
			return 0;
		(void)!adapter->headers(&cose, 1800000000);
	}
	if (adapter->decode(&d, cose.payload))
		hf_manifests_rollback(&out, &mark);
	else if (!out.components)
		abort();
	if (out.components && hf_dialect_merge(&out, &mark))
		abort();
	fuzz_check(&out);
	return 0;
}

#endif
