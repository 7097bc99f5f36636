/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest create: what a captured host's drivers and platform become. */
#include "controller/create.h"
#include "controller/diff.h"
#include "tests/unit/boot_fixture.h"

#define DRIVER_KEY "option-rom/1/authenticode"

struct made {
	struct fixture *fx;
	struct hf_manifests *out;
	struct log log;
	char notes[4096];
};

static void begin(struct made *m)
{
	m->fx = fx_new();
	fx_code(m->fx, m->fx->card, m->fx->card->functions, DRIVER_KEY, "nic driver");
	log_boot(&m->log, NULL, "kernel", "initrd", "options");
}

static void ran(struct made *m, const char *driver)
{
	log_event(&m->log, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, driver, hf_span_text("path"));
}

static void create(struct made *m)
{
	static uint8_t cbor[1 << 16];
	struct hf_writer w = { .buf = cbor, .cap = sizeof(cbor) };
	struct hf_writer notes = { .buf = (uint8_t *)m->notes, .cap = sizeof(m->notes) - 1 };
	const struct hf_create options = { .generation = 1 };
	struct hf_evidence evidence = { .firmware_log = hf_written(&m->log.w) };
	struct hf_fault fault = { 0 };

	hf_claims_encode(&m->fx->claims, &w);
	assert_false(w.full);
	evidence.claims = hf_written(&w);
	m->out = fx_take(m->fx, sizeof(*m->out));
	m->out->arena = &m->fx->arena;
	assert_string_equal(hf_err_name(hf_create(&options, &evidence, m->out, &notes, &fault)), "ok");
	m->notes[notes.len] = '\0';
}

static const struct hf_reference *reference(const struct made *m, const char *mkey)
{
	for (const struct hf_component *c = m->out->components; c; c = c->next)
		for (const struct hf_environment *e = c->releases->environments; e; e = e->next)
			for (const struct hf_reference *r = e->references; r; r = r->next)
				if (strcmp(r->mkey, mkey) == 0)
					return r;
	return NULL;
}

#define TEST(name) static void name(void **state)
#define BEGIN static struct made m; (void)state; m = (struct made){ 0 }; begin(&m)
#define END fx_free(m.fx)

TEST(a_driver_that_a_rom_carries_is_in_its_release)
{
	BEGIN;
	ran(&m, "nic driver");
	ran(&m, "nic driver");
	create(&m);
	assert_null(m.out->models->boot_code);
	assert_string_equal(reference(&m, DRIVER_KEY)->from,
			    "bytes at pci0000:00/01.0/00.0; firmware ran it (PCR 2)");
	assert_non_null(strstr(m.out->models->provenance, "driver(s) of PCR 2 are in ROMs"));
	assert_null(strstr(m.notes, "PCR 2"));
	END;
}

TEST(a_driver_that_none_carries_is_listed_for_review)
{
	BEGIN;
	ran(&m, "another driver");
	create(&m);
	assert_string_equal(m.out->models->boot_code->name, "driver-0");
	assert_null(m.out->models->boot_code->next);
	assert_non_null(strstr(m.notes, "which no ROM here carries as a driver: it is listed as driver-0"));
	assert_null(strstr(reference(&m, DRIVER_KEY)->from, "firmware ran it"));
	END;
}

/* What is not compared later owns nothing: a shadowed ROM, a driver that was not read whole,
 * the same bytes under another name. */
TEST(a_rom_that_is_not_compared_owns_no_driver)
{
	for (int i = 0; i < 3; i++) {
		BEGIN;
		struct hf_measurement *x = hf_measurement_find(m.fx->card->functions->measurements,
							       DRIVER_KEY);

		if (i == 0)
			x->flags |= HF_MEASUREMENT_ADVISORY;
		else if (i == 1)
			x->cause = HF_ERR_ROM_READ;
		else
			x->mkey = "option-rom/1";
		ran(&m, "nic driver");
		create(&m);
		assert_non_null(m.out->models->boot_code);
		assert_string_equal(m.out->models->boot_code->name, "driver-0 of 8086:10d3");
		END;
	}
}

TEST(firmware_that_waits_is_no_release)
{
	BEGIN;
	fx_text(m.fx, m.fx->disk, m.fx->disk->functions, HF_MKEY_PENDING, HF_METHOD_VERSION, "2.0");
	fx_text(m.fx, m.fx->disk, m.fx->disk->functions, "nvme/firmware", HF_METHOD_VERSION, "1.0");
	create(&m);
	assert_non_null(reference(&m, "nvme/firmware"));
	assert_null(reference(&m, HF_MKEY_PENDING));
	assert_non_null(strstr(m.notes, DISK_PLACE ": other firmware waits in the device"));
	END;
}

TEST(the_platform_lists_its_code_and_keys)
{
	BEGIN;
	const struct hf_platform_firmware *f;
	struct hf_pcrs pcrs;

	log_self(&m.log, 0, 8, "version 2.19");
	fx_text(m.fx, m.fx->host, NULL, "smbios/bios-version", HF_METHOD_IDENTITY, "2.19.1");
	create(&m);
	assert_int_equal(hf_log_replay(hf_written(&m.log.w), HF_ALG_SHA256, &pcrs), HF_OK);
	f = m.out->models->firmware;
	assert_string_equal(f->name, "2.19.1");
	assert_int_equal(f->state, HF_RELEASE_ALLOWED);
	assert_int_equal(f->pcr_mask, 1u << 0 | 1u << 7);
	assert_memory_equal(f->pcrs[0].bytes, pcrs.value[0], 32);
	assert_memory_equal(f->pcrs[7].bytes, pcrs.value[7], 32);
	assert_int_equal(f->key_mask, 0);
	assert_null(f->next);
	assert_true(hf_firmware_valid(f));
	END;
}

/* SeaBIOS and others leave some PCRs alone: that says nothing of a platform. */
TEST(a_pcr_that_nothing_extended_is_not_listed)
{
	BEGIN;
	log_start(&m.log);
	log_separator(&m.log, 7);
	create(&m);
	assert_string_equal(m.out->models->firmware->name, "as-found");
	assert_int_equal(m.out->models->firmware->pcr_mask, 1u << 7);
	END;
	begin(&m);
	log_start(&m.log);
	log_separator(&m.log, 4);
	create(&m);
	assert_null(m.out->models->firmware);
	assert_non_null(strstr(m.notes, "extends neither PCR 0 nor 7"));
	END;
	begin(&m);
	m.log.w.len = 0;
	create(&m);
	assert_null(m.out->models->firmware);
	END;
}

/* A model of version 0.1 lists what the ROM carries; that is no difference. */
TEST(a_model_that_lists_an_owned_driver_says_the_same)
{
	BEGIN;
	struct hf_manifests *host;
	struct hf_boot_code code = { NULL, "nic's driver", fx_digest("nic driver"), NULL };
	json_t *changes;

	ran(&m, "nic driver");
	create(&m);
	host = m.out;
	create(&m);
	m.out->models->boot_code = &code;
	m.out->models->firmware = NULL;
	assert_int_equal(hf_diff_align(host, m.out), HF_OK);
	changes = hf_diff(m.out, host, false);
	assert_int_equal(json_array_size(changes), 0);
	json_decref(changes);
	END;
}

/* ---- a card that signs ---- */

static struct hf_measurement *show(struct made *m, const char *mkey, enum hf_method method,
				   uint32_t flags)
{
	struct hf_measurement *k = hf_claims_add_measurement(&m->fx->claims, m->fx->card,
							     m->fx->card->functions, mkey, method,
							     flags);

	assert_non_null(k);
	return k;
}

static void show_digest(struct made *m, const char *mkey, enum hf_method method, uint32_t flags)
{
	struct hf_digest d = fx_digest(mkey);

	assert_int_equal(hf_measurement_set_digests(show(m, mkey, method, flags), &d, 1, 0), HF_OK);
}

static void signs(struct made *m, enum hf_method method)
{
	static const uint8_t mode[16] = { 0x3f };
	struct hf_claims *claims = &m->fx->claims;

	show_digest(m, "spdm/1", method, HF_MEASUREMENT_CODE);
	show_digest(m, "spdm/2", method, 0);
	hf_measurement_set_number(show(m, "spdm/7", method, 0), 4);
	hf_measurement_set_number(show(m, "spdm/slot", method, 0), 0);
	assert_int_equal(hf_measurement_set_bytes(claims, show(m, "spdm/254", method, 0),
						  (struct hf_span){ mode, sizeof(mode) }), HF_OK);
	assert_int_equal(hf_measurement_set_text(claims, show(m, "spdm/version", method, 0), "1.2"), HF_OK);
	assert_int_equal(hf_measurement_set_text(claims, show(m, "spdm/identity", method, 0), "bound"),
			 HF_OK);
	assert_int_equal(hf_measurement_set_text(claims, show(m, "doe/0x100", HF_METHOD_VERSION, 0),
						 "0001/00"), HF_OK);
	show_digest(m, "spdm/slot/0/root", method, 0);
	show_digest(m, "spdm/slot/0/chain", method, 0);
	show_digest(m, "spdm/slot/1/root", HF_METHOD_VERSION, 0);
	show_digest(m, "spdm/dice/0/fwid", method, 0);
}

static enum hf_method least(const struct made *m)
{
	for (const struct hf_rule *r = m->out->models->rules; r; r = r->next)
		if (strcmp(r->place, NIC_PLACE) == 0)
			return r->least_method;
	return HF_METHOD_NONE;
}

TEST(what_a_card_signs_is_listed_of_its_kind)
{
	BEGIN;
	signs(&m, HF_METHOD_SIGNED);
	create(&m);
	assert_non_null(reference(&m, "spdm/1"));
	assert_int_equal(reference(&m, "spdm/7")->svn_kind, HF_SVN_LEAST);
	assert_int_equal(reference(&m, "spdm/7")->svn, 4);
	assert_int_equal(reference(&m, "spdm/254")->raw.len, 16);
	assert_string_equal(reference(&m, "spdm/version")->text, "1.2");
	assert_non_null(reference(&m, "spdm/slot/0/root"));
	assert_null(reference(&m, "spdm/2"));
	assert_null(reference(&m, "spdm/slot"));
	assert_null(reference(&m, "spdm/identity"));
	assert_null(reference(&m, "spdm/slot/0/chain"));
	assert_null(reference(&m, "spdm/slot/1/root"));
	assert_null(reference(&m, "spdm/dice/0/fwid"));
	assert_null(reference(&m, "doe/0x100"));
	assert_int_equal(least(&m), HF_METHOD_SIGNED);
	assert_non_null(strstr(m.notes, "not listed, for it may differ from device to device: spdm/2\n"));
	assert_non_null(strstr(m.notes, "root certificate in anchors/device"));
	END;
}

/* The rule demands no more than what the host that was captured has shown. */
TEST(the_method_of_a_card_that_signs)
{
	static const struct { enum hf_method all, one, least; } rows[] = {
		{ HF_METHOD_UNBOUND, HF_METHOD_UNBOUND, HF_METHOD_UNBOUND },
		{ HF_METHOD_SIGNED, HF_METHOD_UNBOUND, HF_METHOD_UNBOUND },
		{ HF_METHOD_SIGNED, HF_METHOD_VERSION, HF_METHOD_BYTES },	/* by its ROM */
		{ HF_METHOD_VERSION, HF_METHOD_VERSION, HF_METHOD_BYTES },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BEGIN;
		signs(&m, rows[i].all);
		hf_measurement_find(m.fx->card->functions->measurements, "spdm/7")->method = rows[i].one;
		create(&m);
		assert_int_equal(least(&m), rows[i].least);
		END;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_that_a_rom_carries_is_in_its_release),
		cmocka_unit_test(a_driver_that_none_carries_is_listed_for_review),
		cmocka_unit_test(a_rom_that_is_not_compared_owns_no_driver),
		cmocka_unit_test(firmware_that_waits_is_no_release),
		cmocka_unit_test(the_platform_lists_its_code_and_keys),
		cmocka_unit_test(a_pcr_that_nothing_extended_is_not_listed),
		cmocka_unit_test(a_model_that_lists_an_owned_driver_says_the_same),
		cmocka_unit_test(what_a_card_signs_is_listed_of_its_kind),
		cmocka_unit_test(the_method_of_a_card_that_signs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
