/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_nvme.c: the firmware revision of an NVMe controller, as the kernel read it
 * when the driver was bound, as the controller says now, and what waits in its slots. */
#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pcie/attribute.h"
#include "pcie/config.h"
#include "pcie/nvme.h"
#include "pcie/reader.h"

#define CLASS_NVM 0x0108
#define ADMIN_GET_LOG_PAGE 0x02
#define ADMIN_IDENTIFY 0x06
#define IDENTIFY_CONTROLLER 1
#define LOG_FIRMWARE_SLOTS 3
#define NO_NAMESPACE 0xffffffffu
/* The kernel resets a controller that lets this pass, so it is as long as for the kernel's
 * own commands: a drive in use is not reset on our account. */
#define COMMAND_MS 60000

static const char firmware_key[] = "nvme/firmware";

struct answers {
	char directory[HF_ATTRIBUTE_PATH];	/* "bus/pci/devices/.../nvme/nvme0" */
	char kernel[64];			/* firmware revision in sysfs */
	uint8_t identify[HF_NVME_IDENTIFY_LEN], log[HF_NVME_LOG_LEN];
	bool no_identify, no_log;		/* of a capture */
};

static bool matches(const struct hf_bus_function *function)
{
	struct hf_identity id;

	return function->driver && strcmp(function->driver, "nvme") == 0 &&
	       hf_config_header(function->config, &id) == HF_OK && id.class_code >> 8 == CLASS_NVM;
}

static enum hf_err find_controller(const struct hf_read *read, struct answers *a,
				   char name[static HF_ENTRY_MAX + 1])
{
	struct hf_entries entries;
	char below[80];
	enum hf_err err;

	hf_host_device_path(&read->function->address, "nvme", below, sizeof(below));
	err = hf_entries_read(read->host, below, "nvme", &entries);
	if (err)
		return err;
	if (entries.count != 1 || !hf_path_join(a->directory, below, entries.names[0]))
		return HF_ERR_READ_FAILED;	/* the driver did not get as far as a controller */
	memcpy(name, entries.names[0], sizeof(entries.names[0]));
	return HF_OK;
}

/* Both commands only read (Base Specification 2.0c, 5.16 and 5.17). A positive return is
 * the controller's status. */
static enum hf_err ask(int fd, uint8_t opcode, uint32_t nsid, uint32_t cdw10, uint8_t *buf,
		       uint32_t len)
{
	struct nvme_admin_cmd command = {
		.opcode = opcode, .nsid = nsid, .cdw10 = cdw10, .data_len = len,
		.addr = (uintptr_t)buf, .timeout_ms = COMMAND_MS,
	};
	int status = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &command);

	if (status < 0)
		return hf_cause_of_errno(errno);
	return status == 0 ? HF_OK : HF_ERR_READ_FAILED;
}

static enum hf_err ask_live(const struct hf_read *read, const char *name, struct answers *a)
{
	char node[HF_ENTRY_MAX + 8], dev_file[HF_ATTRIBUTE_PATH];
	enum hf_err err;
	int fd;

	snprintf(node, sizeof(node), "/dev/%s", name);
	if (!hf_path_join(dev_file, a->directory, "dev"))
		return HF_ERR_READ_FAILED;
	err = hf_node_open(read->host, node, dev_file, &fd);
	if (err)
		return err;
	err = ask(fd, ADMIN_IDENTIFY, 0, IDENTIFY_CONTROLLER, a->identify, sizeof(a->identify));
	if (!err)	/* length in dwords, 0's based, above the log's number */
		err = ask(fd, ADMIN_GET_LOG_PAGE, NO_NAMESPACE,
			  (HF_NVME_LOG_LEN / 4 - 1) << 16 | LOG_FIRMWARE_SLOTS, a->log,
			  sizeof(a->log));
	close(fd);
	return err;
}

/* Of a capture: whoever made it may have kept the answers beside the attributes. */
static enum hf_err answer_of_capture(const struct hf_read *read, const struct answers *a,
				     const char *file, uint8_t *buf, size_t want, bool *ret_none)
{
	char path[HF_ATTRIBUTE_PATH];
	enum hf_err err;
	size_t len;

	if (!hf_path_join(path, a->directory, file))
		return HF_ERR_READ_FAILED;
	err = hf_attribute_read(read->host, path, buf, want, &len);
	*ret_none = err == HF_ERR_FILE_UNREADABLE;
	if (*ret_none)
		return HF_OK;
	if (err == HF_ERR_DEVICE_FLOODED || (!err && len != want))
		return HF_ERR_NVME_SHAPE;
	return err;
}

static enum hf_err collect(const struct hf_read *read, struct answers *a)
{
	char name[HF_ENTRY_MAX + 1], path[HF_ATTRIBUTE_PATH];
	enum hf_err err = find_controller(read, a, name);

	if (err)
		return err;
	if (!hf_path_join(path, a->directory, "firmware_rev") ||
	    hf_host_read_text(read->host, path, a->kernel, sizeof(a->kernel)) != HF_OK)
		return HF_ERR_READ_FAILED;
	if (read->host->live)
		return ask_live(read, name, a);
	err = answer_of_capture(read, a, "identify", a->identify, sizeof(a->identify),
				&a->no_identify);
	if (!err)
		err = answer_of_capture(read, a, "firmware_log", a->log, sizeof(a->log),
					&a->no_log);
	return err;
}

/* What waits, for people: the exact words are not judged, that they are there is. */
static enum hf_err pending(const struct hf_read *read, const struct hf_nvme_identify *identify,
			   const struct hf_nvme_log *log)
{
	struct hf_span next = log->revisions[log->next];
	enum hf_nvme_next what = hf_nvme_next(identify, log);
	char text[96];

	if (what == HF_NVME_SAME)
		return HF_OK;
	if (what == HF_NVME_EMPTY)
		snprintf(text, sizeof(text), "slot %u, which is empty; running %.*s from slot %u",
			 log->next, (int)identify->firmware.len,
			 (const char *)identify->firmware.ptr, log->active);
	else
		snprintf(text, sizeof(text), "slot %u: %.*s; running %.*s from slot %u", log->next,
			 (int)next.len, hf_is_printable(next) ? (const char *)next.ptr : "????????",
			 (int)identify->firmware.len, (const char *)identify->firmware.ptr,
			 log->active);
	return hf_sink_text(read->sink, HF_MKEY_PENDING, HF_METHOD_VERSION, 0, text);
}

/* An image that was put into the active slot without a word about a reset runs after the next
 * one all the same. So this counts as code: a release has to list it, as for drives that
 * always contradict themselves. */
static enum hf_err active_slot(const struct hf_read *read, const struct hf_nvme_identify *identify,
			       const struct hf_nvme_log *log)
{
	static const char mkey[] = "nvme/active-slot";
	struct hf_span revision = log->revisions[log->active];

	if (!hf_nvme_slot_differs(identify, log))
		return HF_OK;
	if (revision.len == 0)
		return hf_sink_text(read->sink, mkey, HF_METHOD_VERSION, HF_MEASUREMENT_CODE,
				    "(empty)");
	return hf_sink_device_text(read->sink, mkey, HF_MEASUREMENT_CODE, revision);
}

static enum hf_err slots(const struct hf_read *read, const struct hf_nvme_identify *identify,
			 const struct hf_nvme_log *log)
{
	enum hf_err err = hf_sink_number(read->sink, "nvme/slots", HF_METHOD_VERSION,
					 HF_MEASUREMENT_ADVISORY, identify->slots);

	for (unsigned slot = 1; !err && slot <= HF_NVME_SLOTS; slot++) {
		char mkey[HF_MKEY_MAX];

		snprintf(mkey, sizeof(mkey), "nvme/slot/%u", slot);
		err = hf_sink_device_text(read->sink, mkey, HF_MEASUREMENT_ADVISORY,
					  log->revisions[slot]);
	}
	return err;
}

static enum hf_err judge_answers(const struct hf_read *read, const struct answers *a)
{
	struct hf_span kernel = hf_trim(hf_span_text(a->kernel));
	struct hf_nvme_identify identify;
	struct hf_nvme_log log;
	enum hf_err err;

	if (a->no_identify)	/* a plain capture of sysfs: what the kernel was told is all */
		return hf_sink_device_text(read->sink, firmware_key, 0, kernel);
	err = hf_nvme_identify_parse((struct hf_span){ a->identify, sizeof(a->identify) },
				     &identify);
	if (!err && !hf_span_equal(kernel, identify.firmware))
		err = HF_ERR_NVME_SHAPE;	/* it gave the kernel another answer */
	if (err)
		return hf_sink_failure(read->sink, firmware_key, err);
	if (a->no_log)
		return hf_sink_device_text(read->sink, firmware_key, 0, identify.firmware);
	err = hf_nvme_log_parse((struct hf_span){ a->log, sizeof(a->log) }, &identify, &log);
	if (err)
		return hf_sink_failure(read->sink, firmware_key, err);
	err = hf_sink_device_text(read->sink, firmware_key, 0, identify.firmware);
	if (!err)
		err = pending(read, &identify, &log);
	if (!err)
		err = active_slot(read, &identify, &log);
	return err ? err : slots(read, &identify, &log);
}

static enum hf_err read_nvme(const struct hf_read *read)
{
	struct answers a = { .directory = "" };
	enum hf_err got = collect(read, &a), err = HF_OK;

	if (a.directory[0]) {
		err = hf_sink_attribute(read, "nvme/model", HF_MEASUREMENT_ADVISORY,
					a.directory, "model");
		if (!err)
			err = hf_sink_attribute(read, "nvme/serial", HF_MEASUREMENT_ADVISORY,
						a.directory, "serial");
	}
	if (err)
		return err;
	return got ? hf_sink_failure(read->sink, firmware_key, got) : judge_answers(read, &a);
}

const struct hf_reader hf_reader_nvme = {
	.name = "nvme",
	.touches = "reads nvme/nvmeN/*; sends Identify and Get Log Page 03h to /dev/nvmeN",
	.proves = "Which firmware the drive says it runs, and whether other firmware waits.",
	.mkey = "nvme/firmware",
	.needs_driver = true,
	.method = HF_METHOD_VERSION,
	.matches = matches,
	.read = read_nvme,
};
