/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/metrics.h: counts for Prometheus; no label names a host, and everything that
 * becomes a label comes from a table of limited size. */
#ifndef HF_CONTROLLER_SERVER_METRICS_H
#define HF_CONTROLLER_SERVER_METRICS_H

#include "controller/server/controller.h"

enum hf_err hf_metrics_make(struct hf_controller *controller, struct hf_fault *fault) HF_MUST_USE;
void hf_metrics_free(struct hf_controller *controller);
/* pattern: the route's, from the table, or "unknown". */
void hf_metrics_request(struct hf_controller *controller, const char *pattern, unsigned status, uint64_t ms);
void hf_metrics_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict);
/* Text exposition format, asking the store for the hosts. HF_ERR_STORE_FAILED, HF_ERR_LIMIT. */
#define HF_METRICS_TYPE "text/plain"	/* ; version=0.0.4, which scrapers take for granted */
enum hf_err hf_metrics_text(struct hf_controller *controller, struct hf_arena *arena, struct hf_span *ret,
			    struct hf_fault *fault) HF_MUST_USE;

#endif
