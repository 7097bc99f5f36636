/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/judge_fixture.h: the evidence of an accepted boot under policy controller, and what
 * the store knows of that host. Each test changes one thing. */
#ifndef HF_TESTS_JUDGE_FIXTURE_H
#define HF_TESTS_JUDGE_FIXTURE_H

#include "tests/unit/evidence_fixture.h"

#include "controller/server/judge.h"

static const uint8_t the_nonce[HF_WIRE_NONCE] = "the controller's nonce, 32 bytes";
static const uint8_t the_reclaim[HF_WIRE_ID] = "reclaim number 1";

struct judged {
	struct made *m;
	struct hf_host_record host;
	struct hf_challenge_record challenge;
	struct hf_judge_input in;
	struct hf_judgement j;
};

static inline struct boot_case controller_case(void)
{
	struct boot_case c = good;

	c.policy = "controller";
	c.nonce = (struct hf_span){ the_nonce, sizeof(the_nonce) };
	return c;
}

static inline struct hf_image *fx_tenant(struct fixture *fx, const char *name)
{
	struct hf_image *i = fx_take(fx, sizeof(*i)), **end = &fx->manifests->images;

	while (*end)
		end = &(*end)->next;
	*i = (struct hf_image){ .role = HF_IMAGE_TENANT, .name = name, .kind = HF_TENANT_KEXEC,
				.has_kernel = true, .has_initrd = true, .has_command_line = true,
				.kernel = fx_digest("tk"), .initrd = fx_digest("ti"),
				.command_line_text = "quiet" };
	*end = i;
	return i;
}

static inline void judged_of(struct judged *t, struct made *m)
{
	memset(t, 0, sizeof(*t));
	t->m = m;
	fx_tenant(m->fx, "debian");
	m->e.nonce = (struct hf_span){ the_nonce, sizeof(the_nonce) };
	t->host = (struct hf_host_record){
		.inventory = { .id = "host-17", .model = "acme-one",
			       .banks = HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA384) },
		.state = HF_LEASE_CHALLENGED, .lease = "L", .held_why = "", .held_by = "",
		.reclaim = { the_reclaim, sizeof(the_reclaim) },
		.ak_name = { m->tpm.parsed.name, sizeof(m->tpm.parsed.name) }, .ak = m->tpm.ak,
		.counted = true, .reset_count = 6,
	};
	t->challenge = (struct hf_challenge_record){
		.host = "host-17", .boot_key = { m->boot_id.bytes, 32 }, .reclaim = t->host.reclaim,
		.kind = HF_EVIDENCE_GATE, .until = 2000, .open = true,
	};
	t->in = (struct hf_judge_input){
		.evidence = &m->e, .host = &t->host, .challenge = &t->challenge,
		.manifests = m->fx->manifests, .client_key = t->challenge.boot_key, .now = 1000,
	};
}

static inline void judge_make(struct judged *t, const struct boot_case *c)
{
	judged_of(t, make(c));
}

static inline void judge(struct judged *t)
{
	memset(&t->j, 0xaa, sizeof(t->j));
	hf_judge(&t->in, &t->m->fx->arena, &t->j);
}

static inline void judge_drop(struct judged *t)
{
	drop(t->m);
}

#endif
