/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that requests borrow, and how many of them one address may send. */
#include "controller/server/http_internal.h"

#include <sys/mman.h>

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

static size_t slot_of(const uint8_t key[8])
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < 8; i++)
		h = (h ^ key[i]) * 1099511628211u;
	return (size_t)(h >> 32) % HF_RATE_SLOTS;
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
	slot = &rate->slots[slot_of(key)];
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
