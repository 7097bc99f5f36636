/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cause {
	enum hf_err err;
	enum hf_class class;
	enum hf_exit exit;
	const char *name, *sentence, *next_step;
} causes[] = {
#define HF_CAUSE(symbol, number, name, class, exit, sentence, next) \
	{ HF_ERR_##symbol, HF_CLASS_##class, HF_EXIT_##exit, name, sentence, next },
#include "measure/causes.def"
#undef HF_CAUSE
};

#define CAUSE_COUNT (sizeof(causes) / sizeof(causes[0]))

static const struct cause *cause_of(enum hf_err err)
{
	const struct cause *internal = NULL;

	for (size_t i = 0; i < CAUSE_COUNT; i++) {
		if (causes[i].err == err)
			return &causes[i];
		if (causes[i].err == HF_ERR_INTERNAL)
			internal = &causes[i];
	}
	return internal;
}

const char *hf_err_name(enum hf_err err)
{
	return err == HF_OK ? "ok" : cause_of(err)->name;
}

const char *hf_err_sentence(enum hf_err err)
{
	return err == HF_OK ? "" : cause_of(err)->sentence;
}

const char *hf_err_next_step(enum hf_err err)
{
	return err == HF_OK ? "" : cause_of(err)->next_step;
}

enum hf_class hf_err_class(enum hf_err err)
{
	return cause_of(err)->class;
}

enum hf_exit hf_err_exit(enum hf_err err)
{
	return err == HF_OK ? HF_EXIT_OK : cause_of(err)->exit;
}

const char *hf_class_name(enum hf_class class)
{
	switch (class) {
	case HF_CLASS_SUSPECT:
		return "suspect";
	case HF_CLASS_UPDATE:
		return "update";
	case HF_CLASS_PARTS:
		return "parts";
	case HF_CLASS_UNREADABLE:
		return "unreadable";
	case HF_CLASS_SETUP:
		return "setup";
	}
	return "setup";
}

bool hf_err_at(size_t index, enum hf_err *ret)
{
	if (index >= CAUSE_COUNT)
		return false;
	*ret = causes[index].err;
	return true;
}

enum hf_err hf_err_from_name(const char *name)
{
	for (size_t i = 0; i < CAUSE_COUNT; i++)
		if (strcmp(causes[i].name, name) == 0)
			return causes[i].err;
	return HF_ERR_INTERNAL;
}

static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

static void set_where(struct hf_fault *fault, enum hf_err err, const char *where)
{
	memset(fault, 0, sizeof(*fault));
	fault->err = err;
	if (where)
		snprintf(fault->where, sizeof(fault->where), "%s", where);
	make_printable(fault->where);
}

enum hf_err hf_fail(struct hf_fault *fault, enum hf_err err, const char *where,
		    const char *format, ...)
{
	va_list args;

	if (!fault)
		return err;
	set_where(fault, err, where);
	va_start(args, format);
	vsnprintf(fault->detail, sizeof(fault->detail), format, args);
	va_end(args);
	make_printable(fault->detail);
	return err;
}

enum hf_err hf_fail_errno(struct hf_fault *fault, enum hf_err err, int sys_errno,
			  const char *where)
{
	if (!fault)
		return err;
	set_where(fault, err, where);
	fault->sys_errno = sys_errno;
	snprintf(fault->detail, sizeof(fault->detail), "%s", strerror(sys_errno));
	return err;
}

void hf_fault_format(const struct hf_fault *fault, char *out, size_t cap)
{
	char tpm[24] = "";

	if (fault->tpm_rc)
		snprintf(tpm, sizeof(tpm), " TPM 0x%x", fault->tpm_rc);
	snprintf(out, cap, "%s%s%s%s%s%s%s [%s]\n  next: %s", fault->where,
		 fault->where[0] ? ": " : "", hf_err_sentence(fault->err),
		 fault->detail[0] ? " (" : "", fault->detail, fault->detail[0] ? ")" : "", tpm,
		 hf_err_name(fault->err), hf_err_next_step(fault->err));
}
