/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's start and end. */
#include "controller/server/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "measure/file.h"
#include "pcie/worker.h"

#define PEM_MAX ((size_t)256 << 10)
#define BACKLOG 512

/* "[ADDRESS]:PORT" or "ADDRESS:PORT", numbers only. */
static bool split(const char *listen, char host[64], char port[8])
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon ? (size_t)(colon - listen) : 0;

	if (!colon || len == 0 || len >= 64 || strlen(colon + 1) == 0 || strlen(colon + 1) >= 8)
		return false;
	if (listen[0] == '[' && listen[len - 1] == ']') {
		listen++;
		len -= 2;
	}
	memcpy(host, listen, len);
	host[len] = '\0';
	strcpy(port, colon + 1);
	return true;
}

static enum hf_err listen_on(const char *listen_text, int *ret, uint16_t *ret_port, struct hf_fault *fault)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	struct addrinfo *found = NULL;
	char host[64], port[8];
	int fd = -1, on = 1, off = 0;

	if (!split(listen_text, host, port) || getaddrinfo(host, port, &hints, &found) != 0)
		return hf_fail(fault, HF_ERR_CONFIG_SYNTAX, "listen", "\"%s\" is not [ADDRESS]:PORT", listen_text);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (found->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
	    bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&bound, &len) == 0) {
		*ret_port = ntohs(bound.ss_family == AF_INET6 ?
				  ((struct sockaddr_in6 *)(void *)&bound)->sin6_port :
				  ((struct sockaddr_in *)(void *)&bound)->sin_port);
		*ret = fd;
		freeaddrinfo(found);
		return HF_OK;
	}
	hf_fail_errno(fault, HF_ERR_CONFIG_SYNTAX, errno, listen_text);
	if (fd >= 0)
		close(fd);
	freeaddrinfo(found);
	return HF_ERR_CONFIG_SYNTAX;
}

static enum hf_err read_pem(const char *path, char **ret, struct hf_fault *fault)
{
	struct hf_arena arena;
	struct hf_span text;
	enum hf_err err = hf_arena_make(PEM_MAX + 4096, &arena);

	if (err)
		return hf_fail(fault, err, path, "%s", "");
	err = hf_file_read(AT_FDCWD, path, PEM_MAX, &arena, &text, fault);
	if (!err) {
		*ret = strndup((const char *)text.ptr, text.len);
		err = *ret ? HF_OK : hf_fail(fault, HF_ERR_NO_MEMORY, path, "%s", "");
	}
	hf_arena_drop(&arena);
	return err;
}

static void drop(struct hf_http *http)
{
	if (!http)
		return;
	free(http->certificate);
	if (http->key)
		explicit_bzero(http->key, strlen(http->key));
	free(http->key);
	free(http->trust);
	hf_arenas_drop(&http->arenas);
	hf_linger_end(&http->linger, UINT64_MAX);
	if (http->listening >= 0)
		close(http->listening);
	free(http);
}

enum hf_err hf_http_start(struct hf_controller *controller, struct hf_http **ret, uint16_t *ret_port,
			  struct hf_fault *fault)
{
	const struct hf_config *config = &controller->config;
	struct hf_http *http = calloc(1, sizeof(*http));
	enum hf_err err;

	if (!http)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "http", "%s", "");
	http->controller = controller;
	http->listening = -1;
	/* whoever limits agents elsewhere has them all at one address */
	http->peers.connections_max = config->agent_rate ? config->address_connections : 0;
	pthread_mutex_init(&http->arenas.lock, NULL);
	pthread_mutex_init(&http->peers.lock, NULL);
	pthread_mutex_init(&http->linger.lock, NULL);
	err = hf_rate_make(&http->rate, config->agent_rate) ? HF_OK : hf_fail(fault, HF_ERR_INTERNAL, "getrandom", "%s", "");
	if (!err)
		err = read_pem(config->certificate, &http->certificate, fault);
	if (!err)
		err = read_pem(config->key, &http->key, fault);
	/* Without any there, nobody would be asked for a certificate. */
	if (!err)
		err = read_pem(config->operator_ca ? config->operator_ca : config->certificate, &http->trust, fault);
	if (!err)
		err = listen_on(config->listen, &http->listening, ret_port, fault);
	if (!err)
		err = hf_http_daemon(http, fault);
	if (err) {
		drop(http);
		return err;
	}
	*ret = http;
	return HF_OK;
}

void hf_http_tick(struct hf_http *http)
{
	hf_linger_end(&http->linger, hf_now_ms());
}

void hf_http_stop(struct hf_http *http)
{
	const struct timespec step = { .tv_nsec = 20 * 1000000L };
	int quiet = MHD_quiesce_daemon(http->daemon);

	for (int i = 0; i < HF_HTTP_STOP_SECONDS * 50 && atomic_load(&http->requests) > 0; i++) {
		if (i >= HF_HTTP_STOP_PART_SECONDS * 50 && atomic_load(&http->whole) == 0)
			break;
		nanosleep(&step, NULL);
	}
	/* it was told to stop, and looks at that between any two pages */
	while (atomic_load(&http->slow_threads))
		nanosleep(&step, NULL);
	MHD_stop_daemon(http->daemon);
	if (quiet >= 0)
		http->listening = quiet;
	drop(http);
}
