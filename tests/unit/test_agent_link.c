/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The link against servers that lie in one way each: every lie has its cause, and none hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>

#include "measure/wire.h"
#include "pcie/worker.h"
#include "tests/unit/liar_fixture.h"

#define TEST(name) static void name(void **state)
#define PATIENCE 3000	/* ms, where the server never answers */
#define ENOUGH 20000	/* where it does */
#define EXPIRED_NOW INT64_C(1700000000)

struct fixture {
	struct liar liar;
	struct hf_link_plan plan;
	struct hf_link *link;
	struct hf_boot_key *key;
	uint8_t spki[HF_BOOT_SPKI_MAX];
	struct hf_arena arena;
	struct hf_fault fault;
	struct hf_span reply;
};

static void put_file(const char *dir, const char *name, struct hf_span bytes)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	fclose(file);
}

static void begin(struct fixture *f, const char *mode, bool with_key)
{
	struct hf_writer spki = { .buf = f->spki, .cap = sizeof(f->spki) };

	memset(f, 0, sizeof(*f));
	assert_int_equal(hf_arena_make((size_t)1 << 20, &f->arena), HF_OK);
	assert_int_equal(hf_boot_key_make((struct hf_span){ NULL, 0 }, &f->key, &spki), HF_OK);
	liar_dir(&f->liar);
	if (with_key)
		put_file(f->liar.dir, "client.der", hf_boot_key_certificate(f->key));
	liar_start(&f->liar, mode);
	f->plan = (struct hf_link_plan){ .urls = f->liar.url, .ca = f->liar.pem, .key = f->key };
}

static void start(struct fixture *f)
{
	if (hf_link_start(&f->plan, &f->link, &f->fault) != HF_OK)
		fail_msg("%s: %s", hf_err_name(f->fault.err), f->fault.detail);
}

static void end(struct fixture *f)
{
	hf_link_stop(&f->link);
	assert_null(f->link);
	hf_boot_key_drop(&f->key);
	liar_stop(&f->liar);
	hf_arena_drop(&f->arena);
}

static enum hf_err ask(struct fixture *f, unsigned patience)
{
	f->reply = (struct hf_span){ NULL, 0 };
	return hf_link_ask(f->link, HF_WIRE_CHALLENGE, HF_WIRE_TYPE, hf_span_text("question"), patience,
			   &f->arena, &f->reply, &f->fault);
}

static void assert_reply(const struct fixture *f, const char *begins)
{
	if (f->reply.len < strlen(begins) || memcmp(f->reply.ptr, begins, strlen(begins)) != 0)
		fail_msg("\"%.*s\" does not begin with \"%s\"", (int)(f->reply.len < 100 ? f->reply.len : 100),
			 (const char *)f->reply.ptr, begins);
}

static void assert_good(struct fixture *f, const char *begins)
{
	if (ask(f, ENOUGH) != HF_OK)
		fail_msg("%s: %s", hf_err_name(f->fault.err), f->fault.detail);
	assert_reply(f, begins);
}

/* ---- what is no lie ---- */

TEST(one_connection_carries_many_questions)
{
	struct fixture f;

	(void)state;
	begin(&f, "honest", false);
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	assert_good(&f, "c1 r2 8 ");
	assert_good(&f, "c1 r3 8 ");
	end(&f);
}

TEST(the_boot_key_is_the_client_key)
{
	struct fixture f;

	(void)state;
	begin(&f, "honest", true);	/* takes this certificate, and no other and none */
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	hf_link_stop(&f.link);
	f.plan.key = NULL;
	start(&f);
	assert_int_equal(ask(&f, ENOUGH), HF_ERR_CONTROLLER_TLS);
	assert_non_null(strstr(f.fault.detail, "certificate required"));
	end(&f);
}

TEST(a_certificate_that_the_server_does_not_take)
{
	struct fixture f;

	(void)state;
	begin(&f, "wants-other-client", false);
	start(&f);
	assert_int_equal(ask(&f, ENOUGH), HF_ERR_CONTROLLER_TLS);
	end(&f);
}

TEST(the_address_may_be_ipv6)
{
	struct fixture f;

	(void)state;
	begin(&f, "honest6", false);
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	end(&f);
}

TEST(the_certificate_may_bear_a_name_instead)
{
	struct fixture f;

	(void)state;
	begin(&f, "named", false);
	f.plan.name = "controller.example";
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	hf_link_stop(&f.link);
	f.plan.name = "other.example";
	start(&f);
	assert_int_equal(ask(&f, ENOUGH), HF_ERR_CONTROLLER_TLS);
	assert_non_null(strstr(f.fault.detail, "its certificate is for controller.example"));
	hf_link_stop(&f.link);
	f.plan.name = NULL;
	start(&f);
	assert_int_equal(ask(&f, ENOUGH), HF_ERR_CONTROLLER_TLS);
	end(&f);
}

TEST(a_large_body_arrives_whole)
{
	const size_t len = HF_WIRE_EVIDENCE_MAX;
	struct fixture f;
	struct hf_digest digest;
	char hex[2 * HF_DIGEST_MAX + 1], want[200];
	uint8_t *body = malloc(len);

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)(i * 2654435761u >> 13);
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ body, len }, &digest), HF_OK);
	hf_digest_hex(&digest, hex);
	begin(&f, "honest", false);
	start(&f);
	for (int i = 1; i <= 2; i++) {
		if (hf_link_ask(f.link, HF_WIRE_EVIDENCE, HF_WIRE_EVIDENCE_TYPE, (struct hf_span){ body, len },
				60000, &f.arena, &f.reply, &f.fault) != HF_OK)
			fail_msg("%s: %s", hf_err_name(f.fault.err), f.fault.detail);
		snprintf(want, sizeof(want), "c1 r%d %zu %s", i, len, hex);
		assert_reply(&f, want);
	}
	assert_int_equal(hf_link_ask(f.link, HF_WIRE_EVIDENCE, HF_WIRE_EVIDENCE_TYPE,
				     (struct hf_span){ body, len + 1 }, 1000, &f.arena, &f.reply, &f.fault),
			 HF_ERR_INTERNAL);
	end(&f);
	free(body);
}

TEST(the_largest_reply_arrives_whole)
{
	struct fixture f;

	(void)state;
	begin(&f, "largest", false);
	start(&f);
	assert_int_equal(ask(&f, ENOUGH), HF_OK);
	assert_int_equal(f.reply.len, HF_WIRE_REPLY_MAX);
	end(&f);
}

/* Each answers one question a connection: what comes next has to go over a new one. */
TEST(a_connection_that_ended_is_made_anew)
{
	static const char *const modes[] = { "closes-after", "says-close", "says-more" };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		begin(&f, modes[i], false);
		start(&f);
		assert_good(&f, "c1 r1 8 ");
		usleep(50000);
		assert_good(&f, "c2 r1 8 ");
		usleep(50000);
		assert_good(&f, "c3 r1 8 ");
		end(&f);
	}
}

TEST(slow_is_no_lie)
{
	struct fixture f;

	(void)state;
	begin(&f, "slow-but-done", false);
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	assert_good(&f, "c1 r2 8 ");
	end(&f);
}

TEST(who_is_busy_is_asked_again)
{
	struct fixture f;

	(void)state;
	begin(&f, "busy-first", false);
	start(&f);
	assert_good(&f, "c2 r1 8 ");
	end(&f);
}

/* ---- lies ---- */

static const struct { const char *mode; unsigned patience; enum hf_err err; const char *words; } lies[] = {
	{ "tls12", ENOUGH, HF_ERR_CONTROLLER_TLS, "does not offer TLS 1.3" },
	{ "other-ca", ENOUGH, HF_ERR_CONTROLLER_TLS, "certificate of lab controller" },
	{ "self-signed", ENOUGH, HF_ERR_CONTROLLER_TLS, "certificate of lab controller" },
	{ "other-address", ENOUGH, HF_ERR_CONTROLLER_TLS, "its certificate is for 192.0.2.1" },
	{ "other-address6", ENOUGH, HF_ERR_CONTROLLER_TLS, "its certificate is for 2001:db8:0:0:0:0:0:7" },
	{ "no-tls", ENOUGH, HF_ERR_CONTROLLER_TLS, "answers, but not by TLS" },
	{ "no-handshake", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "does not answer by TLS" },
	{ "handshake-closes", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "ends the connection" },
	{ "redirect", ENOUGH, HF_ERR_CONTROLLER_REPLY, "answers with HTTP status 302" },
	{ "not-found", ENOUGH, HF_ERR_CONTROLLER_REPLY, "answers with HTTP status 404" },
	{ "busy", PATIENCE, HF_ERR_CONTROLLER_BUSY, "answers with HTTP status 503" },
	{ "chunked", ENOUGH, HF_ERR_CONTROLLER_REPLY, "without Content-Length" },
	{ "no-length", ENOUGH, HF_ERR_CONTROLLER_REPLY, "without Content-Length" },
	{ "other-type", ENOUGH, HF_ERR_CONTROLLER_REPLY, "unexpected content type" },
	{ "no-type", ENOUGH, HF_ERR_CONTROLLER_REPLY, "missing content type" },
	{ "too-large", ENOUGH, HF_ERR_CONTROLLER_REPLY, "max resp len exceeded" },
	{ "huge-length", ENOUGH, HF_ERR_CONTROLLER_REPLY, "max resp len exceeded" },
	{ "negative-length", ENOUGH, HF_ERR_CONTROLLER_REPLY, "" },
	{ "truncated", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "ends the connection in its answer" },
	{ "truncated-once", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "ends the connection in its answer" },
	{ "mid-header", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "ends the connection in its answer" },
	{ "closes", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "ends the connection without an answer" },
	{ "slow", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "does not end its answer" },
	{ "silent", PATIENCE, HF_ERR_CONTROLLER_UNREACHABLE, "does not answer" },
	{ "no-http", ENOUGH, HF_ERR_CONTROLLER_REPLY, "" },
	{ "long-header", ENOUGH, HF_ERR_CONTROLLER_REPLY, "" },
	{ "many-headers", ENOUGH, HF_ERR_CONTROLLER_REPLY, "" },
};

static bool ends_with_its_cause(size_t i)
{
	struct fixture f;
	enum hf_err err, again;
	bool good;

	begin(&f, lies[i].mode, false);
	start(&f);
	err = ask(&f, lies[i].patience);
	good = err == lies[i].err && f.fault.detail[0] && strstr(f.fault.detail, lies[i].words);
	if (!good)
		printf("%s: %s: %s\n", lies[i].mode, hf_err_name(err), f.fault.detail);
	/* none of them ends the child, or is taken for its end */
	again = ask(&f, 300);
	if (again == HF_OK || again == HF_ERR_LINK_DIED)
		printf("%s, asked again: %s\n", lies[i].mode, hf_err_name(again));
	end(&f);
	fflush(stdout);
	return good && again != HF_OK && again != HF_ERR_LINK_DIED;
}

#define SIDE_BY_SIDE 8

TEST(every_lie_ends_with_its_cause)
{
	const size_t count = sizeof(lies) / sizeof(lies[0]);
	size_t running = 0, bad = 0;
	int status;

	(void)state;
	fflush(stdout);
	for (size_t i = 0; i < count || running;) {
		if (i < count && running < SIDE_BY_SIDE) {
			if (fork() == 0)
				_exit(ends_with_its_cause(i) ? 0 : 1);
			running++;
			i++;
			continue;
		}
		assert_true(wait(&status) > 0);
		bad += status != 0;
		running--;
	}
	assert_int_equal(bad, 0);
}

/* ---- time ---- */

TEST(dates_count_from_the_signed_time_on)
{
	static const char *const modes[] = { "expired", "future" };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&f, modes[i], false);
		start(&f);
		assert_good(&f, "c1 r1 8 ");	/* nobody knows what time it is */
		assert_int_equal(hf_link_set_time(f.link, EXPIRED_NOW, &f.fault), HF_ERR_CONTROLLER_TLS);
		assert_non_null(strstr(f.fault.detail, "certificate of lab controller holds from"));
		assert_int_equal(ask(&f, ENOUGH), HF_ERR_CONTROLLER_TLS);
		assert_non_null(strstr(f.fault.detail, "certificate of lab controller: "));
		hf_link_stop(&f.link);
		f.plan.now = EXPIRED_NOW;
		start(&f);
		assert_int_equal(ask(&f, ENOUGH), HF_ERR_CONTROLLER_TLS);
		end(&f);
	}
}

TEST(dates_that_hold_change_nothing)
{
	struct fixture f;

	(void)state;
	begin(&f, "honest", false);
	start(&f);
	assert_int_equal(hf_link_set_time(f.link, EXPIRED_NOW, &f.fault), HF_OK);
	assert_good(&f, "c1 r1 8 ");
	assert_int_equal(hf_link_set_time(f.link, EXPIRED_NOW + 1, &f.fault), HF_OK);
	assert_good(&f, "c1 r2 8 ");
	assert_int_equal(hf_link_set_time(f.link, 0, &f.fault), HF_ERR_CONTROLLER_TLS);
	assert_int_equal(hf_link_set_time(f.link, INT64_C(4100000000), &f.fault), HF_ERR_CONTROLLER_TLS);
	end(&f);
}

/* ---- several addresses, and none ---- */

static unsigned unused_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

TEST(nobody_there)
{
	struct fixture f;
	char urls[200], words[64];
	const unsigned port = unused_port();

	(void)state;
	begin(&f, "honest", false);
	snprintf(urls, sizeof(urls), "https://127.0.0.1:%u", port);
	snprintf(words, sizeof(words), "connection refused by 127.0.0.1:%u", port);
	f.plan.urls = urls;
	start(&f);
	assert_int_equal(ask(&f, PATIENCE), HF_ERR_CONTROLLER_UNREACHABLE);
	assert_string_equal(f.fault.detail, words);
	hf_link_stop(&f.link);
	snprintf(urls, sizeof(urls), "https://127.0.0.1:%u  %s", port, f.liar.url);
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	end(&f);
}

/* Who answered, if only that he has no time, is not undone by an address that is silent. */
TEST(a_busy_one_beside_a_silent_one)
{
	struct fixture f;
	char urls[200];
	const unsigned port = unused_port();

	(void)state;
	begin(&f, "busy", false);
	snprintf(urls, sizeof(urls), "%s https://127.0.0.1:%u", f.liar.url, port);
	f.plan.urls = urls;
	start(&f);
	assert_int_equal(ask(&f, PATIENCE), HF_ERR_CONTROLLER_BUSY);
	assert_non_null(strstr(f.fault.detail, "answers with HTTP status 503"));
	end(&f);
}

/* One that lies for good does not keep the next one from being asked. */
TEST(a_liar_is_passed_over)
{
	struct fixture f, liar;
	char urls[200], pem[2 * HF_LINK_CA_MAX];

	(void)state;
	begin(&liar, "not-found", false);
	begin(&f, "honest", false);
	snprintf(urls, sizeof(urls), "%s %s", liar.liar.url, f.liar.url);
	snprintf(pem, sizeof(pem), "%.*s%.*s", (int)f.liar.pem.len, (const char *)f.liar.pem.ptr,
		 (int)liar.liar.pem.len, (const char *)liar.liar.pem.ptr);
	f.plan.urls = urls;
	start(&f);			/* knows one CA only */
	assert_good(&f, "c1 r1 8 ");
	hf_link_stop(&f.link);
	f.plan.ca = hf_span_text(pem);	/* and both */
	start(&f);
	assert_good(&f, "c2 r1 8 ");
	end(&f);
	end(&liar);
}

/* ---- the child ---- */

static pid_t child_of(pid_t parent)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc))) {
		char path[300], name[64] = "", kind;
		int pid = atoi(entry->d_name), above = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = pid > 0 ? fopen(path, "r") : NULL;
		if (!file)
			continue;
		if (fscanf(file, "%d (%63[^)]) %c %d", &pid, name, &kind, &above) == 4 && above == parent &&
		    strncmp(name, "test_agent", 10) == 0 && kind != 'Z')
			found = pid;
		fclose(file);
	}
	closedir(proc);
	return found;
}

TEST(a_child_that_dies_is_noticed)
{
	struct fixture f;
	pid_t child;

	(void)state;
	begin(&f, "honest", false);
	start(&f);
	assert_good(&f, "c1 r1 8 ");
	child = child_of(getpid());
	assert_true(child > 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(ask(&f, ENOUGH), HF_ERR_LINK_DIED);
	assert_int_equal(ask(&f, ENOUGH), HF_ERR_LINK_DIED);
	assert_int_equal(hf_link_set_time(f.link, EXPIRED_NOW, &f.fault), HF_ERR_LINK_DIED);
	end(&f);
}

TEST(the_child_is_nobody)
{
	struct fixture f;
	char path[64], line[200], caps[64] = "", uid[64] = "", seccomp[16] = "", privileges[16] = "";
	pid_t child;
	FILE *file;

	(void)state;
	begin(&f, "honest", false);
	start(&f);
	child = child_of(getpid());
	snprintf(path, sizeof(path), "/proc/%d/status", child);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "CapEff: %63s", caps);
		sscanf(line, "Uid: %63[^\n]", uid);
		sscanf(line, "Seccomp: %15s", seccomp);
		sscanf(line, "NoNewPrivs: %15s", privileges);
	}
	fclose(file);
	assert_string_equal(caps, "0000000000000000");
	assert_string_equal(seccomp, "2");
	assert_string_equal(privileges, "1");
	if (geteuid() == 0)
		assert_string_equal(uid, "65534\t65534\t65534\t65534");
	else
		printf("SKIP the change of user: not root\n");
	end(&f);
}

TEST(plans_that_are_none)
{
	static const char *const urls[] = {
		"", " ", "http://192.0.2.1:1", "https://", "https://controller.example:8443", "https://192.0.2.1:0",
		"https://192.0.2.1:65536", "https://192.0.2.1:08443", "https://192.0.2.1:", "https://192.0.2:8443",
		"https://2001:db8::1", "https://[2001:db8::1", "https://[192.0.2.1]:1", "https://[fe80::1]:1",
		"https://[fe80::1%eth0]:1", "https://[::]:1", "https://0.0.0.0:1", "https://224.0.0.1:1",
		"https://192.0.2.1:1/path", "https://192.0.2.1:1//", "https://u@192.0.2.1:1", "https:///",
		"https://1.1.1.1 https://1.1.1.1 https://1.1.1.1 https://1.1.1.1 https://1.1.1.1",
		"https://[2001:db8::1]8443", "https://192.0.2.1:1,https://192.0.2.1:2", "https://[]:1",
		"https://192.0.2.1:84a3", "HTTPS://192.0.2.1", "https://192.0.2.1\thttps://192.0.2.2",
	};
	struct fixture f;

	(void)state;
	begin(&f, "honest", false);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		f.plan.urls = urls[i];
		if (hf_link_start(&f.plan, &f.link, &f.fault) != HF_ERR_CONFIG_SYNTAX)
			fail_msg("\"%s\" was taken", urls[i]);
		assert_null(f.link);
	}
	f.plan.urls = f.liar.url;
	f.plan.ca = (struct hf_span){ NULL, 0 };
	assert_int_equal(hf_link_start(&f.plan, &f.link, &f.fault), HF_ERR_CONTROLLER_TLS);
	f.plan.ca = hf_span_text("no PEM\n");
	assert_int_equal(hf_link_start(&f.plan, &f.link, &f.fault), HF_ERR_CONTROLLER_TLS);
	assert_non_null(strstr(f.fault.detail, "no PEM file of certificates"));
	f.plan.ca = hf_span_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_int_equal(hf_link_start(&f.plan, &f.link, &f.fault), HF_ERR_CONTROLLER_TLS);
	assert_null(f.link);
	end(&f);
}

TEST(addresses_are_read)
{
	struct fixture f;

	(void)state;
	begin(&f, "honest", false);
	f.plan.urls = " https://192.0.2.1   https://[2001:db8::1]/ https://[2001:db8::1]:8443/ https://192.0.2.1:65535 ";
	start(&f);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_carries_many_questions),
		cmocka_unit_test(the_boot_key_is_the_client_key),
		cmocka_unit_test(a_certificate_that_the_server_does_not_take),
		cmocka_unit_test(the_address_may_be_ipv6),
		cmocka_unit_test(the_certificate_may_bear_a_name_instead),
		cmocka_unit_test(a_large_body_arrives_whole),
		cmocka_unit_test(the_largest_reply_arrives_whole),
		cmocka_unit_test(a_connection_that_ended_is_made_anew),
		cmocka_unit_test(slow_is_no_lie),
		cmocka_unit_test(who_is_busy_is_asked_again),
		cmocka_unit_test(every_lie_ends_with_its_cause),
		cmocka_unit_test(dates_count_from_the_signed_time_on),
		cmocka_unit_test(dates_that_hold_change_nothing),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(a_busy_one_beside_a_silent_one),
		cmocka_unit_test(a_liar_is_passed_over),
		cmocka_unit_test(a_child_that_dies_is_noticed),
		cmocka_unit_test(the_child_is_nobody),
		cmocka_unit_test(plans_that_are_none),
		cmocka_unit_test(addresses_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
