/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/drift.h"

#include <stdio.h>
#include <time.h>

#include "manifests/verify.h"
#include "measure/evidence.h"
#include "pcie/readers.h"

struct work {
	struct hf_arena *arena;
	struct hf_drift *ret;
	const struct hf_claims *now;
	char since[32 + HF_HOST_ID_MAX];
};

static const char *slot_of(const struct hf_part *part)
{
	const struct hf_measurement *m = hf_measurement_find(part->measurements, HF_MKEY_SLOT);

	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

/* By the label that its slot has now. */
static void name_place(const struct work *w, const struct hf_part *part, char *out, size_t cap)
{
	const struct hf_part *now = hf_claims_find_part(w->now, part->path);
	const char *slot = slot_of(now ? now : part);

	if (!slot)
		snprintf(out, cap, "%.100s", part->path);
	else if (slot[strspn(slot, "0123456789")] == '\0')
		snprintf(out, cap, "PCIe slot %.60s", slot);
	else
		snprintf(out, cap, "slot %.60s", slot);
}

static void differ(void *self, const struct hf_part *part, const struct hf_function *function,
		   const struct hf_measurement *before, const struct hf_measurement *after, const char *what)
{
	struct work *w = self;
	const struct hf_measurement *m = after ? after : before;
	char place[128], line[512];

	(void)function;
	if (strcmp(part->path, HF_SPDM_NOTE) == 0)	/* digests of conversations: of each boot */
		return;
	w->ret->total++;
	if (w->ret->line_count == HF_DRIFT_LINES)
		return;
	name_place(w, part, place, sizeof(place));
	snprintf(line, sizeof(line), "%s changed since %s: %s%s%s", place, w->since, m ? m->mkey : "",
		 m ? ": " : "", what);
	for (char *c = line; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	w->ret->lines[w->ret->line_count] = hf_arena_text(w->arena, line, strlen(line));
	w->ret->line_count += w->ret->lines[w->ret->line_count] != NULL;
}

/* False: the host has not changed at all, as most do not, or nothing is known. */
static bool other_claims(const struct hf_verdict_record *verdict, struct hf_span now, struct hf_arena *arena,
			 struct hf_claims *ret)
{
	struct hf_evidence evidence;

	if (!verdict->evidence.len || hf_evidence_from_cmw_cbor(verdict->evidence, &evidence) != HF_OK ||
	    hf_span_equal(evidence.claims, now))
		return false;
	hf_claims_init(ret, arena);
	return hf_claims_decode(ret, evidence.claims) == HF_OK;
}

void hf_drift_compare(const struct hf_verdict_record *before, const struct hf_claims *now,
		      struct hf_span now_bytes, struct hf_arena *arena, struct hf_drift *ret)
{
	struct work w = { .arena = arena, .ret = ret, .now = now };
	time_t at = (time_t)before->at;
	struct hf_claims old;
	struct tm tm;
	char day[16] = "?";

	*ret = (struct hf_drift){ .total = 0 };
	if (!other_claims(before, now_bytes, arena, &old))
		return;
	if (gmtime_r(&at, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	snprintf(w.since, sizeof(w.since), "the boot of %s%s%s", day,
		 before->lease && *before->lease ? ", lease " : "", before->lease ? before->lease : "");
	hf_claims_compare(&old, now, differ, &w);
}
