/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that requests borrow, what one address may hold at a time, and how fast it may ask. */
#include "controller/server/http_internal.h"

#include <sys/mman.h>
#include <sys/random.h>

#include "controller/server/seal.h"

#define KEEP_BYTES ((size_t)1 << 20)	/* pages that a lent arena keeps: most requests need fewer */
#define BURST_SECONDS 5

bool hf_arenas_take(struct hf_arenas *arenas, struct hf_arena *ret)
{
	bool found;

	pthread_mutex_lock(&arenas->lock);
	found = arenas->count > 0;
	if (found)
		*ret = arenas->free[--arenas->count];
	pthread_mutex_unlock(&arenas->lock);
	return found || hf_arena_make(HF_HTTP_ARENA, ret) == HF_OK;
}

void hf_arenas_give(struct hf_arenas *arenas, struct hf_arena *arena, bool wipe)
{
	bool kept = false;

	if (wipe)
		hf_seal_wipe(arena->base, arena->len);
	if (arena->len > KEEP_BYTES)
		madvise(arena->base + KEEP_BYTES, arena->cap - KEEP_BYTES, MADV_DONTNEED);
	arena->len = 0;
	pthread_mutex_lock(&arenas->lock);
	if (arenas->count < HF_HTTP_ARENAS) {
		arenas->free[arenas->count++] = *arena;
		kept = true;
	}
	pthread_mutex_unlock(&arenas->lock);
	if (!kept)
		hf_arena_drop(arena);
}

void hf_arenas_drop(struct hf_arenas *arenas)
{
	while (arenas->count)
		hf_arena_drop(&arenas->free[--arenas->count]);
}

/* An IPv4 address as it is, of an IPv6 address the network that one party has: the first 64 bits. */
static void key_of(const struct sockaddr *from, uint8_t key[8])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(key, 0, 8);
	if (from && from->sa_family == AF_INET) {
		memcpy(key, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	} else if (from && from->sa_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;

		if (memcmp(a, mapped, sizeof(mapped)) == 0)
			memcpy(key, a->s6_addr + 12, 4);
		else
			memcpy(key, a->s6_addr, 8);
	}
}

/* ---- what an address holds. Few hold something at a time: a list needs no hash, and so no choice
 * of addresses makes it slow, or takes one of them for another ---- */

static struct hf_peer *find(struct hf_peers *a, const uint8_t key[8], bool make)
{
	struct hf_peer *free = NULL;

	for (size_t i = 0; i < HF_HTTP_CONNECTIONS; i++) {
		struct hf_peer *at = &a->list[i];

		if (at->connections && memcmp(at->key, key, 8) == 0)
			return at;
		if (!at->connections && !free)
			free = at;
	}
	if (make && free) {
		*free = (struct hf_peer){ .connections = 0 };
		memcpy(free->key, key, 8);
	}
	return make ? free : NULL;
}

bool hf_peer_may(struct hf_peers *a, const struct sockaddr *from)
{
	const struct hf_peer *at;
	uint8_t key[8];
	bool may;

	if (a->connections_max == 0)
		return true;
	key_of(from, key);
	pthread_mutex_lock(&a->lock);
	at = find(a, key, false);
	may = !at || at->connections < a->connections_max;
	pthread_mutex_unlock(&a->lock);
	return may;
}

struct hf_peer *hf_peer_take(struct hf_peers *a, const struct sockaddr *from)
{
	struct hf_peer *at;
	uint8_t key[8];

	key_of(from, key);
	pthread_mutex_lock(&a->lock);
	at = find(a, key, true);
	if (at)
		at->connections++;
	pthread_mutex_unlock(&a->lock);
	return at;
}

void hf_peer_give(struct hf_peers *a, struct hf_peer *at)
{
	if (!at)
		return;
	pthread_mutex_lock(&a->lock);
	at->connections--;
	pthread_mutex_unlock(&a->lock);
}

bool hf_peer_body(struct hf_peers *a, struct hf_peer *at, size_t bytes)
{
	bool may;

	if (!at)	/* more connections than there can be */
		return false;
	pthread_mutex_lock(&a->lock);
	may = bytes <= HF_HTTP_BODIES - a->bodies &&
	      (a->connections_max == 0 || bytes <= HF_HTTP_ADDRESS_BODIES - at->bodies);
	a->bodies += may ? bytes : 0;
	at->bodies += may ? bytes : 0;
	pthread_mutex_unlock(&a->lock);
	return may;
}

void hf_peer_body_done(struct hf_peers *a, struct hf_peer *at, size_t bytes)
{
	if (!at || !bytes)
		return;
	pthread_mutex_lock(&a->lock);
	a->bodies -= bytes;
	at->bodies -= bytes;
	pthread_mutex_unlock(&a->lock);
}

/* ---- how fast it may ask ---- */

bool hf_rate_make(struct hf_rate *rate, unsigned per_second)
{
	rate->per_second = per_second;
	pthread_mutex_init(&rate->lock, NULL);
	return getrandom(rate->secret, sizeof(rate->secret), 0) == sizeof(rate->secret);
}

/* Two addresses of one slot take turns with a full bucket each: nobody may find such a pair. */
static size_t slot_of(const struct hf_rate *rate, const uint8_t key[8])
{
	struct hf_digest mac = { .alg = HF_ALG_SHA256 };
	uint32_t h;

	/* without memory: one slot for all, which is less than anybody may have */
	(void)!hf_seal_hmac((struct hf_span){ rate->secret, sizeof(rate->secret) }, (struct hf_span){ key, 8 }, &mac);
	memcpy(&h, mac.bytes, sizeof(h));
	return h % HF_RATE_SLOTS;
}

bool hf_rate_take(struct hf_rate *rate, const struct sockaddr *from, uint64_t now_ms)
{
	const double most = (double)rate->per_second * BURST_SECONDS;
	struct hf_rate_slot *slot;
	uint8_t key[8];
	bool good;

	if (rate->per_second == 0)
		return true;
	key_of(from, key);
	slot = &rate->slots[slot_of(rate, key)];
	pthread_mutex_lock(&rate->lock);
	if (memcmp(slot->address, key, 8) != 0 || slot->at_ms == 0) {
		memcpy(slot->address, key, 8);
		slot->left = most;
	} else {
		slot->left += (double)(now_ms - slot->at_ms) * rate->per_second / 1000;
		slot->left = slot->left > most ? most : slot->left;
	}
	slot->at_ms = now_ms;
	good = slot->left >= 1;
	if (good)
		slot->left -= 1;
	pthread_mutex_unlock(&rate->lock);
	return good;
}
