/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates and keys in files, before anybody connects. */
#include <fcntl.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "controller/server/http.h"
#include "measure/file.h"

#define PEM_MAX ((size_t)256 << 10)

static int64_t first_end(const gnutls_datum_t *pem)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned count = 0;
	int64_t first = 0;

	if (gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0) < 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		int64_t end = (int64_t)gnutls_x509_crt_get_expiration_time(list[i]);

		if (end > 0 && (first == 0 || end < first))
			first = end;
		gnutls_x509_crt_deinit(list[i]);
	}
	gnutls_free(list);
	return first;
}

static enum hf_err read_datum(const char *path, struct hf_arena *arena, gnutls_datum_t *ret, struct hf_fault *fault)
{
	struct hf_span text;
	enum hf_err err = hf_file_read(AT_FDCWD, path, PEM_MAX, arena, &text, fault);

	if (!err)
		*ret = (gnutls_datum_t){ (unsigned char *)(uintptr_t)text.ptr, (unsigned)text.len };
	return err;
}

static enum hf_err check_files(const struct hf_config *config, gnutls_certificate_credentials_t credentials,
			       struct hf_arena *arena, struct hf_fault *fault)
{
	gnutls_datum_t certificate, key, ca;
	enum hf_err err = read_datum(config->certificate, arena, &certificate, fault);
	int code;

	if (!err)
		err = read_datum(config->key, arena, &key, fault);
	if (err)
		return err;
	code = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
	gnutls_memset(key.data, 0, key.size);
	if (code < 0)
		return hf_fail(fault, HF_ERR_CONFIG_SYNTAX, config->certificate, "no TLS with key %s: %s", config->key,
			       gnutls_strerror(code));
	if (!config->operator_ca)
		return HF_OK;
	err = read_datum(config->operator_ca, arena, &ca, fault);
	if (!err && gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM) <= 0)
		err = hf_fail(fault, HF_ERR_CONFIG_SYNTAX, config->operator_ca, "%s", "no certificate is in it");
	return err;
}

enum hf_err hf_http_check(const struct hf_config *config, struct hf_fault *fault)
{
	gnutls_certificate_credentials_t credentials;
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(3 * (PEM_MAX + 4096), &arena);

	if (err || gnutls_certificate_allocate_credentials(&credentials) < 0)
		return hf_fail(fault, HF_ERR_NO_MEMORY, config->certificate, "%s", "");
	err = check_files(config, credentials, &arena, fault);
	gnutls_certificate_free_credentials(credentials);
	hf_arena_drop(&arena);
	return err;
}

int64_t hf_http_until(const char *path)
{
	struct hf_fault fault;
	struct hf_arena arena;
	struct hf_span text;
	int64_t end = 0;

	if (hf_arena_make(PEM_MAX + 4096, &arena) != HF_OK)
		return 0;
	if (hf_file_read(AT_FDCWD, path, PEM_MAX, &arena, &text, &fault) == HF_OK)
		end = first_end(&(gnutls_datum_t){ (unsigned char *)(uintptr_t)text.ptr, (unsigned)text.len });
	hf_arena_drop(&arena);
	return end;
}
