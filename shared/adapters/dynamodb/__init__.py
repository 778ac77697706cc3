"""The book in DynamoDB, mapped by hand over one low-level client: on a worker's path, mapping is most of the cost."""
