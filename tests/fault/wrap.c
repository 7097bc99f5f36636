/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fails the n-th fallible call of a program that was linked with --wrap for every line
 * of wrapped.def. HOLDFAST_FAIL=n chooses it (1 is the first; unset or 0: none);
 * HOLDFAST_FAIL_COUNT=FILE gets the number of calls and the name of the one that failed.
 * HOLDFAST_FAIL_LATER=1: calls count from hf_fault_count(true) to hf_fault_count(false), which the
 * program says itself.
 * Children share the count: each call of any of them is one, and one alone fails.
 * x86-64 only: the trampolines pass arguments through without knowing their types. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct count {
	_Atomic long calls;
	const char *_Atomic failed_name;	/* in .rodata: the same place in every child */
};
static struct count alone, *count = &alone;
static long fail_at = -1;
static int paused = -1;

void hf_fault_count(_Bool on);
void hf_fault_count(_Bool on)
{
	paused = !on;
}

static void report(void)
{
	const char *path = getenv("HOLDFAST_FAIL_COUNT");
	FILE *out = path ? fopen(path, "we") : NULL;

	if (!out)
		return;
	fprintf(out, "%ld %s\n", count->calls, count->failed_name ? count->failed_name : "");
	fclose(out);
}

/* Called from the trampolines. */
int hf_fault_should_fail(const char *name, int error);
__attribute__((used)) int hf_fault_should_fail(const char *name, int error)
{
	int saved = errno;

	if (fail_at < 0) {
		const char *text = getenv("HOLDFAST_FAIL");

		/* not by name: that call would come here */
		long page = syscall(SYS_mmap, NULL, sizeof(*count), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (page > 0)
			count = (struct count *)page;
		fail_at = text ? atol(text) : 0;
		atexit(report);
	}
	errno = saved;
	if (paused < 0)
		paused = getenv("HOLDFAST_FAIL_LATER") != NULL;
	if (paused)
		return 0;
	if (++count->calls != fail_at)
		return 0;
	count->failed_name = name;
	if (error)
		errno = error;
	return 1;
}

/* rax holds the count of vector registers for variadic callees and is kept. At entry
 * rsp is 8 off a 16-byte boundary; seven pushes put it on one for the call. */
#define HF_WRAP(name, value, error) \
	__asm__(".pushsection .rodata\n.Lname_" #name ": .asciz \"" #name "\"\n.popsection\n" \
		".globl __wrap_" #name "\n.type __wrap_" #name ", @function\n" \
		"__wrap_" #name ":\n\tendbr64\n" \
		"\tpush %rdi\n\tpush %rsi\n\tpush %rdx\n\tpush %rcx\n\tpush %r8\n\tpush %r9\n\tpush %rax\n" \
		"\tlea .Lname_" #name "(%rip), %rdi\n" \
		"\tmov $" HF_NUMBER(error) ", %esi\n" \
		"\tcall hf_fault_should_fail\n" \
		"\tmov %eax, %r11d\n" \
		"\tpop %rax\n\tpop %r9\n\tpop %r8\n\tpop %rcx\n\tpop %rdx\n\tpop %rsi\n\tpop %rdi\n" \
		"\ttest %r11d, %r11d\n\tjnz 1f\n\tjmp __real_" #name "\n" \
		"1:\tmov $" #value ", %rax\n\tret\n");
#define HF_TEXT(x) #x
#define HF_NUMBER(x) HF_TEXT(x)
#include "tests/fault/wrapped.def"
