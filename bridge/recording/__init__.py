"""Recording of calls: stereo files that are whole at any moment, written beside the call.

recorder ── batches ──> recording ──> timeline ──> mute ──> file        of one call
recordings: the thread, the folder, retention                          of the service
"""
