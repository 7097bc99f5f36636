/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/appraise_fixture.h: a small host and its manifests, built in memory. Every
 * test starts from a host that is accepted and changes one thing. */
#ifndef HF_TESTS_APPRAISE_FIXTURE_H
#define HF_TESTS_APPRAISE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "manifests/appraise.h"

#define FIXTURE_ARENA ((size_t)64 << 20)

struct fixture {
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_manifests *manifests;
	struct hf_model *model;
	struct hf_verdict verdict;
	struct hf_span ak_name;
	int64_t now;
	const struct hf_device_trust *devices;
	bool before_drivers;
	struct hf_component *nic, *drive;	/* components "nic" and "drive" */
	struct hf_part *host, *board, *card, *disk;
	struct hf_rule *nic_rule, *disk_rule;
};

static inline void *fx_take(struct fixture *fx, size_t size)
{
	void *p = hf_arena_take(&fx->arena, size);

	assert_non_null(p);
	return p;
}

static inline struct hf_digest fx_digest(const char *content)
{
	struct hf_digest d;

	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text(content), &d), HF_OK);
	return d;
}

static inline struct hf_part *fx_part(struct fixture *fx, enum hf_part_kind kind, const char *path)
{
	struct hf_part *part = hf_claims_add_part(&fx->claims, kind, path);

	assert_non_null(part);
	return part;
}

static inline struct hf_function *fx_function(struct fixture *fx, struct hf_part *part,
					      uint16_t vendor, uint16_t device, uint32_t class_code)
{
	struct hf_address address = { 0, (uint8_t)fx->claims.part_count, 0,
				      (uint8_t)(part->function_count & 7) };
	char path[64];

	snprintf(path, sizeof(path), "%s.%zu", part->path, part->function_count);
	struct hf_function *f = hf_claims_add_function(&fx->claims, part, &address, path);

	assert_non_null(f);
	f->identity = (struct hf_identity){ .vendor = vendor, .device = device,
					    .class_code = class_code };
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, part, f, "config",
							     HF_METHOD_IDENTITY,
							     HF_MEASUREMENT_ADVISORY);

	assert_non_null(m);
	assert_int_equal(hf_measurement_set_bytes(&fx->claims, m, hf_span_text("cfg")), HF_OK);
	return f;
}

static inline struct hf_measurement *fx_code(struct fixture *fx, struct hf_part *part,
					     struct hf_function *f, const char *mkey,
					     const char *content)
{
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, part, f, mkey,
							     HF_METHOD_BYTES, HF_MEASUREMENT_CODE);
	struct hf_digest d = fx_digest(content);

	assert_non_null(m);
	assert_int_equal(hf_measurement_set_digests(m, &d, 1, strlen(content)), HF_OK);
	return m;
}

static inline void fx_text(struct fixture *fx, struct hf_part *part, struct hf_function *f,
			   const char *mkey, enum hf_method method, const char *text)
{
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, part, f, mkey, method, 0);

	assert_non_null(m);
	assert_int_equal(hf_measurement_set_text(&fx->claims, m, text), HF_OK);
}

static inline struct hf_component *fx_component(struct fixture *fx, const char *name)
{
	struct hf_component *c = fx_take(fx, sizeof(*c));
	struct hf_component **end = &fx->manifests->components;

	while (*end)
		end = &(*end)->next;
	c->name = name;
	*end = c;
	return c;
}

static inline struct hf_release *fx_release(struct fixture *fx, struct hf_component *c,
					    const char *name, enum hf_release_state state)
{
	struct hf_release *r = fx_take(fx, sizeof(*r)), **end = &c->releases;

	while (*end)
		end = &(*end)->next;
	r->name = name;
	r->state = state;
	*end = r;
	return r;
}

static inline struct hf_environment *fx_environment(struct fixture *fx, struct hf_release *r,
						    uint16_t vendor, uint16_t device,
						    uint32_t class_code, uint32_t count)
{
	struct hf_environment *e = fx_take(fx, sizeof(*e)), **end = &r->environments;

	while (*end)
		end = &(*end)->next;
	e->match = (struct hf_match){ .vendor = vendor, .device = device,
				      .class_code = class_code };
	e->count = count;
	*end = e;
	return e;
}

static inline struct hf_reference *fx_reference(struct fixture *fx, struct hf_environment *e,
						const char *mkey, const char *content)
{
	struct hf_reference *r = fx_take(fx, sizeof(*r)), **end = &e->references;

	while (*end)
		end = &(*end)->next;
	r->mkey = mkey;
	r->digests[0] = fx_digest(content);
	r->digest_count = 1;
	*end = r;
	return r;
}

static inline struct hf_rule *fx_rule(struct fixture *fx, const char *component, const char *place,
				      enum hf_presence presence)
{
	struct hf_rule *r = fx_take(fx, sizeof(*r)), **end = &fx->model->rules;

	while (*end)
		end = &(*end)->next;
	*r = (struct hf_rule){ .name = component, .component = component, .place = place,
			       .presence = presence, .count = 1,
			       .least_method = HF_METHOD_IDENTITY, .action = HF_ACTION_HOLD };
	*end = r;
	return r;
}

#define NIC_PLACE "pci0000:00/01.0/00"
#define DISK_PLACE "pci0000:00/02.0/00"

/* host; board (a root port); a NIC with ROM "rom 1.0" in NIC_PLACE; a drive without any. */
static inline void fx_host(struct fixture *fx)
{
	struct hf_function *f;

	fx->host = fx_part(fx, HF_PART_HOST, "host");
	fx_text(fx, fx->host, NULL, "smbios/vendor", HF_METHOD_IDENTITY, "ACME");
	fx_text(fx, fx->host, NULL, "smbios/product", HF_METHOD_IDENTITY, "One");
	fx->board = fx_part(fx, HF_PART_BOARD, "board");
	fx_function(fx, fx->board, 0x8086, 0x3420, 0x060400);
	fx->card = fx_part(fx, HF_PART_CARD, NIC_PLACE);
	f = fx_function(fx, fx->card, 0x8086, 0x10d3, 0x020000);
	fx_code(fx, fx->card, f, "option-rom/window", "rom 1.0");
	fx->disk = fx_part(fx, HF_PART_CARD, DISK_PLACE);
	fx_function(fx, fx->disk, 0x1b36, 0x0010, 0x010802);
}

static inline void fx_manifests(struct fixture *fx)
{
	struct hf_component *board = fx_component(fx, "board");
	struct hf_environment *e;

	fx_environment(fx, fx_release(fx, board, "1", HF_RELEASE_ALLOWED), 0x8086, 0x3420, 0x060400,
		       1);
	fx->nic = fx_component(fx, "nic");
	e = fx_environment(fx, fx_release(fx, fx->nic, "1.0", HF_RELEASE_ALLOWED), 0x8086, 0x10d3,
			   0x020000, 1);
	fx_reference(fx, e, "option-rom/window", "rom 1.0");
	e = fx_environment(fx, fx_release(fx, fx->nic, "0.9", HF_RELEASE_UPDATE), 0x8086, 0x10d3,
			   0x020000, 1);
	fx_reference(fx, e, "option-rom/window", "rom 0.9");
	e = fx_environment(fx, fx_release(fx, fx->nic, "0.8", HF_RELEASE_REVOKED), 0x8086, 0x10d3,
			   0x020000, 1);
	fx_reference(fx, e, "option-rom/window", "rom 0.8");
	fx->drive = fx_component(fx, "drive");
	fx_environment(fx, fx_release(fx, fx->drive, "any", HF_RELEASE_ALLOWED), 0x1b36, 0x0010,
		       0x010802, 1);
}

static inline void fx_model(struct fixture *fx)
{
	fx->model = fx_take(fx, sizeof(*fx->model));
	*fx->model = (struct hf_model){ .name = "acme-one", .vendor = "ACME", .product = "One",
					.generation = 7, .unknown = HF_ACTION_HOLD };
	fx->manifests->models = fx->model;
	fx_rule(fx, "board", "board", HF_PRESENCE_REQUIRED);
	fx->nic_rule = fx_rule(fx, "nic", NIC_PLACE, HF_PRESENCE_REQUIRED);
	fx->nic_rule->least_method = HF_METHOD_BYTES;
	fx->disk_rule = fx_rule(fx, "drive", NULL, HF_PRESENCE_REQUIRED);
}

static inline struct fixture *fx_new(void)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	assert_int_equal(hf_arena_make(FIXTURE_ARENA, &fx->arena), HF_OK);
	fx->manifests = calloc(1, sizeof(*fx->manifests));
	assert_non_null(fx->manifests);
	fx->manifests->arena = &fx->arena;
	hf_claims_init(&fx->claims, &fx->arena);
	fx_host(fx);
	fx_manifests(fx);
	fx_model(fx);
	return fx;
}

static inline void fx_free(struct fixture *fx)
{
	hf_arena_drop(&fx->arena);
	free(fx->manifests);
	free(fx);
}

static inline void fx_judge(struct fixture *fx)
{
	memset(&fx->verdict, 0xaa, sizeof(fx->verdict));
	hf_appraise(&(struct hf_appraise_input){ .claims = &fx->claims, .manifests = fx->manifests,
						 .model = fx->model, .ak_name = fx->ak_name,
						 .now = fx->now, .devices = fx->devices,
						 .before_drivers = fx->before_drivers },
		    &fx->arena, &fx->verdict);
}

#endif
