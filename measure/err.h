/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/err.h: one code per cause, for errors and for refusals alike.
 *
 * Every way in which a host can be kept, a file refused or a command fail has exactly
 * one entry in measure/causes.def: a number that is never reused, a name for machines
 * (kebab case, stable), a class for the right pager, the exit code, one sentence and
 * the next step. Pure code returns the code alone; the edge where the device or file
 * is known fills a struct hf_fault once.
 */
#ifndef HF_MEASURE_ERR_H
#define HF_MEASURE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_MUST_USE __attribute__((warn_unused_result))

enum hf_err {
	HF_OK = 0,
#define HF_CAUSE(symbol, number, name, class, exit, sentence, next) HF_ERR_##symbol = (number),
#include "measure/causes.def"
#undef HF_CAUSE
};

/* Who has to act: the security team, the firmware team, the data-centre floor, whoever
 * owns the device's path, whoever owns keys, manifests and services. */
enum hf_class {
	HF_CLASS_SUSPECT,	/* bytes unknown or changed */
	HF_CLASS_UPDATE,	/* known, old */
	HF_CLASS_PARTS,		/* missing, moved, extra */
	HF_CLASS_UNREADABLE,	/* a device, file or reply could not be read */
	HF_CLASS_SETUP,		/* no TPM, no manifest, wrong key, expired */
};

/* Exit codes of every program. Frozen. */
enum hf_exit {
	HF_EXIT_OK = 0,		/* released or affirmed */
	HF_EXIT_INTERNAL = 1,
	HF_EXIT_USAGE = 2,
	HF_EXIT_REFUSED = 3,	/* judged and refused */
	HF_EXIT_DEVICE = 4,	/* a device could not be read */
	HF_EXIT_TPM = 5,
	HF_EXIT_CONTROLLER = 6,
};

/* All of these are total: an unknown code yields "internal-error" and its row. */
const char *hf_err_name(enum hf_err err);
const char *hf_err_sentence(enum hf_err err);
const char *hf_err_next_step(enum hf_err err);
enum hf_class hf_err_class(enum hf_err err);
enum hf_exit hf_err_exit(enum hf_err err);
const char *hf_class_name(enum hf_class class);	/* "suspect", "update", ... */

/* Walk the table (docs and tests): returns false past the end. */
bool hf_err_at(size_t index, enum hf_err *ret);
/* Name back to code; HF_ERR_INTERNAL when there is none. */
enum hf_err hf_err_from_name(const char *name);

/* What an edge knows about a failure. All text is NUL-terminated and printable. */
struct hf_fault {
	enum hf_err err;
	char where[128];	/* part path, device address or file name; may be empty */
	char detail[192];	/* the value at fault; may be empty */
	int sys_errno;		/* 0: none */
	uint32_t tpm_rc;	/* 0: none */
};

/* Fill *fault and return err, so that edges can write `return hf_fail(f, ERR, ...)`.
 * where may be NULL; non-printable bytes in the formatted text become '?'. */
enum hf_err hf_fail(struct hf_fault *fault, enum hf_err err, const char *where,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same, and remembers errno. */
enum hf_err hf_fail_errno(struct hf_fault *fault, enum hf_err err, int sys_errno,
			  const char *where);
/* "where: sentence (detail) [name]" then "next: ..." on a second line; at most cap bytes. */
void hf_fault_format(const struct hf_fault *fault, char *out, size_t cap);

#endif
