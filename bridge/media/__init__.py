"""Audio between parties and agents: who hears whom, and what is mixed or played."""
