/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/claim.h: what was found: parts, their functions, their measurements.
 *
 * A part is a thing that can be pulled out (a card with its functions, a drive, the
 * board); the pseudo part "host" holds the facts about the host itself (what the hold
 * could and could not do, command line, processors). Each function and each part
 * carries measurements; a measurement that could not be made is there too, with its
 * cause. Everything lives in the arena given to hf_claims_init. [pure]
 *
 * The canonical CBOR of one part is what the log's event digests (SHA-384 of it, with
 * the path) and what lies in claims.cbor.
 */
#ifndef HF_MEASURE_CLAIM_H
#define HF_MEASURE_CLAIM_H

#include "measure/arena.h"
#include "measure/cbor.h"
#include "measure/digest.h"

#define HF_PARTS_MAX 2048
#define HF_FUNCTIONS_MAX 16384
#define HF_MEASUREMENTS_MAX 131072
#define HF_MKEY_SLOT "slot"	/* of a part: the label of the slot that it sits in, as text */
/* Of a function, as text: firmware that waits in the device and takes over at its next reset.
 * Its presence alone is a refusal (firmware-pending). */
#define HF_MKEY_PENDING "firmware/pending"
/* Whether only a bound driver gives this measurement ("nvme/firmware"): by the beginning of
 * its name. Until then nobody can say that it is missing. */
bool hf_mkey_needs_driver(const char *mkey);
#define HF_LIST_MAX 1024	/* measurements of one function, or of a part as a whole */
#define HF_PATH_MAX 120		/* bytes, without the NUL */
#define HF_MKEY_MAX 64
#define HF_TEXT_MAX 4096
#define HF_BYTES_MAX 65536
#define HF_PART_CBOR_MAX (4u << 20)	/* bytes of one encoded part */

/* How a measurement was made, weakest first. */
enum hf_method {
	HF_METHOD_NONE,		/* not measured: the cause says why */
	HF_METHOD_IDENTITY,	/* config space says what it is */
	HF_METHOD_VERSION,	/* the device says its version */
	HF_METHOD_BYTES,	/* we read and hashed the bytes */
	HF_METHOD_UNBOUND,	/* signed (SPDM), by a key that nothing ties to this very device */
	HF_METHOD_SIGNED,	/* the device signed it (SPDM), and its certificate names it */
};
#define HF_METHODS (HF_METHOD_SIGNED + 1)
const char *hf_method_name(enum hf_method method);	/* "none", ..., "signed-unbound", "signed" */
/* The numbers of the formats, which are not the order: signed-unbound came later, as 5.
 * _from_number: false for a number that is no method. */
uint8_t hf_method_number(enum hf_method method);
bool hf_method_from_number(uint64_t number, enum hf_method *ret);

enum hf_part_kind { HF_PART_HOST, HF_PART_BOARD, HF_PART_CARD };
const char *hf_part_kind_name(enum hf_part_kind kind);

struct hf_address {	/* a place on the bus of this boot: for people, never for judging */
	uint32_t domain;
	uint8_t bus, device, function;
};
static inline bool hf_address_equal(const struct hf_address *a, const struct hf_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}
#define HF_ADDRESS_TEXT 20
void hf_address_format(const struct hf_address *address, char out[static HF_ADDRESS_TEXT]);
/* domain:bus:device.function in full, hexadecimal: "0000:03:00.0". */
bool hf_address_parse(const char *text, struct hf_address *ret);

struct hf_identity {	/* PCI identity as config space gives it; judged */
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class_code;	/* 24 bits: base, sub, programming interface */
	uint8_t revision;
	uint8_t header_type;	/* low 7 bits */
	bool has_serial;
	uint64_t serial;	/* PCIe device serial number */
};

/* Whether a function's path is that of a virtual function (SR-IOV): it ends in "/vfN". */
bool hf_path_is_virtual(const char *path);

enum hf_value_kind {
	HF_VALUE_FAILURE,	/* not measured; cause says why */
	HF_VALUE_DIGESTS,
	HF_VALUE_TEXT,
	HF_VALUE_NUMBER,
	HF_VALUE_BYTES,
};

#define HF_MEASUREMENT_CODE 1u		/* bytes that run somewhere: coverage applies */
#define HF_MEASUREMENT_ADVISORY 2u	/* recorded, compared by people, never a reason to hold */
#define HF_MEASUREMENT_FLAGS 3u

#define HF_MEASUREMENT_DIGESTS 2

struct hf_measurement {
	struct hf_measurement *next;
	const char *mkey;	/* "option-rom/window", "option-rom/0", "config", ... */
	enum hf_method method;
	uint32_t flags;
	enum hf_value_kind kind;
	enum hf_err cause;	/* HF_VALUE_FAILURE only; also set beside a value that is partial */
	struct hf_digest digests[HF_MEASUREMENT_DIGESTS];
	size_t digest_count;
	uint64_t size;		/* HF_VALUE_DIGESTS: bytes hashed */
	const char *text;
	uint64_t number;
	struct hf_span bytes;
};

struct hf_function {
	struct hf_function *next;
	struct hf_address address;
	const char *path;	/* stable: root bus, then device.function per hop: "pci0000:00/1c.0/00.0" */
	struct hf_identity identity;
	const char *driver;	/* bound when first seen, or NULL */
	struct hf_measurement *measurements;
	struct hf_measurement **measurements_end;
};

struct hf_part {
	struct hf_part *next;
	enum hf_part_kind kind;
	const char *path;	/* path of its first function without ".function"; "board"; "host" */
	struct hf_function *functions;
	struct hf_function **functions_end;
	size_t function_count;
	struct hf_measurement *measurements;	/* of the part as a whole */
	struct hf_measurement **measurements_end;
};

/* What is too large for the claims and lies beside them: a measurement holds its digest. */
struct hf_attachment {
	struct hf_attachment *next;
	const char *path;	/* of the function that it comes from */
	struct hf_digest sha384;
	struct hf_span bytes;
};
#define HF_ATTACHMENT_MAX (1u << 20)	/* bytes of one */

struct hf_claims {
	struct hf_arena *arena;	/* borrowed; holds everything below */
	struct hf_attachment *attachments;	/* in no encoding of a part */
	struct hf_attachment **attachments_end;
	struct hf_part *parts;
	struct hf_part **parts_end;
	size_t part_count, function_count, measurement_count;
};

void hf_claims_init(struct hf_claims *claims, struct hf_arena *arena);
/* Each returns NULL when a limit is reached (HF_ERR_LIMIT is then the cause), and also
 * when a path or mkey is not 1..MAX printable ASCII characters without blanks or when
 * the list already has this mkey; text is copied. A new measurement is a failure
 * (not-measured) until a value is set. */
struct hf_part *hf_claims_add_part(struct hf_claims *claims, enum hf_part_kind kind, const char *path);
struct hf_function *hf_claims_add_function(struct hf_claims *claims, struct hf_part *part,
					   const struct hf_address *address, const char *path);
/* function may be NULL: a measurement of the part as a whole. */
struct hf_measurement *hf_claims_add_measurement(struct hf_claims *claims, struct hf_part *part,
						 struct hf_function *function, const char *mkey,
						 enum hf_method method, uint32_t flags);
/* The last entry with this path: a part that was measured again, after its driver was
 * bound, has a later entry, which takes the place of the earlier one for judging. */
struct hf_part *hf_claims_find_part(const struct hf_claims *claims, const char *path);
bool hf_part_superseded(const struct hf_part *part);	/* a later entry has the same path */
/* A new entry for a part: functions and measurements as in part, and those of more (the same
 * part, measured in another way), which wins where both have one. Not yet in claims' list;
 * text and bytes are shared. NULL: a limit, or more has functions that part has not. */
struct hf_part *hf_part_join(struct hf_claims *claims, const struct hf_part *part,
			     const struct hf_part *more);
/* Puts it there: a part that hf_part_join made, or that was taken out of other claims. */
enum hf_err hf_claims_append_part(struct hf_claims *claims, struct hf_part *part) HF_MUST_USE;
struct hf_measurement *hf_measurement_find(struct hf_measurement *list, const char *mkey);
/* Setters of a value: copy into the arena, set kind, clear cause (set a cause afterwards
 * for a value that is partial). Text that is not printable UTF-8 is kept as bytes, so a
 * device cannot avoid being recorded; longer than HF_TEXT_MAX or HF_BYTES_MAX: HF_ERR_LIMIT. */
enum hf_err hf_measurement_set_text(struct hf_claims *claims, struct hf_measurement *m,
				    const char *text) HF_MUST_USE;
enum hf_err hf_measurement_set_bytes(struct hf_claims *claims, struct hf_measurement *m,
				     struct hf_span bytes) HF_MUST_USE;
void hf_measurement_set_number(struct hf_measurement *m, uint64_t number);
/* As hf_hasher_final gave them; at most HF_MEASUREMENT_DIGESTS of SHA-256, 384, 512. */
enum hf_err hf_measurement_set_digests(struct hf_measurement *m, const struct hf_digest *digests,
				       size_t count, uint64_t size) HF_MUST_USE;
/* Also sets the method to HF_METHOD_NONE. */
void hf_measurement_set_failure(struct hf_measurement *m, enum hf_err cause);
/* Kind, method, cause and value alike (size, digests, text, bytes); flags and mkey too. */
bool hf_measurement_equal(const struct hf_measurement *a, const struct hf_measurement *b);

/* A copy of bytes, hashed here. HF_ERR_LIMIT: larger than HF_ATTACHMENT_MAX, or no room. */
enum hf_err hf_claims_attach(struct hf_claims *claims, const char *path, struct hf_span bytes,
			     struct hf_attachment **ret) HF_MUST_USE;
/* NULL: there is none with this SHA-384. */
const struct hf_attachment *hf_claims_attachment(const struct hf_claims *claims,
						 const struct hf_digest *sha384);

/* The strongest method with which any measurement of code, identity or version succeeded
 * in full; bytes that are no code (configuration, VPD) do not count. */
enum hf_method hf_part_method(const struct hf_part *part);

/* Canonical CBOR of one part (docs/evidence.md gives the CDDL). A part that breaks a limit
 * or an enum's range makes w full. */
void hf_part_encode(const struct hf_part *part, struct hf_writer *w);
/* Appends one part to claims. Strict: hf_part_encode of the result gives the same bytes.
 * On failure claims and its arena are as before. */
enum hf_err hf_part_decode(struct hf_claims *claims, struct hf_span cbor) HF_MUST_USE;
/* claims.cbor: an array of bstr, one per part in log order. */
void hf_claims_encode(const struct hf_claims *claims, struct hf_writer *w);
enum hf_err hf_claims_decode(struct hf_claims *claims, struct hf_span cbor) HF_MUST_USE;

#endif
