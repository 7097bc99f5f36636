/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anchors behind devices that sign, looked for in processes without rights: the fixture's drive
 * and NIC are really asked, and really sign. */
#include "tests/unit/appraise_fixture.h"
#include "tests/unit/spdm_device.h"

#include "agent/device_trusts.h"
#include "pcie/worker.h"

#define TEST(name) static void name(void **state)
#define FILE_MAX 16384

struct scene {
	struct fixture *fx;
	struct hf_function *drive, *nic;
	struct signing_root root;
	struct signing_device device;
	struct hf_trust trust;
	struct hf_spdm_seed seed;
	struct hf_device_trusts_options options;
	struct hf_device_trusts trusts;
	uint8_t bytes[FILE_MAX];
};

static struct scene *scene(void)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct hf_fault fault = { 0 };
	char pem[4096];

	assert_non_null(s);
	s->fx = fx_new();
	s->drive = s->fx->disk->functions;
	s->nic = s->fx->card->functions;
	root_make(&s->root, "ACME root");
	device_make(&s->device, &s->root, "drive 4711", NULL);
	assert_int_equal(hf_trust_add(&s->trust, "acme", HF_ANCHOR_DEVICE,
				      root_pem(&s->root, pem, sizeof(pem)), &fault), HF_OK);
	assert_int_equal(hf_trust_scope(&s->trust, hf_span_text("vendor = 1b36\n"), &fault), HF_OK);
	s->seed.pass = HF_SPDM_PASS_MEASURE;
	s->options = (struct hf_device_trusts_options){ .trust = &s->trust, .seed = &s->seed,
							.device_ms = 5000 };
	return s;
}

static void drop_scene(struct scene *s)
{
	hf_trust_drop(&s->trust);
	device_drop(&s->device);
	root_drop(&s->root);
	fx_free(s->fx);
	free(s);
}

static void ask(struct scene *s, struct hf_part *part, struct hf_function *f)
{
	struct hf_writer w = { .buf = s->bytes, .cap = sizeof(s->bytes) };
	struct hf_attachment *a;

	device_ask(&s->device, &s->seed, f->path, &w, &s->fx->claims, part, f);
	assert_int_equal(hf_claims_attach(&s->fx->claims, f->path, hf_written(&w), &a), HF_OK);
}

static void look(struct scene *s)
{
	assert_int_equal(hf_device_trusts_take(&s->fx->claims, &s->options, &s->trusts), HF_OK);
}

static void found(const struct scene *s, const struct hf_function *f, const char *cause, const char *anchor)
{
	const struct hf_device_trust *t = hf_device_trust_find(s->trusts.list, f->path);

	assert_non_null(t);
	assert_string_equal(hf_err_name(t->cause), cause);
	if (anchor)
		assert_string_equal(t->anchor, anchor);
	else
		assert_null(t->anchor);
}

TEST(an_anchor_stands_behind_a_drive)
{
	struct scene *s = scene();

	(void)state;
	ask(s, s->fx->disk, s->drive);
	look(s);
	found(s, s->drive, "ok", "acme");
	assert_null(s->trusts.list->next);
	assert_null(hf_device_trust_find(s->trusts.list, s->nic->path));
	assert_int_equal(hf_workers_reap(1000), 0);
	drop_scene(s);
}

/* The vendor's scope has the drive, and not the NIC that shows the same key. */
TEST(one_of_two_is_out_of_scope)
{
	struct scene *s = scene();

	(void)state;
	ask(s, s->fx->disk, s->drive);
	ask(s, s->fx->card, s->nic);
	look(s);
	found(s, s->drive, "ok", "acme");
	found(s, s->nic, "device-chain-untrusted", NULL);
	drop_scene(s);
}

TEST(only_what_came_since_is_looked_at)
{
	struct scene *s = scene();
	const struct hf_device_trust *first;

	(void)state;
	look(s);
	assert_null(s->trusts.list);
	ask(s, s->fx->disk, s->drive);
	look(s);
	first = s->trusts.list;
	look(s);
	assert_ptr_equal(s->trusts.list, first);
	ask(s, s->fx->card, s->nic);
	look(s);
	assert_ptr_equal(s->trusts.list->next, first);
	found(s, s->nic, "device-chain-untrusted", NULL);
	drop_scene(s);
}

/* A reader that was led astray claims what was never signed, or signed for somebody else. */
TEST(claims_and_nonces_are_compared)
{
	struct scene *s = scene();

	(void)state;
	ask(s, s->fx->disk, s->drive);
	hf_measurement_find(s->drive->measurements, "spdm/2")->digests[0].bytes[0] ^= 1;
	look(s);
	found(s, s->drive, "transcript-differs", NULL);
	drop_scene(s);
	s = scene();
	ask(s, s->fx->disk, s->drive);
	s->seed.boot_id[7] = 1;
	look(s);
	found(s, s->drive, "spdm-nonce", NULL);
	drop_scene(s);
	s = scene();
	ask(s, s->fx->disk, s->drive);
	s->options.seed = NULL;		/* any nonce: a host that is only looked at */
	look(s);
	found(s, s->drive, "ok", "acme");
	drop_scene(s);
}

/* Of a function that was asked twice the worse word stays, whichever came first. */
TEST(the_worse_of_two_stays)
{
	struct scene *s = scene();
	struct hf_attachment *a;

	(void)state;
	ask(s, s->fx->disk, s->drive);
	struct hf_part *part = hf_part_join(&s->fx->claims, s->fx->disk, s->fx->disk);

	assert_non_null(part);
	assert_int_equal(hf_claims_append_part(&s->fx->claims, part), HF_OK);
	struct hf_measurement *name = hf_measurement_find(part->functions->measurements,
							  HF_MKEY_TRANSCRIPT);
	struct hf_span garbage = hf_span_text("no transcript at all");

	assert_int_equal(hf_claims_attach(&s->fx->claims, s->drive->path, garbage, &a), HF_OK);
	assert_int_equal(hf_measurement_set_digests(name, &a->sha384, 1, garbage.len), HF_OK);
	look(s);
	found(s, s->drive, "transcript-shape", NULL);
	assert_null(s->trusts.list->next);
	drop_scene(s);
}

TEST(nothing_at_all)
{
	struct scene *s = scene();

	(void)state;
	look(s);
	assert_null(s->trusts.list);
	drop_scene(s);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_anchor_stands_behind_a_drive), T(one_of_two_is_out_of_scope),
		T(only_what_came_since_is_looked_at), T(claims_and_nonces_are_compared),
		T(the_worse_of_two_stays), T(nothing_at_all),
	};

	return cmocka_run_group_tests_name("agent_device_trusts", tests, NULL, NULL);
}
