/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/watch.h"

#include <stdatomic.h>
#include <time.h>

#include "agent/crash.h"
#include "pcie/worker.h"

#define LOOK_MS 250
#define FIRED UINT64_MAX	/* in the shared word, which else counts the kicks */

static struct {
	struct hf_worker worker;
	bool on, fired;
	unsigned seconds;
} watch;

static void run(void *self, int socket)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	const uint64_t limit = *(unsigned *)self * UINT64_C(1000);
	_Atomic uint64_t *word = hf_worker_word(NULL);
	uint64_t last = atomic_load(word), since = hf_now_ms();

	(void)socket;
	for (;;) {
		uint64_t kicks = atomic_load(word), now = hf_now_ms();

		if (kicks != last) {
			last = kicks;
			since = now;
		} else if (now - since >= limit && atomic_compare_exchange_strong(word, &kicks, FIRED)) {
			hf_crash_held(HF_ERR_TIMED_OUT);
		}
		nanosleep(&pause, NULL);
	}
}

enum hf_err hf_watch_start(unsigned seconds, struct hf_fault *fault)
{
	int keep[HF_CRASH_DESCRIPTORS];
	const struct hf_worker_plan plan = { .run = run, .self = &watch.seconds, .keep = keep,
					     .keep_count = hf_crash_descriptors(keep) };
	enum hf_err err;

	if (!hf_watch_stop())
		return hf_fail(fault, HF_ERR_TIMED_OUT, NULL, "%s", "no progress");
	watch.seconds = seconds;
	err = hf_worker_start(&plan, &watch.worker);
	if (err != HF_OK)
		return hf_fail(fault, HF_ERR_HOLD_FAILED, "watch", "%s", hf_err_name(err));
	watch.on = true;
	return HF_OK;
}

bool hf_watch_kick(void)
{
	_Atomic uint64_t *word;
	uint64_t kicks;

	if (!watch.on)
		return !watch.fired;
	word = hf_worker_word(&watch.worker);
	kicks = atomic_load(word);
	watch.fired = kicks == FIRED || !atomic_compare_exchange_strong(word, &kicks, kicks + 1);
	return !watch.fired;
}

bool hf_watch_stop(void)
{
	bool in_time = hf_watch_kick();

	/* One that has fired goes on telling the consoles. */
	if (watch.on && in_time) {
		hf_worker_abandon(&watch.worker);
		watch.on = false;
		(void)hf_workers_reap(100);
	}
	return in_time;
}
