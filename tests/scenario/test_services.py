"""service { }: what cannot have an effect is said with its place, and no
socket is there at which nobody answers."""
import pathlib
import re
import socket
import stat
import subprocess

import pytest

import culver

CULVERCONF = culver.PREFIX / "bin" / "culverconf"


def problems(server):
    """[(line, text)] that culverconf has to say of the server's file."""
    done = subprocess.run([CULVERCONF, "-c", server.config, "-n"],
                          capture_output=True, text=True, timeout=60)
    found = re.findall(rf"^culverconf: (\w+): {server.config}:(\d+): (.*)$",
                       done.stderr, re.M)
    lines = server.config.read_text().splitlines()
    return done.returncode, [(kind, lines[int(number) - 1].strip(), text)
                             for kind, number, text in found]


@pytest.fixture
def idle():
    server = culver.Server()
    yield server
    server.remove()


@pytest.mark.parametrize("written, place, text", [
    ("service imapp {\n}\n", "service imapp {",
     "service imapp: there is no such service, the block has no effect; did you mean 'imap'?"),
    ("service imap-logni {\n}\n", "service imap-logni {", "did you mean 'imap-login'?"),
    ("service lmtpp {\n  process_limit = 3\n}\n", "service lmtpp {", "did you mean 'lmtp'?"),
    ("service quota-warning {\n executable = script /bin/true\n}\n",
     "service quota-warning {", "services are those of the protocols"),
    ("service stats {\n unix_listener stats-writer {\n }\n}\n", "service stats {",
     "there is no such service here"),
    ("service lmtp {\n fifo_listener f {\n mode = 0600\n }\n}\n", "fifo_listener f {",
     "no service reads from a FIFO"),
    ("service imap {\n unix_listener login/imap {\n mode = 0666\n }\n}\n",
     "unix_listener login/imap {", "a client is served after its login"),
    ("service anvil {\n unix_listener anvil {\n }\n}\n", "unix_listener anvil {",
     "no service answers there"),
    ("service log {\n inet_listener l {\n port = 1\n }\n}\n", "inet_listener l {",
     "no service answers there"),
    ("service auth {\n idle_kill = 5s\n}\n", "idle_kill = 5s", "no process waits for work"),
    ("service imap {\n process_min_avail = 5\n}\n", "process_min_avail = 5",
     "a process is forked from one that is ready"),
    ("service anvil {\n process_min_avail = 5\n}\n", "process_min_avail = 5",
     "there is one process"),
    ("service auth {\n client_limit = 9\n}\n", "client_limit = 9", "it has no limit of its own"),
    ("service auth-worker {\n process_limit = 9\n}\n", "process_limit = 9",
     "write process_min_avail"),
    ("service imap {\n client_limit = 5\n}\n", "client_limit = 5", "a process of its own"),
    ("service lmtp {\n privileged_group = mail\n}\n", "privileged_group = mail",
     "write it in service deliver"),
    ("service auth {\n privileged_group = mail\n}\n", "privileged_group = mail",
     "only the processes that have mail open"),
    ("service imap-login {\n chroot =\n}\n", "chroot =",
     "always has an empty root directory"),
    ("service deliver {\n extra_groups = daemon, nobodies\n}\n",
     "extra_groups = daemon, nobodies",
     "extra_groups: there is no group 'nobodies' on this system"),
    ("service imap-login {\n executable = /usr/bin/imap-lgin\n}\n",
     "executable = /usr/bin/imap-lgin", "is not run, the service is 'imap-login' of Culver"),
    ("service lmtp {\n executable = lmtp -L\n}\n", "executable = lmtp -L",
     "'-L' has no effect"),
    ("service imap {\n type = login\n}\n", "type = login", "type has no effect"),
    ("service imap {\n protocol = pop3\n}\n", "protocol = pop3", "protocol has no effect"),
    ("service imap-login {\n inet_listener imapss {\n ssl = yes\n }\n}\n",
     "inet_listener imapss {", "is not opened: it has no port"),
    ("protocol impa {\n mail_plugins = quota\n}\n", "mail_plugins = quota",
     "protocol impa: nothing speaks a protocol of that name, the settings in it have no "
     "effect; did you mean 'imap'?"),
    ("protocol !lmpt {\n mail_plugins = quota\n}\n", "mail_plugins = quota",
     "protocol !lmpt: nothing speaks"),
    ("service imap {\n user = nobody\n}\n", "user = nobody", "write mail_uid"),
    ("service lmtp {\n chroot = empty\n}\n", "chroot = empty", "leave it out"),
    ("service imap {\n drop_priv_before_exec = yes\n}\n", "drop_priv_before_exec = yes",
     "has no effect"),
], ids=lambda value: value.split("{")[0].strip().replace(" ", "-"))
def test_what_has_no_effect_is_said_with_its_place(idle, written, place, text):
    idle.write_config(written)
    status, found = problems(idle)
    assert status == 0
    assert len(found) == 1, found
    assert found[0][:2] == ("Warning", place)
    assert text in found[0][2]


@pytest.mark.parametrize("written, place, text", [
    ("service imap-login {\n inet_listner imap {\n port = 1\n }\n}\n", "inet_listner imap {",
     "unknown block 'inet_listner' in service { }; did you mean 'inet_listener'?"),
    ("service lmtp {\n unix_listenr lmtp {\n }\n}\n", "unix_listenr lmtp {",
     "did you mean 'unix_listener'?"),
    ("service imap-login {\n proces_limit = 3\n}\n", "proces_limit = 3",
     "unknown setting 'proces_limit' in service { }; did you mean 'process_limit'?"),
    ("service imap-login {\n inet_listener imap {\n prot = 1\n }\n}\n", "prot = 1",
     "did you mean 'port'?"),
    ("service lmtp {\n unix_listener lmtp {\n mdoe = 0600\n }\n}\n", "mdoe = 0600",
     "did you mean 'mode'?"),
    ("protocols = imapp lmtp\n", "protocols = imapp lmtp", "did you mean 'imap'?"),
    ("protocols = imap lmpt\n", "protocols = imap lmpt", "did you mean 'lmtp'?"),
    ("servce imap {\n}\n", "servce imap {", "did you mean 'service'?"),
    ("protcol imap {\n}\n", "protcol imap {", "did you mean 'protocol'?"),
    ("service imap {\n type = wrker\n}\n", "type = wrker", "did you mean 'worker'?"),
    ("service imap-login {\n inet_listener imap {\n port = 99999\n }\n}\n", "port = 99999",
     "is out of range"),
    ("service imap-login {\n inet_listener imap {\n address = 1.2.3\n }\n}\n",
     "address = 1.2.3", "address: '1.2.3' is not an IP address"),
    ("listen = *, ::g\n", "listen = *, ::g", "listen: '::g' is not an IP address"),
    ("service imap {\n executable = imap post\n}\n", "executable = imap post",
     "there is no service 'post' and no service with a unix_listener of that name"),
    ("service imap {\n vsz_limit = 256\n}\n", "vsz_limit = 256",
     "no process can run in less than 16 M (hint: a number without a unit is in bytes"),
    ("log_path = jurnal\n", "log_path = jurnal", "did you mean 'journal'?"),
    ("info_log_path = culver.log\n", "info_log_path = culver.log",
     "neither syslog, journal or stderr nor the whole path of a file"),
    ("syslog_facility = lcoal1\n", "syslog_facility = lcoal1", "did you mean 'local1'?"),
    ("default_vsz_limit = 512k\n", "default_vsz_limit = 512k", "no process can run"),
    ("service x {\n executable = script-login x\n}\n", "executable = script-login x",
     "the script must be named with its whole path"),
], ids=lambda value: value.split("{")[0].strip().replace(" ", "-"))
def test_what_cannot_be_meant_is_an_error_with_its_place(idle, written, place, text):
    idle.write_config(written)
    status, found = problems(idle)
    assert status != 0
    assert len(found) == 1, found
    assert found[0][:2] == ("Error", place)
    assert text in found[0][2]


@pytest.mark.parametrize("written", [
    "protocol lda {\n mail_plugins = quota\n}\nprotocol !imap {\n mail_plugins = quota\n}\n",
    "listen = *, [::], ::1\nservice imap {\n executable = /usr/lib/dovecot/imap\n"
    " privileged_group = mail\n}\n",
    "service imap-login {\n inet_listener imaps {\n port = 0\n }\n}\n",
    "service pop3-login {\n inet_listener pop3 {\n port = 0\n }\n}\n",
    "service auth-worker {\n process_min_avail = 2\n user = root\n}\n",
    "service imap-login {\n service_count = 0\n process_min_avail = 2\n client_limit = 10\n}\n",
    "service imap {\n executable = imap post\n process_limit = 10\n vsz_limit = 1 G\n}\n"
    "service post {\n executable = script-login /bin/true\n unix_listener post {\n }\n}\n",
    "service lmtp {\n unix_listener other {\n mode = 0600\n }\n user = root\n}\n",
    "service deliver {\n process_limit = 10\n}\n"],
    ids=["filters", "dovecot", "no-port", "pop3", "workers", "shared", "script", "lmtp", "deliver"])
def test_what_has_an_effect_is_not_complained_of(idle, written):
    idle.write_config(written)
    assert problems(idle) == (0, [])


SOURCES = pathlib.Path(__file__).resolve().parents[2]


def test_every_setting_of_core_is_used_or_said_to_be_unused():
    declared = set()
    for path in (SOURCES / "core/settings").glob("core-settings-*.c"):
        declared |= set(re.findall(r"CV_SETTING\(\w+, (\w+)", path.read_text()))
    code = "".join(
        path.read_text(errors="replace")
        for folder in ("core", "plugins") for path in (SOURCES / folder).rglob("*.c")
        if not re.match(r"core-settings|settings-compat|unused-check", path.name))
    used = set(re.findall(r'(?:\.|->|")(\w+)\b', code))
    table = (SOURCES / "core/settings/unused-check.c").read_text()
    unused = set(re.findall(r'^\t\{ "(\w+)",', table, re.M))
    assert len(declared) > 100
    assert declared - used == unused


def test_a_setting_that_nobody_uses_is_told(idle):
    idle.write_config("verbose_ssl = yes\nauth_realms =\n"
                      "protocol imap {\n  mail_temp_dir = /var/tmp\n}\n")
    assert problems(idle) == (0, [
        ("Warning", "verbose_ssl = yes",
         "'verbose_ssl' has no effect yet: a failed handshake is always logged"),
        ("Warning", "mail_temp_dir = /var/tmp",
         "'mail_temp_dir' has no effect yet: nothing uses it")])


def test_no_socket_is_there_that_nobody_answers(make_server):
    server = make_server(extra="""
service auth {
  unix_listener auth-userdb {
    mode = 0666
  }
  unix_listener exim/auth-client {
    mode = 0666
  }
}
""")
    answered = []
    for path in pathlib.Path(server.dir / "run").rglob("*"):
        if not stat.S_ISSOCK(path.lstat().st_mode) or path.name == "master":
            continue
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(path))
            assert sock.recv(1), f"{path} says nothing"
            answered.append(path.name)
    assert "lmtp" in answered
    server.adm("reload")
    assert {"auth-userdb", "auth-client"} <= set(answered)
    assert "is not opened" not in server.log


@pytest.mark.parametrize("written, place, name, guess", [
    ("passdb {\n driver = passwdfile\n}\n", "driver = passwdfile", "auth-passwdfile",
     "passwd-file"),
    ("userdb {\n driver = statick\n}\n", "driver = statick", "auth-statick", "static"),
    ("passdb {\n driver = nosuchthing\n}\n", "driver = nosuchthing", "auth-nosuchthing", None),
    ("auth_plugins = scheme-cript\n", "auth_plugins = scheme-cript", "scheme-cript",
     "scheme-crypt"),
    ("mail_location = maildirr:~/M\n", "mail_location = maildirr:~/M", "storage-maildirr",
     "maildir"),
    ("protocol imap {\n mail_location = maldir:~/M\n}\n", "mail_location = maldir:~/M",
     "storage-maldir", "maildir"),
    ("namespace {\n prefix = x/\n location = maildi:~/M\n}\n", "location = maildi:~/M",
     "storage-maildi", "maildir"),
    ("mail_storage_drivers = mailir\n", "mail_storage_drivers = mailir", "storage-mailir",
     "maildir"),
    ("protocol lmtp {\n mail_plugins = sive\n}\n", "mail_plugins = sive", "sive", None),
    ("protocols = imap limtp\n", "protocols = imap limtp", "limtp", "lmtp"),
], ids=lambda value: str(value).split(" ", maxsplit=1)[0])
def test_a_plugin_that_is_not_there_is_reported_where_it_is_asked_for(
        idle, written, place, name, guess):
    idle.write_config(written)
    status, found = problems(idle)
    assert status != 0
    texts = [(kind, where, text) for kind, where, text in found
             if f"cannot load '{name}'" in text]
    assert len(texts) == 1, found
    assert texts[0][:2] == ("Error", place)
    assert ("did you mean '" in texts[0][2]) == (guess is not None)
    assert guess is None or texts[0][2].endswith(f"did you mean '{guess}'?")
    # the server says the same
    done = subprocess.run([culver.PREFIX / "sbin" / "culverd", "-F", "-c", idle.config],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 89
    assert texts[0][2] in done.stderr + done.stdout
