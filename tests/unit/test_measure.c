/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a captured tree to claims: enumeration, the readers, comparison of two passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcie/config.h"
#include "pcie/readers.h"
#include "pcie/rom.h"
#include "pcie/sink.h"

struct pass {
	struct hf_arena arena;
	struct hf_host host;
	struct hf_bus bus;
	struct hf_claims claims;
};

static char dir[64];	/* of this test; removed afterwards */
static struct pass one, two;
static const struct hf_read_options ordinary = { .rom_bound = false };

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int setup(void **state)
{
	(void)state;
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	one.host.sysfs = two.host.sysfs = -1;
	strcpy(dir, "/tmp/holdfast-measure-XXXXXX");
	return mkdtemp(dir) && !hf_arena_make(256u << 20, &one.arena) &&
	       !hf_arena_make(256u << 20, &two.arena) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	hf_host_close(&one.host);
	hf_host_close(&two.host);
	hf_arena_drop(&one.arena);
	hf_arena_drop(&two.arena);
	run("rm -rf %s", dir);
	return 0;
}

/* Write a description's "roots" and make DIR/name from it. */
static void make(const char *name, const char *roots)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "{\"dmi\": {\"vendor\": \"V\", \"product\": \"P\"}, \"roots\": %s}", roots);
	fclose(file);
	run("python3 tests/trees/make_tree.py %s %s/%s >/dev/null", path, dir, name);
}

static void open_tree(struct pass *p, const char *name)
{
	struct hf_fault fault;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	hf_host_close(&p->host);
	p->arena.len = 0;
	assert_int_equal(hf_host_open(path, &p->host, &fault), HF_OK);
	assert_false(p->host.live);
}

static void enumerate(struct pass *p)
{
	struct hf_fault fault;

	assert_int_equal(hf_bus_read(&p->host, &p->arena, &p->bus, &fault), HF_OK);
	hf_claims_init(&p->claims, &p->arena);
	assert_int_equal(hf_topology(&p->bus, &p->claims), HF_OK);
	assert_int_equal(p->claims.function_count, p->bus.count);
}

static void measure(struct pass *p, const char *name, const struct hf_read_options *options)
{
	open_tree(p, name);
	enumerate(p);
	assert_int_equal(hf_measure(&p->host, &p->bus, options, &p->claims, NULL, NULL), HF_OK);
}

static struct hf_function *function(const struct pass *p, const char *path)
{
	for (struct hf_part *part = p->claims.parts; part; part = part->next)
		for (struct hf_function *f = part->functions; f; f = f->next)
			if (strcmp(f->path, path) == 0)
				return f;
	fail_msg("no function %s", path);
	return NULL;
}

static struct hf_measurement *found(struct hf_function *f, const char *mkey)
{
	struct hf_measurement *m = hf_measurement_find(f->measurements, mkey);

	if (!m)
		fail_msg("%s: no %s", f->path, mkey);
	return m;
}

static void absent(struct hf_function *f, const char *mkey)
{
	assert_null(hf_measurement_find(f->measurements, mkey));
}

static void failed(struct hf_function *f, const char *mkey, enum hf_err cause)
{
	struct hf_measurement *m = found(f, mkey);

	assert_int_equal(m->kind, HF_VALUE_FAILURE);
	assert_string_equal(hf_err_name(m->cause), hf_err_name(cause));
	assert_int_equal(m->method, HF_METHOD_NONE);
}

static void digests_of(struct hf_function *f, const char *mkey, struct hf_span bytes,
		       uint32_t flags)
{
	static const enum hf_alg algs[] = { HF_ALG_SHA256, HF_ALG_SHA384 };
	struct hf_measurement *m = found(f, mkey);
	struct hf_digest want;

	assert_int_equal(m->kind, HF_VALUE_DIGESTS);
	assert_int_equal(m->cause, HF_OK);
	assert_int_equal(m->flags, flags);
	assert_true(m->size == bytes.len);
	assert_int_equal(m->digest_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(hf_digest(algs[i], bytes, &want), HF_OK);
		assert_true(hf_digest_equal(&m->digests[i], &want));
	}
}

static uint8_t file[1 << 20];

static struct hf_span load(const char *path)
{
	char full[256];
	FILE *in;
	size_t n;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	in = fopen(full, "rb");
	assert_non_null(in);
	n = fread(file, 1, sizeof(file), in);
	fclose(in);
	return (struct hf_span){ file, n };
}

static void store(const char *path, const void *bytes, size_t n, size_t at)
{
	char full[256];
	FILE *out;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	out = fopen(full, "r+b");
	if (!out)
		out = fopen(full, "wb");
	assert_non_null(out);
	fseek(out, (long)at, SEEK_SET);
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(out);
}

#define PORT "{\"at\": \"1c.0\", \"kind\": \"root-port\", \"slot\": true, \"below\": ["
#define NIC "{\"at\": \"00.0\", \"vendor\": \"8086\", \"device\": \"10d3\", \"serial\": \"1a2b\""
#define ROM2 ", \"rom\": {\"images\": [{\"code\": 0, \"size\": 2048}, {\"code\": 3, \"size\": 4096}]}"
#define ONE_NIC(more) "[{\"devices\": [" PORT NIC more "}]}]}]"
#define NIC_PATH "pci0000:00/1c.0/00.0"
#define NIC_DIR "t/bus/pci/devices/0000:01:00.0/"
#define CODE HF_MEASUREMENT_CODE
#define ADVISORY HF_MEASUREMENT_ADVISORY

static void test_rom_of_two_images(void **state)
{
	struct hf_function *f;
	struct hf_span rom;

	(void)state;
	make("t", ONE_NIC(", \"rom\": {\"images\": [{\"code\": 0, \"size\": 2048}, {\"code\": 3, "
			  "\"size\": 4096}], \"pad\": 16384}, \"driver\": \"igb\""));
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	rom = load(NIC_DIR "rom");
	assert_int_equal(rom.len, 16384);
	digests_of(f, "option-rom/window", rom, CODE);
	digests_of(f, "option-rom", hf_span_part(rom, 0, 6144), CODE);
	digests_of(f, "option-rom/0", hf_span_part(rom, 0, 2048), CODE);
	digests_of(f, "option-rom/1", hf_span_part(rom, 2048, 4096), CODE);
	assert_int_equal(found(f, "option-rom/window")->method, HF_METHOD_BYTES);
	absent(f, "option-rom/2");
	absent(f, "option-rom/chain");
	absent(f, "firmware");
	assert_true(f->identity.serial == 0x1a2b);
	assert_string_equal(f->driver, "igb");
	/* a captured tree is never written to: not even the "1" that enables a ROM */
	assert_int_equal(rom.ptr[0], 0x55);
	assert_int_equal(hf_part_method(hf_claims_find_part(&one.claims, "pci0000:00/1c.0/00")),
			 HF_METHOD_BYTES);
}

/* Equal ranges (window = chain = only image) are hashed once and claimed thrice. */
static void test_rom_of_one_image(void **state)
{
	struct hf_function *f;
	struct hf_span rom;

	(void)state;
	make("t", ONE_NIC(", \"rom\": {\"images\": [{\"code\": 3, \"size\": 4096}]}"));
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	rom = load(NIC_DIR "rom");
	digests_of(f, "option-rom/window", rom, CODE);
	digests_of(f, "option-rom", rom, CODE);
	digests_of(f, "option-rom/0", rom, CODE);
}

static void test_many_images(void **state)
{
	char text[64], rom[1024] = ", \"rom\": {\"images\": [{\"code\": 0, \"size\": 512}";
	struct hf_function *f;
	struct hf_span bytes;

	(void)state;
	for (int i = 1; i < 20; i++)
		strcat(rom, ", {\"code\": 3, \"size\": 512}");
	strcat(rom, "]}");
	char roots[2048];

	snprintf(roots, sizeof(roots), "[{\"devices\": [" PORT NIC "%s}]}]}]", rom);
	make("t", roots);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	bytes = load(NIC_DIR "rom");
	for (size_t i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "option-rom/%zu", i);
		digests_of(f, text, hf_span_part(bytes, i * 512, 512), CODE);
	}
	absent(f, "option-rom/20");
}

static void malformed(size_t at, const char *bytes, size_t n, enum hf_err cause, size_t images)
{
	struct hf_function *f;
	struct hf_span rom;

	run("rm -rf %s/t", dir);
	make("t", ONE_NIC(ROM2));
	store(NIC_DIR "rom", bytes, n, at);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	rom = load(NIC_DIR "rom");
	digests_of(f, "option-rom/window", rom, CODE);	/* whatever a parser makes of it */
	failed(f, "option-rom/chain", cause);
	absent(f, "option-rom");
	if (images)
		found(f, "option-rom/0");
	else
		absent(f, "option-rom/0");
	absent(f, "option-rom/2");
}

static void test_malformed_roms(void **state)
{
	(void)state;
	malformed(0x2c, "\0\0", 2, HF_ERR_ROM_IMAGE_LENGTH, 0);
	malformed(0x2c, "\xff\xff", 2, HF_ERR_ROM_IMAGE_LENGTH, 0);
	malformed(0x18, "\xf0\xff", 2, HF_ERR_ROM_TRUNCATED, 0);
	malformed(2048 + 0x31, "\0", 1, HF_ERR_ROM_NO_LAST_IMAGE, 1);
	malformed(2048, "\0\0", 2, HF_ERR_ROM_NO_LAST_IMAGE, 1);
	malformed(2048 + 0x2c, "\0\0", 2, HF_ERR_ROM_IMAGE_LENGTH, 1);
}

/* What begins with no signature is a gap, and code; the chain begins behind it. */
static void test_rom_that_begins_late(void **state)
{
	struct hf_function *f;
	struct hf_span rom;

	(void)state;
	make("t", ONE_NIC(ROM2));
	store(NIC_DIR "rom", "1", 1, 0);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	rom = load(NIC_DIR "rom");
	digests_of(f, "option-rom/window", rom, CODE);
	digests_of(f, "option-rom/gap/0", hf_span_part(rom, 0, 2048), CODE);
	digests_of(f, "option-rom", hf_span_part(rom, 2048, 4096), CODE);
	digests_of(f, "option-rom/0", hf_span_part(rom, 2048, 4096), CODE);
	absent(f, "option-rom/chain");
}

static void test_rom_that_is_not_there(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(ROM2));
	run("rm %s/" NIC_DIR "rom", dir);	/* but its register says there is one */
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	failed(f, "option-rom/window", HF_ERR_ROM_READ);
	assert_int_equal(found(f, "option-rom/window")->flags, CODE);
	absent(f, "firmware");
	run("touch %s/" NIC_DIR "rom", dir);
	measure(&one, "t", &ordinary);
	failed(function(&one, NIC_PATH), "option-rom/window", HF_ERR_ROM_EMPTY);
	run("rm %s/" NIC_DIR "rom && mkdir %s/" NIC_DIR "rom", dir, dir);
	measure(&one, "t", &ordinary);
	failed(function(&one, NIC_PATH), "option-rom/window", HF_ERR_ROM_READ);
	run("rmdir %s/" NIC_DIR "rom && mkfifo %s/" NIC_DIR "rom", dir, dir);
	open_tree(&one, "t");
	enumerate(&one);
	one.host.device_ms = 300;		/* nobody will ever write to it */
	assert_int_equal(hf_measure(&one.host, &one.bus, &ordinary, &one.claims, NULL, NULL), HF_OK);
	f = function(&one, NIC_PATH);
	failed(f, "option-rom/window", HF_ERR_TIMED_OUT);
	assert_int_equal(found(f, "option-rom/window")->flags, CODE);
	found(f, "config");
	found(f, "config/masked-1");
}

static void test_blank_rom(void **state)
{
	static uint8_t blank[6144];
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(ROM2));
	memset(blank, 0xff, sizeof(blank));
	store(NIC_DIR "rom", blank, sizeof(blank), 0);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	digests_of(f, "option-rom/window", (struct hf_span){ blank, sizeof(blank) }, CODE);
	failed(f, "option-rom/chain", HF_ERR_ROM_EMPTY);
}

static void test_rom_too_large(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(ROM2));
	run("truncate -s %u %s/" NIC_DIR "rom", HF_ROM_MAX, dir);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	assert_true(found(f, "option-rom/window")->size == HF_ROM_MAX);
	assert_int_equal(found(f, "option-rom/window")->kind, HF_VALUE_DIGESTS);
	found(f, "option-rom/1");
	run("truncate -s %u %s/" NIC_DIR "rom", HF_ROM_MAX + 1, dir);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	failed(f, "option-rom/window", HF_ERR_ROM_TOO_LARGE);
	assert_int_equal(found(f, "option-rom/window/partial")->flags, ADVISORY);
	absent(f, "option-rom/0");	/* nothing that could match is claimed */
	absent(f, "option-rom");
}

static void test_boot_display(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", "[{\"devices\": [{\"at\": \"02.0\", \"class\": \"030000\", \"boot_vga\": true" ROM2
		  "}, {\"at\": \"03.0\", \"class\": \"030000\", \"boot_vga\": false" ROM2
		  "}, {\"at\": \"04.0\", \"class\": \"020000\", \"boot_vga\": true" ROM2 "}]}]");
	measure(&one, "t", &ordinary);
	f = function(&one, "pci0000:00/02.0");
	assert_int_equal(found(f, "option-rom/window")->flags, CODE | ADVISORY);
	failed(f, "option-rom/shadow", HF_ERR_ROM_SHADOW);
	absent(f, "option-rom/0");
	/* not the boot display, or no display at all: measured and judged */
	f = function(&one, "pci0000:00/03.0");
	assert_int_equal(found(f, "option-rom/0")->flags, CODE);
	f = function(&one, "pci0000:00/04.0");
	assert_int_equal(found(f, "option-rom/0")->flags, CODE);
}

static void test_rom_options(void **state)
{
	struct hf_read_options options = { .no_rom = true };
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(ROM2 ", \"driver\": \"igb\""));
	measure(&one, "t", &options);
	f = function(&one, NIC_PATH);
	failed(f, "option-rom/window", HF_ERR_NOT_MEASURED);
	absent(f, "option-rom/0");
	/* As if this were the running host: its drivers are left alone. */
	open_tree(&one, "t");
	enumerate(&one);
	one.host.live = true;
	assert_int_equal(hf_measure(&one.host, &one.bus, &ordinary, &one.claims, NULL, NULL),
			 HF_OK);
	f = function(&one, NIC_PATH);
	failed(f, "option-rom/window", HF_ERR_ROM_DRIVER_BOUND);
	open_tree(&one, "t");
	enumerate(&one);
	one.host.live = true;
	options = (struct hf_read_options){ .rom_bound = true };
	assert_int_equal(hf_measure(&one.host, &one.bus, &options, &one.claims, NULL, NULL),
			 HF_OK);
	found(function(&one, NIC_PATH), "option-rom/1");
	/* even then: what is no sysfs file is not written to */
	assert_int_equal(load(NIC_DIR "rom").ptr[0], 0x55);
}

static void test_nothing_to_read_is_a_claim(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(", \"class\": \"010802\""));
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	failed(f, "firmware", HF_ERR_NO_READER);
	assert_int_equal(found(f, "firmware")->flags, 0);
	absent(f, "option-rom/window");
	absent(function(&one, "pci0000:00/1c.0"), "firmware");
}

static void test_config_claims(void **state)
{
	struct hf_measurement *m;
	struct hf_function *f;
	struct hf_span config;
	static uint8_t masked[HF_CONFIG_MAX];

	(void)state;
	make("t", ONE_NIC(""));
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	config = load(NIC_DIR "config");
	assert_int_equal(config.len, 4096);
	m = found(f, "config");
	assert_int_equal(m->kind, HF_VALUE_BYTES);
	assert_int_equal(m->flags, ADVISORY);
	assert_true(hf_span_equal(m->bytes, config));
	memcpy(masked, config.ptr, sizeof(masked));
	hf_config_mask(masked, sizeof(masked));
	digests_of(f, "config/masked-1", (struct hf_span){ masked, sizeof(masked) }, ADVISORY);
	/* COMMAND and a base address: other bytes, same masked digest, no difference */
	store(NIC_DIR "config", "\x07\x01", 2, 4);
	store(NIC_DIR "config", "\x10\x20\x30\x40", 4, 0x10);
	measure(&two, "t", &ordinary);
	f = function(&two, NIC_PATH);
	assert_false(hf_measurement_equal(found(f, "config"), m));
	digests_of(f, "config/masked-1", (struct hf_span){ masked, sizeof(masked) }, ADVISORY);
	assert_int_equal(hf_claims_compare(&one.claims, &two.claims, NULL, NULL), 0);
}

static void test_config_that_cannot_be_read(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(""));
	run("truncate -s 64 %s/" NIC_DIR "config", dir);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	assert_int_equal(f->identity.vendor, 0x8086);
	assert_int_equal(found(f, "config")->bytes.len, 64);
	failed(f, "config/masked-1", HF_ERR_CONFIG_SHORT);
	run("truncate -s 10 %s/" NIC_DIR "config", dir);
	measure(&one, "t", &ordinary);
	failed(function(&one, NIC_PATH), "config/masked-1", HF_ERR_CONFIG_SHORT);
	run("truncate -s 0 %s/" NIC_DIR "config", dir);
	measure(&one, "t", &ordinary);
	failed(function(&one, NIC_PATH), "config", HF_ERR_CONFIG_SHORT);
	run("rm %s/" NIC_DIR "config", dir);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	failed(f, "config", HF_ERR_DEVICE_GONE);
	assert_int_equal(f->identity.vendor, 0);
	run("head -c 4096 /dev/zero | tr '\\0' '\\377' >%s/" NIC_DIR "config", dir);
	measure(&one, "t", &ordinary);
	failed(function(&one, NIC_PATH), "config", HF_ERR_DEVICE_GONE);
}

static void test_capability_loop_is_a_claim(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(", \"config\": {\"0x41\": \"40\"}"));
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	failed(f, "config/capabilities", HF_ERR_CAPABILITY_LOOP);
	assert_int_equal(f->identity.device, 0x10d3);
	found(f, "config");
	found(f, "config/masked-1");
}

/* The text files beside config are not believed, nor needed. */
static void test_identity_is_from_config(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(""));
	run("cd %s/" NIC_DIR " && echo 0xzz >vendor && rm device && echo >class", dir);
	measure(&one, "t", &ordinary);
	f = function(&one, NIC_PATH);
	assert_int_equal(f->identity.vendor, 0x8086);
	assert_int_equal(f->identity.device, 0x10d3);
	assert_int_equal(f->identity.class_code, 0x020000);
}

static void bus_refused(enum hf_err want)
{
	struct hf_fault fault = { 0 };
	struct hf_bus bus, poison;

	open_tree(&one, "t");
	memset(&bus, 0xaa, sizeof(bus));
	memset(&poison, 0xaa, sizeof(poison));
	assert_int_equal(hf_bus_read(&one.host, &one.arena, &bus, &fault), want);
	assert_int_equal(fault.err, want);
	assert_memory_equal(&bus, &poison, sizeof(bus));
}

static void test_broken_trees(void **state)
{
	struct hf_host host = { .sysfs = -1 };
	struct hf_fault fault;
	struct hf_bus bus;
	char long_path[400];

	(void)state;
	make("t", ONE_NIC(""));
	run("mkdir %s/t/bus/pci/devices/garbage", dir);
	bus_refused(HF_ERR_PCI_ACCESS);
	run("rmdir %s/t/bus/pci/devices/garbage && cd %s/t/bus/pci/devices && "
	    "ln -s 0000:01:00.0 0:1:0.0", dir, dir);
	bus_refused(HF_ERR_PCI_ACCESS);
	run("cd %s/t/bus/pci/devices && mv 0:1:0.0 0000:01:20.0", dir);
	bus_refused(HF_ERR_PCI_ACCESS);
	run("cd %s/t/bus/pci/devices && mv 0000:01:20.0 ffffffff:01:00.0", dir);
	bus_refused(HF_ERR_PCI_ACCESS);
	run("cd %s/t/bus/pci/devices && mv ffffffff:01:00.0 0000:00:00.8", dir);
	bus_refused(HF_ERR_PCI_ACCESS);
	run("rm -r %s/t/bus/pci/devices", dir);
	bus_refused(HF_ERR_PCI_ACCESS);
	/* libpci's own way of giving up: it sees another root than we do */
	run("mkdir %s/t/bus/pci/devices", dir);
	open_tree(&one, "t");
	strcpy(one.host.root, "/nonexistent");
	assert_int_equal(hf_bus_read(&one.host, &one.arena, &bus, &fault), HF_ERR_PCI_ACCESS);
	assert_non_null(strstr(fault.detail, "/nonexistent"));
	assert_int_equal(hf_host_open("/nonexistent", &host, &fault), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(hf_host_open("", &host, &fault), HF_ERR_FILE_UNREADABLE);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(hf_host_open(long_path, &host, &fault), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(host.sysfs, -1);
}

static void test_host_files(void **state)
{
	struct hf_span span;
	struct hf_fault fault;
	char text[16];

	(void)state;
	make("t", ONE_NIC(""));
	open_tree(&one, "t");
	assert_int_equal(hf_host_read_text(&one.host, "class/dmi/id/sys_vendor", text,
					   sizeof(text)), HF_OK);
	assert_string_equal(text, "V");
	assert_int_equal(hf_host_read_text(&one.host, "class/dmi/id/sys_vendor", text, 1),
			 HF_ERR_FILE_TOO_LARGE);
	assert_int_equal(hf_host_read_text(&one.host, "class/nothing", text, sizeof(text)),
			 HF_ERR_FILE_UNREADABLE);
	assert_string_equal(text, "V");
	assert_int_equal(hf_host_write(&one.host, "bus/pci/drivers_autoprobe", "0"),
			 HF_ERR_CAPTURED_TREE);
	assert_int_equal(hf_host_read(&one.host, "bus/pci/drivers_autoprobe", 10, &one.arena,
				      &span, &fault), HF_OK);
	assert_true(hf_span_equal(span, hf_span_text("1\n")));
	assert_true(hf_host_exists(&one.host, "bus/pci"));
	assert_false(hf_host_exists(&one.host, "bus/usb"));
}

static void test_virtual_functions_are_folded(void **state)
{
	struct hf_function *f;

	(void)state;
	make("t", ONE_NIC(ROM2 ", \"vfs\": [{\"distance\": 16}, {\"distance\": 300}], "
			  "\"vf_device\": \"1520\""));
	measure(&one, "t", &ordinary);
	assert_int_equal(one.claims.part_count, 2);
	f = function(&one, NIC_PATH "/vf16");
	assert_int_equal(f->identity.vendor, 0x8086);
	assert_int_equal(f->identity.device, 0x1520);
	found(f, "config");
	absent(f, "firmware");
	function(&one, NIC_PATH "/vf300");
}

struct seen {
	size_t count;
	char what[8][64];
};

static void on_difference(void *self, const struct hf_part *part, const struct hf_function *f,
			  const struct hf_measurement *before, const struct hf_measurement *after,
			  const char *what)
{
	struct seen *s = self;
	const struct hf_measurement *m = before ? before : after;

	assert_non_null(part);
	assert_true(s->count < 8);
	snprintf(s->what[s->count++], sizeof(s->what[0]), "%s %s %s", what, f ? f->path : part->path,
		 m ? m->mkey : "-");
}

static void differs(size_t count, const char *first)
{
	struct seen s = { 0 };

	measure(&two, "t", &ordinary);
	assert_int_equal(hf_claims_compare(&one.claims, &two.claims, on_difference, &s), count);
	assert_int_equal(s.count, count);
	if (count)
		assert_string_equal(s.what[0], first);
}

static void test_compare(void **state)
{
	struct seen s = { 0 };

	(void)state;
	make("t", ONE_NIC(ROM2));
	measure(&one, "t", &ordinary);
	differs(0, NULL);
	store(NIC_DIR "rom", "\xee", 1, 3000);	/* one byte of the second image */
	differs(4, "measurement changed " NIC_PATH " option-rom/window");
	run("rm -rf %s/t", dir);
	make("t", ONE_NIC(ROM2));
	run("rm %s/" NIC_DIR "rom", dir);
	differs(5, "measurement changed " NIC_PATH " option-rom/window");
	store(NIC_DIR "config", "\x01", 1, 0x08);	/* its revision, too */
	differs(6, "identity changed " NIC_PATH " -");
	run("rm %s/t/bus/pci/devices/0000:01:00.0", dir);
	differs(1, "part gone pci0000:00/1c.0/00 -");
	assert_int_equal(hf_claims_compare(&two.claims, &one.claims, on_difference, &s), 1);
	assert_string_equal(s.what[0], "part appeared pci0000:00/1c.0/00 -");
	run("rm %s/t/bus/pci/devices/0000:00:1c.0", dir);
	differs(2, "part gone board -");
}

static void test_compare_functions(void **state)
{
	struct seen s = { 0 };

	(void)state;
	make("t", "[{\"devices\": [{\"at\": \"01.0\"}, {\"at\": \"02.0\"}, {\"at\": \"03.0\"}]}]");
	measure(&one, "t", &ordinary);
	run("rm %s/t/bus/pci/devices/0000:00:02.0", dir);
	differs(1, "function gone pci0000:00/02.0 -");
	assert_int_equal(hf_claims_compare(&two.claims, &one.claims, on_difference, &s), 1);
	assert_string_equal(s.what[0], "function appeared pci0000:00/02.0 -");
	/* a measurement that turned advisory is a difference */
	found(function(&one, "pci0000:00/03.0"), "firmware")->flags = ADVISORY;
	s.count = 0;
	assert_int_equal(hf_claims_compare(&two.claims, &one.claims, on_difference, &s), 2);
	assert_string_equal(s.what[0],
			    "measurement changed pci0000:00/03.0 firmware");
}

static void count_part(void *self, const struct hf_part *part, size_t index, size_t count)
{
	size_t *seen = self;

	(*seen)++;
	assert_true(index < count);
	assert_int_equal(count, 60);
	assert_non_null(part->functions);
}

static void test_server(void **state)
{
	size_t seen = 0, roms = 0;

	(void)state;
	run("python3 tests/trees/make_tree.py --server %s/t >/dev/null", dir);
	open_tree(&one, "t");
	enumerate(&one);
	assert_int_equal(one.claims.part_count, 60);
	assert_int_equal(one.claims.function_count, 350);
	assert_int_equal(hf_measure(&one.host, &one.bus, &ordinary, &one.claims, count_part,
				    &seen), HF_OK);
	assert_int_equal(seen, 350);
	for (struct hf_part *p = one.claims.parts; p; p = p->next)
		for (struct hf_function *f = p->functions; f; f = f->next) {
			found(f, "config");
			roms += hf_measurement_find(f->measurements, "option-rom/0") != NULL;
		}
	assert_int_equal(roms, 8 + 16 + 8 + 2 + 4 + 1);	/* GPUs, NICs, RAID */
	/* other bus numbers, same claims */
	run("rm -rf %s/t && python3 tests/trees/make_tree.py --server --gap 1 %s/t >/dev/null",
	    dir, dir);
	differs(0, NULL);
}

static void test_corpus_dumps(void **state)
{
	const char *corpus = getenv("HOLDFAST_CORPUS");
	char pattern[512];
	glob_t dumps;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/pci/pciutils/*", corpus ? corpus : "../shared/data");
	if (glob(pattern, 0, NULL, &dumps) != 0) {
		print_message("SKIP corpus dumps: no %s\n", pattern);
		skip();
	}
	assert_int_equal(dumps.gl_pathc, 41);
	for (size_t i = 0; i < dumps.gl_pathc; i++) {
		run("rm -rf %s/t && python3 tests/trees/make_tree.py --lspci %s %s/t >/dev/null && "
		    "test $(ls %s/t/bus/pci/devices | wc -l) = $(grep -cE "
		    "'^([0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7] ' %s)",
		    dir, dumps.gl_pathv[i], dir, dir, dumps.gl_pathv[i]);
		measure(&one, "t", &ordinary);
		assert_true(one.claims.function_count > 0);
		for (struct hf_part *p = one.claims.parts; p; p = p->next)
			for (struct hf_function *f = p->functions; f; f = f->next) {
				assert_int_not_equal(f->identity.vendor, 0);
				assert_non_null(f->measurements);
			}
	}
	globfree(&dumps);
}

static void test_sink_refuses_misuse(void **state)
{
	struct hf_sink sink;
	struct hf_part *part;
	uint8_t *room;
	size_t cap;

	(void)state;
	hf_claims_init(&one.claims, &one.arena);
	part = hf_claims_add_part(&one.claims, HF_PART_CARD, "card");
	assert_int_equal(hf_sink_make(&one.claims, &sink), HF_OK);
	hf_sink_aim(&sink, part, NULL);
	assert_int_equal(hf_sink_bytes(&sink, hf_span_text("x")), HF_ERR_INTERNAL);
	assert_int_equal(hf_sink_end(&sink, HF_OK), HF_ERR_INTERNAL);
	assert_int_equal(hf_sink_begin(&sink, "a", HF_METHOD_BYTES, 0), HF_OK);
	assert_int_equal(hf_sink_begin(&sink, "b", HF_METHOD_BYTES, 0), HF_ERR_INTERNAL);
	assert_int_equal(hf_sink_bytes(&sink, hf_span_text("abc")), HF_OK);
	room = hf_sink_room(&sink, &cap);
	assert_int_equal(cap, HF_ROM_MAX - 3);
	assert_int_equal(hf_sink_bytes(&sink, (struct hf_span){ room, cap + 1 }), HF_ERR_LIMIT);
	memcpy(room, "def", 3);
	assert_int_equal(hf_sink_bytes(&sink, (struct hf_span){ room, 3 }), HF_OK);
	assert_true(hf_span_equal(hf_sink_window(&sink), hf_span_text("abcdef")));
	assert_int_equal(hf_sink_end(&sink, HF_OK), HF_OK);
	assert_true(hf_measurement_find(part->measurements, "a")->size == 6);
	assert_int_equal(hf_sink_text(&sink, "t", HF_METHOD_VERSION, 0, "1.2"), HF_OK);
	assert_int_equal(hf_sink_number(&sink, "n", HF_METHOD_VERSION, 0, 12), HF_OK);
	assert_string_equal(hf_measurement_find(part->measurements, "t")->text, "1.2");
	assert_true(hf_measurement_find(part->measurements, "n")->number == 12);
	hf_sink_drop(&sink);
}

/* Larger than a ROM may be: hashed as it comes, not kept. */
static void test_sink_streams(void **state)
{
	static uint8_t block[1 << 20];
	struct hf_digest sha256, want;
	struct hf_measurement *m;
	struct hf_hasher *hasher;
	struct hf_part *part;
	struct hf_sink sink;
	size_t count;

	(void)state;
	memset(block, 0x5a, sizeof(block));
	hf_claims_init(&one.claims, &one.arena);
	part = hf_claims_add_part(&one.claims, HF_PART_CARD, "card");
	assert_int_equal(hf_sink_make(&one.claims, &sink), HF_OK);
	hf_sink_aim(&sink, part, NULL);
	assert_int_equal(hf_sink_stream(&sink), HF_ERR_INTERNAL);
	assert_int_equal(hf_sink_begin(&sink, "big", HF_METHOD_BYTES, CODE), HF_OK);
	assert_int_equal(hf_sink_stream(&sink), HF_OK);
	assert_int_equal(hf_hasher_new(HF_ALG_MASK(HF_ALG_SHA256), &hasher), HF_OK);
	for (size_t i = 0; i < HF_STREAM_MAX / sizeof(block); i++) {
		assert_int_equal(hf_sink_bytes(&sink, (struct hf_span){ block, sizeof(block) }), HF_OK);
		assert_int_equal(hf_hasher_update(hasher, (struct hf_span){ block, sizeof(block) }), HF_OK);
	}
	assert_int_equal(hf_sink_bytes(&sink, (struct hf_span){ block, 1 }), HF_ERR_LIMIT);
	assert_true(hf_sink_streamed(&sink) == HF_STREAM_MAX);
	assert_int_equal(hf_sink_window(&sink).len, 0);
	assert_int_equal(hf_sink_end(&sink, HF_OK), HF_OK);
	assert_int_equal(hf_hasher_final(hasher, &want, &count), HF_OK);
	hf_hasher_free(hasher);
	m = hf_measurement_find(part->measurements, "big");
	assert_int_equal(m->kind, HF_VALUE_DIGESTS);
	assert_true(m->size == HF_STREAM_MAX);
	sha256 = m->digests[0];
	assert_true(hf_digest_equal(&sha256, &want));
	/* What comes next is kept again, and nothing of the stream is left in the hasher. */
	for (int round = 0; round < 2; round++) {
		const char *mkey = round ? "after" : "partly";

		assert_int_equal(hf_sink_begin(&sink, mkey, HF_METHOD_BYTES, CODE), HF_OK);
		if (round == 0)
			assert_int_equal(hf_sink_stream(&sink), HF_OK);
		assert_int_equal(hf_sink_bytes(&sink, hf_span_text("abc")), HF_OK);
		assert_int_equal(hf_sink_end(&sink, round ? HF_OK : HF_ERR_READ_FAILED), HF_OK);
		m = hf_measurement_find(part->measurements, round ? "after" : "partly/partial");
		assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("abc"), &want), HF_OK);
		assert_true(m->size == 3);
		assert_true(hf_digest_equal(&m->digests[0], &want));
	}
	assert_true(hf_span_equal(hf_sink_window(&sink), hf_span_text("abc")));
	/* A name that is there already: the device floods, and the next one's digest is its own. */
	assert_int_equal(hf_sink_begin(&sink, "big", HF_METHOD_BYTES, CODE), HF_OK);
	assert_int_equal(hf_sink_stream(&sink), HF_OK);
	assert_int_equal(hf_sink_bytes(&sink, hf_span_text("of another")), HF_OK);
	assert_int_equal(hf_sink_end(&sink, HF_OK), HF_ERR_LIMIT);
	hf_sink_aim(&sink, part, NULL);
	assert_int_equal(hf_sink_begin(&sink, "next", HF_METHOD_BYTES, CODE), HF_OK);
	assert_int_equal(hf_sink_bytes(&sink, hf_span_text("abc")), HF_OK);
	assert_int_equal(hf_sink_end(&sink, HF_OK), HF_OK);
	assert_true(hf_digest_equal(&hf_measurement_find(part->measurements, "next")->digests[0], &want));
	hf_sink_drop(&sink);
}

static void test_table(void **state)
{
	(void)state;
	for (const struct hf_reader *const *r = hf_readers; *r; r++) {
		char text[96];

		assert_non_null((*r)->touches);
		assert_non_null((*r)->proves);
		snprintf(text, sizeof(text), "grep -q '^## %s$' docs/readers.md", (*r)->name);
		run("%s", text);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rom_of_two_images),
		T(test_rom_of_one_image),
		T(test_many_images),
		T(test_malformed_roms),
		T(test_rom_that_begins_late),
		T(test_rom_that_is_not_there),
		T(test_blank_rom),
		T(test_rom_too_large),
		T(test_boot_display),
		T(test_rom_options),
		T(test_nothing_to_read_is_a_claim),
		T(test_config_claims),
		T(test_config_that_cannot_be_read),
		T(test_capability_loop_is_a_claim),
		T(test_identity_is_from_config),
		T(test_broken_trees),
		T(test_host_files),
		T(test_virtual_functions_are_folded),
		T(test_compare),
		T(test_compare_functions),
		T(test_server),
		T(test_corpus_dumps),
		T(test_sink_refuses_misuse),
		T(test_sink_streams),
		T(test_table),
	};

	return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
