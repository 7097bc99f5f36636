/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real and quirky event logs from elsewhere. Every file of the folder has a line below: how
 * many events it has, or its named error; how many have not the shape of their type; how
 * many digests bind what they stand beside; what it says of Secure Boot. Where the values of
 * the PCRs are known, the log replays to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure/file.h"
#include "measure/secure_boot.h"

static struct hf_arena arena;
static char dir[512];

static void need_corpus(void)
{
	if (access(dir, R_OK) == 0)
		return;
	printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
	skip();
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* Behind what the arena holds up to here. */
static struct hf_span load_behind(const char *name, size_t here)
{
	char path[1200];
	struct hf_span bytes;

	arena.len = here;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(hf_file_read(AT_FDCWD, path, HF_FIRMWARE_LOG_MAX, &arena, &bytes, NULL),
			 HF_OK);
	return bytes;
}

static struct hf_span load(const char *name)
{
	return load_behind(name, 0);
}

/* ---- every file ---- */

enum form { NO_LOG, SHA1, AGILE, GUEST };
enum { ABSENT, OFF, ON, AMBIGUOUS, NOT_ASKED };	/* as enum hf_secure_boot_state */

/* Not read as logs: what is said about them, and files of other kinds that the folder has. */
static const char *const others[] = { ".yaml", ".md", "README", ".warn", ".json", ".txt", ".pem" };

static const struct expected {
	const char *name;
	enum form form;
	enum hf_err err;	/* LOG_TRUNCATED: what begins it promises more than there is */
	size_t events, shape, bound;
	int secure_boot;
} table[] = {
	{ "google_go-eventlog__CCEL.bin", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "google_go-eventlog__CCEL_unpadded.data.bin", GUEST, HF_OK, 20, 1, 12, NOT_ASKED },
	{ "google_go-eventlog__arch-linux-workstation.bin", AGILE, HF_OK, 25, 0, 19, OFF },
	{ "google_go-eventlog__coreos_36_shielded_vm_no_secure_boot_eventlog", AGILE, HF_OK, 76, 0, 62, OFF },
	{ "google_go-eventlog__cos-101-amd-sev.bin", AGILE, HF_OK, 49, 0, 40, ON },
	{ "google_go-eventlog__cos-113-intel-tdx-dupe-separator-unpadded.bin", GUEST, HF_OK, 44, 0, 31, NOT_ASKED },
	{ "google_go-eventlog__cos-113-intel-tdx.bin", GUEST, HF_OK, 44, 0, 31, NOT_ASKED },
	{ "google_go-eventlog__cos-113-intel-tdx.table.bin", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "google_go-eventlog__cos-85-amd-sev.bin", AGILE, HF_OK, 46, 0, 38, ON },
	{ "google_go-eventlog__cos-93-amd-sev.bin", AGILE, HF_OK, 46, 0, 38, ON },
	{ "google_go-eventlog__crypto_agile_eventlog", AGILE, HF_OK, 27, 0, 22, OFF },
	{ "google_go-eventlog__debian-10.bin", SHA1, HF_OK, 25, 0, 21, ON },
	{ "google_go-eventlog__ebs_event_missing_eventlog", SHA1, HF_OK, 38, 0, 34, OFF },
	{ "google_go-eventlog__event_log.bin", GUEST, HF_OK, 28, 0, 18, NOT_ASKED },
	{ "google_go-eventlog__glinux-alex.bin", AGILE, HF_OK, 29, 0, 21, OFF },
	{ "google_go-eventlog__option_rom_eventlog", SHA1, HF_OK, 61, 0, 55, ON },
	{ "google_go-eventlog__rhel8-uefi.bin", AGILE, HF_OK, 83, 0, 25, ON },
	{ "google_go-eventlog__sb_cert_eventlog", AGILE, HF_OK, 15, 0, 9, ON },
	{ "google_go-eventlog__short_no_action_eventlog", SHA1, HF_OK, 1, 0, 0, ABSENT },
	{ "google_go-eventlog__ubuntu-1804-amd-sev.bin", AGILE, HF_OK, 88, 0, 75, OFF },
	{ "google_go-eventlog__ubuntu-2104-no-dbx.bin", AGILE, HF_OK, 112, 0, 98, OFF },
	{ "google_go-eventlog__ubuntu-2104-no-secure-boot.bin", AGILE, HF_OK, 106, 0, 92, OFF },
	{ "google_go-eventlog__ubuntu_2104_shielded_vm_no_secure_boot_eventlog", AGILE, HF_OK, 106, 0, 92, OFF },
	{ "keylime_keylime__binary_bios_measurements", AGILE, HF_OK, 121, 0, 89, OFF },
	{ "keylime_keylime__binary_bios_measurements-bogus", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "keylime_keylime__binary_bios_measurements-empty", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "keylime_keylime__binary_bios_measurements-secureboot", AGILE, HF_OK, 99, 0, 77, ON },
	{ "rust-keylime__keylime-push-model-agent_test-data_uefi_log.bin", AGILE, HF_OK, 124, 0, 95, OFF },
	{ "rust-keylime__keylime_test-data_uefi_log.bin", AGILE, HF_OK, 124, 0, 95, OFF },
	{ "swtpm-quote/q.msg", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "swtpm-quote/q.pcrs", SHA1, HF_ERR_LOG_TRUNCATED, 4, 0, 0, NOT_ASKED },
	{ "swtpm-quote/q.sig", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "swtpm-quote/t16.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/big70k.bin", AGILE, HF_OK, 71, 0, 0, ABSENT },
	{ "synthetic-quirks/bigevent.bin", AGILE, HF_OK, 2, 1, 1, ABSENT },
	{ "synthetic-quirks/bootdrv_short.bin", AGILE, HF_OK, 2, 1, 0, ABSENT },
	{ "synthetic-quirks/efi_action.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/efi_blob2.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/empty_data.bin", AGILE, HF_OK, 2, 1, 1, ABSENT },
	{ "synthetic-quirks/ipl_pcr16.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/missing_alg.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/noaction_pcr8.bin", AGILE, HF_OK, 3, 0, 1, ABSENT },
	{ "synthetic-quirks/nospec.bin", NO_LOG, HF_ERR_LOG_TRUNCATED, 0, 0, 0, NOT_ASKED },
	{ "synthetic-quirks/ok_tag_pcr8.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/only_spec.bin", AGILE, HF_OK, 1, 0, 0, ABSENT },
	{ "synthetic-quirks/pcr23.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/pcr24.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/pcr32.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/pcrFFFFFFFF_noaction.bin", AGILE, HF_OK, 2, 0, 0, ABSENT },
	{ "synthetic-quirks/sha1_legacy.bin", SHA1, HF_OK, 1, 1, 0, ABSENT },
	{ "synthetic-quirks/spdm_blob_e1.bin", AGILE, HF_OK, 2, 1, 1, ABSENT },
	{ "synthetic-quirks/spec_pcr8.bin", NO_LOG, HF_ERR_LOG_HEADER, 0, 0, 0, NOT_ASKED },
	{ "synthetic-quirks/trailing4.bin", AGILE, HF_OK, 2, 1, 1, ABSENT },
	{ "synthetic-quirks/truncated.bin", AGILE, HF_ERR_LOG_TRUNCATED, 1, 0, 0, NOT_ASKED },
	{ "synthetic-quirks/two_alg.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "synthetic-quirks/unknown_type.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "tpm2-tools__event-arch-linux.bin", AGILE, HF_OK, 25, 0, 19, OFF },
	{ "tpm2-tools__event-bootorder.bin", AGILE, HF_OK, 104, 0, 87, OFF },
	{ "tpm2-tools__event-gce-ubuntu-2104-log.bin", AGILE, HF_OK, 112, 0, 98, OFF },
	{ "tpm2-tools__event-moklisttrusted.bin", AGILE, HF_OK, 97, 0, 78, ON },
	{ "tpm2-tools__event-postcode.bin", AGILE, HF_OK, 59, 0, 44, ON },
	{ "tpm2-tools__event-sd-boot-fedora37.bin", AGILE, HF_OK, 28, 0, 24, OFF },
	{ "tpm2-tools__event-uefi-sha1-log.bin", SHA1, HF_OK, 17, 0, 15, OFF },
	{ "tpm2-tools__event-uefiaction.bin", AGILE, HF_OK, 2, 0, 1, ABSENT },
	{ "tpm2-tools__event-uefiservices.bin", AGILE, HF_OK, 2, 0, 0, ABSENT },
	{ "tpm2-tools__event-uefivar.bin", AGILE, HF_OK, 2, 0, 1, AMBIGUOUS },
	{ "tpm2-tools__event.bin", AGILE, HF_OK, 2, 0, 0, ABSENT },
	{ "tpm2-tools__specid-vendordata.bin", NO_LOG, HF_ERR_LOG_HEADER, 0, 0, 0, NOT_ASKED },
};
#define FILES (sizeof(table) / sizeof(table[0]))

struct seen {
	enum form form;
	size_t events, shape, bound;
};

static enum hf_err read_all(struct hf_span log, struct seen *ret)
{
	struct hf_log_reader reader;
	struct hf_event e;
	enum hf_err err = hf_log_open_any(log, &reader);
	size_t end = 0;

	*ret = (struct seen){ .form = NO_LOG };
	if (err)
		return err;
	ret->form = reader.registers ? GUEST : reader.sha1_only ? SHA1 : AGILE;
	ret->events = !reader.sha1_only;
	while (hf_log_next(&reader, &e)) {
		struct hf_event_data data;

		assert_true(e.offset >= end);	/* events advance and lie inside the log */
		end = reader.cursor.pos;
		assert_true(e.data.len <= log.len && end <= log.len);
		hf_event_decode(&e, &data);
		ret->events++;
		ret->shape += data.err == HF_ERR_EVENT_SHAPE;
		ret->bound += data.bound != HF_BOUND_NONE;
	}
	return reader.err;
}

static void check(const struct expected *want)
{
	struct hf_span log = load(want->name);
	struct hf_secure_boot boot = { .event = 0 };
	struct hf_log_reader reader;
	struct seen seen;
	enum hf_err err = read_all(log, &seen);

	if (err != want->err || seen.events != want->events || seen.shape != want->shape ||
	    seen.bound != want->bound || seen.form != want->form)
		print_error("%s: %s, form %d, %zu events, %zu without shape, %zu bound\n", want->name,
			    hf_err_name(err), seen.form, seen.events, seen.shape, seen.bound);
	assert_int_equal(err, want->err);
	assert_int_equal(seen.form, want->form);
	assert_int_equal(seen.events, want->events);
	assert_int_equal(seen.shape, want->shape);
	assert_int_equal(seen.bound, want->bound);
	/* a guest's registers are no PCRs, and whoever judges a TPM's log must not take them so */
	if (want->form == NO_LOG || want->form == GUEST)
		assert_int_equal(hf_log_open(log, &reader),
				 want->form == GUEST ? HF_ERR_LOG_HEADER : want->err);
	if (want->secure_boot == NOT_ASKED)
		return;
	assert_int_equal(hf_log_open(log, &reader), HF_OK);
	bool sha256 = reader.alg_mask & HF_ALG_MASK(HF_ALG_SHA256);

	assert_int_equal(hf_secure_boot_from_log(log, sha256 ? HF_ALG_SHA256 : HF_ALG_SHA1, &boot),
			 HF_OK);
	if ((int)boot.state != want->secure_boot)
		print_error("%s: secure boot %s\n", want->name, hf_secure_boot_state_name(boot.state));
	assert_int_equal(boot.state, want->secure_boot);
}

static void every_file_is_as_expected(void **state)
{
	(void)state;
	need_corpus();
	for (size_t i = 0; i < FILES; i++)
		check(&table[i]);
}

static bool is_listed(const char *name)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ends_with(name, others[i]))
			return true;
	for (size_t i = 0; i < FILES; i++)
		if (strcmp(table[i].name, name) == 0)
			return true;
	return false;
}

static void every_file_is_listed(void **state)
{
	static const char *const folders[] = { "", "synthetic-quirks/", "swtpm-quote/" };

	(void)state;
	need_corpus();
	for (size_t i = 0; i < 3; i++) {
		char path[700], name[400];
		struct dirent *entry;
		DIR *d;

		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		d = opendir(path);
		assert_non_null(d);
		while ((entry = readdir(d))) {
			snprintf(name, sizeof(name), "%s%s", folders[i], entry->d_name);
			if (entry->d_name[0] == '.' || entry->d_type == DT_DIR || is_listed(name))
				continue;
			print_error("%s has no line in this test\n", name);
			fail();
		}
		closedir(d);
	}
}

/* "  4  : 0xabcd" under "  sha1:" under "pcrs:" */
static size_t compare_pcrs(const char *yaml, struct hf_span log)
{
	const char *line = strstr(yaml, "\npcrs:");
	struct hf_pcrs pcrs = { .alg = HF_ALG_SHA1 };
	size_t compared = 0;

	while (line && (line = strchr(line + 1, '\n'))) {
		char name[16], hex[2 * HF_DIGEST_MAX + 1], mine[2 * HF_DIGEST_MAX + 1];
		struct hf_digest value;
		unsigned pcr;

		if (sscanf(line, " %u : 0x%128[0-9a-f]", &pcr, hex) == 2) {
			assert_true(pcr < HF_PCR_COUNT);
			value.alg = pcrs.alg;
			memcpy(value.bytes, pcrs.value[pcr], HF_DIGEST_MAX);
			hf_digest_hex(&value, mine);
			assert_string_equal(mine, hex);
			assert_true(pcrs.extended >> pcr & 1);
			compared++;
		} else if (sscanf(line, " %15[a-z0-9]:", name) == 1) {
			enum hf_alg alg;

			assert_true(hf_alg_from_name(name, &alg));
			assert_int_equal(hf_log_replay(log, alg, &pcrs), HF_OK);
		}
	}
	return compared;
}

static void agrees_with_tpm2_eventlog(void **state)
{
	struct dirent *entry;
	size_t files = 0, pcrs = 0;
	DIR *d;

	(void)state;
	need_corpus();
	d = opendir(dir);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		const char *name = entry->d_name;
		const char *stem = strstr(name, "event-raw__");
		char log_name[300];
		size_t want = 0;
		struct seen seen;

		if (!ends_with(name, ".yaml"))
			continue;
		snprintf(log_name, sizeof(log_name), "%.*s%.*s",
			 stem ? (int)(stem - name) : 0, name,
			 (int)(strlen(stem ? stem + 11 : name) - 5), stem ? stem + 11 : name);
		struct hf_span log = load(log_name);
		const char *yaml = (const char *)load_behind(name, arena.len).ptr;

		for (const char *p = yaml; (p = strstr(p, "PCRIndex:")); p++)
			want++;
		if (read_all(log, &seen)) {
			assert_true(ends_with(name, "specid-vendordata.bin.yaml"));
			continue;
		}
		if (seen.events != want)
			print_error("%s: %zu events, not %zu\n", name, seen.events, want);
		assert_int_equal(seen.events, want);
		pcrs += compare_pcrs(yaml, log);
		files++;
	}
	closedir(d);
	assert_int_equal(files, 11);
	assert_true(pcrs > 100);
}

static void quote_log_replays(void **state)
{
	struct hf_pcrs pcrs;
	struct hf_span log, values;

	(void)state;
	need_corpus();
	log = load("swtpm-quote/t16.bin");
	values = load_behind("swtpm-quote/q.pcrs", arena.len);
	assert_int_equal(hf_log_replay(log, HF_ALG_SHA256, &pcrs), HF_OK);
	assert_int_equal(pcrs.extended, 1u << 16);
	assert_memory_equal(pcrs.value[16], values.ptr + 132 + 4 + 4 + 2, 32);
}

/* ---- known values ---- */

/* What the TPMs (or the TDX modules) of these machines held, as published with the logs in
 * google/go-eventlog: tpmeventlog/replay_test.go, ccel/cceventlog_test.go. */
static const struct { const char *name; enum hf_alg alg; unsigned pcr; const char *hex; } known[] = {
	{ "google_go-eventlog__rhel8-uefi.bin", HF_ALG_SHA256, 0,
	  "24af52a4f429b71a3184a6d64cddad17e54ea030e2aa6576bf3a5a3d8bd3328f" },
	{ "google_go-eventlog__rhel8-uefi.bin", HF_ALG_SHA256, 4,
	  "758a3d35f1b0ff5b135dacd07db0c8132c0ac665d944090d4bf96e66447a245c" },
	{ "google_go-eventlog__rhel8-uefi.bin", HF_ALG_SHA256, 7,
	  "5fd54361d580eb7592adb8deb236ff35444ceeac7148f24b3de63c041f12b3da" },
	{ "google_go-eventlog__rhel8-uefi.bin", HF_ALG_SHA256, 8,
	  "25c3874041ebd4e9a21b6ed71b624a7bfa99907a8dcea7f129a4c64cbaf5829a" },
	{ "google_go-eventlog__rhel8-uefi.bin", HF_ALG_SHA256, 14,
	  "d8f57ebcc1a23cc46832696e1a657f720e1be8f5b405bb7204682114e363b455" },
	{ "google_go-eventlog__ubuntu-1804-amd-sev.bin", HF_ALG_SHA256, 1,
	  "add81cbc06b154716ac7bd5999c84cbc520184d57c58102657d270274508d9ce" },
	{ "google_go-eventlog__ubuntu-1804-amd-sev.bin", HF_ALG_SHA256, 5,
	  "0b75168095fd6464ff1f9943b762ec009a3ae84c5e76cf67361e16b9db30d28e" },
	{ "google_go-eventlog__ubuntu-1804-amd-sev.bin", HF_ALG_SHA256, 9,
	  "2d334f1eeb9a16dabaccaa746ff1c0dce2e9aeb3f3a4a314e5e1e61b01e940d0" },
	{ "google_go-eventlog__ubuntu-2104-no-dbx.bin", HF_ALG_SHA256, 7,
	  "ca37324eeffabd318d30a20f15bf27ce25dc33e2c9856279ff6c2ced58b02efa" },
	{ "google_go-eventlog__ubuntu-2104-no-dbx.bin", HF_ALG_SHA256, 14,
	  "8351c65483c5419079e8c96758dd2130bee075d71fea226f68ec4eb5bfc71983" },
	{ "google_go-eventlog__ubuntu-2104-no-secure-boot.bin", HF_ALG_SHA256, 7,
	  "0d8847bc5eca06452df10e2f214363845c7ac11d47525a5474e225e72ce25dfe" },
	{ "google_go-eventlog__ubuntu-2104-no-secure-boot.bin", HF_ALG_SHA256, 9,
	  "adb87be3efd96cc3a2f66b8aa7564f9727563ef494a95d571a3f38ff4afb25dd" },
	{ "google_go-eventlog__glinux-alex.bin", HF_ALG_SHA1, 0,
	  "29d236609a5f9cc6912af44ba5f57b13a17c8a84" },
	{ "google_go-eventlog__glinux-alex.bin", HF_ALG_SHA1, 2,
	  "0c8ef58d40b8cd1fe15f6b45fc1b385dd251eec0" },
	{ "google_go-eventlog__glinux-alex.bin", HF_ALG_SHA256, 0,
	  "0e5ea849d7647a1ac1becc096fee4df98f00f8015f934afadaab0b8aa20b38a5" },
	{ "google_go-eventlog__glinux-alex.bin", HF_ALG_SHA256, 2,
	  "970096d49105b0404999173e49c3f6b8597b9c4c5ff6a9e364b55ce01037578e" },
	{ "google_go-eventlog__glinux-alex.bin", HF_ALG_SHA256, 7,
	  "9d1be46302bc4f5055c90a0376d9142e397ca8744f387c9824170f1bc855fde5" },
	{ "google_go-eventlog__arch-linux-workstation.bin", HF_ALG_SHA256, 2,
	  "65dee4a48cde677aa89fa83c5c35e883fda658f743853e3ebad504ca6702f7c5" },
	{ "google_go-eventlog__arch-linux-workstation.bin", HF_ALG_SHA256, 4,
	  "925d453d3dfef4ac0c72c957402163d45fa95d05e6d53f047263a3a60b598325" },
	{ "google_go-eventlog__arch-linux-workstation.bin", HF_ALG_SHA256, 8,
	  "47591b43af431963eaeb5238a5c42eda1eb0014c27f7de7ae483066a2d2a2e61" },
	{ "google_go-eventlog__debian-10.bin", HF_ALG_SHA1, 0,
	  "0f2d3a2a1adaa479aeeca8f5df76aadc41b862ea" },
	{ "google_go-eventlog__debian-10.bin", HF_ALG_SHA1, 4,
	  "1eb30816474a3f144e99b24e4ad480b2e51fd9e1" },
	{ "google_go-eventlog__debian-10.bin", HF_ALG_SHA1, 7,
	  "9e6c57e850f371c2a7fe02bca552149363952318" },
	{ "google_go-eventlog__cos-85-amd-sev.bin", HF_ALG_SHA256, 4,
	  "d690bdac2aa8b73a1d718cb91990df07d0747b07ea57b3b2d0f0d511f0d90491" },
	{ "google_go-eventlog__cos-85-amd-sev.bin", HF_ALG_SHA256, 7,
	  "3365d7fa2b024c852913c06e04ffbfa6ea5289f743bbf1a76f7ffdf21ed84793" },
	{ "google_go-eventlog__cos-93-amd-sev.bin", HF_ALG_SHA256, 4,
	  "871e8343044ae4c87b402dcb94b5e49715b1b8dc1b19c43ba0801422fabb39d4" },
	{ "google_go-eventlog__cos-93-amd-sev.bin", HF_ALG_SHA256, 9,
	  "0b1e4f9ca7bc8535c4c33f0025969d7abea008aa51dcd7f7c2d1068470e4bce4" },
	{ "google_go-eventlog__cos-101-amd-sev.bin", HF_ALG_SHA256, 4,
	  "6d9f1a1d461cf77517e8d4c488c53f338a71c5a8e2b81ab7011c14f72cbc9a80" },
	{ "google_go-eventlog__cos-101-amd-sev.bin", HF_ALG_SHA256, 7,
	  "2bc6edaa921f953cec0ffb28dad4f87114886603d6a782036502d28e69d97a48" },
	{ "google_go-eventlog__cos-101-amd-sev.bin", HF_ALG_SHA256, 14,
	  "d0d95459205afae879514db7b85630f5d6b8272ed8c731bf92933dbc9fe99969" },
	/* RTMR 0 to 2, which such a log calls 1 to 3 */
	{ "google_go-eventlog__cos-113-intel-tdx-dupe-separator-unpadded.bin", HF_ALG_SHA384, 1,
	  "a4de2df23e9611299123ba4359c42a5e578b0f8488bf1bba8ef5606d9ea5d81c"
	  "97c064b482a5eac537d166bd0f0f752d" },
	{ "google_go-eventlog__cos-113-intel-tdx-dupe-separator-unpadded.bin", HF_ALG_SHA384, 2,
	  "0ee9366c928a77092f55e9e114c7394181fd264699155f0df77d23577618d5f6"
	  "50568a17d379355a07bd846e552f4e20" },
	{ "google_go-eventlog__cos-113-intel-tdx-dupe-separator-unpadded.bin", HF_ALG_SHA384, 3,
	  "4969684dc87381fc3b3134176c8d8806eaf0a901859f5f70cfae8d17714b46c1"
	  "0a8de219048c9fc09f11f381a6fbe7c1" },
	{ "google_go-eventlog__cos-113-intel-tdx.bin", HF_ALG_SHA384, 1,
	  "3fa2f61f395b7f5feefb4ec2df61297f109ad8abcd6410c1b7df60f21f37b192"
	  "97fc35e544039c7e1edece752afd17f6" },
	{ "google_go-eventlog__cos-113-intel-tdx.bin", HF_ALG_SHA384, 2,
	  "f62dbc072bd5d3f3438b7b35c39a727f5aea2ffc2473f43723953f530daf6250"
	  "4f0a7944aa62c41a86e8a878c2b122c1" },
	{ "google_go-eventlog__CCEL_unpadded.data.bin", HF_ALG_SHA384, 1,
	  "8083cd6898cc52a90231cdf9c0532bf9513c40465c6f71e56cbe32ee2c11a9df"
	  "c030297ca3ca0f62477d6d1f610d3fdb" },
};

static void replays_to_known_values(void **state)
{
	(void)state;
	need_corpus();
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct hf_span log = load(known[i].name);
		char hex[2 * HF_DIGEST_MAX + 1];
		struct hf_digest value = { .alg = known[i].alg };
		struct hf_pcrs pcrs;
		struct seen seen;

		assert_int_equal(read_all(log, &seen), HF_OK);
		assert_int_equal(seen.form == GUEST ?
				 hf_log_replay_registers(log, value.alg, &pcrs) :
				 hf_log_replay(log, value.alg, &pcrs), HF_OK);
		memcpy(value.bytes, pcrs.value[known[i].pcr], sizeof(value.bytes));
		hf_digest_hex(&value, hex);
		if (strcmp(hex, known[i].hex) != 0)
			print_error("%s: PCR %u\n", known[i].name, known[i].pcr);
		assert_string_equal(hex, known[i].hex);
	}
}

static size_t base64(const char *text, uint8_t *out, size_t cap)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = 0;
	uint32_t bits = 0;

	for (size_t i = 0; text[i] && text[i] != '='; i++) {
		const char *digit = strchr(digits, text[i]);

		assert_non_null(digit);
		bits = bits << 6 | (uint32_t)(digit - digits);
		if (i % 4 == 0)
			continue;
		assert_true(len < cap);
		out[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return len;
}

/* Dumps with a log and every PCR of the TPM, in base64: SHA-1 logs. */
static void dumps_replay_to_their_pcrs(void **state)
{
	static const struct { const char *name; size_t events; uint32_t not_logged; } dumps[] = {
		/* PCR 10 is the kernel's, in a log of its own */
		{ "google_go-eventlog__linux_tpm12.json", 40, 1u << 10 },
		{ "google_go-eventlog__windows_gcp_shielded_vm.json", 21, 0 },
	};
	static uint8_t raw[1 << 17], digest[64];

	(void)state;
	need_corpus();
	for (size_t i = 0; i < 2; i++) {
		struct hf_span text = load(dumps[i].name);
		json_t *doc = json_loadb((const char *)text.ptr, text.len, 0, NULL);
		json_t *log_json = json_object_get(doc, "Log"), *pcr;
		struct hf_pcrs pcrs;
		struct seen seen;
		size_t n;

		assert_non_null(log_json);
		struct hf_span log = { raw, base64(json_string_value(json_object_get(log_json, "Raw")),
						   raw, sizeof(raw)) };

		assert_int_equal(read_all(log, &seen), HF_OK);
		assert_int_equal(seen.events, dumps[i].events);
		assert_int_equal(seen.shape, 0);
		assert_int_equal(hf_log_replay(log, HF_ALG_SHA1, &pcrs), HF_OK);
		assert_int_equal(json_array_size(json_object_get(log_json, "PCRs")), HF_PCR_COUNT);
		json_array_foreach(json_object_get(log_json, "PCRs"), n, pcr) {
			size_t index = (size_t)json_integer_value(json_object_get(pcr, "Index"));

			assert_true(index < HF_PCR_COUNT);
			assert_int_equal(base64(json_string_value(json_object_get(pcr, "Digest")), digest,
						sizeof(digest)), 20);
			if (!(dumps[i].not_logged >> index & 1))
				assert_memory_equal(pcrs.value[index], digest, 20);
		}
		json_decref(doc);
	}
}

/* Requests of another agent: where a log would be they have words, so nothing to read. */
static void requests_hold_no_log(void **state)
{
	static const char *const names[] = {
		"rust-keylime__keylime-push-model-agent_test-data_evidence_handling_request.json",
		"rust-keylime__keylime-push-model-agent_test-data_evidence_supported_attestation_request.json",
	};
	struct seen seen;

	(void)state;
	need_corpus();
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(read_all(load(names[i]), &seen), HF_ERR_LOG_TRUNCATED);
	assert_non_null(strstr((const char *)load(names[0]).ptr, "uefi_log_entries_deserialized"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_as_expected),
		cmocka_unit_test(every_file_is_listed),
		cmocka_unit_test(replays_to_known_values),
		cmocka_unit_test(dumps_replay_to_their_pcrs),
		cmocka_unit_test(requests_hold_no_log),
		cmocka_unit_test(agrees_with_tpm2_eventlog),
		cmocka_unit_test(quote_log_replays),
	};
	const char *corpus = getenv("HOLDFAST_CORPUS");

	snprintf(dir, sizeof(dir), "%s/eventlogs", corpus ? corpus : "../shared/data");
	if (hf_arena_make(64 << 20, &arena))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
