"""PJSIP: the only package that imports pjsua2."""

from sip.pjsua.build import PjsipVersion, version
from sip.pjsua.stack import PjsuaStack

__all__ = ["PjsipVersion", "PjsuaStack", "version"]
