/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/measure_host.h: one pass over a host for the live commands: open, host facts,
 * enumerate, group, measure. What it finds lives in one arena of its own. */
#ifndef HF_AGENT_MEASURE_HOST_H
#define HF_AGENT_MEASURE_HOST_H

#include "measure/claim.h"
#include "pcie/host.h"
#include "pcie/readers.h"

#define HF_SURVEY_ARENA ((size_t)512 << 20)	/* bytes; only touched pages are real */

enum hf_rom_wish { HF_ROM_WISH_AUTO, HF_ROM_WISH_ALL, HF_ROM_WISH_NONE };
/* "auto", "all", "none"; NULL: auto. */
bool hf_rom_wish_parse(const char *text, enum hf_rom_wish *ret) HF_MUST_USE;

/* "1" to "60"; NULL: HF_DEVICE_SECONDS. In milliseconds. */
bool hf_device_patience_parse(const char *text, unsigned *ret_ms) HF_MUST_USE;
#define HF_DEVICE_PATIENCE_USAGE "--device-seconds is 1 to 60"
#define HF_STEP_USAGE "--initramfs-step is 1 to 32 of a-z, 0-9 and '-'"

struct hf_survey {
	struct hf_arena arena;
	struct hf_host host;
	struct hf_bus bus;
	struct hf_claims claims;
	struct hf_part *host_part;
	bool rom_skipped;	/* live, and nobody said whether ROMs are to be read: none was */
};
struct hf_survey_options {
	enum hf_rom_wish wish;
	unsigned device_ms;
	bool mailbox;		/* live: ask DOE mailboxes, which are written to */
	bool vfio;		/* and by vfio-pci, whose modules are loaded, where the kernel refuses */
	const char *step;	/* NULL, or the initramfs step that runs this: see agent/platform.h */
	const struct hf_spdm_seed *seed;	/* of nonces; NULL: random ones */
	const char *tell;	/* the command that says on stderr how far it is; NULL: quiet */
};
/* sysfs NULL: the live host. ROMs by wish: all; none; auto: all of a captured tree, none
 * of a live host, because enabling a ROM writes to its device. Drop it in any case. */
enum hf_err hf_survey_read(const char *sysfs, const struct hf_survey_options *options,
			   struct hf_survey *ret, struct hf_fault *fault) HF_MUST_USE;
/* The same, and no mailbox is asked. */
enum hf_err hf_survey_make(const char *sysfs, enum hf_rom_wish wish, unsigned device_ms,
			   struct hf_survey *ret, struct hf_fault *fault) HF_MUST_USE;
void hf_survey_drop(struct hf_survey *survey);
/* On stderr: that no ROM of this live host was read, and how to have them read. */
void hf_survey_hint(const struct hf_survey *survey, const char *command);

/* That a step of an initramfs ran this, and what that is worth; nothing where none did. */
void hf_survey_step_print(const char *step, struct hf_writer *w);

/* The first function that should have answered and did not: its cause, and its path in
 * ret_path. HF_OK when every device could be read. */
enum hf_err hf_survey_unread(const struct hf_claims *claims, const char **ret_path);

/* Text that a report function wrote, to stdout. */
typedef void (*hf_survey_print)(void *self, struct hf_writer *w);
enum hf_err hf_survey_output(hf_survey_print print, void *self, struct hf_fault *fault) HF_MUST_USE;

#endif
