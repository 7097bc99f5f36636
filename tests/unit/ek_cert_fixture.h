/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EK certificates and the CAs over them, made on the spot, in a folder. */
#ifndef HF_TESTS_EK_CERT_FIXTURE_H
#define HF_TESTS_EK_CERT_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/server/ek_chain.h"
#include "tests/unit/device_cert_fixture.h"

#define EK_NOW 1893456000	/* 2030-01-01 */
#define EK_CA_EXTENSIONS { "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,keyCertSign" }, \
	{ "subjectKeyIdentifier", "hash" }

static char ek_dir[64];

static inline void ek_dir_make(void)
{
	snprintf(ek_dir, sizeof(ek_dir), "/tmp/holdfast-roots-XXXXXX");
	assert_non_null(mkdtemp(ek_dir));
}

static inline void ek_dir_drop(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", ek_dir);
	assert_int_equal(system(command), 0);
}

static inline void ek_write(const char *name, const void *bytes, size_t len)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", ek_dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static inline void ek_write_cert(const char *name, X509 *cert)
{
	uint8_t buf[8192];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	if (strstr(name, ".pem"))
		device_put_pem(&w, cert);
	else
		device_put(&w, cert);
	ek_write(name, buf, w.len);
}

/* As far as ek_chain.c looks at one. */
static inline struct hf_ek ek_of(EVP_PKEY *key)
{
	struct hf_ek ek;
	unsigned char *p = ek.spki;
	int len;

	memset(&ek, 0, sizeof(ek));
	len = i2d_PUBKEY(key, &p);
	assert_in_range(len, 1, HF_EK_SPKI_MAX);
	ek.spki_len = (size_t)len;
	return ek;
}

static inline void ek_attribute(X509_NAME *name, const char *oid, const char *value)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

	assert_int_equal(X509_NAME_add_entry_by_OBJ(name, object, MBSTRING_UTF8, (const uint8_t *)value, -1, -1, 0),
			 1);
	ASN1_OBJECT_free(object);
}

/* Critical, as it must be where the subject is empty. */
static inline void ek_add_san(X509 *cert, const char *maker, const char *model, const char *version)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	X509_NAME *directory = X509_NAME_new();

	ek_attribute(directory, "2.23.133.2.1", maker);
	ek_attribute(directory, "2.23.133.2.2", model);
	ek_attribute(directory, "2.23.133.2.3", version);
	GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
	sk_GENERAL_NAME_push(names, name);
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 1, 0), 1);
	GENERAL_NAMES_free(names);
}

static inline void ek_sign(X509 *cert, const struct device_cert *by)
{
	assert_true(X509_sign(cert, by->key, EVP_sha256()) > 0);
}

#endif
