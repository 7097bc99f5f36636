/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Credentials against who has to open them: a real swtpm with keys of every kind that it makes,
 * and the private half of a key with OpenSSL's own derivation, which shares no code with ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "measure/credential.h"
#include "tests/unit/rsa_fixture.h"

#define SECRET "0123456789abcdefghijklmnopqrstuv"
#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })

static const struct hf_span secret = { (const uint8_t *)SECRET, 32 };
static uint8_t name_bytes[34] = { 0, 0xb, 1, 2, 3 };
static const struct hf_span ak_name = { name_bytes, 34 };

/* ---- the public area of a storage key ---- */

struct area { uint8_t bytes[1024]; size_t len; };

static struct area area_of(unsigned type, uint32_t attributes, unsigned name_alg, unsigned aes,
			   struct hf_span parameters, struct hf_span x, struct hf_span y)
{
	struct area a = { .len = 0 };
	struct hf_writer w = { .buf = a.bytes, .cap = sizeof(a.bytes) };

	hf_put_be(&w, type, 2);
	hf_put_be(&w, name_alg, 2);
	hf_put_be(&w, attributes, 4);
	hf_put_be(&w, 2, 2);	/* a policy of two bytes: anybody's */
	hf_put_be(&w, 0x0102, 2);
	hf_put_be(&w, 6, 2);
	hf_put_be(&w, aes, 2);
	hf_put_be(&w, 0x43, 2);
	hf_put_be(&w, 0x10, 2);
	hf_put_span(&w, parameters);
	hf_put_be(&w, x.len, 2);
	hf_put_span(&w, x);
	if (y.ptr) {
		hf_put_be(&w, y.len, 2);
		hf_put_span(&w, y);
	}
	assert_false(w.full);
	a.len = w.len;
	return a;
}

static struct hf_span span_of(const struct area *a) { return (struct hf_span){ a->bytes, a->len }; }

#define STORAGE 0x300b2u	/* fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt */

static struct area rsa_area(EVP_PKEY *key, unsigned bits, uint32_t exponent, uint32_t attributes)
{
	uint8_t n[512], parameters[6];
	struct hf_writer w = { .buf = parameters, .cap = 6 };
	BIGNUM *b = NULL;
	struct area a;

	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &b), 1);
	assert_int_equal(BN_bn2binpad(b, n, (int)bits / 8), bits / 8);
	BN_free(b);
	hf_put_be(&w, bits, 2);
	hf_put_be(&w, exponent, 4);
	a = area_of(1, attributes, 0xb, 128, hf_written(&w), (struct hf_span){ n, bits / 8 },
		    (struct hf_span){ NULL, 0 });
	return a;
}

static struct area ecc_area(const char *group, unsigned curve, unsigned name_alg, unsigned aes, EVP_PKEY **ret)
{
	EVP_PKEY *key = EVP_EC_gen(group);
	uint8_t x[48], y[48], parameters[4];
	struct hf_writer w = { .buf = parameters, .cap = 4 };
	int size = curve == 3 ? 32 : 48;
	BIGNUM *bx = NULL, *by = NULL;

	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx), 1);
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by), 1);
	assert_int_equal(BN_bn2binpad(bx, x, size), size);
	assert_int_equal(BN_bn2binpad(by, y, size), size);
	BN_free(bx);
	BN_free(by);
	hf_put_be(&w, curve, 2);
	hf_put_be(&w, 0x10, 2);
	if (ret)
		*ret = key;
	else
		EVP_PKEY_free(key);
	return area_of(0x23, STORAGE, name_alg, aes, hf_written(&w), (struct hf_span){ x, (size_t)size },
		       (struct hf_span){ y, (size_t)size });
}

static enum hf_err parses(const struct area *a)
{
	static uint8_t poison[sizeof(struct hf_ek)];
	struct hf_ek ek;
	enum hf_err err;

	memset(poison, 0xaa, sizeof(poison));
	memset(&ek, 0xaa, sizeof(ek));
	err = hf_ek_parse(span_of(a), &ek);
	if (err)
		assert_memory_equal(&ek, poison, sizeof(ek));
	return err;
}

static void kinds_of_keys(void **state)
{
	static const struct { unsigned bits; enum hf_ek_kind kind; const char *name; } sizes[] = {
		{ 2048, HF_EK_RSA2048, "RSA 2048" }, { 3072, HF_EK_RSA3072, "RSA 3072" },
		{ 4096, HF_EK_RSA4096, "RSA 4096" },
	};
	struct area a;
	struct hf_ek ek;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *key = rsa_new(sizes[i].bits);
		unsigned char *der = NULL;
		int len = i2d_PUBKEY(key, &der);

		a = rsa_area(key, sizes[i].bits, 0, STORAGE);
		assert_int_equal(hf_ek_parse(span_of(&a), &ek), HF_OK);
		assert_int_equal(ek.kind, sizes[i].kind);
		assert_string_equal(hf_ek_kind_name(ek.kind), sizes[i].name);
		assert_int_equal(ek.spki_len, len);
		assert_memory_equal(ek.spki, der, len);
		OPENSSL_free(der);
		a = rsa_area(key, sizes[i].bits, 65537, STORAGE);
		assert_int_equal(parses(&a), HF_OK);
		a = rsa_area(key, sizes[i].bits, 3, STORAGE);
		assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
		a = rsa_area(key, sizes[i].bits, 0, STORAGE);
		a.bytes[a.len - 1] ^= 1;	/* even */
		assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
		a.bytes[a.len - 1] ^= 1;
		a.bytes[a.len - sizes[i].bits / 8] &= 0x7f;	/* short of its size */
		assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
		EVP_PKEY_free(key);
	}
	a = area_of(1, STORAGE, 0xb, 128, BYTES(0, 0, 0, 0, 0, 0), (struct hf_span){ name_bytes, 0 }, (struct hf_span){ NULL, 0 });
	assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);	/* of no bits at all */
	a = ecc_area("P-256", 3, 0xb, 128, NULL);
	assert_int_equal(hf_ek_parse(span_of(&a), &ek), HF_OK);
	assert_string_equal(hf_ek_kind_name(ek.kind), "ECC P-256");
	assert_int_equal(ek.name_alg, HF_ALG_SHA256);
	a = ecc_area("P-384", 4, 0xc, 256, NULL);
	assert_int_equal(hf_ek_parse(span_of(&a), &ek), HF_OK);
	assert_string_equal(hf_ek_kind_name(ek.kind), "ECC P-384");
	assert_int_equal(ek.name_alg, HF_ALG_SHA384);
	assert_int_equal(ek.aes_bits, 256);
}

/* Each bit that must be set, cleared; each that must not be, set. */
static void attributes(void **state)
{
	const uint32_t must = 0x30032u, may = must | 0x4c0u;
	EVP_PKEY *key = rsa_new(2048);

	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		struct area a = rsa_area(key, 2048, 0, must ^ 1u << bit);
		bool good = !(must >> bit & 1) && (may >> bit & 1);

		assert_int_equal(parses(&a), good ? HF_OK : HF_ERR_EK_UNUSABLE);
	}
	EVP_PKEY_free(key);
}

/* Any other value of each field, and no other length. */
static void the_rest_of_the_area(void **state)
{
	struct area good = ecc_area("P-256", 3, 0xb, 128, NULL), a;
	/* type, name algorithm; then AES, bits, mode, scheme, curve, kdf; the sizes of x and y */
	static const size_t at[] = { 1, 3, 13, 15, 17, 19, 21, 23, 25, 59 };

	(void)state;
	assert_int_equal(parses(&good), HF_OK);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		a = good;
		a.bytes[at[i]] ^= 0x40;
		assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
	}
	for (a = good; a.len > 0;) {
		a.len--;
		assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
	}
	a = good;
	a.len++;
	assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
	a = good;
	a.bytes[30] ^= 1;	/* a point beside the curve */
	assert_int_equal(parses(&a), HF_ERR_EK_UNUSABLE);
}

/* ---- opened by other code than ours ---- */

static void derive(const char *md, struct hf_span key, const char *label, struct hf_span context, uint8_t *out,
		   size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[7], *p = params;

	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)md, 0);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, (char *)"HMAC", 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.ptr, key.len);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)label, strlen(label));
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)context.ptr, context.len);
	*p = OSSL_PARAM_construct_end();
	assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

/* RSA with SHA-256 and AES-128: the secret, or false where the integrity is wrong. */
static bool open_rsa(EVP_PKEY *key, struct hf_span blob, struct hf_span sealed, struct hf_span name,
		     uint8_t out[34])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t seed[512], storage[16], integrity[32], mac[32], *message;
	size_t len = sizeof(seed), body = blob.len - 36;
	unsigned mac_len = 32;
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int n = 0;

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("IDENTITY", 9), 9), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, seed, &len, sealed.ptr + 2, sealed.len - 2), 1);
	EVP_PKEY_CTX_free(ctx);
	assert_int_equal(len, 32);
	derive("SHA256", (struct hf_span){ seed, 32 }, "STORAGE", name, storage, 16);
	derive("SHA256", (struct hf_span){ seed, 32 }, "INTEGRITY", (struct hf_span){ NULL, 0 }, integrity, 32);
	message = malloc(body + name.len);
	assert_non_null(message);
	memcpy(message, blob.ptr + 36, body);
	memcpy(message + body, name.ptr, name.len);
	assert_non_null(HMAC(EVP_sha256(), integrity, 32, message, body + name.len, mac, &mac_len));
	free(message);
	assert_int_equal(EVP_DecryptInit_ex(cipher, EVP_aes_128_cfb128(), NULL, storage, iv), 1);
	assert_int_equal(body, 34);
	assert_int_equal(EVP_DecryptUpdate(cipher, out, &n, blob.ptr + 36, (int)body), 1);
	EVP_CIPHER_CTX_free(cipher);
	return memcmp(mac, blob.ptr + 4, 32) == 0;
}

struct made { uint8_t blob[HF_CREDENTIAL_MAX], sealed[HF_CREDENTIAL_MAX]; struct hf_writer b, s; };

static enum hf_err make_for(struct hf_span area, struct hf_span name, struct hf_span what, struct made *m)
{
	struct hf_ek ek;

	m->b = (struct hf_writer){ .buf = m->blob, .cap = sizeof(m->blob) };
	m->s = (struct hf_writer){ .buf = m->sealed, .cap = sizeof(m->sealed) };
	assert_int_equal(hf_ek_parse(area, &ek), HF_OK);
	return hf_credential_make(&ek, name, what, &m->b, &m->s);
}

static void rsa_4096(void **state)
{
	EVP_PKEY *key = rsa_new(4096);
	struct area a = rsa_area(key, 4096, 0, STORAGE);
	uint8_t out[34], other[34] = { 0, 0xb, 9 };
	struct made m, again;

	(void)state;
	assert_int_equal(make_for(span_of(&a), ak_name, secret, &m), HF_OK);
	assert_int_equal(m.s.len, 514);
	assert_memory_equal(m.sealed, BYTES(2, 0).ptr, 2);
	assert_int_equal(m.b.len, 2 + 2 + 32 + 2 + 32);
	assert_memory_equal(m.blob, BYTES(0, 68, 0, 32).ptr, 4);
	assert_true(open_rsa(key, hf_written(&m.b), hf_written(&m.s), ak_name, out));
	assert_memory_equal(out, BYTES(0, 32).ptr, 2);
	assert_memory_equal(out + 2, SECRET, 32);
	assert_false(open_rsa(key, hf_written(&m.b), hf_written(&m.s), (struct hf_span){ other, 34 }, out));
	assert_memory_not_equal(out + 2, SECRET, 32);
	assert_int_equal(make_for(span_of(&a), ak_name, secret, &again), HF_OK);
	assert_memory_not_equal(m.blob, again.blob, m.b.len);	/* never the same seed */
	EVP_PKEY_free(key);
}

static void limits(void **state)
{
	struct area a = ecc_area("P-256", 3, 0xb, 128, NULL);
	uint8_t long_secret[33] = { 1 };
	struct made m;
	struct hf_ek ek;

	(void)state;
	assert_int_equal(make_for(span_of(&a), ak_name, (struct hf_span){ long_secret, 0 }, &m), HF_ERR_INTERNAL);
	assert_int_equal(make_for(span_of(&a), ak_name, (struct hf_span){ long_secret, 33 }, &m), HF_ERR_INTERNAL);
	assert_int_equal(make_for(span_of(&a), ak_name, (struct hf_span){ long_secret, 1 }, &m), HF_OK);
	assert_int_equal(hf_ek_parse(span_of(&a), &ek), HF_OK);
	m.b.len = 0;
	m.b.cap = 20;
	m.b.full = false;
	assert_int_equal(hf_credential_make(&ek, ak_name, secret, &m.b, &m.s), HF_ERR_LIMIT);
}

/* ---- a TPM ---- */

static char dir[64];
static pid_t swtpm_pid;

static int sh(const char *command)
{
	char line[1024];
	int status;

	snprintf(line, sizeof(line), "cd %s && (%s) >>out 2>&1", dir, command);
	status = system(line);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
	return WEXITSTATUS(status);
}

static bool answers(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static int power_on(void **state)
{
	char conf[128], store[128], server[128], ctrl[128];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/holdfast-credential-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(conf, sizeof(conf), "swtpm:path=%s/s", dir);
	setenv("TPM2TOOLS_TCTI", conf, 1);
	snprintf(store, sizeof(store), "dir=%s", dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s/s", dir);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/s.ctrl", dir);
	swtpm_pid = fork();
	if (swtpm_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", store, "--server", server,
		       "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 500 && !answers(); tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	return answers() ? 0 : -1;
}

static int power_off(void **state)
{
	char command[128];

	(void)state;
	if (swtpm_pid > 0) {
		kill(swtpm_pid, SIGKILL);
		waitpid(swtpm_pid, NULL, 0);
	}
	swtpm_pid = 0;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static size_t read_file(const char *name, uint8_t *out, size_t cap)
{
	char path[128];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(out, 1, cap, file);
	fclose(file);
	return len;
}

/* As tpm2_activatecredential takes it: magic, version, then both halves. */
static void write_credential(const struct made *m)
{
	static const uint8_t head[8] = { 0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1 };
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cred", dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(head, 1, 8, file), 8);
	assert_int_equal(fwrite(m->blob, 1, m->b.len, file), m->b.len);
	assert_int_equal(fwrite(m->sealed, 1, m->s.len, file), m->s.len);
	fclose(file);
}

static int activate(const char *auth)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -f got; tpm2_flushcontext -t; tpm2_flushcontext -l; %s; "
		 "tpm2_activatecredential -c ak.ctx -C ek.ctx -i cred -o got %s", auth,
		 strcmp(auth, "true") == 0 ? "" : "-P session:session");
	return sh(command);
}

static void opened_by_a_tpm(const char *kind, enum hf_ek_kind want, const char *auth)
{
	uint8_t area[1024], got[64], name[64], other[34];
	char command[512];
	struct made m;
	struct hf_ek ek;
	size_t len;

	snprintf(command, sizeof(command), "tpm2_flushcontext -t; tpm2_createek -c ek.ctx -G %s -u ek.pub && "
		 "tpm2_flushcontext -t && tpm2_createprimary -C e -g sha256 -G ecc256:ecdsa-sha256:null -c ak.ctx "
		 "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign' && "
		 "tpm2_readpublic -c ak.ctx -n ak.name && tpm2_flushcontext -t", kind);
	assert_int_equal(sh(command), 0);
	len = read_file("ek.pub", area, sizeof(area));
	assert_int_equal(read_file("ak.name", name, sizeof(name)), 34);
	assert_int_equal(hf_ek_parse((struct hf_span){ area + 2, len - 2 }, &ek), HF_OK);
	assert_int_equal(ek.kind, want);
	assert_int_equal(make_for((struct hf_span){ area + 2, len - 2 }, (struct hf_span){ name, 34 }, secret, &m),
			 HF_OK);
	write_credential(&m);
	assert_int_equal(activate(auth), 0);
	assert_int_equal(read_file("got", got, sizeof(got)), 32);
	assert_memory_equal(got, SECRET, 32);
	/* Made for another key's name: the TPM refuses. */
	memcpy(other, name, 34);
	other[33] ^= 1;
	assert_int_equal(make_for((struct hf_span){ area + 2, len - 2 }, (struct hf_span){ other, 34 }, secret, &m),
			 HF_OK);
	write_credential(&m);
	assert_int_not_equal(activate(auth), 0);
}

/* The low range of templates asks for a policy, the high range for the empty value. */
#define POLICY "tpm2_startauthsession --policy-session -S session && tpm2_policysecret -S session -c e"

static void a_tpm_opens_rsa_2048(void **state) { (void)state; opened_by_a_tpm("rsa", HF_EK_RSA2048, POLICY); }
static void a_tpm_opens_p256(void **state) { (void)state; opened_by_a_tpm("ecc", HF_EK_P256, POLICY); }
static void a_tpm_opens_rsa_3072(void **state) { (void)state; opened_by_a_tpm("rsa3072", HF_EK_RSA3072, "true"); }
static void a_tpm_opens_p384(void **state) { (void)state; opened_by_a_tpm("ecc384", HF_EK_P384, "true"); }

#define ON_A_TPM(f) cmocka_unit_test_setup_teardown(f, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_keys),
		cmocka_unit_test(attributes),
		cmocka_unit_test(the_rest_of_the_area),
		cmocka_unit_test(rsa_4096),
		cmocka_unit_test(limits),
		ON_A_TPM(a_tpm_opens_rsa_2048),
		ON_A_TPM(a_tpm_opens_p256),
		ON_A_TPM(a_tpm_opens_rsa_3072),
		ON_A_TPM(a_tpm_opens_p384),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
