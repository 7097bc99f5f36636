/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage store: image lists and the tenant's image are read once; then the devices are
 * put on hold again, and what firmware ran before the gate is judged. */
#include "agent/gate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/release.h"
#include "manifests/report.h"

#define APPEAR_MS 10000
#define APPEAR_STEP_MS 10
/* 0-7 firmware, 9 the kernel's stub, 11 and 12 a unified kernel image, 14 shim. */
#define REPLAYED_PCRS HF_QUOTE_PCRS

/* A disk has its node some time before it can be opened, and its size later still. */
static bool is_ready(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool ready;

	if (fd < 0)	/* what will not get better by waiting is for hf_store_read to name */
		return errno != ENOENT && errno != ENXIO && errno != ENODEV && errno != EBUSY;
	ready = fstat(fd, &st) == 0 && (!S_ISBLK(st.st_mode) || lseek(fd, 0, SEEK_END) > 0);
	close(fd);
	return ready;
}

/* "partname:NAME" to /dev/BLOCK by the kernel's uevent files; false: not there yet. */
static bool find_partition(const char *name, char *out, size_t cap)
{
	char line[HF_CONF_VALUE_MAX + 16], path[320], text[1024];
	DIR *dir = opendir("/sys/class/block");
	const struct dirent *entry;
	bool found = false;

	snprintf(line, sizeof(line), "PARTNAME=%s", name);
	while (dir && !found && (entry = readdir(dir))) {
		char *save = NULL;
		ssize_t n = -1;
		int fd;

		snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			n = read(fd, text, sizeof(text) - 1);
			close(fd);
		}
		text[n > 0 ? n : 0] = '\0';
		for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			found |= strcmp(l, line) == 0;
		if (found)
			snprintf(out, cap, "/dev/%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool find_store(const char *store, char *out, size_t cap)
{
	if (strncmp(store, "partname:", 9) == 0)
		return find_partition(store + 9, out, cap) && is_ready(out);
	snprintf(out, cap, "%s", store);
	return is_ready(out);
}

/* Drivers find their disks in their own time. */
static enum hf_err wait_for_store(const struct hf_gate *gate, char *out, size_t cap,
				  struct hf_fault *fault)
{
	const struct timespec step = { .tv_nsec = APPEAR_STEP_MS * 1000000L };
	const uint64_t until = hf_now_ms() + APPEAR_MS;

	while (!find_store(gate->conf.store, out, cap)) {
		if (!hf_gate_live(gate) || gate->bound_count == 0)
			return hf_fail(fault, HF_ERR_BIND_FAILED, gate->conf.store, "%s",
				       "it is not there and no driver was bound");
		if (hf_now_ms() > until)
			return hf_fail(fault, HF_ERR_BIND_FAILED, gate->conf.store,
				       "it did not appear within %d s", APPEAR_MS / 1000);
		nanosleep(&step, NULL);
	}
	return HF_OK;
}

static const struct hf_revocations *last(const struct hf_revocations *list)
{
	while (list && list->next)
		list = list->next;
	return list;
}

/* What the image's lists take back is taken back here too; a list that came with the store
 * would come too late for what was judged before. */
static enum hf_err load_list(void *self, const char *name, struct hf_span bytes, struct hf_fault *fault)
{
	struct hf_gate *gate = self;

	const struct hf_revocations *before = last(gate->manifests->revocations);
	enum hf_err err;

	if (gate->lists->file_count == 0)	/* lists lie in the arena as they came */
		gate->list_bytes = hf_arena_take(&gate->arena,
						 HF_MANIFEST_FILES_MAX * sizeof(*gate->list_bytes));
	if (!gate->list_bytes)
		return hf_fail(fault, HF_ERR_NO_MEMORY, name, "%s", "");
	gate->lists->revocations = gate->manifests->revocations;
	err = hf_manifest_load(&gate->trust, name, bytes, 0, gate->lists, fault);
	if (err == HF_OK && last(gate->lists->revocations) != before)
		err = hf_fail(fault, HF_ERR_SIGNER_SCOPE, name, "%s",
			      "holds revocations: these belong into the image");
	if (err == HF_OK)
		gate->list_bytes[gate->lists->file_count - 1] = bytes;
	return err;
}

/* What came from the store may list images and nothing else; the image's own lists count too. */
static enum hf_err join_lists(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_image **end = &gate->lists->images;

	if (gate->lists->components || gate->lists->models)
		return hf_fail(fault, HF_ERR_SIGNER_SCOPE, "store", "%s",
			       "holds components or models: these belong into the image");
	while (*end)
		end = &(*end)->next;
	*end = gate->manifests->images;
	return HF_OK;
}

static enum hf_err note_files(struct hf_gate *gate, struct hf_part *note, struct hf_tenant *tenant)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < HF_TENANT_FILES && err == HF_OK; i++) {
		const struct hf_tenant_file *file = hf_tenant_file(tenant, i);

		if (file->fd >= 0)
			err = hf_gate_note_digest(gate, note, hf_tenant_file_name(tenant->role, i),
						  &file->sha256, file->size);
	}
	return err;
}

static enum hf_err record_store(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_tenant *const t = &gate->tenant, *const s = &gate->service;
	struct hf_part *note = hf_gate_note_part(gate, "store");
	enum hf_err err = hf_gate_note_text(gate, note, "tenant", t->image->name);
	char key[HF_MKEY_MAX + 1];

	for (size_t i = 0; err == HF_OK && i < gate->lists->file_count; i++) {
		snprintf(key, sizeof(key), "list-%zu", i + 1);
		err = hf_gate_note_digest(gate, note, key, &gate->lists->files[i].sha256, 0);
	}
	if (err == HF_OK)
		err = note_files(gate, note, t);
	if (err == HF_OK && s->image)
		err = hf_gate_note_text(gate, note, "service", s->image->name);
	if (err == HF_OK && s->image)
		err = note_files(gate, note, s);
	if (err != HF_OK)
		return hf_fail(fault, err, "store", "%s", "claims");
	return hf_gate_record_part(gate, note, fault);
}

/* ---- what firmware says it ran ---- */

/* A log that does not replay to the TPM's values says nothing at all: no policy softens it. */
static enum hf_err check_replay(const struct hf_gate *gate, enum hf_alg alg, struct hf_fault *fault)
{
	struct hf_pcrs said, is;
	char where[32];
	enum hf_err err = hf_log_replay(gate->firmware_log, alg, &said);

	if (err != HF_OK)
		return hf_fail(fault, err, "firmware log", "bank %s", hf_alg_name(alg));
	err = hf_tpm_pcrs(gate->tpm, alg, &is, fault);
	if (err != HF_OK)
		return err;
	for (uint32_t pcr = 0; pcr < HF_PCR_COUNT; pcr++) {
		if (!(REPLAYED_PCRS & 1u << pcr))
			continue;
		if (memcmp(said.value[pcr], is.value[pcr], hf_alg_size(alg)) == 0)
			continue;
		snprintf(where, sizeof(where), "PCR %u, bank %s", pcr, hf_alg_name(alg));
		return hf_fail(fault, HF_ERR_FIRMWARE_LOG_REPLAY, where, "log %02x%02x, TPM %02x%02x",
			       said.value[pcr][0], said.value[pcr][1], is.value[pcr][0],
			       is.value[pcr][1]);
	}
	return HF_OK;
}

static enum hf_err judge_boot(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	if (gate->firmware_log.len && gate->tpm)
		err = check_replay(gate, HF_ALG_SHA256, fault);
	if (err != HF_OK)
		return err;
	hf_gate_judge(gate);
	hf_appraise_boot(gate->firmware_log, gate->lists, gate->model, &gate->judge_arena, &gate->verdict);
	hf_appraise_step(&gate->claims, gate->lists, &gate->judge_arena, &gate->verdict);
	return hf_gate_verdict(gate, fault);
}

/* ---- again, once it is known what time it is ---- */

static enum hf_err dates_of(struct hf_gate *gate, struct hf_arena *scratch, struct hf_fault *fault)
{
	struct hf_manifests *again = hf_arena_take(scratch, sizeof(*again));
	const int64_t now = hf_gate_now(gate);
	enum hf_err err;
	char path[512];

	if (!again)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "manifests", "%s", "");
	again->arena = scratch;
	snprintf(path, sizeof(path), "%s/manifests.d", gate->options.etc);
	err = hf_manifests_read(&gate->trust, path, now, again, fault);
	for (size_t i = 0; i < gate->lists->file_count && err == HF_OK; i++)
		err = hf_manifest_load(&gate->trust, gate->lists->files[i].name, gate->list_bytes[i], now,
				       again, fault);
	return err;
}

enum hf_err hf_gate_judge_by_date(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_arena scratch;
	enum hf_err err = hf_arena_make(HF_GATE_SCRATCH_MAX, &scratch);

	if (err != HF_OK)
		return hf_fail(fault, err, "manifests", "%s", "");
	err = dates_of(gate, &scratch, fault);
	hf_arena_drop(&scratch);
	gate->devices = (struct hf_device_trusts){ 0 };	/* certificates of devices have dates too */
	if (err == HF_OK)
		err = hf_gate_trust_devices(gate, fault);
	return err == HF_OK ? judge_boot(gate, fault) : err;
}

static void show_boot_findings(const struct hf_gate *gate)
{
	for (const struct hf_finding *f = gate->verdict.boot; f; f = f->next)
		hf_screen_print(&gate->screen, "  boot  %s%s%.72s\n", hf_err_name(f->cause),
				f->found ? "\n        " : "", f->found ? f->found : "");
}

/* Only a controller's ticket starts the service image: without one it is not looked at. */
static enum hf_err match(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	if (gate->options.step)
		return hf_tenant_exit(&gate->tenant, gate->lists->images, fault);
	err = hf_tenant_match(&gate->tenant, gate->lists->images, fault);
	if (err == HF_OK && hf_tenant_any(&gate->service))
		err = hf_tenant_match(&gate->service, gate->lists->images, fault);
	return err;
}

/* A step of another initramfs starts nothing, and needs no store: that one goes on. But an image list
 * that names the initramfs around us cannot lie in it. */
static enum hf_err read_store(struct hf_gate *gate, struct hf_fault *fault)
{
	char path[HF_CONF_VALUE_MAX + 16];
	enum hf_err err;

	if (gate->options.step && !gate->conf.store[0])
		return HF_OK;
	if (!gate->conf.store[0])
		return hf_fail(fault, HF_ERR_TENANT_MISSING, "holdfast.conf", "%s", "no store line");
	err = wait_for_store(gate, path, sizeof(path), fault);
	return err != HF_OK ? err :
	       hf_store_read(path, &gate->arena, load_list, gate, &gate->tenant,
			     hf_gate_by_controller(gate) ? &gate->service : NULL, fault);
}

enum hf_err hf_gate_start_with(struct hf_gate *gate, struct hf_tenant *tenant, struct hf_fault *fault)
{
	enum hf_err err;

	gate->started = tenant;
	err = hf_gate_fence_lasts(gate, fault);
	return err == HF_OK && hf_gate_live(gate) ? hf_release_prepare(tenant, fault) : err;
}

enum hf_err hf_gate_store(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = read_store(gate, fault);

	if (err == HF_OK)
		err = join_lists(gate, fault);
	if (err == HF_OK)
		err = judge_boot(gate, fault);
	show_boot_findings(gate);
	if (err == HF_OK)
		err = match(gate, fault);
	if (err == HF_OK)
		err = record_store(gate, fault);
	if (err == HF_OK && !hf_gate_by_controller(gate))	/* else his ticket says which */
		err = hf_gate_start_with(gate, &gate->tenant, fault);
	if (err == HF_OK)
		hf_gate_note(gate, "tenant %s (%s), image list signed", gate->tenant.image->name,
			     hf_release_name(gate->tenant.image->kind));
	return err;
}
