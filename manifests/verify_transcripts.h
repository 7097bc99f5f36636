/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/verify_transcripts.h: what devices signed, against what the claims say of it.
 *
 * Each transcript is replayed with the nonces of this boot and this challenge, and the claims
 * are made from it again: they have to be equal. Nobody's word counts for anything here, the
 * gate's included. [pure]
 */
#ifndef HF_MANIFESTS_VERIFY_TRANSCRIPTS_H
#define HF_MANIFESTS_VERIFY_TRANSCRIPTS_H

#include "manifests/appraise.h"
#include "measure/transcripts.h"
#include "pcie/spdm.h"

/* The pseudo part in which the gate records what it was answered when it asked again:
 * "transcript-N" = "PATH sha384:HEX". */
#define HF_SPDM_NOTE "spdm"
#define HF_SPDM_NOTE_KEY "transcript-"
#define HF_SPDM_NOTE_TEXT (HF_PATH_MAX + sizeof(" sha384:") + 2 * 48)
void hf_spdm_note_text(const char *path, const struct hf_digest *sha384,
		       char out[static HF_SPDM_NOTE_TEXT]);
/* False: not of that shape. ret_path: HF_PATH_MAX + 1 bytes. */
bool hf_spdm_note_parse(const char *text, char *ret_path, struct hf_digest *ret_sha384);

#define HF_TRANSCRIPT_REPLAYS_MAX 8	/* of one function: each costs all its signatures */

struct hf_signer {	/* a function with a transcript, for people; by its last claims */
	struct hf_signer *next;
	const char *path;
	const struct hf_function *shown;	/* the claims against which it was replayed */
	struct hf_digest transcript;	/* its SHA-384 */
	struct hf_digest again;		/* of the recheck; alg 0 with has_again false */
	bool has_again;
	unsigned replays;		/* of its transcripts so far */
	enum hf_err result;		/* what the conversation ended with */
	char version[8];		/* "1.2"; "" before that was agreed */
	const char *algorithm, *hash;	/* "ecdsa-p384", "sha-384" */
	int slot;			/* whose key signed the measurements; -1: none */
	size_t signatures, blocks;	/* that verified; that it has shown */
	enum hf_method method;		/* the strongest of its claims here */
	char subject[128], serial[48];	/* of the leaf whose key signed; "" none */
	bool judged;
	enum hf_err trust;		/* HF_OK: anchor stands behind it */
	const char *anchor;
};

/* Whom to ask about the certificates of a transcript, and the answer: set where the check of
 * the transcript itself ended well. */
struct hf_device_question {
	const struct hf_trust *trust;
	const struct hf_manifests *manifests;	/* or NULL */
	int64_t now;
	enum hf_err cause;		/* of the replay, or as hf_device_trust_of says */
	const struct hf_anchor *anchor;	/* HF_OK: that one */
};
/* One transcript: replayed with these nonces, the claims that name it made again, and then
 * the question answered. signer and ret_detail may be NULL. seed NULL: any nonces. */
enum hf_err hf_transcript_check(const struct hf_function *function, struct hf_span file,
				const struct hf_spdm_seed *seed, struct hf_arena *arena,
				struct hf_device_question *question, struct hf_signer *signer,
				char *ret_detail, size_t cap) HF_MUST_USE;

struct hf_transcripts {
	/* in */
	const struct hf_claims *claims;
	struct hf_span file;		/* transcripts.cbor */
	struct hf_span challenge;	/* what the quote answers */
	uint8_t boot_id[32];		/* zeros: BEGIN names no boot key */
	bool diagnosis;			/* holdfast attest: asked once, with the challenge at hand */
	const struct hf_trust *trust;	/* NULL: none */
	const struct hf_manifests *manifests;	/* whose revocations take keys back */
	int64_t now;
	struct hf_arena *arena;
	/* out */
	struct hf_attachment *list;	/* path: of the function that names it */
	struct hf_signer *signers;
	struct hf_device_trust *devices;	/* for the appraisal */
	char detail[120];
};
/* Every transcript that claims or the gate's note name. HF_ERR_TRANSCRIPT_MISSING, _DIFFERS,
 * _SHAPE, HF_ERR_SPDM_NONCE, HF_ERR_LIMIT, or the encoding's. */
enum hf_err hf_transcripts_replay(struct hf_transcripts *t) HF_MUST_USE;
/* After it and after the appraisal: none is there that nobody names, and each that signed was
 * asked again; but for what the verdict isolates (NULL: nothing), and by a host that was held. */
enum hf_err hf_transcripts_complete(struct hf_transcripts *t, const struct hf_verdict *verdict,
				    bool held) HF_MUST_USE;

#endif
