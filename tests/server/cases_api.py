# SPDX-License-Identifier: GPL-3.0-or-later
"""The API as operators and relying parties use it: every route is in docs/openapi.json with its
role, every reply has the shape that is written there, and nothing that is half understood is done."""
import contextlib
import copy
import hashlib
import http.client
import json
import os
import re
import ssl
import subprocess

import jsonschema

import fleet_lab

MAKE = ["holdfastd", "holdfastctl", "tests/fleet/fleet"]
ROOT = fleet_lab.ROOT
ROLES = ("relying-party", "viewer", "operator", "admin")
NO_SUCH = "no-such-host"


def need(condition, words):
    if not condition:
        raise AssertionError(words)


class Api:
    """Asks, and holds every reply against its description."""

    def __init__(self, controller, ca):
        self.port = controller.port
        self.tls = ssl.create_default_context(cafile=ca)
        with open(os.path.join(ROOT, "docs/openapi.json"), encoding="utf-8") as f:
            self.doc = json.load(f)
        self.answered = set()

    def send(self, method, path, body=None, media=None, token="admin", headers=()):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=60)
        more = dict(headers)
        if token:
            more["Authorization"] = f"Bearer {token}"
        if body is not None and media:
            more["Content-Type"] = media
        try:
            connection.request(method, path, body=body, headers=more)
            reply = connection.getresponse()
            return reply.status, reply.headers.get_content_type(), reply.read()
        finally:
            connection.close()

    def find(self, method, path):
        path = path.partition("?")[0]
        for pattern, item in self.doc["paths"].items():
            if method.lower() in item and re.fullmatch(re.sub(r"\\{id\\}", "[^/]+", re.escape(pattern)), path):
                return pattern, item[method.lower()]
        raise AssertionError(f"{method} {path} is not described")

    def resolve(self, node):
        while "$ref" in node:
            reference = node["$ref"]
            node = self.doc
            for word in reference.split("/")[1:]:
                node = node[word]
        return node

    def check(self, method, path, status, media, body):
        pattern, operation = self.find(method, path)
        words = f"{method} {path}: {status} {media} {body[:300]!r}"
        need(str(status) in operation["responses"], f"{words}: that status is not described")
        response = self.resolve(operation["responses"][str(status)])
        if "content" not in response:
            need(not body, words)
        else:
            need(media in response["content"], f"{words}: that media type is not described")
            if media == "application/json":
                schema = strict(response["content"][media]["schema"])
                schema["components"] = strict(self.doc["components"])
                jsonschema.Draft202012Validator(schema).validate(json.loads(body))
        if status < 300:
            self.answered.add((method, pattern))

    def ask(self, method, path, content=None, status=200, media="application/json", token="admin", headers=()):
        """The JSON, or the bytes, of a reply that is as described."""
        body = json.dumps(content).encode() if media == "application/json" and content is not None else content
        got, kind, data = self.send(method, path, body, media, token, headers)
        need(got == status, f"{method} {path} {body!r}: {got}, wanted {status}: {data[:500]!r}")
        self.check(method, path, got, kind, data)
        return json.loads(data) if kind == "application/json" and data else data


def strict(schema):
    """What a client may find beside is nothing: a member that nobody described fails here."""
    schema = copy.deepcopy(schema)
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                node["additionalProperties"] = False
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    return schema


@contextlib.contextmanager
def running(hosts=3, attest=False, more=()):
    with fleet_lab.Fleet(hosts) as fleet:
        store = fleet.dir + "/store.sqlite"
        fleet.write("secret.key", "5a" * 32)
        os.chmod(fleet.dir + "/secret.key", 0o600)
        with open(fleet.dir + "/tokens", "a", encoding="ascii") as f:
            for role in ROLES:
                f.write(f"{role} {role} token:{hashlib.sha256(role.encode()).hexdigest()}\n")
        controller = fleet.add(store, "--secret-key", fleet.dir + "/secret.key", *more)
        fleet.seed_store(store)
        if attest:
            fleet.generate("run", "--receipt")
        yield fleet, Api(controller, fleet.ca.ca)
        need(controller.stop() == 0, "holdfastd did not end well")


def routes_of(name):
    """(method, path, role) of a table in the source."""
    with open(os.path.join(ROOT, "controller/server", name), encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(ROOT, "measure/wire.h"), encoding="utf-8") as f:
        defines = dict(re.findall(r'#define (HF_WIRE_\w+) ("[^"]+")', f.read()))
    defines |= dict(re.findall(r'#define (\w+) ("[^"]+")', text))
    found = []
    for method, path, role in re.findall(r"^\t\{ ([^,]+), ([^,]+), HF_ROLE_(\w+),", text, re.M):
        words = [defines.get(word, word) for word in re.findall(r'"[^"]*"|\w+', path)]
        found.append((defines.get(method, method).strip('"'), "".join(w.strip('"') for w in words),
                      role.lower().replace("_", "-")))
    return found


def parameters_of():
    """What each route takes, by the table in the source."""
    with open(os.path.join(ROOT, "controller/server/api_routes.c"), encoding="utf-8") as f:
        text = f.read()
    found = {(method, path): [] for method, path, _ in routes_of("api_routes.c") + routes_of("agent_routes.c")}
    for method, path, names in re.findall(r'^\t\{ "(\w+)", ([^,]+), .*, "([a-z -]+)", (?:true|false) \},$', text, re.M):
        found[(method, path.replace("HOST ", "/v1/hosts/{id}").replace('"', ""))] = sorted(names.split())
    need(sum(map(bool, found.values())) >= 7, f"{found}")
    return found


def of_query(doc, operation):
    for parameter in operation.get("parameters", []):
        node = doc
        for word in parameter["$ref"].split("/")[1:] if "$ref" in parameter else ():
            node = node[word]
        node = node if "$ref" in parameter else parameter
        if node["in"] == "query":
            yield node["name"]


def description():
    with open(os.path.join(ROOT, "docs/openapi.json"), encoding="utf-8") as f:
        doc = json.load(f)
    written = {(method.upper(), path): operation["x-role"] for path, item in doc["paths"].items()
               for method, operation in item.items() if method != "parameters"}
    routes = routes_of("api_routes.c") + routes_of("agent_routes.c")
    need(len(routes) > 25 and len(set(routes)) == len(routes), f"{len(routes)} routes were found")
    table = {(method, path): role for method, path, role in routes}
    need(table == written, f"routes and description differ: {sorted(set(table.items()) ^ set(written.items()))}")
    named = {(method.upper(), path): sorted(of_query(doc, operation)) for path, item in doc["paths"].items()
             for method, operation in item.items() if method != "parameters"}
    need(named == parameters_of(), f"parameters differ: {named}\n{parameters_of()}")
    need(len({o["operationId"] for i in doc["paths"].values() for m, o in i.items() if m != "parameters"}) ==
         len(written), "an operationId is there twice")
    jsonschema.Draft202012Validator.check_schema({"components": doc["components"], "anyOf": [
        schema for schema in doc["components"]["schemas"].values()]})


def every_reply():
    """Everything once, as it is meant, with hosts that were released."""
    with running(attest=True) as (fleet, api):
        hosts = api.ask("GET", "/v1/hosts")["hosts"]
        need(len(hosts) == 3 and all(h["state"] == "in-use" and h["ticketed"] for h in hosts), f"{hosts}")
        need(hosts[0]["last-verdict"]["status"] == "affirming" and "cause" not in hosts[0]["last-verdict"], f"{hosts[0]}")
        here = "/v1/hosts/" + hosts[0]["id"]
        host = api.ask("GET", here)
        verdict = host["last-verdict"]
        need(verdict["release"] == "tenant" and verdict["receipt-at"] > 0 and host["receipt-at"] > 0, f"{host}")
        need(api.ask("GET", here + "/verdicts")["verdicts"] == [verdict], "another verdict")
        shown = api.ask("GET", here + "/appraisal")
        need(shown["verdict"] == verdict and shown["appraisal"]["checks"], f"{shown}")
        evidence = api.ask("GET", f"{here}/evidence?verdict={verdict['id']}", media=None)
        need(len(evidence) > 1000 and evidence == api.ask("GET", here + "/evidence", media=None), "evidence differs")
        need(api.ask("GET", here + "/result", token="relying-party"), "no result")
        api.ask("GET", here + "/result", headers={"Accept": "application/eat+jwt"})
        need(api.ask("GET", here + "/drift")["host"] == hosts[0]["id"], "drift of another")
        need(len(api.ask("GET", "/v1/verdicts")["verdicts"]) == 3, "not every host's verdict")
        rings(api, here, fleet.dir + "/manifests")
        change(api, here, host)
        entries = api.ask("GET", "/v1/audit?host=" + hosts[0]["id"])["entries"]
        need({"reclaim", "hold", "secret", "re-enrol", "remove"} <= {e["action"] for e in entries}, f"{entries}")
        actors = {(e["action"], e["actor"]) for e in entries}
        need({("remove", "token:admin"), ("hold", "token:operator")} <= actors, f"{actors}")
        need(api.ask("GET", "/v1/audit/verify")["intact"], "the audit is broken")
        heads = api.ask("GET", "/v1/audit/heads")["entries"]
        chain = api.ask("GET", f"/v1/audit?chain={heads[0]['chain']}&limit=1000")["entries"]
        need([e["seq"] for e in chain] == list(range(1, len(chain) + 1)), "a chain with gaps")
        need(all(b["before"] == a["hash"] for a, b in zip(chain, chain[1:])), "a chain that is none")
        for path in ("/v1/health", "/v1/ready"):
            api.ask("GET", path, token=None)
        need(api.ask("GET", "/v1/openapi.json", token=None) == api.doc, "another description is served")
        api.ask("GET", "/metrics", media=None)
        wanted = {(m, p) for m, p, role in routes_of("api_routes.c")}
        need(api.answered == wanted, f"never answered: {wanted - api.answered}")


def rings(api, here, folder):
    """From nothing to a ring and back, with every host of the fleet; what it lacks is told by name."""
    cpio = "application/x-cpio"
    default = api.ask("GET", "/v1/rings/default/manifests", media=None, token="relying-party")
    done = api.ask("PUT", "/v1/rings/all?stage=enforce", default, media=cpio)
    need(done["ring"]["hosts"] == 0 and done["ring"]["models"], f"{done}")
    need(api.ask("POST", "/v1/rings/all/assign", {"model": "nobody-has-it"})["moved"] == 0, "moved")
    done = api.ask("PUT", here + "/ring", {"ring": "all"})
    need(done["moved"] == 1 and done["tried"] == {"hosts": 1, "tried": 1, "better": 0, "worse": 0}, f"{done}")
    need(api.ask("GET", here + "/manifests", media=None, token="relying-party") == default, "another archive")
    need(api.ask("GET", "/v1/rings", token="viewer")["rings"] == [done["ring"]], "another ring")
    need(len(api.ask("GET", "/v1/rings/all", token="viewer")["files"]) == len(os.listdir(folder)), "files")
    need(api.ask("DELETE", "/v1/rings/all", status=409)["cause"] == "ring-in-use", "removed")
    api.ask("PUT", here + "/ring", {"ring": "default"})
    api.ask("DELETE", "/v1/rings/all", status=204)


def change(api, here, before):
    """What an operator does with a host."""
    host = api.ask("POST", here + "/reclaim", {"lease": "lease-2", "tenant": "other", "power-cycled": True},
                   token="operator")
    need(host["state"] == "reclaimed" and host["lease"] == "lease-2" and not host["ticketed"] and
         host["tenant"] == "other" and len(host["reclaim"]) == 32 and host["reclaim"] != before["reclaim"], f"{host}")
    api.ask("PUT", here + "/secret", b"\x00secret\xff", 204, media="application/octet-stream", token="operator")
    again = api.ask("POST", here + "/reclaim", {"lease": "lease-3", "power-cycled": True})
    need(again["reclaim"] not in (host["reclaim"], before["reclaim"]), "a reclaim id was used again")
    host = api.ask("POST", here + "/hold", {"why": "to be looked at: \u00e4 \"quoted\""}, token="operator")
    need(host["state"] == "held" and host["held-by"] == "token:operator" and "\u00e4" in host["held-why"], f"{host}")
    api.ask("POST", here + "/hold", {"why": "still"})
    api.ask("PUT", here + "/secret", b"x", 409, media="application/octet-stream")
    host = api.ask("POST", here + "/re-enrol", {"ek-sha256": "AB" * 32})
    need(host["ek-sha256"] == "ab" * 32 and host["ak-name"] == "" and host["state"] == "held", f"{host}")
    need(host["reset-count"] == 0 and host["enrolled"] == 0, f"{host}")
    api.ask("POST", here + "/re-enrol", {})
    api.ask("DELETE", here, status=204)
    for method, path, content in (("GET", here, None), ("DELETE", here, None), ("POST", here + "/hold", {"why": "x"}),
                                  ("POST", here + "/reclaim", {"lease": "x", "power-cycled": True}),
                                  ("POST", here + "/re-enrol", {}), ("GET", here + "/verdicts", None),
                                  ("GET", here + "/appraisal", None), ("GET", here + "/evidence", None),
                                  ("GET", here + "/drift", None)):
        need(api.ask(method, path, content, 404)["cause"] == "host-unknown", f"{method} {path}")
    csv = "id,model,banks,first-use-until\r\nnew-1,fleet,sha256,2030-01-31\r\nnew-2,fleet,sha256+sha384,\r\n"
    need(api.ask("POST", "/v1/hosts", csv.encode(), media="text/csv; charset=utf-8") == {"new": 2, "hosts": 2}, "import")
    need(api.ask("POST", "/v1/hosts", [{"id": "new-2", "serial": "S2"}, {"id": "new-3"}]) == {"new": 1, "hosts": 2},
         "import again")
    need(api.ask("GET", "/v1/hosts/new-1")["banks"] == "sha256", "banks")
    need(api.ask("GET", "/v1/hosts/new-2")["serial"] == "S2", "serial")


REFUSED = (
    ("/reclaim", b""), ("/reclaim", b"{"), ("/reclaim", b"[]"), ("/reclaim", b"null"), ("/reclaim", b"{} {}"),
    ("/reclaim", {}), ("/reclaim", {"lease": "L"}), ("/reclaim", {"lease": "L", "power-cycled": False}),
    ("/reclaim", {"lease": "L", "power-cycled": "true"}), ("/reclaim", {"lease": "L", "power-cycled": 1}),
    ("/reclaim", {"lease": "", "power-cycled": True}), ("/reclaim", {"lease": 7, "power-cycled": True}),
    ("/reclaim", {"lease": "L" * 129, "power-cycled": True}), ("/reclaim", {"lease": "a\nb", "power-cycled": True}),
    ("/reclaim", {"lease": "L", "power-cycled": True, "tenant": ""}),
    ("/reclaim", {"lease": "L", "power-cycled": True, "tenant": ["x"]}),
    ("/reclaim", {"lease": "L", "power-cycled": True, "force": True}),
    ("/reclaim", b'{"lease":"L","power-cycled":false,"power-cycled":true}'),
    ("/reclaim", b'{"lease":"L\\u0000M","power-cycled":true}'), ("/reclaim", b'{"lease":"\xff","power-cycled":true}'),
    ("/hold", {}), ("/hold", {"why": ""}), ("/hold", {"why": None}), ("/hold", {"why": "x" * 1025}),
    ("/hold", {"why": "x", "who": "me"}), ("/hold", b"[" * 5000),
    ("/re-enrol", {"ek-sha256": "ab"}), ("/re-enrol", {"ek-sha256": "g" * 64}), ("/re-enrol", {"ek": "ab" * 32}),
    ("/re-enrol", {"ek-sha256": "ab" * 33}), ("/re-enrol", b""),
)


def refusals():
    """What is not understood changes nothing."""
    with running() as (_, api):
        hosts = api.ask("GET", "/v1/hosts")
        host = hosts["hosts"][0]
        here = "/v1/hosts/" + host["id"]
        for what, content in REFUSED:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            status, media, data = api.send("POST", here + what, body, "application/json")
            need(status == 400, f"{what} {body[:80]!r}: {status} {data!r}")
            api.check("POST", here + what, status, media, data)
            need(json.loads(data)["cause"] == "request-refused" and json.loads(data)["detail"], f"{data!r}")
        good = json.dumps({"lease": "L", "power-cycled": True}).encode()
        need(api.send("POST", here + "/reclaim", good, "application/x-www-form-urlencoded")[0] == 400, "a form is taken")
        api.ask("POST", here + "/hold", {"why": "x" * 9000}, 413)
        api.ask("PUT", here + "/secret", b"", 400, media="application/octet-stream")
        api.ask("PUT", here + "/secret", bytes(4097), 413, media="application/octet-stream")
        api.ask("PUT", here + "/secret", {}, 400)
        for text, media in ((b"id\nx\nx\n", "text/csv"), (b"id,color\nx,red\n", "text/csv"), (b"", "text/csv"),
                            (b"[{\"id\":\"../x\"}]", "application/json"), (b"id\nx\n", "text/html"),
                            (b"id\ny\nx y\n", "text/csv")):
            content = json.loads(text) if media == "application/json" else text
            api.ask("POST", "/v1/hosts", content, 400, media=media)
        for query in ("limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=99999999999999999999",
                      "state=out", "after=%20", "after=..%2f"):
            api.ask("GET", "/v1/hosts?" + query, status=400)
        for path in ("/verdicts?before=0", "/verdicts?limit=+1", "/appraisal?verdict=0", "/evidence?verdict=1e3"):
            api.ask("GET", here + path, status=400)
        for path in ("/appraisal", "/evidence", "/appraisal?verdict=7", "/evidence?verdict=7"):
            need(api.ask("GET", here + path, status=404)["cause"] == "request-refused", path)
        for query in ("chain=xyz", "chain=" + "A" * 32, "host=a%20b", "before=0", "limit=2000",
                      "chain=" + "a" * 32 + "&after=-1", "chain=" + "a" * 32 + "&host=a", "after=1",
                      "chain=" + "a" * 32 + "&before=5"):
            api.ask("GET", "/v1/audit?" + query, status=400)
        need(api.ask("GET", "/v1/hosts") == hosts, "something was changed")


def roles():
    """Each operation with each role, on a host that does not exist."""
    with running(1) as (_, api):
        for method, path, _ in routes_of("api_routes.c"):
            least = api.find(method, path.replace("{id}", NO_SUCH))[1]["x-role"]
            for role in (None, "nobody-s-token", *ROLES):
                body = b"?" if method in ("POST", "PUT") else None
                status = api.send(method, path.replace("{id}", NO_SUCH), body, "application/x-nothing", role)[0]
                if least == "nobody" or role in ROLES and ROLES.index(role) >= ROLES.index(least):
                    wrong = status in (401, 403) or status >= 500
                else:
                    wrong = status != (403 if role in ROLES else 401)
                need(not wrong, f"{method} {path} as {role}: {status}")


def pages():
    with running(7, attest=True) as (_, api):
        for path, name, key, parameter in (("/v1/hosts", "hosts", "id", "after"),
                                           ("/v1/verdicts", "verdicts", "id", "before")):
            whole = api.ask("GET", path)
            need(len(whole[name]) == 7 and whole["next"] is None, f"{path}: {len(whole[name])}")
            rows, query = [], ""
            while True:
                page = api.ask("GET", f"{path}?limit=3{query}")
                rows += page[name]
                if page["next"] is None:
                    break
                need(len(page[name]) == 3 and page["next"] == page[name][-1][key], f"{page['next']}")
                query = f"&{parameter}={page['next']}"
            need(rows == whole[name], f"{path}: pages are not the whole")
        need(api.ask("GET", "/v1/hosts?limit=7")["next"] is None, "a page after the last")
        need(api.ask("GET", "/v1/hosts?state=held")["hosts"] == [], "hosts of another state")
        need(len(api.ask("GET", "/v1/hosts?state=in-use")["hosts"]) == 7, "hosts of that state are missing")
        audit_pages(api)


def audit_pages(api):
    whole = api.ask("GET", "/v1/audit?limit=1000")
    need(whole["next"] is None and len(whole["entries"]) > 14, "the audit")
    by_chain = []
    for head in api.ask("GET", "/v1/audit/heads?limit=1000")["entries"]:
        after = 0
        while after is not None:
            page = api.ask("GET", f"/v1/audit?chain={head['chain']}&limit=4&after={after}")
            by_chain += page["entries"]
            after = page["next"]
    name = lambda e: (e["chain"], e["seq"])  # noqa: E731
    need(sorted(map(name, by_chain)) == sorted(map(name, whole["entries"])), "chain by chain it is another audit")


def holdfastctl():
    """What the operator's own tool asks is what is answered."""
    with running(attest=True) as (fleet, api):
        name = api.ask("GET", "/v1/hosts")["hosts"][0]["id"]
        with open(fleet.dir + "/inventory.csv", "w", encoding="ascii") as f:
            f.write("id,model\nnew-1,fleet\n")
        out = fleet.dir + "/evidence"
        for words, wanted in ((("host", "list"), name), (("host", "show", name), "is IN-USE"),
                              (("host", "verdicts", name), "affirming"), (("host", "drift", name), "changes"),
                              (("host", "evidence", name, "--out", out), out),
                              (("host", "result", name), "affirming"), (("audit", "show"), "receipt"),
                              (("audit", "verify"), "the audit is whole"),
                              (("host", "import", fleet.dir + "/inventory.csv"), "1 of them new"),
                              (("host", "reclaim", name, "--lease", "two", "--power-cycled"), "is RECLAIMED"),
                              (("host", "secret", name, "--file", fleet.dir + "/token"), "sealed"),
                              (("host", "hold", name, "--why", "to look at it"), "is HELD"),
                              (("host", "re-enrol", name), "not yet"), (("host", "remove", name), "removed")):
            said = fleet.ctl(*words)
            need(wanted in said, f"{words}: {said}")
        need(os.path.isdir(out) and os.listdir(out), "no evidence was written")


def documents():
    """docs/controller.md and examples/alerts.yml name what there is, and nothing else."""
    def read(name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            return f.read()

    page, alerts = read("docs/controller.md"), read("examples/alerts.yml")
    program = os.path.join(fleet_lab.BUILD, "holdfastd")
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"^  (--[a-z-]+)", usage, re.M))
    table = set(re.findall(r"`(--[a-z-]+)[ `]", page.partition("## Options")[2].partition("\n## ")[0]))
    need(len(options) > 20 and options <= table, f"not in docs/controller.md: {options - table}")
    need(table - {"--help", "--version"} <= options, f"no such options: {table - options}")
    with running(attest=True, more=("--webhook", "http://127.0.0.1:9/")) as (_, api):
        text = api.ask("GET", "/metrics", media=None).decode()
        metrics = set(re.findall(r"^# TYPE (holdfast_\w+) ", text, re.M))
        told = set(re.findall(r"\bholdfast_[a-z_]+\b", page))
        need(told == metrics, f"metrics differ: {told ^ metrics}")
        need(not re.search(r"host-\d", text), "a metric names a host")
        used = set(re.findall(r"\bholdfast_[a-z_]+\b", alerts))
        need(used and used <= metrics, f"examples/alerts.yml: no such metrics: {used - metrics}")
        for name, labels in re.findall(r"(holdfast_[a-z_]+)\{([^}]*)\}", alerts):
            have = {label for row in re.findall(name + r"\{([^}]*)\}", text) for label in re.findall(r"(\w+)=", row)}
            wanted = set(re.findall(r"(\w+)=", labels))
            need(wanted <= have or not have, f"{name} has no label {wanted - have}")
        for method, path, _ in routes_of("api_routes.c"):
            need(re.sub(r"/v1|\{id\}", "", path).rpartition("/")[2] in page, f"{method} {path} is in no example")


CASES = [("api: " + f.__name__.replace("_", " "), f) for f in (description, every_reply, refusals, roles, pages, holdfastctl, documents)]
