/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/release.h: give the host to its tenant. Nothing is decided here; prepare comes
 * while the host can still be held with nothing said, start when everything is.
 * [edge: kernel] */
#ifndef HF_AGENT_RELEASE_H
#define HF_AGENT_RELEASE_H

#include "agent/tenant.h"

const char *hf_release_name(enum hf_tenant_kind kind);	/* "kexec", "switch-root", "next-boot", "exit" */
/* For a root image: modules, loop device over the sealed memory, read-only mount. */
enum hf_err hf_release_prepare(struct hf_tenant *tenant, struct hf_fault *fault) HF_MUST_USE;
/* The files of a directory as a cpio archive with its folders, and the tenant's secret (empty:
 * there is none) for root's eyes alone; appended behind the initrd. No copy of the secret stays
 * but the one in there. */
enum hf_err hf_release_hand_over(struct hf_tenant *tenant, const char *dir, struct hf_span secret,
				 struct hf_fault *fault) HF_MUST_USE;
#define HF_SECRET_FILE "secret"
/* Loads kernel and initrd from the memory that was hashed; no other kernel can follow. */
enum hf_err hf_release_load(struct hf_tenant *tenant, struct hf_fault *fault) HF_MUST_USE;
/* Of a host that is held after all: no file holds the tenant's secret, and no kernel can be loaded
 * any more, by whom ever, and no reset leads to the tenant's boot entry. */
void hf_release_never(void);
/* The boot entry into the firmware's variables, and BootNext to it; nothing else may be written
 * there by us, and nothing before this. */
enum hf_err hf_release_set_next_boot(const struct hf_tenant *tenant, struct hf_fault *fault) HF_MUST_USE;
/* The initramfs that goes on mounts its boot variables itself, as it wants them. */
void hf_release_efivars(void);
/* These return only when they failed. */
enum hf_err hf_release_kexec(struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_release_switch_root(struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_release_reset(struct hf_fault *fault) HF_MUST_USE;

#endif
