/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The counts as Prometheus reads them (text exposition format 0.0.4). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "controller/server/metrics_internal.h"
#include "controller/server/webhook.h"

#define CHUNK ((size_t)64 << 10)
#define LINE_MAX_BYTES 1024
#define LABEL_MAX (2 * HF_HOST_ID_MAX + 1)
#define MODELS_MAX 1024		/* whose age is told */
#define DAY 86400

/* Chunks of the arena, one behind the other: nobody else takes of it meanwhile. */
struct text {
	struct hf_arena *arena;
	char *base;
	size_t len, cap;
	bool full;
};

__attribute__((format(printf, 2, 3)))
static void line(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	if (t->cap - t->len < LINE_MAX_BYTES && !t->full) {
		char *more = hf_arena_take(t->arena, CHUNK);

		t->full = !more;
		t->base = t->base ? t->base : more;
		t->cap += more ? CHUNK : 0;
	}
	if (t->full)
		return;
	va_start(args, format);
	n = vsnprintf(t->base + t->len, LINE_MAX_BYTES, format, args);
	va_end(args);
	if (n < 0 || n >= LINE_MAX_BYTES)
		t->full = true;
	else
		t->len += (size_t)n;
}

static void describe(struct text *t, const char *name, const char *type, const char *help)
{
	line(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and end of line are escaped. */
static const char *label(const char *in, char out[static LABEL_MAX])
{
	size_t n = 0;

	for (; *in && n < LABEL_MAX - 2; in++) {
		if (*in == '\\' || *in == '"' || *in == '\n')
			out[n++] = '\\';
		out[n++] = *in == '\n' ? 'n' : *in;
	}
	out[n] = '\0';
	return out;
}

/* ---- the fleet ---- */

struct age { char model[HF_HOST_ID_MAX + 1]; enum hf_lease state; int64_t oldest; };
struct fleet {
	struct text *text;
	struct age *ages;	/* by model and state: the store gives those together */
	size_t age_count;
};

static void note_age(struct fleet *f, const struct hf_store_count *c)
{
	struct age *a = NULL;

	if (c->oldest_seen == 0)	/* one of them never was */
		return;
	for (size_t i = 0; i < f->age_count && !a; i++)
		if (f->ages[i].state == c->state && strcmp(f->ages[i].model, c->model) == 0)
			a = &f->ages[i];
	if (!a && f->age_count < MODELS_MAX) {
		a = &f->ages[f->age_count++];
		snprintf(a->model, sizeof(a->model), "%s", c->model);
		a->state = c->state;
		a->oldest = c->oldest_seen;
	}
	if (a && c->oldest_seen < a->oldest)
		a->oldest = c->oldest_seen;
}

static enum hf_err take_count(void *self, const struct hf_store_count *c)
{
	struct fleet *f = self;
	char model[LABEL_MAX];

	line(f->text, "holdfast_hosts{model=\"%s\",state=\"%s\",status=\"%s\",class=\"%s\"} %" PRIu64 "\n",
	     label(c->model, model), hf_lease_name(c->state), hf_ear_status_name(c->status), c->class_name,
	     c->hosts);
	note_age(f, c);
	return HF_OK;
}

static enum hf_err put_fleet(struct hf_controller *controller, struct text *t, int64_t now,
			     struct hf_fault *fault)
{
	struct fleet f = { .text = t, .ages = calloc(MODELS_MAX, sizeof(*f.ages)) };
	char model[LABEL_MAX];
	enum hf_err err;

	if (!f.ages)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "metrics", "%s", "");
	describe(t, "holdfast_hosts", "gauge", "Hosts by model, lease state, and last verdict of the gate.");
	err = hf_store_counts(controller->store, take_count, &f, fault);
	describe(t, "holdfast_last_seen_age_seconds", "gauge",
		 "How long ago the host was seen that was silent for longest.");
	for (size_t i = 0; i < f.age_count; i++)
		line(t, "holdfast_last_seen_age_seconds{model=\"%s\",state=\"%s\"} %" PRId64 "\n",
		     label(f.ages[i].model, model), hf_lease_name(f.ages[i].state),
		     now > f.ages[i].oldest ? now - f.ages[i].oldest : 0);
	free(f.ages);
	return err;
}

/* At most so many rings, and an outcome or none for each. */
static enum hf_err take_ring(void *self, const char *ring, const char *observed, uint64_t hosts)
{
	char text[LABEL_MAX];

	line(self, "holdfast_ring_hosts{ring=\"%s\",observed=\"%s\"} %" PRIu64 "\n", label(ring, text), observed, hosts);
	return HF_OK;
}

static enum hf_err put_rings(struct hf_controller *controller, struct text *t, struct hf_fault *fault)
{
	describe(t, "holdfast_ring_hosts", "gauge",
		 "Hosts by ring, and what a ring that only observes would have made of their last verdict.");
	return hf_store_ring_counts(controller->store, take_ring, t, fault);
}

/* ---- this process ---- */

static void put_verdicts(struct hf_metrics *m, struct text *t)
{
	char model[LABEL_MAX];

	describe(t, "holdfast_verdicts_total", "counter", "Verdicts that this process recorded.");
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->verdict_count; i++) {
		const struct hf_verdict_count *v = &m->verdicts[i];

		line(t, "holdfast_verdicts_total{model=\"%s\",kind=\"%s\",status=\"%s\",class=\"%s\","
		     "release=\"%s\"} %" PRIu64 "\n", label(v->model, model), hf_evidence_kind_name(v->kind),
		     hf_ear_status_name(v->status), v->class_name, hf_release_kind_name(v->release), v->count);
	}
	pthread_mutex_unlock(&m->lock);
}

static void put_requests(const struct hf_metrics *m, struct text *t)
{
	describe(t, "holdfast_requests_total", "counter", "Requests by path of the API and HTTP status.");
	for (size_t p = 0; p < m->path_count; p++)
		for (size_t s = 0; s < HF_METRICS_STATUSES; s++) {
			uint64_t n = atomic_load(&m->paths[p].statuses[s]);
			char status[8] = "other";

			if (hf_metrics_statuses[s])
				snprintf(status, sizeof(status), "%u", hf_metrics_statuses[s]);
			if (n)
				line(t, "holdfast_requests_total{path=\"%s\",status=\"%s\"} %" PRIu64 "\n",
				     m->paths[p].pattern, status, n);
		}
}

static void put_latency(const struct hf_path_count *p, struct text *t)
{
	const char *name = "holdfast_request_duration_seconds";
	uint64_t sum = 0;

	for (size_t b = 0; b <= HF_METRICS_BUCKETS; b++)
		sum += atomic_load(&p->buckets[b]);
	if (sum == 0)
		return;
	sum = 0;
	for (size_t b = 0; b < HF_METRICS_BUCKETS; b++) {
		sum += atomic_load(&p->buckets[b]);
		line(t, "%s_bucket{path=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, p->pattern,
		     hf_metrics_bucket_ms[b] / 1000.0, sum);
	}
	sum += atomic_load(&p->buckets[HF_METRICS_BUCKETS]);
	line(t, "%s_bucket{path=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, p->pattern, sum);
	line(t, "%s_sum{path=\"%s\"} %.3f\n", name, p->pattern, (double)atomic_load(&p->total_ms) / 1000);
	line(t, "%s_count{path=\"%s\"} %" PRIu64 "\n", name, p->pattern, sum);
}

static void put_webhook(struct hf_controller *controller, struct text *t)
{
	struct hf_webhook_counts c;

	if (!controller->webhook)
		return;
	hf_webhook_count(controller, &c);
	describe(t, "holdfast_webhook_waiting", "gauge", "Events that nobody took yet.");
	line(t, "holdfast_webhook_waiting %" PRIu64 "\n", c.waiting);
	describe(t, "holdfast_webhook_events_total", "counter", "Events by what became of them.");
	line(t, "holdfast_webhook_events_total{outcome=\"taken\"} %" PRIu64 "\n", c.taken);
	line(t, "holdfast_webhook_events_total{outcome=\"refused\"} %" PRIu64 "\n", c.refused);
	line(t, "holdfast_webhook_events_total{outcome=\"dropped\"} %" PRIu64 "\n", c.dropped);
	describe(t, "holdfast_webhook_failures_total", "counter", "Attempts that nobody answered well.");
	line(t, "holdfast_webhook_failures_total %" PRIu64 "\n", c.failures);
}

static void put_process(const struct hf_metrics *m, struct text *t)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long page = sysconf(_SC_PAGESIZE);
	unsigned long pages = 0;

	describe(t, "holdfast_build_info", "gauge", "Which version runs.");
	line(t, "holdfast_build_info{version=\"%s\"} 1\n", HF_VERSION);
	describe(t, "process_start_time_seconds", "gauge", "When this process started.");
	line(t, "process_start_time_seconds %" PRId64 "\n", m->started);
	if (!f)
		return;
	if (fscanf(f, "%*u %lu", &pages) == 1) {
		describe(t, "process_resident_memory_bytes", "gauge", "Memory of this process.");
		line(t, "process_resident_memory_bytes %lu\n", pages * (unsigned long)page);
	}
	fclose(f);
}

/* ---- what ends one day ---- */

static void put_until(struct text *t, const char *kind, const char *name, int64_t until)
{
	char text[LABEL_MAX];

	if (until > 0)
		line(t, "holdfast_expiry_timestamp_seconds{kind=\"%s\",name=\"%s\"} %" PRId64 "\n", kind,
		     label(name, text), until);
}

static void sooner(int64_t *first, uint32_t until_day, int64_t now)
{
	const int64_t until = ((int64_t)until_day + 1) * DAY;

	if (until > now && (*first == 0 || until < *first))
		*first = until;
}

/* Waivers are for one host each: only the first to end is told, and of releases too. */
static void put_days(const struct hf_manifests *m, struct text *t, int64_t now)
{
	int64_t waiver = 0, release = 0;

	for (const struct hf_waiver *w = m->waivers; w; w = w->next)
		if (w->has_until)
			sooner(&waiver, w->until_day, now);
	for (const struct hf_component *c = m->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next)
			if (r->state == HF_RELEASE_ALLOWED_UNTIL)
				sooner(&release, r->until_day, now);
	put_until(t, "waiver", "first", waiver);
	put_until(t, "release", "first", release);
}

static void put_policy(struct hf_controller *controller, struct text *t, int64_t now)
{
	struct hf_policy_set *set = hf_policy_take(controller);

	describe(t, "holdfast_expiry_timestamp_seconds", "gauge", "When certificates, manifests and waivers end.");
	for (size_t i = 0; i < controller->metrics->until_count; i++)
		put_until(t, controller->metrics->until[i].kind, controller->metrics->until[i].name,
			  controller->metrics->until[i].at);
	if (!set)
		return;
	for (size_t i = 0; i < set->trust.count; i++)
		put_until(t, "anchor", set->trust.anchors[i].name, hf_key_until(set->trust.anchors[i].key));
	for (size_t i = 0; i < set->manifests->file_count; i++)
		put_until(t, "manifest", set->manifests->files[i].name, set->manifests->files[i].until);
	put_days(set->manifests, t, now);
	describe(t, "holdfast_manifests", "gauge", "Manifests that this process judges by.");
	line(t, "holdfast_manifests %zu\n", set->manifests->file_count);
	describe(t, "holdfast_policy_loaded_timestamp_seconds", "gauge", "When they were read.");
	line(t, "holdfast_policy_loaded_timestamp_seconds %" PRId64 "\n", set->loaded);
	hf_policy_drop(set);
}

static enum hf_err take_newest(void *self, const struct hf_audit_entry *entry)
{
	*(int64_t *)self = entry->at;
	return HF_OK;
}

static enum hf_err put_audit(struct hf_controller *controller, struct text *t, struct hf_fault *fault)
{
	int64_t newest = 0;
	enum hf_err err = hf_store_audit_newest(controller->store, NULL, 0, 1, take_newest, &newest, fault);

	describe(t, "holdfast_audit_newest_timestamp_seconds", "gauge", "When the last entry was written.");
	if (newest)
		line(t, "holdfast_audit_newest_timestamp_seconds %" PRId64 "\n", newest);
	return err;
}

enum hf_err hf_metrics_text(struct hf_controller *controller, struct hf_arena *arena, struct hf_span *ret,
			    struct hf_fault *fault)
{
	struct hf_metrics *m = controller->metrics;
	struct text t = { .arena = arena };
	int64_t now = (int64_t)time(NULL);
	enum hf_err err;

	put_process(m, &t);
	put_requests(m, &t);
	describe(&t, "holdfast_connections_refused_total", "counter", "Their address had as many as it may have.");
	line(&t, "holdfast_connections_refused_total %" PRIu64 "\n", atomic_load(&controller->refused));
	describe(&t, "holdfast_request_duration_seconds", "histogram", "From a request's head to its reply's end.");
	for (size_t p = 0; p < m->path_count; p++)
		put_latency(&m->paths[p], &t);
	put_verdicts(m, &t);
	put_webhook(controller, &t);
	put_policy(controller, &t, now);
	err = put_fleet(controller, &t, now, fault);
	if (!err)
		err = put_rings(controller, &t, fault);
	if (!err)
		err = put_audit(controller, &t, fault);
	/* a store that is away is what these are for: all else is told */
	describe(&t, "holdfast_store_up", "gauge", "The store answered.");
	line(&t, "holdfast_store_up %d\n", err == HF_OK);
	if (err == HF_ERR_STORE_FAILED)
		err = HF_OK;
	if (!err && t.full)
		err = hf_fail(fault, HF_ERR_LIMIT, "metrics", "%zu bytes", t.len);
	if (!err)
		*ret = (struct hf_span){ (const uint8_t *)t.base, t.len };
	return err;
}
