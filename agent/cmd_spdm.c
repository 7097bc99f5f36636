/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/spdm_view.h"
#include "agent/spdm_work.h"
#include "agent/vfio_modules.h"
#include "measure/file.h"
#include "pcie/doe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (4u << 20)
#define PEM_MAX (1u << 20)
#define ARENA (FILE_MAX + 2 * PEM_MAX + HF_SPDM_TRANSCRIPT_MAX + 4096)
#define SECONDS 30
#define PUT_BACK_MS 2000

static const char usage[] =
	"usage: holdfast spdm BDF [--vfio] [--sysfs DIR] [OPTION...]\n"
	"       holdfast spdm tcp:HOST:PORT [--framing doe|mctp] [OPTION...]\n"
	"       holdfast spdm file:TRANSCRIPT [OPTION...]\n"
	"       holdfast spdm report:FILE --chain PEM [OPTION...]\n"
	"\n"
	"What a device signs of itself (SPDM): the versions and algorithms that it\n"
	"speaks, its certificates, the firmware that it measured; what of it verified\n"
	"and what did not. BDF is a device of this host, 0000:03:00.0, asked through its\n"
	"mailbox (DOE), which is written to; a TRANSCRIPT is what --transcript wrote, or\n"
	"another capture of the same kind; a report is a measurement request and its\n"
	"answer, nothing else.\n"
	"\n"
	"  --anchors DIR     roots of devices in DIR/device; the certificates have to\n"
	"                    lead to one of them\n"
	"  --anchor PEM      one root in place of a directory\n"
	"  --transcript FILE keep the conversation, for later verification, also where it\n"
	"                    ended badly\n"
	"  --slot N          the certificate slot whose key is to sign (the lowest good)\n"
	"  --seconds N       give up after so long (30)\n"
	"  --vfio            where the kernel refuses writes to the mailbox: bind\n"
	"                    vfio-pci to the device for that time, if it has no driver\n"
	"  --framing WHAT    doe (default) or mctp, as the responder was started\n"
	"  --chain PEM       the certificates of a report, in either order\n"
	"  --sysfs DIR       a directory in place of /sys\n"
	"  --json            the same facts as JSON\n"
	"\n"
	"exit codes: 0 all that it signed verifies, and leads to an anchor if any was\n"
	"given; 3 something does not; 4 the device could not be asked, or signs nothing\n";

struct command {
	struct hf_spdm_work work;	/* first: jobs are given it, and what they answer this */
	const char *name;
	bool json, vfio;
	const char *transcript, *anchors, *anchor, *chain, *slot, *framing, *seconds, *sysfs;
	struct hf_trust trust;
	struct hf_arena arena;
	struct hf_fault fault;
	bool lost;		/* the child that talked */
	char detail[192];	/* of how it ended */
};

static bool is_asked(const struct command *c)
{
	return c->work.way == HF_SPDM_BY_MAILBOX || c->work.way == HF_SPDM_BY_TCP;
}

/* ---- what was given ---- */

static bool parse_number(const char *text, unsigned least, unsigned most, unsigned *ret)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number < least || number > most)
		return false;
	*ret = (unsigned)number;
	return true;
}

static bool parse_source(struct command *c, const char *source)
{
	struct hf_spdm_work *work = &c->work;

	work->source = source;
	if (strncmp(source, "tcp:", 4) == 0) {
		work->way = HF_SPDM_BY_TCP;
		work->by = "tcp";
		work->address = source + 4;
		return true;
	}
	if (strncmp(source, "file:", 5) == 0 || strncmp(source, "report:", 7) == 0) {
		work->way = *source == 'f' ? HF_SPDM_BY_FILE : HF_SPDM_BY_REPORT;
		work->by = *source == 'f' ? "file" : "report";
		work->address = strchr(source, ':') + 1;
		return true;
	}
	work->way = HF_SPDM_BY_MAILBOX;
	work->by = "config";
	return hf_address_parse(source, &work->function);
}

/* An option that has no effect is a mistake that nobody would notice. */
static const char *out_of_place(const struct command *c)
{
	enum hf_spdm_way way = c->work.way;
	bool recorded = !is_asked(c);

	if (c->vfio && way != HF_SPDM_BY_MAILBOX)
		return "--vfio is for a device of this host";
	if (c->sysfs && way != HF_SPDM_BY_MAILBOX)
		return "--sysfs is for a device of this host";
	if (c->framing && way != HF_SPDM_BY_TCP)
		return "--framing is for tcp:HOST:PORT";
	if (!c->chain != (way != HF_SPDM_BY_REPORT))
		return "--chain and report:FILE go together";
	if (recorded && (c->transcript || c->slot || c->seconds))
		return "--transcript, --slot and --seconds are for a device that is asked";
	if (c->anchors && c->anchor)
		return "give --anchors or --anchor, not both";
	return NULL;
}

static bool parse(struct command *c, const char *source, int *ret_code)
{
	unsigned slot = 0, seconds = SECONDS;
	const char *wrong;

	*ret_code = HF_EXIT_USAGE;
	if (!parse_source(c, source)) {
		(void)hf_fail(&c->fault, HF_ERR_ADDRESS_SYNTAX, source, "%s", "");
		*ret_code = hf_args_fault(c->name, &c->fault);
		return false;
	}
	wrong = out_of_place(c);
	if (wrong)
		return hf_args_refuse(c->name, "%s", wrong), false;
	if (c->slot && !parse_number(c->slot, 0, HF_SPDM_SLOTS - 1, &slot))
		return hf_args_refuse(c->name, "--slot is 0 to 7, not \"%s\"", c->slot), false;
	if (c->seconds && !parse_number(c->seconds, 1, HF_DEVICE_SECONDS_MAX, &seconds))
		return hf_args_refuse(c->name, "--seconds is 1 to 60, not \"%s\"", c->seconds), false;
	if (c->framing && strcmp(c->framing, "doe") != 0 && strcmp(c->framing, "mctp") != 0)
		return hf_args_refuse(c->name, "--framing is doe or mctp, not \"%s\"", c->framing), false;
	c->work.slot = c->slot ? (int)slot : -1;
	c->work.total_ms = seconds * 1000;
	c->work.framing = c->framing && *c->framing == 'm' ? HF_SPDM_FRAMING_MCTP : HF_SPDM_FRAMING_DOE;
	c->work.json = c->json;
	c->work.vfio = c->vfio;
	return true;
}

/* ---- what the child needs ---- */

static enum hf_err read_anchors(struct command *c)
{
	struct hf_span pem;
	enum hf_err err = HF_OK;

	if (c->anchor) {
		err = hf_file_read(AT_FDCWD, c->anchor, PEM_MAX, &c->arena, &pem, &c->fault);
		if (!err)
			err = hf_trust_add(&c->trust, "given", HF_ANCHOR_DEVICE, pem, &c->fault);
		if (err == HF_ERR_KEY_INVALID)
			err = hf_fail(&c->fault, err, c->anchor, "%s", "one PEM block CERTIFICATE "
				      "of an authority");
	} else if (c->anchors) {
		err = hf_trust_read(c->anchors, &c->trust, &c->fault);
	}
	if (!err && (c->anchor || c->anchors))
		c->work.trust = &c->trust;
	c->work.now = time(NULL);
	return err;
}

static enum hf_err prepare(struct command *c)
{
	struct hf_spdm_work *work = &c->work;
	struct hf_fault ignored = { 0 };
	enum hf_err err = read_anchors(c);

	if (!err && !is_asked(c))
		err = hf_file_read(AT_FDCWD, work->address, FILE_MAX, &c->arena, &work->file, &c->fault);
	if (!err && c->chain)
		err = hf_file_read(AT_FDCWD, c->chain, PEM_MAX, &c->arena, &work->chain, &c->fault);
	if (!err && work->way == HF_SPDM_BY_MAILBOX)
		err = hf_host_open(c->sysfs, &work->host, &c->fault);
	if (!err && c->vfio)	/* without them the mailbox says what is missing */
		(void)!hf_vfio_modules_load(&ignored);
	if (err || !is_asked(c))
		return err;
	work->shared = mmap(NULL, sizeof(*work->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work->shared == MAP_FAILED) {
		work->shared = NULL;
		return hf_fail(&c->fault, HF_ERR_NO_MEMORY, work->source, "transcript");
	}
	return HF_OK;
}

/* ---- what it said ---- */

/* From a child that has read foreign bytes: words for a terminal, whatever they are. */
static void print_text(struct hf_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = text.ptr[i];

		putchar((byte < 0x20 && byte != '\n') || byte == 0x7f || (byte >= 0x80 && byte < 0xa0) ?
			'?' : byte);
	}
}

static enum hf_err fail(struct command *c, enum hf_err err, const char *detail)
{
	return hf_fail(&c->fault, err, c->work.source, "%s", detail);
}

static enum hf_err was_probed(void *self, const struct hf_pool_answer *answer)
{
	struct command *c = self;

	if (answer->err)
		return fail(c, answer->err, "its configuration space");
	if (answer->bytes.len != sizeof(c->work.identity))
		return fail(c, HF_ERR_READER_DIED, "");
	memcpy(&c->work.identity, answer->bytes.ptr, sizeof(c->work.identity));
	c->work.has_identity = true;
	return HF_OK;
}

static enum hf_err was_talked(void *self, const struct hf_pool_answer *answer)
{
	struct command *c = self;
	struct hf_spdm_talked talked = { .cause = HF_ERR_READER_DIED };

	c->lost = answer->lost;
	if (answer->err)
		talked.cause = answer->err;
	else if (answer->bytes.len == sizeof(talked))
		memcpy(&talked, answer->bytes.ptr, sizeof(talked));
	talked.detail[sizeof(talked.detail) - 1] = '\0';
	memcpy(c->detail, talked.detail, sizeof(c->detail));
	c->work.ended = hf_err_from_name(hf_err_name((enum hf_err)talked.cause));
	if (!talked.cause)
		c->work.ended = HF_OK;
	if (c->work.way == HF_SPDM_BY_MAILBOX)
		c->work.by = talked.vfio ? "vfio-pci" : "config";
	return HF_OK;
}

static enum hf_err was_told(void *self, const struct hf_pool_answer *answer)
{
	struct command *c = self;
	struct hf_spdm_told told;

	if (answer->err)
		return fail(c, answer->err, "while its conversation was looked at");
	if (answer->bytes.len < sizeof(told))
		return fail(c, HF_ERR_READER_DIED, "");
	memcpy(&told, answer->bytes.ptr, sizeof(told));
	told.detail[sizeof(told.detail) - 1] = '\0';
	print_text(hf_span_part(answer->bytes, sizeof(told), answer->bytes.len - sizeof(told)));
	if (!told.cause)
		return HF_OK;
	return fail(c, hf_err_from_name(hf_err_name((enum hf_err)told.cause)),
		    told.detail[0] ? told.detail : c->detail);
}

static enum hf_err put_back(void *self, size_t index, struct hf_writer *w)
{
	const struct hf_spdm_work *work = self;

	(void)index, (void)w;
	hf_mailbox_put_back(&work->host, &work->function);
	return HF_OK;
}

static enum hf_err was_put_back(void *self, const struct hf_pool_answer *answer)
{
	(void)self, (void)answer;
	return HF_OK;
}

/* What is in c->fault afterwards is what there is to say; a job's own error is in it already. */
static enum hf_err one(struct command *c, hf_pool_job job, hf_pool_done done, unsigned device_ms,
		       bool sandbox, size_t answer_max)
{
	bool host = c->work.way == HF_SPDM_BY_MAILBOX && !sandbox;
	const struct hf_pool_options pool = {
		.workers = 1, .device_ms = device_ms, .keep = &c->work.host.sysfs,
		.keep_count = host, .answer_max = answer_max,
		.sandbox = sandbox ? HF_SANDBOX_PARSER : HF_SANDBOX_READER,
	};
	enum hf_err err = hf_pool_run(&pool, 1, job, done, &c->work);

	if (err && !c->fault.err)
		return fail(c, err, "");
	return err;
}

/* A function that had no driver before may be left to vfio-pci by a child that was lost. */
static enum hf_err talk(struct command *c)
{
	char driver[64];
	bool mailbox = c->work.way == HF_SPDM_BY_MAILBOX;
	bool had_driver = mailbox && hf_host_driver(&c->work.host, &c->work.function, driver, sizeof(driver));
	enum hf_err err = mailbox ? one(c, hf_spdm_probe, was_probed, 0, false, sizeof(c->work.identity))
				  : HF_OK;

	if (!err)
		err = one(c, hf_spdm_speak, was_talked, 0, false, sizeof(struct hf_spdm_talked));
	if (!err && c->lost && c->work.host.live && c->vfio && !had_driver)
		(void)!one(c, put_back, was_put_back, PUT_BACK_MS, false, 1);
	return err;
}

/* The parent's own copy: a child that was led astray may still be writing there. */
static enum hf_err take_transcript(struct command *c)
{
	uint32_t len = atomic_load(&c->work.shared->len);

	if (len > sizeof(c->work.shared->bytes))
		return fail(c, HF_ERR_READER_DIED, "");
	if (hf_arena_copy(&c->arena, (struct hf_span){ c->work.shared->bytes, len }, &c->work.file))
		return fail(c, HF_ERR_NO_MEMORY, "transcript");
	return HF_OK;
}

static enum hf_err converse(struct command *c)
{
	enum hf_err err = HF_OK;

	if (is_asked(c)) {
		err = talk(c);
		if (!err)
			err = take_transcript(c);
	}
	if (!err && is_asked(c) && !c->work.file.len && c->work.ended)
		return fail(c, c->work.ended, c->detail);	/* there was none */
	if (!err && hf_spdm_tell_warm())
		err = fail(c, HF_ERR_NO_MEMORY, "libraries");
	return err ? err : one(c, hf_spdm_tell, was_told, 0, true, HF_SPDM_WORDS_MAX);
}

/* Of two failures the first one is the one to be told. */
static enum hf_err keep_transcript(struct command *c)
{
	struct hf_fault fault = { 0 };
	enum hf_err err;

	if (!c->transcript || !c->work.file.len)
		return HF_OK;
	err = hf_file_write(AT_FDCWD, c->transcript, c->work.file, 0644, &fault);
	if (err)
		hf_args_fault(c->name, &fault);
	return err;
}

static int run(struct command *c)
{
	enum hf_err err = hf_arena_make(ARENA, &c->arena);
	int code;

	if (err)
		(void)fail(c, err, "memory");
	if (!err)
		err = prepare(c);
	if (!err) {
		(void)!converse(c);
		code = hf_spdm_exit(c->fault.err);
		if (c->fault.err)
			hf_args_fault(c->name, &c->fault);
		if (keep_transcript(c) && code == HF_EXIT_OK)
			code = HF_EXIT_INTERNAL;
	} else {
		code = hf_args_fault(c->name, &c->fault);
	}
	if (c->work.shared)
		munmap(c->work.shared, sizeof(*c->work.shared));
	if (c->work.host.sysfs >= 0)
		hf_host_close(&c->work.host);
	hf_trust_drop(&c->trust);
	if (c->arena.base)
		hf_arena_drop(&c->arena);
	return code;
}

int hf_cmd_spdm(int argc, char **argv)
{
	static struct command c;	/* anchors by the dozen: no thing for the stack */
	struct hf_args_list rest = { 0 };
	const struct hf_option options[] = {
		{ .name = "json", .flag = &c.json },
		{ .name = "vfio", .flag = &c.vfio },
		{ .name = "transcript", .value = &c.transcript },
		{ .name = "anchors", .value = &c.anchors },
		{ .name = "anchor", .value = &c.anchor },
		{ .name = "chain", .value = &c.chain },
		{ .name = "slot", .value = &c.slot },
		{ .name = "framing", .value = &c.framing },
		{ .name = "seconds", .value = &c.seconds },
		{ .name = "sysfs", .value = &c.sysfs },
		{ .name = NULL },
	};
	int code;

	c.name = argv[0];
	c.work.host.sysfs = -1;
	if (!hf_args_parse(argc, argv, options, &rest, usage, &code))
		return code;
	if (rest.count != 1)
		return hf_args_refuse(argv[0], "one device or file is needed, %zu given", rest.count);
	if (!parse(&c, rest.words[0], &code))
		return code;
	return run(&c);
}
