/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage link, and the way to the controller whenever it is needed again: one network card
 * that was admitted, its driver alone, and a child that talks. */
#include "agent/gate.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/platform.h"
#include "agent/watch.h"
#include "measure/file.h"

#define CLASS_NETWORK 0x02
#define SERIAL_MAX 64		/* bytes, as the inventory has it */
#define TALK_MAX ((size_t)96 << 20)	/* evidence as it is sent, and replies; lazily backed */

/* ---- who the controller is ---- */

static bool taken_back(const struct hf_manifests *manifests, const struct hf_anchor *anchor)
{
	for (const struct hf_revocations *r = manifests->revocations; r; r = r->next)
		for (const struct hf_revoked *e = r->entries; e; e = e->next)
			if (e->kind == HF_REVOKED_KEY && memcmp(e->digest.bytes, anchor->id, HF_KEY_ID) == 0)
				return true;
	return false;
}

/* name: of a file in anchors/controller. */
static bool ca_taken_back(const struct hf_gate *gate, const char *name, size_t len)
{
	for (size_t i = 0; i < gate->trust.count; i++) {
		const struct hf_anchor *a = &gate->trust.anchors[i];

		if (a->role == HF_ANCHOR_CONTROLLER && strlen(a->name) == len &&
		    memcmp(a->name, name, len) == 0 && taken_back(gate->manifests, a))
			return true;
	}
	return false;
}

static enum hf_err add_ca(struct hf_gate *gate, int dirfd, const char *name, struct hf_writer *w,
			  struct hf_fault *fault)
{
	const size_t len = strlen(name);
	struct hf_span pem;
	enum hf_err err;

	if (len < 5 || strcmp(name + len - 4, ".pem") != 0 || ca_taken_back(gate, name, len - 4))
		return HF_OK;
	err = hf_file_read(dirfd, name, HF_LINK_CA_MAX, &gate->arena, &pem, fault);
	if (err != HF_OK)
		return err;
	hf_put_span(w, pem);
	hf_put(w, "\n", 1);
	return w->full ? hf_fail(fault, HF_ERR_LIMIT, name, "all of anchors/controller: at most %d bytes",
				 HF_LINK_CA_MAX) : HF_OK;
}

/* The same files of which BEGIN names the keys, as the TLS library wants them. */
static enum hf_err read_ca(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_writer w = { .buf = hf_arena_take(&gate->arena, HF_LINK_CA_MAX), .cap = HF_LINK_CA_MAX };
	char path[512];
	struct dirent **list = NULL;
	enum hf_err err = HF_OK;
	int dirfd, count;

	snprintf(path, sizeof(path), "%s/anchors/controller", gate->options.etc);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	count = dirfd < 0 || !w.buf ? -1 : scandirat(dirfd, ".", &list, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (err == HF_OK)
			err = add_ca(gate, dirfd, list[i]->d_name, &w, fault);
		free(list[i]);
	}
	free(list);
	if (dirfd >= 0)
		close(dirfd);
	if (err == HF_OK && w.len == 0)
		return hf_fail(fault, HF_ERR_ANCHOR_MISSING, path, "%s", "no *.pem: nobody could prove to be "
			       "the controller");
	gate->talk.ca = hf_written(&w);
	return err;
}

/* Copies without their own keys: gate->trust outlives them. */
static enum hf_err take_signers(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_trust *t = &gate->talk.trust;

	t->count = 0;
	for (size_t i = 0; i < gate->trust.count; i++)
		if (gate->trust.anchors[i].role == HF_ANCHOR_TICKET &&
		    !taken_back(gate->manifests, &gate->trust.anchors[i]))
			t->anchors[t->count++] = gate->trust.anchors[i];
	return t->count ? HF_OK : hf_fail(fault, HF_ERR_ANCHOR_MISSING, "anchors/ticket", "%s",
					  "nobody could sign a ticket for this host");
}

static enum hf_err prepare(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	/* The receipt's link, and whoever reads a device meanwhile, must not have the tenant's secret. */
	if (!gate->talk.arena.base) {
		err = hf_arena_make(TALK_MAX, &gate->talk.arena);
		if (err == HF_OK)
			err = hf_arena_hide(&gate->talk.arena);
	}
	if (err != HF_OK)
		return hf_fail(fault, err, "link", "%s", "");
	if (!gate->talk.ca.len)
		err = read_ca(gate, fault);
	if (err == HF_OK && !gate->talk.trust.count)
		err = take_signers(gate, fault);
	return err;
}

/* ---- the card ---- */

/* Its path, that of one of its functions, or the address of one, alone or within a name of the
 * kernel's. */
static bool is_named(const struct hf_part *part, const char *at)
{
	char address[HF_ADDRESS_TEXT];

	if (strcmp(at, part->path) == 0)
		return true;
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		const char *found;

		hf_address_format(&f->address, address);
		found = strstr(at, address);
		if (strcmp(at, f->path) == 0 || (found && (found == at || !isxdigit((unsigned char)found[-1]))))
			return true;
	}
	return false;
}

/* "PORT/00" is above all that is at "PORT/00.0/...". */
static bool is_behind(const struct hf_part *part, const struct hf_part *above)
{
	const size_t len = strlen(above->path);

	return above->kind == HF_PART_CARD && strncmp(part->path, above->path, len) == 0 &&
	       part->path[len] == '.';
}

bool hf_gate_suspects(const struct hf_claims *claims, const char *at, const struct hf_part *part)
{
	for (const struct hf_part *p = at ? claims->parts : NULL; p; p = p->next)
		if (is_named(p, at) && (strcmp(p->path, part->path) == 0 || is_behind(part, p)))
			return true;
	return false;
}

/* One that could be used, were the host not held for it. */
static bool could_serve(const struct hf_gate *gate, const struct hf_part *part, const struct hf_function *f)
{
	const char *only = gate->talk.nic ? gate->talk.nic : gate->conf.link;

	return (f->identity.class_code >> 16) == CLASS_NETWORK && hf_gate_admitted(gate, part) &&
	       !hf_gate_away(gate, part) &&
	       (!only[0] || strcmp(only, "auto") == 0 || strcmp(only, f->path) == 0);
}

static bool wanted(const struct hf_gate *gate, const struct hf_part *part, const struct hf_function *f)
{
	return could_serve(gate, part, f) && !hf_gate_suspects(&gate->claims, gate->talk.suspect, part);
}

const char *hf_gate_no_card(const struct hf_gate *gate)
{
	bool suspect = false;

	for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || hf_part_superseded(p))
			continue;
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			if (wanted(gate, p, f))
				return NULL;
			suspect |= could_serve(gate, p, f);
		}
	}
	return suspect ? "the host is held for the network card that leads there"
		       : "no accepted network card that link names";
}

static enum hf_err address_plan(const struct hf_gate *gate, struct hf_address_plan *ret, struct hf_fault *fault)
{
	const char *line = hf_platform_text(gate->host_part, "command-line");
	struct hf_span text = hf_span_text(gate->conf.address);
	enum hf_err err;

	if (strcmp(gate->conf.address, "command-line") == 0)
		text = hf_address_of_command_line(line ? line : "");
	err = hf_address_plan_parse(text, ret);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "address", "%.*s", (int)(text.len < 80 ? text.len : 80),
					      text.len ? (const char *)text.ptr : "");
}

static enum hf_err bring_up(struct hf_gate *gate, const struct hf_function *f,
			    const struct hf_address_plan *plan, struct hf_fault *fault)
{
	struct hf_gate_talk *t = &gate->talk;
	enum hf_err err = hf_gate_bind_function(gate, f->path, fault);

	if (err == HF_OK)
		err = hf_net_interface(&gate->host, &f->address, t->interface, fault);
	if (err == HF_OK && plan->device[0] && strcmp(plan->device, t->interface) != 0)
		err = hf_fail(fault, HF_ERR_LINK_NO_NIC, f->path, "it is %s, ip= wants %s", t->interface,
			      plan->device);
	if (err == HF_OK)
		err = hf_net_up(t->interface, plan, fault);
	if (err == HF_OK)
		t->nic = f->path;
	else if (t->interface[0])
		hf_net_down(t->interface);
	if (err != HF_OK)
		t->interface[0] = '\0';
	return err;
}

/* In inventory order; the first that works, and once one did, that one alone. */
static enum hf_err card_up(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_fault last = { 0 };
	struct hf_address_plan plan;
	enum hf_err err = address_plan(gate, &plan, fault);

	if (err != HF_OK)
		return err;
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || hf_part_superseded(p))
			continue;
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			if (!wanted(gate, p, f))
				continue;
			(void)hf_watch_kick();	/* too late: the next event fails */
			if (bring_up(gate, f, &plan, &last) == HF_OK)
				return HF_OK;
		}
	}
	if (last.err == HF_OK)
		return hf_fail(fault, HF_ERR_LINK_NO_NIC, gate->conf.link[0] ? gate->conf.link : "link", "%s",
			       hf_gate_no_card(gate));
	*fault = last;
	return last.err;
}

/* ---- up and down ---- */

static enum hf_err start_child(struct hf_gate *gate, bool with_key, struct hf_fault *fault)
{
	const struct hf_link_plan plan = {
		.urls = gate->conf.controller, .name = gate->conf.controller_name, .ca = gate->talk.ca,
		.key = with_key ? gate->boot_key : NULL, .now = hf_gate_now(gate),
	};

	if (with_key && !gate->boot_key)
		return hf_fail(fault, HF_ERR_INTERNAL, "link", "%s", "the boot key is gone");
	return hf_link_start(&plan, &gate->talk.link, fault);
}

enum hf_err hf_gate_link_up(struct hf_gate *gate, bool with_key, struct hf_fault *fault)
{
	enum hf_err err = prepare(gate, fault);

	hf_link_stop(&gate->talk.link);
	if (err == HF_OK && hf_gate_live(gate) && !gate->talk.interface[0])
		err = card_up(gate, fault);
	return err == HF_OK ? start_child(gate, with_key, fault) : err;
}

void hf_gate_link_stop(struct hf_gate *gate)
{
	hf_link_stop(&gate->talk.link);
	if (gate->talk.interface[0])
		hf_net_down(gate->talk.interface);
	gate->talk.interface[0] = '\0';
}

static const struct hf_part *part_of(const struct hf_gate *gate, const char *path)
{
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (!hf_part_superseded(p) && strcmp(f->path, path) == 0)
				return p;
	return NULL;
}

enum hf_err hf_gate_link_down(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_part *part = gate->talk.nic ? part_of(gate, gate->talk.nic) : NULL;

	hf_gate_link_stop(gate);
	return part ? hf_gate_unbind(gate, part->path, fault) : HF_OK;
}

/* ---- what is said, and when ---- */

int64_t hf_gate_now(const struct hf_gate *gate)
{
	const struct hf_gate_talk *t = &gate->talk;

	return t->challenged ? t->challenge.time + (int64_t)((hf_now_ms() - t->challenged_ms) / 1000) : 0;
}

struct hf_converse hf_gate_converse(struct hf_gate *gate, unsigned patience_ms)
{
	const char *serial = hf_platform_serial(gate->host_part);

	return (struct hf_converse){
		.link = gate->talk.link, .tpm = gate->tpm, .trust = &gate->talk.trust,
		.ak = gate->evidence.ak,
		.boot_key = { gate->boot_id.bytes, hf_alg_size(HF_ALG_SHA256) },
		.serial = hf_span_text(serial && strlen(serial) <= SERIAL_MAX ? serial : ""),
		.patience_ms = patience_ms, .arena = &gate->talk.arena,
	};
}

/* Also what the TLS session decrypted for us: nothing of it is needed once it is taken over. What
 * was in use before and is not now goes with the pages. */
void hf_gate_forget(struct hf_gate *gate)
{
	struct hf_arena *arena = &gate->talk.arena;

	gate->talk.secret = (struct hf_span){ NULL, 0 };
	if (!arena->base)
		return;
	explicit_bzero(arena->base, arena->len);
	hf_arena_drop(arena);
	*arena = (struct hf_arena){ .base = NULL };
}

/* ---- the stage ---- */

static void note_link(struct hf_gate *gate)
{
	if (gate->talk.nic)
		hf_gate_note(gate, "%.60s as %s", gate->talk.nic, gate->talk.interface);
	else
		hf_gate_note(gate, "a rehearsal: by the network of this machine");
}

/* What keeps a controller from being heard at all; whoever is heard and lies is another matter. */
static bool is_silence(enum hf_err err)
{
	return err == HF_ERR_LINK_DOWN || err == HF_ERR_LINK_ADDRESS;
}

enum hf_err hf_gate_link(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	if (!hf_gate_by_controller(gate)) {
		hf_gate_note(gate, "none: policy local");
		return HF_OK;
	}
	if (!gate->conf.controller[0])
		return hf_fail(fault, HF_ERR_CONTROLLER_REQUIRED, "holdfast.conf", "%s", "no controller line");
	if (!gate->tpm)
		return hf_fail(fault, HF_ERR_TPM_MISSING, NULL, "%s", "a controller judges nothing without one");
	err = hf_gate_link_up(gate, true, fault);
	if (err == HF_OK) {
		note_link(gate);
		return HF_OK;
	}
	if (!is_silence(err))
		return err;
	gate->talk.no_answer = *fault;	/* whether the owner has a word for it shows next */
	*fault = (struct hf_fault){ 0 };
	hf_gate_note(gate, "NO LINK: %s", hf_err_name(err));
	return HF_OK;
}
