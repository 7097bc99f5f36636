# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/maas/holdfast-sync between a real holdfastd and MAAS's API, played on loopback."""
import http.server
import json
import os
import re
import subprocess
import threading
import urllib.parse

import fleet_lab

SYNC = os.path.join(os.path.dirname(__file__), "../../examples/maas/holdfast-sync")
KEY = "consumer:token:secret"


class Maas(http.server.ThreadingHTTPServer):
    def __init__(self, hosts):
        super().__init__(("127.0.0.1", 0), Handler)
        self.machines = {name: {"system_id": f"id{i}", "hostname": name, "status_name": "Ready",
                                "error_description": ""} for i, name in enumerate(hosts)}
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def signed(self):
        """MAAS's keys: CONSUMER:TOKEN:SECRET, signature "&SECRET"."""
        fields = dict(re.findall(r'(oauth_\w+)="([^"]*)"', self.headers.get("Authorization", "")))
        return (fields.get("oauth_consumer_key"), fields.get("oauth_token"), fields.get("oauth_signature"),
                fields.get("oauth_signature_method")) == ("consumer", "token", "%26secret", "PLAINTEXT")

    def do_GET(self):
        if not self.signed() or self.path != "/MAAS/api/2.0/machines/":
            return self.reply(401, "no")
        return self.reply(200, list(self.server.machines.values()))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        match = re.fullmatch(r"/MAAS/api/2.0/machines/(id\d+)/\?op=mark_(broken|fixed)", self.path)
        if not self.signed() or not match:
            return self.reply(400, "no")
        machine = next(m for m in self.server.machines.values() if m["system_id"] == match[1])
        machine["status_name"] = "Broken" if match[2] == "broken" else "Ready"
        machine["error_description"] = form["comment"][0] if match[2] == "broken" else ""
        self.server.asked.append((match[2], machine["hostname"]))
        return self.reply(200, machine)


def sync(fleet, maas, code=0):
    environment = {"PATH": fleet_lab.BUILD + ":" + os.environ["PATH"], "MAAS_KEY": KEY,
                   "MAAS_URL": f"http://127.0.0.1:{maas.server_port}/MAAS",
                   "HOLDFAST_URL": fleet.controllers[0].url, "HOLDFAST_CA": fleet.ca.ca,
                   "HOLDFAST_TOKEN_FILE": fleet.dir + "/token"}
    maas.asked.clear()
    done = subprocess.run([SYNC], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return list(maas.asked)


def machines_follow_the_verdicts():
    with fleet_lab.Fleet(2) as fleet, Maas(["host-0", "host-1", "stranger"]) as maas:
        fleet.add(fleet.dir + "/store.sqlite")
        operator = {"PATH": os.environ["PATH"], "HOLDFAST_URL": fleet.controllers[0].url,
                    "HOLDFAST_CA": fleet.ca.ca, "HOLDFAST_TOKEN_FILE": fleet.dir + "/token"}

        def ctl(*words):
            subprocess.run([os.path.join(fleet_lab.BUILD, "holdfastctl"), "host", *words], env=operator, check=True,
                           capture_output=True)

        ctl("import", fleet.dir + "/inventory.csv")
        maas.machines["host-1"]["status_name"] = "Deployed"  # a tenant's: left alone
        assert sync(fleet, maas) == [("broken", "host-0"), ("broken", "stranger")]
        assert "never measured" in maas.machines["host-0"]["error_description"]
        assert sync(fleet, maas) == [], "told twice"
        ctl("reclaim", "host-0", "--lease", "L1", "--power-cycled")
        assert fleet.generate("run", "--hosts", "1", "--receipt")["tickets"] == 1
        assert sync(fleet, maas) == [("fixed", "host-0")]
        maas.machines["host-0"].update(status_name="Broken", error_description="a fan is loud")
        assert sync(fleet, maas) == [], "a machine that somebody else marked was touched"
        maas.machines["host-0"].update(status_name="Ready", error_description="")
        ctl("hold", "host-0", "--why", "smoke in rack 4")
        assert sync(fleet, maas) == [("broken", "host-0")], "what an operator holds is vouched for"
        assert "smoke in rack 4" in maas.machines["host-0"]["error_description"]
        assert sync(fleet, maas) == [], "what an operator holds is marked fixed"
        fleet.controllers[0].stop()
        assert sync(fleet, maas, code=1) == [], "a silent controller changed something"


MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
CASES = [("maas: machines follow the verdicts", machines_follow_the_verdicts)]
