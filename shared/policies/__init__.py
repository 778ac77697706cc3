"""Policy packs as TOML: the rules of the lender, of its products, and the wording of messages."""
