"""Where the name of a PBX leads."""
