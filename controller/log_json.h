/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/log_json.h: events as JSON, with what our tags and a few firmware types say.
 * Every function gives a new reference; NULL means that memory ran out. */
#ifndef HF_CONTROLLER_LOG_JSON_H
#define HF_CONTROLLER_LOG_JSON_H

#include <jansson.h>

#include "measure/log.h"

/* "BEGIN", "PART", "END", "CAP", or NULL if this is no event of ours. */
const char *hf_event_tag(const struct hf_event *event, struct hf_span *ret_payload);
json_t *hf_event_json(const struct hf_event *event, size_t number);
/* {"0": "hex", ...} */
json_t *hf_pcrs_json(const struct hf_pcrs *pcrs);
/* All of a CBOR item; byte strings as hex. What does not decode becomes {"error": name}. */
json_t *hf_payload_json(struct hf_span payload);

#endif
