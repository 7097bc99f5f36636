/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/manifest.h"

bool hf_match_function(const struct hf_match *match, const struct hf_identity *identity)
{
	if (match->vendor != identity->vendor || match->device != identity->device ||
	    match->class_code != identity->class_code)
		return false;
	if (match->has_subsystem && (match->subsystem_vendor != identity->subsystem_vendor ||
				     match->subsystem_device != identity->subsystem_device))
		return false;
	if (match->has_revision && match->revision != identity->revision)
		return false;
	return !match->has_serial ||
	       (identity->has_serial && match->serial == identity->serial);
}

static const char *const states[] = {
	[HF_RELEASE_ALLOWED] = "allowed",
	[HF_RELEASE_UPDATE] = "update",
	[HF_RELEASE_REVOKED] = "revoked",
};
static const char *const presences[] = {
	[HF_PRESENCE_REQUIRED] = "required",
	[HF_PRESENCE_OPTIONAL] = "optional",
	[HF_PRESENCE_FORBIDDEN] = "forbidden",
};
static const char *const actions[] = {
	[HF_ACTION_HOLD] = "hold",
	[HF_ACTION_FENCE] = "fence",
	[HF_ACTION_WARN] = "warn",
};
static const char *const modes[] = {
	[HF_MODE_ENFORCE] = "enforce",
	[HF_MODE_AUDIT] = "audit",
};
static const char *const methods[] = {	/* those that a rule may demand */
	[HF_METHOD_NONE] = "none",
	[HF_METHOD_IDENTITY] = "identity",
	[HF_METHOD_VERSION] = "version",
	[HF_METHOD_BYTES] = "bytes",
	[HF_METHOD_SIGNED] = "signed",
};

static bool word_index(const char *const *words, size_t count, const char *word, size_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i], word) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

#define COUNT(words) (sizeof(words) / sizeof((words)[0]))
#define NAME_OF(words, value) ((size_t)(value) < COUNT(words) ? (words)[value] : "unknown")

const char *hf_release_state_name(enum hf_release_state state) { return NAME_OF(states, state); }
const char *hf_presence_name(enum hf_presence presence) { return NAME_OF(presences, presence); }
const char *hf_action_name(enum hf_action action) { return NAME_OF(actions, action); }
const char *hf_mode_name(enum hf_mode mode) { return NAME_OF(modes, mode); }

bool hf_release_state_from_name(const char *name, enum hf_release_state *ret)
{
	size_t i;

	if (!word_index(states, COUNT(states), name, &i))
		return false;
	*ret = (enum hf_release_state)i;
	return true;
}

bool hf_presence_from_name(const char *name, enum hf_presence *ret)
{
	size_t i;

	if (!word_index(presences, COUNT(presences), name, &i))
		return false;
	*ret = (enum hf_presence)i;
	return true;
}

bool hf_action_from_name(const char *name, enum hf_action *ret)
{
	size_t i;

	if (!word_index(actions, COUNT(actions), name, &i))
		return false;
	*ret = (enum hf_action)i;
	return true;
}

bool hf_mode_from_name(const char *name, enum hf_mode *ret)
{
	size_t i;

	if (!word_index(modes, COUNT(modes), name, &i))
		return false;
	*ret = (enum hf_mode)i;
	return true;
}

bool hf_method_from_name(const char *name, enum hf_method *ret)
{
	size_t i;

	if (!word_index(methods, COUNT(methods), name, &i) || i == HF_METHOD_NONE)
		return false;
	*ret = (enum hf_method)i;
	return true;
}

bool hf_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > HF_NAME_MAX || name[0] == ' ' || name[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '/')
			return false;
	return true;
}

bool hf_image_complete(const struct hf_image *image)
{
	bool agent = image->role == HF_IMAGE_AGENT;

	if (!agent && image->kind == HF_TENANT_ROOT)
		return image->has_root && !image->has_kernel && !image->has_initrd &&
		       !image->has_command_line && !image->command_line_text;
	return image->has_kernel && image->has_initrd && !image->has_root &&
	       image->has_command_line == agent && (image->command_line_text != NULL) == !agent;
}

struct hf_manifests_mark hf_manifests_mark(struct hf_manifests *manifests)
{
	struct hf_manifests_mark mark = {
		.arena_len = manifests->arena->len,
		.components = &manifests->components,
		.models = &manifests->models,
		.images = &manifests->images,
	};

	while (*mark.components)
		mark.components = &(*mark.components)->next;
	while (*mark.models)
		mark.models = &(*mark.models)->next;
	while (*mark.images)
		mark.images = &(*mark.images)->next;
	return mark;
}

void hf_manifests_rollback(struct hf_manifests *manifests, const struct hf_manifests_mark *mark)
{
	*mark->components = NULL;
	*mark->models = NULL;
	*mark->images = NULL;
	manifests->arena->len = mark->arena_len;
}

static enum hf_err check_component(const struct hf_manifests *manifests,
				   const struct hf_component *component)
{
	for (const struct hf_component *c = manifests->components; c != component; c = c->next)
		if (strcmp(c->name, component->name) == 0)
			return HF_ERR_DUPLICATE_NAME;
	for (const struct hf_release *a = component->releases; a; a = a->next)
		for (const struct hf_release *b = a->next; b; b = b->next)
			if (strcmp(a->name, b->name) == 0)
				return HF_ERR_DUPLICATE_NAME;
	return HF_OK;
}

static enum hf_err check_model(const struct hf_manifests *manifests, const struct hf_model *model)
{
	for (const struct hf_model *m = manifests->models; m != model; m = m->next)
		if (strcmp(m->name, model->name) == 0)
			return HF_ERR_DUPLICATE_NAME;
	for (const struct hf_rule *a = model->rules; a; a = a->next)
		for (const struct hf_rule *b = a->next; b; b = b->next)
			if (strcmp(a->name, b->name) == 0)
				return HF_ERR_DUPLICATE_NAME;
	return HF_OK;
}

enum hf_err hf_manifests_check_names(const struct hf_manifests *manifests,
				     const struct hf_manifests_mark *mark)
{
	size_t components = 0, models = 0, images = 0;
	enum hf_err err = HF_OK;

	for (const struct hf_component *c = manifests->components; c; c = c->next)
		components++;
	for (const struct hf_model *m = manifests->models; m; m = m->next)
		models++;
	for (const struct hf_image *i = manifests->images; i; i = i->next)
		images++;
	if (components > HF_COMPONENTS_MAX || models > HF_MODELS_MAX || images > HF_IMAGES_MAX)
		return HF_ERR_LIMIT;
	for (const struct hf_component *c = *mark->components; c && !err; c = c->next)
		err = check_component(manifests, c);
	for (const struct hf_model *m = *mark->models; m && !err; m = m->next)
		err = check_model(manifests, m);
	return err;
}
