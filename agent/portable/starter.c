/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `holdfast` of the portable tar: static, so that any x86-64 Linux starts it. It finds the
 * folder that it lies in and starts lib/holdfast there with the loader and the libraries beside
 * it. No shell, no /proc, no library of the host.
 *
 * The environment is not handed on: LD_PRELOAD, OPENSSL_MODULES and their like would bring in
 * what belongs to the host, and holdfast reads no variable. OpenSSL would read the host's
 * openssl.cnf, which may name modules too: it is given an empty one. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define OWN_WORDS 6	/* before those of the caller: loader, its options, the program */

static int complain(const char *what, const char *path, const char *next)
{
	fprintf(stderr, "holdfast: %s: %s\n  next: %s\n", path, what, next);
	return 1;
}

/* The folder of this file, whatever links led to it. */
static int find_folder(char folder[static PATH_MAX])
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	char *slash;

	if (!name || !realpath(name, folder))
		return 0;
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return 1;
}

int main(int argc, char **argv)
{
	static const char inhibit[] = "--inhibit-cache", library_path[] = "--library-path";
	char folder[PATH_MAX], lib[PATH_MAX + 8], loader[PATH_MAX + 40], program[PATH_MAX + 20];
	char openssl[PATH_MAX + 40], *environment[] = { openssl, NULL };
	const char **words = calloc((size_t)argc + OWN_WORDS + 1, sizeof(*words));

	if (!words)
		return complain("no memory", "starter", "free some memory");
	if (!find_folder(folder))
		return complain("its folder cannot be found", argc > 0 ? argv[0] : "starter",
				"start it by its path");
	snprintf(lib, sizeof(lib), "%s/lib", folder);
	snprintf(loader, sizeof(loader), "%s/lib/ld-linux-x86-64.so.2", folder);
	snprintf(program, sizeof(program), "%s/lib/holdfast", folder);
	snprintf(openssl, sizeof(openssl), "OPENSSL_CONF=%s/lib/openssl.cnf", folder);
	words[0] = loader;
	words[1] = inhibit;
	words[2] = library_path;
	words[3] = lib;
	words[4] = program;
	for (int i = 1; i < argc; i++)
		words[4 + i] = argv[i];
	execve(loader, (char **)(void *)words, environment);
	return complain("cannot be started", loader, "unpack the whole tar on a file system "
			"that allows programs to run, and keep its files together");
}
