/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/http_client.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "measure/file.h"

#define CONNECT_SECONDS 10L

struct sink {
	uint8_t *bytes;		/* grows; HF_HTTP_REPLY_MAX at most */
	size_t len, cap;
	bool full;
};
struct exchange {
	CURL *curl;
	struct curl_slist *headers;
	struct sink sink;
	struct hf_span out;	/* what is still to be sent of the body */
	char error[CURL_ERROR_SIZE];
	char token[HF_HTTP_TOKEN_MAX + 32];
};

static size_t take(char *bytes, size_t size, size_t count, void *self)
{
	struct sink *s = self;
	size_t n = size * count;

	if (n > HF_HTTP_REPLY_MAX - s->len) {
		s->full = true;
		return 0;
	}
	if (n > s->cap - s->len) {
		size_t cap = s->cap ? s->cap : 65536;

		while (cap - s->len < n)
			cap *= 2;
		uint8_t *more = realloc(s->bytes, cap);

		if (!more)
			return 0;
		s->bytes = more;
		s->cap = cap;
	}
	memcpy(s->bytes + s->len, bytes, n);
	s->len += n;
	return n;
}

static size_t give(char *buf, size_t size, size_t count, void *self)
{
	struct exchange *x = self;
	size_t n = size * count < x->out.len ? size * count : x->out.len;

	if (n)
		memcpy(buf, x->out.ptr, n);
	x->out.ptr += n;
	x->out.len -= n;
	return n;
}

/* Whatever is no plain word could end the header and start another. */
static bool is_token(const char *text, size_t len)
{
	if (!len || len > HF_HTTP_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

static enum hf_err read_token(const char *path, struct hf_arena *arena, struct exchange *x, struct hf_fault *fault)
{
	struct hf_span bytes;
	enum hf_err err = hf_file_read(AT_FDCWD, path, HF_HTTP_TOKEN_MAX + 2, arena, &bytes, fault);

	if (err)
		return err;
	while (bytes.len && (bytes.ptr[bytes.len - 1] == '\n' || bytes.ptr[bytes.len - 1] == '\r'))
		bytes.len--;
	if (is_token((const char *)bytes.ptr, bytes.len))
		snprintf(x->token, sizeof(x->token), "Authorization: Bearer %.*s", (int)bytes.len, bytes.ptr);
	else
		err = hf_fail(fault, HF_ERR_FILE_UNREADABLE, path, "one line with one token is wanted");
	explicit_bzero((void *)(uintptr_t)bytes.ptr, bytes.len);	/* ours: the arena's */
	return err;
}

static bool add(struct exchange *x, const char *header)
{
	struct curl_slist *more = curl_slist_append(x->headers, header);

	if (more)
		x->headers = more;
	return more != NULL;
}

static bool add_pair(struct exchange *x, const char *name, const char *value)
{
	char line[256];

	if (!value)
		return true;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	return add(x, line);
}

/* Expect: would wait a second for controllers that do not answer it. */
static bool set_headers(struct exchange *x, const struct hf_http_request *r)
{
	return add_pair(x, "Content-Type", r->content_type ? r->content_type : "application/json") &&
	       add_pair(x, "Accept", r->accept ? r->accept : "application/json") && add(x, "Expect:") &&
	       (!x->token[0] || add(x, x->token)) &&
	       curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(c, option, value) == CURLE_OK)

/* CAPATH: Debian's libcurl would ask the system's CAs beside the one that is pinned. */
static bool set_security(CURL *c, const struct hf_http_server *s)
{
	return SET(CURLOPT_PROTOCOLS_STR, "https") && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) &&
	       SET(CURLOPT_CAINFO, s->ca) && SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
	       SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_PROXY, "") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_PATH_AS_IS, 1L) &&
	       (!s->certificate || SET(CURLOPT_SSLCERT, s->certificate)) &&
	       (!s->key || SET(CURLOPT_SSLKEY, s->key));
}

static bool set_request(struct exchange *x, const char *url, const struct hf_http_server *s,
			const struct hf_http_request *r)
{
	CURL *c = x->curl;
	bool done = SET(CURLOPT_URL, url) && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_ERRORBUFFER, x->error) &&
		    SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) &&
		    SET(CURLOPT_TIMEOUT, (long)(s->seconds ? s->seconds : HF_HTTP_SECONDS)) &&
		    SET(CURLOPT_USERAGENT, "holdfastctl/" HF_VERSION) &&
		    SET(CURLOPT_WRITEFUNCTION, take) && SET(CURLOPT_WRITEDATA, &x->sink);

	x->out = r->body;
	if (strcmp(r->method, "GET") == 0)
		return done;
	if (strcmp(r->method, "DELETE") == 0)
		return done && SET(CURLOPT_CUSTOMREQUEST, "DELETE");
	return done && SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_CUSTOMREQUEST, r->method) &&
	       SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.len) && SET(CURLOPT_READFUNCTION, give) &&
	       SET(CURLOPT_READDATA, x);
}

static enum hf_err cause_of(CURLcode code)
{
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return HF_ERR_CONTROLLER_TLS;
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return HF_ERR_FILE_UNREADABLE;
	case CURLE_WRITE_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return HF_ERR_CONTROLLER_REPLY;
	default:	/* libcurl's list is open: name, connection, time */
		return HF_ERR_CONTROLLER_UNREACHABLE;
	}
}

static enum hf_err take_reply(struct exchange *x, struct hf_arena *arena, struct hf_http_reply *ret)
{
	const char *type = NULL;
	char *text, *body;
	size_t len = 0;
	long status = 0;

	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(x->curl, CURLINFO_CONTENT_TYPE, &type);
	if (type)
		len = strcspn(type, "; ");
	text = hf_arena_take(arena, len + 1);
	body = hf_arena_take(arena, x->sink.len + 1);
	if (!text || !body)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)tolower((unsigned char)type[i]);
	if (x->sink.len)
		memcpy(body, x->sink.bytes, x->sink.len);
	*ret = (struct hf_http_reply){ (unsigned)status, text, { (const uint8_t *)body, x->sink.len } };
	return HF_OK;
}

static enum hf_err perform(struct exchange *x, const struct hf_http_server *s, struct hf_arena *arena,
			   struct hf_http_reply *ret, struct hf_fault *fault)
{
	CURLcode code = curl_easy_perform(x->curl);
	enum hf_err err;

	if (x->sink.full)
		return hf_fail(fault, HF_ERR_CONTROLLER_REPLY, s->url, "it is longer than %u bytes", HF_HTTP_REPLY_MAX);
	if (code != CURLE_OK)
		return hf_fail(fault, cause_of(code), s->url, "%s", x->error[0] ? x->error : curl_easy_strerror(code));
	err = take_reply(x, arena, ret);
	return err ? hf_fail(fault, err, s->url, "reply") : HF_OK;
}

static enum hf_err readable(const char *path, struct hf_fault *fault)
{
	return !path || access(path, R_OK) == 0 ? HF_OK : hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
}

static enum hf_err prepare(struct exchange *x, const struct hf_http_server *s, const struct hf_http_request *r,
			   struct hf_arena *arena, struct hf_fault *fault)
{
	size_t len = strlen(s->url), room;
	char *url;
	enum hf_err err = readable(s->ca, fault);

	if (!err)
		err = readable(s->certificate, fault);
	if (!err)
		err = readable(s->key, fault);
	if (!err && s->token_file)
		err = read_token(s->token_file, arena, x, fault);
	if (err)
		return err;
	while (len && s->url[len - 1] == '/')
		len--;
	room = len + strlen(r->path) + 1;
	url = hf_arena_take(arena, room);
	x->curl = curl_easy_init();
	if (!url || !x->curl)
		return hf_fail(fault, HF_ERR_NO_MEMORY, s->url, "request");
	snprintf(url, room, "%.*s%s", (int)len, s->url, r->path);
	if (!set_security(x->curl, s) || !set_request(x, url, s, r) || !set_headers(x, r))
		return hf_fail(fault, HF_ERR_INTERNAL, s->url, "libcurl refuses an option");
	return HF_OK;
}

enum hf_err hf_http_ask(const struct hf_http_server *server, const struct hf_http_request *request,
			struct hf_arena *arena, struct hf_http_reply *ret, struct hf_fault *fault)
{
	struct exchange x = { .curl = NULL };
	enum hf_err err = prepare(&x, server, request, arena, fault);

	if (!err)
		err = perform(&x, server, arena, ret, fault);
	curl_slist_free_all(x.headers);
	if (x.curl)
		curl_easy_cleanup(x.curl);
	if (x.sink.bytes)
		explicit_bzero(x.sink.bytes, x.sink.len);
	free(x.sink.bytes);
	explicit_bzero(x.token, sizeof(x.token));
	return err;
}
