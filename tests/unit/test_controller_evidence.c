/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl evidence and image as an operator calls them, on files. */
#include "tests/unit/evidence_fixture.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/commands.h"
#include "controller/evidence_input.h"
#include "manifests/trust.h"
#include "measure/file.h"
#include "pcie/pe.h"

static char dir[64];
static int real_stdout = -1;

static const char *at(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void put_file(const char *name, struct hf_span bytes)
{
	assert_int_equal(hf_file_write(AT_FDCWD, at(name), bytes, 0600, NULL), HF_OK);
}

#define RUN(command, ...) run(command, (const char *const[]){ __VA_ARGS__, NULL })
static int run(int (*command)(int, char **), const char *const *words)
{
	char *argv[32];
	int argc = 0, code, out = open(at("stdout"), O_CREAT | O_TRUNC | O_WRONLY, 0600);

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	argv[argc] = NULL;
	fflush(stdout);
	dup2(out, 1);
	close(out);
	code = command(argc, argv);
	fflush(stdout);
	dup2(real_stdout, 1);
	return code;
}

static json_t *output(void)
{
	return json_load_file(at("stdout"), 0, NULL);
}

static void sign_manifests(struct made *m)
{
	struct hf_key *key = NULL;
	struct hf_writer pem = { .buf = malloc(4096), .cap = 4096 };
	struct hf_writer corim = { .buf = malloc(1 << 20), .cap = 1 << 20 };
	struct hf_writer cose = { .buf = malloc(1 << 20), .cap = 1 << 20 };

	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	assert_int_equal(hf_key_write_pem(key, false, &pem), HF_OK);
	assert_int_equal(hf_corim_encode(m->fx->manifests, "all", &corim), HF_OK);
	assert_int_equal(hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, "owner", hf_written(&corim), &cose),
			 HF_OK);
	mkdir(at("anchors"), 0700);
	mkdir(at("manifests"), 0700);
	put_file("anchors/owner.pem", hf_written(&pem));
	put_file("manifests/all.corim", hf_written(&cose));
	hf_key_free(key);
	free(pem.buf);
	free(corim.buf);
	free(cose.buf);
}

static int verify_at(const char *evidence, const char *more)
{
	char pcr[] = "--json";

	return RUN(hf_cmd_evidence, "evidence", "verify", at(evidence), "--anchors", at("anchors"),
		   "--manifests", at("manifests"), pcr, more);
}

static struct made *written(void)
{
	struct boot_case c = good;
	struct made *m;

	c.cap_release = "kexec";
	c.receipt = true;
	m = make(&c);
	m->e.verdict = hf_span_text("{\"result\":\"released\",\"cause\":null}");
	sign_manifests(m);
	assert_int_equal(hf_evidence_write(&m->e, at("e"), NULL), HF_OK);
	return m;
}

static void verify_directory(void **state)
{
	struct made *m = written();
	json_t *root, *checks, *check;
	size_t i, ok = 0;

	(void)state;
	assert_int_equal(verify_at("e", NULL), HF_EXIT_OK);
	root = output();
	assert_true(json_is_true(json_object_get(root, "affirmed")));
	checks = json_object_get(root, "checks");
	json_array_foreach(checks, i, check)
		ok += strcmp(json_string_value(json_object_get(check, "outcome")), "ok") == 0;
	assert_int_equal(ok, HF_CHECK_COUNT);
	json_decref(root);
	/* a challenge that it does not answer */
	assert_int_equal(verify_at("e", "--nonce=0011"), HF_EXIT_REFUSED);
	root = output();
	assert_true(json_is_false(json_object_get(root, "affirmed")));
	assert_string_equal(json_string_value(json_object_get(root, "cause")), "quote-nonce");
	json_decref(root);
	assert_int_equal(verify_at("e", "--pcr=14"), HF_EXIT_REFUSED);
	/* the text says the same and fits */
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "verify", at("e"), "--anchors", at("anchors"),
			     "--manifests", at("manifests")), HF_EXIT_OK);
	drop(m);
}

static void verify_other_signer(void **state)
{
	struct made *m = written();
	struct hf_key *key = NULL;
	struct hf_writer pem = { .buf = malloc(4096), .cap = 4096 };

	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	assert_int_equal(hf_key_write_pem(key, false, &pem), HF_OK);
	put_file("anchors/owner.pem", hf_written(&pem));
	assert_int_equal(verify_at("e", NULL), hf_err_exit(HF_ERR_SIGNER_UNKNOWN));
	unlink(at("anchors/owner.pem"));
	assert_int_equal(verify_at("e", NULL), hf_err_exit(HF_ERR_ANCHOR_MISSING));
	hf_key_free(key);
	free(pem.buf);
	drop(m);
}

static void changed_file(void **state)
{
	static const char *const names[] = { "claims.cbor", "holdfast.evlog", "firmware.evlog",
					     "quote.attest", "quote.sig", "ak.pub", "boot-key.der",
					     "receipt.attest", "receipt.sig" };
	struct made *m = written();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[64];
		int fd;
		uint8_t byte;
		struct stat st;
		/* the data of the stub's last event is a label, which nothing hashes */
		off_t back = strcmp(names[i], "firmware.evlog") ? 1 : 40;

		assert_int_equal(hf_evidence_write(&m->e, at("e"), NULL), HF_OK);
		snprintf(name, sizeof(name), "e/%s", names[i]);
		fd = open(at(name), O_RDWR);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(pread(fd, &byte, 1, st.st_size - back), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, st.st_size - back), 1);
		close(fd);
		assert_int_equal(verify_at("e", NULL), HF_EXIT_REFUSED);
		assert_int_equal(unlink(at(name)), 0);
		assert_int_equal(verify_at("e", NULL),
				 strcmp(names[i], "boot-key.der") ? HF_EXIT_REFUSED : HF_EXIT_OK);
	}
	drop(m);
}

static void unpack_and_show(void **state)
{
	struct made *m = written();
	struct hf_span json;
	char *capture;
	int n;

	(void)state;
	assert_int_equal(hf_evidence_to_cmw(&m->e, &m->fx->arena, &json), HF_OK);
	put_file("e.cmw", json);
	assert_int_equal(verify_at("e.cmw", NULL), HF_EXIT_OK);
	n = asprintf(&capture, "boot messages\r\n-----BEGIN HOLDFAST EVIDENCE-----\r\n{\"old\"\r\n"
		     "-----BEGIN HOLDFAST EVIDENCE-----\r\n%.500s\r\n%s\r\n"
		     "-----END HOLDFAST EVIDENCE-----\r\n----- more\r\n"
		     "-----BEGIN HOLDFAST EVIDENCE-----\r\nhalf", (const char *)json.ptr,
		     (const char *)json.ptr + 500);
	assert_true(n > 0);
	put_file("console", hf_span_text(capture));
	free(capture);
	assert_int_equal(verify_at("console", NULL), HF_EXIT_OK);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "unpack", at("console"), at("u")), HF_EXIT_OK);
	assert_int_equal(verify_at("u", NULL), HF_EXIT_OK);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", at("u"), "--json"), HF_EXIT_OK);
	json_t *root = output();

	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "cap"), "release")),
			    "kexec");
	json_decref(root);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", at("u")), HF_EXIT_OK);
	unlink(at("u/claims.cbor"));
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", at("u")), HF_EXIT_REFUSED);
	put_file("console", hf_span_text("-----BEGIN HOLDFAST EVIDENCE-----\n{}"));
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", at("console")),
			 hf_err_exit(HF_ERR_EVIDENCE_SHAPE));
	drop(m);
}

static void blocks(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "{}", "{}" },
		{ "", "" },
		{ "x-----BEGIN HOLDFAST EVIDENCE-----\r\n{\r\n}\r\n-----END HOLDFAST EVIDENCE-----", "{}" },
		{ "-----BEGIN HOLDFAST EVIDENCE-----\n{}", "" },
		{ "-----END HOLDFAST EVIDENCE----------BEGIN HOLDFAST EVIDENCE-----1", "" },
		{ "-----BEGIN HOLDFAST EVIDENCE-----1-----END HOLDFAST EVIDENCE-----"
		  "-----BEGIN HOLDFAST EVIDENCE-----2-----END HOLDFAST EVIDENCE-----", "2" },
		{ "-----BEGIN HOLDFAST EVIDENCE-----1-----END HOLDFAST EVIDENCE-----"
		  "-----BEGIN HOLDFAST EVIDENCE-----2-----END HOLDFAST EVID", "1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].in);
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, cases[i].in, len + 1);
		assert_true(hf_span_equal(hf_evidence_block(copy, len), hf_span_text(cases[i].out)));
		free(copy);
	}
}

static void evidence_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN(hf_cmd_evidence, "evidence"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "--help"), HF_EXIT_OK);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "burn"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "verify", "x"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "a", "b"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "a", "b", "c"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "--nonce=0", "x"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "--nonce=zz", "x"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "--pcr=24", "x"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "--pcr=", "x"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", "--what", "x"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_evidence, "evidence", "show", at("nothing there")), HF_EXIT_USAGE);
}

/* The smallest image with one section. */
static struct hf_span small_pe(void)
{
	static uint8_t pe[0x300];
	static const struct { size_t at; uint32_t value; } fields[] = {
		{ 0, 0x5a4d }, { 0x3c, 0x40 }, { 0x40, 0x4550 }, { 0x46, 1 }, { 0x54, 240 },
		{ 0x58, 0x20b }, { 0x58 + 60, 0x200 }, { 0x58 + 108, 16 },
		{ 0x58 + 240 + 16, 0x100 }, { 0x58 + 240 + 20, 0x200 },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		for (size_t j = 0; j < 2; j++)
			pe[fields[i].at + j] = (uint8_t)(fields[i].value >> 8 * j);
	return (struct hf_span){ pe, sizeof(pe) };
}

static const char *image_value(json_t *root, size_t index, const char *key)
{
	json_t *list = json_object_get(root, "images");

	return json_string_value(json_object_get(json_array_get(list, index), key));
}

static void image_measure(void **state)
{
	static const uint8_t line[] = { 'q', 0, ' ', 0, '1', 0, 0, 0 };
	char hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest d;

	(void)state;
	put_file("kernel", small_pe());
	put_file("initrd", hf_span_text("initrd"));
	put_file("root", hf_span_text("root"));
	put_file("line", hf_span_text("q 1\n"));
	assert_int_equal(RUN(hf_cmd_image, "image", "measure", "--name", "gate", "--out", at("i.json"),
			     "--kernel", at("kernel"), "--initrd", at("initrd"), "--command-line", "q 1",
			     "--tenant-kernel", at("kernel"), "--tenant-initrd", at("initrd"),
			     "--tenant-command-line", "quiet", "--tenant-root", at("root")), HF_EXIT_OK);
	json_t *root = json_load_file(at("i.json"), 0, NULL);

	assert_non_null(root);
	assert_string_equal(image_value(root, 0, "role"), "agent");
	/* everything but the checksum and the empty certificate entry */
	assert_string_equal(image_value(root, 0, "kernel"),
			    "e80ce21608a18e58f24152a3eefb55d987ad446c4ec3bbbc6e7a91a039377cdc");
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("initrd"), &d), HF_OK);
	hf_digest_hex(&d, hex);
	assert_string_equal(image_value(root, 0, "initrd"), hex);
	assert_string_equal(image_value(root, 1, "initrd"), hex);
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ line, sizeof(line) }, &d), HF_OK);
	hf_digest_hex(&d, hex);
	assert_string_equal(image_value(root, 0, "command_line"), hex);
	assert_string_equal(image_value(root, 1, "name"), "gate-kexec");
	assert_string_equal(image_value(root, 1, "command_line_text"), "quiet");
	assert_int_equal(hf_digest(HF_ALG_SHA256, small_pe(), &d), HF_OK);
	hf_digest_hex(&d, hex);
	assert_string_equal(image_value(root, 1, "kernel"), hex);
	assert_string_equal(image_value(root, 2, "name"), "gate-root");
	assert_int_equal(RUN(hf_cmd_image, "image", "measure", "--name", "gate", "--out", at("j.json"),
			     "--kernel", at("kernel"), "--initrd", at("initrd"), "--command-line-file",
			     at("line")), HF_EXIT_OK);
	json_t *other = json_load_file(at("j.json"), 0, NULL);

	assert_string_equal(image_value(root, 0, "command_line"), image_value(other, 0, "command_line"));
	json_decref(root);
	json_decref(other);
}

#define MEASURE(...) RUN(hf_cmd_image, "image", "measure", __VA_ARGS__)
static void image_of_a_boot_entry(void **state)
{
	/* efivarfs: attributes; then EFI_LOAD_OPTION: active, 4 bytes of path, "A", the path's end */
	static const uint8_t file[] = { 7, 0, 0, 0, 1, 0, 0, 0, 4, 0, 'A', 0, 0, 0, 0x7f, 0xff, 4, 0 };
	const struct hf_span entry = { file + 4, sizeof(file) - 4 };
	char hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest d;
	json_t *root;

	(void)state;
	put_file("boot-entry", entry);
	put_file("Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c", (struct hf_span){ file, sizeof(file) });
	assert_int_equal(MEASURE("--name", "w", "--out", at("e.json"), "--tenant-boot-entry", at("boot-entry"),
				 "--tenant-exit", "--service-boot-entry",
				 at("Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c")), HF_EXIT_OK);
	root = json_load_file(at("e.json"), 0, NULL);
	assert_non_null(root);
	assert_int_equal(hf_digest(HF_ALG_SHA256, entry, &d), HF_OK);
	hf_digest_hex(&d, hex);
	assert_string_equal(image_value(root, 0, "name"), "w-next-boot");
	assert_string_equal(image_value(root, 0, "kind"), "next-boot");
	assert_string_equal(image_value(root, 0, "boot_entry"), hex);
	assert_string_equal(image_value(root, 1, "name"), "w-service-next-boot");
	assert_string_equal(image_value(root, 1, "role"), "service");
	assert_string_equal(image_value(root, 1, "boot_entry"), hex);
	assert_string_equal(image_value(root, 2, "kind"), "exit");
	assert_string_equal(image_value(root, 2, "name"), "w-exit");
	json_decref(root);
	put_file("boot-entry", hf_span_part(entry, 0, entry.len - 1));
	assert_int_equal(MEASURE("--name", "w", "--out", at("f.json"), "--tenant-boot-entry", at("boot-entry")),
			 hf_err_exit(HF_ERR_BOOT_ENTRY));
}

/* A unified image as examples/uki/build.sh makes it; without: one section less. */
static struct hf_span unified(const char *stub, const char *without, const char *more)
{
	static uint8_t pe[0x2000];
	const struct { const char *name; struct hf_span bytes; } sections[] = {
		{ ".sdmagic", hf_span_text(stub) }, { ".osrel", hf_span_text("ID=x") },
		{ ".cmdline", hf_span_text("q 1") }, { ".linux", small_pe() }, { ".initrd", hf_span_text("initrd") },
		{ more, hf_span_text("more") } };
	const size_t count = sizeof(sections) / sizeof(sections[0]) - !more;
	size_t at = 0x400;
	struct hf_writer w = { .buf = pe + 0x58 + 240, .cap = 0x200 };

	memset(pe, 0, sizeof(pe));
	memcpy(pe, small_pe().ptr, 0x58 + 240);
	pe[0x46] = (uint8_t)count;
	pe[0x58 + 61] = 4;	/* SizeOfHeaders: 0x400 */
	for (size_t i = 0; i < count; i++) {
		char name[8] = "";
		size_t len = sections[i].bytes.len;

		memcpy(name, sections[i].name, strnlen(sections[i].name, 8));
		if (without && strcmp(sections[i].name, without) == 0)
			name[1] = '_';
		hf_put(&w, name, 8);
		hf_put_le(&w, len, 4);
		hf_put_le(&w, at, 4);
		hf_put_le(&w, len, 4);
		hf_put_le(&w, at, 4);
		for (int j = 0; j < 4; j++)
			hf_put_le(&w, 0, 4);
		memcpy(pe + at, sections[i].bytes.ptr, len);
		at += len;
	}
	return (struct hf_span){ pe, sizeof(pe) };
}

#define STUB_252 "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####"

static void image_in_one_file(void **state)
{
	/* PCR 11 after .linux, .osrel, .cmdline and .initrd, each by name and bytes: made with python3 */
	static const char sections[] = "008767e88ade46380d91583f9264aa6ef4792df5ab0701fd3d33a4e333dcbef7";
	struct hf_span file = unified(STUB_252, NULL, NULL);
	char hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest d;
	json_t *root, *other;

	(void)state;
	put_file("uki", file);
	put_file("kernel", small_pe());
	put_file("initrd", hf_span_text("initrd"));
	assert_int_equal(MEASURE("--name", "u", "--out", at("u.json"), "--uki", at("uki")), HF_EXIT_OK);
	assert_int_equal(MEASURE("--name", "u", "--out", at("k.json"), "--kernel", at("kernel"), "--initrd",
				 at("initrd"), "--command-line", "q 1"), HF_EXIT_OK);
	root = json_load_file(at("u.json"), 0, NULL);
	other = json_load_file(at("k.json"), 0, NULL);
	assert_string_equal(image_value(root, 0, "kernel"), image_value(other, 0, "kernel"));
	assert_string_equal(image_value(root, 0, "initrd"), image_value(other, 0, "initrd"));
	assert_string_equal(image_value(root, 0, "command_line"), image_value(other, 0, "command_line"));
	assert_int_equal(hf_pe_digest(HF_ALG_SHA256, file, &d), HF_OK);
	hf_digest_hex(&d, hex);
	assert_string_equal(image_value(root, 0, "uki"), hex);
	assert_string_equal(image_value(root, 0, "sections"), sections);
	json_decref(root);
	json_decref(other);
}

/* What the boot would log is not known: better no list than one that holds the host. */
static void image_in_one_file_refused(void **state)
{
	static const char *const needed[] = { ".sdmagic", ".linux", ".initrd", ".cmdline" };
	static const char *const more[] = { ".pcrsig", ".pcrpkey" };
	static const char *const stubs[] = { "#### LoaderInfo: systemd-stub 255 ####", "#### LoaderInfo: systemd-boot 252" };
	struct hf_span file;

	(void)state;
#define UKI MEASURE("--name", "u", "--out", at("n.json"), "--uki", at("uki"))
	for (size_t i = 0; i < 4; i++) {
		put_file("uki", unified(STUB_252, needed[i], NULL));
		assert_int_equal(UKI, hf_err_exit(HF_ERR_UKI_SHAPE));
	}
	for (size_t i = 0; i < 2; i++) {
		put_file("uki", unified(STUB_252, NULL, more[i]));
		assert_int_equal(UKI, hf_err_exit(HF_ERR_UKI_SHAPE));
		put_file("uki", unified(stubs[i], NULL, NULL));
		assert_int_equal(UKI, hf_err_exit(HF_ERR_UKI_SHAPE));
	}
	put_file("uki", unified(STUB_252, NULL, ".initrd"));	/* which of the two? */
	assert_int_equal(UKI, hf_err_exit(HF_ERR_PE_SHAPE));
	file = unified(STUB_252, NULL, NULL);
	((uint8_t *)(uintptr_t)file.ptr)[0x58 + 240 + 8]++;	/* longer in memory */
	put_file("uki", file);
	assert_int_equal(UKI, hf_err_exit(HF_ERR_PE_SHAPE));
	put_file("uki", hf_span_text("no program"));
	assert_int_equal(UKI, hf_err_exit(HF_ERR_PE_SHAPE));
	assert_int_equal(MEASURE("--name", "u", "--out", at("n.json"), "--uki", at("uki"), "--kernel", at("kernel"),
				 "--initrd", at("initrd"), "--command-line", "x"), HF_EXIT_USAGE);
	assert_int_equal(access(at("n.json"), F_OK), -1);
}

static void image_refusals(void **state)
{
	(void)state;
	put_file("kernel", small_pe());
	put_file("initrd", hf_span_text("initrd"));
	put_file("line", (struct hf_span){ (const uint8_t *)"a\0b", 3 });
	assert_int_equal(RUN(hf_cmd_image, "image"), HF_EXIT_USAGE);
	assert_int_equal(RUN(hf_cmd_image, "image", "--help"), HF_EXIT_OK);
	assert_int_equal(MEASURE("--help"), HF_EXIT_OK);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n")), HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a/b", "--out", at("n"), "--tenant-root", at("initrd")),
			 HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--name", "b", "--out", at("n")), HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("kernel")),
			 HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--tenant-kernel", at("kernel")),
			 HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("initrd"), "--initrd",
				 at("initrd"), "--command-line", "x"), hf_err_exit(HF_ERR_PE_SHAPE));
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("kernel"), "--initrd",
				 at("none"), "--command-line", "x"), HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("kernel"), "--initrd",
				 dir, "--command-line", "x"), HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("kernel"), "--initrd",
				 at("initrd"), "--command-line", ""), HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("kernel"), "--initrd",
				 at("initrd"), "--command-line", "\xc3\xa9"), HF_EXIT_USAGE);
	assert_int_equal(MEASURE("--name", "a", "--out", at("n"), "--kernel", at("kernel"), "--initrd",
				 at("initrd"), "--command-line-file", at("line")), HF_EXIT_USAGE);
	assert_int_equal(access(at("n"), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verify_directory), cmocka_unit_test(verify_other_signer),
		cmocka_unit_test(changed_file), cmocka_unit_test(unpack_and_show),
		cmocka_unit_test(blocks), cmocka_unit_test(evidence_usage),
		cmocka_unit_test(image_measure), cmocka_unit_test(image_of_a_boot_entry),
		cmocka_unit_test(image_in_one_file), cmocka_unit_test(image_in_one_file_refused),
		cmocka_unit_test(image_refusals),
	};
	char command[96];
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/holdfast-evidence-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	real_stdout = dup(1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) ? 1 : failed;
}
