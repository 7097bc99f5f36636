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
#define HF_NAME_MAX 96		/* bytes of a name, without the NUL */

struct hf_match {	/* which function an environment speaks of; class and vendor always set */
	uint16_t vendor, device;
	uint32_t class_code;
	bool has_subsystem, has_revision, has_serial;
	uint16_t subsystem_vendor, subsystem_device;
	uint8_t revision;
	uint64_t serial;
};
bool hf_match_function(const struct hf_match *match, const struct hf_identity *identity);

struct hf_reference {
	struct hf_reference *next;
	const char *mkey;
	struct hf_digest digests[HF_MEASUREMENT_DIGESTS];	/* or none: then text */
	size_t digest_count;
	const char *text;	/* equality with HF_VALUE_TEXT; NULL: none */
	const char *from;	/* where this value comes from, or NULL; never judged */
};
struct hf_environment {
	struct hf_environment *next;
	struct hf_match match;
	uint32_t count;		/* how many functions of the part match; 0: one or more */
	struct hf_reference *references;
};
enum hf_release_state { HF_RELEASE_ALLOWED, HF_RELEASE_UPDATE, HF_RELEASE_REVOKED };
struct hf_release {
	struct hf_release *next;
	const char *name;
	enum hf_release_state state;
	const char *note;	/* why revoked, or NULL */
	const char *provenance;	/* where the values come from, or NULL */
	struct hf_environment *environments;
};
struct hf_component {	/* one kind of part */
	struct hf_component *next;
	const char *name;
	struct hf_release *releases;
	size_t file;		/* index into hf_manifests.files */
};

enum hf_presence { HF_PRESENCE_REQUIRED, HF_PRESENCE_OPTIONAL, HF_PRESENCE_FORBIDDEN };
enum hf_action { HF_ACTION_HOLD, HF_ACTION_FENCE, HF_ACTION_WARN };
enum hf_mode { HF_MODE_ENFORCE, HF_MODE_AUDIT };
struct hf_rule {
	struct hf_rule *next;
	const char *name;
	const char *component;
	const char *place;	/* part path, or NULL: anywhere */
	enum hf_presence presence;
	uint32_t count;		/* at most so many, and at least so many if required; >= 1 */
	enum hf_method least_method;
	enum hf_action action;	/* when a part under this rule is refused */
};
struct hf_boot_code {	/* a driver or program that firmware may run: PCR 2 or 4 */
	struct hf_boot_code *next;
	const char *name;
	struct hf_digest sha256;	/* Authenticode digest as in the event */
	const char *from;	/* as of a reference */
};
struct hf_name_list { struct hf_name_list *next; const char *name; };
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
	struct hf_rule *rules;
	const char *provenance;	/* or NULL */
	size_t file;
};
enum hf_image_role { HF_IMAGE_AGENT, HF_IMAGE_TENANT };
enum hf_tenant_kind { HF_TENANT_KEXEC, HF_TENANT_ROOT };
struct hf_image {
	struct hf_image *next;
	enum hf_image_role role;
	const char *name;
	enum hf_tenant_kind kind;	/* tenant only */
	bool has_kernel, has_initrd, has_command_line, has_root;
	struct hf_digest kernel;	/* agent: Authenticode; tenant: of the file. SHA-256 all */
	struct hf_digest initrd;
	struct hf_digest command_line;	/* agent: digest as in PCR 9 */
	struct hf_digest root;		/* HF_TENANT_ROOT: of the squashfs file */
	const char *command_line_text;	/* tenant kexec: the exact command line */
	const char *provenance;	/* or NULL */
	size_t file;
};
struct hf_manifest_file {
	const char *name;
	struct hf_digest sha256;	/* of the bytes as received */
	const char *signer;		/* anchor name */
	uint64_t generation;
};
struct hf_manifests {
	struct hf_arena *arena;
	struct hf_component *components;
	struct hf_model *models;
	struct hf_image *images;
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

/* An agent image: kernel, initrd and command line, nothing else. A tenant: kernel, initrd
 * and the text of the command line, or the root alone. */
bool hf_image_complete(const struct hf_image *image);

/* Where the lists end now, so that what is appended after can be taken back as one. */
struct hf_manifests_mark {
	size_t arena_len;
	struct hf_component **components;
	struct hf_model **models;
	struct hf_image **images;
};
struct hf_manifests_mark hf_manifests_mark(struct hf_manifests *manifests);
void hf_manifests_rollback(struct hf_manifests *manifests, const struct hf_manifests_mark *mark);
/* What was appended after mark against itself and what was there: limits
 * (HF_ERR_LIMIT); components, models, or in one of them releases or rules of the same
 * name (HF_ERR_DUPLICATE_NAME). */
enum hf_err hf_manifests_check_names(const struct hf_manifests *manifests,
				     const struct hf_manifests_mark *mark) HF_MUST_USE;

#endif
