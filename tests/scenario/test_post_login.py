"""Post-login scripts, written as for Dovecot: executable = imap post-login."""
import imaplib
import os
import pwd
import time

import pytest

import culver

EXTRA = """
service imap {{
  executable = imap post-login
}}
service post-login {{
  executable = script-login {options} {script} {argument}
  user = {user}
  unix_listener post-login {{
  }}
}}
"""


@pytest.fixture
def make():
    """make(text of the script) -> a server that runs it."""
    servers = []

    def build(text, options="", user="", argument=""):
        server = culver.Server()
        servers.append(server)
        script = server.dir / "script.sh"
        script.write_text("#!/bin/sh\n" + text)
        script.chmod(0o755)
        server.write_config(EXTRA.format(script=script, options=options,
                                         user=user, argument=argument))
        return server.start()

    yield build
    for server in servers:
        try:
            server.stop()
        finally:
            server.remove()


def refused(server):
    with pytest.raises(imaplib.IMAP4.error) as caught:
        server.imap()
    assert "[UNAVAILABLE]" in str(caught.value)
    assert "[AUTHENTICATIONFAILED]" not in str(caught.value)


def logged(server, text):
    deadline = time.monotonic() + 5
    while text not in server.log:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)


def test_a_script_runs_as_the_user_with_dovecots_environment(make):
    server = make("""
mkdir -p "$HOME"
printf '%s|' "$USER" "$HOME" "$IP" "$LOCAL_IP" "$SERVICE" "$1" > "$HOME/seen"
id -u >> "$HOME/seen"
echo "said on stderr" >&2
exec "$@"
""")
    client = server.imap()
    assert client.select()[0] == "OK"
    client.logout()
    seen = (server.home("alice") / "seen").read_text().strip().split("|")
    assert seen[:5] == ["alice", str(server.home("alice")), "127.0.0.1",
                        "127.0.0.1", "imap"]
    assert seen[5].endswith("culver-service")
    assert int(seen[6]) == pwd.getpwnam(culver.MAIL_USER).pw_uid
    assert (os.stat(server.home("alice") / "seen").st_uid
            == pwd.getpwnam(culver.MAIL_USER).pw_uid)
    logged(server, "said on stderr")


def test_a_script_that_does_not_exec_keeps_the_user_out(make):
    server = make('[ "$USER" = alice ] && { echo "no alice" >&2; exit 3; }\nexec "$@"\n')
    refused(server)
    logged(server, "ended with status 3")
    logged(server, "no alice")
    bob = server.imap("bob")
    assert bob.select()[0] == "OK"
    bob.logout()


def test_a_script_that_hangs_is_killed_and_the_user_kept_out(make):
    server = make("""
sleep 600 &
echo $! > "$HOME.pid" ; wait
exec "$@"
""", options="-t 2")
    before = time.monotonic()
    refused(server)
    assert 1.5 < time.monotonic() - before < 10
    logged(server, "did not end within 2 seconds")
    pid = int(server.home("alice").with_suffix(".pid").read_text())
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        assert not os.path.exists(f"/proc/{pid}"), "the script's child lives on"


def test_a_script_changes_where_the_mail_is(make):
    server = make("""
MAIL=maildir:$HOME/elsewhere
IMAP_LOGOUT_FORMAT="bye %i"
USERDB_KEYS="$USERDB_KEYS mail imap_logout_format"
export MAIL USERDB_KEYS IMAP_LOGOUT_FORMAT
exec "$@"
""")
    client = server.imap()
    client.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n")
    client.logout()
    assert (server.home("alice") / "elsewhere").is_dir()
    assert not (server.home("alice") / "Maildir").exists()
    logged(server, "bye ")


def test_a_script_cannot_change_who_it_is(make):
    server = make('USERDB_KEYS="uid gid"\nGID=0\nexport USERDB_KEYS GID\nexec "$@"\n')
    client = server.imap()
    assert client.select()[0] == "OK"
    client.logout()
    logged(server, "cannot change gid")


def test_a_script_speaks_to_the_client(make):
    server = make('printf "* OK [ALERT] Hello %s\\r\\n" "$USER"\nexec "$@"\n')
    with server.raw() as c:
        c.line()
        lines = c.command("LOGIN alice secret")
        assert b"* OK [ALERT] Hello alice\r\n" in lines
        assert lines[-1].startswith(b"x OK")


def test_a_script_has_no_network_unless_it_is_allowed(make):
    server = make("""
python3 -c '
import socket, sys
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        socket.socket(socket.AF_INET, kind).connect(("127.0.0.1", 9))
    except PermissionError:
        continue
    sys.exit(1)
' && exec "$@"
""")
    server.imap().logout()


def test_a_script_with_network_reaches_it(make):
    server = make("""
python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))' && exec "$@"
""", options="-n")
    server.imap().logout()


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs another user")
def test_a_script_runs_as_the_user_of_its_service_when_one_is_named(make):
    server = make('[ "$(id -un)" = culver ] && exec "$@"\n', user="culver")
    server.imap().logout()


def test_a_script_does_not_escape(make):
    server = make('exec "$@"\n')
    done = server.adm("selftest", "-u", culver.MAIL_USER, "-s", "post-login", "sandbox",
                      check=False)
    assert "become root" in done.stdout
    assert "ESCAPED" not in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_service_without_script_is_refused_with_a_reason():
    server = culver.Server(extra="service imap {\n  executable = imap nowhere\n}\n")
    try:
        with pytest.raises(RuntimeError, match="no service 'nowhere'"):
            server.start()
    finally:
        server.remove()
