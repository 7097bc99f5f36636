/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/log_json.h: events as JSON, with what our tags and a few firmware types say.
 * Every function gives a new reference; NULL means that memory ran out. */
#ifndef HF_CONTROLLER_LOG_JSON_H
#define HF_CONTROLLER_LOG_JSON_H

#include <jansson.h>

#include "measure/event.h"
#include "measure/secure_boot.h"

/* "BEGIN", "PART", "END", "CAP", or NULL if this is no event of ours. */
const char *hf_event_tag(const struct hf_event *event, struct hf_span *ret_payload);
json_t *hf_event_json(const struct hf_event *event, size_t number);
/* What the data say, by kind; an empty object where they say nothing. */
json_t *hf_event_decoded_json(const struct hf_event *event, const struct hf_event_data *data);
json_t *hf_secure_boot_json(const struct hf_secure_boot *boot, enum hf_alg bank);
/* Up to the end, or to where *ret_err says that the lists are malformed. */
json_t *hf_signatures_json(struct hf_span content, enum hf_err *ret_err);
json_t *hf_hex_json(struct hf_span bytes);
json_t *hf_digest_json(const struct hf_digest *digest);
/* {"0": "hex", ...}; count of them */
json_t *hf_pcrs_json(const struct hf_pcrs *pcrs, unsigned count);
/* All of a CBOR item; byte strings as hex. What does not decode becomes {"error": name}. */
json_t *hf_payload_json(struct hf_span payload);

#endif
