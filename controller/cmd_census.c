/* SPDX-License-Identifier: GPL-3.0-or-later */
/* census: a directory of captures to what stands out in it, and drafts of manifests. */
#include "controller/census_files.h"
#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/source_write.h"
#include "measure/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CENSUS_ARENA ((size_t)2 << 30)	/* bytes reserved, not used */
#define QUIET_SECONDS 2	/* who is done by then needs no progress */
#define HOSTS_FILE "hosts.txt"

static const char usage[] =
	"usage: holdfastctl census DIR [--out DRAFTS] [--min-hosts N] [--same-version]\n"
	"           [--mode audit|enforce] [--generation N] [--json]\n\n"
	"Counts what holdfast scan --json printed on many hosts, one file a host in DIR,\n"
	"or their evidence: hosts by model, parts by identity and place, values by how\n"
	"many hosts have them. What stands out comes first: a value that others of its\n"
	"kind do not have, a card where this model has none, a part that is missing.\n\n"
	"  --out DRAFTS       write JSON sources for manifest sign into this directory,\n"
	"                     which must be new or empty: a firmware list for each kind\n"
	"                     of part, a model for each kind of host, and in hosts.txt\n"
	"                     the hosts behind each value. Review them before you sign\n"
	"  --min-hosts N      what fewer hosts have is listed and not drafted (default:\n"
	"                     one in 100 of those that could have it, and 3 at least)\n"
	"  --same-version     draft other bytes under a version that more hosts have, too\n"
	"  --mode MODE        of the models (default audit: refusals are shown, no more)\n"
	"  --generation N     of the models (default 1)\n"
	"  --json             the same as JSON\n\n"
	"exit codes: 0 nothing stands out, 3 something does, or a limit was reached,\n"
	"4 nothing does, but a file was skipped; 2 DIR or DRAFTS cannot be used\n";

struct job {
	const char *dir, *out;
	bool json;
	struct hf_census_options options;
	struct hf_census_drafts drafts;
	struct hf_arena arena;
	struct hf_census census;
	struct hf_census_input input;
	struct hf_manifests manifests;
};

/* Long work says that it goes on. */
static void tell(size_t done, size_t all)
{
	static time_t said;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!said)
		said = now.tv_sec;
	if (now.tv_sec - said < QUIET_SECONDS || done == all)
		return;
	said = now.tv_sec;
	fprintf(stderr, "holdfastctl census: %zu of %zu files\n", done, all);
}

/* What an earlier census drafted would be signed with what this one drafts. */
static enum hf_err must_be_empty(const char *dir, struct hf_fault *fault)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	bool empty = true;

	if (!stream)
		return errno == ENOENT ? HF_OK : hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	while ((entry = readdir(stream)))
		empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(stream);
	return empty ? HF_OK : hf_fail(fault, HF_ERR_USAGE, dir, "is not empty: drafts of another census "
				       "would be signed with these");
}

static enum hf_err write_hosts(struct job *job, struct hf_fault *fault)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	enum hf_err err = HF_ERR_NO_MEMORY;
	int fd;

	if (out)
		hf_census_print_hosts(out, &job->census);
	if (!out || fclose(out) != 0) {
		free(text);
		return hf_fail(fault, err, job->out, HOSTS_FILE);
	}
	fd = open(job->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, job->out)
		     : hf_file_write(fd, HOSTS_FILE, (struct hf_span){ (uint8_t *)text, len }, 0644, fault);
	if (fd >= 0)
		close(fd);
	free(text);
	return err;
}

static enum hf_err count(struct job *job, struct hf_fault *fault)
{
	enum hf_err err = hf_arena_make(CENSUS_ARENA, &job->arena);

	if (err)
		return hf_fail(fault, err, job->dir, "%zu bytes", CENSUS_ARENA);
	job->input = (struct hf_census_input){ .arena = &job->arena, .progress = tell };
	job->manifests.arena = &job->arena;
	err = hf_census_init(&job->census, &job->options, &job->arena);
	if (err)
		return hf_fail(fault, err, job->dir, "no room to begin");
	err = hf_census_read(job->dir, &job->input, &job->census, fault);
	if (err)
		return err;
	if (job->census.capture_count) {
		err = hf_census_finish(&job->census);
		if (!err)
			err = hf_census_draft(&job->census, &job->drafts, &job->manifests);
		if (err)
			return hf_fail(fault, err, job->dir, "no room for what was found");
	}
	return HF_OK;
}

static void count_drafts(const struct job *job, size_t *components, size_t *releases, size_t *models)
{
	*components = *releases = *models = 0;
	for (const struct hf_component *c = job->manifests.components; c; c = c->next) {
		++*components;
		for (const struct hf_release *r = c->releases; r; r = r->next)
			++*releases;
	}
	for (const struct hf_model *m = job->manifests.models; m; m = m->next)
		++*models;
}

static void print_drafts(const struct job *job)
{
	size_t components, releases, models;
	char text[512];

	count_drafts(job, &components, &releases, &models);
	snprintf(text, sizeof(text), "\nDRAFTS: %zu model%s in mode %s; %zu kind%s of parts with %zu "
		 "release%s, each as allowed", models, models == 1 ? "" : "s",
		 hf_mode_name(job->drafts.mode), components, components == 1 ? "" : "s", releases,
		 releases == 1 ? "" : "s");
	hf_ctl_print(stdout, text);
	if (!job->out) {
		puts("  next: write them with --out DRAFTS");
		return;
	}
	snprintf(text, sizeof(text), "  written to %.200s; hosts.txt there has the hosts behind each value",
		 job->out);
	hf_ctl_print(stdout, text);
	puts("  next: settle the outliers; set old releases to update; then\n"
	     "  holdfastctl manifest check, manifest test --against the captures,\n"
	     "  manifest sign");
}

static enum hf_err report(struct job *job, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	char *json;

	if (job->out) {
		err = hf_sources_write(job->out, &job->manifests, true, NULL, fault);
		if (!err)
			err = write_hosts(job, fault);
	}
	if (err)
		return err;
	if (!job->json) {
		hf_census_print(stdout, &job->census, job->input.skipped, job->input.skipped_count);
		print_drafts(job);
		return HF_OK;
	}
	json = hf_census_json(&job->census, job->input.skipped);
	if (!json)
		return hf_fail(fault, HF_ERR_NO_MEMORY, job->dir, "JSON");
	puts(json);
	free(json);
	return HF_OK;
}

static int run(struct job *job)
{
	struct hf_fault fault = { 0 };
	enum hf_err err = job->out ? must_be_empty(job->out, &fault) : HF_OK;
	int code;

	if (!err)
		err = count(job, &fault);
	if (!err && job->census.capture_count == 0 && job->input.skipped)
		err = hf_fail(&fault, job->input.skipped->err, job->input.skipped->name, "%s; no other file "
			      "in %.80s is a capture either", job->input.skipped->detail, job->dir);
	else if (!err && job->census.capture_count == 0)
		err = hf_fail(&fault, HF_ERR_SCAN_SHAPE, job->dir, "no file is in it");
	if (!err)
		err = report(job, &fault);
	code = err ? hf_ctl_fault("census", &fault)
	     : job->census.outlier_count ? HF_EXIT_REFUSED
	     : job->input.skipped_count ? HF_EXIT_DEVICE : HF_EXIT_OK;
	if (job->arena.base)
		hf_arena_drop(&job->arena);
	return code;
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || value < least || value > most)
		return false;
	*ret = value;
	return true;
}

static bool take_option(struct job *job, int c, const char *value)
{
	uint64_t number;

	switch (c) {
	case 'o':
		job->out = value;
		return true;
	case 'n':
		if (!parse_number(value, 1, HF_CENSUS_CAPTURES_MAX, &number))
			return false;
		job->options.min_hosts = number;
		return true;
	case 's':
		return job->options.same_version = true;
	case 'm':
		return hf_mode_from_name(value, &job->drafts.mode);
	case 'g':
		return parse_number(value, 0, INT64_MAX, &job->drafts.generation);
	case 'j':
		return job->json = true;
	default:
		return false;
	}
}

int hf_cmd_census(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "min-hosts", required_argument, NULL, 'n' },
		{ "same-version", no_argument, NULL, 's' },
		{ "mode", required_argument, NULL, 'm' },
		{ "generation", required_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct job job;	/* holds a thousand manifest names: no thing for the stack */
	int c;

	job.drafts = (struct hf_census_drafts){ .mode = HF_MODE_AUDIT, .generation = 1 };
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (!take_option(&job, c, optarg))
			return hf_ctl_refuse("census", "%s is not understood", argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return hf_ctl_refuse("census", argc == optind ? "the directory of captures is needed"
							      : "one directory, please");
	job.dir = argv[optind];
	return run(&job);
}
