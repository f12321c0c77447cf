"""Throw-away TLS certificates: self-signed, valid for any span a test wants."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["PemFiles", "issued", "self_signed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PemFiles:
    """A certificate, which is its own authority, and its key."""

    certificate: Path
    private_key: Path


def self_signed(
    folder: Path,
    *,
    name: str = "localhost",
    address: str = "127.0.0.1",
    begins_days: float = -1,
    ends_days: float = 90,
) -> PemFiles:
    """Write a certificate for `name` and `address`; its span is counted in days from now."""
    return issued(
        folder, None, name=name, address=address, begins_days=begins_days, ends_days=ends_days
    )


def issued(
    folder: Path,
    authority: PemFiles | None,
    *,
    name: str,
    address: str = "127.0.0.1",
    begins_days: float = -1,
    ends_days: float = 90,
) -> PemFiles:
    """Write a certificate for `name` and `address` that `authority` signs, or that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = key
    if authority is not None:
        issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes()).subject
        loaded = serialization.load_pem_private_key(authority.private_key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(address))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins_days))
        .not_valid_after(now + datetime.timedelta(days=ends_days))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    files = PemFiles(certificate=folder / f"{name}.pem", private_key=folder / f"{name}.key.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.private_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
