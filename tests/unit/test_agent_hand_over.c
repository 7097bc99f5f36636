/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive behind a tenant's initrd: what it holds, and who may read the secret in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "measure/cpio.h"
#include "agent/release.h"

struct source { int fd; };

static enum hf_err fill(void *self, uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct source *source = self;
	ssize_t n = read(source->fd, buf, cap);

	assert_true(n >= 0);
	*ret_len = (size_t)n;
	return HF_OK;
}

struct found { bool log, secret; uint32_t secret_mode; char text[64]; };

static void read_archive(int fd, struct found *ret)
{
	static uint8_t buf[1 << 20];
	struct source source = { fd };
	struct hf_cpio_entry entry = { 0 };
	struct hf_cpio cpio;
	struct hf_span data;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(lseek(fd, 8, SEEK_SET), 8);	/* "INITRD" and what fills it up to 4 bytes */
	hf_cpio_open(&cpio, fill, &source, buf, sizeof(buf));
	for (;;) {
		assert_int_equal(hf_cpio_next(&cpio, &entry), HF_OK);
		if (entry.trailer)
			return;
		ret->log |= strcmp(entry.name, ".extra/holdfast/holdfast.evlog") == 0;
		if (strcmp(entry.name, ".extra/holdfast/secret") != 0)
			continue;
		ret->secret = true;
		ret->secret_mode = entry.mode;
		assert_int_equal(hf_cpio_data(&cpio, &data), HF_OK);
		snprintf(ret->text, sizeof(ret->text), "%.*s", (int)data.len, (const char *)data.ptr);
	}
}

static void hand_over(struct hf_span secret, struct found *ret)
{
	char dir[] = "/tmp/holdfast-hand-XXXXXX", path[64], command[96];
	struct hf_tenant tenant;
	struct hf_fault fault = { 0 };
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/holdfast.evlog", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("log", file);
	fclose(file);
	hf_tenant_init(&tenant, HF_IMAGE_TENANT);
	tenant.initrd.fd = memfd_create("initrd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(tenant.initrd.fd, "INITRD", 6), 6);
	tenant.initrd.size = 6;
	assert_int_equal(hf_release_hand_over(&tenant, dir, secret, &fault), HF_OK);
	read_archive(tenant.initrd.fd, ret);
	hf_tenant_drop(&tenant);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void the_secret_is_roots_alone(void **state)
{
	struct found found;

	(void)state;
	hand_over(hf_span_text("S3CRET"), &found);
	assert_true(found.log && found.secret);
	assert_int_equal(found.secret_mode, S_IFREG | 0400);
	assert_string_equal(found.text, "S3CRET");
}

static void without_one_there_is_no_file(void **state)
{
	struct found found;

	(void)state;
	hand_over((struct hf_span){ NULL, 0 }, &found);
	assert_true(found.log);
	assert_false(found.secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_secret_is_roots_alone),
		cmocka_unit_test(without_one_there_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
