# SPDX-License-Identifier: GPL-3.0-or-later
"""A hardware manager for the Ironic Python agent: a clean step that fails a node whose cards or
drives show firmware that no manifest allows, so that Ironic leaves it in "clean failed" and
gives it to nobody.

In the ramdisk: this file as a package with the entry point
  ironic_python_agent.hardware_managers: holdfast = holdfast_hardware:HoldfastHardwareManager
and holdfast with anchors and manifests in /opt/holdfast. The step runs with drivers bound: it is
a diagnosis, weaker than the gate's. Where the ramdisk's own initramfs runs `holdfast boot --exit`
first, /run/holdfast holds the gate's evidence, and the step demands it (demand_gate)."""
import json
import os
import subprocess

from ironic_python_agent import errors, hardware

HOME = os.environ.get("HOLDFAST_DIR", "/opt/holdfast")
GATE = os.environ.get("HOLDFAST_RUN", "/run/holdfast")


class HoldfastHardwareManager(hardware.HardwareManager):
    HARDWARE_MANAGER_NAME = "HoldfastHardwareManager"
    HARDWARE_MANAGER_VERSION = "1"

    def evaluate_hardware_support(self):
        return hardware.HardwareSupport.SERVICE_PROVIDER

    def get_clean_steps(self, node, ports):
        """Before anything is erased: what a tenant left in the firmware shall be seen."""
        return [{"step": "verify_firmware", "priority": 99, "interface": "deploy",
                 "reboot_requested": False, "abortable": True,
                 "argsinfo": {"demand_gate": {"description": "also demand the gate's release of this boot"}}}]

    def verify_firmware(self, node, ports, demand_gate=False):
        if demand_gate and self._gate() != "accepted":
            raise errors.CleaningError(f"{node['uuid']}: the gate has not released this boot")
        verdict = self._verify()
        if verdict["status"] not in ("accepted", "warned"):
            raise errors.CleaningError(
                f"{node['uuid']}: {verdict['cause']} at {verdict['place']}: see holdfast's docs/reasons.md")
        return verdict["coverage"]

    @staticmethod
    def _gate():
        """verdict.json is there only after a release: a gate that holds never gets here."""
        try:
            with open(f"{GATE}/verdict.json", encoding="utf-8") as file:
                return json.load(file)["verdict"]["status"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def _verify():
        command = [os.environ.get("HOLDFAST", f"{HOME}/holdfast"), "verify", "--json", "--manifests",
                   f"{HOME}/manifests", "--anchors", f"{HOME}/anchors",
                   *os.environ.get("HOLDFAST_OPTIONS", "").split()]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, timeout=540, check=False)
            verdict = json.loads(done.stdout)["verdict"]
            bad = done.returncode not in (0, 3) or not verdict["status"]
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
            raise errors.CleaningError(f"holdfast gave no verdict: {error}") from error
        if bad or (done.returncode == 3 and verdict["status"] in ("accepted", "warned")):
            raise errors.CleaningError(f"holdfast ended with exit code {done.returncode}")
        return verdict
