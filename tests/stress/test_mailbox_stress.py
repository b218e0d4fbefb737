"""Sixteen processes on one account, doing everything at random, against a model
(mailbox-stress.c, mailbox_model.py).

A failure prints the seed; CULVER_SEED repeats it as far as processes can be
made to do the same again."""
import os
import pathlib
import random
import subprocess

import pytest

import mailbox_model

BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", "."))
TOP = pathlib.Path(os.environ.get("CULVER_TOP", pathlib.Path(__file__).parents[2]))
SEED = int(os.environ.get("CULVER_SEED", random.randrange(1 << 32)))
# what another process may change besides messages
KINDS = [("memory", "folders"), ("sdbox", "folders"), ("mdbox", "folders"),
         ("maildir", "folders"), ("mbox", "folders")]


@pytest.fixture(scope="module")
def program():
    subprocess.run(["make", "-s", "tests/stress/mailbox-stress"], cwd=BUILD, check=True,
                   timeout=600)
    return BUILD / "tests/stress/mailbox-stress"


def run(program, folder, kind, what, seconds):
    result = subprocess.run([program, kind, folder, "16", str(seconds), str(SEED), what],
                            capture_output=True, text=True, timeout=seconds * 3 + 120)
    assert result.returncode == 0, f"seed {SEED}: {result.stderr[-4000:]}"
    assert "Error:" not in result.stderr, f"seed {SEED}: {result.stderr[-4000:]}"
    wrong, errors, done = mailbox_model.check(folder, TOP)
    assert not wrong, f"seed {SEED}:\n" + "\n".join(wrong)
    # refused was only what was gone, or there already
    for (operation, status, text), _ in errors.items():
        assert status in (-10, -11), f"seed {SEED}: {operation}: {status} {text}"
    assert done["save"] and done["store"] and done["annotate"] and done["expunge"] and done["move"]
    assert what != "folders" or (done["rename"] and done["delete"])


@pytest.mark.parametrize("kind,what", KINDS)
def test_sixteen_processes_agree_with_the_model(program, tmp_path, kind, what):
    run(program, tmp_path, kind, what, 5)


@pytest.mark.slow
@pytest.mark.parametrize("kind,what", KINDS)
def test_sixteen_processes_for_minutes(program, tmp_path, kind, what):
    run(program, tmp_path, kind, what, 180)


def test_the_model_sees_what_is_wrong():
    """It can fail: a UID given twice, a lost message, another text."""
    model = mailbox_model.Model(*mailbox_model.flag_bits(TOP))
    model.did_save(1, "INBOX", "7", "1", "m0.1", "0", "-", "-")
    with pytest.raises(mailbox_model.Wrong):
        model.did_save(2, "INBOX", "7", "1", "m0.2", "0", "-", "-")
    with pytest.raises(mailbox_model.Wrong):
        model.saw_view(2, "7", "0", "0")
    with pytest.raises(mailbox_model.Wrong):
        model.saw_message(2, "7", "1", "m0.3")
    with pytest.raises(mailbox_model.Wrong):
        model.compare(["folder INBOX 7 2 1", "message 1 0 - 2 m0.1 -"])
    model.compare(["folder INBOX 7 2 1", "message 1 0 - 1 m0.1 -"])
    model.did_annotate(2, "7", "1", "-/comment=x,+/comment", "0")
    with pytest.raises(mailbox_model.Wrong):
        model.compare(["folder INBOX 7 2 1", "message 1 0 - 2 m0.1 +/comment=x"])
    model.compare(["folder INBOX 7 2 1", "message 1 0 - 2 m0.1 -/comment=x"])
