/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/config.h"

#include <fcntl.h>
#include <stddef.h>
#include <time.h>

#include "measure/file.h"

#define CONFIG_MAX ((size_t)64 << 10)
#define DAY ((int64_t)86400)

const char hf_config_usage[] =
	"usage: holdfastd --store URL --listen [ADDRESS]:PORT --certificate FILE\n"
	"                 --key FILE --ticket-key KEY --anchors DIR --manifests DIR\n"
	"                 [OPTION...]\n"
	"       holdfastd --config FILE [--check]\n"
	"       holdfastd --store URL --verify-audit\n"
	"       holdfastd --store URL --prune YYYY-MM-DD\n"
	"\n"
	"The controller: it challenges hosts, appraises what they show, and gives those\n"
	"that are as they should be a ticket. docs/controller.md leads through a set-up.\n"
	"\n"
	"  --config FILE        lines NAME = VALUE, named as the options here\n"
	"  --store URL          FILE, or postgresql://... shared by many controllers\n"
	"  --listen ADDR:PORT   port 0: any; it is in the event \"listening\"\n"
	"  --certificate FILE   of the server, PEM, with its chain\n"
	"  --key FILE           its private key, PEM\n"
	"  --ticket-key KEY     signs tickets: a PEM file, or pkcs11:...\n"
	"  --anchors DIR        owner/, vendor/, device/ ... as in the agent's image\n"
	"  --manifests DIR      the controller's own *.corim\n"
	"  --ek-roots DIR       CAs of TPM makers\n"
	"  --tokens FILE        NAME ROLE token:SHA256, one a line\n"
	"  --operator-ca FILE   CA of operators' certificates\n"
	"  --secret-key FILE    32 bytes; seals tenants' secrets in the store\n"
	"  --webhook URL        told of every verdict and change of state\n"
	"  --webhook-key FILE   signs what it is told\n"
	"  --name NAME          of this controller, in results (default: holdfastd)\n"
	"  --threads N          (default: two for each processor)\n"
	"  --connections N      to the store (default: as many as threads)\n"
	"  --agent-rate N       requests a second from one address (20; 0: no limit)\n"
	"  --address-connections N  at a time of one address (512; 0: no limit)\n"
	"  --ticket-seconds N   a ticket lives so long after its quote (300)\n"
	"  --challenge-seconds N  evidence must come within (600)\n"
	"  --least-tpm-firmware HEX  older TPMs are refused\n"
	"  --check              read everything, listen to nobody, say what is wrong\n"
	"  --verify-audit       go through all chains of the audit\n"
	"  --prune DATE         delete verdicts older than that\n"
	"\n"
	"SIGHUP reads manifests, anchors, EK roots and tokens again; SIGTERM ends.\n"
	"exit codes: 0 ended as asked, 2 usage or configuration, 6 the store\n";

enum kind { TEXT, NUMBER, HEX };
static const struct option {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t least, most;
} options[] = {
#define OPT(n, k, field, least, most) { n, k, offsetof(struct hf_config, field), least, most }
	OPT("store", TEXT, store, 0, 0), OPT("listen", TEXT, listen, 0, 0),
	OPT("certificate", TEXT, certificate, 0, 0), OPT("key", TEXT, key, 0, 0),
	OPT("ticket-key", TEXT, ticket_key, 0, 0), OPT("anchors", TEXT, anchors, 0, 0),
	OPT("manifests", TEXT, manifests, 0, 0), OPT("ek-roots", TEXT, ek_roots, 0, 0),
	OPT("tokens", TEXT, tokens, 0, 0), OPT("operator-ca", TEXT, operator_ca, 0, 0),
	OPT("secret-key", TEXT, secret_key, 0, 0), OPT("webhook", TEXT, webhook, 0, 0),
	OPT("webhook-key", TEXT, webhook_key, 0, 0), OPT("name", TEXT, name, 0, 0),
	OPT("threads", NUMBER, threads, 1, 256), OPT("connections", NUMBER, connections, 1, 64),
	OPT("agent-rate", NUMBER, agent_rate, 0, 1000000),
	OPT("address-connections", NUMBER, address_connections, 0, 1000000),
	OPT("ticket-seconds", NUMBER, ticket_seconds, 10, 86400),
	OPT("challenge-seconds", NUMBER, challenge_seconds, 30, 86400),
	OPT("least-tpm-firmware", HEX, least_tpm_firmware, 0, UINT64_MAX),
#undef OPT
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

static bool take_number(struct hf_span text, unsigned base, uint64_t most, uint64_t *ret)
{
	uint64_t v = 0;

	if (text.len == 0 || text.len > 16)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		unsigned digit = c >= '0' && c <= '9' ? c - (unsigned)'0' : c >= 'a' && c <= 'f' ? c - 'a' + 10u : 99u;

		if (digit >= base)
			return false;
		v = v * base + digit;
	}
	*ret = v;
	return v <= most;
}

static bool set(const struct option *option, struct hf_span value, struct hf_arena *arena, struct hf_config *config)
{
	void *field = (char *)config + option->offset;
	uint64_t number;

	if (option->kind == TEXT) {
		const char *text = value.len ? hf_arena_text(arena, value.ptr, value.len) : NULL;

		memcpy(field, &text, sizeof(text));
		return text != NULL;
	}
	if (!take_number(value, option->kind == HEX ? 16 : 10, option->most, &number) || number < option->least)
		return false;
	if (option->kind == HEX)
		memcpy(field, &number, sizeof(number));
	else
		memcpy(field, &(unsigned){ (unsigned)number }, sizeof(unsigned));
	return true;
}

static const struct option *find(struct hf_span name)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (hf_span_equal(name, hf_span_text(options[i].name)))
			return &options[i];
	return NULL;
}

static struct hf_span trim(struct hf_span s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' || s.ptr[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static bool take_line(struct hf_span line, uint32_t *seen, struct hf_arena *arena, struct hf_config *config)
{
	const uint8_t *equals;
	const struct option *option;

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return true;
	equals = memchr(line.ptr, '=', line.len);
	if (!equals || memchr(line.ptr, '\0', line.len))
		return false;
	option = find(trim((struct hf_span){ line.ptr, (size_t)(equals - line.ptr) }));
	if (!option || *seen & 1u << (option - options))
		return false;
	*seen |= 1u << (option - options);
	return set(option, trim((struct hf_span){ equals + 1, line.len - (size_t)(equals - line.ptr) - 1 }), arena,
		   config);
}

static enum hf_err read_file(const char *path, struct hf_arena *arena, struct hf_config *config,
			     struct hf_fault *fault)
{
	struct hf_span text;
	uint32_t seen = 0;
	size_t number = 0;
	enum hf_err err = hf_file_read(AT_FDCWD, path, CONFIG_MAX, arena, &text, fault);

	for (size_t pos = 0; !err && pos < text.len;) {
		const uint8_t *end = memchr(text.ptr + pos, '\n', text.len - pos);
		size_t len = end ? (size_t)(end - text.ptr) - pos : text.len - pos;

		number++;
		if (!take_line((struct hf_span){ text.ptr + pos, len }, &seen, arena, config))
			err = hf_fail(fault, HF_ERR_CONFIG_SYNTAX, path, "line %zu: %.*s", number,
				      (int)(len < 60 ? len : 60), (const char *)text.ptr + pos);
		pos += len + 1;
	}
	return err;
}

static bool take_day(const char *text, int64_t *ret)
{
	struct tm day = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &day);

	*ret = end && *end == '\0' ? (int64_t)timegm(&day) : 0;
	return *ret > 0;
}

static bool take_task(const char *word, const char *value, struct hf_command *c, int *ret_used)
{
	static const struct { const char *word; enum hf_task task; } tasks[] = {
		{ "--check", HF_TASK_CHECK }, { "--verify-audit", HF_TASK_VERIFY_AUDIT },
		{ "--help", HF_TASK_HELP }, { "--version", HF_TASK_VERSION },
	};

	*ret_used = 1;
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
		if (strcmp(word, tasks[i].word) == 0) {
			c->task = tasks[i].task;
			return true;
		}
	}
	*ret_used = 2;
	if (strcmp(word, "--prune") != 0 || !value || !take_day(value, &c->prune_before))
		return false;
	c->task = HF_TASK_PRUNE;
	return true;
}

static enum hf_err read_words(int argc, char **argv, struct hf_arena *arena, struct hf_command *c,
			      struct hf_fault *fault)
{
	int used;

	for (int i = 1; i < argc; i += used) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		const struct option *option = strncmp(argv[i], "--", 2) == 0 ? find(hf_span_text(argv[i] + 2)) : NULL;

		used = 2;
		if (strcmp(argv[i], "--config") == 0 && value)
			continue;
		if (option && value && set(option, hf_span_text(value), arena, &c->config))
			continue;
		if (option || !take_task(argv[i], value, c, &used))
			return hf_fail(fault, HF_ERR_USAGE, argv[i], "%.80s", value && option ? value : "");
	}
	return HF_OK;
}

static enum hf_err check(const struct hf_command *c, struct hf_fault *fault)
{
	const struct hf_config *k = &c->config;
	const struct { const char *name, *value; } needed[] = {
		{ "--store", k->store }, { "--listen", k->listen }, { "--certificate", k->certificate },
		{ "--key", k->key }, { "--ticket-key", k->ticket_key }, { "--anchors", k->anchors },
		{ "--manifests", k->manifests },
	};
	const size_t count = c->task >= HF_TASK_HELP ? 0 :
			     c->task >= HF_TASK_VERIFY_AUDIT ? 1 : sizeof(needed) / sizeof(needed[0]);

	for (size_t i = 0; i < count; i++)
		if (!needed[i].value)
			return hf_fail(fault, HF_ERR_USAGE, needed[i].name, "%s", "it is needed");
	if (k->webhook && strncmp(k->webhook, "https://", 8) != 0 && strncmp(k->webhook, "http://", 7) != 0)
		return hf_fail(fault, HF_ERR_USAGE, "--webhook", "%.80s", k->webhook);
	return HF_OK;
}

enum hf_err hf_config_read(int argc, char **argv, struct hf_arena *arena, struct hf_command *ret,
			   struct hf_fault *fault)
{
	struct hf_command c = { .task = HF_TASK_SERVE, .config = {
		.name = "holdfastd", .agent_rate = 20, .address_connections = 512,
		.ticket_seconds = 300, .challenge_seconds = 600 } };
	enum hf_err err = HF_OK;

	for (int i = 1; i + 1 < argc && !err; i++)
		if (strcmp(argv[i], "--config") == 0)
			err = read_file(argv[i + 1], arena, &c.config, fault);
	if (!err)
		err = read_words(argc, argv, arena, &c, fault);
	if (!err)
		err = check(&c, fault);
	if (!err)
		*ret = c;
	return err;
}
