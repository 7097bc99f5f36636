/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models and images of the holdfast profile. [pure] */
#include "manifests/corim_read.h"

#include <stdio.h>

/* ---- models ---- */

static enum hf_err read_drivers(struct hf_decoder *d, const struct hf_measured *m,
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
		err = hf_keep_name(d->out->arena, name, &driver->name);
		if (err)
			return err;
		*end = driver;
		end = &driver->next;
	}
	return hf_cbor_end(&r) ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_model_facts(struct hf_decoder *d, const struct hf_measured *m,
				    struct hf_model *model)
{
	const uint32_t required = HF_KEY_BIT(HF_KEY_GENERATION) | HF_KEY_BIT(HF_KEY_MODE) |
				  HF_KEY_BIT(HF_KEY_TPM) | HF_KEY_BIT(HF_KEY_UNKNOWN) |
				  HF_KEY_BIT(HF_KEY_DRIVERS);
	enum hf_err err = hf_check_keys(m, required, HF_KEY_BIT(HF_KEY_PROVENANCE));
	uint64_t mode = 0, unknown = 0;
	struct hf_cbor tpm = hf_cbor_at(m->own[HF_KEY_TPM]);

	if (!err && (m->mkey_type != HF_CBOR_NONE || m->digest_count || m->version.len ||
		     m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err)
		err = hf_own_uint(m, HF_KEY_GENERATION, INT64_MAX, &model->generation);
	if (!err)
		err = hf_own_uint(m, HF_KEY_MODE, HF_MODE_AUDIT, &mode);
	if (!err)
		err = hf_own_uint(m, HF_KEY_UNKNOWN, HF_ACTION_WARN, &unknown);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_PROVENANCE, &model->provenance);
	if (!err)
		err = read_drivers(d, m, model);
	if (err)
		return err;
	model->mode = (enum hf_mode)mode;
	model->unknown = (enum hf_action)unknown;
	model->tpm_required = hf_cbor_bool(&tpm);
	return hf_cbor_end(&tpm) ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_boot_code(struct hf_decoder *d, const struct hf_measured *m,
				  struct hf_boot_code ***end)
{
	struct hf_boot_code *code = hf_arena_take(d->out->arena, sizeof(*code));
	enum hf_err err = hf_check_keys(m, 0, 0);

	if (err)
		return err;
	if (!code)
		return HF_ERR_LIMIT;
	if (m->digest_count != 1 || m->digests[0].alg != HF_ALG_SHA256 || m->version.len)
		return HF_ERR_CORIM_SHAPE;
	code->sha256 = m->digests[0];
	err = hf_keep_name(d->out->arena, m->name, &code->name);
	if (!err)
		err = hf_read_from(d->out->arena, m, &code->from);
	if (err)
		return err;
	**end = code;
	*end = &code->next;
	return HF_OK;
}

static enum hf_err read_rule_numbers(const struct hf_measured *m, struct hf_rule *rule)
{
	uint64_t presence = 0, count = 0, method = 0, action = 0;
	enum hf_err err = hf_own_uint(m, HF_KEY_PRESENCE, HF_PRESENCE_FORBIDDEN, &presence);

	if (!err)
		err = hf_own_uint(m, HF_KEY_RULE_COUNT, UINT32_MAX, &count);
	if (!err)
		err = hf_own_uint(m, HF_KEY_METHOD, HF_METHODS - 1, &method);
	if (!err)
		err = hf_own_uint(m, HF_KEY_ACTION, HF_ACTION_WARN, &action);
	if (err)
		return err;
	if (count == 0 || !hf_method_from_number(method, &rule->least_method) ||
	    rule->least_method == HF_METHOD_NONE)
		return HF_ERR_CORIM_SHAPE;
	rule->presence = (enum hf_presence)presence;
	rule->count = (uint32_t)count;
	rule->action = (enum hf_action)action;
	return HF_OK;
}

static enum hf_err read_rule_texts(struct hf_decoder *d, const struct hf_measured *m,
				   struct hf_rule *rule)
{
	struct hf_arena *arena = d->out->arena;
	uint64_t mode = HF_MODE_ENFORCE, approved;
	enum hf_err err = hf_keep_name(arena, m->name, &rule->name);

	rule->component = "";
	if (!err)
		err = hf_own_text(arena, m, HF_KEY_COMPONENT, &rule->component);
	if (!err)
		err = hf_own_text(arena, m, HF_KEY_PLACE, &rule->place);
	if (!err)
		err = hf_own_text(arena, m, HF_KEY_CLASS, &rule->class_prefix);
	if (!err)
		err = hf_own_names(arena, m, HF_KEY_COMPONENTS, HF_NAME_MAX, &rule->more_components);
	if (!err)
		err = hf_own_names(arena, m, HF_KEY_PLACES, HF_PATH_MAX, &rule->more_places);
	if (!err)
		err = hf_own_names(arena, m, HF_KEY_SLOTS, HF_SLOT_MAX, &rule->slots);
	if (!err && m->own[HF_KEY_MODE].len)
		err = hf_own_uint(m, HF_KEY_MODE, HF_MODE_AUDIT, &mode);
	rule->audit = mode == HF_MODE_AUDIT;
	rule->owner_approved = m->own[HF_KEY_APPROVED].len != 0;
	if (!err && rule->owner_approved)
		err = hf_own_uint(m, HF_KEY_APPROVED, HF_APPROVED_OWNER, &approved);
	return err;
}

static enum hf_err read_rule(struct hf_decoder *d, const struct hf_measured *m,
			     struct hf_rule ***end)
{
	const uint32_t required = HF_KEY_BIT(HF_KEY_PRESENCE) | HF_KEY_BIT(HF_KEY_RULE_COUNT) |
				  HF_KEY_BIT(HF_KEY_METHOD) | HF_KEY_BIT(HF_KEY_ACTION);
	const uint32_t optional = HF_KEY_BIT(HF_KEY_COMPONENT) | HF_KEY_BIT(HF_KEY_PLACE) |
				  HF_KEY_BIT(HF_KEY_MODE) | HF_KEY_BIT(HF_KEY_COMPONENTS) |
				  HF_KEY_BIT(HF_KEY_PLACES) | HF_KEY_BIT(HF_KEY_CLASS) |
				  HF_KEY_BIT(HF_KEY_SLOTS) | HF_KEY_BIT(HF_KEY_APPROVED);
	struct hf_rule *rule = hf_arena_take(d->out->arena, sizeof(*rule));
	enum hf_err err = hf_check_keys(m, required, optional);

	if (err)
		return err;
	if (!rule)
		return HF_ERR_LIMIT;
	if (m->digest_count || m->version.len)
		return HF_ERR_CORIM_SHAPE;
	err = read_rule_texts(d, m, rule);
	if (!err)
		err = read_rule_numbers(m, rule);
	if (err)
		return err;
	if (!hf_rule_valid(rule))
		return HF_ERR_CORIM_SHAPE;
	**end = rule;
	*end = &rule->next;
	return HF_OK;
}

static bool is_numbered(const struct hf_measured *m, const char *list, size_t number)
{
	char mkey[HF_MKEY_MAX];

	snprintf(mkey, sizeof(mkey), "%s%zu", list, number);
	return hf_span_is(m->mkey, mkey);
}

/* Boot code, then the platform's firmware, then rules, each numbered from zero without a
 * gap. */
static enum hf_err read_model_lists(struct hf_decoder *d, struct hf_reference_triple *triple,
				    struct hf_model *model)
{
	struct hf_boot_code **codes = &model->boot_code;
	struct hf_platform_firmware **firmware = &model->firmware;
	struct hf_rule **rules = &model->rules;
	size_t code_count = 0, firmware_count = 0, rule_count = 0;
	struct hf_measured m;

	for (size_t i = 1; i < triple->measurement_count; i++) {
		enum hf_err err = hf_next_measured(d, triple, &m);

		if (err)
			return err;
		if (rule_count == 0 && firmware_count == 0 &&
		    is_numbered(&m, HF_MKEY_BOOT_CODE, code_count)) {
			err = read_boot_code(d, &m, &codes);
			code_count++;
		} else if (rule_count == 0 && is_numbered(&m, HF_MKEY_FIRMWARE, firmware_count)) {
			err = hf_decode_firmware(d, &m, &firmware);
			firmware_count++;
		} else {
			if (!is_numbered(&m, HF_MKEY_RULE, rule_count))
				return HF_ERR_CORIM_SHAPE;
			err = read_rule(d, &m, &rules);
			rule_count++;
		}
		if (!err && (rule_count > HF_RULES_MAX || code_count > HF_RULES_MAX ||
			     firmware_count > HF_FIRMWARE_MAX))
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

enum hf_err hf_decode_model(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
			      struct hf_model ***end)
{
	struct hf_model *model = hf_arena_take(d->out->arena, sizeof(*model));
	struct hf_reference_triple triple;
	struct hf_measured m;
	enum hf_err err;

	if (!model)
		return HF_ERR_LIMIT;
	model->file = d->file;
	err = hf_keep_name(d->out->arena, rest, &model->name);
	if (!err)
		err = only_triple(comid, &triple);
	if (!err)
		err = hf_keep_text(d->out->arena, triple.vendor, HF_TEXT_MAX, &model->vendor);
	if (!err)
		err = hf_keep_text(d->out->arena, triple.model, HF_TEXT_MAX, &model->product);
	if (!err)
		err = hf_next_measured(d, &triple, &m);
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

static enum hf_err read_image_facts(struct hf_decoder *d, const struct hf_measured *m,
				    struct hf_image *image)
{
	bool tenant = image->role != HF_IMAGE_AGENT;
	uint32_t required = tenant ? HF_KEY_BIT(HF_KEY_TENANT_KIND) : 0;
	uint32_t optional = HF_KEY_BIT(HF_KEY_PROVENANCE) |
			    (tenant ? HF_KEY_BIT(HF_KEY_COMMAND_LINE_TEXT) : 0);
	enum hf_err err = hf_check_keys(m, required, optional);
	uint64_t kind = 0;

	if (!err && (m->digest_count || m->version.len || m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err && tenant)
		err = hf_own_uint(m, HF_KEY_TENANT_KIND, HF_TENANT_EXIT, &kind);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_PROVENANCE, &image->provenance);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_COMMAND_LINE_TEXT,
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
		{ "boot-entry", &image->has_boot_entry, &image->boot_entry },
		{ "uki", &image->has_uki, &image->uki },
		{ "sections", &image->has_sections, &image->sections },
	};
	enum hf_err err = hf_check_keys(m, 0, 0);

	if (err)
		return err;
	if (m->digest_count != 1 || m->digests[0].alg != HF_ALG_SHA256 || m->version.len ||
	    m->name.len)
		return HF_ERR_CORIM_SHAPE;
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (!hf_span_is(m->mkey, slots[i].mkey))
			continue;
		if (*slots[i].has)
			return HF_ERR_CORIM_SHAPE;
		*slots[i].has = true;
		*slots[i].digest = m->digests[0];
		return HF_OK;
	}
	return HF_ERR_CORIM_SHAPE;
}

enum hf_err hf_decode_image(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
			      enum hf_image_role role, struct hf_image ***end)
{
	struct hf_image *image = hf_arena_take(d->out->arena, sizeof(*image));
	static const char *const classes[] = {
		[HF_IMAGE_AGENT] = HF_IMAGE_MODEL_AGENT, [HF_IMAGE_TENANT] = HF_IMAGE_MODEL_TENANT,
		[HF_IMAGE_SERVICE] = HF_IMAGE_MODEL_SERVICE };
	const char *class = classes[role];
	struct hf_reference_triple triple;
	struct hf_measured m;
	enum hf_err err;

	if (!image)
		return HF_ERR_LIMIT;
	image->file = d->file;
	image->role = role;
	err = hf_keep_name(d->out->arena, rest, &image->name);
	if (!err)
		err = only_triple(comid, &triple);
	if (err)
		return err;
	if (!hf_span_is(triple.vendor, HF_IMAGE_VENDOR) || !hf_span_is(triple.model, class))
		return HF_ERR_CORIM_SHAPE;
	for (size_t i = 0; i < triple.measurement_count && !err; i++) {
		err = hf_next_measured(d, &triple, &m);
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
