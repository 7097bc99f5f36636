# SPDX-License-Identifier: GPL-3.0-or-later
"""A validator for the part of JSON Schema 2020-12 that docs/schema uses; a keyword that it
does not know is an error of the test, not something to pass over."""
import json
import re

TYPES = {"object": dict, "array": list, "string": str, "integer": int}
ANNOTATIONS = {"$schema", "$defs", "title", "description"}


def valid(schema, value, root=None):
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema
    return all(check(key, wanted, schema, value, root) for key, wanted in schema.items()
               if key not in ANNOTATIONS)


def check(key, wanted, schema, value, root):
    known = schema.get("properties", {})
    is_object, is_list, is_text = (isinstance(value, kind) for kind in (dict, list, str))
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return {
        "type": lambda: isinstance(value, TYPES[wanted]) and not isinstance(value, bool),
        "const": lambda: value == wanted and not isinstance(value, bool),
        "enum": lambda: value in wanted,
        "pattern": lambda: not is_text or re.search(wanted.replace("$", r"\Z"), value) is not None,
        "minLength": lambda: not is_text or len(value) >= wanted,
        "maxLength": lambda: not is_text or len(value) <= wanted,
        "minimum": lambda: not is_number or value >= wanted,
        "maximum": lambda: not is_number or value <= wanted,
        "required": lambda: not is_object or all(name in value for name in wanted),
        "properties": lambda: not is_object or all(
            valid(sub, value[name], root) for name, sub in wanted.items() if name in value),
        "additionalProperties": lambda: not is_object or all(
            valid(wanted, value[name], root) for name in value if name not in known),
        "propertyNames": lambda: not is_object or all(valid(wanted, name, root) for name in value),
        "minProperties": lambda: not is_object or len(value) >= wanted,
        "maxProperties": lambda: not is_object or len(value) <= wanted,
        "items": lambda: not is_list or all(valid(wanted, item, root) for item in value),
        "minItems": lambda: not is_list or len(value) >= wanted,
        "maxItems": lambda: not is_list or len(value) <= wanted,
        "uniqueItems": lambda: not is_list or len(set(map(json.dumps, value))) == len(value),
        "oneOf": lambda: sum(valid(sub, value, root) for sub in wanted) == 1,
        "anyOf": lambda: any(valid(sub, value, root) for sub in wanted),
        "allOf": lambda: all(valid(sub, value, root) for sub in wanted),
        "not": lambda: not valid(wanted, value, root),
        "$ref": lambda: valid(root["$defs"][wanted.rsplit("/", 1)[1]], value, root),
    }[key]()
