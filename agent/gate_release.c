/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stages last-look and release. Release is entered from last-look alone, and its order
 * is fixed: CAP, receipt, endorsement hierarchy off, evidence out, the network card off, then
 * the tenant. */
#include "agent/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/crash.h"
#include "agent/events.h"
#include "agent/pid1.h"
#include "agent/release.h"
#include "agent/watch.h"
#include "measure/file.h"

static enum hf_err look_again(struct hf_gate *gate, struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_claims before, now;
	struct hf_bus bus;
	const char *path, *what;
	enum hf_err err = hf_bus_read(&gate->host, arena, &bus, fault);

	if (err != HF_OK)
		return err;
	hf_claims_init(&now, arena);
	err = hf_topology(&bus, &now);
	if (err != HF_OK)
		return hf_fail(fault, err, gate->host.root, "%s", "last look");
	err = hf_gate_parts_view(gate, arena, &before);
	if (err != HF_OK)
		return hf_fail(fault, err, "last look", "%s", "");
	what = hf_gate_look(&before, &now, &path);
	if (what)
		return hf_fail(fault, HF_ERR_LAST_LOOK_DIFFERENT, path, "%s", what);
	hf_gate_note(gate, "%zu functions, all as measured", now.function_count);
	return HF_OK;
}

enum hf_err hf_gate_last_look(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(HF_GATE_SCRATCH_MAX, &arena);

	if (err != HF_OK)
		return hf_fail(fault, err, "last look", "%s", "");
	err = look_again(gate, &arena, fault);
	hf_arena_drop(&arena);
	return err;
}

/* ---- release ---- */

static enum hf_tenant_kind kind_of(const struct hf_gate *gate)
{
	return gate->started->image->kind;
}

static bool is_service(const struct hf_gate *gate)
{
	return gate->started == &gate->service;
}

/* With policy controller nothing starts without a ticket that was checked, or the owner's word. */
static bool may_start(const struct hf_gate *gate)
{
	const struct hf_gate_talk *t = &gate->talk;

	if (!gate->started || !gate->started->image)
		return false;
	if (!hf_gate_by_controller(gate))
		return !is_service(gate);
	if (is_service(gate))
		return t->release == HF_RELEASE_SERVICE && gate->evidence.ticket.len != 0;
	return t->release == HF_RELEASE_TENANT && (gate->evidence.ticket.len != 0 || t->bearer);
}

static enum hf_err cap_payload(const struct hf_gate *gate, struct hf_writer *w)
{
	struct hf_image_digests digests;
	struct hf_digest ticket;
	struct hf_result_image image;
	struct hf_cap cap = {
		.image = &image, .service = is_service(gate),
		.release = hf_release_name(kind_of(gate)),
		.fallback = gate->talk.bearer ? gate->talk.bearer->name : NULL,
	};
	enum hf_err err = hf_gate_image(gate->started, &digests, &image);

	if (err == HF_OK && gate->evidence.ticket.len) {
		err = hf_digest(HF_ALG_SHA256, gate->evidence.ticket, &ticket);
		cap.ticket = (struct hf_span){ ticket.bytes, 32 };
		cap.reclaim = gate->talk.challenge.reclaim;
	}
	if (err == HF_OK)
		hf_cap_encode(&cap, w);
	return err == HF_OK && w->full ? HF_ERR_LIMIT : err;
}

static enum hf_err close_evidence(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_fault released = { 0 };
	uint8_t payload[512];
	struct hf_writer w = { .buf = payload, .cap = sizeof(payload) };
	enum hf_err err = may_start(gate) ? cap_payload(gate, &w) : HF_ERR_INTERNAL;

	if (err != HF_OK)
		return hf_fail(fault, err, "CAP", "%s", "");
	err = hf_gate_cap(gate, hf_written(&w), fault);
	if (err == HF_OK && gate->tpm)
		err = hf_tpm_endorsement_off(gate->tpm, fault);
	if (err != HF_OK)
		return err;
	hf_gate_send_receipt(gate, hf_written(&w));
	err = hf_gate_link_down(gate, fault);
	if (err == HF_OK)
		err = hf_gate_collect(gate, &released, fault);
	if (err == HF_OK)
		err = hf_evidence_write(&gate->evidence, HF_RUN, fault);
	if (err == HF_OK)
		err = hf_gate_deliver(gate, fault);
	return err;
}

static void say_released(struct hf_gate *gate)
{
	const uint64_t now = hf_now_ms();
	struct rusage usage = { 0 };
	char name[64], note[64];

	getrusage(RUSAGE_SELF, &usage);
	snprintf(note, sizeof(note), "%s; peak %ld KiB",
		 gate->would_hold ? "WOULD HOLD" : "capped, receipt signed", usage.ru_maxrss);
	hf_screen_stage(&gate->screen, now - gate->start_ms, "release", now - gate->entered_ms, HF_OK,
			note);
	hf_screen_value(gate->started->image->name, name, sizeof(name));
	hf_screen_print(&gate->screen, "%s\nholdfast result=released by=%s ms=%llu %s=%.20s%s%s\n",
			gate->would_hold ? "RELEASED in audit mode: WOULD HOLD, see above" :
			gate->talk.bearer ? "RELEASED by the owner's release: no controller answered" :
			is_service(gate) ? "RELEASED to the service image" : "RELEASED",
			hf_release_name(kind_of(gate)),
			(unsigned long long)(now - gate->start_ms),
			is_service(gate) ? "service" : "tenant", name,
			gate->would_hold ? " verdict=would-hold" : "",
			gate->talk.bearer ? " word=owner" : gate->evidence.ticket.len ? " word=ticket" : "");
	hf_screen_drain(&gate->screen);
}

/* A tenant that keeps this kernel finds it in memory, where the rest of the hand-over is. */
static enum hf_err hand_over_secret(const struct hf_gate *gate, struct hf_fault *fault)
{
	int dirfd = open(HF_RUN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum hf_err err;

	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, HF_RUN);
	err = hf_file_write(dirfd, HF_SECRET_FILE, gate->talk.secret, 0400, fault);
	close(dirfd);
	return err;
}

static enum hf_err start_by_kexec(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = hf_release_hand_over(gate->started, HF_RUN, gate->talk.secret, fault);

	hf_gate_forget(gate);
	if (err == HF_OK)
		err = hf_release_load(gate->started, fault);
	if (err != HF_OK)
		return err;
	say_released(gate);
	return hf_release_kexec(fault);
}

/* Nothing survives a reset: no hand-over, no secret. */
static enum hf_err start_by_next_boot(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = hf_release_set_next_boot(gate->started, fault);

	hf_gate_forget(gate);
	if (err != HF_OK)
		return err;
	say_released(gate);
	return hf_release_reset(fault);
}

/* Whoever goes on in this kernel gets its devices back. */
static enum hf_err start_in_this_kernel(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = hf_hold_give_back(&gate->host, &gate->hold, fault);

	if (err == HF_OK && gate->talk.secret.len)
		err = hand_over_secret(gate, fault);
	hf_gate_forget(gate);
	if (err != HF_OK)
		return err;
	if (gate->efivars_ours)
		hf_release_efivars();
	say_released(gate);
	return kind_of(gate) == HF_TENANT_EXIT ? HF_OK : hf_release_switch_root(fault);
}

static enum hf_err start_tenant(struct hf_gate *gate, struct hf_fault *fault)
{
	switch (kind_of(gate)) {
	case HF_TENANT_KEXEC:
		return start_by_kexec(gate, fault);
	case HF_TENANT_NEXT_BOOT:
		return start_by_next_boot(gate, fault);
	case HF_TENANT_ROOT:
	case HF_TENANT_EXIT:
		return start_in_this_kernel(gate, fault);
	}
	return hf_fail(fault, HF_ERR_INTERNAL, "release", "%s", "no such kind");
}

enum hf_err hf_gate_release(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	if (!hf_gate_live(gate))
		return hf_fail(fault, HF_ERR_CAPTURED_TREE, gate->host.root, "%s", "");
	err = close_evidence(gate, fault);
	if (err != HF_OK)
		return err;
	if (gate->tpm) {
		hf_tpm_close(gate->tpm);
		gate->tpm = NULL;
	}
	if (!hf_watch_stop())
		return hf_fail(fault, HF_ERR_TIMED_OUT, NULL, "%s", "the gate made no progress");
	hf_crash_cap(-1, (struct hf_span){ NULL, 0 });
	if (gate->crash_tpm >= 0)	/* the tenant may want the device for itself */
		close(gate->crash_tpm);
	gate->crash_tpm = -1;
	return start_tenant(gate, fault);
}
