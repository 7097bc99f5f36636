/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/worker.h: child processes that can be abandoned, and a pool of them.
 * [edge: processes]
 *
 * Whatever may never return (a read of a device) or may be led astray by what it reads (a
 * parser of foreign bytes) runs in a child. A child is forked and sees what its parent had;
 * it holds no descriptor but its socket and those it was given, has the default action for
 * every signal, writes to no console, and gains no rights. The parent never waits for it: a
 * child that is not wanted any more is killed; if it is stuck in the kernel it stays behind,
 * and is collected whenever it ends.
 */
#ifndef HF_PCIE_WORKER_H
#define HF_PCIE_WORKER_H

#include <sys/types.h>

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_DEVICE_SECONDS 5		/* without a sign of progress: the device hangs */
#define HF_DEVICE_SECONDS_MAX 60	/* of the option, and of one job, however it progresses */
#define HF_POOL_PATIENCE_MS 100		/* a job that takes longer does not hold up the others */
#define HF_POOL_SIDE_BY_SIDE 4		/* workers while all goes well, at most */
#define HF_POOL_WORKERS 64		/* workers under way, hung ones too */
#define HF_POOL_ABANDONED_MAX 256	/* hung jobs of one run; then the rest is not tried */
#define HF_POOL_BATCH 16		/* jobs handed out at once */
#define HF_WORKERS_LEFT_MAX 1024	/* killed and not ended yet; then no further one starts */

enum hf_sandbox {	/* what a child gives up (pcie/sandbox.h) */
	HF_SANDBOX_READER,		/* of its rights what reading devices does not take */
	HF_SANDBOX_PARSER,		/* all rights, and nearly all system calls */
	HF_SANDBOX_CONVERSATION,	/* the same, but for the files that it keeps */
	HF_SANDBOX_LINK,		/* as PARSER, but for TCP connections to others */
};
struct hf_worker_state;		/* a page that parent and child share */
struct hf_worker {
	pid_t pid;
	int process;		/* pidfd; the parent's, like socket and state */
	int socket;		/* stream */
	struct hf_worker_state *state;
};
struct hf_worker_plan {
	/* In the child; when it returns, the child ends. */
	void (*run)(void *self, int socket);
	void *self;
	const int *keep;	/* descriptors that stay open, at most HF_WORKER_KEEP */
	size_t keep_count;
	enum hf_sandbox sandbox;
	void (*prepare)(void *self);	/* before the sandbox closes; may be NULL */
};
#define HF_WORKER_KEEP 16
/* HF_ERR_NO_MEMORY: the kernel would not; HF_ERR_LIMIT: too many are left behind. */
enum hf_err hf_worker_start(const struct hf_worker_plan *plan, struct hf_worker *ret) HF_MUST_USE;
/* Killed, not waited for. */
void hf_worker_abandon(struct hf_worker *worker);
/* Collects the dead, for at most so long. How many are still left behind. */
size_t hf_workers_reap(unsigned wait_ms);

/* In a child: a sign of progress, resp. where it is, for whoever has to name it if it
 * hangs. Elsewhere: nothing. */
void hf_worker_progress(void);
void hf_worker_mark(uint32_t mark);
uint64_t hf_now_ms(void);	/* CLOCK_BOOTTIME */

/* ---- the pool: jobs 0 to count - 1, each done once, side by side ---- */

/* Whose job it is. A worker that was led astray by what it read says nothing of another's:
 * it does the jobs of one owner and ends. */
typedef size_t (*hf_pool_owner)(const void *self, size_t index);
struct hf_pool_options {
	size_t workers;		/* while all goes well; 0: as many as there are processors */
	unsigned device_ms;	/* 0: HF_DEVICE_SECONDS */
	const int *keep;	/* for each worker */
	size_t keep_count;
	size_t answer_max;	/* bytes */
	hf_pool_owner owner;	/* NULL: all are one's */
	enum hf_sandbox sandbox;	/* as in a plan; PARSER: jobs that only think */
};
struct hf_pool_answer {
	size_t index;
	bool lost;		/* there is none: err is HF_ERR_TIMED_OUT or _READER_DIED */
	enum hf_err err;	/* as the job returned it; HF_ERR_DEVICE_FLOODED: w was full */
	struct hf_span bytes;	/* valid during the call; from a child: do not trust them */
	uint32_t mark;		/* the child's last one of this job */
};
/* In a worker: does one job, its answer into w. */
typedef enum hf_err (*hf_pool_job)(void *self, size_t index, struct hf_writer *w);
/* In the parent: once per job, as answers come in. HF_ERR_READER_DIED: this is no answer,
 * and whoever gave it is not to be trusted any more; another error ends the run. */
typedef enum hf_err (*hf_pool_done)(void *self, const struct hf_pool_answer *answer);
/* Never blocks on a worker. Fails only where no worker could be started at all, or done did. */
enum hf_err hf_pool_run(const struct hf_pool_options *options, size_t count, hf_pool_job job,
			hf_pool_done done, void *self) HF_MUST_USE;

/* The shared page's words. NULL: those of this child. */
uint64_t hf_worker_progress_of(const struct hf_worker *worker);
uint32_t hf_worker_mark_of(const struct hf_worker *worker);
_Atomic uint64_t *hf_worker_word(const struct hf_worker *worker);

#endif
