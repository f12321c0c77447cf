import ssl
import time
from pathlib import Path

import pytest

from bridge.commands.certificates import CertificateError, inspect, reason
from tests.support.certificates import self_signed


def test_a_certificate_that_holds_tells_when_it_ends(tmp_path: Path) -> None:
    files = self_signed(tmp_path, ends_days=30)
    days = (inspect(files.certificate, files.private_key).expires - time.time()) / 86_400
    assert 29.9 < days < 30.1


def test_an_expired_certificate_is_refused_by_name(tmp_path: Path) -> None:
    files = self_signed(tmp_path, begins_days=-2, ends_days=-1)
    with pytest.raises(CertificateError, match="certificate refused: certificate has expired"):
        inspect(files.certificate, files.private_key)


def test_a_certificate_of_tomorrow_is_refused_by_name(tmp_path: Path) -> None:
    files = self_signed(tmp_path, begins_days=1)
    with pytest.raises(CertificateError, match="not yet valid"):
        inspect(files.certificate, files.private_key)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, other = self_signed(tmp_path, name="one"), self_signed(tmp_path, name="other")
    with pytest.raises(CertificateError, match="TLS: key values mismatch"):
        inspect(one.certificate, other.private_key)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    files.certificate.write_text("not PEM")
    with pytest.raises(CertificateError, match="TLS: "):
        inspect(files.certificate, files.private_key)


def test_a_file_that_vanished_is_refused(tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    files.private_key.unlink()
    with pytest.raises(CertificateError, match="No such file"):
        inspect(files.certificate, files.private_key)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError("Multiple exceptions"), "Multiple exceptions"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong (_ssl.c:1006)"), "TLS: "),
    ],
)
def test_a_reason_is_never_empty(error: OSError, says: str) -> None:
    assert says in reason(error)
