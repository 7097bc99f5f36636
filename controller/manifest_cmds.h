/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/manifest_cmds.h: the subcommands of `holdfastctl manifest` and the one way
 * in which they read what an operator names: a JSON source, a built or a signed CoRIM. */
#ifndef HF_CONTROLLER_MANIFEST_CMDS_H
#define HF_CONTROLLER_MANIFEST_CMDS_H

#include "manifests/trust.h"

#define HF_MANIFEST_ARENA (1u << 30)	/* bytes reserved, not used */

int hf_manifest_create(int argc, char **argv);
int hf_manifest_build(int argc, char **argv);
int hf_manifest_sign(int argc, char **argv);
int hf_manifest_show(int argc, char **argv);
int hf_manifest_check(int argc, char **argv);
int hf_manifest_accept(int argc, char **argv);
int hf_manifest_diff(int argc, char **argv);
int hf_manifest_test(int argc, char **argv);
int hf_manifest_add_rom(int argc, char **argv);

enum hf_input_kind {
	HF_INPUT_SOURCE,	/* JSON */
	HF_INPUT_UNSIGNED,	/* a bare CoRIM */
	HF_INPUT_UNVERIFIED,	/* signed, and there was no trust to check it by */
	HF_INPUT_VERIFIED,
};
/* Appends what path holds to out; trust NULL: signatures are not checked (for showing,
 * never for judging). ret_bytes (may be NULL): the file. On failure out is as before. */
enum hf_err hf_input_read(const char *path, const struct hf_trust *trust, int64_t now,
			  struct hf_manifests *out, enum hf_input_kind *ret_kind,
			  struct hf_span *ret_bytes, struct hf_fault *fault) HF_MUST_USE;
/* Every *.json, *.corim and *.cbor of a directory, or the one file, in the order of their names.
 * signed_only: HF_ERR_MANIFEST_UNSIGNED for what trust has not verified. HF_ERR_MANIFEST_MISSING: there is
 * none; HF_ERR_FILE_UNREADABLE. */
enum hf_err hf_input_folder(const char *path, const struct hf_trust *trust, bool signed_only, int64_t now,
			    struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;
/* The deterministic encoding of manifests, in their arena, checked by decoding it. */
enum hf_err hf_input_encode(struct hf_manifests *manifests, const char *path,
			    struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;
/* What path holds and its CoRIM, all in the manifests' arena. */
enum hf_err hf_input_to_corim(const char *path, struct hf_manifests *manifests,
			      enum hf_input_kind *ret_kind, struct hf_span *ret,
			      struct hf_fault *fault) HF_MUST_USE;
/* Releases, rules and references that cannot mean what they say. Each finding is one
 * call; the count of errors comes back, warnings not counted. [pure] */
typedef void (*hf_lint_report)(void *self, bool error, size_t file, const char *text);
#define HF_VERSION_OF(major, minor, patch) \
	((uint32_t)(major) << 16 | (uint32_t)(minor) << 8 | (uint32_t)(patch))
struct hf_lint_context {
	int64_t now;		/* seconds since 1970; 0: dates are not looked at */
	uint32_t agent_version;	/* HF_VERSION_OF; 0: any */
};
size_t hf_lint(const struct hf_manifests *manifests, const struct hf_lint_context *context,
	       hf_lint_report report, void *self);
/* The name of an attestation key as people type it: hexadecimal, all of it. */
bool hf_ak_name_parse(const char *text, uint8_t out[static HF_AK_NAME]);
/* The words for a kind in messages. */
const char *hf_input_kind_text(enum hf_input_kind kind);

#endif
