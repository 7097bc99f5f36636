/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rest of a ROM's BAR: the registers and memory of a made-up device, and what the reader
 * claims of window and rest together. */
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
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pcie/config.h"
#include "pcie/readers.h"
#include "pcie/rom.h"

#define BASE 0x12000u		/* where the ROM lies in the made-up memory */
#define SIZE 0x4000u
#define DEVICE "t/bus/pci/devices/0000:01:00.0/"
#define OTHER "t/bus/pci/devices/0000:02:00.0/"
#define CODE HF_MEASUREMENT_CODE
#define ADVISORY HF_MEASUREMENT_ADVISORY

static char dir[64];
static uint8_t memory[BASE + 2 * SIZE], config[256], buf[SIZE * 2], now[256];
static struct hf_host host;
static struct hf_arena arena;
static struct hf_bus bus;
static struct hf_claims claims;

static bool as_sysfs;	/* files pass for a real sysfs's */

int fstatfs(int fd, struct statfs *ret)
{
	int rc = (int)syscall(SYS_fstatfs, fd, ret);

	if (rc == 0 && as_sysfs)
		ret->f_type = 0x62656572;
	return rc;
}

static char *in_dir(const char *name)
{
	static char path[4][192];
	static unsigned turn;

	snprintf(path[++turn % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[turn % 4];
}

static void run(const char *before, const char *arg)
{
	char command[1200];

	snprintf(command, sizeof(command), "%s %s", before, arg);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void store(const char *name, const void *bytes, size_t n)
{
	FILE *file = fopen(in_dir(name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	fclose(file);
}

static size_t load(const char *name, void *bytes, size_t cap)
{
	FILE *file = fopen(in_dir(name), "rb");
	size_t n;

	assert_non_null(file);
	n = fread(bytes, 1, cap, file);
	fclose(file);
	return n;
}

static void resource(uint64_t first, uint64_t last, uint64_t flags)
{
	char text[1024] = "";

	for (int i = 0; i < 13; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "0x%016llx 0x%016llx 0x%016llx\n",
			 i == 6 ? (unsigned long long)first : 0, i == 6 ? (unsigned long long)last : 0,
			 i == 6 ? (unsigned long long)flags : 0);
	store(DEVICE "resource", text, strlen(text));
}

static int setup(void **state)
{
	struct hf_fault fault;

	(void)state;
	as_sysfs = false;
	strcpy(dir, "/tmp/holdfast-rom-bar-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	run("mkdir -p", in_dir(DEVICE));
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)(i * 31 + (i >> 9));
	memcpy(memory + BASE, "\x55\xaa", 2);
	store("mem", memory, sizeof(memory));
	store(DEVICE "class", "0x020000\n", 9);
	memset(config, 0, sizeof(config));
	memcpy(config, "\x86\x80\xd3\x10\x00\x01", 6);	/* decodes no memory */
	memcpy(config + 0x30, "\x01\x20\x01\x00", 4);
	store(DEVICE "config", config, sizeof(config));
	resource(BASE, BASE + SIZE - 1, 0x46200);
	host.sysfs = -1;
	if (hf_host_open(in_dir("t"), &host, &fault))
		return -1;
	host.live = true;		/* as if it were; nothing of it is a real sysfs */
	return hf_arena_make(64u << 20, &arena);
}

static int teardown(void **state)
{
	(void)state;
	hf_host_close(&host);
	hf_arena_drop(&arena);
	run("rm -rf", dir);
	return 0;
}

static struct hf_rom_rest rest(size_t from)
{
	static const struct hf_address address = { .bus = 1 };
	static char mem[80];

	snprintf(mem, sizeof(mem), "%s/mem", dir);
	return (struct hf_rom_rest){ .address = &address, .config = { config, sizeof(config) },
				     .from = from, .memory = mem };
}

static void reads(const struct hf_rom_rest *r, enum hf_err want, size_t want_len)
{
	size_t len = 77;

	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(hf_host_read_rom_rest(&host, r, buf, sizeof(buf), &len), want);
	assert_int_equal(len, want_len);
	if (want_len)
		assert_memory_equal(buf, memory + BASE + r->from, want_len);
	if (want != HF_ERR_ROM_REST)
		assert_int_equal(buf[want_len], 0xaa);
	/* whatever became of it, the registers are as they were */
	load(DEVICE "config", now, sizeof(now));
	assert_memory_equal(now, config, sizeof(config));
}

static void test_live(void **state)
{
	struct hf_rom_rest r = rest(512);

	(void)state;
	reads(&r, HF_OK, SIZE - 512);
	r.from = 0;
	reads(&r, HF_OK, SIZE);
	r.from = SIZE - 4;
	reads(&r, HF_OK, 4);
	r.from = SIZE;			/* the kernel gave all of it */
	reads(&r, HF_OK, 0);
	r.from = 3;
	reads(&r, HF_ERR_ROM_REST, 0);
	r = rest(512);
	resource(BASE, BASE + 2 * sizeof(buf) - 1, 0x46200);
	reads(&r, HF_ERR_ROM_TOO_LARGE, 0);
	resource(0, 0, 0);		/* the kernel knows of no ROM */
	reads(&r, HF_OK, 0);
	resource(0, SIZE - 1, 0x20046200);	/* it has found no place for it */
	reads(&r, HF_ERR_ROM_REST, 0);
	resource(BASE + 4, BASE + 3 + SIZE, 0x46200);	/* no address that the register takes */
	reads(&r, HF_ERR_ROM_REST, 0);
	resource(1ull << 32, (1ull << 32) + SIZE - 1, 0x46200);
	reads(&r, HF_ERR_ROM_REST, 0);
	store(DEVICE "resource", "0x0 0x0 0x0\n", 12);
	reads(&r, HF_OK, 0);
}

static void test_refused(void **state)
{
	struct hf_rom_rest r = rest(512);

	(void)state;
	r.memory = "/not/there";
	reads(&r, HF_ERR_ROM_REST, 0);
	r.memory = in_dir("t");		/* opens, and cannot be mapped */
	reads(&r, HF_ERR_ROM_REST, 0);
	r = rest(512);
	run("rm", in_dir(DEVICE "config"));
	size_t len = 77;

	assert_int_equal(hf_host_read_rom_rest(&host, &r, buf, sizeof(buf), &len), HF_ERR_ROM_REST);
	assert_int_equal(len, 0);
	store(DEVICE "config", config, 8);	/* no register to be put back */
	assert_int_equal(hf_host_read_rom_rest(&host, &r, buf, sizeof(buf), &len), HF_ERR_ROM_REST);
	assert_int_equal(load(DEVICE "config", now, sizeof(now)), 8);
}

/* A plain file for registers: what was written to the BAR comes back, so it sizes itself as
 * 2 KiB, and its address is what it held. */
static void test_shadow(void **state)
{
	struct hf_rom_rest r = rest(0);

	(void)state;
	resource(0xc0000, 0xdffff, 0x212);	/* IORESOURCE_ROM_SHADOW */
	r.shadow = true;
	reads(&r, HF_ERR_ROM_REST, 0);		/* there is a ROM behind it, nobody may ask */
	r.sizing = true;
	reads(&r, HF_OK, 2048);
	/* firmware's address is another device's now; a bridge lets it through */
	char other[256];

	run("mkdir -p", in_dir("t/bus/pci/devices/0000:02:00.0"));
	store(OTHER "class", "0x020000\n", 9);
	snprintf(other, sizeof(other), "0x0 0x0 0x0\n0x%x 0x%x 0x40200\n", BASE + 2047, BASE + 4096);
	store(OTHER "resource", other, strlen(other));
	reads(&r, HF_ERR_ROM_REST, 0);
	snprintf(other, sizeof(other), "0x0 0x0 0x0\n0x%x 0x%x 0x40200\n", BASE + 2048, BASE + 4096);
	store(OTHER "resource", other, strlen(other));
	reads(&r, HF_OK, 2048);
	snprintf(other, sizeof(other), "0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n0x%x 0x%x 0x200\n",
		 BASE - 4096, BASE + 4096);
	store(OTHER "resource", other, strlen(other));
	reads(&r, HF_ERR_ROM_REST, 0);		/* memory of virtual functions */
	store(OTHER "class", "0x060400\n", 9);
	reads(&r, HF_OK, 2048);
	run("rm", in_dir(OTHER "resource"));
	reads(&r, HF_ERR_ROM_REST, 0);
	run("rm -r", in_dir("t/bus/pci/devices/0000:02:00.0"));
	memory[BASE] = 0;			/* no ROM answers */
	store("mem", memory, sizeof(memory));
	reads(&r, HF_ERR_ROM_REST, 0);
	memset(config + 0x30, 0, 4);		/* no address */
	store(DEVICE "config", config, sizeof(config));
	reads(&r, HF_ERR_ROM_REST, 0);
}

static void test_bridge(void **state)
{
	struct hf_rom_rest r = rest(0);

	(void)state;
	config[0x0e] = 1;
	memcpy(config + 0x38, config + 0x30, 4);
	memset(config + 0x30, 0, 4);
	store(DEVICE "config", config, sizeof(config));
	resource(0, 0, 0);
	r.sizing = true;
	reads(&r, HF_OK, 2048);
}

static void test_captured(void **state)
{
	struct hf_rom_rest r = rest(512);

	(void)state;
	host.live = false;
	reads(&r, HF_ERR_ROM_REST, 0);		/* resource says that there is more */
	store(DEVICE "rom_bar", memory + BASE, SIZE);
	reads(&r, HF_OK, SIZE - 512);
	r.from = SIZE;
	reads(&r, HF_OK, 0);
	r.from = SIZE + 1;			/* shorter than what the kernel gave */
	reads(&r, HF_OK, 0);
	run("truncate -s 1M", in_dir(DEVICE "rom_bar"));
	size_t len;

	r.from = 0;
	assert_int_equal(hf_host_read_rom_rest(&host, &r, buf, sizeof(buf), &len),
			 HF_ERR_ROM_TOO_LARGE);
	run("rm", in_dir(DEVICE "rom_bar"));
	resource(0, 0, 0);
	r.shadow = true;
	reads(&r, HF_OK, 0);
}

/* Linux's pci_write_rom: "0\n" is off, and every other word, "0" too, is on. */
static void test_rom_file_goes_off(void **state)
{
	static const struct hf_address address = { .bus = 1 };
	size_t len;

	(void)state;
	as_sysfs = true;
	store(DEVICE "rom", "xxxxx", 5);
	assert_int_equal(hf_host_read_rom(&host, &address, buf, sizeof(buf), &len), HF_OK);
	assert_int_equal(len, 5);
	assert_memory_equal(buf, "1xxxx", 5);
	load(DEVICE "rom", buf, sizeof(buf));
	assert_memory_equal(buf, "0\nxxx", 5);
	store(DEVICE "rom", "1xxxx", 5);
	hf_host_rom_put_back(&host, &address, (struct hf_span){ config, sizeof(config) });
	load(DEVICE "rom", buf, sizeof(buf));
	assert_memory_equal(buf, "0\nxxx", 5);
	as_sysfs = false;
	store(DEVICE "rom", "1xxxx", 5);
	hf_host_rom_put_back(&host, &address, (struct hf_span){ config, sizeof(config) });
	load(DEVICE "rom", buf, sizeof(buf));
	assert_memory_equal(buf, "1xxxx", 5);
}

/* A worker that is killed while it reads the ROM puts nothing back. */
static void test_put_back(void **state)
{
	static const struct hf_address address = { .bus = 1 };
	const uint8_t gone[4] = { 0xff, 0xff, 0xff, 0xff };

	(void)state;
	memcpy(now, config, sizeof(now));
	now[0x04] |= 6;			/* decodes memory; and somebody made it a bus master since */
	now[0x30] = 0;
	now[0x33] = 0xff;
	store(DEVICE "config", now, sizeof(now));
	hf_host_rom_put_back(&host, &address, (struct hf_span){ config, sizeof(config) });
	load(DEVICE "config", now, sizeof(now));
	config[0x04] |= 4;
	assert_memory_equal(now, config, sizeof(config));
	memcpy(now + 4, gone, sizeof(gone));	/* it reads all ones */
	memcpy(now + 0x30, gone, sizeof(gone));
	store(DEVICE "config", now, sizeof(now));
	hf_host_rom_put_back(&host, &address, (struct hf_span){ config, sizeof(config) });
	assert_int_equal(load(DEVICE "config", buf, sizeof(buf)), sizeof(now));
	assert_memory_equal(buf, now, sizeof(now));
	now[0x04] = 6;
	store(DEVICE "config", now, sizeof(now));
	hf_host_rom_put_back(&host, &address, (struct hf_span){ config, 32 });
	host.live = false;
	hf_host_rom_put_back(&host, &address, (struct hf_span){ config, sizeof(config) });
	load(DEVICE "config", buf, sizeof(buf));
	assert_memory_equal(buf, now, sizeof(now));
}

/* ---- what the reader makes of it ---- */

#define CARD "{\"at\": \"00.0\", \"vendor\": \"10de\", \"device\": \"2330\", \"class\": \"030200\"%s, " \
	     "\"rom\": {\"images\": [{\"code\": 0, \"size\": 2048}]}}"

static void make(const char *more)
{
	char text[1024];

	run("rm -rf", in_dir("t"));
	snprintf(text, sizeof(text), "{\"dmi\": {\"vendor\": \"V\", \"product\": \"P\"}, \"roots\": [{\"devices\": "
		 "[{\"at\": \"1c.0\", \"kind\": \"root-port\", \"slot\": true, \"below\": [" CARD "]}]}]}", more);
	store("t.json", text, strlen(text));
	snprintf(text, sizeof(text), "%s %s >/dev/null", in_dir("t.json"), in_dir("t"));
	run("python3 tests/trees/make_tree.py", text);
}

static struct hf_function *measure(void)
{
	static const struct hf_read_options options = { .rom_bound = true };
	struct hf_fault fault;

	hf_host_close(&host);
	arena.len = 0;
	assert_int_equal(hf_host_open(in_dir("t"), &host, &fault), HF_OK);
	assert_int_equal(hf_bus_read(&host, &arena, &bus, &fault), HF_OK);
	hf_claims_init(&claims, &arena);
	assert_int_equal(hf_topology(&bus, &claims), HF_OK);
	assert_int_equal(hf_measure(&host, &bus, &options, &claims, NULL, NULL), HF_OK);
	for (struct hf_part *part = claims.parts; part; part = part->next)
		if (part->kind == HF_PART_CARD)
			return part->functions;
	fail_msg("no card");
	return NULL;
}

static struct hf_measurement *find(const struct hf_function *f, const char *mkey)
{
	struct hf_measurement *m = hf_measurement_find(f->measurements, mkey);

	if (!m)
		fail_msg("no %s", mkey);
	return m;
}

static void absent(const struct hf_function *f, const char *mkey)
{
	if (hf_measurement_find(f->measurements, mkey))
		fail_msg("%s is there", mkey);
}

static void failed(const struct hf_function *f, const char *mkey, enum hf_err cause)
{
	struct hf_measurement *m = find(f, mkey);

	assert_int_equal(m->kind, HF_VALUE_FAILURE);
	assert_string_equal(hf_err_name(m->cause), hf_err_name(cause));
}

static void digest_of(const struct hf_function *f, const char *mkey, const uint8_t *bytes, size_t n)
{
	struct hf_measurement *m = find(f, mkey);
	struct hf_digest want;

	assert_int_equal(m->kind, HF_VALUE_DIGESTS);
	assert_int_equal(m->flags, CODE);
	assert_true(m->size == n);
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ bytes, n }, &want), HF_OK);
	assert_true(hf_digest_equal(&m->digests[0], &want));
}

static uint8_t bar[1 << 16];

/* An image at an offset of the BAR; NVIDIA's extension says whether there are more. */
static void image(size_t at, uint8_t code, uint16_t blocks, bool more)
{
	memset(bar + at, 0x90, blocks * 512u);
	memset(bar + at, 0, 0x60);
	memcpy(bar + at, "\x55\xaa", 2);
	bar[at + 2] = (uint8_t)blocks;
	bar[at + 0x18] = 0x1c;
	memcpy(bar + at + 0x1c, "PCIR\xde\x10\x30\x23\0\0\x18\0\3\0\2\3", 16);
	bar[at + 0x2c] = (uint8_t)blocks;
	bar[at + 0x30] = code;
	bar[at + 0x31] = 0x80;
	memcpy(bar + at + 0x40, "NPDE", 4);
	bar[at + 0x4a] = more ? 0 : 0x80;
}

static void put_window(size_t window, size_t whole)
{
	make("");
	store(DEVICE "rom", bar, window);
	if (whole)
		store(DEVICE "rom_bar", bar, whole);
}

static void test_chain_that_leaves_the_window(void **state)
{
	struct hf_function *f;

	(void)state;
	memset(bar, 0xff, sizeof(bar));
	image(0, 0, 4, true);
	image(2048, 3, 2, true);		/* where the kernel does not look */
	memcpy(bar + 2048 + 4, "\xf1\x0e\0\0\x0b\0\x64\x86\1\0", 10);
	bar[2048 + 0x16] = 0x60;		/* says that it is compressed, and is not */
	image(3072, 0xe0, 2, false);
	put_window(2048, 8192);
	f = measure();
	digest_of(f, "option-rom/window", bar, 2048);
	digest_of(f, "rom-bar/rest", bar + 2048, 6144);
	digest_of(f, "option-rom/0", bar, 2048);
	digest_of(f, "rom-bar/1", bar + 2048, 1024);
	failed(f, "rom-bar/1/authenticode", HF_ERR_ROM_COMPRESSION);
	digest_of(f, "rom-bar/2", bar + 3072, 1024);
	absent(f, "option-rom/1");
	absent(f, "option-rom");		/* does not lie in the window */
	absent(f, "option-rom/chain");
	absent(f, "option-rom/tail");
	/* the same device where nobody read the rest */
	put_window(2048, 0);
	resource(BASE, BASE + 8191, 0x46200);
	f = measure();
	failed(f, "rom-bar/rest", HF_ERR_ROM_REST);
	failed(f, "option-rom/chain", HF_ERR_ROM_NO_LAST_IMAGE);
	digest_of(f, "option-rom/0", bar, 2048);
}

static void test_rest_without_images(void **state)
{
	struct hf_function *f;

	(void)state;
	memset(bar, 0xff, sizeof(bar));
	image(0, 0, 4, false);
	put_window(2048, 8192);
	f = measure();
	assert_int_equal(find(f, "rom-bar/rest")->flags, ADVISORY);
	assert_string_equal(find(f, "rom-bar/rest")->text, "6144 bytes of 0xff");
	digest_of(f, "option-rom", bar, 2048);
	bar[8000] = 0;				/* one byte of it */
	put_window(2048, 8192);
	digest_of(measure(), "rom-bar/rest", bar + 2048, 6144);
	image(4096, 0, 2, false);		/* an image that nothing announces */
	put_window(2048, 8192);
	f = measure();
	digest_of(f, "rom-bar/unlisted/0", bar + 4096, 1024);
	absent(f, "option-rom/unlisted/0");
	put_window(2048, 2048);			/* no larger than the window */
	f = measure();
	absent(f, "rom-bar/rest");
}

static void test_inside_the_window(void **state)
{
	struct hf_function *f;

	(void)state;
	memset(bar, 0, sizeof(bar));
	memcpy(bar, "NVGI", 4);
	image(1024, 0, 2, true);
	bar[2048 + 5] = 1;			/* between two images */
	image(4096, 0xe0, 2, false);
	image(6144, 0, 1, false);
	put_window(8192, 0);
	f = measure();
	digest_of(f, "option-rom/window", bar, 8192);
	digest_of(f, "option-rom/gap/0", bar, 1024);
	digest_of(f, "option-rom/gap/1", bar + 2048, 2048);
	digest_of(f, "option-rom", bar + 1024, 4096);
	digest_of(f, "option-rom/tail", bar + 5120, 3072);
	digest_of(f, "option-rom/unlisted/0", bar + 6144, 512);
	digest_of(f, "option-rom/1", bar + 4096, 1024);
	bar[2048 + 5] = 0;			/* blank: nothing to say */
	memset(bar + 5120, 0xff, 3072);
	put_window(8192, 0);
	f = measure();
	absent(f, "option-rom/gap/1");
	absent(f, "option-rom/tail");
	for (size_t at = 5120, i = 0; i <= HF_ROM_UNLISTED_MAX; i++, at += 512)
		image(at, 0, 1, false);
	put_window(32768, 0);
	f = measure();
	failed(f, "option-rom/unlisted", HF_ERR_ROM_TOO_MANY_IMAGES);
	find(f, "option-rom/unlisted/15");
	absent(f, "option-rom/unlisted/16");
	/* a window that ends inside a gap and a tail */
	memset(bar, 0x33, sizeof(bar));
	image(0, 0, 2, true);
	image(4096, 0, 2, false);
	put_window(2048, 8192);
	f = measure();
	digest_of(f, "option-rom/gap/0", bar + 1024, 1024);
	digest_of(f, "rom-bar/1", bar + 4096, 1024);
	image(0, 0, 2, false);
	put_window(2048, 8192);
	digest_of(measure(), "option-rom/tail", bar + 1024, 1024);
}

static void test_shadow_and_real(void **state)
{
	struct hf_function *f;

	(void)state;
	memset(bar, 0xff, sizeof(bar));
	image(0, 0, 4, false);
	make(", \"boot_vga\": true, \"class\": \"030000\"");
	store(DEVICE "rom_bar", bar, 4096);
	f = measure();
	assert_int_equal(find(f, "option-rom/window")->flags, CODE | ADVISORY);
	failed(f, "option-rom/shadow", HF_ERR_ROM_SHADOW);
	digest_of(f, "rom-bar/rest", bar, 4096);
	digest_of(f, "rom-bar/0", bar, 2048);
	absent(f, "option-rom/0");
	absent(f, "option-rom");
	memset(bar, 0x11, 4096);
	store(DEVICE "rom_bar", bar, 4096);
	failed(measure(), "rom-bar/chain", HF_ERR_ROM_SIGNATURE);
}

/* The kernel gives nothing of a ROM that it does not like; the BAR shows it. */
static void test_window_unreadable(void **state)
{
	struct hf_function *f;

	(void)state;
	memset(bar, 0x22, sizeof(bar));
	image(512, 0, 1, false);
	put_window(0, 4096);
	f = measure();
	failed(f, "option-rom/window", HF_ERR_ROM_EMPTY);
	digest_of(f, "rom-bar/rest", bar, 4096);
	digest_of(f, "rom-bar/0", bar + 512, 512);
}

/* What lies behind a bridge is read at the same time: its decoding is never switched off. */
static void test_bridge_is_not_sized(void **state)
{
	static const char at[] = "t/bus/pci/devices/0000:00:1c.0/config";
	struct hf_read_options options = { .rom_bound = true, .rom_sizing = true };
	struct hf_fault fault;
	size_t bridges = 0, n;
	char mem[96];

	(void)state;
	snprintf(mem, sizeof(mem), "%s", in_dir("mem"));
	options.memory = mem;
	make("");
	n = load(at, now, sizeof(now));
	memcpy(now + 0x38, "\x01\x20\x01\x00", 4);
	store(at, now, n);
	hf_host_close(&host);
	assert_int_equal(hf_host_open(in_dir("t"), &host, &fault), HF_OK);
	host.live = true;
	arena.len = 0;
	assert_int_equal(hf_bus_read(&host, &arena, &bus, &fault), HF_OK);
	hf_claims_init(&claims, &arena);
	assert_int_equal(hf_topology(&bus, &claims), HF_OK);
	assert_int_equal(hf_measure(&host, &bus, &options, &claims, NULL, NULL), HF_OK);
	for (struct hf_part *part = claims.parts; part; part = part->next) {
		for (const struct hf_function *f = part->functions; f; f = f->next) {
			if (f->identity.header_type != 1)
				continue;
			bridges++;
			failed(f, "option-rom/window", HF_ERR_ROM_READ);
			absent(f, "rom-bar/rest");
		}
	}
	assert_int_equal(bridges, 1);
}

/* Memory that never answers: the worker is killed with the ROM's register changed. */
static void test_registers_after_a_hang(void **state)
{
	static const char at[] = DEVICE "config";
	struct hf_read_options options = { .rom_bound = true };
	struct hf_fault fault;
	uint8_t before[256];
	char fifo[96];

	(void)state;
	make("");
	snprintf(fifo, sizeof(fifo), "%s", in_dir("fifo"));
	assert_int_equal(mkfifo(fifo, 0600), 0);	/* nobody writes to it: open waits for ever */
	options.memory = fifo;
	resource(BASE, BASE + SIZE - 1, 0x46200);
	load(at, before, sizeof(before));
	hf_host_close(&host);
	assert_int_equal(hf_host_open(in_dir("t"), &host, &fault), HF_OK);
	host.live = true;
	host.device_ms = 300;
	arena.len = 0;
	assert_int_equal(hf_bus_read(&host, &arena, &bus, &fault), HF_OK);
	hf_claims_init(&claims, &arena);
	assert_int_equal(hf_topology(&bus, &claims), HF_OK);
	assert_int_equal(hf_measure(&host, &bus, &options, &claims, NULL, NULL), HF_OK);
	host.device_ms = 0;
	for (struct hf_part *part = claims.parts; part; part = part->next)
		if (part->kind == HF_PART_CARD)
			failed(part->functions, "option-rom/window", HF_ERR_TIMED_OUT);
	load(at, now, sizeof(now));
	assert_memory_equal(now, before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_live, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shadow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bridge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_captured, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rom_file_goes_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_that_leaves_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest_without_images, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inside_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shadow_and_real, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bridge_is_not_sized, setup, teardown),
		cmocka_unit_test_setup_teardown(test_registers_after_a_hang, setup, teardown),
	};

	return cmocka_run_group_tests_name("rom_bar", tests, NULL, NULL);
}
