/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an EK certificate says for people: TCG EK Credential Profile 2.x, 3.2.9: subjectAltName with
 * a directoryName of manufacturer (2.23.133.2.1, "id:49465800"), model (.2) and version (.3).
 * [edge: libcrypto] */
#include "controller/server/ek_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

static void only_printable(char *text)
{
	for (char *p = text; *p; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
}

void hf_ek_name(const X509_NAME *name, char *out, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(bio, out, (int)cap - 1);
	BIO_free(bio);
	out[len > 0 ? len : 0] = '\0';
	only_printable(out);
}

static void attribute(const X509_NAME *name, const char *oid, char *out, size_t cap)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = object ? X509_NAME_get_index_by_OBJ(name, object, -1) : -1;
	const ASN1_STRING *value = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

	out[0] = '\0';
	if (value)
		snprintf(out, cap, "%.*s", ASN1_STRING_length(value), (const char *)ASN1_STRING_get0_data(value));
	only_printable(out);
	ASN1_OBJECT_free(object);
}

/* "id:49465800" are the letters that the TCG's registry of vendors has: IFX. */
static void letters(const char *id, char *out, size_t cap)
{
	size_t n = 0;
	unsigned long value;
	char *end;

	snprintf(out, cap, "%s", id);
	if (strncmp(id, "id:", 3) != 0 || strlen(id) != 11)
		return;
	value = strtoul(id + 3, &end, 16);
	if (*end || cap < 5)
		return;
	for (int shift = 24; shift >= 0; shift -= 8) {
		char c = (char)(value >> shift & 0xff);

		if (c >= 0x21 && c <= 0x7e)
			out[n++] = c;
	}
	if (n == 0)
		snprintf(out, cap, "%s", id);
	else
		out[n] = '\0';
}

static const X509_NAME *directory_name(const GENERAL_NAMES *names)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DIRNAME)
			return name->d.directoryName;
	}
	return NULL;
}

void hf_ek_manufacturer(X509 *cert, char *out, size_t cap)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const X509_NAME *name = names ? directory_name(names) : NULL;
	char id[32] = "", maker[32] = "", model[32] = "", version[32] = "";

	if (name) {
		attribute(name, "2.23.133.2.1", id, sizeof(id));
		attribute(name, "2.23.133.2.2", model, sizeof(model));
		attribute(name, "2.23.133.2.3", version, sizeof(version));
		letters(id, maker, sizeof(maker));
	}
	if (maker[0] || model[0])
		snprintf(out, cap, "%s%s%s%s%s", maker, maker[0] && model[0] ? " " : "", model,
			 version[0] ? " " : "", version);
	else
		hf_ek_name(X509_get_issuer_name(cert), out, cap);
	GENERAL_NAMES_free(names);
}
