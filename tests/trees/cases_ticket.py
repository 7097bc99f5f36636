# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate and its controller over loopback: what is said, and every lie, each alone."""
import json
import os
import shutil

import firmware
import sources
from controllers import (SERVICE_IMAGE, TENANT_IMAGE, Controller, Led, all_evidence)
from harness import case, need, read, write
from rehearsal import next_boot, provision, timeless, verify


def fresh(host, number):
    """The same host after a reset, and a controller that has forgotten what it heard."""
    host.controller.forget()
    again = next_boot(host, number)
    again.__class__ = Led
    return again


@case
def ticket_golden_conversation(t):
    """A ticket takes the rehearsal to its last stage, and everybody learns how it ended."""
    with Led(t) as host:
        result = host.boot("captured-tree", 3)
        host.check_replays()
        need(host.controller.asked() == ["challenge", "evidence", "held"], str(host.controller.heard()))
        keys = [entry["key"] for entry in host.controller.heard()]
        need(keys[0] == keys[1] == firmware.sha256(read(f"{host.evidence}/boot-key.der")) and keys[2] == "",
             f"the boot key is the client key, and dies with CAP: {keys}")
        need(os.path.getsize(f"{host.evidence}/ticket.cose") > 0, "the evidence has no ticket")
        nonce = read(f"{host.evidence}/nonce.bin")
        host.tpm.tool("tpm2_checkquote", "-u", f"{host.evidence}/ak.pem", "-m", f"{host.evidence}/quote.attest",
                      "-s", f"{host.evidence}/quote.sig", "-f", f"{host.evidence}/quote.pcrs", "-g", "sha256",
                      "-q", nonce.hex())
        need(nonce != bytes.fromhex(firmware.sha256(read(f"{host.evidence}/boot-key.der"))), "no challenge")
        need(read(f"{host.controller.dir}/held/receipt.attest") == read(f"{host.evidence}/receipt.attest"),
             "what was told of the held host is not what it has")
        t.golden("ticket-golden.txt", timeless(result.text))


@case
def ticket_evidence_verifies(t):
    """Everything but that a capture was held in the end, with the nonce given and without a clock."""
    with Led(t) as host:
        host.boot("captured-tree", 3)
        result = verify(host, "--nonce", read(f"{host.evidence}/nonce.bin").hex(), code=3)
        t.refused(result, "captured-tree")
        failed = [line for line in result.text.splitlines() if line.startswith("  failed")]
        need(len(failed) == 1 and "receipt" in failed[0], result.describe())


@case
def ticket_secret_is_nowhere(t):
    """Neither in the evidence, nor on the screen, nor in what is told of the held host."""
    secret = "S3CRET-of-the-tenant-4711"
    with Led(t) as host:
        host.controller.says(secret=secret)
        result = host.boot("captured-tree", 3)
        need("with its secret" in result.text, result.describe())
        held = host.controller.dir + "/held"
        told = b"".join(read(os.path.join(held, name)) for name in os.listdir(held))
        for where, data in (("evidence", all_evidence(host)), ("screen", result.out + result.err), ("held", told)):
            need(secret.encode() not in data, f"the secret is in the {where}")


LIES = {  # name: (script, cause)
    "signer": ({"lies": ["ticket-other-key"]}, "ticket-signer"),
    "signature": ({"lies": ["ticket-flipped"]}, "ticket-signer"),
    "a challenge in its place": ({"lies": ["ticket-wrong-type"]}, "ticket-signer"),
    "attestation key": ({"ticket": {"ak_name": "hex:000b" + "11" * 32}}, "ticket-other-key"),
    "boot key": ({"ticket": {"boot_key": "hex:" + "22" * 32}}, "ticket-other-boot"),
    "quote": ({"ticket": {"quote": "hex:" + "33" * 32}}, "ticket-other-quote"),
    "nonce": ({"ticket": {"nonce": "hex:" + "44" * 32}}, "ticket-other-quote"),
    "reclaim": ({"ticket": {"reclaim": "hex:" + "55" * 16}}, "ticket-other-reclaim"),
    "generation": ({"ticket": {"generation": 6}}, "ticket-other-policy"),
    "mode": ({"ticket": {"mode": "audit"}}, "ticket-other-policy"),
    "life": ({"ticket": {"seconds": 0}}, None),
    "image": ({"images": [["tenant-1", *TENANT_IMAGE[1:3], "00" * 32]]}, "ticket-other-image"),
    "image of another": ({"images": [SERVICE_IMAGE]}, "ticket-other-image"),
    "half an image": ({"images": [["tenant-1", TENANT_IMAGE[1]]]}, "ticket-other-image"),
    "no image": ({"images": []}, None),
    "status": ({"ticket": {"status": 96}}, None),
    "kind": ({"ticket": {"kind": "tenant"}}, None),
    "cut": ({"lies": ["evidence-cut"]}, None),
    "tail": ({"lies": ["evidence-tail"]}, None),
    "no result at all": ({"lies": ["evidence-other-kind"]}, "controller-reply"),
}


@case
def ticket_that_lies(t):
    """One thing that is not so, and the host is held, by the name of that thing."""
    with Led(t) as host:
        for number, (name, (script, cause)) in enumerate(LIES.items()):
            host = fresh(host, number)
            host.controller.says(**script)
            firmware.extend(host.tpm, host.events)
            result = t.holdfast("boot", "--sysfs", host.tree.sys, "--tcti", host.tpm.tcti, "--etc", host.etc,
                                "--evidence", host.evidence)
            need("captured-tree" not in result.text, f"{name}: nobody noticed\n{result.describe()}")
            need("HELD" in result.text and " ticket " in result.text and "evidence" in host.controller.asked(),
                 f"{name}\n{result.describe()}")
            need(cause is None or f"cause={cause}" in result.text, f"{name}: not {cause}\n{result.describe()}")
            t.narrow(t.normalise(result.text))
            host.check_capped()
            host.tpm.stop()


@case
def ticket_of_yesterday(t):
    """Signed well, for the boot before: nothing in it is of this one."""
    with Led(t) as host:
        host.controller.says(lies=["ticket-yesterdays"])
        host.boot("captured-tree", 3)
        fresh(host, 2).boot("ticket-other-quote", 6)


@case
def ticket_that_came_too_late(t):
    """Its seconds count from the quote, on no clock that anybody can set."""
    with Led(t) as host:
        host.controller.says(ticket={"seconds": 1}, delay={"evidence": 1.2})
        host.boot("ticket-expired", 6)


CHALLENGES = {
    "signer": ({"lies": ["challenge-other-key"]}, "ticket-signer"),
    "signature": ({"lies": ["challenge-flipped"]}, "ticket-signer"),
    "a result in its place": ({"lies": ["challenge-wrong-type"]}, "ticket-signer"),
    "attestation key": ({"challenge": {"ak_name": "hex:000b" + "11" * 32}}, "challenge-invalid"),
    "boot key": ({"challenge": {"boot_key": "hex:" + "22" * 32}}, "challenge-invalid"),
    "nonce too short": ({"challenge": {"nonce": "hex:" + "33" * 16}}, None),
    "no nonce": ({"challenge": {"nonce": None}}, None),
    "no time": ({"challenge": {"time": 0}}, None),
    "half a reclaim": ({"challenge": {"reclaim": "hex:" + "44" * 8}}, None),
    "cut": ({"lies": ["challenge-cut"]}, None),
    "tail": ({"lies": ["challenge-tail"]}, None),
    "no challenge at all": ({"lies": ["challenge-other-kind"]}, "controller-reply"),
}


@case
def challenge_that_lies(t):
    with Led(t) as host:
        for number, (name, (script, cause)) in enumerate(CHALLENGES.items()):
            host = fresh(host, number)
            host.controller.says(**script)
            firmware.extend(host.tpm, host.events)
            result = t.holdfast("boot", "--sysfs", host.tree.sys, "--tcti", host.tpm.tcti, "--etc", host.etc,
                                "--evidence", host.evidence)
            need("HELD" in result.text and "stage=challenge" in result.text, f"{name}\n{result.describe()}")
            need(cause is None or f"cause={cause}" in result.text, f"{name}: not {cause}\n{result.describe()}")
            need("evidence" not in host.controller.asked(), f"{name}: evidence was sent all the same")
            host.check_capped()
            host.tpm.stop()


@case
def ticket_refused_by_name(t):
    """What the controller says is on the screen, at once and in its words; never a fallback."""
    with Led(t) as host:
        host.controller.says(refuse={"challenge": "host-not-reclaimed"}, refusal={"detail": "since last week"})
        result = host.boot("host-not-reclaimed", 3)
        need("since last week, says the controller" in result.text, result.describe())
        host = fresh(host, 2)
        host.controller.says(release="nothing", cause="reset-count-not-risen", refusal={"detail": "3 now, 7 before"})
        result = host.boot("reset-count-not-risen", 3)
        need("3 now, 7 before" in result.text, result.describe())
        need(os.path.getsize(f"{host.evidence}/ticket.cose") > 0, "the refusal is not in the evidence")
        host = fresh(host, 3)
        host.controller.says(release="nothing", cause="of-tomorrow", refusal={"detail": "a cause of version 9"})
        result = host.boot("controller-refused", 3)
        need("of-tomorrow" in result.text, result.describe())


@case
def ticket_of_a_host_that_is_let(t):
    """The challenge has no reclaim: its evidence is judged, and no ticket of any kind is taken."""
    with Led(t) as host:
        host.controller.says(challenge={"reclaim": "hex:"})
        host.boot("ticket-other-reclaim", 6)
        need("evidence" in host.controller.asked(), "its evidence was not sent")


@case
def ticket_after_enrolment(t):
    """A key that nobody knows enrols, and the challenge comes then."""
    with Led(t) as host:
        host.controller.says(enrol=True)
        result = host.boot("captured-tree", 3)
        need(host.controller.asked() == ["challenge", "enrol", "activate", "challenge", "evidence", "held"],
             str(host.controller.asked()))
        need("enrolled" in result.text, result.describe())
        again = fresh(host, 2)	# another TPM: what was made for the name of another key opens nowhere
        again.controller.stop()
        again.controller.start()
        again.url = f"https://127.0.0.1:{again.controller.port}"
        again.configure()
        again.controller.says(enrol=True, lies=["credential-other-name"])
        again.boot("credential-refused", 5)


# ---- anchors ----

@case
def ticket_without_anchors(t):
    with Led(t) as host:
        for number, role in enumerate(("controller/ca", "ticket/ticket")):
            host = fresh(host, number)
            path = f"{host.etc}/anchors/{role}.pem"
            good = read(path)
            os.unlink(path)
            host.boot("anchor-missing", 3)
            need(host.controller.asked() == [] or role.startswith("ticket"), "somebody was asked")
            write(path, good)


@case
def ticket_key_that_was_taken_back(t):
    """The owner's list of revocations takes a ticket key back like any other."""
    with Led(t) as host:
        key = firmware.sha256(t.run("openssl", "pkey", "-pubin", "-in", f"{host.etc}/anchors/ticket/ticket.pem",
                                    "-outform", "DER", code=0).out)
        host.owner.sign({"format": 1, "revocations": "keys", "generation": 1, "revoke": [{"key": key}]},
                        f"{host.etc}/manifests.d/revocations.corim")
        host.boot("anchor-missing", 3)
        need("challenge" not in host.controller.asked(), "its challenge was asked for")


@case
def ticket_controllers_ca_that_was_taken_back(t):
    """So does it a CA's key: whoever has that key is no controller any more, whatever he sends."""
    with Led(t) as host:
        pem = t.run("openssl", "x509", "-in", f"{host.etc}/anchors/controller/ca.pem", "-noout", "-pubkey", code=0).out
        write(t.path("ca-key.pem"), pem)
        key = firmware.sha256(t.run("openssl", "pkey", "-pubin", "-in", t.path("ca-key.pem"),
                                    "-outform", "DER", code=0).out)
        host.owner.sign({"format": 1, "revocations": "keys", "generation": 1, "revoke": [{"key": key}]},
                        f"{host.etc}/manifests.d/revocations.corim")
        host.boot("anchor-missing", 3)
        need(host.controller.asked() == [], "it was asked")


@case
def ticket_by_the_owner_is_none(t):
    """Only an anchor of role ticket signs one: the owner's key, which signs all else, does not."""
    with Led(t) as host:
        ticket = read(f"{host.etc}/anchors/ticket/ticket.pem")
        os.unlink(f"{host.etc}/anchors/ticket/ticket.pem")
        write(f"{host.etc}/anchors/owner/second.pem", ticket)
        t.ctl("keygen", "--out", t.path("elsewhere"), code=0)
        write(f"{host.etc}/anchors/ticket/other.pem", read(t.path("elsewhere.pem")))
        host.boot("ticket-signer", 6)


@case
def ticket_two_controllers_in_one_file(t):
    """BEGIN names one key for each anchor's file: a second certificate behind it would be believed unseen."""
    with Led(t) as host:
        for number, text in enumerate(("{0}{1}", "{1}{0}", "{0}{0}", "{0}\n# {1}{1}")):
            path = f"{host.etc}/anchors/controller/ca.pem"
            own = read(path).decode() if number == 0 else own
            other = t.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-keyout", t.path("other.key"), "-subj", "/CN=other", "-days", "3650", code=0).out
            with open(path, "w") as f:
                f.write(text.format(own, other))
            host = fresh(host, number)
            result = host.boot("key-invalid", 2)
            need("controller/ca.pem" in result.text and not host.controller.asked(), result.describe())
            host.tpm.stop()


@case
def ticket_from_another_controller(t):
    """Who answers has no certificate of the CA in the image: he is told nothing."""
    with Led(t) as host:
        other = Controller(t, "other").start()
        try:
            host.url = f"https://127.0.0.1:{other.port}"
            host.configure()
            host.boot("controller-tls", 6)
            need([what for what in other.asked() if what != "handshake"] == [], str(other.heard()))
        finally:
            other.stop()


# ---- dates ----

@case
def ticket_brings_the_time(t):
    """Releases that were allowed until a day, and files that ended, are judged by the signed time."""
    with Led(t) as host:
        dated = sources.components(host.golden)
        dated[1]["releases"][0].update(state="allowed-until", until="2031-05-31")
        host.owner.sign(dated[1], f"{host.etc}/manifests.d/01-e1000e.corim")
        host.controller.says(challenge={"time": 1906000000})	# 2030-05-25
        host.boot("captured-tree", 3)
        host = fresh(host, 2)
        host.controller.says(challenge={"time": 1953000000})	# 2031-11-20
        result = host.boot("ticket-other-policy", 6)	# old firmware by now: for no tenant
        need("firmware-past-date at pci" in result.text, result.describe())


UNTIL = """if 1:
    import cbor2, sys
    with open(sys.argv[1], "rb") as file:
        corim = cbor2.loads(file.read())
    corim.value[4] = {1: cbor2.CBORTag(1, int(sys.argv[2]))}
    with open(sys.argv[1], "wb") as file:
        file.write(cbor2.dumps(corim, canonical=True))
"""


@case
def ticket_time_ends_what_is_signed(t):
    """A file of the image, or of the store, whose time is over by the signed time."""
    with Led(t) as host:
        for number, path in enumerate((f"{host.etc}/manifests.d/05-lab-q35.corim", f"{host.store}/images.corim")):
            host = fresh(host, number)
            good = read(path)
            write(t.path("source.json"), t.ctl("manifest", "show", path, code=0).out)
            t.ctl("manifest", "build", t.path("source.json"), "--out", t.path("plain"), code=0)
            t.run(host.controller.python, "-c", UNTIL, t.path("plain"), 1924991999, code=0)	# 2030-12-31
            t.ctl("manifest", "sign", t.path("plain"), "--key", host.owner.key, "--signer", host.owner.name,
                  "--out", path, code=0)
            host.controller.says(challenge={"time": 1906000000})	# 2030-05-25
            host.boot("captured-tree", 3)
            host = fresh(host, 10 + number)
            host.controller.says(challenge={"time": 1953000000})	# 2031-11-20
            result = host.boot("manifest-expired", 3)
            need("stage=challenge" in result.text, result.describe())
            write(path, good)


# ---- the service image ----

def with_old_firmware(t):
    host = Led(t)
    old = sources.components(host.golden)
    old[1]["releases"][0]["state"] = "update"
    host.owner.sign(old[1], f"{host.etc}/manifests.d/01-e1000e.corim")
    return host


@case
def ticket_to_the_service_image(t):
    """Known, old firmware asks the controller, who may let the service image start, and nothing else."""
    with with_old_firmware(t) as host:
        host.controller.says(release="service", images=[SERVICE_IMAGE], secret="for no service image")
        result = host.boot("captured-tree", 3)
        need("SERVICE IMAGE service-1" in result.text and "secret" not in result.text, result.describe())
        log = host.log_text()
        need("firmware-old" in log and b"service-initrd" in read(f"{host.evidence}/claims.cbor"), log)
        host = fresh(host, 2)
        host.controller.says()	# the tenant: the host itself says no
        host.boot("ticket-other-policy", 6)
        host = fresh(host, 3)
        host.controller.says(release="nothing", cause="firmware-old")
        host.boot("firmware-old", 3)
        host = fresh(host, 4)
        host.controller.says(release="service", images=[["service-1", *TENANT_IMAGE[1:]]])
        host.boot("ticket-other-image", 3)


@case
def ticket_to_a_service_image_that_is_not_there(t):
    with with_old_firmware(t) as host:
        for name in ("service-kernel", "service-initrd"):
            os.unlink(f"{host.store}/{name}")
        host.controller.says(release="service", images=[SERVICE_IMAGE])
        host.boot("service-image-missing", 3)


@case
def ticket_service_images_are_signed_too(t):
    with Led(t) as host:
        write(f"{host.store}/service-initrd", b"something else")
        host.boot("tenant-image-unknown", 3)
        host = fresh(host, 2)
        os.unlink(f"{host.store}/service-initrd")
        host.boot("tenant-image-unverifiable", 3)


@case
def ticket_old_firmware_beside_anything_else(t):
    """Another finding beside it, and nobody is asked."""
    with with_old_firmware(t) as host:
        host.tree.flip("0000:02:00.0", 0x200)
        result = host.boot("firmware-old", 3)
        need("firmware-unknown" in result.text and "stage=appraise" in result.text, result.describe())
        need(host.controller.asked() == ["held"], str(host.controller.asked()))


@case
def ticket_old_firmware_without_a_controller(t):
    with with_old_firmware(t) as host:
        host.configure(policy="local")
        host.boot("firmware-old", 3)


# ---- nobody answers ----

def silent(host):
    """Nobody listens there any more."""
    host.controller.stop()
    return host


@case
def ticket_nobody_answers(t):
    with silent(Led(t)) as host:
        host.boot("controller-unreachable", 6)
        host.check_replays()


@case
def ticket_cut_in_the_middle(t):
    """The challenge came, the ticket did not: a quote for it was made, and nothing stands in."""
    with Led(t) as host:
        bearer(host)
        for number, (script, cause) in enumerate((
                ({"silent": ["evidence"]}, "controller-unreachable"),
                ({"lies": ["evidence-half"]}, "controller-unreachable"),
                ({"status": {"evidence": 503}}, "controller-busy"))):
            host = fresh(host, number)
            host.controller.says(**script)
            result = host.boot(cause, 6)
            need("fallback" not in result.text.lower(), result.describe())
            host.tpm.stop()


def reset_count(host):
    """Of the TPM as it is now."""
    text = host.tpm.tool("tpm2_readclock")
    return next(int(line.split()[-1]) for line in text.splitlines() if "reset_count" in line)


def ak_name(host):
    """Of the host's attestation key: evidence of an earlier boot of the same TPM has it."""
    return "000b" + firmware.sha256(read(f"{host.evidence}/ak.pub"))


def bearer(host, owner=None, first=0, last=0, name=None, **more):
    """The owner's release of this host for its next boots."""
    if not os.path.exists(f"{host.evidence}/ak.pub"):
        write(f"{host.evidence}/ak.pub", b"no boot yet")
    source = {"format": 1, "waiver": "site-7-move", "host": name or ak_name(host), "generation": 7,
              "boots": {"from": first, "to": last or 1 << 30},
              "findings": [{"place": "controller", "reason": "controller-unreachable"}], **more}
    (owner or host.owner).sign(source, f"{host.etc}/manifests.d/bearer.corim")


def known_host(t):
    """A host that was seen once by its controller, who then falls silent; its TPM is reset, and nobody
    can clear it to count its boots again."""
    host = Led(t)
    provision(host, "--generation", "7")
    host.boot("captured-tree", 3)
    silent(host)
    host.tpm.stop()
    host.tpm.start()
    return host


@case
def fallback_by_the_owners_release(t):
    with known_host(t) as host:
        bearer(host)
        result = host.boot("captured-tree", 3)
        need("FALLBACK: the owner's release site-7-move" in result.text, result.describe())
        need("path: fallback" in host.log_text(), host.log_text())
        shown = verify(host, code=3)
        need("FALLBACK: no controller answered" in shown.text and "site-7-move" in shown.text, shown.describe())
        t.refused(shown, "captured-tree")
        os.unlink(t.path("verifier", "bearer.corim"))	# a verifier who was not told of it
        t.refused(verify(host, code=3), "owner-release-refused")


@case
def fallback_as_an_operator_prepares_it(t):
    """waiver create from the evidence of the last boot, signed, and into manifests.d."""
    with known_host(t) as host:
        made = t.ctl("waiver", "create", "--name", "site-7-move", "--from", host.evidence, "--generation", "7",
                     "--boots", "2", "--note", "the rack moves", "--out", t.path("release.json"), code=0)
        count = reset_count(host)
        need(f"for boots {count} to {count + 1}" in made.errors, made.describe())
        t.ctl("manifest", "sign", t.path("release.json"), "--key", host.owner.key, "--signer", host.owner.name,
              "--out", f"{host.etc}/manifests.d/release.corim", code=0)
        for _ in range(2):
            result = host.boot("captured-tree", 3)
            need("FALLBACK: the owner's release site-7-move" in result.text, result.describe())
            restarted(host)
        host.boot("owner-release-refused", 3)	# a third boot is nobody's


@case
def waiver_create_is_asked_rightly(t):
    with known_host(t) as host:
        good = {"--name": "n", "--from": host.evidence, "--generation": "7", "--boots": "2"}
        bad = ({"--boots": "0"}, {"--boots": "3-2"}, {"--boots": "1-2000"}, {"--boots": "x"}, {"--boots": "4294967296"},
               {"--generation": "-1"}, {"--name": "a/b"}, {"--until": "2026-02-30"}, {"--note": ""}, {"--id": "host-1"},
               {"--from": None}, {"--boots": None}, {"--generation": None}, {"--name": None})
        for change in bad:
            words = [w for k, v in {**good, **change}.items() if v is not None for w in (k, v)]
            result = t.ctl("waiver", "create", *words, code=2)
            need("next" in result.errors, result.describe())
        t.ctl("waiver", "create", "--name", "n", "--from", t.path("nothing"), "--generation", "7", "--boots", "1", code=2)
        shown = json.loads(t.ctl("waiver", "create", *[w for p in good.items() for w in p], "--json", code=0).out)
        need(shown["host"] == ak_name(host) and shown["generation"] == 7, f"{shown}")


@case
def waiver_create_believes_the_tpm_alone(t):
    """Boots are counted from evidence that somebody else hands over."""
    with known_host(t) as host:
        words = ["--name", "n", "--generation", "7", "--boots", "1"]
        shutil.copytree(host.evidence, t.path("altered"))
        quote = bytearray(read(t.path("altered", "quote.attest")))
        at = 6 + 2 + int.from_bytes(quote[6:8], "big")
        at += 2 + int.from_bytes(quote[at:at + 2], "big") + 8	# the clock; then resetCount
        need(int.from_bytes(quote[at:at + 4], "big") == reset_count(host) - 1, f"{quote.hex()} {reset_count(host)}")
        quote[at + 2] ^= 1
        write(t.path("altered", "quote.attest"), bytes(quote))
        t.ctl("waiver", "create", *words, "--from", host.evidence, code=0)
        t.refused(t.ctl("waiver", "create", *words, "--from", t.path("altered"), code=3), "quote-signature")


@case
def fallback_where_boots_can_be_counted_again(t):
    """A tenant who may clear the TPM begins at 0 as often as it likes."""
    with Led(t) as host:
        host.boot("captured-tree", 3)
        silent(host)
        bearer(host)
        result = restarted(host).boot("owner-release-refused", 3)
        need("TPM2_Clear" in result.text and "FALLBACK" not in result.text, result.describe())
        need("path: fallback" not in host.log_text(), host.log_text())


@case
def fallback_is_not_for_a_busy_controller(t):
    """Who answers that he has no time is there: whoever can make him busy gains nothing."""
    with Led(t) as host:
        provision(host, "--generation", "7")
        host.boot("captured-tree", 3)
        bearer(host)
        host.controller.says(status={"challenge": 503})
        result = restarted(host).boot("controller-busy", 6)
        need("FALLBACK" not in result.text, result.describe())
        need("path: fallback" not in host.log_text(), host.log_text())


@case
def fallback_does_not_hold(t):
    """Each thing that it says, alone: another host, generation, boots, and the host not as it should be."""
    with known_host(t) as host:
        count = reset_count(host)
        need(count > 0, f"the TPM counts its resets: {count}")
        for cause, words, more in (
                ("controller-unreachable", "", {"name": "000b" + "ab" * 32}),
                ("owner-release-refused", "another generation", {"generation": 8}),
                ("owner-release-refused", "another generation", {"generation": 6}),
                ("owner-release-refused", "boots have not begun", {"first": count + 50}),
                ("owner-release-refused", "boots are over", {"last": count})):
            bearer(host, **more)
            result = restarted(host).boot(cause, 3 if words else 6)
            need(words in result.text and "FALLBACK" not in result.text, result.describe())
            need("path: fallback" not in host.log_text(), host.log_text())


@case
def fallback_in_its_boots_alone(t):
    with known_host(t) as host:
        count = reset_count(host)
        bearer(host, first=count, last=count)
        host.boot("captured-tree", 3)
        restarted(host).boot("owner-release-refused", 3)


@case
def fallback_needs_everything_accepted(t):
    """A warning is enough to need somebody who looks; and so is another waiver."""
    with known_host(t) as host:
        lenient = sources.model()
        lenient["rules"][1]["action"] = "warn"
        host.owner.sign(lenient, f"{host.etc}/manifests.d/05-lab-q35.corim")
        bearer(host)
        host.boot("captured-tree", 3)
        host.tree.flip("0000:01:00.0", 0x8000)
        restarted(host).boot("owner-release-refused", 3)


@case
def fallback_is_the_owners_alone(t):
    """A waiver's signer may not stand in for the controller."""
    with known_host(t) as host:
        other = sources.Owner(t, "night-shift")
        write(f"{host.etc}/anchors/waiver/night-shift.pem", read(other.public))
        bearer(host, owner=other)
        host.boot("signer-scope", 3)


@case
def fallback_never_after_a_refusal(t):
    """Whoever is refused cannot help himself with it; nor who was lied to."""
    with Led(t) as host:
        host.boot("captured-tree", 3)
        host.tpm.stop()
        host.tpm.start()
        bearer(host)
        host.controller.says(refuse={"challenge": "controller-unreachable"})	# by its name, too
        result = host.boot("controller-unreachable", 6)
        need("FALLBACK" not in result.text, result.describe())
        host.controller.says(lies=["challenge-other-key"])
        result = restarted(host).boot("ticket-signer", 6)
        need("FALLBACK" not in result.text, result.describe())


def restarted(host):
    host.tpm.stop()
    host.tpm.start()
    return host


# ---- HELD ----

@case
def held_is_told(t):
    """A host that is held before anybody was asked tells its controller afterwards, with what it shows."""
    with Led(t) as host:
        host.tree.flip("0000:01:00.0", 0x8000)
        host.boot("firmware-unknown", 3)
        need(host.controller.asked() == ["held"], str(host.controller.asked()))
        for name in ("holdfast.evlog", "receipt.attest", "receipt.sig", "ak.pub", "claims.cbor"):
            need(read(f"{host.controller.dir}/held/{name}") == read(f"{host.evidence}/{name}"), name)


@case
def held_whoever_listens(t):
    """It is held whether the controller takes the report, refuses it, or says anything at all."""
    with Led(t) as host:
        host.tree.flip("0000:01:00.0", 0x8000)
        for number, script in enumerate(({"refuse": {"held": "host-unknown"}}, {"lies": ["held-cut"]},
                                         {"lies": ["held-half"]}, {"status": {"held": 503}})):
            host = fresh(host, number)
            host.controller.says(**script)
            result = host.boot("firmware-unknown", 3)
            need("\nthe controller was not told: " in result.text, result.describe())
            host.tpm.stop()
