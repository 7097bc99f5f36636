/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/manifest.h"

#include <stdio.h>

bool hf_match_function(const struct hf_match *match, const struct hf_identity *identity)
{
	if (match->vendor != identity->vendor || match->device != identity->device ||
	    (!match->any_class && match->class_code != identity->class_code))
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
	[HF_RELEASE_ALLOWED_UNTIL] = "allowed-until",
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
static const char *const image_roles[] = {
	[HF_IMAGE_AGENT] = "agent",
	[HF_IMAGE_TENANT] = "tenant",
	[HF_IMAGE_SERVICE] = "service",
};
static const char *const tenant_kinds[] = {
	[HF_TENANT_KEXEC] = "kexec", [HF_TENANT_ROOT] = "root",
	[HF_TENANT_NEXT_BOOT] = "next-boot", [HF_TENANT_EXIT] = "exit",
};
static const char *const methods[] = {	/* those that a rule may demand */
	[HF_METHOD_NONE] = "none",
	[HF_METHOD_IDENTITY] = "identity",
	[HF_METHOD_VERSION] = "version",
	[HF_METHOD_BYTES] = "bytes",
	[HF_METHOD_UNBOUND] = "signed-unbound",
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

const char *hf_image_role_name(enum hf_image_role role) { return NAME_OF(image_roles, role); }
const char *hf_tenant_kind_name(enum hf_tenant_kind kind) { return NAME_OF(tenant_kinds, kind); }

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

bool hf_image_role_from_name(const char *name, enum hf_image_role *ret)
{
	size_t i;

	if (!word_index(image_roles, COUNT(image_roles), name, &i))
		return false;
	*ret = (enum hf_image_role)i;
	return true;
}

bool hf_tenant_kind_from_name(const char *name, enum hf_tenant_kind *ret)
{
	size_t i;

	if (!word_index(tenant_kinds, COUNT(tenant_kinds), name, &i))
		return false;
	*ret = (enum hf_tenant_kind)i;
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

/* Days of the proleptic Gregorian calendar: years begin in March, so that a leap day is the
 * last of its year. */
static uint32_t day_of(uint32_t year, uint32_t month, uint32_t day)
{
	uint32_t y = month > 2 ? year : year - 1, shifted = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

static bool take_number(const char **text, size_t digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (; digits; digits--, ++*text) {
		if (**text < '0' || **text > '9')
			return false;
		value = 10 * value + (uint32_t)(**text - '0');
	}
	*ret = value;
	return true;
}

bool hf_date_parse(const char *text, uint32_t *ret_day)
{
	uint32_t year, month, day;
	char again[HF_DATE_TEXT];
	const char *p = text;

	if (!take_number(&p, 4, &year) || *p++ != '-' || !take_number(&p, 2, &month) ||
	    *p++ != '-' || !take_number(&p, 2, &day) || *p)
		return false;
	if (year < 1970 || month == 0 || month > 12 || day == 0 || day > 31)
		return false;
	hf_date_format(day_of(year, month, day), again);
	if (strcmp(again, text) != 0)	/* 31 April is 1 May */
		return false;
	*ret_day = day_of(year, month, day);
	return true;
}

void hf_date_format(uint32_t day, char out[static HF_DATE_TEXT])
{
	uint32_t year = 1970 + day / 366, month = 1;

	while (year < 9999 && day_of(year + 1, 1, 1) <= day)
		year++;
	while (month < 12 && day_of(year, month + 1, 1) <= day)
		month++;
	day = day - day_of(year, month, 1) + 1;
	snprintf(out, HF_DATE_TEXT, "%04u-%02u-%02u", year % 10000, month % 100, day % 100);
}

bool hf_date_over(uint32_t day, int64_t now)
{
	return now > 0 && now / 86400 > day;
}

bool hf_cause_waivable(enum hf_err cause)
{
	switch ((int)cause) {	/* a list of what may be, so that a new cause may not */
	case HF_ERR_FIRMWARE_UNKNOWN:
	case HF_ERR_UNCOVERED:
	case HF_ERR_MEASUREMENT_MISSING:
	case HF_ERR_PART_UNKNOWN:
	case HF_ERR_PART_MISSING:
	case HF_ERR_PART_EXTRA:
	case HF_ERR_PART_MOVED:
	case HF_ERR_METHOD_TOO_WEAK:
	case HF_ERR_FIRMWARE_OLD:
	case HF_ERR_PART_UNREADABLE:
	case HF_ERR_SVN_TOO_LOW:
	case HF_ERR_FIRMWARE_PAST_DATE:
	case HF_ERR_SPDM_DOWNGRADE:
		return true;
	}
	return false;
}

const char *hf_firmware_key_name(enum hf_firmware_key key)
{
	static const char *const names[] = {	/* UEFI 2.10, table 3.1 and section 32.4.1 */
		[HF_FIRMWARE_PK] = "PK", [HF_FIRMWARE_KEK] = "KEK",
		[HF_FIRMWARE_DB] = "db", [HF_FIRMWARE_DBX] = "dbx",
	};

	return NAME_OF(names, key);
}

bool hf_firmware_valid(const struct hf_platform_firmware *firmware)
{
	if (!hf_name_valid(firmware->name) || firmware->state >= HF_RELEASE_ALLOWED_UNTIL ||
	    firmware->pcr_mask == 0 || firmware->pcr_mask >> HF_FIRMWARE_PCRS ||
	    firmware->key_mask >> HF_FIRMWARE_KEYS || firmware->secure_boot > HF_FIRMWARE_BOOT_ON)
		return false;
	for (size_t i = 0; i < HF_FIRMWARE_PCRS; i++)
		if (firmware->pcr_mask >> i & 1 && firmware->pcrs[i].alg != HF_ALG_SHA256)
			return false;
	for (size_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		if (firmware->key_mask >> i & 1 && firmware->keys[i].alg != HF_ALG_SHA256)
			return false;
	return true;
}

unsigned hf_spdm_index_of(const char *mkey)
{
	char again[HF_SPDM_MKEY_TEXT];
	unsigned index = 0;

	if (strncmp(mkey, HF_SPDM_MKEY, sizeof(HF_SPDM_MKEY) - 1) != 0)
		return 0;
	for (const char *c = mkey + sizeof(HF_SPDM_MKEY) - 1; *c >= '0' && *c <= '9' && index < 1000; c++)
		index = 10 * index + (unsigned)(*c - '0');
	if (index > HF_SPDM_INDEX_LAST)
		return 0;
	snprintf(again, sizeof(again), HF_SPDM_MKEY "%u", index);
	return strcmp(again, mkey) == 0 ? index : 0;
}

bool hf_class_prefix_valid(const char *text)
{
	size_t len = strlen(text);

	return (len == 2 || len == 4 || len == 6) && strspn(text, "0123456789abcdef") == len;
}

bool hf_slot_valid(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > HF_SLOT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

static bool place_valid(const char *place)
{
	return place[0] && strlen(place) <= HF_PATH_MAX;
}

bool hf_rule_valid(const struct hf_rule *rule)
{
	const struct hf_name_list *l;

	if (!hf_name_valid(rule->name) || rule->count == 0 || rule->least_method == HF_METHOD_NONE ||
	    (rule->component[0] ? !hf_name_valid(rule->component)
				: !rule->class_prefix || rule->more_components) ||
	    (rule->class_prefix && !hf_class_prefix_valid(rule->class_prefix)) ||
	    (rule->place ? !place_valid(rule->place) : rule->more_places != NULL))
		return false;
	for (l = rule->more_components; l; l = l->next)
		if (!hf_name_valid(l->name))
			return false;
	for (l = rule->more_places; l; l = l->next)
		if (!place_valid(l->name))
			return false;
	for (l = rule->slots; l; l = l->next)
		if (!hf_slot_valid(l->name))
			return false;
	return true;
}

bool hf_waiver_item_possible(const struct hf_waiver *waiver, const struct hf_waiver_item *item)
{
	if (!waiver->bearer)
		return hf_cause_waivable(item->cause);
	return item == waiver->items && !item->next && item->cause == HF_ERR_CONTROLLER_UNREACHABLE &&
	       item->place && strcmp(item->place, HF_BEARER_PLACE) == 0 && !item->mkey && !item->found;
}

/* The owner's release ends by the host's boots and the model's generation: no clock need be trusted. */
static bool bearer_valid(const struct hf_waiver *waiver)
{
	return !waiver->bearer || (waiver->has_generation && waiver->boots_from <= waiver->boots_to);
}

bool hf_waiver_valid(const struct hf_waiver *waiver)
{
	size_t count = 0;

	if (!hf_name_valid(waiver->name) || !(waiver->has_until || waiver->has_generation) ||
	    (waiver->note && !waiver->note[0]) || !bearer_valid(waiver))
		return false;
	for (const struct hf_waiver_item *i = waiver->items; i; i = i->next) {
		if (!place_valid(i->place) || !hf_waiver_item_possible(waiver, i) ||
		    (i->mkey && (!i->mkey[0] || strlen(i->mkey) > HF_MKEY_MAX)) ||
		    (i->found && (!i->found[0] || strlen(i->found) > HF_TEXT_MAX)))
			return false;
		count++;
	}
	return count > 0 && count <= HF_WAIVER_ITEMS_MAX;
}

enum hf_err hf_image_digests(const struct hf_image *image, struct hf_image_digests *ret)
{
	char text[HF_NAME_MAX + 8];

	*ret = (struct hf_image_digests){ .count = 1 };
	switch (image->kind) {
	case HF_TENANT_KEXEC:
		if (!image->command_line_text)
			return HF_ERR_INTERNAL;
		*ret = (struct hf_image_digests){ { &image->kernel, &image->initrd, &ret->own }, .count = 3 };
		return hf_digest(HF_ALG_SHA256, hf_span_text(image->command_line_text), &ret->own);
	case HF_TENANT_ROOT:
		ret->digest[0] = &image->root;
		return HF_OK;
	case HF_TENANT_NEXT_BOOT:
		ret->digest[0] = &image->boot_entry;
		return HF_OK;
	case HF_TENANT_EXIT:
		ret->digest[0] = &ret->own;
		snprintf(text, sizeof(text), "exit:%.*s", HF_NAME_MAX, image->name);
		return hf_digest(HF_ALG_SHA256, hf_span_text(text), &ret->own);
	}
	return HF_ERR_INTERNAL;
}

bool hf_image_complete(const struct hf_image *image)
{
	const bool agent = image->role == HF_IMAGE_AGENT;
	const bool linux = agent || image->kind == HF_TENANT_KEXEC;

	return image->has_kernel == linux && image->has_initrd == linux &&
	       image->has_command_line == agent &&
	       image->has_uki == image->has_sections && (agent || !image->has_uki) &&
	       (image->command_line_text != NULL) == (linux && !agent) &&
	       image->has_root == (!agent && image->kind == HF_TENANT_ROOT) &&
	       image->has_boot_entry == (!agent && image->kind == HF_TENANT_NEXT_BOOT);
}

struct hf_manifests_mark hf_manifests_mark(struct hf_manifests *manifests)
{
	struct hf_manifests_mark mark = {
		.arena_len = manifests->arena->len,
		.components = &manifests->components,
		.models = &manifests->models,
		.images = &manifests->images,
		.waivers = &manifests->waivers,
		.notes = &manifests->notes,
		.revocations = &manifests->revocations,
	};

	while (*mark.components)
		mark.components = &(*mark.components)->next;
	while (*mark.models)
		mark.models = &(*mark.models)->next;
	while (*mark.images)
		mark.images = &(*mark.images)->next;
	while (*mark.waivers)
		mark.waivers = &(*mark.waivers)->next;
	while (*mark.notes)
		mark.notes = &(*mark.notes)->next;
	while (*mark.revocations)
		mark.revocations = &(*mark.revocations)->next;
	return mark;
}

void hf_manifests_rollback(struct hf_manifests *manifests, const struct hf_manifests_mark *mark)
{
	*mark->components = NULL;
	*mark->models = NULL;
	*mark->images = NULL;
	*mark->waivers = NULL;
	*mark->notes = NULL;
	*mark->revocations = NULL;
	manifests->arena->len = mark->arena_len;
}

/* Names seen so far, open addressing, at most half full; room for them is lent by the arena. */
struct name_set {
	const char **slots;
	size_t mask;
};

static bool set_make(struct hf_arena *arena, size_t count, struct name_set *ret)
{
	size_t size = 16;

	while (size < 2 * count)
		size *= 2;
	ret->slots = hf_arena_take(arena, size * sizeof(*ret->slots));
	ret->mask = size - 1;
	return ret->slots != NULL;
}

/* False: it was there. */
static bool set_add(struct name_set *set, const char *name)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */
	size_t at;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	for (at = hash & set->mask; set->slots[at]; at = (at + 1) & set->mask)
		if (strcmp(set->slots[at], name) == 0)
			return false;
	set->slots[at] = name;
	return true;
}

/* No two names alike in a list, whatever it is a list of. The arena is as before. */
#define CHECK_LIST(arena, type, first, ret_err) do { \
	size_t mark_ = (arena)->len, count_ = 0; \
	struct name_set set_; \
	for (const type *e_ = (first); e_; e_ = e_->next) \
		count_++; \
	if (count_ > 1 && !(ret_err) && !set_make(arena, count_, &set_)) \
		(ret_err) = HF_ERR_LIMIT; \
	for (const type *e_ = (first); e_ && count_ > 1 && !(ret_err); e_ = e_->next) \
		if (!set_add(&set_, e_->name)) \
			(ret_err) = HF_ERR_DUPLICATE_NAME; \
	(arena)->len = mark_; \
} while (0)

enum hf_err hf_manifests_check_names(const struct hf_manifests *manifests,
				     const struct hf_manifests_mark *mark)
{
	size_t components = 0, models = 0, images = 0, waivers = 0;
	struct hf_arena *arena = manifests->arena;
	enum hf_err err = HF_OK;

	for (const struct hf_component *c = manifests->components; c; c = c->next)
		components++;
	for (const struct hf_model *m = manifests->models; m; m = m->next)
		models++;
	for (const struct hf_image *i = manifests->images; i; i = i->next)
		images++;
	for (const struct hf_waiver *w = manifests->waivers; w; w = w->next)
		waivers++;
	if (components > HF_COMPONENTS_MAX || models > HF_MODELS_MAX || images > HF_IMAGES_MAX ||
	    waivers > HF_WAIVERS_MAX)
		return HF_ERR_LIMIT;
	if (*mark->components)
		CHECK_LIST(arena, struct hf_component, manifests->components, err);
	for (const struct hf_component *c = *mark->components; c && !err; c = c->next)
		CHECK_LIST(arena, struct hf_release, c->releases, err);
	if (*mark->models)
		CHECK_LIST(arena, struct hf_model, manifests->models, err);
	for (const struct hf_model *m = *mark->models; m && !err; m = m->next)
		CHECK_LIST(arena, struct hf_rule, m->rules, err);
	for (const struct hf_model *m = *mark->models; m && !err; m = m->next)
		CHECK_LIST(arena, struct hf_platform_firmware, m->firmware, err);
	if (*mark->waivers)
		CHECK_LIST(arena, struct hf_waiver, manifests->waivers, err);
	if (*mark->revocations)
		CHECK_LIST(arena, struct hf_revocations, manifests->revocations, err);
	return err;
}
