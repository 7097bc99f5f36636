/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP by OpenSSL's client, over a connection of link_tls.c. It loses what it has read of a header
 * where a read would block, so what it reads from and writes to waits by itself, until a time is
 * over; and its own times come from the wall clock, so it is given none. */
#include "agent/link_openssl.h"

#include <errno.h>
#include <stdio.h>

#include "pcie/worker.h"

#define REPLY_MS 30000		/* for the whole reply, once the request is out */
#define LINE_MAX_BYTES 4096	/* of HTTP */

struct body {
	const struct hf_link_request *request;
	size_t offset;
};

/* ---- what OpenSSL reads from and writes to ---- */

/* Who ends a connection while he is written to may have said why: with TLS 1.3 the client's
 * certificate is refused only now. */
static void hear_alert(struct hf_tls *tls)
{
	char byte;
	int n;

	ERR_clear_error();
	n = SSL_read(tls->ssl, &byte, 1);
	if (n <= 0 && SSL_get_error(tls->ssl, n) == SSL_ERROR_SSL &&
	    ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET)
		(void)hf_tls_broken(tls, ERR_reason_error_string(ERR_peek_error()));
}

static int wire_write(BIO *bio, const char *buf, int len)
{
	struct hf_tls *tls = BIO_get_data(bio);
	int n;

	do {
		ERR_clear_error();
		errno = 0;
		n = SSL_write(tls->ssl, buf, len);
	} while (n <= 0 && hf_tls_again(tls, n));
	if (n <= 0 && tls->state == ENDED)
		hear_alert(tls);
	return n > 0 ? n : -1;
}

static int wire_read(BIO *bio, char *buf, int len)
{
	struct hf_tls *tls = BIO_get_data(bio);
	int n;

	if (!tls->reply_end)
		tls->reply_end = hf_now_ms() + REPLY_MS;
	if (hf_now_ms() >= hf_tls_deadline(tls)) {	/* also where bytes come one by one */
		tls->state = TIMED_OUT;
		return -1;
	}
	do {
		ERR_clear_error();
		errno = 0;
		n = SSL_read(tls->ssl, buf, len);
	} while (n <= 0 && hf_tls_again(tls, n));
	for (int i = 0; i < n && tls->status_len < HF_LINK_STATUS_LINE; i++)
		tls->status[tls->status_len++] = buf[i];
	return n > 0 ? n : -1;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int body_read(BIO *bio, char *buf, int len)
{
	struct body *b = BIO_get_data(bio);
	size_t n = b->request->body_len - b->offset;

	if (n > HF_LINK_PIECE)
		n = HF_LINK_PIECE;
	if (n > (size_t)len)
		n = (size_t)len;
	if (!n || !b->request->body(b->request->self, b->offset, (uint8_t *)buf, n))
		return -1;
	b->offset += n;
	return (int)n;
}

static long body_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct body *b = BIO_get_data(bio);

	(void)number, (void)pointer;
	if (command == BIO_CTRL_INFO)
		return (long)b->request->body_len;
	return command == BIO_CTRL_EOF && b->offset == b->request->body_len;
}

bool hf_http_methods(struct hf_tls *tls)
{
	tls->wire_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
	tls->body_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "body");
	return tls->wire_method && tls->body_method && BIO_meth_set_read(tls->wire_method, wire_read) &&
	       BIO_meth_set_write(tls->wire_method, wire_write) && BIO_meth_set_ctrl(tls->wire_method, wire_ctrl) &&
	       BIO_meth_set_read(tls->body_method, body_read) && BIO_meth_set_ctrl(tls->body_method, body_ctrl);
}

bool hf_http_open(struct hf_tls *tls)
{
	tls->wire = BIO_new(tls->wire_method);
	if (!tls->wire)
		return false;
	BIO_set_data(tls->wire, tls);
	BIO_set_init(tls->wire, 1);
	tls->http = OSSL_HTTP_open(tls->url->text, NULL, NULL, NULL, 0, tls->wire, tls->wire, NULL, NULL,
				   LINE_MAX_BYTES, 0);
	return tls->http != NULL;
}

/* ---- a request ---- */

/* Of the reply's first line; 0: it has none. */
static unsigned status_code(const struct hf_tls *tls)
{
	unsigned code;

	return sscanf(tls->status, "HTTP/1.%*1[01] %3u", &code) == 1 ? code : 0;
}

static bool http_failed(struct hf_tls *tls, struct hf_link_why *why)
{
	const unsigned status = status_code(tls);
	const unsigned long code = ERR_peek_last_error();
	const char *at = tls->url->text;

	if (status && status != 200)
		return hf_link_because(why, status >= 500 || status == 429 ? HF_ERR_CONTROLLER_BUSY :
				       HF_ERR_CONTROLLER_REPLY, status >= 500 || status == 429,
				       "%s answers with HTTP status %u", at, status);
	if (tls->state == BROKEN)
		return hf_link_because(why, HF_ERR_CONTROLLER_TLS, false, "%s: %s", at, tls->io_words);
	if (tls->state == TIMED_OUT)
		return hf_link_because(why, HF_ERR_CONTROLLER_UNREACHABLE, true, "%s %s", at,
				       !tls->reply_end ? "takes no more bytes" :
				       tls->status_len ? "does not end its answer" : "does not answer");
	if (tls->state == ENDED)
		return hf_link_because(why, HF_ERR_CONTROLLER_UNREACHABLE, true, "%s ends the connection %s", at,
				       tls->status_len ? "in its answer" : "without an answer");
	return hf_link_because(why, HF_ERR_CONTROLLER_REPLY, false, "%s: %s", at,
			       ERR_GET_LIB(code) == ERR_LIB_HTTP ? ERR_reason_error_string(code) : "no HTTP answer");
}

static bool read_reply(struct hf_tls *tls, uint8_t *reply, size_t *ret_len, struct hf_link_why *why)
{
	const size_t len = OSSL_HTTP_REQ_CTX_get_resp_len(tls->http);

	if (status_code(tls) != 200)
		return http_failed(tls, why);
	if (len == 0)	/* chunked, or until the connection ends: nothing says whether it is whole */
		return hf_link_because(why, HF_ERR_CONTROLLER_REPLY, false, "%s: an answer without Content-Length",
				       tls->url->text);
	if (len > HF_WIRE_REPLY_MAX)
		return hf_link_because(why, HF_ERR_CONTROLLER_REPLY, false, "%s: an answer of %zu bytes",
				       tls->url->text, len);
	for (size_t have = 0; have < len;) {
		int n = wire_read(tls->wire, (char *)reply + have, (int)(len - have));

		if (n <= 0)
			return http_failed(tls, why);
		have += (size_t)n;
	}
	*ret_len = len;
	return true;
}

static bool exchange(struct hf_tls *tls, const struct hf_link_request *request)
{
	struct body b = { .request = request };
	BIO *body = BIO_new(tls->body_method);
	bool good;

	if (!body)
		return false;
	BIO_set_data(body, &b);
	BIO_set_init(body, 1);
	good = OSSL_HTTP_set1_request(tls->http, request->path, NULL, request->type, body, HF_WIRE_TYPE, 0,
				      HF_WIRE_REPLY_MAX, 0, 1) == 1 &&
	       OSSL_HTTP_REQ_CTX_nbio(tls->http) == 1;
	BIO_set_init(body, 0);	/* the HTTP context keeps it until its next request, b ends here */
	BIO_free(body);
	return good;
}

bool hf_tls_post(struct hf_tls *tls, const struct hf_link_request *request, uint64_t end_ms,
		 uint8_t *reply, size_t *ret_len, bool *ret_silent, struct hf_link_why *why)
{
	bool good;

	tls->end = end_ms;
	tls->reply_end = 0;
	tls->state = FLOWS;
	tls->io_words[0] = '\0';
	memset(tls->status, 0, sizeof(tls->status));
	tls->status_len = 0;
	ERR_clear_error();
	good = exchange(tls, request) ? read_reply(tls, reply, ret_len, why) : http_failed(tls, why);
	*ret_silent = !tls->status_len && tls->state == ENDED;
	if (!good || !OSSL_HTTP_is_alive(tls->http))
		hf_tls_close(tls);
	return good;
}
