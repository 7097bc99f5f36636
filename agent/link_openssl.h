/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/link_openssl.h: what link_tls.c (connections), link_certificate.c (whose they are) and
 * link_http.c (what is said over them) share of OpenSSL. Nobody else includes it. */
#ifndef HF_AGENT_LINK_OPENSSL_H
#define HF_AGENT_LINK_OPENSSL_H

#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ssl.h>

#include "agent/link_internal.h"

#define HF_LINK_STATUS_LINE 40	/* bytes of HTTP's first line that are looked at */

struct hf_tls {
	SSL_CTX *ctx;
	BIO_METHOD *wire_method, *body_method;
	const struct hf_link_plan *plan;
	int64_t now;		/* 0: no dates */
	uint64_t now_at;	/* when it was that time, by hf_now_ms */

	SSL *ssl;		/* NULL: no connection */
	int fd;
	const struct hf_link_url *url;
	BIO *wire;
	OSSL_HTTP_REQ_CTX *http;
	char cert_words[HF_LINK_WORDS];	/* what is wrong with a certificate */

	uint64_t end, reply_end;	/* of the request under way; reply_end 0: it is not out yet */
	enum { FLOWS, ENDED, TIMED_OUT, BROKEN } state;
	char io_words[HF_LINK_WORDS];
	char status[HF_LINK_STATUS_LINE + 1];
	size_t status_len;
};

/* After an SSL call that did not succeed: true to try it again; else tls->state says why. */
bool hf_tls_again(struct hf_tls *tls, int result);
uint64_t hf_tls_deadline(const struct hf_tls *tls);
bool hf_tls_broken(struct hf_tls *tls, const char *words);	/* false */

/* ---- link_certificate.c ---- */
bool hf_tls_trust(struct hf_tls *tls, struct hf_link_why *why);
int hf_tls_on_certificate(int good, X509_STORE_CTX *ctx);
/* Whoever is at this address; the name in its place, if the image gives one. */
bool hf_tls_expect(struct hf_tls *tls, SSL *ssl, const struct hf_link_url *url);

/* ---- link_http.c ---- */
bool hf_http_methods(struct hf_tls *tls);
/* HTTP over the connection that is there. */
bool hf_http_open(struct hf_tls *tls);

#endif
