/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/release.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/bind.h"
#include "measure/cpio.h"
#include "agent/next_boot.h"
#include "agent/pid1.h"
#include "measure/file.h"

#define NEW_ROOT "/newroot"
#define HAND_OVER_DIR ".extra/holdfast"
#define HAND_OVER_MAX ((size_t)256 << 20)
#define HAND_OVER_FILE_MAX ((size_t)64 << 20)

static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };
#define MOVED_COUNT (sizeof(moved) / sizeof(moved[0]))

/* ---- switch_root, before anything is said ---- */

static enum hf_err attach_loop(const struct hf_tenant_file *root, char *ret_path, size_t cap,
			       struct hf_fault *fault)
{
	struct loop_config config = { .fd = (uint32_t)root->fd,
		.info = { .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR } };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number, loop;

	if (control < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "/dev/loop-control");
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (number < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "LOOP_CTL_GET_FREE");
	snprintf(ret_path, cap, "/dev/loop%d", number);
	loop = open(ret_path, O_RDONLY | O_CLOEXEC);
	if (loop < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, ret_path);
	if (ioctl(loop, LOOP_CONFIGURE, &config) != 0) {
		int sys_errno = errno;

		close(loop);
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, sys_errno, ret_path);
	}
	/* Mounted while it is open: AUTOCLEAR would let go of it on close. */
	if (mkdir(NEW_ROOT, 0755) != 0 && errno != EEXIST) {
		close(loop);
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, NEW_ROOT);
	}
	if (mount(ret_path, NEW_ROOT, "squashfs", MS_RDONLY, NULL) != 0) {
		int sys_errno = errno;

		close(loop);
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, sys_errno, "mounting root.squashfs");
	}
	close(loop);
	return HF_OK;
}

const char *hf_release_name(enum hf_tenant_kind kind)
{
	return kind == HF_TENANT_ROOT ? "switch-root" : hf_tenant_kind_name(kind);
}

static enum hf_err prepare_root(struct hf_tenant *tenant, struct hf_fault *fault)
{
	char path[32];
	enum hf_err err;

	err = hf_tenant_seal(&tenant->root, &tenant->image->root, "root.squashfs", fault);
	if (err == HF_OK)
		err = hf_module_load("loop", fault);
	if (err == HF_OK)
		err = hf_module_load("squashfs", fault);
	return err != HF_OK ? err : attach_loop(&tenant->root, path, sizeof(path), fault);
}

/* The sealed bytes of the entry, in buf. */
static enum hf_err read_entry(const struct hf_tenant *tenant, uint8_t *buf, struct hf_span *ret,
			      struct hf_fault *fault)
{
	const struct hf_tenant_file *file = &tenant->boot_entry;

	if (file->size > HF_BOOT_ENTRY_MAX ||
	    pread(file->fd, buf, HF_BOOT_ENTRY_MAX, 0) != (ssize_t)file->size)
		return hf_fail(fault, HF_ERR_BOOT_ENTRY, "boot-entry", "%llu bytes, at most %d",
			       (unsigned long long)file->size, HF_BOOT_ENTRY_MAX);
	*ret = (struct hf_span){ buf, (size_t)file->size };
	return HF_OK;
}

/* What is wrong with it shall be said before anything is given away. */
static enum hf_err prepare_next_boot(struct hf_tenant *tenant, struct hf_fault *fault)
{
	uint8_t buf[HF_BOOT_ENTRY_MAX];
	struct hf_span entry;
	uint16_t number;
	bool is_new;
	int dirfd;
	enum hf_err err = hf_tenant_seal(&tenant->boot_entry, &tenant->image->boot_entry, "boot-entry",
					 fault);

	if (err == HF_OK)
		err = read_entry(tenant, buf, &entry, fault);
	if (err == HF_OK)
		err = hf_boot_entry_check(entry, fault);
	if (err != HF_OK)
		return err;
	dirfd = open(HF_EFIVARS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, HF_EFIVARS);
	err = hf_next_boot_find(dirfd, entry, &number, &is_new, fault);
	close(dirfd);
	return err;
}

enum hf_err hf_release_prepare(struct hf_tenant *tenant, struct hf_fault *fault)
{
	switch (tenant->image->kind) {
	case HF_TENANT_KEXEC:
		return hf_tenant_seal(&tenant->kernel, &tenant->image->kernel, "kernel", fault);
	case HF_TENANT_ROOT:
		return prepare_root(tenant, fault);
	case HF_TENANT_NEXT_BOOT:
		return prepare_next_boot(tenant, fault);
	case HF_TENANT_EXIT:
		return HF_OK;
	}
	return hf_fail(fault, HF_ERR_INTERNAL, "release", "%s", "no such kind");
}

/* ---- next-boot ---- */

enum hf_err hf_release_set_next_boot(const struct hf_tenant *tenant, struct hf_fault *fault)
{
	const unsigned long flags = MS_REMOUNT | MS_NOSUID | MS_NOEXEC | MS_NODEV;
	uint8_t buf[HF_BOOT_ENTRY_MAX];
	struct hf_span entry;
	enum hf_err err = read_entry(tenant, buf, &entry, fault);
	int dirfd;

	if (err != HF_OK)
		return err;
	if (mount(NULL, HF_EFIVARS, NULL, flags, NULL) != 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, HF_EFIVARS);
	dirfd = open(HF_EFIVARS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, HF_EFIVARS);
	err = hf_next_boot_set(dirfd, entry, fault);
	close(dirfd);
	return err;
}

void hf_release_efivars(void)
{
	if (umount2(HF_EFIVARS, MNT_DETACH) != 0)
		errno = 0;
}

enum hf_err hf_release_reset(struct hf_fault *fault)
{
	sync();
	reboot(LINUX_REBOOT_CMD_RESTART);
	return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "reset");
}

/* ---- kexec ---- */

static enum hf_err pack_file(int dirfd, const char *name, struct hf_arena *arena, struct hf_writer *w,
			     struct hf_fault *fault)
{
	const size_t mark = arena->len;
	struct hf_span bytes;
	char path[HF_CPIO_NAME_MAX + 1];
	enum hf_err err = hf_file_read(dirfd, name, HAND_OVER_FILE_MAX, arena, &bytes, fault);

	if (err != HF_OK)
		return err;
	if ((size_t)snprintf(path, sizeof(path), HAND_OVER_DIR "/%s", name) >= sizeof(path))
		return hf_fail(fault, HF_ERR_LIMIT, name, "%s", "name too long");
	hf_cpio_put(w, path, S_IFREG | 0444, bytes);
	arena->len = mark;
	return w->full ? hf_fail(fault, HF_ERR_LIMIT, name, "%s", "the hand-over is too large") : HF_OK;
}

static enum hf_err pack(int dirfd, struct hf_span secret, struct hf_arena *arena, struct hf_writer *w,
			struct hf_fault *fault)
{
	const struct hf_span empty = { NULL, 0 };
	struct dirent **list = NULL;
	int count = scandirat(dirfd, ".", &list, NULL, alphasort);
	enum hf_err err = HF_OK;

	if (count < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "hand-over");
	hf_cpio_put(w, ".extra", S_IFDIR | 0755, empty);
	hf_cpio_put(w, HAND_OVER_DIR, S_IFDIR | 0755, empty);
	for (int i = 0; i < count; i++) {
		if (err == HF_OK && list[i]->d_name[0] != '.')
			err = pack_file(dirfd, list[i]->d_name, arena, w, fault);
		free(list[i]);
	}
	free(list);
	if (secret.len)
		hf_cpio_put(w, HAND_OVER_DIR "/" HF_SECRET_FILE, S_IFREG | 0400, secret);
	hf_cpio_put_trailer(w);
	if (err == HF_OK && w->full)
		err = hf_fail(fault, HF_ERR_LIMIT, "hand-over", "%zu bytes", w->len);
	return err;
}

enum hf_err hf_release_hand_over(struct hf_tenant *tenant, const char *dir, struct hf_span secret,
				 struct hf_fault *fault)
{
	static const uint8_t zeros[4];
	const size_t pad = (size_t)(-tenant->initrd.size & 3);	/* an archive begins on 4 bytes */
	struct hf_arena out, scratch;
	struct hf_writer w;
	enum hf_err err;
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, dir);
	if (hf_arena_make(HAND_OVER_MAX, &out) != HF_OK) {
		close(dirfd);
		return hf_fail(fault, HF_ERR_NO_MEMORY, dir, "%s", "");
	}
	err = hf_arena_make(2 * HAND_OVER_FILE_MAX, &scratch);
	if (err != HF_OK) {
		hf_arena_drop(&out);
		close(dirfd);
		return hf_fail(fault, err, dir, "%s", "");
	}
	w = (struct hf_writer){ .buf = out.base, .cap = out.cap };
	err = pack(dirfd, secret, &scratch, &w, fault);
	if (err == HF_OK)
		err = hf_tenant_append(&tenant->initrd, (struct hf_span){ zeros, pad }, fault);
	if (err == HF_OK)
		err = hf_tenant_append(&tenant->initrd, hf_written(&w), fault);
	if (secret.len)
		explicit_bzero(out.base, w.len);
	hf_arena_drop(&scratch);
	hf_arena_drop(&out);
	close(dirfd);
	return err;
}

static enum hf_err no_other_kernel(struct hf_fault *fault)
{
	int fd = open("/proc/sys/kernel/kexec_load_disabled", O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, "1\n", 2);

	if (fd >= 0)
		close(fd);
	if (n != 2)
		return hf_fail(fault, HF_ERR_RELEASE_FAILED, "kexec_load_disabled", "%s", "not set");
	return HF_OK;
}

enum hf_err hf_release_load(struct hf_tenant *tenant, struct hf_fault *fault)
{
	const struct hf_image *image = tenant->image;
	enum hf_err err = hf_tenant_seal(&tenant->kernel, &image->kernel, "kernel", fault);

	if (err == HF_OK)
		err = hf_tenant_seal(&tenant->initrd, &image->initrd, "initrd", fault);
	if (err != HF_OK)
		return err;
	if (syscall(SYS_kexec_file_load, tenant->kernel.fd, tenant->initrd.fd,
		    strlen(image->command_line_text) + 1, image->command_line_text, 0UL) != 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "kexec_file_load");
	return no_other_kernel(fault);
}

enum hf_err hf_release_kexec(struct hf_fault *fault)
{
	sync();
	reboot(LINUX_REBOOT_CMD_KEXEC);
	return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "kexec");
}

void hf_release_never(void)
{
	static const char *const secrets[] = { HF_RUN "/" HF_SECRET_FILE, NEW_ROOT HF_RUN "/" HF_SECRET_FILE };
	int dirfd;

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		(void)unlink(secrets[i]);	/* it is hardly ever there */
	(void)no_other_kernel(NULL);
	dirfd = open(HF_EFIVARS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0) {
		hf_next_boot_drop(dirfd);
		close(dirfd);
	}
}

/* ---- switch_root ---- */

/* The initramfs lies in memory that the tenant shall have; nothing of ours stays in it. */
static void remove_tree(int dirfd, dev_t device)
{
	DIR *dir = fdopendir(dirfd);
	const struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != device)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (sub >= 0)
				remove_tree(sub, device);
			unlinkat(dirfd, name, AT_REMOVEDIR);
		} else {
			unlinkat(dirfd, name, 0);
		}
	}
	if (dir)
		closedir(dir);
	else
		close(dirfd);
}

static enum hf_err move_mounts(struct hf_fault *fault)
{
	char target[64];

	/* Mounted for reading: left there, it would keep the tenant from its boot variables. */
	hf_release_efivars();	/* perhaps it was never there */
	for (size_t i = 0; i < MOVED_COUNT; i++) {
		snprintf(target, sizeof(target), NEW_ROOT "%s", moved[i]);
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) != 0)
			return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, target);
	}
	return HF_OK;
}

static void console_descriptors(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	for (int i = 0; fd >= 0 && i <= 2; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

enum hf_err hf_release_switch_root(struct hf_fault *fault)
{
	static const char *const inits[] = { "/sbin/init", "/init" };
	char *const environment[] = { (char[]){ "HOME=/" }, (char[]){ "TERM=linux" }, NULL };
	struct stat st;
	enum hf_err err = move_mounts(fault);
	int root;

	if (err != HF_OK)
		return err;
	if (chdir(NEW_ROOT) != 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, NEW_ROOT);
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0 && fstat(root, &st) == 0)
		remove_tree(root, st.st_dev);
	if (mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "switching the root");
	console_descriptors();
	reboot(RB_ENABLE_CAD);
	umask(022);
	hf_pid1_signals_default();
	for (size_t i = 0; i < 2; i++) {
		char name[32];
		char *const argv[] = { name, NULL };

		snprintf(name, sizeof(name), "%s", inits[i]);
		execve(inits[i], argv, environment);
	}
	return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "starting the tenant's init");
}
