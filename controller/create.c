/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/create.h"

#include <stdarg.h>
#include <stdio.h>

#include "controller/create_part.h"
#include "manifests/appraise.h"

#define PCR_DRIVERS 2
#define PCR_BOOT 4
#define RAN "; firmware ran it (PCR 2)"

/* Of the platform: its code, and what Secure Boot trusts. The others vary from boot to boot
 * (boot variables, partition table) or with the parts (PCR 2). */
static const uint32_t firmware_pcrs[] = { 0, 7 };

struct creator {
	const struct hf_create *options;
	struct hf_arena *arena;
	struct hf_manifests *out;
	struct hf_model *model;
	struct hf_claims claims;
	struct hf_writer *notes;
	size_t owned;		/* drivers that firmware ran and a captured ROM carries */
	char claims_hex[2 * HF_DIGEST_MAX + 1];
};

static void note(struct creator *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct creator *c, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	hf_put(c->notes, line, strlen(line));
	hf_put(c->notes, "\n", 1);
}

static const char *text(const struct creator *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static const char *text(const struct creator *c, const char *format, ...)
{
	char buf[512];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return hf_arena_text(c->arena, buf, strlen(buf));
}

static const char *host_text(const struct creator *c, const char *mkey)
{
	struct hf_part *host = hf_claims_find_part(&c->claims, "host");
	struct hf_measurement *m = host ? hf_measurement_find(host->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT && m->text[0] ? m->text : NULL;
}

static void note_failures(struct creator *c, const struct hf_part *part,
			  const struct hf_function *function)
{
	for (const struct hf_measurement *m = function->measurements; m; m = m->next)
		if (m->cause != HF_OK && !(m->flags & HF_MEASUREMENT_ADVISORY))
			note(c, "%s: %s could not be measured: %s", part->path, m->mkey,
			     hf_err_name(m->cause));
		else if (strcmp(m->mkey, HF_MKEY_PENDING) == 0)
			note(c, "%s: other firmware waits in the device and takes over at its next "
			     "reset: power-cycle the host and capture it again", part->path);
}

/* Blocks that may be of this device alone, in one line. */
static void note_review(struct creator *c, const struct hf_part *part,
			const struct hf_function *function)
{
	char names[160] = "";

	for (const struct hf_measurement *m = function->measurements; m; m = m->next)
		if (hf_create_is_value(m) && hf_create_choose(m) == HF_CREATE_REVIEW)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", m->mkey);
	if (names[0])
		note(c, "%s: a configuration or manifest, not listed, for it may differ from device to "
		     "device:%s", part->path, names);
}

/* Nobody here knows whose key it is: what a rule that demands signed needs besides. */
static void note_root(struct creator *c, const struct hf_part *part,
		      const struct hf_function *function)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	for (const struct hf_measurement *m = function->measurements; m; m = m->next) {
		const char *end = strrchr(m->mkey, '/');

		if (strncmp(m->mkey, "spdm/slot/", 10) != 0 || !end || strcmp(end, "/root") != 0 ||
		    !hf_create_is_value(m) || hf_create_choose(m) != HF_CREATE_LISTED)
			continue;
		hf_digest_hex(&m->digests[0], hex);
		note(c, "%s: it signs; its rule needs its maker's root certificate in anchors/device, "
		     "taken from the maker", part->path);
		note(c, "  and not from the device: %s of the certificate (DER) is %s",
		     hf_alg_name(m->digests[0].alg), hex);
	}
}

static void note_part(struct creator *c, const struct hf_part *part)
{
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		if (hf_path_is_virtual(f->path))
			continue;
		note_failures(c, part, f);
		note_review(c, part, f);
		note_root(c, part, f);
	}
}

static struct hf_release *release_of(struct creator *c, const struct hf_part *part,
				     enum hf_method *ret_method)
{
	struct hf_release *release = hf_create_release(c->arena, part, ret_method);
	const char *name = c->options->release ? c->options->release : "as-found";

	if (!release)
		return NULL;
	release->name = text(c, "%s", name);
	release->provenance = text(c, "measured on %s %s at %s; claims.cbor SHA-256 %s",
				   c->model->vendor, c->model->product, part->path, c->claims_hex);
	note_part(c, part);
	return release->name && release->provenance ? release : NULL;
}

/* The component of that name, made if needed, with a release equal to this one: two
 * cards of one kind with different firmware become two releases. */
static bool place_release(struct creator *c, const char *name, struct hf_release *release,
			  const struct hf_part *part)
{
	struct hf_component **component = &c->out->components;
	struct hf_release **end;
	size_t number = 1;

	while (*component && strcmp((*component)->name, name) != 0)
		component = &(*component)->next;
	if (!*component) {
		*component = hf_arena_take(c->arena, sizeof(**component));
		if (!*component)
			return false;
		(*component)->name = name;
	}
	for (end = &(*component)->releases; *end; end = &(*end)->next, number++)
		if (hf_create_same(*end, release))
			return true;
	if (number > 1) {
		release->name = text(c, "%s-%zu", release->name, number);
		note(c, "%s: other firmware than its kind: see release %s of %s", part->path,
		     release->name ? release->name : "", name);
	}
	*end = release;
	return release->name != NULL;
}

static bool add_rule(struct creator *c, const char *component, const struct hf_part *part,
		     enum hf_method method)
{
	struct hf_rule *rule = hf_arena_take(c->arena, sizeof(*rule)), **end;
	size_t same = 1;

	if (!rule)
		return false;
	for (end = &c->model->rules; *end; end = &(*end)->next)
		same += strcmp((*end)->component, component) == 0;
	rule->name = same == 1 ? component : text(c, "%s-%zu", component, same);
	rule->component = component;
	rule->place = part->path;
	rule->presence = HF_PRESENCE_REQUIRED;
	rule->count = 1;
	rule->least_method = method;
	rule->action = HF_ACTION_HOLD;
	*end = rule;
	return rule->name != NULL;
}

static bool add_part(struct creator *c, const struct hf_part *part)
{
	const char *name = hf_create_component_name(c->arena, part, c->model->name);
	enum hf_method method;
	struct hf_release *release = name ? release_of(c, part, &method) : NULL;

	if (!release || !place_release(c, name, release, part))
		return false;
	return add_rule(c, name, part, method);
}

/* ---- what firmware ran ---- */

static const struct hf_digest *sha256_of(const struct hf_event *event)
{
	for (size_t i = 0; i < event->digest_count; i++)
		if (event->digests[i].alg == HF_ALG_SHA256)
			return &event->digests[i];
	return NULL;
}

/* The reference value that an agent will find the driver by: a ROM here carries it, was read
 * in full and is compared with its release. All of them learn that firmware ran it. */
static bool note_owned(const struct creator *c, const struct hf_digest *digest)
{
	bool owned = false;

	for (struct hf_component *k = c->out->components; k; k = k->next)
		for (struct hf_release *r = k->releases; r; r = r->next)
			for (struct hf_environment *e = r->environments; e; e = e->next)
				for (struct hf_reference *ref = e->references; ref; ref = ref->next) {
					if (!hf_mkey_is_driver(ref->mkey) || !ref->digest_count ||
					    !hf_digest_equal(&ref->digests[0], digest))
						continue;
					if (ref->from && !strstr(ref->from, RAN))
						ref->from = text(c, "%s%s", ref->from, RAN);
					owned = true;
				}
	return owned;
}

/* Which device shows these bytes all the same. */
static const struct hf_function *carrier_of(const struct creator *c, const struct hf_digest *digest)
{
	for (const struct hf_part *p = c->claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			for (const struct hf_measurement *m = f->measurements; m; m = m->next)
				for (size_t i = 0;
				     m->kind == HF_VALUE_DIGESTS && i < m->digest_count; i++)
					if (hf_digest_equal(&m->digests[i], digest))
						return f;
	return NULL;
}

static enum hf_err add_boot_code(struct creator *c, const char *kind,
				 const struct hf_digest *digest)
{
	struct hf_boot_code *code = hf_arena_take(c->arena, sizeof(*code)), **end;
	const struct hf_function *carrier = carrier_of(c, digest);
	bool driver = strcmp(kind, "driver") == 0;
	char hex[2 * HF_DIGEST_MAX + 1];
	size_t index = 0;

	if (!code)
		return HF_ERR_LIMIT;
	for (end = &c->model->boot_code; *end; end = &(*end)->next, index++)
		if (hf_digest_equal(&(*end)->sha256, digest))
			return HF_OK;
	code->sha256 = *digest;
	code->from = text(c, "PCR %d of the firmware log of that host",
			  driver ? PCR_DRIVERS : PCR_BOOT);
	if (carrier)
		code->name = text(c, "%s-%zu of %04x:%04x", kind, index, carrier->identity.vendor,
				  carrier->identity.device);
	else
		code->name = text(c, "%s-%zu", kind, index);
	*end = code;
	if (!code->name || !code->from)
		return HF_ERR_LIMIT;
	hf_digest_hex(digest, hex);
	if (driver)
		note(c, "PCR 2 also ran %s, which no ROM here carries as a driver: it is listed as "
		     "%s; find out what it is", hex, code->name);
	return HF_OK;
}

static bool application_wanted(const struct creator *c, const struct hf_digest *digest)
{
	for (size_t i = 0; i < c->options->application_count; i++)
		if (hf_digest_equal(&c->options->applications[i], digest))
			return true;
	return false;
}

static enum hf_err take_event(struct creator *c, const struct hf_event *event)
{
	const struct hf_digest *digest = sha256_of(event);
	char hex[2 * HF_DIGEST_MAX + 1];

	if (event->type == HF_EV_NO_ACTION || hf_event_is_data(event) ||
	    (event->pcr != PCR_DRIVERS && event->pcr != PCR_BOOT))
		return HF_OK;
	if (!digest) {
		note(c, "the firmware log has code in PCR %u without a SHA-256 digest", event->pcr);
		return HF_OK;
	}
	if (event->pcr == PCR_DRIVERS && note_owned(c, digest)) {
		c->owned++;
		return HF_OK;
	}
	if (event->pcr == PCR_DRIVERS)
		return add_boot_code(c, "driver", digest);
	if (application_wanted(c, digest))
		return add_boot_code(c, "application", digest);
	hf_digest_hex(digest, hex);
	note(c, "PCR 4 also ran %s: the gate's own kernel belongs into the image list,", hex);
	note(c, "  anything else needs --application");
	return HF_OK;
}

static const char *firmware_name(struct creator *c)
{
	const char *version = host_text(c, "smbios/bios-version");

	if (version && hf_name_valid(version))
		return version;
	return c->options->release ? c->options->release : "as-found";
}

/* What this host's own firmware is; a PCR that nothing extended says nothing of it. */
static enum hf_err add_platform_firmware(struct creator *c, struct hf_span log)
{
	struct hf_platform_firmware *firmware = hf_arena_take(c->arena, sizeof(*firmware));
	struct hf_pcrs pcrs;
	enum hf_err err = hf_log_replay(log, HF_ALG_SHA256, &pcrs);

	if (err || !firmware)
		return err ? err : HF_ERR_LIMIT;
	firmware->name = firmware_name(c);
	firmware->from = text(c, "replay of the firmware log of that host");
	if (!firmware->from)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < sizeof(firmware_pcrs) / sizeof(firmware_pcrs[0]); i++) {
		uint32_t pcr = firmware_pcrs[i];

		if (!(pcrs.extended >> pcr & 1))
			continue;
		firmware->pcr_mask |= 1u << pcr;
		firmware->pcrs[pcr].alg = HF_ALG_SHA256;
		memcpy(firmware->pcrs[pcr].bytes, pcrs.value[pcr], hf_alg_size(HF_ALG_SHA256));
	}
	if (firmware->pcr_mask)
		c->model->firmware = firmware;
	else
		note(c, "the firmware log extends neither PCR 0 nor 7: the model lists no firmware");
	return HF_OK;
}

static enum hf_err read_firmware_log(struct creator *c, struct hf_span log,
				     struct hf_fault *fault)
{
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err;

	if (log.len == 0) {
		if (!c->options->parts_alone)
			note(c, "there is no firmware log: the model lists no boot code and no firmware");
		return HF_OK;
	}
	err = hf_log_open(log, &reader);
	while (!err && hf_log_next(&reader, &event))
		err = take_event(c, &event);
	if (!err)
		err = reader.err;
	if (!err)
		err = add_platform_firmware(c, log);
	if (!err && c->owned)
		c->model->provenance = text(c, "%s; %zu driver(s) of PCR 2 are in ROMs of the "
					    "components", c->model->provenance, c->owned);
	if (!err && !c->model->provenance)
		err = HF_ERR_LIMIT;
	return err ? hf_fail(fault, err, "firmware.evlog", "firmware log") : HF_OK;
}

static bool begin_model(struct creator *c)
{
	const char *vendor = host_text(c, "smbios/vendor");
	const char *product = host_text(c, "smbios/product");
	struct hf_name_list **end;
	char name[64], both[256];

	c->model = hf_arena_take(c->arena, sizeof(*c->model));
	if (!c->model)
		return false;
	if (!vendor || !product)
		note(c, "the claims name no SMBIOS vendor and product: write them into the model");
	c->model->vendor = vendor ? vendor : "unknown";
	c->model->product = product ? product : "unknown";
	snprintf(both, sizeof(both), "%s %s", c->model->vendor, c->model->product);
	hf_create_slug(both, name, sizeof(name));
	c->model->name = text(c, "%s", name[0] ? name : "model");
	c->model->generation = c->options->generation;
	c->model->mode = c->options->mode;
	c->model->tpm_required = true;
	c->model->unknown = HF_ACTION_HOLD;
	c->model->provenance = text(c, "captured from a host; claims.cbor SHA-256 %s",
				    c->claims_hex);
	end = &c->model->drivers;
	for (size_t i = 0; i < c->options->driver_count; i++) {
		*end = hf_arena_take(c->arena, sizeof(**end));
		if (!*end)
			return false;
		(*end)->name = c->options->drivers[i];
		end = &(*end)->next;
	}
	return c->model->name && c->model->provenance;
}

enum hf_err hf_create(const struct hf_create *options, const struct hf_evidence *evidence,
		      struct hf_manifests *out, struct hf_writer *notes, struct hf_fault *fault)
{
	struct creator c = { .options = options, .arena = out->arena, .out = out, .notes = notes };
	struct hf_digest digest;
	enum hf_err err;

	if (evidence->claims.len == 0)
		return hf_fail(fault, HF_ERR_CLAIMS_MISSING, "claims.cbor", "no claims");
	hf_claims_init(&c.claims, out->arena);
	err = hf_claims_decode(&c.claims, evidence->claims);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, evidence->claims, &digest);
	if (err)
		return hf_fail(fault, err, "claims.cbor", "claims");
	hf_digest_hex(&digest, c.claims_hex);
	if (!begin_model(&c))
		return hf_fail(fault, HF_ERR_LIMIT, "claims.cbor", "too large");
	for (const struct hf_part *p = c.claims.parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || !p->functions || hf_part_superseded(p))
			continue;
		if (!add_part(&c, p))
			return hf_fail(fault, HF_ERR_LIMIT, "claims.cbor", "too large");
	}
	if (!c.model->rules)
		return hf_fail(fault, HF_ERR_CLAIMS_MISSING, "claims.cbor", "no parts in it");
	out->models = c.model;
	return read_firmware_log(&c, evidence->firmware_log, fault);
}
