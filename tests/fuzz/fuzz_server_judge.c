/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence of any bytes, of a host whose key is whichever it names: it is decided about, and nothing is
 * released by manifests that list nothing. */
#include <stdlib.h>

#include "controller/server/capped.h"
#include "controller/server/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hf_manifests manifests;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_judgement j;
	static struct hf_arena arena;
	static const uint8_t key[34] = { 0, 0xb };
	struct hf_ak ak;
	struct hf_host_record host = { .inventory = { .id = "h", .model = "m" }, .lease = "",
				       .ak_name = { key, 34 } };
	struct hf_challenge_record challenge = { .host = "h", .boot_key = { key, 32 },
						 .kind = size && data[0] & 1 ? HF_EVIDENCE_TENANT :
									       HF_EVIDENCE_GATE };
	struct hf_evidence evidence;
	struct hf_capped_facts facts;

	if (!arena.base && hf_arena_make(64u << 20, &arena))
		return 0;
	arena.len = 0;
	if (hf_evidence_from_cmw_cbor((struct hf_span){ data, size }, &evidence))
		return 0;
	if (hf_ak_parse(evidence.ak, &ak) == HF_OK)	/* else no more than the key is looked at */
		host.ak_name = (struct hf_span){ ak.name, sizeof(ak.name) };

	const struct hf_judge_input in = { .evidence = &evidence, .host = &host, .challenge = &challenge,
					   .manifests = &manifests, .client_key = challenge.boot_key, .now = 1 };
	const struct hf_capped capped = { evidence.firmware_log, evidence.log, evidence.nonce, evidence.receipt,
					  evidence.receipt_signature, evidence.ak };

	hf_judge(&in, &arena, &j);
	if (j.release != HF_RELEASE_NOTHING || j.cause == HF_OK)
		abort();
	if (hf_capped_verify(&capped, &facts) == HF_OK && !evidence.receipt.len)
		abort();
	return 0;
}
