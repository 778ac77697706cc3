"""The payment stub: a gateway that behaves like one, deployed only with `WithStub=on`."""
