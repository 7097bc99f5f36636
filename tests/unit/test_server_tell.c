/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others are told: lines that steer no terminal, drift as an event, and a webhook whose
 * receiver takes nothing: it keeps nobody, and what it never heard of is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <jansson.h>
#include <sys/socket.h>

#include "controller/server/drift.h"
#include "controller/server/metrics.h"
#include "controller/server/webhook.h"

struct told {
	struct hf_controller controller;
	int listening, receiver;	/* the receiver's connection */
	char url[64], body[65536];
	FILE *log;			/* what was written to stderr */
	int stderr_before;
};

/* ---- the log ---- */

static void catch_log(struct told *t)
{
	assert_non_null(t->log = tmpfile());
	fflush(stderr);
	t->stderr_before = dup(STDERR_FILENO);
	assert_true(dup2(fileno(t->log), STDERR_FILENO) >= 0);
}

static void let_log(struct told *t)
{
	fflush(stderr);
	assert_true(dup2(t->stderr_before, STDERR_FILENO) >= 0);
	close(t->stderr_before);
}

/* Lines of that event; every line is JSON and ASCII. The last of them. */
static unsigned lines_of(struct told *t, const char *event, json_t **ret_last)
{
	char line[65536];
	unsigned count = 0;

	*ret_last = NULL;
	rewind(t->log);
	while (fgets(line, sizeof(line), t->log)) {
		json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(object);
		for (const char *c = line; c[1]; c++)
			assert_in_range((unsigned char)*c, 0x20, 0x7e);
		if (strcmp(json_string_value(json_object_get(object, "event")), event) != 0) {
			json_decref(object);
			continue;
		}
		count++;
		json_decref(*ret_last);
		*ret_last = object;
	}
	return count;
}

/* ---- the receiver ---- */

static void listen_for(struct told *t)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);

	t->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(t->listening >= 0);
	assert_int_equal(bind(t->listening, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(t->listening, 8), 0);
	assert_int_equal(getsockname(t->listening, (struct sockaddr *)&at, &len), 0);
	snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%u/", ntohs(at.sin_port));
	t->controller.config = (struct hf_config){ .webhook = t->url, .name = "one" };
	t->receiver = -1;
}

/* The body of the next event; it is not answered. */
static const char *next_event(struct told *t)
{
	char *head_end = NULL, *length;
	size_t n = 0, wanted = 0;

	if (t->receiver < 0)
		assert_true((t->receiver = accept(t->listening, NULL, NULL)) >= 0);
	for (;;) {
		ssize_t got = recv(t->receiver, t->body + n, sizeof(t->body) - 1 - n, 0);

		assert_true(got > 0);
		n += (size_t)got;
		t->body[n] = '\0';
		head_end = head_end ? head_end : strstr(t->body, "\r\n\r\n");
		if (!head_end)
			continue;
		assert_non_null(length = strcasestr(t->body, "content-length:"));
		wanted = (size_t)(head_end - t->body) + 4 + strtoul(length + 15, NULL, 10);
		if (n >= wanted)
			return head_end + 4;
	}
}

static void answer(struct told *t)
{
	static const char reply[] = "HTTP/1.1 204 Taken\r\n\r\n";

	assert_int_equal(send(t->receiver, reply, sizeof(reply) - 1, MSG_NOSIGNAL), sizeof(reply) - 1);
}

static void post(struct told *t, unsigned first, unsigned count)
{
	char text[16];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(text, sizeof(text), "%u", i);
		hf_webhook_post(&t->controller, text);
	}
}

/* ---- tests ---- */

#define MORE 100u

/* The receiver has the first event and never says a word: every post comes back all the same. */
static void a_receiver_that_says_nothing_keeps_nobody(void **state)
{
	struct told t = { .listening = -1 };
	struct hf_webhook_counts c;
	struct hf_fault fault;
	json_t *last;

	(void)state;
	listen_for(&t);
	catch_log(&t);
	assert_int_equal(hf_webhook_start(&t.controller, &fault), HF_OK);
	post(&t, 0, 1);
	assert_string_equal(next_event(&t), "0");
	post(&t, 1, HF_WEBHOOK_EVENTS - 1);
	hf_webhook_count(&t.controller, &c);
	assert_int_equal(c.waiting, HF_WEBHOOK_EVENTS);
	assert_int_equal(c.dropped, 0);
	post(&t, HF_WEBHOOK_EVENTS, MORE);
	hf_webhook_count(&t.controller, &c);
	assert_int_equal(c.waiting, HF_WEBHOOK_EVENTS);
	assert_int_equal(c.dropped, MORE);
	assert_int_equal(c.taken, 0);
	/* the oldest went, that which was being sent among them; nothing else is missing */
	for (unsigned i = 0; i < 3; i++) {
		char wanted[16];

		answer(&t);
		snprintf(wanted, sizeof(wanted), "%u", MORE + i);
		assert_string_equal(next_event(&t), wanted);
	}
	hf_webhook_count(&t.controller, &c);
	assert_int_equal(c.taken, 3);
	assert_int_equal(c.waiting, HF_WEBHOOK_EVENTS - 2);	/* the first was out already */
	close(t.receiver);
	close(t.listening);
	hf_webhook_stop(&t.controller);
	let_log(&t);
	assert_int_equal(lines_of(&t, "webhook-overflows", &last), 1);
	json_decref(last);
	assert_int_equal(lines_of(&t, "webhook-unsent", &last), 1);
	assert_string_equal(json_string_value(json_object_get(last, "count")), "4094");
	json_decref(last);
	fclose(t.log);
}

static void an_overflow_is_counted_in_the_metrics(void **state)
{
	static struct hf_policy_set policy;
	static struct hf_manifests manifests;
	struct told t = { .listening = -1 };
	char folder[] = "/tmp/hf-tell-XXXXXX", store[64];
	struct hf_arena arena;
	struct hf_fault fault;
	struct hf_span text;

	(void)state;
	policy.users = 1;
	policy.manifests = &manifests;
	listen_for(&t);
	catch_log(&t);
	assert_int_equal(hf_arena_make(8u << 20, &arena), HF_OK);
	pthread_mutex_init(&t.controller.lock, NULL);
	t.controller.policy = &policy;
	assert_non_null(mkdtemp(folder));
	snprintf(store, sizeof(store), "%s/store.sqlite", folder);
	assert_int_equal(hf_store_open(store, 1, &t.controller.store, &fault), HF_OK);
	assert_int_equal(hf_metrics_make(&t.controller, &fault), HF_OK);
	assert_int_equal(hf_webhook_start(&t.controller, &fault), HF_OK);
	post(&t, 0, 1);
	assert_string_equal(next_event(&t), "0");
	post(&t, 1, HF_WEBHOOK_EVENTS - 1 + MORE);
	assert_int_equal(hf_metrics_text(&t.controller, &arena, &text, &fault), HF_OK);
	assert_non_null(memmem(text.ptr, text.len, "\nholdfast_webhook_events_total{outcome=\"dropped\"} 100\n", 54));
	close(t.receiver);
	close(t.listening);
	hf_webhook_stop(&t.controller);
	let_log(&t);
	fclose(t.log);
	hf_metrics_free(&t.controller);
	hf_store_close(t.controller.store);
	unlink(store);
	assert_int_equal(rmdir(folder), 0);
	hf_arena_drop(&arena);
}

/* An event of its own, with the words for people; the log has the same. */
static void drift_is_an_event(void **state)
{
	struct told t = { .listening = -1 };
	struct hf_drift drift = { .line_count = 2, .total = 70, .lines = {
		"PCIe slot 33 changed since the boot of 2026-11-02, lease L7: fw/version: 22.31 -> 22.35",
		"slot \xff\x1b[2J" } };
	const struct hf_verdict_record v = { .id = 9, .host = "host-1", .lease = "L8", .release = HF_RELEASE_TENANT };
	struct hf_fault fault;
	json_t *event, *last;

	(void)state;
	listen_for(&t);
	catch_log(&t);
	assert_int_equal(hf_webhook_start(&t.controller, &fault), HF_OK);
	hf_tell_drift(&t.controller, &v, &(struct hf_drift){ .total = 0 });	/* nothing to tell */
	hf_tell_drift(&t.controller, &v, &drift);
	assert_non_null(event = json_loads(next_event(&t), 0, NULL));
	answer(&t);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "drift");
	assert_string_equal(json_string_value(json_object_get(event, "host")), "host-1");
	assert_string_equal(json_string_value(json_object_get(event, "lease")), "L8");
	assert_string_equal(json_string_value(json_object_get(event, "release")), "tenant");
	assert_string_equal(json_string_value(json_object_get(event, "controller")), "one");
	assert_int_equal(json_integer_value(json_object_get(event, "id")), 9);
	assert_int_equal(json_integer_value(json_object_get(event, "changes")), 70);
	assert_string_equal(json_string_value(json_array_get(json_object_get(event, "lines"), 0)), drift.lines[0]);
	assert_string_equal(json_string_value(json_array_get(json_object_get(event, "lines"), 1)), "slot ??[2J");
	json_decref(event);
	hf_webhook_stop(&t.controller);
	let_log(&t);
	assert_int_equal(lines_of(&t, "drift", &last), 1);
	assert_string_equal(json_string_value(json_object_get(last, "level")), "warning");
	json_decref(last);
	close(t.receiver);
	close(t.listening);
	fclose(t.log);
}

/* Text of clients and hosts: as JSON it is all there, as bytes nothing of it reaches a terminal. */
static void no_text_steers_a_terminal(void **state)
{
	static const char text[] = "a\xc2\x9b" "31m \xe2\x80\xae" "b \xc3\xa4 \x1b[2J";
	struct told t = { .listening = -1 };
	json_t *last;

	(void)state;
	catch_log(&t);
	hf_log_event("info", "x", "why", text, NULL);
	hf_tell_state(&t.controller, "host-1", HF_LEASE_HELD, "token:boss", text);
	let_log(&t);
	assert_int_equal(lines_of(&t, "x", &last), 1);
	assert_string_equal(json_string_value(json_object_get(last, "why")), text);
	json_decref(last);
	assert_int_equal(lines_of(&t, "state", &last), 1);
	assert_string_equal(json_string_value(json_object_get(last, "why")), text);
	json_decref(last);
	fclose(t.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receiver_that_says_nothing_keeps_nobody),
		cmocka_unit_test(an_overflow_is_counted_in_the_metrics),
		cmocka_unit_test(drift_is_an_event),
		cmocka_unit_test(no_text_steers_a_terminal),
	};

	return cmocka_run_group_tests_name("tell", tests, NULL, NULL);
}
