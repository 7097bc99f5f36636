/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/conf.h"

#include <stdio.h>

#include "agent/link_url.h"
#include "agent/net.h"
#include "measure/log.h"
#include "pcie/worker.h"

enum key { KEY_POLICY, KEY_PCR, KEY_TCTI, KEY_STORE, KEY_EVIDENCE, KEY_GENERATION,
	   KEY_GENERATION_INDEX, KEY_REVOCATIONS, KEY_DEVICE_SECONDS, KEY_CONTROLLER,
	   KEY_CONTROLLER_NAME, KEY_CONTROLLER_SECONDS, KEY_LINK, KEY_ADDRESS, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {
	[KEY_POLICY] = "policy", [KEY_PCR] = "pcr", [KEY_TCTI] = "tcti",
	[KEY_STORE] = "store", [KEY_EVIDENCE] = "evidence", [KEY_GENERATION] = "generation",
	[KEY_GENERATION_INDEX] = "generation-index", [KEY_REVOCATIONS] = "revocations",
	[KEY_DEVICE_SECONDS] = "device-seconds", [KEY_CONTROLLER] = "controller",
	[KEY_CONTROLLER_NAME] = "controller-name", [KEY_CONTROLLER_SECONDS] = "controller-seconds",
	[KEY_LINK] = "link", [KEY_ADDRESS] = "address",
};

const char *hf_policy_name(enum hf_policy policy)
{
	switch (policy) {
	case HF_POLICY_CONTROLLER:
		return "controller";
	case HF_POLICY_LOCAL:
		return "local";
	}
	return "controller";
}

void hf_conf_default(struct hf_conf *ret)
{
	*ret = (struct hf_conf){ .policy = HF_POLICY_CONTROLLER, .pcr = HF_PCR_DEFAULT,
				  .device_seconds = HF_DEVICE_SECONDS,
				  .controller_seconds = HF_LINK_SECONDS, .address = "slaac" };
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct hf_span trim(struct hf_span s)
{
	while (s.len && blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static bool span_is(struct hf_span s, const char *text)
{
	return hf_span_equal(s, hf_span_text(text));
}

static bool number(struct hf_span s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 18)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

static bool text(struct hf_span s, char out[HF_CONF_VALUE_MAX + 1])
{
	if (s.len == 0 || s.len > HF_CONF_VALUE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
	memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return true;
}

/* 10 is IMA's, 16 and 23 are resettable, 17-22 need another locality, 0-7 are the
 * firmware's. */
static bool pcr_serves(uint64_t pcr)
{
	return pcr == 8 || pcr == 9 || (pcr >= 11 && pcr <= 15);
}

static enum hf_err set_pcr(struct hf_span value, struct hf_conf *conf)
{
	uint64_t v;

	if (!number(value, UINT32_MAX, &v))
		return HF_ERR_CONFIG_SYNTAX;
	if (!pcr_serves(v))
		return HF_ERR_PCR_REFUSED;
	conf->pcr = (uint32_t)v;
	return HF_OK;
}

static bool is_urls(const char *value)
{
	struct hf_link_url urls[HF_LINK_URLS_MAX];
	size_t count;

	return hf_link_urls_parse(value, urls, &count) == HF_OK;
}

/* A host name or an address; what a certificate cannot bear is a mistake. */
static bool is_host_name(const char *value)
{
	const size_t len = strlen(value);

	return len == strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") &&
	       value[0] != '.' && value[0] != '-';
}

/* Words here say where to look; anything else is an address now or an error now. */
static bool is_address(const char *value)
{
	struct hf_address_plan plan;

	return strcmp(value, "command-line") == 0 ||
	       hf_address_plan_parse(hf_span_text(value), &plan) == HF_OK;
}

static bool controller_seconds(struct hf_span value, unsigned *ret)
{
	uint64_t seconds;
	const bool good = number(value, 3600, &seconds) && seconds >= 5;

	*ret = good ? (unsigned)seconds : 0;
	return good;
}

/* "auto" is said by saying nothing. */
static bool link_path(struct hf_span value, char out[HF_CONF_VALUE_MAX + 1])
{
	const bool good = text(value, out);

	if (good && strcmp(out, "auto") == 0)
		out[0] = '\0';
	return good;
}

static enum hf_err set(enum key key, struct hf_span value, struct hf_conf *conf)
{
	bool good = false;
	uint64_t seconds;

	switch (key) {
	case KEY_POLICY:
		good = span_is(value, "local") || span_is(value, "controller");
		conf->policy = span_is(value, "local") ? HF_POLICY_LOCAL : HF_POLICY_CONTROLLER;
		break;
	case KEY_PCR:
		return set_pcr(value, conf);
	case KEY_TCTI:
		good = text(value, conf->tcti);
		break;
	case KEY_STORE:
		good = text(value, conf->store);
		break;
	case KEY_EVIDENCE:
		good = text(value, conf->evidence);
		break;
	case KEY_GENERATION:
		good = number(value, INT64_MAX, &conf->generation);
		break;
	case KEY_GENERATION_INDEX:
		good = span_is(value, "required") || span_is(value, "optional");
		conf->generation_index = span_is(value, "required");
		break;
	case KEY_REVOCATIONS:
		good = number(value, INT64_MAX, &conf->revocations);
		break;
	case KEY_DEVICE_SECONDS:
		good = number(value, HF_DEVICE_SECONDS_MAX, &seconds) && seconds > 0;
		conf->device_seconds = good ? (unsigned)seconds : 0;
		break;
	case KEY_CONTROLLER:
		good = text(value, conf->controller) && is_urls(conf->controller);
		break;
	case KEY_CONTROLLER_NAME:
		good = text(value, conf->controller_name) && is_host_name(conf->controller_name);
		break;
	case KEY_CONTROLLER_SECONDS:
		good = controller_seconds(value, &conf->controller_seconds);
		break;
	case KEY_LINK:
		good = link_path(value, conf->link);
		break;
	case KEY_ADDRESS:
		good = text(value, conf->address) && is_address(conf->address);
		break;
	case KEY_COUNT:
		break;
	}
	return good ? HF_OK : HF_ERR_CONFIG_SYNTAX;
}

static enum hf_err parse_line(struct hf_span line, uint32_t *seen, struct hf_conf *conf)
{
	const uint8_t *equals;
	struct hf_span name, value;

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return HF_OK;
	equals = memchr(line.ptr, '=', line.len);
	if (!equals)
		return HF_ERR_CONFIG_SYNTAX;
	name = trim((struct hf_span){ line.ptr, (size_t)(equals - line.ptr) });
	value = trim((struct hf_span){ equals + 1, line.len - (size_t)(equals - line.ptr) - 1 });
	for (enum key k = KEY_POLICY; k < KEY_COUNT; k++) {
		if (!span_is(name, key_names[k]))
			continue;
		if (*seen & 1u << k)
			return HF_ERR_CONFIG_SYNTAX;
		*seen |= 1u << k;
		return set(k, value, conf);
	}
	return HF_ERR_CONFIG_SYNTAX;
}

enum hf_err hf_conf_parse(struct hf_span in, const char *name, struct hf_conf *ret,
			  struct hf_fault *fault)
{
	struct hf_conf conf;
	uint32_t seen = 0;
	size_t line_number = 0;

	if (in.len > HF_CONF_MAX)
		return hf_fail(fault, HF_ERR_FILE_TOO_LARGE, name, "%zu bytes", in.len);
	hf_conf_default(&conf);
	for (size_t pos = 0; pos < in.len;) {
		const uint8_t *end = memchr(in.ptr + pos, '\n', in.len - pos);
		size_t len = end ? (size_t)(end - in.ptr) - pos : in.len - pos;
		struct hf_span line = { in.ptr + pos, len };
		enum hf_err err = parse_line(line, &seen, &conf);

		line_number++;
		if (err != HF_OK)
			return hf_fail(fault, err, name, "line %zu: %.*s", line_number,
				       (int)(len < 60 ? len : 60), (const char *)line.ptr);
		pos += len + 1;
	}
	*ret = conf;
	return HF_OK;
}
