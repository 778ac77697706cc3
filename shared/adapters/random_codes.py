"""One-time codes from the machine's own randomness."""

import secrets


class RandomCodes:
    """Codes: each of the million with the same chance."""

    def fresh(self) -> str:
        return f"{secrets.randbelow(1_000_000):06d}"
