/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage fence: what the verdict isolates is taken off the bus before any driver is
 * bound. What cannot be is held. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/platform.h"
#include "manifests/fence.h"

/* ---- who is away ---- */

static const struct hf_gate_fence *fence_of(const struct hf_gate *gate, const char *path)
{
	const struct hf_gate_fence *f = gate->fences;

	while (f && strcmp(f->path, path) != 0)
		f = f->next;
	return f;
}

static bool isolated(void *self, const char *path, const char **ret_why)
{
	const struct hf_gate_fence *f = fence_of(self, path);

	*ret_why = f ? f->why : "it was refused after others had been isolated";
	return f && f->method != HF_FENCE_NONE;
}

/* In audit mode nothing is isolated and nothing is held: the verdict stays as it is. */
void hf_gate_apply_fences(struct hf_gate *gate)
{
	if (gate->fence_done && !(gate->model && gate->model->mode == HF_MODE_AUDIT))
		hf_fence_apply(&gate->verdict, &gate->judge_arena, isolated, gate);
}

bool hf_gate_away(const struct hf_gate *gate, const struct hf_part *part)
{
	const struct hf_gate_fence *f = fence_of(gate, part->path);

	return f && f->method != HF_FENCE_NONE;
}

/* ---- the stage ---- */

static const char *port_path(const struct hf_gate *gate, const struct hf_address *address)
{
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (f->address.domain == address->domain && f->address.bus == address->bus &&
			    f->address.device == address->device &&
			    f->address.function == address->function)
				return f->path;
	return "?";
}

static enum hf_err fence(struct hf_gate *gate, const struct hf_part *part, struct hf_fault *fault)
{
	struct hf_gate_fence *f = hf_arena_take(&gate->arena, sizeof(*f)), **end = &gate->fences;
	struct hf_fault mine = { 0 };
	enum hf_err err;

	if (!f)
		return hf_fail(fault, HF_ERR_NO_MEMORY, part->path, "%s", "fence");
	f->path = part->path;
	err = hf_fence_find_port(&gate->bus, part, &f->port, &mine);
	if (err == HF_OK) {
		f->port_path = port_path(gate, &f->port.address);
		err = hf_fence_part(&gate->host, part, &f->port, &f->method, &mine);
	}
	if (err != HF_OK) {
		f->method = HF_FENCE_NONE;
		f->why = hf_arena_text(&gate->arena, mine.detail, strlen(mine.detail));
	}
	while (*end)
		end = &(*end)->next;
	*end = f;
	return HF_OK;
}

static enum hf_err record(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_part *note = hf_gate_note_part(gate, HF_FENCE_NOTE);
	char key[40], text[2 * HF_PATH_MAX + 96];
	enum hf_err err = HF_OK;
	size_t n = 0;

	for (const struct hf_gate_fence *f = gate->fences; f && err == HF_OK; f = f->next) {
		n++;
		if (f->method == HF_FENCE_NONE) {
			snprintf(key, sizeof(key), "refused-%zu", n);
			snprintf(text, sizeof(text), "%s: %s", f->path, f->why ? f->why : "");
			err = hf_gate_note_text(gate, note, key, text);
			continue;
		}
		snprintf(key, sizeof(key), HF_FENCE_KEY "%zu", n);
		err = hf_gate_note_text(gate, note, key, f->path);
		snprintf(key, sizeof(key), HF_FENCE_KEY "%zu/by", n);
		snprintf(text, sizeof(text), "%s at %s", hf_fence_method_name(f->method), f->port_path);
		if (err == HF_OK)
			err = hf_gate_note_text(gate, note, key, text);
	}
	if (err != HF_OK || !note)
		return hf_fail(fault, HF_ERR_LIMIT, HF_FENCE_NOTE, "%zu parts", n);
	return hf_gate_record_part(gate, note, fault);
}

static void show(struct hf_gate *gate)
{
	for (const struct hf_gate_fence *f = gate->fences; f; f = f->next)
		hf_screen_print(&gate->screen, "  %s %s\n      %s%s%s\n", f->path,
				f->method != HF_FENCE_NONE ? "isolated" : "CANNOT BE ISOLATED",
				f->method != HF_FENCE_NONE ? hf_fence_method_name(f->method) : f->why,
				f->method != HF_FENCE_NONE ? " at " : "",
				f->method != HF_FENCE_NONE ? f->port_path : "");
}

static bool wanted(const struct hf_gate *gate, const struct hf_part *part)
{
	const struct hf_part_verdict *v = hf_verdict_for(&gate->verdict, part->path);

	return part->kind != HF_PART_HOST && v && v->status == HF_STATUS_ISOLATED &&
	       !fence_of(gate, part->path);
}

enum hf_err hf_gate_fence(struct hf_gate *gate, struct hf_fault *fault)
{
	size_t count = 0, done = 0;
	enum hf_err err = HF_OK;

	gate->fence_done = true;
	if (gate->model->mode == HF_MODE_AUDIT) {
		hf_gate_note(gate, "none: audit");
		return HF_OK;
	}
	for (const struct hf_part *p = gate->claims.parts; err == HF_OK && p; p = p->next)
		if (wanted(gate, p))
			err = fence(gate, p, fault);
	if (err != HF_OK)
		return err;
	for (const struct hf_gate_fence *f = gate->fences; f; f = f->next) {
		count++;
		done += f->method != HF_FENCE_NONE;
	}
	hf_gate_note(gate, count ? "%zu of %zu parts isolated" : "no part is to be isolated", done, count);
	if (count == 0)
		return HF_OK;
	show(gate);
	err = record(gate, fault);
	if (err != HF_OK)
		return err;
	hf_gate_judge(gate);
	return hf_gate_verdict(gate, fault);
}

/* ---- the tenant ---- */

/* Paths and words are our own: nothing in them needs escaping. */
const char *hf_gate_fences_json(struct hf_gate *gate)
{
	char line[2 * HF_PATH_MAX + 96];
	struct hf_writer w = { .cap = 3 };
	const char *comma = "";

	for (const struct hf_gate_fence *f = gate->fences; f; f = f->next)
		w.cap += sizeof(line);
	w.buf = hf_arena_take(&gate->arena, w.cap);
	if (!w.buf)
		return "null";
	hf_put(&w, "[", 1);
	for (const struct hf_gate_fence *f = gate->fences; f; f = f->next) {
		if (f->method == HF_FENCE_NONE)
			continue;
		snprintf(line, sizeof(line), "%s{\"path\":\"%s\",\"port\":\"%s\",\"by\":\"%s\"}", comma,
			 f->path, f->port_path, hf_fence_method_name(f->method));
		hf_put(&w, line, strlen(line));
		comma = ",";
	}
	hf_put(&w, "]", 2);
	return w.full ? "null" : (const char *)w.buf;
}

static bool has_word(const char *line, const char *word)
{
	const size_t len = strlen(word);

	for (const char *c = line; c && (c = strstr(c, word)); c += len)
		if ((c == line || c[-1] == ' ') && (c[len] == ' ' || c[len] == '\0'))
			return true;
	return false;
}

/* A kernel with hot-plug drivers switches a slot on in which it sees a card: the tenant's
 * own, or ours, which the tenant keeps after switch_root. */
enum hf_err hf_gate_fence_lasts(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_image *image = gate->started ? gate->started->image : NULL;

	const char *line = NULL;

	if (!image)
		return HF_OK;
	if (image->kind == HF_TENANT_NEXT_BOOT && gate->fences)
		return hf_fail(fault, HF_ERR_FENCE_IMPOSSIBLE, gate->fences->path, "%s",
			       "the reset of next-boot would switch it on again");
	line = image->kind == HF_TENANT_KEXEC ? image->command_line_text :
						hf_platform_text(gate->host_part, "command-line");
	if (has_word(line, "pcie_ports=compat"))
		return HF_OK;
	for (const struct hf_gate_fence *f = gate->fences; f; f = f->next)
		if (f->method != HF_FENCE_NONE && f->port.hot_plug)
			return hf_fail(fault, HF_ERR_FENCE_IMPOSSIBLE, f->path, "%s",
				       "the tenant's kernel would switch the slot on again: its command "
				       "line lacks pcie_ports=compat");
	return HF_OK;
}
