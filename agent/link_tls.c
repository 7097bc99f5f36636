/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS 1.3 by OpenSSL, in the link's child: connections to the controller, and their ends. */
#include "agent/link_openssl.h"

#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pcie/worker.h"

#define SEND_IDLE_MS 15000	/* nothing could be sent for so long */

/* ---- waiting reads and writes ---- */

bool hf_tls_broken(struct hf_tls *tls, const char *words)
{
	tls->state = BROKEN;
	snprintf(tls->io_words, sizeof(tls->io_words), "%s", words);
	return false;
}

uint64_t hf_tls_deadline(const struct hf_tls *tls)
{
	const uint64_t idle = tls->reply_end ? tls->reply_end : hf_now_ms() + SEND_IDLE_MS;

	return idle < tls->end ? idle : tls->end;
}

bool hf_tls_again(struct hf_tls *tls, int result)
{
	const int sys = errno, error = SSL_get_error(tls->ssl, result);
	const unsigned long code = ERR_peek_error();

	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		if (hf_link_wait(tls->fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, hf_tls_deadline(tls)))
			return true;
		tls->state = TIMED_OUT;
		return false;
	case SSL_ERROR_ZERO_RETURN:
		tls->state = ENDED;
		return false;
	case SSL_ERROR_SYSCALL:
		tls->state = ENDED;
		snprintf(tls->io_words, sizeof(tls->io_words), "%s", sys ? strerror(sys) : "");
		return false;
	default:
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			tls->state = ENDED;
			return false;
		}
		return hf_tls_broken(tls, code ? ERR_reason_error_string(code) : "TLS failed");
	}
}

/* ---- the context, while files can still be opened ---- */

static bool present(struct hf_tls *tls)
{
	struct hf_span der;

	if (!tls->plan->key)
		return true;
	der = hf_boot_key_certificate(tls->plan->key);
	return SSL_CTX_use_certificate_ASN1(tls->ctx, (int)der.len, der.ptr) == 1 &&
	       SSL_CTX_use_PrivateKey(tls->ctx, hf_boot_key_pkey(tls->plan->key)) == 1;
}

static bool restrict_protocol(SSL_CTX *ctx)
{
	SSL_CTX_set_security_level(ctx, 2);	/* whatever the system's configuration says */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, hf_tls_on_certificate);
	SSL_CTX_set_verify_depth(ctx, 4);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
}

bool hf_tls_make(const struct hf_link_plan *plan, struct hf_tls **ret, struct hf_link_why *why)
{
	struct hf_tls *tls = calloc(1, sizeof(*tls));
	uint8_t random[16];
	struct tm tm;

	/* What is made, or read from files, at its first use. */
	if (!tls || RAND_bytes(random, sizeof(random)) != 1 || !gmtime_r(&(time_t){ 0 }, &tm))
		return hf_link_because(why, HF_ERR_NO_MEMORY, false, "making the link");
	tls->plan = plan;
	tls->fd = -1;
	tls->now = plan->now;
	tls->now_at = hf_now_ms();
	tls->ctx = SSL_CTX_new(TLS_client_method());
	if (!tls->ctx || !restrict_protocol(tls->ctx) || !hf_http_methods(tls) || !present(tls))
		return hf_link_because(why, HF_ERR_INTERNAL, false, "OpenSSL: %s",
				       ERR_reason_error_string(ERR_peek_error()));
	if (!hf_tls_trust(tls, why))
		return false;
	*ret = tls;
	return true;
}

/* ---- a connection ---- */

void hf_tls_close(struct hf_tls *tls)
{
	OSSL_HTTP_close(tls->http, 1);	/* only what it made itself */
	BIO_free(tls->wire);
	SSL_free(tls->ssl);
	if (tls->fd >= 0)
		close(tls->fd);
	tls->http = NULL;
	tls->wire = NULL;
	tls->ssl = NULL;
	tls->fd = -1;
}

bool hf_tls_is_open(struct hf_tls *tls)
{
	uint8_t byte;
	ssize_t n;

	if (!tls->ssl)
		return false;
	/* Whatever is there was not asked for: an end, an alert, a reply to nothing. */
	n = SSL_has_pending(tls->ssl) ? 1 : recv(tls->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return true;
	hf_tls_close(tls);
	return false;
}

static bool handshake_failed(struct hf_tls *tls, struct hf_link_why *why)
{
	const char *at = tls->url->text;

	if (SSL_get_verify_result(tls->ssl) != X509_V_OK && tls->cert_words[0])
		return hf_link_because(why, HF_ERR_CONTROLLER_TLS, false, "%s: %s", at, tls->cert_words);
	if (tls->state == TIMED_OUT)
		return hf_link_because(why, HF_ERR_CONTROLLER_UNREACHABLE, true, "%s does not answer by TLS", at);
	if (tls->state == ENDED)
		return hf_link_because(why, HF_ERR_CONTROLLER_UNREACHABLE, true, "%s ends the connection%s%s", at,
				       tls->io_words[0] ? ": " : "", tls->io_words);
	switch (ERR_GET_REASON(ERR_peek_error())) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return hf_link_because(why, HF_ERR_CONTROLLER_TLS, false, "%s answers, but not by TLS", at);
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return hf_link_because(why, HF_ERR_CONTROLLER_TLS, false, "%s does not offer TLS 1.3", at);
	default:
		return hf_link_because(why, HF_ERR_CONTROLLER_TLS, false, "%s: %s", at, tls->io_words);
	}
}

static bool set_up(struct hf_tls *tls)
{
	tls->ssl = SSL_new(tls->ctx);
	return tls->ssl && SSL_set_fd(tls->ssl, tls->fd) == 1 && SSL_set_app_data(tls->ssl, tls) == 1 &&
	       hf_tls_expect(tls, tls->ssl, tls->url) && hf_http_open(tls);
}

bool hf_tls_connect(struct hf_tls *tls, int fd, const struct hf_link_url *url, uint64_t end_ms,
		    struct hf_link_why *why)
{
	int n;

	hf_tls_close(tls);
	tls->fd = fd;
	tls->url = url;
	tls->end = tls->reply_end = end_ms;
	tls->state = FLOWS;
	tls->cert_words[0] = tls->io_words[0] = '\0';
	if (!set_up(tls)) {
		hf_tls_close(tls);
		return hf_link_because(why, HF_ERR_INTERNAL, false, "OpenSSL: no connection could be made");
	}
	do {
		ERR_clear_error();
		errno = 0;
		n = SSL_connect(tls->ssl);
	} while (n <= 0 && hf_tls_again(tls, n));
	if (n == 1)
		return true;
	(void)handshake_failed(tls, why);
	hf_tls_close(tls);
	return false;
}
