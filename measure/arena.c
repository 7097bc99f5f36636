/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/arena.h"

#include <sys/mman.h>

enum hf_err hf_arena_make(size_t cap, struct hf_arena *ret)
{
	/* A large limit costs nothing until pages are touched, so limits can be generous. */
	void *base = mmap(NULL, cap, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return HF_ERR_NO_MEMORY;
	*ret = (struct hf_arena){ .base = base, .cap = cap };
	return HF_OK;
}

void hf_arena_drop(struct hf_arena *arena)
{
	if (arena->base)
		munmap(arena->base, arena->cap);
	*arena = (struct hf_arena){ 0 };
}

enum hf_err hf_arena_hide(const struct hf_arena *arena)
{
	return madvise(arena->base, arena->cap, MADV_WIPEONFORK) == 0 ? HF_OK : HF_ERR_NO_MEMORY;
}
