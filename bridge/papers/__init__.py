"""What is written of calls, and the thread that writes it."""
