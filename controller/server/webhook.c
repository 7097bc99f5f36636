/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/webhook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

#include "controller/server/seal.h"
#include "pcie/worker.h"

#define REQUEST_SECONDS 10L
#define CONNECT_SECONDS 5L
#define PAUSE_MS 500u
#define PAUSE_MOST_MS 60000u
#define SIGNATURE "Holdfast-Signature: sha256="
#define ANSWER_MAX ((size_t)64 << 10)	/* of a body that nobody reads */

struct hf_webhook {
	struct hf_controller *controller;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* an event came, or the end */
	char *events[HF_WEBHOOK_EVENTS];	/* a ring */
	size_t first;
	uint64_t head;			/* how often the oldest was taken out: is it still the same one? */
	struct hf_webhook_counts counts;
	bool overflowing;		/* said so, and nothing was taken since */
	_Atomic bool ending;
	_Atomic uint64_t end_ms;	/* when all is given up */
	bool has_key;
	struct hf_seal_key key;
	CURL *curl;			/* the thread's own */
	unsigned random;
	size_t answered;
};

/* ---- the queue; with the lock held ---- */

static void take_out(struct hf_webhook *w)
{
	free(w->events[w->first]);
	w->events[w->first] = NULL;
	w->first = (w->first + 1) % HF_WEBHOOK_EVENTS;
	w->head++;
	w->counts.waiting--;
}

static bool put_in(struct hf_webhook *w, char *event)
{
	const bool full = w->counts.waiting == HF_WEBHOOK_EVENTS;
	const bool news = full && !w->overflowing;

	if (full) {
		take_out(w);
		w->counts.dropped++;
		w->overflowing = true;
	}
	w->events[(w->first + w->counts.waiting) % HF_WEBHOOK_EVENTS] = event;
	w->counts.waiting++;
	return news;
}

void hf_webhook_post(struct hf_controller *controller, const char *json)
{
	struct hf_webhook *w = controller->webhook;
	char *copy = w ? strdup(json) : NULL;
	bool news;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	news = copy && put_in(w, copy);
	w->counts.dropped += copy ? 0 : 1;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (news)
		hf_log_event("error", "webhook-overflows", "next", "look at what receives it", NULL);
}

void hf_webhook_count(struct hf_controller *controller, struct hf_webhook_counts *ret)
{
	struct hf_webhook *w = controller->webhook;

	*ret = (struct hf_webhook_counts){ 0 };
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	*ret = w->counts;
	pthread_mutex_unlock(&w->lock);
}

/* ---- one event ---- */

static size_t pass_over(char *bytes, size_t size, size_t count, void *self)
{
	struct hf_webhook *w = self;

	(void)bytes;
	w->answered += size * count;
	return w->answered > ANSWER_MAX ? 0 : size * count;
}

static int give_up(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct hf_webhook *w = self;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&w->ending) && hf_now_ms() > atomic_load(&w->end_ms);
}

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	*list = longer ? longer : *list;
	return longer != NULL;
}

static bool sign(const struct hf_webhook *w, const char *event, struct curl_slist **headers)
{
	char line[sizeof(SIGNATURE) + 64] = SIGNATURE;
	struct hf_digest mac;
	size_t at = strlen(line);

	if (!w->has_key)
		return true;
	if (hf_seal_hmac((struct hf_span){ w->key.bytes, sizeof(w->key.bytes) }, hf_span_text(event), &mac))
		return false;
	for (size_t i = 0; i < 32; i++)
		snprintf(line + at + 2 * i, 3, "%02x", mac.bytes[i]);
	return add_header(headers, line);
}

/* The HTTP status; 0: none came, and why says so. */
static long post(struct hf_webhook *w, const char *event, char why[CURL_ERROR_SIZE])
{
	struct curl_slist *headers = NULL;
	long status = 0;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	why[0] = '\0';
	w->answered = 0;
	if (add_header(&headers, "Content-Type: application/json") && add_header(&headers, "Expect:") &&
	    sign(w, event, &headers)) {
		curl_easy_setopt(w->curl, CURLOPT_ERRORBUFFER, why);
		curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, event);
		curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(event));
		code = curl_easy_perform(w->curl);
		if (code == CURLE_OK)
			curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, NULL);
		curl_easy_setopt(w->curl, CURLOPT_ERRORBUFFER, NULL);
	}
	curl_slist_free_all(headers);
	if (code != CURLE_OK && !why[0])
		snprintf(why, CURL_ERROR_SIZE, "%s", curl_easy_strerror(code));
	return status;
}

/* ---- the thread ---- */

static void set_deadline(struct timespec *t, unsigned ms)
{
	clock_gettime(CLOCK_REALTIME, t);
	t->tv_sec += ms / 1000;
	t->tv_nsec += (long)(ms % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
}

/* Half of the pause, and up to the whole: controllers that failed together come back apart. The
 * lock is held. */
static void pause_ms(struct hf_webhook *w, unsigned ms)
{
	struct timespec until;

	set_deadline(&until, ms / 2 + (unsigned)rand_r(&w->random) % (ms / 2 + 1));
	while (!atomic_load(&w->ending) && pthread_cond_timedwait(&w->changed, &w->lock, &until) != ETIMEDOUT)
		;
}

static bool is_refusal(long status)
{
	return status == 400 || status == 413 || status == 422;
}

static void say_failure(long status, const char *why)
{
	char number[16];

	snprintf(number, sizeof(number), "%ld", status);
	/* the URL is not said: it may hold a password */
	hf_log_event("warning", is_refusal(status) ? "webhook-refused" : "webhook-failed", "status", number,
		     "detail", why, NULL);
}

/* The oldest event, once. true: it is done with. The lock is held, but while it is sent. */
static bool send_oldest(struct hf_webhook *w, bool quiet)
{
	char *event = strdup(w->events[w->first]), why[CURL_ERROR_SIZE];
	const uint64_t head = w->head;
	const bool was_full = w->overflowing;
	long status = 0;
	bool done;

	pthread_mutex_unlock(&w->lock);
	if (event)
		status = post(w, event, why);
	free(event);
	done = (status >= 200 && status < 300) || is_refusal(status);
	if (event && !(status >= 200 && status < 300) && (!quiet || is_refusal(status)))
		say_failure(status, why);
	pthread_mutex_lock(&w->lock);
	w->counts.taken += status >= 200 && status < 300;
	w->counts.refused += is_refusal(status);
	w->counts.failures += !done;
	if (done && w->head == head)	/* else it was dropped meanwhile */
		take_out(w);
	if (done && was_full)
		w->overflowing = false;
	return done;
}

static void *run(void *self)
{
	struct hf_webhook *w = self;
	unsigned failed = 0, ms = PAUSE_MS;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->counts.waiting == 0 && !atomic_load(&w->ending))
			pthread_cond_wait(&w->changed, &w->lock);
		if (w->counts.waiting == 0)
			break;
		/* said at the first failure, and at each sixtieth: it is a log, and there are counts */
		if (send_oldest(w, failed % 60 != 0)) {
			failed = 0;
			ms = PAUSE_MS;
			continue;
		}
		failed++;
		if (atomic_load(&w->ending))
			break;
		pause_ms(w, ms);
		ms = ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : ms * 2;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- start and end ---- */

static bool set_up(struct hf_webhook *w)
{
	w->curl = curl_easy_init();
	return w->curl && curl_easy_setopt(w->curl, CURLOPT_URL, w->controller->config.webhook) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_TIMEOUT, REQUEST_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_USERAGENT, "holdfastd/" HF_VERSION) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_WRITEFUNCTION, pass_over) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_WRITEDATA, w) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_XFERINFOFUNCTION, give_up) == CURLE_OK &&
	       curl_easy_setopt(w->curl, CURLOPT_XFERINFODATA, w) == CURLE_OK;
}

static void drop(struct hf_webhook *w)
{
	while (w->counts.waiting)
		take_out(w);
	curl_easy_cleanup(w->curl);
	hf_seal_wipe(&w->key, sizeof(w->key));
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
	curl_global_cleanup();
}

enum hf_err hf_webhook_check(const struct hf_config *config, struct hf_fault *fault)
{
	struct hf_seal_key key;
	enum hf_err err = config->webhook_key ? hf_seal_key_read(config->webhook_key, &key, fault) : HF_OK;

	hf_seal_wipe(&key, sizeof(key));
	return err;
}

enum hf_err hf_webhook_start(struct hf_controller *controller, struct hf_fault *fault)
{
	const struct hf_config *config = &controller->config;
	struct hf_webhook *w;
	enum hf_err err = HF_OK;

	if (!config->webhook)
		return HF_OK;
	w = calloc(1, sizeof(*w));
	if (!w || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(w);
		return hf_fail(fault, HF_ERR_NO_MEMORY, "--webhook", "%s", "");
	}
	w->controller = controller;
	w->random = (unsigned)hf_now_ms();
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->has_key = config->webhook_key != NULL;
	if (w->has_key)
		err = hf_seal_key_read(config->webhook_key, &w->key, fault);
	if (!err && (!set_up(w) || pthread_create(&w->thread, NULL, run, w) != 0))
		err = hf_fail(fault, HF_ERR_USAGE, "--webhook", "%.80s", config->webhook);
	if (err) {
		drop(w);
		return err;
	}
	if (!w->has_key)
		hf_log_event("warning", "webhook-unsigned", "next", "give --webhook-key", NULL);
	controller->webhook = w;
	return HF_OK;
}

void hf_webhook_stop(struct hf_controller *controller)
{
	struct hf_webhook *w = controller->webhook;
	char count[24];

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	atomic_store(&w->end_ms, hf_now_ms() + HF_WEBHOOK_STOP_SECONDS * 1000);
	atomic_store(&w->ending, true);
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	snprintf(count, sizeof(count), "%zu", (size_t)w->counts.waiting);
	if (w->counts.waiting)
		hf_log_event("error", "webhook-unsent", "count", count, NULL);
	controller->webhook = NULL;
	drop(w);
}
