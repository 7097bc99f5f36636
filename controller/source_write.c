/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/source_write.h"
#include "measure/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One manifest alone, as a document. */
static enum hf_err write_source(int dirfd, const char *name, const struct hf_manifests *one,
				FILE *told, struct hf_fault *fault)
{
	char *json = hf_source_format(one), path[HF_NAME_MAX + 16];
	enum hf_err err;

	if (!json)
		return hf_fail(fault, HF_ERR_NO_MEMORY, name, "text");
	snprintf(path, sizeof(path), "%s.json", name);
	err = hf_file_write(dirfd, path, hf_span_text(json), 0644, fault);
	if (!err && told)
		fprintf(told, "%s\n", path);
	free(json);
	return err;
}

static enum hf_err write_components(int dirfd, const struct hf_manifests *manifests, FILE *told,
				    struct hf_fault *fault)
{
	struct hf_component *next;
	enum hf_err err = HF_OK;

	for (struct hf_component *c = manifests->components; c && !err; c = next) {
		struct hf_manifests one = { .arena = manifests->arena, .components = c };

		next = c->next;
		c->next = NULL;
		err = write_source(dirfd, c->name, &one, told, fault);
		c->next = next;
	}
	return err;
}

static enum hf_err write_models(int dirfd, const struct hf_manifests *manifests, bool many,
				FILE *told, struct hf_fault *fault)
{
	char name[HF_NAME_MAX + 8] = "model";
	struct hf_model *next;
	enum hf_err err = HF_OK;

	for (struct hf_model *m = manifests->models; m && !err; m = next) {
		struct hf_manifests one = { .arena = manifests->arena, .models = m };

		if (many)
			snprintf(name, sizeof(name), "model-%s", m->name);
		next = m->next;
		m->next = NULL;
		err = write_source(dirfd, name, &one, told, fault);
		m->next = next;
	}
	return err;
}

enum hf_err hf_sources_write(const char *dir, const struct hf_manifests *manifests, bool many_models,
			     FILE *told, struct hf_fault *fault)
{
	enum hf_err err;
	int fd;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, dir);
	err = write_components(fd, manifests, told, fault);
	if (!err)
		err = write_models(fd, manifests, many_models, told, fault);
	close(fd);
	return err;
}
