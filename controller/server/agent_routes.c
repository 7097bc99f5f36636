/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What agents may ask. After CAP there is no boot key any more: receipts and reports of held hosts
 * stand on their quotes alone. */
#include "controller/server/controller.h"

#define POST "POST"

const struct hf_route hf_agent_routes[] = {
	{ POST, HF_WIRE_CHALLENGE, HF_ROLE_AGENT, HF_WIRE_REQUEST_MAX, hf_agent_challenge, NULL, false },
	{ POST, HF_WIRE_ENROL, HF_ROLE_AGENT, HF_WIRE_ENROL_MAX, hf_agent_enrol, NULL, false },
	{ POST, HF_WIRE_ACTIVATE, HF_ROLE_AGENT, HF_WIRE_REQUEST_MAX, hf_agent_activate, NULL, false },
	{ POST, HF_WIRE_EVIDENCE, HF_ROLE_AGENT, HF_WIRE_EVIDENCE_MAX, hf_agent_evidence, NULL, false },
	{ POST, HF_WIRE_RECEIPT, HF_ROLE_NOBODY, HF_WIRE_REQUEST_MAX, hf_agent_receipt, NULL, false },
	{ POST, HF_WIRE_HELD, HF_ROLE_NOBODY, HF_WIRE_EVIDENCE_MAX, hf_agent_held, NULL, false },
	{ .method = NULL },
};
