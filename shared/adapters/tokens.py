"""Tokens from the machine's own randomness."""

import secrets


class RandomTokens:
    """Tokens: 128 random bits each."""

    def fresh(self) -> str:
        return secrets.token_hex(16)
