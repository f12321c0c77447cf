"""Calls, their legs and their agents as the journal, the control API and webhooks show them."""
