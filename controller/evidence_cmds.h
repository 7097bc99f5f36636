/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/evidence_cmds.h: how the subcommands of `holdfastctl evidence` speak. */
#ifndef HF_CONTROLLER_EVIDENCE_CMDS_H
#define HF_CONTROLLER_EVIDENCE_CMDS_H

#include "manifests/verify.h"

/* What the agent said of itself in verdict.json: "held firmware-unknown", or empty. It is
 * no evidence and is only ever shown. */
void hf_evidence_own_words(const struct hf_evidence *evidence, char out[static 128]);

void hf_evidence_print_verification(const struct hf_evidence *evidence,
				    const struct hf_verification *v, uint32_t pcr, bool json);
/* False when the claims cannot be read. */
bool hf_evidence_print(const struct hf_evidence *evidence, struct hf_arena *arena, bool json);

#endif
