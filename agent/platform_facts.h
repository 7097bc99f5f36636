/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/platform_facts.h: what the files agent/platform*.c and driver_firmware.c share;
 * nobody else includes it. Each call adds one measurement to the host part; after the first
 * error none does anything. */
#ifndef HF_AGENT_PLATFORM_FACTS_H
#define HF_AGENT_PLATFORM_FACTS_H

#include "agent/platform.h"

#define HF_ADVISORY HF_MEASUREMENT_ADVISORY

struct hf_facts {
	const struct hf_host *host;
	const char *procfs;	/* directory */
	struct hf_claims *claims;
	struct hf_part *part;
	enum hf_err err;	/* the first; later steps do nothing */
};

/* Text that is not printable ASCII is kept as bytes, cut at what a measurement holds. */
void hf_facts_text(struct hf_facts *f, const char *mkey, uint32_t flags, struct hf_span text);
void hf_facts_format(struct hf_facts *f, const char *mkey, uint32_t flags, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void hf_facts_number(struct hf_facts *f, const char *mkey, uint32_t flags, uint64_t number);
/* SHA-256 and SHA-384, method bytes, advisory. */
void hf_facts_digest(struct hf_facts *f, const char *mkey, struct hf_span bytes);
/* The same of a file without its first skip bytes, which keeps no memory. What keeps it from
 * being read, or a file shorter than that, comes back, and there is no measurement then. */
enum hf_err hf_facts_digest_file(struct hf_facts *f, const char *mkey, int dirfd, const char *path,
				 size_t limit, size_t skip) HF_MUST_USE;
/* A fact that is not there: of a capture, which never claimed to hold it, not-measured; of a
 * live host read-failed, or kernel-refused where cause is that. */
void hf_facts_missing(struct hf_facts *f, const char *mkey, uint32_t flags, enum hf_err cause);
void hf_facts_failure(struct hf_facts *f, const char *mkey, uint32_t flags, enum hf_err cause);
/* A text file below /sys. */
void hf_facts_file(struct hf_facts *f, const char *mkey, uint32_t flags, const char *path);
/* All of a file below the proc directory, into the arena. */
enum hf_err hf_facts_proc(struct hf_facts *f, const char *name, size_t limit,
			  struct hf_span *ret) HF_MUST_USE;

/* Names in a directory below /sys, sorted, without those that begin with a dot; free each
 * and the list. Negative: not readable. */
struct dirent;
int hf_facts_list(const struct hf_facts *f, const char *path, struct dirent ***ret);

void hf_facts_smbios(struct hf_facts *f);	/* platform_smbios.c */
void hf_facts_acpi(struct hf_facts *f);		/* platform_firmware.c */
void hf_facts_secure_boot(struct hf_facts *f);
void hf_facts_processors(struct hf_facts *f);	/* platform_cpu.c */

#endif
