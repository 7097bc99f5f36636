/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drivers in PCR 2 against the option ROMs of the claims and the manifests. Every test
 * starts from a host that is accepted and changes one thing. */
#include "tests/unit/boot_fixture.h"

#define DRIVER_KEY "option-rom/1/authenticode"
#define NIC_PATH { { 1, 0 }, { 0, 0 } }
#define DISK_PATH { { 2, 0 }, { 0, 0 } }

struct hop { uint8_t device, function; };

/* The NIC's ROM holds "nic driver", which the release covers by its window. */
static struct fixture *fx_booted(void)
{
	struct fixture *fx = fx_new();

	fx_image(fx, "gate", "kernel", "initrd", "options");
	fx_code(fx, fx->card, fx->card->functions, "option-rom/1", "nic image");
	fx_code(fx, fx->card, fx->card->functions, DRIVER_KEY, "nic driver");
	return fx;
}

/* UEFI_IMAGE_LOAD_EVENT with PciRoot(0)/Pci(...)/Offset(...). */
static struct hf_span loaded_from(const struct hop *hops, size_t count)
{
	static uint8_t buf[512];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	size_t len = 12 + 6 * count + 24 + 4;

	hf_put(&w, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	hf_put_le(&w, len, 8);
	hf_put(&w, "\x02\x01\x0c\0\xd0\x41\x03\x0a\0\0\0\0", 12);
	for (size_t i = 0; i < count; i++) {
		hf_put(&w, "\x01\x01\x06\0", 4);
		hf_put_le(&w, hops[i].function, 1);
		hf_put_le(&w, hops[i].device, 1);
	}
	hf_put(&w, "\x04\x08\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	hf_put(&w, "\x7f\xff\x04\0", 4);
	assert_false(w.full);
	return hf_written(&w);
}

static void ran(struct log *l, const char *driver, struct hf_span data)
{
	log_boot(l, NULL, "kernel", "initrd", "options");
	log_event(l, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, driver, data);
}

static void judge(struct fixture *fx, const struct log *l)
{
	fx_judge(fx);
	hf_appraise_boot(hf_written(&l->w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
}

static void accepted(struct fixture *fx, const struct log *l)
{
	judge(fx, l);
	assert_string_equal(hf_err_name(fx->verdict.cause), "ok");
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_null(fx->verdict.boot);
}

/* Held, and the one finding about the boot is of this cause. */
static const struct hf_finding *refused(struct fixture *fx, const struct log *l, enum hf_err cause)
{
	judge(fx, l);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_non_null(fx->verdict.boot);
	assert_null(fx->verdict.boot->next);
	assert_string_equal(hf_err_name(fx->verdict.boot->cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.boot->action, HF_ACTION_HOLD);
	return fx->verdict.boot;
}

static const char *sha256_text(const char *content)
{
	static char text[2 * HF_DIGEST_MAX + 8];
	struct hf_digest d = fx_digest(content);

	memcpy(text, "sha256:", 7);
	hf_digest_hex(&d, text + 7);
	return text;
}

static struct hf_measurement *measured(const struct hf_part *part, const char *mkey)
{
	struct hf_measurement *m = hf_measurement_find(part->functions->measurements, mkey);

	assert_non_null(m);
	return m;
}

static void shows(struct hf_measurement *m, const char *content)
{
	struct hf_digest d = fx_digest(content);

	assert_int_equal(hf_measurement_set_digests(m, &d, 1, strlen(content)), HF_OK);
}

static struct hf_release *release_of(struct hf_component *component)
{
	return component->releases;
}

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_booted(); static struct log l; (void)state
#define END fx_free(fx)

/* ---- owned ---- */

TEST(a_driver_of_an_admitted_roms_window)
{
	static const struct hop nic[] = NIC_PATH, disk[] = DISK_PATH;
	BEGIN;

	ran(&l, "nic driver", loaded_from(nic, 2));
	accepted(fx, &l);
	/* the path is no evidence: it decides neither way */
	ran(&l, "nic driver", loaded_from(disk, 2));
	accepted(fx, &l);
	ran(&l, "nic driver", hf_span_text("no path at all"));
	accepted(fx, &l);
	END;
}

TEST(a_driver_by_the_digest_of_itself_or_of_its_image)
{
	static const char *const keys[] = { DRIVER_KEY, "option-rom/1" };

	for (size_t i = 0; i < 2; i++) {
		BEGIN;
		struct hf_environment *e = release_of(fx->nic)->environments;

		/* the ROM has no window here: what is listed is all that vouches */
		e->references->mkey = keys[i];
		e->references->digests[0] = fx_digest(i ? "nic image" : "nic driver");
		measured(fx->card, "option-rom/window")->flags = HF_MEASUREMENT_ADVISORY;
		measured(fx->card, "option-rom/1")->flags = i ? HF_MEASUREMENT_CODE
							      : HF_MEASUREMENT_ADVISORY;
		measured(fx->card, DRIVER_KEY)->flags = i ? HF_MEASUREMENT_ADVISORY
							  : HF_MEASUREMENT_CODE;
		ran(&l, "nic driver", hf_span_text(""));
		accepted(fx, &l);
		/* and nothing listed that the driver is a piece of: nobody vouches */
		e->references = NULL;
		measured(fx->card, "option-rom/1")->flags = HF_MEASUREMENT_ADVISORY;
		measured(fx->card, DRIVER_KEY)->flags = HF_MEASUREMENT_ADVISORY;
		fx->nic_rule->least_method = HF_METHOD_IDENTITY;
		assert_string_equal(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->mkey, DRIVER_KEY);
		END;
	}
}

TEST(a_driver_behind_the_window)
{
	BEGIN;
	struct hf_environment *e = release_of(fx->nic)->environments;

	measured(fx->card, DRIVER_KEY)->mkey = "rom-bar/1/authenticode";
	measured(fx->card, "option-rom/1")->mkey = "rom-bar/1";
	ran(&l, "nic driver", hf_span_text(""));
	judge(fx, &l);		/* the window says nothing of what lies behind it */
	assert_int_equal(fx->verdict.cause, HF_ERR_UNCOVERED);
	fx_reference(fx, e, "rom-bar/rest", "rest");
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/rest", "rest");
	accepted(fx, &l);
	/* nor does the rest of what lies before it */
	measured(fx->card, "rom-bar/1/authenticode")->mkey = DRIVER_KEY;
	e->references->mkey = "option-rom/2";
	e->references->digests[0] = fx_digest("other");
	fx_code(fx, fx->card, fx->card->functions, "option-rom/2", "other");
	measured(fx->card, "option-rom/window")->flags = HF_MEASUREMENT_ADVISORY;
	measured(fx->card, DRIVER_KEY)->flags = HF_MEASUREMENT_ADVISORY;
	refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN);
	END;
}

TEST(the_same_driver_in_two_parts)
{
	BEGIN;
	struct hf_measurement *m = fx_code(fx, fx->disk, fx->disk->functions, DRIVER_KEY,
					   "nic driver");

	/* the drive is refused for showing it; the NIC owns it all the same */
	ran(&l, "nic driver", hf_span_text(""));
	judge(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_null(fx->verdict.boot);
	m->flags |= HF_MEASUREMENT_ADVISORY;
	accepted(fx, &l);
	END;
}

TEST(a_driver_that_the_model_lists)
{
	BEGIN;
	ran(&l, "old driver", hf_span_text(""));
	refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN);
	fx_boot_code(fx, "old driver");
	accepted(fx, &l);
	END;
}

/* ---- not owned although a ROM shows it ---- */

TEST(a_refused_parts_driver_is_left_to_the_part)
{
	BEGIN;
	ran(&l, "nic driver", hf_span_text(""));
	shows(measured(fx->card, "option-rom/window"), "rom evil");
	judge(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_FIRMWARE_UNKNOWN);
	assert_string_equal(fx->verdict.cause_place, NIC_PLACE);
	assert_null(fx->verdict.boot);
	END;
}

/* What is done to a part after its driver ran mends nothing. */
TEST(an_isolated_parts_driver_holds_the_host)
{
	BEGIN;
	ran(&l, "nic driver", hf_span_text(""));
	shows(measured(fx->card, "option-rom/window"), "rom evil");
	fx->nic_rule->action = HF_ACTION_FENCE;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_ISOLATED);
	assert_ptr_equal(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->function,
			 fx->card->functions);
	END;
}

TEST(a_warning_is_no_comparison)
{
	BEGIN;
	ran(&l, "nic driver", hf_span_text(""));
	fx->nic_rule->action = HF_ACTION_WARN;
	shows(measured(fx->card, "option-rom/window"), "rom 0.9");	/* known: to be updated */
	judge(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	assert_null(fx->verdict.boot);
	shows(measured(fx->card, "option-rom/window"), "rom 0.8");	/* revoked: a deny wins */
	refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN);
	shows(measured(fx->card, "option-rom/window"), "rom evil");
	assert_non_null(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->expected);
	END;
}

TEST(a_driver_that_was_not_read_whole)
{
	BEGIN;
	ran(&l, "nic driver", hf_span_text(""));
	measured(fx->card, DRIVER_KEY)->cause = HF_ERR_ROM_READ;
	judge(fx, &l);
	assert_int_equal(fx->verdict.boot->cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
	END;
}

static void revoke(struct fixture *fx, struct hf_revocations *list, struct hf_revoked *entry,
		   const char *content)
{
	*entry = (struct hf_revoked){ .kind = HF_REVOKED_DIGEST, .digest = fx_digest(content),
				      .note = "leaks keys" };
	*list = (struct hf_revocations){ .name = "list", .generation = 1, .entries = entry };
	fx->manifests->revocations = list;
}

TEST(an_owners_deny_wins)
{
	struct hf_revocations list;
	struct hf_revoked entry;
	BEGIN;

	ran(&l, "nic driver", hf_span_text(""));
	revoke(fx, &list, &entry, "nic driver");
	const struct hf_finding *f = refused(fx, &l, HF_ERR_FIRMWARE_REVOKED);

	assert_string_equal(f->expected, "leaks keys");
	assert_ptr_equal(f->function, fx->card->functions);
	fx_boot_code(fx, "nic driver");
	refused(fx, &l, HF_ERR_FIRMWARE_REVOKED);
	revoke(fx, &list, &entry, "nobody's driver");
	ran(&l, "nobody's driver", hf_span_text(""));
	assert_null(refused(fx, &l, HF_ERR_FIRMWARE_REVOKED)->function);
	END;
}

/* ---- swapped ---- */

TEST(a_rom_that_was_put_back_after_it_ran)
{
	static const struct hop nic[] = NIC_PATH;
	BEGIN;

	fx_text(fx, fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "7");
	ran(&l, "evil driver", loaded_from(nic, 2));
	const struct hf_finding *f = refused(fx, &l, HF_ERR_ROM_SWAPPED);

	assert_ptr_equal(f->function, fx->card->functions);
	assert_ptr_equal(f->part, fx->card);
	assert_string_equal(f->found, sha256_text("evil driver"));
	assert_non_null(strstr(f->expected, sha256_text("nic driver")));
	assert_non_null(strstr(f->expected, DRIVER_KEY));
	/* every part is in order: this alone holds the host */
	for (const struct hf_part_verdict *p = fx->verdict.parts; p; p = p->next)
		assert_int_equal(p->status, HF_STATUS_ACCEPTED);
	assert_int_equal(fx->verdict.cause, HF_ERR_ROM_SWAPPED);
	fx_code(fx, fx->card, fx->card->functions, "option-rom/2/authenticode", "second");
	assert_non_null(strstr(refused(fx, &l, HF_ERR_ROM_SWAPPED)->expected, "1 more"));
	END;
}

TEST(a_rom_that_is_not_there_any_more)
{
	static const struct hop disk[] = DISK_PATH;
	BEGIN;

	ran(&l, "evil driver", loaded_from(disk, 2));
	assert_ptr_equal(refused(fx, &l, HF_ERR_ROM_SWAPPED)->function, fx->disk->functions);
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->disk,
							     fx->disk->functions, "option-rom/chain",
							     HF_METHOD_NONE, 0);
	hf_measurement_set_failure(m, HF_ERR_ROM_EMPTY);
	assert_non_null(strstr(refused(fx, &l, HF_ERR_ROM_SWAPPED)->expected, "no driver"));
	END;
}

/* That it is known from elsewhere is said, and changes nothing. */
TEST(a_known_driver_of_another_rom)
{
	static const struct hop disk[] = DISK_PATH;
	BEGIN;

	fx_reference(fx, release_of(fx->nic)->next->environments, DRIVER_KEY, "driver 0.9");
	ran(&l, "driver 0.9", loaded_from(disk, 2));
	assert_non_null(strstr(refused(fx, &l, HF_ERR_ROM_SWAPPED)->known, "nic, release 0.9, update"));
	END;
}

/* ---- nobody's ---- */

TEST(a_driver_of_a_part_that_left)
{
	static const struct hop nowhere[] = { { 9, 0 } };
	BEGIN;

	fx_reference(fx, release_of(fx->nic)->next->environments, DRIVER_KEY, "driver 0.9");
	ran(&l, "driver 0.9", loaded_from(nowhere, 1));
	const struct hf_finding *f = refused(fx, &l, HF_ERR_BOOT_DRIVER_UNOWNED);

	assert_null(f->function);
	assert_string_equal(f->known, "nic, release 0.9, update");
	ran(&l, "driver 0.9", hf_span_text(""));
	refused(fx, &l, HF_ERR_BOOT_DRIVER_UNOWNED);
	/* a value of something else is no driver that is known */
	fx_reference(fx, release_of(fx->nic)->environments, "option-rom/0", "an image");
	fx_code(fx, fx->card, fx->card->functions, "option-rom/0", "an image");
	ran(&l, "an image", hf_span_text(""));
	assert_null(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->known);
	END;
}

/* The same hops below two root bridges: which of them is not known. */
TEST(a_path_that_fits_two_functions)
{
	static const struct hop nic[] = NIC_PATH;
	BEGIN;
	struct hf_part *other = fx_part(fx, HF_PART_CARD, "pci0000:80/01.0/00");

	fx_function(fx, other, 0x1b36, 0x0010, 0x010802);
	fx->disk_rule->count = 2;
	ran(&l, "evil driver", loaded_from(nic, 2));
	assert_null(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->function);
	END;
}

TEST(a_rom_that_could_not_be_read)
{
	static const struct hop nic[] = NIC_PATH;
	static const enum hf_err causes[] = { HF_ERR_ROM_DRIVER_BOUND, HF_ERR_NOT_MEASURED,
					      HF_ERR_KERNEL_REFUSED };
	BEGIN;

	hf_measurement_set_failure(measured(fx->card, DRIVER_KEY), HF_ERR_ROM_COMPRESSION);
	ran(&l, "nic driver", loaded_from(nic, 2));
	const struct hf_finding *f = refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN);

	assert_ptr_equal(f->function, fx->card->functions);
	assert_non_null(strstr(f->expected, "rom-compression"));
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		hf_measurement_set_failure(measured(fx->card, "option-rom/window"), causes[i]);
		judge(fx, &l);
		assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
		assert_int_equal(fx->verdict.boot->cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
		assert_non_null(strstr(fx->verdict.boot->expected, hf_err_name(causes[i])));
	}
	ran(&l, "nic driver", hf_span_text(""));
	judge(fx, &l);
	assert_non_null(strstr(fx->verdict.boot->expected, "1 ROM(s) were not read whole"));
	END;
}

/* Where the kernel shows a copy that has changed since, what is missing in it says nothing. */
TEST(a_shadowed_rom_is_none_that_was_swapped)
{
	static const struct hop nic[] = NIC_PATH;
	BEGIN;

	measured(fx->card, "option-rom/window")->flags |= HF_MEASUREMENT_ADVISORY;
	ran(&l, "evil driver", loaded_from(nic, 2));
	judge(fx, &l);
	assert_int_equal(fx->verdict.boot->cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
	assert_non_null(strstr(fx->verdict.boot->expected, "rom-shadow"));
	END;
}

TEST(the_rest_of_a_rom_may_hold_it)
{
	static const struct hop nic[] = NIC_PATH;
	BEGIN;
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->card,
							     fx->card->functions, "rom-bar/rest",
							     HF_METHOD_NONE, 0);

	hf_measurement_set_failure(m, HF_ERR_ROM_REST);
	ran(&l, "another driver", loaded_from(nic, 2));
	assert_non_null(strstr(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->expected,
			       "rom-rest-unread"));
	END;
}

/* A file on a drive behind the NIC's place: its ROM has no part in that. */
TEST(a_path_that_goes_on_to_a_disk)
{
	static const struct hop nic[] = NIC_PATH;
	static uint8_t bytes[512];
	BEGIN;
	struct hf_span whole = loaded_from(nic, 2);

	memcpy(bytes, whole.ptr, whole.len);
	bytes[whole.len - 27] = 4;	/* a file path where the range in the ROM was */
	ran(&l, "evil driver", (struct hf_span){ bytes, whole.len });
	assert_null(refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN)->function);
	END;
}

/* Broken paths are paths to nowhere. */
TEST(paths_that_lead_nowhere)
{
	static const struct hop nic[] = NIC_PATH;
	static uint8_t bytes[512];
	BEGIN;
	struct hf_span whole = loaded_from(nic, 2);

	for (size_t len = 0; len < whole.len; len++) {
		memcpy(bytes, whole.ptr, len);
		ran(&l, "evil driver", (struct hf_span){ bytes, len });
		refused(fx, &l, HF_ERR_BOOT_DRIVER_UNKNOWN);
	}
	memcpy(bytes, whole.ptr, whole.len);
	for (size_t at = 32; at < whole.len - 4; at++) {	/* one byte of the path different */
		bytes[at] ^= 0x40;
		ran(&l, "evil driver", (struct hf_span){ bytes, whole.len });
		judge(fx, &l);
		assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
		bytes[at] ^= 0x40;
	}
	END;
}

TEST(a_log_without_the_bank_that_counts)
{
	struct fixture *fx = fx_booted();
	static uint8_t bytes[4096];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_digest d = fx_digest("nic driver");

	(void)state;
	hf_put_le(&w, 2, 4);	/* SHA-1 form: no header event */
	hf_put_le(&w, HF_EV_EFI_BOOT_SERVICES_DRIVER, 4);
	hf_put(&w, d.bytes, 20);
	hf_put_le(&w, 1, 4);
	hf_put(&w, "x", 1);
	fx_judge(fx);
	hf_appraise_boot(hf_written(&w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	bool found = false;

	for (const struct hf_finding *f = fx->verdict.boot; f; f = f->next)
		found |= f->cause == HF_ERR_BOOT_DRIVER_UNKNOWN &&
			 strcmp(f->found, "no SHA-256 digest") == 0;
	assert_true(found);
	END;
}

TEST(a_flood_of_drivers)
{
	struct fixture *fx = fx_booted();
	static struct log many;
	static uint8_t data[1];
	size_t kept = 0;

	(void)state;
	log_boot(&many, NULL, "kernel", "initrd", "options");
	for (int i = 0; i < 150; i++) {
		char name[32];

		snprintf(name, sizeof(name), "evil %d", i);
		log_event(&many, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, name,
			  (struct hf_span){ data, 1 });
	}
	judge(fx, &many);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	for (const struct hf_finding *f = fx->verdict.boot; f; f = f->next)
		kept++;
	assert_int_equal(kept, 64);
	END;
}

/* Measured again after its driver was bound: what it shows then is what counts. */
TEST(a_part_that_was_measured_again)
{
	static const struct hop nic[] = NIC_PATH;
	BEGIN;
	struct hf_part *again = fx_part(fx, HF_PART_CARD, NIC_PLACE);
	struct hf_function *f = fx_function(fx, again, 0x8086, 0x10d3, 0x020000);

	fx_code(fx, again, f, "option-rom/window", "rom 1.0");
	fx_code(fx, again, f, DRIVER_KEY, "nic driver");
	ran(&l, "nic driver", loaded_from(nic, 2));
	accepted(fx, &l);
	shows(measured(again, DRIVER_KEY), "other driver");
	assert_ptr_equal(refused(fx, &l, HF_ERR_ROM_SWAPPED)->function, f);
	END;
}

/* Parts that nobody judged account for nothing. */
TEST(boot_without_a_verdict)
{
	BEGIN;
	ran(&l, "nic driver", hf_span_text(""));
	fx->verdict = (struct hf_verdict){ .model = fx->model };
	hf_appraise_boot(hf_written(&l.w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	END;
}

TEST(what_is_a_drivers_name)
{
	static const struct { const char *mkey; bool is; } rows[] = {
		{ "option-rom/0/authenticode", true }, { "option-rom/31/authenticode", true },
		{ "rom-bar/2/authenticode", true }, { "option-rom/authenticode", false },
		{ "option-rom//authenticode", false }, { "option-rom/0", false },
		{ "option-rom/0/authenticode/1", false }, { "option-rom/x/authenticode", false },
		{ "option-rom/0x/authenticode", false }, { "mtd/0/authenticode", false },
		{ "rom-bar/rest", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(hf_mkey_is_driver(rows[i].mkey), rows[i].is);
}

/* The arena runs out somewhere: never accepted, never a crash. */
TEST(out_of_memory_refuses)
{
	static const struct hop nic[] = NIC_PATH;
	BEGIN;

	ran(&l, "nic driver", loaded_from(nic, 2));
	fx_judge(fx);
	struct hf_verdict before = fx->verdict;
	struct hf_arena whole = fx->arena;
	bool passed = false;

	for (size_t room = 0; !passed && room < 64 << 10; room += 64) {
		struct hf_arena little = { whole.base, whole.len + room, whole.len };

		fx->verdict = before;
		hf_appraise_boot(hf_written(&l.w), fx->manifests, fx->model, &little, &fx->verdict);
		passed = fx->verdict.status == HF_STATUS_ACCEPTED;
		if (!passed)
			assert_int_equal(fx->verdict.cause, HF_ERR_LIMIT);
	}
	assert_true(passed);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_of_an_admitted_roms_window),
		cmocka_unit_test(a_driver_by_the_digest_of_itself_or_of_its_image),
		cmocka_unit_test(a_driver_behind_the_window),
		cmocka_unit_test(the_same_driver_in_two_parts),
		cmocka_unit_test(a_driver_that_the_model_lists),
		cmocka_unit_test(a_refused_parts_driver_is_left_to_the_part),
		cmocka_unit_test(an_isolated_parts_driver_holds_the_host),
		cmocka_unit_test(a_warning_is_no_comparison),
		cmocka_unit_test(a_driver_that_was_not_read_whole),
		cmocka_unit_test(an_owners_deny_wins),
		cmocka_unit_test(a_rom_that_was_put_back_after_it_ran),
		cmocka_unit_test(a_rom_that_is_not_there_any_more),
		cmocka_unit_test(a_known_driver_of_another_rom),
		cmocka_unit_test(a_driver_of_a_part_that_left),
		cmocka_unit_test(a_path_that_fits_two_functions),
		cmocka_unit_test(a_rom_that_could_not_be_read),
		cmocka_unit_test(a_shadowed_rom_is_none_that_was_swapped),
		cmocka_unit_test(the_rest_of_a_rom_may_hold_it),
		cmocka_unit_test(a_path_that_goes_on_to_a_disk),
		cmocka_unit_test(paths_that_lead_nowhere),
		cmocka_unit_test(a_log_without_the_bank_that_counts),
		cmocka_unit_test(a_flood_of_drivers),
		cmocka_unit_test(a_part_that_was_measured_again),
		cmocka_unit_test(boot_without_a_verdict),
		cmocka_unit_test(what_is_a_drivers_name),
		cmocka_unit_test(out_of_memory_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
