from pathlib import Path

from tests.bench.signalling import read_finals, read_setups

LOG = """\
2026-11-22\t07:00:00.000000\t100.000000\tS\t1@host\tCSeq:1 INVITE\tINVITE sip:bench@host SIP/2.0
2026-11-22\t07:00:00.500000\t100.500000\tS\t1@host\tCSeq:1 INVITE\tINVITE sip:bench@host SIP/2.0
2026-11-22\t07:00:00.501000\t100.501000\tR\t1@host\tCSeq:1 INVITE\tSIP/2.0 180 Ringing
2026-11-22\t07:00:00.510000\t100.510000\tS\t2@host\tCSeq:1 INVITE\tINVITE sip:bench@host SIP/2.0
2026-11-22\t07:00:00.520000\t100.520000\tR\t2@host\tCSeq:1 INVITE\tSIP/2.0 503 Service Unavailable
2026-11-22\t07:00:00.750000\t100.750000\tR\t1@host\tCSeq:1 INVITE\tSIP/2.0 200 OK
2026-11-22\t07:00:00.760000\t100.760000\tR\t1@host\tCSeq:1 INVITE\tSIP/2.0 200 OK
2026-11-22\t07:00:00.770000\t100.770000\tS\t1@host\tCSeq:1 ACK\tACK sip:bench@host SIP/2.0
2026-11-22\t07:00:01.000000\t101.000000\tR\t1@host\tCSeq:2 BYE\tSIP/2.0 200 OK
"""


def test_a_setup_lasts_from_the_first_invite_to_the_first_200(tmp_path: Path) -> None:
    log = tmp_path / "messages.csv"
    log.write_text(LOG)
    setups, answered_at = read_setups(log)
    assert setups == [0.75]
    assert answered_at == [0.75]


def test_the_first_final_answer_to_each_call_counts(tmp_path: Path) -> None:
    log = tmp_path / "messages.csv"
    log.write_text(LOG)
    finals = [(status, round(after, 3)) for status, after in read_finals(log)]
    assert finals == [("503", 0.01), ("200", 0.75)]
