/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure/digest.h"

#define CONSOLES_MAX 8
#define REPEAT_S 60
#define TPM_ST_SESSIONS 0x8002
#define TPM_CC_PCR_EXTEND 0x182
#define TPM_RS_PW 0x40000009

static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS,
				     SIGXCPU, SIGXFSZ };

struct text {
	char bytes[768];
	size_t len;
};

/* What the handler needs, prepared beforehand: it may rely on nothing else. */
static struct {
	int fds[CONSOLES_MAX];
	size_t count;
	struct text before, capped, uncapped;
	int tpm;
	uint8_t command[HF_CRASH_COMMAND_MAX];
	size_t command_len;
} crash = { .tpm = -1 };
static uint8_t crash_stack[16384] __attribute__((aligned(16)));

/* The reply's response code, bytes 6 to 9, is zero: the PCR took it. */
static bool cap(void)
{
	static const uint8_t success[4];
	uint8_t reply[64];

	return crash.tpm >= 0 && crash.command_len > 0 &&
	       write(crash.tpm, crash.command, crash.command_len) == (ssize_t)crash.command_len &&
	       read(crash.tpm, reply, sizeof(reply)) >= 10 && memcmp(reply + 6, success, 4) == 0;
}

static void tell(const struct text *text)
{
	for (size_t i = 0; i < crash.count; i++) {
		ssize_t n = write(crash.fds[i], text->bytes, text->len);

		(void)n;	/* nothing left that could be done about it */
	}
}

static _Noreturn void cap_and_tell(void)
{
	const struct text *text = &crash.uncapped;

	if (crash.tpm >= 0) {	/* first a word, then the TPM, which may never answer */
		tell(&crash.before);
		text = cap() ? &crash.capped : &crash.uncapped;
	}
	for (;;) {
		struct timespec left = { .tv_sec = REPEAT_S };

		tell(text);
		while (clock_nanosleep(CLOCK_BOOTTIME, 0, &left, &left) != 0)
			continue;
	}
}

static void on_crash(int signal_number)
{
	(void)signal_number;
	cap_and_tell();
}

/* Of a gate that is stuck no device is known: only the stage in which it is. */
static const char *next_step(enum hf_err err)
{
	return err == HF_ERR_TIMED_OUT ? "power-cycle the host; keep the log: its last stage is stuck"
				       : hf_err_next_step(err);
}

static void prepare_text(struct text *text, enum hf_err err, const char *tpm)
{
	const char *class = hf_class_name(hf_err_class(err));
	int n = snprintf(text->bytes, sizeof(text->bytes),
			 "\n\n==== HELD: this host is not released ================= %-18.18s ====\n"
			 " reason      %s\n code        %s\n next step   %s\n"
			 " controller  not told: the gate that would tell it does not run\n"
			 " TPM         no quote, %s\n"
			 "holdfast result=held cause=%s class=%s\n",
			 class, hf_err_sentence(err), hf_err_name(err), next_step(err), tpm,
			 hf_err_name(err), class);

	text->len = n > 0 && (size_t)n < sizeof(text->bytes) ? (size_t)n : sizeof(text->bytes) - 1;
}

static void prepare_texts(enum hf_err cause)
{
	prepare_text(&crash.before, cause, "capping the PCR");
	prepare_text(&crash.uncapped, cause, "PCR not capped");
	prepare_text(&crash.capped, cause, "PCR capped");
}

enum hf_err hf_crash_catch(const int *consoles, size_t count, struct hf_fault *fault)
{
	const stack_t stack = { .ss_sp = crash_stack, .ss_size = sizeof(crash_stack) };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

	crash.count = count < CONSOLES_MAX ? count : CONSOLES_MAX;
	for (size_t i = 0; i < crash.count; i++)
		crash.fds[i] = consoles[i];
	prepare_texts(HF_ERR_CRASHED);
	sigfillset(&action.sa_mask);
	if (sigaltstack(&stack, NULL) != 0)
		return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "sigaltstack");
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		if (sigaction(fatal_signals[i], &action, NULL) != 0)
			return hf_fail_errno(fault, HF_ERR_HOLD_FAILED, errno, "sigaction");
	return HF_OK;
}

enum hf_err hf_crash_cap_command(uint32_t pcr, uint32_t banks, struct hf_writer *w)
{
	const struct hf_span name = hf_span_text(hf_err_name(HF_ERR_CRASHED));
	const size_t start = w->len;
	uint8_t digests[HF_ALG_COUNT * (2 + HF_DIGEST_MAX)];
	struct hf_writer list = { .buf = digests, .cap = sizeof(digests) };
	uint32_t count = 0;

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		struct hf_digest digest;
		enum hf_err err;

		if (!(banks & HF_ALG_MASK(alg)))
			continue;
		err = hf_digest(alg, name, &digest);
		if (err != HF_OK)
			return err;
		hf_put_be(&list, hf_alg_tpm_id(alg), 2);
		hf_put(&list, digest.bytes, hf_alg_size(alg));
		count++;
	}
	hf_put_be(w, TPM_ST_SESSIONS, 2);
	hf_put_be(w, 10 + 4 + 4 + 9 + 4 + list.len, 4);
	hf_put_be(w, TPM_CC_PCR_EXTEND, 4);
	hf_put_be(w, pcr, 4);
	hf_put_be(w, 9, 4);		/* authorisation: the empty password */
	hf_put_be(w, TPM_RS_PW, 4);
	hf_put_be(w, 0, 5);		/* nonce, attributes, password: all empty */
	hf_put_be(w, count, 4);
	hf_put_span(w, hf_written(&list));
	if (w->full || list.full || w->len - start > HF_CRASH_COMMAND_MAX)
		return HF_ERR_LIMIT;
	return HF_OK;
}

void hf_crash_cap(int tpm, struct hf_span command)
{
	crash.tpm = -1;
	crash.command_len = command.len <= sizeof(crash.command) ? command.len : 0;
	if (crash.command_len)
		memcpy(crash.command, command.ptr, command.len);
	crash.tpm = tpm;
}

size_t hf_crash_descriptors(int ret[static HF_CRASH_DESCRIPTORS])
{
	size_t count = 0;

	for (size_t i = 0; i < crash.count; i++)
		ret[count++] = crash.fds[i];
	if (crash.tpm >= 0)
		ret[count++] = crash.tpm;
	return count;
}

_Noreturn void hf_crash_held(enum hf_err cause)
{
	prepare_texts(cause);
	cap_and_tell();
}
