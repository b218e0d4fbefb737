"""Each setting of service { } that is honoured, seen in a running server:
whose process it is, how much memory it may take, how many there are, where it
listens."""
import contextlib
import grp
import imaplib
import json
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import socket
import time

import pytest

import culver

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
MAIL = b"Subject: x\r\n\r\nx\r\n"
MEGABYTES = {"anvil": 301, "auth": 302, "auth-worker": 303, "log": 304, "imap-login": 305,
             "imap": 306, "lmtp": 307, "deliver": 308, "idle": 309}


def processes(server):
    """{service: [pid]}"""
    found = {}
    for row in json.loads(server.adm("-f", "json", "service", "status").stdout):
        if int(row["pid"]) > 0:
            found.setdefault(row["service"], []).append(int(row["pid"]))
    return found


def children(pid):
    return [int(word) for word in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return re.search(r"^Max address space +(\S+)", text, re.M).group(1)


def root_of(pid):
    """None: there is no such process any more."""
    with contextlib.suppress(FileNotFoundError):
        return os.readlink(f"/proc/{pid}/root")
    return None


def ids(pid):
    """(user, group) that the process has in force."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    uid, gid = (int(re.search(rf"^{key}:\t\d+\t(\d+)", text, re.M).group(1))
                for key in ("Uid", "Gid"))
    return pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name


def test_vsz_limit_is_a_limit_of_every_process(make_server):
    server = make_server(extra="".join(
        f"service {name} {{\n  vsz_limit = {size} M\n}}\n" for name, size in MEGABYTES.items()))
    client = server.imap()
    server.deliver(MAIL)
    with socket.create_connection(("127.0.0.1", server.imap_port)) as half:
        half.sendall(b"a ")
        time.sleep(0.3)
        for name, pids in processes(server).items():
            # zygotes, and those that they have made
            for pid in pids + [child for pid in pids for child in children(pid)]:
                assert memory(pid) == str(MEGABYTES[name] << 20), name
    client.logout()


def test_default_vsz_limit_is_for_those_that_have_none(make_server):
    server = make_server(extra="default_vsz_limit = 333 M\n"
                         "service imap {\n  vsz_limit = 0\n}\n")
    for name, pids in processes(server).items():
        assert memory(pids[0]) == ("unlimited" if name == "imap" else str(333 << 20)), name


def test_a_session_that_wants_more_memory_ends_alone(make_server):
    """The limit is met: the one who asks for too much loses the session."""
    server = make_server(extra="service imap {\n  vsz_limit = 64 M\n}\n")
    other = server.imap()
    raw = server.raw()
    raw.line()
    raw.command("LOGIN alice secret")
    raw.command("SELECT INBOX")
    with contextlib.suppress(OSError):
        for number in range(2000):
            raw.send(b"x%d SEARCH%s\r\n" % (number, b" OR SEEN ANSWERED" * 4000))
            if not raw.line():
                break
    assert other.noop()[0] == "OK"
    other.logout()


@needs_root
def test_user_and_group_are_those_of_the_process(make_server):
    server = make_server(extra="".join(
        f"service {name} {{\n  user = {user}\n  group = {group}\n}}\n"
        for name, user, group in (("lmtp", "nobody", "mail"), ("anvil", "daemon", "daemon"),
                                  ("auth-worker", "games", "games"),
                                  ("imap-login", "nobody", "nogroup")))
        + "service auth-worker {\n  process_min_avail = 2\n}\n")
    found = processes(server)
    assert ids(found["lmtp"][0]) == ("nobody", "mail")
    assert ids(found["anvil"][0]) == ("daemon", "daemon")
    # the first process, which only forks, reads nobody's byte
    workers = culver.wait_for(lambda: [
        pid for pid in children(found["auth-worker"][0]) if ids(pid)[0] != "root"])
    assert {ids(pid) for pid in workers} == {("games", "games")}
    assert ids(found["imap-login"][0]) == ("nobody", "nogroup")
    assert ids(found["auth"][0])[0] == "culver"
    server.deliver(MAIL)
    server.imap().logout()


@needs_root
def test_login_and_anvil_have_an_empty_root_or_the_one_that_is_named(make_server, tmp_path):
    server = make_server()
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    for name in ("imap-login", "anvil"):
        pid = processes(server)[name][0]
        assert root_of(pid) == str(server.dir / "run/empty")
    server.write_config(f"service imap-login {{\n  chroot = {root}\n}}\n")
    server.adm("reload")
    deadline = time.monotonic() + 10
    while root_of(processes(server)["imap-login"][0]) != str(root):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.imap(tls=True).logout()
    # one that others may write in, or that is not there, is none
    root.chmod(0o777)
    done = server.adm("reload", check=False)
    assert done.returncode != 0 and "nobody else may write in" in done.stderr
    root.rmdir()
    done = server.adm("reload", check=False)
    assert done.returncode != 0 and "cannot look at" in done.stderr
    server.imap().logout()


def test_process_limit_of_sessions(make_server):
    server = make_server(extra="service imap {\n  process_limit = 2\n}\n")
    first, second = server.imap(), server.imap()
    with pytest.raises(imaplib.IMAP4.error, match="LIMIT"):
        server.imap()
    assert "process_limit (2) reached" in server.log
    first.logout()
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(imaplib.IMAP4.error):
            server.imap().logout()
            break
        assert time.monotonic() < deadline, server.log
    second.logout()


def test_process_limit_of_lmtp(make_server):
    server = make_server(extra="service lmtp {\n  process_limit = 2\n}\n")
    held = []
    while len(held) < 2:
        # that which looked whether the server is there may not have ended
        with contextlib.suppress(smtplib.SMTPException):
            held.append(server.lmtp())
    with socket.create_connection(("127.0.0.1", server.lmtp_port), 5) as third:
        third.settimeout(1)
        refused = b""
        with contextlib.suppress(TimeoutError):
            refused = third.recv(100)
        assert not refused.startswith(b"220")
    assert "process_limit (2) reached" in server.log
    for client in held:
        client.quit()
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            assert server.deliver(MAIL) == {}
            break
        assert time.monotonic() < deadline, server.log


def test_process_limit_of_login_makes_room(make_server):
    """Who has spoken longest without a login goes."""
    server = make_server(extra="service imap-login {\n  process_limit = 3\n}\n")
    waiting = [server.raw() for _ in range(3)]
    for raw in waiting:
        raw.line()
        raw.command("CAPABILITY")
    server.imap().logout()
    assert waiting[0].closed()
    assert waiting[2].command("NOOP")[-1].startswith(b"x OK")
    assert "process_limit reached" in server.log


def test_process_min_avail_is_how_many_workers_wait(make_server):
    server = make_server(extra="service auth-worker {\n  process_min_avail = 3\n}\n")
    [first] = processes(server)["auth-worker"]
    assert culver.wait_for(lambda: len(children(first)) == 3)
    # a server that nobody asks has none
    server = make_server()
    assert children(processes(server)["auth-worker"][0]) == []


@needs_root
def test_a_socket_has_the_mode_and_owners_that_are_written(make_server):
    server = make_server(extra="service lmtp {\n"
                         "  unix_listener other {\n    mode = 0620\n    user = nobody\n"
                         "    group = mail\n  }\n"
                         "  unix_listener none {\n    mode = 0\n  }\n}\n")
    status = (server.dir / "run/other").stat()
    assert status.st_mode & 0o7777 == 0o620
    assert pwd.getpwuid(status.st_uid).pw_name == "nobody"
    assert grp.getgrgid(status.st_gid).gr_name == "mail"
    assert not (server.dir / "run/none").exists()
    with smtplib.LMTP(str(server.dir / "run/other")) as client:
        client.sendmail("a@example.org", ["alice"], MAIL)


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6")
def test_addresses_of_both_families_are_listened_at(make_server):
    port = culver.free_port()
    server = make_server(extra="listen = 127.0.0.1, ::1\nservice imap-login {\n"
                         f"  inet_listener six {{\n    address = [::1]\n    port = {port}\n"
                         "  }\n}\n")
    for address, number in (("127.0.0.1", server.imap_port), ("::1", server.imap_port),
                            ("::1", port)):
        with imaplib.IMAP4(address, number) as client:
            client.login("alice", "secret")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 2)
    culver.release_port(port)


def test_port_0_is_no_listener(make_server):
    server = make_server()
    server.imap(tls=True).logout()
    server.values["imaps_port"] = 0
    server.write_config()
    server.adm("reload")
    deadline = time.monotonic() + 10
    with pytest.raises(OSError):
        while time.monotonic() < deadline:
            socket.create_connection(("127.0.0.1", server.imaps_port), 2).close()
            time.sleep(0.05)
    server.imap().logout()


@pytest.mark.parametrize("name", ["auth", "imap", "log"])
def test_a_limit_in_which_nothing_can_live_is_told(name):
    server = culver.Server(extra=f"service {name} {{\n  vsz_limit = 1 M\n}}\n")
    try:
        with pytest.raises(RuntimeError, match="vsz_limit"):
            server.start()
    finally:
        server.stop()
        server.remove()
