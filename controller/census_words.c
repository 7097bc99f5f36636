/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/census.h"

static const struct odd {
	const char *name;
	enum hf_class class;
	const char *sentence, *next;
} odds[] = {
	[HF_CENSUS_ODD_SAME_VERSION] = { "same-version-other-bytes", HF_CLASS_SUSPECT,
		"it says the same version as others, and its bytes are others",
		"keep tenants off this host and keep the part; compare its ROM with the maker's file "
		"(holdfast scan --rom=all, holdfast rom)" },
	[HF_CENSUS_ODD_BYTES] = { "other-bytes", HF_CLASS_SUSPECT,
		"its bytes are none that others of its kind have",
		"ask its maker for this release; if it is genuine, add it (holdfastctl manifest add-rom), "
		"else replace the part and keep it" },
	[HF_CENSUS_ODD_VALUE] = { "other-value", HF_CLASS_UPDATE,
		"it says something that others of its kind do not say",
		"find out whether this is a release that you use: add it, or update the part" },
	[HF_CENSUS_ODD_CONTRADICTS] = { "captures-differ", HF_CLASS_SUSPECT,
		"two captures of one host do not say the same",
		"keep the newer one if its firmware or parts were changed meanwhile; if not, examine the host" },
	[HF_CENSUS_ODD_MOVED] = { "moved", HF_CLASS_PARTS,
		"the card sits in a place where this model has none, and is missing where others have it",
		"put the card back into its slot, and scan the host again" },
	[HF_CENSUS_ODD_OTHER] = { "other-part", HF_CLASS_PARTS,
		"another kind of part sits in this place than in others of this model",
		"find out who put it there; if it belongs there, write a rule for it, else replace it" },
	[HF_CENSUS_ODD_EXTRA] = { "extra-part", HF_CLASS_PARTS,
		"a part sits in a place where this model has none",
		"find out who put it there; if it belongs there, write a rule for it, else take it out" },
	[HF_CENSUS_ODD_MISSING] = { "missing-part", HF_CLASS_PARTS,
		"a part is missing that all others of this model have",
		"see whether it is in its slot and enabled in the firmware's set-up; scan the host again" },
	[HF_CENSUS_ODD_UNREAD] = { "unreadable", HF_CLASS_UNREADABLE,
		"the part could not be read, which others of its kind could",
		"scan the host again; if it repeats, reseat or replace the part" },
};

const char *hf_census_odd_name(enum hf_census_odd odd)
{
	return odds[odd].name;
}

const char *hf_census_odd_sentence(enum hf_census_odd odd)
{
	return odds[odd].sentence;
}

const char *hf_census_odd_next_step(enum hf_census_odd odd)
{
	return odds[odd].next;
}

enum hf_class hf_census_odd_class(enum hf_census_odd odd)
{
	return odds[odd].class;
}

const char *hf_census_state_name(enum hf_census_state state)
{
	switch (state) {
	case HF_CENSUS_DRAFTED:
		return "drafted";
	case HF_CENSUS_RARE:
		return "rare";
	case HF_CENSUS_SAME_VERSION:
		return "same-version";
	case HF_CENSUS_PARTIAL:
		return "partial";
	case HF_CENSUS_FEW:
		return "few";
	}
	return "few";
}
