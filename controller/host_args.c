/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of holdfastctl host and audit. */
#include <getopt.h>
#include <stdlib.h>

#include "controller/host_cmds.h"
#include "controller/inventory.h"

#define ARENA ((size_t)1 << 30)	/* reserved, not used */

static const struct option options[] = {
	{ "url", required_argument, NULL, 'u' }, { "token-file", required_argument, NULL, 't' },
	{ "ca", required_argument, NULL, 'c' }, { "certificate", required_argument, NULL, 'C' },
	{ "key", required_argument, NULL, 'K' }, { "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' }, { "timeout", required_argument, NULL, 'T' },
	{ "lease", required_argument, NULL, 'l' }, { "tenant", required_argument, NULL, 'n' },
	{ "power-cycled", no_argument, NULL, 'p' }, { "why", required_argument, NULL, 'w' },
	{ "file", required_argument, NULL, 'f' }, { "format", required_argument, NULL, 'F' },
	{ "verify", no_argument, NULL, 'v' }, { "anchor", required_argument, NULL, 'a' },
	{ "out", required_argument, NULL, 'o' }, { "ek-sha256", required_argument, NULL, 'e' },
	{ "state", required_argument, NULL, 's' }, { "verdict", required_argument, NULL, 'V' },
	{ "host", required_argument, NULL, 'H' }, { "stage", required_argument, NULL, 'S' },
	{ "manifests", required_argument, NULL, 'm' }, { "accept-worse", required_argument, NULL, 'A' },
	{ "model", required_argument, NULL, 'M' }, { 0 },
};
#define OF_ALL "utcCKjhT"

static bool parse_seconds(const char *text, unsigned *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value < 1 || value > 3600)
		return false;
	*ret = (unsigned)value;
	return true;
}

/* Where the value of an option goes; NULL: it has none. */
static const char **slot(struct hf_host_args *a, int letter)
{
	switch (letter) {
	case 'u': return &a->server.url;
	case 't': return &a->server.token_file;
	case 'c': return &a->server.ca;
	case 'C': return &a->server.certificate;
	case 'K': return &a->server.key;
	case 'l': return &a->lease;
	case 'n': return &a->tenant;
	case 'w': return &a->why;
	case 'f': return &a->file;
	case 'F': return &a->format;
	case 'a': return &a->anchor;
	case 'o': return &a->out;
	case 'e': return &a->ek;
	case 's': return &a->state;
	case 'V': return &a->verdict;
	case 'H': return &a->host;
	case 'S': return &a->stage;
	case 'm': return &a->manifests;
	case 'A': return &a->accept;
	case 'M': return &a->model;
	default: return NULL;
	}
}

static void set_flag(struct hf_host_args *a, int letter)
{
	a->json |= letter == 'j';
	a->power_cycled |= letter == 'p';
	a->verify |= letter == 'v';
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, const char *usage, const struct hf_host_row *row, struct hf_host_args *a)
{
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (c == ':')
			return hf_ctl_refuse(a->command, "%s wants a value", argv[optind - 1]);
		if (c == '?' || (!strchr(OF_ALL, c) && !strchr(row->options, c)))
			return hf_ctl_refuse(a->command, "%s: %s is not understood", row->name, argv[optind - 1]);
		if (c == 'T' && !parse_seconds(optarg, &a->server.seconds))
			return hf_ctl_refuse(a->command, "%s is not 1 to 3600 seconds", optarg);
		if (slot(a, c))
			*slot(a, c) = optarg;
		else
			set_flag(a, c);
	}
	for (; optind < argc; optind++) {
		if (!row->word || (a->word && (!strchr(row->word, ' ') || a->second)))
			return hf_ctl_refuse(a->command, "%s is one word too many", argv[optind]);
		if (a->word)
			a->second = argv[optind];
		else
			a->word = argv[optind];
	}
	return -1;
}

static const char *from_environment(const char *said, const char *name)
{
	const char *value = said ? said : getenv(name);

	return value && *value ? value : NULL;
}

bool hf_host_server_option(struct hf_host_args *a, int letter, const char *value)
{
	if (letter == 'T')
		return parse_seconds(value, &a->server.seconds);
	if (!strchr("utcCK", letter) || !letter)
		return false;
	*slot(a, letter) = value;
	return true;
}

int hf_host_server_ready(struct hf_host_args *a)
{
	a->server.url = from_environment(a->server.url, "HOLDFAST_URL");
	a->server.ca = from_environment(a->server.ca, "HOLDFAST_CA");
	if (!a->server.certificate)
		a->server.token_file = from_environment(a->server.token_file, "HOLDFAST_TOKEN_FILE");
	if (!a->server.url)
		return hf_ctl_refuse(a->command, "the controller's --url is missing (or HOLDFAST_URL)");
	if (strncmp(a->server.url, "https://", 8) != 0)
		return hf_ctl_refuse(a->command, "%s does not begin with https://", a->server.url);
	if (!a->server.ca)
		return hf_ctl_refuse(a->command, "--ca, the controller's CA, is missing (or HOLDFAST_CA)");
	if (!a->server.certificate != !a->server.key)
		return hf_ctl_refuse(a->command, "--certificate and --key go together");
	return -1;
}

static int check(const struct hf_host_row *row, struct hf_host_args *a)
{
	if (row->word && (!a->word || (strchr(row->word, ' ') && !a->second)))
		return hf_ctl_refuse(a->command, "%s: %s is missing", row->name, row->word);
	if (row->word && strncmp(row->word, "ID", 2) == 0 && !hf_host_id_valid(a->word))
		return hf_ctl_refuse(a->command, "%s is no name of a host", a->word);
	if (row->word && strcmp(row->word, "RING") == 0 && !hf_host_id_valid(a->word))
		return hf_ctl_refuse(a->command, "%s is no name of a ring", a->word);
	if (a->second && !hf_host_id_valid(a->second))
		return hf_ctl_refuse(a->command, "%s is no name of a ring", a->second);
	if (a->host && !hf_host_id_valid(a->host))
		return hf_ctl_refuse(a->command, "%s is no name of a host", a->host);
	return hf_host_server_ready(a);
}

int hf_host_main(int argc, char **argv, const char *usage, const struct hf_host_row *rows, size_t count)
{
	struct hf_host_args args = { .command = argv[0] };
	struct hf_arena arena;
	size_t i = 0;
	int code;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return HF_EXIT_OK;
	}
	while (argc >= 2 && i < count && strcmp(argv[1], rows[i].name) != 0)
		i++;
	if (argc < 2 || i == count)
		return hf_ctl_refuse(args.command, argc < 2 ? "a subcommand is missing" : "there is no %s %s",
				     args.command, argc < 2 ? "" : argv[1]);
	code = parse(argc - 1, argv + 1, usage, &rows[i], &args);
	if (code == -1)
		code = check(&rows[i], &args);
	if (code != -1)
		return code;
	if (hf_arena_make(ARENA, &arena) != HF_OK) {
		struct hf_fault fault;

		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", args.command);
		return hf_ctl_fault(args.command, &fault);
	}
	code = rows[i].run(&args, &arena);
	hf_arena_drop(&arena);
	return code;
}
