/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence of any bytes is never affirmed, claims of any bytes are never judged better
 * than held by a model that allows one part alone, and what is reported fits the screen. */
#include <stdlib.h>

#include "manifests/report.h"
#include "manifests/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hf_reference driver = {
	.mkey = "option-rom/1/authenticode", .digests = { { .alg = HF_ALG_SHA256 } }, .digest_count = 1,
};
static struct hf_environment environment = {
	.references = &driver,
	.match = { .vendor = 0x8086, .device = 0x10d3, .class_code = 0x020000 }, .count = 1,
};
static struct hf_release release = { .name = "1", .environments = &environment };
static struct hf_component component = { .name = "nic", .releases = &release };
static struct hf_rule rule = {
	.name = "nic", .component = "nic", .presence = HF_PRESENCE_REQUIRED, .count = 1,
	.least_method = HF_METHOD_SIGNED,
};
static struct hf_platform_firmware firmware[] = {
	{ .next = &firmware[1], .name = "2.19", .pcr_mask = 0x81, .secure_boot = HF_FIRMWARE_BOOT_ON,
	  .key_mask = 0xf },
	{ .name = "2.18", .state = HF_RELEASE_REVOKED, .pcr_mask = 1 },
};
static struct hf_revoked revoked = { .kind = HF_REVOKED_DIGEST, .digest = { .alg = HF_ALG_SHA256 } };
static struct hf_revocations revocations = { .name = "r", .generation = 1, .entries = &revoked };
static struct hf_model model = {
	.firmware = firmware,
	.name = "m", .vendor = "ACME", .product = "One", .unknown = HF_ACTION_HOLD, .rules = &rule,
};
static struct hf_image image = { .role = HF_IMAGE_AGENT, .name = "gate" };
static struct hf_manifests manifests = { .components = &component, .models = &model,
					 .images = &image, .revocations = &revocations };
static uint8_t text[1 << 20];

static void check_columns(const struct hf_writer *w)
{
	size_t column = 0;

	for (size_t i = 0; i < w->len; i++) {
		if (w->buf[i] == '\n')
			column = 0;
		else if (w->buf[i] < 0x20 || w->buf[i] > 0x7e || ++column > 80)
			abort();
	}
}

/* A length of two bytes, then so many bytes, as far as they go. */
static struct hf_span take(struct hf_cursor *c)
{
	size_t len = hf_u16le(c);

	return hf_take_span(c, len < hf_left(c) ? len : hf_left(c));
}

static void whole(struct hf_cursor *c, struct hf_arena *arena)
{
	static struct hf_verification v;
	struct hf_evidence e = { .firmware_log = take(c) };
	struct hf_verify_options options = { .manifests = &manifests, .pcr = HF_PCR_DEFAULT };

	e.log = take(c);
	e.claims = take(c);
	e.quote = take(c);
	e.signature = take(c);
	e.ak = take(c);
	e.boot_key = take(c);
	e.receipt = take(c);
	e.receipt_signature = take(c);
	hf_verify_evidence(&e, &options, arena, &v);
	if (v.cause == HF_OK)
		abort();
}

static void judge(struct hf_span log, struct hf_span cbor, struct hf_arena *arena)
{
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	struct hf_verdict verdict;
	struct hf_claims claims;

	hf_claims_init(&claims, arena);
	if (hf_claims_decode(&claims, cbor) != HF_OK)
		hf_claims_init(&claims, arena);
	hf_appraise(&(struct hf_appraise_input){ .claims = &claims, .manifests = &manifests,
						 .model = &model }, arena, &verdict);
	if (verdict.status != HF_STATUS_HELD || verdict.cause == HF_OK)
		abort();
	hf_appraise_boot(log, &manifests, &model, arena, &verdict);
	if (verdict.status != HF_STATUS_HELD || verdict.cause == HF_OK || verdict.agent_image)
		abort();
	if (verdict.platform_firmware == &firmware[0])	/* whose values nothing hashes to */
		abort();
	if (strcmp(hf_root_of_trust(&model, log), "none") != 0)
		abort();
	hf_report_tree(&claims, &verdict, &w);
	hf_report_findings(&verdict, &w);
	hf_report_coverage(&claims, NULL, &w);
	check_columns(&w);
	free(hf_report_json(&claims, &verdict, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_arena arena;
	struct hf_cursor c = hf_cursor_at((struct hf_span){ data, size });
	struct hf_begin_event begin;
	struct hf_end_event end;
	struct hf_cap_event cap;
	struct hf_span rest;

	if (!arena.base && hf_arena_make(64 << 20, &arena) != HF_OK)
		abort();
	arena.len = 0;
	switch (hf_u8(&c) % 4) {
	case 0:
		whole(&c, &arena);
		break;
	case 1:
		rest = take(&c);
		judge(rest, hf_take_span(&c, hf_left(&c)), &arena);
		break;
	case 2:
		judge((struct hf_span){ NULL, 0 }, hf_take_span(&c, hf_left(&c)), &arena);
		break;
	default:
		rest = hf_take_span(&c, hf_left(&c));
		if (hf_begin_parse(rest, &begin) == HF_OK && begin.boot_key.len % 32)
			abort();
		if (hf_end_parse(rest, &end) == HF_OK && end.verdict > HF_STATUS_HELD)
			abort();
		if (hf_cap_parse(rest, &cap) == HF_OK && cap.held.len && cap.release.len)
			abort();
		break;
	}
	return 0;
}
