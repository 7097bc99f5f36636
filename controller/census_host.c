/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which host a capture is of: by what SMBIOS says that only one has. Makers leave the same words
 * in whole fleets, so the serial numbers of devices have a say: hosts that share none are two. */
#include "controller/census_parts.h"
#include "controller/create_part.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define NAME_TEXT 120
#define SERIAL_TEXT 64
#define CAPTURES_MAX 16	/* of one host; another one counts as another host */
#define SAME_ID_MAX 64	/* hosts that one maker's word may stand for; beyond it says nothing */

static const char *host_text(const struct hf_claims *claims, const char *mkey)
{
	struct hf_part *host = hf_claims_find_part(claims, "host");
	struct hf_measurement *m = host ? hf_measurement_find(host->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT && m->text[0] ? m->text : NULL;
}

/* What is left where nobody wrote anything: "To be filled by O.E.M.", "0000000", "123456789". */
static bool says_something(const char *text)
{
	static const char *const left[] = { "to be filled", "default string", "not specified",
					    "system serial", "not applicable", "o.e.m.", "unknown",
					    "03000200-0400-0500-0006-000700080009", "0123456789",
					    "123456789", "chassis serial", "base board" };
	size_t marks = 0;

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		if (strncasecmp(text, left[i], strlen(left[i])) == 0)
			return false;
	for (const char *c = text; *c; c++)
		marks += isalnum((unsigned char)*c) && *c != text[0] && tolower((unsigned char)*c) != 'f';
	return strlen(text) >= 4 && marks > 0;
}

static void take_serials(const struct hf_claims *claims, struct hf_census_host *host)
{
	for (const struct hf_part *p = claims->parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (f->identity.has_serial && f->identity.serial != 0 &&
			    f->identity.serial != UINT64_MAX && host->serial_count < HF_CENSUS_SERIALS)
				host->serials[host->serial_count++] = f->identity.serial;
}

static bool same_devices(const struct hf_census_host *a, const struct hf_census_host *b)
{
	for (size_t i = 0; i < a->serial_count; i++)
		for (size_t j = 0; j < b->serial_count; j++)
			if (a->serials[i] == b->serials[j])
				return true;
	return a->serial_count == 0 || b->serial_count == 0;
}

/* A name of its own also where vendors and products differ in what no file name shows. */
static const char *model_name(struct hf_census *census, const char *wish)
{
	struct hf_census_key key;
	const char *name;

	hf_census_key_begin(census, 'n');
	hf_census_key_text(census, wish);
	if (hf_census_key_end(census, &key))
		return NULL;
	if (hf_census_find(census, &key))
		return hf_census_format(census->arena, "%s-%zu", wish, census->model_count + 1);
	name = hf_census_text(census->arena, wish, HF_NAME_MAX);
	return name && hf_census_put(census, &key, (void *)(uintptr_t)name) == HF_OK ? name : NULL;
}

static enum hf_err model_of(struct hf_census *census, const struct hf_claims *claims,
			    struct hf_census_model **ret)
{
	const char *vendor = host_text(claims, "smbios/vendor");
	const char *product = host_text(claims, "smbios/product");
	struct hf_census_model *model;
	struct hf_census_key key;
	char both[256], name[HF_NAME_MAX / 2];
	enum hf_err err;

	hf_census_key_begin(census, 'm');
	hf_census_key_text(census, vendor ? vendor : "");
	hf_census_key_text(census, product ? product : "");
	err = hf_census_key_end(census, &key);
	if (err || (*ret = hf_census_find(census, &key)))
		return err;
	model = hf_arena_take(census->arena, sizeof(*model));
	if (!model)
		return HF_ERR_LIMIT;
	snprintf(both, sizeof(both), "%s %s", vendor ? vendor : "", product ? product : "");
	hf_create_slug(both, name, sizeof(name));
	model->name = model_name(census, name[0] ? name : "model");
	model->vendor = hf_arena_text(census->arena, vendor ? vendor : "", vendor ? strlen(vendor) : 0);
	model->product = hf_arena_text(census->arena, product ? product : "", product ? strlen(product) : 0);
	if (!model->name || !model->vendor || !model->product)
		return HF_ERR_LIMIT;
	*census->models_end = model;
	census->models_end = &model->next;
	census->model_count++;
	*ret = model;
	return hf_census_put(census, &key, model);
}

/* Of a host by what its maker wrote; false: nothing that tells it from its like. */
static bool put_id(struct hf_census *census, const struct hf_claims *claims,
		   const struct hf_census_model *model)
{
	static const char *const ids[] = { "smbios/uuid", "smbios/serial", "smbios/board-serial",
					   "smbios/chassis-serial" };

	hf_census_key_begin(census, 'h');
	hf_census_key_pointer(census, model);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const char *id = host_text(claims, ids[i]);

		if (!id || !says_something(id))
			continue;
		hf_census_key_text(census, ids[i]);
		for (; *id; id++)
			hf_put(&census->scratch, &(char){ (char)tolower((unsigned char)*id) }, 1);
		return true;
	}
	return false;
}

static enum hf_err keep(struct hf_census *census, const struct hf_census_host *seen, const char *name,
			const struct hf_claims *claims, struct hf_census_host **ret)
{
	struct hf_census_host *host = hf_arena_take(census->arena, sizeof(*host));
	const char *serial = host_text(claims, "smbios/serial");
	size_t len = strlen(name);

	if (len > 5 && strcmp(name + len - 5, ".json") == 0)
		len -= 5;	/* of rack07-12.json, rack07-12 */
	if (!host)
		return HF_ERR_LIMIT;
	*host = *seen;
	host->name = hf_census_text(census->arena, name, len < NAME_TEXT ? len : NAME_TEXT);
	host->serial = serial ? hf_census_text(census->arena, serial, SERIAL_TEXT) : NULL;
	host->seats_end = &host->seats;
	if (!host->name || (serial && !host->serial))
		return HF_ERR_LIMIT;
	*census->hosts_end = host;
	census->hosts_end = &host->next;
	host->number = census->host_count++;
	host->model->hosts++;
	*ret = host;
	return HF_OK;
}

enum hf_err hf_census_host_of(struct hf_census *census, const char *name,
			      const struct hf_claims *claims, struct hf_census_host **ret,
			      bool *ret_again)
{
	struct hf_census_host seen = { .captures = 1 }, *first = NULL, *host;
	struct hf_census_key key;
	enum hf_err err = model_of(census, claims, &seen.model);
	size_t same_id = 0;
	bool has_id;

	if (err)
		return err;
	take_serials(claims, &seen);
	has_id = put_id(census, claims, seen.model);
	if (has_id) {
		err = hf_census_key_end(census, &key);
		first = err ? NULL : hf_census_find(census, &key);
	}
	for (host = first; host && !err; host = host->same_id, same_id++) {
		if (host->captures == CAPTURES_MAX || !same_devices(host, &seen))
			continue;
		host->captures++;
		*ret = host;
		*ret_again = true;
		return HF_OK;
	}
	if (!err)
		err = keep(census, &seen, name, claims, &host);
	if (!err && same_id >= SAME_ID_MAX) {
		;	/* not looked up again */
	} else if (!err && first) {
		host->same_id = first->same_id;
		first->same_id = host;
	} else if (!err && has_id) {
		err = hf_census_put(census, &key, host);
	}
	if (err)
		return err;
	*ret = host;
	*ret_again = false;
	return HF_OK;
}
