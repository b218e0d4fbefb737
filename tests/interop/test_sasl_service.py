"""Postfix and Exim let users send mail whose passwords Culver's auth knows: with and
without STARTTLS, right and wrong passwords, and auth killed in the middle."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import ssl
import subprocess
import time

import pytest

import culver
import postfix

AUTH = """
service auth {{
  unix_listener {path} {{
    mode = 0660
    user = {owner}
    group = {owner}
  }}
}}
"""
TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
# Debian's exim4 asks for its own user before it reads who it is to run as
EXIM_USER = "Debian-exim"
EXIM_CONF = """\
exim_user = {user}
exim_group = {user}
spool_directory = {dir}/spool
log_file_path = {dir}/exim-%slog
pid_file_path = {dir}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
primary_hostname = mx.example.org
tls_advertise_hosts = *
tls_certificate = {dir}/cert.pem
tls_privatekey = {dir}/key.pem
auth_advertise_hosts = *
acl_smtp_rcpt = acl_rcpt
keep_environment =
begin acl
acl_rcpt:
  accept authenticated = *
  deny
begin routers
all:
  driver = accept
  transport = drop
begin transports
drop:
  driver = appendfile
  file = /dev/null
begin authenticators
plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = {socket}
  server_set_id = $auth1
login:
  driver = dovecot
  public_name = LOGIN
  server_socket = {socket}
  server_set_id = $auth1
"""


def smtp(port, tls):
    client = smtplib.SMTP("127.0.0.1", port, timeout=60)
    client.ehlo()
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client.starttls(context=context)
        client.ehlo()
    return client


def check_logins(port, tls):
    for mechanism in ("PLAIN", "LOGIN"):
        with smtp(port, tls) as client:
            assert mechanism in client.esmtp_features["auth"].split()
            client.user, client.password = "alice", "secret"
            way = getattr(client, f"auth_{mechanism.lower()}")
            assert client.auth(mechanism, way)[0] == 235
            client.sendmail("alice@example.org", ["x@elsewhere.example"],
                            "Subject: relayed\r\n\r\nfor those who have logged in\r\n")
        with smtp(port, tls) as client:
            client.user, client.password = "alice", "wrong"
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
            assert refused.value.smtp_code == 535
            assert client.mail("alice@example.org")[0] == 250
            assert client.rcpt("x@elsewhere.example")[0] in (454, 550, 554)


def kill_auth(server):
    for line in subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True,
                               text=True, check=True).stdout.splitlines():
        pid, parent, *args = line.split()
        if int(parent) == server.process.pid and args[-1:] == ["auth"]:
            os.kill(int(pid), signal.SIGKILL)
            assert culver.wait_for(lambda: not pathlib.Path("/proc", pid).exists())
            return
    raise AssertionError("there is no auth")


def check_recovery(server, port):
    """A connection that is open, and had asked, when auth dies; and one after."""
    with smtp(port, False) as client:
        client.user, client.password = "alice", "wrong"
        with contextlib.suppress(smtplib.SMTPAuthenticationError):
            client.auth("PLAIN", client.auth_plain)
        kill_auth(server)
        client.password = "secret"
        assert client.auth("PLAIN", client.auth_plain)[0] == 235
    server.adm("reload")
    with smtp(port, False) as client:
        client.login("bob", "secret")


@pytest.fixture
def server():
    server = culver.Server()
    try:
        yield server
    finally:
        server.stop()
        server.remove()


def listen(server, path, owner):
    server.write_config(AUTH.format(path=path, owner=owner))
    server.start()


@pytest.mark.skipif(not postfix.available(), reason="needs root and Postfix")
def test_postfix(server):
    with contextlib.ExitStack() as stack:
        mta = postfix.Postfix("discard:")
        (mta.dir / "queue" / "private").mkdir(exist_ok=True)
        shutil.chown(mta.dir / "queue" / "private", "postfix")
        with open(mta.etc / "main.cf", "a", encoding="utf-8") as main:
            main.write(f"""
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_cert_file = {server.dir}/cert.pem
smtpd_tls_key_file = {server.dir}/key.pem
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_delay_reject = no
default_transport = discard
mynetworks =
smtpd_hard_error_limit = 100
""")
        socket = mta.dir / "queue" / "private" / "auth"
        stack.enter_context(mta)
        listen(server, socket, "postfix")
        assert oct(socket.stat().st_mode & 0o777) == "0o660"
        for tls in (False, True):
            check_logins(mta.port, tls)
        check_recovery(server, mta.port)
        assert "service=smtp, rip=127.0.0.1" in server.log
        assert "sasl_method=PLAIN, sasl_username=alice" in mta.log


@pytest.fixture(name="exim", scope="module")
def find_exim(tmp_path_factory):
    """Debian's, installed or, since it cannot be beside Postfix, unpacked."""
    if not culver.IS_ROOT:
        pytest.skip("needs root")
    found = shutil.which("exim4", path="/usr/sbin")
    if found is not None and EXIM_USER in {u.pw_name for u in pwd.getpwall()}:
        return found
    folder = pathlib.Path(os.environ.get("CULVER_BUILD_DIR") or
                          tmp_path_factory.mktemp("exim")) / "exim"
    done = subprocess.run([TOOLS / "exim", folder], capture_output=True, text=True, timeout=120,
                          check=False)
    if done.returncode == 69:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return folder / "usr" / "sbin" / "exim4"


def test_exim(server, exim, tmp_path):
    culver.open_to_all(tmp_path)
    user = culver.MAIL_USER
    shutil.chown(tmp_path, user)
    for name in ("cert.pem", "key.pem"):
        shutil.copy(server.dir / name, tmp_path)
        shutil.chown(tmp_path / name, user)
    port = culver.free_port()
    socket = server.dir / "run" / "exim" / "auth-client"
    listen(server, socket, user)
    config = tmp_path / "exim.conf"
    config.write_text(EXIM_CONF.format(dir=tmp_path, port=port, socket=socket, user=user))
    env = dict(os.environ, LC_ALL="C")
    process = subprocess.Popen([exim, "-C", config, "-bdf"], env=env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        culver.release_port(port)
        for _ in range(200):
            with contextlib.suppress(OSError):
                smtplib.SMTP("127.0.0.1", port).quit()
                break
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.05)
        for tls in (False, True):
            check_logins(port, tls)
        check_recovery(server, port)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
    log = (tmp_path / "exim-mainlog").read_text()
    assert "A=plain:alice" in log and "A=login:alice" in log
    assert "service=smtp, rip=127.0.0.1" in server.log
