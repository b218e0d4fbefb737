"""Roundcube, which PHP serves and Chromium shows: a person logs in, reads, searches,
moves, flags, deletes and writes, and what Culver then has is what was done.

The screenshots are in $CULVER_BUILD_DIR/screenshots, for whoever wants to look."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import time

import pytest

import culver
from test_clients import MAILS
from test_more_clients import subjects, wait_for

pytestmark = pytest.mark.slow       # with the packages of tools/packages full

ROUNDCUBE = pathlib.Path("/var/lib/roundcube/public_html")
SCHEMA = pathlib.Path("/usr/share/roundcube/SQL/sqlite.initial.sql")
DEFAULTS = pathlib.Path("/etc/roundcube/defaults.inc.php")
SCREENSHOTS = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", "build")) / "screenshots"

CONFIG = """\
<?php
$config = [
  'db_dsnw' => 'sqlite:///{path}/db.sqlite?mode=0600',
  'imap_host' => 'ssl://localhost:{port}',
  'imap_conn_options' => ['ssl' => ['cafile' => '{cert}', 'verify_peer' => true]],
  'imap_debug' => true,
  'log_driver' => 'file', 'log_dir' => '{path}/logs', 'temp_dir' => '{path}/temp',
  'des_key' => 'twenty-four-characters..',
  'language' => 'en_US', 'skin' => 'elastic', 'plugins' => [],
  'enable_spellcheck' => false, 'refresh_interval' => 3600, 'devel_mode' => false,
  'drafts_mbox' => 'Drafts', 'trash_mbox' => 'Trash', 'sent_mbox' => 'Sent',
  'preview_pane_mark_read' => 0,
];
"""

KOELN = "=?utf-8?b?R3LDvMOfZSBhdXMgS8O2bG4=?="
HTML = b"""\
From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>\r
To: alice@example.org\r
Subject: =?utf-8?b?R3LDvMOfZSBhdXMgS8O2bG4=?=\r
Date: Sun, 22 Nov 2026 10:09:00 +0000\r
Message-ID: <html@example.com>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=x\r
\r
--x\r
Content-Type: multipart/alternative; boundary=y\r
\r
--y\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
plain sch=C3=B6n\r
--y\r
Content-Type: text/html; charset=utf-8\r
\r
<p>It is <b id="bold">really bold</b> &amp; sch&ouml;n.</p>\r
--y--\r
--x\r
Content-Type: text/csv; name="figures.csv"\r
Content-Disposition: attachment; filename="figures.csv"\r
Content-Transfer-Encoding: base64\r
\r
YSxiDQoxLDINCg==\r
--x--\r
"""


def browser(tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--window-size=1280,900",
                     f"--user-data-dir={tmp_path}/chromium"):
        options.add_argument(argument)
    # a driver that has been given needs not to be looked for in the net
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


@contextlib.contextmanager
def php(tmp_path, server):
    """The address of a Roundcube for this server."""
    for name in ("config", "logs", "temp"):
        (tmp_path / name).mkdir()
    shutil.copy(DEFAULTS, tmp_path / "config")
    (tmp_path / "config" / "config.inc.php").write_text(CONFIG.format(
        path=tmp_path, port=server.imaps_port, cert=server.dir / "cert.pem"))
    database = sqlite3.connect(tmp_path / "db.sqlite")
    database.executescript(SCHEMA.read_text())
    database.close()
    port = culver.free_port()
    culver.release_port(port)       # PHP takes none that is held
    env = os.environ | {"ROUNDCUBE_CONFIG_DIR": str(tmp_path / "config"),
                        "PHP_CLI_SERVER_WORKERS": "4"}
    with open(tmp_path / "php.log", "w") as log:
        process = subprocess.Popen(["php", "-S", f"127.0.0.1:{port}", "-t", ROUNDCUBE],
                                   env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        def answers():
            assert process.poll() is None, (tmp_path / "php.log").read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
        wait_for(answers)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(process.pid, 15)  # and its workers
        process.wait(20)


class Person:
    """Sits before the browser."""

    def __init__(self, driver, address, tmp_path):
        self.driver, self.address, self.path = driver, address, tmp_path

    def find(self, css):
        return self.driver.find_elements("css selector", css)

    def see(self, css):
        """The first of these that can be seen, once one can."""
        found = []

        def visible():
            from selenium.common.exceptions import StaleElementReferenceException
            with contextlib.suppress(StaleElementReferenceException):
                found[:] = [e for e in self.find(css) if e.is_displayed()]
            return found
        wait_for(visible, 30, lambda: self.trouble(f"there is no {css}"))
        return found[0]

    def trouble(self, what):
        self.picture("trouble")
        logs = [p.read_text(errors="replace")[-3000:] for p in (self.path / "logs").iterdir()]
        return "\n".join([what, *logs])

    def picture(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(SCREENSHOTS / f"roundcube-{name}.png"))

    def listed(self):
        """Subjects in the list of messages, from above."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll('#messagelist tbody tr .subject a')]"
            # what has been moved away stays, unseen
            ".filter(a => a.offsetParent).map(a => a.textContent.trim())")

    def lists(self, *wanted):
        wait_for(lambda: self.listed() == list(wanted), 30,
                 lambda: self.trouble(f"{self.listed()} are listed, not {wanted}"))

    def row(self, subject):
        rows = [e for e in self.find("#messagelist tbody tr") if subject in e.text]
        assert len(rows) == 1, self.trouble(f"no message '{subject}'")
        return rows[0]

    def open(self, subject):
        """Shows it beside the list; buttons work when it is there."""
        self.row(subject).find_element("css selector", "span.subject").click()

        def shown():
            return self.driver.execute_script(
                "let f = document.querySelector('#messagecontframe'), d = f.contentDocument;"
                "return d.readyState == 'complete' && f.contentWindow.rcmail && !rcmail.busy &&"
                " d.querySelector('.subject') ? d.querySelector('.subject').textContent : ''")
        wait_for(lambda: subject in shown(), 30,
                 lambda: self.trouble(f"'{subject}' is not shown but '{shown()}'"))

    def folder(self, name):
        return [e for e in self.find("#mailboxlist li > a")
                if e.text.partition("\n")[0].strip() == name][0]

    def command(self, name, *arguments):
        """As a key or a button of Roundcube does."""
        self.driver.execute_script("rcmail.command(...arguments)", name, *arguments)


@pytest.fixture
def person(make_server, tmp_path):
    server = make_server()
    for mail in (*MAILS, HTML):
        server.deliver(mail)
    with php(tmp_path, server) as address:
        driver = browser(tmp_path)
        try:
            who = Person(driver, address, tmp_path)
            who.server = server
            yield who
        finally:
            driver.quit()


def log_in(person):
    person.driver.get(person.address)
    person.see("#rcmloginuser").send_keys("alice")
    person.see("#rcmloginpwd").send_keys("secret")
    person.see("#rcmloginsubmit").click()
    person.lists("Grüße aus Köln", "client test 2", "client test 1", "client test 0")


def read(person):
    person.open("Grüße aus Köln")
    person.driver.switch_to.frame(person.see("#messagecontframe"))
    assert person.see(".message-htmlpart b").text == "really bold"
    assert "figures.csv" in person.see("#attachment-list").text
    person.driver.switch_to.default_content()
    person.picture("message")
    wait_for(lambda: subjects(person.server, "INBOX")[KOELN] == {"\\Seen"})


def search(person):
    box = person.see("#mailsearchform")
    box.send_keys("test 1\n")
    person.lists("client test 1")
    person.picture("search")
    # in texts, too, and with a letter that is none of ASCII
    person.command("reset-search")
    person.lists("Grüße aus Köln", "client test 2", "client test 1", "client test 0")
    person.driver.execute_script("rcmail.env.search_mods = {'*': {'text': 1}};"
                                 "rcmail.env.search_scope = 'base'")
    box.send_keys("SCHÖN\n")
    person.lists("Grüße aus Köln")
    person.command("reset-search")
    person.lists("Grüße aus Köln", "client test 2", "client test 1", "client test 0")


def make_folder_and_move(person):
    from selenium.webdriver import ActionChains
    client = person.server.imap()
    assert client.create("Wichtig")[0] == "OK"
    client.subscribe("Wichtig")
    client.logout()
    person.driver.get(person.address + "?_task=mail")
    person.lists("Grüße aus Köln", "client test 2", "client test 1", "client test 0")
    row = person.row("client test 1").find_element("css selector", "span.subject")
    target = person.folder("Wichtig")
    actions = ActionChains(person.driver).click_and_hold(row).move_by_offset(8, 8)
    actions.move_to_element(target).move_by_offset(2, 2).release().perform()
    person.lists("Grüße aus Köln", "client test 2", "client test 0")
    wait_for(lambda: set(subjects(person.server, "Wichtig")) == {"client test 1"})
    assert "client test 1" not in subjects(person.server, "INBOX")


def flag(person):
    person.open("client test 2")
    person.command("mark", "flagged")
    wait_for(lambda: "\\Flagged" in subjects(person.server, "INBOX")["client test 2"])


def delete(person):
    person.open("client test 0")
    person.see("#toolbar-menu a.delete:not(.disabled)").click()
    person.lists("Grüße aus Köln", "client test 2")
    wait_for(lambda: set(subjects(person.server, "Trash")) == {"client test 0"})
    # from there it goes for good
    person.folder("Trash").click()
    person.lists("client test 0")
    person.open("client test 0")
    person.command("delete")
    person.lists()
    wait_for(lambda: subjects(person.server, "Trash") == {})


def hear_of_new_mail(person):
    person.folder("Inbox").click()
    person.lists("Grüße aus Köln", "client test 2")
    person.server.deliver(MAILS[0].replace(b"client test 0", b"brand new")
                          .replace(b"10:00:00", b"10:30:00"))
    person.command("checkmail")
    person.lists("brand new", "Grüße aus Köln", "client test 2")


def write_a_draft(person):
    person.driver.get(person.address + "?_task=mail&_action=compose")
    person.see("#compose-subject").send_keys("written here")
    person.see("#composebody").send_keys("a line of text")
    person.command("savedraft")
    wait_for(lambda: set(subjects(person.server, "Drafts")) == {"written here"},
             what=lambda: person.trouble("no draft was saved"))
    assert "\\Seen" in subjects(person.server, "Drafts")["written here"]


def test_a_person_at_work(person):
    log_in(person)
    read(person)
    search(person)
    make_folder_and_move(person)
    flag(person)
    delete(person)
    hear_of_new_mail(person)
    person.picture("list")
    write_a_draft(person)
    said = (person.path / "logs" / "imap.log").read_text(errors="replace")
    assert re.search(r"S: A\d+ OK", said)
    assert not re.findall(r"S: (?:A\d+|\*) (?:BAD|NO|BYE (?!Log)).*", said)
    assert not re.search(r"(?m)(Error|Panic|Warning):.*$", person.server.log)
