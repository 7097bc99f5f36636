/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: read once, matched by digest, and never loaded as anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "measure/cpio.h"
#include "agent/tenant.h"

#define ARENA ((size_t)16 << 20)

struct fixture {
	char dir[64], path[96];
	struct hf_arena arena;
	struct hf_tenant tenant, service;
	bool no_service;
	struct hf_fault fault;
	size_t manifests;
	char last[64];
	enum hf_err refuse;	/* what the list's reader says */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/holdfast-store-XXXXXX");
	if (!mkdtemp(f->dir) || hf_arena_make(ARENA, &f->arena) != HF_OK)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/store", f->dir);
	hf_tenant_init(&f->tenant, HF_IMAGE_TENANT);
	hf_tenant_init(&f->service, HF_IMAGE_SERVICE);
	memset(&f->fault, 0xaa, sizeof(f->fault));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	hf_tenant_drop(&f->tenant);
	hf_tenant_drop(&f->service);
	hf_arena_drop(&f->arena);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	int rc = system(command);

	free(f);
	return rc;
}

static enum hf_err on_manifest(void *self, const char *name, struct hf_span bytes, struct hf_fault *fault)
{
	struct fixture *f = self;

	f->manifests++;
	snprintf(f->last, sizeof(f->last), "%s %.*s", name, (int)bytes.len, (const char *)bytes.ptr);
	return f->refuse ? hf_fail(fault, f->refuse, name, "%s", "") : HF_OK;
}

static void put(struct hf_writer *w, const char *name, const char *text)
{
	hf_cpio_put(w, name, S_IFREG | 0644, hf_span_text(text));
}

static void write_store(struct fixture *f, struct hf_writer *w)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, w->buf, w->len), (ssize_t)w->len);
	close(fd);
}

static enum hf_err read_store(struct fixture *f)
{
	return hf_store_read(f->path, &f->arena, on_manifest, f, &f->tenant,
			     f->no_service ? NULL : &f->service, &f->fault);
}

static struct hf_digest sha256(const char *text)
{
	struct hf_digest d;

	memset(&d, 0xaa, sizeof(d));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text(text), &d), HF_OK);
	return d;
}

static struct hf_image kexec_image(const char *kernel, const char *initrd)
{
	return (struct hf_image){ .role = HF_IMAGE_TENANT, .kind = HF_TENANT_KEXEC, .name = "k",
		.has_kernel = true, .has_initrd = true, .kernel = sha256(kernel),
		.initrd = sha256(initrd), .command_line_text = "quiet" };
}

static struct hf_image root_image(const char *root)
{
	return (struct hf_image){ .role = HF_IMAGE_TENANT, .kind = HF_TENANT_ROOT, .name = "r",
		.has_root = true, .root = sha256(root) };
}

/* The store holds the given files, NULL for none. */
static void make(struct fixture *f, const char *kernel, const char *initrd, const char *root)
{
	static uint8_t buf[65536];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	if (kernel)
		put(&w, "kernel", kernel);
	put(&w, "list.corim", "signed");
	if (initrd)
		put(&w, "./initrd", initrd);
	if (root)
		put(&w, "root.squashfs", root);
	hf_cpio_put_trailer(&w);
	write_store(f, &w);
}

static void an_archive_is_read_once_and_matched(void **state)
{
	struct fixture *f = *state;
	struct hf_image other = root_image("KERNEL"), image = kexec_image("KERNEL", "INITRD");

	make(f, "KERNEL", "INITRD", NULL);
	other.next = &image;
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(f->manifests, 1);
	assert_string_equal(f->last, "list.corim signed");
	assert_int_equal(f->tenant.kernel.size, 6);
	assert_int_equal(hf_tenant_match(&f->tenant, &other, &f->fault), HF_OK);
	assert_ptr_equal(f->tenant.image, &image);
}

static void a_directory_is_read_alike(void **state)
{
	struct fixture *f = *state;
	struct hf_image image = root_image("ROOT");
	char path[128];
	static const char *const files[][2] = { { "root.squashfs", "ROOT" }, { "a.corim", "A" },
						{ "README", "x" } };

	assert_int_equal(mkdir(f->path, 0700), 0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->path, files[i][0]);
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(files[i][1], file);
		fclose(file);
	}
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(f->manifests, 1);
	assert_int_equal(hf_tenant_match(&f->tenant, &image, &f->fault), HF_OK);
}

static void other_bytes_are_unknown(void **state)
{
	struct fixture *f = *state;
	struct hf_image swapped = kexec_image("INITRD", "KERNEL");
	struct hf_image kernel_only = kexec_image("KERNEL", "initrd");
	struct hf_image initrd_only = kexec_image("kernel", "INITRD");
	struct hf_image agent = kexec_image("KERNEL", "INITRD");
	struct hf_image no_line = kexec_image("KERNEL", "INITRD");
	struct hf_image half = kexec_image("KERNEL", "INITRD");
	struct hf_image *all[] = { &swapped, &kernel_only, &initrd_only, &agent, &no_line, &half };

	agent.role = HF_IMAGE_AGENT;
	no_line.command_line_text = NULL;
	half.has_initrd = false;
	make(f, "KERNEL", "INITRD", NULL);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_match(&f->tenant, NULL, &f->fault), HF_ERR_TENANT_UNKNOWN);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(hf_tenant_match(&f->tenant, all[i], &f->fault), HF_ERR_TENANT_UNKNOWN);
		assert_null(f->tenant.image);
	}
}

static void a_service_image_lies_beside(void **state)
{
	static uint8_t buf[65536];
	struct fixture *f = *state;
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_image image = kexec_image("KERNEL", "INITRD"), service = kexec_image("SK", "SI");

	make(f, "KERNEL", "INITRD", NULL);
	assert_int_equal(read_store(f), HF_OK);
	assert_false(hf_tenant_any(&f->service));
	hf_tenant_drop(&f->tenant);
	put(&w, "kernel", "KERNEL");
	put(&w, "initrd", "INITRD");
	put(&w, "service-kernel", "SK");
	put(&w, "service-initrd", "SI");
	hf_cpio_put_trailer(&w);
	write_store(f, &w);
	image.next = &service;
	assert_int_equal(read_store(f), HF_OK);
	assert_true(hf_tenant_any(&f->service));
	assert_int_equal(hf_tenant_match(&f->tenant, &image, &f->fault), HF_OK);
	/* the right bytes, listed as a tenant's: they are none of a service image */
	assert_int_equal(hf_tenant_match(&f->service, &image, &f->fault), HF_ERR_TENANT_UNKNOWN);
	service.role = HF_IMAGE_SERVICE;
	assert_int_equal(hf_tenant_match(&f->service, &image, &f->fault), HF_OK);
	assert_ptr_equal(f->service.image, &service);
	assert_int_equal(pwrite(f->service.kernel.fd, "x", 1, 0), -1);	/* sealed, like a tenant's */
	assert_int_equal(hf_tenant_append(&f->service.initrd, hf_span_text("MORE"), &f->fault), HF_OK);
	/* and no service image is a tenant's */
	image.role = HF_IMAGE_SERVICE;
	assert_int_equal(hf_tenant_match(&f->tenant, &image, &f->fault), HF_ERR_TENANT_UNKNOWN);
}

static void without_a_controller_no_service_image_is_read(void **state)
{
	static uint8_t buf[65536];
	struct fixture *f = *state;
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	put(&w, "service-kernel", "SK");
	put(&w, "service-kernel", "SK");	/* twice is refused where it is looked at */
	hf_cpio_put_trailer(&w);
	write_store(f, &w);
	assert_int_equal(read_store(f), HF_ERR_STORE_SHAPE);
	f->no_service = true;
	hf_tenant_drop(&f->service);
	assert_int_equal(read_store(f), HF_OK);
	assert_false(hf_tenant_any(&f->service));
}

static void halves_and_doubles_are_refused(void **state)
{
	static const struct { const char *kernel, *initrd, *root; enum hf_err want; } cases[] = {
		{ NULL, NULL, NULL, HF_ERR_TENANT_MISSING },
		{ "K", NULL, NULL, HF_ERR_TENANT_UNVERIFIABLE },
		{ NULL, "I", NULL, HF_ERR_TENANT_UNVERIFIABLE },
		{ "K", "I", "R", HF_ERR_TENANT_UNVERIFIABLE },
		{ "K", NULL, "R", HF_ERR_TENANT_UNVERIFIABLE },
		{ NULL, "I", "R", HF_ERR_TENANT_UNVERIFIABLE },
	};
	struct fixture *f = *state;
	struct hf_image kexec = kexec_image("K", "I"), root = root_image("R");

	kexec.next = &root;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(f, cases[i].kernel, cases[i].initrd, cases[i].root);
		assert_int_equal(read_store(f), HF_OK);
		assert_int_equal(hf_tenant_match(&f->tenant, &kexec, &f->fault), cases[i].want);
		assert_int_equal(f->fault.err, cases[i].want);
		hf_tenant_drop(&f->tenant);
	}
}

static void a_boot_entry_is_a_form_of_its_own(void **state)
{
	static uint8_t buf[4096];
	struct fixture *f = *state;
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_image entry = { .role = HF_IMAGE_TENANT, .kind = HF_TENANT_NEXT_BOOT, .name = "n",
				  .has_boot_entry = true, .boot_entry = sha256("ENTRY") };
	struct hf_image as_root = root_image("ENTRY");

	put(&w, "boot-entry", "ENTRY");
	hf_cpio_put_trailer(&w);
	write_store(f, &w);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_match(&f->tenant, &entry, &f->fault), HF_OK);
	assert_ptr_equal(f->tenant.image, &entry);
	/* listed as another form, or with other bytes: unknown */
	assert_int_equal(hf_tenant_match(&f->tenant, &as_root, &f->fault), HF_ERR_TENANT_UNKNOWN);
	entry.boot_entry = sha256("entry");
	assert_int_equal(hf_tenant_match(&f->tenant, &entry, &f->fault), HF_ERR_TENANT_UNKNOWN);
	assert_int_equal(pwrite(f->tenant.boot_entry.fd, "x", 1, 0), -1);	/* sealed */
	hf_tenant_drop(&f->tenant);
	w.len = 0;
	put(&w, "boot-entry", "ENTRY");
	put(&w, "root.squashfs", "ROOT");
	hf_cpio_put_trailer(&w);
	write_store(f, &w);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_match(&f->tenant, &entry, &f->fault), HF_ERR_TENANT_UNVERIFIABLE);
}

static void leaving_needs_the_owners_word(void **state)
{
	struct fixture *f = *state;
	struct hf_image kexec = kexec_image("K", "I"), other, exit = { .role = HF_IMAGE_TENANT,
		.kind = HF_TENANT_EXIT, .name = "ramdisk" };

	assert_int_equal(hf_tenant_exit(&f->tenant, NULL, &f->fault), HF_ERR_RAN_AS_STEP);
	assert_int_equal(hf_tenant_exit(&f->tenant, &kexec, &f->fault), HF_ERR_RAN_AS_STEP);
	assert_null(f->tenant.image);
	kexec.next = &exit;
	assert_int_equal(hf_tenant_exit(&f->tenant, &kexec, &f->fault), HF_OK);
	assert_ptr_equal(f->tenant.image, &exit);
	exit.role = HF_IMAGE_SERVICE;	/* no service image is one */
	assert_int_equal(hf_tenant_exit(&f->tenant, &kexec, &f->fault), HF_ERR_RAN_AS_STEP);
	exit.role = HF_IMAGE_TENANT;
	other = exit;
	exit.next = &other;	/* which of them? */
	assert_int_equal(hf_tenant_exit(&f->tenant, &kexec, &f->fault), HF_ERR_TENANT_UNVERIFIABLE);
	/* and what lies in a store is never that image */
	exit.next = NULL;
	make(f, "K", "I", NULL);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_match(&f->tenant, &exit, &f->fault), HF_ERR_TENANT_UNKNOWN);
}

static void odd_stores_have_named_errors(void **state)
{
	static uint8_t buf[4096];
	struct fixture *f = *state;
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	assert_int_equal(read_store(f), HF_ERR_STORE_UNREADABLE);
	write_store(f, &w);
	assert_int_equal(read_store(f), HF_ERR_STORE_SHAPE);
	put(&w, "kernel", "K");
	put(&w, "kernel", "K");
	hf_cpio_put_trailer(&w);
	write_store(f, &w);
	assert_int_equal(read_store(f), HF_ERR_STORE_SHAPE);
	hf_tenant_drop(&f->tenant);
	make(f, "K", "I", NULL);
	f->refuse = HF_ERR_SIGNATURE_INVALID;
	assert_int_equal(read_store(f), HF_ERR_SIGNATURE_INVALID);
	assert_int_equal(f->fault.err, HF_ERR_SIGNATURE_INVALID);
	hf_tenant_drop(&f->tenant);
	snprintf(f->path, sizeof(f->path), "/dev/null");
	assert_int_equal(read_store(f), HF_ERR_STORE_SHAPE);
}

static void what_was_hashed_cannot_be_changed(void **state)
{
	struct fixture *f = *state;
	struct hf_image image = kexec_image("KERNEL", "INITRD");

	make(f, "KERNEL", "INITRD", NULL);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_match(&f->tenant, &image, &f->fault), HF_OK);
	/* The kernel is sealed from the moment it has a digest. */
	assert_int_equal(pwrite(f->tenant.kernel.fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(f->tenant.kernel.fd, 3), -1);
	assert_int_equal(hf_tenant_append(&f->tenant.kernel, hf_span_text("x"), &f->fault),
			 HF_ERR_INTERNAL);
	assert_int_equal(hf_tenant_seal(&f->tenant.kernel, &image.kernel, "kernel", &f->fault), HF_OK);
	/* The hand-over goes behind the initrd, whose own bytes stay what they were. */
	assert_int_equal(hf_tenant_append(&f->tenant.initrd, hf_span_text("MORE"), &f->fault), HF_OK);
	assert_int_equal(hf_tenant_seal(&f->tenant.initrd, &image.initrd, "initrd", &f->fault), HF_OK);
	assert_int_equal(hf_tenant_append(&f->tenant.initrd, hf_span_text("x"), &f->fault),
			 HF_ERR_INTERNAL);
	char all[16] = "";

	assert_int_equal(pread(f->tenant.initrd.fd, all, sizeof(all), 0), 10);
	assert_string_equal(all, "INITRDMORE");
	assert_int_equal(write(f->tenant.initrd.fd, "x", 1), -1);
	assert_int_equal(errno, EBADF);	/* read-only: the kernel loads no file open for writing */
}

static void an_initrd_changed_after_hashing_is_not_loaded(void **state)
{
	struct fixture *f = *state;
	struct hf_image image = kexec_image("KERNEL", "INITRD");

	make(f, "KERNEL", "INITRD", NULL);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_match(&f->tenant, &image, &f->fault), HF_OK);
	assert_int_equal(pwrite(f->tenant.initrd.fd, "i", 1, 0), 1);
	assert_int_equal(hf_tenant_seal(&f->tenant.initrd, &image.initrd, "initrd", &f->fault),
			 HF_ERR_TENANT_UNKNOWN);
	assert_string_equal(f->fault.where, "initrd");
}

static void another_digest_is_not_loaded(void **state)
{
	struct fixture *f = *state;
	struct hf_digest other = sha256("kernel");

	make(f, "KERNEL", "INITRD", NULL);
	assert_int_equal(read_store(f), HF_OK);
	assert_int_equal(hf_tenant_seal(&f->tenant.kernel, &other, "kernel", &f->fault),
			 HF_ERR_TENANT_UNKNOWN);
	assert_int_equal(hf_tenant_seal(&f->tenant.initrd, &other, "initrd", &f->fault),
			 HF_ERR_TENANT_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_archive_is_read_once_and_matched),
		TEST(a_directory_is_read_alike),
		TEST(other_bytes_are_unknown),
		TEST(a_service_image_lies_beside),
		TEST(without_a_controller_no_service_image_is_read),
		TEST(halves_and_doubles_are_refused),
		TEST(a_boot_entry_is_a_form_of_its_own),
		TEST(leaving_needs_the_owners_word),
		TEST(odd_stores_have_named_errors),
		TEST(what_was_hashed_cannot_be_changed),
		TEST(an_initrd_changed_after_hashing_is_not_loaded),
		TEST(another_digest_is_not_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
