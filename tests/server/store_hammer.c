/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One of several processes that work on the same hosts of one store, and expect to be killed.
 *
 *   store_hammer URL SECONDS HOSTS THREADS LOG     work; what was acknowledged goes to LOG at once
 *   store_hammer URL check LOG...                  is all of it there? verify the audit
 *
 * Everybody reclaims, challenges, and answers whatever challenge is open, also one that another
 * process gave; an answer that was taken is tried again with another quote, which must fail. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>
#include <time.h>

#include "controller/server/db.h"
#include "tests/unit/store_fixture.h"

#define KEY 4711u
#define THREADS_MAX 16

struct hammer {
	struct hf_store *store;
	const char *url;
	int log, seconds, hosts;
	_Atomic unsigned long done, tickets, refusals, lost, recovered, wrong;
};
struct worker {
	struct hammer *all;
	struct store_fixture f;
	struct hf_db *db;	/* to look for what others do */
	pthread_t thread;
};

static uint64_t random64(void)
{
	uint64_t v;

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		abort();
	return v;
}

static void hex(struct hf_span in, char *out)
{
	for (size_t i = 0; i < in.len; i++)
		sprintf(out + 2 * i, "%02x", in.ptr[i]);
	out[2 * in.len] = '\0';
}

/* One write for a line: whole, or not at all. */
static void acknowledged(struct hammer *all, const struct hf_verdict_record *v)
{
	char line[256], reclaim[65], quote[65];

	hex(v->reclaim, reclaim);
	hex(v->quote, quote);
	snprintf(line, sizeof(line), "%s %lld %s %s\n", v->release ? "ticket" : "refusal", (long long)v->id, reclaim, quote);
	if (write(all->log, line, strlen(line)) != (ssize_t)strlen(line))
		abort();
}

struct open_challenge { struct store_fixture *f; struct hf_span nonce, reclaim; };

static enum hf_err take_open(void *self, const struct hf_db_value *values, size_t count)
{
	struct open_challenge *c = self;
	enum hf_err err = hf_arena_copy(&c->f->arena, values[0].bytes, &c->nonce);

	(void)count;
	return err ? err : hf_arena_copy(&c->f->arena, values[1].bytes, &c->reclaim);
}

static void wrong(struct worker *w, const char *what, enum hf_err err)
{
	w->all->wrong++;
	fprintf(stderr, "wrong: %s: %s: %s %s\n", what, hf_err_name(err), w->f.fault.where, w->f.fault.detail);
}

/* What an agent does that got no answer: it asks again with the same evidence. */
static void ask_again(struct worker *w, struct hf_verdict_record *v)
{
	struct hf_challenge_record c;
	enum hf_err err = HF_ERR_STORE_FAILED;

	w->all->lost++;
	for (int i = 0; i < 20 && err == HF_ERR_STORE_FAILED; i++)
		err = hf_store_challenge_get(w->f.store, v->nonce, &w->f.arena, &c, &w->f.fault);
	if (err || !c.used || !hf_span_equal(c.quote, v->quote))
		return;
	w->all->recovered++;
	v->id = c.verdict;
	acknowledged(w->all, v);
}

static void answer(struct worker *w, const char *id)
{
	struct open_challenge open = { .f = &w->f };
	struct hf_verdict_record v;
	struct hf_host_record host;
	size_t rows = 0;
	enum hf_err err = hf_db_run(w->db, "SELECT nonce, reclaim FROM challenges WHERE host = $1 AND kind = 0"
				    " ORDER BY number DESC LIMIT 1", (struct hf_db_value[]){ hf_db_text(id) }, 1, take_open,
				    &open, &rows, &w->f.fault);

	if (err || !rows || hf_store_host(w->f.store, id, &w->f.arena, &host, &w->f.fault))
		return;
	v = store_verdict(&w->f, id, 1, KEY, 0);
	v.nonce = open.nonce;
	v.reclaim = open.reclaim;
	v.quote = store_bytes(&w->f, random64(), 32);
	v.reset_count = host.reset_count + (uint32_t)(random64() % 4);
	if (random64() % 4 == 0)
		v.release = HF_RELEASE_NOTHING;
	err = hf_store_verdict(w->f.store, &v, store_by(&w->f), &w->f.fault);
	if (err == HF_ERR_STORE_FAILED) {
		ask_again(w, &v);
		return;
	}
	/* unknown: its time is over, or thousands were given since we looked */
	if (err && err != HF_ERR_NONCE_USED && err != HF_ERR_STATE_CHANGED && err != HF_ERR_RESET_COUNT &&
	    err != HF_ERR_NONCE_UNKNOWN)
		wrong(w, "verdict", err);
	if (err)
		return;
	acknowledged(w->all, &v);
	*(v.release ? &w->all->tickets : &w->all->refusals) += 1;
	v.quote = store_bytes(&w->f, random64(), 32);
	err = hf_store_verdict(w->f.store, &v, store_by(&w->f), &w->f.fault);
	if (err != HF_ERR_NONCE_USED && err != HF_ERR_STORE_FAILED)
		wrong(w, "a second answer", err);
}

static void step(struct worker *w)
{
	struct hf_span reclaim;
	enum hf_evidence_kind kind;
	char id[32];
	enum hf_err err;

	snprintf(id, sizeof(id), "host-%d", (int)(random64() % (uint64_t)w->all->hosts));
	switch (random64() % 8) {
	case 0:
		err = hf_store_reclaim(w->f.store, id, "lease", NULL, store_bytes(&w->f, random64(), 16), store_by(&w->f),
				       &w->f.fault);
		break;
	case 1:
	case 2:
		err = hf_store_challenge(w->f.store, id, store_bytes(&w->f, random64(), 32), store_bytes(&w->f, KEY, 32),
					 w->f.now + 600, store_by(&w->f), &kind, &reclaim, &w->f.arena, &w->f.fault);
		if (err == HF_ERR_HOST_NOT_RECLAIMED)
			err = HF_OK;
		break;
	default:
		answer(w, id);
		return;
	}
	if (err && err != HF_ERR_STORE_FAILED)
		wrong(w, "step", err);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	time_t end = time(NULL) + w->all->seconds;

	while (time(NULL) < end) {
		w->f.arena.len = 0;
		step(w);
		w->all->done++;
	}
	return NULL;
}

static int hammer(struct hammer *all, int threads)
{
	struct worker workers[THREADS_MAX] = { 0 };

	for (int i = 0; i < threads; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){ .all = all, .f = { .store = all->store, .now = STORE_NOW } };
		if (hf_arena_make(4u << 20, &w->f.arena) || hf_db_open(all->url, &w->db, &w->f.fault) ||
		    pthread_create(&w->thread, NULL, work, w))
			return 1;
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		hf_db_close(workers[i].db);
		hf_arena_drop(&workers[i].f.arena);
	}
	printf("%lu steps, %lu tickets, %lu refusals, %lu without an answer, %lu of them recorded\n", all->done,
	       all->tickets, all->refusals, all->lost, all->recovered);
	return all->wrong ? 1 : 0;
}

/* ---- afterwards ---- */

static int check_line(struct store_fixture *f, const char *line)
{
	struct hf_verdict_record v;
	char kind[16], reclaim[65], quote[65], is_reclaim[65], is_quote[65];
	long long id;

	f->arena.len = 0;
	if (sscanf(line, "%15s %lld %64s %64s", kind, &id, reclaim, quote) != 4)
		return 1;
	if (hf_store_verdict_get(f->store, id, &f->arena, &v, &f->fault)) {
		printf("lost: %s", line);
		return 1;
	}
	hex(v.reclaim, is_reclaim);
	hex(v.quote, is_quote);
	if (strcmp(reclaim, is_reclaim) || strcmp(quote, is_quote) || (*kind == 't') != (v.release != HF_RELEASE_NOTHING)) {
		printf("differs: %s", line);
		return 1;
	}
	return 0;
}

static int check(struct store_fixture *f, char **logs)
{
	struct hf_audit_count count;
	unsigned long lines = 0;
	char line[256];
	int bad = 0;

	for (; *logs; logs++) {
		FILE *in = fopen(*logs, "re");

		while (in && fgets(line, sizeof(line), in)) {
			bad |= check_line(f, line);
			lines++;
		}
		if (in)
			fclose(in);
	}
	if (hf_store_audit_verify(f->store, NULL, &count, &f->fault)) {
		printf("audit: %s: %s\n", f->fault.where, f->fault.detail);
		return 1;
	}
	printf("%lu acknowledged, %lu chains, %lu entries, %lu verdicts\n", lines, (unsigned long)count.chains,
	       (unsigned long)count.entries, (unsigned long)count.verdicts);
	return bad;
}

int main(int argc, char **argv)
{
	struct store_fixture f = { .now = STORE_NOW };
	struct hammer all = { .url = argv[1] };
	int threads;

	if (argc < 4 || hf_arena_make(4u << 20, &f.arena))
		return 2;
	threads = strcmp(argv[2], "check") == 0 ? 1 : atoi(argv[4]);
	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	if (hf_store_open(argv[1], (size_t)threads, &f.store, &f.fault)) {
		fprintf(stderr, "%s: %s\n", f.fault.where, f.fault.detail);
		return 3;
	}
	if (strcmp(argv[2], "check") == 0)
		return check(&f, argv + 3);
	all.store = f.store;
	all.seconds = atoi(argv[2]);
	all.hosts = atoi(argv[3]);
	all.log = open(argv[5], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < all.hosts; i++) {
		char id[32];

		snprintf(id, sizeof(id), "host-%d", i);
		if (store_import(&f, id, 0))
			return 4;
	}
	return hammer(&all, threads);
}
