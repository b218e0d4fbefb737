"""culveradm auth: who decided and why, logins as a whole, the cache; beside doveadm."""
import json
import re
import subprocess

import pytest

import culver
import dovecot

PASSDBS = """
auth_cache_size = 1M
auth_master_user_separator = *
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {dir}/more
}}
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {dir}/masters
}}
"""
MORE = "carol:{PLAIN}x::::::nologin=y\ndave:{PLAIN}x::::::allow_nets=10.0.0.0/8 foo=bar\n"


def prepare(server):
    for name, text in (("more", MORE), ("masters", "boss:{PLAIN}m\n")):
        (server.dir / name).write_text(text)
        (server.dir / name).chmod(0o644)
    server.config.write_text(server.config.read_text() + PASSDBS.format(dir=server.dir))


@pytest.fixture
def server():
    server = culver.Server()
    prepare(server)
    try:
        yield server.start()
    finally:
        server.stop()
        server.remove()


def adm(server, *args):
    return subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", server.config, *args],
                          capture_output=True, text=True, timeout=60, check=False)


def test_who_decided_and_why(server):
    done = adm(server, "auth", "test", "alice", "secret")
    assert done.returncode == 0
    assert re.fullmatch(r"culveradm: passdb passwd-file .*/users: user alice: accepted\n",
                        done.stderr)
    done = adm(server, "auth", "test", "alice", "wrong")
    assert done.returncode == 77
    assert "/users: user alice: wrong password" in done.stderr
    assert "/more: user alice: unknown user" in done.stderr
    assert done.stdout == "passdb: alice auth failed\nextra fields:\n  user=alice\n"
    done = adm(server, "auth", "test", "dave", "x")
    assert done.returncode == 77 and "not from there" in done.stderr
    (server.dir / "users").unlink()
    done = adm(server, "auth", "test", "alice", "secret")
    assert done.returncode == 75 and "/users: user alice: '/" in done.stderr, done
    # the network hears nothing of it
    assert "wrong password, or" not in server.log


def test_login(server):
    done = adm(server, "auth", "login", "alice", "secret")
    assert done.returncode == 0
    assert "userdb extra fields:\n  alice\n  uid=" in done.stdout
    assert f"  home={server.home('alice')}\n  auth_mech=PLAIN\n" in done.stdout
    done = adm(server, "auth", "login", "carol", "x")
    assert done.returncode == 77
    assert "may not log in: nologin" in done.stderr
    assert "userdb" not in done.stdout
    done = adm(server, "auth", "login", "-M", "boss", "bob", "m")
    assert done.returncode == 0 and "\n  bob\n" in done.stdout
    done = adm(server, "-f", "json", "auth", "login", "alice", "secret")
    rows = {row["field"]: row["value"] for row in json.loads(done.stdout)}
    assert rows["auth"] == "succeeded"
    assert rows["userdb_home"] == str(server.home("alice"))
    assert adm(server, "auth", "login").returncode == 64


def test_cache_status(server):
    def status():
        done = adm(server, "-f", "json", "auth", "cache", "status")
        assert done.returncode == 0, done.stderr
        return {k: int(v) for k, v in json.loads(done.stdout)[0].items()}

    before = status()
    assert before["entries"] == 0 and before["size"] == 1 << 20
    server.imap("alice").logout()
    first = status()
    assert first["entries"] > 0 and first["misses"] > before["misses"]
    assert 0 < first["used"] <= first["size"]
    server.imap("alice").logout()
    assert status()["hits"] > first["hits"]
    assert adm(server, "auth", "cache", "flush").returncode == 0
    assert status()["entries"] == 0
    assert re.match(r"entries=0 used=0 ", adm(server, "auth", "cache", "status").stdout)
    assert adm(server, "auth", "cache", "nosuch").returncode == 64


@pytest.mark.skipif(not dovecot.available(), reason="needs root and Debian's Dovecot")
def test_beside_doveadm(server):
    """The same words and exit statuses; passwd-file twice, static."""
    other = dovecot.Dovecot()
    prepare(other)
    config = re.sub(r"protocols = .*", "protocols = lmtp", other.config.read_text())
    other.config.write_text(config.replace("process_limit = 2000", "process_limit = 10"))
    process = subprocess.Popen(["dovecot", "-F", "-c", other.config],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    differ = []
    try:
        assert culver.wait_for(lambda: (other.dir / "run" / "auth-master").exists())
        for line in ("auth test alice secret", "auth test alice wrong",
                     "auth test nobody x", "auth test dave x",
                     "auth test -x rip=10.1.1.1 dave x",
                     "auth test -M boss alice m", "auth test -M boss alice n",
                     "auth login alice secret", "auth login alice wrong",
                     "auth login nobody x",
                     "auth login -x service=imap -x rip=192.0.2.1 bob secret",
                     "auth test carol x", "auth lookup alice", "auth lookup dave", "auth lookup nobody",
                     "auth lookup -f user alice", "user alice", "user -u alice",
                     "user -f uid alice", "user -x service=imap alice"):
            ours = adm(server, *line.split())
            theirs = subprocess.run(["doveadm", "-c", other.config, *line.split()],
                                    capture_output=True, text=True, check=False, timeout=60)
            # who is not there is told on standard error
            also = "".join(re.findall("culveradm: (.* lookup: .*\n)", ours.stderr))
            if (ours.returncode, words(ours.stdout + also, server)) != (
                    theirs.returncode, words(theirs.stdout, other)):
                differ.append((line, ours, theirs))
        assert not differ, "\n".join(f"{l}\n{a.returncode} {a.stdout}\n{b.returncode} {b.stdout}" for l, a, b in differ)
    finally:
        process.terminate()
        process.wait(20)
        other.remove()


def words(text, server):
    """Without blanks at the ends of lines, empty lines, and the folder's name."""
    text = text.replace(str(server.dir), "")
    return [line.rstrip() for line in text.splitlines() if line.strip()]
