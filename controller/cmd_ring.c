/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl ring: sets of manifests at the controller. docs/rings.md leads through it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/commands.h"
#include "controller/host_cmds.h"
#include "manifests/names.h"
#include "manifests/trust.h"
#include "measure/cpio.h"
#include "measure/file.h"

#define FOLDER "etc/holdfast/manifests.d"
#define ARCHIVE_MAX ((size_t)16 << 20)	/* the controller's limit */
#define ARCHIVE_TYPE "application/x-cpio"

static const char usage[] =
	"usage: holdfastctl ring list\n"
	"       holdfastctl ring show RING\n"
	"       holdfastctl ring put RING --stage STAGE --manifests DIR\n"
	"                                 [--accept-worse WHY]\n"
	"       holdfastctl ring assign RING --model MODEL [--accept-worse WHY]\n"
	"       holdfastctl ring manifests RING --out FILE\n"
	"       holdfastctl ring remove RING\n"
	"\n"
	"A ring is a set of signed manifests and the hosts that it judges. STAGE:\n"
	"observe   its hosts are judged as those of no ring; what it would say is\n"
	"          recorded beside the verdict\n"
	"audit     it judges its hosts; its models must have mode audit\n"
	"enforce   it judges its hosts; its models must have mode enforce\n"
	"\n"
	"list       one line a ring\n"
	"show       its models, files, and how many hosts are in it\n"
	"put        make it, or put other manifests or another stage in its place. They\n"
	"           are tried on the newest evidence of each of its hosts first, and\n"
	"           refused if one would be worse off; --accept-worse puts them all the\n"
	"           same, and WHY is in the audit\n"
	"assign     move every host of that model into it; tried likewise. RING default:\n"
	"           the manifests that holdfastd was started with\n"
	"manifests  the archive that a boot server appends to its initramfs\n"
	"remove     forget it; no host may be in it\n"
	"\n"
	"  --url URL          the controller, https://... (or HOLDFAST_URL)\n"
	"  --ca FILE          its CA, PEM; no other is asked (or HOLDFAST_CA)\n"
	"  --token-file FILE  your bearer token (or HOLDFAST_TOKEN_FILE); or:\n"
	"  --certificate FILE --key FILE  your client certificate, PEM\n"
	"  --timeout SECONDS  of a whole request (default 60)\n"
	"  --json             what the controller says, as it says it\n\n"
	"exit codes: 0 done, 2 usage, 3 refused, 6 the controller is not to be reached\n";

static int internal(const struct hf_host_args *a)
{
	struct hf_fault fault;

	hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", a->command);
	return hf_ctl_fault(a->command, &fault);
}

static const char *path_of(const char *before, const char *name, const char *what, struct hf_arena *arena)
{
	const size_t room = strlen(before) + strlen(name) + strlen(what) + 1;
	char *path = hf_arena_take(arena, room);

	if (path)
		snprintf(path, room, "%s%s%s", before, name, what);
	return path;
}

static const char *ring_path(const struct hf_host_args *a, const char *what, struct hf_arena *arena)
{
	return path_of("/v1/rings/", a->word, what, arena);
}

/* ---- saying ---- */

static void models_text(const json_t *ring, char *out, size_t cap)
{
	const json_t *model;
	size_t i, len = 0;

	out[0] = '\0';
	json_array_foreach(json_object_get(ring, "models"), i, model)
		if (len < cap - 1)
			len += (size_t)snprintf(out + len, cap - len, "%s%s generation %lld (%s)", i ? ", " : "",
						hf_member_text(model, "name"),
						(long long)hf_member_number(model, "generation"),
						hf_member_text(model, "mode"));
}

static void print_ring(const json_t *ring)
{
	char text[2048], line[512], when[HF_TIME_TEXT];
	const json_t *file;
	size_t i;

	snprintf(line, sizeof(line), "%s: stage %s, %lld hosts", hf_member_text(ring, "name"),
		 hf_member_text(ring, "stage"), (long long)hf_member_number(ring, "hosts"));
	hf_ctl_print(stdout, line);
	models_text(ring, text, sizeof(text));
	hf_field_print(stdout, "models", text);
	hf_time_text(hf_member_number(ring, "at"), when);
	snprintf(line, sizeof(line), "%s, by %s", when, hf_member_text(ring, "by"));
	hf_field_print(stdout, "put", line);
	hf_field_print(stdout, "digest", hf_member_text(ring, "digest"));
	json_array_foreach(json_object_get(ring, "files"), i, file)
		hf_field_print(stdout, "file", hf_member_text(file, "name"));
}

void hf_worse_print(FILE *out, const json_t *worse)
{
	const json_t *w;
	char line[1024];
	size_t i;

	json_array_foreach(worse, i, w) {
		const char *host = hf_member_text(w, "host"), *place = hf_member_text(w, "place");
		const char *found = hf_member_text(w, "found");

		if (*host)
			snprintf(line, sizeof(line), "  %s: %s, now %s [%s]%s%s%s%s", host, hf_member_text(w, "after"),
				 hf_member_text(w, "before"), hf_member_text(w, "cause"), *place ? " at " : "", place,
				 *found ? ": " : "", found);
		else
			snprintf(line, sizeof(line), "  model %s: generation %lld, now %lld [%s]",
				 hf_member_text(w, "model"), (long long)hf_member_number(w, "after"),
				 (long long)hf_member_number(w, "before"), hf_member_text(w, "cause"));
		hf_ctl_print(out, line);
	}
}

static int print_done(const struct hf_host_args *a, json_t *reply, int code)
{
	const json_t *ring = json_object_get(reply, "ring"), *tried = json_object_get(reply, "tried");
	char line[256];

	if (!reply)
		return code;
	if (a->json) {
		code = hf_json_print(reply);
		json_decref(reply);
		return code;
	}
	if (hf_member_number(reply, "moved"))
		printf("%lld hosts moved\n", (long long)hf_member_number(reply, "moved"));
	if (json_is_object(ring))
		print_ring(ring);
	snprintf(line, sizeof(line), "%lld of %lld hosts, by their newest evidence: %lld better off, %lld worse",
		 (long long)hf_member_number(tried, "tried"), (long long)hf_member_number(tried, "hosts"),
		 (long long)hf_member_number(tried, "better"), (long long)hf_member_number(tried, "worse"));
	hf_field_print(stdout, "tried", line);
	hf_worse_print(stdout, json_object_get(reply, "worse"));
	json_decref(reply);
	return code;
}

/* ---- asking ---- */

static json_t *ask(const struct hf_host_args *a, const struct hf_http_request *request, struct hf_arena *arena, int *ret)
{
	struct hf_http_reply reply = { 0 };
	json_t *json;

	if (!request->path)
		*ret = internal(a);
	else
		reply = hf_host_ask(a, request, arena, ret);
	if (!reply.status)
		return NULL;
	json = json_loadb((const char *)reply.body.ptr, reply.body.len, JSON_REJECT_DUPLICATES, NULL);
	return json ? json : json_object();
}

int hf_ring_list(const struct hf_host_args *a, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	json_t *reply = hf_host_get(a, "/v1/rings", arena, &code);
	char models[2048], line[2304];
	const json_t *ring;
	size_t i;

	if (!reply)
		return code;
	if (a->json)
		code = hf_json_print(reply);
	else if (json_array_size(json_object_get(reply, "rings")) == 0)
		hf_ctl_print(stdout, "no rings yet: every host is in the default one, the manifests that holdfastd "
			     "was started with");
	else
		printf("%-20s %-8s %8s  %s\n", "RING", "STAGE", "HOSTS", "MODELS");
	json_array_foreach(a->json ? NULL : json_object_get(reply, "rings"), i, ring) {
		models_text(ring, models, sizeof(models));
		snprintf(line, sizeof(line), "%-20s %-8s %8lld  %s", hf_member_text(ring, "name"),
			 hf_member_text(ring, "stage"), (long long)hf_member_number(ring, "hosts"), models);
		hf_ctl_print(stdout, line);
	}
	json_decref(reply);
	return code;
}

int hf_ring_show(const struct hf_host_args *a, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	json_t *ring = ask(a, &(struct hf_http_request){ .method = "GET", .path = ring_path(a, "", arena) }, arena, &code);

	if (!ring)
		return code;
	if (a->json)
		code = hf_json_print(ring);
	else
		print_ring(ring);
	json_decref(ring);
	return code;
}

int hf_ring_remove(const struct hf_host_args *a, struct hf_arena *arena)
{
	const struct hf_http_request request = { .method = "DELETE", .path = ring_path(a, "", arena) };
	int code = HF_EXIT_OK;

	if (!request.path)
		return internal(a);
	if (!hf_host_ask(a, &request, arena, &code).status)
		return code;
	printf(a->json ? "{}\n" : "%s: removed\n", a->word);
	return HF_EXIT_OK;
}

static int move(const struct hf_host_args *a, const char *method, const char *path, const char *name, const char *value,
		struct hf_arena *arena)
{
	json_t *body = json_pack("{s:s, s:s*}", name, value, "accept-worse", a->accept);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	int code = HF_EXIT_OK;
	json_t *reply = NULL;

	json_decref(body);
	if (!text)
		return hf_ctl_refuse(a->command, "%s, or the reason, is not UTF-8", value);
	reply = ask(a, &(struct hf_http_request){ .method = method, .path = path, .content_type = "application/json",
		    .body = hf_span_text(text) }, arena, &code);
	free(text);
	return print_done(a, reply, code);
}

int hf_host_ring(const struct hf_host_args *a, struct hf_arena *arena)
{
	return move(a, "PUT", hf_host_path(a, "/ring", arena), "ring", a->second, arena);
}

int hf_ring_assign(const struct hf_host_args *a, struct hf_arena *arena)
{
	if (!a->model || !*a->model)
		return hf_ctl_refuse(a->command, "assign: --model MODEL is missing");
	return move(a, "POST", ring_path(a, "/assign", arena), "model", a->model, arena);
}

int hf_ring_manifests(const struct hf_host_args *a, struct hf_arena *arena)
{
	const struct hf_http_request request = { .method = "GET", .path = ring_path(a, "/manifests", arena),
						 .accept = ARCHIVE_TYPE };
	struct hf_fault fault = { 0 };
	struct hf_http_reply reply;
	int code = HF_EXIT_OK;

	if (!a->out)
		return hf_ctl_refuse(a->command, "manifests: --out FILE is missing");
	if (!request.path)
		return internal(a);
	reply = hf_host_ask(a, &request, arena, &code);
	if (!reply.status)
		return code;
	if (hf_file_write(AT_FDCWD, a->out, reply.body, 0644, &fault) != HF_OK)
		return hf_ctl_fault(a->command, &fault);
	printf(a->json ? "{}\n" : "%s: %zu bytes\n", a->out, reply.body.len);
	return HF_EXIT_OK;
}

/* ---- putting ---- */

static enum hf_err add_file(int fd, const char *name, struct hf_arena *arena, struct hf_writer *w, struct hf_fault *fault)
{
	struct hf_span bytes, content;
	char path[HF_CPIO_NAME_MAX + 1];
	enum hf_err err = hf_file_read(fd, name, HF_COSE_MAX, arena, &bytes, fault);

	if (!err)
		err = hf_manifest_content(fd, name, arena, &content, fault);
	if (err)
		return err;
	w->full |= (size_t)snprintf(path, sizeof(path), FOLDER "/%s", name) >= sizeof(path);
	hf_cpio_put(w, path, S_IFREG | 0644, bytes);
	if (!content.len)
		return HF_OK;
	snprintf(path, sizeof(path), FOLDER "/%.*s.payload", (int)(strlen(name) - strlen(".corim")), name);
	hf_cpio_put(w, path, S_IFREG | 0644, content);
	return HF_OK;
}

/* Each *.corim of the directory, as holdfastd --manifests reads one. */
static enum hf_err pack(const char *dir, struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault)
{
	struct hf_writer w = { .buf = hf_arena_room(arena, ARCHIVE_MAX), .cap = ARCHIVE_MAX };
	struct hf_names names = { 0 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), list_fd;
	enum hf_err err;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = list_fd < 0 ? hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir) :
	      hf_names_read(list_fd, dir, ".corim", &names, fault);
	if (!err && !names.count)
		err = hf_fail(fault, HF_ERR_MANIFEST_MISSING, dir, "no *.corim in it");
	for (size_t i = 0; i < names.count && !err; i++)
		err = add_file(fd, names.list[i], arena, &w, fault);
	hf_cpio_put_trailer(&w);
	if (!err && (w.full || !w.buf))
		err = hf_fail(fault, HF_ERR_LIMIT, dir, "more than %zu MiB of manifests", ARCHIVE_MAX >> 20);
	if (!err)
		*ret = hf_written(&w);
	hf_names_drop(&names);
	close(fd);
	return err;
}

/* Letters and digits as they are, all else escaped. */
static const char *query_of(const struct hf_host_args *a, struct hf_arena *arena)
{
	const char *why = a->accept ? a->accept : "";
	const size_t room = 64 + strlen(a->stage) + 3 * strlen(why);
	char *out = hf_arena_take(arena, room);
	size_t len;

	if (!out)
		return NULL;
	len = (size_t)snprintf(out, room, "?stage=%s%s", a->stage, a->accept ? "&accept-worse=" : "");
	for (const char *c = why; *c; c++)
		len += (size_t)snprintf(out + len, room - len, "%%%02x", (unsigned char)*c);
	return out;
}

int hf_ring_put(const struct hf_host_args *a, struct hf_arena *arena)
{
	struct hf_http_request request = { .method = "PUT", .content_type = ARCHIVE_TYPE };
	const char *query;
	struct hf_fault fault = { 0 };
	int code = HF_EXIT_OK;
	json_t *reply;

	if (!a->stage || (strcmp(a->stage, "observe") != 0 && strcmp(a->stage, "audit") != 0 &&
			  strcmp(a->stage, "enforce") != 0))
		return hf_ctl_refuse(a->command, "put: --stage observe, audit or enforce is missing");
	if (!a->manifests)
		return hf_ctl_refuse(a->command, "put: --manifests DIR is missing");
	if (pack(a->manifests, arena, &request.body, &fault) != HF_OK)
		return hf_ctl_fault(a->command, &fault);
	query = query_of(a, arena);
	request.path = query ? ring_path(a, query, arena) : NULL;
	reply = ask(a, &request, arena, &code);
	return print_done(a, reply, code);
}

int hf_cmd_ring(int argc, char **argv)
{
	static const struct hf_host_row rows[] = {
		{ "list", NULL, "", hf_ring_list }, { "show", "RING", "", hf_ring_show },
		{ "put", "RING", "SmA", hf_ring_put }, { "assign", "RING", "MA", hf_ring_assign },
		{ "manifests", "RING", "o", hf_ring_manifests }, { "remove", "RING", "", hf_ring_remove },
	};

	return hf_host_main(argc, argv, usage, rows, sizeof(rows) / sizeof(rows[0]));
}
