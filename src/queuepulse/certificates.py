"""The server's certificate: an own one read and checked, or a development one made once and kept.

What is checked here is what the TLS library would end the program over. No clock lives here.
"""

import ipaddress
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEVELOPMENT_FILE: Final = "development.pem"
"""Certificate and private key, in the data folder, of a server that was given none."""
DEVELOPMENT_DAYS: Final = 3_650
"""A development certificate is pinned by its fingerprint; one that ends would only be made again."""
_RSA_BITS: Final = range(2_048, 4_096 + 1)
"""Below, OpenSSL refuses; above, the TLS library does, and ends the program."""


class CertificateRefused(Exception):
    """A certificate or key cannot be used; `str()` tells a person why and what to do."""


class Certificate(NamedTuple):
    """A checked pair of PEM files, which may be one file.

    `fingerprint` is the SHA-256 of the certificate, as `openssl x509 -fingerprint` writes it.
    `expires_at_ms` is when it ends (epoch ms).
    """

    certificate: Path
    private_key: Path
    fingerprint: str
    expires_at_ms: int


def read_certificate(certificate: Path, private_key: Path, section: str = "server") -> Certificate:
    """Check a pair of files, named in this section of the settings. Raises CertificateRefused."""
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        _require_usable(private_key, private_key.read_bytes())
        # Whether key and certificate belong together.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or str(error)
        raise CertificateRefused(
            f"The certificate {certificate} with the private key {private_key} cannot be used: {reason}. "
            f"Check {section}.certificate and {section}.private_key, and who may read the files."
        ) from error
    except ValueError as error:
        raise CertificateRefused(
            f"{certificate} holds no certificate that can be read ({error}). It must be in PEM form, "
            "the server's own certificate first, then those that signed it."
        ) from error
    return Certificate(
        certificate,
        private_key,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(":").upper(),
        expires_at_ms=int(leaf.not_valid_after_utc.timestamp() * 1000),
    )


def check_authorities(file: Path) -> Path:
    """A file of certificates that others' are checked by. Raises CertificateRefused."""
    try:
        x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        raise CertificateRefused(f"The certificates {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CertificateRefused(
            f"{file} holds no certificates that can be read ({error}). They must be in PEM form."
        ) from error
    return file


def development_certificate(folder: Path, now_ms: int) -> Certificate:
    """The data folder's own certificate, made on first use, its key readable by its owner alone.

    It is signed by itself and names this machine and the loopback. Raises CertificateRefused.
    """
    file = folder / DEVELOPMENT_FILE
    try:
        if not file.exists():
            _make(file, now_ms)
    except OSError as error:
        raise CertificateRefused(f"{file} cannot be written: {error.strerror}.") from error
    return read_certificate(file, file)


def _require_usable(file: Path, pem: bytes) -> None:
    """Raise CertificateRefused unless the TLS library can sign with this key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise CertificateRefused(
            f"The private key {file} is protected by a password, which a server cannot be asked for. "
            "Write it without one (openssl pkey -in KEY -out NEW), readable by the server's user alone."
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateRefused(f"{file} holds no private key in PEM form ({error}).") from error
    usable = (
        (isinstance(key, rsa.RSAPrivateKey) and key.key_size in _RSA_BITS)
        or (
            isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
        )
        or isinstance(key, ed25519.Ed25519PrivateKey)
    )
    if not usable:
        raise CertificateRefused(
            f"The private key {file} is of a kind that is not served. Use RSA of {_RSA_BITS[0]:,} to "
            f"{_RSA_BITS[-1]:,} bits, an elliptic curve key on P-256 or P-384, or Ed25519."
        )


def _make(file: Path, now_ms: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "QueuePulse development")])
    # An hour back, for clients whose clocks are a little behind.
    begins = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(hours=1)
    machine = socket.gethostname()
    names: list[x509.GeneralName] = [
        *(x509.DNSName(text) for text in dict.fromkeys(("localhost", machine)) if text and text.isascii()),
        *(x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=DEVELOPMENT_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    # One file, put in place by one rename: after a crash there is a pair, or none.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(certificate.public_bytes(Encoding.PEM) + private)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
