/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose certificate the controller has, and what is wrong with it in words. */
#include "agent/link_openssl.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "pcie/worker.h"

/* ---- words ---- */

static const char *subject(X509 *cert, char out[64])
{
	if (!cert || X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, 64) <= 0)
		snprintf(out, 64, "no common name");
	return out;
}

static void put_name(const GENERAL_NAME *name, char *out, size_t cap)
{
	const size_t len = strlen(out);
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *p = type == GEN_IPADD || type == GEN_DNS ? ASN1_STRING_get0_data(value) : NULL;
	int n = p ? ASN1_STRING_length(value) : 0;
	const char *comma = len ? ", " : "";

	if (type == GEN_DNS && n > 0)
		snprintf(out + len, cap - len, "%s%.*s", comma, n, (const char *)p);
	if (type == GEN_IPADD && n == 4)
		snprintf(out + len, cap - len, "%s%u.%u.%u.%u", comma, p[0], p[1], p[2], p[3]);
	if (type == GEN_IPADD && n == 16)
		snprintf(out + len, cap - len, "%s%x:%x:%x:%x:%x:%x:%x:%x", comma, p[0] << 8 | p[1],
			 p[2] << 8 | p[3], p[4] << 8 | p[5], p[6] << 8 | p[7], p[8] << 8 | p[9],
			 p[10] << 8 | p[11], p[12] << 8 | p[13], p[14] << 8 | p[15]);
}

/* The addresses and names that a certificate is for, as many as fit. */
static void names(X509 *cert, char *out, size_t cap)
{
	GENERAL_NAMES *list = cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++)
		put_name(sk_GENERAL_NAME_value(list, i), out, cap);
	if (!out[0])
		snprintf(out, cap, "no address and no name");
	GENERAL_NAMES_free(list);
}

static const char *date(const ASN1_TIME *when, char out[32])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(when, &tm) != 1 || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "?");
	return out;
}

static void note_bad(struct hf_tls *tls, X509_STORE_CTX *ctx)
{
	const int error = X509_STORE_CTX_get_error(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	char text[80], name[64];

	if (error == X509_V_ERR_IP_ADDRESS_MISMATCH || error == X509_V_ERR_HOSTNAME_MISMATCH) {
		names(X509_STORE_CTX_get0_cert(ctx), text, sizeof(text));
		snprintf(tls->cert_words, sizeof(tls->cert_words), "its certificate is for %s", text);
	} else if (cert && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)) {
		snprintf(tls->cert_words, sizeof(tls->cert_words), "certificate of %s: %s %s", subject(cert, name),
			 error == X509_V_ERR_CERT_HAS_EXPIRED ? "expired" : "not valid before",
			 date(error == X509_V_ERR_CERT_HAS_EXPIRED ? X509_get0_notAfter(cert) :
								    X509_get0_notBefore(cert), text));
	} else {
		snprintf(tls->cert_words, sizeof(tls->cert_words), "certificate of %s: %s",
			 subject(cert, name), X509_verify_cert_error_string(error));
	}
}

int hf_tls_on_certificate(int good, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());

	if (!good)
		note_bad(SSL_get_app_data(ssl), ctx);
	return good;
}

/* ---- who is believed ---- */

bool hf_tls_trust(struct hf_tls *tls, struct hf_link_why *why)
{
	BIO *pem = BIO_new_mem_buf(tls->plan->ca.ptr, (int)tls->plan->ca.len);
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	bool good = pem != NULL;
	size_t count = 0;
	X509 *cert;

	while (good && (cert = PEM_read_bio_X509(pem, NULL, NULL, NULL))) {
		good = X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
		count++;
	}
	good = good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(pem);
	if (!good || !count)
		return hf_link_because(why, HF_ERR_CONTROLLER_TLS, false,
				       "the CA is no PEM file of certificates (%zu bytes)", tls->plan->ca.len);
	return X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

static int64_t time_now(const struct hf_tls *tls)
{
	return tls->now + (int64_t)((hf_now_ms() - tls->now_at) / 1000);
}

bool hf_tls_expect(struct hf_tls *tls, SSL *ssl, const struct hf_link_url *url)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	const char *name = tls->plan->name;

	if (tls->now)
		X509_VERIFY_PARAM_set_time(param, time_now(tls));
	else if (!X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME))
		return false;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (!name || !name[0])
		return X509_VERIFY_PARAM_set1_ip(param, url->address, url->v6 ? 16 : 4);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, name))
		return true;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) && SSL_set_tlsext_host_name(ssl, name);
}

static bool dates_hold(const X509 *cert, int64_t now)
{
	time_t at = (time_t)now;

	return X509_cmp_time(X509_get0_notBefore(cert), &at) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(cert), &at) > 0;
}

bool hf_tls_set_time(struct hf_tls *tls, int64_t now, struct hf_link_why *why)
{
	STACK_OF(X509) *chain = tls->ssl ? SSL_get0_verified_chain(tls->ssl) : NULL;
	char name[64], from[32], to[32];

	tls->now = now;
	tls->now_at = hf_now_ms();
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);

		if (dates_hold(cert, now))
			continue;
		(void)hf_link_because(why, HF_ERR_CONTROLLER_TLS, false,
				      "%s: certificate of %s holds from %s to %s, not at the time it signed",
				      tls->url->text, subject(cert, name), date(X509_get0_notBefore(cert), from),
				      date(X509_get0_notAfter(cert), to));
		hf_tls_close(tls);
		return false;
	}
	return true;
}
