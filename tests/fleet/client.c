/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS as an agent speaks it: TLS 1.3, the controller's CA pinned, a certificate over the boot key
 * that it signs itself; Content-Length only. */
#include "tests/fleet/fleet.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REPLY_ROOM (HF_WIRE_REPLY_MAX + 16384u)
#define PATIENCE_SECONDS 20

void identity_make(struct boot_identity *b)
{
	uint8_t *out = b->spki;
	X509_NAME *name;
	int len;

	b->key = EVP_EC_gen("P-256");
	assert_non_null(b->key);
	len = i2d_PUBKEY(b->key, NULL);
	assert_in_range(len, 1, sizeof(b->spki));
	i2d_PUBKEY(b->key, &out);
	b->spki_span = (struct hf_span){ b->spki, (size_t)len };
	assert_int_equal(hf_digest(HF_ALG_SHA256, b->spki_span, &b->id), HF_OK);
	b->cert = X509_new();
	X509_set_version(b->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(b->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(b->cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(b->cert), 86400);
	name = X509_get_subject_name(b->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"holdfast", -1, -1, 0);
	X509_set_issuer_name(b->cert, name);
	X509_set_pubkey(b->cert, b->key);
	assert_true(X509_sign(b->cert, b->key, EVP_sha256()) > 0);
}

void identity_drop(struct boot_identity *b)
{
	X509_free(b->cert);
	EVP_PKEY_free(b->key);
}

void client_make(struct client *c, const char *ca)
{
	*c = (struct client){ .ctx = SSL_CTX_new(TLS_client_method()), .fd = -1 };
	assert_non_null(c->ctx);
	SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	assert_int_equal(SSL_CTX_load_verify_file(c->ctx, ca), 1);
	c->in = malloc(REPLY_ROOM);
	assert_non_null(c->in);
}

void client_close(struct client *c)
{
	if (c->ssl) {
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
	}
	if (c->fd >= 0)
		close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
}

void client_drop(struct client *c)
{
	client_close(c);
	SSL_CTX_free(c->ctx);
	free(c->in);
}

static int dial(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct addrinfo *list;
	int fd, one = 1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

/* "https://HOST:PORT" */
static void split(const char *url, char host[static 64], char port[static 8])
{
	const char *colon = strrchr(url, ':');

	assert_int_equal(strncmp(url, "https://", 8), 0);
	assert_true(colon && colon > url + 8 && colon - url - 8 < 64 && strlen(colon) < 8);
	snprintf(host, 64, "%.*s", (int)(colon - url - 8), url + 8);
	snprintf(port, 8, "%s", colon + 1);
}

bool client_connect(struct client *c, const char *url, const struct boot_identity *identity)
{
	char host[64], port[8];

	client_close(c);
	split(url, host, port);
	c->fd = dial(host, port);
	if (c->fd < 0)
		return false;
	c->ssl = SSL_new(c->ctx);
	assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), host), 1);
	if (identity) {
		SSL_use_certificate(c->ssl, identity->cert);
		SSL_use_PrivateKey(c->ssl, identity->key);
	}
	SSL_set_fd(c->ssl, c->fd);
	if (SSL_connect(c->ssl) != 1) {
		client_close(c);
		return false;
	}
	c->handshakes++;
	return true;
}

static bool put(struct client *c, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len) {
		size_t n = 0;

		if (SSL_write_ex(c->ssl, p, len, &n) != 1)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* All of one reply; its body lies after the head in c->in. 0: it broke off. */
static unsigned take(struct client *c, struct hf_span *ret)
{
	size_t have = 0, head = 0, body = 0;
	unsigned status = 0;

	for (;;) {
		size_t n = 0;
		char *end, *length;

		if (head && have >= head + body)
			break;
		if (have == REPLY_ROOM - 1 || SSL_read_ex(c->ssl, c->in + have, REPLY_ROOM - 1 - have, &n) != 1)
			return 0;
		have += n;
		c->in[have] = '\0';
		end = head ? NULL : strstr((char *)c->in, "\r\n\r\n");
		if (!end)
			continue;
		head = (size_t)(end - (char *)c->in) + 4;
		length = strcasestr((char *)c->in, "\r\nContent-Length:");
		if (sscanf((char *)c->in, "HTTP/1.%*d %u", &status) != 1 || (!length && status != 204) || length > end)
			return 0;
		body = length ? strtoul(length + 17, NULL, 10) : 0;
	}
	*ret = (struct hf_span){ c->in + head, body };
	return status;
}

unsigned client_ask(struct client *c, const char *method, const char *path, const char *type,
		    const char *authorization, struct hf_span body, struct hf_span *ret)
{
	char head[1024];
	int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: controller\r\nContent-Type: %s\r\n%s%s%s"
			 "Content-Length: %zu\r\n\r\n", method, path, type,
			 authorization ? "Authorization: Bearer " : "", authorization ? authorization : "",
			 authorization ? "\r\n" : "", body.len);
	unsigned status = 0;

	assert_in_range(n, 1, sizeof(head) - 1);
	if (c->ssl && put(c, head, (size_t)n) && put(c, body.ptr, body.len))
		status = take(c, ret);
	if (!status)
		client_close(c);
	return status;
}
