"""The operator: turns PBX and Softphone objects into agents and their reports into status."""
