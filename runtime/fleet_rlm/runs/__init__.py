"""One execution of a runner: what it is made of, how it is told of, how it ends."""
