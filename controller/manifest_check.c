/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest check */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define SOON (30 * 86400)

static const char usage[] =
	"usage: holdfastctl manifest check FILE... [--anchors DIR] [--json]\n"
	"           [--agent-version N.N.N]\n\n"
	"Loads sources and CoRIMs together and reports what is refused and what cannot\n"
	"mean what it says: rules that name no component or can never apply, fences\n"
	"where there is no port to shut, the same bytes in releases of different\n"
	"states, dates that have passed or are near. With --anchors every file must be\n"
	"signed by an anchor and in its time of validity. Exit code 3 if there is an\n"
	"error; warnings do not count.\n\n"
	"  --agent-version N.N.N   also report what an agent of this version does not\n"
	"                          know\n";

struct words {
	const char *anchors;
	bool json;
	uint32_t agent_version;
	int first;	/* index of the first file in argv */
};

static bool parse_version(const char *text, uint32_t *ret)
{
	unsigned major, minor, patch;
	char again[32];

	if (sscanf(text, "%3u.%3u.%3u", &major, &minor, &patch) != 3)
		return false;
	snprintf(again, sizeof(again), "%u.%u.%u", major, minor, patch);
	*ret = HF_VERSION_OF(major, minor, patch);
	return strcmp(text, again) == 0 && major < 256 && minor < 256 && patch < 256 && *ret;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct words *ret)
{
	static const struct option options[] = {
		{ "anchors", required_argument, NULL, 'a' },
		{ "agent-version", required_argument, NULL, 'v' },
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
		else if (c == 'j')
			words.json = true;
		else if (c != 'v' || !parse_version(optarg, &words.agent_version))
			return hf_ctl_refuse("manifest check", "%s is not understood",
					     argv[optind - 1]);
	}
	if (optind >= argc)
		return hf_ctl_refuse("manifest check", "FILE is missing");
	words.first = optind;
	*ret = words;
	return -1;
}

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

/* Bytes that hf_input_read has read already: their validity, if they have one. */
static void check_validity(struct check *check, const char *path, struct hf_span bytes)
{
	int64_t now = (int64_t)time(NULL);
	struct hf_corim corim;
	struct hf_cose cose;

	if (hf_cose_parse(bytes, &cose) == HF_OK)
		bytes = cose.payload;
	if (hf_corim_open(bytes, &corim) || !corim.has_validity)
		return;
	if (corim.not_after < now)
		report(check, false, path, hf_err_name(HF_ERR_CORIM_EXPIRED), "its validity is over");
	else if (corim.not_after - now < SOON)
		report(check, false, path, NULL, "its validity ends within 30 days");
	if (corim.has_not_before && corim.not_before > now)
		report(check, false, path, NULL, "its validity has not begun");
}

static void check_notes(struct check *check)
{
	char text[512];

	for (const struct hf_manifest_note *n = check->manifests.notes; n; n = n->next) {
		snprintf(text, sizeof(text), "passed over: %s", n->text);
		report_lint(check, false, n->file, text);
	}
}

static void check_file(struct check *check, const char *path, bool anchors, int64_t now)
{
	struct hf_manifests *m = &check->manifests;
	size_t index = m->file_count;
	enum hf_input_kind kind;
	struct hf_fault fault;
	char text[sizeof(fault.detail) + 192];
	struct hf_span bytes;
	enum hf_err err;

	if (index == HF_MANIFEST_FILES_MAX) {
		check->errors++;
		report(check, true, path, hf_err_name(HF_ERR_LIMIT), "too many files");
		return;
	}
	check->paths[index] = path;
	err = hf_input_read(path, anchors ? &check->trust : NULL, now, m, &kind, &bytes,
			    &fault);
	if (!err && anchors && kind != HF_INPUT_VERIFIED)
		err = hf_fail(&fault, HF_ERR_MANIFEST_UNSIGNED, path, "%s", hf_input_kind_text(kind));
	if (err) {
		check->errors++;
		snprintf(text, sizeof(text), "%s (%s)", hf_err_sentence(err), fault.detail);
		report(check, true, fault.where[0] ? fault.where : path, hf_err_name(err), text);
		return;
	}
	if (kind != HF_INPUT_SOURCE)
		check_validity(check, path, bytes);
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
	for (struct hf_revocations *r = *mark->revocations; r; r = r->next)
		r->file = file;
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
	struct hf_lint_context context = { .now = (int64_t)time(NULL),
					   .agent_version = words->agent_version };

	check_notes(check);
	check->errors += hf_lint(&check->manifests, &context, report_lint, check);
}

int hf_manifest_check(int argc, char **argv)
{
	static struct check check;	/* too large for the stack */
	struct hf_arena arena;
	struct hf_fault fault;
	struct words words = { 0 };
	int code = parse(argc, argv, &words);

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
