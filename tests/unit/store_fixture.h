/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store in a file of its own, or in the PostgreSQL that HOLDFAST_TEST_STORE names (emptied by
 * whoever set it), and the steps of one host through it. */
#ifndef HF_TESTS_UNIT_STORE_FIXTURE_H
#define HF_TESTS_UNIT_STORE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/server/store.h"

#define STORE_NOW 1800000000

struct store_fixture {
	struct hf_store *store;
	struct hf_arena arena;
	struct hf_fault fault;
	char url[512], file[64];	/* file: to be removed; empty: PostgreSQL */
	int64_t now;
};

static inline const struct hf_by *store_by(struct store_fixture *f)
{
	static _Thread_local struct hf_by by = { .actor = "token:test" };

	by.now = f->now;
	return &by;
}

/* len bytes that are different for every seed */
static inline struct hf_span store_bytes(struct store_fixture *f, uint64_t seed, size_t len)
{
	uint8_t *out = hf_arena_take(&f->arena, len);

	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		out[i] = (uint8_t)(seed >> 56);
	}
	return (struct hf_span){ out, len };
}

/* A new file for each test; one database for all tests of a program. */
static inline int store_set_up(void **state)
{
	struct store_fixture *f = calloc(1, sizeof(*f));
	const char *url = getenv("HOLDFAST_TEST_STORE");
	int fd;

	if (!f || hf_arena_make(256u << 20, &f->arena))
		return 1;
	f->now = STORE_NOW;
	if (!url) {
		snprintf(f->file, sizeof(f->file), "/tmp/hf-store-XXXXXX");
		fd = mkstemp(f->file);
		if (fd < 0)
			return 1;
		close(fd);
	}
	snprintf(f->url, sizeof(f->url), "%s", url ? url : f->file);
	if (hf_store_open(f->url, 4, &f->store, &f->fault)) {
		fprintf(stderr, "%s: %s\n", f->fault.where, f->fault.detail);
		return 1;
	}
	*state = f;
	return 0;
}

static inline int store_tear_down(void **state)
{
	struct store_fixture *f = *state;
	char name[80];

	hf_store_close(f->store);
	hf_arena_drop(&f->arena);
	for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *f->file && *end; end++) {
		snprintf(name, sizeof(name), "%s%s", f->file, *end);
		unlink(name);
	}
	free(f);
	return 0;
}

static inline enum hf_err store_import(struct store_fixture *f, const char *id, uint64_t ek)
{
	struct hf_inventory in = { .id = id, .model = "m", .serial = "s", .tenant = "image" };
	size_t added = 0;

	if (ek)
		in.ek_id = store_bytes(f, ek, 32);
	return hf_store_import(f->store, &in, 1, store_by(f), &added, &f->fault);
}

static inline enum hf_err store_put(struct store_fixture *f, const char *id, uint64_t seed, uint64_t ek)
{
	struct hf_credential_record c = {
		.id = store_bytes(f, seed, 16), .ak_name = store_bytes(f, seed + 1, 34), .ak = store_bytes(f, seed + 2, 90),
		.ek = store_bytes(f, ek + 2, 120), .ek_id = store_bytes(f, ek, 32),
		.secret_digest = store_bytes(f, seed + 3, 32), .host = id, .until = f->now + 60,
	};

	return hf_store_credential_put(f->store, &c, store_by(f), &f->fault);
}

static inline enum hf_err store_activate(struct store_fixture *f, uint64_t seed, struct hf_host_record *ret)
{
	return hf_store_enrol(f->store, store_bytes(f, seed, 16), store_bytes(f, seed + 1, 34),
			      store_bytes(f, seed + 3, 32), store_by(f), &f->arena, ret, &f->fault);
}

static inline enum hf_err store_reclaim(struct store_fixture *f, const char *id, uint64_t reclaim)
{
	return hf_store_reclaim(f->store, id, "lease-1", NULL, store_bytes(f, reclaim, 16), store_by(f), &f->fault);
}

static inline enum hf_err store_challenge(struct store_fixture *f, const char *id, uint64_t nonce, uint64_t key,
					  enum hf_evidence_kind *ret_kind)
{
	struct hf_span reclaim;

	return hf_store_challenge(f->store, id, store_bytes(f, nonce, 32), store_bytes(f, key, 32), f->now + 600,
				  store_by(f), ret_kind, &reclaim, &f->arena, &f->fault);
}

static inline struct hf_verdict_record store_verdict(struct store_fixture *f, const char *id, uint64_t nonce,
						     uint64_t key, uint64_t reclaim)
{
	return (struct hf_verdict_record){
		.host = id, .at = f->now, .kind = HF_EVIDENCE_GATE,
		.nonce = nonce ? store_bytes(f, nonce, 32) : (struct hf_span){ NULL, 0 },
		.boot_key = store_bytes(f, key, 32),
		.reclaim = reclaim ? store_bytes(f, reclaim, 16) : (struct hf_span){ NULL, 0 },
		.quote = store_bytes(f, nonce + 1000003, 32), .evidence_digest = store_bytes(f, nonce + 7, 32),
		.status = HF_EAR_AFFIRMING, .release = HF_RELEASE_TENANT, .cause = "", .class_name = "",
		.model = "m", .counted = true, .reset_count = 1, .result = store_bytes(f, nonce + 8, 300),
		.report = "{}", .evidence = store_bytes(f, nonce + 9, 500),
	};
}

static inline enum hf_err store_record(struct store_fixture *f, struct hf_verdict_record *v)
{
	return hf_store_verdict(f->store, v, store_by(f), &f->fault);
}

static inline struct hf_host_record store_host(struct store_fixture *f, const char *id)
{
	struct hf_host_record r = { .state = (enum hf_lease)99 };

	if (hf_store_host(f->store, id, &f->arena, &r, &f->fault))
		fprintf(stderr, "%s: %s\n", id, f->fault.detail);
	return r;
}

#endif
