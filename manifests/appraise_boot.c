/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ran before the gate, and whether the gate is the owner's: the firmware's log.
 *
 * Only digests decide. An event's type, tag and device path are not hashed, so a hostile
 * log can write anything there; they pick words. What extends PCR 2 or 4 is code unless
 * the event's digest is the digest of data that cannot be code.
 */
#include "manifests/appraise_parts.h"

#define PCR_DRIVERS 2
#define PCR_BOOT 4
#define PCR_STUB 9		/* the kernel's EFI stub: initrd and command line */
#define PCR_UKI 11
#define PCR_UKI_CONFIG 12
#define STUB_EVENTS_MAX 16
#define PROGRAMS_MAX 16

/* linux/drivers/firmware/efi/libstub/efistub.h */
#define TAG_INITRD 0x8f3b22ecu
#define TAG_LOAD_OPTIONS 0x8f3b22edu

struct boot {
	struct hf_appraisal a;
	struct hf_verdict *verdict;
	const struct hf_manifests *manifests;
	const struct hf_model *model;
	struct hf_event stub[STUB_EVENTS_MAX];	/* PCR 9 */
	size_t stub_count;
	struct hf_event programs[PROGRAMS_MAX];	/* PCR 4: agent kernels, and unknown ones */
	size_t program_count;
	struct hf_digest sections;		/* PCR 11 as its events say */
	size_t section_count, beside_count;	/* PCR 12: taken from beside the image */
	struct hf_drivers *carriers;
	struct hf_finding *drivers;	/* PCR 2, and what else is out of place */
	struct hf_finding *firmware;	/* PCRs 0-7 by the model's rules */
	bool overflow;
};

static void add_to(struct boot *b, struct hf_finding **list, enum hf_err cause,
		   const char *mkey, const char *found, const char *expected)
{
	enum hf_status status = HF_STATUS_ACCEPTED;
	struct hf_finding finding = { .cause = cause, .mkey = mkey, .found = found,
				      .expected = expected, .action = HF_ACTION_HOLD };

	hf_appraisal_add(&b->a, list, &status, &finding);
}

static void add(struct boot *b, enum hf_err cause, const char *mkey, const char *found,
		const char *expected)
{
	add_to(b, &b->verdict->boot, cause, mkey, found, expected);
}

static bool is(const struct hf_event *event, bool has, const struct hf_digest *want)
{
	const struct hf_digest *found = hf_event_sha256(event);

	return has && found && want->alg == HF_ALG_SHA256 && hf_digest_equal(found, want);
}

static const char *event_text(struct boot *b, const struct hf_event *event)
{
	const struct hf_digest *digest = hf_event_sha256(event);

	return digest ? hf_appraisal_digest(&b->a, digest) : "no SHA-256 digest";
}

static bool is_boot_code(const struct boot *b, const struct hf_event *event)
{
	for (const struct hf_boot_code *c = b->model->boot_code; c; c = c->next)
		if (is(event, true, &c->sha256))
			return true;
	return false;
}

/* A kernel behind a stub is started by it, and firmware logs both. */
static bool is_agent_program(const struct boot *b, const struct hf_event *event)
{
	for (const struct hf_image *i = b->manifests->images; i; i = i->next)
		if (i->role == HF_IMAGE_AGENT &&
		    (is(event, i->has_kernel, &i->kernel) || is(event, i->has_uki, &i->uki)))
			return true;
	return false;
}

/* ---- the agent's image ---- */

static const struct hf_event *stub_find(const struct boot *b, bool has,
					const struct hf_digest *want)
{
	for (size_t i = 0; i < b->stub_count; i++)
		if (is(&b->stub[i], has, want))
			return &b->stub[i];
	return NULL;
}

struct image_fit {
	const struct hf_image *image;
	bool uki, kernel, initrd, command_line, sections;
	size_t others;	/* events in PCR 9 that are neither */
};

static bool ran(const struct boot *b, bool has, const struct hf_digest *program)
{
	for (size_t i = 0; i < b->program_count; i++)
		if (is(&b->programs[i], has, program))
			return true;
	return false;
}

/* Who was not behind a stub has nothing in PCR 11. */
static bool sections_fit(const struct boot *b, const struct hf_image *image)
{
	return image->has_sections ? hf_digest_equal(&b->sections, &image->sections) : b->section_count == 0;
}

static struct image_fit fit_image(const struct boot *b, const struct hf_image *image)
{
	struct image_fit fit = { .image = image };

	fit.kernel = ran(b, image->has_kernel, &image->kernel);
	fit.uki = !image->has_uki || ran(b, true, &image->uki);
	fit.sections = sections_fit(b, image);
	fit.initrd = stub_find(b, image->has_initrd, &image->initrd) != NULL;
	fit.command_line = stub_find(b, image->has_command_line, &image->command_line) != NULL;
	for (size_t i = 0; i < b->stub_count; i++)
		fit.others += !is(&b->stub[i], image->has_initrd, &image->initrd) &&
			      !is(&b->stub[i], image->has_command_line, &image->command_line);
	return fit;
}

static int fit_score(const struct image_fit *fit)
{
	return fit->sections * 32 + fit->uki * 16 + fit->kernel * 8 + fit->initrd * 4 +
	       fit->command_line * 2 + (fit->others == 0);
}

static uint32_t event_tag(const struct hf_event *event)
{
	return event->data.len >= 8 ? (uint32_t)hf_le(event->data.ptr, 4) : 0;
}

/* The event that should have been this reference, by its tag, else by what is left. */
static const char *stub_found(struct boot *b, const struct image_fit *fit, uint32_t tag)
{
	const struct hf_event *best = NULL;

	for (size_t i = 0; i < b->stub_count; i++) {
		const struct hf_event *e = &b->stub[i];

		if (is(e, true, &fit->image->initrd) || is(e, true, &fit->image->command_line))
			continue;
		if (event_tag(e) == tag)
			return event_text(b, e);
		best = best ? best : e;
	}
	return best ? event_text(b, best) : "not measured";
}

static void judge_stub(struct boot *b, const struct image_fit *fit)
{
	const struct hf_image *image = fit->image;

	if (!fit->initrd)
		add(b, HF_ERR_AGENT_INITRD_CHANGED, "initrd", stub_found(b, fit, TAG_INITRD),
		    image->has_initrd ? hf_appraisal_digest(&b->a, &image->initrd) : NULL);
	if (!fit->command_line)
		add(b, HF_ERR_AGENT_COMMAND_LINE_CHANGED, "command-line",
		    stub_found(b, fit, TAG_LOAD_OPTIONS),
		    image->has_command_line ? hf_appraisal_digest(&b->a, &image->command_line)
					    : NULL);
	if (!fit->initrd || !fit->command_line)
		return;
	for (size_t i = 0; i < b->stub_count; i++) {	/* both are there, and something more */
		const struct hf_event *e = &b->stub[i];
		bool options = event_tag(e) == TAG_LOAD_OPTIONS;

		if (!is(e, true, &image->initrd) && !is(e, true, &image->command_line))
			add(b, options ? HF_ERR_AGENT_COMMAND_LINE_CHANGED
				       : HF_ERR_AGENT_INITRD_CHANGED,
			    options ? "command-line" : "initrd", event_text(b, e),
			    "nothing more in PCR 9");
	}
}

/* What systemd's stub did, and that it was this one: the file and what it made of its sections. */
static void judge_uki(struct boot *b, const struct image_fit *fit)
{
	const struct hf_image *image = fit->image;

	if (!fit->uki)
		add(b, HF_ERR_AGENT_KERNEL_CHANGED, "uki",
		    b->program_count ? event_text(b, &b->programs[0]) : "not measured",
		    hf_appraisal_digest(&b->a, &image->uki));
	if (!fit->sections)
		add(b, HF_ERR_AGENT_KERNEL_CHANGED, "sections",
		    b->section_count ? hf_appraisal_text(&b->a, "PCR 11: %s", hf_appraisal_digest(&b->a, &b->sections)) :
				       "nothing in PCR 11",
		    image->has_sections ? hf_appraisal_digest(&b->a, &image->sections) : "nothing in PCR 11");
}

static void judge_image(struct boot *b)
{
	struct image_fit best = { 0 };

	for (const struct hf_image *i = b->manifests->images; i; i = i->next) {
		if (i->role != HF_IMAGE_AGENT)
			continue;
		struct image_fit fit = fit_image(b, i);

		if (!best.image || fit_score(&fit) > fit_score(&best))
			best = fit;
	}
	if (!best.image) {
		add(b, HF_ERR_IMAGE_LIST_MISSING, NULL, NULL, NULL);
		return;
	}
	if (b->stub_count == 0 && (best.kernel || b->program_count == 0)) {
		add(b, HF_ERR_AGENT_IMAGE_UNMEASURED, NULL, "nothing in PCR 9", NULL);
		return;
	}
	if (!best.kernel) {
		const char *found = "not measured";

		if (b->program_count)	/* the kernel is what firmware started last */
			found = event_text(b, &b->programs[b->program_count - 1]);
		add(b, HF_ERR_AGENT_KERNEL_CHANGED, "kernel", found,
		    best.image->has_kernel ? hf_appraisal_digest(&b->a, &best.image->kernel) : NULL);
	}
	judge_uki(b, &best);
	if (b->stub_count == 0)
		add(b, HF_ERR_AGENT_IMAGE_UNMEASURED, NULL, "nothing in PCR 9", NULL);
	else
		judge_stub(b, &best);
	if (best.uki && best.sections && b->beside_count == 0 && best.kernel && best.initrd && best.command_line &&
	    best.others == 0)
		b->verdict->agent_image = best.image;
}

/* Programs that are neither boot code nor the kernel that was found (or, when none was,
 * the last one, which judge_image has named). */
static void judge_programs(struct boot *b)
{
	bool agent = false;

	for (size_t i = 0; i < b->program_count; i++)
		agent |= is_agent_program(b, &b->programs[i]);
	for (size_t i = 0; i < b->program_count; i++) {
		if (is_agent_program(b, &b->programs[i]))
			continue;
		if (!agent && i + 1 == b->program_count)
			continue;
		add(b, HF_ERR_BOOT_APPLICATION_UNKNOWN, NULL, event_text(b, &b->programs[i]), NULL);
	}
}

/* ---- reading the log ---- */

static void keep(struct boot *b, struct hf_event *list, size_t *count, size_t max,
		 const struct hf_event *event)
{
	if (*count < max)
		list[(*count)++] = *event;
	else
		b->overflow = true;
}

static void take_event(struct boot *b, const struct hf_event *event)
{
	switch (event->pcr) {
	case PCR_DRIVERS:
		if (!hf_event_is_data(event))
			hf_drivers_judge(&b->a, b->carriers, event, &b->drivers);
		break;
	case PCR_BOOT:
		if (!hf_event_is_data(event) && (is_agent_program(b, event) || !is_boot_code(b, event)))
			keep(b, b->programs, &b->program_count, PROGRAMS_MAX, event);
		break;
	case PCR_STUB:
		keep(b, b->stub, &b->stub_count, STUB_EVENTS_MAX, event);
		break;
	case PCR_UKI:
		b->section_count++;
		b->overflow |= !hf_event_extend(&b->sections, event);
		break;
	case PCR_UKI_CONFIG:	/* a command line, or files: nobody lists those */
		b->beside_count++;
		add_to(b, &b->drivers, HF_ERR_BOOT_APPLICATION_UNKNOWN, NULL,
		       hf_appraisal_text(&b->a, "PCR %u: %s", event->pcr, event_text(b, event)),
		       "nothing in PCR 12");
		break;
	default:
		break;
	}
}

static void append(struct hf_finding **list, struct hf_finding *more)
{
	while (*list)
		list = &(*list)->next;
	*list = more;
}

/* First what everything else rests on, then the gate's own image, then drivers. */
static void read_log(struct boot *b, struct hf_span log)
{
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err = log.len ? hf_log_open(log, &reader) : HF_ERR_FIRMWARE_LOG_MISSING;

	if (err) {
		add(b, err, NULL, NULL, NULL);
		return;
	}
	while (hf_log_next(&reader, &event))
		if (event.type != HF_EV_NO_ACTION)	/* which extends nothing */
			take_event(b, &event);
	if (reader.err) {
		add(b, reader.err, NULL,
		    hf_appraisal_text(&b->a, "firmware log, event %zu", reader.index), NULL);
		return;
	}
	hf_firmware_judge(&b->a, b->model, log, b->verdict, &b->firmware);
	append(&b->verdict->boot, b->firmware);
	judge_image(b);
	judge_programs(b);
	if (b->overflow)
		add(b, HF_ERR_BOOT_APPLICATION_UNKNOWN, NULL, "more programs than can be judged",
		    NULL);
	append(&b->verdict->boot, b->drivers);
}

void hf_appraise_step(const struct hf_claims *claims, const struct hf_manifests *manifests,
		      struct hf_arena *arena, struct hf_verdict *verdict)
{
	const struct hf_part *host = hf_claims_find_part(claims, "host");
	const struct hf_finding finding = { .cause = HF_ERR_RAN_AS_STEP, .action = HF_ACTION_HOLD,
		.mkey = HF_STEP_MKEY, .found = HF_STEP, .expected = "the first process of the host" };
	enum hf_status status = HF_STATUS_ACCEPTED;
	struct hf_appraisal a = { .arena = arena };

	if (!verdict->manifests || !host || !hf_measurement_find(host->measurements, HF_STEP_MKEY))
		return;		/* without manifests it is HELD already */
	for (const struct hf_image *i = manifests->images; i; i = i->next)
		if (i->role == HF_IMAGE_TENANT && i->kind == HF_TENANT_EXIT)
			return;
	hf_appraisal_add(&a, &verdict->boot, &status, &finding);
	hf_appraisal_finish(&a, verdict);
}

void hf_appraise_boot(struct hf_span firmware_log, const struct hf_manifests *manifests,
		      const struct hf_model *model, struct hf_arena *arena,
		      struct hf_verdict *verdict)
{
	struct boot *b;
	struct hf_appraisal bare = { .arena = arena, .full = true };

	if (!model)
		return;		/* HELD already: there is nothing to judge by */
	b = verdict->manifests ? hf_arena_take(arena, sizeof(*b)) : NULL;
	if (!b) {	/* or nobody has judged the parts, which are to account for drivers */
		hf_appraisal_finish(&bare, verdict);
		return;
	}
	b->a.arena = arena;
	b->verdict = verdict;
	b->manifests = manifests;
	b->model = model;
	b->sections.alg = HF_ALG_SHA256;
	verdict->agent_image = NULL;
	verdict->platform_firmware = NULL;
	b->carriers = hf_drivers_index(&b->a, model, verdict);
	if (b->carriers)
		read_log(b, firmware_log);
	hf_appraisal_finish(&b->a, verdict);
}
