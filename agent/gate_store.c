/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stages bind and store: drivers for admitted parts, one at a time; what then appears
 * is measured, recorded and judged too; the tenant's image is read once; then the devices
 * are put on hold again. */
#include "agent/gate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/bind.h"
#include "agent/release.h"
#include "manifests/report.h"

#define ROUNDS_MAX 8		/* drivers that make devices that need drivers ... */
#define APPEAR_MS 10000
#define APPEAR_STEP_MS 10
/* 0-7 firmware, 9 the kernel's stub, 11 and 12 a unified kernel image, 14 shim. */
#define REPLAYED_PCRS HF_QUOTE_PCRS

/* ---- bind ---- */

static enum hf_err remember_bound(struct hf_gate *gate, const struct hf_function *function,
				  const char *driver)
{
	if (gate->bound_count == gate->bound_cap) {
		size_t cap = gate->bound_cap ? 2 * gate->bound_cap : 64;
		struct hf_bind_list *list = hf_arena_take(&gate->arena, cap * sizeof(*list));

		if (!list)
			return HF_ERR_NO_MEMORY;
		if (gate->bound_count)
			memcpy(list, gate->bound, gate->bound_count * sizeof(*list));
		gate->bound = list;
		gate->bound_cap = cap;
	}
	gate->bound[gate->bound_count++] =
		(struct hf_bind_list){ function->address, function->path, driver };
	return HF_OK;
}

static enum hf_err bind_part(struct hf_gate *gate, const struct hf_part *part, const char *driver,
			     struct hf_fault *fault)
{
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		bool bound = false;
		enum hf_err err = hf_driver_bind(&gate->host, driver, &f->address, &bound, fault);

		if (err == HF_OK && bound)
			err = remember_bound(gate, f, driver);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

/* Allow-listed drivers, in the model's order, to admitted parts and nothing else. */
static enum hf_err bind_round(struct hf_gate *gate, struct hf_fault *fault)
{
	for (const struct hf_name_list *d = gate->model->drivers; d; d = d->next) {
		enum hf_err err = hf_module_load(d->name, fault);

		if (err != HF_OK)
			return err;
		for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
			if (p->kind == HF_PART_HOST || hf_part_superseded(p) ||
			    !hf_gate_admitted(gate, p))
				continue;
			err = bind_part(gate, p, d->name, fault);
			if (err != HF_OK)
				return err;
		}
	}
	return HF_OK;
}

static bool has_function(const struct hf_claims *claims, const struct hf_part *part, const char *path)
{
	const struct hf_part *known = hf_claims_find_part(claims, part->path);

	for (const struct hf_function *f = known ? known->functions : NULL; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return true;
	return false;
}

static bool is_new(const struct hf_claims *claims, const struct hf_part *part)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!has_function(claims, part, f->path))
			return true;
	return false;
}

/* Parts that are new, or have new functions, join the claims: a later entry takes the
 * place of an earlier one with the same path. */
static size_t take_new(struct hf_claims *claims, struct hf_claims *fresh)
{
	struct hf_part *next;
	size_t count = 0;

	for (struct hf_part *p = fresh->parts; p; p = next) {
		next = p->next;
		if (!is_new(claims, p))
			continue;
		p->next = NULL;
		*claims->parts_end = p;
		claims->parts_end = &p->next;
		claims->part_count++;
		claims->function_count += p->function_count;
		count++;
	}
	return count;
}

/* Enumerate again; what is new goes through measure, record and appraise. */
static enum hf_err look_for_new(struct hf_gate *gate, size_t *ret_count, struct hf_fault *fault)
{
	const struct hf_read_options options = { .rom_bound = true };
	const size_t mark = gate->arena.len;
	struct hf_claims fresh;
	struct hf_bus bus;
	enum hf_err err = hf_bus_read(&gate->host, &gate->arena, &bus, fault);
	bool any = false;

	*ret_count = 0;
	if (err != HF_OK)
		return err;
	hf_claims_init(&fresh, &gate->arena);
	err = hf_topology(&bus, &fresh);
	for (const struct hf_part *p = fresh.parts; err == HF_OK && p; p = p->next)
		any |= is_new(&gate->claims, p);
	if (err == HF_OK && any)
		err = hf_measure(&gate->host, &bus, &options, &fresh, NULL, NULL);
	if (err != HF_OK)
		return hf_fail(fault, err, gate->host.root, "%s", "after binding");
	if (!any) {
		gate->arena.len = mark;
		return HF_OK;
	}
	*ret_count = take_new(&gate->claims, &fresh);
	err = hf_gate_record(gate, fault);
	if (err != HF_OK)
		return err;
	hf_gate_judge(gate);
	return hf_gate_verdict(gate, fault);
}

static enum hf_err record_bound(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_part *note;
	char key[32], text[HF_PATH_MAX + HF_MODULE_NAME_MAX + 2];

	if (gate->bound_count == 0)
		return HF_OK;
	note = hf_gate_note_part(gate, "bind");
	for (size_t i = 0; i < gate->bound_count; i++) {
		snprintf(key, sizeof(key), "driver-%zu", i + 1);
		snprintf(text, sizeof(text), "%s %s", gate->bound[i].path, gate->bound[i].driver);
		if (hf_gate_note_text(gate, note, key, text) != HF_OK)
			return hf_fail(fault, HF_ERR_LIMIT, "bind", "%zu drivers", gate->bound_count);
	}
	return hf_gate_record_part(gate, note, fault);
}

enum hf_err hf_gate_bind(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	size_t appeared = 1, total = 0;

	if (!hf_gate_live(gate)) {
		hf_gate_note(gate, "nothing: no driver is bound in a rehearsal");
		return HF_OK;
	}
	for (int round = 0; err == HF_OK && appeared > 0; round++) {
		if (round == ROUNDS_MAX)
			return hf_fail(fault, HF_ERR_LIMIT, "bind", "devices keep appearing");
		err = bind_round(gate, fault);
		if (err == HF_OK)
			err = look_for_new(gate, &appeared, fault);
		total += appeared;
	}
	if (err == HF_OK)
		err = record_bound(gate, fault);
	hf_gate_note(gate, "%zu drivers bound, %zu parts appeared", gate->bound_count, total);
	return err;
}

/* ---- store ---- */

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
	const uint64_t until = hf_gate_now_ms() + APPEAR_MS;

	while (!find_store(gate->conf.store, out, cap)) {
		if (!hf_gate_live(gate) || gate->bound_count == 0)
			return hf_fail(fault, HF_ERR_BIND_FAILED, gate->conf.store, "%s",
				       "it is not there and no driver was bound");
		if (hf_gate_now_ms() > until)
			return hf_fail(fault, HF_ERR_BIND_FAILED, gate->conf.store,
				       "it did not appear within %d s", APPEAR_MS / 1000);
		nanosleep(&step, NULL);
	}
	return HF_OK;
}

static enum hf_err load_list(void *self, const char *name, struct hf_span bytes, struct hf_fault *fault)
{
	struct hf_gate *gate = self;

	return hf_manifest_load(&gate->trust, name, bytes, 0, gate->lists, fault);
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

/* Every one is tried, whatever becomes of the others; the first failure comes back. */
enum hf_err hf_gate_unbind(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err first = HF_OK;

	while (gate->bound_count > 0) {
		const struct hf_bind_list *b = &gate->bound[--gate->bound_count];
		struct hf_fault mine = { 0 };
		enum hf_err err = hf_driver_unbind(&gate->host, b->driver, &b->address, &mine);
		enum hf_err master = hf_hold_bus_master(&gate->host, &b->address, false);

		/* Where the kernel refused it at the start too, that is a claim already. */
		if (err == HF_OK && master != HF_OK && gate->hold.bus_master == HF_OK)
			err = hf_fail(&mine, HF_ERR_HOLD_FAILED, b->path, "bus master: %s",
				      hf_err_name(master));
		if (err == HF_OK || first != HF_OK)
			continue;
		first = err;
		*fault = mine;
	}
	return first;
}

static enum hf_err record_store(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_tenant *t = &gate->tenant;
	struct hf_part *note = hf_gate_note_part(gate, "store");
	enum hf_err err = hf_gate_note_text(gate, note, "tenant", t->image->name);
	char key[HF_MKEY_MAX + 1];

	for (size_t i = 0; err == HF_OK && i < gate->lists->file_count; i++) {
		snprintf(key, sizeof(key), "list-%zu", i + 1);
		err = hf_gate_note_digest(gate, note, key, &gate->lists->files[i].sha256, 0);
	}
	if (err == HF_OK && t->root.fd >= 0)
		err = hf_gate_note_digest(gate, note, "root.squashfs", &t->root.sha256, t->root.size);
	if (err == HF_OK && t->kernel.fd >= 0)
		err = hf_gate_note_digest(gate, note, "kernel", &t->kernel.sha256, t->kernel.size);
	if (err == HF_OK && t->initrd.fd >= 0)
		err = hf_gate_note_digest(gate, note, "initrd", &t->initrd.sha256, t->initrd.size);
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
	return hf_gate_verdict(gate, fault);
}

static void show_boot_findings(const struct hf_gate *gate)
{
	for (const struct hf_finding *f = gate->verdict.boot; f; f = f->next)
		hf_screen_print(&gate->screen, "  boot  %s%s%.72s\n", hf_err_name(f->cause),
				f->found ? "\n        " : "", f->found ? f->found : "");
}

enum hf_err hf_gate_store(struct hf_gate *gate, struct hf_fault *fault)
{
	char path[HF_CONF_VALUE_MAX + 16];
	enum hf_err err;

	if (!gate->conf.store[0])
		return hf_fail(fault, HF_ERR_TENANT_MISSING, "holdfast.conf", "%s", "no store line");
	err = wait_for_store(gate, path, sizeof(path), fault);
	if (err == HF_OK)
		err = hf_store_read(path, &gate->arena, load_list, gate, &gate->tenant, fault);
	if (err == HF_OK)
		err = join_lists(gate, fault);
	if (err == HF_OK && hf_gate_live(gate))
		err = hf_gate_unbind(gate, fault);
	if (err == HF_OK)
		err = judge_boot(gate, fault);
	show_boot_findings(gate);
	if (err == HF_OK)
		err = hf_tenant_match(&gate->tenant, gate->lists->images, fault);
	if (err == HF_OK)
		err = record_store(gate, fault);
	if (err == HF_OK && hf_gate_live(gate))
		err = hf_release_prepare(&gate->tenant, fault);
	if (err == HF_OK)
		hf_gate_note(gate, "tenant %s (%s), image list signed", gate->tenant.image->name,
			     gate->tenant.root.fd >= 0 ? "switch-root" : "kexec");
	return err;
}
