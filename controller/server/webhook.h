/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/webhook.h: one thread that posts events to the configured URL, in order, again
 * and again until each is taken; what does not fit into its queue is dropped, oldest first, counted
 * and logged. The queue is in memory: the audit and the verdicts are what is kept.
 *
 * POST, application/json, one event each. With a key, "Holdfast-Signature: sha256=HEX" is the
 * HMAC-SHA-256 of the body. Taken: any status 2xx. 400, 413, 422 refuse that one event for good;
 * whatever else happens, it is sent again, with pauses that grow. */
#ifndef HF_CONTROLLER_SERVER_WEBHOOK_H
#define HF_CONTROLLER_SERVER_WEBHOOK_H

#include "controller/server/controller.h"

#define HF_WEBHOOK_EVENTS 4096		/* that wait */
#define HF_WEBHOOK_STOP_SECONDS 5	/* for those that wait when the controller ends */

/* Without a configured URL: nothing, HF_OK. Once in a process, before it has threads. */
enum hf_err hf_webhook_start(struct hf_controller *controller, struct hf_fault *fault) HF_MUST_USE;
/* Can its key be read? Nothing is sent. */
enum hf_err hf_webhook_check(const struct hf_config *config, struct hf_fault *fault) HF_MUST_USE;
void hf_webhook_stop(struct hf_controller *controller);
void hf_webhook_post(struct hf_controller *controller, const char *json);	/* copied */

struct hf_webhook_counts { uint64_t waiting, taken, refused, dropped, failures; };
void hf_webhook_count(struct hf_controller *controller, struct hf_webhook_counts *ret);

#endif
