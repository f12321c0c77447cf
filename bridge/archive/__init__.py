"""Calls in SQLite: written by the journal's thread, found again by the API and the command line."""

from bridge.archive.archive import Archive, ArchiveError
from bridge.archive.inquiry import BadInquiry, Inquiry
from bridge.archive.past_calls import NoDatabase, PastCalls
from bridge.archive.reader import Page, Reader

__all__ = [
    "Archive",
    "ArchiveError",
    "BadInquiry",
    "Inquiry",
    "NoDatabase",
    "Page",
    "PastCalls",
    "Reader",
]
