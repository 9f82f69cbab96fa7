"""The commands that talk to a cluster: they read, hand on to what is pure, and show what comes out."""
