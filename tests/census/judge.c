/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a gate with these manifests would say of captured hosts: by its own appraisal, of the
 * claims in each capture. Never installed.
 *     judge MANIFESTS ANCHORS CAPTURE...
 * A line each: file, status, reason, place. */
#include "controller/scan.h"
#include "manifests/appraise.h"
#include "manifests/trust.h"
#include "measure/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA ((size_t)512 << 20)

static struct hf_manifests manifests;
static struct hf_trust trust;

static const char *host_text(const struct hf_claims *claims, const char *mkey)
{
	struct hf_part *host = hf_claims_find_part(claims, "host");
	struct hf_measurement *m = host ? hf_measurement_find(host->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT ? m->text : "";
}

static enum hf_err judge(const char *path, struct hf_arena *arena, struct hf_verdict *ret,
			 struct hf_fault *fault)
{
	const struct hf_model *model;
	struct hf_claims claims;
	struct hf_span json;
	enum hf_err err = hf_file_read(AT_FDCWD, path, HF_SCAN_MAX, arena, &json, fault);

	hf_claims_init(&claims, arena);
	if (!err)
		err = hf_scan_read(json, path, &claims, fault);
	if (err)
		return err;
	err = hf_model_choose(&manifests, host_text(&claims, "smbios/vendor"),
			      host_text(&claims, "smbios/product"), &model);
	if (err)
		return hf_fail(fault, err, path, "no model");
	hf_appraise(&(struct hf_appraise_input){ .claims = &claims, .manifests = &manifests,
						 .model = model }, arena, ret);
	return HF_OK;
}

static void fail(const struct hf_fault *fault)
{
	char text[512];

	hf_fault_format(fault, text, sizeof(text));
	fprintf(stderr, "judge: %s\n", text);
	exit(HF_EXIT_INTERNAL);
}

int main(int argc, char **argv)
{
	struct hf_arena arena, scratch;
	struct hf_fault fault = { 0 };

	if (argc < 4 || hf_arena_make(ARENA, &arena) || hf_arena_make(ARENA, &scratch))
		return HF_EXIT_USAGE;
	manifests.arena = &arena;
	if (hf_trust_read(argv[2], &trust, &fault) ||
	    hf_manifests_read(&trust, argv[1], 0, &manifests, &fault))
		fail(&fault);
	for (int i = 3; i < argc; i++) {
		struct hf_verdict verdict;

		scratch.len = 0;
		if (judge(argv[i], &scratch, &verdict, &fault))
			fail(&fault);
		printf("%s %s %s %s\n", argv[i], hf_status_name(verdict.status),
		       verdict.cause ? hf_err_name(verdict.cause) : "-",
		       verdict.cause_place ? verdict.cause_place : "-");
	}
	hf_trust_drop(&trust);
	hf_arena_drop(&arena);
	hf_arena_drop(&scratch);
	return HF_EXIT_OK;
}
