/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest accept: from a host that was held to what would admit it, for review: a waiver
 * for that host alone, or the firmware list with one release more for every host. */
#include "controller/create.h"
#include "controller/ctl.h"
#include "controller/evidence_input.h"
#include "controller/manifest_cmds.h"
#include "controller/source.h"
#include "manifests/appraise.h"
#include "measure/attest.h"
#include "measure/file.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define CLAIMS_MAX ((size_t)16 << 20)
#define NOTES_MAX (64u << 10)
#define PCR_DRIVERS 2

static const char usage[] =
	"usage: holdfastctl manifest accept --from EVIDENCE --part PLACE --manifests DIR\n"
	"           --anchors DIR (--waiver NAME | --release NAME) [--out FILE.json]\n"
	"           [--until DATE] [--host HEX] [--note TEXT]\n\n"
	"Judges the evidence by your manifests and writes, for review, what would admit\n"
	"the part at PLACE as it was found. Nothing is signed. On standard error: what\n"
	"would change.\n\n"
	"  --waiver NAME   a waiver for this host and these findings, while the model has\n"
	"                  its present generation; --until ends it earlier\n"
	"  --release NAME  the part's firmware list with one allowed release more: it\n"
	"                  then holds for every host\n"
	"  --until DATE    the last day, such as 2026-12-31; a release is then allowed\n"
	"                  until that day\n"
	"  --host HEX      name of the host's attestation key, where the evidence has none\n"
	"  --note TEXT     why\n";

struct accept {
	const char *from, *place, *manifests_dir, *anchors, *waiver, *release, *out, *note, *host;
	uint32_t until_day;	/* 0: none */
	uint8_t host_name[HF_AK_NAME];
	struct hf_arena arena;
	struct hf_trust trust;
	struct hf_manifests *manifests;
	struct hf_evidence evidence;
	struct hf_claims claims;
	const struct hf_model *model;
	struct hf_verdict verdict;
	const struct hf_part_verdict *part;
};

static void *take(struct accept *a, size_t size, enum hf_err *err, struct hf_fault *fault)
{
	void *p = *err ? NULL : hf_arena_take(&a->arena, size);

	if (!p && !*err)
		*err = hf_fail(fault, HF_ERR_LIMIT, a->from, "too large");
	return p;
}

static const char *host_text(const struct accept *a, const char *mkey)
{
	const struct hf_part *host = hf_claims_find_part(&a->claims, "host");
	const struct hf_measurement *m = host ? hf_measurement_find(host->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

/* Without the host's name, so that a waiver that is there already hides nothing. */
static enum hf_err judge(struct accept *a, struct hf_fault *fault)
{
	struct hf_appraise_input input = { .claims = &a->claims, .manifests = a->manifests };
	const char *vendor, *product;
	enum hf_err err = hf_claims_decode(&a->claims, a->evidence.claims);

	if (err)
		return hf_fail(fault, err, a->from, "claims");
	vendor = host_text(a, "smbios/vendor");
	product = host_text(a, "smbios/product");
	err = hf_model_choose(a->manifests, vendor, product, &a->model);
	if (err)
		return hf_fail(fault, err, a->from, "vendor \"%s\", product \"%s\"",
			       vendor ? vendor : "", product ? product : "");
	input.model = a->model;
	hf_appraise(&input, &a->arena, &a->verdict);
	for (const struct hf_part_verdict *p = a->verdict.parts; p; p = p->next)
		if (strcmp(p->place, a->place) == 0 &&
		    (!a->part || p->status > a->part->status ||
		     (p->status == a->part->status && p->part)))	/* with what its driver showed */
			a->part = p;
	if (!a->part)
		return hf_fail(fault, HF_ERR_USAGE, a->place, "the evidence has no such part");
	if (a->part->status <= HF_STATUS_WARNED)
		return hf_fail(fault, HF_ERR_USAGE, a->place, "the part is accepted already");
	return HF_OK;
}

static enum hf_err load(struct accept *a, struct hf_fault *fault)
{
	enum hf_err err = hf_evidence_load(a->from, &a->arena, &a->evidence, fault);

	if (!err)
		err = hf_trust_read(a->anchors, &a->trust, fault);
	if (!err)
		err = hf_manifests_read(&a->trust, a->manifests_dir, 0, a->manifests, fault);
	if (err)
		return err;
	hf_claims_init(&a->claims, &a->arena);
	return judge(a, fault);
}

/* ---- a waiver ---- */

static enum hf_err add_item(struct accept *a, const struct hf_finding *f,
			    struct hf_waiver_item ***end, struct hf_fault *fault)
{
	const char *found = f->waive_as ? f->waive_as : f->found;
	enum hf_err err = HF_OK;
	struct hf_waiver_item *item;

	if (!hf_cause_waivable(f->cause) || f->known_revoked)
		return hf_fail(fault, HF_ERR_WAIVER_SCOPE, a->place, "%s", hf_err_name(f->cause));
	item = take(a, sizeof(*item), &err, fault);
	if (!item)
		return err;
	*item = (struct hf_waiver_item){ .place = a->place, .cause = f->cause, .mkey = f->mkey,
					 .found = found };
	fprintf(stderr, "  waives %s%s%s\n    found %.60s\n", hf_err_name(f->cause),
		f->mkey ? " of " : "", f->mkey ? f->mkey : "", f->found ? f->found : "nothing");
	**end = item;
	*end = &item->next;
	return HF_OK;
}

static bool is_boot_code(const struct hf_model *model, const struct hf_digest *digest)
{
	for (const struct hf_boot_code *c = model->boot_code; c; c = c->next)
		if (hf_digest_equal(&c->sha256, digest))
			return true;
	return false;
}

static bool shows_driver(const struct hf_part *part, const struct hf_digest *digest)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		for (const struct hf_measurement *m = f->measurements; m; m = m->next)
			if (hf_driver_digest(m) && hf_digest_equal(hf_driver_digest(m), digest))
				return true;
	return false;
}

/* What a waiver admits owns no driver: the host would stay held for what firmware ran. */
static void note_drivers(const struct accept *a)
{
	struct hf_log_reader reader;
	struct hf_event event;
	char hex[2 * HF_DIGEST_MAX + 1];

	if (!a->part->part || !a->evidence.firmware_log.len ||
	    hf_log_open(a->evidence.firmware_log, &reader) != HF_OK)
		return;
	while (hf_log_next(&reader, &event))
		for (size_t i = 0; event.pcr == PCR_DRIVERS && i < event.digest_count; i++) {
			if (event.digests[i].alg != HF_ALG_SHA256 ||
			    !shows_driver(a->part->part, &event.digests[i]) ||
			    is_boot_code(a->model, &event.digests[i]))
				continue;
			hf_digest_hex(&event.digests[i], hex);
			fprintf(stderr, "not enough: firmware ran this part's driver (PCR 2), which "
				"no waiver\n  owns: use --release, or list it as boot code too\n  %s\n",
				hex);
		}
}

static enum hf_err make_waiver(struct accept *a, struct hf_manifests *out, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	struct hf_waiver *waiver = take(a, sizeof(*waiver), &err, fault);
	struct hf_waiver_item **end = waiver ? &waiver->items : NULL;
	struct hf_ak ak;

	if (!waiver)
		return err;
	waiver->name = a->waiver;
	waiver->note = a->note;
	waiver->has_generation = true;
	waiver->generation = a->model->generation;
	waiver->has_until = a->until_day != 0;
	waiver->until_day = a->until_day;
	if (a->host)
		memcpy(waiver->host, a->host_name, HF_AK_NAME);
	else if (hf_ak_parse(a->evidence.ak, &ak) == HF_OK)
		memcpy(waiver->host, ak.name, HF_AK_NAME);
	else
		return hf_fail(fault, HF_ERR_USAGE, a->from,
			       "the evidence names no attestation key: give --host");
	fprintf(stderr, "waiver %s, for this host alone, while the model has generation %llu:\n",
		a->waiver, (unsigned long long)waiver->generation);
	for (const struct hf_finding *f = a->part->findings; f && !err; f = f->next)
		if (f->action != HF_ACTION_WARN)
			err = add_item(a, f, &end, fault);
	if (!err)
		note_drivers(a);
	out->waivers = waiver;
	return err;
}

/* ---- one release more ---- */

/* The evidence as if the host had this part alone. */
static enum hf_err only_part(struct accept *a, struct hf_evidence *ret, struct hf_fault *fault)
{
	const struct hf_part *host = hf_claims_find_part(&a->claims, "host");
	struct hf_writer w = { .cap = CLAIMS_MAX };
	struct hf_part parts[2];
	struct hf_claims claims = a->claims;
	enum hf_err err = HF_OK;

	w.buf = take(a, w.cap, &err, fault);
	if (err)
		return err;
	parts[1] = *a->part->part;
	parts[1].next = NULL;
	if (host)
		parts[0] = *host;
	parts[0].next = &parts[1];
	claims.parts = host ? &parts[0] : &parts[1];
	claims.part_count = host ? 2 : 1;
	hf_claims_encode(&claims, &w);
	if (w.full)
		return hf_fail(fault, HF_ERR_LIMIT, a->from, "claims");
	*ret = (struct hf_evidence){ .claims = hf_written(&w) };
	return HF_OK;
}

static const struct hf_release *nearest(const struct accept *a)
{
	const char *name = a->part->findings ? a->part->findings->release : NULL;

	for (const struct hf_release *r = a->part->component->releases; r && name; r = r->next)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

static void print_value(char sign, const struct hf_reference *ref)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	if (ref->digest_count) {
		hf_digest_hex(&ref->digests[0], hex);
		fprintf(stderr, "  %c %s %s:%.40s...\n", sign, ref->mkey,
			hf_alg_name(ref->digests[0].alg), hex);
	} else {
		fprintf(stderr, "  %c %s %.60s\n", sign, ref->mkey, ref->text ? ref->text : "(other)");
	}
}

static void print_environment(char sign, const struct hf_environment *e)
{
	fprintf(stderr, "  %c function %04x:%04x class %06x, %u of them\n", sign, e->match.vendor,
		e->match.device, e->match.class_code, e->count);
	for (const struct hf_reference *ref = e->references; ref; ref = ref->next)
		print_value(sign, ref);
}

static void print_change(const struct accept *a, const struct hf_release *release)
{
	const struct hf_release *near = nearest(a);

	fprintf(stderr, "component %s, for every host: release %s, %s\n", a->part->component->name,
		release->name, hf_release_state_name(release->state));
	if (near)
		fprintf(stderr, "  - lines: the nearest release there is, %s, which stays\n",
			near->name);
	for (const struct hf_environment *e = near ? near->environments : NULL; e; e = e->next)
		print_environment('-', e);
	for (const struct hf_environment *e = release->environments; e; e = e->next)
		print_environment('+', e);
}

static enum hf_err make_release(struct accept *a, struct hf_manifests *out, struct hf_fault *fault)
{
	const struct hf_create options = { .release = a->release, .parts_alone = true };
	struct hf_manifests made = { .arena = &a->arena };
	struct hf_writer notes = { .cap = NOTES_MAX };
	struct hf_component *component;
	struct hf_release *release, **end;
	struct hf_evidence one;
	enum hf_err err = HF_OK;

	if (!a->part->part || !a->part->component)
		return hf_fail(fault, HF_ERR_USAGE, a->place,
			       "no firmware list describes it: use manifest create");
	notes.buf = take(a, notes.cap, &err, fault);
	component = take(a, sizeof(*component), &err, fault);
	if (!err)
		err = only_part(a, &one, fault);
	if (!err)
		err = hf_create(&options, &one, &made, &notes, fault);
	if (err)
		return err;
	release = made.components->releases;
	if (a->note)
		release->note = a->note;
	if (a->until_day) {
		release->state = HF_RELEASE_ALLOWED_UNTIL;
		release->until_day = a->until_day;
	}
	*component = *a->part->component;
	component->next = NULL;
	for (end = &component->releases; *end; end = &(*end)->next)
		if (strcmp((*end)->name, a->release) == 0)
			return hf_fail(fault, HF_ERR_DUPLICATE_NAME, a->release, "%s has it already",
				       component->name);
	*end = release;
	print_change(a, release);
	fwrite(notes.buf, 1, notes.len, stderr);
	out->components = component;
	return HF_OK;
}

/* ---- the command ---- */

static enum hf_err run(struct accept *a, struct hf_fault *fault)
{
	struct hf_manifests out = { .arena = &a->arena };
	enum hf_err err = load(a, fault);
	char *json = NULL;

	if (!err)
		err = a->waiver ? make_waiver(a, &out, fault) : make_release(a, &out, fault);
	if (!err) {
		json = hf_source_format(&out);
		err = json ? HF_OK : hf_fail(fault, HF_ERR_NO_MEMORY, a->from, "text");
	}
	if (!err && a->out)
		err = hf_file_write(AT_FDCWD, a->out, hf_span_text(json), 0644, fault);
	else if (!err)
		fputs(json, stdout);
	free(json);
	return err;
}

/* Whether the option's value is understood. */
static bool take_option(struct accept *a, int c, const char *value)
{
	switch (c) {
	case 'f':
		a->from = value;
		return true;
	case 'p':
		a->place = value;
		return true;
	case 'm':
		a->manifests_dir = value;
		return true;
	case 'a':
		a->anchors = value;
		return true;
	case 'w':
		a->waiver = value;
		return hf_name_valid(value);
	case 'r':
		a->release = value;
		return hf_name_valid(value);
	case 'o':
		a->out = value;
		return true;
	case 'n':
		a->note = value;
		return value[0] != '\0';
	case 'u':
		return hf_date_parse(value, &a->until_day) && a->until_day;
	case 'H':
		a->host = value;
		return hf_ak_name_parse(value, a->host_name);
	}
	return false;
}

int hf_manifest_accept(int argc, char **argv)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' }, { "part", required_argument, NULL, 'p' },
		{ "manifests", required_argument, NULL, 'm' }, { "anchors", required_argument, NULL, 'a' },
		{ "waiver", required_argument, NULL, 'w' }, { "release", required_argument, NULL, 'r' },
		{ "out", required_argument, NULL, 'o' }, { "note", required_argument, NULL, 'n' },
		{ "until", required_argument, NULL, 'u' }, { "host", required_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct accept a = { .place = NULL };
	struct hf_fault fault = { 0 };
	enum hf_err err;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (!take_option(&a, c, optarg))
			return hf_ctl_refuse("manifest accept", "%s is not understood",
					     argv[optind - 1]);
	}
	if (optind < argc)
		return hf_ctl_refuse("manifest accept", "%s is not understood", argv[optind]);
	if (!a.from || !a.place || !a.manifests_dir || !a.anchors || !a.waiver == !a.release)
		return hf_ctl_refuse("manifest accept", "--from, --part, --manifests, --anchors and "
				     "one of --waiver, --release are needed");
	a.manifests = calloc(1, sizeof(*a.manifests));
	if (!a.manifests || hf_arena_make(HF_MANIFEST_ARENA, &a.arena)) {
		free(a.manifests);
		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "arena");
		return hf_ctl_fault("manifest accept", &fault);
	}
	a.manifests->arena = &a.arena;
	err = run(&a, &fault);
	hf_trust_drop(&a.trust);
	hf_arena_drop(&a.arena);
	free(a.manifests);
	return err ? hf_ctl_fault("manifest accept", &fault) : HF_EXIT_OK;
}
