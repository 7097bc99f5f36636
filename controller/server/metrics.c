/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/metrics_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controller/server/http.h"

#define UNKNOWN "unknown"
#define OTHER "other"

const uint16_t hf_metrics_statuses[HF_METRICS_STATUSES] = {
	200, 201, 204, 400, 401, 403, 404, 405, 409, 411, 413, 422, 429, 500, 503, 0,
};
const uint16_t hf_metrics_bucket_ms[HF_METRICS_BUCKETS] = {
	2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000,
};

static void add_path(struct hf_metrics *m, const char *pattern)
{
	for (size_t i = 0; i < m->path_count; i++)
		if (strcmp(m->paths[i].pattern, pattern) == 0)
			return;
	if (m->path_count < HF_METRICS_PATHS - 1)	/* more than that are counted as unknown */
		m->paths[m->path_count++].pattern = pattern;
}

static void add_until(struct hf_metrics *m, const char *kind, const char *path)
{
	if (!path)
		return;
	m->until[m->until_count].kind = kind;
	m->until[m->until_count].name = path;
	m->until[m->until_count++].at = hf_http_until(path);
}

enum hf_err hf_metrics_make(struct hf_controller *controller, struct hf_fault *fault)
{
	const struct hf_route *const tables[] = { hf_agent_routes, hf_api_routes };
	struct hf_metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "metrics", "%s", "");
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct hf_route *r = tables[t]; r->method; r++)
			add_path(m, r->pattern);
	m->paths[m->path_count++].pattern = UNKNOWN;
	m->started = (int64_t)time(NULL);
	add_until(m, "tls-certificate", controller->config.certificate);
	add_until(m, "operator-ca", controller->config.operator_ca);
	pthread_mutex_init(&m->lock, NULL);
	controller->metrics = m;
	return HF_OK;
}

void hf_metrics_free(struct hf_controller *controller)
{
	if (!controller->metrics)
		return;
	pthread_mutex_destroy(&controller->metrics->lock);
	free(controller->metrics);
	controller->metrics = NULL;
}

void hf_metrics_request(struct hf_controller *controller, const char *pattern, unsigned status, uint64_t ms)
{
	struct hf_metrics *m = controller->metrics;
	size_t path = 0, s = 0, bucket = 0;

	if (!m)
		return;
	while (path < m->path_count - 1 && strcmp(m->paths[path].pattern, pattern) != 0)
		path++;
	while (s < HF_METRICS_STATUSES - 1 && hf_metrics_statuses[s] != status)
		s++;
	while (bucket < HF_METRICS_BUCKETS && ms > hf_metrics_bucket_ms[bucket])
		bucket++;
	atomic_fetch_add(&m->paths[path].statuses[s], 1);
	atomic_fetch_add(&m->paths[path].buckets[bucket], 1);
	atomic_fetch_add(&m->paths[path].total_ms, ms);
}

static bool is_same(const struct hf_verdict_count *a, const struct hf_verdict_count *b)
{
	return a->kind == b->kind && a->status == b->status && a->release == b->release &&
	       strcmp(a->class_name, b->class_name) == 0 && strcmp(a->model, b->model) == 0;
}

/* One of our own words, whoever said it: a label is no place for others'. */
static const char *class_of(const char *name)
{
	for (enum hf_class c = HF_CLASS_SUSPECT; name && c <= HF_CLASS_SETUP; c++)
		if (strcmp(hf_class_name(c), name) == 0)
			return hf_class_name(c);
	return "";
}

static struct hf_verdict_count *look_up(struct hf_metrics *m, const struct hf_verdict_count *wanted)
{
	for (size_t i = 0; i < m->verdict_count; i++)
		if (is_same(&m->verdicts[i], wanted))
			return &m->verdicts[i];
	return NULL;
}

/* The last quarter of the table is for models that find no room under their own name. */
static struct hf_verdict_count *find(struct hf_metrics *m, struct hf_verdict_count *wanted)
{
	struct hf_verdict_count *found = look_up(m, wanted);

	if (!found && m->verdict_count >= HF_METRICS_VERDICTS / 4 * 3) {
		snprintf(wanted->model, sizeof(wanted->model), OTHER);
		found = look_up(m, wanted);
	}
	if (found || m->verdict_count == HF_METRICS_VERDICTS)
		return found;
	m->verdicts[m->verdict_count] = *wanted;
	return &m->verdicts[m->verdict_count++];
}

void hf_metrics_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict)
{
	struct hf_metrics *m = controller->metrics;
	struct hf_verdict_count wanted = {
		.class_name = class_of(verdict->class_name), .kind = verdict->kind, .status = verdict->status,
		.release = verdict->release,
	}, *found;

	if (!m)
		return;
	snprintf(wanted.model, sizeof(wanted.model), "%s", verdict->model ? verdict->model : "");
	pthread_mutex_lock(&m->lock);
	found = find(m, &wanted);
	if (found)
		found->count++;
	pthread_mutex_unlock(&m->lock);
}
