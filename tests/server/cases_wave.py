# SPDX-License-Identifier: GPL-3.0-or-later
"""A firmware wave, with a real holdfastd and the shipped agent in a rehearsal: the vendor's ROM becomes a
release, the new generation is tried on what the controller has, and enforced; the old host is offered the
service image and never the tenant, is "reflashed", and the alert ends by itself. Unknown bytes are offered
nothing, and the old generation does not come back."""
import json
import os
import re

import controllers
import night
import sources
import trees
from harness import need, read, write

CARD = "0000:01:00.0"
OFFSET = 0x8000
ROLLED_BACK = "ticket-other-policy"   # the controller has a later generation, and says so


def alert(n):
    """What examples/alerts.yml looks at: hosts whose last verdict is old firmware."""
    controller = n.fleet.controllers[0]
    text = n.t.run("curl", "-sS", "--cacert", n.fleet.ca.ca, "-H", "Authorization: Bearer " +
                   read(n.fleet.dir + "/token").decode().strip(), controller.url + "/metrics", code=0).text
    return sum(int(x) for x in re.findall(r'^holdfast_hosts\{[^}]*class="update"[^}]*\} (\d+)$', text, re.M))


def with_service(n):
    for name, data in controllers.SERVICE.items():
        write(f"{n.host.store}/{name}", data)
    for path in (f"{n.host.store}/images.corim", f"{n.fleet.dir}/manifests/images.corim"):
        n.host.owner.sign(controllers.images(), path)
    n.t.run("sh", "-c", n.site() + f"to_controllers {n.host.store}/images.corim", code=0)


def wave(n, folder):
    """Sources of the next generation: the vendor's ROM allowed, what was allowed is old."""
    write(n.t.path("vendor.rom"), read_rom_of(n))
    component = sources.components(n.host.golden)[1]
    component["releases"][0]["state"] = "update"
    write(f"{folder}/01-e1000e.json", json.dumps(component))
    n.ctl("manifest", "add-rom", n.t.path("vendor.rom"), "--component", f"{folder}/01-e1000e.json", "--release", "2.0",
          "--out", f"{folder}/added.json")
    os.replace(f"{folder}/added.json", f"{folder}/01-e1000e.json")
    write(f"{folder}/05-lab-q35.json", json.dumps(sources.model(generation=8)))


def read_rom_of(n):
    new = trees.Tree(n.t.path("new-tree"), trees.lab())
    new.flip(CARD, OFFSET)
    return new.rom(CARD)[:sum(length for _, length in trees.rom_images(new.rom(CARD)))]   # no padding, as a host reads it


def roll_out(n, folder, **model):
    """Signed, to the controllers and into the image."""
    write(f"{folder}/05-lab-q35.json", json.dumps(sources.model(**model)))
    commands = n.site()
    for name in ("01-e1000e", "05-lab-q35"):
        out = n.t.path(f"{name}.corim")
        n.host.owner.sign(json.loads(read(f"{folder}/{name}.json")), out)
        commands += f"to_controllers {out}; to_image {out}\n"
    n.t.run("sh", "-c", commands, code=0)


def next_boot(n, lease, cause="captured-tree"):
    n.reclaim(lease)
    said = n.boot(cause)
    return said, n.show()


def a_firmware_wave():
    with night.night(2) as n:
        with_service(n)
        n.enter()
        n.boot("captured-tree")
        before = {name: read(f"{n.host.etc}/manifests.d/{name}") for name in os.listdir(f"{n.host.etc}/manifests.d")}
        folder = n.t.path("next")
        os.makedirs(folder)
        wave(n, folder)
        for name in os.listdir(f"{n.host.etc}/manifests.d"):   # what does not change
            if name.endswith(".corim") and name[:2] not in ("01", "05"):
                write(f"{folder}/{name}", read(f"{n.host.etc}/manifests.d/{name}"))
        tried = n.ctl("manifest", "test", folder, "--controller", code=3)
        need("firmware-old" in tried, tried)
        night.say("== manifest test: what enforcing would do tonight", tried)

        roll_out(n, folder, generation=8, mode="audit")
        said, shown = next_boot(n, "audit")
        need("WOULD HOLD" in said, said)
        night.say("== generation 8, audit: WOULD HOLD, and the host goes on")

        roll_out(n, folder, generation=9)
        said, shown = next_boot(n, "enforce")
        need("SERVICE IMAGE service-1" in said, said)
        verdict = shown["last-verdict"]
        need(verdict["release"] == "service" and verdict["cause"] == "firmware-old", f"{verdict}")
        need(alert(n) == 1, f"the alert shows {alert(n)} hosts")
        night.say("== generation 9, enforce: the service image, never the tenant; the alert shows 1 host")

        n.host.tree.flip(CARD, OFFSET + 1)   # neither the old nor the new
        said, shown = next_boot(n, "unknown", "uncovered")
        need("SERVICE IMAGE" not in said and not shown["ticketed"], said)
        n.host.tree.flip(CARD, OFFSET + 1)
        night.say("== unknown bytes: HELD, no service image")

        old_rom = n.host.tree.rom(CARD)
        for card in (CARD, "0000:05:00.0"):   # what the service image does
            n.host.tree.put(card, "rom", read(n.t.path("vendor.rom")))
        said, shown = next_boot(n, "repaired")
        need(shown["last-verdict"]["release"] == "tenant" and shown["last-verdict"]["status"] == "affirming", f"{shown}")
        need(alert(n) == 0, f"the alert shows {alert(n)} hosts")
        night.say("== reflashed: RELEASED, and the alert shows 0 hosts")

        for name in ("01-e1000e.corim", "05-lab-q35.corim"):   # an image of before the wave
            write(f"{n.host.etc}/manifests.d/{name}", before[name])
        for card in (CARD, "0000:05:00.0"):
            n.host.tree.put(card, "rom", old_rom)
        said, shown = next_boot(n, "rolled-back", ROLLED_BACK)
        need("tenant tenant-1" not in said.split(" ticket ")[-1] and shown["last-verdict"]["release"] != "tenant",
             f"{shown}")
        night.say("== the old manifests on the old firmware: no ticket for the tenant")
        urls = n.fleet.controllers[0].url
        n.host.configure(f"controller = {urls}\ncontroller-seconds = 20\ngeneration = 9\n", policy="controller")
        next_boot(n, "rolled-back-2", "manifest-generation")
        night.say("== an image that demands generation 9 does not even begin with them")


MAKE = ["holdfast", "holdfastd", "holdfastctl"]
CASES = [("wave: a firmware wave", a_firmware_wave)]
