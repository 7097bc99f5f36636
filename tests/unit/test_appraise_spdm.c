/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts that sign: what their signatures count for, and how each lie is called. */
#include "tests/unit/appraise_fixture.h"

#include "manifests/manifest.h"

#define TEST(name) static void name(void **state)
#define BEGIN struct signing sg; struct fixture *fx = begin(&sg); (void)state
#define END fx_free(fx)

/* The drive of the fixture signs two blocks; its release lists them and what was agreed. */
struct signing {
	struct hf_function *f;
	struct hf_environment *env;
	struct hf_device_trust trust;
};

static struct hf_measurement *show(struct fixture *fx, struct hf_function *f, const char *mkey,
				   enum hf_method method, uint32_t flags)
{
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->disk, f, mkey, method,
							     flags);

	assert_non_null(m);
	return m;
}

static void show_block(struct fixture *fx, struct hf_function *f, const char *mkey,
		       const char *content)
{
	struct hf_measurement *m = show(fx, f, mkey, HF_METHOD_SIGNED, HF_MEASUREMENT_CODE);
	struct hf_digest d = fx_digest(content);

	assert_int_equal(hf_measurement_set_digests(m, &d, 1, 0), HF_OK);
}

static void show_text(struct fixture *fx, struct hf_function *f, const char *mkey, const char *text)
{
	struct hf_measurement *m = show(fx, f, mkey, HF_METHOD_SIGNED, 0);

	assert_int_equal(hf_measurement_set_text(&fx->claims, m, text), HF_OK);
}

static void show_failure(struct fixture *fx, struct hf_function *f, const char *mkey,
			 enum hf_err cause, uint32_t flags)
{
	hf_measurement_set_failure(show(fx, f, mkey, HF_METHOD_NONE, flags), cause);
}

static void list_text(struct fixture *fx, struct hf_environment *e, const char *mkey, const char *text)
{
	struct hf_reference *r = fx_reference(fx, e, mkey, "");

	r->digest_count = 0;
	r->text = text;
}

static struct fixture *begin(struct signing *sg)
{
	struct fixture *fx = fx_new();
	struct hf_function *f = fx->disk->functions;

	sg->f = f;
	sg->env = fx->drive->releases->environments;
	sg->trust = (struct hf_device_trust){ .path = f->path, .cause = HF_OK, .anchor = "acme" };
	fx->devices = &sg->trust;
	fx->disk_rule->least_method = HF_METHOD_SIGNED;
	show_text(fx, f, "spdm/version", "1.2");
	show_text(fx, f, "spdm/algorithms", "ecdsa-p384 sha-384 measurements-sha-384");
	show_text(fx, f, "spdm/identity", "bound");
	show_block(fx, f, "spdm/slot/0/root", "root");
	hf_measurement_find(f->measurements, "spdm/slot/0/root")->flags = 0;
	show_block(fx, f, "spdm/1", "firmware");
	show_block(fx, f, "spdm/2", "rom");
	list_text(fx, sg->env, "spdm/version", "1.2");
	list_text(fx, sg->env, "spdm/algorithms", "ecdsa-p384 sha-384 measurements-sha-384");
	list_text(fx, sg->env, "spdm/identity", "bound");
	fx_reference(fx, sg->env, "spdm/slot/0/root", "root");
	fx_reference(fx, sg->env, "spdm/1", "firmware");
	fx_reference(fx, sg->env, "spdm/2", "rom");
	return fx;
}

static struct hf_measurement *at(struct signing *sg, const char *mkey)
{
	struct hf_measurement *m = hf_measurement_find(sg->f->measurements, mkey);

	assert_non_null(m);
	return m;
}

static const struct hf_finding *refused(struct fixture *fx, enum hf_err cause, const char *mkey)
{
	const struct hf_part_verdict *v;

	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_string_equal(fx->verdict.cause_place, DISK_PLACE);
	if (mkey)
		assert_string_equal(fx->verdict.cause_mkey, mkey);
	else
		assert_null(fx->verdict.cause_mkey);
	v = hf_verdict_for(&fx->verdict, DISK_PLACE);
	assert_non_null(v);
	return v->findings;
}

static void accepted(struct fixture *fx)
{
	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), "ok");
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
}

static void all_by(struct signing *sg, enum hf_method method)
{
	for (struct hf_measurement *m = sg->f->measurements; m; m = m->next)
		if (m->method >= HF_METHOD_VERSION)
			m->method = method;
}

TEST(a_device_that_signs)
{
	BEGIN;
	accepted(fx);
	assert_int_equal(hf_verdict_for(&fx->verdict, DISK_PLACE)->method, HF_METHOD_SIGNED);
	assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_SIGNED], 1);
	END;
}

/* Anybody can make a key: without an anchor it is the device's word. */
TEST(a_key_that_no_anchor_stands_behind)
{
	BEGIN;
	const struct hf_finding *f;

	fx->devices = NULL;
	f = refused(fx, HF_ERR_DEVICE_CHAIN_UNTRUSTED, NULL);
	assert_string_equal(f->found, "version (device-chain-untrusted)");
	assert_string_equal(f->expected, "signed");
	assert_ptr_equal(f->function, sg.f);
	assert_int_equal(hf_verdict_for(&fx->verdict, DISK_PLACE)->method, HF_METHOD_VERSION);
	assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_SIGNED], 0);
	assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_VERSION], 1);
	fx->devices = &sg.trust;
	sg.trust.cause = HF_ERR_DEVICE_CHAIN_UNTRUSTED;
	refused(fx, HF_ERR_DEVICE_CHAIN_UNTRUSTED, NULL);
	sg.trust.cause = HF_ERR_CERTIFICATE_EXPIRED;
	refused(fx, HF_ERR_CERTIFICATE_EXPIRED, NULL);
	sg.trust.cause = HF_ERR_TRANSCRIPT_MISSING;
	refused(fx, HF_ERR_TRANSCRIPT_MISSING, NULL);
	/* that of another function is nobody's here */
	sg.trust.cause = HF_OK;
	sg.trust.path = NIC_PLACE ".0";
	refused(fx, HF_ERR_DEVICE_CHAIN_UNTRUSTED, NULL);
	END;
}

/* A rule that is content with bytes: the method is what is too weak. */
TEST(an_untrusted_key_is_not_bytes_either)
{
	BEGIN;
	fx->devices = NULL;
	fx->disk_rule->least_method = HF_METHOD_BYTES;
	assert_string_equal(refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL)->found,
			    "version (device-chain-untrusted)");
	fx->disk_rule->least_method = HF_METHOD_VERSION;
	accepted(fx);
	END;
}

/* An owner took the key back: whatever a rule is content with. */
TEST(a_key_that_was_revoked)
{
	BEGIN;
	sg.trust.cause = HF_ERR_DEVICE_KEY_REVOKED;
	refused(fx, HF_ERR_DEVICE_KEY_REVOKED, NULL);
	assert_null(hf_verdict_for(&fx->verdict, DISK_PLACE)->findings->next);
	fx->disk_rule->least_method = HF_METHOD_IDENTITY;
	assert_true(refused(fx, HF_ERR_DEVICE_KEY_REVOKED, "spdm")->known_revoked);
	assert_false(hf_cause_waivable(HF_ERR_DEVICE_KEY_REVOKED));
	END;
}

/* A driver that is bound later adds a version, and no signature: it is not bound at all. */
TEST(no_driver_adds_a_signature)
{
	BEGIN;
	list_text(fx, sg.env, "nvme/firmware", "7");
	fx->before_drivers = true;
	accepted(fx);
	all_by(&sg, HF_METHOD_VERSION);
	refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL);
	fx->disk_rule->least_method = HF_METHOD_BYTES;	/* that may come yet */
	accepted(fx);
	END;
}

TEST(unbound_where_signed_is_demanded)
{
	BEGIN;
	all_by(&sg, HF_METHOD_UNBOUND);
	assert_string_equal(refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL)->found,
			    "signed-unbound (its certificate does not say which device it is of)");
	fx->disk_rule->least_method = HF_METHOD_UNBOUND;
	accepted(fx);
	assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_UNBOUND], 1);
	fx->devices = NULL;
	refused(fx, HF_ERR_DEVICE_CHAIN_UNTRUSTED, NULL);
	fx->disk_rule->least_method = HF_METHOD_SIGNED;	/* an anchor would not be enough */
	assert_string_equal(refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL)->found,
			    "version (device-chain-untrusted)");
	END;
}

/* One block that is signed does not vouch for its neighbour. */
TEST(one_block_that_is_not_signed)
{
	BEGIN;
	at(&sg, "spdm/2")->method = HF_METHOD_VERSION;
	assert_string_equal(refused(fx, HF_ERR_METHOD_TOO_WEAK, "spdm/2")->found, "version");
	at(&sg, "spdm/2")->flags = 0;	/* whatever the device calls it */
	refused(fx, HF_ERR_METHOD_TOO_WEAK, "spdm/2");
	fx->disk_rule->least_method = HF_METHOD_BYTES;
	accepted(fx);
	END;
}

TEST(a_device_that_cannot_sign)
{
	BEGIN;
	all_by(&sg, HF_METHOD_VERSION);
	show_failure(fx, sg.f, "spdm", HF_ERR_SPDM_CANNOT_SIGN, 0);
	assert_string_equal(refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL)->found,
			    "version (spdm-cannot-sign)");
	fx->disk_rule->least_method = HF_METHOD_VERSION;
	accepted(fx);
	END;
}

TEST(silence_where_firmware_is_listed)
{
	BEGIN;
	sg.f->measurements->next = NULL;	/* config alone is left */
	sg.f->measurements_end = &sg.f->measurements->next;
	refused(fx, HF_ERR_MEASUREMENT_MISSING, "spdm/version");
	show_failure(fx, sg.f, "spdm", HF_ERR_DOE_REFUSED, 0);
	assert_memory_equal(refused(fx, HF_ERR_MEASUREMENT_MISSING, "spdm/version")->found,
			    "mailbox-refused", 15);
	sg.env->references = NULL;	/* nothing is listed: the rule alone demands it */
	assert_string_equal(refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL)->found,
			    "identity (mailbox-refused)");
	END;
}

/* Nothing listed, nothing demanded: what nobody asked refuses nobody. */
TEST(failures_that_say_nothing_against_the_device)
{
	static const enum hf_err causes[] = {
		HF_ERR_NOT_MEASURED, HF_ERR_CAPTURED_TREE, HF_ERR_DOE_REFUSED, HF_ERR_VFIO,
		HF_ERR_SPDM_CANNOT_SIGN,
	};
	static const char *const mkeys[] = { "spdm", "doe", "doe/0x150" };

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		for (size_t k = 0; k < sizeof(mkeys) / sizeof(mkeys[0]); k++) {
			struct fixture *fx = fx_new();

			show_failure(fx, fx->disk->functions, mkeys[k], causes[i], 0);
			accepted(fx);
			hf_measurement_find(fx->disk->functions->measurements, mkeys[k])->flags =
				HF_MEASUREMENT_CODE;
			refused(fx, HF_ERR_PART_UNREADABLE, mkeys[k]);
			END;
		}
	(void)state;
}

TEST(failures_of_the_device)
{
	static const struct { enum hf_err cause, reason; } rows[] = {
		{ HF_ERR_TIMED_OUT, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_SPDM_ERROR, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_SPDM_BUSY, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_SPDM_RESET, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_SPDM_VERSION, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_DOE_IN_USE, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_DOE_BUSY, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_DOE_ERROR, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_READER_DIED, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_LIMIT, HF_ERR_PART_UNREADABLE },
		{ HF_ERR_DOE_SHAPE, HF_ERR_DOE_SHAPE },
		{ HF_ERR_SPDM_SHAPE, HF_ERR_SPDM_SHAPE },
		{ HF_ERR_SPDM_ALGORITHM, HF_ERR_SPDM_ALGORITHM },
		{ HF_ERR_SPDM_SIGNATURE, HF_ERR_SPDM_SIGNATURE },
		{ HF_ERR_SPDM_CHANGED, HF_ERR_SPDM_CHANGED },
		{ HF_ERR_SPDM_NONCE, HF_ERR_SPDM_NONCE },
		{ HF_ERR_DEVICE_CHAIN, HF_ERR_DEVICE_CHAIN },
		{ HF_ERR_DEVICE_IDENTITY, HF_ERR_DEVICE_IDENTITY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *fx = fx_new();

		show_failure(fx, fx->disk->functions, "spdm", rows[i].cause, 0);
		refused(fx, rows[i].reason, "spdm");
		END;
	}
	(void)state;
}

/* The same words from a reader that is no mailbox's keep their old name. */
TEST(causes_of_other_readers)
{
	struct fixture *fx = fx_new();

	show_failure(fx, fx->disk->functions, "flash", HF_ERR_NOT_MEASURED, 0);
	refused(fx, HF_ERR_PART_UNREADABLE, "flash");
	hf_measurement_find(fx->disk->functions->measurements, "flash")->cause = HF_ERR_SPDM_SHAPE;
	refused(fx, HF_ERR_PART_UNREADABLE, "flash");
	END;
	(void)state;
}

/* The slot's own failure, not only that of the whole. */
TEST(pieces_that_failed)
{
	BEGIN;
	show_failure(fx, sg.f, "spdm/slot/1/chain", HF_ERR_DEVICE_CHAIN, 0);
	refused(fx, HF_ERR_DEVICE_CHAIN, "spdm/slot/1/chain");
	at(&sg, "spdm/slot/1/chain")->cause = HF_ERR_NOT_MEASURED;	/* never harmless here */
	refused(fx, HF_ERR_PART_UNREADABLE, "spdm/slot/1/chain");
	at(&sg, "spdm/slot/1/chain")->flags = HF_MEASUREMENT_ADVISORY;
	accepted(fx);
	hf_measurement_set_failure(at(&sg, "spdm/identity"), HF_ERR_DEVICE_IDENTITY);
	refused(fx, HF_ERR_DEVICE_IDENTITY, "spdm/identity");
	END;
}

TEST(values_that_differ)
{
	static const struct { const char *mkey; enum hf_err reason; } rows[] = {
		{ "spdm/version", HF_ERR_SPDM_DOWNGRADE },
		{ "spdm/algorithms", HF_ERR_SPDM_DOWNGRADE },
		{ "spdm/identity", HF_ERR_DEVICE_CHAIN_CHANGED },
		{ "spdm/slot/0/root", HF_ERR_DEVICE_CHAIN_CHANGED },
		{ "spdm/1", HF_ERR_FIRMWARE_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BEGIN;
		struct hf_measurement *m = at(&sg, rows[i].mkey);
		struct hf_digest d = fx_digest("another");

		if (m->kind == HF_VALUE_TEXT)
			assert_int_equal(hf_measurement_set_text(&fx->claims, m, "1.0"), HF_OK);
		else
			assert_int_equal(hf_measurement_set_digests(m, &d, 1, 0), HF_OK);
		refused(fx, rows[i].reason, rows[i].mkey);
		END;
	}
}

/* A release for the new firmware that speaks another version is one more that is listed. */
TEST(a_version_that_another_release_lists)
{
	BEGIN;
	struct hf_environment *e = fx_environment(fx, fx_release(fx, fx->drive, "next",
					HF_RELEASE_ALLOWED), 0x1b36, 0x0010, 0x010802, 1);

	list_text(fx, e, "spdm/version", "1.3");
	fx_reference(fx, e, "spdm/1", "firmware");
	fx_reference(fx, e, "spdm/2", "rom");
	assert_int_equal(hf_measurement_set_text(&fx->claims, at(&sg, "spdm/version"), "1.3"), HF_OK);
	accepted(fx);
	assert_string_equal(hf_verdict_for(&fx->verdict, DISK_PLACE)->release->name, "next");
	assert_int_equal(hf_measurement_set_text(&fx->claims, at(&sg, "spdm/version"), "1.1"), HF_OK);
	refused(fx, HF_ERR_SPDM_DOWNGRADE, "spdm/version");
	END;
}

TEST(a_block_that_no_release_lists)
{
	BEGIN;
	show_block(fx, sg.f, "spdm/3", "more");
	refused(fx, HF_ERR_UNCOVERED, "spdm/3");
	at(&sg, "spdm/3")->flags = 0;	/* a configuration says nothing of code */
	accepted(fx);
	END;
}

TEST(numbers_of_a_device_that_signs)
{
	BEGIN;
	struct hf_reference *r = fx_reference(fx, sg.env, "spdm/8", "");

	r->digest_count = 0;
	r->svn_kind = HF_SVN_LEAST;
	r->svn = 7;
	hf_measurement_set_number(show(fx, sg.f, "spdm/8", HF_METHOD_SIGNED, 0), 7);
	accepted(fx);
	at(&sg, "spdm/8")->number = 6;
	refused(fx, HF_ERR_SVN_TOO_LOW, "spdm/8");
	END;
}

/* As vendors write it: one digest, of the algorithm that the device measures with. */
TEST(a_reference_with_the_devices_own_algorithm)
{
	BEGIN;
	struct hf_digest d;
	struct hf_reference *r = fx_reference(fx, sg.env, "spdm/5", "");

	assert_int_equal(hf_digest(HF_ALG_SHA512, hf_span_text("fw"), &d), HF_OK);
	r->digests[0] = d;
	assert_int_equal(hf_measurement_set_digests(show(fx, sg.f, "spdm/5", HF_METHOD_SIGNED,
							 HF_MEASUREMENT_CODE), &d, 1, 0), HF_OK);
	accepted(fx);
	at(&sg, "spdm/5")->digests[0].bytes[63] ^= 1;
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "spdm/5");
	END;
}

static struct hf_reference *list_bytes(struct fixture *fx, struct hf_environment *e, const char *mkey,
				       const void *bytes, size_t len)
{
	struct hf_reference *r = fx_reference(fx, e, mkey, "");

	r->digest_count = 0;
	r->raw = (struct hf_span){ bytes, len };
	return r;
}

/* A maker lists a block as it comes; here a version is text and a security version a number. */
TEST(bytes_as_the_maker_lists_them)
{
	BEGIN;
	static const uint8_t svn[] = { 4, 1, 0, 0, 0, 0, 0, 0 }, mode[] = { 0x3f, 4, 1 };
	static const uint8_t mask[] = { 0, 0xff, 0xfe }, listed[] = { 0, 4, 0 };
	struct hf_reference *r;

	list_bytes(fx, sg.env, "spdm/6", "2.1.0\0\0\0", 8);
	list_bytes(fx, sg.env, "spdm/7", svn, sizeof(svn));
	r = list_bytes(fx, sg.env, "spdm/254", listed, sizeof(listed));
	r->raw_mask = (struct hf_span){ mask, sizeof(mask) };
	show_text(fx, sg.f, "spdm/6", "2.1.0");
	hf_measurement_set_number(show(fx, sg.f, "spdm/7", HF_METHOD_SIGNED, 0), 0x104);
	assert_int_equal(hf_measurement_set_bytes(&fx->claims, show(fx, sg.f, "spdm/254", HF_METHOD_SIGNED, 0),
						  (struct hf_span){ mode, sizeof(mode) }), HF_OK);
	accepted(fx);
	at(&sg, "spdm/7")->number = 0x105;
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "spdm/7");
	at(&sg, "spdm/7")->number = 0x104;
	at(&sg, "spdm/6")->text = "2.1.0.1";
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "spdm/6");
	at(&sg, "spdm/6")->text = "2.1";
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "spdm/6");
	at(&sg, "spdm/6")->text = "2.1.0";
	r->raw_mask = (struct hf_span){ 0 };
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "spdm/254");
	END;
}

TEST(nobody_waives_a_signature)
{
	static const enum hf_err never[] = {
		HF_ERR_SPDM_SIGNATURE, HF_ERR_SPDM_SHAPE, HF_ERR_SPDM_ALGORITHM, HF_ERR_SPDM_CHANGED,
		HF_ERR_SPDM_NONCE, HF_ERR_DEVICE_CHAIN, HF_ERR_DEVICE_IDENTITY,
		HF_ERR_DEVICE_CHAIN_UNTRUSTED, HF_ERR_DEVICE_CHAIN_CHANGED, HF_ERR_CERTIFICATE_EXPIRED,
		HF_ERR_DOE_SHAPE, HF_ERR_TRANSCRIPT_MISSING, HF_ERR_TRANSCRIPT_DIFFERS,
		HF_ERR_TRANSCRIPT_SHAPE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_false(hf_cause_waivable(never[i]));
	assert_true(hf_cause_waivable(HF_ERR_SPDM_DOWNGRADE));
	assert_true(hf_cause_waivable(HF_ERR_METHOD_TOO_WEAK));
}

/* A waiver for a device that cannot sign is none for one whose key nobody knows. */
TEST(a_waiver_for_one_reason)
{
	BEGIN;
	static uint8_t ak[HF_AK_NAME];
	struct hf_waiver_item item = { .place = DISK_PLACE, .cause = HF_ERR_METHOD_TOO_WEAK,
				       .found = "version (spdm-cannot-sign)" };
	struct hf_waiver waiver = { .name = "w", .has_generation = true, .generation = 7,
				    .items = &item };

	fx->manifests->waivers = &waiver;
	fx->ak_name = (struct hf_span){ ak, sizeof(ak) };
	all_by(&sg, HF_METHOD_VERSION);
	show_failure(fx, sg.f, "spdm", HF_ERR_SPDM_CANNOT_SIGN, 0);
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	at(&sg, "spdm")->cause = HF_ERR_NOT_MEASURED;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL);
	END;
}

/* A waiver with one item, for this host; the caller says for what. */
static void waive(struct fixture *fx, struct hf_waiver *w, struct hf_waiver_item *item)
{
	static uint8_t ak[HF_AK_NAME];

	*w = (struct hf_waiver){ .name = "w", .has_generation = true, .generation = 7, .items = item };
	fx->manifests->waivers = w;
	fx->ak_name = (struct hf_span){ ak, sizeof(ak) };
}

/* A waiver for firmware says nothing of who signed it: the rule still demands that. */
TEST(a_waiver_for_firmware_waives_no_signature)
{
	BEGIN;
	struct hf_waiver_item item = { .place = DISK_PLACE, .cause = HF_ERR_FIRMWARE_UNKNOWN,
				       .mkey = "spdm/1" };
	struct hf_waiver waiver;
	struct hf_digest d = fx_digest("another");

	assert_int_equal(hf_measurement_set_digests(at(&sg, "spdm/1"), &d, 1, 0), HF_OK);
	item.found = refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "spdm/1")->found;
	waive(fx, &waiver, &item);
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	at(&sg, "spdm/2")->method = HF_METHOD_VERSION;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, "spdm/2");
	at(&sg, "spdm/2")->method = HF_METHOD_SIGNED;
	at(&sg, "spdm/1")->method = HF_METHOD_VERSION;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, "spdm/1");
	all_by(&sg, HF_METHOD_UNBOUND);
	refused(fx, HF_ERR_METHOD_TOO_WEAK, NULL);
	all_by(&sg, HF_METHOD_SIGNED);
	fx->devices = NULL;
	refused(fx, HF_ERR_DEVICE_CHAIN_UNTRUSTED, NULL);
	fx->disk_rule->least_method = HF_METHOD_IDENTITY;	/* nobody demands one */
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	END;
}

/* Of bytes a waiver names those bytes, and not how many they are: a device that measures by
 * SHA-3 shows as many of any firmware. */
TEST(a_waiver_for_bytes)
{
	BEGIN;
	uint8_t bytes[48] = { 1 };
	struct hf_waiver_item item = { .place = DISK_PLACE, .cause = HF_ERR_UNCOVERED, .mkey = "spdm/3" };
	struct hf_measurement *m = show(fx, sg.f, "spdm/3", HF_METHOD_SIGNED, HF_MEASUREMENT_CODE);
	const struct hf_finding *f;
	struct hf_waiver waiver;

	assert_int_equal(hf_measurement_set_bytes(&fx->claims, m, (struct hf_span){ bytes, 48 }), HF_OK);
	f = refused(fx, HF_ERR_UNCOVERED, "spdm/3");
	item.found = f->waive_as ? f->waive_as : f->found;
	waive(fx, &waiver, &item);
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	bytes[47] = 2;
	assert_int_equal(hf_measurement_set_bytes(&fx->claims, m, (struct hf_span){ bytes, 48 }), HF_OK);
	refused(fx, HF_ERR_UNCOVERED, "spdm/3");
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_signs),
		cmocka_unit_test(a_key_that_no_anchor_stands_behind),
		cmocka_unit_test(an_untrusted_key_is_not_bytes_either),
		cmocka_unit_test(a_key_that_was_revoked),
		cmocka_unit_test(no_driver_adds_a_signature),
		cmocka_unit_test(unbound_where_signed_is_demanded),
		cmocka_unit_test(one_block_that_is_not_signed),
		cmocka_unit_test(a_device_that_cannot_sign),
		cmocka_unit_test(silence_where_firmware_is_listed),
		cmocka_unit_test(failures_that_say_nothing_against_the_device),
		cmocka_unit_test(failures_of_the_device),
		cmocka_unit_test(causes_of_other_readers),
		cmocka_unit_test(pieces_that_failed),
		cmocka_unit_test(values_that_differ),
		cmocka_unit_test(a_version_that_another_release_lists),
		cmocka_unit_test(a_block_that_no_release_lists),
		cmocka_unit_test(numbers_of_a_device_that_signs),
		cmocka_unit_test(a_reference_with_the_devices_own_algorithm),
		cmocka_unit_test(bytes_as_the_maker_lists_them),
		cmocka_unit_test(nobody_waives_a_signature),
		cmocka_unit_test(a_waiver_for_one_reason),
		cmocka_unit_test(a_waiver_for_firmware_waives_no_signature),
		cmocka_unit_test(a_waiver_for_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
