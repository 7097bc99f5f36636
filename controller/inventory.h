/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/inventory.h: an inventory of hosts as people write it, CSV or JSON, into what
 * hf_store_import takes. Strict: a list that is half understood would vouch for hosts that
 * nobody meant. docs/enrolment.md has the columns. */
#ifndef HF_CONTROLLER_INVENTORY_H
#define HF_CONTROLLER_INVENTORY_H

#include "controller/server/store.h"

#define HF_INVENTORY_HOSTS_MAX 100000u
#define HF_INVENTORY_BYTES_MAX (32u << 20)
#define HF_INVENTORY_ARENA (256u << 20)	/* suffices for the largest; lazily backed */

/* Letters, digits and ". _ : -", 1 to HF_HOST_ID_MAX, the first a letter or a digit: what needs
 * no quoting in a path, a log line or a label. */
bool hf_host_id_valid(const char *id);

/* CSV (RFC 4180; a UTF-8 byte order mark and either line end are taken) whose first line names
 * the columns:
 *	id, ek-sha256, serial, model, banks, tenant, first-use-until, ek-accepted, ring
 * in any order; only id must be there. Or JSON: an array of objects with members of these names
 * (text begins with '['). An empty field, null or nothing: not said. banks: "sha256+sha384";
 * dates: "2026-12-31", to the end of that day in UTC; ek-accepted: yes or no (JSON: a boolean),
 * and yes only where ek-sha256 says which.
 * HF_ERR_INVENTORY_SYNTAX, the line (CSV) or the number of the element (JSON) in the fault's
 * detail; HF_ERR_LIMIT. ret in the arena. */
enum hf_err hf_inventory_parse(struct hf_span text, struct hf_arena *arena, struct hf_inventory **ret,
			       size_t *ret_count, struct hf_fault *fault) HF_MUST_USE;

#endif
