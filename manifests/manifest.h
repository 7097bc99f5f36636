/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/manifest.h: what is allowed, decoded: components with their releases, the
 * model with its rules, agent and tenant images. Arena-allocated, immutable once made.
 * corim.c is the only file that knows how this looks in CoRIM. [pure]
 */
#ifndef HF_MANIFESTS_MANIFEST_H
#define HF_MANIFESTS_MANIFEST_H

#include "measure/claim.h"

#define HF_MANIFEST_FILES_MAX 1024

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

#endif
