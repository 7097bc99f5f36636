/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controller/create.h"
#include "controller/locate.h"
#include "controller/manifest_cmds.h"
#include "controller/source.h"
#include "measure/log.h"
#include "tests/unit/manifest_fixture.h"

static uint8_t memory[64u << 20];
static struct hf_arena arena;
static struct hf_manifests out;
static struct hf_fault fault;

static void reset(void)
{
	memset(memory, 0xaa, 1 << 20);
	arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
	out = (struct hf_manifests){ .arena = &arena };
	memset(&fault, 0xaa, sizeof(fault));
}

static enum hf_err parse(const char *json)
{
	enum hf_err err;

	reset();
	err = hf_source_parse(hf_span_text(json), "f.json", &out, &fault);
	if (err) {
		assert_int_equal(fault.err, err);
		assert_null(out.components);
		assert_null(out.models);
		assert_null(out.images);
		assert_int_equal(arena.len, 0);
	}
	return err;
}

#define MATCH "\"vendor\":\"8086\",\"device\":\"10d3\",\"class\":\"020000\""
#define HEX16 "00000000000000000000000000000000"
#define HEX32 "1111111111111111111111111111111111111111111111111111111111111111"
#define FUNCTION(more) "{" MATCH more "}"
#define COMPONENT(function) "{\"format\":1,\"component\":\"nic\",\"releases\":[{\"name\":\"1\"," \
	"\"state\":\"allowed\",\"functions\":[" function "]}]}"
#define RULE(more) "{\"name\":\"r\",\"component\":\"nic\",\"least_method\":\"bytes\"" more "}"
#define MODEL(more) "{\"format\":1,\"model\":\"m\",\"vendor\":\"v\",\"product\":\"p\"," \
	"\"generation\":3,\"mode\":\"enforce\"" more "}"
#define IMAGE_LIST(image) "{\"format\":1,\"images\":[" image "]}"

static void a_component(void **state)
{
	const struct hf_environment *env;

	(void)state;
	assert_int_equal(parse(COMPONENT(FUNCTION(",\"subsystem\":\"1028:A01F\",\"revision\":\"0b\","
		"\"serial\":\"001b21ffff334455\",\"count\":2,\"measurements\":{"
		"\"option-rom/window\":{\"sha256\":\"" HEX32 "\"},\"fw-version\":{\"text\":\"1.2\"}}"))), HF_OK);
	assert_string_equal(out.components->name, "nic");
	assert_int_equal(out.components->releases->state, HF_RELEASE_ALLOWED);
	env = out.components->releases->environments;
	assert_int_equal(env->match.vendor, 0x8086);
	assert_int_equal(env->match.device, 0x10d3);
	assert_int_equal(env->match.class_code, 0x020000);
	assert_true(env->match.has_subsystem);
	assert_int_equal(env->match.subsystem_vendor, 0x1028);
	assert_int_equal(env->match.subsystem_device, 0xa01f);
	assert_true(env->match.has_revision);
	assert_int_equal(env->match.revision, 0x0b);
	assert_true(env->match.has_serial);
	assert_true(env->match.serial == 0x001b21ffff334455);
	assert_int_equal(env->count, 2);
	assert_string_equal(env->references->mkey, "option-rom/window");
	assert_int_equal(env->references->digest_count, 1);
	assert_string_equal(env->references->next->text, "1.2");
	assert_null(env->references->next->next);
}

/* What a model leaves out has its strictest value. */
static void defaults_are_strict(void **state)
{
	(void)state;
	assert_int_equal(parse(MODEL(",\"rules\":[" RULE("") "]")), HF_OK);
	assert_true(out.models->tpm_required);
	assert_int_equal(out.models->unknown, HF_ACTION_HOLD);
	assert_int_equal(out.models->mode, HF_MODE_ENFORCE);
	assert_true(out.models->generation == 3);
	assert_null(out.models->drivers);
	assert_null(out.models->boot_code);
	assert_int_equal(out.models->rules->presence, HF_PRESENCE_REQUIRED);
	assert_int_equal(out.models->rules->count, 1);
	assert_int_equal(out.models->rules->action, HF_ACTION_HOLD);
	assert_null(out.models->rules->place);
	assert_int_equal(parse(COMPONENT(FUNCTION(""))), HF_OK);
	assert_int_equal(out.components->releases->environments->count, 1);
	assert_false(out.components->releases->environments->match.has_subsystem);
}

#define REVOKE(list) "{\"format\":1,\"revocations\":\"r\",\"generation\":2,\"revoke\":[" list "]}"

static void revocations_both_ways(void **state)
{
	const struct hf_revoked *e;
	char *again;

	(void)state;
	assert_int_equal(parse(REVOKE("{\"key\":\"" HEX32 "\",\"note\":\"lost\"},"
				      "{\"digest\":\"" HEX32 HEX32 "\"},"
				      "{\"component\":\"nic\",\"release\":\"1.0\"}")), HF_OK);
	assert_true(out.revocations->generation == 2);
	e = out.revocations->entries;
	assert_int_equal(e->kind, HF_REVOKED_KEY);
	assert_string_equal(e->note, "lost");
	assert_int_equal(e->next->kind, HF_REVOKED_DIGEST);
	assert_int_equal(e->next->digest.alg, HF_ALG_SHA512);
	assert_string_equal(e->next->next->release, "1.0");
	again = hf_source_format(&out);
	assert_non_null(again);
	assert_int_equal(parse(again), HF_OK);
	e = out.revocations->entries;
	assert_int_equal(e->digest.bytes[31], 0x11);
	assert_string_equal(e->next->next->component, "nic");
	free(again);
}

static void mistakes_are_named(void **state)
{
	static const struct { const char *json, *where, *detail; } rows[] = {
		{ "", "f.json:1", "'[' or '{' expected near end of file" },
		{ "{\n\"format\":1,\n\"model\":}", "f.json:3", "unexpected token near '}'" },
		{ "{\"format\":1,\n\"model\":\"a\",\n\"model\":\"b\"}", "f.json:3", "duplicate object key near '\"model\"'" },
		{ "{} x", "f.json:1", "end of file expected near 'x'" },
		{ "[]", "f.json:1", "document: must be an object" },
		{ "{\"model\":\"m\"}", "f.json:1", "format: is missing" },
		{ "{\"format\":2,\"model\":\"m\"}", "f.json:1", "format: this version reads format 1" },
		{ REVOKE(""), "f.json:1", "revoke: must not be empty" },
		{ REVOKE("{\"key\":\"11\"}"), "f.json:1", "revoke[0]: key and manifest are 64 hexadecimal digits, digest 64, 96 or 128" },
		{ REVOKE("{\"key\":\"" HEX32 HEX32 "\"}"), "f.json:1", "revoke[0]: key and manifest are 64 hexadecimal digits, digest 64, 96 or 128" },
		{ REVOKE("{\"key\":\"" HEX32 "\",\"digest\":\"" HEX32 "\"}"), "f.json:1", "revoke[0]: needs exactly one of key, manifest, digest, component" },
		{ REVOKE("{\"component\":\"nic\"}"), "f.json:1", "revoke[0]: needs component and release together, or neither" },
		{ REVOKE("{\"component\":\"a/b\",\"release\":\"1\"}"), "f.json:1", "revoke[0]: component and release are names: 1 to 96 plain characters" },
		{ REVOKE("{\"host\":\"a\"}"), "f.json:1", "revoke[0]: has a member other than key, manifest, digest, component, release, note" },
		{ REVOKE("7"), "f.json:1", "revoke[0]: must be an object" },
		{ "{\"format\":1}", "f.json:1", "document: has no component, model, images, waiver or revocations" },
		{ "{\"format\":1,\"component\":\"n\",\"relaeses\":[]}", "f.json:1", "relaeses: there is no such member" },
		{ "{\"format\":1,\"component\":\"n\",\"model\":\"m\"}", "f.json:1", "model: there is no such member" },
		{ "{\"format\":1,\"component\":\"n\",\"releases\":[]}", "f.json:1", "releases: must not be empty" },
		{ "{\"format\":1,\"component\":\"a/b\",\"releases\":[{}]}", "f.json:1", "component: must be 1 to 96 plain characters without a slash" },
		{ "{\"format\":1,\"component\":\"n\",\"releases\":[{\"name\":\"1\",\"functions\":[" FUNCTION("") "]}]}", "f.json:1", "releases[0].state: is missing" },
		{ "{\"format\":1,\"component\":\"n\",\"releases\":[{\"name\":\"1\",\"state\":\"good\",\"functions\":[]}]}", "f.json:1", "releases[0].state: must be allowed, allowed-until, update or revoked" },
		{ COMPONENT("{\"vendor\":\"8086\",\"device\":\"10d3\"}"), "f.json:1", "releases[0].functions[0].class: is missing" },
		{ COMPONENT("{\"vendor\":\"808\",\"device\":\"10d3\",\"class\":\"020000\"}"), "f.json:1", "releases[0].functions[0].vendor: must be 4 hexadecimal digits" },
		{ COMPONENT("{\"vendor\":8086,\"device\":\"10d3\",\"class\":\"020000\"}"), "f.json:1", "releases[0].functions[0].vendor: must be a text" },
		{ COMPONENT(FUNCTION(",\"subsystem\":\"1028\"")), "f.json:1", "releases[0].functions[0].subsystem: must be written as vendor:device, 8086:a01f" },
		{ COMPONENT(FUNCTION(",\"subsystem\":\"1028:zzzz\"")), "f.json:1", "releases[0].functions[0].subsystem: must be written as vendor:device, 8086:a01f" },
		{ COMPONENT(FUNCTION(",\"serial\":\"1\"")), "f.json:1", "releases[0].functions[0].serial: must be 16 hexadecimal digits" },
		{ COMPONENT(FUNCTION(",\"count\":-1")), "f.json:1", "releases[0].functions[0].count: must be a whole number in range" },
		{ COMPONENT(FUNCTION(",\"count\":1.5")), "f.json:1", "releases[0].functions[0].count: must be a whole number in range" },
		{ COMPONENT(FUNCTION(",\"count\":4294967296")), "f.json:1", "releases[0].functions[0].count: must be a whole number in range" },
		{ COMPONENT(FUNCTION(",\"measurements\":[]")), "f.json:1", "releases[0].functions[0].measurements: must be an object" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{}}")), "f.json:1", "releases[0].functions[0].measurements.r: needs digests (sha256, sha384, sha512), a text, bytes, svn or minimum_svn: one of them" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"bytes\":\"012\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.bytes: must be hexadecimal digits, two for each byte" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"bytes\":\"0x\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.bytes: must be hexadecimal digits, two for each byte" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"bytes\":\"01\",\"mask\":\"0102\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.mask: must be as long as bytes" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"text\":\"x\",\"mask\":\"01\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.mask: must be as long as bytes" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"sha256\":\"" HEX32 "\",\"sha384\":\"" HEX32 HEX16 "\",\"sha512\":\"" HEX32 HEX32 "\"}}")), "f.json:1", "releases[0].functions[0].measurements.r: has more than two digests" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"sha1\":\"00\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.sha1: there is no such member" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"sha256\":\"00\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.sha256: must be 64 hexadecimal digits (sha256)" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"sha256\":\"" HEX32 "\",\"text\":\"x\"}}")), "f.json:1", "releases[0].functions[0].measurements.r: needs digests (sha256, sha384, sha512), a text, bytes, svn or minimum_svn: one of them" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"\":{\"text\":\"x\"}}")), "f.json:1", "releases[0].functions[0].measurements.: a measurement's name has 1 to 64 bytes" },
		{ COMPONENT(FUNCTION(",\"measurements\":{\"r\":{\"text\":\"a\\u0007\"}}")), "f.json:1", "releases[0].functions[0].measurements.r.text: must be 1 to 4096 bytes without control characters" },
		{ MODEL(""), "f.json:1", "rules: is missing" },
		{ MODEL(",\"rules\":[]"), "f.json:1", "rules: must not be empty" },
		{ MODEL(",\"rules\":[" RULE(",\"action\":\"admit\"") "]"), "f.json:1", "rules[0].action: must be hold, fence or warn" },
		{ MODEL(",\"rules\":[" RULE(",\"presence\":\"maybe\"") "]"), "f.json:1", "rules[0].presence: must be required, optional or forbidden" },
		{ MODEL(",\"rules\":[" RULE(",\"count\":0") "]"), "f.json:1", "rules[0].count: must be 1 or more" },
		{ MODEL(",\"rules\":[{\"name\":\"r\",\"component\":\"nic\"}]"), "f.json:1", "rules[0].least_method: is missing" },
		{ MODEL(",\"rules\":[{\"name\":\"r\",\"component\":\"nic\",\"least_method\":\"none\"}]"), "f.json:1", "rules[0].least_method: must be identity, version, bytes, signed-unbound or signed" },
		{ MODEL(",\"tpm\":\"yes\",\"rules\":[" RULE("") "]"), "f.json:1", "tpm: must be required or optional" },
		{ MODEL(",\"unknown\":\"admit\",\"rules\":[" RULE("") "]"), "f.json:1", "unknown: must be hold, fence or warn" },
		{ MODEL(",\"drivers\":[7],\"rules\":[" RULE("") "]"), "f.json:1", "drivers[0]: must be the name of a driver" },
		{ MODEL(",\"boot_code\":[{\"name\":\"d\"}],\"rules\":[" RULE("") "]"), "f.json:1", "boot_code[0].sha256: is missing" },
		{ "{\"format\":1,\"model\":\"m\",\"vendor\":\"v\",\"product\":\"p\",\"generation\":1,\"rules\":[" RULE("") "]}", "f.json:1", "mode: is missing" },
		{ IMAGE_LIST("{\"role\":\"agent\",\"name\":\"a\",\"kernel\":\"" HEX32 "\",\"initrd\":\"" HEX32 "\"}"), "f.json:1", "images[0]: an agent has kernel, initrd and command_line" },
		{ IMAGE_LIST("{\"role\":\"agent\",\"name\":\"a\",\"kernel\":\"" HEX32 "\",\"initrd\":\"" HEX32 "\",\"command_line\":\"" HEX32 "\",\"uki\":\"" HEX32 "\"}"), "f.json:1", "images[0]: uki and sections belong together" },
		{ IMAGE_LIST("{\"role\":\"tenant\",\"name\":\"a\",\"root\":\"" HEX32 "\"}"), "f.json:1", "images[0].kind: is missing" },
		{ IMAGE_LIST("{\"role\":\"tenant\",\"kind\":\"root\",\"name\":\"a\",\"root\":\"" HEX32 "\",\"kernel\":\"" HEX32 "\"}"), "f.json:1", "images[0]: an image of kind root has root alone" },
		{ IMAGE_LIST("{\"role\":\"tenant\",\"kind\":\"next-boot\",\"name\":\"a\",\"root\":\"" HEX32 "\"}"), "f.json:1", "images[0]: an image of kind next-boot has boot_entry alone" },
		{ IMAGE_LIST("{\"role\":\"tenant\",\"kind\":\"exit\",\"name\":\"a\",\"boot_entry\":\"" HEX32 "\"}"), "f.json:1", "images[0]: an image of kind exit has a name and nothing else" },
		{ IMAGE_LIST("{\"role\":\"tenant\",\"kind\":\"reboot\",\"name\":\"a\"}"), "f.json:1", "images[0].kind: must be kexec, root, next-boot or exit" },
		{ IMAGE_LIST("{\"role\":\"tenant\",\"kind\":\"kexec\",\"name\":\"a\",\"kernel\":\"" HEX32 "\",\"initrd\":\"" HEX32 "\"}"), "f.json:1", "images[0]: an image by kexec has kernel, initrd and command_line_text" },
		{ IMAGE_LIST("{\"role\":\"guest\",\"name\":\"a\"}"), "f.json:1", "images[0].role: must be agent, tenant or service" },
		{ IMAGE_LIST(""), "f.json:1", "images: must not be empty" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].json), HF_ERR_MANIFEST_SOURCE);
		assert_string_equal(fault.where, rows[i].where);
		assert_string_equal(fault.detail, rows[i].detail);
	}
	assert_int_equal(parse(MODEL(",\"rules\":[" RULE("") ",\n" RULE("") "]")), HF_ERR_DUPLICATE_NAME);
	assert_string_equal(fault.where, "f.json:2");
	assert_string_equal(fault.detail, "rules[1].name: rules[0] has it, too");
	assert_int_equal(parse(MODEL(",\"rules\":[" RULE("") "]")), HF_OK);
	assert_int_equal(hf_source_parse(hf_span_text(MODEL(",\"rules\":[" RULE("") "]")), "g.json", &out, &fault),
			 HF_ERR_DUPLICATE_NAME);
	assert_string_equal(fault.where, "g.json");
	reset();
	assert_int_equal(hf_source_parse((struct hf_span){ memory, HF_SOURCE_MAX + 1 }, "f.json", &out, &fault),
			 HF_ERR_FILE_TOO_LARGE);
}

/* What is wrong with a value is said with the line on which that value stands. */
static void mistakes_are_located(void **state)
{
	static const struct { const char *json, *where; } rows[] = {
		{ "{\n\"format\":1,\n\"model\":\"m\",\n\"vendor\":\"v\",\"product\":\n\"\"}", "f.json:4" },
		{ "{\n\"format\":1,\n\"model\":\"m\",\n\"zz\": [\n{\n}\n],\n\"yy\":1}", "f.json:4" },
		{ "\n\n{\"format\":1,\n\"model\":\"m\"}", "f.json:3" },
		{ "{\"format\":1,\"images\":[\n{\n\"role\":\"agent\",\n\"name\":\"}]\\\",\",\n\"kernel\":\"0\"}]}",
		  "f.json:5" },
		{ "{\"format\":1,\"component\":\"c\",\"releases\":[\n{\"name\":\"1\",\n\"functions\":[1,[2],{\"a\":"
		  "\"]\"}],\n\"state\":\"allowed\"\n}\n]}", "f.json:3" },
	};
	static char file[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].json), HF_ERR_MANIFEST_SOURCE);
		assert_string_equal(fault.where, rows[i].where);
	}
	memset(file, 'x', sizeof(file) - 1);	/* the line survives a path that is too long */
	reset();
	assert_int_equal(hf_source_parse(hf_span_text(rows[0].json), file, &out, &fault), HF_ERR_MANIFEST_SOURCE);
	assert_int_equal(strlen(fault.where), sizeof(fault.where) - 1);
	assert_string_equal(fault.where + strlen(fault.where) - 3, "x:4");
	/* bytes that are no JSON end somewhere, too */
	struct hf_json_step steps[] = { { .key = "a" }, { .index = 3 }, { .key = "" } };
	static const char *const broken[] = { "", "{", "{\"", "{\"a", "{\"a\\", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":[1,,]",
					      "{\"b\":]]}}", "[[[", "\n\"\\" };
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_in_range(hf_json_line(hf_span_text(broken[i]), steps, 3), 1, 2);
}

/* source -> manifests -> CoRIM -> manifests -> source: the same text at both ends. */
static void sources_come_back(void **state)
{
	static const unsigned kinds[] = { COMPONENTS, MODELS, IMAGES };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sample s;
		struct hf_manifests again = { .arena = &arena };
		struct hf_span corim, second;
		char *first, *last;

		reset();
		sample_make(&s);
		out.components = kinds[i] == COMPONENTS ? &s.component : NULL;
		out.models = kinds[i] == MODELS ? &s.model : NULL;
		out.images = kinds[i] == IMAGES ? &s.images[0] : NULL;
		first = hf_source_format(&out);
		assert_non_null(first);
		assert_int_equal(parse(first), HF_OK);
		assert_int_equal(hf_input_encode(&out, "f", &corim, &fault), HF_OK);
		assert_int_equal(hf_input_encode(&out, "f", &second, &fault), HF_OK);
		assert_true(hf_span_equal(corim, second));
		assert_int_equal(hf_corim_decode(corim, 0, 0, &again), HF_OK);
		last = hf_source_format(&again);
		assert_non_null(last);
		assert_string_equal(first, last);
		free(first);
		free(last);
	}
}

/* ---- lint ---- */

struct heard { size_t errors, warnings; char last[512]; };

static void hear(void *self, bool error, size_t file, const char *text)
{
	struct heard *heard = self;

	(void)file;
	heard->errors += error;
	heard->warnings += !error;
	if (error)
		snprintf(heard->last, sizeof(heard->last), "%s", text);
}

static void load(const char *path)
{
	enum hf_input_kind kind = HF_INPUT_VERIFIED;
	enum hf_err err = hf_input_read(path, NULL, 0, &out, &kind, NULL, &fault);

	if (err)
		fail_msg("%s: %s: %s", fault.where, hf_err_name(err), fault.detail);
	assert_int_equal(kind, HF_INPUT_SOURCE);
}

static void examples_are_valid_together(void **state)
{
	struct heard heard = { 0 };

	(void)state;
	reset();
	load("examples/manifests/board-lab-q35.json");
	load("examples/manifests/card-8086-10d3.json");
	load("examples/manifests/model-lab-q35.json");
	load("examples/manifests/images.json");
	assert_int_equal(hf_lint(&out, NULL, hear, &heard), 0);
	assert_string_equal(heard.last, "");
	assert_int_equal(heard.warnings, 0);
}

static void lint_finds_what_cannot_mean_what_it_says(void **state)
{
	struct sample s;
	struct hf_model twin;

#define LINT(change, count, text) do { \
	struct heard heard = { 0 }; \
	sample_make(&s); \
	s.model.mode = HF_MODE_ENFORCE; \
	s.releases[1].provenance = "x"; \
	struct hf_manifests m = { .components = &s.component, .models = &s.model, .images = s.images }; \
	change; \
	assert_int_equal(hf_lint(&m, NULL, hear, &heard), count); \
	assert_int_equal(heard.errors, count); \
	assert_string_equal(heard.last, text); \
} while (0)

	(void)state;
	LINT((void)0, 0, "");
	LINT(s.rules[0].component = "disk", 1, "rule nic at 1: no file given here describes component disk");
	LINT(s.rules[1].place = s.rules[0].place, 2, "rule spare: one place holds one part, not 3");
	LINT((s.rules[1].place = s.rules[0].place, s.rules[1].count = 1), 1,
	     "rule spare can never apply: rule nic at 1 has the same component and place");
	LINT((s.rules[0].place = NULL, s.rules[0].presence = HF_PRESENCE_FORBIDDEN), 1,
	     "rule spare can never apply: rule nic at 1 forbids the component");
	LINT((s.rules[0].place = NULL, s.rules[1].presence = HF_PRESENCE_FORBIDDEN), 1,
	     "rule nic at 1 can never apply: rule spare forbids the component");
	LINT((s.references[0] = s.references[1]), 1,
	     "rule nic at 1: no release of nic can be matched by method bytes or better");
	LINT((twin = s.model, twin.name = "twin", twin.next = NULL, s.model.next = &twin), 1,
	     "models lab and twin are for the same vendor and product");
	LINT(s.rules[0].least_method = HF_METHOD_UNBOUND, 1,
	     "rule nic at 1: no release of nic lists what a device signs (spdm/N), and the rule demands "
	     "method signed-unbound");
	LINT((s.rules[0].least_method = HF_METHOD_SIGNED, s.references[0].mkey = "spdm/1"), 0, "");
	LINT(s.images[2].name = s.images[1].name, 1, "two images have the name debian");
	LINT((s.rules[0].place = "board", s.rules[0].action = HF_ACTION_FENCE), 1,
	     "rule nic at 1: the board cannot be fenced: the host would be held");
	LINT((s.rules[0].action = HF_ACTION_FENCE), 0, "");
	LINT(s.references[2].digests[0] = s.references[0].digests[0], 1,
	     "nic: releases 2.0 (allowed) and 1.0 (revoked) have the same digest of option-rom/window");
	LINT((s.references[2].digests[0] = s.references[0].digests[0], s.releases[1].state = HF_RELEASE_ALLOWED), 0, "");
#undef LINT
}

static size_t warnings_at(struct sample *s, struct hf_waiver *waiver, int64_t now, uint32_t version, size_t *ret_errors)
{
	struct hf_manifests m = { .components = &s->component, .models = &s->model, .waivers = waiver };
	struct hf_lint_context context = { .now = now, .agent_version = version };
	struct heard heard = { 0 };

	*ret_errors = hf_lint(&m, &context, hear, &heard);
	return heard.warnings;
}

/* A date is a warning in its last 30 days and from then on; an older agent is an error for
 * each thing that it does not know. */
static void lint_knows_the_calendar_and_older_agents(void **state)
{
	struct hf_waiver waiver = { .name = "w", .has_until = true, .has_generation = true, .until_day = 20000 };
	struct sample s;
	size_t base, errors;

	(void)state;
	sample_make(&s);
	s.releases[1].state = HF_RELEASE_ALLOWED_UNTIL;
	s.releases[1].until_day = 20100;
	base = warnings_at(&s, &waiver, 0, 0, &errors);
	assert_int_equal(warnings_at(&s, &waiver, 19970LL * 86400, 0, &errors), base);
	assert_int_equal(warnings_at(&s, &waiver, 19971LL * 86400, 0, &errors), base + 1);
	assert_int_equal(warnings_at(&s, &waiver, 20001LL * 86400, 0, &errors), base + 1);
	assert_int_equal(warnings_at(&s, &waiver, 20101LL * 86400, 0, &errors), base + 2);
	assert_int_equal(errors, 0);
	warnings_at(&s, &waiver, 0, HF_VERSION_OF(0, 1, 0), &errors);
	assert_int_equal(errors, 0);
	warnings_at(&s, &waiver, 0, HF_VERSION_OF(0, 0, 9), &errors);
	assert_int_equal(errors, 5);	/* component, its date, model, a rule with the owner's word, waiver */
	struct hf_name_list slot = { NULL, "PCIe Slot 3" };
	s.rules[0].slots = &slot;
	s.rules[0].audit = true;
	s.rules[1].class_prefix = "02";
	s.references[0].svn_kind = HF_SVN_LEAST;
	warnings_at(&s, &waiver, 0, HF_VERSION_OF(0, 0, 9), &errors);
	assert_int_equal(errors, 9);
}

/* ---- create ---- */

static struct hf_digest rom_a, rom_b;

static int make_digests(void **state)
{
	(void)state;
	rom_a = digest_of(HF_ALG_SHA256, 0x51);
	rom_b = digest_of(HF_ALG_SHA256, 0x52);
	return 0;
}

static struct hf_part *add_card(struct hf_claims *claims, const char *path, const struct hf_digest *rom)
{
	struct hf_part *part = hf_claims_add_part(claims, HF_PART_CARD, path);
	char name[HF_PATH_MAX];

	for (uint8_t i = 0; i < 2; i++) {
		struct hf_address address = { .bus = 3, .function = i };
		struct hf_function *f;
		struct hf_measurement *m;

		snprintf(name, sizeof(name), "%s.%u", path, i);
		f = hf_claims_add_function(claims, part, &address, name);
		f->identity = (struct hf_identity){ .vendor = 0x8086, .device = 0x1521, .class_code = 0x020000,
			.revision = 1, .subsystem_vendor = 0x1028, .subsystem_device = 0x1f9a,
			.has_serial = true, .serial = (uintptr_t)path };
		m = hf_claims_add_measurement(claims, part, f, "option-rom/window", HF_METHOD_BYTES,
					      HF_MEASUREMENT_CODE);
		m->kind = HF_VALUE_DIGESTS;
		m->digests[m->digest_count++] = *rom;
		m->size = 512;
		m = hf_claims_add_measurement(claims, part, f, "config/masked-1", HF_METHOD_IDENTITY,
					      HF_MEASUREMENT_ADVISORY);
		m->kind = HF_VALUE_DIGESTS;
		m->digests[m->digest_count++] = rom_b;
		m->size = 256;
	}
	return part;
}

static void host_text(struct hf_claims *claims, struct hf_part *host, const char *mkey, const char *text)
{
	struct hf_measurement *m = hf_claims_add_measurement(claims, host, NULL, mkey, HF_METHOD_IDENTITY, 0);

	assert_int_equal(hf_measurement_set_text(claims, m, text), HF_OK);
}

static struct hf_span golden_claims(void)
{
	static uint8_t buf[1 << 16], scratch[1 << 20];
	struct hf_arena a = { .base = scratch, .cap = sizeof(scratch) };
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_claims claims;
	struct hf_part *part;
	struct hf_address zero = { 0 };
	struct hf_function *f;

	hf_claims_init(&claims, &a);
	part = hf_claims_add_part(&claims, HF_PART_HOST, "host");
	host_text(&claims, part, "smbios/vendor", "Dell Inc.");
	host_text(&claims, part, "smbios/product", "PowerEdge R650");
	part = hf_claims_add_part(&claims, HF_PART_BOARD, "board");
	f = hf_claims_add_function(&claims, part, &zero, "pci0000:00/00.0");
	f->identity = (struct hf_identity){ .vendor = 0x8086, .device = 0x09a2, .class_code = 0x060000 };
	add_card(&claims, "pci0000:00/01.0/00", &rom_a);
	add_card(&claims, "pci0000:00/02.0/00", &rom_a);
	add_card(&claims, "pci0000:00/03.0/00", &rom_b);
	hf_claims_encode(&claims, &w);
	assert_false(w.full);
	return hf_written(&w);
}

static void put_event(struct hf_writer *w, uint32_t pcr, uint32_t type, const struct hf_digest *digest,
		      struct hf_span data)
{
	hf_put_le(w, pcr, 4);
	hf_put_le(w, type, 4);
	hf_put_le(w, 1, 4);
	hf_put_le(w, 0xb, 2);
	hf_put(w, digest->bytes, 32);
	hf_put_le(w, data.len, 4);
	hf_put_span(w, data);
}

static struct hf_span firmware_log(void)
{
	static const uint8_t spec[] = "Spec ID Event03\0\0\0\0\0\0\2\0\2\1\0\0\0\xb\0\x20\0";
	static uint8_t buf[4096];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_digest d = digest_of(HF_ALG_SHA256, 0x61), e = digest_of(HF_ALG_SHA256, 0x62), separator;
	struct hf_span zeros = { (const uint8_t[4]){ 0 }, 4 };

	hf_put_le(&w, 0, 4);
	hf_put_le(&w, HF_EV_NO_ACTION, 4);
	for (int i = 0; i < 20; i++)
		hf_put_le(&w, 0, 1);
	hf_put_le(&w, sizeof(spec), 4);
	hf_put(&w, spec, sizeof(spec));
	assert_int_equal(hf_digest(HF_ALG_SHA256, zeros, &separator), HF_OK);
	put_event(&w, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, &d, hf_span_text("path"));
	put_event(&w, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, &d, hf_span_text("path"));
	put_event(&w, 2, HF_EV_EFI_RUNTIME_SERVICES_DRIVER, &rom_a, hf_span_text("path"));
	put_event(&w, 2, HF_EV_SEPARATOR, &separator, zeros);
	put_event(&w, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, &e, hf_span_text("path"));
	put_event(&w, 0, 8, &e, hf_span_text("firmware"));
	return hf_written(&w);
}

static char notes_text[8192];

static enum hf_err create(const struct hf_create *options, struct hf_span claims, struct hf_span log)
{
	struct hf_evidence evidence = { .claims = claims, .firmware_log = log };
	struct hf_writer notes = { .buf = (uint8_t *)notes_text, .cap = sizeof(notes_text) - 1 };
	enum hf_err err;

	reset();
	err = hf_create(options, &evidence, &out, &notes, &fault);
	notes_text[notes.len] = '\0';
	return err;
}

static void a_golden_host_becomes_manifests(void **state)
{
	struct hf_create options = { .generation = 4, .mode = HF_MODE_AUDIT, .drivers = { "nvme" }, .driver_count = 1 };
	const struct hf_component *card;
	const struct hf_release *r;
	const struct hf_rule *rule;
	struct heard heard = { 0 };
	struct hf_span corim;

	(void)state;
	assert_int_equal(create(&options, golden_claims(), firmware_log()), HF_OK);
	assert_string_equal(out.models->name, "dell-inc-poweredge-r650");
	assert_string_equal(out.models->vendor, "Dell Inc.");
	assert_string_equal(out.models->product, "PowerEdge R650");
	assert_true(out.models->generation == 4);
	assert_int_equal(out.models->mode, HF_MODE_AUDIT);
	assert_true(out.models->tpm_required);
	assert_int_equal(out.models->unknown, HF_ACTION_HOLD);
	assert_string_equal(out.models->drivers->name, "nvme");
	/* the board, and three cards of one kind: two alike, one with other firmware */
	assert_string_equal(out.components->name, "board-dell-inc-poweredge-r650");
	card = out.components->next;
	assert_string_equal(card->name, "card-8086-1521-1028-1f9a");
	assert_null(card->next);
	r = card->releases;
	assert_string_equal(r->environments->references->from, "bytes at pci0000:00/01.0/00.0");
	assert_string_equal(r->name, "as-found");
	assert_non_null(strstr(r->provenance, "Dell Inc. PowerEdge R650 at pci0000:00/01.0/00"));
	assert_string_equal(r->next->name, "as-found-2");
	assert_null(r->next->next);
	assert_non_null(strstr(notes_text, "pci0000:00/03.0/00: other firmware than its kind"));
	/* two ports alike are one function, twice; serial numbers and advisories stay out */
	assert_int_equal(r->environments->count, 2);
	assert_null(r->environments->next);
	assert_false(r->environments->match.has_serial);
	assert_true(r->environments->match.has_subsystem);
	assert_string_equal(r->environments->references->mkey, "option-rom/window");
	assert_null(r->environments->references->next);
	rule = out.models->rules;
	assert_string_equal(rule->place, "board");
	assert_int_equal(rule->least_method, HF_METHOD_IDENTITY);
	rule = rule->next;
	assert_string_equal(rule->name, "card-8086-1521-1028-1f9a");
	assert_string_equal(rule->place, "pci0000:00/01.0/00");
	assert_int_equal(rule->least_method, HF_METHOD_BYTES);
	assert_int_equal(rule->presence, HF_PRESENCE_REQUIRED);
	assert_string_equal(rule->next->name, "card-8086-1521-1028-1f9a-2");
	assert_string_equal(rule->next->next->name, "card-8086-1521-1028-1f9a-3");
	assert_null(rule->next->next->next);
	/* drivers of PCR 2 once each, no separator, nothing of PCR 4 */
	assert_string_equal(out.models->boot_code->name, "driver-0");
	assert_string_equal(out.models->boot_code->next->name, "driver-1 of 8086:1521");
	assert_null(out.models->boot_code->next->next);
	assert_non_null(strstr(notes_text, "PCR 4 also ran 6262"));
	assert_int_equal(hf_lint(&out, NULL, hear, &heard), 0);
	assert_int_equal(hf_input_encode(&out, "created", &corim, &fault), HF_OK);
}

static void programs_are_included_when_named(void **state)
{
	struct hf_create options = { .generation = 1, .release = "2024-01", .application_count = 1 };

	(void)state;
	options.applications[0] = digest_of(HF_ALG_SHA256, 0x62);
	assert_int_equal(create(&options, golden_claims(), firmware_log()), HF_OK);
	assert_string_equal(out.models->boot_code->next->next->name, "application-2");
	assert_null(strstr(notes_text, "PCR 4"));
	assert_string_equal(out.components->next->releases->next->name, "2024-01-2");
}

static void evidence_that_is_not_enough(void **state)
{
	struct hf_create options = { .generation = 1 };
	struct hf_span claims = golden_claims(), log = firmware_log();

	(void)state;
	assert_int_equal(create(&options, (struct hf_span){ 0 }, log), HF_ERR_CLAIMS_MISSING);
	assert_int_equal(create(&options, (struct hf_span){ claims.ptr, claims.len - 1 }, log), HF_ERR_CBOR_TRUNCATED);
	assert_int_equal(create(&options, claims, (struct hf_span){ log.ptr, log.len - 1 }), HF_ERR_LOG_TRUNCATED);
	assert_int_equal(create(&options, claims, (struct hf_span){ 0 }), HF_OK);
	assert_null(out.models->boot_code);
	assert_non_null(strstr(notes_text, "no firmware log"));
	assert_int_equal(create(&options, (struct hf_span){ (const uint8_t[]){ 0x80 }, 1 }, log), HF_ERR_CLAIMS_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_component),
		cmocka_unit_test(defaults_are_strict),
		cmocka_unit_test(revocations_both_ways),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(mistakes_are_located),
		cmocka_unit_test(sources_come_back),
		cmocka_unit_test(examples_are_valid_together),
		cmocka_unit_test(lint_finds_what_cannot_mean_what_it_says),
		cmocka_unit_test(lint_knows_the_calendar_and_older_agents),
		cmocka_unit_test(a_golden_host_becomes_manifests),
		cmocka_unit_test(programs_are_included_when_named),
		cmocka_unit_test(evidence_that_is_not_enough),
	};

	return cmocka_run_group_tests(tests, make_digests, NULL);
}
