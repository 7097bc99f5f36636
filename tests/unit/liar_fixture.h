/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server of tests/trees/liar.py beside a test. */
#ifndef HF_TESTS_LIAR_FIXTURE_H
#define HF_TESTS_LIAR_FIXTURE_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/link.h"

struct liar {
	pid_t pid;
	int in;			/* closing it ends the server */
	unsigned port;
	char dir[64], url[80];
	uint8_t ca[HF_LINK_CA_MAX];
	struct hf_span pem;
};

static inline void liar_dir(struct liar *l)
{
	snprintf(l->dir, sizeof(l->dir), "/tmp/holdfast-liar-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
}

static inline void liar_start(struct liar *l, const char *mode)
{
	const bool v6 = mode[strlen(mode) - 1] == '6';
	int in[2], out[2];
	char path[96], text[16] = "";
	FILE *file;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	l->pid = fork();
	assert_true(l->pid >= 0);
	if (l->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", "tests/trees/liar.py", mode, l->dir, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	l->in = in[1];
	for (size_t n = 0; n < sizeof(text) - 1 && read(out[0], text + n, 1) == 1 && text[n] != '\n'; n++)
		continue;
	close(out[0]);
	l->port = (unsigned)atoi(text);
	assert_true(l->port > 0);
	snprintf(l->url, sizeof(l->url), v6 ? "https://[::1]:%u" : "https://127.0.0.1:%u", l->port);
	snprintf(path, sizeof(path), "%s/ca.pem", l->dir);
	file = fopen(path, "rb");
	assert_non_null(file);
	l->pem = (struct hf_span){ l->ca, fread(l->ca, 1, sizeof(l->ca), file) };
	fclose(file);
}

static inline void liar_stop(struct liar *l)
{
	char command[128];

	if (l->pid > 0) {
		close(l->in);
		waitpid(l->pid, NULL, 0);
	}
	snprintf(command, sizeof(command), "rm -rf %s", l->dir);
	assert_int_equal(system(command), 0);
	l->pid = 0;
}

#endif
