"""Planning: pure functions from a declaration and a request to a frozen plan. Nothing here meets a tensor."""
