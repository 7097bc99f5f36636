/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hold on devices, on plain files that stand for configuration space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/hold.h"

struct fixture {
	char dir[64];
	struct hf_host host;
	struct hf_arena arena;
	struct hf_claims claims;
};

static void make_dir(const char *root, const char *below)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/holdfast-hold-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	make_dir(f->dir, "bus");
	make_dir(f->dir, "bus/pci");
	make_dir(f->dir, "bus/pci/devices");
	f->host.sysfs = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->host.live = false;
	assert_int_equal(hf_arena_make(1 << 20, &f->arena), HF_OK);
	hf_claims_init(&f->claims, &f->arena);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	close(f->host.sysfs);
	hf_arena_drop(&f->arena);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	int rc = system(command);

	free(f);
	return rc;
}

static void add(const struct fixture *f, const char *name, uint16_t command, uint8_t header,
		const char *driver)
{
	uint8_t config[64];
	char path[256], target[128];
	int fd;

	snprintf(path, sizeof(path), "bus/pci/devices/%s", name);
	make_dir(f->dir, path);
	memset(config, 0x5a, sizeof(config));
	config[4] = (uint8_t)command;
	config[5] = (uint8_t)(command >> 8);
	config[14] = header;
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, config, sizeof(config)), (ssize_t)sizeof(config));
	close(fd);
	if (!driver)
		return;
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", f->dir, name);
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
	assert_int_equal(symlink(target, path), 0);
}

/* The command register; everything else must be as add() left it. */
static uint16_t command_of(const struct fixture *f, const char *name)
{
	uint8_t config[64];
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", f->dir, name);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, config, sizeof(config)), (ssize_t)sizeof(config));
	close(fd);
	for (size_t i = 0; i < sizeof(config); i++)
		if (i != 4 && i != 5 && i != 14)
			assert_int_equal(config[i], 0x5a);
	return (uint16_t)(config[4] | config[5] << 8);
}

static void only_the_master_bit_of_only_endpoints_is_cleared(void **state)
{
	struct fixture *f = *state;
	struct hf_hold hold = { 0 };

	add(f, "0000:00:01.0", 0x0507, 0x81, NULL);	/* a bridge, multi-function */
	add(f, "0000:00:02.0", 0x0507, 0x02, NULL);	/* CardBus */
	add(f, "0000:01:00.0", 0x0507, 0x80, NULL);
	add(f, "0000:01:00.1", 0x0006, 0x00, "nvme");
	add(f, "0000:02:00.0", 0x0003, 0x00, "serial");
	add(f, "10000:03:00.0", 0xffff, 0xff, NULL);	/* gone */
	add(f, "not-an-address", 0x0507, 0x00, NULL);
	assert_int_equal(hf_hold_devices(&f->host, &hold), HF_OK);
	assert_int_equal(command_of(f, "0000:00:01.0"), 0x0507);
	assert_int_equal(command_of(f, "0000:00:02.0"), 0x0507);
	assert_int_equal(command_of(f, "0000:01:00.0"), 0x0503);
	assert_int_equal(command_of(f, "0000:01:00.1"), 0x0002);
	assert_int_equal(command_of(f, "0000:02:00.0"), 0x0003);
	assert_int_equal(command_of(f, "10000:03:00.0"), 0xffff);
	assert_int_equal(command_of(f, "not-an-address"), 0x0507);
	assert_int_equal(hold.functions, 6);
	assert_int_equal(hold.bridges, 2);
	assert_int_equal(hold.masters_found, 2);
	assert_int_equal(hold.masters_off, 2);
	assert_int_equal(hold.masters_refused, 0);
	assert_int_equal(hold.bus_master, HF_OK);
	assert_int_equal(hold.bound_found, 2);
	assert_non_null(strstr(hold.bound, "0000:01:00.1=nvme"));
	assert_non_null(strstr(hold.bound, "0000:02:00.0=serial"));
	/* Given back is what had a driver before us, and nothing else. */
	assert_int_equal(hold.give_back_count, 1);
	assert_int_equal(hold.give_back[0].function, 1);
}

static void no_bus_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct hf_hold hold = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/bus/pci/devices", f->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(hf_hold_devices(&f->host, &hold), HF_ERR_PCI_ACCESS);
}

static void a_bus_master_is_set_and_cleared_and_read_back(void **state)
{
	const struct hf_address address = { .bus = 1 }, gone = { .bus = 2 }, none = { .bus = 3 };
	struct fixture *f = *state;

	add(f, "0000:01:00.0", 0x0103, 0, NULL);
	add(f, "0000:02:00.0", 0xffff, 0xff, NULL);
	assert_int_equal(hf_hold_bus_master(&f->host, &address, true), HF_OK);
	assert_int_equal(command_of(f, "0000:01:00.0"), 0x0107);
	assert_int_equal(hf_hold_bus_master(&f->host, &address, false), HF_OK);
	assert_int_equal(command_of(f, "0000:01:00.0"), 0x0103);
	assert_int_equal(hf_hold_bus_master(&f->host, &gone, false), HF_ERR_DEVICE_GONE);
	assert_int_equal(hf_hold_bus_master(&f->host, &none, false), HF_ERR_READ_FAILED);
}

static const struct hf_measurement *claim(const struct hf_part *part, const char *mkey)
{
	return hf_measurement_find(part->measurements, mkey);
}

static void what_the_kernel_refused_is_a_claim(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	const struct hf_hold hold = {
		.autoprobe = HF_ERR_KERNEL_REFUSED, .bus_master = HF_ERR_KERNEL_REFUSED,
		.masters_found = 3, .masters_off = 1, .masters_refused = 2, .bound_found = 1,
		.masters = "0000:01:00.0", .bound = "0000:01:00.0=nvme",
	};

	assert_int_equal(hf_hold_claims(&hold, true, &f->claims, part), HF_OK);
	assert_int_equal(claim(part, "hold/autoprobe")->kind, HF_VALUE_FAILURE);
	assert_int_equal(claim(part, "hold/autoprobe")->cause, HF_ERR_KERNEL_REFUSED);
	assert_int_equal(claim(part, "hold/bus-master")->cause, HF_ERR_KERNEL_REFUSED);
	assert_string_equal(claim(part, "hold/sysrq")->text, "off");
	assert_string_equal(claim(part, "hold/panic-reboot")->text, "off");
	assert_string_equal(claim(part, "hold/ctrl-alt-del")->text, "off");
	assert_int_equal(claim(part, "hold/bus-masters-found")->number, 3);
	assert_int_equal(claim(part, "hold/bus-masters-refused")->number, 2);
	assert_string_equal(claim(part, "hold/found-bound")->text, "0000:01:00.0=nvme");
	assert_string_equal(claim(part, "hold/found-bus-master")->text, "0000:01:00.0");
	assert_int_equal(claim(part, "hold/found-bus-master/left-out")->number, 2);
	assert_null(claim(part, "hold/found-bound/left-out"));
	assert_null(claim(part, "hold/found-bound/2"));
}

/* No function that was found is left out of the claims for want of room in one text. */
static void long_lists_take_more_than_one_claim(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	struct hf_hold *hold = calloc(1, sizeof(*hold));
	const char *first, *second, *third;
	char *c = hold->masters;

	for (int i = 0; i < 700; i++)
		c += sprintf(c, "%s0000:%02x:%02x.%d", i ? " " : "", i / 256, i / 8 % 32, i % 8);
	hold->masters_found = 700;
	assert_int_equal(hf_hold_claims(hold, true, &f->claims, part), HF_OK);
	first = claim(part, "hold/found-bus-master")->text;
	second = claim(part, "hold/found-bus-master/2")->text;
	third = claim(part, "hold/found-bus-master/3")->text;
	assert_in_range(strlen(first), HF_TEXT_MAX - 16, HF_TEXT_MAX);
	assert_int_equal(strlen(first) + strlen(second) + strlen(third) + 2, strlen(hold->masters));
	assert_memory_equal(first, hold->masters, strlen(first));
	assert_memory_equal(second, hold->masters + strlen(first) + 1, strlen(second));
	assert_string_equal(third, hold->masters + strlen(first) + strlen(second) + 2);
	assert_null(claim(part, "hold/found-bus-master/4"));
	assert_null(claim(part, "hold/found-bus-master/left-out"));
	free(hold);
}

static void a_rehearsal_claims_no_hold(void **state)
{
	struct fixture *f = *state;
	struct hf_part *part = hf_claims_add_part(&f->claims, HF_PART_HOST, "host");
	const struct hf_hold hold = { 0 };

	assert_int_equal(hf_hold_claims(&hold, false, &f->claims, part), HF_OK);
	assert_string_equal(claim(part, "hold")->text, "rehearsal");
	assert_null(claim(part, "hold/autoprobe"));
	assert_null(claim(part, "hold/bus-master"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_master_bit_of_only_endpoints_is_cleared),
		TEST(no_bus_is_an_error),
		TEST(a_bus_master_is_set_and_cleared_and_read_back),
		TEST(what_the_kernel_refused_is_a_claim),
		TEST(long_lists_take_more_than_one_claim),
		TEST(a_rehearsal_claims_no_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
