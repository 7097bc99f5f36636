/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/evidence_cmds.h: how the subcommands of `holdfastctl evidence` speak. */
#ifndef HF_CONTROLLER_EVIDENCE_CMDS_H
#define HF_CONTROLLER_EVIDENCE_CMDS_H

#include <jansson.h>

#include "manifests/verify.h"

/* What the agent said of itself in verdict.json: "held firmware-unknown", or empty. It is
 * no evidence and is only ever shown. */
void hf_evidence_own_words(const struct hf_evidence *evidence, char out[static 128]);

void hf_evidence_print_verification(const struct hf_evidence *evidence,
				    const struct hf_verification *v, uint32_t pcr, bool json);
/* Each function that signed: by which key, who stands behind it, of when it is. */
void hf_evidence_print_devices(const struct hf_verification *v, bool diagnosis);
json_t *hf_evidence_devices_json(const struct hf_verification *v, bool diagnosis);
/* What lies in transcripts.cbor, and who names it. */
void hf_evidence_print_transcripts(const struct hf_evidence *evidence, const struct hf_claims *claims,
				   struct hf_arena *arena);
/* null: it cannot be read. */
json_t *hf_evidence_transcripts_json(const struct hf_evidence *evidence, const struct hf_claims *claims,
				     struct hf_arena *arena);
/* Each as a file in dir, made if needed: PATH.measure.pcap, PATH.recheck.pcap, with '_' for '/'
 * and ':'. One that is there already stays: HF_ERR_OUTPUT_FAILED. */
enum hf_err hf_evidence_write_transcripts(const struct hf_evidence *evidence, const char *dir,
					  struct hf_arena *arena, struct hf_fault *fault) HF_MUST_USE;
/* False when the claims cannot be read. */
bool hf_evidence_print(const struct hf_evidence *evidence, struct hf_arena *arena, bool json);

#endif
