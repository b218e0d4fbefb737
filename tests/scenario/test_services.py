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
    ("service imap {\n privileged_group = mail\n}\n", "privileged_group = mail",
     "write extra_groups"),
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


@pytest.mark.parametrize("written", [
    "service pop3-login {\n inet_listener pop3 {\n port = 0\n }\n}\n",
    "service auth-worker {\n process_min_avail = 2\n user = root\n}\n",
    "service imap-login {\n service_count = 0\n process_min_avail = 2\n client_limit = 10\n}\n",
    "service imap {\n executable = imap post\n process_limit = 10\n vsz_limit = 1 G\n}\n"
    "service post {\n executable = script-login /bin/true\n unix_listener post {\n }\n}\n",
    "service lmtp {\n unix_listener other {\n mode = 0600\n }\n user = root\n}\n",
    "service deliver {\n process_limit = 10\n}\n"],
    ids=["pop3", "workers", "shared", "script", "lmtp", "deliver"])
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
    for name in ("auth-userdb", "exim/auth-client"):
        assert re.search(rf"culver\.conf:\d+: service auth: unix_listener {name} is not "
                         "opened: .*cannot ask", server.log)


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
