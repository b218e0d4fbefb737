"""Application passwords: made, used, limited, revoked."""
import concurrent.futures
import json
import os
import re
import shutil
import time

import pytest

import culver

PASSDB = """
passdb {{
  driver = apppassword
  args = {dir}/app/%u
}}
"""


@pytest.fixture
def server():
    with_block = culver.CONFIG.replace("passdb {{", PASSDB.strip() + "\npassdb {{", 1)
    made = culver.Server(extra="auth_cache_size = 1M\n",
                         config=with_block)
    folder = made.dir / "app"
    folder.mkdir(mode=0o700)
    if culver.IS_ROOT:
        shutil.chown(folder, "culver", "culver")
    with made:
        yield made


def add(server, *options, user="alice"):
    row, = json.loads(server.adm("-f", "json", "apppassword", "add", *options, user).stdout)
    return row["id"], row["password"]


def rows(server, user="alice"):
    return json.loads(server.adm("-f", "json", "apppassword", "list", user).stdout)


def log_in(raw, password, user="alice"):
    raw.line()
    return raw.command(f'LOGIN {user} "{password}"')[-1].startswith(b"x OK")


def can_log_in(server, password, user="alice"):
    with server.raw() as raw:
        return log_in(raw, password, user)


def test_one_is_made_used_listed_and_revoked(server):
    assert rows(server) == []
    id, secret = add(server, "-n", "Mutt on the laptop")
    other, _ = add(server, "-n", "Phone")
    assert re.fullmatch("([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}", secret)
    stored = (server.dir / "app" / "alice").read_text()
    assert secret not in stored and secret.replace("-", "") not in stored
    assert can_log_in(server, secret)
    assert can_log_in(server, secret.replace("-", "").upper())      # as it may be typed
    assert can_log_in(server, culver.USERS["alice"])                # the main one, too
    assert not can_log_in(server, secret[:-1])
    assert not can_log_in(server, secret, "bob")
    one, two = rows(server)
    assert (one["id"], one["name"]) == (id, "Mutt on the laptop")
    assert one["used"] and one["used_ip"] == "127.0.0.1" and not two["used"]
    server.adm("apppassword", "revoke", "alice", id)
    assert not can_log_in(server, secret)                           # whatever the cache has
    assert [row["id"] for row in rows(server)] == [other]
    done = server.adm("apppassword", "revoke", "alice", id, check=False)
    assert done.returncode == 68 and f"no application password '{id}'" in done.stderr


def test_scope_and_expiry(server):
    for options, ok, why in (
            (("-p", "imap,submission"), True, None),
            (("-p", "submission"), False, "is right, but it is not for this protocol"),
            (("-a", "127.0.0.0/8,2001:db8::/32"), True, None),
            (("-a", "192.0.2.0/24"), False, "allow_nets does not have this address"),
            (("-e", "90d"), True, None)):
        id, secret = add(server, *options)
        assert can_log_in(server, secret) is ok, options
        if why:
            assert why in server.log
    path = server.dir / "app" / "alice"
    id, secret = add(server, "-e", "1m")
    assert can_log_in(server, secret)
    lines = path.read_text().split("\n")
    fields = next(line for line in lines if f"\t{id}\t" in line).split("\t")
    fields[4] = str(int(time.time()) - 1)
    path.write_text("\n".join("\t".join(fields) if f"\t{id}\t" in line else line
                              for line in lines))
    assert not can_log_in(server, secret)
    assert "is right, but it has expired" in server.log


def test_revoke_ends_sessions_on_demand(server):
    id, secret = add(server)
    with server.raw() as raw:
        assert log_in(raw, secret)
        server.adm("apppassword", "revoke", "--kick", "alice", id)
        assert raw.closed()
    assert not can_log_in(server, secret)


def test_many_at_once_lose_nothing(server):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: add(server, "-n", f"n{n}"), range(12)))
    assert sorted(row["id"] for row in rows(server)) == sorted(id for id, _ in made)
    assert can_log_in(server, made[7][1])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: server.adm("apppassword", "revoke", "alice", one[0]),
                      made[:6]))
    assert len(rows(server)) == 6
    assert not can_log_in(server, made[3][1]) and can_log_in(server, made[9][1])


def test_files_are_nobody_elses(server):
    add(server)
    st = os.stat(server.dir / "app" / "alice")
    folder = os.stat(server.dir / "app")
    assert st.st_mode & 0o777 == 0o600 and st.st_uid == folder.st_uid
    assert [p.name for p in (server.dir / "app").iterdir()] == ["alice"]


def test_kept_as_scram_secret(server):
    id, secret = add(server, "-s", "SCRAM-SHA-256")
    assert "{SCRAM-SHA-256}4096," in (server.dir / "app" / "alice").read_text()
    assert can_log_in(server, secret)           # PLAIN does with that, too


@pytest.mark.parametrize("words, says", [
    (("add", "-e", "2001-01-01", "alice"), "'2001-01-01' is no time to come"),
    (("add", "-e", "9", "alice"), "'9' is no time to come"),
    (("add", "-a", "10.0.0.0/33", "alice"), "is no list of networks"),
    (("add", "-p", "IMAP POP", "alice"), "is no list of protocols"),
    (("add", "-n", "a\tb", "alice"), "is no name"),
    (("add", "-k", "alice"), "an option is wrong"),
    (("add",), "one user is needed"), (("revoke", "alice"), "a user and ids are needed"),
    (("frob",), "add, list or revoke?")])
def test_wrong_calls_say_what_is_wrong(server, words, says):
    done = server.adm("apppassword", *words, check=False)
    assert done.returncode == 64 and says in done.stderr


def test_damaged_lines_are_left_out_and_told(server):
    id, secret = add(server)
    with open(server.dir / "app" / "alice", "a") as out:
        out.write("alice\tx\topen\t0\t0\t\t\tbare\nrubbish\n\n")
    assert can_log_in(server, secret)
    assert not can_log_in(server, "open")
    assert "is left out: it is not user, id, hash" in server.log
    add(server)
    assert "rubbish" in (server.dir / "app" / "alice").read_text()      # not ours to remove


def test_without_such_a_passdb():
    with culver.Server() as server:
        done = server.adm("apppassword", "list", "alice", check=False)
        assert done.returncode == 78 and "no passdb keeps application passwords" in done.stderr
