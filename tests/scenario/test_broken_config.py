"""culveradm and a running server whose configuration has become broken: what
runs can be seen, told and stopped."""
import contextlib
import json
import pathlib
import shutil
import subprocess
import time

import pytest

import culver

BROKEN = {
    "value": lambda text: text.replace("ssl = yes", "ssl = perhaps", 1),
    "brace": lambda text: text + "\nservice imap {\n",
    # not even base_dir can be read of these
    "empty-but-wrong": lambda text: "}\n",
    "base-dir-after": lambda text: "base_dir\n" + text.replace("base_dir =", "#"),
}


@pytest.fixture(params=[*BROKEN, "gone"])
def broken(request):
    with culver.Server() as server:
        text = server.config.read_text()
        if request.param == "gone":
            server.config.unlink()
        else:
            server.config.write_text(BROKEN[request.param](text))
        yield server
        if server.process and server.process.poll() is None:
            server.config.write_text(text)


def told(server, *args, status=0):
    done = server.adm(*args, check=False)
    assert done.returncode == status, done.stderr
    assert done.stderr.count("Warning: the configuration is broken: ") == 1, done.stderr
    assert str(server.config) in done.stderr
    assert str(server.dir / "run") in done.stderr
    return done


def test_what_runs_can_be_seen_and_told(broken):
    client = broken.imap()
    rows = json.loads(told(broken, "-f", "json", "service", "status").stdout)
    assert "imap-login" in {row["service"] for row in rows}
    rows = json.loads(told(broken, "-f", "json", "who").stdout)
    assert [row["username"] for row in rows] == ["alice"]
    told(broken, "log", "test")
    assert "this is a test line" in broken.log
    told(broken, "log", "reopen")
    told(broken, "penalty")
    assert "kicked connections: 1" in told(broken, "kick", "alice").stdout
    with pytest.raises(Exception):
        for _ in range(20):
            client.noop()


def test_a_reload_fails_and_nothing_changes(broken):
    done = told(broken, "reload", status=78)
    assert "cannot be used" in done.stderr
    deadline = time.monotonic() + 10
    while "the old settings stay in force" not in broken.log:
        assert time.monotonic() < deadline, broken.log
        time.sleep(0.05)
    broken.imap().logout()


def test_it_can_be_stopped(broken):
    told(broken, "stop")
    assert broken.process.wait(20) == 0
    assert not (broken.dir / "run" / "instance").exists()
    done = broken.adm("stop", check=False)
    assert done.returncode == 78
    assert "no server that was started with it is found" in done.stderr


def test_log_find_says_what_can_be_read(server):
    text = server.config.read_text()
    server.config.write_text(text + "\nnonsense\n")
    done = server.adm("log", "find", check=False)
    server.config.write_text(text)
    assert "the configuration is broken" in done.stderr
    assert str(server.dir / "culver.log") in done.stdout


def test_another_configuration_is_not_taken_for_it(server):
    """The same broken text at another path is another server's."""
    other = server.dir / "other.conf"
    other.write_text(server.config.read_text() + "\n}\n")
    done = culver.Server.adm(type("Other", (), {"config": other})(), "stop", check=False)
    assert done.returncode == 78
    assert server.process.poll() is None


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs another user")
def test_a_file_of_a_stranger_is_not_believed(server):
    instance = pathlib.Path(server.dir / "run" / "instance")
    assert instance.read_text() == f"{server.config}\n"
    text = server.config.read_text()
    server.config.write_text(text + "\n}\n")
    shutil.chown(instance, "nobody")
    done = server.adm("service", "status", check=False)
    shutil.chown(instance, "root")
    server.config.write_text(text)
    assert done.returncode == 78


# What only a plugin understands: {1} the setting it is in, text that must be
# told, and the word that begins the line.
WRONG_VALUES = {
    "unknown driver": ("passdb", "driver = passwd-fiel\n args = {dir}/users",
                       "driver", "did you mean 'passwd-file'?"),
    "driver of the other kind": ("passdb", "driver = passwd", "driver",
                                 "the plugin 'auth-passwd' has no passdb 'passwd' "
                                 "(it has: userdb 'passwd')"),
    "unknown word": ("passdb", "driver = passwd-file\n"
                     " args = shceme=PLAIN {dir}/users", "args",
                     "passdb passwd-file: args has 'shceme', known are scheme=, "
                     "username_format= and last the absolute path of the file; "
                     "did you mean 'scheme'?"),
    "no path": ("passdb", "driver = passwd-file\n args = scheme=PLAIN", "args",
                "args has no absolute path of a file"),
    "missing file": ("passdb", "driver = passwd-file\n args = {dir}/nobody", "args",
                     "passdb passwd-file: there is no file '{dir}/nobody'"),
    "missing file of a userdb": ("userdb", "driver = passwd-file\n args = {dir}/nobody",
                                 "args", "userdb passwd-file: there is no file"),
    "a folder": ("passdb", "driver = passwd-file\n args = {dir}", "args",
                 "is no regular file"),
    "unknown variable": ("passdb", "driver = passwd-file\n args = /x/%{{usr}}/y", "args",
                         "passdb passwd-file: "),
    "static without password": ("passdb", "driver = static\n args = user=x", "args",
                                "args has neither password= nor nopassword"),
    "static variable": ("userdb", "driver = static\n args = uid=0 home=/x/%{{usre}}",
                        "args", "userdb static: "),
    "args of passwd": ("userdb", "driver = passwd\n args = uid=5", "args",
                       "this driver needs none"),
    "fields": ("userdb", "driver = static\n args = uid=0\n"
               " override_fields = home=/x/%{{usre}}", "override_fields",
               "override_fields: "),
    "scheme": ("passdb", "driver = passwd-file\n args = scheme=SSHA521 {dir}/users", "args",
               "passdb passwd-file: unknown password scheme 'SSHA521'; "
               "did you mean 'SSHA512'?"),
    "scheme of a plugin": ("passdb", "driver = passwd-file\n"
                           " args = scheme=sha512-crytp {dir}/users", "args",
                           "did you mean 'SHA512-CRYPT'?"),
    "scheme like none": ("passdb", "driver = passwd-file\n"
                         " args = scheme=whirlpool {dir}/users", "args",
                         "unknown password scheme 'whirlpool' (hint: 'culveradm pw -l'"),
    "encoding": ("passdb", "driver = passwd-file\n args = scheme=SHA256.b46 {dir}/users",
                 "args", "behind the dot stands B64, BASE64 or HEX"),
    "scheme of a password": ("passdb", "driver = static\n args = password={{PLAINN}}x",
                             "args", "passdb static: unknown password scheme 'PLAINN'; "
                             "did you mean 'PLAIN'?"),
    "brace of a scheme": ("passdb", "driver = static\n args = password={{PLAIN",
                          "args", "begins with '{' but has no '}'"),
    "PAM option": ("passdb", "driver = pam\n args = sesion=yes imap", "args",
                   "did you mean 'session'?"),
    "PAM folder": ("passdb", "driver = pam\n args = confdir=/nowhere imap", "args",
                   "there is no folder '/nowhere'"),
}
WRONG_SETTINGS = {
    "location key": ("mail_location = maildir:~/M:INDX=/x", "mail_location",
                     "key 'INDX' is not known; did you mean 'INDEX'?"),
    "other directory": ("mail_location = mdbox:~/m:MAILBOXDIR=box", "mail_location",
                        "MAILBOXDIR='box' is not supported"),
    "location home": ("mail_location = maildir:~bob/Mail", "mail_location",
                      "'~bob/Mail': other users' homes are not supported"),
    "location escapes": ("mail_location = maildir:~/M:BROKENCHAR=_", "mail_location",
                         "BROKENCHAR is not supported"),
    "location file": ("mail_location = maildir:~/M:SUBSCRIPTIONS=a/b", "mail_location",
                      "SUBSCRIPTIONS='a/b' is a path, but must be the name of a file"),
    "layout": ("mail_location = maildir:~/M:LAYOUT=maildirpp", "mail_location",
               "maildir has no LAYOUT 'maildirpp'; did you mean 'maildir++'?"),
    "layout of a protocol": ("protocol lmtp {\n"
                             " mail_location = mbox:~/m:LAYOUT=maildir++\n}",
                             " mail_location", "mbox has no LAYOUT 'maildir++'"),
    "quota rule": ("mail_plugins = quota\nplugin {\n quota_rule2 = Trash:storge=1G\n}",
                   " quota_rule2", "'storge=1G' is no limit"),
    "quota rule of a protocol": ("protocol imap {\n mail_plugins = quota\n}\n"
                                 "protocol imap {\n plugin {\n  quota_rule = x\n }\n}",
                                 "  quota_rule", "is not MAILBOX:LIMIT"),
    "key file": ("mail_plugins = crypt\nplugin {\n crypt_key_file = /no/keys\n}",
                 " crypt_key_file", "there is no file '/no/keys'"),
    "key": ("mail_plugins = crypt\nplugin {\n crypt_key_file = /etc/hostname\n}",
            " crypt_key_file", "line 1 is not 64 hexadecimal digits"),
}


def line_of(text, begin):
    lines = [number for number, line in enumerate(text.splitlines(), 1)
             if line.startswith(begin)]
    return lines[-1]


def culverconf(server):
    return subprocess.run([culver.PREFIX / "bin" / "culverconf", "-c", server.config],
                          capture_output=True, text=True, timeout=60)


@contextlib.contextmanager
def written(server, text):
    old = server.config.read_text()
    server.config.write_text(text)
    try:
        yield
    finally:
        server.config.write_text(old)


def start_fails(server):
    done = subprocess.run([culver.PREFIX / "sbin" / "culverd", "-F", "-c", server.config],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 89, done.stderr
    return done.stderr


def must_refuse(server, text, begin, told):
    """culverconf, a start and (when it runs) a reload say it in one form."""
    problem = f"{server.config}:{line_of(text, begin)}: "
    with written(server, text):
        done = culverconf(server)
        assert done.returncode == 89, done.stderr
        lines = [line for line in done.stderr.splitlines()
                 if problem in line and told.replace("{dir}", str(server.dir)) in line]
        assert len(lines) == 1, done.stderr
        problem = lines[0].removeprefix("culverconf: Error: ")
        assert problem != lines[0]
        if server.process is None:
            assert f"culverd: Error: {problem}\n" in start_fails(server)
            return
        done = server.adm("reload", check=False)
        assert done.returncode == 78
        assert f"culveradm: Error: {problem}\n" in done.stderr, done.stderr
        deadline = time.monotonic() + 10
        while "the old settings stay in force" not in server.log:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)
        assert f"config: Error: {problem}\n" in server.log
        server.imap().logout()


@pytest.fixture(scope="module")
def stopped():
    server = culver.Server()
    yield server
    server.remove()


@pytest.mark.parametrize("scheme", ["plain", "SSHA512.hex", "SHA512-CRYPT", "argon2id",
                                    "SHA256.B64"])
def test_schemes_of_core_and_of_plugins_are_known(stopped, scheme):
    text = stopped.config.read_text().replace("scheme=PLAIN", f"scheme={scheme}")
    with written(stopped, text):
        done = culverconf(stopped)
        assert done.returncode == 0 and "scheme" not in done.stderr, done.stderr


@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_wrong_database_is_told_before_anything_starts(stopped, case):
    kind, block, begin, told = WRONG_VALUES[case]
    block = block.format(dir=stopped.dir)
    must_refuse(stopped, stopped.config.read_text() + f"{kind} {{\n {block}\n}}\n",
                " " + begin, told)


@pytest.mark.parametrize("case", WRONG_SETTINGS)
def test_a_wrong_value_of_a_plugin_is_told_before_anything_starts(stopped, case):
    text, begin, told = WRONG_SETTINGS[case]
    must_refuse(stopped, stopped.config.read_text() + text + "\n", begin, told)


@pytest.mark.parametrize("case", ["unknown word", "missing file", "unknown driver"])
def test_a_reload_with_a_wrong_database_changes_nothing(server, case):
    kind, block, begin, told = WRONG_VALUES[case]
    block = block.format(dir=server.dir)
    must_refuse(server, server.config.read_text() + f"{kind} {{\n {block}\n}}\n",
                " " + begin, told)
    server.adm("reload")
    server.imap().logout()


def test_all_mistakes_are_told_at_once(server):
    text = (server.config.read_text() + "nonsense = 1\npassdb {\n driver = passwd-file\n"
            " args = foo=1 bar=2 /no/such\n}\nplugin {\n quota_rule = x\n}\n"
            "mail_plugins = quota\nmail_location = maildir:~/x:LAYUT=fs:BROKENCHAR=+\n")
    with written(server, text):
        shown = culverconf(server).stderr
        reloaded = server.adm("reload", check=False).stderr
        server.stop()
        started = start_fails(server)
    for output in (shown, reloaded, started):
        for told in ("'nonsense'", "'foo'", "'bar'", "/no/such", "MAILBOX:LIMIT",
                     "'LAYUT'", "BROKENCHAR"):
            assert f"{server.config}:" in output
            assert told in output, (told, output)


def test_levels_of_compression_are_a_warning(stopped):
    with written(stopped, stopped.config.read_text() + "mail_plugins = compress\n"
                 "plugin {\n zlib_save = gz\n zlib_save_level = 19\n}\n"):
        done = culverconf(stopped)
    assert done.returncode == 0, done.stderr
    assert "zlib_save_level: 19 is none of gz, which has 1 to 9: 9 is used" in done.stderr


def test_names_of_dovecots_plugins_say_what_to_do(stopped):
    with written(stopped, stopped.config.read_text()
                 + "mail_plugins = zlib mail_crypt notify qouta\n"):
        done = culverconf(stopped)
    where = f"{stopped.config}:{line_of(stopped.config.read_text() + 'm', 'm')}: cannot load"
    for name, told in {"zlib": "Dovecot's 'zlib' is 'compress' here",
                       "mail_crypt": "cannot be read; 'crypt' encrypts new mail",
                       "notify": "a plugin of Dovecot that is not here: take it out",
                       "qouta": "did you mean 'quota'?"}.items():
        assert [l for l in done.stderr.splitlines()
                if f"{where} '{name}'" in l and told in l], done.stderr


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_of_dovecots_plugins_is_one_mistake(stopped, tmp_path, there):
    folder = tmp_path / "dovecot" / "modules"
    if there:
        folder.mkdir(parents=True)
    with written(stopped, stopped.config.read_text() + f"mail_plugin_dir = {folder}\n"):
        done = culverconf(stopped)
        line = line_of(stopped.config.read_text(), "mail_plugin_dir")
    errors = [l for l in done.stderr.splitlines() if "Error" in l]
    assert done.returncode == 89 and len(errors) == 1, done.stderr
    assert f"{stopped.config}:{line}: mail_plugin_dir: " in errors[0]
    assert "a folder of Dovecot's plugins, which cannot be loaded here" in errors[0]
    assert "take the line out; this server's plugins are in" in errors[0]
