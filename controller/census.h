/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/census.h: what a fleet is made of, counted over many captures: hosts by model,
 * parts by identity and place, values by how many hosts have them, and what stands out.
 *
 * hf_census_init, hf_census_add for each capture, hf_census_finish once; then the lists can
 * be read and hf_census_draft makes manifests of what is common. Hosts are counted, not
 * captures: whoever is captured twice counts once. Everything lives in the arena given to
 * hf_census_init. Nothing here reads or writes a file. [pure]
 */
#ifndef HF_CONTROLLER_CENSUS_H
#define HF_CONTROLLER_CENSUS_H

#include "manifests/manifest.h"

#define HF_CENSUS_CAPTURES_MAX 65536
#define HF_CENSUS_LEAST 3	/* hosts that share a common value, or */
#define HF_CENSUS_SHARE 100	/* one in so many of those that could, if that is more */
#define HF_CENSUS_SERIALS 32	/* of devices, kept of each host */

/* Why a value is, or is not, drafted. */
enum hf_census_state {
	HF_CENSUS_DRAFTED,
	HF_CENSUS_RARE,		/* fewer hosts than --min-hosts have it, of a kind that more have */
	HF_CENSUS_SAME_VERSION,	/* the version of a value that more hosts have, and other bytes */
	HF_CENSUS_PARTIAL,	/* not read whole; as far as it was, it is another value's */
	HF_CENSUS_FEW,		/* the kind itself is on too few hosts to say anything */
};
const char *hf_census_state_name(enum hf_census_state state);

/* What stands out, loudest first. */
enum hf_census_odd {
	HF_CENSUS_ODD_SAME_VERSION,
	HF_CENSUS_ODD_BYTES,
	HF_CENSUS_ODD_VALUE,	/* a version or another text, a revision, a function more or less */
	HF_CENSUS_ODD_CONTRADICTS,	/* two captures of one host */
	HF_CENSUS_ODD_MOVED,
	HF_CENSUS_ODD_OTHER,
	HF_CENSUS_ODD_EXTRA,
	HF_CENSUS_ODD_MISSING,
	HF_CENSUS_ODD_UNREAD,
};
const char *hf_census_odd_name(enum hf_census_odd odd);		/* "same-version-other-bytes" */
const char *hf_census_odd_sentence(enum hf_census_odd odd);
const char *hf_census_odd_next_step(enum hf_census_odd odd);
enum hf_class hf_census_odd_class(enum hf_census_odd odd);

struct hf_census_host;
struct hf_census_kind;
struct hf_census_model;
struct hf_census_occupant;
struct hf_census_place;
struct hf_census_value;

struct hf_census_seat {		/* one part: a value, in a place of a host */
	struct hf_census_seat *next, *next_of_value, *next_here;	/* of the host, ... */
	struct hf_census_host *host;
	struct hf_census_place *place;
	struct hf_census_value *value;
	struct hf_census_occupant *occupant;
	const char *label;	/* of its slot, or NULL */
};
struct hf_census_failure { struct hf_census_failure *next; const char *mkey; enum hf_err cause; };
struct hf_census_value {
	struct hf_census_value *next;	/* of the kind; after _finish: most hosts first */
	struct hf_census_kind *kind;
	struct hf_release *release;	/* name and provenance come with the drafts */
	enum hf_method least, method;
	const char *versions;		/* what the part calls its firmware, or "" */
	const char *version;		/* the first of them that a maker counts up, or NULL */
	struct hf_name_list *drivers;	/* by which some of it was read */
	struct hf_census_failure *failures;	/* of what is judged */
	bool unread;			/* some of them hide code: */
	enum hf_err trouble;		/* a device that was asked and did not say; HF_OK: none */
	enum hf_census_state state;
	size_t hosts;
	const struct hf_census_host *last;
	struct hf_census_seat *seats, **seats_end;
};
struct hf_census_kind {		/* parts that say that they are the same thing */
	struct hf_census_kind *next;
	const char *component, *what;	/* "card-15b3-101b", "Ethernet controller 15b3:101b" */
	size_t hosts, value_count;
	const struct hf_census_host *last;
	struct hf_census_value *values, **values_end;
};
struct hf_census_occupant {	/* a kind of part in a place */
	struct hf_census_occupant *next;
	struct hf_census_kind *kind;
	size_t hosts;
	bool common;
	const struct hf_census_host *last;
};
struct hf_census_place {
	struct hf_census_place *next;	/* of the model; after _finish: by path, the board first */
	struct hf_census_model *model;
	const char *path, *label;	/* label: as first seen, or NULL */
	size_t hosts;
	bool common;
	const struct hf_census_host *last;
	struct hf_census_occupant *occupants, **occupants_end;
	struct hf_census_seat *seats;
};
struct hf_census_model {
	struct hf_census_model *next;
	const char *name, *vendor, *product;	/* as SMBIOS says them; "": it does not */
	size_t hosts, place_count;
	struct hf_census_place *places;
};
struct hf_census_host {
	struct hf_census_host *next, *same_id;
	const char *name, *serial;	/* of its first capture; SMBIOS, or NULL */
	struct hf_census_model *model;
	struct hf_census_seat *seats, **seats_end;
	size_t number, seat_count, captures;
	const struct hf_census_place *seen_at;	/* a mark of who is not missing */
	uint64_t serials[HF_CENSUS_SERIALS];
	size_t serial_count;
};
struct hf_census_capture {
	struct hf_census_capture *next;
	const char *name;
	struct hf_census_host *host;
	bool again, differs;	/* a second one of its host; which says something else */
};
struct hf_census_outlier {
	enum hf_census_odd odd;
	const struct hf_census_host *host;
	const struct hf_census_place *place;	/* NULL: of the whole host */
	const struct hf_census_place *from;	/* moved: where the others have it */
	const struct hf_census_kind *kind;
	const struct hf_census_value *value, *usual;	/* usual NULL: there is nothing to compare */
	const char *label;			/* of the slot, or NULL */
	const char *subject;			/* which measurement, or NULL */
	const char *found, *others;		/* in words; or NULL */
	size_t found_hosts, other_hosts, of_hosts;	/* of_hosts: that could have it */
};
struct hf_census_options {
	size_t min_hosts;	/* 0: HF_CENSUS_LEAST or one in HF_CENSUS_SHARE, the greater */
	bool same_version;	/* draft such values, too */
};
struct hf_census {
	struct hf_arena *arena;
	struct hf_census_options options;
	struct hf_writer scratch;	/* what a key is the digest of */
	struct hf_census_entry *table;
	size_t table_cap, table_count;
	struct hf_census_model *models, **models_end;
	struct hf_census_kind *kinds, **kinds_end;
	struct hf_census_host *hosts, **hosts_end;
	struct hf_census_capture *captures, **captures_end;
	size_t model_count, kind_count, host_count, capture_count, again_count, part_count;
	size_t by_method[HF_METHODS];	/* parts, of every capture */
	struct hf_census_outlier *outliers;
	size_t outlier_count;
};

enum hf_err hf_census_init(struct hf_census *census, const struct hf_census_options *options,
			   struct hf_arena *arena) HF_MUST_USE;
/* One capture, by the name that it gets in every report. Claims are not needed afterwards.
 * HF_ERR_LIMIT: no room, or more captures than HF_CENSUS_CAPTURES_MAX; nothing can be counted
 * on then. HF_ERR_CLAIMS_MISSING: no part in it, and nothing was added. */
enum hf_err hf_census_add(struct hf_census *census, const char *name,
			  const struct hf_claims *claims) HF_MUST_USE;
enum hf_err hf_census_finish(struct hf_census *census) HF_MUST_USE;
/* How many of `population` hosts have to share what counts as common. */
size_t hf_census_least(const struct hf_census *census, size_t population);

struct hf_census_drafts {
	enum hf_mode mode;
	uint64_t generation;
};
/* Components of the values that are common, and a model with its rules for every model that
 * enough hosts are of. out is empty, its arena may be census'. */
enum hf_err hf_census_draft(struct hf_census *census, const struct hf_census_drafts *drafts,
			    struct hf_manifests *out) HF_MUST_USE;

#endif
