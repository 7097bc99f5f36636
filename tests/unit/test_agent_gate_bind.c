/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gate makes of a part that was measured with its driver: recorded, judged, and
 * unbound where it is refused. A plain directory stands for sysfs. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/gate.h"
#include "tests/unit/appraise_fixture.h"

#define FIRMWARE "nvme/firmware"
#define LOG_CAP (1u << 16)

struct world {
	struct fixture *fx;
	struct hf_gate gate;
	struct hf_bus_function functions[8];
	uint8_t log[LOG_CAP];
	char dir[64];
	struct hf_fault fault;
	struct hf_claims measured;
};

static void make_dirs(const struct world *w, const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p %s/%s", w->dir, path);
	assert_int_equal(system(command), 0);
}

static void make_file(const struct world *w, const char *path, const void *bytes, size_t len)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", w->dir, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void read_file(const struct world *w, const char *path, char *out, size_t cap)
{
	char full[256];
	ssize_t n;
	int fd;

	snprintf(full, sizeof(full), "%s/%s", w->dir, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	n = read(fd, out, cap - 1);
	close(fd);
	assert_true(n >= 0);
	out[n] = '\0';
}

/* The drive with driver nvme, bus master on. */
static void make_sysfs(struct world *w, const struct hf_function *f)
{
	const uint8_t config[64] = { 0x36, 0x1b, 0x10, 0, 0x06 };
	char path[128], link[256], address[HF_ADDRESS_TEXT];

	snprintf(w->dir, sizeof(w->dir), "/tmp/holdfast-gate-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	hf_address_format(&f->address, address);
	snprintf(path, sizeof(path), "bus/pci/devices/%s", address);
	make_dirs(w, path);
	make_dirs(w, "bus/pci/drivers/nvme");
	snprintf(path, sizeof(path), "bus/pci/devices/%s/config", address);
	make_file(w, path, config, sizeof(config));
	snprintf(link, sizeof(link), "%s/bus/pci/devices/%s/driver", w->dir, address);
	assert_int_equal(symlink("../../drivers/nvme", link), 0);
	make_file(w, "bus/pci/drivers/nvme/unbind", "", 0);
	w->gate.host.sysfs = open(w->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->gate.host.live = true;
	snprintf(w->gate.host.root, sizeof(w->gate.host.root), "%s", w->dir);
}

static void make_gate(struct world *w)
{
	struct hf_gate *gate = &w->gate;

	assert_int_equal(hf_arena_make(16 << 20, &gate->arena), HF_OK);
	assert_int_equal(hf_arena_make(16 << 20, &gate->judge_arena), HF_OK);
	assert_int_equal(hf_arena_make(16 << 20, &gate->encoded_arena), HF_OK);
	gate->encoded = (struct hf_writer){ .buf = gate->encoded_arena.base,
					    .cap = gate->encoded_arena.cap };
	gate->claims = w->fx->claims;
	gate->model = w->fx->model;
	gate->manifests = w->fx->manifests;
	hf_claims_init(&gate->notes, &gate->arena);
	for (struct hf_part *p = gate->claims.parts; p; p = p->next) {
		gate->recorded = p;
		gate->inventory = p;
		for (const struct hf_function *f = p->functions; f; f = f->next)
			w->functions[gate->bus.count++].address = f->address;
	}
	gate->bus.functions = w->functions;
	assert_int_equal(hf_log_start(&gate->log, w->log, sizeof(w->log), HF_ALG_MASK(HF_ALG_SHA256), 13),
			 HF_OK);
	assert_int_equal(hf_gate_event(gate, HF_TAG_BEGIN, hf_span_text("x"), &w->fault), HF_OK);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct fixture *fx = w->fx = fx_new();
	struct hf_reference *r = fx_take(fx, sizeof(*r));
	const struct hf_function *f = fx->disk->functions;

	*r = (struct hf_reference){ .mkey = FIRMWARE, .text = "2.0" };
	fx->drive->releases->environments->references = r;
	make_gate(w);
	make_sysfs(w, f);
	w->gate.bound = fx_take(fx, sizeof(*w->gate.bound));
	*w->gate.bound = (struct hf_bind_list){ .address = f->address, .path = f->path, .driver = "nvme",
						.part = fx->disk->path, .how = "iommu DMA", .on = true };
	w->gate.bound_count = w->gate.bound_cap = 1;
	w->functions[w->gate.bus.count - 1].driver = "nvme";
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];
	int rc;

	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	rc = system(command);
	close(w->gate.host.sysfs);
	hf_arena_drop(&w->gate.encoded_arena);
	hf_arena_drop(&w->gate.judge_arena);
	hf_arena_drop(&w->gate.arena);
	fx_free(w->fx);
	free(w);
	return rc;
}

/* What the driver's reader says of the drive. */
static enum hf_err take(struct world *w, const char *version)
{
	struct hf_gate *gate = &w->gate;
	struct hf_measurement *m;
	enum hf_err err = hf_gate_read_bound(gate, w->fx->disk->path, &w->measured, &w->fault);
	struct hf_part *part = w->measured.parts;

	assert_int_equal(err, HF_OK);
	assert_non_null(part);
	assert_null(part->next);
	part->functions->measurements = NULL;	/* whatever readers made of the plain directory */
	part->functions->measurements_end = &part->functions->measurements;
	m = hf_claims_add_measurement(&w->measured, part, part->functions, FIRMWARE, HF_METHOD_VERSION, 0);
	assert_int_equal(hf_measurement_set_text(&w->measured, m, version), HF_OK);
	memset(&w->fault, 0, sizeof(w->fault));
	return hf_gate_take_bound(gate, part, &w->fault);
}

static void unbound(const struct world *w, bool yes)
{
	char text[64], address[HF_ADDRESS_TEXT], path[128];

	hf_address_format(&w->fx->disk->functions->address, address);
	read_file(w, "bus/pci/drivers/nvme/unbind", text, sizeof(text));
	assert_string_equal(text, yes ? address : "");
	snprintf(path, sizeof(path), "bus/pci/devices/%s/config", address);
	read_file(w, path, text, sizeof(text));
	assert_int_equal(text[4], yes ? 0x02 : 0x06);
	assert_int_equal(w->gate.bound[0].on, !yes);
}

static void accepted_and_goes_on(void **state)
{
	struct world *w = *state;

	assert_int_equal(take(w, "2.0"), HF_OK);
	assert_int_equal(w->gate.encoded_count, 1);
	assert_ptr_equal(hf_claims_find_part(&w->gate.claims, w->fx->disk->path), w->gate.recorded);
	assert_int_equal(w->gate.verdict.status, HF_STATUS_ACCEPTED);
	unbound(w, false);
}

static void refused_is_recorded_and_unbound(void **state)
{
	struct world *w = *state;

	assert_int_equal(take(w, "9.9"), HF_ERR_FIRMWARE_UNKNOWN);
	assert_string_equal(w->fault.where, w->fx->disk->path);
	assert_int_equal(w->gate.encoded_count, 1);
	assert_true(w->gate.bound[0].refused);
	unbound(w, true);
}

static void refused_in_audit_mode_goes_on(void **state)
{
	struct world *w = *state;

	w->fx->model->mode = HF_MODE_AUDIT;
	assert_int_equal(take(w, "9.9"), HF_OK);
	assert_true(w->gate.would_hold);
	assert_true(hf_gate_admitted(&w->gate, w->fx->disk));
	assert_false(w->gate.bound[0].refused);
	unbound(w, false);
}

/* The verdict accepts every part; the reader of the log must not take the host for a good one. */
static void end_says_what_audit_mode_passed_over(void **state)
{
	struct world *w = *state;
	const char *cause = hf_err_name(HF_ERR_BIND_NOT_ISOLATED);

	w->fx->model->mode = HF_MODE_AUDIT;
	assert_int_equal(take(w, "2.0"), HF_OK);
	assert_int_equal(w->gate.verdict.cause, HF_OK);
	w->gate.would_hold = true;
	w->gate.would_hold_cause = HF_ERR_BIND_NOT_ISOLATED;
	assert_int_equal(hf_gate_end_and_quote(&w->gate, HF_OK, &w->fault), HF_OK);
	assert_non_null(memmem(w->log, w->gate.log.out.len, cause, strlen(cause)));
}

static void refused_under_a_rule_that_fences_is_held(void **state)
{
	struct world *w = *state;

	w->fx->disk_rule->action = HF_ACTION_FENCE;
	w->gate.fence_done = true;
	assert_int_equal(take(w, "9.9"), HF_ERR_FENCE_IMPOSSIBLE);
	unbound(w, true);
}

/* No module is loaded where the kernel would bind its driver by itself. */
static void no_driver_where_the_kernel_probes(void **state)
{
	struct world *w = *state;
	struct hf_name_list nvme = { .name = "nvme" };

	w->fx->model->drivers = &nvme;
	w->gate.options.pid1 = w->gate.host_open = true;
	w->gate.hold.autoprobe = HF_ERR_KERNEL_REFUSED;
	assert_int_equal(hf_gate_bind(&w->gate, &w->fault), HF_ERR_HOLD_FAILED);
	assert_string_equal(w->fault.where, "drivers_autoprobe");
	assert_false(w->gate.drivers_done);
}

/* What has no event is not judged. */
static void no_room_in_the_log(void **state)
{
	struct world *w = *state;

	w->gate.log.out.cap = w->gate.log.out.len;
	assert_int_not_equal(take(w, "2.0"), HF_OK);
	assert_false(w->gate.judged);
	assert_int_equal(w->gate.encoded_count, 0);
}

static void only_drivers_readers_run(void **state)
{
	struct world *w = *state;
	struct hf_part *part;

	assert_int_equal(hf_gate_read_bound(&w->gate, NULL, &w->measured, &w->fault), HF_OK);
	part = w->measured.parts;
	assert_string_equal(part->path, w->fx->disk->path);
	assert_string_equal(part->functions->driver, "nvme");
	assert_null(hf_measurement_find(part->functions->measurements, "config"));
	assert_null(hf_measurement_find(part->functions->measurements, "firmware"));
	w->gate.bound[0].on = false;
	assert_int_equal(hf_gate_read_bound(&w->gate, NULL, &w->measured, &w->fault), HF_OK);
	assert_null(w->measured.parts);
	w->gate.bound[0].on = true;
	assert_int_equal(hf_gate_read_bound(&w->gate, w->fx->card->path, &w->measured, &w->fault), HF_OK);
	assert_null(w->measured.parts);
}

static void unbinding_one_part_or_all(void **state)
{
	struct world *w = *state;

	assert_int_equal(hf_gate_unbind(&w->gate, w->fx->card->path, &w->fault), HF_OK);
	unbound(w, false);
	assert_int_equal(hf_gate_unbind(&w->gate, NULL, &w->fault), HF_OK);
	unbound(w, true);
	assert_null(w->functions[w->gate.bus.count - 1].driver);
	assert_true(w->gate.all_unbound);
}

static void unbinding_that_fails_is_said(void **state)
{
	struct world *w = *state;

	make_dirs(w, "bus/pci/drivers/other");
	w->gate.bound[0].driver = "other";
	assert_int_equal(hf_gate_unbind(&w->gate, NULL, &w->fault), HF_ERR_BIND_FAILED);
	/* the bus master is off all the same */
	w->gate.bound[0].driver = "nvme";
	w->gate.bound[0].on = true;
	assert_int_equal(hf_gate_unbind(&w->gate, NULL, &w->fault), HF_OK);
	unbound(w, true);
}

/* A rehearsal binds nothing: what only a driver can measure is missing in the end. */
static void what_no_driver_measured_is_missing(void **state)
{
	struct world *w = *state;

	hf_gate_judge(&w->gate);
	assert_int_equal(hf_gate_verdict(&w->gate, &w->fault), HF_OK);
	assert_int_equal(hf_gate_bind(&w->gate, &w->fault), HF_ERR_MEASUREMENT_MISSING);
	assert_true(w->gate.drivers_done);
}

static void what_appeared_behind_a_driver_goes_with_it(void **state)
{
	struct world *w = *state;
	struct hf_part *late = hf_claims_add_part(&w->gate.claims, HF_PART_CARD, "pci10000:00/00.0");
	struct hf_claims view;

	assert_non_null(late);
	assert_int_equal(hf_gate_parts_view(&w->gate, &w->gate.arena, &view), HF_OK);
	assert_int_equal(view.part_count, 4);
	assert_int_equal(hf_gate_unbind(&w->gate, NULL, &w->fault), HF_OK);
	assert_int_equal(hf_gate_parts_view(&w->gate, &w->gate.arena, &view), HF_OK);
	assert_int_equal(view.part_count, 3);
	assert_null(hf_claims_find_part(&view, late->path));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(accepted_and_goes_on), T(refused_is_recorded_and_unbound),
		T(refused_in_audit_mode_goes_on), T(end_says_what_audit_mode_passed_over),
		T(refused_under_a_rule_that_fences_is_held),
		T(no_driver_where_the_kernel_probes), T(no_room_in_the_log), T(only_drivers_readers_run), T(unbinding_one_part_or_all),
		T(unbinding_that_fails_is_said), T(what_no_driver_measured_is_missing),
		T(what_appeared_behind_a_driver_goes_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
