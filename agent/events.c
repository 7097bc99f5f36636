/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/events.h"

static void put_text_or_null(struct hf_writer *w, const char *text)
{
	if (text)
		hf_cbor_put_text(w, text);
	else
		hf_cbor_put_null(w);
}

static void put_cause(struct hf_writer *w, enum hf_err cause)
{
	put_text_or_null(w, cause ? hf_err_name(cause) : NULL);
}

static void put_anchors(const struct hf_trust *trust, struct hf_writer *w)
{
	size_t count = trust ? trust->count : 0;

	hf_cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++) {
		hf_cbor_put_array(w, 2);
		hf_cbor_put_text(w, trust->anchors[i].name);
		hf_cbor_put_bstr(w, (struct hf_span){ trust->anchors[i].id, HF_KEY_ID });
	}
}

/* What an anchor's file beside it says, of those that have one: [name, digest]. */
static size_t count_scopes(const struct hf_trust *trust)
{
	size_t count = 0;

	for (size_t i = 0; trust && i < trust->count; i++)
		count += trust->anchors[i].scope.set;
	return count;
}

static void put_scopes(const struct hf_trust *trust, struct hf_writer *w)
{
	hf_cbor_put_array(w, count_scopes(trust));
	for (size_t i = 0; i < trust->count; i++) {
		if (!trust->anchors[i].scope.set)
			continue;
		hf_cbor_put_array(w, 2);
		hf_cbor_put_text(w, trust->anchors[i].name);
		hf_cbor_put_bstr(w, (struct hf_span){ trust->anchors[i].scope.sha256.bytes, 32 });
	}
}

static void put_manifests(const struct hf_manifests *manifests, struct hf_writer *w)
{
	size_t count = manifests ? manifests->file_count : 0;

	hf_cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++) {
		hf_cbor_put_array(w, 2);
		hf_cbor_put_text(w, manifests->files[i].name);
		hf_cbor_put_bstr(w, (struct hf_span){ manifests->files[i].sha256.bytes, 32 });
	}
}

void hf_begin_encode(const struct hf_begin *begin, struct hf_writer *w)
{
	enum hf_mode mode = begin->model ? begin->model->mode : HF_MODE_ENFORCE;

	hf_cbor_put_map(w, 10u + (count_scopes(begin->trust) != 0));
	hf_cbor_put_text(w, "mode");
	hf_cbor_put_text(w, hf_mode_name(mode));
	hf_cbor_put_text(w, "agent");
	hf_cbor_put_text(w, HF_VERSION);
	hf_cbor_put_text(w, "model");
	put_text_or_null(w, begin->model ? begin->model->name : NULL);
	hf_cbor_put_text(w, "policy");
	hf_cbor_put_text(w, begin->policy);
	if (count_scopes(begin->trust)) {
		hf_cbor_put_text(w, "scopes");
		put_scopes(begin->trust, w);
	}
	hf_cbor_put_text(w, "anchors");
	put_anchors(begin->trust, w);
	hf_cbor_put_text(w, "boot-key");
	if (begin->boot_key.len)
		hf_cbor_put_bstr(w, begin->boot_key);
	else
		hf_cbor_put_null(w);
	hf_cbor_put_text(w, "manifests");
	put_manifests(begin->manifests, w);
	hf_cbor_put_text(w, "generation");
	hf_cbor_put_uint(w, begin->model ? begin->model->generation : 0);
	hf_cbor_put_text(w, "command-line");
	hf_cbor_put_tstr(w, begin->command_line);
	hf_cbor_put_text(w, "manifest-error");
	put_cause(w, begin->manifest_error);
}

static void put_parts(const struct hf_verdict *verdict, struct hf_writer *w)
{
	size_t count = 0;

	for (const struct hf_part_verdict *p = verdict ? verdict->parts : NULL; p; p = p->next)
		count++;
	hf_cbor_put_array(w, count);
	for (const struct hf_part_verdict *p = verdict ? verdict->parts : NULL; p; p = p->next) {
		hf_cbor_put_array(w, 3);
		hf_cbor_put_text(w, p->place);
		hf_cbor_put_text(w, hf_status_name(p->status));
		put_cause(w, p->findings ? p->findings->cause : HF_OK);
	}
}

static bool waived_first(const struct hf_part_verdict *p, const struct hf_finding *f)
{
	for (const struct hf_finding *e = p->findings; e != f; e = e->next)
		if (e->waiver && e->cause == f->cause && strcmp(e->waiver, f->waiver) == 0)
			return false;
	return true;
}

/* [[waiver, place, reason]...], one line for each that was used; w NULL: only counted. */
static size_t put_waivers(const struct hf_verdict *verdict, struct hf_writer *w)
{
	size_t count = 0;

	for (const struct hf_part_verdict *p = verdict ? verdict->parts : NULL; p; p = p->next) {
		for (const struct hf_finding *f = p->findings; f; f = f->next) {
			if (!f->waiver || !waived_first(p, f))
				continue;
			count++;
			if (!w)
				continue;
			hf_cbor_put_array(w, 3);
			hf_cbor_put_text(w, f->waiver);
			hf_cbor_put_text(w, p->place);
			hf_cbor_put_text(w, hf_err_name(f->cause));
		}
	}
	return count;
}

void hf_end_encode(const struct hf_verdict *verdict, enum hf_err cause, enum hf_mode mode,
		   struct hf_writer *w)
{
	size_t waivers = put_waivers(verdict, NULL);

	hf_cbor_put_map(w, waivers ? 5 : 4);
	hf_cbor_put_text(w, "mode");
	hf_cbor_put_text(w, hf_mode_name(mode));
	hf_cbor_put_text(w, "cause");
	put_cause(w, cause);
	hf_cbor_put_text(w, "parts");
	put_parts(verdict, w);
	hf_cbor_put_text(w, "verdict");
	hf_cbor_put_text(w, hf_status_name(verdict && !cause ? verdict->status : HF_STATUS_HELD));
	if (!waivers)
		return;
	hf_cbor_put_text(w, "waivers");
	hf_cbor_put_array(w, waivers);
	(void)put_waivers(verdict, w);
}

static void put_image(struct hf_writer *w, const char *key, const struct hf_result_image *image)
{
	hf_cbor_put_text(w, key);
	hf_cbor_put_array(w, image->count);
	for (size_t i = 0; i < image->count; i++)
		hf_cbor_put_bstr(w, image->digests[i]);
}

void hf_cap_encode(const struct hf_cap *cap, struct hf_writer *w)
{
	hf_cbor_put_map(w, 3u + 2u * (cap->ticket.len != 0) + (cap->fallback != NULL));
	if (!cap->service)
		put_image(w, "tenant", cap->image);
	if (cap->ticket.len) {
		hf_cbor_put_text(w, "ticket");
		hf_cbor_put_bstr(w, cap->ticket);
		hf_cbor_put_text(w, "reclaim");
		hf_cbor_put_bstr(w, cap->reclaim);
	}
	hf_cbor_put_text(w, "release");
	hf_cbor_put_text(w, cap->release);
	if (cap->service)
		put_image(w, "service", cap->image);
	if (cap->fallback) {
		hf_cbor_put_text(w, "fallback");
		hf_cbor_put_text(w, cap->fallback);
	}
	hf_cbor_put_text(w, "last-look");
	hf_cbor_put_text(w, "same");
}
