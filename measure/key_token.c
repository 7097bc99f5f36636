/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private keys that never leave their token: PKCS#11 through whatever OpenSSL has for it.
 * The engine interface is the only one that Debian 12 packages. [edge: libcrypto] */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "measure/key.h"

#include <stdio.h>

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

/* The default provider stays: the rest of the program hashes with it. */
static EVP_PKEY *from_provider(const char *uri, bool *found)
{
	OSSL_STORE_CTX *store;
	EVP_PKEY *pkey = NULL;

	*found = OSSL_PROVIDER_try_load(NULL, "pkcs11", 1) != NULL;
	if (!*found || !OSSL_PROVIDER_load(NULL, "default"))
		return NULL;
	store = OSSL_STORE_open(uri, UI_null(), NULL, NULL, NULL);
	while (store && !pkey && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (!info)
			break;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			pkey = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	return pkey;
}

static EVP_PKEY *from_engine(const char *uri, bool *found)
{
	ENGINE *engine = ENGINE_by_id("pkcs11");
	EVP_PKEY *pkey = NULL;

	*found = engine != NULL;
	if (!engine)
		return NULL;
	ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1);	/* it would print the URI with its PIN */
	if (ENGINE_init(engine)) {
		pkey = ENGINE_load_private_key(engine, uri, (UI_METHOD *)UI_null(),
					       NULL);
		ENGINE_finish(engine);	/* the key holds a reference of its own */
	}
	ENGINE_free(engine);
	return pkey;
}

enum hf_err hf_key_read_token(const char *uri, struct hf_key **ret, char *detail, size_t cap)
{
	bool provider = false, engine = false;
	EVP_PKEY *pkey;
	enum hf_err err;

	ERR_clear_error();
	pkey = from_provider(uri, &provider);
	if (!pkey)
		pkey = from_engine(uri, &engine);
	if (!provider && !engine) {
		snprintf(detail, cap, "OpenSSL has neither a provider nor an engine named pkcs11");
		ERR_clear_error();
		return HF_ERR_KEY_TOKEN;
	}
	if (!pkey) {
		unsigned long code = ERR_peek_last_error();
		const char *reason = code ? ERR_reason_error_string(code) : NULL;

		snprintf(detail, cap, "the token gives no such private key%s%s", reason ? ": " : "",
			 reason ? reason : "");
		ERR_clear_error();
		return HF_ERR_KEY_TOKEN;
	}
	err = hf_key_new(pkey, true, ret);
	if (err)
		snprintf(detail, cap, "the token's key is of a kind that signs no manifest");
	return err;
}
