/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a boot by a unified kernel image will log, from the file. Firmware measures the file and then the
 * kernel that the stub hands it (PCR 4); the stub measures its sections (PCR 11), each by its name and by its
 * bytes; the kernel's own stub command line and initrd (PCR 9). */
#include "controller/image_measure.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/file.h"
#include "pcie/pe.h"

#define STUB "#### LoaderInfo: systemd-stub "
#define STUB_KNOWN 252	/* others measure other sections */

struct uki {
	struct hf_span file;
	const char *path;
	struct hf_fault *fault;
};

static enum hf_err section(const struct uki *u, const char *name, bool needed, struct hf_span *ret)
{
	enum hf_err err = hf_pe_section(u->file, name, ret);

	if (err)
		return hf_fail(u->fault, err, u->path, "section %s", name);
	return ret->len || !needed ? HF_OK :
	       hf_fail(u->fault, HF_ERR_UKI_SHAPE, u->path, "it has no section %s", name);
}

static enum hf_err check_stub(const struct uki *u)
{
	struct hf_span magic;
	char text[96];
	unsigned long version;
	enum hf_err err = section(u, ".sdmagic", true, &magic);

	if (err)
		return err;
	snprintf(text, sizeof(text), "%.*s", (int)(magic.len < sizeof(text) ? magic.len : sizeof(text) - 1),
		 (const char *)magic.ptr);
	if (strncmp(text, STUB, sizeof(STUB) - 1) != 0)
		return hf_fail(u->fault, HF_ERR_UKI_SHAPE, u->path, "%s", "it has no stub of systemd's");
	version = strtoul(text + sizeof(STUB) - 1, NULL, 10);
	return version == STUB_KNOWN ? HF_OK :
	       hf_fail(u->fault, HF_ERR_UKI_SHAPE, u->path, "its stub is of systemd %lu; known is %d", version,
		       STUB_KNOWN);
}

static enum hf_err extend(struct hf_digest *pcr, struct hf_span bytes)
{
	struct hf_digest digest;
	uint8_t both[64];
	enum hf_err err = hf_digest(HF_ALG_SHA256, bytes, &digest);

	memcpy(both, pcr->bytes, 32);
	memcpy(both + 32, digest.bytes, 32);
	return err ? err : hf_digest(HF_ALG_SHA256, (struct hf_span){ both, sizeof(both) }, pcr);
}

/* The order is the stub's own, not the file's. */
static enum hf_err measure_sections(const struct uki *u, struct hf_digest *ret)
{
	static const char *const names[] = { ".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb" };
	struct hf_span bytes;
	enum hf_err err = HF_OK;

	*ret = (struct hf_digest){ .alg = HF_ALG_SHA256 };
	for (size_t i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
		err = section(u, names[i], false, &bytes);
		if (err || !bytes.len)
			continue;
		err = extend(ret, (struct hf_span){ (const uint8_t *)names[i], strlen(names[i]) + 1 });
		if (!err)
			err = extend(ret, bytes);
	}
	return err;
}

/* The stub would put these behind the initrd, which then is not the section's bytes any more. */
static enum hf_err refuse_signatures(const struct uki *u)
{
	static const char *const names[] = { ".pcrsig", ".pcrpkey" };
	struct hf_span bytes;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enum hf_err err = section(u, names[i], false, &bytes);

		if (!err && bytes.ptr)
			err = hf_fail(u->fault, HF_ERR_UKI_SHAPE, u->path, "section %s changes the initrd", names[i]);
		if (err)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_uki_measure(const char *path, struct hf_arena *arena, struct hf_image *image,
			   struct hf_fault *fault)
{
	struct uki u = { .path = path, .fault = fault };
	struct hf_span kernel, initrd, line;
	enum hf_err err = hf_file_read(AT_FDCWD, path, HF_PE_MAX, arena, &u.file, fault);

	if (!err)
		err = check_stub(&u);
	if (!err)
		err = refuse_signatures(&u);
	if (!err)
		err = section(&u, ".linux", true, &kernel);
	if (!err)
		err = section(&u, ".initrd", true, &initrd);
	if (!err)
		err = section(&u, ".cmdline", true, &line);
	if (!err)
		err = hf_command_line_digest(".cmdline", line, &image->command_line, fault);
	if (err)
		return err;
	err = hf_pe_digest(HF_ALG_SHA256, kernel, &image->kernel);
	if (!err)
		err = hf_pe_digest(HF_ALG_SHA256, u.file, &image->uki);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, initrd, &image->initrd);
	if (!err)
		err = measure_sections(&u, &image->sections);
	image->has_kernel = image->has_initrd = image->has_command_line = true;
	image->has_uki = image->has_sections = true;
	return err ? hf_fail(fault, err, path, "%zu bytes", u.file.len) : HF_OK;
}
