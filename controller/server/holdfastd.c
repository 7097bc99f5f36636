/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastd: the controller. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "controller/server/config.h"
#include "controller/server/http.h"
#include "controller/server/metrics.h"
#include "controller/server/ring.h"
#include "controller/server/seal.h"
#include "controller/server/webhook.h"
#include "measure/file.h"

#define ARENA ((size_t)1 << 20)
#define KEY_MAX ((size_t)64 << 10)
#define STORE_CONNECTIONS_MAX 64

static int complain(const struct hf_fault *fault)
{
	char text[512];

	hf_fault_format(fault, text, sizeof(text));
	fprintf(stderr, "holdfastd: %s\n", text);
	return hf_err_exit(fault->err);
}

/* Tells a service manager, if there is one: sd_notify(3), which is one datagram. */
static void notify(const char *what)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, what, strlen(what), MSG_NOSIGNAL, (const struct sockaddr *)(const void *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* ---- start ---- */

static enum hf_err read_ticket_key(struct hf_controller *c, struct hf_arena *arena, struct hf_fault *fault)
{
	const char *name = c->config.ticket_key;
	char detail[192] = "";
	struct hf_span pem;
	enum hf_err err;

	if (strncmp(name, "pkcs11:", 7) == 0) {
		err = hf_key_read_token(name, &c->ticket_key, detail, sizeof(detail));
	} else {
		err = hf_file_read(AT_FDCWD, name, KEY_MAX, arena, &pem, fault);
		if (err)
			return err;
		err = hf_key_read_pem(pem, true, &c->ticket_key);
		hf_seal_wipe((void *)(uintptr_t)pem.ptr, pem.len);
	}
	return err ? hf_fail(fault, err, "--ticket-key", "%s", detail) : HF_OK;
}

static enum hf_err read_seal_key(struct hf_controller *c, struct hf_arena *arena, struct hf_fault *fault)
{
	if (!c->config.secret_key)
		return HF_OK;
	c->seal_key = hf_arena_take(arena, sizeof(*c->seal_key));
	if (!c->seal_key)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "--secret-key", "%s", "");
	return hf_seal_key_read(c->config.secret_key, c->seal_key, fault);
}

static size_t connections_of(const struct hf_config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t count = config->connections ? config->connections :
		       config->threads ? config->threads : processors > 0 ? 2 * (size_t)processors : 4;

	return count > STORE_CONNECTIONS_MAX ? STORE_CONNECTIONS_MAX : count;
}

static enum hf_err open_all(struct hf_controller *c, struct hf_arena *arena, struct hf_fault *fault)
{
	enum hf_err err = read_ticket_key(c, arena, fault);

	if (!err)
		err = read_seal_key(c, arena, fault);
	if (!err)
		err = hf_http_check(&c->config, fault);
	if (!err)
		err = hf_webhook_check(&c->config, fault);
	if (!err)
		err = hf_policy_load(c, fault);
	if (!err)
		err = hf_store_open(c->config.store, connections_of(&c->config), &c->store, fault);
	if (!err)
		err = hf_metrics_make(c, fault);
	return err;
}

static void close_all(struct hf_controller *c)
{
	hf_metrics_free(c);
	if (c->store)
		hf_store_close(c->store);
	hf_policy_drop(c->policy);
	c->policy = NULL;
	hf_key_free(c->ticket_key);
	hf_rings_free(c);
	if (c->seal_key)
		hf_seal_wipe(c->seal_key, sizeof(*c->seal_key));
}

/* ---- serving ---- */

static void note(struct hf_controller *c, const char *action, const char *detail)
{
	const struct hf_by by = { "holdfastd", (int64_t)time(NULL) };
	struct hf_fault fault;

	if (hf_store_note(c->store, action, NULL, detail, &by, &fault) != HF_OK)
		hf_log_event("error", "audit-failed", "action", action, NULL);
}

static void reload(struct hf_controller *c)
{
	struct hf_fault fault = { 0 };
	char text[512];

	notify("RELOADING=1\n");
	if (hf_policy_load(c, &fault) == HF_OK) {
		hf_log_event("info", "reloaded", NULL);
		note(c, "reloaded", "{}");
	} else {
		hf_fault_format(&fault, text, sizeof(text));
		hf_log_event("error", "reload-failed", "cause", hf_err_name(fault.err), "detail", text, NULL);
		note(c, "reload-failed", "{}");
	}
	notify("READY=1\n");
}

static void wait_for_the_end(struct hf_controller *c, struct hf_http *http, const sigset_t *signals)
{
	const struct timespec second = { .tv_sec = 1 };

	for (;;) {
		int number = sigtimedwait(signals, NULL, &second);

		hf_http_tick(http);
		if (number == SIGHUP)
			reload(c);
		else if (number > 0)
			return;
	}
}

static enum hf_err serve(struct hf_controller *c, const sigset_t *signals, struct hf_fault *fault)
{
	struct hf_http *http = NULL;
	uint16_t port = 0;
	char number[8];
	enum hf_err err = hf_webhook_start(c, fault);

	if (!err)
		err = hf_http_start(c, &http, &port, fault);
	if (err) {
		hf_webhook_stop(c);
		return err;
	}
	note(c, "started", "{\"version\":\"" HF_VERSION "\"}");
	snprintf(number, sizeof(number), "%u", port);
	hf_log_event("info", "listening", "at", c->config.listen, "port", number, "version", HF_VERSION, NULL);
	notify("READY=1\n");
	wait_for_the_end(c, http, signals);
	notify("STOPPING=1\n");
	hf_log_event("info", "stopping", NULL);
	atomic_store(&c->stopping, true);
	hf_http_stop(http);
	hf_webhook_stop(c);
	note(c, "stopped", "{}");
	return HF_OK;
}

/* ---- other tasks ---- */

static enum hf_err verify_audit(const struct hf_config *config, struct hf_fault *fault)
{
	struct hf_audit_count count = { 0 };
	struct hf_store *store;
	enum hf_err err = hf_store_open(config->store, 1, &store, fault);

	if (err)
		return err;
	err = hf_store_audit_verify(store, NULL, &count, fault);
	hf_store_close(store);
	if (!err)
		printf("audit intact: %llu entries in %llu chains, %llu verdicts\n",
		       (unsigned long long)count.entries, (unsigned long long)count.chains,
		       (unsigned long long)count.verdicts);
	return err;
}

static enum hf_err prune(const struct hf_command *command, struct hf_fault *fault)
{
	const struct hf_by by = { "holdfastd --prune", (int64_t)time(NULL) };
	struct hf_store *store;
	size_t count = 0;
	enum hf_err err = hf_store_open(command->config.store, 1, &store, fault);

	if (err)
		return err;
	err = hf_store_prune(store, command->prune_before, &by, &count, fault);
	hf_store_close(store);
	if (!err)
		printf("%zu verdicts deleted\n", count);
	return err;
}

static enum hf_err run(struct hf_command *command, struct hf_arena *arena, const sigset_t *signals,
		       struct hf_fault *fault)
{
	struct hf_controller c = { .config = command->config };
	enum hf_err err;

	pthread_mutex_init(&c.lock, NULL);
	err = open_all(&c, arena, fault);
	if (!err && command->task == HF_TASK_SERVE)
		err = serve(&c, signals, fault);
	if (!err && command->task == HF_TASK_CHECK)
		printf("the configuration is good\n");
	close_all(&c);
	return err;
}

int main(int argc, char **argv)
{
	struct hf_command command;
	struct hf_fault fault = { 0 };
	struct hf_arena arena;
	sigset_t signals;
	enum hf_err err = hf_arena_make(ARENA, &arena);

	/* every thread inherits this: signals wait for main */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (err)
		return HF_EXIT_INTERNAL;
	err = hf_config_read(argc, argv, &arena, &command, &fault);
	if (!err && command.task == HF_TASK_HELP)
		fputs(hf_config_usage, stdout);
	else if (!err && command.task == HF_TASK_VERSION)
		puts("holdfastd " HF_VERSION);
	else if (!err && command.task == HF_TASK_VERIFY_AUDIT)
		err = verify_audit(&command.config, &fault);
	else if (!err && command.task == HF_TASK_PRUNE)
		err = prune(&command, &fault);
	else if (!err)
		err = run(&command, &arena, &signals, &fault);
	hf_arena_drop(&arena);
	return err ? complain(&fault) : HF_EXIT_OK;
}
