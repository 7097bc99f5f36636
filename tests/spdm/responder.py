#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that speaks SPDM on a TCP port, as spdm-emu does, and lies as it is told.

    responder.py --listen 127.0.0.1:0 --port-file F --keys DIR --lie measurements-flipped

Keys are made in --keys at first use; root.pem there is the anchor, root-SLOT.pem that of a
further slot. Connections are served one after another; several conversations may be in each.
"""
import argparse
import json
import os
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keys  # noqa: E402
import lies  # noqa: E402
import wire  # noqa: E402
from device import IDENTITY, Close, Device, Responder  # noqa: E402

DISCOVERY = {0: (1, wire.DOE_DISCOVERY, 1), 1: (1, wire.DOE_SPDM, 2), 2: (1, wire.DOE_SECURED, 0)}
MCTP_SPDM = 5


class Replayer:
    """Answers from a recorded conversation, whatever the question's nonce."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.pairs = wire.conversation(file.read())
        self.used, self.lies = set(), []

    def handle(self, message):
        if message[1] == wire.GET_VERSION:
            self.used = set()
        for same in (lambda q: q == message, lambda q: q[:4] == message[:4],
                     lambda q: q[1] == message[1]):
            for i, (request, answer) in enumerate(self.pairs):
                if i not in self.used and same(request[:len(message)]):
                    self.used.add(i)
                    return answer
        return bytes([message[0], wire.ERROR, wire.UNEXPECTED, 0])


class Port:
    """One listening socket, and who answers there."""

    def __init__(self, host, port, responder, options):
        self.responder, self.options = responder, options
        self.socket = socket.create_server((host, port))
        self.number = self.socket.getsockname()[1]
        self.messages = []

    def log(self, text):
        if self.options.log:
            with open(self.options.log, "a", encoding="ascii") as file:
                file.write(f"{self.number} {text}\n")

    def serve(self):
        while True:
            client, _ = self.socket.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.log("connected")
            with client:
                try:
                    self.converse(client)
                except (Close, ConnectionError, struct.error):
                    pass
            self.log("closed")
            if self.options.record:
                with open(self.options.record, "wb") as file:
                    file.write(wire.pcap(self.messages))
            if self.options.once:
                self.socket.close()
                return

    def converse(self, client):
        while head := receive(client, 12):
            command, transport, size = struct.unpack(">III", head)
            payload = receive(client, size)
            if command == wire.SHUTDOWN:
                client.sendall(wire.frame(wire.SHUTDOWN, transport, b""))
                return
            if command == wire.TEST:
                client.sendall(wire.frame(wire.TEST, transport, b"Server Hello!\0"))
                continue
            if command != wire.NORMAL or not self.fits(transport):
                self.log(f"command {command:x} transport {transport}")
                return
            answer = self.answer(transport, payload)
            if answer is not None:
                self.send(client, wire.frame(wire.NORMAL, transport, answer))

    def fits(self, transport):
        return {"doe": wire.TRANSPORT_DOE, "mctp": wire.TRANSPORT_MCTP}.get(
            self.options.framing, transport) == transport

    def answer(self, transport, payload):
        """What goes back for one payload, or None."""
        if transport == wire.TRANSPORT_MCTP:
            if payload[:1] != bytes([MCTP_SPDM]):
                return None
            data = self.spdm(payload[1:])
            return None if data is None else self.bent(bytes([MCTP_SPDM]) + data)
        try:
            vendor, kind, body = wire.undoe(payload)
        except wire.Malformed:
            return None
        if (vendor, kind) == (1, wire.DOE_DISCOVERY):
            of_vendor, of_kind, following = DISCOVERY.get(body[0], (0xffff, 0xff, 0))
            return wire.doe(struct.pack("<HBB", of_vendor, of_kind, following), wire.DOE_DISCOVERY)
        if (vendor, kind) != (1, wire.DOE_SPDM):
            return None
        data = self.spdm(body)
        return None if data is None else self.bent(wire.doe(data))

    def spdm(self, message):
        self.log(f"< {message.hex()}")
        data = self.responder.handle(message)
        self.log("> nothing" if data is None else f"> {data.hex()}")
        if data is not None:
            self.messages += [message, data]
        return data

    def bent(self, payload):
        for lie in self.responder.lies:
            payload = lie.carry(payload)
        return payload

    def send(self, client, frame):
        for lie in self.responder.lies:
            frame = lie.frame(frame)
        drip = next((lie for lie in self.responder.lies if isinstance(lie, lies.Drip)), None)
        if drip is None:
            client.sendall(frame)
            return
        for byte in frame:
            client.sendall(bytes([byte]))
            time.sleep(float(drip.arg))


def receive(client, size):
    """size bytes; b"" at the end."""
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data


def version(text):
    major, minor = text.split(".")
    return int(major) << 4 | int(minor)


def numbers(text):
    return [int(word) for word in text.split(",")]


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    p.add_argument("--port-file", help="the ports go there, one a line, once all listen")
    p.add_argument("--count", type=int, default=1, help="how many ports")
    p.add_argument("--framing", choices=("doe", "mctp", "auto"), default="auto")
    p.add_argument("--version", default="1.2", help="those it offers: 1.2,1.1")
    p.add_argument("--algorithm", default="ecdsa-p256")
    p.add_argument("--hash", default="sha-256")
    p.add_argument("--measurement-hash", help="where it is another one")
    p.add_argument("--identity", default=IDENTITY, help="SAN 2.23.147 of the leaf; '' for none")
    p.add_argument("--serial", help="hex, behind the identity")
    p.add_argument("--san", action="append", help="instead of both; several times: several")
    p.add_argument("--keys", required=True, metavar="DIR")
    p.add_argument("--slots", default="0", help="0,1")
    p.add_argument("--measurements", metavar="FILE.json")
    p.add_argument("--measurement", action="append", default=[], metavar="INDEX=JSON",
                   help="one of them is another: 2={\"type\":1,\"of\":\"bad\"}; 2= removes it")
    p.add_argument("--raw-only", action="store_true", help="no digests")
    p.add_argument("--portion", type=int, default=1024)
    p.add_argument("--transfer-size", type=int, default=0x1200)
    p.add_argument("--message-max", type=int)
    p.add_argument("--chunk-size", type=int, help="CHUNK_CAP, and answers above this in pieces")
    p.add_argument("--large-certificates", action="store_true", help="LARGE_RESP_CAP (1.4)")
    p.add_argument("--capabilities", help="cert,chal,meas,meas-unsigned,alias")
    p.add_argument("--root-absent", action="store_true")
    p.add_argument("--intermediates", type=int, default=1)
    p.add_argument("--leaf-padding", type=int, default=0, help="bytes more in the leaf")
    p.add_argument("--chain-flaw", choices=keys.FLAWS)
    p.add_argument("--no-dice", action="store_true")
    p.add_argument("--opaque", default="", help="hex")
    p.add_argument("--lie", default="", help="NAME[=ARG],...; 'help' lists them")
    p.add_argument("--replay", metavar="FILE", help="answers from a pcap")
    p.add_argument("--record", metavar="FILE", help="writes one")
    p.add_argument("--once", action="store_true", help="ends after one connection")
    p.add_argument("--forever", action="store_true", help="the default")
    p.add_argument("--log", metavar="FILE")
    return p.parse_args(argv)


CAPABILITIES = {"cert": wire.CAP_CERT, "chal": wire.CAP_CHAL, "meas": wire.CAP_MEAS_SIGNED,
                "meas-unsigned": wire.CAP_MEAS_UNSIGNED, "alias": wire.CAP_ALIAS}


def measurements_of(options):
    import device
    found = dict(device.MEASUREMENTS)
    if options.measurements:
        with open(options.measurements, encoding="utf-8") as file:
            found = json.load(file)
    for text in options.measurement:
        index, _, value = text.partition("=")
        if value:
            found[index] = json.loads(value)
        else:
            found.pop(index, None)
    return found


def device_of(options):
    """The device that the options describe; writes its anchors."""
    capabilities = None
    if options.capabilities is not None:
        capabilities = sum(CAPABILITIES[word] for word in options.capabilities.split(",") if word)
    sans = options.san or ([] if options.identity == "" else None)
    device = Device(
        directory=options.keys, versions=[version(v) for v in options.version.split(",")],
        algorithm=options.algorithm, hash_name=options.hash, identity=options.identity,
        serial=int(options.serial, 16) if options.serial else None, sans=sans,
        measurements=measurements_of(options), slots=numbers(options.slots),
        portion=options.portion, transfer_size=options.transfer_size,
        message_max=options.message_max, raw_only=options.raw_only,
        with_root=not options.root_absent, intermediates=options.intermediates,
        flaw=options.chain_flaw, dice=not options.no_dice, padding=options.leaf_padding,
        opaque=bytes.fromhex(options.opaque), capabilities=capabilities)
    if options.measurement_hash:
        device.measurement_hash = options.measurement_hash
    if options.chunk_size:
        device.capabilities |= wire.CAP_CHUNK
        device.chunk_size = options.chunk_size
        device.message_max = options.message_max or 1 << 17
    if options.large_certificates:
        device.capabilities |= wire.CAP_LARGE
    for i, (slot, chain) in enumerate(sorted(device.slots.items())):
        for name in (f"root-{slot}.pem", *(["root.pem"] if i == 0 else [])):
            write_whole(os.path.join(options.keys, name), chain.root_pem())
    return device


def write_whole(path, data):
    """Others may write the same at the same time."""
    new = f"{path}.{os.getpid()}.{threading.get_ident()}"
    with open(new, "wb") as file:
        file.write(data)
    os.rename(new, path)


def ports_of(options):
    """All of them, listening."""
    host, _, port = options.listen.rpartition(":")
    device = None if options.replay else device_of(options)
    out = []
    for i in range(options.count):
        responder = Replayer(options.replay) if options.replay else \
            Responder(device, lies.parse(options.lie))
        out.append(Port(host.strip("[]"), int(port) + i if int(port) else 0, responder, options))
    return out


def main(argv):
    if "--lie" in argv and argv[argv.index("--lie") + 1:][:1] == ["help"]:
        print("\n".join(sorted(lies.ALL)))
        return
    options = arguments(argv)
    ports = ports_of(options)
    text = "".join(f"{port.number}\n" for port in ports)
    if options.port_file:
        write_whole(options.port_file, text.encode())
    print(text, end="", flush=True)
    threads = [threading.Thread(target=port.serve, daemon=True) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
