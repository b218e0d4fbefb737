"""Random command sequences to Culver and to Debian's Dovecot, on copies of the
same Maildirs: nothing may differ but what differences.txt lists.

tools/test runs SAMPLE sequences, tools/test --full ALL of them, and then a row
of differences.txt that matched nothing fails.  One sequence by hand:
imap_compare.py -v SEED SEED."""
import pytest

import dovecot
import imap_answers
import imap_compare
import imap_sequences

SAMPLE, ALL = 150, 10000


def compared(seeds):
    with imap_compare.Pair(seeds) as pair:
        for seed in seeds:
            pair.compare(seed)
            # each has its reason; there is no use in thousands
            if len(pair.unlisted) > 50:
                break
    pair.report()
    wrong = [f"seed {seed}: {line[:1500]}\n  after " + "\n        ".join(history[-6:])
             for seed, line, history in pair.unlisted]
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:20])
    assert pair.sequences == len(seeds)
    return pair


@pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")
def test_a_sample_of_sequences():
    pair = compared(range(SAMPLE))
    assert pair.commands > SAMPLE * 8
    # it is about commands that both know, not about refusals
    assert len(pair.verbs) > 30


@pytest.mark.slow
@pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")
def test_all_sequences():
    pair = compared(range(ALL))
    unused = [row.pattern for row in pair.differences if row.used == 0]
    assert not unused, "rows that match nothing:\n" + "\n".join(unused)


def test_sequences_are_the_same_for_the_same_seed():
    def play(seed):
        steps = imap_sequences.sequence(seed)
        state, out = None, []
        try:
            while True:
                out.append(steps.send(state))
                state = [(10, True)] * 2
        except StopIteration:
            return out

    assert play(7) == play(7) and play(7) != play(8)
    assert all(7 < len(play(seed)) < 40 for seed in range(200))


class Known:
    """As much of a Link as an Answer needs."""

    def __init__(self, exists):
        self.exists, self.ordered, self.refs = exists, False, False
        self.keywords, self.validity, self.selecting = set(), {}, None


def said(exists, *lines):
    answer = imap_answers.Answer(Known(exists))
    for line in lines[:-1]:
        answer.untagged(line)
    answer.tagged(lines[-1])
    return answer.said


def test_what_is_the_same_compares_as_the_same():
    done = b"OK done\r\n"
    assert said(5, b"* 3 EXPUNGE\r\n", b"* 3 EXPUNGE\r\n", done) == \
        said(5, b"* 4 EXPUNGE\r\n", b"* 3 EXPUNGE\r\n", done)
    assert said(5, b'* 2 FETCH (UID 2 FLAGS (\\Seen a))\r\n', done) == \
        said(5, b'* 2 FETCH (FLAGS (A \\Seen \\Recent))\r\n', b"* 2 FETCH (UID 2)\r\n", done)
    assert said(5, b"* SEARCH 2 1\r\n", done) == said(5, b"* SEARCH 1 2\r\n", done)
    assert said(5, b"* ESEARCH (TAG \"x\") UID ALL 1:3\r\n", done) == \
        said(5, b"* ESEARCH (TAG \"y\") UID ALL 1,2,3\r\n", done)


def test_what_differs_is_seen():
    done = b"OK done\r\n"
    assert said(5, b"* 3 EXPUNGE\r\n", b"* 3 EXPUNGE\r\n", done) != \
        said(5, b"* 3 EXPUNGE\r\n", b"* 4 EXPUNGE\r\n", done)
    assert said(5, b"* SORT 2 1\r\n", done) != said(5, b"* SORT 1 2\r\n", done)
    # a keyword that FLAGS has not told
    assert "unannounced" in said(5, b"* 1 FETCH (FLAGS (word))\r\n", done)
    assert "unknown number" in said(1, b"* 2 FETCH (UID 2)\r\n", done)
    found = imap_answers.differences({"fetch": {1: {"UID": b"1"}}}, {"fetch": {}})
    assert list(found) == [(("fetch", 1, "UID"), b"1", None)]
