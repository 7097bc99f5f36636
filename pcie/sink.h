/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/sink.h: the sink's inside, for sink.c and readers.c. Readers see readers.h only.
 * make -> (aim -> a reader's calls)* -> drop. */
#ifndef HF_PCIE_SINK_H
#define HF_PCIE_SINK_H

#include "pcie/parser.h"
#include "pcie/readers.h"

#define HF_SINK_KNOWN 8		/* ranges of the window whose digests are at hand */

struct hf_sink {
	struct hf_claims *claims;
	struct hf_part *part;
	struct hf_function *function;
	struct hf_hasher *hasher;
	uint8_t *window;	/* HF_ROM_MAX bytes, lazily backed; the parser's too */
	struct hf_parser parser;
	size_t len;
	bool open;		/* between begin and end */
	bool streaming;		/* hashed as they come, not kept */
	bool unfinished;	/* the hasher has bytes of a measurement that was given up */
	uint64_t streamed;
	char mkey[HF_MKEY_MAX + 1];
	enum hf_method method;
	uint32_t flags;
	struct {
		struct hf_span part;
		const struct hf_measurement *m;
	} known[HF_SINK_KNOWN];
	size_t known_count;
};

enum hf_err hf_sink_make(struct hf_claims *claims, struct hf_sink *ret) HF_MUST_USE;
void hf_sink_drop(struct hf_sink *sink);
void hf_sink_aim(struct hf_sink *sink, struct hf_part *part, struct hf_function *function);

#endif
