"""Login processes that serve many clients (service_count = 0 or N): they are
as many as wanted, no client notices another, what ends is replaced."""
import concurrent.futures
import imaplib
import json
import os
import pathlib
import signal
import ssl
import time

import pytest

import culver
from test_processes import logged_in, processes, wait_for

SHARED = """
service imap-login {{
  service_count = {count}
  process_min_avail = {processes}
  client_limit = {clients}
}}
mail_max_userip_connections = 1000
{extra}
"""
USERS = {f"user{i}": f"secret-{i}" for i in range(20)}


def shared(count=0, processes=1, clients=1000, extra=""):
    return SHARED.format(count=count, processes=processes, clients=clients,
                         extra=extra)


@pytest.fixture(scope="module")
def one():
    """All clients in one process."""
    with culver.Server(extra=shared(), users=USERS) as server:
        yield server


def children(server):
    """The processes that accept, of all generations."""
    rows = json.loads(server.adm("-f", "json", "service", "status").stdout)
    found = set()
    for row in rows:
        if row["service"] == "imap-login":
            pid = int(row["pid"])
            path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
            found.update(int(p) for p in path.read_text().split())
    return found


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


def tls_context(server):
    return ssl.create_default_context(cafile=server.dir / "cert.pem")


def whole_session(server, user, how):
    if how == "tls":
        client = server.imap(login=False, tls=True)
    else:
        client = server.imap(login=False)
        if how == "starttls":
            client.starttls(tls_context(server))
    client.login(user, USERS[user])
    marker = f"only-{user}"
    client.create(marker)
    names = b"".join(client.list()[1])
    assert marker.encode() in names
    assert names.count(b"only-") == 1, "the session of another user"
    assert client.logout()[0] == "BYE"
    return True


def test_many_plain_and_tls_logins_go_through_one_process(one):
    before = children(one)
    assert len(before) == 1
    pid = next(iter(before))
    open_before = descriptors(pid)
    work = [(user, how) for user in USERS for how in ("plain", "tls", "starttls")]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda w: whole_session(one, *w), work))
    assert all(done) and len(done) == 60
    assert children(one) == before, "a process was forked or died"
    # nothing is left of them
    wait_for(lambda: descriptors(pid) <= open_before + 1)


def test_relays_of_many_clients_move_their_own_bytes(one):
    pid = next(iter(children(one)))
    clients = [one.imap(user, tls=True) for user in USERS]
    mail = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 20000
    for user, client in zip(USERS, clients):
        assert client.append("INBOX", None, None,
                             b"X-Owner: " + user.encode() + b"\r\n" + mail)[0] == "OK"

    def fetch(pair):
        user, client = pair
        client.select("INBOX")
        body = client.fetch("1", "(BODY[])")[1][0][1]
        return body == b"X-Owner: " + user.encode() + b"\r\n" + mail

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert all(pool.map(fetch, zip(USERS, clients)))
    assert children(one) == {pid}
    for client in clients:
        client.logout()


def test_wrong_passwords_beside_good_ones_fail_alone(one):
    def attempt(i):
        user = f"user{i % 20}"
        good = i % 2 == 0
        client = one.imap(login=False, tls=i % 3 == 0)
        try:
            client.login(user, USERS[user] if good else "wrong")
        except imaplib.IMAP4.error:
            client.shutdown()
            return not good
        name = client.create(f"mine{i}")[0]
        client.logout()
        return good and name == "OK"

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert all(pool.map(attempt, range(80)))


def test_a_client_that_leaves_during_auth_disturbs_nobody(one):
    """Ids of dead connections are forgotten, on both sides."""
    pid = next(iter(children(one)))
    for i in range(30):
        c = one.raw()
        c.line()
        c.send(b"a AUTHENTICATE PLAIN\r\n" if i % 2 else b"a LOGIN user0 wrong\r\n")
        c.close()
    c = one.raw()
    c.line()
    c.send(b"a AUTHENTICATE PLAIN\r\n")
    assert c.line().startswith(b"+")
    c.send(b"*\r\n")
    assert c.until("a")[-1].startswith(b"a BAD")
    assert c.command("LOGIN user1 secret-1", "b")[-1].startswith(b"b OK")
    c.close()
    assert whole_session(one, "user2", "plain")
    assert children(one) == {pid}


def test_bytes_behind_starttls_are_never_executed(one):
    bystander = one.raw()
    bystander.line()
    with one.raw() as c:
        c.line()
        c.send(b"a STARTTLS\r\nb LOGIN user0 secret-0\r\n")
        data = b""
        while chunk := c.sock.recv(65536):
            data += chunk
        assert b"b OK" not in data and b"b NO" not in data
    wait_for(lambda: "bytes behind STARTTLS" in one.log)
    assert bystander.command("LOGIN user3 secret-3")[-1].startswith(b"x OK")
    bystander.close()
    # half a handshake and nonsense do not spoil another's
    broken = one.raw(one.imaps_port)
    broken.send(b"\x16\x03\x01\x00\xff nonsense" + b"x" * 300)
    assert whole_session(one, "user4", "tls")
    assert broken.closed()
    broken.close()


def test_five_hundred_silent_connections_are_held_and_others_log_in(one):
    pid = next(iter(children(one)))
    silent = [one.raw() for _ in range(400)]
    silent += [one.raw(one.imaps_port) for _ in range(100)]
    try:
        assert all(c.line().startswith(b"* OK") for c in silent[:400])
        assert whole_session(one, "user5", "plain")
        assert whole_session(one, "user6", "tls")
        assert silent[0].command("LOGIN user7 secret-7")[-1].startswith(b"x OK")
        assert silent[399].command("CAPABILITY")[-1].startswith(b"x OK")
        assert children(one) == {pid}
    finally:
        for c in silent:
            c.close()


def test_the_oldest_without_login_goes_at_the_limit(make_server):
    server = make_server(extra=shared(clients=10))
    kept = server.imap(tls=True)            # a relay is not dropped
    first = [server.raw() for _ in range(9)]
    for c in first:
        assert c.line().startswith(b"* OK")
    new = server.raw()
    assert new.line().startswith(b"* OK")
    assert first[0].closed(5)
    assert new.command("LOGIN alice secret")[-1].startswith(b"x OK")
    assert kept.noop()[0] == "OK"
    for c in first + [new]:
        c.close()
    # nothing but relays: the next one waits for a place
    relays = [kept] + [server.imap(tls=True) for _ in range(9)]
    waiting = server.raw()
    waiting.sock.settimeout(1)
    with pytest.raises(TimeoutError):
        waiting.sock.recv(1)
    waiting.sock.settimeout(30)
    relays.pop().logout()
    assert waiting.line().startswith(b"* OK")
    assert waiting.command("LOGIN alice secret")[-1].startswith(b"x OK")
    waiting.close()
    for client in relays:
        client.logout()


def test_a_killed_shared_process_is_replaced(make_server):
    server = make_server(extra=shared(processes=3))
    plain = logged_in(server)               # no relay: the session's own
    parent = processes(server)["imap-login"]
    before = children(server)
    assert len(before) == 3
    victim = min(before)
    time.sleep(1.1)                         # it has lived long enough
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in children(server) and len(children(server)) == 3)
    assert children(server) > before - {victim}
    assert processes(server)["imap-login"] == parent
    wait_for(lambda: "was killed by signal 9" in server.log)
    assert plain.noop()[0] == "OK"
    for _ in range(10):
        logged_in(server).logout()


def test_a_crash_brings_a_fresh_address_layout(make_server):
    server = make_server(extra=shared(processes=2))
    parent = processes(server)["imap-login"]
    relay = server.imap(tls=True)
    # the relay's process holds the client and its end of the session
    counts = {pid: descriptors(pid) for pid in children(server)}
    idle = min(counts, key=counts.get)
    os.kill(idle, signal.SIGABRT)
    wait_for(lambda: processes(server).get("imap-login", parent) != parent)
    assert relay.noop()[0] == "OK"
    relay.logout()
    logged_in(server).logout()


def test_a_killed_parent_leaves_the_port_to_its_successor(make_server):
    server = make_server(extra=shared())
    relay = server.imap(tls=True)
    old = next(iter(children(server)))
    os.kill(processes(server)["imap-login"][0], signal.SIGKILL)
    wait_for(lambda: processes(server).get("imap-login") and children(server)
             and old not in children(server))
    for _ in range(10):
        logged_in(server).logout()
    assert relay.noop()[0] == "OK"
    relay.logout()
    wait_for(lambda: gone(old))


def test_a_reload_lets_relays_live_and_ends_the_old_processes(make_server):
    server = make_server(extra=shared(processes=2))
    relay = server.imap(tls=True)
    silent = server.raw()
    assert silent.line().startswith(b"* OK")
    old = children(server)
    parent = processes(server)["imap-login"]
    server.write_config(extra=shared(processes=2, extra="login_greeting = Changed."))
    server.adm("reload")
    wait_for(lambda: processes(server).get("imap-login", parent) != parent)

    def greeting():
        with server.raw() as c:
            return c.line()
    wait_for(lambda: b"Changed." in greeting())
    for _ in range(10):
        assert b"Changed." in greeting()
    assert relay.noop()[0] == "OK"
    assert silent.command("LOGIN alice secret")[-1].startswith(b"x OK")
    silent.close()
    assert any(not gone(pid) for pid in old)
    relay.logout()
    wait_for(lambda: all(gone(pid) for pid in old))


def test_auth_dies_and_waiting_clients_are_told(make_server):
    server = make_server(extra=shared())
    waiting = [server.raw() for _ in range(5)]
    for c in waiting:
        c.line()
        c.send(b"a AUTHENTICATE PLAIN\r\n")
        assert c.line().startswith(b"+")
    os.kill(processes(server)["auth"][0], signal.SIGKILL)
    for c in waiting:
        assert c.until("a")[-1].startswith(b"a NO")
    for c in waiting:
        assert c.command("LOGIN alice secret", "b")[-1].startswith(b"b OK")
        c.close()


def test_service_count_replaces_the_process_after_as_many_clients(make_server):
    server = make_server(extra=shared(count=5))
    seen = set()
    kept = server.imap(tls=True)
    for _ in range(20):
        logged_in(server).logout()
        seen |= children(server)
    wait_for(lambda: len(children(server)) == 2)    # kept's and the newest
    assert len(seen) >= 4
    assert kept.noop()[0] == "OK"
    kept.logout()
    wait_for(lambda: len(children(server)) == 1)


def test_the_sandbox_holds_in_a_shared_process(make_server):
    server = make_server(extra=shared())
    assert "has no effect" not in server.log
    args = ["-u", culver.MAIL_USER] if culver.IS_ROOT else []
    done = server.adm("-f", "json", "selftest", *args, "-s", "imap-login",
                      "sandbox", check=False)
    rows = json.loads(done.stdout)
    assert len(rows) >= 5, done.stderr
    assert not [r for r in rows if r["result"] != "prevented"]
