/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/pool.c: jobs over workers, of which any may hang, die or say anything at all.
 *
 * A worker is handed a range of jobs: its first and its end lie in the word that it shares
 * with the pool, and it moves the first onwards as it goes. Where it takes too long, the
 * pool takes back all but the job under way, by the same word, so that no job is ever under
 * way twice. Answers come over the socket, each with its number, and only the one that is
 * due from this worker is taken.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pcie/worker.h"

#define REAP_MS 50
#define JOBS_PER_WORKER 8	/* fewer are not worth another one */

enum job_state { JOB_WAITING, JOB_OUT, JOB_DONE };

struct answer_head {
	uint32_t index, err, mark, len;
};

struct slot {
	struct hf_worker worker;
	bool live;
	uint32_t first, end;		/* jobs that it owes; none: first == end */
	uint64_t began, seen_at, seen;	/* this job; the last progress: when, which */
	bool slow;			/* out of patience: it counts as stalled */
	bool served;			/* it had jobs, all of this owner's */
	size_t owner;
	uint8_t *in;			/* what came over its socket */
	size_t in_len;
};

struct pool {
	const struct hf_pool_options *options;
	hf_pool_job job;
	hf_pool_done done;
	void *self;
	uint8_t *states;		/* enum job_state of each job */
	uint32_t count, finished, next;	/* no job before next is waiting */
	size_t wanted, abandoned;
	unsigned device_ms;
	size_t in_cap;
	struct slot slots[HF_POOL_WORKERS];
};

static uint64_t range(uint32_t first, uint32_t end)
{
	return (uint64_t)first << 32 | end;
}

/* ---- in a worker ---- */

static bool send_all(int socket, struct hf_span bytes)
{
	while (bytes.len) {
		ssize_t n = write(socket, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = hf_span_part(bytes, (size_t)n, bytes.len - (size_t)n);
	}
	return true;
}

static bool do_job(struct pool *p, int socket, uint8_t *buf, uint32_t index)
{
	struct hf_writer w = { .buf = buf + sizeof(struct answer_head),
			       .cap = p->options->answer_max };
	struct answer_head head = { .index = index };

	head.err = p->job(p->self, index, &w);
	if (w.full) {
		head.err = HF_ERR_DEVICE_FLOODED;
		w.len = 0;
	}
	head.mark = hf_worker_mark_of(NULL);
	head.len = (uint32_t)w.len;
	memcpy(buf, &head, sizeof(head));
	return send_all(socket, (struct hf_span){ buf, sizeof(head) + w.len });
}

static void serve(void *self, int socket)
{
	struct pool *p = self;
	_Atomic uint64_t *word = hf_worker_word(NULL);
	uint8_t *buf = mmap(NULL, p->in_cap, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t go;

	if (buf == MAP_FAILED)
		return;
	while (read(socket, &go, 1) == 1) {
		uint64_t at = atomic_load(word);

		while ((uint32_t)(at >> 32) < (uint32_t)at) {
			uint32_t index = (uint32_t)(at >> 32);

			if (!do_job(p, socket, buf, index))
				return;
			/* The end may have come nearer meanwhile, or all be new. */
			while ((uint32_t)(at >> 32) == index &&
			       !atomic_compare_exchange_strong(word, &at,
							       range(index + 1, (uint32_t)at)))
				continue;
			if ((uint32_t)(at >> 32) == index)
				at = range(index + 1, (uint32_t)at);
		}
	}
}

/* ---- in the parent ---- */

static enum hf_err settle(struct pool *p, const struct hf_pool_answer *answer)
{
	p->states[answer->index] = JOB_DONE;
	p->finished++;
	return p->done(p->self, answer);
}

static void take_back(struct pool *p, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		p->states[i] = JOB_WAITING;
	if (first < end && first < p->next)
		p->next = first;
}

/* The worker goes; the job that was under way has no answer, the others wait again. */
static enum hf_err give_up(struct pool *p, struct slot *s, enum hf_err cause)
{
	struct hf_pool_answer answer = { .index = s->first, .lost = true, .err = cause,
					 .mark = hf_worker_mark_of(&s->worker) };
	bool owed = s->first < s->end;

	hf_worker_abandon(&s->worker);
	s->live = false;
	p->abandoned += cause == HF_ERR_TIMED_OUT;
	if (!owed)
		return HF_OK;
	take_back(p, s->first + 1, s->end);
	return settle(p, &answer);
}

static bool more_waiting(struct pool *p)
{
	while (p->next < p->count && p->states[p->next] != JOB_WAITING)
		p->next++;
	return p->next < p->count;
}

static void begin_job(struct slot *s)
{
	s->began = s->seen_at = hf_now_ms();
	s->seen = hf_worker_progress_of(&s->worker);
	s->slow = false;
}

static size_t owner_of(const struct pool *p, uint32_t index)
{
	return p->options->owner ? p->options->owner(p->self, index) : 0;
}

static enum hf_err hand_out(struct pool *p, struct slot *s)
{
	uint32_t share = 1 + (p->count - p->finished) / (uint32_t)(4 * p->wanted);
	uint32_t end = p->next;
	const uint8_t go = 1;

	share = share < HF_POOL_BATCH ? share : HF_POOL_BATCH;
	s->served = true;
	s->owner = owner_of(p, p->next);
	while (end < p->count && end - p->next < share && p->states[end] == JOB_WAITING &&
	       owner_of(p, end) == s->owner)
		p->states[end++] = JOB_OUT;
	s->first = p->next;
	s->end = end;
	begin_job(s);
	atomic_store(hf_worker_word(&s->worker), range(s->first, s->end));
	if (send(s->worker.socket, &go, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return give_up(p, s, HF_ERR_READER_DIED);
	return HF_OK;
}

static struct slot *start_worker(struct pool *p, enum hf_err *ret_err)
{
	const struct hf_worker_plan plan = { .run = serve, .self = p, .keep = p->options->keep,
					     .keep_count = p->options->keep_count,
					     .sandbox = p->options->sandbox };
	struct slot *s = p->slots;

	while (s < p->slots + HF_POOL_WORKERS && s->live)
		s++;
	*ret_err = HF_ERR_LIMIT;
	if (s == p->slots + HF_POOL_WORKERS)
		return NULL;
	if (!s->in) {
		void *in = mmap(NULL, p->in_cap, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		*ret_err = HF_ERR_NO_MEMORY;
		if (in == MAP_FAILED)
			return NULL;
		s->in = in;
	}
	*ret_err = hf_worker_start(&plan, &s->worker);
	if (*ret_err)
		return NULL;
	s->live = true;
	s->slow = s->served = false;
	s->in_len = 0;
	s->first = s->end = 0;
	return s;
}

static void retire(struct slot *s)
{
	hf_worker_abandon(&s->worker);
	s->live = false;
	(void)hf_workers_reap(0);
}

/* Every idle worker gets jobs, and there are as many that get on as are wanted, and one more
 * for each that is slow: where many devices hang, few rounds of patience find them all. */
static enum hf_err keep_busy(struct pool *p)
{
	size_t live = 0, well = 0, wanted = p->wanted;
	enum hf_err err = HF_OK;

	for (struct slot *s = p->slots; s < p->slots + HF_POOL_WORKERS && !err; s++) {
		if (s->live && s->first == s->end && more_waiting(p)) {
			if (s->served && s->owner != owner_of(p, p->next))
				retire(s);
			else
				err = hand_out(p, s);
		}
		live += s->live;
		well += s->live && !s->slow;
		wanted += s->live && s->slow;
	}
	while (!err && well < wanted && more_waiting(p)) {
		struct slot *s = start_worker(p, &err);

		if (!s)
			return live ? HF_OK : err;
		err = hand_out(p, s);
		live += s->live;
		well++;
	}
	return err;
}

static bool is_cause(uint32_t err)
{
	return err == HF_OK || hf_err_from_name(hf_err_name((enum hf_err)err)) == (enum hf_err)err;
}

/* Every whole answer that has come. */
static enum hf_err take_answers(struct pool *p, struct slot *s)
{
	size_t pos = 0;
	enum hf_err err = HF_OK;

	while (!err && s->in_len - pos >= sizeof(struct answer_head)) {
		struct answer_head head;

		memcpy(&head, s->in + pos, sizeof(head));
		if (s->first == s->end || head.index != s->first ||
		    head.len > p->options->answer_max || !is_cause(head.err))
			return give_up(p, s, HF_ERR_READER_DIED);
		if (s->in_len - pos - sizeof(head) < head.len)
			break;
		const struct hf_pool_answer answer = {
			.index = head.index, .err = (enum hf_err)head.err, .mark = head.mark,
			.bytes = { s->in + pos + sizeof(head), head.len } };

		s->first++;
		begin_job(s);
		err = settle(p, &answer);
		if (err == HF_ERR_READER_DIED) {	/* it is given nothing more */
			take_back(p, s->first, s->end);
			s->end = s->first;
			return give_up(p, s, err);
		}
		pos += sizeof(head) + head.len;
	}
	s->in_len -= pos;
	memmove(s->in, s->in + pos, s->in_len);
	return err;
}

static enum hf_err hear(struct pool *p, struct slot *s)
{
	ssize_t n = recv(s->worker.socket, s->in + s->in_len, p->in_cap - s->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return HF_OK;
	if (n <= 0)
		return give_up(p, s, HF_ERR_READER_DIED);
	s->in_len += (size_t)n;
	return take_answers(p, s);
}

/* What patience is left for this worker, or what its running out means. */
static enum hf_err look_after(struct pool *p, struct slot *s, uint64_t now, uint64_t *ret_wait)
{
	uint64_t expected = range(s->first, s->end), progress = hf_worker_progress_of(&s->worker);

	if (progress != s->seen) {
		s->seen = progress;
		s->seen_at = now;
	}
	if (now - s->seen_at >= p->device_ms || now - s->began >= HF_DEVICE_SECONDS_MAX * 1000u)
		return give_up(p, s, HF_ERR_TIMED_OUT);
	if (!s->slow && now - s->began >= HF_POOL_PATIENCE_MS &&
	    atomic_compare_exchange_strong(hf_worker_word(&s->worker), &expected,
					   range(s->first, s->first + 1))) {
		take_back(p, s->first + 1, s->end);
		s->end = s->first + 1;
		s->slow = true;
		*ret_wait = 0;
	}
	if (!s->slow && now - s->began < HF_POOL_PATIENCE_MS &&
	    s->began + HF_POOL_PATIENCE_MS - now < *ret_wait)
		*ret_wait = s->began + HF_POOL_PATIENCE_MS - now;
	if (s->seen_at + p->device_ms - now < *ret_wait)
		*ret_wait = s->seen_at + p->device_ms - now;
	return HF_OK;
}

static enum hf_err wait_for_answers(struct pool *p)
{
	struct pollfd fds[HF_POOL_WORKERS];
	struct slot *of[HF_POOL_WORKERS];
	uint64_t now = hf_now_ms(), wait = HF_POOL_PATIENCE_MS;
	enum hf_err err = HF_OK;
	nfds_t count = 0;

	for (struct slot *s = p->slots; s < p->slots + HF_POOL_WORKERS && !err; s++) {
		if (!s->live)
			continue;
		if (s->first < s->end)
			err = look_after(p, s, now, &wait);
		if (!s->live) {
			wait = 0;
			continue;
		}
		of[count] = s;
		fds[count++] = (struct pollfd){ .fd = s->worker.socket, .events = POLLIN };
	}
	if (err || poll(fds, count, (int)wait) <= 0)
		return err;
	for (nfds_t i = 0; i < count && !err; i++)
		if (fds[i].revents)
			err = hear(p, of[i]);
	return err;
}

/* Too many have hung: whatever that host is, it need not be asked further. */
static enum hf_err lose_the_rest(struct pool *p)
{
	enum hf_err err = HF_OK;

	while (!err && more_waiting(p)) {
		const struct hf_pool_answer answer = { .index = p->next, .lost = true,
						       .err = HF_ERR_TIMED_OUT };

		err = settle(p, &answer);
	}
	return err;
}

static size_t processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count > HF_POOL_SIDE_BY_SIDE ? HF_POOL_SIDE_BY_SIDE : count > 0 ? (size_t)count : 1;
}

static enum hf_err run(struct pool *p)
{
	enum hf_err err = HF_OK;

	while (!err && p->finished < p->count) {
		if (p->abandoned >= HF_POOL_ABANDONED_MAX)
			err = lose_the_rest(p);
		else
			err = keep_busy(p);
		if (!err && p->finished < p->count)
			err = wait_for_answers(p);
	}
	for (struct slot *s = p->slots; s < p->slots + HF_POOL_WORKERS; s++) {
		if (s->live)
			hf_worker_abandon(&s->worker);
		if (s->in)
			munmap(s->in, p->in_cap);
	}
	(void)hf_workers_reap(REAP_MS);
	return err;
}

enum hf_err hf_pool_run(const struct hf_pool_options *options, size_t count, hf_pool_job job,
			hf_pool_done done, void *self)
{
	struct pool *p;
	size_t worth = 1 + count / JOBS_PER_WORKER;
	enum hf_err err;

	if (count > UINT32_MAX / 2 || options->answer_max > UINT32_MAX / 2)
		return HF_ERR_LIMIT;
	p = calloc(1, sizeof(*p));
	if (!p)
		return HF_ERR_NO_MEMORY;
	p->options = options;
	p->job = job;
	p->done = done;
	p->self = self;
	p->count = (uint32_t)count;
	p->wanted = options->workers ? options->workers : processors();
	p->wanted = p->wanted < worth ? p->wanted : worth;
	p->device_ms = options->device_ms ? options->device_ms : HF_DEVICE_SECONDS * 1000;
	p->in_cap = sizeof(struct answer_head) + options->answer_max;
	p->states = calloc(count ? count : 1, 1);
	err = p->states ? run(p) : HF_ERR_NO_MEMORY;
	free(p->states);
	free(p);
	return err;
}
