# SPDX-License-Identifier: GPL-3.0-or-later
"""holdfast boot on captured trees: every way in which the gate ends, and that it ends."""
import hashlib
import json
import os
import re
import shutil
import struct

import firmware
import sources
import trees
from harness import Skip, case, need, read, snapshot, write
from rehearsal import (FIRMWARE_LOG, Host, manifests_from_evidence, next_boot, quote_checks,
                       timeless, verify)
from sources import Owner, model


@case
def boot_golden_ends_at_captured_tree(t):
    host = Host(t)
    before = snapshot(t.path("tree"))
    result = host.boot("captured-tree", 3)
    need(before == snapshot(t.path("tree")), "the rehearsal wrote to the captured tree")
    host.check_replays()
    quote_checks(host)
    for name in ("firmware.evlog", "holdfast.evlog", "claims.cbor", "quote.attest", "quote.sig",
                 "ak.pub", "boot-key.der", "verdict.json", "manifests.txt"):
        need(os.path.getsize(f"{host.evidence}/{name}") > 0, f"evidence lacks {name}")
    json.loads(read(f"{host.evidence}/verdict.json"))
    t.golden("boot-golden.txt", timeless(result.text))


@case
def boot_golden_evidence_verifies(t):
    """Everything a capture can show is in order; that it is a capture is not."""
    host = Host(t)
    host.boot("captured-tree", 3)
    result = verify(host, code=3)
    for check in ("firmware-log", "log", "begin", "claims", "key", "quote", "end", "model",
                  "parts", "boot"):
        need(re.search(rf"^  ok +{check}\b", result.text, re.M), f"{check}\n{result.describe()}")
    failed = re.findall(r"^  (?!ok )(\S+) +(\S+)", result.text, re.M)
    need([("failed", "receipt")] == [f for f in failed if f[0] == "failed"], str(failed))
    t.refused(result, "captured-tree")
    show = t.ctl("evidence", "show", host.evidence, code=0)
    need(trees.NIC1 in show.text, show.describe())


@case
def boot_tampered_evidence_does_not_verify(t):
    """One byte in log, claims, quote, signature, key, or a digest of the firmware's log."""
    host = Host(t)
    host.boot("captured-tree", 3)
    plain = verify(host, code=3)
    driver = hashlib.sha256(firmware.DRIVER).digest()
    for name in ("holdfast.evlog", "claims.cbor", "quote.attest", "quote.sig", "ak.pub",
                 "firmware.evlog", "boot-key.der", "receipt.attest", "receipt.sig"):
        path = f"{host.evidence}/{name}"
        good = read(path)
        offsets = (len(good) // 3, len(good) - 2)
        if name == "firmware.evlog":  # what is not hashed there decides nothing
            offsets = (good.index(driver), good.index(driver) + 31)
        for offset in offsets:
            bad = bytearray(good)
            bad[offset] ^= 0x04
            write(path, bytes(bad))
            result = verify(host)
            need(result.code == 3, f"{name} at {offset}\n{result.describe()}")
            need(result.text + result.errors != plain.text + plain.errors,
                 f"{name} at {offset}: nobody noticed\n{result.describe()}")
        if name == "boot-key.der":  # BEGIN has its digest
            write(path, good)
            continue
        os.unlink(path)
        result = verify(host)
        need(result.code == 3 and result.text != plain.text,
             f"{name} is gone: nobody noticed\n{result.describe()}")
        write(path, good)
    need(verify(host).text == plain.text, "the evidence was not put back")


@case
def boot_evidence_of_another_host_does_not_mix(t):
    """A tampered host that shows the log, claims or quote of a good one."""
    with t.sub("good") as one:
        good = Host(one)
        good.boot("captured-tree", 3)
        with t.sub("bad") as two:
            bad = Host(two, owner=good.owner)
            bad.tree.flip("0000:01:00.0", 0x8000)
            bad.boot("firmware-unknown", 3)
            plain = verify(bad, code=3)
            need("firmware-unknown" in plain.text, plain.describe())
            sets = (["claims.cbor"], ["holdfast.evlog"], ["holdfast.evlog", "claims.cbor"],
                    ["holdfast.evlog", "claims.cbor", "boot-key.der"],
                    ["quote.attest", "quote.sig"], ["ak.pub"], ["boot-key.der"])
            for number, names in enumerate(sets):
                mixed = two.path(f"mixed{number}")
                shutil.copytree(bad.evidence, mixed)
                for name in names:
                    shutil.copy(f"{good.evidence}/{name}", mixed)
                result = verify(bad, evidence=mixed)
                need(result.code == 3, f"{names}\n{result.describe()}")


@case
def boot_from_golden_host_to_manifests(t):
    """No manifest, then one made from the evidence, then the same host is admitted."""
    host = Host(t, manifests=False)
    host.boot("manifest-missing", 3)
    host.check_replays()
    manifests_from_evidence(host)
    next_boot(host, 2).boot("captured-tree", 3)
    bad = next_boot(host, 3)
    bad.tree.flip("0000:01:00.0", 0x8000)
    bad.boot("firmware-unknown", 3)


@case
def boot_rom_flipped(t):
    host = Host(t)
    host.tree.flip("0000:01:00.0", 0x8000)
    result = host.boot("firmware-unknown", 3)
    need(trees.NIC1 in result.text and "sha256" in result.text, result.describe())
    host.check_replays()
    quote_checks(host)
    t.golden("boot-rom-flipped.txt", timeless(result.text))
    held = result.text[result.text.index("==== HELD"):].splitlines()
    need(len(held) <= 24, f"the held screen has {len(held)} lines")


@case
def boot_held_screen_names_the_slot_as_the_report_does(t):
    """The board's label first; the port's own number beside it, where that is another."""
    description = trees.lab()
    trees.device(description, "02.0")["slot"] = 5
    host = Host(t, description)
    host.tree.flip("0000:01:00.0", 0x8000)
    trees.put_smbios(host.tree.sys, [trees.smbios_slot("PCIe Slot 3 (CPU1)", 1, 0)])
    text = host.boot("firmware-unknown", 3).text
    need(" slot        PCIe Slot 3 (CPU1) (its port says 5)\n" in text, text)
    t.narrow(text[text.index("==== HELD"):])


@case
def boot_part_missing(t):
    description = trees.lab()
    trees.device(description, "02.1")["below"] = []
    Host(t, description).boot("part-missing", 3)


@case
def boot_part_moved(t):
    description = trees.lab()
    card = trees.device(description, "02.1", "00.0")
    trees.device(description, "02.1")["below"] = []
    trees.device(description, "02.3")["below"] = [card]
    Host(t, description).boot("part-moved", 3)


@case
def boot_device_gone(t):
    host = Host(t)
    host.tree.put("0000:06:00.0", "config", b"\xff" * 4096)
    firmware.extend(host.tpm, host.events)
    result = t.holdfast("boot", "--sysfs", host.tree.sys, "--tcti", host.tpm.tcti, "--etc",
                        host.etc, "--evidence", host.evidence)
    need(result.code in (3, 4) and "HELD" in result.text, result.describe())
    host.check_capped()


@case
def boot_audit_mode_goes_on(t):
    host = Host(t, model=model(mode="audit"))
    host.tree.flip("0000:01:00.0", 0x8000)
    result = host.boot("captured-tree", 3)
    need("WOULD HOLD" in result.text and "firmware-unknown" in result.text, result.describe())
    host.check_replays()
    log = host.log_text()
    need("audit" in log and "held" in log, log)
    t.refused(verify(host, code=3), "firmware-unknown")  # a verifier softens nothing


@case
def boot_audit_mode_with_an_unknown_driver(t):
    host = Host(t, model=model(mode="audit"))
    host.measured(firmware.altered(driver=b"implant"))
    result = host.boot("captured-tree", 3)
    need("WOULD HOLD" in result.text and "boot-driver-unknown" in result.text, result.describe())


@case
def boot_audit_mode_softens_no_failure(t):
    """Audit is for verdicts: a tenant that nobody signed stays where it is."""
    host = Host(t, model=model(mode="audit"))
    write(f"{host.store}/kernel", b"another kernel")
    host.boot("tenant-image-unknown", 3)


@case
def boot_command_line_cannot_loosen(t):
    for number, word in enumerate(("holdfast.mode=audit", "holdfast.anything", '"holdfast.x=1"')):
        with t.sub(f"case{number}") as inner:
            host = Host(inner)
            write(inner.path("tree/proc/cmdline"), f"console=ttyS0 {word} quiet\n")
            host.boot("command-line-refused", 3)


# ---- manifests


@case
def boot_manifest_by_another_key(t):
    host = Host(t)
    Owner(t, "stranger").sign(model(), f"{host.etc}/manifests.d/05-lab-q35.corim")
    result = host.boot("signer-unknown", 3)
    host.check_replays()
    need(trees.NIC1 in result.text or "8086:10d3" in result.text,
         "a bad manifest stopped the measuring")


@case
def boot_manifest_truncated(t):
    host = Host(t)
    path = f"{host.etc}/manifests.d/00-lab-board.corim"
    write(path, read(path)[:100])
    host.boot("cbor-truncated", 3)


@case
def boot_manifest_altered(t):
    host = Host(t)
    path = f"{host.etc}/manifests.d/00-lab-board.corim"
    data = bytearray(read(path))
    data[len(data) // 2] ^= 1
    write(path, bytes(data))
    host.boot("signature-invalid", 3)


@case
def boot_manifest_oversized(t):
    host = Host(t)
    with open(f"{host.etc}/manifests.d/00-lab-board.corim", "r+b") as file:
        file.truncate((8 << 20) + 1)
    result = host.boot("file-too-large", None)
    need(result.code in (2, 3), result.describe())


@case
def boot_two_models(t):
    host = Host(t)
    host.owner.sign(model(model="second"), f"{host.etc}/manifests.d/99-second.corim")
    host.boot("model-ambiguous", 3)


@case
def boot_no_model(t):
    Host(t, model=model(product="Another PC")).boot("model-none", 3)


@case
def boot_no_anchor(t):
    host = Host(t)
    os.unlink(f"{host.etc}/anchors/owner/owner.pem")
    host.boot("anchor-missing", 3)


@case
def boot_model_too_old(t):
    host = Host(t)
    host.configure("generation = 8\n")
    host.boot("manifest-generation", 3)


@case
def boot_model_new_enough(t):
    host = Host(t)
    host.configure("generation = 7\n")
    host.boot("captured-tree", 3)


# ---- configuration


@case
def boot_bad_configurations(t):
    for number, (text, cause, code) in enumerate((
            ("frobnicate = yes\n", "config-syntax", 2), ("pcr\n", "config-syntax", 2),
            ("pcr = 12x\n", "config-syntax", 2), ("policy = local\n", "config-syntax", 2),
            ("pcr = 16\n", "pcr-refused", 2), ("pcr = 10\n", "pcr-refused", 2),
            ("pcr = 17\n", "pcr-refused", 2))):
        with t.sub(f"case{number}") as inner:
            host = Host(inner)
            host.configure(text)
            host.boot(cause, code)


@case
def boot_configuration_missing(t):
    host = Host(t)
    os.unlink(f"{host.etc}/holdfast.conf")
    host.boot("file-unreadable", 2)


@case
def boot_policy_controller_is_not_forgotten(t):
    host = Host(t)
    host.configure(policy="controller")
    host.boot("controller-required", 6)


@case
def boot_another_pcr(t):
    host = Host(t)
    host.configure("pcr = 15\n")
    host.boot("captured-tree", 3, capped=False)
    host.check_capped(15)
    host.check_replays(15)
    for bank, value in host.tpm.pcrs(13).items():
        need(int(value, 16) == 0, f"PCR 13 of {bank} was extended")


# ---- what firmware ran


@case
def boot_firmware_log_missing(t):
    host = Host(t)
    os.unlink(f"{host.tree.sys}/{FIRMWARE_LOG}")
    host.boot("firmware-log-missing", 3)


@case
def boot_firmware_log_that_does_not_replay(t):
    host = Host(t)
    host.measured(host.events, log=firmware.log(host.events[:-1]))
    host.boot("firmware-log-replay", 3)


@case
def boot_firmware_ran_an_unknown_driver(t):
    host = Host(t)
    host.measured(firmware.altered(driver=b"implant"))
    host.boot("boot-driver-unknown", 3)


@case
def boot_firmware_ran_another_program_first(t):
    host = Host(t)
    events = firmware.good()
    at = [i for i, e in enumerate(events) if e[1] == firmware.EV_APPLICATION][0]
    events.insert(at, firmware.event(4, firmware.EV_APPLICATION, firmware.image_load(), b"loader"))
    host.measured(events)
    host.boot("boot-application-unknown", 3)


@case
def boot_another_kernel_initrd_command_line(t):
    for what, cause in (("kernel", None), ("initrd", "agent-initrd-changed"),
                        ("command_line", "agent-command-line-changed")):
        with t.sub(what) as inner:
            host = Host(inner)
            host.measured(firmware.altered(**{what: b"another " + what.encode()}))
            if cause:
                host.boot(cause, 3)
                continue
            firmware.extend(host.tpm, host.events)
            result = inner.holdfast("boot", "--sysfs", host.tree.sys, "--tcti", host.tpm.tcti,
                                    "--etc", host.etc, "--evidence", host.evidence, code=3)
            need("cause=boot-application-unknown" in result.text or
                 "cause=agent-kernel-changed" in result.text, result.describe())
            host.check_capped()


# ---- the tenant


@case
def boot_tenant_problems(t):
    def missing(store):
        os.unlink(f"{store}/kernel")
        os.unlink(f"{store}/initrd")

    def unknown(store):
        write(f"{store}/initrd", b"another initrd")

    def half(store):
        os.unlink(f"{store}/initrd")

    def both(store):
        write(f"{store}/root.squashfs", b"hsqs")

    for change, cause in ((missing, "tenant-missing"), (unknown, "tenant-image-unknown"),
                          (half, "tenant-image-unverifiable"), (both, "tenant-image-unverifiable")):
        with t.sub(change.__name__) as inner:
            host = Host(inner)
            change(host.store)
            host.boot(cause, 3)


def boot_entry(attributes=1, words="Windows"):
    """An EFI_LOAD_OPTION: attributes, length of the path, description, the path's end."""
    return struct.pack("<IH", attributes, 4) + (words + "\0").encode("utf-16-le") + b"\x7f\xff\4\0"


@case
def boot_next_boot(t):
    """A boot entry that the owner listed: all stages pass, and the store's record names it."""
    host = Host(t)
    for name in ("kernel", "initrd"):
        os.unlink(f"{host.store}/{name}")
    write(f"{host.store}/boot-entry", boot_entry())
    listed = sources.images()
    listed["images"][1] = {"role": "tenant", "kind": "next-boot", "name": "windows",
                           "boot_entry": firmware.sha256(boot_entry())}
    host.owner.sign(listed, f"{host.store}/images.corim")
    text = host.boot("captured-tree", 3).text
    need("tenant windows (next-boot)" in text, text)
    need("[captured-tree]" in verify(host, code=3).text, "refused for another reason")
    write(f"{host.store}/boot-entry", boot_entry(words="Windowz"))
    again = next_boot(host, 2)
    again.boot("tenant-image-unknown", 3)


@case
def boot_step_is_for_live_hosts(t):
    result = t.holdfast("boot", "--exit", "--sysfs", t.path("tree"), code=2)
    need("--exit" in result.errors, result.describe())


@case
def boot_image_list_missing(t):
    host = Host(t)
    os.unlink(f"{host.store}/images.corim")
    host.boot("image-list-missing", 3)


@case
def boot_image_list_by_another_key(t):
    host = Host(t)
    Owner(t, "stranger").sign(sources.images(), f"{host.store}/images.corim")
    host.boot("signer-unknown", 3)


# ---- the TPM


@case
def boot_pcr_not_zero(t):
    """One bank is enough: whoever extended it could have written our golden log there."""
    for bank, size in (("sha256", 32), ("sha1", 20), ("sha512", 64)):
        with t.sub(bank) as inner:
            host = Host(inner)
            host.tpm.tool("tpm2_pcrextend", f"13:{bank}=" + "11" * size)
            host.boot("pcr-not-zero", 5)


@case
def boot_twice_without_a_reset(t):
    host = Host(t)
    host.boot("captured-tree", 3)
    host.evidence = t.path("evidence2")
    host.boot("pcr-not-zero", 5, extend=False)


@case
def boot_without_a_tpm(t):
    host = Host(t)
    host.boot("tpm-missing", 5, tcti=f"swtpm:path={t.path('nowhere')}")


@case
def boot_without_a_tpm_where_the_model_permits(t):
    host = Host(t, model=model(tpm="optional"))
    result = host.boot("captured-tree", None, tcti=f"swtpm:path={t.path('nowhere')}")
    need("root-of-trust: none" in result.text, result.describe())


@case
def boot_endorsement_auth_set(t):
    host = Host(t)
    host.tpm.tool("tpm2_changeauth", "-c", "e", "x")
    host.boot("tpm-auth-set", 5)


@case
def boot_every_bank_is_capped(t):
    """SHA-1, SHA-256, SHA-384 and SHA-512, also on the way to HELD."""
    host = Host(t)
    host.tree.flip("0000:01:00.0", 0x8000)
    before = {bank: host.tpm.pcrs(13)[bank] for bank in host.tpm.pcrs(13)}
    need(all(int(v, 16) == 0 for v in before.values()) and len(before) == 4, str(before))
    host.boot("firmware-unknown", 3)
    need(len(set(host.tpm.pcrs(13).values())) == 4, "two banks hold the same")


@case
def boot_rehearsal_needs_a_capture(t):
    if not os.path.isdir("/sys/bus/pci"):
        raise Skip("no PCI bus on this machine")
    host = Host(t)
    result = t.holdfast("boot", "--sysfs", "/sys", "--tcti", host.tpm.tcti, "--etc", host.etc,
                        "--evidence", host.evidence)
    need(result.code == 2 and "not-pid1" in result.text + result.errors, result.describe())
