/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest diff: what two sets of manifests, or hosts, mean differently. */
#include "controller/create.h"
#include "controller/ctl.h"
#include "controller/diff.h"
#include "controller/evidence_input.h"
#include "controller/manifest_cmds.h"
#include "controller/scan.h"
#include "measure/file.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NOTES_MAX (256u << 10)

static const char usage[] =
	"usage: holdfastctl manifest diff A B [--json]\n\n"
	"A and B are each a JSON source, a built or signed CoRIM, a directory of such\n"
	"files, or a host: a directory of evidence, a CMW collection, or what\n"
	"holdfast scan --json printed. Prints what B says differently, by meaning:\n"
	"spelling, order of files, defaults and signatures are no difference, and no\n"
	"signature is checked. A host is described in the words of the other side and\n"
	"says nothing of what it does not have.\n\n"
	"exit codes: 0 the same, 3 different\n";

struct side {
	struct hf_manifests manifests;
	struct hf_arena arena;
	bool host;
};

/* A host, from claims: what manifest create would write. */
static enum hf_err from_host(const char *path, const struct hf_evidence *evidence, struct side *side,
			     struct hf_fault *fault)
{
	struct hf_create options = { .generation = 1, .mode = HF_MODE_ENFORCE };
	struct hf_writer notes = { .cap = NOTES_MAX };

	notes.buf = hf_arena_take(&side->arena, notes.cap);
	if (!notes.buf)
		return hf_fail(fault, HF_ERR_LIMIT, path, "too large");
	side->host = true;
	return hf_create(&options, evidence, &side->manifests, &notes, fault);
}

/* A JSON file that is no source is a host's; what is neither is named as a source. */
static enum hf_err read_file(const char *path, struct side *side, struct hf_fault *fault)
{
	enum hf_input_kind kind;
	struct hf_evidence evidence = { 0 };
	struct hf_fault other;
	struct hf_span bytes;
	enum hf_err err = hf_input_read(path, NULL, 0, &side->manifests, &kind, NULL, fault);

	if (err != HF_ERR_MANIFEST_SOURCE && err != HF_ERR_COSE_SHAPE && err != HF_ERR_FILE_TOO_LARGE)
		return err;
	if (hf_evidence_load(path, &side->arena, &evidence, &other) == HF_OK && evidence.claims.len)
		return from_host(path, &evidence, side, fault);
	if (hf_file_read(AT_FDCWD, path, HF_SCAN_MAX, &side->arena, &bytes, &other) == HF_OK &&
	    hf_scan_is(bytes)) {
		err = hf_scan_claims(bytes, path, &side->arena, &evidence.claims, fault);
		return err ? err : from_host(path, &evidence, side, fault);
	}
	return err;
}

static enum hf_err read_side(const char *path, struct side *side, struct hf_fault *fault)
{
	struct hf_evidence evidence = { 0 };
	struct stat st;
	enum hf_err err = hf_arena_make(2ul * HF_MANIFEST_ARENA, &side->arena);

	if (err)
		return hf_fail(fault, err, path, "arena");
	side->manifests.arena = &side->arena;
	if (stat(path, &st) != 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (!S_ISDIR(st.st_mode))
		return read_file(path, side, fault);
	if (hf_evidence_read(path, &side->arena, &evidence, fault) == HF_OK && evidence.claims.len)
		return from_host(path, &evidence, side, fault);
	return hf_input_folder(path, NULL, false, 0, &side->manifests, fault);
}

static enum hf_err compare(const char *const paths[2], struct side sides[2], json_t **ret,
			   struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	for (int i = 0; i < 2 && !err; i++)
		err = read_side(paths[i], &sides[i], fault);
	if (err)
		return err;
	for (int i = 0; i < 2 && !err; i++)
		if (sides[i].host && !sides[1 - i].host)
			err = hf_diff_align(&sides[i].manifests, &sides[1 - i].manifests);
	if (!err) {
		*ret = hf_diff(&sides[0].manifests, &sides[1].manifests,
			       !sides[0].host && !sides[1].host);
		err = *ret ? HF_OK : HF_ERR_NO_MEMORY;
	}
	return err ? hf_fail(fault, err, paths[1], "comparing") : HF_OK;
}

static void print_changes(json_t *changes, bool json)
{
	json_t *change;
	size_t i;

	if (json) {
		json_dumpf(changes, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	json_array_foreach(changes, i, change)
		hf_ctl_print(stdout, json_string_value(json_object_get(change, "text")));
	if (i == 0)
		puts("no difference");
}

int hf_manifest_diff(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct side sides[2];	/* too large for the stack */
	const char *paths[2];
	json_t *changes = NULL;
	struct hf_fault fault;
	bool json = false, same;
	enum hf_err err;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (c != 'j')
			return hf_ctl_refuse("manifest diff", "%s is not understood",
					     argv[optind - 1]);
		json = true;
	}
	if (argc - optind != 2)
		return hf_ctl_refuse("manifest diff", "A and B are needed");
	paths[0] = argv[optind];
	paths[1] = argv[optind + 1];
	err = compare(paths, sides, &changes, &fault);
	same = json_array_size(changes) == 0;
	if (!err)
		print_changes(changes, json);
	json_decref(changes);
	for (int i = 0; i < 2; i++)
		hf_arena_drop(&sides[i].arena);
	if (err)
		return hf_ctl_fault("manifest diff", &fault);
	return same ? HF_EXIT_OK : HF_EXIT_REFUSED;
}
