"""SAVEDATE [RFC8514] and WITHIN [RFC5032]: when messages came, to the day and to the second."""
import datetime
import re
import time

from test_imap_session import MESSAGE, box, wire  # noqa: F401


def day(offset=0):
    return (datetime.date.today() + datetime.timedelta(days=offset)).strftime("%-d-%b-%Y")


def test_savedate_is_of_this_mailbox(box):  # noqa: F811
    assert " SAVEDATE " in box.do("CAPABILITY")[0]
    box.append(MESSAGE, box.name, '"17-Jul-1996 02:44:25 -0700" ')
    line = box.do("FETCH 4 (SAVEDATE INTERNALDATE)")[0]
    saved = re.search(r'SAVEDATE "([^"]+)"', line).group(1)
    assert "INTERNALDATE \"17-Jul-1996" in line
    when = datetime.datetime.strptime(saved.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
    assert abs(when - time.time()) < 60
    time.sleep(1.1)
    box.do(f"CREATE {box.name}-to")
    box.do(f"COPY 4 {box.name}-to")
    box.do(f"SELECT {box.name}-to")
    copied = re.search(r'SAVEDATE "([^"]+)"', box.do("FETCH 1 SAVEDATE")[0]).group(1)
    # [RFC8514 3] it is reset when a message is copied
    assert copied != saved


def test_search_by_it(box):  # noqa: F811
    box.append(MESSAGE, box.name, '"17-Jul-1996 02:44:25 -0700" ')
    everything, nothing = "* SEARCH 1 2 3 4", "* SEARCH"
    for key, found in (("SAVEDATESUPPORTED", everything), (f"SAVEDBEFORE {day()}", nothing),
                       (f"SAVEDBEFORE {day(1)}", everything), (f"SAVEDON {day()}", everything),
                       (f"SAVEDON {day(-1)}", nothing), (f"SAVEDSINCE {day()}", everything),
                       (f"SAVEDSINCE {day(1)}", nothing), (f"SINCE {day()}", "* SEARCH 1 2 3"),
                       ("SAVEDON 17-Jul-1996", nothing), ("ON 17-Jul-1996", "* SEARCH 4")):
        assert box.do(f"SEARCH {key}")[0] == found, key
    for wrong in ("SAVEDON", "SAVEDON x", "SAVEDBEFORE 32-Foo-2000"):
        assert " BAD " in box.do(f"SEARCH {wrong}")[-1]


def test_within(box):  # noqa: F811
    assert " WITHIN " in box.do("CAPABILITY")[0]

    def ago(seconds):
        return time.strftime('"%d-%b-%Y %H:%M:%S +0000" ', time.gmtime(time.time() - seconds))

    box.append(MESSAGE, box.name, ago(1000))
    box.append(MESSAGE, box.name, ago(100000))
    assert box.do("SEARCH YOUNGER 500")[0] == "* SEARCH 1 2 3"
    assert box.do("SEARCH OLDER 500")[0] == "* SEARCH 4 5"
    assert box.do("SEARCH YOUNGER 5000 OLDER 500")[0] == "* SEARCH 4"
    assert box.do("SEARCH NOT YOUNGER 5000")[0] == "* SEARCH 5"
    assert box.do("SEARCH OLDER 4294967295")[0] == "* SEARCH"
    # [RFC5032 4] nz-number
    for wrong in ("OLDER", "OLDER 0", "YOUNGER -5", "YOUNGER 4294967296", "OLDER 1d"):
        assert " BAD " in box.do(f"SEARCH {wrong}")[-1]
