/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manifests to CoRIM in the holdfast profile. Map keys come in deterministic order:
 * unsigned ascending, then negative descending (RFC 8949 section 4.2.1). [pure] */
#include "manifests/corim_write.h"

#include <stdio.h>

void hf_class_format(const struct hf_match *match, char out[static HF_CLASS_TEXT])
{
	size_t len;

	snprintf(out, HF_CLASS_TEXT, "Vendor=%04x:Device=%04x:CC=%06x", match->vendor,
		 match->device, match->class_code & 0xffffffu);
	len = strlen(out);
	if (match->has_revision)
		snprintf(out + len, HF_CLASS_TEXT - len, ":REV=%02x", match->revision);
	len = strlen(out);
	if (match->has_subsystem)
		snprintf(out + len, HF_CLASS_TEXT - len, ":SSVID=%04x:SSID=%04x",
			 match->subsystem_vendor, match->subsystem_device);
}

/* Turns what was written since start into a byte string of it. */
void hf_wrap_bstr(struct hf_writer *w, size_t start)
{
	uint8_t head[9];
	struct hf_writer h = { .buf = head, .cap = sizeof(head) };
	size_t len = w->len - start;

	hf_cbor_put_uint(&h, len);
	head[0] |= 0x40;	/* major type 2 */
	hf_put(w, head, h.len);
	if (w->full)
		return;
	memmove(w->buf + start + h.len, w->buf + start, len);
	memcpy(w->buf + start, head, h.len);
}

void hf_put_key(struct hf_writer *w, enum hf_corim_key key)
{
	hf_cbor_put_int(w, -(int64_t)key);
}

void hf_put_key_uint(struct hf_writer *w, enum hf_corim_key key, uint64_t value)
{
	hf_put_key(w, key);
	hf_cbor_put_uint(w, value);
}

void hf_put_key_date(struct hf_writer *w, enum hf_corim_key key, uint32_t day)
{
	hf_put_key(w, key);
	hf_cbor_put_tag(w, HF_TAG_DATE);
	hf_cbor_put_uint(w, day);
}

void hf_put_key_text(struct hf_writer *w, enum hf_corim_key key, const char *text)
{
	if (!text)
		return;
	hf_put_key(w, key);
	hf_cbor_put_text(w, text);
}

void hf_put_from(struct hf_writer *w, const char *from)
{
	if (!from)
		return;
	hf_cbor_put_int(w, -HF_KEY_FROM);
	hf_cbor_put_text(w, from);
}

static int64_t alg_number(enum hf_alg alg)
{
	switch (alg) {
	case HF_ALG_SHA256:
		return HF_COSE_SHA256;
	case HF_ALG_SHA384:
		return HF_COSE_SHA384;
	case HF_ALG_SHA512:
		return HF_COSE_SHA512;
	case HF_ALG_SHA1:
	case HF_ALG_SM3:
		break;
	}
	return 0;	/* refused before: digests_valid */
}

static bool digests_valid(const struct hf_digest *digests, size_t count)
{
	uint32_t seen = 0;

	if (count > HF_MEASUREMENT_DIGESTS)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!(HF_ALG_MASK(digests[i].alg) & HF_REFERENCE_ALGS & ~seen))
			return false;
		seen |= HF_ALG_MASK(digests[i].alg);
	}
	return true;
}

static void put_digests(struct hf_writer *w, const struct hf_digest *digests, size_t count)
{
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++) {
		hf_cbor_put_array(w, 2);
		hf_cbor_put_int(w, alg_number(digests[i].alg));
		hf_cbor_put_bstr(w, (struct hf_span){ digests[i].bytes,
						      hf_alg_size(digests[i].alg) });
	}
}

/* measurement-map up to the head of its mval, which takes `values` pairs */
void hf_begin_measurement(struct hf_writer *w, const char *mkey, size_t values)
{
	hf_cbor_put_map(w, mkey ? 2 : 1);
	if (mkey) {
		hf_cbor_put_uint(w, 0);
		if (hf_spdm_index_of(mkey))
			hf_cbor_put_uint(w, hf_spdm_index_of(mkey));
		else
			hf_cbor_put_text(w, mkey);
	}
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_map(w, values);
}

/* Everything of a CoMID up to the head of its reference triples. The tag and what follows
 * become one byte string in end_comid. */
size_t hf_begin_comid(struct hf_writer *w, const char *tag_id, size_t triples)
{
	size_t start;

	hf_cbor_put_tag(w, HF_TAG_COMID);
	start = w->len;
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_map(w, 1);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_text(w, tag_id);
	hf_cbor_put_uint(w, 4);
	hf_cbor_put_map(w, 1);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_array(w, triples);
	return start;
}

/* A triple whose environment is a class of two texts, up to its measurements. */
static void begin_text_triple(struct hf_writer *w, const char *vendor, const char *model,
			      size_t measurements)
{
	hf_cbor_put_array(w, 2);
	hf_cbor_put_map(w, 1);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_text(w, vendor);
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_text(w, model);
	hf_cbor_put_array(w, measurements);
}

/* ---- components ---- */

static void put_match(struct hf_writer *w, const struct hf_match *match)
{
	char class[HF_CLASS_TEXT], vendor[8], model[8];
	uint8_t serial[8];
	struct hf_writer s = { .buf = serial, .cap = sizeof(serial) };

	hf_class_format(match, class);
	snprintf(vendor, sizeof(vendor), "%04x", match->vendor);
	snprintf(model, sizeof(model), "%04x", match->device);
	hf_cbor_put_map(w, match->has_serial ? 2 : 1);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_map(w, 3);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_tag(w, HF_TAG_BYTES);
	hf_cbor_put_bstr(w, hf_span_text(class));
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_text(w, vendor);
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_text(w, model);
	if (!match->has_serial)
		return;
	hf_put_be(&s, match->serial, 8);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_tag(w, HF_TAG_BYTES);
	hf_cbor_put_bstr(w, hf_written(&s));
}

static void put_raw(struct hf_writer *w, const struct hf_reference *ref)
{
	hf_cbor_put_uint(w, 4);
	if (!ref->raw_mask.len) {
		hf_cbor_put_tag(w, HF_TAG_BYTES);
		hf_cbor_put_bstr(w, ref->raw);
		return;
	}
	hf_cbor_put_tag(w, HF_TAG_MASKED);
	hf_cbor_put_array(w, 2);
	hf_cbor_put_bstr(w, ref->raw);
	hf_cbor_put_bstr(w, ref->raw_mask);
}

static enum hf_err put_reference(struct hf_writer *w, const struct hf_reference *ref)
{
	if (strlen(ref->mkey) == 0 || strlen(ref->mkey) > HF_MKEY_MAX ||
	    (ref->digest_count != 0) + (ref->text != NULL) + (ref->svn_kind != HF_SVN_NONE) +
			    (ref->raw.len != 0) != 1 ||
	    (ref->text && (!ref->text[0] || strlen(ref->text) > HF_TEXT_MAX)) ||
	    ref->raw.len > HF_BYTES_MAX ||
	    (ref->raw_mask.len && ref->raw_mask.len != ref->raw.len) ||
	    !digests_valid(ref->digests, ref->digest_count))
		return HF_ERR_CORIM_SHAPE;
	hf_begin_measurement(w, ref->mkey, 1u + (ref->from != NULL));
	if (ref->digest_count) {
		put_digests(w, ref->digests, ref->digest_count);
	} else if (ref->svn_kind) {
		hf_cbor_put_uint(w, 1);
		hf_cbor_put_tag(w, ref->svn_kind == HF_SVN_LEAST ? HF_TAG_LEAST_SVN : HF_TAG_SVN);
		hf_cbor_put_uint(w, ref->svn);
	} else if (ref->raw.len) {
		put_raw(w, ref);
	} else {
		hf_cbor_put_uint(w, 0);
		hf_cbor_put_map(w, 1);
		hf_cbor_put_uint(w, 0);
		hf_cbor_put_text(w, ref->text);
	}
	hf_put_from(w, ref->from);
	return HF_OK;
}

static enum hf_err put_environment(struct hf_writer *w, const struct hf_release *release,
				   const struct hf_environment *env)
{
	bool until = release->state == HF_RELEASE_ALLOWED_UNTIL;
	size_t count = 1;
	enum hf_err err = HF_OK;

	for (const struct hf_reference *ref = env->references; ref; ref = ref->next)
		count++;
	hf_cbor_put_array(w, 2);
	put_match(w, &env->match);
	hf_cbor_put_array(w, count);
	if (until != (release->until_day != 0) || env->match.any_class)
		return HF_ERR_CORIM_SHAPE;
	hf_begin_measurement(w, NULL, 2u + (release->note != NULL) + (release->provenance != NULL) + until);
	hf_put_key_uint(w, HF_KEY_STATE, release->state);
	hf_put_key_text(w, HF_KEY_NOTE, release->note);
	hf_put_key_uint(w, HF_KEY_COUNT, env->count);
	hf_put_key_text(w, HF_KEY_PROVENANCE, release->provenance);
	if (until)
		hf_put_key_date(w, HF_KEY_UNTIL, release->until_day);
	for (const struct hf_reference *ref = env->references; ref && !err; ref = ref->next)
		err = put_reference(w, ref);
	return err;
}

static enum hf_err put_release(struct hf_writer *w, const struct hf_component *component,
			       const struct hf_release *release)
{
	char tag_id[HF_TAG_ID_MAX];
	size_t count = 0, start;
	enum hf_err err = HF_OK;

	for (const struct hf_environment *env = release->environments; env; env = env->next)
		count++;
	if (count == 0 || !hf_name_valid(component->name) || !hf_name_valid(release->name))
		return HF_ERR_CORIM_SHAPE;
	snprintf(tag_id, sizeof(tag_id), HF_TAG_ID_COMPONENT "%s/%s", component->name,
		 release->name);
	start = hf_begin_comid(w, tag_id, count);
	for (const struct hf_environment *env = release->environments; env && !err;
	     env = env->next)
		err = put_environment(w, release, env);
	hf_wrap_bstr(w, start);
	return err;
}

/* ---- models ---- */

static void put_model_facts(struct hf_writer *w, const struct hf_model *model)
{
	size_t drivers = 0;

	for (const struct hf_name_list *d = model->drivers; d; d = d->next)
		drivers++;
	hf_begin_measurement(w, NULL, 5u + (model->provenance != NULL));
	hf_put_key_text(w, HF_KEY_PROVENANCE, model->provenance);
	hf_put_key_uint(w, HF_KEY_GENERATION, model->generation);
	hf_put_key_uint(w, HF_KEY_MODE, model->mode);
	hf_put_key(w, HF_KEY_TPM);
	hf_cbor_put_bool(w, model->tpm_required);
	hf_put_key_uint(w, HF_KEY_UNKNOWN, model->unknown);
	hf_put_key(w, HF_KEY_DRIVERS);
	hf_cbor_put_array(w, drivers);
	for (const struct hf_name_list *d = model->drivers; d; d = d->next)
		hf_cbor_put_text(w, d->name);
}

static size_t count_names(const struct hf_name_list *list)
{
	size_t count = 0;

	for (; list; list = list->next)
		count++;
	return count;
}

static void put_names(struct hf_writer *w, enum hf_corim_key key, const struct hf_name_list *list)
{
	if (!list)
		return;
	hf_put_key(w, key);
	hf_cbor_put_array(w, count_names(list));
	for (; list; list = list->next)
		hf_cbor_put_text(w, list->name);
}

static void put_rule(struct hf_writer *w, const struct hf_rule *rule, size_t index)
{
	const char *component = rule->component[0] ? rule->component : NULL;
	char mkey[HF_MKEY_MAX];

	snprintf(mkey, sizeof(mkey), HF_MKEY_RULE "%zu", index);
	hf_begin_measurement(w, mkey, 5u + rule->audit + rule->owner_approved + (component != NULL) + (rule->place != NULL) +
			     (rule->more_components != NULL) + (rule->more_places != NULL) +
			     (rule->class_prefix != NULL) + (rule->slots != NULL));
	hf_cbor_put_uint(w, 11);
	hf_cbor_put_text(w, rule->name);
	if (rule->audit)
		hf_put_key_uint(w, HF_KEY_MODE, HF_MODE_AUDIT);
	hf_put_key_text(w, HF_KEY_COMPONENT, component);
	hf_put_key_text(w, HF_KEY_PLACE, rule->place);
	hf_put_key_uint(w, HF_KEY_PRESENCE, rule->presence);
	hf_put_key_uint(w, HF_KEY_RULE_COUNT, rule->count);
	hf_put_key_uint(w, HF_KEY_METHOD, hf_method_number(rule->least_method));
	hf_put_key_uint(w, HF_KEY_ACTION, rule->action);
	put_names(w, HF_KEY_COMPONENTS, rule->more_components);
	put_names(w, HF_KEY_PLACES, rule->more_places);
	hf_put_key_text(w, HF_KEY_CLASS, rule->class_prefix);
	put_names(w, HF_KEY_SLOTS, rule->slots);
	if (rule->owner_approved)
		hf_put_key_uint(w, HF_KEY_APPROVED, HF_APPROVED_OWNER);
}

static bool model_valid(const struct hf_model *model)
{
	if (!hf_name_valid(model->name) || !model->vendor[0] || !model->product[0])
		return false;
	for (const struct hf_name_list *d = model->drivers; d; d = d->next)
		if (!hf_name_valid(d->name))
			return false;
	for (const struct hf_boot_code *b = model->boot_code; b; b = b->next)
		if (!hf_name_valid(b->name) || b->sha256.alg != HF_ALG_SHA256)
			return false;
	for (const struct hf_platform_firmware *f = model->firmware; f; f = f->next)
		if (!hf_firmware_valid(f))
			return false;
	for (const struct hf_rule *r = model->rules; r; r = r->next)
		if (!hf_rule_valid(r))
			return false;
	return true;
}

static enum hf_err put_model(struct hf_writer *w, const struct hf_model *model)
{
	char tag_id[HF_TAG_ID_MAX], mkey[HF_MKEY_MAX];
	size_t count = 1, index = 0, start;

	if (!model_valid(model))
		return HF_ERR_CORIM_SHAPE;
	for (const struct hf_boot_code *b = model->boot_code; b; b = b->next)
		count++;
	for (const struct hf_platform_firmware *f = model->firmware; f; f = f->next)
		count++;
	for (const struct hf_rule *r = model->rules; r; r = r->next)
		count++;
	snprintf(tag_id, sizeof(tag_id), HF_TAG_ID_MODEL "%s", model->name);
	start = hf_begin_comid(w, tag_id, 1);
	begin_text_triple(w, model->vendor, model->product, count);
	put_model_facts(w, model);
	for (const struct hf_boot_code *b = model->boot_code; b; b = b->next) {
		snprintf(mkey, sizeof(mkey), HF_MKEY_BOOT_CODE "%zu", index++);
		hf_begin_measurement(w, mkey, 2u + (b->from != NULL));
		put_digests(w, &b->sha256, 1);
		hf_cbor_put_uint(w, 11);
		hf_cbor_put_text(w, b->name);
		hf_put_from(w, b->from);
	}
	index = 0;
	for (const struct hf_platform_firmware *f = model->firmware; f; f = f->next)
		hf_put_firmware(w, f, index++);
	index = 0;
	for (const struct hf_rule *r = model->rules; r; r = r->next)
		put_rule(w, r, index++);
	hf_wrap_bstr(w, start);
	return HF_OK;
}

/* ---- images ---- */

static void put_image_digest(struct hf_writer *w, const char *mkey, bool present,
			     const struct hf_digest *digest)
{
	if (!present)
		return;
	hf_begin_measurement(w, mkey, 1);
	put_digests(w, digest, 1);
}

static enum hf_err put_image(struct hf_writer *w, const struct hf_image *image)
{
	static const char *const ids[] = {
		[HF_IMAGE_AGENT] = HF_TAG_ID_AGENT, [HF_IMAGE_TENANT] = HF_TAG_ID_TENANT,
		[HF_IMAGE_SERVICE] = HF_TAG_ID_SERVICE };
	static const char *const classes[] = {
		[HF_IMAGE_AGENT] = HF_IMAGE_MODEL_AGENT, [HF_IMAGE_TENANT] = HF_IMAGE_MODEL_TENANT,
		[HF_IMAGE_SERVICE] = HF_IMAGE_MODEL_SERVICE };
	bool tenant = image->role != HF_IMAGE_AGENT;
	char tag_id[HF_TAG_ID_MAX];
	size_t start, facts = (tenant ? 1u : 0) + (image->command_line_text != NULL) +
			      (image->provenance != NULL);

	if (!hf_name_valid(image->name) || !hf_image_complete(image))
		return HF_ERR_CORIM_SHAPE;
	snprintf(tag_id, sizeof(tag_id), "%s%s", ids[image->role], image->name);
	start = hf_begin_comid(w, tag_id, 1);
	begin_text_triple(w, HF_IMAGE_VENDOR, classes[image->role],
			  (facts ? 1u : 0) + image->has_kernel + image->has_initrd +
				  image->has_command_line + image->has_root + image->has_boot_entry +
				  image->has_uki + image->has_sections);
	if (facts)
		hf_begin_measurement(w, NULL, facts);
	hf_put_key_text(w, HF_KEY_PROVENANCE, image->provenance);
	if (tenant)
		hf_put_key_uint(w, HF_KEY_TENANT_KIND, image->kind);
	hf_put_key_text(w, HF_KEY_COMMAND_LINE_TEXT, image->command_line_text);
	put_image_digest(w, "kernel", image->has_kernel, &image->kernel);
	put_image_digest(w, "initrd", image->has_initrd, &image->initrd);
	put_image_digest(w, "command-line", image->has_command_line, &image->command_line);
	put_image_digest(w, "root", image->has_root, &image->root);
	put_image_digest(w, "boot-entry", image->has_boot_entry, &image->boot_entry);
	put_image_digest(w, "uki", image->has_uki, &image->uki);
	put_image_digest(w, "sections", image->has_sections, &image->sections);
	hf_wrap_bstr(w, start);
	return HF_OK;
}

static size_t count_tags(const struct hf_manifests *manifests)
{
	size_t count = 0;

	for (const struct hf_component *c = manifests->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next)
			count++;
	for (const struct hf_model *m = manifests->models; m; m = m->next)
		count++;
	for (const struct hf_image *i = manifests->images; i; i = i->next)
		count++;
	for (const struct hf_waiver *v = manifests->waivers; v; v = v->next)
		count++;
	for (const struct hf_revocations *v = manifests->revocations; v; v = v->next)
		count++;
	return count;
}

enum hf_err hf_corim_encode(const struct hf_manifests *manifests, const char *id,
			    struct hf_writer *w)
{
	static const uint8_t oid[] = HF_PROFILE_OID;
	size_t tags = count_tags(manifests);
	enum hf_err err = HF_OK;

	if (tags == 0 || !id[0])
		return HF_ERR_CORIM_SHAPE;
	hf_cbor_put_tag(w, HF_TAG_CORIM);
	hf_cbor_put_map(w, 3);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_text(w, id);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_array(w, tags);
	for (const struct hf_component *c = manifests->components; c && !err; c = c->next)
		for (const struct hf_release *r = c->releases; r && !err; r = r->next)
			err = put_release(w, c, r);
	for (const struct hf_model *m = manifests->models; m && !err; m = m->next)
		err = put_model(w, m);
	for (const struct hf_image *i = manifests->images; i && !err; i = i->next)
		err = put_image(w, i);
	for (const struct hf_waiver *v = manifests->waivers; v && !err; v = v->next)
		err = hf_put_waiver(w, v);
	for (const struct hf_revocations *v = manifests->revocations; v && !err; v = v->next)
		err = hf_put_revocations(w, v);
	hf_cbor_put_uint(w, 3);
	hf_cbor_put_tag(w, HF_TAG_OID);
	hf_cbor_put_bstr(w, (struct hf_span){ oid, sizeof(oid) });
	if (err)
		return err;
	return w->full ? HF_ERR_LIMIT : HF_OK;
}
