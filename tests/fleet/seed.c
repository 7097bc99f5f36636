/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fleet straight into a store, imported and reclaimed: what an operator's API would take longer
 * for in a benchmark of something else. */
#include "tests/fleet/seed.h"

#include <fcntl.h>
#include <sys/random.h>
#include <time.h>

#include "controller/inventory.h"
#include "measure/file.h"

static enum hf_err reclaim_all(struct hf_store *store, const struct hf_inventory *hosts, size_t count,
			       const char *lease, const struct hf_by *by, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && !err; i++) {
		uint8_t id[HF_WIRE_ID];

		if (getrandom(id, sizeof(id), 0) != sizeof(id))
			return hf_fail(fault, HF_ERR_INTERNAL, NULL, "getrandom");
		err = hf_store_reclaim(store, hosts[i].id, lease, NULL, (struct hf_span){ id, sizeof(id) }, by, fault);
	}
	return err;
}

int fleet_seed(const char *url, const char *dir, const char *lease)
{
	const struct hf_by by = { "token:bench", (int64_t)time(NULL) };
	struct hf_inventory *hosts;
	struct hf_fault fault = { 0 };
	struct hf_store *store;
	struct hf_arena arena;
	struct hf_span text;
	char path[4096];
	size_t count, fresh;
	enum hf_err err;

	snprintf(path, sizeof(path), "%s/inventory.csv", dir);
	if (hf_arena_make(HF_INVENTORY_ARENA, &arena) != HF_OK)
		return 1;
	err = hf_file_read(AT_FDCWD, path, HF_INVENTORY_BYTES_MAX, &arena, &text, &fault);
	if (!err)
		err = hf_inventory_parse(text, &arena, &hosts, &count, &fault);
	if (!err)
		err = hf_store_open(url, 4, &store, &fault);
	if (!err) {
		err = hf_store_import(store, hosts, count, &by, &fresh, &fault);
		if (!err)
			err = reclaim_all(store, hosts, count, lease, &by, &fault);
		hf_store_close(store);
	}
	if (err)
		fprintf(stderr, "fleet seed: %s %s %s\n", hf_err_name(err), fault.where, fault.detail);
	else
		printf("{\"mode\":\"seed\",\"hosts\":%zu,\"new\":%zu}\n", count, fresh);
	hf_arena_drop(&arena);
	return err ? 1 : 0;
}
