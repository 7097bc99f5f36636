/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What isolates a device: IOMMU groups and ports with ACS, on made-up buses; and the
 * kernel's side of both, on a plain directory that stands for sysfs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcie/isolation.h"

#define MAX 32
#define SIZE 4096
#define CAP 0x40
#define ACS 0x100
#define CARD "pci0000:00/01.0/00"
#define ROOT 4
#define UPSTREAM 5
#define DOWNSTREAM 6

struct fixture {
	struct hf_bus_function functions[MAX];
	struct hf_iommu_group groups[MAX];
	uint8_t configs[MAX][SIZE];
	struct hf_bus bus;
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_isolation found;
	const struct hf_function *refused;	/* not admitted */
	char dir[64];
};

/* In a translating group of its own. */
static uint8_t *add(struct fixture *f, uint8_t bus, uint8_t device, uint8_t function)
{
	size_t n = f->bus.count++;
	uint8_t *c = f->configs[n];

	c[0] = 0x86;
	c[1] = 0x80;
	f->functions[n] = (struct hf_bus_function){ .address = { 0, bus, device, function },
						    .config = { c, SIZE } };
	f->groups[n] = (struct hf_iommu_group){ true, true, (uint32_t)n + 10, "DMA" };
	return c;
}

static uint8_t *add_port(struct fixture *f, uint8_t bus, uint8_t device, uint8_t secondary,
			 uint8_t subordinate, int type)
{
	uint8_t *c = add(f, bus, device, 0);

	c[0x0e] = 1;
	c[0x18] = bus;
	c[0x19] = secondary;
	c[0x1a] = subordinate;
	c[0x06] = 0x10;
	c[0x34] = CAP;
	c[CAP] = 0x10;
	c[CAP + 2] = (uint8_t)(2 | type << 4);
	c[CAP + 3] = 1;
	return c;
}

static void set_acs(uint8_t *c, uint16_t capability, uint16_t control)
{
	static const uint8_t header[4] = { 0x0d, 0, 1, 0 };

	memcpy(c + ACS, header, 4);
	c[ACS + 4] = (uint8_t)capability;
	c[ACS + 5] = (uint8_t)(capability >> 8);
	c[ACS + 6] = (uint8_t)control;
	c[ACS + 7] = (uint8_t)(control >> 8);
}

static void no_iommu(struct fixture *f)
{
	memset(f->groups, 0, sizeof(f->groups));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->bus.functions = f->functions;
	memset(&f->found, 0xaa, sizeof(f->found));
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
		snprintf(command, sizeof(command), "rm -r %s", f->dir);
		rc = system(command);
	}
	hf_arena_drop(&f->arena);
	free(f);
	return rc;
}

static const struct hf_part *find(struct fixture *f, const char *path)
{
	const struct hf_part *part;

	if (!f->claims.part_count)
		assert_int_equal(hf_topology(&f->bus, &f->claims), HF_OK);
	part = hf_claims_find_part(&f->claims, path);
	assert_non_null(part);
	return part;
}

static bool admitted(const void *self, const struct hf_address *address)
{
	const struct fixture *f = self;

	return !f->refused || !hf_address_equal(&f->refused->address, address);
}

static enum hf_isolation_method look(struct fixture *f, const char *path)
{
	const struct hf_isolation_view view = { &f->bus, f->groups, admitted, f };
	const struct hf_part *part = find(f, path);

	hf_isolation_find(&view, part, part->functions, &f->found);
	return f->found.method;
}

static void says(const char *text, const char *words)
{
	assert_non_null(text);
	if (!strstr(text, words))
		fail_msg("\"%s\" lacks \"%s\"", text, words);
}

/* Root port (function 0 of the fixture) and a card with two functions (1 and 2). */
static uint8_t *simple(struct fixture *f)
{
	uint8_t *port = add_port(f, 0, 1, 1, 1, ROOT);

	add(f, 1, 0, 0);
	add(f, 1, 0, 1);
	return port;
}

/* ---- IOMMU ---- */

static void a_translating_group(void **state)
{
	struct fixture *f = *state;

	simple(f);
	assert_int_equal(look(f, CARD), HF_ISOLATION_IOMMU);
	assert_string_equal(f->found.type, "DMA");
	assert_null(f->found.no_iommu);
}

static void a_group_that_passes_everything_through(void **state)
{
	struct fixture *f = *state;

	simple(f);
	f->groups[1].translates = false;
	snprintf(f->groups[1].type, sizeof(f->groups[1].type), "identity");
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	says(f->found.no_iommu, "does not translate");
	says(f->found.no_port, "no ACS");
}

/* The whole card counts: its other function is under the same roof. */
static void another_function_without_a_group(void **state)
{
	struct fixture *f = *state;

	simple(f);
	f->groups[2].known = false;
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	says(f->found.no_iommu, "no IOMMU group");
}

static void functions_of_one_card_share_a_group(void **state)
{
	struct fixture *f = *state;

	simple(f);
	f->groups[2].number = f->groups[1].number;
	assert_int_equal(look(f, CARD), HF_ISOLATION_IOMMU);
}

static void the_port_above_may_be_in_the_group(void **state)
{
	struct fixture *f = *state;

	simple(f);
	f->groups[0].number = f->groups[1].number;
	assert_int_equal(look(f, CARD), HF_ISOLATION_IOMMU);
}

static void another_part_in_the_group(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 1, ROOT);
	add_port(f, 0, 2, 2, 2, ROOT);
	add(f, 1, 0, 0);
	add(f, 2, 0, 0);
	f->groups[3].number = f->groups[2].number;
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	says(f->found.no_iommu, "another part");
}

/* A bridge in the group that is not above the card is another part's way to it. */
static void a_strange_port_in_the_group(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 1, ROOT);
	add_port(f, 0, 2, 2, 2, ROOT);
	add(f, 1, 0, 0);
	f->groups[1].number = f->groups[2].number;
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	says(f->found.no_iommu, "another part");
}

static void an_integrated_endpoint_needs_an_iommu(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 0x1f, 0);
	add(f, 0, 0x1f, 2);
	f->groups[1].number = f->groups[0].number;
	assert_int_equal(look(f, "board"), HF_ISOLATION_IOMMU);
	/* of the board, only the function that is asked about counts */
	f->groups[1].known = false;
	assert_int_equal(look(f, "board"), HF_ISOLATION_IOMMU);
	f->groups[0].known = false;
	assert_int_equal(look(f, "board"), HF_ISOLATION_NONE);
	says(f->found.no_port, "board");
}

/* ---- port ---- */

static void alone_below_a_port_with_acs(void **state)
{
	struct fixture *f = *state;

	set_acs(simple(f), 0x5f, 0);
	no_iommu(f);
	assert_int_equal(look(f, CARD), HF_ISOLATION_PORT_ACS);
	assert_int_equal(f->found.port.device, 1);
	assert_int_equal(f->found.control, ACS + 6);
	assert_false(f->found.enabled);
	assert_null(f->found.type);
}

static void acs_that_is_on_already(void **state)
{
	struct fixture *f = *state;
	uint8_t *port = simple(f);

	no_iommu(f);
	set_acs(port, 0x1d, 0x1d);
	assert_int_equal(look(f, CARD), HF_ISOLATION_PORT_ACS);
	assert_true(f->found.enabled);
	set_acs(port, 0x1d, 0x19);	/* all but Request Redirect */
	assert_int_equal(look(f, CARD), HF_ISOLATION_PORT_ACS);
	assert_false(f->found.enabled);
}

/* Each of the four is needed. */
static void acs_that_lacks_a_part(void **state)
{
	static const uint16_t needed[] = { 0x01, 0x04, 0x08, 0x10 };
	struct fixture *f = *state;
	uint8_t *port = simple(f);

	no_iommu(f);
	for (size_t i = 0; i < 4; i++) {
		set_acs(port, (uint16_t)(0x7f & ~needed[i]), 0x7f);
		assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
		says(f->found.no_port, "part of ACS");
	}
	says(f->found.no_iommu, "no IOMMU group");
}

static void acs_at_the_end_of_what_can_be_read(void **state)
{
	struct fixture *f = *state;

	set_acs(simple(f), 0x1d, 0);
	no_iommu(f);
	f->functions[0].config.len = ACS + 7;
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	f->functions[0].config.len = 256;
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	says(f->found.no_port, "no ACS");
}

static void a_port_that_others_share(void **state)
{
	struct fixture *f = *state;

	/* a switch of three parts: its own, and a drive in each slot */
	set_acs(add_port(f, 0, 1, 1, 4, ROOT), 0x1d, 0x1d);
	add_port(f, 1, 0, 2, 4, UPSTREAM);
	add_port(f, 2, 0, 3, 3, DOWNSTREAM);
	add_port(f, 2, 1, 4, 4, DOWNSTREAM);
	add(f, 3, 0, 0);
	add(f, 4, 0, 0);
	no_iommu(f);
	assert_int_equal(look(f, CARD), HF_ISOLATION_NONE);
	says(f->found.no_port, "share");
	/* the drives' own ports have no ACS */
	assert_int_equal(look(f, CARD ".0/00.0/00"), HF_ISOLATION_NONE);
	says(f->found.no_port, "no ACS");
	/* nor does that of the root port count for what is deeper */
	set_acs(f->configs[2], 0x1d, 0x1d);
	assert_int_equal(look(f, CARD ".0/00.0/00"), HF_ISOLATION_PORT_ACS);
	assert_int_equal(f->found.port.bus, 2);
}

/* Binding opens every bridge above: also to a neighbour that nobody admitted. */
static void a_neighbour_that_was_not_admitted(void **state)
{
	struct fixture *f = *state;

	add_port(f, 0, 1, 1, 4, ROOT);
	add_port(f, 1, 0, 2, 4, UPSTREAM);
	set_acs(add_port(f, 2, 0, 3, 3, DOWNSTREAM), 0x1d, 0x1d);
	set_acs(add_port(f, 2, 1, 4, 4, DOWNSTREAM), 0x1d, 0x1d);
	add(f, 3, 0, 0);
	add(f, 4, 0, 0);
	no_iommu(f);
	f->refused = find(f, CARD ".0/01.0/00")->functions;
	assert_int_equal(look(f, CARD ".0/00.0/00"), HF_ISOLATION_NONE);
	says(f->found.no_port, "not admitted");
	f->refused = NULL;
	assert_int_equal(look(f, CARD ".0/00.0/00"), HF_ISOLATION_PORT_ACS);
}

/* Behind an IOMMU a neighbour does not matter. */
static void a_neighbour_behind_an_iommu(void **state)
{
	struct fixture *f = *state;

	a_neighbour_that_was_not_admitted(state);
	for (size_t i = 0; i < f->bus.count; i++)
		f->groups[i] = (struct hf_iommu_group){ true, true, (uint32_t)i, "DMA-FQ" };
	f->refused = find(f, CARD ".0/01.0/00")->functions;
	assert_int_equal(look(f, CARD ".0/00.0/00"), HF_ISOLATION_IOMMU);
	assert_string_equal(f->found.type, "DMA-FQ");
}

static void bridges_that_never_end(void **state)
{
	struct fixture *f = *state;

	/* the port's own bus is below another bridge, which is below the port's */
	set_acs(add_port(f, 5, 1, 6, 6, ROOT), 0x1d, 0x1d);
	add_port(f, 5, 2, 7, 7, ROOT);
	add(f, 6, 0, 0);
	add_port(f, 7, 0, 5, 5, ROOT);
	no_iommu(f);
	assert_int_equal(hf_topology(&f->bus, &f->claims), HF_OK);
	for (const struct hf_part *p = f->claims.parts; p; p = p->next) {
		const struct hf_isolation_view view = { &f->bus, f->groups, admitted, f };

		hf_isolation_find(&view, p, p->functions, &f->found);
		assert_int_equal(f->found.method, HF_ISOLATION_NONE);
	}
}

/* ---- the kernel's side ---- */

static void make_dirs(const struct fixture *f, const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p %s/%s", f->dir, path);
	assert_int_equal(system(command), 0);
}

static void make_file(const struct fixture *f, const char *path, const void *bytes, size_t len)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void make_group(const struct fixture *f, const char *address, const char *number, const char *type)
{
	char path[128], link[256], target[128];

	snprintf(path, sizeof(path), "bus/pci/devices/%s", address);
	make_dirs(f, path);
	snprintf(link, sizeof(link), "%s/bus/pci/devices/%s/iommu_group", f->dir, address);
	snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%s", number);
	assert_int_equal(symlink(target, link), 0);
	snprintf(path, sizeof(path), "kernel/iommu_groups/%s", number);
	make_dirs(f, path);
	snprintf(path, sizeof(path), "kernel/iommu_groups/%s/type", number);
	if (type)
		make_file(f, path, type, strlen(type));
}

static struct hf_host make_host(struct fixture *f)
{
	struct hf_host host = { .live = true };

	snprintf(f->dir, sizeof(f->dir), "/tmp/holdfast-iso-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	make_dirs(f, "bus/pci/devices");
	host.sysfs = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(host.sysfs >= 0);
	return host;
}

static void groups_of_the_kernel(void **state)
{
	static const struct { const char *type; bool translates; } types[] = {
		{ "DMA\n", true }, { "DMA-FQ\n", true }, { "identity\n", false },
		{ "blocked\n", false }, { "unmanaged\n", false }, { "", false }, { NULL, false },
		{ "DMA-FQ-of-another-kind\n", false },
	};
	struct fixture *f = *state;
	struct hf_host host = make_host(f);
	const struct hf_iommu_group *groups;
	char address[32], number[16];

	for (uint8_t i = 0; i < 8; i++) {
		add(f, 0, i, 0);
		snprintf(address, sizeof(address), "0000:00:%02x.0", i);
		snprintf(number, sizeof(number), "%u", i + 3u);
		make_group(f, address, number, types[i].type);
	}
	add(f, 0, 9, 0);	/* no such directory */
	add(f, 0, 10, 0);
	make_group(f, "0000:00:0a.0", "12x", "DMA\n");
	add(f, 0, 11, 0);
	make_group(f, "0000:00:0b.0", "99999999999", "DMA\n");
	assert_int_equal(hf_iommu_read(&host, &f->bus, &f->arena, &groups), HF_OK);
	close(host.sysfs);
	for (uint32_t i = 0; i < 8; i++) {
		assert_true(groups[i].known);
		assert_int_equal(groups[i].number, i + 3);
		assert_int_equal(groups[i].translates, types[i].translates);
	}
	for (uint32_t i = 8; i < 11; i++)
		assert_false(groups[i].known || groups[i].translates);
}

static void acs_is_switched_on(void **state)
{
	struct fixture *f = *state;
	struct hf_host host = make_host(f);
	struct hf_isolation isolation = { .port = { 0, 0, 1, 0 }, .control = ACS + 6 };
	uint8_t config[SIZE] = { 0 }, b[2];
	char full[256];
	int fd;

	make_dirs(f, "bus/pci/devices/0000:00:01.0");
	set_acs(config, 0x7f, 0x0142);
	make_file(f, "bus/pci/devices/0000:00:01.0/config", config, sizeof(config));
	assert_int_equal(hf_acs_enable(&host, &isolation), HF_OK);
	snprintf(full, sizeof(full), "%s/bus/pci/devices/0000:00:01.0/config", f->dir);
	fd = open(full, O_RDONLY);
	assert_int_equal(pread(fd, b, 2, ACS + 6), 2);
	close(fd);
	assert_int_equal(b[0] | b[1] << 8, 0x015f);	/* what was on stays on */
	host.live = false;
	assert_int_equal(hf_acs_enable(&host, &isolation), HF_ERR_CAPTURED_TREE);
	host.live = true;
	isolation.control = SIZE;
	assert_int_equal(hf_acs_enable(&host, &isolation), HF_ERR_READ_FAILED);
	memset(config, 0xff, sizeof(config));	/* a port that is gone */
	make_file(f, "bus/pci/devices/0000:00:01.0/config", config, sizeof(config));
	isolation.control = ACS + 6;
	assert_int_equal(hf_acs_enable(&host, &isolation), HF_ERR_KERNEL_REFUSED);
	isolation.port.device = 2;
	assert_int_equal(hf_acs_enable(&host, &isolation), HF_ERR_READ_FAILED);
	close(host.sysfs);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(hf_isolation_name(HF_ISOLATION_NONE), "none");
	assert_string_equal(hf_isolation_name(HF_ISOLATION_IOMMU), "iommu");
	assert_string_equal(hf_isolation_name(HF_ISOLATION_PORT_ACS), "port-acs");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_translating_group), T(a_group_that_passes_everything_through),
		T(another_function_without_a_group), T(functions_of_one_card_share_a_group),
		T(the_port_above_may_be_in_the_group), T(another_part_in_the_group),
		T(a_strange_port_in_the_group), T(an_integrated_endpoint_needs_an_iommu),
		T(alone_below_a_port_with_acs), T(acs_that_is_on_already),
		T(acs_that_lacks_a_part), T(acs_at_the_end_of_what_can_be_read),
		T(a_port_that_others_share), T(a_neighbour_that_was_not_admitted),
		T(a_neighbour_behind_an_iommu), T(bridges_that_never_end),
		T(groups_of_the_kernel), T(acs_is_switched_on), T(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
