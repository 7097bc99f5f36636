/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/measure_host.h"

#include "agent/platform.h"
#include "agent/vfio_modules.h"
#include "pcie/enumerate.h"
#include "pcie/spdm_claims.h"
#include "pcie/worker.h"

#include <stdio.h>
#include <stdlib.h>

#define REPORT_MAX ((size_t)64 << 20)
#define PROGRESS_MS 2000

bool hf_rom_wish_parse(const char *text, enum hf_rom_wish *ret)
{
	if (!text || strcmp(text, "auto") == 0)
		*ret = HF_ROM_WISH_AUTO;
	else if (strcmp(text, "all") == 0)
		*ret = HF_ROM_WISH_ALL;
	else if (strcmp(text, "none") == 0)
		*ret = HF_ROM_WISH_NONE;
	else
		return false;
	return true;
}

bool hf_device_patience_parse(const char *text, unsigned *ret_ms)
{
	unsigned long seconds = HF_DEVICE_SECONDS;
	char *end;

	if (text) {
		if (text[0] < '0' || text[0] > '9')
			return false;
		seconds = strtoul(text, &end, 10);
		if (*end || seconds < 1 || seconds > HF_DEVICE_SECONDS_MAX)
			return false;
	}
	*ret_ms = (unsigned)seconds * 1000;
	return true;
}

/* Whoever waits for slow devices wants to know that it goes on; who is done by then does not. */
struct progress {
	const char *command;
	size_t answered, count;
	uint64_t next_ms;
};

static void tell(void *self, const struct hf_part *part, size_t index, size_t count)
{
	struct progress *p = self;
	uint64_t now = hf_now_ms();

	(void)part;
	(void)index;
	(void)count;
	p->answered++;
	if (now < p->next_ms)
		return;
	p->next_ms = now + PROGRESS_MS;
	fprintf(stderr, "holdfast %s: %zu of %zu functions\n", p->command, p->answered, p->count);
}

static enum hf_err survey(const struct hf_survey_options *wanted, struct hf_survey *s,
			  struct hf_fault *fault)
{
	const struct hf_platform_sources sources = { .tpm = NULL };	/* it is not disturbed */
	struct hf_read_options options = { .mailbox = wanted->mailbox, .vfio = wanted->vfio,
					   .seed = wanted->seed };
	const enum hf_rom_wish wish = wanted->wish;
	struct progress progress;
	enum hf_err err;

	/* Reading a file of a capture disturbs no driver. */
	options.rom_bound = wish == HF_ROM_WISH_ALL || !s->host.live;
	options.no_rom = wish == HF_ROM_WISH_NONE || (wish == HF_ROM_WISH_AUTO && s->host.live);
	s->rom_skipped = options.no_rom && wish == HF_ROM_WISH_AUTO;
	hf_claims_init(&s->claims, &s->arena);
	err = hf_platform_claims(&s->host, &sources, &s->claims, &s->host_part);
	if (err)
		return hf_fail(fault, err, "host", "facts about the host");
	if (wanted->step)
		err = hf_platform_step(&s->host, wanted->step, &s->claims, s->host_part);
	if (err)
		return hf_fail(fault, err, "host", "the initramfs step");
	err = hf_bus_read(&s->host, &s->arena, &s->bus, fault);
	if (err)
		return err;
	err = hf_topology(&s->bus, &s->claims);
	if (err)
		return hf_fail(fault, err, s->host.root, "%zu functions", s->bus.count);
	progress = (struct progress){ wanted->tell, 0, s->bus.count, hf_now_ms() + PROGRESS_MS };
	err = hf_measure(&s->host, &s->bus, &options, &s->claims, wanted->tell ? tell : NULL, &progress);
	if (err)
		return hf_fail(fault, err, s->host.root, "%zu functions", s->bus.count);
	return HF_OK;
}

enum hf_err hf_survey_read(const char *sysfs, const struct hf_survey_options *options,
			   struct hf_survey *ret, struct hf_fault *fault)
{
	enum hf_err err;

	memset(ret, 0, sizeof(*ret));
	ret->host.sysfs = -1;
	err = hf_arena_make(HF_SURVEY_ARENA, &ret->arena);
	if (err)
		return hf_fail(fault, err, NULL, "%zu bytes", HF_SURVEY_ARENA);
	err = hf_host_open(sysfs, &ret->host, fault);
	if (err) {
		ret->host.sysfs = -1;
		return err;
	}
	ret->host.device_ms = options->device_ms;
	if (options->vfio && ret->host.live) {	/* without them each mailbox says why not */
		struct hf_fault modules = { 0 };

		(void)(hf_vfio_modules_load(&modules) == HF_OK);
	}
	return survey(options, ret, fault);
}

enum hf_err hf_survey_make(const char *sysfs, enum hf_rom_wish wish, unsigned device_ms,
			   struct hf_survey *ret, struct hf_fault *fault)
{
	const struct hf_survey_options options = { .wish = wish, .device_ms = device_ms };

	return hf_survey_read(sysfs, &options, ret, fault);
}

void hf_survey_drop(struct hf_survey *survey)
{
	if (survey->host.sysfs >= 0)
		hf_host_close(&survey->host);
	if (survey->arena.base)
		hf_arena_drop(&survey->arena);
	memset(survey, 0, sizeof(*survey));
	survey->host.sysfs = -1;
}

/* Whether a device that may sign was not asked, because nobody said that it may be. */
static bool mailbox_skipped(const struct hf_survey *survey)
{
	const struct hf_measurement *m;

	for (const struct hf_part *p = survey->host.live ? survey->claims.parts : NULL; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			m = hf_measurement_find(f->measurements, HF_MKEY_SPDM);
			if (m && m->cause == HF_ERR_NOT_MEASURED)
				return true;
		}
	return false;
}

void hf_survey_hint(const struct hf_survey *survey, const char *command)
{
	if (mailbox_skipped(survey))
		fprintf(stderr, "holdfast %s: no device was asked to sign: that would write to its "
				"mailbox.\n  next: --mailboxes\n", command);
	if (survey->rom_skipped)
		fprintf(stderr, "holdfast %s: no option ROM was read: that would write to the devices.\n"
				"  next: --rom=all, on a host that may be disturbed\n", command);
}

void hf_survey_step_print(const char *step, struct hf_writer *w)
{
	static const char worth[] =
		"\nThat is no gate: whoever can change the boot loader, the command line or this\n"
		"initramfs can leave the step out, and what it found earns no ticket.\n";
	static const char ran[] = "ran from an initramfs step: ";

	if (!step)
		return;
	hf_put(w, ran, sizeof(ran) - 1);
	hf_put(w, step, strlen(step));
	hf_put(w, worth, sizeof(worth) - 1);
}

static bool is_unread(const struct hf_measurement *m)
{
	/* Advisory: the shadow of the boot display's ROM, say, which UEFI leaves empty. */
	if (!m->cause || m->flags & HF_MEASUREMENT_ADVISORY)
		return false;
	switch ((int)m->cause) {
	case HF_ERR_NOT_MEASURED:
	case HF_ERR_NO_READER:
	case HF_ERR_NOT_COVERED:
	case HF_ERR_ROM_DRIVER_BOUND:
	case HF_ERR_ROM_SHADOW:
	case HF_ERR_ROM_REST:
	case HF_ERR_ROM_EMPTY:
	case HF_ERR_CAPTURED_TREE:
	case HF_ERR_SPDM_CANNOT_SIGN:
		return false;	/* known beforehand: coverage, not trouble */
	default:
		return true;
	}
}

enum hf_err hf_survey_unread(const struct hf_claims *claims, const char **ret_path)
{
	const struct hf_measurement *m;

	for (const struct hf_part *part = claims->parts; part; part = part->next) {
		if (part->kind == HF_PART_HOST)
			continue;
		for (m = part->measurements; m; m = m->next) {
			if (is_unread(m)) {
				*ret_path = part->path;
				return m->cause;
			}
		}
		for (const struct hf_function *f = part->functions; f; f = f->next) {
			for (m = f->measurements; m; m = m->next) {
				if (is_unread(m)) {
					*ret_path = f->path;
					return m->cause;
				}
			}
		}
	}
	return HF_OK;
}

enum hf_err hf_survey_output(hf_survey_print print, void *self, struct hf_fault *fault)
{
	struct hf_arena arena;
	struct hf_writer w = { 0 };
	enum hf_err err = hf_arena_make(REPORT_MAX, &arena);

	if (err)
		return hf_fail(fault, err, NULL, "%zu bytes", REPORT_MAX);
	w.buf = arena.base;
	w.cap = arena.cap;
	print(self, &w);
	if (w.full)
		err = hf_fail(fault, HF_ERR_LIMIT, "report", "more than %zu bytes", REPORT_MAX);
	else if (fwrite(w.buf, 1, w.len, stdout) != w.len)
		err = hf_fail(fault, HF_ERR_OUTPUT_FAILED, "standard output", "%zu bytes", w.len);
	hf_arena_drop(&arena);
	return err;
}
