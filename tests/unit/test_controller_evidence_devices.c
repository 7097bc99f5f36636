/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl evidence about devices that sign, as an operator calls it, on files. */
#include "tests/unit/signing_host.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/commands.h"
#include "measure/cose.h"
#include "measure/file.h"

#define TEST(name) static void name(void **state)

static char dir[64];
static int real_stdout = -1;

static const char *at(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void put_file(const char *name, struct hf_span bytes)
{
	assert_int_equal(hf_file_write(AT_FDCWD, at(name), bytes, 0600, NULL), HF_OK);
}

#define RUN(...) run((const char *const[]){ "evidence", __VA_ARGS__, NULL })
static int run(const char *const *words)
{
	char *argv[32];
	int argc = 0, code, out = open(at("stdout"), O_CREAT | O_TRUNC | O_WRONLY, 0600);

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	argv[argc] = NULL;
	fflush(stdout);
	dup2(out, 1);
	close(out);
	code = hf_cmd_evidence(argc, argv);
	fflush(stdout);
	dup2(real_stdout, 1);
	return code;
}

static bool said(const char *words)
{
	struct hf_arena arena;
	struct hf_span text;
	bool found;

	assert_int_equal(hf_arena_make(1 << 20, &arena), HF_OK);
	assert_int_equal(hf_file_read(AT_FDCWD, at("stdout"), 1 << 19, &arena, &text, NULL), HF_OK);
	found = strstr((const char *)text.ptr, words) != NULL;
	if (!found)
		print_message("%s\n", (const char *)text.ptr);
	hf_arena_drop(&arena);
	return found;
}

static void sign_manifests(struct scene *s)
{
	struct hf_key *key = NULL;
	struct hf_writer pem = { .buf = malloc(4096), .cap = 4096 };
	struct hf_writer corim = { .buf = malloc(1 << 20), .cap = 1 << 20 };
	struct hf_writer cose = { .buf = malloc(1 << 20), .cap = 1 << 20 };
	char device[4096];

	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	assert_int_equal(hf_key_write_pem(key, false, &pem), HF_OK);
	assert_int_equal(hf_corim_encode(s->fx->manifests, "all", &corim), HF_OK);
	assert_int_equal(hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, "owner", hf_written(&corim), &cose),
			 HF_OK);
	mkdir(at("anchors"), 0700);
	mkdir(at("anchors/device"), 0700);
	mkdir(at("manifests"), 0700);
	put_file("anchors/owner.pem", hf_written(&pem));
	put_file("anchors/device/acme.pem", root_pem(&s->root, device, sizeof(device)));
	put_file("anchors/device/acme.conf", hf_span_text("vendor = 1b36\n"));
	put_file("manifests/all.corim", hf_written(&cose));
	hf_key_free(key);
	free(pem.buf);
	free(corim.buf);
	free(cose.buf);
}

/* Once: tests/fixtures/signed is what the first of these tests left in that directory. */
static void keep_fixture(void)
{
	const char *to = getenv("KEEP_SIGNED");
	char command[512];

	if (!to || access(to, F_OK) == 0)
		return;
	snprintf(command, sizeof(command), "mkdir %s && cp -r %s/e %s/anchors %s/manifests %s", to, dir, dir,
		 dir, to);
	assert_int_equal(system(command), 0);
}

static struct made *written(struct scene *s)
{
	struct made *m = made_of(s);

	sign_manifests(s);
	assert_int_equal(hf_evidence_write(&m->e, at("e"), NULL), HF_OK);
	keep_fixture();
	return m;
}

#define VERIFY(...) RUN("verify", at("e"), "--anchors", at("anchors"), "--manifests", at("manifests"), \
			__VA_ARGS__)

static const json_t *device_of(json_t **root)
{
	*root = json_load_file(at("stdout"), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(*root, "devices")), 1);
	return json_array_get(json_object_get(*root, "devices"), 0);
}

static const char *word(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

TEST(a_device_that_signed)
{
	struct scene *s = asked_twice();
	struct made *m = written(s);
	const json_t *d;
	json_t *root;

	(void)state;
	assert_int_equal(VERIFY(NULL), HF_EXIT_OK);
	assert_true(said("ok       transcripts   1 function, 2 transcripts; an anchor stands behind 1"));
	assert_true(said("SPDM 1.2, ecdsa-p256, sha-256"));
	assert_true(said("names this device"));
	assert_true(said("anchor acme; signed of this boot, which does not say when"));
	assert_int_equal(VERIFY("--json"), HF_EXIT_OK);
	d = device_of(&root);
	assert_string_equal(word(d, "path"), s->f->path);
	assert_string_equal(word(d, "method"), "signed");
	assert_string_equal(word(d, "anchor"), "acme");
	assert_string_equal(word(d, "fresh"), "boot");
	assert_int_equal(strlen(word(d, "transcript")), 96);
	assert_int_equal(strlen(word(d, "transcript_again")), 96);
	assert_null(word(d, "cause"));
	assert_null(word(d, "untrusted"));
	json_decref(root);
	drop_scene(s, m);
}

TEST(for_the_challenge_of_a_controller)
{
	static const uint8_t nonce[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct scene *s = scene();
	struct made *m;
	const json_t *d;
	json_t *root;

	(void)state;
	s->boot.nonce = s->again.challenge = (struct hf_span){ nonce, sizeof(nonce) };
	ask_first(s);
	ask_again(s);
	m = written(s);
	assert_int_equal(VERIFY("--nonce", "0001020304050607", "--json"), HF_EXIT_OK);
	d = device_of(&root);
	assert_string_equal(word(d, "fresh"), "challenge");
	json_decref(root);
	assert_int_equal(VERIFY("--nonce", "0001020304050607"), HF_EXIT_OK);
	assert_true(said("signed for the challenge"));
	assert_int_equal(VERIFY("--nonce", "0001020304050608", "--json"), HF_EXIT_REFUSED);
	d = device_of(&root);
	assert_null(word(d, "fresh"));
	json_decref(root);
	drop_scene(s, m);
}

TEST(a_root_that_is_not_yours)
{
	struct scene *s = asked_twice();
	struct made *m = written(s);
	const json_t *d;
	json_t *root;

	(void)state;
	unlink(at("anchors/device/acme.pem"));
	unlink(at("anchors/device/acme.conf"));
	assert_int_equal(VERIFY("--json"), HF_EXIT_REFUSED);
	d = device_of(&root);
	assert_null(word(d, "anchor"));
	assert_string_equal(word(d, "untrusted"), "device-chain-untrusted");
	json_decref(root);
	drop_scene(s, m);
}

/* Nobody looked at its certificates: that is not said of an anchor's device alone. */
TEST(a_signer_that_nobody_judged)
{
	struct scene *s = asked_twice();
	struct made *m = made_of(s);
	const json_t *d;
	json_t *root;

	(void)state;
	sign_manifests(s);
	m->e.transcripts = hf_span_text("\x80");
	assert_int_equal(hf_evidence_write(&m->e, at("unjudged"), NULL), HF_OK);
	assert_int_equal(RUN("verify", at("unjudged"), "--anchors", at("anchors"), "--manifests",
			     at("manifests"), "--json"), HF_EXIT_REFUSED);
	d = device_of(&root);
	assert_null(word(d, "anchor"));
	assert_string_equal(word(d, "untrusted"), "device-chain-untrusted");
	json_decref(root);
	drop_scene(s, m);
}

TEST(each_conversation_as_a_file)
{
	struct scene *s = asked_twice();
	struct made *m = written(s);
	struct hf_span first, again;
	json_t *root;

	(void)state;
	assert_int_equal(RUN("show", at("e"), "--transcripts", at("pcaps")), HF_EXIT_OK);
	assert_true(said("measure"));
	assert_int_equal(hf_file_read(AT_FDCWD, at("pcaps/pci0000_00_02.0_00.0.measure.pcap"), 1 << 20,
				      &s->fx->arena, &first, NULL), HF_OK);
	assert_int_equal(hf_file_read(AT_FDCWD, at("pcaps/pci0000_00_02.0_00.0.recheck.pcap"), 1 << 20,
				      &s->fx->arena, &again, NULL), HF_OK);
	assert_true(hf_span_equal(first, s->transcripts[0]));
	assert_true(hf_span_equal(again, s->transcripts[1]));
	/* what is there stays */
	assert_int_equal(RUN("show", at("e"), "--transcripts", at("pcaps")), HF_EXIT_INTERNAL);
	assert_int_equal(RUN("show", at("e"), "--json"), HF_EXIT_OK);
	root = json_load_file(at("stdout"), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "transcripts")), 2);
	json_decref(root);
	assert_int_equal(VERIFY("--transcripts", at("pcaps")), HF_EXIT_USAGE);
	drop_scene(s, m);
}

TEST(paths_lead_nowhere_else)
{
	struct scene *s = asked_twice();
	struct made *m;

	(void)state;
	s->f->path = "../../x";
	note_as(s, "../../../etc/y", s->transcripts[1]);
	m = written(s);
	assert_int_equal(RUN("show", at("e"), "--transcripts", at("odd")), HF_EXIT_OK);
	assert_int_equal(access(at("odd/_._.._x.measure.pcap"), F_OK), 0);
	drop_scene(s, m);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_that_signed), T(for_the_challenge_of_a_controller),
		T(a_root_that_is_not_yours), T(a_signer_that_nobody_judged),
		T(each_conversation_as_a_file), T(paths_lead_nowhere_else),
	};
	char command[96];
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/holdfast-devices-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	real_stdout = dup(1);
	failed = cmocka_run_group_tests_name("controller_evidence_devices", tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) ? 1 : failed;
}
