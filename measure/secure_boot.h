/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/secure_boot.h: Secure Boot's state and keys as the firmware logged them in PCR 7.
 * PC Client PFP 1.06, section 3.3.4.8; UEFI 2.10, section 32.4.1. [pure]
 *
 * Types of events are not hashed, so none is believed: an event of PCR 7 counts by its data,
 * and only if its digest is the digest of these data. What stands before the separator is
 * state and keys, and all of it must be so bound, or the log does not say what the firmware
 * measured; what stands behind it is authorities, and anybody may have extended that.
 * Whoever decides by this must know that the log replays to the quoted PCR 7, in that bank.
 */
#ifndef HF_MEASURE_SECURE_BOOT_H
#define HF_MEASURE_SECURE_BOOT_H

#include "measure/event.h"

#define HF_AUTHORITIES_MAX 32
#define HF_SIGNATURES_MAX 8192	/* entries of one variable */

enum hf_secure_boot_state {
	HF_SECURE_BOOT_ABSENT,		/* the log says nothing of it */
	HF_SECURE_BOOT_OFF,
	HF_SECURE_BOOT_ON,
	HF_SECURE_BOOT_AMBIGUOUS,	/* cause says why; no value below may decide */
};
const char *hf_secure_boot_state_name(enum hf_secure_boot_state state);

enum hf_secure_boot_key { HF_KEY_PK, HF_KEY_KEK, HF_KEY_DB, HF_KEY_DBX, HF_KEY_DBT, HF_KEY_DBR };
#define HF_KEY_COUNT 6
const char *hf_secure_boot_key_name(enum hf_secure_boot_key key);	/* "PK" */

struct hf_secure_boot_variable {
	bool measured;			/* false: the log does not name it */
	struct hf_span content;		/* signature lists; empty: the variable is not set */
	struct hf_digest sha256;	/* of content */
};
struct hf_authority {			/* what let something start */
	size_t event;			/* its number, as hf_log_reader counts */
	struct hf_event_variable variable;
	struct hf_span content;		/* often owner GUID and certificate */
	struct hf_digest sha256;	/* of content */
};
struct hf_secure_boot {
	enum hf_secure_boot_state state;
	enum hf_err cause;		/* of AMBIGUOUS: see hf_secure_boot_from_log */
	size_t event;			/* the number of the event at fault */
	struct hf_secure_boot_variable keys[HF_KEY_COUNT];
	struct hf_authority authorities[HF_AUTHORITIES_MAX];
	size_t authority_count;
	bool more_authorities;		/* than are listed */
	size_t unbound_count;		/* events behind the separator that say nothing */
	bool debug_mode;		/* firmware says that a debugger may have been used */
	bool dma_protection_off;	/* firmware says that devices could write to memory */
};
/* An error only where the log itself cannot be read, or has no such bank. Else HF_OK; the
 * state is AMBIGUOUS with the cause
 *   HF_ERR_LOG_DIGEST	before the separator something is not bound by its digest
 *   HF_ERR_EVENT_SHAPE	a value of SecureBoot other than 0 or 1, or a separator that says error
 *   HF_ERR_DUPLICATE_NAME	a variable with two different contents, or one that was
 *				measured behind the separator
 *   HF_ERR_LOG_GRAMMAR	no separator ends the list
 */
enum hf_err hf_secure_boot_from_log(struct hf_span log, enum hf_alg alg,
				    struct hf_secure_boot *ret) HF_MUST_USE;

/* ---- EFI_SIGNATURE_LISTs ---- */
struct hf_signature {
	const uint8_t *type, *owner;	/* GUIDs */
	struct hf_span data;		/* a certificate, a digest, ... */
};
struct hf_signature_reader {
	struct hf_cursor lists, list;
	const uint8_t *type;
	size_t size, count;		/* of one entry with its owner; entries read */
	enum hf_err err;
};
struct hf_signature_reader hf_signatures_at(struct hf_span content);
/* False at the end (err is HF_OK), or where the lists are malformed (HF_ERR_EVENT_SHAPE) or
 * too long (HF_ERR_LIMIT). */
bool hf_signature_next(struct hf_signature_reader *reader, struct hf_signature *ret);

#endif
