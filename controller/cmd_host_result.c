/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl host result: the controller's signed word on a host, as schedulers and switch
 * controllers get it. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "controller/host_cmds.h"
#include "controller/result_jwt_read.h"
#include "measure/file.h"
#include "measure/result.h"

#define PEM_MAX 65536
#define STALE_SECONDS 300	/* it is signed when it is asked for */

static int fail(const struct hf_host_args *a, struct hf_fault *fault, enum hf_err err, const char *detail)
{
	hf_fail(fault, err, a->word, "%s", detail);
	return hf_ctl_fault(a->command, fault);
}

static enum hf_err read_anchor(const char *path, struct hf_arena *arena, struct hf_key **ret, struct hf_fault *fault)
{
	struct hf_span pem;
	enum hf_err err = hf_file_read(AT_FDCWD, path, PEM_MAX, arena, &pem, fault);

	if (err)
		return err;
	err = hf_key_read_anchor(pem, ret);
	return err ? hf_fail(fault, err, path, "anchor") : HF_OK;
}

static const char *status_name(enum hf_ear_status status)
{
	switch (status) {
	case HF_EAR_NONE: return "no word";
	case HF_EAR_AFFIRMING: return "affirming";
	case HF_EAR_WARNING: return "warning";
	case HF_EAR_CONTRAINDICATED: return "contraindicated";
	}
	return "?";
}

static const char *text(struct hf_span span, struct hf_arena *arena)
{
	const char *t = hf_arena_text(arena, span.ptr, span.len);

	return t ? t : "";
}

static void print(const struct hf_host_args *a, const struct hf_result *r, struct hf_arena *arena)
{
	const char *cause = text(r->cause, arena), *detail = text(r->detail, arena);
	enum hf_err err = hf_err_from_name(cause);
	char line[512], when[HF_TIME_TEXT];

	hf_time_text(r->time, when);
	snprintf(line, sizeof(line), "%s: %s, signed %s by %s", text(r->host, arena), status_name(r->status), when,
		 text(r->verifier, arena));
	hf_ctl_print(stdout, line);
	hf_field_print(stdout, "lease", text(r->lease, arena));
	if (*cause) {
		snprintf(line, sizeof(line), "%s%s%s%s [%s]", hf_err_sentence(err), *detail ? " (" : "", detail,
			 *detail ? ")" : "", cause);
		hf_field_print(stdout, "reason", line);
		hf_field_print(stdout, "where", text(r->place, arena));
		hf_field_print(stdout, "next", hf_err_next_step(err));
	} else {
		hf_field_print(stdout, "says", detail);
	}
	hf_field_print(stdout, "signature", a->verify ? "verified with the given anchor" :
		       "not verified here: say --verify --anchor PEM");
}

/* Whose word it is, of which host, and that it is of now: an old one may have been good. */
static int verify(const struct hf_host_args *a, struct hf_span message, struct hf_arena *arena,
		  struct hf_span *ret_payload)
{
	struct hf_fault fault = { 0 };
	struct hf_key *key;
	enum hf_err err = read_anchor(a->anchor, arena, &key, &fault);

	if (err)
		return hf_ctl_fault(a->command, &fault);
	err = hf_statement_verify(key, HF_RESULT_TYPE, message, ret_payload);
	hf_key_free(key);
	return err ? fail(a, &fault, HF_ERR_TICKET_SIGNER, hf_err_sentence(err)) : HF_EXIT_OK;
}

static int unverified(const struct hf_host_args *a, struct hf_span message, struct hf_span *ret_payload)
{
	struct hf_fault fault = { 0 };
	struct hf_cose cose;
	enum hf_err err = hf_cose_parse(message, &cose);

	if (err)
		return fail(a, &fault, err, "result");
	*ret_payload = cose.payload;
	return HF_EXIT_OK;
}

static int read_cose(const struct hf_host_args *a, struct hf_span message, struct hf_arena *arena,
		     struct hf_result *ret)
{
	struct hf_fault fault = { 0 };
	struct hf_span payload;
	int code = a->verify ? verify(a, message, arena, &payload) : unverified(a, message, &payload);
	enum hf_err err = code ? HF_OK : hf_result_decode(payload, arena, ret);

	return err ? fail(a, &fault, err, "result") : code;
}

static int read_jwt(const struct hf_host_args *a, struct hf_span message, struct hf_arena *arena,
		    struct hf_result *ret)
{
	struct hf_fault fault = { 0 };
	struct hf_key *key;
	enum hf_err err = read_anchor(a->anchor, arena, &key, &fault);

	if (err)
		return hf_ctl_fault(a->command, &fault);
	err = hf_result_from_jwt(message, key, arena, ret);
	hf_key_free(key);
	if (err == HF_ERR_RESULT_SHAPE)
		return fail(a, &fault, err, "result");
	return err ? fail(a, &fault, HF_ERR_TICKET_SIGNER, hf_err_sentence(err)) : HF_EXIT_OK;
}

static int judge(const struct hf_host_args *a, bool jwt, struct hf_span message, struct hf_arena *arena)
{
	struct hf_result *r = hf_arena_take(arena, sizeof(*r));
	struct hf_fault fault = { 0 };
	const int64_t now = (int64_t)time(NULL);
	int code;

	if (!r)
		return fail(a, &fault, HF_ERR_NO_MEMORY, "result");
	code = jwt ? read_jwt(a, message, arena, r) : read_cose(a, message, arena, r);
	if (code)
		return code;
	if (!hf_span_equal(r->host, hf_span_text(a->word)))
		return fail(a, &fault, HF_ERR_RESULT_SHAPE, "it speaks of another host");
	if (a->verify && (r->time < now - STALE_SECONDS || r->time > now + STALE_SECONDS))
		return fail(a, &fault, HF_ERR_TICKET_EXPIRED, "it is signed for another time than now");
	if (!a->format)
		print(a, r, arena);
	return r->status == HF_EAR_AFFIRMING || r->status == HF_EAR_WARNING ? HF_EXIT_OK : HF_EXIT_REFUSED;
}

static int put(const struct hf_host_args *a, struct hf_span message)
{
	struct hf_fault fault = { 0 };

	if (a->out) {
		if (hf_file_write(AT_FDCWD, a->out, message, 0644, &fault) != HF_OK)
			return hf_ctl_fault(a->command, &fault);
		return HF_EXIT_OK;
	}
	fwrite(message.ptr, 1, message.len, stdout);
	return HF_EXIT_OK;
}

static int check_options(const struct hf_host_args *a, bool jwt)
{
	if (a->format && !jwt && strcmp(a->format, "cose") != 0)
		return hf_ctl_refuse(a->command, "result: %s is no format: cose or jwt", a->format);
	if (!a->verify != !a->anchor)
		return hf_ctl_refuse(a->command, "result: --verify and --anchor go together");
	if (a->out && !a->format)
		return hf_ctl_refuse(a->command, "result: --out wants --format");
	if (a->json && a->format)
		return hf_ctl_refuse(a->command, "result: --json and --format exclude each other");
	if (a->format && !a->out && !jwt && isatty(STDOUT_FILENO))
		return hf_ctl_refuse(a->command, "result: not to a terminal: say --out FILE");
	return HF_EXIT_OK;
}

int hf_host_result(const struct hf_host_args *a, struct hf_arena *arena)
{
	const bool jwt = a->format && strcmp(a->format, "jwt") == 0;
	struct hf_http_reply reply;
	int code = check_options(a, jwt);

	if (code)
		return code;
	reply = hf_host_ask(a, &(struct hf_http_request){ .method = "GET", .path = hf_host_path(a, "/result", arena),
			    .accept = jwt ? "application/eat+jwt" : HF_RESULT_TYPE }, arena, &code);
	if (!reply.status)
		return code;
	if (jwt && !a->verify)
		return put(a, reply.body);
	code = judge(a, jwt, reply.body, arena);
	/* What did not verify is not handed on; a refusal that did is. */
	if (a->format && (code == HF_EXIT_OK || code == HF_EXIT_REFUSED))
		put(a, reply.body);
	return code;
}
