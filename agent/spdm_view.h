/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/spdm_view.h: one SPDM conversation as holdfast spdm shows it, wherever it came from:
 * look it over once, then print it for people or as JSON. */
#ifndef HF_AGENT_SPDM_VIEW_H
#define HF_AGENT_SPDM_VIEW_H

#include <stdio.h>

#include "manifests/trust.h"
#include "pcie/device_chain.h"
#include "pcie/spdm.h"

struct hf_spdm_slot_view {
	size_t certificates;
	bool has_root;
	enum hf_device_binding binding;
	char san[HF_SAN_MAX];
	const char *anchor;	/* its name, or NULL */
	enum hf_err trust;	/* HF_OK without an anchor: nobody looked */
	struct hf_dice dice;
};
struct hf_spdm_view {
	/* set by whoever had the conversation */
	const char *source;		/* as it was given */
	const char *way;		/* "config", "vfio-pci", "tcp", "file", "report" */
	bool fresh;			/* the nonces were made for it */
	const struct hf_spdm *s;
	enum hf_err result;		/* how it ended */
	const struct hf_identity *identity;	/* of the function, or NULL: not known */
	const struct hf_trust *trust;		/* NULL: no anchors were given */
	int64_t now;

	/* made by hf_spdm_look */
	struct hf_spdm_slot_view slots[HF_SPDM_SLOTS];
	size_t blocks_signed;
	enum hf_err cause;		/* what has to be said of it as a whole */
	int cause_slot;			/* whose it is, or -1 */
};
void hf_spdm_look(struct hf_spdm_view *view);
enum hf_exit hf_spdm_exit(enum hf_err cause);
void hf_spdm_print(const struct hf_spdm_view *view, FILE *out);
char *hf_spdm_json(const struct hf_spdm_view *view);	/* NULL: no memory; free it */
/* What the JSON library opens at its first use, before nothing can be opened any more. */
enum hf_err hf_spdm_json_warm(void) HF_MUST_USE;

/* A measurement's value for people, cut to fit. */
#define HF_SPDM_VALUE_TEXT 80
void hf_spdm_value_text(const struct hf_spdm_block *block, char out[static HF_SPDM_VALUE_TEXT]);
const char *hf_spdm_content_name(enum hf_spdm_content content);
/* The name of capability i (from 0) as words; NULL past the last. *ret_mask, *ret_value: which
 * flags have to read what. */
const char *hf_spdm_capability(size_t i, uint32_t *ret_mask, uint32_t *ret_value);

#endif
