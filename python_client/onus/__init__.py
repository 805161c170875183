"""Onus: settlement and slashing for verifiable AI inference."""
