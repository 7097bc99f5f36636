/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/devlink.h"

#include <linux/devlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>

static const uint8_t zeros[4];

static uint32_t host_u32(struct hf_cursor *c)
{
	const uint8_t *p = hf_take(c, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t host_u16(struct hf_cursor *c)
{
	const uint8_t *p = hf_take(c, 2);
	uint16_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

static void put_attribute(struct hf_writer *w, uint16_t type, const char *text)
{
	size_t len = strlen(text) + 1;
	struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + len), .nla_type = type };

	hf_put(w, &head, sizeof(head));
	hf_put(w, text, len);
	hf_put(w, zeros, NLA_ALIGN(len) - len);
}

static void put_message(struct hf_writer *w, uint16_t type, uint32_t sequence, uint8_t command,
			uint8_t version, struct hf_span attributes)
{
	struct genlmsghdr generic = { .cmd = command, .version = version };
	struct nlmsghdr head = {
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + GENL_HDRLEN + attributes.len),
		.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = sequence,
	};

	hf_put(w, &head, sizeof(head));
	hf_put(w, &generic, sizeof(generic));
	hf_put_span(w, attributes);
}

void hf_devlink_put_family(struct hf_writer *w, uint32_t sequence)
{
	uint8_t buf[64];
	struct hf_writer attributes = { .buf = buf, .cap = sizeof(buf) };

	put_attribute(&attributes, CTRL_ATTR_FAMILY_NAME, DEVLINK_GENL_NAME);
	put_message(w, GENL_ID_CTRL, sequence, CTRL_CMD_GETFAMILY, 1, hf_written(&attributes));
}

void hf_devlink_put_info(struct hf_writer *w, uint32_t sequence, uint16_t family,
			 const char *address)
{
	uint8_t buf[128];
	struct hf_writer attributes = { .buf = buf, .cap = sizeof(buf) };

	put_attribute(&attributes, DEVLINK_ATTR_BUS_NAME, "pci");
	put_attribute(&attributes, DEVLINK_ATTR_DEV_NAME, address);
	w->full |= attributes.full;
	put_message(w, family, sequence, DEVLINK_CMD_INFO_GET, DEVLINK_GENL_VERSION,
		    hf_written(&attributes));
}

/* The next attribute of a list; false at its end or where it is broken (then c is bad). */
static bool next_attribute(struct hf_cursor *c, uint16_t *ret_type, struct hf_span *ret_data)
{
	size_t len, padding;

	if (c->bad || hf_left(c) == 0)
		return false;
	len = host_u16(c);
	*ret_type = host_u16(c) & NLA_TYPE_MASK;
	c->bad |= len < NLA_HDRLEN;
	if (c->bad)
		return false;
	*ret_data = hf_take_span(c, len - NLA_HDRLEN);
	padding = NLA_ALIGN(len) - len;
	/* The last one of a message need not be padded. */
	(void)hf_take(c, padding < hf_left(c) ? padding : hf_left(c));
	return !c->bad;
}

/* The attributes of the one message in reply that answers the request. */
static enum hf_err answer(struct hf_span reply, uint32_t sequence, uint16_t want_type,
			  struct hf_span *ret_attributes, int *ret_errno)
{
	struct hf_cursor c = hf_cursor_at(reply);

	*ret_errno = 0;
	while (hf_left(&c) > 0) {
		size_t start = c.pos, len = host_u32(&c);
		uint16_t type = host_u16(&c);
		uint32_t seq;

		(void)host_u16(&c);	/* flags */
		seq = host_u32(&c);
		(void)host_u32(&c);	/* port */
		if (c.bad || len < NLMSG_HDRLEN || len > reply.len - start)
			return HF_ERR_READ_FAILED;
		struct hf_span rest = hf_span_part(reply, c.pos, len - NLMSG_HDRLEN);
		struct hf_cursor body = hf_cursor_at(rest);

		if (seq == sequence && type == NLMSG_ERROR) {
			int32_t code = (int32_t)host_u32(&body);

			/* 0 would be an acknowledgement, which nobody asked for */
			if (body.bad || code >= 0 || code < -4095)
				return HF_ERR_READ_FAILED;
			*ret_errno = -code;
			return HF_OK;
		}
		if (seq == sequence && type == want_type) {
			if (!hf_take(&body, GENL_HDRLEN))
				return HF_ERR_READ_FAILED;
			*ret_attributes = hf_take_span(&body, hf_left(&body));
			return HF_OK;
		}
		len = NLMSG_ALIGN(len);
		hf_seek(&c, len < reply.len - start ? start + len : reply.len);
	}
	return HF_ERR_READ_FAILED;
}

enum hf_err hf_devlink_family(struct hf_span reply, uint32_t sequence, uint16_t *ret_family,
			      int *ret_errno)
{
	struct hf_span attributes = { 0 }, data;
	enum hf_err err = answer(reply, sequence, GENL_ID_CTRL, &attributes, ret_errno);
	struct hf_cursor c = hf_cursor_at(attributes);
	uint16_t type, family = 0;

	if (err || *ret_errno)
		return err;
	while (next_attribute(&c, &type, &data))
		if (type == CTRL_ATTR_FAMILY_ID && data.len == sizeof(family))
			memcpy(&family, data.ptr, sizeof(family));
	if (c.bad || family < NLMSG_MIN_TYPE)
		return HF_ERR_READ_FAILED;
	*ret_family = family;
	return HF_OK;
}

/* A NUL-terminated string without its NUL. */
static bool text_of(struct hf_span data, struct hf_span *ret)
{
	if (data.len == 0 || memchr(data.ptr, 0, data.len) != data.ptr + data.len - 1)
		return false;
	*ret = (struct hf_span){ data.ptr, data.len - 1 };
	return true;
}

static bool is_name(struct hf_span name)
{
	if (name.len == 0 || name.len > HF_DEVLINK_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= 0x20 || name.ptr[i] > 0x7e)
			return false;
	return true;
}

const struct hf_devlink_version *hf_devlink_find(const struct hf_devlink_info *info,
						 enum hf_devlink_kind kind, struct hf_span name)
{
	for (size_t i = 0; i < info->count; i++)
		if (info->versions[i].kind == kind && hf_span_equal(info->versions[i].name, name))
			return &info->versions[i];
	return NULL;
}

static enum hf_err add_version(struct hf_span nested, enum hf_devlink_kind kind,
			       struct hf_devlink_info *info)
{
	struct hf_devlink_version version = { .kind = kind };
	struct hf_cursor c = hf_cursor_at(nested);
	const struct hf_devlink_version *same;
	bool name = false, value = false;
	struct hf_span data;
	uint16_t type;

	while (next_attribute(&c, &type, &data)) {
		if (type == DEVLINK_ATTR_INFO_VERSION_NAME)
			name = text_of(data, &version.name) && is_name(version.name);
		else if (type == DEVLINK_ATTR_INFO_VERSION_VALUE)
			value = text_of(data, &version.value) &&
				version.value.len <= HF_DEVLINK_VALUE_MAX;
	}
	if (c.bad || !name || !value)
		return HF_ERR_READ_FAILED;
	same = hf_devlink_find(info, kind, version.name);
	if (same)	/* said twice; two values for one name are no answer */
		return hf_span_equal(same->value, version.value) ? HF_OK : HF_ERR_READ_FAILED;
	if (info->count == HF_DEVLINK_VERSIONS_MAX)
		return HF_ERR_DEVICE_FLOODED;
	info->versions[info->count++] = version;
	return HF_OK;
}

static enum hf_err add_attribute(uint16_t type, struct hf_span data, struct hf_devlink_info *info)
{
	switch (type) {
	case DEVLINK_ATTR_INFO_VERSION_FIXED:
		return add_version(data, HF_DEVLINK_FIXED, info);
	case DEVLINK_ATTR_INFO_VERSION_RUNNING:
		return add_version(data, HF_DEVLINK_RUNNING, info);
	case DEVLINK_ATTR_INFO_VERSION_STORED:
		return add_version(data, HF_DEVLINK_STORED, info);
	case DEVLINK_ATTR_INFO_SERIAL_NUMBER:
		return text_of(data, &info->serial) && info->serial.len <= HF_DEVLINK_VALUE_MAX ?
			       HF_OK : HF_ERR_READ_FAILED;
	default:
		return HF_OK;	/* later kernels say more */
	}
}

enum hf_err hf_devlink_info(struct hf_span reply, uint32_t sequence, uint16_t family,
			    struct hf_devlink_info *ret, int *ret_errno)
{
	struct hf_devlink_info info;
	struct hf_span attributes = { 0 }, data;
	enum hf_err err = answer(reply, sequence, family, &attributes, ret_errno);
	struct hf_cursor c = hf_cursor_at(attributes);
	uint16_t type;

	if (err || *ret_errno)
		return err;
	info.count = 0;
	info.serial = (struct hf_span){ NULL, 0 };
	while (!err && next_attribute(&c, &type, &data))
		err = add_attribute(type, data, &info);
	if (!err && c.bad)
		err = HF_ERR_READ_FAILED;
	if (!err)
		*ret = info;
	return err;
}

bool hf_devlink_pending(const struct hf_devlink_info *info, char *out, size_t cap)
{
	size_t len = 0;

	for (size_t i = 0; i < info->count; i++) {
		const struct hf_devlink_version *stored = &info->versions[i], *running;
		int n;

		if (stored->kind != HF_DEVLINK_STORED)
			continue;
		running = hf_devlink_find(info, HF_DEVLINK_RUNNING, stored->name);
		if (!running || hf_span_equal(running->value, stored->value))
			continue;
		n = snprintf(out + len, cap - len, "%s%.*s: running %.*s, stored %.*s",
			     len ? "; " : "",
			     (int)stored->name.len, (const char *)stored->name.ptr,
			     (int)running->value.len, (const char *)running->value.ptr,
			     (int)stored->value.len, (const char *)stored->value.ptr);
		if (n < 0 || (size_t)n >= cap - len)
			return true;
		len += (size_t)n;
	}
	return len > 0;
}
