/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One of everything that a manifest can say. */
#ifndef HF_TESTS_MANIFEST_FIXTURE_H
#define HF_TESTS_MANIFEST_FIXTURE_H

#include "manifests/corim.h"

static struct hf_digest digest_of(enum hf_alg alg, uint8_t fill)
{
	struct hf_digest digest = { .alg = alg };

	memset(digest.bytes, fill, hf_alg_size(alg));
	return digest;
}

struct sample {
	struct hf_reference references[3];
	struct hf_environment environments[2];
	struct hf_release releases[2];
	struct hf_component component;
	struct hf_name_list drivers[2];
	struct hf_boot_code codes[2];
	struct hf_rule rules[2];
	struct hf_model model;
	struct hf_image images[3];
};

static struct sample *sample_make(struct sample *s)
{
	*s = (struct sample){ 0 };
	s->references[0] = (struct hf_reference){ .next = &s->references[1], .mkey = "option-rom/window",
		.digests = { digest_of(HF_ALG_SHA256, 0x11), digest_of(HF_ALG_SHA384, 0x12) }, .digest_count = 2,
		.from = "nic-2.0.zip" };
	s->references[1] = (struct hf_reference){ .mkey = "fw-version", .text = "28.39.4082" };
	s->references[2] = (struct hf_reference){ .mkey = "option-rom/window",
		.digests = { digest_of(HF_ALG_SHA256, 0x21) }, .digest_count = 1 };
	s->environments[0] = (struct hf_environment){ .references = &s->references[0], .count = 2,
		.match = { .vendor = 0x8086, .device = 0x10d3, .class_code = 0x020000, .has_subsystem = true,
			   .subsystem_vendor = 0x1028, .subsystem_device = 0xa01f, .has_revision = true,
			   .revision = 0x0b, .has_serial = true, .serial = 0x001b21ffff334455 } };
	s->environments[1] = (struct hf_environment){ .references = &s->references[2],
		.match = { .vendor = 0x8086, .device = 0x10d3, .class_code = 0x020000 } };
	s->releases[0] = (struct hf_release){ .next = &s->releases[1], .name = "2.0", .state = HF_RELEASE_ALLOWED,
		.provenance = "vendor's site", .environments = &s->environments[0] };
	s->releases[1] = (struct hf_release){ .name = "1.0", .state = HF_RELEASE_REVOKED,
		.note = "CVE-0000-0000", .environments = &s->environments[1] };
	s->component = (struct hf_component){ .name = "nic", .releases = &s->releases[0] };
	s->drivers[0] = (struct hf_name_list){ &s->drivers[1], "nvme" };
	s->drivers[1] = (struct hf_name_list){ NULL, "ixgbe" };
	s->codes[0] = (struct hf_boot_code){ &s->codes[1], "driver-0", digest_of(HF_ALG_SHA256, 0x31),
		"PCR 2 of a golden host" };
	s->codes[1] = (struct hf_boot_code){ NULL, "driver-1", digest_of(HF_ALG_SHA256, 0x32), NULL };
	s->rules[0] = (struct hf_rule){ &s->rules[1], "nic at 1", "nic", "pci0000:00/1c.0/00", HF_PRESENCE_REQUIRED,
		1, HF_METHOD_BYTES, HF_ACTION_HOLD, NULL, NULL, NULL, NULL, false, false };
	s->rules[1] = (struct hf_rule){ NULL, "spare", "nic", NULL, HF_PRESENCE_OPTIONAL, 3, HF_METHOD_VERSION,
		HF_ACTION_FENCE, NULL, NULL, NULL, NULL, false, true };
	s->model = (struct hf_model){ .name = "lab", .vendor = "QEMU", .product = "q35", .generation = 7,
		.mode = HF_MODE_AUDIT, .tpm_required = true, .unknown = HF_ACTION_FENCE, .drivers = &s->drivers[0],
		.boot_code = &s->codes[0], .rules = &s->rules[0], .provenance = "lab" };
	s->images[0] = (struct hf_image){ .next = &s->images[1], .role = HF_IMAGE_AGENT, .name = "gate",
		.has_kernel = true, .has_initrd = true, .has_command_line = true,
		.kernel = digest_of(HF_ALG_SHA256, 0x41), .initrd = digest_of(HF_ALG_SHA256, 0x42),
		.command_line = digest_of(HF_ALG_SHA256, 0x43) };
	s->images[1] = (struct hf_image){ .next = &s->images[2], .role = HF_IMAGE_TENANT, .kind = HF_TENANT_KEXEC,
		.name = "debian", .has_kernel = true, .has_initrd = true, .kernel = digest_of(HF_ALG_SHA256, 0x44),
		.initrd = digest_of(HF_ALG_SHA256, 0x45), .command_line_text = "ro quiet", .provenance = "build 1" };
	s->images[2] = (struct hf_image){ .role = HF_IMAGE_TENANT, .kind = HF_TENANT_ROOT, .name = "service",
		.has_root = true, .root = digest_of(HF_ALG_SHA256, 0x46) };
	return s;
}

#define COMPONENTS 1u
#define MODELS 2u
#define IMAGES 4u

static inline size_t sample_encode(struct sample *s, unsigned what, uint8_t *buf, size_t cap)
{
	struct hf_manifests m = { .components = what & COMPONENTS ? &s->component : NULL,
				  .models = what & MODELS ? &s->model : NULL,
				  .images = what & IMAGES ? &s->images[0] : NULL };
	struct hf_writer w = { .buf = buf, .cap = cap };

	assert_int_equal(hf_corim_encode(&m, "id", &w), HF_OK);
	return w.len;
}

#endif
