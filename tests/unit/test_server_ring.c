/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings: their archives, their stages, and what the store keeps of them; on SQLite, or on the PostgreSQL
 * of HOLDFAST_TEST_STORE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "controller/server/ring.h"
#include "measure/cpio.h"
#include "tests/unit/store_fixture.h"

#define TEST(name) static void name(void **state)
#define BEGIN struct store_fixture *f = *state

/* ---- archives ---- */

static void put(struct hf_writer *w, const char *name, uint32_t mode, const char *data)
{
	hf_cpio_put(w, name, mode, hf_span_text(data));
}

static enum hf_err unpack(struct store_fixture *f, const struct hf_writer *w, struct hf_ring_files *ret)
{
	return hf_ring_unpack(hf_written(w), &f->arena, ret, &f->fault);
}

#define FILE_MODE (S_IFREG | 0644)
#define ARCHIVE(w) static uint8_t w##_buf[8192]; struct hf_writer w = { .buf = w##_buf, .cap = sizeof(w##_buf) }

TEST(archives_come_out_the_same)
{
	BEGIN;
	ARCHIVE(w);
	struct hf_ring_files files, again;
	struct hf_span packed, twice;

	put(&w, "./etc", S_IFDIR | 0755, "");
	put(&w, HF_RING_FOLDER "b.corim", S_IFREG | 0777, "two");
	put(&w, HF_RING_FOLDER "a.payload", FILE_MODE, "");
	put(&w, HF_RING_FOLDER "a.corim", FILE_MODE, "one");
	hf_cpio_put_trailer(&w);
	put(&w, HF_RING_FOLDER "c.corim", FILE_MODE, "nobody reads what follows the end");
	assert_int_equal(unpack(f, &w, &files), HF_OK);
	assert_int_equal(files.count, 3);
	assert_string_equal(files.list[0].name, "a.corim");
	assert_string_equal(files.list[1].name, "a.payload");
	assert_int_equal(files.list[1].bytes.len, 0);
	assert_true(hf_span_equal(files.list[2].bytes, hf_span_text("two")));
	assert_int_equal(hf_ring_pack(&files, &f->arena, &packed), HF_OK);
	assert_int_equal(hf_ring_unpack(packed, &f->arena, &again, &f->fault), HF_OK);
	assert_int_equal(again.count, 3);
	assert_int_equal(hf_ring_pack(&again, &f->arena, &twice), HF_OK);
	assert_true(hf_span_equal(packed, twice));
	assert_null(memmem(packed.ptr, packed.len, "nobody", 6));
}

TEST(archives_that_are_cut)
{
	BEGIN;
	ARCHIVE(w);
	struct hf_ring_files files;
	size_t whole, mark = f->arena.len;

	put(&w, HF_RING_FOLDER "a.corim", FILE_MODE, "one, and a little more of it");
	hf_cpio_put_trailer(&w);
	whole = w.len;
	assert_int_equal(hf_ring_unpack((struct hf_span){ NULL, 0 }, &f->arena, &files, &f->fault), HF_ERR_API_REFUSED);
	for (w.len = 0; w.len < whole - 3; w.len++) {	/* what fills up the end is no part of it */
		f->arena.len = mark;
		assert_int_equal(unpack(f, &w, &files), HF_ERR_API_REFUSED);
	}
	assert_int_equal(hf_ring_unpack((struct hf_span){ w.buf, HF_RING_BYTES_MAX + 1 }, &f->arena, &files, &f->fault),
			 HF_ERR_LIMIT);
}

static void refused(struct store_fixture *f, const char *name, uint32_t mode, const char *word)
{
	ARCHIVE(w);
	struct hf_ring_files files;

	w.len = 0;
	put(&w, HF_RING_FOLDER "a.corim", FILE_MODE, "one");
	put(&w, name, mode, "x");
	hf_cpio_put_trailer(&w);
	assert_int_equal(unpack(f, &w, &files), HF_ERR_API_REFUSED);
	if (!strstr(f->fault.detail, word))
		fail_msg("%s: %s, not %s", name, f->fault.detail, word);
}

TEST(archives_that_hold_something_else)
{
	BEGIN;
	static const char *const names[] = {
		"a.corim", "etc/holdfast/holdfast.conf", "/" HF_RING_FOLDER "b.corim", HF_RING_FOLDER "b/b.corim",
		HF_RING_FOLDER "../b.corim", HF_RING_FOLDER ".b.corim", HF_RING_FOLDER "b", HF_RING_FOLDER ".corim",
		"etc/holdfast/anchors/owner/b.corim",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refused(f, names[i], FILE_MODE, "is no file");
	refused(f, HF_RING_FOLDER "b.corim", S_IFLNK | 0777, "is no file");
	refused(f, HF_RING_FOLDER "b.corim", S_IFCHR | 0600, "is no file");
	refused(f, HF_RING_FOLDER "a.corim", FILE_MODE, "there twice");
}

/* ---- stages ---- */

TEST(stages_and_modes)
{
	BEGIN;
	struct hf_manifests m = { .models = NULL };
	struct hf_model second = { .name = "b", .mode = HF_MODE_ENFORCE };
	struct hf_model first = { .next = &second, .name = "a", .mode = HF_MODE_ENFORCE };
	enum hf_ring_stage stage;

	for (stage = HF_RING_OBSERVE; stage <= HF_RING_ENFORCE; stage++) {
		enum hf_ring_stage again = HF_RING_OBSERVE;

		assert_int_equal(hf_ring_stage_fits(&m, stage, &f->fault), HF_ERR_RING_STAGE);
		assert_true(hf_ring_stage_from_name(hf_ring_stage_name(stage), &again));
		assert_int_equal(again, stage);
	}
	assert_false(hf_ring_stage_from_name("asleep", &stage));
	m.models = &first;
	assert_int_equal(hf_ring_stage_fits(&m, HF_RING_ENFORCE, &f->fault), HF_OK);
	assert_int_equal(hf_ring_stage_fits(&m, HF_RING_AUDIT, &f->fault), HF_ERR_RING_STAGE);
	second.mode = HF_MODE_AUDIT;	/* one of them is enough */
	assert_int_equal(hf_ring_stage_fits(&m, HF_RING_ENFORCE, &f->fault), HF_ERR_RING_STAGE);
	assert_non_null(strstr(f->fault.detail, "model b has mode audit"));
	assert_int_equal(hf_ring_stage_fits(&m, HF_RING_OBSERVE, &f->fault), HF_OK);
	first.mode = HF_MODE_AUDIT;
	assert_int_equal(hf_ring_stage_fits(&m, HF_RING_AUDIT, &f->fault), HF_OK);
	assert_string_equal(hf_ring_about(&m, &f->arena), "[{\"name\":\"a\",\"generation\":0,\"mode\":\"audit\"},"
			    "{\"name\":\"b\",\"generation\":0,\"mode\":\"audit\"}]");
}

/* ---- the store ---- */

static enum hf_err put_ring(struct store_fixture *f, const char *name, enum hf_ring_stage stage, uint64_t seed,
			    int64_t version)
{
	const struct hf_ring_record r = { .name = name, .stage = stage, .version = version, .about = "[]",
					  .digest = store_bytes(f, seed, 32), .bundle = store_bytes(f, seed + 1, 300) };

	return hf_store_ring_put(f->store, &r, 0, NULL, store_by(f), &f->fault);
}

static struct hf_ring_record get(struct store_fixture *f, const char *name)
{
	struct hf_ring_record r = { .name = NULL };

	assert_int_equal(hf_store_ring(f->store, name, HF_RING_WHOLE, &f->arena, &r, &f->fault), HF_OK);
	return r;
}

static enum hf_err move(struct store_fixture *f, const char *id, const char *ring, int64_t version, size_t *ret)
{
	return hf_store_ring_move(f->store, &(struct hf_ring_choice){ .id = id }, ring, version, 0, NULL, store_by(f), ret,
				  &f->fault);
}

TEST(a_ring_is_put_over_the_one_that_was_tried)
{
	BEGIN;
	struct hf_ring_record r = { .name = NULL };

	assert_int_equal(hf_store_ring(f->store, "put", HF_RING_ALONE, &f->arena, &r, &f->fault), HF_ERR_RING_UNKNOWN);
	assert_int_equal(put_ring(f, "put", HF_RING_OBSERVE, 11, 7), HF_ERR_STATE_CHANGED);
	assert_int_equal(put_ring(f, "put", HF_RING_OBSERVE, 11, 0), HF_OK);
	assert_int_equal(put_ring(f, "put", HF_RING_AUDIT, 12, 0), HF_ERR_STATE_CHANGED);	/* somebody was first */
	r = get(f, "put");
	assert_int_equal(r.stage, HF_RING_OBSERVE);
	assert_int_equal(r.version, 1);
	assert_int_equal(r.bytes, 300);
	assert_true(hf_span_equal(r.digest, store_bytes(f, 11, 32)));
	assert_true(hf_span_equal(r.bundle, store_bytes(f, 12, 300)));
	assert_string_equal(r.by, "token:test");
	assert_int_equal(put_ring(f, "put", HF_RING_ENFORCE, 13, 1), HF_OK);
	assert_int_equal(put_ring(f, "put", HF_RING_AUDIT, 14, 1), HF_ERR_STATE_CHANGED);
	assert_int_equal(get(f, "put").stage, HF_RING_ENFORCE);
	assert_int_equal(hf_store_ring_remove(f->store, "put", store_by(f), &f->fault), HF_OK);
	assert_int_equal(hf_store_ring_remove(f->store, "put", store_by(f), &f->fault), HF_ERR_RING_UNKNOWN);
}

TEST(who_comes_or_goes_changes_a_ring)
{
	BEGIN;
	size_t moved = 0;
	int64_t version;

	assert_int_equal(store_import(f, "ring-h1", 901), HF_OK);
	assert_int_equal(put_ring(f, "left", HF_RING_ENFORCE, 21, 0), HF_OK);
	assert_int_equal(put_ring(f, "right", HF_RING_ENFORCE, 22, 0), HF_OK);
	assert_int_equal(move(f, "ring-h1", "left", 7, &moved), HF_ERR_STATE_CHANGED);
	assert_string_equal(store_host(f, "ring-h1").inventory.ring, "");
	assert_int_equal(move(f, "nobody", "left", 1, &moved), HF_ERR_HOST_UNKNOWN);
	assert_int_equal(move(f, "ring-h1", "left", 1, &moved), HF_OK);
	assert_int_equal(moved, 1);
	assert_string_equal(store_host(f, "ring-h1").inventory.ring, "left");
	assert_int_equal(put_ring(f, "left", HF_RING_ENFORCE, 23, 1), HF_ERR_STATE_CHANGED);	/* tried without it */
	assert_int_equal(get(f, "left").hosts, 1);
	assert_int_equal(hf_store_ring_remove(f->store, "left", store_by(f), &f->fault), HF_ERR_RING_IN_USE);
	version = get(f, "left").version;
	assert_int_equal(move(f, "ring-h1", "right", 1, &moved), HF_OK);
	assert_true(get(f, "left").version > version);
	assert_int_equal(move(f, "ring-h1", "", 0, &moved), HF_OK);
	assert_string_equal(store_host(f, "ring-h1").inventory.ring, "");
	assert_int_equal(hf_store_ring_remove(f->store, "left", store_by(f), &f->fault), HF_OK);
	assert_int_equal(hf_store_ring_remove(f->store, "right", store_by(f), &f->fault), HF_OK);
}

TEST(an_import_moves_nobody)
{
	BEGIN;
	struct hf_inventory in = { .id = "ring-h2", .model = "m", .ring = "inbox" };
	size_t added = 0;

	assert_int_equal(hf_store_import(f->store, &in, 1, store_by(f), &added, &f->fault), HF_ERR_RING_UNKNOWN);
	assert_int_equal(put_ring(f, "inbox", HF_RING_AUDIT, 31, 0), HF_OK);
	assert_int_equal(hf_store_import(f->store, &in, 1, store_by(f), &added, &f->fault), HF_OK);
	assert_string_equal(store_host(f, "ring-h2").inventory.ring, "inbox");
	in.ring = HF_RING_DEFAULT;
	assert_int_equal(hf_store_import(f->store, &in, 1, store_by(f), &added, &f->fault), HF_ERR_STATE_CHANGED);
	in.ring = NULL;		/* nothing said: it stays */
	assert_int_equal(hf_store_import(f->store, &in, 1, store_by(f), &added, &f->fault), HF_OK);
	assert_string_equal(store_host(f, "ring-h2").inventory.ring, "inbox");
	assert_int_equal(hf_store_remove(f->store, "ring-h2", store_by(f), &f->fault), HF_OK);
	assert_int_equal(hf_store_ring_remove(f->store, "inbox", store_by(f), &f->fault), HF_OK);
}

static enum hf_err count(void *self, const char *ring, const char *observed, uint64_t hosts)
{
	if (strcmp(ring, "looking") == 0 && strcmp(observed, "held") == 0)
		*(uint64_t *)self += hosts;
	return HF_OK;
}

TEST(what_was_observed_is_kept)
{
	BEGIN;
	struct hf_host_record enrolled;
	struct hf_verdict_record v, back;
	enum hf_evidence_kind kind;
	uint64_t seen = 0;
	size_t moved;

	assert_int_equal(store_import(f, "ring-h3", 931), HF_OK);
	assert_int_equal(put_ring(f, "looking", HF_RING_OBSERVE, 41, 0), HF_OK);
	assert_int_equal(move(f, "ring-h3", "looking", 1, &moved), HF_OK);
	assert_int_equal(store_reclaim(f, "ring-h3", 932), HF_OK);
	assert_int_equal(store_put(f, "ring-h3", 933, 931), HF_OK);
	assert_int_equal(store_activate(f, 933, &enrolled), HF_OK);
	assert_int_equal(store_challenge(f, "ring-h3", 934, 935, &kind), HF_OK);
	v = store_verdict(f, "ring-h3", 934, 935, 932);
	v.ring = "looking";
	v.observed = "held";
	v.observed_why = "code-unknown at a\x1b slot";
	assert_int_equal(store_record(f, &v), HF_OK);
	assert_int_equal(hf_store_verdict_get(f->store, v.id, &f->arena, &back, &f->fault), HF_OK);
	assert_string_equal(back.ring, "looking");
	assert_string_equal(back.observed, "held");
	assert_string_equal(back.observed_why, "code-unknown at a? slot");
	assert_int_equal(store_host(f, "ring-h3").state, HF_LEASE_IN_USE);
	assert_int_equal(hf_store_ring_counts(f->store, count, &seen, &f->fault), HF_OK);
	assert_int_equal(seen, 1);
	assert_int_equal(move(f, "ring-h3", "", 0, &moved), HF_OK);
	assert_int_equal(hf_store_ring_remove(f->store, "looking", store_by(f), &f->fault), HF_OK);
}

TEST(so_many_rings_and_no_more)
{
	BEGIN;
	char name[16];

	for (int i = 0; i < HF_RINGS_MAX; i++) {
		snprintf(name, sizeof(name), "ring-%d", i);
		assert_int_equal(put_ring(f, name, HF_RING_AUDIT, 100, 0), HF_OK);
	}
	assert_int_equal(put_ring(f, "one-more", HF_RING_AUDIT, 100, 0), HF_ERR_LIMIT);
	assert_int_equal(put_ring(f, "ring-0", HF_RING_ENFORCE, 100, 1), HF_OK);
	for (int i = 0; i < HF_RINGS_MAX; i++) {
		snprintf(name, sizeof(name), "ring-%d", i);
		assert_int_equal(hf_store_ring_remove(f->store, name, store_by(f), &f->fault), HF_OK);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(archives_come_out_the_same), CASE(archives_that_are_cut), CASE(archives_that_hold_something_else),
		CASE(stages_and_modes), CASE(a_ring_is_put_over_the_one_that_was_tried),
		CASE(who_comes_or_goes_changes_a_ring), CASE(an_import_moves_nobody), CASE(what_was_observed_is_kept),
		CASE(so_many_rings_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
