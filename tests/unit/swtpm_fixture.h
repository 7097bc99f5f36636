/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A swtpm with a folder of its own, as its maker delivers it or bare; dies with the test. */
#ifndef HF_TESTS_UNIT_SWTPM_FIXTURE_H
#define HF_TESTS_UNIT_SWTPM_FIXTURE_H

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

struct swtpm {
	char dir[64], conf[128];
	pid_t pid;
};

static inline bool swtpm_answers(const struct swtpm *t)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", t->dir);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static inline void swtpm_on(struct swtpm *t)
{
	char state[128], server[128], ctrl[128];

	snprintf(state, sizeof(state), "dir=%s", t->dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s/s", t->dir);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/s.ctrl", t->dir);
	t->pid = fork();
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
		       "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 500 && !swtpm_answers(t); tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_true(swtpm_answers(t));
}

/* In its folder; what it prints goes to a file there. */
static inline int swtpm_sh(const struct swtpm *t, const char *command)
{
	char line[2048];
	int status;

	snprintf(line, sizeof(line), "cd %s && (%s) >>out 2>&1", t->dir, command);
	status = system(line);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
	return WEXITSTATUS(status);
}

static inline void swtpm_dir(struct swtpm *t)
{
	memset(t, 0, sizeof(*t));
	snprintf(t->dir, sizeof(t->dir), "/tmp/holdfast-tpm-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->conf, sizeof(t->conf), "swtpm:path=%s/s", t->dir);
}

static inline void swtpm_bare(struct swtpm *t)
{
	swtpm_dir(t);
	swtpm_on(t);
}

static char swtpm_made[2][64];

static inline void swtpm_forget_made(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf %s %s", swtpm_made[0], swtpm_made[1]);
	if (system(command) != 0)
		fprintf(stderr, "%s\n", command);
}

/* One of two TPMs with RSA 2048 (L-1) and P-384 (H-3) and certificates, each by a maker of its own,
 * whose CAs are in ca/roots. Each is made once in a program: that takes more than a second. */
static inline void swtpm_delivered(struct swtpm *t, int which)
{
	char command[160];

	if (!swtpm_made[0][0] && !swtpm_made[1][0])
		atexit(swtpm_forget_made);
	swtpm_dir(t);
	if (!swtpm_made[which][0]) {
		assert_int_equal(swtpm_sh(t, "mkdir -p ca/roots; : >opts; printf 'statedir = %s\\nsigningkey = %s\\n"
			"issuercert = %s\\ncertserial = %s\\n' $PWD/ca $PWD/ca/k.pem $PWD/ca/roots/c.pem "
			"$PWD/ca/serial >ca.conf; printf 'create_certs_tool=/usr/bin/swtpm_localca\\n"
			"create_certs_tool_config=%s\\ncreate_certs_tool_options=%s\\n' $PWD/ca.conf $PWD/opts "
			">setup.conf; swtpm_setup --tpm2 --tpmstate $PWD --create-ek-cert --config setup.conf "
			"--write-ek-cert-files $PWD --pcr-banks sha1,sha256,sha384 && "
			"cp ca/swtpm-localca-rootca-cert.pem ca/roots"), 0);
		memcpy(swtpm_made[which], t->dir, sizeof(t->dir));
		swtpm_dir(t);
	}
	snprintf(command, sizeof(command), "cp -a %s/. .", swtpm_made[which]);
	assert_int_equal(swtpm_sh(t, command), 0);
	swtpm_on(t);
}

static inline void swtpm_drop(struct swtpm *t)
{
	char command[128];

	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	if (t->dir[0]) {
		snprintf(command, sizeof(command), "rm -r %s", t->dir);
		assert_int_equal(system(command), 0);
	}
	memset(t, 0, sizeof(*t));
}

#endif
