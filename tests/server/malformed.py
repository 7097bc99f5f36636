# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are wrong, by the thousand: of each, its bytes and what may come of it.

REFUSED: a status of 400 or more, or the connection ends. REFUSAL: that, or a signed refusal (200,
CBOR) for an agent. ANY: whatever, if it changes nothing. PARTIAL: no reply is waited for.
RAW: no TLS around it. Everything comes from one random.Random: the same seed, the same requests.
"""
import json
import os

import cbor2

REFUSED, REFUSAL, ANY, PARTIAL, RAW = "refused", "refusal", "any", "partial", "raw"
AGENT = ("challenge", "enrol", "activate", "evidence", "receipt", "held")
ANONYMOUS = ("receipt", "held")  # need no client key
HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(32)) + bytes.fromhex("20") + bytes(32) + \
    bytes.fromhex("000813021303130100ff")


def request(method, path, body=b"", headers=(), length=None, version="HTTP/1.1", host="x"):
    lines = [f"{method} {path} {version}"] + ([f"Host: {host}"] if host else []) + list(headers)
    if length is not None:
        lines.append(f"Content-Length: {length}")
    elif body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


def noise(r, most=400):
    return r.randbytes(r.randrange(1, most))


def word(r, most=30):
    return "".join(chr(r.choice([*range(0x21, 0x7f)])) for _ in range(r.randrange(1, most)))


def random_cbor(r, depth=0):
    pick = r.randrange(9 if depth < 5 else 6)
    if pick == 0:
        return r.randrange(-2 ** 64, 2 ** 64)
    if pick == 1:
        return r.randbytes(r.randrange(80))
    if pick == 2:
        return word(r)
    if pick == 3:
        return r.choice([None, True, False, 1.5, float("nan"), cbor2.undefined])
    if pick in (4, 5):
        return r.randrange(20)
    if pick == 6:
        return [random_cbor(r, depth + 1) for _ in range(r.randrange(6))]
    if pick == 7:
        return {r.randrange(12): random_cbor(r, depth + 1) for _ in range(r.randrange(8))}
    return cbor2.CBORTag(r.randrange(2 ** 20), random_cbor(r, depth + 1))


def flip(r, data):
    """Another message: bits, a cut, a piece twice."""
    data = bytearray(data or b"\xa0")
    for _ in range(r.randrange(1, 5)):
        how = r.randrange(4)
        at = r.randrange(len(data)) if data else 0
        if how == 0 and data:
            data[at] ^= 1 << r.randrange(8)
        elif how == 1:
            del data[at:at + r.randrange(1, 20)]
        elif how == 2:
            data[at:at] = data[at:at + r.randrange(1, 40)]
        else:
            data[at:at] = r.randbytes(r.randrange(1, 9))
    return bytes(data)


class Maker:
    """host: of the inventory, reclaimable; token: an admin's; key: TPMT_PUBLIC of a key."""

    def __init__(self, r, host, token, ak):
        self.r, self.host, self.secret, self.ak = r, host, token, ak
        self.ways = [(getattr(self, name), getattr(self, name).weight) for name in dir(self)
                     if hasattr(getattr(self, name), "weight")]

    def make(self):
        """(name, as an agent, bytes, expectation)."""
        way = self.r.choices([w for w, _ in self.ways], [n for _, n in self.ways])[0]
        return (way.__name__, *way())

    @property
    def bearer(self):
        return f"Authorization: Bearer {self.secret}"

    def change(self):
        """Path, and a body that would be taken."""
        return self.r.choice([
            ("POST", "reclaim", {"lease": "malformed", "power-cycled": True}),
            ("POST", "hold", {"why": "malformed"}), ("POST", "re-enrol", {})])

    # ---- agents ----
    def agent_noise(self):
        path = self.r.choice(AGENT)
        return True, request("POST", f"/v1/agent/{path}", noise(self.r), ["Content-Type: application/cbor"]), REFUSAL

    def agent_cbor(self):
        path = self.r.choice(AGENT)
        body = cbor2.dumps(random_cbor(self.r), canonical=self.r.random() < 0.5)
        return True, request("POST", f"/v1/agent/{path}", body, ["Content-Type: application/cbor"]), REFUSAL

    def agent_close_to_right(self):
        r, ak = self.r, self.ak
        path, content = r.choice([
            ("challenge", {1: 1, 2: ak, 3: "0.4.0"}), ("enrol", {1: 1, 2: ak, 3: [[ak, b""]], 4: "SERIAL"}),
            ("activate", {1: 1, 2: ak, 3: bytes(16), 4: bytes(32)}),
            ("receipt", {1: 1, 2: ak, 3: bytes(32), 4: b"\xa0", 5: bytes(100), 6: bytes(70)})])
        content[r.choice([1, 2, 3, 4])] = random_cbor(r)
        body = flip(r, cbor2.dumps(content)) if r.random() < 0.5 else cbor2.dumps(content)
        return True, request("POST", f"/v1/agent/{path}", body, ["Content-Type: application/cbor"]), REFUSAL

    def agent_evidence(self):
        r = self.r
        members = {r.choice(["quote.attest", "quote.sig", "ak.pub", "log.cel", "log.tcg", "x"]):
                   [r.choice(["application/octet-stream", 30001, 0]), r.randbytes(r.randrange(2000)), r.randrange(8)]
                   for _ in range(r.randrange(8))}
        body = cbor2.dumps({"__cmwc_t": "tag:x", **members})
        return True, request("POST", "/v1/agent/" + r.choice(["evidence", "held"]), flip(r, body),
                             ["Content-Type: application/cmw+cbor"]), REFUSAL

    def agent_without_key(self):
        path = self.r.choice([p for p in AGENT if p not in ANONYMOUS])
        body = cbor2.dumps({1: 1, 2: self.ak, 3: "0.4.0"})
        return False, request("POST", f"/v1/agent/{path}", body, [self.bearer] if self.r.random() < .5 else []), REFUSED

    def agent_too_large(self):
        length = self.r.choice([32769, 65536, 10 ** 6]) if self.r.random() < 0.8 else (32 << 20) + 1
        path = "challenge" if length < 10 ** 7 else "evidence"
        return True, request("POST", f"/v1/agent/{path}", b"", length=length), REFUSED

    # ---- operators: with a right token, so that the request alone is wrong ----
    def json_broken(self):
        r = self.r
        method, path, body = self.change()
        text = json.dumps(body).encode()
        text = r.choice([
            text[:r.randrange(len(text))] or b"{", text + r.choice([b"x", b"{}", b"\x00", b"]"]), b"[" + text + b"]",
            b"[" * 3000, b'{"a":' * 2500, text.replace(b"}", b',"unknown":1}') if len(body) else b'{"unknown":1}',
            text[:-1] + (b"," if body else b"") + b'"lease":"\xff\xfe"}', b"\xef\xbb\xbf" + text, b"nul", b'"text"',
            b"17", noise(r), text.replace(b"{", b'{"why":"a","why":"b","lease":"c","lease":"d"' +
                                          (b"," if body else b"")), b'{"why":"\\ud800"}', b"{'why':'a'}"])
        return False, request(method, f"/v1/hosts/{self.host}/{path}", text,
                              [self.bearer, "Content-Type: application/json"]), REFUSED

    def json_wrong(self):
        r = self.r
        value = r.choice([None, 1, -1, True, [], {}, "", "a" * 2000, "a\nb", "\x00", "\x7f", 1e300, ["lease"], "\u0001"])
        path, body = r.choice([
            ("reclaim", {"lease": value, "power-cycled": True}), ("hold", {"why": value}), ("hold", {}),
            ("reclaim", {"lease": "malformed", "power-cycled": r.choice([None, 1, "true", False, [True], "yes"])}),
            ("reclaim", {"lease": "malformed"}), ("reclaim", {"power-cycled": True}),
            ("reclaim", {"lease": "malformed", "power-cycled": True, "tenant": r.choice([1, True, [], "a\nb"])}),
            ("re-enrol", {"ek-sha256": r.choice(["", "00", "g" * 64, "0" * 63, "0" * 65, 1, [], True])})])
        return False, request("POST", f"/v1/hosts/{self.host}/{path}", json.dumps(body).encode(),
                              [self.bearer, "Content-Type: application/json"]), REFUSED

    def media_type(self):
        method, path, body = self.change()
        media = self.r.choice(["text/plain", "application/xml", "application/json2", "json", "", "application/cbor",
                               "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
        return False, request(method, f"/v1/hosts/{self.host}/{path}", json.dumps(body).encode(),
                              [self.bearer, f"Content-Type: {media}"]), REFUSED

    def inventory(self):
        r = self.r
        text = r.choice([noise(r), b"id,ek\n" * 3, b'id\nh1\nh1\n', b"id,unknown\na,b\n", b'[{"id":1}]', b"[{}]",
                         b'[{"id":"a"},{"id":"a"}]', b'id\n"unclosed', b"id,model\nh9,a,b,c\n", b"id\n../x\n",
                         b"id\n" + b"a" * 500 + b"\n", b"", b"id,ek-sha256\nh,zz\n", b'{"id":"x"}', b"\x00" * 50])
        media = r.choice(["text/csv", "application/json"])
        return False, request("POST", "/v1/hosts", text, [self.bearer, f"Content-Type: {media}"]), REFUSED

    def path(self):
        r = self.r
        method, path, body = self.change()
        host = r.choice(["%00", "%2e%2e%2f" + self.host, self.host + "%00", "%zz", "%4", "%", "a" * 129, "a%0ab", "%ff%fe",
                         "..", ".", "", self.host + "/", "/" + self.host, self.host + ";x", "*", self.host + "%2f" + path,
                         self.host.upper() + "x", "%c0%af", "'%20OR%20'1'='1", "$1", "%25" + self.host, word(r)
                         .replace("?", "").replace("#", "").replace("/", "").replace("%", "")])
        where = r.choice([f"/v1/hosts/{host}/{path}", f"//v1/hosts/{self.host}/{path}", f"/v1/hosts/{self.host}/{path}/",
                          f"/V1/hosts/{self.host}/{path}", f"/v1/../v1/hosts/{self.host}/{path}", f"/v1/hosts/{self.host}//{path}",
                          f"/v1/hosts%2f{self.host}/{path}", f"/v1/hosts/{self.host}/{path}%00", "/" + word(r),
                          f"/v1/hosts/{self.host}/{path}.json", "/" + "a/" * r.randrange(1, 3000)])
        return False, request(method, where, json.dumps(body).encode(), [self.bearer, "Content-Type: application/json"]), REFUSED

    def query(self):
        text = self.r.choice(["limit=0", "limit=-1", "limit=x", "limit=1001", "limit=99999999999999999999", "state=nowhere",
                              "after=%00", "limit=%", "limit=1e1", "limit=0x10", "limit=+1", "limit= 1", "state=", "limit="])
        return False, request("GET", "/v1/hosts?" + text.replace(" ", "%20"), headers=[self.bearer]), ANY

    def method(self):
        method = self.r.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD", "post", "POSTS", "X" * 200,
                                "P\u00f6ST", "\x01", "PROPFIND"])
        return False, request(method, f"/v1/hosts/{self.host}/hold", b'{"why":"malformed"}',
                              [self.bearer, "Content-Type: application/json"]), ANY if method == "HEAD" else REFUSED

    def token(self):
        r, method, (_, path, body) = self.r, "POST", self.change()
        line = r.choice(["", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic " + self.secret,
                         "Authorization: bearer" + self.secret, "Authorization: Bearer " + self.secret[:-1],
                         "Authorization: Bearer " + self.secret + "x", "Authorization: Bearer " + "x" * 3000,
                         "Authorization: Bearer  " + self.secret, "Authorization: Bearer " + self.secret + ", x",
                         "X-Authorization: Bearer " + self.secret, "Cookie: token=" + self.secret, "Authorization: " + self.secret,
                         "Authorization: Bearer " + self.secret.upper(), "Authorization: Bearer \x80\xff"])
        return r.random() < 0.5, request(method, f"/v1/hosts/{self.host}/{path}", json.dumps(body).encode(),
                                         ([line] if line else []) + ["Content-Type: application/json"]), REFUSED

    # ---- HTTP itself; with a right token and a body that would be taken ----
    def right(self, headers=(), **more):
        method, path, body = self.change()
        text = json.dumps(body).encode()
        return request(method, f"/v1/hosts/{self.host}/{path}", more.pop("body", text),
                       [self.bearer, "Content-Type: application/json", *headers], **more)

    def length(self):
        text = b'{"why":"malformed"}'
        wrong = self.r.choice(["-1", "+19", "0x13", "19,19", "1e1", "", "99999999999999999999999", "19 19", "\u0663", "NaN",
                               "9223372036854775807", "4294967315", "100000"])
        return False, request("POST", f"/v1/hosts/{self.host}/hold", text, [self.bearer, "Content-Type: application/json"],
                              length=wrong), PARTIAL if wrong in ("100000",) else REFUSED

    def lengths(self):
        text = b'{"why":"malformed"}'
        other = self.r.choice([0, 4, 18, 20, 400])
        pair = [f"Content-Length: {other}", f"Content-Length: {len(text)}"]
        self.r.shuffle(pair)
        return False, request("POST", f"/v1/hosts/{self.host}/hold", text, [self.bearer, "Content-Type: application/json",
                                                                           pair[0]], length=pair[1][16:]), REFUSED

    def encoding(self):
        text = b'{"why":"malformed"}'
        value = self.r.choice(["chunked", "Chunked", "gzip, chunked", "identity", "chunked, chunked", "xchunked", " chunked"])
        chunks = b"13\r\n" + text + b"\r\n0\r\n\r\n"
        more = self.r.choice([[], ["Content-Length: 19"], ["Content-Length: 0"]])
        head = request("POST", f"/v1/hosts/{self.host}/hold", b"", [self.bearer, "Content-Type: application/json",
                                                                   f"Transfer-Encoding: {value}", *more[1:]],
                       length=more[0][16:] if more else None)
        if not more:
            head = head.replace(b"Content-Length: 0\r\n", b"")
        return False, head + chunks, REFUSED

    def lines(self):
        # Not among these: bytes above 0x7f, which RFC 9110 leaves to whoever reads them; a NUL, where
        # libmicrohttpd ends the value before anybody can see it; folded lines, which it unfolds.
        r = self.r
        whole = self.right()
        head, _, body = whole.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        lines.insert(r.randrange(1, len(lines) + 1), r.choice([
            b"no colon", b": no name", b"\x00: a", b"Sp ace: a", b"Bare: a\rb",
            b"Host: other", b"Host : x", b"Content-Length : 5", b"A" * 20000 + b": x", b"X: " + b"y" * 40000]))
        return False, b"\r\n".join(lines) + b"\r\n\r\n" + body, None

    def start_line(self):
        r = self.r
        line = r.choice([b"", b"POST", b"POST /v1/hosts", b"POST /v1/hosts HTTP/9.9", b"POST /v1/hosts HTTP/1.1 x",
                         b"POST  /v1/hosts  HTTP/1.1", b"HTTP/1.1 200 OK", b"POST /v1/hosts HTTP/0.9", b"\x16\x03\x01", noise(r, 60)
                         .replace(b"\n", b"x"), b"PRI * HTTP/2.0", b"POST http://x/v1/hosts HTTP/1.1", b"GET " + b"/a" * 30000,
                         b"GET /\xff\xfe HTTP/1.1", b"GET ?limit=1 HTTP/1.1", b"GET /v1/hosts\x00 HTTP/1.1"])
        return False, line + b"\r\n" + self.bearer.encode() + b"\r\nHost: x\r\n\r\n", PARTIAL

    def many_headers(self):
        return False, request("POST", f"/v1/hosts/{self.host}/nothing", b"{}",
                              [self.bearer] + [f"X-{i}: {i}" for i in range(self.r.randrange(300, 4000))]), REFUSED

    def pipelined(self):
        r = self.r
        parts = [self.r.choice([self.json_broken, self.json_wrong, self.path, self.token])()[1] for _ in range(r.randrange(2, 6))]
        return False, b"".join(parts), PARTIAL

    def cut(self):
        whole = self.right(body=b'{"why":"malformed"}', length=19)
        return False, whole[:self.r.randrange(1, len(whole))], PARTIAL

    def longer_than_said(self):
        return False, request("POST", f"/v1/hosts/{self.host}/hold", b'{"why":"malformed"}',
                              [self.bearer, "Content-Type: application/json"], length=self.r.randrange(1, 19)), REFUSED

    def noise_inside(self):
        return False, noise(self.r, 3000), PARTIAL

    # ---- TLS itself ----
    def tls_noise(self):
        return False, noise(self.r, 600), RAW

    def tls_cut(self):
        return False, HELLO[:self.r.randrange(1, len(HELLO))], RAW

    def tls_flipped(self):
        return False, flip(self.r, HELLO + os.urandom(0)), RAW

    def plain(self):
        return False, self.right(), RAW

    agent_noise.weight, agent_cbor.weight, agent_close_to_right.weight, agent_evidence.weight = 60, 60, 120, 60
    agent_without_key.weight, agent_too_large.weight = 20, 6
    json_broken.weight, json_wrong.weight, media_type.weight, inventory.weight, path.weight = 100, 100, 20, 40, 100
    query.weight, method.weight, token.weight = 20, 30, 60
    length.weight, lengths.weight, encoding.weight, lines.weight, start_line.weight = 20, 15, 20, 40, 20
    many_headers.weight, pipelined.weight, cut.weight, longer_than_said.weight, noise_inside.weight = 4, 20, 20, 10, 15
    tls_noise.weight, tls_cut.weight, tls_flipped.weight, plain.weight = 15, 10, 15, 5
