/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/devlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "pcie/devlink.h"

#define FAMILY 0x15
#define SEQUENCE 7

static uint8_t bytes[HF_DEVLINK_REPLY_MAX];
static struct hf_writer w;
static struct hf_devlink_info info;

static int setup(void **state)
{
	(void)state;
	w = (struct hf_writer){ .buf = bytes, .cap = sizeof(bytes) };
	memset(bytes, 0, sizeof(bytes));
	memset(&info, 0xaa, sizeof(info));
	return 0;
}

static size_t open_attribute(uint16_t type)
{
	struct nlattr head = { .nla_type = type };

	hf_put(&w, &head, sizeof(head));
	return w.len - sizeof(head);
}

static void close_attribute(size_t start)
{
	uint16_t len = (uint16_t)(w.len - start);

	memcpy(bytes + start, &len, sizeof(len));
	while (w.len % 4)
		hf_put(&w, "", 1);
}

static void put_attribute(uint16_t type, const void *data, size_t n)
{
	size_t at = open_attribute(type);

	hf_put(&w, data, n);
	close_attribute(at);
}

static void put_text(uint16_t type, const char *text)
{
	put_attribute(type, text, strlen(text) + 1);
}

static void version(uint16_t kind, const char *name, const char *value)
{
	size_t at = open_attribute(kind | NLA_F_NESTED);

	put_text(DEVLINK_ATTR_INFO_VERSION_NAME, name);
	put_text(DEVLINK_ATTR_INFO_VERSION_VALUE, value);
	close_attribute(at);
}

#define FIXED DEVLINK_ATTR_INFO_VERSION_FIXED
#define RUNNING DEVLINK_ATTR_INFO_VERSION_RUNNING
#define STORED DEVLINK_ATTR_INFO_VERSION_STORED

static size_t open_message(uint16_t type, uint32_t sequence)
{
	struct nlmsghdr head = { .nlmsg_type = type, .nlmsg_seq = sequence };

	hf_put(&w, &head, sizeof(head));
	return w.len - sizeof(head);
}

static void close_message(size_t start)
{
	uint32_t len = (uint32_t)(w.len - start);

	memcpy(bytes + start, &len, sizeof(len));
}

static size_t open_reply(uint32_t sequence)
{
	struct genlmsghdr generic = { .cmd = DEVLINK_CMD_INFO_GET };
	size_t at = open_message(FAMILY, sequence);

	hf_put(&w, &generic, sizeof(generic));
	return at;
}

static enum hf_err parse(void)
{
	int sys_errno = -1;
	enum hf_err err = hf_devlink_info(hf_written(&w), SEQUENCE, FAMILY, &info, &sys_errno);

	assert_int_equal(sys_errno, 0);
	return err;
}

static void test_requests(void **state)
{
	struct nlmsghdr head;

	(void)state;
	hf_devlink_put_family(&w, 1);
	assert_false(w.full);
	memcpy(&head, bytes, sizeof(head));
	assert_int_equal(head.nlmsg_len, w.len);
	assert_int_equal(head.nlmsg_type, GENL_ID_CTRL);
	assert_int_equal(head.nlmsg_flags, NLM_F_REQUEST);
	assert_memory_equal(bytes + NLMSG_HDRLEN + GENL_HDRLEN + 4, "devlink", 8);
	w.len = 0;
	hf_devlink_put_info(&w, 2, FAMILY, "0000:01:00.0");
	memcpy(&head, bytes, sizeof(head));
	assert_int_equal(head.nlmsg_len, w.len);
	assert_int_equal(head.nlmsg_type, FAMILY);
	assert_int_equal(head.nlmsg_seq, 2);
	assert_int_equal(bytes[NLMSG_HDRLEN], DEVLINK_CMD_INFO_GET);
	assert_memory_equal(bytes + NLMSG_HDRLEN + GENL_HDRLEN + 4, "pci", 4);
	assert_memory_equal(bytes + NLMSG_HDRLEN + GENL_HDRLEN + 12, "0000:01:00.0", 13);
}

static void test_family(void **state)
{
	uint16_t family = FAMILY, ret = 0;
	struct genlmsghdr generic = { .cmd = CTRL_CMD_NEWFAMILY };
	int sys_errno;
	size_t at;

	(void)state;
	at = open_message(GENL_ID_CTRL, SEQUENCE);
	hf_put(&w, &generic, sizeof(generic));
	put_text(CTRL_ATTR_FAMILY_NAME, "devlink");
	put_attribute(CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	close_message(at);
	assert_int_equal(hf_devlink_family(hf_written(&w), SEQUENCE, &ret, &sys_errno), HF_OK);
	assert_int_equal(sys_errno, 0);
	assert_int_equal(ret, FAMILY);
	ret = 0;
	assert_int_equal(hf_devlink_family(hf_written(&w), SEQUENCE + 1, &ret, &sys_errno),
			 HF_ERR_READ_FAILED);
	for (size_t len = 0; len < w.len - 2; len++)	/* its last two bytes are padding */
		assert_int_equal(hf_devlink_family((struct hf_span){ bytes, len }, SEQUENCE, &ret,
						   &sys_errno), HF_ERR_READ_FAILED);
	assert_int_equal(ret, 0);
}

static void test_kernel_says_no(void **state)
{
	int32_t code = -ENODEV;
	struct nlmsghdr asked = { 0 };
	int sys_errno;
	size_t at;

	(void)state;
	at = open_message(NLMSG_ERROR, SEQUENCE);
	hf_put(&w, &code, sizeof(code));
	hf_put(&w, &asked, sizeof(asked));
	close_message(at);
	assert_int_equal(hf_devlink_info(hf_written(&w), SEQUENCE, FAMILY, &info, &sys_errno), HF_OK);
	assert_int_equal(sys_errno, ENODEV);
	for (int i = 0; i < 3; i++) {	/* no errno at all */
		code = (int32_t[]){ 0, 5, INT32_MIN }[i];
		memcpy(bytes + NLMSG_HDRLEN, &code, sizeof(code));
		assert_int_equal(hf_devlink_info(hf_written(&w), SEQUENCE, FAMILY, &info, &sys_errno),
				 HF_ERR_READ_FAILED);
	}
}

static void is_version(enum hf_devlink_kind kind, const char *name, const char *want)
{
	const struct hf_devlink_version *v = hf_devlink_find(&info, kind, hf_span_text(name));

	assert_non_null(v);
	assert_true(hf_span_equal(v->value, hf_span_text(want)));
}

static void test_versions(void **state)
{
	char text[200];
	size_t at;

	(void)state;
	at = open_message(FAMILY, SEQUENCE - 1);	/* of an earlier question */
	hf_put(&w, "....", 4);
	close_message(at);
	at = open_reply(SEQUENCE);
	put_text(DEVLINK_ATTR_BUS_NAME, "pci");
	put_text(DEVLINK_ATTR_INFO_DRIVER_NAME, "ice");
	put_text(DEVLINK_ATTR_INFO_SERIAL_NUMBER, "00-01");
	version(FIXED, "board.id", "K1");
	version(RUNNING, "fw.mgmt", "5.1");
	version(RUNNING, "fw.undi", "1.2");
	version(STORED, "fw.mgmt", "5.1");
	version(STORED, "fw.undi", "1.2");
	version(STORED, "fw.bundle", "9");	/* nothing of that name runs */
	put_attribute(0x3fff, "?", 1);		/* of a later kernel */
	close_message(at);
	assert_int_equal(parse(), HF_OK);
	assert_int_equal(info.count, 6);
	is_version(HF_DEVLINK_FIXED, "board.id", "K1");
	is_version(HF_DEVLINK_RUNNING, "fw.mgmt", "5.1");
	is_version(HF_DEVLINK_STORED, "fw.bundle", "9");
	assert_true(hf_span_equal(info.serial, hf_span_text("00-01")));
	assert_false(hf_devlink_pending(&info, text, sizeof(text)));
}

static void test_pending(void **state)
{
	char text[200], tight[8];
	size_t at = open_reply(SEQUENCE);

	(void)state;
	version(STORED, "fw", "2");
	version(RUNNING, "fw", "1");
	version(RUNNING, "x", "1");
	version(STORED, "x", "1.0");
	close_message(at);
	assert_int_equal(parse(), HF_OK);
	assert_true(hf_devlink_pending(&info, text, sizeof(text)));
	assert_string_equal(text, "fw: running 1, stored 2; x: running 1, stored 1.0");
	assert_true(hf_devlink_pending(&info, tight, sizeof(tight)));
	assert_string_equal(tight, "fw: run");
}

static enum hf_err one(uint16_t kind, const char *name, const char *value)
{
	size_t at;

	setup(NULL);
	at = open_reply(SEQUENCE);
	version(kind, name, value);
	close_message(at);
	return parse();
}

static void test_names_and_values(void **state)
{
	char name[HF_DEVLINK_NAME_MAX + 2], value[HF_DEVLINK_VALUE_MAX + 2];
	size_t at;

	(void)state;
	memset(name, 'n', sizeof(name));
	memset(value, 'v', sizeof(value));
	name[HF_DEVLINK_NAME_MAX] = value[HF_DEVLINK_VALUE_MAX] = '\0';
	assert_int_equal(one(RUNNING, name, value), HF_OK);
	name[HF_DEVLINK_NAME_MAX] = 'n';
	name[HF_DEVLINK_NAME_MAX + 1] = '\0';
	assert_int_equal(one(RUNNING, name, value), HF_ERR_READ_FAILED);
	value[HF_DEVLINK_VALUE_MAX] = 'v';
	value[HF_DEVLINK_VALUE_MAX + 1] = '\0';
	assert_int_equal(one(RUNNING, "n", value), HF_ERR_READ_FAILED);
	assert_int_equal(one(RUNNING, "", "1"), HF_ERR_READ_FAILED);
	assert_int_equal(one(RUNNING, "a b", "1"), HF_ERR_READ_FAILED);
	assert_int_equal(one(RUNNING, "a\x1b", "1"), HF_ERR_READ_FAILED);
	assert_int_equal(one(RUNNING, "fw", ""), HF_OK);
	setup(NULL);	/* a value without its NUL */
	at = open_reply(SEQUENCE);
	size_t nested = open_attribute(RUNNING);

	put_text(DEVLINK_ATTR_INFO_VERSION_NAME, "fw");
	put_attribute(DEVLINK_ATTR_INFO_VERSION_VALUE, "123", 3);
	close_attribute(nested);
	close_message(at);
	assert_int_equal(parse(), HF_ERR_READ_FAILED);
	setup(NULL);	/* two values for one name; the same twice is no contradiction */
	at = open_reply(SEQUENCE);
	version(RUNNING, "fw", "1");
	version(RUNNING, "fw", "1");
	close_message(at);
	assert_int_equal(parse(), HF_OK);
	assert_int_equal(info.count, 1);
	version(RUNNING, "fw", "2");
	close_message(at);
	assert_int_equal(parse(), HF_ERR_READ_FAILED);
}

static void test_limits(void **state)
{
	struct hf_devlink_info before;
	size_t at;

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		setup(NULL);
		before = info;
		at = open_reply(SEQUENCE);
		for (int i = 0; i < HF_DEVLINK_VERSIONS_MAX + extra; i++) {
			char name[16];

			snprintf(name, sizeof(name), "fw%d", i);
			version(FIXED, name, "1");
		}
		close_message(at);
		assert_int_equal(parse(), extra ? HF_ERR_DEVICE_FLOODED : HF_OK);
		if (extra)
			assert_memory_equal(&before, &info, sizeof(info));
	}
}

/* Lengths that lie, and every cut. */
static void test_broken(void **state)
{
	static const uint16_t lengths[] = { 0, 3, 0x7fff, 0xffff };
	size_t at = open_reply(SEQUENCE);
	uint32_t len;
	int sys_errno;

	(void)state;
	version(RUNNING, "fw.name", "1.2.3");
	close_message(at);
	for (size_t n = 0; n < w.len; n++) {
		assert_int_equal(hf_devlink_info((struct hf_span){ bytes, n }, SEQUENCE, FAMILY, &info,
						 &sys_errno), HF_ERR_READ_FAILED);
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memcpy(bytes + NLMSG_HDRLEN + GENL_HDRLEN, &lengths[i], 2);
		assert_int_equal(parse(), HF_ERR_READ_FAILED);
		len = lengths[i] == 3 ? UINT32_MAX : lengths[i];	/* of the message */
		memcpy(bytes, &len, sizeof(len));
		assert_int_equal(parse(), HF_ERR_READ_FAILED);
		close_message(at);
	}
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_requests),
		T(test_family),
		T(test_kernel_says_no),
		T(test_versions),
		T(test_pending),
		T(test_names_and_values),
		T(test_limits),
		T(test_broken),
	};

	return cmocka_run_group_tests_name("devlink", tests, NULL, NULL);
}
