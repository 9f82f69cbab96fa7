"""The softphone agent: registers a slice of softphones with SIP PBXes and reports what happens."""
