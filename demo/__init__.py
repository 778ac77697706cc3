"""The demo: a seeded portfolio and its borrowers live through 120 days on a local AWS, then the picture."""
