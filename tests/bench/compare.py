#!/usr/bin/env python3
"""Culver and Debian's Dovecot side by side: the same load on the same mail,
in turn, in one run.

    tests/bench/compare.py [--only NAME,...] [--quick] [--syscalls] [-f json]

Prints for each work the rate, the server's CPU per operation (all its
processes, from a cgroup), with --syscalls the system calls per operation
(strace, in a run of its own), the memory (PSS) of an idle connection, and the ratio
Culver/Dovecot.  Needs root, a
finished build (CULVER_PREFIX, CULVER_BUILD_DIR; tools/bench sets them) and the
packages of tools/packages test.  Rates drift between runs; compare the two
columns of one run.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))
import culver  # noqa: E402
import dovecot  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", "build/gcc"))
USERS = {f"u{n}": "secret" for n in range(100)}
USERS["big"] = "secret"
HIGH_PERFORMANCE = """
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
}
service imap {
  service_count = 100
  process_min_avail = 2
}
"""
SHARED_RELAYS = """
service imap-login {
  service_count = 0
  process_min_avail = 2
}
"""
COMMON = """
disable_plaintext_auth = no
mail_fsync = optimized
mail_max_userip_connections = 10000
"""


class Group:
    """A cgroup for one server: its processes' CPU and memory."""

    def __init__(self, name):
        v1 = pathlib.Path("/sys/fs/cgroup/cpuacct")
        self.v1 = v1.is_dir()
        base = v1 if self.v1 else pathlib.Path("/sys/fs/cgroup")
        self.path = base / f"culver-bench-{name}-{os.getpid()}"
        self.path.mkdir()

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self):
        return [int(p) for p in (self.path / "cgroup.procs").read_text().split()]

    def usecs(self):
        if self.v1:
            return int((self.path / "cpuacct.usage").read_text()) / 1000
        text = (self.path / "cpu.stat").read_text()
        return int(re.search(r"usage_usec (\d+)", text).group(1))

    def pss_kib(self):
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            found = re.search(r"^Pss:\s+(\d+)", text, re.M)
            total += int(found.group(1)) if found else 0
        return total

    def remove(self):
        for _ in range(100):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.05)


class Side:
    """One server with its group, filled with mail."""

    def __init__(self, kind, extra=""):
        self.group = Group(kind)
        make = culver.Server if kind == "culver" else dovecot.Dovecot
        self.server = make(extra=COMMON + extra, users=USERS)
        self.server.preexec = self.group.enter
        self.server.start()

    def load(self, program, **options):
        port = self.server.lmtp_port if program == "bench-lmtp" else \
            self.server.imap_port
        command = [BUILD / "tests" / "bench" / program, "--port", port]
        for key, value in options.items():
            command += ["--" + key.replace("_", "-"), value]
        done = subprocess.run([str(c) for c in command], capture_output=True,
                              text=True, timeout=600)
        found = re.search(r"ops=(\d+) errors=(\d+) secs=([\d.]+) bytes=(\d+)",
                          done.stdout)
        if not found or int(found.group(2)):
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}"
                               f"{self.server.log[-2000:]}")
        return int(found.group(1)), float(found.group(3))

    def measure(self, program, repeat, **options):
        rates, costs = [], []
        for _ in range(repeat):
            before = self.group.usecs()
            ops, secs = self.load(program, **options)
            time.sleep(0.2)     # let exiting processes be counted
            costs.append((self.group.usecs() - before) / ops)
            rates.append(ops / secs)
        return statistics.median(rates), statistics.median(costs)

    def syscalls(self, program, **options):
        with tempfile.NamedTemporaryFile("r") as out:
            pids = [a for pid in self.group.pids() for a in ("-p", str(pid))]
            tracer = subprocess.Popen(["strace", "-f", "-c", "-S", "calls", "-o", out.name,
                                       *pids], stderr=subprocess.DEVNULL)
            time.sleep(1.0)
            ops, _ = self.load(program, **options)
            time.sleep(0.5)
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
            text = out.read()
        total, syncs = 0, 0
        for line in text.splitlines():
            cells = line.split()
            if len(cells) < 5 or not cells[3].isdigit():
                continue
            if cells[-1] == "total":
                total = int(cells[3])
            elif cells[-1] in ("fsync", "fdatasync"):
                syncs += int(cells[3])
        return total / ops, syncs / ops

    def fill(self, user, count, size=4096):
        self.load("bench-lmtp", mode="deliver", user_format=user, ops=count,
                  bytes=size)

    def close(self):
        self.server.stop()
        self.server.remove()
        self.group.remove()


def work(quick):
    """name, program, options, operations, traced operations"""
    scale = 1 if quick else 5
    meta = dict(user_format="big")
    return [
        ("login", "bench-imap", dict(mode="login", users=100), 60 * scale, 20),
        ("login+select", "bench-imap", dict(mode="select", users=100), 60 * scale, 20),
        ("login+select 10 conns", "bench-imap",
         dict(mode="select", users=100, connections=10), 100 * scale, 0),
        ("lmtp 4k", "bench-lmtp", dict(mode="deliver", users=1), 200 * scale, 50),
        ("lmtp 4k 10 conns", "bench-lmtp",
         dict(mode="deliver", users=100, connections=10), 400 * scale, 100),
        ("noop", "bench-imap", dict(mode="noop", **meta), 2000 * scale, 200),
        ("fetch metadata, all", "bench-imap", dict(mode="meta", **meta), 2 * scale, 2),
        ("fetch uid flags, all", "bench-imap", dict(mode="uidflags", **meta),
         5 * scale, 2),
        ("fetch bodies, all", "bench-imap", dict(mode="bodies", **meta), scale, 0),
        ("fetch one body", "bench-imap", dict(mode="body", **meta), 1000 * scale, 100),
        ("store one flag", "bench-imap", dict(mode="store", **meta), 500 * scale, 100),
        ("append 4k", "bench-imap", dict(mode="append", user_format="u99"),
         200 * scale, 50),
    ]


def warm(side):
    """Every user has logged in and looked at the INBOX before: the first time
    costs both servers files that they make."""
    side.load("bench-imap", mode="select", users=100, ops=200)


def compare(options):
    rows = []
    store = f"mail_location = {options.store}:~/mail\n"
    sides = {kind: Side(kind, store) for kind in ("dovecot", "culver")}
    try:
        count = 1000 if options.quick else 10000
        for side in sides.values():
            side.fill("big", count)
            side.load("bench-lmtp", mode="deliver", users=100, ops=200)
            warm(side)
            # both have parsed and cached everything once
            side.load("bench-imap", mode="meta", user_format="big", ops=1)
        for name, program, args, ops, traced in work(options.quick):
            if options.only and not any(o in name for o in options.only):
                continue
            row = {"work": name}
            for kind, side in sides.items():
                rate, cost = side.measure(program, 3, ops=ops, **args)
                row[kind] = {"rate": rate, "cpu_usecs": cost}
                if options.syscalls and traced:
                    calls, syncs = side.syscalls(program, ops=traced, **args)
                    row[kind].update(calls=calls, syncs=syncs)
            rows.append(row)
            show(row, options)
        rows += compare_idle(options, sides)
    finally:
        for side in sides.values():
            side.close()
    rows += compare_shared(options)
    return rows


def idle_memory(side, connections=200):
    """Growth of PSS for each plain connection in IDLE, KiB."""
    before = side.group.pss_kib()
    load = subprocess.Popen(
        [str(BUILD / "tests" / "bench" / "bench-imap"), "--port",
         str(side.server.imap_port), "--mode", "idle", "--connections",
         str(connections), "--users", "100"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(8)
        return (side.group.pss_kib() - before) / connections
    finally:
        load.stdin.close()
        load.wait(60)


def compare_idle(options, sides):
    name = "idle connection"
    if options.only and not any(o in name for o in options.only):
        return []
    row = {"work": name}
    for kind, side in sides.items():
        row[kind] = {"pss_kib": idle_memory(side)}
    if options.format != "json":
        theirs, ours = row["dovecot"]["pss_kib"], row["culver"]["pss_kib"]
        print(f"{name:28} {theirs:9.0f} {ours:9.0f} KiB of PSS each, ratio"
              f" {ours / theirs:.2f}", flush=True)
    return [row]


def compare_shared(options):
    """Login with shared relays against Dovecot's high-performance mode."""
    name = "login+select, shared relays"
    if options.only and not any(o in name for o in options.only):
        return []
    row = {"work": name}
    for kind, extra in (("dovecot", HIGH_PERFORMANCE), ("culver", SHARED_RELAYS)):
        side = Side(kind, extra)
        try:
            side.load("bench-lmtp", mode="deliver", users=100, ops=200)
            warm(side)
            rate, cost = side.measure("bench-imap", 3, mode="select", users=100,
                                      ops=200)
            row[kind] = {"rate": rate, "cpu_usecs": cost}
        finally:
            side.close()
    show(row, options)
    return [row]


def show(row, options):
    if options.format == "json":
        return
    ours, theirs = row["culver"], row["dovecot"]
    line = (f"{row['work']:28} {theirs['rate']:9.1f} {ours['rate']:9.1f}"
            f" {theirs['cpu_usecs']:11.0f} {ours['cpu_usecs']:11.0f}"
            f" {ours['cpu_usecs'] / theirs['cpu_usecs']:6.2f}")
    if "calls" in ours:
        line += (f" {theirs['calls']:8.0f} {ours['calls']:8.0f}"
                 f" {theirs['syncs']:5.1f} {ours['syncs']:5.1f}")
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", type=lambda s: s.split(","),
                        help="works whose name contains one of these")
    parser.add_argument("--store", choices=["maildir", "sdbox", "mdbox"],
                        default="maildir", help="where both keep mail")
    parser.add_argument("--quick", action="store_true", help="fewer operations")
    parser.add_argument("--syscalls", action="store_true",
                        help="count system calls, too (slower)")
    parser.add_argument("-f", dest="format", choices=["table", "json"],
                        default="table")
    options = parser.parse_args()
    if not dovecot.available():
        sys.exit("compare.py needs root and Debian's dovecot-imapd, dovecot-lmtpd")
    if shutil.which("strace") is None and options.syscalls:
        sys.exit("--syscalls needs strace")
    if options.format == "table":
        print(f"{'':28} {'rate/s':>19} {'CPU us/op':>23} {'ratio':>6}"
              f" {'calls/op':>17} {'syncs/op':>11}")
        print(f"{'work':28} {'Dovecot':>9} {'Culver':>9} {'Dovecot':>11}"
              f" {'Culver':>11} {'':6} {'Dovecot':>8} {'Culver':>8}"
              f" {'D':>5} {'C':>5}")
    rows = compare(options)
    if options.format == "json":
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
