"""The settings of the imap plugin, each as an admin sets it."""
import os
import re
import shutil
import subprocess
import time

import pytest

import culver
from culver import IS_ROOT, MAIL_GROUP, MAIL_USER
from test_imap_session import MESSAGE, Wire


@pytest.fixture
def client(make_server):
    """client(extra): a server with these settings, and a wire to it."""
    opened = []

    def make(extra, login=True):
        server = make_server(extra=extra)
        w = Wire(server.imap_port)
        w.server = server
        opened.append(w)
        return w.login() if login else w

    yield make
    for w in opened:
        w.close()


def test_capability_is_added_to(client):
    w = client("imap_capability = +X-ONE X-TWO\n", login=False)
    assert " LANGUAGE X-ONE X-TWO" in w.greeting
    assert w.login().do("CAPABILITY")[0].endswith(" X-ONE X-TWO")


def test_capability_is_changed(client):
    w = client("imap_capability = -IDLE +X-MINE -THREAD= -UNAUTHENTICATE\n", login=False)
    assert " IDLE " not in w.greeting and " X-MINE " in w.greeting
    words = w.login().do("CAPABILITY")[0].split()
    assert not [x for x in words if x.startswith(("THREAD=", "IDLE", "UNAUTH"))]
    assert words[-1] == "X-MINE" and "SORT=DISPLAY" in words


def test_capability_is_replaced(client):
    w = client("imap_capability = IMAP4rev1 IDLE\n")
    assert w.do("CAPABILITY")[0] == "* CAPABILITY IMAP4rev1 IDLE"


def test_capability_as_dovecot_2_4_writes_it(client):
    """A list of words with yes and no changes what there is; that of a filter as well."""
    w = client("imap_capability {\n  IMAP4rev1 = yes\n  X-MINE = yes\n  IDLE = no\n"
               "  SORT=DISPLAY = no\n}\n"
               "protocol imap {\n  imap_capability {\n    X-MORE = yes\n  }\n}\n", login=False)
    assert " IDLE " not in w.greeting and " X-MINE " in w.greeting
    words = w.login().do("CAPABILITY")[0].split()
    assert words[-2:] == ["X-MINE", "X-MORE"] and words.count("IMAP4rev1") == 1
    assert "SORT" in words and not {"IDLE", "SORT=DISPLAY"} & set(words)
    w = client("imap_capability = IMAP4rev1 IDLE\nimap_capability {\n  IDLE = no\n"
               "  X-MINE = yes\n}\n")
    assert w.do("CAPABILITY")[0] == "* CAPABILITY IMAP4rev1 X-MINE"


def test_literal_minus(client):
    w = client("imap_literal_minus = yes\n", login=False)
    assert "LITERAL-" in w.greeting and "LITERAL+" not in w.greeting
    w.login()
    w.append(b"x" * 4096)
    w.send("big APPEND INBOX {4097+}\r\n" + "x" * 4097 + "\r\n")
    # [RFC7888 5]
    assert w.until("big")[-1].startswith("big BAD [TOOBIG] ")
    assert w.line().startswith("* BYE ")


def test_id(client):
    w = client("imap_id_send = name mail version 1.2\nimap_id_log = *\n", login=False)
    assert w.do('ID ("name" "tester" "version" "7")')[0] == \
        '* ID ("name" "mail" "version" "1.2")'
    w.login()
    w.do('ID ("name" "tester" "version" "7")')
    w.do("LOGOUT")
    deadline = time.monotonic() + 10
    while "name=tester" not in w.server.log and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "name=tester, version=7" in w.server.log


def test_id_tells_the_version_when_it_is_to(client):
    w = client("imap_id_send = name * version * support-url *\n", login=False)
    known = r'\* ID \("name" "Culver" "version" "[0-9]+\.[0-9.]+[^"]*" "support-url" NIL\)'
    assert re.fullmatch(known, w.do("ID NIL")[0])
    w.login()
    assert re.fullmatch(known, w.do("ID NIL")[0])


def test_idle_says_that_it_is_there(client):
    w = client("imap_idle_notify_interval = 1 s\n")
    w.send("i IDLE\r\n")
    assert w.line() == "+ idling"
    w.sock.settimeout(10)
    assert w.line() == "* OK Still here"
    assert w.line() == "* OK Still here"
    w.send("DONE\r\n")
    assert w.until("i") == ["i OK Idle completed."]


def test_new_mail_can_wait_for_noop(client):
    w = client("imap_client_workarounds = delay-newmail\n")
    w.do("SELECT INBOX")
    assert "* 1 EXISTS" not in w.append(MESSAGE)
    assert w.do("NOOP")[0] == "* 1 EXISTS"


def test_extra_separator_is_forgiven(client):
    w = client("imap_client_workarounds = tb-extra-mailbox-sep\n")
    assert " OK " in w.do("STATUS Trash/ (MESSAGES)")[-1]


def test_lsub_tells_what_list_does(client):
    """tb-lsub-flags, as Dovecot has it: what cannot be selected is told to be so."""
    def lsub(settings):
        w = client(settings)
        for command in ("CREATE lsub/below", "SUBSCRIBE lsub", "SUBSCRIBE lsub/below", "SUBSCRIBE lsub-gone"):
            assert " OK " in w.do(command)[-1]
        return w.do('LSUB "" lsub*')[:-1]

    rows = ['* LSUB (%s) "/" lsub', '* LSUB () "/" lsub/below', '* LSUB (%s) "/" lsub-gone']
    assert lsub("") == [row.replace("%s", "") for row in rows]
    assert lsub("imap_client_workarounds = tb-lsub-flags tb-extra-mailbox-sep\n") == [
        row.replace("%s", "\\Noselect") for row in rows]


def test_idle_that_says_nothing(client):
    """As Dovecot takes it, 0 is never."""
    w = client("imap_idle_notify_interval = 0\nimap_hibernate_timeout = 1s\n")
    w.send("i IDLE\r\n")
    assert w.line() == "+ idling"
    w.sock.settimeout(3)
    with pytest.raises(TimeoutError):
        w.sock.recv(1)
    w.sock.settimeout(10)
    w.send("DONE\r\n")
    assert w.until("i") == ["i OK Idle completed."]


@pytest.mark.parametrize("line,said", [
    ("imap_client_workarounds = tb-lsub-flag", "Error: .*: imap_client_workarounds: there is no departure "
     "'tb-lsub-flag'; did you mean 'tb-lsub-flags'\\?"),
    ('imap_capability = +X"Y', "Error: .*: imap_capability: 'X\"Y' cannot be a capability"),
    ("imap_capability = IDLE", "Warning: .*: imap_capability: it replaces the whole list and has neither "),
    ("imap_id_send = name * vendor", "Error: .*: imap_id_send: the name 'vendor' has no value"),
    ("imap_idle_notify_interval = 500 msecs", "Error: .*: imap_idle_notify_interval: it may be 1s or more, or 0")])
def test_what_is_nonsense_is_said(tmp_path, line, said):
    config = tmp_path / "culver.conf"
    config.write_text(f"protocols = imap\nssl = no\nmail_location = maildir:~/Maildir\nprotocol imap {{\n  {line}\n}}\n")
    done = subprocess.run([culver.PREFIX / "bin" / "culverconf", "-c", config, "-n"], capture_output=True, text=True)
    assert re.search(said, done.stderr), done.stderr
    assert "culver.conf:5:" in done.stderr
    assert (done.returncode != 0) == said.startswith("Error")


def test_line_length(client):
    w = client("imap_max_line_length = 2k\n")
    w.do("SELECT INBOX")
    assert " OK " in w.do("SEARCH TEXT " + "x" * 1900)[-1]
    w.send("a SEARCH TEXT " + "x" * 2100 + "\r\n")
    assert w.until("a")[-1].startswith("a BAD ")


def test_largest_append(client):
    w = client("imap_max_append_size = 1k\n")
    w.append(b"x" * 1024)
    w.send("a APPEND INBOX {1025}\r\n")
    assert w.until("a") == ["a NO [TOOBIG] Message is too large."]
    assert " OK " in w.do("NOOP")[-1]


def test_figures_at_logout(client):
    w = client("imap_logout_format = in=%i body=%{fetch_body_count}/%{fetch_body_bytes}\n")
    w.append(MESSAGE)
    w.do("SELECT INBOX")
    w.do("FETCH 1 BODY[]")
    w.do("LOGOUT")
    wanted = f"body=1/{len(MESSAGE)}"
    deadline = time.monotonic() + 10
    while wanted not in w.server.log and time.monotonic() < deadline:
        time.sleep(0.05)
    assert wanted in w.server.log


def test_a_client_that_just_goes_is_logged_as_such(client):
    w = client("")
    w.do("SELECT INBOX")
    w.sock.close()
    deadline = time.monotonic() + 10
    while "Connection closed" not in w.server.log and \
            time.monotonic() < deadline:
        time.sleep(0.05)
    assert "Disconnected: Connection closed" in w.server.log
    assert "Logged out" not in w.server.log


def own(folder):
    if IS_ROOT:
        shutil.chown(folder, MAIL_USER, MAIL_GROUP)


@pytest.mark.parametrize("where", ["~/rawlog", "{dir}/rawlog/%u"])
def test_rawlog(make_server, where):
    """In the home or outside of what a session sees, for whom it exists."""
    server = make_server()
    where = where.format(dir=server.dir)
    server.write_config(extra=f"rawlog_dir = {where}\n")
    server.adm("reload")
    server.imap("bob").logout()
    folder = server.home("alice") / "rawlog" if where[0] == "~" \
        else server.dir / "rawlog" / "alice"
    server.imap("alice").logout()   # its home is there now
    assert not folder.exists()
    os.makedirs(folder)
    own(folder)
    for tls in (False, True):
        client = server.imap("alice", tls=tls)
        client.select()
        client.logout()
    server.imap("bob").logout()
    sent = sorted(folder.glob("*.in"))
    assert len(sent) == len(list(folder.glob("*.out"))) == 2
    for path in sent:
        assert b" SELECT " in path.read_bytes()
        assert b"[READ-WRITE]" in path.with_suffix(".out").read_bytes()
    assert not (server.home("bob") / "rawlog").exists()
