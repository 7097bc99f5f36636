/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An inventory as an array of objects. [edge: jansson] */
#include "controller/inventory_rows.h"

#include <jansson.h>

static enum hf_err keep(struct hf_rows *rows, const char *text, size_t len, const char **ret)
{
	*ret = hf_arena_text(rows->arena, text, len);
	return *ret ? HF_OK : hf_fail(rows->fault, HF_ERR_LIMIT, NULL, "inventory");
}

static enum hf_err take_member(struct hf_rows *rows, size_t where, const char *key, const json_t *value,
			       const char *fields[static HF_COLUMNS])
{
	enum hf_column column;

	if (!hf_column_named(key, strlen(key), &column))
		return hf_rows_refuse(rows, where, NULL, "no such member: \"%.60s\"", key);
	if (json_is_null(value))
		return HF_OK;
	if (column == HF_COLUMN_ACCEPTED && json_is_boolean(value)) {
		fields[column] = json_is_true(value) ? "yes" : "no";
		return HF_OK;
	}
	if (!json_is_string(value))
		return hf_rows_refuse(rows, where, key, "must be text");
	return keep(rows, json_string_value(value), json_string_length(value), &fields[column]);
}

static enum hf_err take_host(struct hf_rows *rows, json_t *object, size_t where)
{
	const char *fields[HF_COLUMNS] = { NULL };
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return hf_rows_refuse(rows, where, NULL, "is no object");
	json_object_foreach(object, key, value) {
		enum hf_err err = take_member(rows, where, key, value, fields);

		if (err)
			return err;
	}
	return hf_rows_add(rows, fields, where);
}

enum hf_err hf_inventory_json(struct hf_rows *rows, struct hf_span text)
{
	json_error_t error;
	json_t *array = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
	enum hf_err err;

	if (!array)
		return hf_fail(rows->fault, HF_ERR_INVENTORY_SYNTAX, NULL, "line %d: %s", error.line,
			       error.text);
	if (json_array_size(array) > HF_INVENTORY_HOSTS_MAX)
		err = hf_fail(rows->fault, HF_ERR_LIMIT, NULL, "%zu hosts", json_array_size(array));
	else
		err = hf_rows_make(rows, json_array_size(array));
	for (size_t i = 0; !err && i < json_array_size(array); i++)
		err = take_host(rows, json_array_get(array, i), i + 1);
	json_decref(array);
	return err;
}
