/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/ring.h: a ring's manifests: from an archive to what judges, kept while neither
 * the ring nor the anchors change, and tried on hosts before it bites. docs/rings.md. */
#ifndef HF_CONTROLLER_SERVER_RING_H
#define HF_CONTROLLER_SERVER_RING_H

#include <jansson.h>

#include "controller/server/controller.h"

#define HF_RING_FOLDER "etc/holdfast/manifests.d/"	/* where the gate looks for them */
#define HF_RING_TYPE "application/x-cpio"

struct hf_ring_file { const char *name; struct hf_span bytes; };	/* name: NAME.corim or NAME.payload */
struct hf_ring_files { struct hf_ring_file *list; size_t count; };
/* A newc archive of regular files under HF_RING_FOLDER, and folders; nothing twice. Sorted.
 * HF_ERR_API_REFUSED names what is wrong; HF_ERR_LIMIT. Copied into the arena. [pure] */
enum hf_err hf_ring_unpack(struct hf_span archive, struct hf_arena *arena, struct hf_ring_files *ret,
			   struct hf_fault *fault) HF_MUST_USE;
/* The one archive of these files: folders, files, the end. [pure] */
enum hf_err hf_ring_pack(const struct hf_ring_files *files, struct hf_arena *arena, struct hf_span *ret) HF_MUST_USE;
/* Every file by an anchor, and by what policy's own manifests revoke: a key that was lost is lost for
 * every ring. out is empty and has an arena. */
enum hf_err hf_ring_verify(const struct hf_ring_files *files, const struct hf_policy_set *policy, int64_t now,
			   struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;
/* Models are there, and of the mode that the stage asks for. HF_ERR_RING_STAGE. [pure] */
enum hf_err hf_ring_stage_fits(const struct hf_manifests *manifests, enum hf_ring_stage stage,
			       struct hf_fault *fault) HF_MUST_USE;
/* JSON: [{"name", "generation", "mode"}]; NULL: no memory. */
const char *hf_ring_about(const struct hf_manifests *manifests, struct hf_arena *arena);

/* ---- what judges a host ---- */
struct hf_ring_set {
	_Atomic unsigned users;
	struct hf_arena arena;
	struct hf_manifests *manifests;
	enum hf_ring_stage stage;
	char name[HF_HOST_ID_MAX + 1];
	uint8_t digest[32];		/* of the archive */
	struct hf_policy_set *policy;	/* whose anchors verified it; kept as long as this */
};
/* The ring as the store has it now; by the anchors of policy. The caller drops *ret. A ring that does not
 * verify any more judges nobody: the error says why. */
enum hf_err hf_ring_take(struct hf_controller *controller, struct hf_policy_set *policy, const char *name,
			 struct hf_arena *arena, struct hf_ring_set **ret, struct hf_fault *fault) HF_MUST_USE;
void hf_ring_drop(struct hf_ring_set *set);	/* NULL is fine */
void hf_rings_free(struct hf_controller *controller);
/* What lets a host of that ring through or not: the ring's own manifests, or, where it only observes or
 * is none (NULL), the default ring's. */
const struct hf_manifests *hf_ring_gate(const struct hf_ring_set *set, const struct hf_policy_set *policy);

/* ---- before it bites (ring_try.c) ---- */
#define HF_RING_WORSE_MAX 100	/* hosts that are named */
struct hf_ring_try {
	const struct hf_ring_choice *choice;
	/* after: what the hosts would be judged by. What they are judged by now is looked up. */
	const struct hf_manifests *after;
	struct hf_policy_set *policy;
};
struct hf_ring_tried {
	uint64_t hosts, tried, better, worse;	/* hosts that showed nothing yet are not tried */
	json_t *list;		/* those that would be worse off; the caller drops it */
};
enum hf_err hf_ring_try(struct hf_request *request, const struct hf_ring_try *in, struct hf_ring_tried *ret,
			struct hf_fault *fault) HF_MUST_USE;

#endif
