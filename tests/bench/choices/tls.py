"""What TLS costs by version and cipher."""

import functools

import uvloop

from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import agent, join_picows, talk

CONFIGURATION = """\
openssl_conf = all
[all]
ssl_conf = contexts
[contexts]
system_default = settings
[settings]
{settings}
"""
SETTINGS = {
    "TLS 1.3, AES-256-GCM (the default)": "Ciphersuites = TLS_AES_256_GCM_SHA384",
    "TLS 1.3, AES-128-GCM": "Ciphersuites = TLS_AES_128_GCM_SHA256",
    "TLS 1.3, ChaCha20-Poly1305": "Ciphersuites = TLS_CHACHA20_POLY1305_SHA256",
    "TLS 1.2, AES-128-GCM": ("MaxProtocol = TLSv1.2\nCipherString = ECDHE-ECDSA-AES128-GCM-SHA256"),
    "TLS 1.2, ChaCha20-Poly1305": (
        "MaxProtocol = TLSv1.2\nCipherString = ECDHE-ECDSA-CHACHA20-POLY1305"
    ),
}


def measured(settings: str) -> Figures:
    configuration = CONFIGURATION.format(settings=settings) if settings else ""
    with agent(tls=bool(settings), openssl=configuration) as (url, trust):
        return uvloop.run(talk(url, trust, join_picows))


CHOICE = Choice(
    title="TLS",
    text="""\
50 calls by picows on uvloop, messages of 20 ms both ways; the server, as Ultravox's would, picks
the version and the cipher. Read-ahead is no choice here: uvloop reads the socket and gives OpenSSL
memory, whatever records are in it.""",
    cases={
        **{name: functools.partial(measured, each) for name, each in SETTINGS.items()},
        "none": functools.partial(measured, ""),
    },
)

if __name__ == "__main__":
    CHOICE.main()
