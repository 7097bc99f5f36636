/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates that take over the process that looks at them: it has no rights, speaks for its
 * own part alone, and never for an anchor that no device may have. */
#include "tests/unit/appraise_fixture.h"
#include "tests/unit/spdm_device.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "agent/device_trusts.h"
#include "pcie/worker.h"

#define TEST(name) static void name(void **state)
#define FILE_MAX 16384
#define PATIENCE 400

enum act { GOOD, CRASH, HANG, OPENS_A_FILE, OWNERS_ANCHOR, NO_ANCHOR, ANCHOR_BEYOND };
static enum act act;
static struct hf_trust trust;

/* In place of manifests/device_trust.c. */
enum hf_err hf_device_trust_of(const struct hf_trust *given, const struct hf_manifests *manifests,
			       const struct hf_identity *identity, const struct hf_spdm *s,
			       int64_t now, const struct hf_anchor **ret)
{
	(void)manifests, (void)s, (void)now;
	*ret = &given->anchors[1];
	if (identity->vendor != 0x1b36)
		return HF_OK;
	switch (act) {
	case GOOD:
		break;
	case CRASH:
		raise(SIGSEGV);
		break;
	case HANG:
		for (;;)
			continue;
	case OPENS_A_FILE:
		(void)open("/dev/null", O_RDONLY);
		break;
	case OWNERS_ANCHOR:
		*ret = &given->anchors[0];
		break;
	case NO_ANCHOR:
		*ret = NULL;
		break;
	case ANCHOR_BEYOND:
		*ret = &given->anchors[given->count];
		break;
	}
	return HF_OK;
}

const struct hf_device_trust *hf_device_trust_find(const struct hf_device_trust *list, const char *path)
{
	while (list && strcmp(list->path, path) != 0)
		list = list->next;
	return list;
}

static void ask(struct fixture *fx, struct signing_device *device, struct hf_part *part)
{
	static uint8_t bytes[FILE_MAX];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_function *f = part->functions;
	struct hf_attachment *a;

	device_ask(device, NULL, f->path, &w, &fx->claims, part, f);
	assert_int_equal(hf_claims_attach(&fx->claims, f->path, hf_written(&w), &a), HF_OK);
}

static const char *cause(const struct hf_device_trusts *trusts, const struct hf_part *part)
{
	const struct hf_device_trust *t = hf_device_trust_find(trusts->list, part->functions->path);

	assert_non_null(t);
	assert_true(!t->cause == (t->anchor != NULL));
	return hf_err_name(t->cause);
}

static void expect(enum act what, const char *drive)
{
	const struct hf_device_trusts_options options = { .trust = &trust, .device_ms = PATIENCE };
	struct hf_device_trusts trusts = { 0 };
	struct fixture *fx = fx_new();
	struct signing_root root;
	struct signing_device *device = calloc(1, sizeof(*device));

	assert_non_null(device);
	act = what;
	root_make(&root, "ACME root");
	device_make(device, &root, "any", NULL);
	ask(fx, device, fx->disk);
	ask(fx, device, fx->card);
	assert_int_equal(hf_device_trusts_take(&fx->claims, &options, &trusts), HF_OK);
	assert_string_equal(cause(&trusts, fx->disk), drive);
	assert_string_equal(cause(&trusts, fx->card), "ok");
	assert_int_equal(hf_workers_reap(1000), 0);
	device_drop(device);
	free(device);
	root_drop(&root);
	fx_free(fx);
}

TEST(each_is_its_own_parts_loss)
{
	(void)state;
	trust.count = 2;
	trust.anchors[0].role = HF_ANCHOR_OWNER;
	trust.anchors[1].role = HF_ANCHOR_DEVICE;
	strcpy(trust.anchors[1].name, "acme");
	expect(GOOD, "ok");
	expect(CRASH, "reader-died");
	expect(HANG, "timed-out");
	expect(OPENS_A_FILE, "reader-died");
	expect(OWNERS_ANCHOR, "reader-died");
	expect(NO_ANCHOR, "device-chain-untrusted");
	expect(ANCHOR_BEYOND, "reader-died");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_is_its_own_parts_loss) };

	return cmocka_run_group_tests_name("agent_device_trusts_hostile", tests, NULL, NULL);
}
