/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a device's certificate has to be, and what leads from one to the next: RFC 5280 as far
 * as DSP0274 demands it, and nothing that is not understood. [edge: libcrypto] */
#include "pcie/device_chain_inside.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192	/* more is a way to keep us busy */
#define EXTENSIONS_MAX 64

/* ---- keys and signatures ---- */

static bool is_rsa(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
}

/* libcrypto counts a little less than 2048 bits of RSA as strong too. */
static bool key_is_strong(EVP_PKEY *key)
{
	return EVP_PKEY_get_security_bits(key) >= HF_DEVICE_LEVEL &&
	       (!is_rsa(key) || EVP_PKEY_get_bits(key) >= RSA_BITS_MIN);
}

static bool key_is_known(EVP_PKEY *key)
{
	static const char *const groups[] = { "prime256v1", "secp384r1", "secp521r1" };
	char group[64];
	size_t len;

	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return true;
	if (is_rsa(key))
		return EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					   &len) != 1)
		return false;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(group, groups[i]) == 0)
			return true;
	return false;
}

/* A point has two forms, and a curve has a name or all its numbers (RFC 5480 allows the name
 * alone); a key that could be written in another would have another id. */
static bool is_in_usual_form(X509 *cert, EVP_PKEY *key)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert);
	int spelled_out = 1;

	if (!EVP_PKEY_is_a(key, "EC"))
		return true;
	if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
				   &spelled_out) != 1 || spelled_out)
		return false;
	return ASN1_STRING_length(bits) > 0 && ASN1_STRING_get0_data(bits)[0] == 0x04;
}

static bool signature_is_strong(X509 *cert)
{
	int bits = 0;

	return X509_get_signature_info(cert, NULL, NULL, &bits, NULL) == 1 && bits >= HF_DEVICE_LEVEL;
}

/* ---- extensions ---- */

/* Those whose meaning is taken into account here or has none for us. */
static bool is_known(const ASN1_OBJECT *object)
{
	static const int known[] = {
		NID_basic_constraints, NID_key_usage, NID_ext_key_usage, NID_subject_alt_name,
		NID_subject_key_identifier, NID_authority_key_identifier, NID_certificate_policies,
	};
	static const uint8_t dice[] = { 0x67, 0x81, 0x05, 0x05, 0x04 };	/* 2.23.133.5.4 */
	static const uint8_t spdm[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0x1c, 0x82, 0x12 };
	const uint8_t *bytes = OBJ_get0_data(object);
	size_t len = OBJ_length(object);
	int nid = OBJ_obj2nid(object);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (nid == known[i])
			return true;
	return (len > sizeof(dice) && memcmp(bytes, dice, sizeof(dice)) == 0) ||
	       (len > sizeof(spdm) && memcmp(bytes, spdm, sizeof(spdm)) == 0);
}

static const char *extensions_flaw(X509 *cert)
{
	int count = X509_get_ext_count(cert);

	if (count > EXTENSIONS_MAX)
		return "too many extensions";
	for (int i = 0; i < count; i++) {
		X509_EXTENSION *extension = X509_get_ext(cert, i);
		const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);

		if (X509_get_ext_by_OBJ(cert, object, i) >= 0)
			return "an extension that is there twice";
		if (OBJ_obj2nid(object) == NID_name_constraints ||
		    (X509_EXTENSION_get_critical(extension) && !is_known(object)))
			return "a critical extension that is not understood";
	}
	return X509_get_extension_flags(cert) & EXFLAG_INVALID ? "an extension of a wrong shape" : NULL;
}

/* DSP0274: a certificate that says what it is for says that it is for a responder. Those that
 * say nothing of SPDM, and may be for TLS, are what most devices have. */
static bool purpose_fits(X509 *cert)
{
	static const char responder[] = "1.3.6.1.4.1.412.274.3", requester[] = "1.3.6.1.4.1.412.274.4";
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	bool allows = list == NULL, refuses = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
		const ASN1_OBJECT *object = sk_ASN1_OBJECT_value(list, i);
		int nid = OBJ_obj2nid(object);
		char oid[64] = "";

		OBJ_obj2txt(oid, sizeof(oid), object, 1);
		if (strcmp(oid, responder) == 0) {
			sk_ASN1_OBJECT_pop_free(list, ASN1_OBJECT_free);
			return true;
		}
		refuses |= strcmp(oid, requester) == 0;
		allows |= nid == NID_server_auth || nid == NID_client_auth ||
			  nid == NID_anyExtendedKeyUsage || strncmp(oid, "2.23.133.5.4.100.", 17) == 0;
	}
	sk_ASN1_OBJECT_pop_free(list, ASN1_OBJECT_free);
	return allows && !refuses;
}

static const char *role_flaw(X509 *cert, bool is_leaf)
{
	uint32_t flags = X509_get_extension_flags(cert), usage = X509_get_key_usage(cert);

	if (!is_leaf && !(flags & EXFLAG_CA))
		return "an issuer that is no certificate authority";
	if (!is_leaf && !(usage & KU_KEY_CERT_SIGN))	/* all bits where there is no key usage */
		return "an issuer that may not sign certificates";
	if (is_leaf && (flags & EXFLAG_CA))
		return "a leaf that is a certificate authority";
	if (is_leaf && (!(flags & EXFLAG_KUSAGE) || !(usage & KU_DIGITAL_SIGNATURE)))
		return "a leaf that may not sign";
	if (is_leaf && !purpose_fits(cert))
		return "a leaf that is for another purpose";
	return NULL;
}

/* ---- what the walk asks ---- */

const char *hf_device_cert_flaw(X509 *cert, bool is_leaf)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	const char *why;
	struct tm tm;

	if (X509_get_version(cert) != X509_VERSION_3)
		return "a certificate that is not of version 3";
	if (!key || !key_is_known(key) || !is_in_usual_form(cert, key))
		return "a key of an unknown kind";
	if (!key_is_strong(key))
		return "a key that is too weak";
	if (ASN1_TIME_to_tm(X509_get0_notBefore(cert), &tm) != 1 ||
	    ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return "a date that is none";
	why = extensions_flaw(cert);
	return why ? why : role_flaw(cert, is_leaf);
}

const char *hf_device_link_flaw(X509 *issuer, X509 *cert)
{
	if (X509_check_issued(issuer, cert) != X509_V_OK)
		return "a certificate that names another issuer";
	if (!signature_is_strong(cert))
		return "a signature that is too weak";
	if (X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
		return "a certificate that is not signed by the one before";
	return NULL;
}

static bool is_self_issued(X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

/* RFC 5280, 4.2.1.9: authorities below it, those that issued themselves not counted. */
bool hf_device_path_fits_under(X509 *issuer, X509 *const *certs, size_t count)
{
	long allowed = X509_get_pathlen(issuer), below = 0;

	for (size_t i = 0; i + 1 < count; i++)
		below += !is_self_issued(certs[i]);
	return allowed < 0 || below <= allowed;
}

bool hf_device_path_fits(X509 *const *certs, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (!hf_device_path_fits_under(certs[i], certs + i + 1, count - i - 1))
			return false;
	return true;
}
