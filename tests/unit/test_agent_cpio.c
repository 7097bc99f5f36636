/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "measure/cpio.h"

#define ARCHIVE_MAX 65536

struct source {
	struct hf_span in;
	size_t pos, step;	/* at most step bytes a time */
	enum hf_err fail;	/* at the end, in place of end of file */
};

static enum hf_err fill(void *self, uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct source *s = self;
	size_t n = s->in.len - s->pos;

	if (n == 0 && s->fail)
		return s->fail;
	n = n < cap ? n : cap;
	n = n < s->step ? n : s->step;
	if (n)
		memcpy(buf, s->in.ptr + s->pos, n);
	s->pos += n;
	*ret_len = n;
	return HF_OK;
}

static uint8_t buffer[HF_CPIO_BUFFER_MIN];

static void open_at(struct hf_cpio *cpio, struct source *source, struct hf_span in, size_t step)
{
	*source = (struct source){ .in = in, .step = step };
	hf_cpio_open(cpio, fill, source, buffer, sizeof(buffer));
}

static struct hf_span archive(uint8_t out[ARCHIVE_MAX], size_t kernel_size)
{
	static uint8_t data[4096];
	struct hf_writer w = { .buf = out, .cap = ARCHIVE_MAX };

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	hf_cpio_put(&w, "dir", S_IFDIR | 0755, (struct hf_span){ NULL, 0 });
	hf_cpio_put(&w, "./kernel", S_IFREG | 0644, (struct hf_span){ data, kernel_size });
	hf_cpio_put(&w, "dir/initrd", S_IFREG | 0644, (struct hf_span){ data, 5 });
	hf_cpio_put_trailer(&w);
	assert_false(w.full);
	assert_int_equal(w.len % 4, 0);
	return hf_written(&w);
}

static size_t read_data(struct hf_cpio *cpio)
{
	size_t total = 0;
	struct hf_span s;

	do {
		assert_int_equal(hf_cpio_data(cpio, &s), HF_OK);
		for (size_t i = 0; i < s.len; i++)
			assert_int_equal(s.ptr[i], (uint8_t)((total + i) * 7));
		total += s.len;
	} while (s.len > 0);
	return total;
}

static void what_is_written_is_read_in_any_pieces(void **state)
{
	static uint8_t out[ARCHIVE_MAX];
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 511, 512, 4096 };
	static const size_t steps[] = { 1, 3, 110, 512, 100000 };
	struct hf_cpio_entry e;
	struct source source;
	struct hf_cpio cpio;

	(void)state;
	for (size_t i = 0; i < 8 * 5; i++) {
		struct hf_span in = archive(out, sizes[i % 8]);

		open_at(&cpio, &source, in, steps[i / 8]);
		assert_int_equal(hf_cpio_next(&cpio, &e), HF_OK);
		assert_string_equal(e.name, "dir");
		assert_true(S_ISDIR(e.mode));
		assert_int_equal(hf_cpio_next(&cpio, &e), HF_OK);
		assert_string_equal(e.name, "kernel");
		assert_int_equal(e.size, sizes[i % 8]);
		if (i & 1)	/* otherwise skipped by the next one */
			assert_int_equal(read_data(&cpio), sizes[i % 8]);
		assert_int_equal(hf_cpio_next(&cpio, &e), HF_OK);
		assert_string_equal(e.name, "dir/initrd");
		assert_int_equal(read_data(&cpio), 5);
		assert_int_equal(hf_cpio_next(&cpio, &e), HF_OK);
		assert_true(e.trailer);
		assert_int_equal(hf_cpio_next(&cpio, &e), HF_ERR_STORE_SHAPE);
	}
}

/* Every entry, and all data; the first error. */
static enum hf_err walk(struct hf_span in, enum hf_err fail)
{
	struct hf_cpio_entry e = { 0 };
	struct source source;
	struct hf_cpio cpio;
	struct hf_span s;
	enum hf_err err = HF_OK;

	open_at(&cpio, &source, in, 1000);
	source.fail = fail;
	while (err == HF_OK && !e.trailer) {
		err = hf_cpio_next(&cpio, &e);
		do {
			if (err == HF_OK)
				err = hf_cpio_data(&cpio, &s);
		} while (err == HF_OK && s.len > 0);
	}
	return err;
}

static void every_truncation_is_refused(void **state)
{
	static uint8_t out[ARCHIVE_MAX];
	struct hf_span in = archive(out, 33);

	(void)state;
	assert_int_equal(walk(in, HF_OK), HF_OK);
	for (size_t len = 0; len < in.len; len++) {
		enum hf_err err = walk(hf_span_part(in, 0, len), HF_OK);

		assert_int_equal(err, HF_ERR_STORE_SHAPE);
		assert_int_equal(walk(hf_span_part(in, 0, len), HF_ERR_STORE_UNREADABLE),
				 HF_ERR_STORE_UNREADABLE);
	}
}

static void what_follows_the_trailer_is_not_looked_at(void **state)
{
	static uint8_t out[ARCHIVE_MAX];
	struct hf_span in = archive(out, 33);

	(void)state;
	memset(out + in.len, 0xff, 512);
	in.len += 512;
	assert_int_equal(walk(in, HF_OK), HF_OK);
}

static void set_field(uint8_t *header, size_t field, const char *hex)
{
	memcpy(header + 6 + 8 * field, hex, 8);
}

static enum hf_err with_field(size_t field, const char *hex)
{
	static uint8_t out[ARCHIVE_MAX];
	struct hf_span in = archive(out, 33);

	set_field(out, field, hex);
	return walk(in, HF_OK);
}

static void odd_headers_are_refused(void **state)
{
	static uint8_t out[ARCHIVE_MAX];
	struct hf_span in = archive(out, 33);

	(void)state;
	out[5] = '2';	/* the form with checksums */
	assert_int_equal(walk(in, HF_OK), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(6, "0000000g"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(6, "-0000001"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(6, "ffffffff"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(11, "00000000"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(11, "00000001"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(11, "00000101"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(11, "ffffffff"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(11, "00000003"), HF_ERR_STORE_SHAPE);
	assert_int_equal(with_field(0, "deadBEEF"), HF_OK);
}

static void odd_names_are_refused(void **state)
{
	static const char *const bad[] = { "ker\nel", "k\x1b[2Jx", "caf\xc3\xa9" };
	static uint8_t out[ARCHIVE_MAX];
	char longest[HF_CPIO_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct hf_writer w = { .buf = out, .cap = sizeof(out) };

		hf_cpio_put(&w, bad[i], S_IFREG, (struct hf_span){ NULL, 0 });
		hf_cpio_put_trailer(&w);
		assert_int_equal(walk(hf_written(&w), HF_OK), HF_ERR_STORE_SHAPE);
	}
	struct hf_writer w = { .buf = out, .cap = sizeof(out) };

	memset(longest, 'n', sizeof(longest));
	longest[HF_CPIO_NAME_MAX] = '\0';
	hf_cpio_put(&w, longest, S_IFREG, (struct hf_span){ NULL, 0 });
	hf_cpio_put_trailer(&w);
	assert_int_equal(walk(hf_written(&w), HF_OK), HF_OK);
	longest[HF_CPIO_NAME_MAX] = 'n';
	longest[HF_CPIO_NAME_MAX + 1] = '\0';
	hf_cpio_put(&w, longest, S_IFREG, (struct hf_span){ NULL, 0 });
	assert_true(w.full);
}

static void a_name_with_a_nul_inside_is_refused(void **state)
{
	static uint8_t out[ARCHIVE_MAX];
	struct hf_writer w = { .buf = out, .cap = sizeof(out) };

	(void)state;
	hf_cpio_put(&w, "kernelx", S_IFREG, (struct hf_span){ NULL, 0 });
	hf_cpio_put_trailer(&w);
	assert_int_equal(walk(hf_written(&w), HF_OK), HF_OK);
	out[110 + 6] = '\0';
	assert_int_equal(walk(hf_written(&w), HF_OK), HF_ERR_STORE_SHAPE);
}

static void the_number_of_entries_has_a_limit(void **state)
{
	static uint8_t out[(HF_CPIO_ENTRIES_MAX + 2) * 116];
	struct hf_writer w = { .buf = out, .cap = sizeof(out) };

	(void)state;
	for (size_t i = 0; i + 1 < HF_CPIO_ENTRIES_MAX; i++)
		hf_cpio_put(&w, "x", S_IFREG, (struct hf_span){ NULL, 0 });
	struct hf_writer more = w;

	hf_cpio_put_trailer(&w);
	assert_false(w.full);
	assert_int_equal(walk(hf_written(&w), HF_OK), HF_OK);
	hf_cpio_put(&more, "x", S_IFREG, (struct hf_span){ NULL, 0 });
	hf_cpio_put_trailer(&more);
	assert_false(more.full);
	assert_int_equal(walk(hf_written(&more), HF_OK), HF_ERR_STORE_SHAPE);
}

static void the_system_cpio_reads_ours(void **state)
{
	static uint8_t out[ARCHIVE_MAX];
	struct hf_span in = archive(out, 100);
	char path[] = "/tmp/holdfast-cpio-XXXXXX", command[128], listing[128] = "";
	int fd = mkstemp(path);
	FILE *pipe;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, in.ptr, in.len), (ssize_t)in.len);
	close(fd);
	snprintf(command, sizeof(command), "cpio -t --quiet < %s 2>/dev/null", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t n = fread(listing, 1, sizeof(listing) - 1, pipe);
	int status = pclose(pipe);

	unlink(path);
	if (status != 0) {
		print_message("SKIP no cpio program here\n");
		skip();
	}
	assert_true(n > 0);
	assert_string_equal(listing, "dir\n./kernel\ndir/initrd\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_in_any_pieces),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_follows_the_trailer_is_not_looked_at),
		cmocka_unit_test(odd_headers_are_refused),
		cmocka_unit_test(odd_names_are_refused),
		cmocka_unit_test(a_name_with_a_nul_inside_is_refused),
		cmocka_unit_test(the_number_of_entries_has_a_limit),
		cmocka_unit_test(the_system_cpio_reads_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
