/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What operators, their tools and relying parties may ask; docs/openapi.json has each of these. */
#include "controller/server/api_json.h"

#include "controller/inventory.h"

#define HOST "/v1/hosts/{id}"
#define RING "/v1/rings/{id}"

const struct hf_route hf_api_routes[] = {
	{ "POST", "/v1/hosts", HF_ROLE_ADMIN, HF_INVENTORY_BYTES_MAX, hf_api_hosts_import, NULL, false },
	{ "GET", "/v1/hosts", HF_ROLE_VIEWER, 0, hf_api_hosts_list, "after limit state", false },
	{ "GET", HOST, HF_ROLE_VIEWER, 0, hf_api_host_show, NULL, false },
	{ "DELETE", HOST, HF_ROLE_ADMIN, 0, hf_api_host_remove, NULL, false },
	{ "POST", HOST "/reclaim", HF_ROLE_OPERATOR, HF_API_BODY_MAX, hf_api_reclaim, NULL, false },
	{ "POST", HOST "/hold", HF_ROLE_OPERATOR, HF_API_BODY_MAX, hf_api_hold, NULL, false },
	{ "POST", HOST "/re-enrol", HF_ROLE_ADMIN, HF_API_BODY_MAX, hf_api_re_enrol, NULL, false },
	{ "PUT", HOST "/secret", HF_ROLE_OPERATOR, HF_WIRE_SECRET_MAX, hf_api_secret, NULL, false },
	{ "GET", HOST "/result", HF_ROLE_RELYING_PARTY, 0, hf_api_result, NULL, false },
	{ "GET", HOST "/drift", HF_ROLE_VIEWER, 0, hf_api_drift, NULL, false },
	{ "GET", HOST "/verdicts", HF_ROLE_VIEWER, 0, hf_api_verdicts, "before limit", false },
	{ "GET", HOST "/appraisal", HF_ROLE_VIEWER, 0, hf_api_appraisal, "verdict", false },
	{ "GET", HOST "/evidence", HF_ROLE_VIEWER, 0, hf_api_evidence, "verdict", false },
	{ "GET", HOST "/manifests", HF_ROLE_RELYING_PARTY, 0, hf_api_host_manifests, NULL, false },
	{ "PUT", HOST "/ring", HF_ROLE_ADMIN, HF_API_BODY_MAX, hf_api_host_ring, NULL, false },
	{ "GET", "/v1/rings", HF_ROLE_VIEWER, 0, hf_api_rings, NULL, false },
	{ "GET", RING, HF_ROLE_VIEWER, 0, hf_api_ring_show, NULL, false },
	{ "PUT", "/v1/rings/{id}", HF_ROLE_ADMIN, HF_RING_BYTES_MAX, hf_api_ring_put, "stage accept-worse", true },
	{ "DELETE", RING, HF_ROLE_ADMIN, 0, hf_api_ring_remove, NULL, false },
	{ "POST", RING "/assign", HF_ROLE_ADMIN, HF_API_BODY_MAX, hf_api_ring_assign, NULL, true },
	{ "GET", RING "/manifests", HF_ROLE_RELYING_PARTY, 0, hf_api_ring_manifests, NULL, false },
	{ "GET", "/v1/verdicts", HF_ROLE_VIEWER, 0, hf_api_verdicts_all, "before limit", false },
	{ "GET", "/v1/audit", HF_ROLE_VIEWER, 0, hf_api_audit, "after before chain host limit", false },
	{ "GET", "/v1/audit/heads", HF_ROLE_VIEWER, 0, hf_api_audit_heads, "limit", false },
	{ "GET", "/v1/audit/verify", HF_ROLE_VIEWER, 0, hf_api_audit_verify, NULL, true },
	{ "GET", "/v1/health", HF_ROLE_NOBODY, 0, hf_api_health, NULL, false },
	{ "GET", "/v1/ready", HF_ROLE_NOBODY, 0, hf_api_ready, NULL, false },
	{ "GET", "/v1/openapi.json", HF_ROLE_NOBODY, 0, hf_api_openapi, NULL, false },
	{ "GET", "/metrics", HF_ROLE_VIEWER, 0, hf_api_metrics, NULL, false },
	{ .method = NULL },
};
