/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/readers.h: THE TABLE of firmware readers, and the loop that runs them.
 *
 * A reader is one file and one line in readers.c. It streams what it reads into the
 * sink; it never hashes, judges or logs. Everything a reader says lands in the claims,
 * failures included: there is no way to leave a gap.
 */
#ifndef HF_PCIE_READERS_H
#define HF_PCIE_READERS_H

#include "pcie/enumerate.h"

struct hf_spdm_seed;
struct hf_sink;	/* where a reader's findings go: claims of one function */
/* Begin a measurement of streamed bytes; every byte goes through hf_sink_bytes before
 * anything parses it; hf_sink_end hashes what came (SHA-256 and SHA-384). If it was not
 * all of it, partial says why: then the measurement is that failure, and what came is
 * hashed beside it as "MKEY/partial", advisory. */
enum hf_err hf_sink_begin(struct hf_sink *sink, const char *mkey, enum hf_method method,
			  uint32_t flags) HF_MUST_USE;
/* Bytes that already lie at hf_sink_room are not copied. HF_ERR_LIMIT past HF_ROM_MAX. */
enum hf_err hf_sink_bytes(struct hf_sink *sink, struct hf_span bytes) HF_MUST_USE;
uint8_t *hf_sink_room(struct hf_sink *sink, size_t *ret_cap);
enum hf_err hf_sink_end(struct hf_sink *sink, enum hf_err partial) HF_MUST_USE;
/* After begin and before the first byte: bytes are hashed as they come and none is kept, up
 * to HF_STREAM_MAX; hf_sink_window is then empty. For what is larger than a ROM may be. */
#define HF_STREAM_MAX (64u << 20)
enum hf_err hf_sink_stream(struct hf_sink *sink) HF_MUST_USE;
uint64_t hf_sink_streamed(const struct hf_sink *sink);	/* bytes since then */
/* The bytes since hf_sink_begin, valid until the next begin: for parsing after hashing. */
struct hf_span hf_sink_window(const struct hf_sink *sink);
/* One more measurement over bytes inside that window, or in the room behind it that a reader
 * filled since; the window stays as it is. */
enum hf_err hf_sink_part(struct hf_sink *sink, const char *mkey, enum hf_method method,
			 uint32_t flags, struct hf_span part) HF_MUST_USE;
/* A measurement whose digests (SHA-256 and SHA-384, of size bytes) were made elsewhere. */
enum hf_err hf_sink_digests(struct hf_sink *sink, const char *mkey, enum hf_method method,
			    uint32_t flags, const struct hf_digest *digests, size_t count,
			    uint64_t size) HF_MUST_USE;
/* hf_efi_image_examine (pcie/efi_image.h) of an image inside the window, in a process of its
 * own: HF_ERR_TIMED_OUT, HF_ERR_READER_DIED, and what keeps a process from starting. */
struct hf_rom_image;
struct hf_efi_findings;
enum hf_err hf_sink_examine(struct hf_sink *sink, struct hf_span image,
			    const struct hf_rom_image *header,
			    struct hf_efi_findings *ret) HF_MUST_USE;
enum hf_err hf_sink_text(struct hf_sink *sink, const char *mkey, enum hf_method method,
			 uint32_t flags, const char *text) HF_MUST_USE;
enum hf_err hf_sink_number(struct hf_sink *sink, const char *mkey, enum hf_method method,
			   uint32_t flags, uint64_t number) HF_MUST_USE;
/* What lies beside the claims: its digests are the measurement, advisory. */
enum hf_err hf_sink_attach(struct hf_sink *sink, const char *mkey, struct hf_span bytes) HF_MUST_USE;
/* Where the findings go, for what makes claims by itself. */
void hf_sink_target(struct hf_sink *sink, struct hf_claims **ret_claims, struct hf_part **ret_part,
		    struct hf_function **ret_function);
/* Keep raw bytes in the claims themselves (small things: configuration space). */
enum hf_err hf_sink_keep(struct hf_sink *sink, const char *mkey, enum hf_method method,
			 uint32_t flags, struct hf_span bytes) HF_MUST_USE;
enum hf_err hf_sink_failure(struct hf_sink *sink, const char *mkey, enum hf_err cause) HF_MUST_USE;

struct hf_read_options {
	bool rom_bound;		/* live: read ROMs of devices that a driver is using (--rom=all) */
	bool no_rom;		/* --rom=none: the claim says not-measured */
	bool drivers_only;	/* only readers that need a driver, for what was measured before */
	bool rom_sizing;	/* live: ask a ROM's register for its size by writing to it (the gate) */
	const char *memory;	/* physical memory, for the rest of a ROM; NULL: "/dev/mem" */
	bool mailbox;		/* live: ask through DOE mailboxes, which are written to */
	bool vfio;		/* and through vfio-pci, bound for that time, where the kernel refuses */
	const struct hf_spdm_seed *seed;	/* of the nonces; NULL: random ones */
};
struct hf_read {
	const struct hf_host *host;
	const struct hf_bus_function *function;
	const struct hf_read_options *options;
	struct hf_sink *sink;
};
struct hf_reader {
	const char *name;	/* "rom" */
	const char *touches;	/* which kernel files or registers, read or written */
	const char *proves;	/* one sentence */
	const char *mkey;	/* what fails if it hangs or dies; NULL: "firmware" */
	bool needs_driver;
	enum hf_method method;
	bool (*matches)(const struct hf_bus_function *function);
	/* Runs in a worker and may take for ever. An error that is the device's becomes a
	 * claim inside; only running out of memory or limits comes back. */
	enum hf_err (*read)(const struct hf_read *read);
};
extern const struct hf_reader *const hf_readers[];	/* NULL-terminated */

/* Run every matching reader over every function of claims (made by hf_topology), in
 * workers. A function whose reader hangs, dies or floods keeps what config says, and has
 * that failure in place of the rest; the others lose nothing by it. progress may be NULL;
 * it is called as each function's answer comes in, in no order. */
typedef void (*hf_measure_progress)(void *self, const struct hf_part *part, size_t index, size_t count);
enum hf_err hf_measure(const struct hf_host *host, const struct hf_bus *bus,
		       const struct hf_read_options *options, struct hf_claims *claims,
		       hf_measure_progress progress, void *self) HF_MUST_USE;

/* Compare two passes as claims: identity and every measurement that is not advisory.
 * Calls differ for each difference; either measurement may be NULL (appeared, gone),
 * and both NULL for a part or function that appeared or went (text says which). [pure] */
typedef void (*hf_claims_differ)(void *self, const struct hf_part *part,
				 const struct hf_function *function,
				 const struct hf_measurement *before,
				 const struct hf_measurement *after, const char *what);
size_t hf_claims_compare(const struct hf_claims *before, const struct hf_claims *after,
			 hf_claims_differ differ, void *self);

#endif
