/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secure Boot as the firmware's log tells it: on, off, absent, or not to be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/event_fixture.h"

#define BYTES(text) ((struct hf_span){ (const uint8_t *)(text), sizeof(text) - 1 })
#define CONFIG HF_EV_EFI_VARIABLE_DRIVER_CONFIG
#define AUTHORITY HF_EV_EFI_VARIABLE_AUTHORITY

static struct made log_;

static void add(uint32_t pcr, uint32_t type, struct hf_span data)
{
	struct hf_event e = make_event(pcr, type, data, NULL);

	log_put(&log_, &e);
}

static void add_variable(uint32_t type, const uint8_t *guid, const char *name,
			 struct hf_span value)
{
	static struct made m;

	made_start(&m);
	put_variable(&m.w, guid, name, value);
	add(7, type, hf_written(&m.w));
}

/* Data whose digest is of something else. */
static void add_unbound(uint32_t pcr, const char *text)
{
	struct hf_digest digest;

	assert_int_equal(hf_digest(HF_ALG_SHA256, BYTES("other"), &digest), HF_OK);
	struct hf_event e = make_event(pcr, HF_EV_EFI_ACTION, hf_span_text(text), &digest);

	log_put(&log_, &e);
}

static void add_separator(void)
{
	add(7, HF_EV_SEPARATOR, BYTES("\0\0\0\0"));
}

static void start(const char *state)
{
	log_start(&log_);
	add_variable(CONFIG, hf_guid_global, "SecureBoot", (struct hf_span){ (const uint8_t *)state, 1 });
	add_variable(CONFIG, hf_guid_global, "PK", BYTES("owner"));
	add_variable(CONFIG, hf_guid_global, "KEK", BYTES(""));
	add_variable(CONFIG, hf_guid_security, "db", BYTES("keys"));
}

static struct hf_secure_boot look(void)
{
	struct hf_secure_boot boot;

	assert_false(log_.w.full);
	memset(&boot, 0xaa, sizeof(boot));
	assert_int_equal(hf_secure_boot_from_log(hf_written(&log_.w), HF_ALG_SHA256, &boot), HF_OK);
	return boot;
}

static void is_doubtful(enum hf_err cause, size_t event)
{
	struct hf_secure_boot boot = look();

	assert_int_equal(boot.state, HF_SECURE_BOOT_AMBIGUOUS);
	if (boot.cause != cause)
		print_error("%s\n", hf_err_name(boot.cause));
	assert_int_equal(boot.cause, cause);
	assert_int_equal(boot.event, event);
}

static void says_on_off_and_absent(void **state)
{
	struct hf_secure_boot boot;
	struct hf_digest want;

	(void)state;
	start("\1");
	add_separator();
	add_variable(AUTHORITY, hf_guid_security, "db", BYTES("the key that let it start"));
	boot = look();
	assert_int_equal(boot.state, HF_SECURE_BOOT_ON);
	assert_true(boot.keys[HF_KEY_PK].measured && boot.keys[HF_KEY_DB].measured);
	assert_true(boot.keys[HF_KEY_KEK].measured && boot.keys[HF_KEY_KEK].content.len == 0);
	assert_false(boot.keys[HF_KEY_DBX].measured || boot.keys[HF_KEY_DBT].measured);
	assert_int_equal(hf_digest(HF_ALG_SHA256, BYTES("keys"), &want), HF_OK);
	assert_true(hf_digest_equal(&want, &boot.keys[HF_KEY_DB].sha256));
	assert_int_equal(boot.authority_count, 1);
	assert_int_equal(boot.authorities[0].event, 6);
	assert_int_equal(boot.authorities[0].content.len, 25);

	start("\0");
	add_separator();
	assert_int_equal(look().state, HF_SECURE_BOOT_OFF);
	log_start(&log_);
	add_variable(CONFIG, hf_guid_global, "SecureBoot", BYTES(""));	/* edk2: no such variable */
	add_separator();
	assert_int_equal(look().state, HF_SECURE_BOOT_OFF);
	log_start(&log_);
	add_separator();
	assert_int_equal(look().state, HF_SECURE_BOOT_ABSENT);
	log_start(&log_);
	assert_int_equal(look().state, HF_SECURE_BOOT_ABSENT);
	/* another namespace, another PCR, what extends nothing */
	log_start(&log_);
	add_variable(CONFIG, hf_guid_security, "SecureBoot", BYTES("\1"));
	add_variable(HF_EV_NO_ACTION, hf_guid_global, "SecureBoot", BYTES("\1"));
	add_separator();
	assert_int_equal(look().state, HF_SECURE_BOOT_ABSENT);
}

static void believes_no_type(void **state)
{
	(void)state;
	/* "off", called something else, and an "on" that came later */
	log_start(&log_);
	add_variable(HF_EV_IPL, hf_guid_global, "SecureBoot", BYTES("\0"));
	add_separator();
	add_variable(CONFIG, hf_guid_global, "SecureBoot", BYTES("\1"));
	is_doubtful(HF_ERR_DUPLICATE_NAME, 3);
	log_start(&log_);
	add_variable(AUTHORITY, hf_guid_global, "SecureBoot", BYTES("\0"));
	add_separator();
	assert_int_equal(look().state, HF_SECURE_BOOT_OFF);
	/* the separator, called something else */
	start("\1");
	add(7, HF_EV_IPL, BYTES("\0\0\0\0"));
	add_variable(CONFIG, hf_guid_security, "dbx", BYTES("late"));
	is_doubtful(HF_ERR_DUPLICATE_NAME, 6);
}

static void doubts_what_no_digest_binds(void **state)
{
	struct hf_secure_boot boot;

	(void)state;
	start("\1");
	add_unbound(7, "words");
	add_separator();
	is_doubtful(HF_ERR_LOG_DIGEST, 5);
	start("\1");
	add_unbound(5, "words");	/* not our PCR */
	add_separator();
	add_unbound(7, "words");	/* anybody may have extended this */
	boot = look();
	assert_int_equal(boot.state, HF_SECURE_BOOT_ON);
	assert_int_equal(boot.unbound_count, 1);
	/* a digest of this bank is missing */
	start("\1");
	struct hf_event e = make_event(7, CONFIG, BYTES("x"), NULL);
	size_t here = log_.w.len;

	log_put(&log_, &e);
	memset(log_.buf + here + 8, 0, 4);		/* no digests: cut them out */
	memmove(log_.buf + here + 12, log_.buf + here + 12 + 34, 5);
	log_.w.len -= 34;
	add_separator();
	is_doubtful(HF_ERR_LOG_DIGEST, 5);
}

static void doubts_contradictions(void **state)
{
	(void)state;
	start("\1");
	add_variable(CONFIG, hf_guid_global, "SecureBoot", BYTES("\0"));
	add_separator();
	is_doubtful(HF_ERR_DUPLICATE_NAME, 5);
	start("\1");
	add_variable(CONFIG, hf_guid_security, "db", BYTES("keyz"));
	add_separator();
	is_doubtful(HF_ERR_DUPLICATE_NAME, 5);
	start("\1");
	add_variable(CONFIG, hf_guid_security, "db", BYTES("keys"));	/* the same again */
	add_separator();
	add_separator();
	add_variable(CONFIG, hf_guid_security, "db", BYTES("keys"));
	assert_int_equal(look().state, HF_SECURE_BOOT_ON);

	start("\2");
	add_separator();
	is_doubtful(HF_ERR_EVENT_SHAPE, 1);
	log_start(&log_);
	add_variable(CONFIG, hf_guid_global, "SecureBoot", BYTES("\1\0"));
	add_separator();
	is_doubtful(HF_ERR_EVENT_SHAPE, 1);
	start("\1");
	add(7, HF_EV_SEPARATOR, BYTES("\1\0\0\0"));	/* firmware could not measure */
	is_doubtful(HF_ERR_EVENT_SHAPE, 5);
	start("\1");
	is_doubtful(HF_ERR_LOG_GRAMMAR, 4);		/* no separator */

	static struct made m;

	made_start(&m);
	put_variable(&m.w, hf_guid_security, "dbx", BYTES("x"));
	hf_put(&m.w, "more", 4);
	start("\1");
	add(7, CONFIG, hf_written(&m.w));
	add_separator();
	is_doubtful(HF_ERR_EVENT_SHAPE, 5);
}

static void notices_what_firmware_admits(void **state)
{
	struct hf_secure_boot boot;

	(void)state;
	start("\1");
	add(7, HF_EV_EFI_ACTION, BYTES("UEFI Debug Mode"));
	add(7, HF_EV_EFI_ACTION, BYTES("DMA Protection Disabled\0"));
	add_separator();
	boot = look();
	assert_int_equal(boot.state, HF_SECURE_BOOT_ON);
	assert_true(boot.debug_mode && boot.dma_protection_off);
	start("\1");
	add_unbound(5, "UEFI Debug Mode");
	add_separator();
	add_unbound(7, "UEFI Debug Mode");
	boot = look();
	assert_false(boot.debug_mode || boot.dma_protection_off);
}

static void refuses_logs_that_it_cannot_read(void **state)
{
	struct hf_secure_boot boot = { .event = 77 };

	(void)state;
	start("\1");
	assert_int_equal(hf_secure_boot_from_log(hf_written(&log_.w), HF_ALG_SHA384, &boot),
			 HF_ERR_LOG_ALGORITHM);
	log_.w.len--;
	assert_int_equal(hf_secure_boot_from_log(hf_written(&log_.w), HF_ALG_SHA256, &boot),
			 HF_ERR_LOG_TRUNCATED);
	log_.buf[0] = 1;	/* a guest's registers are no PCRs */
	log_.w.len++;
	assert_int_equal(hf_secure_boot_from_log(hf_written(&log_.w), HF_ALG_SHA256, &boot),
			 HF_ERR_LOG_HEADER);
	assert_int_equal(boot.event, 77);
}

static void lists_authorities_up_to_a_limit(void **state)
{
	struct hf_secure_boot boot;

	(void)state;
	start("\1");
	add_separator();
	for (size_t i = 0; i < HF_AUTHORITIES_MAX; i++)
		add_variable(AUTHORITY, hf_guid_security, "db", BYTES("k"));
	boot = look();
	assert_int_equal(boot.authority_count, HF_AUTHORITIES_MAX);
	assert_false(boot.more_authorities);
	add_variable(AUTHORITY, hf_guid_security, "db", BYTES("k"));
	boot = look();
	assert_int_equal(boot.authority_count, HF_AUTHORITIES_MAX);
	assert_true(boot.more_authorities);
}

/* ---- signature lists ---- */

static void put_list(struct hf_writer *w, size_t count, uint32_t entry, uint32_t header,
		     uint32_t size)
{
	hf_put(w, hf_guid_global, 16);
	hf_put_le(w, size, 4);
	hf_put_le(w, header, 4);
	hf_put_le(w, entry, 4);
	for (size_t i = 0; i < header && i < 64; i++)
		hf_put_le(w, 0x55, 1);
	for (size_t i = 0; i < count; i++) {
		hf_put(w, hf_guid_security, 16);
		for (size_t n = 16; n < entry; n++)
			hf_put_le(w, i, 1);
	}
}

static size_t count_signatures(struct hf_span content, enum hf_err *ret_err)
{
	struct hf_signature_reader reader = hf_signatures_at(content);
	struct hf_signature signature;
	size_t count = 0;

	while (hf_signature_next(&reader, &signature)) {
		assert_memory_equal(signature.type, hf_guid_global, 16);
		assert_memory_equal(signature.owner, hf_guid_security, 16);
		assert_true(signature.data.ptr >= content.ptr &&
			    signature.data.ptr + signature.data.len <= content.ptr + content.len);
		count++;
	}
	*ret_err = reader.err;
	return count;
}

static void signature_lists(void **state)
{
	static struct made m;
	static uint8_t many[28 + 16 * (HF_SIGNATURES_MAX + 1)];
	struct hf_writer w = { .buf = many, .cap = sizeof(many) };
	enum hf_err err;

	(void)state;
	assert_int_equal(count_signatures(BYTES(""), &err), 0);
	assert_int_equal(err, HF_OK);
	made_start(&m);
	put_list(&m.w, 3, 48, 0, 28 + 3 * 48);
	put_list(&m.w, 0, 48, 0, 28);
	put_list(&m.w, 1, 20, 4, 28 + 4 + 20);
	assert_int_equal(count_signatures(hf_written(&m.w), &err), 4);
	assert_int_equal(err, HF_OK);
	for (size_t len = 1; len < m.w.len; len++) {
		count_signatures(hf_span_part(hf_written(&m.w), 0, len), &err);
		/* whole lists are well formed by themselves */
		if (len != 28 + 3 * 48 && len != 28 + 3 * 48 + 28)
			assert_int_equal(err, HF_ERR_EVENT_SHAPE);
	}
	static const struct { uint32_t entry, header, size; } bad[] = {
		{ 15, 0, 28 + 15 }, { 0, 0, 28 }, { 48, 0, 27 }, { 48, 0, 0 }, { 48, 0, 28 + 47 },
		{ 48, 1, 28 + 48 }, { 48, 0xffffffff, 28 + 48 }, { 0xffffffff, 0, 28 + 48 },
		{ 48, 0, 0xffffffff },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		made_start(&m);
		put_list(&m.w, 0, bad[i].entry, bad[i].header, bad[i].size);
		m.w.len = 28 + 64;
		assert_int_equal(count_signatures(hf_written(&m.w), &err), 0);
		assert_int_equal(err, HF_ERR_EVENT_SHAPE);
	}
	put_list(&w, HF_SIGNATURES_MAX + 1, 16, 0, sizeof(many));
	assert_int_equal(count_signatures(hf_written(&w), &err), HF_SIGNATURES_MAX);
	assert_int_equal(err, HF_ERR_LIMIT);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(hf_secure_boot_state_name(HF_SECURE_BOOT_AMBIGUOUS), "ambiguous");
	assert_string_equal(hf_secure_boot_key_name(HF_KEY_DBX), "dbx");
	assert_string_equal(hf_secure_boot_key_name((enum hf_secure_boot_key)99), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_on_off_and_absent),
		cmocka_unit_test(believes_no_type),
		cmocka_unit_test(doubts_what_no_digest_binds),
		cmocka_unit_test(doubts_contradictions),
		cmocka_unit_test(notices_what_firmware_admits),
		cmocka_unit_test(refuses_logs_that_it_cannot_read),
		cmocka_unit_test(lists_authorities_up_to_a_limit),
		cmocka_unit_test(signature_lists),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
