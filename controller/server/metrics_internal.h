/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/metrics_internal.h: what metrics.c counts and metrics_text.c writes. */
#ifndef HF_CONTROLLER_SERVER_METRICS_INTERNAL_H
#define HF_CONTROLLER_SERVER_METRICS_INTERNAL_H

#include "controller/server/metrics.h"

#define HF_METRICS_PATHS 64
#define HF_METRICS_STATUSES 16
#define HF_METRICS_BUCKETS 11
#define HF_METRICS_VERDICTS 2048	/* kinds of verdict: models times causes' classes ... */

extern const uint16_t hf_metrics_statuses[HF_METRICS_STATUSES];	/* 0: any other */
extern const uint16_t hf_metrics_bucket_ms[HF_METRICS_BUCKETS];

struct hf_path_count {
	const char *pattern;		/* of the table of routes */
	_Atomic uint64_t statuses[HF_METRICS_STATUSES];
	_Atomic uint64_t buckets[HF_METRICS_BUCKETS + 1];	/* the last: slower than all */
	_Atomic uint64_t total_ms;
};
struct hf_verdict_count {
	char model[HF_NAME_MAX + 1];
	const char *class_name;		/* of hf_class_name; "": none */
	enum hf_evidence_kind kind;
	enum hf_ear_status status;
	enum hf_release_kind release;
	uint64_t count;
};
struct hf_metrics {
	int64_t started;
	size_t until_count;
	struct { const char *kind, *name; int64_t at; } until[2];	/* TLS: as it was read at the start */
	size_t path_count;
	struct hf_path_count paths[HF_METRICS_PATHS];	/* the last one: "unknown" */
	pthread_mutex_t lock;		/* of the verdicts */
	size_t verdict_count;
	struct hf_verdict_count verdicts[HF_METRICS_VERDICTS];
};

#endif
