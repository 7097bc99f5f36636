/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket of spdm-emu: what goes out, and what is taken for an answer. The other end is
 * in this very process: what it answers lies in the socket before it is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pcie/spdm_ask.h"
#include "pcie/worker.h"

static int listener = -1, peer = -1;
static struct hf_spdm_tcp tcp = { .fd = -1 };
static struct hf_fault fault;
static uint8_t buf[8192];
static size_t len;

static void reach(enum hf_spdm_framing framing)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	char address[32];

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(hf_spdm_tcp_open(address, framing, 2000, &tcp, &fault), HF_OK);
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
	memset(buf, 0xaa, sizeof(buf));
}

static int teardown(void **state)
{
	(void)state;
	hf_spdm_tcp_close(&tcp);
	close(peer);
	close(listener);
	peer = listener = -1;
	return 0;
}

static void say(const void *bytes, size_t n)
{
	assert_int_equal(send(peer, bytes, n, 0), (ssize_t)n);
}

static void hears(const void *bytes, size_t n)
{
	uint8_t got[64];

	assert_int_equal(recv(peer, got, n, MSG_WAITALL), (ssize_t)n);
	assert_memory_equal(got, bytes, n);
}

static enum hf_err ask(unsigned patience_ms)
{
	static const uint8_t request[] = { 0x12, 0x82, 0, 0, 1, 2, 3, 4, 5, 6 };

	return tcp.transport.exchange(tcp.transport.self, (struct hf_span){ request, sizeof(request) },
				      patience_ms, buf, sizeof(buf), &len);
}

static void doe(void **state)
{
	(void)state;
	reach(HF_SPDM_FRAMING_DOE);
	assert_true(tcp.transport.padded);
	say("\0\0\0\1" "\0\0\0\2" "\0\0\0\20" "\1\0\1\0\4\0\0\0" "\x12\2\0\0\x77\0\0\0", 28);
	assert_int_equal(ask(1000), HF_OK);
	assert_int_equal(len, 8);
	assert_memory_equal(buf, "\x12\2\0\0\x77\0\0\0", 8);
	/* 10 bytes, padded to 12, and a header of 8: five dwords. */
	hears("\0\0\0\1" "\0\0\0\2" "\0\0\0\24" "\1\0\1\0\5\0\0\0" "\x12\x82\0\0\1\2\3\4\5\6\0\0", 32);
	hf_spdm_tcp_close(&tcp);
	hears("\0\0\xff\xfe" "\0\0\0\2" "\0\0\0\0", 12);
}

static void mctp(void **state)
{
	(void)state;
	reach(HF_SPDM_FRAMING_MCTP);
	assert_false(tcp.transport.padded);
	say("\0\0\0\1" "\0\0\0\1" "\0\0\0\6" "\5" "\x12\2\0\0\x77", 18);
	assert_int_equal(ask(1000), HF_OK);
	assert_int_equal(len, 5);
	hears("\0\0\0\1" "\0\0\0\1" "\0\0\0\13" "\5" "\x12\x82\0\0\1\2\3\4\5\6", 23);
}

/* Whatever was wrong: nothing more is asked, for what comes then may be the answer of before. */
static void refuses(enum hf_spdm_framing framing, const char *bytes, size_t n, enum hf_err err)
{
	reach(framing);
	say(bytes, n);
	assert_int_equal(ask(200), err);
	assert_int_equal(buf[0], 0xaa);
	assert_int_equal(ask(200), err);
	teardown(NULL);
}

static void what_is_no_answer(void **state)
{
	(void)state;
	/* another command, another transport, too large, or too small for a header */
	refuses(2, "\0\0\xde\xad" "\0\0\0\2" "\0\0\0\0", 12, HF_ERR_SPDM_SHAPE);
	refuses(2, "\0\0\0\1" "\0\0\0\1" "\0\0\0\6" "\5\x12\2\0\0\0", 18, HF_ERR_SPDM_SHAPE);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\xff\xff\xff\xff", 12, HF_ERR_LIMIT);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\x20\0", 12, HF_ERR_LIMIT);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\4" "\1\0\1\0", 16, HF_ERR_SPDM_SHAPE);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\0", 12, HF_ERR_SPDM_SHAPE);
	/* another vendor, another type, another length than there is */
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\14" "\2\0\1\0\3\0\0\0\0\0\0\0", 24, HF_ERR_SPDM_SHAPE);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\14" "\1\0\2\0\3\0\0\0\0\0\0\0", 24, HF_ERR_SPDM_SHAPE);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\14" "\1\0\1\0\4\0\0\0\0\0\0\0", 24, HF_ERR_SPDM_SHAPE);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\14" "\1\0\1\0\3\0\0\x40\0\0\0\0", 24, HF_ERR_SPDM_SHAPE);
	refuses(1, "\0\0\0\1" "\0\0\0\1" "\0\0\0\5" "\6\x12\2\0\0", 17, HF_ERR_SPDM_SHAPE);
	refuses(1, "\0\0\0\1" "\0\0\0\1" "\0\0\0\0", 12, HF_ERR_SPDM_SHAPE);
	/* goodbye, or half of an answer */
	refuses(2, "\0\0\xff\xfe" "\0\0\0\2" "\0\0\0\0", 12, HF_ERR_RESPONDER_UNREACHABLE);
	refuses(2, "\0\0\0\1" "\0\0\0\2" "\0\0\0\20" "\1\0\1\0", 16, HF_ERR_TIMED_OUT);
	refuses(2, "\0\0\0\1", 4, HF_ERR_TIMED_OUT);
}

static void silence(void **state)
{
	uint64_t begun = hf_now_ms();

	(void)state;
	reach(HF_SPDM_FRAMING_DOE);
	assert_int_equal(ask(300), HF_ERR_TIMED_OUT);
	assert_true(hf_now_ms() - begun >= 300 && hf_now_ms() - begun < 2000);
}

static void hangs_up(void **state)
{
	(void)state;
	reach(HF_SPDM_FRAMING_DOE);
	close(peer);
	peer = -1;
	assert_int_equal(ask(1000), HF_ERR_RESPONDER_UNREACHABLE);
}

static void larger_than_its_buffer(void **state)
{
	(void)state;
	reach(HF_SPDM_FRAMING_DOE);
	say("\0\0\0\1" "\0\0\0\2" "\0\0\0\20" "\1\0\1\0\4\0\0\0" "\x12\2\0\0\x77\0\0\0", 28);
	assert_int_equal(tcp.transport.exchange(tcp.transport.self, hf_span_text("1234"), 1000, buf, 7, &len),
			 HF_ERR_LIMIT);
	assert_int_equal(buf[0], 0xaa);
}

static void addresses(void **state)
{
	static const char *const bad[] = {
		"", "host", ":2323", "host:", "[::1]", "[::1:2323", "::1:2323", "[]:2323", "]:2323",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hf_spdm_tcp_open(bad[i], HF_SPDM_FRAMING_DOE, 500, &tcp, &fault), HF_ERR_USAGE);
		assert_string_equal(fault.where, bad[i]);
	}
	assert_int_equal(hf_spdm_tcp_open("127.0.0.1:1", HF_SPDM_FRAMING_DOE, 500, &tcp, &fault),
			 HF_ERR_RESPONDER_UNREACHABLE);
	assert_int_equal(hf_spdm_tcp_open("127.0.0.1:no-such-service", HF_SPDM_FRAMING_DOE, 500, &tcp, &fault),
			 HF_ERR_RESPONDER_UNREACHABLE);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(doe), TEST(mctp), TEST(what_is_no_answer), TEST(silence), TEST(hangs_up),
		TEST(larger_than_its_buffer), cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
