/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/claim.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const method_names[] = {
	[HF_METHOD_NONE] = "none",
	[HF_METHOD_IDENTITY] = "identity",
	[HF_METHOD_VERSION] = "version",
	[HF_METHOD_BYTES] = "bytes",
	[HF_METHOD_UNBOUND] = "signed-unbound",
	[HF_METHOD_SIGNED] = "signed",
};
static const uint8_t method_numbers[HF_METHODS] = {
	[HF_METHOD_NONE] = 0,
	[HF_METHOD_IDENTITY] = 1,
	[HF_METHOD_VERSION] = 2,
	[HF_METHOD_BYTES] = 3,
	[HF_METHOD_UNBOUND] = 5,
	[HF_METHOD_SIGNED] = 4,
};

const char *hf_method_name(enum hf_method method)
{
	return (size_t)method < HF_METHODS ? method_names[method] : "unknown";
}

uint8_t hf_method_number(enum hf_method method)
{
	return (size_t)method < HF_METHODS ? method_numbers[method] : 0;
}

bool hf_method_from_number(uint64_t number, enum hf_method *ret)
{
	for (unsigned m = 0; m < HF_METHODS; m++) {
		if (method_numbers[m] != number)
			continue;
		*ret = (enum hf_method)m;
		return true;
	}
	return false;
}

const char *hf_part_kind_name(enum hf_part_kind kind)
{
	switch (kind) {
	case HF_PART_HOST:
		return "host";
	case HF_PART_BOARD:
		return "board";
	case HF_PART_CARD:
		return "card";
	}
	return "unknown";
}

void hf_address_format(const struct hf_address *address, char out[static HF_ADDRESS_TEXT])
{
	snprintf(out, HF_ADDRESS_TEXT, "%04x:%02x:%02x.%x", address->domain, address->bus,
		 address->device & 0x1fu, address->function & 7u);
}

/* Between min and max hexadecimal digits, then the character stop. */
static const char *take_hex(const char *text, size_t min, size_t max, char stop, uint32_t *ret)
{
	uint32_t value = 0;
	size_t n = 0;

	for (; n <= max; n++) {
		char c = text[n];
		uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') :
				 c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) :
				 c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10) : 16;

		if (digit == 16)
			break;
		value = value << 4 | digit;
	}
	if (n < min || n > max || text[n] != stop)
		return NULL;
	*ret = value;
	return text + n + 1;
}

bool hf_address_parse(const char *text, struct hf_address *ret)
{
	uint32_t domain, bus, device, function;

	text = take_hex(text, 4, 8, ':', &domain);
	text = text ? take_hex(text, 2, 2, ':', &bus) : NULL;
	text = text ? take_hex(text, 2, 2, '.', &device) : NULL;
	text = text ? take_hex(text, 1, 1, '\0', &function) : NULL;
	if (!text || device > 0x1f || function > 7)
		return false;
	*ret = (struct hf_address){ domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function };
	return true;
}

void hf_claims_init(struct hf_claims *claims, struct hf_arena *arena)
{
	*claims = (struct hf_claims){ .arena = arena };
	claims->parts_end = &claims->parts;
	claims->attachments_end = &claims->attachments;
}

enum hf_err hf_claims_attach(struct hf_claims *claims, const char *path, struct hf_span bytes,
			     struct hf_attachment **ret)
{
	struct hf_attachment *a;
	enum hf_err err;

	if (bytes.len > HF_ATTACHMENT_MAX)
		return HF_ERR_LIMIT;
	a = hf_arena_take(claims->arena, sizeof(*a));
	if (!a)
		return HF_ERR_LIMIT;
	*a = (struct hf_attachment){ .path = hf_arena_text(claims->arena, path, strlen(path)) };
	if (!a->path)
		return HF_ERR_LIMIT;
	err = hf_arena_copy(claims->arena, bytes, &a->bytes);
	if (!err)
		err = hf_digest(HF_ALG_SHA384, a->bytes, &a->sha384);
	if (err)
		return err;
	*claims->attachments_end = a;
	claims->attachments_end = &a->next;
	*ret = a;
	return HF_OK;
}

const struct hf_attachment *hf_claims_attachment(const struct hf_claims *claims,
						 const struct hf_digest *sha384)
{
	for (const struct hf_attachment *a = claims->attachments; a; a = a->next)
		if (hf_digest_equal(&a->sha384, sha384))
			return a;
	return NULL;
}

/* A copy in the arena of 1..max printable characters without blanks, else NULL. */
static const char *keep_name(struct hf_arena *arena, const char *name, size_t max)
{
	size_t len = strnlen(name, max + 1);

	if (len == 0 || len > max)
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= 0x20 || name[i] > 0x7e)
			return NULL;
	return hf_arena_text(arena, name, len);
}

struct hf_part *hf_claims_add_part(struct hf_claims *claims, enum hf_part_kind kind, const char *path)
{
	struct hf_part *part;

	if (claims->part_count == HF_PARTS_MAX)
		return NULL;
	path = keep_name(claims->arena, path, HF_PATH_MAX);
	part = path ? hf_arena_take(claims->arena, sizeof(*part)) : NULL;
	if (!part)
		return NULL;
	part->kind = kind;
	part->path = path;
	part->functions_end = &part->functions;
	part->measurements_end = &part->measurements;
	*claims->parts_end = part;
	claims->parts_end = &part->next;
	claims->part_count++;
	return part;
}

struct hf_function *hf_claims_add_function(struct hf_claims *claims, struct hf_part *part,
					   const struct hf_address *address, const char *path)
{
	struct hf_function *function;

	if (claims->function_count == HF_FUNCTIONS_MAX)
		return NULL;
	path = keep_name(claims->arena, path, HF_PATH_MAX);
	function = path ? hf_arena_take(claims->arena, sizeof(*function)) : NULL;
	if (!function)
		return NULL;
	function->address = *address;
	function->path = path;
	function->measurements_end = &function->measurements;
	*part->functions_end = function;
	part->functions_end = &function->next;
	part->function_count++;
	claims->function_count++;
	return function;
}

struct hf_measurement *hf_claims_add_measurement(struct hf_claims *claims, struct hf_part *part,
						 struct hf_function *function, const char *mkey,
						 enum hf_method method, uint32_t flags)
{
	struct hf_measurement ***end = function ? &function->measurements_end : &part->measurements_end;
	struct hf_measurement *m = function ? function->measurements : part->measurements;
	size_t count = 0;

	if (claims->measurement_count == HF_MEASUREMENTS_MAX)
		return NULL;
	for (; m; m = m->next)
		if (++count == HF_LIST_MAX || strcmp(m->mkey, mkey) == 0)
			return NULL;
	mkey = keep_name(claims->arena, mkey, HF_MKEY_MAX);
	m = mkey ? hf_arena_take(claims->arena, sizeof(*m)) : NULL;
	if (!m)
		return NULL;
	m->mkey = mkey;
	m->method = method;
	m->flags = flags;
	m->kind = HF_VALUE_FAILURE;
	**end = m;
	*end = &m->next;
	claims->measurement_count++;
	return m;
}

struct hf_part *hf_claims_find_part(const struct hf_claims *claims, const char *path)
{
	struct hf_part *found = NULL;

	for (struct hf_part *part = claims->parts; part; part = part->next)
		if (strcmp(part->path, path) == 0)
			found = part;
	return found;
}

bool hf_part_superseded(const struct hf_part *part)
{
	for (const struct hf_part *later = part->next; later; later = later->next)
		if (strcmp(later->path, part->path) == 0)
			return true;
	return false;
}

struct hf_measurement *hf_measurement_find(struct hf_measurement *list, const char *mkey)
{
	while (list && strcmp(list->mkey, mkey) != 0)
		list = list->next;
	return list;
}

enum hf_err hf_measurement_set_text(struct hf_claims *claims, struct hf_measurement *m,
				    const char *text)
{
	struct hf_span span = hf_span_text(text);
	const char *copy;

	if (span.len > HF_TEXT_MAX)
		return HF_ERR_LIMIT;
	if (!hf_text_valid(span))
		return hf_measurement_set_bytes(claims, m, span);
	copy = hf_arena_text(claims->arena, text, span.len);
	if (!copy)
		return HF_ERR_LIMIT;
	m->kind = HF_VALUE_TEXT;
	m->cause = HF_OK;
	m->text = copy;
	return HF_OK;
}

enum hf_err hf_measurement_set_bytes(struct hf_claims *claims, struct hf_measurement *m,
				     struct hf_span bytes)
{
	struct hf_span copy;
	enum hf_err err;

	if (bytes.len > HF_BYTES_MAX)
		return HF_ERR_LIMIT;
	err = hf_arena_copy(claims->arena, bytes, &copy);
	if (err)
		return err;
	m->kind = HF_VALUE_BYTES;
	m->cause = HF_OK;
	m->bytes = copy;
	return HF_OK;
}

void hf_measurement_set_number(struct hf_measurement *m, uint64_t number)
{
	m->kind = HF_VALUE_NUMBER;
	m->cause = HF_OK;
	m->number = number;
}

enum hf_err hf_measurement_set_digests(struct hf_measurement *m, const struct hf_digest *digests,
				       size_t count, uint64_t size)
{
	if (count == 0 || count > HF_MEASUREMENT_DIGESTS)
		return HF_ERR_LIMIT;
	memcpy(m->digests, digests, count * sizeof(digests[0]));
	m->digest_count = count;
	m->size = size;
	m->kind = HF_VALUE_DIGESTS;
	m->cause = HF_OK;
	return HF_OK;
}

void hf_measurement_set_failure(struct hf_measurement *m, enum hf_err cause)
{
	m->kind = HF_VALUE_FAILURE;
	m->method = HF_METHOD_NONE;
	m->cause = cause;
}

bool hf_measurement_equal(const struct hf_measurement *a, const struct hf_measurement *b)
{
	if (strcmp(a->mkey, b->mkey) != 0 || a->method != b->method || a->flags != b->flags ||
	    a->kind != b->kind || a->cause != b->cause)
		return false;
	switch (a->kind) {
	case HF_VALUE_FAILURE:
		return true;
	case HF_VALUE_DIGESTS:
		if (a->size != b->size || a->digest_count != b->digest_count ||
		    a->digest_count > HF_MEASUREMENT_DIGESTS)
			return false;
		for (size_t i = 0; i < a->digest_count; i++)
			if (!hf_digest_equal(&a->digests[i], &b->digests[i]))
				return false;
		return true;
	case HF_VALUE_TEXT:
		return strcmp(a->text, b->text) == 0;
	case HF_VALUE_NUMBER:
		return a->number == b->number;
	case HF_VALUE_BYTES:
		return hf_span_equal(a->bytes, b->bytes);
	}
	return false;
}

static enum hf_method strongest(const struct hf_measurement *list, enum hf_method method)
{
	for (const struct hf_measurement *m = list; m; m = m->next) {
		bool counts = (m->flags & HF_MEASUREMENT_CODE) ||
			      m->method == HF_METHOD_IDENTITY || m->method == HF_METHOD_VERSION;

		if (m->kind != HF_VALUE_FAILURE && !m->cause && counts && m->method > method)
			method = m->method;
	}
	return method;
}

enum hf_method hf_part_method(const struct hf_part *part)
{
	enum hf_method method = strongest(part->measurements, HF_METHOD_NONE);

	for (const struct hf_function *f = part->functions; f; f = f->next)
		method = strongest(f->measurements, method);
	return method;
}
