#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other end of a cable: `neighbour.py MODE INTERFACE` sends whole frames until its standard
input ends. Prints a line once it listens. Modes: router, no-router (a prefix alone), no-prefix,
duplicate (claims every address), dhcp, dhcp-no-router, quiet."""
import ipaddress
import socket
import struct
import sys
import threading

ROUTER = ipaddress.IPv6Address("fe80::1").packed
PREFIX = ipaddress.IPv6Address("2001:db8:5::").packed
SERVER, LEASE = bytes([198, 51, 100, 1]), bytes([198, 51, 100, 77])
MAC = bytes.fromhex("02005e001001")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def icmp6(source, target, body, ethernet):
    pseudo = source + target + struct.pack(">II", len(body), 58)
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    return (ethernet + MAC + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(body), 58, 255) +
            source + target + body)


def advertisement(mode):
    body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 0 if mode == "no-router" else 1800, 0, 0)
    if mode != "no-prefix":
        body += struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 3600, 1800, 0) + PREFIX
    return icmp6(ROUTER, ipaddress.IPv6Address("ff02::1").packed, body, bytes.fromhex("333300000001"))


def claim(frame):
    """Somebody asks whether an address is free: it is not."""
    target = frame[62:78]
    body = struct.pack(">BBHI", 136, 0, 0, 0x20000000) + target + b"\x02\x01" + MAC
    return icmp6(target, ipaddress.IPv6Address("ff02::1").packed, body, bytes.fromhex("333300000001"))


def dhcp_reply(frame, mode):
    """An offer to a discovery, an acknowledgement of a request; None for anything else."""
    if len(frame) < 282 or frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[36:38] != b"\0\x43":
        return None
    bootp = frame[42:]
    at = bootp.find(bytes([53, 1]), 240)
    if at < 0 or bootp[at + 2] not in (1, 3):
        return None
    options = bytes([53, 1, 2 if bootp[at + 2] == 1 else 5, 54, 4, *SERVER, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0])
    if mode == "dhcp":
        options += bytes([3, 4, *SERVER])
    reply = (bytes([2, 1, 6, 0]) + bootp[4:8] + bytes(8) + LEASE + SERVER + bytes(4) + bootp[28:44] +
             bytes(192) + bytes.fromhex("63825363") + options + b"\xff")
    udp = struct.pack(">HHHH", 67, 68, 8 + len(reply), 0) + reply
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + SERVER + bytes([255] * 4)
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return bytes([255] * 6) + MAC + b"\x08\x00" + ip + udp


def main():
    mode, interface = sys.argv[1:3]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((interface, 0))
    stop = threading.Event()

    def send(frame):
        try:
            wire.send(frame)
        except OSError:
            pass    # the cable is not there yet

    def advertise():
        while not stop.wait(0.2):
            send(advertisement(mode))

    def listen():
        while True:
            try:
                frame = wire.recv(65536)
            except OSError:
                continue
            if mode.startswith("dhcp"):
                reply = dhcp_reply(frame, mode)
                if reply:
                    send(reply)
            elif mode == "duplicate" and frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 135:
                send(claim(frame))

    threading.Thread(target=listen, daemon=True).start()
    if mode in ("router", "no-router", "no-prefix", "duplicate"):
        threading.Thread(target=advertise, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
