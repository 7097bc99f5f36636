/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/spdm_work.h: what holdfast spdm does in children, each for hf_pool_run with one job:
 * look at the function, talk to the device, and tell what was said. What touches a device
 * does not make the report; what makes it can do nothing else. */
#ifndef HF_AGENT_SPDM_WORK_H
#define HF_AGENT_SPDM_WORK_H

#include <stdatomic.h>

#include "manifests/trust.h"
#include "pcie/host.h"
#include "pcie/spdm_ask.h"
#include "pcie/worker.h"

enum hf_spdm_way { HF_SPDM_BY_MAILBOX, HF_SPDM_BY_TCP, HF_SPDM_BY_FILE, HF_SPDM_BY_REPORT };

/* Shared between parent and child, so that a child that hangs or dies leaves what there was
 * of the transcript. The parent believes neither word. */
struct hf_spdm_shared {
	_Atomic uint32_t len;
	uint8_t bytes[HF_SPDM_TRANSCRIPT_MAX];
};
struct hf_spdm_work {
	const char *source;		/* as given, for people */
	enum hf_spdm_way way;
	const char *address;		/* HOST:PORT, or a file's name */
	enum hf_spdm_framing framing;
	struct hf_address function;
	struct hf_host host;		/* HF_SPDM_BY_MAILBOX */
	bool vfio;
	int slot;			/* -1: any */
	unsigned total_ms;
	struct hf_spdm_shared *shared;

	/* for the report */
	struct hf_span file, chain;	/* a transcript or report; PEM */
	const struct hf_trust *trust;	/* NULL: no anchors */
	int64_t now;
	bool json;
	bool has_identity;		/* of the function */
	struct hf_identity identity;
	const char *by;			/* "config", "vfio-pci", "tcp", "file", "report" */
	enum hf_err ended;		/* how the conversation ended, where it was had here */
};
/* Configuration space: the answer is struct hf_identity. */
enum hf_err hf_spdm_probe(void *self, size_t index, struct hf_writer *w);
/* The conversation, into shared. */
struct hf_spdm_talked {
	uint32_t cause;
	uint8_t vfio;		/* it went by vfio-pci */
	char detail[192];
};
enum hf_err hf_spdm_speak(void *self, size_t index, struct hf_writer *w);
/* The report, from file. In a sandbox: no descriptor, no rights, hardly a system call; what
 * that needs of libraries, hf_spdm_tell_warm has them make before. */
struct hf_spdm_told {	/* then the words, which may be none */
	uint32_t cause;
	char detail[192];
};
#define HF_SPDM_WORDS_MAX (4u << 20)
enum hf_err hf_spdm_tell_warm(void) HF_MUST_USE;
enum hf_err hf_spdm_tell(void *self, size_t index, struct hf_writer *w);

#endif
