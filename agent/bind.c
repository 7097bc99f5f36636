/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "measure/file.h"

#define MODULE_INIT_COMPRESSED_FILE 4	/* linux/module.h, since 5.17 */
#define MODULE_DEPENDENCIES_MAX 32

static bool same_name_char(uint8_t a, char b)
{
	return a == (uint8_t)b || ((a == '-' || a == '_') && (b == '-' || b == '_'));
}

/* "kernel/drivers/nvme/host/nvme-core.ko.xz" is module nvme_core. */
static bool path_names(struct hf_span path, const char *name)
{
	size_t start = path.len, len = strlen(name);

	while (start > 0 && path.ptr[start - 1] != '/')
		start--;
	if (path.len - start < len + 3 || memcmp(path.ptr + start + len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!same_name_char(path.ptr[start + i], name[i]))
			return false;
	return path.len == start + len + 3 || path.ptr[start + len + 3] == '.';
}

bool hf_modules_path(struct hf_span *line, struct hf_span *ret_path)
{
	size_t len = 0;

	while (line->len && (line->ptr[0] == ' ' || line->ptr[0] == ':'))
		*line = hf_span_part(*line, 1, line->len - 1);
	while (len < line->len && line->ptr[len] != ' ' && line->ptr[len] != ':')
		len++;
	if (len == 0)
		return false;
	*ret_path = hf_span_part(*line, 0, len);
	*line = hf_span_part(*line, len, line->len - len);
	return true;
}

bool hf_modules_find(struct hf_span modules_dep, const char *name, struct hf_span *ret_line)
{
	for (size_t pos = 0; pos < modules_dep.len;) {
		const uint8_t *end = memchr(modules_dep.ptr + pos, '\n', modules_dep.len - pos);
		size_t len = end ? (size_t)(end - modules_dep.ptr) - pos : modules_dep.len - pos;
		struct hf_span line = { modules_dep.ptr + pos, len };
		struct hf_span rest = line, path;

		if (hf_modules_path(&rest, &path) && path_names(path, name)) {
			*ret_line = line;
			return true;
		}
		pos += len + 1;
	}
	return false;
}

static enum hf_err insert(int dirfd, struct hf_span path, struct hf_fault *fault)
{
	char name[256];
	long rc;
	int fd, flags;

	snprintf(name, sizeof(name), "%.*s", (int)path.len, (const char *)path.ptr);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, errno, name);
	flags = path.len > 3 && memcmp(path.ptr + path.len - 3, ".ko", 3) == 0
			? 0 : MODULE_INIT_COMPRESSED_FILE;
	rc = syscall(SYS_finit_module, fd, "", flags);
	if (rc != 0 && errno != EEXIST) {
		rc = errno;
		close(fd);
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, (int)rc, name);
	}
	close(fd);
	return HF_OK;
}

static enum hf_err insert_line(int dirfd, struct hf_span line, struct hf_fault *fault)
{
	struct hf_span paths[MODULE_DEPENDENCIES_MAX];
	size_t count = 0;

	while (count < MODULE_DEPENDENCIES_MAX && hf_modules_path(&line, &paths[count]))
		count++;
	if (count == MODULE_DEPENDENCIES_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, "modules.dep", "%s", "too many dependencies");
	while (count-- > 0) {
		enum hf_err err = insert(dirfd, paths[count], fault);

		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

static bool built_in(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%.64s", name);
	for (char *c = path; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return access(path, F_OK) == 0;
}

enum hf_err hf_module_load(const char *name, struct hf_fault *fault)
{
	struct utsname uts;
	struct hf_arena arena;
	struct hf_span dep, line;
	char path[256];
	enum hf_err err;
	int dirfd;

	if (built_in(name))	/* or loaded before */
		return HF_OK;
	if (uname(&uts) != 0 || hf_arena_make(2 * HF_MODULES_DEP_MAX, &arena) != HF_OK)
		return hf_fail(fault, HF_ERR_NO_MEMORY, name, "%s", "modules.dep");
	snprintf(path, sizeof(path), "/lib/modules/%.128s", uts.release);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		hf_arena_drop(&arena);
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, errno, path);
	}
	err = hf_file_read(dirfd, "modules.dep", HF_MODULES_DEP_MAX, &arena, &dep, fault);
	if (err == HF_OK && !hf_modules_find(dep, name, &line))
		err = hf_fail(fault, HF_ERR_BIND_FAILED, name, "not in %s/modules.dep", path);
	if (err == HF_OK)
		err = insert_line(dirfd, line, fault);
	close(dirfd);
	hf_arena_drop(&arena);
	return err;
}

/* ---- which devices a driver takes ---- */

enum hf_err hf_aliases_read(struct hf_arena *arena, struct hf_aliases *ret, struct hf_fault *fault)
{
	struct hf_aliases found = { { NULL, 0 }, { NULL, 0 } };
	struct hf_fault mine = { 0 };
	struct utsname uts;
	char path[256];
	enum hf_err err = HF_ERR_BIND_FAILED, builtin;
	int dirfd;

	if (uname(&uts) != 0)
		return hf_fail(fault, HF_ERR_BIND_FAILED, "/lib/modules", "%s", "uname");
	snprintf(path, sizeof(path), "/lib/modules/%.128s", uts.release);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, errno, path);
	err = hf_file_read(dirfd, "modules.alias", HF_MODULES_ALIAS_MAX, arena, &found.modules_alias, &mine);
	builtin = hf_file_read(dirfd, "modules.builtin.modinfo", HF_MODULES_ALIAS_MAX, arena,
			       &found.builtin_modinfo, &mine);
	close(dirfd);
	if (err != HF_OK && builtin != HF_OK)
		return hf_fail(fault, HF_ERR_BIND_FAILED, path, "%s",
			       "no modules.alias: which devices a driver takes is not known");
	*ret = found;
	return HF_OK;
}

void hf_modalias_format(const struct hf_identity *identity, char out[static HF_MODALIAS_TEXT])
{
	snprintf(out, HF_MODALIAS_TEXT, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
		 identity->vendor, identity->device, identity->subsystem_vendor,
		 identity->subsystem_device, identity->class_code >> 16 & 0xff,
		 identity->class_code >> 8 & 0xff, identity->class_code & 0xff);
}

static bool same_name(struct hf_span text, const char *name)
{
	if (text.len != strlen(name))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!same_name_char(text.ptr[i], name[i]))
			return false;
	return true;
}

static bool pattern_takes(struct hf_span pattern, const char *modalias)
{
	char text[256];

	if (pattern.len >= sizeof(text))
		return false;
	memcpy(text, pattern.ptr, pattern.len);
	text[pattern.len] = '\0';
	return fnmatch(text, modalias, 0) == 0;
}

/* Up to the separator, which is taken off as well. */
static struct hf_span take_until(struct hf_span *rest, char separator)
{
	const uint8_t *end = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
	struct hf_span part = hf_span_part(*rest, 0, len);

	*rest = hf_span_part(*rest, len + (end != NULL), rest->len - len - (end != NULL));
	return part;
}

static bool module_takes(struct hf_span modules_alias, const char *driver, const char *modalias)
{
	while (modules_alias.len) {
		struct hf_span line = take_until(&modules_alias, '\n');
		struct hf_span word = take_until(&line, ' '), pattern = take_until(&line, ' ');

		if (hf_span_equal(word, hf_span_text("alias")) && same_name(line, driver) &&
		    pattern_takes(pattern, modalias))
			return true;
	}
	return false;
}

static bool builtin_takes(struct hf_span modinfo, const char *driver, const char *modalias)
{
	while (modinfo.len) {
		struct hf_span entry = take_until(&modinfo, '\0');
		struct hf_span name = take_until(&entry, '.'), key = take_until(&entry, '=');

		if (hf_span_equal(key, hf_span_text("alias")) && same_name(name, driver) &&
		    pattern_takes(entry, modalias))
			return true;
	}
	return false;
}

bool hf_aliases_take(const struct hf_aliases *aliases, const char *driver, const char *modalias)
{
	return module_takes(aliases->modules_alias, driver, modalias) ||
	       builtin_takes(aliases->builtin_modinfo, driver, modalias);
}
