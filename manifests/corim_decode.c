/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CoRIM in the holdfast profile to manifests. Whatever is not exactly what the encoder
 * writes is refused; keys that a later version added below -255 are passed over. [pure] */
#include "manifests/corim_profile.h"

#include <stdio.h>

struct decoder {
	struct hf_manifests *out;
	size_t file;
};

/* The value of one profile key; the caller has checked that it is there. */
static enum hf_err own_uint(const struct hf_measured *m, enum hf_corim_key key, uint64_t max,
			    uint64_t *ret)
{
	struct hf_cbor r = hf_cbor_at(m->own[key]);
	uint64_t value = hf_cbor_uint(&r);

	if (hf_cbor_end(&r) || value > max)
		return HF_ERR_CORIM_SHAPE;
	*ret = value;
	return HF_OK;
}

static enum hf_err keep_text(struct hf_arena *arena, struct hf_span text, size_t max,
			     const char **ret)
{
	const char *copy;

	if (text.len == 0 || text.len > max)
		return HF_ERR_CORIM_SHAPE;
	copy = hf_arena_text(arena, text.ptr, text.len);
	if (!copy)
		return HF_ERR_LIMIT;
	*ret = copy;
	return HF_OK;
}

static enum hf_err keep_name(struct hf_arena *arena, struct hf_span text, const char **ret)
{
	const char *name = NULL;
	enum hf_err err = keep_text(arena, text, HF_NAME_MAX, &name);

	if (err)
		return err;
	if (!hf_name_valid(name))
		return HF_ERR_CORIM_SHAPE;
	*ret = name;
	return HF_OK;
}

/* Absent: *ret stays NULL. */
static enum hf_err own_text(struct hf_arena *arena, const struct hf_measured *m,
			    enum hf_corim_key key, const char **ret)
{
	struct hf_cbor r = hf_cbor_at(m->own[key]);
	struct hf_span text;

	if (m->own[key].len == 0)
		return HF_OK;
	text = hf_cbor_tstr(&r);
	if (hf_cbor_end(&r))
		return HF_ERR_CORIM_SHAPE;
	return keep_text(arena, text, HF_TEXT_MAX, ret);
}

static uint32_t own_keys(const struct hf_measured *m)
{
	uint32_t keys = 0;

	for (uint32_t i = 1; i <= HF_CORIM_OWN_MAX; i++)
		if (m->own[i].len)
			keys |= HF_KEY_BIT(i);
	return keys;
}

/* What must be there, what may, and nothing else. */
static enum hf_err check_keys(const struct hf_measured *m, uint32_t required, uint32_t optional)
{
	uint32_t keys = own_keys(m);

	if (m->other || m->critical || m->other_digests ||
	    keys & ~(HF_KEY_BIT(HF_KEY_LAST + 1) - 1))
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if ((keys & required) != required || keys & ~(required | optional))
		return HF_ERR_CORIM_SHAPE;
	return HF_OK;
}

static bool span_is(struct hf_span span, const char *text)
{
	return hf_span_equal(span, hf_span_text(text));
}

static bool has_prefix(struct hf_span span, const char *prefix, struct hf_span *ret_rest)
{
	size_t len = strlen(prefix);

	if (span.len < len || memcmp(span.ptr, prefix, len) != 0)
		return false;
	*ret_rest = (struct hf_span){ span.ptr + len, span.len - len };
	return true;
}

/* ---- components ---- */

static bool take_text(struct hf_span *in, const char *text)
{
	return has_prefix(*in, text, in);
}

static bool take_hex(struct hf_span *in, size_t digits, uint32_t *ret)
{
	uint32_t value = 0;

	if (in->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		uint8_t c = in->ptr[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*in = (struct hf_span){ in->ptr + digits, in->len - digits };
	*ret = value;
	return true;
}

static bool parse_class(struct hf_span in, struct hf_match *ret)
{
	struct hf_match match = { 0 };
	uint32_t vendor, device, value;

	if (!take_text(&in, "Vendor=") || !take_hex(&in, 4, &vendor) ||
	    !take_text(&in, ":Device=") || !take_hex(&in, 4, &device) ||
	    !take_text(&in, ":CC=") || !take_hex(&in, 6, &match.class_code))
		return false;
	match.vendor = (uint16_t)vendor;
	match.device = (uint16_t)device;
	if (take_text(&in, ":REV=")) {
		if (!take_hex(&in, 2, &value))
			return false;
		match.has_revision = true;
		match.revision = (uint8_t)value;
	}
	if (take_text(&in, ":SSVID=")) {
		if (!take_hex(&in, 4, &vendor) || !take_text(&in, ":SSID=") ||
		    !take_hex(&in, 4, &device))
			return false;
		match.has_subsystem = true;
		match.subsystem_vendor = (uint16_t)vendor;
		match.subsystem_device = (uint16_t)device;
	}
	if (in.len)
		return false;
	*ret = match;
	return true;
}

/* The class text decides; vendor and model must say the same. */
static enum hf_err read_match(const struct hf_reference_triple *triple, struct hf_match *ret)
{
	struct hf_match match;
	char vendor[8], model[8];

	if (triple->other)
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (!parse_class(triple->class_id, &match))
		return HF_ERR_CORIM_SHAPE;
	snprintf(vendor, sizeof(vendor), "%04x", match.vendor);
	snprintf(model, sizeof(model), "%04x", match.device);
	if (!span_is(triple->vendor, vendor) || !span_is(triple->model, model))
		return HF_ERR_CORIM_SHAPE;
	if (triple->instance.len) {
		if (triple->instance.len != 8)
			return HF_ERR_CORIM_SHAPE;
		match.has_serial = true;
		match.serial = hf_be(triple->instance.ptr, 8);
	}
	*ret = match;
	return HF_OK;
}

static enum hf_err read_reference(struct decoder *d, const struct hf_measured *m,
				  struct hf_environment *env, struct hf_reference ***end)
{
	struct hf_reference *ref = hf_arena_take(d->out->arena, sizeof(*ref));
	enum hf_err err = check_keys(m, 0, 0);

	if (err)
		return err;
	if (!ref)
		return HF_ERR_LIMIT;
	if (m->mkey_type != HF_CBOR_TSTR || m->name.len ||
	    m->digest_count > HF_MEASUREMENT_DIGESTS || !m->digest_count == !m->version.len)
		return HF_ERR_CORIM_SHAPE;
	err = keep_text(d->out->arena, m->mkey, HF_MKEY_MAX, &ref->mkey);
	if (!err && m->version.len)
		err = keep_text(d->out->arena, m->version, HF_TEXT_MAX, &ref->text);
	if (err)
		return err;
	for (size_t i = 0; i < m->digest_count; i++) {
		if (!(HF_ALG_MASK(m->digests[i].alg) & HF_CLAIM_ALGS))
			return HF_ERR_CORIM_SHAPE;
		ref->digests[ref->digest_count++] = m->digests[i];
	}
	for (const struct hf_reference *r = env->references; r; r = r->next)
		if (strcmp(r->mkey, ref->mkey) == 0)
			return HF_ERR_CORIM_SHAPE;
	**end = ref;
	*end = &ref->next;
	return HF_OK;
}

/* The measurement without a name: what holds for the release and the environment. */
static enum hf_err read_release_facts(struct decoder *d, const struct hf_measured *m,
				      struct hf_release *release, struct hf_environment *env)
{
	uint64_t state = 0, count = 0;
	const char *note = NULL, *provenance = NULL;
	enum hf_err err = check_keys(m, HF_KEY_BIT(HF_KEY_STATE) | HF_KEY_BIT(HF_KEY_COUNT),
				     HF_KEY_BIT(HF_KEY_NOTE) | HF_KEY_BIT(HF_KEY_PROVENANCE));

	if (!err && (m->mkey_type != HF_CBOR_NONE || m->digest_count || m->version.len ||
		     m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err)
		err = own_uint(m, HF_KEY_STATE, HF_RELEASE_REVOKED, &state);
	if (!err)
		err = own_uint(m, HF_KEY_COUNT, UINT32_MAX, &count);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_NOTE, &note);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_PROVENANCE, &provenance);
	if (err)
		return err;
	env->count = (uint32_t)count;
	if (!release->environments) {
		release->state = (enum hf_release_state)state;
		release->note = note;
		release->provenance = provenance;
		return HF_OK;
	}
	/* said again for every environment, and always the same */
	if (release->state != (enum hf_release_state)state || !release->note != !note ||
	    (note && strcmp(release->note, note) != 0) || !release->provenance != !provenance ||
	    (provenance && strcmp(release->provenance, provenance) != 0))
		return HF_ERR_CORIM_SHAPE;
	return HF_OK;
}

static enum hf_err read_environment(struct decoder *d, struct hf_reference_triple *triple,
				    struct hf_release *release, struct hf_environment ***end)
{
	struct hf_environment *env = hf_arena_take(d->out->arena, sizeof(*env));
	struct hf_reference **references;
	struct hf_measured m;
	enum hf_err err;

	if (!env || triple->measurement_count > HF_REFERENCES_MAX)
		return HF_ERR_LIMIT;
	references = &env->references;
	err = read_match(triple, &env->match);
	if (!err)
		err = hf_triple_next(triple, &m);
	if (!err)
		err = read_release_facts(d, &m, release, env);
	for (size_t i = 1; i < triple->measurement_count && !err; i++) {
		err = hf_triple_next(triple, &m);
		if (!err)
			err = read_reference(d, &m, env, &references);
	}
	if (err)
		return err;
	**end = env;
	*end = &env->next;
	return HF_OK;
}

static enum hf_err read_release(struct decoder *d, struct hf_comid *comid,
				struct hf_release *release)
{
	struct hf_environment **end = &release->environments;
	struct hf_reference_triple triple;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < comid->reference_count && !err; i++) {
		err = hf_comid_next(comid, &triple);
		if (!err)
			err = read_environment(d, &triple, release, &end);
	}
	return err;
}

/* component/NAME/RELEASE: releases of one component follow one another. */
static enum hf_err read_component(struct decoder *d, struct hf_comid *comid, struct hf_span rest,
				  struct hf_component ***end, struct hf_component **last)
{
	const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
	struct hf_arena *arena = d->out->arena;
	struct hf_release *release = hf_arena_take(arena, sizeof(*release)), **releases;
	struct hf_span name;
	size_t count = 0;
	enum hf_err err;

	if (!slash)
		return HF_ERR_CORIM_SHAPE;
	if (!release)
		return HF_ERR_LIMIT;
	name = (struct hf_span){ rest.ptr, (size_t)(slash - rest.ptr) };
	rest = (struct hf_span){ slash + 1, rest.len - name.len - 1 };
	if (!*last || !span_is(name, (*last)->name)) {
		struct hf_component *component = hf_arena_take(arena, sizeof(*component));

		if (!component)
			return HF_ERR_LIMIT;
		err = keep_name(arena, name, &component->name);
		if (err)
			return err;
		component->file = d->file;
		**end = *last = component;
		*end = &component->next;
	}
	err = keep_name(arena, rest, &release->name);
	if (!err)
		err = read_release(d, comid, release);
	if (err)
		return err;
	for (releases = &(*last)->releases; *releases; releases = &(*releases)->next)
		if (++count >= HF_RELEASES_MAX)
			return HF_ERR_LIMIT;
	*releases = release;
	return HF_OK;
}

/* ---- models ---- */

static enum hf_err read_drivers(struct decoder *d, const struct hf_measured *m,
				struct hf_model *model)
{
	struct hf_cbor r = hf_cbor_at(m->own[HF_KEY_DRIVERS]);
	size_t count = hf_cbor_array(&r);
	struct hf_name_list **end = &model->drivers;

	for (size_t i = 0; i < count; i++) {
		struct hf_name_list *driver = hf_arena_take(d->out->arena, sizeof(*driver));
		struct hf_span name = hf_cbor_tstr(&r);
		enum hf_err err;

		if (r.err)
			return HF_ERR_CORIM_SHAPE;
		if (!driver)
			return HF_ERR_LIMIT;
		err = keep_name(d->out->arena, name, &driver->name);
		if (err)
			return err;
		*end = driver;
		end = &driver->next;
	}
	return hf_cbor_end(&r) ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_model_facts(struct decoder *d, const struct hf_measured *m,
				    struct hf_model *model)
{
	const uint32_t required = HF_KEY_BIT(HF_KEY_GENERATION) | HF_KEY_BIT(HF_KEY_MODE) |
				  HF_KEY_BIT(HF_KEY_TPM) | HF_KEY_BIT(HF_KEY_UNKNOWN) |
				  HF_KEY_BIT(HF_KEY_DRIVERS);
	enum hf_err err = check_keys(m, required, HF_KEY_BIT(HF_KEY_PROVENANCE));
	uint64_t mode = 0, unknown = 0;
	struct hf_cbor tpm = hf_cbor_at(m->own[HF_KEY_TPM]);

	if (!err && (m->mkey_type != HF_CBOR_NONE || m->digest_count || m->version.len ||
		     m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err)
		err = own_uint(m, HF_KEY_GENERATION, INT64_MAX, &model->generation);
	if (!err)
		err = own_uint(m, HF_KEY_MODE, HF_MODE_AUDIT, &mode);
	if (!err)
		err = own_uint(m, HF_KEY_UNKNOWN, HF_ACTION_WARN, &unknown);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_PROVENANCE, &model->provenance);
	if (!err)
		err = read_drivers(d, m, model);
	if (err)
		return err;
	model->mode = (enum hf_mode)mode;
	model->unknown = (enum hf_action)unknown;
	model->tpm_required = hf_cbor_bool(&tpm);
	return hf_cbor_end(&tpm) ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_boot_code(struct decoder *d, const struct hf_measured *m,
				  struct hf_boot_code ***end)
{
	struct hf_boot_code *code = hf_arena_take(d->out->arena, sizeof(*code));
	enum hf_err err = check_keys(m, 0, 0);

	if (err)
		return err;
	if (!code)
		return HF_ERR_LIMIT;
	if (m->digest_count != 1 || m->digests[0].alg != HF_ALG_SHA256 || m->version.len)
		return HF_ERR_CORIM_SHAPE;
	code->sha256 = m->digests[0];
	err = keep_name(d->out->arena, m->name, &code->name);
	if (err)
		return err;
	**end = code;
	*end = &code->next;
	return HF_OK;
}

static enum hf_err read_rule_numbers(const struct hf_measured *m, struct hf_rule *rule)
{
	uint64_t presence = 0, count = 0, method = 0, action = 0;
	enum hf_err err = own_uint(m, HF_KEY_PRESENCE, HF_PRESENCE_FORBIDDEN, &presence);

	if (!err)
		err = own_uint(m, HF_KEY_RULE_COUNT, UINT32_MAX, &count);
	if (!err)
		err = own_uint(m, HF_KEY_METHOD, HF_METHOD_SIGNED, &method);
	if (!err)
		err = own_uint(m, HF_KEY_ACTION, HF_ACTION_WARN, &action);
	if (err)
		return err;
	if (count == 0 || method == HF_METHOD_NONE)
		return HF_ERR_CORIM_SHAPE;
	rule->presence = (enum hf_presence)presence;
	rule->count = (uint32_t)count;
	rule->least_method = (enum hf_method)method;
	rule->action = (enum hf_action)action;
	return HF_OK;
}

static enum hf_err read_rule(struct decoder *d, const struct hf_measured *m,
			     struct hf_rule ***end)
{
	const uint32_t required = HF_KEY_BIT(HF_KEY_COMPONENT) | HF_KEY_BIT(HF_KEY_PRESENCE) |
				  HF_KEY_BIT(HF_KEY_RULE_COUNT) | HF_KEY_BIT(HF_KEY_METHOD) |
				  HF_KEY_BIT(HF_KEY_ACTION);
	struct hf_rule *rule = hf_arena_take(d->out->arena, sizeof(*rule));
	enum hf_err err = check_keys(m, required, HF_KEY_BIT(HF_KEY_PLACE));

	if (err)
		return err;
	if (!rule)
		return HF_ERR_LIMIT;
	if (m->digest_count || m->version.len)
		return HF_ERR_CORIM_SHAPE;
	err = keep_name(d->out->arena, m->name, &rule->name);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_COMPONENT, &rule->component);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_PLACE, &rule->place);
	if (!err)
		err = read_rule_numbers(m, rule);
	if (err)
		return err;
	if (!hf_name_valid(rule->component) ||
	    (rule->place && strlen(rule->place) > HF_PATH_MAX))
		return HF_ERR_CORIM_SHAPE;
	**end = rule;
	*end = &rule->next;
	return HF_OK;
}

/* Boot code first, then rules, each numbered from zero without a gap. */
static enum hf_err read_model_lists(struct decoder *d, struct hf_reference_triple *triple,
				    struct hf_model *model)
{
	struct hf_boot_code **codes = &model->boot_code;
	struct hf_rule **rules = &model->rules;
	size_t code_count = 0, rule_count = 0;
	struct hf_measured m;
	char mkey[HF_MKEY_MAX];

	for (size_t i = 1; i < triple->measurement_count; i++) {
		enum hf_err err = hf_triple_next(triple, &m);

		if (err)
			return err;
		snprintf(mkey, sizeof(mkey), HF_MKEY_BOOT_CODE "%zu", code_count);
		if (rule_count == 0 && span_is(m.mkey, mkey)) {
			err = read_boot_code(d, &m, &codes);
			code_count++;
		} else {
			snprintf(mkey, sizeof(mkey), HF_MKEY_RULE "%zu", rule_count);
			if (!span_is(m.mkey, mkey))
				return HF_ERR_CORIM_SHAPE;
			err = read_rule(d, &m, &rules);
			rule_count++;
		}
		if (!err && (rule_count > HF_RULES_MAX || code_count > HF_RULES_MAX))
			err = HF_ERR_LIMIT;
		if (err)
			return err;
	}
	return HF_OK;
}

/* The one triple of a model or an image: a class of two texts. */
static enum hf_err only_triple(struct hf_comid *comid, struct hf_reference_triple *ret)
{
	enum hf_err err;

	if (comid->reference_count != 1)
		return HF_ERR_CORIM_SHAPE;
	err = hf_comid_next(comid, ret);
	if (err)
		return err;
	if (ret->other)
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	return ret->class_id.len || ret->instance.len ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_model(struct decoder *d, struct hf_comid *comid, struct hf_span rest,
			      struct hf_model ***end)
{
	struct hf_model *model = hf_arena_take(d->out->arena, sizeof(*model));
	struct hf_reference_triple triple;
	struct hf_measured m;
	enum hf_err err;

	if (!model)
		return HF_ERR_LIMIT;
	model->file = d->file;
	err = keep_name(d->out->arena, rest, &model->name);
	if (!err)
		err = only_triple(comid, &triple);
	if (!err)
		err = keep_text(d->out->arena, triple.vendor, HF_TEXT_MAX, &model->vendor);
	if (!err)
		err = keep_text(d->out->arena, triple.model, HF_TEXT_MAX, &model->product);
	if (!err)
		err = hf_triple_next(&triple, &m);
	if (!err)
		err = read_model_facts(d, &m, model);
	if (!err)
		err = read_model_lists(d, &triple, model);
	if (err)
		return err;
	**end = model;
	*end = &model->next;
	return HF_OK;
}

/* ---- images ---- */

static enum hf_err read_image_facts(struct decoder *d, const struct hf_measured *m,
				    struct hf_image *image)
{
	bool tenant = image->role == HF_IMAGE_TENANT;
	uint32_t required = tenant ? HF_KEY_BIT(HF_KEY_TENANT_KIND) : 0;
	uint32_t optional = HF_KEY_BIT(HF_KEY_PROVENANCE) |
			    (tenant ? HF_KEY_BIT(HF_KEY_COMMAND_LINE_TEXT) : 0);
	enum hf_err err = check_keys(m, required, optional);
	uint64_t kind = 0;

	if (!err && (m->digest_count || m->version.len || m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err && tenant)
		err = own_uint(m, HF_KEY_TENANT_KIND, HF_TENANT_ROOT, &kind);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_PROVENANCE, &image->provenance);
	if (!err)
		err = own_text(d->out->arena, m, HF_KEY_COMMAND_LINE_TEXT,
			       &image->command_line_text);
	if (!err)
		image->kind = (enum hf_tenant_kind)kind;
	return err;
}

static enum hf_err read_image_digest(const struct hf_measured *m, struct hf_image *image)
{
	struct slot {
		const char *mkey;
		bool *has;
		struct hf_digest *digest;
	} slots[] = {
		{ "kernel", &image->has_kernel, &image->kernel },
		{ "initrd", &image->has_initrd, &image->initrd },
		{ "command-line", &image->has_command_line, &image->command_line },
		{ "root", &image->has_root, &image->root },
	};
	enum hf_err err = check_keys(m, 0, 0);

	if (err)
		return err;
	if (m->digest_count != 1 || m->digests[0].alg != HF_ALG_SHA256 || m->version.len ||
	    m->name.len)
		return HF_ERR_CORIM_SHAPE;
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (!span_is(m->mkey, slots[i].mkey))
			continue;
		if (*slots[i].has)
			return HF_ERR_CORIM_SHAPE;
		*slots[i].has = true;
		*slots[i].digest = m->digests[0];
		return HF_OK;
	}
	return HF_ERR_CORIM_SHAPE;
}

static enum hf_err read_image(struct decoder *d, struct hf_comid *comid, struct hf_span rest,
			      enum hf_image_role role, struct hf_image ***end)
{
	struct hf_image *image = hf_arena_take(d->out->arena, sizeof(*image));
	const char *class = role == HF_IMAGE_AGENT ? HF_IMAGE_MODEL_AGENT : HF_IMAGE_MODEL_TENANT;
	struct hf_reference_triple triple;
	struct hf_measured m;
	enum hf_err err;

	if (!image)
		return HF_ERR_LIMIT;
	image->file = d->file;
	image->role = role;
	err = keep_name(d->out->arena, rest, &image->name);
	if (!err)
		err = only_triple(comid, &triple);
	if (err)
		return err;
	if (!span_is(triple.vendor, HF_IMAGE_VENDOR) || !span_is(triple.model, class))
		return HF_ERR_CORIM_SHAPE;
	for (size_t i = 0; i < triple.measurement_count && !err; i++) {
		err = hf_triple_next(&triple, &m);
		if (!err && i == 0 && m.mkey_type == HF_CBOR_NONE)
			err = read_image_facts(d, &m, image);
		else if (!err)
			err = read_image_digest(&m, image);
	}
	if (err)
		return err;
	if (!hf_image_complete(image))	/* also catches a tenant without facts */
		return HF_ERR_CORIM_SHAPE;
	**end = image;
	*end = &image->next;
	return HF_OK;
}

static enum hf_err read_tags(struct decoder *d, struct hf_corim *corim,
			     struct hf_manifests_mark end)
{
	struct hf_component *last = NULL;
	struct hf_comid comid;
	struct hf_span rest;

	for (size_t i = 0; i < corim->tag_count; i++) {
		enum hf_err err = hf_corim_next(corim, &comid);

		if (err)
			return err;
		if (!comid.is_comid || comid.linked || comid.other_triples)
			return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
		if (comid.reference_count == 0)
			return HF_ERR_CORIM_SHAPE;
		if (has_prefix(comid.tag_id, HF_TAG_ID_COMPONENT, &rest))
			err = read_component(d, &comid, rest, &end.components, &last);
		else if (has_prefix(comid.tag_id, HF_TAG_ID_MODEL, &rest))
			err = read_model(d, &comid, rest, &end.models);
		else if (has_prefix(comid.tag_id, HF_TAG_ID_AGENT, &rest))
			err = read_image(d, &comid, rest, HF_IMAGE_AGENT, &end.images);
		else if (has_prefix(comid.tag_id, HF_TAG_ID_TENANT, &rest))
			err = read_image(d, &comid, rest, HF_IMAGE_TENANT, &end.images);
		else
			err = HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
		if (err)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_corim_decode(struct hf_span payload, size_t file, int64_t now,
			    struct hf_manifests *out)
{
	static const uint8_t oid[] = HF_PROFILE_OID;
	struct decoder d = { .out = out, .file = file };
	struct hf_manifests_mark mark = hf_manifests_mark(out);
	struct hf_corim corim;
	enum hf_err err = hf_corim_open(payload, &corim);

	if (!err)
		err = hf_corim_valid_at(&corim, now);
	if (err)
		return err;
	if (!hf_span_equal(corim.profile, (struct hf_span){ oid, sizeof(oid) })) {
		err = hf_corim_walk(&corim, NULL, NULL);	/* a wrong shape is worth more */
		return err ? err : HF_ERR_CORIM_PROFILE;
	}
	err = read_tags(&d, &corim, mark);
	if (!err)
		err = hf_manifests_check_names(out, &mark);
	if (err)
		hf_manifests_rollback(out, &mark);
	return err;
}
