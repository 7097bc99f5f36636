/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endorsement keys against a real swtpm, made as its maker makes them or bare; tpm2-tools make
 * the credentials, and play whoever had the host before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tpm.h"
#include "tests/unit/swtpm_fixture.h"

static struct swtpm swtpm;
static struct hf_tpm *tpm;
static struct hf_fault fault;
static struct hf_arena arena;
static struct hf_tpm_ek eks[HF_TPM_EKS_MAX];
static size_t count;

static int sh(const char *command)
{
	return swtpm_sh(&swtpm, command);
}

#define must(command) assert_int_equal(sh(command), 0)

static void reopen(void)
{
	hf_tpm_close(tpm);
	tpm = NULL;
	assert_int_equal(hf_tpm_open(swtpm.conf, &tpm, &fault), HF_OK);
}

static int start(void)
{
	if (hf_arena_make(1 << 16, &arena))
		return -1;
	setenv("TPM2TOOLS_TCTI", swtpm.conf, 1);
	setenv("TSS2_LOG", "all+NONE", 1);
	memset(&fault, 0xaa, sizeof(fault));
	memset(eks, 0xaa, sizeof(eks));
	count = 99;
	tpm = NULL;
	reopen();
	return 0;
}

static int bare(void **state)
{
	(void)state;
	swtpm_bare(&swtpm);
	return start();
}

static int delivered(void **state)
{
	(void)state;
	swtpm_delivered(&swtpm, 0);
	return start();
}

static int teardown(void **state)
{
	(void)state;
	hf_tpm_close(tpm);
	hf_arena_drop(&arena);
	swtpm_drop(&swtpm);
	return 0;
}

static struct hf_span read_file(const char *name)
{
	char path[128];
	uint8_t *buf = hf_arena_take(&arena, 4096);
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", swtpm.dir, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_non_null(buf);
	len = fread(buf, 1, 4096, file);
	fclose(file);
	return (struct hf_span){ buf, len };
}

static void write_file(const char *name, struct hf_span prefix, struct hf_span bytes)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", swtpm.dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(prefix.ptr, 1, prefix.len, file), prefix.len);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	fclose(file);
}

static void look(void)
{
	assert_int_equal(hf_tpm_eks(tpm, &arena, eks, &count, &fault), HF_OK);
	assert_in_range(count, 1, HF_TPM_EKS_MAX);
}

/* TPM2B_PUBLIC, as tools take it. */
static void write_public(const char *name, struct hf_span area)
{
	uint8_t size[2] = { (uint8_t)(area.len >> 8), (uint8_t)area.len };

	write_file(name, (struct hf_span){ size, 2 }, area);
}

/* What a tool puts into its file: magic, version, then both halves. */
static void make_for(const struct hf_tpm_ek *ek, struct hf_span ak_area, struct hf_span *blob,
		     struct hf_span *secret)
{
	char command[256], hex[2 * 34 + 1];
	struct hf_ak ak;

	assert_int_equal(hf_ak_parse(ak_area, &ak), HF_OK);
	for (size_t i = 0; i < sizeof(ak.name); i++)
		snprintf(hex + 2 * i, 3, "%02x", ak.name[i]);
	write_public("ek.pub", ek->public_area);
	must("printf 0123456789abcdefghijklmnopqrstuv >secret");
	snprintf(command, sizeof(command),
		 "tpm2_makecredential -u ek.pub -s secret -n %s -o cred && tpm2_flushcontext -t", hex);
	must(command);
	struct hf_span file = read_file("cred");
	struct hf_cursor c = hf_cursor_at((struct hf_span){ file.ptr + 8, file.len - 8 });
	size_t len = hf_u16be(&c);

	hf_take(&c, len);
	*blob = (struct hf_span){ file.ptr + 8, len + 2 };
	*secret = (struct hf_span){ file.ptr + 8 + len + 2, hf_left(&c) };
}

static struct hf_span our_ak(void)
{
	uint8_t *buf = hf_arena_take(&arena, HF_ATTEST_MAX);
	struct hf_writer w = { .buf = buf, .cap = HF_ATTEST_MAX };

	assert_int_equal(hf_tpm_ak(tpm, &w, &fault), HF_OK);
	return hf_written(&w);
}

/* Without a resource manager between, what we leave behind stays there for all to see. */
static void nothing_left(void)
{
	hf_tpm_close(tpm);
	tpm = NULL;
	must("for what in handles-transient handles-loaded-session handles-saved-session; do "
	     "test -z \"$(tpm2_getcap $what)\" || exit 1; done");
	reopen();
}

static void activates(const struct hf_tpm_ek *ek)
{
	uint8_t buf[64];
	struct hf_writer out = { .buf = buf, .cap = sizeof(buf) };
	struct hf_span ak = our_ak(), blob, secret;

	hf_tpm_close(tpm);	/* three slots are all that there are without a manager */
	tpm = NULL;
	make_for(ek, ak, &blob, &secret);
	reopen();
	assert_int_equal(hf_tpm_activate(tpm, ek, blob, secret, &out, &fault), HF_OK);
	assert_int_equal(out.len, 32);
	assert_memory_equal(buf, "0123456789abcdefghijklmnopqrstuv", 32);
	nothing_left();
}

static void test_delivered(void **state)
{
	(void)state;
	look();
	assert_int_equal(count, 2);
	assert_string_equal(eks[0].name, "H-3");
	assert_string_equal(eks[1].name, "L-1");
	assert_true(hf_span_equal(eks[0].certificate, read_file("ek-secp384r1.crt")));
	assert_true(hf_span_equal(eks[1].certificate, read_file("ek-rsa2048.crt")));
	must("tpm2_readpublic -c 0x81010016 -o h3.pub && tpm2_readpublic -c 0x81010001 -o l1.pub");
	for (int i = 0; i < 2; i++) {
		struct hf_span file = read_file(i ? "l1.pub" : "h3.pub");

		assert_true(hf_span_equal(hf_span_part(file, 2, file.len - 2), eks[i].public_area));
	}
	nothing_left();
	activates(&eks[0]);
	activates(&eks[1]);
}

/* The keys are not there, but the certificates are: the same keys again. */
static void test_persistent_ones_gone(void **state)
{
	struct hf_span before;

	(void)state;
	look();
	before = eks[1].public_area;
	must("tpm2_evictcontrol -C o -c 0x81010001 && tpm2_evictcontrol -C o -c 0x81010016");
	look();
	assert_int_equal(count, 2);
	assert_true(hf_span_equal(eks[1].public_area, before));
	activates(&eks[0]);
	activates(&eks[1]);
}

/* A key of the owner's hierarchy with the template of an endorsement key, where one is kept. */
static void test_decoy(void **state)
{
	struct hf_span before;

	(void)state;
	look();
	before = eks[1].public_area;
	must("tpm2_evictcontrol -C o -c 0x81010001");
	must("python3 -c \"open('policy', 'wb').write(bytes.fromhex("
	     "'837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'))\"");
	must("tpm2_createprimary -C o -G rsa2048:null:aes128cfb -g sha256 -c decoy.ctx -L policy -a "
	     " 'fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|"
	     "decrypt' && tpm2_evictcontrol -C o -c decoy.ctx 0x81010001 && tpm2_flushcontext -t");
	look();
	assert_int_equal(count, 2);
	assert_true(hf_span_equal(eks[1].public_area, before));
	activates(&eks[1]);
}

static void test_bare(void **state)
{
	(void)state;
	look();
	assert_int_equal(count, 2);
	assert_string_equal(eks[0].name, "L-2");
	assert_string_equal(eks[1].name, "L-1");
	assert_int_equal(eks[0].certificate.len + eks[1].certificate.len, 0);
	nothing_left();
	must("tpm2_createek -G ecc -c e.ctx -u ecc.pub && tpm2_flushcontext -t &&"
	     "tpm2_createek -G rsa -c r.ctx -u rsa.pub && tpm2_flushcontext -t");
	for (int i = 0; i < 2; i++) {
		struct hf_span file = read_file(i ? "rsa.pub" : "ecc.pub");

		assert_true(hf_span_equal(hf_span_part(file, 2, file.len - 2), eks[i].public_area));
	}
	activates(&eks[0]);
	activates(&eks[1]);
}

static void test_high_range(void **state)
{
	/* certificate index, name */
	static const char *const kinds[][2] = {
		{ "0x01c00014", "H-2" }, { "0x01c00016", "H-3" }, { "0x01c00012", "H-1" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char command[256];

		snprintf(command, sizeof(command), "printf '\\060\\003abc' >c; tpm2_nvdefine -C o -s 5 -a "
			 "'ownerwrite|ownerread|authread' %s && tpm2_nvwrite -C o -i c %s",
			 kinds[i][0], kinds[i][0]);
		must(command);
	}
	look();
	assert_int_equal(count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(eks[i].name, kinds[i][1]);
	for (size_t i = 0; i < 3; i++)
		activates(&eks[i]);
}

/* Somebody had the TPM count wrong values until it was locked: what has a value of its own
 * cannot be used then, and no endorsement key needs it. */
static void test_locked_out(void **state)
{
	(void)state;
	must("tpm2_dictionarylockout -s -n 1 -t 86400 -l 86400");
	must("tpm2_nvdefine -C o -s 8 -p right -a 'authread|authwrite' 0x01500000");
	assert_int_not_equal(sh("tpm2_nvwrite -C 0x01500000 -P wrong -i /dev/zero 0x01500000"), 0);
	assert_int_not_equal(sh("tpm2_nvread -C 0x01500000 -P wrong 0x01500000"), 0);
	must("tpm2_getcap properties-variable | grep 'inLockout: *1'");
	look();
	activates(&eks[0]);
	activates(&eks[1]);
}

/* A credential for this AK and that key, with the TPM open again. */
static void prepare(const struct hf_tpm_ek *ek, struct hf_span ak, struct hf_span *blob,
		    struct hf_span *secret)
{
	hf_tpm_close(tpm);
	tpm = NULL;
	make_for(ek, ak, blob, secret);
	reopen();
}

static enum hf_err open_it(const struct hf_tpm_ek *ek, struct hf_span blob, struct hf_span secret)
{
	uint8_t buf[64];
	struct hf_writer out = { .buf = buf, .cap = sizeof(buf) };
	enum hf_err err;

	memset(&fault, 0xaa, sizeof(fault));
	err = hf_tpm_activate(tpm, ek, blob, secret, &out, &fault);
	if (err)
		assert_int_equal(out.len, 0);
	if (err)
		assert_int_equal(fault.err, err);
	return err;
}

static void test_endorsement_auth(void **state)
{
	struct hf_span blob, secret;

	(void)state;
	look();
	prepare(&eks[0], our_ak(), &blob, &secret);
	assert_int_equal(open_it(&eks[0], blob, secret), HF_OK);
	must("tpm2_changeauth -c e tenant");
	/* What the maker left can still be looked at, by its certificate. */
	count = 99;
	assert_int_equal(hf_tpm_eks(tpm, &arena, eks, &count, &fault), HF_OK);
	assert_int_equal(open_it(&eks[0], blob, secret), HF_ERR_TPM_AUTH_SET);
	assert_int_equal(open_it(&eks[1], blob, secret), HF_ERR_TPM_AUTH_SET);
	nothing_left();
	must("tpm2_evictcontrol -C o -c 0x81010001 && tpm2_evictcontrol -C o -c 0x81010016");
	count = 99;
	assert_int_equal(hf_tpm_eks(tpm, &arena, eks, &count, &fault), HF_ERR_TPM_AUTH_SET);
	assert_int_equal(fault.err, HF_ERR_TPM_AUTH_SET);
	assert_int_equal(count, 99);
	nothing_left();
}

/* For another AK, for another EK, cut, changed in each byte that matters, too long. */
static void test_not_for_it(void **state)
{
	struct hf_span blob, secret, ak = our_ak(), other;
	uint8_t changed[1024];

	(void)state;
	look();
	prepare(&eks[0], ak, &blob, &secret);
	assert_int_equal(open_it(&eks[0], blob, secret), HF_OK);
	assert_int_equal(open_it(&eks[1], blob, secret), HF_ERR_CREDENTIAL_REFUSED);
	assert_int_equal(open_it(&eks[0], hf_span_part(blob, 0, blob.len - 1), secret),
			 HF_ERR_CREDENTIAL_REFUSED);
	assert_int_equal(open_it(&eks[0], blob, hf_span_part(secret, 0, secret.len - 1)),
			 HF_ERR_CREDENTIAL_REFUSED);
	assert_int_equal(open_it(&eks[0], (struct hf_span){ blob.ptr, 0 }, secret),
			 HF_ERR_CREDENTIAL_REFUSED);
	for (size_t i = 2; i < blob.len; i += 7) {
		memcpy(changed, blob.ptr, blob.len);
		changed[i] ^= 1;
		assert_int_equal(open_it(&eks[0], (struct hf_span){ changed, blob.len }, secret),
				 HF_ERR_CREDENTIAL_REFUSED);
	}
	/* Another key on the same TPM than the one that was named. */
	must("tpm2_createprimary -C e -G ecc -g sha256 -c o.ctx && tpm2_readpublic -c o.ctx -o o.pub &&"
	     "tpm2_flushcontext -t");
	other = read_file("o.pub");
	struct hf_tpm_ek wrong = eks[0];

	wrong.public_area = hf_span_part(other, 2, other.len - 2);
	assert_int_equal(open_it(&wrong, blob, secret), HF_ERR_EK_UNUSABLE);
	wrong.name = "H-9";
	assert_int_equal(open_it(&wrong, blob, secret), HF_ERR_EK_UNUSABLE);
	nothing_left();
}

static void test_other_ak(void **state)
{
	static const uint8_t x_and_y[] = {	/* the generator of P-256 */
		0x00, 0x20, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63,
		0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45,
		0xd8, 0x98, 0xc2, 0x96, 0x00, 0x20, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e,
		0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
		0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
	};
	struct hf_span template = hf_ak_template(), blob, secret;
	uint8_t area[256];
	struct hf_writer w = { .buf = area, .cap = sizeof(area) };

	(void)state;
	look();
	hf_put(&w, template.ptr, template.len - 4);
	hf_put(&w, x_and_y, sizeof(x_and_y));
	prepare(&eks[0], hf_written(&w), &blob, &secret);
	assert_int_equal(open_it(&eks[0], blob, secret), HF_ERR_CREDENTIAL_REFUSED);
	nothing_left();
}

/* ---- what may be in the maker's indices ---- */

static void put_index(const char *index, const char *file, const char *attributes, int size)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "tpm2_nvdefine -C o -s %d -a '%s' %s && tpm2_nvwrite -C o -i %s %s", size, attributes,
		 index, file, index);
	must(command);
}

/* A tool makes the key of the unique field as it must be. */
static void same_as_tool(const char *unique)
{
	struct hf_span file;
	char command[512];

	snprintf(command, sizeof(command), "python3 -c \"n = b'a nonce of the maker'; t = b'of the maker'"
		 ".ljust(256, b'x'); open('unique', 'wb').write(bytes([0, 1]) + (%s).ljust(256, b'\\0'))\"",
		 unique);
	must(command);
	must("tpm2_createprimary -C e -G rsa2048:null:aes128cfb -g sha256 -L policy -u unique -c e.ctx -a "
	     "'fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt' &&"
	     "tpm2_readpublic -c e.ctx -o tool.pub && tpm2_flushcontext -t");
	file = read_file("tool.pub");
	look();
	assert_int_equal(count, 1);
	assert_true(hf_span_equal(hf_span_part(file, 2, file.len - 2), eks[0].public_area));
	activates(&eks[0]);
}

static void test_nonce_and_template(void **state)
{
	(void)state;
	must("printf 'a nonce of the maker' >nonce; printf '\\060\\003abc' >c");
	must("python3 -c \"open('policy', 'wb').write(bytes.fromhex("
	     "'837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'))\"");
	must("python3 -c \"open('t', 'wb').write(bytes.fromhex('0001000b000300b20020' + open('policy', "
	     "'rb').read().hex() + '00060080004300100800000000000100') + b'of the maker'.ljust(256, "
	     "b'x'))\"");
	put_index("0x01c00002", "c", "ownerwrite|ownerread|authread", 5);
	same_as_tool("b''");
	put_index("0x01c00003", "nonce", "ownerwrite|ownerread|authread", 20);
	same_as_tool("n");
	put_index("0x01c00004", "t", "ownerwrite|ownerread|authread", 314);
	same_as_tool("n + t[20:]");
	must("tpm2_nvundefine -C o 0x01c00003");
	same_as_tool("t");
}

/* A template of another kind is passed over, by name. */
static void test_foreign_template(void **state)
{
	(void)state;
	must("printf '\\060\\003abc' >c; printf 'no template at all' >t");
	put_index("0x01c0000a", "c", "ownerwrite|ownerread|authread", 5);
	put_index("0x01c0000c", "t", "ownerwrite|ownerread|authread", 18);
	look();
	assert_int_equal(count, 1);
	assert_string_equal(eks[0].name, "L-1");
	put_index("0x01c00004", "t", "ownerwrite|ownerread|authread", 18);
	count = 99;
	assert_int_equal(hf_tpm_eks(tpm, &arena, eks, &count, &fault), HF_ERR_EK_UNUSABLE);
	assert_non_null(strstr(fault.detail, "0x01c0000"));
	assert_int_equal(count, 99);
	nothing_left();
}

static void test_bytes_behind(void **state)
{
	(void)state;
	must("printf '\\060\\202\\000\\004abcd\\377\\377\\377' >c");
	put_index("0x01c0000a", "c", "ownerwrite|ownerread|authread", 11);
	look();
	assert_int_equal(count, 1);
	assert_int_equal(eks[0].certificate.len, 8);
	assert_memory_equal(eks[0].certificate.ptr, "\060\202\000\004abcd", 8);
}

/* Erased, never written, only the owner reads it, asks for a value, endless. */
static void test_indices(void **state)
{
	(void)state;
	must("printf '\\377\\377\\377\\377\\377' >e; printf '\\060\\003abc' >c;"
	     "printf '\\060\\177abc' >l");
	put_index("0x01c0000a", "e", "ownerwrite|ownerread|authread", 5);
	must("tpm2_nvdefine -C o -s 5 -a 'ownerwrite|authread' 0x01c00014");
	must("tpm2_nvdefine -C o -s 5 -p value -a 'ownerwrite|ownerread|authread|no_da' 0x01c00016 &&"
	     "tpm2_nvwrite -C o -i c 0x01c00016");
	look();
	assert_int_equal(count, 2);		/* as if there were none */
	assert_int_equal(eks[0].certificate.len, 0);
	put_index("0x01c00002", "c", "ownerwrite|ownerread", 5);
	look();
	assert_int_equal(count, 1);
	assert_string_equal(eks[0].name, "L-1");
	assert_int_equal(eks[0].certificate.len, 5);
	put_index("0x01c00012", "l", "ownerwrite|ownerread", 5);
	look();
	assert_int_equal(count, 2);
	assert_string_equal(eks[1].name, "H-1");
	assert_int_equal(eks[1].certificate.len, 5);
	must("tpm2_getcap properties-variable | grep 'TPM2_PT_LOCKOUT_COUNTER: 0x0'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delivered, delivered, teardown),
		cmocka_unit_test_setup_teardown(test_persistent_ones_gone, delivered, teardown),
		cmocka_unit_test_setup_teardown(test_decoy, delivered, teardown),
		cmocka_unit_test_setup_teardown(test_bare, bare, teardown),
		cmocka_unit_test_setup_teardown(test_high_range, bare, teardown),
		cmocka_unit_test_setup_teardown(test_locked_out, delivered, teardown),
		cmocka_unit_test_setup_teardown(test_endorsement_auth, delivered, teardown),
		cmocka_unit_test_setup_teardown(test_not_for_it, bare, teardown),
		cmocka_unit_test_setup_teardown(test_other_ak, bare, teardown),
		cmocka_unit_test_setup_teardown(test_nonce_and_template, bare, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_template, bare, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_behind, bare, teardown),
		cmocka_unit_test_setup_teardown(test_indices, bare, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
