"""Plugins in a running server: one that cannot be loaded stops the start, or,
with plugin_on_error = skip, is left out; one that works does its work."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import culver

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", TOP))
WRONG = {
    "wrong-constructor": "it crashed with signal 11",
    "wrong-init-crash": "it crashed with signal 6",
    "wrong-time-t": "it was built with 32-bit time_t",
    "wrong-newer-api": "it needs plugin API",
    "wrong-need": "it needs the plugin 'nowhere'",
    "wrong-absent": "there is no file",
}
MAIL = b"From: <a@example.org>\r\nSubject: hello\r\n\r\nbody\r\n"

pytestmark = pytest.mark.skipif(
    not (BUILD / "tests/abi/.libs/wrong-need.so").exists(),
    reason="the wrong plugins are not built")


@pytest.fixture
def plugins(tmp_path):
    """The installed plugins and the wrong ones, in a folder of their own."""
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    culver.open_to_all(tmp_path)
    sources = list((culver.PREFIX / "lib/culver/plugins").glob("*.so"))
    sources += (BUILD / "tests/abi/.libs").glob("wrong-*.so")
    for so in sources:
        shutil.copy(so, folder / so.name)
        (folder / so.name).chmod(0o644)
    return folder


def settings(plugins, *names, on_error="fail"):
    return (f"mail_plugin_dir = {plugins}\n"
            f"plugin_on_error = {on_error}\n"
            f"mail_plugins = {' '.join(names)}\n")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_plugin_is_refused_by_its_sentence(plugins, name):
    server = culver.Server(extra=settings(plugins, name))
    try:
        with pytest.raises(RuntimeError) as refused:
            server.start()
        assert f"'{name}'" in str(refused.value)
        assert WRONG[name] in str(refused.value)
    finally:
        server.stop()
        server.remove()


def test_with_skip_the_server_runs_without_the_wrong_ones(plugins):
    extra = settings(plugins, "TEMPLATE", *WRONG, on_error="skip")
    with culver.Server(extra=extra) as server:
        assert server.deliver(MAIL) == {}
        client = server.imap()
        assert client.select("INBOX")[1] == [b"1"]
        client.logout()
        assert "Info: message stored: INBOX/1" in server.log
        for name, sentence in WRONG.items():
            assert any(name in line and sentence in line
                       for line in server.log.splitlines())


def test_a_plugin_that_crashes_in_its_check_is_refused(plugins):
    server = culver.Server(extra=settings(plugins, "wrong-check", "wrong-good-b"))
    try:
        with pytest.raises(RuntimeError) as refused:
            server.start()
        assert "cannot load 'wrong-check': it crashed with signal 6" in str(refused.value)
        assert "while it looked its settings over" in str(refused.value)
        # the others were heard
        assert "plugin wrong-good-b: all is well" in str(refused.value)
    finally:
        server.stop()
        server.remove()


def test_a_service_that_cannot_start_is_not_tried_for_ever(plugins):
    extra = (f"mail_plugin_dir = {plugins}\n"
             "auth_plugins = scheme-crypt? scheme-argon2? wrong-init-fails\n")
    with culver.Server() as server:
        server.write_config(extra)
        server.adm("reload")
        deadline = time.monotonic() + 20
        while "auth cannot start: it is started again in 4 seconds" not in server.log:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.1)
        reasons = [l for l in server.log.splitlines()
                   if " auth: Fatal" in l and "wrong_text is not pretty" in l]
        # at once, then after 0.25, 0.5, 1, 2 seconds
        assert 5 <= len(reasons) <= 7, reasons
        # workers are several, and die together
        assert "auth-worker cannot start: it is started again in 60" not in server.log
        server.write_config()
        server.adm("reload")
        server.imap().logout()


def test_a_plugin_that_others_may_write_is_refused(plugins):
    (plugins / "TEMPLATE.so").chmod(0o666)
    server = culver.Server(extra=settings(plugins, "TEMPLATE"))
    try:
        with pytest.raises(RuntimeError, match="can be written by everyone"):
            server.start()
    finally:
        server.stop()
        server.remove()


def test_settings_of_a_plugin_reach_its_sessions(plugins):
    extra = settings(plugins, "TEMPLATE")
    extra += "plugin {\n  template_text = something new\n}\n"
    with culver.Server(extra=extra) as server:
        server.deliver(MAIL)
        assert "Info: something new: INBOX/1" in server.log


def test_culveradm_lists_what_the_server_uses(plugins):
    with culver.Server(extra=settings(plugins, "TEMPLATE")) as server:
        lines = server.adm("-f", "tab", "plugin", "list").stdout.splitlines()
    used = {line.split("\t")[0] for line in lines if "\tyes\t" in line}
    assert {"TEMPLATE", "imap", "lmtp", "storage-maildir",
            "auth-passwd-file", "auth-static"} <= used


def test_a_header_tree_is_enough_to_build_a_plugin(tmp_path):
    """With what is installed, as an integrator has it."""
    env = dict(os.environ,
               PKG_CONFIG_PATH=str(culver.PREFIX / "lib/pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "culver-plugin"], env=env,
                           check=True, capture_output=True, text=True).stdout.split()
    so = tmp_path / "TEMPLATE.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-DCV_PLUGIN=TEMPLATE",
                    *flags, "-o", so, TOP / "plugins/TEMPLATE/TEMPLATE.c"], check=True)
    checked = subprocess.run([culver.PREFIX / "bin/culveradm", "plugin", "check", so],
                             capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0
    assert "\tok\t" in checked.stdout
