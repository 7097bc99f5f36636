/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a certificate says for people to read. [edge: libcrypto] */
#include "pcie/device_chain_inside.h"

#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static void name_text(const X509_NAME *name, char *out, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	/* RFC 2253: what is no printable ASCII comes escaped */
	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(bio, out, (int)cap - 1);
	BIO_free(bio);
	out[len > 0 ? len : 0] = '\0';
	for (char *p = out; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

static void serial_text(const X509 *cert, char *out, size_t cap)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	const uint8_t *bytes = ASN1_STRING_get0_data(serial);
	size_t len = (size_t)ASN1_STRING_length(serial), at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < len && at + 3 <= cap; i++, at += 2)
		snprintf(out + at, cap - at, "%02x", bytes[i]);
}

static void time_text(const ASN1_TIME *when, char *out, size_t cap)
{
	struct tm tm;

	out[0] = '\0';
	if (ASN1_TIME_to_tm(when, &tm) == 1)	/* strftime might look for the time zone */
		snprintf(out, cap, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)tm.tm_year % 8100u + 1900u,
			 (unsigned)tm.tm_mon % 12u + 1u, (unsigned)tm.tm_mday % 32u,
			 (unsigned)tm.tm_hour % 24u, (unsigned)tm.tm_min % 60u, (unsigned)tm.tm_sec % 61u);
}

static void key_text(X509 *cert, char *out, size_t cap)
{
	static const struct { const char *group, *text; } curves[] = {
		{ "prime256v1", "ecdsa-p256" }, { "secp384r1", "ecdsa-p384" },
		{ "secp521r1", "ecdsa-p521" },
	};
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[64] = "";
	size_t len;

	snprintf(out, cap, "unknown");
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		snprintf(out, cap, "rsa-%d", EVP_PKEY_get_bits(key));
	else if (EVP_PKEY_is_a(key, "ED25519"))
		snprintf(out, cap, "ed25519");
	else if (EVP_PKEY_is_a(key, "ED448"))
		snprintf(out, cap, "ed448");
	else if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
						sizeof(group), &len) == 1)
		for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
			if (strcmp(group, curves[i].group) == 0)
				snprintf(out, cap, "%s", curves[i].text);
}

void hf_device_certificate_describe(const struct hf_device_chain *chain, size_t i,
				    struct hf_device_certificate *ret)
{
	struct hf_device_certificate text = { .ca = false };
	X509 *cert = i < chain->count ? chain->certs[i] : NULL;

	if (cert) {
		name_text(X509_get_subject_name(cert), text.subject, sizeof(text.subject));
		name_text(X509_get_issuer_name(cert), text.issuer, sizeof(text.issuer));
		serial_text(cert, text.serial, sizeof(text.serial));
		time_text(X509_get0_notBefore(cert), text.not_before, sizeof(text.not_before));
		time_text(X509_get0_notAfter(cert), text.not_after, sizeof(text.not_after));
		key_text(cert, text.key, sizeof(text.key));
		text.self_signed = i == 0 && chain->has_root;
		text.ca = X509_get_extension_flags(cert) & EXFLAG_CA;
	}
	*ret = text;
}
