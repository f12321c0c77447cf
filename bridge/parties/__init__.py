"""Who is on the telephone: legs dialled, followed and guarded, what they press and are played."""
