/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/log.h: TCG crypto-agile event logs (PC Client PFP 1.05, section 10): ours,
 * and any other. [pure]
 *
 * Ours is BEGIN part* END CAP in one PCR, every event EV_EVENT_TAG whose digest in
 * every bank is H(event data). Writing is a transaction, because an extend cannot be
 * undone: hf_log_reserve makes room and gives the digests to extend; the caller
 * extends; hf_log_commit makes the event part of the log. A reservation that is not
 * committed leaves the log as it was.
 */
#ifndef HF_MEASURE_LOG_H
#define HF_MEASURE_LOG_H

#include "measure/digest.h"

#define HF_LOG_MAX (60u * 1024)		/* ours: tpm2_checkquote takes less than 64 KiB */
#define HF_FIRMWARE_LOG_MAX (16u << 20)
#define HF_PCR_COUNT 24
#define HF_PCR_DEFAULT 13

enum hf_event_type {	/* PFP 1.05 table 27; only those we name */
	HF_EV_NO_ACTION = 0x3,
	HF_EV_SEPARATOR = 0x4,
	HF_EV_EVENT_TAG = 0x6,
	HF_EV_IPL = 0xd,
	HF_EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001u,
	HF_EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003u,
	HF_EV_EFI_BOOT_SERVICES_DRIVER = 0x80000004u,
	HF_EV_EFI_RUNTIME_SERVICES_DRIVER = 0x80000005u,
	HF_EV_EFI_ACTION = 0x80000007u,
	HF_EV_EFI_HANDOFF_TABLES = 0x80000009u,
	HF_EV_EFI_VARIABLE_AUTHORITY = 0x800000e0u,
};
const char *hf_event_type_name(uint32_t type);	/* "EV_SEPARATOR", or NULL */

/* taggedEventID of our events: "HFb", "HFp", "HFe", "HFc" with a version byte. */
enum hf_tag {
	HF_TAG_BEGIN = 0x48466201u,
	HF_TAG_PART = 0x48467001u,
	HF_TAG_END = 0x48466501u,
	HF_TAG_CAP = 0x48466301u,
};

struct hf_event {
	uint32_t pcr;
	uint32_t type;
	struct hf_digest digests[HF_ALG_COUNT];
	size_t digest_count;
	struct hf_span data;	/* borrowed from the log */
	size_t offset;		/* of the event in the log, for messages */
};

/* ---- reading any log ---- */
struct hf_log_reader {
	struct hf_cursor cursor;
	uint32_t alg_mask;		/* declared by the Spec ID event, known ones */
	struct { uint16_t tpm_id, size; } declared[16];
	size_t declared_count;
	bool sha1_only;			/* TCG 1.2 form */
	bool registers;			/* of a confidential guest: no PCRs (hf_log_open_any) */
	size_t end;			/* where padding begins */
	size_t index;			/* of the next event */
	enum hf_err err;
};
/* A leading Spec ID event is consumed; without one the log is read in SHA-1 form.
 * Digests of declared algorithms that we do not know are skipped. */
enum hf_err hf_log_open(struct hf_span log, struct hf_log_reader *ret) HF_MUST_USE;
/* The same, and the log of a confidential guest (ACPI table CCEL) too, whose events name
 * registers instead of PCRs: 0 is what started the guest, 1 to 4 are RTMR 0 to 3. Such a log
 * is no TPM's, so hf_log_open and hf_log_replay refuse it as HF_ERR_LOG_HEADER. */
enum hf_err hf_log_open_any(struct hf_span log, struct hf_log_reader *ret) HF_MUST_USE;
/* False at the end (reader->err == HF_OK) or on a malformed event (err says which).
 * Padding of zeros or 0xff to the end counts as the end. */
bool hf_log_next(struct hf_log_reader *reader, struct hf_event *ret);

struct hf_pcrs {	/* one bank */
	enum hf_alg alg;
	uint8_t value[HF_PCR_COUNT][HF_DIGEST_MAX];
	uint32_t extended;	/* bit per PCR that some event extended */
};
/* Replay from zero (PCRs 17-22 from ff..; a StartupLocality event, wherever it stands, sets
 * PCR 0's start; two that differ are HF_ERR_EVENT_SHAPE). EV_NO_ACTION extends nothing, nor
 * do events with a PCR beyond 23: NV indices, and what firmware pads with. */
enum hf_err hf_log_replay(struct hf_span log, enum hf_alg alg, struct hf_pcrs *ret) HF_MUST_USE;
/* A confidential guest's log: value[n] is register n, below HF_REGISTER_COUNT. */
#define HF_REGISTER_COUNT 5
enum hf_err hf_log_replay_registers(struct hf_span log, enum hf_alg alg,
				    struct hf_pcrs *ret) HF_MUST_USE;

/* ---- ours ---- */
struct hf_log {
	struct hf_writer out;		/* caller's buffer, HF_LOG_MAX of it */
	uint32_t alg_mask;		/* every allocated bank */
	uint32_t pcr;
	size_t reserved;		/* bytes of a pending event; 0: none */
	enum hf_tag pending;		/* tag of that event */
	enum { HF_LOG_EMPTY, HF_LOG_OPEN, HF_LOG_ENDED, HF_LOG_CAPPED } state;
	size_t end_room;		/* bytes kept back for END; grows with each part */
};
struct hf_log_entry { struct hf_digest digests[HF_ALG_COUNT]; size_t digest_count; };

/* Writes the Spec ID event. buf holds cap bytes; room for END and CAP is kept back.
 * Every reservation ends in commit or abandon: a second one before that is HF_ERR_INTERNAL. */
enum hf_err hf_log_start(struct hf_log *log, uint8_t *buf, size_t cap, uint32_t alg_mask,
			 uint32_t pcr) HF_MUST_USE;
/* tag decides what may come next: BEGIN first, then parts, END once, CAP once; a CAP
 * may come at any time after BEGIN or even first (a host held before BEGIN is capped too).
 * Out of order: HF_ERR_LOG_GRAMMAR. ret gets the digest for each bank. */
enum hf_err hf_log_reserve(struct hf_log *log, enum hf_tag tag, struct hf_span payload,
			   struct hf_log_entry *ret) HF_MUST_USE;
void hf_log_commit(struct hf_log *log);
void hf_log_abandon(struct hf_log *log);	/* the extend is known not to have happened */

/* Reading ours: checks Spec ID, one PCR, EV_EVENT_TAG, digest == H(data) in every bank,
 * and the grammar. visit is called for each event with its tag and payload; its error
 * stops the walk. want_cap: demand CAP as last event; else the log must stop at END
 * (anything after it: HF_ERR_LOG_AFTER_END). A log without END (a host held
 * earlier) is refused as HF_ERR_LOG_GRAMMAR; read such a log with hf_log_next. */
typedef enum hf_err (*hf_log_visit)(void *self, enum hf_tag tag, struct hf_span payload,
				    const struct hf_event *event);
enum hf_err hf_log_walk(struct hf_span log, uint32_t pcr, bool want_cap, hf_log_visit visit,
			void *self) HF_MUST_USE;

/* The PCR that a log of ours is about; HF_PCR_DEFAULT where it is none. */
uint32_t hf_log_pcr(struct hf_span log);

/* Payloads. BEGIN, END and CAP are CBOR maps with text keys (docs/evidence.md);
 * a part's is [path, SHA-384 of hf_part_encode]. */
void hf_log_part_payload(struct hf_writer *w, const char *path, const struct hf_digest *claims);
enum hf_err hf_log_part_parse(struct hf_span payload, struct hf_span *ret_path,
			      struct hf_digest *ret_claims) HF_MUST_USE;

#endif
