#!/usr/bin/env python3
"""Culver's auth beside Dovecot's: the same requests of the auth client protocol
to both, in turn, in one run; and a thousand logins over TLS at once.

    tests/bench/logins.py [--only NAME,...] [--count N]

For the first it prints requests per second and the server's CPU of one request
(all its processes, from a cgroup) and the ratio Culver/Dovecot; of the storm how
many were refused, and how long the median, the 99th of 100 and the last waited.
Every request is for one of 100 users.
CULVER_PREFIX names what is measured, as for the tests.  Needs root.
"""
import argparse
import asyncio
import base64
import os
import pathlib
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))
import compare  # noqa: E402
import culver  # noqa: E402
import directories  # noqa: E402
import dovecot  # noqa: E402

USERS = 100
COMMON = """
disable_plaintext_auth = no
mail_max_userip_connections = 10000
service auth {{
  unix_listener auth-bench {{
    mode = 0666
  }}
}}
service imap-login {{
  process_limit = 5000
  client_limit = 5000
}}
service imap {{
  process_limit = 5000
}}
service anvil {{
  client_limit = 20000
}}
"""
CACHE = "auth_cache_size = 10M\n"
SQL = """\
driver = sqlite
connect = {dir}/users.db
default_pass_scheme = PLAIN
password_query = SELECT username AS user, password FROM users WHERE username = '%u'
"""


def hashed(password):
    return "{SHA512-CRYPT}" + subprocess.run(
        ["openssl", "passwd", "-6", password], check=True, capture_output=True,
        text=True).stdout.strip()


class Side:
    """One server in its cgroup; prepare(server) before it starts."""

    def __init__(self, kind, extra="", prepare=None, config=None):
        self.group = compare.Group(kind)
        module, make = {"culver": (culver, culver.Server),
                        "dovecot": (dovecot, dovecot.Dovecot)}[kind]
        users = {f"u{n}": "secret" for n in range(USERS)}
        self.server = make(users=users, config=(config or (lambda c: c))(module.CONFIG)
                           + COMMON + extra)
        self.server.preexec = self.group.enter
        if prepare:
            prepare(self.server)
        self.server.start()

    def close(self):
        self.server.stop()
        if hasattr(self.server, "directory"):
            self.server.directory.close()
        self.server.remove()
        self.group.remove()


class Asker:
    """A program that speaks the auth client protocol."""

    def __init__(self, server):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(server.dir / "run" / "auth-bench"))
        self.sock.sendall(b"VERSION\t1\t1\nCPID\t%d\n" % os.getpid())
        self.rest = b""
        while b"DONE" not in self.lines():
            pass
        self.next_id = 1

    def lines(self):
        data = self.sock.recv(65536)
        if not data:
            raise RuntimeError("auth closed the connection")
        *whole, self.rest = (self.rest + data).split(b"\n")
        return whole

    def request(self, number):
        plain = f"\0u{number % USERS}\0secret".encode()
        line = b"AUTH\t%d\tPLAIN\tservice=smtp\tsecured\tnologin\tresp=%s\n" % (
            self.next_id, base64.b64encode(plain))
        self.next_id += 1
        return line

    def run(self, count, window):
        """Seconds that count requests take, so many of them under way at a time."""
        start = time.monotonic()
        sent = done = 0
        while done < count:
            more = min(count - sent, window - (sent - done))
            if more > 0:
                self.sock.sendall(b"".join(self.request(sent + i) for i in range(more)))
                sent += more
            for line in self.lines():
                if not line.startswith(b"OK\t"):
                    raise RuntimeError(f"auth says {line!r}")
                done += 1
        return time.monotonic() - start


def measure(side, count, window):
    asker = Asker(side.server)
    asker.run(2 * USERS, window)        # all users known, all connections made
    rates, costs = [], []
    for _ in range(3):
        before = side.group.usecs()
        secs = asker.run(count, window)
        costs.append((side.group.usecs() - before) / count)
        rates.append(count / secs)
    return statistics.median(rates), statistics.median(costs)


def hashes(server):
    text = hashed("secret")
    (server.dir / "users").write_text("".join(
        f"{name}:{text}\n" for name in server.users))


def database(server):
    path = server.dir / "users.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE users (username TEXT PRIMARY KEY, password TEXT)")
        db.executemany("INSERT INTO users VALUES (?, 'secret')",
                       [(name,) for name in server.users])
    (server.dir / "sql.conf.ext").write_text(SQL.format(dir=server.dir))
    path.chmod(0o644)


def with_sql(config):
    begin, end = config.index("passdb {{"), config.index("userdb {{")
    return (config[:begin] + "passdb {{\n  driver = sql\n  args = {dir}/sql.conf.ext\n}}\n"
            + config[end:])


LDAP = """\
uris = {uri}
dn = cn=reader,{suffix}
dnpass = r3ader
base = ou=people,{suffix}
default_pass_scheme = PLAIN
pass_filter = (uid=%u)
"""


def directory(server, more=""):
    """A slapd of its own, which is not part of what is measured."""
    server.directory = directories.Directory().__enter__()
    for name in server.users:
        server.directory.add(name, "secret")
    server.directory.fill()
    server.directory.start()
    (server.dir / "ldap.conf.ext").write_text(LDAP.format(
        uri=server.directory.uri, suffix=directories.SUFFIX) + more)


def with_ldap(config):
    return with_sql(config).replace("driver = sql", "driver = ldap").replace(
        "sql.conf.ext", "ldap.conf.ext")


WORK = [
    ("plain, cached", dict(extra=CACHE), 1),
    ("plain, SHA512-CRYPT, cached", dict(extra=CACHE, prepare=hashes), 0.02),
    ("plain, passwd-file", dict(), 1),
    ("plain, SQLite", dict(prepare=database, config=with_sql), 1),
    ("plain, LDAP lookup", dict(prepare=directory, config=with_ldap), 0.5),
    ("plain, LDAP bind", dict(prepare=lambda s: directory(s, "auth_bind = yes\n"),
                              config=with_ldap), 0.5),
]


def compare_requests(options):
    print(f"{'':28} {'rate/s':>19} {'CPU us/op':>19} {'ratio':>6}")
    print(f"{'work':28} {'Dovecot':>9} {'Culver':>9} {'Dovecot':>9} {'Culver':>9}")
    for name, how, scale in WORK:
        if options.only and not any(o in name for o in options.only):
            continue
        found = {}
        for kind in ("dovecot", "culver"):
            side = Side(kind, **how)
            try:
                found[kind] = measure(side, max(int(options.count * scale), USERS),
                                      options.window)
            finally:
                side.close()
        (rate, cost), (our_rate, our_cost) = found["dovecot"], found["culver"]
        print(f"{name:28} {rate:9.0f} {our_rate:9.0f} {cost:9.1f} {our_cost:9.1f}"
              f" {our_cost / cost:6.2f}", flush=True)


async def one_login(port, number, context, waits):
    start = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context,
                                                   ssl_handshake_timeout=120)
    try:
        await reader.readline()
        writer.write(f"a LOGIN u{number % USERS} secret\r\n".encode())
        while (line := await asyncio.wait_for(reader.readline(), 120)):
            if line.startswith(b"a "):
                break
        if line.startswith(b"a OK"):
            waits.append(time.monotonic() - start)
        writer.write(b"b LOGOUT\r\n")
        while await asyncio.wait_for(reader.readline(), 120):
            pass
    finally:
        writer.close()


async def storm_of(port, count):
    context = ssl._create_unverified_context()
    waits = []
    ends = await asyncio.gather(*(one_login(port, n, context, waits) for n in range(count)),
                                return_exceptions=True)
    refused = [e for e in ends if isinstance(e, Exception)]
    return waits, refused


def storm(options):
    name = "storm over TLS"
    if options.only and not any(o in name for o in options.only):
        return
    print(f"\n{options.storm} logins over TLS at once, seconds until OK:")
    print(f"{'':10} {'refused':>8} {'median':>8} {'p99':>8} {'last':>8} {'CPU ms each':>12}")
    for kind in ("dovecot", "culver"):
        side = Side(kind)
        try:
            asyncio.run(storm_of(side.server.imaps_port, 20))
            before = side.group.usecs()
            waits, errors = asyncio.run(storm_of(side.server.imaps_port, options.storm))
            time.sleep(0.5)
            cost = (side.group.usecs() - before) / options.storm / 1000
            waits.sort()
            print(f"{kind:10} {options.storm - len(waits):8} {statistics.median(waits):8.2f}"
                  f" {waits[len(waits) * 99 // 100]:8.2f} {waits[-1]:8.2f} {cost:12.2f}",
                  flush=True)
            for error in errors[:1]:
                print(f"  {error!r}")
        finally:
            side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", type=lambda s: s.split(","),
                        help="works whose name contains one of these")
    parser.add_argument("--count", type=int, default=20000, help="requests of each work")
    parser.add_argument("--window", type=int, default=10,
                        help="requests under way at a time")
    parser.add_argument("--storm", type=int, default=1000, help="logins at once")
    options = parser.parse_args()
    if not dovecot.available():
        sys.exit("logins.py needs root and Debian's dovecot-imapd, dovecot-lmtpd")
    compare_requests(options)
    storm(options)


if __name__ == "__main__":
    main()
