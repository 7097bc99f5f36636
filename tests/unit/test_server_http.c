/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one address may hold of a controller, and how fast it may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "controller/server/http_internal.h"

static struct sockaddr_in v4(uint32_t address)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(address) } };
}

static struct sockaddr_in6 v6(const char *text)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };

	assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
	return a;
}

#define AT(a) ((const struct sockaddr *)(const void *)&(a))

/* ---- rate ---- */

static struct hf_rate *new_rate(unsigned per_second)
{
	struct hf_rate *rate = calloc(1, sizeof(*rate));

	assert_non_null(rate);
	assert_true(hf_rate_make(rate, per_second));
	return rate;
}

/* The slot that an address uses: the one that changes. */
static size_t slot_of(struct hf_rate *rate, uint32_t address)
{
	const struct sockaddr_in a = v4(address);
	size_t i = 0;

	memset(rate->slots, 0, sizeof(rate->slots));
	assert_true(hf_rate_take(rate, AT(a), 1000));
	while (i < HF_RATE_SLOTS && !rate->slots[i].at_ms)
		i++;
	assert_true(i < HF_RATE_SLOTS);
	return i;
}

static void nobody_knows_which_addresses_share_a_slot(void **state)
{
	struct hf_rate *one = new_rate(2), *other = new_rate(2);
	unsigned same = 0;

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		same += slot_of(one, 0x0a000000 + i) == slot_of(other, 0x0a000000 + i);
	assert_true(same < 8);	/* of 8192 slots: 64 times in 8192 each */
	free(one);
	free(other);
}

static void a_bucket_is_emptied_and_filled(void **state)
{
	struct hf_rate *rate = new_rate(2);
	const struct sockaddr_in a = v4(0x0a000001), b = v4(0x0a000002);

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_true(hf_rate_take(rate, AT(a), 1000));
	assert_false(hf_rate_take(rate, AT(a), 1000));
	if (slot_of(rate, 0x0a000001) != slot_of(rate, 0x0a000002))
		assert_true(hf_rate_take(rate, AT(b), 1000));
	free(rate);
	rate = new_rate(0);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(hf_rate_take(rate, AT(a), 1000));
	free(rate);
}

/* ---- connections and bodies ---- */

static struct hf_peers *new_peers(unsigned most)
{
	struct hf_peers *peers = calloc(1, sizeof(*peers));

	assert_non_null(peers);
	pthread_mutex_init(&peers->lock, NULL);
	peers->connections_max = most;
	return peers;
}

static void an_address_has_its_share_of_connections(void **state)
{
	struct hf_peers *peers = new_peers(3);
	const struct sockaddr_in a = v4(0x0a000001), b = v4(0x0a000002);
	const struct sockaddr_in6 mapped = v6("::ffff:10.0.0.1");
	struct hf_peer *taken[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(hf_peer_may(peers, AT(a)));
		assert_non_null(taken[i] = hf_peer_take(peers, AT(a)));
	}
	assert_false(hf_peer_may(peers, AT(a)));
	assert_false(hf_peer_may(peers, AT(mapped)));	/* the same one */
	assert_true(hf_peer_may(peers, AT(b)));
	hf_peer_give(peers, taken[0]);
	assert_true(hf_peer_may(peers, AT(a)));
	free(peers);
}

/* Whoever has a network of 64 bits has as many addresses as he wants. */
static void a_network_is_one_address(void **state)
{
	struct hf_peers *peers = new_peers(1);
	const struct sockaddr_in6 a = v6("2001:db8:1:2::1"), b = v6("2001:db8:1:2:ffff::9"), c = v6("2001:db8:1:3::1");

	(void)state;
	assert_non_null(hf_peer_take(peers, AT(a)));
	assert_false(hf_peer_may(peers, AT(b)));
	assert_true(hf_peer_may(peers, AT(c)));
	free(peers);
}

static void the_table_is_full_and_empties(void **state)
{
	struct hf_peers *peers = new_peers(1);
	struct hf_peer *last = NULL;
	struct sockaddr_in a;

	(void)state;
	for (uint32_t i = 0; i < HF_HTTP_CONNECTIONS; i++) {
		a = v4(0x0b000000 + i);
		assert_non_null(last = hf_peer_take(peers, AT(a)));
	}
	a = v4(0x0c000000);
	assert_null(hf_peer_take(peers, AT(a)));
	assert_false(hf_peer_body(peers, NULL, 1));
	hf_peer_give(peers, last);
	assert_non_null(hf_peer_take(peers, AT(a)));
	free(peers);
}

static void one_address_never_has_all_the_room_for_bodies(void **state)
{
	struct hf_peers *peers = new_peers(512);
	const struct sockaddr_in a = v4(0x0a000001);
	struct hf_peer *one = hf_peer_take(peers, AT(a)), *other;
	const size_t body = (size_t)32 << 20;
	struct sockaddr_in b;

	(void)state;
	for (size_t i = 0; i < HF_HTTP_ADDRESS_BODIES / body; i++)
		assert_true(hf_peer_body(peers, one, body));
	assert_false(hf_peer_body(peers, one, 1));
	for (uint32_t n = 2; n <= HF_HTTP_BODIES / HF_HTTP_ADDRESS_BODIES; n++) {
		b = v4(0x0a000000 + n);
		other = hf_peer_take(peers, AT(b));
		assert_true(hf_peer_body(peers, other, HF_HTTP_ADDRESS_BODIES));
	}
	b = v4(0x0a0000ff);
	other = hf_peer_take(peers, AT(b));
	assert_false(hf_peer_body(peers, other, 1));	/* all of it is lent */
	hf_peer_body_done(peers, one, body);
	assert_true(hf_peer_body(peers, other, body));
	assert_false(hf_peer_body(peers, other, 1));
	free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_knows_which_addresses_share_a_slot),
		cmocka_unit_test(a_bucket_is_emptied_and_filled),
		cmocka_unit_test(an_address_has_its_share_of_connections),
		cmocka_unit_test(a_network_is_one_address),
		cmocka_unit_test(the_table_is_full_and_empties),
		cmocka_unit_test(one_address_never_has_all_the_room_for_bodies),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
