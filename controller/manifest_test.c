/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest test: what new manifests would make of hosts that were measured before. */
#include "controller/ctl.h"
#include "controller/evidence_input.h"
#include "controller/host_cmds.h"
#include "controller/inventory.h"
#include "controller/manifest_cmds.h"
#include "controller/trial_report.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOSTS_MAX 100000
#define NAMES 5			/* of hosts, for each reason */
#define JUDGE_ARENA ((size_t)1 << 30)	/* reserved; of one host at a time */
#define KEEP_ARENA ((size_t)2 << 30)	/* reserved; names and verdicts */
#define PROGRESS 100		/* hosts, on a terminal */
#define PAGE 500

static const char usage[] =
	"usage: holdfastctl manifest test NEW --against EVIDENCE... [--current OLD]\n"
	"           [--anchors DIR] [--all] [--json]\n"
	"       holdfastctl manifest test NEW --controller [--state STATE] [--model NAME]\n"
	"           [--current OLD] [--anchors DIR] [--all] [--json]\n"
	"\n"
	"Judges hosts that were measured before by new manifests, as the gate and the\n"
	"controller would, and says which hosts would be worse off and why. Nothing is\n"
	"sent to any host.\n"
	"\n"
	"  NEW, --current OLD   a directory of sources (JSON) and CoRIMs, or one file\n"
	"  --against EVIDENCE   evidence, what holdfast scan --json printed, or a\n"
	"                       directory of such; may be repeated\n"
	"  --controller         the newest evidence of every host there, with the\n"
	"                       options of holdfastctl host (--url, --ca, ...)\n"
	"  --state, --model     only these of its hosts\n"
	"  --anchors DIR        every file of NEW and OLD must be signed by one; also\n"
	"                       the roots of devices that sign\n"
	"  --all                the names of all hosts, not the first 5 of each reason\n"
	"\n"
	"Without --current each host is compared with the verdict that it recorded.\n"
	"\n"
	"exit codes: 0 no host is worse off, 2 usage, 3 some are, or could not be\n"
	"judged, 6 the controller is not to be reached\n";

struct side { struct hf_manifests manifests; struct hf_arena arena; };
struct test {
	struct hf_host_args host;	/* of --controller */
	const char *new_path, *current, *anchors, *state, *model;
	bool controller, all, json;
	const char **against;
	size_t against_count;
	struct side fresh, old;
	struct hf_trust trust;
	int64_t now;
	struct hf_arena keep, judge;
	struct hf_trial_host *hosts, **end;
	size_t count;
};

/* ---- manifests ---- */

static enum hf_err read_side(const struct test *t, const char *path, struct side *side, struct hf_fault *fault)
{
	enum hf_err err = hf_arena_make(2ul * HF_MANIFEST_ARENA, &side->arena);

	if (err)
		return hf_fail(fault, err, path, "%s", "memory");
	side->manifests.arena = &side->arena;
	return hf_input_folder(path, t->anchors ? &t->trust : NULL, t->anchors != NULL, t->now, &side->manifests,
			       fault);
}

/* ---- one host ---- */

static const char *keep_name(struct test *t, const char *name)
{
	char *copy = hf_arena_take(&t->keep, strlen(name) + 1);

	for (size_t i = 0; copy && i <= strlen(name); i++)
		copy[i] = name[i] && (name[i] < 0x20 || name[i] > 0x7e) ? '?' : name[i];
	return copy;
}

static enum hf_err judge_by(const struct test *t, const struct side *side, const struct hf_evidence *evidence,
			    struct hf_arena *arena, struct hf_trial_verdict *ret, struct hf_fault *fault)
{
	const struct hf_trial_input in = { .evidence = evidence, .manifests = &side->manifests,
					   .trust = t->anchors ? &t->trust : NULL, .now = t->now };

	return hf_trial_judge(&in, arena, ret, fault);
}

static void compare(struct test *t, const struct hf_evidence *evidence, struct hf_trial_host *h, struct hf_fault *fault)
{
	const size_t mark = t->judge.len;

	h->unjudged = judge_by(t, &t->fresh, evidence, &t->judge, &h->after, fault);
	t->judge.len = mark;
	if (h->unjudged == HF_OK && t->current) {
		h->unjudged = judge_by(t, &t->old, evidence, &t->judge, &h->before, fault);
		h->compared = h->unjudged == HF_OK;
	} else if (h->unjudged == HF_OK && h->after.has_recorded) {
		h->before = (struct hf_trial_verdict){ .outcome = h->after.recorded, .cause = h->after.recorded_cause };
		h->compared = true;
	}
}

static enum hf_err add(struct test *t, const char *name, const struct hf_evidence *evidence, enum hf_err err,
		       struct hf_fault *fault)
{
	struct hf_trial_host *h = hf_arena_take(&t->keep, sizeof(*h));

	if (h)
		h->name = keep_name(t, name);
	if (!h || !h->name || t->count >= HOSTS_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, name, "more than %zu hosts", t->count);
	h->unjudged = err;
	if (err == HF_OK)
		compare(t, evidence, h, fault);
	if (h->unjudged != HF_OK)
		snprintf(h->why, sizeof(h->why), "%.60s: %.120s", fault->where, fault->detail);
	*t->end = h;
	t->end = &h->next;
	if (++t->count % PROGRESS == 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%zu hosts", t->count);
	return HF_OK;
}

/* ---- evidence in files ---- */

static enum hf_err add_path(struct test *t, const char *path, struct hf_fault *fault)
{
	struct hf_evidence evidence = { 0 };
	enum hf_err err = hf_host_input(path, &t->judge, &evidence, fault);

	if (!err && !evidence.claims.len)
		err = hf_fail(fault, HF_ERR_EVIDENCE_SHAPE, path, "%s", "no claims in it");
	err = add(t, path, &evidence, err, fault);
	t->judge.len = 0;
	return err;
}

static bool is_evidence(struct test *t, const char *path)
{
	struct hf_evidence evidence = { 0 };
	struct hf_fault unused;
	const bool is = hf_evidence_read(path, &t->judge, &evidence, &unused) == HF_OK && evidence.claims.len;

	t->judge.len = 0;
	return is;
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static enum hf_err add_tree(struct test *t, const char *path, struct hf_fault *fault)
{
	struct dirent **names;
	char file[PATH_MAX];
	enum hf_err err = HF_OK;
	struct stat st;
	int count;

	if (stat(path, &st) != 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (!S_ISDIR(st.st_mode) || is_evidence(t, path))
		return add_path(t, path, fault);
	count = scandir(path, &names, no_dots, alphasort);
	if (count < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (!err)
			err = add_path(t, file, fault);
		free(names[i]);
	}
	free(names);
	return err;
}

/* ---- evidence at the controller ---- */

/* -1: go on; else the exit code. A host that never showed any is passed over: there is nothing to say. */
static int add_host(struct test *t, const json_t *host)
{
	const char *id = hf_member_text(host, "id"), *model = hf_member_text(host, "model");
	struct hf_evidence evidence = { 0 };
	struct hf_fault fault = { 0 };
	struct hf_http_reply reply;
	int code = HF_EXIT_CONTROLLER;
	enum hf_err err;

	if (!hf_host_id_valid(id) || (t->model && strcmp(model, t->model) != 0) ||
	    !json_is_object(json_object_get(host, "last-verdict")))
		return -1;
	t->host.word = id;
	reply = hf_host_ask(&t->host, &(struct hf_http_request){
		.method = "GET", .path = hf_host_path(&t->host, "/evidence", &t->judge),
		.accept = "application/cmw+cbor" }, &t->judge, &code);
	if (!reply.status && code != HF_EXIT_REFUSED)
		return code;
	/* what is not kept any more hides no other host: it could not be judged, and is told so */
	err = reply.status ? hf_evidence_from_cmw_cbor(reply.body, &evidence) : HF_ERR_API_REFUSED;
	if (err)
		hf_fail(&fault, err, id, "%s", "its evidence");
	err = add(t, id, &evidence, err, &fault);
	return err ? hf_ctl_fault("manifest test", &fault) : -1;
}

static int add_hosts(struct test *t)
{
	char path[256], after[160] = "";
	int code = -1;

	do {
		const json_t *host;
		json_t *page;
		size_t i;

		snprintf(path, sizeof(path), "/v1/hosts?limit=%d%s%s%s%s", PAGE, t->state ? "&state=" : "",
			 t->state ? t->state : "", *after ? "&after=" : "", after);
		code = HF_EXIT_CONTROLLER;
		page = hf_host_get(&t->host, path, &t->judge, &code);
		if (!page)
			return code;
		code = -1;
		json_array_foreach(json_object_get(page, "hosts"), i, host) {
			t->judge.len = 0;
			code = add_host(t, host);
			if (code != -1)
				break;
		}
		snprintf(after, sizeof(after), "%s", hf_member_text(page, "next"));
		t->host.word = NULL;	/* it was the page's */
		json_decref(page);
		t->judge.len = 0;
	} while (code == -1 && *after && hf_host_id_valid(after));
	return code;
}

/* ---- the command ---- */

static bool take_option(struct test *t, int letter, const char *value)
{
	switch (letter) {
	case 'g':
		t->against[t->against_count++] = value;
		return true;
	case 'o':
		t->current = value;
		return true;
	case 'A':
		t->anchors = value;
		return true;
	case 's':
		t->state = value;
		return strcmp(value, "in-use") == 0 || strcmp(value, "reclaimed") == 0 ||
		       strcmp(value, "challenged") == 0 || strcmp(value, "held") == 0;
	case 'm':
		t->model = value;
		return true;
	case 'r':
		return t->controller = true;
	case 'l':
		return t->all = true;
	case 'j':
		return t->json = true;
	default:
		return hf_host_server_option(&t->host, letter, value);
	}
}

static int check(struct test *t)
{
	if (!t->new_path)
		return hf_ctl_refuse("manifest test", "NEW is missing");
	if (t->controller == (t->against_count > 0))
		return hf_ctl_refuse("manifest test", "which hosts: --against EVIDENCE or --controller, one of them");
	if (!t->controller && (t->state || t->model))
		return hf_ctl_refuse("manifest test", "--state and --model choose among a --controller's hosts");
	return t->controller ? hf_host_server_ready(&t->host) : -1;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct test *t)
{
	static const struct option options[] = {
		{ "against", required_argument, NULL, 'g' }, { "current", required_argument, NULL, 'o' },
		{ "anchors", required_argument, NULL, 'A' }, { "state", required_argument, NULL, 's' },
		{ "model", required_argument, NULL, 'm' }, { "controller", no_argument, NULL, 'r' },
		{ "all", no_argument, NULL, 'l' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { "url", required_argument, NULL, 'u' },
		{ "ca", required_argument, NULL, 'c' }, { "token-file", required_argument, NULL, 't' },
		{ "certificate", required_argument, NULL, 'C' }, { "key", required_argument, NULL, 'K' },
		{ "timeout", required_argument, NULL, 'T' }, { 0 },
	};
	int letter;

	opterr = 0;
	optind = 0;
	while ((letter = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (letter == '?' || letter == ':' || !take_option(t, letter, optarg))
			return hf_ctl_refuse("manifest test", "%s is not understood", argv[optind - 1]);
	}
	for (; optind < argc; optind++) {	/* a pattern of the shell comes as many words */
		if (!t->new_path)
			t->new_path = argv[optind];
		else if (t->against_count)
			t->against[t->against_count++] = argv[optind];
		else
			return hf_ctl_refuse("manifest test", "%s is one word too many", argv[optind]);
	}
	return check(t);
}

static enum hf_err load(struct test *t, struct hf_fault *fault)
{
	enum hf_err err = hf_arena_make(KEEP_ARENA, &t->keep);

	if (!err)
		err = hf_arena_make(JUDGE_ARENA, &t->judge);
	if (err)
		return hf_fail(fault, err, "manifest test", "%s", "memory");
	if (t->anchors)
		err = hf_trust_read(t->anchors, &t->trust, fault);
	if (!err)
		err = read_side(t, t->new_path, &t->fresh, fault);
	if (!err && t->current)
		err = read_side(t, t->current, &t->old, fault);
	return err;
}

static int tell(const struct test *t)
{
	const char *against = t->current ? t->current : "what the hosts recorded themselves";
	struct hf_trial_count c;

	if (isatty(STDERR_FILENO) && t->count >= PROGRESS)
		fputs("\r", stderr);
	hf_trial_count(t->hosts, &c);
	if (!t->json)
		hf_trial_print(stdout, t->hosts, against, t->all ? 0 : NAMES);
	else if (hf_trial_json(stdout, t->hosts, against) != 0)
		return HF_EXIT_INTERNAL;
	if (!c.hosts)
		return hf_ctl_refuse("manifest test", "there is no evidence: nothing was tried");
	return c.worse || c.unjudged ? HF_EXIT_REFUSED : HF_EXIT_OK;
}

static int run(struct test *t)
{
	struct hf_fault fault = { 0 };
	enum hf_err err = load(t, &fault);
	int code = -1;

	if (!err && t->controller)
		code = add_hosts(t);
	for (size_t i = 0; i < t->against_count && !err; i++)
		err = add_tree(t, t->against[i], &fault);
	if (err)
		return hf_ctl_fault("manifest test", &fault);
	return code == -1 ? tell(t) : code;
}

int hf_manifest_test(int argc, char **argv)
{
	static struct test t;	/* manifests are too large for the stack */
	int code;

	t = (struct test){ .host = { .command = "manifest" }, .now = (int64_t)time(NULL) };
	t.end = &t.hosts;
	t.against = calloc((size_t)argc + 1, sizeof(*t.against));
	if (!t.against)
		return HF_EXIT_INTERNAL;
	code = parse(argc, argv, &t);
	if (code == -1)
		code = run(&t);
	hf_arena_drop(&t.fresh.arena);
	hf_arena_drop(&t.old.arena);
	hf_arena_drop(&t.keep);
	hf_arena_drop(&t.judge);
	hf_trust_drop(&t.trust);
	free(t.against);
	return code;
}
