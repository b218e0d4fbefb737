"""Deliverers: one process for each user, for all who deliver to them."""
import json
import os
import pwd
import re
import signal
import smtplib
import time

import pytest

import culver
from test_hostile import children
from test_lmtp import Lmtp, bodies

MAIL = b"Subject: x\r\n\r\nbody\r\n"
USERS = {name: "secret" for name in ("alice", "bob", "carol", "dave")}


def wait_for(check, within=15):
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def deliverers(server):
    """user -> pids"""
    found = {}
    for row in json.loads(server.adm("-f", "json", "who").stdout):
        if row["service"] == "deliver":
            found.setdefault(row["username"], []).append(int(row["pid"]))
    return found


def one(server, user="alice"):
    (pid,) = deliverers(server)[user]
    return pid


def processes(server):
    """All below the zygotes of deliver."""
    zygotes = [pid for pid, command in children(server.process.pid).items()
               if "deliver" in command]
    return [pid for pid in zygotes if parent(pid) in zygotes]


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def send(connection, user="alice"):
    assert connection.begin(user)[0].startswith("250")
    assert connection.ask("DATA")[0].startswith("354")
    connection.send(MAIL + b".\r\n")
    return connection.reply()[0]


def test_many_connections_share_the_process_of_a_user(make_server):
    server = make_server()
    pids = set()
    for _ in range(5):
        with Lmtp(server) as a, Lmtp(server) as b:
            for connection in (a, b, a):
                assert send(connection).startswith("250 2.0.0 <alice>")
                pids.add(one(server))
    assert len(pids) == 1
    assert len(bodies(server)) == 15


def test_the_log_shows_the_session_of_each_delivery(make_server):
    server = make_server()
    ids = []
    with Lmtp(server) as a, Lmtp(server) as b:
        for connection in (a, b, a):
            ids.append(send(connection).split()[3])
    assert ids[0] == ids[2] != ids[1]

    def saved():
        return re.findall(r"deliver\(alice\)<\d+><([^>]+)>: .*saved", server.log)
    wait_for(lambda: len(saved()) == 3)
    assert saved() == ids


def test_two_users_of_one_uid_never_share_a_process(make_server):
    server = make_server(users=USERS)
    with Lmtp(server) as connection:
        for user in USERS:
            assert send(connection, user).startswith("250")
    pids = deliverers(server)
    assert sorted(pids) == sorted(USERS)
    assert len({pid for (pid,) in pids.values()}) == len(USERS)
    for user, (pid,) in pids.items():
        files = [os.readlink(f"/proc/{pid}/fd/{fd}")
                 for fd in os.listdir(f"/proc/{pid}/fd")]
        mine = [f for f in files if f.startswith(str(server.home(user)))]
        others = [f for f in files for other in USERS if other != user and
                  f.startswith(str(server.home(other)) + "/")]
        assert mine and not others


def test_a_killed_deliverer_costs_its_delivery_only(make_server):
    server = make_server()
    with Lmtp(server) as a, Lmtp(server) as b:
        assert send(a).startswith("250")
        assert send(b, "bob").startswith("250")
        pid = one(server)
        # between two deliveries nobody notices
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: gone(pid))
        assert send(a).startswith("250")
        pid = one(server)
        os.kill(pid, signal.SIGSTOP)
        assert a.begin("alice")[0].startswith("250")
        assert a.ask("DATA")[0].startswith("354")
        a.send(MAIL + b".\r\n")
        time.sleep(0.2)
        assert send(b, "bob").startswith("250")
        os.kill(pid, signal.SIGKILL)
        assert a.reply()[0].startswith("451")
        # the same connection goes on
        assert send(a).startswith("250")
        assert send(b, "bob").startswith("250")
    assert len(bodies(server)) == 3
    assert len(bodies(server, "bob")) == 3


def test_an_idle_deliverer_ends(make_server):
    server = make_server(extra="service deliver {\n  idle_kill = 1s\n}\n")
    with Lmtp(server) as connection:
        assert send(connection).startswith("250")
        pid = one(server)
        wait_for(lambda: gone(pid))
        assert deliverers(server) == {}
        # over the channel that has ended, and over a new one
        assert send(connection).startswith("250")
    server.deliver(MAIL)
    assert len(bodies(server)) == 3
    assert "no effect" not in server.log


def test_a_busy_deliverer_does_not_end(make_server):
    server = make_server(extra="service deliver {\n  idle_kill = 1s\n}\n")
    server.deliver(MAIL)
    pid = one(server)
    for _ in range(8):
        time.sleep(0.3)
        server.deliver(MAIL)
        assert one(server) == pid


USERDB = re.sub(r"userdb \{\{.*?\n\}\}\n", """userdb {{
  driver = passwd-file
  args = {dir}/userdb
}}
""", culver.CONFIG, flags=re.S)


def test_a_changed_userdb_gives_a_fresh_process(make_server):
    server = make_server()
    server.stop()

    def point_to(home):
        new = server.dir / "userdb.new"
        owner = pwd.getpwnam(culver.MAIL_USER)
        new.write_text(f"alice::{owner.pw_uid}:{owner.pw_gid}::"
                       f"{server.dir}/home/{home}::\n")
        new.chmod(0o644)
        new.rename(server.dir / "userdb")

    server.write_config(config=USERDB)
    point_to("first")
    server.start()
    server.deliver(MAIL)
    pid = one(server)
    server.deliver(MAIL)
    assert one(server) == pid
    point_to("second")
    server.deliver(MAIL)
    assert len(deliverers(server)["alice"]) == 2     # the old one is idle
    counts = [len(list((server.dir / "home" / home / "Maildir").glob("*/[0-9]*")))
              for home in ("first", "second")]
    assert counts == [2, 1]


def test_a_reload_gives_fresh_processes_also_to_old_connections(make_server):
    server = make_server()
    with Lmtp(server) as connection:
        assert send(connection).startswith("250")
        pid = one(server)
        server.adm("reload")
        wait_for(lambda: gone(pid))
        assert send(connection).startswith("250")
        assert one(server) != pid
    assert len(bodies(server)) == 2


def test_kick_ends_a_deliverer(make_server):
    server = make_server()
    with Lmtp(server) as connection:
        assert send(connection).startswith("250")
        pid = one(server)
        server.adm("kick", "alice")
        wait_for(lambda: gone(pid))
        assert send(connection).startswith("250")


def test_a_new_anvil_hears_of_living_deliverers(make_server):
    server = make_server()
    server.deliver(MAIL)
    pid = one(server)
    (anvil,) = [p for p, command in children(server.process.pid).items()
                if "anvil" in command]
    os.kill(anvil, signal.SIGKILL)

    def known():
        try:
            return deliverers(server).get("alice") == [pid]
        except Exception:
            return False        # anvil is on its way
    wait_for(known)
    server.deliver(MAIL)
    assert one(server) == pid


@pytest.mark.parametrize("limit", [1, 2])
def test_the_limit_holds_and_makes_room_for_all(make_server, limit):
    server = make_server(users=USERS, extra="service deliver {\n"
                         f"  process_limit = {limit}\n}}\n")
    for _ in range(3):
        for user in USERS:
            server.deliver(MAIL, user=user)
            assert len(processes(server)) <= limit
    for user in USERS:
        assert len(bodies(server, user)) == 3


def test_one_mail_for_more_users_than_the_limit(make_server):
    users = {f"u{n}": "secret" for n in range(12)}
    server = make_server(users=users, extra="service deliver {\n"
                         "  process_limit = 3\n}\n")
    missing = set(users)
    with Lmtp(server) as connection:
        # who does not get it at once is asked for again, as an MTA would
        for _ in range(5):
            order = sorted(missing)
            assert all(r.startswith("250") for r in connection.begin(*order))
            assert connection.ask("DATA")[0].startswith("354")
            connection.send(MAIL + b".\r\n")
            for user in order:
                reply = connection.reply()[0]
                assert reply[:3] in ("250", "451"), reply
                if reply.startswith("250"):
                    missing.remove(user)
            if not missing:
                break
            connection.ask("RSET")
    assert not missing
    for user in users:
        assert len(bodies(server, user)) == 1


def test_when_all_are_at_work_others_are_put_off(make_server):
    server = make_server(extra="service deliver {\n  process_limit = 1\n}\n")
    with Lmtp(server) as a, Lmtp(server) as b:
        assert send(a).startswith("250")
        os.kill(one(server), signal.SIGSTOP)
        pid = one(server)
        try:
            assert send(b, "bob").startswith("451")
            # one has waited in vain: no other waits
            begun = time.monotonic()
            assert send(b, "bob").startswith("451")
            assert time.monotonic() - begun < 1.5
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: gone(pid))
        assert send(b, "bob").startswith("250")
        assert send(a).startswith("250")


def test_mail_waits_for_a_user_who_may_not_have_a_process(make_server):
    if not culver.IS_ROOT:
        pytest.skip("needs root")
    server = make_server(extra="last_valid_uid = 2\n")
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        server.deliver(MAIL)
    assert refused.value.smtp_code == 451


def test_nothing_is_left_after_stop(make_server):
    server = make_server(users=USERS)
    for user in USERS:
        server.deliver(MAIL, user=user)
    pids = processes(server)
    assert len(pids) == len(USERS)
    server.stop()
    wait_for(lambda: all(gone(pid) for pid in pids))
