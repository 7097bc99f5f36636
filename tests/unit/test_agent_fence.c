/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fencing: which port, on made-up buses; and the act, on plain files that stand for
 * configuration space, with a thread in the kernel's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/gate.h"

#define MAX 32
#define CAP 0x40
#define LINK_CONTROL (CAP + 0x10)
#define LINK_STATUS (CAP + 0x12)
#define SLOT_CONTROL (CAP + 0x18)
#define CARD "pci0000:00/01.0/00"

struct fixture {
	struct hf_bus_function functions[MAX];
	uint8_t configs[MAX][256];
	struct hf_bus bus;
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_fault fault;
	struct hf_fence_port port;
	struct hf_host host;
	char dir[64];
	bool comes_back;	/* when the "kernel" looks again */
};

static uint8_t *add(struct fixture *f, uint8_t bus, uint8_t device, uint8_t function)
{
	uint8_t *c = f->configs[f->bus.count];

	c[0] = 0x86;
	c[1] = 0x80;
	f->functions[f->bus.count++] = (struct hf_bus_function){
		.address = { 0, bus, device, function }, .config = { c, 256 } };
	return c;
}

/* type -1: a conventional bridge. Slot with power controller and hot-plug; link reporting. */
static uint8_t *add_port(struct fixture *f, uint8_t bus, uint8_t device, uint8_t secondary,
			 uint8_t subordinate, int type)
{
	uint8_t *c = add(f, bus, device, 0);

	c[0x0e] = 1;
	c[0x18] = bus;
	c[0x19] = secondary;
	c[0x1a] = subordinate;
	if (type < 0)
		return c;
	c[0x06] = 0x10;
	c[0x34] = CAP;
	c[CAP] = 0x10;
	c[CAP + 2] = (uint8_t)(2 | type << 4);
	c[CAP + 3] = 1;
	c[CAP + 0x0e] = 0x10;
	c[CAP + 0x14] = 0x42;
	return c;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->bus.functions = f->functions;
	f->host.sysfs = -1;
	memset(&f->fault, 0xaa, sizeof(f->fault));
	memset(&f->port, 0xaa, sizeof(f->port));
	assert_int_equal(hf_arena_make(1 << 20, &f->arena), HF_OK);
	hf_claims_init(&f->claims, &f->arena);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];
	int rc = 0;

	if (f->dir[0]) {
		close(f->host.sysfs);
		snprintf(command, sizeof(command), "rm -r %s", f->dir);
		rc = system(command);
	}
	hf_arena_drop(&f->arena);
	free(f);
	return rc;
}

static struct hf_part *find(struct fixture *f, const char *path)
{
	struct hf_part *part;

	if (!f->claims.part_count)
		assert_int_equal(hf_topology(&f->bus, &f->claims), HF_OK);
	part = hf_claims_find_part(&f->claims, path);
	assert_non_null(part);
	return part;
}

static void refused(struct fixture *f, const char *path, const char *words)
{
	const struct hf_fence_port before = f->port;

	assert_int_equal(hf_fence_find_port(&f->bus, find(f, path), &f->port, &f->fault),
			 HF_ERR_FENCE_IMPOSSIBLE);
	assert_int_equal(f->fault.err, HF_ERR_FENCE_IMPOSSIBLE);
	assert_string_equal(f->fault.where, path);
	if (!strstr(f->fault.detail, words))
		fail_msg("\"%s\" lacks \"%s\"", f->fault.detail, words);
	assert_memory_equal(&before, &f->port, sizeof(before));
}

/* ---- which port ---- */

static void card_below_a_root_port(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 1, 4);
	add(f, 1, 0, 0);
	add(f, 1, 0, 1);
	assert_int_equal(hf_fence_find_port(&f->bus, find(f, CARD), &f->port, &f->fault), HF_OK);
	assert_int_equal(f->port.address.bus, 0);
	assert_int_equal(f->port.address.device, 1);
	assert_int_equal(f->port.bus, 1);
	assert_int_equal(f->port.capability, CAP);
	assert_true(f->port.link_reporting && f->port.power && f->port.hot_plug);
	refused(f, "board", "board");
}

static void a_slot_without_anything(void **state)
{
	struct fixture *f = *state;
	uint8_t *c = add_port(f, 0, 1, 1, 1, 4);

	c[CAP + 3] = 0;		/* no slot: its registers mean nothing */
	c[CAP + 0x0e] = 0;
	add(f, 1, 0, 0);
	assert_int_equal(hf_fence_find_port(&f->bus, find(f, CARD), &f->port, &f->fault), HF_OK);
	assert_false(f->port.link_reporting || f->port.power || f->port.hot_plug);
}

/* A card that carries a switch goes as a whole, by the root port. */
static void card_with_a_switch(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 4, 4);
	add_port(f, 1, 0, 2, 4, 5);
	add_port(f, 2, 0, 3, 3, 6)[CAP + 3] = 0;
	add_port(f, 2, 1, 4, 4, 6)[CAP + 3] = 0;
	add(f, 3, 0, 0);
	add(f, 4, 0, 0);
	assert_int_equal(hf_fence_find_port(&f->bus, find(f, CARD), &f->port, &f->fault), HF_OK);
	assert_int_equal(f->port.address.bus, 0);
	assert_int_equal(f->port.bus, 1);
}

static void drive_in_a_slot_of_a_switch(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 4, 4);
	add_port(f, 1, 0, 2, 4, 5);
	add_port(f, 2, 0, 3, 3, 6);
	add_port(f, 2, 1, 4, 4, 6);
	add(f, 3, 0, 0);
	add(f, 4, 0, 0);
	assert_int_equal(hf_fence_find_port(&f->bus, find(f, CARD ".0/01.0/00"),
					    &f->port, &f->fault), HF_OK);
	assert_int_equal(f->port.address.bus, 2);
	assert_int_equal(f->port.address.device, 1);
	/* the switch itself carries both drives */
	refused(f, CARD, "share");
}

static void no_port_of_its_own(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 3, 0);		/* integrated: the board's */
	add_port(f, 0, 5, 6, 6, -1);	/* a conventional bridge with two cards */
	add_port(f, 0, 6, 7, 7, 7);	/* PCIe to PCI bridge: no downstream port */
	add(f, 6, 1, 0);
	add(f, 6, 2, 0);
	add(f, 7, 1, 0);
	refused(f, "pci0000:00/05.0/01", "no PCIe port");
	refused(f, "pci0000:00/06.0/01", "no PCIe port");
	refused(f, "board", "board");
}

static void a_foreign_function_below_the_port(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part;

	add_port(f, 0, 1, 1, 3, 4);
	add(f, 1, 0, 0);
	part = find(f, CARD);
	add(f, 2, 0, 0);	/* within the port's range, of no known part */
	assert_int_equal(hf_fence_find_port(&f->bus, part, &f->port, &f->fault),
			 HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "share"));
}

static void two_bridges_claim_the_bus(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part;

	add_port(f, 0, 1, 1, 1, 4);
	add(f, 1, 0, 0);
	part = find(f, CARD);
	add_port(f, 0, 2, 1, 1, 4);
	assert_int_equal(hf_fence_find_port(&f->bus, part, &f->port, &f->fault),
			 HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "two bridges"));
}

static void registers_cut_off(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 1, 4);
	add(f, 1, 0, 0);
	find(f, CARD);
	f->functions[0].config.len = SLOT_CONTROL + 1;
	refused(f, CARD, "registers");
}

/* ---- the act ---- */

static void make(const struct fixture *f, const char *path, const void *bytes, size_t len)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void make_dir(const struct fixture *f, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

/* One card below one root port; its config file already reads silent or not. */
static struct hf_part *live(struct fixture *f, bool silent)
{
	uint8_t ones[256];

	add_port(f, 0, 1, 1, 1, 4);
	add(f, 1, 0, 0);
	assert_int_equal(hf_fence_find_port(&f->bus, find(f, CARD), &f->port, &f->fault), HF_OK);
	snprintf(f->dir, sizeof(f->dir), "/tmp/holdfast-fence-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	make_dir(f, "bus");
	make_dir(f, "bus/pci");
	make_dir(f, "bus/pci/devices");
	make_dir(f, "bus/pci/devices/0000:00:01.0");
	make_dir(f, "bus/pci/devices/0000:01:00.0");
	memset(ones, 0xff, sizeof(ones));
	make(f, "bus/pci/devices/0000:00:01.0/config", f->configs[0], 256);
	make(f, "bus/pci/devices/0000:01:00.0/config", silent ? ones : f->configs[1], 256);
	make(f, "bus/pci/rescan", "", 0);
	f->host.sysfs = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->host.live = true;
	return find(f, CARD);
}

static uint16_t port_register(const struct fixture *f, off_t offset)
{
	char full[256];
	uint8_t b[2];
	int fd;

	snprintf(full, sizeof(full), "%s/bus/pci/devices/0000:00:01.0/config", f->dir);
	fd = open(full, O_RDONLY);
	assert_int_equal(pread(fd, b, 2, offset), 2);
	close(fd);
	return (uint16_t)(b[0] | b[1] << 8);
}

#define DEVICE "/bus/pci/devices/0000:01:00.0"

/* A pipe's writer waits until there is a reader: so "remove" and "rescan" return when the
 * kernel is done, as they do in sysfs. The pause lets the writer get there first. */
static bool serve(const char *from, const char *to, const char *pipe)
{
	char byte;
	int fd;

	usleep(300000);
	if (rename(from, to))
		return false;
	fd = open(pipe, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &byte, 1) != 1)
		return false;
	close(fd);
	return true;
}

static void *kernel(void *self)
{
	const struct fixture *f = self;
	char device[128], gone[128], remove[144], rescan[128];

	snprintf(device, sizeof(device), "%s" DEVICE, f->dir);
	snprintf(gone, sizeof(gone), "%s/gone", f->dir);
	snprintf(remove, sizeof(remove), "%s/gone/remove", f->dir);
	snprintf(rescan, sizeof(rescan), "%s/bus/pci/rescan", f->dir);
	while (!(port_register(f, LINK_CONTROL) & 0x10))
		usleep(1000);
	if (!serve(device, gone, remove))
		return self;
	return f->comes_back && !serve(gone, device, rescan) ? self : NULL;
}

static void make_pipe(const struct fixture *f, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	unlink(full);
	assert_int_equal(mkfifo(full, 0600), 0);
}

static enum hf_err fence(struct fixture *f, struct hf_part *part, enum hf_fence_method *ret)
{
	return hf_fence_part(&f->host, part, &f->port, ret, &f->fault);
}

static enum hf_err fence_with_kernel(struct fixture *f, bool comes_back, enum hf_fence_method *ret)
{
	struct hf_part *part = live(f, true);
	pthread_t thread;
	void *bad = f;

	f->comes_back = comes_back;
	make_pipe(f, "bus/pci/devices/0000:01:00.0/remove");
	if (comes_back)
		make_pipe(f, "bus/pci/rescan");
	assert_int_equal(pthread_create(&thread, NULL, kernel, f), 0);
	enum hf_err err = fence(f, part, ret);

	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	return err;
}

static void isolated_and_gone(void **state)
{
	struct fixture *f = *state;
	enum hf_fence_method method = HF_FENCE_NONE;

	assert_int_equal(fence_with_kernel(f, false, &method), HF_OK);
	assert_int_equal(method, HF_FENCE_LINK);
	assert_int_equal(port_register(f, LINK_CONTROL), 0x10);
	assert_int_equal(port_register(f, SLOT_CONTROL), 0);	/* Link Disable was enough */
}

static void comes_back_when_the_kernel_looks(void **state)
{
	struct fixture *f = *state;
	enum hf_fence_method method = HF_FENCE_NONE;

	assert_int_equal(fence_with_kernel(f, true, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "came back"));
	assert_int_equal(method, HF_FENCE_NONE);
}

static void the_kernel_does_not_let_go(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = live(f, true);
	enum hf_fence_method method = HF_FENCE_NONE;

	make(f, "bus/pci/devices/0000:01:00.0/remove", "", 0);
	assert_int_equal(fence(f, part, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "let go"));
	assert_int_equal(method, HF_FENCE_NONE);
}

static void still_answers(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = live(f, false);
	enum hf_fence_method method = HF_FENCE_NONE;

	assert_int_equal(fence(f, part, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "still answers"));
	assert_int_equal(method, HF_FENCE_NONE);
	assert_int_equal(port_register(f, LINK_CONTROL), 0x10);		/* both were tried */
	assert_int_equal(port_register(f, SLOT_CONTROL), 0x700);
}

/* All ones from the function alone is what a device in a bad state gives, too. */
static void silent_but_the_link_is_up(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = live(f, true);
	enum hf_fence_method method = HF_FENCE_NONE;

	f->configs[0][LINK_STATUS + 1] = 0x20;
	make(f, "bus/pci/devices/0000:00:01.0/config", f->configs[0], 256);
	assert_int_equal(fence(f, part, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "still answers"));
	assert_int_equal(method, HF_FENCE_NONE);
}

static void power_is_left_alone_where_there_is_no_controller(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = live(f, false);
	enum hf_fence_method method = HF_FENCE_NONE;

	f->port.power = false;
	assert_int_equal(fence(f, part, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_int_equal(port_register(f, SLOT_CONTROL), 0);
}

static void captured_tree_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = live(f, true);
	enum hf_fence_method method = HF_FENCE_NONE;

	f->host.live = false;
	assert_int_equal(fence(f, part, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "captured tree"));
	assert_int_equal(port_register(f, LINK_CONTROL), 0);
	assert_int_equal(port_register(f, SLOT_CONTROL), 0);
}

static void port_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = live(f, true);
	enum hf_fence_method method = HF_FENCE_NONE;

	f->port.address.device = 9;
	assert_int_equal(fence(f, part, &method), HF_ERR_FENCE_IMPOSSIBLE);
	assert_non_null(strstr(f->fault.detail, "cannot be opened"));
}

/* ---- what the gate expects afterwards ---- */

/* The isolated part must be gone, the others must not: anything else is a difference. */
static void gone_is_as_it_should_be(void **state)
{
	struct fixture *f = *state;
	struct hf_gate *gate = calloc(1, sizeof(*gate));
	struct hf_gate_fence done = { .path = CARD, .method = HF_FENCE_LINK };
	struct hf_claims before, without;
	const char *path = NULL;

	add_port(f, 0, 1, 1, 1, 4);
	add_port(f, 0, 2, 2, 2, 4);
	add(f, 2, 0, 0);
	hf_claims_init(&without, &f->arena);
	assert_int_equal(hf_topology(&f->bus, &without), HF_OK);
	f->bus.count = 2;
	add(f, 1, 0, 0);
	add(f, 2, 0, 0);
	find(f, CARD);
	gate->claims = f->claims;

	/* not isolated: it must be there */
	assert_int_equal(hf_gate_parts_view(gate, &f->arena, &before), HF_OK);
	assert_string_equal(hf_gate_look(&before, &without, &path), "gone");
	assert_null(hf_gate_look(&before, &f->claims, &path));
	/* isolated: it must not */
	gate->fences = &done;
	assert_int_equal(hf_gate_parts_view(gate, &f->arena, &before), HF_OK);
	assert_null(hf_gate_look(&before, &without, &path));
	assert_string_equal(hf_gate_look(&before, &f->claims, &path), "appeared");
	assert_string_equal(path, CARD ".0");
	/* an attempt that failed excuses nothing */
	done.method = HF_FENCE_NONE;
	assert_int_equal(hf_gate_parts_view(gate, &f->arena, &before), HF_OK);
	assert_string_equal(hf_gate_look(&before, &without, &path), "gone");
	free(gate);
}

/* Whether the kernel that the tenant gets would switch the slot on again. */
static void a_fence_must_outlive_the_release(void **state)
{
	static const struct { enum hf_tenant_kind kind; const char *line; bool hot_plug, done, ok; } cases[] = {
		{ HF_TENANT_KEXEC, "quiet", true, true, false },
		{ HF_TENANT_KEXEC, "quiet pcie_ports=compat", true, true, true },
		{ HF_TENANT_KEXEC, "pcie_ports=compat quiet", true, true, true },
		{ HF_TENANT_KEXEC, "pcie_ports=compatible", true, true, false },
		{ HF_TENANT_KEXEC, "xpcie_ports=compat", true, true, false },
		{ HF_TENANT_KEXEC, "pcie_ports=native", true, true, false },
		{ HF_TENANT_KEXEC, "quiet", false, true, true },
		{ HF_TENANT_KEXEC, "quiet", true, false, true },
		{ HF_TENANT_ROOT, "pcie_ports=compat", true, true, false },	/* ours counts: none */
		{ HF_TENANT_ROOT, NULL, false, true, true },
	};
	struct fixture *f = *state;
	struct hf_gate *gate = calloc(1, sizeof(*gate));

	gate->host_part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	assert_int_equal(hf_gate_fence_lasts(gate, &f->fault), HF_OK);	/* no tenant yet */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hf_image image = { .kind = cases[i].kind, .command_line_text = cases[i].line };
		struct hf_gate_fence fence = { .path = CARD, .port.hot_plug = cases[i].hot_plug,
			.method = cases[i].done ? HF_FENCE_POWER : HF_FENCE_NONE };

		gate->tenant.image = &image;
		gate->started = &gate->tenant;
		gate->fences = &fence;
		assert_int_equal(hf_gate_fence_lasts(gate, &f->fault),
				 cases[i].ok ? HF_OK : HF_ERR_FENCE_IMPOSSIBLE);
	}
	struct hf_measurement *m = hf_claims_add_measurement(&f->claims, gate->host_part, NULL,
							     "command-line", HF_METHOD_IDENTITY, 0);
	struct hf_image root = { .kind = HF_TENANT_ROOT };
	struct hf_gate_fence fence = { .path = CARD, .port.hot_plug = true, .method = HF_FENCE_LINK };

	assert_int_equal(hf_measurement_set_text(&f->claims, m, "panic=0 pcie_ports=compat"), HF_OK);
	gate->tenant.image = &root;
	gate->fences = &fence;
	assert_int_equal(hf_gate_fence_lasts(gate, &f->fault), HF_OK);
	free(gate);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(card_below_a_root_port), WITH(a_slot_without_anything),
		WITH(card_with_a_switch), WITH(drive_in_a_slot_of_a_switch),
		WITH(no_port_of_its_own), WITH(a_foreign_function_below_the_port),
		WITH(two_bridges_claim_the_bus), WITH(registers_cut_off),
		WITH(isolated_and_gone), WITH(comes_back_when_the_kernel_looks),
		WITH(the_kernel_does_not_let_go), WITH(still_answers), WITH(silent_but_the_link_is_up),
		WITH(power_is_left_alone_where_there_is_no_controller),
		WITH(gone_is_as_it_should_be),
		WITH(a_fence_must_outlive_the_release), WITH(captured_tree_is_not_written_to), WITH(port_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
