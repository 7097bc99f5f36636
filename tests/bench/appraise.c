/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What judging costs beside checking the signature: appraise VALUES PARTS ROUNDS
 * One signed file holds VALUES reference values, four for each kind of part, and a model
 * with a rule for each of PARTS parts in its place. Prints microseconds, one line:
 * verify (the signature alone), load (all of hf_manifest_load), appraise, and the bytes
 * of the file. The median of ROUNDS rounds; every verdict must be "accepted". */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "manifests/appraise.h"
#include "manifests/trust.h"

#define ARENA ((size_t)1 << 30)
#define PER_KIND 4u

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

static void *take(struct hf_arena *arena, size_t size)
{
	void *p = hf_arena_take(arena, size);

	must(p != NULL, "memory");
	return p;
}

static const char *text(struct hf_arena *arena, const char *format, size_t a, size_t b)
{
	char buf[96];

	snprintf(buf, sizeof(buf), format, a, b);
	return hf_arena_text(arena, buf, strlen(buf));
}

static struct hf_digest digest_of(size_t kind, size_t value)
{
	size_t content[2] = { kind, value };
	struct hf_digest digest;

	must(!hf_digest(HF_ALG_SHA256, (struct hf_span){ (uint8_t *)content, sizeof(content) }, &digest),
	     "digest");
	return digest;
}

static void make_components(struct hf_manifests *m, size_t kinds)
{
	struct hf_component **end = &m->components;

	for (size_t k = 0; k < kinds; k++) {
		struct hf_component *c = take(m->arena, sizeof(*c));
		struct hf_environment *env = take(m->arena, sizeof(*env));
		struct hf_reference **ref = &env->references;

		c->name = text(m->arena, "kind-%zu", k, 0);
		c->releases = take(m->arena, sizeof(*c->releases));
		c->releases->name = "1.0";
		c->releases->environments = env;
		env->match = (struct hf_match){ .vendor = 0x8086, .device = (uint16_t)k, .class_code = 0x020000 };
		env->count = 1;
		for (size_t v = 0; v < PER_KIND; v++) {
			*ref = take(m->arena, sizeof(**ref));
			(*ref)->mkey = text(m->arena, "firmware/%zu", v, 0);
			(*ref)->digests[(*ref)->digest_count++] = digest_of(k, v);
			ref = &(*ref)->next;
		}
		*end = c;
		end = &c->next;
	}
}

static void make_model(struct hf_manifests *m, size_t kinds, size_t parts)
{
	struct hf_model *model = take(m->arena, sizeof(*model));
	struct hf_rule **end = &model->rules;

	model->name = model->vendor = model->product = "bench";
	model->generation = 1;
	for (size_t i = 0; i < parts; i++) {
		struct hf_rule *rule = take(m->arena, sizeof(*rule));

		rule->name = text(m->arena, "rule-%zu", i, 0);
		rule->component = text(m->arena, "kind-%zu", i % kinds, 0);
		rule->place = text(m->arena, "pci0000:%02zx/00.0/%02zx", i / 256, i % 256);
		rule->count = 1;
		rule->least_method = HF_METHOD_BYTES;
		*end = rule;
		end = &rule->next;
	}
	m->models = model;
}

static void make_claims(struct hf_claims *claims, struct hf_arena *arena, size_t kinds, size_t parts)
{
	hf_claims_init(claims, arena);
	for (size_t i = 0; i < parts; i++) {
		const char *path = text(arena, "pci0000:%02zx/00.0/%02zx", i / 256, i % 256);
		struct hf_address address = { .bus = (uint8_t)(i / 256) };
		struct hf_part *part = hf_claims_add_part(claims, HF_PART_CARD, path);
		char name[HF_PATH_MAX];
		struct hf_function *f;

		must(part != NULL, "part");
		snprintf(name, sizeof(name), "%s.0", path);
		f = hf_claims_add_function(claims, part, &address, name);
		must(f != NULL, "function");
		f->identity = (struct hf_identity){ .vendor = 0x8086, .device = (uint16_t)(i % kinds),
						    .class_code = 0x020000 };
		for (size_t v = 0; v < PER_KIND; v++) {
			struct hf_digest digest = digest_of(i % kinds, v);
			struct hf_measurement *x;

			snprintf(name, sizeof(name), "firmware/%zu", v);
			x = hf_claims_add_measurement(claims, part, f, name, HF_METHOD_BYTES,
						      HF_MEASUREMENT_CODE);
			must(x && !hf_measurement_set_digests(x, &digest, 1, 1), "measurement");
		}
	}
}

static struct hf_span signed_file(struct hf_arena *arena, size_t kinds, size_t parts, struct hf_trust *trust)
{
	struct hf_manifests m = { .arena = arena };
	struct hf_writer corim = { .cap = HF_CORIM_MAX }, cose = { .cap = HF_COSE_MAX }, pem = { .cap = 4096 };
	struct hf_fault fault;
	struct hf_key *key;

	corim.buf = take(arena, corim.cap);
	cose.buf = take(arena, cose.cap);
	pem.buf = take(arena, pem.cap);
	make_components(&m, kinds);
	make_model(&m, kinds, parts);
	must(!hf_corim_encode(&m, "bench", &corim), "encode");
	must(!hf_key_generate(HF_COSE_ES384, &key), "key");
	must(!hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, "bench", hf_written(&corim), &cose), "sign");
	must(!hf_key_write_pem(key, false, &pem), "public key");
	must(!hf_trust_add(trust, "bench", HF_ANCHOR_OWNER, hf_written(&pem), &fault), "anchor");
	hf_key_free(key);
	return hf_written(&cose);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
	return values[count / 2];
}

int main(int argc, char **argv)
{
	static struct hf_trust trust;
	static struct hf_manifests m;
	size_t values = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
	size_t parts = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 0, kinds = values / PER_KIND;
	double *times = calloc(3 * (rounds + 1), sizeof(double));
	struct hf_arena arena, work;
	struct hf_claims claims;
	struct hf_span file;

	must(times && rounds && kinds && parts, "usage: appraise VALUES PARTS ROUNDS;");
	must(!hf_arena_make(ARENA, &arena) && !hf_arena_make(ARENA, &work), "arena");
	file = signed_file(&arena, kinds, parts, &trust);
	make_claims(&claims, &arena, kinds, parts);
	for (size_t i = 0; i < rounds; i++) {
		struct hf_verdict verdict;
		struct hf_cose cose;
		struct hf_fault fault;
		double start = now(), verified, loaded;

		must(!hf_cose_parse(file, &cose) && !hf_cose_verify(&cose, trust.anchors[0].key), "verify");
		verified = now();
		work.len = 0;
		m = (struct hf_manifests){ .arena = &work };
		must(!hf_manifest_load(&trust, "bench", file, 0, &m, &fault), "load");
		loaded = now();
		hf_appraise(&(struct hf_appraise_input){ .claims = &claims, .manifests = &m, .model = m.models },
			    &work, &verdict);
		times[2 * rounds + i] = now() - loaded;
		times[rounds + i] = loaded - verified;
		times[i] = verified - start;
		must(verdict.status == HF_STATUS_ACCEPTED && verdict.coverage.parts == parts, "acceptance");
	}
	printf("%.1f %.1f %.1f %zu\n", median(times, rounds), median(times + rounds, rounds),
	       median(times + 2 * rounds, rounds), file.len);
	free(times);
	return 0;
}
