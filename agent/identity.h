/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/identity.h: what an inventory needs of a host, and what enrolment will show of it. */
#ifndef HF_AGENT_IDENTITY_H
#define HF_AGENT_IDENTITY_H

#include "agent/tpm.h"
#include "measure/credential.h"

struct hf_identity_view {
	struct hf_tpm_words tpm;
	uint32_t banks;
	const char *vendor, *product, *serial;	/* by SMBIOS; "" where not known */
	const char *id, *model;			/* as given; NULL */
	struct hf_span ak;			/* TPMT_PUBLIC */
	struct hf_ak ak_key;
	struct hf_tpm_ek eks[HF_TPM_EKS_MAX];
	struct hf_ek ids[HF_TPM_EKS_MAX];
	size_t count;
};
/* "sha256+sha384", as inventories name them; out holds 64. */
void hf_identity_banks(uint32_t banks, char out[static 64]);
void hf_identity_print(const struct hf_identity_view *view);
/* A header line and the host's line, as holdfastctl host import takes them. */
void hf_identity_csv(const struct hf_identity_view *view);
char *hf_identity_json(const struct hf_identity_view *view);	/* to be freed; NULL: no memory */

#endif
