"""The shipped configuration: every file loads, and what is commented out is
the default."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", TOP))
CONF = TOP / "conf"
FILES = sorted(p.name for p in (CONF / "conf.d").glob("*.conf"))
PARTS = sorted(p.name for p in (CONF / "conf.d").glob("*.ext"))

pytestmark = pytest.mark.skipif(not (BUILD / "culverconf").exists(),
                                reason="culverconf is not built")


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """The built plugins, as they will be installed."""
    folder = tmp_path_factory.mktemp("plugins")
    folder.chmod(0o755)
    for so in BUILD.glob("plugins/*/.libs/*.so"):
        shutil.copy(so, folder / so.name)
        (folder / so.name).chmod(0o755)
    return folder


@pytest.fixture
def conf(tmp_path):
    shutil.copytree(CONF, tmp_path / "conf")
    return tmp_path / "conf"


def culverconf(plugins, path, *args):
    return subprocess.run(
        [BUILD / "culverconf", "-c", str(path), "-o",
         f"mail_plugin_dir={plugins}", "-o", "plugin_on_error=skip", *args],
        capture_output=True, text=True, timeout=60)


def load(plugins, path):
    result = culverconf(plugins, path, "-a", "-P")
    assert result.returncode == 0, result.stderr
    for line in result.stderr.splitlines():
        # a plugin that was not built here is the only excuse
        missing = re.search(r"Warning: .*cannot load '([^']+)': there is no "
                            r"file", line)
        assert missing, line
        assert not (plugins / f"{missing.group(1)}.so").exists()
    return [line for line in result.stdout.splitlines()
            if not line.startswith("#")]


def test_all_together(plugins, conf):
    lines = load(plugins, conf / "culver.conf")
    assert "protocols = imap lmtp" in lines
    # a user who has no mail yet must be able to log in
    assert "mail_location = maildir:~/Maildir" in lines
    assert "  mailbox \"Sent Messages\" {" in lines


@pytest.mark.parametrize("name", FILES)
def test_each_file_alone(plugins, conf, name):
    main = conf / "alone.conf"
    # 10-mail.conf makes the namespace to which 15-mailboxes.conf adds
    inbox = "namespace inbox {\n  inbox = yes\n}\n"
    main.write_text(f"protocols = imap lmtp\n{inbox}!include conf.d/{name}\n")
    load(plugins, main)


@pytest.mark.parametrize("name", PARTS)
def test_each_optional_part(plugins, conf, name):
    auth = conf / "conf.d" / "10-auth.conf"
    text = auth.read_text()
    if name != "auth-system.conf.ext":
        assert f"# !include {name}" in text
        auth.write_text(text.replace(f"# !include {name}", f"!include {name}"))
    part = conf / "conf.d" / name
    # the files of users that it names are for the admin to write
    for path in set(re.findall(r"^ *args = .*(/etc/culver/\S+)", part.read_text(), re.M)):
        (conf / pathlib.Path(path).name).write_text(
            "driver = sqlite\nconnect = /users.db\n" if re.search(r"-sql\.|route", path) else
            "uris = ldap://127.0.0.1\nbase = dc=x\n" if "-ldap." in path else
            "tokeninfo_url = https://id.example.com/?t=\n" if "-oauth2." in path else "")
        part.write_text(part.read_text().replace(path, str(conf / pathlib.Path(path).name)))
    load(plugins, conf / "culver.conf")
    driver = re.search(r"(?m)^ +driver = (\S+)", (conf / "conf.d" / name).read_text())
    shown = culverconf(plugins, conf / "culver.conf", "-n").stdout
    assert f"driver = {driver.group(1)}" in shown


@pytest.mark.parametrize("name", ["culver.conf"] + [f"conf.d/{n}"
                                                    for n in FILES])
def test_commented_lines_are_the_defaults(plugins, conf, name):
    before = load(plugins, conf / "culver.conf")
    path = conf / name
    text, count = re.subn(r"(?m)^(\s*)#(?=[a-z_]+ =)", r"\1",
                          path.read_text())
    path.write_text(text)
    assert load(plugins, conf / "culver.conf") == before
    assert count > 0 or name.endswith("15-mailboxes.conf")


@pytest.mark.parametrize("name", ["culver.conf"] + [f"conf.d/{n}"
                                                    for n in FILES])
def test_blocks_in_comments_load_too(plugins, conf, tmp_path, name):
    """Examples inside of blocks, "# name {" to "# }", are right as well."""
    path = conf / name
    out, inside = [], 0
    for line in path.read_text().splitlines():
        body = line.strip()
        example = re.match(r"^#\s+(\S.*)$", body)
        if example and (example.group(1).endswith(" {") or inside):
            inside += example.group(1).endswith(" {")
            inside -= example.group(1) == "}"
            line = example.group(1)
        out.append(line)
    assert inside == 0
    pem = tmp_path / "x.pem"
    pem.write_text("pem\n")
    text = re.sub(r"</etc/culver/tls/\S+", f"<{pem}", "\n".join(out) + "\n")
    path.write_text(text)
    load(plugins, conf / "culver.conf")


def test_the_manual_lists_what_is_declared():
    """make update-man has been run after the last change of a table."""
    manual = TOP / "doc" / "man" / "culver.conf.5"
    declared = subprocess.run([BUILD / "core/settings/settings-manual"],
                              capture_output=True, text=True, check=True)
    assert len(declared.stdout) > 10000
    page = manual.read_text()
    assert page == (manual.with_name("culver.conf.5.head").read_text() +
                    declared.stdout +
                    manual.with_name("culver.conf.5.tail").read_text())


def test_the_manual_of_plugins_lists_what_they_declare():
    """As above; a plugin without settings is in it no more than the example."""
    plugins = sorted(p for p in (BUILD / "plugins").glob("*/.libs/*.so"))
    made = subprocess.run([TOP / "tools/plugin-manual", BUILD / "culveradm", *plugins],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    page = (TOP / "doc/man/culver-plugins.5").read_text()
    if len(plugins) < 17:
        pytest.skip("not all plugins are built")
    assert page == made.stdout
    assert all(f".It Ic {name} " in page for name in ("zlib_save", "zlib_save_level", "quota_rule"))


PLUGIN_KEYS = """\
plugin {
  zlib_save = zstd
  zlib_sav_level = 3
  quota_ruel = *:storage=1G
  fts_autoindex = yes
  sieve_before2 = /etc/sieve
  mail_max_lock_timeout = 3
  frobnicate = 7
}
"""


def test_what_no_plugin_declares_is_told_with_its_line_and_goes_on(plugins, tmp_path):
    path = tmp_path / "plugin.conf"
    path.write_text("mail_plugins = compress quota\n" + PLUGIN_KEYS)
    result = culverconf(plugins, path, "-n")
    said = {int(m[1]): m[2] for m in re.finditer(r"warning: \S+?plugin\.conf:(\d+): (.*)", result.stderr, re.I)}
    assert result.returncode == 0, result.stderr
    assert "zlib_save_level" in said[4] and "did you mean" in said[4]
    assert "quota_rule" in said[5] and "did you mean" in said[5]
    assert "Dovecot's plugin fts" in said[6] and "no effect" in said[6]
    assert "Dovecot's plugin sieve" in said[7]
    assert "outside" in said[8]
    assert "'frobnicate'" in said[9] and "no effect" in said[9]
    assert sorted(said) == [4, 5, 6, 7, 8, 9]


def test_the_unit_names_the_programs():
    text = (BUILD / "conf" / "culver.service").read_text()
    assert "@" not in text
    assert re.search("^ExecStart=/.*/culverd -F$", text, re.M)
    assert re.search("^ExecReload=/.*/culveradm reload$", text, re.M)
