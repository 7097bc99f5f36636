/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes out: the evidence gathered, to a directory, to the evidence port. */
#include "agent/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/platform.h"
#include "agent/watch.h"
#include "manifests/report.h"

#define PORT_PIECE ((size_t)4096)	/* bytes; 5 s at 9600 baud */
#define CMW_BEGIN "-----BEGIN HOLDFAST EVIDENCE-----\n"
#define CMW_END "\n-----END HOLDFAST EVIDENCE-----\n"

static struct hf_span names_of(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_manifests *sets[] = { gate->manifests, gate->lists };
	size_t cap = 1;
	struct hf_writer w = { 0 };

	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; sets[s] && i < sets[s]->file_count; i++)
			cap += strlen(sets[s]->files[i].name) + 2 * HF_DIGEST_MAX + 4;
	w.buf = hf_arena_take(&gate->arena, cap);
	w.cap = w.buf ? cap : 0;
	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; sets[s] && i < sets[s]->file_count; i++) {
			char hex[2 * HF_DIGEST_MAX + 1];

			hf_digest_hex(&sets[s]->files[i].sha256, hex);
			hf_put(&w, hex, strlen(hex));
			hf_put(&w, "  ", 2);
			hf_put_span(&w, hf_span_text(sets[s]->files[i].name));
			hf_put(&w, "\n", 1);
		}
	}
	if (w.full)
		hf_fail(fault, HF_ERR_NO_MEMORY, "manifests.txt", "%s", "");
	return hf_written(&w);
}

/* Everything recorded, as one array. */
static struct hf_span claims_of(struct hf_gate *gate)
{
	const size_t cap = gate->encoded.len + 9;
	struct hf_writer w = { .buf = hf_arena_take(&gate->arena, cap), .cap = cap };

	if (!w.buf)
		return (struct hf_span){ NULL, 0 };
	hf_cbor_put_array(&w, gate->encoded_count);
	hf_put_span(&w, hf_written(&gate->encoded));
	return hf_written(&w);
}

/* Words from our own tables only: nothing here needs escaping. */
static struct hf_span verdict_of(struct hf_gate *gate, const struct hf_fault *result)
{
	const bool held = result && result->err != HF_OK;
	/* claims.cbor has what was found; this is what was made of it */
	char *report = hf_report_json(NULL, gate->judged ? &gate->verdict : NULL, false);
	const char *fenced = hf_gate_fences_json(gate);
	const size_t cap = (report ? strlen(report) : 4) + strlen(fenced) + 512;
	uint8_t *buf = hf_arena_take(&gate->arena, cap);
	int n = -1;

	if (buf)
		n = snprintf((char *)buf, cap,
			     "{\"format\":1,\"result\":\"%s\",\"cause\":%s%s%s,\"stage\":\"%s\","
			     "\"mode\":\"%s\",\"would-hold\":%s,\"root-of-trust\":\"%s\","
			     "\"milliseconds\":%llu,\"fenced\":%s,\"report\":%s}\n",
			     held ? "held" : result ? "released" : "asked", held ? "\"" : "",
			     held ? hf_err_name(result->err) : "null", held ? "\"" : "",
			     gate->stage ? gate->stage : "hold",
			     gate->model && gate->model->mode == HF_MODE_AUDIT ? "audit" : "enforce",
			     gate->would_hold ? "true" : "false",
			     hf_root_of_trust(gate->model, gate->firmware_log),
			     (unsigned long long)(hf_now_ms() - gate->start_ms),
			     fenced, report ? report : "null");
	free(report);
	if (n < 0 || (size_t)n >= cap)
		return (struct hf_span){ NULL, 0 };
	return (struct hf_span){ buf, (size_t)n };
}

static void add_ak_pem(struct hf_gate *gate)
{
	struct hf_writer w = { .buf = hf_arena_take(&gate->arena, 512), .cap = 512 };
	struct hf_ak ak;

	if (w.buf && gate->evidence.ak.len && hf_ak_parse(gate->evidence.ak, &ak) == HF_OK &&
	    hf_ak_pem(&ak, &w) == HF_OK && !w.full)
		gate->evidence.ak_pem = hf_written(&w);
}

enum hf_err hf_gate_collect(struct hf_gate *gate, const struct hf_fault *result, struct hf_fault *fault)
{
	struct hf_evidence *e = &gate->evidence;

	*fault = (struct hf_fault){ 0 };
	e->firmware_log = gate->firmware_log;
	if (gate->log_started)
		e->log = hf_written(&gate->log.out);
	e->claims = claims_of(gate);
	e->transcripts = hf_gate_transcripts(gate);
	e->boot_key = gate->boot_spki;
	e->manifests = names_of(gate, fault);
	e->verdict = verdict_of(gate, result);
	add_ak_pem(gate);
	if (fault->err != HF_OK || !e->claims.len || !e->verdict.len ||
	    (!e->transcripts.len && (gate->claims.attachments || gate->again.attachments)))
		return hf_fail(fault, HF_ERR_NO_MEMORY, "evidence", "%s", "");
	return HF_OK;
}

/* A serial line takes minutes for a large host's claims: every piece that went out is progress. */
static enum hf_err put_to_port(int fd, struct hf_span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len < PORT_PIECE ? s.len : PORT_PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return HF_ERR_OUTPUT_FAILED;
		(void)hf_watch_kick();	/* too late: the gate is not released */
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return HF_OK;
}

static enum hf_err deliver_to_port(struct hf_gate *gate, const char *port, struct hf_fault *fault)
{
	struct hf_span json;
	enum hf_err err = hf_evidence_to_cmw(&gate->evidence, &gate->arena, &json);
	int fd;

	if (err != HF_OK)
		return hf_fail(fault, err, port, "%s", "encoding the evidence");
	fd = open(port, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, port);
	err = put_to_port(fd, hf_span_text(CMW_BEGIN));
	if (err == HF_OK)
		err = put_to_port(fd, json);
	if (err == HF_OK)
		err = put_to_port(fd, hf_span_text(CMW_END));
	close(fd);
	return err == HF_OK ? HF_OK : hf_fail_errno(fault, err, errno, port);
}

enum hf_err hf_gate_deliver(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK, port_err = HF_OK;

	if (gate->options.evidence)
		err = hf_evidence_write(&gate->evidence, gate->options.evidence, fault);
	/* A rehearsal writes to no device. */
	if (gate->conf.evidence[0] && hf_gate_live(gate))
		port_err = deliver_to_port(gate, gate->conf.evidence, fault);
	return err != HF_OK ? err : port_err;
}
