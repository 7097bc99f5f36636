/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From an EK certificate to a root. X509_verify_cert judges; what it is told to look over, and what
 * is decided before it is asked, is all here, by name:
 *
 * SAME NAMES    Manufacturers issue CAs anew under the same name, with another key or the same.
 *               X509_verify_cert takes the first that fits by name and never goes back. So the path
 *               is found here, by the signatures, and it is given that one path only.
 * KEY IDS       Authority and subject key identifiers that do not match (and issuer and serial in
 *               them, of a certificate that was issued anew): they are hints for finding what the
 *               signature has found already.
 * LAPSED CAS    A CA needs to have been in time when it issued, not now: manufacturers let them lapse,
 *               and what was signed in time stays signed. The EK certificate itself must be in time
 *               now. A CA that begins later than what it signed was issued anew: fine.
 * OAEP KEYS     Keys marked id-RSAES-OAEP (old Infineon, ST, Nuvoton) are none to libcrypto. Their
 *               bits are compared with the TPM's, and X509_verify_cert, which wants a key in every
 *               certificate, is shown a copy that has the TPM's: of the copy alone the signature is
 *               not asked for, that of the certificate was verified before.
 * KEY USAGE     keyEncipherment or keyAgreement, whichever the key's type: both are found on both.
 *               None at all is fine; a key that may only sign is no EK.
 * PURPOSE       tcg-kp-EKCertificate (2.23.133.8.1) or no purpose at all (profiles before 2.0).
 * DIRECTORY     A critical subjectDirectoryAttributes extension: it tells of the TPM's specification.
 * SHA-1         In signatures of older CAs. What it would take to abuse, a CA that signs what
 *               somebody else chose, is not how EK certificates come to be. MD5 and older: refused.
 * TRAILING      Bytes after the certificate: NV indices are larger than what is in them.
 * SERIAL        Zero or negative serial numbers, empty subjects, RDNs in the wrong order: libcrypto
 *               does not mind, and nothing here rests on them.
 *
 * Nothing is tolerated of: signatures, CA flags and key usage of CAs, path lengths, name constraints,
 * weak keys, unknown critical extensions. Revocation lists are not asked for. [edge: libcrypto] */
#include "controller/server/ek_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "measure/wire.h"

#define PATH_MAX_CERTS 8	/* with leaf and root; the longest of the corpus has 5 */
#define SIGNATURES_MAX 64	/* that are tried for one certificate */
#define BITS_MIN 112		/* NIST SP 800-57: RSA 2048 */

/* ---- what a signature may be made with ---- */

static bool digest_is_good(X509 *cert)
{
	int digest = NID_undef, bits = 0;

	if (X509_get_signature_info(cert, &digest, NULL, &bits, NULL) != 1)
		return false;
	return digest == NID_sha1 || digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

static bool key_is_good(X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return key && EVP_PKEY_get_security_bits(key) >= BITS_MIN;
}

/* LAPSED CAS */
static bool issued_in_time(X509 *cert, X509 *issuer)
{
	int order = ASN1_TIME_compare(X509_get0_notBefore(cert), X509_get0_notAfter(issuer));

	return order == -1 || order == 0;
}

/* ---- one path, as X509_verify_cert sees it ---- */

struct path {
	const struct hf_ek_roots *roots;
	X509 *certs[PATH_MAX_CERTS];
	size_t count;
	X509 *copy;		/* OAEP KEYS: to be shown for the first; or NULL */
	unsigned signatures;	/* tried */
	char *why;		/* the last reason */
	size_t cap;
};

static void because(struct path *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void because(struct path *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->why, p->cap, format, args);
	va_end(args);
}

/* KEY IDS: by name alone; the signatures were verified, and are again. */
static int issued_by_name(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer)
{
	(void)ctx;
	return X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) == 0;
}

/* DIRECTORY */
static bool only_directory_is_unhandled(X509 *cert)
{
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *extension = X509_get_ext(cert, i);

		if (X509_EXTENSION_get_critical(extension) && !X509_supported_extension(extension) &&
		    OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_subject_directory_attributes)
			return false;
	}
	return true;
}

static int look_over(int good, X509_STORE_CTX *ctx)
{
	const struct path *p = X509_STORE_CTX_get_app_data(ctx);
	int error = X509_STORE_CTX_get_error(ctx);

	if (good || X509_STORE_CTX_get_error_depth(ctx) != 0)
		return good;
	if (error == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION)
		good = only_directory_is_unhandled(X509_STORE_CTX_get_current_cert(ctx));
	else if (error == X509_V_ERR_CERT_SIGNATURE_FAILURE)
		good = p->copy != NULL;
	if (good)
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return good;
}

static bool run_verify(struct path *p, X509_STORE *store, STACK_OF(X509) *between)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good = false;

	if (ctx && X509_STORE_CTX_init(ctx, store, p->copy ? p->copy : p->certs[0], between) == 1 &&
	    X509_STORE_CTX_set_app_data(ctx, p) == 1) {
		X509_STORE_CTX_set_verify_cb(ctx, look_over);
		good = X509_verify_cert(ctx) == 1 && X509_STORE_CTX_get_error(ctx) == X509_V_OK;
		if (!good)
			because(p, "%s (at %d of the chain)",
				X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)),
				X509_STORE_CTX_get_error_depth(ctx));
	}
	X509_STORE_CTX_free(ctx);
	return good;
}

/* The last of the path is a root. */
static bool judge(struct path *p)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	bool good = store && between && X509_STORE_add_cert(store, p->certs[p->count - 1]) == 1;

	for (size_t i = 1; good && i + 1 < p->count; i++)
		good = sk_X509_push(between, p->certs[i]) > 0;
	if (good) {
		X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);

		X509_STORE_set_check_issued(store, issued_by_name);
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);	/* LAPSED CAS */
		X509_VERIFY_PARAM_set_auth_level(param, 0);	/* SHA-1: see digest_is_good */
		X509_VERIFY_PARAM_set_depth(param, PATH_MAX_CERTS);
		good = run_verify(p, store, between);
	}
	sk_X509_free(between);
	X509_STORE_free(store);
	return good;
}

/* ---- finding it ---- */

static bool climb(struct path *p);

static bool try_issuer(struct path *p, X509 *cert, const struct hf_ek_ca *ca)
{
	char name[96];
	bool good;

	for (size_t i = 0; i < p->count; i++) {
		if (X509_cmp(p->certs[i], ca->cert) == 0)
			return false;
	}
	hf_ek_name(X509_get_subject_name(ca->cert), name, sizeof(name));
	if (p->signatures++ >= SIGNATURES_MAX) {
		because(p, "too many CAs are named %s", name);
		return false;
	}
	if (!key_is_good(ca->cert) || X509_verify(cert, X509_get0_pubkey(ca->cert)) != 1) {
		because(p, "no CA here that is named %s has signed it", name);
		return false;
	}
	if (!issued_in_time(cert, ca->cert)) {
		because(p, "%s had expired when it signed this", name);
		return false;
	}
	p->certs[p->count++] = ca->cert;
	good = ca->root ? judge(p) : climb(p);
	p->count--;
	return good;
}

static bool climb(struct path *p)
{
	X509 *cert = p->certs[p->count - 1];
	const struct hf_ek_ca *cas;
	size_t count = hf_ek_issuers(p->roots, cert, &cas), named = 0;
	char name[96];

	hf_ek_name(X509_get_issuer_name(cert), name, sizeof(name));
	if (p->count == PATH_MAX_CERTS) {
		because(p, "the chain is too long");
		return false;
	}
	if (!digest_is_good(cert)) {
		because(p, "signed by %s with a digest that is too weak", name);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(cas[i].cert)) != 0)
			continue;
		named++;
		if (try_issuer(p, cert, &cas[i]))
			return true;
	}
	if (!named)
		because(p, "no CA here is named %s", name);
	return false;
}

bool hf_ek_leads_to_root(const struct hf_ek_roots *roots, X509 *cert, X509 *copy, char *why, size_t cap)
{
	struct path p = { .roots = roots, .certs = { cert }, .count = 1, .copy = copy, .why = why, .cap = cap };
	bool good = climb(&p);

	ERR_clear_error();
	return good;
}

/* ---- the EK certificate itself ---- */

/* OAEP KEYS */
static bool same_bits(X509 *cert, X509_PUBKEY *ours)
{
	const unsigned char *a, *b;
	ASN1_OBJECT *type;
	int a_len, b_len;

	return X509_PUBKEY_get0_param(&type, &a, &a_len, NULL, X509_get_X509_PUBKEY(cert)) == 1 &&
	       OBJ_obj2nid(type) == NID_rsaesOaep &&
	       X509_PUBKEY_get0_param(&type, &b, &b_len, NULL, ours) == 1 &&
	       OBJ_obj2nid(type) == NID_rsaEncryption && a_len == b_len && a_len > 0 &&
	       memcmp(a, b, (size_t)a_len) == 0;
}

static X509 *copy_with_key(X509 *cert, const struct hf_ek *ek)
{
	const unsigned char *der = ek->spki;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &der, (long)ek->spki_len);
	X509 *copy = X509_dup(cert);

	if (!key || !copy || X509_set_pubkey(copy, key) != 1) {
		X509_free(copy);
		copy = NULL;
	}
	EVP_PKEY_free(key);
	return copy;
}

static bool is_for(X509 *cert, const struct hf_ek *ek)
{
	const unsigned char *der = ek->spki;
	X509_PUBKEY *ours = d2i_X509_PUBKEY(NULL, &der, (long)ek->spki_len);
	EVP_PKEY *theirs = X509_get0_pubkey(cert), *key = ours ? X509_PUBKEY_get0(ours) : NULL;
	bool same = false;

	if (key)
		same = theirs ? EVP_PKEY_eq(theirs, key) == 1 : same_bits(cert, ours);
	X509_PUBKEY_free(ours);
	return same;
}

/* PURPOSE */
static bool purpose_is_ek(X509 *cert)
{
	int critical = 0;
	EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, NULL);
	bool found = !purposes && critical == -1;	/* -1: there is none, -2: several */

	for (int i = 0; purposes && i < sk_ASN1_OBJECT_num(purposes); i++) {
		char oid[64];

		if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(purposes, i), 1) > 0 &&
		    strcmp(oid, "2.23.133.8.1") == 0)
			found = true;
	}
	sk_ASN1_OBJECT_pop_free(purposes, ASN1_OBJECT_free);
	return found;
}

static const char *flaw_of(X509 *cert, const struct hf_ek *ek, int64_t now)
{
	uint32_t usage = X509_get_key_usage(cert);	/* all bits: there is none */

	if (!is_for(cert, ek))
		return "the certificate is for another key";
	if (X509_get_extension_flags(cert) & EXFLAG_CA)
		return "the certificate is of a CA, not of an endorsement key";
	if (!(usage & (KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT)))	/* KEY USAGE */
		return "the certificate's key may only sign: it is no endorsement key";
	if (!purpose_is_ek(cert))
		return "the certificate was not made for an endorsement key";
	if (ASN1_TIME_cmp_time_t(X509_get0_notBefore(cert), (time_t)now) != -1 &&
	    ASN1_TIME_cmp_time_t(X509_get0_notBefore(cert), (time_t)now) != 0)
		return "the certificate is not valid yet";
	if (ASN1_TIME_cmp_time_t(X509_get0_notAfter(cert), (time_t)now) != 1 &&
	    ASN1_TIME_cmp_time_t(X509_get0_notAfter(cert), (time_t)now) != 0)
		return "the certificate has expired";
	return NULL;
}

enum hf_err hf_ek_chain_verify(const struct hf_ek_roots *roots, const struct hf_ek *ek, struct hf_span certificate,
			       int64_t now, char *ret_manufacturer, size_t cap, struct hf_fault *fault)
{
	const unsigned char *der = certificate.ptr;
	char why[160] = "libcrypto failed";
	const char *flaw;
	enum hf_err err = HF_OK;
	X509 *cert, *copy = NULL;

	if (certificate.len == 0 || certificate.len > HF_WIRE_CERT_MAX)
		return hf_fail(fault, HF_ERR_EK_CHAIN, NULL, "a certificate of %zu bytes", certificate.len);
	cert = d2i_X509(NULL, &der, (long)certificate.len);	/* TRAILING */
	if (!cert) {
		ERR_clear_error();
		return hf_fail(fault, HF_ERR_EK_CHAIN, NULL, "the certificate cannot be read");
	}
	flaw = flaw_of(cert, ek, now);
	if (!flaw && !X509_get0_pubkey(cert))	/* OAEP KEYS; without memory for it, libcrypto refuses */
		copy = copy_with_key(cert, ek);
	if (flaw)
		err = hf_fail(fault, HF_ERR_EK_CHAIN, NULL, "%s", flaw);
	else if (!hf_ek_leads_to_root(roots, cert, copy, why, sizeof(why)))
		err = hf_fail(fault, HF_ERR_EK_CHAIN, NULL, "%s", why);
	else
		hf_ek_manufacturer(cert, ret_manufacturer, cap);
	X509_free(copy);
	X509_free(cert);
	ERR_clear_error();
	return err;
}
