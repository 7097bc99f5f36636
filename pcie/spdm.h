/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm.h: one SPDM conversation (DMTF DSP0274, 1.0 to 1.4) as the sequence of its
 * messages: what it has shown, and whether the signatures in it hold. [no I/O, no clock]
 *
 * The requester that talks to a device and the verifier that reads a file feed the same
 * function, one request and its answer at a time. Nothing here believes the requester:
 * version, algorithms, slots, offsets and nonces are taken from the messages themselves.
 * Everything lives in the arena given to hf_spdm_open (HF_SPDM_ARENA is enough; a fuller one
 * ends in HF_ERR_LIMIT), but for parsed chains: hf_spdm_close.
 *
 * What a signature covers, as DSP0274 says and libspdm does it:
 *  - CHALLENGE_AUTH: VERSION to ALGORITHMS, every answered GET_DIGESTS and GET_CERTIFICATE since
 *    the last CHALLENGE_AUTH or GET_DIGESTS, and itself. GET_MEASUREMENTS before the first
 *    CHALLENGE_AUTH makes what was asked for it void.
 *  - MEASUREMENTS: (1.2 and later) VERSION to ALGORITHMS, every answered GET_MEASUREMENTS since
 *    the last signed one, and itself. Any other request, and any ERROR to GET_MEASUREMENTS but
 *    not-ready and large-response, empties that: blocks that came before stay uncovered.
 *  - Not in either: ERROR, RESPOND_IF_READY, CHUNK_GET and chunks, padding.
 * All signed measurements of one conversation are by one slot. A value that differs from what
 * the same index showed before is HF_ERR_SPDM_CHANGED; only when a signed answer said that it
 * changed, asking for all (or the count) again begins anew. After HF_SPDM_SAID_RESYNCH and
 * GET_VERSION everything is void but the limits and the nonces that are used up.
 * Causes: HF_ERR_SPDM_SHAPE, _VERSION, _ALGORITHM, _SIGNATURE, _CHANGED and HF_ERR_DEVICE_CHAIN
 * speak of the device, HF_ERR_SPDM_NONCE and HF_ERR_TRANSCRIPT_SHAPE of whoever asked.
 */
#ifndef HF_PCIE_SPDM_H
#define HF_PCIE_SPDM_H

#include "measure/arena.h"
#include "measure/digest.h"
#include "measure/err.h"

#define HF_SPDM_SLOTS 8
#define HF_SPDM_INDEX_MAX 0xfe		/* of a measurement block; 1 to this */
#define HF_SPDM_MESSAGE_MAX (1u << 17)	/* bytes of one message, put together from chunks too */
#define HF_SPDM_CHAIN_MAX 65535u	/* bytes of one slot's chain with its header */
#define HF_SPDM_TRANSCRIPT_MAX (1u << 20)	/* bytes of all messages of one conversation */
#define HF_SPDM_EXCHANGES_MAX 2048
#define HF_SPDM_ARENA (3u << 20)	/* bytes that any conversation fits in */
#define HF_SPDM_NONCE 32

enum hf_spdm_code {	/* requests; an answer's code is the request's less 0x80 */
	HF_SPDM_GET_DIGESTS = 0x81, HF_SPDM_GET_CERTIFICATE = 0x82, HF_SPDM_CHALLENGE = 0x83,
	HF_SPDM_GET_VERSION = 0x84, HF_SPDM_CHUNK_GET = 0x86, HF_SPDM_GET_MEASUREMENTS = 0xe0,
	HF_SPDM_GET_CAPABILITIES = 0xe1, HF_SPDM_NEGOTIATE_ALGORITHMS = 0xe3,
	HF_SPDM_RESPOND_IF_READY = 0xff,
	HF_SPDM_ERROR = 0x7f,	/* an answer */
};
enum hf_spdm_error {	/* param1 of ERROR */
	HF_SPDM_ERROR_INVALID_REQUEST = 0x01, HF_SPDM_ERROR_BUSY = 0x03,
	HF_SPDM_ERROR_UNEXPECTED = 0x04, HF_SPDM_ERROR_UNSPECIFIED = 0x05,
	HF_SPDM_ERROR_UNSUPPORTED = 0x07, HF_SPDM_ERROR_LARGE_RESPONSE = 0x0f,
	HF_SPDM_ERROR_VERSION_MISMATCH = 0x41, HF_SPDM_ERROR_NOT_READY = 0x42,
	HF_SPDM_ERROR_REQUEST_RESYNCH = 0x43,
};
enum hf_spdm_capability {	/* flags of CAPABILITIES, the responder's */
	HF_SPDM_CAP_CERT = 1u << 1, HF_SPDM_CAP_CHAL = 1u << 2, HF_SPDM_CAP_MEAS = 3u << 3,
	HF_SPDM_CAP_MEAS_UNSIGNED = 1u << 3, HF_SPDM_CAP_MEAS_SIGNED = 2u << 3,
	HF_SPDM_CAP_CHUNK = 1u << 17, HF_SPDM_CAP_ALIAS_CERT = 1u << 18,
};

/* Nonces that a verifier can compute again, so that no answer can be older than the seed.
 * nonce(n) = SHA-256("holdfast-spdm" 00 | pass | u8 len, challenge | boot_id | path 00 | u32be n) */
enum hf_spdm_pass { HF_SPDM_PASS_MEASURE = 1, HF_SPDM_PASS_RECHECK = 2 };
struct hf_spdm_seed {
	struct hf_span challenge;	/* what the quote answers; empty: none yet; at most 64 */
	uint8_t boot_id[32];		/* SHA-256 of the boot key's SubjectPublicKeyInfo */
	enum hf_spdm_pass pass;
};
/* n: how many different nonces were used for this function in this pass before. */
enum hf_err hf_spdm_nonce(const struct hf_spdm_seed *seed, const char *path, uint32_t n,
			  uint8_t ret[static HF_SPDM_NONCE]) HF_MUST_USE;

struct hf_device_chain;		/* pcie/device_chain.h */
struct hf_spdm_slot {
	bool provisioned;		/* DIGESTS says so */
	struct hf_span digest;		/* from DIGESTS; empty: none */
	struct hf_span chain;		/* the whole blob with its header; empty: not read (in full) */
	struct hf_span root_hash;	/* of its header, by the negotiated algorithm */
	struct hf_span certificates;	/* DER, root first, where the root is there at all */
	struct hf_device_chain *parsed;	/* NULL: not read or cause */
	enum hf_err cause;		/* HF_OK: read, whole, consistent (hf_device_chain_parse) */
	bool challenged;		/* CHALLENGE_AUTH with this slot verified */
	enum hf_err challenge_cause;	/* HF_OK with challenged false: not asked */
};
struct hf_spdm_block {		/* one measurement; value borrowed from the arena */
	bool there;
	uint8_t type;		/* DMTFSpecMeasurementValueType with bit 7: a raw stream */
	struct hf_span value;
	bool is_signed;		/* in a MEASUREMENTS answer whose signature verified */
	bool is_covered;	/* unsigned itself, and a later signature covers it (L1) */
};
#define HF_SPDM_TYPE_RAW 0x80u
enum hf_spdm_type {	/* low 7 bits */
	HF_SPDM_TYPE_ROM = 0, HF_SPDM_TYPE_FIRMWARE = 1, HF_SPDM_TYPE_HARDWARE_CONFIG = 2,
	HF_SPDM_TYPE_FIRMWARE_CONFIG = 3, HF_SPDM_TYPE_MANIFEST = 4, HF_SPDM_TYPE_DEVICE_MODE = 5,
	HF_SPDM_TYPE_VERSION = 6, HF_SPDM_TYPE_SVN = 7, HF_SPDM_TYPE_HASH_EXTEND = 8,
	HF_SPDM_TYPE_INFORMATION = 9, HF_SPDM_TYPE_STRUCTURED_MANIFEST = 10,
};
enum hf_spdm_content { HF_SPDM_CONTENT_UNKNOWN, HF_SPDM_CONTENT_CHANGED, HF_SPDM_CONTENT_SAME };

enum hf_spdm_event {	/* what the last pair was, for the requester's next step */
	HF_SPDM_NOTHING,
	HF_SPDM_ANSWERED,	/* the request is done */
	HF_SPDM_SAID_BUSY,	/* send the same bytes again */
	HF_SPDM_SAID_NOT_READY,	/* wait not_ready_us, then RESPOND_IF_READY with not_ready_token */
	HF_SPDM_SAID_LARGE,	/* CHUNK_GET with chunk_handle, chunk_number */
	HF_SPDM_SAID_RESYNCH,	/* everything is void: GET_VERSION */
	HF_SPDM_SAID_ERROR,	/* error_code, error_data: this request has no answer */
};

struct hf_spdm_inside;		/* transcripts, what is under way */
struct hf_spdm {
	/* negotiated, in the field's own encoding; 0: not yet */
	uint8_t version;		/* 0x10 to 0x14 */
	uint16_t versions[32];		/* as VERSION lists them */
	size_t version_count;
	uint32_t capabilities;		/* the responder's flags */
	uint8_t ct_exponent;
	uint32_t data_transfer_size, message_size_max;	/* the responder's; 0 before 1.2 */
	uint32_t asym, hash;		/* BaseAsymSel, BaseHashSel: one bit */
	uint32_t measurement_hash;	/* MeasurementHashAlgo: one bit; 0: no measurements */
	enum hf_alg hash_alg, measurement_alg;	/* 0 where there is none or raw only */

	uint8_t slot_mask;		/* provisioned */
	struct hf_spdm_slot slots[HF_SPDM_SLOTS];
	struct hf_spdm_block blocks[HF_SPDM_INDEX_MAX + 1];	/* by index */
	size_t block_count;
	uint8_t total;			/* how many the device says that it has; 0: not asked */
	bool counted;			/* and signed, or showed all at once and signed that */
	int measured_slot;		/* whose key signed the measurements; -1: nobody's */
	enum hf_spdm_content content;
	bool negotiation_signed;	/* a signature that verified covers version to algorithms */
	size_t signatures;		/* that verified */
	uint32_t nonces;		/* different ones in the requests so far */

	enum hf_spdm_event event;
	uint8_t error_code, error_data;
	uint32_t not_ready_us;
	uint8_t not_ready_token, not_ready_code;
	uint8_t chunk_handle;
	uint32_t chunk_number;
	/* after CERTIFICATE: the offset that comes next, and what is left of the chain */
	uint32_t certificate_next, certificate_left;
	struct hf_spdm_inside *inside;
};

struct hf_spdm_options {
	struct hf_arena *arena;
	bool padded;		/* messages may have up to 3 bytes behind their end (DOE) */
	/* Each nonce in a request has to be the next of these, else HF_ERR_SPDM_NONCE; the same
	 * may be sent again until it is answered. seed NULL: any. Both are borrowed until close;
	 * path: of the function, needed with a seed. */
	const struct hf_spdm_seed *seed;
	const char *path;
};
enum hf_err hf_spdm_open(const struct hf_spdm_options *options, struct hf_spdm *ret) HF_MUST_USE;
void hf_spdm_close(struct hf_spdm *s);	/* parsed chains and keys; the spans stay */
/* One request and its answer, in order, in buffers that may be used again afterwards. A bad signature, a malformed answer, an answer to
 * something else is the end of the conversation: the cause, and the same one ever after.
 * ERROR answers are events, not failures. A slot whose chain is bad has its cause in the slot,
 * and nothing signed by it verifies (HF_ERR_DEVICE_CHAIN). */
enum hf_err hf_spdm_take(struct hf_spdm *s, struct hf_span request, struct hf_span response) HF_MUST_USE;

/* Words: "1.2"; "ecdsa-p384", "rsassa-3072", "rsapss-2048", "ed25519"; "sha-384"; "raw" for a
 * measurement hash of raw only. "unknown" for no single known bit. */
void hf_spdm_version_text(uint8_t version, char out[static 8]);
const char *hf_spdm_asym_name(uint32_t asym);
const char *hf_spdm_hash_name(uint32_t hash);
const char *hf_spdm_measurement_hash_name(uint32_t hash);
const char *hf_spdm_type_name(uint8_t type);	/* "immutable ROM", "mutable firmware", ... */
const char *hf_spdm_error_name(uint8_t code);	/* "busy", "unexpected request", ... */

/* ---- a saved conversation: pcap (LINKTYPE 292, DMTF PCI_DOE; each packet one DOE object,
 * requests and answers in turn), which the DMTF's own spdm_dump reads too ---- */

/* Bytes for a file's beginning, and for one message of it with its DOE header. Packets
 * carry no time: one conversation, one file. w full: too large. */
void hf_transcript_begin(struct hf_writer *w);
void hf_transcript_add(struct hf_writer *w, struct hf_span message);
/* Feeds every SPDM pair to s; discovery and other objects are passed over.
 * HF_ERR_TRANSCRIPT_SHAPE, or what hf_spdm_take said. Strict about lengths; a file of another
 * maker may have times in it, either byte order, and microseconds or nanoseconds. Its last
 * message may be a request that got no answer; nowhere else may two requests follow each other. */
enum hf_err hf_transcript_replay(struct hf_span file, struct hf_spdm *s) HF_MUST_USE;

/* A report: GET_MEASUREMENTS and its signed answer, one behind the other, without the rest of
 * the conversation (1.0 and 1.1, whose signature covers these two alone; NVIDIA's tools write
 * it), checked by the leaf of chain. hash: 0: that of the key's size. s: opened, and nothing
 * taken. HF_OK: chain is s' own now (slots[].parsed), until hf_spdm_close; else it stays the
 * caller's. Which hash measured is not in a report: measurement_hash is 0. */
enum hf_err hf_spdm_take_report(struct hf_spdm *s, struct hf_span report,
				struct hf_device_chain *chain, uint32_t hash) HF_MUST_USE;

#endif
