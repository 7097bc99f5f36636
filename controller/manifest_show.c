/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest show and manifest check */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"
#include "controller/source.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char show_usage[] =
	"usage: holdfastctl manifest show FILE [--anchors DIR]\n\n"
	"Prints the JSON source of a signed or unsigned CoRIM on standard output and on\n"
	"standard error whether its signature was verified. With --anchors a file that\n"
	"does not verify is refused; without, nothing is checked and it says so.\n";

static const char check_usage[] =
	"usage: holdfastctl manifest check FILE... [--anchors DIR] [--json]\n\n"
	"Loads sources and CoRIMs together and reports what is refused and what cannot\n"
	"mean what it says: rules that name no component or can never apply, names\n"
	"used twice. With --anchors every file must be signed by an anchor and in its\n"
	"time of validity. Exit code 3 if there is an error; warnings do not count.\n";

struct words {
	const char *anchors;
	bool json;
	int first;	/* index of the first file in argv */
};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, const char *command, const char *usage, bool json,
		 struct words *ret)
{
	static const struct option options[] = {
		{ "anchors", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct words words = { 0 };
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (c == 'a')
			words.anchors = optarg;
		else if (c == 'j' && json)
			words.json = true;
		else
			return hf_ctl_refuse(command, "%s is not understood", argv[optind - 1]);
	}
	if (optind >= argc)
		return hf_ctl_refuse(command, "FILE is missing");
	words.first = optind;
	*ret = words;
	return -1;
}

static const char *kind_text(enum hf_input_kind kind)
{
	switch (kind) {
	case HF_INPUT_SOURCE:
		return "a JSON source, not signed";
	case HF_INPUT_UNSIGNED:
		return "not signed";
	case HF_INPUT_UNVERIFIED:
		return "signed, signature NOT CHECKED (give --anchors DIR)";
	case HF_INPUT_VERIFIED:
		return "signature verified";
	}
	return "";
}

int hf_manifest_show(int argc, char **argv)
{
	struct hf_manifests manifests = { 0 };
	struct hf_trust trust = { 0 };
	struct hf_arena arena = { 0 };
	enum hf_input_kind kind;
	struct hf_fault fault;
	struct words words;
	char *text = NULL;
	enum hf_err err;
	int code = parse(argc, argv, "manifest show", show_usage, false, &words);

	if (code >= 0)
		return code;
	if (argc - words.first > 1)
		return hf_ctl_refuse("manifest show", "one FILE at a time");
	err = words.anchors ? hf_trust_read(words.anchors, &trust, &fault) : HF_OK;
	if (!err && hf_arena_make(HF_MANIFEST_ARENA, &arena))
		err = hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "arena");
	manifests.arena = &arena;
	if (!err)
		err = hf_input_read(argv[words.first], words.anchors ? &trust : NULL, 0, &manifests,
				    &kind, NULL, &fault);
	if (!err && words.anchors && kind == HF_INPUT_UNSIGNED)
		err = hf_fail(&fault, HF_ERR_MANIFEST_UNSIGNED, argv[words.first], "a bare CoRIM");
	if (!err) {
		text = hf_source_format(&manifests);
		if (!text)
			err = hf_fail(&fault, HF_ERR_NO_MEMORY, argv[words.first], "text");
	}
	if (!err) {
		fputs(text, stdout);
		fprintf(stderr, "%s: %s%s%s\n", argv[words.first], kind_text(kind),
			kind == HF_INPUT_VERIFIED ? ", signed by " : "",
			kind == HF_INPUT_VERIFIED ? manifests.files[0].signer : "");
	}
	free(text);
	hf_arena_drop(&arena);
	hf_trust_drop(&trust);
	return err ? hf_ctl_fault("manifest show", &fault) : HF_EXIT_OK;
}

/* ---- check ---- */

struct check {
	struct hf_manifests manifests;
	struct hf_trust trust;
	const char *paths[HF_MANIFEST_FILES_MAX];	/* by file index */
	size_t errors;
	json_t *findings;	/* NULL: text */
};

static void report(struct check *check, bool error, const char *path, const char *reason,
		   const char *text)
{
	if (!check->findings) {
		char line[1024];

		snprintf(line, sizeof(line), "%s: %s: %s%s%s%s", path, error ? "error" : "warning",
			 text, reason ? " [" : "", reason ? reason : "", reason ? "]" : "");
		hf_ctl_print(stdout, line);
		return;
	}
	json_array_append_new(check->findings,
			      json_pack("{s:s, s:s, s:s?, s:s}", "file", path, "severity",
					error ? "error" : "warning", "reason", reason, "text", text));
}

static void report_lint(void *self, bool error, size_t file, const char *text)
{
	struct check *check = self;

	report(check, error, file < check->manifests.file_count ? check->paths[file] : "", NULL,
	       text);
}

static void check_file(struct check *check, const char *path, bool anchors, int64_t now)
{
	struct hf_manifests *m = &check->manifests;
	size_t index = m->file_count;
	enum hf_input_kind kind;
	struct hf_fault fault;
	char text[sizeof(fault.detail) + 192];
	enum hf_err err;

	if (index == HF_MANIFEST_FILES_MAX) {
		check->errors++;
		report(check, true, path, hf_err_name(HF_ERR_LIMIT), "too many files");
		return;
	}
	check->paths[index] = path;
	err = hf_input_read(path, anchors ? &check->trust : NULL, now, m, &kind, NULL, &fault);
	if (!err && anchors && kind != HF_INPUT_VERIFIED)
		err = hf_fail(&fault, HF_ERR_MANIFEST_UNSIGNED, path, "%s", kind_text(kind));
	if (err) {
		check->errors++;
		snprintf(text, sizeof(text), "%s (%s)", hf_err_sentence(err), fault.detail);
		report(check, true, fault.where[0] ? fault.where : path, hf_err_name(err), text);
		return;
	}
	if (kind == HF_INPUT_UNVERIFIED)
		report(check, false, path, NULL, "the signature was not checked (no --anchors)");
	/* a source has no place among the files of its own; sources count from zero too */
	if (kind != HF_INPUT_VERIFIED)
		m->files[m->file_count++] = (struct hf_manifest_file){ .name = path };
}

/* Sources do not know their file index: give what was appended the right one. */
static void number_files(struct hf_manifests *m, const struct hf_manifests_mark *mark,
			 size_t file)
{
	(void)m;
	for (struct hf_component *c = *mark->components; c; c = c->next)
		c->file = file;
	for (struct hf_model *model = *mark->models; model; model = model->next)
		model->file = file;
	for (struct hf_image *i = *mark->images; i; i = i->next)
		i->file = file;
	for (struct hf_waiver *w = *mark->waivers; w; w = w->next)
		w->file = file;
	for (struct hf_manifest_note *n = *mark->notes; n; n = n->next)
		n->file = file;
}

static void check_files(struct check *check, int argc, char **argv, const struct words *words)
{
	int64_t now = words->anchors ? (int64_t)time(NULL) : 0;

	for (int i = words->first; i < argc; i++) {
		struct hf_manifests_mark mark = hf_manifests_mark(&check->manifests);
		size_t index = check->manifests.file_count;

		check_file(check, argv[i], words->anchors != NULL, now);
		if (check->manifests.file_count > index)
			number_files(&check->manifests, &mark, index);
	}
	check->errors += hf_lint(&check->manifests, report_lint, check);
}

int hf_manifest_check(int argc, char **argv)
{
	static struct check check;	/* too large for the stack */
	struct hf_arena arena;
	struct hf_fault fault;
	struct words words;
	int code = parse(argc, argv, "manifest check", check_usage, true, &words);

	if (code >= 0)
		return code;
	if (words.anchors && hf_trust_read(words.anchors, &check.trust, &fault))
		return hf_ctl_fault("manifest check", &fault);
	if (hf_arena_make(4ul * HF_MANIFEST_ARENA, &arena)) {
		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "arena");
		hf_trust_drop(&check.trust);
		return hf_ctl_fault("manifest check", &fault);
	}
	check.manifests.arena = &arena;
	check.findings = words.json ? json_array() : NULL;
	check_files(&check, argc, argv, &words);
	if (check.findings) {
		json_dumpf(check.findings, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(check.findings);
	} else if (!check.errors) {
		printf("%zu file(s), no error\n", check.manifests.file_count);
	}
	hf_arena_drop(&arena);
	hf_trust_drop(&check.trust);
	return check.errors ? HF_EXIT_REFUSED : HF_EXIT_OK;
}
