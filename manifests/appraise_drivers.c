/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who carries the drivers that firmware ran: PCR 2, the option ROMs as they are now, and the
 * manifests, held against each other.
 *
 * A driver is accepted where a part that is itself admitted shows it in a ROM that was
 * compared in full with a release, or where the model lists it as boot code. The digest
 * alone decides; the device path of an event is not hashed and only says where to look.
 */
#include "manifests/appraise_parts.h"

#include <stdio.h>

#include "measure/event.h"

#define ROM_PREFIX "option-rom/"
#define BAR_PREFIX "rom-bar/"
#define SUFFIX "/authenticode"
#define ROM_WINDOW "option-rom/window"
#define ROM_CHAIN_BYTES "option-rom"
#define BAR_REST "rom-bar/rest"

enum carrier {		/* how well a digest is accounted for; the better one counts */
	CARRIER_NONE,
	CARRIER_UNCOMPARED,	/* isolated, or admitted without a release that speaks of its ROM */
	CARRIER_REFUSED,	/* the part's own finding holds the host */
	CARRIER_ACCEPTED,	/* owned, or listed as boot code */
	CARRIER_REVOKED,	/* on an owner's list: a deny wins */
};

struct driver {
	const struct hf_digest *sha256;	/* NULL: a free slot */
	enum carrier carrier;
	const struct hf_part_verdict *part;
	const struct hf_function *function;
	const char *mkey;
	const char *note;	/* of a revocation, or NULL */
};

struct hf_drivers {
	const struct hf_verdict *verdict;
	const struct hf_model *model;
	struct driver *slots;	/* open addressing, at most half full */
	size_t mask, count;
	size_t unread;		/* functions whose ROM is there and was not read whole */
	size_t said;		/* findings; those beyond HF_FINDINGS_MAX would not be kept */
};

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "option-rom/1/authenticode" and "rom-bar/1/authenticode". */
bool hf_mkey_is_driver(const char *mkey)
{
	const char *number = has_prefix(mkey, ROM_PREFIX) ? mkey + strlen(ROM_PREFIX)
			   : has_prefix(mkey, BAR_PREFIX) ? mkey + strlen(BAR_PREFIX) : "";
	size_t digits = strspn(number, "0123456789");

	return digits > 0 && strcmp(number + digits, SUFFIX) == 0;
}

const struct hf_digest *hf_driver_digest(const struct hf_measurement *m)
{
	if (m->kind != HF_VALUE_DIGESTS || m->cause != HF_OK || !hf_mkey_is_driver(m->mkey))
		return NULL;
	for (size_t i = 0; i < m->digest_count; i++)
		if (m->digests[i].alg == HF_ALG_SHA256)
			return &m->digests[i];
	return NULL;
}

/* ---- who carries what ---- */

/* The slot of this digest, or the free one where it belongs. */
static struct driver *slot_of(const struct hf_drivers *d, const struct hf_digest *sha256)
{
	size_t at = (size_t)hf_le(sha256->bytes, 8) & d->mask;

	while (d->slots[at].sha256 && !hf_digest_equal(d->slots[at].sha256, sha256))
		at = (at + 1) & d->mask;
	return &d->slots[at];
}

static bool listed(const struct hf_environment *env, const struct hf_function *function,
		   const char *mkey)
{
	const struct hf_reference *ref = hf_reference_named(env, mkey);
	const struct hf_measurement *m = ref ? hf_measurement_find(function->measurements, mkey)
					     : NULL;

	return m && hf_reference_matches(ref, m);
}

/* Whether the release vouches for these very bytes: the program, its image, or all of
 * which the image is a piece. */
static bool vouches(const struct hf_environment *env, const struct hf_function *function,
		    const char *mkey)
{
	char image[HF_MKEY_MAX + 1];

	snprintf(image, sizeof(image), "%.*s", (int)(strlen(mkey) - strlen(SUFFIX)), mkey);
	if (listed(env, function, mkey) || listed(env, function, image))
		return true;
	if (has_prefix(mkey, BAR_PREFIX))
		return listed(env, function, BAR_REST);
	return listed(env, function, ROM_WINDOW) || listed(env, function, ROM_CHAIN_BYTES);
}

/* A deny wins: what a revoked release lists is nobody's, whatever the rule's action. */
static bool compared(const struct hf_part_verdict *part, const struct hf_function *function,
		     const char *mkey)
{
	const struct hf_environment *env = part->release ? part->release->environments : NULL;

	if (env && part->release->state == HF_RELEASE_REVOKED)
		return false;
	for (; env; env = env->next)
		if (hf_match_function(&env->match, &function->identity) &&
		    vouches(env, function, mkey))
			return true;
	return false;
}

/* An isolated part's driver has run all the same: nothing done to the part now mends that. */
static enum carrier carrier_of(const struct hf_part_verdict *part,
			       const struct hf_function *function, const char *mkey)
{
	switch (part->status) {
	case HF_STATUS_ACCEPTED:
	case HF_STATUS_WARNED:
		return compared(part, function, mkey) ? CARRIER_ACCEPTED : CARRIER_UNCOMPARED;
	case HF_STATUS_ISOLATED:
		return CARRIER_UNCOMPARED;
	case HF_STATUS_HELD:
		break;
	}
	return CARRIER_REFUSED;
}

/* Why the ROM of a function is not known whole, or HF_OK: it is, or there is none. */
static enum hf_err rom_unread(const struct hf_function *function)
{
	for (const struct hf_measurement *m = function->measurements; m; m = m->next) {
		bool window = strcmp(m->mkey, ROM_WINDOW) == 0;

		if (window && m->flags & HF_MEASUREMENT_ADVISORY && m->cause == HF_OK)
			return HF_ERR_ROM_SHADOW;
		if (m->cause == HF_OK || m->cause == HF_ERR_ROM_EMPTY)
			continue;
		if (window || strcmp(m->mkey, BAR_REST) == 0 || hf_mkey_is_driver(m->mkey))
			return m->cause;
	}
	return HF_OK;
}

/* Counts while there is no table yet. */
static void enter(struct hf_drivers *d, const struct driver *driver)
{
	struct driver *slot;

	if (!d->slots) {
		d->count++;
		return;
	}
	slot = slot_of(d, driver->sha256);
	if (slot->sha256 && slot->carrier >= driver->carrier)
		return;
	slot->sha256 = driver->sha256;
	slot->carrier = driver->carrier;
	slot->note = driver->note;
	if (!driver->function)	/* a list says nothing of where: keep what a part said */
		return;
	slot->function = driver->function;
	slot->part = driver->part;
	slot->mkey = driver->mkey;
}

static void enter_function(struct hf_drivers *d, const struct hf_part_verdict *part,
			   const struct hf_function *function)
{
	for (const struct hf_measurement *m = function->measurements; m; m = m->next) {
		struct driver driver = { .sha256 = hf_driver_digest(m), .part = part,
					 .function = function, .mkey = m->mkey };

		if (!driver.sha256)
			continue;
		if (d->slots)
			driver.carrier = carrier_of(part, function, m->mkey);
		enter(d, &driver);
	}
}

/* The functions of a part as it was measured last; of what is missing: none. */
static const struct hf_function *functions_of(const struct hf_part_verdict *part)
{
	return part->part && !hf_part_superseded(part->part) ? part->part->functions : NULL;
}

static void enter_all(struct hf_drivers *d)
{
	for (const struct hf_part_verdict *p = d->verdict->parts; p; p = p->next)
		for (const struct hf_function *f = functions_of(p); f; f = f->next)
			enter_function(d, p, f);
	for (const struct hf_boot_code *c = d->model->boot_code; c; c = c->next)
		enter(d, &(struct driver){ .sha256 = &c->sha256, .carrier = CARRIER_ACCEPTED });
	for (const struct hf_revocations *r = d->verdict->manifests->revocations; r; r = r->next)
		for (const struct hf_revoked *e = r->entries; e; e = e->next)
			if (e->kind == HF_REVOKED_DIGEST)
				enter(d, &(struct driver){ .sha256 = &e->digest, .note = e->note,
							   .carrier = CARRIER_REVOKED });
}

struct hf_drivers *hf_drivers_index(struct hf_appraisal *a, const struct hf_model *model,
				    const struct hf_verdict *verdict)
{
	struct hf_drivers *d = hf_arena_take(a->arena, sizeof(*d));
	size_t size = 16;

	if (!d) {
		a->full = true;
		return NULL;
	}
	d->verdict = verdict;
	d->model = model;
	enter_all(d);
	while (size < 2 * d->count)
		size *= 2;
	d->mask = size - 1;
	d->slots = hf_arena_take(a->arena, size * sizeof(*d->slots));
	if (!d->slots) {
		a->full = true;
		return NULL;
	}
	enter_all(d);
	for (const struct hf_part_verdict *p = verdict->parts; p; p = p->next)
		for (const struct hf_function *f = functions_of(p); f; f = f->next)
			d->unread += rom_unread(f) != HF_OK;
	return d;
}

/* ---- one event ---- */

/* Where the event says that the driver came from, if exactly one function of the claims is
 * there. Which root bridge has which bus is not known from the path: the hops alone are
 * compared. */
static const struct hf_function *function_at(const struct hf_drivers *d,
					     const struct hf_event_pci_path *path,
					     const struct hf_part_verdict **ret_part)
{
	const struct hf_function *found = NULL;
	char hops[HF_PATH_MAX + 1];
	size_t len = 0;

	for (size_t i = 0; i < path->count && len < sizeof(hops); i++)
		len += (size_t)snprintf(hops + len, sizeof(hops) - len, "/%02x.%x",
					path->hops[i].device, path->hops[i].function);
	if (len >= sizeof(hops))
		return NULL;
	for (const struct hf_part_verdict *p = d->verdict->parts; p; p = p->next)
		for (const struct hf_function *f = functions_of(p); f; f = f->next) {
			const char *own = strchr(f->path, '/');

			if (!own || strcmp(own, hops) != 0)
				continue;
			if (found)
				return NULL;	/* below two root bridges */
			found = f;
			*ret_part = p;
		}
	return found;
}

/* The driver or drivers that the function's ROM holds now. */
static const char *drivers_of(struct hf_appraisal *a, const struct hf_function *function)
{
	const struct hf_measurement *first = NULL;
	char hex[2 * HF_DIGEST_MAX + 1];
	size_t count = 0;

	for (const struct hf_measurement *m = function->measurements; m; m = m->next) {
		if (!hf_driver_digest(m))
			continue;
		first = first ? first : m;
		count++;
	}
	if (!first)
		return "no driver in the ROM of this function";
	hf_digest_hex(hf_driver_digest(first), hex);
	if (count == 1)
		return hf_appraisal_text(a, "sha256:%s (%s)", hex, first->mkey);
	return hf_appraisal_text(a, "sha256:%s (%s) or %zu more of its ROM", hex, first->mkey,
				 count - 1);
}

static const char *known_from(struct hf_appraisal *a, const struct hf_drivers *d,
			      const struct hf_digest *sha256)
{
	for (const struct hf_component *c = d->verdict->manifests->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next)
			for (const struct hf_environment *e = r->environments; e; e = e->next)
				for (const struct hf_reference *x = e->references; x; x = x->next)
					for (size_t i = 0; i < x->digest_count; i++)
						if (hf_mkey_is_driver(x->mkey) &&
						    hf_digest_equal(&x->digests[i], sha256))
							return hf_appraisal_text(a,
								"%s, release %s, %s", c->name,
								r->name,
								hf_release_state_name(r->state));
	return NULL;
}

/* Nobody here carries it. */
static void judge_unowned(struct hf_appraisal *a, const struct hf_drivers *d,
			  const struct hf_event *event, const struct hf_digest *sha256,
			  struct hf_finding *finding)
{
	struct hf_event_pci_path path;
	const struct hf_part_verdict *part = NULL;
	const struct hf_function *function = NULL;
	enum hf_err unread;

	/* without a range in a ROM it came from a disk or a network behind that function */
	if (hf_event_device_path_pci(event, &path) == HF_OK && path.found && path.has_range)
		function = function_at(d, &path, &part);
	unread = function ? rom_unread(function) : HF_OK;

	finding->known = known_from(a, d, sha256);
	finding->function = function;
	finding->part = part ? part->part : NULL;
	if (function && !unread) {
		finding->cause = HF_ERR_ROM_SWAPPED;
		finding->expected = drivers_of(a, function);
		return;
	}
	finding->cause = finding->known ? HF_ERR_BOOT_DRIVER_UNOWNED : HF_ERR_BOOT_DRIVER_UNKNOWN;
	if (unread)
		finding->expected = hf_appraisal_text(a, "unknown: the ROM of this function was not "
						      "read whole (%s)", hf_err_name(unread));
	else if (d->unread)
		finding->expected = hf_appraisal_text(a, "a driver of a ROM here, or boot code of the "
						      "model; %zu ROM(s) were not read whole",
						      d->unread);
}

void hf_drivers_judge(struct hf_appraisal *a, struct hf_drivers *d, const struct hf_event *event,
		      struct hf_finding **list)
{
	struct hf_finding finding = { .cause = HF_ERR_BOOT_DRIVER_UNKNOWN,
				      .found = "no SHA-256 digest", .action = HF_ACTION_HOLD };
	const struct hf_digest *sha256 = hf_event_sha256(event);
	const struct driver *slot = sha256 ? slot_of(d, sha256) : NULL;
	enum carrier carrier = slot ? slot->carrier : CARRIER_NONE;
	enum hf_status status = HF_STATUS_ACCEPTED;

	if (carrier == CARRIER_ACCEPTED || carrier == CARRIER_REFUSED)
		return;
	if (d->said++ >= HF_FINDINGS_MAX)
		return;		/* the host is refused, and nobody reads so many */
	if (sha256)
		finding.found = hf_appraisal_digest(a, sha256);
	if (carrier != CARRIER_NONE && slot->function) {
		finding.function = slot->function;
		finding.part = slot->part->part;
		finding.mkey = slot->mkey;
	}
	if (carrier == CARRIER_REVOKED) {
		finding.cause = HF_ERR_FIRMWARE_REVOKED;
		finding.expected = slot->note;
	} else if (carrier == CARRIER_UNCOMPARED) {
		finding.expected = hf_appraisal_text(a, "a release that lists this ROM; the part is %s",
						     hf_status_name(slot->part->status));
	} else if (sha256) {
		judge_unowned(a, d, event, sha256, &finding);
	}
	hf_appraisal_add(a, list, &status, &finding);
}
