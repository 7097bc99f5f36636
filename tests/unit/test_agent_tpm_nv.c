/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generation in the TPM, against a real swtpm; tpm2-tools play the tenant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/tpm.h"

#define OWNER "owner-value-1"
#define LOCKOUT "lockout-value-1"
#define ATTRIBUTES "ownerwrite|ownerread|authread|no_da"

static char dir[64], conf[128];
static pid_t swtpm_pid;
static struct hf_fault fault;

static bool answers(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static void power_on(void)
{
	char state[128], server[128], ctrl[128];

	snprintf(state, sizeof(state), "dir=%s", dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s/s", dir);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/s.ctrl", dir);
	swtpm_pid = fork();
	if (swtpm_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
		       "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 500 && !answers(); tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_true(answers());
}

static void power_off(void)
{
	if (swtpm_pid > 0) {
		kill(swtpm_pid, SIGKILL);
		waitpid(swtpm_pid, NULL, 0);
	}
	swtpm_pid = 0;
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/holdfast-nv-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(conf, sizeof(conf), "swtpm:path=%s/s", dir);
	setenv("TPM2TOOLS_TCTI", conf, 1);
	setenv("TSS2_LOG", "all+NONE", 1);
	memset(&fault, 0xaa, sizeof(fault));
	power_on();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	power_off();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* The exit code of a tool; what it prints is of no interest. */
static int tool(const char *command)
{
	char line[512];
	int status;

	snprintf(line, sizeof(line), "%s >/dev/null 2>&1", command);
	status = system(line);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
	return WEXITSTATUS(status);
}

static struct hf_tpm *tpm_open(void)
{
	struct hf_tpm *tpm = NULL;

	assert_int_equal(hf_tpm_open(conf, &tpm, &fault), HF_OK);
	return tpm;
}

static struct hf_generation look(void)
{
	struct hf_tpm *tpm = tpm_open();
	struct hf_generation g;

	memset(&g, 0xaa, sizeof(g));
	assert_int_equal(hf_tpm_generation(tpm, &g, &fault), HF_OK);
	hf_tpm_close(tpm);
	return g;
}

static enum hf_err provision(const char *owner, const char *lockout, uint64_t generation)
{
	struct hf_tpm *tpm = tpm_open();
	enum hf_err err = hf_tpm_provision(tpm, hf_span_text(owner), hf_span_text(lockout), generation,
					   &fault);

	hf_tpm_close(tpm);
	return err;
}

static enum hf_err raise_to(const char *owner, uint64_t generation)
{
	struct hf_tpm *tpm = tpm_open();
	enum hf_err err = hf_tpm_generation_raise(tpm, hf_span_text(owner), generation, &fault);

	hf_tpm_close(tpm);
	return err;
}

static void assert_counts(uint64_t value)
{
	struct hf_generation g = look();

	assert_int_equal(g.index, HF_INDEX_OURS);
	assert_true(hf_generation_counts(&g));
	assert_int_equal(g.value, value);
}

static void everything_is_needed(void **state)
{
	const struct hf_generation whole = { HF_INDEX_OURS, true, true, true, 7 };
	struct hf_generation g = whole;

	(void)state;
	assert_true(hf_generation_counts(&whole));
	for (enum hf_index_state s = HF_INDEX_ABSENT; s < HF_INDEX_OURS; s++) {
		g.index = s;
		assert_false(hf_generation_counts(&g));
	}
	g = whole;
	g.owner_auth = false;
	assert_false(hf_generation_counts(&g));
	g = whole;
	g.lockout_auth = false;
	assert_false(hf_generation_counts(&g));
	g = whole;
	g.clear_disabled = false;
	assert_false(hf_generation_counts(&g));
}

static void a_new_tpm_holds_nothing(void **state)
{
	struct hf_generation g = look();

	(void)state;
	assert_int_equal(g.index, HF_INDEX_ABSENT);
	assert_false(g.owner_auth || g.lockout_auth || g.clear_disabled);
	assert_int_equal(g.value, 0);
	assert_int_equal(raise_to(OWNER, 3), HF_ERR_GENERATION_MISSING);
	assert_int_equal(look().index, HF_INDEX_ABSENT);
}

static void provisioned_and_raised(void **state)
{
	(void)state;
	assert_int_equal(provision(OWNER, LOCKOUT, 5), HF_OK);
	assert_counts(5);
	assert_int_equal(provision(OWNER, LOCKOUT, 1), HF_ERR_PROVISIONED);
	assert_int_equal(raise_to(OWNER, 5), HF_ERR_GENERATION_LOWER);
	assert_int_equal(raise_to(OWNER, 4), HF_ERR_GENERATION_LOWER);
	assert_int_equal(raise_to("another-value", 6), HF_ERR_TPM_AUTH_SET);
	assert_counts(5);
	assert_int_equal(raise_to(OWNER, 0x0102030405060708), HF_OK);
	assert_counts(0x0102030405060708);
	power_off();
	power_on();
	assert_counts(0x0102030405060708);
}

static void values_have_a_form(void **state)
{
	static const uint8_t zero_end[] = { 1, 2, 3, 4, 5, 6, 7, 0 };
	const struct hf_span good = hf_span_text(LOCKOUT);
	struct hf_tpm *tpm = tpm_open();
	char long_value[HF_TPM_AUTH_MAX + 2];

	(void)state;
	memset(long_value, 'x', sizeof(long_value));
	long_value[sizeof(long_value) - 1] = 0;
	const struct hf_span bad[] = { { NULL, 0 }, { zero_end, sizeof(zero_end) },
				       hf_span_text(long_value) };

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(hf_tpm_provision(tpm, bad[i], good, 1, &fault), HF_ERR_USAGE);
		assert_int_equal(hf_tpm_provision(tpm, good, bad[i], 1, &fault), HF_ERR_USAGE);
		assert_int_equal(hf_tpm_generation_raise(tpm, bad[i], 1, &fault), HF_ERR_USAGE);
	}
	hf_tpm_close(tpm);
	assert_false(look().owner_auth);
}

/* SECURITY H1: a tenant with root, after provisioning. */
static void a_tenant_cannot_rewind(void **state)
{
	(void)state;
	assert_int_equal(provision(OWNER, LOCKOUT, 5), HF_OK);
	/* not even with the value: 0x120, disabled; first, for a wrong value locks it out */
	assert_int_equal(tool("tpm2_clear -c l " LOCKOUT " 2>&1 | grep -q 0x120"), 0);
	assert_int_not_equal(tool("tpm2_clear"), 0);
	assert_int_not_equal(tool("tpm2_clearcontrol -C l c"), 0);
	assert_int_not_equal(tool("tpm2_nvundefine -C o 0x01d10300"), 0);
	assert_int_not_equal(tool("tpm2_nvdefine -C o -s 8 -a '" ATTRIBUTES "' 0x01d10300"), 0);
	assert_int_not_equal(tool("head -c 8 /dev/zero | tpm2_nvwrite -C o -i - 0x01d10300"), 0);
	assert_int_not_equal(tool("head -c 8 /dev/zero | tpm2_nvwrite -i - 0x01d10300"), 0);
	assert_int_not_equal(tool("tpm2_nvreadlock 0x01d10300"), 0);
	assert_int_not_equal(tool("tpm2_nvwritelock 0x01d10300"), 0);
	assert_int_not_equal(tool("tpm2_changeauth -c o x"), 0);
	assert_counts(5);
}

/* With the owner's value anything goes, but never without being seen. */
static void another_index_does_not_count(void **state)
{
	static const char *const attributes[] = {
		"ownerwrite|ownerread|authread|authwrite|no_da", "ownerwrite|ownerread|authread",
		"ownerwrite|ownerread|authread|no_da|read_stclear",
		"ownerwrite|ownerread|authread|no_da|writedefine",
		"ownerwrite|ownerread|authread|no_da|nt=counter",
		"ownerwrite|authread|no_da",
	};
	char command[256];

	(void)state;
	assert_int_equal(provision(OWNER, LOCKOUT, 5), HF_OK);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		struct hf_generation g;

		assert_int_equal(tool("tpm2_nvundefine -C o -P " OWNER " 0x01d10300"), 0);
		g = look();
		assert_int_equal(g.index, HF_INDEX_ABSENT);
		assert_false(hf_generation_counts(&g));
		snprintf(command, sizeof(command), "tpm2_nvdefine -C o -P " OWNER " -s 8 -a '%s' 0x01d10300",
			 attributes[i]);
		assert_int_equal(tool(command), 0);
		if (!strstr(attributes[i], "counter"))
			assert_int_equal(tool("head -c 8 /dev/zero | tpm2_nvwrite -C o -P " OWNER
					      " -i - 0x01d10300"), 0);
		g = look();
		assert_int_equal(g.index, HF_INDEX_FOREIGN);
		assert_false(hf_generation_counts(&g));
		assert_int_equal(g.value, 0);
	}
	assert_int_equal(provision(OWNER, LOCKOUT, 5), HF_ERR_PROVISIONED);
	assert_int_equal(raise_to(OWNER, 9), HF_ERR_GENERATION_MISSING);
}

static void another_size_or_policy_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(tool("tpm2_nvdefine -C o -s 16 -a '" ATTRIBUTES "' 0x01d10300"), 0);
	assert_int_equal(tool("head -c 16 /dev/zero | tpm2_nvwrite -C o -i - 0x01d10300"), 0);
	assert_int_equal(look().index, HF_INDEX_FOREIGN);
	assert_int_equal(tool("tpm2_nvundefine -C o 0x01d10300"), 0);
	char command[256];

	snprintf(command, sizeof(command), "head -c 32 /dev/zero >%s/policy && tpm2_nvdefine -C o -s 8 "
		 "-L %s/policy -a '" ATTRIBUTES "' 0x01d10300", dir, dir);
	assert_int_equal(tool(command), 0);
	assert_int_equal(look().index, HF_INDEX_FOREIGN);
}

/* Our public area, made by a tenant before us: with a high value, with a value to be asked
 * for, or never written. */
static void a_tenant_was_there_first(void **state)
{
	struct hf_generation g;

	(void)state;
	assert_int_equal(tool("tpm2_nvdefine -C o -s 8 -a '" ATTRIBUTES "' 0x01d10300"), 0);
	assert_int_equal(look().index, HF_INDEX_UNWRITTEN);
	assert_int_equal(tool("printf 12345678 | tpm2_nvwrite -C o -i - 0x01d10300"), 0);
	g = look();
	assert_int_equal(g.index, HF_INDEX_OURS);
	assert_int_equal(g.value, 0x3132333435363738);
	assert_false(hf_generation_counts(&g));
	assert_int_equal(provision(OWNER, LOCKOUT, 2), HF_OK);
	assert_counts(2);
}

static void a_tenant_hides_a_value_in_it(void **state)
{
	(void)state;
	assert_int_equal(tool("tpm2_nvdefine -C o -s 8 -p secret -a '" ATTRIBUTES "' 0x01d10300"), 0);
	assert_int_equal(tool("printf 12345678 | tpm2_nvwrite -C o -i - 0x01d10300"), 0);
	assert_int_equal(look().index, HF_INDEX_FOREIGN);
	assert_int_equal(provision(OWNER, LOCKOUT, 2), HF_ERR_PROVISIONED);
	assert_false(look().owner_auth);
}

static void values_set_by_others(void **state)
{
	struct hf_generation g;

	(void)state;
	assert_int_equal(tool("tpm2_changeauth -c o somebody"), 0);
	assert_int_equal(provision(OWNER, LOCKOUT, 2), HF_ERR_TPM_AUTH_SET);
	g = look();
	assert_true(g.owner_auth);
	assert_false(g.lockout_auth || g.clear_disabled);
	assert_int_equal(g.index, HF_INDEX_ABSENT);
	/* one's own: an attempt that was cut short goes on */
	assert_int_equal(tool("tpm2_changeauth -c o -p somebody " OWNER), 0);
	assert_int_equal(provision(OWNER, LOCKOUT, 2), HF_OK);
	assert_counts(2);
}

static void a_lockout_value_set_by_others(void **state)
{
	(void)state;
	assert_int_equal(tool("tpm2_changeauth -c l somebody"), 0);
	assert_int_equal(provision(OWNER, LOCKOUT, 2), HF_ERR_TPM_AUTH_SET);
	assert_false(look().owner_auth);
}

static void clear_can_still_wipe_what_is_not_provisioned(void **state)
{
	(void)state;
	assert_int_equal(tool("tpm2_changeauth -c o " OWNER), 0);
	assert_int_equal(tool("tpm2_clear"), 0);
	assert_false(look().owner_auth);
}

#define WITH_TPM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_needed),
		WITH_TPM(a_new_tpm_holds_nothing),
		WITH_TPM(provisioned_and_raised),
		WITH_TPM(values_have_a_form),
		WITH_TPM(a_tenant_cannot_rewind),
		WITH_TPM(another_index_does_not_count),
		WITH_TPM(another_size_or_policy_does_not_count),
		WITH_TPM(a_tenant_was_there_first),
		WITH_TPM(a_tenant_hides_a_value_in_it),
		WITH_TPM(values_set_by_others),
		WITH_TPM(a_lockout_value_set_by_others),
		WITH_TPM(clear_can_still_wipe_what_is_not_provisioned),
	};

	if (system("command -v swtpm >/dev/null && command -v tpm2_nvdefine >/dev/null")) {
		printf("SKIP swtpm or tpm2-tools are not installed\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
