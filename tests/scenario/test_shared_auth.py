"""Mail of other users when auth was started anew: a session that lives on can
open further owners' mail."""
import json
import os
import signal
import time

import pytest

import culver
from test_shared import Shared, append, flags

pytestmark = pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")


def pids(server, service):
    rows = json.loads(server.adm("-f", "json", "service", "status").stdout)
    return {int(row["pid"]) for row in rows
            if row["service"] == service and row["state"] != "retired"}


def wait_new(server, service, old):
    deadline = time.monotonic() + 10
    while not pids(server, service) or pids(server, service) & old:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill(server, service):
    old = pids(server, service)
    assert old
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    return old


@pytest.fixture
def server():
    with Shared() as s:
        for owner in ("alice", "carol"):
            client = s.imap(owner)
            client.create("Shared")
            append(client, "Shared", owner.encode())
            s.grant(owner, "Shared", "user=bob", "lrs")
            client.logout()
        yield s


@pytest.mark.parametrize("how", ["killed", "killed and asked at once", "reload"])
def test_further_owners_after_auth_was_started_anew(server, how):
    bob = server.imap("bob")
    assert bob.select("shared/alice/Shared")[0] == "OK"
    if how == "reload":
        old = pids(server, "auth")
        server.adm("reload")
        wait_new(server, "auth", old)
    else:
        old = kill(server, "auth")
        if how == "killed":
            wait_new(server, "auth", old)
    assert bob.select("shared/carol/Shared") == ("OK", [b"1"])
    assert bob.store("1", "+FLAGS", "\\Seen")[0] == "OK"
    # and brokers that end are replaced by others that are asked for anew
    for pid, uid in server.brokers():
        if uid >= 20000:
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert "\\Seen" in flags(bob)[0]
    # twice is no different from once
    wait_new(server, "auth", kill(server, "auth"))
    assert bob.select("shared/alice/Shared") == ("OK", [b"1"])
    assert len(flags(bob)) == 1
    bob.logout()


def test_it_is_bound_to_the_same_user(server):
    bob = server.imap("bob")
    wait_new(server, "auth", kill(server, "auth"))
    # what alice has not shared is as far away as before
    for name in ("shared/alice/INBOX", "shared/alice/None", "shared/nobody/INBOX"):
        status, (text,) = bob.select(name)
        assert status == "NO" and b"doesn't exist" in text, (name, text)
    assert bob.select("shared/alice/Shared") == ("OK", [b"1"])
    bob.logout()


def test_many_sessions_at_once(server):
    clients = [server.imap("bob") for _ in range(10)]
    wait_new(server, "auth", kill(server, "auth"))
    for client in clients[:7]:
        assert client.select("shared/alice/Shared") == ("OK", [b"1"])
    # sessions that end without having asked are no trouble to the others
    for client in clients[7:]:
        client.sock.close()
    time.sleep(1.5)
    wait_new(server, "auth", kill(server, "auth"))
    for client in clients[:7]:
        assert client.select("shared/carol/Shared") == ("OK", [b"1"])
        client.logout()


def test_with_the_zygote_killed_too_the_client_is_told(server):
    bob = server.imap("bob")
    old = kill(server, "auth") | kill(server, "imap")
    wait_new(server, "auth", old)
    wait_new(server, "imap", old)
    status, (text,) = bob.select("shared/alice/Shared")
    assert status == "NO" and b"UNAVAILABLE" in text
    assert bob.select("INBOX")[0] == "OK"
    # a new login is as good as ever
    again = server.imap("bob")
    assert again.select("shared/alice/Shared") == ("OK", [b"1"])
    again.logout()
    bob.logout()
