/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_child.h: a conversation with a device in a child that can do nothing else: no
 * descriptor but the mailbox's and its socket, no capability, few system calls
 * (pcie/sandbox.h). Certificates and answers are hostile bytes. [edge: processes] */
#ifndef HF_PCIE_SPDM_CHILD_H
#define HF_PCIE_SPDM_CHILD_H

#include "measure/claim.h"
#include "pcie/doe.h"

#define HF_SPDM_CHILD_SECONDS 60	/* in all; who hangs costs its parent less (pcie/worker.h) */

struct hf_spdm_talk {
	const struct hf_mailbox *mailbox;	/* open */
	struct hf_doe doe;			/* the one of its mailboxes that speaks SPDM */
	const struct hf_identity *identity;
	const struct hf_spdm_plan *plan;	/* path: of the function; progress is not called */
};
/* Claims of a part with the plan's path and no functions into claims, and the transcript, both
 * in their arena; empty: too long. The device's failures are claims; HF_ERR_READER_DIED: the
 * child was led astray, or ended; HF_ERR_TIMED_OUT; HF_ERR_NO_MEMORY, HF_ERR_INTERNAL. Its
 * signs of progress are the caller's. */
enum hf_err hf_spdm_talk(const struct hf_spdm_talk *talk, struct hf_claims *claims,
			 struct hf_span *ret_transcript) HF_MUST_USE;

#endif
