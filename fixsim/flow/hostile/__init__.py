"""Participants that live off others: they see what is public, react within a time, and keep accounts."""
