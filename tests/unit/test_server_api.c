/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operators' handlers on a store, without HTTP: bodies, limits, what is told, what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#include "controller/server/api_json.h"
#include "controller/server/metrics.h"
#include "controller/server/openapi.h"
#include "controller/server/seal.h"

struct server {
	struct store_fixture *store;
	struct hf_controller controller;
	struct hf_policy_set policy;
	struct hf_seal_key key;
	struct hf_request request;
	struct hf_response response;
	const char *names[4], *values[4];	/* of the query */
	json_t *json;				/* of the last reply */
};
static struct { unsigned events, states; enum hf_lease state; char why[64], text[4096]; } told;

/* ---- what the rest of holdfastd does ---- */
struct hf_policy_set *hf_policy_take(struct hf_controller *controller)
{
	return controller->policy;
}

void hf_policy_drop(struct hf_policy_set *set)
{
	(void)set;
}

void hf_tell_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict)
{
	(void)controller;
	(void)verdict;
	fail();
}

void hf_tell_state(struct hf_controller *controller, const char *host, enum hf_lease state, const char *actor,
		   const char *why)
{
	(void)controller;
	assert_string_equal(host, "host-1");
	assert_string_equal(actor, "token:boss");
	told.states++;
	told.state = state;
	snprintf(told.why, sizeof(told.why), "%s", why);
}

void hf_log_event(const char *level, const char *event, ...)
{
	va_list args;

	(void)level;
	(void)event;
	told.events++;
	va_start(args, event);
	for (const char *t = va_arg(args, const char *); t; t = va_arg(args, const char *))
		strncat(told.text, t, sizeof(told.text) - strlen(told.text) - 1);
	va_end(args);
}

enum hf_err hf_metrics_text(struct hf_controller *controller, struct hf_arena *arena, struct hf_span *ret,
			    struct hf_fault *fault)
{
	(void)controller;
	(void)arena;
	(void)fault;
	*ret = hf_span_text("holdfast_up 1\n");
	return HF_OK;
}

/* ---- requests ---- */

static const char *query(const struct hf_request *request, const char *name)
{
	const struct server *s = request->http;

	for (size_t i = 0; i < 4 && s->names[i]; i++)
		if (strcmp(s->names[i], name) == 0)
			return s->values[i];
	return NULL;
}

/* The body is a copy of exactly its size: a byte too far is seen by the sanitiser. */
static unsigned ask(struct server *s, hf_handler handle, const char *type, const void *body, size_t len)
{
	uint8_t *copy = len ? malloc(len) : NULL;

	if (len)
		memcpy(copy, body, len);
	json_decref(s->json);
	s->json = NULL;
	s->request.body = (struct hf_span){ copy, len };
	s->request.content_type = type;
	s->request.now = s->store->now;
	memset(&s->response, 0xaa, sizeof(s->response));
	handle(&s->request, &s->response);
	if (s->response.status == 204)
		assert_int_equal(s->response.body.len, 0);
	else if (strcmp(s->response.content_type, HF_API_JSON) == 0)
		assert_non_null(s->json = json_loadb((const char *)s->response.body.ptr, s->response.body.len, 0, NULL));
	free(copy);
	return s->response.status;
}

static unsigned post(struct server *s, hf_handler handle, const char *body)
{
	return ask(s, handle, HF_API_JSON, body, strlen(body));
}

static unsigned get(struct server *s, hf_handler handle)
{
	return ask(s, handle, NULL, NULL, 0);
}

static const char *text(const struct server *s, const char *name)
{
	return json_string_value(json_object_get(s->json, name));
}

static void refused(struct server *s, enum hf_err cause)
{
	assert_string_equal(text(s, "cause"), hf_err_name(cause));
	assert_string_equal(text(s, "sentence"), hf_err_sentence(cause));
	assert_string_equal(text(s, "next"), hf_err_next_step(cause));
}

static struct hf_host_record host(struct server *s)
{
	return store_host(s->store, "host-1");
}

static int set_up(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	void *store;

	if (!s || store_set_up(&store))
		return 1;
	s->store = store;
	memset(s->key.bytes, 7, sizeof(s->key.bytes));
	s->controller.store = s->store->store;
	s->controller.policy = &s->policy;
	s->controller.seal_key = &s->key;
	s->request = (struct hf_request){ .controller = &s->controller, .arena = &s->store->arena, .path = "/",
					  .host = "host-1", .role = HF_ROLE_ADMIN, .actor = "token:boss",
					  .query = query, .http = s };
	memset(&told, 0, sizeof(told));
	*state = s;
	return store_import(s->store, "host-1", 5) ? 1 : 0;
}

static int tear_down(void **state)
{
	struct server *s = *state;
	void *store = s->store;

	json_decref(s->json);
	free(s);
	return store_tear_down(&store);
}

#define TEST(name) static void name(void **state_)
#define BEGIN struct server *s = *state_

/* ---- reclaim ---- */

TEST(reclaim_wants_a_power_cycle)
{
	BEGIN;
	static const char *const bodies[] = {
		"{\"lease\":\"L\"}", "{\"lease\":\"L\",\"power-cycled\":false}", "{\"lease\":\"L\",\"power-cycled\":null}",
		"{\"lease\":\"L\",\"power-cycled\":\"true\"}", "{\"lease\":\"L\",\"power-cycled\":1}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(post(s, hf_api_reclaim, bodies[i]), 400);
		refused(s, HF_ERR_API_REFUSED);
		assert_non_null(strstr(text(s, "detail"), "power-cycle"));
		assert_int_equal(host(s).state, HF_LEASE_HELD);
	}
	assert_int_equal(told.states, 0);
	assert_int_equal(post(s, hf_api_reclaim, "{\"lease\":\"L\",\"power-cycled\":true}"), 200);
	assert_int_equal(host(s).state, HF_LEASE_RECLAIMED);
	assert_int_equal(told.states, 1);
	assert_int_equal(told.state, HF_LEASE_RECLAIMED);
	assert_string_equal(told.why, "L");
}

TEST(each_reclaim_has_its_own_id)
{
	BEGIN;
	uint8_t ids[8][HF_WIRE_ID];

	for (size_t i = 0; i < 8; i++) {
		struct hf_host_record h;

		assert_int_equal(post(s, hf_api_reclaim, "{\"lease\":\"L\",\"tenant\":\"T\",\"power-cycled\":true}"), 200);
		h = host(s);
		assert_int_equal(h.reclaim.len, HF_WIRE_ID);
		memcpy(ids[i], h.reclaim.ptr, HF_WIRE_ID);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(ids[i], ids[k], HF_WIRE_ID);
		assert_string_equal(h.tenant, "T");
	}
}

/* ---- bodies ---- */

TEST(bodies_are_taken_strictly)
{
	BEGIN;
	static const char *const bodies[] = {
		"", "{", "[]", "null", "\"why\"", "{} {}", "{\"why\":\"x\"}x", "{\"why\":\"x\",\"why\":\"y\"}",
		"{\"why\":\"x\",\"force\":true}", "{\"Why\":\"x\"}", "{}", "{\"why\":\"\"}", "{\"why\":7}",
		"{\"why\":null}", "{\"why\":[\"x\"]}", "{\"why\":\"a\\u0000b\"}", "{\"why\":\"a\\nb\"}",
		"{\"why\":\"\\u007f\"}",
		"{\"why\":\"a\\u009b31m\"}", "{\"why\":\"\\u0080\"}", "{\"why\":\"a\xc2\x9f\"}",	/* C1 */
		"{\"why\":\"a\\u202eb\"}", "{\"why\":\"\\u2066\"}", "{\"why\":\"\\u2069\"}", "{\"why\":\"\\u200f\"}",
		"{\"why\":\"\\u061c\"}", "{\"why\":\"a\\u2028b\"}", "{\"why\":\"\\u202a\"}", "{\"why\":\"\\u200e\"}",
		"{\"why\":\"\xff\xfe\"}", "{\"why\":\"\\ud800\"}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(post(s, hf_api_hold, bodies[i]), 400);
		refused(s, HF_ERR_API_REFUSED);
	}
	assert_int_equal(ask(s, hf_api_hold, "text/plain", "{\"why\":\"x\"}", 11), 400);
	assert_int_equal(ask(s, hf_api_hold, "application/jsonx", "{\"why\":\"x\"}", 11), 400);
	assert_int_equal(told.states, 0);
	assert_int_equal(ask(s, hf_api_hold, "Application/JSON; charset=utf-8", "{\"why\":\"x\"}", 11), 200);
	assert_int_equal(ask(s, hf_api_hold, NULL, "{\"why\":\"x\"}", 11), 200);
	assert_string_equal(text(s, "held-why"), "x");
	/* words of any language are words */
	assert_int_equal(post(s, hf_api_hold, "{\"why\":\"R\\u00e4uber \\u00a0 \\u2014 \\u060c \\u200d\"}"), 200);
	for (size_t i = 0; i < s->response.body.len; i++)
		assert_true(s->response.body.ptr[i] < 0x7f);
	assert_string_equal(text(s, "held-by"), "token:boss");
}

TEST(texts_have_a_limit)
{
	BEGIN;
	char lease[HF_HOST_ID_MAX + 2], body[HF_HOST_ID_MAX + 80];

	for (int more = 0; more < 2; more++) {
		snprintf(lease, sizeof(lease), "%.*s", HF_HOST_ID_MAX + more,
			 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
			 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX");
		snprintf(body, sizeof(body), "{\"lease\":\"%s\",\"power-cycled\":true}", lease);
		assert_int_equal(post(s, hf_api_reclaim, body), more ? 400 : 200);
	}
}

TEST(a_foreign_member_is_named_without_its_bytes)
{
	BEGIN;
	assert_int_equal(post(s, hf_api_hold, "{\"why\":\"x\",\"a\\u001b[31m\\u00e4\":1}"), 400);
	assert_non_null(strstr(text(s, "detail"), "a?[31m"));
	assert_null(strchr(told.text, 0x1b));
}

/* ---- secrets ---- */

TEST(a_secret_is_sealed_and_the_copy_wiped)
{
	BEGIN;
	static const char secret[] = "the tenant's own words";
	uint8_t copy[sizeof(secret)], plain[64];
	struct hf_writer w = { .buf = plain, .cap = sizeof(plain) };
	struct hf_host_record h;
	struct hf_span sealed;

	assert_int_equal(ask(s, hf_api_secret, "application/octet-stream", secret, sizeof(secret)), 409);
	refused(s, HF_ERR_HOST_NOT_RECLAIMED);
	assert_int_equal(post(s, hf_api_reclaim, "{\"lease\":\"L\",\"power-cycled\":true}"), 200);
	memcpy(copy, secret, sizeof(copy));
	s->request.body = (struct hf_span){ copy, sizeof(copy) };
	s->request.content_type = NULL;
	hf_api_secret(&s->request, &s->response);
	assert_int_equal(s->response.status, 204);
	for (size_t i = 0; i < sizeof(copy); i++)
		assert_int_equal(copy[i], 0);
	h = host(s);
	assert_int_equal(hf_store_secret_get(s->store->store, "host-1", h.reclaim, &s->store->arena, &sealed,
					     &s->store->fault), HF_OK);
	assert_int_equal(sealed.len, sizeof(secret) + HF_SEAL_OVERHEAD);
	assert_null(memmem(sealed.ptr, sealed.len, "tenant", 6));
	assert_int_equal(hf_seal_open(&s->key, "host-1", h.reclaim, sealed, &w), HF_OK);
	assert_memory_equal(plain, secret, sizeof(secret));
	assert_null(strstr(told.text, "own words"));
}

TEST(secrets_have_a_key_a_size_and_a_type)
{
	BEGIN;
	uint8_t bytes[HF_WIRE_SECRET_MAX + 1] = { 1 };

	assert_int_equal(post(s, hf_api_reclaim, "{\"lease\":\"L\",\"power-cycled\":true}"), 200);
	assert_int_equal(ask(s, hf_api_secret, NULL, bytes, 0), 400);
	assert_int_equal(ask(s, hf_api_secret, NULL, bytes, sizeof(bytes)), 400);
	assert_int_equal(ask(s, hf_api_secret, HF_API_JSON, bytes, 1), 400);
	assert_int_equal(ask(s, hf_api_secret, NULL, bytes, HF_WIRE_SECRET_MAX), 204);
	s->controller.seal_key = NULL;
	assert_int_equal(ask(s, hf_api_secret, NULL, bytes, 1), 400);
	assert_non_null(strstr(text(s, "detail"), "--secret-key"));
}

/* ---- others ---- */

TEST(re_enrol_takes_a_whole_digest)
{
	BEGIN;
	static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	char body[128];

	for (int len = 0; len < 64; len += 21) {
		snprintf(body, sizeof(body), "{\"ek-sha256\":\"%.*s\"}", len, hex);
		assert_int_equal(post(s, hf_api_re_enrol, body), 400);
	}
	snprintf(body, sizeof(body), "{\"ek-sha256\":\"%s\"}", hex);
	assert_int_equal(post(s, hf_api_re_enrol, body), 200);
	assert_string_equal(text(s, "ek-sha256"), hex);
	assert_int_equal(told.state, HF_LEASE_HELD);
	assert_int_equal(post(s, hf_api_re_enrol, "{}"), 200);
	assert_string_equal(text(s, "ek-sha256"), hex);
	assert_int_equal(store_import(s->store, "host-2", 9), HF_OK);	/* another's EK */
	s->request.host = "host-2";
	assert_int_equal(post(s, hf_api_re_enrol, body), 409);
	refused(s, HF_ERR_EK_INVENTORY);
}

TEST(a_verdict_of_another_host_is_not_shown)
{
	BEGIN;
	enum hf_evidence_kind kind;
	struct hf_verdict_record v;
	struct hf_host_record h;
	char id[24];

	assert_int_equal(store_reclaim(s->store, "host-1", 21), HF_OK);
	assert_int_equal(store_put(s->store, "host-1", 11, 5), HF_OK);
	assert_int_equal(store_activate(s->store, 11, &h), HF_OK);
	assert_int_equal(store_challenge(s->store, "host-1", 31, 41, &kind), HF_OK);
	v = store_verdict(s->store, "host-1", 31, 41, 21);
	v.place = "PCIe slot 4";
	v.report = "no JSON";
	assert_int_equal(store_record(s->store, &v), HF_OK);
	snprintf(id, sizeof(id), "%lld", (long long)v.id);
	s->names[0] = "verdict";
	s->values[0] = id;
	assert_int_equal(get(s, hf_api_evidence), 200);
	assert_string_equal(s->response.content_type, HF_WIRE_EVIDENCE_TYPE);
	assert_true(hf_span_equal(s->response.body, v.evidence));
	assert_int_equal(get(s, hf_api_appraisal), 200);
	assert_true(json_is_null(json_object_get(s->json, "appraisal")));
	assert_int_equal(store_import(s->store, "host-2", 9), HF_OK);
	s->request.host = "host-2";
	assert_int_equal(get(s, hf_api_evidence), 404);
	assert_int_equal(get(s, hf_api_appraisal), 404);
	assert_null(memmem(s->response.body.ptr, s->response.body.len, "slot 4", 6));
	assert_int_equal(get(s, hf_api_verdicts), 200);
	assert_int_equal(json_array_size(json_object_get(s->json, "verdicts")), 0);
}

TEST(numbers_of_the_query)
{
	BEGIN;
	static const char *const wrong[] = { "", "0", "1001", "-1", "+1", " 1", "1 ", "0x10", "1e3", "99999999999999999999" };

	s->names[0] = "limit";
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		s->values[0] = wrong[i];
		assert_int_equal(get(s, hf_api_hosts_list), 400);
		assert_int_equal(get(s, hf_api_verdicts), 400);
		assert_int_equal(get(s, hf_api_audit), 400);
		assert_int_equal(get(s, hf_api_audit_heads), 400);
	}
	s->values[0] = "1000";
	assert_int_equal(get(s, hf_api_hosts_list), 200);
}

TEST(pages_end)
{
	BEGIN;
	assert_int_equal(store_import(s->store, "host-2", 9), HF_OK);
	assert_int_equal(store_import(s->store, "host-3", 10), HF_OK);
	s->names[0] = "limit";
	s->values[0] = "2";
	assert_int_equal(get(s, hf_api_hosts_list), 200);
	assert_int_equal(json_array_size(json_object_get(s->json, "hosts")), 2);
	assert_string_equal(text(s, "next"), "host-2");
	s->names[1] = "after";
	s->values[1] = "host-2";
	assert_int_equal(get(s, hf_api_hosts_list), 200);
	assert_int_equal(json_array_size(json_object_get(s->json, "hosts")), 1);
	assert_true(json_is_null(json_object_get(s->json, "next")));
	s->values[1] = "../x";
	assert_int_equal(get(s, hf_api_hosts_list), 400);
}

TEST(import_all_or_nothing)
{
	BEGIN;
	static const char bad[] = "id,model\nnew-1,m\nnew 2,m\n", good[] = "id,model\nnew-1,m\nhost-1,m\n";

	assert_int_equal(ask(s, hf_api_hosts_import, "text/csv", bad, sizeof(bad) - 1), 400);
	refused(s, HF_ERR_INVENTORY_SYNTAX);
	assert_non_null(strstr(text(s, "detail"), "line 3"));
	s->request.host = "new-1";
	assert_int_equal(get(s, hf_api_host_show), 404);
	assert_int_equal(ask(s, hf_api_hosts_import, "text/html", good, sizeof(good) - 1), 400);
	assert_int_equal(ask(s, hf_api_hosts_import, "text/csv", good, sizeof(good) - 1), 200);
	assert_int_equal(json_integer_value(json_object_get(s->json, "new")), 1);
	assert_int_equal(json_integer_value(json_object_get(s->json, "hosts")), 2);
	assert_int_equal(get(s, hf_api_host_show), 200);
	assert_int_equal(get(s, hf_api_host_remove), 204);
	assert_int_equal(get(s, hf_api_host_remove), 404);
}

TEST(own_trouble_is_told_to_the_log_alone)
{
	BEGIN;
	struct hf_fault fault;

	hf_fail(&fault, HF_ERR_STORE_FAILED, "postgresql://db.internal", "password authentication failed");
	hf_api_fault(&s->request, HF_ERR_STORE_FAILED, &fault, &s->response);
	assert_int_equal(s->response.status, 503);
	assert_null(memmem(s->response.body.ptr, s->response.body.len, "internal", 8));
	assert_null(memmem(s->response.body.ptr, s->response.body.len, "password", 8));
	assert_non_null(strstr(told.text, "password authentication failed"));
}

TEST(ready_needs_manifests)
{
	BEGIN;
	assert_int_equal(get(s, hf_api_ready), 200);
	s->controller.policy = NULL;
	assert_int_equal(get(s, hf_api_ready), 503);
	assert_int_equal(get(s, hf_api_health), 200);
}

TEST(one_verifies_the_audit)
{
	BEGIN;
	assert_int_equal(get(s, hf_api_audit_verify), 200);
	assert_true(json_is_true(json_object_get(s->json, "intact")));
	atomic_store(&s->controller.stopping, true);
	assert_int_equal(get(s, hf_api_audit_verify), 503);
}

TEST(the_description_is_whole)
{
	BEGIN;
	assert_int_equal(get(s, hf_api_openapi), 200);
	assert_string_equal(text(s, "openapi"), "3.1.0");
	assert_int_equal(s->response.body.len, hf_openapi_size);
	assert_int_equal(get(s, hf_api_metrics), 200);
	assert_memory_equal(s->response.body.ptr, "holdfast_up 1\n", 14);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reclaim_wants_a_power_cycle), T(each_reclaim_has_its_own_id), T(bodies_are_taken_strictly),
		T(texts_have_a_limit), T(a_foreign_member_is_named_without_its_bytes),
		T(a_secret_is_sealed_and_the_copy_wiped), T(secrets_have_a_key_a_size_and_a_type),
		T(re_enrol_takes_a_whole_digest), T(a_verdict_of_another_host_is_not_shown), T(numbers_of_the_query),
		T(pages_end), T(import_all_or_nothing), T(own_trouble_is_told_to_the_log_alone), T(ready_needs_manifests),
		T(one_verifies_the_audit), T(the_description_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
