/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform's own firmware: PCRs 0-7 and Secure Boot against the model's list; the list
 * as CoRIM. Every test starts from a host that is accepted and changes one thing. */
#include "manifests/corim.h"
#include "tests/unit/boot_fixture.h"

static const uint8_t global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
				    0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t security[16] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
				      0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };

struct boot {		/* what the firmware of a case is and does */
	const char *code;
	bool secure_boot, no_secure_boot, db_after_separator, second_secure_boot, wrong_guid;
	const char *pk, *kek, *db, *dbx;
};
static const struct boot good = { .code = "firmware 2.19", .secure_boot = true, .pk = "owner",
				  .kek = "kek", .db = "owner's db", .dbx = "" };

static void log_variable(struct log *l, const uint8_t guid[static 16], const char *name,
			 const char *content, size_t len)
{
	uint8_t buf[256];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_digest d;

	hf_put(&w, guid, 16);
	hf_put_le(&w, strlen(name), 8);
	hf_put_le(&w, len, 8);
	for (const char *c = name; *c; c++)
		hf_put_le(&w, (uint8_t)*c, 2);
	hf_put(&w, content, len);
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&w), &d), HF_OK);
	hf_put_le(&l->w, 7, 4);
	hf_put_le(&l->w, HF_EV_EFI_VARIABLE_DRIVER_CONFIG, 4);
	hf_put_le(&l->w, 1, 4);
	hf_put_le(&l->w, 0xb, 2);
	hf_put(&l->w, d.bytes, 32);
	hf_put_le(&l->w, w.len, 4);
	hf_put_span(&l->w, hf_written(&w));
	assert_false(l->w.full);
}

static void log_text_variable(struct log *l, const uint8_t guid[static 16], const char *name,
			      const char *content)
{
	if (content)
		log_variable(l, guid, name, content, strlen(content));
}

static void write_log(struct log *l, const struct boot *b)
{
	log_start(l);
	log_event(l, 0, 8, b->code, hf_span_text("version"));
	if (!b->no_secure_boot)
		log_variable(l, b->wrong_guid ? security : global, "SecureBoot",
			     b->secure_boot ? "\1" : "\0", 1);
	if (b->second_secure_boot)
		log_variable(l, global, "SecureBoot", "\1", 1);
	log_text_variable(l, global, "PK", b->pk);
	log_text_variable(l, global, "KEK", b->kek);
	if (!b->db_after_separator)
		log_text_variable(l, security, "db", b->db);
	log_text_variable(l, security, "dbx", b->dbx);
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		if (pcr != 5)
			log_separator(l, pcr);
	if (b->db_after_separator)
		log_text_variable(l, security, "db", b->db);
	log_event(l, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, "kernel", hf_span_text("path"));
	log_event(l, 9, HF_EV_EVENT_TAG, "options", OPTIONS_DATA);
	log_event(l, 9, HF_EV_EVENT_TAG, "initrd", INITRD_DATA);
}

/* An entry that lists the PCRs in mask as this boot leaves them. */
static struct hf_platform_firmware *entry(struct fixture *fx, const char *name,
					  enum hf_release_state state, const struct boot *b,
					  uint32_t mask)
{
	struct hf_platform_firmware *f = fx_take(fx, sizeof(*f)), **end = &fx->model->firmware;
	static struct log l;
	struct hf_pcrs pcrs;

	write_log(&l, b);
	assert_int_equal(hf_log_replay(hf_written(&l.w), HF_ALG_SHA256, &pcrs), HF_OK);
	*f = (struct hf_platform_firmware){ .name = name, .state = state, .pcr_mask = mask };
	for (size_t i = 0; i < HF_FIRMWARE_PCRS; i++) {
		f->pcrs[i].alg = HF_ALG_SHA256;
		memcpy(f->pcrs[i].bytes, pcrs.value[i], 32);
	}
	while (*end)
		end = &(*end)->next;
	*end = f;
	return f;
}

static void names_key(struct hf_platform_firmware *f, enum hf_firmware_key key, const char *content)
{
	f->key_mask |= 1u << key;
	f->keys[key] = fx_digest(content);
}

static struct fixture *fx_booted(void)
{
	struct fixture *fx = fx_new();

	fx_image(fx, "gate", "kernel", "initrd", "options");
	return fx;
}

static void judge(struct fixture *fx, const struct boot *b)
{
	static struct log l;

	write_log(&l, b);
	fx_judge(fx);
	hf_appraise_boot(hf_written(&l.w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
}

static void accepted(struct fixture *fx, const struct boot *b, const struct hf_platform_firmware *by)
{
	judge(fx, b);
	assert_string_equal(hf_err_name(fx->verdict.cause), "ok");
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_ptr_equal(fx->verdict.platform_firmware, by);
}

/* Held; the first finding about the boot, of so many. */
static const struct hf_finding *refused(struct fixture *fx, const struct boot *b,
					enum hf_err cause, size_t findings)
{
	size_t count = 0;

	judge(fx, b);
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	for (const struct hf_finding *f = fx->verdict.boot; f; f = f->next)
		count++;
	assert_int_equal(count, findings);
	return fx->verdict.boot;
}

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_booted(); struct boot b = good; (void)state
#define END fx_free(fx)
#define CODE_AND_KEYS (1u << 0 | 1u << 7)

/* ---- PCRs ---- */

TEST(a_model_that_lists_none_takes_any)
{
	BEGIN;
	accepted(fx, &b, NULL);
	b.code = "anything";
	accepted(fx, &b, NULL);
	END;
}

TEST(every_pcr_that_an_entry_names_is_compared)
{
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 0xff);

	accepted(fx, &b, f);
	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++) {
		f->pcrs[i].bytes[31] ^= 1;
		f->pcr_mask = 0xff;
		const struct hf_finding *x = refused(fx, &b,
			i == 7 ? HF_ERR_SECURE_BOOT_CHANGED : HF_ERR_PLATFORM_FIRMWARE_UNKNOWN, 1);
		char key[8];

		snprintf(key, sizeof(key), "pcr-%u", i);
		assert_string_equal(x->mkey, key);
		assert_string_equal(x->release, "2.19");
		assert_non_null(x->expected);
		if (i == 5)	/* which nothing extended in this boot */
			assert_string_equal(x->found, "never extended");
		else
			assert_true(strncmp(x->found, "sha256:", 7) == 0);
		assert_null(fx->verdict.platform_firmware);
		f->pcr_mask &= ~(1u << i);	/* what it does not name may be anything */
		accepted(fx, &b, f);
		f->pcrs[i].bytes[31] ^= 1;
	}
	END;
}

TEST(other_code_is_unknown_firmware)
{
	BEGIN;
	entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, CODE_AND_KEYS);
	b.code = "implant";
	const struct hf_finding *f = refused(fx, &b, HF_ERR_PLATFORM_FIRMWARE_UNKNOWN, 1);

	assert_string_equal(f->mkey, "pcr-0");
	assert_int_equal(f->action, HF_ACTION_HOLD);
	b.pk = "thief";		/* both are said, the code first */
	f = refused(fx, &b, HF_ERR_PLATFORM_FIRMWARE_UNKNOWN, 2);
	assert_int_equal(f->next->cause, HF_ERR_SECURE_BOOT_CHANGED);
	END;
}

TEST(other_keys_are_another_secure_boot)
{
	BEGIN;
	entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, CODE_AND_KEYS);
	b.db = "thief's db";
	assert_string_equal(refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1)->mkey, "pcr-7");
	END;
}

/* One entry has to fit whole: not the code of one and the keys of another. */
TEST(entries_do_not_mix)
{
	BEGIN;
	struct boot other = good;

	other.code = "firmware 2.20";
	other.db = "next db";
	entry(fx, "2.19", HF_RELEASE_ALLOWED, &good, CODE_AND_KEYS);
	struct hf_platform_firmware *next = entry(fx, "2.20", HF_RELEASE_ALLOWED, &other,
						  CODE_AND_KEYS);

	accepted(fx, &other, next);
	b.db = other.db;
	/* nearest by its code */
	assert_string_equal(refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1)->release, "2.19");
	END;
}

TEST(states_of_the_firmware)
{
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_UPDATE, &b, 1u << 0);
	struct boot next = good;
	const struct hf_finding *x;

	next.code = "firmware 2.20";
	entry(fx, "2.20", HF_RELEASE_ALLOWED, &next, 1u << 0);
	x = refused(fx, &b, HF_ERR_PLATFORM_FIRMWARE_OLD, 1);
	assert_string_equal(x->found, "2.19");
	assert_string_equal(x->expected, "2.20");
	f->state = HF_RELEASE_REVOKED;
	f->note = "CVE-0000-0000";
	x = refused(fx, &b, HF_ERR_PLATFORM_FIRMWARE_REVOKED, 1);
	assert_string_equal(x->found, "2.19");
	assert_string_equal(x->expected, "CVE-0000-0000");
	END;
}

/* Of entries that all match: revoked before allowed before update, in whatever order. */
TEST(a_deny_wins)
{
	BEGIN;
	struct hf_platform_firmware *f[3];

	f[0] = entry(fx, "a", HF_RELEASE_ALLOWED, &b, 1u << 0);
	f[1] = entry(fx, "b", HF_RELEASE_REVOKED, &b, CODE_AND_KEYS);
	f[2] = entry(fx, "c", HF_RELEASE_UPDATE, &b, 1u << 0);
	for (size_t first = 0; first < 3; first++) {
		fx->model->firmware = f[first];
		f[first]->next = f[(first + 1) % 3];
		f[(first + 1) % 3]->next = f[(first + 2) % 3];
		f[(first + 2) % 3]->next = NULL;
		refused(fx, &b, HF_ERR_PLATFORM_FIRMWARE_REVOKED, 1);
	}
	f[1]->pcrs[7].bytes[0] ^= 1;
	accepted(fx, &b, f[0]);
	END;
}

/* Not even an owner's rule in audit mode or a waiver speaks of it: it is of no part. */
TEST(nobody_waives_the_platform)
{
	static const enum hf_err causes[] = {
		HF_ERR_PLATFORM_FIRMWARE_UNKNOWN, HF_ERR_PLATFORM_FIRMWARE_OLD,
		HF_ERR_PLATFORM_FIRMWARE_REVOKED, HF_ERR_SECURE_BOOT_CHANGED, HF_ERR_ROM_SWAPPED,
		HF_ERR_BOOT_DRIVER_UNOWNED, HF_ERR_FIRMWARE_PENDING,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		assert_false(hf_cause_waivable(causes[i]));
}

TEST(a_log_without_the_bank)
{
	BEGIN;
	static const uint8_t sha1[] = { 0, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
					12, 13, 14, 15, 16, 17, 18, 19, 20, 1, 0, 0, 0, 'x' };

	entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);
	fx_judge(fx);
	hf_appraise_boot((struct hf_span){ sha1, sizeof(sha1) }, fx->manifests, fx->model, &fx->arena,
			 &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.boot->cause, HF_ERR_LOG_ALGORITHM);
	END;
}

/* ---- Secure Boot from the log ---- */

TEST(secure_boot_on_or_off)
{
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);
	const struct hf_finding *x;

	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	accepted(fx, &b, f);
	b.secure_boot = false;
	x = refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1);
	assert_string_equal(x->mkey, "secure-boot");
	assert_string_equal(x->found, "off");
	assert_string_equal(x->expected, "on");
	f->secure_boot = HF_FIRMWARE_BOOT_OFF;
	accepted(fx, &b, f);
	b.second_secure_boot = true;	/* both words count: neither */
	x = refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1);
	assert_non_null(strstr(x->found, "ambiguous (duplicate-name)"));
	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1);
	f->secure_boot = HF_FIRMWARE_BOOT_ANY;	/* who asks for PCRs alone does not mind */
	accepted(fx, &b, f);
	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	b = good;
	b.no_secure_boot = true;	/* a log that does not say is neither */
	assert_string_equal(refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1)->found, "absent");
	f->secure_boot = HF_FIRMWARE_BOOT_OFF;
	refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1);
	b = good;
	b.wrong_guid = true;		/* another variable of that name */
	refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1);
	END;
}

TEST(each_key_is_compared)
{
	static const char *const names[] = { "secure-boot/PK", "secure-boot/KEK", "secure-boot/db",
					     "secure-boot/dbx" };
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);
	const char *contents[] = { good.pk, good.kek, good.db, good.dbx };

	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		names_key(f, (enum hf_firmware_key)i, contents[i]);
	accepted(fx, &b, f);
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++) {
		const char **in[] = { &b.pk, &b.kek, &b.db, &b.dbx };
		const struct hf_finding *x;

		b = good;
		*in[i] = "thief's";
		x = refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1);
		assert_string_equal(x->mkey, names[i]);
		assert_non_null(x->expected);
		*in[i] = NULL;	/* never measured */
		assert_string_equal(refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1)->found,
				    "not in the firmware's log");
	}
	b = good;
	b.db_after_separator = true;	/* too late to be what firmware trusted */
	assert_non_null(strstr(refused(fx, &b, HF_ERR_SECURE_BOOT_CHANGED, 1)->found, "ambiguous"));
	END;
}

/* Data that the digest does not cover say nothing. */
TEST(a_variable_that_was_not_hashed)
{
	BEGIN;
	static struct log l;
	struct hf_platform_firmware *f;

	b.secure_boot = false;
	f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);
	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	write_log(&l, &b);
	for (size_t i = 0; i + 21 < l.w.len; i++)
		if (memcmp(l.bytes + i, "B\0o\0o\0t\0\0", 9) == 0)
			l.bytes[i + 8] = 1;
	fx_judge(fx);
	hf_appraise_boot(hf_written(&l.w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.cause, HF_ERR_SECURE_BOOT_CHANGED);
	assert_non_null(strstr(fx->verdict.boot->found, "ambiguous (log-digest)"));
	END;
}

static const char *root(struct fixture *fx, const struct boot *b)
{
	static struct log l;

	write_log(&l, b);
	return hf_root_of_trust(fx->model, hf_written(&l.w));
}

TEST(secure_boot_is_a_root_where_its_keys_were_judged)
{
	BEGIN;
	struct hf_platform_firmware *f;

	assert_string_equal(root(fx, &b), "none");	/* no list */
	f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);
	assert_string_equal(root(fx, &b), "none");	/* says nothing of keys */
	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	names_key(f, HF_FIRMWARE_PK, good.pk);
	names_key(f, HF_FIRMWARE_KEK, good.kek);
	assert_string_equal(root(fx, &b), "none");	/* not of what may be started */
	names_key(f, HF_FIRMWARE_DB, good.db);
	assert_string_equal(root(fx, &b), "secure-boot");
	f->key_mask = 0;
	f->pcr_mask = CODE_AND_KEYS;
	assert_string_equal(root(fx, &b), "secure-boot");
	f->state = HF_RELEASE_REVOKED;
	assert_string_equal(root(fx, &b), "none");
	f->state = HF_RELEASE_ALLOWED;
	b.dbx = "other";
	assert_string_equal(root(fx, &b), "none");	/* another PCR 7 */
	b = good;
	b.secure_boot = false;
	fx->model->firmware = NULL;
	entry(fx, "off", HF_RELEASE_ALLOWED, &b, CODE_AND_KEYS);
	assert_string_equal(root(fx, &b), "none");	/* as listed, and off */
	assert_string_equal(hf_root_of_trust(NULL, hf_span_text("x")), "none");
	assert_string_equal(hf_root_of_trust(fx->model, (struct hf_span){ NULL, 0 }), "none");
	assert_string_equal(hf_root_of_trust(fx->model, hf_span_text("no log")), "none");
	END;
}

/* ---- as CoRIM ---- */

static uint8_t encoded[1 << 16];

static struct hf_span encode(struct fixture *fx, enum hf_err want)
{
	struct hf_manifests m = { .models = fx->model };
	struct hf_writer w = { .buf = encoded, .cap = sizeof(encoded) };

	assert_string_equal(hf_err_name(hf_corim_encode(&m, "id", &w)), hf_err_name(want));
	return hf_written(&w);
}

static struct hf_manifests *decode(struct fixture *fx, struct hf_span in, enum hf_err want)
{
	struct hf_manifests *out = fx_take(fx, sizeof(*out));

	out->arena = &fx->arena;
	assert_string_equal(hf_err_name(hf_corim_decode(in, 0, 0, out)), hf_err_name(want));
	assert_int_equal(out->models == NULL, want != HF_OK);
	return out;
}

TEST(the_list_survives_the_file)
{
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 0xa5);
	const struct hf_platform_firmware *g;

	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	f->from = "a golden host";
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		names_key(f, (enum hf_firmware_key)i, i & 1 ? "odd" : "even");
	f = entry(fx, "2.18", HF_RELEASE_REVOKED, &b, 1u << 7);
	f->note = "CVE-0000-0000";
	f->secure_boot = HF_FIRMWARE_BOOT_OFF;
	entry(fx, "2.17", HF_RELEASE_UPDATE, &b, 1u << 0);
	fx_boot_code(fx, "driver");
	g = decode(fx, encode(fx, HF_OK), HF_OK)->models->firmware;
	f = fx->model->firmware;
	for (; f && g; f = f->next, g = g->next) {
		assert_string_equal(f->name, g->name);
		assert_int_equal(f->state, g->state);
		assert_int_equal(f->pcr_mask, g->pcr_mask);
		assert_int_equal(f->key_mask, g->key_mask);
		assert_int_equal(f->secure_boot, g->secure_boot);
		assert_int_equal(!f->note, !g->note);
		assert_int_equal(!f->from, !g->from);
		for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
			if (f->pcr_mask >> i & 1)
				assert_true(hf_digest_equal(&f->pcrs[i], &g->pcrs[i]));
		for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
			if (f->key_mask >> i & 1)
				assert_true(hf_digest_equal(&f->keys[i], &g->keys[i]));
	}
	assert_true(!f && !g);
	END;
}

TEST(entries_that_cannot_be)
{
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);

	encode(fx, HF_OK);
	f->pcr_mask = 0;	/* names no PCR */
	encode(fx, HF_ERR_CORIM_SHAPE);
	f->pcr_mask = 1u << 8;
	encode(fx, HF_ERR_CORIM_SHAPE);
	f->pcr_mask = 1;
	f->state = HF_RELEASE_ALLOWED_UNTIL;
	encode(fx, HF_ERR_CORIM_SHAPE);
	f->state = HF_RELEASE_ALLOWED;
	f->name = "a/b";
	encode(fx, HF_ERR_CORIM_SHAPE);
	f->name = "2.19";
	f->pcrs[0].alg = HF_ALG_SHA384;
	encode(fx, HF_ERR_CORIM_SHAPE);
	f->pcrs[0].alg = HF_ALG_SHA256;
	entry(fx, "2.19", HF_RELEASE_UPDATE, &b, 1u << 7);
	decode(fx, encode(fx, HF_OK), HF_ERR_DUPLICATE_NAME);
	END;
}

struct patch {
	const char *from, *to;
	size_t len;
	enum hf_err want;
};

/* The same length, one thing different. */
TEST(files_that_no_encoder_writes)
{
#define PCR7 "\x07\x81\x82\x2f\x58\x20"
	static const struct patch rows[] = {
		{ PCR7, "\x08\x81\x82\x2f\x58\x20", 6, HF_ERR_CORIM_SHAPE },	/* PCR 8 */
		{ PCR7, "\x00\x81\x82\x2f\x58\x20", 6, HF_ERR_CBOR_DUPLICATE_KEY },
		{ PCR7, "\x07\x81\x82\x01\x58\x20", 6, HF_ERR_CORIM_SHAPE },	/* NI number */
		{ "\x62" "db", "\x62" "dc", 3, HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "\x0e\xa3", "\x0f\xa3", 2, HF_ERR_MANIFEST_UNKNOWN_CRITICAL },	/* no registers */
		{ "\x38\x1a\xf5", "\x38\x1a\xf6", 3, HF_ERR_CORIM_SHAPE },	/* on: null */
		{ "\x38\x1a\xf5", "\x38\x1d\xf5", 3, HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "platform-firmware/0", "platform-firmware/1", 19, HF_ERR_CORIM_SHAPE },
		{ "platform-firmware/0", "platform-firmwarE/0", 19, HF_ERR_CORIM_SHAPE },
	};
	BEGIN;
	struct hf_platform_firmware *f = entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, CODE_AND_KEYS);

	f->secure_boot = HF_FIRMWARE_BOOT_ON;
	names_key(f, HF_FIRMWARE_DB, "db");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_span in = encode(fx, HF_OK);
		bool found = false;

		for (size_t at = 0; !found && at + rows[i].len <= in.len; at++) {
			if (memcmp(encoded + at, rows[i].from, rows[i].len) != 0)
				continue;
			memcpy(encoded + at, rows[i].to, rows[i].len);
			found = true;
		}
		assert_true(found);
		decode(fx, in, rows[i].want);
	}
	END;
}

/* Registers are for the platform's firmware: elsewhere they may not be overlooked. */
TEST(registers_in_another_place)
{
	BEGIN;
	struct hf_span in;
	bool found = false;

	entry(fx, "2.19", HF_RELEASE_ALLOWED, &b, 1u << 0);
	in = encode(fx, HF_OK);
	for (size_t at = 0; !found && at + 19 <= in.len; at++) {
		if (memcmp(encoded + at, "platform-firmware/0", 19) != 0)
			continue;
		found = true;	/* a shorter name, and everything behind it moves up */
		memcpy(encoded + at, "boot-code/0", 11);
		encoded[at - 1] = 0x6b;
		memmove(encoded + at + 11, encoded + at + 19, in.len - at - 19);
		in.len -= 8;
	}
	assert_true(found);
	/* the byte string around it is 8 bytes shorter now: mend its length */
	for (size_t at = 0; at + 5 < in.len; at++)
		if (encoded[at] == 0xd9 && encoded[at + 1] == 0x01 && encoded[at + 2] == 0xfa) {
			assert_int_equal(encoded[at + 3], 0x58);
			encoded[at + 4] = (uint8_t)(encoded[at + 4] - 8);
			break;
		}
	decode(fx, in, HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_that_lists_none_takes_any),
		cmocka_unit_test(every_pcr_that_an_entry_names_is_compared),
		cmocka_unit_test(other_code_is_unknown_firmware),
		cmocka_unit_test(other_keys_are_another_secure_boot),
		cmocka_unit_test(entries_do_not_mix),
		cmocka_unit_test(states_of_the_firmware),
		cmocka_unit_test(a_deny_wins),
		cmocka_unit_test(nobody_waives_the_platform),
		cmocka_unit_test(a_log_without_the_bank),
		cmocka_unit_test(secure_boot_on_or_off),
		cmocka_unit_test(each_key_is_compared),
		cmocka_unit_test(a_variable_that_was_not_hashed),
		cmocka_unit_test(secure_boot_is_a_root_where_its_keys_were_judged),
		cmocka_unit_test(the_list_survives_the_file),
		cmocka_unit_test(entries_that_cannot_be),
		cmocka_unit_test(files_that_no_encoder_writes),
		cmocka_unit_test(registers_in_another_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
