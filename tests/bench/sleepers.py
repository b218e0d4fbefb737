#!/usr/bin/env python3
"""What a thousand clients in IDLE cost when their sessions sleep: memory of all
processes of the server (PSS), and how long it takes until one is awake.

    tests/bench/sleepers.py [plain|shared|own] [COUNT]

plain: without TLS; shared: TLS, service imap-login { service_count = 0 };
own: TLS, a relay process for each connection.  CULVER_PREFIX names what is
measured, as for the tests."""
import argparse
import os
import pathlib
import re
import socket
import ssl
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import culver  # noqa: E402

USERS = 100
COMMON = """
imap_hibernate_timeout = 2s
mail_max_userip_connections = 10000
service imap {
  process_limit = 5000
}
service idle {
  client_limit = 5000
}
"""
SHARED = """
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 5000
}
"""
OWN = """
service imap-login {
  process_limit = 5000
}
"""


def children(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(p) for p in tasks.read_text().split()]


def tree(pid):
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


def name_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1].decode()


def sessions(master):
    return [p for s in children(master) if name_of(s) == "imap" for p in children(s)]


def connect(server, number, tls):
    port = server.imaps_port if tls else server.imap_port
    sock = socket.create_connection(("127.0.0.1", port))
    if tls:
        sock = ssl._create_unverified_context().wrap_socket(sock)
    stream = sock.makefile("rwb", 0)
    stream.readline()
    stream.write(f"a LOGIN u{number % USERS} secret\r\nb SELECT INBOX\r\n".encode())
    while not stream.readline().startswith(b"b "):
        pass
    stream.write(b"c IDLE\r\n")
    stream.readline()
    return sock, stream


def memory(master):
    by_name = {}
    for pid in tree(master):
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        kib = int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
        name = "culverd" if pid == master else name_of(pid)
        by_name[name] = by_name.get(name, 0) + kib
    return by_name


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("kind", nargs="?", choices=["plain", "shared", "own"], default="plain")
    parser.add_argument("count", nargs="?", type=int, default=1000)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("sleepers.py needs root")
    extra = COMMON + (SHARED if options.kind == "shared" else OWN)
    users = {f"u{n}": "secret" for n in range(USERS)}
    with culver.Server(extra=extra, users=users) as server:
        master = server.process.pid
        clients = [connect(server, n, options.kind != "plain") for n in range(options.count)]
        end = time.monotonic() + 60
        while sessions(master) and time.monotonic() < end:
            time.sleep(0.5)
        if sessions(master):
            sys.exit("some sessions do not sleep")
        time.sleep(2)
        by_name = memory(master)
        for name, kib in sorted(by_name.items(), key=lambda row: -row[1]):
            print(f"{name:12} {kib:8} KiB")
        print(f"{'all':12} {sum(by_name.values()):8} KiB")
        waits = []
        for _, stream in clients[:50]:
            start = time.monotonic()
            stream.write(b"DONE\r\n")
            stream.readline()
            waits.append((time.monotonic() - start) * 1000)
        print(f"awake after {statistics.median(waits):.1f} ms (median of"
              f" {len(waits)}), at most {max(waits):.1f} ms")


if __name__ == "__main__":
    main()
