/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/api_ring.h: what the handlers of rings share. */
#ifndef HF_CONTROLLER_SERVER_API_RING_H
#define HF_CONTROLLER_SERVER_API_RING_H

#include "controller/server/ring.h"

#define HF_API_WHY_MAX 200	/* bytes of a reason: an entry of the audit holds it whole */
#define HF_HTTP_ARENA_OF_RING ((size_t)512 << 20)	/* of manifests that are tried; lazily backed */

struct hf_by hf_api_by(const struct hf_request *request);
/* NULL, or a reason that is one; else fault says what is wrong. */
bool hf_api_why_good(const char *why, struct hf_fault *fault);
/* 409: the hosts that would be worse off, by name. */
void hf_api_worse(struct hf_request *request, const struct hf_ring_tried *tried, struct hf_response *response);
/* The ring as it is now ("": the default one), how many hosts moved, and what was tried. */
void hf_api_tried(struct hf_request *request, const char *ring, size_t moved, const struct hf_ring_tried *tried,
		  struct hf_response *response);

#endif
