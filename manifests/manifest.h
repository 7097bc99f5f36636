/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/manifest.h: what is allowed, decoded: components with their releases, the
 * model with its rules, agent and tenant images. Arena-allocated, immutable once made.
 * corim.c is the only file that knows how this looks in CoRIM. [pure]
 */
#ifndef HF_MANIFESTS_MANIFEST_H
#define HF_MANIFESTS_MANIFEST_H

#include "measure/claim.h"

#define HF_MANIFEST_FILES_MAX 1024
#define HF_COMPONENTS_MAX 4096	/* in all files together */
#define HF_MODELS_MAX 1024
#define HF_IMAGES_MAX 4096
#define HF_RELEASES_MAX 1024	/* of one component */
#define HF_REFERENCES_MAX 1024	/* of one environment */
#define HF_RULES_MAX 4096	/* of one model */
#define HF_FIRMWARE_MAX 1024	/* releases of the platform's firmware in one model */
#define HF_REVOKED_MAX 4096	/* of one list */
#define HF_WAIVERS_MAX 4096	/* in all files together */
#define HF_WAIVER_ITEMS_MAX 256	/* of one waiver */
#define HF_NOTES_MAX 256	/* kept; those beyond are counted with the last */
#define HF_NAME_MAX 96		/* bytes of a name, without the NUL */
#define HF_SLOT_MAX 64		/* bytes of a slot label, without the NUL */
#define HF_AK_NAME 34		/* bytes of an attestation key's TPM name */

struct hf_match {	/* which function an environment speaks of; vendor and device always set */
	uint16_t vendor, device;
	bool any_class;		/* a vendor's file that does not say; class_code is then 0 */
	uint32_t class_code;
	bool has_subsystem, has_revision, has_serial;
	uint16_t subsystem_vendor, subsystem_device;
	uint8_t revision;
	uint64_t serial;
};
bool hf_match_function(const struct hf_match *match, const struct hf_identity *identity);

/* The block of SPDM that a measurement's name stands for ("spdm/7"), 0: none. One spelling. */
#define HF_SPDM_MKEY "spdm/"
#define HF_SPDM_MKEY_TEXT 12
#define HF_SPDM_INDEX_LAST 0xfe
unsigned hf_spdm_index_of(const char *mkey);

enum hf_svn_kind { HF_SVN_NONE, HF_SVN_EXACT, HF_SVN_LEAST };
/* Digests of reference values: those of claims that the agent makes, and what devices give. */
#define HF_REFERENCE_ALGS (HF_CLAIM_ALGS | HF_ALG_MASK(HF_ALG_SHA512))
struct hf_reference {		/* digests or a text or a number or bytes, one of them */
	struct hf_reference *next;
	const char *mkey;
	struct hf_digest digests[HF_MEASUREMENT_DIGESTS];
	size_t digest_count;
	const char *text;	/* equality with HF_VALUE_TEXT; NULL: none */
	const char *from;	/* where this value comes from, or NULL; never judged */
	enum hf_svn_kind svn_kind;	/* comparison with HF_VALUE_NUMBER */
	uint64_t svn;
	/* equality with HF_VALUE_BYTES, under the mask if there is one; empty: none */
	struct hf_span raw, raw_mask;
};
struct hf_environment {
	struct hf_environment *next;
	struct hf_match match;
	uint32_t count;		/* how many functions of the part match; 0: one or more */
	struct hf_reference *references;
};
/* Numbers are those of the format. */
enum hf_release_state {
	HF_RELEASE_ALLOWED, HF_RELEASE_UPDATE, HF_RELEASE_REVOKED, HF_RELEASE_ALLOWED_UNTIL,
};
struct hf_release {
	struct hf_release *next;
	const char *name;
	enum hf_release_state state;
	uint32_t until_day;	/* HF_RELEASE_ALLOWED_UNTIL: the last day, since 1970-01-01 */
	const char *note;	/* why revoked, or NULL */
	const char *provenance;	/* where the values come from, or NULL */
	struct hf_environment *environments;
};
struct hf_component {	/* one kind of part */
	struct hf_component *next;
	const char *name;
	struct hf_release *releases;
	bool vendor;		/* a vendor's word, not the owner's */
	size_t file;		/* index into hf_manifests.files */
};

enum hf_presence { HF_PRESENCE_REQUIRED, HF_PRESENCE_OPTIONAL, HF_PRESENCE_FORBIDDEN };
enum hf_action { HF_ACTION_HOLD, HF_ACTION_FENCE, HF_ACTION_WARN };
enum hf_mode { HF_MODE_ENFORCE, HF_MODE_AUDIT };
struct hf_name_list { struct hf_name_list *next; const char *name; };
struct hf_rule {
	struct hf_rule *next;
	const char *name;
	const char *component;	/* the first; "": any that a manifest describes, by class */
	const char *place;	/* part path, the first, or NULL */
	enum hf_presence presence;
	uint32_t count;		/* at most so many, and at least so many if required; >= 1 */
	enum hf_method least_method;
	enum hf_action action;	/* when a part under this rule is refused */
	struct hf_name_list *more_components;
	const char *class_prefix;	/* 2, 4 or 6 digits: of the part's first function; NULL: any */
	/* With place: one part in each path and slot; none of them: anywhere. */
	struct hf_name_list *more_places;
	struct hf_name_list *slots;	/* labels */
	bool audit;		/* its refusals are WOULD HOLD only, whatever the model's mode */
	bool owner_approved;	/* components of vendors are none that it speaks of */
};
struct hf_boot_code {	/* a driver or program that firmware may run: PCR 2 or 4 */
	struct hf_boot_code *next;
	const char *name;
	struct hf_digest sha256;	/* Authenticode digest as in the event */
	const char *from;	/* as of a reference */
};
#define HF_FIRMWARE_PCRS 8	/* PCRs 0 to 7 are the platform's */
enum hf_firmware_key {	/* variables that Secure Boot trusts */
	HF_FIRMWARE_PK, HF_FIRMWARE_KEK, HF_FIRMWARE_DB, HF_FIRMWARE_DBX, HF_FIRMWARE_KEYS,
};
enum hf_firmware_boot { HF_FIRMWARE_BOOT_ANY, HF_FIRMWARE_BOOT_OFF, HF_FIRMWARE_BOOT_ON };
struct hf_platform_firmware {	/* a release of the board's own firmware, as its PCRs show it */
	struct hf_platform_firmware *next;
	const char *name;
	enum hf_release_state state;	/* not HF_RELEASE_ALLOWED_UNTIL */
	const char *note;		/* why revoked, or NULL */
	uint32_t pcr_mask;		/* one of them at least */
	struct hf_digest pcrs[HF_FIRMWARE_PCRS];	/* SHA-256 bank, where the mask has the bit */
	enum hf_firmware_boot secure_boot;
	uint32_t key_mask;
	struct hf_digest keys[HF_FIRMWARE_KEYS];	/* SHA-256 of the variable's content */
	const char *from;	/* as of a reference */
};
struct hf_model {
	struct hf_model *next;
	const char *name;
	const char *vendor, *product;	/* SMBIOS type 1, exact */
	uint64_t generation;
	enum hf_mode mode;
	bool tpm_required;
	enum hf_action unknown;		/* for parts that no rule speaks of */
	struct hf_name_list *drivers;	/* the gate may bind these, in order */
	struct hf_boot_code *boot_code;
	struct hf_platform_firmware *firmware;	/* NULL: any */
	struct hf_rule *rules;
	const char *provenance;	/* or NULL */
	size_t file;
};
enum hf_image_role {
	HF_IMAGE_AGENT, HF_IMAGE_TENANT,
	HF_IMAGE_SERVICE,	/* like a tenant's, for a host that may start nothing else */
};
const char *hf_image_role_name(enum hf_image_role role);	/* "agent", "tenant", "service" */
bool hf_image_role_from_name(const char *name, enum hf_image_role *ret);
enum hf_tenant_kind {
	HF_TENANT_KEXEC, HF_TENANT_ROOT,
	HF_TENANT_NEXT_BOOT,	/* firmware starts it, after a reset: a boot entry (BootNext) */
	HF_TENANT_EXIT,		/* the initramfs that the gate is a step of goes on */
};
const char *hf_tenant_kind_name(enum hf_tenant_kind kind);	/* "kexec", "root", "next-boot", "exit" */
bool hf_tenant_kind_from_name(const char *name, enum hf_tenant_kind *ret);
struct hf_image {
	struct hf_image *next;
	enum hf_image_role role;
	const char *name;
	enum hf_tenant_kind kind;	/* all but the agent */
	bool has_kernel, has_initrd, has_command_line, has_root, has_boot_entry, has_uki, has_sections;
	struct hf_digest kernel;	/* agent: Authenticode; else of the file. SHA-256 all */
	struct hf_digest initrd;
	struct hf_digest command_line;	/* agent: digest as in PCR 9 */
	struct hf_digest uki;		/* agent behind systemd's stub: Authenticode of the whole file, */
	struct hf_digest sections;	/* and PCR 11 when the stub has measured its sections */
	struct hf_digest root;		/* HF_TENANT_ROOT: of the squashfs file */
	struct hf_digest boot_entry;	/* HF_TENANT_NEXT_BOOT: of the EFI_LOAD_OPTION (UEFI 2.10, 3.1.3) */
	const char *command_line_text;	/* by kexec: the exact command line */
	const char *provenance;	/* or NULL */
	size_t file;
};
/* What a ticket calls an image by: kernel, initrd and SHA-256 of the command line's text; or the root
 * image, or the boot entry; or, of kind exit, SHA-256 of "exit:" and its name. own holds the digest
 * that is made here. */
struct hf_image_digests { const struct hf_digest *digest[3]; size_t count; struct hf_digest own; };
enum hf_err hf_image_digests(const struct hf_image *image, struct hf_image_digests *ret) HF_MUST_USE;
struct hf_waiver_item {		/* one finding, word for word */
	struct hf_waiver_item *next;
	const char *place;
	enum hf_err cause;	/* hf_cause_waivable */
	const char *mkey;	/* or NULL: the finding names no measurement */
	const char *found;	/* or NULL: the finding has no value */
};
struct hf_waiver {		/* one host, some findings, for a time */
	struct hf_waiver *next;
	const char *name;
	uint8_t host[HF_AK_NAME];
	bool has_until, has_generation;	/* one of them at least */
	uint32_t until_day;	/* the last day, since 1970-01-01 */
	uint64_t generation;	/* of the model, exactly */
	const char *note;	/* or NULL */
	/* The owner's release of this host for when no controller answers: between these counts
	 * of the TPM's resets, both included, and nothing else in the same waiver. */
	bool bearer;
	uint32_t boots_from, boots_to;
	struct hf_waiver_item *items;
	size_t file;
};
#define HF_BEARER_PLACE "controller"
/* What was passed over because it is newer than this version and says that it may be. */
struct hf_manifest_note {
	struct hf_manifest_note *next;
	size_t file;
	const char *text;
};
enum hf_revoked_kind {
	HF_REVOKED_KEY,		/* key id: no file that it signed, or that leads to it, counts */
	HF_REVOKED_MANIFEST,	/* SHA-256 of a file */
	HF_REVOKED_DIGEST,	/* of code: every release that has it, image, boot code */
	HF_REVOKED_RELEASE,	/* of a component */
};
struct hf_revoked {
	struct hf_revoked *next;
	enum hf_revoked_kind kind;
	struct hf_digest digest;		/* all but HF_REVOKED_RELEASE */
	const char *component, *release;	/* HF_REVOKED_RELEASE */
	const char *note;			/* why, or NULL */
};
struct hf_revocations {	/* an owner's list; several hold together */
	struct hf_revocations *next;
	const char *name;
	uint64_t generation;
	const char *provenance;	/* or NULL */
	struct hf_revoked *entries;
	size_t file;
};
struct hf_manifest_file {
	const char *name;
	struct hf_digest sha256;	/* of the bytes as received */
	const char *signer;		/* anchor name */
	uint8_t anchor_id[32];		/* key id of the anchor, and of the key that signed: */
	uint8_t signer_id[32];		/* another where certificates lead to the anchor */
	uint64_t generation;
	int64_t until;			/* the last second in which it counts; 0: not said */
};
struct hf_manifests {
	struct hf_arena *arena;
	struct hf_component *components;
	struct hf_model *models;
	struct hf_image *images;
	struct hf_waiver *waivers;
	struct hf_manifest_note *notes;
	struct hf_revocations *revocations;
	struct hf_manifest_file files[HF_MANIFEST_FILES_MAX];
	size_t file_count;
};

/* The words of the JSON sources and reports. _from_name: false for an unknown word. */
const char *hf_release_state_name(enum hf_release_state state);
const char *hf_presence_name(enum hf_presence presence);
const char *hf_action_name(enum hf_action action);
const char *hf_mode_name(enum hf_mode mode);
bool hf_release_state_from_name(const char *name, enum hf_release_state *ret);
bool hf_presence_from_name(const char *name, enum hf_presence *ret);
bool hf_action_from_name(const char *name, enum hf_action *ret);
bool hf_mode_from_name(const char *name, enum hf_mode *ret);
bool hf_method_from_name(const char *name, enum hf_method *ret);

/* A name that operators give: 1 to HF_NAME_MAX bytes of printable ASCII, no '/'. */
bool hf_name_valid(const char *name);

/* "2026-12-31" and days since 1970-01-01, until 9999-12-31. */
#define HF_DATE_TEXT 11
bool hf_date_parse(const char *text, uint32_t *ret_day);
void hf_date_format(uint32_t day, char out[static HF_DATE_TEXT]);
/* Whether now (seconds since 1970; 0: not known) lies after the whole of day. */
bool hf_date_over(uint32_t day, int64_t now);

/* Reasons of the parts' appraisal, without those that are an owner's deny. */
bool hf_cause_waivable(enum hf_err cause);
/* "PK", "KEK", "db", "dbx". */
const char *hf_firmware_key_name(enum hf_firmware_key key);
/* A name, a state that it can have, one PCR at least. */
bool hf_firmware_valid(const struct hf_platform_firmware *firmware);
/* 2, 4 or 6 lower-case hexadecimal digits. */
bool hf_class_prefix_valid(const char *text);
/* 1 to HF_SLOT_MAX bytes of printable ASCII. */
bool hf_slot_valid(const char *text);

/* Names, counts and places in range; a component or a class. */
bool hf_rule_valid(const struct hf_rule *rule);
/* What this waiver may name: hf_cause_waivable; of an owner's release only that the controller
 * does not answer. */
bool hf_waiver_item_possible(const struct hf_waiver *waiver, const struct hf_waiver_item *item);
/* Items, a place in each, nothing that nobody may waive, and an end. */
bool hf_waiver_valid(const struct hf_waiver *waiver);

/* An agent image: kernel, initrd and command line, nothing else. A tenant or service image:
 * kernel, initrd and the text of the command line, or the root alone. */
bool hf_image_complete(const struct hf_image *image);

/* Where the lists end now, so that what is appended after can be taken back as one. */
struct hf_manifests_mark {
	size_t arena_len;
	struct hf_component **components;
	struct hf_model **models;
	struct hf_image **images;
	struct hf_waiver **waivers;
	struct hf_manifest_note **notes;
	struct hf_revocations **revocations;
};
struct hf_manifests_mark hf_manifests_mark(struct hf_manifests *manifests);
void hf_manifests_rollback(struct hf_manifests *manifests, const struct hf_manifests_mark *mark);
/* What was appended after mark against itself and what was there: limits
 * (HF_ERR_LIMIT); components, models, or in one of them releases or rules of the same
 * name (HF_ERR_DUPLICATE_NAME). */
enum hf_err hf_manifests_check_names(const struct hf_manifests *manifests,
				     const struct hf_manifests_mark *mark) HF_MUST_USE;

#endif
