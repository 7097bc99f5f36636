/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest add-rom: a release whose values come from a vendor's file, not from a host. */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"
#include "controller/source.h"
#include "measure/file.h"
#include "pcie/efi_image.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ROM_PREFIX "option-rom"

static const char usage[] =
	"usage: holdfastctl manifest add-rom FILE --component SOURCE.json --release NAME\n"
	"           [--function VENDOR:DEVICE] [--out FILE]\n\n"
	"Adds an allowed release to a component's source, with the digests of the option\n"
	"ROM in FILE: of the window as a host reads it, of each image, and of the EFI\n"
	"program in an image as firmware logs it. FILE is the ROM as it lies in the\n"
	"device, taken out of the vendor's package. The functions are those of the\n"
	"component's first release; what that says beside the ROM is not copied, and is\n"
	"named on standard error.\n\n"
	"  --function VENDOR:DEVICE   the function that carries the ROM; without it the\n"
	"                             one that the ROM itself names\n"
	"  --out FILE                 write there and leave SOURCE.json alone\n";

struct job {
	const char *file, *source, *release, *out;
	bool has_function;
	uint16_t vendor, device;
	struct hf_arena arena;
	struct hf_manifests manifests;
	struct hf_rom rom;
	struct hf_span bytes;
	size_t shown;		/* bytes of the window as a host reads it */
	char sha256[2 * HF_DIGEST_MAX + 1];
};

static const char *text(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *text(struct job *job, const char *format, ...)
{
	char buf[512];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return hf_arena_text(&job->arena, buf, strlen(buf));
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* How much of it sysfs shows, drivers/pci/rom.c: until the first image whose PCIR says that
 * it is the last, whatever NVIDIA's NPDE says of more. */
static size_t shown_length(const struct hf_rom *rom, struct hf_span bytes)
{
	size_t end = 0;

	for (size_t i = 0; i < rom->image_count; i++) {
		const struct hf_rom_image *image = &rom->images[i];
		struct hf_cursor c = { .in = bytes };

		if (image->offset != end)	/* the kernel looks for no gap */
			break;
		hf_seek(&c, image->offset + 0x18);
		hf_seek(&c, image->offset + hf_u16le(&c));
		const uint8_t *pcir = hf_take(&c, 0x18);

		if (!pcir || memcmp(pcir, "PCIR", 4) != 0)
			break;
		end += (size_t)(pcir[16] | pcir[17] << 8) * 512;
		if (pcir[21] & 0x80)
			break;
	}
	return end < bytes.len ? end : bytes.len;
}

static enum hf_err read_rom(struct job *job, struct hf_fault *fault)
{
	struct hf_digest digest;
	enum hf_err err = hf_file_read(AT_FDCWD, job->file, HF_ROM_MAX, &job->arena, &job->bytes, fault);

	if (err)
		return err;
	hf_rom_parse(job->bytes, &job->rom);
	if (job->rom.chain_at)	/* a host finds no image at its begin */
		job->rom.err = HF_ERR_ROM_SIGNATURE;
	if (job->rom.err)
		return hf_fail(fault, job->rom.err, job->file,
			       "after %zu image(s); want the ROM as it lies in the device",
			       job->rom.chain_at ? 0 : job->rom.image_count);
	for (size_t i = 0; i < job->rom.image_count; i++) {
		struct hf_efi_findings found;

		hf_efi_image_examine(job->rom.images[i].bytes, &job->rom.images[i], &found);
		if (found.program_err)
			return hf_fail(fault, found.program_err, job->file, "image %zu", i);
	}
	err = hf_digest(HF_ALG_SHA256, job->bytes, &digest);
	if (err)
		return hf_fail(fault, err, job->file, "digest");
	hf_digest_hex(&digest, job->sha256);
	if (!job->has_function) {
		job->vendor = job->rom.images[0].vendor;
		job->device = job->rom.images[0].device;
	}
	job->shown = shown_length(&job->rom, job->bytes);
	if (job->bytes.len > job->shown)
		fprintf(stderr, "%s: a host reads %zu bytes of it: the last %zu are not measured\n",
			job->file, job->shown, job->bytes.len - job->shown);
	return HF_OK;
}

static bool add_digests(struct job *job, const struct hf_digest *digests, const char *mkey,
			const char *from, struct hf_reference ***end)
{
	struct hf_reference *ref = hf_arena_take(&job->arena, sizeof(*ref));

	if (!ref || !mkey || !from)
		return false;
	memcpy(ref->digests, digests, 2 * sizeof(*digests));
	ref->digest_count = 2;
	ref->mkey = mkey;
	ref->from = from;
	**end = ref;
	*end = &ref->next;
	return true;
}

static bool add_reference(struct job *job, struct hf_span bytes, const char *mkey, const char *from,
			  struct hf_reference ***end)
{
	struct hf_digest digests[2];

	return !hf_digest(HF_ALG_SHA256, bytes, &digests[0]) &&
	       !hf_digest(HF_ALG_SHA384, bytes, &digests[1]) &&
	       add_digests(job, digests, mkey, from, end);
}

static bool add_image(struct job *job, size_t index, struct hf_reference ***end)
{
	const struct hf_rom_image *image = &job->rom.images[index];
	const char *name = base_name(job->file);
	struct hf_efi_findings found;

	if (!add_reference(job, image->bytes, text(job, ROM_PREFIX "/%zu", index),
			   text(job, "%s, %s image at %zu, %zu bytes", name,
				hf_rom_code_name(image->code_type), image->offset, image->bytes.len), end))
		return false;
	hf_efi_image_examine(image->bytes, image, &found);
	return !found.has_program ||
	       add_digests(job, found.authenticode, text(job, ROM_PREFIX "/%zu/authenticode", index),
			   text(job, "%s, program in the image at %zu", name, image->offset), end);
}

static bool add_references(struct job *job, struct hf_environment *env)
{
	struct hf_reference **end = &env->references;

	if (!add_reference(job, hf_span_part(job->bytes, 0, job->shown), ROM_PREFIX "/window",
			   text(job, "%s, %zu bytes", base_name(job->file), job->shown), &end))
		return false;
	for (size_t i = 0; i < job->rom.image_count && job->rom.images[i].offset < job->shown; i++)
		if (!add_image(job, i, &end))
			return false;
	return true;
}

static void note_left_out(const struct hf_environment *old, bool carrier)
{
	for (const struct hf_reference *r = old->references; r; r = r->next)
		if (!carrier || strncmp(r->mkey, ROM_PREFIX, strlen(ROM_PREFIX)) != 0)
			fprintf(stderr, "%04x:%04x: %s is not copied from the release before: add it if "
				"it holds\n", old->match.vendor, old->match.device, r->mkey);
}

/* The functions of the release before; the carrier with the new digests. */
static bool copy_functions(struct job *job, const struct hf_release *old, struct hf_release *release,
			   size_t *ret_carriers)
{
	struct hf_environment **end = &release->environments;

	for (const struct hf_environment *e = old->environments; e; e = e->next) {
		struct hf_environment *env = hf_arena_take(&job->arena, sizeof(*env));
		bool carrier = e->match.vendor == job->vendor && e->match.device == job->device;

		if (!env)
			return false;
		env->match = e->match;
		env->count = e->count;
		*ret_carriers += carrier;
		if (carrier && !add_references(job, env))
			return false;
		note_left_out(e, carrier);
		*end = env;
		end = &env->next;
	}
	return true;
}

static enum hf_err add_release(struct job *job, struct hf_fault *fault)
{
	struct hf_component *component = job->manifests.components;
	struct hf_release *release = hf_arena_take(&job->arena, sizeof(*release));
	size_t carriers = 0;

	if (!component || component->next || job->manifests.models || job->manifests.images)
		return hf_fail(fault, HF_ERR_USAGE, job->source, "--component wants one component");
	for (const struct hf_release *r = component->releases; r; r = r->next)
		if (strcmp(r->name, job->release) == 0)
			return hf_fail(fault, HF_ERR_DUPLICATE_NAME, job->source, "release %s is there",
				       job->release);
	if (!release)
		return hf_fail(fault, HF_ERR_LIMIT, job->source, "too large");
	release->name = job->release;
	release->state = HF_RELEASE_ALLOWED;
	release->provenance = text(job, "computed from %s, SHA-256 %s", base_name(job->file), job->sha256);
	if (!release->provenance || !copy_functions(job, component->releases, release, &carriers))
		return hf_fail(fault, HF_ERR_LIMIT, job->source, "too large");
	if (carriers != 1)
		return hf_fail(fault, HF_ERR_USAGE, job->source,
			       "%zu functions %04x:%04x in release %s; the ROM is for one%s", carriers,
			       job->vendor, job->device, component->releases->name,
			       job->has_function ? "" : ": name it by --function");
	release->next = component->releases;
	component->releases = release;
	return HF_OK;
}

static enum hf_err write_source(struct job *job, struct hf_fault *fault)
{
	struct hf_manifests again = { .arena = &job->arena };
	char *json = hf_source_format(&job->manifests);
	enum hf_err err;

	if (!json)
		return hf_fail(fault, HF_ERR_NO_MEMORY, job->source, "text");
	/* what is written is a source that reads */
	err = hf_source_parse(hf_span_text(json), job->source, &again, fault);
	if (!err)
		err = hf_file_write(AT_FDCWD, job->out ? job->out : job->source, hf_span_text(json), 0644,
				    fault);
	free(json);
	return err;
}

static enum hf_err add_rom(struct job *job, struct hf_fault *fault)
{
	struct hf_span json;
	enum hf_err err = hf_arena_make(HF_MANIFEST_ARENA, &job->arena);

	if (err)
		return hf_fail(fault, err, job->source, "arena");
	job->manifests.arena = &job->arena;
	err = read_rom(job, fault);
	if (!err)
		err = hf_file_read(AT_FDCWD, job->source, HF_SOURCE_MAX, &job->arena, &json, fault);
	if (!err)
		err = hf_source_parse(json, job->source, &job->manifests, fault);
	if (!err)
		err = add_release(job, fault);
	if (!err)
		err = write_source(job, fault);
	hf_arena_drop(&job->arena);
	return err;
}

static bool parse_function(const char *value, struct job *job)
{
	unsigned vendor, device;
	char again[16];

	if (sscanf(value, "%4x:%4x", &vendor, &device) != 2)
		return false;
	snprintf(again, sizeof(again), "%04x:%04x", vendor, device);
	job->vendor = (uint16_t)vendor;
	job->device = (uint16_t)device;
	job->has_function = true;
	return strcasecmp(value, again) == 0;
}

int hf_manifest_add_rom(int argc, char **argv)
{
	static const struct option options[] = {
		{ "component", required_argument, NULL, 'c' },
		{ "release", required_argument, NULL, 'r' },
		{ "function", required_argument, NULL, 'f' },
		{ "out", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct job job;	/* too large for the stack */
	struct hf_fault fault;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		bool ok = c == 'c' || c == 'r' || c == 'o';

		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (c == 'c')
			job.source = optarg;
		else if (c == 'o')
			job.out = optarg;
		else if (c == 'r')
			ok = hf_name_valid(job.release = optarg);
		else if (c == 'f')
			ok = parse_function(optarg, &job);
		if (!ok)
			return hf_ctl_refuse("manifest add-rom", "%s is not understood",
					     argv[optind - 1]);
	}
	if (!job.source || !job.release || argc - optind != 1)
		return hf_ctl_refuse("manifest add-rom", "FILE, --component and --release are needed");
	job.file = argv[optind];
	if (add_rom(&job, &fault))
		return hf_ctl_fault("manifest add-rom", &fault);
	return HF_EXIT_OK;
}
