/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects of the API: hosts, verdicts, entries of the audit. */
#include "controller/server/api_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/log_json.h"

json_t *hf_api_string(const char *text)
{
	json_t *json = json_string(text ? text : "");

	return json ? json : json_string("?");
}

static const char *status_name(enum hf_ear_status status)
{
	switch (status) {
	case HF_EAR_NONE: return "none";
	case HF_EAR_AFFIRMING: return "affirming";
	case HF_EAR_WARNING: return "warning";
	case HF_EAR_CONTRAINDICATED: return "contraindicated";
	}
	return "none";
}

/* What the catalogue says of it; a cause of another version is told by its name alone. */
static int say_cause(json_t *json, const char *cause, const char *class_name)
{
	enum hf_err err = hf_err_from_name(cause);
	const bool known = strcmp(hf_err_name(err), cause) == 0;

	if (!*cause)
		return 0;
	return json_object_set_new(json, "cause", hf_api_string(cause)) |
	       json_object_set_new(json, "class", hf_api_string(class_name)) |
	       (known ? json_object_set_new(json, "sentence", json_string(hf_err_sentence(err))) |
			json_object_set_new(json, "next", json_string(hf_err_next_step(err))) : 0);
}

static json_t *whole(json_t *json, int failed)
{
	if (!failed)
		return json;
	json_decref(json);
	return NULL;
}

static int say_observed(json_t *json, const struct hf_verdict_record *v)
{
	int failed = v->ring && *v->ring ? json_object_set_new(json, "ring", hf_api_string(v->ring)) : 0;

	if (!v->observed || !*v->observed)
		return failed;
	return failed | json_object_set_new(json, "observed", hf_api_string(v->observed)) |
	       json_object_set_new(json, "observed-why", hf_api_string(v->observed_why));
}

json_t *hf_api_verdict(const struct hf_verdict_record *v)
{
	json_t *json = json_pack("{s:I, s:o, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I}", "id", (json_int_t)v->id,
				 "host", hf_api_string(v->host), "at", (json_int_t)v->at, "kind",
				 hf_evidence_kind_name(v->kind), "status", status_name(v->status), "release",
				 hf_release_kind_name(v->release), "place", hf_api_string(v->place), "detail",
				 hf_api_string(v->detail), "model", hf_api_string(v->model), "lease",
				 hf_api_string(v->lease), "receipt-at", (json_int_t)v->receipt_at);

	return whole(json, !json || say_cause(json, v->cause, v->class_name) || say_observed(json, v));
}

/* Of a list: no row is asked for that the host's own does not have. */
static json_t *last_verdict(const struct hf_host_record *host)
{
	json_t *json;

	if (!host->last_verdict_id)
		return json_null();
	json = json_pack("{s:I, s:I, s:s}", "id", (json_int_t)host->last_verdict_id, "at",
			 (json_int_t)host->last_verdict, "status", status_name(host->last_status));
	return whole(json, !json || say_cause(json, host->last_cause, host->last_class));
}

static json_t *banks(uint32_t mask)
{
	char text[64] = "";
	size_t len = 0;

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++)
		if (mask & HF_ALG_MASK(alg))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "+" : "", hf_alg_name(alg));
	return json_string(text);
}

static int set_inventory(json_t *json, const struct hf_host_record *host)
{
	const struct hf_inventory *in = &host->inventory;
	/* of its lease, where it has or had one */
	const char *tenant = host->reclaim.len ? host->tenant : in->tenant;

	return json_object_set_new(json, "model", hf_api_string(in->model)) |
	       json_object_set_new(json, "ring", hf_api_string(in->ring && *in->ring ? in->ring : HF_RING_DEFAULT)) |
	       json_object_set_new(json, "serial", hf_api_string(in->serial)) |
	       json_object_set_new(json, "banks", banks(in->banks)) |
	       json_object_set_new(json, "tenant", hf_api_string(tenant)) |
	       json_object_set_new(json, "ek-sha256", hf_hex_json(in->ek_id)) |
	       json_object_set_new(json, "ek-accepted", json_boolean(in->ek_accepted)) |
	       json_object_set_new(json, "first-use-until", json_integer(in->first_use_until));
}

static int set_enrolment(json_t *json, const struct hf_host_record *host)
{
	char firmware[24] = "";

	if (host->counted)
		snprintf(firmware, sizeof(firmware), "%016" PRIx64, host->firmware_version);
	return json_object_set_new(json, "enrolled", json_integer(host->enrolled)) |
	       json_object_set_new(json, "ak-name", hf_hex_json(host->ak_name)) |
	       json_object_set_new(json, "last-seen", json_integer(host->last_seen)) |
	       json_object_set_new(json, "reset-count", json_integer(host->counted ? host->reset_count : 0)) |
	       json_object_set_new(json, "restart-count", json_integer(host->counted ? host->restart_count : 0)) |
	       json_object_set_new(json, "tpm-firmware", json_string(firmware));
}

json_t *hf_api_host(const struct hf_host_record *host, const struct hf_verdict_record *verdict)
{
	json_t *json = json_pack("{s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:b, s:I}", "id",
				 hf_api_string(host->inventory.id), "state", hf_lease_name(host->state), "since",
				 (json_int_t)host->since, "lease", hf_api_string(host->lease), "held-why",
				 hf_api_string(host->held_why), "held-by", hf_api_string(host->held_by), "reclaim",
				 hf_hex_json(host->reclaim), "ticketed", (int)host->ticketed, "receipt-at",
				 (json_int_t)(verdict ? verdict->receipt_at : 0));

	return whole(json, !json || set_inventory(json, host) || set_enrolment(json, host) ||
		     json_object_set_new(json, "last-verdict", verdict ? hf_api_verdict(verdict) : last_verdict(host)));
}

json_t *hf_api_audit_entry(const struct hf_audit_entry *e)
{
	json_t *detail = json_loads(e->detail, JSON_DECODE_ANY, NULL);

	return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "chain", hf_api_string(e->chain), "seq",
			 (json_int_t)e->seq, "at", (json_int_t)e->at, "actor", hf_api_string(e->actor), "action",
			 hf_api_string(e->action), "host", hf_api_string(e->host), "detail",
			 detail ? detail : hf_api_string(e->detail), "before", hf_hex_json(e->before), "hash",
			 hf_hex_json(e->hash));
}
