/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/attest_link.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/platform.h"
#include "measure/attest.h"
#include "measure/file.h"

#define ARENA ((size_t)128 << 20)	/* bytes; touched ones are real */
#define PARTS_SHOWN 20

/* ---- before the host is looked at ---- */

static enum hf_err read_trust(struct hf_attest_link *a, struct hf_span *ret_ca, struct hf_fault *fault)
{
	struct hf_span pem;
	enum hf_err err = hf_file_read(AT_FDCWD, a->ca, HF_LINK_CA_MAX, &a->arena, ret_ca, fault);

	if (err || !a->anchor)
		return err;
	err = hf_file_read(AT_FDCWD, a->anchor, HF_LINK_CA_MAX, &a->arena, &pem, fault);
	return err ? err : hf_trust_add(&a->trust, "ticket", HF_ANCHOR_TICKET, pem, fault);
}

/* Only a host that is enrolled at first use is found by it; without, the inventory has its key. */
static struct hf_span chassis_serial(struct hf_attest_link *a, const char *sysfs)
{
	const struct hf_platform_sources sources = { .tpm = NULL };
	struct hf_span none = { NULL, 0 };
	struct hf_part *part = NULL;
	struct hf_claims claims;
	struct hf_fault fault;
	struct hf_host host;
	enum hf_err err;

	if (hf_host_open(sysfs, &host, &fault) != HF_OK)
		return none;
	hf_claims_init(&claims, &a->arena);
	err = hf_platform_claims(&host, &sources, &claims, &part);
	hf_host_close(&host);
	return err ? none : hf_span_text(hf_platform_serial(part));
}

static enum hf_err make_key(struct hf_attest_link *a, struct hf_fault *fault)
{
	struct hf_writer w = { .buf = a->spki_bytes, .cap = sizeof(a->spki_bytes) };
	enum hf_err err = hf_boot_key_make((struct hf_span){ NULL, 0 }, &a->key, &w);

	if (!err)
		err = hf_digest(HF_ALG_SHA256, hf_written(&w), &a->key_id);
	a->spki = hf_written(&w);
	return err ? hf_fail(fault, err, "key", "for this conversation") : HF_OK;
}

static enum hf_err take_ak(struct hf_attest_link *a, struct hf_tpm *tpm, struct hf_fault *fault)
{
	struct hf_writer w = { .buf = hf_arena_take(&a->arena, HF_ATTEST_MAX), .cap = HF_ATTEST_MAX };
	enum hf_err err = w.buf ? hf_tpm_ak(tpm, &w, fault) : hf_fail(fault, HF_ERR_NO_MEMORY, "TPM", "key");

	a->talk.ak = hf_written(&w);
	return err;
}

static unsigned patience(const struct hf_attest_link *a)
{
	return (a->seconds ? (unsigned)atoi(a->seconds) : HF_LINK_SECONDS) * 1000;
}

enum hf_err hf_attest_link_begin(struct hf_attest_link *a, struct hf_tpm *tpm, const char *sysfs,
				 struct hf_fault *fault)
{
	struct hf_link_plan plan = { .urls = a->urls, .name = a->name };
	enum hf_err err = hf_arena_make(ARENA, &a->arena);

	if (err)
		return hf_fail(fault, err, "controller", "memory");
	err = read_trust(a, &plan.ca, fault);
	if (!err)
		err = make_key(a, fault);
	if (!err)
		err = take_ak(a, tpm, fault);
	if (err)
		return err;
	plan.key = a->key;
	err = hf_link_start(&plan, &a->link, fault);
	if (err)
		return err;
	a->talk.link = a->link;
	a->talk.tpm = tpm;
	a->talk.trust = &a->trust;
	a->talk.diagnosis = true;
	a->talk.boot_key = (struct hf_span){ a->key_id.bytes, 32 };
	a->talk.serial = chassis_serial(a, sysfs);
	a->talk.patience_ms = patience(a);
	a->talk.arena = &a->arena;
	return hf_converse_challenge(&a->talk, &a->challenge, fault);
}

enum hf_err hf_attest_link_send(struct hf_attest_link *a, const struct hf_evidence *evidence,
				struct hf_fault *fault)
{
	return hf_converse_evidence(&a->talk, &a->challenge, evidence, &a->answer, fault);
}

void hf_attest_link_drop(struct hf_attest_link *a)
{
	hf_link_stop(&a->link);
	hf_boot_key_drop(&a->key);
	hf_trust_drop(&a->trust);
	hf_arena_drop(&a->arena);
}

/* ---- what came of it ---- */

const char *hf_ear_status_name(enum hf_ear_status status)
{
	switch (status) {
	case HF_EAR_NONE:
		return "none";
	case HF_EAR_AFFIRMING:
		return "affirming";
	case HF_EAR_WARNING:
		return "warning";
	case HF_EAR_CONTRAINDICATED:
		return "contraindicated";
	}
	return "none";
}

static void put(struct hf_writer *w, const char *name, struct hf_span text)
{
	char line[80];
	int n;

	if (!text.len)
		return;
	n = snprintf(line, sizeof(line), "  %-12s %.*s\n", name, text.len < 62 ? (int)text.len : 62,
		     (const char *)text.ptr);
	for (int i = 0; i < n - 1; i++)		/* others' words, on a terminal */
		if (line[i] < 0x20 || line[i] > 0x7e)
			line[i] = '?';
	hf_put(w, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void put_cause(struct hf_writer *w, const struct hf_result *r)
{
	struct hf_fault fault = { .err = HF_OK };

	if (r->status == HF_EAR_AFFIRMING)
		return;
	(void)!hf_converse_refusal(r, &fault);
	put(w, "cause", hf_span_text(hf_err_name(fault.err)));
	put(w, "", hf_span_text(hf_err_sentence(fault.err)));
	put(w, "place", r->place);
	put(w, "detail", r->detail);
	put(w, "next step", hf_span_text(hf_err_next_step(fault.err)));
}

static void put_parts(struct hf_writer *w, const struct hf_result *r)
{
	char text[96];
	size_t shown = 0, bad = 0;

	for (size_t i = 0; i < r->part_count; i++) {
		const struct hf_result_part *p = &r->parts[i];

		if (p->status == HF_EAR_AFFIRMING)
			continue;
		bad++;
		if (shown++ < PARTS_SHOWN) {
			snprintf(text, sizeof(text), "%-16s %.*s", hf_ear_status_name(p->status),
				 p->path.len < 60 ? (int)p->path.len : 60, (const char *)p->path.ptr);
			put(w, "", hf_span_text(text));
		}
	}
	snprintf(text, sizeof(text), "%zu named, %zu of them not affirming, %zu not named", r->part_count, bad,
		 r->omitted);
	put(w, "parts", hf_span_text(text));
}

void hf_attest_link_print(void *self, struct hf_writer *w)
{
	const struct hf_attest_link *a = self;
	const struct hf_result *r = a->answer.result;
	static const char head[] = "the controller's result:\n";

	hf_put(w, head, strlen(head));
	put(w, "host", r->host);
	put(w, "status", hf_span_text(hf_ear_status_name(r->status)));
	put(w, "evidence", hf_span_text(hf_evidence_kind_name(r->kind)));
	put_cause(w, r);
	put_parts(w, r);
	put(w, "verifier", r->verifier);
	put(w, "lease", r->lease);
	if (a->talk.enrolled)
		put(w, "enrolled", hf_span_text("just now: this TPM's attestation key"));
	put(w, "signature", hf_span_text(a->answer.verified ? "good, by the ticket anchor" :
					 "NOT CHECKED: no --ticket-anchor was given"));
}
